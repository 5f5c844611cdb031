// SPDX-License-Identifier: MIT
#include "support/alloc.h"
#include "unit.h"

#include <string.h>

/* tests/data/digits-*: the first 20 of the MNIST test digits and their labels, IDX as distributed. */
enum { DIGITS = 20, PIXELS = 28 * 28, IMAGE_HEADER_BYTES = 16, LABEL_HEADER_BYTES = 8 };

static struct su_graph *mnist_graph(void)
{
    struct su_graph *g = NULL;
    struct su_err e = {0};

    if (su_model_mnist_graph(&g, &e))
        fail_msg("%s: %s", e.at, e.msg);
    return g;
}

static void test_file_is_current(void **state)
{
    (void)state;
    struct su_graph *g = mnist_graph();
    struct su_buf b;
    struct su_map m;

    su_buf_init(&b, 0);
    assert_int_equal(su_graph_encode(g, &b, NULL), SU_OK);
    assert_int_equal(su_map_open(source_path("mnist/mnist.graph"), 0, &m, NULL), SU_OK);
    if (m.len != b.len || memcmp(m.data, b.data, b.len) != 0)
        fail_msg("models/mnist/mnist.graph differs from su_model_mnist_graph: build mnist-graph");
    su_map_close(&m);
    su_buf_fini(&b);
    su_graph_free(g);
}

static void test_shape_of_graph(void **state)
{
    (void)state;
    struct su_graph *g = mnist_graph();

    assert_true(g->checked);
    assert_int_equal(g->n_input, 1);
    assert_int_equal(g->n_output, 1);
    assert_int_equal(g->n_weight, 16);
    assert_int_equal(g->n_node, 5 + 2 * (5 + 5 + 1 + 2 + 1) + 1 + 2 + 1);
    const struct su_value *in = &g->value[g->input[0]], *out = &g->value[g->output[0].value];
    assert_string_equal(in->name, "image");
    assert_int_equal(in->domain, SU_ROWS);
    assert_true(su_shape_equal(&in->shape, &(struct su_shape){3, {1, 28, 28}}));
    assert_string_equal(g->output[0].name, "probabilities");
    assert_true(su_shape_equal(&out->shape, &(struct su_shape){1, {10}}));
    /* Branch a comes before branch b, so that a cut between them is a cut of the order. */
    uint32_t last_a = 0, first_b = UINT32_MAX;
    for (uint32_t i = 0; i < g->n_weight; i++) {
        const char *name = g->value[g->weight[i]].name;
        if (su_str_starts(name, "a."))
            last_a = g->weight[i];
        if (su_str_starts(name, "b.") && first_b == UINT32_MAX)
            first_b = g->weight[i];
    }
    assert_true(last_a < first_b);
    su_graph_free(g);
}

/* Rows of float pixels from the bytes of an IDX file. */
static void read_digits(float (*image)[PIXELS], uint8_t *label)
{
    struct su_map m;

    assert_int_equal(su_map_open(SU_SOURCE_DIR "/tests/data/digits-images-idx3-ubyte", 0, &m, NULL),
                     SU_OK);
    assert_int_equal(m.len, IMAGE_HEADER_BYTES + DIGITS * PIXELS);
    for (size_t i = 0; i < (size_t)DIGITS * PIXELS; i++)
        image[i / PIXELS][i % PIXELS] = (float)m.data[IMAGE_HEADER_BYTES + i] * (1.0f / 255.0f);
    su_map_close(&m);
    assert_int_equal(su_map_open(SU_SOURCE_DIR "/tests/data/digits-labels-idx1-ubyte", 0, &m, NULL),
                     SU_OK);
    assert_int_equal(m.len, LABEL_HEADER_BYTES + DIGITS);
    memcpy(label, m.data + LABEL_HEADER_BYTES, DIGITS);
    su_map_close(&m);
}

static uint32_t best(const float *p)
{
    uint32_t at = 0;

    for (uint32_t i = 1; i < 10; i++) {
        if (p[i] > p[at])
            at = i;
    }
    return at;
}

static void test_real_digits(void **state)
{
    (void)state;
    static float image[DIGITS][PIXELS];
    uint8_t label[DIGITS];
    struct su_row row[DIGITS];
    const void *input[1] = {image}, *weight[16];
    struct su_model *m;
    struct su_eval *ev;
    struct su_err e = {0};
    size_t bytes;

    read_digits(image, label);
    if (su_model_open(source_path("mnist"), &m, &e))
        fail_msg("%s: %s", e.at, e.msg);
    assert_int_equal(m->graph->n_weight, SU_ARRAY_LEN(weight));
    for (uint32_t i = 0; i < m->graph->n_weight; i++) {
        struct su_weight_span span;
        assert_int_equal(su_weights_resolve(m->weights, m->graph, m->graph->weight[i], &span, NULL),
                         SU_OK);
        weight[i] = span.tensor->data + span.offset;
    }
    for (uint32_t i = 0; i < DIGITS; i++)
        row[i] = (struct su_row){.session = 0, .position = i, .emit = true};
    const struct su_eval_args args = {
        .row = row, .n_row = DIGITS, .input = input, .weight = weight};
    if (su_graph_eval(m->graph, &args, &ev, &e))
        fail_msg("%s: %s", e.at, e.msg);
    const float *p = su_eval_value(ev, m->graph->output[0].value, &bytes);
    assert_non_null(p);
    assert_int_equal(bytes, DIGITS * 10 * sizeof *p);
    for (uint32_t i = 0; i < DIGITS; i++) {
        float sum = 0;
        for (uint32_t k = 0; k < 10; k++)
            sum += p[10 * i + k];
        assert_true(sum > 0.9999f && sum < 1.0001f);
        assert_int_equal(best(p + 10 * i), label[i]);
    }
    assert_int_equal(label[0], 7);
    assert_true(p[7] > 0.99998f && p[7] < 0.99999f);
    assert_int_equal(su_eval_saturations(ev), 0);
    su_eval_free(ev);
    su_model_close(m);
}

static void test_out_of_memory(void **state)
{
    (void)state;
    struct su_graph *g;
    struct su_err e = {0};

    if (!su_alloc_watched())
        skip();
    su_alloc_fail(1500, SIZE_MAX);
    enum su_code c = su_model_mnist_graph(&g, &e);
    su_alloc_fail_none();
    assert_int_equal(c, SU_ENOMEM);
    assert_null(g);
    err_matches(&e, SU_ENOMEM, "out of memory");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_file_is_current),
        cmocka_unit_test(test_shape_of_graph),
        cmocka_unit_test(test_real_digits),
        cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
