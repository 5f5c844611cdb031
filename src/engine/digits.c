// SPDX-License-Identifier: MIT
#include "engine/engine.h"

#include <stdlib.h>
#include <string.h>

#define DIGIT_PIXELS 784u

struct su_digits {
    enum su_media_kind kind;
    uint8_t picture[DIGIT_PIXELS]; /* PNG, PGM */
    struct su_idx *idx, *labels;
    struct su_weights *weights;
    const struct su_tensor *tensor;
    bool bytes_in_tensor; /* its values are whole numbers of 0 to 255 */
    uint64_t count;
};

static enum su_code open_picture(const char *path, struct su_digits *d, struct su_err *e)
{
    struct su_image im = {0};
    enum su_code rc = su_image_load(path, &im, e);
    if (rc == SU_OK) {
        rc = su_image_to_digit(&im, d->picture, e);
        if (rc != SU_OK)
            (void)su_wrap(e, "%s", path);
    }
    su_image_fini(&im);
    d->count = 1;
    return rc;
}

/* train-images-idx3-ubyte.gz -> train-labels-idx1-ubyte.gz; false when the name has another
   shape. */
static bool labels_path(const char *images, char *out, size_t cap)
{
    static const char from[] = "images-idx3", to[] = "labels-idx1";
    const char *at = NULL;
    for (const char *s = strstr(images, from); s; s = strstr(s + 1, from))
        at = s;
    if (!at || strchr(at, '/') || strlen(images) >= cap)
        return false;
    su_str_copy(out, cap, images);
    memcpy(out + (at - images), to, sizeof to - 1);
    return true;
}

/* A file of labels is a help, not a need: without one, or with a bad one, the digits still run. */
static void open_labels(const char *images, struct su_digits *d)
{
    char path[4096], line[512];
    struct su_err e;
    if (!labels_path(images, path, sizeof path))
        return;
    enum su_code rc = su_idx_open(path, &d->labels, &e);
    if (rc == SU_ENOENT)
        return;
    if (rc == SU_OK && !su_idx_labels(d->labels))
        rc = su_fail(&e, SU_ETYPE, path, "holds images, not labels");
    else if (rc == SU_OK && su_idx_count(d->labels) != d->count)
        rc = su_fail(&e, SU_ETYPE, path, "holds %u labels for %llu images", su_idx_count(d->labels),
                     (unsigned long long)d->count);
    if (rc == SU_OK)
        return;
    su_idx_close(d->labels);
    d->labels = NULL;
    su_err_line(&e, line, sizeof line);
    su_log(SU_LOG_WARN, "digits", "%s; running without labels", line);
}

static enum su_code open_idx(const char *path, struct su_digits *d, struct su_err *e)
{
    enum su_code rc = su_idx_open(path, &d->idx, e);
    if (rc != SU_OK)
        return rc;
    if (su_idx_labels(d->idx))
        return su_fail(e, SU_ETYPE, path,
                       "an IDX file of labels (magic 2049); give the file of images (magic 2051)");
    if (su_idx_rows(d->idx) != 28 || su_idx_cols(d->idx) != 28)
        return su_fail(e, SU_ETYPE, path, "images are %u x %u; this model takes 28 x 28",
                       su_idx_rows(d->idx), su_idx_cols(d->idx));
    d->count = su_idx_count(d->idx);
    open_labels(path, d);
    return SU_OK;
}

static float value_at(const struct su_tensor *t, uint64_t i)
{
    return su_f32_from_bits(su_le32(t->data + i * 4));
}

static bool holds_bytes(const struct su_tensor *t)
{
    bool above_one = false;
    for (uint64_t i = 0; i < t->bytes / 4; i++) {
        float v = value_at(t, i);
        if (!(v >= 0.0f && v <= 255.0f) || v != (float)(uint32_t)v)
            return false;
        above_one |= v > 1.0f;
    }
    return above_one;
}

static enum su_code open_tensor(const char *path, struct su_digits *d, struct su_err *e)
{
    enum su_code rc = su_weights_open(path, &d->weights, e);
    if (rc != SU_OK)
        return rc;
    if (su_weights_count(d->weights) != 1)
        return su_fail(e, SU_ETYPE, path, "holds %u tensors; give a file with one, f32 [N,1,28,28]",
                       su_weights_count(d->weights));
    d->tensor = su_weights_at(d->weights, 0);
    const struct su_shape *s = &d->tensor->shape;
    char text[64];
    bool fits = d->tensor->dtype == SU_F32 && s->rank >= 2 && s->rank <= 4 &&
                s->dim[s->rank - 1] == 28 && s->dim[s->rank - 2] == 28 &&
                (s->rank < 4 || s->dim[1] == 1);
    if (!fits)
        return su_fail(e, SU_ETYPE, path,
                       "tensor %s is %s %s; this model takes f32 [N,1,28,28], [N,28,28] or [28,28]",
                       d->tensor->name, su_dtype_name(d->tensor->dtype),
                       su_shape_format(s, text, sizeof text));
    d->count = s->rank == 2 ? 1 : s->dim[0];
    d->bytes_in_tensor = holds_bytes(d->tensor);
    return SU_OK;
}

enum su_code su_digits_open(const char *path, struct su_digits **out, struct su_err *e)
{
    *out = NULL;
    struct su_digits *d = su_alloc(sizeof *d);
    enum su_code rc = su_media_kind(path, &d->kind, e);
    if (rc == SU_OK) {
        switch (d->kind) {
        case SU_MEDIA_PNG:
        case SU_MEDIA_PGM:
            rc = open_picture(path, d, e);
            break;
        case SU_MEDIA_IDX:
        case SU_MEDIA_IDX_GZ:
            rc = open_idx(path, d, e);
            break;
        case SU_MEDIA_SAFETENSORS:
            rc = open_tensor(path, d, e);
            break;
        case SU_MEDIA_UNKNOWN:
            rc = su_fail(e, SU_EFORMAT, path,
                         "offset 0: not the start of a PNG, PGM, IDX, gzipped IDX or safetensors "
                         "file; give one of these");
        }
    }
    if (rc != SU_OK) {
        su_digits_close(d);
        return rc;
    }
    *out = d;
    return SU_OK;
}

void su_digits_close(struct su_digits *d)
{
    if (!d)
        return;
    su_idx_close(d->idx);
    su_idx_close(d->labels);
    su_weights_close(d->weights);
    free(d);
}

uint64_t su_digits_count(const struct su_digits *d)
{
    return d->count;
}

enum su_code su_digits_get(const struct su_digits *d, uint64_t i, float out[784], struct su_err *e)
{
    const float scale = su_f32_from_bits(0x3b808081u); /* 1/255 */
    uint8_t pixel[DIGIT_PIXELS];
    if (i >= d->count)
        return su_fail(e, SU_EINVAL, "index",
                       "%llu is beyond the last digit; the file holds %llu, counted from 0",
                       (unsigned long long)i, (unsigned long long)d->count);
    if (d->tensor) {
        for (uint32_t p = 0; p < DIGIT_PIXELS; p++) {
            float v = value_at(d->tensor, i * DIGIT_PIXELS + p);
            out[p] = d->bytes_in_tensor ? v * scale : v;
        }
        return SU_OK;
    }
    if (d->idx) {
        enum su_code rc = su_idx_image(d->idx, i, pixel, sizeof pixel, e);
        if (rc != SU_OK)
            return rc;
    } else {
        memcpy(pixel, d->picture, sizeof pixel);
    }
    for (uint32_t p = 0; p < DIGIT_PIXELS; p++)
        out[p] = (float)pixel[p] * scale;
    return SU_OK;
}

int su_digits_label(const struct su_digits *d, uint64_t i)
{
    return d->labels && i < d->count ? su_idx_labels(d->labels)[i] : -1;
}
