// SPDX-License-Identifier: MIT
/* Forms: fields with their first values, checked before anything is asked of the chain. */
#include "ui/panes/panes.h"

static bool may_open(struct ui_app *app)
{
    if (app->readonly)
        ui_say(app, UI_ROLE_WARN, "Read-only: started with --readonly");
    else if (app->pending != UI_PENDING_NONE)
        ui_say(app, UI_ROLE_WARN, "One transaction at a time: the last one is under way");
    else
        return true;
    return false;
}

bool ui_may_sign(struct ui_app *app)
{
    const struct su_feed_snapshot *s = app->snap;

    if (!app->readonly && (!s || !s->source[SU_FEED_CHAIN].ok)) {
        ui_say(app, UI_ROLE_WARN, "Off until the chain answers");
        return false;
    }
    return may_open(app);
}

bool ui_needs_chain(enum su_ui_kind kind)
{
    return kind < SU_UI_WALLET_EXPORT;
}

/* Only a command that was typed goes on where keys that spend are off. */
static bool is_off(const struct ui_app *app, enum su_ui_kind kind)
{
    return app->no_spend_keys && !app->by_command &&
           (ui_needs_chain(kind) || ui_intent_def(kind)->tier >= SU_OPS_TIER_TYPED);
}

bool ui_key_is_off(const struct ui_app *app, const struct ui_key_row *r)
{
    return r->tier >= 2 && (app->readonly || app->no_spend_keys);
}

static const struct su_feed_node *node_for(const struct ui_app *app)
{
    struct ui_row r;

    if ((app->pane == UI_PANE_STAKE ||
         (app->pane == UI_PANE_BEATS && !(app->variant[UI_PANE_BEATS] & UI_VARIANT_ORACLES))) &&
        ui_selected(app, &r))
        return &app->snap->node[r.item];
    return ui_own_node(app->snap);
}

/* Exactly, in the largest unit that holds it whole. */
static void size_text(uint64_t bytes, char *out, size_t cap)
{
    static const char *const unit[] = {"", "KB", "MB", "GB"};
    size_t i = 0;

    while (i < 3 && bytes % 1024 == 0 && bytes > 0) {
        bytes /= 1024;
        i++;
    }
    snprintf(out, cap, "%" PRIu64 "%s", bytes, unit[i]);
}

static const struct su_feed_node *machine_node(const struct su_feed_snapshot *s)
{
    return s && s->has_identity ? ui_node_find(s, s->identity) : NULL;
}

static void first_value(struct ui_app *app, enum ui_field_source source, struct ui_input *in)
{
    const struct su_feed_node *n = app->snap ? node_for(app) : NULL;
    char text[SU_UI_TEXT] = "";
    struct ui_row r;

    in->secret = source == UI_FIELD_SECRET;
    switch (source) {
    case UI_FIELD_NODE:
        if (n)
            ui_key_full(n->identity, text);
        else
            su_str_copy(text, sizeof text, "own");
        break;
    case UI_FIELD_MODEL:
        if (app->pane == UI_PANE_RUN && app->run.has_model)
            ui_key_full(app->run.model, text);
        else if (app->pane == UI_PANE_MODELS && ui_selected(app, &r))
            ui_key_full(app->snap->model[r.item].key, text);
        break;
    case UI_FIELD_EXECUTION:
        if (app->pane == UI_PANE_RUN && app->run.has_execution)
            ui_key_full(app->run.execution, text);
        if (app->pane == UI_PANE_TASKS && ui_selected(app, &r))
            ui_key_full(app->snap->execution[r.item].key, text);
        break;
    case UI_FIELD_PROMPT:
        in->lines = true;
        ui_input_set(in, app->run.prompt.text);
        return;
    case UI_FIELD_TOKENS:
        snprintf(text, sizeof text, "%u",
                 app->run.prompt.len == 0 ? 1
                 : app->run.tokens        ? app->run.tokens
                                          : UI_TOKENS);
        break;
    case UI_FIELD_PATH:
        su_str_copy(text, sizeof text, app->wallet_path);
        break;
    case UI_FIELD_ENDPOINT:
        if (machine_node(app->snap))
            su_str_copy(text, sizeof text, machine_node(app->snap)->endpoint);
        break;
    case UI_FIELD_VRAM:
        if (machine_node(app->snap))
            size_text(machine_node(app->snap)->vram_bytes, text, sizeof text);
        break;
    default:
        break;
    }
    ui_input_set(in, text);
}

void ui_open_form(struct ui_app *app, enum su_ui_kind kind)
{
    const struct ui_intent_def *def = ui_intent_def(kind);
    char keys[UI_HINT];

    if (is_off(app, kind)) {
        ui_say(app, UI_ROLE_WARN, "Keys that spend are off (--no-spend-keys): type  :%s",
               ui_command_word(kind));
        return;
    }
    if (ui_needs_chain(kind) ? !ui_may_sign(app) : !may_open(app))
        return;
    if (ui_needs_chain(kind) && !app->snap->has_wallet) {
        ui_say(app, UI_ROLE_WARN, "%s",
               ui_hint(app,
                       app->sealed ? "Wallet is locked: {wallet}, then u"
                                   : "There is no wallet yet: {wallet} makes one",
                       keys));
        return;
    }
    if (ui_intent_fields(def) == 0) {
        app->intent = (struct su_ui_intent){.kind = kind, .step = SU_UI_PREPARE};
        app->pending = UI_PENDING_PREPARE;
        app->pending_kind = kind;
        app->pending_ms = app->now_ms;
        app->progress[0] = 0;
        app->form.def = def;
        app->mode = UI_WAIT;
        ui_act(app, UI_ACT_SUBMIT);
        return;
    }
    for (size_t i = 0; i < SU_UI_FIELDS; i++)
        ui_input_wipe(&app->form.in[i]);
    app->form = (struct ui_form){.def = def};
    app->form.err_field = SU_UI_FIELDS;
    for (size_t i = 0; i < ui_intent_fields(def); i++) {
        first_value(app, def->field[i].source, &app->form.in[i]);
        if (app->form.in[app->form.focus].len > 0 && i == app->form.focus + 1)
            app->form.focus = i; /* the first field that is to be filled in */
    }
    app->mode = UI_FORM;
}

/* ---- checks ------------------------------------------------------------------------------------ */

static const char *given(const struct ui_form *f, size_t i)
{
    return f->in[i].len ? f->in[i].text : NULL;
}

static enum su_code check_stake(const struct ui_form *f, struct su_err *e, size_t *field)
{
    struct su_ops_stake s = {.node = given(f, 0), .amount = given(f, 1)};
    uint8_t key[64];
    size_t n;

    *field = 0;
    if (s.node && strcmp(s.node, "own") != 0 &&
        (!su_base58_decode(s.node, key, sizeof key, &n) || n != 32))
        return su_fail(e, SU_EINVAL, "Node", "not an identity; or `own` for this machine's");
    *field = 1;
    if (f->def->kind == SU_UI_DEPOSIT)
        return su_ops_deposit_check(&s, e);
    if (f->def->kind == SU_UI_UNLOCK)
        return su_ops_unlock_check(&s, e);
    return SU_OK;
}

/* What the snapshot already tells; ops decides. */
static enum su_code check_funds(const struct ui_app *app, const struct ui_form *f, struct su_err *e)
{
    char have[SU_OPS_AMOUNT_TEXT];
    uint64_t amount, most = app->snap->wallet_usdc;
    enum su_code rc;

    if (f->def->kind != SU_UI_DEPOSIT || most == SU_FEED_UNKNOWN)
        return SU_OK;
    rc = su_ops_amount_parse(f->in[1].text, "Amount", SU_OPS_USDC, &amount, e);
    if (!rc && amount > most)
        rc = su_fail(e, SU_ELIMIT, "Amount", "more than the wallet holds (%s)",
                     su_ops_amount_text(most, SU_OPS_USDC, have));
    return rc;
}

static enum su_code check_secret(const struct ui_form *f, struct su_err *e, size_t *field)
{
    *field = f->def->kind == SU_UI_WALLET_IMPORT ? 1 : 0;
    if (f->in[*field].len == 0)
        return su_fail(e, SU_EINVAL, "File", "a path is needed");
    if (f->def->kind == SU_UI_WALLET_DELETE)
        return SU_OK;
    if (f->def->kind != SU_UI_WALLET_IMPORT && strcmp(f->in[1].text, f->in[2].text) != 0) {
        *field = 2;
        return su_fail(e, SU_EINVAL, "Again", "the two passphrases differ");
    }
    if (f->def->kind == SU_UI_WALLET_IMPORT && f->in[0].len == 0) {
        *field = 0;
        return su_fail(e, SU_EINVAL, "From", "a path is needed");
    }
    return SU_OK;
}

static enum su_code check_run(const struct ui_app *app, const struct ui_form *f, struct su_err *e,
                              size_t *field)
{
    uint64_t tokens;
    uint8_t key[64];
    size_t n, dark = 0;

    *field = 0;
    if (!su_base58_decode(f->in[0].text, key, sizeof key, &n) || n != 32)
        return su_fail(e, SU_EINVAL, "Model", "not an address");
    for (size_t i = 0; i < SU_UI_PIXELS; i++)
        dark += app->run.pixel[i] > 0;
    *field = 1;
    if (f->in[1].len == 0 && dark == 0)
        return su_fail(e, SU_EINVAL, "Prompt", "type one, or draw a digit first");
    *field = 2;
    return f->in[2].len == 0 ? SU_OK : su_parse_u64(f->in[2].text, "Tokens", 1, 65536, &tokens, e);
}

static enum su_code check_node(const struct ui_form *f, struct su_err *e, size_t *field)
{
    struct su_ops_node n = {.endpoint = given(f, 0), .vram_bytes = 1};
    enum su_code rc = su_ops_node_check(&n, e);

    *field = 0;
    if (rc || !given(f, 1))
        return rc;
    *field = 1;
    rc = su_parse_size(f->in[1].text, "Memory", &n.vram_bytes, e);
    return rc ? rc : su_ops_node_check(&n, e);
}

static enum su_code check_deploy(const struct ui_form *f, struct su_err *e, size_t *field)
{
    const char *url = f->in[5].text;
    uint64_t n = 1;
    enum su_code rc;

    *field = 0;
    if (!given(f, 0))
        return su_fail(e, SU_EINVAL, "Model", "a name, a file or a folder is needed");
    *field = 1;
    rc = su_parse_size(f->in[1].text, "Memory", &n, e);
    if (!rc && n == 0)
        rc = su_fail(e, SU_EINVAL, "Memory", "0 bytes; give a size such as 300KB or 12GB");
    for (size_t i = 2; i <= 3 && !rc; i++) {
        *field = i;
        if (given(f, i))
            rc = su_parse_u64(f->in[i].text, f->def->field[i].label, 1, i == 2 ? 1u << 20 : 65536,
                              &n, e);
    }
    if (rc)
        return rc;
    *field = 4;
    if (f->in[4].len > SU_NAME_MAX)
        return su_fail(e, SU_ELIMIT, "Name", "is longer than %u bytes", SU_NAME_MAX);
    *field = 5;
    if (*url && !su_str_starts(url, "http://") && !su_str_starts(url, "https://") &&
        strcmp(url, "sha256") != 0)
        return su_fail(e, SU_EINVAL, "Served at", "give http://HOST:PORT, or sha256");
    return SU_OK;
}

static enum su_code check_address(const struct ui_form *f, struct su_err *e)
{
    uint8_t key[64];
    size_t n;

    if (!su_base58_decode(f->in[0].text, key, sizeof key, &n) || n != 32)
        return su_fail(e, SU_EINVAL, f->def->field[0].label, "not an address");
    return SU_OK;
}

static enum su_code check(const struct ui_app *app, const struct ui_form *f, struct su_err *e,
                          size_t *field)
{
    const struct su_ops_airdrop drop = {.sol = given(f, 0), .usdc = given(f, 1)};
    const struct su_ops_declare declare = {.model = f->in[0].text, .tasks = given(f, 1)};
    enum su_code rc;

    *field = 0;
    switch (f->def->kind) {
    case SU_UI_DEPOSIT:
    case SU_UI_UNLOCK:
    case SU_UI_TAKE_OUT:
    case SU_UI_CLAIM:
        rc = check_stake(f, e, field);
        return rc ? rc : check_funds(app, f, e);
    case SU_UI_AIRDROP:
        return su_ops_airdrop_check(&drop, e);
    case SU_UI_DECLARE:
    case SU_UI_UNDECLARE:
        return su_ops_declare_check(&declare, e);
    case SU_UI_RUN:
        return check_run(app, f, e, field);
    case SU_UI_DROP:
        return check_address(f, e);
    case SU_UI_NODE:
        return check_node(f, e, field);
    case SU_UI_DEPLOY:
        return check_deploy(f, e, field);
    default:
        return check_secret(f, e, field);
    }
}

/* A name of one's own becomes the address that it is of: what is asked for, and shown, is that. */
static void resolve(const struct ui_app *app, struct ui_form *f)
{
    char text[UI_FORMAT];

    for (size_t k = 0; k < ui_intent_fields(f->def); k++) {
        enum ui_field_source source = f->def->field[k].source;
        const struct ui_label *named = ui_labels_named(&app->labels, f->in[k].text);
        if (named &&
            (source == UI_FIELD_NODE || source == UI_FIELD_MODEL || source == UI_FIELD_EXECUTION))
            ui_input_set(&f->in[k], ui_key_full(named->key, text));
    }
}

void ui_form_submit(struct ui_app *app)
{
    struct ui_form *f = &app->form;
    struct su_ui_intent *i = &app->intent;

    resolve(app, f);
    if (check(app, f, &f->err, &f->err_field)) {
        f->focus = f->err_field;
        app->mode = UI_FORM;
        return;
    }
    *i = (struct su_ui_intent){.kind = f->def->kind, .step = SU_UI_PREPARE};
    for (size_t k = 0; k < SU_UI_FIELDS; k++)
        su_str_copy(i->field[k], SU_UI_TEXT, f->in[k].text);
    if (i->kind == SU_UI_RUN)
        i->prompt = f->in[1].text;
    if (i->kind == SU_UI_RUN && f->in[1].len == 0) {
        i->drawn = true;
        memcpy(i->pixel, app->run.pixel, sizeof i->pixel);
    }
    f->err_field = SU_UI_FIELDS;
    app->progress[0] = 0;
    app->pending = UI_PENDING_PREPARE;
    app->pending_kind = i->kind;
    app->pending_ms = app->now_ms;
    app->mode = UI_WAIT;
    ui_act(app, UI_ACT_SUBMIT);
}
