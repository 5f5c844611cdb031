// SPDX-License-Identifier: MIT
/* A program that is nothing but a way to call each function of sys.h in the VM: the first byte of
   the data says which, the answer goes into the data of the first account. Compiled with the real
   sbf_entry.c and ecvrf.c. test_probe.c compares what comes back with the host. */
#include "abi/abi.h"
#include "program/program.h"

#include "probe.h"

static const uint8_t seed_text[5] = {'p', 'r', 'o', 'b', 'e'};

static uint64_t probe_sha256(struct su_sys *s, uint8_t *out)
{
    struct su_sys_bytes parts[12];
    const uint64_t n = s->data[1];
    const uint64_t each = (s->data_len - 8) / n;
    for (uint64_t i = 0; i < n; i++) {
        parts[i].p = s->data + 8 + i * each;
        parts[i].n = i + 1 == n ? s->data_len - 8 - i * each : each;
    }
    su_sys_sha256(parts, n, out);
    return 0;
}

static uint64_t probe_slot_hash(struct su_sys *s, uint8_t *out)
{
    uint64_t slot = 0;
    out[0] = su_sys_slot_hash(s, su_free_load32(s->data + 4), &slot, out + 16);
    su_free_store64(out + 8, slot);
    return 0;
}

static uint64_t probe_address(struct su_sys *s, uint8_t *out)
{
    const struct su_sys_bytes seeds[2] = {{seed_text, sizeof seed_text},
                                          {s->data + 8, s->data_len - 8}};
    out[0] = su_sys_find_address(s, seeds, 2, out + 8, out + 1);
    return 0;
}

/* Makes the account at the address of probe_address, and fills it. */
static uint64_t probe_create(struct su_sys *s)
{
    const struct su_sys_bytes seeds[2] = {{seed_text, sizeof seed_text}, {s->data + 8, 8}};
    struct su_sys_creation c;
    c.payer = &s->accounts[1];
    c.account = &s->accounts[2];
    c.bytes = su_free_load32(s->data + 4);
    c.seeds = seeds;
    c.nseeds = 2;
    c.bump = s->data[1];
    const uint64_t error = su_sys_create_account(s, &c);
    if (error != 0)
        return error;
    if (*c.account->data_len != c.bytes || !su_free_equal(c.account->owner, s->program_id, 32))
        return PROBE_WRONG;
    for (uint64_t i = 0; i < c.bytes; i++)
        c.account->data[i] = (uint8_t)i;
    return 0;
}

static uint64_t probe_transfer(struct su_sys *s)
{
    const struct su_sys_bytes seeds[2] = {{seed_text, sizeof seed_text}, {s->data + 16, 8}};
    struct su_sys_transfer t;
    t.from = &s->accounts[1];
    t.mint = &s->accounts[2];
    t.to = &s->accounts[3];
    t.authority = &s->accounts[4];
    t.amount = su_free_load64(s->data + 8);
    t.seeds = seeds;
    t.nseeds = s->data[1] ? 2 : 0;
    t.bump = s->data[2];
    t.decimals = s->data[3];
    const uint64_t before = su_free_load64(t.to->data + 64);
    const uint64_t error = su_sys_token_transfer(s, &t);
    if (error != 0)
        return error;
    return su_free_load64(t.to->data + 64) == before + t.amount ? 0 : PROBE_WRONG;
}

static uint64_t probe_vrf(struct su_sys *s, uint8_t *out)
{
    static const struct su_ecvrf_ops ops = {su_sys_point_add, su_sys_point_mul2};
    struct su_ecvrf *v = (struct su_ecvrf *)(void *)s->scratch;
    v->ops = &ops;
    v->key = s->data + 8;
    v->proof = s->data + 40;
    v->alpha = s->data + 120;
    v->alpha_bytes = s->data_len - 120;
    out[0] = su_ecvrf_verify(v);
    if (out[0])
        su_free_copy(out + 8, v->beta, 64);
    return 0;
}

/* What the entry made of the accounts: 48 bytes for each. */
static uint64_t probe_accounts(const struct su_sys *s, uint8_t *out)
{
    for (uint64_t i = 1; i < s->count; i++) {
        const struct su_sys_account *a = &s->accounts[i];
        out[0] = a->index;
        out[1] = a->is_signer;
        out[2] = a->is_writable;
        su_free_store32(out + 4, (uint32_t)*a->data_len);
        su_free_store64(out + 8, *a->lamports);
        su_free_copy(out + 16, a->key, 32);
        out += 48;
    }
    return 0;
}

static uint64_t answer(struct su_sys *s, uint8_t *out)
{
    switch (s->data[0]) {
    case PROBE_SHA256:
        return probe_sha256(s, out);
    case PROBE_SLOT:
        su_free_store64(out, su_sys_slot(s));
        return 0;
    case PROBE_SLOT_HASH:
        return probe_slot_hash(s, out);
    case PROBE_RENT:
        su_free_store64(out, su_sys_rent_minimum(s, su_free_load64(s->data + 8)));
        return 0;
    case PROBE_ADDRESS:
        return probe_address(s, out);
    case PROBE_ADD:
        out[0] = su_sys_point_add(s->data + 8, s->data + 40, out + 8);
        return 0;
    case PROBE_MUL2:
        out[0] = su_sys_point_mul2(s->data + 8, s->data + 72, out + 8);
        return 0;
    case PROBE_VRF:
        return probe_vrf(s, out);
    case PROBE_ACCOUNTS:
        return probe_accounts(s, out);
    default:
        return PROBE_UNKNOWN;
    }
}

uint64_t su_program_process(struct su_sys *s)
{
    if (s->data_len < 8 || s->count == 0)
        return PROBE_UNKNOWN;
    switch (s->data[0]) {
    case PROBE_CREATE:
        return probe_create(s);
    case PROBE_CLOSE:
        su_sys_close(s, &s->accounts[1], &s->accounts[2]);
        return 0;
    case PROBE_TRANSFER:
        return probe_transfer(s);
    case PROBE_LOG:
        su_sys_log(s, (const char *)s->data + 8, s->data_len - 8);
        return 0;
    case PROBE_RETURN:
        return su_free_load64(s->data + 8);
    default:
        return answer(s, s->accounts[0].data);
    }
}
