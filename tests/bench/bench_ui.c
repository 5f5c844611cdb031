// SPDX-License-Identifier: MIT
/* Milliseconds per frame of every pane over 10 000 nodes, 1 000 models, 100 000 samples and 10 000
   executions: a key, what it does, and the whole screen drawn, as CPU time of one thread. Rows are
   walked one by one and by pages from end to end, sorted, filtered and searched while snapshots come.
   Then what the feed spends on its own thread to make one of such a cluster's accounts. Exit
   status 1 when a frame took more than 16 ms at the 99th percentile, those right after another order,
   another filter and a search included. */
#include "support/feed_world.h"
#include "support/ui_fixture.h"

#include "ui/app/app.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define FRAMES_MAX 200000u
#define LIMIT_MS 16.0

struct bench {
    struct ui_app app;
    struct ui_grid grid;
    struct su_feed_snapshot *snap[2]; /* in turn */
    unsigned now;
    uint64_t number;
    int64_t ms;
    double *frame; /* milliseconds each */
    size_t n;
};

static double cpu_ms(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

static void frame(struct bench *b, const struct ui_event *ev)
{
    double start = cpu_ms();

    ui_step(&b->app, ev, b->ms += 17);
    b->app.n_out = 0;
    ui_draw(&b->app, &b->grid);
    if (b->n < FRAMES_MAX)
        b->frame[b->n++] = cpu_ms() - start;
}

static void key(struct bench *b, int k)
{
    frame(b, &(struct ui_event){.kind = UI_EVENT_KEY, .key = k});
}

/* What the app goes on with between two frames, each slice as a frame of its own. */
static void settle(struct bench *b)
{
    while (b->app.working)
        frame(b, &(struct ui_event){.kind = UI_EVENT_WORK});
}

static void news(struct bench *b)
{
    struct su_feed_snapshot *s = b->snap[b->now = !b->now];

    settle(b); /* the app may still be using it */
    s->number = ++b->number;
    frame(b, &(struct ui_event){.kind = UI_EVENT_FEED, .snapshot = s});
}

static int order(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* Prints and forgets what was measured; the 99th percentile. */
static double tell(struct bench *b, const char *pane, const char *what)
{
    double p99;

    qsort(b->frame, b->n, sizeof *b->frame, order);
    p99 = b->frame[b->n * 99 / 100];
    printf("%-8s %-28s %6zu frames  median %7.3f  99 %% %7.3f  most %7.3f ms\n", pane, what, b->n,
           b->frame[b->n / 2], p99, b->frame[b->n - 1]);
    b->n = 0;
    return p99;
}

static bool pane(struct bench *b, int p)
{
    const char *name = ui_pane_list[p]->name;
    size_t rows;
    bool ok;

    key(b, '1' + p);
    settle(b);
    rows = b->app.table[p].n;
    b->n = 0;
    key(b, 'g');
    for (size_t i = 0; i < 2000; i++)
        key(b, i == 1000 ? 'G' : i < 1000 ? 'j' : 'k');
    ok = tell(b, name, "row by row") < LIMIT_MS;
    key(b, 'g');
    for (size_t i = 0; i < rows / 10 + 2; i++) {
        size_t before = b->app.table[p].cursor;
        key(b, UI_K_PGDN);
        if (b->app.table[p].cursor == before && i > 2)
            break;
    }
    ok = tell(b, name, "pages, from end to end") < LIMIT_MS && ok;
    for (size_t i = 0; i < 60; i++) {
        news(b);
        b->ms += 1000;
    }
    tell(b, name, "a new snapshot");
    if (!ui_pane_list[p]->source)
        return ok;
    for (size_t i = 0; i <= b->app.table[p].source->n_col; i++) {
        key(b, '>');
        settle(b);
        key(b, 'I');
        news(b);
        settle(b);
    }
    ok = tell(b, name, "another order, snapshots") < LIMIT_MS && ok;
    key(b, 'g');
    for (int round = 0; round < 3; round++) {
        key(b, '\\');
        for (const char *s = "mismatch"; *s; s++) {
            key(b, *s);
            news(b);
        }
        key(b, UI_K_ENTER);
        key(b, UI_K_ESC);
    }
    settle(b);
    ok = tell(b, name, "a filter typed, snapshots") < LIMIT_MS && ok;
    key(b, '/');
    for (const char *s = "nowhere"; *s; s++) {
        key(b, *s);
        news(b);
    }
    key(b, UI_K_ENTER);
    for (int round = 0; round < 20; round++) {
        settle(b);
        key(b, round % 2 ? 'N' : 'n');
    }
    settle(b);
    ok = tell(b, name, "searched without a match") < LIMIT_MS && ok;
    return ok;
}

static bool panes(int w, int h)
{
    struct bench *b = su_alloc(sizeof *b);
    bool ok = true;

    b->frame = su_try_alloc(FRAMES_MAX, sizeof *b->frame);
    b->snap[0] = ui_fixture_large(1);
    b->snap[1] = ui_fixture_large(2);
    ui_app_init(&b->app);
    ok = b->frame && ui_grid_resize(&b->grid, w, h);
    if (ok) {
        printf("%dx%d\n", w, h);
        frame(b, &(struct ui_event){.kind = UI_EVENT_TICK, .wall_ms = UI_FIXTURE_WALL_MS});
        frame(b, &(struct ui_event){.kind = UI_EVENT_RESIZE, .x = w, .y = h});
        news(b);
    }
    for (int p = 0; ok && p < UI_PANES; p++)
        ok = pane(b, p);
    ui_app_fini(&b->app);
    ui_grid_fini(&b->grid);
    ui_fixture_free(b->snap[0]);
    ui_fixture_free(b->snap[1]);
    free(b->frame);
    free(b);
    return ok;
}

static void feed(void)
{
    const struct feed_world_sizes z = {
        .nodes = 10000, .models = 1000, .tasks = 8, .executions = 500, .samples = 10};
    struct su_feed *f = feed_world_open(&z);
    double start = cpu_ms(), best = 1e9;

    for (int i = 0; i < 10; i++) {
        double t = cpu_ms();
        const struct su_feed_snapshot *s = feed_world_look(f);
        t = cpu_ms() - t;
        best = t < best ? t : best;
        if (i == 0)
            printf("feed: %zu nodes, %zu models, %zu tasks, %zu executions, %zu samples\n",
                   s->n_node, s->n_model, s->n_task, s->n_execution, s->n_sample);
        su_feed_release(s);
    }
    printf("feed: a snapshot of them takes %.1f ms at best, %.1f ms on average\n", best,
           (cpu_ms() - start) / 10);
    feed_world_close(f);
}

int main(void)
{
    bool ok = panes(80, 24);

    ok = panes(160, 48) && ok;
    feed();
    return ok ? 0 : 1;
}
