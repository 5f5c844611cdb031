// SPDX-License-Identifier: MIT
#include "dispute_world.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "support/random_tensor.h"

static void must(enum su_code rc, const struct su_err *e)
{
    char line[640];

    if (rc == SU_OK)
        return;
    su_err_line(e, line, sizeof line);
    fail_msg("%s: %s", su_code_name(rc), line);
}

/* ---- the model ----------------------------------------------------------------------------------- */

static uint32_t add(struct su_graph *g, enum su_op op, const uint32_t *arg, uint32_t n)
{
    uint32_t id;
    struct su_err e;

    must(su_graph_add_node(g, op, arg, n, NULL, 0, NULL, 0, &id, &e), &e);
    return id;
}

static uint32_t vector(struct su_graph *g, const char *name, uint32_t n)
{
    const struct su_shape s = {1, {n}};
    uint32_t id;
    struct su_err e;

    must(su_graph_add_input(g, name, SU_ROWS, SU_F32, &s, &id, &e), &e);
    return id;
}

static uint32_t matrix(struct su_graph *g, const char *name, uint32_t rows, uint32_t columns)
{
    const struct su_shape s = {2, {rows, columns}};
    uint32_t id;
    struct su_err e;

    must(su_graph_add_weight(g, name, SU_F32, &s, 0, &id, &e), &e);
    return id;
}

static struct su_graph *finish(struct su_graph *g, const char *name, uint32_t value)
{
    struct su_err e;

    must(su_graph_add_output(g, name, value, &e), &e);
    must(su_graph_check(g, &e), &e);
    return g;
}

static struct su_graph *first_task(void)
{
    struct su_graph *g = su_graph_new();
    uint32_t x = vector(g, "x", 4), w = matrix(g, "w0", WORLD_MID, 4);

    x = add(g, SU_OP_RELU, &x, 1);
    return finish(g, "mid", add(g, SU_OP_MATMUL, (uint32_t[]){x, w}, 2));
}

static struct su_graph *second_task(void)
{
    struct su_graph *g = su_graph_new();
    uint32_t mid = vector(g, "mid", WORLD_MID), b = vector(g, "b", WORLD_MID);
    uint32_t w = matrix(g, "w1", WORLD_OUT, WORLD_MID);
    uint32_t sum = add(g, SU_OP_ADD, (uint32_t[]){mid, b}, 2);

    return finish(g, "out", add(g, SU_OP_MATMUL, (uint32_t[]){sum, w}, 2));
}

/* The weights of both in one file in the store. */
static void put_weights(struct world *w)
{
    static const char *const name[2] = {"w0", "w1"};
    struct su_tensor t[2];
    struct su_weights *weights;
    struct su_err e;
    char path[300];
    uint8_t blob[32];
    float data[2][12];

    for (uint32_t i = 0; i < 2; i++) {
        const struct su_graph *g = w->task[i].graph;
        t[i] = (struct su_tensor){.name = name[i],
                                  .dtype = SU_F32,
                                  .shape = g->value[g->weight[0]].shape,
                                  .data = (const uint8_t *)data[i]};
        t[i].bytes = 4 * su_shape_elements(&t[i].shape);
        su_random_fill(i + 1, 1, SU_F32, (uint32_t)t[i].bytes / 4, true, data[i]);
    }
    (void)snprintf(path, sizeof path, "%s/weights", w->dir);
    must(su_weights_write(path, t, 2, &e), &e);
    must(su_store_put_file(w->store, path, NULL, blob, &e), &e);
    must(su_weights_open(path, &weights, &e), &e);
    for (uint32_t i = 0; i < 2; i++)
        must(su_manifest_build(w->task[i].graph, weights, blob, &w->task[i].manifest, &e), &e);
    su_weights_close(weights);
}

static void make_package(struct world *w)
{
    w->task[0] = (struct su_package_task){
        .graph = first_task(), .input = w->from0, .external_output = w->external0};
    w->task[1] = (struct su_package_task){
        .graph = second_task(), .input = w->from1, .external_output = w->external1};
    w->from0[0] = (struct su_plan_input){SU_PLAN_EXTERNAL, 0};
    w->from1[0] = (struct su_plan_input){0, 0};
    w->from1[1] = (struct su_plan_input){SU_PLAN_EXTERNAL, 1};
    w->external1[0] = true;
    w->package = (struct su_package){.name = "world",
                                     .task = w->task,
                                     .n_task = 2,
                                     .t_max = 2,
                                     .e_max = 2,
                                     .sessions = 1,
                                     .ctx = 8};
    put_weights(w);
}

/* ---- runs ---------------------------------------------------------------------------------------- */

static void run_task(struct world *w, uint32_t task, const void *a, const void *b,
                     struct su_trace_roots *roots, void *out, size_t out_bytes)
{
    const struct su_exec_opts opts = {.backend = SU_BACKEND_REFERENCE};
    const struct su_replay r = {.input = {a, b}, .steps = WORLD_STEPS};
    struct su_exec *x;
    struct su_task *t;
    struct su_trace *trace;
    struct su_err e;
    void *output[1];

    must(su_exec_open(&opts, &x, &e), &e);
    must(su_task_open(x, &w->package, task, w->store, &t, &e), &e);
    must(su_task_replay(t, &r, &trace, output, &e), &e);
    su_trace_roots(trace, WORLD_STEPS, roots);
    if (out)
        memcpy(out, output[0], out_bytes);
    free(output[0]);
    su_trace_free(trace);
    su_task_close(t);
    must(su_exec_close(x, &e), &e);
}

void world_run(struct world *w, const void *mid, const void *b, struct su_trace_roots *roots,
               void *out)
{
    run_task(w, 1, mid, b, roots, out, sizeof w->out);
}

void world_root(const void *rows, uint32_t row_bytes, uint8_t root[32])
{
    uint8_t leaf[WORLD_STEPS][32];

    for (uint32_t s = 0; s < WORLD_STEPS; s++) {
        const struct su_bytes part = {(const uint8_t *)rows + s * row_bytes, row_bytes};
        su_leaf_digest(s, &part, 1, leaf[s]);
    }
    su_trace_leaves_root(leaf[0], WORLD_STEPS, root);
}

static void compute(struct world *w)
{
    for (uint32_t s = 0; s < WORLD_STEPS; s++) {
        for (uint32_t i = 0; i < 4; i++)
            w->x[s][i] = (float)((s * 7 + i * 3) % 5) - 1.5f;
        for (uint32_t i = 0; i < WORLD_MID; i++)
            w->b[s][i] = (float)(s + i) / 4.0f;
    }
    run_task(w, 0, w->x, NULL, &w->right[0], w->mid, sizeof w->mid);
    world_run(w, w->mid, w->b, &w->right[1], w->out);
}

/* ---- accounts ------------------------------------------------------------------------------------ */

void world_assert(struct world *w, const struct su_trace_roots *r)
{
    struct su_acc_assignment *a = &w->assignment[1];

    memcpy(a->input_roots, r->input, sizeof a->input_roots);
    memcpy(a->output_roots, r->output, sizeof a->output_roots);
    memcpy(a->witness_root, r->witness, 32);
    memcpy(a->input_root, r->inputs, 32);
    memcpy(a->output_root, r->outputs, 32);
}

void world_validate(struct world *w, const struct su_trace_roots *r)
{
    memcpy(w->assignment[1].check_input_root, r->inputs, 32);
    memcpy(w->assignment[1].check_output_root, r->outputs, 32);
}

static void make_accounts(struct world *w, uint8_t dispute)
{
    struct su_acc_execution *x = &w->execution;
    struct su_acc_assignment *a = w->assignment;

    su_sha256(w->container.data, w->container.len, x->input_digest);
    x->steps = x->max_steps = WORLD_STEPS;
    x->request_slot = 77;
    x->task_count = 2;
    x->final_task = 1;
    x->sample_task = SU_NO_TASK;
    x->tasks[0].flags = SU_TASKF_REVEALED | SU_TASKF_COMMITTED;
    x->tasks[1].flags = SU_TASKF_REVEALED | SU_TASKF_COMMITTED | SU_TASKF_DISPUTED;
    for (uint16_t i = 0; i < 2; i++) {
        a[i].task = i;
        a[i].attempt = (uint8_t)(1 - i);
        a[i].input_count = (uint8_t)(1 + i);
        a[i].output_count = 1;
        memcpy(a[i].node, w->signer[i].public_key, 32);
        w->assignments[i] = &a[i];
    }
    a[0].sources[0].external = 1;
    a[1].sources[0] = (struct su_source){.task = 0, .output = 0};
    a[1].sources[1].external = 1;
    memcpy(a[0].output_roots, w->right[0].output, sizeof a[0].output_roots);
    a[1].dispute = dispute;
    a[1].checks = 1;
    memcpy(a[1].validators[0], w->signer[WORLD_VALIDATOR].public_key, 32);
    world_assert(w, &w->right[1]);
    world_validate(w, &w->right[1]);
}

static void make_container(struct world *w)
{
    struct su_input in = {.n_tensor = 2};
    struct su_err e;

    in.tensor[0] = (struct su_input_tensor){.dtype = SU_F32,
                                            .rank = 1,
                                            .dims = {4},
                                            .steps = WORLD_STEPS,
                                            .rows = (const uint8_t *)w->x};
    in.tensor[1] = (struct su_input_tensor){.dtype = SU_F32,
                                            .rank = 1,
                                            .dims = {WORLD_MID},
                                            .steps = WORLD_STEPS,
                                            .rows = (const uint8_t *)w->b};
    su_buf_init(&w->container, 0);
    must(su_input_encode(&in, &w->container, &e), &e);
}

/* ---- frames -------------------------------------------------------------------------------------- */

static void show_one(struct world *w, struct su_buf *to, const struct world_frames *f,
                     uint32_t step, uint32_t n)
{
    static const uint8_t other[32] = {9};
    const uint8_t *rows = (const uint8_t *)f->rows + (size_t)(step - f->first) * f->row_bytes;
    uint8_t leaf[WORLD_STEPS + 8][32];
    struct su_wire_message m = {.kind = SU_WIRE_ACTIVATION, .data = rows};
    struct su_wire_activation *a = &m.u.activation;
    struct su_buf one;
    struct su_err e;

    for (uint32_t i = 0; i < n; i++) {
        const struct su_bytes part = {rows + (size_t)i * f->row_bytes, f->row_bytes};
        su_leaf_digest(step + i, &part, 1, leaf[i]);
        leaf[i][0] ^= f->wrong_leaf;
    }
    m.data_bytes = (uint64_t)n * f->row_bytes;
    a->ref = (struct su_wire_ref){.execution = f->other_execution ? other : w->key,
                                  .request_slot = w->execution.request_slot,
                                  .task = f->task,
                                  .attempt = f->attempt,
                                  .port = f->port};
    a->step_first = step;
    a->step_count = n;
    a->dtype = 0;
    a->rank = f->flat ? 2 : 1;
    a->dims[0] = f->row_bytes / 4;
    a->dims[1] = f->flat;
    a->leaves = leaf[0];
    su_buf_init(&one, 0);
    must(su_peer_frame(w->self[f->signer], &m, &one, &e), &e);
    if (f->wrap == WORLD_STRANGER) {
        su_buf_put(to, one.data, one.len);
    } else {
        struct su_wire_message wrapped = {
            .kind = SU_WIRE_INPUT, .data = one.data, .data_bytes = one.len};
        wrapped.u.input.ref = a->ref;
        wrapped.u.input.ref.task = 1;
        wrapped.u.input.ref.port = 0;
        must(su_peer_frame(w->self[f->wrap], &wrapped, to, &e), &e);
    }
    su_buf_fini(&one);
}

void world_show(struct world *w, struct su_buf *to, const struct world_frames *f)
{
    for (uint32_t s = f->first; s < f->first + f->steps; s += f->count)
        show_one(w, to, f, s, SU_MIN(f->count, f->first + f->steps - s));
}

struct world_frames world_mid(const void *rows)
{
    return (struct world_frames){.signer = WORLD_PRODUCER,
                                 .wrap = WORLD_ASSERTER,
                                 .attempt = 1,
                                 .steps = WORLD_STEPS,
                                 .count = 2,
                                 .rows = rows,
                                 .row_bytes = 4 * WORLD_MID};
}

static void show_all(struct world *w)
{
    struct world_frames f = world_mid(w->mid);

    world_show(w, &w->inputs[DISPUTE_ASSERTER].frames, &f);
    f.wrap = WORLD_STRANGER;
    world_show(w, &w->inputs[DISPUTE_PRODUCER].frames, &f);
    f.wrap = WORLD_VALIDATOR;
    f.count = 5;
    world_show(w, &w->inputs[DISPUTE_VALIDATOR].frames, &f);
    f = (struct world_frames){.signer = WORLD_ASSERTER,
                              .wrap = WORLD_STRANGER,
                              .task = 1,
                              .steps = WORLD_STEPS,
                              .count = 3,
                              .rows = w->out,
                              .row_bytes = 4 * WORLD_OUT};
    world_show(w, &w->outputs[DISPUTE_ASSERTER].frames, &f);
}

/* Hands out the frame that covers the first step wanted. */
static void hand_one(const struct world_reply *r, uint32_t first, struct su_buf *frames)
{
    struct su_wire_frame f, inner;
    size_t at = 0, before = 0;

    while (su_peer_next(&r->frames, &at, &f)) {
        inner = f;
        if (f.m.kind == SU_WIRE_INPUT)
            assert_int_equal(su_peer_inner(&f, &inner, NULL), SU_OK);
        const struct su_wire_activation *a = &inner.m.u.activation;
        if (first >= a->step_first && first < a->step_first + a->step_count) {
            su_buf_put(frames, r->frames.data + before, at - before);
            return;
        }
        before = at;
    }
}

static enum su_code fetch(void *ctx, const struct dispute_want *q, struct su_buf *frames,
                          struct su_err *e)
{
    struct world *w = ctx;
    bool check = q->want.purpose == SU_WIRE_CHECK;
    bool output = !check && q->want.ref.task == 1;
    struct world_reply *r = output ? &w->outputs[q->whom] : &w->inputs[q->whom];
    static const unsigned who[3] = {WORLD_ASSERTER, WORLD_VALIDATOR, WORLD_PRODUCER};

    assert_memory_equal(q->identity, w->signer[who[q->whom]].public_key, 32);
    assert_memory_equal(q->want.ref.execution, w->key, 32);
    assert_int_equal(q->want.ref.request_slot, 77);
    assert_int_equal(q->want.ref.port, 0);
    assert_int_equal(q->want.ref.task, check || output ? 1 : 0);
    assert_int_equal(q->want.ref.attempt, check || output ? 0 : 1);
    assert_int_equal(q->want.step_first + q->want.step_count, WORLD_STEPS);
    assert_true(check == (q->whom != DISPUTE_PRODUCER && !output));
    assert_memory_equal(q->producer, w->signer[output ? WORLD_ASSERTER : WORLD_PRODUCER].public_key,
                        32);
    assert_true(++r->asked <= 2 * WORLD_STEPS);
    if (r->rc)
        return su_fail(e, r->rc, "node", "does not answer so");
    if (r->piecemeal)
        hand_one(r, q->want.step_first, frames);
    else
        su_buf_put(frames, r->frames.data, r->frames.len);
    return SU_OK;
}

static bool is_cancelled(void *ctx)
{
    return ((struct world *)ctx)->cancelled;
}

/* ---- a world ------------------------------------------------------------------------------------- */

static void make_people(struct world *w)
{
    uint8_t seed[32] = {7}, public_key[32], secret[64];
    struct su_err e;

    memset(w->program, 1, 32);
    memset(w->genesis, 2, 32);
    memset(w->key, 3, 32);
    w->scope = (struct su_wire_scope){w->program, w->genesis};
    for (unsigned i = 0; i < 4; i++) {
        seed[1] = (uint8_t)i;
        su_ed25519_from_seed(seed, public_key, secret);
        must(su_signer_init_memory(&w->signer[i], secret, &e), &e);
        must(su_peer_self_new(&w->signer[i], &w->scope, 0, &w->self[i], &e), &e);
    }
}

struct world *world_new(uint8_t dispute)
{
    struct world *w = su_alloc(sizeof *w);
    const char *base = getenv("TMPDIR");
    struct su_err e;
    char blobs[300];

    (void)snprintf(w->dir, sizeof w->dir, "%s/su-dispute-XXXXXX", base && *base ? base : "/tmp");
    assert_non_null(mkdtemp(w->dir));
    (void)snprintf(blobs, sizeof blobs, "%s/blobs", w->dir);
    must(su_store_open(blobs, NULL, &w->store, &e), &e);
    make_people(w);
    make_package(w);
    compute(w);
    make_container(w);
    make_accounts(w, dispute);
    for (unsigned i = 0; i < 3; i++) {
        su_buf_init(&w->inputs[i].frames, 0);
        su_buf_init(&w->outputs[i].frames, 0);
    }
    show_all(w);
    w->c = (struct dispute_case){.key = w->key,
                                 .execution = &w->execution,
                                 .assignments = w->assignments,
                                 .task = 1,
                                 .scope = w->scope,
                                 .package = &w->package,
                                 .container = w->container.data,
                                 .container_bytes = w->container.len,
                                 .store = w->store,
                                 .threads = 1,
                                 .fetch = fetch,
                                 .cancelled = is_cancelled,
                                 .ctx = w};
    return w;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st;
    (void)type;
    (void)at;
    return remove(path);
}

void world_free(struct world *w)
{
    for (unsigned i = 0; i < 3; i++) {
        su_buf_fini(&w->inputs[i].frames);
        su_buf_fini(&w->outputs[i].frames);
    }
    for (unsigned i = 0; i < 4; i++) {
        su_peer_self_free(w->self[i]);
        su_signer_fini(&w->signer[i]);
    }
    for (unsigned i = 0; i < 2; i++) {
        su_graph_free(w->task[i].graph);
        su_manifest_fini(&w->task[i].manifest);
    }
    su_buf_fini(&w->container);
    su_store_close(w->store);
    assert_int_equal(nftw(w->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
    free(w);
}

enum su_code world_judge(struct world *w, struct dispute_finding *f, struct su_err *e)
{
    for (unsigned i = 0; i < 3; i++)
        w->inputs[i].asked = w->outputs[i].asked = 0;
    return dispute_judge(&w->c, f, e);
}

struct dispute_finding world_expect(struct world *w, uint8_t verdict, const char *why)
{
    struct dispute_finding f;
    struct su_err e;

    must(world_judge(w, &f, &e), &e);
    if (f.verdict != verdict || !strstr(f.why, why))
        fail_msg("verdict %u: %s", f.verdict, f.why);
    assert_int_equal(f.task, 1);
    assert_int_equal(f.dispute, w->assignment[1].dispute);
    return f;
}

void world_refuses(struct world *w, enum su_code code, const char *text)
{
    const struct dispute_finding empty = {0};
    struct dispute_finding f;
    struct su_err e;

    if (world_judge(w, &f, &e) != code)
        fail_msg("%s: %s: %s", su_code_name(e.code), e.at, e.msg);
    if (!strstr(e.msg, text) && !strstr(e.at, text))
        fail_msg("no '%s' in %s: %s", text, e.at, e.msg);
    assert_memory_equal(&f, &empty, sizeof f);
}
