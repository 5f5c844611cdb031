// SPDX-License-Identifier: MIT
/* Where things are: a pure function of the size. */
#include "ui/app/app.h"

static struct ui_rect rows(int w, int *y, int h)
{
    struct ui_rect r = {0, *y, w, h};

    *y += h;
    return r;
}

struct ui_layout ui_layout_make(int w, int h, int top_rows, int detail_rows, bool has_head)
{
    struct ui_layout l = {.small = w < UI_MIN_W || h < UI_MIN_H};
    int y = 0, left = h - 5, top = top_rows, log = 0, detail = detail_rows, head = has_head;

    if (l.small)
        return l;
    if (top > 0)
        top = left - top - 1 >= 8 ? top + 1 : 0;
    left -= top + head;
    if (h >= 36)
        log = 5;
    left -= log;
    /* Details get their wish where that leaves a few rows, more where there is plenty; those that are
       done with two rows leave it to the list. */
    if (detail > 0) {
        if (h >= 40 && w >= 140 && detail > 2)
            detail = left * 3 / 5;
        else if (h >= 24 && detail > 2)
            detail = detail + (h - 24) / 2;
        while (detail > 0 && left - detail - 1 < 5)
            detail--;
        left -= detail > 0 ? detail + 1 : 0;
    }
    l.header = rows(w, &y, 1);
    l.tabs = rows(w, &y, 1);
    l.info = rows(w, &y, 1);
    l.top = rows(w, &y, top);
    l.head = rows(w, &y, head);
    l.body = rows(w, &y, left);
    l.rule = rows(w, &y, detail > 0);
    l.detail = rows(w, &y, detail);
    l.log = rows(w, &y, log);
    l.message = rows(w, &y, 1);
    l.keys = rows(w, &y, 1);
    return l;
}

struct ui_rect ui_layout_dialog(int w, int h, int want_w, int want_h)
{
    struct ui_rect r;

    r.w = SU_MIN(want_w, w - 2);
    r.h = SU_MIN(want_h, h - 3);
    r.x = (w - r.w) / 2;
    r.y = SU_MAX(1, (h - 2 - r.h) / 2);
    if (r.y + r.h > h - 2)
        r.y = h - 2 - r.h;
    return r;
}
