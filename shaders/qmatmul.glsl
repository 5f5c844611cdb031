// SPDX-License-Identifier: MIT
// y[m][n] = sum over runs of 32 of row n of a block-quantised weight times the quants of x (N5):
// sums of integers inside a run, runs in order inside a segment of 256, segments in order. Each
// lane makes a tile of TM x TN results. OP is the type of the blocks. With ids, result m uses the
// rows of the expert ids[m], and an id out of range gives zeros.
#include "num.glsl"
#include "common.glsl"
#include "blocks.glsl"

layout(set = 0, binding = 7) uniform utextureBuffer in_vec_x;

layout(push_constant) uniform Push {
    uint domain, m, n, runs; // m, n: per row of the dispatch; runs per row of the weight
    uint note_at; // word of the first scale of x
    uint high_at, scale_at;
    uint m_first, n_first; // first workgroups of this dispatch
    uint experts; // 0 = no ids
    uint x_row, x_step, id_row; // steps of x and of ids per row, and of x per result
} p;

// Bytes of w, unsigned, times bytes of x, signed.
int dot16(uvec4 w, uvec4 x)
{
    ivec4 s = ivec4(w & 255u) * (ivec4(x << 24) >> 24);
    s += ivec4((w >> 8) & 255u) * (ivec4(x << 16) >> 24);
    s += ivec4((w >> 16) & 255u) * (ivec4(x << 8) >> 24);
    s += ivec4(w >> 24) * (ivec4(x) >> 24);
    return s.x + s.y + s.z + s.w;
}

void main()
{
    uint m_count = step_data.rows[p.domain] * p.m;
    uint m0 = (gl_WorkGroupID.x + p.m_first) * TM;
    uint n0 = (gl_WorkGroupID.z + p.n_first) * gl_WorkGroupSize.x * TN + gl_LocalInvocationID.x;
    if (m0 >= m_count || n0 >= p.n)
        return;
    uint first_row = 0u;
    bool known = true;
    if (TM == 1 && p.experts != 0u) {
        uint id = get2(m0 / p.m * p.id_row + m0 % p.m);
        known = id < p.experts;
        first_row = known ? id * p.n : 0u;
    }
    uint x_run[TM], w_run[TN];
    for (int i = 0; i < TM; i++) {
        uint m = min(m0 + uint(i), m_count - 1u), row = m / p.m;
        x_run[i] = (row * p.x_row + (m - row * p.m) * p.x_step) * p.runs;
    }
    for (int j = 0; j < TN; j++)
        w_run[j] = (first_row + min(n0 + uint(j) * gl_WorkGroupSize.x, p.n - 1u)) * p.runs;
    float total[TM * TN], acc[TM * TN];
    for (int i = 0; i < TM * TN; i++)
        total[i] = acc[i] = 0.0;
    int centre = block_centre(OP);
    for (uint k = 0u; k < p.runs; k++) {
        uvec4 x_lo[TM], x_hi[TM];
        float x_d[TM];
        int sum_lo[TM], sum_hi[TM];
        for (int i = 0; i < TM; i++) {
            uint r = x_run[i] + k, sums = get0(p.note_at + 2u * r + 1u);
            x_lo[i] = texelFetch(in_vec_x, int(2u * r));
            x_hi[i] = texelFetch(in_vec_x, int(2u * r + 1u));
            x_d[i] = num_f(get0(p.note_at + 2u * r));
            sum_lo[i] = int(sums << 16) >> 16;
            sum_hi[i] = int(sums) >> 16;
        }
        for (int j = 0; j < TN; j++) {
            Run w = run_load(OP, w_run[j] + k, p.high_at, p.scale_at);
            for (int i = 0; i < TM; i++) {
                int at = i * TN + j;
                int lo = dot16(w.lo, x_lo[i]) - centre * sum_lo[i];
                int hi = dot16(w.hi, x_hi[i]) - centre * sum_hi[i];
                float scale = w.d * x_d[i];
                acc[at] = acc[at] + float(w.scale_lo * lo + w.scale_hi * hi) * scale;
                if (block_has_offset(OP)) {
                    float low = w.e * x_d[i];
                    acc[at] = acc[at] + float(w.low * (sum_lo[i] + sum_hi[i])) * low;
                }
            }
        }
        if ((k & 7u) == 7u || k + 1u == p.runs) {
            for (int i = 0; i < TM * TN; i++) {
                total[i] = total[i] + acc[i];
                acc[i] = 0.0;
            }
        }
    }
    for (int i = 0; i < TM; i++) {
        for (int j = 0; j < TN; j++) {
            uint m = m0 + uint(i), n = n0 + uint(j) * gl_WorkGroupSize.x;
            if (m < m_count && n < p.n)
                out0[m * p.n + n] = known ? fix_result(total[i * TN + j]) : 0u;
        }
    }
    count_saturations();
}
