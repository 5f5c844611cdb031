// SPDX-License-Identifier: MIT
#include "rpc_priv.h"

enum { OP_TEXT = 1 };

static void release(struct rpc_subscription *s)
{
    su_ledger_account_release(s->last);
    *s = (struct rpc_subscription){.topic = RPC_TOPIC_NONE};
}

/* A free place; its id is the answer. NULL after rpc_fail. */
static struct rpc_subscription *subscribe(struct rpc_call *c, enum rpc_topic topic)
{
    struct rpc_subscriber *of = c->ctx;

    for (size_t i = 0; i < RPC_SUBSCRIPTIONS_MAX; i++) {
        struct rpc_subscription *s = &of->item[i];
        if (s->topic != RPC_TOPIC_NONE)
            continue;
        *s = (struct rpc_subscription){.topic = topic, .id = of->ids++, .fresh = true};
        su_json_put_u64(c->w, NULL, s->id);
        return s;
    }
    rpc_fail(c, RPC_INTERNAL, "Internal error: at most %u subscriptions per connection",
             RPC_SUBSCRIPTIONS_MAX);
    return NULL;
}

static void unsubscribe(struct rpc_call *c)
{
    struct rpc_subscriber *of = c->ctx;
    uint64_t id = 0;

    if (!rpc_param_u64(c, 0, &id))
        return;
    for (size_t i = 0; i < RPC_SUBSCRIPTIONS_MAX; i++)
        if (of->item[i].topic != RPC_TOPIC_NONE && of->item[i].id == id) {
            release(&of->item[i]);
            su_json_put_bool(c->w, NULL, true);
            return;
        }
    rpc_fail(c, RPC_INVALID_PARAMS, "Invalid subscription id.");
}

static void signature_subscribe(struct rpc_call *c)
{
    uint8_t signature[64];
    struct rpc_config cfg;

    if (!rpc_param_signature(c, 0, signature) || !rpc_param_config(c, 1, &cfg))
        return;
    struct rpc_subscription *s = subscribe(c, RPC_TOPIC_SIGNATURE);
    if (s != NULL)
        memcpy(s->signature, signature, sizeof signature);
}

static void account_subscribe(struct rpc_call *c)
{
    uint8_t key[32];
    struct rpc_config cfg;

    if (!rpc_param_key(c, 0, key) || !rpc_param_config(c, 1, &cfg))
        return;
    struct rpc_subscription *s = subscribe(c, RPC_TOPIC_ACCOUNT);
    if (s == NULL)
        return;
    memcpy(s->key, key, sizeof key);
    s->last = su_ledger_account_get(c->ledger, key);
    s->encoding = cfg.encoding;
    s->has_slice = cfg.has_slice;
    s->slice_offset = cfg.slice_offset;
    s->slice_length = cfg.slice_length;
}

static void slot_topic(struct rpc_call *c, enum rpc_topic topic)
{
    struct su_ledger_now now;

    su_ledger_now(c->ledger, &now);
    struct rpc_subscription *s = subscribe(c, topic);
    if (s != NULL)
        s->slot = now.slot;
}

static void slot_subscribe(struct rpc_call *c)
{
    slot_topic(c, RPC_TOPIC_SLOT);
}

static void root_subscribe(struct rpc_call *c)
{
    slot_topic(c, RPC_TOPIC_ROOT);
}

rpc_method *rpc_subscribe_find(const char *name)
{
    static const struct {
        const char *name;
        rpc_method *run;
    } rows[] = {
        {"signatureSubscribe", signature_subscribe}, {"signatureUnsubscribe", unsubscribe},
        {"accountSubscribe", account_subscribe},     {"accountUnsubscribe", unsubscribe},
        {"slotSubscribe", slot_subscribe},           {"slotUnsubscribe", unsubscribe},
        {"rootSubscribe", root_subscribe},           {"rootUnsubscribe", unsubscribe},
    };

    for (size_t i = 0; i < SU_ARRAY_LEN(rows); i++)
        if (strcmp(rows[i].name, name) == 0)
            return rows[i].run;
    return NULL;
}

/* ---- notifications --------------------------------------------------------------------------- */

struct notice {
    struct su_buf text;
    struct su_json_writer w;
};

/* Leaves the writer inside "params", before "result". */
static struct su_json_writer *begin(struct notice *n, const char *method)
{
    su_buf_init(&n->text, 0);
    su_json_writer_init(&n->w, &n->text, 0);
    su_json_put_object(&n->w, NULL);
    su_json_put_str(&n->w, "jsonrpc", "2.0");
    su_json_put_str(&n->w, "method", method);
    su_json_put_object(&n->w, "params");
    return &n->w;
}

static void end(struct notice *n, uint64_t id, struct su_buf *out)
{
    su_json_put_u64(&n->w, "subscription", id);
    su_json_end_object(&n->w);
    su_json_end_object(&n->w);
    if (n->text.failed)
        out->failed = true;
    else
        rpc_frame_put(out, OP_TEXT, n->text.data, n->text.len);
    su_buf_fini(&n->text);
}

static void begin_result(struct su_json_writer *w, uint64_t slot)
{
    su_json_put_object(w, "result");
    su_json_put_object(w, "context");
    su_json_put_str(w, "apiVersion", RPC_API_VERSION);
    su_json_put_u64(w, "slot", slot);
    su_json_end_object(w);
}

/* Once; then the subscription is over. */
static void poll_signature(struct su_ledger *l, struct rpc_subscription *s, struct su_buf *out)
{
    struct su_ledger_status status;
    struct notice n;

    if (!su_ledger_status_get(l, s->signature, s->fresh, &status))
        return;
    struct su_json_writer *w = begin(&n, "signatureNotification");
    begin_result(w, status.slot);
    su_json_put_object(w, "value");
    rpc_put_failure(w, "err", &status.failure);
    su_json_end_object(w);
    su_json_end_object(w);
    end(&n, s->id, out);
    release(s);
}

static bool same(const struct su_ledger_account *a, const struct su_ledger_account *b)
{
    if (a == b)
        return true;
    return a != NULL && b != NULL && a->lamports == b->lamports && a->executable == b->executable &&
           a->data_bytes == b->data_bytes && memcmp(a->owner, b->owner, 32) == 0 &&
           memcmp(a->data, b->data, (size_t)a->data_bytes) == 0;
}

/* What a closed account looks like to a subscriber: the System program's, and empty. */
static const struct su_ledger_account closed = {.data = (const uint8_t *)""};

static void poll_account(struct su_ledger *l, struct rpc_subscription *s, uint64_t slot,
                         struct su_buf *out)
{
    const struct su_ledger_account *a = su_ledger_account_get(l, s->key);
    struct notice n;

    if (same(a, s->last)) {
        su_ledger_account_release(a);
        return;
    }
    su_ledger_account_release(s->last);
    s->last = a;
    struct su_json_writer *w = begin(&n, "accountNotification");
    struct rpc_call c = {.ledger = l, .w = w};
    struct rpc_config cfg = {.encoding = s->encoding,
                             .has_slice = s->has_slice,
                             .slice_offset = s->slice_offset,
                             .slice_length = s->slice_length};
    su_buf_init(&c.data, 0);
    begin_result(w, slot);
    if (!rpc_put_account(&c, "value", a != NULL ? a : &closed, &cfg, RPC_ENC_BINARY)) {
        cfg.encoding = RPC_ENC_BASE64; /* too long for base58, and nobody to refuse it to */
        (void)rpc_put_account(&c, "value", a, &cfg, RPC_ENC_BASE64);
    }
    su_json_end_object(w);
    end(&n, s->id, out);
}

static void poll_slot(struct rpc_subscription *s, uint64_t slot, struct su_buf *out)
{
    struct notice n;

    if (slot - s->slot > 64) /* after a pause of this process, not every missed slot */
        s->slot = slot - 1;
    for (; s->slot < slot; s->slot++) {
        bool root = s->topic == RPC_TOPIC_ROOT;
        struct su_json_writer *w = begin(&n, root ? "rootNotification" : "slotNotification");
        if (root) {
            su_json_put_u64(w, "result", s->slot + 1);
        } else {
            su_json_put_object(w, "result");
            su_json_put_u64(w, "parent", s->slot);
            su_json_put_u64(w, "root", s->slot);
            su_json_put_u64(w, "slot", s->slot + 1);
            su_json_end_object(w);
        }
        end(&n, s->id, out);
    }
}

void rpc_subscriber_poll(struct su_ledger *l, struct rpc_subscriber *of, struct su_buf *out)
{
    struct su_ledger_now now;

    su_ledger_now(l, &now);
    for (size_t i = 0; i < RPC_SUBSCRIPTIONS_MAX; i++) {
        struct rpc_subscription *s = &of->item[i];
        if (s->topic == RPC_TOPIC_SIGNATURE)
            poll_signature(l, s, out);
        else if (s->topic == RPC_TOPIC_ACCOUNT)
            poll_account(l, s, now.slot, out);
        else if (s->topic != RPC_TOPIC_NONE)
            poll_slot(s, now.slot, out);
        s->fresh = false;
    }
}

void rpc_subscriber_fini(struct rpc_subscriber *of)
{
    for (size_t i = 0; i < RPC_SUBSCRIPTIONS_MAX; i++)
        release(&of->item[i]);
}
