// SPDX-License-Identifier: MIT
/* What the tests of cli share: a scratch folder, and command lines run in this process with what
   they print caught. Everything here fails the running test on any error. */
#ifndef SU_TEST_CLI_UNIT_H
#define SU_TEST_CLI_UNIT_H

#include "cli/cli_priv.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* Group setup and teardown: a fresh folder that is $SPLITUP_HOME, models of the source tree, and
   removal of the folder with everything in it. */
int scratch_setup(void **state);
int scratch_teardown(void **state);
/* A path inside the folder, in one of 16 buffers used in turn. */
const char *scratch_path(const char *name);
const char *scratch_write(const char *name, const void *data, size_t n);
/* A path inside the source tree, likewise. */
const char *source_path(const char *name);

/* Sends stdout and stderr to files until catch_end, which reads them into `caught`, and ends them
   with a zero. */
struct caught {
    char out[1 << 20], err[1 << 16];
};
extern struct caught caught;
void catch_begin(void);
void catch_end(void);
/* Runs `splitup WORDS...` (NULL ends the list) and returns its exit status. */
int run_cli(const char *word, ...) __attribute__((sentinel));
/* The last run printed nothing on stdout and one line on stderr with every text in `want`
   (separated by '|'). */
void says(const char *want);

void err_matches(const struct su_err *e, enum su_code code, const char *want);

#endif
