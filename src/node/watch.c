// SPDX-License-Identifier: MIT
/* Reads the chain: our own entry, the configuration in force and its oracles, and the executions that
   we have, or are said to have, a part in; nothing else, but for one list of our reserves when their
   number changes. */
#include "node_priv.h"

#include <stdlib.h>
#include <string.h>

#define TABLE_MS 1000u /* deadline of asking an oracle for a table */
#define SURVEY_ROUNDS 2u /* until new tables are without a node that drains */
#define SURVEYS_MAX 5u /* tries, when no oracle answers */
#define READ_ROUNDS 4u /* what does not seem to change is read all the same after so many, or */
#define READ_MS 10000u /* so long */
#define IDLE_MS 60000u /* without work or news for so long: looks become rarer */
#define IDLE_TIMES 3u
#define RESERVE_NODE_AT 72u /* offset of su_acc_reserve.node */

_Static_assert(offsetof(struct su_acc_reserve, node) == RESERVE_NODE_AT, "offset of the filter");

/* What the thread knows beside the node. */
struct eye {
    struct su_acc_state state; /* as it was read last */
    uint64_t own_ns; /* it, and our entry, were read; 0: not yet */
    uint64_t moved_ns; /* there was something to do */
};

/* ---- the cluster ----------------------------------------------------------------------------- */

/* Endpoints of a configuration's oracles. */
static enum su_code read_oracles(struct su_node_agent *n, const struct su_chain_env *env,
                                 const struct su_acc_config *config, struct node_beats_to *out,
                                 struct su_err *e)
{
    struct su_chain_accounts list = {0};
    uint8_t keys[SU_ORACLES_MAX][32];

    for (size_t i = 0; i < config->oracle_count; i++)
        su_chain_addr_oracle(env, config->oracles[i].key, keys[i]);
    enum su_code rc = SU_OK;
    if (config->oracle_count > 0)
        rc = su_chain_accounts_get(n->chain, (const uint8_t(*)[32])keys, config->oracle_count,
                                   &list, e);
    for (size_t i = 0; i < config->oracle_count && !rc; i++) {
        const struct su_acc_oracle *o;
        out[i] = (struct node_beats_to){.endpoint = ""};
        memcpy(out[i].key, config->oracles[i].key, 32);
        if (su_chain_as_oracle(&list.items[i], su_chain_program(n->chain), &o, NULL) == SU_OK)
            su_str_sanitize(out[i].endpoint, sizeof out[i].endpoint, (const char *)o->endpoint,
                            o->endpoint_len);
    }
    su_chain_accounts_fini(&list);
    return rc;
}

static void direct_beats(struct su_node_agent *n)
{
    size_t count = su_node_fault("heartbeat-one-oracle") ? SU_MIN(n->n_oracle, 1u) : n->n_oracle;

    node_beats_direct(n->beats, n->oracle, count);
}

static enum su_code read_cluster(struct su_node_agent *n, struct su_err *e)
{
    struct node_beats_to oracle[SU_ORACLES_MAX] = {{{0}, ""}};
    struct su_chain_accounts list = {0};
    const struct su_acc_config *config;
    struct su_chain_env env;
    enum su_code rc = su_chain_env_get(n->chain, &env, e);

    if (!rc)
        rc = su_chain_config_now(n->chain, &env, &list, &config, e);
    if (!rc)
        rc = read_oracles(n, &env, config, oracle, e);
    if (!rc) {
        pthread_mutex_lock(&n->lock);
        n->env = env;
        n->params = config->params;
        n->n_oracle = config->oracle_count;
        memcpy(n->oracle, oracle, sizeof oracle);
        pthread_mutex_unlock(&n->lock);
        if (n->beats)
            direct_beats(n);
    }
    su_chain_accounts_fini(&list);
    return rc;
}

/* Our entry and the state. */
static enum su_code read_own(struct su_node_agent *n, struct eye *eye, struct su_err *e)
{
    struct su_chain_accounts list = {0};
    const struct su_acc_node *a;
    const struct su_acc_state *state;
    uint8_t keys[2][32];
    char text[SU_CHAIN_TEXT];

    su_chain_addr_node(&n->env, n->identity, keys[0]);
    memcpy(keys[1], n->env.state, 32);
    enum su_code rc = su_chain_accounts_get(n->chain, (const uint8_t(*)[32])keys, 2, &list, e);
    if (!rc)
        rc = su_chain_as_node(&list.items[0], su_chain_program(n->chain), &a, e);
    if (rc == SU_ENOENT)
        rc = su_fail(e, rc, su_chain_key_text(n->identity, text),
                     "is not registered on this cluster: run `splitup-node register`");
    if (!rc)
        rc = su_chain_as_state(&list.items[1], su_chain_program(n->chain), &state, e);
    if (!rc) {
        eye->state = *state;
        eye->own_ns = su_clock_mono_ns();
        pthread_mutex_lock(&n->lock);
        n->relist = n->relist || a->reserves_open != n->account.reserves_open;
        if (a->declared_count != n->account.declared_count ||
            memcmp(a->declared, n->account.declared, sizeof a->declared) != 0 ||
            a->vram_bytes != n->account.vram_bytes) {
            n->reload = true;
            pthread_cond_broadcast(&n->wake);
        }
        n->account = *a;
        n->slot = list.slot;
        pthread_mutex_unlock(&n->lock);
    }
    su_chain_accounts_fini(&list);
    return rc;
}

/* ---- which executions ------------------------------------------------------------------------ */

static struct node_execution *find(struct su_node_agent *n, const uint8_t key[32])
{
    for (struct node_execution *x = n->execution; x; x = x->next)
        if (memcmp(x->key, key, 32) == 0)
            return x;
    return NULL;
}

enum su_code node_watch_hint(struct su_node_agent *n, const uint8_t execution[32],
                             const void *table, size_t table_bytes, struct su_err *e)
{
    enum su_code rc = SU_OK;

    pthread_mutex_lock(&n->lock);
    struct node_execution *x = find(n, execution);
    if (!x && n->n_execution >= NODE_EXECUTIONS_MAX)
        rc = su_fail(e, SU_EBUSY, NULL, "%u executions are watched already", NODE_EXECUTIONS_MAX);
    if (!x && !rc) {
        x = su_alloc(sizeof *x);
        memcpy(x->key, execution, 32);
        su_buf_init(&x->table, 0);
        su_buf_init(&x->grants, 0);
        x->since_ns = su_clock_mono_ns();
        x->next = n->execution;
        n->execution = x;
        n->n_execution++;
    }
    if (x && table && x->table.len == 0)
        su_buf_put(&x->table, table, table_bytes);
    if (x)
        x->read_ns = 0;
    if (!rc) {
        n->relook = true;
        pthread_cond_broadcast(&n->wake);
    }
    pthread_mutex_unlock(&n->lock);
    return rc;
}

/* Executions in which stake of ours is reserved. */
static enum su_code read_reserves(struct su_node_agent *n, struct su_err *e)
{
    const struct su_chain_filter mine = {.offset = RESERVE_NODE_AT, .bytes = n->identity, .n = 32};
    struct su_chain_accounts list = {0};
    enum su_code rc = su_chain_list(n->chain, SU_TAG_RESERVE, &mine, &list, e);

    for (size_t i = 0; i < list.n && !rc; i++) {
        const struct su_acc_reserve *r;
        if (su_chain_as_reserve(&list.items[i], su_chain_program(n->chain), &r, NULL) == SU_OK)
            rc = node_watch_hint(n, r->execution, NULL, 0, e);
    }
    n->relist = rc != SU_OK;
    su_chain_accounts_fini(&list);
    return rc;
}

static void on_journal(void *ctx, const uint8_t execution[32])
{
    struct su_node_agent *n = ctx;
    struct su_err e;

    if (node_watch_hint(n, execution, NULL, 0, &e) != SU_OK)
        node_log_err(SU_LOG_WARN, "an execution in the journal", &e);
}

enum su_code node_watch_cluster(struct su_node_agent *n, struct su_err *e)
{
    struct eye eye;
    enum su_code rc = read_cluster(n, e);

    return rc ? rc : read_own(n, &eye, e);
}

enum su_code node_watch_first(struct su_node_agent *n, struct su_err *e)
{
    enum su_code rc = su_journal_each(n->journal, on_journal, n, e);

    if (!rc)
        rc = read_reserves(n, e);
    direct_beats(n);
    if (!rc)
        n->reload = n->relook = true;
    return rc;
}

/* ---- tables ---------------------------------------------------------------------------------- */

static void voted_free(struct node_execution *x)
{
    free(x->rows);
    free(x->nodes);
    x->rows = NULL;
    x->nodes = NULL;
    x->voted = (struct su_chain_voted){.rows = NULL};
}

/* Takes the frame apart; true when it is what was voted. */
static bool table_fits(struct node_execution *x, const struct su_buf *frame)
{
    struct su_wire_frame f;
    uint8_t root[32], depth;

    if (su_wire_parse(frame->data, frame->len, &f, NULL) != SU_OK || f.m.kind != SU_WIRE_TABLE ||
        !f.whole)
        return false;
    const struct su_wire_table *t = &f.m.u.table;
    x->rows = su_try_alloc(t->row_count, sizeof *x->rows);
    x->nodes = su_try_alloc(t->task_count, 32);
    if (!x->rows || !x->nodes) {
        voted_free(x);
        return false;
    }
    for (uint32_t i = 0; i < t->row_count; i++)
        su_wire_table_row(&f.m, i, &x->rows[i]);
    bool good = su_chain_rows_prove(x->rows, t->row_count, root, &depth, NULL) == SU_OK;
    for (uint32_t i = 0; i < t->task_count && good; i++) {
        uint16_t row = su_le16(t->rows_of_tasks + 2 * i);
        good = row < t->row_count;
        if (good)
            memcpy(x->nodes[i], x->rows[row].identity, 32);
    }
    x->voted = (struct su_chain_voted){.rows = x->rows,
                                       .n_rows = t->row_count,
                                       .nodes = (const uint8_t(*)[32])x->nodes,
                                       .n_nodes = t->task_count};
    good = good && su_chain_voted_fits(&x->voted, x->seen->execution);
    if (!good)
        voted_free(x);
    return good;
}

/* The table that the oracles voted, when it is needed: the one that came with a notice, else one that
   an oracle hands out; at most one question a second. */
static void need_table(struct su_node_agent *n, struct node_execution *x)
{
    const struct su_acc_execution *a = x->seen->execution;
    const struct su_wire_scope scope = {su_chain_program(n->chain), x->seen->env.genesis};
    const struct su_peer_call call = {
        .deadline_ms = TABLE_MS, .cancelled = node_cancelled, .ctx = n};
    struct su_buf frame;
    uint64_t now = su_clock_mono_ns();

    su_buf_init(&frame, 0);
    pthread_mutex_lock(&n->lock);
    bool wanted = !x->voted.rows &&
                  (a->state == SU_EXEC_CHECKING || (n->draining && a->state >= SU_EXEC_ASSIGNING));
    if (!wanted || a->state > SU_EXEC_CHECKING) {
        pthread_mutex_unlock(&n->lock);
        return;
    }
    struct su_buf given = x->table;
    x->table = frame;
    struct node_beats_to to = n->oracle[(now >> 30) % SU_MAX(n->n_oracle, 1)];
    pthread_mutex_unlock(&n->lock);
    bool fits = given.len > 0 && table_fits(x, &given);
    su_buf_fini(&given);
    if (fits || now - x->asked_ns < 1000000000ull || to.endpoint[0] == 0)
        return;
    x->asked_ns = now;
    if (su_peer_table_get(&scope, to.endpoint, x->key, a->table_root, a->assignment_root, &call,
                          &frame, NULL) == SU_OK)
        (void)table_fits(x, &frame);
    su_buf_fini(&frame);
}

/* ---- reading executions ---------------------------------------------------------------------- */

static void case_free(struct su_chain_case *c)
{
    if (c)
        su_chain_case_fini(c);
    free(c);
}

static bool involved(const struct su_node_agent *n, const struct su_chain_case *c)
{
    const struct su_chain_part *p = su_chain_case_part(c, n->identity);

    if (p && p->reserve)
        return true;
    for (size_t i = 0; i < SU_TASKS_MAX; i++)
        if (c->assignments[i] && memcmp(c->assignments[i]->node, n->identity, 32) == 0)
            return true;
    return false;
}

/* Its checks may still be drawn from its table, in which we stand. */
static bool may_be_drawn(const struct su_node_agent *n, const struct node_execution *x)
{
    uint8_t state = x->seen->execution->state;
    bool stands = false;

    for (size_t i = 0; i < x->voted.n_rows && !stands; i++)
        stands = memcmp(x->rows[i].identity, n->identity, 32) == 0;
    return stands && state >= SU_EXEC_ASSIGNING && state <= SU_EXEC_CHECKING;
}

static void read_one(struct su_node_agent *n, struct node_execution *x,
                     const struct su_chain_env *env)
{
    const struct su_chain_case_hints hints = {.before = x->seen,
                                              .voted = x->voted.rows ? &x->voted : NULL,
                                              .more = (const uint8_t(*)[32])n->identity,
                                              .n_more = 1};
    struct su_chain_case *now = su_alloc(sizeof *now);
    struct su_err e = {0};

    pthread_mutex_lock(&n->lock);
    x->read_ns = su_clock_mono_ns(); /* before: news that come meanwhile are not in it */
    pthread_mutex_unlock(&n->lock);
    enum su_code rc = su_chain_case_load(n->chain, env, x->key, &hints, now, &e);
    if (rc) {
        case_free(now);
        if (rc != SU_ENOENT && rc != SU_ECANCELLED)
            node_log_err(SU_LOG_DEBUG, "an execution cannot be read", &e);
        pthread_mutex_lock(&n->lock);
        x->gone = x->gone || rc == SU_ENOENT;
        x->read_ns = 0;
        pthread_mutex_unlock(&n->lock);
        return;
    }
    case_free(x->seen);
    x->seen = now;
    need_table(n, x);
    pthread_mutex_lock(&n->lock);
    x->request_slot = now->execution->request_slot;
    x->involved = involved(n, now) || (n->draining && may_be_drawn(n, x));
    pthread_mutex_unlock(&n->lock);
    node_duties_look(n, x);
}

static void execution_free(struct node_execution *x)
{
    case_free(x->seen);
    voted_free(x);
    su_buf_fini(&x->table);
    su_buf_fini(&x->grants);
    free(x);
}

void node_executions_free(struct su_node_agent *n)
{
    while (n->execution) {
        struct node_execution *x = n->execution;
        n->execution = x->next;
        execution_free(x);
    }
}

/* Takes out of the list what is over: closed on chain, or never was our business. */
static struct node_execution *take_finished(struct su_node_agent *n)
{
    struct node_execution *out = NULL;
    uint64_t now = su_clock_mono_ns();

    pthread_mutex_lock(&n->lock);
    for (struct node_execution **at = &n->execution; *at;) {
        struct node_execution *x = *at;
        bool stale =
            !x->involved && !x->duty && now - x->since_ns > (uint64_t)NODE_STALE_MS * 1000000u;
        if ((!x->gone && !stale) || !node_duties_end(n, x)) {
            at = &x->next;
            continue;
        }
        *at = x->next;
        n->n_execution--;
        x->next = out;
        out = x;
    }
    pthread_mutex_unlock(&n->lock);
    return out;
}

/* ---- glances --------------------------------------------------------------------------------- */

/* What is looked at in one call: our entry and the state, then executions that were read before. */
enum { SIGHT_OWN, SIGHT_STATE, SIGHT_HEADS };
struct sight {
    struct su_chain_glance *glance, **at;
    struct node_execution **x; /* of the glances behind the heads */
    size_t n;
    uint64_t slot;
};

/* Everything that moves it shows in its own account, so that a glance tells whether there is more to
   be read; lock held. Whoever is checking, or waits to be drawn, also reads what hangs on it. */
static bool is_plain(struct su_node_agent *n, const struct node_execution *x)
{
    const uint64_t most =
        SU_MIN((uint64_t)READ_ROUNDS * node_round_ms(n), (uint64_t)READ_MS) * 1000000u;

    if (!x->seen || x->gone || n->draining || x->read_ns == 0 ||
        x->seen->execution->state < SU_EXEC_ASSIGNING || su_clock_mono_ns() - x->read_ns > most)
        return false;
    for (const struct node_duty *d = x->duty; d; d = d->next)
        if (d->kind == NODE_CHECK && !d->over)
            return false;
    return true;
}

static void sight_fini(struct sight *s)
{
    free(s->glance);
    free(s->at);
    free(s->x);
}

/* Takes down what is known; SU_ENOMEM. */
static enum su_code sight_begin(struct su_node_agent *n, const struct eye *eye, struct sight *s,
                                struct su_err *e)
{
    uint8_t key[32];

    pthread_mutex_lock(&n->lock);
    const size_t cap = SIGHT_HEADS + n->n_execution;
    s->glance = su_try_alloc(cap, sizeof *s->glance);
    s->at = su_try_alloc(cap, sizeof(struct su_chain_glance *));
    s->x = su_try_alloc(cap, sizeof(struct node_execution *));
    bool room = s->glance && s->at && s->x;
    if (room) {
        su_chain_addr_node(&n->env, n->identity, key);
        su_chain_glance_at(&s->glance[SIGHT_OWN], key, &n->account,
                           offsetof(struct su_acc_node, declared));
        su_chain_glance_at(&s->glance[SIGHT_STATE], n->env.state, &eye->state, sizeof eye->state);
        s->n = SIGHT_HEADS;
    }
    for (struct node_execution *x = n->execution; x && room; x = x->next)
        if (is_plain(n, x)) {
            s->x[s->n] = x;
            su_chain_glance_of(&s->glance[s->n++], x->seen);
        }
    pthread_mutex_unlock(&n->lock);
    for (size_t i = 0; i < s->n; i++)
        s->at[i] = &s->glance[i];
    return room ? SU_OK : su_fail(e, SU_ENOMEM, "executions", "no memory to compare them");
}

/* Reads our own entry when it has changed, or was not read for long. */
static enum su_code look_own(struct su_node_agent *n, struct eye *eye, struct sight *s,
                             struct su_err *e)
{
    const uint64_t most = SU_MAX((uint64_t)READ_MS, (uint64_t)READ_ROUNDS * node_round_ms(n));
    bool known = eye->own_ns != 0 && su_clock_mono_ns() - eye->own_ns < most * 1000000u;
    enum su_code rc = sight_begin(n, eye, s, e);

    if (!rc && (known || s->n > SIGHT_HEADS))
        rc = su_chain_glance(n->chain, s->at, s->n, &s->slot, e);
    if (rc) {
        s->n = 0; /* nothing was seen */
        return rc;
    }
    bool changed = s->glance[SIGHT_OWN].changed || s->glance[SIGHT_STATE].changed;
    if (changed)
        eye->moved_ns = su_clock_mono_ns();
    if (changed || !known)
        rc = read_own(n, eye, e);
    pthread_mutex_lock(&n->lock);
    n->slot = SU_MAX(n->slot, s->slot);
    bool new_epoch =
        eye->state.latest_epoch != n->env.epoch && n->slot >= eye->state.latest_start_slot;
    pthread_mutex_unlock(&n->lock);
    return !rc && new_epoch ? read_cluster(n, e) : rc;
}

/* True when it was seen to be as it was read; its time goes on. */
static bool is_same(struct su_node_agent *n, struct node_execution *x, const struct sight *s)
{
    for (size_t i = SIGHT_HEADS; i < s->n; i++) {
        if (s->x[i] != x)
            continue;
        if (s->glance[i].changed)
            return false;
        x->seen->slot = SU_MAX(x->seen->slot, s->slot);
        pthread_mutex_lock(&n->lock);
        for (struct node_duty *d = x->duty; d; d = d->next)
            d->view.slot = x->seen->slot;
        bool told = x->read_ns == 0;
        pthread_mutex_unlock(&n->lock);
        return !told;
    }
    return false;
}

static void read_executions(struct su_node_agent *n, const struct sight *s)
{
    struct su_chain_env env;

    pthread_mutex_lock(&n->lock);
    env = n->env;
    struct node_execution *x =
        n->execution; /* only this thread takes any out; new ones come first */
    pthread_mutex_unlock(&n->lock);
    for (; x && !node_cancelled(n); x = x->next)
        if (!x->gone && !is_same(n, x, s))
            read_one(n, x, &env);
    for (struct node_execution *done = take_finished(n); done;) {
        struct node_execution *next = done->next;
        su_exchange_leave(n->exchange, done->key);
        execution_free(done);
        done = next;
    }
}

/* ---- draining -------------------------------------------------------------------------------- */

/* The executions that an oracle watches, taken note of. */
static enum su_code survey_one(struct su_node_agent *n, const char *endpoint)
{
    const struct su_peer_call call = {
        .deadline_ms = TABLE_MS, .cancelled = node_cancelled, .ctx = n};
    struct su_json *doc = NULL;
    struct su_buf text;
    uint8_t key[32];

    su_buf_init(&text, SU_PEER_STATUS_BYTES_MAX);
    enum su_code rc = su_peer_status_get(endpoint, &call, &text, NULL);
    if (!rc)
        rc = su_json_parse(text.data, text.len, "status", NULL, &doc, NULL);
    if (!rc)
        for (const struct su_json_value *v =
                 su_json_first(su_json_member(su_json_root(doc), "watching"));
             v && !rc; v = su_json_next(v)) {
            const char *name;
            if (su_json_as_str(v, NULL, &name, NULL) == SU_OK &&
                su_chain_key_parse(name, "execution", key, NULL) == SU_OK)
                rc = node_watch_hint(n, key, NULL, 0, NULL);
        }
    su_json_free(doc);
    su_buf_fini(&text);
    return rc;
}

/* Who leaves may still be drawn to check what others run: from tables that were voted before the
   oracles heard of it. Those executions are found, and waited for. */
static void survey(struct su_node_agent *n)
{
    struct node_beats_to oracle[SU_ORACLES_MAX];
    bool done = false;

    pthread_mutex_lock(&n->lock);
    uint64_t since = n->drain_ns + (uint64_t)SURVEY_ROUNDS * node_round_ms(n) * 1000000u;
    size_t count = n->n_oracle;
    memcpy(oracle, n->oracle, sizeof oracle);
    bool due = n->draining && !n->surveyed && !n->ending && su_clock_mono_ns() >= since;
    pthread_mutex_unlock(&n->lock);
    if (!due)
        return;
    for (size_t i = 0; i < count; i++)
        if (oracle[i].endpoint[0])
            done |= survey_one(n, oracle[i].endpoint) == SU_OK;
    if (!done && ++n->surveys < SURVEYS_MAX)
        return;
    pthread_mutex_lock(&n->lock);
    n->surveyed = true;
    pthread_mutex_unlock(&n->lock);
}

/* ---- the thread ------------------------------------------------------------------------------ */

/* How long to wait before the next look; lock held. */
static uint32_t pause_ms(const struct su_node_agent *n, const struct eye *eye)
{
    const uint32_t round = node_round_ms(n), idle = SU_MIN(SU_MAX(round, 200u), 5000u);

    if (n->execution)
        return SU_MIN(SU_MAX(round / 4, 100u), 2000u);
    /* Who needs us tells us; this is for declarations, new configurations, and notices that were lost. */
    return su_clock_mono_ns() - eye->moved_ns < IDLE_MS * 1000000ull
               ? idle
               : SU_MIN(IDLE_TIMES * idle, 5000u);
}

/* As many as our entry counts are in executions that are watched: nobody must be asked for others. */
static bool knows_reserves(struct su_node_agent *n)
{
    uint32_t known = 0;

    pthread_mutex_lock(&n->lock);
    const struct node_execution *x = n->execution; /* others only add, before it */
    pthread_mutex_unlock(&n->lock);
    for (; x; x = x->next) {
        const struct su_chain_part *p = x->seen ? su_chain_case_part(x->seen, n->identity) : NULL;
        known += p && p->reserve;
    }
    return known == n->account.reserves_open;
}

static void look(struct su_node_agent *n, struct eye *eye, bool *complained)
{
    struct sight s = {.n = 0};
    struct su_err e = {0};
    enum su_code rc = look_own(n, eye, &s, &e);

    read_executions(n, &s);
    if (!rc && n->relist && !knows_reserves(n))
        rc = read_reserves(n, &e);
    n->relist = n->relist && rc != SU_OK;
    if (rc && rc != SU_ECANCELLED && !*complained)
        node_log_err(SU_LOG_WARN, "the chain cannot be read", &e);
    else if (!rc && *complained)
        su_log(SU_LOG_INFO, "node", "the chain can be read again");
    *complained = rc != SU_OK;
    survey(n);
    sight_fini(&s);
}

void *node_watch_main(void *ctx)
{
    struct su_node_agent *n = ctx;
    struct eye eye = {.moved_ns = su_clock_mono_ns()};
    bool complained = false;

    pthread_mutex_lock(&n->lock);
    while (!n->ending) {
        n->relook = false;
        pthread_mutex_unlock(&n->lock);
        look(n, &eye, &complained);
        pthread_mutex_lock(&n->lock);
        if (n->execution)
            eye.moved_ns = su_clock_mono_ns();
        uint64_t until = su_clock_mono_ns() + 1000000ull * pause_ms(n, &eye);
        for (uint64_t now; !n->ending && !n->relook && (now = su_clock_mono_ns()) < until;)
            node_cond_wait_ms(&n->wake, &n->lock, (uint32_t)((until - now) / 1000000) + 1);
    }
    pthread_mutex_unlock(&n->lock);
    return NULL;
}
