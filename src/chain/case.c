// SPDX-License-Identifier: MIT
/* An execution with everything that hangs on it: sorted from accounts, read from the chain. */
#include "crank_priv.h"

#include <stdlib.h>
#include <string.h>

enum {
    SYSVAR = 0, /* the tag of SlotHashes among what is wanted */
    HASH_ENTRY_BYTES = 40,
    SLOT_HASHES_MAX = 512,
    ROUNDS_MAX = 5,
};

/* SysvarS1otHashes111111111111111111111111111 */
static const uint8_t slot_hashes_id[32] = {
    0x06, 0xa7, 0xd5, 0x17, 0x19, 0x2f, 0x0a, 0xaf, 0xc6, 0xf2, 0x65, 0xe3, 0xfb, 0x77, 0xcc, 0x7a,
    0xda, 0x82, 0xc5, 0x29, 0xd0, 0xbe, 0x3b, 0x13, 0x6e, 0x2d, 0x00, 0x55, 0x20, 0x00, 0x00, 0x00};

void su_chain_case_fini(struct su_chain_case *c)
{
    su_chain_accounts_fini(&c->list);
    su_arena_fini(&c->mem);
    free(c->wanted);
    memset(c, 0, sizeof *c);
}

struct su_chain_at su_chain_case_at(const struct su_chain_case *c, uint16_t task, uint8_t check)
{
    struct su_chain_at at = {.epoch = c->execution->epoch, .task = task, .check = check};

    memcpy(at.execution, c->key, 32);
    return at;
}

struct su_msg_scope su_chain_case_scope(const struct su_chain_case *c)
{
    return (struct su_msg_scope){.program_id = c->env.program,
                                 .genesis = c->env.genesis,
                                 .execution = c->key,
                                 .request_slot = c->execution->request_slot};
}

const struct su_chain_part *su_chain_case_part(const struct su_chain_case *c,
                                               const uint8_t identity[32])
{
    for (size_t i = 0; i < c->n_parts; i++)
        if (memcmp(c->parts[i].identity, identity, 32) == 0)
            return &c->parts[i];
    return NULL;
}

/* ---- sorting --------------------------------------------------------------------------------- */

/* The part of an identity, appended when it is new: there is room for one per account. */
static struct su_chain_part *part_of(struct su_chain_case *c, const uint8_t identity[32])
{
    for (size_t i = 0; i < c->n_parts; i++)
        if (memcmp(c->parts[i].identity, identity, 32) == 0)
            return &c->parts[i];
    struct su_chain_part *p = &c->parts[c->n_parts++];
    memcpy(p->identity, identity, 32);
    return p;
}

static bool ours(const struct su_chain_case *c, const struct su_chain_account *a, uint8_t tag)
{
    return a->exists && a->data && memcmp(a->owner, c->env.program, 32) == 0 &&
           su_acc_valid(tag, a->data, a->data_bytes);
}

/* The execution, and what others are compared with. */
static void sort_heads(struct su_chain_case *c, const struct su_chain_account *a)
{
    if (memcmp(a->key, c->key, 32) == 0 && ours(c, a, SU_TAG_EXECUTION))
        c->execution = (const void *)a->data;
    if (memcmp(a->key, c->env.pool, 32) == 0 && ours(c, a, SU_TAG_POOL))
        c->pool = (const void *)a->data;
    if (memcmp(a->key, slot_hashes_id, 32) == 0 && a->data_bytes >= 8) {
        const uint64_t n = su_free_load64(a->data), room = (a->data_bytes - 8) / HASH_ENTRY_BYTES;
        if (n <= room && n <= SLOT_HASHES_MAX) {
            c->slot_hashes = a->data + 8;
            c->n_slot_hashes = (size_t)n;
        }
    }
}

static void sort_assignment(struct su_chain_case *c, const struct su_acc_assignment *a)
{
    if (memcmp(a->execution, c->key, 32) == 0 && a->task < c->execution->task_count)
        c->assignments[a->task] = a;
}

static void sort_check(struct su_chain_case *c, const struct su_acc_check *k)
{
    if (memcmp(k->execution, c->key, 32) == 0 && k->task < c->execution->task_count &&
        k->number < SU_VALIDATORS_MAX)
        c->checks[k->task][k->number] = k;
}

static void sort_part(struct su_chain_case *c, const struct su_chain_account *a)
{
    if (ours(c, a, SU_TAG_NODE)) {
        const struct su_acc_node *node = (const void *)a->data;
        struct su_chain_part *p = part_of(c, node->identity);
        p->node = node;
        p->node_read = true;
    } else if (ours(c, a, SU_TAG_RESERVE)) {
        const struct su_acc_reserve *reserve = (const void *)a->data;
        if (memcmp(reserve->execution, c->key, 32) != 0)
            return;
        struct su_chain_part *p = part_of(c, reserve->node);
        p->reserve = reserve;
        p->reserve_read = true;
    }
}

static void sort_account(struct su_chain_case *c, const struct su_chain_account *a)
{
    const uint8_t tag = a->exists && a->data_bytes > 0 ? a->data[0] : 0;

    if (tag == SU_TAG_ASSIGNMENT && ours(c, a, tag)) {
        sort_assignment(c, (const void *)a->data);
    } else if (tag == SU_TAG_CHECK && ours(c, a, tag)) {
        sort_check(c, (const void *)a->data);
    } else if (tag == SU_TAG_CONFIG && ours(c, a, tag)) {
        const struct su_acc_config *config = (const void *)a->data;
        if (config->epoch == c->execution->epoch)
            c->config = config;
    } else if (tag == SU_TAG_CLAIM && ours(c, a, tag)) {
        const struct su_acc_claim *claim = (const void *)a->data;
        if (claim->seq == c->pool->claims_head)
            c->claim = claim;
    } else {
        sort_part(c, a);
    }
}

/* The node that the oldest claim pays, by its address: of a closed one nothing else is known. */
static void sort_claim_node(struct su_chain_case *c, const struct su_chain_account *a)
{
    if (memcmp(a->key, c->claim->node, 32) != 0)
        return;
    c->claim_node_read = true;
    if (ours(c, a, SU_TAG_NODE))
        c->claim_node = (const void *)a->data;
}

enum su_code su_chain_case_of(const struct su_chain_case_from *f, struct su_chain_case *out,
                              struct su_err *e)
{
    enum su_code rc = SU_OK;
    char text[SU_CHAIN_TEXT];

    memset(out, 0, sizeof *out);
    su_arena_init(&out->mem, 0);
    memcpy(out->key, f->execution, 32);
    out->env = *f->env;
    out->slot = f->slot;
    (void)su_chain_key_text(f->execution, text);
    if (f->n + f->n_identities < SIZE_MAX / sizeof *out->parts)
        out->parts = su_arena_alloc(&out->mem, (f->n + f->n_identities + 1) * sizeof *out->parts);
    if (!out->parts)
        rc = su_fail(e, SU_ENOMEM, text, "no memory for %zu accounts", f->n);
    for (size_t i = 0; i < f->n_identities && !rc; i++) {
        struct su_chain_part *p = part_of(out, f->identities[i]);
        p->node_read = true;
        p->reserve_read = true;
    }
    for (size_t i = 0; i < f->n && !rc; i++)
        sort_heads(out, &f->accounts[i]);
    if (!rc && !out->execution)
        rc = su_fail(e, SU_ENOENT, text, "there is no execution here: it has ended, or never was");
    if (!rc && !out->pool)
        rc = su_fail(e, SU_ETYPE, text, "the verification pool was not read with it");
    for (size_t i = 0; i < f->n && !rc; i++)
        sort_account(out, &f->accounts[i]);
    if (!rc && !out->config)
        rc = su_fail(e, SU_ETYPE, text, "the configuration of epoch %llu was not read with it",
                     (unsigned long long)out->execution->epoch);
    for (size_t i = 0; i < f->n && !rc && out->claim; i++)
        sort_claim_node(out, &f->accounts[i]);
    if (rc)
        su_chain_case_fini(out);
    return rc;
}

/* ---- what is to be read ---------------------------------------------------------------------- */

struct list {
    const struct su_chain_env *env;
    const uint8_t *execution;
    const struct chain_wanted *known; /* of the last round */
    size_t n_known;
    struct chain_wanted *items;
    size_t n, cap;
    bool failed;
};

static bool same(const struct chain_wanted *a, const struct chain_wanted *b)
{
    return a->tag == b->tag && a->number == b->number && a->task == b->task &&
           memcmp(a->id, b->id, 32) == 0;
}

static void derive(const struct list *l, struct chain_wanted *w)
{
    uint8_t assignment[32];

    switch (w->tag) {
    case SU_TAG_ASSIGNMENT:
        su_chain_addr_assignment(l->env, l->execution, w->task, w->key);
        break;
    case SU_TAG_CHECK:
        su_chain_addr_assignment(l->env, l->execution, w->task, assignment);
        su_chain_addr_check(l->env, assignment, w->number, w->key);
        break;
    case SU_TAG_NODE:
        su_chain_addr_node(l->env, w->id, w->key);
        break;
    case SU_TAG_RESERVE:
        su_chain_addr_reserve(l->env, l->execution, w->id, w->key);
        break;
    default: /* id is the address */
        memcpy(w->key, w->id, 32);
        break;
    }
}

static const struct chain_wanted *find(const struct chain_wanted *items, size_t n,
                                       const struct chain_wanted *w)
{
    for (size_t i = 0; i < n; i++)
        if (same(&items[i], w))
            return &items[i];
    return NULL;
}

static void want(struct list *l, struct chain_wanted w)
{
    if (l->failed || find(l->items, l->n, &w))
        return;
    if (l->n == l->cap) {
        const size_t cap = l->cap ? 2 * l->cap : 64;
        struct chain_wanted *items = su_try_alloc(cap, sizeof *items);
        if (!items) {
            l->failed = true;
            return;
        }
        if (l->n)
            memcpy(items, l->items, l->n * sizeof *items);
        free(l->items);
        l->items = items;
        l->cap = cap;
    }
    const struct chain_wanted *known = find(l->known, l->n_known, &w);
    if (known)
        w = *known;
    else
        derive(l, &w);
    l->items[l->n++] = w;
}

static void want_at(struct list *l, uint8_t tag, const uint8_t address[32])
{
    struct chain_wanted w = {.tag = tag};

    memcpy(w.id, address, 32);
    want(l, w);
}

static void want_part(struct list *l, const uint8_t identity[32])
{
    if (su_free_is_zero(identity, 32))
        return;
    want_at(l, SU_TAG_NODE, identity);
    want_at(l, SU_TAG_RESERVE, identity);
}

static void want_task(struct list *l, const struct su_chain_case *c,
                      const struct su_chain_voted *voted, uint16_t task)
{
    const struct su_acc_assignment *a = c->assignments[task];

    if ((c->execution->tasks[task].flags & SU_TASKF_OPEN) != 0)
        want(l, (struct chain_wanted){.tag = SU_TAG_ASSIGNMENT, .task = task});
    if (!a)
        return;
    want_part(l, a->node);
    for (uint8_t i = 0; i < a->checks && i < SU_VALIDATORS_MAX; i++) {
        if (su_free_is_zero(a->validators[i], 32))
            continue; /* drawn, and never accepted */
        want(l, (struct chain_wanted){.tag = SU_TAG_CHECK, .task = task, .number = i});
        want_part(l, a->validators[i]);
    }
    const struct su_chain_check_due due = su_chain_check_due(c, task, voted);
    if (due.row)
        want_part(l, due.row->identity);
}

/* Everything about a case as far as it is known now. */
static void want_case(struct list *l, const struct su_chain_case *c,
                      const struct su_chain_case_hints *hints)
{
    const struct su_acc_execution *x = c->execution;
    const struct su_chain_voted *voted = hints->voted;
    uint8_t config[32];

    want_at(l, SU_TAG_EXECUTION, l->execution);
    want_at(l, SU_TAG_POOL, l->env->pool);
    su_chain_addr_config(l->env, x->epoch, config);
    want_at(l, SU_TAG_CONFIG, config);
    if (x->state == SU_EXEC_RUNNING && x->committed == x->task_count)
        want_at(l, SYSVAR, slot_hashes_id);
    for (uint16_t t = 0; t < x->task_count; t++)
        want_task(l, c, voted, t);
    if (voted && voted->nodes && x->state == SU_EXEC_ASSIGNING)
        for (size_t i = 0; i < voted->n_nodes; i++)
            want_part(l, voted->nodes[i]);
    for (size_t i = 0; i < hints->n_more; i++)
        want_part(l, hints->more[i]);
    for (size_t i = 0; i < c->n_parts; i++)
        if (c->parts[i].reserve)
            want_part(l, c->parts[i].identity);
    if (c->pool && c->pool->claims_head < c->pool->claims_next) {
        uint8_t claim[32];
        su_chain_addr_claim(l->env, c->pool->claims_head, claim);
        want_at(l, SU_TAG_CLAIM, claim);
        if (c->claim)
            want_at(l, SYSVAR, c->claim->node);
    }
}

/* ---- reading --------------------------------------------------------------------------------- */

/* Reads what the list names, and sorts it: *out takes the list over. */
static enum su_code read_round(struct su_chain *chain, struct list *l, struct su_chain_case *out,
                               struct su_err *e)
{
    struct su_chain_accounts got = {.items = NULL};
    uint8_t(*keys)[32] = su_try_alloc(l->n, 2 * sizeof *keys);
    struct su_chain_case_from from = {.env = l->env, .execution = l->execution};

    memset(out, 0, sizeof *out);
    if (!keys || l->failed) {
        free(keys);
        return su_fail(e, SU_ENOMEM, "execution", "no memory for its accounts");
    }
    uint8_t(*identities)[32] = keys + l->n;
    for (size_t i = 0; i < l->n; i++) {
        memcpy(keys[i], l->items[i].key, 32);
        if (l->items[i].tag == SU_TAG_NODE) /* its reserve is always asked for, too */
            memcpy(identities[from.n_identities++], l->items[i].id, 32);
    }
    enum su_code rc = su_chain_accounts_get(chain, (const uint8_t(*)[32])keys, l->n, &got, e);
    from.accounts = got.items;
    from.n = got.n;
    from.slot = got.slot;
    from.identities = (const uint8_t(*)[32])identities;
    if (!rc)
        rc = su_chain_case_of(&from, out, e);
    free(keys);
    if (rc) {
        su_chain_accounts_fini(&got);
        return rc;
    }
    out->list = got;
    out->wanted = l->items;
    out->n_wanted = l->n;
    l->items = NULL;
    return SU_OK;
}

static bool covers(const struct su_chain_case *c, const struct list *l)
{
    for (size_t i = 0; i < l->n; i++)
        if (!find(c->wanted, c->n_wanted, &l->items[i]))
            return false;
    return true;
}

/* Whose reserves these are, when the end needs them and not all are known. */
static enum su_code want_reserves(struct su_chain *chain, struct list *l,
                                  const struct su_chain_case *c, bool *listed, struct su_err *e)
{
    const struct su_chain_filter of_execution = {
        .offset = offsetof(struct su_acc_reserve, execution), .bytes = l->execution, .n = 32};
    struct su_chain_accounts found;
    size_t known = 0;

    for (size_t i = 0; i < c->n_parts; i++)
        known += c->parts[i].reserve != NULL;
    if (*listed || !chain_ended(c->execution) || known >= c->execution->reserves_open)
        return SU_OK;
    *listed = true;
    enum su_code rc = su_chain_list(chain, SU_TAG_RESERVE, &of_execution, &found, e);
    for (size_t i = 0; i < found.n && !rc; i++)
        want_part(l, ((const struct su_acc_reserve *)(const void *)found.items[i].data)->node);
    su_chain_accounts_fini(&found);
    return rc;
}

/* The configuration of another epoch than the present one is known only from the execution. */
static enum su_code execution_first(struct su_chain *chain, struct list *l, struct su_err *e)
{
    struct su_chain_accounts one;
    const struct su_acc_execution *x;
    uint8_t config[32];

    enum su_code rc = su_chain_execution_get(chain, l->execution, &one, &x, e);
    if (!rc) {
        want_at(l, SU_TAG_EXECUTION, l->execution);
        want_at(l, SU_TAG_POOL, l->env->pool);
        su_chain_addr_config(l->env, x->epoch, config);
        want_at(l, SU_TAG_CONFIG, config);
        for (uint16_t t = 0; t < x->task_count; t++)
            want(l, (struct chain_wanted){.tag = SU_TAG_ASSIGNMENT, .task = t});
    }
    su_chain_accounts_fini(&one);
    return rc;
}

static struct list list_after(const struct list *l, const struct su_chain_case *c)
{
    return (struct list){
        .env = l->env, .execution = l->execution, .known = c->wanted, .n_known = c->n_wanted};
}

enum su_code su_chain_case_load(struct su_chain *chain, const struct su_chain_env *env,
                                const uint8_t execution[32],
                                const struct su_chain_case_hints *hints, struct su_chain_case *out,
                                struct su_err *e)
{
    static const struct su_chain_case_hints none;
    const struct su_chain_case_hints *h = hints ? hints : &none;
    struct list l = {.env = env, .execution = execution};
    enum su_code rc = SU_OK;
    bool listed = false;

    memset(out, 0, sizeof *out);
    if (h->before && memcmp(h->before->key, execution, 32) == 0) {
        l = list_after(&l, h->before);
        want_case(&l, h->before, h);
    } else {
        rc = execution_first(chain, &l, e);
    }
    for (unsigned round = 0; round < ROUNDS_MAX && !rc; round++) {
        struct su_chain_case next;
        rc = read_round(chain, &l, &next, e);
        if (rc)
            break;
        su_chain_case_fini(out);
        *out = next;
        l = list_after(&l, out);
        want_case(&l, out, h);
        rc = want_reserves(chain, &l, out, &listed, e);
        if (rc || covers(out, &l))
            break;
    }
    free(l.items);
    if (rc)
        su_chain_case_fini(out);
    return rc;
}
