// SPDX-License-Identifier: MIT
/* The machinery of make.h: addresses, batches, and instructions from their rows. */
#include "make_priv.h"

#include <string.h>

enum { MEM_MAX_BYTES = 1 << 20 };

/* ---- addresses ------------------------------------------------------------------------------- */

static void derive(const uint8_t program[32], const struct su_seeds *s, uint8_t out[32])
{
    /* Fails for one in 2^255 seeds at most. */
    SU_ASSERT(su_chain_find_address(s, program, out, NULL));
}

void su_chain_env_of(struct su_chain_env *env, const uint8_t program[32], const uint8_t mint[32],
                     const uint8_t vault[32], const uint8_t genesis[32], uint64_t epoch)
{
    struct su_seeds s;

    memset(env, 0, sizeof *env);
    memcpy(env->program, program, 32);
    memcpy(env->mint, mint, 32);
    memcpy(env->vault, vault, 32);
    memcpy(env->genesis, genesis, 32);
    env->epoch = epoch;
    su_seeds_single(&s, "state");
    derive(program, &s, env->state);
    su_seeds_single(&s, "pool");
    derive(program, &s, env->pool);
    su_seeds_single(&s, "vault");
    derive(program, &s, env->vault_authority);
    su_chain_addr_config(env, epoch, env->config);
}

void su_chain_addr_config(const struct su_chain_env *env, uint64_t epoch, uint8_t out[32])
{
    struct su_seeds s;

    su_seeds_number(&s, "config", epoch);
    derive(env->program, &s, out);
}

static void of_key(const struct su_chain_env *env, const char *name, const uint8_t key[32],
                   uint8_t out[32])
{
    struct su_seeds s;

    su_seeds_key(&s, name, key);
    derive(env->program, &s, out);
}

static void of_keys(const struct su_chain_env *env, const char *name, const uint8_t a[32],
                    const uint8_t b[32], uint8_t out[32])
{
    struct su_seeds s;

    su_seeds_keys(&s, name, a, b);
    derive(env->program, &s, out);
}

static void of_key_u16(const struct su_chain_env *env, const char *name, const uint8_t key[32],
                       uint16_t n, uint8_t out[32])
{
    struct su_seeds s;

    su_seeds_key_u16(&s, name, key, n);
    derive(env->program, &s, out);
}

static void of_key_u64(const struct su_chain_env *env, const char *name, const uint8_t key[32],
                       uint64_t n, uint8_t out[32])
{
    struct su_seeds s;

    su_seeds_key_u64(&s, name, key, n);
    derive(env->program, &s, out);
}

void su_chain_addr_oracle(const struct su_chain_env *env, const uint8_t key[32], uint8_t out[32])
{
    of_key(env, "oracle", key, out);
}

void su_chain_addr_model(const struct su_chain_env *env, const uint8_t creator[32],
                         const uint8_t digest[32], uint8_t out[32])
{
    of_keys(env, "model", creator, digest, out);
}

void su_chain_addr_task(const struct su_chain_env *env, const uint8_t model[32], uint16_t index,
                        uint8_t out[32])
{
    of_key_u16(env, "task", model, index, out);
}

void su_chain_addr_declaration(const struct su_chain_env *env, const uint8_t task[32],
                               const uint8_t owner[32], uint8_t out[32])
{
    of_keys(env, "declared", task, owner, out);
}

void su_chain_addr_node(const struct su_chain_env *env, const uint8_t identity[32], uint8_t out[32])
{
    of_key(env, "node", identity, out);
}

void su_chain_addr_requestor(const struct su_chain_env *env, const uint8_t key[32], uint8_t out[32])
{
    of_key(env, "requestor", key, out);
}

void su_chain_addr_claim(const struct su_chain_env *env, uint64_t seq, uint8_t out[32])
{
    struct su_seeds s;

    su_seeds_number(&s, "claim", seq);
    derive(env->program, &s, out);
}

void su_chain_addr_execution(const struct su_chain_env *env, const uint8_t requestor[32],
                             uint64_t nonce, uint8_t out[32])
{
    of_key_u64(env, "exec", requestor, nonce, out);
}

void su_chain_addr_assignment(const struct su_chain_env *env, const uint8_t execution[32],
                              uint16_t task, uint8_t out[32])
{
    of_key_u16(env, "assign", execution, task, out);
}

void su_chain_addr_check(const struct su_chain_env *env, const uint8_t assignment[32],
                         uint64_t number, uint8_t out[32])
{
    of_key_u64(env, "check", assignment, number, out);
}

void su_chain_addr_reserve(const struct su_chain_env *env, const uint8_t execution[32],
                           const uint8_t identity[32], uint8_t out[32])
{
    of_keys(env, "reserve", execution, identity, out);
}

/* ---- batches --------------------------------------------------------------------------------- */

void su_chain_batch_init(struct su_chain_batch *b, const struct su_chain_env *env,
                         const uint8_t payer[32])
{
    memset(b, 0, sizeof *b);
    b->env = env;
    memcpy(b->payer, payer, 32);
    su_arena_init(&b->mem, MEM_MAX_BYTES);
}

void su_chain_batch_fini(struct su_chain_batch *b)
{
    su_arena_fini(&b->mem);
    memset(b, 0, sizeof *b);
}

enum su_code su_chain_batch_check(const struct su_chain_batch *b, struct su_err *e)
{
    if (b->err.code && e)
        *e = b->err;
    return b->err.code;
}

bool chain_batch_ok(const struct su_chain_batch *b)
{
    return b->err.code == SU_OK;
}

void chain_batch_fail(struct su_chain_batch *b, enum su_code c, const char *at, const char *why)
{
    if (chain_batch_ok(b))
        (void)su_fail(&b->err, c, at, "%s", why);
}

bool chain_put_text(struct su_chain_batch *b, const char *at, const char *text, uint8_t *field,
                    size_t cap, size_t *n)
{
    *n = text ? strlen(text) : 0;
    if (*n > cap) {
        if (chain_batch_ok(b))
            (void)su_fail(&b->err, SU_EINVAL, at, "%zu bytes are more than the %zu possible", *n,
                          cap);
        return false;
    }
    if (*n > 0)
        memcpy(field, text, *n);
    return true;
}

/* Room for one more instruction of that many accounts; NULL once the batch has failed. */
static struct su_meta *append(struct su_chain_batch *b, const uint8_t program[32], size_t n_metas,
                              const void *data, size_t bytes)
{
    if (!chain_batch_ok(b))
        return NULL;
    if (b->n == SU_TX_INSTRS_MAX) {
        chain_batch_fail(b, SU_ELIMIT, "instructions", su_tx_status_text(SU_TX_TOO_MANY_INSTRS));
        return NULL;
    }
    struct su_meta *metas = su_arena_alloc(&b->mem, SU_MAX(n_metas, (size_t)1) * sizeof *metas);
    uint8_t *copy = su_arena_alloc(&b->mem, SU_MAX(bytes, (size_t)1));
    if (!metas || !copy) {
        chain_batch_fail(b, SU_ENOMEM, "instructions", "no memory");
        return NULL;
    }
    if (bytes > 0)
        memcpy(copy, data, bytes);
    struct su_instr *i = &b->instrs[b->n++];
    memcpy(i->program, program, 32);
    i->metas = metas;
    i->n_metas = (uint16_t)n_metas;
    i->data = copy;
    i->data_bytes = (uint16_t)bytes;
    return metas;
}

void su_chain_make_other(struct su_chain_batch *b, const struct su_instr *i)
{
    struct su_meta *metas = append(b, i->program, i->n_metas, i->data, i->data_bytes);

    if (metas && i->n_metas > 0)
        memcpy(metas, i->metas, i->n_metas * sizeof *metas);
}

void su_chain_make_usdc_account(struct su_chain_batch *b, const uint8_t owner[32])
{
    struct su_small_instr i;
    uint8_t account[32];

    su_chain_ata(owner, b->env->mint, account);
    su_instr_ata_create(&i, b->payer, account, owner, b->env->mint);
    su_chain_make_other(b, &i.instr);
}

/* ---- instructions from rows ------------------------------------------------------------------ */

struct chain_roles chain_roles_of(const struct su_chain_batch *b)
{
    const struct su_chain_env *env = b->env;

    return (struct chain_roles){.program = env->program,
                                .payer = b->payer,
                                .state = env->state,
                                .config = env->config,
                                .pool = env->pool,
                                .mint = env->mint,
                                .vault = env->vault,
                                .vault_authority = env->vault_authority,
                                .system = su_system_id,
                                .token = su_token_id};
}

/* One word of a row's accounts: "name", "name:sw", "name*:w". */
struct role {
    const char *name;
    size_t length;
    bool repeats, signer, writable;
};

static const char *next_role(const char *text, struct role *r)
{
    memset(r, 0, sizeof *r);
    while (*text == ' ')
        text++;
    if (*text == '\0')
        return NULL;
    r->name = text;
    r->length = strcspn(text, " :*");
    text += r->length;
    r->repeats = *text == '*';
    text += r->repeats;
    if (*text == ':')
        for (text++; *text != ' ' && *text != '\0'; text++) {
            r->signer = r->signer || *text == 's';
            r->writable = r->writable || *text == 'w';
        }
    return text;
}

static const uint8_t *key_of(const struct chain_roles *roles, const struct role *r)
{
#define X(known)                                                                                   \
    if (r->length == sizeof #known - 1 && memcmp(r->name, #known, r->length) == 0)                 \
        return roles->known;
#include "chain/roles.def"
#undef X
    return NULL;
}

static size_t count_accounts(const struct su_ix_info *info, size_t n_rest)
{
    struct role r;
    size_t n = 0;

    for (const char *p = info->accounts; (p = next_role(p, &r)) != NULL;)
        n += r.repeats ? n_rest : 1;
    return n;
}

void chain_emit(struct su_chain_batch *b, uint8_t number, const struct chain_roles *roles,
                void *data, size_t bytes)
{
    const struct su_ix_info *info = su_ix_info(number);
    struct role r;

    SU_ASSERT(info && info->data_bytes == bytes);
    *(uint8_t *)data = number;
    struct su_meta *m =
        append(b, b->env->program, count_accounts(info, roles->n_rest), data, bytes);
    if (!m)
        return;
    for (const char *p = info->accounts; (p = next_role(p, &r)) != NULL;) {
        const uint8_t *key = key_of(roles, &r);
        size_t n = r.repeats ? roles->n_rest : 1;
        SU_ASSERT(key || r.repeats);
        for (size_t i = 0; i < n; i++, m++) {
            memcpy(m->key, r.repeats ? roles->rest[i] : key, 32);
            m->signer = r.signer;
            m->writable = r.writable ||
                          (r.repeats && roles->rest_every > 0 && (i + 1) % roles->rest_every == 0);
        }
    }
}

void chain_emit_bare(struct su_chain_batch *b, uint8_t number, const struct chain_roles *roles)
{
    struct su_ix ix = {0};

    chain_emit(b, number, roles, &ix, sizeof ix);
}
