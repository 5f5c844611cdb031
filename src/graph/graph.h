// SPDX-License-Identifier: MIT
/* graph: the tensor program. A graph is a DAG over a closed op set with static shapes: no loops,
   no pointers, no foreign code. It can be built, checked, written to canonical bytes, read back
   from hostile bytes, dumped, and evaluated by the scalar reference interpreter, which is the
   definition of every op to the last bit.

   Rows. A dispatch carries T rows (T >= 1); a value of domain ROWS holds one slice of its shape
   per row, EMIT one per row marked emit, FIXED one for all. A shape never includes the row
   dimension and no op mixes rows, except the sequence ops, which look at a row's session and
   position; so the batch can never change a bit.

   Order. Records (inputs, weights, states, nodes) stand in topological order: a node names only
   values before it, so a cycle cannot be written down. Value ids count up in that order, a
   node's outputs in theirs. */
#ifndef SU_GRAPH_H
#define SU_GRAPH_H

#include "base/base.h"
#include "crypto/crypto.h"

/* Part of every digest; a change of any arithmetic rule is a new string. */
#define SU_NUMERICS_VERSION "splitup-numerics-1"

#define SU_GRAPH_RANK_MAX 6
#define SU_GRAPH_ATTR_MAX 16
#define SU_GRAPH_ARG_MAX 16
#define SU_GRAPH_NODE_MAX 65536u
#define SU_GRAPH_VALUE_MAX 131072u
#define SU_GRAPH_NAME_MAX 127u /* bytes, printable ASCII without spaces */
#define SU_GRAPH_DIM_MAX 0x7fffffffu
#define SU_GRAPH_ROW_ELEMENTS_MAX (1u << 30) /* of one row of one value */
#define SU_GRAPH_WEIGHT_ELEMENTS_MAX (1ull << 40)
#define SU_GRAPH_CONST_BYTES_MAX (1u << 20) /* of all const nodes together */
#define SU_GRAPH_FILE_BYTES_MAX (64u << 20)
#define SU_ROWS_MAX 65536u /* T of one dispatch */

enum su_dtype {
#define X(name, text, elements, bytes) SU_##name,
#include "graph/dtypes.def"
#undef X
    SU_DTYPE_COUNT
};
enum su_op {
#define X(name, text, in_min, in_max, outs, attrs) SU_OP_##name,
#include "graph/ops.def"
#undef X
    SU_OP_COUNT
};
enum su_domain { SU_FIXED, SU_ROWS, SU_EMIT };
enum su_value_kind { SU_VALUE_INPUT, SU_VALUE_WEIGHT, SU_VALUE_STATE, SU_VALUE_NODE };

struct su_shape {
    uint32_t rank; /* 0 = one element */
    uint32_t dim[SU_GRAPH_RANK_MAX];
};

struct su_value {
    enum su_value_kind kind;
    enum su_domain domain;
    enum su_dtype dtype;
    struct su_shape shape;
    const char *name; /* input, weight, state; NULL for a node's output */
    uint32_t node, out; /* producer and which of its outputs, for SU_VALUE_NODE */
    /* weight: this value is rows first_row.. along axis 0 of the stored tensor `name` */
    uint64_t first_row;
    uint32_t uses; /* how many node arguments and graph outputs name it; set by su_graph_check */
};
struct su_node {
    enum su_op op;
    uint32_t n_arg, arg[SU_GRAPH_ARG_MAX]; /* value ids */
    uint32_t n_attr;
    int32_t attr[SU_GRAPH_ATTR_MAX]; /* floats as their bits */
    uint32_t first_out, n_out; /* value ids first_out .. first_out + n_out - 1 */
    const uint8_t *data; /* CONST: little-endian elements */
    uint32_t data_bytes;
};
struct su_graph_output {
    const char *name;
    uint32_t value;
};

/* Read freely, change only through the functions below. Arrays grow; pointers into them die at
   the next addition. */
struct su_graph {
    struct su_arena arena; /* names and const data */
    struct su_value *value;
    struct su_node *node;
    struct su_graph_output *output;
    uint32_t *input, *weight, *state; /* value ids, in order of declaration */
    uint32_t *record; /* per record: node index, or 0x80000000 | value id of a source */
    uint32_t n_value, n_node, n_output, n_input, n_weight, n_state, n_record;
    uint32_t const_bytes;
    bool checked;
    struct su_graph_own *own; /* of the builder: capacities, index of names */
};

/* ---- types and shapes ------------------------------------------------------------------------ */

const char *su_dtype_name(enum su_dtype d);
bool su_dtype_find(const char *name, enum su_dtype *out);
bool su_dtype_is_block(enum su_dtype d); /* a block-quantised storage type */
bool su_dtype_is_value(enum su_dtype d); /* F32, I32, U32, BOOL: what an op can produce */
/* what an op sees: F16, BF16 -> F32, others themselves */
enum su_dtype su_dtype_seen(enum su_dtype d);
const char *su_op_name(enum su_op op);
bool su_op_find(const char *name, enum su_op *out);
uint64_t su_shape_elements(const struct su_shape *s); /* product of dims; assumes a checked shape */
bool su_shape_equal(const struct su_shape *a, const struct su_shape *b);
/* "[16,28,28]" into out[cap]; returns out. */
const char *su_shape_format(const struct su_shape *s, char *out, size_t cap);
/* Bytes of a tensor of this type and shape as stored in files: rows of blocks, no padding; 0 when an
   axis is empty.
   SU_ETYPE when the last axis is not a whole number of blocks, SU_EOVERFLOW. */
SU_CHECK enum su_code su_tensor_bytes(enum su_dtype d, const struct su_shape *s, uint64_t *bytes,
                                      struct su_err *e);
/* Bytes of one row of a value as ops hold it (4 per element). */
uint64_t su_value_row_bytes(const struct su_value *v);
/* A declared state or the result of state_append: dtype F16 and domain ROWS (it follows the
   rows' sessions). */
bool su_value_is_state(const struct su_value *v);

/* ---- weights as files store them ------------------------------------------------------------- */

uint32_t su_dtype_block_elements(enum su_dtype d); /* 1 for types without blocks */
uint32_t su_dtype_block_bytes(enum su_dtype d);
/* One block, taken apart. Element i is (d * scale[i / 16]) * q[i], with `offset` plus
   e * min[i / 32]: the products are exact, the sum is rounded once. Where a format has no scales or
   minima of its own, scale is 1 and min is 1 (with offset) or 0. d and e come from halves: exactly,
   subnormals included (N1), but infinities count as +-65504 and NaN as +0 (N3); e of Q4_K and Q5_K
   is the negative of what the file holds. */
struct su_block {
    float d, e;
    bool offset;
    int8_t q[256]; /* of blocks of 32 the first 32 */
    int8_t scale[16]; /* per 16 elements */
    uint8_t min[8]; /* per 32 elements */
};
/* Assumes a block type and su_dtype_block_bytes readable at bytes, of any alignment. Every block
   has a meaning. Layouts: top of blocks.c. */
void su_block_unpack(enum su_dtype d, const void *bytes, struct su_block *out);
/* The n elements from bytes on as floats, before fz and sat: F32 as it is, F16 and BF16 exactly,
   blocks as above (what the gguf package's dequantiser gives, to the bit). Assumes a storage type of
   real numbers (F32, F16, BF16 or blocks) and n in whole blocks; any alignment of bytes. */
void su_tensor_decode(enum su_dtype d, const void *bytes, uint64_t n, float *out);

/* ---- building -------------------------------------------------------------------------------- */

struct su_graph *su_graph_new(void);
void su_graph_free(struct su_graph *g); /* NULL allowed */

/* Each adds a record and stores its value id in *id, or fails and leaves the graph as it was.
   SU_EINVAL: bad or repeated name (inputs, weights, states and outputs have names of their own),
   an empty axis, an unknown domain, a wrong type (inputs: a value type); SU_ETYPE:
   a block type whose blocks do not fill the last axis; SU_ELIMIT: a limit above, named;
   SU_ENOMEM. Names are copied. Every addition takes back `checked`. */
SU_CHECK enum su_code su_graph_add_input(struct su_graph *g, const char *name,
                                         enum su_domain domain, enum su_dtype dtype,
                                         const struct su_shape *shape, uint32_t *id,
                                         struct su_err *e);
/* first_row: see struct su_value; 0 for a whole tensor. The pair (name, first_row) must be
   unique, and all rows of one name agree in type and in all axes but the first. */
SU_CHECK enum su_code su_graph_add_weight(struct su_graph *g, const char *name, enum su_dtype dtype,
                                          const struct su_shape *shape, uint64_t first_row,
                                          uint32_t *id, struct su_err *e);
/* Per session, `positions` rows of `shape`, stored as F16. */
SU_CHECK enum su_code su_graph_add_state(struct su_graph *g, const char *name,
                                         const struct su_shape *shape, uint32_t *id,
                                         struct su_err *e);
/* Infers and stores dtype, domain and shape of the outputs; *id is the first output. SU_EINVAL:
   unknown op, argument or attribute count, an attribute that no shape allows, value id not yet
   defined; SU_ETYPE: types, shapes, domains or attributes do not go together (says which and
   why); SU_ELIMIT; SU_ENOMEM. data only for CONST: little-endian elements, 4 bytes each, copied;
   floats pass fz and sat, booleans must be 0 or 1. Rules per op: ops.def. */
SU_CHECK enum su_code su_graph_add_node(struct su_graph *g, enum su_op op, const uint32_t *arg,
                                        uint32_t n_arg, const int32_t *attr, uint32_t n_attr,
                                        const void *data, uint32_t data_bytes, uint32_t *id,
                                        struct su_err *e);
/* An output is an input or a node's result of value type, else SU_ETYPE; SU_EINVAL: bad or
   repeated name, unknown value. */
SU_CHECK enum su_code su_graph_add_output(struct su_graph *g, const char *name, uint32_t value,
                                          struct su_err *e);

/* Whole-graph rules: at least one output; every input, weight, state and node used (a node by at
   least one of its outputs); no reader of a state after a state_append to it. Sets value.uses
   and g->checked. Bytes, plans and evaluation need it. SU_EINVAL names the record; SU_ENOMEM. */
SU_CHECK enum su_code su_graph_check(struct su_graph *g, struct su_err *e);

/* Multiply-adds of one row of a node, and of all nodes of a graph (UINT64_MAX when that overflows).
   An elementwise or moved element counts as 1/8, rounded up, in norms and softmax as 1/2; reshape,
   const and select_emitted cost nothing; attention is taken to look at 1024 positions or its window,
   if that is less. */
uint64_t su_node_macs(const struct su_graph *g, uint32_t node);
uint64_t su_graph_macs(const struct su_graph *g);

/* ---- bytes ----------------------------------------------------------------------------------- */

/* The one byte string of a checked graph (layout at the top of codec.c and in splitup-graph(5)):
   little-endian, magic "SUGRAPH1", numerics version, records, outputs; no padding. */
SU_CHECK enum su_code su_graph_encode(const struct su_graph *g, struct su_buf *out,
                                      struct su_err *e);
/* Reads hostile bytes: rebuilds through the builder above, checks, and refuses anything that
   su_graph_encode would not have written, trailing bytes included. Memory stays below 64 x len +
   1 MiB. On failure *out is NULL: SU_ETRUNC, SU_EFORMAT, SU_EUNSUPPORTED (unknown op or other
   numerics version), SU_ETYPE, SU_ELIMIT, SU_EINVAL; e->msg names the offset. */
SU_CHECK enum su_code su_graph_decode(const void *data, size_t len, struct su_graph **out,
                                      struct su_err *e);
SU_CHECK enum su_code su_graph_load(const char *path, struct su_graph **out, struct su_err *e);
SU_CHECK enum su_code su_graph_save(const struct su_graph *g, const char *path, struct su_err *e);
/* sha256 of the canonical bytes. */
SU_CHECK enum su_code su_graph_digest(const struct su_graph *g, uint8_t out[SU_SHA256_BYTES],
                                      struct su_err *e);
/* One line per record: id, type, shape, domain, op, arguments, attributes; then outputs and the
   digest. */
SU_CHECK enum su_code su_graph_dump(const struct su_graph *g, struct su_buf *out, struct su_err *e);

/* ---- reference interpreter ------------------------------------------------------------------- */

struct su_row {
    uint32_t session, position;
    bool emit;
};
/* The states of one session of a sequence model: per state of the graph, f16 values (N8) of positions
   0 .. length - 1. state_append writes position `length` of it, attention reads what stands there. */
struct su_session;
/* Room for ctx positions (1 .. 2^20) of every state of a checked graph, which must outlive the session. On failure *out
   is NULL: SU_EINVAL, SU_EOVERFLOW, SU_ENOMEM. A graph without states gives a session too. */
SU_CHECK enum su_code su_session_new(const struct su_graph *g, uint32_t ctx,
                                     struct su_session **out, struct su_err *e);
void su_session_free(struct su_session *s); /* NULL allowed */
uint32_t su_session_length(const struct su_session *s);
/* Forgets positions length and beyond. SU_EINVAL when length is above the present one. */
SU_CHECK enum su_code su_session_truncate(struct su_session *s, uint32_t length, struct su_err *e);

/* input[i] (g->input order): elements of row 0, row 1, …, 4 bytes each; FIXED inputs once, EMIT
   inputs only the rows marked emit, in their order (none: any pointer but NULL).
   weight[i] (g->weight order): the bytes as stored (su_tensor_bytes). Inputs and weights of type
   F32, F16, BF16 pass fz and sat on the way in; BOOL inputs count as 1 unless 0. limit_bytes
   bounds all values alive at a time and working memory (0 = 4 GiB). */
struct su_eval_args {
    const struct su_row *row;
    uint32_t n_row;
    const void *const *input;
    const void *const *weight;
    uint64_t limit_bytes;
    bool keep_all; /* keep interior values for su_eval_value, for finding the first differing op */
    /* For a graph with states: row.session is an index here. Rows of one session stand in order of
       position, the first at its length, each the next: SU_EINVAL otherwise, SU_ELIMIT beyond ctx.
       After a failure no session has grown. May be NULL for a graph without states. */
    struct su_session *const *session;
    uint32_t n_session;
};
struct su_eval;
/* SU_EUNSUPPORTED names the first op the interpreter lacks; SU_ELIMIT; SU_ENOMEM. Never fails on
   data. Single-threaded; independent calls may run on different threads. */
SU_CHECK enum su_code su_graph_eval(const struct su_graph *g, const struct su_eval_args *args,
                                    struct su_eval **out, struct su_err *e);
/* Elements of a value, rows first; NULL when not kept. Outputs are always kept. *bytes is their
   size. */
const void *su_eval_value(const struct su_eval *ev, uint32_t value, size_t *bytes);
/* results clamped by sat; diagnostics only */
uint64_t su_eval_saturations(const struct su_eval *ev);
void su_eval_free(struct su_eval *ev);
/* NULL when the interpreter implements the op, else a one-line reason. */
const char *su_eval_lacks(enum su_op op);

/* cos and sin of the angles by which a rope node turns position `position`: turn[2 i] and turn[2 i + 1] for
   pair i of dims / 2. factors: its second argument's elements, or NULL. Computed in double by
   additions, multiplications, divisions and our own range reduction, rounded once, so every host
   gives the same bits; backends take their tables from here. Assumes a node su_graph_add_node took. */
void su_rope_turns(const struct su_node *n, const float *factors, uint32_t position, float *turn);

/* Leaf digest of one step: sha256("splitup/leaf" ‖ u64 index ‖ for each part: u64 bytes ‖
   bytes). */
struct su_bytes {
    const void *data;
    size_t len;
};
void su_leaf_digest(uint64_t index, const struct su_bytes *part, size_t n_part,
                    uint8_t out[SU_SHA256_BYTES]);

/* ---- canonical arithmetic (rules N1-N7 of splitup-numerics(7)) ------------------------------- */

/* num.c states each sequence of operations, its domain and its error. From su_num_recip down an
   argument is a fixed value (0 or 2^-48 <= |x| <= 2^50) unless num.c states more, and a result
   is not yet fixed. */
uint32_t su_f32_bits(float x);
float su_f32_from_bits(uint32_t b);
uint32_t su_num_key(float x); /* order key: x < y as numbers iff key(x) < key(y) */
float su_num_fz(float x); /* |x| < 2^-48 or -0 -> +0 */
float su_num_sat(float x); /* NaN -> +0, |x| > 2^50 -> sign * 2^50 */
float su_num_fix(float x); /* sat then fz: what every op's result passes through */
/* exact, integer operations, subnormals included; NaN/Inf as IEEE */
float su_num_from_f16(uint16_t h);
float su_num_from_bf16(uint16_t h);
float su_num_recip(float y);
float su_num_rsqrt(float x);
float su_num_sqrt(float x);
float su_num_exp(float x);
float su_num_exp2(float x);
float su_num_log2(float x);
float su_num_sin(float x);
float su_num_sigmoid(float x);
float su_num_tanh(float x);
float su_num_silu(float x);
float su_num_gelu(float x);
float su_num_trunc(float x); /* toward zero, a whole number; |x| >= 2^23 unchanged */
int32_t su_num_to_i32(float x); /* toward zero, saturates at +-2^22 */
/* (v >> 16)·65536 + (v & 0xffff): exact halves, one rounding (RTE) */
float su_num_from_i32(int32_t v);
float su_num_from_u32(uint32_t v);
uint16_t su_num_to_f16(float x); /* N8: nearest even; |x| < 2^-14 -> 0, saturates at 65504 */
/* N4: 32 activations to quants; returns the scale d, 0 when all quants are 0. */
float su_num_quantise(const float x[32], int8_t q[32]);
float su_num_sum(const float *x, size_t n); /* N6: 32 lanes, tree */
float su_num_dot(const float *a, const float *b, size_t n); /* N5: segments of 256 */

#endif
