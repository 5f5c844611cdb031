// SPDX-License-Identifier: MIT
/* A grid of characters with lines that join by themselves, for drawing plans. */
#ifndef SU_PLAN_DRAW_PRIV_H
#define SU_PLAN_DRAW_PRIV_H

#include "plan/plan.h"

struct su_plan_canvas {
    uint32_t w, h;
    uint8_t *line; /* per cell: bits of the four directions a line leaves in */
    uint32_t *text; /* per cell: code point, 0 = none */
};
SU_CHECK enum su_code su_plan_canvas_init(struct su_plan_canvas *c, uint32_t w, uint32_t h,
                                          struct su_err *e);
void su_plan_canvas_fini(struct su_plan_canvas *c);
/* Ends included; what lies outside the grid is left out. */
void su_plan_canvas_across(struct su_plan_canvas *c, uint32_t y, uint32_t x0, uint32_t x1);
void su_plan_canvas_down(struct su_plan_canvas *c, uint32_t x, uint32_t y0, uint32_t y1);
void su_plan_canvas_box(struct su_plan_canvas *c, uint32_t x, uint32_t y, uint32_t w, uint32_t h);
/* UTF-8 text of at most `room` characters. */
void su_plan_canvas_text(struct su_plan_canvas *c, uint32_t x, uint32_t y, const char *s,
                         uint32_t room);
void su_plan_canvas_write(const struct su_plan_canvas *c, bool utf8, struct su_buf *out);

/* ---- texts of a task ------------------------------------------------------------------------- */

struct su_plan_art {
    const struct su_plan *p;
    uint32_t width;
    bool utf8;
    struct su_buf *out;
};
/* "conv2d x2, matmul, add": by macs, most first. */
void su_plan_art_ops(const struct su_plan_task *t, char *out, size_t cap);
/* "258 KB, 3.03M macs" */
void su_plan_art_size(const struct su_plan_art *a, uint32_t task, char *out, size_t cap);
/* Bytes per row from one task to another, 0 = no edge. */
uint64_t su_plan_art_edge(const struct su_plan *p, uint32_t from, uint32_t to);
/* "3.03M" */
const char *su_plan_count_text(uint64_t v, char out[32]);

/* Boxes in layers. *drawn is false, and nothing was written, when they are too many or too wide
   (boxes.c). */
SU_CHECK enum su_code su_plan_art_boxes(const struct su_plan_art *a, bool *drawn, struct su_err *e);

#endif
