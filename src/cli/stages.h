// SPDX-License-Identifier: MIT
/* Where the time of an execution goes while it runs, as its nodes tell: asked by a thread of its own, so
   that no token waits for an answer, and drawn as a line per stage. */
#ifndef SU_CLI_STAGES_H
#define SU_CLI_STAGES_H

#include "network.h"

/* One task of an execution. Zero-initialised: nothing is known. */
struct cli_stage {
    uint8_t node[32]; /* zero: none is assigned yet */
    char endpoint[SU_ENDPOINT_MAX + 1];
    uint8_t attempt;
    bool committed;
    bool done; /* report is what its node told after it committed */
    struct cli_task_report report; /* of this node; ms < 0: it has told nothing yet */
};

struct cli_stages;
/* Starts the thread. NULL when there is no memory or thread for it: the functions below allow that, and
   nothing is known then. */
struct cli_stages *cli_stages_open(void);
/* What the chain shows of the execution; who is not known to be done is asked twice a second. Does not
   wait. */
void cli_stages_see(struct cli_stages *w, const struct su_ops_follow_state *s);
/* What is known now, into out[cap]; returns how many stages there are, at most cap. Does not wait. */
size_t cli_stages_get(struct cli_stages *w, struct cli_stage *out, size_t cap);
/* Ends calls under way. */
void cli_stages_close(struct cli_stages *w);

/* How a line may look. */
struct cli_look {
    unsigned width; /* columns that it may take */
    bool utf8, color;
};
/* Appends, without a newline, "stage 1/3 8f3a..9xKd cpu ### compute 41 % wait 52 % network 7 %  23
   steps", shorter where there is less room. i counts from 0. */
void cli_stage_line(struct su_buf *out, const struct cli_stage *stage, size_t i, size_t n,
                    const struct cli_look *look);
/* A line for each stage, with newlines; of more than `most` the busiest, and a line for the others. */
void cli_stage_lines(struct su_buf *out, const struct cli_stage *stage, size_t n, size_t most,
                     const struct cli_look *look);
/* Shares of 100 of compute, wait and network; false when there is nothing to share. */
bool cli_stage_shares(const struct cli_task_report *r, unsigned share[3]);

#endif
