// SPDX-License-Identifier: MIT
#include "ecvrf.h"

enum {
    SUITE = 0x03,
    DOMAIN_H = 0x01,
    DOMAIN_CHALLENGE = 0x02,
    DOMAIN_BETA = 0x03,
    DOMAIN_END = 0x00,
    AT_C = 32,
    AT_S = 48,
    BLOCK_BYTES = 128,
};

/* L, the order of the base point; the field's prime p has 0xed, 30 times 0xff, 0x7f. */
static const uint8_t order[32] = {0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7,
                                  0xa2, 0xde, 0xf9, 0xde, 0x14, 0,    0,    0,    0,    0,    0,
                                  0,    0,    0,    0,    0,    0,    0,    0,    0,    0x10};

static const uint8_t base_point[32] = {
    0x58, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66,
    0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66};

/* FIPS 180-4 §4.2.3 and §5.3.5. */
static const uint64_t sha512_k[80] = {
    0x428a2f98d728ae22, 0x7137449123ef65cd, 0xb5c0fbcfec4d3b2f, 0xe9b5dba58189dbbc,
    0x3956c25bf348b538, 0x59f111f1b605d019, 0x923f82a4af194f9b, 0xab1c5ed5da6d8118,
    0xd807aa98a3030242, 0x12835b0145706fbe, 0x243185be4ee4b28c, 0x550c7dc3d5ffb4e2,
    0x72be5d74f27b896f, 0x80deb1fe3b1696b1, 0x9bdc06a725c71235, 0xc19bf174cf692694,
    0xe49b69c19ef14ad2, 0xefbe4786384f25e3, 0x0fc19dc68b8cd5b5, 0x240ca1cc77ac9c65,
    0x2de92c6f592b0275, 0x4a7484aa6ea6e483, 0x5cb0a9dcbd41fbd4, 0x76f988da831153b5,
    0x983e5152ee66dfab, 0xa831c66d2db43210, 0xb00327c898fb213f, 0xbf597fc7beef0ee4,
    0xc6e00bf33da88fc2, 0xd5a79147930aa725, 0x06ca6351e003826f, 0x142929670a0e6e70,
    0x27b70a8546d22ffc, 0x2e1b21385c26c926, 0x4d2c6dfc5ac42aed, 0x53380d139d95b3df,
    0x650a73548baf63de, 0x766a0abb3c77b2a8, 0x81c2c92e47edaee6, 0x92722c851482353b,
    0xa2bfe8a14cf10364, 0xa81a664bbc423001, 0xc24b8b70d0f89791, 0xc76c51a30654be30,
    0xd192e819d6ef5218, 0xd69906245565a910, 0xf40e35855771202a, 0x106aa07032bbd1b8,
    0x19a4c116b8d2d0c8, 0x1e376c085141ab53, 0x2748774cdf8eeb99, 0x34b0bcb5e19b48a8,
    0x391c0cb3c5c95a63, 0x4ed8aa4ae3418acb, 0x5b9cca4f7763e373, 0x682e6ff3d6b2b8a3,
    0x748f82ee5defb2fc, 0x78a5636f43172f60, 0x84c87814a1f0ab72, 0x8cc702081a6439ec,
    0x90befffa23631e28, 0xa4506cebde82bde9, 0xbef9a3f7b2c67915, 0xc67178f2e372532b,
    0xca273eceea26619c, 0xd186b8c721c0c207, 0xeada7dd6cde0eb1e, 0xf57d4f7fee6ed178,
    0x06f067aa72176fba, 0x0a637dc5a2c898a6, 0x113f9804bef90dae, 0x1b710b35131c471b,
    0x28db77f523047d84, 0x32caab7b40c72493, 0x3c9ebe0a15c9bebc, 0x431d67c49c100d4c,
    0x4cc5d4becb3e42b6, 0x597f299cfc657e2a, 0x5fcb6fab3ad6faec, 0x6c44198c4a475817};

static const uint64_t sha512_start[8] = {0x6a09e667f3bcc908, 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b,
                                         0xa54ff53a5f1d36f1, 0x510e527fade682d1, 0x9b05688c2b3e6c1f,
                                         0x1f83d9abfb41bd6b, 0x5be0cd19137e2179};

void su_ecvrf_sha512_init(struct su_ecvrf_sha512 *s)
{
    for (unsigned i = 0; i < 8; i++)
        s->h[i] = sha512_start[i];
    s->total = 0;
}

/* The VM has no rotation, and each shift of its own costs a copy. So three rotations become nested
   shifts to the right, ((x >> a ^ x) >> b ^ x) >> c, and the same to the left for the bits that go
   around. A compiler would multiply the brackets out; it must not see through this. */
#define KEEP(x) __asm__("" : "+r"(x))

SU_FREE_FN uint64_t nested_right(uint64_t x, unsigned a, unsigned b, unsigned c)
{
    uint64_t r = x >> a ^ x;

    KEEP(r);
    r = r >> b ^ x;
    KEEP(r);
    return r >> c;
}

SU_FREE_FN uint64_t nested_left(uint64_t x, unsigned a, unsigned b, unsigned c)
{
    uint64_t r = x << a ^ x;

    KEEP(r);
    r = r << b ^ x;
    KEEP(r);
    return r << c;
}

SU_FREE_FN uint64_t nested_left_2(uint64_t x, unsigned a, unsigned b)
{
    uint64_t r = x << a ^ x;

    KEEP(r);
    return r << b;
}

/* FIPS 180-4 §4.1.3: rotations to the right by 28, 34, 39; by 14, 18, 41; by 1, 8 and a shift by 7;
   by 19, 61 and a shift by 6. */
#define BIG_0(x) (nested_right(x, 5, 6, 28) ^ nested_left(x, 6, 5, 25))
#define BIG_1(x) (nested_right(x, 23, 4, 14) ^ nested_left(x, 4, 23, 23))
#define SMALL_0(x) (nested_right(x, 1, 6, 1) ^ nested_left_2(x, 7, 56))
#define SMALL_1(x) (nested_right(x, 42, 13, 6) ^ nested_left_2(x, 42, 3))

#define ROUND(a, b, c, d, e, f, g, h, i)                                                           \
    do {                                                                                           \
        h += BIG_1(e) + (((f ^ g) & e) ^ g) + k[i] + w[i];                                         \
        d += h;                                                                                    \
        h += BIG_0(a) + (((a ^ b) & (b ^ c)) ^ b);                                                 \
    } while (0)

static void compress(struct su_ecvrf_sha512 *s)
{
    uint64_t *w = s->w;
    for (unsigned i = 0; i < 16; i++)
        w[i] = __builtin_bswap64(s->block[i]);
    for (unsigned i = 16; i < 80; i++)
        w[i] = SMALL_1(w[i - 2]) + w[i - 7] + SMALL_0(w[i - 15]) + w[i - 16];
    uint64_t a = s->h[0], b = s->h[1], c = s->h[2], d = s->h[3];
    uint64_t e = s->h[4], f = s->h[5], g = s->h[6], h = s->h[7];
    const uint64_t *k = sha512_k;
    for (unsigned i = 0; i < 80; i += 8, k += 8, w += 8) {
        ROUND(a, b, c, d, e, f, g, h, 0);
        ROUND(h, a, b, c, d, e, f, g, 1);
        ROUND(g, h, a, b, c, d, e, f, 2);
        ROUND(f, g, h, a, b, c, d, e, 3);
        ROUND(e, f, g, h, a, b, c, d, 4);
        ROUND(d, e, f, g, h, a, b, c, 5);
        ROUND(c, d, e, f, g, h, a, b, 6);
        ROUND(b, c, d, e, f, g, h, a, 7);
    }
    s->h[0] += a;
    s->h[1] += b;
    s->h[2] += c;
    s->h[3] += d;
    s->h[4] += e;
    s->h[5] += f;
    s->h[6] += g;
    s->h[7] += h;
}

void su_ecvrf_sha512_update(struct su_ecvrf_sha512 *s, const uint8_t *p, uint64_t n)
{
    uint8_t *block = (uint8_t *)s->block;
    uint64_t at = s->total % BLOCK_BYTES;

    s->total += n;
    while (n > 0) {
        uint64_t room = BLOCK_BYTES - at, k = n < room ? n : room;
        su_free_copy(block + at, p, k);
        p += k;
        n -= k;
        at += k;
        if (at == BLOCK_BYTES) {
            compress(s);
            at = 0;
        }
    }
}

void su_ecvrf_sha512_final(struct su_ecvrf_sha512 *s, uint8_t out[64])
{
    uint8_t *block = (uint8_t *)s->block;
    uint64_t at = s->total % BLOCK_BYTES;

    block[at++] = 0x80;
    while (at % 8 != 0)
        block[at++] = 0;
    uint64_t word = at / 8;
    if (word > 14) {
        for (; word < 16; word++)
            s->block[word] = 0;
        compress(s);
        word = 0;
    }
    for (; word < 15; word++) /* word 14 is for messages of 2^61 bytes */
        s->block[word] = 0;
    s->block[15] = __builtin_bswap64(s->total * 8);
    compress(s);
    for (unsigned i = 0; i < 8; i++)
        su_free_store64(out + 8 * i, __builtin_bswap64(s->h[i]));
}

static void hash_byte(struct su_ecvrf *v, uint8_t byte)
{
    su_ecvrf_sha512_update(&v->sha, &byte, 1);
}

static void hash_start(struct su_ecvrf *v, uint8_t domain)
{
    su_ecvrf_sha512_init(&v->sha);
    hash_byte(v, SUITE);
    hash_byte(v, domain);
}

static void hash_end(struct su_ecvrf *v, uint8_t out[64])
{
    hash_byte(v, DOMAIN_END);
    su_ecvrf_sha512_final(&v->sha, out);
}

/* RFC 8032 §5.1.3 knows one encoding of each point: y < p, and no sign where x = 0, which is at
   y = 1 and y = p - 1. Libraries take the others as well. */
static bool canonical(const uint8_t p[32])
{
    bool sign = p[31] >> 7 != 0, top = (p[31] & 0x7f) == 0x7f;
    uint8_t ones = 0xff, zeros = 0;

    for (unsigned i = 1; i < 31; i++) {
        ones = (uint8_t)(ones & p[i]);
        zeros = (uint8_t)(zeros | p[i]);
    }
    if (top && ones == 0xff && p[0] >= (sign ? 0xec : 0xed))
        return false;
    return !(sign && (p[31] & 0x7f) == 0 && zeros == 0 && p[0] == 1);
}

static bool scalar_valid(const uint8_t s[32])
{
    for (unsigned i = 32; i-- > 0;) {
        if (s[i] != order[i])
            return s[i] < order[i];
    }
    return false;
}

static bool is_identity(const uint8_t p[32])
{
    return p[0] == 1 && su_free_is_zero(p + 1, 31);
}

/* out = 8p, which has no small-order part left; false when p does not encode a point. */
static bool times_8(const struct su_ecvrf_ops *ops, const uint8_t p[32], uint8_t out[32])
{
    return canonical(p) && ops->add(p, p, out) && ops->add(out, out, out) &&
           ops->add(out, out, out);
}

bool su_ecvrf_key_valid(struct su_ecvrf *v)
{
    return times_8(v->ops, v->key, v->points) && !is_identity(v->points);
}

bool su_ecvrf_h(struct su_ecvrf *v)
{
    for (unsigned ctr = 0; ctr < SU_ECVRF_TRIES; ctr++) {
        hash_start(v, DOMAIN_H);
        su_ecvrf_sha512_update(&v->sha, v->key, SU_ECVRF_KEY_BYTES);
        su_ecvrf_sha512_update(&v->sha, v->alpha, v->alpha_bytes);
        hash_byte(v, (uint8_t)ctr);
        hash_end(v, v->points);
        if (times_8(v->ops, v->points, v->h) && !is_identity(v->h))
            return true;
    }
    return false;
}

void su_ecvrf_challenge(struct su_ecvrf *v, const uint8_t gamma[32])
{
    hash_start(v, DOMAIN_CHALLENGE);
    su_ecvrf_sha512_update(&v->sha, v->key, 32);
    su_ecvrf_sha512_update(&v->sha, v->h, 32);
    su_ecvrf_sha512_update(&v->sha, gamma, 32);
    su_ecvrf_sha512_update(&v->sha, v->u, 32);
    su_ecvrf_sha512_update(&v->sha, v->v, 32);
    hash_end(v, v->points);
    su_free_copy(v->c, v->points, sizeof v->c);
}

bool su_ecvrf_beta(struct su_ecvrf *v)
{
    if (!scalar_valid(v->proof + AT_S) || !times_8(v->ops, v->proof, v->points))
        return false;
    hash_start(v, DOMAIN_BETA);
    su_ecvrf_sha512_update(&v->sha, v->points, 32);
    hash_end(v, v->beta);
    return true;
}

/* out = s*p - c*q, with s and c of the proof. Not s*p + (L - c)*q: that is wrong where q has a
   small-order part. The sign bit turns q into -q exactly. */
static bool s_p_minus_c_q(struct su_ecvrf *v, const uint8_t p[32], const uint8_t q[32],
                          uint8_t out[32])
{
    su_free_copy(v->scalars, v->proof + AT_S, 32);
    su_free_copy(v->scalars + 32, v->proof + AT_C, 16);
    su_free_zero(v->scalars + 48, 16);
    su_free_copy(v->points, p, 32);
    su_free_copy(v->points + 32, q, 32);
    v->points[63] ^= 0x80;
    return v->ops->mul2(v->scalars, v->points, out);
}

bool su_ecvrf_verify(struct su_ecvrf *v)
{
    if (!su_ecvrf_key_valid(v) || !su_ecvrf_beta(v) || !su_ecvrf_h(v))
        return false;
    if (!s_p_minus_c_q(v, base_point, v->key, v->u) || !s_p_minus_c_q(v, v->h, v->proof, v->v))
        return false;
    su_ecvrf_challenge(v, v->proof);
    return su_free_equal(v->c, v->proof + AT_C, sizeof v->c);
}
