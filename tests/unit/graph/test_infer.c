// SPDX-License-Identifier: MIT
/* One line per rule: a node in a small notation, and the type it gets or the error that names what
   is wrong.
     op argument... | attribute...
   argument: r, f, w, s (input of domain rows or fixed, weight, state) or e (rows through
   select_emitted), ':', type, shape.
   attribute: integer, float (with a point or 'p'), type name, or data=N for N zero bytes of const
   data. */
#include "graph/graph.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
// clang-format off
#include <cmocka.h>
// clang-format on

struct rule {
    const char *node;
    const char *want; /* "f32 [2] rows", several joined by "; ", or "ETYPE part of the message" */
};

static struct su_shape parse_shape(const char *s)
{
    struct su_shape shape = {0};

    assert_int_equal(*s, '[');
    for (s++; *s != ']';) {
        char *end;
        shape.dim[shape.rank++] = (uint32_t)strtoul(s, &end, 10);
        s = *end == ',' ? end + 1 : end;
    }
    return shape;
}

static uint32_t parse_arg(struct su_graph *g, const char *text)
{
    char type[16], name[16];
    enum su_dtype d = SU_F32;
    uint32_t id = 0;
    const char *bracket = strchr(text, '[');
    struct su_shape s = parse_shape(bracket);

    snprintf(name, sizeof name, "v%u", (unsigned)g->n_value);
    snprintf(type, sizeof type, "%.*s", (int)(bracket - text - 2), text + 2);
    assert_true(*text == 's' || su_dtype_find(type, &d));
    switch (*text) {
    case 'w':
        assert_int_equal(su_graph_add_weight(g, name, d, &s, 0, &id, NULL), SU_OK);
        break;
    case 's':
        assert_int_equal(su_graph_add_state(g, name, &s, &id, NULL), SU_OK);
        break;
    default:
        assert_int_equal(su_graph_add_input(g, name,
                                            *text == 'f'   ? SU_FIXED
                                            : *text == 'r' ? SU_ROWS
                                                           : SU_EMIT,
                                            d, &s, &id, NULL),
                         SU_OK);
    }
    return id;
}

static int32_t parse_attr(const char *text)
{
    enum su_dtype d;

    if (su_dtype_find(text, &d))
        return (int32_t)d;
    if (strpbrk(text, ".p") || strcmp(text, "nan") == 0)
        return (int32_t)su_f32_bits(strtof(text, NULL));
    return (int32_t)strtol(text, NULL, 0);
}

static void format_results(const struct su_graph *g, uint32_t node, char *out, size_t cap)
{
    static const char *const domains[] = {"fixed", "rows", "emit"};
    char shape[80];
    size_t n = 0;

    for (uint32_t i = 0; i < g->node[node].n_out; i++) {
        const struct su_value *v = &g->value[g->node[node].first_out + i];
        n +=
            (size_t)snprintf(out + n, cap - n, "%s%s %s %s", i ? "; " : "", su_dtype_name(v->dtype),
                             su_shape_format(&v->shape, shape, sizeof shape), domains[v->domain]);
    }
}

static void run(const struct rule *rule)
{
    static const uint8_t zeros[4096];
    struct su_graph *g = su_graph_new();
    struct su_err e = {0};
    char line[512], got[512], *save = NULL;
    uint32_t arg[20], n_arg = 0, n_attr = 0, data_bytes = 0, id;
    int32_t attr[20];
    bool attrs = false;
    enum su_op op;

    snprintf(line, sizeof line, "%s", rule->node);
    char *word = strtok_r(line, " ", &save);
    assert_true(su_op_find(word, &op));
    while ((word = strtok_r(NULL, " ", &save))) {
        if (strcmp(word, "|") == 0)
            attrs = true;
        else if (!attrs)
            arg[n_arg++] = parse_arg(g, word);
        else if (su_str_starts(word, "data="))
            data_bytes = (uint32_t)strtoul(word + 5, NULL, 10);
        else
            attr[n_attr++] = parse_attr(word);
    }
    uint32_t values = g->n_value, nodes = g->n_node, records = g->n_record;
    enum su_code c = su_graph_add_node(g, op, arg, n_arg, attr, n_attr, zeros, data_bytes, &id, &e);
    if (c) {
        snprintf(got, sizeof got, "%s %s", su_code_name(c), e.msg);
        assert_non_null(strstr(e.at, su_op_name(op)));
        assert_int_equal(g->n_value, values);
        assert_int_equal(g->n_node, nodes);
        assert_int_equal(g->n_record, records);
    } else {
        format_results(g, g->n_node - 1, got, sizeof got);
    }
    bool error = rule->want[0] == 'E';
    const char *text = error ? strchr(rule->want, ' ') + 1 : NULL;
    bool good = error ? strncmp(got, rule->want, (size_t)(text - rule->want)) == 0 &&
                            strstr(got, text) != NULL
                      : strcmp(got, rule->want) == 0;
    if (!good)
        fail_msg("%s\n  want: %s\n  got:  %s", rule->node, rule->want, got);
    su_graph_free(g);
}

#define RUN(rules)                                                                                 \
    do {                                                                                           \
        for (size_t i = 0; i < SU_ARRAY_LEN(rules); i++)                                           \
            run(&(rules)[i]);                                                                      \
    } while (0)

static void test_movement(void **state)
{
    static const struct rule rules[] = {
        {"reshape r:f32[2,6] | 3 4", "f32 [3,4] rows"},
        {"reshape f:i32[1,1]", "i32 [] fixed"},
        {"reshape w:f16[2,6] | 12", "f32 [12] fixed"},
        {"reshape e:u32[6] | 6 1 1 1 1 1", "u32 [6,1,1,1,1,1] emit"},
        {"reshape r:f32[2,6] | 3 5", "ETYPE shape [2,6] cannot become [3,5]"},
        {"reshape r:f32[2,6] | 12 0", "EINVAL dim 1 is 0"},
        {"reshape r:f32[2,6] | -12", "EINVAL dim 0 is -12"},
        {"reshape r:f32[1] | 1 1 1 1 1 1 1", "ELIMIT rank 7 exceeds 6"},
        {"reshape r:f32[4] | 2147483647 2147483647 2147483647", "ETYPE numbers of elements differ"},
        {"reshape w:f32[2147483647,2] | 2 2147483647", "ELIMIT more than 1073741824 elements"},
        {"reshape | 1", "EINVAL 0 arguments; it takes 1 to 1"},
        {"reshape r:f32[1] r:f32[1] | 1", "EINVAL 2 arguments; it takes 1 to 1"},
        {"permute r:f32[2,3,4] | 2 0 1", "f32 [4,2,3] rows"},
        {"permute r:bool[]", "bool [] rows"},
        {"permute r:f32[2,3] | 1", "EINVAL 1 attributes; it takes 2 here, one per axis"},
        {"permute r:f32[2,3] | 1 2", "ETYPE attribute 1 names axis 2 of a shape of rank 2"},
        {"permute r:f32[2,3] | -1 0", "ETYPE attribute 0 names axis -1"},
        {"permute r:f32[2,3] | 1 1", "EINVAL axis 1 is named twice"},
        {"expand r:f32[1,3] | 5 3", "f32 [5,3] rows"},
        {"expand r:f32[1,3] | 5", "EINVAL 1 attributes; it takes 2 here"},
        {"expand r:f32[1,3] | 5 4", "ETYPE shape [1,3] cannot expand to [5,4]: axis 1 is not 1"},
        {"expand r:f32[1,3] | 0 3", "EINVAL dim 0 is 0"},
        {"expand r:f32[1,1] | 40000 40000", "ELIMIT the result's shape [40000,40000]"},
        {"pad r:i32[2,3] | 1 0 2 3", "i32 [3,8] rows"},
        {"pad r:i32[2,3] | 1 0 2", "EINVAL 3 attributes; it takes 4 here, two per axis"},
        {"pad r:i32[2,3] | 1 0 2 -1", "EINVAL attribute 3 (high padding) is -1"},
        {"pad r:i32[2] | -1 0", "EINVAL attribute 0 (low padding) is -1"},
        {"pad r:i32[2] | 2147483647 2147483647", "ELIMIT axis 0 of shape [2] grows to 4294967296"},
        {"shrink r:f32[5,6] | 1 4 0 6", "f32 [3,6] rows"},
        {"shrink r:f32[5,6] | 1 4", "EINVAL 2 attributes; it takes 4 here"},
        {"shrink r:f32[5,6] | 4 4 0 6",
         "ETYPE 4 to 4 is not a range of at least one element within axis 0"},
        {"shrink r:f32[5,6] | 0 5 0 7", "ETYPE within axis 1 of shape [5,6]"},
        {"shrink r:f32[5] | -1 5", "ETYPE -1 to 5"},
        {"flip r:f32[5,6] | 3", "f32 [5,6] rows"},
        {"flip r:f32[5,6] | 4", "ETYPE axis mask 0x4"},
        {"flip r:f32[5,6] | 0", "ETYPE must name at least one axis"},
        {"flip r:f32[5,6] | -1", "ETYPE axis mask 0xffffffff"},
        {"flip r:f32[5,6]", "EINVAL 0 attributes; it takes 1"},
        {"concat r:f32[2,3] w:bf16[4,3] f:f32[1,3] | 0", "f32 [7,3] rows"},
        {"concat r:bool[2] | 0", "bool [2] rows"},
        {"concat r:f32[2,3] r:i32[2,3] | 0", "ETYPE argument 1 has type i32, argument 0 type f32"},
        {"concat r:f32[2,3] r:f32[2,4] | 0",
         "ETYPE argument 1 has shape [2,4], argument 0 shape [2,3]"},
        {"concat r:f32[2,3] r:f32[2] | 0", "ETYPE argument 1 has shape [2]"},
        {"concat r:f32[2,3] | 2", "ETYPE names axis 2"},
        {"concat r:f32[] | 0", "ETYPE names axis 0 of a shape of rank 0"},
        {"concat r:f32[2] e:f32[2] | 0",
         "ETYPE argument 1 has domain emit, an argument before it rows"},
        {"concat w:f32[2147483647] w:f32[2147483647] | 0", "ELIMIT axis 0 grows to 4294967294"},
        {"slice r:f32[10] | 0 1 10 4", "f32 [3] rows"},
        {"slice r:f32[2,10] | 1 1 9 4", "f32 [2,2] rows"},
        {"slice r:f32[10] | 0 1 10 2147483647", "f32 [1] rows"},
        {"slice r:f32[10] | 0 1 11 1", "ETYPE 1 to 11 is not a range"},
        {"slice r:f32[10] | 0 3 3 1", "ETYPE 3 to 3 is not a range"},
        {"slice r:f32[10] | 0 0 3 0", "EINVAL attribute 3 (step) is 0"},
        {"slice r:f32[10] | 1 0 3 1", "ETYPE names axis 1"},
    };
    (void)state;
    RUN(rules);
}

static void test_elementwise(void **state)
{
    static const struct rule rules[] = {
        {"add r:f32[3,4] w:f16[4]", "f32 [3,4] rows"},
        {"add f:i32[3,1] f:i32[1,4]", "i32 [3,4] fixed"},
        {"sub r:u32[] e:u32[2]", "ETYPE rows and emit do not mix"},
        {"sub f:u32[] e:u32[2]", "u32 [2] emit"},
        {"mul r:f32[2,1,3] r:f32[5,1]", "f32 [2,5,3] rows"},
        {"mul r:bool[2] r:bool[2]",
         "ETYPE argument 0 has type bool; it must be one of f32, i32, u32"},
        {"max r:f32[3] r:f32[4]",
         "ETYPE argument 1 has shape [4], which does not broadcast with [3]"},
        {"min r:f32[3] r:i32[3]", "ETYPE argument 1 has type i32, argument 0 type f32"},
        {"min r:i32[3] r:i32[3]", "i32 [3] rows"},
        {"add r:f32[32768,1] r:f32[1,32769]", "ELIMIT more than 1073741824 elements"},
        {"add r:f32[2] r:f32[2] | 1", "EINVAL 1 attributes; it takes 0"},
        {"add r:f32[2]", "EINVAL 1 arguments; it takes 2 to 2"},
        {"neg r:u32[2]", "u32 [2] rows"},
        {"neg r:bool[2]", "ETYPE type bool"},
        {"relu r:i32[2]", "i32 [2] rows"},
        {"relu r:u32[2]", "ETYPE argument 0 has type u32; it must be one of f32, i32"},
        {"recip w:bf16[2,2]", "f32 [2,2] fixed"},
        {"sqrt r:f32[]", "f32 [] rows"},
        {"rsqrt r:f32[1]", "f32 [1] rows"},
        {"exp r:f32[1]", "f32 [1] rows"},
        {"exp r:i32[1]", "ETYPE argument 0 has type i32; it must be f32"},
        {"exp2 r:f32[1]", "f32 [1] rows"},
        {"log2 r:f32[1]", "f32 [1] rows"},
        {"sin r:f32[1]", "f32 [1] rows"},
        {"silu r:f32[1]", "f32 [1] rows"},
        {"gelu e:f32[1]", "f32 [1] emit"},
        {"sigmoid r:f32[1]", "f32 [1] rows"},
        {"tanh r:f32[1]", "f32 [1] rows"},
        {"trunc r:f32[1]", "f32 [1] rows"},
        {"trunc r:i32[1]", "ETYPE it must be f32"},
        {"cmp r:f32[2] r:f32[1] | 3", "bool [2] rows"},
        {"cmp r:u32[2] r:u32[2] | 0", "bool [2] rows"},
        {"cmp r:f32[2] r:f32[2] | 4", "EINVAL attribute 0 (comparison) is 4; it must be 0 to 3"},
        {"cmp r:f32[2] r:f32[2] | -1", "EINVAL is -1"},
        {"cmp r:bool[2] r:bool[2] | 2", "ETYPE type bool"},
        {"where r:bool[2,1] r:f32[3] w:f32[]", "f32 [2,3] rows"},
        {"where f:bool[2] f:bool[2] f:bool[2]", "bool [2] fixed"},
        {"where r:i32[2] r:f32[2] r:f32[2]", "ETYPE argument 0 has type i32; it must be bool"},
        {"where r:bool[2] r:f32[2] r:i32[2]", "ETYPE argument 2 has type i32, argument 1 type f32"},
        {"where r:bool[2] r:f32[3] r:f32[3]", "ETYPE argument 1 has shape [3]"},
        {"where r:bool[2] r:f32[2] r:f32[3]", "ETYPE argument 2 has shape [3]"},
        {"cast r:bool[2] | f32", "f32 [2] rows"},
        {"cast r:f32[2] | bool", "bool [2] rows"},
        {"cast w:f16[2] | u32", "u32 [2] fixed"},
        {"cast r:f32[2] | f16", "EINVAL not one of the value types"},
        {"cast r:f32[2] | -1", "EINVAL attribute 0 is -1"},
        {"cast r:f32[2] | 14", "EINVAL attribute 0 is 14"},
        {"bitcast r:f32[2] | u32", "u32 [2] rows"},
        {"bitcast r:i32[2] | f32", "f32 [2] rows"},
        {"bitcast r:bool[2] | u32", "ETYPE argument 0 has type bool"},
        {"bitcast r:u32[2] | bool", "ETYPE not bool"},
        {"and r:bool[2] r:bool[2]", "bool [2] rows"},
        {"or r:i32[2] r:i32[1]", "i32 [2] rows"},
        {"xor r:u32[2] r:u32[1]", "u32 [2] rows"},
        {"xor r:f32[2] r:f32[1]",
         "ETYPE argument 0 has type f32; it must be one of i32, u32, bool"},
        {"shl r:i32[2] r:i32[]", "i32 [2] rows"},
        {"shr r:u32[2] r:u32[]", "u32 [2] rows"},
        {"shr r:u32[2] r:i32[]", "ETYPE argument 1 has type i32"},
        {"idiv r:i32[2] r:i32[]", "i32 [2] rows"},
        {"mod r:u32[2] r:u32[]", "u32 [2] rows"},
        {"mod r:bool[2] r:bool[]", "ETYPE it must be one of i32, u32"},
    };
    (void)state;
    RUN(rules);
}

static void test_reductions(void **state)
{
    static const struct rule rules[] = {
        {"reduce_sum r:f32[2,3,4] | 5 0", "f32 [3] rows"},
        {"reduce_sum r:i32[2,3,4] | 5 1", "i32 [1,3,1] rows"},
        {"reduce_max f:u32[2] | 1 0", "u32 [] fixed"},
        {"reduce_prod r:f32[2] | 1 1", "f32 [1] rows"},
        {"reduce_sum r:bool[2] | 1 0", "ETYPE type bool"},
        {"reduce_sum r:f32[2] | 2 0", "ETYPE axis mask 0x2"},
        {"reduce_sum r:f32[2] | 0 0", "ETYPE at least one axis"},
        {"reduce_sum r:f32[] | 1 0", "ETYPE a shape of rank 0"},
        {"reduce_sum r:f32[2] | 1 2", "EINVAL attribute 1 is 2; a boolean is 0 or 1"},
        {"reduce_sum r:f32[16777216] | 1 0", "f32 [] rows"},
        {"reduce_sum r:f32[16777217] | 1 0",
         "ELIMIT a reduction of 16777217 elements exceeds 16777216"},
        {"argmax r:f32[4,5] | 0 0", "i32 [5] rows"},
        {"argmax r:u32[4,5] | 1 1", "i32 [4,1] rows"},
        {"argmax r:f32[4,5] | 2 0", "ETYPE names axis 2"},
        {"argmax r:f32[4,5] | 1 -1", "EINVAL attribute 1 is -1"},
        {"argmax r:bool[4] | 0 0", "ETYPE type bool"},
        {"argmax r:f32[16777217] | 0 0", "ELIMIT a search of"},
        {"cumsum r:i32[4,5] | 1", "i32 [4,5] rows"},
        {"cumsum r:f32[4,5] | 2", "ETYPE names axis 2"},
        {"cumsum r:bool[4] | 0", "ETYPE type bool"},
        {"cumsum r:f32[16777217] | 0", "ELIMIT a running sum"},
        {"topk r:f32[4,5] | 5", "f32 [4,5] rows; i32 [4,5] rows"},
        {"topk e:u32[5] | 1", "u32 [1] emit; i32 [1] emit"},
        {"topk r:f32[4,5] | 6", "ETYPE the best 6 are asked of the last axis of shape [4,5]"},
        {"topk r:f32[4,5] | 0", "ETYPE the best 0"},
        {"topk r:f32[] | 1", "ETYPE the rank must be 1 to 6"},
        {"topk r:bool[4] | 1", "ETYPE type bool"},
        {"topk r:f32[16777217] | 1", "ELIMIT a sorted axis"},
    };
    (void)state;
    RUN(rules);
}

static void test_indexing(void **state)
{
    static const struct rule rules[] = {
        {"gather r:f32[3,4,5] r:i32[2,7] | 1", "f32 [3,2,7,5] rows"},
        {"gather w:bool[3] r:u32[] | 0", "bool [] rows"},
        {"gather r:f32[3] r:f32[2] | 0",
         "ETYPE argument 1 has type f32; it must be one of i32, u32"},
        {"gather r:f32[3] r:i32[2] | 1", "ETYPE names axis 1"},
        {"gather r:f32[] r:i32[2] | 0", "ETYPE names axis 0 of a shape of rank 0"},
        {"gather r:f32[1,1,1,1] r:i32[1,1,1,1] | 0",
         "ELIMIT argument 0 of shape [1,1,1,1] indexed by shape [1,1,1,1]"},
        {"gather r:f32[2,40000] r:i32[40000] | 0", "ELIMIT more than"},
        {"embedding w:q8_0[9,64] r:i32[2]", "f32 [2,64] rows"},
        {"embedding w:bf16[9,6] f:u32[]", "f32 [6] fixed"},
        {"embedding w:i32[9,6] r:i32[]", "ETYPE argument 0 has type i32; it must be f32"},
        {"embedding r:f32[9,6] r:i32[]", "ETYPE argument 0 is not a weight; use gather"},
        {"embedding w:f32[9] r:i32[]", "ETYPE the rank must be 2 to 2"},
        {"embedding w:f32[9,6] r:f32[]", "ETYPE argument 1 has type f32"},
        {"embedding w:f32[9,6] r:i32[1,1,1,1,1,1]", "ELIMIT exceeds rank 6"},
        {"const | f32 2 3 data=24", "f32 [2,3] fixed"},
        {"const | bool data=4", "bool [] fixed"},
        {"const | u32 2 3 data=20", "EINVAL 20 bytes of data; shape [2,3] takes 24"},
        {"const | q8_0 32 data=34", "EINVAL not one of the value types"},
        {"const | f32 -1 data=4", "EINVAL dim 0 is -1"},
        {"const", "EINVAL 0 attributes; it takes at least 1"},
        {"const | f32 2147483647 2147483647", "ELIMIT more than"},
        {"const r:f32[1] | f32 data=4", "EINVAL 1 arguments; it takes 0 to 0"},
        {"neg r:f32[1] | data=4", "EINVAL only const carries data"},
        {"iota | i32 1 2 3", "i32 [2,3] fixed"},
        {"iota | f32 0 16777216", "f32 [16777216] fixed"},
        {"iota | f32 0 16777217", "ELIMIT an axis counted in f32 of 16777217"},
        {"iota | u32 0 16777217", "u32 [16777217] fixed"},
        {"iota | bool 0 2", "ETYPE not bool"},
        {"iota | i32 0", "ETYPE names axis 0 of a shape of rank 0"},
        {"iota | i32 2 4 4", "ETYPE names axis 2"},
        {"iota | i32 0 0", "EINVAL dim 0 is 0"},
        {"iota | i32", "EINVAL 1 attributes; it takes at least 2"},
        {"const | f32 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1",
         "EINVAL 17 attributes; 16 is the most allowed"},
    };
    (void)state;
    RUN(rules);
}

static void test_products(void **state)
{
    static const struct rule rules[] = {
        {"matmul r:f32[5] w:f16[7,5]", "f32 [7] rows"},
        {"matmul r:f32[2,3,5] w:f32[7,5]", "f32 [2,3,7] rows"},
        {"matmul r:f32[2,3,5] r:f32[2,7,5]", "f32 [2,3,7] rows"},
        {"matmul f:f32[3,5] e:f32[7,5]", "f32 [3,7] emit"},
        {"matmul r:f32[5] w:f32[7,6]", "ETYPE shapes [5] of argument 0 and [7,6] of argument 1 do "
                                       "not multiply: the last axes differ"},
        {"matmul r:f32[5] w:f32[5]", "ETYPE argument 1 has shape [5] of rank 1"},
        {"matmul r:f32[] w:f32[5,5]", "ETYPE argument 0 has shape []"},
        {"matmul r:f32[3,5] r:f32[2,7,5]", "ETYPE argument 1 has rank 2 or the rank of argument 0"},
        {"matmul r:f32[3,4,5] r:f32[2,7,5]", "ETYPE the batch axes differ"},
        {"matmul r:i32[5] w:f32[7,5]", "ETYPE argument 0 has type i32"},
        {"matmul r:f32[5] w:i32[7,5]", "ETYPE argument 1 has type i32"},
        {"matmul r:f32[32] w:q4_0[7,32]", "ETYPE argument 1 is a weight of block type q4_0"},
        {"matmul r:f32[16777217] w:f32[1,16777217]", "ELIMIT an inner axis of 16777217"},
        {"qmatmul r:f32[4,256] w:q6_k[7,256]", "f32 [4,7] rows"},
        {"qmatmul r:f32[32] w:q5_1[7,32]", "f32 [7] rows"},
        {"qmatmul r:f32[32] w:f32[7,32]",
         "ETYPE argument 1 has type f32, not a block type; use matmul"},
        {"qmatmul r:f32[32] w:q4_0[7,64]", "ETYPE the last axes differ"},
        {"qmatmul r:i32[32] w:q4_0[7,32]", "ETYPE argument 0 has type i32"},
        {"qmatmul r:f32[] w:q4_0[7,32]", "ETYPE argument 0 has shape []"},
        {"qmatmul r:f32[32] w:q4_0[1,7,32]", "ETYPE argument 1 has shape [1,7,32]"},
        {"add w:q4_0[32] r:f32[32]", "ETYPE argument 0 is a weight of block type q4_0"},
    };
    (void)state;
    RUN(rules);
}

static void test_windows(void **state)
{
    static const struct rule rules[] = {
        {"conv2d r:f32[3,8,9] w:f16[6,3,3,2] | 1 2 1 0 1 0 1 1 1", "f32 [6,8,4] rows"},
        {"conv2d r:f32[2,4,8,8] w:f32[4,1,3,3] | 1 1 0 0 0 0 2 2 4", "f32 [2,4,4,4] rows"},
        {"conv2d r:f32[3,8,8] w:f32[6,2,3,3] | 1 1 0 0 0 0 1 1 1",
         "ETYPE axis 1 of the weight is not the channels of a group"},
        {"conv2d r:f32[3,8,8] w:f32[6,3,3,3] | 1 1 0 0 0 0 1 1 2",
         "ETYPE 2 groups do not divide both 3 channels of argument 0 and 6 filters"},
        {"conv2d r:f32[4,8,8] w:f32[3,2,3,3] | 1 1 0 0 0 0 1 1 2",
         "ETYPE 2 groups do not divide both 4 channels of argument 0 and 3 filters"},
        {"conv2d r:f32[3,8,8] w:f32[6,3,9,3] | 1 1 0 0 0 0 1 1 1",
         "ETYPE a kernel of 9x3 exceeds the padded argument 0 of shape [3,8,8]"},
        {"conv2d r:f32[3,8,8] w:f32[6,3,3,5] | 1 1 0 0 0 0 1 2 1", "ETYPE a kernel of 3x5 exceeds"},
        {"conv2d r:f32[3,8,8] w:f32[6,3,3,3] | 0 1 0 0 0 0 1 1 1",
         "EINVAL attribute 0 (stride height) is 0"},
        {"conv2d r:f32[3,8,8] w:f32[6,3,3,3] | 1 1 -1 0 0 0 1 1 1",
         "EINVAL attribute 2 (pad top) is -1"},
        {"conv2d r:f32[3,8,8] w:f32[6,3,3,3] | 1 1 0 0 0 0 0 1 1",
         "EINVAL attribute 6 (dilation height) is 0"},
        {"conv2d r:f32[3,8,8] w:f32[6,3,3,3] | 1 1 0 0 0 0 1 1 0",
         "EINVAL attribute 8 (groups) is 0"},
        {"conv2d r:f32[3,8,8] w:f32[6,3,3,3] | 1 1 0 0 0 0 1 1", "EINVAL 8 attributes; it takes 9"},
        {"conv2d r:f32[8,8] w:f32[6,3,3,3] | 1 1 0 0 0 0 1 1 1", "ETYPE the rank must be 3 to 6"},
        {"conv2d r:f32[3,8,8] w:f32[6,3,3] | 1 1 0 0 0 0 1 1 1", "ETYPE the rank must be 4 to 4"},
        {"conv2d r:f32[3,8,8] r:f32[6,3,3,3] | 1 1 0 0 0 0 1 1 1",
         "ETYPE argument 1 has domain rows; it must be fixed"},
        {"conv2d r:i32[3,8,8] w:f32[6,3,3,3] | 1 1 0 0 0 0 1 1 1", "ETYPE argument 0 has type i32"},
        {"conv2d r:f32[3,8,8] w:i32[6,3,3,3] | 1 1 0 0 0 0 1 1 1", "ETYPE argument 1 has type i32"},
        {"conv2d r:f32[1,8192,8192] w:f32[1,1,8192,4096] | 1 1 0 0 0 0 1 1 1",
         "ELIMIT a filter of 33554432"},
        {"conv2d r:f32[1,8,8] w:f32[1,1,1,1] | 1 1 2147483647 0 2147483647 0 1 1 1",
         "ELIMIT a result of 4294967302x8"},
        {"conv2d r:f32[1,8,8] w:f32[1,1,2,2] | 1 1 0 0 0 0 2147483647 1 1",
         "ETYPE a kernel of 2x2 exceeds"},
        {"maxpool r:f32[3,8,9] | 2 3 2 3 0 0 0 0", "f32 [3,4,3] rows"},
        {"maxpool r:f32[8,9] | 3 3 2 2 1 1 1 1", "f32 [4,5] rows"},
        {"maxpool r:f32[8,9] | 3 3 2 2 3 1 1 1",
         "EINVAL attribute 4 (pad top) is 3, not below the kernel's 3"},
        {"maxpool r:f32[8,9] | 4 3 2 2 3 1 1 3",
         "EINVAL attribute 7 (pad right) is 3, not below the kernel's 3"},
        {"maxpool r:f32[8,9] | 0 3 2 2 0 0 0 0", "EINVAL attribute 0 (kernel height) is 0"},
        {"maxpool r:f32[8,9] | 3 0 2 2 0 0 0 0", "EINVAL attribute 1 (kernel width) is 0"},
        {"maxpool r:f32[8,9] | 3 3 2 0 0 0 0 0", "EINVAL attribute 3 (stride width) is 0"},
        {"maxpool r:f32[8,9] | 9 3 1 1 0 0 0 0", "ETYPE a kernel of 9x3 exceeds"},
        {"maxpool r:f32[8] | 1 1 1 1 0 0 0 0", "ETYPE the rank must be 2 to 6"},
        {"maxpool r:i32[8,8] | 1 1 1 1 0 0 0 0", "ETYPE argument 0 has type i32"},
        {"maxpool r:f32[8,8] | 1 1 1 1 0 0 0 0 1", "EINVAL 9 attributes; it takes 8"},
        {"maxpool r:f32[8192,8192] | 8192 4096 1 1 0 0 0 0", "ELIMIT a kernel of 33554432"},
        {"avgpool r:f32[8,9] | 3 3 2 2 1 1 1 1 1", "f32 [4,5] rows"},
        {"avgpool r:f32[8,9] | 3 3 2 2 1 1 1 1 2", "EINVAL a boolean is 0 or 1"},
    };
    (void)state;
    RUN(rules);
}

static void test_norms(void **state)
{
    static const struct rule rules[] = {
        {"layernorm r:f32[2,5] | 0.00001", "f32 [2,5] rows"},
        {"layernorm r:f32[2,5] w:f16[5] | 0.00001", "f32 [2,5] rows"},
        {"layernorm r:f32[2,5] w:f16[5] w:f32[5] | 0x1p-40", "f32 [2,5] rows"},
        {"layernorm r:f32[2,5] | 0x1p-41", "EINVAL eps is 4.54747e-13; it must be at least 2^-40"},
        {"layernorm r:f32[2,5] | -1.0", "EINVAL eps is -1"},
        {"layernorm r:f32[2,5] | nan", "EINVAL attribute 0 holds the float bits 0x7fc00000"},
        {"layernorm r:f32[2,5] | 0x1p51", "EINVAL attribute 0 holds the float bits"},
        {"layernorm r:f32[2,5] w:f32[4] | 0.00001",
         "ETYPE argument 1 has shape [4], which is not the last axis of [2,5]"},
        {"layernorm r:f32[2,5] w:f32[5] w:f32[2,5] | 0.00001",
         "ETYPE argument 2 has shape [2,5] of rank 2"},
        {"layernorm r:f32[2,5] r:f32[5] | 0.00001",
         "ETYPE argument 1 has domain rows; it must be fixed"},
        {"layernorm r:f32[2,5] w:i32[5] | 0.00001", "ETYPE argument 1 has type i32"},
        {"layernorm r:f32[] | 0.00001", "ETYPE argument 0 has shape []"},
        {"layernorm r:f32[16777217] | 0.00001", "ELIMIT a normalised axis"},
        {"rmsnorm r:f32[5] w:bf16[5] | 0.00001 1.0", "f32 [5] rows"},
        {"rmsnorm r:f32[5] | 0.00001 0x1p-140", "EINVAL attribute 1 holds the float bits"},
        {"rmsnorm r:f32[5] | 0.00001", "EINVAL 1 attributes; it takes 2"},
        {"rmsnorm r:f32[5] w:f32[5] w:f32[5] | 0.00001 0.0", "EINVAL 3 arguments; it takes 1 to 2"},
        {"softmax e:f32[2,5]", "f32 [2,5] emit"},
        {"softmax r:f32[]", "ETYPE argument 0 has shape []"},
        {"softmax r:i32[5]", "ETYPE argument 0 has type i32"},
        {"softmax r:f32[16777217]", "ELIMIT a normalised axis"},
    };
    (void)state;
    RUN(rules);
}

static void test_sequence(void **state)
{
    static const struct rule rules[] = {
        {"rope r:f32[4,8] | 0 8 10000.0 1.0 0 0.0 0.0 0.0", "f32 [4,8] rows"},
        {"rope r:f32[2,4,8] w:f32[3] | 1 6 10000.0 0.125 1 1.0 4.0 8192.0", "f32 [2,4,8] rows"},
        {"rope r:f32[8] | 0 8 10000.0 1.0 0 0.0 0.0 0.0", "ETYPE the rank must be 2 to 6"},
        {"rope f:f32[4,8] | 0 8 10000.0 1.0 0 0.0 0.0 0.0",
         "ETYPE argument 0 has domain fixed; it must be rows"},
        {"rope e:f32[4,8] | 0 8 10000.0 1.0 0 0.0 0.0 0.0",
         "ETYPE argument 0 has domain emit; it must be rows"},
        {"rope r:i32[4,8] | 0 8 10000.0 1.0 0 0.0 0.0 0.0", "ETYPE type i32"},
        {"rope r:f32[4,8] | 2 8 10000.0 1.0 0 0.0 0.0 0.0", "EINVAL attribute 0 (pairing) is 2"},
        {"rope r:f32[4,8] | 0 7 10000.0 1.0 0 0.0 0.0 0.0", "ETYPE 7 dims"},
        {"rope r:f32[4,8] | 0 10 10000.0 1.0 0 0.0 0.0 0.0", "ETYPE last axis of shape [4,8]"},
        {"rope r:f32[4,8] | 0 0 10000.0 1.0 0 0.0 0.0 0.0", "EINVAL attribute 1 (dims) is 0"},
        {"rope r:f32[4,8] | 0 8 0.5 1.0 0 0.0 0.0 0.0",
         "EINVAL attribute 2 (base) is 0.5; it must be at least 1"},
        {"rope r:f32[4,8] | 0 8 10000.0 0.0 0 0.0 0.0 0.0", "EINVAL attribute 3 (scale) is 0"},
        {"rope r:f32[4,8] | 0 8 10000.0 1.0 3 0.0 0.0 0.0", "EINVAL attribute 4 (kind) is 3"},
        {"rope r:f32[4,8] | 0 8 10000.0 1.0 0 1.0 0.0 0.0",
         "EINVAL attribute 5 is not 0; kind 0 has no parameters"},
        {"rope r:f32[4,8] | 0 8 10000.0 1.0 1 1.0 4.0 0.0", "EINVAL attribute 7 (parameter) is 0"},
        {"rope r:f32[4,8] w:f32[8] | 0 8 10000.0 1.0 0 0.0 0.0 0.0",
         "ETYPE factors have shape [4]"},
        {"rope r:f32[4,8] w:i32[4] | 0 8 10000.0 1.0 0 0.0 0.0 0.0",
         "ETYPE argument 1 has type i32"},
        {"rope r:f32[4,8] r:f32[4] | 0 8 10000.0 1.0 0 0.0 0.0 0.0",
         "ETYPE argument 1 has domain rows"},
        {"state_append r:f32[2,8] s:[2,8]", "f16 [2,8] rows"},
        {"state_append r:f32[16] s:[2,8]",
         "ETYPE argument 0 has shape [16], a position of the state [2,8]"},
        {"state_append f:f32[2,8] s:[2,8]", "ETYPE argument 0 has domain fixed"},
        {"state_append e:f32[2,8] s:[2,8]",
         "ETYPE argument 1 has domain rows, an argument before it emit"},
        {"state_append r:i32[2,8] s:[2,8]", "ETYPE argument 0 has type i32"},
        {"state_append r:f32[2,8] r:f32[2,8]", "ETYPE argument 1 is not a state"},
        {"state_append s:[2,8] s:[2,8]",
         "ETYPE argument 0 is a state; only state_append and attention read states"},
        {"neg s:[2]", "ETYPE argument 0 is a state"},
        {"attention r:f32[4,8] s:[2,8] s:[16] | 4 2 8 0.125 0 0.0 0.0", "f32 [4,8] rows"},
        {"attention r:f32[4,8] s:[2,8] s:[2,8] | 4 2 8 0.125 128 30.0 0.0", "f32 [4,8] rows"},
        {"attention r:f32[4,8] s:[2,8] r:f32[2,8] | 4 2 8 0.125 0 0.0 0.0",
         "ETYPE argument 2 is not a state"},
        {"attention r:f32[4,8] s:[2,8] s:[2,9] | 4 2 8 0.125 0 0.0 0.0",
         "ETYPE argument 2 has shape [2,9]; its state has shape [2,8]"},
        {"attention r:f32[4,8] s:[2,2,4] s:[2,8] | 4 2 8 0.125 0 0.0 0.0",
         "ETYPE argument 1 has shape [2,2,4]"},
        {"attention r:f32[4,9] s:[2,8] s:[2,8] | 4 2 8 0.125 0 0.0 0.0",
         "ETYPE argument 0 has shape [4,9]; queries have shape [4,8]"},
        {"attention r:f32[32] s:[2,8] s:[2,8] | 4 2 8 0.125 0 0.0 0.0",
         "ETYPE argument 0 has shape [32]"},
        {"attention r:f32[4,8] s:[3,8] s:[3,8] | 4 3 8 0.125 0 0.0 0.0",
         "ETYPE 4 heads do not share 3 kv heads"},
        {"attention f:f32[4,8] s:[2,8] s:[2,8] | 4 2 8 0.125 0 0.0 0.0",
         "ETYPE argument 0 has domain fixed"},
        {"attention r:i32[4,8] s:[2,8] s:[2,8] | 4 2 8 0.125 0 0.0 0.0",
         "ETYPE argument 0 has type i32"},
        {"attention r:f32[4,8] s:[2,8] s:[2,8] | 0 2 8 0.125 0 0.0 0.0",
         "EINVAL attribute 0 (heads) is 0"},
        {"attention r:f32[4,8] s:[2,8] s:[2,8] | 4 0 8 0.125 0 0.0 0.0",
         "EINVAL attribute 1 (kv heads) is 0"},
        {"attention r:f32[4,8] s:[2,8] s:[2,8] | 4 2 0 0.125 0 0.0 0.0",
         "EINVAL attribute 2 (head dim) is 0"},
        {"attention r:f32[4,8] s:[2,8] s:[2,8] | 4 2 8 0.0 0 0.0 0.0",
         "EINVAL attribute 3 (scale) is 0"},
        {"attention r:f32[4,8] s:[2,8] s:[2,8] | 4 2 8 0.125 -1 0.0 0.0",
         "EINVAL attribute 4 (window) is -1"},
        {"attention r:f32[4,8] s:[2,8] s:[2,8] | 4 2 8 0.125 0 -1.0 0.0",
         "EINVAL attribute 5 (softcap) is -1"},
        {"attention r:f32[4,8] s:[2,8] s:[2,8] | 4 2 8 0.125 0 0.0 1.0",
         "EINVAL attribute 6 (reserved)"},
        {"select_emitted r:bool[3]", "bool [3] emit"},
        {"select_emitted f:f32[3]", "ETYPE argument 0 has domain fixed; it must be rows"},
        {"select_emitted e:f32[3]", "ETYPE argument 0 has domain emit; it must be rows"},
        {"select_emitted s:[3]", "ETYPE argument 0 is a state"},
        {"moe_route r:f32[8] | 8 2 1", "f32 [2] rows; i32 [2] rows"},
        {"moe_route r:f32[8] | 9 2 1", "ETYPE the logits of 9 experts have shape [9]"},
        {"moe_route r:f32[8] | 8 9 1", "EINVAL attribute 1 (used) is 9; it must be 1 to 8"},
        {"moe_route r:f32[8] | 0 1 1", "EINVAL attribute 0 (experts) is 0"},
        {"moe_route r:f32[1,8] | 8 2 1", "ETYPE the rank must be 1 to 1"},
        {"moe_route r:i32[8] | 8 2 1", "ETYPE type i32"},
        {"moe_route r:f32[8] | 8 2 2", "EINVAL a boolean is 0 or 1"},
        {"qmatmul_id r:f32[32] w:q4_0[8,5,32] r:i32[2]", "f32 [2,5] rows"},
        {"qmatmul_id r:f32[2,32] w:q8_0[8,5,32] r:i32[2]", "f32 [2,5] rows"},
        {"qmatmul_id r:f32[3,32] w:q8_0[8,5,32] r:i32[2]",
         "ETYPE argument 0 has shape [3,32]; with experts of shape [8,5,32] and ids of shape [2] "
         "it must be [32] or [2,32]"},
        {"qmatmul_id r:f32[64] w:q8_0[8,5,32] r:i32[2]", "ETYPE argument 0 has shape [64]"},
        {"qmatmul_id r:f32[1,1,32] w:q8_0[8,5,32] r:i32[2]", "ETYPE the rank must be 1 to 2"},
        {"qmatmul_id r:f32[32] w:q8_0[5,32] r:i32[2]", "ETYPE the rank must be 3 to 3"},
        {"qmatmul_id r:f32[32] w:f16[8,5,32] r:i32[2]",
         "ETYPE argument 1 has type f32, not a block type"},
        {"qmatmul_id r:f32[32] w:q8_0[8,5,32] r:u32[2]",
         "ETYPE argument 2 has type u32; it must be i32"},
        {"qmatmul_id r:f32[32] w:q8_0[8,5,32] r:i32[]", "ETYPE argument 2 has shape []"},
        {"qmatmul_id r:i32[32] w:q8_0[8,5,32] r:i32[2]", "ETYPE argument 0 has type i32"},
        {"qmatmul_id r:f32[33554432] w:q8_0[1,1,33554432] r:i32[2]", "ELIMIT an inner axis"},
        {"sample e:f32[100]", "i32 [] emit"},
        {"sample r:f32[100]", "ETYPE argument 0 is not of domain emit; apply select_emitted first"},
        {"sample e:i32[100]", "ETYPE type i32"},
        {"sample e:f32[1,100]", "ETYPE the rank must be 1 to 1"},
        {"sample e:f32[16777217]", "ELIMIT a vocabulary"},
    };
    (void)state;
    RUN(rules);
}

/* Every op of the table has a rule that accepts it above; this holds the tables together. */
static void test_every_op_has_a_name(void **state)
{
    enum su_op op;

    (void)state;
    for (unsigned i = 0; i < SU_OP_COUNT; i++) {
        assert_true(su_op_find(su_op_name((enum su_op)i), &op));
        assert_int_equal(op, i);
    }
    assert_false(su_op_find("softmin", &op));
    assert_string_equal(su_op_name(SU_OP_COUNT), "?");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_movement),
        cmocka_unit_test(test_elementwise),
        cmocka_unit_test(test_reductions),
        cmocka_unit_test(test_indexing),
        cmocka_unit_test(test_products),
        cmocka_unit_test(test_windows),
        cmocka_unit_test(test_norms),
        cmocka_unit_test(test_sequence),
        cmocka_unit_test(test_every_op_has_a_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
