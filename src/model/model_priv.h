// SPDX-License-Identifier: MIT
#ifndef SU_MODEL_PRIV_H
#define SU_MODEL_PRIV_H

#include "model.h"

#define SU_MODEL_PATH_MAX 4096

/* The folders that hold models, in the order of the search, each with its reason to be there. */
struct su_model_places {
    char (*path)[SU_MODEL_PATH_MAX]; /* owned */
    size_t n;
};
SU_CHECK enum su_code su_model_places(struct su_model_places *p, struct su_err *e);
void su_model_places_fini(struct su_model_places *p);

/* NULL when name can be that of a model, else what is wrong with it. */
const char *su_model_name_error(const char *name);
/* True when <place>/<name>/<name>.graph exists, or with shapes <place>/<name>/config.json; folder
   becomes <place>/<name>. */
bool su_model_exists(const char *place, const char *name, bool shapes,
                     char folder[SU_MODEL_PATH_MAX]);

#endif
