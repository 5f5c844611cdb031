// SPDX-License-Identifier: MIT
#include "cpu_llm.h"
#include "cpu_priv.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#if defined(__x86_64__)
/* By CPUID itself: not every compiler's __builtin_cpu_supports knows the name. */
static bool has_f16c(void)
{
    unsigned a = 0, b = 0, c = 0, d = 0;
    return __get_cpuid(1, &a, &b, &c, &d) && (c & bit_F16C) != 0;
}

static struct cpu_kernels kernels_amx; /* as cpu_kernels_avx512, but for its name */

static void name_amx(void)
{
    kernels_amx = cpu_kernels_avx512;
    kernels_amx.name = "amx";
}

static const struct cpu_kernels *with_amx(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)pthread_once(&once, name_amx);
    return &kernels_amx;
}
#endif

/* SPLITUP_CPU=plain|avx2|avx512|amx narrows the choice, each to itself and what lies below; for
   measuring one against another and for tests. */
const struct cpu_kernels *cpu_kernels_pick(void)
{
#if defined(__x86_64__)
    const char *only = getenv("SPLITUP_CPU");
    bool amx = !only || strcmp(only, "amx") == 0;
    if ((amx || strcmp(only, "avx512") == 0) && __builtin_cpu_supports("avx512f") &&
        __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512bw"))
        return amx && __builtin_cpu_supports("avx512vnni") && cpu_llm_amx.usable()
                   ? with_amx()
                   : &cpu_kernels_avx512;
    if ((!only || strcmp(only, "plain") != 0) && __builtin_cpu_supports("avx2") && has_f16c())
        return &cpu_kernels_avx2;
#endif
    return &cpu_kernels_plain;
}

const struct cpu_llm_kernels *cpu_llm_pick(const char *kernels_name)
{
#if defined(__x86_64__)
    if ((strcmp(kernels_name, "amx") == 0 || strcmp(kernels_name, "avx512") == 0) &&
        __builtin_cpu_supports("avx512vnni"))
        return &cpu_llm_avx512;
    if (strcmp(kernels_name, "plain") != 0 && __builtin_cpu_supports("fma") && has_f16c())
        return &cpu_llm_avx2;
#endif
    (void)kernels_name;
    return &cpu_llm_plain;
}

const struct cpu_llm_wide *cpu_llm_pick_wide(const char *kernels_name)
{
#if defined(__x86_64__)
    if (strcmp(kernels_name, "amx") == 0)
        return &cpu_llm_amx;
#endif
    (void)kernels_name;
    return NULL;
}
