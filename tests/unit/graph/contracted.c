// SPDX-License-Identifier: MIT
/* A copy of the interpreter in which the compiler may fuse multiply-adds: the tests must tell it from the real one. A function
   that is missing in the list of names below fails to link. */
#include <stdbool.h>

bool contracted_works(void);
bool contracted_works(void)
{
#if !defined(__OPTIMIZE__)
    return false;
#elif defined(__x86_64__)
    return __builtin_cpu_supports("fma") != 0;
#elif defined(__aarch64__)
    return true;
#else
    return false;
#endif
}

#if defined(__clang__)
#pragma clang fp contract(fast)
#if defined(__x86_64__)
#pragma clang attribute push(__attribute__((target("fma"))), apply_to = function)
#endif
#else
#pragma GCC push_options
#if defined(__x86_64__)
#pragma GCC target("fma")
#endif
#pragma GCC optimize("O2", "fp-contract=fast")
#endif

#define su_eval_attention contracted_eval_attention
#define su_eval_attention_scratch contracted_eval_attention_scratch
#define su_eval_moe_route contracted_eval_moe_route
#define su_eval_moe_route_scratch contracted_eval_moe_route_scratch
#define su_eval_qmatmul contracted_eval_qmatmul
#define su_eval_qmatmul_id contracted_eval_qmatmul_id
#define su_eval_qmatmul_scratch contracted_eval_qmatmul_scratch
#define su_eval_rope contracted_eval_rope
#define su_eval_rope_scratch contracted_eval_rope_scratch
#define su_eval_state_append contracted_eval_state_append
#define su_num_quantise contracted_num_quantise
#define su_num_to_f16 contracted_num_to_f16
#define su_eval_argmax contracted_eval_argmax
#define su_eval_concat contracted_eval_concat
#define su_eval_const contracted_eval_const
#define su_eval_conv2d contracted_eval_conv2d
#define su_eval_conv2d_scratch contracted_eval_conv2d_scratch
#define su_eval_copy contracted_eval_copy
#define su_eval_cumsum contracted_eval_cumsum
#define su_eval_elementwise contracted_eval_elementwise
#define su_eval_embedding contracted_eval_embedding
#define su_eval_expand contracted_eval_expand
#define su_eval_flip contracted_eval_flip
#define su_eval_free contracted_eval_free
#define su_eval_gather contracted_eval_gather
#define su_eval_iota contracted_eval_iota
#define su_eval_lacks contracted_eval_lacks
#define su_eval_layernorm contracted_eval_layernorm
#define su_eval_matmul contracted_eval_matmul
#define su_eval_pad contracted_eval_pad
#define su_eval_permute contracted_eval_permute
#define su_eval_pool contracted_eval_pool
#define su_eval_reduce contracted_eval_reduce
#define su_eval_reduce_scratch contracted_eval_reduce_scratch
#define su_eval_rmsnorm contracted_eval_rmsnorm
#define su_eval_same contracted_eval_same
#define su_eval_saturations contracted_eval_saturations
#define su_eval_shrink contracted_eval_shrink
#define su_eval_slice contracted_eval_slice
#define su_eval_softmax contracted_eval_softmax
#define su_eval_span contracted_eval_span
#define su_eval_strides contracted_eval_strides
#define su_eval_topk contracted_eval_topk
#define su_eval_topk_scratch contracted_eval_topk_scratch
#define su_eval_value contracted_eval_value
#define su_f32_bits contracted_f32_bits
#define su_f32_from_bits contracted_f32_from_bits
#define su_graph_eval contracted_graph_eval
#define su_num_dot contracted_num_dot
#define su_num_exp contracted_num_exp
#define su_num_exp2 contracted_num_exp2
#define su_num_fix contracted_num_fix
#define su_num_from_bf16 contracted_num_from_bf16
#define su_num_from_f16 contracted_num_from_f16
#define su_num_from_i32 contracted_num_from_i32
#define su_num_from_u32 contracted_num_from_u32
#define su_num_fz contracted_num_fz
#define su_num_gelu contracted_num_gelu
#define su_num_key contracted_num_key
#define su_num_log2 contracted_num_log2
#define su_num_recip contracted_num_recip
#define su_num_rsqrt contracted_num_rsqrt
#define su_num_sat contracted_num_sat
#define su_num_sigmoid contracted_num_sigmoid
#define su_num_silu contracted_num_silu
#define su_num_sin contracted_num_sin
#define su_num_sqrt contracted_num_sqrt
#define su_num_sum contracted_num_sum
#define su_num_tanh contracted_num_tanh
#define su_num_to_i32 contracted_num_to_i32
#define su_num_tree contracted_num_tree
#define su_num_trunc contracted_num_trunc
/* clang-format off: the interpreter, whole */
#include "../../../src/graph/eval.c"
#include "../../../src/graph/eval_elementwise.c"
#include "../../../src/graph/eval_index.c"
#include "../../../src/graph/eval_quant.c"
#include "../../../src/graph/eval_seq.c"
#include "../../../src/graph/eval_linear.c"
#include "../../../src/graph/eval_move.c"
#include "../../../src/graph/eval_norm.c"
#include "../../../src/graph/eval_reduce.c"
#include "../../../src/graph/num.c"
/* clang-format on */

#if !defined(__clang__)
#pragma GCC pop_options
#elif defined(__x86_64__)
#pragma clang attribute pop
#endif
