// SPDX-License-Identifier: MIT
/* Packages: what is written comes back, and every lie in the bytes is refused by name. */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

static const uint8_t blob[32] = {0xb1, 0x0b};

/* ---- packages put together by hand ---------------------------------------------------------- */

#define WIDTH 4u
#define HEADS (1 << 16) /* of a task too large for anything */

/* One product with a weight of its own. */
static struct su_graph *layer(const char *input, const char *weight, const char *output,
                              uint32_t out_width)
{
    struct su_graph *g = su_graph_new();
    uint32_t x = add_input(g, input, SU_ROWS, (struct su_shape){1, {WIDTH}});
    uint32_t w = add_weight(g, weight, SU_F32, (struct su_shape){2, {out_width, WIDTH}});

    add_output(g, output, add_op(g, SU_OP_MATMUL, (uint32_t[]){x, w}, 2, NULL, 0));
    finish(g);
    return g;
}

/* Two layers, one behind the other. A test changes one field and looks at what is said of it. */
struct draft {
    const char *magic, *name;
    uint32_t t_max, e_max, sessions, ctx, tasks;
    uint32_t stop[SU_PACKAGE_STOPS_MAX + 1], n_stop;
    uint8_t inputs, outputs; /* of task 1, as the bytes tell */
    struct su_plan_input from[2];
    uint32_t graph_output[2];
    struct su_graph *graph[2];
    bool manifest_of_other, far, tail;
    size_t cut; /* bytes left out at the end */
};

static struct draft draft_of(void)
{
    return (struct draft){.magic = "SUPACK1",
                          .name = "two layers",
                          .t_max = 8,
                          .e_max = 4,
                          .sessions = 2,
                          .ctx = 16,
                          .stop = {7, 0x80000000u},
                          .n_stop = 2,
                          .tasks = 2,
                          .inputs = 1,
                          .outputs = 1,
                          .from = {{SU_PLAN_EXTERNAL, 0}, {0, 0}},
                          .graph_output = {UINT32_MAX, 0},
                          .graph = {layer("x", "w0", "y", WIDTH), layer("y", "w1", "z", 2)}};
}

static void draft_free(struct draft *d)
{
    su_graph_free(d->graph[0]);
    su_graph_free(d->graph[1]);
}

static void replace(struct draft *d, uint32_t task, struct su_graph *g)
{
    su_graph_free(d->graph[task]);
    d->graph[task] = g;
}

static void put_manifest(struct su_buf *out, const struct su_graph *g, bool far)
{
    const struct su_value *v = &g->value[g->weight[0]];
    struct su_manifest_entry entry = {
        .dtype = v->dtype, .shape = v->shape, .offset = far ? SU_STORE_BLOB_MAX : 64};
    struct su_manifest m = {.entry = &entry, .n_entry = 1};
    struct su_buf b;
    struct su_err e = {0};

    memcpy(entry.blob, blob, 32);
    (void)su_str_copy(entry.name, sizeof entry.name, v->name);
    must(su_tensor_bytes(v->dtype, &v->shape, &entry.bytes, &e), &e);
    su_buf_init(&b, 0);
    must(su_manifest_encode(&m, &b, &e), &e);
    su_buf_u32(out, (uint32_t)b.len);
    su_buf_put(out, b.data, b.len);
    su_buf_fini(&b);
}

static void put_task(struct su_buf *out, const struct draft *d, uint32_t i)
{
    struct su_buf b;
    struct su_err e = {0};

    su_buf_u8(out, i == 1 ? d->inputs : 1);
    for (uint32_t k = 0; k < (i == 1 ? d->inputs : 1); k++) {
        su_buf_u32(out, d->from[i].from_task);
        su_buf_u32(out, d->from[i].from_output);
    }
    su_buf_u8(out, i == 1 ? d->outputs : 1);
    for (uint32_t k = 0; k < (i == 1 ? d->outputs : 1); k++)
        su_buf_u32(out, d->graph_output[i]);
    su_buf_init(&b, 0);
    must(su_graph_encode(d->graph[i], &b, &e), &e);
    su_buf_u32(out, (uint32_t)b.len);
    su_buf_put(out, b.data, b.len);
    su_buf_fini(&b);
    put_manifest(out, d->graph[i == 1 && d->manifest_of_other ? 0 : i], i == 1 && d->far);
}

static void draft_put(const struct draft *d, struct su_buf *out)
{
    su_buf_init(out, 0);
    su_buf_put(out, d->magic, 8);
    su_buf_u8(out, (uint8_t)strlen(d->name));
    su_buf_str(out, d->name);
    su_buf_u32(out, d->t_max);
    su_buf_u32(out, d->e_max);
    su_buf_u32(out, d->sessions);
    su_buf_u32(out, d->ctx);
    su_buf_u8(out, (uint8_t)d->n_stop);
    for (uint32_t i = 0; i < d->n_stop; i++)
        su_buf_u32(out, d->stop[i]);
    su_buf_u32(out, d->tasks);
    put_task(out, d, 0);
    put_task(out, d, 1);
    if (d->tail)
        su_buf_u8(out, 0);
    out->len -= d->cut;
}

/* Takes the draft over. */
static void refused(struct draft d, enum su_code code, const char *want)
{
    struct su_package *p = (struct su_package *)1;
    struct su_err e = {0};
    struct su_buf b;

    draft_put(&d, &b);
    assert_int_equal(su_package_decode(b.data, b.len, &p, &e), code);
    assert_null(p);
    err_matches(&e, code, want);
    su_buf_fini(&b);
    draft_free(&d);
}

static void test_taken(void **state)
{
    struct draft d = draft_of();
    struct su_package *p;
    struct su_layout *l;
    struct su_err e = {0};
    struct su_sha256 h;
    struct su_buf b;
    uint8_t digest[32];

    (void)state;
    draft_put(&d, &b);
    must(su_package_decode(b.data, b.len, &p, &e), &e);
    assert_string_equal(p->name, "two layers");
    assert_int_equal(p->n_task, 2);
    assert_int_equal(p->t_max, 8);
    assert_int_equal(p->n_stop, 2);
    assert_int_equal(p->stop[1], 0x80000000u);
    assert_int_equal(p->e_max, 4);
    assert_int_equal(p->sessions, 2);
    assert_int_equal(p->ctx, 16);
    su_sha256_init(&h);
    su_sha256_update(&h, "splitup/model", 13);
    su_sha256_update(&h, b.data, b.len);
    su_sha256_final(&h, digest);
    assert_memory_equal(p->digest, digest, 32);
    for (uint32_t i = 0; i < 2; i++) {
        const struct su_package_task *t = &p->task[i];
        must(su_graph_digest(d.graph[i], digest, &e), &e);
        assert_memory_equal(t->graph_digest, digest, 32);
        must(su_manifest_digest(&t->manifest, digest, &e), &e);
        assert_memory_equal(t->weights_digest, digest, 32);
        assert_memory_equal(t->manifest.entry[0].blob, blob, 32);
        must(su_layout_build(d.graph[i], 8, 4, 16, &l, &e), &e);
        assert_int_equal(t->weight_bytes, l->fixed_bytes);
        assert_int_equal(t->vram_fixed_bytes, l->fixed_bytes + l->arena_bytes);
        assert_int_equal(t->vram_session_bytes, l->session_bytes);
        assert_int_equal(t->macs, su_graph_macs(d.graph[i]));
        su_layout_free(l);
        must(su_package_check_task(p, i, t->graph_digest, t->weights_digest, &e), &e);
    }
    assert_int_equal(p->task[0].input[0].from_task, SU_PLAN_EXTERNAL);
    assert_int_equal(p->task[1].input[0].from_task, 0);
    assert_false(p->task[0].external_output[0]);
    assert_true(p->task[1].external_output[0]);
    assert_int_equal(p->task[1].graph_output[0], 0);

    memset(digest, 7, 32);
    assert_int_equal(su_package_check_task(p, 1, digest, p->task[1].weights_digest, &e),
                     SU_EDIGEST);
    err_matches(&e, SU_EDIGEST, "task 1|graph");
    assert_int_equal(su_package_check_task(p, 0, p->task[0].graph_digest, digest, &e), SU_EDIGEST);
    err_matches(&e, SU_EDIGEST, "task 0|weights");
    assert_int_equal(su_package_check_task(p, 2, digest, digest, &e), SU_EINVAL);
    su_package_free(p);
    su_package_free(NULL);
    su_buf_fini(&b);
    draft_free(&d);
}

/* `change` makes one field of a fresh draft wrong. */
#define REFUSED(change, code, want)                                                                \
    do {                                                                                           \
        struct draft d = draft_of();                                                               \
        change;                                                                                    \
        refused(d, code, want);                                                                    \
    } while (0)

static void test_head_refused(void **state)
{
    static char long_name[SU_GRAPH_NAME_MAX + 2];

    (void)state;
    memset(long_name, 'n', sizeof long_name - 1);
    REFUSED(d.magic = "SUPACK2", SU_EFORMAT, "magic");
    REFUSED(d.name = "", SU_EFORMAT, "name");
    REFUSED(d.name = "a\nb", SU_EFORMAT, "name");
    REFUSED(d.name = "a\xff", SU_EFORMAT, "name");
    REFUSED(d.name = long_name, SU_EFORMAT, "127");
    REFUSED(d.t_max = 0, SU_ELIMIT, "rows");
    REFUSED(d.n_stop = SU_PACKAGE_STOPS_MAX + 1, SU_ELIMIT, "end an answer");
    REFUSED((d.n_stop = 2, d.stop[0] = d.stop[1] = 5), SU_EFORMAT, "order");
    REFUSED(d.t_max = SU_ROWS_MAX + 1, SU_ELIMIT, "rows");
    REFUSED(d.e_max = 0, SU_ELIMIT, "rows");
    REFUSED(d.e_max = 9, SU_ELIMIT, "rows");
    REFUSED(d.sessions = 0, SU_ELIMIT, "sessions");
    REFUSED(d.sessions = 65537, SU_ELIMIT, "sessions");
    REFUSED(d.ctx = 0, SU_ELIMIT, "positions");
    REFUSED(d.ctx = (1u << 20) + 1, SU_ELIMIT, "positions");
    REFUSED(d.tasks = 0, SU_ELIMIT, "0 tasks");
    REFUSED(d.tasks = 129, SU_ELIMIT, "129 tasks");
    REFUSED(d.tasks = 128, SU_ETRUNC, "offset");
    REFUSED(d.tasks = 1, SU_EFORMAT, "after the last task");
    REFUSED(d.tail = true, SU_EFORMAT, "1 bytes");
}

static void test_tasks_refused(void **state)
{
    (void)state;
    REFUSED(d.inputs = 9, SU_ELIMIT, "task 1|9 inputs");
    REFUSED(d.outputs = 9, SU_ELIMIT, "task 1|9 outputs");
    REFUSED(d.inputs = 2, SU_EFORMAT, "task 1|2 inputs");
    REFUSED(d.outputs = 0, SU_EFORMAT, "task 1|0 outputs");
    REFUSED(d.from[1].from_task = 1, SU_EFORMAT, "task 1|not before it");
    REFUSED(d.from[1].from_output = 1, SU_EFORMAT, "task 1|output 1 of task 0");
    REFUSED(d.from[0].from_output = 1024, SU_ELIMIT, "task 0|1024");
    REFUSED(d.graph_output[1] = 1024, SU_ELIMIT, "task 1|1024");
    REFUSED(d.graph_output[0] = 0, SU_EFORMAT, "task 1|second time");
    REFUSED(d.graph_output[1] = UINT32_MAX, SU_EFORMAT, "task 1|orphan");
    REFUSED(d.from[1] = ((struct su_plan_input){SU_PLAN_EXTERNAL, 1}), SU_EFORMAT, "task 0|orphan");
    REFUSED(replace(&d, 0, layer("x", "w0", "y", 3)), SU_ETYPE, "task 1|differs in type");
    REFUSED(d.manifest_of_other = true, SU_ETYPE, "task 1|w0|w1");
    REFUSED(d.far = true, SU_ELIMIT, "task 1|largest blob");
}

/* Two tasks read one input of the whole graph, as different types. */
static void test_shared_input(void **state)
{
    struct draft d = draft_of();
    struct su_graph *narrow = su_graph_new();
    uint32_t x = add_input(narrow, "x", SU_ROWS, (struct su_shape){1, {2}});
    uint32_t w = add_weight(narrow, "w1", SU_F32, (struct su_shape){2, {2, 2}});

    (void)state;
    add_output(narrow, "z", add_op(narrow, SU_OP_MATMUL, (uint32_t[]){x, w}, 2, NULL, 0));
    finish(narrow);
    replace(&d, 1, narrow);
    d.from[1] = (struct su_plan_input){SU_PLAN_EXTERNAL, 0};
    d.graph_output[0] = 1;
    refused(d, SU_ETYPE, "task 1|input 0 of the whole graph");
}

/* A task of no weight, and a manifest with one. */
static void test_manifest_refused(void **state)
{
    struct draft d = draft_of();
    struct su_graph *bare = su_graph_new();
    struct su_package *p;
    struct su_err e = {0};
    struct su_buf b, whole, graph;
    uint32_t y = add_input(bare, "y", SU_ROWS, (struct su_shape){1, {WIDTH}});

    (void)state;
    add_output(bare, "z", add_op(bare, SU_OP_NEG, &y, 1, NULL, 0));
    finish(bare);
    draft_put(&d, &b);
    su_buf_init(&graph, 0);
    must(su_graph_encode(d.graph[1], &graph, &e), &e);
    size_t head = b.len;
    while (memcmp(b.data + head - graph.len, graph.data, graph.len) != 0)
        head--;
    head -= graph.len + 4;
    su_buf_init(&whole, 0);
    su_buf_put(&whole, b.data, head);
    su_buf_fini(&graph);
    must(su_graph_encode(bare, &graph, &e), &e);
    su_buf_u32(&whole, (uint32_t)graph.len);
    su_buf_put(&whole, graph.data, graph.len);
    put_manifest(&whole, d.graph[1], false);
    assert_int_equal(su_package_decode(whole.data, whole.len, &p, &e), SU_ETYPE);
    err_matches(&e, SU_ETYPE, "task 1|1 tensors|0 weights");
    su_buf_fini(&graph);
    su_buf_fini(&whole);
    su_buf_fini(&b);
    su_graph_free(bare);
    draft_free(&d);
}

static void test_cut_anywhere(void **state)
{
    struct draft d = draft_of();
    struct su_package *p;
    struct su_err e = {0};
    struct su_buf b;

    (void)state;
    draft_put(&d, &b);
    for (size_t n = 0; n < b.len; n++) {
        uint8_t *exact = malloc(n + 1);
        assert_non_null(exact);
        memcpy(exact, b.data, n);
        enum su_code rc = su_package_decode(exact, n, &p, &e);
        if (rc != SU_ETRUNC)
            fail_msg("%zu of %zu bytes: %s", n, b.len, su_code_name(rc));
        free(exact);
    }
    assert_int_equal(su_package_decode(b.data, (size_t)SU_PACKAGE_BYTES_MAX + 1, &p, &e),
                     SU_ELIMIT);
    su_buf_fini(&b);
    draft_free(&d);
}

/* What is no graph, no manifest, or needs more memory than there are numbers. */
static void test_parts_refused(void **state)
{
    struct draft d = draft_of();
    struct su_graph *vast = su_graph_new();
    struct su_package *p;
    struct su_err e = {0};
    struct su_buf b;
    const struct su_shape heads = {2, {HEADS, 512}};
    uint32_t kv[2];

    (void)state;
    draft_put(&d, &b);
    for (size_t i = 0; i + 8 < b.len; i++)
        if (memcmp(b.data + i, "SUGRAPH1", 8) == 0)
            b.data[i] = 'X';
    assert_int_equal(su_package_decode(b.data, b.len, &p, &e), SU_EFORMAT);
    err_matches(&e, SU_EFORMAT, "task 0");
    su_buf_fini(&b);
    draft_put(&d, &b);
    for (size_t i = 0; i + 8 < b.len; i++)
        if (memcmp(b.data + i, "SUMANIF1", 8) == 0)
            b.data[i] = 'X';
    assert_int_equal(su_package_decode(b.data, b.len, &p, &e), SU_EFORMAT);
    err_matches(&e, SU_EFORMAT, "task 0");
    su_buf_fini(&b);

    uint32_t y = add_input(vast, "y", SU_ROWS, (struct su_shape){1, {WIDTH}});
    uint32_t w = add_weight(vast, "w1", SU_F32, (struct su_shape){2, {HEADS * 512, WIDTH}});
    y = add_op(vast, SU_OP_MATMUL, (uint32_t[]){y, w}, 2, NULL, 0);
    y = add_op(vast, SU_OP_RESHAPE, &y, 1, (int32_t[]){HEADS, 512}, 2);
    for (uint32_t i = 0; i < 2; i++) {
        must(su_graph_add_state(vast, i ? "v" : "k", &heads, &kv[i], &e), &e);
        kv[i] = add_op(vast, SU_OP_STATE_APPEND, (uint32_t[]){y, kv[i]}, 2, NULL, 0);
    }
    y = add_op(vast, SU_OP_ATTENTION, (uint32_t[]){y, kv[0], kv[1]}, 3,
               (int32_t[]){HEADS, HEADS, 512, (int32_t)su_f32_bits(1.0f), 0, 0, 0}, 7);
    add_output(vast, "z", y);
    finish(vast);
    replace(&d, 1, vast);
    d.ctx = 1u << 20;
    d.sessions = 65536;
    refused(d, SU_EOVERFLOW, "task 1|63 bits");
}

/* ---- packages of plans ---------------------------------------------------------------------- */

static struct su_plan *cut(const struct su_graph *g)
{
    struct su_plan_opts o = {.t_max = 4};
    uint64_t least;
    struct su_err e = {0};

    must(su_plan_smallest(g, &o, &least, &e), &e);
    return plan_of(g, least, 4);
}

static void test_encode(void **state)
{
    struct su_graph *g = su_graph_new();
    const struct su_shape square = {2, {16, 16}};
    static const float data[256] = {1.0f, 2.0f};
    const void *const weight[] = {data, data, data};
    struct su_package *p;
    struct su_err e = {0};
    struct su_buf b, again;
    uint8_t digest[32], ids[32] = {9};
    uint32_t x = add_input(g, "x", SU_ROWS, (struct su_shape){1, {16}});

    (void)state;
    for (uint32_t i = 0; i < 3; i++) {
        char name[8];
        (void)snprintf(name, sizeof name, "w%u", i);
        uint32_t w = add_weight(g, name, SU_F32, square);
        x = add_op(g, SU_OP_MATMUL, (uint32_t[]){x, w}, 2, NULL, 0);
    }
    add_output(g, "y", x);
    finish(g);
    struct weight_file file = weight_file_new(g, weight);
    struct su_plan *plan = cut(g);
    assert_true(plan->n_task >= 2);
    su_buf_init(&b, 0);
    su_buf_str(&b, "before");
    must(su_package_encode(&(struct su_package_of){"three", plan, file.weights, ids, NULL, 0}, &b,
                           &e),
         &e);
    assert_memory_equal(b.data, "before", 6);
    must(su_package_decode(b.data + 6, b.len - 6, &p, &e), &e);
    assert_int_equal(p->n_task, plan->n_task);
    for (uint32_t i = 0; i < p->n_task; i++) {
        const struct su_plan_task *t = &plan->task[i];
        struct su_manifest m;
        assert_int_equal(p->task[i].vram_fixed_bytes, t->vram_fixed);
        assert_int_equal(p->task[i].vram_session_bytes, t->vram_session);
        assert_int_equal(p->task[i].weight_bytes, t->weight_bytes);
        assert_int_equal(p->task[i].macs, t->macs);
        for (uint32_t k = 0; k < t->graph->n_input; k++)
            assert_memory_equal(&p->task[i].input[k], &t->input[k], sizeof t->input[k]);
        for (uint32_t k = 0; k < t->graph->n_output; k++)
            assert_int_equal(p->task[i].graph_output[k], t->output[k].graph_output);
        must(su_graph_digest(t->graph, digest, &e), &e);
        assert_memory_equal(p->task[i].graph_digest, digest, 32);
        must(su_manifest_build(t->graph, file.weights, ids, &m, &e), &e);
        must(su_manifest_digest(&m, digest, &e), &e);
        assert_memory_equal(p->task[i].weights_digest, digest, 32);
        su_manifest_fini(&m);
    }
    su_buf_init(&again, 0);
    must(su_package_encode(&(struct su_package_of){"three", plan, file.weights, ids, NULL, 0},
                           &again, &e),
         &e);
    assert_int_equal(again.len, b.len - 6);
    assert_memory_equal(again.data, b.data + 6, again.len);

    size_t len = again.len;
    assert_int_equal(su_package_encode(
                         &(struct su_package_of){"", plan, file.weights, ids, NULL, 0}, &again, &e),
                     SU_EINVAL);
    assert_int_equal(
        su_package_encode(&(struct su_package_of){"\x01", plan, file.weights, ids, NULL, 0}, &again,
                          &e),
        SU_EINVAL);
    plan->ctx = 1u << 21;
    assert_int_equal(
        su_package_encode(&(struct su_package_of){"three", plan, file.weights, ids, NULL, 0},
                          &again, &e),
        SU_ELIMIT);
    plan->ctx = 1;
    struct weight_file other = weight_file_new(plan->task[0].graph, weight);
    assert_int_equal(
        su_package_encode(&(struct su_package_of){"three", plan, other.weights, ids, NULL, 0},
                          &again, &e),
        SU_ENOENT);
    err_matches(&e, SU_ENOENT, "task ");
    assert_int_equal(again.len, len);
    assert_false(again.failed);
    weight_file_fini(&other);

    su_buf_fini(&again);
    su_buf_fini(&b);
    su_package_free(p);
    su_plan_free(plan);
    weight_file_fini(&file);
    su_graph_free(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_taken),
        cmocka_unit_test(test_head_refused),
        cmocka_unit_test(test_tasks_refused),
        cmocka_unit_test(test_shared_input),
        cmocka_unit_test(test_manifest_refused),
        cmocka_unit_test(test_cut_anywhere),
        cmocka_unit_test(test_parts_refused),
        cmocka_unit_test(test_encode),
    };
    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
