// SPDX-License-Identifier: MIT
/* app/config: what the app remembers between runs: pane, sorts, charset, mouse; and keys of one's own.
   Lines of others in the same file, and those of keys, are kept. */
#ifndef SU_UI_CONFIG_H
#define SU_UI_CONFIG_H

#include "ui/app/app.h"

/* A missing file is no failure. SU_EFORMAT names the line; SU_EIO and the like. *copy: whether the
   terminal may be told to copy (ui.osc52 = yes). */
SU_CHECK enum su_code ui_config_load(struct ui_app *app, const char *path, bool *copy,
                                     struct su_err *e);
/* Whole or not at all. Errors of su_file_write. */
SU_CHECK enum su_code ui_config_save(const struct ui_app *app, const char *path, bool copy,
                                     struct su_err *e);

#endif
