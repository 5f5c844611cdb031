// SPDX-License-Identifier: MIT
/* The client against the embedded ledger, over HTTP: reads, money, transactions that land, fail and
   expire, and the program's own instructions. */
#include "chain/chain.h"
#include "ledger/ledger.h"
#include "wallet/wallet.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SOL SU_CHAIN_LAMPORTS_PER_SOL

/* One ledger, its server, a client, and somebody with money. */
struct scene {
    struct su_ledger *ledger;
    struct su_ledger_rpc *rpc;
    struct su_chain *c;
    struct su_signer owner, identity, admin;
    uint64_t slots_per_look; /* that pass each time progress is told of waiting */
    unsigned stages[SU_CHAIN_DONE + 1];
    bool cancel;
};

static void signer_of(struct su_signer *s, uint8_t name)
{
    uint8_t seed[32], public_key[32], secret[64];

    memset(seed, name, sizeof seed);
    su_ed25519_from_seed(seed, public_key, secret);
    assert_int_equal(su_signer_init_memory(s, secret, NULL), SU_OK);
}

static bool cancelled(void *ctx)
{
    return ((struct scene *)ctx)->cancel;
}

static void must(enum su_code c, const struct su_err *e)
{
    if (c)
        fail_msg("%s: %s: %s", su_code_name(c), e->at, e->msg);
}

static int setup(void **state)
{
    struct scene *s = su_alloc(sizeof *s);
    const struct su_ledger_options o = {.manual_slots = true};
    const struct su_ledger_rpc_options ro = {.port = 0};
    struct su_params params;
    struct su_err e = {0};
    uint8_t sig[64], secret[64];
    char url[64];

    *state = s;
    su_params_default(&params);
    must(su_ledger_open(&o, &s->ledger, &e), &e);
    must(su_ledger_setup(s->ledger, &params, &e), &e);
    must(su_ledger_rpc_start(s->ledger, &ro, &s->rpc, &e), &e);
    (void)snprintf(url, sizeof url, "http://127.0.0.1:%u", su_ledger_rpc_port(s->rpc));
    /* The first endpoint is dead in every test. */
    const char *urls[] = {"http://127.0.0.1:9", url};
    const struct su_chain_opts co = {.urls = urls, .n_urls = 2, .cancelled = cancelled, .ctx = s};
    must(su_chain_open(&co, &s->c, &e), &e);
    signer_of(&s->owner, 1);
    signer_of(&s->identity, 2);
    su_ledger_admin_secret(s->ledger, secret);
    must(su_signer_init_memory(&s->admin, secret, &e), &e);
    must(su_chain_airdrop(s->c, s->owner.public_key, 10ull * SOL, sig, &e), &e);
    must(su_chain_airdrop_usdc(s->c, s->owner.public_key, 5000ull * SU_USDC, sig, &e), &e);
    return 0;
}

static int teardown(void **state)
{
    struct scene *s = *state;

    su_chain_close(s->c);
    su_ledger_rpc_stop(s->rpc);
    su_ledger_close(s->ledger);
    su_signer_fini(&s->owner);
    su_signer_fini(&s->identity);
    su_signer_fini(&s->admin);
    free(s);
    return 0;
}

static void progress(void *ctx, const struct su_chain_progress *p)
{
    struct scene *s = ctx;

    s->stages[p->stage]++;
    assert_int_equal(p->sig != NULL, p->stage > SU_CHAIN_SIGNING);
    if (p->stage == SU_CHAIN_WAITING && s->slots_per_look > 0)
        su_ledger_advance(s->ledger, s->slots_per_look);
}

static enum su_code send(struct scene *s, const struct su_instr *instrs, size_t n,
                         struct su_chain_result *r, struct su_err *e)
{
    const struct su_signer *signers[] = {&s->owner, &s->identity, &s->admin};
    const struct su_chain_send_opts o = {
        .price_max = 1000, .rebroadcast_ms = 50, .poll_ms = 20, .progress = progress, .ctx = s};

    memset(e, 0, sizeof *e);
    return su_chain_send(s->c, s->owner.public_key, instrs, n, signers, 3, &o, r, e);
}

static void sent(struct scene *s, struct su_chain_batch *b)
{
    struct su_chain_result r;
    struct su_err e;

    must(su_chain_batch_check(b, &e), &e);
    enum su_code c = send(s, b->instrs, b->n, &r, &e);
    for (size_t i = 0; c && i < r.outcome.n_logs; i++)
        print_message("%s\n", r.outcome.logs[i]);
    must(c, &e);
    su_chain_result_fini(&r);
    su_chain_batch_fini(b);
}

static void refused(struct scene *s, struct su_chain_batch *b, enum su_code want, const char *at,
                    const char *part)
{
    struct su_chain_result r;
    struct su_err e;

    must(su_chain_batch_check(b, &e), &e);
    assert_int_equal(send(s, b->instrs, b->n, &r, &e), want);
    assert_false(r.sent);
    if (strcmp(e.at, at) != 0 || !strstr(e.msg, part))
        fail_msg("%s: %s", e.at, e.msg);
    assert_true(r.outcome.n_logs > 0);
    su_chain_result_fini(&r);
    su_chain_batch_fini(b);
}

static void reads(void **state)
{
    struct scene *s = *state;
    struct su_err e = {0};
    struct su_chain_ledger_info info;
    struct su_chain_blockhash hash;
    struct su_ledger_now now;
    uint8_t genesis[32], account[32];
    uint64_t v;
    char text[64];

    must(su_chain_health(s->c, &e), &e);
    must(su_chain_version(s->c, text, sizeof text, &e), &e);
    assert_true(strlen(text) > 2);
    must(su_chain_genesis_hash(s->c, genesis, &e), &e);
    assert_memory_equal(genesis, su_ledger_genesis_hash(s->ledger), 32);
    su_ledger_now(s->ledger, &now);
    must(su_chain_slot(s->c, &v, &e), &e);
    assert_int_equal(v, now.slot);
    must(su_chain_block_height(s->c, &v, &e), &e);
    assert_int_equal(v, now.block_height);
    must(su_chain_latest_blockhash(s->c, &hash, &e), &e);
    assert_memory_equal(hash.hash, now.blockhash, 32);
    assert_int_equal(hash.last_valid_block_height, now.last_valid_block_height);
    must(su_chain_balance(s->c, s->owner.public_key, &v, &e), &e);
    assert_true(v == 10ull * SOL);
    must(su_chain_balance(s->c, genesis, &v, &e), &e);
    assert_int_equal(v, 0);
    must(su_chain_rent_minimum(s->c, 165, &v, &e), &e);
    assert_int_equal(v, su_ledger_rent_minimum(165));
    must(su_chain_ledger_info(s->c, &info, &e), &e);
    assert_memory_equal(info.program, su_splitup_id, 32);
    assert_memory_equal(info.usdc_mint, su_ledger_usdc_mint(s->ledger), 32);
    assert_memory_equal(info.faucet, su_ledger_faucet_key(s->ledger), 32);
    assert_int_equal(info.usdc_decimals, 6);
    su_chain_ata(s->owner.public_key, info.usdc_mint, account);
    su_ledger_ata(s->owner.public_key, info.usdc_mint, genesis);
    assert_memory_equal(account, genesis, 32);

    struct su_chain_token t, many[2];
    size_t n;
    must(su_chain_token_get(s->c, account, &t, &e), &e);
    assert_true(t.amount == 5000ull * SU_USDC && !t.frozen);
    assert_memory_equal(t.owner, s->owner.public_key, 32);
    assert_memory_equal(t.mint, info.usdc_mint, 32);
    for (int mint = 0; mint < 2; mint++) {
        must(su_chain_tokens_of(s->c, t.owner, mint ? t.mint : NULL, many, 2, &n, &e), &e);
        assert_int_equal(n, 1);
        assert_memory_equal(many[0].key, account, 32);
    }
    assert_int_equal(su_chain_token_get(s->c, s->identity.public_key, &t, &e), SU_ENOENT);
    assert_int_equal(su_chain_token_get(s->c, s->owner.public_key, &t, &e), SU_ETYPE);

    struct su_chain_endpoint ends[3];
    assert_int_equal(su_chain_endpoints(s->c, ends, 3), 2);
    assert_true(ends[0].failures > 0 && ends[0].resting_ms > 0);
    assert_true(strlen(ends[0].last_failure) > 0);
    assert_true(ends[1].failures == 0 && ends[1].calls > 10 && ends[1].resting_ms == 0);
}

static void a_transfer(void **state)
{
    struct scene *s = *state;
    struct su_small_instr i;
    struct su_chain_result r;
    struct su_chain_outcome o;
    struct su_chain_status st[2];
    struct su_chain_signature list[4];
    uint8_t to[32] = {5}, sigs[2][64] = {{1}};
    uint64_t v;
    size_t n;
    struct su_err e;

    su_instr_transfer(&i, s->owner.public_key, to, SOL);
    must(send(s, &i.instr, 1, &r, &e), &e);
    assert_true(r.sent && r.slot > 0 && r.units > 0);
    assert_true(r.fee_lamports >= 5000);
    assert_true(r.outcome.n_logs > 0 && r.outcome.failure.kind[0] == '\0');
    for (int stage = SU_CHAIN_SIMULATING; stage <= SU_CHAIN_DONE; stage++)
        assert_true(s->stages[stage] >= 1);
    must(su_chain_balance(s->c, to, &v, &e), &e);
    assert_int_equal(v, SOL);
    must(su_chain_balance(s->c, s->owner.public_key, &v, &e), &e);
    assert_true(v == 9ull * SOL - r.fee_lamports);

    memcpy(sigs[1], r.sig, 64);
    must(su_chain_statuses(s->c, (const uint8_t(*)[64])sigs, 2, true, st, &e), &e);
    assert_false(st[0].known);
    assert_true(st[1].known && st[1].reached == SU_CHAIN_FINALIZED && st[1].slot == r.slot);
    must(su_chain_transaction(s->c, r.sig, &o, &e), &e);
    assert_int_equal(o.slot, r.slot);
    assert_int_equal(o.units, r.units);
    static struct su_tx landed;
    static struct su_tx_parsed parsed;
    assert_int_equal(su_tx_parse(o.wire, o.wire_bytes, &landed, &parsed), SU_TX_OK);
    assert_memory_equal(su_tx_signature(&landed, 0), r.sig, 64);
    assert_memory_equal(parsed.instrs[parsed.n_instrs - 1].data, i.data, 12);
    su_chain_outcome_fini(&o);
    assert_int_equal(su_chain_transaction(s->c, sigs[0], &o, &e), SU_ENOENT);
    must(su_chain_signatures_of(s->c, to, NULL, list, 4, &n, &e), &e);
    assert_int_equal(n, 1);
    assert_memory_equal(list[0].sig, r.sig, 64);
    assert_false(list[0].failed);
    must(su_chain_signatures_of(s->c, to, r.sig, list, 4, &n, &e), &e);
    assert_int_equal(n, 0);
    must(su_chain_signatures_of(s->c, to, NULL, list, 0, &n, &e), &e);
    assert_int_equal(n, 0);
    su_chain_result_fini(&r);
}

static void fees_and_prices(void **state)
{
    struct scene *s = *state;
    struct su_small_instr list[2];
    struct su_instr instrs[2];
    struct su_chain_blockhash hash;
    struct su_tx t;
    uint8_t to[32] = {5}, key[1][32] = {{77}}, sig[64];
    uint64_t v;
    struct su_err e;

    must(su_chain_latest_blockhash(s->c, &hash, &e), &e);
    su_instr_unit_price(&list[0], 1000000);
    su_instr_transfer(&list[1], s->owner.public_key, to, SOL);
    for (int i = 0; i < 2; i++)
        instrs[i] = list[i].instr;
    assert_int_equal(su_tx_compile(s->owner.public_key, hash.hash, instrs, 2, &t), SU_TX_OK);
    must(su_chain_fee(s->c, &t, &v, &e), &e);
    assert_true(v > 5000);
    must(su_chain_recent_price(s->c, (const uint8_t(*)[32])key, 1, &v, &e), &e);
    assert_int_equal(su_chain_recent_price(s->c, (const uint8_t(*)[32])key, 129, &v, &e),
                     SU_EINVAL);
    must(su_chain_submit(s->c, &t, sig, &e), &e); /* no signature: taken, and never lands */
    must(su_chain_balance(s->c, to, &v, &e), &e);
    assert_int_equal(v, 0);
    t.wire[t.blockhash_at] ^= 1;
    assert_int_equal(su_chain_fee(s->c, &t, &v, &e), SU_ETIMEOUT);
}

static void failures_are_explained(void **state)
{
    struct scene *s = *state;
    struct su_small_instr i;
    struct su_chain_result r;
    uint8_t to[32] = {5};
    struct su_err e;

    su_instr_transfer(&i, s->owner.public_key, to, 100ull * SOL);
    assert_int_equal(send(s, &i.instr, 1, &r, &e), SU_ELIMIT);
    assert_string_equal(e.at, "System program");
    assert_false(r.sent);
    su_chain_result_fini(&r);
    /* Without simulation it fails on chain, and costs its fee. */
    const struct su_signer *signers[] = {&s->owner};
    const struct su_chain_send_opts o = {.no_simulation = true, .units_max = 5000};
    assert_int_equal(su_chain_send(s->c, s->owner.public_key, &i.instr, 1, signers, 1, &o, &r, &e),
                     SU_ELIMIT);
    assert_true(r.sent && r.fee_lamports == 5000);
    assert_string_equal(r.outcome.failure.kind, "InstructionError");
    assert_int_equal(r.outcome.failure.instruction, 1);
    su_chain_result_fini(&r);
    /* Somebody without money pays. */
    const struct su_signer *poor[] = {&s->identity};
    su_instr_transfer(&i, s->identity.public_key, to, 1);
    assert_int_equal(
        su_chain_send(s->c, s->identity.public_key, &i.instr, 1, poor, 1, NULL, &r, &e), SU_ENOENT);
    assert_string_equal(e.at, "transaction");
    su_chain_result_fini(&r);
    /* Nobody here can sign. */
    assert_int_equal(su_chain_send(s->c, s->owner.public_key, &i.instr, 1, signers, 1, &o, &r, &e),
                     SU_EINVAL);
    assert_non_null(strstr(e.msg, "nobody here"));
    assert_false(r.sent);
    su_chain_result_fini(&r);
    assert_int_equal(su_chain_send(s->c, to, NULL, 0, signers, 0, &o, &r, &e), SU_EINVAL);
    su_chain_result_fini(&r);
}

/* A signer during whose thinking the blockhash expires. */
static enum su_code slow_sign(void *ctx, const void *message, size_t n, uint8_t sig[64],
                              struct su_err *e)
{
    struct scene *s = ctx;

    su_ledger_advance(s->ledger, SU_LEDGER_BLOCKHASHES + 2);
    return s->owner.sign(s->owner.ctx, message, n, sig, e);
}

static void expired_blockhash(void **state)
{
    struct scene *s = *state;
    struct su_signer slow = {.sign = slow_sign, .ctx = s};
    const struct su_signer *signers[] = {&slow};
    struct su_small_instr i;
    struct su_chain_result r;
    uint8_t to[32] = {5};
    uint64_t v;
    struct su_err e;

    memcpy(slow.public_key, s->owner.public_key, 32);
    su_instr_transfer(&i, s->owner.public_key, to, SOL);
    assert_int_equal(
        su_chain_send(s->c, s->owner.public_key, &i.instr, 1, signers, 1, NULL, &r, &e),
        SU_ETIMEOUT);
    assert_non_null(strstr(e.msg, "safe to try again"));
    su_chain_result_fini(&r);
    must(su_chain_balance(s->c, to, &v, &e), &e);
    assert_int_equal(v, 0);
}

static enum su_code cancel_sign(void *ctx, const void *message, size_t n, uint8_t sig[64],
                                struct su_err *e)
{
    struct scene *s = ctx;

    s->cancel = true;
    return s->owner.sign(s->owner.ctx, message, n, sig, e);
}

static void cancelling(void **state)
{
    struct scene *s = *state;
    struct su_signer signer = {.sign = cancel_sign, .ctx = s};
    const struct su_signer *signers[] = {&signer};
    struct su_small_instr i;
    struct su_chain_result r;
    uint8_t to[32] = {5};
    struct su_err e;

    memcpy(signer.public_key, s->owner.public_key, 32);
    su_instr_transfer(&i, s->owner.public_key, to, SOL);
    assert_int_equal(
        su_chain_send(s->c, s->owner.public_key, &i.instr, 1, signers, 1, NULL, &r, &e),
        SU_ECANCELLED);
    su_chain_result_fini(&r);
}

/* A person's wallet: what was agreed is sent, compute budget and all; nothing else is signed. */
static void through_a_wallet(void **state)
{
    struct scene *s = *state;
    char folder[] = "/tmp/su-chain-wallet-XXXXXX", path[64];
    struct su_wallet *w;
    struct su_small_instr agreed, other;
    struct su_chain_result r;
    uint8_t key[32], to[32] = {5}, sig[64];
    uint64_t v;
    struct su_err e;

    assert_non_null(mkdtemp(folder));
    (void)snprintf(path, sizeof path, "%s/key.json", folder);
    must(su_wallet_create(path, NULL, key, &e), &e);
    must(su_wallet_open(&(struct su_wallet_options){.path = path}, &w, &e), &e);
    must(su_chain_airdrop(s->c, key, 3ull * SOL, sig, &e), &e);
    const struct su_signer *signers[] = {su_wallet_signer(w)};
    const struct su_chain_send_opts o = {.price_max = 10, .units_max = 2000};
    su_instr_transfer(&agreed, key, to, SOL);
    su_instr_transfer(&other, key, to, 2ull * SOL);
    struct su_intent intent = {
        .instrs = &agreed.instr, .n_instrs = 1, .units_max = 2000, .price_max = 10};
    memcpy(intent.payer, key, 32);
    must(su_wallet_intend(w, &intent, &e), &e);
    assert_int_equal(su_chain_send(s->c, key, &other.instr, 1, signers, 1, &o, &r, &e), SU_EACCES);
    assert_false(r.sent);
    su_chain_result_fini(&r);
    must(su_chain_send(s->c, key, &agreed.instr, 1, signers, 1, &o, &r, &e), &e);
    su_chain_result_fini(&r);
    must(su_chain_balance(s->c, to, &v, &e), &e);
    assert_int_equal(v, SOL);
    assert_int_equal(su_chain_send(s->c, key, &agreed.instr, 1, signers, 1, &o, &r, &e), SU_EACCES);
    su_chain_result_fini(&r);
    su_wallet_close(w);
    assert_int_equal(remove(path), 0);
    assert_int_equal(remove(folder), 0);
}

/* ---- the program ----------------------------------------------------------------------------- */

static struct su_chain_node_args node_args(void)
{
    return (struct su_chain_node_args){.vram_bytes = 8ull << 30,
                                       .numerics_version = 1,
                                       .conformance_root = {1},
                                       .endpoint = "http://127.0.0.1:1"};
}

static void stake(void **state)
{
    struct scene *s = *state;
    const uint8_t *owner = s->owner.public_key, *identity = s->identity.public_key;
    struct su_chain_env env;
    struct su_chain_batch b;
    struct su_chain_accounts list;
    const struct su_acc_node *node;
    const struct su_acc_config *config;
    struct su_chain_node_args args = node_args();
    struct su_err e;

    must(su_chain_env_get(s->c, &env, &e), &e);
    assert_memory_equal(env.mint, su_ledger_usdc_mint(s->ledger), 32);
    assert_memory_equal(env.genesis, su_ledger_genesis_hash(s->ledger), 32);
    assert_int_equal(env.epoch, 0);
    must(su_chain_config_now(s->c, &env, &list, &config, &e), &e);
    assert_true(config->params.stake_base == 1000ull * SU_USDC);
    args.numerics_version = config->params.numerics_version;
    su_chain_accounts_fini(&list);
    assert_int_equal(su_chain_node_of(s->c, &env, identity, &list, &node, &e), SU_ENOENT);
    su_chain_accounts_fini(&list);

    su_chain_batch_init(&b, &env, owner);
    su_chain_make_node_register(&b, identity, owner, &args);
    su_chain_make_stake_deposit(&b, owner, identity, 3000ull * SU_USDC);
    sent(s, &b);
    must(su_chain_node_of(s->c, &env, identity, &list, &node, &e), &e);
    assert_true(node->stake_free == 3000ull * SU_USDC && node->vram_bytes == args.vram_bytes);
    assert_memory_equal(node->owner, owner, 32);
    su_chain_accounts_fini(&list);

    su_chain_batch_init(&b, &env, owner);
    su_chain_make_node_register(&b, identity, owner, &args);
    refused(s, &b, SU_EEXIST, "node_register", "AlreadyExists (6007)");
    su_chain_batch_init(&b, &env, owner);
    su_chain_make_stake_unlock(&b, identity, identity, 1); /* not the owner */
    refused(s, &b, SU_EACCES, "stake_unlock", "NotAuthorised (6010)");
    su_chain_batch_init(&b, &env, owner);
    su_chain_make_stake_deposit(&b, owner, identity, 3000ull * SU_USDC);
    refused(s, &b, SU_ELIMIT, "stake_deposit", "holds too little");

    args.vram_bytes /= 2;
    su_chain_batch_init(&b, &env, owner);
    su_chain_make_node_update(&b, identity, &args);
    su_chain_make_stake_unlock(&b, owner, identity, 500ull * SU_USDC);
    sent(s, &b);
    su_chain_batch_init(&b, &env, owner);
    su_chain_make_stake_withdraw(&b, owner, identity, 0);
    refused(s, &b, SU_EBUSY, "stake_withdraw", "TooEarly");
    must(su_chain_list(s->c, SU_TAG_NODE, NULL, &list, &e), &e);
    assert_int_equal(list.n, 1);
    must(su_chain_as_node(&list.items[0], env.program, &node, &e), &e);
    assert_true(node->tickets[0].amount == 500ull * SU_USDC);
    su_ledger_advance(s->ledger, node->tickets[0].unlock_slot);
    su_chain_accounts_fini(&list);
    su_chain_batch_init(&b, &env, owner);
    su_chain_make_usdc_account(&b, owner); /* exists: does nothing */
    su_chain_make_stake_withdraw(&b, owner, identity, 0);
    sent(s, &b);
}

/* Each kind of account is refused as every other one, and what is not ours as all of them. */
static void kinds_of_accounts(void **state)
{
    struct scene *s = *state;
    struct su_chain_env env;
    struct su_chain_accounts list;
    const struct su_acc_state *st;
    const struct su_acc_pool *pool;
    struct su_err e;
    uint8_t keys[4][32] = {{0}};

    must(su_chain_env_get(s->c, &env, &e), &e);
    must(su_chain_state_get(s->c, env.state, &list, &st, &e), &e);
    assert_memory_equal(st->vault, env.vault, 32);
    assert_memory_equal(st->admin, s->admin.public_key, 32);
    su_chain_accounts_fini(&list);
    must(su_chain_pool_get(s->c, env.pool, &list, &pool, &e), &e);
    assert_int_equal(pool->claims_next, 0);
    su_chain_accounts_fini(&list);
    memcpy(keys[0], env.state, 32);
    memcpy(keys[1], env.pool, 32);
    memcpy(keys[2], env.vault, 32);
    memset(keys[3], 0x77, 32);
    must(su_chain_accounts_get(s->c, (const uint8_t(*)[32])keys, 4, &list, &e), &e);
#define X(TAG, name)                                                                               \
    do {                                                                                           \
        const struct su_acc_##name *got;                                                           \
        for (unsigned i = 0; i < 4; i++) {                                                         \
            enum su_code want = i == 3 ? SU_ENOENT : i == 2 ? SU_EACCES : SU_ETYPE;                \
            bool own = SU_TAG_##TAG == (i == 0 ? SU_TAG_STATE : SU_TAG_POOL);                      \
            assert_int_equal(su_chain_as_##name(&list.items[i], env.program, &got, &e),            \
                             own &&i < 2 ? SU_OK : want);                                          \
            assert_int_equal(got != NULL, own && i < 2);                                           \
        }                                                                                          \
    } while (0);
#include "chain/accounts.def"
#undef X
    su_chain_accounts_fini(&list);
    /* Another program's id: nothing is set up there. */
    struct su_chain *other;
    struct su_chain_endpoint ends[2];
    (void)su_chain_endpoints(s->c, ends, 2);
    const char *urls[] = {ends[1].url};
    const struct su_chain_opts o = {.urls = urls, .n_urls = 1, .program = su_token_id};
    must(su_chain_open(&o, &other, &e), &e);
    assert_int_equal(su_chain_env_get(other, &env, &e), SU_ENOENT);
    assert_non_null(strstr(e.msg, "not been set up"));
    su_chain_close(other);
}

static void a_spec(struct su_ix_task_add *ix, unsigned i, uint8_t flags)
{
    ix->specs[i].dtype = 1;
    ix->specs[i].rank = 1;
    ix->specs[i].flags = flags;
    ix->specs[i].dims[0] = 4;
}

static void models(void **state)
{
    struct scene *s = *state;
    const uint8_t *owner = s->owner.public_key;
    const struct su_chain_model_args args = {
        .digest = {3}, .task_count = 2, .sample_task = SU_NO_TASK, .name = "toy", .uri = "x"};
    struct su_chain_env env;
    struct su_chain_batch b;
    struct su_chain_model m;
    uint8_t model[32];
    struct su_err e;

    must(su_chain_env_get(s->c, &env, &e), &e);
    su_chain_addr_model(&env, owner, args.digest, model);
    assert_int_equal(su_chain_model_load(s->c, &env, model, &m, &e), SU_ENOENT);
    su_chain_batch_init(&b, &env, owner);
    su_chain_make_model_create(&b, owner, &args);
    sent(s, &b);
    for (uint16_t t = 0; t < 2; t++) {
        struct su_ix_task_add ix = {.index = t,
                                    .input_count = 1,
                                    .output_count = 1,
                                    .macs_per_step = 1000,
                                    .fee_unit = 100,
                                    .sampling_ppm = 80000};
        a_spec(&ix, 0, t == 0 ? SU_SPEC_EXTERNAL : 0);
        a_spec(&ix, 1, t == 1 ? SU_SPEC_EXTERNAL : 0);
        su_chain_batch_init(&b, &env, owner);
        su_chain_make_task_add(&b, owner, model, &ix, "blob:1");
        sent(s, &b);
    }
    const struct su_chain_edge edge = {.from_task = 0, .to_task = 1};
    su_chain_batch_init(&b, &env, owner);
    su_chain_make_model_finalise(&b, owner, model);
    refused(s, &b, SU_EINVAL, "model_finalise", "InputNotConnected");
    su_chain_batch_init(&b, &env, owner);
    su_chain_make_connect(&b, owner, model, &edge, 1);
    su_chain_make_model_finalise(&b, owner, model);
    sent(s, &b);
    must(su_chain_model_load(s->c, &env, model, &m, &e), &e);
    assert_int_equal(m.model->state, SU_MODEL_FINAL);
    assert_int_equal(m.tasks[1]->index, 1);
    assert_memory_equal(m.tasks[0]->uri, "blob:1", 6);
    assert_null(m.tasks[2]);
    su_chain_model_fini(&m);
}

/* One oracle, bonded and in force: before that, nobody may request. */
static void first_oracle(struct scene *s, struct su_chain_env *env)
{
    const uint8_t *owner = s->owner.public_key, *oracle = s->identity.public_key;
    const uint8_t *admin = s->admin.public_key;
    struct su_chain_batch b;
    struct su_chain_accounts list;
    const struct su_acc_config *config;
    const struct su_acc_oracle *o;
    struct su_chain_oracle_set set = {.n_members = 1};
    uint8_t member[1][32], address[32];
    struct su_params params;
    struct su_err e;

    memcpy(member[0], oracle, 32);
    set.members = (const uint8_t(*)[32])member;
    must(su_chain_env_get(s->c, env, &e), &e);
    must(su_chain_config_now(s->c, env, &list, &config, &e), &e);
    params = config->params;
    su_chain_accounts_fini(&list);
    su_chain_batch_init(&b, env, owner);
    su_chain_make_oracle_register(&b, oracle, owner, oracle, "http://127.0.0.1:2");
    su_chain_make_oracle_bond(&b, owner, oracle, params.oracle_bond);
    su_chain_make_pool_deposit(&b, owner, SU_USDC);
    sent(s, &b);
    su_chain_batch_init(&b, env, owner);
    su_chain_make_config_next(&b, admin, &set, &params);
    sent(s, &b);
    must(su_chain_env_get(s->c, env, &e), &e);
    assert_int_equal(env->epoch, 1);
    su_chain_addr_oracle(env, oracle, address);
    must(su_chain_oracle_get(s->c, address, &list, &o, &e), &e);
    assert_true(o->bond == params.oracle_bond && o->listed);
    su_chain_accounts_fini(&list);
}

static void a_request(void **state)
{
    struct scene *s = *state;
    const uint8_t *owner = s->owner.public_key;
    const struct su_chain_request q = {.nonce = 1, .seed = 7, .max_steps = 2};
    struct su_chain_env env;
    struct su_chain_batch b;
    struct su_chain_execution x;
    struct su_chain_at at = {.epoch = 1};
    uint8_t model[32], digest[32] = {3};
    struct su_err e;

    models(state);
    first_oracle(s, &env);
    su_chain_addr_model(&env, owner, digest, model);
    su_chain_addr_execution(&env, owner, 1, at.execution);
    assert_int_equal(su_chain_execution_load(s->c, &env, at.execution, &x, &e), SU_ENOENT);
    su_chain_batch_init(&b, &env, owner);
    su_chain_make_request_open(&b, owner, model, &q);
    sent(s, &b);
    must(su_chain_execution_load(s->c, &env, at.execution, &x, &e), &e);
    assert_int_equal(x.execution->state, SU_EXEC_OPENING);
    assert_int_equal(x.execution->task_count, 2);
    assert_true(x.execution->seed == 7);
    assert_null(x.assignments[0]);
    su_chain_execution_fini(&x);
    su_chain_batch_init(&b, &env, owner);
    su_chain_make_request_tasks(&b, owner, &at, model, 2);
    refused(s, &b, SU_EBUSY, "request_tasks", "TooFewOwners");
    su_chain_batch_init(&b, &env, owner);
    su_chain_make_request_cancel(&b, owner, &at);
    sent(s, &b);
    su_chain_batch_init(&b, &env, owner);
    su_chain_make_finish(&b, &at, owner);
    su_chain_make_close_execution(&b, &at, owner);
    sent(s, &b);
    assert_int_equal(su_chain_execution_load(s->c, &env, at.execution, &x, &e), SU_ENOENT);
}

/* What a glance at an execution and at another account tells. */
static void glances(void **state)
{
    struct scene *s = *state;
    const uint8_t *owner = s->owner.public_key;
    const struct su_chain_request q = {.nonce = 1, .seed = 7, .max_steps = 2};
    struct su_chain_glance a, b, *const both[] = {&a, &b};
    struct su_chain_accounts list;
    const struct su_acc_pool *pool;
    struct su_chain_at at = {.epoch = 1};
    struct su_chain_case seen;
    struct su_chain_env env;
    struct su_chain_batch tx;
    uint8_t model[32], digest[32] = {3};
    uint64_t slot = 0;
    struct su_err e;

    models(state);
    first_oracle(s, &env);
    su_chain_addr_model(&env, owner, digest, model);
    su_chain_addr_execution(&env, owner, 1, at.execution);
    su_chain_batch_init(&tx, &env, owner);
    su_chain_make_request_open(&tx, owner, model, &q);
    sent(s, &tx);
    const struct su_chain_case_hints hints = {.before = NULL};
    must(su_chain_case_load(s->c, &env, at.execution, &hints, &seen, &e), &e);
    must(su_chain_pool_get(s->c, env.pool, &list, &pool, &e), &e);
    su_chain_glance_of(&a, &seen);
    assert_memory_equal(a.key, at.execution, 32);
    /* Of an account that ends before it nothing can be compared: whatever it is counts as a change. */
    su_chain_glance_at(&b, env.pool, pool, sizeof *pool);
    assert_int_equal(b.n, 0);
    must(su_chain_glance(s->c, both, 2, &slot, &e), &e);
    assert_false(a.changed);
    assert_true(b.changed);
    assert_true(slot >= seen.slot);
    must(su_chain_glance(s->c, both, 0, &slot, &e), &e);

    su_chain_batch_init(&tx, &env, owner);
    su_chain_make_request_cancel(&tx, owner, &at);
    sent(s, &tx);
    must(su_chain_glance(s->c, both, 1, &slot, &e), &e);
    assert_true(a.changed);
    su_chain_case_fini(&seen);
    must(su_chain_case_load(s->c, &env, at.execution, &hints, &seen, &e), &e);
    su_chain_glance_of(&a, &seen);
    must(su_chain_glance(s->c, both, 1, &slot, &e), &e);
    assert_false(a.changed);

    /* Gone. */
    su_chain_batch_init(&tx, &env, owner);
    su_chain_make_finish(&tx, &at, owner);
    su_chain_make_close_execution(&tx, &at, owner);
    sent(s, &tx);
    must(su_chain_glance(s->c, both, 1, &slot, &e), &e);
    assert_true(a.changed);
    s->cancel = true;
    assert_int_equal(su_chain_glance(s->c, both, 1, &slot, &e), SU_ECANCELLED);
    su_chain_case_fini(&seen);
    su_chain_accounts_fini(&list);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(reads),
        TEST(a_transfer),
        TEST(fees_and_prices),
        TEST(failures_are_explained),
        TEST(expired_blockhash),
        TEST(cancelling),
        TEST(through_a_wallet),
        TEST(stake),
        TEST(kinds_of_accounts),
        TEST(models),
        TEST(a_request),
        TEST(glances),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
