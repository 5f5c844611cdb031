#version 450
// SPDX-License-Identifier: MIT
// Attention over states (N8). One lane per row and head walks the segments of 256 positions; a
// segment's scores stay in the lane, its weighted sum is merged into out0 element by element.
// Elements are taken in groups of 16, positions inside a group, so that every position's product is
// summed in order of its elements and every element's sum in order of the positions. Where a lane
// may not go round often enough for all segments, several dispatches follow one another and out1
// keeps maximum and sum between them. TILE 1: halves can be fetched in pairs.
#extension GL_GOOGLE_include_directive : require
#include "num.glsl"
#include "common.glsl"
#include "lanes.glsl"
#include "state.glsl"

layout(push_constant) uniform Push {
    uint domain, heads;
    uint group; // heads that share a kv head
    uint dim;
    uint scale, cap, cap_recip, window;
    uint m_heads, shift;
    uint k_words, v_words; // of a position
    uint place_at;
    uint first_segment, segments; // of this dispatch
} p;

float score[256];

// Halves base + i and base + i + 1; beyond the end any.
uint pair(bool values, uint base, uint i)
{
    uint at = base + min(i, p.dim - 1u);
    if (TILE == 1u)
        return values ? get2(at >> 1) : get1(at >> 1);
    uint next = base + min(i + 1u, p.dim - 1u);
    uint a = values ? get2(at >> 1) : get1(at >> 1);
    uint b = values ? get2(next >> 1) : get1(next >> 1);
    return ((a >> ((at & 1u) << 4)) & 0xffffu) | (b >> ((next & 1u) << 4)) << 16;
}

// Elements i and i + 1 of the query as halves, zeros beyond the end.
vec2 query(uint base, uint i)
{
    float a = half_to(half_from(num_f(get0(base + min(i, p.dim - 1u)))));
    float b = half_to(half_from(num_f(get0(base + min(i + 1u, p.dim - 1u)))));
    return vec2(i < p.dim ? a : 0.0, i + 1u < p.dim ? b : 0.0);
}

#define PAIRS(STEP) STEP(0) STEP(1) STEP(2) STEP(3) STEP(4) STEP(5) STEP(6) STEP(7)

// Products of positions [from, to) with the query, into score.
void products(uint q_base, uint k_base, uint from, uint to)
{
    for (uint i = 0u; i < p.dim; i += 16u) {
#define LOAD(n) vec2 q##n = query(q_base, i + 2u * uint(n));
        PAIRS(LOAD)
        for (uint at = from; at < to; at++) {
            uint base = k_base + at * (p.k_words << 1);
            float dot = i == 0u ? 0.0 : score[at & 255u];
#define ADD(n)                                                                                     \
    {                                                                                              \
        uint k = pair(false, base, i + 2u * uint(n));                                              \
        dot = dot + q##n.x * half_to(k & 0xffffu);                                                 \
        dot = dot + q##n.y * half_to(k >> 16);                                                     \
    }
            PAIRS(ADD)
            score[at & 255u] = dot;
        }
    }
}

// From products to scores; returns the order key of the largest.
uint finish_scores(uint from, uint to)
{
    uint best = 0u;
    for (uint at = from; at < to; at++) {
        float s = score[at & 255u] * num_f(p.scale);
        float c = num_tanh(num_f(num_fix(num_u(s * num_f(p.cap_recip)))));
        c = num_f(p.cap) * c;
        s = num_f(num_fix(num_u(p.cap != 0u ? c : s)));
        score[at & 255u] = s;
        best = max(best, num_key(num_u(s)));
    }
    return best;
}

// Scores become weights; returns their sum.
float weigh(uint from, uint to, float largest)
{
    float lane[32];
    for (int l = 0; l < 32; l++)
        lane[l] = 0.0;
    for (uint at = from; at < to; at++) {
        float e = round13(num_exp(score[at & 255u] - largest));
        lane[at & 31u] = lane[at & 31u] + e;
        score[at & 255u] = e;
    }
    return lanes_tree(lane);
}

// Weighted sums of the segment's values, joined to what out0 holds: alone when first, and times
// `last` at the end when final.
void gather_values(uint y_base, uint v_base, uint from, uint to, float old_part, float new_part,
                   bool first, bool final, float last)
{
    for (uint i = 0u; i < p.dim; i += 16u) {
#define ZERO(n) vec2 o##n = vec2(0.0);
        PAIRS(ZERO)
        for (uint at = from; at < to; at++) {
            uint base = v_base + at * (p.v_words << 1);
            float e = score[at & 255u];
#define WEIGH(n)                                                                                   \
    {                                                                                              \
        uint v = pair(true, base, i + 2u * uint(n));                                               \
        o##n.x = o##n.x + e * half_to(v & 0xffffu);                                                \
        o##n.y = o##n.y + e * half_to(v >> 16);                                                    \
    }
            PAIRS(WEIGH)
        }
#define JOIN_ONE(k, part)                                                                          \
    if (k < p.dim) {                                                                               \
        float was = first ? 0.0 : num_f(out0[y_base + k]);                                         \
        float a = was * old_part, b = (part) * new_part;                                           \
        float y = first ? (part) : a + b;                                                          \
        if (final)                                                                                 \
            out0[y_base + k] = fix_result(y * last);                                               \
        else                                                                                       \
            out0[y_base + k] = num_u(y);                                                           \
    }
#define JOIN(n) JOIN_ONE(i + 2u * uint(n), o##n.x) JOIN_ONE(i + 2u * uint(n) + 1u, o##n.y)
        PAIRS(JOIN)
    }
}

void main()
{
    uint e = lane_index();
    uint row = quotient(e, p.m_heads, p.shift), head = e - row * p.heads;
    if (row >= step_data.rows[p.domain])
        return;
    uvec2 place = row_place(p.place_at, row);
    uint end = place.y + 1u, begin = p.window != 0u && end > p.window ? end - p.window : 0u;
    uint kv = head / p.group * p.dim, y_base = e * p.dim;
    uint k_base = place.x * (p.k_words << 1) + kv, v_base = place.x * (p.v_words << 1) + kv;
    float m = 0.0, l = 0.0;
    uint stop = min(p.first_segment + p.segments, (end + 255u) >> 8);
    if (p.first_segment > begin >> 8 && p.first_segment < stop) {
        m = num_f(out1[2u * e]);
        l = num_f(out1[2u * e + 1u]);
    }
    for (uint s = max(p.first_segment, begin >> 8); s < stop; s++) {
        uint from = max(begin, s << 8), to = min(end, (s + 1u) << 8);
        bool first = s == begin >> 8, final = to == end;
        products(y_base, k_base, from, to);
        uint best = finish_scores(from, to);
        float largest = num_f((best & SIGN) != 0u ? best ^ SIGN : ~best);
        float sum = weigh(from, to, largest);
        float both = num_key(num_u(largest)) > num_key(num_u(m)) ? largest : m;
        float old_part = num_exp(m - both), new_part = num_exp(largest - both);
        float a = l * old_part, b = sum * new_part;
        l = first ? sum : a + b;
        m = first ? largest : both;
        gather_values(y_base, v_base, from, to, old_part, new_part, first, final, num_recip(l));
    }
    if (stop << 8 < end && stop == p.first_segment + p.segments) {
        out1[2u * e] = num_u(m);
        out1[2u * e + 1u] = num_u(l);
    }
    count_saturations();
}
