#version 450
// SPDX-License-Identifier: MIT
// Convolution: neighbouring lanes take neighbouring output positions (over all rows) and share the
// weights; each lane makes TP positions x TN channels. K runs over (channel of the group, kernel
// row, kernel column) in segments of 256; a position in the padding takes part as 0. TILE bit 0:
// four k of w per fetch (rows of w padded to four with zeros). A K too long for one dispatch comes
// in several, as in matmul.glsl.
#extension GL_GOOGLE_include_directive : require
#include "num.glsl"
#include "common.glsl"

#define TP 2
#define TN 8

layout(push_constant) uniform Push {
    uint domain; // whose rows are counted
    uint images; // per row
    uint c, h, w; // of the input; c of one group
    uint n, groups; // output channels of one group
    uint kh, kw;
    uint oh, ow, m_ohw, m_ow, shifts;
    uint sh, sw, dh, dw; // strides, dilations
    uint top, left;
    uint x_offset, w_offset, w_stride;
    uint y_offset;
    uint first_group; // first workgroup of this dispatch
    uint k0, k1, last;
} p;

uvec4 fetch_w(uint at, uint k)
{
    if ((TILE & 1u) != 0u)
        return texelFetch(in_vec, int((at + k) >> 2));
    uint end = p.c * p.kh * p.kw - 1u;
    uvec4 v = uvec4(get1(at + k), get1(at + min(k + 1u, end)), get1(at + min(k + 2u, end)),
                    get1(at + min(k + 3u, end)));
    v.y = k + 1u > end ? 0u : v.y;
    v.z = k + 2u > end ? 0u : v.z;
    v.w = k + 3u > end ? 0u : v.w;
    return v;
}

void main()
{
    uint tiles = (p.n + TN - 1u) / TN;
    uint g = gl_WorkGroupID.y / tiles, n0 = (gl_WorkGroupID.y - g * tiles) * TN;
    uint ohw = p.oh * p.ow, hw = p.h * p.w;
    uint count = step_data.rows[p.domain] * p.images * ohw;
    uint group = gl_WorkGroupID.x + p.first_group;
    uint pos0 = group * gl_WorkGroupSize.x * TP + gl_LocalInvocationID.x;
    if (pos0 >= count)
        return;
    int oy[TP], ox[TP];
    uint x_at[TP], y_at[TP], w_at[TN];
    for (int i = 0; i < TP; i++) {
        uint pos = min(pos0 + uint(i) * gl_WorkGroupSize.x, count - 1u);
        uint image = quotient(pos, p.m_ohw, p.shifts & 31u), at = pos - image * ohw;
        uint y = quotient(at, p.m_ow, (p.shifts >> 8) & 31u), x = at - y * p.ow;
        oy[i] = int(y * p.sh) - int(p.top);
        ox[i] = int(x * p.sw) - int(p.left);
        y_at[i] = p.y_offset + (image * p.groups + g) * p.n * ohw + at;
        x_at[i] = p.x_offset + (image * p.groups + g) * p.c * hw;
    }
    for (int j = 0; j < TN; j++)
        w_at[j] = p.w_offset + (g * p.n + min(n0 + uint(j), p.n - 1u)) * p.w_stride;
    float total[TP * TN], acc[TP * TN];
    for (int i = 0; i < TP * TN; i++)
        total[i] = 0.0;
    if (p.k0 > 0u) {
        for (int i = 0; i < TP; i++)
            for (int j = 0; j < TN; j++)
                total[i * TN + j] = num_f(out0[y_at[i] + min(n0 + uint(j), p.n - 1u) * ohw]);
    }
    uint taps = p.kh * p.kw;
    uint channel = p.k0 / taps, tap = p.k0 - channel * taps;
    uint ky = tap / p.kw, kx = tap - ky * p.kw;
    for (int i = 0; i < TP; i++)
        x_at[i] += channel * hw;
    int dy = int(p.dh), dx = int(p.dw);
    int y = int(ky) * dy, x = int(kx) * dx;
    int y_end = int(p.kh) * dy, x_end = int(p.kw) * dx;
    for (uint s = p.k0; s < p.k1; s += 256u) {
        uint end = min(s + 256u, p.k1);
        for (int i = 0; i < TP * TN; i++)
            acc[i] = 0.0;
        for (uint k = s; k < end; k += 4u) {
            uvec4 w[TN];
            for (int j = 0; j < TN; j++)
                w[j] = fetch_w(w_at[j], k);
            for (int q = 0; q < 4; q++) {
                for (int i = 0; i < TP; i++) {
                    uint yy = uint(oy[i] + y), xx = uint(ox[i] + x);
                    bool inside = yy < p.h && xx < p.w && k + uint(q) < end;
                    uint v = get0(inside ? x_at[i] + yy * p.w + xx : p.x_offset);
                    float f = num_f(inside ? v : 0u);
                    for (int j = 0; j < TN; j++)
                        acc[i * TN + j] = acc[i * TN + j] + num_f(w[j][q]) * f;
                }
                x += dx;
                bool next_line = x == x_end;
                x = next_line ? 0 : x;
                y += next_line ? dy : 0;
                bool next_channel = y == y_end;
                y = next_channel ? 0 : y;
                for (int i = 0; i < TP; i++)
                    x_at[i] += next_channel ? hw : 0u;
            }
        }
        for (int i = 0; i < TP * TN; i++)
            total[i] = total[i] + acc[i];
    }
    for (int i = 0; i < TP; i++) {
        for (int j = 0; j < TN; j++) {
            if (pos0 + uint(i) * gl_WorkGroupSize.x < count && n0 + uint(j) < p.n) {
                uint at = y_at[i] + (n0 + uint(j)) * ohw;
                out0[at] = p.last != 0u ? fix_result(total[i * TN + j]) : num_u(total[i * TN + j]);
            }
        }
    }
    count_saturations();
}
