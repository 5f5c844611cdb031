// SPDX-License-Identifier: MIT
/* Solana transactions, for native clients: the program does not link tx.c. Instructions into a
   legacy message and back, and the instructions of other programs that every client needs. Format:
   Solana's documentation of transactions ("compact array": lengths as 7-bit groups in at most 3
   bytes), of the Compute Budget, System, Token and Associated Token Account programs. No libc, no
   heap; pure and thread-safe. Included through abi.h. */
#ifndef SU_ABI_TX_H
#define SU_ABI_TX_H

#include "base/free.h"

#define SU_TX_MAX_BYTES 1232u /* of a whole transaction, signatures included */
#define SU_TX_KEYS_MAX 38u /* that fit beside one signature */
#define SU_TX_SIGNERS_MAX 12u
#define SU_TX_INSTRS_MAX 64u
#define SU_TX_METAS_MAX 256u /* over all instructions of one message */

/* One account of an instruction. */
struct su_meta {
    uint8_t key[32];
    bool signer, writable;
};
/* One instruction; metas and data are borrowed. */
struct su_instr {
    uint8_t program[32];
    const struct su_meta *metas;
    const uint8_t *data;
    uint16_t n_metas, data_bytes;
};

enum su_tx_status {
    SU_TX_OK,
    SU_TX_TOO_LONG, /* more than SU_TX_MAX_BYTES */
    SU_TX_TOO_MANY_KEYS,
    SU_TX_TOO_MANY_SIGNERS,
    SU_TX_TOO_MANY_INSTRS,
    SU_TX_TOO_MANY_METAS,
    SU_TX_EMPTY, /* no instruction */
    SU_TX_PROGRAM_PAYS, /* an instruction calls the payer's key as a program */
    SU_TX_TRUNCATED, /* parsing: the bytes end too early */
    SU_TX_TRAILING, /* parsing: bytes follow the message */
    SU_TX_MALFORMED, /* parsing: counts, indices or lengths contradict each other */
    SU_TX_VERSION, /* parsing: neither legacy nor version 0 */
    SU_TX_LOOKUPS, /* parsing: address lookup tables: the accounts are not in the message */
    SU_TX_STATUS_COUNT
};
/* One line: what is wrong, with the limit. "?" when out of range. */
const char *su_tx_status_text(enum su_tx_status s);

/* A transaction: the number of signatures, their room (zero until filled), the message. */
struct su_tx {
    uint8_t wire[SU_TX_MAX_BYTES];
    uint16_t wire_bytes, message_at;
    uint8_t signers; /* keys 0 .. signers - 1 sign, in this order; key 0 pays */
    uint8_t n_keys;
    uint16_t keys_at, blockhash_at; /* in wire */
};
SU_FREE_FN const uint8_t *su_tx_message(const struct su_tx *t)
{
    return t->wire + t->message_at;
}
SU_FREE_FN uint16_t su_tx_message_bytes(const struct su_tx *t)
{
    return (uint16_t)(t->wire_bytes - t->message_at);
}
SU_FREE_FN const uint8_t *su_tx_key(const struct su_tx *t, uint8_t i)
{
    return t->wire + t->keys_at + 32u * i;
}
SU_FREE_FN uint8_t *su_tx_signature(struct su_tx *t, uint8_t i)
{
    return t->wire + 1 + 64u * i; /* at most 127 signers: the count takes one byte */
}

/* Compiles n instructions into a legacy message. Keys: the payer, then signers that are written,
   signers, accounts that are written, the rest; within a class in order of first use. A key passed
   twice gets the union of its rights. On failure *out is undefined. */
enum su_tx_status su_tx_compile(const uint8_t payer[32], const uint8_t blockhash[32],
                                const struct su_instr *instrs, uint64_t n, struct su_tx *out);
/* Position of the signer with that key, -1 when it is none. */
int su_tx_signer_index(const struct su_tx *t, const uint8_t key[32]);

/* A message taken apart; it points into itself and must not be copied. instrs[i].data point into
   the bytes parsed. A meta's rights are those the header gives its key: the union over the whole
   message. */
struct su_tx_parsed {
    int version; /* -1 legacy, 0 */
    uint8_t signers, signers_readonly, others_readonly, n_keys;
    const uint8_t *keys, *blockhash; /* n_keys x 32 bytes; 32 bytes: in the bytes parsed */
    uint16_t n_instrs, n_metas;
    struct su_instr instrs[SU_TX_INSTRS_MAX];
    struct su_meta metas[SU_TX_METAS_MAX];
};
/* Parses a message of hostile origin, legacy or version 0 without lookup tables, of n bytes
   exactly. Keys that occur twice, a program that is the payer, a length in more bytes than it needs
   and indices out of range are SU_TX_MALFORMED. On failure *out is undefined. */
enum su_tx_status su_tx_parse_message(const uint8_t *bytes, uint64_t n, struct su_tx_parsed *out);
/* Takes a whole transaction apart into *t: signature room and where the message lies. The message
   is parsed by su_tx_parse_message into *parsed, which borrows from t. */
enum su_tx_status su_tx_parse(const uint8_t *bytes, uint64_t n, struct su_tx *t,
                              struct su_tx_parsed *parsed);

/* ---- instructions of other programs ---------------------------------------------------------- */

extern const uint8_t su_system_id[32], su_token_id[32], su_ata_id[32], su_budget_id[32];
/* Where a program of ours lives on a ledger of ours: SpLitUp1111... */
extern const uint8_t su_splitup_id[32];

/* Room for one of them; su_instr points into it, so it must neither move nor be copied. */
struct su_small_instr {
    struct su_instr instr;
    struct su_meta metas[6];
    uint8_t data[16];
};
/* SetComputeUnitLimit and SetComputeUnitPrice (millionths of a lamport per unit). */
void su_instr_unit_limit(struct su_small_instr *out, uint32_t units);
void su_instr_unit_price(struct su_small_instr *out, uint64_t price);
/* True, and *units or *price (the other untouched) when it is one of the two. */
bool su_instr_is_unit_limit(const struct su_instr *i, uint32_t *units);
bool su_instr_is_unit_price(const struct su_instr *i, uint64_t *price);
/* System Transfer. */
void su_instr_transfer(struct su_small_instr *out, const uint8_t from[32], const uint8_t to[32],
                       uint64_t lamports);
/* SPL TransferChecked between token accounts. */
struct su_token_move {
    const uint8_t *from, *mint, *to, *authority; /* 32 bytes each */
    uint64_t amount;
    uint8_t decimals;
};
void su_instr_token_transfer(struct su_small_instr *out, const struct su_token_move *m);
/* Associated Token Account: CreateIdempotent. `account` is the associated address. */
void su_instr_ata_create(struct su_small_instr *out, const uint8_t payer[32],
                         const uint8_t account[32], const uint8_t owner[32],
                         const uint8_t mint[32]);

#endif
