// SPDX-License-Identifier: MIT
/* Random runs of the whole program from a seed: models, owners, nodes, oracles and several
   executions at once, honest, lying and silent people among them. Each step is one call or a jump in
   time; three in ten calls make no sense: wrong moment, foreign accounts, missing rights, changed
   bytes, replays. Equal seeds give equal runs on every machine. */
#ifndef SU_TEST_GENERATOR_H
#define SU_TEST_GENERATOR_H

#include "support/execution.h"

struct generator;

struct generator_counts {
    uint64_t steps, jumps, succeeded, failed; /* steps = jumps + succeeded + failed */
    uint64_t opened, drained, cranks; /* executions opened; brought to their end in copies; calls */
    uint64_t ok[256]; /* successes by instruction */
    uint64_t state[16]; /* steps taken in each enum su_exec_state */
    uint64_t cause[8]; /* executions that ended so, by enum su_void_cause; [0]: settled */
};

struct generator *generator_new(uint64_t seed);
void generator_free(struct generator *g);
void generator_step(struct generator *g);
const struct generator_counts *generator_counts(const struct generator *g);

/* Money, counters and lamports as they must be after every step; NULL, or what is wrong. */
const char *generator_check(struct generator *g);
/* In a copy of the bank time passes and only what anybody may call is called, by a stranger: every
   execution must end, every reserve be freed, every rent return. NULL, or what is left. */
const char *generator_drain(struct generator *g);
/* The same, each execution being ended by `end`, in the copy's bank, with "stranger" as payer. */
const char *generator_drain_with(struct generator *g, void (*end)(void *ctx, struct play *p),
                                 void *ctx);

enum { GENERATOR_SLOTS = 4 };
/* The execution in slot i as people see it, in a copy of their world that the caller may change;
   false: none is open there. */
bool generator_play(const struct generator *g, unsigned i, struct world *w, struct play *p);

#endif
