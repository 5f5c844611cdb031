// SPDX-License-Identifier: MIT
#include "stages.h"

#include "peer/peer.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { PERIOD_MS = 500, CALL_MS = 1000, BAR_MOST = 20, BAR_WISHED = 12, BAR_LEAST = 6 };

static const uint8_t nobody[32];

/* ---- asking ---------------------------------------------------------------------------------------- */

struct cli_stages {
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    /* under mutex */
    uint8_t execution[32];
    struct cli_stage *stage;
    size_t n, cap;
    unsigned generation; /* grows when the execution or a node becomes another one */
    bool closing, hurry;
};

static bool is_closing(void *ctx)
{
    struct cli_stages *w = ctx;
    bool is;

    pthread_mutex_lock(&w->mutex);
    is = w->closing;
    pthread_mutex_unlock(&w->mutex);
    return is;
}

/* Notes what one node told; `before` is what was known when it was asked. */
static void note(struct cli_stages *w, const struct cli_stage *before, size_t n,
                 const char *endpoint, unsigned generation, const char *execution,
                 const struct su_json_value *root)
{
    pthread_mutex_lock(&w->mutex);
    for (size_t i = 0; i < n && i < w->n && w->generation == generation; i++) {
        struct cli_task_report r = CLI_TASK_REPORT_NONE;
        if (before[i].done || strcmp(before[i].endpoint, endpoint) != 0 ||
            !cli_task_report_read(root, execution, (uint16_t)i, &r))
            continue;
        w->stage[i].report = r;
        w->stage[i].done = before[i].committed;
    }
    pthread_mutex_unlock(&w->mutex);
}

static void ask(struct cli_stages *w, const struct cli_stage *now, size_t n, size_t which,
                unsigned generation, const char *execution)
{
    const struct su_peer_call call = {.deadline_ms = CALL_MS, .cancelled = is_closing, .ctx = w};
    const char *endpoint = now[which].endpoint;
    struct su_json *doc = cli_peer_status(endpoint, &call);

    if (doc)
        note(w, now, n, endpoint, generation, execution, su_json_root(doc));
    su_json_free(doc);
}

/* A node that has several stages is asked once for all of them. */
static bool worth_asking(const struct cli_stage *now, size_t which)
{
    if (now[which].done || !now[which].endpoint[0])
        return false;
    for (size_t i = 0; i < which; i++)
        if (!now[i].done && strcmp(now[i].endpoint, now[which].endpoint) == 0)
            return false;
    return true;
}

static void round_of_calls(struct cli_stages *w)
{
    char execution[SU_CHAIN_TEXT];
    struct cli_stage *now;
    unsigned generation;
    size_t n;

    pthread_mutex_lock(&w->mutex);
    n = w->n;
    generation = w->generation;
    now = su_try_alloc(n + 1, sizeof *now);
    if (now)
        memcpy(now, w->stage, n * sizeof *now);
    (void)su_chain_key_text(w->execution, execution);
    w->hurry = false;
    pthread_mutex_unlock(&w->mutex);
    for (size_t i = 0; now && i < n && !is_closing(w); i++)
        if (worth_asking(now, i))
            ask(w, now, n, i, generation, execution);
    free(now);
}

static void *work(void *ctx)
{
    struct cli_stages *w = ctx;
    bool closing = false;

    while (!closing) {
        struct timespec until;
        int rc = 0;
        (void)clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += PERIOD_MS * 1000000L;
        until.tv_sec += until.tv_nsec / 1000000000L;
        until.tv_nsec %= 1000000000L;
        round_of_calls(w);
        pthread_mutex_lock(&w->mutex);
        while (!w->closing && !w->hurry && rc != ETIMEDOUT)
            rc = pthread_cond_timedwait(&w->changed, &w->mutex, &until);
        closing = w->closing;
        pthread_mutex_unlock(&w->mutex);
    }
    return NULL;
}

struct cli_stages *cli_stages_open(void)
{
    struct cli_stages *w = su_try_alloc(1, sizeof *w);
    pthread_condattr_t attr;

    if (!w)
        return NULL;
    pthread_mutex_init(&w->mutex, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&w->changed, &attr);
    pthread_condattr_destroy(&attr);
    if (pthread_create(&w->thread, NULL, work, w) == 0)
        return w;
    pthread_cond_destroy(&w->changed);
    pthread_mutex_destroy(&w->mutex);
    free(w);
    return NULL;
}

void cli_stages_close(struct cli_stages *w)
{
    if (!w)
        return;
    pthread_mutex_lock(&w->mutex);
    w->closing = true;
    pthread_cond_broadcast(&w->changed);
    pthread_mutex_unlock(&w->mutex);
    (void)pthread_join(w->thread, NULL);
    pthread_cond_destroy(&w->changed);
    pthread_mutex_destroy(&w->mutex);
    free(w->stage);
    free(w);
}

static bool resize(struct cli_stages *w, size_t n)
{
    struct cli_stage *grown = n > w->cap ? realloc(w->stage, n * sizeof *grown) : w->stage;

    if (n > 0 && !grown)
        return false;
    w->cap = SU_MAX(w->cap, n);
    w->stage = grown;
    w->n = n;
    for (size_t i = 0; i < n; i++)
        w->stage[i] = (struct cli_stage){.report = CLI_TASK_REPORT_NONE};
    w->generation++;
    return true;
}

static void see_part(struct cli_stages *w, struct cli_stage *k, const struct su_ops_part *p)
{
    bool committed = (p->flags & SU_TASKF_COMMITTED) != 0;

    if (memcmp(k->node, p->node, 32) != 0 || k->attempt != p->attempt) {
        *k = (struct cli_stage){.attempt = p->attempt, .report = CLI_TASK_REPORT_NONE};
        memcpy(k->node, p->node, 32);
        w->generation++;
    }
    if (strcmp(k->endpoint, p->endpoint) != 0) {
        (void)su_str_copy(k->endpoint, sizeof k->endpoint, p->endpoint);
        w->generation++;
    }
    /* What it tells from now on is all there is to tell. */
    w->hurry = w->hurry || (committed && !k->committed);
    k->committed = committed;
}

void cli_stages_see(struct cli_stages *w, const struct su_ops_follow_state *s)
{
    if (!w)
        return;
    pthread_mutex_lock(&w->mutex);
    if ((w->n == s->n_part && memcmp(w->execution, s->execution, 32) == 0) ||
        resize(w, s->n_part)) {
        memcpy(w->execution, s->execution, 32);
        /* When its accounts are gone nobody has anything to add. */
        for (size_t i = 0; i < w->n && !s->closed; i++)
            see_part(w, &w->stage[i], &s->part[i]);
    }
    if (w->hurry)
        pthread_cond_broadcast(&w->changed);
    pthread_mutex_unlock(&w->mutex);
}

size_t cli_stages_get(struct cli_stages *w, struct cli_stage *out, size_t cap)
{
    size_t n;

    if (!w)
        return 0;
    pthread_mutex_lock(&w->mutex);
    n = SU_MIN(w->n, cap);
    if (n > 0)
        memcpy(out, w->stage, n * sizeof *out);
    pthread_mutex_unlock(&w->mutex);
    return n;
}

/* ---- lines ----------------------------------------------------------------------------------------- */

bool cli_stage_shares(const struct cli_task_report *r, unsigned share[3])
{
    double all = r->ms + r->wait_ms + r->network_ms;

    share[0] = share[1] = share[2] = 0;
    if (r->ms < 0 || !(all > 0))
        return false;
    share[0] = (unsigned)(r->ms / all * 100 + 0.5);
    share[2] = (unsigned)(r->network_ms / all * 100 + 0.5);
    share[2] = SU_MIN(share[2], 100 - share[0]);
    share[1] = 100 - share[0] - share[2];
    return true;
}

static void put_bar(struct su_buf *out, const unsigned share[3], unsigned width,
                    const struct cli_look *look)
{
    static const char *const glyph[2][3] = {{"#", "-", "~"}, {"\u2588", "\u2592", "\u2591"}};
    static const char *const color[3] = {"32", "2", "33"}; /* green, dim, yellow */
    unsigned at = 0, sum = 0;

    for (unsigned k = 0; k < 3; k++) {
        sum += share[k];
        unsigned end = (sum * width + 50) / 100;
        if (look->color && end > at)
            su_buf_printf(out, "\033[%sm", color[k]);
        for (bool any = end > at; any; any = at < end) {
            su_buf_str(out, glyph[look->utf8][k]);
            at++;
        }
        if (look->color && share[k] > 0)
            su_buf_str(out, "\033[0m");
    }
}

static void node_name(const uint8_t node[32], char out[16])
{
    char key[SU_CHAIN_TEXT];
    size_t n = strlen(su_chain_key_text(node, key));

    (void)snprintf(out, 16, "%.4s..%s", key, key + SU_MAX(n, (size_t)4) - 4);
}

/* Appends what fits. Returns false when it did not. */
static bool put_within(struct su_buf *out, unsigned *left, const char *text)
{
    size_t n = strlen(text);

    if (n > *left)
        return false;
    su_buf_put(out, text, n);
    *left -= (unsigned)n;
    return true;
}

void cli_stage_line(struct su_buf *out, const struct cli_stage *stage, size_t i, size_t n,
                    const struct cli_look *look)
{
    const struct cli_task_report *r = &stage->report;
    char head[48], node[16], backend[24], tail[3][64];
    unsigned share[3], left = look->width;
    bool any = cli_stage_shares(r, share), named = memcmp(stage->node, nobody, 32) != 0;

    (void)snprintf(head, sizeof head, "stage %zu/%zu", i + 1, n);
    if (!put_within(out, &left, head))
        return;
    if (named) {
        node_name(stage->node, node);
        (void)snprintf(head, sizeof head, " %s", node);
        (void)put_within(out, &left, head);
    }
    if (!any) {
        (void)put_within(out, &left,
                         !named                ? " no node yet"
                         : stage->committed    ? " committed"
                         : !stage->endpoint[0] ? " no address known"
                         : r->ms < 0           ? " has told nothing yet"
                                               : " has just begun");
        return;
    }
    (void)snprintf(backend, sizeof backend, " %-6s", r->backend);
    (void)snprintf(tail[0], sizeof tail[0], " compute %2u %% wait %2u %% network %2u %%", share[0],
                   share[1], share[2]);
    (void)snprintf(tail[1], sizeof tail[1], " %2u/%2u/%2u %%", share[0], share[1], share[2]);
    (void)snprintf(tail[2], sizeof tail[2], "  %5u steps", r->steps);
    if (left >= strlen(backend) + 1 + BAR_LEAST + strlen(tail[1]))
        (void)put_within(out, &left, backend);
    const char *words = tail[left >= 1 + BAR_LEAST + strlen(tail[0]) ? 0 : 1];
    bool steps = left >= 1 + BAR_WISHED + strlen(words) + strlen(tail[2]);
    size_t keep = 1 + strlen(words) + (steps ? strlen(tail[2]) : 0);
    if (left >= keep + BAR_LEAST) {
        unsigned bar = (unsigned)SU_MIN(left - keep, (size_t)BAR_MOST);
        su_buf_str(out, " ");
        put_bar(out, share, bar, look);
        left -= bar + 1;
    }
    (void)put_within(out, &left, words);
    if (steps)
        (void)put_within(out, &left, tail[2]);
}

static double busy_ms(const struct cli_stage *k)
{
    return SU_MAX(k->report.ms, 0.0);
}

void cli_stage_lines(struct su_buf *out, const struct cli_stage *stage, size_t n, size_t most,
                     const struct cli_look *look)
{
    size_t shown = n <= most ? n : SU_MAX(most, (size_t)1) - 1;

    for (size_t i = 0; i < n; i++) {
        size_t before = 0; /* that are busier */
        for (size_t k = 0; k < n && shown < n; k++)
            before += busy_ms(&stage[k]) > busy_ms(&stage[i]) ||
                      (k < i && !(busy_ms(&stage[k]) < busy_ms(&stage[i])));
        if (before >= shown)
            continue;
        cli_stage_line(out, &stage[i], i, n, look);
        su_buf_str(out, "\n");
    }
    if (shown < n)
        su_buf_printf(out, "%zu stages that compute less\n", n - shown);
}
