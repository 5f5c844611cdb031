// SPDX-License-Identifier: MIT
/* A pane on paper: the same columns, all of them, for people, spreadsheets and programs. */
#include "ui/panes/panes.h"

#include "json/json.h"

#include <stdlib.h>

const char *su_ui_pane_name(size_t i)
{
    return i < UI_PANES ? ui_pane_list[i]->name : NULL;
}

static void print_text(const struct ui_table *t, const struct ui_view *v, struct su_buf *out)
{
    const struct ui_source *s = t->source;
    int width[32] = {0};

    for (int pass = 0; pass < 2; pass++) {
        for (size_t c = 0; c < s->n_col; c++) {
            const char *head = s->col[c].head;
            if (pass)
                su_buf_printf(out, s->col[c].right ? "%s%*s" : "%s%-*s", c ? "  " : "", width[c],
                              head);
            else
                width[c] = SU_MAX(width[c], (int)strlen(head));
        }
        if (pass)
            su_buf_str(out, "\n");
        for (size_t i = 0; i < t->n; i++) {
            for (size_t c = 0; c < s->n_col; c++) {
                struct ui_value o = {.text = ""};
                char clean[300];
                s->col[c].cell(v, t->row[i], false, &o);
                ui_text_clean(clean, sizeof clean, o.text);
                if (pass)
                    su_buf_printf(out, s->col[c].right ? "%s%*s" : "%s%-*s", c ? "  " : "",
                                  width[c] + (int)strlen(clean) - ui_text_width(clean), clean);
                else
                    width[c] = SU_MAX(width[c], ui_text_width(clean));
            }
            if (pass)
                su_buf_str(out, "\n");
        }
    }
}

/* For ears: where and how fresh, then a row after the other, each value with its name. */
static void print_plain(const struct ui_table *t, const struct ui_view *v, const char *name,
                        struct su_buf *out)
{
    const struct ui_source *s = t->source;
    const struct su_feed_source *chain = &v->s->source[SU_FEED_CHAIN];
    char age[UI_FORMAT], slot[UI_FORMAT], cluster[100];

    su_str_sanitize(cluster, sizeof cluster, v->s->cluster, strlen(v->s->cluster));
    su_buf_printf(out, "%s on %s. %zu rows. Slot %s. ", name, cluster, t->n,
                  ui_count(v->s->slot, slot));
    if (chain->good_ms == INT64_MIN)
        su_buf_str(out, "The chain has not answered.\n");
    else
        su_buf_printf(out, "%s %s ago.\n", chain->ok ? "As it was" : "STALE, the last answer came",
                      ui_age(v->wall_ms, chain->good_ms, age));
    for (size_t i = 0; i < t->n; i++) {
        su_buf_printf(out, "\nRow %zu of %zu%s%s\n", i + 1, t->n,
                      t->row[i].sub ? ", part of the row above" : "",
                      s->alert && s->alert(v, t->row[i]) ? ", needs attention" : "");
        for (size_t c = 0; c < s->n_col; c++) {
            struct ui_value o = {.text = ""};
            char clean[300];
            s->col[c].cell(v, t->row[i], false, &o);
            su_str_sanitize(clean, sizeof clean, o.text, strlen(o.text));
            if (clean[0] && strcmp(clean, "-") != 0)
                su_buf_printf(out, "%s: %s\n", s->col[c].id,
                              strcmp(clean, "?") == 0 ? "unknown" : clean);
        }
    }
}

static void print_tsv(const struct ui_table *t, const struct ui_view *v, struct su_buf *out)
{
    const struct ui_source *s = t->source;

    for (size_t c = 0; c < s->n_col; c++)
        su_buf_printf(out, "%s%s", c ? "\t" : "", s->col[c].id);
    su_buf_str(out, "\n");
    for (size_t i = 0; i < t->n; i++) {
        for (size_t c = 0; c < s->n_col; c++) {
            struct ui_value o = {.text = ""};
            char clean[300];
            s->col[c].cell(v, t->row[i], true, &o);
            su_str_sanitize(clean, sizeof clean, o.text, strlen(o.text));
            su_buf_printf(out, "%s%s", c ? "\t" : "", clean);
        }
        su_buf_str(out, "\n");
    }
}

static void put_value(struct su_json_writer *w, const struct ui_col *c, const char *text)
{
    char *end = NULL;
    bool digits = text[0] && text[strspn(text, "-0123456789")] == 0;

    if (!text[0])
        su_json_put_null(w, c->id);
    else if (c->kind != UI_COL_TEXT && digits && text[0] == '-')
        su_json_put_i64(w, c->id, strtoll(text, &end, 10));
    else if (c->kind != UI_COL_TEXT && digits)
        su_json_put_u64(w, c->id, strtoull(text, &end, 10));
    else
        su_json_put_str(w, c->id, text);
}

static void print_json(const struct ui_table *t, const struct ui_view *v, const char *name,
                       struct su_buf *out)
{
    const struct ui_source *s = t->source;
    struct su_json_writer w;

    su_json_writer_init(&w, out, 0);
    su_json_put_object(&w, NULL);
    su_json_put_str(&w, "pane", name);
    su_json_put_str(&w, "cluster", v->s->cluster);
    if (v->s->slot == SU_FEED_UNKNOWN)
        su_json_put_null(&w, "slot");
    else
        su_json_put_u64(&w, "slot", v->s->slot);
    su_json_put_bool(&w, "fresh", v->s->source[SU_FEED_CHAIN].ok);
    su_json_put_array(&w, "rows");
    for (size_t i = 0; i < t->n; i++) {
        su_json_put_object(&w, NULL);
        if (s->children)
            su_json_put_bool(&w, "child", t->row[i].sub > 0);
        for (size_t c = 0; c < s->n_col; c++) {
            struct ui_value o = {.text = ""};
            s->col[c].cell(v, t->row[i], true, &o);
            put_value(&w, &s->col[c], o.text);
        }
        su_json_end_object(&w);
    }
    su_json_end_array(&w);
    su_json_end_object(&w);
    su_buf_str(out, "\n");
}

enum su_code su_ui_print(const struct su_feed_snapshot *s, const char *pane,
                         enum su_ui_format format, int64_t wall_ms, struct su_buf *out,
                         struct su_err *e)
{
    struct ui_view v = {.s = s, .wall_ms = wall_ms};
    struct ui_table t;
    struct ui_app *app;
    int i = 0;

    while (i < UI_PANES && strcmp(ui_pane_list[i]->name, pane) != 0)
        i++;
    if (i == UI_PANES || !ui_pane_list[i]->source)
        return su_fail(e, SU_EINVAL, pane,
                       "no table of that name: models, tasks, stake, beats, samples or log");
    app = su_try_alloc(1, sizeof *app);
    if (!app)
        return su_fail(e, SU_ENOMEM, pane, "out of memory");
    ui_table_init(&t, ui_pane_list[i]->source(app));
    free(app);
    v.variant = i == UI_PANE_LOG ? SU_FEED_DEBUG : 0;
    t.all_open = true;
    (void)ui_table_update(&t, &v, 1, SIZE_MAX, true);
    if (format == SU_UI_JSON)
        print_json(&t, &v, pane, out);
    else if (format == SU_UI_TSV)
        print_tsv(&t, &v, out);
    else if (format == SU_UI_PLAIN)
        print_plain(&t, &v, pane, out);
    else
        print_text(&t, &v, out);
    if (t.failed)
        out->failed = true;
    ui_table_fini(&t);
    return su_buf_check(out, pane, e);
}
