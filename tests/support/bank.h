// SPDX-License-Identifier: MIT
/* A bank in memory, for the program run natively: accounts, clock, SlotHashes, and of the System
   and SPL Token programs what sys.h needs. It holds the program to the runtime's rules (who may
   change what, nothing lost) and names failures as the runtime does, so that a run here can be compared
   with one in the VM (support/parity.h). One instruction is one transaction; a failed one changes
   nothing. No compute units, no fees. Not thread-safe.

     struct bank *b = bank_new(program_id);
     bank_account_set(b, &account);
     bank_clock(b, slot);
     bank_run(b, data, n, metas, nmetas, &result);
     bank_account_get(b, key, &account);
     bank_free(b);

   Defines the su_sys_ functions of program/sys.h: not for a test that links the ledger. */
#ifndef SU_TEST_BANK_H
#define SU_TEST_BANK_H

#include "base/base.h"
#include "program/program.h"
#include "support/svm.h"

struct bank;

/* A bank that holds nothing but the System and the SPL Token program. */
struct bank *bank_new(const uint8_t program[32]);
void bank_free(struct bank *b);
/* An independent copy, to try something out in. */
struct bank *bank_copy(const struct bank *b);

/* Copies what a->data points to; 0 lamports remove. */
void bank_account_set(struct bank *b, const struct svm_account *a);
/* lamports 0 where there is none. a->data is valid until the next change of the bank. */
void bank_account_get(const struct bank *b, const uint8_t key[32], struct svm_account *a);
/* Number i of all accounts, in no order; false beyond the last. */
bool bank_account_at(const struct bank *b, size_t i, struct svm_account *a);
uint64_t bank_lamports(const struct bank *b); /* sum over all accounts */

void bank_clock(struct bank *b, uint64_t slot);
uint64_t bank_slot(const struct bank *b);
/* SlotHashes: n entries, newest first, at most 512; copied. */
void bank_slot_hashes(struct bank *b, const uint64_t *slots, uint8_t (*hashes)[32], size_t n);
uint64_t bank_rent_minimum(uint64_t bytes);

/* Runs the program. r as svm_send fills it, except units, bytes and accounts. r->log is valid until
   the next run. */
void bank_run(struct bank *b, const void *data, size_t n, const struct svm_meta *metas,
              size_t nmetas, struct svm_result *r);

/* Borrowed until the next change. */
size_t bank_slot_hashes_get(const struct bank *b, const uint64_t **slots,
                            const uint8_t (**hashes)[32]);
const uint8_t *bank_program(const struct bank *b);

/* Told of every run of every bank: before it, and after it with its result. NULL: nobody is. */
struct bank_watcher {
    void (*before)(const struct bank *b, const void *data, size_t n, const struct svm_meta *metas,
                   size_t nmetas);
    void (*after)(const struct bank *b, const struct svm_result *r);
};
extern const struct bank_watcher *bank_watcher;

/* The canonical program-derived address, as su_sys_find_address finds it. */
bool bank_find_address(const uint8_t program[32], const struct su_sys_bytes *seeds, size_t n,
                       uint8_t key[32], uint8_t *bump);

/* SPL Token accounts: puts a mint of that many decimals, a token account of that holder. */
void bank_mint_set(struct bank *b, const uint8_t key[32], uint8_t decimals);
void bank_token_set(struct bank *b, const uint8_t key[32], const uint8_t mint[32],
                    const uint8_t holder[32], uint64_t amount);
uint64_t bank_token_amount(const struct bank *b, const uint8_t key[32]);

#endif
