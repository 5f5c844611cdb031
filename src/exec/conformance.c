// SPDX-License-Identifier: MIT
/* Runs the probes through the same stage interface that a node uses, so what is certified is what earns. */
#include "conformance_priv.h"

#include <stdlib.h>
#include <string.h>

/* ---- inputs ----------------------------------------------------------------------------------------------- */

struct rng {
    uint64_t s;
};

static uint64_t rng_next(struct rng *r) /* splitmix64 */
{
    uint64_t z = r->s += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

/* Both sides of every bound in the rules: flush, sat, and the domains of the functions. */
static const uint32_t bounds[] = {
    0x00000000, 0x00000001, 0x007fffff, 0x00800000, 0x0f7fffff, 0x0f800000, 0x0f800001, 0x267fffff,
    0x26800000, 0x277fffff, 0x27800000, 0x27800001, 0x3effffff, 0x3f000000, 0x3f1fffff, 0x3f200000,
    0x3f3504f2, 0x3f3504f3, 0x3f7fffff, 0x3f800000, 0x3f800001, 0x3fc00000, 0x41ffffff, 0x42000000,
    0x42000001, 0x4237ffff, 0x42380000, 0x42380001, 0x427fffff, 0x42800000, 0x42800001, 0x42b7ffff,
    0x42b80000, 0x42b80001, 0x45ffffff, 0x46000000, 0x46000001, 0x4a7fffff, 0x4a800000, 0x4a800001,
    0x4affffff, 0x4b000000, 0x4b7fffff, 0x4b800000, 0x4effffff, 0x4f000000, 0x587fffff, 0x58800000,
    0x58800001, 0x7f7fffff, 0x7f800000, 0x7f800001, 0x7fc00000, 0x7fffffff,
};

static uint32_t unit_bits(struct rng *r)
{
    int32_t v = (int32_t)(rng_next(r) & 0xffffff) - 0x800000; /* 24 bits: exact as float */
    return su_f32_bits((float)v * su_f32_from_bits(0x34800000)); /* * 2^-22 */
}

static uint32_t fill_one(enum conformance_fill fill, struct rng *r, uint64_t i, uint64_t n)
{
    uint64_t z = rng_next(r);
    switch (fill) {
    case FILL_WIDE:
        return z & 7 ? (uint32_t)(z >> 16)
                     : bounds[(z >> 8) % SU_ARRAY_LEN(bounds)] | (uint32_t)(z >> 32) << 31;
    case FILL_SWEEP: {
        uint64_t tail = n - i;
        if (tail <= 2 * SU_ARRAY_LEN(bounds))
            return bounds[(tail - 1) / 2] | (uint32_t)(tail & 1) << 31;
        return (uint32_t)((i << 32) / n) + (uint32_t)(z & 0xfff);
    }
    case FILL_INT: {
        static const uint32_t extreme[] = {
            0, 1, 2, 31, 32, 0x7fffffff, 0x80000000, 0xffffffff, 0xffff, 0x10000, 0xffffff};
        return z & 3 ? (uint32_t)(z >> 16) : extreme[(z >> 8) % SU_ARRAY_LEN(extreme)];
    }
    case FILL_INDEX:
        return (uint32_t)((z >> 8) % 15) - 2;
    case FILL_COARSE:
        return su_f32_bits((float)((int32_t)((z >> 8) % 17) - 8) * 0.25f);
    case FILL_CLOSE: /* full mantissas of like size: ties and near-ties are frequent in the low bits */
        return (uint32_t)(0x3f000000u + ((z >> 8 & 3) << 23)) | ((uint32_t)(z >> 20) & 0x7fffffu) |
               (uint32_t)(z >> 63) << 31 | (z & 1 ? 1u : 0);
    case FILL_CANCEL: /* neighbours at 2^-24 .. 2^-26: differences of a few 2^-48 */
        return (0x33000000u + ((uint32_t)(z >> 8) & 0x1ffffu) + (uint32_t)((z & 3) << 22)) |
               (uint32_t)(z >> 63) << 31;
    default:
        return unit_bits(r);
    }
}

static uint32_t first_of(const struct conformance_probe *p)
{
    return (uint32_t)p->arg[CONFORMANCE_FIRST];
}

static uint32_t sessions_of(const struct conformance_probe *p)
{
    return (uint32_t)p->arg[CONFORMANCE_SESSIONS];
}

static uint32_t emit_step_of(const struct conformance_probe *p)
{
    return (uint32_t)p->arg[CONFORMANCE_EMIT_STEP];
}

/* A probe with its numbers. weight data is as stored. */
struct probe_case {
    struct su_graph *graph;
    struct su_row *row;
    void **input, **weight;
};

/* Quants of any bits; unless FILL_WIDE the halves d and dmin (or m) of a block are 2^-10 to 2^-4. */
static void *fill_blocks(enum conformance_fill fill, struct rng *r, uint64_t n, enum su_dtype d)
{
    uint32_t bytes = su_dtype_block_bytes(d);
    uint64_t blocks = n / su_dtype_block_elements(d);
    bool two = d == SU_Q4_1 || d == SU_Q5_1 || d == SU_Q4_K || d == SU_Q5_K;
    uint8_t *data = su_try_alloc((size_t)blocks, bytes), *at = data;
    for (uint64_t b = 0; data && b < blocks; b++, at += bytes) {
        for (uint32_t i = 0; i < bytes; i++)
            at[i] = (uint8_t)(rng_next(r) >> 56);
        uint8_t *half = d == SU_Q6_K ? at + bytes - 2 : at;
        for (uint32_t i = 0; i < 1u + two && fill != FILL_WIDE; i++) {
            uint64_t z = rng_next(r);
            su_put_le16(half + 2 * (size_t)i, (uint16_t)((z & 0x83ff) | (5 + (z >> 16) % 6) << 10));
        }
    }
    return data;
}

static void *fill_array(enum conformance_fill fill, struct rng *r, uint64_t n, enum su_dtype stored)
{
    if (su_dtype_is_block(stored))
        return fill_blocks(fill, r, n, stored);
    uint32_t *w = su_try_alloc((size_t)n, 4);
    if (!w)
        return NULL;
    for (uint64_t i = 0; i < n; i++)
        w[i] = fill_one(fill, r, i, n);
    if (stored != SU_F16 && stored != SU_BF16)
        return w;
    uint16_t *h = (uint16_t *)(void *)w; /* narrowed in place by cutting bits */
    for (uint64_t i = 0; i < n; i++) {
        uint32_t u = w[i];
        uint32_t e = (u >> 23 & 0xff) < 113 ? 0 : SU_MIN((u >> 23 & 0xff) - 112, 30u);
        uint32_t f16 = (u >> 16 & 0x8000) | e << 10 | (u >> 13 & 0x3ff);
        h[i] = (uint16_t)(stored == SU_BF16 ? u >> 16 : f16);
    }
    return w;
}

static void case_fini(struct probe_case *c)
{
    for (uint32_t i = 0; c->input && i < c->graph->n_input; i++)
        free(c->input[i]);
    for (uint32_t i = 0; c->weight && i < c->graph->n_weight; i++)
        free(c->weight[i]);
    free(c->input);
    free(c->weight);
    free(c->row);
    su_graph_free(c->graph);
    memset(c, 0, sizeof *c);
}

static enum su_code case_init(struct probe_case *c, const struct conformance_probe *p,
                              struct su_err *e)
{
    memset(c, 0, sizeof *c);
    c->graph = su_graph_new();
    enum su_code rc = p->build(c->graph, p->arg, e);
    if (rc == SU_OK)
        rc = su_graph_check(c->graph, e);
    if (rc != SU_OK) {
        case_fini(c);
        return rc;
    }
    const struct su_graph *g = c->graph;
    uint8_t seed[SU_SHA256_BYTES];
    su_sha256(p->name, strlen(p->name), seed);
    struct rng r = {su_le64(seed)};
    uint32_t n_fill = 0;
    c->row = su_alloc(p->rows * sizeof *c->row);
    c->input = su_alloc((size_t)g->n_input * sizeof *c->input);
    c->weight = su_alloc((size_t)g->n_weight * sizeof *c->weight);
    /* Positions of rows that are sessions of their own are those of long texts. */
    for (uint32_t i = 0; i < p->rows; i++)
        c->row[i] = (struct su_row){.session = sessions_of(p) ? i % sessions_of(p) : i,
                                    .position = sessions_of(p) ? i / sessions_of(p) : i * 251,
                                    .emit = emit_step_of(p) ? i % emit_step_of(p) == 1 : true};
    for (uint32_t i = 0; i < g->n_input + g->n_weight && rc == SU_OK; i++) {
        bool in = i < g->n_input;
        const struct su_value *v = &g->value[in ? g->input[i] : g->weight[i - g->n_input]];
        enum conformance_fill fill = p->fill[n_fill];
        if (n_fill < 2 && p->fill[n_fill + 1] != FILL_UNIT)
            n_fill++;
        void *data =
            fill_array(fill, &r, su_shape_elements(&v->shape) * (in ? p->rows : 1), v->dtype);
        if (!data)
            rc = su_fail(e, SU_ENOMEM, p->name, "no memory for the probe's inputs");
        if (in)
            c->input[i] = data;
        else
            c->weight[i - g->n_input] = data;
    }
    if (rc != SU_OK)
        case_fini(c);
    return rc;
}

static enum su_code case_read(void *ctx, uint32_t weight, uint64_t offset, void *dst, size_t n,
                              struct su_err *e)
{
    (void)e;
    const struct probe_case *c = ctx;
    memcpy(dst, (const uint8_t *)c->weight[weight] + offset, n);
    return SU_OK;
}

/* ---- running ---------------------------------------------------------------------------------------------- */

/* The outputs of a probe's dispatches, one behind the other. */
struct outputs {
    void **data;
    size_t *bytes;
    uint32_t n;
};

static void outputs_fini(struct outputs *o)
{
    for (uint32_t i = 0; i < o->n; i++)
        free(o->data[i]);
    free(o->data);
    free(o->bytes);
    memset(o, 0, sizeof *o);
}

/* Takes a result; of FIXED outputs the first one. */
static enum su_code outputs_add(struct outputs *o, const struct su_graph *g,
                                struct su_step_result *r, struct su_err *e)
{
    for (uint32_t i = 0; i < o->n; i++) {
        if (g->value[g->output[i].value].domain == SU_FIXED && o->bytes[i] > 0)
            continue;
        uint8_t *both = su_try_alloc(o->bytes[i] + r->output_bytes[i] + 1, 1);
        if (!both)
            return su_fail(e, SU_ENOMEM, g->output[i].name, "no memory for the probe's outputs");
        if (o->bytes[i] > 0)
            memcpy(both, o->data[i], o->bytes[i]);
        memcpy(both + o->bytes[i], r->output[i], r->output_bytes[i]);
        free(o->data[i]);
        o->data[i] = both;
        o->bytes[i] += r->output_bytes[i];
    }
    return SU_OK;
}

/* Runs rows [from, to), which exist. */
static enum su_code run_rows(struct su_stage *s, const struct probe_case *c, uint32_t from,
                             uint32_t to, struct outputs *o, struct su_err *e)
{
    const struct su_graph *g = c->graph;
    const void *input[8];
    struct su_step step = {c->row + from, to - from, input};
    struct su_step_result r = {0};
    uint64_t ticket = 0;
    SU_ASSERT(g->n_input <= SU_ARRAY_LEN(input));
    for (uint32_t i = 0; i < g->n_input; i++)
        input[i] = (const uint8_t *)c->input[i] + from * su_value_row_bytes(&g->value[g->input[i]]);
    enum su_code rc = su_stage_submit(s, &step, &ticket, e);
    if (rc == SU_OK)
        rc = su_stage_wait(s, ticket, false, &r, e);
    if (rc == SU_OK)
        rc = outputs_add(o, g, &r, e);
    su_step_result_fini(&r);
    return rc;
}

static enum su_code run_case(struct su_exec *x, const struct conformance_probe *p,
                             struct probe_case *c, struct outputs *o, struct su_err *e)
{
    struct su_weight_source src = {c, case_read};
    struct su_stage *s = NULL;
    o->n = c->graph->n_output;
    o->data = su_alloc(o->n * sizeof *o->data);
    o->bytes = su_alloc(o->n * sizeof *o->bytes);
    enum su_code rc = su_stage_load(x, c->graph, p->rows, p->rows, &src, &s, e);
    for (uint32_t i = 0, id; i < sessions_of(p) && rc == SU_OK; i++)
        rc = su_stage_session_new(s, (p->rows + sessions_of(p) - 1) / sessions_of(p), &id, e);
    if (rc == SU_OK && first_of(p) > 0)
        rc = run_rows(s, c, 0, first_of(p), o, e);
    if (rc == SU_OK)
        rc = run_rows(s, c, first_of(p), p->rows, o, e);
    su_stage_free(s);
    return rc;
}

static void digest_result(const struct outputs *o, uint8_t out[SU_SHA256_BYTES])
{
    struct su_sha256 h;
    su_sha256_init(&h);
    for (uint32_t i = 0; i < o->n; i++)
        su_sha256_update(&h, o->data[i], o->bytes[i]);
    su_sha256_final(&h, out);
}

/* The reference's answers to all rows at once; NULL when there are none. */
static struct su_eval *reference_of(const struct conformance_probe *p, const struct probe_case *c)
{
    struct su_session **session = su_alloc(SU_MAX(sessions_of(p), 1u) * sizeof *session);
    struct su_eval_args args = {.row = c->row,
                                .n_row = p->rows,
                                .input = (const void *const *)c->input,
                                .weight = (const void *const *)c->weight,
                                .session = session,
                                .n_session = sessions_of(p)};
    struct su_eval *ev = NULL;
    enum su_code rc = SU_OK;
    for (uint32_t i = 0; i < sessions_of(p) && rc == SU_OK; i++)
        rc = su_session_new(c->graph, p->rows, &session[i], NULL);
    if (rc == SU_OK && su_graph_eval(c->graph, &args, &ev, NULL) != SU_OK)
        ev = NULL;
    for (uint32_t i = 0; i < sessions_of(p); i++)
        su_session_free(session[i]);
    free(session);
    return ev;
}

/* Says where a device first leaves the reference. */
static void explain(const struct conformance_probe *p, const struct probe_case *c,
                    const struct outputs *got, char *out, size_t cap)
{
    struct su_eval *ev = reference_of(p, c);
    if (!ev) {
        su_str_copy(out, cap, "digest differs from the known answer");
        return;
    }
    su_str_copy(out, cap, "this build's reference differs from the known answer too");
    for (uint32_t o = 0; o < got->n; o++) {
        size_t bytes = 0;
        const uint32_t *want = su_eval_value(ev, c->graph->output[o].value, &bytes),
                       *have = got->data[o];
        for (size_t i = 0; i < bytes / 4; i++)
            if (want[i] != have[i]) {
                snprintf(out, cap, "output %s element %zu: got %08x, want %08x",
                         c->graph->output[o].name, i, have[i], want[i]);
                su_eval_free(ev);
                return;
            }
    }
    su_eval_free(ev);
}

static enum su_code run_probe(struct su_exec *x, uint32_t i, struct su_conformance_probe *out,
                              struct su_err *e)
{
    const struct conformance_probe *p = &conformance_probes[i];
    struct probe_case c;
    struct outputs o = {0};
    struct su_err why = {0};
    su_str_copy(out->name, sizeof out->name, p->name);
    enum su_code rc = case_init(&c, p, e);
    if (rc != SU_OK)
        return rc;
    rc = run_case(x, p, &c, &o, &why);
    if (rc == SU_OK) {
        digest_result(&o, out->digest);
        out->pass = memcmp(out->digest, conformance_answers[i], SU_SHA256_BYTES) == 0;
        if (!out->pass)
            explain(p, &c, &o, out->detail, sizeof out->detail);
    } else {
        su_err_line(&why, out->detail, sizeof out->detail);
    }
    outputs_fini(&o);
    case_fini(&c);
    return SU_OK;
}

void su_conformance_root(uint8_t out[SU_SHA256_BYTES])
{
    su_sha256(conformance_answers, (size_t)conformance_n_probes * SU_SHA256_BYTES, out);
}

enum su_code su_conformance_run(struct su_exec *x,
                                bool (*progress)(void *ctx, uint32_t done, uint32_t total),
                                void *ctx, struct su_conformance *out, struct su_err *e)
{
    memset(out, 0, sizeof *out);
    SU_ASSERT(conformance_n_probes <= SU_ARRAY_LEN(out->probe));
    uint64_t t0 = su_clock_mono_ns();
    struct su_sha256 root;
    su_sha256_init(&root);
    for (uint32_t i = 0; i < conformance_n_probes; i++) {
        if (progress && !progress(ctx, i, conformance_n_probes))
            return su_fail(e, SU_ECANCELLED, "conformance", "stopped after %u of %u probes", i,
                           conformance_n_probes);
        enum su_code rc = run_probe(x, i, &out->probe[i], e);
        if (rc != SU_OK)
            return rc;
        out->n_probe++;
        out->n_fail += !out->probe[i].pass;
        su_sha256_update(&root, out->probe[i].digest, SU_SHA256_BYTES);
    }
    su_sha256_final(&root, out->root);
    uint8_t known[SU_SHA256_BYTES];
    su_conformance_root(known);
    out->root_known_good = memcmp(out->root, known, sizeof known) == 0;
    out->ms = (double)(su_clock_mono_ns() - t0) * 1e-6;
    if (progress)
        (void)progress(ctx, conformance_n_probes, conformance_n_probes);
    return SU_OK;
}
