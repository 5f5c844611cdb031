// SPDX-License-Identifier: MIT
/* Three small programs: Associated Token Account, Memo, and the ed25519 precompile. */
#include "crypto/crypto.h"
#include "exec.h"

#include <string.h>

/* ---- Associated Token Account ---------------------------------------------------------------- */

enum {
    ATA_CREATE = 0,
    ATA_CREATE_IDEMPOTENT = 1,
    ATA_UNITS = 6000,
    ATA_UNITS_PER_TRY = 1500,
    ATA_INVALID_OWNER = 0,
    TOKEN_GET_SIZE = 21,
    TOKEN_IMMUTABLE = 22,
    TOKEN_INIT3 = 18
};
/* Accounts of its instruction. */
enum { PAYER, ASSOCIATED, WALLET, MINT, SYSTEM, TOKEN, ATA_ACCOUNTS };

static const uint8_t *ata_key(struct su_ledger_exec *x, const struct su_ledger_frame *f, size_t i)
{
    return su_ledger_frame_work(x, f, i)->key;
}

static uint64_t ata_fund(struct su_ledger_exec *x, const struct su_ledger_frame *f)
{
    const uint8_t *key = ata_key(x, f, ASSOCIATED), *payer = ata_key(x, f, PAYER);
    const struct su_ledger_call_meta metas[2] = {{payer, true, true}, {key, true, true}};
    uint64_t have = su_ledger_frame_work(x, f, ASSOCIATED)->lamports, c = 0;
    uint64_t need = su_ledger_rent_minimum(SU_LEDGER_TOKEN_BYTES);
    uint8_t d[52] = {0};

    if (have == 0) {
        su_put_le64(d + 4, need);
        su_put_le64(d + 12, SU_LEDGER_TOKEN_BYTES);
        memcpy(d + 20, su_ledger_token_id, 32);
        return su_ledger_call(x, su_ledger_system_id, metas, 2, d, sizeof d, key, 1);
    }
    if (have < need) {
        const struct su_ledger_call_meta to[2] = {{payer, true, true}, {key, false, true}};

        su_put_le32(d, 2);
        su_put_le64(d + 4, need - have);
        c = su_ledger_call(x, su_ledger_system_id, to, 2, d, 12, NULL, 0);
    }
    if (c == 0) {
        su_put_le32(d, 8);
        su_put_le64(d + 4, SU_LEDGER_TOKEN_BYTES);
        c = su_ledger_call(x, su_ledger_system_id, metas + 1, 1, d, 12, key, 1);
    }
    if (c == 0) {
        su_put_le32(d, 1);
        memcpy(d + 4, su_ledger_token_id, 32);
        c = su_ledger_call(x, su_ledger_system_id, metas + 1, 1, d, 36, key, 1);
    }
    return c;
}

static uint64_t ata_initialize(struct su_ledger_exec *x, const struct su_ledger_frame *f)
{
    static const char text[] = "Initialize the associated token account";
    const struct su_ledger_call_meta metas[2] = {{ata_key(x, f, ASSOCIATED), false, true},
                                                 {ata_key(x, f, MINT), false, false}};
    uint8_t d[33] = {TOKEN_GET_SIZE};
    uint64_t c = su_ledger_call(x, su_ledger_token_id, metas + 1, 1, d, 1, NULL, 0);

    if (c != 0 || (c = ata_fund(x, f)) != 0) {
        return c;
    }
    su_ledger_log_text(x, text, sizeof text - 1);
    d[0] = TOKEN_IMMUTABLE;
    if ((c = su_ledger_call(x, su_ledger_token_id, metas, 1, d, 1, NULL, 0)) != 0) {
        return c;
    }
    d[0] = TOKEN_INIT3;
    memcpy(d + 1, ata_key(x, f, WALLET), 32);
    return su_ledger_call(x, su_ledger_token_id, metas, 2, d, sizeof d, NULL, 0);
}

/* What CreateIdempotent finds: 0 = nothing there, 1 = the account it wanted. */
static uint64_t ata_existing(struct su_ledger_exec *x, const struct su_ledger_frame *f, bool *there)
{
    static const char text[] = "Error: Invalid owner";
    const struct su_ledger_work *w = su_ledger_frame_work(x, f, ASSOCIATED);

    *there = false;
    if (!su_ledger_is_token(w->owner, w->data, w->data_bytes)) {
        return 0;
    }
    if (memcmp(w->data + 32, ata_key(x, f, WALLET), 32) != 0) {
        su_ledger_log_text(x, text, sizeof text - 1);
        return SU_IE_CUSTOM(ATA_INVALID_OWNER);
    }
    *there = true;
    return memcmp(w->data, ata_key(x, f, MINT), 32) != 0 ? SU_IE(InvalidAccountData) : 0;
}

uint64_t su_ledger_ata_program(struct su_ledger_exec *x, struct su_ledger_frame *f)
{
    uint8_t tag = f->data_bytes > 0 ? f->data[0] : ATA_CREATE, key[32], bump;
    static const char bad_address[] = "Error: Associated address does not match seed derivation";
    uint64_t c;
    bool there = false;

    if (f->data_bytes > 1 || tag > ATA_CREATE_IDEMPOTENT) {
        return SU_IE(InvalidInstructionData);
    }
    su_ledger_log(x, "Program log: %s", tag == ATA_CREATE ? "Create" : "CreateIdempotent");
    if (f->n < ATA_ACCOUNTS) {
        return SU_IE(NotEnoughAccountKeys);
    }
    if (memcmp(ata_key(x, f, TOKEN), su_ledger_token_id, 32) != 0) {
        return SU_IE(IncorrectProgramId);
    }
    const struct su_ledger_seed seeds[] = {
        {ata_key(x, f, WALLET), 32}, {ata_key(x, f, TOKEN), 32}, {ata_key(x, f, MINT), 32}};

    if (!su_ledger_find_address(seeds, SU_ARRAY_LEN(seeds), f->program_id, key, &bump) ||
        !su_ledger_charge(x, ATA_UNITS + (256u - bump) * (uint64_t)ATA_UNITS_PER_TRY)) {
        return SU_IE(ProgramFailedToComplete);
    }
    if (memcmp(key, ata_key(x, f, ASSOCIATED), 32) != 0) {
        su_ledger_log_text(x, bad_address, sizeof bad_address - 1);
        return SU_IE(InvalidSeeds);
    }
    if (tag == ATA_CREATE_IDEMPOTENT && ((c = ata_existing(x, f, &there)) != 0 || there)) {
        return c;
    }
    if (memcmp(su_ledger_frame_work(x, f, ASSOCIATED)->owner, su_ledger_system_id, 32) != 0) {
        return SU_IE(IllegalOwner);
    }
    return ata_initialize(x, f);
}

/* ---- Memo ------------------------------------------------------------------------------------ */

enum { MEMO_UNITS = 5000, MEMO_UNITS_PER_SIGNER = 11500 };

static bool utf8(const uint8_t *s, size_t n)
{
    for (size_t i = 0; i < n;) {
        size_t step = su_utf8_step(s + i, n - i);

        if (step == 0) {
            return false;
        }
        i += step;
    }
    return true;
}

uint64_t su_ledger_memo(struct su_ledger_exec *x, struct su_ledger_frame *f)
{
    char key[SU_LEDGER_TEXT];
    bool missing = false;
    struct su_buf b;

    if (!su_ledger_charge(x, MEMO_UNITS + (uint64_t)f->n * MEMO_UNITS_PER_SIGNER)) {
        return SU_IE(ProgramFailedToComplete);
    }
    for (size_t i = 0; i < f->n; i++) {
        su_ledger_key_text(su_ledger_frame_work(x, f, i)->key, key);
        if (f->metas[i].signer) {
            su_ledger_log(x, "Program log: Signed by %s", key);
        }
        missing |= !f->metas[i].signer;
    }
    if (missing) {
        return SU_IE(MissingRequiredSignature);
    }
    if (!utf8(f->data, f->data_bytes)) {
        su_ledger_log(x, "Program log: Invalid UTF-8");
        return SU_IE(InvalidInstructionData);
    }
    su_buf_init(&b, 0);
    su_buf_printf(&b, "Memo (len %u): \"", f->data_bytes);
    for (size_t i = 0; i < f->data_bytes; i++) {
        if (f->data[i] == '"' || f->data[i] == '\\') {
            su_buf_u8(&b, '\\');
        }
        su_buf_u8(&b, f->data[i]);
    }
    su_buf_str(&b, "\"");
    su_ledger_log_text(x, (const char *)b.data, b.len);
    x->no_memory |= b.failed;
    su_buf_fini(&b);
    return 0;
}

/* ---- ed25519 precompile ---------------------------------------------------------------------- */

enum precompile_error { BAD_KEY = 0, BAD_SIGNATURE = 2, BAD_OFFSETS = 3, BAD_SIZE = 4 };
enum { ED_START = 2, ED_ENTRY = 14 };

/* Bytes [at, at + n) of instruction number `index`, 0xffff = this one; NULL when out of bounds. */
static const uint8_t *slice(const struct su_ledger_exec *x, const struct su_ledger_frame *f,
                            uint16_t index, uint16_t at, size_t n)
{
    const uint8_t *data = f->data;
    size_t bytes = f->data_bytes;

    if (index != UINT16_MAX) {
        if (index >= x->tx->n_instrs) {
            return NULL;
        }
        data = x->tx->wire + x->tx->instrs[index].data_at;
        bytes = x->tx->instrs[index].data_bytes;
    }
    return at > bytes || n > bytes - at ? NULL : data + at;
}

/* Data: number of signatures, padding, then per signature seven u16: offset and instruction of the
   signature, of the key, and offset, size and instruction of the message. */
uint64_t su_ledger_ed25519(struct su_ledger_exec *x, struct su_ledger_frame *f)
{
    size_t n = f->data_bytes > 0 ? f->data[0] : 0;

    if (f->data_bytes < ED_START || (n == 0 && f->data_bytes > ED_START) ||
        f->data_bytes < ED_START + n * ED_ENTRY) {
        return SU_IE_CUSTOM(BAD_SIZE);
    }
    for (size_t i = 0; i < n; i++) {
        const uint8_t *o = f->data + ED_START + i * ED_ENTRY;
        uint16_t bytes = su_le16(o + 10);
        const uint8_t *sig = slice(x, f, su_le16(o + 2), su_le16(o), SU_ED25519_SIG_BYTES);
        const uint8_t *key = slice(x, f, su_le16(o + 6), su_le16(o + 4), SU_ED25519_PUBLIC_BYTES);
        const uint8_t *message = slice(x, f, su_le16(o + 12), su_le16(o + 8), bytes);

        if (sig == NULL || key == NULL || message == NULL) {
            return SU_IE_CUSTOM(BAD_OFFSETS);
        }
        if (!su_point_valid(key)) {
            return SU_IE_CUSTOM(BAD_KEY);
        }
        if (!su_ed25519_verify(key, message, bytes, sig)) {
            return SU_IE_CUSTOM(BAD_SIGNATURE);
        }
    }
    return 0;
}
