// SPDX-License-Identifier: MIT
/* The wire format and its sanitising rules; names and sentences of errors. */
#include "bank_world.h"

#include "crypto/crypto.h"

#include <string.h>

static uint8_t wire[2000];
static size_t bytes;

/* A legacy transfer: 1 signature, header 1 0 1, 3 keys, one instruction. */
static void compile(struct su_draft *d, const struct su_actor *a, bool v0)
{
    uint8_t hash[32] = {3}, to[32] = {4};

    su_draft_init(d, a->key, hash);
    su_draft_transfer(d, a->key, to, 5);
    d->v0 = v0;
    bytes = su_draft_wire(d, a, 1, wire, sizeof wire);
    assert_true(bytes > 0);
}

static enum su_code parse(struct su_ledger_tx *tx)
{
    return su_ledger_tx_parse(wire, bytes, tx, NULL);
}

/* Offsets in the legacy wire. */
enum { MESSAGE = 65, KEYS = 69, HASH = 165, INSTRS = 197 };

static void reads(void **state)
{
    struct su_actor a = su_actor_of(1);
    struct su_draft d;
    struct su_ledger_tx tx, again;

    (void)state;
    for (unsigned v0 = 0; v0 < 2; v0++) {
        compile(&d, &a, v0);
        assert_int_equal(parse(&tx), SU_OK);
        assert_int_equal(tx.version, v0 ? 0 : -1);
        assert_int_equal(tx.n_keys, 3);
        assert_int_equal(tx.n_sigs, 1);
        assert_int_equal(tx.n_instrs, 1);
        assert_memory_equal(su_ledger_tx_key(&tx, 0), a.key, 32);
        assert_int_equal(su_ledger_tx_blockhash(&tx)[0], 3);
        assert_true(su_ledger_tx_signer(&tx, 0) && su_ledger_tx_writable(&tx, 0));
        assert_false(su_ledger_tx_signer(&tx, 1));
        assert_true(su_ledger_tx_writable(&tx, 1));
        assert_false(su_ledger_tx_writable(&tx, 2));
        assert_int_equal(tx.instrs[0].program, 2);
        assert_int_equal(tx.instrs[0].n_accounts, 2);
        assert_int_equal(tx.instrs[0].data_bytes, 12);
        assert_true(su_ledger_tx_verify(&tx));
        assert_memory_equal(su_ledger_tx_sig(&tx, 0), wire + 1, 64);
        assert_int_equal(
            su_ledger_message_parse(wire + tx.message_at, bytes - tx.message_at, &again, NULL),
            SU_OK);
        assert_memory_equal(again.message_hash, tx.message_hash, 32);
        tx.wire[tx.message_at + 40] ^= 1;
        assert_false(su_ledger_tx_verify(&tx));
    }
}

static void truncated(void **state)
{
    struct su_actor a = su_actor_of(1);
    struct su_draft d;
    struct su_ledger_tx tx;

    (void)state;
    compile(&d, &a, false);
    size_t whole = bytes;
    for (bytes = 0; bytes < whole; bytes++) {
        assert_int_not_equal(parse(&tx), SU_OK);
    }
    bytes = whole + 1;
    assert_int_equal(parse(&tx), SU_EFORMAT);
    bytes = 1233;
    assert_int_equal(parse(&tx), SU_ELIMIT);
    memset(wire, 0, 8);
    assert_int_equal(su_ledger_message_parse(wire, 1300, &tx, NULL), SU_ELIMIT);
    wire[0] = 100;
    assert_int_equal(su_ledger_message_parse(wire, 10, &tx, NULL), SU_ELIMIT);
    assert_int_equal(su_ledger_message_parse(wire, 0, &tx, NULL), SU_EFORMAT);
}

static void breaks(size_t at, uint8_t value, enum su_code want)
{
    struct su_ledger_tx tx;
    uint8_t old = wire[at];

    wire[at] = value;
    if (parse(&tx) != want) {
        fail_msg("byte %zu = %u", at, value);
    }
    wire[at] = old;
}

static void sanitises(void **state)
{
    struct su_actor a = su_actor_of(1);
    struct su_draft d;
    struct su_ledger_tx tx;
    uint8_t key[32];

    (void)state;
    compile(&d, &a, false);
    breaks(MESSAGE, 0, SU_EINVAL); /* no signer */
    breaks(MESSAGE, 2, SU_EINVAL); /* another number than signatures */
    breaks(MESSAGE, 0x81, SU_EUNSUPPORTED);
    breaks(MESSAGE + 1, 1, SU_EINVAL); /* the payer would be read-only */
    breaks(MESSAGE + 2, 3, SU_EINVAL); /* more read-only keys than there are */
    breaks(INSTRS + 1, 0, SU_EINVAL); /* the payer as program */
    breaks(INSTRS + 1, 3, SU_EINVAL);
    breaks(INSTRS + 3, 3, SU_EINVAL);
    breaks(INSTRS, 65, SU_EINVAL);
    breaks(KEYS - 1, 0x80, SU_EFORMAT); /* a long form of a short number */
    breaks(0, 0x81, SU_EFORMAT);
    assert_int_equal(parse(&tx), SU_OK);
    for (uint8_t i = 0; i < 64; i++) {
        fresh_key(key, 7);
        su_draft_instr(&d, key, NULL, 0, NULL, 0);
    }
    bytes = su_draft_wire(&d, &a, 1, wire, sizeof wire);
    assert_int_equal(parse(&tx), SU_EINVAL);
}

/* Version 0 with an address table: well-formed, and refused as Solana refuses an unknown table. */
static void lookups(void **state)
{
    struct world *w = *state;
    struct su_ledger_tx tx;
    struct su_ledger_result r = {0};

    begin(w);
    su_draft_transfer(&w->d, w->a[0].key, w->a[1].key, 5);
    w->d.v0 = true;
    bytes = su_draft_wire(&w->d, w->a, 1, wire, sizeof wire);
    assert_int_equal(parse(&tx), SU_OK);
    wire[bytes - 1] = 1; /* one table: key, one writable index, no read-only ones */
    memset(wire + bytes, 9, 32);
    wire[bytes + 32] = 1;
    wire[bytes + 33] = 0;
    wire[bytes + 34] = 0;
    bytes += 35;
    assert_int_equal(parse(&tx), SU_OK);
    assert_int_equal(tx.n_lookups, 1);
    su_ed25519_sign(w->a[0].secret, wire + 65, bytes - 65, wire + 1);
    assert_int_equal(parse(&tx), SU_OK);
    assert_int_equal(su_ledger_submit(w->l, &tx, SU_LEDGER_WAIT, &r, NULL), SU_EINVAL);
    assert_int_equal(r.failure.tx, SU_LEDGER_TX_AddressLookupTableNotFound);
    su_ledger_result_fini(&r);
    bytes -= 1;
    assert_int_equal(parse(&tx), SU_EFORMAT);
}

static void sentences(void **state)
{
    struct su_ledger_failure f = {SU_LEDGER_TX_InstructionError, 2, SU_LEDGER_IE_Custom, 6001};
    char text[200], small[10];

    (void)state;
    assert_string_equal(su_ledger_failure_text(&f, text, sizeof text),
                        "Error processing Instruction 2: custom program error: 0x1771");
    f = (struct su_ledger_failure){.tx = SU_LEDGER_TX_InsufficientFundsForRent, .index = 3};
    assert_string_equal(su_ledger_failure_text(&f, text, sizeof text),
                        "Transaction results in an account (3) with insufficient funds for rent");
    assert_string_equal(su_ledger_failure_text(&f, small, sizeof small), "Transacti");
    f.tx = SU_LEDGER_TX_ERRORS;
    assert_string_equal(su_ledger_failure_text(&f, text, sizeof text), "?");
    assert_string_equal(su_ledger_tx_error_name(SU_LEDGER_TX_BlockhashNotFound),
                        "BlockhashNotFound");
    assert_string_equal(su_ledger_tx_error_name(SU_LEDGER_TX_ERRORS), "?");
    assert_string_equal(su_ledger_instr_error_name(SU_LEDGER_IE_InvalidArgument),
                        "InvalidArgument");
    assert_string_equal(su_ledger_instr_error_name(99), "?");
    assert_true(su_ledger_tx_error_has_account(SU_LEDGER_TX_InsufficientFundsForRent));
    assert_false(su_ledger_tx_error_has_account(SU_LEDGER_TX_DuplicateInstruction));
    /* Numbers of Solana's variants. */
    assert_int_equal(SU_LEDGER_TX_BlockhashNotFound - 1, 7);
    assert_int_equal(SU_LEDGER_TX_InsufficientFundsForRent - 1, 31);
    assert_int_equal(SU_LEDGER_TX_CommitCancelled - 1, 38);
    assert_int_equal(SU_LEDGER_IE_Custom, 25);
    assert_int_equal(SU_LEDGER_IE_BuiltinProgramsMustConsumeComputeUnits, 53);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads), cmocka_unit_test(truncated), cmocka_unit_test(sanitises),
        cmocka_unit_test_setup_teardown(lookups, world_setup, world_teardown),
        cmocka_unit_test(sentences)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
