// SPDX-License-Identifier: MIT
// Canonical arithmetic, the same sequences of rounded adds, subtractions and multiplications as the
// scalar definitions in src/graph/num.c; the conformance suite compares them bit by bit. No
// division, no library function, no float comparison: the SPIR-V gate refuses them.

const uint SIGN = 0x80000000u;
const uint MAGIC = 0x4b400000u;

float num_f(uint u)
{
    return uintBitsToFloat(u);
}

uint num_u(float x)
{
    return floatBitsToUint(x);
}

uint num_key(uint u)
{
    return (u & SIGN) != 0u ? ~u : u | SIGN;
}

uint num_fz(uint u)
{
    return (u & ~SIGN) < 0x27800000u ? 0u : u;
}

// sat then fz, on bits.
uint num_fix(uint u)
{
    uint a = u & ~SIGN;
    u = a > 0x58800000u ? (u & SIGN) | 0x58800000u : u;
    u = a > 0x7f800000u ? 0u : u;
    return num_fz(u);
}

bool num_saturates(uint u)
{
    return (u & ~SIGN) > 0x58800000u;
}

float num_recip(float y)
{
    uint u = num_u(y), sign = u & SIGN, ab = u & ~SIGN;
    float a = num_f(ab);
    float r = num_f(0x7ef311c3u - ab);
    r = r * (2.0 - a * r);
    r = r * (2.0 - a * r);
    r = r * (2.0 - a * r);
    float e = 1.0 - a * r;
    r = r + r * e;
    return num_f(sign | (ab < 0x26800000u ? 0x58800000u : num_u(r)));
}

float num_rsqrt(float x)
{
    uint u = num_u(x);
    float h = 0.5 * x;
    float y = num_f(0x5f3759dfu - (u >> 1));
    y = y * (1.5 - h * (y * y));
    y = y * (1.5 - h * (y * y));
    y = y * (1.5 - h * (y * y));
    float e = 0.5 - h * (y * y);
    e = y * e;
    return num_f(num_key(u) < (0x0f800000u | SIGN) ? 0x57800000u : num_u(y + e));
}

float num_sqrt(float x)
{
    float r = num_rsqrt(x);
    float s = x * r;
    float e = s * s;
    e = x - e;
    r = 0.5 * r;
    e = e * r;
    return num_f(num_key(num_u(x)) < (0x0f800000u | SIGN) ? 0u : num_u(s + e));
}

float num_exp_tail(float r, uint n)
{
    float p = num_f(0x39506967u) * r;
    p = p + num_f(0x3ab743ceu);
    p = p * r;
    p = p + num_f(0x3c088908u);
    p = p * r;
    p = p + num_f(0x3d2aa9c1u);
    p = p * r;
    p = p + num_f(0x3e2aaaaau);
    p = p * r;
    p = p + 0.5;
    float z = r * r;
    p = p * z;
    p = p + r;
    p = p + 1.0;
    return num_f(num_u(p) + (n << 23));
}

float num_exp(float x)
{
    uint key = num_key(num_u(x));
    x = key > 0xc2800000u ? 64.0 : x;
    float t = x * num_f(0x3fb8aa3bu);
    t = t + num_f(MAGIC);
    uint n = num_u(t) - MAGIC;
    float k = t - num_f(MAGIC);
    float c = k * num_f(0x3f318000u);
    float r = x - c;
    c = k * num_f(0xb95e8083u);
    r = r - c;
    float y = num_exp_tail(r, n);
    return key < 0x3dffffffu ? 0.0 : y;
}

float num_exp2(float x)
{
    uint key = num_key(num_u(x));
    x = key > 0xc2b80000u ? 92.0 : x;
    float t = x + num_f(MAGIC);
    uint n = num_u(t) - MAGIC;
    float k = t - num_f(MAGIC);
    float r = x - k;
    r = r * num_f(0x3f317218u);
    float y = num_exp_tail(r, n);
    return key < 0x3dc7ffffu ? 0.0 : y;
}

float num_log2(float x)
{
    uint u = num_u(x);
    int e = int(u - 0x3f3504f3u) >> 23;
    float g = num_f(u - (uint(e) << 23)) - 1.0;
    float p = num_f(0x3d9021bbu) * g;
    p = p + num_f(0xbdebd1b8u);
    p = p * g;
    p = p + num_f(0x3def251au);
    p = p * g;
    p = p + num_f(0xbdfe5d4fu);
    p = p * g;
    p = p + num_f(0x3e11e9bfu);
    p = p * g;
    p = p + num_f(0xbe2aae50u);
    p = p * g;
    p = p + num_f(0x3e4cceacu);
    p = p * g;
    p = p + num_f(0xbe7ffffcu);
    p = p * g;
    p = p + num_f(0x3eaaaaaau);
    float z = g * g;
    float y = z * p;
    y = g * y;
    float hz = 0.5 * z;
    y = y - hz;
    float c = num_f(0x3ee2a8edu);
    float s = y * c;
    float t = g * c;
    s = s + t;
    s = s + y;
    s = s + g;
    s = s + float(e);
    return num_key(u) < (0x27800000u | SIGN) ? -48.0 : s;
}

float num_sin(float x)
{
    uint key = num_key(num_u(x));
    x = key < 0x39ffffffu ? -8192.0 : x;
    x = key > 0xc6000000u ? 8192.0 : x;
    float t = x * num_f(0x3f22f983u);
    t = t + num_f(MAGIC);
    uint q = num_u(t) - MAGIC;
    float k = t - num_f(MAGIC);
    float c = k * num_f(0x3fc90000u);
    float r = x - c;
    c = k * num_f(0x39fda000u);
    r = r - c;
    c = k * num_f(0x33a22169u);
    r = r - c;
    float z = r * r;
    float s = num_f(0xb94ca1f9u) * z;
    s = s + num_f(0x3c08839eu);
    s = s * z;
    s = s + num_f(0xbe2aaaa3u);
    s = s * z;
    s = s * r;
    s = s + r;
    float d = num_f(0x37ccf5ceu) * z;
    d = d + num_f(0xbab6061au);
    d = d * z;
    d = d + num_f(0x3d2aaaa5u);
    d = d * z;
    d = d * z;
    float hz = 0.5 * z;
    d = d - hz;
    d = d + 1.0;
    uint y = num_u((q & 1u) != 0u ? d : s);
    return num_f(y ^ (q & 2u) << 30);
}

float num_sigmoid(float x)
{
    uint u = num_u(x);
    float e = num_exp(num_f(u | SIGN));
    float r = num_recip(1.0 + e);
    float er = e * r;
    return (u & SIGN) != 0u ? er : r;
}

float num_tanh(float x)
{
    uint u = num_u(x), ab = u & ~SIGN;
    float z = x * x;
    float p = num_f(0xbbbaf0eau) * z;
    p = p + num_f(0x3ca9134eu);
    p = p * z;
    p = p + num_f(0xbd5c1e2du);
    p = p * z;
    p = p + num_f(0x3e088393u);
    p = p * z;
    p = p + num_f(0xbeaaaa99u);
    p = p * z;
    p = p * x;
    float small = x + p;
    float e = num_exp(2.0 * num_f(ab));
    e = e + 1.0;
    float r = num_recip(e);
    r = 2.0 * r;
    r = 1.0 - r;
    float large = num_f((u & SIGN) | num_u(r));
    return ab < 0x3f200000u ? small : large;
}

float num_silu(float x)
{
    return x * num_sigmoid(x);
}

float num_gelu(float x)
{
    uint key = num_key(num_u(x));
    float c = key < 0x3e7fffffu ? -16.0 : x;
    c = key > 0xc1800000u ? 16.0 : c;
    float v = c * c;
    v = num_f(0x3d922279u) * v;
    v = v + num_f(0x3fcc422au);
    v = v * c;
    return x * num_sigmoid(v);
}

int num_to_i32(uint u)
{
    uint ab = min(u & ~SIGN, 0x4a800000u);
    uint shift = 150u - max(ab >> 23, 127u);
    int n = int(((ab & 0x7fffffu) | 0x800000u) >> shift);
    n = (u & SIGN) != 0u ? -n : n;
    return ab < 0x3f800000u ? 0 : n;
}

uint num_trunc(uint u)
{
    uint ab = u & ~SIGN;
    uint shift = 150u - clamp(ab >> 23, 127u, 150u);
    uint t = u & ~((1u << shift) - 1u);
    t = ab >= 0x4b000000u ? u : t;
    return ab < 0x3f800000u ? 0u : t;
}

float num_from_i32(int v)
{
    float hi = float(v >> 16) * 65536.0;
    return hi + float(v & 0xffff);
}

float num_from_u32(uint v)
{
    float hi = float(int(v >> 16)) * 65536.0;
    return hi + float(int(v & 0xffffu));
}
