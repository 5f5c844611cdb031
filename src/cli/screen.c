// SPDX-License-Identifier: MIT
#include "screen.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

enum { TAB = 8, WIDTH_DEFAULT = 80, HEIGHT_DEFAULT = 24 };

/* ---- the terminal ---------------------------------------------------------------------------------- */

static void measure(struct cli_screen *s)
{
    const char *columns = getenv("COLUMNS");
    struct winsize size;
    uint64_t n;

    s->width = WIDTH_DEFAULT;
    s->height = HEIGHT_DEFAULT;
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
        s->width = size.ws_col;
        s->height = size.ws_row > 0 ? size.ws_row : HEIGHT_DEFAULT;
    } else if (columns && su_parse_u64(columns, "COLUMNS", 1, 10000, &n, NULL) == SU_OK) {
        s->width = (unsigned)n;
    }
}

void cli_screen_begin(struct cli_screen *s, const struct cli *c, bool quiet)
{
    const char *no_color = getenv("NO_COLOR");

    *s = (struct cli_screen){.draws = c->tty && !quiet, .mixed = isatty(STDOUT_FILENO) != 0};
    s->utf8 = c->utf8;
    s->color = !no_color || !*no_color;
    su_buf_init(&s->block, 1 << 20);
    measure(s);
}

void cli_screen_end(struct cli_screen *s)
{
    cli_screen_clear(s);
    su_buf_fini(&s->block);
}

void cli_screen_room(struct cli_screen *s, unsigned *width, unsigned *rows)
{
    measure(s);
    *width = s->width - 1; /* the last column would begin another line */
    *rows = SU_MAX(s->height / 2, 2u);
}

/* ---- the block ------------------------------------------------------------------------------------- */

static void put(const struct su_buf *b)
{
    if (!b->failed)
        fwrite(b->data, 1, b->len, stderr);
    (void)fflush(stderr);
}

void cli_screen_clear(struct cli_screen *s)
{
    if (s->rows == 0)
        return;
    (void)fflush(stdout);
    /* Below the answer: its cursor is kept, whichever column it is in. */
    fputs(s->mixed ? "\0337\033[B\r\033[J\0338" : "\r\033[J", stderr);
    (void)fflush(stderr);
    s->rows = 0;
}

static unsigned count_lines(const struct su_buf *b)
{
    unsigned n = 0;

    for (size_t i = 0; i < b->len; i++)
        n += b->data[i] == '\n';
    return n;
}

static void put_lines(struct su_buf *out, const struct su_buf *block, const char *between)
{
    const char *at = (const char *)block->data, *end = at + block->len;

    for (bool first = true; at < end; first = false) {
        const char *eol = memchr(at, '\n', (size_t)(end - at));
        size_t n = eol ? (size_t)(eol - at) : (size_t)(end - at);
        su_buf_str(out, first ? "" : between);
        su_buf_put(out, at, n);
        at += n + 1;
    }
}

/* Room is made by moving down, which scrolls where there is none and keeps the column; then up again,
   and from there nothing scrolls any more. */
static void draw(struct cli_screen *s)
{
    unsigned n = count_lines(&s->block);
    struct su_buf b;

    /* With its line full a terminal's cursor is not where it seems to be. */
    if (!s->draws || n == 0 || (s->mixed && s->column > 0 && s->column % s->width == 0))
        return;
    su_buf_init(&b, 0);
    if (s->mixed) {
        for (unsigned i = 0; i < n; i++)
            su_buf_str(&b, "\033D");
        su_buf_printf(&b, "\033[%uA\0337\r\n\033[J", n);
        put_lines(&b, &s->block, "\r\n");
        su_buf_str(&b, "\0338");
    } else {
        su_buf_str(&b, "\r\033[J");
        put_lines(&b, &s->block, "\r\n");
        su_buf_str(&b, "\r");
        if (n > 1)
            su_buf_printf(&b, "\033[%uA", n - 1);
    }
    (void)fflush(stdout);
    put(&b);
    su_buf_fini(&b);
    s->rows = n;
    s->drawn_ns = su_clock_mono_ns();
}

void cli_screen_show(struct cli_screen *s, const struct su_buf *lines)
{
    unsigned before = s->width;

    measure(s);
    if (before != s->width) /* where lines have been wrapped anew nothing stands where it stood */
        s->column = SU_MIN(s->column, s->width - 1);
    su_buf_clear(&s->block);
    if (!lines->failed)
        su_buf_put(&s->block, lines->data, lines->len);
    if (s->block.len == 0)
        cli_screen_clear(s);
    draw(s);
}

/* ---- the answer ------------------------------------------------------------------------------------ */

static uint32_t code_point(const uint8_t *p, size_t n)
{
    static const uint8_t mask[5] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    uint32_t cp = n > 0 ? p[0] & mask[n] : 0xfffd;

    for (size_t i = 1; i < n; i++)
        cp = cp << 6 | (p[i] & 0x3fu);
    return cp;
}

/* Where the answer's last line ends after one more character; true: in another line than before. */
static bool advance(struct cli_screen *s, uint32_t cp)
{
    unsigned w;

    if (cp == '\n') {
        s->column = 0;
        return true;
    }
    if (cp == '\t') {
        s->column = SU_MIN((s->column / TAB + 1) * TAB, s->width - 1);
        return false;
    }
    int cells = wcwidth((wchar_t)cp);
    w = cells < 0 ? 1 : (unsigned)cells;
    if (s->column + w <= s->width) {
        s->column += w;
        return s->column == s->width;
    }
    s->column = w;
    return true;
}

void cli_screen_text(struct cli_screen *s, const char *text, size_t n)
{
    const uint8_t *p = (const uint8_t *)text;
    bool moves = false;
    struct su_buf b;

    if (!s->mixed) {
        fwrite(text, 1, n, stdout);
        return;
    }
    su_buf_init(&b, 0);
    for (size_t at = 0; at < n;) {
        size_t step = su_utf8_step(p + at, n - at);
        uint32_t cp = code_point(p + at, step);
        bool control = (cp < ' ' && cp != '\n' && cp != '\t') || (cp >= 0x7f && cp < 0xa0);
        if (control || step == 0)
            su_buf_str(&b, "?");
        else
            su_buf_put(&b, p + at, step);
        moves = advance(s, control ? '?' : cp) || moves;
        at += SU_MAX(step, (size_t)1);
    }
    if (moves)
        cli_screen_clear(s);
    if (!b.failed)
        fwrite(b.data, 1, b.len, stdout);
    su_buf_fini(&b);
    if (moves && s->block.len > 0)
        draw(s);
}
