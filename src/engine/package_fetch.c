// SPDX-License-Identifier: MIT
#include "engine_priv.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* One blob of the task at a time; the caller sees the progress of all. */
struct fetching {
    const struct su_store_hooks *hooks;
    struct su_progress progress;
    uint64_t before_bytes, after_bytes; /* of the blobs before and after the present one */
    uint64_t start_ns;
};

static bool is_cancelled(void *ctx)
{
    const struct fetching *f = ctx;

    return f->hooks->cancelled && f->hooks->cancelled(f->hooks->ctx);
}

static void show_progress(void *ctx, const struct su_progress *p)
{
    struct fetching *f = ctx;

    if (!f->hooks->progress)
        return;
    f->progress.total = f->before_bytes + p->total + f->after_bytes;
    su_progress_set(&f->progress, f->before_bytes + p->done, su_clock_mono_ns());
    f->hooks->progress(f->hooks->ctx, &f->progress);
}

static enum su_code time_left(const struct fetching *f, uint32_t *out_ms, struct su_err *e)
{
    uint64_t past_ms = (su_clock_mono_ns() - f->start_ns) / 1000000;

    *out_ms = 0;
    if (f->hooks->deadline_ms == 0)
        return SU_OK;
    if (past_ms >= f->hooks->deadline_ms)
        return su_fail(e, SU_ETIMEOUT, "weights", "not fetched within %" PRIu32 " ms",
                       f->hooks->deadline_ms);
    *out_ms = f->hooks->deadline_ms - (uint32_t)past_ms;
    return SU_OK;
}

static int by_blob(const void *a, const void *b)
{
    const struct su_manifest_entry *const *x = a, *const *y = b;

    return memcmp((*x)->blob, (*y)->blob, sizeof(*x)->blob);
}

/* The entries of one blob: n of them that stand together. */
static enum su_code fetch_blob(struct fetching *f, const struct su_manifest_entry *const *entry,
                               uint32_t n, struct su_store_range *range, struct su_store *store,
                               const char *const *peers, size_t n_peers, struct su_err *e)
{
    struct su_store_parts parts = {
        .id = entry[0]->blob,
        .range = range,
        .n_range = n,
        .peers = peers,
        .n_peers = n_peers,
        .hooks = {.cancelled = is_cancelled, .progress = show_progress, .ctx = f}};
    uint64_t bytes = 0;
    enum su_code rc = time_left(f, &parts.hooks.deadline_ms, e);

    for (uint32_t i = 0; i < n; i++) {
        range[i] = (struct su_store_range){.offset = entry[i]->offset, .bytes = entry[i]->bytes};
        bytes += entry[i]->bytes;
    }
    f->after_bytes -= bytes;
    if (!rc)
        rc = su_store_fetch_parts(store, &parts, e);
    f->before_bytes += bytes;
    return rc;
}

enum su_code su_package_fetch(const struct su_package *p, uint32_t task, struct su_store *store,
                              const char *const *peers, size_t n_peers,
                              const struct su_store_hooks *hooks, struct su_err *e)
{
    static const struct su_store_hooks none;
    struct fetching f = {.hooks = hooks ? hooks : &none, .start_ns = su_clock_mono_ns()};
    const struct su_manifest_entry **entry;
    struct su_store_range *range;
    enum su_code rc = SU_OK;

    if (task >= p->n_task)
        return su_fail(e, SU_EINVAL, "package", "no task %" PRIu32 "; it has %" PRIu32, task,
                       p->n_task);
    const struct su_manifest *m = &p->task[task].manifest;
    entry = su_try_alloc((size_t)m->n_entry + 1, sizeof *entry);
    range = su_try_alloc((size_t)m->n_entry + 1, sizeof *range);
    if (!entry || !range)
        rc = su_fail(e, SU_ENOMEM, "package", "out of memory for %" PRIu32 " ranges", m->n_entry);
    for (uint32_t i = 0; i < m->n_entry && !rc; i++) {
        entry[i] = &m->entry[i];
        f.after_bytes += m->entry[i].bytes;
    }
    su_progress_init(&f.progress, f.after_bytes, "B", f.start_ns);
    if (!rc)
        qsort(entry, m->n_entry, sizeof *entry, by_blob);
    for (uint32_t i = 0, n; i < m->n_entry && !rc; i += n) {
        for (n = 1; i + n < m->n_entry && by_blob(&entry[i], &entry[i + n]) == 0;)
            n++;
        rc = fetch_blob(&f, entry + i, n, range, store, peers, n_peers, e);
    }
    free(entry);
    free(range);
    return rc;
}
