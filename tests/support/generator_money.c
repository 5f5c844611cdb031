// SPDX-License-Identifier: MIT
#include "support/generator_money.h"

#include "abi/abi.h"
#include "support/bank.h"
#include "support/scenario.h"

#include <stdio.h>
#include <string.h>

static char why[256];

#define WRONG(...) (snprintf(why, sizeof why, __VA_ARGS__), why)

/* Account i of the bank when it is the program's, of that tag; NULL data otherwise. */
static const void *ours(const struct world *w, const struct svm_account *a, uint8_t tag)
{
    if (memcmp(a->owner, w->program, 32) != 0)
        return NULL;
    return su_acc_valid(tag, a->data, a->data_bytes) ? a->data : NULL;
}

static void payer_key(unsigned i, uint8_t key[32])
{
    static const char *const names[MONEY_PAYERS] = {"payer",  "payer0",   "payer1", "payer2",
                                                    "payer3", "stranger", "owner0", "requestor"};
    world_key(names[i], key);
}

static uint64_t node_owed(const struct su_acc_node *n)
{
    uint64_t sum = n->stake_free + n->stake_reserved + n->earned;
    for (unsigned i = 0; i < SU_TICKETS_MAX; i++)
        sum += n->tickets[i].amount;
    return sum;
}

static uint64_t owed(const struct world *w)
{
    struct svm_account a;
    uint64_t sum = 0;
    for (size_t i = 0; bank_account_at(w->bank, i, &a); i++) {
        const struct su_acc_execution *e = ours(w, &a, SU_TAG_EXECUTION);
        const struct su_acc_node *n = ours(w, &a, SU_TAG_NODE);
        const struct su_acc_oracle *o = ours(w, &a, SU_TAG_ORACLE);
        const struct su_acc_requestor *r = ours(w, &a, SU_TAG_REQUESTOR);
        const struct su_acc_pool *p = ours(w, &a, SU_TAG_POOL);
        sum += e != NULL ? e->escrow + e->pot - e->pot_paid : 0;
        sum += n != NULL ? node_owed(n) : 0;
        sum += o != NULL ? o->bond + o->earned : 0;
        sum += r != NULL ? r->refund : 0;
        sum += p != NULL ? p->balance : 0;
    }
    return sum;
}

static uint64_t payer_has(const struct world *w, const uint8_t key[32])
{
    struct svm_account a;
    uint64_t sum = 0;
    for (size_t i = 0; bank_account_at(w->bank, i, &a); i++) {
        const struct su_acc_head *head = (const struct su_acc_head *)(const void *)a.data;
        if (memcmp(a.key, key, 32) == 0)
            sum += a.lamports;
        else if (memcmp(a.owner, w->program, 32) == 0 && a.data_bytes >= sizeof *head &&
                 memcmp(head->rent_payer, key, 32) == 0)
            sum += a.lamports;
    }
    return sum;
}

void money_begin(struct money *m, const struct world *w)
{
    memset(m, 0, sizeof *m);
    m->gifts = bank_token_amount(w->bank, w->vault) - owed(w);
    m->lamports = bank_lamports(w->bank);
    for (unsigned i = 0; i < MONEY_PAYERS; i++) {
        uint8_t key[32];
        payer_key(i, key);
        m->payer[i] = payer_has(w, key);
    }
}

void money_gift(struct money *m, struct world *w, uint64_t amount)
{
    m->gifts += amount;
    bank_token_set(w->bank, w->vault, w->mint, w->vault_authority,
                   bank_token_amount(w->bank, w->vault) + amount);
    m->lamports = bank_lamports(w->bank);
}

/* Accounts that belong to an execution or a node, by tag. */
static unsigned count(const struct world *w, uint8_t tag, const uint8_t key[32], bool of_node,
                      uint64_t *amount)
{
    struct svm_account a;
    unsigned n = 0;
    *amount = 0;
    for (size_t i = 0; bank_account_at(w->bank, i, &a); i++) {
        const void *data = ours(w, &a, tag);
        if (data == NULL)
            continue;
        const struct su_acc_reserve *r = data;
        const struct su_acc_assignment *as = data;
        const struct su_acc_check *c = data;
        const uint8_t *of = tag == SU_TAG_RESERVE ? (of_node ? r->node : r->execution)
                            : tag == SU_TAG_CHECK ? c->execution
                                                  : as->execution;
        if (memcmp(of, key, 32) != 0)
            continue;
        n++;
        if (tag == SU_TAG_RESERVE)
            *amount += r->amount;
    }
    return n;
}

static unsigned flagged(const struct su_acc_execution *e, uint16_t flag)
{
    unsigned n = 0;
    for (unsigned t = 0; t < e->task_count; t++)
        n += (e->tasks[t].flags & flag) != 0;
    return n;
}

static unsigned in_state(const struct su_acc_execution *e, uint8_t state)
{
    unsigned n = 0;
    for (unsigned t = 0; t < e->task_count; t++)
        n += e->tasks[t].state == state;
    return n;
}

static const char *tasks_check(const struct su_acc_execution *e)
{
    const struct {
        const char *name;
        unsigned has, should;
    } counters[] = {
        {"opened", e->opened, flagged(e, SU_TASKF_OPEN)},
        {"committed", e->committed, flagged(e, SU_TASKF_COMMITTED)},
        {"sampled", e->sampled, flagged(e, SU_TASKF_SAMPLED)},
        {"checked", e->checked, flagged(e, SU_TASKF_CHECKED)},
        {"revealed", e->revealed, flagged(e, SU_TASKF_REVEALED)},
        {"done", e->done, flagged(e, SU_TASKF_DONE)},
        {"paid", e->paid, flagged(e, SU_TASKF_PAID)},
        {"disputes_open", e->disputes_open, flagged(e, SU_TASKF_DISPUTED)},
        {"slashes", e->slashes,
         flagged(e, SU_TASKF_SLASHED) + flagged(e, SU_TASKF_VALIDATOR_SLASHED)},
        {"faults", e->faults,
         in_state(e, SU_TASK_VERIFICATION_FAILED) + flagged(e, SU_TASKF_VALIDATOR_WRONG)},
    };
    for (size_t i = 0; i < sizeof counters / sizeof *counters; i++)
        if (counters[i].has != counters[i].should)
            return WRONG("execution %llu: %s is %u, should be %u", (unsigned long long)e->nonce,
                         counters[i].name, counters[i].has, counters[i].should);
    const unsigned held = in_state(e, SU_TASK_ASSIGNED) + in_state(e, SU_TASK_COMPLETED);
    if ((e->state == SU_EXEC_ASSIGNING || e->state == SU_EXEC_RUNNING) && e->assigned != held)
        return WRONG("execution %llu: assigned is %u, should be %u", (unsigned long long)e->nonce,
                     e->assigned, held);
    if (e->state != SU_EXEC_VOID && e->void_cause != SU_VOID_NONE)
        return WRONG("execution %llu has a cause without being void", (unsigned long long)e->nonce);
    if (e->pot_paid > e->pot || e->slashes > e->faults)
        return WRONG("execution %llu has paid too much", (unsigned long long)e->nonce);
    return NULL;
}

static const char *execution_check(const struct world *w, const uint8_t key[32],
                                   const struct su_acc_execution *e)
{
    uint64_t unused;
    if (e->reserves_open != count(w, SU_TAG_RESERVE, key, false, &unused))
        return WRONG("execution %llu: reserves_open", (unsigned long long)e->nonce);
    if (e->checks_open != count(w, SU_TAG_CHECK, key, false, &unused))
        return WRONG("execution %llu: checks_open", (unsigned long long)e->nonce);
    if (e->assignments_open != count(w, SU_TAG_ASSIGNMENT, key, false, &unused))
        return WRONG("execution %llu: assignments_open", (unsigned long long)e->nonce);
    return tasks_check(e);
}

static const char *accounts_check(const struct world *w)
{
    struct svm_account a;
    uint64_t claims = 0, open = 0;
    for (size_t i = 0; bank_account_at(w->bank, i, &a); i++) {
        const struct su_acc_node *n = ours(w, &a, SU_TAG_NODE);
        const struct su_acc_execution *e = ours(w, &a, SU_TAG_EXECUTION);
        const struct su_acc_pool *p = ours(w, &a, SU_TAG_POOL);
        const char *wrong = e != NULL ? execution_check(w, a.key, e) : NULL;
        if (wrong != NULL)
            return wrong;
        claims += ours(w, &a, SU_TAG_CLAIM) != NULL;
        open = p != NULL ? p->claims_next - p->claims_head : open;
        if (n == NULL)
            continue;
        uint64_t reserved;
        if (n->reserves_open != count(w, SU_TAG_RESERVE, n->identity, true, &reserved))
            return WRONG("a node's reserves_open is %u", n->reserves_open);
        if (n->stake_reserved != reserved)
            return WRONG("a node has %llu reserved, its reserves %llu",
                         (unsigned long long)n->stake_reserved, (unsigned long long)reserved);
    }
    if (claims != open)
        return WRONG("%llu claims, the pool counts %llu", (unsigned long long)claims,
                     (unsigned long long)open);
    return NULL;
}

const char *money_check(const struct money *m, const struct world *w)
{
    const uint64_t vault = bank_token_amount(w->bank, w->vault), sum = owed(w);
    if (vault != sum + m->gifts)
        return WRONG("the vault holds %llu, %llu is owed and %llu were gifts",
                     (unsigned long long)vault, (unsigned long long)sum,
                     (unsigned long long)m->gifts);
    if (bank_lamports(w->bank) != m->lamports)
        return WRONG("lamports are not conserved");
    for (unsigned i = 0; i < MONEY_PAYERS; i++) {
        uint8_t key[32];
        payer_key(i, key);
        if (payer_has(w, key) != m->payer[i])
            return WRONG("payer %u has lost or gained rent", i);
    }
    return accounts_check(w);
}

const char *money_left(const struct world *w)
{
    static const uint8_t tags[] = {SU_TAG_EXECUTION, SU_TAG_ASSIGNMENT, SU_TAG_CHECK,
                                   SU_TAG_RESERVE, SU_TAG_CLAIM};
    struct svm_account a;
    for (size_t i = 0; bank_account_at(w->bank, i, &a); i++) {
        for (size_t k = 0; k < sizeof tags; k++)
            if (ours(w, &a, tags[k]) != NULL)
                return WRONG("an account of kind %u is left", tags[k]);
        const struct su_acc_node *n = ours(w, &a, SU_TAG_NODE);
        if (n != NULL && (n->stake_reserved != 0 || n->reserves_open != 0))
            return WRONG("a node still has a reserve");
    }
    return NULL;
}
