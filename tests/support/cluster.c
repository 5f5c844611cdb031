// SPDX-License-Identifier: MIT
#include "support/cluster.h"

#include "abi/abi.h"
#include "base/base.h"
#include "chain/chain.h"
#include "crypto/crypto.h"
#include "ledger/ledger.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STAKE (20000ull * SU_USDC)

static void must(enum su_code c, const struct su_err *e)
{
    if (c) {
        fprintf(stderr, "cluster: %s: %s: %s\n", su_code_name(c), e->at, e->msg);
        abort();
    }
}

static void signer_of(struct su_signer *s, const char *name)
{
    uint8_t seed[32], public_key[32], secret[64];
    struct su_err e = {0};
    su_sha256(name, strlen(name), seed);
    su_ed25519_from_seed(seed, public_key, secret);
    must(su_signer_init_memory(s, secret, &e), &e);
}

static void signers_make(struct cluster *c)
{
    char name[32];
    uint8_t secret[64];
    struct su_err e = {0};
    signer_of(&c->payer, "payer");
    su_ledger_admin_secret(c->ledger, secret);
    must(su_signer_init_memory(&c->admin, secret, &e), &e);
    for (unsigned i = 0; i < CLUSTER_ORACLES; i++) {
        snprintf(name, sizeof name, "oracle%u", i);
        signer_of(&c->oracles[i], name);
    }
    for (unsigned i = 0; i < CLUSTER_NODES; i++) {
        snprintf(name, sizeof name, "node%u", i);
        signer_of(&c->nodes[i], name);
        snprintf(name, sizeof name, "owner%u", i);
        signer_of(&c->owners[i], name);
    }
}

void cluster_send(struct cluster *c, struct su_chain_batch *b)
{
    const struct su_signer *signers[CLUSTER_SIGNERS] = {&c->payer, &c->admin};
    const struct su_chain_send_opts o = {.rebroadcast_ms = 1000, .poll_ms = 5};
    struct su_chain_result r;
    struct su_err e = {0};
    size_t n = 2;
    for (unsigned i = 0; i < CLUSTER_ORACLES; i++)
        signers[n++] = &c->oracles[i];
    for (unsigned i = 0; i < CLUSTER_NODES; i++) {
        signers[n++] = &c->nodes[i];
        signers[n++] = &c->owners[i];
    }
    must(su_chain_batch_check(b, &e), &e);
    must(su_chain_send(c->chain, c->payer.public_key, b->instrs, b->n, signers, n, &o, &r, &e), &e);
    su_chain_result_fini(&r);
    su_chain_batch_fini(b);
}

void cluster_advance(struct cluster *c, uint64_t slots)
{
    su_ledger_advance(c->ledger, slots);
}

static void oracles_make(struct cluster *c)
{
    struct su_chain_batch b;
    uint8_t members[CLUSTER_ORACLES][32];
    struct su_err e = {0};
    for (unsigned i = 0; i < CLUSTER_ORACLES; i++) {
        const uint8_t *key = c->oracles[i].public_key;
        memcpy(members[i], key, 32);
        su_chain_batch_init(&b, &c->env, c->payer.public_key);
        su_chain_make_oracle_register(&b, key, c->payer.public_key, key, "127.0.0.1:1");
        su_chain_make_oracle_bond(&b, c->payer.public_key, key, c->params.oracle_bond);
        cluster_send(c, &b);
    }
    const struct su_chain_oracle_set set = {.members = (const uint8_t(*)[32])members,
                                            .n_members = CLUSTER_ORACLES};
    su_chain_batch_init(&b, &c->env, c->payer.public_key);
    su_chain_make_config_next(&b, c->admin.public_key, &set, &c->params);
    su_chain_make_pool_deposit(&b, c->payer.public_key, 100 * SU_USDC);
    cluster_send(c, &b);
    must(su_chain_env_get(c->chain, &c->env, &e), &e);
}

static void task_make(struct cluster *c, uint16_t index)
{
    struct su_chain_batch b;
    struct su_ix_task_add ix = {.index = index,
                                .input_count = 1,
                                .output_count = 1,
                                .macs_per_step = SU_MACS_PER_UNIT / 2,
                                .weight_bytes = 1000,
                                .fee_unit = c->params.fee_unit,
                                .sampling_ppm = c->params.sampling_min_ppm};
    for (unsigned i = 0; i < 2; i++) {
        ix.specs[i].dtype = 1;
        ix.specs[i].rank = 1;
        ix.specs[i].dims[0] = 4;
    }
    ix.specs[0].flags = index == 0 ? SU_SPEC_EXTERNAL : 0;
    ix.specs[1].flags = index + 1 == c->tasks ? SU_SPEC_EXTERNAL : 0;
    su_chain_batch_init(&b, &c->env, c->payer.public_key);
    su_chain_make_task_add(&b, c->payer.public_key, c->model, &ix, "");
    if (index > 0) {
        const struct su_chain_edge edge = {.from_task = (uint16_t)(index - 1), .to_task = index};
        su_chain_make_connect(&b, c->payer.public_key, c->model, &edge, 1);
    }
    if (index + 1 == c->tasks)
        su_chain_make_model_finalise(&b, c->payer.public_key, c->model);
    cluster_send(c, &b);
}

static void model_make(struct cluster *c)
{
    const struct su_chain_model_args args = {
        .digest = {3}, .task_count = c->tasks, .sample_task = SU_NO_TASK, .name = "toy", .uri = ""};
    struct su_chain_batch b;
    su_chain_addr_model(&c->env, c->payer.public_key, args.digest, c->model);
    su_chain_batch_init(&b, &c->env, c->payer.public_key);
    su_chain_make_model_create(&b, c->payer.public_key, &args);
    cluster_send(c, &b);
    for (uint16_t t = 0; t < c->tasks; t++)
        task_make(c, t);
}

static void nodes_make(struct cluster *c)
{
    const struct su_chain_node_args args = {.vram_bytes = 1ull << 30,
                                            .numerics_version = c->params.numerics_version,
                                            .conformance_root = {1},
                                            .endpoint = "127.0.0.1:2"};
    struct su_chain_batch b;
    for (unsigned i = 0; i < CLUSTER_NODES; i++) {
        const uint8_t *identity = c->nodes[i].public_key, *owner = c->owners[i].public_key;
        su_chain_batch_init(&b, &c->env, c->payer.public_key);
        su_chain_make_node_register(&b, identity, owner, &args);
        su_chain_make_stake_deposit(&b, c->payer.public_key, identity, STAKE);
        for (uint16_t t = 0; t < c->tasks && t < 4; t++)
            su_chain_make_node_declare(&b, identity, owner, c->model, t);
        cluster_send(c, &b);
        for (uint16_t t = 4; t < c->tasks; t++) {
            su_chain_batch_init(&b, &c->env, c->payer.public_key);
            su_chain_make_node_declare(&b, identity, owner, c->model, t);
            cluster_send(c, &b);
        }
    }
}

static void vote_make(struct cluster *c)
{
    struct su_err e = {0};
    for (unsigned i = 0; i < CLUSTER_NODES; i++) {
        struct su_ix_check_row *row = &c->rows[i];
        memcpy(row->identity, c->nodes[i].public_key, 32);
        memcpy(row->owner, c->owners[i].public_key, 32);
        row->low = 1000ull * i;
        row->high = row->low + 1000;
        for (uint16_t t = 0; t < c->tasks; t++)
            row->tasks[t / 8] = (uint8_t)(row->tasks[t / 8] | 1u << t % 8);
    }
    must(su_chain_rows_prove(c->rows, CLUSTER_NODES, c->table_root, &c->depth, &e), &e);
    for (uint16_t t = 0; t < c->tasks; t++)
        memcpy(c->task_nodes[t], c->nodes[t % CLUSTER_NODES].public_key, 32);
    su_chain_nodes_root((const uint8_t(*)[32])c->task_nodes, c->tasks, c->assignment_root);
    c->voted = (struct su_chain_voted){.rows = c->rows,
                                       .n_rows = CLUSTER_NODES,
                                       .nodes = (const uint8_t(*)[32])c->task_nodes,
                                       .n_nodes = c->tasks};
}

struct cluster *cluster_new(uint16_t tasks)
{
    struct cluster *c = su_alloc(sizeof *c);
    const struct su_ledger_options o = {.manual_slots = true};
    const struct su_ledger_rpc_options ro = {.port = 0};
    struct su_err e = {0};
    uint8_t sig[64];
    char url[64];
    const char *urls[] = {url};
    const struct su_chain_opts co = {.urls = urls, .n_urls = 1};
    SU_ASSERT(tasks >= 1 && tasks <= CLUSTER_TASKS_MAX);
    c->tasks = tasks;
    su_params_private(&c->params, 400);
    must(su_ledger_open(&o, &c->ledger, &e), &e);
    must(su_ledger_setup(c->ledger, &c->params, &e), &e);
    must(su_ledger_rpc_start(c->ledger, &ro, &c->rpc, &e), &e);
    snprintf(url, sizeof url, "http://127.0.0.1:%u", su_ledger_rpc_port(c->rpc));
    must(su_chain_open(&co, &c->chain, &e), &e);
    must(su_chain_env_get(c->chain, &c->env, &e), &e);
    signers_make(c);
    const uint8_t *payer = c->payer.public_key;
    must(su_chain_airdrop(c->chain, payer, 100ull * SU_CHAIN_LAMPORTS_PER_SOL, sig, &e), &e);
    must(su_chain_airdrop_usdc(c->chain, payer, 200000ull * SU_USDC, sig, &e), &e);
    oracles_make(c);
    model_make(c);
    nodes_make(c);
    vote_make(c);
    return c;
}

void cluster_free(struct cluster *c)
{
    su_chain_close(c->chain);
    su_ledger_rpc_stop(c->rpc);
    su_ledger_close(c->ledger);
    su_signer_fini(&c->payer);
    su_signer_fini(&c->admin);
    for (unsigned i = 0; i < CLUSTER_ORACLES; i++)
        su_signer_fini(&c->oracles[i]);
    for (unsigned i = 0; i < CLUSTER_NODES; i++) {
        su_signer_fini(&c->nodes[i]);
        su_signer_fini(&c->owners[i]);
    }
    free(c);
}

void cluster_request(struct cluster *c, uint64_t nonce, uint32_t max_steps, uint8_t execution[32])
{
    const uint8_t *key = c->payer.public_key;
    const struct su_chain_request q = {
        .nonce = nonce, .seed = 7, .input_digest = {9}, .max_steps = max_steps};
    struct su_chain_at at = {.epoch = c->env.epoch};
    struct su_chain_batch b;
    su_chain_addr_execution(&c->env, key, nonce, execution);
    memcpy(at.execution, execution, 32);
    su_chain_batch_init(&b, &c->env, key);
    su_chain_make_request_open(&b, key, c->model, &q);
    cluster_send(c, &b);
    for (; at.task < c->tasks; at.task = (uint16_t)(at.task + 4)) {
        const uint32_t left = c->tasks - at.task;
        su_chain_batch_init(&b, &c->env, key);
        su_chain_make_request_tasks(&b, key, &at, c->model, left < 4 ? left : 4);
        cluster_send(c, &b);
    }
    su_chain_batch_init(&b, &c->env, key);
    su_chain_make_request_submit(&b, key, &at, SU_AMOUNT_MAX);
    cluster_send(c, &b);
}

void cluster_vote(struct cluster *c, const uint8_t execution[32])
{
    struct su_chain_at at = {.epoch = c->env.epoch};
    struct su_chain_execution x;
    struct su_err e = {0};
    uint64_t slot;
    memcpy(at.execution, execution, 32);
    must(su_chain_execution_load(c->chain, &c->env, execution, &x, &e), &e);
    must(su_chain_slot(c->chain, &slot, &e), &e);
    struct su_ix_vote_assign ix = {.owner_share_ppm = 340000,
                                   .table_total = c->rows[CLUSTER_NODES - 1].high,
                                   .table_depth = c->depth};
    ix.round = (uint32_t)((slot - x.execution->submit_slot) / c->params.round_slots);
    memcpy(ix.table_root, c->table_root, 32);
    memcpy(ix.assignment_root, c->assignment_root, 32);
    su_chain_execution_fini(&x);
    for (unsigned i = 0; i < 2; i++) {
        struct su_chain_batch b;
        su_chain_batch_init(&b, &c->env, c->payer.public_key);
        su_chain_make_vote_assign(&b, c->oracles[i].public_key, &at, &ix);
        cluster_send(c, &b);
    }
}
