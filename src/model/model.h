// SPDX-License-Identifier: MIT
/* model: a model as a user names it -> its graph and its weights. A model is a folder <name>/ with
   <name>.graph (canonical bytes) and <name>.safetensors. Importers of other formats live here too.
   Thread-safe on distinct objects; the environment must not change meanwhile. */
#ifndef SU_MODEL_H
#define SU_MODEL_H

#include "base/base.h"
#include "graph/graph.h"
#include "weights/weights.h"

#define SU_MODEL_NAME_MAX 63u /* bytes: letters, digits, '.', '_', '-', not '.' in front */

struct su_model {
    char name[SU_MODEL_NAME_MAX + 1];
    char path[4096]; /* folder */
    struct su_graph *graph; /* owned, checked */
    struct su_weights *weights; /* owned */
    uint8_t graph_digest[SU_SHA256_BYTES];
};

/* Opens by name ("mnist"), or by path of a folder (anything with a '/'), whose own name, links
   followed, is the model's. Names are looked for in
     each folder of $SPLITUP_MODELS (colon-separated),
     ../share/splitup/models beside the running program's folder,
     models/ of the source tree, when the program lies in a build tree,
     share/splitup/models in the prefix given to CMake;
   the first with <name>/<name>.graph is taken. Every weight that the graph names is resolved before
   it returns. On success *out is owned by the caller (su_model_close). On failure *out is NULL:
     SU_ENOENT  no such model, with the places looked at; or a file of it or a tensor is missing
     SU_EINVAL  the name has characters other than the above or is too long; a file, no folder
   and errors of su_graph_load, su_weights_open and su_weights_resolve. Blocks on the disk. */
SU_CHECK enum su_code su_model_open(const char *name, struct su_model **out, struct su_err *e);
void su_model_close(struct su_model *m); /* NULL allowed */
/* Appends the names found in these places, each once, ascending as bytes, one per line. A place that
   cannot be read counts as empty. SU_ENOMEM, and what su_buf_check says. */
SU_CHECK enum su_code su_model_list(struct su_buf *out, struct su_err *e);

/* The graph of models/mnist: two parallel convolution branches joined by concat; input "image"
   [1,28,28] in 0..1 per row, output "probabilities" [10]. models/mnist/mnist.graph is its canonical
   bytes (a test compares them; the target mnist-graph writes them). *out is checked and owned by the
   caller; on failure it is NULL: SU_ENOMEM. */
SU_CHECK enum su_code su_model_mnist_graph(struct su_graph **out, struct su_err *e);

#endif
