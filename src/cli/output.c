// SPDX-License-Identifier: MIT
#include "cli_priv.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define COLUMN_MAX 12u

static bool reader_left; /* stdout is a pipe that nobody reads any more */

void cli_table_init(struct cli_table *t, const char *const *title, unsigned n_column)
{
    SU_ASSERT(n_column <= COLUMN_MAX);
    memset(t, 0, sizeof *t);
    t->title = title;
    t->n_column = n_column;
    su_buf_init(&t->cells, 0);
}

void cli_table_cell(struct cli_table *t, const char *fmt, ...)
{
    char raw[512], text[512];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(raw, sizeof raw, fmt, ap);
    va_end(ap);
    su_str_sanitize(text, sizeof text, raw, strlen(raw));
    su_buf_put(&t->cells, text, strlen(text) + 1);
    t->n_cell += !t->cells.failed;
}

/* Characters of valid UTF-8. */
static unsigned columns(const char *text)
{
    unsigned n = 0;
    for (; *text; text++)
        n += ((unsigned char)*text & 0xc0u) != 0x80u;
    return n;
}

static void print_cell(const char *text, unsigned width, bool right, bool last)
{
    int pad = (int)(width - columns(text));
    if (last && !right)
        printf("%s\n", text);
    else
        printf("%*s%s%*s%s", right ? pad : 0, "", text, right ? 0 : pad, "", last ? "\n" : "  ");
}

void cli_table_print(struct cli_table *t)
{
    unsigned width[COLUMN_MAX];
    for (unsigned i = 0; i < t->n_column; i++)
        width[i] = columns(t->title[i] + (t->title[i][0] == '>'));
    const char *cell = (const char *)t->cells.data;
    for (unsigned i = 0; i < t->n_cell; i++, cell += strlen(cell) + 1)
        width[i % t->n_column] = SU_MAX(width[i % t->n_column], columns(cell));
    for (unsigned i = 0; i < t->n_column; i++) {
        bool right = t->title[i][0] == '>';
        print_cell(t->title[i] + right, width[i], right, i + 1 == t->n_column);
    }
    cell = (const char *)t->cells.data;
    for (unsigned i = 0; i < t->n_cell; i++, cell += strlen(cell) + 1) {
        unsigned col = i % t->n_column;
        print_cell(cell, width[col], t->title[col][0] == '>', col + 1 == t->n_column);
    }
    su_buf_fini(&t->cells);
}

void cli_progress(const struct cli *c, const char *what, const struct su_progress *p, bool force)
{
    static uint64_t last_ns;
    uint64_t now = su_clock_mono_ns();
    if ((!c->tty && !c->watch) || (!force && now - last_ns < 100000000u))
        return;
    char line[160];
    last_ns = now;
    su_progress_line(p, line, sizeof line);
    /* A line that reaches the last column would wrap and could not be cleared again. */
    char name[64];
    if (c->watch) {
        char all[240];
        su_str_sanitize(name, sizeof name, what, strlen(what));
        (void)snprintf(all, sizeof all, "%s: %s", name, line);
        c->watch->say(c->watch->ctx, all);
        return;
    }
    su_str_sanitize(name, SU_MIN(c->err_width / 2, sizeof name), what, strlen(what));
    fprintf(stderr, "\r\033[K%s %.*s", name, (int)(c->err_width - strlen(name) - 2), line);
    fflush(stderr);
}

void cli_progress_clear(const struct cli *c)
{
    if (c->tty)
        fprintf(stderr, "\r\033[K");
}

bool cli_stopped(const struct cli *c)
{
    return c->watch ? c->watch->stop(c->watch->ctx) : cli_interrupted();
}

static bool pipe_is_broken(void)
{
    struct pollfd out = {.fd = STDOUT_FILENO, .events = POLLOUT};
    return poll(&out, 1, 0) == 1 && (out.revents & POLLERR) != 0;
}

/* The write that failed may have been an earlier one, whose errno is gone. */
enum su_code cli_flush(struct su_err *e)
{
    errno = 0;
    if (fflush(stdout) == 0 && !ferror(stdout))
        return SU_OK;
    if (errno == EPIPE || (errno == 0 && pipe_is_broken())) {
        reader_left = true;
        return su_fail(e, SU_ECANCELLED, "standard output", "its reader has closed it");
    }
    if (errno != 0)
        return su_fail_sys(e, errno, "standard output", "cannot be written");
    return su_fail(e, SU_EIO, "standard output", "could not be written in full; is there space?");
}

bool cli_reader_left(void)
{
    bool left = reader_left;
    reader_left = false;
    return left;
}

enum su_code cli_print_json(struct su_buf *b, struct su_err *e)
{
    enum su_code rc = su_buf_check(b, "JSON output", e);
    if (rc == SU_OK) {
        fwrite(b->data, 1, b->len, stdout);
        putchar('\n');
        rc = cli_flush(e);
    }
    su_buf_fini(b);
    return rc;
}

/* Two pixels a character: upper and lower half blocks where the terminal has them, else a ramp
   over their mean. */
void cli_digit_line(const float pixel[784], unsigned row, bool utf8, char *out, size_t cap)
{
    static const char *const half[4] = {" ", "\u2584", "\u2580",
                                        "\u2588"}; /* none, lower, upper, both */
    static const char ramp[] = " .:-=+*#%@";
    size_t at = 0;
    for (unsigned x = 0; x < 28 && at + 4 < cap; x++) {
        float up = pixel[(2 * row) * 28 + x], down = pixel[(2 * row + 1) * 28 + x];
        if (utf8) {
            unsigned which = (up > 0.35f ? 2u : 0u) | (down > 0.35f ? 1u : 0u);
            size_t n = strlen(half[which]);
            memcpy(out + at, half[which], n);
            at += n;
        } else {
            float mean = (up + down) * 0.5f * 9.0f;
            out[at++] = ramp[mean >= 9 ? 9 : mean > 0 ? (unsigned)mean : 0];
        }
    }
    out[at] = 0;
}
