// SPDX-License-Identifier: MIT
#include "draw_priv.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WIDTH_DEFAULT 80u
#define WIDTH_MIN 40u
#define WIDTH_MAX 400u

const char *su_plan_count_text(uint64_t v, char out[32])
{
    const char *unit[] = {"", "k", "M", "G", "T", "P", "E"};
    uint32_t i = 0;
    uint64_t whole = v, rest = 0;
    for (; whole >= 1000; i++) {
        rest = whole % 1000;
        whole /= 1000;
    }
    if (i == 0 || whole >= 100) {
        snprintf(out, 32, "%" PRIu64 "%s", whole, unit[i]);
    } else if (whole >= 10) {
        snprintf(out, 32, "%" PRIu64 ".%" PRIu64 "%s", whole, rest / 100, unit[i]);
    } else {
        snprintf(out, 32, "%" PRIu64 ".%02" PRIu64 "%s", whole, rest / 10, unit[i]);
    }
    return out;
}

void su_plan_art_ops(const struct su_plan_task *t, char *out, size_t cap)
{
    uint64_t macs[SU_OP_COUNT] = {0};
    uint32_t count[SU_OP_COUNT] = {0};
    size_t at = 0;
    out[0] = '\0';
    for (uint32_t i = 0; i < t->graph->n_node; i++) {
        macs[t->graph->node[i].op] += su_node_macs(t->graph, i) + 1;
        count[t->graph->node[i].op]++;
    }
    for (;;) {
        uint32_t best = 0;
        for (uint32_t op = 1; op < SU_OP_COUNT; op++) {
            best = macs[op] > macs[best] ? op : best;
        }
        if (macs[best] == 0) {
            return;
        }
        char one[48];
        size_t n = (size_t)snprintf(one, sizeof one, "%s%s", at > 0 ? ", " : "",
                                    su_op_name((enum su_op)best));
        if (count[best] > 1) {
            n += (size_t)snprintf(one + n, sizeof one - n, " x%" PRIu32, count[best]);
        }
        if (at + n >= cap) {
            return;
        }
        memcpy(out + at, one, n + 1);
        at += n;
        macs[best] = 0;
    }
}

void su_plan_art_size(const struct su_plan_art *a, uint32_t task, char *out, size_t cap)
{
    const struct su_plan_task *t = &a->p->task[task];
    char size[32], macs[32];
    snprintf(out, cap, "%s, %s macs",
             su_format_size(t->vram_fixed + t->vram_session * a->p->sessions, size, sizeof size),
             su_plan_count_text(t->macs, macs));
}

uint64_t su_plan_art_edge(const struct su_plan *p, uint32_t from, uint32_t to)
{
    const struct su_plan_task *t = &p->task[to];
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < t->graph->n_input; i++) {
        if (t->input[i].from_task == from) {
            bytes += su_value_row_bytes(&t->graph->value[t->graph->input[i]]);
        }
    }
    return bytes;
}

/* ---- one line per task ----------------------------------------------------------------------- */

#define LANES_MAX 16u

/* A lane is the column of a task whose outputs are still to be read. */
struct lanes {
    uint32_t task[LANES_MAX]; /* UINT32_MAX = free */
    uint32_t n;
};

static uint32_t last_reader(const struct su_plan *p, uint32_t task)
{
    uint32_t last = 0;
    for (uint32_t i = task + 1; i < p->n_task; i++) {
        if (su_plan_art_edge(p, task, i) > 0) {
            last = i;
        }
    }
    return last;
}

/* The lane for a new task: the first that ends with it, else the first free one; UINT32_MAX when
   all are taken. */
static uint32_t lane_for(const struct su_plan *p, struct lanes *l, uint32_t task)
{
    uint32_t free_lane = UINT32_MAX;
    for (uint32_t i = 0; i < LANES_MAX; i++) {
        uint32_t t = l->task[i];
        if (t != UINT32_MAX && su_plan_art_edge(p, t, task) > 0 && last_reader(p, t) == task) {
            return i;
        }
        if (t == UINT32_MAX && free_lane == UINT32_MAX) {
            free_lane = i;
        }
    }
    return free_lane;
}

static void draw_lanes(struct su_plan_canvas *c, const struct su_plan_art *a, struct lanes *l,
                       uint32_t task)
{
    uint32_t mine = lane_for(a->p, l, task), y = task;
    for (uint32_t i = 0; i < LANES_MAX; i++) {
        uint32_t t = l->task[i];
        if (t == UINT32_MAX) {
            continue;
        }
        bool reads = su_plan_art_edge(a->p, t, task) > 0, ends = last_reader(a->p, t) <= task;
        if (reads && i != mine && mine != UINT32_MAX) {
            su_plan_canvas_across(c, y, 2 * mine, 2 * i);
        }
        if (y > 0) {
            su_plan_canvas_down(c, 2 * i, y - 1, y);
        }
        if (ends) {
            l->task[i] = UINT32_MAX;
        }
    }
    if (mine != UINT32_MAX) {
        su_plan_canvas_text(c, 2 * mine, y, a->utf8 ? "\u25cf" : "*", 1);
        l->task[mine] = last_reader(a->p, task) > 0 ? task : UINT32_MAX;
        l->n = SU_MAX(l->n, mine + 1);
    }
}

static void line_text(const struct su_plan_art *a, uint32_t task, struct su_buf *b)
{
    char text[96], size[32];
    const char *mark = " <-";
    su_plan_art_size(a, task, text, sizeof text);
    su_buf_printf(b, "%3u  %s", task, text);
    for (uint32_t i = 0; i < task; i++) {
        uint64_t bytes = su_plan_art_edge(a->p, i, task);
        if (bytes > 0) {
            su_buf_printf(b, "%s %u (%s)", mark, i, su_format_size(bytes, size, sizeof size));
            mark = ",";
        }
    }
    su_plan_art_ops(&a->p->task[task], text, sizeof text);
    su_buf_printf(b, "  %s", text);
}

static enum su_code draw_lines(const struct su_plan_art *a, struct su_err *e)
{
    struct su_plan_canvas c;
    struct lanes l;
    struct su_buf b;
    enum su_code rc = su_plan_canvas_init(&c, a->width, a->p->n_task, e);
    if (rc != SU_OK) {
        return rc;
    }
    su_buf_init(&b, 0);
    l.n = 0;
    for (uint32_t i = 0; i < LANES_MAX; i++) {
        l.task[i] = UINT32_MAX;
    }
    for (uint32_t i = 0; i < a->p->n_task; i++) {
        draw_lanes(&c, a, &l, i);
    }
    for (uint32_t i = 0; i < a->p->n_task && rc == SU_OK; i++) {
        su_buf_clear(&b);
        line_text(a, i, &b);
        rc = su_buf_check(&b, "plan", e);
        if (rc == SU_OK) {
            su_plan_canvas_text(&c, 2 * l.n, i, (const char *)b.data, a->width);
        }
    }
    if (rc == SU_OK) {
        su_plan_canvas_write(&c, a->utf8, a->out);
    }
    su_buf_fini(&b);
    su_plan_canvas_fini(&c);
    return rc;
}

enum su_code su_plan_draw(const struct su_plan *p, unsigned width, bool utf8, struct su_buf *out,
                          struct su_err *e)
{
    struct su_plan_art a = {p, width, utf8, out};
    bool drawn = false;
    if (width == 0) {
        a.width = WIDTH_DEFAULT;
    } else if (width < WIDTH_MIN || width > WIDTH_MAX) {
        return su_fail(e, SU_EINVAL, "width", "%u columns; a plan is drawn in %u to %u", width,
                       WIDTH_MIN, WIDTH_MAX);
    }
    enum su_code rc = su_plan_art_boxes(&a, &drawn, e);
    if (rc == SU_OK && !drawn) {
        rc = draw_lines(&a, e);
    }
    return rc == SU_OK ? su_buf_check(out, "plan", e) : rc;
}
