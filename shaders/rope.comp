#version 450
// SPDX-License-Identifier: MIT
// Rotary positions: pairs of elements turned by the cosines and sines the host put beside the
// step's rows; elements beyond `dims` stay as they are. One lane per element.
#extension GL_GOOGLE_include_directive : require
#include "num.glsl"
#include "common.glsl"

layout(push_constant) uniform Push {
    uint domain, n; // elements per row
    uint last, dims; // of the last axis, and how many of them turn
    uint halves; // pairs are i and i + dims / 2, else neighbours
    uint m_n, m_last, shifts;
    uint turn_at; // in the step's words: per row, cosine and sine of each pair
} p;

void main()
{
    uint e = lane_index();
    uint row = quotient(e, p.m_n, p.shifts & 31u);
    uint j = e - quotient(e, p.m_last, (p.shifts >> 8) & 31u) * p.last;
    if (row >= step_data.rows[p.domain])
        return;
    uint pairs = p.dims >> 1;
    bool second = p.halves != 0u ? j >= pairs : (j & 1u) != 0u;
    uint i = p.halves != 0u ? (second ? j - pairs : j) : j >> 1;
    uint apart = p.halves != 0u ? pairs : 1u;
    bool turns = j < p.dims;
    i = turns ? i : 0u;
    uint first = turns ? (second ? e - apart : e) : e, other = turns ? first + apart : e;
    float x0 = num_f(get0(first)), x1 = num_f(get0(other));
    uint at = p.turn_at + row * p.dims + 2u * i;
    float c = num_f(step_data.emit_row[at]), s = num_f(step_data.emit_row[at + 1u]);
    float xc = x0 * c, ys = x1 * s, xs = x0 * s, yc = x1 * c;
    float y = second ? xs + yc : xc - ys;
    if (turns)
        out0[e] = fix_result(y);
    else
        out0[e] = num_u(x0);
    count_saturations();
}
