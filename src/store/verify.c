// SPDX-License-Identifier: MIT
#include "store_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct verify {
    struct su_store *s;
    struct su_store_watch watch;
    void (*bad)(void *ctx, const struct su_store_bad *b);
    void *ctx;
    uint64_t checked, damaged;
};

/* Moves a damaged blob out of sight. The bytes are kept: they may be all that is left of it. */
static enum su_code quarantine(struct su_store *s, const uint8_t *id, struct su_err *e)
{
    char from[SU_STORE_PATH_MAX], to[SU_STORE_PATH_MAX], hex[SU_STORE_HEX];
    int gate = -1;
    enum su_code c = su_store_lock(s, SU_STORE_GATE, NULL, &gate, NULL, e);

    if (c != SU_OK) {
        return c;
    }
    su_store_blob_path(s, id, "", from);
    su_store_path(s, "bad", su_store_hex(id, hex), "", to);
    if (rename(from, to) != 0 && errno != ENOENT) {
        c = su_fail_sys(e, errno, from, "cannot move to %s", to);
    } else {
        c = su_store_drop(s, id, e);
    }
    su_store_unlock(gate);
    return c;
}

static bool is_damage(enum su_code c)
{
    return c == SU_EDIGEST || c == SU_ETRUNC || c == SU_ENOENT;
}

static enum su_code verify_one(struct verify *v, const struct su_store_entry *row, struct su_err *e)
{
    struct su_store_bad bad = {0};
    struct su_store_entry again;
    enum su_code c = row->partial
                         ? su_store_part_check(v->s, row->id, &v->watch, &bad.err)
                         : su_store_check_blob(v->s, row->id, row->bytes, &v->watch, &bad.err);

    if (c != SU_OK && !is_damage(c)) {
        if (e != NULL) {
            *e = bad.err;
        }
        return c;
    }
    /* Evicted meanwhile by another process: neither good nor bad. */
    if (c == SU_ENOENT && su_store_row_any(v->s, row->id, &again, NULL) == SU_ENOENT) {
        return SU_OK;
    }
    v->checked++;
    if (c == SU_OK) {
        return SU_OK;
    }
    v->damaged++;
    memcpy(bad.id, row->id, sizeof bad.id);
    c = row->partial ? SU_OK : quarantine(v->s, row->id, e);
    if (c == SU_OK && v->bad != NULL) {
        v->bad(v->ctx, &bad);
    }
    return c;
}

enum su_code su_store_verify(struct su_store *s, const uint8_t *id,
                             const struct su_store_hooks *hooks,
                             void (*bad)(void *ctx, const struct su_store_bad *b), void *bad_ctx,
                             uint64_t *checked, uint64_t *damaged, struct su_err *e)
{
    struct verify v = {.s = s, .watch = su_store_watch_of(hooks), .bad = bad, .ctx = bad_ctx};
    struct su_store_entry one, *rows = NULL;
    size_t n = 0;
    enum su_code c;

    if (id != NULL) {
        c = su_store_row_any(s, id, &one, e);
        n = 1;
    } else {
        c = su_store_rows(s, false, &rows, &n, e);
    }
    const struct su_store_entry *list = id != NULL ? &one : rows;
    for (size_t i = 0; c == SU_OK && i < n; i++) {
        v.watch.progress.total += list[i].bytes;
    }
    for (size_t i = 0; c == SU_OK && i < n; i++) {
        c = verify_one(&v, &list[i], e);
    }
    free(rows);
    if (checked != NULL) {
        *checked = v.checked;
    }
    if (damaged != NULL) {
        *damaged = v.damaged;
    }
    if (c == SU_OK && v.damaged != 0) {
        c = su_fail(e, SU_EDIGEST, s->dir,
                    "%llu of %llu blobs were damaged and moved to bad/, or lost chunks: fetch them "
                    "again",
                    (unsigned long long)v.damaged, (unsigned long long)v.checked);
    }
    return c;
}
