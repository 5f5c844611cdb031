// SPDX-License-Identifier: MIT
/* Bytes that no writer made. Each file is spelled out field by field and spoilt in one place;
   its error must name what is wrong and where. SU_WRITE_CORPUS=DIR writes them all as files,
   which is how the corpus of fuzz_graph came about. */
#include "all_ops.h"
#include "graph/graph.h"
#include "support/random.h"
#include "support/random_graph.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
// clang-format off
#include <cmocka.h>
// clang-format on

#define VERSION "\x12\0splitup-numerics-1"
#define HEAD(records, outputs) "SUGRAPH1" VERSION records "\0\0\0" outputs "\0\0\0"
#define X_F32_4 "\0\1\0\1\4\0\0\0\1\0x" /* %0: f32 [4] rows, 11 bytes at offset 36 */
#define W_F32_4 "\1\0\1\4\0\0\0\0\0\0\0\0\0\0\0\1\0w" /* a weight f32 [4], 18 bytes */
#define NEG_0 "\3\x0d\0\1\0\0\0\0\0\0\0\0\0" /* neg %0, 13 bytes at offset 47 */
#define OUT_1 "\1\0\0\0\1\0y" /* output y = %1, at offset 60 */
#define GOOD HEAD("\2", "\1") X_F32_4 NEG_0 OUT_1
#define CONST(dtype, bits) "\3\x2e\0\0\1\4\0\0\0" dtype "\0\0\0" bits
#define CONST_FILE(dtype, bits) HEAD("\1", "\1") CONST(dtype, bits) "\0\0\0\0\1\0y"

struct corrupt {
    const char *name;
    const char *bytes;
    size_t len;
    enum su_code code;
    const char *text; /* part of the message */
};
#define BAD(name, bytes, code, text)                                                               \
    {                                                                                              \
        name, bytes, sizeof(bytes) - 1, code, text                                                 \
    }

static const struct corrupt files[] = {
    BAD("empty", "", SU_ETRUNC, "offset 0: the data end at 0 bytes within the magic"),
    BAD("magic_short", "SUGRA", SU_ETRUNC, "the data end at 5 bytes within the magic \"SUGRAPH1\""),
    BAD("magic_wrong", "SUGRAPH2" VERSION "\0\0\0\0\0\0\0\0", SU_EFORMAT,
        "offset 0: these are no graph bytes"),
    BAD("magic_only", "SUGRAPH1", SU_ETRUNC, "offset 8: the data end at 8 bytes within a name"),
    BAD("version_other", "SUGRAPH1\x12\0splitup-numerics-2\0\0\0\0\0\0\0\0", SU_EUNSUPPORTED,
        "offset 8: the graph is written for numerics \"splitup-numerics-2\"; this program computes "
        "\"splitup-numerics-1\""),
    BAD("version_long", "SUGRAPH1\xff\xff", SU_ELIMIT,
        "offset 8: a name of 65535 bytes is longer than 127"),
    BAD("version_zero_byte", "SUGRAPH1\x03\0a\0b", SU_EFORMAT,
        "offset 8: the name contains a zero byte"),
    BAD("counts_missing", "SUGRAPH1" VERSION "\1\0", SU_ETRUNC, "within the counts"),
    BAD("records_too_many", "SUGRAPH1" VERSION "\xff\xff\xff\xff\1\0\0\0" X_F32_4, SU_ETRUNC,
        "offset 28: 4294967295 records and 1 outputs do not fit into the 11 bytes"),
    BAD("outputs_too_many", "SUGRAPH1" VERSION "\1\0\0\0\0\0\0\x80" X_F32_4, SU_ETRUNC,
        "2147483648 outputs do not fit"),
    BAD("nothing_inside", HEAD("\0", "\0"), SU_EINVAL, "offset 36: there is no output"),
    BAD("no_records_left", HEAD("\3", "\1") X_F32_4 NEG_0, SU_ETRUNC,
        "offset 60: the data end at 60 bytes within the records"),
    BAD("record_kind", HEAD("\2", "\1") X_F32_4 "\4\0\0\0\0\0\0\0\0\0\0\0\0" OUT_1, SU_EFORMAT,
        "offset 47: record kind 4"),
    BAD("trailing_byte", GOOD "\0", SU_EFORMAT, "offset 67: 1 bytes follow the end of the graph"),
    BAD("trailing_graph", GOOD GOOD, SU_EFORMAT, "offset 67: 67 bytes follow"),
    /* sources */
    BAD("domain_unknown", HEAD("\2", "\1") "\0\3\0\1\4\0\0\0\1\0x" NEG_0 OUT_1, SU_EFORMAT,
        "offset 37: domain 3 of an input"),
    BAD("dtype_unknown", HEAD("\2", "\1") "\0\1\x0e\1\4\0\0\0\1\0x" NEG_0 OUT_1, SU_EUNSUPPORTED,
        "offset 38: element type 14 is unknown"),
    BAD("dtype_of_weights", HEAD("\2", "\1") "\0\1\4\1\4\0\0\0\1\0x" NEG_0 OUT_1, SU_EINVAL,
        "offset 36: an input cannot have type f16"),
    BAD("rank_7",
        HEAD("\2",
             "\1") "\0\1\0\7\1\0\0\0\1\0\0\0\1\0\0\0\1\0\0\0\1\0\0\0\1\0\0\0\1\0\0\0\1\0x" NEG_0
            OUT_1,
        SU_ELIMIT, "offset 39: rank 7 exceeds 6"),
    BAD("shape_short", HEAD("\1", "\1") "\0\1\0\6\1\0\0\0\1\0\0\0", SU_ETRUNC, "within a shape"),
    BAD("dim_zero", HEAD("\2", "\1") "\0\1\0\1\0\0\0\0\1\0x" NEG_0 OUT_1, SU_EINVAL,
        "offset 36: axis 0 of shape [0] is empty"),
    BAD("dim_huge", HEAD("\2", "\1") "\0\1\0\1\xff\xff\xff\xff\1\0x" NEG_0 OUT_1, SU_ELIMIT,
        "offset 36: axis 0 of shape [4294967295] exceeds 2147483647"),
    BAD("product_overflows",
        HEAD("\2", "\1") "\0\1\0\4\0\0\1\0\0\0\1\0\0\0\1\0\0\0\1\0\1\0x" NEG_0 OUT_1, SU_ELIMIT,
        "offset 36: shape [65536,65536,65536,65536] has more than 1073741824 elements"),
    BAD("product_of_weight_overflows",
        HEAD("\2", "\1") X_F32_4
        "\1\0\2\xff\xff\xff\x7f\xff\xff\xff\x7f\0\0\0\0\0\0\0\0\1\0w" OUT_1,
        SU_ELIMIT, "offset 47: shape [2147483647,2147483647] has more than 1099511627776 elements"),
    BAD("first_row_huge",
        HEAD("\2", "\1") X_F32_4 "\1\0\1\4\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff\1\0w" OUT_1,
        SU_ELIMIT, "offset 47: rows from 18446744073709551615 on exceed"),
    BAD("blocks_uneven", HEAD("\2", "\1") X_F32_4 "\1\6\1\4\0\0\0\0\0\0\0\0\0\0\0\1\0w" OUT_1,
        SU_ETYPE, "offset 47: weight w: q4_0 packs blocks of 32"),
    BAD("weight_short", HEAD("\2", "\1") X_F32_4 "\1\0\1\4\0\0\0\0\0\0\0\0\0", SU_ETRUNC,
        "within a name"),
    BAD("state_shape", HEAD("\2", "\1") X_F32_4 "\2\1\0\0\0\0\1\0s" OUT_1, SU_EINVAL,
        "offset 47: axis 0 of shape [0] is empty"),
    BAD("name_empty", HEAD("\2", "\1") "\0\1\0\1\4\0\0\0\0\0" NEG_0 OUT_1, SU_EINVAL,
        "offset 36: the name is empty"),
    BAD("name_space", HEAD("\2", "\1") "\0\1\0\1\4\0\0\0\1\0 " NEG_0 OUT_1, SU_EINVAL,
        "offset 36: byte 0 of the name is 0x20"),
    BAD("name_escape", HEAD("\2", "\1") "\0\1\0\1\4\0\0\0\1\0\x1b" NEG_0 OUT_1, SU_EINVAL,
        "byte 0 of the name is 0x1b"),
    BAD("name_zero_byte", HEAD("\2", "\1") "\0\1\0\1\4\0\0\0\2\0x\0" NEG_0 OUT_1, SU_EFORMAT,
        "offset 44: the name contains a zero byte"),
    BAD("name_long", HEAD("\2", "\1") "\0\1\0\1\4\0\0\0\x80\0x" NEG_0 OUT_1, SU_ELIMIT,
        "offset 44: a name of 128 bytes"),
    BAD("name_beyond_end", HEAD("\2", "\1") "\0\1\0\1\4\0\0\0\x7f\0x" NEG_0 OUT_1, SU_ETRUNC,
        "offset 46: the data end"),
    BAD("name_repeated", HEAD("\3", "\1") X_F32_4 NEG_0 X_F32_4 OUT_1, SU_EINVAL,
        "offset 60: two inputs have this name"),
    BAD("weight_repeated", HEAD("\3", "\1") X_F32_4 W_F32_4 W_F32_4 OUT_1, SU_EINVAL,
        "offset 65: two weights"),
    BAD("input_unused", HEAD("\3", "\1") X_F32_4 NEG_0 "\0\1\0\1\4\0\0\0\1\0z" OUT_1, SU_EINVAL,
        "input 2 is never used"),
    /* nodes */
    BAD("op_unknown", HEAD("\2", "\1") X_F32_4 "\3\xff\xff\1\0\0\0\0\0\0\0\0\0" OUT_1,
        SU_EUNSUPPORTED, "offset 47: op 65535 is unknown to this version"),
    BAD("node_short", HEAD("\2", "\1") X_F32_4 "\3\x0d\0\1\0", SU_ETRUNC, "within a node"),
    BAD("args_17", HEAD("\2", "\1") X_F32_4 "\3\x0d\0\x11\0\0\0\0\0\0\0\0\0" OUT_1, SU_ELIMIT,
        "offset 47: neg has 17 arguments"),
    BAD("attrs_255", HEAD("\2", "\1") X_F32_4 "\3\x0d\0\1\xff\0\0\0\0\0\0\0\0" OUT_1, SU_ELIMIT,
        "255 attributes"),
    BAD("args_beyond_end", HEAD("\2", "\1") X_F32_4 "\3\x0d\0\x10\0\0\0\0\0\0\0\0\0", SU_ETRUNC,
        "within a node"),
    BAD("data_beyond_end", HEAD("\2", "\1") X_F32_4 "\3\x0d\0\1\0\xff\xff\xff\xff\0\0\0\0" OUT_1,
        SU_ETRUNC, "within a node"),
    BAD("data_in_neg", HEAD("\2", "\1") X_F32_4 "\3\x0d\0\1\0\4\0\0\0\0\0\0\0\0\0\0\0" OUT_1,
        SU_EINVAL, "offset 47: only const carries data"),
    BAD("argument_count", HEAD("\2", "\1") X_F32_4 "\3\x08\0\1\0\0\0\0\0\0\0\0\0" OUT_1, SU_EINVAL,
        "offset 47: 1 arguments; it takes 2 to 2"),
    BAD("cycle_self", HEAD("\2", "\1") X_F32_4 "\3\x0d\0\1\0\0\0\0\0\1\0\0\0" OUT_1, SU_EINVAL,
        "offset 47: argument 0 names value 1, but only 1 values stand before this record; a node "
        "cannot use itself or a later"),
    BAD("cycle_forward",
        HEAD("\3", "\1") X_F32_4 "\3\x0d\0\1\0\0\0\0\0\2\0\0\0"
                                 "\3\x0d\0\1\0\0\0\0\0\1\0\0\0" OUT_1,
        SU_EINVAL, "offset 47: argument 0 names value 2"),
    BAD("argument_huge", HEAD("\2", "\1") X_F32_4 "\3\x0d\0\1\0\0\0\0\0\xff\xff\xff\xff" OUT_1,
        SU_EINVAL, "argument 0 names value 4294967295"),
    BAD("shapes_clash",
        HEAD("\3", "\1") X_F32_4 "\0\1\0\1\5\0\0\0\1\0z"
                                 "\3\x08\0\2\0\0\0\0\0\0\0\0\0\1\0\0\0"
                                 "\2\0\0\0\1\0y",
        SU_ETYPE, "offset 58: argument 1 has shape [5], which does not broadcast with [4]"),
    BAD("attribute_not_canonical_float",
        HEAD("\2", "\1") X_F32_4 "\3\x35\0\1\1\0\0\0\0\0\0\0\0\0\0\x80\x7f" OUT_1, SU_EINVAL,
        "offset 47: attribute 0 holds the float bits 0x7f800000"),
    BAD("attribute_not_canonical_boolean",
        HEAD("\2", "\1") X_F32_4 "\3\x26\0\1\2\0\0\0\0\0\0\0\0\1\0\0\0\2\0\0\0" OUT_1, SU_EINVAL,
        "offset 47: attribute 1 is 2; a boolean is 0 or 1"),
    BAD("node_unused", HEAD("\3", "\1") X_F32_4 NEG_0 NEG_0 OUT_1, SU_EINVAL,
        "node 1 (neg): its result, value 2, is never used"),
    /* consts */
    BAD("const_bool_2", CONST_FILE("\3", "\2\0\0\0"), SU_EFORMAT,
        "offset 49: the const holds the bool 2"),
    BAD("const_minus_zero", CONST_FILE("\0", "\0\0\0\x80"), SU_EFORMAT,
        "offset 49: the const holds the float bits 0x80000000"),
    BAD("const_denormal", CONST_FILE("\0", "\1\0\0\0"), SU_EFORMAT, "the float bits 0x00000001"),
    BAD("const_nan", CONST_FILE("\0", "\0\0\xc0\x7f"), SU_EFORMAT, "the float bits 0x7fc00000"),
    BAD("const_infinity", CONST_FILE("\0", "\0\0\x80\xff"), SU_EFORMAT,
        "the float bits 0xff800000"),
    BAD("const_huge", CONST_FILE("\0", "\1\0\x80\x58"), SU_EFORMAT, "the float bits 0x58800001"),
    BAD("const_tiny", CONST_FILE("\0", "\xff\xff\x7f\x27"), SU_EFORMAT,
        "the float bits 0x277fffff"),
    BAD("const_no_attributes",
        HEAD("\1", "\1") "\3\x2e\0\0\0\4\0\0\0\0\0\0\0"
                         "\0\0\0\0\1\0y",
        SU_EINVAL, "offset 36: 0 attributes; it takes at least 1"),
    BAD("const_data_short",
        HEAD("\1", "\1") "\3\x2e\0\0\1\3\0\0\0\0\0\0\0\0\0\0"
                         "\0\0\0\0\1\0y",
        SU_EINVAL, "offset 36: 3 bytes of data; shape [] takes 4"),
    BAD("const_dims_huge",
        HEAD("\1", "\1") "\3\x2e\0\0\3\4\0\0\0\0\0\0\0\xff\xff\xff\x7f\xff\xff\xff\x7f\0\0\0\0"
                         "\0\0\0\0\1\0y",
        SU_ELIMIT, "offset 36: the result's shape [2147483647,2147483647]"),
    /* outputs */
    BAD("output_value", HEAD("\2", "\1") X_F32_4 NEG_0 "\2\0\0\0\1\0y", SU_EINVAL,
        "offset 60: the output names value 2 of 2"),
    BAD("output_of_weight",
        HEAD("\3", "\2") X_F32_4 W_F32_4 "\3\x08\0\2\0\0\0\0\0\0\0\0\0\1\0\0\0"
                                         "\2\0\0\0\1\0y"
                                         "\1\0\0\0\1\0z",
        SU_ETYPE, "value 1 is a weight"),
    BAD("output_repeated", HEAD("\2", "\2") X_F32_4 NEG_0 OUT_1 OUT_1, SU_EINVAL,
        "offset 67: two outputs have this name"),
    BAD("output_short", HEAD("\2", "\1") X_F32_4 NEG_0 "\1\0\0\0\1\0", SU_ETRUNC,
        "offset 66: the data end at 66 bytes within a name"),
    BAD("output_name", HEAD("\2", "\1") X_F32_4 NEG_0 "\1\0\0\0\1\0\t", SU_EINVAL,
        "byte 0 of the name is 0x09"),
};

static void write_corpus(const char *name, const void *bytes, size_t len)
{
    const char *dir = getenv("SU_WRITE_CORPUS");
    char path[512];

    if (!dir)
        return;
    snprintf(path, sizeof path, "%s/%s", dir, name);
    assert_int_equal(su_file_write(path, bytes, len, 0644, NULL), SU_OK);
}

static void test_good_file(void **state)
{
    struct su_graph *g;
    struct su_err e;

    (void)state;
    if (su_graph_decode(GOOD, sizeof GOOD - 1, &g, &e))
        fail_msg("%s: %s", e.at, e.msg);
    assert_int_equal(g->n_node, 1);
    su_graph_free(g);
    if (su_graph_decode(CONST_FILE("\3", "\1\0\0\0"), sizeof CONST_FILE("\3", "\1\0\0\0") - 1, &g,
                        &e))
        fail_msg("%s: %s", e.at, e.msg);
    su_graph_free(g);
    write_corpus("good", GOOD, sizeof GOOD - 1);
}

/* Not corrupt, but what mutation starts from. */
static void test_whole_graphs(void **state)
{
    struct su_graph *all = su_test_all_ops(), *back;
    struct su_random_opts o = {.nodes = 8, .elements = 32};
    struct su_buf bytes;
    char name[16];

    (void)state;
    su_buf_init(&bytes, 0);
    for (uint32_t i = 0; i < 6; i++) {
        o.emit = i == 5;
        struct su_random_case *c = su_random_case_new(i, &o);
        su_buf_clear(&bytes);
        assert_int_equal(su_graph_encode(i == 0 ? all : c->graph, &bytes, NULL), SU_OK);
        assert_int_equal(su_graph_decode(bytes.data, bytes.len, &back, NULL), SU_OK);
        snprintf(name, sizeof name, "whole_%u", (unsigned)i);
        write_corpus(name, bytes.data, bytes.len);
        su_graph_free(back);
        su_random_case_free(c);
    }
    su_buf_fini(&bytes);
    su_graph_free(all);
}

static void test_corrupt_files(void **state)
{
    (void)state;
    for (size_t i = 0; i < SU_ARRAY_LEN(files); i++) {
        const struct corrupt *f = &files[i];
        struct su_graph *g = (struct su_graph *)(uintptr_t)1;
        struct su_err e = {0};
        /* an own block of exactly that length, so that a sanitizer sees a read past its end */
        uint8_t *copy = malloc(f->len ? f->len : 1);
        assert_non_null(copy);
        memcpy(copy, f->bytes, f->len);
        enum su_code c = su_graph_decode(copy, f->len, &g, &e);
        if (c != f->code || !strstr(e.msg, f->text) || g != NULL)
            fail_msg("%s: want %s \"%s\", got %s \"%s: %s\"", f->name, su_code_name(f->code),
                     f->text, su_code_name(c), e.at, e.msg);
        assert_non_null(strstr(e.msg, "offset "));
        assert_int_equal(su_graph_decode(copy, f->len, &g, NULL), f->code);
        free(copy);
        write_corpus(f->name, f->bytes, f->len);
    }
}

static void test_too_large(void **state)
{
    size_t len = (size_t)SU_GRAPH_FILE_BYTES_MAX + 1;
    uint8_t *zeros = calloc(len, 1);
    struct su_graph *g;
    struct su_err e;

    (void)state;
    assert_non_null(zeros);
    assert_int_equal(su_graph_decode(zeros, len, &g, &e), SU_ELIMIT);
    assert_non_null(strstr(e.msg, "67108865 bytes are more than the 67108864"));
    assert_int_equal(su_graph_decode(zeros, len - 1, &g, &e), SU_EFORMAT);
    free(zeros);
}

/* Every proper prefix of a graph with all ops is refused, as cut off. */
static void test_every_prefix(void **state)
{
    struct su_graph *g = su_test_all_ops(), *back;
    struct su_buf bytes;
    struct su_err e;

    (void)state;
    su_buf_init(&bytes, 0);
    assert_int_equal(su_graph_encode(g, &bytes, &e), SU_OK);
    for (size_t n = 0; n < bytes.len; n++) {
        uint8_t *copy = malloc(n ? n : 1);
        assert_non_null(copy);
        memcpy(copy, bytes.data, n);
        assert_int_equal(su_graph_decode(copy, n, &back, &e), SU_ETRUNC);
        free(copy);
    }
    su_buf_fini(&bytes);
    su_graph_free(g);
}

/* Changed bytes either fail or give a graph with exactly those bytes. */
static void test_mutations(void **state)
{
    int n = getenv("SU_TEST_FULL") ? 400000 : 20000, accepted = 0;
    struct su_random r = su_random_of(7, 7);
    struct su_graph *all = su_test_all_ops();
    struct su_buf bytes, again;
    struct su_err e;

    (void)state;
    su_buf_init(&bytes, 0);
    su_buf_init(&again, 0);
    for (int i = 0; i < n; i++) {
        struct su_graph *back;
        if (i % 200 == 0) {
            struct su_random_opts o = {.elements = 16, .nodes = 5};
            struct su_random_case *c = su_random_case_new((uint64_t)i, &o);
            su_buf_clear(&bytes);
            assert_int_equal(su_graph_encode(i % 400 ? c->graph : all, &bytes, &e), SU_OK);
            su_random_case_free(c);
        }
        uint8_t *copy = malloc(bytes.len);
        assert_non_null(copy);
        memcpy(copy, bytes.data, bytes.len);
        for (uint32_t k = su_random_range(&r, 1, 3); k > 0; k--) {
            uint8_t *p = &copy[su_random_below(&r, (uint32_t)bytes.len)];
            *p = su_random_chance(&r, 50) ? (uint8_t)su_random_below(&r, 16)
                                          : (uint8_t)(*p ^ 1u << su_random_below(&r, 8));
        }
        if (su_graph_decode(copy, bytes.len, &back, &e) == SU_OK) {
            accepted++;
            su_buf_clear(&again);
            assert_int_equal(su_graph_encode(back, &again, &e), SU_OK);
            assert_int_equal(again.len, bytes.len);
            assert_memory_equal(again.data, copy, bytes.len);
            su_graph_free(back);
        } else {
            assert_null(back);
            assert_true(e.msg[0] != '\0');
        }
        free(copy);
    }
    assert_true(accepted > n / 100);
    assert_true(accepted < n);
    su_buf_fini(&bytes);
    su_buf_fini(&again);
    su_graph_free(all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good_file),     cmocka_unit_test(test_whole_graphs),
        cmocka_unit_test(test_corrupt_files), cmocka_unit_test(test_too_large),
        cmocka_unit_test(test_every_prefix),  cmocka_unit_test(test_mutations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
