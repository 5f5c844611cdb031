// SPDX-License-Identifier: MIT
// y[m][n] = sum over runs of 32 of row n of a block-quantised weight times the quants of x (N5):
// sums of integers inside a run, runs in order inside a segment of 256, segments in order. Each
// lane makes a tile of TM x TN results, TN rows of the weight being a workgroup apart or, where
// NEIGHBOURS is 1, following one another. OP is the type of the blocks, TILE 1 where no scale is
// subnormal. With ids, result m uses the
// rows of the expert ids[m], and an id out of range gives zeros.
#include "num.glsl"
#include "common.glsl"
#include "blocks.glsl"

layout(set = 0, binding = 7) uniform utextureBuffer in_vec_x;

struct Part {
    uint n; // rows
    uint high_at, scale_at; // words
    uint whole; // rows that take turns
    uint quants_at; // units of 16 bytes
    uint out_at; // word of its first result
};

layout(push_constant) uniform Push {
    uint domain, m, n, runs; // m, n: per row of the dispatch; runs per row of the weight
    uint note_at; // word of the first scale of x
    uint high_at, scale_at;
    uint m_first, n_first; // first workgroups of this dispatch
    uint experts; // 0 = no ids
    uint x_row, x_step, id_row; // steps of x and of ids per row, and of x per result
    uint whole; // rows of the weight that take turns
    uint sum; // 1: in3 is added to the result, as an op of its own
    uint out_at; // word of the first result
    Part more[2]; // further weights that x is multiplied with; n = 0: none
} p;

// One of the weights, of which a workgroup takes rows of one only.
Part part;

uint groups_of(uint n)
{
    const uint span = gl_WorkGroupSize.x * TN;
    return (n + span - 1u) / span;
}

// Sets part; returns the number of this workgroup among those of its part.
uint choose_part()
{
    uint group = gl_WorkGroupID.z + p.n_first;
    uint second = groups_of(p.n), third = second + groups_of(p.more[0].n);
    part = Part(p.n, p.high_at, p.scale_at, p.whole, 0u, p.out_at);
    if (group >= second)
        part = p.more[0];
    if (group >= third && third > second)
        part = p.more[1];
    quants_from = part.quants_at;
    return group - (group < second ? 0u : group < third ? second : third);
}

// Signed bytes 0 and 2, of a word as quantise.comp packs it, as a2 + a0 * 2^16; or, shifted by 8,
// bytes 1 and 3.
uvec4 x_pairs(uvec4 x, uint shift)
{
    return ((x >> shift) & 0x00ff00ffu) - 0x00800080u;
}

// A run of x, its words as x_pairs makes them.
struct XRun {
    uvec4 lo_even, lo_odd, hi_even, hi_odd;
    ivec4 byte_of[8]; // of the words of lo, then of hi: bytes 0, 1, 2 and 3
    float d;
    int sum_lo, sum_hi;
};

// Byte i of each word of x, the order in which quantise.comp packs them undone.
ivec4 x_byte(uvec4 x, uint i)
{
    return ivec4((x >> ((i ^ 2u) << 3)) & 255u) - 128;
}

XRun x_load(uint r)
{
    XRun x;
    uvec4 lo = texelFetch(in_vec_x, int(2u * r)), hi = texelFetch(in_vec_x, int(2u * r + 1u));
    x.lo_even = x_pairs(lo, 0u);
    x.lo_odd = x_pairs(lo, 8u);
    x.hi_even = x_pairs(hi, 0u);
    x.hi_odd = x_pairs(hi, 8u);
    for (uint i = 0u; i < 4u; i++) {
        x.byte_of[i] = x_byte(lo, i);
        x.byte_of[i + 4u] = x_byte(hi, i);
    }
    x.d = num_f(get0(p.note_at + 2u * r));
    uint sums = get0(p.note_at + 2u * r + 1u);
    x.sum_lo = int(sums << 16) >> 16;
    x.sum_hi = int(sums) >> 16;
    return x;
}

// Upper half of u * 2^16 + l for -2^15 <= u, l < 2^15.
ivec4 upper(uvec4 s)
{
    return ivec4(s + 0x8000u) >> 16;
}

int sum4(ivec4 v)
{
    return v.x + v.y + v.z + v.w;
}

// Bytes of w, unsigned (Q8_0: raised by 128) times bytes of x. A product of pairs, (w0 + w2 * 2^16)
// * (x2 + x0 * 2^16), has w0 * x0 + w2 * x2 in its upper half and w0 * x2 in its lower one; as many
// are added up as fit 16 bits: 16 * 15 * 127, 8 * 31 * 127, 4 * 63 * 127, 2 * 128 * 127 < 2^15.
int dot16(uvec4 w, uvec4 x_even, uvec4 x_odd)
{
    uvec4 even = w & 0x00ff00ffu, odd = (w >> 8) & 0x00ff00ffu;
    if (OP == SU_BLOCK_Q8_0)
        return sum4(upper((even - 0x00800080u) * x_even) + upper((odd - 0x00800080u) * x_odd));
    uvec4 s = even * x_even + odd * x_odd;
    if (OP == SU_BLOCK_Q6_K)
        return sum4(upper(s));
    s.xy += s.zw;
    if (OP == SU_BLOCK_Q5_0 || OP == SU_BLOCK_Q5_1 || OP == SU_BLOCK_Q5_K)
        return sum4(upper(uvec4(s.xy, 0u, 0u)));
    return int(s.x + s.y + 0x8000u) >> 16;
}

// Bytes of w, raised as they are stored, times those of x, each by itself: for devices with a
// quick product of 16 bits.
int dot16_bytes(uvec4 w, ivec4 x0, ivec4 x1, ivec4 x2, ivec4 x3)
{
    ivec4 s = ivec4(w & 255u) * x0;
    s += ivec4((w >> 8) & 255u) * x1;
    s += ivec4((w >> 16) & 255u) * x2;
    s += ivec4(w >> 24) * x3;
    return sum4(s);
}

float add_run(float acc, Run w, XRun x)
{
    int centre = block_centre(OP), lo, hi;
    if (OP == SU_BLOCK_Q8_0 && BYTES) {
        lo = dot16_bytes(w.lo, x.byte_of[0], x.byte_of[1], x.byte_of[2], x.byte_of[3]);
        hi = dot16_bytes(w.hi, x.byte_of[4], x.byte_of[5], x.byte_of[6], x.byte_of[7]);
    } else {
        centre = OP == SU_BLOCK_Q8_0 ? 0 : centre; // dot16 lowers Q8_0 itself
        lo = dot16(w.lo, x.lo_even, x.lo_odd);
        hi = dot16(w.hi, x.hi_even, x.hi_odd);
    }
    lo -= centre * x.sum_lo;
    hi -= centre * x.sum_hi;
    float scale = w.d * x.d;
    acc = acc + float(w.scale_lo * lo + w.scale_hi * hi) * scale;
    if (block_has_offset(OP)) {
        float low = w.e * x.d;
        acc = acc + float(w.low * (x.sum_lo + x.sum_hi)) * low;
    }
    return acc;
}

#if NEIGHBOURS
// Words at, at + 1 and so on up to at + 7; at is a multiple of four, as the planes' starts are.
void eight_words(uint at, out uint word[8])
{
    uvec4 a = texelFetch(in_vec, int(at >> 2)), b = texelFetch(in_vec, int((at >> 2) + 1u));
    for (int i = 0; i < 4; i++) {
        word[i] = a[i];
        word[i + 4] = b[i];
    }
}

// Run k of eight rows of which the first is `row`, a multiple of eight; all take turns.
void load_eight(uvec3 row, uint k, out Run w[8])
{
    uint block = row.x + k * SU_BLOCK_ROWS, high[8], scales[8];
    for (int j = 0; j < 8; j++)
        high[j] = scales[j] = 0u;
    if (OP == SU_BLOCK_Q5_0 || OP == SU_BLOCK_Q5_1)
        eight_words(part.high_at + block, high);
    if (block_has_offset(OP)) {
        eight_words(part.scale_at + block, scales);
    } else {
        uvec4 s = texelFetch(in_vec, int((part.scale_at + (block >> 1)) >> 2));
        for (int j = 0; j < 8; j++)
            scales[j] = half_word(s[j >> 1], uint(j));
    }
    for (int j = 0; j < 8; j++) {
        w[j] = Run(uvec4(0u), uvec4(0u), 1, 1, 0, 0.0, 0.0);
        uint quants = row.z + k * SU_BLOCK_ROWS + 8u * uint(j);
        run_small(OP, quants, high[j], scales[j], TILE == 1u, w[j]);
    }
}
#endif

void load_runs(uvec3 w_row[TN], uint k, out Run w[TN])
{
#if NEIGHBOURS
    if (block_is_small(OP)) {
        load_eight(w_row[0], k, w);
        return;
    }
#endif
    for (int j = 0; j < TN; j++)
        w[j] = run_load(OP, w_row[j], k, part.high_at, part.scale_at, TILE == 1u);
}

void main()
{
    uint m_count = step_data.rows[p.domain] * p.m;
    uint m0 = (gl_WorkGroupID.x + p.m_first) * TM;
    uint n0 = choose_part() * gl_WorkGroupSize.x * TN;
    n0 += NEIGHBOURS != 0 ? gl_LocalInvocationID.x * TN : gl_LocalInvocationID.x;
    uint apart = NEIGHBOURS != 0 ? 1u : gl_WorkGroupSize.x;
    if (m0 >= m_count || n0 >= part.n)
        return;
    uint first_row = 0u;
    bool known = true;
    if (TM == 1 && p.experts != 0u) {
        uint id = get2(m0 / p.m * p.id_row + m0 % p.m);
        known = id < p.experts;
        first_row = known ? id * part.n : 0u;
    }
    uint x_run[TM];
    uvec3 w_row[TN];
    for (int i = 0; i < TM; i++) {
        uint m = min(m0 + uint(i), m_count - 1u), row = m / p.m;
        x_run[i] = (row * p.x_row + (m - row * p.m) * p.x_step) * p.runs;
    }
    for (int j = 0; j < TN; j++)
        w_row[j] = block_row(OP, first_row + min(n0 + uint(j) * apart, part.n - 1u),
                             p.runs, part.whole);
    float total[TM * TN], acc[TM * TN];
    for (int i = 0; i < TM * TN; i++)
        total[i] = acc[i] = 0.0;
    for (uint k = 0u; k < p.runs; k++) {
        XRun x[TM];
        for (int i = 0; i < TM; i++)
            x[i] = x_load(x_run[i] + k);
        Run w[TN];
        load_runs(w_row, k, w);
        for (int j = 0; j < TN; j++) {
            for (int i = 0; i < TM; i++)
                acc[i * TN + j] = add_run(acc[i * TN + j], w[j], x[i]);
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
            uint m = m0 + uint(i), n = n0 + uint(j) * apart;
            if (m >= m_count || n >= part.n)
                continue;
            uint y = known ? fix_result(total[i * TN + j]) : 0u;
            if (p.sum != 0u)
                y = fix_result(num_f(y) + num_f(get3(m * part.n + n)));
            out0[part.out_at + m * part.n + n] = y;
        }
    }
    count_saturations();
}
