// SPDX-License-Identifier: MIT
/* What the tests of weights share: cmocka with its prerequisites, a scratch folder, and safetensors
   files made by hand. Everything here fails the running test on any error. */
#ifndef SU_TEST_WEIGHTS_UNIT_H
#define SU_TEST_WEIGHTS_UNIT_H

#include "weights/weights.h"

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

/* Bytes of a file: the length of header, header, then data_bytes of data counting up from 0. In an
   allocation of exactly *len bytes, for the caller to free. */
uint8_t *st_bytes(const char *header, size_t data_bytes, size_t *len);
/* Opens such bytes, which must fail with `code` and a one-line message that holds every text in
   `want` (separated by '|') and is at "mem". */
void st_refused(const char *header, size_t data_bytes, enum su_code code, const char *want);
/* The same for bytes made elsewhere. */
void bytes_refused(const void *bytes, size_t len, enum su_code code, const char *want);
void err_matches(const struct su_err *e, enum su_code code, const char *want);

/* A weight of a graph; its value id. */
uint32_t graph_weight(struct su_graph *g, const char *name, enum su_dtype d, struct su_shape shape,
                      uint64_t first_row);

#endif
