// SPDX-License-Identifier: MIT
/* model: a model as a user names it -> its graph and its weights. A model is a folder <name>/ with <name>.graph (canonical bytes) and
   <name>.safetensors. Importers of other formats live here too. */
#ifndef SU_MODEL_H
#define SU_MODEL_H

#include "base/base.h"
#include "graph/graph.h"
#include "weights/weights.h"

struct su_model {
    char name[64];
    char path[4096];            /* folder */
    struct su_graph *graph;     /* owned */
    struct su_weights *weights; /* owned */
    uint8_t graph_digest[SU_SHA256_BYTES];
};
/* Opens by name ("mnist") or by path of a folder (anything with a '/'). Names are looked for in $SPLITUP_MODELS (colon-separated), in
   ../share/splitup/models beside the running program's folder, in the installation prefix, and in the source tree of a build tree's program.
   Every weight the graph names is resolved before it returns. On failure *out is NULL: SU_ENOENT lists where it looked. */
SU_CHECK enum su_code su_model_open(const char *name, struct su_model **out, struct su_err *e);
void su_model_close(struct su_model *m);
/* Names found in the search path, sorted, one per line into out. */
SU_CHECK enum su_code su_model_list(struct su_buf *out, struct su_err *e);

/* The graph of models/mnist: two parallel convolution branches joined by concat; input "image" [1,28,28] in 0..1 per row, output "probabilities"
   [10]. models/mnist/mnist.graph is its canonical bytes (a test compares them). *out is checked and owned by the caller. */
SU_CHECK enum su_code su_model_mnist_graph(struct su_graph **out, struct su_err *e);

#endif
