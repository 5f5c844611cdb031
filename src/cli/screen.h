// SPDX-License-Identifier: MIT
/* An answer that streams on stdout, and under it, where stderr is a terminal, a block of lines about
   it that is redrawn in place. Where both are the same terminal the block stands below the answer's
   last line, and whatever makes that line grow into another one takes the block away first. */
#ifndef SU_CLI_SCREEN_H
#define SU_CLI_SCREEN_H

#include "cli_priv.h"

struct cli_screen {
    bool draws; /* else no block is ever shown */
    bool mixed; /* the answer is on the same terminal */
    bool utf8, color;
    unsigned width, height; /* of the terminal, at the last drawing */
    unsigned column; /* that the answer's last line has reached */
    unsigned rows; /* of the block that is on the screen */
    struct su_buf block; /* its lines */
    uint64_t drawn_ns;
};
/* quiet: no block. */
void cli_screen_begin(struct cli_screen *s, const struct cli *c, bool quiet);
void cli_screen_end(struct cli_screen *s); /* takes the block away; zeroed s allowed */
/* More of the answer: whole characters. On a terminal control characters other than tab and newline
   are shown as '?': they come from strangers. */
void cli_screen_text(struct cli_screen *s, const char *text, size_t n);
/* Columns and rows that a block may take now. */
void cli_screen_room(struct cli_screen *s, unsigned *width, unsigned *rows);
/* Replaces the block by these lines (each with its newline, none wider than the room). */
void cli_screen_show(struct cli_screen *s, const struct su_buf *lines);
/* Takes the block away, so that something can be printed at the beginning of a line. */
void cli_screen_clear(struct cli_screen *s);

#endif
