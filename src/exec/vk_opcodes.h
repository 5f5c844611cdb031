// SPDX-License-Identifier: MIT
// Numbers of the elementwise kernel's ops, read by C and by GLSL. Grouped by how many arguments
// they take.
#ifndef SU_EXEC_VK_OPCODES_H
#define SU_EXEC_VK_OPCODES_H

#define SU_EW_FILL 0
#define SU_EW_IOTA_I 1
#define SU_EW_IOTA_F 2

#define SU_EW_ONE 16
#define SU_EW_COPY 16
#define SU_EW_SELECT_EMITTED 17
#define SU_EW_NEG_F 18
#define SU_EW_NEG_I 19
#define SU_EW_RELU_F 20
#define SU_EW_RELU_I 21
#define SU_EW_TRUNC 22
#define SU_EW_RECIP 23
#define SU_EW_SQRT 24
#define SU_EW_RSQRT 25
#define SU_EW_EXP 26
#define SU_EW_EXP2 27
#define SU_EW_LOG2 28
#define SU_EW_SIN 29
#define SU_EW_SILU 30
#define SU_EW_GELU 31
#define SU_EW_SIGMOID 32
#define SU_EW_TANH 33
#define SU_EW_I32_TO_F 34
#define SU_EW_U32_TO_F 35
#define SU_EW_F_TO_I32 36
#define SU_EW_F_TO_U32 37
#define SU_EW_TO_BOOL 38
#define SU_EW_BITS_TO_F 39

#define SU_EW_TWO 64
#define SU_EW_ADD_F 64
#define SU_EW_ADD_I 65
#define SU_EW_SUB_F 66
#define SU_EW_SUB_I 67
#define SU_EW_MUL_F 68
#define SU_EW_MUL_I 69
#define SU_EW_MAX_F 70
#define SU_EW_MAX_I 71
#define SU_EW_MAX_U 72
#define SU_EW_MIN_F 73
#define SU_EW_MIN_I 74
#define SU_EW_MIN_U 75
#define SU_EW_CMP_F 76
#define SU_EW_CMP_I 77
#define SU_EW_CMP_U 78
#define SU_EW_AND 79
#define SU_EW_OR 80
#define SU_EW_XOR 81
#define SU_EW_SHL 82
#define SU_EW_SHR_I 83
#define SU_EW_SHR_U 84
#define SU_EW_DIV_I 85
#define SU_EW_DIV_U 86
#define SU_EW_MOD_I 87
#define SU_EW_MOD_U 88

#define SU_EW_THREE 128
#define SU_EW_WHERE 128

#endif
