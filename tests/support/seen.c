// SPDX-License-Identifier: MIT
#include "support/seen.h"

#include "abi/abi.h"
#include "base/base.h"
#include "chain/chain.h"
#include "support/bank.h"
#include "support/execution.h"
#include "support/scenario.h"

#include <stdlib.h>
#include <string.h>

static void die(const char *what, const struct su_err *e)
{
    fprintf(stderr, "seen: %s: %s\n", what, e->msg);
    abort();
}

static struct su_chain_account *add(struct seen *s, const uint8_t key[32])
{
    struct su_chain_account *a = &s->accounts[s->n++];
    memset(a, 0, sizeof *a);
    memcpy(a->key, key, 32);
    return a;
}

static void add_accounts(struct seen *s)
{
    struct svm_account b;
    size_t n = 0;
    while (bank_account_at(s->bank, n, &b))
        n++;
    s->accounts = su_alloc((n + 2) * sizeof *s->accounts);
    for (size_t i = 0; i < n; i++) {
        bank_account_at(s->bank, i, &b);
        struct su_chain_account *a = add(s, b.key);
        memcpy(a->owner, b.owner, 32);
        a->lamports = b.lamports;
        a->data = b.data;
        a->data_bytes = b.data_bytes;
        a->exists = true;
        a->executable = b.executable;
    }
}

static void add_slot_hashes(struct seen *s)
{
    uint8_t key[32];
    struct su_err e;
    const uint64_t *slots;
    const uint8_t(*hashes)[32];
    const size_t n = bank_slot_hashes_get(s->bank, &slots, &hashes);
    if (su_chain_key_parse("SysvarS1otHashes111111111111111111111111111", "sysvar", key, &e))
        die("sysvar", &e);
    su_put_le64(s->slot_hashes, n);
    for (size_t i = 0; i < n; i++) {
        su_put_le64(s->slot_hashes + 8 + 40 * i, slots[i]);
        memcpy(s->slot_hashes + 16 + 40 * i, hashes[i], 32);
    }
    struct su_chain_account *a = add(s, key);
    a->data = s->slot_hashes;
    a->data_bytes = 8 + 40 * n;
    a->exists = true;
}

/* Whoever the oldest claim pays may have closed: asked for, and not there. */
static void add_claim_node(struct seen *s)
{
    for (size_t i = 0; i < s->n; i++) {
        const struct su_acc_claim *claim = (const void *)s->accounts[i].data;
        struct svm_account b;
        if (!su_acc_valid(SU_TAG_CLAIM, claim, s->accounts[i].data_bytes))
            continue;
        bank_account_get(s->bank, claim->node, &b);
        if (b.lamports == 0) {
            add(s, claim->node);
            return;
        }
    }
}

static void vote(struct seen *s, const struct play *p)
{
    struct play play = *p;
    struct call c;
    for (unsigned i = 0; i < p->nodes; i++) {
        char name[32];
        snprintf(name, sizeof name, "node%u", i);
        world_key(name, s->identities[i]);
        call_check_skip(&play, &c, 0, i);
        s->rows[i] = *CALL_ARGS(&c, check_row);
    }
    for (unsigned t = 0; t < p->tasks; t++)
        memcpy(s->nodes[t], s->identities[p->task[t].node], 32);
    s->voted = (struct su_chain_voted){.rows = s->rows,
                                       .n_rows = p->nodes,
                                       .nodes = (const uint8_t(*)[32])s->nodes,
                                       .n_nodes = p->tasks};
}

struct seen *seen_new(const struct play *p)
{
    struct seen *s = su_alloc(sizeof *s);
    const struct world *w = p->w;
    uint8_t execution[32];
    struct su_err e;
    s->bank = bank_copy(w->bank);
    su_chain_env_of(&s->env, w->program, w->mint, w->vault, w->genesis, w->epoch);
    add_accounts(s);
    add_slot_hashes(s);
    add_claim_node(s);
    vote(s, p);
    s->by.slot = bank_slot(w->bank);
    s->by.voted = &s->voted;
    at_execution(w, execution);
    const struct su_chain_case_from from = {.env = &s->env,
                                            .execution = execution,
                                            .accounts = s->accounts,
                                            .n = s->n,
                                            .identities = (const uint8_t(*)[32])s->identities,
                                            .n_identities = p->nodes,
                                            .slot = s->by.slot};
    if (su_chain_case_of(&from, &s->c, &e))
        die("case", &e);
    return s;
}

void seen_free(struct seen *s)
{
    su_chain_case_fini(&s->c);
    bank_free(s->bank);
    free(s->accounts);
    free(s);
}

uint64_t seen_run(struct world *w, const struct su_instr *i)
{
    struct svm_meta metas[SU_TX_METAS_MAX];
    struct svm_result r;
    for (uint16_t k = 0; k < i->n_metas; k++) {
        memcpy(metas[k].key, i->metas[k].key, 32);
        metas[k].signer = i->metas[k].signer;
        metas[k].writable = i->metas[k].writable;
    }
    bank_run(w->bank, i->data, i->data_bytes, metas, i->n_metas, &r);
    if (r.outcome == SVM_OK)
        return 0;
    return r.outcome == SVM_CUSTOM ? r.custom : CALL_RUNTIME;
}

uint64_t seen_crank(struct world *w, const struct seen *s, const struct su_chain_crank *k)
{
    struct su_chain_batch b;
    struct su_err e;
    su_chain_batch_init(&b, &s->env, w->payer);
    su_chain_crank_append(&b, &s->c, k);
    if (su_chain_batch_check(&b, &e))
        die("batch", &e);
    const uint64_t rc = seen_run(w, &b.instrs[0]);
    su_chain_batch_fini(&b);
    return rc;
}
