// SPDX-License-Identifier: MIT
/* Cranks into instructions, transactions, and onto the chain. */
#include "crank_priv.h"
#include "make_priv.h"

#include <stdlib.h>
#include <string.h>

enum {
    UNITS_MAX = 1200000, /* of one transaction: less than the limit, as units are estimates */
    HASH_TRIES = 4, /* slots that may end between reading SlotHashes and landing */
};

/* ---- instructions ---------------------------------------------------------------------------- */

static void append_assign(struct su_chain_batch *b, const struct su_chain_at *at,
                          const struct su_chain_crank *k)
{
    uint8_t path[SU_ASSIGN_PATH_MAX][32];
    const struct su_chain_assign_group group =
        chain_group_of(k->voted->nodes, k->voted->n_nodes, k->part, path);

    su_chain_make_assign(b, at, &group);
}

static void append_match(struct su_chain_batch *b, const struct su_chain_at *at,
                         const struct su_chain_case *c, const struct su_chain_crank *k)
{
    uint16_t producers[SU_PORTS_MAX];
    size_t n = 0;

    for (uint8_t i = 0; i < SU_PORTS_MAX; i++)
        if (k->part >> i & 1u)
            producers[n++] = c->assignments[k->task]->sources[i].task;
    su_chain_make_match(b, at, k->part, producers);
}

static void append_ended(struct su_chain_batch *b, const struct su_chain_case *c,
                         const struct su_chain_at *at, const struct su_chain_crank *k)
{
    switch (k->number) {
    case SU_IX_SLASH:
        su_chain_make_slash(b, at, k->part, k->identity);
        break;
    case SU_IX_PAY_TASK:
        su_chain_make_pay_task(b, at, k->identity);
        break;
    case SU_IX_PAY_CHECK:
        su_chain_make_pay_check(b, at, k->identity, k->claim);
        break;
    case SU_IX_PAY_ORACLE:
        su_chain_make_pay_oracle(b, at, k->identity, k->part);
        break;
    case SU_IX_FINISH:
        su_chain_make_finish(b, at, c->execution->requestor);
        break;
    case SU_IX_FREE_RESERVE:
        su_chain_make_free_reserve(b, at, k->identity, k->rent_payer);
        break;
    case SU_IX_CLOSE_ASSIGNMENT:
        su_chain_make_close_assignment(b, at, k->rent_payer);
        break;
    case SU_IX_CLOSE_CHECK:
        su_chain_make_close_check(b, at, k->rent_payer);
        break;
    case SU_IX_CLOSE_EXECUTION:
        su_chain_make_close_execution(b, at, k->rent_payer);
        break;
    case SU_IX_CLAIM_PAY:
        chain_claim_append(b, k->claim, c->claim->node, k->rent_payer);
        break;
    default:
        chain_batch_fail(b, SU_EINVAL, "crank", "no instruction that anybody may call");
        break;
    }
}

void su_chain_crank_append(struct su_chain_batch *b, const struct su_chain_case *c,
                           const struct su_chain_crank *k)
{
    const struct su_chain_at at = su_chain_case_at(c, k->task, k->check);

    switch (k->number) {
    case SU_IX_REQUEST_EXPIRE:
        su_chain_make_request_expire(b, &at);
        break;
    case SU_IX_ASSIGN:
        append_assign(b, &at, k);
        break;
    case SU_IX_RELEASE:
        su_chain_make_release(b, &at, k->identity, k->rent_payer);
        break;
    case SU_IX_REASSIGN:
        su_chain_make_reassign(b, &at, k->identity);
        break;
    case SU_IX_COMMIT_EXPIRE:
        su_chain_make_commit_expire(b, &at);
        break;
    case SU_IX_FREEZE:
        su_chain_make_freeze(b, &at, k->hash_index, k->part != 0);
        break;
    case SU_IX_DRAW_DEFAULT:
        su_chain_make_draw_default(b, &at);
        break;
    case SU_IX_CHECK_SKIP:
        su_chain_make_check_skip(b, &at, k->row);
        break;
    case SU_IX_CHECK_EXPIRE:
        su_chain_make_check_expire(b, &at);
        break;
    case SU_IX_MATCH:
        append_match(b, &at, c, k);
        break;
    case SU_IX_REVEAL_EXPIRE:
        su_chain_make_reveal_expire(b, &at);
        break;
    case SU_IX_DISPUTE_EXPIRE:
        su_chain_make_dispute_expire(b, &at);
        break;
    case SU_IX_CONCLUDE:
        su_chain_make_conclude(b, b->payer, &at);
        break;
    default:
        append_ended(b, c, &at, k);
        break;
    }
}

/* ---- transactions ---------------------------------------------------------------------------- */

/* Spare ones behind the others; the order is kept otherwise. Returns how many are not spare. */
static size_t spares_last(struct su_chain_crank *items, size_t n, struct su_chain_crank *room)
{
    size_t kept = 0, spare = 0;

    for (size_t i = 0; i < n; i++)
        if (items[i].spare)
            room[spare++] = items[i];
        else
            items[kept++] = items[i];
    memcpy(items + kept, room, spare * sizeof *room);
    return kept;
}

bool chain_batch_fits(const struct su_chain_batch *b)
{
    static const uint8_t blockhash[32];
    struct su_small_instr limit, price;
    struct su_instr list[SU_TX_INSTRS_MAX];
    struct su_tx tx;

    if (b->n > SU_TX_INSTRS_MAX - 2)
        return false;
    su_instr_unit_limit(&limit, UNITS_MAX);
    su_instr_unit_price(&price, 1);
    list[0] = limit.instr;
    list[1] = price.instr;
    memcpy(list + 2, b->instrs, b->n * sizeof *list);
    return su_tx_compile(b->payer, blockhash, list, b->n + 2, &tx) == SU_TX_OK;
}

/* How many of items[0 .. n) the next transaction takes; at least one. */
static size_t take(const struct su_chain_case *c, const uint8_t payer[32],
                   const struct su_chain_crank *items, size_t n, struct su_err *e)
{
    struct su_chain_batch b;
    uint64_t units = 0;
    size_t used = 0;

    su_chain_batch_init(&b, &c->env, payer);
    while (used < n) {
        const struct su_chain_crank *k = &items[used];
        units += k->units;
        if (used > 0 && (k->alone || units > UNITS_MAX))
            break;
        su_chain_crank_append(&b, c, k);
        if (used > 0 && (su_chain_batch_check(&b, NULL) || !chain_batch_fits(&b)))
            break;
        used++;
        if (k->alone)
            break;
    }
    if (used <= 1 && su_chain_batch_check(&b, NULL) == SU_ENOMEM)
        used = 0;
    if (used == 0)
        (void)su_fail(e, SU_ENOMEM, "crank", "no memory for a transaction");
    su_chain_batch_fini(&b);
    return used;
}

enum su_code su_chain_crank_pack(const struct su_chain_case *c, const uint8_t payer[32],
                                 struct su_chain_crank *items, size_t n, size_t *ends, size_t cap,
                                 size_t *n_transactions, struct su_err *e)
{
    uint64_t claim = c->pool->claims_next;
    size_t at = 0;

    *n_transactions = 0;
    if (n == 0)
        return SU_OK;
    struct su_chain_crank *room = su_try_alloc(n, sizeof *room);
    if (!room)
        return su_fail(e, SU_ENOMEM, "crank", "no memory for %zu instructions", n);
    n = spares_last(items, n, room);
    free(room);
    for (size_t i = 0; i < n; i++)
        if (items[i].claims)
            items[i].claim = claim++;
    while (at < n && *n_transactions < cap) {
        const size_t used = take(c, payer, items + at, n - at, e);
        if (used == 0)
            return SU_ENOMEM;
        at += used;
        ends[(*n_transactions)++] = at;
    }
    return SU_OK;
}

/* ---- sending --------------------------------------------------------------------------------- */

struct run {
    struct su_chain *chain;
    const struct su_chain_case *c;
    const struct su_chain_crank_send *how;
    size_t sent;
    enum su_code first; /* of an instruction whose failure nobody else's success explains */
    struct su_err err;
};

bool chain_explained(const struct su_chain_failure *f)
{
    static const uint32_t of_us[] = {SU_PROG_BadInstruction,   SU_PROG_NotEnoughAccounts,
                                     SU_PROG_MissingSignature, SU_PROG_NotWritable,
                                     SU_PROG_DuplicateAccount, SU_PROG_Overflow,
                                     SU_PROG_BadArgument};

    if (!f->has_custom || !su_prog_error_name(f->custom))
        return false;
    for (size_t i = 0; i < SU_ARRAY_LEN(of_us); i++)
        if (f->custom == of_us[i])
            return false;
    return true;
}

/* Sends items as one transaction. *failure: why it failed, kind "" when it did not. Errors are the
   endpoint's alone. */
static enum su_code send_once(struct run *r, const struct su_chain_crank *items, size_t n,
                              struct su_chain_failure *failure, struct su_err *e)
{
    const struct su_signer *signer = r->how->signer;
    struct su_chain_result result = {.sent = false};
    struct su_chain_batch b;

    memset(failure, 0, sizeof *failure);
    su_chain_batch_init(&b, &r->c->env, signer->public_key);
    for (size_t i = 0; i < n; i++)
        su_chain_crank_append(&b, r->c, &items[i]);
    enum su_code rc = su_chain_batch_check(&b, e);
    if (!rc) {
        rc = su_chain_send(r->chain, signer->public_key, b.instrs, b.n, &signer, 1, r->how->opts,
                           &result, e);
        *failure = result.outcome.failure;
        if (r->how->report)
            r->how->report(r->how->ctx, items, n, rc, &result);
        su_chain_result_fini(&result);
    }
    su_chain_batch_fini(&b);
    return rc && failure->kind[0] != '\0' ? SU_OK : rc;
}

/* One instruction by itself; a freeze whose slot hash has moved is tried a few places on. */
static enum su_code send_single(struct run *r, const struct su_chain_crank *k, bool *landed,
                                struct su_err *e)
{
    struct su_chain_crank one = *k;
    struct su_chain_failure f;
    struct su_err why = {.code = SU_OK};
    enum su_code rc = SU_OK;

    for (unsigned i = 0; i < HASH_TRIES; i++) {
        rc = send_once(r, &one, 1, &f, &why);
        if (rc || f.custom != SU_PROG_NoSuchSlotHash || !f.has_custom)
            break;
        one.hash_index++;
    }
    if (rc) {
        if (e)
            *e = why;
        return rc;
    }
    *landed = f.kind[0] == '\0';
    r->sent += *landed;
    if (!*landed && !chain_explained(&f) && !r->first) {
        r->first = why.code;
        r->err = why;
    }
    return SU_OK;
}

static enum su_code send_group(struct run *r, const struct su_chain_crank *items, size_t n,
                               bool *landed, struct su_err *e)
{
    struct su_chain_failure f;
    enum su_code rc = SU_OK;

    if (n > 1) {
        rc = send_once(r, items, n, &f, e);
        if (rc)
            return rc;
        if (f.kind[0] == '\0') {
            r->sent += n;
            memset(landed, true, n);
            return SU_OK;
        }
    }
    for (size_t i = 0; i < n && !rc; i++)
        rc = send_single(r, &items[i], &landed[i], e);
    return rc;
}

/* Something of the list has done what the spare one would do. */
static bool served(const struct su_chain_crank *items, size_t n, const bool *landed,
                   const struct su_chain_crank *spare)
{
    for (size_t i = 0; i < n; i++)
        if (landed[i] && items[i].task == spare->task)
            return true;
    return false;
}

static enum su_code send_all(struct run *r, struct su_chain_crank *items, size_t n, size_t *ends,
                             bool *landed, struct su_err *e)
{
    size_t count, at = 0;
    enum su_code rc =
        su_chain_crank_pack(r->c, r->how->signer->public_key, items, n, ends, n, &count, e);

    for (size_t i = 0; i < count && !rc; i++) {
        rc = send_group(r, items + at, ends[i] - at, landed + at, e);
        at = ends[i];
    }
    for (size_t i = at; i < n && !rc; i++)
        if (!served(items, at, landed, &items[i]))
            rc = send_single(r, &items[i], &landed[i], e);
    return rc;
}

enum su_code su_chain_crank_run(struct su_chain *chain, const struct su_chain_case *c,
                                struct su_chain_crank *items, size_t n,
                                const struct su_chain_crank_send *how, size_t *sent,
                                struct su_err *e)
{
    struct run r = {.chain = chain, .c = c, .how = how};
    enum su_code rc = SU_OK;

    *sent = 0;
    if (n == 0)
        return SU_OK;
    size_t *ends = su_try_alloc(n, sizeof *ends);
    bool *landed = su_try_alloc(n, sizeof *landed);
    if (ends && landed)
        rc = send_all(&r, items, n, ends, landed, e);
    else
        rc = su_fail(e, SU_ENOMEM, "crank", "no memory for %zu instructions", n);
    free(ends);
    free(landed);
    *sent = r.sent;
    if (!rc && r.sent == 0 && r.first) {
        rc = r.first;
        if (e)
            *e = r.err;
    }
    return rc;
}
