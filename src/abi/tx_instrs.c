// SPDX-License-Identifier: MIT
#include "abi.h"

enum {
    BUDGET_LIMIT = 2,
    BUDGET_PRICE = 3,
    BUDGET_LIMIT_BYTES = 5,
    BUDGET_PRICE_BYTES = 9,
    SYSTEM_TRANSFER = 2,
    SYSTEM_TRANSFER_BYTES = 12,
    TOKEN_TRANSFER_CHECKED = 12,
    TOKEN_TRANSFER_CHECKED_BYTES = 10,
    ATA_CREATE_IDEMPOTENT = 1,
};

/* 11111111111111111111111111111111 */
const uint8_t su_system_id[32] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
                                  0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
/* TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA */
const uint8_t su_token_id[32] = {0x06, 0xdd, 0xf6, 0xe1, 0xd7, 0x65, 0xa1, 0x93, 0xd9, 0xcb, 0xe1,
                                 0x46, 0xce, 0xeb, 0x79, 0xac, 0x1c, 0xb4, 0x85, 0xed, 0x5f, 0x5b,
                                 0x37, 0x91, 0x3a, 0x8c, 0xf5, 0x85, 0x7e, 0xff, 0x00, 0xa9};
/* ATokenGPvbdGVxr1b2hvZbsiqW5xWH25efTNsLJA8knL */
const uint8_t su_ata_id[32] = {0x8c, 0x97, 0x25, 0x8f, 0x4e, 0x24, 0x89, 0xf1, 0xbb, 0x3d, 0x10,
                               0x29, 0x14, 0x8e, 0x0d, 0x83, 0x0b, 0x5a, 0x13, 0x99, 0xda, 0xff,
                               0x10, 0x84, 0x04, 0x8e, 0x7b, 0xd8, 0xdb, 0xe9, 0xf8, 0x59};
/* ComputeBudget111111111111111111111111111111 */
const uint8_t su_budget_id[32] = {0x03, 0x06, 0x46, 0x6f, 0xe5, 0x21, 0x17, 0x32, 0xff, 0xec, 0xad,
                                  0xba, 0x72, 0xc3, 0x9b, 0xe7, 0xbc, 0x8c, 0xe5, 0xbb, 0xc5, 0xf7,
                                  0x12, 0x6b, 0x2c, 0x43, 0x9b, 0x3a, 0x40, 0x00, 0x00, 0x00};
/* SpLitUp111111111111111111111111111111111111 */
const uint8_t su_splitup_id[32] = {0x06, 0x9d, 0x0c, 0x3b, 0x34, 0xa1, 0xd1, 0xbc, 0xb5, 0x3e, 0x31,
                                   0x7f, 0xfa, 0x36, 0xce, 0x32, 0xea, 0x0c, 0x8e, 0xa6, 0x5f, 0xb6,
                                   0xc5, 0xa7, 0x64, 0xd3, 0xe0, 0x10, 0x00, 0x00, 0x00, 0x00};

static void begin(struct su_small_instr *out, const uint8_t program[32], uint16_t n_metas,
                  uint16_t data_bytes)
{
    su_free_zero(out, sizeof *out);
    su_free_copy(out->instr.program, program, 32);
    out->instr.metas = out->metas;
    out->instr.n_metas = n_metas;
    out->instr.data = out->data;
    out->instr.data_bytes = data_bytes;
}

static void meta(struct su_small_instr *out, unsigned i, const uint8_t key[32], bool writable)
{
    su_free_copy(out->metas[i].key, key, 32);
    out->metas[i].writable = writable;
}

void su_instr_unit_limit(struct su_small_instr *out, uint32_t units)
{
    begin(out, su_budget_id, 0, BUDGET_LIMIT_BYTES);
    out->data[0] = BUDGET_LIMIT;
    su_free_store32(out->data + 1, units);
}

void su_instr_unit_price(struct su_small_instr *out, uint64_t price)
{
    begin(out, su_budget_id, 0, BUDGET_PRICE_BYTES);
    out->data[0] = BUDGET_PRICE;
    su_free_store64(out->data + 1, price);
}

static bool is_budget(const struct su_instr *i, uint8_t kind, uint16_t bytes)
{
    return su_free_key_equal(i->program, su_budget_id) && i->data_bytes == bytes &&
           i->data[0] == kind && i->n_metas == 0;
}

bool su_instr_is_unit_limit(const struct su_instr *i, uint32_t *units)
{
    if (!is_budget(i, BUDGET_LIMIT, BUDGET_LIMIT_BYTES))
        return false;
    *units = su_free_load32(i->data + 1);
    return true;
}

bool su_instr_is_unit_price(const struct su_instr *i, uint64_t *price)
{
    if (!is_budget(i, BUDGET_PRICE, BUDGET_PRICE_BYTES))
        return false;
    *price = su_free_load64(i->data + 1);
    return true;
}

void su_instr_transfer(struct su_small_instr *out, const uint8_t from[32], const uint8_t to[32],
                       uint64_t lamports)
{
    begin(out, su_system_id, 2, SYSTEM_TRANSFER_BYTES);
    meta(out, 0, from, true);
    out->metas[0].signer = true;
    meta(out, 1, to, true);
    su_free_store32(out->data, SYSTEM_TRANSFER);
    su_free_store64(out->data + 4, lamports);
}

void su_instr_token_transfer(struct su_small_instr *out, const struct su_token_move *m)
{
    begin(out, su_token_id, 4, TOKEN_TRANSFER_CHECKED_BYTES);
    meta(out, 0, m->from, true);
    meta(out, 1, m->mint, false);
    meta(out, 2, m->to, true);
    meta(out, 3, m->authority, false);
    out->metas[3].signer = true;
    out->data[0] = TOKEN_TRANSFER_CHECKED;
    su_free_store64(out->data + 1, m->amount);
    out->data[9] = m->decimals;
}

void su_instr_ata_create(struct su_small_instr *out, const uint8_t payer[32],
                         const uint8_t account[32], const uint8_t owner[32], const uint8_t mint[32])
{
    begin(out, su_ata_id, 6, 1);
    meta(out, 0, payer, true);
    out->metas[0].signer = true;
    meta(out, 1, account, true);
    meta(out, 2, owner, false);
    meta(out, 3, mint, false);
    meta(out, 4, su_system_id, false);
    meta(out, 5, su_token_id, false);
    out->data[0] = ATA_CREATE_IDEMPOTENT;
}
