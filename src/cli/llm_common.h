// SPDX-License-Identifier: MIT
/* What run, chat and perplexity share: the options of a language model, its engine, and an answer
   that streams. Everything here assumes a verb with the options --ctx, --batch, --target-vram,
   --backend, --device and --threads. */
#ifndef SU_CLI_LLM_COMMON_H
#define SU_CLI_LLM_COMMON_H

#include "cli_priv.h"

#define CLI_TOKENS_DEFAULT 256u /* of an answer */

/* A language model on a device. Zero-initialise with cli and model; cli_llm_close in any state. */
struct cli_llm {
    const struct cli *cli;
    struct cli_model *model;
    struct su_text *text;
    struct su_plan *plan;
    struct su_exec *exec;
    struct su_engine *engine;
    uint64_t target;
    uint32_t ctx, sessions; /* sessions 0 = 1 */
    uint32_t emit; /* rows of a dispatch whose logits are wanted; 0 = any */
    uint32_t chunk; /* prompt rows of a dispatch; after cli_llm_open */
};
/* SU_EUSAGE for a model that is no language model or has no weights; else its tokenizer and --ctx
   are taken in: cheap, so that wrong options are told before weights are loaded. */
SU_CHECK enum su_code cli_llm_prepare(struct cli_llm *l, struct su_err *e);
/* Plans, opens the device and loads the weights. */
SU_CHECK enum su_code cli_llm_open(struct cli_llm *l, struct su_err *e);
/* Returns rc, or what went wrong while closing. */
SU_CHECK enum su_code cli_llm_close(struct cli_llm *l, enum su_code rc, struct su_err *e);
/* The error of a graph where a language model is needed, for `splitup VERB`. */
SU_CHECK enum su_code cli_llm_only(const struct cli *c, const struct cli_model *m,
                                   struct su_err *e);

/* An integer option, left as it is when not given. */
SU_CHECK enum su_code cli_llm_u32(const struct cli *c, const char *option, uint32_t lo, uint32_t hi,
                                  uint32_t *out, struct su_err *e);
/* --temperature, --top-k, --top-p, --min-p, --repeat-penalty, --seed. */
SU_CHECK enum su_code cli_llm_sampling(const struct cli *c, struct su_sampling *s,
                                       struct su_err *e);

/* Encodes a prompt: text to go on with, or with system (may be "") a user's turn of a conversation in
   the model's own form. Errors of su_text_encode and su_text_chat_detect. */
SU_CHECK enum su_code cli_prompt_encode(const struct su_text *text, const char *prompt,
                                        const char *system, struct su_text_ids *out,
                                        struct su_err *e);

/* The tokens of one answer, and their text, printed as it comes unless silent. */
struct cli_answer {
    const struct cli_llm *llm;
    struct su_text_decoder decoder;
    struct su_buf text;
    uint32_t *token; /* n of them, also those of an answer that was stopped */
    uint32_t n, cap;
    bool silent, stopped, cancelled; /* cancelled: by SIGINT */
    uint64_t start_ns, first_ns, end_ns;
    uint8_t output_sha256[SU_SHA256_BYTES]; /* unless cancelled */
};
/* Generates behind what the session holds (held, n_held) into a zero-initialised *a, which is to be
   released with cli_answer_fini whatever is returned. SIGINT ends the answer and is no failure
   here. Errors of su_engine_generate, and cli_flush. */
SU_CHECK enum su_code cli_answer_get(struct cli_answer *a, const struct cli_llm *l,
                                     uint32_t session, const struct su_sampling *s,
                                     const uint32_t *held, uint32_t n_held, const uint32_t *prompt,
                                     uint32_t n_prompt, uint32_t max_tokens, struct su_err *e);
/* The two halves of it, for generations that are run otherwise: *g begins as the caller's prompt,
   max_tokens and sampling, and is made ready to run; rc and *r are what became of it. */
SU_CHECK enum su_code cli_answer_begin(struct cli_answer *a, const struct cli_llm *l,
                                       struct su_generation *g, struct su_err *e);
SU_CHECK enum su_code cli_answer_end(struct cli_answer *a, enum su_code rc,
                                     const struct su_generated *r, struct su_err *e);
void cli_answer_fini(struct cli_answer *a);
double cli_answer_rate(const struct cli_answer *a); /* tokens/s behind the first */
double cli_answer_first_ms(const struct cli_answer *a); /* from the request to the first token */

/* ---- splitup run: one prompt (verb_llm.c) or many (llm_prompts.c) ------------------------------ */

/* A prompt and its answer. Zero-initialise with sampling and max_tokens. */
struct cli_request {
    struct su_text_ids ids;
    struct su_sampling sampling;
    uint32_t max_tokens;
    uint64_t id; /* in the scheduler */
    struct cli_answer answer;
};
/* Encodes prompt, as a turn of a conversation when --system is given, and cuts max_tokens to what
   the context leaves. `at` names the prompt in errors: SU_EINVAL: empty; SU_ELIMIT: longer than the
   context. */
SU_CHECK enum su_code cli_request_encode(struct cli_request *r, const struct cli_llm *l,
                                         const char *at, const char *prompt, struct su_err *e);
void cli_request_fini(struct cli_request *r);
SU_CHECK enum su_code cli_request_print_json(const struct cli_request *r, const struct cli_llm *l,
                                             struct su_err *e);
/* The array "tasks" of the plan. */
void cli_llm_put_tasks(struct su_json_writer *w, const struct cli_llm *l);
/* Model, graph, backend and device. */
void cli_llm_put_setup(struct su_json_writer *w, const struct cli_llm *l);
/* --prompts. `first` holds the options for those that name none of their own. */
SU_CHECK enum su_code cli_llm_prompts(struct cli_llm *l, const struct cli_request *first,
                                      struct su_err *e);

#endif
