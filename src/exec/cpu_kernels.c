// SPDX-License-Identifier: MIT
#include "cpu_llm.h"
#include "cpu_priv.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif
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

#if defined(__x86_64__)
/* By CPUID itself: not every compiler's __builtin_cpu_supports knows the name. */
static bool has_f16c(void)
{
    unsigned a = 0, b = 0, c = 0, d = 0;
    return __get_cpuid(1, &a, &b, &c, &d) && (c & bit_F16C) != 0;
}
#endif

const struct cpu_llm_kernels *cpu_llm_pick(const char *kernels_name)
{
#if defined(__x86_64__)
    if (strcmp(kernels_name, "avx512") == 0 && __builtin_cpu_supports("avx512vnni"))
        return &cpu_llm_avx512;
    if (strcmp(kernels_name, "plain") != 0 && __builtin_cpu_supports("fma") && has_f16c())
        return &cpu_llm_avx2;
#endif
    (void)kernels_name;
    return &cpu_llm_plain;
}
