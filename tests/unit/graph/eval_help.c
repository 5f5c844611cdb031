// SPDX-License-Identifier: MIT
#include "eval_help.h"

#include "vectors.h"

#include <stdlib.h>
#include <string.h>
#if defined(__SSE__)
#include <xmmintrin.h>
#endif

static void expect_ok(enum su_code c, const struct su_err *e)
{
    if (c)
        fail_msg("%s: %s: %s", su_code_name(c), e->at, e->msg);
}

uint32_t h_input(struct su_graph *g, const char *name, enum su_domain domain, enum su_dtype dtype,
                 const struct su_shape *shape)
{
    struct su_err e = {0};
    uint32_t id = 0;
    expect_ok(su_graph_add_input(g, name, domain, dtype, shape, &id, &e), &e);
    return id;
}

uint32_t h_weight(struct su_graph *g, const char *name, enum su_dtype dtype,
                  const struct su_shape *shape)
{
    struct su_err e = {0};
    uint32_t id = 0;
    expect_ok(su_graph_add_weight(g, name, dtype, shape, 0, &id, &e), &e);
    return id;
}

uint32_t h_node(struct su_graph *g, enum su_op op, const uint32_t *arg, size_t n_arg,
                const int32_t *attr, size_t n_attr)
{
    struct su_err e = {0};
    uint32_t id = 0;
    expect_ok(
        su_graph_add_node(g, op, arg, (uint32_t)n_arg, attr, (uint32_t)n_attr, NULL, 0, &id, &e),
        &e);
    return id;
}

uint32_t h_const(struct su_graph *g, enum su_dtype dtype, const struct su_shape *shape,
                 const void *data)
{
    struct su_err e = {0};
    uint32_t id = 0;
    int32_t attr[1 + SU_GRAPH_RANK_MAX] = {(int32_t)dtype};
    for (uint32_t i = 0; i < shape->rank; i++)
        attr[1 + i] = (int32_t)shape->dim[i];
    uint32_t bytes = (uint32_t)su_shape_elements(shape) * 4;
    expect_ok(
        su_graph_add_node(g, SU_OP_CONST, NULL, 0, attr, 1 + shape->rank, data, bytes, &id, &e),
        &e);
    return id;
}

void h_output(struct su_graph *g, uint32_t value)
{
    struct su_err e = {0};
    char name[16];
    snprintf(name, sizeof name, "y%u", (unsigned)g->n_output);
    expect_ok(su_graph_add_output(g, name, value, &e), &e);
}

struct su_eval *h_eval(struct su_graph *g, uint32_t n_row, const void *const *input,
                       const void *const *weight)
{
    struct su_err e = {0};
    struct su_eval *ev = NULL;
    struct su_row *row = su_alloc(n_row * sizeof *row);
    for (uint32_t i = 0; i < n_row; i++)
        row[i].emit = true;
    struct su_eval_args a = {.row = row, .n_row = n_row, .input = input, .weight = weight};
    expect_ok(su_graph_check(g, &e), &e);
    expect_ok(su_graph_eval(g, &a, &ev, &e), &e);
    free(row);
    return ev;
}

const void *h_value(const struct su_eval *ev, uint32_t value, size_t words)
{
    size_t bytes = 0;
    const void *p = su_eval_value(ev, value, &bytes);
    assert_non_null(p);
    assert_int_equal(bytes, words * 4);
    return p;
}

void h_expect_i(const struct su_eval *ev, uint32_t value, size_t n, const int32_t *want)
{
    const uint8_t *p = h_value(ev, value, n);
    for (size_t i = 0; i < n; i++)
        if (su_le32(p + 4 * i) != (uint32_t)want[i])
            fail_msg("value %u, element %zu: %d (0x%08x), expected %d (0x%08x)", (unsigned)value, i,
                     (int)su_le32(p + 4 * i), (unsigned)su_le32(p + 4 * i), (int)want[i],
                     (unsigned)want[i]);
}

void h_expect_f(const struct su_eval *ev, uint32_t value, size_t n, const float *want)
{
    const uint8_t *p = h_value(ev, value, n);
    for (size_t i = 0; i < n; i++)
        if (su_le32(p + 4 * i) != su_f32_bits(want[i]))
            fail_msg("value %u, element %zu: %.9g, expected %.9g", (unsigned)value, i,
                     (double)su_f32_from_bits(su_le32(p + 4 * i)), (double)want[i]);
}

void h_expect_vector(const struct su_eval *ev, uint32_t value, const char *name)
{
    for (size_t v = 0; v < SU_ARRAY_LEN(vectors); v++) {
        if (strcmp(vectors[v].name, name) != 0)
            continue;
        const uint8_t *p = h_value(ev, value, vectors[v].words);
        for (size_t i = 0; i < 4 && i < vectors[v].words; i++)
            if (su_le32(p + 4 * i) != vectors[v].head[i])
                fail_msg("%s, element %zu: 0x%08x, expected 0x%08x", name, i,
                         (unsigned)su_le32(p + 4 * i), (unsigned)vectors[v].head[i]);
        uint8_t digest[SU_SHA256_BYTES];
        char hex[2 * SU_SHA256_BYTES + 1];
        su_sha256(p, (size_t)vectors[v].words * 4, digest);
        su_hex_encode(digest, sizeof digest, hex, sizeof hex);
        if (strcmp(hex, vectors[v].sha256) != 0)
            fail_msg("%s: sha256 %s, expected %s", name, hex, vectors[v].sha256);
        return;
    }
    fail_msg("vectors.h has no %s", name);
}

void h_op_vector(const char *name, enum su_op op, const struct h_arg *arg, size_t n_arg,
                 const int32_t *attr, size_t n_attr)
{
    struct su_graph *g = su_graph_new();
    const void *input[SU_GRAPH_ARG_MAX];
    uint32_t id[SU_GRAPH_ARG_MAX];
    for (size_t i = 0; i < n_arg; i++) {
        char in[16];
        snprintf(in, sizeof in, "x%zu", i);
        input[i] = arg[i].data;
        id[i] = h_input(g, in, SU_FIXED, arg[i].dtype, arg[i].shape);
    }
    uint32_t y = h_node(g, op, id, n_arg, attr, n_attr);
    h_output(g, y);
    struct su_eval *ev = h_eval(g, 1, input, NULL);
    h_expect_vector(ev, y, name);
    su_eval_free(ev);
    su_graph_free(g);
}

static uint32_t next(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state;
}

float *h_uniform(uint32_t seed, size_t n, float scale)
{
    float *x = su_alloc(n * sizeof *x);
    for (size_t i = 0; i < n; i++)
        x[i] = (float)((int32_t)(next(&seed) >> 8) - (1 << 23)) * 0x1p-22f * scale;
    return x;
}

uint32_t *h_words(uint32_t seed, size_t n)
{
    uint32_t *w = su_alloc(n * sizeof *w);
    for (size_t i = 0; i < n; i++) {
        w[i] = next(&seed);
        w[i] ^= w[i] >> 16;
    }
    return w;
}

bool h_flush(bool on)
{
#if defined(__SSE__)
    unsigned both = 0x8040u; /* FTZ | DAZ */
    _mm_setcsr(on ? _mm_getcsr() | both : _mm_getcsr() & ~both);
    return true;
#elif defined(__aarch64__)
    uint64_t fpcr;
    __asm__ volatile("mrs %0, fpcr" : "=r"(fpcr));
    fpcr = on ? fpcr | 1ull << 24 : fpcr & ~(1ull << 24);
    __asm__ volatile("msr fpcr, %0" : : "r"(fpcr));
    return true;
#else
    (void)on;
    return false;
#endif
}
