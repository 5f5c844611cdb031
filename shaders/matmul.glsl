// SPDX-License-Identifier: MIT
// y[m][n] = sum over k of w[n][k] * x[m][k], in order of k, in segments of 256. Each lane makes a
// tile of TM x TN results, so every word fetched is used several times. The including file says
// whether neighbouring lanes take neighbouring m (LANES_M, then w is the same for all of them) or
// neighbouring n. TILE bit 0: four k of w per fetch, bit 1: four k of x. A K too long for one
// dispatch comes in several; between them the result holds the total so far, not yet fixed.
#include "num.glsl"
#include "common.glsl"

layout(set = 0, binding = 7) uniform utextureBuffer in_vec_x;

layout(push_constant) uniform Push {
    uint domain; // whose rows are counted
    uint flat_m; // 1: m runs over all rows (w is the same for all), else z is row x batch
    uint m, n, k;
    uint batch;
    uint x_offset, x_row, x_batch;
    uint w_offset, w_row, w_batch, w_stride; // stride of n
    uint y_offset, y_row, y_batch;
    uint x_first, z_first; // first workgroup of this dispatch
    uint k0, k1, last;
} p;

uvec4 fetch_w(uint at, uint k)
{
    if ((TILE & 1u) != 0u)
        return texelFetch(in_vec, int((at + k) >> 2));
    uint end = p.k - 1u;
    uvec4 v = uvec4(get1(at + k), get1(at + min(k + 1u, end)), get1(at + min(k + 2u, end)),
                    get1(at + min(k + 3u, end)));
    v.y = k + 1u > end ? 0u : v.y;
    v.z = k + 2u > end ? 0u : v.z;
    v.w = k + 3u > end ? 0u : v.w;
    return v;
}

// Beyond the end the last element repeats: it is finite, and its weight there is 0.
uvec4 fetch_x(uint at, uint k)
{
    if ((TILE & 2u) != 0u)
        return texelFetch(in_vec_x, int((at + k) >> 2));
    uint end = p.k - 1u;
    return uvec4(get0(at + k), get0(at + min(k + 1u, end)), get0(at + min(k + 2u, end)),
                 get0(at + min(k + 3u, end)));
}

float multiply_add(float acc, uvec4 w, uvec4 x)
{
    acc = acc + num_f(w.x) * num_f(x.x);
    acc = acc + num_f(w.y) * num_f(x.y);
    acc = acc + num_f(w.z) * num_f(x.z);
    acc = acc + num_f(w.w) * num_f(x.w);
    return acc;
}

void main()
{
    uint z = gl_WorkGroupID.z + p.z_first;
    uint row = z / p.batch, b = z - row * p.batch;
    uint rows = step_data.rows[p.domain];
    uint m_count = p.flat_m != 0u ? rows * p.m : p.m;
    uint group = gl_WorkGroupID.x + p.x_first;
#if LANES_M
    uint m0 = group * gl_WorkGroupSize.x * TM + gl_LocalInvocationID.x, m_step = gl_WorkGroupSize.x;
    uint n0 = gl_WorkGroupID.y * TN, n_step = 1u;
#else
    uint n0 = group * gl_WorkGroupSize.x * TN + gl_LocalInvocationID.x, n_step = gl_WorkGroupSize.x;
    uint m0 = gl_WorkGroupID.y * TM, m_step = 1u;
#endif
    if (m0 >= m_count || n0 >= p.n || (p.flat_m == 0u && row >= rows))
        return;
    uint x_at[TM], w_at[TN];
    uint x_base = p.x_offset + row * p.x_row + b * p.x_batch;
    uint w_base = p.w_offset + row * p.w_row + b * p.w_batch;
    uint y_base = p.y_offset + row * p.y_row + b * p.y_batch;
    for (int i = 0; i < TM; i++)
        x_at[i] = x_base + min(m0 + uint(i) * m_step, m_count - 1u) * p.k;
    for (int j = 0; j < TN; j++)
        w_at[j] = w_base + min(n0 + uint(j) * n_step, p.n - 1u) * p.w_stride;
    float total[TM * TN], acc[TM * TN];
    for (int i = 0; i < TM * TN; i++)
        total[i] = 0.0;
    if (p.k0 > 0u) {
        for (int i = 0; i < TM; i++) {
            uint m = min(m0 + uint(i) * m_step, m_count - 1u);
            for (int j = 0; j < TN; j++)
                total[i * TN + j] =
                    num_f(out0[y_base + m * p.n + min(n0 + uint(j) * n_step, p.n - 1u)]);
        }
    }
    for (uint s = p.k0; s < p.k1; s += 256u) {
        uint end = min(s + 256u, p.k1);
        for (int i = 0; i < TM * TN; i++)
            acc[i] = 0.0;
        for (uint k = s; k < end; k += 4u) {
            uvec4 w[TN];
            for (int j = 0; j < TN; j++)
                w[j] = fetch_w(w_at[j], k);
            for (int i = 0; i < TM; i++) {
                uvec4 x = fetch_x(x_at[i], k);
                for (int j = 0; j < TN; j++)
                    acc[i * TN + j] = multiply_add(acc[i * TN + j], w[j], x);
            }
        }
        for (int i = 0; i < TM * TN; i++)
            total[i] = total[i] + acc[i];
    }
    for (int i = 0; i < TM; i++) {
        for (int j = 0; j < TN; j++) {
            uint m = m0 + uint(i) * m_step, n = n0 + uint(j) * n_step;
            float t = total[i * TN + j];
            if (m < m_count && n < p.n)
                out0[y_base + m * p.n + n] = p.last != 0u ? fix_result(t) : num_u(t);
        }
    }
    count_saturations();
}
