// SPDX-License-Identifier: MIT
#include "http/http.h"
#include "rpc_priv.h"

#include <stdlib.h>
#include <strings.h>

struct su_ledger_rpc {
    struct su_ledger *ledger;
    struct su_http_server *http;
    struct rpc_ws *sockets;
};

/* Pages of any origin may call, as they may a test validator: nothing here is worth money, and
   wallets in browsers are clients too. */
static void allow_origins(struct su_http_answer *a)
{
    su_http_answer_header(a, "Access-Control-Allow-Origin", "*");
}

static void answer_options(struct su_http_answer *a)
{
    su_http_answer_bytes(a, 204, NULL, "", 0);
    allow_origins(a);
    su_http_answer_header(a, "Access-Control-Allow-Methods", "OPTIONS, POST");
    su_http_answer_header(a, "Access-Control-Allow-Headers", "*");
    su_http_answer_header(a, "Access-Control-Max-Age", "86400");
}

static void serve(void *ctx, const struct su_http_call *call, struct su_http_answer *a)
{
    struct su_ledger_rpc *s = ctx;
    const char *type = su_http_call_header(call, "Content-Type");
    struct su_buf out;

    if (strcmp(call->method, "OPTIONS") == 0) {
        answer_options(a);
        return;
    }
    if (strcmp(call->method, "GET") == 0 && strcmp(call->path, "/health") == 0) {
        su_http_answer_text(a, 200, "ok");
        return;
    }
    if (strcmp(call->method, "POST") != 0) {
        su_http_answer_text(a, 405, "Used HTTP Method is not allowed. POST or OPTIONS is required");
        return;
    }
    if (type == NULL || strncasecmp(type, "application/json", 16) != 0) {
        su_http_answer_text(a, 415,
                            "Supplied content type is not allowed. Content-Type: "
                            "application/json is required");
        return;
    }
    su_buf_init(&out, 0);
    su_ledger_rpc_answer(s->ledger, call->body, call->body_len, &out);
    su_http_answer_bytes(a, 200, "application/json", out.len > 0 ? (const char *)out.data : "",
                         out.len);
    allow_origins(a);
    su_buf_fini(&out);
}

enum su_code su_ledger_rpc_start(struct su_ledger *l, const struct su_ledger_rpc_options *o,
                                 struct su_ledger_rpc **out, struct su_err *e)
{
    struct su_ledger_rpc *s = su_alloc(sizeof *s);
    const struct su_http_server_opts opts = {.bind = o->bind,
                                             .port = o->port,
                                             .idle_ms = 60000,
                                             .threads = o->threads != 0 ? o->threads : 4,
                                             .connections = 512,
                                             .body_max_bytes = RPC_BODY_MAX,
                                             .handler = serve,
                                             .ctx = s};
    *out = NULL;
    s->ledger = l;
    enum su_code rc = o->port == UINT16_MAX
                          ? su_fail(e, SU_EINVAL, "port", "65535 leaves no port for subscriptions")
                          : su_http_server_start(&opts, &s->http, e);
    if (rc == SU_OK)
        rc = rpc_ws_start(l, o->bind, o->port == 0 ? 0 : (uint16_t)(o->port + 1), &s->sockets, e);
    if (rc != SU_OK) {
        su_ledger_rpc_stop(s);
        return rc;
    }
    *out = s;
    return SU_OK;
}

uint16_t su_ledger_rpc_port(const struct su_ledger_rpc *s)
{
    return su_http_server_port(s->http);
}

uint16_t su_ledger_rpc_sockets_port(const struct su_ledger_rpc *s)
{
    return rpc_ws_port(s->sockets);
}

void su_ledger_rpc_stop(struct su_ledger_rpc *s)
{
    if (s == NULL)
        return;
    su_http_server_stop(s->http);
    rpc_ws_stop(s->sockets);
    free(s);
}
