#version 450
// SPDX-License-Identifier: MIT
// Along one axis, one lane per line: OP 0 running sum f32, 1 running sum of integers; 2, 3, 4
// lowest index of the maximum of f32, i32, u32.
#extension GL_GOOGLE_include_directive : require
#include "num.glsl"
#include "common.glsl"

layout(push_constant) uniform Push {
    uint domain, lines; // per row
    uint inner, m_inner, m_lines, shifts;
    uint count;
    uint x_offset, y_offset;
} p;

uint order(uint u)
{
    return OP == 2u ? num_key(u) : OP == 3u ? u ^ SIGN : u;
}

void main()
{
    uint e = lane_index();
    uint row = quotient(e, p.m_lines, p.shifts & 31u), line = e - row * p.lines;
    if (row >= step_data.rows[p.domain])
        return;
    uint outer = quotient(line, p.m_inner, (p.shifts >> 8) & 31u);
    uint start = outer * p.count * p.inner + (line - outer * p.inner);
    uint from = p.x_offset + row * p.lines * p.count + start;
    uint to = p.y_offset + row * p.lines * p.count + start;
    uint sum = 0u, best = 0u, best_order = 0u;
    for (uint i = 0u; i < p.count; i += 8u) {
        for (uint q = 0u; q < 8u; q++) {
            uint j = i + q;
            uint v = get0(from + min(j, p.count - 1u) * p.inner);
            if (OP >= 2u) {
                uint o = order(v);
                bool better = j == 0u || o > best_order;
                best = better ? j : best;
                best_order = better ? o : best_order;
            } else if (j < p.count) {
                sum = OP == 0u ? fix_result(num_f(sum) + num_f(v)) : sum + v;
                out0[to + j * p.inner] = sum;
            }
        }
    }
    if (OP >= 2u)
        out0[p.y_offset + e] = best;
    count_saturations();
}
