// SPDX-License-Identifier: MIT
#include "exec.h"

#include <stdio.h>
#include <string.h>

static const struct {
    const char *name, *text;
} tx_errors[] =
    {
        {"Ok", "success"},
#define X(name, text) {#name, text},
#include "ledger/tx_errors.def"
#undef X
},
  instr_errors[] = {
#define X(name, text) {#name, text},
#include "ledger/instr_errors.def"
#undef X
};

const char *su_ledger_tx_error_name(unsigned tx)
{
    return tx < SU_ARRAY_LEN(tx_errors) ? tx_errors[tx].name : "?";
}

const char *su_ledger_instr_error_name(unsigned instr)
{
    return instr < SU_ARRAY_LEN(instr_errors) ? instr_errors[instr].name : "?";
}

bool su_ledger_tx_error_has_account(unsigned tx)
{
    return tx == SU_LEDGER_TX_InsufficientFundsForRent ||
           tx == SU_LEDGER_TX_ProgramExecutionTemporarilyRestricted;
}

/* Texts carry at most one number, written %u or %x. */
static void put_text(struct su_buf *b, const char *text, unsigned number)
{
    const char *mark = strchr(text, '%');

    if (mark == NULL) {
        su_buf_str(b, text);
        return;
    }
    su_buf_put(b, text, (size_t)(mark - text));
    if (mark[1] == 'x') {
        su_buf_printf(b, "%x", number);
    } else {
        su_buf_printf(b, "%u", number);
    }
    su_buf_str(b, mark + 2);
}

const char *su_ledger_failure_text(const struct su_ledger_failure *f, char *out, size_t cap)
{
    struct su_buf b;

    su_buf_init(&b, 0);
    if (f->tx < SU_ARRAY_LEN(tx_errors)) {
        put_text(&b, tx_errors[f->tx].text, f->index);
    }
    if (f->tx == SU_LEDGER_TX_InstructionError && f->instr < SU_ARRAY_LEN(instr_errors)) {
        put_text(&b, instr_errors[f->instr].text, f->custom);
    }
    su_str_copy(out, cap, b.data != NULL ? (const char *)b.data : "?");
    su_buf_fini(&b);
    return out;
}

struct su_ledger_failure su_ledger_failure_of(uint64_t ie, uint8_t instr)
{
    struct su_ledger_failure f = {0};

    if (ie != 0) {
        f.tx = SU_LEDGER_TX_InstructionError;
        f.index = instr;
        f.instr = (uint8_t)((ie >> 32) - 1);
        f.custom = (uint32_t)ie;
    }
    return f;
}

/* Solana's ProgramError numbers: Custom codes below 2^32, the builtin ones as number << 32. */
uint64_t su_ledger_ie_of_program(uint64_t r0)
{
    static const uint64_t builtin[] = {0,
                                       SU_IE_CUSTOM(0),
                                       SU_IE(InvalidArgument),
                                       SU_IE(InvalidInstructionData),
                                       SU_IE(InvalidAccountData),
                                       SU_IE(AccountDataTooSmall),
                                       SU_IE(InsufficientFunds),
                                       SU_IE(IncorrectProgramId),
                                       SU_IE(MissingRequiredSignature),
                                       SU_IE(AccountAlreadyInitialized),
                                       SU_IE(UninitializedAccount),
                                       SU_IE(NotEnoughAccountKeys),
                                       SU_IE(AccountBorrowFailed),
                                       SU_IE(MaxSeedLengthExceeded),
                                       SU_IE(InvalidSeeds),
                                       SU_IE(BorshIoError),
                                       SU_IE(AccountNotRentExempt),
                                       SU_IE(UnsupportedSysvar),
                                       SU_IE(IllegalOwner),
                                       SU_IE(MaxAccountsDataAllocationsExceeded),
                                       SU_IE(InvalidRealloc),
                                       SU_IE(MaxInstructionTraceLengthExceeded),
                                       SU_IE(BuiltinProgramsMustConsumeComputeUnits),
                                       SU_IE(InvalidAccountOwner),
                                       SU_IE(ArithmeticOverflow),
                                       SU_IE(Immutable),
                                       SU_IE(IncorrectAuthority)};

    if (r0 == 0 || (uint32_t)r0 == r0) {
        return r0 == 0 ? 0 : SU_IE_CUSTOM(r0);
    }
    if ((uint32_t)r0 == 0 && r0 >> 32 < SU_ARRAY_LEN(builtin)) {
        return builtin[r0 >> 32];
    }
    return SU_IE(InvalidError);
}

/* Bits: tx 0..7, index 8..15, instruction error 16..23, custom 32..63. */
uint64_t su_ledger_failure_pack(const struct su_ledger_failure *f)
{
    return (uint64_t)f->tx | (uint64_t)f->index << 8 | (uint64_t)f->instr << 16 |
           (uint64_t)f->custom << 32;
}

struct su_ledger_failure su_ledger_failure_unpack(uint64_t v)
{
    return (struct su_ledger_failure){.tx = (uint8_t)v,
                                      .index = (uint8_t)(v >> 8),
                                      .instr = (uint8_t)(v >> 16),
                                      .custom = (uint32_t)(v >> 32)};
}
