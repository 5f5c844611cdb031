// SPDX-License-Identifier: MIT
#include "support/adversary.h"

#include "abi/abi.h"
#include "support/bank.h"
#include "support/scenario.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Says what passed and what was wrong with it; the round ends the test program. */
static unsigned found;
#define PASSED(...)                                                                                \
    do {                                                                                           \
        fprintf(stderr, "adversary: " __VA_ARGS__);                                                \
        fprintf(stderr, "\n");                                                                     \
        found++;                                                                                   \
    } while (0)

void adversary_end(void)
{
    if (found != 0)
        abort();
}

static bool token_of_mint(const struct world *w, const struct svm_account *a)
{
    return memcmp(a->owner, su_sys_token_id, 32) == 0 && a->data_bytes == 165 &&
           memcmp(a->data, w->mint, 32) == 0 && memcmp(a->key, w->vault, 32) != 0;
}

static bool is_harmless(const struct adversary *a, const struct world *w, const struct call *c,
                        size_t at, const struct svm_account *other)
{
    char role[32];
    call_role(c, at, role);
    if (strcmp(role, "payer") == 0 && other->data_bytes == 0 && su_free_is_zero(other->owner, 32))
        return true; /* whoever signs may pay */
    for (size_t i = 0; i < a->excuse_count; i++) {
        const struct excuse *e = &a->excuses[i];
        uint8_t key[32];
        if (e->number != c->info->number || strcmp(e->role, role) != 0)
            continue;
        if (e->kind == EXCUSE_KEY) {
            world_key(e->name, key);
            if (memcmp(other->key, key, 32) == 0)
                return true;
        } else if (e->kind == EXCUSE_ANY || (e->kind == EXCUSE_USDC && token_of_mint(w, other)) ||
                   (other->data_bytes != 0 && other->data[0] == e->kind)) {
            return true;
        }
    }
    return false;
}

void adversary_must_fail(struct world *w, const struct call *c, const char *scene, const char *how,
                         size_t at)
{
    if (call_run(w, c) != 0)
        return;
    char role[32];
    call_role(c, at, role);
    PASSED("%s passed although %s (account %zu, %s)", scene, how, at, role);
}

void adversary_rights(const struct adversary *a)
{
    for (size_t i = 0; i < a->scene_count; i++) {
        struct call c, spoilt;
        struct world *w = a->scenes[i].make(&a->scenes[i], &c);
        for (size_t k = 0; k < c.count; k++) {
            spoilt = c;
            spoilt.metas[k].signer = false;
            if (c.metas[k].signer)
                adversary_must_fail(w, &spoilt, a->scenes[i].name, "a signature is missing", k);
            spoilt = c;
            for (size_t n = 0; n < c.count; n++) /* a key's rights are those of all its places */
                if (memcmp(c.metas[n].key, c.metas[k].key, 32) == 0)
                    spoilt.metas[n].writable = false;
            if (c.metas[k].writable)
                adversary_must_fail(w, &spoilt, a->scenes[i].name, "an account is read-only", k);
        }
        for (size_t n = 0; n < c.count; n++) {
            spoilt = c;
            spoilt.count = n;
            adversary_must_fail(w, &spoilt, a->scenes[i].name, "accounts are missing", n);
        }
        call_must(w, &c); /* none of it has left a trace */
        world_free(w);
    }
    adversary_end();
}

unsigned adversary_replacements(const struct adversary *a)
{
    unsigned tried = 0, passed = 0;
    for (size_t i = 0; i < a->scene_count; i++) {
        struct call c;
        struct world *w = a->scenes[i].make(&a->scenes[i], &c);
        struct bank *start = bank_copy(w->bank);
        for (size_t k = 0; k < c.count; k++) {
            struct svm_account other;
            for (size_t n = 0; bank_account_at(start, n, &other); n++) {
                if (memcmp(other.key, c.metas[k].key, 32) == 0)
                    continue;
                struct call spoilt = c;
                memcpy(spoilt.metas[k].key, other.key, 32);
                tried++;
                if (call_run(w, &spoilt) == 0) {
                    char role[32];
                    call_role(&c, k, role);
                    if (!is_harmless(a, w, &c, k, &other))
                        PASSED("%s passed with a foreign %s", a->scenes[i].name, role);
                    passed++;
                    bank_free(w->bank);
                    w->bank = bank_copy(start);
                }
            }
            struct call spoilt = c; /* nobody */
            memset(spoilt.metas[k].key, 0x77, 32);
            memset(&other, 0, sizeof other);
            if (call_run(w, &spoilt) == 0 && !is_harmless(a, w, &c, k, &other)) {
                char role[32];
                call_role(&c, k, role);
                PASSED("%s passed with nobody as %s", a->scenes[i].name, role);
            }
            bank_free(w->bank);
            w->bank = bank_copy(start);
        }
        call_must(w, &c);
        bank_free(start);
        world_free(w);
    }
    printf("%u replacements, %u of them excused\n", tried, passed);
    adversary_end();
    return tried;
}

static bool bytes_excused(const struct adversary *a, const struct call *c, const char *role)
{
    if (c->info->number != SU_IX_INIT && (strcmp(role, "mint") == 0 || strcmp(role, "vault") == 0))
        return true; /* known by their addresses since init */
    for (size_t i = 0; i < a->excuse_count; i++)
        if (a->excuses[i].number == c->info->number && a->excuses[i].kind == EXCUSE_BYTES &&
            strcmp(a->excuses[i].role, role) == 0)
            return true;
    return false;
}

void adversary_forgeries(const struct adversary *a)
{
    for (size_t i = 0; i < a->scene_count; i++) {
        struct call c;
        struct world *w = a->scenes[i].make(&a->scenes[i], &c);
        struct bank *start = bank_copy(w->bank);
        for (size_t k = 0; k < c.count; k++) {
            struct svm_account was;
            bank_account_get(start, c.metas[k].key, &was);
            if (was.data_bytes < 8)
                continue;
            uint8_t *data = malloc(was.data_bytes + 1);
            if (data == NULL)
                abort();
            for (unsigned how = 0; how < 5; how++) {
                struct svm_account forged = was;
                memcpy(data, was.data, was.data_bytes);
                data[was.data_bytes] = 0;
                forged.data = data;
                if (how == 0)
                    memset(forged.owner, 0x99, 32);
                if (how == 1)
                    data[0] = (uint8_t)(data[0] % (SU_TAG_COUNT - 1) + 1);
                if (how == 2)
                    data[1]++;
                if (how == 3)
                    forged.data_bytes--;
                if (how == 4)
                    forged.data_bytes++;
                char role[32];
                call_role(&c, k, role);
                bool ours = memcmp(was.owner, w->program, 32) == 0;
                if (!ours && (how == 1 || how == 2))
                    continue; /* a token account's bytes mean something else */
                if (bytes_excused(a, &c, role))
                    continue;
                bank_account_set(w->bank, &forged);
                adversary_must_fail(w, &c, a->scenes[i].name, "an account is forged", k);
                bank_free(w->bank);
                w->bank = bank_copy(start);
            }
            free(data);
        }
        bank_free(start);
        world_free(w);
    }
    adversary_end();
}

void adversary_data(const struct adversary *a)
{
    for (size_t i = 0; i < a->scene_count; i++) {
        struct call c, spoilt;
        struct world *w = a->scenes[i].make(&a->scenes[i], &c);
        for (size_t n = 0; n < c.bytes; n++) {
            spoilt = c;
            spoilt.bytes = n;
            adversary_must_fail(w, &spoilt, a->scenes[i].name, "its data is cut short", 0);
        }
        spoilt = c;
        for (size_t n = 1; n <= 16; n++) {
            spoilt.bytes = c.bytes + n;
            adversary_must_fail(w, &spoilt, a->scenes[i].name, "its data is too long", 0);
        }
        for (size_t n = 1; n < 8; n++) {
            spoilt = c;
            spoilt.data.raw[n] = 1;
            adversary_must_fail(w, &spoilt, a->scenes[i].name, "its padding is not zero", 0);
        }
        world_free(w);
    }
    adversary_end();
}

void adversary_replays(const struct adversary *a)
{
    for (size_t i = 0; i < a->scene_count; i++) {
        struct call c;
        struct world *w = a->scenes[i].make(&a->scenes[i], &c);
        call_must(w, &c);
        if (a->scenes[i].repeats)
            call_must(w, &c);
        else
            adversary_must_fail(w, &c, a->scenes[i].name, "it has been done", 0);
        world_free(w);
    }
    adversary_end();
}
