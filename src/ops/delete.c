// SPDX-License-Identifier: MIT
/* Deleting a key file: only where nothing hangs on it, or where another file has the same key. */
#include "ops_priv.h"

#include <stddef.h>
#include <string.h>
#include <sys/stat.h>

/* What a key owns on the cluster. */
struct owned {
    uint64_t lamports, usdc, staked, earned, bonded, refund;
    size_t nodes;
};

static void plan_line(struct su_ops_delete_plan *p, const char *label, const char *fmt, ...)
    SU_PRINTF(3, 4);

static void plan_line(struct su_ops_delete_plan *p, const char *label, const char *fmt, ...)
{
    va_list args;

    SU_ASSERT(p->n_line < SU_OPS_DELETE_LINES);
    struct su_ops_line *l = &p->line[p->n_line++];
    (void)su_str_copy(l->label, sizeof l->label, label);
    va_start(args, fmt);
    (void)vsnprintf(l->text, sizeof l->text, fmt, args);
    va_end(args);
}

/* ---- what hangs on it ---------------------------------------------------------------------------- */

static uint64_t sum(uint64_t a, uint64_t b)
{
    uint64_t c;

    return su_add_u64(a, b, &c) ? c : UINT64_MAX;
}

static enum su_code owned_nodes(struct su_ops *o, const uint8_t key[32], struct owned *w,
                                struct su_err *e)
{
    const struct su_chain_filter match = {offsetof(struct su_acc_node, owner), key, 32};
    struct su_chain_accounts list = {0};
    enum su_code rc = su_chain_list(o->chain, SU_TAG_NODE, &match, &list, e);

    for (size_t i = 0; !rc && i < list.n; i++) {
        const struct su_acc_node *n = (const void *)list.items[i].data;
        w->nodes++;
        w->earned = sum(w->earned, n->earned);
        w->staked = sum(w->staked, sum(n->stake_free, n->stake_reserved));
        for (size_t t = 0; t < SU_TICKETS_MAX; t++)
            w->staked = sum(w->staked, n->tickets[t].amount);
    }
    su_chain_accounts_fini(&list);
    return rc;
}

static enum su_code owned_bonds(struct su_ops *o, const uint8_t key[32], struct owned *w,
                                struct su_err *e)
{
    const struct su_chain_filter match = {offsetof(struct su_acc_oracle, owner), key, 32};
    struct su_chain_accounts list = {0};
    enum su_code rc = su_chain_list(o->chain, SU_TAG_ORACLE, &match, &list, e);

    for (size_t i = 0; !rc && i < list.n; i++) {
        const struct su_acc_oracle *a = (const void *)list.items[i].data;
        w->bonded = sum(w->bonded, sum(a->bond, a->earned));
    }
    su_chain_accounts_fini(&list);
    return rc;
}

static enum su_code owned_refund(struct su_ops *o, const uint8_t key[32], struct owned *w,
                                 struct su_err *e)
{
    const struct su_acc_requestor *r;
    struct su_chain_accounts list = {0};
    uint8_t address[32];
    enum su_code rc;

    su_chain_addr_requestor(&o->env, key, address);
    rc = su_chain_requestor_get(o->chain, address, &list, &r, e);
    if (!rc)
        w->refund = r->refund;
    su_chain_accounts_fini(&list);
    return rc == SU_ENOENT ? SU_OK : rc;
}

static enum su_code owned_usdc(struct su_ops *o, const uint8_t key[32], struct owned *w,
                               struct su_err *e)
{
    struct su_chain_token t;
    uint8_t ata[32];

    su_chain_ata(key, o->env.mint, ata);
    enum su_code rc = su_chain_token_get(o->chain, ata, &t, e);
    w->usdc = rc ? 0 : t.amount;
    return rc == SU_ENOENT ? SU_OK : rc;
}

static enum su_code look(struct su_ops *o, const uint8_t key[32], struct owned *w, struct su_err *e)
{
    const struct su_chain_env *env;
    const struct su_params *params;
    enum su_code rc = su_chain_balance(o->chain, key, &w->lamports, e);

    if (rc)
        return rc;
    rc = su_ops_env(o, &env, &params, e);
    if (rc == SU_ENOENT)
        return SU_OK; /* nothing of ours is on this cluster */
    if (!rc)
        rc = owned_usdc(o, key, w, e);
    if (!rc)
        rc = owned_nodes(o, key, w, e);
    if (!rc)
        rc = owned_bonds(o, key, w, e);
    return rc ? rc : owned_refund(o, key, w, e);
}

/* "5 SOL, 100 USDC and 2000 USDC at stake"; "" for nothing. */
static void owned_text(const struct owned *w, char *out, size_t cap)
{
    const struct {
        uint64_t amount;
        enum su_ops_unit unit;
        const char *what;
    } row[] = {{w->lamports, SU_OPS_SOL, ""},          {w->usdc, SU_OPS_USDC, ""},
               {w->staked, SU_OPS_USDC, " at stake"},  {w->earned, SU_OPS_USDC, " earned"},
               {w->bonded, SU_OPS_USDC, " in a bond"}, {w->refund, SU_OPS_USDC, " to come back"}};
    char text[SU_OPS_AMOUNT_TEXT];
    size_t at = 0;

    out[0] = 0;
    for (size_t i = 0; i < SU_ARRAY_LEN(row) && at < cap; i++)
        if (row[i].amount > 0)
            at +=
                (size_t)snprintf(out + at, cap - at, "%s%s%s", at ? ", " : "",
                                 su_ops_amount_text(row[i].amount, row[i].unit, text), row[i].what);
    if (w->nodes > 0 && at < cap)
        (void)snprintf(out + at, cap - at, "%s%zu node%s", at ? ", " : "", w->nodes,
                       w->nodes == 1 ? "" : "s");
}

/* The end of a path tells files apart. */
static void plan_path(struct su_ops_delete_plan *p, const char *label, const char *path,
                      const char *what)
{
    size_t n = strlen(path), most = sizeof p->line[0].text - 24;

    plan_line(p, label, "%s%s%s", n > most ? ".." : "", n > most ? path + n - most : path, what);
}

/* ---- the files ----------------------------------------------------------------------------------- */

/* Whose key a file holds; sealed ones only tell their passphrase. */
static enum su_code key_of(struct su_ops *o, const char *path, uint8_t key[32], uint8_t mark[32],
                           struct su_err *e)
{
    const struct su_wallet_options w = {
        .path = path, .passphrase = o->options.passphrase, .ctx = o->options.ctx};
    struct su_wallet *wallet = NULL;
    enum su_code rc = su_wallet_file_mark(path, mark, e);

    if (!rc)
        rc = su_wallet_open(&w, &wallet, e);
    if (!rc)
        memcpy(key, su_wallet_public_key(wallet), 32);
    su_wallet_close(wallet);
    return rc;
}

static bool same_file(const char *a, const char *b)
{
    struct stat s, t;

    return stat(a, &s) == 0 && stat(b, &t) == 0 && s.st_dev == t.st_dev && s.st_ino == t.st_ino;
}

static enum su_code check_copy(struct su_ops *o, const struct su_ops_delete *f,
                               struct su_ops_delete_plan *p, struct su_err *e)
{
    uint8_t key[32];

    if (same_file(f->path, f->copy))
        return su_fail(e, SU_EINVAL, f->copy, "is the file that is to be deleted, not a copy");
    enum su_code rc = key_of(o, f->copy, key, p->copy_mark, e);
    if (!rc && memcmp(key, p->key, 32) != 0)
        rc = su_fail(e, SU_EINVAL, f->copy, "holds another key: it is no copy");
    return rc;
}

static enum su_code weigh(struct su_ops *o, const struct su_ops_delete *f,
                          struct su_ops_delete_plan *p, struct su_err *e)
{
    struct owned w = {.nodes = 0};
    struct su_err why;
    char text[120];
    enum su_code rc = look(o, p->key, &w, &why);

    if (rc == SU_ECANCELLED) {
        *e = why;
        return rc;
    }
    if (rc && !f->copy)
        return su_fail(e, SU_EBUSY, f->path,
                       "whether it owns anything is not known (%.120s): name a copy of it, or wait "
                       "until the chain answers",
                       why.msg);
    owned_text(&w, text, sizeof text);
    if (!rc && text[0] && !f->copy)
        return su_fail(e, SU_EBUSY, f->path,
                       "its key owns %s: take that out first, or name a copy of the file", text);
    plan_line(p, "owns", "%s",
              rc        ? "not known: the chain does not answer"
              : text[0] ? text
                        : "nothing");
    return SU_OK;
}

enum su_code su_ops_delete_prepare(struct su_ops *o, const struct su_ops_delete *f,
                                   struct su_ops_delete_plan *out, struct su_err *e)
{
    enum su_wallet_kind kind = SU_WALLET_PLAIN;
    char address[SU_CHAIN_TEXT];
    enum su_code rc;

    memset(out, 0, sizeof *out);
    if (same_file(f->path, o->identity_path))
        return su_fail(e, SU_EBUSY, f->path,
                       "is the key of this machine's node, which works with it: not from here");
    rc = su_wallet_file_kind(f->path, &kind, e);
    if (!rc)
        rc = key_of(o, f->path, out->key, out->mark, e);
    if (rc)
        return rc;
    out->in_use = same_file(f->path, o->wallet_path);
    (void)su_chain_key_text(out->key, address);
    (void)su_str_copy(out->confirm, sizeof out->confirm, address + strlen(address) - 4);
    plan_path(out, "deletes", f->path, "");
    plan_line(out, "the key of", "%s", address);
    if (out->in_use)
        plan_line(out, "which is", "the wallet in use here; afterwards there is none");
    plan_line(out, "sealed", kind == SU_WALLET_SEALED ? "yes" : "no");
    rc = f->copy ? check_copy(o, f, out, e) : SU_OK;
    if (!rc)
        rc = weigh(o, f, out, e);
    if (!rc && f->copy)
        plan_path(out, "copy", f->copy, " has the same key");
    if (!rc)
        plan_line(out, "for good",
                  f->copy ? "this file cannot be brought back" : "nobody can bring this key back");
    return rc;
}

enum su_code su_ops_delete_commit(struct su_ops *o, const struct su_ops_delete *f,
                                  const struct su_ops_delete_plan *p, struct su_err *e)
{
    uint8_t mark[32];
    enum su_code rc = f->copy ? su_wallet_file_mark(f->copy, mark, e) : SU_OK;

    if (!rc && f->copy && memcmp(mark, p->copy_mark, 32) != 0)
        rc = su_fail(e, SU_EBUSY, f->copy, "has changed since it was looked at; look again");
    if (!rc)
        rc = su_wallet_delete(f->path, p->mark, e);
    if (!rc && p->in_use) {
        su_peer_self_free(o->self); /* it speaks with the wallet's key */
        o->self = NULL;
        su_wallet_close(o->wallet);
        o->wallet = NULL;
    }
    return rc;
}
