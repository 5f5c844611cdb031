// SPDX-License-Identifier: MIT
/* splitup chat: a conversation with a language model, kept in one session; or with one of a cluster, where
   each turn is an execution whose prompt is the whole of it. */
#include "chat_input.h"
#include "deploy.h"
#include "generation.h"
#include "llm_common.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct chat {
    struct cli_llm llm; /* of a model of a cluster: cli, text and ctx alone */
    struct cli_asker *asker; /* NULL: the model is here */
    struct su_text_chat form;
    struct su_sampling sampling;
    uint32_t max_tokens; /* of an answer; 0 = what the context leaves */
    bool keyboard; /* somebody types, and an error is no reason to leave */
    char *system; /* NULL = the model's own */
    struct su_text_turn *turn; /* n_turn of user and assistant in turns, contents owned */
    size_t n_turn;
    struct su_buf message; /* the last one typed */
    uint32_t session;
    uint32_t *held, n_held; /* tokens of the session; there is room for llm.ctx */
};

/* ---- turns ----------------------------------------------------------------------------------- */

static void push_turn(struct chat *c, enum su_text_role role, const char *text, size_t len)
{
    char *copy = su_alloc(len + 1);
    memcpy(copy, text, len);
    c->turn = su_realloc(c->turn, (c->n_turn + 1) * sizeof *c->turn);
    c->turn[c->n_turn++] = (struct su_text_turn){role, copy};
}

static void pop_turns(struct chat *c, size_t keep)
{
    while (c->n_turn > keep)
        free((void *)(uintptr_t)c->turn[--c->n_turn].content);
}

/* The whole conversation as the tokens that the model expects, up to its next answer. */
static enum su_code encode(const struct chat *c, struct su_text_ids *ids, struct su_err *e)
{
    struct su_text_prompt p;
    struct su_text_turn *all = su_alloc((c->n_turn + 1) * sizeof *all);
    size_t n = 0;
    if (c->system)
        all[n++] = (struct su_text_turn){SU_TEXT_SYSTEM, c->system};
    memcpy(all + n, c->turn, c->n_turn * sizeof *all);
    n += c->n_turn;
    su_text_prompt_init(&p);
    enum su_code rc = su_text_chat_render(&c->form, all, n, true, &p, e);
    if (rc == SU_OK)
        rc = su_text_encode_prompt(c->llm.text, &p, ids, e);
    su_text_prompt_fini(&p);
    free(all);
    if (rc == SU_OK && ids->count >= c->llm.ctx)
        rc = su_fail(e, SU_ELIMIT, "context",
                     "the conversation has %zu tokens, and the context holds %u; /reset begins a "
                     "new one, --ctx gives more room",
                     ids->count, c->llm.ctx);
    return rc;
}

/* ---- answers --------------------------------------------------------------------------------- */

/* Cuts the session back to what the new conversation begins with; its last token is always run
   again, as its logits begin the answer. */
static enum su_code reuse(struct chat *c, const struct su_text_ids *ids, struct su_err *e)
{
    uint32_t n = 0, most = SU_MIN(c->n_held, (uint32_t)ids->count - 1);
    while (n < most && c->held[n] == ids->ids[n])
        n++;
    c->n_held = n;
    return su_engine_session_truncate(c->llm.engine, c->session, n, e);
}

/* Notes what the session holds: of the prompt and the answer as much as was run. */
static void remember(struct chat *c, const struct su_text_ids *ids, const struct cli_answer *a)
{
    uint32_t length = su_engine_session_length(c->llm.engine, c->session);
    for (c->n_held = 0; c->n_held < length; c->n_held++)
        c->held[c->n_held] = c->n_held < ids->count ? ids->ids[c->n_held]
                                                    : a->token[c->n_held - (uint32_t)ids->count];
}

static void print_closing(const struct chat *c, const struct cli_answer *a, size_t prompt,
                          uint32_t reused, uint32_t most)
{
    fprintf(stderr, "%zu + %u tokens (%u reused), %.2f tokens/s, first after %.0f ms%s\n", prompt,
            a->n, reused, cli_answer_rate(a), cli_answer_first_ms(a),
            a->cancelled ? ", stopped" : "");
    if (a->n == most && !a->stopped && prompt + a->n > c->llm.ctx)
        fprintf(stderr, "the context of %u tokens is full; /reset begins a new conversation\n",
                c->llm.ctx);
    if (a->cancelled && a->n == 0)
        fprintf(stderr, "nothing was said, so the question is forgotten too\n");
}

static enum su_code answer(struct chat *c, const struct su_text_ids *ids, struct su_err *e)
{
    struct cli_answer a = {0};
    uint32_t most = c->llm.ctx - (uint32_t)ids->count + 1;
    enum su_code rc = reuse(c, ids, e);
    if (rc != SU_OK)
        return rc;
    uint32_t reused = c->n_held;
    most = c->max_tokens ? SU_MIN(most, c->max_tokens) : most;
    rc = cli_answer_get(&a, &c->llm, c->session, &c->sampling, c->held, reused, ids->ids + reused,
                        (uint32_t)ids->count - reused, most, e);
    remember(c, ids, &a);
    if (rc == SU_OK) {
        print_closing(c, &a, ids->count, reused, most);
        if (a.n > 0 || !a.cancelled)
            push_turn(c, SU_TEXT_ASSISTANT, a.text.data ? (const char *)a.text.data : "",
                      a.text.len);
    }
    cli_answer_fini(&a);
    cli_interrupt_clear();
    return rc;
}

/* The same by nodes of a cluster. */
static enum su_code answer_far(struct chat *c, const struct su_text_ids *ids, struct su_err *e)
{
    struct cli_generation g = {.text = c->llm.text,
                               .sampling = c->sampling,
                               .max_tokens = c->llm.ctx,
                               .silent = cli_has(c->llm.cli, "--json")};
    bool final = false;

    if (c->max_tokens)
        g.max_tokens = c->max_tokens;
    g.prompt.ids = su_alloc(ids->count * sizeof *g.prompt.ids);
    g.prompt.count = g.prompt.cap = ids->count;
    memcpy(g.prompt.ids, ids->ids, ids->count * sizeof *g.prompt.ids);
    enum su_code rc = cli_asker_ask(c->asker, &g, &final, e);
    if (rc == SU_OK && g.n > 0)
        push_turn(c, SU_TEXT_ASSISTANT, g.words.data ? (const char *)g.words.data : "",
                  g.words.len);
    cli_generation_fini(&g);
    return rc;
}

/* A question that gets no answer leaves the conversation as it was. */
static enum su_code ask(struct chat *c, struct su_err *e)
{
    struct su_text_ids ids = {0};
    size_t before = c->n_turn;
    push_turn(c, SU_TEXT_USER_TURN, (const char *)c->message.data, c->message.len);
    enum su_code rc = encode(c, &ids, e);
    if (rc == SU_OK)
        rc = c->asker ? answer_far(c, &ids, e) : answer(c, &ids, e);
    if (c->n_turn == before + 1)
        pop_turns(c, before);
    su_text_ids_fini(&ids);
    return rc;
}

/* ---- commands -------------------------------------------------------------------------------- */

static const char help[] =
    "/cost         what the last answer and the conversation have cost\n"
    "/reset        begin a new conversation; the system turn stays\n"
    "/system TEXT  another system turn; without TEXT the model's own\n"
    "/help         this list\n"
    "/quit         leave, as Ctrl-D does\n"
    "A backslash at the end of a line goes on in the next one; \"\"\" begins and ends a text of\n"
    "many lines; a blank before '/' makes a message of it. Ctrl-C stops the answer.\n";

static void tell_cost(const struct chat *c)
{
    char last[SU_OPS_AMOUNT_TEXT], all[SU_OPS_AMOUNT_TEXT];

    if (!c->asker)
        fputs("nothing: the model is on this machine\n", stderr);
    else
        fprintf(stderr, "the last answer %s, the conversation %s (answers: %u)\n",
                su_ops_amount_text(c->asker->cost, SU_OPS_USDC, last),
                su_ops_amount_text(c->asker->spent, SU_OPS_USDC, all), c->asker->answers);
}

static enum su_code command(struct chat *c, const char *line, bool *leave, struct su_err *e)
{
    size_t word = strcspn(line, " \t");
    const char *rest = line + word + strspn(line + word, " \t");
    char name[16] = "";
    if (word < sizeof name)
        memcpy(name, line, word);
    if (strcmp(name, "/system") == 0) {
        free(c->system);
        c->system = *rest ? su_strdup(rest) : NULL;
        return SU_OK;
    }
    if (*rest == 0 && strcmp(name, "/reset") == 0) {
        pop_turns(c, 0);
        if (c->asker)
            c->asker->cost = c->asker->spent = c->asker->answers = 0;
        return SU_OK;
    }
    if (*rest == 0 && strcmp(name, "/cost") == 0) {
        tell_cost(c);
        return SU_OK;
    }
    if (*rest == 0 && strcmp(name, "/help") == 0) {
        fputs(help, stderr);
        return SU_OK;
    }
    *leave = *rest == 0 && strcmp(name, "/quit") == 0;
    return *leave ? SU_OK
                  : su_fail(e, SU_EUSAGE, line,
                            "no such command; /help lists them, and a blank in front makes a "
                            "message of it");
}

/* ---- the conversation ------------------------------------------------------------------------ */

/* To somebody at the keyboard a mistake is told, and the conversation goes on. */
static enum su_code tell(const struct chat *c, enum su_code rc, const struct su_err *e)
{
    char line[640];
    bool mistake = rc == SU_EUSAGE || rc == SU_ELIMIT || rc == SU_EINVAL;
    /* What becomes of an answer far away says nothing about the next one. */
    bool far = c->asker && rc != SU_ENOMEM && strcmp(e->at, "standard output") != 0;
    if (!c->keyboard || !(mistake || far))
        return rc;
    cli_interrupt_clear();
    su_err_line(e, line, sizeof line);
    fprintf(stderr, "%s\n", line);
    return SU_OK;
}

static enum su_code interrupted(const struct chat *c, struct su_err *e)
{
    if (!c->keyboard)
        return su_fail(e, SU_ECANCELLED, NULL, "stopped while waiting for a message");
    cli_interrupt_clear();
    fputs("\n(Ctrl-D or /quit leaves)\n", stderr);
    return SU_OK;
}

static enum su_code converse(struct chat *c, struct su_err *e)
{
    struct cli_chat_reader in = {.fd = STDIN_FILENO, .prompts = c->keyboard};
    for (bool leave = false; !leave;) {
        struct su_err here = {0};
        enum cli_chat_input what = CLI_CHAT_END;
        enum su_code rc = cli_chat_read(&in, &c->message, &what, &here);
        const char *text = (const char *)c->message.data;
        if (rc == SU_OK && what == CLI_CHAT_INTERRUPT)
            rc = interrupted(c, &here);
        else if (rc == SU_OK && what == CLI_CHAT_COMMAND)
            rc = command(c, text, &leave, &here);
        else if (rc == SU_OK && what == CLI_CHAT_MESSAGE && text[strspn(text, " \t\n")])
            rc = ask(c, &here);
        leave = leave || what == CLI_CHAT_END;
        if (rc != SU_OK)
            rc = tell(c, rc, &here);
        if (rc != SU_OK) {
            if (e)
                *e = here;
            return rc;
        }
    }
    if (c->keyboard)
        fputc('\n', stderr);
    return SU_OK;
}

static enum su_code read_form(struct chat *c, struct su_err *e)
{
    const char *system = cli_get(c->llm.cli, "--system");
    enum su_code rc = su_text_chat_detect(su_text_template(c->llm.text), &c->form, e);
    if (rc != SU_OK)
        return su_wrap(e, "%s cannot chat", c->llm.cli->arg[0]);
    if (system && *system)
        c->system = su_strdup(system);
    return SU_OK;
}

static enum su_code read_options(struct chat *c, struct su_err *e)
{
    enum su_code rc = cli_llm_u32(c->llm.cli, "--max-tokens", 1, 1u << 20, &c->max_tokens, e);
    return rc == SU_OK ? cli_llm_sampling(c->llm.cli, &c->sampling, e) : rc;
}

static enum su_code prepare(struct chat *c, struct su_err *e)
{
    enum su_code rc = read_options(c, e);
    if (rc == SU_OK)
        rc = cli_llm_prepare(&c->llm, e);
    if (rc == SU_OK)
        rc = read_form(c, e);
    if (rc != SU_OK)
        return rc;
    c->held = su_try_alloc(c->llm.ctx, sizeof *c->held);
    if (!c->held)
        return su_fail(e, SU_ENOMEM, "--ctx", "no memory for %u tokens", c->llm.ctx);
    rc = cli_llm_open(&c->llm, e);
    if (rc == SU_OK && cli_interrupted())
        rc = su_fail(e, SU_ECANCELLED, NULL, "stopped while loading");
    return rc == SU_OK ? su_engine_session_new(c->llm.engine, c->llm.ctx, &c->session, e) : rc;
}

static enum su_code run_far(const struct cli *cli, struct su_err *e)
{
    char word[SU_NAME_MAX + SU_CHAIN_TEXT];
    struct cli_asker a = {.c = cli, .chat = true};
    struct chat c = {.llm = {.cli = cli}, .asker = &a, .keyboard = isatty(STDIN_FILENO)};
    su_buf_init(&c.message, CLI_CHAT_INPUT_MAX);
    enum su_code rc = cli_may_sign(cli, e);
    if (rc == SU_OK)
        rc = read_options(&c, e);
    if (rc == SU_OK)
        rc = cli_ops_open_for(cli, word, sizeof word, &a.o, e);
    if (rc == SU_OK)
        rc = cli_asker_open(&a, word, e);
    c.llm.text = a.text;
    c.llm.ctx = a.ctx ? a.ctx : SU_STEPS_MAX;
    if (rc == SU_OK)
        rc = cli_llm_u32(cli, "--ctx", 1, c.llm.ctx, &c.llm.ctx, e);
    if (rc == SU_OK)
        rc = read_form(&c, e);
    if (rc == SU_OK && c.keyboard)
        fprintf(stderr, "%s, %u tokens of context; /help lists the commands\n", a.name, c.llm.ctx);
    if (rc == SU_OK)
        rc = converse(&c, e);
    pop_turns(&c, 0);
    su_buf_fini(&c.message);
    free(c.turn);
    free(c.system);
    cli_asker_close(&a);
    su_ops_close(a.o);
    return rc;
}

static enum su_code run(struct cli *cli, struct su_err *e)
{
    if (cli_is_remote(cli->arg[0]))
        return run_far(cli, e);
    if (cli_has(cli, "--json"))
        return su_fail(e, SU_EUSAGE, "--json", "is for models of a cluster");
    struct cli_model m;
    struct chat c = {.llm = {.cli = cli, .model = &m, .emit = 1}, .keyboard = isatty(STDIN_FILENO)};
    enum su_code rc = cli_model_open(cli->arg[0], &m, e);
    if (rc != SU_OK)
        return rc;
    su_buf_init(&c.message, CLI_CHAT_INPUT_MAX);
    rc = prepare(&c, e);
    if (rc == SU_OK && c.keyboard)
        fprintf(stderr, "%s on %s, %u tokens of context; /help lists the commands\n", m.name,
                su_exec_device_name(c.llm.exec), c.llm.ctx);
    if (rc == SU_OK)
        rc = converse(&c, e);
    rc = cli_llm_close(&c.llm, rc, e);
    pop_turns(&c, 0);
    su_buf_fini(&c.message);
    free(c.turn);
    free(c.held);
    free(c.system);
    cli_model_close(&m);
    return rc;
}

const struct cli_verb cli_verb_chat = {
    .name = "chat",
    .args = "MODEL",
    .summary = "Talk with a language model",
    .detail =
        "MODEL is a .gguf file or a folder, as for run; or a model of a cluster, by its address "
        "or as NAME@CLUSTER, whose nodes answer for money: each turn is an execution, with the "
        "whole conversation as its prompt; while it runs, lines on stderr tell of every stage "
        "which "
        "share of its time it computed, waited and sent, and what the answer has cost so far, and "
        "/cost tells it afterwards. Messages are read line by line, from the "
        "keyboard or a pipe; answers come as they are made, and after each a line on stderr "
        "tells its speed. The conversation is kept in one session, so that only new tokens "
        "are run. A backslash at the end of a line goes on in the next one, and \"\"\" begins "
        "and ends a message of many lines. The commands are /reset, /system TEXT, /cost, /help and "
        "/quit. Ctrl-C stops the answer and keeps what was said, a second one before that "
        "leaves; of a cluster's answer that is being checked it keeps what came, unchecked. Ctrl-D "
        "leaves. In a pipe the first error ends the command.",
    .min_arg = 1,
    .max_arg = 1,
    .option = {{"--system", "TEXT", "how the model shall behave (default: what it says itself)"},
               {"--max-tokens", "N", "most tokens of an answer (default: what the context leaves)"},
               {"--ctx", "N",
                "positions of the session (default: what the model knows, at most 8192)"},
               {"--temperature", "X",
                "0 takes the likeliest token (default), 1 draws as the model says"},
               {"--top-k", "N", "draw among the N likeliest only"},
               {"--top-p", "X", "draw among the likeliest that make up this share"},
               {"--min-p", "X", "leave out what is less likely than this share of the likeliest"},
               {"--repeat-penalty", "X", "make tokens of the last 64 less likely by this factor"},
               {"--seed", "N", "of the draws (default 0); the same seed gives the same text"},
               {"--target-vram", "SIZE",
                "memory that each task may use, e.g. 2GB (default: no limit, one task)"},
               {"--backend", "vulkan|cpu|reference", "(default: vulkan on a GPU, else cpu)"},
               {"--device", "WHICH",
                "Vulkan device: its number in `splitup doctor`, or a part of its name"},
               {"--threads", "N", "threads of the cpu backend (default: all processors)"},
               {"--batch", "N", "prompt tokens per dispatch (default: up to 512)"},
               CLI_OPTION_MODEL_FILE,
               CLI_OPTION_PEER,
               CLI_OPTION_URL,
               CLI_OPTION_KEYPAIR,
               CLI_OPTION_PASSPHRASE,
               CLI_OPTION_YES,
               CLI_OPTION_DRY_RUN,
               {"--json", NULL, "of a cluster's model: print JSON objects in place of answers"}},
    .run = run,
};
