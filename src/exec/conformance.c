// SPDX-License-Identifier: MIT
/* Runs the probes through the same stage interface that a node uses, so what is certified is what earns. */
#include "conformance_priv.h"

#include <stdlib.h>
#include <string.h>

_Static_assert(sizeof(((struct su_conformance *)0)->probe) / sizeof(struct su_conformance_probe) ==
                   64,
               "probe table");

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

/* A probe with its numbers. weight data is as stored. */
struct probe_case {
    struct su_graph *graph;
    struct su_row *row;
    void **input, **weight;
};

static void *fill_array(enum conformance_fill fill, struct rng *r, uint64_t n, enum su_dtype stored)
{
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
    for (uint32_t i = 0; i < p->rows; i++)
        c->row[i] = (struct su_row){.session = i, .emit = true};
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

static enum su_code run_case(struct su_exec *x, struct probe_case *c, uint32_t rows,
                             struct su_step_result *r, struct su_err *e)
{
    struct su_weight_source src = {c, case_read};
    struct su_step step = {c->row, rows, (const void *const *)c->input};
    struct su_stage *s = NULL;
    uint64_t ticket = 0;
    enum su_code rc = su_stage_load(x, c->graph, rows, rows, &src, &s, e);
    if (rc == SU_OK)
        rc = su_stage_submit(s, &step, &ticket, e);
    if (rc == SU_OK)
        rc = su_stage_wait(s, ticket, false, r, e);
    su_stage_free(s);
    return rc;
}

static void digest_result(const struct su_step_result *r, uint8_t out[SU_SHA256_BYTES])
{
    struct su_sha256 h;
    su_sha256_init(&h);
    for (uint32_t i = 0; i < r->n_output; i++)
        su_sha256_update(&h, r->output[i], r->output_bytes[i]);
    su_sha256_final(&h, out);
}

/* Says where a device first leaves the reference. */
static void explain(const struct probe_case *c, uint32_t rows, const struct su_step_result *got,
                    char *out, size_t cap)
{
    struct su_eval_args args = {.row = c->row,
                                .n_row = rows,
                                .input = (const void *const *)c->input,
                                .weight = (const void *const *)c->weight};
    struct su_eval *ev = NULL;
    if (su_graph_eval(c->graph, &args, &ev, NULL) != SU_OK) {
        su_str_copy(out, cap, "digest differs from the known answer");
        return;
    }
    su_str_copy(out, cap, "this build's reference differs from the known answer too");
    for (uint32_t o = 0; o < got->n_output; o++) {
        size_t bytes = 0;
        const uint32_t *want = su_eval_value(ev, c->graph->output[o].value, &bytes),
                       *have = got->output[o];
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
    struct su_step_result r = {0};
    struct su_err why = {0};
    su_str_copy(out->name, sizeof out->name, p->name);
    enum su_code rc = case_init(&c, p, e);
    if (rc != SU_OK)
        return rc;
    rc = run_case(x, &c, p->rows, &r, &why);
    if (rc == SU_OK) {
        digest_result(&r, out->digest);
        out->pass = memcmp(out->digest, conformance_answers[i], SU_SHA256_BYTES) == 0;
        if (!out->pass)
            explain(&c, p->rows, &r, out->detail, sizeof out->detail);
    } else {
        su_err_line(&why, out->detail, sizeof out->detail);
    }
    su_step_result_fini(&r);
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
