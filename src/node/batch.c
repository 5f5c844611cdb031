// SPDX-License-Identifier: MIT
/* Executions that wait for the same task share its dispatches: a device reads the weights once for all
   of them. The first of those who wait takes the turn, and runs what waits behind it along, as far as
   the task takes rows; the others sleep until theirs is done, or they are the first. */
#include "node_priv.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Where a model is cut, two groups of sessions go round: one's rows are computed while the other's are
   elsewhere, or on their way. Fewer and larger dispatches would leave devices without work, smaller ones
   read the weights more often. Those who went together come together, so they wait for one another, for
   as long as a dispatch takes at most; now and then a group that is too small waits for anybody. */
enum { TOGETHER_MAX = 16, LINGER_MOST_NS = 10000000, AGAIN = 16, GONE = 2 * TOGETHER_MAX };
enum { CHUNK_LEAST = 16 }; /* rows of a prompt: fewer read the weights too often */

void node_batch_init(struct node_batch *b)
{
    memset(b, 0, sizeof *b);
    pthread_mutex_init(&b->lock, NULL);
    node_cond_init(&b->arrived);
    for (uint32_t i = 0; i < NODE_BATCH_SEEN; i++)
        pthread_cond_init(&b->moved[i], NULL);
    b->last = &b->first;
}

void node_batch_fini(struct node_batch *b)
{
    for (uint32_t i = 0; i < NODE_BATCH_SEEN; i++)
        pthread_cond_destroy(&b->moved[i]);
    pthread_cond_destroy(&b->arrived);
    pthread_mutex_destroy(&b->lock);
}

void node_batch_sessions(struct node_batch *b, int change)
{
    pthread_mutex_lock(&b->lock);
    b->sessions = (uint32_t)((int64_t)b->sessions + change);
    pthread_mutex_unlock(&b->lock);
}

static pthread_cond_t *moved_of(struct node_batch *b, const struct node_batch_item *item)
{
    return &b->moved[item->row[0].session % NODE_BATCH_SEEN];
}

/* ---- who comes with whom; under the lock ------------------------------------------------------ */

/* The notes on a session; of a new one in place of those on whom was not seen for longest. */
static struct node_batch_seen *seen_of(struct node_batch *b, uint32_t session)
{
    struct node_batch_seen *oldest = NULL;

    for (uint32_t i = 0; i < NODE_BATCH_SEEN; i++) {
        struct node_batch_seen *s = &b->seen[i];
        if ((s->waits || s->group > 0) && s->session == session)
            return s;
        if (!s->waits && (!oldest || s->group < oldest->group))
            oldest = s;
    }
    if (!oldest)
        oldest = &b->seen[session % NODE_BATCH_SEEN];
    *oldest = (struct node_batch_seen){.session = session};
    return oldest;
}

static bool is_about(const struct node_batch *b, const struct node_batch_seen *s)
{
    return s->waits || (s->group > 0 && s->group + GONE > b->groups);
}

uint32_t node_batch_rows(struct node_task *t, uint32_t session, uint32_t n)
{
    struct node_batch *b = &t->batch;
    uint32_t most = SU_MAX(t->model->package->t_max / 2, (uint32_t)CHUNK_LEAST), others = 0;

    if (n <= most)
        return n;
    pthread_mutex_lock(&b->lock);
    for (uint32_t i = 0; i < NODE_BATCH_SEEN; i++)
        others += b->seen[i].session != session && b->seen[i].steps && is_about(b, &b->seen[i]);
    /* Some may have ended since; one of those that are open is this one. */
    others = SU_MIN(others, b->sessions - (session != UINT32_MAX && b->sessions > 0));
    pthread_mutex_unlock(&b->lock);
    return others > 0 ? most : n;
}

/* How many steps a dispatch has at most: half of the sessions that come and go. */
static uint32_t half(const struct node_task *t)
{
    const struct node_batch *b = &t->batch;
    uint32_t n = 0;

    for (uint32_t i = 0; i < NODE_BATCH_SEEN; i++)
        n += is_about(b, &b->seen[i]);
    n = SU_MIN(n, b->sessions);
    return t->model->package->n_task > 1 ? SU_MAX(n / 2, 1u) : SU_MAX(n, 1u);
}

/* Somebody is away who went with one of those who wait. */
static bool lacks_mates(const struct node_batch *b)
{
    for (uint32_t i = 0; i < NODE_BATCH_SEEN; i++)
        for (uint32_t k = 0; k < NODE_BATCH_SEEN && b->seen[i].waits; k++)
            if (!b->seen[k].waits && b->seen[k].group > 0 && b->seen[k].group == b->seen[i].group)
                return true;
    return false;
}

static bool enough(const struct node_task *t)
{
    const struct node_batch *b = &t->batch;

    return b->n_wait >= half(t) || (b->groups % AGAIN != 0 && !lacks_mates(b));
}

/* ---- the queue; under its lock --------------------------------------------------------------- */

static void append(struct node_task *t, struct node_batch_item *item)
{
    struct node_batch *b = &t->batch;

    item->next = NULL;
    *b->last = item;
    b->last = &item->next;
    b->n_wait++;
    struct node_batch_seen *s = seen_of(b, item->row[0].session);
    s->waits = true;
    s->steps = item->n_row == 1;
    if (b->lingers && enough(t))
        pthread_cond_signal(&b->arrived);
}

static void take_out(struct node_batch *b, struct node_batch_item *item)
{
    struct node_batch_item **at = &b->first;
    struct node_batch_seen *s = seen_of(b, item->row[0].session);

    while (*at != item)
        at = &(*at)->next;
    *at = item->next;
    if (b->last == &item->next)
        b->last = at;
    b->n_wait--;
    s->waits = false;
    s->group = b->groups;
}

/* Before a dispatch of one step: for the steps of other sessions. */
static void linger(struct node_task *t, const struct node_batch_item *item)
{
    struct node_batch *b = &t->batch;
    uint64_t now = su_clock_mono_ns();
    uint64_t until = now + SU_MIN(b->last_ns, (uint64_t)LINGER_MOST_NS);
    const struct timespec at = {.tv_sec = (time_t)(until / 1000000000u),
                                .tv_nsec = (long)(until % 1000000000u)};

    if (item->n_row > 1)
        return;
    b->lingers = true;
    for (; !enough(t) && now < until; now = su_clock_mono_ns())
        (void)pthread_cond_timedwait(&b->arrived, &b->lock, &at);
    b->lingers = false;
}

static uint32_t count_emit(const struct node_batch_item *item)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < item->n_row; i++)
        n += item->row[i].emit;
    return n;
}

/* Rows of an input that is alike for a whole dispatch cannot be put together. */
static bool can_share(const struct su_graph *g)
{
    bool can = true;

    for (uint32_t i = 0; i < g->n_input; i++)
        can = can && g->value[g->input[i]].domain != SU_FIXED;
    return can;
}

/* The item and those behind it that fit into its dispatch. */
static uint32_t collect(struct node_task *t, struct node_batch_item *item,
                        struct node_batch_item *out[TOGETHER_MAX])
{
    const struct su_package *p = t->model->package;
    struct node_batch *b = &t->batch;
    uint32_t n = 0, rows = item->n_row, emits = count_emit(item);
    uint32_t most = item->n_row > 1 ? TOGETHER_MAX : SU_MIN(half(t), (uint32_t)TOGETHER_MAX);

    b->groups++;
    out[n++] = item;
    take_out(b, item);
    if (!can_share(p->task[t->index].graph))
        return n;
    for (struct node_batch_item *i = b->first, *next; i && n < most; i = next) {
        uint32_t more = count_emit(i);
        next = i->next;
        if (rows + i->n_row > p->t_max || emits + more > p->e_max)
            continue;
        rows += i->n_row;
        emits += more;
        out[n++] = i;
        take_out(b, i);
    }
    return n;
}

/* ---- together -------------------------------------------------------------------------------- */

/* All rows of a dispatch, and what of it belongs to whom. */
struct together {
    const struct su_graph *g;
    struct node_batch_item **item;
    uint32_t n, n_row;
    struct su_row *row;
    struct su_task_group group[TOGETHER_MAX];
    uint8_t *input[SU_PORTS_MAX];
};

static size_t bytes_of(const struct su_value *v, uint32_t rows, uint32_t emits)
{
    return (size_t)su_value_row_bytes(v) * (v->domain == SU_EMIT ? emits : rows);
}

static void together_fini(struct together *a)
{
    free(a->row);
    for (uint32_t k = 0; k < SU_PORTS_MAX; k++)
        free(a->input[k]);
}

static bool copy_input(struct together *a, uint32_t k)
{
    const struct su_value *v = &a->g->value[a->g->input[k]];
    size_t all = 0, at = 0;

    for (uint32_t i = 0; i < a->n; i++)
        all += bytes_of(v, a->item[i]->n_row, count_emit(a->item[i]));
    a->input[k] = su_try_alloc(SU_MAX(all, (size_t)1), 1);
    for (uint32_t i = 0; a->input[k] && i < a->n; i++) {
        size_t bytes = bytes_of(v, a->item[i]->n_row, count_emit(a->item[i]));
        if (bytes > 0)
            memcpy(a->input[k] + at, a->item[i]->input[k], bytes);
        at += bytes;
    }
    return a->input[k] != NULL;
}

static bool together_init(struct together *a)
{
    uint32_t at = 0;
    bool ok = true;

    for (uint32_t i = 0; i < a->n; i++)
        a->n_row += a->item[i]->n_row;
    a->row = su_try_alloc(a->n_row, sizeof *a->row);
    for (uint32_t i = 0; a->row && i < a->n; i++) {
        memcpy(a->row + at, a->item[i]->row, a->item[i]->n_row * sizeof *a->row);
        a->group[i] = (struct su_task_group){
            .n_row = a->item[i]->n_row, .trace = a->item[i]->trace, .later = a->item[i]->later};
        at += a->item[i]->n_row;
    }
    for (uint32_t k = 0; ok && k < a->g->n_input; k++)
        ok = copy_input(a, k);
    return ok && a->row;
}

/* Gives each its own part of the result; those of whom there is no memory for have failed. */
static void hand_out(struct together *a, const struct su_task_result *r)
{
    uint32_t rows = 0, emits = 0;

    for (uint32_t i = 0; i < a->n; i++) {
        struct node_batch_item *item = a->item[i];
        uint32_t more = count_emit(item);
        size_t all = 1, at = 0;
        for (uint32_t o = 0; o < a->g->n_output; o++)
            all += bytes_of(&a->g->value[a->g->output[o].value], item->n_row, more);
        item->copy = su_try_alloc(all, 1);
        if (!item->copy)
            item->rc = su_fail(&item->e, SU_ENOMEM, "task", "%zu bytes of results", all);
        item->result.ms = r->ms * item->n_row / a->n_row;
        for (uint32_t o = 0; item->copy && o < a->g->n_output; o++) {
            const struct su_value *v = &a->g->value[a->g->output[o].value];
            size_t bytes = bytes_of(v, item->n_row, more);
            if (bytes > 0)
                memcpy(item->copy + at, (const uint8_t *)r->output[o] + bytes_of(v, rows, emits),
                       bytes);
            item->result.output[o] = item->copy + at;
            item->result.row_bytes[o] = r->row_bytes[o];
            item->result.rows[o] = v->domain == SU_EMIT ? more : item->n_row;
            at += bytes;
        }
        rows += item->n_row;
        emits += more;
    }
}

/* False: not possible together; nothing has happened. */
static bool run_together(struct node_task *t, struct node_batch_item **item, uint32_t n)
{
    struct together a = {
        .g = t->model->package->task[t->index].graph, .item = item, .n = n, .n_row = 0};
    struct su_task_result r;
    bool ok =
        together_init(&a) && su_task_run_groups(t->task, a.row, a.group, n,
                                                (const void *const *)a.input, &r, NULL) == SU_OK;

    if (ok) {
        hand_out(&a, &r);
        su_task_result_fini(&r);
    }
    together_fini(&a);
    return ok;
}

static void run_alone(struct node_task *t, struct node_batch_item *item)
{
    const struct su_task_group group = {
        .n_row = item->n_row, .trace = item->trace, .later = item->later};

    item->rc =
        su_task_run_groups(t->task, item->row, &group, 1, item->input, &item->result, &item->e);
}

/* Asks what goes to others, and gives it away: signed and sent together. */
static void give_away(struct node_batch_item *const *item, uint32_t n)
{
    struct su_flow_given *given = su_alloc((size_t)n * SU_PORTS_MAX * sizeof *given);
    uint32_t end[TOGETHER_MAX], k = 0;

    for (uint32_t i = 0; i < n; i++) {
        uint32_t more = 0;
        if (!item[i]->rc && item[i]->give)
            item[i]->rc =
                item[i]->give(item[i]->ctx, &item[i]->result, given + k, &more, &item[i]->e);
        k += item[i]->rc ? 0 : more;
        end[i] = k;
    }
    su_flow_emit_all(given, k);
    for (uint32_t i = 0; i < n; i++)
        for (uint32_t g = i > 0 ? end[i - 1] : 0; g < end[i] && !item[i]->rc; g++)
            if (given[g].rc) {
                item[i]->rc = given[g].rc;
                item[i]->e = given[g].e;
            }
    free(given);
}

static void let_next_begin(struct node_batch *b, uint32_t dispatches, uint32_t rows)
{
    pthread_mutex_lock(&b->lock);
    b->dispatches += dispatches;
    b->rows += rows;
    b->busy = false;
    pthread_cond_t *next = b->first ? moved_of(b, b->first) : NULL;
    pthread_mutex_unlock(&b->lock);
    if (next)
        pthread_cond_broadcast(next);
}

/* They are gone when they have seen that they are done. */
static void let_go(struct node_batch *b, struct node_batch_item *const *item, uint32_t n)
{
    pthread_cond_t *moved[TOGETHER_MAX];

    pthread_mutex_lock(&b->lock);
    for (uint32_t i = 0; i < n; i++) {
        moved[i] = moved_of(b, item[i]);
        item[i]->done = true;
    }
    pthread_mutex_unlock(&b->lock);
    for (uint32_t i = 0; i < n; i++)
        pthread_cond_broadcast(moved[i]);
}

/* The queue's first has the device: runs what goes together, and lets the next one begin. */
static void lead(struct node_task *t, struct node_batch_item *item)
{
    struct node_batch *b = &t->batch;
    struct node_batch_item *all[TOGETHER_MAX];
    uint32_t rows = 0;

    node_turn_take(&t->turn);
    pthread_mutex_lock(&b->lock);
    linger(t, item);
    uint32_t n = collect(t, item, all);
    pthread_mutex_unlock(&b->lock);
    uint64_t begun = su_clock_mono_ns();
    bool together = n > 1 && run_together(t, all, n);
    for (uint32_t i = 0; i < n; i++) {
        if (!together)
            run_alone(t, all[i]);
        rows += all[i]->n_row;
        all[i]->ran_ns = su_clock_mono_ns();
    }
    if (item->n_row == 1)
        b->last_ns = su_clock_mono_ns() - begun; /* read by who leads, as the turn is his */
    node_turn_give(&t->turn);
    let_next_begin(b, together ? 1 : n, rows);
    give_away(all, n);
    let_go(b, all, n);
}

enum su_code node_batch_run(struct node_task *t, struct node_batch_item *item, struct su_err *e)
{
    struct node_batch *b = &t->batch;
    uint64_t since = su_clock_mono_ns();

    pthread_mutex_lock(&b->lock);
    append(t, item);
    while (!item->done && (b->busy || b->first != item))
        pthread_cond_wait(moved_of(b, item), &b->lock);
    bool leads = !item->done;
    b->busy = b->busy || leads;
    pthread_mutex_unlock(&b->lock);
    if (leads)
        lead(t, item);
    uint64_t took = (item->ran_ns - since) / 1000;
    item->queue_us = took - SU_MIN(took, (uint64_t)(item->result.ms * 1000));
    if (item->rc && e)
        *e = item->e;
    return item->rc;
}

void node_batch_item_fini(struct node_batch_item *item)
{
    su_task_result_fini(&item->result);
    free(item->copy);
    item->copy = NULL;
}
