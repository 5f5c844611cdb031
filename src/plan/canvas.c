// SPDX-License-Identifier: MIT
#include "draw_priv.h"

#include <stdlib.h>

enum { UP = 1, RIGHT = 2, DOWN = 4, LEFT = 8 };

enum su_code su_plan_canvas_init(struct su_plan_canvas *c, uint32_t w, uint32_t h, struct su_err *e)
{
    c->w = w;
    c->h = h;
    c->line = su_try_alloc((size_t)w * h, sizeof *c->line);
    c->text = su_try_alloc((size_t)w * h, sizeof *c->text);
    if (!c->line || !c->text) {
        su_plan_canvas_fini(c);
        return su_fail(e, SU_ENOMEM, NULL, "no memory for a drawing of %u x %u", w, h);
    }
    return SU_OK;
}

void su_plan_canvas_fini(struct su_plan_canvas *c)
{
    free(c->line);
    free(c->text);
    c->line = NULL;
    c->text = NULL;
}

static void put_line(struct su_plan_canvas *c, uint32_t x, uint32_t y, uint8_t bits)
{
    if (x < c->w && y < c->h) {
        c->line[(size_t)y * c->w + x] |= bits;
    }
}

void su_plan_canvas_across(struct su_plan_canvas *c, uint32_t y, uint32_t x0, uint32_t x1)
{
    if (x0 > x1) {
        uint32_t swap = x0;
        x0 = x1;
        x1 = swap;
    }
    for (uint32_t x = x0; x < x1; x++) {
        put_line(c, x, y, RIGHT);
        put_line(c, x + 1, y, LEFT);
    }
}

void su_plan_canvas_down(struct su_plan_canvas *c, uint32_t x, uint32_t y0, uint32_t y1)
{
    for (uint32_t y = y0; y < y1; y++) {
        put_line(c, x, y, DOWN);
        put_line(c, x, y + 1, UP);
    }
}

void su_plan_canvas_box(struct su_plan_canvas *c, uint32_t x, uint32_t y, uint32_t w, uint32_t h)
{
    su_plan_canvas_across(c, y, x, x + w - 1);
    su_plan_canvas_across(c, y + h - 1, x, x + w - 1);
    su_plan_canvas_down(c, x, y, y + h - 1);
    su_plan_canvas_down(c, x + w - 1, y, y + h - 1);
}

/* Assumes well-formed UTF-8 of up to three bytes, which is all that plan writes. */
static uint32_t next_code(const char **s)
{
    const unsigned char *p = (const unsigned char *)*s;
    size_t n = su_utf8_step(p, 4);
    if (n == 2) {
        *s += 2;
        return (p[0] & 0x1fu) << 6 | (p[1] & 0x3fu);
    }
    if (n == 3) {
        *s += 3;
        return (p[0] & 0x0fu) << 12 | (p[1] & 0x3fu) << 6 | (p[2] & 0x3fu);
    }
    *s += 1;
    return p[0] < 0x80 ? p[0] : '?';
}

void su_plan_canvas_text(struct su_plan_canvas *c, uint32_t x, uint32_t y, const char *s,
                         uint32_t room)
{
    for (uint32_t i = 0; i < room && *s != '\0' && x + i < c->w && y < c->h; i++) {
        c->text[(size_t)y * c->w + x + i] = next_code(&s);
    }
}

static void put_code(struct su_buf *out, uint32_t code)
{
    if (code < 0x80) {
        su_buf_u8(out, (uint8_t)code);
    } else if (code < 0x800) {
        su_buf_u8(out, (uint8_t)(0xc0 | code >> 6));
        su_buf_u8(out, (uint8_t)(0x80 | (code & 0x3f)));
    } else {
        su_buf_u8(out, (uint8_t)(0xe0 | code >> 12));
        su_buf_u8(out, (uint8_t)(0x80 | (code >> 6 & 0x3f)));
        su_buf_u8(out, (uint8_t)(0x80 | (code & 0x3f)));
    }
}

static uint32_t code_of(const struct su_plan_canvas *c, uint32_t x, uint32_t y, bool utf8)
{
    /* By the bits of UP, RIGHT, DOWN, LEFT. */
    static const uint32_t joint[16] = {' ',    0x2502, 0x2500, 0x2514, 0x2502, 0x2502,
                                       0x250c, 0x251c, 0x2500, 0x2518, 0x2500, 0x2534,
                                       0x2510, 0x2524, 0x252c, 0x253c};
    static const char plain[] = " |-+||++-+-+++++";
    size_t at = (size_t)y * c->w + x;
    if (c->text[at] != 0) {
        return c->text[at];
    }
    return utf8 ? joint[c->line[at]] : (uint32_t)plain[c->line[at]];
}

void su_plan_canvas_write(const struct su_plan_canvas *c, bool utf8, struct su_buf *out)
{
    for (uint32_t y = 0; y < c->h; y++) {
        uint32_t end = c->w;
        while (end > 0 && code_of(c, end - 1, y, utf8) == ' ') {
            end--;
        }
        for (uint32_t x = 0; x < end; x++) {
            put_code(out, code_of(c, x, y, utf8));
        }
        su_buf_u8(out, '\n');
    }
}
