// SPDX-License-Identifier: MIT
/* Solana's own virtual machine, for tests: tests/svm/driver.mjs in a process of node, behind
   functions. A request that the driver cannot carry out ends the test program with its message: it
   is a mistake of the test, never of what is tested.

     struct svm *vm = svm_open(&why);          NULL: no node here (why says so); skip the test
     svm_program(vm, program_id, "splitup.so");
     svm_account_set(vm, &account);
     svm_clock(vm, slot, unix_seconds);
     svm_ix(vm, program_id, data, n, metas, nmetas);    one or more instructions
     svm_send(vm, &result);                             in one transaction
     svm_account_get(vm, key, &account);
     svm_close(vm);

   The fee payer is a key of the driver's own (SVM_PAYER), refilled before each transaction, so that
   fees never appear in accounts under test. Signatures are not checked: whoever is marked as signer
   has signed. */
#ifndef SU_TEST_SVM_H
#define SU_TEST_SVM_H

#include "base/base.h"

struct svm;

struct svm_account {
    uint8_t key[32], owner[32];
    uint64_t lamports; /* 0: there is no such account */
    bool executable;
    const uint8_t *data; /* svm_account_get: valid until the next call of that svm */
    size_t data_bytes;
};

struct svm_meta {
    uint8_t key[32];
    bool signer, writable;
};

enum svm_outcome {
    SVM_OK,
    SVM_CUSTOM, /* an instruction returned the number `custom` */
    SVM_ERROR, /* an instruction failed with an error of the runtime: `name` */
    SVM_REFUSED, /* the transaction as a whole: `name` */
};

struct svm_result {
    enum svm_outcome outcome;
    unsigned instruction; /* which failed, SVM_CUSTOM and SVM_ERROR */
    uint32_t custom;
    char name[64]; /* in Solana's words, e.g. "MissingRequiredSignature" */
    uint64_t units; /* compute units of the transaction */
    size_t bytes; /* its size; a real cluster takes 1232 at most */
    const char *log; /* lines, each ended; valid until the next call */
    const uint8_t *returned; /* return data, as long */
    size_t returned_bytes;
    const struct svm_account *accounts; /* all writable ones afterwards, as long */
    size_t naccounts;
};

extern const uint8_t SVM_PAYER[32];

/* Starts node with the packages that tests/svm/package-lock.json pins, fetched once. NULL when this
   machine has no node, or LiteSVM no build for it: *why says so. */
struct svm *svm_open(const char **why);
void svm_close(struct svm *vm);

void svm_reset(struct svm *vm); /* an empty bank; images must be loaded again */
/* All features of the runtime, or those of mainnet-beta (default). A new bank too. */
void svm_features(struct svm *vm, bool all);
void svm_program(struct svm *vm, const uint8_t key[32], const char *image);
/* Through the upgradeable loader's own instructions. Returns the number of transactions, 0 when the
   loader refused: then *why (NULL allowed) is its words. */
unsigned svm_deploy(struct svm *vm, const uint8_t key[32], const char *image, const char **why);
/* False when the loader refuses the image. */
SU_CHECK bool svm_program_try(struct svm *vm, const uint8_t key[32], const char *image);
void svm_account_set(struct svm *vm, const struct svm_account *a);
void svm_account_get(struct svm *vm, const uint8_t key[32], struct svm_account *a);
/* Calls fn for each account that the program owns. */
void svm_owned(struct svm *vm, const uint8_t program[32],
               void (*fn)(void *ctx, const struct svm_account *a), void *ctx);
void svm_clock(struct svm *vm, uint64_t slot, int64_t unix_seconds);
/* The SlotHashes sysvar: n entries, newest first. */
void svm_slot_hashes(struct svm *vm, const uint64_t *slots, uint8_t (*hashes)[32], size_t n);
void svm_rent(struct svm *vm, uint64_t lamports_per_byte, double threshold);
uint64_t svm_rent_minimum(struct svm *vm, uint64_t bytes);
/* Asked for in each transaction from here on; 0: the default of 200 000 per instruction. */
void svm_unit_limit(struct svm *vm, uint32_t units);

void svm_ix(struct svm *vm, const uint8_t program[32], const void *data, size_t n,
            const struct svm_meta *metas, size_t nmetas);
/* Runs the instructions given since the last one. */
void svm_send(struct svm *vm, struct svm_result *r);

#endif
