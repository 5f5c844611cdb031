// SPDX-License-Identifier: MIT
/* Slots: a chain of hashes kept in memory, of which the file learns when it learns of transactions.
   The file also holds a slot number ahead of time, so that after a kill no slot is used twice;
   empty slots cost it one small write every ten seconds and not a byte of growth. */
#include "bank.h"
#include "crypto/crypto.h"

#include <stdlib.h>
#include <string.h>

enum { AHEAD_MS = 10000, AHEAD_MIN = 25, SEEN_SLOTS = 400 };
static const char domain[] = "splitup/slot";

uint64_t su_ledger_slot_ns(const struct su_ledger *l)
{
    return (uint64_t)l->ms_per_slot * 1000000;
}

int64_t su_ledger_unix_time(const struct su_ledger *l, uint64_t slot)
{
    return l->manual ? (int64_t)(1700000000 + slot * l->ms_per_slot / 1000)
                     : su_clock_wall_ms() / 1000;
}

/* ---- recent transactions --------------------------------------------------------------------- */

void su_ledger_seen_add(struct su_ledger *l, const struct su_ledger_recent *t)
{
    struct su_ledger_seen *s = su_alloc(sizeof *s);
    struct su_ledger_seen_message *m = su_alloc(sizeof *m);
    void *old = NULL;

    memcpy(s->sig, t->sig, 64);
    memcpy(s->message_hash, t->message_hash, 32);
    s->slot = t->slot;
    s->failure = t->failure;
    memcpy(m->message_hash, t->message_hash, 32);
    m->seen = s;
    if (l->seen_last != NULL) {
        l->seen_last->next = s;
    } else {
        l->seen_first = s;
    }
    l->seen_last = s;
    SU_ASSERT(su_ledger_map_put(&l->seen, s, NULL));
    SU_ASSERT(su_ledger_map_put(&l->seen_messages, m, &old));
    free(old);
}

bool su_ledger_seen_message(const struct su_ledger *l, const uint8_t hash[32])
{
    return su_ledger_map_get(&l->seen_messages, hash) != NULL;
}

static void forget_first(struct su_ledger *l)
{
    struct su_ledger_seen *s = l->seen_first;
    struct su_ledger_seen_message *m = su_ledger_map_get(&l->seen_messages, s->message_hash);

    if (su_ledger_map_get(&l->seen, s->sig) == s) {
        (void)su_ledger_map_remove(&l->seen, s->sig);
    }
    if (m != NULL && m->seen == s) {
        free(su_ledger_map_remove(&l->seen_messages, s->message_hash));
    }
    l->seen_first = s->next;
    l->seen_last = s->next != NULL ? l->seen_last : NULL;
    free(s);
}

void su_ledger_seen_fini(struct su_ledger *l)
{
    while (l->seen_first != NULL) {
        forget_first(l);
    }
    su_ledger_map_fini(&l->seen);
    su_ledger_map_fini(&l->seen_messages);
}

/* ---- passing --------------------------------------------------------------------------------- */

/* Nobody can know a slot's hash before it ends: the seed is secret. */
static void end_slot(struct su_ledger *l)
{
    struct su_ledger_ring *r = &l->ring;
    const struct su_ledger_ring_entry *last = su_ledger_ring_at(r, 0);
    struct su_ledger_ring_entry *e = &r->entries[r->n % SU_LEDGER_SLOT_HASHES];
    struct su_sha256 h;
    uint8_t slot[8];

    su_put_le64(slot, r->slot);
    su_sha256_init(&h);
    su_sha256_update(&h, domain, sizeof domain - 1);
    su_sha256_update(&h, last != NULL ? last->hash : l->genesis, 32);
    su_sha256_update(&h, slot, sizeof slot);
    su_sha256_update(&h, l->seed, sizeof l->seed);
    su_sha256_update(&h, l->slot_mix, sizeof l->slot_mix);
    su_sha256_final(&h, e->hash);
    e->slot = r->slot;
    r->n++;
    if (l->slot_transactions != 0 && l->n_unwritten < SU_ARRAY_LEN(l->unwritten)) {
        struct su_ledger_slot *s = &l->unwritten[l->n_unwritten++];

        *s = (struct su_ledger_slot){r->slot, l->slot_transactions, r->unix_time, {0}};
        memcpy(s->hash, e->hash, 32);
    }
    l->slot_transactions = 0;
    memset(l->slot_mix, 0, sizeof l->slot_mix);
}

static void begin_slot(struct su_ledger *l, uint64_t slot)
{
    bool epoch = l->ring.slot / SU_LEDGER_SLOTS_PER_EPOCH != slot / SU_LEDGER_SLOTS_PER_EPOCH;

    l->ring.slot = slot;
    l->ring.unix_time = SU_MAX(su_ledger_unix_time(l, slot), l->ring.unix_time);
    if (epoch) {
        l->ring.epoch_start_time = l->ring.unix_time;
    }
    while (l->seen_first != NULL && slot - l->seen_first->slot > SEEN_SLOTS) {
        forget_first(l);
    }
}

static void reserve(struct su_ledger *l)
{
    uint64_t ahead = SU_MAX((uint64_t)AHEAD_MS / l->ms_per_slot, (uint64_t)AHEAD_MIN);
    struct su_err e = {0};
    enum su_code c;

    if (l->ring.slot + 1 < l->slot_reserved) {
        return;
    }
    c = su_ledger_db_begin(&l->db, &e);
    if (c == SU_OK) {
        c = su_ledger_db_put_number(&l->db, "reserved", l->ring.slot + ahead, &e);
        if (c == SU_OK) {
            c = su_ledger_slots_write(l, &e);
        }
        c = su_ledger_db_end(&l->db, c, &e);
    }
    if (c != SU_OK) {
        su_log(SU_LOG_WARN, "ledger", "cannot write the slot number: %s", e.msg);
        return;
    }
    l->slot_reserved = l->ring.slot + ahead;
    su_ledger_slots_written(l);
}

void su_ledger_slots_pass(struct su_ledger *l, uint64_t n)
{
    uint64_t skip = n > 2 * SU_LEDGER_SLOT_HASHES ? n - 2 * SU_LEDGER_SLOT_HASHES : 0;

    if (n == 0) {
        return;
    }
    pthread_rwlock_wrlock(&l->lock);
    for (uint64_t i = 0; i < n - skip; i++) {
        end_slot(l);
        begin_slot(l, l->ring.slot + 1 + (i == 0 ? skip : 0));
    }
    pthread_rwlock_unlock(&l->lock);
    reserve(l);
}

bool su_ledger_slot_over(const struct su_ledger *l)
{
    return !l->manual && su_clock_mono_ns() - l->slot_start_ns >= su_ledger_slot_ns(l);
}

void su_ledger_slots_due(struct su_ledger *l)
{
    uint64_t ns = su_ledger_slot_ns(l), n;

    if (l->manual) {
        return;
    }
    n = (su_clock_mono_ns() - l->slot_start_ns) / ns;
    l->slot_start_ns += n * ns;
    su_ledger_slots_pass(l, n);
}

/* ---- the file -------------------------------------------------------------------------------- */

enum su_code su_ledger_slots_write(struct su_ledger *l, struct su_err *e)
{
    const struct su_ledger_ring *r = &l->ring;
    uint64_t from =
        SU_MAX(l->ring_written, r->n > SU_LEDGER_SLOT_HASHES ? r->n - SU_LEDGER_SLOT_HASHES : 0);
    enum su_code c = SU_OK;

    for (uint64_t i = from; i < r->n && c == SU_OK; i++) {
        uint64_t place = i % SU_LEDGER_SLOT_HASHES;

        c = su_ledger_db_put_ring(&l->db, &r->entries[place], place, e);
    }
    for (size_t i = 0; i < l->n_unwritten && c == SU_OK; i++) {
        c = su_ledger_db_put_slot(&l->db, &l->unwritten[i], e);
    }
    return c;
}

void su_ledger_slots_written(struct su_ledger *l)
{
    l->ring_written = l->ring.n;
    l->n_unwritten = 0;
}

static bool load_seen(void *ctx, const struct su_ledger_recent *t)
{
    struct su_ledger *l = ctx;

    if (!su_ledger_map_reserve(&l->seen, 1) || !su_ledger_map_reserve(&l->seen_messages, 1)) {
        return false;
    }
    su_ledger_seen_add(l, t);
    return true;
}

enum su_code su_ledger_slots_open(struct su_ledger *l, struct su_err *e)
{
    const struct su_ledger_ring_entry *newest;
    uint64_t seq, slot, reserved;
    enum su_code c;

    if ((c = su_ledger_db_load_ring(&l->db, &l->ring, e)) != SU_OK ||
        (c = su_ledger_db_last(&l->db, &seq, &slot, e)) != SU_OK ||
        (c = su_ledger_db_get_number(&l->db, "reserved", &reserved, e)) != SU_OK ||
        (c = su_ledger_db_close_blocks(&l->db, e)) != SU_OK) {
        return c;
    }
    newest = su_ledger_ring_at(&l->ring, 0);
    l->next_seq = seq + 1;
    /* Slot 0 is the genesis: its hash is the first blockhash. */
    slot = SU_MAX(reserved, slot + 1);
    slot = newest != NULL ? SU_MAX(slot, newest->slot + 1) : slot;
    /* The file keeps entries by place, and they are now in order from place 0. */
    l->ring_written = 0;
    if (newest == NULL) {
        l->ring.n = 1;
        memcpy(l->ring.entries[0].hash, l->genesis, 32);
    } else if (newest->slot + 1 < slot) {
        l->ring.slot = slot - 1; /* there is always one blockhash that is good */
        end_slot(l);
    }
    l->ring.unix_time = su_ledger_unix_time(l, slot);
    l->ring.epoch_start_time = l->ring.unix_time;
    begin_slot(l, slot);
    l->slot_start_ns = su_clock_mono_ns();
    c = su_ledger_db_load_recent(&l->db, slot > SEEN_SLOTS ? slot - SEEN_SLOTS : 0, load_seen, l,
                                 e);
    if (c == SU_OK) {
        reserve(l);
    }
    return c;
}
