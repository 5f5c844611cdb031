// SPDX-License-Identifier: MIT
/* The embedded ledger is held to Solana's own runtime: the probe runs natively in the ledger and as
   an image in the VM, by signed transactions, in random sequences; failures and all accounts must
   come out the same. */
#include "probe.c"

#include "crypto/crypto.h"
#include "ledger/ledger.h"
#include "steps.h"
#include "support/random.h"
#include "support/svm.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define IMAGE SU_BINARY_DIR "/program/probe.so"
#define STEPS 1000
#define STEPS_FULL 10000

static const uint8_t program_id[32] = "the probe's own program address";
static uint8_t secret[PEOPLE + 1][64]; /* zeros: nobody can sign for it */
enum { PAYER = PEOPLE }; /* pays fees in the ledger, as the VM's own payer does there */

/* ---- transactions --------------------------------------------------------------------------- */

struct entry {
    struct svm_meta m;
    int secret;
};
struct message {
    struct entry entry[40];
    size_t n;
};

static int signer_of(const uint8_t k[32])
{
    for (int i = 0; i <= PAYER; i++)
        if (secret[i][0] | secret[i][63])
            if (memcmp(secret[i] + 32, k, 32) == 0)
                return i;
    return -1;
}

static size_t note(struct message *msg, const struct svm_meta *m)
{
    size_t i = 0;
    while (i < msg->n && memcmp(msg->entry[i].m.key, m->key, 32) != 0)
        i++;
    if (i == msg->n)
        msg->entry[msg->n++] = (struct entry){*m, signer_of(m->key)};
    msg->entry[i].m.signer |= m->signer;
    msg->entry[i].m.writable |= m->writable;
    return i;
}

static int rank(const struct entry *e)
{
    return (e->secret == PAYER ? 0 : 1) + (e->m.signer ? 0 : 4) + (e->m.writable ? 0 : 2);
}

static int by_rank(const void *a, const void *b)
{
    return rank(a) - rank(b);
}

/* A legacy transaction of one instruction, signed by everybody it marks. */
static void make_tx(struct su_ledger *l, const uint8_t program[32], const struct step *s,
                    struct su_ledger_tx *tx)
{
    struct message msg = {0};
    struct svm_meta m = {.signer = true, .writable = true};
    struct su_ledger_now now;
    struct su_buf b;
    struct su_err e = {0};
    size_t signers = 0, signers_read = 0, others_read = 0;
    memcpy(m.key, secret[PAYER] + 32, 32);
    (void)note(&msg, &m);
    for (size_t i = 0; i < s->nmeta; i++)
        (void)note(&msg, &s->meta[i]);
    m = (struct svm_meta){0};
    memcpy(m.key, program, 32);
    (void)note(&msg, &m);
    qsort(msg.entry, msg.n, sizeof *msg.entry, by_rank);
    for (size_t i = 0; i < msg.n; i++) {
        signers += msg.entry[i].m.signer;
        signers_read += msg.entry[i].m.signer && !msg.entry[i].m.writable;
        others_read += !msg.entry[i].m.signer && !msg.entry[i].m.writable;
    }
    su_ledger_now(l, &now);
    su_buf_init(&b, 0);
    su_buf_u8(&b, (uint8_t)signers);
    for (size_t i = 0; i < signers * 8; i++)
        su_buf_u64(&b, 0);
    const size_t at = b.len;
    su_buf_u8(&b, (uint8_t)signers);
    su_buf_u8(&b, (uint8_t)signers_read);
    su_buf_u8(&b, (uint8_t)others_read);
    su_buf_u8(&b, (uint8_t)msg.n);
    for (size_t i = 0; i < msg.n; i++)
        su_buf_put(&b, msg.entry[i].m.key, 32);
    su_buf_put(&b, now.blockhash, 32);
    su_buf_u8(&b, 1);
    su_buf_u8(&b, (uint8_t)note(&msg, &m));
    su_buf_u8(&b, (uint8_t)s->nmeta);
    for (size_t i = 0; i < s->nmeta; i++)
        su_buf_u8(&b, (uint8_t)note(&msg, &s->meta[i]));
    assert_true(s->n < 0x4000);
    su_buf_u8(&b, (uint8_t)(s->n < 128 ? s->n : (s->n & 127) | 128));
    if (s->n >= 128)
        su_buf_u8(&b, (uint8_t)(s->n >> 7));
    su_buf_put(&b, s->data, s->n);
    for (size_t i = 0; i < signers; i++)
        su_ed25519_sign(secret[msg.entry[i].secret], b.data + at, b.len - at, b.data + 1 + 64 * i);
    if (su_ledger_tx_parse(b.data, b.len, tx, &e) != SU_OK)
        fail_msg("%s", e.msg);
    su_buf_fini(&b);
}

static struct su_ledger_failure run_in_ledger(struct su_ledger *l, const uint8_t program[32],
                                              const struct step *s)
{
    struct su_ledger_tx tx;
    struct su_ledger_result r = {0};
    struct su_err e = {0};
    make_tx(l, program, s, &tx);
    enum su_code c = su_ledger_submit(l, &tx, SU_LEDGER_SKIP_PREFLIGHT | SU_LEDGER_WAIT, &r, &e);
    if (c != SU_OK)
        fail_msg("%s: %s", e.at, e.msg);
    const struct su_ledger_failure f = r.failure;
    su_ledger_result_fini(&r);
    su_ledger_advance(l, 1); /* a blockhash of its own for each: none comes twice */
    return f;
}

/* ---- the world ------------------------------------------------------------------------------ */

/* System CreateAccount, by ALICE. */
static void create_for(struct su_ledger *l, int who, const uint8_t owner[32], uint64_t lamports,
                       uint64_t bytes)
{
    struct step s = {.n = 52, .nmeta = 2};
    char text[200];
    su_put_le64(s.data + 4, lamports);
    su_put_le64(s.data + 12, bytes);
    memcpy(s.data + 20, owner, 32);
    for (int i = 0; i < 2; i++) {
        s.meta[i] = (struct svm_meta){.signer = true, .writable = true};
        memcpy(s.meta[i].key, key[i ? who : ALICE], 32);
    }
    const struct su_ledger_failure f = run_in_ledger(l, su_ledger_system_id, &s);
    if (f.tx != SU_LEDGER_TX_OK)
        fail_msg("%s", su_ledger_failure_text(&f, text, sizeof text));
}

static void people(struct su_ledger *l)
{
    static const struct {
        int who;
        uint64_t lamports;
    } rich[] = {{PAYER, 1ull << 44}, {ALICE, 1ull << 45}, {BOB, 1ull << 33}, {POOR, 900000}};
    for (int i = 0; i <= PAYER; i++) {
        const uint8_t seed[8] = {(uint8_t)i, 'p'};
        const struct su_ledger_seed seeds[2] = {{"probe", 5}, {seed, 8}};
        uint8_t from[32], public_key[32];
        memset(from, 'a' + i, 32);
        if (i >= PDA && i < PEOPLE) {
            assert_true(su_ledger_find_address(seeds, 2, program_id, key[i], &bump[i]));
            continue;
        }
        su_ed25519_from_seed(from, public_key, secret[i]);
        if (i < PEOPLE)
            memcpy(key[i], secret[i] + 32, 32);
    }
    memcpy(key[SYSTEM], su_ledger_system_id, 32);
    memcpy(key[TOKEN], su_ledger_token_id, 32);
    memcpy(key[MINT], su_ledger_usdc_mint(l), 32);
    su_ledger_ata(key[PDA], key[MINT], key[PURSE]);
    su_ledger_ata(key[ALICE], key[MINT], key[OTHER]);
    for (size_t i = 0; i < SU_ARRAY_LEN(rich); i++)
        assert_int_equal(
            su_ledger_airdrop(l, secret[rich[i].who] + 32, rich[i].lamports, NULL, NULL), SU_OK);
    create_for(l, ANSWER, program_id, 1ull << 40, 512);
    create_for(l, FOREIGN, key[NOBODY], 1ull << 30, 40);
    assert_int_equal(su_ledger_airdrop_usdc(l, key[PDA], 1ull << 36, NULL, NULL), SU_OK);
    assert_int_equal(su_ledger_airdrop_usdc(l, key[ALICE], 100, NULL, NULL), SU_OK);
}

static bool is_program(int who)
{
    return who == SYSTEM || who == TOKEN;
}

static void copy_to_vm(struct su_ledger *l, struct svm *vm)
{
    for (int i = 0; i < PEOPLE; i++) {
        const struct su_ledger_account *a = su_ledger_account_get(l, key[i]);
        if (a && !is_program(i)) {
            struct svm_account copy = {.lamports = a->lamports,
                                       .executable = a->executable,
                                       .data = a->data,
                                       .data_bytes = (size_t)a->data_bytes};
            memcpy(copy.key, a->key, 32);
            memcpy(copy.owner, a->owner, 32);
            svm_account_set(vm, &copy);
        }
        su_ledger_account_release(a);
    }
}

/* SysvarS1otHashes111111111111111111111111111 */
static const uint8_t slot_hashes_id[32] = {
    0x06, 0xa7, 0xd5, 0x17, 0x19, 0x2f, 0x0a, 0xaf, 0xc6, 0xf2, 0x65, 0xe3, 0xfb, 0x77, 0xcc, 0x7a,
    0xda, 0x82, 0xc5, 0x29, 0xd0, 0xbe, 0x3b, 0x13, 0x6e, 0x2d, 0x00, 0x55, 0x20, 0x00, 0x00, 0x00};

static void copy_clock(struct su_ledger *l, struct svm *vm)
{
    static uint64_t slots[512];
    static uint8_t hashes[512][32];
    struct su_ledger_now now;
    const struct su_ledger_account *a = su_ledger_account_get(l, slot_hashes_id);
    assert_non_null(a);
    su_ledger_now(l, &now);
    const uint64_t n = su_le64(a->data);
    assert_true(n <= 512 && 8 + 40 * n <= a->data_bytes);
    for (size_t i = 0; i < n; i++) {
        slots[i] = su_le64(a->data + 8 + 40 * i);
        memcpy(hashes[i], a->data + 16 + 40 * i, 32);
    }
    svm_clock(vm, now.slot, now.unix_time);
    svm_slot_hashes(vm, slots, hashes, (size_t)n);
    su_ledger_account_release(a);
}

/* ---- comparing ------------------------------------------------------------------------------ */

static void same_failure(const struct step *s, const struct su_ledger_failure *f,
                         const struct svm_result *r)
{
    char text[200];
    bool same = false;
    switch (r->outcome) {
    case SVM_OK:
        same = f->tx == SU_LEDGER_TX_OK;
        break;
    case SVM_CUSTOM:
        same = f->tx == SU_LEDGER_TX_InstructionError && f->instr == SU_LEDGER_IE_Custom &&
               f->custom == r->custom;
        break;
    case SVM_ERROR:
        same = f->tx == SU_LEDGER_TX_InstructionError &&
               strcmp(su_ledger_instr_error_name(f->instr), r->name) == 0;
        break;
    case SVM_REFUSED:
        same = f->tx != SU_LEDGER_TX_OK && strstr(r->name, su_ledger_tx_error_name(f->tx));
        break;
    }
    if (!same)
        fail_msg("%s: ledger: %s, VM: %s %u: %s", s->name,
                 f->tx == SU_LEDGER_TX_OK ? "success"
                                          : su_ledger_failure_text(f, text, sizeof text),
                 r->name, r->custom, r->log);
}

static void same_accounts(struct su_ledger *l, struct svm *vm, const struct step *s)
{
    for (size_t i = 0; i < s->nmeta; i++) {
        struct svm_account b;
        const struct su_ledger_account *a = su_ledger_account_get(l, s->meta[i].key);
        if (memcmp(s->meta[i].key, key[SYSTEM], 32) == 0 ||
            memcmp(s->meta[i].key, key[TOKEN], 32) == 0) {
            su_ledger_account_release(a);
            continue;
        }
        svm_account_get(vm, s->meta[i].key, &b);
        assert_int_equal(a ? a->lamports : 0, b.lamports);
        if (a) {
            assert_memory_equal(a->owner, b.owner, 32);
            assert_int_equal(a->data_bytes, b.data_bytes);
            assert_memory_equal(a->data, b.data, b.data_bytes);
        }
        su_ledger_account_release(a);
    }
}

static struct svm *vm;

static void random_sequences(void **state)
{
    static const uint8_t seed[32] = {4};
    const struct su_ledger_native native = {
        .id = "the probe's own program address", .name = "probe", .process = su_program_process};
    const size_t steps = getenv("SU_TEST_FULL") ? STEPS_FULL : STEPS;
    struct su_random r = su_random_of(11, 3);
    struct su_ledger *l;
    size_t good = 0;
    (void)state;
    assert_int_equal(su_ledger_open(&(struct su_ledger_options){.manual_slots = true,
                                                                .seed = seed,
                                                                .natives = &native,
                                                                .n_natives = 1},
                                    &l, NULL),
                     SU_OK);
    people(l);
    svm_program(vm, program_id, IMAGE);
    copy_to_vm(l, vm);
    for (size_t i = 0; i < steps; i++) {
        struct step s = step_any(&r);
        struct svm_result result;
        for (size_t k = 0; k < s.nmeta; k++)
            s.meta[k].signer &= signer_of(s.meta[k].key) >= 0;
        copy_clock(l, vm);
        const struct su_ledger_failure f = run_in_ledger(l, program_id, &s);
        svm_ix(vm, program_id, s.data, s.n, s.meta, s.nmeta);
        svm_send(vm, &result);
        same_failure(&s, &f, &result);
        same_accounts(l, vm, &s);
        good += result.outcome == SVM_OK;
    }
    assert_true(good > steps / 4 && good < steps);
    su_ledger_close(l);
}

int main(void)
{
    const char *why;
    vm = svm_open(&why);
    if (!vm) {
        (void)printf("skipped: %s\n", why);
        return 77;
    }
    const struct CMUnitTest tests[] = {cmocka_unit_test(random_sequences)};
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    svm_close(vm);
    return failed;
}
