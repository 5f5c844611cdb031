#version 450
// SPDX-License-Identifier: MIT
// One elementwise op, or a strided copy, over a space of rows x up to three dims; each operand has
// its own strides.
#extension GL_GOOGLE_include_directive : require
#include "num.glsl"
#include "common.glsl"
#include "ops.glsl"
#include "space.glsl"

layout(push_constant) uniform Push {
    Space s;
    Operand to, a, b, c;
    uint aux; // comparison, axis of an index, or the word to fill with
} p;

void main()
{
    Point x;
    if (!space_point(p.s, x))
        return;
    uint a = p.aux, b = 0u, c = 0u;
    if (OP == SU_EW_IOTA_I || OP == SU_EW_IOTA_F)
        a = p.aux == 0u ? x.i0 : p.aux == 1u ? x.i1 : x.i2;
    if (OP == SU_EW_IOTA_F)
        a = num_u(num_from_u32(a));
    if (OP >= SU_EW_ONE) {
        Point from = x;
        if (OP == SU_EW_SELECT_EMITTED)
            from.r = step_data.emit_row[x.r];
        a = get0(operand_at(p.a, from));
    }
    if (OP >= SU_EW_TWO)
        b = get1(operand_at(p.b, x));
    if (OP >= SU_EW_THREE)
        c = get2(operand_at(p.c, x));
    if (OP >= SU_EW_THREE)
        a = ew_where(a, b, c);
    else if (OP >= SU_EW_TWO)
        a = ew_apply_two(OP, p.aux, a, b);
    else if (OP >= SU_EW_ONE)
        a = ew_apply_one(OP, a);
    out0[operand_at(p.to, x)] = a;
    count_saturations();
}
