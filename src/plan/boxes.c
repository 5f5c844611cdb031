// SPDX-License-Identifier: MIT
#include "draw_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Tasks stand in layers by their longest way from an input. An edge that passes a layer has a slot
   there too, so edges only ever join neighbouring layers. */
#define BOX_TASKS_MAX 16u
#define SLOTS_MAX 128u
#define WIRES_MAX 256u
#define BOX_WIDTH 34u
#define BOX_WIDTH_MIN 18u
#define PASS_WIDTH 3u
#define GAP 2u

struct slot {
    uint32_t task; /* of a passing edge: its source */
    uint32_t to; /* of a passing edge: its reader; UINT32_MAX for a box */
    uint32_t layer, x, w, order;
    uint32_t n_in, n_out, done_in, done_out;
};
struct wire { /* from a slot to one of the next layer */
    uint32_t from, to;
    uint64_t bytes; /* 0 = not yet at its reader */
    uint32_t x0, x1, track;
};
struct boxes {
    const struct su_plan_art *a;
    struct slot slot[SLOTS_MAX];
    struct wire wire[WIRES_MAX];
    uint32_t n_slot, n_wire, n_layer;
    uint32_t first[BOX_TASKS_MAX + 1]; /* slots of a layer are first[l]..first[l + 1] */
    uint32_t layer_of[BOX_TASKS_MAX], y[BOX_TASKS_MAX], lines[BOX_TASKS_MAX];
    uint32_t tracks[BOX_TASKS_MAX];
};

static void find_layers(struct boxes *b)
{
    const struct su_plan *p = b->a->p;
    for (uint32_t t = 0; t < p->n_task; t++) {
        b->layer_of[t] = 0;
        for (uint32_t i = 0; i < t; i++) {
            if (su_plan_art_edge(p, i, t) > 0) {
                b->layer_of[t] = SU_MAX(b->layer_of[t], b->layer_of[i] + 1);
            }
        }
        b->n_layer = SU_MAX(b->n_layer, b->layer_of[t] + 1);
    }
}

static bool add_slot(struct boxes *b, uint32_t layer, uint32_t task, uint32_t to)
{
    if (b->n_slot == SLOTS_MAX) {
        return false;
    }
    b->slot[b->n_slot++] = (struct slot){.task = task, .to = to, .layer = layer};
    return true;
}

static bool add_layer(struct boxes *b, uint32_t layer)
{
    const struct su_plan *p = b->a->p;
    b->first[layer] = b->n_slot;
    for (uint32_t t = 0; t < p->n_task; t++) {
        if (b->layer_of[t] == layer && !add_slot(b, layer, t, UINT32_MAX)) {
            return false;
        }
        for (uint32_t i = 0; i < t; i++) {
            bool passes = b->layer_of[i] < layer && layer < b->layer_of[t];
            if (passes && su_plan_art_edge(p, i, t) > 0 && !add_slot(b, layer, i, t)) {
                return false;
            }
        }
    }
    b->first[layer + 1] = b->n_slot;
    return true;
}

/* Does slot s hand an edge to slot r of the next layer? *bytes is set when r is its reader. */
static bool feeds(const struct boxes *b, const struct slot *s, const struct slot *r,
                  uint64_t *bytes)
{
    *bytes = 0;
    if (s->to != UINT32_MAX && r->to != UINT32_MAX) {
        return s->task == r->task && s->to == r->to;
    }
    if (r->to != UINT32_MAX) { /* a box hands to a passing edge */
        return s->task == r->task;
    }
    if (s->to != UINT32_MAX && s->to != r->task) {
        return false;
    }
    *bytes = su_plan_art_edge(b->a->p, s->task, r->task);
    return *bytes > 0;
}

static bool add_wires(struct boxes *b, uint32_t layer)
{
    for (uint32_t i = b->first[layer]; i < b->first[layer + 1]; i++) {
        for (uint32_t k = b->first[layer + 1]; k < b->first[layer + 2]; k++) {
            uint64_t bytes;
            if (!feeds(b, &b->slot[i], &b->slot[k], &bytes)) {
                continue;
            }
            if (b->n_wire == WIRES_MAX) {
                return false;
            }
            b->wire[b->n_wire++] = (struct wire){.from = i, .to = k, .bytes = bytes};
            b->slot[i].n_out++;
            b->slot[k].n_in++;
        }
    }
    return true;
}

/* Slots of a layer side by side, in the order of where their edges come from. False when the layer
   is too wide. */
static bool place_layer(struct boxes *b, uint32_t layer)
{
    uint32_t n = b->first[layer + 1] - b->first[layer], passes = 0, at[SLOTS_MAX];
    uint32_t weight[SLOTS_MAX];
    for (uint32_t i = 0; i < n; i++) {
        uint32_t s = b->first[layer] + i, sum = 0, count = 0;
        for (uint32_t k = 0; k < b->n_wire; k++) {
            if (b->wire[k].to == s) {
                const struct slot *f = &b->slot[b->wire[k].from];
                sum += 2 * f->x + f->w;
                count++;
            }
        }
        weight[i] = count > 0 ? sum / count : b->a->width;
        passes += b->slot[s].to != UINT32_MAX;
        uint32_t k = i;
        while (k > 0 && weight[at[k - 1]] > weight[i]) {
            at[k] = at[k - 1];
            k--;
        }
        at[k] = i;
    }
    uint32_t fixed = passes * PASS_WIDTH + (n - 1) * GAP, boxes = n - passes;
    if (fixed + boxes * BOX_WIDTH_MIN > b->a->width) {
        return false;
    }
    uint32_t w = boxes > 0 ? SU_MIN(BOX_WIDTH, (b->a->width - fixed) / boxes) : 0;
    uint32_t x = (b->a->width - fixed - boxes * w) / 2;
    for (uint32_t i = 0; i < n; i++) {
        struct slot *s = &b->slot[b->first[layer] + at[i]];
        s->order = i;
        s->x = x;
        s->w = s->to == UINT32_MAX ? w : PASS_WIDTH;
        x += s->w + GAP;
    }
    return true;
}

/* ---- wires ----------------------------------------------------------------------------------- */

/* Wires leave at even columns and arrive at odd ones, so that two of them never run down the same
   column. */
static uint32_t port_of(const struct slot *s, uint32_t number, uint32_t count, uint32_t parity)
{
    uint32_t x = s->x + (2 * number + 1) * s->w / (2 * count);
    if (x % 2 != parity) {
        x += x + 1 < s->x + s->w - 1 ? 1u : (uint32_t)-1;
    }
    return x;
}

/* Rank of wire k among those with the same end, by where the other end is. */
static uint32_t rank_of(const struct boxes *b, uint32_t k, bool outgoing)
{
    const struct wire *w = &b->wire[k];
    uint32_t rank = 0;
    for (uint32_t i = 0; i < b->n_wire; i++) {
        const struct wire *v = &b->wire[i];
        if (outgoing ? v->from != w->from : v->to != w->to) {
            continue;
        }
        uint32_t vo = b->slot[outgoing ? v->to : v->from].order;
        uint32_t wo = b->slot[outgoing ? w->to : w->from].order;
        rank += vo < wo;
    }
    return rank;
}

static bool spans_meet(const struct wire *a, const struct wire *b)
{
    return SU_MIN(a->x0, a->x1) <= SU_MAX(b->x0, b->x1) &&
           SU_MIN(b->x0, b->x1) <= SU_MAX(a->x0, a->x1);
}

static void route(struct boxes *b)
{
    for (uint32_t k = 0; k < b->n_wire; k++) {
        struct wire *w = &b->wire[k];
        const struct slot *f = &b->slot[w->from], *t = &b->slot[w->to];
        w->x0 = port_of(f, rank_of(b, k, true), f->n_out, 0);
        w->x1 = port_of(t, rank_of(b, k, false), t->n_in, 1);
        bool inside = w->x0 > t->x && w->x0 + 1 < t->x + t->w;
        if (f->n_out == 1 && t->n_in == 1 && t->to == UINT32_MAX && inside) {
            w->x1 = w->x0;
        }
        w->track = UINT32_MAX;
        if (w->x0 == w->x1) {
            continue;
        }
        uint32_t track = 0;
        for (uint32_t i = 0; i < k;) {
            const struct wire *v = &b->wire[i];
            bool same_gap = b->slot[v->from].layer == f->layer;
            if (same_gap && v->track == track && spans_meet(v, w)) {
                track++;
                i = 0;
            } else {
                i++;
            }
        }
        w->track = track;
        b->tracks[f->layer] = SU_MAX(b->tracks[f->layer], track + 1);
    }
}

/* ---- drawing --------------------------------------------------------------------------------- */

/* Line i of the box of a task into out; false beyond the last. */
static bool box_line(const struct boxes *b, uint32_t task, uint32_t i, char *out, size_t cap)
{
    const struct su_plan_task *t = &b->a->p->task[task];
    char size[32];
    if (i == 0) {
        su_plan_art_ops(t, out, cap);
        return true;
    }
    if (i == 1) {
        su_plan_art_size(b->a, task, out, cap);
        return true;
    }
    i -= 2;
    for (uint32_t k = 0; k < t->graph->n_input; k++) {
        const struct su_value *v = &t->graph->value[t->graph->input[k]];
        if (t->input[k].from_task == SU_PLAN_EXTERNAL && i-- == 0) {
            snprintf(out, cap, "%s %s %s", b->a->utf8 ? "\u2190" : "<-",
                     su_format_size(su_value_row_bytes(v), size, sizeof size), v->name);
            return true;
        }
    }
    for (uint32_t k = 0; k < b->a->p->n_result; k++) {
        const struct su_plan_input *r = &b->a->p->result[k];
        if (r->from_task == task && i-- == 0) {
            const struct su_graph_output *o = &t->graph->output[r->from_output];
            const char *name = t->output[r->from_output].consumed ? "result" : o->name;
            snprintf(
                out, cap, "%s %s %s", b->a->utf8 ? "\u2192" : "->",
                su_format_size(su_value_row_bytes(&t->graph->value[o->value]), size, sizeof size),
                name);
            return true;
        }
    }
    return false;
}

static uint32_t place_rows(struct boxes *b)
{
    uint32_t y = 0;
    char text[256];
    for (uint32_t l = 0; l < b->n_layer; l++) {
        b->y[l] = y;
        b->lines[l] = 0;
        for (uint32_t i = b->first[l]; i < b->first[l + 1]; i++) {
            uint32_t n = 0;
            while (b->slot[i].to == UINT32_MAX &&
                   box_line(b, b->slot[i].task, n, text, sizeof text)) {
                n++;
            }
            b->lines[l] = SU_MAX(b->lines[l], n);
        }
        y += b->lines[l] + 2;
        y += l + 1 < b->n_layer ? b->tracks[l] + 1 : 0;
    }
    return y;
}

static void draw_slot(const struct boxes *b, struct su_plan_canvas *c, uint32_t i)
{
    const struct slot *s = &b->slot[i];
    uint32_t y = b->y[s->layer], h = b->lines[s->layer] + 2;
    char text[256];
    if (s->to != UINT32_MAX) {
        uint32_t in = port_of(s, 0, 1, 1), out = port_of(s, 0, 1, 0);
        su_plan_canvas_down(c, in, y, y + h / 2);
        su_plan_canvas_across(c, y + h / 2, in, out);
        su_plan_canvas_down(c, out, y + h / 2, y + h - 1);
        return;
    }
    su_plan_canvas_box(c, s->x, y, s->w, h);
    for (uint32_t k = 0; box_line(b, s->task, k, text, s->w - 3); k++) {
        su_plan_canvas_text(c, s->x + 2, y + 1 + k, text, s->w - 4);
    }
    uint32_t n = (uint32_t)snprintf(text, sizeof text, " task %u ", s->task);
    /* The blank after the title gives way to a wire. */
    for (uint32_t k = 0; k < b->n_wire; k++) {
        n -= b->wire[k].to == i && b->wire[k].x1 == s->x + n;
    }
    su_plan_canvas_text(c, s->x + 1, y, text, n);
}

/* Room for a label to the right of wire k, up to the next wire of the same reader or the next slot.
   */
static uint32_t label_room(const struct boxes *b, uint32_t k)
{
    const struct wire *w = &b->wire[k];
    const struct slot *t = &b->slot[w->to];
    uint32_t end = t->x + t->w;
    for (uint32_t i = 0; i < b->n_wire; i++) {
        if (b->slot[b->wire[i].to].layer == t->layer && b->wire[i].x1 > w->x1) {
            end = SU_MIN(end, b->wire[i].x1);
        }
    }
    return end > w->x1 + 2 ? end - w->x1 - 2 : 0;
}

static void draw_wire(const struct boxes *b, struct su_plan_canvas *c, uint32_t k)
{
    const struct wire *w = &b->wire[k];
    uint32_t layer = b->slot[w->from].layer;
    uint32_t top = b->y[layer] + b->lines[layer] + 1, bottom = b->y[layer + 1];
    char size[32];
    if (w->track == UINT32_MAX) {
        su_plan_canvas_down(c, w->x0, top, bottom);
    } else {
        uint32_t y = top + 1 + w->track;
        su_plan_canvas_down(c, w->x0, top, y);
        su_plan_canvas_across(c, y, w->x0, w->x1);
        su_plan_canvas_down(c, w->x1, y, bottom);
    }
    if (w->bytes > 0) {
        su_format_size(w->bytes, size, sizeof size);
        if (strlen(size) <= label_room(b, k)) {
            su_plan_canvas_text(c, w->x1 + 2, bottom - 1, size, (uint32_t)strlen(size));
        }
    }
}

enum su_code su_plan_art_boxes(const struct su_plan_art *a, bool *drawn, struct su_err *e)
{
    *drawn = false;
    if (a->p->n_task > BOX_TASKS_MAX) {
        return SU_OK;
    }
    struct boxes *b = su_alloc(sizeof *b);
    struct su_plan_canvas c;
    enum su_code rc = SU_OK;
    bool ok = true;
    b->a = a;
    find_layers(b);
    for (uint32_t l = 0; l < b->n_layer && ok; l++) {
        ok = add_layer(b, l) && (l == 0 || add_wires(b, l - 1)) && place_layer(b, l);
    }
    if (ok) {
        route(b);
        rc = su_plan_canvas_init(&c, a->width, place_rows(b), e);
    }
    if (ok && rc == SU_OK) {
        for (uint32_t k = 0; k < b->n_wire; k++) {
            draw_wire(b, &c, k);
        }
        for (uint32_t i = 0; i < b->n_slot; i++) {
            draw_slot(b, &c, i);
        }
        su_plan_canvas_write(&c, a->utf8, a->out);
        su_plan_canvas_fini(&c);
        *drawn = true;
    }
    free(b);
    return rc;
}
