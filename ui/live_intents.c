// SPDX-License-Identifier: MIT
/* Each kind of intent in terms of ops, on the worker thread. */
#include "ui/live_priv.h"
#include "ui/widgets/format.h"

#include <string.h>
#include <unistd.h>

#define VALID_MS 120000 /* as long as the wallet holds what it was shown */
#define REPEATS 2

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

static enum su_code prepare_run(struct su_ui_live *l, struct su_err *e)
{
    const struct su_ui_runner *runner = l->options.runner;
    struct su_ops_request f = {.model = l->now.field[0], .max_steps = 1, .repeats = REPEATS};
    enum su_code rc;

    if (!runner)
        return su_fail(e, SU_EUNSUPPORTED, "run", "nothing can be run from here");
    su_buf_clear(&l->input);
    rc = runner->input(runner->ctx, l->ops, &l->now, &l->input, &f.max_steps, e);
    f.input = l->input.data;
    f.input_bytes = l->input.len;
    return rc ? rc : su_ops_request_prepare(l->ops, &f, &l->proposal, &l->terms, e);
}

/* What has no transaction of the wallet is told in lines of our own. */
static enum su_code prepare_plain(struct su_ui_live *l, struct su_ui_result *r, struct su_err *e)
{
    const struct su_ui_intent *i = &l->now;
    const char *path = i->kind == SU_UI_WALLET_NEW ? i->field[0] : i->field[1];
    struct su_wallet *w;
    enum su_code rc = SU_OK;

    if (i->kind == SU_UI_AIRDROP) {
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
    if (access(path, F_OK) == 0)
        return su_fail(e, SU_EEXIST, path, "exists; key files are never written over");
    if (i->kind == SU_UI_WALLET_IMPORT)
        line(r, "copies", i->field[0]);
    line(r, i->kind == SU_UI_WALLET_NEW ? "makes" : "to", path);
    line(r, "sealed",
         i->field[i->kind == SU_UI_WALLET_NEW ? 1 : 2][0] ? "yes, under the passphrase"
                                                          : "no: whoever reads the file can spend");
    line(r, "remember", "a lost key file cannot be replaced by anybody");
    return SU_OK;
}

static enum su_code prepare_kind(struct su_ui_live *l, struct su_ui_result *r, struct su_err *e)
{
    const struct su_ui_intent *i = &l->now;
    const struct su_ops_stake stake = {.node = given(i, 0), .amount = given(i, 1)};
    const struct su_ops_declare declare = {.model = i->field[0], .tasks = given(i, 1)};

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
    default:
        return prepare_plain(l, r, e);
    }
}

static void confirm_text(const struct su_ui_live *l, struct su_ui_result *r)
{
    char text[SU_OPS_AMOUNT_TEXT];
    uint64_t amount;

    if (su_ops_amount_parse(l->now.field[1], "amount", SU_OPS_USDC, &amount, NULL) == SU_OK)
        su_str_copy(r->confirm, sizeof r->confirm, su_ops_amount_number(amount, SU_OPS_USDC, text));
    else
        su_str_copy(r->confirm, sizeof r->confirm, "all");
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
    if (p->title && su_ops_wallet(l->ops, &w, NULL) == SU_OK)
        ui_key_short(su_wallet_public_key(w), r->signer);
    return SU_OK;
}

/* ---- carrying out ------------------------------------------------------------------------------- */

static void on_progress(void *ctx, const struct su_ops_progress *p)
{
    struct su_ui_live *l = ctx;
    struct su_ui_result r = {.outcome = SU_UI_PROGRESS, .kind = l->now.kind, .token = l->token};

    snprintf(r.text, sizeof r.text, "transaction %zu of %zu is on its way", p->tx + 1, p->n_tx);
    ui_live_push(l, &r);
}

enum su_code ui_live_renew_feed(struct su_ui_live *l, const uint8_t key[32], struct su_err *e)
{
    struct su_feed *fresh = NULL, *old;
    enum su_code rc;

    if (l->options.feed.wallet)
        return SU_OK;
    memcpy(l->wallet_key, key, 32);
    l->options.feed.wallet = l->wallet_key;
    l->options.feed.cache_path = NULL; /* the old one has it open */
    rc = su_feed_open(&l->options.feed, &fresh, e);
    if (rc)
        return rc;
    pthread_mutex_lock(&l->mutex);
    old = l->feed;
    l->feed = fresh;
    pthread_mutex_unlock(&l->mutex);
    su_feed_close(old);
    return SU_OK;
}

static enum su_code commit_plain(struct su_ui_live *l, struct su_ui_result *r, struct su_err *e)
{
    const struct su_ui_intent *i = &l->now;
    const struct su_ops_airdrop drop = {.sol = given(i, 0), .usdc = given(i, 1)};
    struct su_wallet *w;
    uint8_t key[32];
    enum su_code rc;

    if (i->kind == SU_UI_AIRDROP) {
        rc = su_ops_wallet(l->ops, &w, e);
        if (!rc)
            rc = su_ops_airdrop(l->ops, &drop, su_wallet_public_key(w), e);
        if (!rc)
            su_str_copy(r->text, sizeof r->text, "The test money has landed.");
        return rc;
    }
    if (i->kind == SU_UI_WALLET_NEW)
        rc = su_wallet_create(i->field[0], given(i, 1), key, e);
    else
        rc = su_wallet_copy(i->field[0], NULL, i->field[1], given(i, 2), key, e);
    if (!rc) {
        char text[UI_FORMAT];
        snprintf(r->text, sizeof r->text, "Written. The address is %s", ui_key_full(key, text));
        rc = ui_live_renew_feed(l, key, e);
    }
    return rc;
}

static enum su_code begin_follow(struct su_ui_live *l, struct su_ui_result *r, struct su_err *e)
{
    const struct su_ops_follow_options o = {
        .input = l->input.data, .input_bytes = l->input.len, .repeats = REPEATS, .claim = true};

    su_ops_follow_close(l->follow);
    l->follow = NULL;
    l->told = UINT32_MAX;
    l->output[0] = 0;
    memcpy(r->execution, l->terms.execution, 32);
    return su_ops_follow_open(l->ops, l->terms.execution, &o, &l->follow, e);
}

enum su_code ui_live_commit(struct su_ui_live *l, struct su_ui_result *r, struct su_err *e)
{
    struct su_ops_receipt receipt = {.landed = 0};
    char fee[UI_FORMAT];
    enum su_code rc;

    if (!l->proposal.title)
        return commit_plain(l, r, e);
    rc = su_ops_commit(l->ops, &l->proposal, on_progress, l, &receipt, e);
    r->maybe = rc && receipt.sent;
    if (!rc && l->now.kind == SU_UI_RUN)
        rc = begin_follow(l, r, e);
    if (!rc)
        snprintf(r->text, sizeof r->text, "Done: %s. Slot %llu, fee %s SOL%s", l->proposal.title,
                 (unsigned long long)receipt.slot, ui_sol(receipt.fee_lamports, fee),
                 l->now.kind == SU_UI_RUN ? ". Watch it in pane 6" : "");
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

static void tell(struct su_ui_live *l, const struct su_ops_follow_state *s)
{
    const struct su_ui_runner *runner = l->options.runner;
    struct su_ui_result r = {.outcome = SU_UI_PROGRESS, .kind = SU_UI_RUN, .token = 1};

    memcpy(r.execution, s->execution, 32);
    r.final = s->final;
    runner->output(runner->ctx, s, r.text, sizeof r.text);
    if (s->ended && !s->final)
        snprintf(r.text, sizeof r.text, "No result: %s. What was held comes back",
                 s->void_cause ? su_ops_void_word(s->void_cause) : "its output never came");
    if (strcmp(r.text, l->output) == 0 && !s->ended)
        return;
    su_str_copy(l->output, sizeof l->output, r.text);
    ui_live_push(l, &r);
}

void ui_live_follow(struct su_ui_live *l, uint32_t wait_ms)
{
    const struct su_ops_follow_state *s;
    struct su_ui_result r = {.outcome = SU_UI_PROGRESS, .kind = SU_UI_RUN, .token = 1};
    struct su_err e = {.code = SU_OK};
    enum su_code rc;

    if (!l->follow)
        return;
    rc = su_ops_follow_poll(l->follow, wait_ms, &e);
    s = su_ops_follow_state(l->follow);
    if (!rc && s->changes != l->told) {
        l->told = s->changes;
        tell(l, s);
    }
    if (rc && rc != SU_ECANCELLED) {
        snprintf(r.text, sizeof r.text, "Not followed any more: %.360s", e.msg);
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
