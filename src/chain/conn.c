// SPDX-License-Identifier: MIT
/* Connections: which endpoint is asked, and what happens when it fails. */
#include "chain_priv.h"
#include "http/http.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    CONNECT_MS = 5000,
    DEADLINE_MS = 30000,
    REST_MIN_MS = 1000,
    REST_MAX_MS = 60000,
    BACKOFF_MIN_MS = 250,
    BACKOFF_MAX_MS = 4000,
    NAP_MS = 50,
    ROUNDS_NET = 2, /* rounds over all endpoints when nobody answers */
    ROUNDS_BUSY = 5, /* ... when somebody says to come again */
    CALL_ID = 1,
};
#define REPLY_MAX_BYTES (16u << 20)

static uint64_t now_ms(void)
{
    return su_clock_mono_ns() / 1000000u;
}

/* ---- life ------------------------------------------------------------------------------------ */

/* As it is asked: without a path that is "/". */
static char *whole_url(const char *url)
{
    const char *authority = strstr(url, "://") + 3;
    struct su_buf b;

    if (authority[strcspn(authority, "/?#")] != 0)
        return su_strdup(url);
    su_buf_init(&b, 0);
    su_buf_printf(&b, "%s/", url);
    char *whole = b.failed ? su_strdup(url) : su_strdup((const char *)b.data);
    su_buf_fini(&b);
    return whole;
}

static enum su_code add_url(struct su_chain *c, const char *name, struct su_err *e)
{
    const char *url = su_chain_cluster_url(name);

    if (!url || strlen(url) >= sizeof c->endpoints[0].seen.url)
        return su_fail(e, SU_EINVAL, "cluster",
                       "'%.100s' is no cluster: m, d, t, l or an http(s) URL of at most %zu bytes",
                       name, sizeof c->endpoints[0].seen.url - 1);
    struct chain_endpoint *p = &c->endpoints[c->n_endpoints++];
    p->url = whole_url(url);
    (void)su_str_copy(p->seen.url, sizeof p->seen.url, url);
    return SU_OK;
}

enum su_code su_chain_open(const struct su_chain_opts *o, struct su_chain **out, struct su_err *e)
{
    enum su_code rc = SU_OK;

    *out = NULL;
    if (o->n_urls < 1 || o->n_urls > SU_CHAIN_ENDPOINTS_MAX)
        return su_fail(e, SU_EINVAL, "cluster", "%zu endpoints: 1 to %u are possible", o->n_urls,
                       SU_CHAIN_ENDPOINTS_MAX);
    struct su_chain *c = su_alloc(sizeof *c);
    (void)pthread_mutex_init(&c->lock, NULL);
    memcpy(c->program, o->program ? o->program : su_splitup_id, 32);
    c->commitment = o->commitment;
    c->connect_ms = o->connect_ms ? o->connect_ms : CONNECT_MS;
    c->deadline_ms = o->deadline_ms ? o->deadline_ms : DEADLINE_MS;
    c->reply_max_bytes = o->reply_max_bytes ? o->reply_max_bytes : REPLY_MAX_BYTES;
    c->cancelled = o->cancelled;
    c->ctx = o->ctx;
    for (size_t i = 0; i < o->n_urls && !rc; i++)
        rc = add_url(c, o->urls[i], e);
    if (rc) {
        su_chain_close(c);
        return rc;
    }
    *out = c;
    return SU_OK;
}

static void kept_free(struct chain_kept *k)
{
    su_http_line_free(k->line);
    su_http_keep_free(k->keep);
    free(k);
}

void su_chain_close(struct su_chain *c)
{
    if (!c)
        return;
    while (c->kept) {
        struct chain_kept *k = c->kept;
        c->kept = k->next;
        kept_free(k);
    }
    for (size_t i = 0; i < c->n_endpoints; i++)
        free(c->endpoints[i].url);
    (void)pthread_mutex_destroy(&c->lock);
    free(c);
}

const uint8_t *su_chain_program(const struct su_chain *c)
{
    return c->program;
}

size_t su_chain_endpoints(struct su_chain *c, struct su_chain_endpoint *out, size_t cap)
{
    uint64_t now = su_clock_mono_ns();

    (void)pthread_mutex_lock(&c->lock);
    for (size_t i = 0; i < c->n_endpoints && i < cap; i++) {
        uint64_t until = c->endpoints[i].rest_until_ns;
        out[i] = c->endpoints[i].seen;
        out[i].resting_ms = until > now ? (uint32_t)((until - now) / 1000000u + 1) : 0;
    }
    (void)pthread_mutex_unlock(&c->lock);
    return c->n_endpoints;
}

enum su_code chain_nap(struct su_chain *c, uint32_t ms, struct su_err *e)
{
    uint64_t until = now_ms() + ms;

    for (;;) {
        uint64_t now = now_ms();
        if (c->cancelled && c->cancelled(c->ctx))
            return su_fail(e, SU_ECANCELLED, NULL, "cancelled");
        if (now >= until)
            return SU_OK;
        uint64_t left = SU_MIN(until - now, (uint64_t)NAP_MS);
        const struct timespec t = {0, (long)left * 1000000};
        (void)nanosleep(&t, NULL);
    }
}

/* ---- connections that are kept --------------------------------------------------------------- */

/* The one used last: it is the least likely to have been closed. NULL without memory. */
static struct chain_kept *kept_take(struct su_chain *c)
{
    (void)pthread_mutex_lock(&c->lock);
    struct chain_kept *k = c->kept;
    if (k) {
        c->kept = k->next;
        c->n_kept--;
    }
    (void)pthread_mutex_unlock(&c->lock);
    if (!k && (k = su_try_alloc(1, sizeof *k)) && su_http_line_new(&k->line, NULL) != SU_OK)
        k->line = NULL;
    return k;
}

static void kept_give(struct su_chain *c, struct chain_kept *k)
{
    if (!k)
        return;
    (void)pthread_mutex_lock(&c->lock);
    bool full = c->n_kept == CHAIN_KEPT_MAX;
    if (!full) {
        k->next = c->kept;
        c->kept = k;
        c->n_kept++;
    }
    (void)pthread_mutex_unlock(&c->lock);
    if (full)
        kept_free(k);
}

/* Over a connection that is kept, if it may be. */
static enum su_code post(struct chain_call *call, const char *url, struct su_http_opts *o,
                         struct su_http_reply *reply, struct su_err *e)
{
    static const struct su_http_header headers[] = {{"Content-Type", "application/json"}};
    struct chain_kept *k = call->once ? NULL : kept_take(call->chain);
    enum su_code rc = SU_EUNSUPPORTED;

    if (k && k->line)
        rc = su_http_line_post(k->line, url, headers, SU_ARRAY_LEN(headers), call->body.data,
                               call->body.len, o, reply, e);
    if (rc == SU_EUNSUPPORTED) {
        if (k && !k->keep && su_http_keep_new(&k->keep, NULL) != SU_OK)
            k->keep = NULL;
        o->keep = k ? k->keep : NULL;
        rc = su_http_request("POST", url, headers, SU_ARRAY_LEN(headers), call->body.data,
                             call->body.len, o, reply, e);
    }
    kept_give(call->chain, k);
    return rc;
}

/* ---- health ---------------------------------------------------------------------------------- */

static void note_success(struct su_chain *c, size_t i, uint64_t rtt_ms)
{
    (void)pthread_mutex_lock(&c->lock);
    struct chain_endpoint *p = &c->endpoints[i];
    p->seen.calls++;
    p->seen.rtt_ms = (uint32_t)rtt_ms;
    p->rest_ms = 0;
    p->rest_until_ns = 0;
    (void)pthread_mutex_unlock(&c->lock);
}

static void note_failure(struct su_chain *c, size_t i, const struct su_err *why)
{
    (void)pthread_mutex_lock(&c->lock);
    struct chain_endpoint *p = &c->endpoints[i];
    p->seen.calls++;
    p->seen.failures++;
    p->rest_ms = p->rest_ms == 0 ? REST_MIN_MS : SU_MIN(p->rest_ms * 2, (uint32_t)REST_MAX_MS);
    p->rest_until_ns = su_clock_mono_ns() + (uint64_t)p->rest_ms * 1000000u;
    (void)su_str_copy(p->seen.last_failure, sizeof p->seen.last_failure, why->msg);
    (void)pthread_mutex_unlock(&c->lock);
}

/* The endpoints in the order in which to ask: those in use, best first, then the resting ones, the
   one that has rested longest first. */
static void order_of(struct su_chain *c, size_t order[SU_CHAIN_ENDPOINTS_MAX])
{
    uint64_t now = su_clock_mono_ns(), until[SU_CHAIN_ENDPOINTS_MAX];

    (void)pthread_mutex_lock(&c->lock);
    for (size_t i = 0; i < c->n_endpoints; i++)
        until[i] = c->endpoints[i].rest_until_ns > now ? c->endpoints[i].rest_until_ns : 0;
    (void)pthread_mutex_unlock(&c->lock);
    for (size_t i = 0; i < c->n_endpoints; i++) { /* insertion sort, stable */
        size_t at = i;
        for (; at > 0 && until[order[at - 1]] > until[i]; at--)
            order[at] = order[at - 1];
        order[at] = i;
    }
}

/* ---- one attempt ----------------------------------------------------------------------------- */

enum verdict {
    FINAL, /* whatever came back is the answer */
    ELSEWHERE, /* this endpoint failed */
    LATER, /* this endpoint says to come again */
};

static enum verdict status_verdict(int status, struct su_err *e, enum su_code *c)
{
    const char *text = "HTTP status";

    switch (status) {
    case 408:
    case 429:
    case 500:
    case 502:
    case 503:
    case 504:
        *c = su_fail(e, SU_EBUSY, text, "the endpoint answers %d", status);
        return LATER;
    case 401:
    case 403:
        *c = su_fail(e, SU_EACCES, text, "the endpoint answers %d: it wants credentials", status);
        return ELSEWHERE;
    case 404:
    case 405:
        *c = su_fail(e, SU_EUNSUPPORTED, text, "the endpoint answers %d: no JSON-RPC at this URL",
                     status);
        return ELSEWHERE;
    default:
        *c = SU_OK;
        return FINAL;
    }
}

struct attempt {
    struct su_json *doc;
    const struct su_json_value *result;
    enum su_code code;
};

static enum verdict attempt(struct chain_call *call, const char *url, uint32_t deadline_ms,
                            struct attempt *a, struct su_err *e)
{
    struct su_chain *c = call->chain;
    struct su_http_opts opts = {.connect_ms = SU_MIN(c->connect_ms, deadline_ms),
                                .stall_ms = deadline_ms,
                                .deadline_ms = deadline_ms,
                                .retries = UINT32_MAX,
                                .max_bytes = c->reply_max_bytes,
                                .cancelled = c->cancelled,
                                .ctx = c->ctx};
    struct su_http_reply reply;
    bool again = false;

    memset(a, 0, sizeof *a);
    if (c->cancelled && c->cancelled(c->ctx)) {
        a->code = su_fail(e, SU_ECANCELLED, call->method, "cancelled");
        return FINAL;
    }
    a->code = post(call, url, &opts, &reply, e);
    if (a->code)
        return a->code == SU_ECANCELLED || a->code == SU_ENOMEM || a->code == SU_ELIMIT ? FINAL
                                                                                        : ELSEWHERE;
    enum verdict v = status_verdict(reply.status, e, &a->code);
    if (!a->code) {
        a->code = chain_reply_parse(reply.body.data, reply.body.len, call->method,
                                    c->reply_max_bytes, &a->doc, &a->result, &again, e);
        if (a->code && again)
            v = a->code == SU_EBUSY ? LATER : ELSEWHERE;
    }
    su_http_reply_fini(&reply);
    return v;
}

/* ---- a call ---------------------------------------------------------------------------------- */

/* Asks each endpoint once. True: *a is the answer. */
static bool round_of(struct chain_call *call, uint64_t deadline, struct attempt *a, bool *later,
                     struct su_err *e)
{
    struct su_chain *c = call->chain;
    size_t order[SU_CHAIN_ENDPOINTS_MAX];

    *later = false;
    order_of(c, order);
    for (size_t i = 0; i < c->n_endpoints; i++) {
        uint64_t start = now_ms();
        if (start >= deadline) {
            if (a->code == SU_OK)
                a->code =
                    su_fail(e, SU_ETIMEOUT, call->method, "no answer within %u ms", c->deadline_ms);
            return true;
        }
        /* One that hangs must leave time for the others. */
        uint64_t share = SU_MAX((deadline - start) / (c->n_endpoints - i), (uint64_t)1);
        enum verdict v = attempt(call, c->endpoints[order[i]].url, (uint32_t)share, a, e);
        if (v == FINAL) {
            note_success(c, order[i], now_ms() - start);
            return true;
        }
        note_failure(c, order[i], e);
        *later = *later || v == LATER;
    }
    return false;
}

static enum su_code ask(struct chain_call *call, struct attempt *a, struct su_err *e)
{
    struct su_chain *c = call->chain;
    uint64_t deadline = now_ms() + c->deadline_ms;
    uint32_t backoff = BACKOFF_MIN_MS;

    memset(a, 0, sizeof *a);
    for (unsigned n = 1;; n++) {
        bool later;
        if (round_of(call, deadline, a, &later, e))
            return a->code;
        if (n >= (later ? (unsigned)ROUNDS_BUSY : (unsigned)ROUNDS_NET) ||
            now_ms() + backoff >= deadline)
            return a->code;
        struct su_err ignored;
        if (chain_nap(c, backoff, &ignored) != SU_OK)
            return a->code = su_fail(e, SU_ECANCELLED, call->method, "cancelled");
        backoff = SU_MIN(backoff * 2, (uint32_t)BACKOFF_MAX_MS);
    }
}

void chain_begin(struct chain_call *call, struct su_chain *c, const char *method)
{
    call->chain = c;
    call->method = method;
    call->once = false;
    su_buf_init(&call->body, 1 << 20);
    su_json_writer_init(&call->w, &call->body, 0);
    su_json_put_object(&call->w, NULL);
    su_json_put_str(&call->w, "jsonrpc", "2.0");
    su_json_put_u64(&call->w, "id", CALL_ID);
    su_json_put_str(&call->w, "method", method);
    su_json_put_array(&call->w, "params");
}

enum su_code chain_finish(struct chain_call *call, struct su_json **doc,
                          const struct su_json_value **result, struct su_err *e)
{
    struct su_err local;
    struct attempt a = {0};

    *doc = NULL;
    *result = NULL;
    if (!e)
        e = &local;
    su_json_end_array(&call->w);
    su_json_end_object(&call->w);
    enum su_code c = su_buf_check(&call->body, call->method, e);
    if (!c)
        c = ask(call, &a, e);
    su_buf_fini(&call->body);
    if (c)
        return c;
    *doc = a.doc;
    *result = a.result;
    return SU_OK;
}
