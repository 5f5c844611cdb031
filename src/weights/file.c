// SPDX-License-Identifier: MIT
/* An open file of either format: what both hold their tensors to, and access to them. */
#include "weights_priv.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static int by_offset(const void *a, const void *b)
{
    const struct su_tensor *x = a, *y = b;

    if (x->offset != y->offset)
        return x->offset < y->offset ? -1 : 1;
    return x->bytes < y->bytes ? -1 : x->bytes > y->bytes;
}

static int by_name(const void *a, const void *b)
{
    const struct su_tensor *x = a, *y = b;

    return strcmp(x->name, y->name);
}

/* Where the next tensor, or the file's end, may stand at the latest. */
static uint64_t padded(const struct su_weights *w, uint64_t end, uint64_t align)
{
    return SU_MIN(su_align_up(end, align), w->len);
}

static enum su_code check_cover(const struct su_weights *w, uint64_t start, uint64_t align,
                                struct su_err *e)
{
    uint64_t next = start;

    for (uint32_t i = 0; i < w->n_tensor; i++) {
        const struct su_tensor *t = &w->tensor[i];
        if (t->offset < next)
            return su_fail(e, SU_EFORMAT, w->at, "tensors '%s' and '%s' overlap at offset %" PRIu64,
                           w->tensor[i - 1].name, t->name, t->offset);
        if (t->offset > padded(w, next, align))
            return su_fail(e, SU_EFORMAT, w->at,
                           "%" PRIu64 " bytes at offset %" PRIu64
                           ", before tensor '%s', belong to no tensor",
                           t->offset - next, next, t->name);
        next = t->offset + t->bytes;
    }
    if (w->len > padded(w, next, align))
        return su_fail(e, SU_EFORMAT, w->at,
                       "%" PRIu64 " bytes at offset %" PRIu64 ", after the last tensor, belong to "
                       "no tensor",
                       w->len - next, next);
    return SU_OK;
}

enum su_code su_weights_reserve(struct su_weights *w, uint64_t n_tensor, uint64_t name_bytes,
                                struct su_err *e)
{
    w->tensor = su_try_alloc(SU_MAX(n_tensor, 1u), sizeof *w->tensor);
    w->names = su_try_alloc(SU_MAX(name_bytes, 1u), 1);
    if (!w->tensor || !w->names)
        return su_fail(e, SU_ENOMEM, w->at, "out of memory for %" PRIu64 " tensors", n_tensor);
    return SU_OK;
}

enum su_code su_weights_index(struct su_weights *w, uint64_t start, uint64_t align,
                              struct su_err *e)
{
    qsort(w->tensor, w->n_tensor, sizeof *w->tensor, by_offset);
    enum su_code c = check_cover(w, start, align, e);
    if (c)
        return c;
    qsort(w->tensor, w->n_tensor, sizeof *w->tensor, by_name);
    for (uint32_t i = 1; i < w->n_tensor; i++) {
        const struct su_tensor *a = &w->tensor[i - 1], *b = &w->tensor[i];
        if (strcmp(a->name, b->name) == 0)
            return su_fail(e, SU_EFORMAT, w->at,
                           "tensor '%s' twice, at offsets %" PRIu64 " and %" PRIu64, b->name,
                           SU_MIN(a->offset, b->offset), SU_MAX(a->offset, b->offset));
    }
    return SU_OK;
}

static struct su_weights *weights_new(const char *path)
{
    struct su_weights *w = su_alloc(sizeof *w);
    size_t len = strlen(path), keep = sizeof((struct su_err *)0)->at - 1;

    w->path = su_strdup(path);
    w->at = len > keep ? w->path + len - keep : w->path;
    return w;
}

/* Takes w. */
static enum su_code weights_finish(struct su_weights *w, struct su_weights **out, struct su_err *e)
{
    enum su_code c = su_gguf_sniff(w) ? su_gguf_parse(w, e) : su_safetensors_parse(w, e);

    if (c)
        su_weights_close(w);
    else
        *out = w;
    return c;
}

enum su_code su_weights_open_one(const char *path, struct su_weights **out, struct su_err *e)
{
    struct su_weights *w = weights_new(path);

    *out = NULL;
    enum su_code c = su_map_open(path, 0, &w->map, e);
    if (c) {
        su_weights_close(w);
        return c;
    }
    w->data = w->map.data;
    w->len = w->map.len;
    return weights_finish(w, out, e);
}

enum su_code su_weights_open(const char *path, struct su_weights **out, struct su_err *e)
{
    bool index = su_str_ends(path, SU_WEIGHTS_INDEX_END);
    struct su_weights *one = NULL, *w;
    enum su_code c;

    *out = NULL;
    if (!index) {
        if ((c = su_weights_open_one(path, &one, e)))
            return c;
        if (su_weights_split_count(one) <= 1) {
            *out = one;
            return SU_OK;
        }
    }
    w = weights_new(path);
    c = index ? su_weights_open_index(w, e) : su_weights_open_split(one, w, e);
    if (c)
        su_weights_close(w);
    else
        *out = w;
    return c;
}

enum su_code su_weights_open_bytes(const void *data, size_t len, const char *at,
                                   struct su_weights **out, struct su_err *e)
{
    struct su_weights *w = weights_new(at), *one;

    *out = NULL;
    w->data = data;
    w->len = len;
    enum su_code c = weights_finish(w, &one, e);
    if (!c && su_weights_split_count(one) > 1) {
        c = su_fail(e, SU_EUNSUPPORTED, one->at, "is one of %" PRIu32 " parts of a GGUF file",
                    su_weights_split_count(one));
        su_weights_close(one);
    } else if (!c) {
        *out = one;
    }
    return c;
}

void su_weights_close(struct su_weights *w)
{
    if (!w)
        return;
    for (uint32_t i = 0; i < w->n_part; i++)
        su_weights_close(w->part[i]);
    free(w->part);
    su_map_close(&w->map);
    free(w->tensor);
    free(w->names);
    free(w->meta);
    free(w->path);
    free(w);
}

uint32_t su_weights_count(const struct su_weights *w)
{
    return w->n_tensor;
}

const struct su_tensor *su_weights_at(const struct su_weights *w, uint32_t i)
{
    SU_ASSERT(i < w->n_tensor);
    return &w->tensor[i];
}

const struct su_tensor *su_weights_find(const struct su_weights *w, const char *name)
{
    const struct su_tensor key = {.name = name};

    return bsearch(&key, w->tensor, w->n_tensor, sizeof key, by_name);
}

const char *su_weights_path(const struct su_weights *w)
{
    return w->path;
}

const char *su_weights_leaf(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

uint32_t su_weights_files(const struct su_weights *w)
{
    return SU_MAX(w->n_part, 1u);
}

const char *su_weights_file_path(const struct su_weights *w, uint32_t i)
{
    SU_ASSERT(i < su_weights_files(w));
    return w->n_part ? w->part[i]->path : w->path;
}
