// SPDX-License-Identifier: MIT
/* term: what shows a grid and brings events. Two kinds: the terminal (curses.c, the only file that
   sees curses.h) and a screen in memory for tests (headless.c). */
#ifndef SU_UI_TERM_H
#define SU_UI_TERM_H

#include "ui/term/grid.h"

/* ---- looks ------------------------------------------------------------------------------------- */

enum ui_charset { UI_CHARSET_AUTO, UI_CHARSET_UTF8, UI_CHARSET_ACS, UI_CHARSET_ASCII };
enum ui_depth { UI_DEPTH_AUTO, UI_DEPTH_256, UI_DEPTH_8, UI_DEPTH_MONO };
enum ui_attr { UI_ATTR_BOLD = 1, UI_ATTR_REVERSE = 2, UI_ATTR_UNDERLINE = 4, UI_ATTR_DIM = 8 };
struct ui_look {
    int16_t fg, bg; /* -1 = the terminal's own */
    uint8_t attr; /* enum ui_attr */
};
/* How a role looks; depth is not AUTO. */
struct ui_look ui_theme_look(enum ui_depth depth, enum ui_role role);
const char *ui_role_name(enum ui_role role);
const char *ui_charset_name(enum ui_charset c); /* "utf8" */
bool ui_charset_parse(const char *s, enum ui_charset *out);
/* What is shown for a drawn codepoint in a charset: a codepoint (UTF8), or for ACS a letter of the
   VT100 line drawing set with *acs true, else ASCII. Of as many cells as cp, but the right half of a
   character of two cells (0) has one of its own where that character is not shown. */
uint32_t ui_charset_map(enum ui_charset c, uint32_t cp, bool *acs);

/* ---- the clipboard ----------------------------------------------------------------------------- */

enum ui_between { UI_BETWEEN_NOTHING, UI_BETWEEN_TMUX, UI_BETWEEN_SCREEN };
/* What stands between the app and the terminal, from the values of TMUX and STY; NULL: not set. */
enum ui_between ui_clipboard_between(const char *tmux, const char *sty);
#define UI_CLIPBOARD_TEXT 300u
#define UI_CLIPBOARD_BYTES (4u * UI_CLIPBOARD_TEXT)
/* The bytes that ask a terminal to copy a text (OSC 52); 0: too long, or nothing. */
size_t ui_clipboard_bytes(const char *text, enum ui_between between, char *out, size_t cap);

/* ---- events ------------------------------------------------------------------------------------ */

enum ui_key { /* beside codepoints and control characters */
              UI_K_UP = 0x110000,
              UI_K_DOWN,
              UI_K_LEFT,
              UI_K_RIGHT,
              UI_K_HOME,
              UI_K_END,
              UI_K_PGUP,
              UI_K_PGDN,
              UI_K_DEL,
              UI_K_INS,
              UI_K_BTAB,
              UI_K_F0, /* + 1 to 12 */
              UI_K_F12 = UI_K_F0 + 12,
              UI_K_ALT_ENTER
};
#define UI_K_ENTER '\n'
#define UI_K_TAB '\t'
#define UI_K_ESC 0x1b
#define UI_K_BACKSPACE 0x7f
#define UI_K_CTRL(c) ((c)-64)
#define UI_K_F(n) ((int)UI_K_F0 + (n))

enum ui_event_kind {
    UI_EVENT_NONE,
    UI_EVENT_KEY,
    UI_EVENT_PASTE, /* text: its newlines are no Enter */
    UI_EVENT_MOUSE,
    UI_EVENT_RESIZE,
    UI_EVENT_TICK,
    UI_EVENT_FEED,
    UI_EVENT_RESULT,
    UI_EVENT_WORK /* a slice of what the app said it is working at */
};
enum ui_mouse {
    UI_MOUSE_CLICK,
    UI_MOUSE_DOUBLE,
    UI_MOUSE_DRAG,
    UI_MOUSE_WHEEL_UP,
    UI_MOUSE_WHEEL_DOWN
};
struct su_feed_snapshot;
struct su_ui_result;
struct ui_event {
    enum ui_event_kind kind;
    int key; /* KEY */
    const char *text; /* PASTE, borrowed */
    enum ui_mouse mouse; /* MOUSE */
    int x, y; /* MOUSE; RESIZE: width and height */
    int64_t wall_ms; /* TICK: Unix time */
    const struct su_feed_snapshot *snapshot; /* FEED: lives while ui_app_uses it */
    const struct su_ui_result *result; /* RESULT, borrowed */
};

/* ---- terminals --------------------------------------------------------------------------------- */

struct ui_term_options {
    enum ui_charset charset;
    enum ui_depth depth;
    bool mouse;
};
struct ui_term {
    void *ctx;
    int fd; /* readable when there may be an event */
    enum ui_charset charset; /* in use, never AUTO */
    enum ui_depth depth;
    void (*size)(void *ctx, int *w, int *h);
    /* The next event that is there, KEY, PASTE, MOUSE or RESIZE; false: none. gone: nobody is there
       any more. */
    bool (*next)(void *ctx, struct ui_event *ev, bool *gone);
    void (*show)(void *ctx, const struct ui_grid *g, bool whole);
    void (*configure)(void *ctx, enum ui_charset charset, bool mouse);
    void (*leave)(void *ctx); /* gives the terminal back: before a suspension or a plain view */
    void (*enter)(void *ctx); /* takes it again */
    void (*flush_input)(void *ctx); /* forgets what was typed ahead */
    void (*close)(void *ctx);
};
/* Takes the terminal of stdin and stdout. SU_EINVAL: not a terminal, or one without cursor
   addressing; SU_EBUSY: there is one already. */
SU_CHECK enum su_code ui_term_curses_open(const struct ui_term_options *o, struct ui_term *out,
                                          struct su_err *e);
/* Gives the terminal back from wherever the program is: for crashes. Async-signal-safe. */
void ui_term_curses_restore(void);

/* ---- in memory --------------------------------------------------------------------------------- */

/* The grid's characters in a charset, a line per row without trailing blanks. */
void ui_headless_text(const struct ui_grid *g, enum ui_charset c, struct su_buf *out);
/* A line per row: runs "x+n:ROLE" of what is not plain text. */
void ui_headless_roles(const struct ui_grid *g, struct su_buf *out);

#endif
