// SPDX-License-Identifier: MIT
/* app/loop: events from a terminal and a backend into the state, the state onto the terminal. Split
   from su_ui_run so that tests bring their own terminal. */
#ifndef SU_UI_LOOP_H
#define SU_UI_LOOP_H

#include "ui/app/app.h"

struct ui_loop {
    struct ui_app *app;
    struct ui_term *term;
    const struct su_ui_backend *backend;
    const char *labels; /* file of names for addresses; NULL = none */
    const char *config; /* NULL = none */
    bool copy;
    int signals; /* readable: bytes are signal numbers; -1 = none */
    unsigned draws; /* so far */
};
/* Until the person leaves (SU_OK), the terminal is gone or a signal says so (SU_ECANCELLED). */
SU_CHECK enum su_code ui_loop_run(struct ui_loop *l, struct su_err *e);

#endif
