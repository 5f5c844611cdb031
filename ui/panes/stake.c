// SPDX-License-Identifier: MIT
/* Stake: nodes of this wallet; below each, tickets that unlock and tasks that hold a reserve. The
   strip above tells the wallet. */
#include "ui/panes/panes.h"

static const struct su_feed_node *node_at(const struct ui_view *v, uint32_t item)
{
    return &v->s->node[item];
}

static const struct su_feed_ticket *ticket_at(const struct su_feed_snapshot *s,
                                              const struct su_feed_node *n, uint32_t k)
{
    for (size_t i = 0; i < s->n_ticket; i++)
        if (memcmp(s->ticket[i].node, n->identity, 32) == 0 && k-- == 0)
            return &s->ticket[i];
    return NULL;
}

static uint32_t tickets(const struct su_feed_snapshot *s, const struct su_feed_node *n)
{
    uint32_t k = 0;

    for (size_t i = 0; i < s->n_ticket; i++)
        k += memcmp(s->ticket[i].node, n->identity, 32) == 0;
    return k;
}

static bool holds(const struct su_feed_part *p, const struct su_feed_node *n)
{
    return p->flags & SU_TASKF_OPEN && memcmp(p->node, n->identity, 32) == 0;
}

static const struct su_feed_part *reserve_at(const struct su_feed_snapshot *s,
                                             const struct su_feed_node *n, uint32_t k)
{
    for (size_t i = 0; i < s->n_part; i++)
        if (holds(&s->part[i], n) && k-- == 0)
            return &s->part[i];
    return NULL;
}

static uint32_t reserves(const struct su_feed_snapshot *s, const struct su_feed_node *n)
{
    uint32_t k = 0;

    for (size_t i = 0; n->stake_reserved > 0 && i < s->n_part; i++)
        k += holds(&s->part[i], n);
    return k;
}

/* What a child row is: a ticket, or a reserve for an open task; NULL and NULL for the node itself. */
static void child(const struct ui_view *v, struct ui_row r, const struct su_feed_ticket **t,
                  const struct su_feed_part **p)
{
    const struct su_feed_node *n = node_at(v, r.item);
    uint32_t k = r.sub ? tickets(v->s, n) : 0;

    *t = NULL;
    *p = NULL;
    if (r.sub && r.sub <= k)
        *t = ticket_at(v->s, n, r.sub - 1);
    else if (r.sub)
        *p = reserve_at(v->s, n, r.sub - 1 - k);
}

static void cell_node(const struct ui_view *v, struct ui_row r, bool full, struct ui_value *o)
{
    const struct su_feed_ticket *t;
    const struct su_feed_part *p;

    child(v, r, &t, &p);
    if (t)
        ui_value_set(o, "ticket %u", t->number);
    else if (p)
        ui_value_set(o, "task %u", p->task);
    else
        ui_value_key(o, full, node_at(v, r.item)->identity);
}

static void cell_state(const struct ui_view *v, struct ui_row r, bool full, struct ui_value *o)
{
    const struct su_feed_ticket *t;
    const struct su_feed_part *p;
    const struct su_feed_node *n = node_at(v, r.item);

    (void)full;
    child(v, r, &t, &p);
    if (t) {
        bool due = v->s->slot != SU_FEED_UNKNOWN && t->unlock_slot <= v->s->slot;
        ui_value_role(o, due ? UI_ROLE_OK : UI_ROLE_TEXT, due ? "due" : "unlocks");
    } else if (p) {
        ui_value_role(o, UI_ROLE_TEXT, "reserved");
    } else if (n->stake_free + n->stake_reserved == 0) {
        ui_value_role(o, UI_ROLE_DIM, "empty");
    } else {
        ui_value_role(o, UI_ROLE_OK, "active");
    }
}

UI_CELL_OF_ITEM(cell_free, ui_value_money(o, full, node_at(v, r.item)->stake_free, 6))
UI_CELL_OF_ITEM(cell_reserved, ui_value_money(o, full, node_at(v, r.item)->stake_reserved, 6))

static void cell_unlocking(const struct ui_view *v, struct ui_row r, bool full, struct ui_value *o)
{
    const struct su_feed_ticket *t;
    const struct su_feed_part *p;

    child(v, r, &t, &p);
    if (t)
        ui_value_money(o, full, t->amount, 6);
    else if (p)
        ui_value_none(o, full);
    else
        ui_value_money(o, full, node_at(v, r.item)->stake_unlocking, 6);
}

static void cell_unlock(const struct ui_view *v, struct ui_row r, bool full, struct ui_value *o)
{
    const struct su_feed_ticket *t;
    const struct su_feed_part *p;

    child(v, r, &t, &p);
    if (t && full)
        ui_value_count(o, true, t->unlock_slot);
    else if (t)
        ui_slots_until(v->s, t->unlock_slot, o->text);
    else
        ui_value_none(o, full);
}

UI_CELL_OF_ITEM(cell_earned, ui_value_money(o, full, node_at(v, r.item)->earned, 6))

static void cell_slashed(const struct ui_view *v, struct ui_row r, bool full, struct ui_value *o)
{
    (void)full;
    if (r.sub)
        ui_value_none(o, full);
    else
        ui_value_set(o, "%u", node_at(v, r.item)->slashed);
    if (!r.sub && node_at(v, r.item)->slashed > 0)
        o->role = UI_ROLE_BAD;
}

UI_SORT_KEY(key_node, ui_sort_key(node_at(v, i)->identity))
UI_SORT_KEY(key_free, node_at(v, i)->stake_free)
UI_SORT_KEY(key_reserved, node_at(v, i)->stake_reserved)
UI_SORT_KEY(key_unlocking, node_at(v, i)->stake_unlocking)
UI_SORT_KEY(key_earned, node_at(v, i)->earned)
UI_SORT_KEY(key_slashed, node_at(v, i)->slashed)

static const struct ui_col columns[] = {
    {"node", "NODE", 14, 0, false, false, UI_COL_TEXT, cell_node, key_node},
    {"state", "STATE", 8, 1, false, false, UI_COL_STATE, cell_state, key_free},
    {"free", "FREE USDC", 13, 2, false, true, UI_COL_TEXT, cell_free, key_free},
    {"reserved", "RESERVED", 12, 3, false, true, UI_COL_TEXT, cell_reserved, key_reserved},
    {"unlocking", "UNLOCKING", 12, 4, false, true, UI_COL_TEXT, cell_unlocking, key_unlocking},
    {"unlock_slot", "UNLOCKS", 14, 5, true, false, UI_COL_NUMBER, cell_unlock, key_unlocking},
    {"earned", "EARNED", 12, 6, false, true, UI_COL_TEXT, cell_earned, key_earned},
    {"slashed", "SLASHED", 7, 7, false, true, UI_COL_NUMBER, cell_slashed, key_slashed},
};

static size_t count(const struct ui_view *v)
{
    return v->s->n_node;
}

static bool shown(const struct ui_view *v, uint32_t item)
{
    return node_at(v, item)->own_owner;
}

static size_t children(const struct ui_view *v, uint32_t item)
{
    const struct su_feed_node *n = node_at(v, item);

    return (size_t)tickets(v->s, n) + reserves(v->s, n);
}

static void id(const struct ui_view *v, struct ui_row r, struct ui_id *out)
{
    memcpy(out->b, node_at(v, r.item)->identity, 32);
}

static const struct ui_source table = {
    .col = columns,
    .n_col = SU_ARRAY_LEN(columns),
    .sort = 2,
    .desc = true,
    .count = count,
    .id = id,
    .children = children,
    .shown = shown,
};

static const struct ui_source *source(const struct ui_app *app)
{
    (void)app;
    return &table;
}

/* A transaction costs 5000 lamports a signature; a node that works sends a few an hour. */
static void fee_days(uint64_t lamports, char out[UI_FORMAT])
{
    const uint64_t per_day = 5000u * 24u * 12u;

    char years[UI_FORMAT];

    if (lamports == SU_FEED_UNKNOWN)
        out[0] = 0;
    else if (lamports / per_day >= 1000)
        snprintf(out, UI_FORMAT, "(%s years of fees)", ui_count(lamports / per_day / 365, years));
    else
        snprintf(out, UI_FORMAT, "(%" PRIu64 " days of fees)", lamports / per_day);
}

static void top(const struct ui_app *app, struct ui_area a)
{
    const struct su_feed_snapshot *s = app->snap;
    uint64_t free = 0, reserved = 0, unlocking = 0, earned = 0;
    char one[UI_FORMAT], keys[UI_HINT];
    int x;

    if (!s->has_wallet) {
        ui_hint_text(app, a, 1, 0, UI_ROLE_WARN,
                     app->sealed ? "The wallet is locked: {wallet}, then u shows what it has."
                                 : "No wallet: {wallet} makes or imports one.");
        return;
    }
    for (size_t i = 0; i < s->n_node; i++)
        if (s->node[i].own_owner) {
            free += s->node[i].stake_free;
            reserved += s->node[i].stake_reserved;
            unlocking += s->node[i].stake_unlocking;
            earned += s->node[i].earned;
        }
    x = ui_pair(a, 1, 0, "Wallet", UI_ROLE_TEXT, ui_key_short(s->wallet, one));
    x = ui_pair(a, x, 0, "USDC", UI_ROLE_MONEY, ui_money(s->wallet_usdc, 6, one));
    x = ui_pair(a, x, 0, "SOL", UI_ROLE_MONEY, ui_sol(s->wallet_lamports, one));
    fee_days(s->wallet_lamports, one);
    ui_text(a, x - 2, 0, UI_ROLE_DIM, one);
    x = ui_pair(a, 1, 1, "Staked free", UI_ROLE_MONEY, ui_money(free, 6, one));
    x = ui_pair(a, x, 1, "reserved", UI_ROLE_MONEY, ui_money(reserved, 6, one));
    ui_pair(a, x, 1, "unlocking", UI_ROLE_MONEY, ui_money(unlocking, 6, one));
    x = ui_pair(a, 1, 2, "Earned, to claim", UI_ROLE_MONEY, ui_money(earned, 6, one));
    if (s->refund > 0)
        ui_pair(a, x, 2, ui_hint(app, "refund to claim ({refund})", keys), UI_ROLE_MONEY,
                ui_money(s->refund, 6, one));
}

static const char *title(const struct ui_app *app, const struct ui_row *row, char out[128])
{
    char key[UI_FORMAT];

    if (!row)
        return "";
    snprintf(out, 128, "%s", ui_key_named(app->snap->node[row->item].identity, key));
    return out;
}

static void money_label(uint64_t v, char *out, size_t cap)
{
    char text[UI_FORMAT];

    su_str_copy(out, cap, ui_money(v, 2, text));
}

static void small_money_label(uint64_t v, char *out, size_t cap)
{
    char text[UI_FORMAT];

    su_str_copy(out, cap, ui_money(v, 6, text));
}

static void earnings(const struct su_feed_snapshot *s, struct ui_area a)
{
    uint64_t value[SU_FEED_HISTORY];
    size_t n = SU_MIN(s->n_earned, (size_t)SU_FEED_HISTORY);

    for (size_t i = 0; i < n; i++)
        value[i] = s->earned[s->n_earned - n + i].value;
    if (n == 0) {
        ui_text(a, 1, 0, UI_ROLE_DIM, "no earnings seen yet");
    } else if (a.r.h >= 3) {
        ui_text(a, 1, 0, UI_ROLE_DIM, "earned so far, USDC");
        ui_columns(ui_area_sub(a, 0, 1, a.r.w, a.r.h - 1), value, n, UI_ROLE_OK,
                   value[n - 1] < 10000000u ? small_money_label : money_label);
    } else {
        char last[UI_FORMAT];
        int x = ui_text(a, 1, 0, UI_ROLE_DIM, "earned so far ");
        ui_spark(a, x, 0, SU_MIN(a.r.w - x - 20, (int)n), value, n, UI_ROLE_OK);
        ui_text(a, SU_MIN(a.r.w - 19, x + (int)n + 1), 0, UI_ROLE_MONEY,
                ui_money(value[n - 1], 6, last));
    }
}

static void detail(const struct ui_app *app, const struct ui_row *row, struct ui_area a)
{
    const struct su_feed_snapshot *s = app->snap;
    const struct su_feed_node *n;
    char one[UI_FORMAT];
    uint64_t need = 0;
    int x;

    if (!row)
        return;
    n = &s->node[row->item];
    x = ui_textf(a, 1, 0, UI_ROLE_TEXT, "completed %u  verified %u  checks %u  failed %u",
                 n->completed, n->verified, n->checks, n->failed);
    ui_textf(a, x + 2, 0, n->slashed ? UI_ROLE_BAD : UI_ROLE_TEXT, "slashed %u", n->slashed);
    if (s->set_up && su_econ_base_stake(&s->params, n->vram_bytes, &need))
        x = ui_pair(a, 1, 1, "needed to declare", UI_ROLE_MONEY, ui_money(need, 6, one));
    ui_hint_text(app, a, x, 1, UI_ROLE_DIM,
                 "{stake} add  {unstake} unstake  {take-out} take out  {claim} claim");
    if (a.r.h > 2)
        earnings(s, ui_area_sub(a, 0, 2, a.r.w, a.r.h - 2));
}

static void empty(const struct ui_app *app, struct ui_area a)
{
    if (!app->snap->has_wallet && app->sealed) {
        ui_text(a, 4, 1, UI_ROLE_TEXT, "Stake belongs to a wallet, and yours is locked.");
        ui_hint_text(app, a, 6, 3, UI_ROLE_TEXT, "{wallet:4}then u: unlock it");
        return;
    }
    if (!app->snap->has_wallet) {
        ui_text(a, 4, 1, UI_ROLE_TEXT, "Stake belongs to a wallet, and there is none.");
        ui_hint_text(app, a, 6, 3, UI_ROLE_TEXT, "{wallet:4}create or import a wallet");
        ui_text(a, 4, 5, UI_ROLE_TEXT, "From the shell:  splitup wallet new");
        return;
    }
    ui_text(a, 4, 1, UI_ROLE_TEXT, "No node of this wallet is registered.");
    ui_hint_text(app, a, 6, 3, UI_ROLE_TEXT, "{airdrop:4}test money, where the cluster gives some");
    ui_hint_text(app, a, 6, 4, UI_ROLE_TEXT,
                 "{node:4}enter this machine's node, then {stake} stakes on it");
    ui_hint_text(app, a, 6, 5, UI_ROLE_TEXT, "{stake:4}put stake on any node");
    ui_text(a, 4, 7, UI_ROLE_TEXT, "From the shell:  splitup node register");
}

static bool request(struct ui_app *app, int req)
{
    if (req == UI_REQ_CLAIM)
        ui_open_form(app, SU_UI_CLAIM);
    else if (req == UI_REQ_TAKE_OUT)
        ui_open_form(app, SU_UI_TAKE_OUT);
    else if (req == UI_REQ_AIRDROP)
        ui_open_form(app, SU_UI_AIRDROP);
    else
        return false;
    return true;
}

static bool key(const struct ui_app *app, struct ui_row row, char out[64])
{
    ui_key_full(app->snap->node[row.item].identity, out);
    return true;
}

static const uint8_t *address(const struct ui_app *app, struct ui_row row, size_t i)
{
    const struct su_feed_node *n = &app->snap->node[row.item];

    return i == 0 ? n->identity : i == 1 ? n->owner : NULL;
}

const struct ui_pane_ops ui_pane_stake = {
    .name = "stake",
    .title = "Stake",
    .source = source,
    .top_rows = 3,
    .detail_rows = 3,
    .top = top,
    .detail_title = title,
    .detail = detail,
    .empty = empty,
    .request = request,
    .key = key,
    .address = address,
};
