// SPDX-License-Identifier: MIT
/* What others may ask of a node: frames, blobs of its store, its status. */
#include "node_priv.h"

#include <stdlib.h>
#include <string.h>

#define CONNECTIONS 512u
#define BODY_MAX_BYTES ((64u << 20) + (256u << 10))

static void answer_frame(struct su_http_answer *a, struct su_buf *b)
{
    if (b->failed || b->len == 0)
        su_http_answer_text(a, 503, "no memory\n");
    else
        su_http_answer_bytes(a, 200, SU_WIRE_CONTENT_TYPE, b->data, b->len);
    su_buf_fini(b);
}

static void refuse(struct su_node_agent *n, const struct su_wire_frame *f,
                   enum su_wire_refusal_code code, const char *text, struct su_buf *out)
{
    if (su_peer_refuse(n->self, f, code, text, out, NULL) != SU_OK)
        su_buf_clear(out);
}

static bool is_oracle(struct su_node_agent *n, const uint8_t key[32])
{
    bool yes = false;

    pthread_mutex_lock(&n->lock);
    for (size_t i = 0; i < n->n_oracle && !yes; i++)
        yes = memcmp(n->oracle[i].key, key, 32) == 0;
    pthread_mutex_unlock(&n->lock);
    return yes;
}

/* A notice of work, from an oracle: looked into, not believed. */
static void take_table(struct su_node_agent *n, const struct su_http_call *c, struct su_buf *out)
{
    const struct su_wire_expect x = {.scope = *su_peer_self_scope(n->self), .kind = SU_WIRE_TABLE};
    struct su_wire_frame f;
    struct su_err e = {0};

    if (su_wire_parse(c->body, c->body_len, &f, &e) != SU_OK) {
        refuse(n, NULL, SU_WIRE_REFUSED_FORMAT, e.msg, out);
        return;
    }
    if (!is_oracle(n, f.sender)) {
        refuse(n, &f, SU_WIRE_REFUSED_SENDER, "no oracle of this epoch", out);
        return;
    }
    enum su_code rc = su_wire_verify(&f, &x, &e);
    if (!rc)
        rc = su_wire_table_check(&f.m, &e);
    if (rc) {
        refuse(n, &f, rc == SU_EACCES ? SU_WIRE_REFUSED_SIGNATURE : SU_WIRE_REFUSED_FORMAT, e.msg,
               out);
        return;
    }
    if (node_watch_hint(n, f.m.u.table.execution, c->body, c->body_len, &e) != SU_OK)
        refuse(n, &f, SU_WIRE_REFUSED_BUSY, e.msg, out);
    else if (su_peer_ack(n->self, &f, out, &e) != SU_OK)
        su_buf_clear(out);
}

static void take_cancel(struct su_node_agent *n, const struct su_http_call *c, struct su_buf *out)
{
    const struct su_wire_expect x = {.scope = *su_peer_self_scope(n->self), .kind = SU_WIRE_CANCEL};
    struct su_wire_frame f;
    struct su_err e = {0};

    if (su_wire_parse(c->body, c->body_len, &f, &e) != SU_OK) {
        refuse(n, NULL, SU_WIRE_REFUSED_FORMAT, e.msg, out);
        return;
    }
    enum su_code rc = su_wire_verify(&f, &x, &e);
    if (rc) {
        refuse(n, &f, rc == SU_EACCES ? SU_WIRE_REFUSED_SIGNATURE : SU_WIRE_REFUSED_FORMAT, e.msg,
               out);
        return;
    }
    rc = node_duty_stop(n, &f.m.u.cancel, f.sender, &e);
    if (rc)
        refuse(n, &f, rc == SU_EACCES ? SU_WIRE_REFUSED_SENDER : SU_WIRE_REFUSED_SCOPE, e.msg, out);
    else if (su_peer_ack(n->self, &f, out, &e) != SU_OK)
        su_buf_clear(out);
}

static void post(struct su_node_agent *n, const struct su_http_call *c, struct su_http_answer *a)
{
    const char *wait = su_http_call_header(c, SU_PEER_WAIT_HEADER);
    uint64_t wait_ms = 0;
    struct su_buf out;

    su_buf_init(&out, 0);
    if (wait && su_parse_u64(wait, NULL, 0, SU_PEER_WAIT_MS_MAX, &wait_ms, NULL) != SU_OK)
        wait_ms = 0;
    if (strcmp(c->path, "/api/frame") == 0)
        su_exchange_take(n->exchange, c->connection, c->body, c->body_len, &out);
    else if (strcmp(c->path, "/api/frames") == 0)
        su_exchange_serve(n->exchange, c->body, c->body_len, (uint32_t)wait_ms, &out);
    else if (strcmp(c->path, "/api/liveness/propose") == 0)
        take_table(n, c, &out);
    else if (strcmp(c->path, "/api/cancel") == 0)
        take_cancel(n, c, &out);
    else {
        su_http_answer_text(a, 404, "no such path\n");
        return;
    }
    answer_frame(a, &out);
}

static void get(struct su_node_agent *n, const struct su_http_call *c, struct su_http_answer *a)
{
    struct su_buf b;

    if (su_store_serve(n->store, c, a))
        return;
    if (strcmp(c->path, "/api/status") != 0) {
        su_http_answer_text(a, 404, "no such path\n");
        return;
    }
    su_buf_init(&b, SU_PEER_STATUS_BYTES_MAX);
    if (su_node_status(n, &b, NULL) == SU_OK)
        su_http_answer_bytes(a, 200, "application/json", b.data, b.len);
    else
        su_http_answer_text(a, 503, "no memory\n");
    su_buf_fini(&b);
}

static void handle(void *ctx, const struct su_http_call *c, struct su_http_answer *a)
{
    if (strcmp(c->method, "POST") == 0)
        post(ctx, c, a);
    else if (strcmp(c->method, "GET") == 0 || strcmp(c->method, "HEAD") == 0)
        get(ctx, c, a);
    else
        su_http_answer_text(a, 405, "GET or POST\n");
}

enum su_code node_server_start(struct su_node_agent *n, uint16_t port, struct su_err *e)
{
    const struct su_http_server_opts o = {.bind = n->bind,
                                          .port = port,
                                          .connections = CONNECTIONS,
                                          .body_max_bytes = BODY_MAX_BYTES,
                                          .blocking = true,
                                          .handler = handle,
                                          .ctx = n};
    enum su_code rc = su_http_server_start(&o, &n->server, e);

    if (!rc)
        (void)snprintf(n->url, sizeof n->url, "http://%s%s%s:%u", strchr(n->bind, ':') ? "[" : "",
                       n->bind, strchr(n->bind, ':') ? "]" : "", su_http_server_port(n->server));
    return rc;
}

/* ---- status ---------------------------------------------------------------------------------- */

static void put_key(struct su_json_writer *w, const char *name, const uint8_t key[32])
{
    char text[SU_CHAIN_TEXT];

    su_json_put_str(w, name, su_chain_key_text(key, text));
}

static const char *state_name(const struct su_node_agent *n)
{
    if (n->unfit)
        return "unfit";
    if (n->draining || n->ending)
        return "draining";
    return node_state_now(n) == NODE_READY ? "ready" : "loading";
}

static void put_batch(struct su_json_writer *w, struct node_task *t)
{
    pthread_mutex_lock(&t->batch.lock);
    uint64_t dispatches = t->batch.dispatches, rows = t->batch.rows;
    pthread_mutex_unlock(&t->batch.lock);
    su_json_put_u64(w, "dispatches", dispatches);
    su_json_put_u64(w, "rows", rows);
}

static void put_tasks(struct su_json_writer *w, const struct su_node_agent *n)
{
    static const char *const names[] = {"fetching", "loading", "ready", "failed"};

    su_json_put_array(w, "tasks");
    for (struct node_task *t = n->task; t; t = t->next) {
        su_json_put_object(w, NULL);
        put_key(w, "task", t->key);
        put_key(w, "model", t->model_key);
        su_json_put_u64(w, "index", t->index);
        su_json_put_str(w, "state", names[t->state]);
        su_json_put_u64(w, "done_bytes", t->done_bytes);
        su_json_put_u64(w, "total_bytes", t->total_bytes);
        su_json_put_u64(w, "vram_bytes", t->vram_bytes);
        put_batch(w, t);
        su_json_put_str(w, "error", t->error);
        su_json_end_object(w);
    }
    su_json_end_array(w);
}

static void put_times(struct su_json_writer *w, const struct node_duty *d)
{
    const struct node_times *t = &d->times;
    uint64_t counted = t->compute_us + t->queue_us + t->wait_us + t->network_us;
    uint64_t wall = t->wall_us + (t->run_ns ? (su_clock_mono_ns() - t->run_ns) / 1000 : 0);

    su_json_put_u64(w, "compute_ms", t->compute_us / 1000);
    su_json_put_u64(w, "wait_ms", t->wait_us / 1000);
    su_json_put_u64(w, "network_ms", t->network_us / 1000);
    if (d->kind != NODE_PART)
        return;
    su_json_put_u64(w, "queue_ms", t->queue_us / 1000);
    su_json_put_u64(w, "other_ms", (wall - SU_MIN(wall, counted)) / 1000);
    su_json_put_u64(w, "wall_ms", wall / 1000);
    su_json_put_u64(w, "decode_compute_ms", t->decode_us / 1000);
    if (t->last_token_us > 0) {
        su_json_put_double(w, "first_token_ms", (double)t->first_token_us * 1e-3);
        su_json_put_double(w, "last_token_ms", (double)t->last_token_us * 1e-3);
    }
}

static void put_duty(struct su_json_writer *w, const struct node_execution *x,
                     const struct node_duty *d)
{
    su_json_put_object(w, NULL);
    put_key(w, "execution", x->key);
    su_json_put_u64(w, "task", d->index);
    su_json_put_u64(w, "attempt", d->attempt);
    su_json_put_str(w, "state", d->state);
    su_json_put_u64(w, "steps", d->steps_done);
    su_json_put_u64(w, "max_steps", d->view.max_steps);
    su_json_put_u64(w, "compare_ms", d->compare_us / 1000);
    put_times(w, d);
    if (d->error[0])
        su_json_put_str(w, "error", d->error);
    su_json_end_object(w);
}

static void put_duties(struct su_json_writer *w, const struct su_node_agent *n, const char *name,
                       enum node_duty_kind kind)
{
    su_json_put_array(w, name);
    for (const struct node_execution *x = n->execution; x; x = x->next)
        for (const struct node_duty *d = x->duty; d; d = d->next)
            if (d->kind == kind && !d->ended)
                put_duty(w, x, d);
    su_json_end_array(w);
}

static void put_takeovers(struct su_json_writer *w, const struct su_node_agent *n)
{
    uint64_t first = n->n_takeover > NODE_TAKEOVERS ? n->n_takeover - NODE_TAKEOVERS : 0;

    su_json_put_array(w, "takeovers");
    for (uint64_t i = first; i < n->n_takeover; i++) {
        const struct node_takeover *t = &n->takeover[i % NODE_TAKEOVERS];
        su_json_put_object(w, NULL);
        put_key(w, "execution", t->execution);
        su_json_put_u64(w, "task", t->task);
        su_json_put_u64(w, "attempt", t->attempt);
        su_json_put_i64(w, "assigned_ms", t->assigned_ms);
        if (t->rebuilt_ms != 0)
            su_json_put_i64(w, "rebuilt_ms", t->rebuilt_ms);
        else
            su_json_put_null(w, "rebuilt_ms");
        su_json_put_u64(w, "steps", t->steps);
        su_json_end_object(w);
    }
    su_json_end_array(w);
}

static void put_checked(struct su_json_writer *w, const struct su_node_agent *n)
{
    uint64_t first = n->n_checked - SU_MIN(n->n_checked, NODE_CHECKED_MAX);

    su_json_put_array(w, "checked");
    for (uint64_t i = first; i < n->n_checked; i++) {
        const struct node_checked *c = &n->checked[i % NODE_CHECKED_MAX];
        su_json_put_object(w, NULL);
        put_key(w, "execution", c->execution);
        su_json_put_u64(w, "task", c->task);
        su_json_put_u64(w, "steps", c->steps);
        su_json_put_double(w, "compute_ms", (double)c->compute_us * 1e-3);
        su_json_end_object(w);
    }
    su_json_end_array(w);
}

enum su_code su_node_status(struct su_node_agent *n, struct su_buf *out, struct su_err *e)
{
    struct node_beats_counts beats;
    struct su_json_writer w;

    node_beats_counts(n->beats, &beats);
    su_json_writer_init(&w, out, 0);
    pthread_mutex_lock(&n->lock);
    su_json_put_object(&w, NULL);
    put_key(&w, "identity", n->identity);
    put_key(&w, "owner", n->account.owner);
    su_json_put_str(&w, "state", state_name(n));
    su_json_put_str(&w, "backend", su_backend_name(su_exec_backend(n->exec)));
    su_json_put_str(&w, "device", n->device);
    su_json_put_u64(&w, "uptime_ms", (su_clock_mono_ns() - n->started_ns) / 1000000);
    su_json_put_u64(&w, "slot", n->slot);
    su_json_put_u64(&w, "vram_bytes", n->account.vram_bytes);
    su_json_put_u64(&w, "vram_used_bytes", n->vram_used);
    put_tasks(&w, n);
    put_duties(&w, n, "executions", NODE_PART);
    put_duties(&w, n, "checks", NODE_CHECK);
    put_checked(&w, n);
    put_takeovers(&w, n);
    su_json_put_object(&w, "beats");
    su_json_put_u64(&w, "sent", beats.sent);
    su_json_put_u64(&w, "acknowledged", beats.acknowledged);
    su_json_put_i64(&w, "last_ms", beats.last_ms);
    su_json_end_object(&w);
    su_json_end_object(&w);
    pthread_mutex_unlock(&n->lock);
    return su_buf_check(out, "status", e);
}
