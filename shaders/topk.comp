#version 450
// SPDX-License-Identifier: MIT
// The k largest of the last axis: one lane per element counts how many stand before it by (value
// descending, index ascending), which is its place. OP: 0 f32, 1 i32, 2 u32.
#extension GL_GOOGLE_include_directive : require
#include "num.glsl"
#include "common.glsl"

layout(push_constant) uniform Push {
    uint domain, lines; // per row
    uint n, k;
    uint m_n, m_lines, shifts;
    uint x_offset, y_offset, index_offset;
} p;

uint order(uint u)
{
    return OP == 0u ? num_key(u) : OP == 1u ? u ^ SIGN : u;
}

void main()
{
    uint e = lane_index();
    uint line = quotient(e, p.m_n, p.shifts & 31u), i = e - line * p.n;
    uint row = quotient(line, p.m_lines, (p.shifts >> 8) & 31u);
    if (row >= step_data.rows[p.domain])
        return;
    uint from = p.x_offset + line * p.n;
    uint mine = get0(from + i), key = order(mine), place = 0u;
    for (uint j0 = 0u; j0 < p.n; j0 += 8u) {
        for (uint q = 0u; q < 8u; q++) {
            uint j = j0 + q;
            uint other = order(get0(from + min(j, p.n - 1u)));
            bool before = j < p.n && (other > key || (other == key && j < i));
            place += before ? 1u : 0u;
        }
    }
    if (place < p.k) {
        out0[p.y_offset + line * p.k + place] = mine;
        out1[p.index_offset + line * p.k + place] = i;
    }
}
