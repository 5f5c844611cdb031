#version 450
// SPDX-License-Identifier: MIT
// Norms and softmax over the last axis, one lane per line. OP: 0 layernorm, 1 rmsnorm, 2 softmax.
// TILE: how many of weight and bias are given.
#extension GL_GOOGLE_include_directive : require
#include "num.glsl"
#include "common.glsl"
#include "lanes.glsl"

layout(push_constant) uniform Push {
    uint domain, lines; // per row
    uint n, m_lines, shift;
    uint x_offset, w_offset, b_offset, y_offset;
    uint eps, offset; // bits
} p;

float at(uint from, uint i)
{
    return num_f(get0(from + min(i, p.n - 1u)));
}

float mean_of(uint from)
{
    float lane[32];
    for (int l = 0; l < 32; l++)
        lane[l] = 0.0;
    for (uint i = 0u; i < p.n; i += 32u) {
#define STEP(l) lane[l] = lane[l] + num_f(i + uint(l) < p.n ? num_u(at(from, i + uint(l))) : 0u);
        FOR_LANES(STEP)
#undef STEP
    }
    return lanes_tree(lane) * num_recip(num_from_u32(p.n));
}

float inverse_deviation(uint from, float mean)
{
    float lane[32];
    for (int l = 0; l < 32; l++)
        lane[l] = 0.0;
    for (uint i = 0u; i < p.n; i += 32u) {
#define STEP(l) \
    { \
        float d = num_f(num_fz(num_u(at(from, i + uint(l)) - mean))); \
        uint sq = num_fz(num_u(d * d)); \
        lane[l] = lane[l] + num_f(i + uint(l) < p.n ? sq : 0u); \
    }
        FOR_LANES(STEP)
#undef STEP
    }
    float v = lanes_tree(lane) * num_recip(num_from_u32(p.n));
    return num_rsqrt(v + num_f(p.eps));
}

float largest(uint from)
{
    uint m = num_u(at(from, 0u));
    for (uint i = 0u; i < p.n; i += 8u) {
        for (uint q = 0u; q < 8u; q++) {
            uint v = num_u(at(from, i + q));
            m = num_key(v) > num_key(m) ? v : m;
        }
    }
    return num_f(m);
}

float soft_exp(uint from, uint i, float m)
{
    return num_exp(num_f(num_fix(num_u(at(from, i) - m))));
}

float inverse_sum(uint from, float m)
{
    float lane[32];
    for (int l = 0; l < 32; l++)
        lane[l] = 0.0;
    for (uint i = 0u; i < p.n; i += 32u) {
#define STEP(l) \
    { \
        float e = soft_exp(from, i + uint(l), m); \
        lane[l] = lane[l] + num_f(i + uint(l) < p.n ? num_u(e) : 0u); \
    }
        FOR_LANES(STEP)
#undef STEP
    }
    return num_recip(lanes_tree(lane));
}

void main()
{
    uint e = lane_index();
    uint row = quotient(e, p.m_lines, p.shift);
    if (row >= step_data.rows[p.domain])
        return;
    uint from = p.x_offset + e * p.n;
    uint to = p.y_offset + e * p.n;
    float mean = 0.0, r;
    if (OP == 0u)
        mean = mean_of(from);
    if (OP == 2u) {
        mean = largest(from);
        r = inverse_sum(from, mean);
    } else {
        r = inverse_deviation(from, mean);
    }
    for (uint i = 0u; i < p.n; i += 4u) {
        for (uint q = 0u; q < 4u; q++) {
            uint j = i + q, k = min(j, p.n - 1u);
            float v;
            if (OP == 2u) {
                v = soft_exp(from, k, mean) * r;
            } else if (OP == 1u) {
                v = at(from, k) * r;
                if (TILE > 0u)
                    v = v * (num_f(get1(p.w_offset + k)) + num_f(p.offset));
            } else {
                float d = num_f(num_fz(num_u(at(from, k) - mean)));
                v = d * r;
                if (TILE > 0u)
                    v = v * num_f(get1(p.w_offset + k));
                if (TILE > 1u)
                    v = v + num_f(get2(p.b_offset + k));
            }
            if (j < p.n)
                out0[to + j] = fix_result(v);
        }
    }
    count_saturations();
}
