// SPDX-License-Identifier: MIT
/* The ledger's System, Token, Associated Token Account, Memo and ed25519 programs are held to those
   that Solana's runtime brings along: random transactions, right ones and wrong ones, must end the
   same way in both and leave the same accounts. SU_TEST_FULL=1: ten times as many. */
#include "crypto/crypto.h"
#include "ledger/ledger.h"
#include "support/ledger_draft.h"
#include "support/random.h"
#include "support/svm.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { PEOPLE = 6, SPARE = 6, STEPS = 1500, METAS = 8, INSTRS = 3 };
#define SOL UINT64_C(1000000000)

struct instr {
    const uint8_t *program;
    const char *name;
    struct svm_meta m[METAS];
    size_t nm, n;
    uint8_t data[200];
};

static struct svm *vm;
static struct su_ledger *l;
static struct su_random r;
static struct su_actor payer, who[PEOPLE], spare[SPARE]; /* spare: keys of accounts to be made */
static uint8_t ata[PEOPLE][32], mint[32], rent[32];

/* ---- random instructions --------------------------------------------------------------------- */

static uint32_t below(uint32_t n)
{
    return su_random_below(&r, n);
}

static const uint8_t *anybody(void)
{
    switch (below(4)) {
    case 0:
        return spare[below(SPARE)].key;
    case 1:
        return ata[below(PEOPLE)];
    default:
        return who[below(PEOPLE)].key;
    }
}

static void account(struct instr *in, const uint8_t *key, bool signer, bool writable)
{
    struct svm_meta *m = &in->m[in->nm++];

    memcpy(m->key, key, 32);
    m->signer = signer != su_random_chance(&r, 4); /* now and then the wrong way round */
    m->writable = writable && !su_random_chance(&r, 3);
    bool can_sign = false;
    for (size_t i = 0; i < PEOPLE; i++) {
        can_sign |= memcmp(key, who[i].key, 32) == 0;
    }
    for (size_t i = 0; i < SPARE; i++) {
        can_sign |= memcmp(key, spare[i].key, 32) == 0;
    }
    m->signer &= can_sign;
}

static void u64(struct instr *in, uint64_t v)
{
    su_put_le64(in->data + in->n, v);
    in->n += 8;
}

static void bytes(struct instr *in, const void *p, size_t n)
{
    memcpy(in->data + in->n, p, n);
    in->n += n;
}

static uint64_t amount(void)
{
    static const uint64_t edges[] = {0, 1, 890879, 890880, 1461600, 2039280, 3 * SOL, UINT64_MAX};

    return su_random_chance(&r, 50) ? edges[below(SU_ARRAY_LEN(edges))]
                                    : su_random_u64(&r) % (3 * SOL);
}

static const uint8_t *any_owner(void)
{
    return su_random_chance(&r, 60)   ? su_ledger_token_id
           : su_random_chance(&r, 50) ? su_ledger_system_id
                                      : who[0].key;
}

static void system_seeded(struct instr *in, uint32_t tag)
{
    uint8_t key[32];
    const uint8_t *base = who[below(PEOPLE)].key, *owner = any_owner();
    const char seed = (char)('a' + below(4));
    struct su_sha256 h;

    su_sha256_init(&h);
    su_sha256_update(&h, base, 32);
    su_sha256_update(&h, &seed, 1);
    su_sha256_update(&h, owner, 32);
    su_sha256_final(&h, key);
    key[0] ^= su_random_chance(&r, 10);
    if (tag == 3) {
        account(in, who[below(PEOPLE)].key, true, true);
    }
    account(in, key, false, true);
    account(in, base, true, false);
    if (tag == 11) {
        account(in, anybody(), false, true);
        u64(in, amount());
    } else {
        bytes(in, base, 32);
    }
    u64(in, 1);
    bytes(in, &seed, 1);
    if (tag == 3) {
        u64(in, amount());
    }
    if (tag == 3 || tag == 9) {
        u64(in, below(200));
    }
    bytes(in, owner, 32);
}

static void system_instr(struct instr *in)
{
    static const uint8_t tags[] = {0, 0, 1, 2, 2, 2, 3, 8, 9, 10, 11, 77};
    uint32_t tag = tags[below(SU_ARRAY_LEN(tags))];

    in->program = su_ledger_system_id;
    in->name = "system";
    su_put_le32(in->data, tag);
    in->n = 4;
    if (tag == 3 || tag >= 9) {
        system_seeded(in, tag);
        return;
    }
    if (tag == 0 || tag == 2) {
        account(in, su_random_chance(&r, 90) ? who[below(PEOPLE)].key : anybody(), true, true);
    }
    account(in, tag == 2 ? anybody() : spare[below(SPARE)].key, tag != 2, true);
    if (tag == 0 || tag == 2) {
        u64(in, amount());
    }
    if (tag == 0 || tag == 8) {
        u64(in, su_random_chance(&r, 40) ? 165 : su_random_chance(&r, 40) ? 82 : below(300));
    }
    if (tag == 0 || tag == 1) {
        bytes(in, any_owner(), 32);
    }
}

static const uint8_t *token_key(void)
{
    return su_random_chance(&r, 75)   ? ata[below(PEOPLE)]
           : su_random_chance(&r, 80) ? spare[below(SPARE)].key
                                      : anybody();
}

static const uint8_t *mint_key(void)
{
    return su_random_chance(&r, 80) ? mint : spare[below(SPARE)].key;
}

/* Accounts of a token instruction: t token account, m mint, p person (signs), q person. */
static void token_instr(struct instr *in)
{
    static const struct {
        uint8_t tag;
        const char *accounts, *data; /* a amount, d decimals, k key, o option, y authority type */
    } kinds[] = {{0, "mr", "dko"},  {1, "tmqr", ""},    {3, "ttp", "a"},    {3, "ttp", "a"},
                 {4, "tqp", "a"},   {5, "tp", ""},      {6, "tp", "yo"},    {6, "mp", "yo"},
                 {7, "mtp", "a"},   {8, "tmp", "a"},    {9, "tqp", ""},     {10, "tmp", ""},
                 {11, "tmp", ""},   {12, "tmtp", "ad"}, {13, "tmqp", "ad"}, {14, "mtp", "ad"},
                 {15, "tmp", "ad"}, {16, "tmr", "k"},   {18, "tm", "k"},    {20, "m", "dko"},
                 {21, "m", ""},     {22, "t", ""},      {17, "t", ""},      {12, "tmtp", "ad"}};
    size_t k = below(SU_ARRAY_LEN(kinds));
    uint32_t person = below(PEOPLE);

    in->program = su_ledger_token_id;
    in->name = "token";
    in->data[in->n++] = kinds[k].tag;
    for (const char *c = kinds[k].accounts; *c != 0; c++) {
        if (*c == 't') { /* mostly the person's own */
            account(in, su_random_chance(&r, 60) ? ata[person] : token_key(), false, true);
        } else if (*c == 'm') {
            account(in, mint_key(), false, true);
        } else if (*c == 'r') {
            account(in, su_random_chance(&r, 90) ? rent : anybody(), false, false);
        } else if (*c == 'p') {
            account(in, who[su_random_chance(&r, 70) ? person : below(PEOPLE)].key, true, false);
        } else {
            account(in, who[below(PEOPLE)].key, false, true);
        }
    }
    for (const char *c = kinds[k].data; *c != 0; c++) {
        if (*c == 'a') {
            u64(in, su_random_chance(&r, 90) ? below(500) : su_random_u64(&r));
        } else if (*c == 'd') {
            in->data[in->n++] = (uint8_t)(su_random_chance(&r, 90) ? 6 : below(20));
        } else if (*c == 'y') {
            in->data[in->n++] = (uint8_t)below(4);
        } else if (*c == 'k' || (in->data[in->n++] = (uint8_t)below(2)) == 1) {
            bytes(in, who[below(PEOPLE)].key, 32);
        }
    }
}

static void ata_instr(struct instr *in)
{
    uint32_t i = below(PEOPLE);

    in->program = su_ledger_ata_id;
    in->name = "associated";
    account(in, who[below(PEOPLE)].key, true, true);
    account(in, su_random_chance(&r, 90) ? ata[i] : anybody(), false, true);
    account(in, who[i].key, false, false);
    account(in, su_random_chance(&r, 95) ? mint : anybody(), false, false);
    account(in, su_ledger_system_id, false, false);
    account(in, su_ledger_token_id, false, false);
    in->data[in->n++] = (uint8_t)below(2);
}

static void small_instr(struct instr *in)
{
    uint32_t i = below(PEOPLE);

    if (below(2) == 0) {
        in->program = su_ledger_memo_id;
        in->name = "memo";
        account(in, who[i].key, true, false);
        bytes(in, "hello", 5); /* versions of the program differ on what is not UTF-8 */
        return;
    }
    const uint16_t fields[7] = {48, UINT16_MAX, 16, UINT16_MAX, 112, 5, UINT16_MAX};

    in->program = su_ledger_ed25519_id;
    in->name = "ed25519";
    in->data[0] = 1;
    for (size_t k = 0; k < 7; k++) {
        su_put_le16(in->data + 2 + 2 * k, fields[k]);
    }
    memcpy(in->data + 16, who[i].key, 32);
    su_ed25519_sign(who[i].secret, "hello", 5, in->data + 48);
    memcpy(in->data + 112, "hello", 5);
    in->n = 117;
    /* Wrong ones are tried in the ledger's own tests: LiteSVM gives all of them one number. */
}

static struct instr any_instr(void)
{
    struct instr in = {.nm = 0};
    uint32_t kind = below(20);

    if (kind < 7) {
        system_instr(&in);
    } else if (kind < 16) {
        token_instr(&in);
    } else if (kind < 18) {
        ata_instr(&in);
    } else {
        small_instr(&in);
    }
    if (su_random_chance(&r, 3) && in.n > 0) {
        in.n -= 1;
    }
    if (su_random_chance(&r, 2) && in.nm > 0) {
        in.nm -= 1;
    }
    return in;
}

/* ---- both worlds ----------------------------------------------------------------------------- */

static void copy_to_vm(const uint8_t key[32])
{
    const struct su_ledger_account *a = su_ledger_account_get(l, key);
    struct svm_account c = {.lamports = 0};

    memcpy(c.key, key, 32);
    if (a != NULL && !a->executable) {
        memcpy(c.owner, a->owner, 32);
        c.lamports = a->lamports;
        c.data = a->data;
        c.data_bytes = (size_t)a->data_bytes;
        svm_account_set(vm, &c);
    }
    su_ledger_account_release(a);
}

static void refresh(uint64_t round)
{
    for (uint64_t i = 0; i < PEOPLE; i++) {
        who[i] = su_actor_of(round * 100 + i);
        su_ledger_ata(who[i].key, mint, ata[i]);
        assert_int_equal(su_ledger_airdrop(l, who[i].key, 10 * SOL, NULL, NULL), SU_OK);
        if (i < 4) {
            assert_int_equal(su_ledger_airdrop_usdc(l, who[i].key, 2000, NULL, NULL), SU_OK);
            copy_to_vm(ata[i]);
        }
        copy_to_vm(who[i].key);
    }
    for (uint64_t i = 0; i < SPARE; i++) {
        spare[i] = su_actor_of(round * 100 + 50 + i);
    }
    copy_to_vm(mint);
}

static struct su_ledger_failure run_in_ledger(const struct instr *in, size_t n)
{
    static struct su_draft d;
    struct su_actor all[PEOPLE + SPARE + 1];
    struct su_ledger_now now;
    struct su_ledger_tx tx;
    struct su_ledger_result res;
    struct su_ledger_failure f;

    su_ledger_now(l, &now);
    su_draft_init(&d, payer.key, now.blockhash);
    for (size_t i = 0; i < n; i++) {
        struct su_draft_meta m[METAS];

        for (size_t k = 0; k < in[i].nm; k++) {
            m[k] = (struct su_draft_meta){in[i].m[k].key, in[i].m[k].signer, in[i].m[k].writable};
        }
        su_draft_instr(&d, in[i].program, m, in[i].nm, in[i].data, in[i].n);
    }
    memcpy(all, who, sizeof who);
    memcpy(all + PEOPLE, spare, sizeof spare);
    all[PEOPLE + SPARE] = payer;
    su_draft_tx(&d, all, SU_ARRAY_LEN(all), &tx);
    (void)!su_ledger_submit(l, &tx, SU_LEDGER_SKIP_PREFLIGHT | SU_LEDGER_WAIT, &res, NULL);
    f = res.failure;
    su_ledger_result_fini(&res);
    su_ledger_advance(l, 1);
    return f;
}

static void same_failure(const struct instr *in, const struct su_ledger_failure *f,
                         const struct svm_result *v)
{
    char text[200];
    bool same = false;

    if (v->outcome == SVM_OK) {
        same = f->tx == SU_LEDGER_TX_OK;
    } else if (v->outcome == SVM_REFUSED) {
        same = f->tx != SU_LEDGER_TX_OK && strstr(v->name, su_ledger_tx_error_name(f->tx)) != NULL;
    } else if (f->tx == SU_LEDGER_TX_InstructionError && f->index == v->instruction) {
        same = v->outcome == SVM_CUSTOM
                   ? f->instr == SU_LEDGER_IE_Custom && f->custom == v->custom
                   : strcmp(su_ledger_instr_error_name(f->instr), v->name) == 0;
    }
    if (!same) {
        size_t at = v->outcome == SVM_OK || v->outcome == SVM_REFUSED ? f->index : v->instruction;

        at = at < INSTRS ? at : 0;
        fail_msg("%s, tag %u, %zu accounts: ledger: %s; VM: %s %u at %u: %s", in[at].name,
                 in[at].data[0], in[at].nm, su_ledger_failure_text(f, text, sizeof text), v->name,
                 v->custom, v->instruction, v->log);
    }
}

static void same_account(const uint8_t key[32], const char *name)
{
    const struct su_ledger_account *a = su_ledger_account_get(l, key);
    struct svm_account b;

    if (memcmp(key, rent, 32) != 0 && (a == NULL || !a->executable)) {
        svm_account_get(vm, key, &b);
        if ((a != NULL ? a->lamports : 0) != b.lamports) {
            fail_msg("%s: %llu lamports, VM %llu", name,
                     (unsigned long long)(a != NULL ? a->lamports : 0),
                     (unsigned long long)b.lamports);
        }
        if (a != NULL) {
            assert_memory_equal(a->owner, b.owner, 32);
            assert_int_equal(a->data_bytes, b.data_bytes);
            assert_memory_equal(a->data, b.data, b.data_bytes);
        }
    }
    su_ledger_account_release(a);
}

static void random_transactions(void **state)
{
    static const uint8_t seed[32] = {6};
    const size_t steps = getenv("SU_TEST_FULL") != NULL ? 10 * STEPS : STEPS;
    size_t good = 0, n;

    (void)state;
    r = su_random_of(21, 1);
    assert_int_equal(
        su_ledger_open(&(struct su_ledger_options){.manual_slots = true, .seed = seed}, &l, NULL),
        SU_OK);
    assert_true(su_base58_decode("SysvarRent111111111111111111111111111111111", rent, 32, &n));
    payer = su_actor_of(99999);
    memcpy(mint, su_ledger_usdc_mint(l), 32);
    assert_int_equal(su_ledger_airdrop(l, payer.key, 1000 * SOL, NULL, NULL), SU_OK);
    for (size_t i = 0; i < steps; i++) {
        struct instr in[INSTRS];
        struct svm_result v;

        n = 1 + below(INSTRS - 1);
        if (i % 40 == 0) {
            refresh(i / 40);
        }
        for (size_t k = 0; k < n; k++) {
            in[k] = any_instr();
            svm_ix(vm, in[k].program, in[k].data, in[k].n, in[k].m, in[k].nm);
        }
        const struct su_ledger_failure f = run_in_ledger(in, n);
        svm_send(vm, &v);
        same_failure(in, &f, &v);
        for (size_t k = 0; k < n; k++) {
            for (size_t m = 0; m < in[k].nm; m++) {
                same_account(in[k].m[m].key, in[k].name);
            }
        }
        good += v.outcome == SVM_OK;
    }
    print_message("%zu of %zu transactions succeeded in both\n", good, steps);
    assert_true(good > steps / 10 && good < steps);
    su_ledger_close(l);
}

int main(void)
{
    const char *why;

    vm = svm_open(&why);
    if (vm == NULL) {
        (void)printf("skipped: %s\n", why);
        return 77;
    }
    const struct CMUnitTest tests[] = {cmocka_unit_test(random_transactions)};
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);

    svm_close(vm);
    return failed;
}
