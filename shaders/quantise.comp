#version 450
// SPDX-License-Identifier: MIT
// Activations as int8 quants in runs of 32 (N4). One lane per run: eight words of quants, and for
// the run its scale and, in one word, the sums of its first and its last 16 quants. Values that
// only products read are made here: OP 1 takes rmsnorm of x, TILE saying whether it has a weight;
// OP 2 and 3 take silu or gelu of x times the other argument.
#extension GL_GOOGLE_include_directive : require
#include "num.glsl"
#include "common.glsl"
#include "lanes.glsl"
#include "ops.glsl"

layout(set = 0, binding = 7) uniform utextureBuffer in_vec_x; // of OP 2 and 3

layout(push_constant) uniform Push {
    uint domain, n; // runs per row
    uint m_n, shift;
    uint note_at; // word of the first scale in out0
    uint runs, m_runs, shift_runs; // of a line of OP 1
    uint eps, offset; // bits
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

float square(uint u)
{
    float x = num_f(u);
    return num_f(num_fz(num_u(x * x)));
}

// Of the line that begins at group `from` of four elements. Each of its runs finds it anew.
float inverse_deviation(uint from)
{
    float lane[32];
    for (int l = 0; l < 32; l++)
        lane[l] = 0.0;
    for (uint i = 0u; i < p.runs; i++) {
#define STEP(q)                                                                                    \
    {                                                                                              \
        uvec4 v = texelFetch(in_vec, int(from + 8u * i + uint(q)));                                \
        lane[4 * (q)] = lane[4 * (q)] + square(v.x);                                               \
        lane[4 * (q) + 1] = lane[4 * (q) + 1] + square(v.y);                                       \
        lane[4 * (q) + 2] = lane[4 * (q) + 2] + square(v.z);                                       \
        lane[4 * (q) + 3] = lane[4 * (q) + 3] + square(v.w);                                       \
    }
        FOR_8(STEP, 0)
#undef STEP
    }
    float v = lanes_tree(lane) * num_recip(num_from_u32(32u * p.runs));
    return num_rsqrt(v + num_f(p.eps));
}

// x times r and the weight, the element being number k of its line.
uint normed(uint x, float r, uint k)
{
    float v = num_f(x) * r;
    if (TILE > 0u)
        v = v * (num_f(get1(k)) + num_f(p.offset));
    return fix_result(v);
}

uint gated(uint x, uint y)
{
    return ew_mul_f(OP == 2u ? ew_silu(x) : ew_gelu(x), y);
}

uvec4 load(uint at, float r, uint k)
{
    uvec4 x = texelFetch(in_vec, int(at));
    if (OP == 1u)
        return uvec4(normed(x.x, r, k), normed(x.y, r, k + 1u), normed(x.z, r, k + 2u),
                     normed(x.w, r, k + 3u));
    if (OP > 1u) {
        uvec4 y = texelFetch(in_vec_x, int(at));
        return uvec4(gated(x.x, y.x), gated(x.y, y.y), gated(x.z, y.z), gated(x.w, y.w));
    }
    return x;
}

void main()
{
    uint run = lane_index();
    if (quotient(run, p.m_n, p.shift) >= step_data.rows[p.domain])
        return;
    uvec4 x[8];
    uint am = 0u, k = 0u;
    float r = 0.0;
    if (OP == 1u) {
        uint line = quotient(run, p.m_runs, p.shift_runs);
        k = (run - line * p.runs) * 32u;
        r = inverse_deviation(line * p.runs * 8u);
    }
    for (int i = 0; i < 8; i++) {
        x[i] = load(run * 8u + uint(i), r, k + 4u * uint(i));
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
    count_saturations();
}
