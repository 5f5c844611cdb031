// SPDX-License-Identifier: MIT
/* Block-quantised storage types. The layouts are facts of the GGUF specification
   (https://github.com/ggml-org/ggml, docs/gguf.md and the block structures of ggml-common.h), all
   little-endian; d, m and dmin are halves:

     Q4_0   d  qs[16]                 element j: low nibble of qs[j], j + 16: its high nibble; less 8
     Q4_1   d  m  qs[16]              the same, plus m
     Q5_0   d  qh:u32  qs[16]         as Q4_0 with bit j of qh as bit 4 of element j; less 16
     Q5_1   d  m  qh:u32  qs[16]      the same, plus m
     Q8_0   d  qs[32]                 signed bytes
     Q4_K   d  dmin  scales[12]  qs[128]
                                      8 runs of 32; runs 2k and 2k + 1: low and high nibbles of
                                      qs[32k .. 32k + 31]; a 6-bit scale and minimum per run
     Q5_K   d  dmin  scales[12]  qh[32]  qs[128]
                                      as Q4_K with bit r of qh[j] as bit 4 of element j of run r
     Q6_K   ql[128]  qh[64]  scales[16]  d
                                      2 halves of 4 runs of 32; in a half, runs 0, 1: low nibbles of
                                      its 64 bytes of ql, runs 2, 3: high nibbles; bits 2r, 2r + 1 of
                                      qh[j] on top of element j of run r; less 32; a signed scale per
                                      16 elements

   scales of Q4_K and Q5_K: for run r < 4 scale and minimum are the low 6 bits of bytes r and r + 4;
   for r >= 4 the low and the high nibble of byte r + 4, with bits 6 and 7 of bytes r - 4 and r on
   top. */
#include "graph_priv.h"

#include <string.h>

#define EXPONENT 0x7c00u
#define HALF_MAX 65504.0f

uint32_t su_dtype_block_elements(enum su_dtype d)
{
    return su_dtype_table[d].block_elements;
}

uint32_t su_dtype_block_bytes(enum su_dtype d)
{
    return su_dtype_table[d].block_bytes;
}

/* A scale as stored at p (N3). */
static float scale_at(const uint8_t *p)
{
    uint16_t h = su_le16(p);

    if ((h & EXPONENT) != EXPONENT)
        return su_num_from_f16(h);
    if ((h & 0x3ffu) != 0)
        return 0.0f;
    return h & 0x8000u ? -HALF_MAX : HALF_MAX;
}

/* 32 quants of nibbles, with the bits of qh (0 where there are none) as bit 4, less `centre`. */
static void unpack_nibbles(const uint8_t *qs, uint32_t qh, int centre, int8_t *q)
{
    for (unsigned j = 0; j < 16; j++) {
        unsigned high = qh >> j;
        q[j] = (int8_t)((int)((qs[j] & 15u) | (high & 1u) << 4) - centre);
        q[j + 16] = (int8_t)((int)(qs[j] >> 4 | (high >> 16 & 1u) << 4) - centre);
    }
}

static void unpack_k_scales(const uint8_t *s, struct su_block *out)
{
    for (unsigned r = 0; r < 8; r++) {
        unsigned scale = s[r] & 63u, min = s[r + 4] & 63u;
        if (r >= 4) {
            scale = (s[r + 4] & 15u) | (unsigned)s[r - 4] >> 6 << 4;
            min = (unsigned)s[r + 4] >> 4 | (unsigned)s[r] >> 6 << 4;
        }
        out->scale[2 * r] = out->scale[2 * r + 1] = (int8_t)scale;
        out->min[r] = (uint8_t)min;
    }
}

/* Q4_K, and Q5_K with its qh. */
static void unpack_k(const uint8_t *b, const uint8_t *qh, const uint8_t *qs, struct su_block *out)
{
    out->d = scale_at(b);
    out->e = -scale_at(b + 2);
    out->offset = true;
    unpack_k_scales(b + 4, out);
    for (unsigned i = 0; i < 256; i++) {
        unsigned r = i / 32, j = i % 32;
        unsigned low = (unsigned)qs[r / 2 * 32 + j] >> r % 2 * 4 & 15u;
        unsigned high = qh ? (unsigned)qh[j] >> r & 1u : 0;
        out->q[i] = (int8_t)(low | high << 4);
    }
}

static void unpack_q6_k(const uint8_t *b, struct su_block *out)
{
    const uint8_t *ql = b, *qh = b + 128;

    out->d = scale_at(b + 208);
    memcpy(out->scale, b + 192, sizeof out->scale);
    for (unsigned i = 0; i < 256; i++) {
        unsigned half = i / 128, r = i / 32 % 4, j = i % 32;
        unsigned low = (unsigned)ql[half * 64 + r % 2 * 32 + j] >> r / 2 * 4 & 15u;
        unsigned high = (unsigned)qh[half * 32 + j] >> 2 * r & 3u;
        out->q[i] = (int8_t)((int)(low | high << 4) - 32);
    }
}

void su_block_unpack(enum su_dtype d, const void *bytes, struct su_block *out)
{
    const uint8_t *b = bytes;
    bool offset = d == SU_Q4_1 || d == SU_Q5_1;
    const uint8_t *rest = b + (offset ? 4 : 2);

    SU_ASSERT(su_dtype_is_block(d));
    memset(out, 0, sizeof *out);
    memset(out->scale, 1, sizeof out->scale);
    if (d == SU_Q4_K || d == SU_Q5_K) {
        bool five = d == SU_Q5_K;
        unpack_k(b, five ? b + 16 : NULL, b + (five ? 48 : 16), out);
        return;
    }
    if (d == SU_Q6_K) {
        unpack_q6_k(b, out);
        return;
    }
    out->d = scale_at(b);
    out->offset = offset;
    if (offset) {
        out->e = scale_at(b + 2);
        out->min[0] = 1;
    }
    if (d == SU_Q8_0)
        memcpy(out->q, rest, 32);
    else if (d == SU_Q4_0 || d == SU_Q4_1)
        unpack_nibbles(rest, 0, offset ? 0 : 8, out->q);
    else
        unpack_nibbles(rest + 4, su_le32(rest), offset ? 0 : 16, out->q);
}

static void decode_block(enum su_dtype d, const uint8_t *bytes, uint32_t n, float *out)
{
    struct su_block b;

    su_block_unpack(d, bytes, &b);
    for (uint32_t i = 0; i < n; i++) {
        float x = b.d * (float)b.scale[i / 16];
        x = x * (float)b.q[i];
        if (b.offset) {
            float m = b.e * (float)b.min[i / 32];
            x = x + m;
        }
        out[i] = x;
    }
}

void su_tensor_decode(enum su_dtype d, const void *bytes, uint64_t n, float *out)
{
    const struct su_dtype_info *info = &su_dtype_table[d];
    const uint8_t *b = bytes;

    SU_ASSERT(n % info->block_elements == 0);
    SU_ASSERT(d == SU_F32 || d == SU_F16 || d == SU_BF16 || su_dtype_is_block(d));
    for (uint64_t i = 0; i < n; i += info->block_elements, b += info->block_bytes) {
        if (d == SU_F32)
            out[i] = su_f32_from_bits(su_le32(b));
        else if (d == SU_F16)
            out[i] = su_num_from_f16(su_le16(b));
        else if (d == SU_BF16)
            out[i] = su_num_from_bf16(su_le16(b));
        else
            decode_block(d, b, info->block_elements, out + i);
    }
}
