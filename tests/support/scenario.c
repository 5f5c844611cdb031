// SPDX-License-Identifier: MIT
#include "support/scenario.h"

#include "abi/abi.h"
#include "support/bank.h"
#include "support/scenario_world.h"

#include <stdlib.h>
#include <string.h>

#define LAMPORTS 1000000000000ull

static void die(const char *what, const char *detail)
{
    fprintf(stderr, "scenario: %s %s\n", what, detail);
    abort();
}

/* ---- calls ----------------------------------------------------------------------------------- */

/* Role number i of a row; past the end the repeating one. False when there is none. */
static bool role_at(const struct su_ix_info *info, size_t i, char name[32], char flags[16])
{
    const char *p = info->accounts;
    for (;; i--) {
        size_t n = 0, f = 0;
        bool repeats = false, in_flags = false;
        for (; *p != '\0' && *p != ' '; p++) {
            if (*p == '*')
                repeats = true;
            else if (*p == ':')
                in_flags = true;
            else if (in_flags)
                flags[f++] = *p;
            else
                name[n++] = *p;
        }
        name[n] = flags[f] = '\0';
        if (i == 0 || repeats)
            return true;
        if (*p == '\0')
            return false;
        p++;
    }
}

void call_role(const struct call *c, size_t i, char text[32])
{
    char flags[16];
    if (!role_at(c->info, i, text, flags))
        strcpy(text, "?");
}

static size_t fixed_roles(const struct su_ix_info *info)
{
    size_t n = 1;
    for (const char *p = info->accounts; *p != '\0'; p++)
        n += *p == ' ';
    return strchr(info->accounts, '*') != NULL ? n - 1 : n;
}

static void meta_add(struct call *c, const uint8_t key[32])
{
    char name[32], flags[16];
    if (c->count == SU_SYS_ACCOUNTS_MAX || !role_at(c->info, c->count, name, flags))
        die("too many accounts for", c->info->name);
    struct svm_meta *m = &c->metas[c->count++];
    memcpy(m->key, key, 32);
    m->signer = strchr(flags, 's') != NULL;
    m->writable = strchr(flags, 'w') != NULL;
}

void call_more(struct call *c, const uint8_t key[32])
{
    meta_add(c, key);
}

static void fixed_key(const struct world *w, const char *role, uint8_t key[32])
{
    const struct {
        const char *role;
        const uint8_t *key;
    } known[] = {{"program", w->program},
                 {"admin", w->admin},
                 {"payer", w->payer},
                 {"system", su_sys_system_id},
                 {"token", su_sys_token_id},
                 {"vault", w->vault},
                 {"vault_authority", w->vault_authority},
                 {"mint", w->mint},
                 {"state", w->state},
                 {"pool", w->pool},
                 {"model", w->model},
                 {"creator", w->creator},
                 {"key", w->requestor},
                 {"rent_payer", w->payer}};
    memset(key, 0xee, 32); /* no account: a forgotten role shows */
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(known[i].role, role) == 0)
            memcpy(key, known[i].key, 32);
    if (strcmp(role, "config") == 0)
        at_config(w, w->epoch, key);
    if (strcmp(role, "execution") == 0)
        at_execution(w, key);
    if (strcmp(role, "requestor") == 0)
        at_key(w, "requestor", w->requestor, key);
}

void call_begin(struct world *w, struct call *c, uint8_t number)
{
    memset(c, 0, sizeof *c);
    c->info = su_ix_info(number);
    if (c->info == NULL || c->info->data_bytes > sizeof c->data)
        die("no such instruction", "");
    c->bytes = c->info->data_bytes;
    c->data.ix.number = number;
    for (size_t i = 0, n = fixed_roles(c->info); i < n; i++) {
        char role[32];
        uint8_t key[32];
        call_role(c, i, role);
        fixed_key(w, role, key);
        meta_add(c, key);
    }
}

size_t call_find(const struct call *c, const char *role)
{
    for (size_t i = 0; i < c->count; i++) {
        char name[32];
        call_role(c, i, name);
        if (strcmp(name, role) == 0)
            return i;
    }
    die("no role", role);
    return 0;
}

void call_set(struct call *c, const char *role, const uint8_t key[32])
{
    memcpy(c->metas[call_find(c, role)].key, key, 32);
}

void call_set_name(struct call *c, const char *role, const char *name)
{
    uint8_t key[32];
    world_key(name, key);
    call_set(c, role, key);
}

uint64_t call_run(struct world *w, const struct call *c)
{
    struct svm_result r;
    bank_run(w->bank, &c->data, c->bytes, c->metas, c->count, &r);
    if (w->watch != NULL)
        w->watch(w->watch_ctx, c, &r);
    if (r.outcome == SVM_OK)
        return 0;
    return r.outcome == SVM_CUSTOM ? r.custom : CALL_RUNTIME;
}

const char *call_try(struct world *w, const struct call *c)
{
    uint64_t error = call_run(w, c);
    if (error == 0)
        return "ok";
    if (error >= CALL_RUNTIME)
        return "runtime";
    const char *name = su_prog_error_name(error);
    return name != NULL ? name : "custom";
}

void call_must(struct world *w, const struct call *c)
{
    const char *outcome = call_try(w, c);
    if (strcmp(outcome, "ok") != 0) {
        fprintf(stderr, "scenario: %s failed: %s\n", c->info->name, outcome);
        abort();
    }
}

/* ---- builders -------------------------------------------------------------------------------- */

void call_init(struct world *w, struct call *c)
{
    uint8_t config[32];
    call_begin(w, c, SU_IX_INIT);
    at_config(w, 0, config);
    call_set(c, "config", config);
    memcpy(CALL_ARGS(c, init)->genesis, w->genesis, 32);
    CALL_ARGS(c, init)->params = w->params;
}

static void oracle_name(unsigned i, char name[32])
{
    snprintf(name, 32, "oracle%u", i);
}

static void more_oracle(struct world *w, struct call *c, unsigned i)
{
    char name[32];
    uint8_t key[32];
    oracle_name(i, name);
    world_key(name, key);
    at_key(w, "oracle", key, key);
    call_more(c, key);
}

void call_config_next(struct world *w, struct call *c, unsigned count, const int *leaving)
{
    const struct su_acc_state *state = world_read(w, SU_TAG_STATE, w->state);
    uint8_t key[32];
    call_begin(w, c, SU_IX_CONFIG_NEXT);
    at_config(w, state->latest_epoch, key);
    call_set(c, "latest", key);
    at_config(w, state->latest_epoch + 1, key);
    call_set(c, "next", key);
    CALL_ARGS(c, config_next)->oracle_count = count;
    CALL_ARGS(c, config_next)->params = w->params;
    for (unsigned i = 0; i < count; i++)
        more_oracle(w, c, i);
    for (; leaving != NULL && *leaving >= 0; leaving++)
        more_oracle(w, c, (unsigned)*leaving);
}

void call_admin_set(struct world *w, struct call *c, const char *next)
{
    call_begin(w, c, SU_IX_ADMIN_SET);
    call_set_name(c, "new_admin", next);
}

/* depositor, from and amount. */
static void deposit(struct world *w, struct call *c, uint8_t number, const char *from,
                    uint64_t amount)
{
    uint8_t key[32];
    call_begin(w, c, number);
    call_set_name(c, "depositor", from);
    world_key_of(from, "usdc", key);
    call_set(c, "from", key);
    CALL_ARGS(c, amount)->amount = amount;
}

void call_pool_deposit(struct world *w, struct call *c, const char *from, uint64_t amount)
{
    deposit(w, c, SU_IX_POOL_DEPOSIT, from, amount);
}

static void set_oracle(struct world *w, struct call *c, const char *oracle)
{
    uint8_t key[32];
    world_key(oracle, key);
    at_key(w, "oracle", key, key);
    call_set(c, "oracle", key);
}

void call_oracle_register(struct world *w, struct call *c, const char *oracle)
{
    uint8_t key[32];
    call_begin(w, c, SU_IX_ORACLE_REGISTER);
    call_set_name(c, "key", oracle);
    world_key_of(oracle, "owner", key);
    call_set(c, "owner", key);
    set_oracle(w, c, oracle);
    struct su_ix_oracle_register *ix = CALL_ARGS(c, oracle_register);
    world_vrf_key(oracle, ix->vrf_key);
    ix->endpoint_len =
        (uint64_t)snprintf((char *)ix->endpoint, SU_ENDPOINT_MAX, "http://%s", oracle);
}

void call_oracle_bond(struct world *w, struct call *c, const char *oracle, uint64_t amount)
{
    char owner[64];
    snprintf(owner, sizeof owner, "%s.owner", oracle);
    deposit(w, c, SU_IX_ORACLE_BOND, owner, amount);
    set_oracle(w, c, oracle);
}

/* owner and to. */
static void payout(struct world *w, struct call *c, uint8_t number, const char *owner)
{
    uint8_t key[32];
    call_begin(w, c, number);
    call_set_name(c, "owner", owner);
    world_key_of(owner, "usdc", key);
    call_set(c, "to", key);
}

void call_oracle_withdraw(struct world *w, struct call *c, const char *oracle, uint64_t earned,
                          uint64_t bond)
{
    char owner[64];
    snprintf(owner, sizeof owner, "%s.owner", oracle);
    payout(w, c, SU_IX_ORACLE_WITHDRAW, owner);
    set_oracle(w, c, oracle);
    CALL_ARGS(c, oracle_withdraw)->earned = earned;
    CALL_ARGS(c, oracle_withdraw)->bond = bond;
}

void call_oracle_close(struct world *w, struct call *c, const char *oracle)
{
    char owner[64];
    snprintf(owner, sizeof owner, "%s.owner", oracle);
    call_begin(w, c, SU_IX_ORACLE_CLOSE);
    call_set_name(c, "owner", owner);
    set_oracle(w, c, oracle);
}

void call_model_create(struct world *w, struct call *c, const char *digest, uint16_t tasks,
                       uint16_t sample_task)
{
    uint8_t d[32];
    world_key(digest, d);
    at_model(w, w->creator, d, w->model);
    call_begin(w, c, SU_IX_MODEL_CREATE);
    struct su_ix_model_create *ix = CALL_ARGS(c, model_create);
    memcpy(ix->digest, d, 32);
    ix->task_count = tasks;
    ix->sample_task = sample_task;
    ix->name_len = (uint8_t)snprintf((char *)ix->name, SU_NAME_MAX, "%s", digest);
    ix->uri_len = (uint8_t)snprintf((char *)ix->uri, SU_URI_MAX, "https://models/%s", digest);
}

void call_task_add(struct world *w, struct call *c, uint16_t index, bool in, bool out)
{
    uint8_t key[32];
    call_begin(w, c, SU_IX_TASK_ADD);
    at_task(w, index, key);
    call_set(c, "task", key);
    struct su_ix_task_add *ix = CALL_ARGS(c, task_add);
    memset(ix->graph_digest, 0x11 + index, 32);
    memset(ix->weights_digest, 0x71 + index, 32);
    ix->index = index;
    ix->input_count = ix->output_count = 1;
    ix->vram_fixed_bytes = 1u << 20;
    ix->macs_per_step = SU_MACS_PER_UNIT / 2;
    ix->weight_bytes = 1u << 20;
    ix->fee_unit = w->params.fee_unit;
    ix->sampling_ppm = w->params.sampling_min_ppm;
    ix->uri_len = (uint8_t)snprintf((char *)ix->uri, SU_URI_MAX, "https://tasks/%u", index);
    for (unsigned i = 0; i < 2; i++) {
        ix->specs[i].dtype = 1;
        ix->specs[i].rank = 2;
        ix->specs[i].dims[0] = 1;
        ix->specs[i].dims[1] = 8;
        if (i == 0 ? in : out)
            ix->specs[i].flags = SU_SPEC_EXTERNAL;
    }
}

void call_connect(struct world *w, struct call *c, uint16_t first, unsigned count)
{
    uint8_t key[32];
    call_begin(w, c, SU_IX_CONNECT);
    CALL_ARGS(c, connect)->count = count;
    for (unsigned i = 0; i <= count; i++) {
        at_task(w, (uint16_t)(first + i), key);
        call_more(c, key);
        if (i < count) {
            CALL_ARGS(c, connect)->edges[i].from = (uint8_t)i;
            CALL_ARGS(c, connect)->edges[i].to = (uint8_t)(i + 1);
        }
    }
}

void call_model_feedback(struct world *w, struct call *c, uint16_t from, uint16_t to)
{
    uint8_t key[32];
    call_begin(w, c, SU_IX_MODEL_FEEDBACK);
    at_task(w, from, key);
    call_set(c, "from", key);
    at_task(w, to, key);
    call_set(c, "to", key);
}

void call_model_finalise(struct world *w, struct call *c)
{
    call_begin(w, c, SU_IX_MODEL_FINALISE);
}

void call_model_discard(struct world *w, struct call *c, int task)
{
    uint8_t key[32];
    call_begin(w, c, SU_IX_MODEL_DISCARD);
    memcpy(key, w->model, 32);
    if (task >= 0)
        at_task(w, (uint16_t)task, key);
    call_set(c, "object", key);
}

static void set_node(struct world *w, struct call *c, const char *node)
{
    uint8_t key[32];
    world_key(node, key);
    at_key(w, "node", key, key);
    call_set(c, "node", key);
}

static void describe(struct world *w, struct call *c, const char *node)
{
    set_node(w, c, node);
    call_set_name(c, "identity", node);
    struct su_ix_node_register *ix = CALL_ARGS(c, node_register);
    ix->vram_bytes = 4ull << 30;
    ix->numerics_version = w->params.numerics_version;
    memset(ix->conformance_root, 0x42, 32);
    ix->endpoint_len = (uint32_t)snprintf((char *)ix->endpoint, SU_ENDPOINT_MAX, "tcp://%s", node);
}

void call_node_register(struct world *w, struct call *c, const char *node, const char *owner)
{
    call_begin(w, c, SU_IX_NODE_REGISTER);
    describe(w, c, node);
    call_set_name(c, "owner", owner);
}

void call_node_update(struct world *w, struct call *c, const char *node)
{
    call_begin(w, c, SU_IX_NODE_UPDATE);
    describe(w, c, node);
}

static void set_declaration(struct world *w, struct call *c, const char *owner, uint16_t task)
{
    uint8_t key[32], owner_key[32];
    at_task(w, task, key);
    call_set(c, "task", key);
    world_key(owner, owner_key);
    at_declared(w, task, owner_key, key);
    call_set(c, "declaration", key);
}

void call_node_declare(struct world *w, struct call *c, const char *node, const char *owner,
                       uint16_t task)
{
    call_begin(w, c, SU_IX_NODE_DECLARE);
    call_set_name(c, "identity", node);
    set_node(w, c, node);
    set_declaration(w, c, owner, task);
}

void call_node_undeclare(struct world *w, struct call *c, const char *node, const char *owner,
                         uint16_t task)
{
    call_begin(w, c, SU_IX_NODE_UNDECLARE);
    call_set_name(c, "signer", node);
    set_node(w, c, node);
    set_declaration(w, c, owner, task);
}

void call_stake_deposit(struct world *w, struct call *c, const char *from, const char *node,
                        uint64_t amount)
{
    deposit(w, c, SU_IX_STAKE_DEPOSIT, from, amount);
    set_node(w, c, node);
}

void call_stake_unlock(struct world *w, struct call *c, const char *node, const char *owner,
                       uint64_t amount)
{
    call_begin(w, c, SU_IX_STAKE_UNLOCK);
    call_set_name(c, "owner", owner);
    set_node(w, c, node);
    CALL_ARGS(c, amount)->amount = amount;
}

void call_stake_withdraw(struct world *w, struct call *c, const char *node, const char *owner,
                         uint64_t ticket)
{
    payout(w, c, SU_IX_STAKE_WITHDRAW, owner);
    set_node(w, c, node);
    CALL_ARGS(c, stake_withdraw)->ticket = ticket;
}

void call_earnings_claim(struct world *w, struct call *c, const char *node, const char *owner)
{
    payout(w, c, SU_IX_EARNINGS_CLAIM, owner);
    set_node(w, c, node);
}

void call_node_close(struct world *w, struct call *c, const char *node, const char *owner)
{
    call_begin(w, c, SU_IX_NODE_CLOSE);
    call_set_name(c, "owner", owner);
    set_node(w, c, node);
}

void call_refund_claim(struct world *w, struct call *c, const char *requestor)
{
    uint8_t key[32];
    call_begin(w, c, SU_IX_REFUND_CLAIM);
    call_set_name(c, "key", requestor);
    world_key_of(requestor, "usdc", key);
    call_set(c, "to", key);
    world_key(requestor, key);
    at_key(w, "requestor", key, key);
    call_set(c, "requestor", key);
}

void call_claim_pay(struct world *w, struct call *c, uint64_t seq, const char *node)
{
    uint8_t key[32];
    call_begin(w, c, SU_IX_CLAIM_PAY);
    at_claim(w, seq, key);
    call_set(c, "claim", key);
    set_node(w, c, node);
}

/* ---- scenes ---------------------------------------------------------------------------------- */

void world_person(struct world *w, const char *name, uint64_t usdc)
{
    uint8_t key[32], token[32];
    world_key(name, key);
    world_key_of(name, "usdc", token);
    world_fund(w, key, LAMPORTS);
    bank_token_set(w->bank, token, w->mint, key, usdc);
}

struct world *world_bare(void)
{
    struct world *w = calloc(1, sizeof *w);
    if (w == NULL)
        abort();
    world_key("program", w->program);
    w->bank = bank_new(w->program);
    bank_clock(w->bank, 1000);
    world_advance(w, 1);
    world_key("admin", w->admin);
    world_key("payer", w->payer);
    world_key("mint", w->mint);
    world_key("vault", w->vault);
    world_key("creator", w->creator);
    world_key("requestor", w->requestor);
    world_key("genesis", w->genesis);
    at_single(w, "vault", w->vault_authority);
    at_single(w, "state", w->state);
    at_single(w, "pool", w->pool);
    su_params_default(&w->params);
    world_fund(w, w->program, LAMPORTS);
    world_fund(w, w->payer, LAMPORTS);
    bank_mint_set(w->bank, w->mint, 6);
    bank_token_set(w->bank, w->vault, w->mint, w->vault_authority, 0);
    world_person(w, "requestor", 1000000ull * SU_USDC);
    return w;
}

void world_free(struct world *w)
{
    bank_free(w->bank);
    free(w);
}

struct world *world_new(void)
{
    struct world *w = world_bare();
    struct call c;
    call_init(w, &c);
    call_must(w, &c);
    return w;
}

void world_oracles(struct world *w, unsigned count)
{
    struct call c;
    for (unsigned i = 0; i < count; i++) {
        char name[32], owner[64];
        oracle_name(i, name);
        snprintf(owner, sizeof owner, "%s.owner", name);
        world_person(w, name, 0);
        world_person(w, owner, 100000ull * SU_USDC);
        call_oracle_register(w, &c, name);
        call_must(w, &c);
        call_oracle_bond(w, &c, name, w->params.oracle_bond);
        call_must(w, &c);
    }
    call_config_next(w, &c, count, NULL);
    call_must(w, &c);
    w->epoch = 1;
}

void world_model(struct world *w, const char *digest, uint16_t tasks, bool final)
{
    struct call c;
    call_model_create(w, &c, digest, tasks, SU_NO_TASK);
    call_must(w, &c);
    for (uint16_t i = 0; i < tasks; i++) {
        call_task_add(w, &c, i, i == 0, i + 1 == tasks);
        call_must(w, &c);
    }
    for (uint16_t i = 0; i + 1 < tasks; i++) {
        call_connect(w, &c, i, 1);
        call_must(w, &c);
    }
    if (!final)
        return;
    call_model_finalise(w, &c);
    call_must(w, &c);
}

void world_node(struct world *w, const char *node, const char *owner, uint64_t stake)
{
    struct call c;
    world_person(w, node, 0);
    world_person(w, owner, 100000ull * SU_USDC);
    call_node_register(w, &c, node, owner);
    call_must(w, &c);
    if (stake == 0)
        return;
    call_stake_deposit(w, &c, owner, node, stake);
    call_must(w, &c);
}

void world_declare(struct world *w, const char *node, const char *owner, uint16_t tasks)
{
    struct call c;
    for (uint16_t i = 0; i < tasks; i++) {
        call_node_declare(w, &c, node, owner, i);
        call_must(w, &c);
    }
}

struct world *world_full(unsigned oracles, unsigned tasks)
{
    struct world *w = world_new();
    world_oracles(w, oracles);
    world_model(w, "model", (uint16_t)tasks, true);
    for (unsigned i = 0; i < 3; i++) {
        char node[32], owner[32];
        snprintf(node, sizeof node, "node%u", i);
        snprintf(owner, sizeof owner, "owner%u", i);
        world_node(w, node, owner, 10000ull * SU_USDC);
        world_declare(w, node, owner, (uint16_t)tasks);
    }
    return w;
}
