// SPDX-License-Identifier: MIT
#include "model.h"

#include <string.h>

/* Adds layer after layer; after a failure every call does nothing. */
struct builder {
    struct su_graph *g;
    struct su_err *e;
    enum su_code code;
};

static uint32_t add_node(struct builder *b, enum su_op op, const uint32_t *arg, uint32_t n_arg,
                         const int32_t *attr, uint32_t n_attr)
{
    uint32_t id = 0;

    if (!b->code)
        b->code = su_graph_add_node(b->g, op, arg, n_arg, attr, n_attr, NULL, 0, &id, b->e);
    return id;
}

/* Weight "<layer>.<part>". */
static uint32_t add_weight(struct builder *b, const char *layer, const char *part,
                           struct su_shape shape)
{
    char name[SU_GRAPH_NAME_MAX + 1];
    uint32_t id = 0;

    (void)snprintf(name, sizeof name, "%s.%s", layer, part);
    if (!b->code)
        b->code = su_graph_add_weight(b->g, name, SU_F32, &shape, 0, &id, b->e);
    return id;
}

/* x [in,h,w] -> convolution of side x side that keeps h and w, bias, relu, 2x2 maxpool [out,h/2,w/2]. */
static uint32_t conv_layer(struct builder *b, const char *layer, uint32_t x, uint32_t in,
                           uint32_t out, uint32_t side)
{
    const int32_t pad = (int32_t)side / 2;
    const int32_t conv[] = {1, 1, pad, pad, pad, pad, 1, 1, 1};
    const int32_t pool[] = {2, 2, 2, 2, 0, 0, 0, 0};
    const int32_t per_channel[] = {(int32_t)out, 1, 1};
    const struct su_shape kernel = {4, {out, in, side, side}}, bias = {1, {out}};

    x = add_node(b, SU_OP_CONV2D, (uint32_t[]){x, add_weight(b, layer, "weight", kernel)}, 2, conv,
                 SU_ARRAY_LEN(conv));
    uint32_t add = add_weight(b, layer, "bias", bias); /* as [out,1,1] each row would be padded */
    add = add_node(b, SU_OP_RESHAPE, &add, 1, per_channel, SU_ARRAY_LEN(per_channel));
    x = add_node(b, SU_OP_ADD, (uint32_t[]){x, add}, 2, NULL, 0);
    x = add_node(b, SU_OP_RELU, &x, 1, NULL, 0);
    return add_node(b, SU_OP_MAXPOOL, &x, 1, pool, SU_ARRAY_LEN(pool));
}

/* x [in] -> [out]. */
static uint32_t linear_layer(struct builder *b, const char *layer, uint32_t x, uint32_t in,
                             uint32_t out)
{
    const struct su_shape matrix = {2, {out, in}}, bias = {1, {out}};

    x = add_node(b, SU_OP_MATMUL, (uint32_t[]){x, add_weight(b, layer, "weight", matrix)}, 2, NULL,
                 0);
    return add_node(b, SU_OP_ADD, (uint32_t[]){x, add_weight(b, layer, "bias", bias)}, 2, NULL, 0);
}

/* x [16,14,14] -> [64]: two convolutions, the first to `width` channels, and a linear layer. */
static uint32_t branch(struct builder *b, const char *name, uint32_t x, uint32_t width,
                       uint32_t side)
{
    const int32_t flat[] = {576};
    char layer[16];

    (void)snprintf(layer, sizeof layer, "%s.conv1", name);
    x = conv_layer(b, layer, x, 16, width, side);
    (void)snprintf(layer, sizeof layer, "%s.conv2", name);
    x = conv_layer(b, layer, x, width, 64, 3);
    x = add_node(b, SU_OP_RESHAPE, &x, 1, flat, SU_ARRAY_LEN(flat));
    (void)snprintf(layer, sizeof layer, "%s.fc", name);
    x = linear_layer(b, layer, x, 576, 64);
    return add_node(b, SU_OP_RELU, &x, 1, NULL, 0);
}

enum su_code su_model_mnist_graph(struct su_graph **out, struct su_err *e)
{
    struct builder b = {.g = su_graph_new(), .e = e};
    const struct su_shape image = {3, {1, 28, 28}};
    const int32_t axis[] = {0};
    uint32_t x = 0, joined[2];

    *out = NULL;
    b.code = su_graph_add_input(b.g, "image", SU_ROWS, SU_F32, &image, &x, e);
    x = conv_layer(&b, "stem.conv", x, 1, 16, 5);
    joined[0] = branch(&b, "a", x, 48, 3);
    joined[1] = branch(&b, "b", x, 32, 5);
    x = add_node(&b, SU_OP_CONCAT, joined, 2, axis, SU_ARRAY_LEN(axis));
    x = linear_layer(&b, "head", x, 128, 10);
    x = add_node(&b, SU_OP_SOFTMAX, &x, 1, NULL, 0);
    if (!b.code)
        b.code = su_graph_add_output(b.g, "probabilities", x, e);
    if (!b.code)
        b.code = su_graph_check(b.g, e);
    if (b.code)
        su_graph_free(b.g);
    else
        *out = b.g;
    return b.code;
}
