// SPDX-License-Identifier: MIT
/* The wire format: compact array of signatures, then the message. A version-0 message begins with
   0x80 and ends with address table lookups. */
#include "crypto/crypto.h"
#include "exec.h"

#include <string.h>

enum { VERSION_BIT = 0x80 };

/* Solana's compact-u16: 7 bits a byte, at most 3 bytes, shortest form only. */
static uint16_t read_compact(struct su_reader *r)
{
    uint32_t v = 0;

    for (unsigned i = 0; i < 3; i++) {
        uint8_t b = su_read_u8(r);

        if (r->failed || (i > 0 && b == 0) || (i == 2 && b > 3)) {
            r->failed = true;
            return 0;
        }
        v |= (uint32_t)(b & 0x7f) << (7 * i);
        if ((b & 0x80) == 0) {
            return (uint16_t)v;
        }
    }
    r->failed = true;
    return 0;
}

static enum su_code bad(struct su_err *e, const char *what, size_t at)
{
    return su_fail(e, SU_EFORMAT, "transaction", "%s at byte %zu", what, at);
}

static enum su_code unsane(struct su_err *e, const char *what)
{
    return su_fail(e, SU_EINVAL, "transaction", "%s", what);
}

static enum su_code read_instrs(struct su_reader *r, struct su_ledger_tx *tx, struct su_err *e)
{
    uint16_t n = read_compact(r);

    if (r->failed) {
        return bad(e, "no number of instructions", r->pos);
    }
    if (n > SU_LEDGER_INSTRS_MAX) {
        return unsane(e, "more than 64 instructions");
    }
    tx->n_instrs = (uint8_t)n;
    for (size_t i = 0; i < n; i++) {
        struct su_ledger_instr *in = &tx->instrs[i];

        in->program = su_read_u8(r);
        uint16_t accounts = read_compact(r);
        in->accounts_at = (uint16_t)r->pos;
        (void)su_read_bytes(r, accounts);
        in->data_bytes = read_compact(r);
        in->data_at = (uint16_t)r->pos;
        (void)su_read_bytes(r, in->data_bytes);
        if (r->failed) {
            return bad(e, "an instruction is cut off", r->pos);
        }
        if (accounts > UINT8_MAX) {
            return unsane(e, "an instruction names more than 255 accounts");
        }
        in->n_accounts = (uint8_t)accounts;
    }
    return SU_OK;
}

static enum su_code read_lookups(struct su_reader *r, struct su_ledger_tx *tx, struct su_err *e)
{
    if (tx->version < 0) {
        return SU_OK;
    }
    tx->n_lookups = read_compact(r);
    for (size_t i = 0; i < tx->n_lookups && !r->failed; i++) {
        (void)su_read_bytes(r, SU_LEDGER_KEY_BYTES);
        for (unsigned list = 0; list < 2; list++) {
            (void)su_read_bytes(r, read_compact(r));
        }
    }
    return r->failed ? bad(e, "an address table lookup is cut off", r->pos) : SU_OK;
}

static enum su_code read_message(struct su_reader *r, struct su_ledger_tx *tx, struct su_err *e)
{
    uint8_t first = su_read_u8(r);
    enum su_code c;

    tx->version = -1;
    if (first & VERSION_BIT) {
        if (first != VERSION_BIT) {
            return su_fail(e, SU_EUNSUPPORTED, "transaction",
                           "version %u: this ledger takes legacy transactions and version 0",
                           first & 0x7fu);
        }
        tx->version = 0;
        first = su_read_u8(r);
    }
    tx->n_sigs = first;
    tx->n_readonly_signed = su_read_u8(r);
    tx->n_readonly_unsigned = su_read_u8(r);
    uint16_t keys = read_compact(r);
    tx->keys_at = (uint16_t)r->pos;
    (void)su_read_bytes(r, (size_t)keys * SU_LEDGER_KEY_BYTES);
    tx->blockhash_at = (uint16_t)r->pos;
    (void)su_read_bytes(r, SU_LEDGER_KEY_BYTES);
    if (r->failed || keys > SU_LEDGER_KEYS_MAX) {
        return bad(e, "the list of keys is cut off", r->pos);
    }
    tx->n_keys = (uint8_t)keys;
    if ((c = read_instrs(r, tx, e)) != SU_OK || (c = read_lookups(r, tx, e)) != SU_OK) {
        return c;
    }
    return su_read_left(r) != 0 ? bad(e, "bytes follow the transaction", r->pos) : SU_OK;
}

/* Indices beyond the static keys are legal in version 0 when lookups bring the keys; what they
   bring is not known here, and such a transaction is never run. */
static enum su_code sanitize(const struct su_ledger_tx *tx, uint16_t sigs, struct su_err *e)
{
    unsigned limit = tx->n_lookups != 0 ? 256 : tx->n_keys;

    if (tx->n_readonly_signed >= tx->n_sigs) {
        return unsane(e, "no signer that is writable: nobody pays the fee");
    }
    if ((unsigned)tx->n_sigs + tx->n_readonly_unsigned > tx->n_keys) {
        return unsane(e, "the header counts more keys than there are");
    }
    if (sigs != tx->n_sigs) {
        return unsane(e, "the number of signatures is not the header's");
    }
    for (size_t i = 0; i < tx->n_instrs; i++) {
        const struct su_ledger_instr *in = &tx->instrs[i];

        if (in->program == 0 || in->program >= tx->n_keys) {
            return unsane(e, "an instruction names no program");
        }
        for (size_t k = 0; k < in->n_accounts; k++) {
            if (tx->wire[in->accounts_at + k] >= limit) {
                return unsane(e, "an instruction names a key that is not there");
            }
        }
    }
    return SU_OK;
}

enum su_code su_ledger_tx_parse(const uint8_t *wire, size_t n, struct su_ledger_tx *tx,
                                struct su_err *e)
{
    enum su_code c;

    memset(tx, 0, sizeof *tx);
    if (n > SU_LEDGER_TX_MAX_BYTES) {
        return su_fail(e, SU_ELIMIT, "transaction", "%zu bytes (a transaction has at most %d)", n,
                       SU_LEDGER_TX_MAX_BYTES);
    }
    if (n != 0) {
        memcpy(tx->wire, wire, n);
    }
    tx->wire_bytes = (uint16_t)n;
    struct su_reader r = su_reader_of(tx->wire, n);
    uint16_t sigs = read_compact(&r);
    tx->sigs_at = (uint16_t)r.pos;
    (void)su_read_bytes(&r, (size_t)sigs * SU_LEDGER_SIG_BYTES);
    tx->message_at = (uint16_t)r.pos;
    if (r.failed) {
        return bad(e, "the signatures are cut off", r.pos);
    }
    if ((c = read_message(&r, tx, e)) != SU_OK || (c = sanitize(tx, sigs, e)) != SU_OK) {
        return c;
    }
    su_sha256(tx->wire + tx->message_at, n - tx->message_at, tx->message_hash);
    return SU_OK;
}

enum su_code su_ledger_message_parse(const uint8_t *message, size_t n, struct su_ledger_tx *tx,
                                     struct su_err *e)
{
    uint8_t wire[SU_LEDGER_TX_MAX_BYTES] = {0};
    size_t at = n > 0 && (message[0] & VERSION_BIT) ? 1 : 0;
    size_t sigs = n > at ? message[at] : 0;
    size_t head = (sigs < 128 ? 1 : 2) + sigs * SU_LEDGER_SIG_BYTES;

    if (n > sizeof wire || head > sizeof wire - n) {
        memset(tx, 0, sizeof *tx);
        return su_fail(e, SU_ELIMIT, "message",
                       "%zu bytes and %zu signatures (a transaction has at most %d bytes)", n, sigs,
                       SU_LEDGER_TX_MAX_BYTES);
    }
    wire[0] = (uint8_t)sigs;
    if (n != 0) {
        memcpy(wire + head, message, n);
    }
    return su_ledger_tx_parse(wire, head + n, tx, e);
}

bool su_ledger_tx_verify(const struct su_ledger_tx *tx)
{
    for (size_t i = 0; i < tx->n_sigs; i++) {
        if (!su_ed25519_verify(su_ledger_tx_key(tx, i), tx->wire + tx->message_at,
                               (size_t)tx->wire_bytes - tx->message_at, su_ledger_tx_sig(tx, i))) {
            return false;
        }
    }
    return true;
}

const uint8_t *su_ledger_tx_sig(const struct su_ledger_tx *tx, size_t i)
{
    return tx->wire + tx->sigs_at + i * SU_LEDGER_SIG_BYTES;
}

const uint8_t *su_ledger_tx_key(const struct su_ledger_tx *tx, size_t i)
{
    return tx->wire + tx->keys_at + i * SU_LEDGER_KEY_BYTES;
}

const uint8_t *su_ledger_tx_blockhash(const struct su_ledger_tx *tx)
{
    return tx->wire + tx->blockhash_at;
}

bool su_ledger_tx_signer(const struct su_ledger_tx *tx, size_t key)
{
    return key < tx->n_sigs;
}

bool su_ledger_tx_writable(const struct su_ledger_tx *tx, size_t key)
{
    if (key < tx->n_sigs) {
        return key < (size_t)(tx->n_sigs - tx->n_readonly_signed);
    }
    return key < (size_t)(tx->n_keys - tx->n_readonly_unsigned);
}
