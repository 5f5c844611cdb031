// SPDX-License-Identifier: MIT
#include "support/ledger_draft.h"

#include "crypto/crypto.h"

#include <string.h>

struct su_actor su_actor_of(uint64_t number)
{
    struct su_actor a;
    uint8_t seed[32] = "actor";

    su_put_le64(seed + 8, number);
    su_ed25519_from_seed(seed, a.key, a.secret);
    return a;
}

static void add_key(struct su_draft *d, const uint8_t key[32], bool signer, bool writable)
{
    size_t i = 0;

    while (i < d->n_keys && memcmp(d->keys[i].key, key, 32) != 0) {
        i++;
    }
    SU_ASSERT(i < SU_ARRAY_LEN(d->keys));
    if (i == d->n_keys) {
        d->n_keys++;
        memcpy(d->keys[i].key, key, 32);
        d->keys[i].signer = d->keys[i].writable = false;
    }
    d->keys[i].signer |= signer;
    d->keys[i].writable |= writable;
}

void su_draft_init(struct su_draft *d, const uint8_t payer[32], const uint8_t blockhash[32])
{
    memset(d, 0, sizeof *d);
    memcpy(d->blockhash, blockhash, 32);
    add_key(d, payer, true, true);
}

void su_draft_instr(struct su_draft *d, const uint8_t program[32],
                    const struct su_draft_meta *metas, size_t n, const void *data, size_t bytes)
{
    SU_ASSERT(d->n_instrs < SU_DRAFT_INSTRS && n <= 64 && bytes <= sizeof d->instrs[0].data);
    memcpy(d->instrs[d->n_instrs].program, program, 32);
    for (size_t i = 0; i < n; i++) {
        memcpy(d->instrs[d->n_instrs].keys[i], metas[i].key, 32);
        add_key(d, metas[i].key, metas[i].signer, metas[i].writable);
    }
    d->instrs[d->n_instrs].n_keys = n;
    d->instrs[d->n_instrs].n = bytes;
    if (bytes != 0) {
        memcpy(d->instrs[d->n_instrs].data, data, bytes);
    }
    add_key(d, program, false, false);
    d->n_instrs++;
}

void su_draft_transfer(struct su_draft *d, const uint8_t from[32], const uint8_t to[32],
                       uint64_t lamports)
{
    const struct su_draft_meta metas[2] = {{from, true, true}, {to, false, true}};
    uint8_t data[12] = {2};

    su_put_le64(data + 4, lamports);
    su_draft_instr(d, su_ledger_system_id, metas, 2, data, sizeof data);
}

/* Signers before others, writable before read-only; the payer stays first. */
static void order(const struct su_draft *d, const struct su_draft_key **out, uint8_t head[3])
{
    size_t n = 0;

    memset(head, 0, 3);
    for (unsigned pass = 0; pass < 4; pass++) {
        for (size_t i = 0; i < d->n_keys; i++) {
            const struct su_draft_key *k = &d->keys[i];

            if (k->signer == (pass < 2) && k->writable == (pass % 2 == 0)) {
                out[n++] = k;
                head[0] = (uint8_t)(head[0] + (pass < 2));
                head[1] = (uint8_t)(head[1] + (pass == 1));
                head[2] = (uint8_t)(head[2] + (pass == 3));
            }
        }
    }
}

static void put_compact(struct su_buf *b, size_t n)
{
    if (n >= 128) {
        su_buf_u8(b, (uint8_t)(n | 128));
        n >>= 7;
    }
    su_buf_u8(b, (uint8_t)n);
}

static uint8_t index_of(const struct su_draft_key *const *keys, const uint8_t key[32])
{
    uint8_t i = 0;

    while (memcmp(keys[i]->key, key, 32) != 0) {
        i++;
    }
    return i;
}

static void put_instrs(struct su_buf *b, const struct su_draft *d,
                       const struct su_draft_key *const *keys)
{
    put_compact(b, d->n_instrs);
    for (size_t i = 0; i < d->n_instrs; i++) {
        su_buf_u8(b, index_of(keys, d->instrs[i].program));
        put_compact(b, d->instrs[i].n_keys);
        for (size_t k = 0; k < d->instrs[i].n_keys; k++) {
            su_buf_u8(b, index_of(keys, d->instrs[i].keys[k]));
        }
        put_compact(b, d->instrs[i].n);
        su_buf_put(b, d->instrs[i].data, d->instrs[i].n);
    }
}

size_t su_draft_wire(const struct su_draft *d, const struct su_actor *actors, size_t n,
                     uint8_t *out, size_t cap)
{
    const struct su_draft_key *keys[64];
    uint8_t head[3];
    struct su_buf b;
    size_t bytes;

    order(d, keys, head);
    su_buf_init(&b, 0);
    put_compact(&b, head[0]);
    size_t sigs = b.len;
    for (size_t i = 0; i < head[0] * (size_t)SU_LEDGER_SIG_BYTES; i++) {
        su_buf_u8(&b, 0);
    }
    size_t message = b.len;
    if (d->v0) {
        su_buf_u8(&b, 0x80);
    }
    su_buf_put(&b, head, 3);
    put_compact(&b, d->n_keys);
    for (size_t i = 0; i < d->n_keys; i++) {
        su_buf_put(&b, keys[i]->key, 32);
    }
    su_buf_put(&b, d->blockhash, 32);
    put_instrs(&b, d, keys);
    if (d->v0) {
        su_buf_u8(&b, 0);
    }
    SU_ASSERT(!b.failed);
    for (size_t i = 0; i < head[0] && !d->unsigned_; i++) {
        for (size_t k = 0; k < n; k++) {
            if (memcmp(actors[k].key, keys[i]->key, 32) == 0) {
                su_ed25519_sign(actors[k].secret, b.data + message, b.len - message,
                                b.data + sigs + i * SU_LEDGER_SIG_BYTES);
            }
        }
    }
    bytes = b.len <= cap ? b.len : 0;
    memcpy(out, b.data, bytes);
    su_buf_fini(&b);
    return bytes;
}

void su_draft_tx(const struct su_draft *d, const struct su_actor *actors, size_t n,
                 struct su_ledger_tx *tx)
{
    uint8_t wire[SU_LEDGER_TX_MAX_BYTES];
    size_t bytes = su_draft_wire(d, actors, n, wire, sizeof wire);

    SU_ASSERT(bytes != 0);
    SU_ASSERT(su_ledger_tx_parse(wire, bytes, tx, NULL) == SU_OK);
}
