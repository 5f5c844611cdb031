// SPDX-License-Identifier: MIT
/* Language models as their authors publish them: one GGUF file, a folder, or config.json alone. */
#include "llm.h"

#include <string.h>

#define CONFIG_BYTES_MAX (4u << 20)

static enum su_code read_config(const char *file, struct su_model *m, struct su_err *e)
{
    struct su_map map;
    enum su_code c = su_map_open(file, CONFIG_BYTES_MAX, &map, e);

    if (c)
        return c;
    c = su_llm_config_from_json(map.data, map.len, file, &m->llm, e);
    su_map_close(&map);
    m->is_llm = !c;
    return c;
}

static enum su_code make_graph(struct su_model *m, enum su_llm_quant quant, struct su_err *e)
{
    enum su_code c = su_llm_graph(&m->llm, m->weights, quant, &m->graph, e);

    return c ? c : su_graph_digest(m->graph, m->graph_digest, e);
}

enum su_code su_llm_open_gguf(struct su_model *m, struct su_err *e)
{
    enum su_code c = su_weights_open(m->path, &m->weights, e);

    if (c || (c = su_llm_config_from_gguf(m->weights, &m->llm, e)))
        return c;
    m->is_llm = true;
    return make_graph(m, SU_LLM_Q8_0, e);
}

enum su_code su_llm_open_folder(struct su_model *m, struct su_err *e)
{
    char file[SU_MODEL_PATH_MAX];
    enum su_code c;

    if ((c = su_path_join(file, sizeof file, m->path, "config.json", e)) ||
        (c = read_config(file, m, e)) ||
        (c = su_path_join(file, sizeof file, m->path, "model.safetensors", e)))
        return c;
    if ((c = su_weights_open(file, &m->weights, e))) {
        if (c == SU_ENOENT)
            return su_fail(e, SU_EINVAL, m->path,
                           "has a config.json, but no model.safetensors; splitup plan works from "
                           "shapes alone, all else needs weights, e.g. a GGUF file");
        return c;
    }
    return make_graph(m, SU_LLM_BF16, e);
}

enum su_code su_llm_open_json(struct su_model *m, const char *file, enum su_llm_quant quant,
                              struct su_err *e)
{
    enum su_code c = read_config(file, m, e);

    if (c)
        return c;
    m->llm.names = SU_LLM_NAMES_GGUF;
    return make_graph(m, quant, e);
}
