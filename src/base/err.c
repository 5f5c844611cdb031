// SPDX-License-Identifier: MIT
#include "base/base.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

struct code_row {
    const char *name;
    int exit_status;
    const char *text;
};

static const struct code_row code_rows[SU_CODE_COUNT] = {
#define X(name, exit_status, text) {#name, exit_status, text},
#include "base/err_codes.def"
#undef X
};

static void (*_Atomic assert_handler)(void);

static bool code_valid(enum su_code c)
{
    return (int)c >= 0 && (int)c < SU_CODE_COUNT;
}

const char *su_code_name(enum su_code c)
{
    return code_valid(c) ? code_rows[c].name : "?";
}

const char *su_code_text(enum su_code c)
{
    return code_valid(c) ? code_rows[c].text : "unknown error";
}

int su_code_exit(enum su_code c)
{
    return code_valid(c) ? code_rows[c].exit_status : su_code_exit(SU_EINTERNAL);
}

/* Copies with control characters replaced; a cut never leaves half a UTF-8 sequence. */
static void put_line(char *dst, size_t cap, const char *src)
{
    size_t n = strlen(src);
    if (n >= cap) {
        n = cap - 1;
        while (n > 0 && ((unsigned char)src[n] & 0xC0) == 0x80)
            n--;
    }
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)src[i];
        dst[i] = (c < 0x20 || c == 0x7F) ? '?' : src[i];
    }
    dst[n] = '\0';
}

/* Both texts may point into *e, so they are complete before anything in *e changes. */
static void fill(struct su_err *e, enum su_code c, int sys, const char *at, const char *msg)
{
    char at_copy[sizeof e->at];

    put_line(at_copy, sizeof at_copy, at ? at : "");
    e->code = c;
    e->sys = sys;
    memcpy(e->at, at_copy, sizeof at_copy);
    put_line(e->msg, sizeof e->msg, msg);
}

enum su_code su_fail(struct su_err *e, enum su_code c, const char *at, const char *fmt, ...)
{
    char msg[sizeof e->msg + 4];
    va_list ap;

    if (!e)
        return c;
    va_start(ap, fmt);
    (void)vsnprintf(msg, sizeof msg, fmt, ap);
    va_end(ap);
    fill(e, c, 0, at, msg);
    return c;
}

static enum su_code code_of_errno(int sys)
{
    switch (sys) {
    case ENOENT:
    case ENOTDIR:
        return SU_ENOENT;
    case EACCES:
    case EPERM:
    case EROFS:
        return SU_EACCES;
    case ENOSPC:
    case EDQUOT:
        return SU_ENOSPC;
    case EEXIST:
        return SU_EEXIST;
    case ENOMEM:
        return SU_ENOMEM;
    case ETIMEDOUT:
        return SU_ETIMEOUT;
    case EBUSY:
    case EAGAIN:
        return SU_EBUSY;
    default:
        return SU_EIO;
    }
}

enum su_code su_fail_sys(struct su_err *e, int sys, const char *at, const char *fmt, ...)
{
    char msg[sizeof e->msg + 4], why[96];
    enum su_code c = code_of_errno(sys);
    va_list ap;

    if (!e)
        return c;
    va_start(ap, fmt);
    int n = vsnprintf(msg, sizeof msg, fmt, ap);
    va_end(ap);
    if (n < 0)
        n = 0;
    const char *text = strerror_r(sys, why, sizeof why);
    if ((size_t)n < sizeof msg)
        (void)snprintf(msg + n, sizeof msg - (size_t)n, "%s%s", n > 0 ? ": " : "", text);
    fill(e, c, sys, at, msg);
    return c;
}

enum su_code su_wrap(struct su_err *e, const char *fmt, ...)
{
    char old[sizeof e->msg], msg[2 * sizeof e->msg + 4];
    va_list ap;

    if (!e)
        return SU_EINTERNAL;
    memcpy(old, e->msg, sizeof old);
    va_start(ap, fmt);
    int n = vsnprintf(msg, sizeof e->msg, fmt, ap);
    va_end(ap);
    n = n < 0 ? 0 : SU_MIN(n, (int)sizeof e->msg - 1);
    (void)snprintf(msg + n, sizeof msg - (size_t)n, ": %s", old);
    put_line(e->msg, sizeof e->msg, msg);
    return e->code;
}

void su_err_line(const struct su_err *e, char *out, size_t cap)
{
    const char *msg = e->msg[0] ? e->msg : su_code_text(e->code);

    if (e->at[0])
        (void)snprintf(out, cap, "%s: %s", e->at, msg);
    else
        (void)snprintf(out, cap, "%s", msg);
}

void su_assert_handler(void (*fn)(void))
{
    atomic_store(&assert_handler, fn);
}

void su_assert_fail(const char *cond, const char *file, int line)
{
    /* Taken once, so that an assertion failing inside the handler does not run it again. */
    void (*fn)(void) = atomic_exchange(&assert_handler, NULL);

    if (fn)
        fn();
    (void)fprintf(stderr, "%s:%d: assertion failed: %s\n", file, line, cond);
    (void)fflush(stderr);
    abort();
}
