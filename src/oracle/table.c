// SPDX-License-Identifier: MIT
#include "table.h"

#include <stdlib.h>
#include <string.h>

#define TOTAL_MAX (1ull << 60) /* what the program accepts */

void table_fini(struct table *t)
{
    free(t->row);
    memset(t, 0, sizeof *t);
}

const struct table_view *table_view_of(const struct table_view *view, size_t n,
                                       const uint8_t identity[32])
{
    size_t low = 0, high = n;

    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = memcmp(view[middle].identity, identity, 32);
        if (order == 0)
            return &view[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

static bool all_zero(const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (p[i] != 0)
            return false;
    return true;
}

static int by_identity(const void *a, const void *b)
{
    return memcmp(((const struct table_row *)a)->identity, ((const struct table_row *)b)->identity,
                  32);
}

static int by_weight(const void *a, const void *b)
{
    const struct table_row *x = a, *y = b;

    if (x->weight != y->weight)
        return x->weight > y->weight ? -1 : 1;
    return by_identity(a, b);
}

static int by_owner(const void *a, const void *b)
{
    return memcmp(((const struct table_row *)a)->owner, ((const struct table_row *)b)->owner, 32);
}

/* Sum of the weights, and the largest owner's share. Assumes n > 0 and weights of at most
   SU_AMOUNT_MAX. */
static enum su_code sum_up(struct table *t, struct su_err *e)
{
    struct table_row *sorted = su_try_alloc(t->n, sizeof *sorted);
    uint64_t sum = 0, most = 0;

    if (!sorted)
        return su_fail(e, SU_ENOMEM, "table", "not enough memory for %u rows", t->n);
    memcpy(sorted, t->row, t->n * sizeof *sorted);
    qsort(sorted, t->n, sizeof *sorted, by_owner);
    t->total = 0;
    for (uint32_t i = 0; i < t->n; i++) {
        if (i > 0 && by_owner(&sorted[i - 1], &sorted[i]) != 0)
            sum = 0;
        sum += sorted[i].weight;
        most = SU_MAX(most, sum);
        t->total += sorted[i].weight;
    }
    free(sorted);
    if (t->total > TOTAL_MAX)
        return su_fail(e, SU_EINVAL, "table", "its weights exceed what the program takes");
    uint64_t share, exact;
    SU_ASSERT(su_free_mul_div(most, SU_PPM, t->total, &share));
    SU_ASSERT(su_free_mul_div(share, t->total, SU_PPM, &exact));
    t->owner_share_ppm = (uint32_t)(exact < most ? share + 1 : share);
    return SU_OK;
}

enum su_code table_make(const struct table_view *view, size_t n, struct table *t, struct su_err *e)
{
    memset(t, 0, sizeof *t);
    struct table_row *row = su_try_alloc(n + 1, sizeof *row);
    size_t m = 0;

    if (!row)
        return su_fail(e, SU_ENOMEM, "table", "not enough memory for %zu rows", n);
    for (size_t i = 0; i < n; i++) {
        const struct table_view *v = &view[i];
        bool offers = !all_zero(v->loaded, sizeof v->loaded);
        if (!v->fit || !v->ready || v->rests || !offers || v->stake_free == 0 ||
            v->stake_free > SU_AMOUNT_MAX)
            continue;
        memcpy(row[m].identity, v->identity, 32);
        memcpy(row[m].owner, v->owner, 32);
        memcpy(row[m].tasks, v->loaded, sizeof row[m].tasks);
        row[m++].weight = v->stake_free;
    }
    t->row = row;
    if (m == 0) {
        table_fini(t);
        return su_fail(e, SU_ENOENT, "table", "no node that offers a task of the model is ready");
    }
    if (m > SU_WIRE_ROWS_MAX) {
        qsort(row, m, sizeof *row, by_weight);
        m = SU_WIRE_ROWS_MAX;
    }
    t->n = (uint32_t)m;
    qsort(row, m, sizeof *row, by_identity);
    enum su_code rc = sum_up(t, e);
    if (rc)
        table_fini(t);
    return rc;
}

static enum su_code read_rows(const struct su_wire_message *m, struct table *t, struct su_err *e)
{
    struct su_ix_check_row r;

    for (uint32_t i = 0; i < t->n; i++) {
        struct table_row *row = &t->row[i];
        su_wire_table_row(m, i, &r);
        memcpy(row->identity, r.identity, 32);
        memcpy(row->owner, r.owner, 32);
        memcpy(row->tasks, r.tasks, sizeof row->tasks);
        row->weight = r.high - r.low;
        if (row->weight == 0 || row->weight > SU_AMOUNT_MAX)
            return su_fail(e, SU_EINVAL, "table", "the weight of row %u is out of range", i);
        if (i > 0 && by_identity(row - 1, row) >= 0)
            return su_fail(e, SU_EINVAL, "table", "row %u is out of order", i);
    }
    return SU_OK;
}

enum su_code table_read(const struct su_wire_message *m, struct table *t, struct su_err *e)
{
    memset(t, 0, sizeof *t);
    t->row = su_try_alloc(m->u.table.row_count, sizeof *t->row);
    if (!t->row)
        return su_fail(e, SU_ENOMEM, "table", "not enough memory for its rows");
    t->n = m->u.table.row_count;
    enum su_code rc = read_rows(m, t, e);
    if (!rc)
        rc = sum_up(t, e);
    if (!rc && (t->total != m->u.table.total || t->owner_share_ppm != m->u.table.owner_share_ppm))
        rc = su_fail(e, SU_EINVAL, "table", "total or share are not those of its weights");
    if (rc)
        table_fini(t);
    return rc;
}

enum su_code table_write(const struct table *t, struct su_buf *data, struct su_err *e)
{
    uint64_t low = 0;

    for (uint32_t i = 0; i < t->n; i++) {
        const struct table_row *r = &t->row[i];
        su_buf_put(data, r->identity, 32);
        su_buf_put(data, r->owner, 32);
        su_buf_u64(data, low);
        low += r->weight;
        su_buf_u64(data, low);
        su_buf_put(data, r->tasks, sizeof r->tasks);
    }
    return su_buf_check(data, "table", e);
}

/* ---- another's table ------------------------------------------------------------------------------ */

static bool within(const uint8_t *some, const uint8_t *all, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if ((some[i] & ~all[i]) != 0)
            return false;
    return true;
}

static enum su_code object(const uint8_t identity[32], struct su_err *e, const char *why)
{
    char text[SU_CHAIN_TEXT];

    return su_fail(e, SU_EACCES, su_chain_key_text(identity, text), "%s", why);
}

static enum su_code check_row(const struct table_row *r, const struct table_view *v,
                              struct su_err *e)
{
    if (!v || !v->fit)
        return object(r->identity, e, "is no node that may work here");
    if (memcmp(v->owner, r->owner, 32) != 0)
        return object(r->identity, e, "belongs to another owner");
    if (!within(r->tasks, v->declared, sizeof r->tasks))
        return object(r->identity, e, "does not declare all that its row says");
    if (r->weight < v->stake_low || r->weight > v->stake_high)
        return object(r->identity, e, "has another free stake than its weight");
    return SU_OK;
}

static enum su_code check_missing(const struct table_row *r, const struct table_view *v, bool full,
                                  struct su_err *e)
{
    bool offers = v->fit && v->steady && !v->rests && v->stake_low > 0 && !all_zero(v->loaded, 16);

    if (!offers)
        return SU_OK;
    if (!r)
        return full ? SU_OK : object(v->identity, e, "is ready for long, and missing");
    return within(v->loaded, r->tasks, sizeof r->tasks)
               ? SU_OK
               : object(v->identity, e, "offers tasks that its row leaves out");
}

enum su_code table_check(const struct table *t, const struct table_view *view, size_t n,
                         struct su_err *e)
{
    enum su_code rc = SU_OK;
    size_t at = 0;

    for (uint32_t i = 0; i < t->n && !rc; i++) {
        const struct table_row *r = &t->row[i];
        int order = -1;
        while (at < n && (order = memcmp(view[at].identity, r->identity, 32)) < 0 && !rc)
            rc = check_missing(NULL, &view[at++], t->n == SU_WIRE_ROWS_MAX, e);
        const struct table_view *v = at < n && order == 0 ? &view[at++] : NULL;
        if (!rc)
            rc = check_row(r, v, e);
        if (!rc)
            rc = check_missing(r, v, true, e);
    }
    for (; at < n && !rc; at++)
        rc = check_missing(NULL, &view[at], t->n == SU_WIRE_ROWS_MAX, e);
    return rc;
}
