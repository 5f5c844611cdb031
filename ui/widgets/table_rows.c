// SPDX-License-Identifier: MIT
/* Which rows a table has, in which order, and which is selected. */
#include "ui/widgets/format.h"
#include "ui/widgets/table.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

void ui_table_init(struct ui_table *t, const struct ui_source *source)
{
    *t = (struct ui_table){
        .source = source, .sort = source->sort, .desc = source->desc, .dirty = true};
}

void ui_table_fini(struct ui_table *t)
{
    free(t->row);
    t->row = NULL;
    t->n = t->cap = 0;
}

/* ---- matching ---------------------------------------------------------------------------------- */

bool ui_match_text(const char *text, const char *needle)
{
    return strcasestr(text, needle) != NULL;
}

bool ui_match_key(const uint8_t key[32], const char *needle)
{
    char text[UI_FORMAT];

    for (const char *p = needle; *p; p++)
        if (!isalnum((unsigned char)*p))
            return strcmp(needle, ui_key_short(key, text)) == 0;
    return ui_match_text(ui_key_full(key, text), needle);
}

bool ui_table_match(const struct ui_source *src, const struct ui_view *v, uint32_t item,
                    const char *needle)
{
    if (src->match)
        return src->match(v, item, needle);
    for (size_t c = 0; c < src->n_col; c++) {
        struct ui_value out = {.text = ""};
        src->col[c].cell(v, (struct ui_row){item, 0}, false, &out);
        if (ui_match_text(out.text, needle))
            return true;
    }
    return false;
}

/* ---- order ------------------------------------------------------------------------------------- */

struct order {
    uint64_t key;
    uint32_t item;
};

/* Stable, by bytes of the key; a pass whose byte is the same everywhere is left out. */
static bool radix(struct order *a, size_t n)
{
    struct order *b = su_try_alloc(n, sizeof *b), *from = a, *to = b;

    if (!b)
        return false;
    for (unsigned shift = 0; shift < 64; shift += 8) {
        size_t count[257] = {0};
        for (size_t i = 0; i < n; i++)
            count[(from[i].key >> shift & 0xff) + 1]++;
        if (count[(from[0].key >> shift & 0xff) + 1] == n)
            continue;
        for (size_t i = 0; i < 256; i++)
            count[i + 1] += count[i];
        for (size_t i = 0; i < n; i++)
            to[count[from[i].key >> shift & 0xff]++] = from[i];
        struct order *swap = from;
        from = to;
        to = swap;
    }
    if (from != a)
        memcpy(a, from, n * sizeof *a);
    free(b);
    return true;
}

/* Eight characters of the text from there on. */
static uint64_t text_key(const struct ui_col *c, const struct ui_view *v, uint32_t item,
                         size_t from)
{
    struct ui_value out = {.text = ""};
    uint64_t key = 0;
    bool end;

    c->cell(v, (struct ui_row){item, 0}, true, &out);
    end = from > 0 && memchr(out.text, 0, from) != NULL;
    for (size_t i = from; i < from + 8; i++) {
        end = end || i >= sizeof out.text || out.text[i] == 0;
        key = key << 8 | (uint8_t)(end ? 0 : tolower((unsigned char)out.text[i]));
    }
    return key;
}

static bool sort_some(struct order *a, size_t n)
{
    if (n > 48)
        return radix(a, n);
    for (size_t i = 1; i < n; i++) {
        struct order x = a[i];
        size_t k = i;
        for (; k > 0 && a[k - 1].key > x.key; k--)
            a[k] = a[k - 1];
        a[k] = x;
    }
    return true;
}

struct texts {
    const struct ui_col *col;
    const struct ui_view *v;
    bool desc;
};

/* Rows in order of the first `from` characters: those that share them by what follows. A text is made
   once for every eight characters, not for every comparison. */
static bool sort_ties(struct order *a, size_t n, const struct texts *t, size_t from)
{
    const uint8_t end = t->desc ? 0xff : 0;
    bool ok = true;

    for (size_t i = 0, j; ok && i < n; i = j) {
        for (j = i + 1; j < n && a[j].key == a[i].key; j++)
            ;
        if (j - i < 2 || (uint8_t)a[i].key == end)
            continue;
        for (size_t k = i; k < j; k++) {
            a[k].key = text_key(t->col, t->v, a[k].item, from);
            a[k].key = t->desc ? ~a[k].key : a[k].key;
        }
        ok = sort_some(a + i, j - i) && sort_ties(a + i, j - i, t, from + 8);
    }
    return ok;
}

static bool sort_rows(struct ui_table *t, const struct ui_view *v, size_t n)
{
    const struct ui_col *c;
    struct order *a;
    bool ok;

    if (t->sort < 0 && t->desc)
        for (size_t i = 0; i < n / 2; i++) {
            struct ui_row swap = t->row[i];
            t->row[i] = t->row[n - 1 - i];
            t->row[n - 1 - i] = swap;
        }
    if (t->sort < 0 || n < 2)
        return true;
    c = &t->source->col[t->sort];
    a = su_try_alloc(n, sizeof *a);
    if (!a)
        return false;
    for (size_t i = 0; i < n; i++) {
        a[i].item = t->row[i].item;
        a[i].key = c->key ? c->key(v, a[i].item) : text_key(c, v, a[i].item, 0);
        if (t->desc)
            a[i].key = ~a[i].key;
    }
    ok = radix(a, n);
    if (ok && !c->key)
        ok = sort_ties(a, n, &(struct texts){c, v, t->desc}, 8);
    for (size_t i = 0; ok && i < n; i++)
        t->row[i] = (struct ui_row){a[i].item, 0};
    free(a);
    return ok;
}

/* ---- ids --------------------------------------------------------------------------------------- */

static bool same_id(const struct ui_id *a, const struct ui_id *b)
{
    return memcmp(a, b, sizeof *a) == 0;
}

static size_t find_id(const struct ui_id *list, size_t n, const struct ui_id *id)
{
    for (size_t i = 0; i < n; i++)
        if (same_id(&list[i], id))
            return i;
    return n;
}

static void row_id(const struct ui_table *t, const struct ui_view *v, struct ui_row r,
                   struct ui_id *out)
{
    memset(out, 0, sizeof *out);
    t->source->id(v, r, out);
    if (r.sub > 0) {
        out->b[34] ^= (uint8_t)r.sub;
        out->b[35] ^= (uint8_t)(r.sub >> 8);
    }
}

static bool is_open(const struct ui_table *t, const struct ui_view *v, uint32_t item)
{
    struct ui_id id;

    if (t->n_open == 0)
        return t->all_open;
    row_id(t, v, (struct ui_row){item, 0}, &id);
    return (find_id(t->open, t->n_open, &id) < t->n_open) != t->all_open;
}

/* ---- rows -------------------------------------------------------------------------------------- */

static bool room(struct ui_table *t, size_t n)
{
    struct ui_row *row;

    if (n <= t->cap)
        return true;
    row = su_try_alloc(n + n / 4, sizeof *row);
    if (!row)
        return false;
    if (t->n > 0)
        memcpy(row, t->row, t->n * sizeof *row);
    free(t->row);
    t->row = row;
    t->cap = n + n / 4;
    return true;
}

/* A longer filter shows some of the rows that a shorter one showed, in the same order. */
static void narrow(struct ui_table *t, const struct ui_view *v)
{
    size_t n = 0;

    for (size_t i = 0; i < t->n; i++)
        if (t->row[i].sub == 0 && ui_table_match(t->source, v, t->row[i].item, t->filter))
            t->row[n++] = t->row[i];
    t->n = t->matching = n;
}

static void collect(struct ui_table *t, const struct ui_view *v)
{
    const struct ui_source *src = t->source;
    size_t total = src->count(v);

    t->n = t->items = 0;
    t->failed = total > UINT32_MAX / 2 || !room(t, total);
    if (t->failed)
        return;
    for (uint32_t i = 0; i < total; i++) {
        if (src->shown && !src->shown(v, i))
            continue;
        t->items++;
        if (!t->filter[0] || ui_table_match(src, v, i, t->filter))
            t->row[t->n++] = (struct ui_row){i, 0};
    }
    t->matching = t->n;
    t->failed = !sort_rows(t, v, t->n);
}

/* Puts the children of open items in, from the end, so that each row moves once. */
static void unfold(struct ui_table *t, const struct ui_view *v)
{
    size_t extra = 0, to, from = t->n;

    if (!t->source->children || (t->n_open == 0 && !t->all_open))
        return;
    for (size_t i = 0; i < t->n; i++)
        if (is_open(t, v, t->row[i].item))
            extra += t->source->children(v, t->row[i].item);
    if (!room(t, t->n + extra)) {
        t->failed = true;
        return;
    }
    to = t->n + extra;
    t->n = to;
    while (from > 0 && to > from) {
        struct ui_row r = t->row[--from];
        size_t k = is_open(t, v, r.item) ? t->source->children(v, r.item) : 0;
        while (k > 0)
            t->row[--to] = (struct ui_row){r.item, (uint32_t)k--};
        t->row[--to] = r;
    }
}

static void keep_selection(struct ui_table *t, const struct ui_view *v)
{
    struct ui_id id;

    if (t->selected && !t->follow) {
        /* Most often it has not moved. */
        if (t->cursor < t->n) {
            row_id(t, v, t->row[t->cursor], &id);
            if (same_id(&id, &t->selected_id))
                return;
        }
        for (size_t i = 0; i < t->n; i++) {
            row_id(t, v, t->row[i], &id);
            if (same_id(&id, &t->selected_id)) {
                t->cursor = i;
                return;
            }
        }
    }
    ui_table_go(t, v, t->follow && t->n > 0 ? t->n - 1 : t->cursor);
}

void ui_table_update(struct ui_table *t, const struct ui_view *v, int page)
{
    size_t rows = page < 1 ? 1 : (size_t)page;

    if (t->dirty || t->made_of != v->s || t->made_number != v->s->number ||
        t->made_variant != v->variant) {
        bool same = t->made_of == v->s && t->made_number == v->s->number &&
                    t->made_variant == v->variant && !t->failed;
        t->dirty = false;
        t->made_of = v->s;
        t->made_number = v->s->number;
        t->made_variant = v->variant;
        if (same && t->narrower)
            narrow(t, v);
        else
            collect(t, v);
        t->narrower = false;
        unfold(t, v);
        keep_selection(t, v);
    }
    if (t->cursor < t->top)
        t->top = t->cursor;
    if (t->cursor >= t->top + rows)
        t->top = t->cursor - rows + 1;
    if (t->top + rows > t->n)
        t->top = t->n > rows ? t->n - rows : 0;
}

bool ui_table_row(const struct ui_table *t, struct ui_row *out)
{
    if (t->cursor >= t->n)
        return false;
    *out = t->row[t->cursor];
    return true;
}

void ui_table_go(struct ui_table *t, const struct ui_view *v, size_t to)
{
    t->cursor = t->n == 0 ? 0 : SU_MIN(to, t->n - 1);
    t->selected = t->n > 0;
    if (t->selected)
        row_id(t, v, t->row[t->cursor], &t->selected_id);
}

void ui_table_move(struct ui_table *t, const struct ui_view *v, int64_t by)
{
    int64_t to = (int64_t)t->cursor + by;

    if (by < 0)
        t->follow = false;
    ui_table_go(t, v, to < 0 ? 0 : (size_t)to);
}

void ui_table_sort(struct ui_table *t, int column, bool desc)
{
    t->sort = column;
    t->desc = desc;
    t->dirty = true;
    t->narrower = false;
}

void ui_table_filter(struct ui_table *t, const char *text)
{
    if (strcmp(t->filter, text) == 0)
        return;
    t->narrower = su_str_starts(text, t->filter) && (!t->dirty || t->narrower);
    su_str_copy(t->filter, sizeof t->filter, text);
    t->dirty = true;
}

bool ui_table_find(struct ui_table *t, const struct ui_view *v, const char *text, int by,
                   size_t from)
{
    for (size_t k = 0; k < t->n && text[0]; k++) {
        size_t i = by > 0 ? (from + k) % t->n : (from + t->n - k % t->n) % t->n;
        if (t->row[i].sub == 0 && ui_table_match(t->source, v, t->row[i].item, text)) {
            t->follow = false;
            ui_table_go(t, v, i);
            return true;
        }
    }
    return false;
}

bool ui_table_fold(struct ui_table *t, const struct ui_view *v, int want)
{
    struct ui_row r;
    struct ui_id id;
    bool open;
    size_t i;

    if (!ui_table_row(t, &r) || !t->source->children || t->source->children(v, r.item) == 0)
        return false;
    open = is_open(t, v, r.item);
    if ((want == 1 && open) || (want == 0 && !open))
        return true;
    row_id(t, v, (struct ui_row){r.item, 0}, &id);
    i = find_id(t->open, t->n_open, &id);
    if (i < t->n_open) {
        t->open[i] = t->open[--t->n_open];
    } else {
        if (t->n_open == UI_TABLE_OPEN) { /* the one opened longest ago folds */
            memmove(t->open, t->open + 1, (UI_TABLE_OPEN - 1) * sizeof *t->open);
            t->n_open--;
        }
        t->open[t->n_open++] = id;
    }
    t->selected_id = id; /* a child that vanishes leaves its parent selected */
    t->dirty = true;
    return true;
}

void ui_table_tag(struct ui_table *t, const struct ui_view *v)
{
    struct ui_row r;
    struct ui_id id;
    size_t i;

    if (!ui_table_row(t, &r))
        return;
    row_id(t, v, r, &id);
    i = find_id(t->tag, t->n_tag, &id);
    if (i < t->n_tag)
        t->tag[i] = t->tag[--t->n_tag];
    else if (t->n_tag < UI_TABLE_TAGS)
        t->tag[t->n_tag++] = id;
}

bool ui_table_tagged(const struct ui_table *t, const struct ui_view *v, struct ui_row r)
{
    struct ui_id id;

    if (t->n_tag == 0)
        return false;
    row_id(t, v, r, &id);
    return find_id(t->tag, t->n_tag, &id) < t->n_tag;
}

bool ui_table_is_open(const struct ui_table *t, const struct ui_view *v, uint32_t item)
{
    return is_open(t, v, item);
}
