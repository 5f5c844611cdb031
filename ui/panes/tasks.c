// SPDX-License-Identifier: MIT
/* Tasks: executions and, below them, their tasks with where each one's time goes. */
#include "ui/panes/panes.h"

static const struct su_feed_execution *exec_at(const struct ui_view *v, uint32_t item)
{
    return &v->s->execution[item];
}

static const struct su_feed_part *part_at(const struct ui_view *v, struct ui_row r)
{
    return &v->s->part[v->s->execution[r.item].first_part + r.sub - 1];
}

static void cell_task(const struct ui_view *v, struct ui_row r, bool full, struct ui_value *o)
{
    if (r.sub)
        ui_value_set(o, "task %u", part_at(v, r)->task);
    else
        ui_value_key(o, full, exec_at(v, r.item)->key);
}

static void cell_state(const struct ui_view *v, struct ui_row r, bool full, struct ui_value *o)
{
    enum ui_role role;
    const char *word =
        r.sub ? ui_task_word(part_at(v, r)->state, &role) : ui_exec_word(exec_at(v, r.item), &role);

    (void)full;
    ui_value_role(o, role, word);
}

static void cell_model(const struct ui_view *v, struct ui_row r, bool full, struct ui_value *o)
{
    if (r.sub && !full)
        ui_value_key(o, false, part_at(v, r)->node);
    else
        ui_value_set(o, "%s", exec_at(v, r.item)->model_name);
}

static void progress(const struct ui_view *v, struct ui_row r, uint64_t *part, uint64_t *whole)
{
    const struct su_feed_execution *e = exec_at(v, r.item);

    if (r.sub) {
        const struct su_feed_part *p = part_at(v, r);
        *whole = e->max_steps;
        *part = p->flags & SU_TASKF_COMMITTED ? e->max_steps
                : p->steps_done == UINT32_MAX ? 0
                                              : SU_MIN(p->steps_done, e->max_steps);
        return;
    }
    /* Assigning, committing and revealing of each task, and the end. */
    *whole = 3ull * e->task_count + 1;
    *part = (uint64_t)e->assigned + e->committed + e->revealed;
    if (e->state == SU_EXEC_SETTLED)
        *part = *whole;
}

static void cell_progress(const struct ui_view *v, struct ui_row r, bool full, struct ui_value *o)
{
    progress(v, r, &o->part, &o->whole);
    o->role = UI_ROLE_OK;
    if (o->whole > 0)
        ui_value_set(o, full ? "%u" : "%u%%",
                     (unsigned)((double)SU_MIN(o->part, o->whole) / (double)o->whole * 100));
}

static void cell_role(const struct ui_view *v, struct ui_row r, bool full, struct ui_value *o)
{
    const struct su_feed_execution *e = exec_at(v, r.item);

    (void)full;
    if (!r.sub) {
        ui_value_set(o, "%u tasks%s", e->task_count, e->own ? " mine" : "");
        return;
    }
    ui_value_set(o, "%s%s%s", part_at(v, r)->flags & SU_TASKF_SAMPLED ? "sampled " : "",
                 part_at(v, r)->attempt ? "again " : "", part_at(v, r)->backend);
}

static void cell_times(const struct ui_view *v, struct ui_row r, bool full, struct ui_value *o)
{
    const struct su_feed_part *p;
    char a[UI_FORMAT], b[UI_FORMAT], c[UI_FORMAT];

    if (!r.sub) {
        ui_value_none(o, full);
        return;
    }
    p = part_at(v, r);
    ui_value_set(o, "%s/%s/%s", ui_ms(p->compute_ms, a), ui_ms(p->wait_ms, b),
                 ui_ms(p->network_ms, c));
}

static void cell_steps(const struct ui_view *v, struct ui_row r, bool full, struct ui_value *o)
{
    (void)full;
    if (!r.sub)
        ui_value_set(o, "%u", exec_at(v, r.item)->max_steps);
    else if (part_at(v, r)->steps_done == UINT32_MAX)
        ui_value_set(o, full ? "" : "?");
    else
        ui_value_set(o, "%u", part_at(v, r)->steps_done);
}

UI_CELL_OF_ITEM(cell_age, ui_value_time(o, full, v->wall_ms, exec_at(v, r.item)->seen_ms))
UI_CELL(cell_fee, ui_value_money(o, full, r.sub ? part_at(v, r)->fee : exec_at(v, r.item)->fees, 6))
UI_CELL(cell_requestor,
        ui_value_key(o, full, r.sub ? part_at(v, r)->owner : exec_at(v, r.item)->requestor))

static void cell_deadline(const struct ui_view *v, struct ui_row r, bool full, struct ui_value *o)
{
    const struct su_feed_execution *e = exec_at(v, r.item);
    uint64_t slot = v->s->slot;

    if (full)
        ui_value_count(o, true, e->deadline_slot);
    else if (r.sub || e->closed || e->deadline_slot == 0 || slot == SU_FEED_UNKNOWN)
        ui_value_set(o, "-");
    else
        ui_value_set(o, "%+" PRId64, (int64_t)(e->deadline_slot - slot));
}

UI_SORT_KEY(key_task, ui_sort_key(exec_at(v, i)->key))
UI_SORT_KEY(key_state, exec_at(v, i)->state)
static uint64_t key_progress(const struct ui_view *v, uint32_t i)
{
    uint64_t part, whole;

    progress(v, (struct ui_row){i, 0}, &part, &whole);
    return part * 1000 / whole;
}

UI_SORT_KEY(key_age, ~ui_sort_time(exec_at(v, i)->seen_ms))
UI_SORT_KEY(key_fee, exec_at(v, i)->fees)
UI_SORT_KEY(key_steps, exec_at(v, i)->max_steps)
UI_SORT_KEY(key_requestor, ui_sort_key(exec_at(v, i)->requestor))
UI_SORT_KEY(key_deadline, exec_at(v, i)->deadline_slot)
UI_SORT_KEY(key_role, exec_at(v, i)->task_count)

static const struct ui_col columns[] = {
    {"execution", "TASK", 14, 0, false, false, UI_COL_TEXT, cell_task, key_task},
    {"state", "STATE", 7, 1, false, false, UI_COL_STATE, cell_state, key_state},
    {"model", "MODEL", 12, 2, true, false, UI_COL_TEXT, cell_model, NULL},
    {"role", "ROLE", 13, 5, false, false, UI_COL_TEXT, cell_role, key_role},
    {"progress", "PROGRESS", 14, 3, true, false, UI_COL_BAR, cell_progress, key_progress},
    {"seen_ms", "AGE", 6, 4, false, true, UI_COL_NUMBER, cell_age, key_age},
    {"times_ms", "RUN/WAIT/NET", 15, 7, false, true, UI_COL_TEXT, cell_times, key_age},
    {"fee", "FEE USDC", 10, 6, false, true, UI_COL_TEXT, cell_fee, key_fee},
    {"steps", "STEPS", 7, 9, false, true, UI_COL_NUMBER, cell_steps, key_steps},
    {"requestor", "REQUESTOR", 10, 10, false, false, UI_COL_TEXT, cell_requestor, key_requestor},
    {"deadline_slot", "DEADLINE", 9, 8, false, true, UI_COL_NUMBER, cell_deadline, key_deadline},
};

static size_t count(const struct ui_view *v)
{
    return v->s->n_execution;
}

static size_t children(const struct ui_view *v, uint32_t item)
{
    return exec_at(v, item)->task_count;
}

static bool shown(const struct ui_view *v, uint32_t item)
{
    return !(v->variant & UI_VARIANT_OWN) || exec_at(v, item)->own;
}

static void id(const struct ui_view *v, struct ui_row r, struct ui_id *out)
{
    memcpy(out->b, exec_at(v, r.item)->key, 32);
}

static bool match(const struct ui_view *v, uint32_t item, const char *needle)
{
    const struct su_feed_execution *e = exec_at(v, item);
    enum ui_role role;

    return ui_match_text(e->model_name, needle) || ui_match_text(ui_exec_word(e, &role), needle) ||
           ui_match_key(e->key, needle) || ui_match_key(e->requestor, needle);
}

static bool alert(const struct ui_view *v, struct ui_row r)
{
    const struct su_feed_execution *e = exec_at(v, r.item);

    if (r.sub)
        return part_at(v, r)->state >= SU_TASK_VERIFICATION_FAILED;
    return e->faults > 0 || (e->state == SU_EXEC_VOID && e->void_cause != SU_VOID_CANCELLED) ||
           (!e->closed && e->deadline_slot > 0 && v->s->slot != SU_FEED_UNKNOWN &&
            e->state < SU_EXEC_SETTLED && e->deadline_slot < v->s->slot);
}

static const struct ui_source table = {
    .col = columns,
    .n_col = SU_ARRAY_LEN(columns),
    .sort = -1,
    .count = count,
    .id = id,
    .children = children,
    .shown = shown,
    .match = match,
    .alert = alert,
};

static const struct ui_source *source(const struct ui_app *app)
{
    (void)app;
    return &table;
}

static const char *title(const struct ui_app *app, const struct ui_row *row, char out[128])
{
    char key[UI_FORMAT];

    if (!row)
        return "";
    snprintf(out, 128, "%s", ui_key_named(app->snap->execution[row->item].key, key));
    return out;
}

static uint64_t part_ms(const struct su_feed_part *p)
{
    uint64_t n = 0;

    n += p->compute_ms == UINT32_MAX ? 0 : p->compute_ms;
    n += p->wait_ms == UINT32_MAX ? 0 : p->wait_ms;
    n += p->network_ms == UINT32_MAX ? 0 : p->network_ms;
    return n;
}

static void stage_rows(const struct su_feed_snapshot *s, const struct su_feed_execution *e,
                       struct ui_area a, int y, uint32_t from)
{
    uint64_t most = 1;

    for (uint32_t i = 0; i < e->task_count; i++)
        most = SU_MAX(most, part_ms(&s->part[e->first_part + i]));
    ui_text(a, 1, y, UI_ROLE_DIM, "TASK STATE  NODE        TIME, ms");
    y++;
    for (uint32_t i = from; i < e->task_count && y < a.r.h; i++, y++) {
        const struct su_feed_part *p = &s->part[e->first_part + i];
        char node[UI_FORMAT], b[3][UI_FORMAT];
        enum ui_role role;
        const char *word = ui_task_word(p->state, &role);
        int bar = SU_MAX(a.r.w - 60, 10);
        ui_textf(a, 1, y, UI_ROLE_TEXT, "%4u ", p->task);
        ui_textf(a, 6, y, role, "%-6s ", word);
        ui_textf(a, 13, y, UI_ROLE_TEXT, "%-11s ", ui_key_short(p->node, node));
        ui_time_bar(a, 25, y, bar, p, most);
        ui_textf(a, 26 + bar, y, UI_ROLE_TEXT, "run %s wait %s net %s", ui_ms(p->compute_ms, b[0]),
                 ui_ms(p->wait_ms, b[1]), ui_ms(p->network_ms, b[2]));
    }
}

static void detail(const struct ui_app *app, const struct ui_row *row, struct ui_area a)
{
    const struct su_feed_snapshot *s = app->snap;
    const struct su_feed_execution *e;
    char text[UI_FORMAT];
    int x;

    if (!row)
        return;
    e = &s->execution[row->item];
    x = ui_pair(a, 1, 0, "asked by", UI_ROLE_TEXT,
                e->own ? "you" : ui_key_short(e->requestor, text));
    x = ui_pair(a, x, 0, "held", UI_ROLE_MONEY, ui_money(e->escrow, 6, text));
    x = ui_pair(a, x, 0, "seed", UI_ROLE_TEXT, ui_count_short(e->seed, text));
    ui_pair(a, x, 0, "deadline", UI_ROLE_TEXT,
            e->closed ? "closed" : ui_slots_until(s, e->deadline_slot, text));
    x = ui_textf(a, 1, 1, UI_ROLE_TEXT,
                 "assigned %u  committed %u  sampled %u  checked %u  matched %u of %u", e->assigned,
                 e->committed, e->sampled, e->checked, e->matched, e->task_count);
    if (e->faults)
        ui_textf(a, x + 2, 1, UI_ROLE_BAD, "! %u faults", e->faults);
    if (a.r.h > 4)
        stage_rows(s, e, a, 2, app->mode == UI_DETAIL ? (uint32_t)app->scroll : 0);
}

static void empty(const struct ui_app *app, struct ui_area a)
{
    if (app->variant[UI_PANE_TASKS] & UI_VARIANT_OWN) {
        ui_text(a, 4, 1, UI_ROLE_TEXT, "You have asked for nothing yet.");
        ui_hint_text(app, a, 6, 3, UI_ROLE_TEXT,
                     "{pane-6:4}run a model    {only-own:4}tasks of everybody");
        return;
    }
    ui_textf(a, 4, 1, UI_ROLE_TEXT, "Nothing has been run on %s since this feed began.",
             app->snap->cluster);
    ui_hint_text(app, a, 6, 3, UI_ROLE_TEXT, "{pane-6:4}run a model and watch it here");
    ui_text(a, 4, 5, UI_ROLE_TEXT, "From the shell:  splitup run mnist@CLUSTER --input FILE");
}

static bool key(const struct ui_app *app, struct ui_row row, char out[64])
{
    ui_key_full(app->snap->execution[row.item].key, out);
    return true;
}

static const uint8_t *address(const struct ui_app *app, struct ui_row row, size_t i)
{
    const struct su_feed_execution *e = &app->snap->execution[row.item];

    return i == 0 ? e->key : i == 1 ? e->requestor : i == 2 ? e->model : NULL;
}

const struct ui_pane_ops ui_pane_tasks = {
    .name = "tasks",
    .title = "Tasks",
    .source = source,
    .detail_rows = 3,
    .detail_title = title,
    .detail = detail,
    .empty = empty,
    .request = ui_only_own,
    .key = key,
    .address = address,
};
