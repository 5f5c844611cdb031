// SPDX-License-Identifier: MIT
#include "store_priv.h"

#include "http/http.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct fetch {
    struct su_store *s;
    const struct su_store_fetch *f;
    struct su_store_watch watch;
    char name[SU_STORE_HEX + 8]; /* stem of the lock and of the part file */
    char part[SU_STORE_PATH_MAX];
    const uint8_t *expect; /* NULL = any content */
    const uint8_t *leaves; /* verified against expect; NULL = unknown */
    uint64_t nleaves;
    uint64_t max_bytes;
    uint32_t retries; /* of one source, 0 = the client's default */
    struct su_store_hub hub; /* of an hf: URI */

    /* Hashing while bytes arrive. */
    struct su_merkle tree;
    struct su_sha256 sha; /* of an hf: URI */
    struct su_buf have; /* leaves so far */
    uint64_t good; /* chunks that matched leaves */
    bool bad_chunk; /* a chunk did not match */
    uint64_t resumed; /* bytes of the part that came from an earlier call */
    unsigned starts; /* how often byte 0 went by */
    struct su_http_file_result result;
};

/* ---- checking on arrival --------------------------------------------------------------------- */

static void hash_restart(struct fetch *x)
{
    su_buf_clear(&x->have);
    su_merkle_init(&x->tree, &x->have);
    su_sha256_init(&x->sha);
    x->good = 0;
    x->bad_chunk = false;
}

static enum su_code wrong_chunk(struct fetch *x, const char *what, struct su_err *e)
{
    x->bad_chunk = true;
    return su_fail(e, SU_EDIGEST, x->part, "%s at byte %" PRIu64 " does not match the leaf list",
                   what, x->good * SU_STORE_CHUNK_BYTES);
}

static enum su_code compare_leaves(struct fetch *x, struct su_err *e)
{
    while (x->good < x->have.len / SU_SHA256_BYTES) {
        if (x->good >= x->nleaves) {
            return wrong_chunk(x, "extra chunk", e);
        }
        if (memcmp(x->have.data + x->good * SU_SHA256_BYTES, x->leaves + x->good * SU_SHA256_BYTES,
                   SU_SHA256_BYTES) != 0) {
            return wrong_chunk(x, "chunk", e);
        }
        x->good++;
    }
    return SU_OK;
}

static enum su_code on_bytes(void *ctx, uint64_t offset, const uint8_t *data, size_t n,
                             struct su_err *e)
{
    struct fetch *x = ctx;

    if (offset == 0) {
        hash_restart(x);
        if (++x->starts > 1) {
            x->resumed = 0; /* the server made us start over */
        }
    }
    su_merkle_update(&x->tree, data, n);
    if (x->hub.used) {
        su_sha256_update(&x->sha, data, n);
    }
    enum su_code c = su_buf_check(&x->have, x->part, e);
    return c == SU_OK && x->leaves != NULL ? compare_leaves(x, e) : c;
}

/* Ends the hash of a complete part. */
static enum su_code finish_hash(struct fetch *x, uint8_t id[SU_STORE_ID_BYTES], struct su_err *e)
{
    char got[SU_STORE_HEX], want[SU_STORE_HEX];

    if (x->result.bytes == 0) {
        hash_restart(x);
    }
    su_merkle_final(&x->tree, id);
    enum su_code c = su_buf_check(&x->have, x->part, e);
    if (c == SU_OK && x->leaves != NULL) {
        c = compare_leaves(x, e);
        if (c == SU_OK && x->good != x->nleaves) {
            c = wrong_chunk(x, "end", e);
        }
    }
    if (c == SU_OK && x->expect != NULL && memcmp(id, x->expect, SU_STORE_ID_BYTES) != 0) {
        c = su_fail(e, SU_EDIGEST, x->part, "content is sha256:%s, expected sha256:%s",
                    su_store_hex(id, got), su_store_hex(x->expect, want));
    }
    return c == SU_OK && x->hub.used ? su_store_hub_check(&x->hub, &x->sha, id, &x->result, e) : c;
}

/* Keeps the good chunks of a part that failed its check, nothing when it is not known which are. */
static void salvage(struct fetch *x)
{
    off_t keep = x->bad_chunk ? (off_t)(x->good * SU_STORE_CHUNK_BYTES) : 0;

    if (keep == 0) {
        unlink(x->part);
    } else if (truncate(x->part, keep) != 0) {
        unlink(x->part);
    }
}

/* ---- one source ------------------------------------------------------------------------------ */

static enum su_code http_opts(struct fetch *x, struct su_http_opts *o, struct su_err *e)
{
    const struct su_store_hooks *h = x->watch.hooks;
    enum su_code c = su_store_watch_tick(&x->watch, "fetch", e);

    *o = (struct su_http_opts){.cancelled = h->cancelled,
                               .progress = h->progress,
                               .ctx = h->ctx,
                               .retries = x->retries,
                               .max_bytes = x->max_bytes};
    if (c == SU_OK && x->watch.deadline_ns != 0) {
        uint64_t now = su_clock_mono_ns();
        uint64_t left = x->watch.deadline_ns > now ? x->watch.deadline_ns - now : 0;

        o->deadline_ms = (uint32_t)SU_MAX(left / 1000000, (uint64_t)1);
    }
    return c;
}

/* Downloads url into the part file and hashes it. When the damage may lie in what an earlier call
   left, it says nothing about this server, which is then asked once more. */
static enum su_code download(struct fetch *x, const char *url, const char *if_none_match,
                             uint8_t id[SU_STORE_ID_BYTES], struct su_err *e)
{
    enum su_code c = SU_OK;

    for (int round = 0; round < 2; round++) {
        struct su_http_opts o;
        struct stat st;
        const struct su_http_file file = {.url = url,
                                          .part_path = x->part,
                                          .digest_known = x->expect != NULL,
                                          .if_none_match = if_none_match,
                                          .bearer = x->hub.bearer,
                                          .sink = on_bytes,
                                          .sink_ctx = x};

        hash_restart(x);
        x->starts = 0;
        x->resumed = stat(x->part, &st) == 0 ? (uint64_t)st.st_size : 0;
        memset(&x->result, 0, sizeof x->result);
        c = http_opts(x, &o, e);
        if (c == SU_OK) {
            c = su_http_get_file(&file, &o, &x->result, e);
        }
        if (c == SU_OK && !x->result.not_modified) {
            c = finish_hash(x, id, e);
        }
        if (c != SU_EDIGEST) {
            return c;
        }
        salvage(x);
        uint64_t suspect_from = x->bad_chunk ? x->good * SU_STORE_CHUNK_BYTES : 0;
        if (suspect_from >= x->resumed) {
            break;
        }
    }
    return c;
}

static enum su_code publish(struct fetch *x, const uint8_t id[SU_STORE_ID_BYTES], struct su_err *e)
{
    return su_store_publish(x->s, x->part, id, x->result.bytes, &x->have, e);
}

/* Asks a peer for the leaf list; one that hashes to the id is as good as the id itself. */
static enum su_code peer_leaves(struct fetch *x, const char *peer, struct su_buf *out,
                                struct su_err *e)
{
    char url[SU_HTTP_URL_MAX], hex[SU_STORE_HEX];
    uint8_t root[SU_STORE_ID_BYTES];
    struct su_http_reply reply;
    struct su_http_opts o;
    enum su_code c = http_opts(x, &o, e);

    if (c != SU_OK) {
        return c;
    }
    o.progress = NULL;
    o.max_bytes = su_merkle_leaf_count(x->max_bytes) * SU_SHA256_BYTES + 1;
    snprintf(url, sizeof url, "%s/blob/%s.leaves", peer, su_store_hex(x->expect, hex));
    c = su_http_request("GET", url, NULL, 0, NULL, 0, &o, &reply, e);
    if (c != SU_OK) {
        return c;
    }
    if (reply.status != 200) {
        c = su_fail(e, reply.status == 404 ? SU_ENOENT : SU_ENET, url, "answers with status %d",
                    reply.status);
    } else {
        uint64_t n = reply.body.len / SU_SHA256_BYTES;

        su_merkle_root(reply.body.data, n, root);
        if (reply.body.len % SU_SHA256_BYTES != 0 || memcmp(root, x->expect, sizeof root) != 0) {
            c = su_fail(e, SU_EDIGEST, url, "leaf list does not match the blob's id");
        } else {
            *out = reply.body; /* takes it over */
            reply.body = (struct su_buf){0};
        }
    }
    su_http_reply_fini(&reply);
    return c;
}

static bool ends_fetch(enum su_code c)
{
    return c == SU_OK || c == SU_ECANCELLED || c == SU_ENOSPC || c == SU_EIO || c == SU_ENOMEM;
}

static enum su_code from_peer(struct fetch *x, const char *peer, uint8_t *id, struct su_err *e)
{
    char url[SU_HTTP_URL_MAX], hex[SU_STORE_HEX];
    struct su_buf list;
    enum su_code c = SU_OK;
    bool borrowed = x->leaves != NULL;
    uint64_t max_bytes = x->max_bytes;

    su_buf_init(&list, 0);
    if (!borrowed) {
        c = peer_leaves(x, peer, &list, e);
        if (c == SU_OK) {
            x->leaves = list.data != NULL ? list.data : (const uint8_t *)"";
            x->nleaves = list.len / SU_SHA256_BYTES;
        }
    }
    if (c == SU_OK) {
        snprintf(url, sizeof url, "%s/blob/%s", peer, su_store_hex(x->expect, hex));
        /* The leaf list vouches for the length, so a peer cannot make us fill the disk. */
        x->max_bytes = SU_MIN(max_bytes, SU_MAX(x->nleaves, (uint64_t)1) * SU_STORE_CHUNK_BYTES);
        c = download(x, url, NULL, id, e);
    }
    if (!borrowed) {
        x->leaves = NULL;
        x->nleaves = 0;
    }
    x->max_bytes = max_bytes;
    su_buf_fini(&list);
    return c;
}

static enum su_code from_peers(struct fetch *x, uint8_t *id, struct su_err *e)
{
    char hex[SU_STORE_HEX];
    struct su_err last = {0};
    enum su_code c = SU_ENOENT;

    su_store_hex(x->expect, hex);
    x->retries = 1; /* the next peer is a better bet than patience */
    for (size_t i = 0; i < x->s->npeers; i++) {
        struct su_err why = {0};

        c = from_peer(x, x->s->peers[i], id, &why);
        if (ends_fetch(c) || (c == SU_ETIMEOUT && x->watch.deadline_ns != 0 &&
                              su_clock_mono_ns() >= x->watch.deadline_ns)) {
            if (e != NULL && c != SU_OK) {
                *e = why;
            }
            return c == SU_OK ? publish(x, id, e) : c;
        }
        if (c != SU_ENOENT) {
            last = why; /* more telling than "not found" */
        }
    }
    if (last.code != SU_OK) {
        if (e != NULL) {
            *e = last;
        }
        return last.code;
    }
    return su_fail(e, SU_ENOENT, hex, "is not in the store and none of %zu peers has it",
                   x->s->npeers);
}

static enum su_code from_url(struct fetch *x, const char *url, int64_t since_ms, bool waited,
                             uint8_t *id, struct su_err *e)
{
    struct su_store_source src;
    char key[sizeof SU_STORE_FIXED + SU_STORE_PATH_MAX];
    snprintf(key, sizeof key, "%s%s", x->hub.commit ? SU_STORE_FIXED : "", url);
    bool found = x->expect == NULL && su_store_source_get(x->s, key, &src, NULL) == SU_OK;
    bool known = found && su_store_has(x->s, src.id, NULL);

    if (known && ((waited && src.fetched_ms >= since_ms) || x->hub.commit || x->hub.offline)) {
        memcpy(id, src.id, SU_STORE_ID_BYTES);
        return su_store_row_touch(x->s, id, e);
    }
    if (x->hub.used) {
        enum su_code ready = su_store_hub_before(&x->hub, url, found ? &src : NULL, e);

        if (ready != SU_OK) {
            return ready;
        }
        x->retries = known ? 1 : 0; /* there is something to fall back on */
    }
    /* A part under way is continued in any case; it was begun because the copy here was out of
       date. */
    const char *etag = known && src.etag[0] != 0 && access(x->part, F_OK) != 0 ? src.etag : NULL;
    struct su_err why = {0};
    enum su_code c = download(x, url, etag, id, &why);
    if (c != SU_OK && x->hub.used) {
        c = su_store_hub_failed(url, known, c, &why);
        if (c == SU_OK) { /* out of reach, and a copy is here */
            memcpy(id, src.id, SU_STORE_ID_BYTES);
            return su_store_row_touch(x->s, id, e);
        }
    }
    if (c != SU_OK) {
        if (e != NULL) {
            *e = why;
        }
        return c;
    }
    if (x->result.not_modified) {
        unlink(x->part);
        memcpy(id, src.id, SU_STORE_ID_BYTES);
        src.fetched_ms = su_clock_wall_ms();
    } else {
        c = publish(x, id, e);
        memcpy(src.id, id, SU_STORE_ID_BYTES);
        su_str_copy(src.etag, sizeof src.etag, x->result.etag);
        src.fetched_ms = su_clock_wall_ms();
    }
    return c == SU_OK ? su_store_source_set(x->s, key, &src, e) : c;
}

/* ---- the whole ------------------------------------------------------------------------------- */

static enum su_code locked_fetch(struct fetch *x, const struct su_store_uri *uri, uint8_t *id,
                                 struct su_err *e)
{
    int lock = -1;
    bool waited = false;
    int64_t since_ms = su_clock_wall_ms();
    enum su_code c = su_store_lock(x->s, x->name, &x->watch, &lock, &waited, e);

    if (c != SU_OK) {
        return c;
    }
    if (x->expect != NULL && su_store_has(x->s, x->expect, NULL)) {
        memcpy(id, x->expect, SU_STORE_ID_BYTES);
        c = su_store_row_touch(x->s, x->expect, e);
    } else if (uri->scheme == SU_STORE_SHA256) {
        c = from_peers(x, id, e);
    } else {
        c = from_url(x, uri->target, since_ms, waited, id, e);
    }
    su_store_unlock(lock);
    return c;
}

static void name_fetch(struct fetch *x, const struct su_store_uri *uri)
{
    uint8_t digest[SU_SHA256_BYTES];
    char hex[SU_STORE_HEX];

    if (x->expect != NULL) {
        su_str_copy(x->name, sizeof x->name, su_store_hex(x->expect, hex));
    } else {
        su_sha256(uri->target, strlen(uri->target), digest);
        snprintf(x->name, sizeof x->name, "uri-%s", su_store_hex(digest, hex));
    }
    su_store_path(x->s, "tmp", x->name, ".part", x->part);
}

static void take_leaves(struct fetch *x)
{
    uint8_t root[SU_STORE_ID_BYTES];
    const struct su_store_fetch *f = x->f;

    if (f->leaves == NULL || x->expect == NULL) {
        return;
    }
    su_merkle_root(f->leaves, f->nleaves, root);
    if (memcmp(root, x->expect, sizeof root) == 0) {
        x->leaves = f->leaves;
        x->nleaves = f->nleaves;
    }
}

static enum su_code fetch_parsed(struct fetch *x, struct su_store_uri *uri, uint8_t *id,
                                 struct su_err *e)
{
    char hex[SU_STORE_HEX];

    x->expect = x->f->expect_id;
    if (uri->scheme == SU_STORE_SHA256) {
        if (x->expect != NULL && memcmp(x->expect, uri->id, SU_STORE_ID_BYTES) != 0) {
            return su_fail(e, SU_EINVAL, uri->target, "URI and expected id sha256:%s differ",
                           su_store_hex(x->expect, hex));
        }
        x->expect = uri->id;
    }
    if (x->expect != NULL && su_store_has(x->s, x->expect, NULL)) {
        memcpy(id, x->expect, SU_STORE_ID_BYTES);
        return su_store_row_touch(x->s, x->expect, e);
    }
    x->max_bytes = x->f->max_bytes != 0 ? x->f->max_bytes : SU_STORE_BLOB_MAX;
    if (uri->scheme == SU_STORE_FILE) {
        return su_store_put_checked(x->s, uri->target, x->max_bytes, x->expect, &x->watch, id, e);
    }
    if (x->s->budget_bytes != 0) {
        x->max_bytes = SU_MIN(x->max_bytes, x->s->budget_bytes);
    }
    take_leaves(x);
    if (uri->scheme == SU_STORE_HF) {
        enum su_code c = su_store_hub_open(uri, &x->hub, e);

        if (c != SU_OK) {
            return c;
        }
    }
    name_fetch(x, uri);
    return locked_fetch(x, uri, id, e);
}

enum su_code su_store_fetch(struct su_store *s, const char *uri, const struct su_store_fetch *f,
                            uint8_t id[SU_STORE_ID_BYTES], struct su_err *e)
{
    static const struct su_store_fetch none;
    struct su_store_uri *parsed = su_alloc(sizeof *parsed);
    enum su_code c = su_store_uri_parse(uri, parsed, e);

    if (c == SU_OK) {
        struct fetch *x = su_alloc(sizeof *x);
        uint8_t found[SU_STORE_ID_BYTES];

        x->s = s;
        x->f = f != NULL ? f : &none;
        x->watch = su_store_watch_of(&x->f->hooks);
        su_buf_init(&x->have, 0);
        c = fetch_parsed(x, parsed, found, e);
        if (c == SU_OK) {
            memcpy(id, found, sizeof found);
        }
        su_buf_fini(&x->have);
        free(x);
    }
    free(parsed);
    return c;
}
