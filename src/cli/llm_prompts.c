// SPDX-License-Identifier: MIT
/* splitup run --prompts: many prompts that share the dispatches of one model. */
#include "llm_common.h"

#include <stdlib.h>
#include <string.h>

#define PROMPTS_BYTES_MAX ((uint64_t)256 << 20)
#define PROMPTS_MAX 100000u
#define SESSIONS_DEFAULT 4u

struct batch {
    struct cli_llm *llm;
    const char *path;
    bool json;
    struct cli_request *request; /* n of them, in the order of the lines */
    uint32_t n, cap;
    uint32_t added, next; /* to the scheduler; printed */
    struct su_scheduler *scheduler;
    uint64_t start_ns, prompt_tokens, tokens;
};

/* ---- reading ----------------------------------------------------------------------------------- */

static enum su_code get_number(const struct su_json_value *v, double lo, double hi, bool whole,
                               double *out, struct su_err *e)
{
    double x = 0.0;
    enum su_code rc = su_json_as_double(v, NULL, &x, e);
    if (rc == SU_OK && !(x >= lo && x <= hi))
        rc = su_fail(e, SU_EOVERFLOW, su_json_key(v), "%g is outside %g to %g", x, lo, hi);
    if (rc == SU_OK && whole && (double)(uint32_t)x != x)
        rc = su_fail(e, SU_EOVERFLOW, su_json_key(v), "%g is not a whole number", x);
    *out = x;
    return rc;
}

static enum su_code take_member(const struct su_json_value *v, struct cli_request *r,
                                const char **prompt, struct su_err *e)
{
    struct su_sampling *s = &r->sampling;
    const struct {
        const char *name;
        uint32_t *count;
        float *number;
        double lo, hi;
    } known[] = {
        {"max_tokens", &r->max_tokens, NULL, 1, 1u << 20},
        {"temperature", NULL, &s->temperature, 0, 100},
        {"top_k", &s->top_k, NULL, 0, 1u << 20},
        {"top_p", NULL, &s->top_p, 0, 1},
        {"min_p", NULL, &s->min_p, 0, 1},
        {"repeat_penalty", NULL, &s->repeat_penalty, 0.01, 100},
    };
    const char *key = su_json_key(v);
    double x = 0.0;
    if (strcmp(key, "prompt") == 0)
        return su_json_as_str(v, NULL, prompt, e);
    if (strcmp(key, "seed") == 0)
        return su_json_as_u64_text(v, NULL, &s->seed, e);
    for (size_t i = 0; i < SU_ARRAY_LEN(known); i++) {
        if (strcmp(key, known[i].name) != 0)
            continue;
        enum su_code rc = get_number(v, known[i].lo, known[i].hi, known[i].count != NULL, &x, e);
        if (rc == SU_OK && known[i].count)
            *known[i].count = (uint32_t)x;
        else if (rc == SU_OK)
            *known[i].number = (float)x;
        return rc;
    }
    return su_fail(e, SU_EFORMAT, key,
                   "is unknown; prompt, max_tokens, temperature, top_k, top_p, min_p, "
                   "repeat_penalty and seed are known");
}

static enum su_code take_object(const struct batch *b, struct cli_request *r, const char *at,
                                const char *line, size_t len, struct su_err *e)
{
    struct su_json *doc = NULL;
    const char *prompt = NULL;
    enum su_code rc = su_json_parse(line, len, at, NULL, &doc, e);
    if (rc != SU_OK)
        return rc;
    for (const struct su_json_value *v = su_json_first(su_json_root(doc)); v && rc == SU_OK;
         v = su_json_next(v))
        rc = take_member(v, r, &prompt, e);
    if (rc != SU_OK)
        (void)su_wrap(e, "%s", at);
    if (rc == SU_OK && !prompt)
        rc = su_fail(e, SU_EFORMAT, at, "has no member prompt");
    if (rc == SU_OK)
        rc = cli_request_encode(r, b->llm, at, prompt, e);
    su_json_free(doc);
    return rc;
}

static enum su_code take_line(struct batch *b, const struct cli_request *first, const char *line,
                              size_t len, uint32_t number, struct su_err *e)
{
    char at[SU_ARRAY_LEN(((struct su_err *)0)->at)];
    const char *name = strrchr(b->path, '/');
    snprintf(at, sizeof at, "%.30s:%u", name ? name + 1 : b->path, number);
    if (b->n == PROMPTS_MAX)
        return su_fail(e, SU_ELIMIT, at, "more than %u prompts", PROMPTS_MAX);
    if (memchr(line, 0, len))
        return su_fail(e, SU_EFORMAT, at, "holds a zero byte; give lines of text");
    if (b->n == b->cap) {
        b->cap = b->cap ? b->cap * 2 : 16;
        b->request = su_realloc(b->request, b->cap * sizeof *b->request);
    }
    struct cli_request *r = &b->request[b->n++];
    *r = (struct cli_request){.sampling = first->sampling, .max_tokens = first->max_tokens};
    if (*line == '{')
        return take_object(b, r, at, line, len, e);
    char *text = su_alloc(len + 1);
    memcpy(text, line, len);
    enum su_code rc = cli_request_encode(r, b->llm, at, text, e);
    free(text);
    return rc;
}

static bool blank(const char *line, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (!strchr(" \t\r", line[i]) || line[i] == 0)
            return false;
    return true;
}

/* Lines with nothing on them are passed over. */
static enum su_code read_prompts(struct batch *b, const struct cli_request *first, struct su_err *e)
{
    struct su_map m;
    uint32_t number = 0;
    enum su_code rc = su_map_open(b->path, PROMPTS_BYTES_MAX, &m, e);
    if (rc != SU_OK)
        return rc;
    const char *at = (const char *)m.data, *end = at + m.len;
    while (at < end && rc == SU_OK) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        size_t len = (size_t)((stop ? stop : end) - at);
        number++;
        if (!blank(at, len))
            rc = take_line(b, first, at, len - (at[len - 1] == '\r'), number, e);
        at = stop ? stop + 1 : end;
    }
    su_map_close(&m);
    if (rc == SU_OK && b->n == 0)
        rc = su_fail(e, SU_EINVAL, b->path, "holds no prompt; give one a line");
    return rc;
}

/* ---- running ----------------------------------------------------------------------------------- */

/* As many sessions as are wanted, each as long as the longest prompt and its answer need. */
static enum su_code choose_sessions(struct batch *b, struct su_err *e)
{
    struct cli_llm *l = b->llm;
    uint32_t need = 1;
    l->sessions = SESSIONS_DEFAULT;
    enum su_code rc =
        cli_llm_u32(l->cli, "--sessions", 1, SU_SCHEDULER_SESSIONS_MAX, &l->sessions, e);
    l->sessions = l->emit = SU_MIN(l->sessions, b->n);
    for (uint32_t i = 0; i < b->n; i++)
        need = SU_MAX(need, (uint32_t)b->request[i].ids.count + b->request[i].max_tokens - 1);
    if (!cli_has(l->cli, "--ctx"))
        l->ctx = SU_MIN(l->ctx, need);
    return rc;
}

/* Keeps a few prompts waiting for a session; an answer takes memory from then on. */
static enum su_code add_some(struct batch *b, uint32_t left, struct su_err *e)
{
    enum su_code rc = SU_OK;
    for (; rc == SU_OK && b->added < b->n && left < 2 * b->llm->sessions; left++) {
        struct cli_request *r = &b->request[b->added++];
        struct su_generation g = {.prompt = r->ids.ids,
                                  .n_prompt = (uint32_t)r->ids.count,
                                  .max_tokens = r->max_tokens,
                                  .sampling = r->sampling};
        r->answer.silent = true;
        rc = cli_answer_begin(&r->answer, b->llm, &g, e);
        if (rc == SU_OK)
            rc = su_scheduler_add(b->scheduler, &g, &r->id, e);
    }
    return rc;
}

static enum su_code print_one(struct batch *b, const struct cli_request *r, struct su_err *e)
{
    if (b->json)
        return cli_request_print_json(r, b->llm, e);
    cli_progress_clear(b->llm->cli);
    printf("[%u]", b->next + 1);
    if (r->answer.text.len > 0)
        fwrite(r->answer.text.data, 1, r->answer.text.len, stdout);
    putchar('\n');
    return cli_flush(e);
}

/* Prints what has ended of those whose turn it is. */
static enum su_code print_ended(struct batch *b, struct su_err *e)
{
    for (; b->next < b->added; b->next++) {
        struct cli_request *r = &b->request[b->next];
        struct su_generated g;
        enum su_code rc = su_scheduler_take(b->scheduler, r->id, &g, e);
        if (rc == SU_EBUSY)
            return SU_OK;
        free(g.token);
        rc = cli_answer_end(&r->answer, rc, &g, e);
        if (rc == SU_OK && r->answer.cancelled)
            rc = su_fail(e, SU_ECANCELLED, NULL, "stopped after %u of %u prompts", b->next, b->n);
        if (rc == SU_OK)
            rc = print_one(b, r, e);
        if (rc != SU_OK)
            return rc;
        b->prompt_tokens += r->ids.count;
        b->tokens += r->answer.n;
        cli_answer_fini(&r->answer);
        r->answer = (struct cli_answer){0};
    }
    return SU_OK;
}

static enum su_code run_all(struct batch *b, struct su_err *e)
{
    const struct cli_llm *l = b->llm;
    struct su_scheduler_opts o = {.sessions = l->sessions, .ctx = l->ctx, .chunk = l->chunk};
    struct su_progress p;
    uint32_t left = 0;
    enum su_code rc = su_scheduler_new(l->engine, &o, &b->scheduler, e);
    b->start_ns = su_clock_mono_ns();
    su_progress_init(&p, b->n, "prompts", b->start_ns);
    while (rc == SU_OK && (left > 0 || b->added < b->n)) {
        rc = add_some(b, left, e);
        if (rc == SU_OK)
            rc = su_scheduler_step(b->scheduler, &left, e);
        su_progress_set(&p, b->added - left, su_clock_mono_ns());
        cli_progress(b->llm->cli, "run", &p, false);
        if (rc == SU_OK)
            rc = print_ended(b, e);
    }
    cli_progress_clear(b->llm->cli);
    return rc;
}

static enum su_code print_summary(const struct batch *b, double seconds, struct su_err *e)
{
    const struct cli_llm *l = b->llm;
    double rate = (double)b->tokens / SU_MAX(seconds, 1e-9);
    if (!b->json) {
        fprintf(stderr,
                "%u prompt%s, %llu + %llu tokens in %.2f s, %.2f tokens/s, %u at once, %u task%s, "
                "%s\n",
                b->n, b->n == 1 ? "" : "s", (unsigned long long)b->prompt_tokens,
                (unsigned long long)b->tokens, seconds, rate, l->sessions, l->plan->n_task,
                l->plan->n_task == 1 ? "" : "s", su_exec_device_name(l->exec));
        return SU_OK;
    }
    struct su_buf out;
    struct su_json_writer w;
    su_buf_init(&out, 0);
    su_json_writer_init(&w, &out, 0);
    su_json_put_object(&w, NULL);
    su_json_put_bool(&w, "summary", true);
    cli_llm_put_setup(&w, l);
    su_json_put_u64(&w, "prompts", b->n);
    su_json_put_u64(&w, "sessions", l->sessions);
    su_json_put_u64(&w, "prompt_tokens", b->prompt_tokens);
    su_json_put_u64(&w, "tokens", b->tokens);
    su_json_put_double(&w, "seconds", seconds);
    su_json_put_double(&w, "tokens_per_second", rate);
    cli_llm_put_tasks(&w, l);
    su_json_end_object(&w);
    return cli_print_json(&out, e);
}

enum su_code cli_llm_prompts(struct cli_llm *l, const struct cli_request *first, struct su_err *e)
{
    struct batch b = {
        .llm = l, .path = cli_get(l->cli, "--prompts"), .json = cli_has(l->cli, "--json")};
    enum su_code rc = read_prompts(&b, first, e);
    if (rc == SU_OK)
        rc = choose_sessions(&b, e);
    if (rc == SU_OK)
        rc = cli_llm_open(l, e);
    if (rc == SU_OK)
        rc = run_all(&b, e);
    if (rc == SU_OK)
        rc = print_summary(&b, (double)(su_clock_mono_ns() - b.start_ns) * 1e-9, e);
    su_scheduler_free(b.scheduler);
    for (uint32_t i = 0; i < b.n; i++)
        cli_request_fini(&b.request[i]);
    free(b.request);
    return rc;
}
