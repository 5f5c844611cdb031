// SPDX-License-Identifier: MIT
/* Random graphs: a golden digest over all outputs, the same bits with denormals flushed, and the same bits for each row alone as
   in company. */
#include "contracted.h"
#include "eval_help.h"
#include "support/random_graph.h"

#include <stdlib.h>
#include <string.h>

#define SEED 0x5eed0000u

static size_t cases(void)
{
    const char *full = getenv("SU_TEST_FULL");
    return full && *full == '1' ? 5000 : 200;
}

static struct su_eval *evaluate(const struct su_random_case *c, const struct su_row *row,
                                uint32_t n_row, const void *const *input, bool keep_all)
{
    struct su_err e = {0};
    struct su_eval *ev = NULL;
    struct su_eval_args a = {.row = row,
                             .n_row = n_row,
                             .input = input,
                             .weight = (const void *const *)c->weight,
                             .keep_all = keep_all};
    if (su_graph_eval(c->graph, &a, &ev, &e) != SU_OK)
        fail_msg("%s: %s", e.at, e.msg);
    return ev;
}

static struct su_eval *together(const struct su_random_case *c, bool keep_all)
{
    return evaluate(c, c->row, c->n_row, (const void *const *)c->input, keep_all);
}

static void add_value(struct su_sha256 *h, const struct su_eval *ev, uint32_t value)
{
    size_t bytes = 0;
    const uint8_t *p = su_eval_value(ev, value, &bytes);
    assert_non_null(p);
    for (size_t i = 0; i < bytes; i += 4) {
        uint8_t raw[4];
        uint32_t w;
        memcpy(&w, p + i, 4);
        su_put_le32(raw, w);
        su_sha256_update(h, raw, 4);
    }
}

/* Changes with any bit of arithmetic, and with the generator of the graphs: where only tests/support changed and all other
   tests of the interpreter pass, the new digest is right. */
static void test_golden(void **state)
{
    (void)state;
    struct su_sha256 h;
    uint8_t digest[SU_SHA256_BYTES];
    char hex[2 * SU_SHA256_BYTES + 1];
    su_sha256_init(&h);
    for (uint64_t i = 0; i < 200; i++) {
        struct su_random_case *c =
            su_random_case_new(SEED + i, &(struct su_random_opts){.emit = true});
        struct su_eval *ev = together(c, false);
        for (uint32_t o = 0; o < c->graph->n_output; o++)
            add_value(&h, ev, c->graph->output[o].value);
        su_eval_free(ev);
        su_random_case_free(c);
    }
    su_sha256_final(&h, digest);
    su_hex_encode(digest, sizeof digest, hex, sizeof hex);
    assert_string_equal(hex, "2261fe6a926ae8ed786299b2fbca2ebe89daddfd28f1e2722158bf3f8d2d0eea");
}

/* The results are distinct where multiply-adds are fused, so a build that fuses by mistake cannot pass. */
static void test_fused(void **state)
{
    (void)state;
    size_t different = 0;
    for (uint64_t i = 0; contracted_works() && i < 200; i++) {
        struct su_random_case *c = su_random_case_new(SEED + i, &(struct su_random_opts){0});
        struct su_eval *plain = together(c, false), *fused = NULL;
        struct su_eval_args a = {.row = c->row,
                                 .n_row = c->n_row,
                                 .input = (const void *const *)c->input,
                                 .weight = (const void *const *)c->weight};
        assert_int_equal(contracted_graph_eval(c->graph, &a, &fused, NULL), SU_OK);
        for (uint32_t o = 0; o < c->graph->n_output; o++) {
            size_t bytes = 0;
            const void *p = su_eval_value(plain, c->graph->output[o].value, &bytes);
            const void *q = su_eval_value(fused, c->graph->output[o].value, &bytes);
            different += memcmp(p, q, bytes) != 0;
        }
        su_eval_free(plain);
        su_eval_free(fused);
        su_random_case_free(c);
    }
    print_message("%zu outputs differ when multiply-adds are fused\n", different);
    assert_true(!contracted_works() || different >= 20);
}

/* Every value, not only the outputs; floats obey N3. */
static void test_flushed(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < cases(); i++) {
        struct su_random_case *c =
            su_random_case_new(SEED + i, &(struct su_random_opts){.emit = true});
        struct su_eval *plain = together(c, true);
        h_flush(true);
        struct su_eval *flushed = together(c, true);
        h_flush(false);
        assert_int_equal(su_eval_saturations(plain), su_eval_saturations(flushed));
        for (uint32_t v = 0; v < c->graph->n_value; v++) {
            size_t bytes = 0, same = 0;
            const uint8_t *a = su_eval_value(plain, v, &bytes);
            const uint8_t *b = su_eval_value(flushed, v, &same);
            assert_int_equal(bytes, same);
            if (bytes && memcmp(a, b, bytes) != 0)
                fail_msg("case %u: flushing denormals changes value %u", (unsigned)i, (unsigned)v);
            enum su_dtype d = su_dtype_seen(c->graph->value[v].dtype);
            for (size_t k = 0; k < bytes; k += 4) {
                uint32_t w = su_le32(a + k);
                if (d == SU_BOOL)
                    assert_true(w < 2);
                if (d == SU_F32)
                    assert_int_equal(w, su_f32_bits(su_num_fix(su_f32_from_bits(w))));
            }
        }
        su_eval_free(plain);
        su_eval_free(flushed);
        su_random_case_free(c);
    }
}

static void compare_row(const struct su_random_case *c, const struct su_eval *all,
                        const struct su_eval *one, uint32_t row, uint32_t emitted)
{
    for (uint32_t o = 0; o < c->graph->n_output; o++) {
        const struct su_value *v = &c->graph->value[c->graph->output[o].value];
        if (v->domain == SU_EMIT && !c->row[row].emit)
            continue;
        size_t bytes = su_shape_elements(&v->shape) * 4, have = 0;
        const uint8_t *a = su_eval_value(all, c->graph->output[o].value, &have);
        const uint8_t *b = su_eval_value(one, c->graph->output[o].value, &have);
        size_t at = v->domain == SU_ROWS ? row : v->domain == SU_EMIT ? emitted : 0;
        assert_int_equal(have, bytes);
        assert_memory_equal(a + at * bytes, b, bytes);
    }
}

static void test_rows_alone(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < cases(); i++) {
        struct su_random_case *c =
            su_random_case_new(SEED + i, &(struct su_random_opts){.emit = true, .rows = 4});
        struct su_eval *all = together(c, false);
        uint32_t emitted = 0;
        for (uint32_t r = 0; r < c->n_row; r++) {
            const void *input[8];
            for (uint32_t k = 0; k < c->graph->n_input; k++) {
                const struct su_value *v = &c->graph->value[c->graph->input[k]];
                size_t at = v->domain == SU_ROWS ? r : v->domain == SU_EMIT ? emitted : 0;
                input[k] = (const uint8_t *)c->input[k] + at * (size_t)su_value_row_bytes(v);
            }
            struct su_eval *one = evaluate(c, &c->row[r], 1, input, false);
            compare_row(c, all, one, r, emitted);
            emitted += c->row[r].emit;
            su_eval_free(one);
        }
        su_eval_free(all);
        su_random_case_free(c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden),
        cmocka_unit_test(test_fused),
        cmocka_unit_test(test_flushed),
        cmocka_unit_test(test_rows_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
