#version 450
// SPDX-License-Identifier: MIT
// Writes each row as halves at its session's position. One lane per word of the state.
#extension GL_GOOGLE_include_directive : require
#include "num.glsl"
#include "common.glsl"
#include "state.glsl"

layout(push_constant) uniform Push {
    uint domain, n; // elements per row
    uint words; // of a position
    uint m_words, shift;
    uint place_at;
} p;

void main()
{
    uint e = lane_index();
    uint row = quotient(e, p.m_words, p.shift), w = e - row * p.words;
    if (row >= step_data.rows[p.domain])
        return;
    uint i = 2u * w, at = row * p.n + i;
    uint lo = half_from(num_f(get0(at)));
    uint hi = i + 1u < p.n ? half_from(num_f(get0(at + 1u))) : 0u;
    uvec2 place = row_place(p.place_at, row);
    out0[(place.x + place.y) * p.words + w] = lo | hi << 16;
}
