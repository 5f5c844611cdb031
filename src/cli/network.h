// SPDX-License-Identifier: MIT
/* Running a digit through a model of the cluster: what `splitup run`, `splitup request` and `splitup
   demo` share. */
#ifndef SU_CLI_NETWORK_H
#define SU_CLI_NETWORK_H

#include "ops_common.h"

#define CLI_DIGIT_CLASSES 10u

/* A row of option tables. */
#define CLI_OPTION_MODEL_FILE                                                                      \
    {                                                                                              \
        "--model-file", "MODEL",                                                                   \
            "of a cluster's language model: a file or folder on this disk with its tokenizer "     \
            "(default: as its package says)"                                                       \
    }

/* True when the word names a model of a cluster: an address, or NAME@CLUSTER. */
bool cli_is_remote(const char *word);
/* The context of the cluster that the word names (or --url), and the word without it. SU_EINVAL: no name
   of a model; errors of cli_ops_open. */
SU_CHECK enum su_code cli_ops_open_for(const struct cli *c, char *word, size_t cap,
                                       struct su_ops **out, struct su_err *e);
/* `splitup run` of such a model. */
SU_CHECK enum su_code cli_network_run(const struct cli *c, struct su_err *e);

/* Appends the input container of one digit for the model. SU_ETYPE: it does not take a 28 x 28 digit to
   10 probabilities. */
SU_CHECK enum su_code cli_digit_input(const struct su_chain_model *m, const float pixel[784],
                                      struct su_buf *out, struct su_err *e);
/* The probabilities, once the output is whole; NULL before. The likeliest class goes to *best; leaf:
   digest of the output, as `splitup run` prints it; may be NULL. */
const float *cli_digit_output(const struct su_ops_follow_state *s, unsigned *best,
                              const uint8_t **leaf);

struct su_peer_call;
/* What the process at the endpoint says of itself; NULL: it does not. The caller frees it. */
struct su_json *cli_peer_status(const char *endpoint, const struct su_peer_call *call);

/* What a node tells of one task of an execution. */
struct cli_task_report {
    char backend[16];
    double ms; /* of computing; < 0: not known */
    double wait_ms, network_ms; /* for its inputs; until its outputs were taken */
    double queue_ms, other_ms; /* for the device; to hash, sign and keep */
    double decode_ms; /* of ms, for what is behind the prompt */
    double first_token_ms, last_token_ms; /* drawn, since its assignment; 0: none */
    uint32_t steps; /* that it has run */
};
#define CLI_TASK_REPORT_NONE                                                                       \
    (struct cli_task_report)                                                                       \
    {                                                                                              \
        .ms = -1                                                                                   \
    }
/* Members "tasks" and "samples" of an execution; report: backend and ms per task, may be NULL. */
void cli_put_tasks(struct su_json_writer *w, const struct su_ops_follow_state *s,
                   const struct cli_task_report *report);
/* Members "steps", "seed" and "input" (the container, base64): with "tasks" all that `splitup verify`
   needs when the accounts are gone. */
void cli_put_input(struct su_json_writer *w, const struct su_ops_follow_state *s, const void *input,
                   size_t n);
void cli_put_samples(struct su_json_writer *w, const struct su_ops_follow_state *s);
/* Reads what a node tells of the task in its /api/status; execution: its address. False: nothing. */
bool cli_task_report_read(const struct su_json_value *root, const char *execution, uint16_t task,
                          struct cli_task_report *r);
/* Asks the asserters what they tell of the execution: fills what is not known yet in report[n_part].
   True when all is known. */
bool cli_task_reports(const struct su_ops_follow_state *s, struct cli_task_report *report);
/* A task's flag as words: "match", "mismatch: the asserter was wrong", "committee", ... */
const char *cli_sample_verdict(const struct su_ops_part *p);

#endif
