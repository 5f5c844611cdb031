// SPDX-License-Identifier: MIT
/* widgets/table_build: making the rows of a table in slices. Hundreds of thousands of texts are not
   matched or put in order within a frame: what was there stays until the new rows are whole. */
#ifndef SU_UI_TABLE_BUILD_H
#define SU_UI_TABLE_BUILD_H

#include "ui/widgets/table.h"

/* What a step costs, in units of roughly 25 ns. */
#define UI_COST_ITEM 1u
#define UI_COST_MATCH 20u

struct ui_build;
/* Begins to make the rows that t wishes of the view; what it needs of t, bar its rows, is copied.
   narrow: of the rows that t has, which are then neither changed nor freed until the end. NULL: out of
   memory. */
struct ui_build *ui_build_begin(const struct ui_table *t, const struct ui_view *v, bool narrow);
/* Goes on for about that many units of work; true: there is nothing left to do. The view is the one
   that it began with. */
bool ui_build_work(struct ui_build *b, const struct ui_view *v, size_t units);
/* Units that all of it takes, about. */
size_t ui_build_units(const struct ui_build *b);
/* Whether that is what t still wishes of the view. */
bool ui_build_fits(const struct ui_build *b, const struct ui_table *t, const struct ui_view *v);
/* Hands the rows over to t, in place of its own, and ends. */
void ui_build_finish(struct ui_build *b, struct ui_table *t);
void ui_build_drop(struct ui_build *b); /* NULL allowed */

#endif
