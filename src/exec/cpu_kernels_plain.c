// SPDX-License-Identifier: MIT
/* Kernels for the instruction set every processor of the family has (SSE2, NEON). */
#define CPU_ISA plain
#define CPU_VEC_BYTES 16
#define CPU_TILE 4
#include "cpu_kernels_body.h"
