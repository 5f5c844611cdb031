// SPDX-License-Identifier: MIT
/* The one way a transaction is sent: simulate, price, sign, send, watch. */
#include "chain_priv.h"

#include <stdlib.h>
#include <string.h>

enum {
    UNITS_MAX = 1400000,
    UNITS_SPARE = 300, /* of the two compute budget instructions */
    REBROADCAST_MS = 2000,
    POLL_MS = 400,
    LOOK_UPS = 5, /* of the details of what has landed */
    LOOK_UP_MS = 200,
    HEIGHT_MS = 2000, /* between two questions how high the chain is: most land before the first */
    SILENCE_MS = 120000, /* nobody answers for so long: give up watching */
};

struct job {
    struct su_chain *c;
    const uint8_t *payer;
    const struct su_instr *instrs;
    size_t n;
    const struct su_signer *const *signers;
    size_t n_signers;
    struct su_chain_send_opts opts;
    struct su_chain_result *result;
    struct su_chain_blockhash hash;
    struct su_small_instr limit, price;
    struct su_instr list[SU_TX_INSTRS_MAX]; /* compute budget, then instrs */
    size_t n_list;
    struct su_tx tx;
    bool is_signed;
    uint32_t sends;
    uint64_t blocks_left;
    uint64_t height, height_ms; /* as last heard, and when */
};

void su_chain_result_fini(struct su_chain_result *r)
{
    su_chain_outcome_fini(&r->outcome);
    memset(r, 0, sizeof *r);
}

static void tell(const struct job *j, enum su_chain_stage stage)
{
    const struct su_chain_progress p = {.stage = stage,
                                        .sig = j->is_signed ? j->result->sig : NULL,
                                        .blocks_left = j->blocks_left,
                                        .sends = j->sends};

    if (j->opts.progress)
        j->opts.progress(j->opts.ctx, &p);
}

/* The list with this compute budget, under the job's blockhash. price 0: none is offered. */
static enum su_code compile(struct job *j, uint32_t units, uint64_t price, struct su_err *e)
{
    if (j->n > SU_TX_INSTRS_MAX - 2)
        return su_fail(e, SU_EINVAL, "transaction", "%zu instructions: at most %u", j->n,
                       SU_TX_INSTRS_MAX - 2);
    j->n_list = 0;
    su_instr_unit_limit(&j->limit, units);
    j->list[j->n_list++] = j->limit.instr;
    if (price > 0) {
        su_instr_unit_price(&j->price, price);
        j->list[j->n_list++] = j->price.instr;
    }
    for (size_t i = 0; i < j->n; i++)
        j->list[j->n_list++] = j->instrs[i];
    enum su_tx_status s = su_tx_compile(j->payer, j->hash.hash, j->list, j->n_list, &j->tx);
    return s == SU_TX_OK ? SU_OK : su_fail(e, SU_EINVAL, "transaction", "%s", su_tx_status_text(s));
}

/* The recent price of the accounts that are written, within what the caller allows. */
static enum su_code price_of(struct job *j, uint64_t *price, struct su_err *e)
{
    uint8_t keys[SU_TX_KEYS_MAX][32];
    size_t n = 0;
    struct su_tx_parsed *p;

    *price = 0;
    if (j->opts.price_max == 0)
        return SU_OK;
    p = su_alloc(sizeof *p);
    SU_ASSERT(su_tx_parse_message(su_tx_message(&j->tx), su_tx_message_bytes(&j->tx), p) ==
              SU_TX_OK);
    for (unsigned i = 0; i < p->n_keys; i++)
        if (i < p->signers ? i < (unsigned)(p->signers - p->signers_readonly)
                           : i < (unsigned)(p->n_keys - p->others_readonly))
            memcpy(keys[n++], p->keys + (size_t)32 * i, 32);
    free(p);
    enum su_code rc = su_chain_recent_price(j->c, (const uint8_t(*)[32])keys, n, price, e);
    *price = SU_MIN(*price, j->opts.price_max);
    return rc;
}

static enum su_code simulate(struct job *j, uint32_t *units, struct su_err *e)
{
    struct su_chain_outcome *o = &j->result->outcome;
    uint16_t odd;

    su_random(&odd, sizeof odd);
    tell(j, SU_CHAIN_SIMULATING);
    enum su_code rc = su_chain_simulate(j->c, &j->tx, o, e);
    if (rc)
        return rc;
    j->result->units = o->units;
    rc = su_chain_failure_explain(&o->failure, j->c->program, j->list, j->n_list, e);
    if (rc)
        return rc;
    *units = (uint32_t)SU_MIN(o->units + o->units / 10 + UNITS_SPARE + odd, (uint64_t)*units);
    su_chain_outcome_fini(o);
    return SU_OK;
}

/* ---- preparing and signing ------------------------------------------------------------------- */

static const struct su_signer *signer_of(const struct job *j, const uint8_t key[32])
{
    for (size_t i = 0; i < j->n_signers; i++)
        if (memcmp(j->signers[i]->public_key, key, 32) == 0)
            return j->signers[i];
    return NULL;
}

static enum su_code check_signers(const struct job *j, struct su_err *e)
{
    char text[SU_CHAIN_TEXT];

    for (uint8_t i = 0; i < j->tx.signers; i++)
        if (!signer_of(j, su_tx_key(&j->tx, i)))
            return su_fail(e, SU_EINVAL, su_chain_key_text(su_tx_key(&j->tx, i), text),
                           "the transaction needs its signature, and nobody here can give it");
    return SU_OK;
}

/* The blockhash comes last: its time runs, and signing may take a person's. */
static enum su_code prepare(struct job *j, struct su_err *e)
{
    uint32_t units = j->opts.units_max;
    uint64_t price = 0;
    enum su_code rc = compile(j, units, 0, e);

    if (!rc)
        rc = check_signers(j, e);
    if (!rc)
        rc = price_of(j, &price, e);
    if (!rc && !j->opts.no_simulation)
        rc = simulate(j, &units, e);
    if (!rc)
        rc = su_chain_latest_blockhash(j->c, &j->hash, e);
    return rc ? rc : compile(j, units, price, e);
}

static enum su_code sign(struct job *j, struct su_err *e)
{
    enum su_code rc = SU_OK;

    tell(j, SU_CHAIN_SIGNING);
    for (uint8_t i = 0; i < j->tx.signers && !rc; i++)
        rc = su_signer_sign(signer_of(j, su_tx_key(&j->tx, i)), su_tx_message(&j->tx),
                            su_tx_message_bytes(&j->tx), su_tx_signature(&j->tx, i), e);
    if (rc)
        return rc;
    memcpy(j->result->sig, su_tx_signature(&j->tx, 0), 64);
    j->is_signed = true;
    return SU_OK;
}

/* ---- watching -------------------------------------------------------------------------------- */

static bool is_transient(enum su_code c)
{
    return c == SU_ENET || c == SU_ETIMEOUT || c == SU_EBUSY || c == SU_EIO || c == SU_EFORMAT;
}

static unsigned rank(enum su_chain_commitment c)
{
    return c == SU_CHAIN_PROCESSED ? 0 : c == SU_CHAIN_CONFIRMED ? 1 : 2;
}

static bool has_reached(const struct job *j, const struct su_chain_status *s)
{
    return s->known &&
           rank(s->reached) >= SU_MAX(rank(j->opts.commitment), rank(SU_CHAIN_CONFIRMED));
}

/* Sends once more. A refusal that no repetition cures ends the job, unless it was sent before. */
static enum su_code send_once(struct job *j, struct su_err *e)
{
    uint8_t sig[64];

    tell(j, SU_CHAIN_SENDING);
    enum su_code rc = su_chain_submit(j->c, &j->tx, sig, e);
    if (rc == SU_OK || is_transient(rc))
        j->result->sent = true; /* a reply that got lost counts as sent */
    if (rc == SU_OK)
        j->sends++;
    return rc && !is_transient(rc) && !j->result->sent ? rc : rc == SU_ECANCELLED ? rc : SU_OK;
}

/* What has landed: units, fee and logs, where the endpoint knows them by now. */
static void look_up(struct job *j)
{
    struct su_chain_result *r = j->result;
    struct su_err ignored;

    for (unsigned i = 0; i < LOOK_UPS; i++) {
        su_chain_outcome_fini(&r->outcome);
        if (su_chain_transaction(j->c, r->sig, &r->outcome, &ignored) == SU_OK) {
            r->units = r->outcome.units;
            r->fee_lamports = r->outcome.fee_lamports;
            return;
        }
        if (chain_nap(j->c, LOOK_UP_MS, &ignored) != SU_OK)
            return;
    }
}

static enum su_code landed(struct job *j, const struct su_chain_status *s, struct su_err *e)
{
    j->result->slot = s->slot;
    j->blocks_left = 0;
    if (!j->opts.no_details)
        look_up(j);
    j->result->outcome.failure = s->failure; /* known, whether the rest could be looked up or not */
    tell(j, SU_CHAIN_DONE);
    return su_chain_failure_explain(&s->failure, j->c->program, j->list, j->n_list, e);
}

static uint64_t now_ms(void)
{
    return su_clock_mono_ns() / 1000000u;
}

/* How high the chain is, when it was not asked for a while. */
static enum su_code look_at_height(struct job *j, struct su_err *e)
{
    enum su_code rc = SU_OK;

    if (now_ms() - j->height_ms >= HEIGHT_MS)
        rc = su_chain_block_height(j->c, &j->height, e);
    if (!rc && now_ms() - j->height_ms >= HEIGHT_MS)
        j->height_ms = now_ms();
    return rc;
}

/* One look at height and status. *over: the job has ended with what is returned. */
static enum su_code look(struct job *j, bool *over, struct su_err *e)
{
    struct su_chain_status s;
    char text[SU_CHAIN_SIG_TEXT];
    uint64_t last = j->hash.last_valid_block_height;

    *over = false;
    /* The height first: what is unknown at a status asked after the end never lands. */
    enum su_code rc = look_at_height(j, e);
    const uint64_t height = j->height;
    if (!rc)
        rc = su_chain_statuses(j->c, (const uint8_t(*)[64])(const void *)j->result->sig, 1,
                               height > last, &s, e);
    if (rc)
        return rc;
    *over = true;
    if (has_reached(j, &s))
        return landed(j, &s, e);
    if (!s.known && height > last)
        return su_fail(e, SU_ETIMEOUT, su_chain_sig_text(j->result->sig, text),
                       "it expired at block height %llu without landing: safe to try again",
                       (unsigned long long)last);
    *over = false;
    j->blocks_left = height > 0 && height < last ? last - height : 0;
    return SU_OK;
}

static enum su_code watch(struct job *j, struct su_err *e)
{
    uint64_t next_send = 0, heard = now_ms();

    j->height_ms = heard;
    for (;;) {
        bool over;
        enum su_code rc = SU_OK;
        if (now_ms() >= next_send) {
            rc = send_once(j, e);
            next_send = now_ms() + j->opts.rebroadcast_ms;
        }
        if (rc)
            return rc;
        tell(j, SU_CHAIN_WAITING);
        rc = look(j, &over, e);
        if (over || (rc && !is_transient(rc)))
            return rc;
        if (!rc)
            heard = now_ms();
        else if (now_ms() - heard > SILENCE_MS)
            return rc;
        rc = chain_nap(j->c, j->opts.poll_ms, e);
        if (rc)
            return rc;
    }
}

enum su_code su_chain_send(struct su_chain *c, const uint8_t payer[32],
                           const struct su_instr *instrs, size_t n,
                           const struct su_signer *const *signers, size_t n_signers,
                           const struct su_chain_send_opts *opts, struct su_chain_result *result,
                           struct su_err *e)
{
    struct job *j = su_alloc(sizeof *j);

    memset(result, 0, sizeof *result);
    j->c = c;
    j->payer = payer;
    j->instrs = instrs;
    j->n = n;
    j->signers = signers;
    j->n_signers = n_signers;
    j->result = result;
    if (opts)
        j->opts = *opts;
    if (j->opts.units_max == 0 || j->opts.units_max > UNITS_MAX)
        j->opts.units_max = UNITS_MAX;
    if (j->opts.rebroadcast_ms == 0)
        j->opts.rebroadcast_ms = REBROADCAST_MS;
    if (j->opts.poll_ms == 0)
        j->opts.poll_ms = POLL_MS;
    enum su_code rc = prepare(j, e);
    if (!rc)
        rc = sign(j, e);
    if (!rc)
        rc = watch(j, e);
    free(j);
    return rc;
}
