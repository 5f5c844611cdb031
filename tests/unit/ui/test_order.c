// SPDX-License-Identifier: MIT
/* Rows are put in order in slices: each text is made once, no slice makes more than its share of them,
   and what was there stays to be seen until the new order is whole. */
#include "ui_kit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ITEMS 30000u
static struct {
    char text[ITEMS][48];
    unsigned cells, matches;
    size_t count;
} world;

static void cell(const struct ui_view *v, struct ui_row r, bool full, struct ui_value *o)
{
    (void)v;
    (void)full;
    world.cells++;
    su_str_copy(o->text, sizeof o->text, world.text[r.item]);
}

static uint64_t length(const struct ui_view *v, uint32_t item)
{
    (void)v;
    return strlen(world.text[item]);
}

static size_t count(const struct ui_view *v)
{
    (void)v;
    return world.count;
}

static void id(const struct ui_view *v, struct ui_row r, struct ui_id *out)
{
    (void)v;
    memcpy(out->b, &r.item, sizeof r.item);
}

static bool match(const struct ui_view *v, uint32_t item, const char *needle)
{
    (void)v;
    world.matches++;
    return ui_match_text(world.text[item], needle);
}

static const struct ui_col columns[] = {
    {.id = "text", .head = "TEXT", .width = 8, .cell = cell},
    {.id = "len", .head = "LEN", .width = 4, .cell = cell, .key = length}};
static const struct ui_source source = {
    .col = columns, .n_col = 2, .sort = -1, .count = count, .id = id, .match = match};

/* Many share beginnings of many lengths, in either case; many are the same. */
static void fill(void)
{
    static const char *const head[] = {"",
                                       "a",
                                       "llama-3.1-8b",
                                       "LLAMA-3.1-8b-q4",
                                       "llama-3.1-8b-q4-instruct",
                                       "\xc3\xa9t\xc3\xa9",
                                       "zzzzzzzzzzzzzzzz"};
    uint32_t x = 1;

    memset(&world, 0, sizeof world);
    world.count = ITEMS;
    for (size_t i = 0; i < ITEMS; i++) {
        x = x * 1664525u + 1013904223u;
        snprintf(world.text[i], sizeof world.text[i], "%s%.*x", head[x >> 8 & 7 ? (x >> 8) % 7 : 0],
                 (int)(x >> 28), x >> 12 & 0xff);
    }
}

static int compare(const void *a, const void *b)
{
    const struct ui_row *x = a, *y = b;
    int d = strcasecmp(world.text[x->item], world.text[y->item]);

    return d ? d : (x->item > y->item) - (x->item < y->item);
}

static void assert_order(const struct ui_table *t, bool desc)
{
    struct ui_row *want = su_try_alloc(ITEMS, sizeof *want);

    assert_int_equal(t->n, ITEMS);
    memcpy(want, t->row, ITEMS * sizeof *want);
    qsort(want, ITEMS, sizeof *want, compare);
    for (size_t i = 0; i < ITEMS && !desc; i++)
        assert_int_equal(t->row[i].item, want[i].item);
    /* Turned round, those that are the same still stand as they came. */
    for (size_t i = 1; i < ITEMS && desc; i++) {
        int d = strcasecmp(world.text[t->row[i - 1].item], world.text[t->row[i].item]);
        assert_true(d > 0 || (d == 0 && t->row[i - 1].item < t->row[i].item));
    }
    free(want);
}

static void texts_in_slices(void **state)
{
    struct su_feed_snapshot *s = ui_fixture_make(UI_FIXTURE_LIVE, 1);
    struct ui_view v = {.s = s};
    struct ui_table t;

    (void)state;
    fill();
    ui_table_init(&t, &source);
    assert_true(ui_table_update(&t, &v, 10, UI_TABLE_SLICE, false)); /* as they came: at once */
    assert_int_equal(t.n, ITEMS);
    assert_int_equal(world.cells, 0);
    ui_table_go(&t, &v, 5);
    for (int desc = 0; desc < 2; desc++) {
        unsigned slices = 0, before = world.cells, most = 0;
        bool whole;
        size_t first = t.row[0].item;
        ui_table_sort(&t, 0, desc);
        assert_false(ui_table_update(&t, &v, 10, UI_TABLE_SLICE, false));
        assert_int_equal(world.cells, before); /* keys and clicks are not held up by it */
        do {
            unsigned had = world.cells;
            assert_int_equal(t.row[0].item, first);
            assert_true(ui_table_is_of(&t, s));
            whole = ui_table_update(&t, &v, 10, UI_TABLE_SLICE, true);
            most = SU_MAX(most, world.cells - had);
        } while (!whole && ++slices < 1000);
        assert_true(whole);
        assert_int_equal(world.cells - before, ITEMS);
        assert_true(most > 0 && most <= UI_TABLE_SLICE / 16);
        /* A text's cost, and twelve words of it at the very most. */
        assert_in_range(slices, 4, ITEMS * (20 + 12 * 3) / UI_TABLE_SLICE + 1);
        assert_order(&t, desc);
        assert_int_equal(t.row[t.cursor].item, 5); /* the selection went with its row */
    }
    ui_table_sort(&t, 1, false);
    while (!ui_table_update(&t, &v, 10, 1000, true))
        ;
    for (size_t i = 1; i < t.n; i++)
        assert_true(length(&v, t.row[i - 1].item) <= length(&v, t.row[i].item));
    ui_table_fini(&t);
    ui_fixture_free(s);
}

static void filters_in_slices(void **state)
{
    struct su_feed_snapshot *s = ui_fixture_make(UI_FIXTURE_LIVE, 1);
    struct ui_view v = {.s = s};
    struct ui_table t;
    size_t llama = 0, wider;

    (void)state;
    fill();
    ui_table_init(&t, &source);
    assert_true(ui_table_update(&t, &v, 10, SIZE_MAX, true));
    for (size_t i = 0; i < ITEMS; i++)
        llama += strcasestr(world.text[i], "llama") != NULL;
    ui_table_filter(&t, "lla");
    assert_false(ui_table_update(&t, &v, 10, 1000, true));
    assert_int_equal(t.n, ITEMS);
    ui_table_filter(&t, "llama"); /* typed on before it was through */
    assert_false(ui_table_update(&t, &v, 10, 1000, true));
    while (!ui_table_update(&t, &v, 10, 1000, true))
        ;
    assert_int_equal(t.n, llama);
    assert_int_equal(t.matching, llama);
    assert_int_equal(t.items, ITEMS);
    world.matches = 0; /* a longer one looks only at what is left */
    ui_table_filter(&t, "llama-3.1-8b-q4-i");
    while (!ui_table_update(&t, &v, 10, 1000, true))
        ;
    assert_int_equal(world.matches, llama);
    assert_true(t.n > 0 && t.n < llama);
    wider = t.n;
    ui_table_filter(&t, "zzz"); /* another one at all of them */
    world.matches = 0;
    while (!ui_table_update(&t, &v, 10, 1000, true))
        ;
    assert_int_equal(world.matches, ITEMS);
    assert_true(t.n != wider);
    /* Ends in the middle of it. */
    ui_table_filter(&t, "");
    ui_table_sort(&t, 0, false);
    assert_false(ui_table_update(&t, &v, 10, 1000, true));
    ui_table_fini(&t);
    ui_fixture_free(s);
}

/* No slice looks at more than its share of rows; what is found is what looking at once would find. */
static void searches_in_slices(void **state)
{
    static const char *const needle[] = {"llama-3.1-8b-q4-i", "zzz", "not to be found"};
    struct su_feed_snapshot *s = ui_fixture_make(UI_FIXTURE_LIVE, 1);
    struct ui_view v = {.s = s};
    struct ui_table t;

    (void)state;
    fill();
    ui_table_init(&t, &source);
    assert_true(ui_table_update(&t, &v, 10, SIZE_MAX, true));
    for (size_t k = 0; k < 2 * SU_ARRAY_LEN(needle); k++) {
        const int by = k % 2 ? -1 : 1;
        const size_t from = 7777 * k % ITEMS;
        size_t looked = 0, at = from;
        unsigned slices = 0, most = 0;
        enum ui_found found;
        while (looked < ITEMS && !strcasestr(world.text[at], needle[k / 2])) {
            looked++;
            at = (at + (by > 0 ? 1 : ITEMS - 1)) % ITEMS;
        }
        ui_table_go(&t, &v, from);
        ui_table_find(&t, needle[k / 2], by, from);
        world.matches = 0;
        do {
            unsigned had = world.matches;
            assert_true(t.find.on);
            assert_int_equal(t.cursor, from); /* stays until there is something to go to */
            found = ui_table_find_work(&t, &v, UI_TABLE_SLICE);
            most = SU_MAX(most, world.matches - had);
        } while (found == UI_FOUND_LATER && ++slices < 1000);
        assert_false(t.find.on);
        assert_true(most <= UI_TABLE_SLICE / 16);
        assert_int_equal(world.matches, looked + (looked < ITEMS));
        assert_int_equal(found, looked < ITEMS ? UI_FOUND : UI_FOUND_NOT);
        assert_int_equal(t.cursor, looked < ITEMS ? at : from);
    }
    /* Other rows are looked through from there again; moving and filtering end it. */
    ui_table_find(&t, "not to be found", 1, 5);
    assert_int_equal(ui_table_find_work(&t, &v, 1000), UI_FOUND_LATER);
    assert_true(t.find.done > 0);
    ui_table_sort(&t, 1, false);
    while (!ui_table_update(&t, &v, 10, 100000, true))
        ;
    assert_true(t.find.on);
    assert_int_equal(t.find.done, 0);
    ui_table_move(&t, &v, 1);
    assert_false(t.find.on);
    ui_table_find(&t, "llama", 1, 0);
    ui_table_filter(&t, "zzz");
    assert_false(t.find.on);
    ui_table_fini(&t);
    ui_fixture_free(s);
}

/* In the app: keys are taken between slices, and the one that moves has the last word. */
static void searches_give_way_to_keys(void **state)
{
    struct su_feed_snapshot *a = ui_fixture_large(10), *b = ui_fixture_large(11);
    struct ui_event work = {.kind = UI_EVENT_WORK};
    struct ui_table *t;
    unsigned slices = 0;
    struct kit k;
    size_t at;

    (void)state;
    kit_open(&k, UI_FIXTURE_LIVE, 80, 24);
    t = &k.app.table[UI_PANE_SAMPLES];
    kit_event(&k, &(struct ui_event){.kind = UI_EVENT_FEED, .snapshot = a});
    kit_keys(&k, "5g/nowhere");
    assert_true(k.app.working);
    kit_event(&k, &(struct ui_event){.kind = UI_EVENT_FEED, .snapshot = b}); /* waits for its end */
    for (; t->find.on && slices < 1000; slices++) {
        assert_ptr_equal(k.app.snap, a);
        assert_null(t->build);
        kit_event(&k, &work);
    }
    assert_in_range(slices, 5, 200);
    assert_true(kit_has(&k, "Not found: nowhere"));
    while (k.app.working)
        kit_event(&k, &work);
    assert_ptr_equal(k.app.snap, b);
    kit_keys(&k, "{Enter}");
    at = t->cursor;
    assert_int_equal(k.app.mode, UI_LIST);
    assert_true(k.app.working); /* once more, so that it is said where Enter leads */
    kit_key(&k, 'j');
    assert_false(t->find.on);
    assert_int_equal(t->cursor, at + 1);
    kit_key(&k, 'n');
    while (k.app.working)
        kit_event(&k, &work);
    assert_true(kit_has(&k, "Not found: nowhere"));
    kit_keys(&k, "N");
    assert_true(t->find.on);
    kit_keys(&k, "1");
    assert_false(t->find.on);
    kit_keys(&k, "5/nowhere{Esc}");
    assert_false(t->find.on);
    kit_event(&k, &(struct ui_event){.kind = UI_EVENT_FEED, .snapshot = k.snap});
    kit_key(&k, '1');
    kit_close(&k);
    ui_fixture_free(a);
    ui_fixture_free(b);
}

/* The app goes on with the old snapshot until the rows of the new one are made. */
static void snapshots_wait_for_their_rows(void **state)
{
    struct su_feed_snapshot *a = ui_fixture_large(10), *b = ui_fixture_large(11),
                            *c = ui_fixture_large(12);
    struct ui_event work = {.kind = UI_EVENT_WORK};
    struct ui_table *t;
    unsigned slices = 0;
    struct kit k;

    (void)state;
    kit_open(&k, UI_FIXTURE_LIVE, 80, 24);
    t = &k.app.table[UI_PANE_SAMPLES];
    kit_event(&k, &(struct ui_event){.kind = UI_EVENT_FEED, .snapshot = a});
    kit_key(&k, '5');
    while (t->sort < 0 || t->source->col[t->sort].key) /* to the first text */
        kit_key(&k, '>');
    assert_true(k.app.working);
    assert_int_equal(t->n, 100000); /* as before */
    kit_keys(&k, "jj");
    assert_int_equal(t->cursor, 2);
    while (k.app.working && slices++ < 1000)
        kit_event(&k, &work);
    assert_in_range(slices, 5, 200);
    kit_event(&k, &(struct ui_event){.kind = UI_EVENT_FEED, .snapshot = b});
    assert_ptr_equal(k.app.snap, a);
    assert_true(ui_app_uses(&k.app, a) && ui_app_uses(&k.app, b) && !ui_app_uses(&k.app, c));
    kit_key(&k, 'j');
    kit_draw(&k);
    assert_true(k.app.working);
    kit_event(&k, &(struct ui_event){.kind = UI_EVENT_FEED, .snapshot = c}); /* overtakes it */
    assert_false(ui_app_uses(&k.app, b));
    for (slices = 0; k.app.working && slices < 1000; slices++)
        kit_event(&k, &work);
    assert_ptr_equal(k.app.snap, c);
    assert_false(ui_app_uses(&k.app, a));
    /* Another pane goes on with the new one at once, and comes back to an order that is made anew. */
    kit_event(&k, &(struct ui_event){.kind = UI_EVENT_FEED, .snapshot = a});
    kit_key(&k, '1');
    assert_ptr_equal(k.app.snap, a);
    assert_false(k.app.working);
    kit_key(&k, '5');
    assert_int_equal(t->n, 0);
    assert_true(kit_has(&k, "Putting the rows in order"));
    kit_keys(&k, "jG{Enter}{Esc}y");
    for (slices = 0; k.app.working && slices < 1000; slices++)
        kit_event(&k, &work);
    assert_int_equal(t->n, 100000);
    assert_false(kit_has(&k, "Putting the rows in order"));
    kit_event(&k, &(struct ui_event){.kind = UI_EVENT_FEED, .snapshot = k.snap});
    kit_key(&k, '1');
    kit_close(&k);
    ui_fixture_free(a);
    ui_fixture_free(b);
    ui_fixture_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_in_slices),
        cmocka_unit_test(filters_in_slices),
        cmocka_unit_test(searches_in_slices),
        cmocka_unit_test(searches_give_way_to_keys),
        cmocka_unit_test(snapshots_wait_for_their_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
