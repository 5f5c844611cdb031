// SPDX-License-Identifier: MIT
/* The ring of ended slots; the sysvars Clock, Rent, EpochSchedule and SlotHashes as accounts. */
#include "bank.h"

#include <stdlib.h>
#include <string.h>

enum {
    LAMPORTS_PER_BYTE_YEAR = 3480,
    EXEMPT_YEARS = 2,
    ACCOUNT_OVERHEAD_BYTES = 128,
    BURN_PERCENT = 50,
    CLOCK_BYTES = 40,
    RENT_BYTES = 17,
    SCHEDULE_BYTES = 33,
    HASH_ENTRY_BYTES = 40
};

uint64_t su_ledger_rent_minimum(uint64_t data_bytes)
{
    uint64_t sum, out;

    if (!su_add_u64(data_bytes, ACCOUNT_OVERHEAD_BYTES, &sum) ||
        !su_mul_u64(sum, (uint64_t)LAMPORTS_PER_BYTE_YEAR * EXEMPT_YEARS, &out)) {
        return UINT64_MAX;
    }
    return out;
}

const struct su_ledger_ring_entry *su_ledger_ring_at(const struct su_ledger_ring *r, uint64_t i)
{
    if (i >= r->n || i >= SU_LEDGER_SLOT_HASHES) {
        return NULL;
    }
    return &r->entries[(r->n - 1 - i) % SU_LEDGER_SLOT_HASHES];
}

bool su_ledger_ring_valid(const struct su_ledger_ring *r, const uint8_t hash[32],
                          uint64_t *entry_slot)
{
    for (uint64_t i = 0; i <= SU_LEDGER_BLOCKHASHES; i++) {
        const struct su_ledger_ring_entry *e = su_ledger_ring_at(r, i);

        if (e == NULL || r->slot - 1 - e->slot > SU_LEDGER_BLOCKHASHES) {
            return false;
        }
        if (memcmp(e->hash, hash, 32) == 0) {
            *entry_slot = e->slot;
            return true;
        }
    }
    return false;
}

static struct su_ledger_account *sysvar(const uint8_t key[32], const uint8_t *data, size_t n)
{
    return su_ledger_account_new(key, su_ledger_sysvar_id, su_ledger_rent_minimum(n), false, data,
                                 n);
}

static struct su_ledger_account *clock_account(const struct su_ledger_ring *r)
{
    uint8_t d[CLOCK_BYTES];
    uint64_t epoch = r->slot / SU_LEDGER_SLOTS_PER_EPOCH;

    su_put_le64(d, r->slot);
    su_put_le64(d + 8, (uint64_t)r->epoch_start_time);
    su_put_le64(d + 16, epoch);
    su_put_le64(d + 24, epoch + 1);
    su_put_le64(d + 32, (uint64_t)r->unix_time);
    return sysvar(su_ledger_clock_id, d, sizeof d);
}

static struct su_ledger_account *rent_account(void)
{
    uint8_t d[RENT_BYTES];
    double years = EXEMPT_YEARS;

    su_put_le64(d, LAMPORTS_PER_BYTE_YEAR);
    memcpy(d + 8, &years, 8);
    d[16] = BURN_PERCENT;
    return sysvar(su_ledger_rent_id, d, sizeof d);
}

static struct su_ledger_account *schedule_account(void)
{
    uint8_t d[SCHEDULE_BYTES] = {0}; /* no warm-up: the first normal epoch and slot are 0 */

    su_put_le64(d, SU_LEDGER_SLOTS_PER_EPOCH);
    su_put_le64(d + 8, SU_LEDGER_SLOTS_PER_EPOCH);
    return sysvar(su_ledger_epoch_schedule_id, d, sizeof d);
}

/* Always of full size, as the real one is. */
static struct su_ledger_account *hashes_account(const struct su_ledger_ring *r)
{
    struct su_ledger_account *a;
    size_t n = 8 + (size_t)SU_LEDGER_SLOT_HASHES * HASH_ENTRY_BYTES;
    uint8_t *d = su_try_alloc(1, n);

    if (d == NULL) {
        return NULL;
    }
    su_put_le64(d, SU_MIN(r->n, (uint64_t)SU_LEDGER_SLOT_HASHES));
    for (uint64_t i = 0; i < SU_LEDGER_SLOT_HASHES; i++) {
        const struct su_ledger_ring_entry *e = su_ledger_ring_at(r, i);

        if (e == NULL) {
            break;
        }
        su_put_le64(d + 8 + i * HASH_ENTRY_BYTES, e->slot);
        memcpy(d + 16 + i * HASH_ENTRY_BYTES, e->hash, 32);
    }
    a = sysvar(su_ledger_slot_hashes_id, d, n);
    free(d);
    return a;
}

const struct su_ledger_account *su_ledger_sysvar_account(const struct su_ledger_ring *ring,
                                                         const uint8_t key[32])
{
    if (key[0] != su_ledger_clock_id[0] || memcmp(key, su_ledger_clock_id, 4) != 0) {
        return NULL; /* all of them share their first bytes */
    }
    if (memcmp(key, su_ledger_clock_id, 32) == 0) {
        return clock_account(ring);
    }
    if (memcmp(key, su_ledger_rent_id, 32) == 0) {
        return rent_account();
    }
    if (memcmp(key, su_ledger_epoch_schedule_id, 32) == 0) {
        return schedule_account();
    }
    return memcmp(key, su_ledger_slot_hashes_id, 32) == 0 ? hashes_account(ring) : NULL;
}
