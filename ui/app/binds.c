// SPDX-License-Identifier: MIT
/* Keys of one's own: lines of the configuration, checked against the table. */
#include "ui/app/app.h"

#include <string.h>

_Static_assert(UI_KEYS_PER_ROW == SU_ARRAY_LEN(((struct ui_key_row *)0)->key), "a row of both");

static const struct {
    const char *name;
    int key;
} named[] = {{"Enter", UI_K_ENTER}, {"Esc", UI_K_ESC},   {"Tab", UI_K_TAB},
             {"S-Tab", UI_K_BTAB},  {"Space", ' '},      {"Up", UI_K_UP},
             {"Down", UI_K_DOWN},   {"Left", UI_K_LEFT}, {"Right", UI_K_RIGHT},
             {"Home", UI_K_HOME},   {"End", UI_K_END},   {"PgUp", UI_K_PGUP},
             {"PgDn", UI_K_PGDN},   {"Del", UI_K_DEL},   {"BS", UI_K_BACKSPACE}};

const char *ui_scope_word(enum ui_scope s)
{
    static const char *const word[] = {"models", "tasks", "stake",      "beats", "samples",
                                       "run",    "log",   "everywhere", "forms", "previews"};

    return word[s];
}

const char *ui_request_word(const struct ui_key_row *row, char out[24])
{
    size_t n = 0;

    for (const char *c = row->name; *c && n < 23; c++)
        out[n++] = *c == '_' ? '-' : (char)(*c >= 'A' && *c <= 'Z' ? *c + 'a' - 'A' : *c);
    out[n] = 0;
    return out;
}

/* 0: no such key. */
static int key_parse(const char *word, size_t n)
{
    unsigned f;
    char c;

    for (size_t i = 0; i < SU_ARRAY_LEN(named); i++)
        if (strlen(named[i].name) == n && strncmp(named[i].name, word, n) == 0)
            return named[i].key;
    if (n == 1 && word[0] > ' ' && word[0] < 0x7f)
        return word[0];
    if (n == 2 && word[0] == '^' && word[1] >= 'A' && word[1] <= 'Z')
        return UI_K_CTRL(word[1]);
    if (n <= 3 && sscanf(word, "F%u%c", &f, &c) >= 1 && f >= 1 && f <= 12)
        return UI_K_F((int)f);
    return 0;
}

static const char *key_name(int key, char out[8])
{
    for (size_t i = 0; i < SU_ARRAY_LEN(named); i++)
        if (named[i].key == key)
            return named[i].name;
    for (int f = 1; f <= 12; f++)
        if (key == UI_K_F(f)) {
            snprintf(out, 8, "F%d", f);
            return out;
        }
    if (key < ' ')
        snprintf(out, 8, "^%c", key + '@');
    else
        snprintf(out, 8, "%c", key);
    return out;
}

const char *ui_keys_shown(const struct ui_binds *binds, const struct ui_key_row *row, char out[24])
{
    size_t at = 0;
    bool own = false;

    /* Rows that are told together are shown together. */
    for (size_t i = 0; i < ui_keys_count && binds; i++)
        own = own || (binds->bound[i] && ui_keys[i].scope == row->scope &&
                      strcmp(ui_keys[i].shown, row->shown) == 0);
    if (!own) {
        su_str_copy(out, 24, row->shown);
        return out;
    }
    out[0] = 0;
    for (size_t k = 0; k < UI_KEYS_PER_ROW; k++)
        for (size_t i = 0; i < ui_keys_count; i++) {
            const int *key = binds->bound[i] ? binds->key[i] : ui_keys[i].key;
            char name[8];
            if (ui_keys[i].scope != row->scope || strcmp(ui_keys[i].shown, row->shown) != 0 ||
                !key[k] || at + strlen(key_name(key[k], name)) + 1 > 7)
                continue;
            at +=
                (size_t)snprintf(out + at, 24 - at, "%s%s", at ? " " : "", key_name(key[k], name));
        }
    if (at == 0)
        su_str_copy(out, 24, "-");
    return out;
}

/* ---- texts that name keys ------------------------------------------------------------------------ */

static const struct ui_key_row *row_of(enum ui_scope scope, const char *request)
{
    char word[24];

    for (size_t i = 0; i < ui_keys_count; i++)
        if (ui_keys[i].scope == scope && strcmp(ui_request_word(&ui_keys[i], word), request) == 0)
            return &ui_keys[i];
    return NULL;
}

/* name: "models.deploy", "deploy". */
static const struct ui_key_row *row_named(const struct ui_app *app, const char *name)
{
    const char *dot = strchr(name, '.');
    const struct ui_key_row *r = NULL;
    size_t n = dot ? (size_t)(dot - name) : 0;

    if (!dot) {
        r = row_of((enum ui_scope)app->pane, name);
        return r ? r : row_of(UI_SCOPE_ALL, name);
    }
    for (int s = 0; s <= UI_SCOPE_PREVIEW && !r; s++)
        if (strlen(ui_scope_word((enum ui_scope)s)) == n &&
            strncmp(ui_scope_word((enum ui_scope)s), name, n) == 0)
            r = row_of((enum ui_scope)s, dot + 1);
    return r;
}

static const char *key_of_row(const struct ui_binds *binds, const struct ui_key_row *r, char out[8])
{
    size_t i = (size_t)(r - ui_keys);
    const int *key = binds->bound[i] ? binds->key[i] : r->key;
    int first = 0;

    for (size_t k = 0; k < UI_KEYS_PER_ROW; k++)
        if (key[k] &&
            (!first || (key[k] >= UI_K_F(1) && key[k] <= UI_K_F(12) && first < UI_K_F(1))))
            first = key[k];
    return first ? key_name(first, out) : "(no key)";
}

const char *ui_hint(const struct ui_app *app, const char *text, char out[UI_HINT])
{
    size_t at = 0;

    while (*text && at + 1 < UI_HINT) {
        const struct ui_key_row *r = NULL;
        char name[40], shown[8];
        int used = 0, wide = 0;
        if (sscanf(text, "{%39[a-z0-9.-]%n", name, &used) == 1) {
            int more = 0;
            if (sscanf(text + used, ":%2d%n", &wide, &more) == 1)
                used += more;
            r = text[used] == '}' ? row_named(app, name) : NULL;
        }
        if (r) {
            int n =
                snprintf(out + at, UI_HINT - at, "%-*s", wide, key_of_row(&app->binds, r, shown));
            at = SU_MIN(at + (size_t)n, UI_HINT - 1);
            text += used + 1;
        } else {
            out[at++] = *text++;
        }
    }
    out[at] = 0;
    return out;
}

int ui_hint_text(const struct ui_app *app, struct ui_area a, int x, int y, enum ui_role role,
                 const char *text)
{
    char out[UI_HINT];

    return ui_text(a, x, y, role, ui_hint(app, text, out));
}

/* ---- reading ------------------------------------------------------------------------------------ */

struct line {
    const char *path;
    size_t number[UI_KEY_ROWS]; /* where a row was bound */
    size_t now;
};

static enum su_code bad(const struct line *l, size_t number, struct su_err *e, const char *fmt, ...)
    SU_PRINTF(4, 5);

static enum su_code bad(const struct line *l, size_t number, struct su_err *e, const char *fmt, ...)
{
    char at[300], text[300];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    snprintf(at, sizeof at, "%.260s:%zu", l->path, number);
    return su_fail(e, SU_EFORMAT, at, "%s", text);
}

/* Requests that keep their keys: without them nobody gets out. */
static bool is_kept(int request)
{
    return request == UI_REQ_QUIT || request == UI_REQ_BACK || request == UI_REQ_CANCEL ||
           request == UI_REQ_SUSPEND || request == UI_REQ_ENTER || request == UI_REQ_SUBMIT ||
           request == UI_REQ_LEAVE;
}

static const struct ui_key_row *keeper(int key)
{
    for (size_t i = 0; i < ui_keys_count; i++)
        if (is_kept(ui_keys[i].request) && ui_keys[i].scope >= UI_SCOPE_ALL)
            for (size_t k = 0; k < UI_KEYS_PER_ROW; k++)
                if (ui_keys[i].key[k] == key)
                    return &ui_keys[i];
    return NULL;
}

/* Terminals may take escape sequences apart: these come alone, then. */
static bool is_part(int key)
{
    return (key >= '0' && key <= '9') || key == '[' || key == 'O' || key == '~' || key == ';';
}

static enum su_code check_key(const struct line *l, const struct ui_key_row *row, int key,
                              struct su_err *e)
{
    char name[8], word[24];
    const struct ui_key_row *has = keeper(key);

    for (size_t k = 0; k < UI_KEYS_PER_ROW; k++)
        if (row->key[k] == key)
            return SU_OK;
    if (has)
        return bad(l, l->now, e, "%s stays `%s`: bind another key", key_name(key, name),
                   ui_request_word(has, word));
    if (row->tier >= 2 && is_part(key))
        return bad(l, l->now, e, "%s can be part of another key on slow lines: nothing that spends",
                   key_name(key, name));
    if (row->scope == UI_SCOPE_FORM && key >= ' ' && key < 0x7f)
        return bad(l, l->now, e, "%s is typed into fields", key_name(key, name));
    return SU_OK;
}

static enum su_code read_keys(struct ui_binds *b, const struct line *l, size_t row,
                              const char *value, struct su_err *e)
{
    size_t n = 0;

    memset(b->key[row], 0, sizeof b->key[row]);
    b->bound[row] = true;
    while (*value) {
        size_t len = strcspn(value, " ");
        int key = key_parse(value, len);
        enum su_code rc;
        if (len == 4 && strncmp(value, "none", 4) == 0 && n == 0 && !value[4])
            return SU_OK;
        if (key == 0)
            return bad(l, l->now, e,
                       "no key `%.*s`: a character, ^A to ^Z, F1 to F12, Enter, Tab, S-Tab, Space, "
                       "Up, Home, PgUp, Del ...",
                       (int)SU_MIN(len, (size_t)20), value);
        if (n == UI_KEYS_PER_ROW)
            return bad(l, l->now, e, "more than %d keys", UI_KEYS_PER_ROW);
        rc = check_key(l, &ui_keys[row], key, e);
        if (rc)
            return rc;
        b->key[row][n++] = key;
        value += len + strspn(value + len, " ");
    }
    return n ? SU_OK : bad(l, l->now, e, "no key: `none` takes it away");
}

static enum su_code read_line(struct ui_binds *b, struct line *l, const struct su_config *c,
                              const char *text, size_t n, struct su_err *e)
{
    char name[64], want[64], word[24];
    size_t len = 0;

    while (n > 0 && (*text == ' ' || *text == '\t')) {
        text++;
        n--;
    }
    if (n < 5 || strncmp(text, "bind.", 5) != 0)
        return SU_OK;
    while (len < n && len + 1 < sizeof name && text[len] != ' ' && text[len] != '\t' &&
           text[len] != '=')
        len++;
    snprintf(name, sizeof name, "%.*s", (int)len, text);
    for (size_t i = 0; i < ui_keys_count; i++) {
        snprintf(want, sizeof want, "bind.%s.%s", ui_scope_word(ui_keys[i].scope),
                 ui_request_word(&ui_keys[i], word));
        if (strcmp(want, name) != 0)
            continue;
        if (is_kept(ui_keys[i].request))
            return bad(l, l->now, e, "`%s` keeps its keys", word);
        l->number[i] = l->now;
        return read_keys(b, l, i, su_config_get(c, name, ""), e);
    }
    return bad(l, l->now, e, "no `%s`: splitup-keys(7) lists what can be bound", name);
}

/* A key that two requests of a scope have. */
static enum su_code check_twice(const struct ui_binds *b, const struct line *l, struct su_err *e)
{
    for (size_t i = 0; i < ui_keys_count; i++)
        for (size_t j = 0; j < ui_keys_count; j++)
            for (size_t k = 0; k < UI_KEYS_PER_ROW && b->bound[i]; k++)
                for (size_t m = 0; m < UI_KEYS_PER_ROW; m++) {
                    const int *other = b->bound[j] ? b->key[j] : ui_keys[j].key;
                    char name[8], word[24];
                    if (ui_keys[i].scope != ui_keys[j].scope || !b->key[i][k] ||
                        b->key[i][k] != other[m] || (i == j && k == m))
                        continue;
                    return bad(l, l->number[i], e,
                               "%s is also the key of `%s` (%s): give that one another, or none",
                               key_name(b->key[i][k], name), ui_request_word(&ui_keys[j], word),
                               ui_scope_word(ui_keys[j].scope));
                }
    return SU_OK;
}

enum su_code ui_binds_read(struct ui_binds *binds, const struct su_config *c, const char *text,
                           size_t n, const char *path, struct su_err *e)
{
    struct ui_binds b = {.bound = {false}};
    struct line l = {.path = path};
    enum su_code rc = SU_OK;

    SU_ASSERT(ui_keys_count <= UI_KEY_ROWS);
    for (size_t i = 0, len; i < n && !rc; i += len + 1) {
        const char *end = memchr(text + i, '\n', n - i);
        len = end ? (size_t)(end - (text + i)) : n - i;
        l.now++;
        rc = read_line(&b, &l, c, text + i, len, e);
    }
    if (!rc)
        rc = check_twice(&b, &l, e);
    if (!rc)
        *binds = b;
    return rc;
}
