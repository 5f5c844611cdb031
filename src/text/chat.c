// SPDX-License-Identifier: MIT
/* Chat formats. What each family writes was read off the templates that the models ship with; the
   dates of Llama 3.1 and later are those that its template falls back to, so that equal turns give
   equal prompts on any day. */
#include "text_priv.h"

#include <stdlib.h>
#include <string.h>

#define DATES "Cutting Knowledge Date: December 2023\nToday Date: 26 Jul 2024\n\n"

static const char *const names[] = {
#define X(name, text) text,
    SU_TEXT_CHATS(X)
#undef X
};

const char *su_text_chat_name(enum su_text_chat_family f)
{
    return (size_t)f < SU_ARRAY_LEN(names) ? names[f] : "?";
}

/* ---- recognition ----------------------------------------------------------------------------- */

static bool has(const char *jinja, const char *mark)
{
    return strstr(jinja, mark) != NULL;
}

static bool mistral_of(const char *jinja, struct su_text_chat *c)
{
    if (has(jinja, "[SYSTEM_PROMPT]")) {
        c->family = SU_TEXT_CHAT_MISTRAL_V7;
        c->spaced = has(jinja, "[SYSTEM_PROMPT] ");
    } else if (has(jinja, "[AVAILABLE_TOOLS]") || has(jinja, "' [INST] ' + system_message")) {
        c->family = has(jinja, " [INST]")      ? SU_TEXT_CHAT_MISTRAL_V1
                    : has(jinja, "\"[INST]\"") ? SU_TEXT_CHAT_MISTRAL_TEKKEN
                                               : SU_TEXT_CHAT_MISTRAL_V3;
        c->late = has(jinja, "loop.last and system_message");
    } else {
        c->family = SU_TEXT_CHAT_LLAMA2;
        c->tagged = has(jinja, "<<SYS>>");
        c->rounds = has(jinja, "bos_token + '[INST]");
        c->stripped = has(jinja, "content.strip()");
    }
    return true;
}

/* True when one of the families' sets of marks is there. */
static bool family_of(const char *jinja, struct su_text_chat *c)
{
    if (has(jinja, "<|im_start|>")) {
        c->family = SU_TEXT_CHAT_CHATML;
        (void)su_str_copy(c->eos, sizeof c->eos, "<|im_end|>");
        return !has(jinja, "<|im_sep|>") && !has(jinja, "<end_of_utterance>");
    }
    if (has(jinja, "<|start_header_id|>") && has(jinja, "<|eot_id|>")) {
        c->family = SU_TEXT_CHAT_LLAMA3;
        c->dated = has(jinja, "Cutting Knowledge Date");
        (void)su_str_copy(c->eos, sizeof c->eos, "<|eot_id|>");
        return true;
    }
    if (has(jinja, "<start_of_turn>")) {
        c->family = SU_TEXT_CHAT_GEMMA;
        (void)su_str_copy(c->eos, sizeof c->eos, "<end_of_turn>");
        return true;
    }
    (void)su_str_copy(c->eos, sizeof c->eos,
                      has(jinja, "<|endoftext|>") ? "<|endoftext|>" : "</s>");
    if (has(jinja, "[INST]"))
        return mistral_of(jinja, c);
    c->family = SU_TEXT_CHAT_ZEPHYR;
    return has(jinja, "<|user|>") && has(jinja, "<|assistant|>") && !has(jinja, "<|end|>") &&
           !has(jinja, "[gMASK]");
}

/* Reads a literal of the template up to `end` into out; false where it is no literal: where a
   quote or a brace shows that the text goes on as an expression. *fits: it fitted. */
static bool read_literal(const char *s, const char *end, char *out, size_t cap, bool *fits)
{
    size_t n = 0, stop = strlen(end);

    *fits = true;
    while (*s && strncmp(s, end, stop) != 0) {
        char c = *s++;
        if (c == '\'' || c == '"' || c == '{' || c == '}')
            return false;
        if (c == '\\' && *s) {
            c = *s == 'n' ? '\n' : *s;
            s++;
        }
        if (n + 1 < cap)
            out[n++] = c;
        else
            *fits = false;
    }
    out[n] = '\0';
    return *s && n > 0;
}

/* ChatML: the text of a system turn that stands in the template itself. */
static bool default_system(const char *jinja, char *out, size_t cap)
{
    static const char mark[] = "<|im_start|>system";
    bool fits = true;

    for (const char *s = strstr(jinja, mark); s; s = strstr(s, mark)) {
        s += sizeof mark - 1;
        size_t newline = s[0] == '\n' ? 1 : s[0] == '\\' && s[1] == 'n' ? 2 : 0;
        if (newline && read_literal(s + newline, "<|im_end|>", out, cap, &fits))
            return fits;
    }
    out[0] = '\0';
    return true;
}

enum su_code su_text_chat_detect(const char *jinja, struct su_text_chat *out, struct su_err *e)
{
    memset(out, 0, sizeof *out);
    if (!jinja || !jinja[0])
        return su_fail(e, SU_ENOENT, "chat template",
                       "the model has none: it is no chat model; give it plain text");
    if (!family_of(jinja, out)) {
        memset(out, 0, sizeof *out);
        return su_fail(e, SU_EUNSUPPORTED, "chat template",
                       "of no known family (ChatML, Llama 2 and 3, Mistral, Gemma, Zephyr): give "
                       "the model plain text, with its marks written out");
    }
    if (out->family == SU_TEXT_CHAT_CHATML &&
        !default_system(jinja, out->system, sizeof out->system)) {
        memset(out, 0, sizeof *out);
        return su_fail(e, SU_EUNSUPPORTED, "chat template",
                       "its default system text is longer than %zu bytes", sizeof out->system - 1);
    }
    return SU_OK;
}

/* ---- rendering ------------------------------------------------------------------------------- */

void su_text_prompt_init(struct su_text_prompt *p)
{
    *p = (struct su_text_prompt){0};
    su_buf_init(&p->text, SU_TEXT_BYTES_MAX);
}

void su_text_prompt_fini(struct su_text_prompt *p)
{
    su_buf_fini(&p->text);
    free(p->spans);
    su_text_prompt_init(p);
}

static void mark(struct su_text_prompt *p, const char *text)
{
    su_buf_str(&p->text, text);
}

static void content(struct su_text_prompt *p, const char *text, size_t len)
{
    size_t begin = p->text.len;

    su_buf_put(&p->text, text, len);
    if (len == 0 || p->text.failed)
        return;
    struct su_text_span *spans =
        text_grow(p->spans, &p->span_cap, p->span_count + 1, sizeof *spans);
    if (!spans) {
        p->text.failed = true;
        return;
    }
    p->spans = spans;
    p->spans[p->span_count++] = (struct su_text_span){begin, begin + len};
}

static void whole(struct su_text_prompt *p, const char *text)
{
    content(p, text, strlen(text));
}

/* Without white space at the end, and (head) at the beginning. */
static void trimmed_ends(struct su_text_prompt *p, const char *text, bool head)
{
    const uint8_t *s = (const uint8_t *)text;
    size_t len = strlen(text), begin = SIZE_MAX, end = 0;

    for (size_t pos = 0; pos < len;) {
        struct text_char c = text_char_at(s, len, pos);
        pos += c.len;
        if (c.cls == TEXT_SPACE || (c.point >= 0x1C && c.point <= 0x1F))
            continue;
        begin = SU_MIN(begin, pos - c.len);
        end = pos;
    }
    begin = head ? begin : 0;
    if (end > 0)
        content(p, text + begin, end - begin);
}

/* As the filter trim leaves it. */
static void trimmed(struct su_text_prompt *p, const char *text)
{
    trimmed_ends(p, text, true);
}

/* A conversation without its system turn. */
struct talk {
    const struct su_text_chat *c;
    const char *system; /* NULL: none */
    const struct su_text_turn *turns;
    size_t count;
    bool answer;
};

static const char *role_name(enum su_text_role r)
{
    return r == SU_TEXT_SYSTEM ? "system" : r == SU_TEXT_USER_TURN ? "user" : "assistant";
}

static void chatml_turn(struct su_text_prompt *p, enum su_text_role role, const char *text)
{
    mark(p, "<|im_start|>");
    mark(p, role_name(role));
    mark(p, "\n");
    whole(p, text);
    mark(p, "<|im_end|>\n");
}

static void render_chatml(const struct talk *k, struct su_text_prompt *p)
{
    if (k->system)
        chatml_turn(p, SU_TEXT_SYSTEM, k->system);
    else if (k->c->system[0])
        chatml_turn(p, SU_TEXT_SYSTEM, k->c->system);
    for (size_t i = 0; i < k->count; i++)
        chatml_turn(p, k->turns[i].role, k->turns[i].content);
    if (k->answer)
        mark(p, "<|im_start|>assistant\n");
}

static void llama3_head(struct su_text_prompt *p, enum su_text_role role)
{
    mark(p, "<|start_header_id|>");
    mark(p, role_name(role));
    mark(p, "<|end_header_id|>\n\n");
}

static void render_llama3(const struct talk *k, struct su_text_prompt *p)
{
    if (k->system || k->c->dated) {
        llama3_head(p, SU_TEXT_SYSTEM);
        if (k->c->dated)
            mark(p, DATES);
        trimmed(p, k->system ? k->system : "");
        mark(p, k->c->eos);
    }
    for (size_t i = 0; i < k->count; i++) {
        llama3_head(p, k->turns[i].role);
        trimmed(p, k->turns[i].content);
        mark(p, k->c->eos);
    }
    if (k->answer)
        llama3_head(p, SU_TEXT_ASSISTANT);
}

static void render_gemma(const struct talk *k, struct su_text_prompt *p)
{
    for (size_t i = 0; i < k->count; i++) {
        bool user = k->turns[i].role == SU_TEXT_USER_TURN;
        mark(p, user ? "<start_of_turn>user\n" : "<start_of_turn>model\n");
        if (i == 0 && k->system) {
            whole(p, k->system);
            mark(p, "\n\n");
        }
        trimmed(p, k->turns[i].content);
        mark(p, "<end_of_turn>\n");
    }
    if (k->answer)
        mark(p, "<start_of_turn>model\n");
}

static void render_zephyr(const struct talk *k, struct su_text_prompt *p)
{
    if (k->system) {
        mark(p, "<|system|>\n");
        whole(p, k->system);
        mark(p, k->c->eos);
        mark(p, "\n");
    }
    for (size_t i = 0; i < k->count; i++) {
        mark(p, k->turns[i].role == SU_TEXT_USER_TURN ? "<|user|>\n" : "<|assistant|>\n");
        whole(p, k->turns[i].content);
        mark(p, k->c->eos);
        mark(p, "\n");
    }
    if (k->answer)
        mark(p, "<|assistant|>\n");
}

static void llama2_user(const struct talk *k, size_t i, struct su_text_prompt *p)
{
    const char *text = k->turns[i].content;
    bool tagged = k->c->tagged, with_system = i == 0 && k->system;

    mark(p, i && k->c->rounds ? "<s>[INST] " : "[INST] ");
    if (with_system) {
        mark(p, tagged ? "<<SYS>>\n" : "");
        whole(p, k->system);
        mark(p, tagged ? "\n<</SYS>>\n\n" : "\n\n");
    }
    if (k->c->stripped)
        trimmed_ends(p, text, !with_system); /* the two are trimmed as one */
    else
        whole(p, text);
    mark(p, " [/INST]");
}

static void render_llama2(const struct talk *k, struct su_text_prompt *p)
{
    const char *space = k->c->tagged ? " " : "";

    for (size_t i = 0; i < k->count; i++) {
        if (k->turns[i].role == SU_TEXT_USER_TURN) {
            llama2_user(k, i, p);
        } else {
            mark(p, space);
            (k->c->stripped ? trimmed : whole)(p, k->turns[i].content);
            mark(p, space);
            mark(p, k->c->eos);
        }
    }
}

/* What stands around the turns of a Mistral format. */
struct mistral {
    const char *open, *close, *reply;
    bool trim_reply;
};

static struct mistral mistral_marks(const struct su_text_chat *c)
{
    switch (c->family) {
    case SU_TEXT_CHAT_MISTRAL_V1:
        return (struct mistral){" [INST] ", " [/INST]", " ", false};
    case SU_TEXT_CHAT_MISTRAL_V3:
        return (struct mistral){"[INST] ", "[/INST]", " ", true};
    case SU_TEXT_CHAT_MISTRAL_V7:
        if (c->spaced)
            return (struct mistral){"[INST] ", "[/INST]", " ", false};
        return (struct mistral){"[INST]", "[/INST]", "", false};
    default:
        return (struct mistral){"[INST]", "[/INST]", "", false};
    }
}

static void render_mistral(const struct talk *k, struct su_text_prompt *p)
{
    struct mistral m = mistral_marks(k->c);
    bool apart = k->c->family == SU_TEXT_CHAT_MISTRAL_V7;
    size_t with_system = k->c->late ? k->count - 1 : 0;

    if (apart && k->system) {
        mark(p, k->c->spaced ? "[SYSTEM_PROMPT] " : "[SYSTEM_PROMPT]");
        whole(p, k->system);
        mark(p, "[/SYSTEM_PROMPT]");
    }
    for (size_t i = 0; i < k->count; i++) {
        if (k->turns[i].role == SU_TEXT_USER_TURN) {
            mark(p, m.open);
            if (i == with_system && k->system && !apart) {
                whole(p, k->system);
                mark(p, "\n\n");
            }
            whole(p, k->turns[i].content);
            mark(p, m.close);
        } else {
            mark(p, m.reply);
            (m.trim_reply ? trimmed : whole)(p, k->turns[i].content);
            mark(p, k->c->eos);
        }
    }
}

static enum su_code check_turns(const struct talk *k, struct su_err *e)
{
    enum su_text_chat_family f = k->c->family;
    bool loose = f == SU_TEXT_CHAT_CHATML || f == SU_TEXT_CHAT_LLAMA3 || f == SU_TEXT_CHAT_ZEPHYR;

    if (k->count == 0)
        return su_fail(e, SU_EINVAL, "chat", "the conversation has no turn of a user");
    for (size_t i = 0; i < k->count; i++) {
        enum su_text_role r = k->turns[i].role;
        if (r == SU_TEXT_SYSTEM)
            return su_fail(e, SU_EINVAL, "chat",
                           "turn %zu is a system turn; only the first turn may be one", i + 1);
        if (!loose && r != (i % 2 ? SU_TEXT_ASSISTANT : SU_TEXT_USER_TURN))
            return su_fail(e, SU_EINVAL, "chat",
                           "turns of user and assistant must alternate, from a user's on, for "
                           "models of the family %s",
                           su_text_chat_name(f));
    }
    return SU_OK;
}

enum su_code su_text_chat_render(const struct su_text_chat *c, const struct su_text_turn *turns,
                                 size_t count, bool answer, struct su_text_prompt *p,
                                 struct su_err *e)
{
    struct talk k = {.c = c, .turns = turns, .count = count, .answer = answer};

    su_buf_clear(&p->text);
    p->span_count = 0;
    if (count && turns[0].role == SU_TEXT_SYSTEM)
        k = (struct talk){c, turns[0].content, turns + 1, count - 1, answer};
    enum su_code rc = check_turns(&k, e);
    if (rc)
        return rc;
    switch (c->family) {
    case SU_TEXT_CHAT_CHATML:
        render_chatml(&k, p);
        break;
    case SU_TEXT_CHAT_LLAMA3:
        render_llama3(&k, p);
        break;
    case SU_TEXT_CHAT_GEMMA:
        render_gemma(&k, p);
        break;
    case SU_TEXT_CHAT_ZEPHYR:
        render_zephyr(&k, p);
        break;
    case SU_TEXT_CHAT_LLAMA2:
        render_llama2(&k, p);
        break;
    default:
        render_mistral(&k, p);
        break;
    }
    return su_buf_check(&p->text, "chat", e);
}
