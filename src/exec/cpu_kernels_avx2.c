// SPDX-License-Identifier: MIT
/* Kernels for AVX2. */
#define CPU_ISA avx2
#define CPU_VEC_BYTES 32
#define CPU_TILE 6
#include "cpu_kernels_body.h"
