// SPDX-License-Identifier: MIT
/* Asking a model to run: what it costs, what is held, what comes back. */
#include "ops_priv.h"

#include "engine/engine.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { TASKS_AT_ONCE = 4, TOKEN_ACCOUNT_BYTES = 165 };

/* ---- the model ----------------------------------------------------------------------------------- */

/* The address of the one final model of that name. */
static enum su_code model_named(struct su_ops *o, const char *name, uint8_t key[32],
                                struct su_err *e)
{
    const struct su_chain_filter f = {
        .offset = offsetof(struct su_acc_model, name), .bytes = name, .n = strlen(name)};
    struct su_chain_accounts list = {0};
    size_t found = 0;

    if (f.n == 0 || f.n > SU_NAME_MAX)
        return su_fail(e, SU_EINVAL, "MODEL", "give an address, or a name of 1 to %u bytes",
                       SU_NAME_MAX);
    enum su_code rc = su_chain_list(o->chain, SU_TAG_MODEL, &f, &list, e);
    for (size_t i = 0; i < list.n && !rc; i++) {
        const struct su_acc_model *m;
        if (su_chain_as_model(&list.items[i], o->env.program, &m, NULL) != SU_OK ||
            m->name_len != f.n || m->state != SU_MODEL_FINAL)
            continue;
        memcpy(key, list.items[i].key, 32);
        found++;
    }
    su_chain_accounts_fini(&list);
    if (!rc && found == 0)
        rc = su_fail(e, SU_ENOENT, name,
                     "no finished model of this name is registered here; `splitup-deploy list` "
                     "shows those that are");
    if (!rc && found > 1)
        rc = su_fail(e, SU_EEXIST, name,
                     "%zu models have this name: give the address of one (`splitup-deploy list`)",
                     found);
    return rc;
}

enum su_code su_ops_model_find(struct su_ops *o, const char *text, uint8_t key[32],
                               struct su_err *e)
{
    const struct su_chain_env *env;
    const struct su_params *params;
    size_t n = 0;

    if (su_base58_decode(text, key, 32, &n) && n == 32)
        return SU_OK;
    enum su_code rc = su_ops_env(o, &env, &params, e);
    return rc ? rc : model_named(o, text, key, e);
}

/* ---- the input ----------------------------------------------------------------------------------- */

static enum su_code check_tensor(const struct su_input_tensor *t, const struct su_spec *spec,
                                 uint16_t task, uint8_t input, struct su_err *e)
{
    bool same = t->dtype == spec->dtype && t->rank == spec->rank;

    for (uint8_t i = 0; i < spec->rank && same; i++)
        same = t->dims[i] == spec->dims[i];
    return same ? SU_OK
                : su_fail(e, SU_ETYPE, "input",
                          "its type or shape is not that of input %u of task %u", input, task);
}

/* Every external input of the model, in order of task and input, has its tensor. */
static enum su_code check_input(const struct su_ops_request *f, const struct su_chain_model *m,
                                struct su_err *e)
{
    struct su_input in;
    uint32_t n = 0;
    bool generates = m->model->sample_task != SU_NO_TASK;
    enum su_code rc = su_input_decode(f->input, f->input_bytes, &in, e);

    for (uint16_t t = 0; t < m->model->task_count && !rc; t++)
        for (uint8_t i = 0; i < m->tasks[t]->input_count && !rc; i++) {
            const struct su_spec *spec = &m->tasks[t]->inputs[i];
            if ((spec->flags & SU_SPEC_EXTERNAL) == 0)
                continue;
            if (n == in.n_tensor)
                return su_fail(e, SU_ETYPE, "input", "holds %u tensors, fewer than the model takes",
                               in.n_tensor);
            rc = check_tensor(&in.tensor[n], spec, t, i, e);
            if (!rc && (generates ? in.tensor[n].steps > f->max_steps
                                  : in.tensor[n].steps != f->max_steps))
                rc = su_fail(e, SU_ETYPE, "input", "holds %u steps, and %u are asked for",
                             in.tensor[n].steps, f->max_steps);
            n++;
        }
    if (!rc && n != in.n_tensor)
        rc = su_fail(e, SU_ETYPE, "input", "holds %u tensors, and the model takes %u", in.n_tensor,
                     n);
    return rc;
}

enum su_code su_ops_request_check(const struct su_ops_request *f, struct su_err *e)
{
    struct su_input in;

    if (!f->model || !*f->model)
        return su_fail(e, SU_EINVAL, "MODEL", "is missing: give an address or a name");
    if (!f->input || f->input_bytes == 0)
        return su_fail(e, SU_EINVAL, "input", "is missing");
    if (f->input_bytes > SU_INPUT_BYTES_MAX)
        return su_fail(e, SU_ELIMIT, "input", "has %zu bytes; at most %u are taken", f->input_bytes,
                       SU_INPUT_BYTES_MAX);
    if (f->max_steps == 0)
        return su_fail(e, SU_EINVAL, "steps", "must be at least 1");
    if (f->max_steps > SU_STEPS_MAX)
        return su_fail(e, SU_ELIMIT, "steps", "at most %u are run", SU_STEPS_MAX);
    return su_input_decode(f->input, f->input_bytes, &in, e);
}

/* ---- the price ----------------------------------------------------------------------------------- */

static enum su_code price(const struct su_ops *o, const struct su_ops_request *f,
                          const struct su_chain_model *m, struct su_ops_request_terms *t,
                          struct su_err *e)
{
    const struct su_params *p = &o->params;
    char text[SU_CHAIN_TEXT];

    t->tasks = m->model->task_count;
    t->oracle_fee = p->oracle_fee;
    for (uint16_t i = 0; i < t->tasks; i++) {
        const struct su_acc_task *k = m->tasks[i];
        uint32_t ppm = SU_MAX(k->sampling_ppm, p->sampling_min_ppm);
        uint64_t fee, surcharge;
        if (k->owners < p->min_owners)
            return su_fail(e, SU_EBUSY, su_chain_key_text(m->key, text),
                           "task %u is offered by %u of the %u owners it needs: nothing was paid, "
                           "wait for more nodes",
                           i, k->owners, p->min_owners);
        if (!su_econ_fee(p, k->fee_unit, k->macs_per_step, f->max_steps, &fee) ||
            !su_econ_surcharge(p, ppm, fee, &surcharge) || !su_add_u64(t->fees, fee, &t->fees) ||
            !su_add_u64(t->surcharge, surcharge, &t->surcharge))
            return su_fail(e, SU_EOVERFLOW, "price", "%u steps cost more than there is",
                           f->max_steps);
    }
    t->escrow = t->fees + t->surcharge + t->oracle_fee;
    return SU_OK;
}

/* Nonce and refund of the wallet's account of requests; it may not exist yet. */
static enum su_code requestor(struct su_ops *o, const uint8_t key[32], uint64_t *nonce,
                              uint64_t *refund, bool *exists, struct su_err *e)
{
    struct su_chain_accounts list = {0};
    const struct su_acc_requestor *r;
    uint8_t address[32];

    su_chain_addr_requestor(&o->env, key, address);
    enum su_code rc = su_chain_requestor_get(o->chain, address, &list, &r, e);
    *exists = rc == SU_OK;
    *nonce = *exists ? r->nonce : 0;
    *refund = *exists ? r->refund : 0;
    su_chain_accounts_fini(&list);
    return rc == SU_ENOENT ? SU_OK : rc;
}

static enum su_code check_oracles(struct su_ops *o, struct su_err *e)
{
    struct su_chain_accounts list = {0};
    const struct su_acc_config *c;
    enum su_code rc = su_chain_config_now(o->chain, &o->env, &list, &c, e);

    if (!rc && c->oracle_count == 0)
        rc = su_fail(e, SU_EBUSY, "oracles",
                     "this cluster has none yet, so that nobody could assign the work");
    su_chain_accounts_fini(&list);
    return rc;
}

/* ---- the proposal -------------------------------------------------------------------------------- */

static enum su_code pay(struct su_ops *o, struct su_ops_proposal *p, const struct su_ops_request *f,
                        const struct su_ops_request_terms *t, struct su_err *e)
{
    char a[SU_OPS_AMOUNT_TEXT], b[SU_OPS_AMOUNT_TEXT], c[SU_OPS_AMOUNT_TEXT];
    uint64_t held;
    bool exists;
    enum su_code rc = ops_usdc(o, &held, &exists, e);

    if (rc)
        return rc;
    if (f->escrow_max > 0 && t->escrow > f->escrow_max)
        return su_fail(e, SU_ELIMIT, "escrow", "%s would be held, more than the %s allowed",
                       su_ops_amount_text(t->escrow, SU_OPS_USDC, a),
                       su_ops_amount_text(f->escrow_max, SU_OPS_USDC, b));
    if (held + t->refund < t->escrow)
        return su_fail(e, SU_ELIMIT, su_wallet_address(o->wallet),
                       "holds %s, less than the %s to be held; send USDC to it (on a private "
                       "network: `splitup wallet airdrop --usdc AMOUNT`)",
                       su_ops_amount_text(held, SU_OPS_USDC, a),
                       su_ops_amount_text(t->escrow, SU_OPS_USDC, b));
    p->usdc_out = t->escrow;
    p->usdc_in = t->refund;
    ops_line(p, "held", "%s: fees %s, checks %s,", su_ops_amount_text(t->escrow, SU_OPS_USDC, a),
             su_ops_amount_text(t->fees, SU_OPS_USDC, b),
             su_ops_amount_text(t->surcharge, SU_OPS_USDC, c));
    ops_line(p, "", "oracles %s", su_ops_amount_text(t->oracle_fee, SU_OPS_USDC, a));
    ops_line(p, "comes back",
             "all of it unless the result is delivered and stands; what is not "
             "used up when it ends earlier");
    if (f->repeats > 0)
        ops_line(p, "if a node lies",
                 "the money comes back and it is asked again by itself, up "
                 "to %u time%s",
                 f->repeats, f->repeats == 1 ? "" : "s");
    if (t->refund > 0)
        ops_line(p, "claimed with it", "%s of earlier requests",
                 su_ops_amount_text(t->refund, SU_OPS_USDC, a));
    ops_line(p, "wallet", "%s -> %s", su_ops_amount_text(held, SU_OPS_USDC, a),
             su_ops_amount_text(held + t->refund - t->escrow, SU_OPS_USDC, b));
    return SU_OK;
}

/* What the same request is put together from again. */
struct again {
    struct su_chain_request r;
    struct su_ops_request_terms *terms; /* the caller's */
};

static void instructions(struct su_ops *o, struct su_ops_proposal *p)
{
    struct again *a = p->steps->again;
    const struct su_ops_request_terms *t = a->terms;
    const uint8_t *key = su_wallet_public_key(o->wallet);
    struct su_chain_at at = {.epoch = o->env.epoch};
    struct su_chain_batch *b = ops_batch(o, p);

    a->r.nonce = t->nonce;
    memcpy(at.execution, t->execution, 32);
    if (t->refund > 0)
        su_chain_make_refund_claim(b, key);
    su_chain_make_request_open(b, key, t->model, &a->r);
    for (; at.task < t->tasks; at.task = (uint16_t)(at.task + TASKS_AT_ONCE))
        su_chain_make_request_tasks(b, key, &at, t->model,
                                    SU_MIN((uint32_t)TASKS_AT_ONCE, (uint32_t)t->tasks - at.task));
    at.task = 0;
    su_chain_make_request_submit(b, key, &at, t->escrow);
}

/* The next nonce, and with it the address of the execution. */
static enum su_code number(struct su_ops *o, struct su_ops_request_terms *t, bool *known,
                           struct su_err *e)
{
    const uint8_t *key = su_wallet_public_key(o->wallet);
    enum su_code rc = requestor(o, key, &t->nonce, &t->refund, known, e);

    t->nonce++;
    su_chain_addr_execution(&o->env, key, t->nonce, t->execution);
    return rc;
}

/* Another request of this wallet took the number, or the refund that was to be claimed with it. */
static bool collided(const struct su_ops_proposal *p)
{
    const uint32_t n = p->steps->refused;

    return n == SU_PROG_NonceNotIncreasing || n == SU_PROG_AlreadyExists || n == SU_PROG_ZeroAmount;
}

static enum su_code renew(struct su_ops *o, struct su_ops_proposal *p, struct su_err *e)
{
    struct again *a = p->steps->again;
    bool known;
    enum su_code rc = number(o, a->terms, &known, e);

    if (rc)
        return rc;
    ops_steps_clear(p);
    instructions(o, p);
    return ops_steps_cut(p, e);
}

static enum su_code steps(struct su_ops *o, struct su_ops_proposal *p,
                          const struct su_ops_request *f, struct su_ops_request_terms *t,
                          bool known, struct su_err *e)
{
    struct again *a = su_alloc(sizeof *a);
    enum su_code rc = SU_OK;

    *a = (struct again){.r = {.seed = f->seed, .max_steps = f->max_steps}, .terms = t};
    su_sha256(f->input, f->input_bytes, a->r.input_digest);
    p->steps->again = a;
    p->steps->renew = renew;
    p->steps->renewable = collided;
    instructions(o, p);
    if (!known)
        rc = ops_rent(o, p, su_acc_bytes(SU_TAG_REQUESTOR), e);
    if (!rc)
        rc = ops_rent(o, p, su_acc_bytes(SU_TAG_EXECUTION), e);
    uint64_t before = p->rent_lamports, one;
    if (!rc)
        rc = ops_rent(o, p, su_acc_bytes(SU_TAG_ASSIGNMENT), e);
    one = p->rent_lamports - before;
    p->rent_lamports = before + one * t->tasks;
    return rc;
}

static enum su_code prepare(struct su_ops *o, const struct su_ops_request *f,
                            struct su_ops_proposal *p, struct su_ops_request_terms *t,
                            struct su_err *e)
{
    struct su_chain_model *m = su_alloc(sizeof *m);
    char text[SU_CHAIN_TEXT], name[SU_NAME_MAX + 1];
    bool known = false;

    memset(p, 0, sizeof *p);
    memset(t, 0, sizeof *t);
    enum su_code rc = su_ops_request_check(f, e);
    if (!rc)
        rc = ops_begin(o, p, "run a model", SU_OPS_TIER_PREVIEW, e);
    if (!rc)
        rc = su_ops_model_find(o, f->model, t->model, e);
    if (!rc)
        rc = su_chain_model_load(o->chain, &o->env, t->model, m, e);
    if (!rc && m->model->state != SU_MODEL_FINAL)
        rc = su_fail(e, SU_EBUSY, su_chain_key_text(t->model, text),
                     "is a draft: its deployer has not finished it");
    if (!rc)
        rc = check_input(f, m, e);
    if (!rc)
        rc = check_oracles(o, e);
    if (!rc)
        rc = price(o, f, m, t, e);
    if (!rc)
        rc = number(o, t, &known, e);
    if (!rc) {
        su_str_sanitize(name, sizeof name, (const char *)m->model->name, m->model->name_len);
        ops_line(p, "model", "%s, %u task%s, %s", name, t->tasks, t->tasks == 1 ? "" : "s",
                 su_chain_key_text(t->model, text));
        ops_line(p, "steps", "%s%" PRIu32, m->model->sample_task == SU_NO_TASK ? "" : "up to ",
                 f->max_steps);
        ops_line(p, "execution", "%s", su_chain_key_text(t->execution, text));
        rc = pay(o, p, f, t, e);
    }
    if (!rc)
        rc = steps(o, p, f, t, known, e);
    if (!rc)
        rc = ops_finish(o, p, e);
    su_chain_model_fini(m);
    free(m);
    return rc;
}

enum su_code su_ops_request_prepare(struct su_ops *o, const struct su_ops_request *f,
                                    struct su_ops_proposal *p, struct su_ops_request_terms *t,
                                    struct su_err *e)
{
    enum su_code rc = prepare(o, f, p, t, e);

    for (unsigned i = 0; i < OPS_RENEWALS && rc && p->steps && collided(p); i++) {
        su_ops_proposal_fini(p);
        ops_step_aside(i);
        rc = prepare(o, f, p, t, e);
    }
    return rc;
}

/* ---- taking back --------------------------------------------------------------------------------- */

enum su_code su_ops_cancel_prepare(struct su_ops *o, const uint8_t execution[32],
                                   struct su_ops_proposal *p, struct su_err *e)
{
    struct su_chain_accounts list = {0};
    const struct su_acc_execution *x;
    char text[SU_CHAIN_TEXT], amount[SU_OPS_AMOUNT_TEXT];
    struct su_chain_at at = {.task = 0};

    (void)su_chain_key_text(execution, text);
    enum su_code rc = ops_begin(o, p, "cancel a request", SU_OPS_TIER_PREVIEW, e);
    if (!rc)
        rc = su_chain_execution_get(o->chain, execution, &list, &x, e);
    if (rc == SU_ENOENT && list.n > 0)
        rc = su_fail(e, SU_ENOENT, text,
                     "no such execution: it has ended and was closed, or "
                     "never was");
    if (!rc && memcmp(x->requestor, su_wallet_public_key(o->wallet), 32) != 0)
        rc = su_fail(e, SU_EACCES, text, "is another wallet's request (--keypair)");
    if (!rc && x->state != SU_EXEC_OPENING && x->state != SU_EXEC_REQUESTED)
        rc = su_fail(e, SU_EBUSY, text,
                     "is %s: only a request that no node was assigned to can be cancelled",
                     su_ops_execution_word(x->state));
    if (!rc) {
        memcpy(at.execution, execution, 32);
        at.epoch = x->epoch;
        ops_line(p, "execution", "%s", text);
        ops_line(p, "comes back", "%s, once the accounts are closed (`splitup request refund`)",
                 su_ops_amount_text(x->escrow, SU_OPS_USDC, amount));
        su_chain_make_request_cancel(ops_batch(o, p), su_wallet_public_key(o->wallet), &at);
        rc = ops_finish(o, p, e);
    }
    su_chain_accounts_fini(&list);
    return rc;
}

enum su_code su_ops_refund_waiting(struct su_ops *o, uint64_t *amount, struct su_err *e)
{
    const struct su_chain_env *env;
    const struct su_params *params;
    struct su_wallet *w;
    uint64_t nonce;
    bool exists;
    enum su_code rc = su_ops_wallet(o, &w, e);

    *amount = 0;
    if (!rc)
        rc = su_ops_env(o, &env, &params, e);
    return rc ? rc : requestor(o, su_wallet_public_key(w), &nonce, amount, &exists, e);
}

enum su_code su_ops_refund_prepare(struct su_ops *o, struct su_ops_proposal *p, struct su_err *e)
{
    char a[SU_OPS_AMOUNT_TEXT], b[SU_OPS_AMOUNT_TEXT];
    uint64_t held = 0, refund = 0;
    bool exists = false;
    enum su_code rc = ops_begin(o, p, "claim refunds", SU_OPS_TIER_PREVIEW, e);

    if (!rc)
        rc = su_ops_refund_waiting(o, &refund, e);
    if (!rc && refund == 0)
        rc = su_fail(e, SU_ENOENT, su_wallet_address(o->wallet), "no refund waits for this wallet");
    if (!rc)
        rc = ops_usdc(o, &held, &exists, e);
    if (rc)
        return rc;
    struct su_chain_batch *batch = ops_batch(o, p);
    if (!exists) {
        su_chain_make_usdc_account(batch, su_wallet_public_key(o->wallet));
        rc = ops_rent(o, p, TOKEN_ACCOUNT_BYTES, e);
    }
    p->usdc_in = refund;
    ops_line(p, "refund", "%s", su_ops_amount_text(refund, SU_OPS_USDC, a));
    ops_line(p, "wallet", "%s -> %s", su_ops_amount_text(held, SU_OPS_USDC, a),
             su_ops_amount_text(held + refund, SU_OPS_USDC, b));
    su_chain_make_refund_claim(batch, su_wallet_public_key(o->wallet));
    return rc ? rc : ops_finish(o, p, e);
}

/* ---- words --------------------------------------------------------------------------------------- */

const char *su_ops_execution_word(uint8_t state)
{
    static const char *const word[] = {"unknown", "being opened", "waiting", "being assigned",
                                       "running", "frozen",       "checked", "revealing",
                                       "settled", "void"};

    return word[state < SU_ARRAY_LEN(word) ? state : 0];
}

const char *su_ops_void_word(uint8_t cause)
{
    static const char *const word[] = {"ended",
                                       "nobody was assigned in time",
                                       "cancelled",
                                       "a task failed on every attempt",
                                       "a node was wrong",
                                       "the committee gave no verdict"};

    return word[cause < SU_ARRAY_LEN(word) ? cause : 0];
}

const char *su_ops_task_word(uint8_t state)
{
    static const char *const word[] = {
        "unknown",  "unassigned",          "assigned", "completed", "pending verification",
        "verified", "verification failed", "failed"};

    return word[state < SU_ARRAY_LEN(word) ? state : 0];
}

const char *su_ops_check_state_name(enum su_ops_check_state s)
{
    static const char *const name[] = {"running", "posted", "match", "mismatch", "silent"};

    return name[s];
}
