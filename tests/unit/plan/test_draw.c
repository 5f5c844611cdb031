// SPDX-License-Identifier: MIT
#include "plan_graphs.h"

#include "support/count.h"
#include "support/random_graph.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char *drawing(const struct su_plan *p, unsigned width, bool utf8)
{
    struct su_err e;
    struct su_buf b;
    su_buf_init(&b, 0);
    assert_int_equal(su_plan_draw(p, width, utf8, &b, &e), SU_OK);
    return (char *)b.data;
}

/* Ends with a newline, no line is wider than allowed or ends with blanks, only ASCII when asked. */
static void assert_neat(const char *s, unsigned width, bool utf8)
{
    unsigned column = 0;
    char before = 0;
    assert_true(s[0] != '\0' && s[strlen(s) - 1] == '\n');
    for (; *s != '\0'; before = *s++) {
        if (*s == '\n') {
            assert_true(before != ' ');
            column = 0;
            continue;
        }
        assert_true(utf8 || (*s >= ' ' && *s <= '~'));
        column += ((unsigned char)*s & 0xc0) != 0x80;
        assert_true(column <= width);
    }
}

static void assert_names_all(const struct su_plan *p, const char *s)
{
    char text[64], size[32];
    for (uint32_t i = 0; i < p->n_task; i++) {
        snprintf(text, sizeof text, "task %u", i);
        assert_non_null(strstr(s, text));
        su_format_size(p->task[i].vram_fixed, size, sizeof size);
        assert_non_null(strstr(s, size));
    }
}

static void test_one(void **state)
{
    (void)state;
    struct su_graph *g = graph_chain(2, 32);
    struct su_plan *p = plan_of(g, 1 << 20, 1);
    char *s = drawing(p, 40, false);
    assert_string_equal(s, "   + task 0 ------------------------+\n"
                           "   | matmul x2, relu x2             |\n"
                           "   | 8.5 KB, 2.05k macs             |\n"
                           "   | <- 128 B x                     |\n"
                           "   | -> 128 B y                     |\n"
                           "   +--------------------------------+\n");
    free(s);
    su_plan_free(p);
    su_graph_free(g);
}

/* Two tasks side by side between a stem and a head. */
static void test_branches(void **state)
{
    (void)state;
    struct su_graph *g = graph_digits();
    struct su_plan *p = plan_of(g, 250 << 10, 1);
    char *s = drawing(p, 0, true);
    assert_int_equal(p->n_task, 4);
    assert_neat(s, 80, true);
    assert_names_all(p, s);
    const char *left = strstr(s, "task 1"), *right = strstr(s, "task 2");
    assert_true(left < right && memchr(left, '\n', (size_t)(right - left)) == NULL);
    assert_non_null(strstr(s, "\u2190 3.06 KB image"));
    assert_non_null(strstr(s, "\u2192 40 B probabilities"));
    assert_non_null(strstr(s, "\u2502 256 B"));
    free(s);
    su_plan_free(p);
    su_graph_free(g);
}

static void test_many_boxes(void **state)
{
    (void)state;
    struct su_graph *g = graph_digits();
    for (uint64_t kb = 100; kb < 700; kb += 25) {
        struct su_plan *p = plan_of(g, kb << 10, 1);
        for (uint32_t utf8 = 0; utf8 < 2; utf8++) {
            char *s = drawing(p, 80, utf8 == 1);
            assert_neat(s, 80, utf8 == 1);
            if (p->n_task <= 6) {
                assert_names_all(p, s);
            }
            free(s);
        }
        su_plan_free(p);
    }
    su_graph_free(g);
}

/* Beyond what boxes can show: a line per task, with the sources named. */
static void test_lines(void **state)
{
    (void)state;
    struct su_graph *g = graph_chain(40, 32);
    struct su_plan *p = plan_of(g, 5 << 10, 1);
    assert_true(p->n_task > 16);
    char *s = drawing(p, 80, false);
    uint32_t lines = 0;
    assert_neat(s, 80, false);
    for (const char *c = s; *c != '\0'; c++) {
        lines += *c == '\n';
    }
    assert_int_equal(lines, p->n_task);
    assert_non_null(strstr(s, "<- 3 (128 B)"));
    assert_non_null(strstr(s, "* "));
    free(s);
    su_plan_free(p);
    su_graph_free(g);
}

static void test_random(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < su_test_count(60, 1000); seed++) {
        struct su_random_case *c = su_random_case_new(seed, &(struct su_random_opts){.rows = 1});
        struct su_plan_opts o = {.t_max = 1};
        struct su_err e;
        uint64_t least;
        assert_int_equal(su_plan_smallest(c->graph, &o, &least, &e), SU_OK);
        struct su_plan *p = plan_of(c->graph, least, 1);
        const unsigned widths[] = {40, 66, 80, 120, 400};
        for (uint32_t i = 0; i < SU_ARRAY_LEN(widths); i++) {
            char *s = drawing(p, widths[i], i % 2 == 0);
            assert_neat(s, widths[i], i % 2 == 0);
            free(s);
        }
        su_plan_free(p);
        su_random_case_free(c);
    }
}

static void test_limits(void **state)
{
    (void)state;
    struct su_graph *g = graph_chain(2, 32);
    struct su_plan *p = plan_of(g, 1 << 20, 1);
    struct su_err e;
    struct su_buf b;
    su_buf_init(&b, 0);
    assert_int_equal(su_plan_draw(p, 39, true, &b, &e), SU_EINVAL);
    assert_int_equal(su_plan_draw(p, 401, true, &b, &e), SU_EINVAL);
    su_buf_fini(&b);
    su_buf_init(&b, 10);
    assert_int_equal(su_plan_draw(p, 80, true, &b, &e), SU_ELIMIT);
    su_buf_fini(&b);
    su_plan_free(p);
    su_graph_free(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one),    cmocka_unit_test(test_branches),
        cmocka_unit_test(test_lines),  cmocka_unit_test(test_many_boxes),
        cmocka_unit_test(test_random), cmocka_unit_test(test_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
