// SPDX-License-Identifier: MIT
/* Keeps what the node's entry declares loaded: packages and weights are fetched, held against the
   chain's digests, and put on the device, one task after the other. Nothing is offered before that. */
#include "node_priv.h"
#include "spoil.h"

#include <stdlib.h>
#include <string.h>

#define RETRY_FIRST_MS 1000u
#define RETRY_MAX_MS 60000u
#define PEERS_MAX 40u
#define LISTEN_MS 1000u /* that a source may take to accept a connection */

struct node_task *node_task_find(struct su_node_agent *n, const uint8_t key[32])
{
    for (struct node_task *t = n->task; t; t = t->next)
        if (memcmp(t->key, key, 32) == 0)
            return t;
    return NULL;
}

struct node_task *node_task_use(struct su_node_agent *n, const uint8_t key[32])
{
    struct node_task *t = node_task_find(n, key);

    if (!t || t->state != NODE_TASK_READY)
        return NULL;
    t->uses++;
    return t;
}

void node_task_drop(struct su_node_agent *n, struct node_task *t)
{
    t->uses--;
    if (!t->declared && t->uses == 0) {
        n->reload = true;
        pthread_cond_broadcast(&n->wake);
    }
}

static void task_free(struct node_task *t)
{
    su_task_close(t->task);
    su_task_close(t->other);
    node_turn_fini(&t->turn);
    node_batch_fini(&t->batch);
    node_turn_fini(&t->other_turn);
    free(t);
}

void node_tasks_free(struct su_node_agent *n)
{
    while (n->task) {
        struct node_task *t = n->task;
        n->task = t->next;
        task_free(t);
    }
    while (n->model) {
        struct node_model *m = n->model;
        n->model = m->next;
        su_package_free(m->package);
        free(m);
    }
}

/* ---- where packages and weights come from ---------------------------------------------------- */

struct sources {
    char url[PEERS_MAX][160]; /* "http://HOST:PORT" */
    bool tried[PEERS_MAX], refuses[PEERS_MAX]; /* nobody listens there: it is left out */
    size_t n;
};

static void add_source(struct sources *s, const char *url)
{
    for (size_t i = 0; i < s->n; i++)
        if (strcmp(s->url[i], url) == 0)
            return;
    if (s->n < PEERS_MAX && su_str_copy(s->url[s->n], sizeof s->url[0], url))
        s->n++;
}

/* Endpoints of those who declare a task of the model, as the ledger lists them. */
static void add_nodes(struct su_node_agent *n, const struct su_chain_model *m, struct sources *s)
{
    struct su_chain_accounts list = {0};

    if (su_chain_list(n->chain, SU_TAG_NODE, NULL, &list, NULL) == SU_OK)
        for (size_t i = 0; i < list.n && s->n < PEERS_MAX; i++) {
            const struct su_acc_node *a;
            char endpoint[SU_ENDPOINT_MAX + 1], url[160];
            bool declares = false;
            if (su_chain_as_node(&list.items[i], su_chain_program(n->chain), &a, NULL) != SU_OK ||
                memcmp(a->identity, n->identity, 32) == 0 || a->endpoint_len == 0)
                continue;
            for (size_t k = 0; k < a->declared_count && !declares; k++)
                for (size_t t = 0; t < m->model->tasks_added && !declares; t++)
                    declares = memcmp(a->declared[k], m->task_keys[t], 32) == 0;
            su_str_sanitize(endpoint, sizeof endpoint, (const char *)a->endpoint, a->endpoint_len);
            if (declares && su_peer_url(endpoint, "/", url, sizeof url, NULL) == SU_OK) {
                url[strlen(url) - 1] = 0;
                add_source(s, url);
            }
        }
    su_chain_accounts_fini(&list);
}

/* The package is the one that the chain registers. */
static enum su_code check_package(const struct su_package *p, const struct su_chain_model *m,
                                  struct su_err *e)
{
    enum su_code rc = SU_OK;

    if (memcmp(p->digest, m->model->digest, 32) != 0)
        return su_fail(e, SU_EDIGEST, "package", "is not the one that the model registers");
    if (p->n_task != m->model->task_count)
        return su_fail(e, SU_EDIGEST, "package", "has %u tasks, the model registers %u", p->n_task,
                       m->model->task_count);
    for (uint32_t i = 0; !rc && i < p->n_task && i < m->model->tasks_added; i++)
        rc = su_package_check_task(p, i, m->tasks[i]->graph_digest, m->tasks[i]->weights_digest, e);
    return rc;
}

/* ---- one task -------------------------------------------------------------------------------- */

struct loading {
    struct su_node_agent *node;
    struct node_task *task;
    struct su_chain_model model;
    struct sources sources;
};

static void on_progress(void *ctx, const struct su_progress *p)
{
    struct loading *l = ctx;

    pthread_mutex_lock(&l->node->lock);
    l->task->done_bytes = p->done;
    l->task->total_bytes = p->total;
    pthread_mutex_unlock(&l->node->lock);
}

static bool on_cancelled(void *ctx)
{
    struct loading *l = ctx;
    return node_cancelled(l->node);
}

static const struct node_model *model_known(struct su_node_agent *n, const uint8_t key[32])
{
    for (const struct node_model *m = n->model; m; m = m->next)
        if (memcmp(m->key, key, 32) == 0)
            return m;
    return NULL;
}

/* Those that are worth asking: a fetch tries a source again and again before it takes the next. */
static size_t listening(struct loading *l, const char **peers)
{
    struct sources *s = &l->sources;
    size_t n = 0;

    for (size_t i = 0; i < s->n; i++) {
        const char *plain = su_str_starts(s->url[i], "http://") ? s->url[i] + 7 : NULL;
        if (!s->tried[i] && plain && !node_cancelled(l->node))
            s->refuses[i] = su_peer_listens(plain, LISTEN_MS) == SU_PEER_REFUSES;
        s->tried[i] = true;
        if (!s->refuses[i])
            peers[n++] = s->url[i];
    }
    return n;
}

static enum su_code fetch_package(struct loading *l, const char *uri, struct su_package **out,
                                  struct su_err *e)
{
    const struct su_store_hooks hooks = {.cancelled = on_cancelled, .ctx = l};
    const char *peers[PEERS_MAX];
    size_t n = listening(l, peers);
    enum su_code rc = su_package_open(uri, l->node->store, peers, n, &hooks, out, e);

    if (rc == SU_ENOENT && n == 0)
        rc = su_fail(e, SU_ENOENT, "package", "nobody listens at any of its %zu sources",
                     l->sources.n);
    return rc;
}

static enum su_code get_package(struct loading *l, struct su_err *e)
{
    struct su_node_agent *n = l->node;
    struct su_package *p = NULL;
    char uri[SU_URI_MAX + 1], peer[SU_PACKAGE_PEER_MAX], id_text[65], by_id[80];
    uint8_t id[32];

    su_str_sanitize(uri, sizeof uri, (const char *)l->model.model->uri, l->model.model->uri_len);
    enum su_code rc = su_package_uri_parse(uri, id, peer, e);
    if (rc)
        return rc;
    /* Its publisher is one of the sources, and need not be there any more. */
    (void)su_hex_encode(id, sizeof id, id_text, sizeof id_text);
    (void)snprintf(by_id, sizeof by_id, "sha256:%s", id_text);
    rc = fetch_package(l, by_id, &p, e);
    if (rc && rc != SU_ECANCELLED && rc != SU_EUNSUPPORTED) {
        add_nodes(n, &l->model, &l->sources);
        rc = fetch_package(l, by_id, &p, e);
    }
    if (!rc)
        rc = check_package(p, &l->model, e);
    if (rc) {
        su_package_free(p);
        return rc;
    }
    struct node_model *m = su_alloc(sizeof *m);
    memcpy(m->key, l->model.key, 32);
    m->package = p;
    pthread_mutex_lock(&n->lock);
    m->next = n->model;
    n->model = m;
    pthread_mutex_unlock(&n->lock);
    return SU_OK;
}

/* Memory within what the entry offers, all tasks together. */
static enum su_code reserve_memory(struct loading *l, const struct su_package *p, struct su_err *e)
{
    struct su_node_agent *n = l->node;
    struct node_task *t = l->task;
    const struct su_package_task *pt = &p->task[t->index];
    uint64_t sessions, need;
    char a[32], b[32], c[32];
    enum su_code rc = SU_OK;

    if (!su_mul_u64(p->sessions, pt->vram_session_bytes, &sessions) ||
        !su_add_u64(pt->vram_fixed_bytes, sessions, &need))
        return su_fail(e, SU_EOVERFLOW, p->name, "its memory leaves 2^64");
    pthread_mutex_lock(&n->lock);
    uint64_t most = n->account.vram_bytes;
    if (n->vram_most && n->vram_most < most)
        most = n->vram_most;
    if (need > most || n->vram_used > most - need)
        rc = su_fail(e, SU_ENOFIT, p->name,
                     "task %u needs %s, and %s of %s are in use: offer more memory, or undeclare "
                     "a task",
                     t->index, su_format_size(need, a, sizeof a),
                     su_format_size(n->vram_used, b, sizeof b), su_format_size(most, c, sizeof c));
    else {
        n->vram_used += need;
        t->vram_bytes = need;
    }
    pthread_mutex_unlock(&n->lock);
    return rc;
}

static enum su_code get_weights(struct loading *l, const struct su_package *p, struct su_err *e)
{
    const struct su_store_hooks hooks = {
        .cancelled = on_cancelled, .progress = on_progress, .ctx = l};
    const char *peers[PEERS_MAX];
    enum su_code rc = SU_OK;

    for (int round = 0; round < 2; round++) {
        size_t n = listening(l, peers);
        rc = su_package_fetch(p, l->task->index, l->node->store, peers, n, &hooks, e);
        if (!rc || rc == SU_ECANCELLED || round == 1)
            return rc;
        add_nodes(l->node, &l->model, &l->sources);
    }
    return rc;
}

static void set_state(struct loading *l, enum node_task_state s)
{
    pthread_mutex_lock(&l->node->lock);
    l->task->state = s;
    pthread_mutex_unlock(&l->node->lock);
}

/* The host in the model's URI has the weights, too. */
static void add_publisher(struct loading *l)
{
    char uri[SU_URI_MAX + 1], peer[SU_PACKAGE_PEER_MAX];
    uint8_t id[32];

    su_str_sanitize(uri, sizeof uri, (const char *)l->model.model->uri, l->model.model->uri_len);
    if (su_package_uri_parse(uri, id, peer, NULL) == SU_OK && peer[0])
        add_source(&l->sources, peer);
}

/* Which model and which task of it, from the chain. */
static enum su_code identify(struct loading *l, struct su_err *e)
{
    struct su_node_agent *n = l->node;
    struct su_chain_accounts list = {0};
    const struct su_acc_task *a;
    struct su_chain_env env;

    pthread_mutex_lock(&n->lock);
    env = n->env;
    pthread_mutex_unlock(&n->lock);
    enum su_code rc = su_chain_task_get(n->chain, l->task->key, &list, &a, e);
    if (!rc) {
        pthread_mutex_lock(&n->lock);
        memcpy(l->task->model_key, a->model, 32);
        l->task->index = a->index;
        pthread_mutex_unlock(&n->lock);
        rc = su_chain_model_load(n->chain, &env, a->model, &l->model, e);
    }
    su_chain_accounts_fini(&list);
    for (size_t i = 0; i < n->n_peers; i++)
        add_source(&l->sources, n->peers[i]);
    if (!rc)
        add_publisher(l);
    return rc;
}

static enum su_code load(struct loading *l, struct su_err *e)
{
    struct su_node_agent *n = l->node;
    struct su_task *task = NULL;
    enum su_code rc = identify(l, e);

    if (!rc && !model_known(n, l->model.key))
        rc = get_package(l, e);
    if (rc)
        return rc;
    const struct node_model *m = model_known(n, l->model.key);
    rc = reserve_memory(l, m->package, e);
    if (!rc)
        rc = get_weights(l, m->package, e);
    if (!rc) {
        set_state(l, NODE_TASK_LOADING);
        rc = su_task_open(n->exec, node_spoil_weights(n, m->package, l->task->index),
                          l->task->index, n->store, &task, e);
    }
    pthread_mutex_lock(&n->lock);
    if (rc) {
        n->vram_used -= l->task->vram_bytes;
        l->task->vram_bytes = 0;
    } else {
        l->task->model = m;
        l->task->task = task;
        l->task->state = NODE_TASK_READY;
        l->task->error[0] = 0;
    }
    pthread_mutex_unlock(&n->lock);
    return rc;
}

static void work_on(struct su_node_agent *n, struct node_task *t, uint32_t *pause_ms)
{
    struct loading *l = su_alloc(sizeof *l);
    struct su_err e = {0};

    l->node = n;
    l->task = t;
    enum su_code rc = load(l, &e);
    pthread_mutex_lock(&n->lock);
    if (rc) {
        t->state = NODE_TASK_FAILED;
        su_err_line(&e, t->error, sizeof t->error);
        *pause_ms = *pause_ms ? SU_MIN(2 * *pause_ms, RETRY_MAX_MS) : RETRY_FIRST_MS;
        t->retry_ns = su_clock_mono_ns() + 1000000ull * *pause_ms;
    } else {
        *pause_ms = 0;
    }
    pthread_cond_broadcast(&n->wake);
    pthread_mutex_unlock(&n->lock);
    if (rc && rc != SU_ECANCELLED)
        node_log_err(SU_LOG_WARN, "a task cannot be loaded", &e);
    else if (!rc)
        su_log(SU_LOG_INFO, "node", "task %u of %s is ready", t->index,
               l->model.model->name_len ? t->model->package->name : "a model");
    su_chain_model_fini(&l->model);
    free(l);
}

/* ---- all of them ----------------------------------------------------------------------------- */

/* Makes the list what the account declares; what is to be freed goes to *old. lock held. */
static void reconcile(struct su_node_agent *n, struct node_task **old)
{
    for (struct node_task *t = n->task; t; t = t->next)
        t->declared = false;
    for (size_t i = 0; i < n->account.declared_count; i++) {
        struct node_task *t = node_task_find(n, n->account.declared[i]);
        if (!t) {
            t = su_alloc(sizeof *t);
            memcpy(t->key, n->account.declared[i], 32);
            node_turn_init(&t->turn);
            node_batch_init(&t->batch);
            node_turn_init(&t->other_turn);
            t->next = n->task;
            n->task = t;
        }
        t->declared = true;
    }
    for (struct node_task **at = &n->task; *at;) {
        struct node_task *t = *at;
        if (t->declared || t->uses > 0) {
            at = &t->next;
            continue;
        }
        *at = t->next;
        n->vram_used -= t->vram_bytes;
        t->next = *old;
        *old = t;
    }
}

/* The task to work on now, NULL when there is none; lock held. */
static struct node_task *choose(struct su_node_agent *n)
{
    uint64_t now = su_clock_mono_ns();

    for (struct node_task *t = n->task; t; t = t->next)
        if (t->declared && (t->state == NODE_TASK_FETCHING || t->state == NODE_TASK_LOADING ||
                            (t->state == NODE_TASK_FAILED && now >= t->retry_ns)))
            return t;
    return NULL;
}

void *node_preload_main(void *ctx)
{
    struct su_node_agent *n = ctx;
    uint32_t pause_ms = 0;

    pthread_mutex_lock(&n->lock);
    while (!n->ending) {
        struct node_task *old = NULL, *t;
        if (n->reload) {
            n->reload = false;
            pause_ms = 0;
            reconcile(n, &old);
        }
        t = n->unfit || su_node_fault("lying-heartbeat") ? NULL : choose(n);
        if (!t && !old) {
            node_cond_wait_ms(&n->wake, &n->lock, 500);
            continue;
        }
        if (t) {
            t->state = NODE_TASK_FETCHING;
            t->uses++;
        }
        pthread_mutex_unlock(&n->lock);
        while (old) {
            struct node_task *gone = old;
            old = gone->next;
            task_free(gone);
        }
        if (t)
            work_on(n, t, &pause_ms);
        pthread_mutex_lock(&n->lock);
        if (t)
            node_task_drop(n, t);
    }
    pthread_mutex_unlock(&n->lock);
    return NULL;
}
