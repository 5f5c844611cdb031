// SPDX-License-Identifier: MIT
#include "table.h"

#include "crypto/crypto.h"

#include <stdlib.h>
#include <string.h>

enum { SEGMENTS_MAX = 3 };

struct guest { /* a row that looks for its home */
    uint8_t order[32];
    uint32_t row;
    uint8_t offers, count; /* bit k: tasks of segment k; how many segments */
};

unsigned table_third(uint16_t n_task)
{
    return (n_task + 2u) / 3u;
}

static void look(const struct table_job *j, uint32_t row, struct guest *g)
{
    static const char domain[] = "splitup/home";
    const struct table_row *r = &j->table->row[row];
    struct su_sha256 s;

    *g = (struct guest){.row = row};
    for (unsigned i = 0; i < j->n_task; i++)
        if (r->tasks[i / 8] >> i % 8 & 1u)
            g->offers = (uint8_t)(g->offers | 1u << i / table_third(j->n_task));
    for (unsigned k = 0; k < SEGMENTS_MAX; k++)
        g->count = (uint8_t)(g->count + (g->offers >> k & 1u));
    su_sha256_init(&s);
    su_sha256_update(&s, domain, sizeof domain - 1);
    su_sha256_update(&s, j->model, 32);
    su_sha256_update(&s, r->identity, 32);
    su_sha256_final(&s, g->order);
}

static int by_choice(const void *a, const void *b)
{
    const struct guest *x = a, *y = b;

    if (x->count != y->count)
        return x->count < y->count ? -1 : 1;
    return memcmp(x->order, y->order, 32);
}

static uint64_t power_below(uint64_t weight)
{
    uint64_t power = 1;

    while (weight /= 2)
        power *= 2;
    return power;
}

enum su_code table_homes(const struct table_job *j, uint8_t *home, struct su_err *e)
{
    const struct table *t = j->table;
    struct guest *guest = su_try_alloc(t->n, sizeof *guest);
    uint64_t weight[SEGMENTS_MAX] = {0};

    if (!guest)
        return su_fail(e, SU_ENOMEM, "assignment", "not enough memory for %u rows", t->n);
    for (uint32_t i = 0; i < t->n; i++)
        look(j, i, &guest[i]);
    qsort(guest, t->n, sizeof *guest, by_choice);
    for (uint32_t i = 0; i < t->n; i++) {
        unsigned best = TABLE_HOMELESS;
        for (unsigned k = 0; k < SEGMENTS_MAX; k++)
            if ((guest[i].offers >> k & 1u) && (best == TABLE_HOMELESS || weight[k] < weight[best]))
                best = k;
        home[guest[i].row] = (uint8_t)best;
        if (best != TABLE_HOMELESS)
            weight[best] += power_below(t->row[guest[i].row].weight);
    }
    free(guest);
    return SU_OK;
}
