// SPDX-License-Identifier: MIT
/* Writes models/mnist/mnist.graph: make_mnist_graph FILE */
#include "model/model.h"

int main(int argc, char **argv)
{
    struct su_graph *g = NULL;
    struct su_err e = {0};
    char line[512];

    if (argc != 2) {
        (void)fprintf(stderr, "usage: make_mnist_graph FILE\n");
        return su_code_exit(SU_EUSAGE);
    }
    enum su_code c = su_model_mnist_graph(&g, &e);
    if (!c)
        c = su_graph_save(g, argv[1], &e);
    if (c) {
        su_err_line(&e, line, sizeof line);
        (void)fprintf(stderr, "make_mnist_graph: %s\n", line);
    }
    su_graph_free(g);
    return su_code_exit(c);
}
