// SPDX-License-Identifier: MIT
/* Making a tokenizer from a vocabulary. */
#include "text_priv.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct build {
    const struct su_text_vocab *v;
    const char *at;
    struct su_err *e;
    struct su_text *t;
    const struct text_merge_source *merges;
    uint8_t *side; /* the sides of a merge, decoded */
    size_t side_cap;
};

static enum su_code no_memory(const struct build *b)
{
    return su_fail(b->e, SU_ENOMEM, b->at, "out of memory for a vocabulary of %zu tokens",
                   b->v->token_count);
}

/* ---- checks ---------------------------------------------------------------------------------- */

static enum su_code check_id(const struct build *b, const char *what, uint32_t id)
{
    if (id == SU_TEXT_NONE || id < b->v->token_count)
        return SU_OK;
    return su_fail(b->e, SU_EINVAL, b->at, "the %s token is %u, beyond the vocabulary of %zu", what,
                   id, b->v->token_count);
}

static enum su_code check_vocab(const struct build *b)
{
    const struct su_text_vocab *v = b->v;
    const struct {
        const char *name;
        uint32_t id;
    } ids[] = {
        {"bos", v->bos}, {"eos", v->eos}, {"eot", v->eot}, {"unk", v->unk}, {"pad", v->pad},
    };

    if (v->token_count == 0)
        return su_fail(b->e, SU_EINVAL, b->at, "the vocabulary has no tokens");
    if (v->token_count > SU_TEXT_TOKENS_MAX || v->merge_count > SU_TEXT_TOKENS_MAX)
        return su_fail(b->e, SU_ELIMIT, b->at, "%zu tokens and %zu merges, the limit is %zu each",
                       v->token_count, v->merge_count, SU_TEXT_TOKENS_MAX);
    if (v->kind == SU_TEXT_BPE && v->merge_count == 0)
        return su_fail(b->e, SU_EINVAL, b->at, "a byte-level BPE vocabulary needs merges");
    if (v->kind == SU_TEXT_SPM && v->merge_count == 0 && !v->scores)
        return su_fail(b->e, SU_EINVAL, b->at, "a SentencePiece vocabulary needs scores or merges");
    for (size_t i = 0; i < SU_ARRAY_LEN(ids); i++) {
        enum su_code rc = check_id(b, ids[i].name, ids[i].id);
        if (rc)
            return rc;
    }
    if (v->add_bos == SU_TEXT_ON && v->bos == SU_TEXT_NONE)
        return su_fail(b->e, SU_EINVAL, b->at, "add_bos is on, but there is no bos token");
    if (v->add_eos == SU_TEXT_ON && v->eos == SU_TEXT_NONE)
        return su_fail(b->e, SU_EINVAL, b->at, "add_eos is on, but there is no eos token");
    return SU_OK;
}

static enum su_code check_lengths(const struct build *b, size_t *total)
{
    *total = 0;
    for (size_t i = 0; i < b->v->token_count; i++) {
        size_t len = b->v->tokens[i].len;
        if (len > SU_TEXT_TOKEN_BYTES_MAX)
            return su_fail(b->e, SU_ELIMIT, b->at, "token %zu has %zu bytes, the limit is %zu", i,
                           len, SU_TEXT_TOKEN_BYTES_MAX);
        *total += len;
        if (*total > UINT32_MAX)
            return su_fail(b->e, SU_ELIMIT, b->at, "the tokens have more than 4 GiB");
    }
    return SU_OK;
}

static bool flag_of(enum su_text_flag f, bool usual)
{
    return f == SU_TEXT_DEFAULT ? usual : f == SU_TEXT_ON;
}

static enum su_code take_settings(const struct build *b)
{
    const struct su_text_vocab *v = b->v;
    struct su_text *t = b->t;
    bool bos = v->kind == SU_TEXT_SPM;
    const char *name = v->pre && v->pre[0] ? v->pre : "default";

    if (v->kind == SU_TEXT_BPE) {
        const struct text_pre_row *row = text_pre_find(name);
        if (!row)
            return su_fail(b->e, SU_EUNSUPPORTED, b->at,
                           "the pre-tokenizer \"%.60s\" is not known; known are those of GPT-2, "
                           "SmolLM, Llama 3 and 4, Qwen 2 and 3, Tekken and GPT-4o",
                           name);
        t->pre = row->rule;
        t->ignore_merges = flag_of(v->ignore_merges, row->ignore_merges);
        bos = row->add_bos;
    }
    t->kind = v->kind;
    t->add_bos = flag_of(v->add_bos, bos && v->bos != SU_TEXT_NONE);
    t->add_eos = flag_of(v->add_eos, false);
    t->add_space_prefix = v->kind == SU_TEXT_SPM && flag_of(v->add_space_prefix, true);
    t->prefix_once = v->prefix_once;
    t->bos = v->bos;
    t->eos = v->eos;
    t->eot = v->eot;
    t->unk = v->unk;
    t->pad = v->pad;
    if (v->chat_template) {
        size_t n = strlen(v->chat_template);
        t->chat_template = su_try_alloc(n + 1, 1);
        if (!t->chat_template)
            return no_memory(b);
        memcpy(t->chat_template, v->chat_template, n);
    }
    return SU_OK;
}

/* ---- tokens ---------------------------------------------------------------------------------- */

static int hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* "<0x41>", else -1. */
static int byte_of_name(const uint8_t *p, size_t len)
{
    if (len != 6 || memcmp(p, "<0x", 3) != 0 || p[5] != '>')
        return -1;
    int high = hex_digit(p[3]), low = hex_digit(p[4]);
    return high < 0 || low < 0 ? -1 : high * 16 + low;
}

/* U+2581 to a space: in this module a space has one spelling. out may be p. */
static size_t spaces_plain(const uint8_t *p, size_t len, uint8_t *out)
{
    size_t n = 0;

    for (size_t i = 0; i < len;) {
        if (len - i >= 3 && memcmp(p + i, "\xE2\x96\x81", 3) == 0) {
            out[n++] = ' ';
            i += 3;
        } else {
            out[n++] = p[i++];
        }
    }
    return n;
}

static uint8_t type_of(const struct build *b, size_t i)
{
    const struct su_text_string *s = &b->v->tokens[i];
    int32_t type = b->v->types ? b->v->types[i] : SU_TEXT_NORMAL;

    if (s->len == 0 || type < SU_TEXT_NORMAL || type > SU_TEXT_BYTE)
        return SU_TEXT_UNUSED;
    /* Some files have these as plain tokens; a model that writes one means it. Not so "</s>", which
       is HTML to many. */
    if (type == SU_TEXT_NORMAL && s->len > 2 && memcmp(s->bytes, "<|", 2) == 0 &&
        text_stop_name(s->bytes, s->len))
        return SU_TEXT_CONTROL;
    return (uint8_t)type;
}

/* Writes what token i stands for at out; *findable: it may come of text by merging. */
static size_t take_token(const struct build *b, size_t i, uint8_t *out, bool *findable)
{
    const uint8_t *p = b->v->tokens[i].bytes;
    size_t len = b->v->tokens[i].len, n;
    uint8_t type = b->t->type[i];

    *findable = false;
    if (len == 0)
        return 0;
    if (type == SU_TEXT_BYTE) {
        int byte = byte_of_name(p, len);
        if (byte >= 0) {
            *out = (uint8_t)byte;
            if (b->t->byte_id[byte] == SU_TEXT_NONE)
                b->t->byte_id[byte] = (uint32_t)i;
            return 1;
        }
    }
    if (b->v->kind == SU_TEXT_SPM) {
        bool named = type == SU_TEXT_CONTROL || type == SU_TEXT_UNKNOWN || type == SU_TEXT_BYTE;
        *findable = !named;
        if (!named)
            return spaces_plain(p, len, out);
        memcpy(out, p, len);
        return len;
    }
    if (type != SU_TEXT_NORMAL && type != SU_TEXT_UNUSED) {
        /* Text must not merge into a control token, whatever the merges say. */
        *findable = type == SU_TEXT_USER;
        for (size_t k = 0; k < len; k++)
            *findable = *findable && p[k] > ' ' && p[k] < 0x7F;
        memcpy(out, p, len);
        return len;
    }
    n = text_bytes_unspell(p, len, out);
    *findable = n != SIZE_MAX;
    if (!*findable) { /* no piece of text is spelled so; shown as it stands */
        memcpy(out, p, len);
        n = len;
    }
    return n;
}

static enum su_code add_token(const struct build *b, uint32_t i)
{
    uint32_t other = 0;

    switch (text_bytes_add(b->t, i, &other)) {
    case TEXT_FIND_OK:
        return SU_OK;
    case TEXT_FIND_TWICE:
        if (b->t->type[i] != SU_TEXT_NORMAL || b->t->type[other] != SU_TEXT_NORMAL)
            return SU_OK;
        return su_fail(b->e, SU_EFORMAT, b->at, "tokens %u and %u are equal", other, i);
    default:
        return su_fail(b->e, SU_EFORMAT, b->at,
                       "token %u: too many tokens share a hash; the file was made to be slow", i);
    }
}

static enum su_code take_tokens(const struct build *b)
{
    struct su_text *t = b->t;
    const struct su_text_vocab *v = b->v;
    size_t total, used = 0;
    enum su_code rc = check_lengths(b, &total);

    if (rc)
        return rc;
    t->count = v->token_count;
    t->blob = su_try_alloc(total + 1, 1);
    t->offset = su_try_alloc(t->count + 1, sizeof *t->offset);
    t->type = su_try_alloc(t->count, 1);
    if (!t->blob || !t->offset || !t->type || !text_slots_init(&t->by_bytes, t->count))
        return no_memory(b);
    for (uint32_t i = 0; i < t->count; i++) {
        bool findable;
        t->type[i] = type_of(b, i);
        used += take_token(b, i, t->blob + used, &findable);
        t->offset[i + 1] = (uint32_t)used;
        rc = findable ? add_token(b, i) : SU_OK;
        if (rc)
            return rc;
    }
    for (unsigned c = 0; c < 256; c++) {
        uint8_t byte = (uint8_t)c;
        if (t->byte_id[c] == SU_TEXT_NONE)
            t->byte_id[c] = text_bytes_find(t, &byte, 1);
    }
    return SU_OK;
}

static enum su_code take_scores(const struct build *b)
{
    struct su_text *t = b->t;

    if (t->kind != SU_TEXT_SPM || !b->v->scores)
        return SU_OK;
    t->score = su_try_alloc(t->count, sizeof *t->score);
    if (!t->score)
        return no_memory(b);
    for (size_t i = 0; i < t->count; i++) {
        if (isnan(b->v->scores[i]))
            return su_fail(b->e, SU_EFORMAT, b->at, "the score of token %zu is no number", i);
        t->score[i] = b->v->scores[i];
    }
    return SU_OK;
}

/* ---- merges ---------------------------------------------------------------------------------- */

/* A side of a merge in the spelling of the blob; SIZE_MAX: no text is spelled so. */
static size_t side_of(const struct build *b, const uint8_t *p, size_t len, uint8_t *out)
{
    return b->t->kind == SU_TEXT_BPE ? text_bytes_unspell(p, len, out) : spaces_plain(p, len, out);
}

/* Resolves merge i; *found: both sides and the result are tokens. */
static enum su_code resolve(struct build *b, size_t i, struct su_text_string text,
                            struct text_merge *m, bool *found)
{
    const uint8_t *p = text.bytes;
    const uint8_t *gap = text.len > 2 ? memchr(p + 1, ' ', text.len - 2) : NULL;

    *found = false;
    if (!gap)
        return su_fail(b->e, SU_EFORMAT, b->at, "merge %zu is not two texts with a space between",
                       i);
    if (text.len > 4 * SU_TEXT_TOKEN_BYTES_MAX)
        return SU_OK;
    uint8_t *side = text_grow(b->side, &b->side_cap, text.len, 1);
    if (!side)
        return no_memory(b);
    b->side = side;
    size_t before = (size_t)(gap - p);
    size_t left = side_of(b, p, before, side);
    if (left == SIZE_MAX)
        return SU_OK;
    size_t right = side_of(b, gap + 1, text.len - before - 1, side + left);
    if (right == SIZE_MAX)
        return SU_OK;
    m->left = text_bytes_find(b->t, side, left);
    m->right = text_bytes_find(b->t, side + left, right);
    m->result = text_bytes_find(b->t, side, left + right);
    *found = m->left != SU_TEXT_NONE && m->right != SU_TEXT_NONE && m->result != SU_TEXT_NONE;
    return SU_OK;
}

static enum su_code take_merges(struct build *b)
{
    struct su_text *t = b->t;
    size_t count = b->v->merge_count;
    struct su_text_string text;

    if (t->score) /* files that have both, as some do, mean the scores */
        return SU_OK;
    t->merge = su_try_alloc(count, sizeof *t->merge);
    if (!t->merge || !text_slots_init(&t->by_pair, count))
        return no_memory(b);
    for (size_t i = 0; i < count && b->merges->next(b->merges->context, &text); i++) {
        bool found;
        enum su_code rc = resolve(b, i, text, &t->merge[t->merge_count], &found);
        if (rc)
            return rc;
        enum text_find added = found ? text_pair_add(t, (uint32_t)t->merge_count) : TEXT_FIND_TWICE;
        if (added == TEXT_FIND_COLLIDES)
            return su_fail(b->e, SU_EFORMAT, b->at,
                           "merge %zu: too many merges share a hash; the file was made to be slow",
                           i);
        if (added == TEXT_FIND_OK)
            t->merge_count++;
        else
            t->merges_ignored++;
    }
    if (t->merge_count == 0)
        return su_fail(b->e, SU_EFORMAT, b->at,
                       "none of the %zu merges fits the vocabulary: they are of another model",
                       count);
    return SU_OK;
}

/* ---- the object ------------------------------------------------------------------------------ */

enum su_code text_make(const struct su_text_vocab *v, const struct text_merge_source *merges,
                       const char *at, struct su_text **out, struct su_err *e)
{
    struct build b = {.v = v, .at = at, .e = e, .merges = merges};
    enum su_code rc = check_vocab(&b);

    *out = NULL;
    if (rc)
        return rc;
    b.t = su_alloc(sizeof *b.t);
    memset(b.t->byte_id, 0xFF, sizeof b.t->byte_id);
    rc = take_settings(&b);
    if (!rc)
        rc = take_tokens(&b);
    if (!rc)
        rc = take_scores(&b);
    if (!rc)
        rc = take_merges(&b);
    if (!rc && !text_specials_init(b.t))
        rc = no_memory(&b);
    free(b.side);
    if (rc) {
        su_text_free(b.t);
        return rc;
    }
    *out = b.t;
    return SU_OK;
}

static bool next_of_array(void *context, struct su_text_string *out)
{
    const struct su_text_string **at = context;

    *out = *(*at)++;
    return true;
}

enum su_code su_text_new(const struct su_text_vocab *v, const char *at, struct su_text **out,
                         struct su_err *e)
{
    const struct su_text_string *merge = v->merges;
    const struct text_merge_source source = {next_of_array, &merge};

    return text_make(v, &source, at, out, e);
}

void su_text_free(struct su_text *t)
{
    if (!t)
        return;
    free(t->blob);
    free(t->offset);
    free(t->type);
    free(t->score);
    free(t->by_bytes.slot);
    free(t->merge);
    free(t->by_pair.slot);
    free(t->special);
    free(t->special_sorted);
    free(t->stop);
    free(t->chat_template);
    free(t);
}

size_t su_text_count(const struct su_text *t)
{
    return t->count;
}

uint32_t su_text_bos(const struct su_text *t)
{
    return t->bos;
}

uint32_t su_text_eos(const struct su_text *t)
{
    return t->eos;
}

uint32_t su_text_unk(const struct su_text *t)
{
    return t->unk;
}

uint32_t su_text_pad(const struct su_text *t)
{
    return t->pad;
}

bool su_text_adds_bos(const struct su_text *t)
{
    return t->add_bos;
}

bool su_text_adds_eos(const struct su_text *t)
{
    return t->add_eos;
}

size_t su_text_merges_ignored(const struct su_text *t)
{
    return t->merges_ignored;
}

const char *su_text_template(const struct su_text *t)
{
    return t->chat_template;
}

enum su_text_token_type su_text_type(const struct su_text *t, uint32_t id)
{
    SU_ASSERT(id < t->count);
    return (enum su_text_token_type)t->type[id];
}
