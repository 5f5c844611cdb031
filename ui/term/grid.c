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
        g->cell[i] = (struct ui_cell){.cp = ' ', .role = UI_ROLE_TEXT};
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

/* ---- characters -------------------------------------------------------------------------------- */

enum { X, N, W, M }; /* not drawn, one cell, two, on the character before */

static unsigned class_of(uint32_t cp)
{
    static const struct {
        uint32_t first;
        uint8_t kind;
    } run[] = {
#define X(first, kind) {first, kind},
#include "ui/term/glyphs.def"
#undef X
    };
    size_t low = 0, high = SU_ARRAY_LEN(run);

    while (high - low > 1) {
        size_t mid = low + (high - low) / 2;
        if (run[mid].first <= cp)
            low = mid;
        else
            high = mid;
    }
    return run[low].kind;
}

uint32_t ui_glyph(uint32_t cp)
{
    unsigned kind = cp < 0x7f && cp >= 0x20 ? N : class_of(cp);

    return kind == N || kind == W ? cp : '?';
}

int ui_glyph_width(uint32_t cp)
{
    unsigned kind = cp < 0x7f ? N : class_of(cp);

    return kind == W ? 2 : kind == M ? 0 : 1;
}

/* Bytes that are no UTF-8 count one each. */
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
        return 0; /* drawn as what is no character */
    }
}

static bool picture(uint32_t cp)
{
    return (cp >= 0x1f300 && cp < 0x1fb00) || (cp >= 0x2600 && cp < 0x27c0);
}

/* What belongs to the character c: joins and tints are passed over, for terminals count their cells
   each in its own way. */
static bool belongs(const struct ui_cluster *c, uint32_t cp, const char *rest)
{
    if (cp == 0xfe0f || cp == 0xfe0e)
        return c->cp != '?';
    if (cp == 0x200d)
        return picture(c->cp) && picture(next_cp(&rest));
    return cp >= 0x1f3fb && cp <= 0x1f3ff && picture(c->cp);
}

struct ui_cluster ui_text_next(const char **s)
{
    struct ui_cluster c = {.cp = next_cp(s)};
    size_t n = 0;

    if (c.cp >= 0x1f1e6 && c.cp <= 0x1f1ff) /* two of them are a flag, or are not */
        c.cp = c.cp - 0x1f1e6 + 'A';
    c.cp = ui_glyph(c.cp);
    c.width = ui_glyph_width(c.cp);
    while (**s) {
        const char *after = *s;
        uint32_t cp;
        if ((uint8_t)*after < 0x80)
            break;
        cp = next_cp(&after);
        if (class_of(cp) == M) {
            if (n < UI_MARKS)
                c.mark[n++] = cp;
        } else if (!belongs(&c, cp, after)) {
            break;
        }
        *s = after;
    }
    return c;
}

int ui_text_width(const char *s)
{
    int n = 0;

    while (*s && n < 1 << 20)
        n += ui_text_next(&s).width;
    return n;
}

void ui_text_clean(char *out, size_t cap, const char *s)
{
    size_t at = 0;

    while (*s && cap > 0) {
        struct ui_cluster c = ui_text_next(&s);
        char text[4 * (1 + UI_MARKS)];
        size_t n = ui_utf8_put(text, c.cp);
        for (size_t i = 0; i < UI_MARKS && c.mark[i]; i++)
            n += ui_utf8_put(text + n, c.mark[i]);
        if (at + n >= cap)
            break;
        memcpy(out + at, text, n);
        at += n;
    }
    if (cap > 0)
        out[at] = 0;
}

size_t ui_utf8_put(char out[4], uint32_t cp)
{
    size_t n = cp < 0x80 ? 1 : cp < 0x800 ? 2 : cp < 0x10000 ? 3 : 4;
    static const uint8_t lead[] = {0, 0xc0, 0xe0, 0xf0};

    for (size_t i = n; i-- > 1; cp >>= 6)
        out[i] = (char)(0x80 | (cp & 0x3f));
    out[0] = (char)(lead[n - 1] | cp);
    return n;
}

/* ---- drawing ----------------------------------------------------------------------------------- */

/* What is left of a character of two cells when one of them is drawn over. */
static void halve(struct ui_grid *g, int x, int y)
{
    struct ui_cell *c = ui_grid_at(g, x, y), *left = ui_grid_at(g, x - 1, y);
    struct ui_cell *right = ui_grid_at(g, x + 1, y);

    if (c->cp == 0 && left)
        *left = (struct ui_cell){.cp = ' ', .role = left->role};
    else if (right && right->cp == 0)
        *right = (struct ui_cell){.cp = ' ', .role = right->role};
}

static void put_cell(struct ui_area a, int x, int y, struct ui_cell now)
{
    struct ui_cell *c = ui_grid_at(a.g, a.r.x + x, a.r.y + y);

    if (x < 0 || y < 0 || x >= a.r.w || y >= a.r.h || !c)
        return;
    halve(a.g, a.r.x + x, a.r.y + y);
    *c = now;
}

/* A character that would be cut in two is left out. */
static void put_cluster(struct ui_area a, int x, int y, const struct ui_cluster *k,
                        enum ui_role role)
{
    struct ui_cell c = {.cp = k->cp, .role = (uint8_t)role};

    memcpy(c.mark, k->mark, sizeof c.mark);
    if (k->width == 2 && (x < 0 || x + 1 >= a.r.w)) {
        c = (struct ui_cell){.cp = ' ', .role = (uint8_t)role};
        put_cell(a, x, y, c);
        put_cell(a, x + 1, y, c);
        return;
    }
    put_cell(a, x, y, c);
    if (k->width == 2)
        put_cell(a, x + 1, y, (struct ui_cell){.role = (uint8_t)role});
}

void ui_put(struct ui_area a, int x, int y, uint32_t cp, enum ui_role role)
{
    struct ui_cluster k = {.cp = ui_glyph(cp)};

    k.width = ui_glyph_width(k.cp);
    put_cluster(a, x, y, &k, role);
}

int ui_text(struct ui_area a, int x, int y, enum ui_role role, const char *s)
{
    while (*s && x < a.r.w) {
        struct ui_cluster k = ui_text_next(&s);
        put_cluster(a, x, y, &k, role);
        x = SU_MIN(x + k.width, a.r.w);
    }
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
    int n = ui_text_width(s), at = 0, fit = n > w ? w - 1 : w;

    for (; right && at < w - n; at++)
        ui_put(a, x + at, y, ' ', role);
    while (*s) {
        struct ui_cluster k = ui_text_next(&s);
        if (at + k.width > fit)
            break;
        put_cluster(a, x + at, y, &k, role);
        at += k.width;
    }
    if (n > w && at < w)
        ui_put(a, x + at++, y, '~', role);
    for (; at < w; at++)
        ui_put(a, x + at, y, ' ', role);
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

/* Cells and bytes of the word at s. */
static int word(const char *s, const char **end)
{
    int n = 0;

    while (*s && *s != ' ' && *s != '\n')
        n += ui_text_next(&s).width;
    *end = s;
    return n;
}

int ui_paragraph(struct ui_area a, int y, enum ui_role role, const char *s)
{
    int x = 0;

    if (a.r.w < 1)
        return y;
    while (*s) {
        const char *end;
        int n;
        if (*s == '\n') {
            y++;
            x = 0;
            s++;
            continue;
        }
        n = word(s, &end);
        if (x > 0 && x + n > a.r.w) {
            y++;
            x = 0;
        }
        while (s < end) {
            struct ui_cluster k = ui_text_next(&s);
            if (x > 0 && x + k.width > a.r.w) {
                y++;
                x = 0;
            }
            put_cluster(a, x, y, &k, role);
            x += k.width;
        }
        if (*s == ' ') {
            if (x > 0 || n == 0)
                ui_put(a, x++, y, ' ', role);
            s++;
        }
    }
    return y + 1;
}

int ui_paragraph_rows(int w, const char *s)
{
    struct ui_grid none = {.w = 0};
    struct ui_area a = {.g = &none, .r = {0, 0, SU_MAX(w, 1), 0}};

    return ui_paragraph(a, 0, UI_ROLE_TEXT, s);
}
