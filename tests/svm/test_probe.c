// SPDX-License-Identifier: MIT
/* The VM's side of sys.h, function by function, against the host: probe.c in Solana's own VM. */
#include "crypto/crypto.h"
#include "probe.h"
#include "support/random.h"
#include "support/svm.h"
#include "vrf/vrf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define IMAGE SU_BINARY_DIR "/program/probe.so"
#define IMAGE_V0 SU_BINARY_DIR "/program/probe.v0.so"
#define ANSWER_BYTES 512

static struct svm *vm;
static const uint8_t program[32] = "the probe's own program address";
static const uint8_t scratch[32] = "the account answers are put into";
static const uint8_t alice[32] = "alice pays and signs in the test";
static const uint8_t bob[32] = "bob receives what others give up";
static const uint8_t system_id[32];
static const uint8_t token_id[32] = {
    0x06, 0xdd, 0xf6, 0xe1, 0xd7, 0x65, 0xa1, 0x93, 0xd9, 0xcb, 0xe1, 0x46, 0xce, 0xeb, 0x79, 0xac,
    0x1c, 0xb4, 0x85, 0xed, 0x5f, 0x5b, 0x37, 0x91, 0x3a, 0x8c, 0xf5, 0x85, 0x7e, 0xff, 0,    0xa9};
static uint8_t returned[ANSWER_BYTES];

/* ---- asking --------------------------------------------------------------------------------- */

static void put_account(const uint8_t key[32], const uint8_t owner[32], uint64_t lamports,
                        const void *data, size_t bytes)
{
    struct svm_account a = {.lamports = lamports, .data = data, .data_bytes = bytes};
    memcpy(a.key, key, 32);
    memcpy(a.owner, owner, 32);
    svm_account_set(vm, &a);
}

static struct svm_meta meta(const uint8_t key[32], bool signer, bool writable)
{
    struct svm_meta m = {.signer = signer, .writable = writable};
    memcpy(m.key, key, 32);
    return m;
}

/* Sends one instruction of the probe; `more` accounts follow the one of answers. */
static void send(const void *data, size_t n, const struct svm_meta *more, size_t nmore,
                 struct svm_result *r)
{
    struct svm_meta metas[40] = {meta(scratch, false, true)};
    assert_true(nmore < SU_ARRAY_LEN(metas));
    if (nmore)
        memcpy(metas + 1, more, nmore * sizeof *more);
    svm_ix(vm, program, data, n, metas, nmore + 1);
    svm_send(vm, r);
}

static void good(const struct svm_result *r)
{
    if (r->outcome != SVM_OK)
        fail_msg("%s: %s", r->name, r->log);
}

/* Asks for an answer, which is then in `returned`. */
static void ask(const void *data, size_t n)
{
    static const uint8_t zeros[ANSWER_BYTES];
    struct svm_account a;
    struct svm_result r;
    put_account(scratch, program, 100000000, zeros, sizeof zeros);
    send(data, n, NULL, 0, &r);
    good(&r);
    svm_account_get(vm, scratch, &a);
    assert_int_equal(a.data_bytes, ANSWER_BYTES);
    memcpy(returned, a.data, ANSWER_BYTES);
}

static int fresh(void **state)
{
    static const uint8_t zeros[ANSWER_BYTES];
    (void)state;
    svm_reset(vm);
    svm_program(vm, program, IMAGE);
    put_account(scratch, program, 100000000, zeros, sizeof zeros);
    put_account(alice, system_id, 1000000000, NULL, 0);
    put_account(bob, system_id, 1000000, NULL, 0);
    return 0;
}

/* ---- facts ---------------------------------------------------------------------------------- */

static void sha256(void **state)
{
    static const size_t sizes[] = {0, 1, 55, 56, 63, 64, 65, 127, 128, 500, 1000};
    uint8_t data[8 + 1000] = {PROBE_SHA256}, want[32];
    (void)state;
    for (size_t i = 0; i < 1000; i++)
        data[8 + i] = (uint8_t)(i * 7);
    for (size_t i = 0; i < SU_ARRAY_LEN(sizes); i++) {
        static const uint8_t parts[] = {1, 2, 3, 12};
        su_sha256(data + 8, sizes[i], want);
        for (size_t p = 0; p < SU_ARRAY_LEN(parts); p++) {
            data[1] = parts[p];
            ask(data, 8 + sizes[i]);
            assert_memory_equal(returned, want, 32);
        }
    }
}

static void clock(void **state)
{
    static const uint64_t slots[] = {447552001, 1ull << 40};
    uint8_t data[8] = {PROBE_SLOT};
    (void)state;
    for (size_t i = 0; i < SU_ARRAY_LEN(slots); i++) {
        svm_clock(vm, slots[i], 1800000000);
        ask(data, sizeof data);
        assert_int_equal(su_le64(returned), slots[i]);
    }
}

static void slot_hashes(void **state)
{
    uint64_t slots[512];
    uint8_t hashes[512][32];
    (void)state;
    for (size_t i = 0; i < 512; i++) {
        slots[i] = 9000 - 2 * i;
        memset(hashes[i], (int)(i & 255), 32);
        hashes[i][0] = (uint8_t)(i >> 8);
    }
    static const struct {
        uint32_t entries, index;
        bool found;
    } row[] = {{512, 0, true}, {512, 1, true},          {512, 511, true}, {512, 512, false},
               {3, 2, true},   {3, 3, false},           {3, 511, false},  {1, 0, true},
               {1, 1, false},  {512, UINT32_MAX, false}};
    for (size_t i = 0; i < SU_ARRAY_LEN(row); i++) {
        uint8_t data[8] = {PROBE_SLOT_HASH};
        svm_slot_hashes(vm, slots, hashes, row[i].entries);
        su_put_le32(data + 4, row[i].index);
        ask(data, sizeof data);
        assert_int_equal(returned[0], row[i].found);
        if (row[i].found) {
            assert_int_equal(su_le64(returned + 8), slots[row[i].index]);
            assert_memory_equal(returned + 16, hashes[row[i].index], 32);
        }
    }
}

/* The runtime's own answer is the other side of the comparison. */
static void rent(void **state)
{
    static const struct {
        uint64_t per_byte;
        double factor;
    } row[] = {{0, 0}, {3480, 2}, {6960, 1}, {100, 1.5}, {7, 0.25}, {3480, 1024}};
    static const uint64_t bytes[] = {0, 1, 165, 10240, 10485760};
    (void)state;
    for (size_t i = 0; i < SU_ARRAY_LEN(row); i++) {
        if (row[i].per_byte)
            svm_rent(vm, row[i].per_byte, row[i].factor);
        for (size_t b = 0; b < SU_ARRAY_LEN(bytes); b++) {
            uint8_t data[16] = {PROBE_RENT};
            su_put_le64(data + 8, bytes[b]);
            const uint64_t want = svm_rent_minimum(vm, bytes[b]);
            ask(data, sizeof data);
            assert_int_equal(su_le64(returned), want);
        }
    }
}

static void derive(const uint8_t *seed, size_t n, uint8_t key[32], uint8_t *bump)
{
    for (unsigned b = 255;; b--) {
        struct su_sha256 h;
        const uint8_t byte = (uint8_t)b;
        su_sha256_init(&h);
        su_sha256_update(&h, "probe", 5);
        su_sha256_update(&h, seed, n);
        su_sha256_update(&h, &byte, 1);
        su_sha256_update(&h, program, 32);
        su_sha256_update(&h, "ProgramDerivedAddress", 21);
        su_sha256_final(&h, key);
        *bump = byte;
        if (!su_point_valid(key))
            return;
    }
}

static void addresses(void **state)
{
    uint8_t data[8 + 32] = {PROBE_ADDRESS};
    struct su_random r = su_random_of(77, 0);
    bool later = false;
    (void)state;
    for (size_t i = 0; i < 40; i++) {
        const size_t n = i % 33;
        uint8_t key[32], bump;
        for (size_t b = 0; b < n; b++)
            data[8 + b] = (uint8_t)su_random_u64(&r);
        derive(data + 8, n, key, &bump);
        later |= bump < 254;
        ask(data, 8 + n);
        assert_int_equal(returned[0], 1);
        assert_int_equal(returned[1], bump);
        assert_memory_equal(returned + 8, key, 32);
    }
    assert_true(later);
}

/* ---- points --------------------------------------------------------------------------------- */

/* Encodings at which libraries of curves disagree. */
static size_t edge_points(uint8_t out[][32])
{
    static const char *const hex[] = {
        /* y = 0, 1, -1, 2; 1 and -1 again with the sign of x = 0 set */
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "0200000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000080",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        /* y = p, p + 1, 2^255 - 1, not canonical; with and without the sign */
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        /* order 8 and order 4 with the sign set */
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
        "0000000000000000000000000000000000000000000000000000000000000080",
        /* the base point, and the same negated */
        "5866666666666666666666666666666666666666666666666666666666666666",
        "58666666666666666666666666666666666666666666666666666666666666e6",
    };
    for (size_t i = 0; i < SU_ARRAY_LEN(hex); i++) {
        size_t n;
        assert_true(su_hex_decode(hex[i], out[i], 32, &n));
        assert_int_equal(n, 32);
    }
    return SU_ARRAY_LEN(hex);
}

static void add(void **state)
{
    uint8_t point[32][32], want[32], data[8 + 64] = {PROBE_ADD};
    const size_t n = edge_points(point);
    unsigned taken = 0;
    (void)state;
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < n; k++) {
            memcpy(data + 8, point[i], 32);
            memcpy(data + 40, point[k], 32);
            ask(data, sizeof data);
            const bool ok = su_point_add(point[i], point[k], want);
            if (returned[0] != ok || (ok && memcmp(returned + 8, want, 32) != 0))
                fail_msg("points %zu and %zu: VM %d, host %d", i, k, returned[0], ok);
            taken += ok;
        }
    }
    assert_true(taken > n && taken < n * n); /* some of both kinds */
}

static void multiply(void **state)
{
    static const char *const hex[] = {
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "0800000000000000000000000000000000000000000000000000000000000000",
        "ecd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010", /* L - 1 */
        "edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010", /* L */
        "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff0f",
        "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        "9a3c71f00de1b6724ac86e1f5b7702c3d84419e05a6cbd2f7714a2930c5be803",
    };
    uint8_t point[32][32], want[32], data[8 + 128] = {PROBE_MUL2};
    const size_t n = edge_points(point);
    size_t bytes;
    unsigned taken = 0, refused = 0;
    (void)state;
    for (size_t i = 0; i < n * SU_ARRAY_LEN(hex); i++) {
        assert_true(su_hex_decode(hex[i % SU_ARRAY_LEN(hex)], data + 8, 32, &bytes));
        assert_true(su_hex_decode(hex[i * 5 % SU_ARRAY_LEN(hex)], data + 40, 32, &bytes));
        memcpy(data + 72, point[i / SU_ARRAY_LEN(hex)], 32);
        memcpy(data + 104, point[i * 7 % n], 32);
        ask(data, sizeof data);
        const bool ok = su_point_mul2(data + 8, data + 72, want);
        if (returned[0] != ok || (ok && memcmp(returned + 8, want, 32) != 0))
            fail_msg("case %zu: VM %d, host %d", i, returned[0], ok);
        taken += ok;
        refused += !ok;
    }
    assert_true(taken > 10 && refused > 10);
}

static void vrf(void **state)
{
    struct su_random r = su_random_of(5, 0);
    (void)state;
    for (unsigned i = 0; i < 12; i++) {
        uint8_t seed[32], data[120 + 64] = {PROBE_VRF}, beta[64];
        const size_t n = i * 5;
        for (size_t b = 0; b < 32; b++)
            seed[b] = (uint8_t)su_random_u64(&r);
        for (size_t b = 0; b < n; b++)
            data[120 + b] = (uint8_t)su_random_u64(&r);
        su_vrf_public(seed, data + 8);
        assert_int_equal(su_vrf_prove(seed, data + 120, n, data + 40, NULL), SU_OK);
        if (i % 3 == 1) /* somewhere in key, proof or alpha */
            data[8 + su_random_u64(&r) % (112 + n)] ^= (uint8_t)(1u << i % 8);
        const bool ok = su_vrf_verify(data + 8, data + 120, n, data + 40, beta);
        ask(data, 120 + n);
        assert_int_equal(returned[0], ok);
        assert_int_equal(ok, i % 3 != 1);
        if (ok)
            assert_memory_equal(returned + 8, beta, 64);
    }
}

/* ---- accounts ------------------------------------------------------------------------------- */

static void duplicates_and_flags(void **state)
{
    uint8_t data[8] = {PROBE_ACCOUNTS};
    const uint8_t nobody[32] = "there is nothing at this address";
    struct svm_result r;
    const struct svm_meta more[] = {meta(alice, true, true),    meta(bob, false, false),
                                    meta(alice, true, true),    meta(nobody, false, true),
                                    meta(scratch, false, true), meta(system_id, false, false)};
    static const struct {
        uint8_t index;
        bool signer, writable;
        uint32_t bytes;
    } want[] = {{1, true, true, 0},  {2, false, false, 0},           {1, true, true, 0},
                {4, false, true, 0}, {0, false, true, ANSWER_BYTES}, {6, false, false, 14}};
    (void)state;
    send(data, sizeof data, more, SU_ARRAY_LEN(more), &r);
    good(&r);
    for (size_t i = 0; i < r.naccounts; i++) {
        if (memcmp(r.accounts[i].key, scratch, 32) != 0)
            continue;
        for (size_t k = 0; k < SU_ARRAY_LEN(want); k++) {
            const uint8_t *row = r.accounts[i].data + 48 * k;
            assert_int_equal(row[0], want[k].index);
            assert_int_equal(row[1], want[k].signer);
            assert_int_equal(row[2], want[k].writable);
            if (k != 5)
                assert_int_equal(su_le32(row + 4), want[k].bytes);
            assert_memory_equal(row + 16, more[k].key, 32);
        }
        assert_int_equal(su_le64(r.accounts[i].data + 8), 1000000000);
        return;
    }
    fail_msg("no answer");
}

static void too_many_accounts(void **state)
{
    uint8_t data[8] = {PROBE_SLOT};
    struct svm_meta metas[49];
    struct svm_result r;
    (void)state;
    for (size_t i = 0; i < SU_ARRAY_LEN(metas); i++)
        metas[i] = meta(scratch, false, true);
    svm_ix(vm, program, data, sizeof data, metas, 48);
    svm_send(vm, &r);
    good(&r);
    svm_ix(vm, program, data, sizeof data, metas, 49);
    svm_send(vm, &r);
    assert_int_equal(r.outcome, SVM_ERROR);
    assert_string_equal(r.name, "InvalidArgument");
}

static void create(const uint8_t seed[8], uint32_t bytes, bool payer_signs, struct svm_result *r,
                   uint8_t key[32])
{
    uint8_t data[16] = {PROBE_CREATE};
    derive(seed, 8, key, data + 1);
    su_put_le32(data + 4, bytes);
    memcpy(data + 8, seed, 8);
    send(data, sizeof data,
         (struct svm_meta[]){meta(alice, payer_signs, true), meta(key, false, true),
                             meta(system_id, false, false)},
         3, r);
}

static void created_is(const uint8_t key[32], uint32_t bytes)
{
    struct svm_account a;
    svm_account_get(vm, key, &a);
    assert_int_equal(a.data_bytes, bytes);
    assert_memory_equal(a.owner, program, 32);
    for (uint32_t i = 0; i < bytes; i++)
        assert_int_equal(a.data[i], i & 255);
}

static void create_accounts(void **state)
{
    static const uint32_t sizes[] = {0, 1, 165, 10240};
    struct svm_result r;
    struct svm_account a;
    uint8_t key[32];
    uint64_t spent = 0;
    (void)state;
    for (size_t i = 0; i < SU_ARRAY_LEN(sizes); i++) {
        const uint8_t seed[8] = {(uint8_t)i, 1};
        create(seed, sizes[i], true, &r, key);
        good(&r);
        created_is(key, sizes[i]);
        spent += svm_rent_minimum(vm, sizes[i]);
        svm_account_get(vm, alice, &a);
        assert_int_equal(a.lamports, 1000000000 - spent);
        create(seed, sizes[i], true, &r, key); /* a second time */
        assert_int_equal(r.outcome, SVM_CUSTOM);
        assert_int_equal(r.custom, 0); /* the System program's AccountAlreadyInUse */
    }
    create((const uint8_t[8]){9}, 8, false, &r, key);
    assert_int_equal(r.outcome, SVM_ERROR);
    assert_string_equal(r.name, "PrivilegeEscalation");
    create((const uint8_t[8]){9}, 10241, true, &r, key);
    assert_int_equal(r.outcome, SVM_ERROR);
    assert_string_equal(r.name, "InvalidRealloc");
}

/* Lamports sent to the address before do no harm, however many. */
static void create_where_lamports_lie(void **state)
{
    static const uint64_t before[] = {890880, 2039280, 5000000};
    (void)state;
    for (size_t i = 0; i < SU_ARRAY_LEN(before); i++) {
        const uint8_t seed[8] = {(uint8_t)i, 2};
        uint8_t key[32], bump;
        struct svm_result r;
        struct svm_account a;
        const uint64_t need = svm_rent_minimum(vm, 165);
        derive(seed, 8, key, &bump);
        put_account(key, system_id, before[i], NULL, 0);
        create(seed, 165, true, &r, key);
        good(&r);
        created_is(key, 165);
        svm_account_get(vm, key, &a);
        assert_int_equal(a.lamports, SU_MAX(need, before[i]));
    }
}

static void close_account(void **state)
{
    uint8_t data[8] = {PROBE_CLOSE}, key[32];
    struct svm_result r;
    struct svm_account a;
    (void)state;
    create((const uint8_t[8]){3}, 300, true, &r, key);
    good(&r);
    send(data, sizeof data, (struct svm_meta[]){meta(key, false, true), meta(bob, false, true)}, 2,
         &r);
    good(&r);
    svm_account_get(vm, key, &a);
    assert_int_equal(a.lamports, 0);
    svm_account_get(vm, bob, &a);
    assert_int_equal(a.lamports, 1000000 + svm_rent_minimum(vm, 300));
    /* it can be made again, and is empty then */
    create((const uint8_t[8]){3}, 300, true, &r, key);
    good(&r);
    created_is(key, 300);
    /* one that belongs to somebody else */
    send(data, sizeof data, (struct svm_meta[]){meta(alice, false, true), meta(bob, false, true)},
         2, &r);
    assert_int_equal(r.outcome, SVM_ERROR);
}

/* ---- tokens --------------------------------------------------------------------------------- */

static const uint8_t mint[32] = "a mint of six decimals, like usd";
static const uint8_t purse[32] = "tokens that alice or a pda holds";
static const uint8_t other_purse[32] = "tokens that somebody else holds.";

static void put_purse(const uint8_t key[32], const uint8_t holder[32], uint64_t amount)
{
    uint8_t data[165] = {0};
    memcpy(data, mint, 32);
    memcpy(data + 32, holder, 32);
    su_put_le64(data + 64, amount);
    data[108] = 1;
    put_account(key, token_id, 2039280, data, sizeof data);
}

static void put_mint(void)
{
    uint8_t data[82] = {0};
    su_put_le64(data + 36, 1000000);
    data[44] = 6;
    data[45] = 1;
    put_account(mint, token_id, 1461600, data, sizeof data);
}

static uint64_t tokens_of(const uint8_t key[32])
{
    struct svm_account a;
    svm_account_get(vm, key, &a);
    return su_le64(a.data + 64);
}

static void transfer(const uint8_t *authority, bool signer, bool by_program, uint8_t bump,
                     uint8_t decimals, uint64_t amount, struct svm_result *r)
{
    uint8_t data[24] = {PROBE_TRANSFER, by_program, bump, decimals};
    su_put_le64(data + 8, amount);
    memcpy(data + 16, "treasure", 8);
    send(data, sizeof data,
         (struct svm_meta[]){meta(purse, false, true), meta(mint, false, false),
                             meta(other_purse, false, true), meta(authority, signer, false),
                             meta(token_id, false, false)},
         5, r);
}

static void transfer_tokens(void **state)
{
    uint8_t pda[32], bump;
    struct svm_result r;
    (void)state;
    put_mint();
    put_purse(other_purse, bob, 5);
    put_purse(purse, alice, 1000);
    transfer(alice, true, false, 0, 6, 300, &r);
    good(&r);
    assert_int_equal(tokens_of(purse), 700);
    assert_int_equal(tokens_of(other_purse), 305);
    transfer(alice, true, false, 0, 6, 701, &r);
    assert_int_equal(r.outcome, SVM_CUSTOM);
    assert_int_equal(r.custom, 1); /* the token program's InsufficientFunds */
    transfer(alice, true, false, 0, 5, 1, &r);
    assert_int_equal(r.outcome, SVM_CUSTOM);
    assert_int_equal(r.custom, 18); /* MintDecimalsMismatch */
    transfer(alice, false, false, 0, 6, 1, &r);
    assert_string_equal(r.name, "PrivilegeEscalation");

    derive((const uint8_t *)"treasure", 8, pda, &bump);
    put_purse(purse, pda, 1000);
    transfer(pda, false, true, bump, 6, 1000, &r);
    good(&r);
    assert_int_equal(tokens_of(purse), 0);
    assert_int_equal(tokens_of(other_purse), 1305);
    put_purse(purse, pda, 1000);
    transfer(pda, false, false, bump, 6, 1, &r);
    assert_string_equal(r.name, "PrivilegeEscalation");
    transfer(pda, false, true, (uint8_t)(bump - 1), 6, 1, &r);
    assert_int_equal(r.outcome, SVM_ERROR);
}

/* ---- the rest ------------------------------------------------------------------------------- */

static void log_and_codes(void **state)
{
    static const struct {
        uint64_t value;
        enum svm_outcome outcome;
        uint32_t custom;
        const char *name;
    } row[] = {
        {0, SVM_OK, 0, ""},
        {1, SVM_CUSTOM, 1, ""},
        {6000, SVM_CUSTOM, 6000, ""},
        {UINT32_MAX, SVM_CUSTOM, UINT32_MAX, ""},
        {2ull << 32, SVM_ERROR, 0, "InvalidArgument"},
        {8ull << 32, SVM_ERROR, 0, "MissingRequiredSignature"},
    };
    struct svm_result r;
    (void)state;
    for (size_t i = 0; i < SU_ARRAY_LEN(row); i++) {
        uint8_t data[16] = {PROBE_RETURN};
        su_put_le64(data + 8, row[i].value);
        send(data, sizeof data, NULL, 0, &r);
        assert_int_equal(r.outcome, row[i].outcome);
        assert_int_equal(r.custom, row[i].custom);
        if (row[i].name[0])
            assert_string_equal(r.name, row[i].name);
    }
    uint8_t text[8 + 200] = {PROBE_LOG};
    memset(text + 8, 'x', 200);
    memcpy(text + 8, "hello", 5);
    send(text, sizeof text, NULL, 0, &r);
    good(&r);
    assert_non_null(strstr(r.log, "Program log: helloxxx"));
    send(text, 8 + 5, NULL, 0, &r);
    assert_non_null(strstr(r.log, "Program log: hello\n"));
}

/* Both versions, loaded at once and deployed by the loader's own instructions. */
static void images(void **state)
{
    static const char *const image[] = {IMAGE, IMAGE_V0};
    (void)state;
    for (unsigned features = 0; features < 2; features++) {
        for (size_t i = 0; i < SU_ARRAY_LEN(image); i++) {
            uint8_t data[8] = {PROBE_SLOT};
            const char *why = NULL;
            struct svm_result r;
            svm_features(vm, features);
            put_account(scratch, program, 100000000, data, sizeof data);
            svm_program(vm, program, image[i]);
            send(data, sizeof data, NULL, 0, &r);
            good(&r);
            svm_reset(vm);
            const unsigned sent = svm_deploy(vm, program, image[i], &why);
            if (features && i == 1)
                continue; /* with every feature on, version 0 is no longer deployed */
            if (sent == 0)
                fail_msg("%s", why);
            assert_true(sent > 10);
            put_account(scratch, program, 100000000, data, sizeof data);
            send(data, sizeof data, NULL, 0, &r);
            good(&r);
        }
    }
    svm_features(vm, false);
    assert_false(svm_program_try(vm, program, SU_SOURCE_DIR "/tests/data/sbf/hello.o"));
}

int main(void)
{
    const char *why;
    vm = svm_open(&why);
    if (!vm) {
        (void)printf("skipped: %s\n", why);
        return 77;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(sha256, fresh),
        cmocka_unit_test_setup(clock, fresh),
        cmocka_unit_test_setup(slot_hashes, fresh),
        cmocka_unit_test_setup(rent, fresh),
        cmocka_unit_test_setup(addresses, fresh),
        cmocka_unit_test_setup(add, fresh),
        cmocka_unit_test_setup(multiply, fresh),
        cmocka_unit_test_setup(vrf, fresh),
        cmocka_unit_test_setup(duplicates_and_flags, fresh),
        cmocka_unit_test_setup(too_many_accounts, fresh),
        cmocka_unit_test_setup(create_accounts, fresh),
        cmocka_unit_test_setup(create_where_lamports_lie, fresh),
        cmocka_unit_test_setup(close_account, fresh),
        cmocka_unit_test_setup(transfer_tokens, fresh),
        cmocka_unit_test_setup(log_and_codes, fresh),
        cmocka_unit_test_setup(images, fresh),
    };
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    svm_close(vm);
    return failed;
}
