// SPDX-License-Identifier: MIT
/* Ten thousand nodes, a thousand models, a hundred thousand samples: a frame stays below 16 ms, walked
   from end to end, and with snapshots that come while somebody moves, sorts and filters. Times are those
   of the thread's own work: what else runs on the machine is not what is measured. */
#include "ui_kit.h"

#include "support/feed_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

/* Instrumented code is slower, and not what people run. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SLOWER 20
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SLOWER 20
#endif
#endif
#ifndef SLOWER
#define SLOWER 1
#endif
#define FRAME_MS (16.0 * SLOWER)

struct meter {
    unsigned frames, late; /* late: above FRAME_MS */
    double sum, most;
};

static double cpu_ms(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

static void frame(struct kit *k, const struct ui_event *ev, struct meter *m)
{
    double ms = cpu_ms();

    kit_event(k, ev);
    kit_draw(k);
    ms = cpu_ms() - ms;
    m->frames++;
    m->late += ms > FRAME_MS;
    m->sum += ms;
    m->most = ms > m->most ? ms : m->most;
}

static void press(struct kit *k, int key, struct meter *m)
{
    frame(k, &(struct ui_event){.kind = UI_EVENT_KEY, .key = key}, m);
}

/* What the app goes on with between two frames. */
static void settle(struct kit *k, struct meter *m)
{
    while (k->app.working)
        frame(k, &(struct ui_event){.kind = UI_EVENT_WORK}, m);
}

/* Two in turn: the app may go on with the old one for a while. */
struct pair {
    struct su_feed_snapshot *s[2];
    uint64_t number;
};

static struct pair pair_make(void)
{
    return (struct pair){{ui_fixture_large(7), ui_fixture_large(7)}, 7};
}

static void pair_free(struct pair *p)
{
    ui_fixture_free(p->s[0]);
    ui_fixture_free(p->s[1]);
}

static void news(struct kit *k, struct pair *p, struct meter *m)
{
    struct su_feed_snapshot *s = p->s[k->app.snap == p->s[0]];

    settle(k, m);
    s->number = ++p->number;
    frame(k, &(struct ui_event){.kind = UI_EVENT_FEED, .snapshot = s}, m);
}

static void tell(const char *pane, const char *what, const struct meter *m)
{
    print_message("%-8s %-22s %5u frames, %.2f ms each, %.2f at most, %u above 16\n", pane, what,
                  m->frames, m->sum / m->frames, m->most, m->late);
}

/* A slow moment of the machine itself is forgiven to one frame of a hundred. */
static void assert_in_time(const struct meter *m)
{
    assert_true(m->frames > 0);
    assert_true(m->late * 100 <= m->frames);
}

static void assert_fast(const struct meter *m)
{
    assert_in_time(m);
    assert_true(m->sum / m->frames < FRAME_MS / 4);
}

static void open_large(struct kit *k, struct su_feed_snapshot *s)
{
    kit_open(k, UI_FIXTURE_LIVE, 160, 48);
    kit_event(k, &(struct ui_event){.kind = UI_EVENT_FEED, .snapshot = s});
}

static void close_large(struct kit *k, struct pair *p)
{
    kit_key(k, '1');
    kit_event(k, &(struct ui_event){.kind = UI_EVENT_FEED, .snapshot = k->snap});
    kit_close(k);
    pair_free(p);
}

static void every_row_is_walked(void **state)
{
    const bool full = getenv("SU_TEST_FULL") != NULL;
    struct pair two = pair_make();
    struct su_feed_snapshot *s = two.s[0];
    const size_t rows[UI_PANES] = {[UI_PANE_MODELS] = s->n_model,
                                   [UI_PANE_TASKS] = s->n_execution,
                                   [UI_PANE_BEATS] = s->n_node,
                                   [UI_PANE_SAMPLES] = s->n_sample};
    struct kit k;

    (void)state;
    assert_true(s->n_model == 1000 && s->n_node == 10000 && s->n_sample == 100000);
    open_large(&k, two.s[0]);
    for (int pane = 0; pane < UI_PANES; pane++) {
        const struct ui_table *t = &k.app.table[pane];
        struct meter page = {0}, line = {0};
        size_t seen, step = full ? 1 : SLOWER == 1 ? 4 : 20;
        press(&k, '1' + pane, &line);
        press(&k, 'g', &line);
        if (rows[pane] > 0)
            assert_int_equal(t->n, rows[pane]);
        for (seen = 0; t->n > 0 && t->cursor + 1 < t->n && seen < t->n; seen++) {
            size_t before = t->cursor;
            press(&k, UI_K_PGDN, &page);
            assert_true(t->cursor > before);
            for (size_t i = 1; i < step; i++)
                kit_key(&k, UI_K_PGDN);
        }
        assert_true(t->n == 0 || t->cursor + 1 == t->n);
        for (int i = 0; i < 300; i++)
            press(&k, i < 150 ? 'k' : 'j', &line);
        tell(ui_pane_list[pane]->name, "row by row", &line);
        assert_fast(&line);
        if (page.frames > 0) {
            tell(ui_pane_list[pane]->name, "pages to the end", &page);
            assert_fast(&page);
        }
    }
    close_large(&k, &two);
}

static void snapshots_come_while_scrolling(void **state)
{
    struct pair two = pair_make();
    struct kit k;

    (void)state;
    open_large(&k, two.s[0]);
    for (int pane = 0; pane < UI_PANES; pane++) {
        const struct ui_table *t = &k.app.table[pane];
        struct meter m = {0};
        size_t at;
        kit_key(&k, '1' + pane);
        kit_key(&k, 'g');
        for (int i = 0; i < 120; i++) {
            press(&k, 'j', &m);
            if (i % 4 == 0)
                news(&k, &two, &m);
        }
        at = t->cursor;
        if (t->n > 1000 && !t->follow)
            assert_int_equal(at, 120); /* the selection stayed on its row */
        tell(ui_pane_list[pane]->name, "with snapshots", &m);
        assert_fast(&m);
    }
    close_large(&k, &two);
}

static void sorted_and_filtered_while_snapshots_come(void **state)
{
    struct pair two = pair_make();
    struct kit k;

    (void)state;
    open_large(&k, two.s[0]);
    for (int pane = 0; pane < UI_PANES; pane++) {
        const struct ui_table *t = &k.app.table[pane];
        struct meter sort = {0}, filter = {0};
        size_t all;
        kit_key(&k, '1' + pane);
        if (!ui_pane_list[pane]->source)
            continue;
        all = t->n;
        for (size_t i = 0; i <= t->source->n_col; i++) {
            press(&k, '>', &sort);
            settle(&k, &sort);
            news(&k, &two, &sort);
            settle(&k, &sort);
            press(&k, 'I', &sort);
            settle(&k, &sort);
            press(&k, UI_K_PGDN, &sort);
        }
        assert_int_equal(t->n, all);
        kit_key(&k, '\\');
        for (const char *c = "mismatch"; *c; c++) {
            press(&k, *c, &filter);
            news(&k, &two, &filter);
        }
        kit_keys(&k, "{Enter}");
        settle(&k, &filter);
        if (pane == UI_PANE_SAMPLES)
            assert_true(t->n > 10000 && t->n < 20000);
        press(&k, UI_K_ESC, &filter);
        settle(&k, &filter);
        assert_int_equal(t->n, all);
        tell(ui_pane_list[pane]->name, "sorted", &sort);
        tell(ui_pane_list[pane]->name, "filtered", &filter);
        assert_fast(&sort); /* the frames right after another order and another filter, too */
        assert_fast(&filter);
    }
    close_large(&k, &two);
}

static void searched_without_a_match(void **state)
{
    struct pair two = pair_make();
    struct kit k;

    (void)state;
    open_large(&k, two.s[0]);
    for (int pane = 0; pane < UI_PANES; pane++) {
        const struct ui_table *t = &k.app.table[pane];
        struct meter m = {0}, slices = {0};
        size_t at;
        kit_key(&k, '1' + pane);
        if (!ui_pane_list[pane]->source)
            continue;
        kit_key(&k, 'g');
        press(&k, '/', &m);
        for (const char *c = "nowhere"; *c; c++) {
            press(&k, *c, &m);
            settle(&k, &slices);
            news(&k, &two, &m);
        }
        at = t->cursor; /* of the last that began like it */
        press(&k, UI_K_ENTER, &m);
        settle(&k, &slices);
        assert_true(kit_has(&k, "Not found: nowhere"));
        for (const char *c = "nNn"; *c; c++) {
            press(&k, *c, &m);
            settle(&k, &slices);
            assert_true(kit_has(&k, "Not found: nowhere"));
        }
        assert_int_equal(t->cursor, at);
        tell(ui_pane_list[pane]->name, "searched", &m);
        assert_fast(&m);
        if (slices.frames > 0) {
            tell(ui_pane_list[pane]->name, "going on with it", &slices);
            assert_in_time(&slices);
        }
    }
    close_large(&k, &two);
}

/* The same through the feed's own rows, from accounts as they lie on chain. */
static void clusters_of_accounts(void **state)
{
    static const struct feed_world_sizes z = {
        .nodes = 10000, .models = 1000, .tasks = 8, .executions = 500, .samples = 10};
    struct su_feed *f = feed_world_open(&z);
    const struct su_feed_snapshot *s = feed_world_look(f);
    struct kit k;

    (void)state;
    assert_int_equal(s->n_node, z.nodes);
    assert_int_equal(s->n_model, z.models);
    assert_int_equal(s->n_task, z.models * z.tasks);
    assert_int_equal(s->n_execution, z.executions);
    assert_int_equal(s->n_sample, z.executions * z.samples);
    kit_open(&k, UI_FIXTURE_LIVE, 80, 24);
    kit_event(&k, &(struct ui_event){.kind = UI_EVENT_FEED, .snapshot = s});
    for (int pane = 0; pane < UI_PANES; pane++) {
        const struct ui_table *t = &k.app.table[pane];
        struct meter m = {0};
        kit_key(&k, '1' + pane);
        for (int i = 0; i < 60; i++) {
            const struct su_feed_snapshot *fresh = i % 20 == 0 ? feed_world_look(f) : NULL;
            press(&k, UI_K_PGDN, &m);
            if (fresh) {
                frame(&k, &(struct ui_event){.kind = UI_EVENT_FEED, .snapshot = fresh}, &m);
                su_feed_release(s);
                s = fresh;
            }
        }
        press(&k, 'G', &m);
        assert_true(t->n == 0 || t->cursor == t->n - 1);
        tell(ui_pane_list[pane]->name, "of accounts", &m);
        assert_fast(&m);
    }
    kit_event(&k, &(struct ui_event){.kind = UI_EVENT_FEED, .snapshot = k.snap});
    su_feed_release(s);
    feed_world_close(f);
    kit_close(&k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_is_walked),
        cmocka_unit_test(snapshots_come_while_scrolling),
        cmocka_unit_test(sorted_and_filtered_while_snapshots_come),
        cmocka_unit_test(searched_without_a_match),
        cmocka_unit_test(clusters_of_accounts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
