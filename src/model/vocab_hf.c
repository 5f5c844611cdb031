// SPDX-License-Identifier: MIT
/* The tokenizer of a language model, from the files beside its config.json. */
#include "llm.h"

#include "json/json.h"

#include <stdlib.h>
#include <string.h>

#define TOKENIZER_BYTES_MAX (128u << 20)
#define SMALL_BYTES_MAX (4u << 20)
#define EOS_MAX 64

/* Empty when the file is not there. */
static enum su_code map_optional(const struct su_model *m, const char *leaf, uint64_t limit,
                                 struct su_map *out, bool *there, struct su_err *e)
{
    char path[SU_MODEL_PATH_MAX];
    struct su_err why = {0};
    enum su_code c = su_path_join(path, sizeof path, m->path, leaf, e);

    *there = false;
    if (c)
        return c;
    c = su_map_open(path, limit, out, &why);
    *there = c == SU_OK;
    if (c == SU_ENOENT)
        return SU_OK;
    if (c && e)
        *e = why;
    return c;
}

/* Adds the ids under eos_token_id; *found tells whether there are any. */
static enum su_code add_stops(const struct su_map *json, const char *at, struct su_text *t,
                              bool *found, struct su_err *e)
{
    struct su_json *doc = NULL;
    enum su_code c = su_json_parse(json->data, json->len, at, NULL, &doc, e);

    if (c)
        return c;
    const struct su_json_value *v = su_json_member(su_json_root(doc), "eos_token_id");
    bool list = v && su_json_kind(v) == SU_JSON_ARRAY;
    unsigned n = 0;
    for (v = list ? su_json_first(v) : v; v && !c; v = list ? su_json_next(v) : NULL) {
        uint64_t id = 0;
        if (su_json_kind(v) == SU_JSON_NULL)
            continue;
        c = su_json_as_u64(v, "eos_token_id", &id, e);
        if (!c && n++ == EOS_MAX)
            c = su_fail(e, SU_ELIMIT, at, "more than %d ids under eos_token_id", EOS_MAX);
        c = c ? c : su_text_stop_add(t, (uint32_t)SU_MIN(id, (uint64_t)UINT32_MAX), at, e);
        *found = true;
    }
    su_json_free(doc);
    return c;
}

static enum su_code read_stops(const struct su_model *m, struct su_text *t, struct su_err *e)
{
    static const char *const files[] = {"generation_config.json", "config.json"};
    bool found = false, there;
    enum su_code c = SU_OK;

    for (size_t i = 0; i < SU_ARRAY_LEN(files) && !c && !found; i++) {
        struct su_map map;
        c = map_optional(m, files[i], SMALL_BYTES_MAX, &map, &there, e);
        if (!c && there) {
            c = add_stops(&map, files[i], t, &found, e);
            su_map_close(&map);
        }
    }
    return c;
}

static enum su_code read_template(const struct su_model *m, struct su_text *t, struct su_err *e)
{
    struct su_map map;
    bool there;
    enum su_code c = map_optional(m, "chat_template.jinja", SMALL_BYTES_MAX, &map, &there, e);

    if (!c && there) {
        c = su_text_template_set(t, map.data, map.len, e);
        su_map_close(&map);
    }
    return c;
}

/* Of a model whose path is its folder. */
static enum su_code text_in(const struct su_model *m, struct su_text **out, struct su_err *e)
{
    char path[SU_MODEL_PATH_MAX];
    struct su_map json, config = {0};
    bool there = false;
    enum su_code c;

    if ((c = su_path_join(path, sizeof path, m->path, "tokenizer.json", e)) ||
        (c = su_map_open(path, TOKENIZER_BYTES_MAX, &json, e)))
        return c;
    c = map_optional(m, "tokenizer_config.json", TOKENIZER_BYTES_MAX, &config, &there, e);
    if (!c)
        c = su_text_from_hf(json.data, json.len, there ? config.data : NULL, config.len, path, out,
                            e);
    su_map_close(&json);
    if (there)
        su_map_close(&config);
    if (c)
        return c;
    c = read_template(m, *out, e);
    c = c ? c : read_stops(m, *out, e);
    if (c) {
        su_text_free(*out);
        *out = NULL;
    }
    return c;
}

enum su_code su_llm_text_folder(const struct su_model *m, struct su_text **out, struct su_err *e)
{
    struct su_model *beside =
        su_alloc(sizeof *beside); /* of a config.json opened alone: its folder */

    *beside = *m;
    if (su_str_ends(beside->path, "/config.json"))
        beside->path[strlen(beside->path) - strlen("/config.json")] = '\0';
    if (!beside->path[0])
        (void)su_str_copy(beside->path, sizeof beside->path, "/");
    enum su_code c = text_in(beside, out, e);
    free(beside);
    return c;
}
