// SPDX-License-Identifier: MIT
/* A proposal: made, cut into transactions, tried out, committed. */
#include "ops_priv.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    UNITS_MAX = 1400000, /* Solana's limit of a transaction */
    TX_INSTRS_MAX = 6, /* so that their compute units stay within it */
    SIGNATURE_LAMPORTS = 5000,
    POLL_LEAST_MS = 20, /* between two looks at a transaction that was sent */
    POLL_MOST_MS = 400,
};

void ops_steps_clear(struct su_ops_proposal *p)
{
    struct su_ops_steps *s = p->steps;

    for (size_t i = 0; i < s->n_batch; i++) {
        su_chain_batch_fini(s->batch[i]);
        free(s->batch[i]);
    }
    free(s->batch);
    free(s->instr);
    free(s->tx_instrs);
    s->batch = NULL;
    s->instr = NULL;
    s->tx_instrs = NULL;
    s->n_batch = s->n_instr = p->n_tx = 0;
    p->fee_lamports = 0;
}

void su_ops_proposal_fini(struct su_ops_proposal *p)
{
    if (p->steps) {
        ops_steps_clear(p);
        free(p->steps->again);
        free(p->steps);
    }
    memset(p, 0, sizeof *p);
}

void ops_step_aside(unsigned number)
{
    struct timespec nap = {0, 0};
    uint32_t odd;

    su_random(&odd, sizeof odd);
    nap.tv_nsec = (long)(odd % (20u << SU_MIN(number, 4u))) * 1000000;
    (void)nanosleep(&nap, NULL);
}

enum su_code ops_begin(struct su_ops *o, struct su_ops_proposal *p, const char *title,
                       enum su_ops_tier tier, struct su_err *e)
{
    struct su_wallet *w;
    const struct su_chain_env *env;
    const struct su_params *params;

    memset(p, 0, sizeof *p);
    p->title = title;
    p->tier = tier;
    enum su_code rc = su_ops_wallet(o, &w, e);
    if (!rc)
        rc = su_ops_env(o, &env, &params, e);
    if (rc)
        return rc;
    p->steps = su_alloc(sizeof *p->steps);
    memcpy(p->steps->payer, su_wallet_public_key(w), 32);
    ops_line(p, "cluster", "%s", o->url);
    return SU_OK;
}

void ops_line(struct su_ops_proposal *p, const char *label, const char *fmt, ...)
{
    va_list args;

    SU_ASSERT(p->n_line < SU_OPS_LINES_MAX);
    struct su_ops_line *l = &p->line[p->n_line++];
    (void)su_str_copy(l->label, sizeof l->label, label);
    va_start(args, fmt);
    (void)vsnprintf(l->text, sizeof l->text, fmt, args);
    va_end(args);
}

struct su_chain_batch *ops_batch(struct su_ops *o, struct su_ops_proposal *p)
{
    struct su_ops_steps *s = p->steps;

    s->batch = su_realloc(s->batch, (s->n_batch + 1) * sizeof(struct su_chain_batch *));
    struct su_chain_batch *b = s->batch[s->n_batch++] = su_alloc(sizeof *b);
    su_chain_batch_init(b, &o->env, s->payer);
    return b;
}

enum su_code ops_rent(struct su_ops *o, struct su_ops_proposal *p, uint64_t data_bytes,
                      struct su_err *e)
{
    uint64_t lamports = 0;
    enum su_code rc = su_chain_rent_minimum(o->chain, data_bytes, &lamports, e);

    if (!rc && !su_add_u64(p->rent_lamports, lamports, &p->rent_lamports))
        rc = su_fail(e, SU_EOVERFLOW, "rent", "the endpoint asks for more than there is");
    return rc;
}

enum su_code ops_usdc(struct su_ops *o, uint64_t *amount, bool *exists, struct su_err *e)
{
    struct su_chain_token t;
    uint8_t ata[32];

    su_chain_ata(su_wallet_public_key(o->wallet), o->env.mint, ata);
    enum su_code rc = su_chain_token_get(o->chain, ata, &t, e);
    *exists = rc == SU_OK;
    *amount = *exists ? t.amount : 0;
    return rc == SU_ENOENT ? SU_OK : rc;
}

/* ---- transactions ------------------------------------------------------------------------------ */

static enum su_code collect(struct su_ops_steps *s, struct su_err *e)
{
    for (size_t i = 0; i < s->n_batch; i++) {
        const struct su_chain_batch *b = s->batch[i];
        enum su_code rc = su_chain_batch_check(b, e);
        if (rc)
            return rc;
        s->instr = su_realloc(s->instr, (s->n_instr + b->n + 1) * sizeof *s->instr);
        memcpy(s->instr + s->n_instr, b->instrs, b->n * sizeof *s->instr);
        s->n_instr += b->n;
    }
    return SU_OK;
}

/* Compiles instrs with room for a compute budget and a price. */
static enum su_tx_status compile(const uint8_t payer[32], const struct su_instr *instrs, size_t n,
                                 struct su_tx *t)
{
    static const uint8_t no_hash[32];
    struct su_instr list[TX_INSTRS_MAX + 2];
    struct su_small_instr limit, price;

    su_instr_unit_limit(&limit, UNITS_MAX);
    su_instr_unit_price(&price, 1);
    list[0] = limit.instr;
    list[1] = price.instr;
    memcpy(list + 2, instrs, n * sizeof *instrs);
    return su_tx_compile(payer, no_hash, list, n + 2, t);
}

/* As many instructions per transaction as fit, in order. */
static enum su_code cut(struct su_ops_proposal *p, struct su_err *e)
{
    struct su_ops_steps *s = p->steps;
    struct su_tx t;

    s->tx_instrs = su_alloc(s->n_instr + 1);
    for (size_t at = 0; at < s->n_instr; at += s->tx_instrs[p->n_tx++]) {
        size_t n = 0;
        enum su_tx_status status = SU_TX_OK;
        while (n < TX_INSTRS_MAX && at + n < s->n_instr && status == SU_TX_OK) {
            status = compile(s->payer, s->instr + at, n + 1, &t);
            n += status == SU_TX_OK;
        }
        if (n == 0)
            return su_fail(e, SU_EINVAL, p->title, "%s", su_tx_status_text(status));
        SU_ASSERT(compile(s->payer, s->instr + at, n, &t) == SU_TX_OK);
        p->fee_lamports += (uint64_t)t.signers * SIGNATURE_LAMPORTS;
        s->tx_instrs[p->n_tx] = (uint8_t)n;
    }
    return SU_OK;
}

enum su_code ops_steps_cut(struct su_ops_proposal *p, struct su_err *e)
{
    enum su_code rc = collect(p->steps, e);

    return rc ? rc : cut(p, e);
}

static void note_failure(struct su_ops_steps *s, const struct su_chain_failure *f)
{
    s->refused = f->has_custom ? f->custom : 0;
}

/* Tries the first transaction out; the others build on it. What the wallet lacks to pay for it is told
   by check_lamports in better words. */
static enum su_code try_out(struct su_ops *o, const struct su_ops_proposal *p, struct su_err *e)
{
    struct su_ops_steps *s = p->steps;
    struct su_chain_outcome out;
    struct su_small_instr limit;
    struct su_instr list[TX_INSTRS_MAX + 1];
    struct su_tx t;
    static const uint8_t no_hash[32];
    size_t n = s->tx_instrs[0];

    su_instr_unit_limit(&limit, UNITS_MAX);
    list[0] = limit.instr;
    memcpy(list + 1, s->instr, n * sizeof *list);
    SU_ASSERT(su_tx_compile(s->payer, no_hash, list, n + 1, &t) == SU_TX_OK);
    enum su_code rc = su_chain_simulate(o->chain, &t, &out, e);
    if (!rc)
        note_failure(s, &out.failure);
    if (!rc)
        rc = su_chain_failure_explain(&out.failure, o->env.program, list, n + 1, e);
    su_chain_outcome_fini(&out);
    return rc;
}

static enum su_code check_lamports(struct su_ops *o, const struct su_ops_proposal *p,
                                   struct su_err *e)
{
    char need[SU_OPS_AMOUNT_TEXT], have[SU_OPS_AMOUNT_TEXT];
    uint64_t held = 0, cost;
    enum su_code rc = su_chain_balance(o->chain, p->steps->payer, &held, e);

    if (!su_add_u64(p->fee_lamports, p->rent_lamports, &cost))
        cost = UINT64_MAX;
    if (rc || held >= cost)
        return rc;
    return su_fail(e, SU_ELIMIT, su_wallet_address(o->wallet),
                   "holds %s, and fees and rent come to %s; send SOL to it (on a test network: "
                   "`splitup wallet airdrop 1`)",
                   su_ops_amount_text(held, SU_OPS_SOL, have),
                   su_ops_amount_text(cost, SU_OPS_SOL, need));
}

enum su_code ops_finish(struct su_ops *o, struct su_ops_proposal *p, struct su_err *e)
{
    char fee[SU_OPS_AMOUNT_TEXT], rent[SU_OPS_AMOUNT_TEXT];
    enum su_code rc = ops_steps_cut(p, e);

    if (rc || p->n_tx == 0)
        return rc;
    rc = check_lamports(o, p, e);
    if (!rc)
        rc = try_out(o, p, e);
    if (rc)
        return rc;
    (void)su_ops_amount_text(p->fee_lamports, SU_OPS_SOL, fee);
    (void)su_ops_amount_text(p->rent_lamports, SU_OPS_SOL, rent);
    ops_line(p, "signed by", "%s", su_wallet_address(o->wallet));
    if (p->steps->identity_signs)
        ops_line(p, "and", "%s%s", su_wallet_address(o->identity),
                 o->identity_given ? "" : " (this machine's node)");
    if (p->rent_lamports > 0)
        ops_line(p, "rent", "%s, paid back when the account is closed", rent);
    if (p->n_tx > 1)
        ops_line(p, "fee", "%s for %zu transactions", fee, p->n_tx);
    else
        ops_line(p, "fee", "%s", fee);
    return SU_OK;
}

enum su_code su_ops_proposal_tx(struct su_ops *o, const struct su_ops_proposal *p, size_t i,
                                struct su_tx *out, bool *fresh, struct su_err *e)
{
    const struct su_ops_steps *s = p->steps;
    struct su_chain_blockhash hash;
    struct su_small_instr limit;
    struct su_instr list[TX_INSTRS_MAX + 1];
    enum su_tx_status status;
    size_t at = 0;

    *fresh = false;
    if (i >= p->n_tx)
        return su_fail(e, SU_EINVAL, "transaction", "%zu of %zu: there is none", i + 1, p->n_tx);
    *fresh = su_chain_latest_blockhash(o->chain, &hash, NULL) == SU_OK;
    if (!*fresh)
        memset(&hash, 0, sizeof hash);
    for (size_t k = 0; k < i; k++)
        at += s->tx_instrs[k];
    su_instr_unit_limit(&limit, UNITS_MAX);
    list[0] = limit.instr;
    memcpy(list + 1, s->instr + at, s->tx_instrs[i] * sizeof *list);
    status = su_tx_compile(s->payer, hash.hash, list, s->tx_instrs[i] + 1u, out);
    return status == SU_TX_OK ? SU_OK
                              : su_fail(e, SU_EINVAL, p->title, "%s", su_tx_status_text(status));
}

/* ---- committing -------------------------------------------------------------------------------- */

struct teller {
    void (*progress)(void *ctx, const struct su_ops_progress *p);
    void *ctx;
    struct su_ops_progress at;
};

static void tell(void *ctx, const struct su_chain_progress *p)
{
    struct teller *t = ctx;

    t->at.chain = p;
    if (t->progress)
        t->progress(t->ctx, &t->at);
}

static enum su_code send_signed(struct su_ops *o, const struct su_instr *instrs, size_t n,
                                bool identity_signs, struct teller *t, struct su_ops_receipt *r,
                                struct su_chain_failure *failure, struct su_err *e)
{
    const struct su_signer *signers[2];
    struct su_intent intent = {.instrs = instrs, .n_instrs = n, .units_max = UNITS_MAX};
    /* Asked as often as the chain moves. */
    const uint32_t poll_ms = SU_MAX(POLL_LEAST_MS, SU_MIN(POLL_MOST_MS, o->params.ms_per_slot));
    const struct su_chain_send_opts opts = {.progress = tell, .ctx = t, .poll_ms = poll_ms};
    struct su_chain_result result;
    size_t n_signers = 0;

    memcpy(intent.payer, su_wallet_public_key(o->wallet), 32);
    enum su_code rc = su_wallet_intend(o->wallet, &intent, e);
    signers[n_signers++] = su_wallet_signer(o->wallet);
    if (!rc && identity_signs) {
        rc = su_wallet_intend(o->identity, &intent, e);
        signers[n_signers++] = su_wallet_signer(o->identity);
    }
    if (rc)
        return rc;
    rc = su_chain_send(o->chain, intent.payer, instrs, n, signers, n_signers, &opts, &result, e);
    su_wallet_forget(o->wallet);
    if (identity_signs)
        su_wallet_forget(o->identity);
    if (result.sent) {
        memcpy(r->sig, result.sig, 64);
        r->sent = true;
        r->slot = result.slot;
        r->units += result.units;
        r->fee_lamports += result.fee_lamports;
    }
    if (failure)
        *failure = result.outcome.failure;
    su_chain_result_fini(&result);
    return rc;
}

enum su_code ops_send(struct su_ops *o, const struct su_chain_batch *b, struct su_err *e)
{
    struct teller t = {.progress = NULL};
    struct su_ops_receipt r = {.sent = false};
    enum su_code rc = su_chain_batch_check(b, e);

    return rc ? rc : send_signed(o, b->instrs, b->n, false, &t, &r, NULL, e);
}

enum su_code su_ops_commit(struct su_ops *o, struct su_ops_proposal *p,
                           void (*progress)(void *ctx, const struct su_ops_progress *p), void *ctx,
                           struct su_ops_receipt *r, struct su_err *e)
{
    struct su_ops_steps *s = p->steps;
    struct teller t = {.progress = progress, .ctx = ctx, .at = {.n_tx = p->n_tx}};
    enum su_code rc = SU_OK;
    unsigned renewals = 0;
    size_t at = 0;

    memset(r, 0, sizeof *r);
    if (s->committed || !o->wallet || memcmp(s->payer, su_wallet_public_key(o->wallet), 32) != 0)
        return su_fail(e, SU_EACCES, p->title, "was signed already, or is another wallet's");
    s->committed = true;
    while (r->landed < p->n_tx && !rc) {
        struct su_chain_failure failure = {.has_custom = false};
        t.at.tx = r->landed;
        rc = send_signed(o, s->instr + at, s->tx_instrs[r->landed], s->identity_signs, &t, r,
                         &failure, e);
        note_failure(s, &failure);
        if (!rc)
            at += s->tx_instrs[r->landed++];
        else if (at == 0 && s->renew && s->renewable(p) && renewals < OPS_RENEWALS) {
            /* What is refused has done nothing, so that nothing is done twice. */
            ops_step_aside(renewals++);
            rc = s->renew(o, p, e);
            t.at.n_tx = p->n_tx;
        }
    }
    return rc;
}
