// SPDX-License-Identifier: MIT
#include "weights_priv.h"

#include <inttypes.h>

static enum su_code mismatch(const struct su_weights *w, const struct su_value *v,
                             const struct su_tensor *t, const char *what, struct su_err *e)
{
    char want[80], have[80], rows[40] = "";

    if (v->first_row > 0)
        (void)snprintf(rows, sizeof rows, " at row %" PRIu64, v->first_row);
    return su_fail(e, SU_ETYPE, v->name, "%s: the graph wants %s %s%s, %s holds %s %s", what,
                   su_dtype_name(v->dtype), su_shape_format(&v->shape, want, sizeof want), rows,
                   w->at, su_dtype_name(t->dtype), su_shape_format(&t->shape, have, sizeof have));
}

/* The tensor's axes seen with v's rank, so that axis 0 counts rows; false when they cannot be. */
static bool tensor_view(const struct su_value *v, const struct su_tensor *t, struct su_shape *view)
{
    *view = t->shape;
    if (t->shape.rank == v->shape.rank)
        return true;
    if (t->shape.rank != 1)
        return false;
    /* The one axis stands where v has an axis other than 1; among axes of 1 it stands in front. */
    uint32_t at = 0;
    for (uint32_t i = 0; i < v->shape.rank; i++) {
        if (v->shape.dim[i] != 1)
            at = i;
    }
    *view = (struct su_shape){.rank = v->shape.rank};
    for (uint32_t i = 0; i < v->shape.rank; i++)
        view->dim[i] = i == at ? t->shape.dim[0] : 1;
    return v->shape.rank > 0 || t->shape.dim[0] == 1;
}

enum su_code su_weights_resolve(const struct su_weights *w, const struct su_graph *g, uint32_t id,
                                struct su_weight_span *out, struct su_err *e)
{
    struct su_shape view;

    *out = (struct su_weight_span){0};
    if (id >= g->n_value || g->value[id].kind != SU_VALUE_WEIGHT)
        return su_fail(e, SU_EINVAL, "graph", "value %" PRIu32 " is not a weight", id);
    const struct su_value *v = &g->value[id];
    const struct su_tensor *t = su_weights_find(w, v->name);
    if (!t)
        return su_fail(e, SU_ENOENT, v->name, "%s holds no tensor of this name", w->at);
    if (t->dtype != v->dtype)
        return mismatch(w, v, t, "another type", e);
    if (!tensor_view(v, t, &view))
        return mismatch(w, v, t, "another rank", e);
    for (uint32_t i = 1; i < view.rank; i++) {
        if (view.dim[i] != v->shape.dim[i])
            return mismatch(w, v, t, "other axes", e);
    }
    uint32_t rows = v->shape.rank ? v->shape.dim[0] : 1;
    uint64_t have = view.rank ? view.dim[0] : 1;
    if (v->first_row > have || rows > have - v->first_row)
        return mismatch(w, v, t, "rows beyond the tensor", e);
    /* The rows before these, so that whole blocks are skipped also where rows are elements. */
    struct su_shape before = v->shape;
    if (before.rank)
        before.dim[0] = (uint32_t)v->first_row;
    enum su_code c = su_tensor_bytes(v->dtype, &v->shape, &out->bytes, e);
    if (!c && v->first_row > 0)
        c = su_tensor_bytes(v->dtype, &before, &out->offset, e);
    if (c) {
        *out = (struct su_weight_span){0};
        return su_wrap(e, "weight %s", v->name);
    }
    out->tensor = t;
    return SU_OK;
}
