// SPDX-License-Identifier: MIT
/* The System program: bincode instructions, tag u32. Nonce accounts are not kept. */
#include "exec.h"

#include <string.h>

enum tag {
    CREATE_ACCOUNT,
    ASSIGN,
    TRANSFER,
    CREATE_ACCOUNT_WITH_SEED,
    ADVANCE_NONCE,
    WITHDRAW_NONCE,
    INITIALIZE_NONCE,
    AUTHORIZE_NONCE,
    ALLOCATE,
    ALLOCATE_WITH_SEED,
    ASSIGN_WITH_SEED,
    TRANSFER_WITH_SEED,
    UPGRADE_NONCE
};
enum error { ALREADY_IN_USE = 0, NEGATIVE_LAMPORTS = 1, BAD_DATA_LENGTH = 3, SEED_MISMATCH = 5 };

struct call {
    struct su_ledger_exec *x;
    struct su_ledger_frame *f;
    struct su_reader r;
};
/* An address that may have been made of a base and a seed: then the base signs for it. */
struct address {
    const uint8_t *key, *base;
};

static const uint8_t *key_at(const struct call *c, size_t i)
{
    return su_ledger_frame_work(c->x, c->f, i)->key;
}

/* As Solana collects signers: over all accounts of the instruction. */
static bool signs(const struct call *c, const uint8_t key[32])
{
    for (size_t i = 0; i < c->f->n; i++) {
        if (c->f->metas[i].signer && memcmp(key_at(c, i), key, 32) == 0) {
            return true;
        }
    }
    return false;
}

static bool address_signs(const struct call *c, const struct address *a)
{
    return signs(c, a->base != NULL ? a->base : a->key);
}

static const uint8_t *read_key(struct call *c)
{
    return su_read_bytes(&c->r, 32);
}

static const uint8_t *read_text(struct call *c, size_t *n)
{
    uint64_t len = su_read_u64(&c->r);

    *n = len <= su_read_left(&c->r) ? (size_t)len : 0;
    if (len > su_read_left(&c->r)) {
        c->r.failed = true;
        return NULL;
    }
    return su_read_bytes(&c->r, *n);
}

static uint64_t seeded(struct call *c, const uint8_t *key, const uint8_t *base, const uint8_t *seed,
                       size_t n, const uint8_t *owner, struct address *a)
{
    uint8_t derived[32];
    char want[SU_LEDGER_TEXT], have[SU_LEDGER_TEXT];

    if (n > 32) {
        return SU_IE(MaxSeedLengthExceeded);
    }
    if (!su_ledger_address_with_seed(base, seed, n, owner, derived)) {
        return SU_IE(IllegalOwner);
    }
    if (memcmp(derived, key, 32) != 0) {
        su_ledger_log(c->x, "Create: address %s does not match derived address %s",
                      su_ledger_key_text(key, have), su_ledger_key_text(derived, want));
        return SU_IE_CUSTOM(SEED_MISMATCH);
    }
    *a = (struct address){key, base};
    return 0;
}

static uint64_t allocate(struct call *c, size_t i, const struct address *a, uint64_t bytes)
{
    const struct su_ledger_work *w = su_ledger_frame_work(c->x, c->f, i);
    char text[SU_LEDGER_TEXT];

    su_ledger_key_text(a->key, text);
    if (!address_signs(c, a)) {
        su_ledger_log(c->x, "Allocate: 'to' account %s must sign", text);
        return SU_IE(MissingRequiredSignature);
    }
    if (w->data_bytes != 0 || memcmp(w->owner, su_ledger_system_id, 32) != 0) {
        su_ledger_log(c->x, "Allocate: account %s already in use", text);
        return SU_IE_CUSTOM(ALREADY_IN_USE);
    }
    if (bytes > SU_LEDGER_DATA_MAX_BYTES) {
        su_ledger_log(c->x, "Allocate: requested %llu, max allowed %u", (unsigned long long)bytes,
                      SU_LEDGER_DATA_MAX_BYTES);
        return SU_IE_CUSTOM(BAD_DATA_LENGTH);
    }
    return su_ledger_set_size(c->x, c->f, i, bytes);
}

static uint64_t assign(struct call *c, size_t i, const struct address *a, const uint8_t *owner)
{
    const struct su_ledger_work *w = su_ledger_frame_work(c->x, c->f, i);
    char text[SU_LEDGER_TEXT];

    if (memcmp(w->owner, owner, 32) == 0) {
        return 0;
    }
    if (!address_signs(c, a)) {
        su_ledger_log(c->x, "Assign: account %s must sign", su_ledger_key_text(a->key, text));
        return SU_IE(MissingRequiredSignature);
    }
    return su_ledger_set_owner(c->x, c->f, i, owner);
}

static uint64_t transfer_verified(struct call *c, size_t from, size_t to, uint64_t lamports)
{
    const struct su_ledger_work *w = su_ledger_frame_work(c->x, c->f, from);
    uint64_t code, sum;

    if (w->data_bytes != 0) {
        su_ledger_log(c->x, "Transfer: `from` must not carry data");
        return SU_IE(InvalidArgument);
    }
    if (lamports > w->lamports) {
        su_ledger_log(c->x, "Transfer: insufficient lamports %llu, need %llu",
                      (unsigned long long)w->lamports, (unsigned long long)lamports);
        return SU_IE_CUSTOM(NEGATIVE_LAMPORTS);
    }
    code = su_ledger_set_lamports(c->x, c->f, from, w->lamports - lamports);
    if (code != 0) {
        return code;
    }
    if (!su_add_u64(su_ledger_frame_work(c->x, c->f, to)->lamports, lamports, &sum)) {
        return SU_IE(ArithmeticOverflow);
    }
    return su_ledger_set_lamports(c->x, c->f, to, sum);
}

static uint64_t transfer(struct call *c, size_t from, size_t to, uint64_t lamports)
{
    char text[SU_LEDGER_TEXT];

    if (!c->f->metas[from].signer) {
        su_ledger_log(c->x, "Transfer: `from` account %s must sign",
                      su_ledger_key_text(key_at(c, from), text));
        return SU_IE(MissingRequiredSignature);
    }
    return transfer_verified(c, from, to, lamports);
}

static uint64_t create(struct call *c, const struct address *a, uint64_t lamports, uint64_t bytes,
                       const uint8_t *owner)
{
    char text[SU_LEDGER_TEXT];
    uint64_t code;

    if (su_ledger_frame_work(c->x, c->f, 1)->lamports > 0) {
        su_ledger_log(c->x, "Create Account: account %s already in use",
                      su_ledger_key_text(a->key, text));
        return SU_IE_CUSTOM(ALREADY_IN_USE);
    }
    if ((code = allocate(c, 1, a, bytes)) != 0 || (code = assign(c, 1, a, owner)) != 0) {
        return code;
    }
    return transfer(c, 0, 1, lamports);
}

static uint64_t do_create(struct call *c)
{
    uint64_t lamports = su_read_u64(&c->r), bytes = su_read_u64(&c->r);
    const uint8_t *owner = read_key(c);

    if (c->r.failed) {
        return SU_IE(InvalidInstructionData);
    }
    if (c->f->n < 2) {
        return SU_IE(MissingAccount);
    }
    return create(c, &(struct address){key_at(c, 1), NULL}, lamports, bytes, owner);
}

static uint64_t do_create_seeded(struct call *c)
{
    size_t n;
    const uint8_t *base = read_key(c), *seed = read_text(c, &n);
    uint64_t lamports = su_read_u64(&c->r), bytes = su_read_u64(&c->r), code;
    const uint8_t *owner = read_key(c);
    struct address a;

    if (c->r.failed) {
        return SU_IE(InvalidInstructionData);
    }
    if (c->f->n < 2) {
        return SU_IE(MissingAccount);
    }
    code = seeded(c, key_at(c, 1), base, seed, n, owner, &a);
    return code != 0 ? code : create(c, &a, lamports, bytes, owner);
}

static uint64_t do_assign(struct call *c)
{
    const uint8_t *owner = read_key(c);

    if (c->r.failed) {
        return SU_IE(InvalidInstructionData);
    }
    if (c->f->n < 1) {
        return SU_IE(MissingAccount);
    }
    return assign(c, 0, &(struct address){key_at(c, 0), NULL}, owner);
}

static uint64_t do_transfer(struct call *c)
{
    uint64_t lamports = su_read_u64(&c->r);

    if (c->r.failed) {
        return SU_IE(InvalidInstructionData);
    }
    return c->f->n < 2 ? SU_IE(MissingAccount) : transfer(c, 0, 1, lamports);
}

static uint64_t do_allocate(struct call *c)
{
    uint64_t bytes = su_read_u64(&c->r);

    if (c->r.failed) {
        return SU_IE(InvalidInstructionData);
    }
    if (c->f->n < 1) {
        return SU_IE(MissingAccount);
    }
    return allocate(c, 0, &(struct address){key_at(c, 0), NULL}, bytes);
}

static uint64_t do_seeded(struct call *c, bool alloc)
{
    size_t n;
    const uint8_t *base = read_key(c), *seed = read_text(c, &n);
    uint64_t bytes = alloc ? su_read_u64(&c->r) : 0, code;
    const uint8_t *owner = read_key(c);
    struct address a;

    if (c->r.failed) {
        return SU_IE(InvalidInstructionData);
    }
    if (c->f->n < 1) {
        return SU_IE(MissingAccount);
    }
    if ((code = seeded(c, key_at(c, 0), base, seed, n, owner, &a)) != 0) {
        return code;
    }
    if (alloc && (code = allocate(c, 0, &a, bytes)) != 0) {
        return code;
    }
    return assign(c, 0, &a, owner);
}

/* Accounts: from (derived), its base, to. */
static uint64_t do_transfer_seeded(struct call *c)
{
    uint64_t lamports = su_read_u64(&c->r), code;
    size_t n;
    const uint8_t *seed = read_text(c, &n), *owner = read_key(c);
    struct address a;
    char text[SU_LEDGER_TEXT];

    if (c->r.failed) {
        return SU_IE(InvalidInstructionData);
    }
    if (c->f->n < 3) {
        return SU_IE(MissingAccount);
    }
    if (!c->f->metas[1].signer) {
        su_ledger_log(c->x, "Transfer: 'from' account %s must sign",
                      su_ledger_key_text(key_at(c, 1), text));
        return SU_IE(MissingRequiredSignature);
    }
    code = seeded(c, key_at(c, 0), key_at(c, 1), seed, n, owner, &a);
    return code != 0 ? code : transfer_verified(c, 0, 2, lamports);
}

static uint64_t no_nonces(struct call *c, const char *name)
{
    su_ledger_log(c->x, "%s: this ledger keeps no nonce accounts", name);
    return SU_IE(InvalidInstructionData);
}

uint64_t su_ledger_system(struct su_ledger_exec *x, struct su_ledger_frame *f)
{
    struct call c = {.x = x, .f = f, .r = su_reader_of(f->data, f->data_bytes)};
    uint32_t tag = su_read_u32(&c.r);

    if (c.r.failed) {
        return SU_IE(InvalidInstructionData);
    }
    switch (tag) {
    case CREATE_ACCOUNT:
        return do_create(&c);
    case ASSIGN:
        return do_assign(&c);
    case TRANSFER:
        return do_transfer(&c);
    case CREATE_ACCOUNT_WITH_SEED:
        return do_create_seeded(&c);
    case ALLOCATE:
        return do_allocate(&c);
    case ALLOCATE_WITH_SEED:
        return do_seeded(&c, true);
    case ASSIGN_WITH_SEED:
        return do_seeded(&c, false);
    case TRANSFER_WITH_SEED:
        return do_transfer_seeded(&c);
    case ADVANCE_NONCE:
        return no_nonces(&c, "AdvanceNonceAccount");
    case WITHDRAW_NONCE:
        return no_nonces(&c, "WithdrawNonceAccount");
    case INITIALIZE_NONCE:
        return no_nonces(&c, "InitializeNonceAccount");
    case AUTHORIZE_NONCE:
        return no_nonces(&c, "AuthorizeNonceAccount");
    case UPGRADE_NONCE:
        return no_nonces(&c, "UpgradeNonceAccount");
    default:
        return SU_IE(InvalidInstructionData);
    }
}
