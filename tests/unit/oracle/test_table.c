// SPDX-License-Identifier: MIT
/* Tables and assignments: vectors of a second reading of the rule, what every assignment must have,
   another's table and assignment, and who takes over. */
#include "oracle/table.h"

#include "crypto/crypto.h"
#include "support/random.h"
#include "table_vectors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct su_params params;

static void put_bits(uint8_t out[16], uint32_t bits)
{
    memset(out, 0, 16);
    su_put_le32(out, bits);
}

/* ---- vectors ------------------------------------------------------------------------------------------ */

struct scene {
    struct table_view view[32];
    size_t n;
    struct table table;
    uint64_t vram[32];
    struct table_task task[SU_TASKS_MAX];
    struct table_job job;
};

static void scene_of(struct scene *s, const struct vector *v)
{
    memset(s, 0, sizeof *s);
    s->n = v->rows;
    for (uint32_t i = 0; i < v->rows; i++) {
        struct table_view *w = &s->view[i];
        memset(w->identity, (int)i + 1, 32);
        memset(w->owner, v->row[i].owner, 32);
        put_bits(w->declared, v->row[i].offers);
        put_bits(w->loaded, v->row[i].offers);
        w->vram_bytes = v->row[i].vram;
        w->stake_free = w->stake_low = w->stake_high = v->row[i].weight;
        w->fit = w->online = w->ready = w->steady = true;
    }
    for (uint32_t i = 0; i < v->tasks; i++) {
        s->task[i].fee = v->task[i].fee;
        s->task[i].sampling_ppm = v->task[i].ppm;
        s->task[i].vram_bytes = v->task[i].vram;
        put_bits(s->task[i].consumers, v->task[i].consumers);
    }
}

/* A table of all rows of a vector, also of those that offer nothing, which table_make leaves out. */
static void table_whole(struct scene *s, const struct vector *v)
{
    s->table.row = calloc(s->n, sizeof *s->table.row);
    s->table.n = (uint32_t)s->n;
    for (size_t i = 0; i < s->n; i++) {
        memcpy(s->table.row[i].identity, s->view[i].identity, 32);
        memcpy(s->table.row[i].owner, s->view[i].owner, 32);
        memcpy(s->table.row[i].tasks, s->view[i].loaded, 16);
        s->table.row[i].weight = s->view[i].stake_free;
        s->table.total += s->view[i].stake_free;
        s->vram[i] = s->view[i].vram_bytes;
    }
    s->table.owner_share_ppm = v->share_ppm;
    s->job = (struct table_job){.params = &params,
                                .table = &s->table,
                                .vram_bytes = s->vram,
                                .task = s->task,
                                .n_task = (uint16_t)v->tasks};
    memset(s->job.seed, v->seed, 32);
    memset(s->job.model, 255 - v->seed, 32);
}

static void second_reading(void **state)
{
    unsigned impossible = 0;

    (void)state;
    for (size_t k = 0; k < SU_ARRAY_LEN(vectors); k++) {
        const struct vector *v = &vectors[k];
        struct scene s;
        uint16_t row_of_task[SU_TASKS_MAX];
        struct su_err e = {0};
        scene_of(&s, v);
        table_whole(&s, v);
        enum su_code rc = table_assign(&s.job, row_of_task, &e);
        if (rc != (v->ok ? SU_OK : SU_ENOENT))
            fail_msg("vector %zu: %s: %s", k, su_code_name(rc), e.msg);
        if (v->ok)
            assert_memory_equal(row_of_task, v->row_of_task, v->tasks * sizeof *row_of_task);
        impossible += !v->ok;
        table_fini(&s.table);
    }
    assert_true(impossible >= 5 && impossible < 100);
}

static void seeds(void **state)
{
    uint8_t execution[32], hash[32], a[32], b[32], text[14 + 32 + 5 + 32];
    unsigned turns[5] = {0};

    (void)state;
    memset(execution, 3, 32);
    memset(hash, 4, 32);
    memcpy(text, "splitup/assign", 14);
    memcpy(text + 14, execution, 32);
    text[46] = 2;
    su_put_le32(text + 47, 77);
    memcpy(text + 51, hash, 32);
    su_sha256(text, sizeof text, a);
    table_seed(execution, 2, 77, hash, b);
    assert_memory_equal(a, b, 32);
    for (uint32_t r = 0; r < 50; r++) {
        turns[table_proposer(execution, r, 5)]++;
        assert_int_equal(table_proposer(execution, r + 1, 5),
                         (table_proposer(execution, r, 5) + 1) % 5);
    }
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(turns[i], 10);
    assert_true(table_proposer(execution, UINT32_MAX, 3) < 3);
}

/* ---- random worlds -------------------------------------------------------------------------------------- */

static void random_scene(struct scene *s, struct su_random *r)
{
    memset(s, 0, sizeof *s);
    s->n = su_random_range(r, 3, 12);
    uint16_t tasks = (uint16_t)su_random_range(r, 1, 20);
    for (size_t i = 0; i < s->n; i++) {
        struct table_view *w = &s->view[i];
        memset(w->identity, (int)i + 1, 32);
        memset(w->owner, (int)su_random_range(r, 1, (uint32_t)s->n), 32);
        for (uint16_t t = 0; t < tasks; t++)
            if (su_random_chance(r, 85))
                w->declared[t / 8] = (uint8_t)(w->declared[t / 8] | 1u << t % 8);
        memcpy(w->loaded, w->declared, 16);
        w->vram_bytes = su_random_range(r, 1, 60);
        w->stake_free = w->stake_low = w->stake_high =
            su_random_range(r, 600, 20000) * (uint64_t)SU_USDC;
        w->fit = w->online = w->ready = w->steady = true;
    }
    for (uint16_t t = 0; t < tasks; t++) {
        s->task[t].fee = su_random_range(r, 5000, 2000000);
        s->task[t].sampling_ppm = 80000;
        s->task[t].vram_bytes = su_random_range(r, 1, 8);
        if (t + 1 < tasks)
            s->task[t].consumers[(t + 1) / 8] = (uint8_t)(1u << (t + 1) % 8);
    }
    s->job = (struct table_job){.params = &params,
                                .table = &s->table,
                                .vram_bytes = s->vram,
                                .task = s->task,
                                .n_task = tasks};
    for (size_t i = 0; i < 32; i++)
        s->job.seed[i] = (uint8_t)su_random_u64(r);
}

static void scene_table(struct scene *s)
{
    assert_int_equal(table_make(s->view, s->n, &s->table, NULL), SU_OK);
    for (uint32_t i = 0; i < s->table.n; i++)
        s->vram[i] = table_view_of(s->view, s->n, s->table.row[i].identity)->vram_bytes;
}

/* What holds of every assignment, whichever wishes were dropped. */
static void check_assignment(const struct scene *s, const uint16_t *row_of_task)
{
    uint64_t stake[32] = {0}, vram[32] = {0}, need[SU_TASKS_MAX];

    for (uint16_t t = 0; t < s->job.n_task; t++) {
        uint16_t row = row_of_task[t];
        assert_true(row < s->table.n);
        assert_true(s->table.row[row].tasks[t / 8] >> t % 8 & 1);
        assert_true(su_econ_stake(&params, s->task[t].sampling_ppm, s->table.owner_share_ppm,
                                  s->task[t].fee, &need[t]));
        stake[row] += need[t];
        vram[row] += s->task[t].vram_bytes;
    }
    for (uint32_t i = 0; i < s->table.n; i++) {
        assert_true(vram[i] <= s->vram[i]);
        assert_true(stake[i] == 0 ||
                    SU_MAX(stake[i], params.stake_floor) <= s->table.row[i].weight);
    }
    for (uint16_t t = 0; t < s->job.n_task; t++) {
        bool validator = false;
        for (uint32_t i = 0; i < s->table.n; i++)
            validator =
                validator ||
                ((s->table.row[i].tasks[t / 8] >> t % 8 & 1) != 0 &&
                 memcmp(s->table.row[i].owner, s->table.row[row_of_task[t]].owner, 32) != 0 &&
                 SU_MAX(stake[i] + need[t], params.stake_floor) <= s->table.row[i].weight);
        assert_true(validator);
    }
}

static void always_sound(void **state)
{
    unsigned rounds = getenv("SU_TEST_FULL") ? 20000 : 2000, assigned = 0;

    (void)state;
    for (unsigned k = 0; k < rounds; k++) {
        struct su_random r = su_random_of(7, k);
        struct scene s;
        uint16_t a[SU_TASKS_MAX], b[SU_TASKS_MAX];
        random_scene(&s, &r);
        scene_table(&s);
        enum su_code rc = table_assign(&s.job, a, NULL);
        assert_int_equal(table_assign(&s.job, b, NULL), rc);
        if (rc == SU_OK) {
            assert_memory_equal(a, b, s.job.n_task * sizeof *a);
            check_assignment(&s, a);
            assigned++;
        }
        table_fini(&s.table);
    }
    assert_true(assigned > rounds / 20 && assigned < rounds);
}

/* Three like nodes with room for all: a third of the tasks each, in one piece, for each execution of
   a model the same; over models everybody gets each third as often. */
static void thirds(void **state)
{
    unsigned first[3] = {0};

    (void)state;
    for (unsigned k = 0; k < 300; k++) {
        struct vector v = {.rows = 3, .tasks = 6, .share_ppm = 333334, .seed = (uint8_t)k};
        struct scene s;
        uint16_t row[SU_TASKS_MAX];
        for (unsigned i = 0; i < 3; i++) {
            v.row[i].owner = (uint8_t)(i + 1);
            v.row[i].weight = 10000ull * SU_USDC;
            v.row[i].vram = 1000;
            v.row[i].offers = 0x3f;
        }
        for (unsigned i = 0; i < 6; i++) {
            v.task[i].fee = 5000;
            v.task[i].ppm = 80000;
            v.task[i].vram = 1;
            v.task[i].consumers = i < 5 ? 2u << i : 0;
        }
        scene_of(&s, &v);
        scene_table(&s);
        assert_int_equal(s.table.owner_share_ppm, 333334);
        s.job = (struct table_job){.params = &params,
                                   .table = &s.table,
                                   .vram_bytes = s.vram,
                                   .task = s.task,
                                   .n_task = 6};
        su_sha256(&k, sizeof k, s.job.model);
        assert_int_equal(table_assign(&s.job, row, NULL), SU_OK);
        for (unsigned i = 0; i < 6; i += 2)
            assert_int_equal(row[i], row[i + 1]);
        assert_true(row[0] != row[2] && row[2] != row[4] && row[0] != row[4]);
        first[row[0]]++;
        for (unsigned again = 0; again < 5; again++) {
            uint16_t other[SU_TASKS_MAX];
            su_sha256(&again, sizeof again, s.job.seed);
            assert_int_equal(table_assign(&s.job, other, NULL), SU_OK);
            assert_memory_equal(other, row, 6 * sizeof *row);
        }
        table_fini(&s.table);
    }
    for (unsigned i = 0; i < 3; i++)
        assert_in_range(first[i], 60, 140);
}

/* ---- homes ---------------------------------------------------------------------------------------------- */

enum { CROWD = 1000 };
struct crowd {
    struct table table;
    struct table_row row[CROWD];
    uint64_t vram[CROWD];
    struct table_task task[SU_TASKS_MAX];
    struct table_job job;
    uint8_t home[CROWD];
};

/* Like nodes of an owner each that offer every task. */
static struct crowd *crowd_of(uint32_t rows, uint16_t tasks)
{
    struct crowd *c = calloc(1, sizeof *c);

    for (uint32_t i = 0; i < rows; i++) {
        c->row[i].identity[0] = c->row[i].owner[0] = (uint8_t)(i >> 8);
        c->row[i].identity[1] = c->row[i].owner[1] = (uint8_t)i;
        memset(c->row[i].tasks, 0xff, sizeof c->row[i].tasks);
        c->row[i].weight = 20000ull * SU_USDC;
        c->table.total += c->row[i].weight;
        c->vram[i] = 1000;
    }
    for (uint16_t t = 0; t < tasks; t++)
        c->task[t] = (struct table_task){.fee = 5000, .sampling_ppm = 80000, .vram_bytes = 1};
    c->table.row = c->row;
    c->table.n = rows;
    c->table.owner_share_ppm = (SU_PPM + rows - 1) / rows;
    c->job = (struct table_job){.params = &params,
                                .table = &c->table,
                                .vram_bytes = c->vram,
                                .task = c->task,
                                .n_task = tasks};
    return c;
}

static void offer_only(struct crowd *c, uint32_t row, unsigned task)
{
    memset(c->row[row].tasks, 0, sizeof c->row[row].tasks);
    c->row[row].tasks[task / 8] = (uint8_t)(1u << task % 8);
}

static void find_homes(struct crowd *c)
{
    memset(c->home, 0xee, sizeof c->home);
    assert_int_equal(table_homes(&c->job, c->home, NULL), SU_OK);
}

/* Three nodes with all tasks have three homes; who offers one task is at home there; who offers none,
   nowhere. Which is whose depends on the model, not on the seed nor on who else is last in the table. */
static void where_one_is_at_home(void **state)
{
    const uint16_t counts[] = {1, 2, 3, 4, 7, SU_TASKS_MAX};

    (void)state;
    for (size_t k = 0; k < SU_ARRAY_LEN(counts); k++) {
        struct crowd *c = crowd_of(3, counts[k]);
        unsigned segments = (counts[k] + table_third(counts[k]) - 1) / table_third(counts[k]);
        unsigned at[3] = {0};
        find_homes(c);
        for (unsigned i = 0; i < 3; i++) {
            assert_true(c->home[i] < segments);
            at[c->home[i]]++;
        }
        for (unsigned i = 0; i < segments; i++)
            assert_in_range(at[i], 1, 4 - segments);
        free(c);
    }
    struct crowd *c = crowd_of(5, 6);
    offer_only(c, 0, 5);
    offer_only(c, 4, 0);
    memset(c->row[2].tasks, 0, sizeof c->row[2].tasks);
    find_homes(c);
    assert_int_equal(c->home[0], 2);
    assert_int_equal(c->home[4], 0);
    assert_int_equal(c->home[2], TABLE_HOMELESS);
    assert_true(c->home[1] == 1 || c->home[3] == 1);
    unsigned moved = 0;
    uint8_t before[CROWD];
    memcpy(before, c->home, sizeof before);
    for (unsigned k = 1; k <= 40; k++) {
        memset(c->job.seed, (int)k, 32);
        c->row[1].weight -= 10ull * SU_USDC; /* reserved */
        find_homes(c);
        assert_memory_equal(c->home, before, 5);
    }
    for (unsigned k = 1; k <= 40; k++) {
        memset(c->job.model, (int)k, 32);
        find_homes(c);
        assert_int_equal(c->home[0], 2);
        moved += memcmp(c->home, before, 5) != 0;
    }
    assert_in_range(moved, 1, 39);
    free(c);
}

/* The rows in another order are at home where they were. */
static void homes_of_any_order(void **state)
{
    struct crowd *a = crowd_of(40, 9), *b = crowd_of(40, 9);
    struct su_random r = su_random_of(11, 0);

    (void)state;
    for (uint32_t i = 0; i < 40; i++) {
        for (unsigned t = 0; t < 9; t++)
            if (su_random_chance(&r, 60))
                a->row[i].tasks[t / 8] = (uint8_t)(a->row[i].tasks[t / 8] & ~(1u << t % 8));
        a->row[i].weight = su_random_range(&r, 600, 90000) * (uint64_t)SU_USDC;
        b->row[39 - i] = a->row[i];
    }
    find_homes(a);
    find_homes(b);
    for (uint32_t i = 0; i < 40; i++)
        assert_int_equal(a->home[i], b->home[39 - i]);
    free(a);
    free(b);
}

/* Of many, every third has as much weight at home as another, and an execution goes to those. */
static void crowds(void **state)
{
    struct crowd *c = crowd_of(CROWD, SU_TASKS_MAX);
    uint64_t weight[3] = {0};
    uint16_t row[SU_TASKS_MAX];
    uint64_t since = su_clock_mono_ns();

    (void)state;
    for (uint32_t i = 0; i < CROWD; i++) {
        c->row[i].weight = (10000 + 7 * (uint64_t)i) * SU_USDC;
        c->table.total += c->row[i].weight;
    }
    find_homes(c);
    for (uint32_t i = 0; i < CROWD; i++)
        weight[c->home[i]] += c->row[i].weight;
    for (unsigned i = 0; i < 3; i++)
        assert_in_range(weight[i] * 100 / (weight[0] + weight[1] + weight[2]), 30, 36);
    assert_int_equal(table_assign(&c->job, row, NULL), SU_OK);
    for (unsigned t = 0; t < SU_TASKS_MAX; t++)
        assert_int_equal(c->home[row[t]], t / table_third(SU_TASKS_MAX));
    assert_true(su_clock_mono_ns() - since < 10000000000u); /* ms, but for a machine that is busy */
    free(c);
}

/* Where those at home lack memory, others at home take their place, or those who are not. */
static void away_from_home(void **state)
{
    struct crowd *c = crowd_of(6, 6);
    uint16_t row[SU_TASKS_MAX];

    (void)state;
    find_homes(c);
    for (uint32_t gone = 0; gone < 6; gone++) {
        c->vram[gone] = 0;
        assert_int_equal(table_assign(&c->job, row, NULL), SU_OK);
        for (unsigned t = 0; t < 6; t++) {
            assert_int_not_equal(row[t], gone);
            assert_int_equal(c->home[row[t]], t / 2);
        }
        for (uint32_t i = 0; i < 6; i++)
            if (c->home[i] == c->home[gone])
                c->vram[i] = 0; /* nobody is at home */
        assert_int_equal(table_assign(&c->job, row, NULL), SU_OK);
        for (unsigned t = 0; t < 6; t++)
            assert_int_not_equal(c->home[row[t]], c->home[gone]);
        for (uint32_t i = 0; i < 6; i++)
            c->vram[i] = 1000;
    }
    c->table.n = 2; /* fewer nodes than segments */
    assert_int_equal(table_assign(&c->job, row, NULL), SU_OK);
    for (unsigned t = 0; t < 6; t++)
        assert_true(row[t] < 2);
    free(c);
}

static void impossible(void **state)
{
    struct vector v;
    struct scene s;
    uint16_t row[SU_TASKS_MAX];
    struct su_err e = {0};

    (void)state;
    v = (struct vector){.rows = 2, .tasks = 1, .share_ppm = 500000};
    for (unsigned i = 0; i < 2; i++) {
        v.row[i].owner = (uint8_t)(i + 1);
        v.row[i].weight = 1000ull * SU_USDC;
        v.row[i].vram = 10;
        v.row[i].offers = 1;
    }
    v.task[0].fee = 5000;
    v.task[0].ppm = 80000;
    v.task[0].vram = 1;
    scene_of(&s, &v);
    table_whole(&s, &v);
    assert_int_equal(table_assign(&s.job, row, &e), SU_OK);
    memcpy(s.table.row[1].owner, s.table.row[0].owner, 32); /* nobody else's node is left */
    assert_int_equal(table_assign(&s.job, row, &e), SU_ENOENT);
    assert_non_null(strstr(e.msg, "check"));
    s.vram[0] = s.vram[1] = 0;
    assert_int_equal(table_assign(&s.job, row, &e), SU_ENOENT);
    assert_non_null(strstr(e.msg, "memory"));
    s.table.owner_share_ppm = SU_PPM;
    assert_int_equal(table_assign(&s.job, row, &e), SU_EINVAL);
    table_fini(&s.table);
}

/* ---- another's table -------------------------------------------------------------------------------------- */

static void message_of(const struct table *t, struct su_buf *data, struct su_wire_message *m)
{
    su_buf_init(data, 0);
    assert_int_equal(table_write(t, data, NULL), SU_OK);
    *m = (struct su_wire_message){
        .kind = SU_WIRE_TABLE, .data = data->data, .data_bytes = data->len};
    m->u.table.row_count = (uint16_t)t->n;
    m->u.table.total = t->total;
    m->u.table.owner_share_ppm = t->owner_share_ppm;
}

static void written_and_read(void **state)
{
    (void)state;
    for (unsigned k = 0; k < 200; k++) {
        struct su_random r = su_random_of(8, k);
        struct scene s;
        struct table t;
        struct su_buf data;
        struct su_wire_message m;
        random_scene(&s, &r);
        scene_table(&s);
        message_of(&s.table, &data, &m);
        assert_int_equal(table_read(&m, &t, NULL), SU_OK);
        assert_int_equal(t.n, s.table.n);
        assert_memory_equal(t.row, s.table.row, t.n * sizeof *t.row);
        assert_int_equal(table_check(&t, s.view, s.n, NULL), SU_OK);
        table_fini(&t);
        m.u.table.owner_share_ppm++;
        assert_int_equal(table_read(&m, &t, NULL), SU_EINVAL);
        m.u.table.owner_share_ppm--;
        m.u.table.total++;
        assert_int_equal(table_read(&m, &t, NULL), SU_EINVAL);
        m.u.table.total--;
        memcpy(data.data + 96, data.data, 32); /* one identity twice */
        if (s.table.n > 1)
            assert_int_equal(table_read(&m, &t, NULL), SU_EINVAL);
        su_put_le64(data.data + 72, 0); /* weight 0 */
        assert_int_equal(table_read(&m, &t, NULL), SU_EINVAL);
        su_buf_fini(&data);
        table_fini(&s.table);
    }
}

static void objections(void **state)
{
    struct su_random r = su_random_of(9, 0);
    struct scene s = {.n = 0};
    struct su_err e = {0};
    struct table_view saved;

    (void)state;
    do {
        table_fini(&s.table);
        random_scene(&s, &r);
        scene_table(&s);
    } while (s.table.n < 5 || s.job.n_task < 3);
    struct table_view *v = &s.view[2];
    saved = *v;
    assert_int_equal(table_check(&s.table, s.view, s.n, &e), SU_OK);
    v->online = v->ready = v->steady = false; /* one's own view need not be equal */
    assert_int_equal(table_check(&s.table, s.view, s.n, &e), SU_OK);
    v->fit = false;
    assert_int_equal(table_check(&s.table, s.view, s.n, &e), SU_EACCES);
    *v = saved;
    v->owner[0] ^= 1;
    assert_int_equal(table_check(&s.table, s.view, s.n, &e), SU_EACCES);
    assert_non_null(strstr(e.msg, "owner"));
    *v = saved;
    memset(v->declared, 0, 16);
    memset(v->loaded, 0, 16);
    assert_int_equal(table_check(&s.table, s.view, s.n, &e), SU_EACCES);
    assert_non_null(strstr(e.msg, "declare"));
    *v = saved;
    v->stake_low = v->stake_high = v->stake_free + 1;
    assert_int_equal(table_check(&s.table, s.view, s.n, &e), SU_EACCES);
    v->stake_low = v->stake_free; /* it was so in the last rounds */
    assert_int_equal(table_check(&s.table, s.view, s.n, &e), SU_OK);
    *v = saved;
    s.table.row[2].tasks[0] = 0; /* a task of a steady node is left out */
    s.table.row[2].tasks[1] = 0;
    s.table.row[2].tasks[2] = 0;
    assert_int_equal(table_check(&s.table, s.view, s.n, &e), SU_EACCES);
    assert_non_null(strstr(e.msg, "leaves out"));
    v->steady = false;
    assert_int_equal(table_check(&s.table, s.view, s.n, &e), SU_OK);
    *v = saved;
    memcpy(s.table.row[2].tasks, v->loaded, 16);
    for (uint32_t gone = 0; gone < s.table.n; gone += s.table.n - 1) { /* first, last missing */
        struct table fewer = {.n = s.table.n - 1};
        struct table_row rows[16];
        memcpy(rows, s.table.row, s.table.n * sizeof *rows);
        memmove(rows + gone, rows + gone + 1, (s.table.n - gone - 1) * sizeof *rows);
        fewer.row = rows;
        assert_int_equal(table_check(&fewer, s.view, s.n, &e), SU_EACCES);
        assert_non_null(strstr(e.msg, "missing"));
        for (size_t i = 0; i < s.n; i++) /* who was slashed lately may be, and need not */
            s.view[i].rests = memcmp(s.view[i].identity, s.table.row[gone].identity, 32) == 0;
        assert_int_equal(table_check(&fewer, s.view, s.n, &e), SU_OK);
        assert_int_equal(table_check(&s.table, s.view, s.n, &e), SU_OK);
        struct table without;
        assert_int_equal(table_make(s.view, s.n, &without, &e), SU_OK);
        assert_int_equal(without.n, s.table.n - 1);
        for (uint32_t i = 0; i < without.n; i++)
            assert_memory_not_equal(without.row[i].identity, s.table.row[gone].identity, 32);
        table_fini(&without);
        for (size_t i = 0; i < s.n; i++)
            s.view[i].rests = false;
    }
    s.n--; /* a row of somebody unknown */
    assert_int_equal(table_check(&s.table, s.view, s.n, &e), SU_EACCES);
    table_fini(&s.table);
}

static void agreement(void **state)
{
    (void)state;
    for (unsigned k = 0, seen = 0; seen < 50; k++) {
        struct su_random r = su_random_of(10, k);
        struct scene s;
        uint16_t a[SU_TASKS_MAX];
        uint8_t bytes[2 * SU_TASKS_MAX];
        struct su_err e = {0};
        random_scene(&s, &r);
        scene_table(&s);
        if (table_assign(&s.job, a, NULL) == SU_OK) {
            struct table_view *chosen = &s.view[0];
            seen++;
            for (uint16_t t = 0; t < s.job.n_task; t++)
                su_put_le16(bytes + 2 * (size_t)t, a[t]);
            assert_int_equal(table_agree(&s.job, bytes, s.view, s.n, &e), SU_OK);
            while (memcmp(chosen->identity, s.table.row[a[0]].identity, 32) != 0)
                chosen++;
            chosen->online = false;
            assert_int_equal(table_agree(&s.job, bytes, s.view, s.n, &e), SU_EACCES);
            chosen->online = true;
            chosen->stake_free = params.stake_floor - 1;
            assert_int_equal(table_agree(&s.job, bytes, s.view, s.n, &e), SU_EACCES);
            bytes[0] ^= 1;
            assert_int_equal(table_agree(&s.job, bytes, s.view, s.n, &e), SU_EDIGEST);
        }
        table_fini(&s.table);
    }
}

static void left_out(void **state)
{
    struct table_view *view = calloc(SU_WIRE_ROWS_MAX + 50, sizeof *view);
    struct table t;
    struct su_err e = {0};

    (void)state;
    for (unsigned i = 0; i < SU_WIRE_ROWS_MAX + 50; i++) {
        view[i].identity[0] = (uint8_t)(i >> 8);
        view[i].identity[1] = (uint8_t)i;
        view[i].owner[0] = (uint8_t)i;
        view[i].declared[0] = view[i].loaded[0] = 1;
        view[i].fit = view[i].online = view[i].ready = view[i].steady = true;
        view[i].stake_free = view[i].stake_low = view[i].stake_high = 1000 + i;
    }
    view[60].ready = false;
    view[61].loaded[0] = 0;
    view[62].stake_free = 0;
    view[63].fit = false;
    assert_int_equal(table_make(view, SU_WIRE_ROWS_MAX + 50, &t, NULL), SU_OK);
    assert_int_equal(t.n, SU_WIRE_ROWS_MAX);
    assert_int_equal(t.row[0].weight, 1046); /* the 46 lightest are gone */
    for (uint32_t i = 1; i < t.n; i++)
        assert_true(memcmp(t.row[i - 1].identity, t.row[i].identity, 32) < 0);
    table_fini(&t);
    assert_int_equal(table_make(view + 60, 4, &t, &e), SU_ENOENT);
    assert_int_equal(table_make(NULL, 0, &t, &e), SU_ENOENT);
    free(view);
}

/* ---- taking over --------------------------------------------------------------------------------------------- */

static bool not_those(void *ctx, uint32_t row)
{
    return (*(const uint32_t *)ctx >> row & 1u) == 0;
}

static void taking_over(void **state)
{
    struct vector v = {.rows = 4, .tasks = 1, .share_ppm = 300000};
    unsigned hits[4] = {0};
    struct scene s;
    uint32_t row, without = 1; /* not the first */

    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        v.row[i].owner = (uint8_t)(i + 1);
        v.row[i].weight = (i + 1) * 1000ull * SU_USDC;
        v.row[i].offers = i == 3 ? 2 : 3; /* the last offers another task only */
    }
    scene_of(&s, &v);
    table_whole(&s, &v);
    for (unsigned k = 0; k < 1000; k++) {
        uint8_t seed[32];
        su_sha256(&k, sizeof k, seed);
        assert_int_equal(table_reassign(&s.table, 0, seed, not_those, &without, &row, NULL), SU_OK);
        hits[row]++;
    }
    assert_int_equal(hits[0] + hits[3], 0);
    assert_in_range(hits[1], 330, 470); /* 2 : 3 */
    without = 7;
    assert_int_equal(table_reassign(&s.table, 0, s.job.seed, not_those, &without, &row, NULL),
                     SU_ENOENT);
    table_fini(&s.table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(second_reading),
        cmocka_unit_test(seeds),
        cmocka_unit_test(always_sound),
        cmocka_unit_test(thirds),
        cmocka_unit_test(impossible),
        cmocka_unit_test(written_and_read),
        cmocka_unit_test(objections),
        cmocka_unit_test(agreement),
        cmocka_unit_test(left_out),
        cmocka_unit_test(taking_over),
        cmocka_unit_test(where_one_is_at_home),
        cmocka_unit_test(homes_of_any_order),
        cmocka_unit_test(crowds),
        cmocka_unit_test(away_from_home),
    };

    su_params_default(&params);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
