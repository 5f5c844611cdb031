// SPDX-License-Identifier: MIT
#include "base/base.h"

#include <stdlib.h>
#include <string.h>

#define CONFIG_BYTES_MAX ((size_t)1 << 20)

struct entry {
    char *key, *value; /* inside text */
    size_t line;
};

struct su_config {
    char *text; /* owned copy, cut into keys and values in place */
    struct entry *entries;
    size_t count, cap;
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static bool is_key_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '.';
}

static char *skip_blanks(char *p)
{
    while (is_blank(*p))
        p++;
    return p;
}

/* Reads "..." at p, in place. Returns what follows the closing quote, NULL when the quotes are
   wrong. */
static char *unquote(char *p, char **value)
{
    char *out = p;

    *value = p;
    for (p++; *p != '"'; p++) {
        if (*p == '\\') {
            p++;
            if (*p != '"' && *p != '\\')
                return NULL;
        }
        if (!*p)
            return NULL;
        *out++ = *p;
    }
    *out = '\0';
    return p + 1;
}

/* Ends a plain value at a comment or at the line's end and trims it. */
static void trim_plain(char *value)
{
    char *end = value;

    while (*end && !(*end == '#' && (end == value || is_blank(end[-1]))))
        end++;
    while (end > value && is_blank(end[-1]))
        end--;
    *end = '\0';
}

static enum su_code add_entry(struct su_config *c, struct entry en, const char *at,
                              struct su_err *e)
{
    if (c->count == c->cap) {
        size_t cap = c->cap ? 2 * c->cap : 16; /* bounded by the text: below 2^20 lines */
        struct entry *p = realloc(c->entries, cap * sizeof *p);
        if (!p)
            return su_fail(e, SU_ENOMEM, at, "out of memory after %zu settings", c->count);
        c->entries = p;
        c->cap = cap;
    }
    c->entries[c->count++] = en;
    return SU_OK;
}

static enum su_code parse_line(struct su_config *c, char *p, size_t line, const char *at,
                               struct su_err *e)
{
    struct entry en = {.line = line};

    p = skip_blanks(p);
    if (!*p || *p == '#')
        return SU_OK;
    en.key = p;
    while (is_key_char(*p))
        p++;
    char *key_end = p;
    p = skip_blanks(p);
    if (key_end == en.key || *p != '=')
        return su_fail(e, SU_EFORMAT, at, "line %zu is not of the form key = value", line);
    *key_end = '\0';
    p = skip_blanks(p + 1);
    if (*p == '"') {
        char *rest = unquote(p, &en.value);
        if (!rest)
            return su_fail(
                e, SU_EFORMAT, at,
                "line %zu: the quoted value has no end or an escape other than \\\" and \\\\",
                line);
        rest = skip_blanks(rest);
        if (*rest && *rest != '#')
            return su_fail(e, SU_EFORMAT, at, "line %zu: text follows the quoted value", line);
    } else {
        trim_plain(p);
        en.value = p;
    }
    return add_entry(c, en, at, e);
}

static enum su_code check_bytes(const char *text, size_t len, const char *at, struct su_err *e)
{
    const uint8_t *p = (const uint8_t *)text;
    size_t line = 1;

    for (size_t i = 0; i < len;) {
        size_t n = su_utf8_step(p + i, len - i);
        bool end_of_line = p[i] == '\n' || (p[i] == '\r' && i + 1 < len && p[i + 1] == '\n');
        if (n == 0 || p[i] == 0x7F || (p[i] < 0x20 && p[i] != '\t' && !end_of_line))
            return su_fail(e, SU_EFORMAT, at,
                           "line %zu (offset %zu) has a byte that is no text: 0x%02x", line, i,
                           p[i]);
        line += p[i] == '\n';
        i += n;
    }
    return SU_OK;
}

static int by_key(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    int order = strcmp(x->key, y->key);

    return order ? order : (x->line > y->line) - (x->line < y->line);
}

static enum su_code parse_all(struct su_config *c, const char *at, struct su_err *e)
{
    size_t line = 1;

    for (char *p = c->text; p; line++) {
        char *end = strchr(p, '\n');
        char *next = end ? end + 1 : NULL;
        if (end) {
            if (end > p && end[-1] == '\r')
                end--;
            *end = '\0';
        }
        enum su_code rc = parse_line(c, p, line, at, e);
        if (rc)
            return rc;
        p = next;
    }
    if (c->count > 1)
        qsort(c->entries, c->count, sizeof *c->entries, by_key);
    for (size_t i = 1; i < c->count; i++) {
        const struct entry *a = &c->entries[i - 1], *b = &c->entries[i];
        if (strcmp(a->key, b->key) == 0)
            return su_fail(e, SU_EFORMAT, at, "line %zu sets '%s' again after line %zu", b->line,
                           b->key, a->line);
    }
    return SU_OK;
}

enum su_code su_config_parse(const char *text, size_t len, const char *at, struct su_config **out,
                             struct su_err *e)
{
    *out = NULL;
    if (len > CONFIG_BYTES_MAX)
        return su_fail(e, SU_ELIMIT, at, "%zu bytes are more than the limit of %zu", len,
                       CONFIG_BYTES_MAX);
    enum su_code rc = check_bytes(text, len, at, e);
    if (rc)
        return rc;
    struct su_config *c = su_alloc(sizeof *c);
    c->text = su_try_alloc(len + 1, 1);
    if (!c->text) {
        su_config_free(c);
        return su_fail(e, SU_ENOMEM, at, "out of memory for %zu bytes", len);
    }
    if (len > 0)
        memcpy(c->text, text, len);
    rc = parse_all(c, at, e);
    if (rc) {
        su_config_free(c);
        return rc;
    }
    *out = c;
    return SU_OK;
}

const char *su_config_get(const struct su_config *c, const char *key, const char *fallback)
{
    size_t low = 0, high = c ? c->count : 0;

    while (low < high) {
        size_t mid = low + (high - low) / 2;
        int order = strcmp(key, c->entries[mid].key);
        if (order == 0)
            return c->entries[mid].value;
        if (order < 0)
            high = mid;
        else
            low = mid + 1;
    }
    return fallback;
}

void su_config_free(struct su_config *c)
{
    if (!c)
        return;
    free(c->entries);
    free(c->text);
    free(c);
}
