#version 450
// SPDX-License-Identifier: MIT
// Maximum (OP 0) or average (OP 1) over a window; padding takes no part. The average sums in 32
// lanes by position in the kernel.
#extension GL_GOOGLE_include_directive : require
#include "num.glsl"
#include "common.glsl"
#include "lanes.glsl"

layout(push_constant) uniform Push {
    uint domain;
    uint planes; // per row
    uint h, w, oh, ow;
    uint m_ohw, m_ow, shifts;
    uint kh, kw, sh, sw, top, left;
    uint x_offset, y_offset;
    uint count_pad;
} p;

void main()
{
    uint e = lane_index(), ohw = p.oh * p.ow;
    uint plane = quotient(e, p.m_ohw, p.shifts & 31u), at = e - plane * ohw;
    uint oy = quotient(at, p.m_ow, (p.shifts >> 8) & 31u), ox = at - oy * p.ow;
    if (plane >= step_data.rows[p.domain] * p.planes)
        return;
    uint from = p.x_offset + plane * p.h * p.w;
    int y0 = int(oy * p.sh) - int(p.top), x0 = int(ox * p.sw) - int(p.left);
    float lane[32];
    if (OP == 1u) {
        for (int l = 0; l < 32; l++)
            lane[l] = 0.0;
    }
    uint count = 0u, best = 0u, best_key = 0u;
    for (uint ky = 0u; ky < p.kh; ky++) {
        for (uint kx = 0u; kx < p.kw; kx++) {
            uint y = uint(y0 + int(ky)), x = uint(x0 + int(kx));
            bool inside = y < p.h && x < p.w;
            uint v = get0(inside ? from + y * p.w + x : p.x_offset);
            if (OP == 1u) {
                uint l = (ky * p.kw + kx) & 31u;
                lane[l] = lane[l] + num_f(inside ? v : 0u);
                count += inside ? 1u : 0u;
            } else {
                uint key = inside ? num_key(v) : 0u;
                best = key > best_key ? v : best;
                best_key = max(best_key, key);
            }
        }
    }
    if (OP == 1u) {
        count = p.count_pad != 0u ? p.kh * p.kw : count;
        best = fix_result(lanes_tree(lane) * num_recip(num_from_u32(count)));
    }
    out0[p.y_offset + e] = best;
    count_saturations();
}
