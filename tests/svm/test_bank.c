// SPDX-License-Identifier: MIT
/* The bank that native tests of the program run over is held to Solana's own runtime: the probe
   runs natively over the one and as an image in the other, in random sequences with right and wrong
   rights, payers, seeds and amounts, and must come out the same. */
#include "probe.c"

#include "support/parity.h"
#include "support/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define IMAGE SU_BINARY_DIR "/program/probe.so"
#define STEPS 1500
#define STEPS_FULL 20000

static const uint8_t program_id[32] = "the probe's own program address";

/* Everybody there is. Odd ones pay nobody, own nothing, or do not exist. */
enum {
    ANSWER,
    ALICE,
    BOB,
    POOR,
    NOBODY,
    PURSE,
    OTHER,
    FOREIGN,
    MINT,
    SYSTEM,
    TOKEN,
    PDA,
    PEOPLE = 16
};
static uint8_t key[PEOPLE][32];
static uint8_t bump[PEOPLE];

static void put(struct parity *p, int who, const uint8_t owner[32], uint64_t lamports, size_t bytes)
{
    struct svm_account a = {.lamports = lamports, .data_bytes = bytes};
    uint8_t *data = calloc(1, bytes + 1);
    assert_non_null(data);
    a.data = data;
    memcpy(a.key, key[who], 32);
    memcpy(a.owner, owner, 32);
    parity_account_set(p, &a);
    free(data);
}

static void people(struct parity *p)
{
    for (int i = 0; i < PEOPLE; i++) {
        const uint8_t seed[8] = {(uint8_t)i, 'p'};
        const struct su_sys_bytes seeds[2] = {{(const uint8_t *)"probe", 5}, {seed, 8}};
        memset(key[i], 'a' + i, 32);
        if (i >= PDA)
            assert_true(bank_find_address(program_id, seeds, 2, key[i], &bump[i]));
    }
    memcpy(key[SYSTEM], su_sys_system_id, 32);
    memcpy(key[TOKEN], su_sys_token_id, 32);
    put(p, ANSWER, program_id, 1ull << 40, 512);
    put(p, ALICE, su_sys_system_id, 1ull << 45, 0);
    put(p, BOB, su_sys_system_id, 1ull << 33, 0);
    put(p, POOR, su_sys_system_id, 900000, 0);
    put(p, FOREIGN, key[NOBODY], 1ull << 30, 40);
    bank_mint_set(parity_bank(p), key[MINT], 6);
    bank_token_set(parity_bank(p), key[PURSE], key[MINT], key[PDA], 1ull << 40);
    bank_token_set(parity_bank(p), key[OTHER], key[MINT], key[ALICE], 100);
    parity_sync(p);
}

/* Mostly `usual`, sometimes anybody. */
static int pick(struct su_random *r, int usual)
{
    return su_random_chance(r, 94) ? usual : (int)su_random_below(r, PEOPLE);
}

static struct svm_meta who(struct su_random *r, int usual, bool signer, bool writable)
{
    const int i = pick(r, usual);
    struct svm_meta m = {.signer = signer ^ su_random_chance(r, 3),
                         .writable = writable ^ su_random_chance(r, 3)};
    memcpy(m.key, key[i], 32);
    /* sysvars and programs are never writable for anybody, whatever a transaction says */
    if (i == SYSTEM || i == TOKEN)
        m.writable = false;
    return m;
}

struct step {
    const char *name;
    uint8_t data[192];
    size_t n;
    struct svm_meta meta[8];
    size_t nmeta;
};

static void step_create(struct su_random *r, struct step *s)
{
    static const uint32_t sizes[] = {0, 1, 8, 165, 4000, 10240, 10241};
    const int pda = PDA + (int)su_random_below(r, PEOPLE - PDA);
    s->name = "create";
    s->data[0] = PROBE_CREATE;
    s->data[1] = su_random_chance(r, 97) ? bump[pda] : (uint8_t)su_random_u64(r);
    su_put_le32(s->data + 4, sizes[su_random_below(r, SU_ARRAY_LEN(sizes))]);
    s->data[8] = (uint8_t)pda;
    s->data[9] = 'p';
    s->n = 16;
    s->meta[1] = who(r, su_random_chance(r, 80) ? ALICE : POOR, true, true);
    s->meta[2] = who(r, pda, false, true);
    s->meta[3] = who(r, SYSTEM, false, false);
    s->nmeta = su_random_chance(r, 97) ? 4 : 3;
}

static void step_close(struct su_random *r, struct step *s)
{
    s->name = "close";
    s->data[0] = PROBE_CLOSE;
    s->n = 8;
    s->meta[1] = who(r, PDA + (int)su_random_below(r, PEOPLE - PDA), false, true);
    s->meta[2] = who(r, BOB, false, true);
    s->nmeta = 3;
}

static void step_transfer(struct su_random *r, struct step *s)
{
    const bool back = su_random_chance(r, 40);
    s->name = "transfer";
    s->data[0] = PROBE_TRANSFER;
    s->data[1] = (uint8_t)(!back ^ su_random_chance(r, 3));
    s->data[2] = bump[PDA];
    s->data[3] = su_random_chance(r, 96) ? 6 : 5;
    su_put_le64(s->data + 8, su_random_chance(r, 90) ? su_random_below(r, 300) : su_random_u64(r));
    s->data[16] = PDA;
    s->data[17] = 'p';
    s->n = 24;
    s->meta[1] = who(r, back ? OTHER : PURSE, false, true);
    s->meta[2] = who(r, MINT, false, false);
    s->meta[3] = who(r, back ? PURSE : OTHER, false, true);
    s->meta[4] = who(r, back ? ALICE : PDA, back, false);
    s->meta[5] = who(r, TOKEN, false, false);
    s->nmeta = su_random_chance(r, 97) ? 6 : 5;
}

static void step_answer(struct su_random *r, struct step *s)
{
    static const uint8_t what[] = {PROBE_SHA256,  PROBE_SLOT, PROBE_SLOT_HASH, PROBE_RENT,
                                   PROBE_ADDRESS, PROBE_ADD,  PROBE_LOG,       200};
    s->name = "answer";
    s->data[0] = what[su_random_below(r, SU_ARRAY_LEN(what))];
    s->n = 8;
    s->data[1] = 1;
    if (s->data[0] == PROBE_SLOT_HASH)
        s->data[4] = (uint8_t)su_random_below(r, 8);
    if (s->data[0] == PROBE_RENT || s->data[0] == PROBE_ADD) {
        s->n = 8 + 64;
        su_put_le64(s->data + 8, su_random_below(r, 100000));
        su_put_le64(s->data + 40, su_random_u64(r));
    }
    if (s->data[0] == PROBE_SHA256 || s->data[0] == PROBE_ADDRESS)
        s->n += su_random_below(r, 33);
    s->nmeta = 1;
}

/* Numbers that a program may return. */
static void step_return(struct su_random *r, struct step *s)
{
    s->name = "return";
    s->data[0] = PROBE_RETURN;
    su_put_le64(s->data + 8, su_random_chance(r, 50) ? su_random_below(r, 10000)
                                                     : (uint64_t)su_random_range(r, 1, 11) << 32);
    s->n = 16;
    s->nmeta = 1;
}

static void run_step(struct parity *p, struct su_random *r)
{
    struct step s = {0};
    struct svm_result result;
    s.meta[0] = who(r, ANSWER, false, true);
    memcpy(s.meta[0].key, key[ANSWER], 32); /* the probe writes there without a look */
    const uint32_t dice = su_random_below(r, 100);
    if (dice < 30)
        step_create(r, &s);
    else if (dice < 50)
        step_close(r, &s);
    else if (dice < 75)
        step_transfer(r, &s);
    else if (dice < 95)
        step_answer(r, &s);
    else
        step_return(r, &s);
    if (!parity_run(p, s.name, s.data, s.n, s.meta, s.nmeta, &result))
        fail_msg("%s", parity_why(p));
}

static void random_sequences(void **state)
{
    const char *why;
    const size_t steps = getenv("SU_TEST_FULL") ? STEPS_FULL : STEPS;
    struct parity *p = parity_open(program_id, IMAGE, &why);
    struct su_random r = su_random_of(4, 1);
    uint64_t slots[4] = {1000, 998, 997, 5};
    uint8_t hashes[4][32] = {{1}, {2}, {3}, {4}};
    (void)state;
    assert_non_null(p);
    people(p);
    parity_slot_hashes(p, slots, hashes, 4);
    for (size_t i = 0; i < steps; i++) {
        if (i % 50 == 0)
            parity_clock(p, 1001 + i);
        if (i % 200 == 199)
            put(p, POOR, su_sys_system_id, 900000 + su_random_below(&r, 30000000), 0);
        run_step(p, &r);
        if (i % 500 == 499 && !parity_all_equal(p))
            fail_msg("%s", parity_why(p));
    }
    if (!parity_all_equal(p))
        fail_msg("%s", parity_why(p));
    assert_int_equal(parity_runs(p), steps);
    assert_true(parity_units(p, "create") > 0 && parity_units(p, "transfer") > 0 &&
                parity_units(p, "close") > 0);
    parity_table(p, stdout);
    parity_close(p);
}

/* The comparison itself: what it must notice. */
static void differences_are_seen(void **state)
{
    const char *why;
    struct parity *p = parity_open(program_id, IMAGE, &why);
    struct svm_result r;
    struct svm_account a;
    uint8_t data[16] = {PROBE_SLOT}, wrong[512] = {0};
    struct svm_meta m = {.writable = true};
    (void)state;
    assert_non_null(p);
    people(p);
    memcpy(m.key, key[ANSWER], 32);
    parity_clock(p, 5);
    assert_true(parity_run(p, "slot", data, 8, &m, 1, &r));
    assert_int_equal(r.outcome, SVM_OK);
    assert_true(r.units > 0 && r.bytes > 0);

    bank_clock(parity_bank(p), 6);
    assert_false(parity_run(p, "slot", data, 8, &m, 1, &r));
    assert_non_null(strstr(parity_why(p), "offset 0: 0600"));
    assert_false(parity_all_equal(p));
    parity_sync(p);
    assert_true(parity_all_equal(p));

    bank_account_get(parity_bank(p), key[ANSWER], &a);
    a.data = wrong;
    a.lamports++;
    svm_account_set(parity_svm(p), &a);
    assert_false(parity_all_equal(p));
    assert_non_null(strstr(parity_why(p), "lamports"));
    a.lamports--;
    a.data_bytes = 500;
    svm_account_set(parity_svm(p), &a);
    assert_false(parity_all_equal(p));
    assert_non_null(strstr(parity_why(p), "512 bytes, in the VM 500"));
    a.data_bytes = 512;
    memcpy(a.owner, key[BOB], 32);
    svm_account_set(parity_svm(p), &a);
    assert_false(parity_all_equal(p));
    assert_non_null(strstr(parity_why(p), "owner"));
    assert_false(parity_run(p, "slot", data, 8, &m, 1, &r));
    assert_non_null(strstr(parity_why(p), "success, in the VM"));
    parity_sync(p);
    memcpy(a.key, key[NOBODY], 32);
    memcpy(a.owner, program_id, 32);
    svm_account_set(parity_svm(p), &a);
    assert_false(parity_all_equal(p));
    assert_non_null(strstr(parity_why(p), "the program owns 1 accounts, in the VM 2"));
    parity_close(p);
}

/* Without a VM only the bank runs; a copy of it is its own. */
static void bank_alone(void **state)
{
    const char *why;
    struct parity *p = parity_open(program_id, NULL, &why);
    struct svm_result r;
    struct svm_account a;
    uint8_t data[8] = {PROBE_SLOT};
    struct svm_meta m = {.writable = true};
    (void)state;
    assert_non_null(p);
    people(p);
    memcpy(m.key, key[ANSWER], 32);
    parity_clock(p, 5);
    struct bank *copy = bank_copy(parity_bank(p));
    assert_int_equal(bank_slot(copy), 5);
    bank_clock(copy, 9);
    bank_run(copy, data, 8, &m, 1, &r);
    assert_int_equal(r.outcome, SVM_OK);
    bank_account_get(copy, key[ANSWER], &a);
    assert_int_equal(a.data[0], 9);
    bank_account_get(parity_bank(p), key[ANSWER], &a);
    assert_int_equal(a.data[0], 0);
    assert_int_equal(bank_lamports(copy), bank_lamports(parity_bank(p)));
    assert_int_equal(bank_token_amount(copy, key[OTHER]), 100);
    assert_int_equal(bank_token_amount(copy, key[ALICE]), 0);
    bank_free(copy);
    assert_true(parity_run(p, "slot", data, 8, &m, 1, &r));
    assert_true(parity_all_equal(p));
    assert_null(parity_svm(p));
    parity_unit_limit(p, 1000);
    parity_close(p);
}

int main(void)
{
    const char *why;
    struct svm *vm = svm_open(&why);
    if (!vm) {
        (void)printf("skipped: %s\n", why);
        return 77;
    }
    svm_close(vm);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_sequences),
        cmocka_unit_test(differences_are_seen),
        cmocka_unit_test(bank_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
