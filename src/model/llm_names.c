// SPDX-License-Identifier: MIT
/* Names of tensors, and the types that recipes give them. */
#include "llm.h"

#include <string.h>

static const char *const gguf_names[SU_LLM_ROLE_COUNT] = {
    [SU_LLM_EMBEDDING] = "token_embd",
    [SU_LLM_OUTPUT_NORM] = "output_norm",
    [SU_LLM_HEAD] = "output",
    [SU_LLM_ROPE_FACTORS] = "rope_freqs",
    [SU_LLM_ATTN_NORM] = "attn_norm",
    [SU_LLM_Q] = "attn_q",
    [SU_LLM_K] = "attn_k",
    [SU_LLM_V] = "attn_v",
    [SU_LLM_OUT] = "attn_output",
    [SU_LLM_Q_NORM] = "attn_q_norm",
    [SU_LLM_K_NORM] = "attn_k_norm",
    [SU_LLM_POST_ATTN_NORM] = "post_attention_norm",
    [SU_LLM_FFN_NORM] = "ffn_norm",
    [SU_LLM_POST_FFN_NORM] = "post_ffw_norm",
    [SU_LLM_GATE] = "ffn_gate",
    [SU_LLM_UP] = "ffn_up",
    [SU_LLM_DOWN] = "ffn_down",
    [SU_LLM_ROUTER] = "ffn_gate_inp",
    [SU_LLM_GATE_EXPERTS] = "ffn_gate_exps",
    [SU_LLM_UP_EXPERTS] = "ffn_up_exps",
    [SU_LLM_DOWN_EXPERTS] = "ffn_down_exps",
};

static const char *const hf_names[SU_LLM_ROLE_COUNT] = {
    [SU_LLM_EMBEDDING] = "model.embed_tokens",
    [SU_LLM_OUTPUT_NORM] = "model.norm",
    [SU_LLM_HEAD] = "lm_head",
    [SU_LLM_ROPE_FACTORS] = "rope_freqs",
    [SU_LLM_ATTN_NORM] = "input_layernorm",
    [SU_LLM_Q] = "self_attn.q_proj",
    [SU_LLM_K] = "self_attn.k_proj",
    [SU_LLM_V] = "self_attn.v_proj",
    [SU_LLM_OUT] = "self_attn.o_proj",
    [SU_LLM_Q_NORM] = "self_attn.q_norm",
    [SU_LLM_K_NORM] = "self_attn.k_norm",
    [SU_LLM_POST_ATTN_NORM] = "post_attention_layernorm",
    [SU_LLM_FFN_NORM] = "post_attention_layernorm", /* without norms behind the blocks */
    [SU_LLM_POST_FFN_NORM] = "post_feedforward_layernorm",
    [SU_LLM_GATE] = "mlp.gate_proj",
    [SU_LLM_UP] = "mlp.up_proj",
    [SU_LLM_DOWN] = "mlp.down_proj",
    [SU_LLM_ROUTER] = "mlp.gate",
    [SU_LLM_GATE_EXPERTS] = "mlp.experts.gate_proj",
    [SU_LLM_UP_EXPERTS] = "mlp.experts.up_proj",
    [SU_LLM_DOWN_EXPERTS] = "mlp.experts.down_proj",
};

void su_llm_weight_name(const struct su_llm_config *c, enum su_llm_role role, uint32_t layer,
                        bool bias, char out[SU_GRAPH_NAME_MAX + 1])
{
    bool hf = c->names != SU_LLM_NAMES_GGUF;
    const char *front = c->names == SU_LLM_NAMES_HF_INNER ? "language_model." : "";
    const char *name = hf ? hf_names[role] : gguf_names[role];
    const char *tail = bias ? "bias" : "weight";

    if (hf && role == SU_LLM_FFN_NORM && c->post_norms)
        name = "pre_feedforward_layernorm";
    if (role < SU_LLM_LAYER_ROLES)
        (void)snprintf(out, SU_GRAPH_NAME_MAX + 1, "%s%s.%s", front, name, tail);
    else
        (void)snprintf(out, SU_GRAPH_NAME_MAX + 1, "%s%s.%u.%s.%s", front,
                       hf ? "model.layers" : "blk", layer, name, tail);
}

/* The layers whose attn_v and ffn_down get more bits: the first and last eighth, and of those
   between every third. */
static bool more_bits(uint32_t layer, uint32_t layers)
{
    uint32_t eighth = layers / 8;

    return layer < eighth || layer >= 7 * layers / 8 || (layer - eighth) % 3 == 2;
}

static enum su_dtype with_whole_blocks(enum su_dtype d, uint32_t k)
{
    if (k % su_dtype_block_elements(d) == 0)
        return d;
    d = d == SU_Q6_K ? SU_Q8_0 : d == SU_Q4_K ? SU_Q5_0 : d;
    return k % su_dtype_block_elements(d) == 0 ? d : SU_F16;
}

enum su_dtype su_llm_recipe(const struct su_llm_config *c, enum su_llm_quant quant,
                            enum su_llm_role role, uint32_t layer, const struct su_shape *shape)
{
    enum su_dtype d = SU_Q4_K;

    if (shape->rank < 2 || role == SU_LLM_ROUTER)
        return SU_F32;
    if (quant == SU_LLM_BF16 || quant == SU_LLM_F32)
        return quant == SU_LLM_BF16 ? SU_BF16 : SU_F32;
    bool head = role == SU_LLM_HEAD || (role == SU_LLM_EMBEDDING && c->tied);
    if (quant == SU_LLM_Q8_0)
        d = SU_Q8_0;
    else if (quant == SU_LLM_Q4_0 || quant == SU_LLM_Q4_1)
        d = head ? SU_Q8_0 : quant == SU_LLM_Q4_0 ? SU_Q4_0 : SU_Q4_1;
    else if (head)
        d = SU_Q6_K;
    else if ((role == SU_LLM_V || role == SU_LLM_DOWN || role == SU_LLM_DOWN_EXPERTS) &&
             more_bits(layer, c->layers))
        d = SU_Q6_K;
    return with_whole_blocks(d, shape->dim[shape->rank - 1]);
}
