// SPDX-License-Identifier: MIT
#include "ui/widgets/labels.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define FILE_MAX (256u << 10)
#define ADDRESS_LEAST 32u /* characters of an address in base58 */
#define ADDRESS_MOST 44u

static _Thread_local const struct ui_labels *book;

void ui_labels_fini(struct ui_labels *l)
{
    free(l->item);
    *l = (struct ui_labels){.n = 0};
}

/* Where the key is, or would be. */
static size_t place(const struct ui_labels *l, const uint8_t key[32], bool *there)
{
    size_t low = 0, high = l->n;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (memcmp(l->item[middle].key, key, 32) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    *there = low < l->n && memcmp(l->item[low].key, key, 32) == 0;
    return low;
}

const char *ui_labels_find(const struct ui_labels *l, const uint8_t key[32])
{
    bool there;
    size_t i = place(l, key, &there);

    return there ? l->item[i].text : NULL;
}

const struct ui_label *ui_labels_named(const struct ui_labels *l, const char *text)
{
    for (size_t i = 0; i < l->n; i++)
        if (strcasecmp(l->item[i].text, text) == 0)
            return &l->item[i];
    return NULL;
}

static bool parse(const char *text, uint8_t key[32])
{
    uint8_t bytes[64];
    size_t n;

    if (!su_base58_decode(text, bytes, sizeof bytes, &n) || n != 32)
        return false;
    memcpy(key, bytes, 32);
    return true;
}

bool ui_labels_resolve(const struct ui_labels *l, const char *text, uint8_t key[32])
{
    const struct ui_label *named = ui_labels_named(l, text);

    if (named)
        memcpy(key, named->key, 32);
    return named || parse(text, key);
}

/* What is typed for an address must not be anything else that is typed there: another address, `own`,
   an option. */
static enum su_code check(const char *text, struct su_err *e)
{
    static const char good[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
    size_t n = strlen(text);

    if (n > UI_LABEL_MAX)
        return su_fail(e, SU_EINVAL, "Name", "has more than %u characters", UI_LABEL_MAX);
    if (n == 0 || text[strspn(text, good)])
        return su_fail(e, SU_EINVAL, "Name", "is of letters, digits, - _ and . alone");
    if (!isalpha((unsigned char)*text) || strstr(text, ".."))
        return su_fail(e, SU_EINVAL, "Name", "begins with a letter, and has no .. in it");
    if (strcasecmp(text, "own") == 0)
        return su_fail(e, SU_EINVAL, "Name", "`own` is this machine's node already");
    return SU_OK;
}

enum su_code ui_labels_set(struct ui_labels *l, const uint8_t key[32], const char *text,
                           struct su_err *e)
{
    bool there;
    size_t i = place(l, key, &there);
    const struct ui_label *named = ui_labels_named(l, text);
    struct ui_label *grown;
    enum su_code rc = *text ? check(text, e) : SU_OK;

    if (rc)
        return rc;
    if (!*text) {
        if (there)
            memmove(l->item + i, l->item + i + 1, (--l->n - i) * sizeof *l->item);
        return SU_OK;
    }
    if (named && memcmp(named->key, key, 32) != 0)
        return su_fail(e, SU_EEXIST, "Name", "`%s` is another address; one name each", text);
    if (!there) {
        if (l->n == UI_LABELS_MAX)
            return su_fail(e, SU_ELIMIT, "Name", "at most %u addresses have one", UI_LABELS_MAX);
        grown = realloc(l->item, (l->n + 1) * sizeof *l->item);
        if (!grown)
            return su_fail(e, SU_ENOMEM, "Name", "out of memory");
        l->item = grown;
        memmove(grown + i + 1, grown + i, (l->n++ - i) * sizeof *grown);
        memcpy(grown[i].key, key, 32);
    }
    su_str_copy(l->item[i].text, sizeof l->item[i].text, text);
    return SU_OK;
}

/* ---- the file ----------------------------------------------------------------------------------- */

static enum su_code read_line(struct ui_labels *l, const char *line, size_t n, struct su_err *e)
{
    char text[ADDRESS_MOST + UI_LABEL_MAX + 2], *name;
    uint8_t key[32];

    if (n == 0 || *line == '#')
        return SU_OK;
    if (n >= sizeof text || memchr(line, 0, n))
        return su_fail(e, SU_EINVAL, "Name", "not a line of an address and a name");
    memcpy(text, line, n);
    text[n] = 0;
    name = strchr(text, ' ');
    if (name)
        *name++ = 0;
    if (!name || !*name || !parse(text, key))
        return su_fail(e, SU_EINVAL, "Name", "not a line of an address and a name");
    if (ui_labels_find(l, key))
        return su_fail(e, SU_EEXIST, "Name", "the address has a name above");
    return ui_labels_set(l, key, name, e);
}

enum su_code ui_labels_load(struct ui_labels *l, const char *path, struct su_err *e)
{
    struct ui_labels fresh = {.n = 0};
    struct su_err why;
    struct su_map m;
    char at[300];
    enum su_code rc = su_map_open(path, FILE_MAX, &m, e);

    if (rc == SU_ENOENT) {
        ui_labels_fini(l);
        return SU_OK;
    }
    if (rc)
        return rc;
    for (size_t i = 0, n, number = 1; i < m.len && !rc; i += n + 1, number++) {
        const uint8_t *end = memchr(m.data + i, '\n', m.len - i);
        n = end ? (size_t)(end - (m.data + i)) : m.len - i;
        rc = read_line(&fresh, (const char *)m.data + i, n, &why);
        if (rc) {
            snprintf(at, sizeof at, "%.260s:%zu", path, number);
            rc = su_fail(e, rc == SU_ENOMEM ? rc : SU_EFORMAT, at, "%s", why.msg);
        }
    }
    su_map_close(&m);
    if (rc) {
        ui_labels_fini(&fresh);
        return rc;
    }
    ui_labels_fini(l);
    *l = fresh;
    return SU_OK;
}

static enum su_code save(const struct ui_labels *l, const char *path, struct su_err *e)
{
    char text[64];
    struct su_buf b;
    enum su_code rc;

    su_buf_init(&b, FILE_MAX);
    su_buf_str(&b, "# ADDRESS NAME: what the terminal app calls addresses (b there, or :label)\n");
    for (size_t i = 0; i < l->n; i++) {
        (void)su_base58_encode(l->item[i].key, 32, text, sizeof text);
        su_buf_printf(&b, "%s %s\n", text, l->item[i].text);
    }
    rc = su_buf_check(&b, path, e);
    if (!rc)
        rc = su_file_write(path, b.data, b.len, 0600, e);
    su_buf_fini(&b);
    return rc;
}

enum su_code ui_labels_change(struct ui_labels *l, const char *path, const uint8_t key[32],
                              const char *text, struct su_err *e)
{
    struct ui_labels fresh = {.n = 0};
    enum su_code rc = ui_labels_load(&fresh, path, e);

    if (!rc)
        rc = ui_labels_set(&fresh, key, text, e);
    if (!rc)
        rc = save(&fresh, path, e);
    if (rc) {
        ui_labels_fini(&fresh);
        return rc;
    }
    ui_labels_fini(l);
    *l = fresh;
    return SU_OK;
}

/* ---- writing ------------------------------------------------------------------------------------ */

void ui_labels_use(const struct ui_labels *l)
{
    book = l;
}

const char *ui_label_of(const uint8_t key[32], char out[UI_LABEL_SHOWN])
{
    const char *text = book && book->n > 0 ? ui_labels_find(book, key) : NULL;

    if (!text)
        return NULL;
    snprintf(out, UI_LABEL_SHOWN, "'%s'", text);
    return out;
}

void ui_labels_beside(char *out, size_t cap, const char *text)
{
    size_t at = 0;

    out[0] = 0;
    while (*text && at + 1 < cap) {
        size_t n = strcspn(text, " "), blanks = strspn(text + n, " ");
        char word[ADDRESS_MOST + 1], name[UI_LABEL_SHOWN];
        uint8_t key[32];
        at += (size_t)snprintf(out + at, cap - at, "%.*s", (int)n, text);
        if (n >= ADDRESS_LEAST && n <= ADDRESS_MOST && at + 1 < cap) {
            memcpy(word, text, n);
            word[n] = 0;
            if (parse(word, key) && ui_label_of(key, name))
                at += (size_t)snprintf(out + at, cap - at, " %s", name);
        }
        text += n;
        if (at + 1 < cap)
            at += (size_t)snprintf(out + at, cap - at, "%.*s", (int)blanks, text);
        text += blanks;
    }
}
