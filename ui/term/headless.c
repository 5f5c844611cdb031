// SPDX-License-Identifier: MIT
#include "ui/term/term.h"

#include <string.h>

static void put_utf8(struct su_buf *b, uint32_t cp)
{
    if (cp < 0x80) {
        su_buf_u8(b, (uint8_t)cp);
    } else if (cp < 0x800) {
        su_buf_u8(b, (uint8_t)(0xc0 | cp >> 6));
        su_buf_u8(b, (uint8_t)(0x80 | (cp & 0x3f)));
    } else {
        su_buf_u8(b, (uint8_t)(0xe0 | (cp >> 12 & 0x0f)));
        su_buf_u8(b, (uint8_t)(0x80 | (cp >> 6 & 0x3f)));
        su_buf_u8(b, (uint8_t)(0x80 | (cp & 0x3f)));
    }
}

void ui_headless_text(const struct ui_grid *g, enum ui_charset c, struct su_buf *out)
{
    for (int y = 0; y < g->h; y++) {
        int end = g->w;
        while (end > 0 && ui_grid_at(g, end - 1, y)->cp == ' ')
            end--;
        for (int x = 0; x < end; x++) {
            bool acs;
            put_utf8(out, ui_charset_map(c, ui_grid_at(g, x, y)->cp, &acs));
        }
        su_buf_u8(out, '\n');
    }
}

static bool same(struct ui_look a, struct ui_look b)
{
    return a.fg == b.fg && a.bg == b.bg && a.attr == b.attr;
}

void ui_headless_looks(const struct ui_grid *g, enum ui_depth depth, struct su_buf *out)
{
    const struct ui_look plain = {-1, -1, 0};

    for (int y = 0; y < g->h; y++) {
        bool any = false;
        for (int x = 0, n; x < g->w; x += n) {
            struct ui_look l = ui_theme_look(depth, ui_grid_at(g, x, y)->role);
            for (n = 1; x + n < g->w; n++)
                if (!same(l, ui_theme_look(depth, ui_grid_at(g, x + n, y)->role)))
                    break;
            if (same(l, plain))
                continue;
            if (!any)
                su_buf_printf(out, "%d", y);
            any = true;
            su_buf_printf(out, " %d+%d:", x, n);
            if (l.fg >= 0 || l.bg >= 0)
                su_buf_printf(out, "%d/%d", l.fg, l.bg);
            for (unsigned i = 0; i < 4; i++)
                if (l.attr & 1u << i)
                    su_buf_u8(out, (uint8_t) "BRUD"[i]);
        }
        if (any)
            su_buf_u8(out, '\n');
    }
}
