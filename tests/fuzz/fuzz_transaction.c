// SPDX-License-Identifier: MIT
/* The parser of transactions: total on any bytes, every offset it gives lies inside the wire, and a
   transaction it accepts runs in a ledger without harm. */
#include "ledger/ledger.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct su_ledger_tx *tx)
{
    SU_ASSERT(tx->n_keys <= SU_LEDGER_KEYS_MAX && tx->n_sigs > 0 && tx->n_sigs <= tx->n_keys);
    SU_ASSERT(su_ledger_tx_blockhash(tx) + 32 <= tx->wire + tx->wire_bytes);
    SU_ASSERT(su_ledger_tx_writable(tx, 0) && su_ledger_tx_signer(tx, 0));
    for (size_t i = 0; i < tx->n_instrs; i++) {
        const struct su_ledger_instr *in = &tx->instrs[i];

        SU_ASSERT(in->program > 0 && in->program < tx->n_keys);
        SU_ASSERT(in->accounts_at + in->n_accounts <= tx->wire_bytes);
        SU_ASSERT(in->data_at + in->data_bytes <= tx->wire_bytes);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct su_ledger *l;
    static const uint8_t seed[32] = {1};
    const struct su_ledger_options o = {.manual_slots = true, .seed = seed};
    const struct su_ledger_simulation any = {.replace_blockhash = true};
    struct su_ledger_tx tx;
    struct su_ledger_result r;
    struct su_err e = {0};
    enum su_code c;

    if (l == NULL) {
        SU_ASSERT(su_ledger_open(&o, &l, &e) == SU_OK);
    }
    if (su_ledger_message_parse(data, size, &tx, NULL) == SU_OK) {
        check(&tx);
    }
    c = su_ledger_tx_parse(data, size, &tx, &e);
    if (c != SU_OK) {
        SU_ASSERT(e.code == c && e.msg[0] != 0);
        return 0;
    }
    check(&tx);
    /* The payer becomes one that can pay, so that the programs see the rest. */
    memcpy(tx.wire + tx.keys_at, su_ledger_faucet_key(l), 32);
    SU_ASSERT(su_ledger_simulate(l, &tx, &any, &r, &e) == SU_OK);
    su_ledger_result_fini(&r);
    return 0;
}
