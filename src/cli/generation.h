// SPDX-License-Identifier: MIT
/* Generations by a model of a cluster: a prompt goes to nodes that never see the text, tokens come
   back as they are drawn. What `splitup run`, `splitup chat` and `splitup demo` share. */
#ifndef SU_CLI_GENERATION_H
#define SU_CLI_GENERATION_H

#include "network.h"
#include "screen.h"

/* One prompt and what comes of it. Zero-initialise; cli_generation_fini in any state. */
struct cli_generation {
    const struct su_text *text; /* borrowed */
    struct su_text_ids prompt;
    struct su_sampling sampling;
    uint32_t max_tokens;
    bool silent; /* else the answer is printed as it comes */
    struct cli_screen *screen; /* where; NULL: plainly to stdout */
    struct su_text_decoder decoder;
    struct su_buf words; /* the answer */
    uint32_t *row; /* drawn tokens, n_row of them; also the one that ends an answer */
    uint32_t n_row, cap;
    uint32_t n; /* tokens of the answer */
    bool stopped; /* by a token that ends answers */
    unsigned changed; /* how often what had been shown was replaced by something else */
    uint64_t start_ns, first_ns, end_ns; /* of the request, its first and its last token */
};
/* Makes an answer ready to come. text, prompt, sampling, max_tokens are set. */
void cli_generation_begin(struct cli_generation *g);
uint32_t cli_generation_steps(const struct cli_generation *g); /* at most */
/* Appends the input container. SU_ETYPE: the model takes no tokens, or draws none. */
SU_CHECK enum su_code cli_generation_input(const struct cli_generation *g,
                                           const struct su_chain_model *m, struct su_buf *out,
                                           struct su_err *e);
/* Takes what has come since the last time. SU_ENOMEM; errors of cli_flush. */
SU_CHECK enum su_code cli_generation_take(struct cli_generation *g,
                                          const struct su_ops_follow_state *s, struct su_err *e);
/* Prints the end of the last character. */
void cli_generation_end(struct cli_generation *g);
void cli_generation_fini(struct cli_generation *g);
/* Tokens/s from the request to the last one: tokens come in bursts, so that the time between the
   first and the last says nothing of how fast they were made. */
double cli_generation_rate(const struct cli_generation *g);
double cli_generation_first_ms(const struct cli_generation *g); /* 0 before there is one */
/* Members "text", "token_ids", ..., "time_to_first_token_ms" as `splitup run` prints them. */
void cli_put_generation(struct su_json_writer *w, const struct cli_generation *g);
/* What an execution costs: fees of the steps run, or of all asked for before that is known. */
uint64_t cli_execution_cost(const struct su_params *p, const struct su_ops_follow_state *s);
/* The same with the fees of the steps whose results have come, before it is known how many are run; m: its model. */
uint64_t cli_execution_cost_so_far(const struct su_params *p, const struct su_chain_model *m,
                                   const struct su_ops_follow_state *s);

/* ---- models (asker.c, ask.c) --------------------------------------------------------------------- */

/* A model of a cluster that generates, and the means to ask it. Zero-initialise with c and o (both
   borrowed); cli_asker_close in any state. */
struct cli_asker {
    const struct cli *c;
    struct su_ops *o;
    char name[SU_CHAIN_TEXT]; /* address */
    struct su_chain_model *model;
    struct su_text *text;
    uint32_t ctx; /* positions that its nodes keep of a session; 0: not known */
    struct cli_task_report *report; /* of the last execution */
    bool
        chat; /* an answer is one of many: its request is not shown, and SIGINT may leave it provisional */
    uint32_t answers; /* of the conversation */
    uint64_t cost, spent; /* USDC of the last answer, and of the conversation */
};
/* True when the model that `word` names on o's cluster generates. Errors of su_ops_model_find and
   su_chain_model_load. */
SU_CHECK enum su_code cli_model_generates(struct su_ops *o, const char *word, bool *generates,
                                          struct su_err *e);
/* The tokenizer: of --model-file; else of the weights that the model's package names, from this
   machine's store or, of a GGUF file only what stands before its tensors, from where the package is. */
SU_CHECK enum su_code cli_asker_open(struct cli_asker *a, const char *word, struct su_err *e);
void cli_asker_close(struct cli_asker *a);
/* Cuts g->max_tokens to what the nodes keep. SU_ELIMIT: the prompt alone is too long. */
SU_CHECK enum su_code cli_asker_fit(const struct cli_asker *a, struct cli_generation *g,
                                    struct su_err *e);
/* Proposes, asks, and follows to the end; the answer streams on stdout. On a terminal a block on stderr
   tells how far it is, what it has cost and where each stage's time goes; what is left of it at the end
   is printed everywhere. SIGINT ends the generation, a second one leaves. *final: it was checked; false
   with --dry-run, and when a chat was told not to wait for that. */
SU_CHECK enum su_code cli_asker_ask(struct cli_asker *a, struct cli_generation *g, bool *final,
                                    struct su_err *e);
/* `splitup run` of such a model. */
SU_CHECK enum su_code cli_generation_run(const struct cli *c, struct su_ops *o, const char *word,
                                         struct su_err *e);

#endif
