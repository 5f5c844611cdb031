// SPDX-License-Identifier: MIT
/* The terminal: a grid to ncurses, keys to events. The only file that sees curses.h. */
#include "ui/term/term.h"
#include "ui/ui.h"

#include <langinfo.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>
#include <wchar.h>

#define NCURSES_WIDECHAR 1
#include <curses.h>
#include <term.h>

#define ALT_ENTER 1999
#define PASTE_BEGIN 2000
#define PASTE_END 2001
#define PASTE_MAX (SU_UI_PROMPT + 64u) /* more than any field takes, so that it can say so */
#define PASTE_QUIET_MS 200 /* a paste whose end never comes is over after so long */

struct screen {
    struct ui_term *term;
    SCREEN *curses;
    struct ui_grid shown; /* what the terminal has */
    bool mouse, in;
    bool pasting;
    char paste[PASTE_MAX];
    size_t paste_len;
    bool paste_cr; /* its last character was one */
    int64_t paste_ms, click_ms;
    int click_x, click_y;
};

/* For restoring from a signal: whether the terminal is ours, how it was, and what gives it back. */
static volatile sig_atomic_t taken;
static struct termios before;
static char bytes_back[256];
static size_t bytes_back_len;

static int64_t now_ms(void)
{
    return (int64_t)(su_clock_mono_ns() / 1000000u);
}

static void put_raw(const char *s, size_t n)
{
    while (n > 0) {
        ssize_t k = write(STDOUT_FILENO, s, n);
        if (k <= 0)
            return;
        s += k;
        n -= (size_t)k;
    }
}

static void put_text(const char *s)
{
    put_raw(s, strlen(s));
}

void ui_term_curses_restore(void)
{
    if (!taken)
        return;
    taken = 0;
    put_raw(bytes_back, bytes_back_len);
    (void)tcsetattr(STDIN_FILENO, TCSANOW, &before);
}

/* ---- looks ------------------------------------------------------------------------------------- */

static enum ui_charset charset_auto(void)
{
    const char *acs = tigetstr("acsc");

    if (strcmp(nl_langinfo(CODESET), "UTF-8") == 0)
        return UI_CHARSET_UTF8;
    return acs && acs != (char *)-1 && *acs ? UI_CHARSET_ACS : UI_CHARSET_ASCII;
}

static enum ui_depth depth_of(enum ui_depth wish)
{
    enum ui_depth have = UI_DEPTH_MONO;

    if (wish != UI_DEPTH_MONO && has_colors()) {
        start_color();
        use_default_colors();
        have = COLORS >= 256 ? UI_DEPTH_256 : COLORS >= 8 ? UI_DEPTH_8 : UI_DEPTH_MONO;
    }
    if (wish == UI_DEPTH_8 && have == UI_DEPTH_256)
        have = UI_DEPTH_8;
    for (int r = 0; have != UI_DEPTH_MONO && r < UI_ROLES; r++) {
        struct ui_look l = ui_theme_look(have, (enum ui_role)r);
        init_pair((short)(r + 1), l.fg, l.bg);
    }
    return have;
}

static attr_t attr_of(enum ui_depth depth, enum ui_role role)
{
    struct ui_look l = ui_theme_look(depth, role);
    attr_t can = (attr_t)termattrs(), a = 0;

    a |= l.attr & UI_ATTR_BOLD ? A_BOLD : 0;
    a |= l.attr & UI_ATTR_REVERSE ? A_REVERSE : 0;
    a |= l.attr & UI_ATTR_DIM ? A_DIM & can : 0;
    if (l.attr & UI_ATTR_UNDERLINE)
        a |= can & A_UNDERLINE ? A_UNDERLINE : role == UI_ROLE_COLHEAD ? A_REVERSE : 0;
    return a;
}

/* ---- showing ----------------------------------------------------------------------------------- */

/* A character that this C library counts otherwise would move all that is right of it. */
static bool countable(const struct ui_cell *c)
{
    return wcwidth((wchar_t)c->cp) == ui_glyph_width(c->cp);
}

static void put_cell(const struct screen *s, int x, int y, const struct ui_cell *c)
{
    short pair = s->term->depth == UI_DEPTH_MONO ? 0 : (short)(c->role + 1);
    attr_t a = attr_of(s->term->depth, (enum ui_role)c->role);
    bool acs;
    uint32_t cp = ui_charset_map(s->term->charset, c->cp, &acs);

    if (cp == 0)
        return; /* came with its left half */
    attr_set(a, pair, NULL);
    if (acs) {
        mvaddch(y, x, NCURSES_ACS((char)cp));
    } else if (cp < 0x80 && !c->mark[0]) {
        mvaddch(y, x, (chtype)cp);
    } else if (cp >= 0x80 && !countable(c)) {
        for (int i = 0; i < ui_glyph_width(cp); i++)
            mvaddch(y, x + i, '?');
    } else {
        wchar_t text[2 + UI_MARKS] = {(wchar_t)cp};
        cchar_t cell;
        for (size_t i = 0, n = 1; i < UI_MARKS && c->mark[i]; i++)
            if (s->term->charset == UI_CHARSET_UTF8 && wcwidth((wchar_t)c->mark[i]) == 0)
                text[n++] = (wchar_t)c->mark[i];
        setcchar(&cell, text, a, pair, NULL);
        mvadd_wch(y, x, &cell);
    }
}

static bool same_cell(const struct ui_cell *a, const struct ui_cell *b)
{
    return a->cp == b->cp && a->role == b->role && memcmp(a->mark, b->mark, sizeof a->mark) == 0;
}

static void show(void *ctx, const struct ui_grid *g, bool whole)
{
    struct screen *s = ctx;
    size_t n = (size_t)g->w * (size_t)g->h;

    if (whole || s->shown.w != g->w || s->shown.h != g->h) {
        if (!ui_grid_resize(&s->shown, g->w, g->h))
            return;
        memset(s->shown.cell, 0xff, n * sizeof *s->shown.cell);
        clearok(stdscr, whole);
        erase();
    }
    for (int y = 0; y < g->h && y < LINES; y++)
        for (int x = 0; x < g->w && x < COLS; x++) {
            const struct ui_cell *now = ui_grid_at(g, x, y);
            struct ui_cell *old = ui_grid_at(&s->shown, x, y);
            if (same_cell(now, old))
                continue;
            *old = *now;
            put_cell(s, x, y, now);
        }
    curs_set(g->cursor);
    if (g->cursor)
        move(SU_MIN(g->cursor_y, LINES - 1), SU_MIN(g->cursor_x, COLS - 1));
    refresh();
}

static void size(void *ctx, int *w, int *h)
{
    struct winsize z;

    (void)ctx;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &z) == 0 && z.ws_col > 0 && z.ws_row > 0) {
        int cols = SU_MIN((int)z.ws_col, UI_GRID_MAX_W),
            rows = SU_MIN((int)z.ws_row, UI_GRID_MAX_H);
        if (rows != LINES || cols != COLS)
            resizeterm(rows, cols);
    }
    *w = COLS;
    *h = LINES;
}

/* ---- input ------------------------------------------------------------------------------------- */

static int key_of(int code)
{
    static const struct {
        int curses, key;
    } row[] = {
        {KEY_UP, UI_K_UP},       {KEY_DOWN, UI_K_DOWN},       {KEY_LEFT, UI_K_LEFT},
        {KEY_RIGHT, UI_K_RIGHT}, {KEY_HOME, UI_K_HOME},       {KEY_END, UI_K_END},
        {KEY_PPAGE, UI_K_PGUP},  {KEY_NPAGE, UI_K_PGDN},      {KEY_DC, UI_K_DEL},
        {KEY_IC, UI_K_INS},      {KEY_BTAB, UI_K_BTAB},       {KEY_BACKSPACE, UI_K_BACKSPACE},
        {KEY_ENTER, UI_K_ENTER}, {ALT_ENTER, UI_K_ALT_ENTER}, {KEY_FIND, UI_K_HOME},
        {KEY_SELECT, UI_K_END}};

    for (size_t i = 0; i < SU_ARRAY_LEN(row); i++)
        if (row[i].curses == code)
            return row[i].key;
    if (code > KEY_F(0) && code <= KEY_F(12))
        return UI_K_F(code - KEY_F(0));
    return 0;
}

static bool mouse_event(struct screen *s, struct ui_event *ev)
{
    MEVENT m;
    int64_t now = now_ms();

    if (getmouse(&m) != OK)
        return false;
    *ev = (struct ui_event){.kind = UI_EVENT_MOUSE, .x = m.x, .y = m.y};
    if (m.bstate & BUTTON4_PRESSED) {
        ev->mouse = UI_MOUSE_WHEEL_UP;
    } else if (m.bstate & BUTTON5_PRESSED) {
        ev->mouse = UI_MOUSE_WHEEL_DOWN;
    } else if (m.bstate & REPORT_MOUSE_POSITION) {
        ev->mouse = UI_MOUSE_DRAG;
    } else if (m.bstate & (BUTTON1_PRESSED | BUTTON1_CLICKED)) {
        bool twice = now - s->click_ms < 400 && m.x == s->click_x && m.y == s->click_y;
        ev->mouse = twice ? UI_MOUSE_DOUBLE : UI_MOUSE_CLICK;
        s->click_ms = twice ? 0 : now;
        s->click_x = m.x;
        s->click_y = m.y;
    } else {
        return false;
    }
    return true;
}

static bool end_paste(struct screen *s, struct ui_event *ev)
{
    s->pasting = false;
    s->paste[s->paste_len] = 0;
    *ev = (struct ui_event){.kind = UI_EVENT_PASTE, .text = s->paste};
    return true;
}

static void add_paste(struct screen *s, wint_t c)
{
    char bytes[MB_LEN_MAX];
    mbstate_t state = {0};
    bool second = c == '\n' && s->paste_cr; /* of a line's end of two */
    size_t n = wcrtomb(bytes, c == '\r' ? L'\n' : (wchar_t)c, &state);

    s->paste_cr = c == '\r';
    if (second || n == (size_t)-1 || s->paste_len + n >= sizeof s->paste)
        return;
    memcpy(s->paste + s->paste_len, bytes, n);
    s->paste_len += n;
}

static bool special(struct screen *s, wint_t c, struct ui_event *ev)
{
    int key;

    if (c == PASTE_BEGIN) {
        s->pasting = true;
        s->paste_len = 0;
        s->paste_cr = false;
        return false;
    }
    if (c == PASTE_END)
        return s->pasting && end_paste(s, ev);
    if (c == KEY_MOUSE)
        return mouse_event(s, ev);
    key = s->pasting ? 0 : key_of((int)c);
    *ev = (struct ui_event){.kind = UI_EVENT_KEY, .key = key};
    return key != 0;
}

static bool next(void *ctx, struct ui_event *ev, bool *gone)
{
    struct screen *s = ctx;
    wint_t c;
    int rc;

    *gone = false;
    while ((rc = get_wch(&c)) != ERR) {
        s->paste_ms = now_ms();
        if (rc == KEY_CODE_YES) {
            if (c != KEY_RESIZE && special(s, c, ev))
                return true;
            continue;
        }
        if (s->pasting) {
            add_paste(s, c);
            continue;
        }
        *ev = (struct ui_event){.kind = UI_EVENT_KEY, .key = c == '\r' ? UI_K_ENTER : (int)c};
        return true;
    }
    return s->pasting && now_ms() - s->paste_ms > PASTE_QUIET_MS && end_paste(s, ev);
}

static void flush_input(void *ctx)
{
    struct screen *s = ctx;

    s->pasting = false;
    flushinp();
}

/* ---- taking and giving back --------------------------------------------------------------------- */

/* Whether the terminal takes xterm's private modes: it says so, or reports mice as xterm does, as tmux and
   screen do. */
static bool is_like_xterm(void)
{
    const char *mouse = tigetstr("kmous");

    return tigetflag("XT") > 0 || (mouse && mouse != (char *)-1 && su_str_starts(mouse, "\033["));
}

static void modes(struct screen *s, bool on)
{
    bool xterm = is_like_xterm();

    if (s->mouse && on) {
        mousemask(BUTTON1_PRESSED | BUTTON1_CLICKED | BUTTON4_PRESSED | BUTTON5_PRESSED |
                      REPORT_MOUSE_POSITION,
                  NULL);
        mouseinterval(0);
        if (xterm)
            put_text("\033[?1002h"); /* motion while a button is down */
    } else {
        mousemask(0, NULL);
        if (xterm)
            put_text("\033[?1002l");
    }
    if (xterm)
        put_text(on ? "\033[?2004h" : "\033[?2004l");
}

static void leave(void *ctx)
{
    struct screen *s = ctx;

    if (!s->in)
        return;
    s->in = false;
    modes(s, false);
    endwin();
    taken = 0;
}

static void enter(void *ctx)
{
    struct screen *s = ctx;

    if (s->in)
        return;
    s->in = true;
    taken = 1;
    refresh();
    modes(s, true);
}

static void configure(void *ctx, enum ui_charset charset, bool mouse)
{
    struct screen *s = ctx;

    if (charset != UI_CHARSET_AUTO &&
        (charset != UI_CHARSET_UTF8 || strcmp(nl_langinfo(CODESET), "UTF-8") == 0))
        s->term->charset = charset;
    s->mouse = mouse;
    modes(s, true);
}

static void close_screen(void *ctx)
{
    struct screen *s = ctx;

    leave(s);
    delscreen(s->curses);
    ui_grid_fini(&s->shown);
    explicit_bzero(s->paste, sizeof s->paste);
    free(s);
}

static int collect(int c)
{
    if (bytes_back_len < sizeof bytes_back)
        bytes_back[bytes_back_len++] = (char)c;
    return c;
}

/* Bytes that end what newterm began, laid ready while it is still safe to work them out. */
static void prepare_restore(void)
{
    static const char *const caps[] = {"sgr0", "cnorm", "rmkx", "rmcup"};
    static const char modes_off[] = "\033[?1002l\033[?1000l\033[?1006l\033[?2004l";

    bytes_back_len = 0;
    if (is_like_xterm())
        for (size_t i = 0; i + 1 < sizeof modes_off; i++)
            collect(modes_off[i]);
    for (size_t i = 0; i < SU_ARRAY_LEN(caps); i++) {
        char *seq = tigetstr(caps[i]);
        if (seq && seq != (char *)-1)
            tputs(seq, 1, collect);
    }
}

enum su_code ui_term_curses_open(const struct ui_term_options *o, struct ui_term *out,
                                 struct su_err *e)
{
    const char *name = getenv("TERM");
    struct screen *s;
    int problem = 0;
    char *cup;

    *out = (struct ui_term){.fd = -1};
    if (taken)
        return su_fail(e, SU_EBUSY, "terminal", "the app is running already");
    if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO) || tcgetattr(STDIN_FILENO, &before) != 0)
        return su_fail(e, SU_EINVAL, "terminal",
                       "stdin and stdout are not a terminal; `splitup ui PANE --once` prints one");
    cup = setupterm(NULL, STDOUT_FILENO, &problem) == OK ? tigetstr("cup") : NULL;
    if (!cup || cup == (char *)-1)
        return su_fail(e, SU_EINVAL, "TERM",
                       "\"%s\" cannot place its cursor; `splitup ui PANE --once` prints a pane",
                       name ? name : "");
    use_env(FALSE);
    use_tioctl(TRUE);
    s = su_alloc(sizeof *s);
    s->curses = newterm(NULL, stdout, stdin);
    if (!s->curses) {
        free(s);
        return su_fail(e, SU_EINVAL, "TERM", "\"%s\" is not usable", name ? name : "");
    }
    set_escdelay(50);
    raw();
    noecho();
    nonl();
    keypad(stdscr, TRUE);
    nodelay(stdscr, TRUE);
    define_key("\033\n", ALT_ENTER);
    define_key("\033\r", ALT_ENTER);
    define_key("\033[200~", PASTE_BEGIN);
    define_key("\033[201~", PASTE_END);
    prepare_restore();
    *out = (struct ui_term){.ctx = s,
                            .fd = STDIN_FILENO,
                            .charset = o->charset != UI_CHARSET_AUTO ? o->charset : charset_auto(),
                            .depth = depth_of(o->depth),
                            .size = size,
                            .next = next,
                            .show = show,
                            .configure = configure,
                            .leave = leave,
                            .enter = enter,
                            .flush_input = flush_input,
                            .close = close_screen};
    if (out->charset == UI_CHARSET_UTF8 && strcmp(nl_langinfo(CODESET), "UTF-8") != 0)
        out->charset = charset_auto();
    s->term = out;
    s->mouse = o->mouse;
    s->in = true;
    taken = 1;
    modes(s, true);
    return SU_OK;
}
