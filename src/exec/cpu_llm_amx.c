// SPDX-License-Identifier: MIT
/* Products of 16 rows of activations with a group on Intel's tile unit (AMX; Intel's Software
   Developer's Manual, volume 1, chapter "Programming with Intel AMX"). Only whole numbers are
   summed there, exactly: quants are whole numbers of at most 8 bits, which a bfloat16 holds, and
   their sums stay below 2^24, so that single precision holds every partial sum and nobody needs to
   convert them. Scales are applied in the order of every other kernel. While they are, the tile unit
   works on the runs that follow, across the borders of tiles: its latency is several runs long. */
#include "cpu_llm.h"

#include <immintrin.h>
#include <string.h>
#if defined(__linux__)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

#include "cpu_math.h"

#define ISA_TARGET __attribute__((target("amx-tile,amx-bf16,avx512bf16")))
#define INLINE inline __attribute__((always_inline))
#define ALWAYS ISA_TARGET INLINE
#define UNROLL _Pragma("GCC unroll 16")
#define ROWS CPU_WIDE_ROWS

#include "cpu_quants_avx512.h"

#include "cpu_quant_scales.h"

/* Compilers do not know which memory a tile is loaded from. */
#define FENCE() __asm__ volatile("" : : : "memory")

/* Tiles: 0 and 1 take sums of runs in turn, 6 and 7 those of second halves; 2 and 3 are a run of
   activations and of weights, 4 and 5 half a run. */
struct tile_config {
    uint8_t palette, start_row, reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
};

#define QUANTS 512u /* of a run of a group, or of a run of 16 rows */

/* Sums cannot be read before they have reached the cache, so they are stored some runs before;
   a store would hold up all that follows until its sums are there, so those are made one run earlier
   still. */
#define STORED 2u
#define SUMS 4u
struct sums {
    _Alignas(64) float half[2][ROWS * CPU_GROUP]; /* only the first, unless halves have scales */
};

/* An unpacked run: quants as the tile unit takes them, and scales that need no more conversion. */
struct wide_run {
    _Alignas(64) uint16_t q[QUANTS];
    vec scale[]; /* SCALES of them */
};
#define SCALES(type)                                                                               \
    (K_TYPE(type) ? 4u : (type) == SU_Q6_K ? 3u : (type) == SU_Q4_1 || (type) == SU_Q5_1 ? 2u : 1u)
#define WIDE_BYTES(type) (sizeof(struct wide_run) + SCALES(type) * sizeof(vec))

/* XCR0 and the process's leave to use tile data; Linux grants it once for all threads. */
static bool usable(void)
{
#if defined(__linux__)
    enum { REQUEST_PERMISSION = 0x1023, TILE_DATA = 18 };
    unsigned a = 0, b = 0, c = 0, d = 0;
    const unsigned tile = 1u << 24, tile_bf16 = 1u << 22; /* leaf 7, EDX */
    const unsigned bf16 = 1u << 5; /* leaf 7, subleaf 1, EAX */
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (d & tile) != 0 && (d & tile_bf16) != 0 &&
           __get_cpuid_count(7, 1, &a, &b, &c, &d) && (a & bf16) != 0 &&
           syscall(SYS_arch_prctl, REQUEST_PERMISSION, TILE_DATA) == 0;
#else
    return false;
#endif
}

static ISA_TARGET void begin(void)
{
    static const struct tile_config config = {
        .palette = 1,
        .row_bytes = {64, 64, 64, 64, 32, 64, 64, 64},
        .rows = {ROWS, ROWS, ROWS, ROWS, ROWS, 8, ROWS, ROWS}};
    _tile_loadconfig(&config);
}

static ISA_TARGET void end(void)
{
    _tile_release();
}

/* ---- unpacking ------------------------------------------------------------------------------- */

/* Row 2 v of a tile of weights holds elements 4 v and 4 v + 2 of every row of the group, row 2 v + 1
   elements 4 v + 1 and 4 v + 3: words and their upper bytes are cheap to take from the vectors of a
   group. Activations are put into the same order. */
static ISA_TARGET void widen(const int8_t *q, const int32_t *s, size_t runs, uint16_t *to,
                             float *sum)
{
    const __m256i order = _mm256_set1_epi64x(0x0705060403010200);
    for (size_t r = 0; r < runs; r++, q += CPU_RUN, to += CPU_RUN) {
        __m256i b =
            _mm256_shuffle_epi8(_mm256_loadu_si256((const void *)q),
                                _mm256_add_epi8(order, _mm256_setr_epi64x(0, 0x0808080808080808, 0,
                                                                          0x0808080808080808)));
        __m512 low = _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm256_castsi256_si128(b)));
        __m512 high = _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm256_extracti128_si256(b, 1)));
        _mm512_storeu_si512(to, (__m512i)_mm512_cvtne2ps_pbh(high, low));
        memcpy(sum + r, s + 4 * r + 3, sizeof *sum);
    }
}

/* Of every two bytes the lower one, which is signed, as a bfloat16. */
static ALWAYS __m512i wide_bytes(__m512i v)
{
    __m512 low = _mm512_cvtepi32_ps(_mm512_srai_epi32(_mm512_slli_epi32(v, 24), 24));
    __m512 high = _mm512_cvtepi32_ps(_mm512_srai_epi32(_mm512_slli_epi32(v, 8), 24));
    return _mm512_or_si512(_mm512_srli_epi32((__m512i)low, 16),
                           _mm512_and_si512((__m512i)high, _mm512_set1_epi32(-65536)));
}

/* The 32 whole numbers from `least` on, as bfloat16. */
static ALWAYS __m512i whole_numbers(int32_t least)
{
    const __m512i i = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    __m512 low = _mm512_cvtepi32_ps(_mm512_add_epi32(i, _mm512_set1_epi32(least)));
    __m512 high = _mm512_cvtepi32_ps(_mm512_add_epi32(i, _mm512_set1_epi32(least + 16)));
    return (__m512i)_mm512_cvtne2ps_pbh(high, low);
}

static ALWAYS void unpack_runs(enum su_dtype type, const uint8_t *w, uint32_t runs, uint8_t *to)
{
    const int32_t centre = type == SU_Q4_0 ? 8 : type == SU_Q5_0 ? 16 : type == SU_Q6_K ? 32 : 0;
    const __m512i low = whole_numbers(-centre), high = whole_numbers(32 - centre);
    struct run_scales k = {0};
    const uint8_t *scales = NULL;
    for (uint32_t r = 0; r < runs; r++, to += WIDE_BYTES(type)) {
        struct wide_run *run = (struct wide_run *)(void *)to;
        struct quants q;
        if (r % PER_BLOCK(type) == 0) {
            block_scales(type, w, 0, &k);
            scales = w + HALVES_BYTES(type);
            w += HEAD_BYTES(type);
        }
        run_scales(type, scales, r % PER_BLOCK(type), &k);
        run->scale[0] = k.d;
        if (type == SU_Q6_K)
            run->scale[1] = k.scale[0], run->scale[2] = k.scale[1];
        else if (OFFSET_TYPE(type))
            run->scale[1] = k.e;
        if (K_TYPE(type))
            run->scale[2] = k.scale[0], run->scale[3] = k.min;
        quants_load(type, w, w + HIGH_BYTES(type), 0, &q);
        w += HIGH_BYTES(type) + LOW_BYTES(type);
        UNROLL for (uint32_t i = 0; i < 16; i++)
        {
            __m512i v = q.v[i / 2];
            if (i % 2 == 1)
                v = _mm512_srli_epi16(v, 8);
            if (type == SU_Q8_0)
                v = wide_bytes(_mm512_xor_si512(v, _mm512_set1_epi16(QUANTS_CENTRE_8)));
            else if (type == SU_Q6_K)
                v = _mm512_permutex2var_epi16(low, v, high);
            else
                v = _mm512_permutexvar_epi16(v, low);
            _mm512_store_si512(run->q + i * 32, v);
        }
    }
}

/* ---- products -------------------------------------------------------------------------------- */

/* Where the tile unit is: in the rows of activations, which follow one another, and in the group,
   which begins again with every tile. */
struct ahead {
    const uint16_t *q, *last_q;
    const uint8_t *w, *first_w, *end_w;
};

static ALWAYS void advance(enum su_dtype type, struct ahead *a)
{
    a->q =
        a->q == a->last_q ? a->q : a->q + QUANTS; /* what is made of the last once more is left */
    a->w += WIDE_BYTES(type);
    a->w = a->w == a->end_w ? a->first_w : a->w;
}

/* Sums of the next run of all rows, to tile `to`, and of its second half to tile `second`. */
#define MAKE(type, to, second, ahead)                                                              \
    do {                                                                                           \
        FENCE();                                                                                   \
        if ((type) == SU_Q6_K) {                                                                   \
            _tile_loadd(4, (ahead)->q, 64);                                                        \
            _tile_loadd(5, (ahead)->w, 64);                                                        \
            _tile_zero(to);                                                                        \
            _tile_dpbf16ps(to, 4, 5);                                                              \
            _tile_loadd(4, (ahead)->q + CPU_RUN / 2, 64);                                          \
            _tile_loadd(5, (ahead)->w + QUANTS, 64);                                               \
            _tile_zero(second);                                                                    \
            _tile_dpbf16ps(second, 4, 5);                                                          \
        } else {                                                                                   \
            _tile_loadd(2, (ahead)->q, 64);                                                        \
            _tile_loadd(3, (ahead)->w, 64);                                                        \
            _tile_zero(to);                                                                        \
            _tile_dpbf16ps(to, 2, 3);                                                              \
        }                                                                                          \
        advance(type, ahead);                                                                      \
        FENCE();                                                                                   \
    } while (0)
#define STORE(type, from, second, sums)                                                            \
    do {                                                                                           \
        FENCE();                                                                                   \
        _tile_stored(from, (sums)->half[0], 64);                                                   \
        if ((type) == SU_Q6_K)                                                                     \
            _tile_stored(second, (sums)->half[1], 64);                                             \
        FENCE();                                                                                   \
    } while (0)

/* Rows [from, to) gain a run. */
static ALWAYS void add_rows(enum su_dtype type, const struct sums *sums, const struct run_scales *k,
                            const float *d, const float *s, vec *acc, uint32_t from, uint32_t to)
{
    UNROLL for (uint32_t i = from; i < to; i++)
    {
        vec p, second;
        memcpy(&p, sums->half[0] + (size_t)i * CPU_GROUP, sizeof p);
        if (type == SU_Q6_K) {
            memcpy(&second, sums->half[1] + (size_t)i * CPU_GROUP, sizeof second);
            p = p * k->scale[0] + second * k->scale[1]; /* exact */
        }
        add_sums(type, p, k, d[i], s[i], &acc[i]);
    }
}

static ALWAYS struct run_scales wide_scales(enum su_dtype type, const uint8_t *w)
{
    const struct wide_run *run = (const struct wide_run *)(const void *)w;
    struct run_scales k = {.d = run->scale[0]};
    if (type == SU_Q6_K) {
        k.scale[0] = run->scale[1];
        k.scale[1] = run->scale[2];
    } else if (OFFSET_TYPE(type)) {
        k.e = run->scale[1];
    }
    if (K_TYPE(type)) {
        k.scale[0] = run->scale[2];
        k.min = run->scale[3];
    }
    return k;
}

/* Results of a tile: the sums of all segments but the last, and that. */
static ALWAYS void finish(float total[ROWS][VEC_LANES], const vec *acc, const struct cpu_qrow *row,
                          uint64_t first, uint64_t *saturations)
{
    const __m512i least = _mm512_set1_epi32(0x27800000), most = _mm512_set1_epi32(0x58800000);
    __m512i greatest = _mm512_setzero_si512();
    UNROLL for (uint32_t i = 0; i < ROWS; i++)
    {
        vec x;
        memcpy(&x, total[i], sizeof x);
        x = x + acc[i];
        __m512i a = _mm512_and_si512((__m512i)x, _mm512_set1_epi32(0x7fffffff));
        greatest = _mm512_max_epi32(greatest, a);
        memcpy(total[i], &x, sizeof x);
        _mm512_storeu_ps(row[i].y + first,
                         _mm512_maskz_mov_ps(_mm512_cmpge_epi32_mask(a, least), (__m512)x));
    }
    if (_mm512_cmpgt_epi32_mask(greatest, most) == 0)
        return;
    ivec clamped = {0};
    for (uint32_t i = 0; i < ROWS; i++) {
        vec x;
        memcpy(&x, total[i], sizeof x);
        store_fixed(x, row[i].y + first, &clamped);
    }
    *saturations += count_lanes(clamped);
}

static ALWAYS void tiles(enum su_dtype type, struct cpu_qtile *t)
{
    struct sums sums[SUMS];
    _Alignas(64) float total[ROWS][VEC_LANES];
    const size_t group_bytes = t->runs * WIDE_BYTES(type);
    const float *d = t->d, *s = t->sum;
    const struct cpu_qrow *row = t->row;
    struct ahead a = {t->wide, t->wide + ((size_t)t->tiles * t->runs - 1) * QUANTS, t->unpacked,
                      t->unpacked, t->unpacked + group_bytes};
    uint32_t n = 0; /* runs, of all tiles */
    vec acc[ROWS];
    MAKE(type, 0, 6, &a);
    STORE(type, 0, 6, &sums[0]);
    MAKE(type, 1, 7, &a);
    STORE(type, 1, 7, &sums[1]);
    MAKE(type, 0, 6, &a);
    for (uint32_t i = 0; i < t->tiles; i++, row += ROWS) {
        const uint8_t *w = t->unpacked;
        UNROLL for (uint32_t j = 0; j < ROWS; j++)
        {
            __builtin_prefetch(row[j].y + t->first, 1);
            acc[j] = (vec){0};
            memcpy(total[j], &acc[j], sizeof acc[j]);
        }
        for (uint32_t run = 1;; run++, n++, d += ROWS, s += ROWS, w += WIDE_BYTES(type)) {
            const struct run_scales k = wide_scales(type, w);
            const struct sums *made = &sums[n % SUMS];
            if (n % 2 == 0) {
                MAKE(type, 1, 7, &a);
                STORE(type, 0, 6, &sums[(n + STORED) % SUMS]);
            } else {
                MAKE(type, 0, 6, &a);
                STORE(type, 1, 7, &sums[(n + STORED) % SUMS]);
            }
            add_rows(type, made, &k, d, s, acc, 0, ROWS);
            if (run == t->runs)
                break;
            if (run % (CPU_SEGMENT / CPU_RUN) == 0)
                UNROLL for (uint32_t j = 0; j < ROWS; j++)
                {
                    vec x;
                    memcpy(&x, total[j], sizeof x);
                    x = x + acc[j];
                    memcpy(total[j], &x, sizeof x);
                    acc[j] = (vec){0};
                }
        }
        n++;
        d += ROWS;
        s += ROWS;
        finish(total, acc, row, t->first, &t->saturations);
    }
}

#define TILE(TYPE)                                                                                 \
    static ISA_TARGET void unpack_##TYPE(const uint8_t *w, uint32_t runs, uint8_t *to)             \
    {                                                                                              \
        unpack_runs(SU_##TYPE, w, runs, to);                                                       \
    }                                                                                              \
    static ISA_TARGET void tiles_##TYPE(struct cpu_qtile *t)                                       \
    {                                                                                              \
        tiles(SU_##TYPE, t);                                                                       \
    }
TILE(Q4_0)
TILE(Q4_1)
TILE(Q5_0)
TILE(Q5_1)
TILE(Q8_0)
TILE(Q4_K)
TILE(Q5_K)
TILE(Q6_K)

static void unpack(enum su_dtype type, const uint8_t *w, uint32_t runs, uint8_t *to)
{
    static void (*const all[SU_DTYPE_COUNT])(const uint8_t *w, uint32_t runs, uint8_t *to) = {
        [SU_Q4_0] = unpack_Q4_0, [SU_Q4_1] = unpack_Q4_1, [SU_Q5_0] = unpack_Q5_0,
        [SU_Q5_1] = unpack_Q5_1, [SU_Q8_0] = unpack_Q8_0, [SU_Q4_K] = unpack_Q4_K,
        [SU_Q5_K] = unpack_Q5_K, [SU_Q6_K] = unpack_Q6_K,
    };
    all[type](w, runs, to);
}

static void dot(enum su_dtype type, struct cpu_qtile *t)
{
    static void (*const all[SU_DTYPE_COUNT])(struct cpu_qtile *) = {
        [SU_Q4_0] = tiles_Q4_0, [SU_Q4_1] = tiles_Q4_1, [SU_Q5_0] = tiles_Q5_0,
        [SU_Q5_1] = tiles_Q5_1, [SU_Q8_0] = tiles_Q8_0, [SU_Q4_K] = tiles_Q4_K,
        [SU_Q5_K] = tiles_Q5_K, [SU_Q6_K] = tiles_Q6_K,
    };
    all[type](t);
}

const struct cpu_llm_wide cpu_llm_amx = {usable, begin, end, widen, unpack, dot};
