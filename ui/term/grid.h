// SPDX-License-Identifier: MIT
/* term/grid: a screen as cells, each of one character and one role. Everything is drawn into a grid;
   what shows it (curses.c, headless.c) knows no panes. Texts may come from strangers: a character is
   what glyphs.def says is one, of one cell or two, with its accents; all else becomes '?', so that
   cells and columns are the same thing. */
#ifndef SU_UI_GRID_H
#define SU_UI_GRID_H

#include "base/base.h"

enum ui_role {
#define X(name, ...) UI_ROLE_##name,
#include "ui/term/roles.def"
#undef X
    UI_ROLES
};

#define UI_GRID_MAX_W 1024
#define UI_GRID_MAX_H 512

struct ui_rect {
    int x, y, w, h;
};
#define UI_MARKS 2u /* accents that a character keeps */
struct ui_cell {
    uint32_t cp; /* 0: the right half of the character before it */
    uint32_t mark[UI_MARKS]; /* 0 = none */
    uint8_t role;
};
struct ui_grid {
    int w, h;
    struct ui_cell *cell; /* w * h, row by row */
    size_t cap;
    bool cursor; /* shown at cursor_x, cursor_y */
    int cursor_x, cursor_y;
};

/* A zeroed grid is empty. Sizes are clamped to 1 .. UI_GRID_MAX; false: out of memory, the grid is as
   it was. All cells become blanks. */
bool ui_grid_resize(struct ui_grid *g, int w, int h);
void ui_grid_clear(struct ui_grid *g);
void ui_grid_fini(struct ui_grid *g);
/* The cell, or NULL outside. */
struct ui_cell *ui_grid_at(const struct ui_grid *g, int x, int y);

/* A window into a grid: coordinates are relative to it and everything outside is cut off. */
struct ui_area {
    struct ui_grid *g;
    struct ui_rect r;
};
struct ui_area ui_area_all(struct ui_grid *g);
struct ui_area ui_area_sub(struct ui_area a, int x, int y, int w, int h); /* clipped to a */

/* What is drawn for a codepoint of a stranger's text: itself, or '?' for what is no character of its
   own. */
uint32_t ui_glyph(uint32_t cp);
int ui_glyph_width(uint32_t cp); /* cells of what is drawn: 1 or 2; 0: an accent */
struct ui_cluster { /* what one place of the cursor holds */
    uint32_t cp, mark[UI_MARKS];
    int width;
};
/* The next character of a terminated text with its accents; *s moves on. Bytes that are no UTF-8 count
   one each. What joins or tints pictures is left out, letters of flags are letters. */
struct ui_cluster ui_text_next(const char **s);
/* Cells that a text takes. */
int ui_text_width(const char *s);
size_t ui_utf8_put(char out[4], uint32_t cp); /* bytes written */
/* The text as it would be drawn; cut at a character to fit cap. */
void ui_text_clean(char *out, size_t cap, const char *s);

void ui_put(struct ui_area a, int x, int y, uint32_t cp, enum ui_role role);
/* Each returns the column after the text; text stops at the area's edge. */
int ui_text(struct ui_area a, int x, int y, enum ui_role role, const char *s);
int ui_textf(struct ui_area a, int x, int y, enum ui_role role, const char *fmt, ...)
    SU_PRINTF(5, 6);
/* At most w cells, padded with blanks to w; what does not fit ends in '~'. right: aligned so. */
void ui_text_in(struct ui_area a, int x, int y, int w, enum ui_role role, bool right,
                const char *s);
/* Ends at column x_end (exclusive); returns where it begins. */
int ui_text_right(struct ui_area a, int x_end, int y, enum ui_role role, const char *s);
void ui_fill(struct ui_area a, int x, int y, int w, int h, uint32_t cp, enum ui_role role);
/* Changes roles, keeps characters. */
void ui_paint(struct ui_area a, int x, int y, int w, enum ui_role role);
void ui_cursor(struct ui_area a, int x, int y);
/* A rule with a title: "- title -----". */
void ui_rule(struct ui_area a, int y, const char *title);
/* A frame around the whole area, with a title, blank inside. Returns the area inside. */
struct ui_area ui_frame(struct ui_area a, const char *title, enum ui_role role);
/* Words wrapped to the area's width from row y on; returns the row after. */
int ui_paragraph(struct ui_area a, int y, enum ui_role role, const char *s);
int ui_paragraph_rows(int w, const char *s); /* that it takes in w cells */

/* ---- charts: the number always stands beside them ---------------------------------------------- */

/* A bar of w cells of which part of whole is filled. */
void ui_bar(struct ui_area a, int x, int y, int w, uint64_t part, uint64_t whole,
            enum ui_role role);
/* One cell per value, heights 0 to 8 of max. */
void ui_spark(struct ui_area a, int x, int y, int w, const uint64_t *value, size_t n,
              enum ui_role role);
/* A column chart over the whole area, the newest value rightmost; the scale is written on the left
   with `text`. */
void ui_columns(struct ui_area a, const uint64_t *value, size_t n, enum ui_role role,
                void (*text)(uint64_t value, char *out, size_t cap));

#endif
