// SPDX-License-Identifier: MIT
#include "ui/app/config.h"

#include <stdlib.h>
#include <string.h>

#define CONFIG_MAX (64u << 10)

static void load_sort(struct ui_app *app, int pane, const char *value)
{
    const struct ui_table *t = &app->table[pane];
    size_t n = strcspn(value, " ");

    if (strncmp(value, "-", 2) == 0 || strncmp(value, "- ", 2) == 0)
        ui_table_sort(&app->table[pane], -1, su_str_ends(value, " desc"));
    for (size_t i = 0; i < t->source->n_col; i++)
        if (strlen(t->source->col[i].id) == n && strncmp(t->source->col[i].id, value, n) == 0)
            ui_table_sort(&app->table[pane], (int)i, su_str_ends(value, " desc"));
}

static void apply(struct ui_app *app, const struct su_config *c, bool *copy)
{
    const char *pane = su_config_get(c, "ui.pane", "");
    enum ui_charset charset;

    for (int i = 0; i < UI_PANES; i++) {
        char key[64];
        if (strcmp(pane, ui_pane_list[i]->name) == 0)
            ui_pane_set(app, i);
        snprintf(key, sizeof key, "ui.sort.%s", ui_pane_list[i]->name);
        if (ui_pane_list[i]->source && su_config_get(c, key, NULL))
            load_sort(app, i, su_config_get(c, key, ""));
    }
    if (ui_charset_parse(su_config_get(c, "ui.charset", "auto"), &charset))
        app->charset = charset;
    app->mouse = strcmp(su_config_get(c, "ui.mouse", "yes"), "no") != 0;
    *copy = strcmp(su_config_get(c, "ui.osc52", "no"), "yes") == 0;
}

enum su_code ui_config_load(struct ui_app *app, const char *path, bool *copy, struct su_err *e)
{
    struct su_config *c = NULL;
    struct su_map m;
    enum su_code rc = su_map_open(path, CONFIG_MAX, &m, e);

    *copy = false;
    if (rc == SU_ENOENT)
        return SU_OK;
    if (rc)
        return rc;
    rc = su_config_parse((const char *)m.data, m.len, path, &c, e);
    if (!rc)
        rc = ui_binds_read(&app->binds, c, (const char *)m.data, m.len, path, e);
    if (!rc)
        apply(app, c, copy);
    su_config_free(c);
    su_map_close(&m);
    return rc;
}

/* Lines whose key is not ours. */
static void keep_others(const char *path, struct su_buf *out)
{
    struct su_map m;

    if (su_map_open(path, CONFIG_MAX, &m, NULL))
        return;
    for (size_t i = 0, n; i < m.len; i += n + 1) {
        const uint8_t *end = memchr(m.data + i, '\n', m.len - i);
        n = end ? (size_t)(end - (m.data + i)) : m.len - i;
        if (n >= 3 && memcmp(m.data + i, "ui.", 3) == 0)
            continue;
        su_buf_put(out, m.data + i, n);
        su_buf_u8(out, '\n');
    }
    su_map_close(&m);
}

enum su_code ui_config_save(const struct ui_app *app, const char *path, bool copy, struct su_err *e)
{
    struct su_buf b;
    enum su_code rc;

    su_buf_init(&b, 2 * CONFIG_MAX);
    keep_others(path, &b);
    su_buf_printf(&b, "ui.pane = %s\n", ui_pane_list[app->pane]->name);
    su_buf_printf(&b, "ui.charset = %s\n", ui_charset_name(app->charset));
    su_buf_printf(&b, "ui.mouse = %s\n", app->mouse ? "yes" : "no");
    su_buf_printf(&b, "ui.osc52 = %s\n", copy ? "yes" : "no");
    for (int i = 0; i < UI_PANES; i++) {
        const struct ui_table *t = &app->table[i];
        if (!ui_pane_list[i]->source)
            continue;
        su_buf_printf(&b, "ui.sort.%s = %s%s\n", ui_pane_list[i]->name,
                      t->sort < 0 ? "-" : t->source->col[t->sort].id, t->desc ? " desc" : "");
    }
    rc = su_buf_check(&b, path, e);
    if (!rc)
        rc = su_file_write(path, b.data, b.len, 0600, e);
    su_buf_fini(&b);
    return rc;
}
