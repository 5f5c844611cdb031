// SPDX-License-Identifier: MIT
/* What the tests of engine share. Everything here fails the running test on any error, and nothing
   here calls exec: one of the tests brings an exec of its own. */
#ifndef SU_TEST_ENGINE_UNIT_H
#define SU_TEST_ENGINE_UNIT_H

#include "engine/engine.h"

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
const char *scratch_write(const char *name, const void *data, size_t n);

void must(enum su_code rc, const struct su_err *e);
/* The code, one line, and every text in `want` (separated by '|'). */
void err_matches(const struct su_err *e, enum su_code code, const char *want);

/* The weights of g as an open safetensors file: data[i] is what g's weight i holds, in g's order; a
   weight that begins at a later row gets rows before it and behind it. */
struct weight_file {
    struct su_buf bytes;
    struct su_weights *weights;
};
struct weight_file weight_file_new(const struct su_graph *g, const void *const *data);
void weight_file_fini(struct weight_file *w);

struct su_plan *plan_of(const struct su_graph *g, uint64_t target, uint32_t t_max);
/* Evaluates the whole graph. */
struct su_eval *eval_of(const struct su_graph *g, const struct su_row *row, uint32_t n_row,
                        const void *const *input, const void *const *weight);
/* Outputs and leaves of r are those of ev, to the bit. */
void same_result(const struct su_graph *g, const struct su_row *row, uint32_t n_row,
                 const struct su_eval *ev, const struct su_engine_result *r, const char *what);

/* A graph builder that stops the test at the first error. */
uint32_t add_input(struct su_graph *g, const char *name, enum su_domain d, struct su_shape s);
uint32_t add_weight(struct su_graph *g, const char *name, enum su_dtype t, struct su_shape s);
uint32_t add_op(struct su_graph *g, enum su_op op, const uint32_t *arg, uint32_t n_arg,
                const int32_t *attr, uint32_t n_attr);
void add_output(struct su_graph *g, const char *name, uint32_t value);
void finish(struct su_graph *g);

#endif
