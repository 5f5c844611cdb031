// SPDX-License-Identifier: MIT
/* Sequence ops: against plain double arithmetic, and the laws that make any chunking and any mix of sessions one computation. */
#include "eval_help.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "support/random_tensor.h"

#define POSITIONS 600u /* three segments of attention */
#define HEADS 4u
#define KV_HEADS 2u
#define DIM 8u
#define EMBED (HEADS * DIM)

/* ---- a toy model: qmatmul -> rope -> states -> attention ----------------------------------------------------- */

struct toy {
    struct su_graph *g;
    void *weight[4];
    uint32_t out;
};

static void toy_init(struct toy *t, enum su_dtype type, int32_t window, float softcap)
{
    uint32_t w[4], x, q, k, v, sk, sv, y;
    const uint32_t rows[4] = {EMBED, KV_HEADS * DIM, KV_HEADS * DIM, 5};
    t->g = su_graph_new();
    x = h_input(t->g, "x", SU_ROWS, SU_F32, SHAPE(256));
    for (uint32_t i = 0; i < 4; i++) {
        char name[8];
        uint32_t width = i == 3 ? EMBED : 256;
        enum su_dtype stored = i == 3 ? SU_F32 : type;
        struct su_shape s = {2, {rows[i], width}};
        uint64_t bytes = 0;
        snprintf(name, sizeof name, "w%u", i);
        w[i] = h_weight(t->g, name, stored, &s);
        assert_int_equal(su_tensor_bytes(stored, &s, &bytes, NULL), SU_OK);
        t->weight[i] = calloc(1, bytes);
        su_random_fill(7, i, stored, (uint64_t)rows[i] * width, true, t->weight[i]);
    }
    enum su_op product = su_dtype_is_block(type) ? SU_OP_QMATMUL : SU_OP_MATMUL;
    q = h_node(t->g, SU_OP_RESHAPE, ARGS(h_node(t->g, product, ARGS(x, w[0]), NO_ATTRS)),
               ATTRS(HEADS, DIM));
    k = h_node(t->g, SU_OP_RESHAPE, ARGS(h_node(t->g, product, ARGS(x, w[1]), NO_ATTRS)),
               ATTRS(KV_HEADS, DIM));
    v = h_node(t->g, SU_OP_RESHAPE, ARGS(h_node(t->g, product, ARGS(x, w[2]), NO_ATTRS)),
               ATTRS(KV_HEADS, DIM));
    q = h_node(t->g, SU_OP_ROPE, ARGS(q), ATTRS(1, DIM, F(10000.0f), F(1.0f), 0, 0, 0, 0));
    k = h_node(t->g, SU_OP_ROPE, ARGS(k), ATTRS(1, DIM, F(10000.0f), F(1.0f), 0, 0, 0, 0));
    assert_int_equal(su_graph_add_state(t->g, "k", SHAPE(KV_HEADS, DIM), &sk, NULL), SU_OK);
    assert_int_equal(su_graph_add_state(t->g, "v", SHAPE(KV_HEADS, DIM), &sv, NULL), SU_OK);
    sk = h_node(t->g, SU_OP_STATE_APPEND, ARGS(k, sk), NO_ATTRS);
    sv = h_node(t->g, SU_OP_STATE_APPEND, ARGS(v, sv), NO_ATTRS);
    y = h_node(t->g, SU_OP_ATTENTION, ARGS(q, sk, sv),
               ATTRS(HEADS, KV_HEADS, DIM, F(0.35355339f), window, F(softcap), 0));
    y = h_node(t->g, SU_OP_RESHAPE, ARGS(y), ATTRS(EMBED));
    y = h_node(t->g, SU_OP_SELECT_EMITTED, ARGS(y), NO_ATTRS);
    t->out = h_node(t->g, SU_OP_MATMUL, ARGS(y, w[3]), NO_ATTRS);
    h_output(t->g, t->out);
    struct su_err e = {0};
    if (su_graph_check(t->g, &e) != SU_OK)
        fail_msg("%s: %s", e.at, e.msg);
}

static void toy_fini(struct toy *t)
{
    for (uint32_t i = 0; i < 4; i++)
        free(t->weight[i]);
    su_graph_free(t->g);
}

/* Runs rows through the toy; out receives 5 words per row (all rows emit). */
static void toy_run(const struct toy *t, struct su_session *const *session, uint32_t n_session,
                    const struct su_row *row, uint32_t n, const float *x, uint32_t *out)
{
    struct su_eval_args a = {.row = row,
                             .n_row = n,
                             .input = (const void *[]){x},
                             .weight = (const void *const *)t->weight,
                             .session = session,
                             .n_session = n_session};
    struct su_eval *ev = NULL;
    struct su_err e = {0};
    if (su_graph_eval(t->g, &a, &ev, &e) != SU_OK)
        fail_msg("%s: %s", e.at, e.msg);
    memcpy(out, h_value(ev, t->out, (size_t)n * 5), (size_t)n * 5 * 4);
    su_eval_free(ev);
}

/* One session, in chunks of `chunk` rows. */
static uint32_t *toy_chunks(const struct toy *t, const float *x, uint32_t n, uint32_t chunk)
{
    struct su_session *s = NULL;
    uint32_t *out = calloc(n, 5 * 4);
    struct su_row *row = calloc(n, sizeof *row);
    assert_int_equal(su_session_new(t->g, n, &s, NULL), SU_OK);
    for (uint32_t i = 0; i < n; i++)
        row[i] = (struct su_row){.position = i, .emit = true};
    for (uint32_t at = 0; at < n; at += chunk)
        toy_run(t, &s, 1, row + at, SU_MIN(chunk, n - at), x + (size_t)at * 256,
                out + (size_t)at * 5);
    assert_int_equal(su_session_length(s), n);
    su_session_free(s);
    free(row);
    return out;
}

static void test_chunking(void **state)
{
    (void)state;
    static const enum su_dtype type[] = {SU_F32, SU_Q4_1, SU_Q8_0, SU_Q4_K, SU_Q6_K};
    for (size_t i = 0; i < SU_ARRAY_LEN(type); i++) {
        struct toy t;
        toy_init(&t, type[i], i == 1 ? 300 : 0, i == 2 ? 30.0f : 0.0f);
        uint32_t n = i == 0 ? POSITIONS : 280;
        float *x = h_uniform(11 + (uint32_t)i, (size_t)n * 256, 1.5f);
        uint32_t *whole = toy_chunks(&t, x, n, n);
        static const uint32_t chunk[] = {1, 8, 77, 256};
        for (size_t c = 0; c < SU_ARRAY_LEN(chunk); c++) {
            uint32_t *part = toy_chunks(&t, x, n, chunk[c]);
            assert_memory_equal(part, whole, (size_t)n * 5 * 4);
            free(part);
        }
        free(whole);
        free(x);
        toy_fini(&t);
    }
}

/* Three sessions of different lengths mixed into one dispatch give what each gives alone; truncating and repeating too. */
static void test_mixed_sessions(void **state)
{
    (void)state;
    struct toy t;
    struct su_session *s[3];
    struct su_row row[60];
    uint32_t next[3] = {0}, got[60 * 5], order[60];
    float *x[3], mixed[60 * 256];
    uint32_t *alone[3];
    toy_init(&t, SU_Q5_1, 0, 0.0f);
    for (uint32_t i = 0; i < 3; i++) {
        x[i] = h_uniform(50 + i, 30 * 256, 1.0f);
        alone[i] = toy_chunks(&t, x[i], 30, 30);
        assert_int_equal(su_session_new(t.g, 30, &s[i], NULL), SU_OK);
    }
    for (uint32_t i = 0; i < 60; i++) {
        uint32_t w = i * 7 % 3 == 0 ? 0 : i % 4 == 1 ? 1 : 2;
        w = next[w] == 30 ? (next[0] < 30 ? 0 : next[1] < 30 ? 1 : 2) : w;
        row[i] = (struct su_row){.session = w, .position = next[w]++, .emit = true};
        order[i] = w;
        memcpy(mixed + i * 256, x[w] + row[i].position * 256, 256 * 4);
    }
    toy_run(&t, s, 3, row, 60, mixed, got);
    for (uint32_t i = 0; i < 60; i++)
        assert_memory_equal(got + i * 5, alone[order[i]] + row[i].position * 5, 5 * 4);
    assert_int_equal(su_session_truncate(s[0], 3, NULL), SU_OK);
    struct su_row again = {.session = 0, .position = 3, .emit = true};
    toy_run(&t, s, 3, &again, 1, x[0] + 3 * 256, got);
    assert_memory_equal(got, alone[0] + 3 * 5, 5 * 4);
    for (uint32_t i = 0; i < 3; i++) {
        su_session_free(s[i]);
        free(x[i]);
        free(alone[i]);
    }
    toy_fini(&t);
}

/* ---- against double arithmetic ------------------------------------------------------------------------------ */

static void test_qmatmul_accuracy(void **state)
{
    (void)state;
    static const enum su_dtype type[] = {SU_Q4_0, SU_Q4_1, SU_Q5_0, SU_Q5_1,
                                         SU_Q8_0, SU_Q4_K, SU_Q5_K, SU_Q6_K};
    for (size_t i = 0; i < SU_ARRAY_LEN(type); i++) {
        struct su_graph *g = su_graph_new();
        struct su_shape s = {2, {6, 768}};
        uint64_t bytes = 0;
        uint32_t x = h_input(g, "x", SU_ROWS, SU_F32, SHAPE(2, 768)),
                 w = h_weight(g, "w", type[i], &s);
        uint32_t y = h_node(g, SU_OP_QMATMUL, ARGS(x, w), NO_ATTRS);
        h_output(g, y);
        assert_int_equal(su_tensor_bytes(type[i], &s, &bytes, NULL), SU_OK);
        uint8_t *blocks = calloc(1, bytes);
        float *in = h_uniform(3, 2 * 768, 2.0f), *wide = calloc(6 * 768, sizeof *wide);
        su_random_fill(21, i, type[i], 6 * 768, true, blocks);
        su_tensor_decode(type[i], blocks, 6 * 768, wide);
        struct su_eval *ev = h_eval(g, 1, (const void *[]){in}, (const void *[]){blocks});
        const float *got = h_value(ev, y, 12);
        for (uint32_t m = 0; m < 2; m++)
            for (uint32_t n = 0; n < 6; n++) {
                double want = 0, size = 0;
                for (uint32_t k = 0; k < 768; k++) {
                    double p = (double)in[m * 768 + k] * (double)wide[n * 768 + k];
                    want += p;
                    size += p * p;
                }
                if (fabs((double)got[m * 6 + n] - want) > 0.05 * sqrt(size) + 1e-6)
                    fail_msg("%s: %g, want %g of %g", su_dtype_name(type[i]),
                             (double)got[m * 6 + n], want, sqrt(size));
            }
        su_eval_free(ev);
        su_graph_free(g);
        free(blocks);
        free(in);
        free(wide);
    }
}

/* The expert path computes what qmatmul computes with that expert; ids out of range give zeros. */
static void test_experts(void **state)
{
    (void)state;
    enum { E = 5, N = 3, K = 64 };
    struct su_graph *g = su_graph_new();
    struct su_shape s = {3, {E, N, K}};
    uint64_t bytes = 0;
    int32_t ids[3] = {4, -1, 1};
    uint32_t x = h_input(g, "x", SU_ROWS, SU_F32, SHAPE(3, K)),
             id = h_input(g, "ids", SU_ROWS, SU_I32, SHAPE(3));
    uint32_t w = h_weight(g, "w", SU_Q8_0, &s),
             y = h_node(g, SU_OP_QMATMUL_ID, ARGS(x, w, id), NO_ATTRS);
    h_output(g, y);
    assert_int_equal(su_tensor_bytes(SU_Q8_0, &s, &bytes, NULL), SU_OK);
    uint8_t *blocks = calloc(1, bytes);
    float *in = h_uniform(8, 3 * K, 1.0f);
    su_random_fill(5, 5, SU_Q8_0, E * N * K, true, blocks);
    struct su_eval *ev = h_eval(g, 1, (const void *[]){in, ids}, (const void *[]){blocks});
    const uint32_t *got = h_value(ev, y, 9);
    for (uint32_t i = 0; i < 3; i++) {
        struct su_graph *one = su_graph_new();
        uint32_t a = h_input(one, "x", SU_ROWS, SU_F32, SHAPE(K)),
                 b = h_weight(one, "w", SU_Q8_0, SHAPE(N, K));
        uint32_t z = h_node(one, SU_OP_QMATMUL, ARGS(a, b), NO_ATTRS);
        const uint32_t zero[N] = {0};
        h_output(one, z);
        uint32_t expert = ids[i] < 0 ? 0 : (uint32_t)ids[i];
        struct su_eval *want = h_eval(one, 1, (const void *[]){in + i * K},
                                      (const void *[]){blocks + expert * N * (K / 32) * 34});
        assert_memory_equal(got + i * N, ids[i] < 0 ? zero : h_value(want, z, N), N * 4);
        su_eval_free(want);
        su_graph_free(one);
    }
    su_eval_free(ev);
    su_graph_free(g);
    free(blocks);
    free(in);
}

static void test_route(void **state)
{
    (void)state;
    float logits[6] = {1.0f, 3.0f, 3.0f, -2.0f, 0.5f, 2.0f};
    for (int32_t renormalise = 0; renormalise < 2; renormalise++) {
        struct su_graph *g = su_graph_new();
        uint32_t x = h_input(g, "x", SU_ROWS, SU_F32, SHAPE(6));
        uint32_t y = h_node(g, SU_OP_MOE_ROUTE, ARGS(x), ATTRS(6, 3, renormalise));
        h_output(g, y);
        h_output(g, y + 1);
        struct su_eval *ev = h_eval(g, 1, (const void *[]){logits}, NULL);
        h_expect_i(ev, y + 1, 3, (const int32_t[]){1, 2, 5}); /* equal logits: the lower id first */
        double sum = 0, part = exp(3) + exp(3) + exp(2);
        for (uint32_t i = 0; i < 6; i++)
            sum += exp((double)logits[i]);
        const float *p = h_value(ev, y, 3);
        assert_true(fabs((double)p[0] - exp(3) / (renormalise ? part : sum)) < 1e-6);
        assert_true(fabs((double)p[2] - exp(2) / (renormalise ? part : sum)) < 1e-6);
        su_eval_free(ev);
        su_graph_free(g);
    }
}

static void test_rope_turns(void **state)
{
    (void)state;
    static const uint32_t position[] = {0, 1, 2, 100, 4095, 131071, 1048575};
    for (size_t b = 0; b < 2; b++) {
        struct su_node n = {
            .op = SU_OP_ROPE, .attr = {0, 64, F(b ? 500000.0f : 10000.0f), F(1.0f)}, .n_attr = 8};
        for (size_t p = 0; p < SU_ARRAY_LEN(position); p++) {
            float turn[64];
            su_rope_turns(&n, NULL, position[p], turn);
            for (uint32_t i = 0; i < 32; i++) {
                long double angle =
                    (long double)position[p] * powl(b ? 500000.0L : 10000.0L, -2.0L * i / 64);
                assert_true(fabsl((long double)turn[2 * i] - cosl(angle)) < 1e-7L);
                assert_true(fabsl((long double)turn[2 * i + 1] - sinl(angle)) < 1e-7L);
            }
        }
    }
    /* Llama 3 scaling: short waves as they are, long ones stretched by 8. */
    struct su_node l3 = {.op = SU_OP_ROPE,
                         .attr = {0, 64, F(500000.0f), F(0.125f), 1, F(1.0f), F(4.0f), F(8192.0f)},
                         .n_attr = 8};
    float turn[64], plain[64];
    struct su_node base = {.op = SU_OP_ROPE, .attr = {0, 64, F(500000.0f), F(1.0f)}, .n_attr = 8};
    struct su_node slow = {.op = SU_OP_ROPE, .attr = {0, 64, F(500000.0f), F(0.125f)}, .n_attr = 8};
    su_rope_turns(&l3, NULL, 1000, turn);
    su_rope_turns(&base, NULL, 1000, plain);
    assert_memory_equal(turn, plain, 8);
    su_rope_turns(&slow, NULL, 1000, plain);
    assert_memory_equal(turn + 62, plain + 62, 8);
    /* YaRN: the fastest pair turns as untrained, only its size grows; factors divide. */
    struct su_node yarn = {.op = SU_OP_ROPE,
                           .attr = {0, 64, F(10000.0f), F(0.25f), 2, F(32.0f), F(1.0f), F(4096.0f)},
                           .n_attr = 8};
    su_rope_turns(&yarn, NULL, 3, turn);
    double size = 1.0 + 0.1 * log(4.0);
    assert_true(fabs((double)turn[0] - cos(3.0) * size) < 1e-6);
    float factors[32];
    for (uint32_t i = 0; i < 32; i++)
        factors[i] = 2.0f;
    su_rope_turns(&base, factors, 10, turn);
    su_rope_turns(&base, NULL, 5, plain);
    assert_memory_equal(turn, plain, sizeof turn);
}

/* attention of one head against softmax in double over what the states hold. */
static void test_attention_accuracy(void **state)
{
    (void)state;
    static const struct {
        int32_t window;
        float cap;
    } how[] = {{0, 0.0f}, {40, 0.0f}, {0, 5.0f}, {300, 2.0f}};
    enum { N = 530 };
    for (size_t i = 0; i < SU_ARRAY_LEN(how); i++) {
        struct su_graph *g = su_graph_new();
        uint32_t sk, sv, q = h_input(g, "q", SU_ROWS, SU_F32, SHAPE(1, DIM));
        uint32_t k = h_input(g, "k", SU_ROWS, SU_F32, SHAPE(DIM)),
                 v = h_input(g, "v", SU_ROWS, SU_F32, SHAPE(DIM));
        assert_int_equal(su_graph_add_state(g, "k", SHAPE(DIM), &sk, NULL), SU_OK);
        assert_int_equal(su_graph_add_state(g, "v", SHAPE(DIM), &sv, NULL), SU_OK);
        sk = h_node(g, SU_OP_STATE_APPEND, ARGS(k, sk), NO_ATTRS);
        sv = h_node(g, SU_OP_STATE_APPEND, ARGS(v, sv), NO_ATTRS);
        uint32_t y = h_node(g, SU_OP_ATTENTION, ARGS(q, sk, sv),
                            ATTRS(1, 1, DIM, F(0.5f), how[i].window, F(how[i].cap), 0));
        h_output(g, y);
        assert_int_equal(su_graph_check(g, NULL), SU_OK);
        float *in[3];
        for (uint32_t a = 0; a < 3; a++) {
            in[a] = h_uniform(90 + a, N * DIM, 3.0f);
            for (size_t e = 0; e < N * DIM;
                 e++) /* halves, so that only the op's own rounding is seen */
                in[a][e] = su_num_from_f16(su_num_to_f16(in[a][e]));
        }
        struct su_session *s = NULL;
        struct su_row row[N] = {{0}};
        for (uint32_t r = 0; r < N; r++)
            row[r].position = r;
        assert_int_equal(su_session_new(g, N, &s, NULL), SU_OK);
        struct su_eval_args args = {.row = row,
                                    .n_row = N,
                                    .input = (const void *[]){in[0], in[1], in[2]},
                                    .session = &s,
                                    .n_session = 1};
        struct su_eval *ev = NULL;
        assert_int_equal(su_graph_eval(g, &args, &ev, NULL), SU_OK);
        const float *got = h_value(ev, y, N * DIM);
        for (uint32_t p = 0; p < N; p += 23) {
            double sum = 0, o[DIM] = {0};
            for (uint32_t t = 0; t <= p; t++) {
                double score = 0;
                if (how[i].window && t + (uint32_t)how[i].window <= p)
                    continue;
                for (uint32_t d = 0; d < DIM; d++)
                    score += (double)in[0][p * DIM + d] * (double)in[1][t * DIM + d];
                score *= 0.5;
                if (how[i].cap > 0)
                    score = (double)how[i].cap * tanh(score / (double)how[i].cap);
                sum += exp(score);
                for (uint32_t d = 0; d < DIM; d++)
                    o[d] += exp(score) * (double)in[2][t * DIM + d];
            }
            for (uint32_t d = 0; d < DIM; d++)
                assert_true(fabs((double)got[p * DIM + d] - o[d] / sum) < 2e-3);
        }
        su_eval_free(ev);
        su_session_free(s);
        su_graph_free(g);
        for (uint32_t a = 0; a < 3; a++)
            free(in[a]);
    }
}

/* ---- sessions and scalars ------------------------------------------------------------------------------------ */

static enum su_code try_row(const struct toy *t, struct su_session **s, uint32_t n,
                            struct su_row row, struct su_err *e)
{
    float x[256] = {0};
    struct su_eval *ev = NULL;
    struct su_eval_args a = {.row = &row,
                             .n_row = 1,
                             .input = (const void *[]){x},
                             .weight = (const void *const *)t->weight,
                             .session = s,
                             .n_session = n};
    enum su_code c = su_graph_eval(t->g, &a, &ev, e);
    su_eval_free(ev);
    return c;
}

static void test_session_errors(void **state)
{
    (void)state;
    struct toy t;
    struct su_session *s = NULL, *none = NULL;
    struct su_err e = {0};
    toy_init(&t, SU_Q4_0, 0, 0.0f);
    assert_int_equal(su_session_new(t.g, 0, &s, &e), SU_EINVAL);
    assert_int_equal(su_session_new(t.g, 2000000, &s, &e), SU_EINVAL);
    struct su_graph *raw = su_graph_new();
    assert_int_equal(su_session_new(raw, 4, &s, &e), SU_EINVAL);
    su_graph_free(raw);
    assert_int_equal(su_session_new(t.g, 2, &s, &e), SU_OK);
    assert_int_equal(try_row(&t, &s, 0, (struct su_row){0}, &e), SU_EINVAL);
    assert_int_equal(try_row(&t, &none, 1, (struct su_row){0}, &e), SU_EINVAL);
    assert_int_equal(try_row(&t, &s, 1, (struct su_row){.session = 1}, &e), SU_EINVAL);
    assert_int_equal(try_row(&t, &s, 1, (struct su_row){.position = 1}, &e), SU_EINVAL);
    assert_int_equal(su_session_length(s), 0);
    assert_int_equal(try_row(&t, &s, 1, (struct su_row){.position = 0}, &e), SU_OK);
    assert_int_equal(try_row(&t, &s, 1, (struct su_row){.position = 1}, &e), SU_OK);
    assert_int_equal(try_row(&t, &s, 1, (struct su_row){.position = 2}, &e), SU_ELIMIT);
    assert_int_equal(su_session_truncate(s, 3, &e), SU_EINVAL);
    assert_int_equal(su_session_truncate(s, 0, &e), SU_OK);
    assert_int_equal(su_session_length(s), 0);
    su_session_free(s);
    toy_fini(&t);
}

static void test_halves(void **state)
{
    (void)state;
    for (uint32_t h = 0; h < 65536; h++) {
        uint32_t e = h >> 10 & 31u;
        if (e == 0 || e == 31)
            continue;
        float x = su_num_from_f16((uint16_t)h);
        assert_int_equal(su_num_to_f16(x), h);
        /* Half way to the next: to the even one. A hair more or less: to the nearer. */
        uint32_t mid = su_f32_bits(x) + 0x1000u;
        if ((h & 0x7fffu) == 0x7bffu)
            continue;
        assert_int_equal(su_num_to_f16(su_f32_from_bits(mid)), h + (h & 1u));
        assert_int_equal(su_num_to_f16(su_f32_from_bits(mid + 1)), h + 1);
        assert_int_equal(su_num_to_f16(su_f32_from_bits(mid - 1)), h);
    }
    assert_int_equal(su_num_to_f16(0x1p-14f), 0x0400);
    assert_int_equal(su_num_to_f16(su_f32_from_bits(0x387fffffu)), 0);
    assert_int_equal(su_num_to_f16(-1e30f), 0xfbff);
    assert_int_equal(su_num_to_f16(65519.0f), 0x7bff);
}

static void test_quantise(void **state)
{
    (void)state;
    float x[32] = {0};
    int8_t q[32];
    assert_true(su_f32_bits(su_num_quantise(x, q)) == 0);
    x[3] = -0x1p-48f;
    assert_true(su_num_quantise(x, q) > 0.0f);
    x[3] = -2.0f;
    x[7] = 1.0f;
    x[9] = 0.004f;
    float d = su_num_quantise(x, q);
    assert_true(fabs((double)d - 2.0 / 127) < 1e-8);
    assert_int_equal(q[3], -127);
    assert_true(q[7] == 63 || q[7] == 64);
    assert_int_equal(q[9], 0);
    assert_int_equal(q[0], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_chunking),
        cmocka_unit_test(test_mixed_sessions),
        cmocka_unit_test(test_qmatmul_accuracy),
        cmocka_unit_test(test_experts),
        cmocka_unit_test(test_route),
        cmocka_unit_test(test_rope_turns),
        cmocka_unit_test(test_attention_accuracy),
        cmocka_unit_test(test_session_errors),
        cmocka_unit_test(test_halves),
        cmocka_unit_test(test_quantise),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
