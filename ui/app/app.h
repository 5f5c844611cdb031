// SPDX-License-Identifier: MIT
/* app: the state of the whole screen. ui_step takes events, ui_draw fills a grid; neither does I/O.
   What is to happen outside is left in out[], which the loop carries out. */
#ifndef SU_UI_APP_H
#define SU_UI_APP_H

#include "ui/term/term.h"
#include "ui/ui.h"
#include "ui/widgets/input.h"
#include "ui/widgets/labels.h"
#include "ui/widgets/table.h"

enum ui_pane_id {
    UI_PANE_MODELS,
    UI_PANE_TASKS,
    UI_PANE_STAKE,
    UI_PANE_BEATS,
    UI_PANE_SAMPLES,
    UI_PANE_RUN,
    UI_PANE_LOG,
    UI_PANES
};

struct ui_app;

/* ---- requests: app/keys.def --------------------------------------------------------------------- */

enum ui_scope {
    UI_SCOPE_MODELS,
    UI_SCOPE_TASKS,
    UI_SCOPE_STAKE,
    UI_SCOPE_BEATS,
    UI_SCOPE_SAMPLES,
    UI_SCOPE_RUN,
    UI_SCOPE_LOG,
    UI_SCOPE_ALL,
    UI_SCOPE_FORM,
    UI_SCOPE_PREVIEW
};
struct ui_key_row {
    int request; /* enum ui_request */
    enum ui_scope scope;
    unsigned tier;
    int key[3];
    const char *name, *shown, *label, *help;
};
extern const struct ui_key_row ui_keys[];
extern const size_t ui_keys_count;
enum ui_request { /* rows of the same name in several scopes are the same request */
                  UI_REQ_NONE,
                  UI_REQ_HELP,
                  UI_REQ_WALLET,
                  UI_REQ_SEARCH,
                  UI_REQ_FILTER,
                  UI_REQ_TREE,
                  UI_REQ_SORT,
                  UI_REQ_STAKE,
                  UI_REQ_UNSTAKE,
                  UI_REQ_ACTIONS,
                  UI_REQ_QUIT,
                  UI_REQ_UP,
                  UI_REQ_DOWN,
                  UI_REQ_LEFT,
                  UI_REQ_RIGHT,
                  UI_REQ_PAGE_UP,
                  UI_REQ_PAGE_DOWN,
                  UI_REQ_HALF_UP,
                  UI_REQ_HALF_DOWN,
                  UI_REQ_FIRST,
                  UI_REQ_LAST,
                  UI_REQ_ENTER,
                  UI_REQ_BACK,
                  UI_REQ_PANE_1,
                  UI_REQ_PANE_2,
                  UI_REQ_PANE_3,
                  UI_REQ_PANE_4,
                  UI_REQ_PANE_5,
                  UI_REQ_PANE_6,
                  UI_REQ_PANE_7,
                  UI_REQ_NEXT_PANE,
                  UI_REQ_PREV_PANE,
                  UI_REQ_NEXT_MATCH,
                  UI_REQ_PREV_MATCH,
                  UI_REQ_SORT_BACK,
                  UI_REQ_INVERT,
                  UI_REQ_OPEN,
                  UI_REQ_FOLD,
                  UI_REQ_OPEN_ALL,
                  UI_REQ_TAG,
                  UI_REQ_UNTAG,
                  UI_REQ_PAUSE,
                  UI_REQ_COMMAND,
                  UI_REQ_RELOAD,
                  UI_REQ_REDRAW,
                  UI_REQ_COPY,
                  UI_REQ_PLAIN,
                  UI_REQ_WRITE,
                  UI_REQ_CHARSET,
                  UI_REQ_MOUSE,
                  UI_REQ_SUSPEND,
                  UI_REQ_CANCEL,
                  UI_REQ_DECLARE,
                  UI_REQ_UNDECLARE,
                  UI_REQ_RUN_MODEL,
                  UI_REQ_DEPLOY,
                  UI_REQ_START_DEMO,
                  UI_REQ_NODE,
                  UI_REQ_WITHDRAW,
                  UI_REQ_DROP,
                  UI_REQ_REFUND,
                  UI_REQ_CLAIM,
                  UI_REQ_TAKE_OUT,
                  UI_REQ_AIRDROP,
                  UI_REQ_ONLY_OWN,
                  UI_REQ_ORACLES,
                  UI_REQ_FOLLOW,
                  UI_REQ_LEVEL,
                  UI_REQ_TOPIC,
                  UI_REQ_PEN,
                  UI_REQ_ERASE,
                  UI_REQ_NEXT_MODEL,
                  UI_REQ_TYPE,
                  UI_REQ_RUN_NOW,
                  UI_REQ_NEXT_FIELD,
                  UI_REQ_PREV_FIELD,
                  UI_REQ_SUBMIT,
                  UI_REQ_LEAVE,
                  UI_REQ_MOST,
                  UI_REQ_RAW,
                  UI_REQ_LABEL,
                  UI_REQUESTS
};
/* Keys of one's own in place of the table's, from lines `bind.SCOPE.REQUEST = KEY KEY KEY`; zeroed:
   none. */
#define UI_KEY_ROWS 128
#define UI_KEYS_PER_ROW 3
struct ui_binds {
    bool bound[UI_KEY_ROWS]; /* by row of ui_keys */
    int key[UI_KEY_ROWS][UI_KEYS_PER_ROW];
};
/* The pane's own keys go before those of every pane. NULL: no such key. find: of the table alone. */
const struct ui_key_row *ui_keys_find(enum ui_scope scope, int key);
const struct ui_key_row *ui_keys_bound(const struct ui_binds *binds, enum ui_scope scope, int key);
/* The row's keys as people write them, cut to seven characters. */
const char *ui_keys_shown(const struct ui_binds *binds, const struct ui_key_row *row, char out[24]);
/* A text with the keys that are bound now where it says {request} or {scope.request}, as configurations
   name them; without a scope: of the pane that is shown, else of everywhere. {request:4}: and blanks up
   to four cells. An F key goes first, as the bar shows it. */
#define UI_HINT 200u
const char *ui_hint(const struct ui_app *app, const char *text, char out[UI_HINT]);
/* Draws one; returns the column after it. */
int ui_hint_text(const struct ui_app *app, struct ui_area a, int x, int y, enum ui_role role,
                 const char *text);
/* Reads the lines of a configuration whose syntax was checked, c. All of them or none: SU_EFORMAT
   names file and line: no such key or request, a key that two requests have, one that is kept. */
SU_CHECK enum su_code ui_binds_read(struct ui_binds *binds, const struct su_config *c,
                                    const char *text, size_t n, const char *path, struct su_err *e);
/* "everywhere", "models", ...; "pane-1": as configurations name them. */
const char *ui_scope_word(enum ui_scope s);
const char *ui_request_word(const struct ui_key_row *row, char out[24]);
/* Scope names for people: "Models", "everywhere", "forms". */
const char *ui_scope_name(enum ui_scope s);

/* ---- intents: app/intents.def --------------------------------------------------------------------- */

enum ui_field_source { /* first value of a field */
                       UI_FIELD_NONE,
                       UI_FIELD_NODE,
                       UI_FIELD_AMOUNT,
                       UI_FIELD_FREE,
                       UI_FIELD_SOL,
                       UI_FIELD_MODEL,
                       UI_FIELD_PROMPT,
                       UI_FIELD_TOKENS,
                       UI_FIELD_PATH,
                       UI_FIELD_FILE, /* empty; Tab completes it */
                       UI_FIELD_ENDPOINT,
                       UI_FIELD_VRAM,
                       UI_FIELD_EXECUTION,
                       UI_FIELD_SECRET
};
struct ui_intent_def {
    enum su_ui_kind kind;
    const char *word, *title;
    unsigned tier;
    struct ui_field_def {
        const char *label, *hint;
        enum ui_field_source source;
    } field[SU_UI_FIELDS];
};
const struct ui_intent_def *ui_intent_def(enum su_ui_kind kind);
size_t ui_intent_fields(const struct ui_intent_def *def);

/* ---- panes ---------------------------------------------------------------------------------------- */

struct ui_pane_ops {
    const char *name, *title; /* for commands; of the tab */
    const struct ui_source *(*source)(const struct ui_app *app); /* NULL: no table */
    int top_rows; /* of the strip above the table */
    int detail_rows; /* wished */
    void (*top)(const struct ui_app *app, struct ui_area a); /* NULL without top_rows */
    /* Of the selected row; row may be NULL when the list is empty. */
    const char *(*detail_title)(const struct ui_app *app, const struct ui_row *row, char out[128]);
    void (*detail)(const struct ui_app *app, const struct ui_row *row, struct ui_area a);
    void (*empty)(const struct ui_app *app, struct ui_area a); /* instead of rows */
    void (*draw)(const struct ui_app *app, struct ui_area a); /* whole body, instead of a table */
    bool (*request)(struct ui_app *app, int request); /* its own ones; false: not taken */
    /* The key of the row, for copying and as the first value of forms; false: none. */
    bool (*key)(const struct ui_app *app, struct ui_row row, char out[64]);
    /* The addresses of the row that can have names, the row's own first; NULL beyond the last. */
    const uint8_t *(*address)(const struct ui_app *app, struct ui_row row, size_t i);
};
extern const struct ui_pane_ops ui_pane_models, ui_pane_tasks, ui_pane_stake, ui_pane_beats,
    ui_pane_samples, ui_pane_run, ui_pane_log;
extern const struct ui_pane_ops *const ui_pane_list[UI_PANES];

/* ---- layout --------------------------------------------------------------------------------------- */

#define UI_MIN_W 60
#define UI_MIN_H 16
struct ui_layout {
    bool small; /* nothing else is meaningful */
    struct ui_rect header, tabs, info, top, head, body, rule, detail, log, message, keys;
};
/* A height of 0: not there. Rows of header, message and keys are always there. */
struct ui_layout ui_layout_make(int w, int h, int top_rows, int detail_rows, bool has_head);
/* A dialog that wishes that size, inside the screen above message and keys. */
struct ui_rect ui_layout_dialog(int w, int h, int want_w, int want_h);

/* ---- state ---------------------------------------------------------------------------------------- */

enum ui_mode {
    UI_LIST,
    UI_DETAIL, /* the selected row's details on the whole screen */
    UI_PROMPT, /* search, filter, command or text in the message row */
    UI_HELP,
    UI_MENU, /* actions */
    UI_FORM,
    UI_WAIT, /* for a proposal */
    UI_PREVIEW,
    UI_SENDING,
    UI_NOTICE, /* outcome or error, Enter leaves */
    UI_SECRET, /* a passphrase is asked for */
    UI_WALLET,
    UI_WELCOME,
    UI_ASK, /* y or not */
    UI_RAW /* a transaction of the preview, in words; leads back to it */
};
enum ui_prompt_kind {
    UI_PROMPT_SEARCH,
    UI_PROMPT_FILTER,
    UI_PROMPT_COMMAND,
    UI_PROMPT_TEXT,
    UI_PROMPT_CLUSTER
};
#define UI_HISTORY 16u
struct ui_prompt {
    enum ui_prompt_kind kind;
    struct ui_input in;
    char before[64]; /* filter to go back to */
    size_t from; /* row that a search began at */
    char history[UI_HISTORY][128]; /* of commands */
    size_t n_history, at_history;
    bool asked; /* Tab asked what the path at asked_at could be, and nothing was typed since */
    size_t asked_at;
};
struct ui_form {
    const struct ui_intent_def *def;
    struct ui_input in[SU_UI_FIELDS];
    size_t focus; /* fields, then Preview, then Cancel */
    struct su_err err; /* of the last check */
    size_t err_field; /* which field it is about */
    bool changed; /* since it was opened */
    bool leaving; /* Esc was pressed once: what was typed would be lost */
    bool asked; /* Tab asked what the path could be, and nothing was typed since */
};
#define UI_GUARD_MS 300 /* keys are ignored for so long after a preview opened */
struct ui_preview {
    struct su_ui_result p;
    int64_t made_ms; /* monotonic: when it came; it holds valid_ms from then on */
    int64_t shown_ms; /* since when it is on a screen */
    bool drawn; /* and has been on a screen */
    size_t focus; /* 0 typed text (tier 3), then Cancel, then Sign */
    struct ui_input typed;
    size_t top, seen; /* first line shown; lines that were on the screen */
    bool dead; /* expired or replaced: cannot be signed any more */
};
#define UI_RAW_TEXT (64u << 10)
struct ui_raw {
    struct su_buf text; /* in words; empty: not here yet */
    size_t tx; /* its number in the preview */
    int64_t asked_ms;
    bool waiting, fresh; /* fresh: with a blockhash */
    struct su_err err; /* why there is none */
    int top; /* first row shown */
};
enum ui_pending { UI_PENDING_NONE, UI_PENDING_PREPARE, UI_PENDING_COMMIT };
#define UI_PROMPTS 8u
#define UI_TOKENS 64u
struct ui_run {
    uint8_t pixel[SU_UI_PIXELS];
    int pen_x, pen_y;
    bool pen_down;
    struct ui_input prompt;
    char history[UI_PROMPTS][SU_UI_PROMPT]; /* of prompts, the newest last */
    size_t n_history, at_history;
    uint32_t tokens; /* wished of a generation; 0 = UI_TOKENS */
    bool has_model;
    uint8_t model[32];
    bool has_execution; /* the last one asked for here */
    uint8_t execution[32];
    struct su_ui_news news;
    bool stopping; /* it was told to end where it is */
};

enum ui_action_kind {
    UI_ACT_SUBMIT, /* app->intent */
    UI_ACT_CANCEL,
    UI_ACT_HURRY,
    UI_ACT_QUIT,
    UI_ACT_SUSPEND,
    UI_ACT_REDRAW,
    UI_ACT_PLAIN,
    UI_ACT_WRITE, /* app->text: the path */
    UI_ACT_COPY, /* app->text */
    UI_ACT_CONFIGURE, /* charset, mouse */
    UI_ACT_LOCK,
    UI_ACT_SAVE,
    UI_ACT_LABEL, /* app->label: into the file of names */
    UI_ACT_OUTSIDE, /* app->text: a command of the program, on the plain screen */
    UI_ACT_FLUSH
};
#define UI_ACTIONS 8u
enum ui_spot_kind {
    UI_SPOT_KEY, /* value: the key that a click is */
    UI_SPOT_FIELD, /* value: which; the cursor goes there */
    UI_SPOT_BUTTON, /* value: its focus; a click presses it */
    UI_SPOT_FOCUS, /* value: the focus; a click does not press it */
    UI_SPOT_ROW /* value: of a list of entries; a click chooses it */
};
struct ui_spot {
    struct ui_rect r;
    enum ui_spot_kind kind;
    int value;
};
#define UI_SPOTS 48u
struct ui_spots { /* where a dialog can be clicked, as it was drawn last */
    struct ui_spot spot[UI_SPOTS];
    size_t n;
    enum ui_mode mode; /* of that drawing */
    int64_t since_ms; /* that the mode is drawn */
    bool fresh; /* nothing has changed since */
};
struct ui_app {
    int w, h;
    int64_t now_ms, wall_ms; /* monotonic; Unix */
    const struct su_feed_snapshot *snap; /* borrowed; NULL before the first */
    const struct su_feed_snapshot *next; /* takes its place once the rows of it are made; or NULL */
    bool working; /* wants UI_EVENT_WORK */
    size_t slice; /* units of work for one event */
    bool no_spend_keys; /* as in struct su_ui_options */
    bool by_command; /* what opens now was typed behind ":" */
    bool readonly, paused, mouse, mouse_drawn;
    struct ui_binds binds;
    struct ui_labels labels;
    struct ui_label label; /* of UI_ACT_LABEL; "" takes a name away */
    bool can_switch; /* whoever runs the app goes on with its choice */
    bool offers; /* dialogs lead back to the offers of a first start */
    const struct su_ui_options *outside; /* commands of the program; NULL = none */
    enum ui_charset charset;
    char wallet_path[256];

    enum ui_mode mode, under; /* under: of UI_SECRET, where it goes back to */
    int pane;
    struct ui_table table[UI_PANES];
    unsigned variant[UI_PANES];
    char search[64];
    char message[200];
    enum ui_role message_role;
    unsigned errors; /* not looked at yet */
    int64_t cancel_ms; /* of the last ^C */
    int64_t started_ms;

    struct ui_prompt prompt;
    struct ui_form form;
    struct ui_preview preview;
    struct ui_raw raw;
    enum ui_pending pending;
    enum su_ui_kind pending_kind;
    uint64_t pending_token;
    int64_t pending_ms; /* since when */
    char progress[400];
    struct ui_input secret;
    char secret_path[256];
    bool secret_again;
    bool sealed; /* the key file has a passphrase */
    bool unlocked; /* it was given since the last lock */
    struct su_ui_result notice;
    struct ui_run run;
    int scroll; /* help, detail, notice */
    struct ui_spots spots;
    size_t menu; /* chosen entry */
    char help_filter[32];
    enum su_ui_choice choice, ask; /* ask: what UI_ASK is about */
    char cluster[256]; /* with SU_UI_WATCH_CLUSTER */
    enum su_feed_log_level log_level;
    char log_topic[16];

    enum ui_action_kind out[UI_ACTIONS];
    size_t n_out;
    struct su_ui_intent intent; /* of UI_ACT_SUBMIT */
    char text[256]; /* of UI_ACT_WRITE, UI_ACT_COPY */
};

void ui_app_init(struct ui_app *app);
void ui_app_fini(struct ui_app *app); /* wipes secrets */
/* Takes one event at a monotonic time. */
void ui_step(struct ui_app *app, const struct ui_event *ev, int64_t now_ms);
/* Whether a snapshot that came is still needed. */
bool ui_app_uses(const struct ui_app *app, const struct su_feed_snapshot *s);
/* Fills a grid of any size with what there is to see. Remembers that a preview was seen, no more. */
void ui_draw(struct ui_app *app, struct ui_grid *g);

/* ---- between the files of app and panes ------------------------------------------------------------ */

void ui_act(struct ui_app *app, enum ui_action_kind kind);
void ui_say(struct ui_app *app, enum ui_role role, const char *fmt, ...) SU_PRINTF(3, 4);
struct ui_view ui_view_of(const struct ui_app *app);
struct ui_layout ui_layout_of(const struct ui_app *app);
struct ui_table *ui_table_of(struct ui_app *app); /* of the pane; NULL: it has none */
bool ui_selected(const struct ui_app *app, struct ui_row *out);
void ui_pane_set(struct ui_app *app, int pane);
/* Whether money can move now; false says why in the message row. */
bool ui_may_sign(struct ui_app *app);
/* Money moves, and the wallet with it; else it is about key files. */
bool ui_needs_chain(enum su_ui_kind kind);
void ui_open_form(struct ui_app *app, enum su_ui_kind kind);
/* Whether the key of a row does nothing here but say why. */
bool ui_key_is_off(const struct ui_app *app, const struct ui_key_row *r);
/* Checks the form and asks for a proposal. */
void ui_form_submit(struct ui_app *app);
void ui_command(struct ui_app *app, const char *line);
/* Begins to name the selected row's address. */
void ui_label_open(struct ui_app *app);
/* "ADDRESS NAME" of the command. */
void ui_label_command(struct ui_app *app, const char *rest);
/* A line "label ADDRESS NAME" with the row's next address; false: another line, or there is none. */
bool ui_label_next(const struct ui_app *app, const char *line, char *out, size_t cap);
/* What is typed behind ":" for it, "stake deposit"; "" where there is nothing. */
const char *ui_command_word(enum su_ui_kind kind);
void ui_prompt_open(struct ui_app *app, enum ui_prompt_kind kind);
void ui_prompt_key(struct ui_app *app, int key);
void ui_prompt_paste(struct ui_app *app, const char *text);
/* What the path that Tab asked for in a command is; names: what there is to choose from. */
void ui_prompt_path(struct ui_app *app, const char *path, const char *names);
/* Where a dialog leads back to. */
enum ui_mode ui_rest_mode(const struct ui_app *app);
/* Asks for a cluster to go on with; false: not from here. */
bool ui_ask_cluster(struct ui_app *app);
/* Asks before the app makes way for the demo network. */
void ui_ask_demo(struct ui_app *app);
void ui_request(struct ui_app *app, int request);
bool ui_modal_event(struct ui_app *app, const struct ui_event *ev); /* false: not a modal mode */
void ui_modal_result(struct ui_app *app, const struct su_ui_result *r);
void ui_modal_tick(struct ui_app *app);
bool ui_modal_is_dialog(enum ui_mode m);
/* Whether Enter leads from what failed back to the form. */
bool ui_notice_again(const struct ui_app *app);
/* The mouse in a dialog or in help; and what drawing notes for it. */
void ui_mouse_dialog(struct ui_app *app, const struct ui_event *ev);
void ui_spots_begin(struct ui_app *app);
void ui_spot(struct ui_app *app, struct ui_area a, int x, int y, int w, enum ui_spot_kind kind,
             int value);
/* Shows a transaction of the preview that is open. */
void ui_raw_open(struct ui_app *app);
void ui_raw_key(struct ui_app *app, int key);
void ui_raw_result(struct ui_app *app, const struct su_ui_result *r);
void ui_draw_raw(struct ui_app *app, struct ui_area in, size_t n_tx);
void ui_draw_modal(struct ui_app *app, struct ui_area a);
void ui_draw_help(const struct ui_app *app, struct ui_area a);
/* Pane whose tab is under a column; -1 = none. */
int ui_tab_at(const struct ui_app *app, int x);
/* Number of the F key under a column of the bar. */
int ui_key_bar_at(const struct ui_app *app, int x);
/* Rows of the notice's text that do not fit its dialog. */
int ui_notice_more(const struct ui_app *app);
int ui_help_lines(const struct ui_app *app);
void ui_draw_frame(const struct ui_app *app, struct ui_area a, const struct ui_layout *l);
/* The message, or what can be pressed; after what is above it. */
void ui_draw_message(const struct ui_app *app, struct ui_area a, const struct ui_layout *l);
void ui_draw_small(const struct ui_app *app, struct ui_area a);
/* "label value" pairs of details: the label dim; returns the column after. */
int ui_pair(struct ui_area a, int x, int y, const char *label, enum ui_role role,
            const char *value);
/* Actions of the menu (F9) in the present pane; NULL beyond the last. */
const struct ui_key_row *ui_menu_at(const struct ui_app *app, size_t i);
/* Node of this wallet or machine whose stake the forms begin with; NULL: none known. */
const struct su_feed_node *ui_own_node(const struct su_feed_snapshot *s);
/* Pixel of the Run pane's canvas under a cell of the screen; false: none is there. */
bool ui_run_canvas(const struct ui_app *app, int x, int y, int *px, int *py);
void ui_run_pen(struct ui_app *app, int x, int y);
/* Whether the Run pane's own box is where the prompt is typed. */
bool ui_run_typing(const struct ui_app *app);
/* The prompt is typed: asks for it. */
void ui_run_typed(struct ui_app *app, const char *text);
/* An earlier or later prompt into the box. */
void ui_run_history(struct ui_app *app, int by);
/* Ends the generation that comes, if one does. */
bool ui_run_stop(struct ui_app *app);
unsigned ui_alerts(const struct su_feed_snapshot *s);
const struct su_feed_model *ui_model_find(const struct su_feed_snapshot *s, const uint8_t key[32]);
const struct su_feed_execution *ui_execution_find(const struct su_feed_snapshot *s,
                                                  const uint8_t key[32]);

#endif
