// SPDX-License-Identifier: MIT
/* A wallet signs what was agreed and nothing else: each way a transaction can differ. */
#include "wallet/wallet.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Two instructions of one program; the payer is key 1, another signer key 4. */
struct sample {
    struct su_meta metas[2][3];
    uint8_t data[2][4];
    struct su_instr instrs[4]; /* the last two: room for more */
    struct su_intent intent;
    uint8_t hash[32];
};

static void key(uint8_t out[32], uint8_t name)
{
    memset(out, name, 32);
}

static void sample_init(struct sample *s)
{
    memset(s, 0, sizeof *s);
    for (uint8_t i = 0; i < 2; i++) {
        for (uint8_t m = 0; m < 3; m++) {
            key(s->metas[i][m].key, (uint8_t)(3 + m + 3 * i));
            s->metas[i][m].writable = m == 0;
            s->metas[i][m].signer = m == 1 && i == 0;
        }
        memset(s->data[i], 10 + i, sizeof s->data[i]);
        key(s->instrs[i].program, 2);
        s->instrs[i].metas = s->metas[i];
        s->instrs[i].n_metas = 3;
        s->instrs[i].data = s->data[i];
        s->instrs[i].data_bytes = 4;
    }
    key(s->intent.payer, 1);
    key(s->hash, 99);
    s->intent.instrs = s->instrs;
    s->intent.n_instrs = 2;
    s->intent.units_max = 1000;
    s->intent.price_max = 50;
}

/* What `actual` compiles to, held against what `agreed` says. */
static enum su_code compare(const struct sample *agreed, const struct sample *actual,
                            struct su_err *e)
{
    struct su_tx t;

    assert_int_equal(su_tx_compile(actual->intent.payer, actual->hash, actual->intent.instrs,
                                   actual->intent.n_instrs, &t),
                     SU_TX_OK);
    memset(e, 0, sizeof *e);
    return su_wallet_message_matches(&agreed->intent, su_tx_message(&t), su_tx_message_bytes(&t),
                                     e);
}

static void refused(const struct sample *agreed, const struct sample *actual, const char *part)
{
    struct su_err e;

    assert_int_equal(compare(agreed, actual, &e), SU_EACCES);
    if (!strstr(e.msg, part))
        fail_msg("'%s' lacks '%s'", e.msg, part);
}

static void the_same(void **state)
{
    struct sample s;
    struct su_err e;

    (void)state;
    sample_init(&s);
    assert_int_equal(compare(&s, &s, &e), SU_OK);
    struct sample other = s; /* any blockhash */
    other.hash[0] ^= 1;
    assert_int_equal(compare(&s, &other, &e), SU_OK);
}

/* Makes the copy point into itself. */
static void sample_copy(struct sample *to, const struct sample *from)
{
    *to = *from;
    for (unsigned i = 0; i < 2; i++) {
        to->instrs[i].metas = to->metas[i];
        to->instrs[i].data = to->data[i];
    }
    to->intent.instrs = to->instrs;
}

static void every_difference(void **state)
{
    struct sample s, d;

    (void)state;
    sample_init(&s);
#define DIFFER(change, part)                                                                       \
    do {                                                                                           \
        sample_copy(&d, &s);                                                                       \
        change;                                                                                    \
        refused(&s, &d, part);                                                                     \
    } while (0)
    DIFFER(d.intent.payer[5] ^= 1, "pays");
    DIFFER(d.instrs[1].program[0] ^= 1, "instruction 2 calls");
    DIFFER(d.intent.n_instrs = 1, "instruction 2 is missing");
    DIFFER((d.instrs[2] = d.instrs[0], d.intent.n_instrs = 3), "an instruction is added");
    DIFFER((d.instrs[0] = s.instrs[1], d.instrs[1] = s.instrs[0]), "account 1 of instruction 1");
    for (unsigned m = 0; m < 3; m++) {
        DIFFER(d.metas[0][m].key[31] ^= 0x80, "of instruction 1 is");
        DIFFER(d.metas[1][m].key[0] ^= 1, "of instruction 2 is");
    }
    DIFFER(d.instrs[0].n_metas = 2, "passes 2 accounts, agreed are 3");
    DIFFER(d.instrs[1].data_bytes = 3, "has 3 bytes of data, agreed are 4");
    for (unsigned b = 0; b < 4; b++)
        DIFFER(d.data[1][b] ^= 1, "instruction 2's data differs");
    DIFFER(d.metas[0][2].writable = true, "may be written, which was not agreed");
    DIFFER(d.metas[0][0].writable = false, "cannot be written as agreed");
    DIFFER(d.metas[1][2].signer = true, "must sign, which was not agreed");
    DIFFER(d.metas[0][1].signer = false, "does not sign as agreed");
    s.intent.signatures_max = 1;
    DIFFER((void)0, "takes 2 signatures, agreed are 1");
    s.intent.signatures_max = 2;
    struct su_err e;
    assert_int_equal(compare(&s, &s, &e), SU_OK);
#undef DIFFER
}

/* A key that no instruction needs, put into the message by hand. */
static void an_account_in_the_message_alone(void **state)
{
    struct sample s;
    struct su_tx t;
    struct su_err e = {0};
    uint8_t message[SU_TX_MAX_BYTES + 32];

    (void)state;
    sample_init(&s);
    assert_int_equal(su_tx_compile(s.intent.payer, s.hash, s.instrs, 2, &t), SU_TX_OK);
    const uint8_t *m = su_tx_message(&t);
    size_t n = su_tx_message_bytes(&t), keys_end = 4 + 32 * (size_t)t.n_keys;
    memcpy(message, m, keys_end);
    memset(message + keys_end, 77, 32);
    memcpy(message + keys_end + 32, m + keys_end, n - keys_end);
    message[2]++; /* read-only, unsigned */
    message[3]++;
    assert_int_equal(su_wallet_message_matches(&s.intent, message, n + 32, &e), SU_EACCES);
    assert_non_null(strstr(e.msg, "is added"));
    message[2]--;
    assert_int_equal(su_wallet_message_matches(&s.intent, message, n + 32, &e), SU_EACCES);
}

static void with_budget(struct sample *to, const struct sample *from, const struct su_instr *first,
                        const struct su_instr *last)
{
    sample_copy(to, from);
    to->instrs[2] = to->instrs[1];
    to->instrs[1] = to->instrs[0];
    to->instrs[0] = *first;
    to->instrs[3] = *last;
    to->intent.n_instrs = 4;
}

static void compute_budget(void **state)
{
    struct sample s, d;
    struct su_small_instr limit, price, other;
    struct su_err e;

    (void)state;
    sample_init(&s);
    su_instr_unit_limit(&limit, 1000);
    su_instr_unit_price(&price, 50);
    with_budget(&d, &s, &limit.instr, &price.instr);
    assert_int_equal(compare(&s, &d, &e), SU_OK);
    with_budget(&d, &s, &limit.instr, &limit.instr);
    refused(&s, &d, "limit is set twice");
    with_budget(&d, &s, &price.instr, &price.instr);
    refused(&s, &d, "price is set twice");
    su_instr_unit_limit(&limit, 1001);
    with_budget(&d, &s, &limit.instr, &price.instr);
    refused(&s, &d, "asks for 1001 compute units, agreed are 1000");
    su_instr_unit_limit(&limit, 1);
    su_instr_unit_price(&price, 51);
    with_budget(&d, &s, &limit.instr, &price.instr);
    refused(&s, &d, "offers 51 millionths of a lamport per unit, agreed are 50");
    su_instr_unit_limit(&other, 1);
    other.data[0] = 1; /* RequestHeapFrame */
    with_budget(&d, &s, &limit.instr, &other.instr);
    refused(&s, &d, "not agreed");
    other.data[0] = 2;
    other.instr.n_metas = 1; /* an account with it */
    with_budget(&d, &s, &other.instr, &limit.instr);
    refused(&s, &d, "not agreed");
    s.intent.units_max = 0;
    s.intent.price_max = 0;
    with_budget(&d, &s, &limit.instr, &limit.instr);
    refused(&s, &d, "agreed are 0");
}

static void no_messages(void **state)
{
    struct sample s;
    struct su_err e = {0};
    uint8_t text[] = "any text that somebody wants signed";

    (void)state;
    sample_init(&s);
    assert_int_equal(su_wallet_message_matches(&s.intent, text, 0, &e), SU_EFORMAT);
    assert_int_equal(su_wallet_message_matches(&s.intent, text, sizeof text, &e), SU_EFORMAT);
    assert_non_null(strstr(e.msg, "not signed"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same),
        cmocka_unit_test(every_difference),
        cmocka_unit_test(an_account_in_the_message_alone),
        cmocka_unit_test(compute_budget),
        cmocka_unit_test(no_messages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
