// SPDX-License-Identifier: MIT
#include "oracle_priv.h"

#define STATUS_WATCHING 64u /* executions that are named */

#include "json/json.h"

#include <string.h>

static const char *status_text(const struct liveness_node *n)
{
    switch (n->status) {
    case SU_WIRE_LOADING:
        return "loading";
    case SU_WIRE_READY:
        return n->has_capacity ? "ready" : "full";
    case SU_WIRE_DRAINING:
        return "draining";
    case SU_WIRE_UNFIT:
        return "unfit";
    default:
        return "unknown";
    }
}

static void put_age(struct su_json_writer *w, int64_t since_ms, int64_t now_ms)
{
    if (since_ms == 0)
        su_json_put_null(w, "age_ms");
    else
        su_json_put_u64(w, "age_ms", now_ms > since_ms ? (uint64_t)(now_ms - since_ms) : 0);
}

static void put_node(struct su_json_writer *w, const struct liveness_node *n,
                     const struct ora_person *p, int64_t now_ms)
{
    char text[SU_CHAIN_TEXT], beats[LIVENESS_BEATS + 1];

    su_json_put_object(w, NULL);
    su_json_put_str(w, "identity", su_chain_key_text(n->identity, text));
    su_json_put_str(w, "owner", su_chain_key_text(n->owner, text));
    su_json_put_bool(w, "online", n->online);
    put_age(w, n->last_ms, now_ms);
    su_json_put_u64(w, "missed", n->missed);
    su_json_put_str(w, "status", status_text(n));
    su_json_put_u64(w, "tasks", n->task_count); /* that it has loaded */
    if (p && p->rtt_ms > 0)
        su_json_put_u64(w, "rtt_ms", p->rtt_ms);
    else
        su_json_put_null(w, "rtt_ms");
    su_json_put_str(w, "beats", liveness_beats(n, beats));
    su_json_end_object(w);
}

static void put_time(struct su_json_writer *w, const char *name, int64_t ms)
{
    if (ms == 0)
        su_json_put_null(w, name);
    else
        su_json_put_i64(w, name, ms);
}

static void put_losses(struct su_json_writer *w, const struct su_oracle *o)
{
    uint64_t first = o->n_loss > ORA_LOSSES ? o->n_loss - ORA_LOSSES : 0;
    char text[SU_CHAIN_TEXT];

    su_json_put_array(w, "losses");
    for (uint64_t i = first; i < o->n_loss; i++) {
        const struct ora_loss *l = &o->loss[i % ORA_LOSSES];
        su_json_put_object(w, NULL);
        su_json_put_str(w, "execution", su_chain_key_text(l->execution, text));
        su_json_put_u64(w, "task", l->task);
        su_json_put_u64(w, "attempt", l->attempt);
        su_json_put_str(w, "node", su_chain_key_text(l->node, text));
        su_json_put_str(w, "why", l->why);
        put_time(w, "heard_ms", l->heard_ms);
        put_time(w, "detected_ms", l->detected_ms);
        put_time(w, "failed_ms", l->failed_ms);
        put_time(w, "assigned_ms", l->assigned_ms);
        su_json_end_object(w);
    }
    su_json_end_array(w);
}

enum su_code su_oracle_status(struct su_oracle *o, struct su_buf *out, struct su_err *e)
{
    char text[SU_CHAIN_TEXT];
    struct su_json_writer w;
    int64_t now = su_clock_wall_ms();

    su_json_writer_init(&w, out, 0);
    (void)pthread_mutex_lock(&o->lock);
    su_json_put_object(&w, NULL);
    su_json_put_str(&w, "key", su_chain_key_text(o->key, text));
    su_json_put_str(&w, "state", o->in_epoch ? "serving" : "waiting");
    su_json_put_u64(&w, "slot", o->slot);
    su_json_put_u64(&w, "epoch", o->epoch);
    su_json_put_u64(&w, "round", o->params.round_slots ? o->slot / o->params.round_slots : 0);
    su_json_put_array(&w, "nodes");
    for (size_t i = 0; i < o->live.n; i++)
        put_node(&w, &o->live.node[i], ora_person_of(o, o->live.node[i].identity), now);
    su_json_end_array(&w);
    su_json_put_array(&w, "oracles");
    for (size_t i = 0; i < o->n_peer; i++) {
        su_json_put_object(&w, NULL);
        su_json_put_str(&w, "key", su_chain_key_text(o->peer[i]->key, text));
        put_age(&w, o->peer[i]->heard_ms, now);
        su_json_end_object(&w);
    }
    su_json_end_array(&w);
    put_losses(&w, o);
    su_json_put_u64(&w, "executions", o->n_exec);
    su_json_put_array(&w, "watching"); /* the newest of them */
    for (size_t i = o->n_exec > STATUS_WATCHING ? o->n_exec - STATUS_WATCHING : 0; i < o->n_exec;
         i++)
        su_json_put_str(&w, NULL, su_chain_key_text(o->exec[i]->key, text));
    su_json_end_array(&w);
    su_json_end_object(&w);
    (void)pthread_mutex_unlock(&o->lock);
    return su_buf_check(out, "status", e);
}
