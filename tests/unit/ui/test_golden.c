// SPDX-License-Identifier: MIT
/* Screens as files under tests/golden: characters in three charsets, looks at three colour depths. With
   SU_GOLDEN_ACCEPT=1 they are written anew; the change is reviewed like code. */
#include "ui_kit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct {
    const char *name;
    enum ui_fixture_kind kind;
    const char *keys;
} screens[] = {
    {"models", UI_FIXTURE_LIVE, ""},
    {"tasks", UI_FIXTURE_LIVE, "2+jjjj"},
    {"stake", UI_FIXTURE_LIVE, "3+"},
    {"beats", UI_FIXTURE_LIVE, "4"},
    {"oracles", UI_FIXTURE_LIVE, "4o"},
    {"samples", UI_FIXTURE_LIVE, "5jjj"},
    {"run-digit", UI_FIXTURE_LIVE, "6mmm  {Right}{Right}{Right}{Down}{Down}{Down}{Down}"},
    {"run-prompt", UI_FIXTURE_LIVE, "6iOnce upon a time{Enter}"},
    {"log", UI_FIXTURE_LIVE, "7"},
    {"model-detail", UI_FIXTURE_LIVE, "{Enter}"},
    {"task-detail", UI_FIXTURE_LIVE, "2{Enter}"},
    {"help", UI_FIXTURE_LIVE, "?"},
    {"wallet", UI_FIXTURE_LIVE, "W"},
    {"actions", UI_FIXTURE_LIVE, "3x"},
    {"filter", UI_FIXTURE_LIVE, "\\llama"},
    {"filter-empty", UI_FIXTURE_LIVE, "\\nobody{Enter}"},
    {"form", UI_FIXTURE_LIVE, "3S"},
    {"form-error", UI_FIXTURE_LIVE, "3S{Tab}{Tab}{S-Tab}99999999{Enter}"},
    {"loading", UI_FIXTURE_LOADING, ""},
    {"empty-models", UI_FIXTURE_EMPTY, ""},
    {"empty-stake", UI_FIXTURE_EMPTY, "3"},
    {"no-wallet", UI_FIXTURE_NO_WALLET, "3"},
    {"stale", UI_FIXTURE_STALE, "2"},
    {"hostile-models", UI_FIXTURE_HOSTILE, ""},
    {"hostile-log", UI_FIXTURE_HOSTILE, "7"},
};

static const int sizes[][2] = {{60, 16}, {80, 24}, {100, 30}, {160, 48}};

/* Rows that are other than in UTF-8, by their number. */
static void put_other_rows(struct su_buf *out, const struct su_buf *base,
                           const struct su_buf *other)
{
    const char *a = (const char *)base->data, *b = (const char *)other->data;

    for (int y = 0; *a || *b; y++) {
        size_t n = strcspn(a, "\n"), m = strcspn(b, "\n");
        if (n != m || memcmp(a, b, n) != 0) {
            su_buf_printf(out, "%2d|", y);
            su_buf_put(out, b, m);
            su_buf_str(out, "\n");
        }
        a += n + (a[n] != 0);
        b += m + (b[m] != 0);
    }
}

static void render(struct kit *k, struct su_buf *out)
{
    static const enum ui_depth depth[] = {UI_DEPTH_256, UI_DEPTH_8, UI_DEPTH_MONO};
    static const char *const name[] = {"256 colours", "8 colours", "mono"};
    struct su_buf utf8, other;

    kit_draw(k);
    su_buf_init(&utf8, 0);
    su_buf_init(&other, 0);
    ui_headless_text(&k->grid, UI_CHARSET_UTF8, &utf8);
    su_buf_put(out, utf8.data, utf8.len);
    for (int c = UI_CHARSET_ACS; c <= UI_CHARSET_ASCII; c++) {
        su_buf_printf(out, "== %s\n", ui_charset_name((enum ui_charset)c));
        su_buf_clear(&other);
        ui_headless_text(&k->grid, (enum ui_charset)c, &other);
        put_other_rows(out, &utf8, &other);
    }
    for (size_t d = 0; d < 3; d++) {
        su_buf_printf(out, "== %s\n", name[d]);
        ui_headless_looks(&k->grid, depth[d], out);
    }
    if (k->grid.cursor)
        su_buf_printf(out, "== cursor %d,%d\n", k->grid.cursor_x, k->grid.cursor_y);
    su_buf_fini(&utf8);
    su_buf_fini(&other);
}

static void compare(const char *name, int w, int h, const struct su_buf *b)
{
    char dir[512], path[640];
    struct su_map m;

    snprintf(dir, sizeof dir, "%s/tests/golden/%dx%d", SU_SOURCE_DIR, w, h);
    snprintf(path, sizeof path, "%s/%s.screen", dir, name);
    if (getenv("SU_GOLDEN_ACCEPT")) {
        assert_int_equal(su_dir_make(dir, 0755, NULL), SU_OK);
        assert_int_equal(su_file_write(path, b->data, b->len, 0644, NULL), SU_OK);
    }
    if (su_map_open(path, 0, &m, NULL) != SU_OK)
        fail_msg("%s is missing", path);
    if (m.len != b->len || memcmp(m.data, b->data, b->len) != 0)
        fail_msg("%s differs from\n%s", path, (const char *)b->data);
    su_map_close(&m);
}

static void screens_are_as_agreed(void **state)
{
    (void)state;
    for (size_t i = 0; i < SU_ARRAY_LEN(screens); i++)
        for (size_t s = 0; s < SU_ARRAY_LEN(sizes); s++) {
            struct su_buf b;
            struct kit k;
            su_buf_init(&b, 0);
            kit_open(&k, screens[i].kind, sizes[s][0], sizes[s][1]);
            kit_keys(&k, screens[i].keys);
            kit_pass(&k, 2100);
            render(&k, &b);
            compare(screens[i].name, sizes[s][0], sizes[s][1], &b);
            kit_close(&k);
            su_buf_fini(&b);
        }
}

static void preview_is_as_agreed(void **state)
{
    (void)state;
    for (size_t s = 0; s < SU_ARRAY_LEN(sizes); s++)
        for (unsigned tier = 2; tier <= 3; tier++) {
            struct su_ui_result r;
            struct su_buf b;
            struct kit k;
            su_buf_init(&b, 0);
            kit_open(&k, UI_FIXTURE_LIVE, sizes[s][0], sizes[s][1]);
            kit_keys(&k, tier == 2 ? "3S" : "3U");
            kit_keys(&k, "100{Enter}");
            assert_int_equal(k.app.mode, UI_WAIT);
            r = kit_proposal(&k, 7, tier, "100");
            kit_result(&k, &r);
            kit_pass(&k, 400);
            if (tier == 3)
                kit_keys(&k, "{Tab}{Tab}10");
            render(&k, &b);
            compare(tier == 2 ? "preview" : "preview-typed", sizes[s][0], sizes[s][1], &b);
            kit_close(&k);
            su_buf_fini(&b);
        }
}

static void small_screen_is_as_agreed(void **state)
{
    struct su_buf b;
    struct kit k;

    (void)state;
    su_buf_init(&b, 0);
    kit_open(&k, UI_FIXTURE_LIVE, 40, 10);
    render(&k, &b);
    compare("small", 40, 10, &b);
    kit_close(&k);
    su_buf_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(screens_are_as_agreed),
        cmocka_unit_test(preview_is_as_agreed),
        cmocka_unit_test(small_screen_is_as_agreed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
