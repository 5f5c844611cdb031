// SPDX-License-Identifier: MIT
#include "engine_priv.h"

#include <stdlib.h>
#include <string.h>

/* ---- publishing ----------------------------------------------------------------------------- */

static enum su_code hash_file(const char *path, const struct su_store_hooks *hooks, uint8_t id[32],
                              struct su_err *e)
{
    struct su_progress p;
    struct su_merkle tree;
    struct su_map m;
    enum su_code rc = su_map_open(path, SU_STORE_BLOB_MAX, &m, e);

    if (rc)
        return rc;
    su_progress_init(&p, m.len, "B", su_clock_mono_ns());
    su_merkle_init(&tree, NULL);
    for (size_t at = 0; at < m.len && !rc; at += SU_MERKLE_CHUNK_BYTES) {
        su_merkle_update(&tree, m.data + at, SU_MIN(m.len - at, (size_t)SU_MERKLE_CHUNK_BYTES));
        su_progress_set(&p, at, su_clock_mono_ns());
        if (hooks && hooks->progress)
            hooks->progress(hooks->ctx, &p);
        if (hooks && hooks->cancelled && hooks->cancelled(hooks->ctx))
            rc = su_fail(e, SU_ECANCELLED, path, "not hashed to the end");
    }
    su_merkle_final(&tree, id);
    su_map_close(&m);
    return rc;
}

enum su_code su_package_publish(const struct su_package_of *of, struct su_store *store,
                                const struct su_store_hooks *hooks, struct su_package **out,
                                uint8_t id[32], struct su_err *e)
{
    struct su_package_of whole = *of;
    uint32_t n = su_weights_files(of->weights);
    uint8_t *blob = su_alloc((size_t)32 * n + 1), made[32];
    struct su_package *p = NULL;
    struct su_buf b;
    enum su_code rc = SU_OK;

    *out = NULL;
    whole.blob = blob;
    su_buf_init(&b, SU_PACKAGE_BYTES_MAX);
    for (uint32_t i = 0; i < n && !rc; i++) {
        const char *path = su_weights_file_path(of->weights, i);
        rc = store ? su_store_put_file(store, path, hooks, blob + (size_t)32 * i, e)
                   : hash_file(path, hooks, blob + (size_t)32 * i, e);
    }
    if (!rc)
        rc = su_package_encode(&whole, &b, e);
    if (!rc)
        rc = su_package_decode(b.data, b.len, &p, e);
    if (!rc && store)
        rc = su_store_put_bytes(store, b.data, b.len, made, e);
    else if (!rc)
        su_merkle_blob(b.data, b.len, made);
    if (!rc) {
        memcpy(id, made, 32);
        *out = p;
        p = NULL;
    }
    su_package_free(p);
    su_buf_fini(&b);
    free(blob);
    return rc;
}

/* ---- opening -------------------------------------------------------------------------------- */

enum su_code su_package_uri_parse(const char *uri, uint8_t id[32], char peer[SU_PACKAGE_PEER_MAX],
                                  struct su_err *e)
{
    const char *blob = strstr(uri, "/blob/"), *hex = "";
    bool http = su_str_starts(uri, "http://") || su_str_starts(uri, "https://");
    uint8_t raw[33];
    size_t n = 0;

    if (su_str_starts(uri, "sha256:"))
        hex = uri + strlen("sha256:");
    else if (http && blob && (size_t)(blob - uri) < SU_PACKAGE_PEER_MAX)
        hex = blob + strlen("/blob/");
    if (!su_hex_decode(hex, raw, sizeof raw, &n) || n != 32)
        return su_fail(e, SU_EUNSUPPORTED, uri,
                       "names no package; it should be sha256:<64 hex digits> or "
                       "http://HOST:PORT/blob/<64 hex digits>");
    memcpy(id, raw, 32);
    peer[0] = 0;
    if (http) {
        memcpy(peer, uri, (size_t)(blob - uri));
        peer[blob - uri] = 0;
    }
    return SU_OK;
}

static enum su_code fetch_from(struct su_store *store, const char *peer, const uint8_t id[32],
                               const struct su_store_hooks *hooks, struct su_err *e)
{
    struct su_store_fetch how = {.expect_id = id, .max_bytes = SU_PACKAGE_BYTES_MAX};
    char uri[SU_STORE_PATH_MAX], hex[65];
    uint8_t got[32];

    if (hooks)
        how.hooks = *hooks;
    (void)su_hex_encode(id, 32, hex, sizeof hex);
    int n = peer ? snprintf(uri, sizeof uri, "%s/blob/%s", peer, hex)
                 : snprintf(uri, sizeof uri, "sha256:%s", hex);
    if (n < 0 || (size_t)n >= sizeof uri)
        return su_fail(e, SU_ELIMIT, "peer", "is too long for an address");
    return su_store_fetch(store, uri, &how, got, e);
}

/* From the peer that the URI names, those given, and those of the store. */
static enum su_code fetch_package(struct su_store *store, const uint8_t id[32], const char *first,
                                  const char *const *peers, size_t n_peers,
                                  const struct su_store_hooks *hooks, struct su_err *e)
{
    struct su_err why = {0}, telling = {0};
    enum su_code rc = SU_ENOENT;

    for (size_t i = 0; i < n_peers + 2 && rc && rc != SU_ECANCELLED; i++) {
        const char *peer = i == 0 ? first : i <= n_peers ? peers[i - 1] : NULL;
        if (peer && !*peer)
            continue;
        rc = fetch_from(store, peer, id, hooks, &why);
        if (rc && (telling.code == SU_OK || telling.code == SU_ENOENT))
            telling = why;
    }
    if (rc && e)
        *e = rc == SU_ECANCELLED ? why : telling;
    return rc && rc != SU_ECANCELLED ? telling.code : rc;
}

enum su_code su_package_open(const char *uri, struct su_store *store, const char *const *peers,
                             size_t n_peers, const struct su_store_hooks *hooks,
                             struct su_package **out, struct su_err *e)
{
    char peer[SU_PACKAGE_PEER_MAX];
    struct su_store_blob b;
    uint8_t id[32];
    enum su_code rc = su_package_uri_parse(uri, id, peer, e);

    *out = NULL;
    if (!rc)
        rc = fetch_package(store, id, peer, peers, n_peers, hooks, e);
    if (!rc)
        rc = su_store_blob_open(store, id, true, &b, e);
    if (rc)
        return rc;
    rc = su_package_decode(b.data, (size_t)b.bytes, out, e);
    su_store_blob_close(&b);
    return rc;
}
