// SPDX-License-Identifier: MIT
/* Shared by the files of graph: the op table, geometry of windows, and the inference of one
   node. */
#ifndef SU_GRAPH_PRIV_H
#define SU_GRAPH_PRIV_H

#include "graph/graph.h"

#define SU_GRAPH_MAGIC "SUGRAPH1"
#define SU_GRAPH_NODE_OUT_MAX 2
/* Longest loop of one result (reduced elements, K of a product, a window). Every count and index
   below it is an exact float, so no conversion of a length or an index can round. */
#define SU_GRAPH_LOOP_MAX (1u << 24)
#define SU_GRAPH_EPS_MIN 0x1p-40f /* of a norm */
#define SU_RECORD_SOURCE 0x80000000u /* in su_graph.record: a value id, else a node index */

struct su_op_info {
    const char *name, *attrs;
    uint32_t in_min, in_max, outs;
};
extern const struct su_op_info su_op_table[SU_OP_COUNT];

struct su_dtype_info {
    const char *name;
    uint32_t block_elements, block_bytes;
};
extern const struct su_dtype_info su_dtype_table[SU_DTYPE_COUNT];

/* Product of the dims into *elements; false when it exceeds max. Assumes rank <=
   SU_GRAPH_RANK_MAX. */
bool su_shape_count(const struct su_shape *s, uint64_t max, uint64_t *elements);

/* The signature letter of attribute i, '\0' when the op has no such attribute. */
char su_op_attr_letter(enum su_op op, uint32_t i);

/* A conv2d or pool node read from its attributes. out_h and out_w are 0 when the kernel exceeds
   the padded input. */
struct su_window {
    uint32_t h, w, kernel_h, kernel_w, stride_h, stride_w;
    uint32_t top, left, bottom, right, dilation_h, dilation_w, groups;
    bool count_pad; /* avgpool: padding counts in the divisor */
    uint64_t out_h, out_w;
};
/* Assumes attribute values >= 0 and a rank of x that the op allows. w_shape only for conv2d. */
struct su_window su_window_read(enum su_op op, const int32_t *attr, const struct su_shape *x,
                                const struct su_shape *w_shape);

/* ---- builder internals ---- */

/* Names of one graph in an AA tree (A. Andersson, "Balanced search trees made simple", 1993), so
   that no choice of names by a hostile file makes the search for repeated ones slow. */
enum su_name_kind { SU_NAME_INPUT, SU_NAME_WEIGHT, SU_NAME_STATE, SU_NAME_OUTPUT, SU_NAME_TENSOR };
struct su_name {
    uint32_t left, right, level; /* entry number + 1, 0 = none */
    enum su_name_kind kind;
    uint32_t index; /* value id, or number of the output */
};
struct su_graph_own {
    uint32_t cap_value, cap_node, cap_output, cap_input, cap_weight, cap_state, cap_record;
    uint32_t cap_name, n_name, root;
    struct su_name *name;
};
/* Index of the entry, or UINT32_MAX. first_row counts for SU_NAME_WEIGHT only. */
uint32_t su_names_find(const struct su_graph *g, enum su_name_kind kind, const char *name,
                       uint64_t first_row);
/* Assumes room for one entry, and that what `index` names already stands in g. */
void su_names_add(struct su_graph *g, enum su_name_kind kind, uint32_t index);

/* ---- inference ---- */

#define SU_BIT(dtype) (1u << (dtype))
#define SU_TYPES_NUMBER (SU_BIT(SU_F32) | SU_BIT(SU_I32) | SU_BIT(SU_U32))
#define SU_TYPES_INT (SU_BIT(SU_I32) | SU_BIT(SU_U32))
#define SU_TYPES_VALUE (SU_TYPES_NUMBER | SU_BIT(SU_BOOL))

/* One node under inference. Each rule reads arg and attr and fills out. */
struct su_infer {
    enum su_op op;
    uint32_t n_arg, n_attr;
    const int32_t *attr;
    const struct su_value *arg[SU_GRAPH_ARG_MAX];
    enum su_dtype type[SU_GRAPH_ARG_MAX]; /* of the arguments as the op sees them */
    enum su_domain domain; /* of the arguments together */
    uint32_t data_bytes;
    struct su_value out[SU_GRAPH_NODE_OUT_MAX];
    char at[64];
    struct su_err *e;
};
SU_CHECK enum su_code su_infer_fail(const struct su_infer *in, enum su_code c, const char *fmt, ...)
    SU_PRINTF(3, 4);
/* Fills in->type, in->domain and in->out; assumes op, arg, attr, counts already in their ranges. */
SU_CHECK enum su_code su_infer_node(struct su_infer *in);

/* For the rules. */
SU_CHECK enum su_code su_infer_type(const struct su_infer *in, uint32_t arg, uint32_t types);
SU_CHECK enum su_code su_infer_same_type(const struct su_infer *in, uint32_t a, uint32_t b);
SU_CHECK enum su_code su_infer_rank(const struct su_infer *in, uint32_t arg, uint32_t lo,
                                    uint32_t hi);
SU_CHECK enum su_code su_infer_fixed(const struct su_infer *in, uint32_t arg);
SU_CHECK enum su_code su_infer_rows(const struct su_infer *in, uint32_t arg);
/* Attribute i as an axis of a shape of that rank. */
SU_CHECK enum su_code su_infer_axis(const struct su_infer *in, uint32_t i, uint32_t rank,
                                    uint32_t *axis);
SU_CHECK enum su_code su_infer_axes(const struct su_infer *in, uint32_t i, uint32_t rank,
                                    uint32_t *mask);
/* Exactly n attributes; for ops whose count depends on a rank. */
SU_CHECK enum su_code su_infer_attr_count(const struct su_infer *in, uint32_t n, const char *why);
SU_CHECK enum su_code su_infer_attr_range(const struct su_infer *in, uint32_t i, const char *name,
                                          int64_t lo, int64_t hi);
SU_CHECK enum su_code su_infer_loop(const struct su_infer *in, uint64_t length, const char *what);
/* Dims from attribute `first` on. */
SU_CHECK enum su_code su_infer_dims(const struct su_infer *in, uint32_t first, struct su_shape *s);
/* Sets output i after checking its number of elements. Assumes dims of 1 to SU_GRAPH_DIM_MAX. */
SU_CHECK enum su_code su_infer_out(struct su_infer *in, uint32_t i, enum su_dtype d,
                                   const struct su_shape *s);

enum su_code su_infer_reshape(struct su_infer *in);
enum su_code su_infer_permute(struct su_infer *in);
enum su_code su_infer_expand(struct su_infer *in);
enum su_code su_infer_pad(struct su_infer *in);
enum su_code su_infer_shrink(struct su_infer *in);
enum su_code su_infer_flip(struct su_infer *in);
enum su_code su_infer_concat(struct su_infer *in);
enum su_code su_infer_slice(struct su_infer *in);
enum su_code su_infer_gather(struct su_infer *in);
enum su_code su_infer_embedding(struct su_infer *in);
enum su_code su_infer_const(struct su_infer *in);
enum su_code su_infer_iota(struct su_infer *in);
enum su_code su_infer_unary(struct su_infer *in);
enum su_code su_infer_binary(struct su_infer *in);
enum su_code su_infer_where(struct su_infer *in);
enum su_code su_infer_cast(struct su_infer *in);
enum su_code su_infer_reduce(struct su_infer *in);
enum su_code su_infer_argmax(struct su_infer *in);
enum su_code su_infer_cumsum(struct su_infer *in);
enum su_code su_infer_topk(struct su_infer *in);
enum su_code su_infer_matmul(struct su_infer *in);
enum su_code su_infer_qmatmul(struct su_infer *in);
enum su_code su_infer_window(struct su_infer *in);
enum su_code su_infer_norm(struct su_infer *in);
enum su_code su_infer_softmax(struct su_infer *in);
enum su_code su_infer_rope(struct su_infer *in);
enum su_code su_infer_state_append(struct su_infer *in);
enum su_code su_infer_attention(struct su_infer *in);
enum su_code su_infer_select_emitted(struct su_infer *in);
enum su_code su_infer_moe_route(struct su_infer *in);
enum su_code su_infer_qmatmul_id(struct su_infer *in);
enum su_code su_infer_sample(struct su_infer *in);

#endif
