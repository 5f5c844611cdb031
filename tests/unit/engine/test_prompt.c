// SPDX-License-Identifier: MIT
/* What a package and an input container say of a generation. */
#include "packed.h"

#include <string.h>

#include "model/model.h"
#include "support/toy_llm.h"

static const int32_t tokens[3] = {5, 6, 7};

/* The toy language model, cut as small as it goes, with or without the token at its end. */
static struct packed pack(struct toy *toy, bool generates)
{
    struct su_plan_opts o = {.n_target = 1, .t_max = 8, .e_max = 8, .ctx = TOY_CTX};
    struct su_graph *end = NULL;
    struct su_plan *plan;
    uint64_t target;
    struct su_err e;

    toy_new(toy, &(struct toy_opts){.backend = SU_BACKEND_CPU, .t_max = 8});
    must(su_model_generator(toy->g, &end, &e), &e);
    const struct su_graph *g = generates ? end : toy->g;
    o.target = &target;
    must(su_plan_smallest(g, &o, &target, &e), &e);
    must(su_plan_build(g, &o, &plan, &e), &e);
    struct packed p = packed_file(plan, toy->weights, toy->path);
    su_plan_free(plan);
    su_graph_free(end);
    return p;
}

static void the_prompt_says_what_emits(void **state)
{
    const struct su_sampling options = {.temperature = 0.5f, .top_k = 3};
    uint8_t params[SU_DRAW_PARAMS_BYTES];
    struct su_input in = {
        .tensor = {{.dtype = SU_I32, .steps = 3, .rows = (const uint8_t *)tokens}},
        .n_tensor = 1,
        .params = params,
        .params_bytes = sizeof params};
    struct toy toy;
    struct packed p = pack(&toy, true);
    struct su_prompt prompt;
    struct su_feedback f;
    struct su_err e;
    (void)state;

    assert_true(p.package->n_task > 1);
    assert_true(su_package_feedback(p.package, &f));
    assert_int_equal(f.from_task, p.package->n_task - 1);
    const struct su_package_task *to = &p.package->task[f.to_task];
    assert_int_equal(to->input[f.to_input].from_task, SU_PLAN_EXTERNAL);
    su_draw_encode(&options, params);
    must(su_prompt_of(p.package, &in, 99, &prompt, &e), &e);
    assert_memory_equal(&prompt.feedback, &f, sizeof f);
    assert_int_equal(prompt.steps, 3);
    assert_int_equal(prompt.draw.n_prompt, 3);
    assert_int_equal(prompt.draw.prompt[2], 7);
    assert_true(prompt.draw.sampling.seed == 99);
    assert_int_equal(prompt.draw.sampling.top_k, 3);
    assert_false(su_prompt_emits(&prompt, 0));
    assert_false(su_prompt_emits(&prompt, 1));
    assert_true(su_prompt_emits(&prompt, 2));
    assert_true(su_prompt_emits(&prompt, 100));
    assert_int_equal(su_prompt_first(&prompt, SU_EMIT), 2);
    assert_int_equal(su_prompt_first(&prompt, SU_ROWS), 0);
    in.params_bytes = 3;
    assert_int_equal(su_prompt_of(p.package, &in, 99, &prompt, &e), SU_EFORMAT);
    in.tensor[0].dtype = SU_F32;
    assert_int_equal(su_prompt_of(p.package, &in, 99, &prompt, &e), SU_ETYPE);
    in.n_tensor = 0;
    assert_int_equal(su_prompt_of(p.package, &in, 99, &prompt, &e), SU_ENOENT);
    packed_fini(&p);
    toy_close(&toy);
}

static void others_do_not_generate(void **state)
{
    const struct su_input in = {.n_tensor = 0};
    struct toy toy;
    struct packed p = pack(&toy, false);
    struct su_prompt prompt;
    struct su_feedback f;
    struct su_err e;
    (void)state;

    assert_false(su_package_feedback(p.package, &f));
    assert_int_equal(su_prompt_of(p.package, &in, 0, &prompt, &e), SU_ENOENT);
    packed_fini(&p);
    toy_close(&toy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_prompt_says_what_emits),
        cmocka_unit_test(others_do_not_generate),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
