// SPDX-License-Identifier: MIT
/* bench_ops: how fast the backends run single ops, against what the machine can do and against ggml on the same shapes.

   All contenders of a case take turns (A B C A B C ...), so that a busy moment hits them alike; the median over the turns is
   the figure, the least time stands beside it. Our time is that of the step on the device, ggml's that of its graph.
   Before it counts, every contender's result is compared with that of the first: ours bit for bit, ggml's roughly. */
#include "base/base.h"
#include "exec/exec.h"
#include "graph/graph.h"
#include "support/ggml_peer.h"
#include "support/machine_speed.h"
#include "support/random.h"
#include "json/json.h"

#include <getopt.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define REPS_MAX 1001u
#define MACHINE_REPS 7u
#define BURST_MS 4.0 /* short ops are repeated until a turn takes this long */
#define CASE_MS                                                                                    \
    12000.0 /* a contender stops taking turns after this much of its own time, but not before 3 */
#define TOLERANCE 0.02 /* of the largest result: ggml may multiply in half precision */

static const struct bench_shape {
    const char *name;
    struct peer_op op;
    bool by_memory; /* bound by bytes, not by arithmetic */
} shapes[] = {
    {"gemm 64x768x768", {.kind = PEER_GEMM, .m = 64, .k = 768, .n = 768}, false},
    {"gemm 64x2048x2048", {.kind = PEER_GEMM, .m = 64, .k = 2048, .n = 2048}, false},
    {"gemm 256x2048x2048", {.kind = PEER_GEMM, .m = 256, .k = 2048, .n = 2048}, false},
    {"gemm 8x2048x2048", {.kind = PEER_GEMM, .m = 8, .k = 2048, .n = 2048}, false},
    {"gemv 1x2048x8192", {.kind = PEER_GEMM, .m = 1, .k = 2048, .n = 8192}, true},
    {"gemv 1x4096x4096", {.kind = PEER_GEMM, .m = 1, .k = 4096, .n = 4096}, true},
    {"conv 1>16 5x5 28", {.kind = PEER_CONV, .m = 64, .c = 1, .n = 16, .h = 28, .side = 5}, false},
    {"conv 16>48 3x3 14",
     {.kind = PEER_CONV, .m = 64, .c = 16, .n = 48, .h = 14, .side = 3},
     false},
    {"conv 16>32 5x5 14",
     {.kind = PEER_CONV, .m = 64, .c = 16, .n = 32, .h = 14, .side = 5},
     false},
    {"conv 48>64 3x3 7", {.kind = PEER_CONV, .m = 64, .c = 48, .n = 64, .h = 7, .side = 3}, false},
    {"add, 8 in a row", {.kind = PEER_ADD, .m = 64, .k = 65536, .chain = 8}, true},
    {"silu, 8 in a row", {.kind = PEER_SILU, .m = 64, .k = 16384, .chain = 8}, true},
    {"softmax, 4 in a row", {.kind = PEER_SOFTMAX, .m = 256, .k = 4096, .chain = 4}, true},
    {"rmsnorm, 4 in a row", {.kind = PEER_RMSNORM, .m = 256, .k = 4096, .chain = 4}, true},
};

enum { RUN_CPU, RUN_VULKAN, RUN_GGML_CPU, RUN_GGML_VULKAN, RUN_COUNT };
static const char *const run_name[RUN_COUNT] = {"cpu", "vulkan", "ggml cpu", "ggml vulkan"};

struct options {
    bool backend[RUN_COUNT];
    unsigned threads, reps;
    bool json;
    const char *filter, *ggml_dir;
    size_t memory_bytes;
};
struct contender {
    struct su_stage *stage; /* ours */
    struct ggml_peer_case *peer; /* or ggml's */
    bool present, agrees;
    unsigned burst, turns;
    double spent_ms, ms[REPS_MAX], median, least;
    double worst; /* largest difference from the first, relative to the largest value */
    char why[128]; /* when not present */
};
struct bench {
    struct options o;
    struct su_exec *exec[2];
    struct ggml_peer *ggml;
    struct su_jobs *jobs;
    double peak_gflops, read_gbs, triad_gbs;
    char ggml_why[256];
    struct su_json_writer *json;
    unsigned failed;
};
/* One shape with its operands. */
struct trial {
    const struct bench_shape *shape;
    struct su_graph *graph;
    float *x, *w, *first; /* first: results all others are compared with */
    uint32_t first_run;
    struct su_row *row;
    struct contender run[RUN_COUNT];
};

/* ---- our side --------------------------------------------------------------------------------------------- */

static enum su_code read_weight(void *ctx, uint32_t weight, uint64_t offset, void *dst, size_t n,
                                struct su_err *e)
{
    const struct trial *t = ctx;
    (void)weight;
    (void)e;
    memcpy(dst, (const char *)t->w + offset, n);
    return SU_OK;
}

static enum su_code chain_nodes(struct su_graph *g, const struct peer_op *op, uint32_t x,
                                uint32_t w, uint32_t *y, struct su_err *e)
{
    static const enum su_op of[] = {[PEER_ADD] = SU_OP_ADD,
                                    [PEER_SILU] = SU_OP_SILU,
                                    [PEER_SOFTMAX] = SU_OP_SOFTMAX,
                                    [PEER_RMSNORM] = SU_OP_RMSNORM};
    bool norm = op->kind == PEER_RMSNORM;
    int32_t attr[2] = {(int32_t)su_f32_bits(1e-5f), 0};
    *y = x;
    for (uint32_t i = 0; i < op->chain; i++) {
        uint32_t arg[2] = {*y, w};
        enum su_code rc =
            su_graph_add_node(g, of[op->kind], arg, norm || op->kind == PEER_ADD ? 2 : 1, attr,
                              norm ? 2 : 0, NULL, 0, y, e);
        if (rc != SU_OK)
            return rc;
    }
    return SU_OK;
}

static enum su_code graph_fill(struct su_graph *g, const struct peer_op *op, struct su_err *e)
{
    uint32_t x = 0, w = 0, y = 0;
    int32_t pad = (int32_t)op->side / 2, attr[9] = {1, 1, pad, pad, pad, pad, 1, 1, 1};
    struct su_shape xs = {1, {op->k}}, ws = {2, {op->n, op->k}};
    if (op->kind == PEER_CONV) {
        xs = (struct su_shape){3, {op->c, op->h, op->h}};
        ws = (struct su_shape){4, {op->n, op->c, op->side, op->side}};
    } else if (op->kind == PEER_RMSNORM) {
        ws = (struct su_shape){1, {op->k}};
    }
    enum su_code rc = su_graph_add_input(g, "x", SU_ROWS, SU_F32, &xs, &x, e);
    if (rc == SU_OK && op->kind == PEER_ADD)
        rc = su_graph_add_input(g, "w", SU_ROWS, SU_F32, &xs, &w, e);
    else if (rc == SU_OK && peer_weight_floats(op) > 0)
        rc = su_graph_add_weight(g, "w", SU_F32, &ws, 0, &w, e);
    if (rc != SU_OK)
        return rc;
    if (op->kind == PEER_GEMM)
        rc = su_graph_add_node(g, SU_OP_MATMUL, (uint32_t[]){x, w}, 2, NULL, 0, NULL, 0, &y, e);
    else if (op->kind == PEER_CONV)
        rc = su_graph_add_node(g, SU_OP_CONV2D, (uint32_t[]){x, w}, 2, attr, 9, NULL, 0, &y, e);
    else
        rc = chain_nodes(g, op, x, w, &y, e);
    if (rc == SU_OK)
        rc = su_graph_add_output(g, "y", y, e);
    return rc == SU_OK ? su_graph_check(g, e) : rc;
}

/* One step; *y takes the result when not NULL. Returns its ms, negative on failure. */
static double step_run(const struct trial *t, struct su_stage *s, float *y, struct su_err *e)
{
    const void *input[2] = {t->x, t->w};
    struct su_step step = {.row = t->row, .n_row = t->shape->op.m, .input = input};
    struct su_step_result r = {0};
    uint64_t ticket = 0;
    if (su_stage_submit(s, &step, &ticket, e) != SU_OK ||
        su_stage_wait(s, ticket, false, &r, e) != SU_OK)
        return -1;
    double ms = r.ms;
    if (y)
        memcpy(y, r.output[0], peer_output_floats(&t->shape->op) * sizeof *y);
    su_step_result_fini(&r);
    return ms;
}

/* ---- a turn ----------------------------------------------------------------------------------------------- */

/* ms of one op, averaged over a burst; negative on failure. */
static double turn(const struct trial *t, struct contender *c, struct su_err *e)
{
    double sum = 0;
    if (c->peer) {
        sum = ggml_peer_run_ms(c->peer, c->burst);
        return sum < 0 ? sum : sum / c->burst;
    }
    for (unsigned i = 0; i < c->burst; i++) {
        double ms = step_run(t, c->stage, NULL, e);
        if (ms < 0)
            return ms;
        sum += ms;
    }
    return sum / c->burst;
}

static bool contender_failed(struct contender *c, const struct su_err *e)
{
    char line[512];
    su_err_line(e, line, sizeof line);
    (void)su_str_copy(c->why, sizeof c->why, line);
    c->present = false;
    return false;
}

static bool contender_prepare(struct bench *b, struct trial *t, unsigned run, bool direct)
{
    struct contender *c = &t->run[run];
    struct su_err e = {0};
    const struct peer_op *op = &t->shape->op;
    struct su_weight_source src = {.ctx = t, .read = read_weight};
    enum su_code rc;
    if (run <= RUN_VULKAN)
        rc = su_stage_load(b->exec[run], t->graph, op->m, op->m, &src, &c->stage, &e);
    else
        rc = ggml_peer_prepare(b->ggml, run == RUN_GGML_CPU ? GGML_PEER_CPU : GGML_PEER_VULKAN, op,
                               direct, t->x, t->w, &c->peer, &e);
    if (rc != SU_OK)
        return contender_failed(c, &e);
    c->present = true;
    return true;
}

/* First runs: warm up, compare, and find how often a turn repeats. */
static bool contender_warm(struct trial *t, unsigned run)
{
    struct contender *c = &t->run[run];
    struct su_err e = {0};
    size_t n = peer_output_floats(&t->shape->op);
    float *y = su_alloc(n * sizeof *y);
    c->burst = 1;
    double ms = turn(t, c, &e);
    ms = ms < 0 ? ms : turn(t, c, &e);
    bool good = ms >= 0;
    if (good && c->peer)
        ggml_peer_output(c->peer, y);
    else if (good)
        good = step_run(t, c->stage, y, &e) >= 0;
    if (!good) {
        free(y);
        return contender_failed(c, &e);
    }
    c->burst = (unsigned)SU_MIN(1000.0, SU_MAX(1.0, ceil(BURST_MS / SU_MAX(ms, 1e-3))));
    c->agrees = true;
    if (!t->first) {
        t->first = y;
        t->first_run = run;
        return true;
    }
    double largest = 0;
    for (size_t i = 0; i < n; i++) {
        largest = SU_MAX(largest, fabs((double)t->first[i]));
        c->worst = SU_MAX(c->worst, fabs((double)t->first[i] - (double)y[i]));
    }
    c->worst /= SU_MAX(largest, 1e-30);
    bool ours = run <= RUN_VULKAN && t->first_run <= RUN_VULKAN;
    c->agrees = ours ? memcmp(y, t->first, n * sizeof *y) == 0 : c->worst <= TOLERANCE;
    free(y);
    return true;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median_of(double *v, unsigned n)
{
    qsort(v, n, sizeof *v, by_value);
    return n % 2 ? v[n / 2] : 0.5 * (v[n / 2 - 1] + v[n / 2]);
}

/* Of what the machine can do, the best counts. */
static double most_of(double *v, unsigned n)
{
    qsort(v, n, sizeof *v, by_value);
    return v[n - 1];
}

static void contender_free(struct contender *c)
{
    su_stage_free(c->stage);
    ggml_peer_case_free(c->peer);
    c->stage = NULL;
    c->peer = NULL;
}

/* ggml has two ways to a conv2d; the faster one stands for its CPU backend. On Vulkan that is the direct one wherever tried, and
   version 0.25.1 on lavapipe damages the heap when one process takes both. */
static void ggml_conv_choose(struct bench *b, struct trial *t, unsigned run)
{
    struct contender one = {0}, *c = &t->run[run];
    struct su_err e = {0};
    double ms[2] = {INFINITY, INFINITY};
    for (unsigned way = 0; way < 2; way++) {
        if (!contender_prepare(b, t, run, way == 1))
            continue;
        c->burst = 1;
        for (unsigned i = 0; i < 4; i++) {
            double now = turn(t, c, &e);
            if (now >= 0 && i > 0)
                ms[way] = SU_MIN(ms[way], now);
        }
        contender_free(c);
        *c = one;
    }
    (void)contender_prepare(b, t, run, ms[1] < ms[0]);
}

static void trial_turns(struct bench *b, struct trial *t)
{
    for (unsigned i = 0; i < b->o.reps; i++)
        for (unsigned run = 0; run < RUN_COUNT; run++) {
            struct contender *c = &t->run[run];
            struct su_err e = {0};
            if (!c->present || (c->spent_ms > CASE_MS && c->turns >= 3))
                continue;
            double ms = turn(t, c, &e);
            if (ms < 0) {
                (void)contender_failed(c, &e);
                continue;
            }
            c->ms[c->turns++] = ms;
            c->spent_ms += ms * c->burst;
        }
    for (unsigned run = 0; run < RUN_COUNT; run++) {
        struct contender *c = &t->run[run];
        if (!c->present)
            continue;
        c->median = median_of(c->ms, c->turns);
        c->least = c->ms[0];
    }
}

/* ---- reporting -------------------------------------------------------------------------------------------- */

static double op_flops(const struct peer_op *op)
{
    if (op->kind == PEER_GEMM)
        return 2.0 * op->m * op->k * op->n;
    if (op->kind == PEER_CONV)
        return 2.0 * (double)peer_output_floats(op) * op->c * op->side * op->side;
    return 0;
}

/* Least traffic of the op, or of the chain with each op on its own. */
static double op_bytes(const struct peer_op *op)
{
    double x = (double)peer_input_floats(op), w = (double)peer_weight_floats(op),
           y = (double)peer_output_floats(op);
    return 4.0 * (x + w + y) * SU_MAX(op->chain, 1u);
}

static void report_json(struct bench *b, const struct trial *t, double read_gbs)
{
    struct su_json_writer *w = b->json;
    double flops = op_flops(&t->shape->op), bytes = op_bytes(&t->shape->op);
    su_json_put_object(w, NULL);
    su_json_put_str(w, "name", t->shape->name);
    su_json_put_double(w, "flops", flops);
    su_json_put_double(w, "bytes", bytes);
    su_json_put_double(w, "read_gbs_at_this_size", read_gbs);
    su_json_put_array(w, "runs");
    for (unsigned run = 0; run < RUN_COUNT; run++) {
        const struct contender *c = &t->run[run];
        if (!c->present)
            continue;
        su_json_put_object(w, NULL);
        su_json_put_str(w, "backend", run_name[run]);
        su_json_put_double(w, "ms_median", c->median);
        su_json_put_double(w, "ms_min", c->least);
        su_json_put_u64(w, "turns", c->turns);
        su_json_put_double(w, "gflops", flops / c->median * 1e-6);
        su_json_put_double(w, "gbs", bytes / c->median * 1e-6);
        su_json_put_double(w, "difference", c->worst);
        su_json_end_object(w);
    }
    su_json_end_array(w);
    su_json_end_object(w);
}

static void ratio_print(const struct trial *t, unsigned ours, unsigned theirs)
{
    if (t->run[ours].present && t->run[theirs].present)
        printf("  %-20s %-12s %.2f x %s\n", "", run_name[ours],
               t->run[theirs].median / t->run[ours].median, run_name[theirs]);
}

static void report_text(struct bench *b, const struct trial *t, double read_gbs)
{
    double flops = op_flops(&t->shape->op), bytes = op_bytes(&t->shape->op);
    for (unsigned run = 0; run < RUN_COUNT; run++) {
        const struct contender *c = &t->run[run];
        if (!c->present) {
            if (c->why[0])
                printf("  %-20s %-12s not run: %s\n", t->shape->name, run_name[run], c->why);
            continue;
        }
        double gbs = bytes / c->median * 1e-6, gflops = flops / c->median * 1e-6;
        printf("  %-20s %-12s %9.3f %9.3f %5u", t->shape->name, run_name[run], c->median, c->least,
               c->turns);
        if (flops > 0)
            printf(" %8.1f %5.0f%%", gflops, 100 * gflops / b->peak_gflops);
        else
            printf(" %8s %6s", "", "");
        if (t->shape->by_memory)
            printf(" %8.1f %5.0f%%", gbs, 100 * gbs / read_gbs);
        printf("%s\n", c->agrees ? "" : "   RESULT DIFFERS");
    }
    ratio_print(t, RUN_CPU, RUN_GGML_CPU);
    ratio_print(t, RUN_VULKAN, RUN_GGML_VULKAN);
    (void)fflush(stdout);
}

/* Read bandwidth over as many bytes as the case moves, for the roofline of a working set that may sit in a cache. */
static double read_at(struct bench *b, double bytes)
{
    struct machine_speed *m = machine_speed_new(b->jobs, (size_t)SU_MAX(bytes, 1048576.0));
    double v[MACHINE_REPS + 1], gbs = b->read_gbs;
    if (m) {
        for (unsigned i = 0; i < MACHINE_REPS + 1; i++)
            v[i] = machine_read_gbs(m);
        gbs = most_of(v + 1, MACHINE_REPS);
    }
    machine_speed_free(m);
    return gbs;
}

static void operands_fill(struct trial *t)
{
    const struct peer_op *op = &t->shape->op;
    struct su_random r = su_random_of(7, op->m ^ op->k ^ op->n);
    size_t nx = peer_input_floats(op), nw = peer_weight_floats(op);
    t->x = su_alloc(nx * sizeof *t->x);
    t->w = su_alloc(SU_MAX(nw, 1u) * sizeof *t->w);
    for (size_t i = 0; i < nx; i++)
        t->x[i] = su_random_unit(&r);
    for (size_t i = 0; i < nw; i++)
        t->w[i] = su_random_unit(&r);
    t->row = su_alloc(op->m * sizeof *t->row);
    for (uint32_t i = 0; i < op->m; i++)
        t->row[i] = (struct su_row){.session = 0, .position = i, .emit = true};
}

static bool trial_run(struct bench *b, const struct bench_shape *shape, struct su_err *e)
{
    struct trial *t = su_alloc(sizeof *t);
    t->shape = shape;
    operands_fill(t);
    t->graph = su_graph_new();
    bool good = t->graph && graph_fill(t->graph, &shape->op, e) == SU_OK;
    for (unsigned run = 0; good && run < RUN_COUNT; run++) {
        if (!b->o.backend[run])
            continue;
        if (run == RUN_GGML_CPU && shape->op.kind == PEER_CONV)
            ggml_conv_choose(b, t, run);
        else
            (void)contender_prepare(b, t, run, run == RUN_GGML_VULKAN);
        if (t->run[run].present)
            (void)contender_warm(t, run);
        if (t->run[run].present && !t->run[run].agrees)
            b->failed++;
        if (!t->run[run].present && run <= RUN_VULKAN)
            b->failed++;
    }
    if (good) {
        trial_turns(b, t);
        double read_gbs = read_at(b, op_bytes(&shape->op) / SU_MAX(shape->op.chain, 1u));
        if (b->json)
            report_json(b, t, read_gbs);
        else
            report_text(b, t, read_gbs);
    }
    for (unsigned run = 0; run < RUN_COUNT; run++)
        contender_free(&t->run[run]);
    su_graph_free(t->graph);
    free(t->x);
    free(t->w);
    free(t->first);
    free(t->row);
    free(t);
    return good;
}

/* ---- the whole -------------------------------------------------------------------------------------------- */

static bool machine_measure(struct bench *b, struct su_err *e)
{
    double peak[MACHINE_REPS], read[MACHINE_REPS], triad[MACHINE_REPS];
    struct machine_speed *m = machine_speed_new(b->jobs, b->o.memory_bytes);
    if (!m) {
        (void)su_fail(e, SU_ENOMEM, "--memory", "three buffers of %zu bytes; give a smaller size",
                      b->o.memory_bytes);
        return false;
    }
    for (unsigned i = 0; i < MACHINE_REPS; i++) {
        peak[i] = machine_peak_gflops(b->jobs);
        read[i] = machine_read_gbs(m);
        triad[i] = machine_triad_gbs(m);
    }
    b->peak_gflops = most_of(peak, MACHINE_REPS);
    b->read_gbs = most_of(read, MACHINE_REPS);
    b->triad_gbs = most_of(triad, MACHINE_REPS);
    machine_speed_free(m);
    return true;
}

/* ggml leaves software Vulkan devices out unless told to use one; where there is nothing else, it is told. */
static void ggml_allow_software(void)
{
    struct su_device *d = NULL;
    size_t n = 0;
    struct su_err e = {0};
    if (su_devices_list(&d, &n, &e) == SU_OK && n > 0 && d[0].kind == SU_DEVICE_CPU)
        (void)setenv("GGML_VK_VISIBLE_DEVICES", "0", 0);
    free(d);
}

static void backends_open(struct bench *b, struct su_err *e)
{
    static const enum su_backend of[2] = {SU_BACKEND_CPU, SU_BACKEND_VULKAN};
    for (unsigned run = 0; run <= RUN_VULKAN; run++) {
        struct su_exec_opts o = {.backend = of[run], .threads = b->o.threads};
        if (!b->o.backend[run] || su_exec_open(&o, &b->exec[run], e) == SU_OK)
            continue;
        char line[512];
        su_err_line(e, line, sizeof line);
        fprintf(stderr, "bench_ops: %s is not measured: %s\n", run_name[run], line);
        b->o.backend[run] = false;
    }
    if (b->o.backend[RUN_GGML_VULKAN])
        ggml_allow_software();
    if (!b->o.ggml_dir) {
        (void)su_str_copy(b->ggml_why, sizeof b->ggml_why,
                          "absent: tests/bench/fetch_ggml.py prints a directory for --ggml");
    } else if (ggml_peer_open(b->o.ggml_dir, su_jobs_threads(b->jobs), &b->ggml, e) != SU_OK) {
        char line[512];
        su_err_line(e, line, sizeof line);
        (void)su_str_copy(b->ggml_why, sizeof b->ggml_why, line);
    }
    b->o.backend[RUN_GGML_CPU] = b->ggml && b->o.backend[RUN_GGML_CPU];
    b->o.backend[RUN_GGML_VULKAN] =
        b->ggml && b->o.backend[RUN_GGML_VULKAN] && ggml_peer_device(b->ggml, GGML_PEER_VULKAN);
}

static const char *device_of(const struct bench *b, unsigned run)
{
    if (!b->o.backend[run])
        return NULL;
    if (run <= RUN_VULKAN)
        return su_exec_device_name(b->exec[run]);
    return ggml_peer_device(b->ggml, run == RUN_GGML_CPU ? GGML_PEER_CPU : GGML_PEER_VULKAN);
}

static void head_text(const struct bench *b)
{
    char size[32];
    printf("machine: %u threads, %.1f GFLOP/s of unfused multiply and add in registers\n",
           su_jobs_threads(b->jobs), b->peak_gflops);
    printf("memory:  %.1f GB/s read, %.1f GB/s triad over buffers of %s\n", b->read_gbs,
           b->triad_gbs, su_format_size(b->o.memory_bytes, size, sizeof size));
    for (unsigned run = 0; run < RUN_COUNT; run++)
        if (device_of(b, run))
            printf("%-12s %s\n", run_name[run], device_of(b, run));
    if (b->ggml)
        printf("ggml:    version %s, %u threads\n", ggml_peer_version(b->ggml),
               su_jobs_threads(b->jobs));
    else
        printf("ggml:    %s\n", b->ggml_why);
    printf("ops:     median and least ms of one op over alternating turns; %% of the peak above; "
           "GB/s and %% of a\n"
           "         read over as many bytes, each op of a row on its own\n\n");
    printf("  %-20s %-12s %9s %9s %5s %8s %6s %8s %6s\n", "op", "backend", "ms", "least", "turns",
           "GFLOP/s", "peak", "GB/s", "read");
}

static void head_json(const struct bench *b)
{
    struct su_json_writer *w = b->json;
    su_json_put_object(w, NULL);
    su_json_put_u64(w, "threads", su_jobs_threads(b->jobs));
    su_json_put_double(w, "peak_gflops", b->peak_gflops);
    su_json_put_double(w, "read_gbs", b->read_gbs);
    su_json_put_double(w, "triad_gbs", b->triad_gbs);
    su_json_put_object(w, "devices");
    for (unsigned run = 0; run < RUN_COUNT; run++)
        if (device_of(b, run))
            su_json_put_str(w, run_name[run], device_of(b, run));
    su_json_end_object(w);
    su_json_put_str(w, "ggml", b->ggml ? ggml_peer_version(b->ggml) : b->ggml_why);
    su_json_put_array(w, "ops");
}

static int bench_run(struct bench *b)
{
    struct su_err e = {0};
    struct su_buf buf;
    struct su_json_writer writer;
    bool good = machine_measure(b, &e);
    su_buf_init(&buf, 0);
    su_json_writer_init(&writer, &buf, 2);
    if (good) {
        backends_open(b, &e);
        b->json = b->o.json ? &writer : NULL;
        (b->json ? head_json : head_text)(b);
    }
    for (size_t i = 0; good && i < SU_ARRAY_LEN(shapes); i++)
        if (!b->o.filter || strstr(shapes[i].name, b->o.filter))
            good = trial_run(b, &shapes[i], &e);
    if (good && b->json) {
        su_json_end_array(&writer);
        su_json_end_object(&writer);
        good = su_buf_check(&buf, "--json", &e) == SU_OK;
        if (good)
            printf("%.*s\n", (int)buf.len, (const char *)buf.data);
    }
    if (!good) {
        char line[512];
        su_err_line(&e, line, sizeof line);
        fprintf(stderr, "bench_ops: %s\n", line);
    }
    su_buf_fini(&buf);
    for (unsigned run = 0; run <= RUN_VULKAN; run++)
        if (b->exec[run])
            good = su_exec_close(b->exec[run], &e) == SU_OK && good;
    return good && b->failed == 0 ? 0 : 1;
}

static void usage(FILE *f)
{
    fprintf(
        f,
        "usage: bench_ops [options]\n"
        "  --backend cpu|vulkan|all  which of ours, and of ggml's, to measure (all)\n"
        "  --threads N               threads of both cpu backends (all processors)\n"
        "  --reps N                  turns of each (15)\n"
        "  --filter TEXT             only ops whose name contains TEXT\n"
        "  --ggml DIR                ggml's shared libraries (see tests/bench/fetch_ggml.py; also\n"
        "                            $SPLITUP_GGML)\n"
        "  --memory SIZE             of each buffer of the bandwidth measurement (256MB, beyond "
        "most caches)\n"
        "  --json                    one JSON object\n");
}

static bool number_option(const char *text, const char *name, uint64_t lo, uint64_t hi, unsigned *v)
{
    struct su_err e = {0};
    uint64_t n = 0;
    if (su_parse_u64(text, name, lo, hi, &n, &e) == SU_OK) {
        *v = (unsigned)n;
        return true;
    }
    fprintf(stderr, "bench_ops: %s: %s\n", e.at, e.msg);
    return false;
}

static bool options_parse(int argc, char **argv, struct options *o)
{
    static const struct option longs[] = {{"backend", required_argument, NULL, 'b'},
                                          {"threads", required_argument, NULL, 't'},
                                          {"reps", required_argument, NULL, 'r'},
                                          {"filter", required_argument, NULL, 'f'},
                                          {"ggml", required_argument, NULL, 'g'},
                                          {"memory", required_argument, NULL, 'm'},
                                          {"json", no_argument, NULL, 'j'},
                                          {"help", no_argument, NULL, 'h'},
                                          {NULL, 0, NULL, 0}};
    struct su_err e = {0};
    uint64_t bytes = 256u << 20;
    bool good = true;
    const char *backend = "all";
    for (int c; good && (c = getopt_long(argc, argv, "h", longs, NULL)) != -1;) {
        if (c == 'b')
            backend = optarg;
        else if (c == 't')
            good = number_option(optarg, "--threads", 1, 1024, &o->threads);
        else if (c == 'r')
            good = number_option(optarg, "--reps", 1, REPS_MAX, &o->reps);
        else if (c == 'f')
            o->filter = optarg;
        else if (c == 'g')
            o->ggml_dir = optarg;
        else if (c == 'j')
            o->json = true;
        else if (c == 'm' && su_parse_size(optarg, "--memory", &bytes, &e) != SU_OK) {
            fprintf(stderr, "bench_ops: %s: %s\n", e.at, e.msg);
            good = false;
        } else if (c == 'h') {
            usage(stdout);
            exit(0);
        } else if (c != 'm') {
            usage(stderr);
            good = false;
        }
    }
    bool cpu = strcmp(backend, "cpu") == 0, vulkan = strcmp(backend, "vulkan") == 0;
    if (good && !cpu && !vulkan && strcmp(backend, "all") != 0) {
        fprintf(stderr, "bench_ops: --backend: '%s' is not cpu, vulkan or all\n", backend);
        return false;
    }
    for (unsigned run = 0; run < RUN_COUNT; run++)
        o->backend[run] = run % 2 == RUN_CPU ? !vulkan : !cpu;
    o->memory_bytes = (size_t)SU_MAX(bytes, 1u << 20);
    return good;
}

int main(int argc, char **argv)
{
    struct bench b = {.o = {.reps = 15, .ggml_dir = getenv("SPLITUP_GGML")}};
    if (b.o.ggml_dir && !b.o.ggml_dir[0])
        b.o.ggml_dir = NULL;
    if (!options_parse(argc, argv, &b.o))
        return 2;
    b.jobs = su_jobs_new(b.o.threads);
    int rc = bench_run(&b);
    su_jobs_free(b.jobs);
    return rc;
}
