// SPDX-License-Identifier: MIT
/* Whole language models of every architecture and weight type on every backend: the bits of the
   reference backend's one dispatch, for any chunks, any mix of sessions, positions taken back and
   run again, and for the tasks of a plan. */
#include "engine/engine.h"
#include "exec/exec.h"
#include "model/model.h"
#include "plan/plan.h"
#include "weights/weights.h"

#include "support/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { VOCAB = 48, SERIES_MAX = 5, ROWS_MAX = 300 };

static bool full;

/* ---- backends -------------------------------------------------------------------------------- */

static struct lane {
    enum su_backend backend;
    const char *isa;
    unsigned threads;
    struct su_exec *exec; /* NULL: no Vulkan here */
} lanes[] = {{SU_BACKEND_REFERENCE, NULL, 1, NULL},
             {SU_BACKEND_CPU, "plain", 1, NULL},
             {SU_BACKEND_CPU, "avx2", 2, NULL},
             {SU_BACKEND_CPU, "avx512", 1, NULL},
             {SU_BACKEND_CPU, "amx", 2, NULL},
             {SU_BACKEND_VULKAN, NULL, 1, NULL}};

static int open_lanes(void **state)
{
    struct su_err e = {0};

    (void)state;
    for (size_t i = 0; i < SU_ARRAY_LEN(lanes); i++) {
        struct su_exec_opts o = {.backend = lanes[i].backend, .threads = lanes[i].threads};
        if (lanes[i].isa)
            setenv("SPLITUP_CPU", lanes[i].isa, 1);
        enum su_code rc = su_exec_open(&o, &lanes[i].exec, &e);
        unsetenv("SPLITUP_CPU");
        if (rc != SU_OK && lanes[i].backend != SU_BACKEND_VULKAN)
            return -1;
        print_message("%s\n", rc == SU_OK ? su_exec_device_name(lanes[i].exec) : e.msg);
    }
    return 0;
}

static int close_lanes(void **state)
{
    (void)state;
    for (size_t i = 0; i < SU_ARRAY_LEN(lanes); i++) {
        if (lanes[i].exec && su_exec_close(lanes[i].exec, NULL) != SU_OK)
            return -1;
    }
    return 0;
}

/* ---- models ---------------------------------------------------------------------------------- */

struct toy {
    enum su_llm_arch arch;
    enum su_dtype dtype; /* of matrices; of vectors too where it has no blocks */
    uint32_t width; /* hidden size and feed-forward size */
    uint32_t window; /* of llama; gemma3 always has one */
    float cap; /* gemma3: of attention and logits */
};

struct model {
    char name[64];
    struct su_llm_config config;
    struct su_buf file;
    struct su_weights *weights;
    struct su_graph *graph;
};

static void ok(const struct model *m, enum su_code rc, const struct su_err *e)
{
    if (rc != SU_OK)
        fail_msg("%s: %s: %s", m->name, e->at, e->msg);
}

static struct su_llm_config config_of(const struct toy *t)
{
    const struct su_llm_rope plain = {.base = 10000.0f, .scale = 1.0f};
    bool blocks = su_dtype_is_block(t->dtype);
    uint32_t head_dim = t->width / 4;
    struct su_llm_config c = {.arch = t->arch,
                              .names = SU_LLM_NAMES_GGUF,
                              .layers = 2,
                              .hidden = t->width,
                              .heads = 4,
                              .kv_heads = 2,
                              .head_dim = head_dim,
                              .ffn = t->width,
                              .vocab = VOCAB,
                              .ctx = 512,
                              .norm_eps = 1e-5f,
                              .attention_scale = 0.125f,
                              .rope = plain,
                              .rope_window = plain,
                              .rope_dims = head_dim,
                              .window = t->window};

    switch (t->arch) {
    case SU_LLM_LLAMA:
        c.rope_factors = t->dtype % 2 == 0;
        if (t->dtype % 3 == 0)
            c.rope = (struct su_llm_rope){500000.0f, 0.125f, 1, {1.0f, 4.0f, 8192.0f}};
        c.names = blocks ? SU_LLM_NAMES_GGUF : SU_LLM_NAMES_HF;
        break;
    case SU_LLM_QWEN2:
        c.qkv_bias = c.tied = true;
        break;
    case SU_LLM_QWEN3MOE:
        c.experts = 5;
        c.experts_used = 2;
        c.expert_ffn = t->width;
        c.experts_renormalise = t->dtype % 2 == 0;
        c.qk_norm = true;
        break;
    case SU_LLM_GEMMA3:
        c.names = blocks ? SU_LLM_NAMES_GGUF : SU_LLM_NAMES_HF;
        c.embedding_scale = 16.0f;
        c.window = t->window ? t->window : 6;
        c.window_pattern = 2;
        c.rope = (struct su_llm_rope){.base = 1e6f, .scale = 0.125f};
        c.attention_softcap = t->cap;
        c.logit_softcap = t->cap;
        c.tied = c.qk_norm = c.post_norms = c.gelu = true;
        break;
    default:
        c.qk_norm = true;
        c.rope = (struct su_llm_rope){10000.0f, 0.25f, 2, {32.0f, 1.0f, 4096.0f}};
    }
    return c;
}

/* Bits of the halves of a block that give weights as large as models have; the low byte is left to
   chance. */
static void put_halves(enum su_dtype d, uint8_t *block, uint8_t chance)
{
    static const uint16_t half[SU_DTYPE_COUNT][2] = {
        [SU_Q4_0] = {0x2000},         [SU_Q4_1] = {0x2000, 0xac00}, [SU_Q5_0] = {0x1c00},
        [SU_Q5_1] = {0x1c00, 0xad00}, [SU_Q8_0] = {0x1400},         [SU_Q4_K] = {0x0c00, 0x1800},
        [SU_Q5_K] = {0x0800, 0x1800}, [SU_Q6_K] = {0x0200}};
    uint32_t at = d == SU_Q6_K ? 208 : 0;

    su_put_le16(block + at, (uint16_t)(half[d][0] | chance));
    if (half[d][1])
        su_put_le16(block + 2, (uint16_t)(half[d][1] | (uint8_t)(chance * 7u)));
}

static void put_tensor(struct su_buf *b, const struct su_value *v, struct su_random *r, float base)
{
    uint64_t n = su_shape_elements(&v->shape), per_block = su_dtype_block_elements(v->dtype);
    uint32_t size = su_dtype_block_bytes(v->dtype);
    float amplitude = v->shape.rank > 1 ? 0.1f : 0.3f;
    uint8_t block[256];

    for (uint64_t i = 0; i < n; i += per_block) {
        uint32_t x = su_f32_bits(base + amplitude * su_random_unit(r));
        if (su_dtype_is_block(v->dtype)) {
            for (uint32_t k = 0; k < size; k++)
                block[k] = (uint8_t)(su_random_u64(r) >> 56);
            put_halves(v->dtype, block, block[4]);
        } else if (v->dtype == SU_BF16) {
            su_put_le16(block, (uint16_t)(x >> 16));
        } else if (v->dtype == SU_F16) { /* normal halves: the exponent's bias differs by 112 */
            uint32_t magnitude = (x & 0x7fffffffu) >> 13;
            magnitude = magnitude < (113u << 10) ? 0 : magnitude - (112u << 10);
            su_put_le16(block, (uint16_t)(x >> 31 << 15 | magnitude));
        } else {
            su_put_le32(block, x);
        }
        su_buf_put(b, block, size);
    }
}

static uint32_t gguf_type(enum su_dtype d)
{
    static const uint8_t number[SU_DTYPE_COUNT] = {
        [SU_F32] = 0,  [SU_F16] = 1,  [SU_BF16] = 30, [SU_Q4_0] = 2,  [SU_Q4_1] = 3, [SU_Q5_0] = 6,
        [SU_Q5_1] = 7, [SU_Q8_0] = 8, [SU_Q4_K] = 12, [SU_Q5_K] = 13, [SU_Q6_K] = 14};

    return number[d];
}

static void pad(struct su_buf *b)
{
    while (b->len % 32 != 0)
        su_buf_u8(b, 0);
}

/* The type of a weight whose shape a recipe's graph gives. */
static enum su_dtype type_for(const struct toy *t, const struct su_value *v)
{
    if (v->dtype == SU_F32) /* vectors and routers */
        return su_dtype_is_block(t->dtype) || v->shape.rank > 1 ? SU_F32 : t->dtype;
    return v->shape.rank == 3 && !su_dtype_is_block(t->dtype) ? SU_Q8_0 : t->dtype;
}

static void model_file(struct model *m, const struct toy *t, const struct su_graph *shapes)
{
    struct su_buf data;

    su_buf_init(&m->file, 0);
    su_buf_init(&data, 0);
    su_buf_str(&m->file, "GGUF");
    su_buf_u32(&m->file, 3);
    su_buf_u64(&m->file, shapes->n_weight);
    su_buf_u64(&m->file, 0);
    for (uint32_t i = 0; i < shapes->n_weight; i++) {
        struct su_value v = shapes->value[shapes->weight[i]];
        struct su_random r = su_random_of((uint64_t)t->arch * 100 + t->dtype, i);
        bool gain = v.shape.rank == 1 && !strstr(v.name, "bias");
        bool one_more = m->config.arch == SU_LLM_GEMMA3 && m->config.names == SU_LLM_NAMES_HF;
        v.dtype = type_for(t, &v);
        su_buf_u64(&m->file, strlen(v.name));
        su_buf_str(&m->file, v.name);
        su_buf_u32(&m->file, v.shape.rank);
        for (uint32_t k = v.shape.rank; k-- > 0;)
            su_buf_u64(&m->file, v.shape.dim[k]);
        su_buf_u32(&m->file, gguf_type(v.dtype));
        su_buf_u64(&m->file, data.len);
        put_tensor(&data, &v, &r, gain && !one_more ? 1.0f : 0.0f);
        pad(&data);
    }
    pad(&m->file);
    su_buf_put(&m->file, data.data, data.len);
    assert_int_equal(su_buf_check(&data, "toy", NULL), SU_OK);
    assert_int_equal(su_buf_check(&m->file, "toy", NULL), SU_OK);
    su_buf_fini(&data);
}

static void model_make(struct model *m, const struct toy *t)
{
    /* Experts are asked for in blocks, so that there is a graph to take shapes from. */
    enum su_llm_quant quant = t->arch == SU_LLM_QWEN3MOE ? SU_LLM_Q8_0 : SU_LLM_BF16;
    struct su_graph *shapes = NULL;
    struct su_err e = {0};

    (void)snprintf(m->name, sizeof m->name, "%s %s %u", su_llm_arch_name(t->arch),
                   su_dtype_name(t->dtype), t->width);
    m->config = config_of(t);
    ok(m, su_llm_graph(&m->config, NULL, quant, &shapes, &e), &e);
    model_file(m, t, shapes);
    su_graph_free(shapes);
    ok(m, su_weights_open_bytes(m->file.data, m->file.len, m->name, &m->weights, &e), &e);
    ok(m, su_llm_graph(&m->config, m->weights, quant, &m->graph, &e), &e);
}

static void model_fini(struct model *m)
{
    su_graph_free(m->graph);
    su_weights_close(m->weights);
    su_buf_fini(&m->file);
}

/* ---- running --------------------------------------------------------------------------------- */

/* A model on one backend: its graph as one stage, or the tasks of a plan. */
struct machine {
    const struct model *m;
    const char *backend, *what;
    struct su_stage *stage;
    struct su_engine *engine;
    uint32_t session[SERIES_MAX];
};

/* What the reference backend gives for every position of every series, each in one dispatch. */
struct want {
    uint32_t n_series, n_row;
    float (*logits)[VOCAB]; /* n_series x n_row */
};

static const float *want_at(const struct want *w, uint32_t series, uint32_t position)
{
    return w->logits[series * w->n_row + position];
}

/* Never the same twice in a row: at the start of a series that gives equal logits. */
static uint32_t token_of(uint32_t series, uint32_t position)
{
    struct su_random r = su_random_of(series, position);

    return su_random_below(&r, VOCAB / 2) * 2 + position % 2;
}

static enum su_code read_weight(void *ctx, uint32_t weight, uint64_t offset, void *dst, size_t n,
                                struct su_err *e)
{
    const struct model *m = ctx;
    struct su_weight_span span;
    enum su_code rc = su_weights_resolve(m->weights, m->graph, m->graph->weight[weight], &span, e);

    if (rc)
        return rc;
    if (offset > span.bytes || n > span.bytes - offset)
        return su_fail(e, SU_EINTERNAL, "weight", "read beyond its end");
    memcpy(dst, span.tensor->data + span.offset + offset, n);
    return SU_OK;
}

/* plan: NULL for the graph in one stage. */
static struct machine machine_new(struct model *m, const struct lane *lane,
                                  const struct su_plan *plan, const struct want *w)
{
    struct machine x = {.m = m, .backend = su_exec_device_name(lane->exec)};
    struct su_weight_source src = {m, read_weight};
    struct su_err e = {0};

    if (plan)
        ok(m, su_engine_open(lane->exec, m->graph, plan, m->weights, &x.engine, &e), &e);
    else
        ok(m, su_stage_load(lane->exec, m->graph, w->n_row, w->n_row, &src, &x.stage, &e), &e);
    for (uint32_t i = 0; i < w->n_series; i++) {
        ok(m,
           plan ? su_engine_session_new(x.engine, w->n_row, &x.session[i], &e)
                : su_stage_session_new(x.stage, w->n_row, &x.session[i], &e),
           &e);
    }
    return x;
}

static void machine_free(struct machine *x, const struct want *w)
{
    for (uint32_t i = 0; i < w->n_series; i++) {
        if (x->engine)
            su_engine_session_free(x->engine, x->session[i]);
        else
            su_stage_session_free(x->stage, x->session[i]);
    }
    su_engine_close(x->engine);
    su_stage_free(x->stage);
}

static uint32_t length_of(const struct machine *x, uint32_t series)
{
    return x->engine ? su_engine_session_length(x->engine, x->session[series])
                     : su_stage_session_length(x->stage, x->session[series]);
}

static void cut_back(struct machine *x, uint32_t series, uint32_t length)
{
    struct su_err e = {0};

    ok(x->m,
       x->engine ? su_engine_session_truncate(x->engine, x->session[series], length, &e)
                 : su_stage_session_truncate(x->stage, x->session[series], length, &e),
       &e);
}

/* One dispatch; row.session is the number of a series. Puts the logits of emitted rows into out. */
static void run(struct machine *x, const struct su_row *row, uint32_t n, float (*out)[VOCAB])
{
    struct su_row real[ROWS_MAX];
    uint32_t token[ROWS_MAX], emitted = 0;
    const void *input[] = {token};
    struct su_step_result s = {0};
    struct su_engine_result r = {0};
    struct su_err e = {0};

    assert_true(n <= ROWS_MAX);
    for (uint32_t i = 0; i < n; i++) {
        real[i] = row[i];
        real[i].session = x->session[row[i].session];
        token[i] = token_of(row[i].session, row[i].position);
        emitted += row[i].emit;
    }
    if (x->engine) {
        ok(x->m, su_engine_run(x->engine, real, n, input, false, &r, &e), &e);
    } else {
        struct su_step step = {real, n, input};
        uint64_t ticket = 0;
        ok(x->m, su_stage_submit(x->stage, &step, &ticket, &e), &e);
        ok(x->m, su_stage_wait(x->stage, ticket, false, &s, &e), &e);
    }
    assert_int_equal(x->engine ? r.output_bytes[0] : s.output_bytes[0], emitted * sizeof *out);
    if (emitted)
        memcpy(out, x->engine ? r.output[0] : s.output[0], emitted * sizeof *out);
    su_engine_result_fini(&r);
    su_step_result_fini(&s);
}

static void run_and_compare(struct machine *x, const struct want *w, const struct su_row *row,
                            uint32_t n)
{
    static float got[ROWS_MAX][VOCAB];

    run(x, row, n, got);
    for (uint32_t i = 0, at = 0; i < n; i++) {
        const float *want = want_at(w, row[i].session, row[i].position), *have = got[at];
        if (!row[i].emit)
            continue;
        at++;
        for (uint32_t k = 0; k < VOCAB; k++) {
            if (su_f32_bits(want[k]) != su_f32_bits(have[k]))
                fail_msg("%s, %s, %s: %u rows, series %u, position %u, logit %u: %08x, want %08x",
                         x->m->name, x->backend, x->what, n, row[i].session, row[i].position, k,
                         su_f32_bits(have[k]), su_f32_bits(want[k]));
        }
    }
}

/* ---- what must give the same bits ------------------------------------------------------------ */

/* A series from where it stands up to `to`, in dispatches of up to `chunk` rows. */
static void run_chunks(struct machine *x, const struct want *w, uint32_t series, uint32_t chunk,
                       uint32_t to)
{
    struct su_row row[ROWS_MAX];

    for (uint32_t at = length_of(x, series); at < to;) {
        uint32_t n = SU_MIN(chunk, to - at);
        for (uint32_t i = 0; i < n; i++)
            row[i] = (struct su_row){series, at + i, true};
        run_and_compare(x, w, row, n);
        at += n;
    }
}

/* All series at once: dispatches with any number of rows of each, in any order between series, of
   which some emit; now and then one is cut back. */
static void run_mixed(struct machine *x, const struct want *w, struct su_random *r)
{
    struct su_row row[ROWS_MAX];
    uint32_t length[SERIES_MAX], cuts = 0, left = 0;

    x->what = "mixed";
    for (uint32_t i = 0; i < w->n_series; i++) {
        cut_back(x, i, 0);
        length[i] = 0;
        left += w->n_row;
    }
    while (left > 0) {
        uint32_t most = SU_MIN(left, w->n_row), n = 0;
        uint32_t rows = su_random_chance(r, 40) ? su_random_range(r, 1, SU_MIN(most, 5))
                                                : su_random_range(r, 1, most);
        while (n < rows) {
            uint32_t s = su_random_below(r, w->n_series), run_of = su_random_range(r, 1, 7);
            for (; run_of > 0 && n < rows && length[s] < w->n_row; run_of--, left--)
                row[n++] = (struct su_row){s, length[s]++, su_random_chance(r, 60)};
        }
        run_and_compare(x, w, row, n);
        uint32_t s = su_random_below(r, w->n_series);
        if (cuts < 3 && length[s] > 1 && su_random_chance(r, 30)) {
            uint32_t to = su_random_below(r, length[s]);
            left += length[s] - to;
            length[s] = to;
            cut_back(x, s, to);
            cuts++;
        }
    }
}

static void check_stage(struct model *m, const struct lane *lane, const struct want *w,
                        struct su_random *r)
{
    struct machine x = machine_new(m, lane, NULL, w);
    uint32_t last = w->n_row - 4;

    x.what = "whole";
    run_chunks(&x, w, 0, w->n_row, w->n_row);
    x.what = "cut back and run again";
    cut_back(&x, 0, w->n_row / 3);
    run_chunks(&x, w, 0, w->n_row, w->n_row);
    x.what = "chunks of 8, then single tokens";
    run_chunks(&x, w, 1, 8, last);
    run_chunks(&x, w, 1, 1, w->n_row);
    if (full || w->n_row < 50) {
        x.what = "single tokens";
        run_chunks(&x, w, 2, 1, w->n_row);
    }
    run_mixed(&x, w, r);
    machine_free(&x, w);
}

static void check_plan(struct model *m, const struct lane *lane, const struct su_plan *plan,
                       const struct want *w, struct su_random *r)
{
    struct machine x = machine_new(m, lane, plan, w);

    x.what = "tasks, chunks";
    run_chunks(&x, w, 0, w->n_row < 50 ? 8 : 100, w->n_row - 2);
    run_chunks(&x, w, 0, 1, w->n_row);
    if (full || w->n_row < 50)
        run_mixed(&x, w, r);
    machine_free(&x, w);
}

/* For the smallest target, or for one that makes some tasks larger. */
static struct su_plan *plan_of(const struct model *m, const struct want *w, bool smallest)
{
    struct su_plan_opts o = {.n_target = 1,
                             .t_max = w->n_row,
                             .e_max = w->n_row,
                             .ctx = w->n_row,
                             .sessions = w->n_series};
    struct su_plan *plan = NULL;
    struct su_err e = {0};
    uint64_t least = 0, target;

    ok(m, su_plan_smallest(m->graph, &o, &least, &e), &e);
    o.target = &target;
    target = smallest ? least : least * 5 / 4;
    ok(m, su_plan_build(m->graph, &o, &plan, &e), &e);
    assert_true(plan->n_task > 1);
    return plan;
}

/* The logits are those of a model that computes: none is at a bound, and positions differ. */
static void check_sane(const struct model *m, const struct want *w)
{
    uint32_t same = 0;

    for (uint32_t i = 0; i < w->n_series * w->n_row; i++) {
        float most = 0.0f;
        for (uint32_t k = 0; k < VOCAB; k++)
            most = SU_MAX(most, w->logits[i][k] < 0 ? -w->logits[i][k] : w->logits[i][k]);
        if (!(most > 0.01f && most < 10000.0f))
            fail_msg("%s: row %u has a largest logit of %g", m->name, i, (double)most);
        same += i > 0 && memcmp(w->logits[i], w->logits[i - 1], sizeof *w->logits) == 0;
    }
    assert_int_equal(same, 0);
}

static void check_toy(const struct toy *t, uint32_t n_series, uint32_t n_row, uint32_t turn)
{
    struct model m = {.name = ""};
    struct want w = {n_series, n_row, calloc((size_t)n_series * n_row, sizeof *w.logits)};
    struct su_row row[ROWS_MAX];

    assert_non_null(w.logits);
    model_make(&m, t);
    struct machine x = machine_new(&m, &lanes[0], NULL, &w);
    for (uint32_t s = 0; s < n_series; s++) {
        for (uint32_t i = 0; i < n_row; i++)
            row[i] = (struct su_row){s, i, true};
        run(&x, row, n_row, w.logits + (size_t)s * n_row);
    }
    machine_free(&x, &w);
    check_sane(&m, &w);
    struct su_plan *plan = plan_of(&m, &w, turn % 2 == 0);
    for (size_t i = 0; i < SU_ARRAY_LEN(lanes); i++) {
        struct su_random r = su_random_of(turn, i);
        if (!lanes[i].exec)
            continue;
        /* The reference backend has no chunks to be wrong in: its tasks are enough. */
        if (full || i > 0)
            check_stage(&m, &lanes[i], &w, &r);
        if (full || turn % 2 == i % 2)
            check_plan(&m, &lanes[i], plan, &w, &r);
    }
    print_message("%s: %u tasks\n", m.name, plan->n_task);
    su_plan_free(plan);
    model_fini(&m);
    free(w.logits);
}

/* ---- tests ----------------------------------------------------------------------------------- */

static const enum su_dtype types[] = {SU_F32,  SU_F16,  SU_BF16, SU_Q4_0, SU_Q4_1, SU_Q5_0,
                                      SU_Q5_1, SU_Q8_0, SU_Q4_K, SU_Q5_K, SU_Q6_K};

/* Every architecture with every type; in short runs every type with one architecture or two. */
static void test_types(void **state)
{
    (void)state;
    uint32_t turn = 0;
    for (uint32_t d = 0; d < SU_ARRAY_LEN(types); d++) {
        for (uint32_t a = 0; a < SU_LLM_ARCH_COUNT; a++) {
            struct toy t = {(enum su_llm_arch)a, types[d], 256, a + d == 5 ? 4 : 0, 0.0f};
            if (full || a == d % SU_LLM_ARCH_COUNT)
                check_toy(&t, full ? 5 : 3, 12, turn++);
        }
    }
}

static void test_wide(void **state)
{
    (void)state;
    uint32_t turn = 0;
    for (uint32_t d = 0; d < SU_ARRAY_LEN(types); d++) {
        for (uint32_t a = 0; a < SU_LLM_ARCH_COUNT; a++) {
            struct toy t = {(enum su_llm_arch)a, types[d], 512, 0, a % 2 ? 20.0f : 0.0f};
            if (full || (d >= 8 && a == (d + 2) % SU_LLM_ARCH_COUNT))
                check_toy(&t, full ? 4 : 3, 9, turn++);
        }
    }
}

/* Attention over more than one segment of 256 positions, with windows within and across them, and
   with soft caps. */
static void test_long(void **state)
{
    (void)state;
    static const struct toy toys[] = {
        {SU_LLM_GEMMA3, SU_Q8_0, 64, 20, 30.0f}, {SU_LLM_LLAMA, SU_Q4_0, 64, 0, 0.0f},
        {SU_LLM_LLAMA, SU_Q5_1, 64, 261, 0.0f},  {SU_LLM_QWEN3MOE, SU_Q4_1, 64, 0, 0.0f},
        {SU_LLM_GEMMA3, SU_BF16, 64, 258, 5.0f}, {SU_LLM_QWEN2, SU_F16, 64, 0, 0.0f}};
    for (uint32_t i = 0; i < SU_ARRAY_LEN(toys); i++) {
        if (full || i < 2)
            check_toy(&toys[i], 3, full ? 300 : 270, i);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_types),
        cmocka_unit_test(test_wide),
        cmocka_unit_test(test_long),
    };
    const char *env = getenv("SU_TEST_FULL");
    full = env && strcmp(env, "1") == 0;
    return cmocka_run_group_tests(tests, open_lanes, close_lanes);
}
