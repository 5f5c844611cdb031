// SPDX-License-Identifier: MIT
/* Products of 16 rows of activations with a group on Intel's tile unit (AMX; Intel's Software
   Developer's Manual, volume 1, chapter "Programming with Intel AMX"). Only whole numbers are
   summed there, exactly; scales are applied in the order of every other kernel. The sums of the
   next run are made while those of the last are scaled. */
#include "cpu_llm.h"

#include <immintrin.h>
#include <string.h>
#if defined(__linux__)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

#include "cpu_math.h"

#define ISA_TARGET __attribute__((target("amx-tile,amx-int8")))
#define INLINE inline __attribute__((always_inline))
#define ALWAYS ISA_TARGET INLINE
#define UNROLL _Pragma("GCC unroll 16")
#define ROWS CPU_WIDE_ROWS

#include "cpu_quants_avx512.h"

#include "cpu_quant_scales.h"

/* Compilers do not know which memory a tile is loaded from. */
#define FENCE() __asm__ volatile("" : : : "memory")

/* Tiles: 0 and 1 take sums; 2 and 3 are a run of activations and of weights, 4 and 5 half a run. */
struct tile_config {
    uint8_t palette, start_row, reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
};

/* Sums of a run are not handed on before they have reached the cache, so they are read a while
   later. */
#define AHEAD 2u
#define SUMS 4u
struct sums {
    _Alignas(64) int32_t half[2][ROWS * CPU_GROUP]; /* only the first, unless halves have scales */
};

/* XCR0 and the process's leave to use tile data; Linux grants it once for all threads. */
static bool usable(void)
{
#if defined(__linux__)
    enum { REQUEST_PERMISSION = 0x1023, TILE_DATA = 18 };
    unsigned a = 0, b = 0, c = 0, d = 0;
    const unsigned tile = 1u << 24, int8 = 1u << 25; /* leaf 7, EDX */
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (d & tile) != 0 && (d & int8) != 0 &&
           syscall(SYS_arch_prctl, REQUEST_PERMISSION, TILE_DATA) == 0;
#else
    return false;
#endif
}

static ISA_TARGET void begin(void)
{
    static const struct tile_config config = {.palette = 1,
                                              .row_bytes = {64, 64, 32, 64, 16, 64},
                                              .rows = {ROWS, ROWS, ROWS, 8, ROWS, 4}};
    _tile_loadconfig(&config);
}

static ISA_TARGET void end(void)
{
    _tile_release();
}

/* Where run r of a group lies. */
static ALWAYS const uint8_t *run_at(enum su_dtype type, const uint8_t *w, uint32_t r)
{
    size_t run = HIGH_BYTES(type) + LOW_BYTES(type), n = PER_BLOCK(type);
    return w + r / n * (HEAD_BYTES(type) + n * run) + HEAD_BYTES(type) + r % n * run;
}

static ALWAYS void unpack_runs(enum su_dtype type, const uint8_t *w, uint32_t runs, int8_t *to)
{
    const char centre = type == SU_Q4_0   ? 8
                        : type == SU_Q5_0 ? 16
                        : type == SU_Q6_K ? 32
                        : type == SU_Q8_0 ? (char)QUANTS_CENTRE_8
                                          : 0;
    for (uint32_t r = 0; r < runs; r++) {
        const uint8_t *from = run_at(type, w, r);
        struct quants q;
        quants_load(type, from, from + HIGH_BYTES(type), 0, &q);
        UNROLL for (uint32_t i = 0; i < 8; i++, to += 64)
        {
            __m512i v = q.v[i];
            if (centre)
                v = _mm512_sub_epi8(v, _mm512_set1_epi8(centre));
            _mm512_store_si512(to, v);
        }
    }
}

/* Sums of a run of all rows. */
static ALWAYS void multiply(enum su_dtype type, const struct cpu_qtile *t, uint32_t run,
                            struct sums *sums)
{
    const int8_t *q = t->q + (size_t)run * ROWS * CPU_RUN;
    const int8_t *w = t->unpacked + (size_t)run * CPU_GROUP * CPU_RUN;
    int32_t(*sum)[ROWS * CPU_GROUP] = sums[run % SUMS].half;
    if (run >= t->runs)
        return;
    FENCE();
    _tile_zero(0);
    if (type == SU_Q6_K) {
        _tile_zero(1);
        _tile_loadd(4, q, CPU_RUN);
        _tile_loadd(5, w, 64);
        _tile_dpbssd(0, 4, 5);
        _tile_loadd(4, q + CPU_RUN / 2, CPU_RUN);
        _tile_loadd(5, w + 4 * 64, 64);
        _tile_dpbssd(1, 4, 5);
        _tile_stored(1, sum[1], 64);
    } else {
        _tile_loadd(2, q, CPU_RUN);
        _tile_loadd(3, w, 64);
        _tile_dpbssd(0, 2, 3);
    }
    _tile_stored(0, sum[0], 64);
    FENCE();
}

static ALWAYS void tile(enum su_dtype type, struct cpu_qtile *t)
{
    struct sums sums[SUMS];
    float total[ROWS][VEC_LANES];
    const float *d = t->d;
    const int32_t *s = t->s;
    struct run_scales k = {0};
    const uint8_t *scales = NULL;
    vec acc[ROWS];
    UNROLL for (uint32_t i = 0; i < ROWS; i++)
    {
        acc[i] = (vec){0};
        memcpy(total[i], &acc[i], sizeof acc[i]);
    }
    for (uint32_t run = 0; run < AHEAD; run++)
        multiply(type, t, run, sums);
    for (uint32_t run = 0; run < t->runs; run++, d += ROWS, s += (size_t)4 * ROWS) {
        int32_t(*sum)[ROWS * CPU_GROUP] = sums[run % SUMS].half;
        uint32_t r = run % PER_BLOCK(type);
        multiply(type, t, run + AHEAD, sums);
        if (r == 0) {
            const uint8_t *block = run_at(type, t->w, run) - HEAD_BYTES(type);
            block_scales(type, block, 0, &k);
            scales = block + HALVES_BYTES(type);
        }
        run_scales(type, scales, r, &k);
        UNROLL for (uint32_t i = 0; i < ROWS; i++)
        {
            ivec n, second;
            vec p;
            memcpy(&n, sum[0] + (size_t)i * CPU_GROUP, sizeof n);
            if (type == SU_Q6_K) {
                memcpy(&second, sum[1] + (size_t)i * CPU_GROUP, sizeof second);
                p = two_halves(&k, n, second);
            } else {
                p = __builtin_convertvector(n, vec);
            }
            add_sums(type, p, &k, d[i], cm_float((uint32_t)s[4 * i + 3]), &acc[i]);
        }
        if ((run + 1) % (CPU_SEGMENT / CPU_RUN) == 0 || run + 1 == t->runs)
            UNROLL for (uint32_t i = 0; i < ROWS; i++)
            {
                vec x;
                memcpy(&x, total[i], sizeof x);
                x = x + acc[i];
                memcpy(total[i], &x, sizeof x);
                acc[i] = (vec){0};
            }
    }
    ivec clamped = {0};
    UNROLL for (uint32_t i = 0; i < ROWS; i++)
    {
        vec x;
        memcpy(&x, total[i], sizeof x);
        store_fixed(x, t->y[i], &clamped);
    }
    t->saturations += count_lanes(clamped);
}

#define TILE(TYPE)                                                                                 \
    static ISA_TARGET void unpack_##TYPE(const uint8_t *w, uint32_t runs, int8_t *to)              \
    {                                                                                              \
        unpack_runs(SU_##TYPE, w, runs, to);                                                       \
    }                                                                                              \
    static ISA_TARGET void tile_##TYPE(struct cpu_qtile *t)                                        \
    {                                                                                              \
        tile(SU_##TYPE, t);                                                                        \
    }
TILE(Q4_0)
TILE(Q4_1)
TILE(Q5_0)
TILE(Q5_1)
TILE(Q8_0)
TILE(Q4_K)
TILE(Q5_K)
TILE(Q6_K)

static void unpack(enum su_dtype type, const uint8_t *w, uint32_t runs, int8_t *to)
{
    static void (*const all[SU_DTYPE_COUNT])(const uint8_t *w, uint32_t runs, int8_t *to) = {
        [SU_Q4_0] = unpack_Q4_0, [SU_Q4_1] = unpack_Q4_1, [SU_Q5_0] = unpack_Q5_0,
        [SU_Q5_1] = unpack_Q5_1, [SU_Q8_0] = unpack_Q8_0, [SU_Q4_K] = unpack_Q4_K,
        [SU_Q5_K] = unpack_Q5_K, [SU_Q6_K] = unpack_Q6_K,
    };
    all[type](w, runs, to);
}

static void dot(enum su_dtype type, struct cpu_qtile *t)
{
    static void (*const all[SU_DTYPE_COUNT])(struct cpu_qtile *) = {
        [SU_Q4_0] = tile_Q4_0, [SU_Q4_1] = tile_Q4_1, [SU_Q5_0] = tile_Q5_0, [SU_Q5_1] = tile_Q5_1,
        [SU_Q8_0] = tile_Q8_0, [SU_Q4_K] = tile_Q4_K, [SU_Q5_K] = tile_Q5_K, [SU_Q6_K] = tile_Q6_K,
    };
    all[type](t);
}

const struct cpu_llm_wide cpu_llm_amx = {usable, begin, end, unpack, dot};
