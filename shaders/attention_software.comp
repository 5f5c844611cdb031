#version 450
// SPDX-License-Identifier: MIT
// Attention over states (N8) for a software device with subgroups of eight lanes, which are its
// workgroups: one per row and TILE + 1 heads that share a kv head. Products take eight positions at
// a time, a lane each; weighted sums take 64 elements at a time, eight of them a lane, and learn
// the positions' weights from the lanes that found them. Everything is summed in the order of
// attention.comp, and segments that several dispatches share are handed over as there. OP 1: scores
// are capped. Needs whole groups of eight elements, 16 bytes.
#extension GL_GOOGLE_include_directive : require
#extension GL_KHR_shader_subgroup_ballot : require
#include "num.glsl"
#include "common.glsl"
#include "state.glsl"

layout(set = 0, binding = 7) uniform utextureBuffer in_vec_x; // values

layout(push_constant) uniform Push {
    uint domain, heads;
    uint group; // heads that share a kv head
    uint dim;
    uint scale, cap, cap_recip, window;
    uint m_units, shift; // units: heads / HEADS
    uint k_words, v_words; // of a position
    uint place_at;
    uint first_segment, segments; // of this dispatch
} p;

const uint HEADS = TILE + 1u, MOST = 4u;
const uint LANES = 8u, CHUNK = 64u, BLOCKS = 32u; // elements at a time; blocks of eight positions

// 2^110 and 2^2: halves are taken as 2^-112 of what they are, and what they are multiplied with
// makes up for it but for the last 2^2, so that every sum is rounded as it would be; none of these
// numbers is too small or too large for it.
const uint RAISE = 0x76800000u, REST = 0x40800000u;

float score[MOST * BLOCKS]; // of this lane's position of each block

// Written out, because arrays stay in registers only where every index is a number.
#define EIGHT(STEP) STEP(0) STEP(1) STEP(2) STEP(3) STEP(4) STEP(5) STEP(6) STEP(7)
#define EIGHT_OF(STEP, i)                                                                          \
    STEP(i, 0) STEP(i, 1) STEP(i, 2) STEP(i, 3) STEP(i, 4) STEP(i, 5) STEP(i, 6) STEP(i, 7)
#define ALL_HEADS(STEP, i)                                                                         \
    {                                                                                              \
        STEP(0, i)                                                                                 \
    }                                                                                              \
    if (HEADS > 1u) {                                                                              \
        STEP(1, i)                                                                                 \
    }                                                                                              \
    if (HEADS > 2u) {                                                                              \
        STEP(2, i)                                                                                 \
    }                                                                                              \
    if (HEADS > 3u) {                                                                              \
        STEP(3, i)                                                                                 \
    }

// Of eight halves, number 2 * i or, with half 1, the next, times 2^-112.
float half_of(uvec4 u, uint i, uint half_number)
{
    uint bits = half_number == 0u ? u[i] << 16 : u[i];
    return num_f(uint(int(bits) >> 3) & 0x8fffe000u);
}
#define HALVES(x, u)                                                                               \
    float x[8];                                                                                    \
    x[0] = half_of(u, 0u, 0u);                                                                     \
    x[1] = half_of(u, 0u, 1u);                                                                     \
    x[2] = half_of(u, 1u, 0u);                                                                     \
    x[3] = half_of(u, 1u, 1u);                                                                     \
    x[4] = half_of(u, 2u, 0u);                                                                     \
    x[5] = half_of(u, 2u, 1u);                                                                     \
    x[6] = half_of(u, 3u, 0u);                                                                     \
    x[7] = half_of(u, 3u, 1u);

struct Span {
    uint from, to; // positions of a segment
    uint first_block, last_block; // one behind
    uint lane;
};

// A position of a block, the nearest that is in the span.
uint position(Span s, uint block, uint lane)
{
    return clamp((s.from & ~255u) + block * LANES + lane, s.from, s.to - 1u);
}

bool in_span(Span s, uint block, uint lane)
{
    uint at = (s.from & ~255u) + block * LANES + lane;
    return at >= s.from && at < s.to;
}

// Element `at` of a query that begins at `from`, raised, zero beyond the end.
float query(uint from, uint at)
{
    float x = half_to(half_from(num_f(get0(from + min(at, p.dim - 1u)))));
    return at < p.dim ? x * num_f(RAISE) : 0.0;
}

void products(Span s, uint q_base, uint k_base)
{
    for (uint chunk = 0u; chunk < p.dim; chunk += CHUNK) {
        float q[MOST * CHUNK];
#define ASK(h, i)                                                                                  \
    float x = query(q_base + uint(h) * p.dim, chunk + 8u * uint(i) + s.lane);                      \
    q[(h) * 64 + (i) * 8] = subgroupBroadcast(x, 0u);                                              \
    q[(h) * 64 + (i) * 8 + 1] = subgroupBroadcast(x, 1u);                                          \
    q[(h) * 64 + (i) * 8 + 2] = subgroupBroadcast(x, 2u);                                          \
    q[(h) * 64 + (i) * 8 + 3] = subgroupBroadcast(x, 3u);                                          \
    q[(h) * 64 + (i) * 8 + 4] = subgroupBroadcast(x, 4u);                                          \
    q[(h) * 64 + (i) * 8 + 5] = subgroupBroadcast(x, 5u);                                          \
    q[(h) * 64 + (i) * 8 + 6] = subgroupBroadcast(x, 6u);                                          \
    q[(h) * 64 + (i) * 8 + 7] = subgroupBroadcast(x, 7u);
#define ASK_ALL(i) ALL_HEADS(ASK, i)
        EIGHT(ASK_ALL)
        for (uint b = s.first_block; b < s.last_block; b++) {
            uint at = (k_base + position(s, b, s.lane) * p.k_words) >> 2;
            float dot[MOST];
#define BEGIN(h, i) dot[h] = chunk == 0u ? 0.0 : score[uint(h) * BLOCKS + b];
            ALL_HEADS(BEGIN, 0)
#define ADD_ONE(h, i, j) dot[h] = dot[h] + q[(h) * 64 + (i) * 8 + (j)] * k[j];
#define ADD_EIGHT(h, i)                                                                            \
    ADD_ONE(h, i, 0) ADD_ONE(h, i, 1) ADD_ONE(h, i, 2) ADD_ONE(h, i, 3)                            \
    ADD_ONE(h, i, 4) ADD_ONE(h, i, 5) ADD_ONE(h, i, 6) ADD_ONE(h, i, 7)
#define ADD(i)                                                                                     \
    {                                                                                              \
        uvec4 u = texelFetch(in_vec, int(at + min((chunk >> 3) + uint(i), (p.dim >> 3) - 1u)));    \
        HALVES(k, u)                                                                               \
        ALL_HEADS(ADD_EIGHT, i)                                                                    \
    }
            EIGHT(ADD)
#define END(h, i) score[uint(h) * BLOCKS + b] = dot[h];
            ALL_HEADS(END, 0)
        }
    }
}

// From products to scores; the largest of head number h.
float finish_scores(Span s, uint h)
{
    uint best = 0u, all = 0u;
    for (uint b = s.first_block; b < s.last_block; b++) {
        float x = score[h * BLOCKS + b] * num_f(REST);
        x = x * num_f(p.scale);
        if (OP == 1u) {
            float c = num_tanh(num_f(num_fix(num_u(x * num_f(p.cap_recip)))));
            x = num_f(p.cap) * c;
        }
        x = num_f(num_fix(num_u(x)));
        score[h * BLOCKS + b] = x;
        best = max(best, in_span(s, b, s.lane) ? num_key(num_u(x)) : 0u);
    }
#define BEST(j) all = max(all, subgroupBroadcast(best, uint(j)));
    EIGHT(BEST)
    return num_f((all & SIGN) != 0u ? all ^ SIGN : ~all);
}

// Scores of head number h become raised weights; returns their sum. Position mod 32 is a virtual
// lane (N6), so a lane here has four of them, and positions that are not there add nothing.
float weigh(Span s, uint h, float largest)
{
    vec4 part = vec4(0.0);
    for (uint b = s.first_block; b < s.last_block; b++) {
        float e = round13(num_exp(score[h * BLOCKS + b] - largest));
        e = in_span(s, b, s.lane) ? e : 0.0;
        part.x = part.x + ((b & 3u) == 0u ? e : 0.0);
        part.y = part.y + ((b & 3u) == 1u ? e : 0.0);
        part.z = part.z + ((b & 3u) == 2u ? e : 0.0);
        part.w = part.w + ((b & 3u) == 3u ? e : 0.0);
        score[h * BLOCKS + b] = e * num_f(RAISE);
    }
    float low = part.x + part.z, high = part.y + part.w, one = low + high, lane[8];
#define TAKE_SUM(j) lane[j] = subgroupBroadcast(one, uint(j));
    EIGHT(TAKE_SUM)
    for (int j = 0; j < 4; j++)
        lane[j] = lane[j] + lane[j + 4];
    lane[0] = lane[0] + lane[2];
    lane[1] = lane[1] + lane[3];
    return lane[0] + lane[1];
}

// How a segment's sums of a head join those before it.
struct Join {
    float old_part, new_part, last;
};

// Weighted sums of the segment's values, joined to what out0 holds: alone when first, and times
// `last` at the end when final.
void gather_values(Span s, uint y_base, uint v_base, Join join[MOST], bool first, bool final)
{
    for (uint chunk = 0u; chunk < p.dim; chunk += CHUNK) {
        uint part = min((chunk >> 3) + s.lane, (p.dim >> 3) - 1u);
        uint to = y_base + chunk + 8u * s.lane;
        bool mine = chunk + 8u * s.lane < p.dim;
        float o[MOST * 8];
#define ZERO(h, i) o[(h) * 8 + (i)] = 0.0;
#define ZERO_ALL(i) ALL_HEADS(ZERO, i)
        EIGHT(ZERO_ALL)
        for (uint b = s.first_block; b < s.last_block; b++) {
            float e[MOST];
#define TAKE(h, i) e[h] = score[uint(h) * BLOCKS + b];
            ALL_HEADS(TAKE, 0)
#define WEIGH_ONE(h, i) o[(h) * 8 + (i)] = o[(h) * 8 + (i)] + by * v[i];
#define WEIGH(h, j)                                                                                \
    float by = subgroupBroadcast(e[h], uint(j));                                                   \
    EIGHT_OF(WEIGH_ONE, h)
#define VALUE(j)                                                                                   \
    {                                                                                              \
        uint at = (v_base + position(s, b, uint(j)) * p.v_words) >> 2;                             \
        uvec4 u = texelFetch(in_vec_x, int(at + part));                                            \
        HALVES(v, u)                                                                               \
        ALL_HEADS(WEIGH, j)                                                                        \
    }
            EIGHT(VALUE)
        }
#define JOIN_ONE(h, i)                                                                             \
    if (mine) {                                                                                    \
        uint at = to + uint(h) * p.dim + uint(i);                                                  \
        float now = o[(h) * 8 + (i)] * num_f(REST);                                                \
        float was = first ? 0.0 : num_f(out0[at]);                                                 \
        float a = was * join[h].old_part, b = now * join[h].new_part;                              \
        float y = first ? now : a + b;                                                             \
        out0[at] = final ? fix_result(y * join[h].last) : num_u(y);                                \
    }
#define JOIN(i) ALL_HEADS(JOIN_ONE, i)
        EIGHT(JOIN)
    }
}

void main()
{
    uint unit = lane_index() / LANES;
    uint units = p.heads / HEADS;
    uint row = quotient(unit, p.m_units, p.shift), head = (unit - row * units) * HEADS;
    if (row >= step_data.rows[p.domain])
        return;
    uvec2 place = row_place(p.place_at, row);
    uint end = place.y + 1u, begin = p.window != 0u && end > p.window ? end - p.window : 0u;
    uint kv = head / p.group * p.dim >> 1, e = row * p.heads + head, y_base = e * p.dim;
    uint k_base = place.x * p.k_words + kv, v_base = place.x * p.v_words + kv;
    float m[MOST], l[MOST];
    uint stop = min(p.first_segment + p.segments, (end + 255u) >> 8);
    bool goes_on = p.first_segment > begin >> 8 && p.first_segment < stop;
#define RESUME(h, i)                                                                               \
    m[h] = goes_on ? num_f(out1[2u * (e + uint(h))]) : 0.0;                                        \
    l[h] = goes_on ? num_f(out1[2u * (e + uint(h)) + 1u]) : 0.0;
    ALL_HEADS(RESUME, 0)
    for (uint s = max(p.first_segment, begin >> 8); s < stop; s++) {
        uint from = max(begin, s << 8), to = min(end, (s + 1u) << 8);
        bool first = s == begin >> 8, final = to == end;
        Span span = Span(from, to, (from & 255u) >> 3, (((to - 1u) & 255u) >> 3) + 1u,
                         gl_LocalInvocationID.x);
        Join join[MOST];
        products(span, y_base, k_base);
#define SOFTEN(h, i)                                                                               \
    float largest = finish_scores(span, uint(h)), sum = weigh(span, uint(h), largest);             \
    float both = num_key(num_u(largest)) > num_key(num_u(m[h])) ? largest : m[h];                  \
    float old_part = num_exp(m[h] - both), new_part = num_exp(largest - both);                     \
    float a = l[h] * old_part, b = sum * new_part;                                                 \
    l[h] = first ? sum : a + b;                                                                    \
    m[h] = first ? largest : both;                                                                 \
    join[h] = Join(old_part, new_part, num_recip(l[h]));
        ALL_HEADS(SOFTEN, 0)
        gather_values(span, y_base, v_base, join, first, final);
    }
    if (stop << 8 < end && stop == p.first_segment + p.segments && gl_LocalInvocationID.x == 0u) {
#define SUSPEND(h, i)                                                                              \
    out1[2u * (e + uint(h))] = num_u(m[h]);                                                        \
    out1[2u * (e + uint(h)) + 1u] = num_u(l[h]);
        ALL_HEADS(SUSPEND, 0)
    }
    count_saturations();
}
