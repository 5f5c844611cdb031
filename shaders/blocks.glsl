// SPDX-License-Identifier: MIT
// Block-quantised weights as vk_buffer.c lays them out: a plane of 16-byte units per block, then,
// for Q5_0 and Q5_1, a plane of one word of high bits per block, then a plane of scales (one half
// per block, or two). SU_BLOCK_ROWS rows take turns, block by block. Quants of Q8_0 are raised by
// 128, and scales have become finite. Nothing else changes: src/graph/blocks.c says what the bytes
// mean. in_vec shows a weight by four words, in1 by one.
#include "vk_blocks.h"

uint quants_from = 0u; // where the weight begins in in_vec

uvec4 unit(uint at)
{
    return texelFetch(in_vec, int(quants_from + at));
}

// 32 elements: the bytes of lo, then those of hi, hold them with `centre` added; element i of lo is
// worth d * scale_lo * (byte - centre) + e * low.
struct Run {
    uvec4 lo, hi;
    int scale_lo, scale_hi, low;
    float d, e;
};

// A scale (N1, N3), the upper half of u: exact, subnormals included. vk_buffer.c has left neither
// infinities nor NaN.
float half_scale(uint u)
{
    uint m = (u >> 16) & 0x3ffu, bits = uint(int(u) >> 3) & 0x8fffe000u;
    uint small = num_u(float(int(m)) * num_f(0x33800000u)) | (u & SIGN);
    return num_f((u & 0x7c000000u) == 0u ? small : bits + 0x38000000u);
}

// The same where no scale is subnormal.
float half_scale_normal(uint u)
{
    return num_f(uint(int(u) >> 3) & 0x8fffe000u) * num_f(0x77800000u);
}

int block_centre(uint type)
{
    return type == SU_BLOCK_Q4_0   ? 8
           : type == SU_BLOCK_Q5_0 ? 16
           : type == SU_BLOCK_Q8_0 ? 128
           : type == SU_BLOCK_Q6_K ? 32
                                   : 0;
}

bool block_is_small(uint type)
{
    return type != SU_BLOCK_Q4_K && type != SU_BLOCK_Q5_K && type != SU_BLOCK_Q6_K;
}

bool block_has_offset(uint type)
{
    return type == SU_BLOCK_Q4_1 || type == SU_BLOCK_Q5_1 || type == SU_BLOCK_Q4_K ||
           type == SU_BLOCK_Q5_K;
}

// Bit i of the four bits of each component becomes bit 4 of its byte i.
uvec4 spread_bits(uvec4 b)
{
    return (b & 1u) << 4 | (b & 2u) << 11 | (b & 4u) << 18 | (b & 8u) << 25;
}

// quants: the block's place among the quants; high: its word of high bits; scales: its scale in the
// lower half, and with an offset that one's in the upper; normal: no scale is subnormal.
void run_small(uint type, uint quants, uint high, uint scales, bool normal, inout Run r)
{
    if (type == SU_BLOCK_Q8_0) {
        r.lo = unit(2u * quants);
        r.hi = unit(2u * quants + 1u);
    } else {
        uvec4 q = unit(quants);
        r.lo = q & 0x0f0f0f0fu;
        r.hi = (q >> 4) & 0x0f0f0f0fu;
    }
    if (type == SU_BLOCK_Q5_0 || type == SU_BLOCK_Q5_1) {
        r.lo |= spread_bits((uvec4(high) >> uvec4(0u, 4u, 8u, 12u)) & 15u);
        r.hi |= spread_bits((uvec4(high) >> uvec4(16u, 20u, 24u, 28u)) & 15u);
    }
    if (block_has_offset(type)) {
        r.e = normal ? half_scale_normal(scales) : half_scale(scales);
        r.low = 1;
    }
    r.d = normal ? half_scale_normal(scales << 16) : half_scale(scales << 16);
}

// Run i of eight.
void run_k(uint type, uint quants, uint i, inout Run r)
{
    uint at = quants * (type == SU_BLOCK_Q5_K ? 11u : 9u), shift = (i & 3u) << 3;
    uint q_at = at + (type == SU_BLOCK_Q5_K ? 3u : 1u) + (i >> 1) * 2u, nibble = (i & 1u) << 2;
    uvec4 head = unit(at);
    uint b0 = (head.y >> shift) & 255u, b1 = (head.z >> shift) & 255u,
         b2 = (head.w >> shift) & 255u;
    r.lo = (unit(q_at) >> nibble) & 0x0f0f0f0fu;
    r.hi = (unit(q_at + 1u) >> nibble) & 0x0f0f0f0fu;
    if (type == SU_BLOCK_Q5_K) {
        r.lo |= ((unit(at + 1u) >> i) & 0x01010101u) << 4;
        r.hi |= ((unit(at + 2u) >> i) & 0x01010101u) << 4;
    }
    r.scale_lo = int(i < 4u ? b0 & 63u : (b2 & 15u) | (b0 >> 6) << 4);
    r.scale_hi = r.scale_lo;
    r.low = int(i < 4u ? b1 & 63u : b2 >> 4 | (b1 >> 6) << 4);
    r.d = half_scale(head.x << 16);
    r.e = num_f(num_u(half_scale(head.x)) ^ SIGN);
}

// Half number i of those of a plane, `word` being number i / 2 of its words.
uint half_word(uint word, uint i)
{
    return word >> ((i & 1u) << 4);
}

void run_q6_k(uint quants, uint block, uint i, uint scale_at, inout Run r)
{
    uint at = quants * 13u, group = i >> 2, part = i & 3u;
    uint low_at = at + group * 4u + (part & 1u) * 2u, high_at = at + 8u + group * 2u;
    uint nibble = (part >> 1) << 2, pair = part << 1;
    r.lo = (unit(low_at) >> nibble) & 0x0f0f0f0fu;
    r.hi = (unit(low_at + 1u) >> nibble) & 0x0f0f0f0fu;
    r.lo |= ((unit(high_at) >> pair) & 0x03030303u) << 4;
    r.hi |= ((unit(high_at + 1u) >> pair) & 0x03030303u) << 4;
    uvec4 s = unit(at + 12u);
    uint word = i < 2u ? s.x : i < 4u ? s.y : i < 6u ? s.z : s.w, shift = (i & 1u) << 4;
    r.scale_lo = int((word >> shift) << 24) >> 24;
    r.scale_hi = int((word >> (shift + 8u)) << 24) >> 24;
    r.d = half_scale(half_word(get1(scale_at + (block >> 1)), block) << 16);
}

// Number of the first block of a row, the step to the next, and the first block's place among the
// quants. whole: how many rows take turns.
uvec3 block_row(uint type, uint row, uint runs, uint whole)
{
    uint blocks = block_is_small(type) ? runs : runs >> 3;
    uint turn = row % SU_BLOCK_ROWS, at = (row - turn) * blocks;
    return row < whole ? uvec3(at + turn, SU_BLOCK_ROWS, at + SU_BLOCK_TURN(turn))
                       : uvec3(row * blocks, 1u, row * blocks);
}

// Run number `run` of a row. high_at, scale_at: words.
Run run_load(uint type, uvec3 row, uint run, uint high_at, uint scale_at, bool normal)
{
    Run r = Run(uvec4(0u), uvec4(0u), 1, 1, 0, 0.0, 0.0);
    if (type == SU_BLOCK_Q4_K || type == SU_BLOCK_Q5_K) {
        run_k(type, row.z + (run >> 3) * row.y, run & 7u, r);
    } else if (type == SU_BLOCK_Q6_K) {
        run_q6_k(row.z + (run >> 3) * row.y, row.x + (run >> 3) * row.y, run & 7u, scale_at, r);
    } else {
        uint block = row.x + run * row.y, high = 0u;
        if (type == SU_BLOCK_Q5_0 || type == SU_BLOCK_Q5_1)
            high = get1(high_at + block);
        uint scales = block_has_offset(type) ? get1(scale_at + block)
                                             : half_word(get1(scale_at + (block >> 1)), block);
        run_small(type, row.z + run * row.y, high, scales, normal, r);
    }
    return r;
}
