// SPDX-License-Identifier: MIT
#include "ui/term/grid.h"

#include <stdlib.h>
#include <string.h>

static int clamp(int v, int lo, int hi)
{
    return v < lo ? lo : v > hi ? hi : v;
}

bool ui_grid_resize(struct ui_grid *g, int w, int h)
{
    size_t n;

    w = clamp(w, 1, UI_GRID_MAX_W);
    h = clamp(h, 1, UI_GRID_MAX_H);
    n = (size_t)w * (size_t)h;
    if (n > g->cap) {
        struct ui_cell *cell = su_try_alloc(n, sizeof *cell);
        if (!cell)
            return false;
        free(g->cell);
        g->cell = cell;
        g->cap = n;
    }
    g->w = w;
    g->h = h;
    ui_grid_clear(g);
    return true;
}

void ui_grid_clear(struct ui_grid *g)
{
    for (size_t i = 0; i < (size_t)g->w * (size_t)g->h; i++)
        g->cell[i] = (struct ui_cell){' ', UI_ROLE_TEXT};
    g->cursor = false;
}

void ui_grid_fini(struct ui_grid *g)
{
    free(g->cell);
    *g = (struct ui_grid){.w = 0};
}

struct ui_cell *ui_grid_at(const struct ui_grid *g, int x, int y)
{
    if (x < 0 || y < 0 || x >= g->w || y >= g->h)
        return NULL;
    return &g->cell[(size_t)y * (size_t)g->w + (size_t)x];
}

struct ui_area ui_area_all(struct ui_grid *g)
{
    return (struct ui_area){g, {0, 0, g->w, g->h}};
}

struct ui_area ui_area_sub(struct ui_area a, int x, int y, int w, int h)
{
    int x1 = clamp(x, 0, a.r.w), y1 = clamp(y, 0, a.r.h);
    int x2 = clamp(w > a.r.w - x ? a.r.w : x + w, x1, a.r.w);
    int y2 = clamp(h > a.r.h - y ? a.r.h : y + h, y1, a.r.h);

    return (struct ui_area){a.g, {a.r.x + x1, a.r.y + y1, x2 - x1, y2 - y1}};
}

struct range {
    uint32_t low, high;
};

uint32_t ui_glyph(uint32_t cp)
{
    /* Scripts of width one that are written from left to right without joining, punctuation, and
       what frames and charts are made of. */
    static const struct range shown[] = {
        {0x20, 0x7e},     {0xa1, 0xac},     {0xae, 0x2af},    {0x370, 0x377},   {0x37a, 0x37f},
        {0x384, 0x38a},   {0x38c, 0x38c},   {0x38e, 0x3a1},   {0x3a3, 0x482},   {0x48a, 0x52f},
        {0x531, 0x556},   {0x561, 0x587},   {0x1e00, 0x1eff}, {0x2010, 0x2015}, {0x2018, 0x201f},
        {0x2020, 0x2022}, {0x2026, 0x2026}, {0x2030, 0x2030}, {0x2039, 0x203a}, {0x20ac, 0x20ac},
        {0x2190, 0x2193}, {0x2200, 0x220d}, {0x2212, 0x2212}, {0x2248, 0x2248}, {0x2260, 0x2265},
        {0x2500, 0x259f},
    };

    for (size_t i = 0; i < SU_ARRAY_LEN(shown); i++)
        if (cp >= shown[i].low && cp <= shown[i].high)
            return cp;
    return '?';
}

/* The next character of a terminated text; *s moves on. Bytes that are no UTF-8 count one each. */
static uint32_t next_cp(const char **s)
{
    const uint8_t *p = (const uint8_t *)*s;
    size_t n = 1;

    if (p[0] >= 0x80) {
        size_t left = 1;
        while (left < 4 && p[left] != 0)
            left++;
        n = su_utf8_step(p, left);
    }
    *s += n ? n : 1;
    switch (n) {
    case 1:
        return p[0];
    case 2:
        return (uint32_t)(p[0] & 0x1f) << 6 | (p[1] & 0x3f);
    case 3:
        return (uint32_t)(p[0] & 0x0f) << 12 | (uint32_t)(p[1] & 0x3f) << 6 | (p[2] & 0x3f);
    case 4:
        return (uint32_t)(p[0] & 0x07) << 18 | (uint32_t)(p[1] & 0x3f) << 12 |
               (uint32_t)(p[2] & 0x3f) << 6 | (p[3] & 0x3f);
    default:
        return 0xfffd;
    }
}

int ui_text_width(const char *s)
{
    int n = 0;

    for (; *s && n < 1 << 20; n++)
        (void)next_cp(&s);
    return n;
}

void ui_put(struct ui_area a, int x, int y, uint32_t cp, enum ui_role role)
{
    struct ui_cell *c;

    if (x < 0 || y < 0 || x >= a.r.w || y >= a.r.h)
        return;
    c = ui_grid_at(a.g, a.r.x + x, a.r.y + y);
    if (c)
        *c = (struct ui_cell){ui_glyph(cp), (uint8_t)role};
}

int ui_text(struct ui_area a, int x, int y, enum ui_role role, const char *s)
{
    while (*s && x < a.r.w)
        ui_put(a, x++, y, next_cp(&s), role);
    return x;
}

int ui_textf(struct ui_area a, int x, int y, enum ui_role role, const char *fmt, ...)
{
    char text[1024];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    return ui_text(a, x, y, role, text);
}

void ui_text_in(struct ui_area a, int x, int y, int w, enum ui_role role, bool right, const char *s)
{
    int n = ui_text_width(s), skip = right && n < w ? w - n : 0;

    for (int i = 0; i < w; i++) {
        uint32_t cp = ' ';
        if (i >= skip && *s)
            cp = i == w - 1 && n > w ? '~' : next_cp(&s);
        ui_put(a, x + i, y, cp, role);
    }
}

int ui_text_right(struct ui_area a, int x_end, int y, enum ui_role role, const char *s)
{
    int x = x_end - ui_text_width(s);

    if (x < 0)
        x = 0;
    ui_text(a, x, y, role, s);
    return x;
}

void ui_fill(struct ui_area a, int x, int y, int w, int h, uint32_t cp, enum ui_role role)
{
    struct ui_area in = ui_area_sub(a, x, y, w, h);

    for (int j = 0; j < in.r.h; j++)
        for (int i = 0; i < in.r.w; i++)
            ui_put(in, i, j, cp, role);
}

void ui_paint(struct ui_area a, int x, int y, int w, enum ui_role role)
{
    struct ui_area in = ui_area_sub(a, x, y, w, 1);

    for (int i = 0; i < in.r.w; i++) {
        struct ui_cell *c = ui_grid_at(a.g, in.r.x + i, in.r.y);
        if (c && in.r.h > 0)
            c->role = (uint8_t)role;
    }
}

void ui_cursor(struct ui_area a, int x, int y)
{
    if (a.r.w < 1 || a.r.h < 1)
        return;
    a.g->cursor = true;
    a.g->cursor_x = a.r.x + clamp(x, 0, a.r.w - 1);
    a.g->cursor_y = a.r.y + clamp(y, 0, a.r.h - 1);
}

void ui_rule(struct ui_area a, int y, const char *title)
{
    ui_fill(a, 0, y, a.r.w, 1, 0x2500, UI_ROLE_RULE);
    if (title && *title) {
        struct ui_area in = ui_area_sub(a, 2, y, a.r.w - 4, 1);
        int x = ui_text(in, 0, 0, UI_ROLE_TEXT, title);
        ui_put(a, 1, y, ' ', UI_ROLE_TEXT);
        ui_put(a, x + 2, y, ' ', UI_ROLE_TEXT);
    }
}

struct ui_area ui_frame(struct ui_area a, const char *title, enum ui_role role)
{
    int w = a.r.w, h = a.r.h;

    ui_fill(a, 0, 0, w, h, ' ', UI_ROLE_TEXT);
    if (w < 2 || h < 2)
        return ui_area_sub(a, 0, 0, 0, 0);
    ui_fill(a, 1, 0, w - 2, 1, 0x2500, role);
    ui_fill(a, 1, h - 1, w - 2, 1, 0x2500, role);
    ui_fill(a, 0, 1, 1, h - 2, 0x2502, role);
    ui_fill(a, w - 1, 1, 1, h - 2, 0x2502, role);
    ui_put(a, 0, 0, 0x250c, role);
    ui_put(a, w - 1, 0, 0x2510, role);
    ui_put(a, 0, h - 1, 0x2514, role);
    ui_put(a, w - 1, h - 1, 0x2518, role);
    if (title && *title) {
        struct ui_area in = ui_area_sub(a, 3, 0, w - 6, 1);
        int x = ui_text(in, 0, 0, role, title);
        ui_put(a, 2, 0, ' ', role);
        ui_put(a, x + 3, 0, ' ', role);
    }
    return ui_area_sub(a, 1, 1, w - 2, h - 2);
}

int ui_paragraph(struct ui_area a, int y, enum ui_role role, const char *s)
{
    int x = 0;

    if (a.r.w < 1)
        return y;
    while (*s) {
        const char *p = s;
        int n = 0;
        if (*s == '\n') {
            y++;
            x = 0;
            s++;
            continue;
        }
        while (*p && *p != ' ' && *p != '\n') {
            (void)next_cp(&p);
            n++;
        }
        if (x > 0 && x + n > a.r.w) {
            y++;
            x = 0;
        }
        while (s < p) {
            if (x >= a.r.w) {
                y++;
                x = 0;
            }
            ui_put(a, x++, y, next_cp(&s), role);
        }
        if (*s == ' ') {
            if (x > 0 || n == 0)
                ui_put(a, x++, y, ' ', role);
            s++;
        }
    }
    return y + 1;
}
