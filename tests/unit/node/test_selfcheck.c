// SPDX-License-Identifier: MIT
/* A node's own comparison before it promises anything: what the other backend gives too passes, at any
   step, and what it does not give is found at the step that the secret chooses. */
#include "node/node_priv.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/toy_llm.h"

#include <ftw.h>
#include <stdlib.h>
#include <string.h>

enum { STEPS = 5, KEYS = 60 };

struct world {
    struct toy toy;
    struct su_plan *plan;
    struct su_node_agent node;
    struct node_model model;
    struct node_task task;
    char dir[64];
};

static const int32_t tokens[STEPS] = {3, 1, 4, 1, 5}, others[STEPS] = {2, 7, 1, 8, 2};

static void must(enum su_code rc, const struct su_err *e)
{
    if (rc != SU_OK)
        fail_msg("%s: %s: %s", su_code_name(rc), e->at, e->msg);
}

static int setup(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    uint64_t target = 1u << 20;
    const struct su_plan_opts o = {
        .target = &target, .n_target = 1, .t_max = 8, .e_max = 8, .sessions = 1, .ctx = TOY_CTX};
    const struct su_exec_opts cpu = {.backend = SU_BACKEND_CPU, .threads = 1};
    const struct su_exec_opts reference = {.backend = SU_BACKEND_REFERENCE};
    struct su_node_agent *n = &w->node;
    uint8_t id[32];
    struct su_err e;

    toy_new(&w->toy, &(struct toy_opts){.backend = SU_BACKEND_CPU, .t_max = 8});
    must(su_plan_build(w->toy.g, &o, &w->plan, &e), &e);
    (void)su_str_copy(w->dir, sizeof w->dir, "/tmp/su-selfcheck-XXXXXX");
    assert_non_null(mkdtemp(w->dir));
    must(su_store_open(w->dir, NULL, &n->store, &e), &e);
    const struct su_package_of of = {.name = "toy", .plan = w->plan, .weights = w->toy.weights};
    must(su_package_publish(&of, n->store, NULL, &w->model.package, id, &e), &e);
    assert_int_equal(w->model.package->n_task, 1);
    must(su_exec_open(&cpu, &n->exec, &e), &e);
    must(su_exec_open(&reference, &n->other, &e), &e);
    must(su_secret_new(SU_ED25519_SEED_BYTES, &n->secret, &e), &e);
    (void)su_str_copy(n->device, sizeof n->device, "a device");
    (void)pthread_mutex_init(&n->lock, NULL);
    must(su_task_open(n->exec, w->model.package, 0, n->store, &w->task.task, &e), &e);
    w->task.model = &w->model;
    node_turn_init(&w->task.other_turn);
    *state = w;
    return 0;
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    (void)st;
    (void)kind;
    (void)at;
    return remove(path);
}

static int teardown(void **state)
{
    struct world *w = *state;
    struct su_err e;

    node_turn_fini(&w->task.other_turn);
    su_task_close(w->task.other);
    su_task_close(w->task.task);
    must(su_exec_close(w->node.exec, &e), &e);
    must(su_exec_close(w->node.other, &e), &e);
    su_secret_free(w->node.secret);
    (void)pthread_mutex_destroy(&w->node.lock);
    su_package_free(w->model.package);
    su_store_close(w->node.store);
    su_plan_free(w->plan);
    toy_close(&w->toy);
    int bad = nftw(w->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    free(w);
    return bad;
}

static struct su_trace *trace_of(struct world *w, const int32_t *said)
{
    const struct su_replay r = {.input = {said}, .steps = STEPS};
    struct su_trace *t = NULL;
    struct su_err e;

    must(su_task_replay(w->task.task, &r, &t, NULL, &e), &e);
    return t;
}

static void add(struct su_trace *to, const struct su_trace *from, enum su_port port, uint32_t step,
                bool wrong)
{
    uint8_t leaf[32];

    if (su_trace_steps(from, port, 0) <= step)
        return;
    memcpy(leaf, su_trace_leaf(from, port, 0, step), 32);
    leaf[7] ^= wrong;
    must(su_trace_add(to, port, 0, leaf, NULL), NULL);
}

/* The same, but for one step of one port. */
static struct su_trace *spoilt(const struct su_trace *right, enum su_port port, uint32_t step)
{
    struct su_trace *t = NULL;

    must(su_trace_new(1, 1, &t, NULL), NULL);
    for (uint32_t s = 0; s < STEPS; s++) {
        add(t, right, SU_PORT_INPUT, s, false);
        add(t, right, SU_PORT_OUTPUT, s, port == SU_PORT_OUTPUT && s == step);
        add(t, right, SU_PORT_WITNESS, s, port == SU_PORT_WITNESS && s == step);
    }
    return t;
}

/* Of the execution of that number. */
static enum su_code check(struct world *w, unsigned execution, const struct su_trace *t,
                          struct su_err *e)
{
    struct node_execution x = {.key = {(uint8_t)execution}};
    struct node_duty d = {.node = &w->node, .execution = &x, .task = &w->task};
    const void *input[SU_PORTS_MAX] = {tokens};

    return node_selfcheck(&d, t, input, NULL, STEPS, e);
}

static void what_is_right_passes(void **state)
{
    struct world *w = *state;
    struct su_trace *t = trace_of(w, tokens);
    struct su_err e = {0};

    for (unsigned i = 0; i < KEYS / 4; i++)
        must(check(w, i, t, &e), &e);
    su_trace_free(t);
}

static void what_is_wrong_is_found(void **state)
{
    struct world *w = *state;
    struct su_trace *t = trace_of(w, others);
    struct su_err e = {0};

    for (unsigned i = 0; i < KEYS / 4; i++) {
        assert_int_equal(check(w, i, t, &e), SU_ECONFORM);
        assert_string_equal(e.at, "a device");
        assert_non_null(strstr(e.msg, "reference backend"));
    }
    su_trace_free(t);
}

/* Wrong at one step alone: found in some executions, and in the same ones each time. */
static void found_at(struct world *w, enum su_port port)
{
    struct su_trace *right = trace_of(w, tokens);
    unsigned all = 0;

    for (uint32_t step = 0; step < STEPS; step++) {
        struct su_trace *t = spoilt(right, port, step);
        unsigned found = 0;
        for (unsigned i = 0; i < KEYS; i++) {
            enum su_code c = check(w, i, t, NULL);
            assert_true(c == SU_OK || c == SU_ECONFORM);
            assert_true(i > 2 || check(w, i, t, NULL) == c);
            found += c != SU_OK;
        }
        assert_in_range(found, 1, KEYS - 1);
        all += found;
        su_trace_free(t);
    }
    assert_int_equal(all, KEYS); /* each looks at one step */
    su_trace_free(right);
}

static void the_secret_chooses_the_step(void **state)
{
    found_at(*state, SU_PORT_OUTPUT);
}

static void witnesses_count_too(void **state)
{
    found_at(*state, SU_PORT_WITNESS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_right_passes),
        cmocka_unit_test(what_is_wrong_is_found),
        cmocka_unit_test(the_secret_chooses_the_step),
        cmocka_unit_test(witnesses_count_too),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
