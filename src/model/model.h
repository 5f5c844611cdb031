// SPDX-License-Identifier: MIT
/* model: a model as a user names it -> its graph and its weights. A model is a folder <name>/ with
   <name>.graph (canonical bytes) and <name>.safetensors; or a language model: a GGUF file (or the
   first of a split one), or a folder as published on huggingface.co. A language model's config.json
   alone gives its graph too, without weights: enough to plan.
   Thread-safe on distinct objects; the environment must not change meanwhile. */
#ifndef SU_MODEL_H
#define SU_MODEL_H

#include "base/base.h"
#include "graph/graph.h"
#include "text/text.h"
#include "weights/weights.h"

#define SU_MODEL_NAME_MAX 63u /* bytes: letters, digits, '.', '_', '-', not '.' in front */

/* ---- language models ------------------------------------------------------------------------- */

#define SU_LLM_LAYERS_MAX 512u
#define SU_LLM_DIM_MAX (1u << 20) /* of every axis: hidden, heads x head_dim, ffn, vocab ... */
#define SU_LLM_EXPERTS_MAX 4096u
#define SU_LLM_CTX_MAX (1u << 30)

enum su_llm_arch { /* decoder-only transformers */
                   SU_LLM_LLAMA, /* Llama 1 to 3, SmolLM2, TinyLlama, Mistral */
                   SU_LLM_QWEN2,
                   SU_LLM_QWEN3,
                   SU_LLM_QWEN3MOE,
                   SU_LLM_GEMMA3,
                   SU_LLM_ARCH_COUNT
};
/* What the weights are called, and with that, how they are stored. GGUF files of arch llama hold
   the rows of q and k in the order in which rope pairs neighbours; everywhere else it pairs halves
   of a head. GGUF files of gemma3 have added 1 to the weights of norms already. */
enum su_llm_names {
    SU_LLM_NAMES_GGUF,
    SU_LLM_NAMES_HF,
    SU_LLM_NAMES_HF_INNER, /* of a model that also sees images: "language_model." in front */
    SU_LLM_NAMES_COUNT
};
/* Storage types by recipe, for a graph without a file. Q4_K_M is llama.cpp's mixture: Q4_K, but
   Q6_K for the head, and for attn_v and ffn_down of half the layers; what has no whole blocks of
   256 takes the next larger type with blocks of 32. Q4_0 and Q4_1 are Q8_0 for the head, and for
   the embedding where it is the head. What has no whole blocks of 32 is F16. Vectors and routers
   are F32 in all of them. */
enum su_llm_quant {
    SU_LLM_Q4_K_M,
    SU_LLM_Q8_0,
    SU_LLM_BF16,
    SU_LLM_Q4_1,
    SU_LLM_Q4_0,
    SU_LLM_F32,
    SU_LLM_QUANT_COUNT
};

struct su_llm_rope { /* attributes of the op rope */
    float base, scale;
    uint32_t kind;
    float p[3];
};
/* A model in neutral words. All that is optional is off at 0. */
struct su_llm_config {
    enum su_llm_arch arch;
    enum su_llm_names names;
    uint32_t layers, hidden, heads, kv_heads, head_dim, ffn, vocab;
    uint32_t ctx; /* positions it was trained for */
    float norm_eps;
    float embedding_scale; /* 0 = 1 */
    float attention_scale; /* of q·k */
    float attention_softcap, logit_softcap;
    struct su_llm_rope rope, rope_window; /* of layers that see all positions; of windowed ones */
    uint32_t rope_dims; /* of a head that turn */
    uint32_t window; /* positions that a windowed layer sees; 0 = none is windowed */
    uint32_t window_pattern; /* every so many layers one sees all; 0 = none */
    uint32_t experts, experts_used, expert_ffn; /* experts 0: one dense ffn per layer */
    bool experts_renormalise;
    bool tied; /* the head is the embedding */
    bool rope_factors; /* a tensor of factors divides the frequencies */
    bool qk_norm, post_norms, qkv_bias, output_bias, gelu;
};

const char *su_llm_arch_name(enum su_llm_arch a); /* as GGUF files say it: "llama" */
/* "q4_k_m", "q8_0", "bf16", "q4_1", "q4_0", "f32" */
bool su_llm_quant_find(const char *name, enum su_llm_quant *out);
/* Ranges and what must go together. SU_EINVAL, SU_ELIMIT: names the field and the limit. */
SU_CHECK enum su_code su_llm_config_check(const struct su_llm_config *c, struct su_err *e);
/* From the metadata and tensors of a GGUF file (keys: https://github.com/ggml-org/ggml,
   docs/gguf.md). The result is checked. SU_EUNSUPPORTED: another architecture or a feature that is
   not here, named, with those that are; SU_ENOENT: a key or tensor is missing; SU_ETYPE; errors of
   su_llm_config_check. */
SU_CHECK enum su_code su_llm_config_from_gguf(const struct su_weights *w, struct su_llm_config *out,
                                              struct su_err *e);
/* From the text of a config.json as published on huggingface.co (keys: the configuration classes of
   the transformers library). names is SU_LLM_NAMES_HF. Errors as above, and of su_json_parse. */
SU_CHECK enum su_code su_llm_config_from_json(const void *text, size_t len, const char *at,
                                              struct su_llm_config *out, struct su_err *e);
/* The graph: input "token" I32 [] of rows, states "layer.<i>.k" and "layer.<i>.v" [kv_heads,
   head_dim], output "logits" F32 [vocab] of emitted rows; weights have the names of the file. Types
   are those of w's tensors (borrowed), or by recipe when w is NULL. *out is checked and owned by
   the caller; on failure it is NULL: errors of su_llm_config_check; SU_ENOENT: w lacks a tensor;
   SU_ETYPE: a type that the op does not take; SU_EUNSUPPORTED: experts in a type without blocks, or
   each expert in tensors of its own (su_model_quantise stacks them); SU_ENOMEM. */
SU_CHECK enum su_code su_llm_graph(const struct su_llm_config *c, const struct su_weights *w,
                                   enum su_llm_quant quant, struct su_graph **out,
                                   struct su_err *e);

/* The same graph with the op sample behind its logits: output "token" I32 [] of emitted rows in their
   place. What networks run: a token is 4 bytes where logits are a hundred thousand times as many, and
   what chose it is checked like everything else. *out is checked and owned by the caller. SU_ETYPE: a
   graph that does not give logits of emitted rows alone; SU_ENOMEM. */
SU_CHECK enum su_code su_model_generator(const struct su_graph *g, struct su_graph **out,
                                         struct su_err *e);

/* ---- models ---------------------------------------------------------------------------------- */

struct su_model {
    char name[SU_MODEL_NAME_MAX + 1];
    char path[4096]; /* folder or file */
    struct su_graph *graph; /* owned, checked */
    struct su_weights *weights; /* owned; NULL after su_model_open_shapes of a config.json */
    uint8_t graph_digest[SU_SHA256_BYTES];
    bool is_llm;
    struct su_llm_config llm; /* when is_llm */
};

/* Opens by name ("mnist"), by path of a GGUF file (ends in ".gguf"), or by path of a folder
   (anything with a '/'): one of ours, whose own name, links followed, is the model's, or one with
   config.json and the first that is there of model.safetensors.index.json (with its shards),
   model.safetensors, and model.gguf (of su_model_quantise). Names are looked for in
     each folder of $SPLITUP_MODELS (colon-separated),
     ../share/splitup/models beside the running program's folder,
     models/ of the source tree, when the program lies in a build tree,
     share/splitup/models in the prefix given to CMake;
   the first with <name>/<name>.graph is taken. Every weight that the graph names is resolved before
   it returns. On success *out is owned by the caller (su_model_close). On failure *out is NULL:
     SU_ENOENT  no such model, with the places looked at; or a file of it or a tensor is missing
     SU_EINVAL  the name has characters other than the above or is too long; a file, no folder;
                a model of which only the config.json is here
   and errors of su_graph_load, su_llm_config_from_gguf, su_llm_config_from_json, su_llm_graph,
   su_weights_open and su_weights_resolve. Blocks on the disk. */
SU_CHECK enum su_code su_model_open(const char *name, struct su_model **out, struct su_err *e);
/* As su_model_open, and takes the path of a config.json (ends in ".json"), or a name or folder of
   which only config.json is there, or whose experts are apart: then the graph is typed by `quant`
   under the names of a GGUF file, and weights is NULL. A file's own types are never changed by `quant`. */
SU_CHECK enum su_code su_model_open_shapes(const char *name, enum su_llm_quant quant,
                                           struct su_model **out, struct su_err *e);
void su_model_close(struct su_model *m); /* NULL allowed */
/* Appends the names found in these places, each once, ascending as bytes, one per line. A place that
   cannot be read counts as empty. SU_ENOMEM, and what su_buf_check says. */
SU_CHECK enum su_code su_model_list(struct su_buf *out, struct su_err *e);

/* The tokenizer of a language model, from its GGUF file or the tokenizer.json in its folder; there
   tokenizer_config.json names the special tokens, chat_template.jinja or else tokenizer_config.json
   holds the chat template, and generation_config.json or else config.json the ids that end an
   answer (eos_token_id, one or a list); all but tokenizer.json may be missing. *out is owned by the
   caller (su_text_free). On failure *out is NULL: SU_ETYPE: no language model, or more tokens than
   the model knows; SU_ENOENT, SU_EFORMAT, SU_EUNSUPPORTED, SU_ELIMIT: what of the file is wrong;
   errors of su_text_new, su_text_from_hf, su_text_stop_add and su_json_parse. */
SU_CHECK enum su_code su_model_text(const struct su_model *m, struct su_text **out,
                                    struct su_err *e);

/* The tokenizer that a GGUF file holds, read from what stands before its tensors. `at` names it in
   errors, which are those of su_model_text. */
SU_CHECK enum su_code su_model_text_of(const struct su_weights *w, const char *at,
                                       struct su_text **out, struct su_err *e);

/* ---- quantising ------------------------------------------------------------------------------ */

/* Optional hooks, on the calling thread. */
struct su_model_hooks {
    bool (*cancelled)(void *ctx);
    void (*progress)(void *ctx, const struct su_progress *p); /* bytes written */
    void *ctx;
};
struct su_model_quantised {
    uint64_t bytes; /* of the weights */
    uint32_t tensors;
    uint8_t blob[SU_SHA256_BYTES]; /* Merkle root of model.gguf: its id in a store */
    uint8_t manifest_digest[SU_SHA256_BYTES]; /* sha256 of model.manifest: the weights digest */
};
/* Makes the folder `out` from the folder of a published language model, its F32, F16 and BF16
   tensors turned into the types of a recipe (Q8_0, Q4_1, Q4_0, F32) by su_weights_pack, with equal
   bytes on every machine: model.gguf with the tensors under the names of the folder, in the order in which
   the graph uses them, the experts of a layer stacked into one tensor each for gate, up and down;
   model.manifest, which says where each is; copies of config.json and of what the tokenizer reads.
   `out` appears whole or not at all. hooks and result may be NULL.
     SU_EUNSUPPORTED  another recipe; the model is in blocks already; as su_llm_graph
     SU_EEXIST        `out` is there and is no empty folder
     SU_EINVAL        `folder` is a file; or a tensor holds a NaN or an infinity, named
     SU_EOVERFLOW     or a number too large for the type, named
     SU_ENOENT, SU_ETYPE  a tensor is missing or has other axes; or tokenizer.json is missing
     SU_ECANCELLED, SU_ENOMEM; those of su_weights_open, su_llm_config_from_json; of the disk */
SU_CHECK enum su_code su_model_quantise(const char *folder, enum su_llm_quant quant,
                                        const char *out, const struct su_model_hooks *hooks,
                                        struct su_model_quantised *result, struct su_err *e);

/* The graph of models/mnist: two parallel convolution branches joined by concat; input "image"
   [1,28,28] in 0..1 per row, output "probabilities" [10]. models/mnist/mnist.graph is its canonical
   bytes (a test compares them; the target mnist-graph writes them). *out is checked and owned by the
   caller; on failure it is NULL: SU_ENOMEM. */
SU_CHECK enum su_code su_model_mnist_graph(struct su_graph **out, struct su_err *e);

#endif
