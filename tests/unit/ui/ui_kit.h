// SPDX-License-Identifier: MIT
/* The app driven by hand: events in, screens out, a clock that only tests move. */
#ifndef SU_TEST_UI_KIT_H
#define SU_TEST_UI_KIT_H

#include "support/ui_fixture.h"
#include "ui/app/app.h"

struct kit {
    struct ui_app app;
    struct ui_grid grid;
    struct su_feed_snapshot *snap;
    int64_t now_ms;
    unsigned actions[UI_ACT_FLUSH + 1]; /* how often each was asked for */
    struct su_ui_intent intent; /* the last one submitted */
    unsigned submits[SU_UI_STOP + 1]; /* by step */
};

void kit_open(struct kit *k, enum ui_fixture_kind kind, int w, int h);
void kit_close(struct kit *k);
void kit_event(struct kit *k, const struct ui_event *ev);
void kit_key(struct kit *k, int key);
/* Plain characters, and names in braces: "{Enter}", "{F5}", "{C-c}", "{Esc}", "{Tab}", "{Up}". */
void kit_keys(struct kit *k, const char *keys);
void kit_paste(struct kit *k, const char *text);
void kit_mouse(struct kit *k, enum ui_mouse what, int x, int y);
void kit_size(struct kit *k, int w, int h);
void kit_pass(struct kit *k, int64_t ms); /* time passes; one tick, one frame */
void kit_swap(struct kit *k, struct su_feed_snapshot *s); /* takes s over */
void kit_result(struct kit *k, const struct su_ui_result *r);
/* A proposal for the intent that was submitted last. */
struct su_ui_result kit_proposal(const struct kit *k, uint64_t token, unsigned tier,
                                 const char *confirm);
/* The answer to what was asked for last, by `d` in a preview: a deposit of 100 USDC as bytes. */
struct su_ui_result kit_shown(const struct kit *k);
/* Types a prompt in the Run pane, agrees to its preview, and it has landed as the execution `key`. */
void kit_ask(struct kit *k, const char *keys, const uint8_t *key);
void kit_news(struct kit *k, const struct su_ui_news *n); /* of it */
void kit_draw(struct kit *k);
/* The screen as text, borrowed until the next call. */
const char *kit_screen(struct kit *k);
bool kit_has(struct kit *k, const char *text);

#endif
