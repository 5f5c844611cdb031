// SPDX-License-Identifier: MIT
/* ui: the terminal app. Seven panes over what the feed knows, dialogs for what ops can do. It reads
   nothing but snapshots and writes nothing but intents; both go through a backend, so that the whole
   app runs in tests without a network and without a terminal. The thread that calls su_ui_run never
   waits for anything but keys and the backend's descriptors.

   Inside: term/ (grid, looks, the terminal), widgets/ (table, form, input line, texts), panes/ (one
   file each), app/ (events to state, state to grid, the loop), live.c (feed and ops as a backend). */
#ifndef SU_UI_H
#define SU_UI_H

#include "base/base.h"
#include "feed/feed.h"
#include "ops/ops.h"

/* ---- intents: what a person wants done --------------------------------------------------------- */

enum su_ui_kind { /* of an intent; its fields are in ui/app/intents.def */
                  SU_UI_DEPOSIT,
                  SU_UI_UNLOCK,
                  SU_UI_TAKE_OUT,
                  SU_UI_CLAIM,
                  SU_UI_AIRDROP,
                  SU_UI_DECLARE,
                  SU_UI_UNDECLARE,
                  SU_UI_RUN,
                  SU_UI_NODE,
                  SU_UI_WITHDRAW,
                  SU_UI_DEPLOY,
                  SU_UI_DROP,
                  SU_UI_REFUND,
                  SU_UI_WALLET_EXPORT, /* from here on files alone: no chain is needed */
                  SU_UI_WALLET_NEW,
                  SU_UI_WALLET_IMPORT,
                  SU_UI_WALLET_DELETE,
                  SU_UI_WALLET_OPEN, /* asks the passphrase; PREPARE is answered with DONE */
                  SU_UI_KINDS
};
#define SU_UI_FIELDS 6u
#define SU_UI_TEXT 512u
#define SU_UI_PROMPT (16u << 10) /* bytes of a prompt, its end included */
#define SU_UI_PIXELS (28u * 28u)
enum su_ui_step {
    SU_UI_PREPARE, /* make a proposal; answered with PROPOSED or FAILED */
    SU_UI_COMMIT, /* carry out the proposal `token`; PROGRESS..., then DONE or FAILED */
    SU_UI_DISCARD, /* forget the proposal `token`; not answered */
    SU_UI_ANSWER, /* field 0 is the passphrase that was asked for */
    SU_UI_COMPLETE, /* field 0 is the beginning of a path, kind may be SU_UI_KINDS; COMPLETED */
    SU_UI_SHOW, /* field 0: number from 0 of a transaction of the proposal `token`; SHOWN */
    SU_UI_STOP /* RUN: the generation under way ends where it is; not answered */
};
struct su_ui_intent {
    enum su_ui_kind kind;
    enum su_ui_step step;
    uint64_t token; /* of COMMIT and DISCARD: the one of the preview that was agreed to */
    char field[SU_UI_FIELDS][SU_UI_TEXT]; /* "" = not given */
    const char *prompt; /* of RUN: all of field 1, borrowed until submit returns; NULL = it is short */
    uint8_t pixel[SU_UI_PIXELS]; /* of RUN with a drawn digit, 0 to 255 */
    bool drawn;
};

enum su_ui_outcome {
    SU_UI_PROPOSED,
    SU_UI_PROGRESS,
    SU_UI_DONE,
    SU_UI_FAILED,
    SU_UI_PASSPHRASE, /* ANSWER it; an empty one refuses */
    SU_UI_COMPLETED, /* text: the path as far as it is known; title: what there is to choose from */
    SU_UI_SHOWN /* wire: the transaction as it would be signed now; err.code says when there is none */
};
#define SU_UI_OUTPUT 4096u
struct su_ui_news { /* what has come of a run */
    char text[SU_UI_OUTPUT]; /* of a long answer the end; "" = nothing yet */
    bool provisional; /* it is whole */
    bool final; /* nothing can change it any more */
    bool failed; /* nothing will come; text says why */
    uint32_t tokens, max_tokens; /* of a generation; else 0 */
    double rate; /* tokens/s */
    uint64_t cost, held; /* USDC: so far, and the most it can come to */
};
/* Results come in order. PROPOSED carries what is to be shown before COMMIT; a proposal without
   transactions and lines (making a key file, test money) has n_line 0 or n_tx 0 and is shown alike. */
struct su_ui_result {
    enum su_ui_outcome outcome;
    enum su_ui_kind kind;
    uint64_t token; /* never 0; a proposal dies with its token */
    struct su_err err; /* FAILED */
    char title[64], text[SU_UI_TEXT]; /* PROGRESS, DONE: a line; PASSPHRASE: the key file */
    bool again; /* PASSPHRASE: the last one was wrong */
    bool maybe; /* FAILED: it was sent and may still land */
    bool sealed; /* DONE of a key file: it has a passphrase */
    bool gone; /* DONE of WALLET_DELETE: it was the wallet in use */
    unsigned tier; /* PROPOSED: enum su_ops_tier */
    struct su_ops_line line[SU_OPS_LINES_MAX];
    size_t n_line, n_tx;
    char confirm[64]; /* PROPOSED, tier 3: what is to be typed */
    char signer[64]; /* whose wallet */
    uint32_t valid_ms; /* how long a proposal holds; 0 = no end */
    uint8_t execution[32]; /* DONE, PROGRESS of RUN: whose */
    uint8_t wire[SU_TX_MAX_BYTES], program[32]; /* SHOWN; the key of our program */
    size_t wire_bytes, tx; /* SHOWN: its number */
    bool fresh; /* SHOWN: with the newest blockhash; else zeros are in its place */
    struct su_ui_news news; /* PROGRESS of RUN */
};

/* All functions are called on the thread of su_ui_run and must not wait. */
struct su_ui_backend {
    void *ctx;
    int (*feed_fd)(void *ctx); /* readable when there is a newer snapshot; -1 = never */
    const struct su_feed_snapshot *(*take)(void *ctx); /* never NULL */
    void (*release)(void *ctx, const struct su_feed_snapshot *s);
    void (*hurry)(void *ctx); /* ask the sources again now */
    /* False: one is under way (ANSWER is always taken). Copies it. */
    bool (*submit)(void *ctx, const struct su_ui_intent *i);
    void (*cancel)(void *ctx); /* what is under way ends soon, with FAILED and SU_ECANCELLED */
    int (*result_fd)(void *ctx); /* readable when there is a result; -1 = never */
    bool (*result)(void *ctx, struct su_ui_result *out); /* false: none left */
    void (*lock)(void *ctx); /* forgets the wallet's secret */
    void (*note)(void *ctx, const char *text); /* a line into the log */
};

/* ---- the app ----------------------------------------------------------------------------------- */

struct su_ui_options {
    const char *pane; /* to begin with; NULL = the last one */
    const char *charset; /* "utf8", "acs", "ascii"; NULL = by locale */
    const char *config; /* file that keeps sorts and looks; NULL = none */
    const char *labels; /* file of names for addresses; NULL = none are kept */
    const char *wallet_path; /* shown; NULL = unknown */
    bool no_color, no_mouse;
    bool readonly; /* nothing can be signed */
    bool no_spend_keys; /* no key opens what spends or gives a secret away: a command must be typed */
    bool sealed; /* the key file has a passphrase */
    bool welcome; /* nothing is configured: begin with the offers of a first start */
    /* Commands of the program, for the ":" prompt; NULL = none. verb: "doctor", "store put"; NULL beyond
       the last. *args (NULL allowed): what follows it, "MODEL FILE". option: number k of verb i, NULL
       beyond the last; *arg: what it takes, "FILE", "vulkan|cpu", NULL = nothing. */
    const char *(*verb)(size_t i, const char **args);
    const char *(*option)(size_t i, size_t k, const char **arg);
    /* Runs "doctor --json" on the plain terminal; waits for it. */
    void (*outside)(void *ctx, const char *line);
    void *ctx;
    char *cluster; /* SU_UI_WATCH_CLUSTER: which one, of cluster_cap bytes; NULL = nobody asks */
    size_t cluster_cap;
};
/* Runs until the person leaves. Answers what a first start chose in *choice (NULL allowed), which the
   caller acts on: 0 = simply left. SU_EINVAL: no terminal, unknown pane or charset; SU_EFORMAT: the
   configuration; SU_ECANCELLED: the terminal hung up or a signal asked to end. The terminal is as it
   was found, however this ends. One at a time in a process. */
enum su_ui_choice { SU_UI_LEFT, SU_UI_START_DEMO, SU_UI_WATCH_CLUSTER };
SU_CHECK enum su_code su_ui_run(const struct su_ui_backend *b, const struct su_ui_options *o,
                                enum su_ui_choice *choice, struct su_err *e);

/* The names of panes, "models" first; NULL beyond the last. */
const char *su_ui_pane_name(size_t i);
/* Prints a pane from the table that the app draws: all columns, all rows, values in full. SU_EINVAL:
   unknown pane, or one without a table; SU_EIO. */
enum su_ui_format {
    SU_UI_TEXT_TABLE,
    SU_UI_TSV,
    SU_UI_JSON,
    SU_UI_PLAIN /* a value a line with its name before it, for screen readers */
};
SU_CHECK enum su_code su_ui_print(const struct su_feed_snapshot *s, const char *pane,
                                  enum su_ui_format format, int64_t wall_ms, struct su_buf *out,
                                  struct su_err *e);
/* The manual page of the keys, splitup-keys(7), from the table that handles them. */
void su_ui_keys_page(struct su_buf *out);

/* ---- the real backend -------------------------------------------------------------------------- */

/* What takes this machine, not the chain alone: its device, its files. On the worker thread; long work
   calls say with a line of progress now and then, and ends with SU_ECANCELLED once stop says so. */
struct su_ui_hooks {
    void *ctx;
    void (*say)(void *ctx, const char *text);
    bool (*stop)(void *ctx);
};
/* Turns what was drawn or typed into an input, and what came back into words. On the worker thread. */
struct su_ui_runner {
    void *ctx;
    /* Appends the input container for the intent's model, and says how many steps at most. */
    enum su_code (*input)(void *ctx, struct su_ops *o, const struct su_ui_intent *i,
                          const struct su_ui_hooks *h, struct su_buf *out, uint32_t *max_steps,
                          struct su_err *e);
    void (*begin)(void *ctx); /* what `input` gave last was asked for */
    /* Fills text, and of a generation the numbers; the rest is the caller's. */
    void (*output)(void *ctx, const struct su_ops_follow_state *s, struct su_ui_news *out);
};
struct su_ui_helper {
    void *ctx;
    /* Memory and conformance root for the entry of this machine's node, as the intent's fields wish. */
    enum su_code (*node)(void *ctx, const struct su_ui_intent *i, const struct su_ui_hooks *h,
                         struct su_ops_node *out, struct su_err *e);
    /* Cuts and packs the intent's model; what *out points to stays until done is called, which comes
       after every success. */
    enum su_code (*model)(void *ctx, const struct su_ui_intent *i, const struct su_ui_hooks *h,
                          struct su_ops_model *out, struct su_err *e);
    void (*done)(void *ctx);
};
struct su_ui_live_options {
    struct su_feed_options feed; /* as for su_feed_open; copied but for the texts and keys */
    const char *url, *keypair; /* as in struct su_ops_options; passphrases are asked in the app */
    const struct su_ui_runner *runner; /* NULL: nothing can be run */
    const struct su_ui_helper
        *helper; /* NULL: no node is registered, no model deployed from here */
};
struct su_ui_live;
/* Opens a feed, and a worker thread with ops. What the options point to must stay. Errors of
   su_feed_open and su_ops_open; SU_ENOMEM. On failure *out is NULL. */
SU_CHECK enum su_code su_ui_live_open(const struct su_ui_live_options *o, struct su_ui_live **out,
                                      struct su_err *e);
const struct su_ui_backend *su_ui_live_backend(struct su_ui_live *l); /* valid until close */
/* Ends what is under way; NULL allowed. Not during su_ui_run. */
void su_ui_live_close(struct su_ui_live *l);

#endif
