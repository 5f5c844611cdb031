#version 450
// SPDX-License-Identifier: MIT
// Rows of a block-quantised table picked by index; an index out of range picks zeros. One lane per
// run of 32 elements; scale and minimum times their integers are exact, so each element is rounded
// once.
#extension GL_GOOGLE_include_directive : require
#include "num.glsl"
#include "common.glsl"
#include "blocks.glsl"

layout(push_constant) uniform Push {
    uint domain, n; // runs per row of the dispatch
    uint runs, table_rows; // runs per row of the table
    uint m_n, m_runs, shifts;
    uint high_at, scale_at;
    uint type;
    uint whole; // rows of the table that take turns
} p;

void put(uint at, uvec4 word, uint byte, int centre, float scale, float low)
{
    vec4 q = vec4(ivec4((word >> byte) & 255u) - centre);
    vec4 x = vec4(scale) * q;
    if (block_has_offset(p.type))
        x = x + low;
    out0[at] = fix_result(x.x);
    out0[at + 4u] = fix_result(x.y);
    out0[at + 8u] = fix_result(x.z);
    out0[at + 12u] = fix_result(x.w);
}

void main()
{
    uint e = lane_index();
    if (quotient(e, p.m_n, p.shifts & 31u) >= step_data.rows[p.domain])
        return;
    uint pick = quotient(e, p.m_runs, (p.shifts >> 8) & 31u), run = e - pick * p.runs;
    uint index = get0(pick);
    bool known = index < p.table_rows;
    uvec3 row = block_row(p.type, known ? index : 0u, p.runs, p.whole);
    Run r = run_load(p.type, row, run, p.high_at, p.scale_at, false);
    float low = r.e * float(r.low);
    float lo = r.d * float(r.scale_lo), hi = r.d * float(r.scale_hi);
    lo = known ? lo : 0.0;
    hi = known ? hi : 0.0;
    low = known ? low : 0.0;
    for (uint b = 0u; b < 4u; b++) {
        put(e * 32u + b, r.lo, b * 8u, block_centre(p.type), lo, low);
        put(e * 32u + 16u + b, r.hi, b * 8u, block_centre(p.type), hi, low);
    }
    count_saturations();
}
