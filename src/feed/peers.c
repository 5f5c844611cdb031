// SPDX-License-Identifier: MIT
/* What oracles and nodes say of themselves: hearsay, shown and never acted upon. */
#include "feed_priv.h"
#include "peer/peer.h"
#include "json/json.h"

#include <stdlib.h>
#include <string.h>

#define CALL_MS 1500
#define BEATS_MAX 20000u /* nodes of one answer */
#define WORK_MAX 4096u
#define ASK_NODES_MAX 16u /* nodes of running executions asked in one round */

static bool key_of(const struct su_json_value *o, const char *name, uint8_t key[32])
{
    const char *text;

    return su_json_get_str(o, name, &text, NULL) == SU_OK &&
           su_chain_key_parse(text, name, key, NULL) == SU_OK;
}

static uint32_t small(const struct su_json_value *o, const char *name, uint32_t unknown)
{
    uint64_t v;

    if (su_json_get_u64(o, name, &v, NULL) != SU_OK)
        return unknown;
    return (uint32_t)SU_MIN(v, (uint64_t)UINT32_MAX - 1);
}

static uint64_t large(const struct su_json_value *o, const char *name)
{
    uint64_t v;

    return su_json_get_u64(o, name, &v, NULL) == SU_OK ? v : SU_FEED_UNKNOWN;
}

static void text_of(const struct su_json_value *o, const char *name, char *out, size_t cap)
{
    const char *text;

    if (su_json_get_str(o, name, &text, NULL) == SU_OK)
        feed_text(out, cap, text, strlen(text));
    else
        out[0] = '\0';
}

static bool stopped(void *f)
{
    return !feed_running(f);
}

static enum su_code ask(struct su_feed *f, const char *endpoint, struct su_json **out,
                        struct su_err *e)
{
    const struct su_peer_call call = {.deadline_ms = CALL_MS,
                                      .cancelled = stopped,
                                      .ctx = f,
                                      .max_bytes = SU_PEER_STATUS_BYTES_MAX};
    struct su_buf b;

    su_buf_init(&b, 0);
    enum su_code rc = su_peer_status_get(endpoint, &call, &b, e);
    if (rc == SU_OK)
        rc = su_json_parse(b.data, b.len, endpoint, NULL, out, e);
    su_buf_fini(&b);
    return rc;
}

/* ---- oracles ---------------------------------------------------------------------------------- */

struct heard { /* of one round; put into the world at its end */
    struct feed_beat *beat;
    size_t n_beat;
    struct feed_work *work;
    size_t n_work;
    uint8_t (*hint)[32];
    size_t n_hint;
    struct feed_member member[SU_ORACLES_MAX];
    size_t n_member;
    char endpoint[SU_ORACLES_MAX][SU_ENDPOINT_MAX + 1];
    bool any;
    char error[160];
};

static void parse_beat(const struct su_json_value *o, int64_t now_ms, struct feed_beat *b)
{
    const char *beats = "";
    uint32_t age = small(o, "age_ms", UINT32_MAX);

    if (su_json_get_bool(o, "online", &b->online, NULL) != SU_OK)
        b->online = false;
    b->missed = small(o, "missed", UINT32_MAX);
    b->rtt_ms = small(o, "rtt_ms", UINT32_MAX);
    b->heard_ms = age == UINT32_MAX ? FEED_NEVER : now_ms - age;
    text_of(o, "status", b->status, sizeof b->status);
    memset(b->beats, 2, sizeof b->beats);
    size_t n = su_json_get_str(o, "beats", &beats, NULL) == SU_OK ? strlen(beats) : 0;
    for (size_t i = 0; i < n && i < SU_FEED_BEATS; i++)
        b->beats[SU_FEED_BEATS - 1 - i] = beats[n - 1 - i] == '1';
}

static int by_identity(const void *a, const void *b)
{
    return memcmp(((const struct feed_beat *)a)->identity, ((const struct feed_beat *)b)->identity,
                  32);
}

/* Of two oracles' words on one node the one who heard it last counts. */
static void merge_beats(struct heard *h)
{
    size_t n = 0;

    if (!h->n_beat)
        return;
    qsort(h->beat, h->n_beat, sizeof *h->beat, by_identity);
    for (size_t i = 0; i < h->n_beat; i++) {
        if (n && memcmp(h->beat[n - 1].identity, h->beat[i].identity, 32) == 0) {
            if (h->beat[i].heard_ms > h->beat[n - 1].heard_ms)
                h->beat[n - 1] = h->beat[i];
            continue;
        }
        h->beat[n++] = h->beat[i];
    }
    h->n_beat = n;
}

static void take_nodes(const struct su_json_value *root, int64_t now_ms, struct heard *h)
{
    const struct su_json_value *list = su_json_member(root, "nodes");
    size_t more = SU_MIN(su_json_count(list ? list : root), (size_t)BEATS_MAX);

    if (!list)
        return;
    struct feed_beat *grown = realloc(h->beat, (h->n_beat + more + 1) * sizeof *grown);
    if (!grown)
        return;
    h->beat = grown;
    for (const struct su_json_value *i = su_json_first(list); i && more; i = su_json_next(i)) {
        struct feed_beat *b = &h->beat[h->n_beat];
        *b = (struct feed_beat){0};
        if (!key_of(i, "identity", b->identity))
            continue;
        parse_beat(i, now_ms, b);
        h->n_beat++;
        more--;
    }
}

static void take_hints(const struct su_json_value *root, struct heard *h)
{
    const struct su_json_value *list = su_json_member(root, "watching");
    size_t more = list ? SU_MIN(su_json_count(list), (size_t)256) : 0;

    if (!more)
        return;
    uint8_t(*grown)[32] = realloc(h->hint, (h->n_hint + more) * 32);
    if (!grown)
        return;
    h->hint = grown;
    for (const struct su_json_value *i = su_json_first(list); i && more; i = su_json_next(i)) {
        const char *text;
        if (su_json_as_str(i, "watching", &text, NULL) == SU_OK &&
            su_chain_key_parse(text, "watching", h->hint[h->n_hint], NULL) == SU_OK) {
            h->n_hint++;
            more--;
        }
    }
}

static void find_oracles(struct su_feed *f, struct heard *h)
{
    const struct feed_world *w = &f->w;

    pthread_mutex_lock(&f->lock);
    for (unsigned i = 0; w->config.head.tag && i < w->config.oracle_count; i++) {
        const uint8_t *key = w->config.oracles[i].key;
        memcpy(h->member[h->n_member].key, key, 32);
        h->member[h->n_member].heard_ms = FEED_NEVER;
        for (size_t k = 0; k < w->n_member; k++)
            if (memcmp(w->member[k].key, key, 32) == 0)
                h->member[h->n_member].heard_ms = w->member[k].heard_ms;
        for (size_t k = 0; k < w->oracle.n; k++) {
            const struct su_acc_oracle *o = (const void *)w->oracle.items[k].data;
            if (memcmp(o->key, key, 32) == 0)
                feed_text(h->endpoint[h->n_member], sizeof h->endpoint[0], o->endpoint,
                          o->endpoint_len);
        }
        h->n_member++;
    }
    pthread_mutex_unlock(&f->lock);
}

static void ask_oracles(struct su_feed *f, struct heard *h)
{
    find_oracles(f, h);
    for (size_t i = 0; i < h->n_member && feed_running(f); i++) {
        struct su_json *doc = NULL;
        struct su_err err;
        if (!h->endpoint[i][0])
            continue;
        if (ask(f, h->endpoint[i], &doc, &err) != SU_OK) {
            su_err_line(&err, h->error, sizeof h->error);
            continue;
        }
        int64_t now = su_clock_wall_ms();
        h->member[i].answers = h->any = true;
        h->member[i].heard_ms = now;
        h->member[i].round = small(su_json_root(doc), "round", UINT32_MAX);
        take_nodes(su_json_root(doc), now, h);
        take_hints(su_json_root(doc), h);
        su_json_free(doc);
    }
    merge_beats(h);
}

/* ---- nodes ------------------------------------------------------------------------------------ */

static void take_work(const struct su_json_value *root, struct heard *h)
{
    const struct su_json_value *list = su_json_member(root, "executions");
    char backend[16];

    if (!list || su_json_kind(list) != SU_JSON_ARRAY)
        return;
    text_of(root, "backend", backend, sizeof backend);
    size_t more = SU_MIN(su_json_count(list), WORK_MAX - SU_MIN(h->n_work, (size_t)WORK_MAX));
    struct feed_work *grown = more ? realloc(h->work, (h->n_work + more) * sizeof *grown) : NULL;
    if (!grown)
        return;
    h->work = grown;
    for (const struct su_json_value *i = su_json_first(list); i && more; i = su_json_next(i)) {
        struct feed_work *k = &h->work[h->n_work];
        *k = (struct feed_work){0};
        if (!key_of(i, "execution", k->execution))
            continue;
        k->task = (uint16_t)small(i, "task", 0);
        k->steps = small(i, "steps", UINT32_MAX);
        k->compute_ms = small(i, "compute_ms", UINT32_MAX);
        k->wait_ms = small(i, "wait_ms", UINT32_MAX);
        k->network_ms = small(i, "network_ms", UINT32_MAX);
        memcpy(k->backend, backend, sizeof backend);
        h->n_work++;
        more--;
    }
}

static void take_own(const struct su_json_value *root, struct su_feed_own *o)
{
    const struct su_json_value *beats = su_json_member(root, "beats");
    const struct su_json_value *list = su_json_member(root, "tasks");

    o->known = true;
    text_of(root, "state", o->state, sizeof o->state);
    text_of(root, "backend", o->backend, sizeof o->backend);
    text_of(root, "device", o->device, sizeof o->device);
    o->uptime_ms = large(root, "uptime_ms");
    o->vram_bytes = large(root, "vram_bytes");
    o->vram_used_bytes = large(root, "vram_used_bytes");
    o->beats_sent = small(beats, "sent", 0);
    o->beats_acknowledged = small(beats, "acknowledged", 0);
    if (su_json_get_i64(beats, "last_ms", &o->beat_ms, NULL) != SU_OK)
        o->beat_ms = FEED_NEVER;
    for (const struct su_json_value *i = list ? su_json_first(list) : NULL;
         i && o->n_task < SU_DECLARED_MAX; i = su_json_next(i)) {
        struct su_feed_own_task *t = &o->task[o->n_task];
        if (!key_of(i, "task", t->task) || !key_of(i, "model", t->model))
            continue;
        t->index = (uint16_t)small(i, "index", 0);
        text_of(i, "state", t->state, sizeof t->state);
        text_of(i, "error", t->error, sizeof t->error);
        t->done_bytes = large(i, "done_bytes");
        t->total_bytes = large(i, "total_bytes");
        o->n_task++;
    }
}

struct ask_list {
    char endpoint[ASK_NODES_MAX][SU_ENDPOINT_MAX + 1];
    size_t n;
};

static void add_endpoint(const struct feed_world *w, const uint8_t identity[32], struct ask_list *l)
{
    char text[SU_ENDPOINT_MAX + 1] = "";

    for (size_t i = 0; i < w->node.n; i++) {
        const struct su_acc_node *n = (const void *)w->node.items[i].data;
        if (memcmp(n->identity, identity, 32) == 0)
            feed_text(text, sizeof text, n->endpoint, n->endpoint_len);
    }
    for (size_t i = 0; i < l->n; i++)
        if (strcmp(l->endpoint[i], text) == 0)
            return;
    if (text[0] && l->n < ASK_NODES_MAX)
        memcpy(l->endpoint[l->n++], text, sizeof text);
}

/* Nodes of executions that run, and of the wallet's own. */
static void find_nodes(struct su_feed *f, struct ask_list *l, char own[SU_ENDPOINT_MAX + 1])
{
    const struct feed_world *w = &f->w;
    struct ask_list first = {.n = 0};

    own[0] = '\0';
    pthread_mutex_lock(&f->lock);
    if (f->o.identity)
        add_endpoint(w, f->identity, &first);
    if (first.n)
        memcpy(own, first.endpoint[0], sizeof first.endpoint[0]);
    for (size_t i = 0; i < w->n_live; i++)
        for (uint16_t t = 0; t < w->live[i].execution.task_count; t++)
            if (w->live[i].assignment[t].head.tag && w->live[i].execution.state == SU_EXEC_RUNNING)
                add_endpoint(w, w->live[i].assignment[t].node, l);
    pthread_mutex_unlock(&f->lock);
    if (f->node_url[0]) {
        const char *p = strstr(f->node_url, "://");
        (void)su_str_copy(own, SU_ENDPOINT_MAX + 1, p ? p + 3 : f->node_url);
        own[strcspn(own, "/")] = '\0';
    }
}

static void settle_own(struct su_feed *f, enum su_code rc, const struct su_err *err,
                       const struct su_feed_own *own)
{
    struct su_feed_source *s = &f->w.source[SU_FEED_NODE];
    char line[512];

    s->loading = false;
    s->ok = rc == SU_OK;
    if (rc == SU_OK) {
        f->w.own = *own;
        s->good_ms = su_clock_wall_ms();
        s->failures = 0;
        s->error[0] = '\0';
        return;
    }
    f->w.own.known = false;
    s->failures++;
    s->retry_ms = su_clock_wall_ms() + f->o.period_ms;
    su_err_line(err, line, sizeof line);
    feed_text(s->error, sizeof s->error, line, strlen(line));
}

static void ask_nodes(struct su_feed *f, struct heard *h)
{
    struct ask_list l = {.n = 0};
    char own[SU_ENDPOINT_MAX + 1];
    struct su_json *doc;
    struct su_err err;

    find_nodes(f, &l, own);
    if (own[0]) {
        struct su_feed_own o = {0};
        enum su_code rc = ask(f, own, &doc, &err);
        if (rc == SU_OK) {
            take_own(su_json_root(doc), &o);
            take_work(su_json_root(doc), h);
            su_json_free(doc);
        }
        pthread_mutex_lock(&f->lock);
        (void)su_str_copy(f->w.source[SU_FEED_NODE].url, sizeof f->w.source[0].url, own);
        settle_own(f, rc, &err, &o);
        pthread_mutex_unlock(&f->lock);
    }
    for (size_t i = 0; i < l.n && feed_running(f); i++) {
        if (strcmp(l.endpoint[i], own) == 0 || ask(f, l.endpoint[i], &doc, NULL) != SU_OK)
            continue;
        take_work(su_json_root(doc), h);
        su_json_free(doc);
    }
}

/* ---- a round ---------------------------------------------------------------------------------- */

/* What was told of work stays until its node tells something newer of it. Under lock. */
static void merge_work(struct feed_world *w, struct heard *h)
{
    size_t room = w->n_work + h->n_work;
    struct feed_work *all = room ? realloc(w->work, room * sizeof *all) : NULL;

    if (!all)
        return;
    w->work = all;
    for (size_t i = 0; i < h->n_work; i++) {
        size_t k = 0;
        while (k < w->n_work && (w->work[k].task != h->work[i].task ||
                                 memcmp(w->work[k].execution, h->work[i].execution, 32) != 0))
            k++;
        w->work[k] = h->work[i];
        if (k == w->n_work)
            w->n_work++;
    }
    if (w->n_work > WORK_MAX) {
        size_t drop = w->n_work - WORK_MAX;
        memmove(w->work, w->work + drop, WORK_MAX * sizeof *w->work);
        w->n_work = WORK_MAX;
    }
}

static void settle(struct su_feed *f, struct heard *h)
{
    struct feed_world *w = &f->w;
    struct su_feed_source *s = &w->source[SU_FEED_ORACLES];

    if (h->n_member) {
        s->loading = false;
        s->ok = h->any;
        s->failures = h->any ? 0 : s->failures + 1;
        feed_text(s->error, sizeof s->error, h->any ? "" : h->error, sizeof h->error);
        (void)su_str_copy(s->url, sizeof s->url, h->endpoint[0]);
        if (h->any)
            s->good_ms = su_clock_wall_ms();
        else
            s->retry_ms = su_clock_wall_ms() + f->o.period_ms;
    }
    memcpy(w->member, h->member, sizeof w->member);
    w->n_member = h->n_member;
    if (h->any) {
        free(w->beat);
        w->beat = h->beat;
        w->n_beat = h->n_beat;
        free(w->hint);
        w->hint = h->hint;
        w->n_hint = h->n_hint;
        h->beat = NULL;
        h->hint = NULL;
    }
    merge_work(w, h);
}

void feed_peers_round(struct su_feed *f)
{
    struct heard h = {0};

    ask_oracles(f, &h);
    ask_nodes(f, &h);
    pthread_mutex_lock(&f->lock);
    settle(f, &h);
    pthread_mutex_unlock(&f->lock);
    free(h.beat);
    free(h.work);
    free(h.hint);
}
