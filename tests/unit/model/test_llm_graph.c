// SPDX-License-Identifier: MIT
/* Graphs of language models from shapes alone: digests, sizes, states, plans. */
#include "plan/plan.h"
#include "support/alloc.h"
#include "toys.h"

#include <string.h>

static struct su_model *shapes(const char *name, enum su_llm_quant quant)
{
    struct su_model *m = NULL;
    struct su_err e = {0};

    if (su_model_open_shapes(source_path(name), quant, &m, &e))
        fail_msg("%s: %s", e.at, e.msg);
    assert_true(m->is_llm && m->graph->checked);
    return m;
}

static uint64_t weight_bytes(const struct su_graph *g)
{
    uint64_t sum = 0, bytes;

    for (uint32_t i = 0; i < g->n_weight; i++) {
        const struct su_value *v = &g->value[g->weight[i]];
        assert_int_equal(su_tensor_bytes(v->dtype, &v->shape, &bytes, NULL), SU_OK);
        sum += bytes;
    }
    return sum;
}

static uint64_t parameters(const struct su_graph *g)
{
    uint64_t sum = 0;

    for (uint32_t i = 0; i < g->n_weight; i++)
        sum += su_shape_elements(&g->value[g->weight[i]].shape);
    return sum;
}

/* Parameters as published; bytes as files of these recipes have, within what metadata and rows of
   other types make out. */
static void test_published_sizes(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        uint64_t parameters;
        double q4_gib;
    } list[] = {
        {"smollm2-135m", 134515008, 0.0965},    {"llama-3.1-8b", 8030261248, 4.575},
        {"llama-3.3-70b", 70553706496, 39.55},  {"llama-3.1-405b", 405853388800, 226.37},
        {"qwen2.5-7b", 7615616512, 4.356},      {"qwen3-0.6b", 596049920, 0.3642},
        {"qwen3-30b-a3b", 30532122624, 17.276}, {"gemma-3-1b", 999885952, 0.7445},
        {"gemma-3-27b", 27009346304, 15.404},
    };

    for (size_t i = 0; i < SU_ARRAY_LEN(list); i++) {
        struct su_model *m = shapes(list[i].name, SU_LLM_Q4_K_M);
        double gib = (double)weight_bytes(m->graph) / 1073741824.0;
        if (parameters(m->graph) != list[i].parameters || gib < list[i].q4_gib * 0.999 ||
            gib > list[i].q4_gib * 1.001)
            fail_msg("%s: %llu parameters, %.4f GiB", list[i].name,
                     (unsigned long long)parameters(m->graph), gib);
        su_model_close(m);
    }
}

static void test_recipes(void **state)
{
    (void)state;
    struct su_model *m = shapes("smollm2-135m", SU_LLM_BF16);

    /* Vectors stay F32: two norms of 576 in each of 30 layers, and the last. */
    assert_int_equal(weight_bytes(m->graph), 2 * 134515008ull + 2 * 61 * 576);
    su_model_close(m);
    m = shapes("smollm2-135m", SU_LLM_Q8_0);
    assert_int_equal(weight_bytes(m->graph), (134515008ull - 61 * 576) / 32 * 34 + 4 * 61 * 576);
    su_model_close(m);

    static const struct {
        const char *name;
        enum su_dtype dtype;
    } want[] = {
        {"token_embd.weight", SU_Q4_K},      {"output.weight", SU_Q6_K},
        {"output_norm.weight", SU_F32},      {"blk.0.attn_v.weight", SU_Q6_K},
        {"blk.9.ffn_down.weight", SU_Q6_K},  {"blk.10.attn_v.weight", SU_Q4_K},
        {"blk.12.ffn_down.weight", SU_Q6_K}, {"blk.79.attn_v.weight", SU_Q6_K},
        {"blk.0.attn_q.weight", SU_Q4_K},    {"blk.79.attn_output.weight", SU_Q4_K},
        {"blk.40.attn_norm.weight", SU_F32},
    };
    uint32_t six = 0;
    m = shapes("llama-3.3-70b", SU_LLM_Q4_K_M);
    const struct su_graph *g = m->graph;
    for (size_t k = 0; k < SU_ARRAY_LEN(want); k++) {
        const struct su_value *found = NULL;
        for (uint32_t i = 0; i < g->n_weight; i++) {
            if (strcmp(g->value[g->weight[i]].name, want[k].name) == 0)
                found = &g->value[g->weight[i]];
        }
        assert_non_null(found);
        assert_int_equal(found->dtype, want[k].dtype);
    }
    for (uint32_t i = 0; i < g->n_weight; i++)
        six += g->value[g->weight[i]].dtype == SU_Q6_K;
    assert_int_equal(six, 1 + 2 * 40); /* half the layers */
    su_model_close(m);

    enum su_llm_quant quant = SU_LLM_QUANT_COUNT;
    assert_true(su_llm_quant_find("q8_0", &quant) && quant == SU_LLM_Q8_0);
    assert_true(su_llm_quant_find("q4_k_m", &quant) && quant == SU_LLM_Q4_K_M);
    assert_true(su_llm_quant_find("bf16", &quant) && quant == SU_LLM_BF16);
    assert_false(su_llm_quant_find("Q8", &quant));
    assert_string_equal(su_llm_arch_name(SU_LLM_QWEN3MOE), "qwen3moe");
    assert_string_equal(su_llm_arch_name(SU_LLM_ARCH_COUNT), "?");
}

/* Products of experts have no form for types without blocks, and published folders hold experts
   apart; a recipe stacks them. */
static void test_experts_refused(void **state)
{
    (void)state;
    struct su_model *m;
    struct su_graph *g;
    struct su_err e = {0};

    assert_int_equal(
        su_model_open_shapes(source_path("qwen3-30b-a3b/config.json"), SU_LLM_BF16, &m, &e),
        SU_EUNSUPPORTED);
    err_matches(&e, SU_EUNSUPPORTED, "qwen3-30b-a3b|blk.0.ffn_gate_exps.weight|bf16|q8_0");
    m = shapes("qwen3-30b-a3b", SU_LLM_Q8_0);
    m->llm.names = SU_LLM_NAMES_HF;
    struct su_weights *w = NULL;
    const uint8_t empty[] = {2, 0, 0, 0, 0, 0, 0, 0, '{', '}'};
    assert_int_equal(su_weights_open_bytes(empty, sizeof empty, "apart", &w, &e), SU_OK);
    assert_int_equal(su_llm_graph(&m->llm, w, SU_LLM_Q8_0, &g, &e), SU_EUNSUPPORTED);
    err_matches(&e, SU_EUNSUPPORTED, "apart|each expert|splitup quantize|GGUF");
    assert_null(g);
    su_weights_close(w);
    assert_int_equal(su_llm_graph(&m->llm, NULL, SU_LLM_Q8_0, &g, &e), SU_OK);
    bool stacked = false;
    for (uint32_t i = 0; i < g->n_weight; i++)
        stacked |=
            strcmp(g->value[g->weight[i]].name, "model.layers.0.mlp.experts.up_proj.weight") == 0;
    assert_true(stacked);
    su_graph_free(g);
    m->llm.layers = 0;
    assert_int_equal(su_llm_config_check(&m->llm, &e), SU_EINVAL);
    assert_int_equal(su_llm_graph(&m->llm, NULL, SU_LLM_Q8_0, &g, &e), SU_EINVAL);
    assert_null(g);
    su_model_close(m);
}

static void test_interfaces(void **state)
{
    (void)state;
    for (size_t i = 0; i < toy_count; i++) {
        struct su_model *m = toy_open(&toy_list[i]);
        const struct su_graph *g = m->graph;
        const struct su_llm_config *c = &m->llm;
        char name[32];

        assert_int_equal(g->n_input, 1);
        assert_string_equal(g->value[g->input[0]].name, "token");
        assert_int_equal(g->value[g->input[0]].dtype, SU_I32);
        assert_int_equal(g->value[g->input[0]].domain, SU_ROWS);
        assert_int_equal(g->n_output, 1);
        const struct su_value *out = &g->value[g->output[0].value];
        assert_string_equal(g->output[0].name, "logits");
        assert_int_equal(out->domain, SU_EMIT);
        assert_true(su_shape_equal(&out->shape, &(struct su_shape){1, {TOY_VOCAB}}));
        assert_int_equal(g->n_state, 2 * c->layers);
        for (uint32_t k = 0; k < g->n_state; k++) {
            const struct su_value *s = &g->value[g->state[k]];
            (void)snprintf(name, sizeof name, "layer.%u.%c", k / 2, k % 2 ? 'v' : 'k');
            assert_string_equal(s->name, name);
            assert_true(
                su_shape_equal(&s->shape, &(struct su_shape){2, {c->kv_heads, c->head_dim}}));
        }
        su_model_close(m);
    }
}

/* The state of one session: 2 bytes per element of keys and values, per layer and position. */
static void test_state_bytes(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        uint32_t ctx;
        uint64_t bytes;
    } list[] = {
        {"smollm2-135m", 8192, 2ull * 2 * 30 * 3 * 64 * 8192},
        {"llama-3.3-70b", 8192, 2ull * 2 * 80 * 8 * 128 * 8192}, /* 2.5 GiB */
        {"gemma-3-1b", 1000, 2ull * 2 * 26 * 256 * 1000},
        {"qwen3-30b-a3b", 4096, 2ull * 2 * 48 * 4 * 128 * 4096},
    };

    for (size_t i = 0; i < SU_ARRAY_LEN(list); i++) {
        struct su_model *m = shapes(list[i].name, SU_LLM_Q4_K_M);
        struct su_layout *l = NULL;
        assert_int_equal(su_layout_build(m->graph, 1, 1, list[i].ctx, &l, NULL), SU_OK);
        assert_int_equal(l->session_bytes, list[i].bytes);
        su_layout_free(l);
        su_model_close(m);
    }
}

/* A graph decides what weights are called, what is asked of a node and what is on chain: it may only
   change on purpose. */
static void test_digests(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const char *digest;
    } list[] = {
#include "llm_digests.h"
    };
    size_t n = 0;
    char hex[2 * SU_SHA256_BYTES + 1];

    for (size_t i = 0; i < SU_ARRAY_LEN(list); i++) {
        bool toy = su_str_starts(list[i].name, "toy/");
        struct su_model *m =
            toy ? toy_open(toy_find(list[i].name + 4)) : shapes(list[i].name, SU_LLM_Q4_K_M);
        assert_true(su_hex_encode(m->graph_digest, SU_SHA256_BYTES, hex, sizeof hex) > 0);
        if (strcmp(hex, list[i].digest) != 0) {
            print_message("        {\"%s\", \"%s\"},\n", list[i].name, hex);
            n++;
        }
        su_model_close(m);
    }
    assert_int_equal(n, 0);
}

static void test_large_plans(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        uint64_t target[3];
        uint32_t n_target, least, most;
    } list[] = {
        {"llama-3.3-70b", {12ull << 30}, 1, 4, 4},
        {"llama-3.1-405b", {12ull << 30}, 1, 20, 20},
        {"llama-3.3-70b", {8ull << 30, 12ull << 30, 24ull << 30}, 3, 3, 3},
        {"qwen3-30b-a3b", {12ull << 30}, 1, 2, 2},
        {"gemma-3-27b", {8ull << 30}, 1, 3, 3},
    };

    for (size_t i = 0; i < SU_ARRAY_LEN(list); i++) {
        struct su_model *m = shapes(list[i].name, SU_LLM_Q4_K_M);
        const struct su_plan_opts o = {.target = list[i].target,
                                       .n_target = list[i].n_target,
                                       .per_device = list[i].n_target > 1,
                                       .ctx = 8192};
        struct su_plan *p = NULL;
        struct su_err e = {0};
        uint64_t sum = 0;
        if (su_plan_build(m->graph, &o, &p, &e) || su_plan_check(p, m->graph, &e))
            fail_msg("%s: %s: %s", list[i].name, e.at, e.msg);
        assert_in_range(p->n_task, list[i].least, list[i].most);
        for (uint32_t k = 0; k < p->n_task; k++) {
            const struct su_plan_task *t = &p->task[k];
            assert_true(t->vram_fixed + t->vram_session <= list[i].target[t->device]);
            assert_true(t->vram_session > 0 || k + 1 == p->n_task || k == 0);
            sum += t->weight_bytes;
        }
        /* Nothing is held twice but a tied embedding, and padding is small. */
        double once = (double)weight_bytes(m->graph);
        assert_true((double)sum >= once && (double)sum < once * (m->llm.tied ? 1.08 : 1.001));
        su_plan_free(p);
        su_model_close(m);
    }
}

static void test_out_of_memory(void **state)
{
    (void)state;
    struct su_model *m = shapes("smollm2-135m", SU_LLM_Q8_0);
    struct su_graph *g;
    struct su_err e = {0};

    if (!su_alloc_watched()) {
        su_model_close(m);
        skip();
    }
    su_alloc_fail(20000, SIZE_MAX);
    enum su_code c = su_llm_graph(&m->llm, NULL, SU_LLM_Q8_0, &g, &e);
    su_alloc_fail_none();
    assert_int_equal(c, SU_ENOMEM);
    assert_null(g);
    err_matches(&e, SU_ENOMEM, "memory");
    su_model_close(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_published_sizes), cmocka_unit_test(test_recipes),
        cmocka_unit_test(test_experts_refused), cmocka_unit_test(test_interfaces),
        cmocka_unit_test(test_state_bytes),     cmocka_unit_test(test_digests),
        cmocka_unit_test(test_large_plans),     cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
