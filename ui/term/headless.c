// SPDX-License-Identifier: MIT
#include "ui/term/term.h"

#include <string.h>

static void put_cell(struct su_buf *b, enum ui_charset c, const struct ui_cell *cell)
{
    char text[4];
    bool acs;
    uint32_t cp = ui_charset_map(c, cell->cp, &acs);

    if (cp == 0)
        return;
    su_buf_put(b, text, ui_utf8_put(text, cp));
    for (size_t i = 0; c == UI_CHARSET_UTF8 && i < UI_MARKS && cell->mark[i]; i++)
        su_buf_put(b, text, ui_utf8_put(text, cell->mark[i]));
}

void ui_headless_text(const struct ui_grid *g, enum ui_charset c, struct su_buf *out)
{
    for (int y = 0; y < g->h; y++) {
        int end = g->w;
        while (end > 0 && ui_grid_at(g, end - 1, y)->cp == ' ')
            end--;
        for (int x = 0; x < end; x++)
            put_cell(out, c, ui_grid_at(g, x, y));
        su_buf_u8(out, '\n');
    }
}

void ui_headless_roles(const struct ui_grid *g, struct su_buf *out)
{
    for (int y = 0; y < g->h; y++) {
        const char *blank = "";
        for (int x = 0, n; x < g->w; x += n) {
            uint8_t role = ui_grid_at(g, x, y)->role;
            for (n = 1; x + n < g->w && ui_grid_at(g, x + n, y)->role == role; n++)
                ;
            if (role == UI_ROLE_TEXT)
                continue;
            su_buf_printf(out, "%s%d+%d:%s", blank, x, n, ui_role_name((enum ui_role)role));
            blank = " ";
        }
        su_buf_u8(out, '\n');
    }
}
