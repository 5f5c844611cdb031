#version 450
// SPDX-License-Identifier: MIT
// Activations as int8 quants in runs of 32 (N4). One lane per run: eight words of quants, and for
// the run its scale and, in one word, the sums of its first and its last 16 quants.
#extension GL_GOOGLE_include_directive : require
#include "num.glsl"
#include "common.glsl"

layout(push_constant) uniform Push {
    uint domain, n; // runs per row
    uint m_n, shift;
    uint note_at; // word of the first scale in out0
} p;

const uint NONE = 0x80808080u; // four quants of 0

uint largest(uvec4 a)
{
    return max(max(a.x, a.y), max(a.z, a.w));
}

// Four quants as the bytes of a word, in the order 2, 3, 0, 1 and raised by 128, as qmatmul.glsl
// takes them; *sum gains them.
uint pack(uvec4 x, float id, inout int sum)
{
    vec4 t = uintBitsToFloat(x) * vec4(id);
    t = t + num_f(MAGIC);
    ivec4 q = clamp(ivec4(floatBitsToUint(t) - MAGIC), ivec4(-127), ivec4(127));
    sum += q.x + q.y + q.z + q.w;
    uvec4 b = uvec4(q + 128);
    return b.z | b.w << 8 | b.x << 16 | b.y << 24;
}

void main()
{
    uint run = lane_index();
    if (quotient(run, p.m_n, p.shift) >= step_data.rows[p.domain])
        return;
    uvec4 x[8];
    uint am = 0u;
    for (int i = 0; i < 8; i++) {
        x[i] = texelFetch(in_vec, int(run * 8u) + i);
        am = max(am, largest(x[i] & ~SIGN));
    }
    bool none = am < 0x27800000u;
    float d = num_f(am) * num_f(0x3c010204u);
    float id = num_recip(d);
    int first = 0, last = 0;
    for (int i = 0; i < 4; i++) {
        uint a = pack(x[i], id, first), b = pack(x[i + 4], id, last);
        out0[run * 8u + uint(i)] = none ? NONE : a;
        out0[run * 8u + uint(i) + 4u] = none ? NONE : b;
    }
    uint sums = (uint(first) & 0xffffu) | uint(last) << 16;
    out0[p.note_at + run * 2u] = none ? 0u : num_u(d);
    out0[p.note_at + run * 2u + 1u] = none ? 0u : sums;
}
