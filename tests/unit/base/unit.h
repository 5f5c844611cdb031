// SPDX-License-Identifier: MIT
/* What the tests of base share: cmocka with its prerequisites, and a scratch folder. */
#ifndef SU_TEST_BASE_UNIT_H
#define SU_TEST_BASE_UNIT_H

#include "base/base.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* Group setup and teardown: a fresh folder, and its removal with everything in it. */
int scratch_setup(void **state);
int scratch_teardown(void **state);
/* A path inside the folder, in one of four buffers used in turn. */
const char *scratch_path(const char *name);

#endif
