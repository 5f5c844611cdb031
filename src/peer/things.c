// SPDX-License-Identifier: MIT
#include "peer_priv.h"

#include <string.h>

enum { PATH_BYTES = 128 };

static void path_of(const char *before, const uint8_t execution[32], char out[PATH_BYTES])
{
    char address[64];

    (void)su_base58_encode(execution, 32, address, sizeof address);
    snprintf(out, PATH_BYTES, "%s%s", before, address);
}

/* An answer that is not what was asked for, as an error. */
static enum su_code bad_status(const char *endpoint, const struct su_http_reply *reply,
                               struct su_err *e)
{
    char text[200];

    su_str_sanitize(text, sizeof text, (const char *)reply->body.data, reply->body.len);
    if (reply->status == 404)
        return su_fail(e, SU_ENOENT, endpoint, "does not have it");
    if (reply->status == 429 || reply->status == 503)
        return su_fail(e, SU_EBUSY, endpoint, "is busy: %s", text);
    if (reply->status >= 400 && reply->status < 500)
        return su_fail(e, SU_EACCES, endpoint, "refuses (HTTP %d): %s", reply->status, text);
    return su_fail(e, SU_ENET, endpoint, "answers with HTTP status %d: %s", reply->status, text);
}

static enum su_code get(const char *endpoint, const char *path, const struct su_peer_call *call,
                        uint64_t max_bytes, struct su_http_reply *reply, struct su_err *e)
{
    const struct su_peer_limits limits = {.max_bytes = max_bytes};
    enum su_code c = su_peer_http("GET", endpoint, path, NULL, 0, &(struct su_bytes_of){NULL, 0},
                                  call, &limits, reply, e);

    if (c == SU_OK && reply->status != 200) {
        c = bad_status(endpoint, reply, e);
        su_http_reply_fini(reply);
    }
    return c;
}

/* Hands the body over and ends the reply. */
static enum su_code hand_over(enum su_code c, struct su_http_reply *reply, struct su_buf *out,
                              struct su_err *e)
{
    size_t before = out->len;

    if (c == SU_OK) {
        su_buf_put(out, reply->body.data, reply->body.len);
        c = su_buf_check(out, "answer", e);
        if (c != SU_OK)
            out->len = before;
    }
    su_http_reply_fini(reply);
    return c;
}

enum su_code su_peer_input_post(const char *endpoint, const uint8_t execution[32],
                                const void *container, size_t n, const struct su_peer_call *call,
                                struct su_err *e)
{
    static const struct su_peer_limits limits = {.max_bytes = 64u << 10};
    const struct su_http_header headers[] = {{"Content-Type", "application/octet-stream"},
                                             {SU_PEER_FORWARDED_HEADER, "1"}};
    struct su_http_reply reply;
    char path[PATH_BYTES];

    path_of("/api/input?execution=", execution, path);
    enum su_code c =
        su_peer_http("POST", endpoint, path, headers, call != NULL && call->forwarded ? 2 : 1,
                     &(struct su_bytes_of){container, n}, call, &limits, &reply, e);
    if (c != SU_OK)
        return c;
    if (reply.status != 200)
        c = bad_status(endpoint, &reply, e);
    su_http_reply_fini(&reply);
    return c;
}

enum su_code su_peer_input_get(const char *endpoint, const uint8_t execution[32],
                               const uint8_t digest[32], const struct su_peer_call *call,
                               struct su_buf *out, struct su_err *e)
{
    struct su_http_reply reply;
    uint8_t got[32];
    char path[PATH_BYTES];

    path_of("/api/input/", execution, path);
    enum su_code c = get(endpoint, path, call, SU_PEER_INPUT_BYTES_MAX, &reply, e);
    if (c != SU_OK)
        return c;
    su_sha256(reply.body.data, reply.body.len, got);
    if (memcmp(got, digest, 32) != 0)
        c = su_fail(e, SU_EDIGEST, endpoint, "gives other inputs than the request names");
    return hand_over(c, &reply, out, e);
}

enum su_code su_peer_table_get(const struct su_wire_scope *scope, const char *endpoint,
                               const uint8_t execution[32], const uint8_t table_root[32],
                               const uint8_t assignment_root[32], const struct su_peer_call *call,
                               struct su_buf *out, struct su_err *e)
{
    const struct su_wire_expect x = {.scope = *scope, .kind = SU_WIRE_TABLE};
    struct su_http_reply reply;
    struct su_wire_frame f;
    char path[PATH_BYTES];

    path_of("/api/table/", execution, path);
    enum su_code c = get(endpoint, path, call, 256u << 10, &reply, e);
    if (c != SU_OK)
        return c;
    c = su_wire_parse(reply.body.data, reply.body.len, &f, e);
    if (c == SU_OK)
        c = su_wire_verify(&f, &x, e);
    if (c == SU_OK && (memcmp(f.m.u.table.execution, execution, 32) != 0 ||
                       memcmp(f.m.u.table.table_root, table_root, 32) != 0 ||
                       memcmp(f.m.u.table.assignment_root, assignment_root, 32) != 0))
        c = su_fail(e, SU_EDIGEST, endpoint, "gives another table than the one on chain");
    if (c == SU_OK)
        c = su_wire_table_check(&f.m, e);
    return hand_over(c, &reply, out, e);
}

enum su_code su_peer_status_get(const char *endpoint, const struct su_peer_call *call,
                                struct su_buf *out, struct su_err *e)
{
    struct su_http_reply reply;
    enum su_code c = get(endpoint, "/api/status", call, SU_PEER_STATUS_BYTES_MAX, &reply, e);

    return c == SU_OK ? hand_over(SU_OK, &reply, out, e) : c;
}
