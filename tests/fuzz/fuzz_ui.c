// SPDX-License-Identifier: MIT
/* Bytes as keys, pastes, clicks, sizes, snapshots, time and results in any order. Holds after each:
   nothing is committed that was not shown for long enough, confirmed and still valid; the selection is
   a row; every cell is harmless; Escape leads back to the list. */
#include "support/ui_fixture.h"

#include "ui/app/app.h"
#include "ui/ui.h"

#include <stdlib.h>
#include <string.h>

#define MUST(x)                                                                                    \
    do {                                                                                           \
        if (!(x)) {                                                                                \
            fprintf(stderr, "fuzz_ui: %s\n", #x);                                                  \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

struct world {
    struct ui_app app;
    struct ui_grid grid;
    struct su_feed_snapshot *snap; /* that is shown */
    struct su_feed_snapshot *kept[3]; /* shown, to be shown next, and one that comes */
    int64_t now_ms;
    struct su_ui_intent last; /* prepared last */
    uint64_t token; /* of the proposal that is on offer; 0 = none */
    int64_t drawn_ms; /* when it was first on a screen; -1 = not yet */
    int64_t proposed_ms; /* when it came */
    struct ui_event event; /* the last one */
    unsigned tier;
    char confirm[64];
    uint64_t number;
    bool commanded; /* a command was typed */
};

static void check_submit(struct world *w, const struct su_ui_intent *i)
{
    if (i->step == SU_UI_PREPARE) {
        MUST(!w->app.readonly || i->kind == SU_UI_WALLET_OPEN);
        MUST(!w->app.no_spend_keys || w->commanded || !ui_needs_chain(i->kind));
        w->last = *i;
    }
    if (i->step == SU_UI_DISCARD)
        w->token = 0;
    if (i->step != SU_UI_COMMIT)
        return;
    MUST(w->token != 0 && i->token == w->token);
    MUST(w->drawn_ms >= 0 && w->now_ms - w->drawn_ms >= UI_GUARD_MS);
    MUST(w->now_ms - w->proposed_ms <= 60000);
    /* By Enter: not by a click, a paste, or time. */
    MUST(w->event.kind == UI_EVENT_KEY && (w->event.key == UI_K_ENTER || w->event.key == '\r'));
    MUST(!w->app.readonly);
    MUST(w->snap->source[SU_FEED_CHAIN].ok || !ui_needs_chain(i->kind));
    if (w->tier >= 3 || ui_intent_def(i->kind)->tier >= 3)
        MUST(w->confirm[0] && strcmp(w->app.preview.typed.text, w->confirm) == 0);
    w->token = 0; /* once */
}

static void give_back(struct world *w);

static void step(struct world *w, const struct ui_event *ev)
{
    struct ui_row r;

    w->event = *ev;
    w->commanded = w->commanded || (w->app.mode == UI_PROMPT && ev->kind == UI_EVENT_KEY);
    ui_step(&w->app, ev, w->now_ms);
    for (size_t i = 0; i < w->app.n_out; i++)
        if (w->app.out[i] == UI_ACT_SUBMIT)
            check_submit(w, &w->app.intent);
    w->app.n_out = 0;
    give_back(w);
    for (const char *p = w->app.prompt.in.text; *p; p++)
        MUST((uint8_t)*p >= ' ' || (*p == '\n' && w->app.prompt.in.lines));
    MUST(w->app.pane >= 0 && w->app.pane < UI_PANES);
    for (int i = 0; i < UI_PANES; i++)
        MUST(w->app.table[i].n == 0 || w->app.table[i].cursor < w->app.table[i].n ||
             w->app.table[i].dirty || i != w->app.pane);
    if (ui_selected(&w->app, &r))
        MUST(r.item < 100000);
}

static void draw(struct world *w)
{
    if (w->grid.w != w->app.w || w->grid.h != w->app.h)
        MUST(ui_grid_resize(&w->grid, w->app.w, w->app.h));
    ui_draw(&w->app, &w->grid);
    MUST(!ui_fixture_grid_fault(&w->grid));
    if (w->app.mode == UI_PREVIEW && w->drawn_ms < 0 && w->app.w >= UI_MIN_W &&
        w->app.h >= UI_MIN_H)
        w->drawn_ms = w->now_ms;
}

static size_t a_transaction(uint8_t wire[SU_TX_MAX_BYTES])
{
    static const uint8_t who[32] = {1}, whom[32] = {2};
    struct su_small_instr i;
    struct su_tx t;

    su_instr_transfer(&i, who, whom, 3);
    MUST(su_tx_compile(who, whom, &i.instr, 1, &t) == SU_TX_OK);
    memcpy(wire, t.wire, t.wire_bytes);
    return t.wire_bytes;
}

static void result(struct world *w, uint8_t how)
{
    struct su_ui_result r = {.kind = w->last.kind, .token = ++w->number, .n_tx = 1};
    struct ui_event ev = {.kind = UI_EVENT_RESULT, .result = &r};
    static const enum su_ui_outcome outcome[] = {SU_UI_PROPOSED, SU_UI_PROPOSED, SU_UI_PROGRESS,
                                                 SU_UI_DONE,     SU_UI_FAILED,   SU_UI_PASSPHRASE};

    r.outcome = how == 0xff ? SU_UI_COMPLETED : how == 0xfe ? SU_UI_SHOWN : outcome[how % 6];
    if (r.outcome == SU_UI_COMPLETED && w->app.mode == UI_PROMPT)
        r.kind = SU_UI_KINDS;
    else if (r.outcome == SU_UI_COMPLETED && w->app.form.def)
        r.kind = w->app.form.def->kind;
    else if (how & 0x80)
        r.kind = (enum su_ui_kind)(how % SU_UI_KINDS);
    r.tier = 2 + (how >> 6 & 1);
    r.n_line = how >> 3 & 7;
    r.valid_ms = 60000;
    r.maybe = how & 0x20;
    memset(r.text, how, sizeof r.text - 1);
    memset(r.title, how, sizeof r.title - 1);
    memset(r.confirm, '5', how % 3);
    if (r.outcome == SU_UI_PROPOSED) {
        w->token = r.token;
        w->drawn_ms = -1;
        w->proposed_ms = w->now_ms;
        w->tier = r.tier;
        memcpy(w->confirm, r.confirm, sizeof w->confirm);
    }
    if (r.outcome == SU_UI_SHOWN) { /* bytes of any kind, and those of a transaction */
        r.token = w->app.preview.p.token;
        r.tx = w->app.raw.tx;
        r.wire_bytes = sizeof r.wire;
        memset(r.wire, (int)w->number, sizeof r.wire);
        if (w->number & 1)
            r.wire_bytes = a_transaction(r.wire);
    }
    if (r.outcome == SU_UI_FAILED)
        su_fail(&r.err, how & 0x10 ? SU_ECANCELLED : SU_EIO, "fuzz", "failed");
    step(w, &ev);
}

/* Frees the snapshots that the app has left; one that it goes on with is the one to be. */
static void give_back(struct world *w)
{
    for (size_t i = 0; i < SU_ARRAY_LEN(w->kept); i++)
        if (w->kept[i] && !ui_app_uses(&w->app, w->kept[i])) {
            ui_fixture_free(w->kept[i]);
            w->kept[i] = NULL;
        }
    for (size_t i = 0; i < SU_ARRAY_LEN(w->kept); i++)
        if (w->kept[i] && w->kept[i] == w->app.snap)
            w->snap = w->kept[i];
}

static void swap(struct world *w, uint8_t which)
{
    struct ui_event ev = {.kind = UI_EVENT_FEED};
    size_t at = 0;

    while (w->kept[at])
        at++;
    w->kept[at] = ui_fixture_make((enum ui_fixture_kind)(which % UI_FIXTURE_KINDS), ++w->number);
    ev.snapshot = w->kept[at];
    step(w, &ev);
}

/* A few commands of the program, one with each type of word. */
static const char *verb(size_t i, const char **args)
{
    static const char *const row[][2] = {{"tx", "SIGNATURE"},
                                         {"perplexity", "MODEL FILE"},
                                         {"request show", "EXECUTION"},
                                         {"oracle admit", "KEY..."},
                                         {"wallet balance", "[ADDRESS]"}};

    if (args && i < SU_ARRAY_LEN(row))
        *args = row[i][1];
    return i < SU_ARRAY_LEN(row) ? row[i][0] : NULL;
}

static const char *option(size_t i, size_t k, const char **arg)
{
    static const char *const row[][2] = {
        {"--json", NULL}, {"--backend", "vulkan|cpu"}, {"--node", "IDENTITY"}};

    *arg = k < SU_ARRAY_LEN(row) ? row[k][1] : NULL;
    return i > 0 && k < SU_ARRAY_LEN(row) ? row[k][0] : NULL;
}

static const struct su_ui_options outside = {.verb = verb, .option = option};

static int key_of(uint8_t a)
{
    static const int special[] = {UI_K_UP,   UI_K_DOWN, UI_K_LEFT, UI_K_RIGHT, UI_K_HOME,
                                  UI_K_END,  UI_K_PGUP, UI_K_PGDN, UI_K_DEL,   UI_K_BTAB,
                                  UI_K_F(1), UI_K_F(2), UI_K_F(3), UI_K_F(4),  UI_K_F(5),
                                  UI_K_F(6), UI_K_F(7), UI_K_F(8), UI_K_F(9),  UI_K_F(10),
                                  0x20ac,    0x202e,    0x1f600,   0xd800,     0x7fffffff};

    return a < 0x80 ? a : special[a % SU_ARRAY_LEN(special)];
}

static void one(struct world *w, const uint8_t *d)
{
    struct ui_event ev = {.kind = UI_EVENT_KEY, .key = key_of(d[1])};
    char text[] = {(char)d[1], (char)d[2], '\n', (char)d[1], 0};

    switch (d[0] % 16) {
    case 0:
        ev = (struct ui_event){.kind = UI_EVENT_RESIZE, .x = d[1], .y = d[2] % 90};
        break;
    case 1:
        ev = (struct ui_event){.kind = UI_EVENT_PASTE, .text = text};
        break;
    case 2:
        ev = (struct ui_event){.kind = UI_EVENT_MOUSE,
                               .x = d[1],
                               .y = d[2] % 64,
                               .mouse = (enum ui_mouse)(d[0] / 16 % 5)};
        break;
    case 3:
        swap(w, d[1]);
        return;
    case 4:
        result(w, d[1]);
        return;
    case 5:
        w->now_ms += d[1] * (d[2] & 1 ? 500 : 3);
        ev = (struct ui_event){.kind = UI_EVENT_TICK, .wall_ms = UI_FIXTURE_WALL_MS + w->now_ms};
        break;
    case 6:
        draw(w);
        return;
    case 8: /* of tables that take more than one */
        ev = (struct ui_event){.kind = UI_EVENT_WORK};
        w->app.slice = 1 + d[1] * 8u;
        break;
    case 7: /* a key, and nothing before it told that time passes */
        w->now_ms += d[2] * 256;
        break;
    default:
        break;
    }
    step(w, &ev);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct world w;

    if (size > 4096)
        return 0;
    memset(&w, 0, sizeof w);
    w.now_ms = 1000;
    w.drawn_ms = -1;
    ui_app_init(&w.app);
    w.app.outside = &outside;
    w.app.no_spend_keys = size && data[0] & 0x80;
    w.app.readonly = size && data[0] & 0x40;
    swap(&w, size ? data[0] : 0);
    for (size_t i = 1; i + 3 <= size; i += 3)
        one(&w, data + i);
    draw(&w);
    for (int i = 0; i < 5; i++) {
        w.now_ms += UI_GUARD_MS + 1;
        draw(&w);
        step(&w, &(struct ui_event){.kind = UI_EVENT_KEY, .key = UI_K_ESC});
    }
    MUST(w.app.mode == UI_LIST);
    for (size_t i = 0; i < SU_UI_FIELDS; i++)
        MUST(!w.app.form.in[i].secret || w.app.form.in[i].len == 0);
    MUST(w.app.secret.len == 0);
    draw(&w);
    ui_app_fini(&w.app);
    ui_grid_fini(&w.grid);
    for (size_t i = 0; i < SU_ARRAY_LEN(w.kept); i++)
        ui_fixture_free(w.kept[i]);
    return 0;
}
