// SPDX-License-Identifier: MIT
/* Any bytes are refused with a message, or are the one encoding of a graph that can be dumped,
   costed and, when it is small, evaluated. */
#include "graph/graph.h"

#include <stdlib.h>

#define MACS_MAX 1000000u
#define BYTES_MAX (1u << 20)
#define ROWS 2

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool ok)
{
    if (!ok)
        abort();
}

/* Zero bytes for each source in `list`; false when they would be many. */
static bool zeros(const struct su_graph *g, const uint32_t *list, uint32_t n, const void **p)
{
    for (uint32_t i = 0; i < n; i++) {
        const struct su_value *v = &g->value[list[i]];
        uint64_t bytes = 0;
        if (su_tensor_bytes(v->dtype, &v->shape, &bytes, NULL) || bytes > BYTES_MAX)
            return false;
        p[i] = su_alloc((size_t)bytes * ROWS + 1);
    }
    return true;
}

static void evaluate(const struct su_graph *g)
{
    static const struct su_row rows[ROWS] = {{.session = 1, .position = 3, .emit = true},
                                             {.session = 1, .position = 4}};
    const void **input = su_alloc((g->n_input + 1) * sizeof *input);
    const void **weight = su_alloc((g->n_weight + 1) * sizeof *weight);
    struct su_eval_args args = {.row = rows,
                                .n_row = ROWS,
                                .input = input,
                                .weight = weight,
                                .limit_bytes = 16 * BYTES_MAX};
    struct su_eval *ev = NULL;
    struct su_err e;

    if (zeros(g, g->input, g->n_input, input) && zeros(g, g->weight, g->n_weight, weight)) {
        enum su_code c = su_graph_eval(g, &args, &ev, &e);
        require(c == SU_OK || c == SU_EUNSUPPORTED || c == SU_ELIMIT);
        for (uint32_t i = 0; c == SU_OK && i < g->n_output; i++) {
            size_t bytes = 0;
            require(su_eval_value(ev, g->output[i].value, &bytes) != NULL);
        }
        su_eval_free(ev);
    }
    for (uint32_t i = 0; i < g->n_input; i++)
        free((void *)(uintptr_t)input[i]);
    for (uint32_t i = 0; i < g->n_weight; i++)
        free((void *)(uintptr_t)weight[i]);
    free(input);
    free(weight);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct su_graph *g;
    struct su_err e = {0};
    struct su_buf bytes;

    if (su_graph_decode(data, size, &g, &e)) {
        require(g == NULL && e.msg[0] != '\0');
        return 0;
    }
    su_buf_init(&bytes, 0);
    require(su_graph_encode(g, &bytes, &e) == SU_OK);
    require(bytes.len == size);
    for (size_t i = 0; i < size; i++)
        require(bytes.data[i] == data[i]);
    su_buf_clear(&bytes);
    require(su_graph_dump(g, &bytes, &e) == SU_OK);
    if (su_graph_macs(g) < MACS_MAX)
        evaluate(g);
    su_buf_fini(&bytes);
    su_graph_free(g);
    return 0;
}
