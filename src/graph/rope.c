// SPDX-License-Identifier: MIT
/* The angles of rotary position embeddings (Su et al., RoFormer, arXiv 2104.09864), on the host in double. Libraries differ in the last
   bits of pow, sin and cos, so all three are built here from +, -, *, / alone: IEEE 754 rounds each of them in one way. */
#include "graph_priv.h"

#include <math.h>
#include <string.h>

#define LN2_HI 6.93147180369123816490e-01 /* ln 2 in two parts, the first with 32 trailing zeros */
#define LN2_LO 1.90821492927058770002e-10
#define PI 3.14159265358979323846
#define PIO2_1 1.57079632673412561417e+00 /* pi / 2 in three parts of 33 bits and the rest */
#define PIO2_2 6.07710050630396597660e-11
#define PIO2_3 2.02226624871116645580e-21
#define ROUND 6755399441055744.0 /* 1.5 * 2^52: adding it rounds |x| < 2^51 to a whole number */

static uint64_t bits_of(double x)
{
    uint64_t u;
    memcpy(&u, &x, sizeof u);
    return u;
}

static double from_bits(uint64_t u)
{
    double x;
    memcpy(&x, &u, sizeof x);
    return x;
}

/* ln x for normal x > 0: x = m * 2^e with m in [sqrt(1/2), sqrt(2)); ln m = 2 atanh((m - 1) / (m + 1)) by its series; |s| < 0.172, so
   the term s^25 is below 2^-64 of the first. */
static double ln(double x)
{
    uint64_t u = bits_of(x);
    int64_t e = (int64_t)(u >> 52) - 1023;
    double m = from_bits((u & 0xfffffffffffffu) | 0x3ff0000000000000u);
    if (m > 1.41421356237309504880) {
        m = m * 0.5;
        e++;
    }
    double s = (m - 1.0) / (m + 1.0), z = s * s, p = 0.0;
    for (int k = 23; k >= 3; k -= 2)
        p = (p + 1.0 / (double)k) * z;
    p = 2.0 * s + 2.0 * s * p;
    return (double)e * LN2_HI + ((double)e * LN2_LO + p);
}

/* e^x for |x| < 700: x = n ln 2 + r, |r| <= 0.347; the series to r^18. */
static double ex(double x)
{
    double n = (x * 1.44269504088896338700 + ROUND) - ROUND;
    double r = (x - n * LN2_HI) - n * LN2_LO, p = 1.0;
    for (int k = 18; k >= 1; k--)
        p = p * r / (double)k + 1.0;
    return from_bits(bits_of(p) + ((uint64_t)(int64_t)n << 52));
}

/* sin and cos of 0 <= x < 2^31. */
static void turn(double x, double *c, double *s)
{
    double n = (x * (2.0 / PI) + ROUND) - ROUND;
    double r = ((x - n * PIO2_1) - n * PIO2_2) - n * PIO2_3, z = r * r, ps = 0.0, pc = 0.0;
    for (int k = 21; k >= 3; k -= 2)
        ps = (1.0 + ps) * (-z / (double)(k * (k - 1)));
    for (int k = 22; k >= 2; k -= 2)
        pc = (1.0 + pc) * (-z / (double)(k * (k - 1)));
    double sn = r + r * ps, cs = 1.0 + pc;
    uint64_t q = (uint64_t)n;
    *s = q & 1 ? cs : sn;
    *c = q & 1 ? sn : cs;
    if (q & 2)
        *s = -*s;
    if ((q + 1) & 2)
        *c = -*c;
}

struct rope {
    uint32_t kind, dims;
    double base, scale, p[3];
};

static double attr(const struct su_node *n, uint32_t i)
{
    return (double)su_f32_from_bits((uint32_t)n->attr[i]);
}

/* Llama 3: long waves are stretched by `scale`, short ones stay, those between are blended. */
static double stretch_llama3(const struct rope *r, double f)
{
    double wave = 2.0 * PI / f, low = r->p[0], high = r->p[1], trained = r->p[2];
    if (wave < trained / high)
        return f;
    if (wave > trained / low)
        return f * r->scale;
    double smooth = (trained / wave - low) / (high - low);
    return (1.0 - smooth) * f * r->scale + smooth * f;
}

/* YaRN (Peng et al., arXiv 2309.00071): a ramp between the pairs that turn beta_fast and beta_slow times in the trained context. */
static double yarn_pair(const struct rope *r, double turns)
{
    return (double)r->dims * ln(r->p[2] / (turns * 2.0 * PI)) / (2.0 * ln(r->base));
}

static double stretch_yarn(const struct rope *r, uint32_t i, double f)
{
    double low = floor(yarn_pair(r, r->p[0])), high = ceil(yarn_pair(r, r->p[1]));
    low = low < 0.0 ? 0.0 : low;
    high = high > (double)r->dims - 1.0 ? (double)r->dims - 1.0 : high;
    double span = high - low < 0.001 ? 0.001 : high - low;
    double ramp = ((double)i - low) / span;
    ramp = 1.0 - (ramp < 0.0 ? 0.0 : ramp > 1.0 ? 1.0 : ramp);
    return f * r->scale * (1.0 - ramp) + f * ramp;
}

void su_rope_turns(const struct su_node *n, const float *factors, uint32_t position, float *out)
{
    struct rope r = {.kind = (uint32_t)n->attr[4], .dims = (uint32_t)n->attr[1]};
    r.base = attr(n, 2);
    r.scale = attr(n, 3);
    for (uint32_t i = 0; i < 3; i++)
        r.p[i] = attr(n, 5 + i);
    double step = ln(r.base) / (double)r.dims;
    double size =
        r.kind == 2 && r.scale < 1.0 ? 1.0 - 0.1 * ln(r.scale) : 1.0; /* YaRN's temperature */
    for (uint32_t i = 0; i < r.dims / 2; i++) {
        double f = ex(-2.0 * (double)i * step), c, s;
        if (factors)
            f = f / (double)(su_num_key(factors[i]) > su_num_key(0x1p-20f) ? factors[i] : 0x1p-20f);
        if (r.kind == 0)
            f = f * r.scale;
        else
            f = r.kind == 1 ? stretch_llama3(&r, f) : stretch_yarn(&r, i, f);
        double angle = (double)position * f;
        turn(angle < 0x1p31 ? angle : 0.0, &c, &s);
        out[2 * i] = su_num_fix((float)(c * size));
        out[2 * i + 1] = su_num_fix((float)(s * size));
    }
}
