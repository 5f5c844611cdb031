// SPDX-License-Identifier: MIT
/* A private network in child processes under one temporary home, set up from nothing, and executions
   on it: what `splitup demo` shows. */
#ifndef SU_CLI_DEMO_H
#define SU_CLI_DEMO_H

#include "generation.h"
#include "super/super.h"

#define DEMO_HOME_MAX 512 /* bytes of the home's path */
#define DEMO_PATH_MAX 640 /* of a file in it */
#define DEMO_NODES_MAX 16u
#define DEMO_OWNERS 3u
#define DEMO_EXECUTIONS_MAX 100000u
#define DEMO_AT_ONCE 8u /* executions, at most */
#define DEMO_PROMPTS_MAX 10000u

struct demo_key {
    uint8_t secret[64], key[32];
    struct su_signer signer;
};
struct demo_node {
    struct demo_key identity;
    unsigned owner; /* in demo.owner */
    uint16_t port;
    char name[16], backend[16], endpoint[32];
    unsigned child;
};
struct demo_oracle {
    struct demo_key key;
    uint8_t vrf_key[32];
    uint16_t port;
    char name[16], endpoint[32];
    unsigned child;
};
struct demo_prompt {
    char *text;
    struct su_text_ids ids;
};
/* Amounts in millionths of a USDC, of everybody whom an execution can pay or charge. */
struct demo_money {
    uint64_t requestor, node[DEMO_NODES_MAX], oracle[SU_ORACLES_MAX], pool;
    uint64_t
        held; /* of executions that are open, and claims on the pool that are not paid: those are
                      within the pool */
    uint64_t total; /* of the four above and owners' wallets */
    uint64_t vault, open_claims;
};

struct demo {
    const struct cli *c;
    bool json, once;
    unsigned n_node, n_oracle, executions, at_once;
    unsigned checked; /* percent of tasks that are checked; 0: as few as the config allows */
    uint64_t seed;
    struct su_super *super;
    char self[4096], home[DEMO_HOME_MAX], url[128],
        store[64]; /* self: the program; store: URL of blobs */
    unsigned devnet_child, store_child;
    struct su_jobs *jobs;
    struct su_chain *chain;
    struct su_chain_env env;
    struct su_params params;
    struct demo_key requestor, deployer, admin, owner[DEMO_OWNERS];
    struct demo_node node[DEMO_NODES_MAX];
    struct demo_oracle oracle[SU_ORACLES_MAX];
    uint8_t model[32];
    struct su_chain_model chain_model;
    struct su_ops *ops; /* of the requestor */
    struct su_digits *digits; /* NULL with a language model */
    uint64_t digit; /* the next one's number */
    char model_name[128], model_path[4096], target[24]; /* what is deployed, for what memory */
    uint64_t vram_bytes; /* of each node */
    struct su_text *text; /* of a language model, else NULL */
    struct demo_prompt *prompt; /* the executions' in turn, n_prompt of them */
    uint32_t n_prompt;
    struct su_sampling sampling;
    uint32_t max_tokens, ctx, sessions;
    uint64_t started_ns;
    double setup_s;
};

/* What nodes tell of the check of one task: who computed it, who computed it again, and for how long. */
struct demo_check {
    bool known;
    char backend[16], asserter_backend[16];
    double ms; /* of the check */
    double generation_ms, compare_ms; /* of the asserter; of its comparison with another backend */
};

/* One execution. */
struct demo_run {
    unsigned number;
    uint64_t digit;
    struct cli_generation words;
    bool told_words, told_words_end;
    struct su_ops_follow *follow;
    const struct su_ops_follow_state *state;
    struct su_ops_request_terms terms;
    struct cli_task_report *report;
    struct demo_check *check; /* per task */
    bool *recomputed; /* per task: sampled, by the proof */
    uint64_t begun_ns, next_report_ns;
    uint32_t told; /* state->changes that were shown */
    uint8_t told_state;
    bool told_assigned, told_provisional, told_draw, told_end;
    uint32_t told_commits, told_checks;
    /* from the transaction of the draw */
    bool proof_found, proof_right, flags_right;
    uint16_t sampled, matched, foreign; /* tasks; checks that matched; by another owner */
};

/* ---- demo_keys.c ---- */

/* The folder of that name under the home, made when it is missing, or a file in it; returns out. */
const char *demo_path(const struct demo *d, const char *folder, const char *file,
                      char out[DEMO_PATH_MAX]);
/* Keys and key files of everybody, from the seed. */
SU_CHECK enum su_code demo_keys(struct demo *d, struct su_err *e);
SU_CHECK enum su_code demo_admin(struct demo *d, struct su_err *e);
void demo_keys_fini(struct demo *d);
/* "node 2", "oracle 1", "owner B" of a key; "somebody" when it is nobody's. */
const char *demo_who(const struct demo *d, const uint8_t key[32]);

/* ---- demo_setup.c ---- */

/* Everything up to the first request, as quickly as it goes. */
SU_CHECK enum su_code demo_setup(struct demo *d, struct su_err *e);
/* SU_EIO when a child has ended; SU_ECANCELLED after Ctrl-C. */
SU_CHECK enum su_code demo_alive(struct demo *d, struct su_err *e);
/* A line of what goes on: to stdout, in front of it the seconds since the start. Nothing with --json.
 */
void demo_say(const struct demo *d, const char *fmt, ...) SU_PRINTF(2, 3);

/* ---- demo_words.c: language models ---- */

/* Opens --model and its tokenizer, reads prompts, and chooses how it is to be cut. */
SU_CHECK enum su_code demo_words_open(struct demo *d, struct su_err *e);
void demo_words_close(struct demo *d);
/* The prompt of that execution. */
const struct demo_prompt *demo_prompt_of(const struct demo *d, unsigned number);
/* Makes the run's prompt ready, and its input container. */
SU_CHECK enum su_code demo_words_input(const struct demo *d, struct demo_run *r,
                                       struct su_buf *input, struct su_err *e);
/* Takes and shows what has come of the answer. */
SU_CHECK enum su_code demo_words_take(const struct demo *d, struct demo_run *r, struct su_err *e);

/* ---- demo_run.c ---- */

/* Asks for the next digit, or for the prompt once more. */
SU_CHECK enum su_code demo_begin(struct demo *d, struct demo_run *r, unsigned number,
                                 struct su_err *e);
/* One turn; waits up to wait_ms for something new. */
SU_CHECK enum su_code demo_turn(struct demo *d, struct demo_run *r, uint32_t wait_ms,
                                struct su_err *e);
void demo_run_fini(struct demo_run *r);
/* Everybody's money now. */
SU_CHECK enum su_code demo_money(struct demo *d, struct demo_money *m, struct su_err *e);
/* Waits until the pool has paid its claims, a few seconds at most. */
SU_CHECK enum su_code demo_settle(struct demo *d, struct demo_money *m, struct su_err *e);
/* Finds the proof of the draw on chain, verifies it, and computes the flags from it again. */
SU_CHECK enum su_code demo_check_draw(struct demo *d, struct demo_run *r, struct su_err *e);

/* ---- demo_checks.c ---- */

/* Asks nodes what they tell of checks that are over, where it is not known yet. */
void demo_check_reports(const struct demo *d, struct demo_run *r);
/* What checks cost beside what they check, added up for those who computed both on one backend. */
struct demo_cost {
    char backend[16];
    unsigned checks;
    double check_ms, generation_ms, compare_ms;
};
enum { DEMO_COSTS_MAX = 4 };
void demo_costs_add(struct demo_cost cost[DEMO_COSTS_MAX], const struct demo_run *r);
/* Members "checks" of an execution, and "check_cost". */
void demo_put_checks(struct su_json_writer *w, const struct demo_run *r);
void demo_put_costs(struct su_json_writer *w, const struct demo *d,
                    const struct demo_cost cost[DEMO_COSTS_MAX]);

/* ---- demo_report.c ---- */

/* Shows what is new about a run, in words. */
void demo_tell(const struct demo *d, struct demo_run *r);
void demo_tell_money(const struct demo *d, const struct demo_money *before,
                     const struct demo_money *after);
SU_CHECK enum su_code demo_print_run(const struct demo *d, const struct demo_run *r,
                                     const struct demo_money *before,
                                     const struct demo_money *after, struct su_err *e);
struct demo_totals {
    unsigned executions, final, proofs, flags_right;
    uint64_t tasks, sampled, matched, foreign;
    double expected, variance; /* of the number of sampled tasks */
    uint64_t macs, check_macs;
    struct demo_cost cost[DEMO_COSTS_MAX];
    double seconds;
};
SU_CHECK enum su_code demo_print_totals(const struct demo *d, const struct demo_totals *t,
                                        const struct demo_money *before,
                                        const struct demo_money *after, struct su_err *e);

/* What is shown while the network stays: the seam for the terminal app. Enter asks for another digit, q
   ends it. */
SU_CHECK enum su_code cli_demo_show(struct demo *d, struct su_err *e);

#endif
