#version 450
// SPDX-License-Identifier: MIT
// Sum, maximum or product over some axes; one lane makes one result. OP: 0 sum f32, 1 sum of
// integers, 2 max f32, 3 max i32, 4 max u32, 5 product f32, 6 product of integers.
#extension GL_GOOGLE_include_directive : require
#include "num.glsl"
#include "common.glsl"
#include "lanes.glsl"

layout(push_constant) uniform Push {
    uint domain, n; // results per row
    uint d1, d2, m_n, m_d2, m_d1, shifts; // axes kept
    uint x_offset, x_row, s0, s1, s2;
    uint count, e1, e2, m_e2, m_e1, e_shifts; // axes reduced
    uint t0, t1, t2;
    uint y_offset;
} p;

uint element(uint from, uint i)
{
    uint q = quotient(i, p.m_e2, p.e_shifts & 31u);
    uint i2 = i - q * p.e2;
    uint i0 = quotient(q, p.m_e1, (p.e_shifts >> 8) & 31u);
    uint i1 = q - i0 * p.e1;
    return get0(from + i0 * p.t0 + i1 * p.t1 + i2 * p.t2);
}

uint order(uint u)
{
    return OP == 2u ? num_key(u) : OP == 3u ? u ^ SIGN : u;
}

uint reduce_sum(uint from)
{
    float lane[32];
    for (int l = 0; l < 32; l++)
        lane[l] = 0.0;
    for (uint i = 0u; i < p.count; i += 32u) {
#define STEP(l) \
    { \
        uint j = i + uint(l); \
        uint v = element(from, min(j, p.count - 1u)); \
        lane[l] = lane[l] + num_f(j < p.count ? v : 0u); \
    }
        FOR_LANES(STEP)
#undef STEP
    }
    return fix_result(lanes_tree(lane));
}

uint product(uint a, uint b)
{
    return fix_result(num_f(a) * num_f(b));
}

uint reduce_product(uint from)
{
    uint lane[32];
    for (int l = 0; l < 32; l++)
        lane[l] = 0x3f800000u;
    for (uint i = 0u; i < p.count; i += 32u) {
#define STEP(l) \
    { \
        uint j = i + uint(l); \
        uint v = element(from, min(j, p.count - 1u)); \
        lane[l] = product(lane[l], j < p.count ? v : 0x3f800000u); \
    }
        FOR_LANES(STEP)
#undef STEP
    }
    for (int l = 0; l < 16; l++)
        lane[l] = product(lane[l], lane[l + 16]);
    for (int l = 0; l < 8; l++)
        lane[l] = product(lane[l], lane[l + 8]);
    for (int l = 0; l < 4; l++)
        lane[l] = product(lane[l], lane[l + 4]);
    lane[0] = product(lane[0], lane[2]);
    lane[1] = product(lane[1], lane[3]);
    return product(lane[0], lane[1]);
}

// Where order does not matter: eight at a time, the last element repeated for a maximum and neutral
// otherwise.
uint reduce_any_order(uint from)
{
    uint r = OP == 6u ? 1u : OP == 1u ? 0u : element(from, 0u);
    for (uint i = 0u; i < p.count; i += 8u) {
        for (uint q = 0u; q < 8u; q++) {
            uint j = i + q;
            uint v = element(from, min(j, p.count - 1u));
            if (OP == 1u)
                r += j < p.count ? v : 0u;
            else if (OP == 6u)
                r *= j < p.count ? v : 1u;
            else
                r = order(v) > order(r) ? v : r;
        }
    }
    return r;
}

void main()
{
    uint e = lane_index();
    uint row = quotient(e, p.m_n, p.shifts & 31u), i = e - row * p.n;
    uint q = quotient(i, p.m_d2, (p.shifts >> 8) & 31u), i2 = i - q * p.d2;
    uint i0 = quotient(q, p.m_d1, (p.shifts >> 16) & 31u), i1 = q - i0 * p.d1;
    if (row >= step_data.rows[p.domain])
        return;
    uint from = p.x_offset + row * p.x_row + i0 * p.s0 + i1 * p.s1 + i2 * p.s2;
    uint result = OP == 0u   ? reduce_sum(from)
                  : OP == 5u ? reduce_product(from)
                             : reduce_any_order(from);
    out0[p.y_offset + e] = result;
    count_saturations();
}
