// SPDX-License-Identifier: MIT
#include "rpc_priv.h"

#include <stdlib.h>

#define X(name) rpc_method rpc_##name;
#include "ledger/rpc_methods.def"
#undef X

static const struct {
    const char *name;
    rpc_method *run;
} methods[] = {
#define X(name) {#name, rpc_##name},
#include "ledger/rpc_methods.def"
#undef X
};

static rpc_method *rpc_method_find(const char *name)
{
    for (size_t i = 0; i < SU_ARRAY_LEN(methods); i++)
        if (strcmp(methods[i].name, name) == 0)
            return methods[i].run;
    return NULL;
}

bool rpc_fail(struct rpc_call *c, int code, const char *fmt, ...)
{
    va_list args;

    if (c->error != 0)
        return false;
    c->error = code;
    va_start(args, fmt);
    (void)vsnprintf(c->message, sizeof c->message, fmt, args);
    va_end(args);
    return false;
}

/* ---- answers --------------------------------------------------------------------------------- */

/* JSON-RPC 2.0 §4: a string, a number without fraction, or null. */
static bool put_id(struct su_json_writer *w, const struct su_json_value *id)
{
    const char *text = NULL;
    uint64_t n = 0;
    int64_t i = 0;

    if (id == NULL || su_json_kind(id) == SU_JSON_NULL) {
        su_json_put_null(w, "id");
        return true;
    }
    if (su_json_as_str(id, NULL, &text, NULL) == SU_OK)
        su_json_put_str(w, "id", text);
    else if (su_json_as_u64(id, NULL, &n, NULL) == SU_OK)
        su_json_put_u64(w, "id", n);
    else if (su_json_as_i64(id, NULL, &i, NULL) == SU_OK)
        su_json_put_i64(w, "id", i);
    else
        return false;
    return true;
}

/* Appends ,"id":...} */
static void end_answer(struct su_buf *out, const struct su_json_value *id)
{
    struct su_buf text;
    struct su_json_writer w;

    su_buf_init(&text, 0);
    su_json_writer_init(&w, &text, 0);
    su_json_put_object(&w, NULL);
    if (!put_id(&w, id))
        su_json_put_null(&w, "id");
    su_json_end_object(&w);
    su_buf_str(out, ",");
    if (text.len > 1)
        su_buf_put(out, text.data + 1, text.len - 1);
    su_buf_fini(&text);
}

static void put_error(struct su_buf *out, const struct su_json_value *id, int code,
                      const char *message, const struct su_buf *data)
{
    struct su_json_writer w;

    su_buf_str(out, "{\"jsonrpc\":\"2.0\",\"error\":");
    su_json_writer_init(&w, out, 0);
    su_json_put_object(&w, NULL);
    su_json_put_i64(&w, "code", code);
    su_json_put_str(&w, "message", message);
    su_json_end_object(&w);
    if (data != NULL && data->len > 0 && !out->failed) {
        out->len--; /* the brace that ends the object */
        su_buf_str(out, ",\"data\":");
        su_buf_put(out, data->data, data->len);
        su_buf_str(out, "}");
    }
    end_answer(out, id);
}

static void put_error_text(struct su_buf *out, const struct su_json_value *id, int code,
                           const char *message)
{
    put_error(out, id, code, message, NULL);
}

static void run_method(const struct rpc_service *s, rpc_method *run,
                       const struct su_json_value *params, const struct su_json_value *id,
                       struct su_buf *out)
{
    struct su_buf result;
    struct su_json_writer w;
    struct rpc_call c = {.ledger = s->ledger, .ctx = s->ctx, .params = params, .w = &w};

    su_buf_init(&result, out->limit > out->len ? out->limit - out->len : 1);
    su_buf_init(&c.data, RPC_BODY_MAX);
    su_json_writer_init(&w, &result, 0);
    run(&c);
    if (c.error == 0 && result.failed)
        rpc_fail(&c, RPC_INTERNAL, "the answer is longer than %u bytes: ask for less at once",
                 RPC_ANSWER_MAX);
    if (c.error == 0) {
        SU_ASSERT(su_json_writer_done(&w));
        su_buf_str(out, "{\"jsonrpc\":\"2.0\",\"result\":");
        su_buf_put(out, result.data, result.len);
        end_answer(out, id);
    } else {
        put_error(out, id, c.error, c.message, &c.data);
    }
    su_buf_fini(&c.data);
    su_buf_fini(&result);
}

/* Returns false when nothing is to be answered. */
static bool answer_one(const struct rpc_service *s, const struct su_json_value *request,
                       struct su_buf *out)
{
    const struct su_json_value *id = su_json_member(request, "id");
    const struct su_json_value *params = su_json_member(request, "params");
    const char *version = NULL, *name = NULL;
    uint64_t n = 0;
    int64_t i = 0;
    bool id_ok =
        id == NULL || su_json_kind(id) == SU_JSON_NULL || su_json_kind(id) == SU_JSON_STRING ||
        su_json_as_u64(id, NULL, &n, NULL) == SU_OK || su_json_as_i64(id, NULL, &i, NULL) == SU_OK;
    if (!id_ok || su_json_get_str(request, "jsonrpc", &version, NULL) != SU_OK ||
        strcmp(version, "2.0") != 0 || su_json_get_str(request, "method", &name, NULL) != SU_OK) {
        put_error_text(out, id_ok ? id : NULL, RPC_INVALID_REQUEST, "Invalid request");
        return true;
    }
    if (id == NULL)
        return false; /* a notification; none has an effect */
    if (params != NULL && su_json_kind(params) == SU_JSON_NULL)
        params = NULL;
    rpc_method *run = s->find(name);
    if (run == NULL) {
        char text[128];
        (void)snprintf(text, sizeof text, "Method not found: %.64s", name);
        put_error_text(out, id, RPC_METHOD_NOT_FOUND, text);
    } else if (params != NULL && su_json_kind(params) != SU_JSON_ARRAY) {
        put_error_text(out, id, RPC_INVALID_PARAMS, "Invalid params: must be an array");
    } else {
        run_method(s, run, params, id, out);
    }
    return true;
}

static void answer_batch(const struct rpc_service *s, const struct su_json_value *batch,
                         struct su_buf *out)
{
    size_t n = su_json_count(batch), start = out->len, answers = 0;

    if (n == 0) {
        put_error_text(out, NULL, RPC_INVALID_REQUEST, "Invalid request");
        return;
    }
    if (n > RPC_BATCH_MAX) {
        char text[96];
        (void)snprintf(text, sizeof text, "Invalid request: %zu calls in a batch; max %u", n,
                       RPC_BATCH_MAX);
        put_error_text(out, NULL, RPC_INVALID_REQUEST, text);
        return;
    }
    for (const struct su_json_value *i = su_json_first(batch); i != NULL; i = su_json_next(i)) {
        size_t before = out->len;
        su_buf_str(out, answers == 0 ? "[" : ",");
        if (answer_one(s, i, out))
            answers++;
        else
            out->len = before;
    }
    if (answers > 0)
        su_buf_str(out, "]");
    else
        out->len = start;
}

void rpc_answer(const struct rpc_service *s, const void *body, size_t n, struct su_buf *out)
{
    static const struct su_json_limits limits = {
        .bytes_max = RPC_BODY_MAX, .values_max = RPC_VALUES_MAX, .depth_max = RPC_DEPTH_MAX};
    struct su_json *doc = NULL;

    if (out->limit == 0 || out->limit > RPC_ANSWER_MAX)
        out->limit = RPC_ANSWER_MAX;
    if (su_json_parse(n > 0 ? body : "", n, "request", &limits, &doc, NULL) != SU_OK) {
        put_error_text(out, NULL, RPC_PARSE, "Parse error");
    } else {
        const struct su_json_value *root = su_json_root(doc);
        if (su_json_kind(root) == SU_JSON_ARRAY)
            answer_batch(s, root, out);
        else
            (void)answer_one(s, root, out);
        su_json_free(doc);
    }
    if (out->failed) {
        su_buf_clear(out);
        put_error_text(out, NULL, RPC_INTERNAL, "Internal error: the answer is too long");
    }
}

void su_ledger_rpc_answer(struct su_ledger *l, const void *body, size_t n, struct su_buf *out)
{
    const struct rpc_service s = {.ledger = l, .find = rpc_method_find};

    rpc_answer(&s, body, n, out);
}
