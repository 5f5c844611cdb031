// SPDX-License-Identifier: MIT
/* live: a feed and a worker thread as a backend. The thread of the app only takes the mutex for
   moments; whatever asks the chain happens on the worker. */
#ifndef SU_UI_LIVE_PRIV_H
#define SU_UI_LIVE_PRIV_H

#include "ui/ui.h"

#include <pthread.h>

#define UI_LIVE_INTENTS 4u
#define UI_LIVE_RESULTS 32u

struct su_ui_live {
    struct su_ui_live_options options;
    struct su_ui_backend backend;
    struct su_feed *feed; /* under mutex when it is changed */
    struct su_ops *ops; /* the worker's */
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    /* under mutex */
    struct su_ui_intent intent[UI_LIVE_INTENTS];
    size_t n_intent;
    struct su_ui_result result[UI_LIVE_RESULTS];
    size_t n_result;
    bool busy, cancelled, closing, answered;
    bool stop; /* what is followed is to end where it is */
    char prompt[SU_UI_PROMPT]; /* of the intent that is prepared last; see on_submit */
    char answer[SU_UI_TEXT];
    struct su_wallet *wallet; /* once it was opened */
    int event; /* readable while there are results */
    /* the worker's */
    struct su_ui_intent now;
    struct su_ops_proposal proposal;
    struct su_ops_request_terms terms;
    struct su_ops_delete_plan deleting;
    struct su_buf input;
    bool helped; /* the helper holds what the proposal was made of */
    uint64_t token; /* of the proposal; 0 = none */
    uint64_t tokens;
    struct su_ops_follow *follow;
    uint32_t told; /* state->changes that were passed on */
    uint8_t wallet_key[32], identity_key[32];
    struct su_progress sending;
};

/* Asks the person for the passphrase of a key file; out[cap] is not terminated. SU_ECANCELLED. */
enum su_code ui_live_passphrase(void *ctx, const char *path, bool again, char *out, size_t cap,
                                size_t *n, struct su_err *e);
bool ui_live_cancelled(void *ctx);
/* From now on su_ui_backend.lock locks it. */
void ui_live_keep(struct su_ui_live *l, struct su_wallet *w);
/* Forgets the proposal and what it was made of. */
void ui_live_discard(struct su_ui_live *l);
/* "~/" at the beginning of a path is the home folder. */
void ui_live_expand(char path[SU_UI_TEXT]);
/* r->text: the path that l->now begins, as far as the folder tells. */
void ui_live_complete(struct su_ui_live *l, struct su_ui_result *r);
void ui_live_push(struct su_ui_live *l, const struct su_ui_result *r);
/* Prepares the intent l->now: proposal and lines in r. */
enum su_code ui_live_prepare(struct su_ui_live *l, struct su_ui_result *r, struct su_err *e);
/* Carries out what was prepared; r: what came of it. */
enum su_code ui_live_commit(struct su_ui_live *l, struct su_ui_result *r, struct su_err *e);
/* A wallet was opened or a node was made, NULL = not: the feed looks at what is theirs from now on. */
enum su_code ui_live_renew_feed(struct su_ui_live *l, const uint8_t *wallet,
                                const uint8_t *identity, struct su_err *e);
/* The wallet's file is gone: nothing is signed or looked at in its name any more. */
enum su_code ui_live_forget_wallet(struct su_ui_live *l, struct su_err *e);
/* A turn of following what was asked for, if anything was. */
void ui_live_follow(struct su_ui_live *l, uint32_t wait_ms);

#endif
