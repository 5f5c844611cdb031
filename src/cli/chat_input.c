// SPDX-License-Identifier: MIT
#include "chat_input.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#define FENCE "\"\"\""
#define FENCE_BYTES 3u

enum line { LINE, LAST, INTERRUPT };

struct input {
    struct cli_chat_reader *r;
    bool zero;
    int sys; /* errno of a failed read */
    struct su_buf *text;
};

/* Waits for bytes or SIGINT, whichever thread that reaches. */
static enum line fill(struct input *in)
{
    struct cli_chat_reader *r = in->r;
    for (;;) {
        struct pollfd fd[2] = {{.fd = r->fd, .events = POLLIN},
                               {.fd = cli_interrupt_fd(), .events = POLLIN}};
        if (poll(fd, 2, -1) < 0 && errno != EINTR) {
            in->sys = errno;
            return LAST;
        }
        if (cli_interrupted())
            return INTERRUPT;
        ssize_t n = fd[0].revents ? read(r->fd, r->bytes, sizeof r->bytes) : -1;
        if (n > 0) {
            r->at = 0;
            r->end = (size_t)n;
            return LINE;
        }
        if (n == 0)
            return LAST;
        if (fd[0].revents && errno != EINTR) {
            in->sys = errno;
            return LAST;
        }
    }
}

/* Appends one line without its end. LAST: the input ended behind it, or at once. */
static enum line read_line(struct input *in, const char *prompt)
{
    struct cli_chat_reader *r = in->r;
    if (r->prompts) {
        fputs(prompt, stderr);
        fflush(stderr);
    }
    for (;;) {
        enum line l = r->at == r->end ? fill(in) : LINE;
        if (l != LINE)
            return l;
        uint8_t c = r->bytes[r->at++];
        if (c == '\n')
            return LINE;
        in->zero = in->zero || c == 0;
        su_buf_u8(in->text, c);
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
static enum line read_fenced(struct input *in, enum line l)
{
    size_t from = 0;
    in->text->len -= FENCE_BYTES;
    memmove(in->text->data, in->text->data + FENCE_BYTES, in->text->len);
    while (!cut(in->text, from, FENCE) && l == LINE) {
        if (in->text->len > 0)
            su_buf_u8(in->text, '\n');
        from = in->text->len;
        l = read_line(in, "... ");
    }
    (void)cut(in->text, 0, "\n");
    return l;
}

enum su_code cli_chat_read(struct cli_chat_reader *r, struct su_buf *text,
                           enum cli_chat_input *what, struct su_err *e)
{
    struct input in = {.r = r, .text = text};
    su_buf_clear(text);
    text->limit = CLI_CHAT_INPUT_MAX;
    enum line l = read_line(&in, "> ");
    *what = l == LAST && text->len == 0             ? CLI_CHAT_END
            : text->len > 0 && text->data[0] == '/' ? CLI_CHAT_COMMAND
                                                    : CLI_CHAT_MESSAGE;
    if (*what == CLI_CHAT_MESSAGE && starts_fence(text))
        l = read_fenced(&in, l);
    else
        while (*what == CLI_CHAT_MESSAGE && l == LINE && cut(text, 0, "\\")) {
            su_buf_u8(text, '\n');
            l = read_line(&in, "... ");
        }
    if (l == INTERRUPT) {
        *what = CLI_CHAT_INTERRUPT;
        return SU_OK;
    }
    su_buf_u8(text, 0);
    if (in.sys)
        return su_fail_sys(e, in.sys, "standard input", "cannot be read");
    if (text->over)
        return su_fail(e, SU_ELIMIT, "message", "is longer than %zu bytes", CLI_CHAT_INPUT_MAX);
    if (text->failed)
        return su_fail(e, SU_ENOMEM, "message", "no memory for it");
    if (in.zero)
        return su_fail(e, SU_EINVAL, "message", "holds a zero byte; give text");
    text->len--;
    return SU_OK;
}
