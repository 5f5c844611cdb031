// SPDX-License-Identifier: MIT
#include "model_priv.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

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
        found = su_model_exists(places.path[i], name, m->path);
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

/* ---- opening ---- */

static enum su_code file_of(const struct su_model *m, const char *suffix,
                            char out[SU_MODEL_PATH_MAX], struct su_err *e)
{
    char leaf[SU_MODEL_NAME_MAX + 16];

    (void)snprintf(leaf, sizeof leaf, "%s.%s", m->name, suffix);
    return su_path_join(out, SU_MODEL_PATH_MAX, m->path, leaf, e);
}

static enum su_code load(struct su_model *m, struct su_err *e)
{
    char file[SU_MODEL_PATH_MAX];
    struct su_weight_span span;
    enum su_code c;

    if ((c = file_of(m, "graph", file, e)) || (c = su_graph_load(file, &m->graph, e)) ||
        (c = su_graph_digest(m->graph, m->graph_digest, e)) ||
        (c = file_of(m, "safetensors", file, e)) || (c = su_weights_open(file, &m->weights, e)))
        return c;
    for (uint32_t i = 0; i < m->graph->n_weight; i++) {
        if ((c = su_weights_resolve(m->weights, m->graph, m->graph->weight[i], &span, e)))
            return c;
    }
    return SU_OK;
}

enum su_code su_model_open(const char *name, struct su_model **out, struct su_err *e)
{
    struct su_model *m = su_alloc(sizeof *m);
    enum su_code c;

    *out = NULL;
    c = strchr(name, '/') ? find_by_path(name, m, e) : find_by_name(name, m, e);
    if (!c && (c = load(m, e)))
        (void)su_wrap(e, "model %s", m->name);
    if (c)
        su_model_close(m);
    else
        *out = m;
    return c;
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
        if (su_model_name_error(d->d_name) || !su_model_exists(place, d->d_name, folder))
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
