// SPDX-License-Identifier: MIT
/* Kernels for AVX-512 F, DQ, BW, VL. */
#define CPU_ISA avx512
#define CPU_VEC_BYTES 64
#define CPU_TILE 12
#include "cpu_kernels_body.h"
