// SPDX-License-Identifier: MIT
#include "cpu_priv.h"

#include <stdlib.h>
#include <string.h>

/* SPLITUP_CPU=plain|avx2|avx512 narrows the choice; for measuring one against another and for tests. */
const struct cpu_kernels *cpu_kernels_pick(void)
{
#if defined(__x86_64__)
    const char *only = getenv("SPLITUP_CPU");
    if ((!only || strcmp(only, "avx512") == 0) && __builtin_cpu_supports("avx512f") &&
        __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512bw"))
        return &cpu_kernels_avx512;
    if ((!only || strcmp(only, "plain") != 0) && __builtin_cpu_supports("avx2"))
        return &cpu_kernels_avx2;
#endif
    return &cpu_kernels_plain;
}
