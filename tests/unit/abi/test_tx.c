// SPDX-License-Identifier: MIT
/* Transactions: bytes as Solana's documentation has them, there and back, every limit, and messages
   that contradict themselves. */
#include "abi/abi.h"
#include "base/base.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void key(uint8_t out[32], uint8_t name)
{
    memset(out, name, 32);
}

/* A transfer of 1 SOL, byte by byte. */
static void transfer_bytes(void **state)
{
    uint8_t from[32], to[32], hash[32];
    struct su_small_instr i;
    struct su_tx t;

    (void)state;
    key(from, 1);
    key(to, 2);
    key(hash, 9);
    su_instr_transfer(&i, from, to, 1000000000);
    assert_int_equal(su_tx_compile(from, hash, &i.instr, 1, &t), SU_TX_OK);
    assert_int_equal(t.wire_bytes, 1 + 64 + 3 + 1 + 3 * 32 + 32 + 1 + 1 + 1 + 2 + 1 + 12);
    assert_int_equal(t.signers, 1);
    assert_int_equal(t.n_keys, 3);
    assert_int_equal(t.wire[0], 1);
    const uint8_t *m = su_tx_message(&t);
    assert_memory_equal(m, ((uint8_t[]){1, 0, 1, 3}), 4);
    assert_memory_equal(m + 4, from, 32);
    assert_memory_equal(m + 36, to, 32);
    assert_memory_equal(m + 68, su_system_id, 32);
    assert_memory_equal(m + 100, hash, 32);
    const uint8_t end[] = {1, 2, 2, 0, 1, 12, 2, 0, 0, 0, 0, 0xca, 0x9a, 0x3b, 0, 0, 0, 0};
    assert_memory_equal(m + 132, end, sizeof end);
    assert_int_equal(su_tx_message_bytes(&t), 132 + sizeof end);
    assert_memory_equal(t.wire + t.blockhash_at, hash, 32);
    assert_int_equal(su_tx_signer_index(&t, from), 0);
    assert_int_equal(su_tx_signer_index(&t, to), -1);
    assert_ptr_equal(su_tx_signature(&t, 0), t.wire + 1);
}

/* The keys stand in four classes, and a key passed twice has the union of its rights. */
static void classes_and_union(void **state)
{
    struct su_meta metas[6];
    uint8_t payer[32], hash[32], program[32], data[3] = {7, 8, 9};
    struct su_tx t;
    struct su_tx_parsed p;

    (void)state;
    memset(metas, 0, sizeof metas);
    key(payer, 1);
    key(hash, 9);
    key(program, 8);
    for (uint8_t i = 0; i < 6; i++)
        key(metas[i].key, (uint8_t)(2 + i));
    key(metas[5].key, 2); /* again */
    metas[1].writable = true;
    metas[2].signer = true;
    metas[3].signer = metas[3].writable = true;
    metas[5].writable = true;
    const struct su_instr i = {.metas = metas, .data = data, .n_metas = 6, .data_bytes = 3};
    struct su_instr list[2] = {i, i};
    memcpy(list[0].program, program, 32);
    memcpy(list[1].program, program, 32);
    list[1].n_metas = 1;
    assert_int_equal(su_tx_compile(payer, hash, list, 2, &t), SU_TX_OK);
    const uint8_t order[] = {1, 5, 4, 2, 3, 6, 8};
    const uint8_t *m = su_tx_message(&t);
    assert_memory_equal(m, ((uint8_t[]){3, 1, 2, sizeof order}), 4);
    for (uint8_t k = 0; k < sizeof order; k++)
        assert_int_equal(su_tx_key(&t, k)[0], order[k]);

    assert_int_equal(su_tx_parse_message(m, su_tx_message_bytes(&t), &p), SU_TX_OK);
    assert_int_equal(p.version, -1);
    assert_int_equal(p.n_instrs, 2);
    assert_int_equal(p.instrs[0].n_metas, 6);
    assert_int_equal(p.instrs[1].n_metas, 1);
    for (unsigned k = 0; k < 6; k++) {
        assert_memory_equal(p.instrs[0].metas[k].key, metas[k].key, 32);
        assert_int_equal(p.instrs[0].metas[k].signer, k == 2 || k == 3);
        assert_int_equal(p.instrs[0].metas[k].writable, k == 0 || k == 1 || k == 3 || k == 5);
    }
    assert_memory_equal(p.instrs[0].program, program, 32);
    assert_memory_equal(p.instrs[1].data, data, 3);
    assert_memory_equal(p.blockhash, hash, 32);

    struct su_tx again;
    struct su_tx_parsed q;
    assert_int_equal(su_tx_parse(t.wire, t.wire_bytes, &again, &q), SU_TX_OK);
    assert_memory_equal(again.wire, t.wire, t.wire_bytes);
    assert_int_equal(again.message_at, t.message_at);
    assert_int_equal(again.keys_at, t.keys_at);
    assert_int_equal(again.blockhash_at, t.blockhash_at);
    assert_int_equal(again.signers, t.signers);
    assert_int_equal(again.n_keys, t.n_keys);
}

/* Compact lengths at the edges of one and two bytes. */
static void data_lengths(void **state)
{
    static const uint16_t lengths[] = {0, 1, 127, 128, 300, 1000};
    static uint8_t data[SU_TX_MAX_BYTES];
    uint8_t payer[32], hash[32];
    struct su_instr i = {.data = data};
    struct su_tx t;
    struct su_tx_parsed p;

    (void)state;
    key(payer, 1);
    key(hash, 2);
    key(i.program, 3);
    for (size_t k = 0; k < SU_ARRAY_LEN(lengths); k++) {
        memset(data, (int)k, sizeof data);
        i.data_bytes = lengths[k];
        assert_int_equal(su_tx_compile(payer, hash, &i, 1, &t), SU_TX_OK);
        assert_int_equal(su_tx_parse_message(su_tx_message(&t), su_tx_message_bytes(&t), &p),
                         SU_TX_OK);
        assert_int_equal(p.instrs[0].data_bytes, lengths[k]);
        assert_memory_equal(p.instrs[0].data, data, lengths[k]);
    }
    /* 1 + 64 + 3 + 1 + 64 + 32 + 1 + 1 + 1 + 2 = 170 bytes besides the data. */
    i.data_bytes = SU_TX_MAX_BYTES - 170;
    assert_int_equal(su_tx_compile(payer, hash, &i, 1, &t), SU_TX_OK);
    assert_int_equal(t.wire_bytes, SU_TX_MAX_BYTES);
    i.data_bytes++;
    assert_int_equal(su_tx_compile(payer, hash, &i, 1, &t), SU_TX_TOO_LONG);
}

static void compile_limits(void **state)
{
    static struct su_meta metas[SU_TX_METAS_MAX + 1];
    static struct su_instr list[SU_TX_INSTRS_MAX + 1];
    uint8_t payer[32], hash[32] = {0};
    struct su_tx t;

    (void)state;
    key(payer, 1);
    for (size_t i = 0; i < SU_ARRAY_LEN(list); i++)
        key(list[i].program, 3);
    assert_int_equal(su_tx_compile(payer, hash, list, 0, &t), SU_TX_EMPTY);
    assert_int_equal(su_tx_compile(payer, hash, list, SU_TX_INSTRS_MAX, &t), SU_TX_OK);
    assert_int_equal(su_tx_compile(payer, hash, list, SU_TX_INSTRS_MAX + 1, &t),
                     SU_TX_TOO_MANY_INSTRS);
    list[0].metas = metas;
    for (size_t i = 0; i < SU_ARRAY_LEN(metas); i++)
        key(metas[i].key, 4);
    list[0].n_metas = SU_TX_METAS_MAX;
    assert_int_equal(su_tx_compile(payer, hash, list, 1, &t), SU_TX_OK);
    list[0].n_metas++;
    assert_int_equal(su_tx_compile(payer, hash, list, 1, &t), SU_TX_TOO_MANY_METAS);
    for (size_t i = 0; i < SU_ARRAY_LEN(metas); i++)
        key(metas[i].key, (uint8_t)(4 + i));
    list[0].n_metas = 33; /* + payer + program: 35 keys fit beside one signature */
    assert_int_equal(su_tx_compile(payer, hash, list, 1, &t), SU_TX_TOO_LONG);
    list[0].n_metas = 32;
    assert_int_equal(su_tx_compile(payer, hash, list, 1, &t), SU_TX_OK);
    list[0].n_metas = SU_TX_KEYS_MAX;
    assert_int_equal(su_tx_compile(payer, hash, list, 1, &t), SU_TX_TOO_MANY_KEYS);
    list[0].n_metas = SU_TX_SIGNERS_MAX;
    for (size_t i = 0; i < SU_ARRAY_LEN(metas); i++)
        metas[i].signer = true;
    assert_int_equal(su_tx_compile(payer, hash, list, 1, &t), SU_TX_TOO_MANY_SIGNERS);
    list[0].n_metas = SU_TX_SIGNERS_MAX - 1;
    assert_int_equal(su_tx_compile(payer, hash, list, 1, &t), SU_TX_TOO_LONG);
    list[0].n_metas = 7;
    assert_int_equal(su_tx_compile(payer, hash, list, 1, &t), SU_TX_OK);
    key(list[0].program, 1);
    assert_int_equal(su_tx_compile(payer, hash, list, 1, &t), SU_TX_PROGRAM_PAYS);
}

/* A version 0 message of one instruction without accounts: header, 2 keys, blockhash. */
enum { AT_VERSION, AT_SIGNERS, AT_SIGNERS_RO, AT_OTHERS_RO, AT_KEYS, AT_KEY0, AT_KEY1 = 37 };
enum { AT_COUNT = 101, AT_PROGRAM, AT_METAS, AT_DATA, AT_LOOKUPS, V0_BYTES };
static void v0_message(uint8_t m[V0_BYTES])
{
    memset(m, 0, V0_BYTES);
    m[AT_VERSION] = 0x80;
    m[AT_SIGNERS] = 1;
    m[AT_OTHERS_RO] = 1;
    m[AT_KEYS] = 2;
    key(m + AT_KEY0, 5);
    key(m + AT_KEY1, 6);
    m[AT_COUNT] = 1;
    m[AT_PROGRAM] = 1;
}

static enum su_tx_status parse(const uint8_t *m, size_t n)
{
    static struct su_tx_parsed p;

    return su_tx_parse_message(m, n, &p);
}

static void hostile_messages(void **state)
{
    static const struct {
        unsigned at;
        uint8_t value;
        enum su_tx_status want;
    } changes[] = {
        {AT_VERSION, 0x81, SU_TX_VERSION},
        {AT_VERSION, 0xff, SU_TX_VERSION},
        {AT_SIGNERS, 0, SU_TX_MALFORMED},
        {AT_SIGNERS, 2, SU_TX_MALFORMED}, /* with one key read-only: 3 keys claimed */
        {AT_SIGNERS_RO, 1, SU_TX_MALFORMED}, /* the payer must be written */
        {AT_OTHERS_RO, 2, SU_TX_MALFORMED},
        {AT_KEYS, 39, SU_TX_TOO_MANY_KEYS},
        {AT_KEYS, 0, SU_TX_MALFORMED},
        {AT_COUNT, 65, SU_TX_TOO_MANY_INSTRS},
        {AT_COUNT, 2, SU_TX_TRUNCATED},
        {AT_PROGRAM, 0, SU_TX_MALFORMED},
        {AT_PROGRAM, 2, SU_TX_MALFORMED},
        {AT_METAS, 1, SU_TX_TRUNCATED},
        {AT_DATA, 2, SU_TX_TRUNCATED},
        {AT_LOOKUPS, 1, SU_TX_LOOKUPS},
    };
    uint8_t m[V0_BYTES + 8] = {0};

    (void)state;
    v0_message(m);
    assert_int_equal(parse(m, V0_BYTES), SU_TX_OK);
    assert_int_equal(parse(m, V0_BYTES + 1), SU_TX_TRAILING);
    for (size_t n = 0; n < V0_BYTES; n++)
        assert_int_equal(parse(m, n), SU_TX_TRUNCATED);
    for (size_t i = 0; i < SU_ARRAY_LEN(changes); i++) {
        v0_message(m);
        m[changes[i].at] = changes[i].value;
        assert_int_equal(parse(m, V0_BYTES), changes[i].want);
    }
    v0_message(m);
    memcpy(m + AT_KEY1, m + AT_KEY0, 32); /* a key twice */
    assert_int_equal(parse(m, V0_BYTES), SU_TX_MALFORMED);
    v0_message(m);
    m[AT_COUNT] = 0;
    m[AT_PROGRAM] = 0; /* now the number of lookups */
    assert_int_equal(parse(m, AT_PROGRAM + 1), SU_TX_EMPTY);

    /* 0x80 0x00 is a zero in two bytes; 0xff 0xff 0x7f is beyond 16 bits; four bytes. */
    static const uint8_t lengths[][4] = {
        {0x80, 0, 0, 0}, {0xff, 0xff, 0x7f, 0}, {0x80, 0x80, 0x80, 1}};
    for (size_t i = 0; i < SU_ARRAY_LEN(lengths); i++) {
        v0_message(m);
        memcpy(m + AT_METAS, lengths[i], 4);
        assert_int_equal(parse(m, V0_BYTES + 4), SU_TX_MALFORMED);
    }
    static uint8_t big[SU_TX_MAX_BYTES + 1];
    assert_int_equal(parse(big, sizeof big), SU_TX_TOO_LONG);
}

/* 257 accounts in one instruction, and 13 signers. */
static void hostile_counts(void **state)
{
    static uint8_t m[SU_TX_MAX_BYTES];

    (void)state;
    v0_message(m);
    m[AT_METAS] = 0x81; /* 257 */
    m[AT_METAS + 1] = 2;
    memset(m + AT_METAS + 2, 0, 257);
    assert_int_equal(parse(m, AT_METAS + 2 + 257 + 2), SU_TX_TOO_MANY_METAS);
    m[AT_METAS] = 0x80; /* 256 */
    assert_int_equal(parse(m, AT_METAS + 2 + 256 + 2), SU_TX_OK);
    m[AT_METAS + 2] = 2; /* no such key */
    assert_int_equal(parse(m, AT_METAS + 2 + 256 + 2), SU_TX_MALFORMED);

    memset(m, 0, sizeof m);
    m[0] = 13;
    m[3] = 14;
    for (unsigned i = 0; i < 14; i++)
        key(m + 4 + 32 * i, (uint8_t)(1 + i));
    assert_int_equal(parse(m, 4 + 15 * 32 + 1), SU_TX_TOO_MANY_SIGNERS);
}

static void hostile_transactions(void **state)
{
    uint8_t wire[SU_TX_MAX_BYTES + 1] = {1};
    struct su_tx t;
    static struct su_tx_parsed p;

    (void)state;
    v0_message(wire + 65);
    assert_int_equal(su_tx_parse(wire, 65 + V0_BYTES, &t, &p), SU_TX_OK);
    assert_int_equal(su_tx_parse(wire, 0, &t, &p), SU_TX_TRUNCATED);
    assert_int_equal(su_tx_parse(wire, 64, &t, &p), SU_TX_TRUNCATED);
    assert_int_equal(su_tx_parse(wire, sizeof wire, &t, &p), SU_TX_TOO_LONG);
    wire[0] = 13;
    assert_int_equal(su_tx_parse(wire, 65 + V0_BYTES, &t, &p), SU_TX_TOO_MANY_SIGNERS);
    wire[0] = 0; /* no signature, one signer */
    v0_message(wire + 1);
    assert_int_equal(su_tx_parse(wire, 1 + V0_BYTES, &t, &p), SU_TX_MALFORMED);
}

static void small_instructions(void **state)
{
    uint8_t a[32], b[32], c[32], d[32];
    struct su_small_instr i;
    uint32_t units = 5;
    uint64_t price = 5;

    (void)state;
    key(a, 1), key(b, 2), key(c, 3), key(d, 4);
    su_instr_unit_limit(&i, 0x01020304);
    assert_memory_equal(i.data, ((uint8_t[]){2, 4, 3, 2, 1}), 5);
    assert_false(su_instr_is_unit_price(&i.instr, &price));
    assert_int_equal(price, 5);
    assert_true(su_instr_is_unit_limit(&i.instr, &units));
    assert_int_equal(units, 0x01020304);
    su_instr_unit_price(&i, 0x0102030405060708);
    assert_memory_equal(i.data, ((uint8_t[]){3, 8, 7, 6, 5, 4, 3, 2, 1}), 9);
    assert_false(su_instr_is_unit_limit(&i.instr, &units));
    assert_true(su_instr_is_unit_price(&i.instr, &price));
    assert_true(price == 0x0102030405060708);
    i.instr.program[0] ^= 1;
    assert_false(su_instr_is_unit_price(&i.instr, &price));

    const struct su_token_move move = {a, b, c, d, 0x0102, 6};
    su_instr_token_transfer(&i, &move);
    assert_memory_equal(i.instr.program, su_token_id, 32);
    assert_int_equal(i.instr.n_metas, 4);
    assert_memory_equal(i.data, ((uint8_t[]){12, 2, 1, 0, 0, 0, 0, 0, 0, 6}), 10);
    assert_int_equal(i.instr.data_bytes, 10);
    for (uint8_t k = 0; k < 4; k++) {
        assert_int_equal(i.metas[k].key[0], k + 1);
        assert_int_equal(i.metas[k].signer, k == 3);
        assert_int_equal(i.metas[k].writable, k == 0 || k == 2);
    }
    su_instr_ata_create(&i, a, b, c, d);
    assert_memory_equal(i.instr.program, su_ata_id, 32);
    assert_int_equal(i.instr.n_metas, 6);
    assert_int_equal(i.instr.data_bytes, 1);
    assert_int_equal(i.data[0], 1);
    assert_memory_equal(i.metas[4].key, su_system_id, 32);
    assert_memory_equal(i.metas[5].key, su_token_id, 32);
    assert_true(i.metas[0].signer && i.metas[0].writable && i.metas[1].writable);
}

/* The constants are what their base58 says. */
static void well_known_keys(void **state)
{
    const struct {
        const uint8_t *id;
        const char *text;
    } ids[] = {
        {su_system_id, "11111111111111111111111111111111"},
        {su_token_id, "TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA"},
        {su_ata_id, "ATokenGPvbdGVxr1b2hvZbsiqW5xWH25efTNsLJA8knL"},
        {su_budget_id, "ComputeBudget111111111111111111111111111111"},
        {su_splitup_id, "SpLitUp111111111111111111111111111111111111"},
    };
    char text[64];

    (void)state;
    for (size_t i = 0; i < SU_ARRAY_LEN(ids); i++) {
        assert_true(su_base58_encode(ids[i].id, 32, text, sizeof text) > 0);
        assert_string_equal(text, ids[i].text);
    }
    for (int s = 0; s < SU_TX_STATUS_COUNT; s++)
        assert_true(strlen(su_tx_status_text((enum su_tx_status)s)) > 5);
    assert_string_equal(su_tx_status_text(SU_TX_STATUS_COUNT), "?");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(transfer_bytes),       cmocka_unit_test(classes_and_union),
        cmocka_unit_test(data_lengths),         cmocka_unit_test(compile_limits),
        cmocka_unit_test(hostile_messages),     cmocka_unit_test(hostile_counts),
        cmocka_unit_test(hostile_transactions), cmocka_unit_test(small_instructions),
        cmocka_unit_test(well_known_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
