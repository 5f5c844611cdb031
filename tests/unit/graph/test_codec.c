// SPDX-License-Identifier: MIT
#include "all_ops.h"
#include "graph/graph.h"
#include "support/random_graph.h"

#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
// clang-format off
#include <cmocka.h>
// clang-format on

static void same_graph(const struct su_graph *a, const struct su_graph *b)
{
    assert_int_equal(a->n_value, b->n_value);
    assert_int_equal(a->n_node, b->n_node);
    assert_int_equal(a->n_record, b->n_record);
    assert_int_equal(a->n_output, b->n_output);
    assert_int_equal(a->const_bytes, b->const_bytes);
    assert_memory_equal(a->record, b->record, a->n_record * sizeof *a->record);
    for (uint32_t i = 0; i < a->n_value; i++) {
        const struct su_value *v = &a->value[i], *w = &b->value[i];
        assert_int_equal(v->kind, w->kind);
        assert_int_equal(v->domain, w->domain);
        assert_int_equal(v->dtype, w->dtype);
        assert_memory_equal(&v->shape, &w->shape, sizeof v->shape);
        assert_true(v->first_row == w->first_row);
        assert_int_equal(v->uses, w->uses);
        assert_int_equal(v->name == NULL, w->name == NULL);
        if (v->name)
            assert_string_equal(v->name, w->name);
    }
    for (uint32_t i = 0; i < a->n_node; i++) {
        const struct su_node *m = &a->node[i], *n = &b->node[i];
        assert_int_equal(m->op, n->op);
        assert_int_equal(m->n_arg, n->n_arg);
        assert_int_equal(m->n_attr, n->n_attr);
        assert_memory_equal(m->arg, n->arg, sizeof m->arg);
        assert_memory_equal(m->attr, n->attr, sizeof m->attr);
        assert_int_equal(m->first_out, n->first_out);
        assert_int_equal(m->data_bytes, n->data_bytes);
        if (m->data_bytes)
            assert_memory_equal(m->data, n->data, m->data_bytes);
    }
}

/* Bytes, back to a graph, and the same bytes again. */
static void round_trip(const struct su_graph *g)
{
    struct su_buf first, second;
    struct su_graph *back;
    struct su_err e;

    su_buf_init(&first, 0);
    su_buf_init(&second, 0);
    assert_int_equal(su_graph_encode(g, &first, &e), SU_OK);
    if (su_graph_decode(first.data, first.len, &back, &e))
        fail_msg("%s: %s", e.at, e.msg);
    assert_true(back->checked);
    same_graph(g, back);
    assert_int_equal(su_graph_encode(back, &second, &e), SU_OK);
    assert_int_equal(first.len, second.len);
    assert_memory_equal(first.data, second.data, first.len);
    su_graph_free(back);
    su_buf_fini(&first);
    su_buf_fini(&second);
}

/* The layout of codec.c, written out by hand. */
static void test_known_bytes(void **state)
{
    static const uint8_t known[] =
        "SUGRAPH1"
        "\x12\0splitup-numerics-1"
        "\5\0\0\0"
        "\2\0\0\0"
        "\0\1\0\2\3\0\0\0\4\0\0\0\1\0x" /* input, rows, f32 [3,4] */
        "\1\4\1\4\0\0\0\7\0\0\0\0\0\0\0\2\0w0" /* weight, f16 [4], from row 7 */
        "\2\0\1\0s" /* state [] */
        "\3\x08\0\2\0\0\0\0\0\0\0\0\0\1\0\0\0" /* add 0 1 */
        "\3\x2e\0\0\2\x08\0\0\0\1\0\0\0\2\0\0\0\xff\xff\xff\xff\2\1\0\0" /* const i32 [2] */
        "\3\0\0\0\1\0y"
        "\4\0\0\0\1\0z";
    struct su_graph *g = su_graph_new();
    struct su_shape x = {2, {3, 4}}, w = {1, {4}}, none = {0};
    uint8_t data[] = {255, 255, 255, 255, 2, 1, 0, 0}, digest[SU_SHA256_BYTES],
            want[SU_SHA256_BYTES];
    struct su_buf bytes;
    struct su_graph *back;
    struct su_err e;
    uint32_t id;

    (void)state;
    assert_int_equal(SU_OP_ADD, 8);
    assert_int_equal(SU_OP_CONST, 46);
    assert_int_equal(su_graph_add_input(g, "x", SU_ROWS, SU_F32, &x, &id, &e), SU_OK);
    assert_int_equal(su_graph_add_weight(g, "w0", SU_F16, &w, 7, &id, &e), SU_OK);
    assert_int_equal(su_graph_add_state(g, "s", &none, &id, &e), SU_OK);
    assert_int_equal(
        su_graph_add_node(g, SU_OP_ADD, (uint32_t[]){0, 1}, 2, NULL, 0, NULL, 0, &id, &e), SU_OK);
    assert_int_equal(
        su_graph_add_node(g, SU_OP_CONST, NULL, 0, (int32_t[]){SU_I32, 2}, 2, data, 8, &id, &e),
        SU_OK);
    assert_int_equal(su_graph_add_output(g, "y", 3, &e), SU_OK);
    assert_int_equal(su_graph_add_output(g, "z", 4, &e), SU_OK);
    su_buf_init(&bytes, 0);
    assert_int_equal(su_graph_encode(g, &bytes, &e), SU_EINVAL);
    assert_string_equal(e.msg, "the graph is not checked (su_graph_check)");
    assert_int_equal(bytes.len, 0);
    /* the state has no reader, so these bytes come from a graph that says it is checked but is
       not */
    g->checked = true;
    assert_int_equal(su_graph_encode(g, &bytes, &e), SU_OK);
    assert_int_equal(bytes.len, sizeof known - 1);
    assert_memory_equal(bytes.data, known, bytes.len);
    assert_int_equal(su_graph_digest(g, digest, &e), SU_OK);
    su_sha256(known, sizeof known - 1, want);
    assert_memory_equal(digest, want, sizeof want);
    assert_int_equal(su_graph_decode(known, sizeof known - 1, &back, &e), SU_EINVAL);
    assert_null(back);
    assert_non_null(strstr(e.msg, "state 2 is never used"));
    su_buf_fini(&bytes);
    su_graph_free(g);
}

static void test_round_trip_all_ops(void **state)
{
    struct su_graph *g = su_test_all_ops();
    bool seen[SU_OP_COUNT] = {false};

    (void)state;
    for (uint32_t i = 0; i < g->n_node; i++)
        seen[g->node[i].op] = true;
    for (unsigned i = 0; i < SU_OP_COUNT; i++)
        assert_true(seen[i]);
    round_trip(g);
    su_graph_free(g);
}

static void test_round_trip_random(void **state)
{
    int n = getenv("SU_TEST_FULL") ? 20000 : 400;

    (void)state;
    for (int i = 0; i < n; i++) {
        struct su_random_opts o = {.emit = i % 3 == 0, .elements = i % 2 ? 64 : 0};
        struct su_random_case *c = su_random_case_new((uint64_t)i, &o);
        round_trip(c->graph);
        su_random_case_free(c);
    }
}

/* Digests are those of earlier versions of this program as well. */
static void test_stable_digest(void **state)
{
    struct su_graph *g = su_test_all_ops();
    uint8_t digest[SU_SHA256_BYTES];
    char hex[2 * SU_SHA256_BYTES + 1];

    (void)state;
    assert_int_equal(su_graph_digest(g, digest, NULL), SU_OK);
    su_hex_encode(digest, sizeof digest, hex, sizeof hex);
    assert_string_equal(hex, "bba50163518474624b48d73f57d3b9367b7e4336c98b0968a9fc5c125fe99a5e");
    g->checked = false;
    assert_int_equal(su_graph_digest(g, digest, NULL), SU_EINVAL);
    su_graph_free(g);
}

static void test_files(void **state)
{
    struct su_graph *g = su_test_all_ops(), *back;
    const char *tmp = getenv("TMPDIR");
    char dir[200], path[256], missing[256];
    struct su_err e;

    (void)state;
    snprintf(dir, sizeof dir, "%s/su-graph-XXXXXX", tmp ? tmp : "/tmp");
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/a.graph", dir);
    snprintf(missing, sizeof missing, "%s/none/a.graph", dir);
    assert_int_equal(su_graph_save(g, path, &e), SU_OK);
    assert_int_equal(su_graph_load(path, &back, &e), SU_OK);
    same_graph(g, back);
    su_graph_free(back);
    assert_int_equal(su_graph_save(g, missing, &e), SU_ENOENT);
    assert_int_equal(su_graph_load(missing, &back, &e), SU_ENOENT);
    assert_null(back);
    g->checked = false;
    assert_int_equal(su_graph_save(g, path, &e), SU_EINVAL);
    assert_int_equal(su_file_write(path, "SUGRAPH2, or so", 15, 0600, &e), SU_OK);
    assert_int_equal(su_graph_load(path, &back, &e), SU_EFORMAT);
    assert_null(back);
    assert_non_null(strstr(e.msg, path));
    assert_non_null(strstr(e.msg, "offset 0"));
    assert_int_equal(su_graph_load(path, &back, NULL), SU_EFORMAT);
    assert_int_equal(su_file_write(path, "", 0, 0600, &e), SU_OK);
    assert_int_equal(su_graph_load(path, &back, &e), SU_ETRUNC);
    assert_int_equal(truncate(path, (off_t)SU_GRAPH_FILE_BYTES_MAX + 1), 0);
    assert_int_equal(su_graph_load(path, &back, &e), SU_ELIMIT);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(dir), 0);
    su_graph_free(g);
}

/* The records that cost a reader most per byte: states, inputs and one-argument nodes. Their
   graphs stay below the bound of the header; what is allocated is measured while they live. */
static void test_memory_bound(void **state)
{
    (void)state;
#if !defined(__SANITIZE_ADDRESS__) && defined(__GLIBC__)
    for (int kind = 0; kind < 3; kind++) {
        struct su_graph *g = su_graph_new(), *back;
        struct su_shape s = {0};
        struct su_buf bytes;
        char name[16];
        uint32_t id, x = 0;

        if (kind == 2)
            assert_int_equal(su_graph_add_input(g, "x", SU_ROWS, SU_F32, &s, &x, NULL), SU_OK);
        for (uint32_t i = 0; i < 60000; i++) {
            snprintf(name, sizeof name, "%x", (unsigned)i);
            enum su_code c =
                kind == 0   ? su_graph_add_state(g, name, &s, &id, NULL)
                : kind == 1 ? su_graph_add_input(g, name, SU_ROWS, SU_F32, &s, &id, NULL)
                            : su_graph_add_node(g, SU_OP_NEG, &x, 1, NULL, 0, NULL, 0, &id, NULL);
            assert_int_equal(c, SU_OK);
            if (kind == 2)
                x = id;
            if (kind == 1)
                assert_int_equal(su_graph_add_output(g, name, id, NULL), SU_OK);
        }
        if (kind == 2)
            assert_int_equal(su_graph_add_output(g, "y", x, NULL), SU_OK);
        g->checked = true;
        su_buf_init(&bytes, 0);
        assert_int_equal(su_graph_encode(g, &bytes, NULL), SU_OK);
        su_graph_free(g);
        struct mallinfo2 before = mallinfo2();
        if (kind == 0) { /* unused states are refused, at the very end */
            assert_int_equal(su_graph_decode(bytes.data, bytes.len, &back, NULL), SU_EINVAL);
        } else {
            assert_int_equal(su_graph_decode(bytes.data, bytes.len, &back, NULL), SU_OK);
            struct mallinfo2 after = mallinfo2();
            size_t used = after.uordblks + after.hblkhd - before.uordblks - before.hblkhd;
            assert_true(used < 64 * bytes.len + (1u << 20));
            su_graph_free(back);
        }
        su_buf_fini(&bytes);
    }
#endif
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_bytes),
        cmocka_unit_test(test_round_trip_all_ops),
        cmocka_unit_test(test_round_trip_random),
        cmocka_unit_test(test_stable_digest),
        cmocka_unit_test(test_files),
        cmocka_unit_test(test_memory_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
