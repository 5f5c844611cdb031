// SPDX-License-Identifier: MIT
/* A ledger in memory whose slots pass by hand, a few rich keys, and one transaction at a time. */
#ifndef BANK_WORLD_H
#define BANK_WORLD_H

#include "ledger/ledger.h"
#include "support/ledger_draft.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define SOL UINT64_C(1000000000)
#define ACTORS 6

struct world {
    struct su_ledger *l;
    struct su_actor a[ACTORS]; /* all but the last two hold 100 SOL */
    struct su_draft d;
    struct su_ledger_result r;
    enum su_code code; /* of the last submit */
};
/* natives NULL = SplitUp alone. */
struct world *world_open(const struct su_ledger_native *natives, size_t n);
void world_close(struct world *w);
int world_setup(void **state);
int world_teardown(void **state);

/* A new transaction paid by a[0]. */
void begin(struct world *w);
void add(struct world *w, const uint8_t program[32], const struct su_draft_meta *metas, size_t n,
         const void *data, size_t bytes);
/* Signs with all actors, submits without preflight and waits. */
void run(struct world *w);
void landed(struct world *w); /* run, and all went well */
/* run: landed, but instruction `index` failed so. */
void fails(struct world *w, unsigned index, enum su_ledger_instr_error instr, uint32_t custom);
/* run: landed and paid, but failed as a whole. */
void fails_whole(struct world *w, enum su_ledger_tx_error tx, unsigned index);
void refuses(struct world *w, enum su_ledger_tx_error tx); /* run: it cost nothing */
bool logged(const struct world *w, const char *text); /* some line contains text */
uint64_t lamports(struct world *w, const uint8_t key[32]); /* 0 when there is no account */
/* An address nobody else in the test uses. */
void fresh_key(uint8_t key[32], uint64_t number);
/* Bytes of an account: NULL when it is gone. Valid until the next call. */
const uint8_t *data_of(struct world *w, const uint8_t key[32], size_t *n);

#endif
