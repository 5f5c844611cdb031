// SPDX-License-Identifier: MIT
/* panes: what their files share. */
#ifndef SU_UI_PANES_H
#define SU_UI_PANES_H

#include "ui/app/app.h"
#include "ui/widgets/format.h"

#include <inttypes.h>
#include <string.h>

/* Cells: text by printf, and roles. */
void ui_value_set(struct ui_value *o, const char *fmt, ...) SU_PRINTF(2, 3);
void ui_value_none(struct ui_value *o, bool full); /* it does not apply to this row */
void ui_value_role(struct ui_value *o, enum ui_role role, const char *text);
void ui_value_key(struct ui_value *o, bool full, const uint8_t key[32]);
void ui_value_hash(struct ui_value *o, bool full, const uint8_t hash[32]);
void ui_value_money(struct ui_value *o, bool full, uint64_t micro, int decimals);
void ui_value_count(struct ui_value *o, bool full, uint64_t n);
void ui_value_ms(struct ui_value *o, bool full, uint64_t ms);
void ui_value_bytes(struct ui_value *o, bool full, uint64_t n);
/* Age in lists, Unix milliseconds in full. */
void ui_value_time(struct ui_value *o, bool full, int64_t now_ms, int64_t then_ms);
/* Functions of columns that are an expression of v, r, full and o; of v and i. */
#define UI_CELL(name, statement)                                                                   \
    static void name(const struct ui_view *v, struct ui_row r, bool full, struct ui_value *o)      \
    {                                                                                              \
        (void)full;                                                                                \
        statement;                                                                                 \
    }
/* The same where rows below the item have no such value. */
#define UI_CELL_OF_ITEM(name, statement)                                                           \
    static void name(const struct ui_view *v, struct ui_row r, bool full, struct ui_value *o)      \
    {                                                                                              \
        if (r.sub)                                                                                 \
            ui_value_none(o, full);                                                                \
        else                                                                                       \
            statement;                                                                             \
    }
#define UI_SORT_KEY(name, value)                                                                   \
    static uint64_t name(const struct ui_view *v, uint32_t i)                                      \
    {                                                                                              \
        return value;                                                                              \
    }
/* First bytes of a key as a sorting key. */
uint64_t ui_sort_key(const uint8_t key[32]);
uint64_t ui_sort_time(int64_t ms);
/* Which rows a pane shows. */
#define UI_VARIANT_OWN 1u
#define UI_VARIANT_ORACLES 2u
/* UI_REQ_ONLY_OWN in panes that know no other request. */
bool ui_only_own(struct ui_app *app, int request);

/* Words of states; roles beside them. */
const char *ui_task_word(uint8_t state, enum ui_role *role);
const char *ui_exec_word(const struct su_feed_execution *e, enum ui_role *role);
const char *ui_dispute_word(uint8_t dispute);
const char *ui_verdict_word(uint8_t verdict);
const char *ui_slots_until(const struct su_feed_snapshot *s, uint64_t slot, char out[UI_FORMAT]);
/* Where a time budget went: a bar of compute, wait and network in the width, with the numbers. */
void ui_time_bar(struct ui_area a, int x, int y, int w, const struct su_feed_part *p,
                 uint64_t whole_ms);
const struct su_feed_node *ui_node_find(const struct su_feed_snapshot *s, const uint8_t key[32]);

#endif
