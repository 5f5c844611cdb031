// SPDX-License-Identifier: MIT
/* The graph of a decoder-only transformer. */
#include "llm.h"

#include <inttypes.h>
#include <string.h>

/* Adds record after record; after a failure every call does nothing. */
struct builder {
    const struct su_llm_config *c;
    const struct su_weights *w; /* NULL: types by recipe */
    enum su_llm_quant quant;
    struct su_graph *g;
    struct su_err *e;
    enum su_code code;
    uint32_t layer;
    uint32_t embedding; /* shared with a tied head */
    uint32_t factors; /* of rope */
};

static int32_t bits(float x)
{
    return (int32_t)su_f32_bits(x);
}

static uint32_t add(struct builder *b, enum su_op op, const uint32_t *arg, uint32_t n_arg,
                    const int32_t *attr, uint32_t n_attr)
{
    uint32_t id = 0;

    if (!b->code)
        b->code = su_graph_add_node(b->g, op, arg, n_arg, attr, n_attr, NULL, 0, &id, b->e);
    return id;
}

static uint32_t one(struct builder *b, enum su_op op, uint32_t x)
{
    return add(b, op, &x, 1, NULL, 0);
}

static uint32_t two(struct builder *b, enum su_op op, uint32_t x, uint32_t y)
{
    return add(b, op, (uint32_t[]){x, y}, 2, NULL, 0);
}

static uint32_t reshape(struct builder *b, uint32_t x, uint32_t rows, uint32_t columns)
{
    const int32_t dim[] = {(int32_t)rows, (int32_t)columns};

    return add(b, SU_OP_RESHAPE, &x, 1, rows ? dim : dim + 1, rows ? 2 : 1);
}

/* x times a number. */
static uint32_t scaled(struct builder *b, uint32_t x, float by)
{
    const int32_t dtype = SU_F32;
    uint8_t data[4];
    uint32_t id = 0;

    su_put_le32(data, su_f32_bits(by));
    if (!b->code)
        b->code =
            su_graph_add_node(b->g, SU_OP_CONST, NULL, 0, &dtype, 1, data, sizeof data, &id, b->e);
    return two(b, SU_OP_MUL, x, id);
}

/* cap · tanh(x / cap) */
static uint32_t softcapped(struct builder *b, uint32_t x, float cap)
{
    return scaled(b, one(b, SU_OP_TANH, scaled(b, x, su_num_recip(cap))), cap);
}

/* ---- weights --------------------------------------------------------------------------------- */

static enum su_dtype type_of(struct builder *b, enum su_llm_role role, const char *name,
                             const struct su_shape *shape)
{
    if (!b->w)
        return su_llm_recipe(b->c, b->quant, role, b->layer, shape);
    const struct su_tensor *t = su_weights_find(b->w, name);
    if (!t && !b->code)
        b->code = su_fail(b->e, SU_ENOENT, su_weights_path(b->w),
                          "lacks the tensor %s, which a model of architecture %s has", name,
                          su_llm_arch_name(b->c->arch));
    return t ? t->dtype : SU_F32;
}

static uint32_t weight(struct builder *b, enum su_llm_role role, bool bias, struct su_shape shape)
{
    char name[SU_GRAPH_NAME_MAX + 1];
    uint32_t id = 0;

    su_llm_weight_name(b->c, role, b->layer, bias, name);
    enum su_dtype d = type_of(b, role, name, &shape);
    if (!b->code)
        b->code = su_graph_add_weight(b->g, name, d, &shape, 0, &id, b->e);
    return id;
}

static uint32_t matrix(struct builder *b, enum su_llm_role role, uint32_t rows, uint32_t columns)
{
    return weight(b, role, false, (struct su_shape){2, {rows, columns}});
}

static uint32_t vector(struct builder *b, enum su_llm_role role, bool bias, uint32_t n)
{
    return weight(b, role, bias, (struct su_shape){1, {n}});
}

static uint32_t product(struct builder *b, uint32_t x, uint32_t w)
{
    bool blocks = !b->code && su_dtype_is_block(b->g->value[w].dtype);

    return two(b, blocks ? SU_OP_QMATMUL : SU_OP_MATMUL, x, w);
}

static uint32_t linear(struct builder *b, enum su_llm_role role, uint32_t x, uint32_t in,
                       uint32_t out, bool bias)
{
    x = product(b, x, matrix(b, role, out, in));
    return bias ? two(b, SU_OP_ADD, x, vector(b, role, true, out)) : x;
}

static uint32_t norm(struct builder *b, enum su_llm_role role, uint32_t x, uint32_t n)
{
    bool plus_one = b->c->arch == SU_LLM_GEMMA3 && b->c->names != SU_LLM_NAMES_GGUF;
    const int32_t attr[] = {bits(b->c->norm_eps), bits(plus_one ? 1.0f : 0.0f)};
    uint32_t arg[] = {x, vector(b, role, false, n)};

    return add(b, SU_OP_RMSNORM, arg, 2, attr, SU_ARRAY_LEN(attr));
}

/* ---- one layer ------------------------------------------------------------------------------- */

static bool windowed(const struct builder *b)
{
    const struct su_llm_config *c = b->c;

    return c->window && (c->window_pattern == 0 || (b->layer + 1) % c->window_pattern != 0);
}

static uint32_t rope(struct builder *b, uint32_t x)
{
    const struct su_llm_config *c = b->c;
    const struct su_llm_rope *r = windowed(b) ? &c->rope_window : &c->rope;
    bool halves = c->names != SU_LLM_NAMES_GGUF || c->arch != SU_LLM_LLAMA;
    const int32_t attr[] = {halves,           (int32_t)c->rope_dims, bits(r->base), bits(r->scale),
                            (int32_t)r->kind, bits(r->p[0]),         bits(r->p[1]), bits(r->p[2])};

    return add(b, SU_OP_ROPE, (uint32_t[]){x, b->factors}, c->rope_factors ? 2 : 1, attr,
               SU_ARRAY_LEN(attr));
}

/* x [hidden] -> [heads, head_dim], normalised and turned as the model wants it. */
static uint32_t heads_of(struct builder *b, enum su_llm_role role, enum su_llm_role role_norm,
                         uint32_t x, uint32_t heads)
{
    const struct su_llm_config *c = b->c;

    x = linear(b, role, x, c->hidden, heads * c->head_dim, c->qkv_bias);
    x = reshape(b, x, heads, c->head_dim);
    if (role == SU_LLM_V)
        return x;
    if (c->qk_norm)
        x = norm(b, role_norm, x, c->head_dim);
    return rope(b, x);
}

static uint32_t remember(struct builder *b, char which, uint32_t x)
{
    const struct su_shape shape = {2, {b->c->kv_heads, b->c->head_dim}};
    char name[32];
    uint32_t id = 0;

    (void)snprintf(name, sizeof name, "layer.%" PRIu32 ".%c", b->layer, which);
    if (!b->code)
        b->code = su_graph_add_state(b->g, name, &shape, &id, b->e);
    return two(b, SU_OP_STATE_APPEND, x, id);
}

static uint32_t attention(struct builder *b, uint32_t x)
{
    const struct su_llm_config *c = b->c;
    const int32_t attr[] = {(int32_t)c->heads,
                            (int32_t)c->kv_heads,
                            (int32_t)c->head_dim,
                            bits(c->attention_scale),
                            windowed(b) ? (int32_t)c->window : 0,
                            bits(c->attention_softcap),
                            0};
    uint32_t q = heads_of(b, SU_LLM_Q, SU_LLM_Q_NORM, x, c->heads);
    uint32_t k = remember(b, 'k', heads_of(b, SU_LLM_K, SU_LLM_K_NORM, x, c->kv_heads));
    uint32_t v = remember(b, 'v', heads_of(b, SU_LLM_V, SU_LLM_V, x, c->kv_heads));

    x = add(b, SU_OP_ATTENTION, (uint32_t[]){q, k, v}, 3, attr, SU_ARRAY_LEN(attr));
    x = reshape(b, x, 0, c->heads * c->head_dim);
    return linear(b, SU_LLM_OUT, x, c->heads * c->head_dim, c->hidden, c->output_bias);
}

static uint32_t gated(struct builder *b, uint32_t gate, uint32_t up)
{
    return two(b, SU_OP_MUL, one(b, b->c->gelu ? SU_OP_GELU : SU_OP_SILU, gate), up);
}

static uint32_t dense(struct builder *b, uint32_t x)
{
    const struct su_llm_config *c = b->c;
    uint32_t gate = linear(b, SU_LLM_GATE, x, c->hidden, c->ffn, false);
    uint32_t up = linear(b, SU_LLM_UP, x, c->hidden, c->ffn, false);

    return linear(b, SU_LLM_DOWN, gated(b, gate, up), c->ffn, c->hidden, false);
}

static uint32_t expert_product(struct builder *b, enum su_llm_role role, uint32_t x, uint32_t in,
                               uint32_t out, uint32_t ids)
{
    uint32_t w = weight(b, role, false, (struct su_shape){3, {b->c->experts, out, in}});

    if (!b->code && !su_dtype_is_block(b->g->value[w].dtype))
        b->code = su_fail(b->e, SU_EUNSUPPORTED, b->g->value[w].name,
                          "experts of type %s are not supported; take a file, or --quant, with a "
                          "block type such as q8_0",
                          su_dtype_name(b->g->value[w].dtype));
    return add(b, SU_OP_QMATMUL_ID, (uint32_t[]){x, w, ids}, 3, NULL, 0);
}

static uint32_t experts(struct builder *b, uint32_t x)
{
    const struct su_llm_config *c = b->c;
    const int32_t route[] = {(int32_t)c->experts, (int32_t)c->experts_used, c->experts_renormalise};
    const int32_t sum[] = {1, 0}; /* over axis 0, which goes */

    uint32_t logits = linear(b, SU_LLM_ROUTER, x, c->hidden, c->experts, false);
    uint32_t share = add(b, SU_OP_MOE_ROUTE, &logits, 1, route, SU_ARRAY_LEN(route));
    uint32_t ids = share + 1;
    uint32_t gate = expert_product(b, SU_LLM_GATE_EXPERTS, x, c->hidden, c->expert_ffn, ids);
    uint32_t up = expert_product(b, SU_LLM_UP_EXPERTS, x, c->hidden, c->expert_ffn, ids);

    x = gated(b, gate, up);
    x = expert_product(b, SU_LLM_DOWN_EXPERTS, x, c->expert_ffn, c->hidden, ids);
    x = two(b, SU_OP_MUL, x, reshape(b, share, c->experts_used, 1));
    return add(b, SU_OP_REDUCE_SUM, &x, 1, sum, SU_ARRAY_LEN(sum));
}

static uint32_t add_layer(struct builder *b, uint32_t x)
{
    const struct su_llm_config *c = b->c;
    uint32_t y = attention(b, norm(b, SU_LLM_ATTN_NORM, x, c->hidden));

    if (c->post_norms)
        y = norm(b, SU_LLM_POST_ATTN_NORM, y, c->hidden);
    x = two(b, SU_OP_ADD, x, y);
    y = norm(b, SU_LLM_FFN_NORM, x, c->hidden);
    y = c->experts ? experts(b, y) : dense(b, y);
    if (c->post_norms)
        y = norm(b, SU_LLM_POST_FFN_NORM, y, c->hidden);
    return two(b, SU_OP_ADD, x, y);
}

/* ---- the whole ------------------------------------------------------------------------------- */

static uint32_t embed(struct builder *b)
{
    const struct su_shape scalar = {0};
    uint32_t token = 0, x;

    if (!b->code)
        b->code = su_graph_add_input(b->g, "token", SU_ROWS, SU_I32, &scalar, &token, b->e);
    b->embedding = matrix(b, SU_LLM_EMBEDDING, b->c->vocab, b->c->hidden);
    x = two(b, SU_OP_EMBEDDING, b->embedding, token);
    return b->c->embedding_scale > 0.0f ? scaled(b, x, b->c->embedding_scale) : x;
}

static void build(struct builder *b)
{
    const struct su_llm_config *c = b->c;
    uint32_t x = embed(b), head = b->embedding;

    if (c->rope_factors)
        b->factors = vector(b, SU_LLM_ROPE_FACTORS, false, c->rope_dims / 2);
    for (b->layer = 0; b->layer < c->layers && !b->code; b->layer++)
        x = add_layer(b, x);
    x = norm(b, SU_LLM_OUTPUT_NORM, x, c->hidden);
    x = one(b, SU_OP_SELECT_EMITTED, x);
    if (!c->tied)
        head = matrix(b, SU_LLM_HEAD, c->vocab, c->hidden);
    x = product(b, x, head);
    if (c->logit_softcap > 0.0f)
        x = softcapped(b, x, c->logit_softcap);
    if (!b->code)
        b->code = su_graph_add_output(b->g, "logits", x, b->e);
    if (!b->code)
        b->code = su_graph_check(b->g, b->e);
}

/* Experts as published: each in tensors of its own. */
static bool experts_apart(const struct su_llm_config *c, const struct su_weights *w)
{
    char name[SU_GRAPH_NAME_MAX + 1];

    su_llm_weight_name(c, SU_LLM_GATE_EXPERTS, 0, false, name);
    return w && c->experts && c->names != SU_LLM_NAMES_GGUF && !su_weights_find(w, name);
}

enum su_code su_llm_graph(const struct su_llm_config *c, const struct su_weights *w,
                          enum su_llm_quant quant, struct su_graph **out, struct su_err *e)
{
    struct builder b = {.c = c, .w = w, .quant = quant, .e = e};

    *out = NULL;
    b.code = su_llm_config_check(c, e);
    if (!b.code && experts_apart(c, w))
        b.code = su_fail(e, SU_EUNSUPPORTED, su_weights_path(w),
                         "holds each expert in tensors of its own, without blocks; make it "
                         "runnable with `splitup quantize FOLDER --out NEW`, or take a GGUF file");
    if (b.code)
        return b.code;
    b.g = su_graph_new();
    build(&b);
    if (b.code)
        su_graph_free(b.g);
    else
        *out = b.g;
    return b.code;
}
