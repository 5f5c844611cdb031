// SPDX-License-Identifier: MIT
/* Language models as their authors publish them: one GGUF file, a folder, or config.json alone. */
#include "llm.h"

#include <unistd.h>

#define CONFIG_BYTES_MAX (4u << 20)

enum su_code su_llm_config_read(const char *file, struct su_llm_config *out, struct su_err *e)
{
    struct su_map map;
    enum su_code c = su_map_open(file, CONFIG_BYTES_MAX, &map, e);

    if (c)
        return c;
    c = su_llm_config_from_json(map.data, map.len, file, out, e);
    su_map_close(&map);
    return c;
}

bool su_llm_weights_file(const char *folder, char out[SU_MODEL_PATH_MAX])
{
    static const char *const names[] = {"model.safetensors.index.json", "model.safetensors",
                                        "model.gguf"};

    for (size_t i = 0; i < SU_ARRAY_LEN(names); i++) {
        if (su_path_join(out, SU_MODEL_PATH_MAX, folder, names[i], NULL) == SU_OK &&
            access(out, F_OK) == 0)
            return true;
    }
    return false;
}

void su_llm_names_detect(struct su_llm_config *c, const struct su_weights *w)
{
    char name[SU_GRAPH_NAME_MAX + 1];

    c->names = SU_LLM_NAMES_HF_INNER;
    su_llm_weight_name(c, SU_LLM_EMBEDDING, 0, false, name);
    if (!su_weights_find(w, name))
        c->names = SU_LLM_NAMES_HF;
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
        (c = su_llm_config_read(file, &m->llm, e)))
        return c;
    m->is_llm = true;
    if (!su_llm_weights_file(m->path, file))
        return su_fail(e, SU_EINVAL, m->path,
                       "has a config.json, but no model.safetensors or index of shards; splitup "
                       "plan works from shapes alone, all else needs weights, e.g. a GGUF file");
    if ((c = su_weights_open(file, &m->weights, e)))
        return c;
    su_llm_names_detect(&m->llm, m->weights);
    return make_graph(m, SU_LLM_BF16, e);
}

enum su_code su_llm_open_json(struct su_model *m, const char *file, enum su_llm_quant quant,
                              struct su_err *e)
{
    enum su_code c = su_llm_config_read(file, &m->llm, e);

    if (c)
        return c;
    m->is_llm = true;
    m->llm.names = SU_LLM_NAMES_GGUF;
    return make_graph(m, quant, e);
}
