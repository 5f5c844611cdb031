// SPDX-License-Identifier: MIT
#include "table.h"

#include "crypto/crypto.h"

#include <stdlib.h>
#include <string.h>

enum {
    TRIES = 16, /* draws of the whole assignment before a wish is dropped */
    NOBODY = 0xffff,
};
/* The wishes, strictest first. */
enum wishes { WISH_HOME, WISH_ALL, WISH_NO_THIRD, WISH_ANY_VALIDATOR, WISH_NO_CHECK_SLOT, WISHES };

void table_seed(const uint8_t execution[32], uint8_t attempt, uint32_t round,
                const uint8_t slot_hash[32], uint8_t seed[32])
{
    static const char domain[] = "splitup/assign";
    uint8_t number[5] = {attempt};
    struct su_sha256 s;

    su_put_le32(number + 1, round);
    su_sha256_init(&s);
    su_sha256_update(&s, domain, sizeof domain - 1);
    su_sha256_update(&s, execution, 32);
    su_sha256_update(&s, number, sizeof number);
    su_sha256_update(&s, slot_hash, 32);
    su_sha256_final(&s, seed);
}

unsigned table_proposer(const uint8_t execution[32], uint32_t round, unsigned oracles)
{
    static const char domain[] = "splitup/propose";
    uint8_t digest[32];
    struct su_sha256 s;

    su_sha256_init(&s);
    su_sha256_update(&s, domain, sizeof domain - 1);
    su_sha256_update(&s, execution, 32);
    su_sha256_final(&s, digest);
    return (unsigned)((su_le32(digest) % oracles + (uint64_t)round) % oracles);
}

/* A number below `below` (> 0) that only seed, stream and counter determine. */
static uint64_t draw(const uint8_t seed[32], uint32_t stream, uint32_t counter, uint64_t below)
{
    uint8_t text[40], digest[32];

    memcpy(text, seed, 32);
    su_put_le32(text + 32, stream);
    su_put_le32(text + 36, counter);
    su_sha256(text, sizeof text, digest);
    return su_le64(digest) % below;
}

static bool bit(const uint8_t *bits, unsigned i)
{
    return (bits[i / 8] >> i % 8 & 1u) != 0;
}

/* ---- one try ---------------------------------------------------------------------------------------- */

struct load { /* of a row */
    uint64_t stake, vram_bytes;
    uint16_t tasks;
    uint8_t has[16];
};
struct assigning {
    const struct table_job *j;
    enum wishes wish;
    uint64_t stake[SU_TASKS_MAX], largest; /* S per task */
    struct load *load;
    bool *candidate;
    uint8_t *home; /* segment per row */
    uint16_t *row_of_task;
    uint16_t blame; /* a task for which it failed */
    bool no_validator;
};

static uint64_t reserve(const struct assigning *a, uint64_t stake)
{
    return SU_MAX(stake, a->j->params->stake_floor);
}

static bool can_take(const struct assigning *a, uint16_t task, uint32_t row)
{
    const struct table_row *r = &a->j->table->row[row];
    const struct load *l = &a->load[row];
    uint64_t stake = l->stake + a->stake[task];

    if (!bit(r->tasks, task))
        return false;
    if (l->vram_bytes + a->j->task[task].vram_bytes > a->j->vram_bytes[row])
        return false;
    if (a->wish < WISH_NO_THIRD && l->tasks >= table_third(a->j->n_task))
        return false;
    if (a->wish < WISH_NO_CHECK_SLOT)
        stake += a->largest;
    return reserve(a, stake) <= r->weight;
}

static void give(struct assigning *a, uint16_t task, uint32_t row)
{
    struct load *l = &a->load[row];

    l->stake += a->stake[task];
    l->vram_bytes += a->j->task[task].vram_bytes;
    l->tasks++;
    l->has[task / 8] = (uint8_t)(l->has[task / 8] | 1u << task % 8);
    a->row_of_task[task] = (uint16_t)row;
}

/* Leaves those candidates for a task that are at home there, if there are any; their weight. */
static uint64_t go_home(struct assigning *a, uint16_t task, uint64_t sum)
{
    const struct table *t = a->j->table;
    unsigned segment = task / table_third(a->j->n_task);
    uint64_t home = 0;

    for (uint32_t i = 0; i < t->n; i++)
        home += a->candidate[i] && a->home[i] == segment ? t->row[i].weight : 0;
    if (home == 0)
        return sum;
    for (uint32_t i = 0; i < t->n; i++)
        a->candidate[i] = a->candidate[i] && a->home[i] == segment;
    return home;
}

/* The row for a task, NOBODY when none can take it. */
static uint16_t choose(struct assigning *a, uint16_t task, uint32_t stream)
{
    const struct table *t = a->j->table;
    uint64_t sum = 0;

    for (uint32_t i = 0; i < t->n; i++) {
        a->candidate[i] = can_take(a, task, i);
        sum += a->candidate[i] ? t->row[i].weight : 0;
    }
    if (task > 0 && a->candidate[a->row_of_task[task - 1]])
        return a->row_of_task[task - 1];
    if (sum == 0)
        return NOBODY;
    if (a->wish < WISH_ALL)
        sum = go_home(a, task, sum);
    uint64_t point = draw(a->j->seed, stream, task, sum);
    for (uint32_t i = 0; i < t->n; i++) {
        if (!a->candidate[i])
            continue;
        if (point < t->row[i].weight)
            return (uint16_t)i;
        point -= t->row[i].weight;
    }
    return NOBODY;
}

static bool consumes(const struct load *l, const uint8_t consumers[16])
{
    for (size_t i = 0; i < 16; i++)
        if ((l->has[i] & consumers[i]) != 0)
            return true;
    return false;
}

static bool has_validator(const struct assigning *a, uint16_t task)
{
    const struct table *t = a->j->table;
    const uint8_t *owner = t->row[a->row_of_task[task]].owner;

    for (uint32_t i = 0; i < t->n; i++) {
        if (!bit(t->row[i].tasks, task) || memcmp(t->row[i].owner, owner, 32) == 0)
            continue;
        if (a->wish < WISH_ANY_VALIDATOR && consumes(&a->load[i], a->j->task[task].consumers))
            continue;
        if (reserve(a, a->load[i].stake + a->stake[task]) <= t->row[i].weight)
            return true;
    }
    return false;
}

static bool try_once(struct assigning *a, uint32_t stream)
{
    memset(a->load, 0, a->j->table->n * sizeof *a->load);
    for (uint16_t i = 0; i < a->j->n_task; i++) {
        uint16_t row = choose(a, i, stream);
        if (row == NOBODY) {
            a->blame = i;
            a->no_validator = false;
            return false;
        }
        give(a, i, row);
    }
    for (uint16_t i = 0; i < a->j->n_task; i++) {
        if (!has_validator(a, i)) {
            a->blame = i;
            a->no_validator = true;
            return false;
        }
    }
    return true;
}

static enum su_code stakes(struct assigning *a, struct su_err *e)
{
    const struct table_job *j = a->j;

    for (uint16_t i = 0; i < j->n_task; i++) {
        const struct table_task *t = &j->task[i];
        if (!su_econ_stake(j->params, t->sampling_ppm, j->table->owner_share_ppm, t->fee,
                           &a->stake[i]))
            return su_fail(e, SU_EINVAL, "assignment",
                           "with %u ppm of the stake in one hand no allowed stake secures task %u",
                           j->table->owner_share_ppm, i);
        a->largest = SU_MAX(a->largest, a->stake[i]);
    }
    return SU_OK;
}

enum su_code table_assign(const struct table_job *j, uint16_t row_of_task[SU_TASKS_MAX],
                          struct su_err *e)
{
    struct assigning a = {.j = j, .row_of_task = row_of_task};
    bool found = false;

    memset(row_of_task, 0, SU_TASKS_MAX * sizeof *row_of_task);
    enum su_code rc = stakes(&a, e);
    if (rc)
        return rc;
    a.load = su_try_alloc(j->table->n, sizeof *a.load);
    a.candidate = su_try_alloc(j->table->n, sizeof *a.candidate);
    a.home = su_try_alloc(j->table->n, sizeof *a.home);
    if (!a.load || !a.candidate || !a.home)
        rc = su_fail(e, SU_ENOMEM, "assignment", "not enough memory for %u rows", j->table->n);
    if (!rc)
        rc = table_homes(j, a.home, e);
    for (uint32_t k = 0; k < WISHES * TRIES && !found && !rc; k++) {
        a.wish = (enum wishes)(k / TRIES);
        found = try_once(&a, k);
    }
    free(a.load);
    free(a.candidate);
    free(a.home);
    if (rc || found)
        return rc;
    return su_fail(e, SU_ENOENT, "assignment",
                   a.no_validator ? "nobody is left who could check task %u"
                                  : "no node that offers task %u has memory and stake for it",
                   a.blame);
}

/* ---- another's assignment -------------------------------------------------------------------------- */

static enum su_code check_chosen(const struct table_job *j, const uint16_t *row_of_task,
                                 uint32_t row, const struct table_view *v, struct su_err *e)
{
    const struct table_row *r = &j->table->row[row];
    char text[SU_CHAIN_TEXT];
    uint64_t sum = 0, stake;

    for (uint16_t i = 0; i < j->n_task; i++)
        if (row_of_task[i] == row &&
            su_econ_stake(j->params, j->task[i].sampling_ppm, j->table->owner_share_ppm,
                          j->task[i].fee, &stake))
            sum += stake;
    if (sum == 0)
        return SU_OK;
    if (!v || !v->online)
        return su_fail(e, SU_EACCES, su_chain_key_text(r->identity, text), "is not online here");
    if (SU_MAX(sum, j->params->stake_floor) > v->stake_free)
        return su_fail(e, SU_EACCES, su_chain_key_text(r->identity, text),
                       "has no longer the free stake for it");
    return SU_OK;
}

enum su_code table_agree(const struct table_job *j, const uint8_t *rows_of_tasks,
                         const struct table_view *view, size_t n, struct su_err *e)
{
    uint16_t row_of_task[SU_TASKS_MAX];
    enum su_code rc = table_assign(j, row_of_task, e);

    for (uint16_t i = 0; i < j->n_task && !rc; i++)
        if (su_le16(rows_of_tasks + 2 * (size_t)i) != row_of_task[i])
            rc =
                su_fail(e, SU_EDIGEST, "assignment", "task %u goes to another node by the rule", i);
    for (uint32_t i = 0; i < j->table->n && !rc; i++)
        rc = check_chosen(j, row_of_task, i, table_view_of(view, n, j->table->row[i].identity), e);
    return rc;
}

/* ---- one task again ----------------------------------------------------------------------------------- */

enum su_code table_reassign(const struct table *t, uint16_t task, const uint8_t seed[32],
                            bool (*may)(void *ctx, uint32_t row), void *ctx, uint32_t *row,
                            struct su_err *e)
{
    bool *out = su_try_alloc(t->n, sizeof *out);
    uint64_t sum = 0;

    if (!out)
        return su_fail(e, SU_ENOMEM, "assignment", "not enough memory for %u rows", t->n);
    for (uint32_t i = 0; i < t->n; i++) {
        out[i] = !bit(t->row[i].tasks, task);
        sum += out[i] ? 0 : t->row[i].weight;
    }
    for (uint32_t k = 0; sum > 0; k++) {
        uint64_t point = draw(seed, task, k, sum);
        uint32_t i = 0;
        for (; out[i] || point >= t->row[i].weight; i++)
            point -= out[i] ? 0 : t->row[i].weight;
        if (may(ctx, i)) {
            *row = i;
            free(out);
            return SU_OK;
        }
        out[i] = true;
        sum -= t->row[i].weight;
    }
    free(out);
    return su_fail(e, SU_ENOENT, "assignment", "no other node can take task %u now", task);
}
