// SPDX-License-Identifier: MIT
/* Elementwise nodes: which op of the kernel stands for which op of the graph on which type. */
#include "vk_priv.h"

#include <string.h>

static const struct {
    uint8_t f32, i32,
        u32; /* kernel op by type of the first argument; 0 = none; BOOL counts as u32 */
} kernel_op[SU_OP_COUNT] = {
    [SU_OP_ADD] = {SU_EW_ADD_F, SU_EW_ADD_I, SU_EW_ADD_I},
    [SU_OP_SUB] = {SU_EW_SUB_F, SU_EW_SUB_I, SU_EW_SUB_I},
    [SU_OP_MUL] = {SU_EW_MUL_F, SU_EW_MUL_I, SU_EW_MUL_I},
    [SU_OP_MAX] = {SU_EW_MAX_F, SU_EW_MAX_I, SU_EW_MAX_U},
    [SU_OP_MIN] = {SU_EW_MIN_F, SU_EW_MIN_I, SU_EW_MIN_U},
    [SU_OP_NEG] = {SU_EW_NEG_F, SU_EW_NEG_I, SU_EW_NEG_I},
    [SU_OP_RECIP] = {SU_EW_RECIP, 0, 0},
    [SU_OP_SQRT] = {SU_EW_SQRT, 0, 0},
    [SU_OP_RSQRT] = {SU_EW_RSQRT, 0, 0},
    [SU_OP_EXP] = {SU_EW_EXP, 0, 0},
    [SU_OP_EXP2] = {SU_EW_EXP2, 0, 0},
    [SU_OP_LOG2] = {SU_EW_LOG2, 0, 0},
    [SU_OP_SIN] = {SU_EW_SIN, 0, 0},
    [SU_OP_RELU] = {SU_EW_RELU_F, SU_EW_RELU_I, SU_EW_COPY},
    [SU_OP_SILU] = {SU_EW_SILU, 0, 0},
    [SU_OP_GELU] = {SU_EW_GELU, 0, 0},
    [SU_OP_SIGMOID] = {SU_EW_SIGMOID, 0, 0},
    [SU_OP_TANH] = {SU_EW_TANH, 0, 0},
    [SU_OP_TRUNC] = {SU_EW_TRUNC, SU_EW_COPY, SU_EW_COPY},
    [SU_OP_CMP] = {SU_EW_CMP_F, SU_EW_CMP_I, SU_EW_CMP_U},
    [SU_OP_WHERE] = {0, 0, SU_EW_WHERE},
    [SU_OP_CAST] = {SU_EW_COPY, SU_EW_COPY, SU_EW_COPY},
    [SU_OP_BITCAST] = {SU_EW_COPY, SU_EW_COPY, SU_EW_COPY},
    [SU_OP_AND] = {0, SU_EW_AND, SU_EW_AND},
    [SU_OP_OR] = {0, SU_EW_OR, SU_EW_OR},
    [SU_OP_XOR] = {0, SU_EW_XOR, SU_EW_XOR},
    [SU_OP_SHL] = {0, SU_EW_SHL, SU_EW_SHL},
    [SU_OP_SHR] = {0, SU_EW_SHR_I, SU_EW_SHR_U},
    [SU_OP_IDIV] = {0, SU_EW_DIV_I, SU_EW_DIV_U},
    [SU_OP_MOD] = {0, SU_EW_MOD_I, SU_EW_MOD_U},
};

/* Functions of shaders/ops.glsl. */
static const char *const function_name[] = {
    [SU_EW_COPY] = "ew_copy",
    [SU_EW_NEG_F] = "ew_neg_f",
    [SU_EW_NEG_I] = "ew_neg_i",
    [SU_EW_RELU_F] = "ew_relu_f",
    [SU_EW_RELU_I] = "ew_relu_i",
    [SU_EW_TRUNC] = "ew_trunc",
    [SU_EW_RECIP] = "ew_recip",
    [SU_EW_SQRT] = "ew_sqrt",
    [SU_EW_RSQRT] = "ew_rsqrt",
    [SU_EW_EXP] = "ew_exp",
    [SU_EW_EXP2] = "ew_exp2",
    [SU_EW_LOG2] = "ew_log2",
    [SU_EW_SIN] = "ew_sin",
    [SU_EW_SILU] = "ew_silu",
    [SU_EW_GELU] = "ew_gelu",
    [SU_EW_SIGMOID] = "ew_sigmoid",
    [SU_EW_TANH] = "ew_tanh",
    [SU_EW_I32_TO_F] = "ew_i32_to_f",
    [SU_EW_U32_TO_F] = "ew_u32_to_f",
    [SU_EW_F_TO_I32] = "ew_f_to_i32",
    [SU_EW_F_TO_U32] = "ew_f_to_u32",
    [SU_EW_TO_BOOL] = "ew_to_bool",
    [SU_EW_BITS_TO_F] = "ew_bits_to_f",
    [SU_EW_ADD_F] = "ew_add_f",
    [SU_EW_ADD_I] = "ew_add_i",
    [SU_EW_SUB_F] = "ew_sub_f",
    [SU_EW_SUB_I] = "ew_sub_i",
    [SU_EW_MUL_F] = "ew_mul_f",
    [SU_EW_MUL_I] = "ew_mul_i",
    [SU_EW_MAX_F] = "ew_max_f",
    [SU_EW_MAX_I] = "ew_max_i",
    [SU_EW_MAX_U] = "ew_max_u",
    [SU_EW_MIN_F] = "ew_min_f",
    [SU_EW_MIN_I] = "ew_min_i",
    [SU_EW_MIN_U] = "ew_min_u",
    [SU_EW_CMP_F] = "ew_cmp_f",
    [SU_EW_CMP_I] = "ew_cmp_i",
    [SU_EW_CMP_U] = "ew_cmp_u",
    [SU_EW_AND] = "ew_and",
    [SU_EW_OR] = "ew_or",
    [SU_EW_XOR] = "ew_xor",
    [SU_EW_SHL] = "ew_shl",
    [SU_EW_SHR_I] = "ew_shr_i",
    [SU_EW_SHR_U] = "ew_shr_u",
    [SU_EW_DIV_I] = "ew_div_i",
    [SU_EW_DIV_U] = "ew_div_u",
    [SU_EW_MOD_I] = "ew_mod_i",
    [SU_EW_MOD_U] = "ew_mod_u",
    [SU_EW_WHERE] = "ew_where",
};

const char *vk_ew_function(uint32_t op)
{
    return op < SU_ARRAY_LEN(function_name) ? function_name[op] : NULL;
}

bool vk_is_elementwise(enum su_op op)
{
    return kernel_op[op].f32 || kernel_op[op].i32 || kernel_op[op].u32;
}

static uint32_t cast_op(enum su_dtype from, enum su_dtype to)
{
    if (to == SU_BOOL)
        return SU_EW_TO_BOOL;
    if (from == to || (from != SU_F32 && to != SU_F32))
        return SU_EW_COPY;
    if (to == SU_F32)
        return from == SU_I32 ? SU_EW_I32_TO_F : SU_EW_U32_TO_F;
    return to == SU_I32 ? SU_EW_F_TO_I32 : SU_EW_F_TO_U32;
}

uint32_t vk_ew_op(const struct su_graph *g, const struct su_node *n)
{
    enum su_dtype from = su_dtype_seen(g->value[n->arg[0]].dtype),
                  to = g->value[n->first_out].dtype;
    if (n->op == SU_OP_CAST)
        return cast_op(from, to);
    if (n->op == SU_OP_BITCAST)
        return to == SU_F32 ? SU_EW_BITS_TO_F : SU_EW_COPY;
    return from == SU_F32   ? kernel_op[n->op].f32
           : from == SU_I32 ? kernel_op[n->op].i32
                            : kernel_op[n->op].u32;
}

enum su_code vk_plan_elementwise(struct vk_stage *s, uint32_t node, struct su_err *e)
{
    const struct su_node *n = &s->graph->node[node];
    const struct su_value *out = &s->graph->value[n->first_out];
    struct vk_space sp = {.node = node,
                          .n_operand = n->n_arg + 1,
                          .shape = out->shape,
                          .domain = out->domain,
                          .key = {VK_ELEMENTWISE, vk_ew_op(s->graph, n), 0, s->vx->workgroup_wide},
                          .aux = n->op == SU_OP_CMP ? (uint32_t)n->attr[0] : 0,
                          .iota_axis = -1};
    vk_plan_operand(s, n->first_out, &out->shape, &sp.operand[0]);
    for (uint32_t i = 0; i < n->n_arg; i++)
        vk_plan_operand(s, n->arg[i], &out->shape, &sp.operand[i + 1]);
    return vk_plan_space(s, &sp, e);
}
