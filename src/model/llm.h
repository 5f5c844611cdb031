// SPDX-License-Identifier: MIT
/* Shared by the importers of language models; never included from outside. */
#ifndef SU_MODEL_LLM_H
#define SU_MODEL_LLM_H

#include "model_priv.h"

struct su_llm_arch_row {
    const char *gguf; /* general.architecture */
    const char *hf[2]; /* model_type; NULL = none */
};
const struct su_llm_arch_row *su_llm_arch_row(enum su_llm_arch a);
/* SU_EUNSUPPORTED with the list of those supported. */
enum su_code su_llm_arch_unknown(struct su_err *e, const char *at, const char *name);

/* What a weight is for. */
enum su_llm_role {
    SU_LLM_EMBEDDING,
    SU_LLM_OUTPUT_NORM,
    SU_LLM_HEAD,
    SU_LLM_ROPE_FACTORS,
    SU_LLM_LAYER_ROLES, /* from here on one per layer */
    SU_LLM_ATTN_NORM = SU_LLM_LAYER_ROLES,
    SU_LLM_Q,
    SU_LLM_K,
    SU_LLM_V,
    SU_LLM_OUT,
    SU_LLM_Q_NORM,
    SU_LLM_K_NORM,
    SU_LLM_POST_ATTN_NORM,
    SU_LLM_FFN_NORM,
    SU_LLM_POST_FFN_NORM,
    SU_LLM_GATE,
    SU_LLM_UP,
    SU_LLM_DOWN,
    SU_LLM_ROUTER,
    SU_LLM_GATE_EXPERTS,
    SU_LLM_UP_EXPERTS,
    SU_LLM_DOWN_EXPERTS,
    SU_LLM_ROLE_COUNT
};
/* Name of the tensor into out; bias: of the bias that goes with it. */
void su_llm_weight_name(const struct su_llm_config *c, enum su_llm_role role, uint32_t layer,
                        bool bias, char out[SU_GRAPH_NAME_MAX + 1]);
/* Type that the recipe gives to a tensor of this shape. */
enum su_dtype su_llm_recipe(const struct su_llm_config *c, enum su_llm_quant quant,
                            enum su_llm_role role, uint32_t layer, const struct su_shape *shape);
/* Sets what follows from the architecture alone, for both formats: hidden, heads, head_dim and
   layers are known. */
void su_llm_config_derive(struct su_llm_config *c);

/* Where a folder's weights are: the first of the names in su_model_open that is there; false, and
   the last of them, when none is. */
SU_CHECK bool su_llm_weights_file(const char *folder, char out[SU_MODEL_PATH_MAX]);
/* Sets the names of c by those of the tensors. */
void su_llm_names_detect(struct su_llm_config *c, const struct su_weights *w);
/* Reads config.json. */
SU_CHECK enum su_code su_llm_config_read(const char *file, struct su_llm_config *out,
                                         struct su_err *e);
/* The tokenizer of a folder. */
SU_CHECK enum su_code su_llm_text_folder(const struct su_model *m, struct su_text **out,
                                         struct su_err *e);

/* Fills *m from a GGUF file, from a folder with config.json and weights, or from a config.json.
   m->path is set. */
SU_CHECK enum su_code su_llm_open_gguf(struct su_model *m, struct su_err *e);
SU_CHECK enum su_code su_llm_open_folder(struct su_model *m, struct su_err *e);
SU_CHECK enum su_code su_llm_open_json(struct su_model *m, const char *file,
                                       enum su_llm_quant quant, struct su_err *e);

#endif
