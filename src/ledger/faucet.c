// SPDX-License-Identifier: MIT
/* The faucet gives by transactions like any other: signed, paid for, in the history. */
#include "bank.h"
#include "crypto/crypto.h"

#include <string.h>

#define GIFT_MAX_LAMPORTS 100000000000000u /* 100 000 SOL */
enum { MIX = 1000000, UNITS_MIN = 60000 };

/* A message under construction: one signer, the faucet, at key 0. */
struct draft {
    struct su_buf b;
};

static void begin(struct draft *d, struct su_ledger *l, const uint8_t *const *keys, size_t n,
                  uint8_t n_readonly, uint8_t n_instrs)
{
    struct su_ledger_now now;

    su_ledger_now(l, &now);
    su_buf_init(&d->b, SU_LEDGER_TX_MAX_BYTES);
    su_buf_u8(&d->b, 1);
    for (size_t i = 0; i < SU_LEDGER_SIG_BYTES; i++) {
        su_buf_u8(&d->b, 0);
    }
    su_buf_u8(&d->b, 1);
    su_buf_u8(&d->b, 0);
    su_buf_u8(&d->b, n_readonly);
    su_buf_u8(&d->b, (uint8_t)n);
    for (size_t i = 0; i < n; i++) {
        su_buf_put(&d->b, keys[i], 32);
    }
    su_buf_put(&d->b, now.blockhash, 32);
    su_buf_u8(&d->b, n_instrs);
}

static void instr(struct draft *d, uint8_t program, const uint8_t *accounts, uint8_t n_accounts,
                  const uint8_t *data, uint8_t n)
{
    su_buf_u8(&d->b, program);
    su_buf_u8(&d->b, n_accounts);
    su_buf_put(&d->b, accounts, n_accounts);
    su_buf_u8(&d->b, n);
    su_buf_put(&d->b, data, n);
}

/* Two equal gifts in one slot must be two transactions: the unit limit differs, the price is 0. */
static void unique(struct draft *d, struct su_ledger *l, uint8_t program)
{
    uint8_t data[5] = {2};

    pthread_mutex_lock(&l->mutex);
    su_put_le32(data + 1, (uint32_t)(UNITS_MIN + l->airdrops++ % MIX));
    pthread_mutex_unlock(&l->mutex);
    instr(d, program, NULL, 0, data, sizeof data);
}

static enum su_code send(struct draft *d, struct su_ledger *l, uint8_t sig[64], struct su_err *e)
{
    enum su_code c = su_buf_check(&d->b, "airdrop", e);
    struct su_ledger_tx tx;
    struct su_ledger_result r = {0};

    if (c == SU_OK) {
        size_t head = 1 + SU_LEDGER_SIG_BYTES;

        su_ed25519_sign(l->faucet_secret, d->b.data + head, d->b.len - head, d->b.data + 1);
        c = su_ledger_tx_parse(d->b.data, d->b.len, &tx, e);
    }
    su_buf_fini(&d->b);
    if (c != SU_OK) {
        return c;
    }
    c = su_ledger_submit(l, &tx, SU_LEDGER_WAIT, &r, e);
    if (c == SU_OK && r.failure.tx != SU_LEDGER_TX_OK) {
        char text[200];

        c = su_fail(e, SU_EINVAL, "airdrop", "%s",
                    su_ledger_failure_text(&r.failure, text, sizeof text));
    }
    if (sig != NULL) {
        memcpy(sig, su_ledger_tx_sig(&tx, 0), SU_LEDGER_SIG_BYTES);
    }
    su_ledger_result_fini(&r);
    return c;
}

enum su_code su_ledger_airdrop(struct su_ledger *l, const uint8_t to[32], uint64_t lamports,
                               uint8_t sig[64], struct su_err *e)
{
    const uint8_t *const keys[] = {l->faucet, to, su_ledger_system_id, su_ledger_budget_id};
    static const uint8_t accounts[2] = {0, 1};
    uint8_t data[12] = {2};
    struct draft d;

    if (lamports == 0 || lamports > GIFT_MAX_LAMPORTS) {
        return su_fail(e, SU_EINVAL, "airdrop", "%llu lamports: ask for 1 to %llu",
                       (unsigned long long)lamports, (unsigned long long)GIFT_MAX_LAMPORTS);
    }
    su_put_le64(data + 4, lamports);
    begin(&d, l, keys, SU_ARRAY_LEN(keys), 2, 2);
    unique(&d, l, 3);
    instr(&d, 2, accounts, sizeof accounts, data, sizeof data);
    return send(&d, l, sig, e);
}

enum su_code su_ledger_airdrop_usdc(struct su_ledger *l, const uint8_t owner[32], uint64_t amount,
                                    uint8_t sig[64], struct su_err *e)
{
    uint8_t ata[32], data[9] = {7};
    const uint8_t *const keys[] = {l->faucet,
                                   l->mint,
                                   ata,
                                   owner,
                                   su_ledger_system_id,
                                   su_ledger_token_id,
                                   su_ledger_ata_id,
                                   su_ledger_budget_id};
    static const uint8_t create[] = {0, 2, 3, 1, 4, 5}, mint[] = {1, 2, 0}, idempotent = 1;
    struct draft d;

    if (amount == 0) {
        return su_fail(e, SU_EINVAL, "airdrop", "an amount of 0 USDC");
    }
    su_ledger_ata(owner, l->mint, ata);
    su_put_le64(data + 1, amount);
    begin(&d, l, keys, SU_ARRAY_LEN(keys), 5, 3);
    unique(&d, l, 7);
    instr(&d, 6, create, sizeof create, &idempotent, 1);
    instr(&d, 5, mint, sizeof mint, data, sizeof data);
    return send(&d, l, sig, e);
}
