// SPDX-License-Identifier: MIT
/* Transactions for tests, and a ledger to run them in: keys from small numbers, messages compiled
   from instructions, signatures by every key that must sign. */
#ifndef SU_SUPPORT_LEDGER_DRAFT_H
#define SU_SUPPORT_LEDGER_DRAFT_H

#include "ledger/ledger.h"

struct su_actor {
    uint8_t key[32], secret[64];
};
/* The key pair of a number: the same on every machine. */
struct su_actor su_actor_of(uint64_t number);

struct su_draft_meta {
    const uint8_t *key;
    bool signer, writable;
};
struct su_draft_key {
    uint8_t key[32];
    bool signer, writable;
};
#define SU_DRAFT_INSTRS 70
struct su_draft {
    uint8_t blockhash[32];
    bool v0, unsigned_; /* unsigned_: signatures stay zero */
    struct su_draft_key keys[64];
    size_t n_keys, n_instrs;
    struct {
        uint8_t program[32], keys[64][32];
        size_t n_keys, n;
        uint8_t data[1024];
    } instrs[SU_DRAFT_INSTRS];
};
/* payer signs and pays. */
void su_draft_init(struct su_draft *d, const uint8_t payer[32], const uint8_t blockhash[32]);
void su_draft_instr(struct su_draft *d, const uint8_t program[32],
                    const struct su_draft_meta *metas, size_t n, const void *data, size_t bytes);
/* Compiles and signs with those of actors that must. Returns the bytes' number, 0 when they do not
   fit into cap. */
size_t su_draft_wire(const struct su_draft *d, const struct su_actor *actors, size_t n,
                     uint8_t *out, size_t cap);
/* The same, parsed: aborts when it does not parse. */
void su_draft_tx(const struct su_draft *d, const struct su_actor *actors, size_t n,
                 struct su_ledger_tx *tx);

/* System transfer, the commonest thing. */
void su_draft_transfer(struct su_draft *d, const uint8_t from[32], const uint8_t to[32],
                       uint64_t lamports);

#endif
