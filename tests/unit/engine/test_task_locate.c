// SPDX-License-Identifier: MIT
/* Finding the op that a backend computed otherwise. A backend that errs is made by giving it other
   weights than those that the store holds under the package's names. */
#include "packed.h"

#include <stdlib.h>
#include <string.h>

#include "support/alloc.h"
#include "support/count.h"
#include "support/random_graph.h"
#include "support/toy_llm.h"

#define TOKENS 23u

struct setting {
    struct toy toy;
    struct packed p;
    struct su_task *task;
    int32_t token[TOKENS];
    bool emits[TOKENS];
    struct su_replay replay;
    /* When `done` reaches it, the manifest is put right, a token changed, or the call cancelled. */
    uint32_t mend_at, change_at, cancel_at, done, total;
    uint64_t offset[2];
};

static void progress(void *ctx, uint32_t done, uint32_t total)
{
    struct setting *s = ctx;
    assert_true(done > s->done && done <= total);
    s->done = done;
    s->total = total;
    for (uint32_t i = 0; i < 2 && done >= s->mend_at; i++)
        s->p.package->task[0].manifest.entry[i].offset = s->offset[i];
    if (s->change_at > 0 && done >= s->change_at)
        s->token[2] = 1;
}

static bool cancelled(void *ctx)
{
    struct setting *s = ctx;
    return s->cancel_at > 0 && s->done >= s->cancel_at;
}

static void setting_new(struct setting *s, enum su_backend b)
{
    struct su_err e;
    memset(s, 0, sizeof *s);
    toy_new(&s->toy, &(struct toy_opts){.backend = b, .t_max = 8, .e_max = 4});
    s->p = packed_file(s->toy.plan, s->toy.weights, s->toy.path);
    for (uint32_t i = 0; i < TOKENS; i++) {
        s->token[i] = (int32_t)(i * i * 7 + 3) % (int32_t)TOY_VOCABULARY;
        s->emits[i] = i % 3 == 1;
    }
    for (uint32_t i = 0; i < 2; i++)
        s->offset[i] = s->p.package->task[0].manifest.entry[i].offset;
    must(su_task_open(s->toy.exec, s->p.package, 0, s->p.store, &s->task, &e), &e);
    s->replay = (struct su_replay){.input = {s->token},
                                   .steps = TOKENS,
                                   .emits = s->emits,
                                   .cancelled = cancelled,
                                   .progress = progress,
                                   .ctx = s};
}

/* Loads the task again, the weight of that entry being another one's bytes. */
static void spoil(struct setting *s, uint32_t entry)
{
    struct su_err e;
    s->p.package->task[0].manifest.entry[entry].offset = s->offset[1 - entry];
    su_task_close(s->task);
    must(su_task_open(s->toy.exec, s->p.package, 0, s->p.store, &s->task, &e), &e);
}

static void setting_fini(struct setting *s)
{
    su_task_close(s->task);
    packed_fini(&s->p);
    toy_close(&s->toy);
}

static struct su_task_difference locate(struct setting *s, uint32_t step)
{
    struct su_task_difference d;
    struct su_err e;
    s->done = 0;
    must(su_task_locate(s->task, &s->replay, step, s->p.store, &d, &e), &e);
    if (!d.found)
        assert_int_equal(s->done, s->total);
    return d;
}

static void test_nothing_to_find(void **state)
{
    (void)state;
    for (unsigned b = 0; b < SU_BACKEND_COUNT; b++) {
        struct setting s;
        setting_new(&s, (enum su_backend)b);
        for (uint32_t step = 0; step < TOKENS; step += 11) {
            struct su_task_difference d = locate(&s, step);
            if (d.found)
                fail_msg("%s: step %u: node %u, %s, %s, element %llu: %08x, want %08x",
                         su_backend_name((enum su_backend)b), step, d.node, d.op, d.value,
                         (unsigned long long)d.element, d.got_bits, d.want_bits);
        }
        s.replay.emits = NULL;
        assert_false(locate(&s, 5).found);
        setting_fini(&s);
    }
}

static void test_random_graphs(void **state)
{
    (void)state;
    struct su_exec *exec[SU_BACKEND_COUNT];
    uint32_t n = su_test_count(15, 300), looked = 0;
    for (unsigned b = 1; b < SU_BACKEND_COUNT; b++) {
        struct su_err e;
        must(su_exec_open(&(struct su_exec_opts){.backend = (enum su_backend)b, .threads = 2},
                          &exec[b], &e),
             &e);
    }
    for (uint64_t seed = 0; seed < n; seed++) {
        struct su_random_opts o = {.macs = 100000, .emit = seed % 2 == 0, .no_fixed_inputs = true};
        struct su_random_case *c = su_random_case_new(seed, &o);
        bool held = c->graph->n_weight > 0;
        for (uint32_t i = 0; i < c->graph->n_weight; i++)
            held &= c->graph->value[c->graph->weight[i]].dtype != SU_BOOL;
        if (held) {
            struct weight_file w = weight_file_new(c->graph, (const void *const *)c->weight);
            struct su_plan *plan = plan_of(c->graph, 64 << 20, c->n_row);
            struct packed p = packed_new(plan, w.weights, w.bytes.data, w.bytes.len);
            bool emits[100];
            struct su_replay r = {.steps = c->n_row, .emits = emits};
            assert_true(c->n_row <= SU_ARRAY_LEN(emits));
            for (uint32_t i = 0; i < c->n_row; i++)
                emits[i] = c->row[i].emit;
            for (uint32_t i = 0; i < c->graph->n_input; i++)
                r.input[i] = c->input[p.package->task[0].input[i].from_output];
            for (unsigned b = 1; b < SU_BACKEND_COUNT; b++) {
                struct su_task *t;
                struct su_task_difference d;
                struct su_err e;
                must(su_task_open(exec[b], p.package, 0, p.store, &t, &e), &e);
                must(su_task_locate(t, &r, (uint32_t)seed % c->n_row, p.store, &d, &e), &e);
                if (d.found)
                    fail_msg("seed %llu: node %u, %s", (unsigned long long)seed, d.node, d.op);
                su_task_close(t);
            }
            looked++;
            packed_fini(&p);
            su_plan_free(plan);
            weight_file_fini(&w);
        }
        su_random_case_free(c);
    }
    for (unsigned b = 1; b < SU_BACKEND_COUNT; b++)
        assert_int_equal(su_exec_close(exec[b], NULL), SU_OK);
    assert_true(looked > n / 3);
}

static uint32_t node_of(const struct setting *s, enum su_op op)
{
    const struct su_graph *g = s->p.package->task[0].graph;
    for (uint32_t i = 0; i < g->n_node; i++)
        if (g->node[i].op == op)
            return i;
    fail_msg("no such op");
    return 0;
}

/* The backend errs in one op, in both of the passes over it. */
static void test_op_that_is_wrong(void **state)
{
    (void)state;
    for (unsigned b = SU_BACKEND_CPU; b < SU_BACKEND_COUNT; b++) {
        struct setting s;
        setting_new(&s, (enum su_backend)b);
        assert_string_equal(s.p.package->task[0].manifest.entry[0].name, "head");
        spoil(&s, 0);
        s.mend_at = 9; /* after the second pass has begun */
        struct su_task_difference d = locate(&s, 7);
        assert_true(d.found);
        assert_int_equal(d.node, node_of(&s, SU_OP_MATMUL));
        assert_string_equal(d.op, "matmul");
        assert_string_equal(d.value, "logits");
        assert_true(d.element < TOY_VOCABULARY);
        assert_int_not_equal(d.got_bits, d.want_bits);
        s.mend_at = UINT32_MAX;
        spoil(&s, 0);
        s.mend_at = 7; /* at a step that emits nothing nobody can tell */
        assert_false(locate(&s, 5).found);
        s.mend_at = UINT32_MAX;
        spoil(&s, 1);
        s.mend_at = 10;
        d = locate(&s, 8);
        assert_true(d.found);
        assert_int_equal(d.node, node_of(&s, SU_OP_EMBEDDING));
        assert_string_equal(d.op, "embedding");
        assert_int_equal(d.value[0], '%');
        setting_fini(&s);
    }
}

/* The ops are right one by one; as the task was loaded, it is not. */
static void test_wrong_as_a_whole(void **state)
{
    (void)state;
    struct setting s;
    setting_new(&s, SU_BACKEND_CPU);
    spoil(&s, 1);
    for (uint32_t i = 0; i < 2; i++)
        s.p.package->task[0].manifest.entry[i].offset = s.offset[i];
    struct su_task_difference d = locate(&s, 7);
    assert_true(d.found);
    assert_string_equal(d.value, "logits");
    assert_string_equal(d.op, "matmul");
    setting_fini(&s);
    setting_new(&s, SU_BACKEND_CPU);
    s.change_at = 20; /* states that do not come from what the task was given */
    d = locate(&s, 19);
    assert_true(d.found);
    assert_string_equal(d.value, "logits");
    setting_fini(&s);
}

static void test_refusals(void **state)
{
    (void)state;
    struct setting s;
    struct su_task_difference d;
    struct su_err e;
    setting_new(&s, SU_BACKEND_CPU);
    assert_int_equal(su_task_locate(s.task, &s.replay, TOKENS, s.p.store, &d, &e), SU_EINVAL);
    assert_false(d.found);
    for (s.cancel_at = 1; s.cancel_at < 24; s.cancel_at += 4) {
        s.done = 0;
        assert_int_equal(su_task_locate(s.task, &s.replay, 7, s.p.store, &d, &e), SU_ECANCELLED);
        err_matches(&e, SU_ECANCELLED, "task 0");
    }
    s.cancel_at = s.done = 0;
    s.p.package->task[0].manifest.entry[0].blob[3] ^= 1;
    assert_int_equal(su_task_locate(s.task, &s.replay, 7, s.p.store, &d, &e), SU_ENOENT);
    s.p.package->task[0].manifest.entry[0].blob[3] ^= 1;
    if (su_alloc_watched()) {
        s.done = 0;
        su_alloc_fail(TOKENS * 256, TOKENS * 256); /* the rows of a state */
        enum su_code rc = su_task_locate(s.task, &s.replay, TOKENS - 1, s.p.store, &d, &e);
        su_alloc_fail_none();
        assert_int_equal(rc, SU_ENOMEM);
    }
    setting_fini(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_to_find),  cmocka_unit_test(test_random_graphs),
        cmocka_unit_test(test_op_that_is_wrong), cmocka_unit_test(test_wrong_as_a_whole),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
