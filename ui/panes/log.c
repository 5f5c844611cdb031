// SPDX-License-Identifier: MIT
/* Log: what the feed and this app wrote, oldest first, following its end. The variant holds the level
   in its low bits and a component in the others. */
#include "ui/panes/panes.h"

static const char *const words[] = {"ERROR", "WARN", "info", "debug"};
static const enum ui_role roles[] = {UI_ROLE_BAD, UI_ROLE_WARN, UI_ROLE_TEXT, UI_ROLE_DIM};

static const struct su_feed_log *at(const struct ui_view *v, uint32_t item)
{
    return &v->s->log[item];
}

static void cell_time(const struct ui_view *v, struct ui_row r, bool full, struct ui_value *o)
{
    if (full)
        ui_value_time(o, true, 0, at(v, r.item)->at_ms);
    else
        ui_clock(at(v, r.item)->at_ms, o->text);
}

static void cell_level(const struct ui_view *v, struct ui_row r, bool full, struct ui_value *o)
{
    unsigned level = at(v, r.item)->level & 3u;

    (void)full;
    ui_value_role(o, roles[level], words[level]);
}

UI_CELL(cell_topic, ui_value_set(o, "%s", at(v, r.item)->topic))
UI_CELL(cell_text, ui_value_set(o, "%s", at(v, r.item)->text))

UI_SORT_KEY(key_time, ui_sort_time(at(v, i)->at_ms))
UI_SORT_KEY(key_level, at(v, i)->level)

static const struct ui_col columns[] = {
    {"at_ms", "TIME", 8, 0, false, false, UI_COL_NUMBER, cell_time, key_time},
    {"level", "LEVEL", 5, 1, false, false, UI_COL_TEXT, cell_level, key_level},
    {"topic", "FROM", 8, 3, false, false, UI_COL_TEXT, cell_topic, NULL},
    {"text", "TEXT", 30, 2, true, false, UI_COL_TEXT, cell_text, NULL},
};

static unsigned topic_hash(const char *s)
{
    uint32_t h = 2166136261u;

    for (; *s; s++)
        h = (h ^ (uint8_t)*s) * 16777619u;
    return h << 2 | 4u;
}

static size_t count(const struct ui_view *v)
{
    return v->s->n_log;
}

static bool shown(const struct ui_view *v, uint32_t item)
{
    const struct su_feed_log *l = at(v, item);
    unsigned topic = v->variant & ~3u;

    return l->level <= (v->variant & 3u) && (topic == 0 || topic_hash(l->topic) == topic);
}

static void id(const struct ui_view *v, struct ui_row r, struct ui_id *out)
{
    su_put_le64(out->b, at(v, r.item)->number);
}

static bool match(const struct ui_view *v, uint32_t item, const char *needle)
{
    const struct su_feed_log *l = at(v, item);

    return ui_match_text(l->text, needle) || ui_match_text(l->topic, needle) ||
           ui_match_text(words[l->level & 3u], needle);
}

static const struct ui_source table = {
    .col = columns,
    .n_col = SU_ARRAY_LEN(columns),
    .sort = -1,
    .count = count,
    .id = id,
    .shown = shown,
    .match = match,
};

static const struct ui_source *source(const struct ui_app *app)
{
    (void)app;
    return &table;
}

static const char *title(const struct ui_app *app, const struct ui_row *row, char out[128])
{
    const char *topic = app->log_topic[0] ? app->log_topic : "all";

    (void)row;
    snprintf(out, 128, "level %s   from %s   follow %s", words[app->log_level & 3], topic,
             app->table[UI_PANE_LOG].follow ? "ON" : "off");
    return out;
}

static void detail(const struct ui_app *app, const struct ui_row *row, struct ui_area a)
{
    if (row)
        ui_paragraph(ui_area_sub(a, 1, 0, a.r.w - 2, a.r.h), 0, UI_ROLE_TEXT,
                     app->snap->log[row->item].text);
}

static void empty(const struct ui_app *app, struct ui_area a)
{
    (void)app;
    ui_hint_text(app, a, 4, 1, UI_ROLE_TEXT,
                 "Nothing at this level yet. {level} shows more, {topic} another component.");
}

static void set_variant(struct ui_app *app)
{
    app->variant[UI_PANE_LOG] =
        (unsigned)app->log_level | (app->log_topic[0] ? topic_hash(app->log_topic) : 0);
    app->table[UI_PANE_LOG].follow = true;
}

/* The next component that the log names, in the order in which they first appear; then all. */
static void next_topic(struct ui_app *app)
{
    const struct su_feed_snapshot *s = app->snap;
    bool past = app->log_topic[0] == 0;

    for (size_t i = 0; i < s->n_log; i++) {
        const char *t = s->log[i].topic;
        bool seen = false;
        for (size_t k = 0; k < i && !seen; k++)
            seen = strcmp(s->log[k].topic, t) == 0;
        if (seen || !*t)
            continue;
        if (past) {
            su_str_copy(app->log_topic, sizeof app->log_topic, t);
            return;
        }
        past = strcmp(t, app->log_topic) == 0;
    }
    app->log_topic[0] = 0;
}

static bool request(struct ui_app *app, int req)
{
    switch (req) {
    case UI_REQ_FOLLOW:
        app->table[UI_PANE_LOG].follow = !app->table[UI_PANE_LOG].follow;
        app->table[UI_PANE_LOG].dirty = true;
        return true;
    case UI_REQ_LEVEL:
        app->log_level = (app->log_level + 1) % 4;
        break;
    case UI_REQ_TOPIC:
        next_topic(app);
        break;
    default:
        return false;
    }
    set_variant(app);
    return true;
}

static bool key(const struct ui_app *app, struct ui_row row, char out[64])
{
    su_str_copy(out, 64, app->snap->log[row.item].text);
    return true;
}

const struct ui_pane_ops ui_pane_log = {
    .name = "log",
    .title = "Log",
    .source = source,
    .detail_rows = 2,
    .detail_title = title,
    .detail = detail,
    .empty = empty,
    .request = request,
    .key = key,
};
