// SPDX-License-Identifier: MIT
/* Sequence models on Vulkan against the interpreter, bit for bit: products with every block type,
   embeddings, rotary positions, states, attention over several segments, experts; any chunking and
   any mix of sessions. */
#include "exec/vk_priv.h"
#include "vk_case.h"

#include "support/random_tensor.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SHAPE(...) (&(struct su_shape){sizeof((uint32_t[]){__VA_ARGS__}) / 4, {__VA_ARGS__}})
#define ARGS(...) (const uint32_t[]){__VA_ARGS__}, sizeof((uint32_t[]){__VA_ARGS__}) / 4
#define ATTRS(...) (const int32_t[]){__VA_ARGS__}, sizeof((int32_t[]){__VA_ARGS__}) / 4
#define NO_ATTRS NULL, 0

static struct su_exec *device;
static const enum su_dtype block_type[] = {SU_Q4_0, SU_Q4_1, SU_Q5_0, SU_Q5_1,
                                           SU_Q8_0, SU_Q4_K, SU_Q5_K, SU_Q6_K};

/* ---- graphs ---------------------------------------------------------------------------------- */

static void ok(enum su_code rc, const struct su_err *e)
{
    if (rc != SU_OK)
        fail_msg("%s: %s", e->at, e->msg);
}

static int32_t bits(float x)
{
    return (int32_t)su_f32_bits(x);
}

static uint32_t input(struct su_graph *g, const char *name, enum su_domain domain,
                      enum su_dtype dtype, const struct su_shape *shape)
{
    struct su_err e = {0};
    uint32_t id = 0;
    ok(su_graph_add_input(g, name, domain, dtype, shape, &id, &e), &e);
    return id;
}

static uint32_t weight(struct su_graph *g, const char *name, enum su_dtype dtype,
                       const struct su_shape *shape)
{
    struct su_err e = {0};
    uint32_t id = 0;
    ok(su_graph_add_weight(g, name, dtype, shape, 0, &id, &e), &e);
    return id;
}

static uint32_t state_of(struct su_graph *g, const char *name, const struct su_shape *shape)
{
    struct su_err e = {0};
    uint32_t id = 0;
    ok(su_graph_add_state(g, name, shape, &id, &e), &e);
    return id;
}

static uint32_t node(struct su_graph *g, enum su_op op, const uint32_t *arg, uint32_t n_arg,
                     const int32_t *attr, uint32_t n_attr)
{
    struct su_err e = {0};
    uint32_t id = 0;
    ok(su_graph_add_node(g, op, arg, n_arg, attr, n_attr, NULL, 0, &id, &e), &e);
    return id;
}

static void output(struct su_graph *g, uint32_t value)
{
    struct su_err e = {0};
    char name[16];
    snprintf(name, sizeof name, "y%u", g->n_output);
    ok(su_graph_add_output(g, name, value, &e), &e);
}

/* ---- both sides ------------------------------------------------------------------------------ */

/* A graph with weights and inputs from a seed, a stage of it, and its sessions on both sides. */
struct pair {
    struct su_random_case *c;
    struct su_stage *stage;
    struct su_session *session[SU_STAGE_SESSION_MAX];
    uint32_t n_session;
};

static enum su_code read_weight(void *ctx, uint32_t i, uint64_t offset, void *dst, size_t n,
                                struct su_err *e)
{
    const struct su_random_case *c = ctx;
    (void)e;
    assert_true(offset <= c->weight_bytes[i] && n <= c->weight_bytes[i] - offset);
    memcpy(dst, (const uint8_t *)c->weight[i] + offset, n);
    return SU_OK;
}

static void pair_init(struct pair *p, struct su_exec *x, struct su_graph *g, uint32_t n_row,
                      uint32_t t_max, uint64_t seed, bool mild)
{
    struct su_err e = {0};
    memset(p, 0, sizeof *p);
    ok(su_graph_check(g, &e), &e);
    p->c = vk_case_of(g, n_row, seed, mild);
    struct su_weight_source src = {p->c, read_weight};
    ok(su_stage_load(x, g, t_max, t_max, &src, &p->stage, &e), &e);
    struct su_layout *l = NULL;
    ok(su_layout_build(g, t_max, t_max, 1, &l, &e), &e);
    assert_true(su_stage_bound_bytes(p->stage) <= l->fixed_bytes / 64 * 65 + l->arena_bytes);
    su_layout_free(l);
}

static void pair_fini(struct pair *p)
{
    su_stage_free(p->stage);
    for (uint32_t i = 0; i < p->n_session; i++)
        su_session_free(p->session[i]);
    su_random_case_free(p->c);
}

static void pair_session(struct pair *p, uint32_t ctx)
{
    struct su_err e = {0};
    uint32_t id = 0;
    ok(su_stage_session_new(p->stage, ctx, &id, &e), &e);
    su_session_free(p->session[id]);
    ok(su_session_new(p->c->graph, ctx, &p->session[id], &e), &e);
    p->n_session = SU_MAX(p->n_session, id + 1);
}

static void pair_truncate(struct pair *p, uint32_t session, uint32_t length)
{
    struct su_err e = {0};
    ok(su_stage_session_truncate(p->stage, session, length, &e), &e);
    ok(su_session_truncate(p->session[session], length, &e), &e);
}

/* Rows at the ends of their sessions, with the inputs of rows [first, first + n) of the case: every
   output and the number of saturations must be equal. */
static void pair_run(struct pair *p, struct su_row *row, uint32_t n, uint32_t first)
{
    const struct su_graph *g = p->c->graph;
    struct su_err e = {0};
    const void *in[16];
    uint32_t seen[SU_STAGE_SESSION_MAX] = {0};
    uint64_t ticket = 0;
    for (uint32_t i = 0; i < n && g->n_state; i++)
        row[i].position =
            su_stage_session_length(p->stage, row[i].session) + seen[row[i].session]++;
    for (uint32_t i = 0; i < g->n_input; i++) {
        const struct su_value *v = &g->value[g->input[i]];
        size_t at = v->domain == SU_FIXED ? 0 : first * (size_t)su_value_row_bytes(v);
        in[i] = (const uint8_t *)p->c->input[i] + at;
    }
    struct su_eval_args args = {.row = row,
                                .n_row = n,
                                .input = in,
                                .weight = (const void *const *)p->c->weight,
                                .session = p->session,
                                .n_session = p->n_session};
    struct su_step step = {.row = row, .n_row = n, .input = in};
    struct su_eval *want = NULL;
    struct su_step_result got;
    ok(su_graph_eval(g, &args, &want, &e), &e);
    ok(su_stage_submit(p->stage, &step, &ticket, &e), &e);
    ok(su_stage_wait(p->stage, ticket, false, &got, &e), &e);
    for (uint32_t o = 0; o < g->n_output; o++) {
        size_t bytes = 0;
        const uint8_t *w = su_eval_value(want, g->output[o].value, &bytes);
        assert_int_equal(got.output_bytes[o], bytes);
        for (size_t i = 0; i < bytes / 4; i++) {
            uint32_t a = su_le32(w + 4 * i), b = su_le32((const uint8_t *)got.output[o] + 4 * i);
            if (a != b)
                fail_msg("output %u of %u rows: word %zu of %zu is %08x, want %08x", o, n, i,
                         bytes / 4, b, a);
        }
    }
    assert_int_equal(got.saturations, su_eval_saturations(want));
    su_step_result_fini(&got);
    su_eval_free(want);
}

/* ---- blocks ---------------------------------------------------------------------------------- */

static void product_case(enum su_dtype type, uint32_t n, uint32_t k, uint32_t t, uint32_t lines,
                         bool mild)
{
    struct su_graph *g = su_graph_new();
    struct pair p;
    struct su_row row[32] = {{0}};
    uint32_t x = input(g, "x", SU_ROWS, SU_F32, lines == 1 ? SHAPE(k) : SHAPE(lines, k));
    uint32_t w = weight(g, "w", type, SHAPE(n, k)), v = weight(g, "v", type, SHAPE(3, k));
    output(g, node(g, SU_OP_QMATMUL, ARGS(x, w), NO_ATTRS));
    output(g, node(g, SU_OP_QMATMUL, ARGS(x, v), NO_ATTRS)); /* shares the quants */
    pair_init(&p, device, g, t, t, n * 7 + k + t, mild);
    pair_run(&p, row, t, 0);
    pair_fini(&p);
}

static void products(void **state)
{
    (void)state;
    static const uint32_t rows[] = {1, 3, 17};
    if (!device)
        fail_msg("no Vulkan device: ./dev deps installs mesa-vulkan-drivers and the layers");
    for (size_t i = 0; i < SU_ARRAY_LEN(block_type); i++) {
        uint32_t block = su_dtype_block_elements(block_type[i]);
        for (size_t t = 0; t < SU_ARRAY_LEN(rows); t++) {
            product_case(block_type[i], 13, block, rows[t], 1, t != 1);
            product_case(block_type[i], 150, SU_MAX(block, 96u), rows[t], 1, true);
            product_case(block_type[i], 67, 1024, rows[t], 1 + (uint32_t)t, t != 2);
            product_case(block_type[i], 192, SU_MAX(block, 96u), rows[t], 1, t != 1);
        }
    }
}

/* Scales that are subnormal, infinite, NaN, negative. */
static void odd_scales(void **state)
{
    (void)state;
    static const uint16_t odd[] = {0x0001, 0x83ff, 0x7c00, 0xfc00, 0x7e01, 0xfe01, 0x8000, 0x03ff};
    if (!device)
        fail_msg("no Vulkan device: ./dev deps installs mesa-vulkan-drivers and the layers");
    for (size_t i = 0; i < 2 * SU_ARRAY_LEN(block_type); i++) {
        struct su_graph *g = su_graph_new();
        struct pair p;
        struct su_row row[2] = {{0}};
        enum su_dtype type = block_type[i / 2];
        uint32_t at = type == SU_Q6_K ? 208 : 0, step = su_dtype_block_bytes(type);
        uint32_t x = input(g, "x", SU_ROWS, SU_F32, SHAPE(256));
        uint32_t id = input(g, "id", SU_ROWS, SU_I32, SHAPE(4));
        uint32_t w = weight(g, "w", type, SHAPE(i % 2 ? 128 : 16, 256));
        output(g, node(g, SU_OP_QMATMUL, ARGS(x, w), NO_ATTRS));
        output(g, node(g, SU_OP_EMBEDDING, ARGS(w, id), NO_ATTRS));
        struct su_err e = {0};
        ok(su_graph_check(g, &e), &e);
        memset(&p, 0, sizeof p);
        p.c = vk_case_of(g, 2, 5, true);
        for (size_t b = 0; b * step < p.c->weight_bytes[0]; b++)
            memcpy((uint8_t *)p.c->weight[0] + b * step + at, &odd[b % SU_ARRAY_LEN(odd)], 2);
        struct su_weight_source src = {p.c, read_weight};
        ok(su_stage_load(device, g, 2, 2, &src, &p.stage, &e), &e);
        pair_run(&p, row, 2, 0);
        pair_fini(&p);
    }
}

/* The kernels for few rows that other devices get. */
static void products_elsewhere(void **state)
{
    (void)state;
    if (!device)
        fail_msg("no Vulkan device: ./dev deps installs mesa-vulkan-drivers and the layers");
    struct vk_exec *vx = device->impl;
    bool limited = vx->device.loop_limited;
    vx->device.loop_limited = !limited;
    for (size_t i = 0; i < SU_ARRAY_LEN(block_type); i++) {
        uint32_t k = SU_MAX(su_dtype_block_elements(block_type[i]), 96u);
        product_case(block_type[i], 150, k, 2, 1, true);
        product_case(block_type[i], 128, k, 5, 1, i % 2);
    }
    vx->device.loop_limited = limited;
}

/* Sums of quants at the ends of their ranges: every byte of a run the same, x of one magnitude. */
static void largest_quants(void **state)
{
    (void)state;
    static const uint8_t ends[] = {0xff, 0x00, 0x80, 0x7f, 0xf0, 0x0f};
    if (!device)
        fail_msg("no Vulkan device: ./dev deps installs mesa-vulkan-drivers and the layers");
    for (size_t j = 0; j < 2 * SU_ARRAY_LEN(block_type); j++) {
        size_t i = j / 2;
        struct su_graph *g = su_graph_new();
        struct pair p;
        struct su_row row[5] = {{0}};
        uint32_t step = su_dtype_block_bytes(block_type[i]);
        uint32_t x = input(g, "x", SU_ROWS, SU_F32, SHAPE(256));
        uint32_t w = weight(g, "w", block_type[i], SHAPE(j % 2 ? 64 : 30, 256));
        output(g, node(g, SU_OP_QMATMUL, ARGS(x, w), NO_ATTRS));
        struct su_err e = {0};
        ok(su_graph_check(g, &e), &e);
        memset(&p, 0, sizeof p);
        p.c = vk_case_of(g, 5, 6, true);
        for (size_t b = 0; b * step < p.c->weight_bytes[0]; b++) {
            uint8_t *block = (uint8_t *)p.c->weight[0] + b * step;
            const uint16_t one = 0x3c00;
            memset(block, ends[b % SU_ARRAY_LEN(ends)], step);
            memcpy(block + (block_type[i] == SU_Q6_K ? 208 : 0), &one, sizeof one);
            if (b % 2 && block_type[i] != SU_Q6_K && block_type[i] != SU_Q4_0 &&
                block_type[i] != SU_Q5_0 && block_type[i] != SU_Q8_0)
                memcpy(block + 2, &one, sizeof one);
        }
        float *in = p.c->input[0];
        for (uint32_t k = 0; k < 5 * 256; k++)
            in[k] = k / 256 == 0   ? 3.0f
                    : k / 256 == 1 ? -3.0f
                    : k / 256 == 2 ? (k % 2 ? 3.0f : -3.0f)
                    : k / 256 == 3 ? (k / 2 % 2 ? 3.0f : -3.0f)
                                   : (k % 4 ? 3.0f : -3.0f);
        struct su_weight_source src = {p.c, read_weight};
        ok(su_stage_load(device, g, 5, 5, &src, &p.stage, &e), &e);
        pair_run(&p, row, 5, 0); /* the kernel for many rows */
        for (uint32_t r = 0; r < 5; r++)
            pair_run(&p, row, 1, r);
        pair_fini(&p);
    }
}

static uint32_t products_of(const struct su_stage *stage)
{
    const struct vk_stage *s = stage->impl;
    uint32_t n = 0;
    for (uint32_t i = 0; i < s->n_dispatch; i++)
        n += s->dispatch[i].blocks[0] != 0;
    return n;
}

/* Norms, gates and sums beside products: some are made as quants or added at once, some are wanted
   for themselves as well. */
static struct su_graph *neighbours_graph(enum su_dtype type)
{
    struct su_graph *g = su_graph_new();
    const int32_t eps = bits(1e-5f), one = bits(1.0f);
    uint32_t x = input(g, "x", SU_ROWS, SU_F32, SHAPE(256)), w[4], y, gate, up;
    uint32_t f = weight(g, "f", SU_F32, SHAPE(256));
    for (uint32_t i = 0; i < 4; i++) {
        static const char *const name[] = {"w0", "w1", "w2", "w3"};
        w[i] = weight(g, name[i], type, SHAPE(256, 256));
    }
    y = node(g, SU_OP_RMSNORM, ARGS(x, f), ATTRS(eps, one));
    gate = node(g, SU_OP_QMATMUL, ARGS(y, w[0]), NO_ATTRS);
    up = node(g, SU_OP_QMATMUL, ARGS(y, w[1]), NO_ATTRS);
    y = node(g, SU_OP_SILU, ARGS(gate), NO_ATTRS);
    y = node(g, SU_OP_MUL, ARGS(up, y), NO_ATTRS);
    y = node(g, SU_OP_QMATMUL, ARGS(y, w[2]), NO_ATTRS);
    y = node(g, SU_OP_ADD, ARGS(x, y), NO_ATTRS);
    output(g, y);
    gate = node(g, SU_OP_GELU, ARGS(y), NO_ATTRS);
    up = node(g, SU_OP_MUL, ARGS(gate, up), NO_ATTRS);
    y = node(g, SU_OP_QMATMUL, ARGS(up, w[3]), NO_ATTRS);
    y = node(g, SU_OP_ADD, ARGS(y, y), NO_ATTRS);
    y = node(g, SU_OP_RMSNORM, ARGS(y), ATTRS(eps, 0));
    output(g, node(g, SU_OP_QMATMUL, ARGS(y, w[1]), NO_ATTRS));
    output(g, y);
    y = node(g, SU_OP_QMATMUL, ARGS(up, w[0]), NO_ATTRS);
    output(g, node(g, SU_OP_ADD, ARGS(y, f), NO_ATTRS));
    y = node(g, SU_OP_RESHAPE, ARGS(x), ATTRS(2, 128));
    y = node(g, SU_OP_RMSNORM, ARGS(y), ATTRS(eps, 0));
    up = weight(g, "v", SU_Q8_0, SHAPE(70, 128));
    output(g, node(g, SU_OP_QMATMUL, ARGS(y, up), NO_ATTRS));
    return g;
}

static void neighbours(void **state)
{
    (void)state;
    static const enum su_dtype type[] = {SU_Q4_1, SU_Q6_K};
    if (!device)
        fail_msg("no Vulkan device: ./dev deps installs mesa-vulkan-drivers and the layers");
    for (size_t i = 0; i < 2 * SU_ARRAY_LEN(type); i++) {
        struct pair p;
        struct su_row row[9] = {{0}};
        pair_init(&p, device, neighbours_graph(type[i / 2]), 9, 9, 50 + i, i % 2 == 0);
        assert_int_equal(products_of(p.stage), 6); /* of seven, two at once */
        pair_run(&p, row, 1, 0);
        pair_run(&p, row, 9, 0);
        pair_fini(&p);
    }
}

/* Times of ops are there from the second step on that asks for them, and add up to no more than the
   step's own. */
static void times(void **state)
{
    (void)state;
    struct pair p;
    struct su_row row = {.emit = true};
    struct su_err e = {0};
    if (!device)
        fail_msg("no Vulkan device: ./dev deps installs mesa-vulkan-drivers and the layers");
    pair_init(&p, device, neighbours_graph(SU_Q4_1), 1, 1, 60, true);
    const void *in[1] = {p.c->input[0]};
    struct su_step step = {.row = &row, .n_row = 1, .input = in};
    for (uint32_t i = 0; i < 4; i++) {
        struct su_step_result r;
        uint64_t ticket = 0;
        double sum = 0;
        ok(su_stage_submit(p.stage, &step, &ticket, &e), &e);
        ok(su_stage_wait(p.stage, ticket, i > 0, &r, &e), &e);
        for (uint32_t k = 0; k < r.n_op; k++)
            sum += r.op[k].ms;
        bool stamps = ((struct vk_exec *)device->impl)->device.info.timestamps;
        assert_int_equal(r.n_op > 0, i > 1 && stamps);
        assert_true(sum <= r.ms * 1.001 + 1e-6);
        su_step_result_fini(&r);
    }
    pair_fini(&p);
}

static void embeddings(void **state)
{
    (void)state;
    if (!device)
        fail_msg("no Vulkan device: ./dev deps installs mesa-vulkan-drivers and the layers");
    for (size_t i = 0; i < SU_ARRAY_LEN(block_type); i++) {
        struct su_graph *g = su_graph_new();
        struct pair p;
        struct su_row row[9] = {{0}};
        uint32_t id = input(g, "id", SU_ROWS, SU_I32, SHAPE(3));
        uint32_t w = weight(g, "w", block_type[i], SHAPE(9, 512));
        output(g, node(g, SU_OP_EMBEDDING, ARGS(w, id), NO_ATTRS));
        pair_init(&p, device, g, 9, 9, i, true);
        pair_run(&p, row, 9, 0);
        pair_fini(&p);
    }
}

/* ---- a toy model ----------------------------------------------------------------------------- */

struct toy {
    enum su_dtype type;
    uint32_t heads, kv_heads, dim;
    int32_t window;
    float cap;
    bool halves;
};

/* norm -> products -> rope -> states -> attention -> product. */
static struct su_graph *toy_graph(const struct toy *t)
{
    struct su_graph *g = su_graph_new();
    uint32_t wide = t->heads * t->dim, narrow = t->kv_heads * t->dim;
    uint32_t x = input(g, "x", SU_ROWS, SU_F32, SHAPE(256)), y[3];
    uint32_t w[3] = {weight(g, "wq", t->type, SHAPE(wide, 256)),
                     weight(g, "wk", t->type, SHAPE(narrow, 256)),
                     weight(g, "wv", t->type, SHAPE(narrow, 256))};
    uint32_t out = weight(g, "out", SU_F32, SHAPE(5, wide));
    uint32_t sk = state_of(g, "k", SHAPE(t->kv_heads, t->dim)),
             sv = state_of(g, "v", SHAPE(narrow));
    x = node(g, SU_OP_RMSNORM, ARGS(x), ATTRS(bits(1e-5f), 0));
    for (uint32_t i = 0; i < 3; i++)
        y[i] = node(g, SU_OP_QMATMUL, ARGS(x, w[i]), NO_ATTRS);
    y[0] = node(g, SU_OP_RESHAPE, ARGS(y[0]), ATTRS((int32_t)t->heads, (int32_t)t->dim));
    y[1] = node(g, SU_OP_RESHAPE, ARGS(y[1]), ATTRS((int32_t)t->kv_heads, (int32_t)t->dim));
    int32_t dims = (int32_t)(t->dim / 2 * 2);
    for (uint32_t i = 0; i < 2; i++)
        y[i] = node(g, SU_OP_ROPE, ARGS(y[i]),
                    ATTRS(t->halves, dims, bits(10000.0f), bits(1.0f), 0, 0, 0, 0));
    sk = node(g, SU_OP_STATE_APPEND, ARGS(y[1], sk), NO_ATTRS);
    sv = node(g, SU_OP_STATE_APPEND, ARGS(y[2], sv), NO_ATTRS);
    uint32_t a = node(g, SU_OP_ATTENTION, ARGS(y[0], sk, sv),
                      ATTRS((int32_t)t->heads, (int32_t)t->kv_heads, (int32_t)t->dim, bits(0.35f),
                            t->window, bits(t->cap), 0));
    a = node(g, SU_OP_RESHAPE, ARGS(a), ATTRS((int32_t)wide));
    output(g, a);
    a = node(g, SU_OP_SELECT_EMITTED, ARGS(a), NO_ATTRS);
    output(g, node(g, SU_OP_MATMUL, ARGS(a, out), NO_ATTRS));
    return g;
}

static void set_rows(struct su_row *row, uint32_t n, uint32_t session)
{
    for (uint32_t i = 0; i < n; i++)
        row[i] = (struct su_row){.session = session, .emit = i % 3 != 1};
}

static void chunk_case(const struct toy *toy, uint64_t seed, bool mild)
{
    static const uint32_t chunk[] = {256, 1, 77, 8, 130, 1, 1, 60};
    struct pair p;
    struct su_row row[256];
    pair_init(&p, device, toy_graph(toy), 540, 256, seed, mild);
    pair_session(&p, 540);
    if (toy->dim <= 16)
        assert_int_equal(products_of(p.stage), 1); /* q, k and v */
    for (uint32_t at = 0, c = (uint32_t)seed; at < 540; c++) {
        uint32_t n = SU_MIN(chunk[c % SU_ARRAY_LEN(chunk)], 540 - at);
        set_rows(row, n, 0);
        pair_run(&p, row, n, at);
        at += n;
    }
    pair_fini(&p);
}

static void chunks(void **state)
{
    (void)state;
    static const struct toy toy[] = {
        {SU_Q4_1, 4, 2, 8, 0, 0.0f, true},    {SU_Q8_0, 4, 1, 16, 300, 0.0f, false},
        {SU_Q4_K, 3, 3, 24, 0, 30.0f, true},  {SU_Q6_K, 2, 1, 64, 40, 2.0f, true},
        {SU_Q5_0, 6, 2, 80, 300, 0.0f, true}, {SU_Q8_0, 6, 1, 136, 0, 3.0f, false},
        {SU_Q4_0, 3, 1, 7, 0, 0.0f, false}};
    if (!device)
        fail_msg("no Vulkan device: ./dev deps installs mesa-vulkan-drivers and the layers");
    for (size_t i = 0; i < SU_ARRAY_LEN(toy); i++)
        chunk_case(&toy[i], 32 + i, i != 2);
}

/* The kernel for attention that other devices get. */
static void chunks_elsewhere(void **state)
{
    (void)state;
    static const struct toy toy[] = {{SU_Q8_0, 4, 1, 16, 300, 0.0f, false},
                                     {SU_Q4_1, 3, 1, 40, 0, 3.0f, true}};
    if (!device)
        fail_msg("no Vulkan device: ./dev deps installs mesa-vulkan-drivers and the layers");
    struct vk_exec *vx = device->impl;
    bool limited = vx->device.loop_limited;
    vx->device.loop_limited = !limited;
    for (size_t i = 0; i < SU_ARRAY_LEN(toy); i++)
        chunk_case(&toy[i], 40 + i, true);
    vx->device.loop_limited = limited;
}

/* Sessions opened and closed between steps, mixed in one, cut and gone on with. */
static void sessions(void **state)
{
    (void)state;
    static const struct toy toy = {SU_Q5_1, 4, 2, 8, 0, 0.0f, true};
    if (!device)
        fail_msg("no Vulkan device: ./dev deps installs mesa-vulkan-drivers and the layers");
    struct pair p;
    struct su_row row[60];
    pair_init(&p, device, toy_graph(&toy), 120, 60, 3, true);
    pair_session(&p, 50);
    set_rows(row, 30, 0);
    pair_run(&p, row, 30, 0);
    pair_session(&p, 300); /* the buffers grow around what session 0 holds */
    pair_session(&p, 20);
    for (uint32_t i = 0; i < 40; i++)
        row[i] = (struct su_row){.session = i * 7 % 3 == 0 ? 0 : i % 2 + 1, .emit = true};
    pair_run(&p, row, 40, 30);
    pair_truncate(&p, 0, 11);
    pair_truncate(&p, 2, 0);
    row[0] = (struct su_row){.session = 2, .emit = true};
    row[1] = (struct su_row){.session = 0, .emit = false};
    row[2] = (struct su_row){.session = 0, .emit = true};
    pair_run(&p, row, 3, 70);
    su_stage_session_free(p.stage, 0);
    pair_session(&p, 30); /* in the gap */
    set_rows(row, 30, 0);
    pair_run(&p, row, 30, 80);
    set_rows(row, 1, 1);
    pair_run(&p, row, 1, 110);
    pair_fini(&p);
}

/* A loop limit so low that attention needs several dispatches. */
static void series(void **state)
{
    (void)state;
    static const struct toy toy = {SU_Q8_0, 2, 1, 640, 0, 0.0f, true};
    if (!device)
        fail_msg("no Vulkan device: ./dev deps installs mesa-vulkan-drivers and the layers");
    struct vk_exec *vx = device->impl;
    bool limited = vx->device.loop_limited;
    vx->device.loop_limited = true;
    struct pair p;
    struct su_row row[256];
    pair_init(&p, device, toy_graph(&toy), 900, 256, 9, true);
    pair_session(&p, 900);
    for (uint32_t at = 0; at < 900; at += 225) {
        set_rows(row, 225, 0);
        pair_run(&p, row, 225, at);
    }
    pair_fini(&p);
    vx->device.loop_limited = limited;
}

/* ---- rope, routing, experts ------------------------------------------------------------------ */

static void ropes(void **state)
{
    (void)state;
    if (!device)
        fail_msg("no Vulkan device: ./dev deps installs mesa-vulkan-drivers and the layers");
    struct su_graph *g = su_graph_new();
    struct pair p;
    struct su_row row[40];
    uint32_t x = input(g, "x", SU_ROWS, SU_F32, SHAPE(3, 20));
    uint32_t f = weight(g, "f", SU_F16, SHAPE(8));
    output(g, node(g, SU_OP_ROPE, ARGS(x),
                   ATTRS(0, 20, bits(500000.0f), bits(0.125f), 1, bits(1.0f), bits(4.0f),
                         bits(8192.0f))));
    output(g, node(g, SU_OP_ROPE, ARGS(x),
                   ATTRS(1, 12, bits(10000.0f), bits(0.25f), 2, bits(32.0f), bits(1.0f),
                         bits(4096.0f))));
    output(g,
           node(g, SU_OP_ROPE, ARGS(x, f), ATTRS(1, 16, bits(10000.0f), bits(1.0f), 0, 0, 0, 0)));
    output(g,
           node(g, SU_OP_ROPE, ARGS(x, f), ATTRS(0, 16, bits(10000.0f), bits(1.0f), 0, 0, 0, 0)));
    for (uint32_t i = 0; i < 40; i++)
        row[i] = (struct su_row){.session = i, .position = i * 331, .emit = true};
    pair_init(&p, device, g, 40, 40, 4, false);
    pair_run(&p, row, 40, 0);
    pair_run(&p, row, 7, 3);
    pair_fini(&p);
}

static enum su_code no_bytes(void *ctx, uint32_t i, uint64_t offset, void *dst, size_t n,
                             struct su_err *e)
{
    (void)ctx;
    (void)i;
    (void)offset;
    memset(dst, 0, n);
    (void)e;
    return SU_OK;
}

static void computed_factors(void **state)
{
    (void)state;
    if (!device)
        fail_msg("no Vulkan device: ./dev deps installs mesa-vulkan-drivers and the layers");
    struct su_graph *g = su_graph_new();
    struct su_stage *s = NULL;
    struct su_err e = {0};
    struct su_weight_source src = {NULL, no_bytes};
    uint32_t x = input(g, "x", SU_ROWS, SU_F32, SHAPE(1, 4));
    uint32_t f = input(g, "f", SU_FIXED, SU_F32, SHAPE(2));
    output(g, node(g, SU_OP_ROPE, ARGS(x, f), ATTRS(1, 4, bits(10.0f), bits(1.0f), 0, 0, 0, 0)));
    ok(su_graph_check(g, &e), &e);
    assert_int_equal(su_stage_load(device, g, 1, 1, &src, &s, &e), SU_EUNSUPPORTED);
    assert_non_null(strstr(e.msg, "factors"));
    su_graph_free(g);
}

static void experts(void **state)
{
    (void)state;
    if (!device)
        fail_msg("no Vulkan device: ./dev deps installs mesa-vulkan-drivers and the layers");
    for (uint32_t i = 0; i < 8; i++) {
        struct su_graph *g = su_graph_new();
        struct pair p;
        struct su_row row[17] = {{0}};
        uint32_t used = i % 3 + 1;
        uint32_t x = input(g, "x", SU_ROWS, SU_F32, SHAPE(256)),
                 many = input(g, "many", SU_ROWS, SU_F32, SHAPE(used, 256)),
                 ids = input(g, "ids", SU_ROWS, SU_I32, SHAPE(used)),
                 fixed = input(g, "fixed", SU_FIXED, SU_F32, SHAPE(used, 256)),
                 logits = input(g, "logits", SU_ROWS, SU_F32, SHAPE(40));
        uint32_t w = weight(g, "w", block_type[i], SHAPE(9, 5, 256));
        uint32_t big = weight(g, "big", block_type[i], SHAPE(40, 3, 256));
        uint32_t route = node(g, SU_OP_MOE_ROUTE, ARGS(logits), ATTRS(40, (int32_t)used, i & 1));
        output(g, route);
        output(g, route + 1);
        output(g, node(g, SU_OP_QMATMUL_ID, ARGS(x, big, route + 1), NO_ATTRS));
        output(g, node(g, SU_OP_QMATMUL_ID, ARGS(x, w, ids), NO_ATTRS));
        output(g, node(g, SU_OP_QMATMUL_ID, ARGS(many, w, ids), NO_ATTRS));
        output(g, node(g, SU_OP_QMATMUL_ID, ARGS(fixed, w, ids), NO_ATTRS));
        pair_init(&p, device, g, 17, 17, 60 + i, i % 4 != 3);
        pair_run(&p, row, 17, 0);
        pair_run(&p, row, 2, 5);
        pair_fini(&p);
    }
}

/* Every expert used, most of them equal: the lower id comes first. */
static void ties(void **state)
{
    (void)state;
    if (!device)
        fail_msg("no Vulkan device: ./dev deps installs mesa-vulkan-drivers and the layers");
    struct su_graph *g = su_graph_new();
    struct pair p;
    struct su_row row[1] = {{0}};
    uint32_t logits = input(g, "logits", SU_ROWS, SU_F32, SHAPE(70));
    uint32_t route = node(g, SU_OP_MOE_ROUTE, ARGS(logits), ATTRS(70, 70, 1));
    output(g, route);
    output(g, route + 1);
    pair_init(&p, device, g, 1, 1, 8, true);
    for (uint32_t i = 0; i < 70; i++)
        ((float *)p.c->input[0])[i] = (float)(int)(i * 7 % 4) - 1.0f;
    pair_run(&p, row, 1, 0);
    pair_fini(&p);
}

/* ---- limits, validation ---------------------------------------------------------------------- */

static void limits(void **state)
{
    (void)state;
    static const struct toy toy = {SU_Q8_0, 64, 64, 64, 0, 0.0f, true};
    if (!device)
        fail_msg("no Vulkan device: ./dev deps installs mesa-vulkan-drivers and the layers");
    struct pair p;
    struct su_err e = {0};
    struct su_row row[1] = {{.emit = true}};
    uint32_t id = 0;
    pair_init(&p, device, toy_graph(&toy), 1, 1, 9, true);
    assert_int_equal(su_stage_session_new(p.stage, 1u << 20, &id, &e), SU_ENOMEM);
    assert_non_null(strstr(e.msg, "positions"));
    pair_session(&p, 4);
    pair_run(&p, row, 1, 0);
    pair_fini(&p);
}

/* The layer is unloaded before the leak check runs, which then takes what it keeps for lost. */
void __lsan_disable(void) __attribute__((weak));
void __lsan_enable(void) __attribute__((weak));

static void validation(void **state)
{
    (void)state;
    if (__lsan_disable)
        __lsan_disable();
    static const struct toy toy = {SU_Q4_K, 4, 2, 8, 0, 0.0f, true};
    struct su_exec *x = NULL;
    struct su_err e = {0};
    struct su_exec_opts o = {.backend = SU_BACKEND_VULKAN, .validation = true};
    if (su_exec_open(&o, &x, &e) != SU_OK)
        fail_msg("%s: %s", e.at, e.msg);
    struct pair p;
    struct su_row row[30];
    pair_init(&p, x, toy_graph(&toy), 60, 30, 5, true);
    pair_session(&p, 40);
    set_rows(row, 20, 0);
    pair_run(&p, row, 20, 0);
    pair_session(&p, 400);
    set_rows(row, 30, 1);
    row[4].session = 0;
    pair_run(&p, row, 30, 20);
    set_rows(row, 1, 0);
    pair_run(&p, row, 1, 50);
    pair_fini(&p);
    if (su_exec_close(x, &e) != SU_OK)
        fail_msg("%s", e.msg);
    if (__lsan_enable)
        __lsan_enable();
}

static void pipelines(void **state)
{
    (void)state;
    if (!device)
        fail_msg("no Vulkan device: ./dev deps installs mesa-vulkan-drivers and the layers");
    print_message("%u pipelines\n", su_exec_pipelines(device));
    assert_true(su_exec_pipelines(device) + VK_FUSED_MAX <= SU_PIPELINES_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(products),
        cmocka_unit_test(odd_scales),
        cmocka_unit_test(products_elsewhere),
        cmocka_unit_test(neighbours),
        cmocka_unit_test(times),
        cmocka_unit_test(largest_quants),
        cmocka_unit_test(embeddings),
        cmocka_unit_test(ropes),
        cmocka_unit_test(computed_factors),
        cmocka_unit_test(chunks),
        cmocka_unit_test(chunks_elsewhere),
        cmocka_unit_test(sessions),
        cmocka_unit_test(series),
        cmocka_unit_test(experts),
        cmocka_unit_test(ties),
        cmocka_unit_test(limits),
        cmocka_unit_test(validation),
        cmocka_unit_test(pipelines),
    };
    device = vk_case_open(NULL);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    if (device && su_exec_close(device, NULL) != SU_OK)
        failed++;
    return failed;
}
