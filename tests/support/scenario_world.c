// SPDX-License-Identifier: MIT
#include "support/scenario_world.h"

#include "abi/abi.h"
#include "crypto/crypto.h"
#include "support/bank.h"
#include "vrf/vrf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void die(const char *what, const char *detail)
{
    fprintf(stderr, "scenario: %s %s\n", what, detail);
    abort();
}

void world_seed(const char *name, uint8_t seed[32])
{
    struct su_sha256 h;
    su_sha256_init(&h);
    su_sha256_update(&h, "key", 3);
    su_sha256_update(&h, name, strlen(name));
    su_sha256_final(&h, seed);
}

void world_key(const char *name, uint8_t key[32])
{
    uint8_t seed[32], secret[SU_ED25519_SECRET_BYTES];
    world_seed(name, seed);
    su_ed25519_from_seed(seed, key, secret);
}

void world_key_of(const char *name, const char *part, uint8_t key[32])
{
    char text[128];
    snprintf(text, sizeof text, "%s.%s", name, part);
    world_key(text, key);
}

void world_vrf_key(const char *name, uint8_t key[32])
{
    char text[64];
    uint8_t seed[32];
    snprintf(text, sizeof text, "%s.vrf", name);
    world_seed(text, seed);
    su_vrf_public(seed, key);
}

/* ---- addresses ------------------------------------------------------------------------------- */

static void at_seeds(const struct world *w, const struct su_seeds *s, uint8_t key[32])
{
    struct su_sys_bytes parts[SU_SEEDS_MAX];
    for (uint64_t i = 0; i < s->count; i++) {
        parts[i].p = s->part[i].p;
        parts[i].n = s->part[i].n;
    }
    uint8_t bump, found[32]; /* key may be a seed itself */
    if (!bank_find_address(w->program, parts, (size_t)s->count, found, &bump))
        die("no address", "");
    memcpy(key, found, 32);
}

void at_single(const struct world *w, const char *name, uint8_t key[32])
{
    struct su_seeds s;
    su_seeds_single(&s, name);
    at_seeds(w, &s, key);
}

void at_config(const struct world *w, uint64_t epoch, uint8_t key[32])
{
    struct su_seeds s;
    su_seeds_number(&s, "config", epoch);
    at_seeds(w, &s, key);
}

void at_key(const struct world *w, const char *kind, const uint8_t of[32], uint8_t key[32])
{
    struct su_seeds s;
    su_seeds_key(&s, kind, of);
    at_seeds(w, &s, key);
}

void at_claim(const struct world *w, uint64_t seq, uint8_t key[32])
{
    struct su_seeds s;
    su_seeds_number(&s, "claim", seq);
    at_seeds(w, &s, key);
}

void at_model(const struct world *w, const uint8_t creator[32], const uint8_t digest[32],
              uint8_t key[32])
{
    struct su_seeds s;
    su_seeds_keys(&s, "model", creator, digest);
    at_seeds(w, &s, key);
}

void at_task(const struct world *w, uint16_t index, uint8_t key[32])
{
    struct su_seeds s;
    su_seeds_key_u16(&s, "task", w->model, index);
    at_seeds(w, &s, key);
}

void at_declared(const struct world *w, uint16_t task, const uint8_t owner[32], uint8_t key[32])
{
    uint8_t account[32];
    struct su_seeds s;
    at_task(w, task, account);
    su_seeds_keys(&s, "declared", account, owner);
    at_seeds(w, &s, key);
}

void at_execution(const struct world *w, uint8_t key[32])
{
    struct su_seeds s;
    su_seeds_key_u64(&s, "exec", w->requestor, w->nonce);
    at_seeds(w, &s, key);
}

void at_assignment(const struct world *w, uint16_t task, uint8_t key[32])
{
    uint8_t exec[32];
    struct su_seeds s;
    at_execution(w, exec);
    su_seeds_key_u16(&s, "assign", exec, task);
    at_seeds(w, &s, key);
}

void at_check(const struct world *w, uint16_t task, uint64_t number, uint8_t key[32])
{
    uint8_t assignment[32];
    struct su_seeds s;
    at_assignment(w, task, assignment);
    su_seeds_key_u64(&s, "check", assignment, number);
    at_seeds(w, &s, key);
}

void at_reserve(const struct world *w, const uint8_t identity[32], uint8_t key[32])
{
    uint8_t exec[32];
    struct su_seeds s;
    at_execution(w, exec);
    su_seeds_keys(&s, "reserve", exec, identity);
    at_seeds(w, &s, key);
}

const void *world_read(const struct world *w, uint8_t tag, const uint8_t key[32])
{
    struct svm_account a;
    bank_account_get(w->bank, key, &a);
    if (a.lamports == 0 || memcmp(a.owner, w->program, 32) != 0)
        return NULL;
    return su_acc_valid(tag, a.data, a.data_bytes) ? a.data : NULL;
}

void world_write(struct world *w, const uint8_t key[32], const void *data, size_t n)
{
    struct svm_account a;
    bank_account_get(w->bank, key, &a);
    a.data = data;
    a.data_bytes = n;
    bank_account_set(w->bank, &a);
}

void world_fund(struct world *w, const uint8_t key[32], uint64_t lamports)
{
    struct svm_account a;
    bank_account_get(w->bank, key, &a);
    a.lamports += lamports;
    bank_account_set(w->bank, &a);
}

void world_advance(struct world *w, uint64_t slots)
{
    enum { MOST = 512 };
    static uint64_t numbers[MOST];
    static uint8_t hashes[MOST][32];
    uint64_t slot = bank_slot(w->bank) + slots;
    bank_clock(w->bank, slot);
    for (size_t i = 0; i < MOST; i++) { /* a slot's hash is known in the next one */
        numbers[i] = slot - 1 - i;
        su_sha256(&numbers[i], sizeof numbers[i], hashes[i]);
    }
    bank_slot_hashes(w->bank, numbers, hashes, MOST);
}

const struct su_acc_node *world_node_read(const struct world *w, const char *node)
{
    uint8_t key[32];
    world_key(node, key);
    at_key(w, "node", key, key);
    return world_read(w, SU_TAG_NODE, key);
}

const struct su_acc_oracle *world_oracle_read(const struct world *w, const char *oracle)
{
    uint8_t key[32];
    world_key(oracle, key);
    at_key(w, "oracle", key, key);
    return world_read(w, SU_TAG_ORACLE, key);
}
