// SPDX-License-Identifier: MIT
// States hold halves, two to a word: [position][elements], each session's positions together.

// What the host tells of a row: the session's first position in the states, and the row's own.
uvec2 row_place(uint place_at, uint row)
{
    uint at = place_at + 2u * row;
    return uvec2(step_data.emit_row[at], step_data.emit_row[at + 1u]);
}

// Nearest even; below 2^-14 zero, saturating at 65504 (N8).
uint half_from(float x)
{
    uint u = num_u(x), sign = (u >> 16) & 0x8000u, a = u & ~SIGN;
    bool small = a < 0x38800000u;
    a = min(a, 0x477fe000u);
    a = a + 0xfffu + ((a >> 13) & 1u);
    return sign | (small ? 0u : (a - 0x38000000u) >> 13);
}

// A half that half_from made.
float half_to(uint h)
{
    uint u = (h & 0x7fffu) << 13;
    return num_f((h & 0x8000u) << 16 | (u == 0u ? 0u : u + 0x38000000u));
}

// A weight of attention, rounded to 13 significant bits, to nearest even.
float round13(float e)
{
    uint u = num_u(e);
    u = u + 0x3ffu + ((u >> 11) & 1u);
    return num_f(u & ~0x7ffu);
}
