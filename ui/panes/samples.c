// SPDX-License-Identifier: MIT
/* Samples: which tasks the draw chose, who checked them, and whether the roots were the same bits. */
#include "ui/panes/panes.h"

static const char *const words[] = {"pending",  "run",    "posted", "match",
                                    "MISMATCH", "waived", "comm."};
static const enum ui_role roles[] = {UI_ROLE_DIM, UI_ROLE_TEXT, UI_ROLE_TEXT, UI_ROLE_OK,
                                     UI_ROLE_BAD, UI_ROLE_WARN, UI_ROLE_TEXT};

static const struct su_feed_sample *at(const struct ui_view *v, struct ui_row r)
{
    return &v->s->sample[r.item];
}

UI_CELL(cell_execution, ui_value_key(o, full, at(v, r)->execution))

static void cell_result(const struct ui_view *v, struct ui_row r, bool full, struct ui_value *o)
{
    unsigned k = at(v, r)->verdict;

    (void)full;
    if (k < SU_ARRAY_LEN(words))
        ui_value_role(o, roles[k], words[k]);
}

UI_CELL(cell_task, ui_value_set(o, "%u", at(v, r)->task))
UI_CELL(cell_model, ui_value_set(o, "%s", at(v, r)->model_name))

static void cell_asserter(const struct ui_view *v, struct ui_row r, bool full, struct ui_value *o)
{
    ui_value_key(o, full, at(v, r)->asserter);
    if (!full && at(v, r)->own_asserter)
        strcat(o->text, "*");
}

static void cell_validator(const struct ui_view *v, struct ui_row r, bool full, struct ui_value *o)
{
    ui_value_key(o, full, at(v, r)->validator);
    if (!full && at(v, r)->own_validator)
        strcat(o->text, "*");
}

/* Of 2^32; the draw as parts of a million. */
static unsigned draw_ppm(const struct su_feed_sample *d)
{
    return (unsigned)((uint64_t)d->draw * 1000000u >> 32);
}

static void cell_draw(const struct ui_view *v, struct ui_row r, bool full, struct ui_value *o)
{
    const struct su_feed_sample *d = at(v, r);

    if (full)
        ui_value_set(o, "%u", d->draw);
    else
        ui_value_set(o, "%.2f%%<%.0f%%", draw_ppm(d) / 1e4, d->threshold_ppm / 1e4);
}

static void cell_roots(const struct ui_view *v, struct ui_row r, bool full, struct ui_value *o)
{
    const struct su_feed_sample *d = at(v, r);
    char one[UI_FORMAT], two[UI_FORMAT];

    if (full) {
        ui_value_hash(o, true, d->asserter_root);
        return;
    }
    ui_value_set(o, "%s %s", ui_hash_short(d->asserter_root, one),
                 ui_hash_short(d->validator_root, two));
}

UI_CELL(cell_root2, ui_value_hash(o, full, at(v, r)->validator_root))
UI_CELL(cell_age, ui_value_time(o, full, v->wall_ms, at(v, r)->seen_ms))
UI_CELL(cell_fee, ui_value_money(o, full, at(v, r)->fee, 6))
UI_CELL(cell_slot, ui_value_count(o, full, at(v, r)->slot))

static void cell_number(const struct ui_view *v, struct ui_row r, bool full, struct ui_value *o)
{
    if (at(v, r)->number == 255)
        ui_value_none(o, full);
    else
        ui_value_set(o, "%u", at(v, r)->number + 1u);
}

UI_SORT_KEY(key_execution, ui_sort_key(v->s->sample[i].execution))
UI_SORT_KEY(key_result, v->s->sample[i].verdict)
UI_SORT_KEY(key_task, v->s->sample[i].task)
UI_SORT_KEY(key_asserter, ui_sort_key(v->s->sample[i].asserter))
UI_SORT_KEY(key_validator, ui_sort_key(v->s->sample[i].validator))
UI_SORT_KEY(key_draw, v->s->sample[i].draw)
UI_SORT_KEY(key_age, ~ui_sort_time(v->s->sample[i].seen_ms))
UI_SORT_KEY(key_fee, v->s->sample[i].fee)
UI_SORT_KEY(key_slot, v->s->sample[i].slot)
UI_SORT_KEY(key_root, ui_sort_key(v->s->sample[i].asserter_root))

static const struct ui_col columns[] = {
    {"execution", "SAMPLE", 10, 0, false, false, UI_COL_TEXT, cell_execution, key_execution},
    {"result", "RESULT", 8, 1, false, false, UI_COL_STATE, cell_result, key_result},
    {"task", "TASK", 4, 2, false, true, UI_COL_NUMBER, cell_task, key_task},
    {"model", "MODEL", 10, 7, true, false, UI_COL_TEXT, cell_model, NULL},
    {"asserter", "ASSERTER", 11, 3, false, false, UI_COL_TEXT, cell_asserter, key_asserter},
    {"validator", "VALIDATOR", 11, 4, false, false, UI_COL_TEXT, cell_validator, key_validator},
    {"draw", "DRAW", 10, 6, false, true, UI_COL_NUMBER, cell_draw, key_draw},
    {"age_ms", "AGE", 6, 5, false, true, UI_COL_NUMBER, cell_age, key_age},
    {"asserter_root", "ROOTS", 17, 8, false, false, UI_COL_TEXT, cell_roots, key_root},
    {"validator_root", "CHECKED", 8, 12, false, false, UI_COL_TEXT, cell_root2, key_root},
    {"number", "VALIDATOR NO", 12, 13, false, true, UI_COL_NUMBER, cell_number, key_task},
    {"slot", "SLOT", 11, 10, false, true, UI_COL_NUMBER, cell_slot, key_slot},
    {"fee", "FEE USDC", 10, 9, false, true, UI_COL_TEXT, cell_fee, key_fee},
};

static size_t count(const struct ui_view *v)
{
    return v->s->n_sample;
}

static bool shown(const struct ui_view *v, uint32_t item)
{
    const struct su_feed_sample *d = &v->s->sample[item];

    return !(v->variant & UI_VARIANT_OWN) || d->own_asserter || d->own_validator;
}

static void id(const struct ui_view *v, struct ui_row r, struct ui_id *out)
{
    const struct su_feed_sample *d = at(v, r);

    memcpy(out->b, d->execution, 32);
    su_put_le16(out->b + 32, d->task);
    out->b[34] = d->number;
}

static bool match(const struct ui_view *v, uint32_t item, const char *needle)
{
    const struct su_feed_sample *d = &v->s->sample[item];

    return (d->verdict < SU_ARRAY_LEN(words) && ui_match_text(words[d->verdict], needle)) ||
           ui_match_text(d->model_name, needle) || ui_match_key(d->execution, needle) ||
           ui_match_key(d->asserter, needle) || ui_match_key(d->validator, needle);
}

static bool alert(const struct ui_view *v, struct ui_row r)
{
    return at(v, r)->verdict == SU_FEED_MISMATCH;
}

static const struct ui_source table = {
    .col = columns,
    .n_col = SU_ARRAY_LEN(columns),
    .sort = -1,
    .count = count,
    .id = id,
    .shown = shown,
    .match = match,
    .alert = alert,
};

static const struct ui_source *source(const struct ui_app *app)
{
    (void)app;
    return &table;
}

#define MARGIN_FROM 200 /* tasks drawn about before the share among them says anything */

/* How many times over a cheat loses: the stake that a task demands against what it gains, at the
   sampling that was measured rather than promised. */
static double margin(const struct su_feed_snapshot *s)
{
    double p = s->checked_tasks >= MARGIN_FROM ? (double)s->sampled_tasks / (double)s->checked_tasks
                                               : s->params.sampling_min_ppm / 1e6;
    double r = s->params.owner_share_min_ppm / 1e6;
    uint64_t fee, stake;

    if (!s->set_up || !su_econ_fee(&s->params, s->params.fee_unit, 0, 1, &fee) || fee == 0 ||
        !su_econ_stake(&s->params, s->params.sampling_min_ppm, s->params.owner_share_min_ppm, fee,
                       &stake))
        return 0;
    return p * (1 - r) * (double)(stake + fee) / (double)fee;
}

static void top(const struct ui_app *app, struct ui_area a)
{
    const struct su_feed_snapshot *s = app->snap;
    double share = s->checked_tasks ? (double)s->sampled_tasks / (double)s->checked_tasks : 0;
    double extra = s->compute_macs ? (double)s->check_macs / (double)s->compute_macs : 0;
    char one[UI_FORMAT], two[UI_FORMAT];
    int x;

    x = ui_text(a, 1, 0, UI_ROLE_DIM, "sampled ");
    if (s->checked_tasks == 0)
        x = ui_text(a, x, 0, UI_ROLE_TEXT, "no task drawn about yet");
    else
        x = ui_textf(a, x, 0, UI_ROLE_TEXT, "%.2f%% of %s tasks", share * 100,
                     ui_count(s->checked_tasks, one));
    if (s->set_up)
        x = ui_textf(a, x + 1, 0, UI_ROLE_DIM, "(rate in force %.0f%%)",
                     s->params.sampling_min_ppm / 1e4);
    if (s->compute_macs > 0)
        ui_textf(a, x + 3, 0, UI_ROLE_TEXT, "extra compute %.2f%%", extra * 100);
    x = ui_textf(a, 1, 1, UI_ROLE_OK, "match %s", ui_count(s->matches, one));
    x = ui_textf(a, x + 3, 1, s->mismatches ? UI_ROLE_BAD : UI_ROLE_TEXT, "mismatch %s",
                 ui_count(s->mismatches, two));
    if (margin(s) > 0)
        ui_textf(a, x + 3, 1, UI_ROLE_TEXT, "a cheat loses %.1f x what it gains", margin(s));
}

static const char *title(const struct ui_app *app, const struct ui_row *row, char out[128])
{
    char key[UI_FORMAT];

    if (!row)
        return "";
    snprintf(out, 128, "%s task %u", ui_key_named(app->snap->sample[row->item].execution, key),
             app->snap->sample[row->item].task);
    return out;
}

static void hash_row(struct ui_area a, int y, const char *label, const uint8_t who[32],
                     const uint8_t root[32], bool own)
{
    char hex[65], key[UI_FORMAT];
    int x = ui_pair(a, 1, y, label, UI_ROLE_TEXT, ui_key_short(who, key));

    x = ui_text(a, x, y, UI_ROLE_DIM, own ? "(mine) root " : "root ");
    su_hex_encode(root, 32, hex, sizeof hex);
    ui_text(a, x, y, UI_ROLE_TEXT, ui_key_zero(root) ? "not shown yet" : hex);
}

static void detail(const struct ui_app *app, const struct ui_row *row, struct ui_area a)
{
    const struct su_feed_sample *d;
    int x, y = 2;

    if (!row)
        return;
    d = &app->snap->sample[row->item];
    if (a.r.h < 5 && d->dispute != SU_DISPUTE_NONE)
        y = 0;
    if (y > 0) {
        hash_row(a, 0, "asserter ", d->asserter, d->asserter_root, d->own_asserter);
        hash_row(a, 1, "validator", d->validator, d->validator_root, d->own_validator);
    }
    if (d->dispute != SU_DISPUTE_NONE) {
        x = ui_textf(a, 1, y, UI_ROLE_BAD, "! %s", ui_dispute_word(d->dispute));
        x = ui_textf(a, x + 2, y, UI_ROLE_TEXT, "%s", ui_verdict_word(d->chain_verdict));
        if (d->dispute_step != UINT32_MAX)
            ui_textf(a, x + 2, y, UI_ROLE_TEXT, "first step that differs %u", d->dispute_step);
        y = ui_paragraph(ui_area_sub(a, 1, y + 1, a.r.w - 1, a.r.h), 0, UI_ROLE_TEXT,
                         d->dispute_text) +
            y + 1;
    }
    x = ui_textf(a, 1, y, UI_ROLE_DIM, "draw %u of 2^32 = %.4f%%, sampled below %.2f%%", d->draw,
                 (double)draw_ppm(d) / 1e4, d->threshold_ppm / 1e4);
    ui_bar(a, x + 2, y, 20, d->draw, UINT32_MAX, UI_ROLE_TEXT);
}

static void empty(const struct ui_app *app, struct ui_area a)
{
    if (app->variant[UI_PANE_SAMPLES] & UI_VARIANT_OWN) {
        ui_text(a, 4, 1, UI_ROLE_TEXT, "None of your tasks has been sampled.");
        ui_hint_text(app, a, 6, 3, UI_ROLE_TEXT, "{only-own:4}samples of everybody");
        return;
    }
    ui_text(a, 4, 1, UI_ROLE_TEXT, "No task has been sampled yet: about 8 % of them will be.");
    ui_hint_text(app, a, 6, 3, UI_ROLE_TEXT, "{pane-6:4}run a model    {pane-2:4}tasks");
}

static bool key(const struct ui_app *app, struct ui_row row, char out[64])
{
    ui_key_full(app->snap->sample[row.item].execution, out);
    return true;
}

static const uint8_t *address(const struct ui_app *app, struct ui_row row, size_t i)
{
    const struct su_feed_sample *d = &app->snap->sample[row.item];

    return i == 0 ? d->execution : i == 1 ? d->asserter : i == 2 ? d->validator : NULL;
}

const struct ui_pane_ops ui_pane_samples = {
    .name = "samples",
    .title = "Samples",
    .source = source,
    .top_rows = 2,
    .detail_rows = 3,
    .top = top,
    .detail_title = title,
    .detail = detail,
    .empty = empty,
    .request = ui_only_own,
    .key = key,
    .address = address,
};
