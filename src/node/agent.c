// SPDX-License-Identifier: MIT
/* Opening, running and closing a node; what it tells the oracles. */
#include "node_priv.h"

#include <stdlib.h>
#include <string.h>

#define TICK_MS 100u
#define BEAT_MAX_MS 30000u
#define SEND_GRACE_MS 1200u /* for transactions under way when the node ends */
#define LAST_BEAT_MS 400u
#define LAMPORTS_LEAST 20000000u /* thousands of signatures, and the rent of two checks */

void node_log_err(enum su_log_level level, const char *what, const struct su_err *e)
{
    char line[600];

    su_err_line(e, line, sizeof line);
    su_log(level, "node", "%s: %s", what, line);
}

uint32_t node_round_ms(const struct su_node_agent *n)
{
    uint64_t ms = n->params.round_slots * n->params.ms_per_slot;

    return (uint32_t)SU_MIN(SU_MAX(ms, 1u), 3600000u);
}

bool node_cancelled(void *ctx)
{
    struct su_node_agent *n = ctx;

    pthread_mutex_lock(&n->lock);
    bool ending = n->ending;
    pthread_mutex_unlock(&n->lock);
    return ending;
}

/* Calls to the chain get a moment: a commitment on its way is better seen to land. */
static bool chain_cancelled(void *ctx)
{
    struct su_node_agent *n = ctx;

    pthread_mutex_lock(&n->lock);
    bool over = n->ending && su_clock_mono_ns() - n->end_ns > (uint64_t)SEND_GRACE_MS * 1000000u;
    pthread_mutex_unlock(&n->lock);
    return over;
}

/* ---- heartbeats ------------------------------------------------------------------------------ */

enum node_state node_state_now(const struct su_node_agent *n)
{
    if (n->unfit)
        return NODE_UNFIT;
    if (n->draining || n->ending)
        return NODE_DRAINING;
    for (const struct node_task *t = n->task; t && n->settled; t = t->next)
        if (t->declared && t->state == NODE_TASK_READY)
            return NODE_READY;
    return NODE_LOADING;
}

/* A node that offers its first task while it loads the others draws the work of all that are slower.
   Once it has settled it stays so: what is declared later is offered when it is loaded. lock held. */
static void settle(struct su_node_agent *n)
{
    bool all = n->task != NULL;

    for (const struct node_task *t = n->task; t && all; t = t->next)
        all = !t->declared || t->state == NODE_TASK_READY || t->state == NODE_TASK_FAILED;
    n->settled = n->settled || all ||
                 su_clock_mono_ns() - n->started_ns > (uint64_t)NODE_SETTLE_MS * 1000000u;
}

static int by_key(const void *a, const void *b)
{
    return memcmp(a, b, 32);
}

/* Room for one more execution: a session of each task that keeps a state, as many as its plan has
   memory for; lock held. */
static bool has_capacity(const struct su_node_agent *n)
{
    bool room = n->n_part < NODE_PARTS_MAX;

    for (const struct node_task *t = n->task; t; t = t->next) {
        if (!t->declared || t->state != NODE_TASK_READY ||
            t->model->package->task[t->index].graph->n_state == 0)
            continue;
        unsigned used = 0;
        for (const struct node_execution *x = n->execution; x; x = x->next)
            for (const struct node_duty *d = x->duty; d; d = d->next)
                used += d->kind == NODE_PART && d->task == t && !d->promised && !d->ended;
        room = room && used < t->model->package->sessions;
    }
    return room;
}

/* What is offered now; lock held. tasks: room for SU_DECLARED_MAX addresses. */
static void describe(const struct su_node_agent *n, uint8_t (*tasks)[32],
                     struct su_wire_heartbeat *h)
{
    enum node_state s = node_state_now(n);
    bool lies = su_node_fault("lying-heartbeat");

    memset(h, 0, sizeof *h);
    h->status = s == NODE_UNFIT      ? SU_WIRE_UNFIT
                : s == NODE_DRAINING ? SU_WIRE_DRAINING
                : s == NODE_READY    ? SU_WIRE_READY
                                     : SU_WIRE_LOADING;
    if (lies)
        h->status = SU_WIRE_READY;
    for (const struct node_task *t = n->task; t && h->task_count < SU_DECLARED_MAX; t = t->next)
        if (t->declared && (lies || (t->state == NODE_TASK_READY && s == NODE_READY)))
            memcpy(tasks[h->task_count++], t->key, 32);
    qsort(tasks, h->task_count, 32, by_key);
    h->tasks = tasks[0];
    h->has_capacity = h->status == SU_WIRE_READY && has_capacity(n);
    h->free_vram_bytes =
        n->account.vram_bytes > n->vram_used ? n->account.vram_bytes - n->vram_used : 0;
    h->numerics_version = su_node_numerics_version();
    h->conformance_root = n->conformance_root;
}

static void beat(struct su_node_agent *n, uint32_t every_ms)
{
    uint8_t tasks[SU_DECLARED_MAX][32];
    struct su_wire_message m = {.kind = SU_WIRE_HEARTBEAT};
    struct su_buf frame;
    struct su_err e;

    pthread_mutex_lock(&n->lock);
    describe(n, tasks, &m.u.heartbeat);
    pthread_mutex_unlock(&n->lock);
    su_buf_init(&frame, 0);
    if (su_peer_frame(n->self, &m, &frame, &e) == SU_OK)
        node_beats_send(n->beats, &frame, SU_MAX(every_ms, 1000u));
    else
        node_log_err(SU_LOG_ERROR, "a heartbeat cannot be made", &e);
    su_buf_fini(&frame);
}

/* ---- opening --------------------------------------------------------------------------------- */

static void on_evidence(void *ctx, const struct su_exchange_evidence *ev)
{
    char a[SU_CHAIN_TEXT], b[SU_CHAIN_TEXT];

    (void)ctx;
    su_log(SU_LOG_WARN, "node", "%s signed %s of output %u of task %u, step %u, execution %s",
           su_chain_key_text(ev->producer, a),
           ev->wrong_leaf ? "a leaf that is not its row's" : "two different rows", ev->output,
           ev->task, ev->step, su_chain_key_text(ev->execution, b));
}

static void on_unknown(void *ctx, const uint8_t execution[32])
{
    if (node_watch_hint(ctx, execution, NULL, 0, NULL) != SU_OK)
        return; /* it comes again as long as it matters */
}

static enum su_code copy_options(struct su_node_agent *n, const struct su_node_options *o,
                                 struct su_err *e)
{
    if (!su_str_copy(n->home, sizeof n->home, o->home))
        return su_fail(e, SU_ELIMIT, o->home, "the path is too long");
    if (!su_str_copy(n->bind, sizeof n->bind, o->bind ? o->bind : "127.0.0.1"))
        return su_fail(e, SU_EINVAL, "--bind", "is no numeric address");
    n->peers = su_alloc(SU_MAX(o->n_peers, 1u) * sizeof *n->peers);
    for (size_t i = 0; i < o->n_peers; i++)
        if (!su_str_copy(n->peers[n->n_peers++], sizeof n->peers[0], o->peers[i]))
            return su_fail(e, SU_ELIMIT, "--peer", "is longer than %zu bytes",
                           sizeof n->peers[0] - 1);
    n->vram_most = o->vram_bytes;
    n->wish = o->wish;
    n->wish_ctx = o->ctx;
    enum su_code rc = su_secret_new(SU_ED25519_SECRET_BYTES, &n->secret, e);
    if (!rc) {
        memcpy(su_secret_data(n->secret), o->secret, SU_ED25519_SECRET_BYTES);
        rc = su_signer_init_memory(&n->signer, o->secret, e);
    }
    if (!rc)
        memcpy(n->identity, n->signer.public_key, 32);
    return rc;
}

/* The device, and another backend to compare with. */
static enum su_code open_devices(struct su_node_agent *n, const struct su_node_options *o,
                                 struct su_err *e)
{
    struct su_exec_opts first = o->exec, second = {.backend = SU_BACKEND_CPU, .threads = 1};
    char cache[4096];
    enum su_code rc = su_path_join(cache, sizeof cache, n->home, "pipelines", e);

    first.cache_dir = cache;
    if (!rc)
        rc = su_exec_open(&first, &n->exec, e);
    if (rc)
        return rc;
    if (su_exec_backend(n->exec) == SU_BACKEND_CPU)
        second = (struct su_exec_opts){.backend = SU_BACKEND_REFERENCE};
    (void)su_str_copy(n->device, sizeof n->device, su_exec_device_name(n->exec));
    rc = su_exec_open(&second, &n->other, e);
    if (!rc)
        rc = su_node_conform(n->exec, n->home, o->conformance, o->progress, o->ctx,
                             n->conformance_root, e);
    return rc;
}

/* A node pays the fees of what it sends, and lends the rents of its checks. */
static void check_purse(struct su_node_agent *n)
{
    char text[SU_CHAIN_TEXT];
    uint64_t lamports;

    if (su_chain_balance(n->chain, n->identity, &lamports, NULL) == SU_OK &&
        lamports < LAMPORTS_LEAST)
        su_log(SU_LOG_WARN, "node",
               "%s holds %.6f SOL, which will not pay for its transactions for long: send it some",
               su_chain_key_text(n->identity, text), (double)lamports / 1e9);
}

static enum su_code open_chain(struct su_node_agent *n, const struct su_node_options *o,
                               struct su_err *e)
{
    const struct su_chain_opts c = {.urls = o->urls,
                                    .n_urls = o->n_urls,
                                    .program = o->program,
                                    .cancelled = chain_cancelled,
                                    .ctx = n};
    enum su_code rc = su_chain_open(&c, &n->chain, e);

    return rc ? rc : node_watch_cluster(n, e);
}

/* The entry on chain is one that this machine can live up to. */
static enum su_code check_entry(const struct su_node_agent *n, struct su_err *e)
{
    const struct su_acc_node *a = &n->account;
    char text[SU_CHAIN_TEXT];

    (void)su_chain_key_text(n->identity, text);
    if (n->params.numerics_version != su_node_numerics_version())
        return su_fail(e, SU_EUNSUPPORTED, "cluster",
                       "demands numerics version %u, this program has %u: update it",
                       n->params.numerics_version, su_node_numerics_version());
    if (a->numerics_version != su_node_numerics_version())
        return su_fail(e, SU_EUNSUPPORTED, text,
                       "is registered with numerics version %u, this program has %u: run "
                       "`splitup-node register`",
                       a->numerics_version, su_node_numerics_version());
    if (memcmp(a->conformance_root, n->conformance_root, 32) != 0)
        return su_fail(e, SU_ECONFORM, text,
                       "is registered with another conformance root than this program's: run "
                       "`splitup-node register`");
    if (a->endpoint_len == 0)
        return su_fail(e, SU_ENOENT, text,
                       "is registered without an endpoint, so nobody could reach it: run "
                       "`splitup-node register --endpoint HOST:PORT`");
    return SU_OK;
}

static enum su_code open_frames(struct su_node_agent *n, struct su_err *e)
{
    const struct su_wire_scope scope = {su_chain_program(n->chain), n->env.genesis};
    struct su_exchange_opts x = {
        .may = node_duty_may, .unknown = on_unknown, .evidence = on_evidence, .ctx = n};
    struct su_journal_opts j = {.dir = NULL};
    char path[4096];
    enum su_code rc = su_path_join(path, sizeof path, n->home, "node", e);

    j.dir = path;
    if (!rc)
        rc = su_peer_self_new(&n->signer, &scope, 0, &n->self, e);
    if (!rc)
        rc = su_journal_open(&j, &n->journal, e);
    x.self = n->self;
    x.journal = n->journal;
    if (!rc)
        rc = su_exchange_new(&x, &n->exchange, e);
    if (!rc)
        rc = node_beats_new(&scope, &n->beats, e);
    return rc;
}

static enum su_code open_store(struct su_node_agent *n, struct su_err *e)
{
    char path[4096];
    enum su_code rc = su_path_join(path, sizeof path, n->home, "blobs", e);

    return rc ? rc : su_store_open(path, NULL, &n->store, e);
}

static uint16_t port_of(const struct su_acc_node *a)
{
    char text[SU_ENDPOINT_MAX + 1];
    uint64_t port = 0;

    su_str_sanitize(text, sizeof text, (const char *)a->endpoint, a->endpoint_len);
    const char *colon = strrchr(text, ':');
    if (!colon || su_parse_u64(colon + 1, NULL, 1, 65535, &port, NULL) != SU_OK)
        return 0;
    return (uint16_t)port;
}

static enum su_code open_all(struct su_node_agent *n, const struct su_node_options *o,
                             struct su_err *e)
{
    enum su_code rc = copy_options(n, o, e);

    if (!rc)
        rc = su_dir_make(n->home, 0700, e);
    if (!rc)
        rc = node_here_take(n->home, &n->here_fd, e);
    if (!rc)
        rc = open_chain(n, o, e);
    if (!rc)
        rc = open_devices(n, o, e);
    if (!rc)
        rc = check_entry(n, e);
    if (!rc)
        check_purse(n);
    if (!rc)
        rc = open_store(n, e);
    if (!rc)
        rc = open_frames(n, e);
    if (!rc)
        rc = node_watch_first(n, e);
    if (!rc)
        rc = node_server_start(n, o->port ? o->port : port_of(&n->account), e);
    if (!rc)
        rc = node_here_tell(n->here_fd, n->url, e);
    return rc;
}

enum su_code su_node_open(const struct su_node_options *o, struct su_node_agent **out,
                          struct su_err *e)
{
    struct su_node_agent *n = su_alloc(sizeof *n);

    *out = NULL;
    n->here_fd = -1;
    n->started_ns = su_clock_mono_ns();
    pthread_mutex_init(&n->lock, NULL);
    node_cond_init(&n->wake);
    node_cond_init(&n->changed);
    enum su_code rc = open_all(n, o, e);
    if (rc) {
        su_node_close(n);
        return rc;
    }
    *out = n;
    return SU_OK;
}

void su_node_close(struct su_node_agent *n)
{
    if (!n)
        return;
    pthread_mutex_lock(&n->lock);
    n->ending = true;
    pthread_mutex_unlock(&n->lock);
    if (n->exchange)
        su_exchange_stop(n->exchange);
    su_http_server_stop(n->server);
    node_beats_free(n->beats);
    node_executions_free(n);
    su_exchange_free(n->exchange);
    su_journal_close(n->journal);
    node_tasks_free(n);
    su_peer_self_free(n->self);
    su_store_close(n->store);
    su_chain_close(n->chain);
    if (n->exec)
        (void)su_exec_close(n->exec, NULL);
    if (n->other)
        (void)su_exec_close(n->other, NULL);
    su_signer_fini(&n->signer);
    su_secret_free(n->secret);
    node_here_leave(n->here_fd);
    pthread_cond_destroy(&n->wake);
    pthread_cond_destroy(&n->changed);
    pthread_mutex_destroy(&n->lock);
    free(n->peers);
    free(n);
}

const char *su_node_url(const struct su_node_agent *n)
{
    return n->url;
}

const uint8_t *su_node_identity(const struct su_node_agent *n)
{
    return n->identity;
}

/* ---- running --------------------------------------------------------------------------------- */

void su_node_end(struct su_node_agent *n, enum su_node_wish how)
{
    pthread_mutex_lock(&n->lock);
    if (how == SU_NODE_DRAIN && !n->draining) {
        n->draining = true;
        n->drain_ns = su_clock_mono_ns();
    }
    if (how == SU_NODE_END && !n->ending) {
        n->ending = true;
        n->end_ns = su_clock_mono_ns();
        pthread_cond_broadcast(&n->changed);
    }
    pthread_cond_broadcast(&n->wake);
    pthread_mutex_unlock(&n->lock);
}

static enum su_code start_threads(struct su_node_agent *n, struct su_err *e)
{
    int failed = pthread_create(&n->watch_thread, NULL, node_watch_main, n);

    n->watching = failed == 0;
    if (!failed)
        failed = pthread_create(&n->preload_thread, NULL, node_preload_main, n);
    n->preloading = n->watching && failed == 0;
    return failed ? su_fail_sys(e, failed, "node", "its threads cannot be made") : SU_OK;
}

/* Draining is over when nothing is left that we have a part in; lock held. */
static bool drained(const struct su_node_agent *n)
{
    if (!n->draining || n->relook || !n->surveyed)
        return false;
    for (const struct node_execution *x = n->execution; x; x = x->next)
        if (x->involved || x->duty)
            return false;
    return true;
}

static void tick(struct su_node_agent *n)
{
    enum su_node_wish wish = n->wish ? n->wish(n->wish_ctx) : SU_NODE_GO_ON;

    if (wish != SU_NODE_GO_ON)
        su_node_end(n, wish);
    pthread_mutex_lock(&n->lock);
    bool done = drained(n);
    pthread_mutex_unlock(&n->lock);
    if (done)
        su_node_end(n, SU_NODE_END);
}

/* Heartbeats at once when what they say has changed, else in their rhythm. */
static void live(struct su_node_agent *n)
{
    uint64_t next_ns = 0;
    unsigned said = UINT32_MAX;

    for (;;) {
        tick(n);
        pthread_mutex_lock(&n->lock);
        bool ending = n->ending;
        unsigned ready = 0;
        settle(n);
        for (const struct node_task *t = n->task; t; t = t->next)
            ready += t->state == NODE_TASK_READY;
        unsigned saying = 16 * ready + 2 * (unsigned)node_state_now(n) + has_capacity(n);
        uint32_t every_ms = SU_MIN(BEAT_MAX_MS, node_round_ms(n));
        pthread_mutex_unlock(&n->lock);
        if (ending)
            return;
        if (saying != said || su_clock_mono_ns() >= next_ns) {
            beat(n, every_ms);
            said = saying;
            next_ns = su_clock_mono_ns() + 1000000ull * every_ms;
        }
        pthread_mutex_lock(&n->lock);
        if (!n->ending)
            node_cond_wait_ms(&n->changed, &n->lock, SU_MIN(TICK_MS, every_ms));
        pthread_mutex_unlock(&n->lock);
    }
}

/* Every duty's thread ends by itself once it sees that the node does. */
static void end_duties(struct su_node_agent *n)
{
    for (bool left = true; left;) {
        left = false;
        pthread_mutex_lock(&n->lock);
        for (struct node_execution *x = n->execution; x; x = x->next)
            left |= !node_duties_end(n, x);
        if (left)
            node_cond_wait_ms(&n->wake, &n->lock, 20);
        pthread_mutex_unlock(&n->lock);
    }
}

enum su_code su_node_run(struct su_node_agent *n, struct su_err *e)
{
    enum su_code rc = start_threads(n, e);

    if (!rc)
        live(n);
    su_node_end(n, SU_NODE_END);
    su_exchange_stop(n->exchange);
    beat(n, LAST_BEAT_MS);
    (void)node_beats_flush(n->beats, LAST_BEAT_MS);
    if (n->watching)
        pthread_join(n->watch_thread, NULL);
    if (n->preloading)
        pthread_join(n->preload_thread, NULL);
    n->watching = n->preloading = false;
    end_duties(n);
    return rc;
}
