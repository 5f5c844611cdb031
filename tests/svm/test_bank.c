// SPDX-License-Identifier: MIT
/* The bank that native tests of the program run over is held to Solana's own runtime: the probe
   runs natively over the one and as an image in the other, in random sequences with right and wrong
   rights, payers, seeds and amounts, and must come out the same. */
#include "probe.c"

#include "steps.h"
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

static void run_step(struct parity *p, struct su_random *r)
{
    const struct step s = step_any(r);
    struct svm_result result;
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
