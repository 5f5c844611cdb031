// SPDX-License-Identifier: MIT
/* What a demo does with a language model in the place of digits. */
#include "demo.h"

#include "llm_common.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { TASKS = 3, CHUNK = 64, CTX_LEAST = 256, TRIES = 40 };
#define PROMPTS_BYTES_MAX ((uint64_t)16 << 20)
#define ROOM_BYTES ((uint64_t)1 << 30) /* beside the model, on each node */

/* As the deployer will cut it; 0 tasks: it does not fit. */
static uint32_t tasks_of(const struct su_graph *g, const struct demo *d, uint64_t target,
                         uint64_t *bytes)
{
    const struct su_plan_opts o = {
        .target = &target, .n_target = 1, .t_max = CHUNK, .sessions = d->sessions, .ctx = d->ctx};
    struct su_plan *p = NULL;
    uint32_t n = 0;

    *bytes = 0;
    if (su_plan_build(g, &o, &p, NULL) == SU_OK) {
        n = p->n_task;
        for (uint32_t i = 0; i < n; i++)
            *bytes += p->task[i].vram_fixed + p->sessions * p->task[i].vram_session;
    }
    su_plan_free(p);
    return n;
}

/* The least memory of a device into whose like the model goes in three tasks, or in fewer where it has
   no more to be cut into. */
static enum su_code choose_target(struct demo *d, const struct su_model *m, struct su_err *e)
{
    struct su_graph *g = NULL;
    uint64_t low = 0, high = 0, bytes = 0;
    enum su_code rc = su_model_generator(m->graph, &g, e);

    if (!rc && tasks_of(g, d, UINT64_C(1) << 46, &high) == 0)
        rc = su_fail(e, SU_ENOFIT, m->name, "cannot be planned");
    d->vram_bytes = high + ROOM_BYTES;
    for (int i = 0; i < TRIES && !rc && high - low > high / 512; i++) {
        uint64_t middle = low + (high - low) / 2;
        uint32_t n = tasks_of(g, d, middle, &bytes);
        if (n == 0 || n > TASKS) {
            low = middle;
        } else {
            high = middle;
            d->vram_bytes = SU_MAX(d->vram_bytes, bytes + ROOM_BYTES);
        }
        if (cli_interrupted())
            rc = su_fail(e, SU_ECANCELLED, "demo", "stopped");
    }
    (void)snprintf(d->target, sizeof d->target, "%llu", (unsigned long long)high);
    su_graph_free(g);
    return rc;
}

/* ---- prompts ------------------------------------------------------------------------------------- */

static enum su_code add_prompt(struct demo *d, const char *text, size_t len, const char *at,
                               struct su_err *e)
{
    if (d->n_prompt == DEMO_PROMPTS_MAX)
        return su_fail(e, SU_ELIMIT, at, "more than %u prompts", DEMO_PROMPTS_MAX);
    if (memchr(text, 0, len))
        return su_fail(e, SU_EFORMAT, at, "holds a zero byte; give lines of text");
    d->prompt = su_realloc(d->prompt, (d->n_prompt + 1) * sizeof *d->prompt);
    struct demo_prompt *p = &d->prompt[d->n_prompt++];
    *p = (struct demo_prompt){.text = su_alloc(len + 1)};
    memcpy(p->text, text, len);
    enum su_code rc = cli_prompt_encode(d->text, p->text, cli_get(d->c, "--system"), &p->ids, e);
    if (!rc && p->ids.count == 0)
        rc = su_fail(e, SU_EINVAL, at, "is empty; give some text");
    return rc;
}

/* One a line; lines with nothing on them are passed over. */
static enum su_code read_prompts(struct demo *d, const char *path, struct su_err *e)
{
    struct su_map m;
    unsigned number = 0;
    enum su_code rc = su_map_open(path, PROMPTS_BYTES_MAX, &m, e);

    if (rc)
        return rc;
    const char *at = (const char *)m.data, *end = at + m.len;
    while (at < end && !rc) {
        const char *stop = memchr(at, '\n', (size_t)(end - at)), *next = stop ? stop + 1 : end;
        size_t len = (size_t)((stop ? stop : end) - at);
        char name[SU_ARRAY_LEN(((struct su_err *)0)->at)];
        while (len > 0 && (at[len - 1] == '\r' || at[len - 1] == ' ' || at[len - 1] == '\t'))
            len--;
        (void)snprintf(name, sizeof name, "--prompts:%u", ++number);
        if (len > 0)
            rc = add_prompt(d, at, len, name, e);
        at = next;
    }
    su_map_close(&m);
    if (!rc && d->n_prompt == 0)
        rc = su_fail(e, SU_EINVAL, path, "holds no prompt; give one a line");
    return rc;
}

const struct demo_prompt *demo_prompt_of(const struct demo *d, unsigned number)
{
    return &d->prompt[number % d->n_prompt];
}

static enum su_code get_prompts(struct demo *d, struct su_err *e)
{
    const char *prompt = cli_get(d->c, "--prompt"), *file = cli_get(d->c, "--prompts");

    if (prompt && file)
        return su_fail(e, SU_EUSAGE, "--prompts", "has prompts of its own; leave --prompt out");
    if (prompt)
        return add_prompt(d, prompt, strlen(prompt), "--prompt", e);
    if (!file)
        return su_fail(e, SU_EUSAGE, "--prompt", "is missing; %s is a language model",
                       d->model_name);
    enum su_code rc = read_prompts(d, file, e);
    if (!rc && !cli_get(d->c, "--executions")) {
        d->executions = d->n_prompt;
        d->once = true;
    }
    return rc;
}

static enum su_code read_options(struct demo *d, struct su_err *e)
{
    const struct cli *c = d->c;
    size_t longest = 0;
    enum su_code rc = SU_OK;

    d->max_tokens = CLI_TOKENS_DEFAULT / 4;
    rc = cli_llm_u32(c, "--max-tokens", 1, 1u << 16, &d->max_tokens, e);
    if (!rc)
        rc = cli_llm_sampling(c, &d->sampling, e);
    if (!rc)
        rc = get_prompts(d, e);
    if (rc)
        return rc;
    for (uint32_t i = 0; i < d->n_prompt; i++)
        longest = SU_MAX(longest, d->prompt[i].ids.count);
    uint64_t steps = longest + d->max_tokens - 1;
    if (steps > SU_LLM_CTX_MAX)
        return su_fail(e, SU_ELIMIT, "--prompt", "%zu tokens", longest);
    for (d->ctx = CTX_LEAST; d->ctx < steps;)
        d->ctx *= 2;
    d->sessions = d->executions > 1 ? SU_MAX(SU_MIN(d->executions, d->at_once), 2u) : 2;
    return SU_OK;
}

enum su_code demo_words_open(struct demo *d, struct su_err *e)
{
    struct cli_model m;
    char *path;
    enum su_code rc = cli_model_open(cli_get(d->c, "--model"), &m, e);

    if (rc)
        return rc;
    (void)su_str_copy(d->model_name, sizeof d->model_name, m.name);
    rc = cli_llm_only(d->c, &m, e);
    if (!rc && (cli_has(d->c, "--input") || cli_has(d->c, "--index")))
        rc = su_fail(e, SU_EUSAGE, "--input", "is for digits; give --prompt");
    if (!rc)
        rc = su_model_text(m.model, &d->text, e);
    if (!rc)
        rc = read_options(d, e);
    if (!rc)
        rc = choose_target(d, m.model, e);
    path = rc ? NULL : realpath(m.model->path, NULL);
    if (!rc && (!path || !su_str_copy(d->model_path, sizeof d->model_path, path)))
        rc = su_fail_sys(e, errno, m.model->path, "is not found again");
    free(path);
    cli_model_close(&m);
    return rc;
}

void demo_words_close(struct demo *d)
{
    su_text_free(d->text);
    for (uint32_t i = 0; i < d->n_prompt; i++) {
        su_text_ids_fini(&d->prompt[i].ids);
        free(d->prompt[i].text);
    }
    free(d->prompt);
}

enum su_code demo_words_input(const struct demo *d, struct demo_run *r, struct su_buf *input,
                              struct su_err *e)
{
    const struct su_text_ids *ids = &demo_prompt_of(d, r->number)->ids;
    struct cli_generation *g = &r->words;

    g->text = d->text;
    g->sampling = d->sampling;
    g->sampling.seed += r->number;
    g->max_tokens = d->max_tokens;
    g->silent = d->json || d->executions > 1;
    g->prompt.ids = su_alloc(ids->count * sizeof *g->prompt.ids);
    g->prompt.count = g->prompt.cap = ids->count;
    memcpy(g->prompt.ids, ids->ids, ids->count * sizeof *g->prompt.ids);
    cli_generation_begin(g);
    return cli_generation_input(g, &d->chain_model, input, e);
}

/* A line in which the answer is written as it comes, behind its prompt. */
enum su_code demo_words_take(const struct demo *d, struct demo_run *r, struct su_err *e)
{
    struct cli_generation *g = &r->words;
    bool has = false;

    for (uint16_t i = 0; i < r->state->n_output; i++)
        has = has || r->state->output[i].n_row > 0;
    if (has && !r->told_words && !g->silent) {
        demo_say(d, "answer");
        printf("\n%s", cli_has(d->c, "--system") ? "" : demo_prompt_of(d, r->number)->text);
    }
    r->told_words = r->told_words || has;
    enum su_code rc = cli_generation_take(g, r->state, e);
    bool over = r->state->provisional || r->state->ended;
    if (!rc && over && !r->told_words_end) {
        cli_generation_end(g);
        if (r->told_words && !g->silent)
            printf("\n");
        r->told_words_end = true;
    }
    return rc;
}
