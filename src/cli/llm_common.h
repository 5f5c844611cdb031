// SPDX-License-Identifier: MIT
/* What run, chat and perplexity share: the options of a language model, its engine, and an answer
   that streams. Everything here assumes a verb with the options --ctx, --batch, --target-vram,
   --backend, --device and --threads. */
#ifndef SU_CLI_LLM_COMMON_H
#define SU_CLI_LLM_COMMON_H

#include "cli_priv.h"

/* A language model on a device. Zero-initialise with cli and model; cli_llm_close in any state. */
struct cli_llm {
    const struct cli *cli;
    struct cli_model *model;
    struct su_text *text;
    struct su_plan *plan;
    struct su_exec *exec;
    struct su_engine *engine;
    uint64_t target;
    uint32_t ctx;
    uint32_t emit; /* rows of a dispatch whose logits are wanted; 0 = any */
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
void cli_answer_fini(struct cli_answer *a);
double cli_answer_rate(const struct cli_answer *a); /* tokens/s behind the first */
double cli_answer_first_ms(const struct cli_answer *a); /* from the request to the first token */

#endif
