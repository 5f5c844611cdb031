// SPDX-License-Identifier: MIT
/* What the tests of model share: cmocka with its prerequisites, a scratch folder, and models made
   from the real one. Everything here fails the running test on any error. */
#ifndef SU_TEST_MODEL_UNIT_H
#define SU_TEST_MODEL_UNIT_H

#include "model/model.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* Group setup and teardown: a fresh folder, and its removal with everything in it. */
int scratch_setup(void **state);
int scratch_teardown(void **state);
/* A path inside the folder, in one of eight buffers used in turn. */
const char *scratch_path(const char *name);

/* models/<name> of the source tree. */
const char *source_path(const char *name);

/* Makes folder <under>/<name> with the real model's files, renamed. */
void model_make(const char *under, const char *name);
void file_put(const char *path, const void *data, size_t len);
void file_copy(const char *from, const char *to);
void err_matches(const struct su_err *e, enum su_code code, const char *want);

#endif
