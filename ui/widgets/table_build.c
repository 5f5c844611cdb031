// SPDX-License-Identifier: MIT
/* Items are looked through, their sort keys taken once, and keys put in order by their bytes. Texts are
   kept lower-cased, eight characters to a word: rows that share a word are put in order by the next. */
#include "ui/widgets/table_build.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* Beside those that table_build.h has. */
#define COST_TEXT 20u
#define COST_SORT 2u

struct order {
    uint64_t key;
    uint32_t item;
    uint32_t text; /* where its text begins, in words */
};

enum phase { COLLECT, KEYS, SORT, DONE };

struct ui_build {
    const struct ui_source *source;
    struct ui_wish wish;
    bool narrow, failed;
    enum phase phase;
    size_t at, total; /* of the phase */
    const struct ui_row *from; /* narrow: the rows to choose from */
    struct ui_row *row;
    size_t n, items;
    struct order *a, *spare;
    uint8_t *edge; /* of a: begins rows that differ from the one before */
    struct su_buf text; /* words of all texts */
    size_t level; /* words that rows are in order by */
    bool ties; /* some row shares all of them with another */
};

struct ui_build *ui_build_begin(const struct ui_table *t, const struct ui_view *v, bool narrow)
{
    struct ui_build *b = su_try_alloc(1, sizeof *b);

    if (!b)
        return NULL;
    b->source = t->source;
    b->wish = ui_table_wish(t, v);
    b->narrow = narrow;
    b->from = t->row;
    b->items = narrow ? t->items : 0;
    b->total = narrow ? t->n : t->source->count(v);
    su_buf_init(&b->text, 0);
    b->failed = b->total > UINT32_MAX / 2;
    if (!b->failed && b->total > 0) {
        b->row = su_try_alloc(b->total, sizeof *b->row);
        b->failed = !b->row;
    }
    b->phase = b->failed ? DONE : COLLECT;
    return b;
}

static bool by_text(const struct ui_build *b)
{
    return b->wish.sort >= 0 && !b->source->col[b->wish.sort].key;
}

size_t ui_build_units(const struct ui_build *b)
{
    size_t each = UI_COST_ITEM + (b->wish.filter[0] ? UI_COST_MATCH : 0);

    if (b->wish.sort >= 0 && !b->narrow)
        each += by_text(b) ? COST_TEXT + 2 * COST_SORT : UI_COST_ITEM + COST_SORT;
    return b->total * each;
}

bool ui_build_fits(const struct ui_build *b, const struct ui_table *t, const struct ui_view *v)
{
    struct ui_wish now = ui_table_wish(t, v);

    return b->source == t->source && ui_wish_same(&b->wish, &now);
}

void ui_build_drop(struct ui_build *b)
{
    if (!b)
        return;
    free(b->row);
    free(b->a);
    free(b->spare);
    free(b->edge);
    su_buf_fini(&b->text);
    free(b);
}

void ui_build_finish(struct ui_build *b, struct ui_table *t)
{
    free(t->row);
    t->row = b->row;
    t->cap = b->row ? b->total : 0;
    t->n = t->matching = b->failed && !b->row ? 0 : b->n;
    t->items = b->items;
    t->failed = b->failed;
    t->made = b->wish;
    b->row = NULL;
    ui_build_drop(b);
}

/* ---- which ------------------------------------------------------------------------------------- */

static size_t collect_one(struct ui_build *b, const struct ui_view *v, size_t i)
{
    const struct ui_source *src = b->source;
    struct ui_row r = b->narrow ? b->from[i] : (struct ui_row){(uint32_t)i, 0};

    if (r.sub > 0 || (!b->narrow && src->shown && !src->shown(v, r.item)))
        return UI_COST_ITEM;
    b->items += !b->narrow;
    if (!b->wish.filter[0]) {
        b->row[b->n++] = r;
        return UI_COST_ITEM;
    }
    if (ui_table_match(src, v, r.item, b->wish.filter))
        b->row[b->n++] = r;
    return UI_COST_ITEM + UI_COST_MATCH;
}

static void turn_round(struct ui_build *b)
{
    for (size_t i = 0; i < b->n / 2; i++) {
        struct ui_row swap = b->row[i];
        b->row[i] = b->row[b->n - 1 - i];
        b->row[b->n - 1 - i] = swap;
    }
}

/* Rows that stand already are in their order. */
static void collected(struct ui_build *b)
{
    b->at = 0;
    b->phase = DONE;
    if (b->narrow || b->n < 2)
        return;
    if (b->wish.sort < 0) {
        if (b->wish.desc)
            turn_round(b);
        return;
    }
    b->a = su_try_alloc(b->n, sizeof *b->a);
    b->spare = su_try_alloc(b->n, sizeof *b->spare);
    b->edge = su_try_alloc(b->n, 1);
    b->failed = !b->a || !b->spare || !b->edge;
    b->phase = b->failed ? DONE : KEYS;
}

/* ---- keys -------------------------------------------------------------------------------------- */

/* Lower-cased, and filled up with at least one zero to whole words. */
static bool add_text(struct ui_build *b, const struct ui_view *v, struct order *o)
{
    struct ui_value out;
    size_t n, all;

    out.role = UI_ROLE_TEXT;
    out.part = out.whole = 0;
    out.text[0] = 0;
    b->source->col[b->wish.sort].cell(v, (struct ui_row){o->item, 0}, true, &out);
    n = strnlen(out.text, sizeof out.text - 1);
    all = n / 8 * 8 + 8;
    for (size_t i = 0; i < n; i++)
        out.text[i] = (char)tolower((unsigned char)out.text[i]);
    memset(out.text + n, 0, all - n);
    o->text = (uint32_t)(b->text.len / 8);
    su_buf_put(&b->text, out.text, all);
    return b->text.len / 8 <= UINT32_MAX && su_buf_check(&b->text, "", NULL) == SU_OK;
}

static uint64_t word(const struct ui_build *b, const struct order *o, size_t level)
{
    const uint8_t *p = (const uint8_t *)b->text.data + ((size_t)o->text + level) * 8;
    uint64_t w = 0;

    for (size_t i = 0; i < 8; i++)
        w = w << 8 | p[i];
    return b->wish.desc ? ~w : w;
}

static size_t key_one(struct ui_build *b, const struct ui_view *v, size_t i)
{
    const struct ui_col *c = &b->source->col[b->wish.sort];
    struct order *o = &b->a[i];

    o->item = b->row[i].item;
    if (c->key) {
        o->key = c->key(v, o->item);
        o->key = b->wish.desc ? ~o->key : o->key;
        return UI_COST_ITEM;
    }
    b->failed = b->failed || !add_text(b, v, o);
    if (!b->failed)
        o->key = word(b, o, 0);
    return COST_TEXT;
}

/* ---- order ------------------------------------------------------------------------------------- */

/* Stable, by bytes of the key; a pass whose byte is the same everywhere is left out. */
static void radix(struct order *a, struct order *spare, size_t n)
{
    struct order *from = a, *to = spare;

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
}

static void sort_group(struct ui_build *b, size_t i, size_t n)
{
    struct order *a = b->a + i;

    if (n > 48) {
        radix(a, b->spare, n);
    } else {
        for (size_t k = 1; k < n; k++) {
            struct order x = a[k];
            size_t to = k;
            for (; to > 0 && a[to - 1].key > x.key; to--)
                a[to] = a[to - 1];
            a[to] = x;
        }
    }
    b->edge[i] = 1;
    for (size_t k = 1; k < n; k++)
        b->edge[i + k] = a[k].key != a[k - 1].key;
}

/* The rows from b->at on that share all words so far. */
static size_t sort_next(struct ui_build *b)
{
    const uint8_t end = b->wish.desc ? 0xff : 0;
    size_t i = b->at, n = 1;

    if (b->level == 0) {
        n = b->n;
    } else {
        while (i + n < b->n && !b->edge[i + n])
            n++;
        if (n == 1 || (uint8_t)b->a[i].key == end) {
            b->at += n;
            return UI_COST_ITEM;
        }
        for (size_t k = i; k < i + n; k++)
            b->a[k].key = word(b, &b->a[k], b->level);
    }
    sort_group(b, i, n);
    b->ties = true;
    b->at += n;
    return n * COST_SORT;
}

static void level_done(struct ui_build *b)
{
    b->at = 0;
    b->level++;
    if (by_text(b) && b->ties) {
        b->ties = false;
        return;
    }
    for (size_t i = 0; i < b->n; i++)
        b->row[i] = (struct ui_row){b->a[i].item, 0};
    b->phase = DONE;
}

bool ui_build_work(struct ui_build *b, const struct ui_view *v, size_t units)
{
    size_t spent = 0;

    while (b->phase != DONE && !b->failed && spent < units)
        switch (b->phase) {
        case COLLECT:
            if (b->at == b->total)
                collected(b);
            else
                spent += collect_one(b, v, b->at++);
            break;
        case KEYS:
            if (b->at < b->n) {
                spent += key_one(b, v, b->at++);
            } else {
                b->at = 0;
                b->phase = SORT;
            }
            break;
        default:
            if (b->at == b->n)
                level_done(b);
            else
                spent += sort_next(b);
            break;
        }
    return b->phase == DONE || b->failed;
}
