// SPDX-License-Identifier: MIT
// Index space of elementwise kernels: rows of n elements, n = d0 x d1 x d2, and operands with a
// stride per dim. Divisions are by constants of the dispatch, so the host gives multipliers.

struct Space {
    uint domain; // whose rows are counted
    uint n;
    uint d1, d2;
    uint m_n, m_d2, m_d1, shifts;
};
struct Operand {
    uint offset, row, s0, s1, s2;
};
struct Point {
    uint r, i0, i1, i2;
};

bool space_point(Space s, out Point x)
{
    uint e = lane_index();
    x.r = quotient(e, s.m_n, s.shifts & 31u);
    uint i = e - x.r * s.n;
    uint q = quotient(i, s.m_d2, (s.shifts >> 8) & 31u);
    x.i2 = i - q * s.d2;
    x.i0 = quotient(q, s.m_d1, (s.shifts >> 16) & 31u);
    x.i1 = q - x.i0 * s.d1;
    return x.r < step_data.rows[s.domain];
}

uint operand_at(Operand o, Point x)
{
    return o.offset + x.r * o.row + x.i0 * o.s0 + x.i1 * o.s1 + x.i2 * o.s2;
}
