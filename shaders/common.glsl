// SPDX-License-Identifier: MIT
// What every kernel shares: bindings, the step's rows, the saturation counter, division by a
// constant.
//
// Set 0, per op: 0 and 1 the results; 2 to 5 the arguments as single words; 6 and 7 arguments as
// four words at a time. Set 1, per step in flight: how many rows and which of them are emitted; how
// many results were saturated. Arguments are read through texel buffers: on software devices that
// is twice as fast as storage buffers, and their range is not held to maxStorageBufferRange.

layout(local_size_x_id = 0) in;
layout(constant_id = 1) const uint OP = 0u;
layout(constant_id = 2) const uint TILE = 0u;

layout(set = 0, binding = 0, std430) buffer Out0 {
    uint out0[];
};
layout(set = 0, binding = 1, std430) buffer Out1 {
    uint out1[];
};
layout(set = 0, binding = 2) uniform utextureBuffer in0;
layout(set = 0, binding = 3) uniform utextureBuffer in1;
layout(set = 0, binding = 4) uniform utextureBuffer in2;
layout(set = 0, binding = 5) uniform utextureBuffer in3;
layout(set = 0, binding = 6) uniform utextureBuffer in_vec;
layout(set = 1, binding = 0, std430) readonly buffer Step {
    uint rows[4]; // by domain: 1, T, E
    uint emit_row[];
} step_data;
layout(set = 1, binding = 1, std430) buffer Counter {
    uint saturations;
};

uint get0(uint i)
{
    return texelFetch(in0, int(i)).x;
}

uint get1(uint i)
{
    return texelFetch(in1, int(i)).x;
}

uint get2(uint i)
{
    return texelFetch(in2, int(i)).x;
}

uint get3(uint i)
{
    return texelFetch(in3, int(i)).x;
}

// Workgroups stand in a grid of two dimensions only because one is limited to 65535.
uint lane_index()
{
    uint group = gl_WorkGroupID.y * gl_NumWorkGroups.x + gl_WorkGroupID.x;
    return group * gl_WorkGroupSize.x + gl_LocalInvocationID.x;
}

// x / d for x < 2^31, where the host gave multiplier m (0 for d = 1) and shift.
uint quotient(uint x, uint m, uint shift)
{
    uint hi, lo;
    umulExtended(x, m, hi, lo);
    return m == 0u ? x : hi >> shift;
}

// How many results of this lane sat changed. A software device runs an atomic for every lane
// whether it counts or not, so there is one, at the end of main.
uint saturated = 0u;

void count_saturations()
{
    if (saturated != 0u)
        atomicAdd(saturations, saturated);
}

// What every float result passes through.
uint fix_result(float x)
{
    uint u = num_u(x);
    saturated += num_saturates(u) ? 1u : 0u;
    return num_fix(u);
}
