// SPDX-License-Identifier: MIT
/* Which rows a table has, in which order, and which is selected. */
#include "ui/widgets/format.h"
#include "ui/widgets/labels.h"
#include "ui/widgets/table_build.h"

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
    ui_build_drop(t->build);
    t->build = NULL;
    free(t->row);
    t->row = NULL;
    t->n = t->cap = 0;
    t->made.s = NULL;
}

/* ---- matching ---------------------------------------------------------------------------------- */

bool ui_match_text(const char *text, const char *needle)
{
    return strcasestr(text, needle) != NULL;
}

bool ui_match_key(const uint8_t key[32], const char *needle)
{
    char text[UI_FORMAT];

    if (ui_label_of(key, text) && ui_match_text(text, needle))
        return true;
    for (const char *p = needle; *p; p++)
        if (!isalnum((unsigned char)*p))
            return strcmp(needle, ui_key_cut(key, text)) == 0;
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

static void go(struct ui_table *t, const struct ui_view *v, size_t to)
{
    if (t->n == 0 && t->build)
        return; /* its rows are on their way, with the selected one */
    t->cursor = t->n == 0 ? 0 : SU_MIN(to, t->n - 1);
    t->selected = t->n > 0;
    if (t->selected)
        row_id(t, v, t->row[t->cursor], &t->selected_id);
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
    go(t, v, t->follow && t->n > 0 ? t->n - 1 : t->cursor);
}

/* ---- what they are made of --------------------------------------------------------------------- */

struct ui_wish ui_table_wish(const struct ui_table *t, const struct ui_view *v)
{
    struct ui_wish w = {
        .s = v->s, .number = v->s->number, .variant = v->variant, .sort = t->sort, .desc = t->desc};

    su_str_copy(w.filter, sizeof w.filter, t->filter);
    return w;
}

/* The same but for the filter. */
static bool same_order(const struct ui_wish *a, const struct ui_wish *b)
{
    return a->s == b->s && a->number == b->number && a->variant == b->variant &&
           a->sort == b->sort && a->desc == b->desc;
}

bool ui_wish_same(const struct ui_wish *a, const struct ui_wish *b)
{
    return same_order(a, b) && strcmp(a->filter, b->filter) == 0;
}

bool ui_table_is_of(const struct ui_table *t, const struct su_feed_snapshot *s)
{
    return t->made.s == s && t->made.number == s->number;
}

void ui_table_clear(struct ui_table *t)
{
    t->n = 0;
    t->made.s = NULL;
}

/* A longer filter shows some of the rows that a shorter one showed, in the same order. */
static bool is_narrower(const struct ui_table *t, const struct ui_wish *w)
{
    return !t->dirty && !t->failed && t->made.s && same_order(&t->made, w) &&
           su_str_starts(w->filter, t->made.filter);
}

static void renew(struct ui_table *t, const struct ui_view *v)
{
    struct ui_wish w = ui_table_wish(t, v);

    if (t->build && (t->dirty || !ui_build_fits(t->build, t, v))) {
        ui_build_drop(t->build);
        t->build = NULL;
    }
    if (!t->build && (t->dirty || !t->made.s || !ui_wish_same(&t->made, &w))) {
        t->build = ui_build_begin(t, v, is_narrower(t, &w));
        if (!t->build) {
            t->n = t->matching = 0;
            t->failed = true;
            t->made = w;
        }
    }
    t->dirty = false;
}

bool ui_table_update(struct ui_table *t, const struct ui_view *v, int page, size_t units,
                     bool slice)
{
    size_t rows = page < 1 ? 1 : (size_t)page;

    renew(t, v);
    if (t->build && !slice && ui_build_units(t->build) > units)
        return false;
    if (t->build) {
        if (!ui_build_work(t->build, v, units))
            return false;
        ui_build_finish(t->build, t);
        t->build = NULL;
        unfold(t, v);
        keep_selection(t, v);
        t->find.done = 0;
    }
    if (t->cursor < t->top)
        t->top = t->cursor;
    if (t->cursor >= t->top + rows)
        t->top = t->cursor - rows + 1;
    if (t->top + rows > t->n)
        t->top = t->n > rows ? t->n - rows : 0;
    return true;
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
    t->find.on = false;
    go(t, v, to);
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
}

void ui_table_filter(struct ui_table *t, const char *text)
{
    t->find.on = false;
    su_str_copy(t->filter, sizeof t->filter, text);
}

void ui_table_find(struct ui_table *t, const char *text, int by, size_t from)
{
    t->find = (struct ui_find){.on = text[0] != 0, .by = by, .from = from};
    su_str_copy(t->find.text, sizeof t->find.text, text);
}

enum ui_found ui_table_find_work(struct ui_table *t, const struct ui_view *v, size_t units)
{
    struct ui_find *f = &t->find;

    if (t->n == 0 && t->build)
        return UI_FOUND_LATER;
    for (size_t spent = 0; f->done < t->n; f->done++) {
        size_t from = SU_MIN(f->from, t->n - 1);
        size_t i = f->by > 0 ? (from + f->done) % t->n : (from + t->n - f->done) % t->n;
        if (t->row[i].sub > 0) {
            spent += UI_COST_ITEM;
        } else if (ui_table_match(t->source, v, t->row[i].item, f->text)) {
            t->follow = false;
            ui_table_go(t, v, i);
            return UI_FOUND;
        } else {
            spent += UI_COST_MATCH;
        }
        if (spent >= units) {
            f->done++;
            return UI_FOUND_LATER;
        }
    }
    f->on = false;
    return UI_FOUND_NOT;
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
