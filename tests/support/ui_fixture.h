// SPDX-License-Identifier: MIT
/* Snapshots for tests of the app, made in memory: what a feed would publish. */
#ifndef SU_TEST_UI_FIXTURE_H
#define SU_TEST_UI_FIXTURE_H

#include "ui/term/grid.h"
#include "ui/ui.h"

#define UI_FIXTURE_WALL_MS INT64_C(1795349071000) /* 2026-11-22 12:04:31 UTC */

enum ui_fixture_kind {
    UI_FIXTURE_LIVE, /* a few of everything */
    UI_FIXTURE_EMPTY, /* a chain with nothing on it */
    UI_FIXTURE_LOADING, /* nobody has answered yet */
    UI_FIXTURE_STALE, /* as LIVE, the chain is down */
    UI_FIXTURE_HOSTILE, /* as LIVE, with texts that try to break screens */
    UI_FIXTURE_NO_WALLET,
    UI_FIXTURE_PARTIAL, /* as LIVE, but much is not known: oracles and node do not answer */
    UI_FIXTURE_FOREIGN, /* as LIVE, with names in many scripts */
    UI_FIXTURE_KINDS
};
/* One allocation; free() it. Number: of the snapshot. */
struct su_feed_snapshot *ui_fixture_make(enum ui_fixture_kind kind, uint64_t number);
/* 10 000 nodes, 1 000 models, 100 000 samples, 10 000 executions and as many log lines. */
struct su_feed_snapshot *ui_fixture_large(uint64_t number);
void ui_fixture_free(struct su_feed_snapshot *s);
/* What is wrong with a grid, whatever was drawn into it; NULL: nothing. */
const char *ui_fixture_grid_fault(const struct ui_grid *g);
void ui_fixture_key(uint8_t out[32], unsigned seed);

#endif
