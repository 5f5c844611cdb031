// SPDX-License-Identifier: MIT
#include "ui/term/grid.h"

#include <string.h>

#define FULL 0x2588u
#define LIGHT 0x00b7u

void ui_bar(struct ui_area a, int x, int y, int w, uint64_t part, uint64_t whole, enum ui_role role)
{
    int full = 0;

    if (whole > 0)
        full = part >= whole ? w : (int)((double)part / (double)whole * w);
    for (int i = 0; i < w; i++)
        ui_put(a, x + i, y, i < full ? FULL : LIGHT, i < full ? role : UI_ROLE_DIM);
}

static uint64_t most(const uint64_t *value, size_t n)
{
    uint64_t m = 0;

    for (size_t i = 0; i < n; i++)
        m = value[i] > m ? value[i] : m;
    return m;
}

void ui_spark(struct ui_area a, int x, int y, int w, const uint64_t *value, size_t n,
              enum ui_role role)
{
    size_t shown = w < 0 ? 0 : SU_MIN(n, (size_t)w);
    uint64_t top = most(value + (n - shown), shown);

    for (int i = 0; i < w; i++) {
        uint32_t cp = ' ';
        size_t k = n - shown + (size_t)i;
        if ((size_t)i < shown && top > 0 && value[k] > 0)
            cp = 0x2581u + (uint32_t)((double)value[k] / (double)top * 7.0);
        ui_put(a, x + i, y, cp, role);
    }
}

void ui_columns(struct ui_area a, const uint64_t *value, size_t n, enum ui_role role,
                void (*text)(uint64_t value, char *out, size_t cap))
{
    const int left = 10;
    int w = a.r.w - left, h = a.r.h;
    size_t shown = w < 1 ? 0 : SU_MIN(n, (size_t)w);
    uint64_t top = most(value + (n - shown), shown);
    char label[32], below[32] = "";

    for (int j = h; j-- > 0;) {
        double low = (double)(h - 1 - j) / h;
        text((uint64_t)((double)top * (double)(h - j) / h), label, sizeof label);
        if (strcmp(label, below) != 0) /* a scale that says the same again says nothing */
            ui_text_in(a, 0, j, left - 1, UI_ROLE_DIM, true, label);
        su_str_copy(below, sizeof below, label);
        for (size_t i = 0; i < shown && top > 0; i++) {
            double v = (double)value[n - shown + i] / (double)top, part = (v - low) * h;
            uint32_t cp = part >= 1 ? FULL : part > 0 ? 0x2581u + (uint32_t)(part * 7.99) : ' ';
            ui_put(a, left + (int)i, j, cp, role);
        }
    }
}
