// SPDX-License-Identifier: MIT
#include "media_priv.h"

#include <stdlib.h>
#include <string.h>

enum {
    SIDE = SU_MEDIA_DIGIT_SIDE,
    BOX = 20, /* longer side of the ink */
    FAINTEST = 24, /* less contrast than this between paper and ink is no ink */
    CLEAN = 4, /* noise floor on even paper, of 255 */
    WHITE = 255
};

struct box {
    uint32_t x0, y0, x1, y1; /* half-open */
};

/* The level below which `percent` of the border's pixels lie. */
static uint8_t border_level(const uint8_t *px, uint32_t w, uint32_t h, uint32_t percent)
{
    uint32_t count[256] = {0}, total = 0;

    for (uint32_t y = 0; y < h; y++) {
        bool edge_row = y == 0 || y == h - 1;

        for (uint32_t x = 0; x < w; x += edge_row || w == 1 ? 1 : w - 1) {
            count[px[(size_t)y * w + x]]++;
            total++;
        }
    }
    uint32_t seen = 0, v = 0;
    while (seen + count[v] <= total * percent / 100) {
        seen += count[v++];
    }
    return (uint8_t)v;
}

/* Otsu, "A threshold selection method from gray-level histograms" (1979): the level t that
   maximises the variance w0·w1·(m0 - m1)^2 between the pixels <= t and > t; the middle of all such
   levels, which is the middle of the gap between clean paper and clean ink. Shares w have 16 bits
   after the point and means m have 4, so the score stays below 2^33·2^24. Returns 0 when all pixels
   are equal. */
static unsigned otsu(const uint64_t count[256], uint64_t n)
{
    uint64_t sum = 0, sum0 = 0, n0 = 0, best_score = 0;
    unsigned first = 0, last = 0;

    for (unsigned v = 0; v < 256; v++) {
        sum += v * count[v];
    }
    for (unsigned t = 0; t < 255; t++) {
        n0 += count[t];
        sum0 += t * count[t];
        if (n0 == 0 || n0 == n) {
            continue;
        }
        uint64_t w0 = SU_MAX((uint64_t)1, (n0 << 16) / n);
        uint64_t w1 = SU_MAX((uint64_t)1, ((n - n0) << 16) / n);
        uint64_t d = ((sum - sum0) << 4) / (n - n0) - (sum0 << 4) / n0;
        uint64_t score = w0 * w1 * (d * d);
        if (score > best_score) {
            best_score = score;
            first = t;
        }
        if (score == best_score) {
            last = t;
        }
    }
    return (first + last) / 2;
}

/* Stretches [paper, strongest ink] to [0, 255] in place. Returns the threshold between them, 0 when
   there is no ink. */
static unsigned stretch(uint8_t *px, size_t n, uint8_t paper)
{
    uint64_t count[256] = {0};
    uint8_t top = 0;

    for (size_t i = 0; i < n; i++) {
        top = SU_MAX(top, px[i]);
    }
    if (top < paper + FAINTEST) {
        return 0;
    }
    unsigned span = (unsigned)(top - paper);
    for (size_t i = 0; i < n; i++) {
        unsigned v = px[i] > paper ? (unsigned)(px[i] - paper) : 0;

        px[i] = (uint8_t)((v * WHITE + span / 2) / span);
        count[px[i]]++;
    }
    return otsu(count, n) + 1;
}

static bool has_neighbour(const uint8_t *px, uint32_t w, uint32_t h, uint32_t x, uint32_t y,
                          unsigned floor)
{
    uint32_t y1 = SU_MIN(y + 2, h), x1 = SU_MIN(x + 2, w);

    for (uint32_t v = y > 0 ? y - 1 : 0; v < y1; v++) {
        for (uint32_t u = x > 0 ? x - 1 : 0; u < x1; u++) {
            if ((u != x || v != y) && px[(size_t)v * w + u] >= floor) {
                return true;
            }
        }
    }
    return false;
}

/* Finds the box of all pixels >= floor that are not alone, and clears the rest. False when there
   are none. */
static bool find_ink(uint8_t *px, uint32_t w, uint32_t h, unsigned floor, struct box *b)
{
    *b = (struct box){.x0 = w, .y0 = h};
    for (uint32_t y = 0; y < h; y++) {
        for (uint32_t x = 0; x < w; x++) {
            uint8_t v = px[(size_t)y * w + x];

            if (v >= floor && has_neighbour(px, w, h, x, y, floor)) {
                b->x0 = SU_MIN(b->x0, x);
                b->x1 = SU_MAX(b->x1, x + 1);
                b->y0 = SU_MIN(b->y0, y);
                b->y1 = y + 1;
            }
        }
    }
    for (uint32_t y = b->y0; y < b->y1; y++) {
        for (uint32_t x = b->x0; x < b->x1; x++) {
            size_t i = (size_t)y * w + x;

            if (px[i] < floor) {
                px[i] = 0;
            }
        }
    }
    return b->x1 > b->x0;
}

/* Area average: source and target share the grid of w·tw by h·th cells, so every weight is an
   integer. */
static void shrink(const uint8_t *px, uint32_t stride, const struct box *b, uint32_t tw,
                   uint32_t th, uint8_t *out)
{
    uint64_t bw = b->x1 - b->x0, bh = b->y1 - b->y0;

    for (uint64_t oy = 0; oy < th; oy++) {
        for (uint64_t ox = 0; ox < tw; ox++) {
            uint64_t sum = 0;

            for (uint64_t sy = oy * bh / th; sy * th < (oy + 1) * bh; sy++) {
                uint64_t wy = SU_MIN((sy + 1) * th, (oy + 1) * bh) - SU_MAX(sy * th, oy * bh);
                const uint8_t *row = px + (b->y0 + sy) * stride + b->x0;

                for (uint64_t sx = ox * bw / tw; sx * tw < (ox + 1) * bw; sx++) {
                    uint64_t wx = SU_MIN((sx + 1) * tw, (ox + 1) * bw) - SU_MAX(sx * tw, ox * bw);

                    sum += row[sx] * wx * wy;
                }
            }
            out[oy * tw + ox] = (uint8_t)((sum + bw * bh / 2) / (bw * bh));
        }
    }
}

static uint32_t scaled_side(uint32_t side, uint32_t longer)
{
    return SU_MAX(1u, (side * BOX + longer / 2) / longer);
}

/* Where a box of n pixels starts so that the centre of mass (moment / mass, in pixels from its
   start) lies at SIDE / 2, rounded up: that is what MNIST did, as enlarged MNIST digits show, which
   come back to the byte with this rounding only. */
static uint32_t place(uint64_t twice_moment, uint64_t mass, uint32_t n)
{
    uint64_t centre = (uint64_t)SIDE * mass; /* both sides times 2·mass */
    uint64_t off = centre > twice_moment ? (centre - twice_moment + 2 * mass - 1) / (2 * mass) : 0;

    return (uint32_t)SU_MIN(off, (uint64_t)(SIDE - n));
}

static void centre(const uint8_t *small, uint32_t tw, uint32_t th,
                   uint8_t out[SU_MEDIA_DIGIT_BYTES])
{
    uint64_t mass = 0, mx = 0, my = 0;

    for (uint32_t y = 0; y < th; y++) {
        for (uint32_t x = 0; x < tw; x++) {
            uint64_t v = small[y * tw + x];

            mass += v;
            mx += v * (2 * x + 1);
            my += v * (2 * y + 1);
        }
    }
    uint32_t ox = place(mx, mass, tw), oy = place(my, mass, th);
    for (uint32_t y = 0; y < th; y++) {
        memcpy(out + (oy + y) * SIDE + ox, small + y * tw, tw);
    }
}

static bool digit_from(uint8_t *px, uint32_t w, uint32_t h, uint8_t paper,
                       uint8_t out[SU_MEDIA_DIGIT_BYTES])
{
    uint8_t small[BOX * BOX];
    struct box b;
    unsigned threshold = stretch(px, (size_t)w * h, paper);

    if (threshold == 0) {
        return false;
    }
    /* Clean paper keeps the faint rim of the strokes; grainy or shaded paper raises the floor. */
    unsigned grain = border_level(px, w, h, 95);
    unsigned floor = SU_MAX(1u, SU_MIN(threshold / 2, CLEAN + 2 * grain));
    if (!find_ink(px, w, h, floor, &b)) {
        return false;
    }
    uint32_t longer = SU_MAX(b.x1 - b.x0, b.y1 - b.y0);
    uint32_t tw = scaled_side(b.x1 - b.x0, longer), th = scaled_side(b.y1 - b.y0, longer);
    shrink(px, w, &b, tw, th, small);
    uint8_t top = 0;
    for (uint32_t i = 0; i < tw * th; i++) {
        top = SU_MAX(top, small[i]);
    }
    if (top == 0) {
        return false;
    }
    for (uint32_t i = 0; i < tw * th; i++) {
        small[i] = (uint8_t)((small[i] * WHITE + top / 2) / top);
    }
    centre(small, tw, th, out);
    return true;
}

enum su_code su_image_to_digit(const struct su_image *im, uint8_t out[SU_MEDIA_DIGIT_BYTES],
                               struct su_err *e)
{
    memset(out, 0, SU_MEDIA_DIGIT_BYTES);
    if (im->gray == NULL || im->w == 0 || im->h == 0) {
        return su_fail(e, SU_EINVAL, "picture", "has no pixels");
    }
    size_t n = (size_t)im->w * im->h;
    uint8_t paper = border_level(im->gray, im->w, im->h, 50);
    bool mnist_size = im->w == SIDE && im->h == SIDE;
    if (mnist_size && paper < 128) {
        memcpy(out, im->gray, n);
    } else if (mnist_size && paper == WHITE) {
        for (size_t i = 0; i < n; i++) {
            out[i] = (uint8_t)(WHITE - im->gray[i]);
        }
    } else {
        uint8_t *px = su_try_alloc(n, 1);

        if (px == NULL) {
            return su_fail(e, SU_ENOMEM, "picture", "no memory for %zu pixels", n);
        }
        bool light = paper >= 128;
        for (size_t i = 0; i < n; i++) {
            px[i] = light ? (uint8_t)(WHITE - im->gray[i]) : im->gray[i];
        }
        (void)digit_from(px, im->w, im->h, light ? (uint8_t)(WHITE - paper) : paper, out);
        free(px);
    }
    uint8_t top = 0, bottom = WHITE;
    for (size_t i = 0; i < SU_MEDIA_DIGIT_BYTES; i++) {
        top = SU_MAX(top, out[i]);
        bottom = SU_MIN(bottom, out[i]);
    }
    if (top < bottom + FAINTEST) {
        memset(out, 0, SU_MEDIA_DIGIT_BYTES);
        return su_fail(e, SU_EFORMAT, "picture",
                       "no ink: %u x %u pixels show nothing but background (level %u)", im->w,
                       im->h, paper);
    }
    return SU_OK;
}
