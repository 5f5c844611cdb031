// SPDX-License-Identifier: MIT
#include "support/toy_llm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "support/random_tensor.h"

#define WIDTH 64u

static void need(enum su_code rc, const struct su_err *e)
{
    if (rc == SU_OK)
        return;
    fprintf(stderr, "toy model: %s: %s\n", e->at, e->msg);
    abort();
}

static uint32_t add(struct su_graph *g, enum su_op op, const uint32_t *arg, uint32_t n_arg,
                    const int32_t *attr, uint32_t n_attr)
{
    uint32_t id = 0;
    struct su_err e = {0};
    need(su_graph_add_node(g, op, arg, n_arg, attr, n_attr, NULL, 0, &id, &e), &e);
    return id;
}

static uint32_t add_weight(struct su_graph *g, struct su_tensor *t, const char *name, uint64_t seed)
{
    uint32_t id = 0;
    struct su_err e = {0};
    struct su_shape s = {2, {TOY_VOCABULARY, WIDTH}};
    float *data = su_alloc(TOY_VOCABULARY * WIDTH * sizeof *data);
    su_random_fill(seed, 1, SU_F32, TOY_VOCABULARY * WIDTH, true, data);
    *t = (struct su_tensor){.name = name,
                            .dtype = SU_F32,
                            .shape = s,
                            .data = (const uint8_t *)data,
                            .bytes = TOY_VOCABULARY * WIDTH * 4};
    need(su_graph_add_weight(g, name, SU_F32, &s, 0, &id, &e), &e);
    return id;
}

static struct su_graph *toy_graph(struct su_tensor t[2])
{
    struct su_graph *g = su_graph_new();
    const int32_t heads[2] = {2, WIDTH / 2}, flat[1] = {WIDTH};
    const int32_t rope[8] = {
        1, WIDTH / 2, (int32_t)su_f32_bits(10000.0f), (int32_t)su_f32_bits(1.0f), 0, 0, 0, 0};
    const int32_t attention[7] = {2, 2, WIDTH / 2, (int32_t)su_f32_bits(0.1f), 0, 0, 0};
    struct su_shape scalar = {0}, row = {2, {2, WIDTH / 2}};
    struct su_err e = {0};
    uint32_t token = 0, k = 0, v = 0;
    need(su_graph_add_input(g, "token", SU_ROWS, SU_I32, &scalar, &token, &e), &e);
    uint32_t table = add_weight(g, &t[0], "table", 3), head = add_weight(g, &t[1], "head", 4);
    need(su_graph_add_state(g, "k", &row, &k, &e), &e);
    need(su_graph_add_state(g, "v", &row, &v, &e), &e);
    uint32_t x = add(g, SU_OP_EMBEDDING, (uint32_t[]){table, token}, 2, NULL, 0);
    uint32_t h = add(g, SU_OP_RESHAPE, &x, 1, heads, 2), q = add(g, SU_OP_ROPE, &h, 1, rope, 8);
    k = add(g, SU_OP_STATE_APPEND, (uint32_t[]){q, k}, 2, NULL, 0);
    v = add(g, SU_OP_STATE_APPEND, (uint32_t[]){h, v}, 2, NULL, 0);
    uint32_t y = add(g, SU_OP_ATTENTION, (uint32_t[]){q, k, v}, 3, attention, 7);
    y = add(g, SU_OP_RESHAPE, &y, 1, flat, 1);
    y = add(g, SU_OP_ADD, (uint32_t[]){x, y}, 2, NULL, 0);
    y = add(g, SU_OP_SELECT_EMITTED, &y, 1, NULL, 0);
    y = add(g, SU_OP_MATMUL, (uint32_t[]){y, head}, 2, NULL, 0);
    need(su_graph_add_output(g, "logits", y, &e), &e);
    need(su_graph_check(g, &e), &e);
    return g;
}

void toy_new(struct toy *t, const struct toy_opts *o)
{
    struct su_tensor tensor[2];
    struct su_exec_opts x = {.backend = o->backend, .threads = 2};
    uint64_t target = o->target ? o->target : 1u << 20;
    struct su_plan_opts p = {.target = &target,
                             .n_target = 1,
                             .t_max = o->t_max,
                             .e_max = o->e_max,
                             .sessions = o->sessions,
                             .ctx = o->ctx ? o->ctx : TOY_CTX};
    struct su_err e = {0};
    memset(t, 0, sizeof *t);
    t->g = toy_graph(tensor);
    su_str_copy(t->path, sizeof t->path, "/tmp/su-toy-XXXXXX");
    int fd = mkstemp(t->path);
    need(fd >= 0 ? SU_OK : su_fail(&e, SU_EIO, t->path, "cannot be made"), &e);
    close(fd);
    need(su_weights_write(t->path, tensor, 2, &e), &e);
    free((void *)(uintptr_t)tensor[0].data);
    free((void *)(uintptr_t)tensor[1].data);
    need(su_weights_open(t->path, &t->weights, &e), &e);
    need(su_exec_open(&x, &t->exec, &e), &e);
    if (o->smallest)
        need(su_plan_smallest(t->g, &p, &target, &e), &e);
    need(su_plan_build(t->g, &p, &t->plan, &e), &e);
    need(su_engine_open(t->exec, t->g, t->plan, t->weights, &t->en, &e), &e);
}

void toy_close(struct toy *t)
{
    struct su_err e = {0};
    su_engine_close(t->en);
    need(su_exec_close(t->exec, &e), &e);
    su_plan_free(t->plan);
    su_weights_close(t->weights);
    su_graph_free(t->g);
    remove(t->path);
}
