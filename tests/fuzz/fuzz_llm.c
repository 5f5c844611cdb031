// SPDX-License-Identifier: MIT
/* The input as the description of a language model, a GGUF file or a config.json: what is taken must
   pass its own check, and its graph is built or refused. */
#include "model/model.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* So that an input costs little whatever it claims. */
#define LAYERS_MAX 3u

static void use(struct su_llm_config *c, const struct su_weights *w)
{
    struct su_graph *g = NULL;
    struct su_err e = {0};

    SU_ASSERT(su_llm_config_check(c, NULL) == SU_OK);
    c->layers = SU_MIN(c->layers, LAYERS_MAX);
    for (int quant = 0; quant < (w ? 1 : SU_LLM_QUANT_COUNT); quant++) {
        enum su_code code = su_llm_graph(c, w, (enum su_llm_quant)quant, &g, &e);
        SU_ASSERT((code == SU_OK) == (g != NULL));
        SU_ASSERT(code == SU_OK || (e.msg[0] != '\0' && !strchr(e.msg, '\n')));
        SU_ASSERT(!g || (g->checked && g->n_state == 2 * c->layers && g->n_output == 1));
        su_graph_free(g);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct su_llm_config c;
    struct su_weights *w = NULL;
    struct su_err e = {0};

    if (size >= 4 && memcmp(data, "GGUF", 4) == 0) {
        if (su_weights_open_bytes(data, size, "input", &w, &e) == SU_OK &&
            su_llm_config_from_gguf(w, &c, &e) == SU_OK)
            use(&c, w);
        su_weights_close(w);
    } else if (su_llm_config_from_json(data, size, "input", &c, &e) == SU_OK) {
        SU_ASSERT(c.names == SU_LLM_NAMES_HF);
        use(&c, NULL);
        c.names = SU_LLM_NAMES_GGUF;
        use(&c, NULL);
    }
    SU_ASSERT(e.code == SU_OK || e.msg[0] != '\0');
    return 0;
}
