#version 450
// SPDX-License-Identifier: MIT
// Entries of an axis picked by index; an index out of range picks zeros.
#extension GL_GOOGLE_include_directive : require
#include "num.glsl"
#include "common.glsl"

layout(push_constant) uniform Push {
    uint domain, n; // results per row: outer x count x inner
    uint count, inner, axis;
    uint m_n, m_inner, m_count, shifts;
    uint x_offset, x_row;
    uint i_offset, i_row;
    uint y_offset;
} p;

void main()
{
    uint e = lane_index();
    uint row = quotient(e, p.m_n, p.shifts & 31u), i = e - row * p.n;
    uint q = quotient(i, p.m_inner, (p.shifts >> 8) & 31u), inner = i - q * p.inner;
    uint outer = quotient(q, p.m_count, (p.shifts >> 16) & 31u), at = q - outer * p.count;
    if (row >= step_data.rows[p.domain])
        return;
    uint index = get1(p.i_offset + row * p.i_row + at);
    uint entry = outer * p.axis + min(index, p.axis - 1u);
    uint v = get0(p.x_offset + row * p.x_row + entry * p.inner + inner);
    out0[p.y_offset + e] = index < p.axis ? v : 0u;
}
