// SPDX-License-Identifier: MIT
/* Heartbeats: nodes with their last beats, or the oracles who count them. */
#include "ui/panes/panes.h"

static const char *const words[] = {"?", "down", "late", "load", "drain", "UNFIT", "ok"};
static const enum ui_role roles[] = {UI_ROLE_DIM,  UI_ROLE_BAD, UI_ROLE_WARN, UI_ROLE_TEXT,
                                     UI_ROLE_TEXT, UI_ROLE_BAD, UI_ROLE_OK};

static const struct su_feed_node *node_at(const struct ui_view *v, struct ui_row r)
{
    return &v->s->node[r.item];
}

static void cell_node(const struct ui_view *v, struct ui_row r, bool full, struct ui_value *o)
{
    const struct su_feed_node *n = node_at(v, r);

    ui_value_key(o, full, n->identity);
    if (!full && n->own_identity)
        strcat(o->text, " *");
}

static void cell_state(const struct ui_view *v, struct ui_row r, bool full, struct ui_value *o)
{
    unsigned s = node_at(v, r)->state;

    (void)full;
    if (s < SU_ARRAY_LEN(words))
        ui_value_role(o, roles[s], words[s]);
}

UI_CELL(cell_endpoint, ui_value_set(o, "%s", node_at(v, r)->endpoint))
UI_CELL(cell_stake,
        ui_value_money(o, full, node_at(v, r)->stake_free + node_at(v, r)->stake_reserved, 0))
UI_CELL(cell_tasks, ui_value_set(o, "%u", node_at(v, r)->declared))
UI_CELL(cell_last, ui_value_time(o, full, v->wall_ms, node_at(v, r)->last_beat_ms))

static void cell_missed(const struct ui_view *v, struct ui_row r, bool full, struct ui_value *o)
{
    if (node_at(v, r)->missed == UINT32_MAX)
        ui_value_set(o, full ? "" : "?");
    else
        ui_value_set(o, "%u", node_at(v, r)->missed);
}

static void cell_rtt(const struct ui_view *v, struct ui_row r, bool full, struct ui_value *o)
{
    if (node_at(v, r)->rtt_ms == UINT32_MAX)
        ui_value_none(o, full);
    else
        ui_value_set(o, "%u", node_at(v, r)->rtt_ms);
}

UI_CELL(cell_vram, ui_value_bytes(o, full, node_at(v, r)->vram_bytes))

static void cell_beats(const struct ui_view *v, struct ui_row r, bool full, struct ui_value *o)
{
    const struct su_feed_node *n = node_at(v, r);
    size_t shown = full ? SU_FEED_BEATS : 24;

    for (size_t i = 0; i < shown; i++) {
        uint8_t b = n->beats[SU_FEED_BEATS - shown + i];
        o->text[i] = full ? (char)(b == 2 ? '-' : '0' + (b & 1)) : b == 2 ? ' ' : b ? '|' : '.';
    }
    o->text[shown] = 0;
    o->role = roles[n->state < SU_ARRAY_LEN(roles) ? n->state : 0];
}

UI_SORT_KEY(key_node, ui_sort_key(v->s->node[i].identity))
UI_SORT_KEY(key_state, v->s->node[i].state)
UI_SORT_KEY(key_stake, v->s->node[i].stake_free + v->s->node[i].stake_reserved)
UI_SORT_KEY(key_tasks, v->s->node[i].declared)
UI_SORT_KEY(key_last, ~ui_sort_time(v->s->node[i].last_beat_ms))
UI_SORT_KEY(key_missed, v->s->node[i].missed)
UI_SORT_KEY(key_rtt, v->s->node[i].rtt_ms)
UI_SORT_KEY(key_vram, v->s->node[i].vram_bytes)

static const struct ui_col node_columns[] = {
    {"node", "NODE", 12, 0, false, false, UI_COL_TEXT, cell_node, key_node},
    {"state", "STATE", 6, 1, false, false, UI_COL_STATE, cell_state, key_state},
    {"last_ms", "LAST", 6, 2, false, true, UI_COL_NUMBER, cell_last, key_last},
    {"missed", "MISSED", 6, 4, false, true, UI_COL_NUMBER, cell_missed, key_missed},
    {"rtt_ms", "RTT", 5, 5, false, true, UI_COL_NUMBER, cell_rtt, key_rtt},
    {"declared", "TASKS", 5, 6, false, true, UI_COL_NUMBER, cell_tasks, key_tasks},
    {"beats", "BEATS, NEWEST RIGHT", 24, 3, false, false, UI_COL_TEXT, cell_beats, key_missed},
    {"stake", "STAKE USDC", 12, 7, false, true, UI_COL_TEXT, cell_stake, key_stake},
    {"vram_bytes", "MEMORY", 8, 8, false, true, UI_COL_NUMBER, cell_vram, key_vram},
    {"endpoint", "ENDPOINT", 22, 9, true, false, UI_COL_TEXT, cell_endpoint, NULL},
};

static size_t node_count(const struct ui_view *v)
{
    return v->s->n_node;
}

static bool node_shown(const struct ui_view *v, uint32_t item)
{
    const struct su_feed_node *n = &v->s->node[item];

    return !(v->variant & UI_VARIANT_OWN) || n->own_identity || n->own_owner;
}

static void node_id(const struct ui_view *v, struct ui_row r, struct ui_id *out)
{
    memcpy(out->b, node_at(v, r)->identity, 32);
}

static bool node_match(const struct ui_view *v, uint32_t item, const char *needle)
{
    const struct su_feed_node *n = &v->s->node[item];

    return (n->state < SU_ARRAY_LEN(words) && ui_match_text(words[n->state], needle)) ||
           ui_match_text(n->endpoint, needle) || ui_match_key(n->identity, needle);
}

static bool node_alert(const struct ui_view *v, struct ui_row r)
{
    unsigned s = node_at(v, r)->state;

    return s == SU_FEED_NODE_DOWN || s == SU_FEED_NODE_LATE || s == SU_FEED_NODE_UNFIT;
}

static const struct ui_source nodes = {
    .col = node_columns,
    .n_col = SU_ARRAY_LEN(node_columns),
    .sort = 1,
    .desc = true,
    .count = node_count,
    .id = node_id,
    .shown = node_shown,
    .match = node_match,
    .alert = node_alert,
};

/* ---- oracles ----------------------------------------------------------------------------------- */

static const struct su_feed_oracle *oracle_at(const struct ui_view *v, struct ui_row r)
{
    return &v->s->oracle[r.item];
}

UI_CELL(oracle_key, ui_value_key(o, full, oracle_at(v, r)->key))

static void oracle_state(const struct ui_view *v, struct ui_row r, bool full, struct ui_value *o)
{
    const struct su_feed_oracle *d = oracle_at(v, r);

    (void)full;
    if (!d->in_epoch)
        ui_value_role(o, UI_ROLE_DIM, "out");
    else if (d->answers)
        ui_value_role(o, UI_ROLE_OK, "ok");
    else
        ui_value_role(o, UI_ROLE_BAD, "down");
}

static void oracle_age(const struct ui_view *v, struct ui_row r, bool full, struct ui_value *o)
{
    int64_t age = oracle_at(v, r)->age_ms;

    if (full)
        ui_value_time(o, true, 0, age);
    else
        ui_age(age, age == INT64_MIN ? age : 0, o->text);
}

UI_CELL(oracle_round, ui_value_set(o, "%u", oracle_at(v, r)->round))
UI_CELL(oracle_votes, ui_value_set(o, "%u", oracle_at(v, r)->votes))

static void oracle_silent(const struct ui_view *v, struct ui_row r, bool full, struct ui_value *o)
{
    (void)full;
    ui_value_set(o, "%u", oracle_at(v, r)->silent);
    if (oracle_at(v, r)->silent > 0)
        o->role = UI_ROLE_WARN;
}

UI_CELL(oracle_bond, ui_value_money(o, full, oracle_at(v, r)->bond, 0))
UI_CELL(oracle_endpoint, ui_value_set(o, "%s", oracle_at(v, r)->endpoint))

UI_SORT_KEY(key_oracle, ui_sort_key(v->s->oracle[i].key))
UI_SORT_KEY(key_age, ui_sort_time(v->s->oracle[i].age_ms))
UI_SORT_KEY(key_votes, v->s->oracle[i].votes)
UI_SORT_KEY(key_silent, v->s->oracle[i].silent)
UI_SORT_KEY(key_bond, v->s->oracle[i].bond)
UI_SORT_KEY(key_round, v->s->oracle[i].round)

static const struct ui_col oracle_columns[] = {
    {"oracle", "ORACLE", 12, 0, false, false, UI_COL_TEXT, oracle_key, key_oracle},
    {"state", "STATE", 6, 1, false, false, UI_COL_STATE, oracle_state, key_age},
    {"age_ms", "HEARD", 6, 2, false, true, UI_COL_NUMBER, oracle_age, key_age},
    {"round", "ROUND", 8, 3, false, true, UI_COL_NUMBER, oracle_round, key_round},
    {"votes", "VOTES", 7, 4, false, true, UI_COL_NUMBER, oracle_votes, key_votes},
    {"silent", "SILENT", 6, 5, false, true, UI_COL_NUMBER, oracle_silent, key_silent},
    {"bond", "BOND USDC", 12, 6, false, true, UI_COL_TEXT, oracle_bond, key_bond},
    {"endpoint", "ENDPOINT", 22, 7, true, false, UI_COL_TEXT, oracle_endpoint, NULL},
};

static size_t oracle_count(const struct ui_view *v)
{
    return v->s->n_oracle;
}

static void oracle_id(const struct ui_view *v, struct ui_row r, struct ui_id *out)
{
    memcpy(out->b, oracle_at(v, r)->key, 32);
}

static bool oracle_alert(const struct ui_view *v, struct ui_row r)
{
    return oracle_at(v, r)->in_epoch && !oracle_at(v, r)->answers;
}

static const struct ui_source oracles = {
    .col = oracle_columns,
    .n_col = SU_ARRAY_LEN(oracle_columns),
    .sort = -1,
    .count = oracle_count,
    .id = oracle_id,
    .alert = oracle_alert,
};

static bool shows_oracles(const struct ui_app *app)
{
    return app->variant[UI_PANE_BEATS] & UI_VARIANT_ORACLES;
}

static const struct ui_source *source(const struct ui_app *app)
{
    return shows_oracles(app) ? &oracles : &nodes;
}

/* ---- details ----------------------------------------------------------------------------------- */

static const char *title(const struct ui_app *app, const struct ui_row *row, char out[128])
{
    char key[UI_FORMAT];
    const struct su_feed_node *n;

    if (!row)
        return "";
    if (shows_oracles(app)) {
        snprintf(out, 128, "oracle %s", ui_key_named(app->snap->oracle[row->item].key, key));
        return out;
    }
    n = &app->snap->node[row->item];
    snprintf(out, 128, "%s%s", ui_key_named(n->identity, key),
             n->own_identity ? " (this machine's node)" : "");
    return out;
}

static void own_detail(const struct ui_app *app, struct ui_area a, int y)
{
    const struct su_feed_own *own = &app->snap->own;
    char one[UI_FORMAT], two[UI_FORMAT];
    int x;

    if (!own->known) {
        ui_text(a, 1, y, UI_ROLE_DIM, "this machine's node does not answer");
        return;
    }
    x = ui_textf(a, 1, y, UI_ROLE_TEXT, "%s  %s  %s of %s  beats %u of %u heard", own->device,
                 own->backend, ui_bytes(own->vram_used_bytes, one), ui_bytes(own->vram_bytes, two),
                 own->beats_acknowledged, own->beats_sent);
    ui_textf(a, x + 2, y, UI_ROLE_DIM, "up %s", ui_age((int64_t)own->uptime_ms, 0, one));
    for (uint32_t i = 0; i < own->n_task && y + 1 < a.r.h; i++) {
        const struct su_feed_own_task *t = &own->task[i];
        y++;
        x = ui_textf(a, 1, y, UI_ROLE_TEXT, "%s task %-3u %-9s", ui_key_short(t->model, one),
                     t->index, t->state);
        if (t->total_bytes > 0) {
            ui_bar(a, x + 1, y, 20, t->done_bytes, t->total_bytes, UI_ROLE_OK);
            ui_textf(a, x + 22, y, UI_ROLE_TEXT, "%s of %s", ui_bytes(t->done_bytes, one),
                     ui_bytes(t->total_bytes, two));
        }
        ui_text(a, x + 44, y, UI_ROLE_BAD, t->error);
    }
}

static void node_detail(const struct ui_app *app, const struct su_feed_node *n, struct ui_area a)
{
    char one[UI_FORMAT];
    int x = ui_pair(a, 1, 0, "owner", UI_ROLE_TEXT, ui_key_named(n->owner, one));

    ui_pair(a, x, 0, "at", UI_ROLE_TEXT, n->endpoint[0] ? n->endpoint : "-");
    if (n->own_identity) {
        own_detail(app, a, 1);
        return;
    }
    x = ui_pair(a, 1, 1, "stake free", UI_ROLE_MONEY, ui_money(n->stake_free, 6, one));
    x = ui_pair(a, x, 1, "reserved", UI_ROLE_MONEY, ui_money(n->stake_reserved, 6, one));
    ui_textf(a, x, 1, UI_ROLE_TEXT, "verified %u  failed %u  slashed %u", n->verified, n->failed,
             n->slashed);
}

static void beat_grid(const struct ui_app *app, struct ui_area a)
{
    const struct ui_table *t = &app->table[UI_PANE_BEATS];

    ui_text(a, 1, 0, UI_ROLE_DIM, "last 60 beats of the nodes listed, newest right");
    for (int y = 1; y < a.r.h && t->top + (size_t)y - 1 < t->n; y++) {
        const struct su_feed_node *n = &app->snap->node[t->row[t->top + (size_t)y - 1].item];
        char one[UI_FORMAT];
        ui_text(a, 1, y, UI_ROLE_TEXT, ui_key_short(n->identity, one));
        for (int i = 0; i < (int)SU_FEED_BEATS; i++)
            ui_put(a, 13 + i, y,
                   n->beats[i] == 2 ? ' '
                   : n->beats[i]    ? 0x2588
                                    : '.',
                   n->beats[i] ? UI_ROLE_OK : UI_ROLE_BAD);
    }
}

static void detail(const struct ui_app *app, const struct ui_row *row, struct ui_area a)
{
    char one[UI_FORMAT];

    if (!row)
        return;
    if (shows_oracles(app)) {
        const struct su_feed_oracle *o = &app->snap->oracle[row->item];
        ui_pair(a, 1, 0, "owner", UI_ROLE_TEXT, ui_key_named(o->owner, one));
        ui_pair(a, 1, 1, "earned", UI_ROLE_MONEY, ui_money(o->earned, 6, one));
        return;
    }
    node_detail(app, &app->snap->node[row->item], a);
    if (a.r.h > 6)
        beat_grid(app,
                  ui_area_sub(a, 0, app->snap->node[row->item].own_identity ? 5 : 3, a.r.w, a.r.h));
}

static void empty(const struct ui_app *app, struct ui_area a)
{
    ui_textf(a, 4, 1, UI_ROLE_TEXT, "No %s on %s.", shows_oracles(app) ? "oracles" : "nodes",
             app->snap->cluster);
    ui_hint_text(app, a, 6, 3, UI_ROLE_TEXT, "{oracles:4}nodes, oracles    {only-own:4}mine, all");
    ui_hint_text(app, a, 6, 4, UI_ROLE_TEXT, "{node:4}enter this machine's node");
    ui_text(a, 4, 6, UI_ROLE_TEXT, "From the shell:  splitup node register");
}

static bool request(struct ui_app *app, int req)
{
    unsigned bit = req == UI_REQ_ORACLES ? UI_VARIANT_ORACLES : UI_VARIANT_OWN;

    if (req != UI_REQ_ORACLES && req != UI_REQ_ONLY_OWN)
        return false;
    app->variant[UI_PANE_BEATS] ^= bit;
    return true;
}

static bool key(const struct ui_app *app, struct ui_row row, char out[64])
{
    ui_key_full(shows_oracles(app) ? app->snap->oracle[row.item].key
                                   : app->snap->node[row.item].identity,
                out);
    return true;
}

static const uint8_t *address(const struct ui_app *app, struct ui_row row, size_t i)
{
    const struct su_feed_oracle *o = &app->snap->oracle[row.item];
    const struct su_feed_node *n = &app->snap->node[row.item];

    if (shows_oracles(app))
        return i == 0 ? o->key : i == 1 ? o->owner : NULL;
    return i == 0 ? n->identity : i == 1 ? n->owner : NULL;
}

const struct ui_pane_ops ui_pane_beats = {
    .name = "beats",
    .title = "Beats",
    .source = source,
    .detail_rows = 3,
    .detail_title = title,
    .detail = detail,
    .empty = empty,
    .request = request,
    .key = key,
    .address = address,
};
