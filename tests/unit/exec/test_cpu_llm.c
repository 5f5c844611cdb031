// SPDX-License-Identifier: MIT
/* Sequence models on the cpu backend, in every instruction set and with one to three threads,
   give the bits of the reference backend: products with every block type, experts, embeddings,
   rope, states and attention, with rows of several sessions in any mix. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "exec/exec.h"
#include "support/random.h"
#include "support/random_tensor.h"

#define COUNT(...) (sizeof((int64_t[]){0, __VA_ARGS__}) / sizeof(int64_t) - 1)
#define ARGS(...) (uint32_t[]){__VA_ARGS__}, COUNT(__VA_ARGS__)
#define ATTRS(...) (int32_t[]){__VA_ARGS__}, COUNT(__VA_ARGS__)
#define NO_ATTRS NULL, 0
#define F(x) ((int32_t)su_f32_bits(x))
#define WEIGHT_MAX 16u
#define SESSIONS 5u

static const enum su_dtype block_types[] = {SU_Q4_0, SU_Q4_1, SU_Q5_0, SU_Q5_1,
                                            SU_Q8_0, SU_Q4_K, SU_Q5_K, SU_Q6_K};

static struct lane {
    const char *isa; /* NULL: the reference backend, first */
    unsigned threads;
    struct su_exec *exec;
} lanes[] = {{NULL, 1, NULL},     {"plain", 1, NULL}, {"avx2", 2, NULL}, {"avx512", 1, NULL},
             {"avx512", 3, NULL}, {"amx", 1, NULL},   {"amx", 2, NULL}};
#define LANES SU_ARRAY_LEN(lanes)

/* ---- graphs ---------------------------------------------------------------------------------- */

struct model {
    struct su_graph *g;
    uint8_t *weight[WEIGHT_MAX];
    uint64_t bytes[WEIGHT_MAX];
    struct su_stage *stage[LANES];
    uint32_t t_max;
};

static uint32_t add_input(struct model *m, const char *name, enum su_dtype d,
                          const struct su_shape *s)
{
    uint32_t id = 0;
    assert_int_equal(su_graph_add_input(m->g, name, SU_ROWS, d, s, &id, NULL), SU_OK);
    return id;
}

/* wild: any bits, so scales are infinities, NaN and subnormal too. */
static uint32_t add_weight(struct model *m, enum su_dtype d, const struct su_shape *s, bool wild,
                           uint64_t seed)
{
    uint32_t id = 0, n = m->g->n_weight;
    char name[16];
    struct su_random r;
    snprintf(name, sizeof name, "w%u", n);
    assert_true(n < WEIGHT_MAX);
    assert_int_equal(su_graph_add_weight(m->g, name, d, s, 0, &id, NULL), SU_OK);
    assert_int_equal(su_tensor_bytes(d, s, &m->bytes[n], NULL), SU_OK);
    m->weight[n] = calloc(1, m->bytes[n]);
    if (wild) {
        r = su_random_of(seed, n);
        for (uint64_t i = 0; i < m->bytes[n]; i++)
            m->weight[n][i] = (uint8_t)su_random_below(&r, 256);
    } else {
        su_random_fill(seed, n, d, su_shape_elements(s), true, m->weight[n]);
    }
    return id;
}

static uint32_t add_node(struct model *m, enum su_op op, const uint32_t *arg, size_t n_arg,
                         const int32_t *attr, size_t n_attr)
{
    uint32_t id = 0;
    struct su_err e = {0};
    if (su_graph_add_node(m->g, op, arg, (uint32_t)n_arg, attr, (uint32_t)n_attr, NULL, 0, &id,
                          &e) != SU_OK)
        fail_msg("%s: %s", e.at, e.msg);
    return id;
}

static void add_output(struct model *m, uint32_t id)
{
    char name[16];
    snprintf(name, sizeof name, "y%u", m->g->n_output);
    assert_int_equal(su_graph_add_output(m->g, name, id, NULL), SU_OK);
}

static enum su_code read_weight(void *ctx, uint32_t weight, uint64_t offset, void *dst, size_t n,
                                struct su_err *e)
{
    const struct model *m = ctx;
    if (offset + n > m->bytes[weight])
        return su_fail(e, SU_EINTERNAL, "weight", "read beyond its end");
    memcpy(dst, m->weight[weight] + offset, n);
    return SU_OK;
}

static void model_load(struct model *m, uint32_t t_max)
{
    struct su_weight_source src = {m, read_weight};
    struct su_layout *layout = NULL;
    struct su_err e = {0};
    m->t_max = t_max;
    if (su_graph_check(m->g, &e) != SU_OK)
        fail_msg("%s: %s", e.at, e.msg);
    assert_int_equal(su_layout_build(m->g, t_max, t_max, 1, &layout, &e), SU_OK);
    for (size_t i = 0; i < LANES; i++) {
        if (su_stage_load(lanes[i].exec, m->g, t_max, t_max, &src, &m->stage[i], &e) != SU_OK)
            fail_msg("%s: %s", e.at, e.msg);
        if (lanes[i].isa)
            assert_true(su_stage_bound_bytes(m->stage[i]) <=
                        layout->fixed_bytes + layout->fixed_bytes / 64 + layout->arena_bytes);
    }
    su_layout_free(layout);
}

static void model_fini(struct model *m)
{
    for (size_t i = 0; i < LANES; i++)
        su_stage_free(m->stage[i]);
    for (uint32_t i = 0; i < m->g->n_weight; i++)
        free(m->weight[i]);
    su_graph_free(m->g);
}

static void run_lane(const struct model *m, size_t lane, const struct su_row *row, uint32_t n,
                     const void *const *input, struct su_step_result *r)
{
    struct su_step step = {row, n, input};
    struct su_err e = {0};
    uint64_t ticket = 0;
    if (su_stage_submit(m->stage[lane], &step, &ticket, &e) != SU_OK ||
        su_stage_wait(m->stage[lane], ticket, false, r, &e) != SU_OK)
        fail_msg("%s: %s", e.at, e.msg);
}

/* One dispatch in every lane. */
static void model_run(const struct model *m, const struct su_row *row, uint32_t n,
                      const void *const *input, const char *what)
{
    struct su_step_result want, got;
    run_lane(m, 0, row, n, input, &want);
    for (size_t i = 1; i < LANES; i++) {
        run_lane(m, i, row, n, input, &got);
        for (uint32_t o = 0; o < want.n_output; o++) {
            const uint32_t *a = want.output[o], *b = got.output[o];
            assert_int_equal(want.output_bytes[o], got.output_bytes[o]);
            for (size_t k = 0; k < want.output_bytes[o] / 4; k++)
                if (a[k] != b[k])
                    fail_msg("%s, %s, %u rows, output %u element %zu: got %08x, want %08x", what,
                             su_exec_device_name(lanes[i].exec), n, o, k, b[k], a[k]);
        }
        if (got.saturations != want.saturations)
            fail_msg("%s, %s: %llu saturations, want %llu", what,
                     su_exec_device_name(lanes[i].exec), (unsigned long long)got.saturations,
                     (unsigned long long)want.saturations);
        su_step_result_fini(&got);
    }
    su_step_result_fini(&want);
}

/* ---- products -------------------------------------------------------------------------------- */

static void product_case(enum su_dtype type, uint32_t n, uint32_t k, uint32_t t, uint32_t turn)
{
    struct model m = {.g = su_graph_new()};
    uint32_t per_row = turn % 3 == 1 ? 3 : 1; /* a [3, K] in each row of the dispatch */
    struct su_shape xs = {per_row == 1 ? 1 : 2, {per_row == 1 ? k : per_row, k}};
    uint32_t x = add_input(&m, "x", SU_F32, &xs);
    uint32_t w = add_weight(&m, type, &(struct su_shape){2, {n, k}}, turn % 2 == 1, turn);
    uint32_t w2 = add_weight(&m, type, &(struct su_shape){2, {5, k}}, false, turn);
    add_output(&m, add_node(&m, SU_OP_QMATMUL, ARGS(x, w), NO_ATTRS));
    add_output(&m, add_node(&m, SU_OP_QMATMUL, ARGS(x, w2), NO_ATTRS)); /* the same quants again */
    model_load(&m, t);
    uint32_t *in = calloc((size_t)t * per_row * k, 4);
    struct su_row *row = calloc(t, sizeof *row);
    for (uint32_t i = 0; i < 2; i++) {
        char what[64];
        su_random_fill(turn, i, SU_F32, (uint64_t)t * per_row * k, i == 0, in);
        snprintf(what, sizeof what, "%s, N %u, K %u", su_dtype_name(type), n, k);
        model_run(&m, row, t, (const void *[]){in}, what);
    }
    free(in);
    free(row);
    model_fini(&m);
}

static void test_products(void **state)
{
    (void)state;
    static const uint32_t n[] = {1, 15, 16, 33, 70}, t[] = {1, 2, 7, 31, 64};
    static const uint32_t k32[] = {32, 96, 256, 544, 2048}, k256[] = {256, 512, 768, 1024, 2048};
    uint32_t turn = 0;
    for (size_t type = 0; type < SU_ARRAY_LEN(block_types); type++)
        for (size_t i = 0; i < SU_ARRAY_LEN(k32); i++)
            for (size_t j = 0; j < SU_ARRAY_LEN(t); j++) {
                const uint32_t *k = su_dtype_block_elements(block_types[type]) == 32 ? k32 : k256;
                uint32_t rows = k[i] * t[j] > 40000 ? 33 : t[j];
                product_case(block_types[type], n[(i + j) % SU_ARRAY_LEN(n)], k[i], rows, turn++);
            }
}

/* A kernel for each number of rows that share the weights. */
static void test_widths(void **state)
{
    (void)state;
    for (size_t type = 0; type < SU_ARRAY_LEN(block_types); type++)
        for (uint32_t rows = 1; rows <= 18; rows++)
            product_case(block_types[type], 32, 768, rows, rows);
}

/* The largest sums: every quant and activation at its extreme. */
static void test_extremes(void **state)
{
    (void)state;
    static const uint8_t fill[] = {0x00, 0xff, 0x7f, 0x80, 0x3f};
    for (size_t type = 0; type < SU_ARRAY_LEN(block_types); type++)
        for (size_t f = 0; f < SU_ARRAY_LEN(fill); f++) {
            enum { T = 35 };
            struct model m = {.g = su_graph_new()};
            uint32_t x = add_input(&m, "x", SU_F32, &(struct su_shape){1, {512}});
            uint32_t w =
                add_weight(&m, block_types[type], &(struct su_shape){2, {17, 512}}, true, f);
            uint32_t bytes = su_dtype_block_bytes(block_types[type]);
            float in[T * 512];
            struct su_row row[T] = {{0, 0, false}};
            for (uint64_t i = 0; i < m.bytes[0]; i++) { /* scales stay as they are */
                bool d = block_types[type] == SU_Q6_K ? i % bytes >= 208 : i % bytes < 4;
                if (!d)
                    m.weight[0][i] = fill[f];
            }
            add_output(&m, add_node(&m, SU_OP_QMATMUL, ARGS(x, w), NO_ATTRS));
            model_load(&m, T);
            for (uint32_t i = 0; i < T * 512; i++)
                in[i] = i / 512 % 3 == 0   ? 127.0f
                        : i / 512 % 3 == 1 ? -127.0f
                        : i % 2            ? 1.0f
                                           : -1.0f;
            model_run(&m, row, T, (const void *[]){in}, su_dtype_name(block_types[type]));
            model_fini(&m);
        }
}

static void test_experts(void **state)
{
    (void)state;
    for (uint32_t turn = 0; turn < 12; turn++) {
        enum { E = 7, K = 512, USED = 3, T = 40 };
        enum su_dtype type = block_types[turn % SU_ARRAY_LEN(block_types)];
        struct model m = {.g = su_graph_new()};
        uint32_t x = add_input(&m, "x", SU_F32, &(struct su_shape){1, {K}});
        uint32_t logit = add_input(&m, "l", SU_F32, &(struct su_shape){1, {E}});
        uint32_t id = add_input(&m, "id", SU_I32, &(struct su_shape){1, {USED}});
        uint32_t w = add_weight(&m, type, &(struct su_shape){3, {E, 37, K}}, false, turn);
        uint32_t w2 = add_weight(&m, SU_Q8_0, &(struct su_shape){3, {E, 16, 32}}, false, turn);
        uint32_t route = add_node(&m, SU_OP_MOE_ROUTE, ARGS(logit), ATTRS(E, USED, turn % 2));
        uint32_t y = add_node(&m, SU_OP_QMATMUL_ID, ARGS(x, w, route + 1), NO_ATTRS);
        uint32_t part = add_node(&m, SU_OP_SLICE, ARGS(y), ATTRS(1, 0, 32, 1));
        add_output(&m, route);
        add_output(&m, route + 1);
        add_output(&m, y);
        add_output(&m, add_node(&m, SU_OP_QMATMUL_ID, ARGS(part, w2, id), NO_ATTRS));
        model_load(&m, T);
        float *in = calloc(T, K * 4), logits[T * E];
        int32_t ids[T * USED];
        struct su_row row[T] = {{0, 0, false}};
        su_random_fill(turn, 0, SU_F32, T * K, true, in);
        for (uint32_t i = 0; i < T * E; i++) /* many equal ones */
            logits[i] = (float)((i * 7 + i / 5) % 9) * 0.5f;
        for (uint32_t i = 0; i < T * USED; i++)
            ids[i] = (int32_t)(i * 5 % 11) - 2;
        model_run(&m, row, T, (const void *[]){in, logits, ids}, su_dtype_name(type));
        model_run(&m, row, 1, (const void *[]){in, logits, ids}, su_dtype_name(type));
        free(in);
        model_fini(&m);
    }
}

static void test_embeddings(void **state)
{
    (void)state;
    for (size_t type = 0; type < SU_ARRAY_LEN(block_types); type++)
        for (uint32_t wild = 0; wild < 2; wild++) {
            enum { V = 37, D = 512, T = 50 };
            struct model m = {.g = su_graph_new()};
            uint32_t id = add_input(&m, "id", SU_I32, &(struct su_shape){1, {2}});
            uint32_t w =
                add_weight(&m, block_types[type], &(struct su_shape){2, {V, D}}, wild, type);
            uint32_t y = add_node(&m, SU_OP_EMBEDDING, ARGS(w, id), NO_ATTRS);
            add_output(&m, y);
            add_output(&m, add_node(&m, SU_OP_QMATMUL, ARGS(y, w), NO_ATTRS)); /* tied */
            model_load(&m, T);
            int32_t ids[T * 2];
            struct su_row row[T] = {{0, 0, false}};
            for (int32_t i = 0; i < T * 2; i++)
                ids[i] = i - 20;
            model_run(&m, row, T, (const void *[]){ids}, su_dtype_name(block_types[type]));
            model_fini(&m);
        }
}

/* ---- transformers ---------------------------------------------------------------------------- */

struct toy {
    enum su_dtype type;
    uint32_t heads, kv_heads, dim, width;
    int32_t window;
    float cap;
    bool one_state; /* keys and values in one */
    int32_t rope[8];
};

static uint32_t project(struct model *m, const struct toy *t, uint32_t x, uint32_t heads,
                        uint32_t i)
{
    struct su_shape s = {2, {heads * t->dim, t->width}};
    uint32_t w = add_weight(m, t->type, &s, false, 90 + i);
    enum su_op op = su_dtype_is_block(t->type) ? SU_OP_QMATMUL : SU_OP_MATMUL;
    return add_node(m, SU_OP_RESHAPE, ARGS(add_node(m, op, ARGS(x, w), NO_ATTRS)),
                    ATTRS((int32_t)heads, (int32_t)t->dim));
}

static void toy_build(struct model *m, const struct toy *t)
{
    struct su_shape kv = {2, {t->kv_heads, t->dim}};
    uint32_t x = add_input(m, "x", SU_F32, &(struct su_shape){1, {t->width}}), sk = 0, sv = 0;
    uint32_t norm = add_node(m, SU_OP_RMSNORM, ARGS(x), ATTRS(F(1e-5f), F(0.0f)));
    uint32_t q = project(m, t, norm, t->heads, 0), k = project(m, t, norm, t->kv_heads, 1);
    if (t->rope[1] > 0) {
        uint32_t f =
            add_weight(m, SU_F32, &(struct su_shape){1, {(uint32_t)t->rope[1] / 2}}, false, 3);
        q = add_node(m, SU_OP_ROPE, ARGS(q, f), t->rope, 8);
        k = add_node(m, SU_OP_ROPE, ARGS(k, f), t->rope, 8);
        add_output(m, q); /* attention rounds differences of one unit in the last place away */
    }
    assert_int_equal(su_graph_add_state(m->g, "k", &kv, &sk, NULL), SU_OK);
    if (!t->one_state)
        assert_int_equal(su_graph_add_state(m->g, "v", &kv, &sv, NULL), SU_OK);
    sk = add_node(m, SU_OP_STATE_APPEND, ARGS(k, sk), NO_ATTRS);
    sv = t->one_state ? sk
                      : add_node(m, SU_OP_STATE_APPEND,
                                 ARGS(project(m, t, norm, t->kv_heads, 2), sv), NO_ATTRS);
    uint32_t y = add_node(m, SU_OP_ATTENTION, ARGS(q, sk, sv),
                          ATTRS((int32_t)t->heads, (int32_t)t->kv_heads, (int32_t)t->dim, F(0.2f),
                                t->window, F(t->cap), 0));
    y = add_node(m, SU_OP_RESHAPE, ARGS(y), ATTRS((int32_t)(t->heads * t->dim)));
    add_output(m, y);
    uint32_t gate =
        add_node(m, SU_OP_MUL, ARGS(y, add_node(m, SU_OP_SILU, ARGS(y), NO_ATTRS)), NO_ATTRS);
    add_output(m, add_node(m, SU_OP_SELECT_EMITTED, ARGS(gate), NO_ATTRS));
}

/* Rows of random sessions: whole chunks, single rows, any mix, now and then fewer than before. */
static void toy_schedule(struct model *m, const struct toy *t, uint32_t ctx, uint32_t steps,
                         uint64_t seed)
{
    uint32_t next[SESSIONS] = {0}, order[SESSIONS] = {0};
    struct su_row *row = calloc(m->t_max, sizeof *row);
    float *x = calloc((size_t)m->t_max * t->width, sizeof *x);
    struct su_random r = su_random_of(seed, 1);
    for (size_t i = 0; i < LANES; i++)
        for (uint32_t s = 0; s < SESSIONS; s++)
            assert_int_equal(su_stage_session_new(m->stage[i], ctx, &order[s], NULL), SU_OK);
    for (uint32_t step = 0; step < steps; step++) {
        uint32_t n = 0, want = step % 3 == 0 ? m->t_max : 1 + su_random_below(&r, m->t_max);
        uint32_t stick = su_random_below(&r, 3) ? 20 : 1, s = 0;
        for (uint32_t i = 0; i < want; i++) {
            if (i % stick == 0)
                s = su_random_below(&r, 8) ? su_random_below(&r, SESSIONS) : 0;
            if (next[s] < ctx)
                row[n++] = (struct su_row){order[s], next[s]++, su_random_below(&r, 2) == 0};
        }
        if (n == 0)
            break;
        su_random_fill(seed, step, SU_F32, (uint64_t)n * t->width, step % 4 != 3, x);
        model_run(m, row, n, (const void *[]){x}, "toy");
        if (step % 5 == 4) {
            s = su_random_below(&r, SESSIONS);
            next[s] = su_random_below(&r, next[s] + 1);
            for (size_t i = 0; i < LANES; i++)
                assert_int_equal(su_stage_session_truncate(m->stage[i], order[s], next[s], NULL),
                                 SU_OK);
        }
    }
    free(row);
    free(x);
}

static void test_toys(void **state)
{
    (void)state;
    static const struct toy toys[] = {
        {SU_Q4_1, 6, 2, 24, 256, 0, 0.0f, false, {1, 24, 0, 0, 0, 0, 0, 0}},
        {SU_Q4_K, 4, 4, 32, 256, 70, 0.0f, false, {0, 16, 0, 0, 0, 0, 0, 0}},
        {SU_Q8_0, 20, 1, 16, 64, 0, 9.0f, false, {1, 8, 0, 0, 1, 0, 0, 0}},
        {SU_F32, 3, 3, 7, 33, 300, 2.0f, true, {0, 6, 0, 0, 2, 0, 0, 0}},
        {SU_Q6_K, 10, 2, 64, 256, 1, 0.0f, true, {0}},
        {SU_F16, 8, 2, 40, 48, 0, 0.0f, false, {1, 40, 0, 0, 0, 0, 0, 0}},
        {SU_Q4_0, 2, 1, 64, 64, 0, 0.0f, false, {0, 64, 0, 0, 0, 0, 0, 0}},
        {SU_Q5_0, 2, 2, 144, 64, 0, 0.0f, false, {0, 140, 0, 0, 0, 0, 0, 0}},
        {SU_Q5_1, 2, 1, 256, 64, 0, 0.0f, false, {1, 256, 0, 0, 0, 0, 0, 0}},
    };
    for (size_t i = 0; i < SU_ARRAY_LEN(toys); i++) {
        struct toy t = toys[i];
        struct model m = {.g = su_graph_new()};
        t.rope[2] = F(10000.0f);
        t.rope[3] = F(t.rope[4] ? 0.25f : 1.0f);
        if (t.rope[4] == 1)
            memcpy(t.rope + 5, (int32_t[]){F(1.0f), F(4.0f), F(64.0f)}, 12);
        if (t.rope[4] == 2)
            memcpy(t.rope + 5, (int32_t[]){F(32.0f), F(1.0f), F(128.0f)}, 12);
        toy_build(&m, &t);
        model_load(&m, i % 2 ? 64 : 150);
        toy_schedule(&m, &t, 620, 24, i);
        model_fini(&m);
    }
}

/* ---- errors ---------------------------------------------------------------------------------- */

static enum su_code read_broken(void *ctx, uint32_t weight, uint64_t offset, void *dst, size_t n,
                                struct su_err *e)
{
    (void)weight;
    memset(dst, 0, n);
    return offset + n > *(uint64_t *)ctx ? su_fail(e, SU_EIO, "disk", "is gone") : SU_OK;
}

static void test_broken_source(void **state)
{
    (void)state;
    for (uint64_t end = 0; end < 2; end++) { /* in a group, in the rows after it */
        struct model m = {.g = su_graph_new()};
        uint64_t good = end * 16 * 34;
        struct su_weight_source src = {&good, read_broken};
        struct su_stage *s = NULL;
        struct su_err e = {0};
        uint32_t x = add_input(&m, "x", SU_F32, &(struct su_shape){1, {32}});
        uint32_t w = add_weight(&m, SU_Q8_0, &(struct su_shape){2, {17, 32}}, false, 1);
        add_output(&m, add_node(&m, SU_OP_QMATMUL, ARGS(x, w), NO_ATTRS));
        assert_int_equal(su_graph_check(m.g, &e), SU_OK);
        assert_int_equal(su_stage_load(lanes[1].exec, m.g, 1, 1, &src, &s, &e), SU_EIO);
        assert_non_null(strstr(e.msg, "w0"));
        model_fini(&m);
    }
}

static int open_lanes(void **state)
{
    (void)state;
    for (size_t i = 0; i < LANES; i++) {
        struct su_exec_opts o = {.backend = lanes[i].isa ? SU_BACKEND_CPU : SU_BACKEND_REFERENCE,
                                 .threads = lanes[i].threads};
        if (lanes[i].isa)
            setenv("SPLITUP_CPU", lanes[i].isa, 1);
        if (su_exec_open(&o, &lanes[i].exec, NULL) != SU_OK)
            return -1;
    }
    unsetenv("SPLITUP_CPU");
    return 0;
}

static int close_lanes(void **state)
{
    (void)state;
    for (size_t i = 0; i < LANES; i++)
        if (su_exec_close(lanes[i].exec, NULL) != SU_OK)
            return -1;
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_products),      cmocka_unit_test(test_widths),
        cmocka_unit_test(test_extremes),      cmocka_unit_test(test_experts),
        cmocka_unit_test(test_embeddings),    cmocka_unit_test(test_toys),
        cmocka_unit_test(test_broken_source),
    };
    return cmocka_run_group_tests(tests, open_lanes, close_lanes);
}
