// SPDX-License-Identifier: MIT
#include "support/machine_speed.h"
#include "base/base.h"

#include <stdlib.h>
#include <string.h>

#define PEAK_ROUNDS 400000u
#define LINE_FLOATS 16

struct machine_speed {
    struct su_jobs *jobs;
    size_t floats, parts;
    float *a, *b, *c;
    float sum[64 * LINE_FLOATS]; /* one cache line per part, so that nothing is optimised away */
};

struct machine_speed *machine_speed_new(struct su_jobs *j, size_t bytes)
{
    struct machine_speed *m = su_alloc(sizeof *m);
    m->jobs = j;
    m->parts = SU_MIN(su_jobs_threads(j), 64u);
    m->floats = bytes / sizeof(float) / (m->parts * LINE_FLOATS) * (m->parts * LINE_FLOATS);
    m->a = su_try_alloc_aligned(m->floats, sizeof(float));
    m->b = su_try_alloc_aligned(m->floats, sizeof(float));
    m->c = su_try_alloc_aligned(m->floats, sizeof(float));
    if (!m->a || !m->b || !m->c) {
        machine_speed_free(m);
        return NULL;
    }
    for (size_t i = 0; i < m->floats; i++) /* pages of their own, not the shared zero page */
        m->a[i] = m->b[i] = m->c[i] = 1.0f;
    return m;
}

void machine_speed_free(struct machine_speed *m)
{
    if (!m)
        return;
    free(m->a);
    free(m->b);
    free(m->c);
    free(m);
}

#define CHAINS 12
/* The loops for one width of vectors. Peak: chains of acc = acc * x + y in registers; the values stay near 1. Its flops are
   2 * PEAK_ROUNDS * CHAINS * lanes. */
#define LOOPS(NAME, TARGET, BYTES)                                                                 \
    typedef float vec_##NAME __attribute__((vector_size(BYTES)));                                  \
    TARGET static float read_##NAME(const float *p, size_t n)                                      \
    {                                                                                              \
        const size_t lanes = (BYTES) / 4;                                                          \
        vec_##NAME s[4];                                                                           \
        memset(s, 0, sizeof s);                                                                    \
        for (size_t i = 0; i + 4 * lanes <= n; i += 4 * lanes)                                     \
            _Pragma("GCC unroll 4") for (size_t u = 0; u < 4; u++) s[u] +=                         \
                *(const vec_##NAME *)(const void *)(p + i + u * lanes);                            \
        s[0] += s[1] + s[2] + s[3];                                                                \
        return s[0][0];                                                                            \
    }                                                                                              \
    TARGET static void triad_##NAME(float *a, const float *b, const float *c, size_t n)            \
    {                                                                                              \
        const size_t lanes = (BYTES) / 4;                                                          \
        for (size_t i = 0; i + lanes <= n; i += lanes)                                             \
            *(vec_##NAME *)(void *)(a + i) = *(const vec_##NAME *)(const void *)(b + i) +          \
                                             0.5f * *(const vec_##NAME *)(const void *)(c + i);    \
    }                                                                                              \
    TARGET static float peak_##NAME(float seed)                                                    \
    {                                                                                              \
        vec_##NAME acc[CHAINS], x = (vec_##NAME){0} + 0.999f, y = (vec_##NAME){0} + 0.001f * seed; \
        _Pragma("GCC unroll 12") for (int c = 0; c < CHAINS; c++) acc[c] =                         \
            (vec_##NAME){0} + seed + (float)c * 0.01f;                                             \
        for (uint32_t r = 0; r < PEAK_ROUNDS; r++)                                                 \
            _Pragma("GCC unroll 12") for (int c = 0; c < CHAINS; c++) acc[c] = acc[c] * x + y;     \
        float total = 0;                                                                           \
        _Pragma("GCC unroll 12") for (int c = 0; c < CHAINS; c++) total += acc[c][0];              \
        return total;                                                                              \
    }

LOOPS(plain, , 16)
#if defined(__x86_64__)
LOOPS(avx2, __attribute__((target("avx2"))), 32)
LOOPS(avx512, __attribute__((target("avx512f"))), 64)
#endif

static const struct loops {
    size_t lanes;
    float (*read)(const float *p, size_t n);
    void (*triad)(float *a, const float *b, const float *c, size_t n);
    float (*peak)(float seed);
} loops_of[] = {
    {4, read_plain, triad_plain, peak_plain},
#if defined(__x86_64__)
    {8, read_avx2, triad_avx2, peak_avx2},
    {16, read_avx512, triad_avx512, peak_avx512},
#endif
};

static const struct loops *widest(void)
{
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512f"))
        return &loops_of[2];
    if (__builtin_cpu_supports("avx2"))
        return &loops_of[1];
#endif
    return &loops_of[0];
}

static void read_job(void *ctx, size_t i)
{
    struct machine_speed *m = ctx;
    size_t part = m->floats / m->parts;
    m->sum[i * LINE_FLOATS] = widest()->read(m->a + i * part, part);
}

static void triad_job(void *ctx, size_t i)
{
    struct machine_speed *m = ctx;
    size_t part = m->floats / m->parts;
    widest()->triad(m->a + i * part, m->b + i * part, m->c + i * part, part);
}

static double gbs(struct machine_speed *m, void (*job)(void *, size_t), size_t arrays)
{
    uint64_t t0 = su_clock_mono_ns();
    su_jobs_run(m->jobs, m->parts, job, m);
    uint64_t ns = su_clock_mono_ns() - t0;
    return (double)(arrays * m->floats * sizeof(float)) / (double)SU_MAX(ns, 1u);
}

double machine_read_gbs(struct machine_speed *m)
{
    return gbs(m, read_job, 1);
}

double machine_triad_gbs(struct machine_speed *m)
{
    return gbs(m, triad_job, 3);
}

static void peak_job(void *ctx, size_t i)
{
    float *sum = ctx;
    sum[i * LINE_FLOATS] = widest()->peak(1.0f + (float)i);
}

double machine_peak_gflops(struct su_jobs *j)
{
    float sum[64 * LINE_FLOATS];
    size_t parts = SU_MIN(su_jobs_threads(j), 64u);
    uint64_t t0 = su_clock_mono_ns();
    su_jobs_run(j, parts, peak_job, sum);
    uint64_t ns = su_clock_mono_ns() - t0;
    return 2.0 * PEAK_ROUNDS * CHAINS * (double)widest()->lanes * (double)parts /
           (double)SU_MAX(ns, 1u);
}
