// SPDX-License-Identifier: MIT
/* A copy of num.c in which the compiler may fuse multiply-adds: the sweeps must tell it from the real one. Compiled where
   the processor may have an FMA unit; the test asks at run time. */
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

#define su_f32_bits contracted_f32_bits
#define su_f32_from_bits contracted_f32_from_bits
#define su_num_key contracted_num_key
#define su_num_fz contracted_num_fz
#define su_num_sat contracted_num_sat
#define su_num_fix contracted_num_fix
#define su_num_from_f16 contracted_num_from_f16
#define su_num_from_bf16 contracted_num_from_bf16
#define su_num_recip contracted_num_recip
#define su_num_rsqrt contracted_num_rsqrt
#define su_num_sqrt contracted_num_sqrt
#define su_num_exp contracted_num_exp
#define su_num_exp2 contracted_num_exp2
#define su_num_log2 contracted_num_log2
#define su_num_sin contracted_num_sin
#define su_num_sigmoid contracted_num_sigmoid
#define su_num_tanh contracted_num_tanh
#define su_num_silu contracted_num_silu
#define su_num_gelu contracted_num_gelu
#define su_num_trunc contracted_num_trunc
#define su_num_to_i32 contracted_num_to_i32
#define su_num_from_i32 contracted_num_from_i32
#define su_num_from_u32 contracted_num_from_u32
#define su_num_tree contracted_num_tree
#define su_num_sum contracted_num_sum
#define su_num_dot contracted_num_dot
#include "../../../src/graph/num.c"

#if !defined(__clang__)
#pragma GCC pop_options
#elif defined(__x86_64__)
#pragma clang attribute pop
#endif
