// SPDX-License-Identifier: MIT
#include "chat_input.h"

#include <errno.h>
#include <string.h>

#define FENCE "\"\"\""
#define FENCE_BYTES 3u

enum line { LINE, LAST, INTERRUPT };

struct input {
    FILE *in;
    bool prompts, zero;
    int sys; /* errno of a failed read */
    struct su_buf *text;
};

/* Appends one line without its end. LAST: the input ended behind it, or at once. */
static enum line read_line(struct input *r, const char *prompt)
{
    if (r->prompts) {
        fputs(prompt, stderr);
        fflush(stderr);
    }
    for (;;) {
        errno = 0;
        int c = getc(r->in);
        if (c == '\n')
            return LINE;
        if (c == EOF && ferror(r->in)) {
            int sys = errno;
            clearerr(r->in);
            if (sys == EINTR && cli_interrupted())
                return INTERRUPT;
            if (sys == EINTR)
                continue;
            r->sys = sys ? sys : EIO;
            return LAST;
        }
        if (c == EOF)
            return LAST;
        r->zero = r->zero || c == 0;
        su_buf_u8(r->text, (uint8_t)c);
    }
}

static bool starts_fence(const struct su_buf *b)
{
    return b->len >= FENCE_BYTES && memcmp(b->data, FENCE, FENCE_BYTES) == 0;
}

/* Takes `with` off the end of what follows `from`; false when it does not stand there. */
static bool cut(struct su_buf *b, size_t from, const char *with)
{
    size_t n = strlen(with);
    if (b->len < from + n || memcmp(b->data + b->len - n, with, n) != 0)
        return false;
    b->len -= n;
    return true;
}

/* The first line, with the fence in front, has been read. */
static enum line read_fenced(struct input *r, enum line l)
{
    size_t from = 0;
    r->text->len -= FENCE_BYTES;
    memmove(r->text->data, r->text->data + FENCE_BYTES, r->text->len);
    while (!cut(r->text, from, FENCE)) {
        if (l != LINE)
            return l;
        if (r->text->len > 0)
            su_buf_u8(r->text, '\n');
        from = r->text->len;
        l = read_line(r, "... ");
    }
    (void)cut(r->text, 0, "\n");
    return l;
}

enum su_code cli_chat_read(FILE *in, bool prompts, struct su_buf *text, enum cli_chat_input *what,
                           struct su_err *e)
{
    struct input r = {.in = in, .prompts = prompts, .text = text};
    su_buf_clear(text);
    text->limit = CLI_CHAT_INPUT_MAX;
    enum line l = read_line(&r, "> ");
    *what = l == LAST && text->len == 0             ? CLI_CHAT_END
            : text->len > 0 && text->data[0] == '/' ? CLI_CHAT_COMMAND
                                                    : CLI_CHAT_MESSAGE;
    if (*what == CLI_CHAT_MESSAGE && starts_fence(text))
        l = read_fenced(&r, l);
    else
        while (*what == CLI_CHAT_MESSAGE && l == LINE && cut(text, 0, "\\")) {
            su_buf_u8(text, '\n');
            l = read_line(&r, "... ");
        }
    if (l == INTERRUPT) {
        *what = CLI_CHAT_INTERRUPT;
        return SU_OK;
    }
    su_buf_u8(text, 0);
    if (r.sys)
        return su_fail_sys(e, r.sys, "standard input", "cannot be read");
    if (text->over)
        return su_fail(e, SU_ELIMIT, "message", "is longer than %zu bytes", CLI_CHAT_INPUT_MAX);
    if (text->failed)
        return su_fail(e, SU_ENOMEM, "message", "no memory for it");
    if (r.zero)
        return su_fail(e, SU_EINVAL, "message", "holds a zero byte; give text");
    text->len--;
    return SU_OK;
}
