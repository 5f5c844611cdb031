// SPDX-License-Identifier: MIT
/* Intents, and the comparison of a message with one. */
#include "wallet_priv.h"

#include <stdlib.h>
#include <string.h>

static const char at_name[] = "transaction";

enum { COPY_MAX_BYTES = 1 << 20 };

/* ---- copies ---------------------------------------------------------------------------------- */

void wallet_intent_clear(struct wallet_intent *i)
{
    su_arena_fini(&i->mem);
    memset(i, 0, sizeof *i);
}

static void *copy(struct su_arena *a, const void *from, size_t bytes)
{
    void *to = su_arena_alloc(a, bytes + 1); /* never of nothing */

    if (to && bytes > 0)
        memcpy(to, from, bytes);
    return to;
}

static enum su_code check(const struct su_intent *i, struct su_err *e)
{
    size_t metas = 0;

    if (i->n_instrs < 1 || i->n_instrs > SU_TX_INSTRS_MAX)
        return su_fail(e, SU_EINVAL, "intent", "%zu instructions: 1 to %u are possible",
                       i->n_instrs, SU_TX_INSTRS_MAX);
    for (size_t k = 0; k < i->n_instrs; k++) {
        metas += i->instrs[k].n_metas;
        if (metas > SU_TX_METAS_MAX || i->instrs[k].data_bytes > SU_TX_MAX_BYTES)
            return su_fail(e, SU_EINVAL, "intent", "instruction %zu: too many accounts or data",
                           k + 1);
        if (memcmp(i->instrs[k].program, su_budget_id, 32) == 0)
            return su_fail(e, SU_EINVAL, "intent",
                           "instruction %zu: a compute budget is given as limits", k + 1);
    }
    return SU_OK;
}

enum su_code wallet_intent_copy(struct wallet_intent *to, const struct su_intent *from,
                                struct su_err *e)
{
    wallet_intent_clear(to);
    enum su_code c = check(from, e);
    if (c)
        return c;
    su_arena_init(&to->mem, COPY_MAX_BYTES);
    to->intent = *from;
    struct su_instr *list = copy(&to->mem, from->instrs, from->n_instrs * sizeof *from->instrs);
    bool ok = list != NULL;
    for (size_t i = 0; ok && i < from->n_instrs; i++) {
        const struct su_instr *in = &from->instrs[i];
        list[i].metas = copy(&to->mem, in->metas, in->n_metas * sizeof *in->metas);
        list[i].data = copy(&to->mem, in->data, in->data_bytes);
        ok = list[i].metas && list[i].data;
    }
    if (!ok) {
        wallet_intent_clear(to);
        return su_fail(e, SU_ENOMEM, "intent", "no memory for a copy");
    }
    to->intent.instrs = list;
    to->set = true;
    return SU_OK;
}

/* ---- comparison ------------------------------------------------------------------------------ */

struct name {
    char text[SU_WALLET_TEXT];
};

static struct name name_of(const uint8_t key[32])
{
    struct name n = {""};

    (void)su_base58_encode(key, 32, n.text, sizeof n.text);
    return n;
}

struct budget {
    bool limit, price;
};

static enum su_code compare_budget(const struct su_intent *i, const struct su_instr *in,
                                   struct budget *seen, struct su_err *e)
{
    uint32_t units;
    uint64_t price;

    if (su_instr_is_unit_limit(in, &units)) {
        if (seen->limit)
            return su_fail(e, SU_EACCES, at_name, "the compute limit is set twice");
        if (units > i->units_max)
            return su_fail(e, SU_EACCES, at_name, "it asks for %u compute units, agreed are %u",
                           units, i->units_max);
        seen->limit = true;
        return SU_OK;
    }
    if (su_instr_is_unit_price(in, &price)) {
        if (seen->price)
            return su_fail(e, SU_EACCES, at_name, "the compute price is set twice");
        if (price > i->price_max)
            return su_fail(e, SU_EACCES, at_name,
                           "it offers %llu millionths of a lamport per unit, agreed are %llu",
                           (unsigned long long)price, (unsigned long long)i->price_max);
        seen->price = true;
        return SU_OK;
    }
    return su_fail(e, SU_EACCES, at_name, "a compute budget instruction that was not agreed");
}

static enum su_code compare_instr(const struct su_instr *want, const struct su_instr *have,
                                  size_t number, struct su_err *e)
{
    if (memcmp(want->program, have->program, 32) != 0)
        return su_fail(e, SU_EACCES, at_name, "instruction %zu calls %s, agreed is %s", number,
                       name_of(have->program).text, name_of(want->program).text);
    if (want->n_metas != have->n_metas)
        return su_fail(e, SU_EACCES, at_name, "instruction %zu passes %u accounts, agreed are %u",
                       number, have->n_metas, want->n_metas);
    for (unsigned m = 0; m < want->n_metas; m++)
        if (memcmp(want->metas[m].key, have->metas[m].key, 32) != 0)
            return su_fail(e, SU_EACCES, at_name,
                           "account %u of instruction %zu is %s, agreed is %s", m + 1, number,
                           name_of(have->metas[m].key).text, name_of(want->metas[m].key).text);
    if (want->data_bytes != have->data_bytes)
        return su_fail(e, SU_EACCES, at_name, "instruction %zu has %u bytes of data, agreed are %u",
                       number, have->data_bytes, want->data_bytes);
    for (unsigned b = 0; b < want->data_bytes; b++)
        if (want->data[b] != have->data[b])
            return su_fail(e, SU_EACCES, at_name, "byte %u of instruction %zu's data differs", b,
                           number);
    return SU_OK;
}

static enum su_code compare_instrs(const struct su_intent *i, const struct su_tx_parsed *p,
                                   struct budget *seen, struct su_err *e)
{
    size_t k = 0;

    for (unsigned m = 0; m < p->n_instrs; m++) {
        const struct su_instr *have = &p->instrs[m];
        enum su_code c;
        if (memcmp(have->program, su_budget_id, 32) == 0)
            c = compare_budget(i, have, seen, e);
        else if (k == i->n_instrs)
            c = su_fail(e, SU_EACCES, at_name, "an instruction is added: it calls %s",
                        name_of(have->program).text);
        else {
            c = compare_instr(&i->instrs[k], have, k + 1, e);
            k++;
        }
        if (c)
            return c;
    }
    if (k < i->n_instrs)
        return su_fail(e, SU_EACCES, at_name, "instruction %zu is missing", k + 1);
    return SU_OK;
}

struct rights {
    bool named, signer, writable;
};

/* What the intent gives a key, over all its instructions. */
static struct rights rights_of(const struct su_intent *i, const uint8_t key[32])
{
    bool pays = memcmp(i->payer, key, 32) == 0;
    struct rights r = {pays, pays, pays};

    for (size_t k = 0; k < i->n_instrs; k++) {
        const struct su_instr *in = &i->instrs[k];
        r.named = r.named || memcmp(in->program, key, 32) == 0;
        for (unsigned m = 0; m < in->n_metas; m++) {
            if (memcmp(in->metas[m].key, key, 32) != 0)
                continue;
            r.named = true;
            r.signer = r.signer || in->metas[m].signer;
            r.writable = r.writable || in->metas[m].writable;
        }
    }
    return r;
}

static enum su_code compare_keys(const struct su_intent *i, const struct su_tx_parsed *p,
                                 struct budget seen, struct su_err *e)
{
    for (unsigned k = 0; k < p->n_keys; k++) {
        const uint8_t *key = p->keys + (size_t)32 * k;
        struct rights want = rights_of(i, key);
        bool signer = k < p->signers;
        bool writable = signer ? k < (unsigned)(p->signers - p->signers_readonly)
                               : k < (unsigned)(p->n_keys - p->others_readonly);
        if ((seen.limit || seen.price) && memcmp(key, su_budget_id, 32) == 0)
            want.named = true;
        if (!want.named)
            return su_fail(e, SU_EACCES, at_name, "account %s is added", name_of(key).text);
        if (signer != want.signer)
            return su_fail(e, SU_EACCES, at_name, "account %s %s", name_of(key).text,
                           signer ? "must sign, which was not agreed" : "does not sign as agreed");
        if (writable != want.writable)
            return su_fail(e, SU_EACCES, at_name, "account %s %s", name_of(key).text,
                           writable ? "may be written, which was not agreed"
                                    : "cannot be written as agreed");
    }
    return SU_OK;
}

static enum su_code compare(const struct su_intent *i, const struct su_tx_parsed *p,
                            struct su_err *e)
{
    struct budget seen = {false, false};

    if (memcmp(p->keys, i->payer, 32) != 0)
        return su_fail(e, SU_EACCES, at_name, "%s pays, agreed is %s", name_of(p->keys).text,
                       name_of(i->payer).text);
    if (i->signatures_max != 0 && p->signers > i->signatures_max)
        return su_fail(e, SU_EACCES, at_name, "it takes %u signatures, agreed are %u", p->signers,
                       i->signatures_max);
    enum su_code c = compare_instrs(i, p, &seen, e);
    return c ? c : compare_keys(i, p, seen, e);
}

enum su_code su_wallet_message_matches(const struct su_intent *i, const void *message, size_t n,
                                       struct su_err *e)
{
    struct su_tx_parsed *p = su_alloc(sizeof *p);
    enum su_tx_status s = su_tx_parse_message(message, n, p);
    enum su_code c = s == SU_TX_OK
                         ? compare(i, p, e)
                         : su_fail(e, SU_EFORMAT, at_name, "not signed: %s", su_tx_status_text(s));

    free(p);
    return c;
}
