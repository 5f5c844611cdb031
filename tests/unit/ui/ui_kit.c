// SPDX-License-Identifier: MIT
#include "ui_kit.h"

#include "support/ui_fixture.h"
#include "ui/app/app.h"

#include <stdlib.h>
#include <string.h>

static void drain(struct kit *k)
{
    for (size_t i = 0; i < k->app.n_out; i++) {
        k->actions[k->app.out[i]]++;
        if (k->app.out[i] == UI_ACT_SUBMIT) {
            k->intent = k->app.intent;
            k->submits[k->intent.step]++;
        }
    }
    k->app.n_out = 0;
}

void kit_event(struct kit *k, const struct ui_event *ev)
{
    ui_step(&k->app, ev, k->now_ms);
    drain(k);
}

void kit_open(struct kit *k, enum ui_fixture_kind kind, int w, int h)
{
    struct ui_event tick = {.kind = UI_EVENT_TICK, .wall_ms = UI_FIXTURE_WALL_MS};

    setenv("TZ", "UTC", 1);
    *k = (struct kit){.now_ms = 1000};
    ui_app_init(&k->app);
    k->app.sealed = true;
    su_str_copy(k->app.wallet_path, sizeof k->app.wallet_path,
                "~/.local/share/splitup/wallet.json");
    kit_event(k, &tick);
    kit_size(k, w, h);
    kit_swap(k, ui_fixture_make(kind, 1));
}

void kit_close(struct kit *k)
{
    ui_app_fini(&k->app);
    ui_grid_fini(&k->grid);
    ui_fixture_free(k->snap);
}

void kit_key(struct kit *k, int key)
{
    kit_event(k, &(struct ui_event){.kind = UI_EVENT_KEY, .key = key});
}

static int named(const char *name, size_t n)
{
    static const struct {
        const char *name;
        int key;
    } row[] = {{"Enter", UI_K_ENTER}, {"Esc", UI_K_ESC},      {"Tab", UI_K_TAB},
               {"S-Tab", UI_K_BTAB},  {"Up", UI_K_UP},        {"Down", UI_K_DOWN},
               {"Left", UI_K_LEFT},   {"Right", UI_K_RIGHT},  {"Home", UI_K_HOME},
               {"End", UI_K_END},     {"PgUp", UI_K_PGUP},    {"PgDn", UI_K_PGDN},
               {"Del", UI_K_DEL},     {"BS", UI_K_BACKSPACE}, {"A-Enter", UI_K_ALT_ENTER}};

    for (size_t i = 0; i < SU_ARRAY_LEN(row); i++)
        if (strlen(row[i].name) == n && strncmp(row[i].name, name, n) == 0)
            return row[i].key;
    if (name[0] == 'F')
        return UI_K_F(atoi(name + 1));
    if (name[0] == 'C' && name[1] == '-')
        return name[2] & 0x1f;
    abort();
}

void kit_keys(struct kit *k, const char *keys)
{
    while (*keys) {
        const char *end = *keys == '{' ? strchr(keys, '}') : NULL;
        if (end) {
            kit_key(k, named(keys + 1, (size_t)(end - keys - 1)));
            keys = end + 1;
        } else {
            kit_key(k, (unsigned char)*keys++);
        }
    }
}

void kit_paste(struct kit *k, const char *text)
{
    kit_event(k, &(struct ui_event){.kind = UI_EVENT_PASTE, .text = text});
}

void kit_mouse(struct kit *k, enum ui_mouse what, int x, int y)
{
    kit_event(k, &(struct ui_event){.kind = UI_EVENT_MOUSE, .mouse = what, .x = x, .y = y});
}

void kit_size(struct kit *k, int w, int h)
{
    kit_event(k, &(struct ui_event){.kind = UI_EVENT_RESIZE, .x = w, .y = h});
}

void kit_pass(struct kit *k, int64_t ms)
{
    k->now_ms += ms;
    kit_event(k, &(struct ui_event){.kind = UI_EVENT_TICK, .wall_ms = k->app.wall_ms + ms});
    kit_draw(k);
}

void kit_swap(struct kit *k, struct su_feed_snapshot *s)
{
    struct su_feed_snapshot *old = k->snap;

    k->snap = s;
    kit_event(k, &(struct ui_event){.kind = UI_EVENT_FEED, .snapshot = s});
    ui_fixture_free(old);
}

void kit_result(struct kit *k, const struct su_ui_result *r)
{
    kit_event(k, &(struct ui_event){.kind = UI_EVENT_RESULT, .result = r});
}

struct su_ui_result kit_proposal(const struct kit *k, uint64_t token, unsigned tier,
                                 const char *confirm)
{
    struct su_ui_result r = {.outcome = SU_UI_PROPOSED,
                             .kind = k->intent.kind,
                             .token = token,
                             .tier = tier,
                             .n_line = 3,
                             .n_tx = 1,
                             .valid_ms = 60000};

    su_str_copy(r.title, sizeof r.title, "deposit stake");
    su_str_copy(r.confirm, sizeof r.confirm, confirm);
    su_str_copy(r.signer, sizeof r.signer, "7Qx9..k3Fd");
    for (size_t i = 0; i < r.n_line; i++) {
        static const char *const line[][2] = {
            {"pays", "100 USDC"},
            {"to node", "7Qx9mBvT4wYk2dPq8RzNc5LsHfJ3uEaXg6Wi1oCtk3Fd"},
            {"fee", "0.000005 SOL"}};
        su_str_copy(r.line[i].label, sizeof r.line[i].label, line[i][0]);
        su_str_copy(r.line[i].text, sizeof r.line[i].text, line[i][1]);
    }
    return r;
}

struct su_ui_result kit_shown(const struct kit *k)
{
    struct su_ui_result r = {.outcome = SU_UI_SHOWN,
                             .kind = k->intent.kind,
                             .token = k->intent.token,
                             .tx = strtoul(k->intent.field[0], NULL, 10),
                             .fresh = true};
    struct su_ix_amount deposit = {.ix = {.number = SU_IX_STAKE_DEPOSIT}, .amount = 100000000};
    struct su_meta meta[7] = {{.signer = true, .writable = true}, {.writable = true}};
    struct su_instr list[2];
    struct su_small_instr limit;
    uint8_t hash[32];
    struct su_tx t;

    memset(hash, 0x5a, sizeof hash);
    memset(r.program, 0x11, sizeof r.program);
    memcpy(meta[0].key, k->snap->wallet, 32);
    for (uint8_t i = 1; i < 7; i++)
        memset(meta[i].key, 0x20 + i, 32);
    meta[5].writable = true;
    su_instr_unit_limit(&limit, 1400000);
    list[0] = limit.instr;
    list[1] = (struct su_instr){.metas = meta,
                                .n_metas = 7,
                                .data = (const uint8_t *)&deposit,
                                .data_bytes = sizeof deposit};
    memcpy(list[1].program, r.program, 32);
    if (su_tx_compile(k->snap->wallet, hash, list, 2, &t) != SU_TX_OK)
        abort();
    memcpy(r.wire, t.wire, t.wire_bytes);
    r.wire_bytes = t.wire_bytes;
    return r;
}

void kit_ask(struct kit *k, const char *keys, const uint8_t *key)
{
    struct su_ui_result r;

    kit_keys(k, keys);
    if (k->app.mode != UI_WAIT)
        abort();
    r = kit_proposal(k, 9, 2, "");
    kit_result(k, &r);
    kit_draw(k);
    kit_pass(k, 400);
    kit_keys(k, "{Tab}{Enter}");
    r = (struct su_ui_result){.outcome = SU_UI_DONE, .kind = SU_UI_RUN, .token = 9};
    memcpy(r.execution, key, 32);
    su_str_copy(r.text, sizeof r.text, "Done: run a model");
    kit_result(k, &r);
    kit_keys(k, "{Enter}");
}

void kit_news(struct kit *k, const struct su_ui_news *n)
{
    struct su_ui_result r = {.outcome = SU_UI_PROGRESS, .kind = SU_UI_RUN, .token = 1, .news = *n};

    memcpy(r.execution, k->app.run.execution, 32);
    kit_result(k, &r);
}

void kit_draw(struct kit *k)
{
    if (k->grid.w != k->app.w || k->grid.h != k->app.h)
        if (!ui_grid_resize(&k->grid, k->app.w, k->app.h))
            abort();
    ui_draw(&k->app, &k->grid);
}

const char *kit_screen(struct kit *k)
{
    static struct su_buf b;

    kit_draw(k);
    su_buf_clear(&b);
    ui_headless_text(&k->grid, UI_CHARSET_ASCII, &b);
    return (const char *)b.data;
}

bool kit_has(struct kit *k, const char *text)
{
    if (strstr(kit_screen(k), text))
        return true;
    fprintf(stderr, "no \"%s\" on\n%s", text, kit_screen(k));
    return false;
}
