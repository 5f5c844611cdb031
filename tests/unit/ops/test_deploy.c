// SPDX-License-Identifier: MIT
/* Models: registered in several transactions, taken up again after an interruption, declared. */
#include "network.h"

#include "engine/engine.h"
#include "model/model.h"

#include <stdlib.h>
#include <string.h>

/* The package of a plan whose weights all lie in one file. */
static struct su_package *package_of(const char *name, const struct su_graph *g, uint64_t target,
                                     const struct su_weights *weights)
{
    const struct su_plan_opts o = {.target = &target, .n_target = 1};
    const uint8_t blob[32] = {1};
    struct su_package *k;
    struct su_plan *plan;
    struct su_buf b;
    struct su_err e = {0};

    ok(su_plan_build(g, &o, &plan, &e), &e);
    su_buf_init(&b, 0);
    ok(su_package_encode(&(struct su_package_of){name, plan, weights, blob, NULL, 0}, &b, &e), &e);
    ok(su_package_decode(b.data, b.len, &k, &e), &e);
    su_buf_fini(&b);
    su_plan_free(plan);
    return k;
}

/* mnist in three tasks. */
static struct su_package *digits(const char *name)
{
    struct su_weights *weights;
    struct su_graph *g;
    struct su_err e = {0};

    ok(su_model_mnist_graph(&g, &e), &e);
    ok(su_weights_open(SU_SOURCE_DIR "/models/mnist/mnist.safetensors", &weights, &e), &e);
    struct su_package *k = package_of(name, g, 300 << 10, weights);
    assert_int_equal(k->n_task, 3);
    su_weights_close(weights);
    su_graph_free(g);
    return k;
}

struct stopper {
    bool stop;
    size_t after;
};

static bool is_cancelled(void *ctx)
{
    return ((const struct stopper *)ctx)->stop;
}

static void stop_later(void *ctx, const struct su_ops_progress *p)
{
    struct stopper *s = ctx;

    s->stop = p->tx == s->after;
}

static void test_interrupted(void **state)
{
    struct network *n = *state;
    struct stopper s = {.after = 2};
    const struct su_ops_options oo = {.url = n->url, .cancelled = is_cancelled, .ctx = &s};
    struct su_ops_proposal p;
    struct su_ops_receipt r;
    struct su_chain_model m;
    const struct su_chain_env *env;
    const struct su_params *params;
    struct su_ops *o;
    uint8_t key[32], again[32];
    struct su_err e = {0};

    struct su_package *k = digits("digits");
    struct su_ops_model f = {.package = k};
    ok(su_ops_open(&oo, &o, &e), &e);
    ok(su_ops_model_prepare(o, &f, &p, key, &e), &e);
    assert_int_equal(p.n_tx, 4);
    refused(su_ops_commit(o, &p, stop_later, &s, &r, &e), SU_ECANCELLED, &e, "");
    assert_true(r.landed >= 1 && r.landed < 4);
    su_ops_proposal_fini(&p);
    su_ops_close(o);

    ok(su_ops_model_prepare(n->ops, &f, &p, again, &e), &e);
    assert_memory_equal(key, again, 32);
    assert_non_null(strstr(line_of(&p, "there already"), "goes on from there"));
    assert_true(p.n_tx < 4);
    (void)commit(n->ops, &p);
    ok(su_ops_model_prepare(n->ops, &f, &p, again, &e), &e);
    assert_int_equal(p.n_tx, 0);
    ok(su_ops_commit(n->ops, &p, NULL, NULL, &r, &e), &e);
    assert_false(r.sent);
    su_ops_proposal_fini(&p);

    ok(su_ops_env(n->ops, &env, &params, &e), &e);
    ok(su_chain_model_load(su_ops_chain(n->ops), env, key, &m, &e), &e);
    assert_int_equal(m.model->state, SU_MODEL_FINAL);
    assert_int_equal(m.model->sample_task, SU_NO_TASK);
    for (uint16_t i = 0; i < 3; i++) {
        const struct su_package_task *t = &k->task[i];
        ok(su_package_check_task(k, i, m.tasks[i]->graph_digest, m.tasks[i]->weights_digest, &e),
           &e);
        assert_int_equal(m.tasks[i]->weight_bytes, t->weight_bytes);
        assert_int_equal(m.tasks[i]->vram_fixed_bytes, t->vram_fixed_bytes);
        assert_int_equal(m.tasks[i]->vram_session_bytes, t->vram_session_bytes);
        assert_int_equal(m.tasks[i]->sampling_ppm, 80000);
        assert_int_equal(m.tasks[i]->macs_per_step, t->macs);
    }
    assert_memory_equal(m.model->digest, k->digest, 32);
    su_chain_model_fini(&m);

    struct su_package *other = digits("a name that the chain has no room for");
    f.package = other;
    refused(su_ops_model_check(&f, &e), SU_EINVAL, &e, "--name");
    f.package = k;
    f.uri = "0123456789012345678901234567890123456789012345678901234567890123456789"
            "0123456789012345678901234567890123456789012345678901234567890123456789";
    refused(su_ops_model_check(&f, &e), SU_ELIMIT, &e, "URI");
    su_package_free(other);
    su_package_free(k);
}

/* A model that is a table of logits by token: its sample op makes it a generator. */
static void test_generator(void **state)
{
    struct network *n = *state;
    const struct su_shape scalar = {.rank = 0}, table = {.rank = 2, .dim = {32, 32}};
    struct su_ops_proposal p;
    struct su_chain_model m;
    static const char head[] =
        "{\"table\":{\"dtype\":\"F32\",\"shape\":[32,32],\"data_offsets\":[0,4096]}}";
    static const uint8_t zeros[4096];
    struct su_weights *weights;
    struct su_buf file;
    struct su_graph *g = su_graph_new();
    uint32_t token, w, logits, emitted, chosen;
    uint8_t key[32];
    struct su_err e = {0};

    ok(su_graph_add_input(g, "token", SU_ROWS, SU_I32, &scalar, &token, &e), &e);
    ok(su_graph_add_weight(g, "table", SU_F32, &table, 0, &w, &e), &e);
    ok(su_graph_add_node(g, SU_OP_EMBEDDING, (uint32_t[]){w, token}, 2, NULL, 0, NULL, 0, &logits,
                         &e),
       &e);
    ok(su_graph_add_node(g, SU_OP_SELECT_EMITTED, &logits, 1, NULL, 0, NULL, 0, &emitted, &e), &e);
    ok(su_graph_add_node(g, SU_OP_SAMPLE, &emitted, 1, NULL, 0, NULL, 0, &chosen, &e), &e);
    ok(su_graph_add_output(g, "chosen", chosen, &e), &e);
    ok(su_graph_check(g, &e), &e);
    su_buf_init(&file, 0);
    su_buf_u64(&file, sizeof head - 1);
    su_buf_str(&file, head);
    su_buf_put(&file, zeros, sizeof zeros);
    ok(su_weights_open_bytes(file.data, file.len, "table", &weights, &e), &e);
    struct su_package *k = package_of("table", g, 1 << 20, weights);
    const struct su_ops_model f = {.package = k, .uri = "file:table"};
    ok(su_ops_model_prepare(n->ops, &f, &p, key, &e), &e);
    (void)commit(n->ops, &p);
    const struct su_chain_env *env;
    const struct su_params *params;
    ok(su_ops_env(n->ops, &env, &params, &e), &e);
    ok(su_chain_model_load(su_ops_chain(n->ops), env, key, &m, &e), &e);
    assert_int_equal(m.model->state, SU_MODEL_FINAL);
    assert_int_equal(m.model->sample_task, 0);
    assert_int_equal(m.model->feedback_set, 1);
    assert_int_equal(m.model->feedback_task, 0);
    su_chain_model_fini(&m);
    su_package_free(k);
    su_weights_close(weights);
    su_buf_fini(&file);
    su_graph_free(g);
}

static void test_declare(void **state)
{
    struct network *n = *state;
    const struct su_ops_node node = {
        .vram_bytes = 1 << 30, .numerics_version = 1, .conformance_root = {9}};
    const struct su_ops_stake stake = {.amount = "1100"};
    struct su_chain_accounts list;
    const struct su_chain_env *env;
    const struct su_params *params;
    const struct su_acc_node *now;
    struct su_ops_declare d = {.tasks = "1-2"};
    struct su_ops_proposal p;
    uint8_t key[32], identity[32];
    char text[SU_CHAIN_TEXT];
    struct su_err e = {0};

    struct su_package *k = digits("digits");
    const struct su_ops_model f = {.package = k};
    ok(su_ops_model_prepare(n->ops, &f, &p, key, &e), &e);
    assert_int_equal(p.n_tx, 0); /* registered by the test above */
    su_ops_proposal_fini(&p);
    d.model = su_chain_key_text(key, text);
    refused(su_ops_declare_prepare(n->ops, &d, &p, &e), SU_ENOENT, &e, "splitup-node register");
    su_ops_proposal_fini(&p);
    ok(su_ops_node_prepare(n->ops, &node, &p, &e), &e);
    (void)commit(n->ops, &p);
    refused(su_ops_declare_prepare(n->ops, &d, &p, &e), SU_ELIMIT, &e, "stake deposit 1100");
    su_ops_proposal_fini(&p);
    ok(su_ops_deposit_prepare(n->ops, &stake, &p, &e), &e);
    (void)commit(n->ops, &p);
    ok(su_ops_declare_prepare(n->ops, &d, &p, &e), &e);
    assert_string_equal(line_of(&p, "tasks"), "1,2");
    (void)commit(n->ops, &p);
    d.tasks = NULL;
    ok(su_ops_declare_prepare(n->ops, &d, &p, &e), &e);
    assert_string_equal(line_of(&p, "tasks"), "0");
    su_ops_proposal_fini(&p);
    ok(su_ops_env(n->ops, &env, &params, &e), &e);
    ok(su_ops_stake_node(n->ops, &stake, identity, &e), &e);
    ok(su_chain_node_of(su_ops_chain(n->ops), env, identity, &list, &now, &e), &e);
    assert_int_equal(now->declared_count, 2);
    su_chain_accounts_fini(&list);
    d.tasks = "3";
    refused(su_ops_declare_prepare(n->ops, &d, &p, &e), SU_ENOENT, &e, "no task 3");
    su_ops_proposal_fini(&p);
    d.tasks = NULL;
    ok(su_ops_undeclare_prepare(n->ops, &d, &p, &e), &e);
    assert_string_equal(line_of(&p, "tasks"), "1,2");
    (void)commit(n->ops, &p);
    ok(su_ops_undeclare_prepare(n->ops, &d, &p, &e), &e);
    assert_int_equal(p.n_tx, 0);
    su_ops_proposal_fini(&p);
    d.model = su_chain_key_text(identity, text);
    refused(su_ops_declare_prepare(n->ops, &d, &p, &e), SU_ENOENT, &e, "");
    su_ops_proposal_fini(&p);
    su_package_free(k);
}

/* The model is here, and nobody who could assign its tasks. */
static void test_no_oracles(void **state)
{
    struct network *n = *state;
    struct su_package *k = digits("digits");
    const struct su_graph *g = k->task[0].graph;
    const struct su_value *v = &g->value[g->input[0]];
    float pixel[784] = {0};
    struct su_input in = {.tensor = {{.dtype = (uint8_t)v->dtype,
                                      .rank = (uint8_t)v->shape.rank,
                                      .steps = 1,
                                      .rows = (const uint8_t *)pixel}},
                          .n_tensor = 1};
    struct su_ops_request_terms t;
    struct su_ops_proposal p;
    struct su_buf b;
    struct su_err e = {0};

    for (uint32_t i = 0; i < v->shape.rank; i++)
        in.tensor[0].dims[i] = v->shape.dim[i];
    su_buf_init(&b, 0);
    ok(su_input_encode(&in, &b, &e), &e);
    const struct su_ops_request f = {
        .model = "digits", .input = b.data, .input_bytes = b.len, .max_steps = 1};
    refused(su_ops_request_prepare(n->ops, &f, &p, &t, &e), SU_EBUSY, &e, "oracles");
    su_ops_proposal_fini(&p);
    su_buf_fini(&b);
    su_package_free(k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_interrupted),
        cmocka_unit_test(test_generator),
        cmocka_unit_test(test_declare),
        cmocka_unit_test(test_no_oracles),
    };
    return cmocka_run_group_tests(tests, network_setup, network_teardown);
}
