// SPDX-License-Identifier: MIT
#include "llm.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- finding ---- */

static enum su_code find_by_name(const char *name, struct su_model *m, struct su_err *e)
{
    struct su_model_places places;
    const char *wrong = su_model_name_error(name);
    char looked[320] = "";
    bool found = false;

    if (wrong)
        return su_fail(e, SU_EINVAL, name, "%s; the path of a folder has a '/'", wrong);
    enum su_code c = su_model_places(&places, e);
    if (c)
        return c;
    for (size_t i = 0; i < places.n && !found; i++) {
        size_t used = strlen(looked);
        (void)snprintf(looked + used, sizeof looked - used, "%s%s", i ? ", " : "", places.path[i]);
        found = su_model_exists(places.path[i], name, true, m->path);
    }
    su_model_places_fini(&places);
    if (!found)
        return su_fail(e, SU_ENOENT, name, "no model of this name; SPLITUP_MODELS adds to %s",
                       looked);
    (void)su_str_copy(m->name, sizeof m->name, name);
    return SU_OK;
}

static enum su_code find_by_path(const char *path, struct su_model *m, struct su_err *e)
{
    char *real = realpath(path, NULL);
    struct stat st;

    if (!real || stat(real, &st) != 0) {
        int sys = errno;
        free(real);
        return su_fail_sys(e, sys, path, "no folder of a model");
    }
    const char *name = strrchr(real, '/') + 1;
    const char *wrong = su_model_name_error(name);
    enum su_code c = SU_OK;
    if (!S_ISDIR(st.st_mode))
        c = su_fail(e, SU_EINVAL, real, "is a file; a model is a folder");
    else if (wrong)
        c = su_fail(e, SU_EINVAL, real, "%s", wrong);
    else if (!su_str_copy(m->path, sizeof m->path, real))
        c = su_fail(e, SU_ELIMIT, real, "the path is longer than %zu bytes", sizeof m->path - 1);
    (void)su_str_copy(m->name, sizeof m->name, wrong ? "" : name);
    free(real);
    return c;
}

/* A file's path becomes m->path; its stem, or for config.json its folder's name, with other
   characters than a name has replaced, the model's name. */
static enum su_code find_file(const char *path, bool stem, struct su_model *m, struct su_err *e)
{
    char text[SU_MODEL_PATH_MAX], *real;
    const char *leaf = strrchr(path, '/');

    /* Of the folder alone: a link keeps its name, and other parts of a split file lie beside it. */
    if (access(path, F_OK) != 0 || !su_str_copy(text, sizeof text, path))
        return su_fail_sys(e, errno ? errno : ENAMETOOLONG, path, "no file of a model");
    text[leaf ? (size_t)(leaf - path) + 1 : 0] = '\0';
    real = realpath(leaf ? text : ".", NULL);
    if (!real)
        return su_fail_sys(e, errno, path, "no file of a model");
    int n = snprintf(text, sizeof text, "%s/%s", strcmp(real, "/") == 0 ? "" : real,
                     leaf ? leaf + 1 : path);
    bool fits = n > 0 && n < (int)sizeof text && su_str_copy(m->path, sizeof m->path, text);
    free(real);
    if (!fits)
        return su_fail(e, SU_ELIMIT, path, "the path is longer than %zu bytes", sizeof m->path - 1);
    char *slash = strrchr(text, '/'), *dot;
    if (!stem && slash > text) {
        *slash = '\0';
        slash = strrchr(text, '/');
    }
    if (stem && (dot = strrchr(slash, '.')))
        *dot = '\0';
    (void)snprintf(m->name, sizeof m->name, "%.*s", (int)SU_MODEL_NAME_MAX, slash + 1);
    char one[2] = "";
    for (char *at = m->name; (one[0] = *at); at++) {
        if (*at != '.' ? su_model_name_error(one) != NULL : at == m->name)
            *at = '-';
    }
    if (m->name[0] == '\0')
        (void)su_str_copy(m->name, sizeof m->name, "model");
    return SU_OK;
}

/* ---- opening ---- */

static enum su_code file_of(const struct su_model *m, const char *suffix,
                            char out[SU_MODEL_PATH_MAX], struct su_err *e)
{
    char leaf[SU_MODEL_NAME_MAX + 16];

    (void)snprintf(leaf, sizeof leaf, "%s.%s", m->name, suffix);
    return su_path_join(out, SU_MODEL_PATH_MAX, m->path, leaf, e);
}

static enum su_code load_own(struct su_model *m, struct su_err *e)
{
    char file[SU_MODEL_PATH_MAX];
    enum su_code c;

    if ((c = file_of(m, "graph", file, e)) || (c = su_graph_load(file, &m->graph, e)) ||
        (c = su_graph_digest(m->graph, m->graph_digest, e)) ||
        (c = file_of(m, "safetensors", file, e)))
        return c;
    return su_weights_open(file, &m->weights, e);
}

static bool has_file(const struct su_model *m, const char *leaf, char out[SU_MODEL_PATH_MAX])
{
    return su_path_join(out, SU_MODEL_PATH_MAX, m->path, leaf, NULL) == SU_OK &&
           access(out, F_OK) == 0;
}

/* shapes: NULL, or the recipe for a folder without weights. */
static enum su_code load_folder(struct su_model *m, const enum su_llm_quant *shapes,
                                struct su_err *e)
{
    char file[SU_MODEL_PATH_MAX];

    if (file_of(m, "graph", file, NULL) == SU_OK && access(file, F_OK) == 0)
        return load_own(m, e);
    if (!has_file(m, "config.json", file))
        return load_own(m, e);
    if (shapes && !su_llm_weights_file(m->path, file)) {
        (void)has_file(m, "config.json", file);
        return su_llm_open_json(m, file, *shapes, e);
    }
    struct su_err why = {0};
    enum su_code c = su_llm_open_folder(m, &why);
    if (c == SU_EUNSUPPORTED && shapes && m->llm.experts && has_file(m, "config.json", file)) {
        su_weights_close(m->weights); /* experts apart: what they are quantised to is planned */
        m->weights = NULL;
        return su_llm_open_json(m, file, *shapes, e);
    }
    if (c && e)
        *e = why;
    return c;
}

static enum su_code resolve_all(const struct su_model *m, struct su_err *e)
{
    struct su_weight_span span;
    enum su_code c = SU_OK;

    for (uint32_t i = 0; m->weights && i < m->graph->n_weight && !c; i++)
        c = su_weights_resolve(m->weights, m->graph, m->graph->weight[i], &span, e);
    return c;
}

static enum su_code open_model(const char *name, const enum su_llm_quant *shapes,
                               struct su_model **out, struct su_err *e)
{
    bool gguf = su_str_ends(name, ".gguf"), json = su_str_ends(name, ".json");
    struct su_model *m = su_alloc(sizeof *m);
    enum su_code c;

    *out = NULL;
    if (json && !shapes)
        c = su_fail(e, SU_EINVAL, name,
                    "describes a model without its weights; splitup plan works from shapes alone, "
                    "all else needs weights, e.g. a GGUF file");
    else if (gguf || json)
        c = find_file(name, gguf, m, e);
    else
        c = strchr(name, '/') ? find_by_path(name, m, e) : find_by_name(name, m, e);
    if (!c) {
        c = gguf   ? su_llm_open_gguf(m, e)
            : json ? su_llm_open_json(m, m->path, *shapes, e)
                   : load_folder(m, shapes, e);
        c = c ? c : resolve_all(m, e);
        if (c)
            (void)su_wrap(e, "model %s", m->name);
    }
    if (c)
        su_model_close(m);
    else
        *out = m;
    return c;
}

enum su_code su_model_open(const char *name, struct su_model **out, struct su_err *e)
{
    return open_model(name, NULL, out, e);
}

enum su_code su_model_open_shapes(const char *name, enum su_llm_quant quant, struct su_model **out,
                                  struct su_err *e)
{
    return open_model(name, &quant, out, e);
}

void su_model_close(struct su_model *m)
{
    if (!m)
        return;
    su_weights_close(m->weights);
    su_graph_free(m->graph);
    free(m);
}

/* ---- listing ---- */

struct names {
    char (*name)[SU_MODEL_NAME_MAX + 1];
    size_t n, cap;
};

static int by_text(const void *a, const void *b)
{
    return strcmp(a, b);
}

static enum su_code add_names(struct names *list, const char *place, struct su_err *e)
{
    char folder[SU_MODEL_PATH_MAX];
    struct dirent *d;
    DIR *dir = opendir(place);

    while (dir && (d = readdir(dir))) {
        if (su_model_name_error(d->d_name) || !su_model_exists(place, d->d_name, false, folder))
            continue;
        if (list->n == list->cap) {
            size_t cap = SU_MAX(2 * list->cap, 16u);
            void *p = realloc(list->name, cap * sizeof *list->name);
            if (!p) {
                (void)closedir(dir);
                return su_fail(e, SU_ENOMEM, place, "out of memory for %zu names", cap);
            }
            list->name = p;
            list->cap = cap;
        }
        (void)su_str_copy(list->name[list->n++], sizeof *list->name, d->d_name);
    }
    if (dir)
        (void)closedir(dir);
    return SU_OK;
}

enum su_code su_model_list(struct su_buf *out, struct su_err *e)
{
    struct su_model_places places;
    struct names list = {0};
    enum su_code c = su_model_places(&places, e);

    if (c)
        return c;
    for (size_t i = 0; i < places.n && !c; i++)
        c = add_names(&list, places.path[i], e);
    su_model_places_fini(&places);
    if (!c && list.n > 0)
        qsort(list.name, list.n, sizeof *list.name, by_text);
    for (size_t i = 0; i < list.n && !c; i++) {
        if (i == 0 || strcmp(list.name[i - 1], list.name[i]) != 0)
            su_buf_printf(out, "%s\n", list.name[i]);
    }
    free(list.name);
    return c ? c : su_buf_check(out, "list of models", e);
}
