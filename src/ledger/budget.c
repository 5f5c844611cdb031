// SPDX-License-Identifier: MIT
/* Compute budget instructions, the units and price they ask for, and the fee that follows. */
#include "exec.h"

#include <string.h>

enum {
    REQUEST_HEAP = 1,
    SET_UNIT_LIMIT = 2,
    SET_UNIT_PRICE = 3,
    SET_LOADED_BYTES = 4,
    UNITS_BUILTIN = 3000,
    UNITS_PROGRAM = 200000,
    HEAP_MIN = 32 << 10,
    HEAP_MAX = 256 << 10,
    HEAP_STEP = 1 << 10,
    LOADED_BYTES_MAX = 64 << 20
};

static bool is_program(const struct su_ledger_tx *tx, const struct su_ledger_instr *in,
                       const uint8_t id[32])
{
    return memcmp(su_ledger_tx_key(tx, in->program), id, 32) == 0;
}

static bool fail(struct su_ledger_failure *f, enum su_ledger_tx_error tx, size_t index)
{
    *f = (struct su_ledger_failure){.tx = (uint8_t)tx, .index = (uint8_t)index};
    if (tx == SU_LEDGER_TX_InstructionError) {
        f->instr = SU_LEDGER_IE_InvalidInstructionData;
    }
    return false;
}

bool su_ledger_budget_of(const struct su_ledger_tx *tx, struct su_ledger_budget *b,
                         struct su_ledger_failure *f)
{
    uint64_t units = 0, loaded = LOADED_BYTES_MAX;
    bool seen[5] = {false};

    *b = (struct su_ledger_budget){0};
    for (size_t i = 0; i < tx->n_instrs; i++) {
        const struct su_ledger_instr *in = &tx->instrs[i];
        bool budget = is_program(tx, in, su_ledger_budget_id);

        units += budget || is_program(tx, in, su_ledger_system_id) ||
                         is_program(tx, in, su_ledger_ed25519_id)
                     ? UNITS_BUILTIN
                     : UNITS_PROGRAM;
        if (!budget) {
            continue;
        }
        struct su_reader r = su_reader_of(tx->wire + in->data_at, in->data_bytes);
        uint8_t tag = su_read_u8(&r);
        uint64_t v = tag == SET_UNIT_PRICE ? su_read_u64(&r) : su_read_u32(&r);

        if (r.failed || su_read_left(&r) != 0 || tag < REQUEST_HEAP || tag > SET_LOADED_BYTES) {
            return fail(f, SU_LEDGER_TX_InstructionError, i);
        }
        if (seen[tag]) {
            return fail(f, SU_LEDGER_TX_DuplicateInstruction, i);
        }
        seen[tag] = true;
        if (tag == REQUEST_HEAP && (v < HEAP_MIN || v > HEAP_MAX || v % HEAP_STEP != 0)) {
            return fail(f, SU_LEDGER_TX_InstructionError, i);
        }
        if (tag == SET_UNIT_LIMIT) {
            b->units = v;
        } else if (tag == SET_UNIT_PRICE) {
            b->price = v;
        } else if (tag == SET_LOADED_BYTES) {
            if (v == 0) {
                return fail(f, SU_LEDGER_TX_InvalidLoadedAccountsDataSizeLimit, 0);
            }
            loaded = SU_MIN(v, (uint64_t)LOADED_BYTES_MAX);
        }
    }
    b->units = SU_MIN(seen[SET_UNIT_LIMIT] ? b->units : units, (uint64_t)SU_LEDGER_UNITS_MAX);
    b->loaded_bytes_max = (uint32_t)loaded;
    return true;
}

/* The ed25519 precompile verifies data[0] signatures, each paid like one of the transaction. */
uint64_t su_ledger_fee_of(const struct su_ledger_tx *tx, const struct su_ledger_budget *b)
{
    uint64_t sigs = tx->n_sigs, priority = 0;

    for (size_t i = 0; i < tx->n_instrs; i++) {
        const struct su_ledger_instr *in = &tx->instrs[i];

        if (in->data_bytes > 0 && is_program(tx, in, su_ledger_ed25519_id)) {
            sigs += tx->wire[in->data_at];
        }
    }
    if (!su_mul_u64(b->price, b->units, &priority)) {
        return UINT64_MAX;
    }
    priority = priority / 1000000 + (priority % 1000000 != 0);
    return sigs * SU_LEDGER_LAMPORTS_PER_SIGNATURE + priority;
}
