// SPDX-License-Identifier: MIT
/* Screens as files under tests/golden. A screen is its characters in UTF-8, the rows that are other in
   the two poorer charsets, and runs of roles; looks/roles.screen says how a role looks at each colour depth. A
   state that every pane can be in is one file with all panes, each as the rows that are other than
   with everything well. With SU_GOLDEN_ACCEPT=1 the files are written anew; the change is reviewed
   like code. */
#include "ui_kit.h"

#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static const int sizes[][2] = {{60, 16}, {80, 24}, {100, 30}, {160, 48}};

#define SEVEN "jjhjjhjjhjjhjjhjjhjjhjjh" /* its stroke, after the bar */

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
    {"run-digit", UI_FIXTURE_LIVE, "6mmmjjjjjllllll llllllllllll" SEVEN " "},
    {"run-prompt", UI_FIXTURE_LIVE, "6iOnce upon a time{Esc}"},
    {"run-typing", UI_FIXTURE_LIVE, "6iOnce upon a time{A-Enter}there was {Left}"},
    {"log", UI_FIXTURE_LIVE, "7"},
    {"model-detail", UI_FIXTURE_LIVE, "{Enter}"},
    {"task-detail", UI_FIXTURE_LIVE, "2{Enter}"},
    {"sample-detail", UI_FIXTURE_LIVE, "5jjj{Enter}"},
    {"help", UI_FIXTURE_LIVE, "?"},
    {"wallet", UI_FIXTURE_LIVE, "W"},
    {"actions", UI_FIXTURE_LIVE, "3x"},
    {"filter", UI_FIXTURE_LIVE, "\\llama"},
    {"tagged", UI_FIXTURE_LIVE, "4  k"},
    {"command", UI_FIXTURE_LIVE, ":stake "},
    {"form", UI_FIXTURE_LIVE, "3S"},
    {"form-error", UI_FIXTURE_LIVE, "3S{Tab}{Tab}{S-Tab}99999999{Enter}"},
    {"form-node", UI_FIXTURE_LIVE, "4e"},
    {"form-deploy", UI_FIXTURE_LIVE, "1amnist{Down}"},
    {"form-deploy-error", UI_FIXTURE_LIVE, "1amnist{Down}12GB{Down}{Down}x{Down}{Down}{Enter}"},
    {"form-import", UI_FIXTURE_LIVE, "Wi"},
    {"form-delete", UI_FIXTURE_LIVE, "WD"},
    {"wait-withdraw", UI_FIXTURE_LIVE, "3X"},
    {"hostile-models", UI_FIXTURE_HOSTILE, ""},
    {"hostile-log", UI_FIXTURE_HOSTILE, "7"},
    {"foreign-models", UI_FIXTURE_FOREIGN, ""},
    {"foreign-log", UI_FIXTURE_FOREIGN, "7"},
};

/* ---- files --------------------------------------------------------------------------------------- */

static unsigned wrong;
static char known[400][48]; /* all that was compared, to find files that nothing makes any more */
static size_t n_known;

static size_t line_of(const char *s)
{
    return strcspn(s, "\n");
}

/* What is other, line by line. */
static void print_difference(const char *path, const char *want, const char *have)
{
    unsigned shown = 0;

    print_message("--- %s\n+++ drawn now\n", path);
    for (unsigned n = 1; (*want || *have) && shown < 24; n++) {
        size_t w = line_of(want), h = line_of(have);
        if (w != h || memcmp(want, have, w) != 0) {
            print_message("%4u -%.*s\n     +%.*s\n", n, (int)w, want, (int)h, have);
            shown++;
        }
        want += w + (want[w] != 0);
        have += h + (have[h] != 0);
    }
    if (*want || *have)
        print_message("     ...\n");
}

static void compare(const char *folder, const char *name, struct su_buf *b)
{
    char dir[512], path[640], *text;
    struct su_map m;

    snprintf(dir, sizeof dir, "%s/tests/golden/%s", SU_SOURCE_DIR, folder);
    snprintf(path, sizeof path, "%s/%s.screen", dir, name);
    assert_true(n_known < SU_ARRAY_LEN(known));
    snprintf(known[n_known++], sizeof known[0], "%s/%s.screen", folder, name);
    if (getenv("SU_GOLDEN_ACCEPT")) {
        assert_int_equal(su_dir_make(dir, 0755, NULL), SU_OK);
        assert_int_equal(su_file_write(path, b->data, b->len, 0644, NULL), SU_OK);
    }
    if (su_map_open(path, 0, &m, NULL) != SU_OK) {
        print_message("%s is missing\n", path);
        wrong++;
        return;
    }
    if (m.len != b->len || memcmp(m.data, b->data, b->len) != 0) {
        wrong++;
        text = strndup((const char *)m.data, m.len);
        su_buf_u8(b, 0);
        assert_true(text && !b->failed);
        print_difference(path, text, (const char *)b->data);
        free(text);
    }
    su_map_close(&m);
}

static void expect_no_difference(void)
{
    if (wrong > 0)
        fail_msg("%u screens are other than agreed; SU_GOLDEN_ACCEPT=1 agrees to them", wrong);
}

/* ---- what is written of a screen ----------------------------------------------------------------- */

enum { UTF8, ACS, ASCII, ROLES, LAYERS };
static const char *const layer_name[] = {"utf8", "acs", "ascii", "roles"};
struct layers {
    struct su_buf b[LAYERS];
};

static void layers_init(struct layers *l)
{
    for (int i = 0; i < LAYERS; i++)
        su_buf_init(&l->b[i], 0);
}

static void layers_fini(struct layers *l)
{
    for (int i = 0; i < LAYERS; i++)
        su_buf_fini(&l->b[i]);
}

static void layers_draw(struct layers *l, struct kit *k)
{
    kit_draw(k);
    assert_null(ui_fixture_grid_fault(&k->grid));
    for (int i = 0; i < LAYERS; i++)
        su_buf_clear(&l->b[i]);
    for (int i = UTF8; i <= ASCII; i++)
        ui_headless_text(&k->grid, (enum ui_charset)((int)UI_CHARSET_UTF8 + i), &l->b[i]);
    ui_headless_roles(&k->grid, &l->b[ROLES]);
    for (int i = 0; i < LAYERS; i++)
        su_buf_u8(&l->b[i], 0);
}

static const char *nth(const struct su_buf *b, int y, size_t *n)
{
    const char *s = (const char *)b->data;

    for (; y > 0; y--)
        s += line_of(s) + 1;
    *n = line_of(s);
    return s;
}

static bool same_row(const struct su_buf *a, const struct su_buf *b, int y)
{
    size_t n, m;
    const char *s = nth(a, y, &n), *t = nth(b, y, &m);

    return n == m && memcmp(s, t, n) == 0;
}

/* Rows of a layer that are not those of base, by their number, under a title if there are any. */
static void put_rows(struct su_buf *out, const struct su_buf *l, const struct su_buf *base,
                     const struct su_buf *usual, int h, const char *title)
{
    bool any = false;

    for (int y = 0; y < h; y++) {
        size_t n;
        const char *s = nth(l, y, &n);
        if ((base && same_row(l, base, y)) || (usual && same_row(l, usual, y)) ||
            (!base && !usual && n == 0))
            continue;
        if (!any)
            su_buf_printf(out, "== %s\n", title);
        any = true;
        su_buf_printf(out, "%2d|", y);
        su_buf_put(out, s, n);
        su_buf_u8(out, '\n');
    }
}

static void put_cursor(struct su_buf *out, const struct kit *k)
{
    if (k->grid.cursor)
        su_buf_printf(out, "== cursor %d,%d\n", k->grid.cursor_x, k->grid.cursor_y);
}

static void put_screen(struct su_buf *out, struct kit *k)
{
    struct layers l;

    layers_init(&l);
    layers_draw(&l, k);
    su_buf_str(out, (const char *)l.b[UTF8].data);
    put_rows(out, &l.b[ACS], &l.b[UTF8], NULL, k->app.h, layer_name[ACS]);
    put_rows(out, &l.b[ASCII], &l.b[UTF8], &l.b[ACS], k->app.h, layer_name[ASCII]);
    put_rows(out, &l.b[ROLES], NULL, NULL, k->app.h, layer_name[ROLES]);
    put_cursor(out, k);
    layers_fini(&l);
}

static void compare_screen(const char *name, struct kit *k)
{
    struct su_buf b;
    char folder[32];

    su_buf_init(&b, 0);
    put_screen(&b, k);
    snprintf(folder, sizeof folder, "%dx%d", k->app.w, k->app.h);
    compare(folder, name, &b);
    su_buf_fini(&b);
}

/* ---- screens -------------------------------------------------------------------------------------- */

static void screens_are_as_agreed(void **state)
{
    (void)state;
    for (size_t i = 0; i < SU_ARRAY_LEN(screens); i++)
        for (size_t s = 0; s < SU_ARRAY_LEN(sizes); s++) {
            struct kit k;
            kit_open(&k, screens[i].kind, sizes[s][0], sizes[s][1]);
            kit_keys(&k, screens[i].keys);
            kit_pass(&k, 2100);
            compare_screen(screens[i].name, &k);
            kit_close(&k);
        }
    expect_no_difference();
}

static void open_preview(struct kit *k, unsigned tier)
{
    struct su_ui_result r;

    kit_keys(k, tier == 2 ? "3S" : "3U");
    kit_keys(k, "100{Enter}");
    assert_int_equal(k->app.mode, UI_WAIT);
    r = kit_proposal(k, 7, tier, "100");
    kit_result(k, &r);
    kit_draw(k);
    kit_pass(k, 400);
}

static void dialogs_are_as_agreed(void **state)
{
    (void)state;
    for (size_t s = 0; s < SU_ARRAY_LEN(sizes); s++) {
        struct su_ui_result r = {.outcome = SU_UI_PASSPHRASE, .again = true}, shown;
        struct kit k;
        int w = sizes[s][0], h = sizes[s][1];
        kit_open(&k, UI_FIXTURE_LIVE, w, h);
        open_preview(&k, 2);
        compare_screen("preview", &k);
        kit_close(&k);
        kit_open(&k, UI_FIXTURE_LIVE, w, h);
        open_preview(&k, 2);
        kit_keys(&k, "d");
        shown = kit_shown(&k);
        kit_result(&k, &shown);
        compare_screen("raw", &k);
        kit_close(&k);
        kit_open(&k, UI_FIXTURE_LIVE, w, h);
        kit_keys(&k, "4b{Tab}{C-e}cold{Enter}bgpu-1{Enter}");
        compare_screen("labels", &k);
        kit_keys(&k, "W");
        compare_screen("labels-wallet", &k);
        kit_keys(&k, "{Esc}b");
        compare_screen("label", &k);
        kit_close(&k);
        kit_open(&k, UI_FIXTURE_LIVE, w, h);
        open_preview(&k, 3);
        kit_keys(&k, "{Tab}{Tab}10");
        compare_screen("preview-typed", &k);
        kit_close(&k);
        kit_open(&k, UI_FIXTURE_LIVE, w, h);
        kit_keys(&k, "3S100{Enter}");
        su_str_copy(r.text, sizeof r.text, "~/.local/share/splitup/wallet.json");
        kit_result(&k, &r);
        kit_keys(&k, "sesam");
        compare_screen("passphrase", &k);
        kit_close(&k);
    }
    expect_no_difference();
}

/* What a person sees of a generation, from the request on. */
static void generations_are_as_agreed(void **state)
{
    static const char some[] =
        "\u4ece\u524d\u6709\u4e00\u53ea\u732b, the city of Nova Haven was "
        "a thriving metropolis, with towering skyscrapers and bustling streets.";
    struct su_ui_news begun = {.max_tokens = 64, .cost = 10000, .held = 28144};
    struct su_ui_news runs = begun, whole, final, failed = {.failed = true};

    (void)state;
    strcpy(runs.text, some);
    runs.tokens = 23;
    runs.rate = 12.34;
    runs.cost = 14609;
    whole = runs;
    for (int i = 0; i < 9; i++)
        strcat(whole.text, " But as the years went by, the city began to lose its identity.");
    strcat(whole.text, "\nThe end.");
    whole.provisional = true;
    whole.tokens = 64;
    whole.cost = whole.held;
    final = whole;
    final.final = true;
    strcpy(failed.text, "No result: a node was wrong. What was held comes back");
    const struct {
        const char *name;
        const struct su_ui_news *news;
        unsigned execution;
    } shown[] = {{"run-asked", &begun, 3},
                 {"run-running", &runs, 0},
                 {"run-provisional", &whole, 1},
                 {"run-final", &final, 2},
                 {"run-failed", &failed, 5}};
    for (size_t i = 0; i < SU_ARRAY_LEN(shown); i++)
        for (size_t s = 0; s < SU_ARRAY_LEN(sizes); s++) {
            struct kit k;
            kit_open(&k, UI_FIXTURE_LIVE, sizes[s][0], sizes[s][1]);
            kit_ask(&k, "6iOnce upon a time{Enter}",
                    k.snap->execution[SU_MIN(shown[i].execution, k.snap->n_execution - 1)].key);
            kit_news(&k, shown[i].news);
            kit_pass(&k, 2100);
            compare_screen(shown[i].name, &k);
            kit_close(&k);
        }
    expect_no_difference();
}

static void small_screen_is_as_agreed(void **state)
{
    struct kit k;

    (void)state;
    kit_open(&k, UI_FIXTURE_LIVE, 40, 10);
    compare_screen("small", &k);
    kit_close(&k);
    kit_open(&k, UI_FIXTURE_STALE, 59, 16);
    compare_screen("small", &k);
    kit_close(&k);
    expect_no_difference();
}

static void looks_are_as_agreed(void **state)
{
    struct su_buf b;

    (void)state;
    su_buf_init(&b, 0);
    su_buf_str(
        &b, "role: foreground/background at 256 colours, at 8, mono; Bold Reverse Underline Dim\n");
    for (int r = 0; r < UI_ROLES; r++) {
        su_buf_printf(&b, "%-10s", ui_role_name((enum ui_role)r));
        for (int d = UI_DEPTH_256; d <= UI_DEPTH_MONO; d++) {
            struct ui_look l = ui_theme_look((enum ui_depth)d, (enum ui_role)r);
            char text[32];
            size_t n = (size_t)snprintf(text, sizeof text, "%d/%d ", l.fg, l.bg);
            for (unsigned i = 0; i < 4; i++)
                if (l.attr & 1u << i)
                    text[n++] = "BRUD"[i];
            text[n] = 0;
            su_buf_printf(&b, d < UI_DEPTH_MONO ? " %-10s" : " %s", text);
        }
        su_buf_u8(&b, '\n');
    }
    compare("looks", "roles", &b);
    su_buf_fini(&b);
    expect_no_difference();
}

/* ---- states that every pane can be in ------------------------------------------------------------- */

static void no_match(struct kit *k)
{
    kit_keys(k, "\\nobody{Enter}");
}

static void final_error(struct kit *k)
{
    struct su_ui_result r = {.outcome = SU_UI_FAILED};

    kit_keys(k, "S100{Enter}");
    r.kind = k->intent.kind;
    su_fail(&r.err, SU_EIO, "deposit stake", "the blockhash expired. Nothing was spent");
    kit_result(k, &r);
}

static void pending(struct kit *k)
{
    struct su_ui_result r;

    kit_keys(k, "S100{Enter}");
    assert_int_equal(k->app.mode, UI_WAIT);
    r = kit_proposal(k, 7, 2, "");
    kit_result(k, &r);
    kit_draw(k);
    kit_pass(k, 400);
    kit_keys(k, "{Tab}{Enter}");
    assert_int_equal(k->submits[SU_UI_COMMIT], 1);
    r = (struct su_ui_result){.outcome = SU_UI_PROGRESS, .kind = k->intent.kind};
    su_str_copy(r.text, sizeof r.text, "sent, waiting for it to land");
    kit_result(k, &r);
    kit_keys(k, "{Esc}");
}

static void quits_while_pending(struct kit *k)
{
    pending(k);
    kit_keys(k, "q");
}

static void is_locked(struct kit *k)
{
    kit_keys(k, "S");
}

static void has_no_key_file(struct kit *k)
{
    k->app.sealed = false;
    kit_keys(k, "S");
}

static void readonly(struct kit *k)
{
    k->app.readonly = true;
    kit_keys(k, "S");
}

static void no_spend_keys(struct kit *k)
{
    k->app.no_spend_keys = true;
    kit_keys(k, "S");
}

static void pauses(struct kit *k)
{
    kit_keys(k, "Z");
    kit_pass(k, 60000);
}

static const struct {
    const char *name;
    enum ui_fixture_kind kind;
    void (*make)(struct kit *k);
} states[] = {
    {"loading", UI_FIXTURE_LOADING, NULL},
    {"empty", UI_FIXTURE_EMPTY, NULL},
    {"no-match", UI_FIXTURE_LIVE, no_match},
    {"stale", UI_FIXTURE_STALE, NULL}, /* an error that is tried again */
    {"partial", UI_FIXTURE_PARTIAL, NULL},
    {"failed", UI_FIXTURE_LIVE, final_error}, /* one that is not */
    {"pending", UI_FIXTURE_LIVE, pending},
    {"quit-pending", UI_FIXTURE_LIVE, quits_while_pending},
    {"locked", UI_FIXTURE_NO_WALLET, is_locked},
    {"no-wallet", UI_FIXTURE_NO_WALLET, has_no_key_file},
    {"readonly", UI_FIXTURE_LIVE, readonly},
    {"no-spend-keys", UI_FIXTURE_LIVE, no_spend_keys},
    {"paused", UI_FIXTURE_LIVE, pauses},
};

static void put_state(struct su_buf *out, struct kit *k, const struct layers *usual)
{
    struct layers l;
    char title[64];

    layers_init(&l);
    layers_draw(&l, k);
    for (int i = UTF8; i < LAYERS; i++) {
        snprintf(title, sizeof title, "%s%s%s", ui_pane_list[k->app.pane]->name, i ? " " : "",
                 i ? layer_name[i] : "");
        put_rows(out, &l.b[i], i == ACS || i == ASCII ? &l.b[UTF8] : NULL, &usual->b[i], k->app.h,
                 title);
    }
    put_cursor(out, k);
    layers_fini(&l);
}

static void states_are_as_agreed(void **state)
{
    (void)state;
    for (size_t i = 0; i < SU_ARRAY_LEN(states); i++)
        for (size_t s = 0; s < SU_ARRAY_LEN(sizes); s++) {
            struct su_buf b;
            char folder[32];
            su_buf_init(&b, 0);
            for (int pane = 0; pane < UI_PANES; pane++) {
                struct layers usual;
                struct kit k;
                layers_init(&usual);
                kit_open(&k, UI_FIXTURE_LIVE, sizes[s][0], sizes[s][1]);
                kit_key(&k, '1' + pane);
                kit_pass(&k, 2100);
                layers_draw(&usual, &k);
                kit_close(&k);
                kit_open(&k, states[i].kind, sizes[s][0], sizes[s][1]);
                kit_key(&k, '1' + pane);
                if (states[i].make)
                    states[i].make(&k);
                kit_pass(&k, 2100);
                put_state(&b, &k, &usual);
                kit_close(&k);
                layers_fini(&usual);
            }
            snprintf(folder, sizeof folder, "%dx%d", sizes[s][0], sizes[s][1]);
            char name[64];
            snprintf(name, sizeof name, "state-%s", states[i].name);
            compare(folder, name, &b);
            su_buf_fini(&b);
        }
    expect_no_difference();
}

/* ---- README ------------------------------------------------------------------------------------------ */

/* README shows screens: under "<!-- screen NAME -->" the rows of 80x24/NAME.screen. */
static void readme_shows_them(void **state)
{
    static const char path[] = SU_SOURCE_DIR "/README.md", mark[] = "<!-- screen ";
    const char *at;
    char *text;
    struct su_map m;
    struct su_buf b;

    (void)state;
    assert_int_equal(su_map_open(path, 0, &m, NULL), SU_OK);
    text = strndup((const char *)m.data, m.len);
    assert_non_null(text);
    su_map_close(&m);
    su_buf_init(&b, 0);
    at = text;
    for (const char *next; (next = strstr(at, mark)) != NULL;) {
        const char *name = next + sizeof mark - 1, *fence = strstr(name, "```text\n");
        const char *end = fence ? strstr(fence + 8, "```") : NULL;
        char screen[640];
        size_t rows = 0;
        assert_non_null(end);
        snprintf(screen, sizeof screen, "%s/tests/golden/80x24/%.*s.screen", SU_SOURCE_DIR,
                 (int)strcspn(name, " "), name);
        assert_int_equal(su_map_open(screen, 0, &m, NULL), SU_OK);
        su_buf_put(&b, at, (size_t)(fence + 8 - at));
        for (size_t i = 0; i < m.len && rows < 24; i++) {
            rows += m.data[i] == '\n';
            su_buf_u8(&b, m.data[i]);
        }
        su_map_close(&m);
        at = end;
    }
    su_buf_str(&b, at);
    if (getenv("SU_GOLDEN_ACCEPT"))
        assert_int_equal(su_file_write(path, b.data, b.len, 0644, NULL), SU_OK);
    else if (strcmp(text, (const char *)b.data) != 0)
        fail_msg("%s shows other screens; SU_GOLDEN_ACCEPT=1 writes them there", path);
    free(text);
    su_buf_fini(&b);
}

/* ---- files that nothing makes any more -------------------------------------------------------------- */

static bool is_known(const char *name)
{
    for (size_t i = 0; i < n_known; i++)
        if (strcmp(known[i], name) == 0)
            return true;
    return false;
}

static void no_file_is_left_over(void **state)
{
    static const char root[] = SU_SOURCE_DIR "/tests/golden/";
    glob_t all;

    (void)state;
    assert_int_equal(glob(SU_SOURCE_DIR "/tests/golden/*/*", 0, NULL, &all), 0);
    for (size_t i = 0; i < all.gl_pathc; i++) {
        const char *path = all.gl_pathv[i];
        if (!is_known(path + sizeof root - 1) && (!getenv("SU_GOLDEN_ACCEPT") || unlink(path) != 0))
            fail_msg("nothing makes %s", path);
    }
    globfree(&all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(screens_are_as_agreed),     cmocka_unit_test(dialogs_are_as_agreed),
        cmocka_unit_test(generations_are_as_agreed), cmocka_unit_test(small_screen_is_as_agreed),
        cmocka_unit_test(looks_are_as_agreed),       cmocka_unit_test(states_are_as_agreed),
        cmocka_unit_test(no_file_is_left_over),      cmocka_unit_test(readme_shows_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
