// SPDX-License-Identifier: MIT
/* One instruction, run twice: natively over a bank in memory (support/bank.h) and in Solana's own
   VM (support/svm.h), and compared: outcome, error number or name, owner, lamports and every byte
   of data of every writable account. Generators of random sequences call parity_run for each step and
   read the bank for what to do next; they need not know of the VM.

     struct parity *p = parity_open(program_id, SU_BINARY_DIR "/program/splitup.so", &why);
     parity_account_set(p, &payer);            ... whatever the world begins with
     parity_clock(p, slot);
     if (!parity_run(p, "freeze", data, n, metas, nmetas, &result))
         fail_msg("%s", parity_why(p));
     parity_all_equal(p);                      now and then, and at the end
     parity_table(p, stdout);                  compute units per name
     parity_close(p);

   Compute units are counted per name, successful runs apart from failed ones. */
#ifndef SU_TEST_PARITY_H
#define SU_TEST_PARITY_H

#include "base/base.h"
#include "support/bank.h"
#include "support/svm.h"

struct parity;

/* image NULL: no VM, the bank alone (parity_run then compares nothing). NULL when the VM cannot be
   had: *why says so. */
struct parity *parity_open(const uint8_t program[32], const char *image, const char **why);
void parity_close(struct parity *p);

/* The native side. Change it only through the functions below, or call parity_sync afterwards. */
struct bank *parity_bank(struct parity *p);
struct svm *parity_svm(struct parity *p); /* NULL: native only */
/* Copies every account of the bank into the VM. */
void parity_sync(struct parity *p);

void parity_account_set(struct parity *p, const struct svm_account *a);
void parity_clock(struct parity *p, uint64_t slot);
void parity_slot_hashes(struct parity *p, const uint64_t *slots, uint8_t (*hashes)[32], size_t n);
/* As svm_unit_limit: asked for in transactions from here on, 0 = default. */
void parity_unit_limit(struct parity *p, uint32_t units);

/* Runs the program with one instruction on both sides. *r is the native result, with the VM's units
   and bytes. False when the sides differ, or the transaction is larger than a cluster takes: then
   parity_why names the name, the account, the offset and both values. */
SU_CHECK bool parity_run(struct parity *p, const char *name, const void *data, size_t n,
                         const struct svm_meta *metas, size_t nmetas, struct svm_result *r);
/* True when all accounts of the bank are equal in the VM, and the program owns no others there. */
SU_CHECK bool parity_all_equal(struct parity *p);
const char *parity_why(const struct parity *p);

/* Watches every bank of this process from here on: each run is repeated in the VM, from the bank's
   accounts, clock and hashes, and compared; a difference ends the process with its description. So
   a test of the program becomes a test of its image. `name` gives the name of an instruction, and
   its compute limit when that is not the default. False when the VM cannot be had: *why says so. */
SU_CHECK bool parity_watch(const char *image,
                           const char *(*name)(const void *data, size_t n, uint32_t *limit),
                           const char **why);
/* Ends that, and writes the table of what was run. */
void parity_watch_end(FILE *out);

/* Per name: runs, successes, largest and mean units of successes, largest of failures, largest
   transaction. Last, a line "errors:" with every number that a failed run returned. */
void parity_table(const struct parity *p, FILE *out);
uint64_t parity_runs(const struct parity *p);
/* Largest units of a successful run of that name; 0 without any. */
uint64_t parity_units(const struct parity *p, const char *name);

#endif
