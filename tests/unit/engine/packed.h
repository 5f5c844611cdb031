// SPDX-License-Identifier: MIT
/* A plan as nodes get it: a package, and its weights in a store of its own. Everything here fails
   the running test on any error, and nothing here calls exec. */
#ifndef SU_TEST_ENGINE_PACKED_H
#define SU_TEST_ENGINE_PACKED_H

#include "unit.h"

struct packed {
    char dir[200];
    struct su_store *store;
    struct su_package *package;
    uint8_t blob[32]; /* the weights' file */
};
/* data: the file that `weights` reads. */
struct packed packed_new(const struct su_plan *plan, const struct su_weights *weights,
                         const void *data, size_t n);
struct packed packed_file(const struct su_plan *plan, const struct su_weights *weights,
                          const char *path);
void packed_fini(struct packed *p);

#endif
