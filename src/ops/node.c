// SPDX-License-Identifier: MIT
/* A node's entry on chain, and the tasks it offers. */
#include "ops_priv.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* HOST:PORT; a host with colons in brackets. */
static enum su_code check_endpoint(const char *text, struct su_err *e)
{
    const char *colon = strrchr(text, ':');
    uint64_t port;

    if (strlen(text) > SU_ENDPOINT_MAX)
        return su_fail(e, SU_ELIMIT, "--endpoint", "is longer than %u bytes", SU_ENDPOINT_MAX);
    for (const char *c = text; *c; c++)
        if (*c <= ' ' || *c > '~' || *c == '/')
            return su_fail(e, SU_EINVAL, "--endpoint", "is no HOST:PORT");
    if (!colon || colon == text || (memchr(text, ':', (size_t)(colon - text)) && text[0] != '['))
        return su_fail(e, SU_EINVAL, "--endpoint", "is no HOST:PORT");
    return su_parse_u64(colon + 1, "--endpoint", 1, 65535, &port, e);
}

enum su_code su_ops_node_check(const struct su_ops_node *f, struct su_err *e)
{
    if (f->vram_bytes == 0)
        return su_fail(e, SU_EINVAL, "--vram",
                       "0 bytes: give the memory that is offered, e.g. 8GB");
    return f->endpoint ? check_endpoint(f->endpoint, e) : SU_OK;
}

static void put_lines(struct su_ops *o, struct su_ops_proposal *p, const struct su_ops_node *f)
{
    char a[SU_OPS_AMOUNT_TEXT], hex[17];
    uint64_t least;

    ops_line(p, "memory", "%s", su_format_size(f->vram_bytes, a, sizeof a));
    ops_line(p, "endpoint", "%s",
             f->endpoint && *f->endpoint ? f->endpoint : "none: nobody can reach it yet");
    (void)su_hex_encode(f->conformance_root, 8, hex, sizeof hex);
    ops_line(p, "conformance", "passed, root %s...", hex);
    if (su_econ_base_stake(&o->params, f->vram_bytes, &least))
        ops_line(p, "stake needed", "%s before it can declare tasks",
                 su_ops_amount_text(least, SU_OPS_USDC, a));
}

/* Registers, or updates what is registered as `n`. */
static enum su_code propose(struct su_ops *o, const struct su_ops_node *f,
                            const struct su_acc_node *n, struct su_ops_proposal *p,
                            struct su_err *e)
{
    const uint8_t *owner = su_wallet_public_key(o->wallet),
                  *identity = su_wallet_public_key(o->identity);
    char text[SU_CHAIN_TEXT], endpoint[SU_ENDPOINT_MAX + 1] = "";
    struct su_chain_node_args a = {
        .vram_bytes = f->vram_bytes, .numerics_version = f->numerics_version, .endpoint = endpoint};
    struct su_ops_node shown = *f;

    if (n && memcmp(n->owner, owner, 32) != 0)
        return su_fail(e, SU_EACCES, su_wallet_address(o->identity),
                       "is registered already, by %s; use its wallet (--keypair)",
                       su_chain_key_text(n->owner, text));
    if (n)
        memcpy(endpoint, n->endpoint, n->endpoint_len);
    if (f->endpoint)
        (void)su_str_copy(endpoint, sizeof endpoint, f->endpoint);
    shown.endpoint = endpoint;
    memcpy(a.conformance_root, f->conformance_root, 32);
    ops_line(p, "node", "%s%s", su_wallet_address(o->identity), n ? " (registered already)" : "");
    ops_line(p, "owner", "%s", su_wallet_address(o->wallet));
    put_lines(o, p, &shown);
    p->steps->identity_signs = true;
    if (n) {
        su_chain_make_node_update(ops_batch(o, p), identity, &a);
        return ops_finish(o, p, e);
    }
    su_chain_make_node_register(ops_batch(o, p), identity, owner, &a);
    enum su_code rc = ops_rent(o, p, su_acc_bytes(SU_TAG_NODE), e);
    return rc ? rc : ops_finish(o, p, e);
}

enum su_code su_ops_node_prepare(struct su_ops *o, const struct su_ops_node *f,
                                 struct su_ops_proposal *p, struct su_err *e)
{
    struct su_chain_accounts list = {0};
    const struct su_acc_node *n = NULL;
    struct su_wallet *w;

    memset(p, 0, sizeof *p);
    enum su_code rc = su_ops_node_check(f, e);
    if (!rc)
        rc = ops_begin(o, p, "register node", SU_OPS_TIER_PREVIEW, e);
    if (!rc)
        rc = su_ops_identity(o, true, &w, e);
    if (!rc) {
        rc = su_chain_node_of(o->chain, &o->env, su_wallet_public_key(w), &list, &n, e);
        rc = rc == SU_ENOENT ? SU_OK : rc;
    }
    if (!rc)
        rc = propose(o, f, n, p, e);
    su_chain_accounts_fini(&list);
    return rc;
}

/* ---- declarations -------------------------------------------------------------------------------- */

static enum su_code bad_list(struct su_err *e)
{
    return su_fail(e, SU_EINVAL, "--tasks",
                   "is no list of task numbers from 0 to %u, such as 0,2-5", SU_TASKS_MAX - 1);
}

/* Reads digits; false when there are none or they are too large. */
static bool take_number(const char **at, unsigned *v)
{
    const char *start = *at;

    *v = 0;
    for (; **at >= '0' && **at <= '9'; ++*at) {
        *v = 10 * *v + (unsigned)(**at - '0');
        if (*v >= SU_TASKS_MAX)
            return false;
    }
    return *at > start;
}

/* tasks NULL: all. */
static enum su_code parse_tasks(const char *tasks, bool want[SU_TASKS_MAX], struct su_err *e)
{
    const char *at = tasks;

    memset(want, tasks == NULL, SU_TASKS_MAX * sizeof *want);
    while (at) {
        unsigned first, last;
        if (!take_number(&at, &first))
            return bad_list(e);
        last = first;
        if (*at == '-') {
            at++;
            if (!take_number(&at, &last) || last < first)
                return bad_list(e);
        }
        for (unsigned i = first; i <= last; i++)
            want[i] = true;
        if (*at != ',' && *at != 0)
            return bad_list(e);
        at = *at ? at + 1 : NULL;
    }
    return SU_OK;
}

enum su_code su_ops_declare_check(const struct su_ops_declare *f, struct su_err *e)
{
    uint8_t key[32];
    bool want[SU_TASKS_MAX];
    enum su_code rc = su_chain_key_parse(f->model, "model", key, e);

    return rc ? rc : parse_tasks(f->tasks, want, e);
}

struct declaring {
    bool want[SU_TASKS_MAX];
    struct su_chain_model model;
    struct su_chain_accounts list;
    const struct su_acc_node *node;
    unsigned picked, left_out;
};

static bool is_declared(const struct su_acc_node *n, const uint8_t task[32])
{
    for (size_t i = 0; i < n->declared_count; i++)
        if (memcmp(n->declared[i], task, 32) == 0)
            return true;
    return false;
}

static enum su_code load(struct su_ops *o, const struct su_ops_declare *f, struct declaring *d,
                         struct su_err *e)
{
    uint8_t model[32];
    struct su_wallet *w;
    enum su_code rc = su_chain_key_parse(f->model, "model", model, e);

    if (!rc)
        rc = parse_tasks(f->tasks, d->want, e);
    if (!rc)
        rc = su_ops_identity(o, false, &w, e);
    if (rc)
        return rc;
    rc = su_chain_node_of(o->chain, &o->env, su_wallet_public_key(w), &d->list, &d->node, e);
    if (rc == SU_ENOENT)
        return su_fail(e, rc, su_wallet_address(w),
                       "this machine's node is not registered: run `splitup-node register`");
    if (!rc)
        rc = su_chain_model_load(o->chain, &o->env, model, &d->model, e);
    for (unsigned i = 0; i < SU_TASKS_MAX && !rc && f->tasks; i++)
        if (d->want[i] && i >= d->model.model->tasks_added)
            rc = su_fail(e, SU_ENOENT, "--tasks", "the model has no task %u, only %u", i,
                         d->model.model->tasks_added);
    return rc;
}

/* Which tasks the proposal is about, as a list; cut when it is long. */
static void line_of_tasks(struct su_ops_proposal *p, const struct declaring *d)
{
    char text[sizeof p->line[0].text] = "none";
    size_t n = 0;

    for (unsigned i = 0; i < d->model.model->tasks_added && n + 8 < sizeof text; i++)
        if (d->want[i])
            n += (size_t)snprintf(text + n, sizeof text - n, "%s%u", n ? "," : "", i);
    ops_line(p, "tasks", "%s", text);
}

/* add: declares what is wanted and missing; else takes back what is wanted and there. */
static enum su_code choose(struct su_ops *o, struct su_ops_proposal *p, struct declaring *d,
                           bool add, struct su_err *e)
{
    char name[SU_NAME_MAX + 1];

    for (unsigned i = 0; i < SU_TASKS_MAX; i++) {
        if (!d->want[i])
            continue;
        d->want[i] =
            i < d->model.model->tasks_added && is_declared(d->node, d->model.task_keys[i]) != add;
        d->picked += d->want[i];
    }
    if (add && d->picked + d->node->declared_count > SU_DECLARED_MAX)
        return su_fail(e, SU_ELIMIT, "--tasks",
                       "a node declares at most %u tasks, this one has %u; choose fewer, or "
                       "undeclare some",
                       SU_DECLARED_MAX, d->node->declared_count);
    su_str_sanitize(name, sizeof name, (const char *)d->model.model->name,
                    d->model.model->name_len);
    ops_line(p, "node", "%s", su_wallet_address(o->identity));
    ops_line(p, "model", "%s %s", name, su_chain_key_text(d->model.key, (char[SU_CHAIN_TEXT]){0}));
    line_of_tasks(p, d);
    p->steps->identity_signs = true;
    return SU_OK;
}

static enum su_code check_stake(const struct su_ops *o, const struct su_acc_node *n,
                                struct su_err *e)
{
    char need[SU_OPS_AMOUNT_TEXT], have[SU_OPS_AMOUNT_TEXT], more[SU_OPS_AMOUNT_TEXT];
    uint64_t least, held = n->stake_free + n->stake_reserved;

    if (!su_econ_base_stake(&o->params, n->vram_bytes, &least) || held >= least)
        return SU_OK;
    return su_fail(
        e, SU_ELIMIT, su_wallet_address(o->identity),
        "has %s staked and needs %s for the memory it offers: `splitup stake deposit %s`",
        su_ops_amount_text(held, SU_OPS_USDC, have), su_ops_amount_text(least, SU_OPS_USDC, need),
        su_ops_amount_number(least - held, SU_OPS_USDC, more));
}

static enum su_code declare(struct su_ops *o, struct su_ops_proposal *p, const struct declaring *d,
                            struct su_err *e)
{
    enum su_code rc = check_stake(o, d->node, e);

    for (uint16_t i = 0; i < d->model.model->tasks_added && !rc; i++)
        if (d->want[i]) {
            su_chain_make_node_declare(ops_batch(o, p), d->node->identity, d->node->owner,
                                       d->model.key, i);
            rc = ops_rent(o, p, su_acc_bytes(SU_TAG_DECLARATION), e);
        }
    return rc ? rc : ops_finish(o, p, e);
}

enum su_code su_ops_declare_prepare(struct su_ops *o, const struct su_ops_declare *f,
                                    struct su_ops_proposal *p, struct su_err *e)
{
    struct declaring *d = su_alloc(sizeof *d);
    enum su_code rc = ops_begin(o, p, "declare tasks", SU_OPS_TIER_PREVIEW, e);

    if (!rc)
        rc = load(o, f, d, e);
    if (!rc)
        rc = choose(o, p, d, true, e);
    if (!rc)
        rc = declare(o, p, d, e);
    su_chain_model_fini(&d->model);
    su_chain_accounts_fini(&d->list);
    free(d);
    return rc;
}

static enum su_code undeclare(struct su_ops *o, struct su_ops_proposal *p,
                              const struct declaring *d, struct su_err *e)
{
    const uint8_t *identity = su_wallet_public_key(o->identity);
    enum su_code rc = SU_OK;

    for (uint16_t i = 0; i < d->model.model->tasks_added && !rc; i++) {
        const struct su_acc_declaration *a;
        struct su_chain_accounts list = {0};
        uint8_t address[32];
        if (!d->want[i])
            continue;
        su_chain_addr_declaration(&o->env, d->model.task_keys[i], d->node->owner, address);
        rc = su_chain_declaration_get(o->chain, address, &list, &a, e);
        if (!rc) {
            const struct su_chain_undeclaration u = {.signer = identity,
                                                     .identity = identity,
                                                     .owner = d->node->owner,
                                                     .task_key = d->model.task_keys[i],
                                                     .rent_payer = a->head.rent_payer};
            su_chain_make_node_undeclare(ops_batch(o, p), &u);
        }
        su_chain_accounts_fini(&list);
    }
    return rc ? rc : ops_finish(o, p, e);
}

enum su_code su_ops_undeclare_prepare(struct su_ops *o, const struct su_ops_declare *f,
                                      struct su_ops_proposal *p, struct su_err *e)
{
    struct declaring *d = su_alloc(sizeof *d);
    enum su_code rc = ops_begin(o, p, "undeclare tasks", SU_OPS_TIER_PREVIEW, e);

    if (!rc)
        rc = load(o, f, d, e);
    if (!rc)
        rc = choose(o, p, d, false, e);
    if (!rc)
        rc = undeclare(o, p, d, e);
    su_chain_model_fini(&d->model);
    su_chain_accounts_fini(&d->list);
    free(d);
    return rc;
}
