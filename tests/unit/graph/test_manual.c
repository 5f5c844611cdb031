// SPDX-License-Identifier: MIT
/* splitup-graph(5) lists every op and type with the number and the signature that the tables
   give it. */
#include "graph/graph.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
// clang-format off
#include <cmocka.h>
// clang-format on

static struct su_map page;

static void has_line(const char *want)
{
    const char *at = (const char *)page.data;
    size_t n = strlen(want);

    for (size_t left = page.len; left >= n; left--, at++) {
        if (memcmp(at, want, n) == 0)
            return;
    }
    fail_msg("man/splitup-graph.5 lacks \"%s\": run man/graph_tables.py", want);
}

static int open_page(void **state)
{
    struct su_err e;

    (void)state;
    return su_map_open(SU_SOURCE_DIR "/man/splitup-graph.5", 1 << 20, &page, &e) == SU_OK ? 0 : -1;
}

static int close_page(void **state)
{
    (void)state;
    su_map_close(&page);
    return 0;
}

static void test_ops(void **state)
{
    static const struct {
        const char *name, *args, *attrs;
    } ops[] = {
#define X(name, text, in_min, in_max, outs, attrs)                                                 \
    {text,                                                                                         \
     in_min == in_max ? #in_min " Ta " #outs "\n" : #in_min " to " #in_max " Ta " #outs "\n",      \
     attrs},
#include "graph/ops.def"
#undef X
    };
    char line[128];

    (void)state;
    for (size_t i = 0; i < SU_ARRAY_LEN(ops); i++) {
        snprintf(line, sizeof line, "\n.It %zu Ta %s Ta %s", i, ops[i].name, ops[i].args);
        has_line(line);
        snprintf(line, sizeof line, "\n.It Ic %s Pq Li %s\n", ops[i].name,
                 ops[i].attrs[0] ? ops[i].attrs : "none");
        has_line(line);
    }
}

static void test_types(void **state)
{
    static const char *const lines[] = {
#define X(name, text, elements, bytes) " Ta " text " Ta " #elements " Ta " #bytes "\n",
#include "graph/dtypes.def"
#undef X
    };
    char line[128];

    (void)state;
    for (size_t i = 0; i < SU_ARRAY_LEN(lines); i++) {
        snprintf(line, sizeof line, "\n.It %zu%s", i, lines[i]);
        has_line(line);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_ops), cmocka_unit_test(test_types)};
    return cmocka_run_group_tests(tests, open_page, close_page);
}
