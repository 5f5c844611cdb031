// SPDX-License-Identifier: MIT
/* Models: what is registered, whether it can be asked, and how its plan is spread over nodes. Tree:
   model, tasks. */
#include "ui/panes/panes.h"

static const char *const words[] = {"draft", "wait", "thin", "live"};

static const struct su_feed_model *model_at(const struct ui_view *v, uint32_t item)
{
    return &v->s->model[item];
}

static const struct su_feed_task *task_at(const struct ui_view *v, struct ui_row r)
{
    return &v->s->task[v->s->model[r.item].first_task + r.sub - 1];
}

static uint64_t least(const struct ui_view *v)
{
    return v->s->set_up ? v->s->params.min_owners : 1;
}

static enum su_feed_model_state task_state(const struct ui_view *v, const struct su_feed_task *t)
{
    return t->owners < least(v)   ? SU_FEED_MODEL_WAITING
           : t->nodes <= least(v) ? SU_FEED_MODEL_THIN
                                  : SU_FEED_MODEL_LIVE;
}

static void cell_name(const struct ui_view *v, struct ui_row r, bool full, struct ui_value *o)
{
    const struct su_feed_model *m = model_at(v, r.item);
    char name[UI_LABEL_SHOWN];

    if (r.sub > 0)
        ui_value_set(o, "task %u", task_at(v, r)->index);
    else if (!full && ui_label_of(m->key, name))
        ui_value_set(o, "%s %s", name, m->name);
    else if (m->name[0] || full)
        /* Only names of one's own begin with a quote. */
        ui_value_set(o, "%s%s", !full && m->name[0] == '\'' ? "?" : "",
                     m->name + (!full && m->name[0] == '\''));
    else
        ui_key_short(m->key, o->text);
}

static void cell_state(const struct ui_view *v, struct ui_row r, bool full, struct ui_value *o)
{
    static const enum ui_role role[] = {UI_ROLE_DIM, UI_ROLE_WARN, UI_ROLE_WARN, UI_ROLE_OK};
    unsigned s = r.sub ? task_state(v, task_at(v, r)) : model_at(v, r.item)->state;

    (void)full;
    ui_value_role(o, role[s & 3], words[s & 3]);
}

UI_CELL(cell_size,
        ui_value_bytes(o, full,
                       r.sub ? task_at(v, r)->weight_bytes : model_at(v, r.item)->weight_bytes))

static void cell_macs(const struct ui_view *v, struct ui_row r, bool full, struct ui_value *o)
{
    uint64_t n = r.sub ? task_at(v, r)->macs_per_step : model_at(v, r.item)->macs_per_step;

    if (full)
        ui_value_count(o, true, n);
    else
        ui_count_short(n, o->text);
}

UI_CELL_OF_ITEM(cell_tasks, ui_value_set(o, "%u", model_at(v, r.item)->n_task))
UI_CELL(cell_nodes,
        ui_value_set(o, "%u", r.sub ? task_at(v, r)->nodes : model_at(v, r.item)->nodes))

static void cell_owners(const struct ui_view *v, struct ui_row r, bool full, struct ui_value *o)
{
    uint32_t n = r.sub ? task_at(v, r)->owners : model_at(v, r.item)->min_owners;

    (void)full;
    ui_value_set(o, "%u", n);
    if (n < least(v))
        o->role = UI_ROLE_WARN;
}

UI_CELL(cell_fee,
        ui_value_money(o, full, r.sub ? task_at(v, r)->fee : model_at(v, r.item)->fee_per_step, 6))
UI_CELL_OF_ITEM(cell_p50, ui_value_ms(o, full, model_at(v, r.item)->p50_ms))
UI_CELL_OF_ITEM(cell_p95, ui_value_ms(o, full, model_at(v, r.item)->p95_ms))
UI_CELL_OF_ITEM(cell_runs, ui_value_count(o, full, model_at(v, r.item)->settled))
UI_CELL(cell_address, ui_value_key(o, full, r.sub ? task_at(v, r)->key : model_at(v, r.item)->key))
UI_CELL(cell_creator, ui_value_key(o, full, model_at(v, r.item)->creator))

static void why(const struct ui_view *v, const struct su_feed_model *m, char out[128])
{
    unsigned few = 0;

    for (uint32_t i = 0; i < m->n_task; i++)
        few += v->s->task[m->first_task + i].owners < least(v);
    out[0] = 0;
    if (m->state == SU_FEED_MODEL_DRAFT)
        su_str_copy(out, 128, "not finalised yet");
    else if (m->state == SU_FEED_MODEL_WAITING)
        snprintf(out, 128, "%u of %u tasks have under %u owners", few, m->n_task,
                 (unsigned)least(v));
    else if (m->state == SU_FEED_MODEL_THIN)
        su_str_copy(out, 128, "just enough owners online");
}

static void cell_why(const struct ui_view *v, struct ui_row r, bool full, struct ui_value *o)
{
    char text[128];

    (void)full;
    if (r.sub)
        return;
    why(v, model_at(v, r.item), text);
    ui_value_set(o, "%s", text);
}

UI_SORT_KEY(key_state, model_at(v, i)->state)
UI_SORT_KEY(key_size, model_at(v, i)->weight_bytes)
UI_SORT_KEY(key_macs, model_at(v, i)->macs_per_step)
UI_SORT_KEY(key_tasks, model_at(v, i)->n_task)
UI_SORT_KEY(key_nodes, model_at(v, i)->nodes)
UI_SORT_KEY(key_owners, model_at(v, i)->min_owners)
UI_SORT_KEY(key_fee, model_at(v, i)->fee_per_step)
UI_SORT_KEY(key_p50, model_at(v, i)->p50_ms)
UI_SORT_KEY(key_p95, model_at(v, i)->p95_ms)
UI_SORT_KEY(key_runs, model_at(v, i)->settled)
UI_SORT_KEY(key_address, ui_sort_key(model_at(v, i)->key))
UI_SORT_KEY(key_creator, ui_sort_key(model_at(v, i)->creator))

static const struct ui_col columns[] = {
    {"name", "NAME", 16, 0, true, false, UI_COL_TEXT, cell_name, NULL},
    {"state", "STATE", 6, 1, false, false, UI_COL_STATE, cell_state, key_state},
    {"weight_bytes", "SIZE", 7, 2, false, true, UI_COL_NUMBER, cell_size, key_size},
    {"tasks", "TASKS", 6, 3, false, true, UI_COL_NUMBER, cell_tasks, key_tasks},
    {"nodes", "NODES", 6, 4, false, true, UI_COL_NUMBER, cell_nodes, key_nodes},
    {"owners", "OWNERS", 7, 6, false, true, UI_COL_NUMBER, cell_owners, key_owners},
    {"fee_per_step", "FEE/STEP", 9, 5, false, true, UI_COL_TEXT, cell_fee, key_fee},
    {"p50_ms", "P50", 6, 8, false, true, UI_COL_NUMBER, cell_p50, key_p50},
    {"p95_ms", "P95", 6, 9, false, true, UI_COL_NUMBER, cell_p95, key_p95},
    {"settled", "RUNS", 7, 7, false, true, UI_COL_NUMBER, cell_runs, key_runs},
    {"macs_per_step", "MACS", 7, 10, false, true, UI_COL_NUMBER, cell_macs, key_macs},
    {"address", "ADDRESS", 10, 11, false, false, UI_COL_TEXT, cell_address, key_address},
    {"creator", "CREATOR", 10, 12, false, false, UI_COL_TEXT, cell_creator, key_creator},
    {"why", "WHY", 24, 13, true, false, UI_COL_TEXT, cell_why, NULL},
};

static size_t count(const struct ui_view *v)
{
    return v->s->n_model;
}

static size_t children(const struct ui_view *v, uint32_t item)
{
    return model_at(v, item)->n_task;
}

static void id(const struct ui_view *v, struct ui_row r, struct ui_id *out)
{
    memcpy(out->b, model_at(v, r.item)->key, 32);
}

static bool match(const struct ui_view *v, uint32_t item, const char *needle)
{
    const struct su_feed_model *m = model_at(v, item);

    return ui_match_text(m->name, needle) || ui_match_text(words[m->state & 3], needle) ||
           ui_match_key(m->key, needle) || ui_match_key(m->creator, needle);
}

static bool alert(const struct ui_view *v, struct ui_row r)
{
    return r.sub == 0 ? model_at(v, r.item)->state == SU_FEED_MODEL_WAITING ||
                            model_at(v, r.item)->state == SU_FEED_MODEL_THIN
                      : task_at(v, r)->owners < least(v);
}

static const struct ui_source table = {
    .col = columns,
    .n_col = SU_ARRAY_LEN(columns),
    .sort = 1,
    .desc = true,
    .count = count,
    .id = id,
    .children = children,
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
    const struct su_feed_model *m;
    char keys[UI_HINT];

    if (!row)
        return "";
    m = &app->snap->model[row->item];
    snprintf(out, 128, "%s (%s)", m->name,
             ui_hint(app,
                     "{run-model} runs it, {declare} declares its tasks, {tree} opens the plan",
                     keys));
    return out;
}

static void rate_label(uint64_t v, char *out, size_t cap)
{
    snprintf(out, cap, "%" PRIu64 "/min", v);
}

/* What the whole cluster settled, under the plan where there is room. */
static void rate_chart(const struct su_feed_snapshot *s, struct ui_area a)
{
    uint64_t value[SU_FEED_HISTORY];
    size_t n = SU_MIN(s->n_rate, (size_t)SU_FEED_HISTORY);

    if (a.r.h < 5 || n < 2)
        return;
    for (size_t i = 0; i < n; i++)
        value[i] = s->rate[s->n_rate - n + i].value;
    ui_text(a, 1, 1, UI_ROLE_DIM, "settled executions a minute, all models, newest right");
    ui_columns(ui_area_sub(a, 0, 2, a.r.w, SU_MIN(a.r.h - 2, 8)), value, n, UI_ROLE_OK, rate_label);
}

/* One task of the plan: what it takes, who offers it, and why the cut is where it is: the bytes that
   cross it against the memory it needs. */
static void plan_row(struct ui_area a, int y, const struct su_feed_task *t, bool last,
                     uint64_t most)
{
    char size[UI_FORMAT], out[UI_FORMAT], fee[UI_FORMAT], to[40] = "result";
    size_t at = 0;

    for (unsigned i = 0; i < 128 && at < 30; i++)
        if (t->consumers[i / 8] >> (i % 8) & 1)
            at += (size_t)snprintf(to + at, sizeof to - at, "%s%u", at ? "," : "task ", i);
    ui_put(a, 0, y, last ? 0x2514 : 0x251c, UI_ROLE_RULE);
    ui_put(a, 1, y, 0x2500, UI_ROLE_RULE);
    ui_textf(a, 3, y, UI_ROLE_TEXT, "%-4u", t->index);
    ui_bar(a, 8, y, 10, t->weight_bytes + t->vram_fixed_bytes, most, UI_ROLE_OK);
    ui_text_in(a, 19, y, 8, UI_ROLE_TEXT, true, ui_bytes(t->weight_bytes, size));
    ui_text_in(a, 28, y, 8, UI_ROLE_TEXT, true, ui_bytes(t->bytes_out, out));
    ui_textf(a, 37, y, UI_ROLE_TEXT, "to %-12s", to);
    ui_textf(a, 53, y, UI_ROLE_TEXT, "%3u online %3u owners", t->nodes, t->owners);
    if (a.r.w > 100)
        ui_textf(a, 78, y, UI_ROLE_DIM, "fee %s  session %s  sampled %.1f%%",
                 ui_money(t->fee, 6, fee), ui_bytes(t->vram_session_bytes, size),
                 (double)t->sampling_ppm / 1e4);
}

static void detail(const struct ui_app *app, const struct ui_row *row, struct ui_area a)
{
    const struct su_feed_snapshot *s = app->snap;
    const struct su_feed_model *m;
    struct ui_view v = ui_view_of(app);
    char text[128], one[UI_FORMAT];
    uint64_t most = 0;
    int x, y = 2, skip = app->mode == UI_DETAIL ? app->scroll : 0;

    if (!row)
        return;
    m = &s->model[row->item];
    x = ui_pair(a, 1, 0, "address", UI_ROLE_TEXT, ui_key_named(m->key, one));
    if (m->generates)
        ui_text(a, x, 0, UI_ROLE_DIM, "generates tokens");
    ui_pair(a, 1, 1, "from", UI_ROLE_TEXT, m->uri[0] ? m->uri : "(peers)");
    why(&v, m, text);
    if (text[0])
        ui_textf(a, 1, y++, UI_ROLE_WARN, "%s: %s", words[m->state], text);
    if (a.r.h < y + 3)
        return;
    ui_textf(a, 1, y++, UI_ROLE_DIM, "  TASK %-10s %8s %8s %-15s NODES", "MEMORY", "WEIGHTS",
             "OUT/STEP", "GOES");
    for (uint32_t i = 0; i < m->n_task; i++) {
        const struct su_feed_task *t = &s->task[m->first_task + i];
        most = SU_MAX(most, t->weight_bytes + t->vram_fixed_bytes);
    }
    for (uint32_t i = (uint32_t)skip; i < m->n_task && y < a.r.h; i++)
        plan_row(ui_area_sub(a, 1, 0, a.r.w - 1, a.r.h), y++, &s->task[m->first_task + i],
                 i + 1 == m->n_task, most);
    rate_chart(s, ui_area_sub(a, 0, y, a.r.w, a.r.h - y));
}

static void empty(const struct ui_app *app, struct ui_area a)
{
    ui_textf(a, 4, 1, UI_ROLE_TEXT, "No models are registered on %s.", app->snap->cluster);
    ui_hint_text(app, a, 6, 3, UI_ROLE_TEXT, "{deploy:4}deploy one from this disk");
    if (!app->snap->has_wallet)
        ui_hint_text(app, a, 6, 4, UI_ROLE_TEXT,
                     "{wallet:4}create or import a wallet first: deploying needs one");
    ui_hint_text(app, a, 6, 5, UI_ROLE_TEXT,
                 "{start-demo:4}start the private demo network, with a model");
    ui_text(a, 4, 7, UI_ROLE_TEXT, "From the shell:  splitup deploy register models/mnist");
}

static bool request(struct ui_app *app, int req)
{
    struct ui_row r;

    switch (req) {
    case UI_REQ_DECLARE:
        ui_open_form(app, SU_UI_DECLARE);
        return true;
    case UI_REQ_UNDECLARE:
        ui_open_form(app, SU_UI_UNDECLARE);
        return true;
    case UI_REQ_RUN_MODEL:
        if (ui_selected(app, &r)) {
            memcpy(app->run.model, app->snap->model[r.item].key, 32);
            app->run.has_model = true;
            ui_pane_set(app, UI_PANE_RUN);
        }
        return true;
    default:
        return false;
    }
}

static bool key(const struct ui_app *app, struct ui_row row, char out[64])
{
    ui_key_full(app->snap->model[row.item].key, out);
    return true;
}

static const uint8_t *address(const struct ui_app *app, struct ui_row row, size_t i)
{
    const struct su_feed_model *m = &app->snap->model[row.item];

    return i == 0 ? m->key : i == 1 ? m->creator : NULL;
}

const struct ui_pane_ops ui_pane_models = {
    .name = "models",
    .title = "Models",
    .source = source,
    .detail_rows = 3,
    .detail_title = title,
    .detail = detail,
    .empty = empty,
    .request = request,
    .key = key,
    .address = address,
};
