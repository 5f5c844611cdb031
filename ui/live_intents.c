// SPDX-License-Identifier: MIT
/* Each kind of intent in terms of ops, on the worker thread. */
#include "ui/live_priv.h"
#include "ui/widgets/format.h"

#include <string.h>
#include <unistd.h>

#define VALID_MS 120000 /* as long as the wallet holds what it was shown */
#define REPEATS 2
#define READY_MS 10000 /* a new feed may take to have answers */

static const char *given(const struct su_ui_intent *i, size_t k)
{
    return i->field[k][0] ? i->field[k] : NULL;
}

static void line(struct su_ui_result *r, const char *label, const char *text)
{
    if (r->n_line == SU_OPS_LINES_MAX)
        return;
    su_str_copy(r->line[r->n_line].label, sizeof r->line[0].label, label);
    su_str_copy(r->line[r->n_line++].text, sizeof r->line[0].text, text);
}

/* ---- preparing ---------------------------------------------------------------------------------- */

static void say(void *ctx, const char *text)
{
    struct su_ui_live *l = ctx;
    struct su_ui_result r = {.outcome = SU_UI_PROGRESS, .kind = l->now.kind, .token = l->token};

    su_str_copy(r.text, sizeof r.text, text);
    ui_live_push(l, &r);
}

static enum su_code prepare_run(struct su_ui_live *l, struct su_err *e)
{
    const struct su_ui_runner *runner = l->options.runner;
    const struct su_ui_hooks hooks = {l, say, ui_live_cancelled};
    struct su_ops_request f = {.model = l->now.field[0], .max_steps = 1, .repeats = REPEATS};
    enum su_code rc;

    if (!runner)
        return su_fail(e, SU_EUNSUPPORTED, "run", "nothing can be run from here");
    su_buf_clear(&l->input);
    rc = runner->input(runner->ctx, l->ops, &l->now, &hooks, &l->input, &f.max_steps, e);
    f.input = l->input.data;
    f.input_bytes = l->input.len;
    return rc ? rc : su_ops_request_prepare(l->ops, &f, &l->proposal, &l->terms, e);
}

/* ---- this machine ------------------------------------------------------------------------------- */

static enum su_code prepare_node(struct su_ui_live *l, struct su_err *e)
{
    const struct su_ui_hooks hooks = {l, say, ui_live_cancelled};
    const struct su_ui_helper *h = l->options.helper;
    struct su_ops_node f = {.vram_bytes = 1};
    struct su_wallet *w;
    enum su_code rc;

    if (!h)
        return su_fail(e, SU_EUNSUPPORTED, "node", "none is registered from here");
    /* What is missing for certain is said before the device is examined. */
    rc = su_ops_wallet(l->ops, &w, e);
    if (!rc)
        rc = h->node(h->ctx, &l->now, &hooks, &f, e);
    l->helped = !rc;
    f.endpoint = given(&l->now, 0);
    return rc ? rc : su_ops_node_prepare(l->ops, &f, &l->proposal, e);
}

static enum su_code prepare_model(struct su_ui_live *l, struct su_err *e)
{
    const struct su_ui_hooks hooks = {l, say, ui_live_cancelled};
    const struct su_ui_helper *h = l->options.helper;
    struct su_ops_model f = {.package = NULL};
    struct su_wallet *w;
    uint8_t key[32];
    enum su_code rc;

    if (!h)
        return su_fail(e, SU_EUNSUPPORTED, "deploy", "no model is deployed from here");
    ui_live_expand(l->now.field[0]);
    rc = su_ops_wallet(l->ops, &w, e);
    if (!rc)
        rc = h->model(h->ctx, &l->now, &hooks, &f, e);
    l->helped = !rc;
    return rc ? rc : su_ops_model_prepare(l->ops, &f, &l->proposal, key, e);
}

/* ---- key files ---------------------------------------------------------------------------------- */

/* Where the passphrase is that a new key file gets. */
static size_t new_secret(enum su_ui_kind kind)
{
    return kind == SU_UI_WALLET_IMPORT ? 2 : 1;
}

static size_t new_file(enum su_ui_kind kind)
{
    return kind == SU_UI_WALLET_IMPORT ? 1 : 0;
}

static enum su_code prepare_file(struct su_ui_live *l, struct su_ui_result *r, struct su_err *e)
{
    struct su_ui_intent *i = &l->now;
    const char *path = i->field[new_file(i->kind)], *address;
    enum su_wallet_kind kind;
    struct su_wallet *w;
    enum su_code rc = SU_OK;

    ui_live_expand(i->field[0]);
    if (new_file(i->kind) == 1)
        ui_live_expand(i->field[1]);
    if (access(path, F_OK) == 0)
        return su_fail(e, SU_EEXIST, path, "exists; key files are never written over");
    if (i->kind == SU_UI_WALLET_IMPORT) {
        rc = su_wallet_file_kind(i->field[0], &kind, e);
        line(r, "copies", i->field[0]);
    }
    if (i->kind == SU_UI_WALLET_EXPORT) {
        rc = su_ops_wallet(l->ops, &w, e);
        if (rc)
            return rc;
        address = su_wallet_address(w);
        line(r, "copies", su_ops_wallet_path(l->ops));
        line(r, "of", address);
        su_str_copy(r->confirm, sizeof r->confirm, address + strlen(address) - 4);
    }
    line(r, i->kind == SU_UI_WALLET_NEW ? "makes" : "to", path);
    line(r, "sealed",
         i->field[new_secret(i->kind)][0] ? "yes, under the passphrase"
                                          : "no: whoever reads the file can spend");
    if (i->kind != SU_UI_WALLET_EXPORT)
        line(r, "remember", "a lost key file cannot be replaced by anybody");
    return rc;
}

static struct su_ops_delete deletion(const struct su_ui_live *l)
{
    return (struct su_ops_delete){l->now.field[0], given(&l->now, 1)};
}

static enum su_code prepare_delete(struct su_ui_live *l, struct su_ui_result *r, struct su_err *e)
{
    struct su_ops_delete f;
    enum su_code rc;

    ui_live_expand(l->now.field[0]);
    ui_live_expand(l->now.field[1]);
    f = deletion(l);
    rc = su_ops_delete_prepare(l->ops, &f, &l->deleting, e);
    for (size_t i = 0; !rc && i < l->deleting.n_line; i++)
        line(r, l->deleting.line[i].label, l->deleting.line[i].text);
    su_str_copy(r->confirm, sizeof r->confirm, l->deleting.confirm);
    return rc;
}

/* What has no transaction of the wallet is told in lines of our own. */
static enum su_code prepare_plain(struct su_ui_live *l, struct su_ui_result *r, struct su_err *e)
{
    const struct su_ui_intent *i = &l->now;
    struct su_wallet *w;
    enum su_code rc;

    if (i->kind == SU_UI_WALLET_DELETE)
        return prepare_delete(l, r, e);
    if (i->kind != SU_UI_AIRDROP)
        return prepare_file(l, r, e);
    rc = su_ops_wallet(l->ops, &w, e);
    if (rc)
        return rc;
    line(r, "asks", su_ops_url(l->ops));
    if (given(i, 0))
        line(r, "for SOL", i->field[0]);
    if (given(i, 1))
        line(r, "for USDC", i->field[1]);
    line(r, "to", su_wallet_address(w));
    line(r, "cost", "nothing; nothing is signed");
    return SU_OK;
}

static enum su_code prepare_kind(struct su_ui_live *l, struct su_ui_result *r, struct su_err *e)
{
    const struct su_ui_intent *i = &l->now;
    const struct su_ops_stake stake = {.node = given(i, 0), .amount = given(i, 1)};
    const struct su_ops_declare declare = {.model = i->field[0], .tasks = given(i, 1)};
    uint8_t key[32];
    size_t n;

    switch (i->kind) {
    case SU_UI_DEPOSIT:
        return su_ops_deposit_prepare(l->ops, &stake, &l->proposal, e);
    case SU_UI_UNLOCK:
        return su_ops_unlock_prepare(l->ops, &stake, &l->proposal, e);
    case SU_UI_TAKE_OUT:
        return su_ops_take_out_prepare(l->ops, &stake, &l->proposal, e);
    case SU_UI_CLAIM:
        return su_ops_claim_prepare(l->ops, &stake, &l->proposal, e);
    case SU_UI_DECLARE:
        return su_ops_declare_prepare(l->ops, &declare, &l->proposal, e);
    case SU_UI_UNDECLARE:
        return su_ops_undeclare_prepare(l->ops, &declare, &l->proposal, e);
    case SU_UI_RUN:
        return prepare_run(l, e);
    case SU_UI_NODE:
        return prepare_node(l, e);
    case SU_UI_WITHDRAW:
        return su_ops_withdraw_prepare(l->ops, &l->proposal, e);
    case SU_UI_DEPLOY:
        return prepare_model(l, e);
    case SU_UI_DROP:
        if (!su_base58_decode(i->field[0], key, sizeof key, &n) || n != sizeof key)
            return su_fail(e, SU_EINVAL, "Request", "not an address");
        return su_ops_cancel_prepare(l->ops, key, &l->proposal, e);
    case SU_UI_REFUND:
        return su_ops_refund_prepare(l->ops, &l->proposal, e);
    default:
        return prepare_plain(l, r, e);
    }
}

/* What has to be typed: the amount, or whose node it is. */
static void confirm_text(const struct su_ui_live *l, struct su_ui_result *r)
{
    char text[SU_OPS_AMOUNT_TEXT];
    const char *address;
    struct su_wallet *w;
    uint64_t amount;

    if (l->now.kind == SU_UI_WITHDRAW) {
        if (su_ops_identity(l->ops, false, &w, NULL))
            return;
        address = su_wallet_address(w);
        su_str_copy(r->confirm, sizeof r->confirm, address + strlen(address) - 4);
    } else if (su_ops_amount_parse(l->now.field[1], "amount", SU_OPS_USDC, &amount, NULL) ==
               SU_OK) {
        su_str_copy(r->confirm, sizeof r->confirm, su_ops_amount_number(amount, SU_OPS_USDC, text));
    } else {
        su_str_copy(r->confirm, sizeof r->confirm, "all");
    }
}

enum su_code ui_live_prepare(struct su_ui_live *l, struct su_ui_result *r, struct su_err *e)
{
    const struct su_ops_proposal *p = &l->proposal;
    struct su_wallet *w;
    enum su_code rc = prepare_kind(l, r, e);

    if (rc)
        return rc;
    if (p->title) {
        su_str_copy(r->title, sizeof r->title, p->title);
        r->tier = p->tier;
        r->n_tx = p->n_tx;
        r->n_line = p->n_line;
        memcpy(r->line, p->line, sizeof r->line);
        r->valid_ms = VALID_MS;
        confirm_text(l, r);
    }
    su_str_copy(r->signer, sizeof r->signer, "nobody");
    if (!p->title || su_ops_wallet(l->ops, &w, NULL))
        return SU_OK;
    ui_key_short(su_wallet_public_key(w), r->signer);
    ui_live_keep(l, w);
    return SU_OK;
}

/* ---- carrying out ------------------------------------------------------------------------------- */

static void on_progress(void *ctx, const struct su_ops_progress *p)
{
    struct su_ui_live *l = ctx;
    struct su_ui_result r = {.outcome = SU_UI_PROGRESS, .kind = l->now.kind, .token = l->token};

    if (p->tx == 0)
        su_progress_init(&l->sending, p->n_tx, "transactions", su_clock_mono_ns());
    su_progress_set(&l->sending, p->tx, su_clock_mono_ns());
    if (p->n_tx < 3)
        snprintf(r.text, sizeof r.text, "transaction %zu of %zu is on its way", p->tx + 1, p->n_tx);
    else
        su_progress_line(&l->sending, r.text, sizeof r.text);
    ui_live_push(l, &r);
}

static bool chain_answers(struct su_ui_live *l)
{
    const struct su_feed_snapshot *s;
    bool ok;

    pthread_mutex_lock(&l->mutex);
    s = su_feed_take(l->feed);
    pthread_mutex_unlock(&l->mutex);
    ok = s->source[SU_FEED_CHAIN].ok;
    su_feed_release(s);
    return ok;
}

static enum su_code open_feed(struct su_ui_live *l, struct su_err *e)
{
    struct su_feed *fresh = NULL, *old;
    struct su_err late;
    enum su_code rc = su_feed_open(&l->options.feed, &fresh, e);

    if (rc)
        return rc;
    /* Where the chain answers, the new one takes over with its answers: nothing flickers. */
    if (chain_answers(l) && su_feed_ready(fresh, READY_MS, &late))
        su_feed_note(fresh, SU_FEED_WARN, "ui", "%s", late.msg);
    pthread_mutex_lock(&l->mutex);
    old = l->feed;
    l->feed = fresh;
    pthread_mutex_unlock(&l->mutex);
    su_feed_close(old);
    return SU_OK;
}

enum su_code ui_live_renew_feed(struct su_ui_live *l, const uint8_t *wallet,
                                const uint8_t *identity, struct su_err *e)
{
    struct su_feed_options *f = &l->options.feed;

    if ((f->wallet || !wallet) && (f->identity || !identity))
        return SU_OK;
    if (!f->wallet && wallet)
        f->wallet = memcpy(l->wallet_key, wallet, 32);
    if (!f->identity && identity)
        f->identity = memcpy(l->identity_key, identity, 32);
    return open_feed(l, e);
}

enum su_code ui_live_forget_wallet(struct su_ui_live *l, struct su_err *e)
{
    l->options.feed.wallet = NULL;
    return open_feed(l, e);
}

/* A sealed source asks for its passphrase once more, also where the wallet is open. */
static enum su_code copy_key(struct su_ui_live *l, const char *from, uint8_t key[32],
                             struct su_err *e)
{
    const struct su_ui_intent *i = &l->now;
    char secret[SU_WALLET_PASSPHRASE_MAX + 1] = "";
    enum su_wallet_kind kind = SU_WALLET_PLAIN;
    size_t n = 0;
    enum su_code rc = su_wallet_file_kind(from, &kind, e);

    if (!rc && kind == SU_WALLET_SEALED)
        rc = ui_live_passphrase(l, from, false, secret, sizeof secret - 1, &n, e);
    if (!rc)
        rc = su_wallet_copy(from, n ? secret : NULL, i->field[new_file(i->kind)],
                            given(i, new_secret(i->kind)), key, e);
    explicit_bzero(secret, sizeof secret);
    return rc;
}

static enum su_code commit_file(struct su_ui_live *l, struct su_ui_result *r, struct su_err *e)
{
    const struct su_ui_intent *i = &l->now;
    const char *path = i->field[new_file(i->kind)];
    bool used = strcmp(path, su_ops_wallet_path(l->ops)) == 0;
    char text[UI_FORMAT];
    uint8_t key[32];
    enum su_code rc;

    if (i->kind == SU_UI_WALLET_NEW)
        rc = su_wallet_create(path, given(i, 1), key, e);
    else if (i->kind == SU_UI_WALLET_IMPORT)
        rc = copy_key(l, i->field[0], key, e);
    else
        rc = copy_key(l, su_ops_wallet_path(l->ops), key, e);
    if (rc)
        return rc;
    if (i->kind == SU_UI_WALLET_EXPORT)
        snprintf(r->text, sizeof r->text, "Written to %.400s", path);
    else
        snprintf(r->text, sizeof r->text, "Written. The address is %s%s%.300s",
                 ui_key_full(key, text), used ? "" : ". To use it, start with --keypair ",
                 used ? "" : path);
    if (i->kind == SU_UI_WALLET_EXPORT || !used)
        return SU_OK;
    r->sealed = given(i, new_secret(i->kind)) != NULL;
    return ui_live_renew_feed(l, key, NULL, e);
}

static enum su_code commit_delete(struct su_ui_live *l, struct su_ui_result *r, struct su_err *e)
{
    const struct su_ops_delete f = deletion(l);
    struct su_wallet *kept = l->wallet;
    enum su_code rc;

    if (l->deleting.in_use)
        ui_live_keep(l, NULL); /* before ops closes it */
    rc = su_ops_delete_commit(l->ops, &f, &l->deleting, e);
    if (rc) {
        ui_live_keep(l, kept);
        return rc;
    }
    r->gone = l->deleting.in_use;
    snprintf(r->text, sizeof r->text, "Deleted: %.400s", f.path);
    if (r->gone && ui_live_forget_wallet(l, e))
        snprintf(r->text, sizeof r->text, "Deleted. What it owned is shown until the app is left");
    return SU_OK;
}

static enum su_code commit_plain(struct su_ui_live *l, struct su_ui_result *r, struct su_err *e)
{
    const struct su_ui_intent *i = &l->now;
    const struct su_ops_airdrop drop = {.sol = given(i, 0), .usdc = given(i, 1)};
    struct su_wallet *w;
    enum su_code rc;

    if (i->kind == SU_UI_WALLET_DELETE)
        return commit_delete(l, r, e);
    if (i->kind != SU_UI_AIRDROP)
        return commit_file(l, r, e);
    rc = su_ops_wallet(l->ops, &w, e);
    if (!rc)
        rc = su_ops_airdrop(l->ops, &drop, su_wallet_public_key(w), e);
    if (!rc)
        su_str_copy(r->text, sizeof r->text, "The test money has landed.");
    return rc;
}

static enum su_code begin_follow(struct su_ui_live *l, struct su_ui_result *r, struct su_err *e)
{
    const struct su_ops_follow_options o = {
        .input = l->input.data, .input_bytes = l->input.len, .repeats = REPEATS, .claim = true};

    su_ops_follow_close(l->follow);
    l->follow = NULL;
    l->told = UINT32_MAX;
    l->options.runner->begin(l->options.runner->ctx);
    pthread_mutex_lock(&l->mutex);
    l->stop = false;
    pthread_mutex_unlock(&l->mutex);
    memcpy(r->execution, l->terms.execution, 32);
    return su_ops_follow_open(l->ops, l->terms.execution, &o, &l->follow, e);
}

enum su_code ui_live_commit(struct su_ui_live *l, struct su_ui_result *r, struct su_err *e)
{
    struct su_ops_receipt receipt = {.landed = 0};
    struct su_wallet *w;
    char fee[UI_FORMAT];
    enum su_code rc;

    if (!l->proposal.title)
        return commit_plain(l, r, e);
    rc = su_ops_commit(l->ops, &l->proposal, on_progress, l, &receipt, e);
    r->maybe = rc && receipt.sent;
    if (!rc && l->now.kind == SU_UI_RUN)
        rc = begin_follow(l, r, e);
    if (!rc && l->now.kind == SU_UI_NODE && su_ops_identity(l->ops, false, &w, NULL) == SU_OK)
        rc = ui_live_renew_feed(l, NULL, su_wallet_public_key(w), e);
    if (!rc && l->proposal.n_tx == 0)
        snprintf(r->text, sizeof r->text, "Nothing was left to do: %s. Nothing was signed",
                 l->proposal.title);
    else if (!rc)
        snprintf(r->text, sizeof r->text, "Done: %s. Slot %llu, fee %s SOL", l->proposal.title,
                 (unsigned long long)receipt.slot, ui_sol(receipt.fee_lamports, fee));
    pthread_mutex_lock(&l->mutex);
    su_feed_note(l->feed, rc ? SU_FEED_WARN : SU_FEED_INFO, "ops", "%s: %s", l->proposal.title,
                 rc ? e->msg : "landed");
    if (!rc && l->now.kind == SU_UI_RUN)
        su_feed_watch(l->feed, l->terms.execution);
    su_feed_hurry(l->feed);
    pthread_mutex_unlock(&l->mutex);
    return rc;
}

/* ---- following ---------------------------------------------------------------------------------- */

static void tell(struct su_ui_live *l, const struct su_ops_follow_state *s, struct su_ui_result *r)
{
    const struct su_ui_runner *runner = l->options.runner;
    struct su_ui_news *n = &r->news;

    memcpy(r->execution, s->execution, 32);
    runner->output(runner->ctx, s, n);
    n->provisional = s->provisional;
    n->final = s->final;
    n->failed = s->ended && !s->final;
    if (n->failed)
        snprintf(n->text, sizeof n->text, "No result: %s. What was held comes back",
                 s->void_cause ? su_ops_void_word(s->void_cause) : "its output never came");
    ui_live_push(l, r);
}

static void stop_if_asked(struct su_ui_live *l)
{
    pthread_mutex_lock(&l->mutex);
    bool stop = l->stop;
    l->stop = false;
    pthread_mutex_unlock(&l->mutex);
    if (stop)
        su_ops_follow_stop(l->follow);
}

void ui_live_follow(struct su_ui_live *l, uint32_t wait_ms)
{
    const struct su_ops_follow_state *s;
    struct su_ui_result r = {.outcome = SU_UI_PROGRESS, .kind = SU_UI_RUN, .token = 1};
    struct su_err e = {.code = SU_OK};
    enum su_code rc;

    if (!l->follow)
        return;
    stop_if_asked(l);
    rc = su_ops_follow_poll(l->follow, wait_ms, &e);
    s = su_ops_follow_state(l->follow);
    if (!rc && s->changes != l->told) {
        l->told = s->changes;
        tell(l, s, &r);
    }
    if (rc && rc != SU_ECANCELLED) {
        memcpy(r.execution, s->execution, 32);
        r.news.failed = true;
        snprintf(r.news.text, sizeof r.news.text, "Not followed any more: %s", e.msg);
        ui_live_push(l, &r);
    }
    if ((rc && rc != SU_ECANCELLED) || s->ended) {
        su_ops_follow_close(l->follow);
        l->follow = NULL;
        pthread_mutex_lock(&l->mutex);
        su_feed_hurry(l->feed);
        pthread_mutex_unlock(&l->mutex);
    }
}
