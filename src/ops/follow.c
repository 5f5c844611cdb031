// SPDX-License-Identifier: MIT
/* An execution from its request to its end: looked at, helped along, asked anew. */
#include "follow_priv.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

enum { CRANKS_AT_ONCE = 64, NAP_MS = 50 };

static const uint8_t nobody[32];

static uint64_t ms_ns(uint64_t ms)
{
    return ms * 1000000u;
}

void follow_pause_longer(struct follow_pause *p)
{
    p->ms = p->ms == 0 ? FOLLOW_AGAIN_MS : SU_MIN(2 * p->ms, (uint32_t)FOLLOW_AGAIN_MOST_MS);
    p->until_ns = su_clock_mono_ns() + ms_ns(p->ms);
}

bool follow_pause_over(const struct follow_pause *p)
{
    return su_clock_mono_ns() >= p->until_ns;
}

bool follow_fatal(enum su_code rc)
{
    return rc == SU_ECANCELLED || rc == SU_ENOMEM;
}

void follow_trouble(struct su_ops_follow *f, const struct su_err *e)
{
    char line[600];

    su_err_line(e, line, sizeof line);
    su_str_sanitize(f->state.trouble, sizeof f->state.trouble, line, strlen(line));
}

static void happened(struct su_ops_follow *f, enum su_ops_event what)
{
    if (f->state.at_ms[what] == 0)
        f->state.at_ms[what] = su_clock_wall_ms();
}

/* ---- what the chain shows ------------------------------------------------------------------------ */

/* Whose node it is; zero when it cannot be told. */
static const uint8_t *owner_of(struct su_ops_follow *f, const uint8_t identity[32])
{
    const struct su_chain_part *p = su_chain_case_part(f->now, identity);

    for (size_t i = 0; i < f->n_owner; i++)
        if (memcmp(f->owner[i].identity, identity, 32) == 0)
            return f->owner[i].owner;
    if (!p || !p->node)
        return nobody;
    f->owner = su_realloc(f->owner, (f->n_owner + 1) * sizeof *f->owner);
    struct follow_owner *o = &f->owner[f->n_owner++];
    memcpy(o->identity, identity, 32);
    memcpy(o->owner, p->node->owner, 32);
    return o->owner;
}

static enum su_ops_check_state check_state(const struct su_ops_part *p,
                                           const struct su_acc_assignment *a, uint8_t number)
{
    if (number + 1u < a->checks)
        return SU_OPS_CHECK_SILENT;
    if (a->check_open)
        return SU_OPS_CHECK_RUNNING;
    if ((p->flags & SU_TASKF_VALIDATED) == 0)
        return SU_OPS_CHECK_SILENT;
    if (a->dispute == SU_DISPUTE_ROOTS)
        return SU_OPS_CHECK_MISMATCH;
    return p->flags & SU_TASKF_REVEALED ? SU_OPS_CHECK_MATCH : SU_OPS_CHECK_POSTED;
}

static void see_checks(struct su_ops_follow *f, struct su_ops_part *p,
                       const struct su_acc_assignment *a)
{
    p->n_check = SU_MIN(a->checks, (uint8_t)SU_VALIDATORS_MAX);
    for (uint8_t i = 0; i < p->n_check; i++) {
        struct su_ops_part_check *c = &p->check[i];
        memcpy(c->validator, a->validators[i], 32);
        memcpy(c->owner, owner_of(f, a->validators[i]), 32);
        c->state = check_state(p, a, i);
    }
}

static void sha256_parts(const struct su_part *part, uint64_t n, uint8_t out[32])
{
    struct su_sha256 h;

    su_sha256_init(&h);
    for (uint64_t i = 0; i < n; i++)
        su_sha256_update(&h, part[i].p, (size_t)part[i].n);
    su_sha256_final(&h, out);
}

static void see_part(struct su_ops_follow *f, uint16_t i)
{
    const struct su_acc_execution *x = &f->state.chain;
    const struct su_acc_assignment *a = f->now->assignments[i];
    struct su_ops_part *p = &f->part[i], before = *p;

    p->state = x->tasks[i].state;
    p->attempt = x->tasks[i].attempt;
    p->flags = x->tasks[i].flags;
    p->fee = x->tasks[i].fee;
    if (x->state >= SU_EXEC_CHECKING && x->state != SU_EXEC_VOID) {
        p->threshold_ppm = SU_MAX(x->tasks[i].sampling_ppm, x->threshold_ppm);
        p->draw = su_msg_sample_draw(sha256_parts, x->beta, i);
    }
    if (a) { /* what is closed stays as it was last seen */
        const struct su_chain_part *node = su_chain_case_part(f->now, a->node);
        memcpy(p->node, a->node, 32);
        memcpy(p->owner, a->owner, 32);
        if (node && node->node)
            su_str_sanitize(p->endpoint, sizeof p->endpoint, (const char *)node->node->endpoint,
                            node->node->endpoint_len);
        p->dispute = a->dispute;
        p->verdict = a->verdict;
        p->commit_slot = a->commit_slot;
        memcpy(p->commit, a->commit, 32);
        if (p->flags & SU_TASKF_REVEALED)
            memcpy(p->output_root, a->output_root, 32);
        see_checks(f, p, a);
    }
    f->state.changes += memcmp(&before, p, sizeof before) != 0;
}

static void see_events(struct su_ops_follow *f)
{
    const struct su_acc_execution *x = &f->state.chain;

    if (x->state >= SU_EXEC_REQUESTED)
        happened(f, SU_OPS_REQUESTED);
    if (x->state == SU_EXEC_VOID)
        return;
    if (x->state >= SU_EXEC_RUNNING)
        happened(f, SU_OPS_ASSIGNED);
    if (x->committed == x->task_count)
        happened(f, SU_OPS_COMMITTED);
    if (x->state >= SU_EXEC_CHECKING)
        happened(f, SU_OPS_DRAWN);
    if (x->state >= SU_EXEC_REVEALING)
        happened(f, SU_OPS_CHECKED);
}

static void see(struct su_ops_follow *f)
{
    const struct su_acc_execution *x = f->now->execution;

    f->state.changes += !f->state.known || f->state.chain.state != x->state;
    f->state.chain = *x;
    f->state.slot = f->now->slot;
    f->state.known = true;
    f->state.complained = x->missing_used != 0;
    if (f->first_escrow == 0)
        f->first_escrow = x->escrow;
    for (uint16_t i = 0; i < f->state.n_part; i++)
        see_part(f, i);
    see_events(f);
    follow_outputs_check(f);
    follow_outputs_prove(f);
}

/* The accounts are gone. */
static enum su_code see_gone(struct su_ops_follow *f, struct su_err *e)
{
    bool settled = f->state.chain.state == SU_EXEC_SETTLED;
    uint8_t cause = f->state.chain.void_cause;
    enum su_code rc = SU_OK;

    if (!settled && f->state.chain.state != SU_EXEC_VOID)
        rc = follow_history(f, &settled, &cause, e);
    if (rc)
        return rc;
    f->state.chain.state = settled ? SU_EXEC_SETTLED : SU_EXEC_VOID;
    f->state.chain.void_cause = settled ? SU_VOID_NONE : cause;
    f->state.closed = true;
    f->state.changes++;
    return SU_OK;
}

/* To conclude now would pay for a result that has not come. */
static bool would_pay_in_vain(const struct su_ops_follow *f)
{
    const struct su_acc_execution *x = &f->state.chain;

    for (uint16_t i = 0; i < f->state.n_part; i++)
        if (x->tasks[i].state == SU_TASK_VERIFICATION_FAILED || x->tasks[i].state == SU_TASK_FAILED)
            return false;
    return !follow_outputs_proven(f) && !x->missing_used;
}

/* Accepts a proven result at once, and does what nobody did in time. */
static size_t ripe_cranks(const struct su_ops_follow *f, struct su_chain_crank k[CRANKS_AT_ONCE])
{
    const struct su_chain_crank_by by = {
        .slot = f->now->slot,
        .accepting = follow_outputs_proven(f) ? su_wallet_public_key(f->o->wallet) : NULL};
    size_t n = su_chain_crank(f->now, &by, k, CRANKS_AT_ONCE), kept = 0;

    n = SU_MIN(n, (size_t)CRANKS_AT_ONCE);
    for (size_t i = 0; i < n; i++) {
        bool accepts = k[i].number == SU_IX_CONCLUDE && by.accepting;
        if (k[i].number == SU_IX_CONCLUDE && would_pay_in_vain(f))
            continue;
        if (accepts || su_chain_crank_ripe(f->now, &k[i], SU_CHAIN_RANK_REQUESTOR, f->now->slot))
            k[kept++] = k[i];
    }
    return kept;
}

/* The final output is not what its node committed to, or has not come and half of the time to say so
   has passed. */
static bool must_complain(const struct su_ops_follow *f)
{
    const struct su_acc_execution *x = &f->state.chain;
    const struct su_ops_part *p = &f->part[SU_MIN(x->final_task, f->state.n_part - 1)];
    uint64_t window = f->now->config->params.missing_slots, since = x->last_reveal_slot;

    if (x->state != SU_EXEC_REVEALING || x->missing_used || p->state != SU_TASK_VERIFIED ||
        (p->flags & SU_TASKF_REVEALED) == 0 || f->now->slot > since + window ||
        (!f->lied && f->now->slot <= since + window / 2))
        return false;
    for (uint16_t i = 0; i < f->state.n_output; i++)
        if (f->output[i].task == x->final_task && !f->output[i].proven)
            return true;
    return false;
}

static bool wants_to_act(const struct su_ops_follow *f)
{
    struct su_chain_crank k[CRANKS_AT_ONCE];

    return f->own && follow_pause_over(&f->acting) && (must_complain(f) || ripe_cranks(f, k) > 0);
}

static uint64_t round_ms(const struct su_ops_follow *f)
{
    return f->o->params.round_slots * f->o->params.ms_per_slot;
}

static uint64_t pause_ms(const struct su_ops_follow *f)
{
    return SU_MIN(SU_MAX((uint64_t)FOLLOW_LOOK_LEAST_MS, round_ms(f) / 4), (uint64_t)2000);
}

/* Reads everything that hangs on it. */
static enum su_code read_all(struct su_ops_follow *f, struct su_err *e)
{
    const struct su_chain_case_hints hints = {.before = f->now->execution ? f->now : NULL};
    enum su_code rc =
        su_chain_case_load(f->o->chain, &f->o->env, f->state.execution, &hints, f->next, e);

    if (rc == SU_ENOENT && f->state.known)
        return see_gone(f, e);
    if (rc || f->state.closed)
        return rc;
    struct su_chain_case *old = f->now;
    f->now = f->next;
    f->next = old;
    f->read_ns = su_clock_mono_ns();
    su_chain_case_fini(old);
    see(f);
    return SU_OK;
}

/* What happens shows in its own account, except while it is being assigned, and verdicts are voted. */
static bool glance_will_do(const struct su_ops_follow *f)
{
    const struct su_acc_execution *x = f->now->execution;
    const uint64_t most = SU_MIN(FOLLOW_READ_ROUNDS * round_ms(f), (uint64_t)FOLLOW_READ_MS);

    return x && f->next_look_ns != 0 && x->state >= SU_EXEC_RUNNING && x->state < SU_EXEC_SETTLED &&
           x->disputes_open == 0 && su_clock_mono_ns() - f->read_ns < ms_ns(most);
}

static enum su_code look(struct su_ops_follow *f, struct su_err *e)
{
    struct su_chain_glance *g = glance_will_do(f) ? su_alloc(sizeof *g) : NULL;
    bool same = false;
    enum su_code rc = SU_OK;

    if (g) {
        uint64_t slot = 0;
        su_chain_glance_of(g, f->now);
        rc = su_chain_glance(f->o->chain, &g, 1, &slot, e);
        same = !rc && !g->changed;
        if (same)
            f->now->slot = f->state.slot = SU_MAX(f->now->slot, slot);
        same = same && !wants_to_act(f);
        free(g);
    }
    if (!rc && !same)
        rc = read_all(f, e);
    f->looked_ns = su_clock_mono_ns();
    f->next_look_ns = f->looked_ns + ms_ns(pause_ms(f));
    return rc;
}

uint64_t follow_put_off(uint64_t came_ns, uint64_t looked_ns, uint64_t pause_ns, uint64_t now_ns)
{
    const uint64_t until = SU_MIN(came_ns + pause_ns, looked_ns + FOLLOW_FLOW_LOOKS * pause_ns);

    return came_ns != 0 && until > now_ns ? until : 0;
}

/* True when the look that is due can wait, as steps come. */
static bool put_off(struct su_ops_follow *f)
{
    if (f->next_look_ns == 0 || f->state.chain.state != SU_EXEC_RUNNING ||
        f->state.chain.steps > 0 || !follow_outputs_wanted(f))
        return false;
    const uint64_t until =
        follow_put_off(f->came_ns, f->looked_ns, ms_ns(pause_ms(f)), su_clock_mono_ns());
    f->next_look_ns = until ? until : f->next_look_ns;
    return until != 0;
}

/* ---- what is done about it ----------------------------------------------------------------------- */

static enum su_code send_cranks(struct su_ops_follow *f, struct su_chain_crank *k, size_t n,
                                struct su_err *e)
{
    struct su_chain_batch b;
    size_t ends[CRANKS_AT_ONCE], n_tx = 0, at = 0;
    const uint8_t *key = su_wallet_public_key(f->o->wallet);
    enum su_code rc = su_chain_crank_pack(f->now, key, k, n, ends, CRANKS_AT_ONCE, &n_tx, e);

    for (size_t i = 0; i < n_tx && !rc; at = ends[i++]) {
        su_chain_batch_init(&b, &f->o->env, key);
        for (size_t j = at; j < ends[i]; j++)
            su_chain_crank_append(&b, f->now, &k[j]);
        rc = ops_send(f->o, &b, e);
        if (!rc)
            f->state.cranks += (uint32_t)(ends[i] - at);
        su_chain_batch_fini(&b);
    }
    f->next_look_ns = 0;
    return rc;
}

static enum su_code complain(struct su_ops_follow *f, struct su_err *e)
{
    struct su_chain_batch b;
    const uint8_t *key = su_wallet_public_key(f->o->wallet);
    struct su_chain_at at = su_chain_case_at(f->now, f->state.chain.final_task, 0);

    su_chain_batch_init(&b, &f->o->env, key);
    su_chain_make_declare_missing(&b, key, &at);
    enum su_code rc = ops_send(f->o, &b, e);
    su_chain_batch_fini(&b);
    f->next_look_ns = 0;
    return rc;
}

static bool can_repeat(const struct su_ops_follow *f)
{
    return f->state.chain.state == SU_EXEC_VOID && f->state.chain.void_cause == SU_VOID_FAULT &&
           f->own && f->input && f->state.repeated < f->options.repeats;
}

static enum su_code act(struct su_ops_follow *f, struct su_err *e)
{
    struct su_chain_crank k[CRANKS_AT_ONCE];
    enum su_code rc;

    if (!f->own || f->state.closed || !f->now->execution || !follow_pause_over(&f->acting))
        return SU_OK;
    size_t n = must_complain(f) ? 0 : ripe_cranks(f, k);
    rc = n > 0 ? send_cranks(f, k, n, e) : must_complain(f) ? complain(f, e) : SU_OK;
    if (rc)
        follow_pause_longer(&f->acting);
    else
        f->acting = (struct follow_pause){.ms = 0};
    return rc;
}

/* ---- the end ------------------------------------------------------------------------------------- */

static enum su_code claim(struct su_ops_follow *f, struct su_err *e)
{
    struct su_ops_proposal p;
    struct su_ops_receipt r;
    enum su_code rc = su_ops_refund_prepare(f->o, &p, e);

    if (!rc)
        rc = su_ops_commit(f->o, &p, NULL, NULL, &r, e);
    su_ops_proposal_fini(&p);
    return rc == SU_ENOENT ? SU_OK : rc;
}

static void forget(struct su_ops_follow *f)
{
    follow_outputs_clear(f);
    memset(f->part, 0, f->state.n_part * sizeof *f->part);
    memset(f->oracle, 0, sizeof f->oracle);
    memset(f->state.at_ms, 0, sizeof f->state.at_ms);
    su_chain_case_fini(f->now);
    memset(f->now, 0, sizeof *f->now);
    f->oracles_known = f->state.known = f->state.closed = f->state.complained = false;
    f->state.provisional = f->lied = false;
    f->state.oracles = f->state.oracles_with_input = 0;
    memset(&f->state.chain, 0, sizeof f->state.chain);
    f->next_look_ns = 0;
}

/* The money of the one that ended is back: the same again for no more than it. */
static enum su_code repeat(struct su_ops_follow *f, struct su_err *e)
{
    char model[SU_CHAIN_TEXT];
    const struct su_ops_request r = {.model = su_chain_key_text(f->model_key, model),
                                     .input = f->input,
                                     .input_bytes = f->options.input_bytes,
                                     .max_steps = f->state.chain.max_steps,
                                     .seed = f->state.chain.seed,
                                     .escrow_max = f->options.escrow_max ? f->options.escrow_max
                                                                         : f->first_escrow};
    struct su_ops_request_terms terms;
    struct su_ops_proposal p;
    struct su_ops_receipt receipt;
    enum su_code rc = su_ops_request_prepare(f->o, &r, &p, &terms, e);

    if (!rc)
        rc = su_ops_commit(f->o, &p, NULL, NULL, &receipt, e);
    su_ops_proposal_fini(&p);
    if (rc)
        return rc;
    forget(f);
    memcpy(f->state.execution, terms.execution, 32);
    f->state.repeated++;
    f->state.changes++;
    return SU_OK;
}

static void end(struct su_ops_follow *f)
{
    f->state.ended = true;
    f->state.changes++;
    happened(f, SU_OPS_ENDED);
}

/* What settles has been compared, though the accounts may have been closed before it was seen. */
static void settle_checks(struct su_ops_follow *f)
{
    for (uint16_t i = 0; i < f->state.n_part; i++) {
        struct su_ops_part *p = &f->part[i];
        struct su_ops_part_check *c = p->n_check > 0 ? &p->check[p->n_check - 1] : NULL;
        p->state = SU_TASK_VERIFIED;
        if (c && c->state == SU_OPS_CHECK_POSTED)
            c->state =
                p->flags & SU_TASKF_VALIDATOR_WRONG ? SU_OPS_CHECK_MISMATCH : SU_OPS_CHECK_MATCH;
    }
}

static enum su_code conclude(struct su_ops_follow *f, struct su_err *e)
{
    const struct su_acc_execution *x = &f->state.chain;
    enum su_code rc = SU_OK;

    if (!f->state.known || x->state < SU_EXEC_SETTLED)
        return SU_OK;
    bool settled = x->state == SU_EXEC_SETTLED, paid = f->state.closed || x->finished;
    bool final = settled && follow_outputs_proven(f);
    f->state.changes += final != f->state.final;
    f->state.final = final;
    if (settled)
        settle_checks(f);
    if (final || !settled)
        happened(f, SU_OPS_ENDED);
    if (!settled)
        f->state.void_cause = x->void_cause;
    if (can_repeat(f)) {
        if (!paid || !follow_pause_over(&f->acting))
            return SU_OK;
        rc = repeat(f, e);
        if (rc)
            follow_pause_longer(&f->acting);
        return rc;
    }
    if (f->options.claim && f->own) {
        if (!f->state.closed || !follow_pause_over(&f->acting))
            return SU_OK;
        rc = claim(f, e);
        if (rc)
            follow_pause_longer(&f->acting);
        else
            end(f);
        return rc;
    }
    /* Settled without the result here: it is waited for as long as there is somebody to ask. */
    if (final || !settled || f->state.closed || !f->own)
        end(f);
    return SU_OK;
}

/* ---- polling ------------------------------------------------------------------------------------- */

/* Trouble is noted; what ends the poll is returned. */
static enum su_code noted(struct su_ops_follow *f, enum su_code rc, const struct su_err *why,
                          struct su_err *e)
{
    if (!rc)
        return SU_OK;
    if (!follow_fatal(rc)) {
        follow_trouble(f, why);
        return SU_OK;
    }
    if (e)
        *e = *why;
    return rc;
}

static enum su_code turn(struct su_ops_follow *f, struct su_err *e)
{
    struct su_err why = {0};
    enum su_code rc = SU_OK;

    if (su_clock_mono_ns() >= f->next_look_ns && !put_off(f)) {
        uint32_t changes = f->state.changes;
        rc = noted(f, look(f, &why), &why, e);
        if (!rc && f->state.changes != changes)
            f->state.trouble[0] = 0;
        if (!rc)
            rc = noted(f, act(f, &why), &why, e);
        if (!rc)
            rc = noted(f, conclude(f, &why), &why, e);
    }
    if (!rc && f->own && f->now->execution && !f->state.ended)
        rc = follow_input_post(f, e);
    if (!rc && f->stop_wanted)
        follow_stop_send(f);
    return rc;
}

static uint32_t ms_until(uint64_t ns)
{
    uint64_t now = su_clock_mono_ns();

    return ns > now ? (uint32_t)((ns - now) / 1000000u) + 1 : 0;
}

enum su_code su_ops_follow_poll(struct su_ops_follow *f, uint32_t wait_ms, struct su_err *e)
{
    const uint64_t deadline = su_clock_mono_ns() + ms_ns(wait_ms);
    enum su_code rc = SU_OK;

    do {
        bool asked = false, proven = follow_outputs_proven(f);
        if (f->o->options.cancelled && f->o->options.cancelled(f->o->options.ctx))
            return su_fail(e, SU_ECANCELLED, "execution", "was not followed to its end");
        rc = turn(f, e);
        if (rc || f->state.ended || f->state.changes != f->seen)
            break;
        uint64_t until = SU_MIN(deadline, f->next_look_ns);
        if (f->own && f->now->execution)
            rc = follow_outputs_fetch(f, ms_until(until), &asked, e);
        if (!proven && follow_outputs_proven(f))
            f->next_look_ns = 0; /* to accept it */
        if (!rc && f->state.changes == f->seen && ms_until(until) > 0)
            (void)poll(NULL, 0, (int)SU_MIN(ms_until(until), (uint32_t)NAP_MS));
    } while (!rc && f->state.changes == f->seen && su_clock_mono_ns() < deadline);
    /* With no time to wait the outputs are asked for all the same. */
    f->seen = f->state.changes;
    return rc;
}

/* ---- life ---------------------------------------------------------------------------------------- */

static enum su_code begin(struct su_ops_follow *f, struct su_err *e)
{
    const struct su_chain_env *env;
    const struct su_params *params;
    struct su_chain_accounts list = {0};
    const struct su_acc_execution *x;
    struct su_wallet *w = NULL;
    char text[SU_CHAIN_TEXT];
    enum su_code rc = su_ops_env(f->o, &env, &params, e);

    if (!rc)
        rc = su_chain_execution_get(f->o->chain, f->state.execution, &list, &x, e);
    if (rc == SU_ENOENT && list.n > 0)
        rc = su_fail(e, SU_ENOENT, su_chain_key_text(f->state.execution, text),
                     "no such execution: it has ended and was closed, or never was");
    if (!rc) {
        memcpy(f->model_key, x->model, 32);
        f->own = !f->options.look_on && su_ops_wallet(f->o, &w, NULL) == SU_OK &&
                 memcmp(x->requestor, su_wallet_public_key(w), 32) == 0;
        f->state.n_part = x->task_count;
        rc = su_chain_model_load(f->o->chain, env, x->model, &f->model, e);
    }
    su_chain_accounts_fini(&list);
    if (rc)
        return rc;
    f->part = su_alloc(f->state.n_part * sizeof *f->part + 1);
    f->state.part = f->part;
    follow_outputs_init(f);
    return SU_OK;
}

enum su_code su_ops_follow_open(struct su_ops *o, const uint8_t execution[32],
                                const struct su_ops_follow_options *options,
                                struct su_ops_follow **out, struct su_err *e)
{
    struct su_ops_follow *f = su_alloc(sizeof *f);

    *out = NULL;
    f->o = o;
    f->options = *options;
    f->options.input = NULL;
    f->now = su_alloc(sizeof *f->now);
    f->next = su_alloc(sizeof *f->next);
    memcpy(f->state.execution, execution, 32);
    if (su_http_line_new(&f->line, NULL) != SU_OK)
        f->line = NULL; /* libcurl serves as well */
    enum su_code rc = begin(f, e);
    if (!rc && options->input) {
        f->input = su_try_alloc(options->input_bytes + 1, 1);
        if (f->input)
            memcpy(f->input, options->input, options->input_bytes);
        else
            rc = su_fail(e, SU_ENOMEM, "input", "no memory for %zu bytes", options->input_bytes);
    }
    if (rc)
        su_ops_follow_close(f);
    else
        *out = f;
    return rc;
}

void su_ops_follow_close(struct su_ops_follow *f)
{
    if (!f)
        return;
    follow_outputs_free(f);
    su_http_line_free(f->line);
    su_chain_model_fini(&f->model);
    su_chain_case_fini(f->now);
    su_chain_case_fini(f->next);
    free(f->now);
    free(f->next);
    free(f->part);
    free(f->owner);
    free(f->input);
    free(f);
}

const struct su_ops_follow_state *su_ops_follow_state(const struct su_ops_follow *f)
{
    return &f->state;
}

void su_ops_follow_stop(struct su_ops_follow *f)
{
    f->stop_wanted = true;
}
