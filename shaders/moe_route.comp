#version 450
// SPDX-License-Identifier: MIT
// Softmax of a row's logits and its `used` largest, by (value descending, index ascending). One
// lane per row.
#extension GL_GOOGLE_include_directive : require
#include "num.glsl"
#include "common.glsl"
#include "lanes.glsl"

layout(push_constant) uniform Push {
    uint domain, n, used, renormalise;
} p;

float share(uint x, uint best)
{
    return num_exp(num_f(num_fix(num_u(num_f(x) - num_f(best)))));
}

void main()
{
    uint row = lane_index();
    if (row >= step_data.rows[p.domain])
        return;
    uint base = row * p.n, best = get0(base);
    float lane[32], chosen[32];
    for (int l = 0; l < 32; l++)
        lane[l] = chosen[l] = 0.0;
    for (uint i = 1u; i < p.n; i++) {
        uint x = get0(base + i);
        best = num_key(x) > num_key(best) ? x : best;
    }
    for (uint i = 0u; i < p.n; i++)
        lane[i & 31u] = lane[i & 31u] + share(get0(base + i), best);
    float r = num_recip(lanes_tree(lane));
    uint last_key = 0xffffffffu, last = 0u; // no key is as large
    for (uint j = 0u; j < p.used; j++) {
        uint pick = 0u, pick_key = 0u;
        bool found = false;
        for (uint i = 0u; i < p.n; i++) {
            uint key = num_key(get0(base + i));
            bool left = key < last_key || (key == last_key && i > last);
            if (left && (!found || key > pick_key)) {
                pick = i;
                pick_key = key;
                found = true;
            }
        }
        last_key = pick_key;
        last = pick;
        uint y = fix_result(share(get0(base + pick), best) * r);
        chosen[j & 31u] = chosen[j & 31u] + num_f(y);
        out0[row * p.used + j] = y;
        out1[row * p.used + j] = pick;
    }
    if (p.renormalise != 0u) {
        r = num_recip(lanes_tree(chosen));
        for (uint j = 0u; j < p.used; j++)
            out0[row * p.used + j] = fix_result(num_f(out0[row * p.used + j]) * r);
    }
    count_saturations();
}
