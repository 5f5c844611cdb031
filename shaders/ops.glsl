// SPDX-License-Identifier: MIT
// One function per elementwise op, on words. The elementwise kernel picks one by its number; a
// fused kernel, generated at run time, calls several in a row, each with its own rounding, fz and
// sat.
#include "vk_opcodes.h"

uint ew_copy(uint a) { return a; }
uint ew_neg_f(uint a) { return fix_result(num_f(a ^ SIGN)); }
uint ew_neg_i(uint a) { return 0u - a; }
uint ew_relu_f(uint a) { return num_key(a) < SIGN ? 0u : a; }
uint ew_relu_i(uint a) { return int(a) < 0 ? 0u : a; }
uint ew_trunc(uint a) { return fix_result(num_f(num_trunc(a))); }
uint ew_recip(uint a) { return fix_result(num_recip(num_f(a))); }
uint ew_sqrt(uint a) { return fix_result(num_sqrt(num_f(a))); }
uint ew_rsqrt(uint a) { return fix_result(num_rsqrt(num_f(a))); }
uint ew_exp(uint a) { return fix_result(num_exp(num_f(a))); }
uint ew_exp2(uint a) { return fix_result(num_exp2(num_f(a))); }
uint ew_log2(uint a) { return fix_result(num_log2(num_f(a))); }
uint ew_sin(uint a) { return fix_result(num_sin(num_f(a))); }
uint ew_silu(uint a) { return fix_result(num_silu(num_f(a))); }
uint ew_gelu(uint a) { return fix_result(num_gelu(num_f(a))); }
uint ew_sigmoid(uint a) { return fix_result(num_sigmoid(num_f(a))); }
uint ew_tanh(uint a) { return fix_result(num_tanh(num_f(a))); }
uint ew_i32_to_f(uint a) { return fix_result(num_from_i32(int(a))); }
uint ew_u32_to_f(uint a) { return fix_result(num_from_u32(a)); }
uint ew_f_to_i32(uint a) { return uint(num_to_i32(a)); }
uint ew_f_to_u32(uint a) { return uint(max(num_to_i32(a), 0)); }
uint ew_to_bool(uint a) { return a != 0u ? 1u : 0u; }
uint ew_bits_to_f(uint a) { return fix_result(num_f(a)); }

uint ew_add_f(uint a, uint b) { return fix_result(num_f(a) + num_f(b)); }
uint ew_add_i(uint a, uint b) { return a + b; }
uint ew_sub_f(uint a, uint b) { return fix_result(num_f(a) - num_f(b)); }
uint ew_sub_i(uint a, uint b) { return a - b; }
uint ew_mul_f(uint a, uint b) { return fix_result(num_f(a) * num_f(b)); }
uint ew_mul_i(uint a, uint b) { return a * b; }
uint ew_max_f(uint a, uint b) { return num_key(a) < num_key(b) ? b : a; }
uint ew_max_i(uint a, uint b) { return int(a) < int(b) ? b : a; }
uint ew_max_u(uint a, uint b) { return a < b ? b : a; }
uint ew_min_f(uint a, uint b) { return num_key(b) < num_key(a) ? b : a; }
uint ew_min_i(uint a, uint b) { return int(b) < int(a) ? b : a; }
uint ew_min_u(uint a, uint b) { return b < a ? b : a; }
uint ew_cmp_u(uint kind, uint a, uint b)
{
    bool yes = kind == 0u ? a < b : kind == 1u ? a <= b : kind == 2u ? a == b : a != b;
    return yes ? 1u : 0u;
}
uint ew_cmp_f(uint kind, uint a, uint b) { return ew_cmp_u(kind, num_key(a), num_key(b)); }
uint ew_cmp_i(uint kind, uint a, uint b) { return ew_cmp_u(kind, a ^ SIGN, b ^ SIGN); }
uint ew_and(uint a, uint b) { return a & b; }
uint ew_or(uint a, uint b) { return a | b; }
uint ew_xor(uint a, uint b) { return a ^ b; }
uint ew_shl(uint a, uint b) { return a << (b & 31u); }
uint ew_shr_i(uint a, uint b) { return uint(int(a) >> (b & 31u)); }
uint ew_shr_u(uint a, uint b) { return a >> (b & 31u); }

// Division by zero and of -2^31 by -1 are undefined in SPIR-V, so magnitudes are divided and never
// by zero.
uint ew_magnitude(uint a) { return int(a) < 0 ? 0u - a : a; }
uint ew_div_u(uint a, uint b) { return b == 0u ? 0u : a / max(b, 1u); }
uint ew_mod_u(uint a, uint b) { return b == 0u ? 0u : a % max(b, 1u); }
uint ew_div_i(uint a, uint b)
{
    uint q = ew_div_u(ew_magnitude(a), ew_magnitude(b));
    return ((a ^ b) & SIGN) != 0u ? 0u - q : q;
}
uint ew_mod_i(uint a, uint b)
{
    uint m = ew_mod_u(ew_magnitude(a), ew_magnitude(b));
    return (a & SIGN) != 0u ? 0u - m : m;
}
uint ew_where(uint a, uint b, uint c) { return a != 0u ? b : c; }

uint ew_apply_one(uint op, uint a)
{
    switch (op) {
    case SU_EW_NEG_F: return ew_neg_f(a);
    case SU_EW_NEG_I: return ew_neg_i(a);
    case SU_EW_RELU_F: return ew_relu_f(a);
    case SU_EW_RELU_I: return ew_relu_i(a);
    case SU_EW_TRUNC: return ew_trunc(a);
    case SU_EW_RECIP: return ew_recip(a);
    case SU_EW_SQRT: return ew_sqrt(a);
    case SU_EW_RSQRT: return ew_rsqrt(a);
    case SU_EW_EXP: return ew_exp(a);
    case SU_EW_EXP2: return ew_exp2(a);
    case SU_EW_LOG2: return ew_log2(a);
    case SU_EW_SIN: return ew_sin(a);
    case SU_EW_SILU: return ew_silu(a);
    case SU_EW_GELU: return ew_gelu(a);
    case SU_EW_SIGMOID: return ew_sigmoid(a);
    case SU_EW_TANH: return ew_tanh(a);
    case SU_EW_I32_TO_F: return ew_i32_to_f(a);
    case SU_EW_U32_TO_F: return ew_u32_to_f(a);
    case SU_EW_F_TO_I32: return ew_f_to_i32(a);
    case SU_EW_F_TO_U32: return ew_f_to_u32(a);
    case SU_EW_TO_BOOL: return ew_to_bool(a);
    case SU_EW_BITS_TO_F: return ew_bits_to_f(a);
    default: return a;
    }
}

uint ew_apply_two(uint op, uint aux, uint a, uint b)
{
    switch (op) {
    case SU_EW_ADD_F: return ew_add_f(a, b);
    case SU_EW_ADD_I: return ew_add_i(a, b);
    case SU_EW_SUB_F: return ew_sub_f(a, b);
    case SU_EW_SUB_I: return ew_sub_i(a, b);
    case SU_EW_MUL_F: return ew_mul_f(a, b);
    case SU_EW_MUL_I: return ew_mul_i(a, b);
    case SU_EW_MAX_F: return ew_max_f(a, b);
    case SU_EW_MAX_I: return ew_max_i(a, b);
    case SU_EW_MAX_U: return ew_max_u(a, b);
    case SU_EW_MIN_F: return ew_min_f(a, b);
    case SU_EW_MIN_I: return ew_min_i(a, b);
    case SU_EW_MIN_U: return ew_min_u(a, b);
    case SU_EW_CMP_F: return ew_cmp_f(aux, a, b);
    case SU_EW_CMP_I: return ew_cmp_i(aux, a, b);
    case SU_EW_CMP_U: return ew_cmp_u(aux, a, b);
    case SU_EW_AND: return ew_and(a, b);
    case SU_EW_OR: return ew_or(a, b);
    case SU_EW_XOR: return ew_xor(a, b);
    case SU_EW_SHL: return ew_shl(a, b);
    case SU_EW_SHR_I: return ew_shr_i(a, b);
    case SU_EW_SHR_U: return ew_shr_u(a, b);
    case SU_EW_DIV_I: return ew_div_i(a, b);
    case SU_EW_DIV_U: return ew_div_u(a, b);
    case SU_EW_MOD_I: return ew_mod_i(a, b);
    default: return ew_mod_u(a, b);
    }
}
