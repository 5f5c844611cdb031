// SPDX-License-Identifier: MIT
/* A whole execution done again on this machine, from its input container alone. */
#ifndef SU_CLI_RERUN_H
#define SU_CLI_RERUN_H

#include "cli_priv.h"

struct cli_rerun {
    const struct su_package *package;
    struct su_store *store; /* has the weights */
    struct su_exec *exec;
    const struct su_input *input;
    uint64_t seed; /* the execution's */
    uint32_t steps;
    /* Tasks that matter, the others are left out where nothing else needs them; NULL: all. A model
       that generates needs all of them. */
    const bool *wanted;
};
struct cli_rerun_task {
    bool done;
    double ms; /* wall time of its dispatches */
    uint64_t bound_bytes;
    struct su_trace_roots roots;
};
/* Fills task[package->n_task]. Tasks of a model that does not generate are loaded one after the other,
   so the machine needs room for the largest; else all at once. SU_ECANCELLED by SIGINT; SU_ELIMIT: the
   container has fewer steps; SU_ENOMEM; errors of su_input_find, su_prompt_of, su_task_open,
   su_task_replay and su_task_run with the task's number. */
SU_CHECK enum su_code cli_rerun(const struct cli_rerun *r, struct cli_rerun_task *task,
                                struct su_err *e);

#endif
