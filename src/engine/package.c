// SPDX-License-Identifier: MIT
/* Bytes of a package. All integers little-endian, nothing is padded or optional:

     file   := "SUPACK1\0"  name  t_max:u32  e_max:u32  sessions:u32  ctx:u32
               stops:u8 (at most 64)  token:u32* (ascending)  tasks:u32  task*
     name   := length:u8 (1 to 127)  UTF-8 without control characters
     task   := inputs:u8  (from_task:u32  from_output:u32)*  outputs:u8  graph_output:u32*
               length:u32  graph (su_graph_encode)  length:u32  manifest (su_manifest_encode)

   from_task is a lower number, or 2^32 - 1 for an input of the whole graph, whose place there is
   from_output then. graph_output is the place of the output in the whole graph, or 2^32 - 1. */
#include "engine_priv.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const char magic[8] = "SUPACK1";
static const char domain[] = "splitup/model";

#define CTX_MAX (1u << 20)
#define SESSIONS_MAX 65536u
#define WHOLE_PORTS_MAX (SU_PLAN_TASK_MAX * SU_PLAN_PORT_MAX) /* of the whole graph */
#define TASK_BYTES_MIN (1 + 1 + 4 + 4)

static bool is_name(const char *name)
{
    char clean[SU_GRAPH_NAME_MAX + 1];
    size_t n = strnlen(name, SU_GRAPH_NAME_MAX + 1);

    if (n == 0 || n > SU_GRAPH_NAME_MAX)
        return false;
    su_str_sanitize(clean, sizeof clean, name, n);
    return memcmp(clean, name, n + 1) == 0;
}

/* ---- writing -------------------------------------------------------------------------------- */

static enum su_code put_graph(struct su_buf *out, const struct su_graph *g, struct su_err *e)
{
    struct su_buf b;

    su_buf_init(&b, SU_GRAPH_FILE_BYTES_MAX);
    enum su_code rc = su_graph_encode(g, &b, e);
    if (!rc)
        rc = su_buf_check(&b, "graph", e);
    if (!rc) {
        su_buf_u32(out, (uint32_t)b.len);
        su_buf_put(out, b.data, b.len);
    }
    su_buf_fini(&b);
    return rc;
}

static enum su_code put_manifest(struct su_buf *out, const struct su_graph *g,
                                 const struct su_weights *weights, const uint8_t *blob,
                                 struct su_err *e)
{
    struct su_manifest m;
    struct su_buf b;

    su_buf_init(&b, SU_PACKAGE_BYTES_MAX);
    enum su_code rc = su_manifest_build(g, weights, blob, &m, e);
    if (!rc)
        rc = su_manifest_encode(&m, &b, e);
    if (!rc) {
        su_buf_u32(out, (uint32_t)b.len);
        su_buf_put(out, b.data, b.len);
    }
    su_buf_fini(&b);
    su_manifest_fini(&m);
    return rc;
}

static enum su_code put_task(struct su_buf *out, const struct su_plan_task *t,
                             const struct su_weights *weights, const uint8_t *blob,
                             struct su_err *e)
{
    const struct su_graph *g = t->graph;

    if (g->n_input > SU_PLAN_PORT_MAX || g->n_output > SU_PLAN_PORT_MAX)
        return su_fail(e, SU_ELIMIT, NULL, "more than %u inputs or outputs", SU_PLAN_PORT_MAX);
    su_buf_u8(out, (uint8_t)g->n_input);
    for (uint32_t i = 0; i < g->n_input; i++) {
        su_buf_u32(out, t->input[i].from_task);
        su_buf_u32(out, t->input[i].from_output);
    }
    su_buf_u8(out, (uint8_t)g->n_output);
    for (uint32_t i = 0; i < g->n_output; i++)
        su_buf_u32(out, t->output[i].graph_output);
    enum su_code rc = put_graph(out, g, e);
    return rc ? rc : put_manifest(out, g, weights, blob, e);
}

static enum su_code put_all(struct su_buf *out, const struct su_package_of *of, struct su_err *e)
{
    const struct su_plan *plan = of->plan;
    enum su_code rc = SU_OK;

    su_buf_put(out, magic, sizeof magic);
    su_buf_u8(out, (uint8_t)strlen(of->name));
    su_buf_str(out, of->name);
    su_buf_u32(out, plan->t_max);
    su_buf_u32(out, plan->e_max);
    su_buf_u32(out, plan->sessions);
    su_buf_u32(out, plan->ctx);
    su_buf_u8(out, (uint8_t)of->n_stop);
    for (uint32_t i = 0; i < of->n_stop; i++)
        su_buf_u32(out, of->stop[i]);
    su_buf_u32(out, plan->n_task);
    for (uint32_t i = 0; i < plan->n_task && !rc; i++) {
        rc = put_task(out, &plan->task[i], of->weights, of->blob, e);
        if (rc)
            (void)su_wrap(e, "task %" PRIu32, i);
    }
    return rc ? rc : su_buf_check(out, "package", e);
}

enum su_code su_package_encode(const struct su_package_of *of, struct su_buf *out, struct su_err *e)
{
    struct su_package *read_back = NULL;
    struct su_buf b;
    enum su_code rc;

    if (!is_name(of->name))
        return su_fail(e, SU_EINVAL, "package",
                       "a name is 1 to %u bytes of UTF-8 without control characters",
                       SU_GRAPH_NAME_MAX);
    if (of->n_stop > SU_PACKAGE_STOPS_MAX)
        return su_fail(e, SU_ELIMIT, "package", "%" PRIu32 " tokens end an answer; at most %u",
                       of->n_stop, SU_PACKAGE_STOPS_MAX);
    su_buf_init(&b, SU_PACKAGE_BYTES_MAX);
    rc = put_all(&b, of, e);
    if (!rc)
        rc = su_package_decode(b.data, b.len, &read_back, e);
    if (!rc && su_buf_reserve(out, b.len))
        su_buf_put(out, b.data, b.len);
    if (!rc)
        rc = su_buf_check(out, "package", e);
    su_package_free(read_back);
    su_buf_fini(&b);
    return rc;
}

/* ---- reading -------------------------------------------------------------------------------- */

static enum su_code truncated(const struct su_reader *r, struct su_err *e)
{
    return su_fail(e, SU_ETRUNC, "package", "the %zu bytes end inside it, at offset %zu", r->len,
                   r->pos);
}

static enum su_code read_name(struct su_reader *r, struct su_package *p, struct su_err *e)
{
    size_t n = su_read_u8(r), start = r->pos;
    const uint8_t *text = su_read_bytes(r, n);

    if (!text)
        return truncated(r, e);
    if (n <= SU_GRAPH_NAME_MAX)
        memcpy(p->name, text, n);
    if (n > SU_GRAPH_NAME_MAX || strlen(p->name) != n || !is_name(p->name))
        return su_fail(e, SU_EFORMAT, "package",
                       "the name at offset %zu is not 1 to %u bytes of UTF-8 without control "
                       "characters",
                       start, SU_GRAPH_NAME_MAX);
    return SU_OK;
}

static enum su_code read_stops(struct su_reader *r, struct su_package *p, struct su_err *e)
{
    p->n_stop = su_read_u8(r);
    if (p->n_stop > SU_PACKAGE_STOPS_MAX)
        return su_fail(e, SU_ELIMIT, "package", "%" PRIu32 " tokens end an answer; at most %u",
                       p->n_stop, SU_PACKAGE_STOPS_MAX);
    for (uint32_t i = 0; i < p->n_stop; i++) {
        p->stop[i] = su_read_u32(r);
        if (!r->failed && i > 0 && p->stop[i] <= p->stop[i - 1])
            return su_fail(e, SU_EFORMAT, "package",
                           "the tokens that end an answer are not in order at offset %zu",
                           r->pos - 4);
    }
    return SU_OK;
}

static enum su_code read_head(struct su_reader *r, struct su_package *p, struct su_err *e)
{
    const uint8_t *head = su_read_bytes(r, sizeof magic);

    if (!head)
        return truncated(r, e);
    if (memcmp(head, magic, sizeof magic) != 0)
        return su_fail(e, SU_EFORMAT, "package", "no magic 'SUPACK1' at offset 0");
    enum su_code rc = read_name(r, p, e);
    if (rc)
        return rc;
    p->t_max = su_read_u32(r);
    p->e_max = su_read_u32(r);
    p->sessions = su_read_u32(r);
    p->ctx = su_read_u32(r);
    rc = read_stops(r, p, e);
    if (rc)
        return rc;
    p->n_task = su_read_u32(r);
    if (r->failed)
        return truncated(r, e);
    if (p->t_max == 0 || p->t_max > SU_ROWS_MAX || p->e_max == 0 || p->e_max > p->t_max)
        return su_fail(e, SU_ELIMIT, "package",
                       "dispatches of %" PRIu32 " rows of which %" PRIu32
                       " emit; 1 to %u, and no more that emit",
                       p->t_max, p->e_max, SU_ROWS_MAX);
    if (p->sessions == 0 || p->sessions > SESSIONS_MAX || p->ctx == 0 || p->ctx > CTX_MAX)
        return su_fail(e, SU_ELIMIT, "package",
                       "%" PRIu32 " sessions of %" PRIu32 " positions; 1 to %u of 1 to %u",
                       p->sessions, p->ctx, SESSIONS_MAX, CTX_MAX);
    if (p->n_task == 0 || p->n_task > SU_PLAN_TASK_MAX)
        return su_fail(e, SU_ELIMIT, "package", "%" PRIu32 " tasks; 1 to %u", p->n_task,
                       SU_PLAN_TASK_MAX);
    return p->n_task > su_read_left(r) / TASK_BYTES_MIN ? truncated(r, e) : SU_OK;
}

/* Ports as the bytes tell them; whether they fit the graph is seen later. */
static enum su_code read_ports(struct su_reader *r, struct su_package_task *t, uint32_t *n_input,
                               uint32_t *n_output, struct su_err *e)
{
    *n_input = su_read_u8(r);
    if (*n_input > SU_PLAN_PORT_MAX)
        return su_fail(e, SU_ELIMIT, "package", "%" PRIu32 " inputs; at most %u", *n_input,
                       SU_PLAN_PORT_MAX);
    t->input = su_alloc((*n_input + 1) * sizeof *t->input);
    for (uint32_t i = 0; i < *n_input; i++) {
        t->input[i].from_task = su_read_u32(r);
        t->input[i].from_output = su_read_u32(r);
    }
    *n_output = su_read_u8(r);
    if (*n_output > SU_PLAN_PORT_MAX)
        return su_fail(e, SU_ELIMIT, "package", "%" PRIu32 " outputs; at most %u", *n_output,
                       SU_PLAN_PORT_MAX);
    t->external_output = su_alloc((*n_output + 1) * sizeof *t->external_output);
    t->graph_output = su_alloc((*n_output + 1) * sizeof *t->graph_output);
    for (uint32_t i = 0; i < *n_output; i++) {
        t->graph_output[i] = su_read_u32(r);
        t->external_output[i] = t->graph_output[i] != UINT32_MAX;
        if (t->external_output[i] && t->graph_output[i] >= WHOLE_PORTS_MAX)
            return su_fail(e, SU_ELIMIT, "package",
                           "output %" PRIu32 " of the whole graph; at most %u", t->graph_output[i],
                           WHOLE_PORTS_MAX);
    }
    return r->failed ? truncated(r, e) : SU_OK;
}

static const uint8_t *read_part(struct su_reader *r, size_t *n)
{
    *n = su_read_u32(r);
    return su_read_bytes(r, *n);
}

static enum su_code read_task(struct su_reader *r, struct su_package_task *t, struct su_err *e)
{
    uint32_t n_input = 0, n_output = 0;
    size_t n;
    enum su_code rc = read_ports(r, t, &n_input, &n_output, e);

    if (rc)
        return rc;
    const uint8_t *bytes = read_part(r, &n);
    if (!bytes)
        return truncated(r, e);
    rc = su_graph_decode(bytes, n, &t->graph, e);
    if (rc)
        return rc;
    su_sha256(bytes, n, t->graph_digest);
    if (t->graph->n_input != n_input || t->graph->n_output != n_output)
        return su_fail(e, SU_EFORMAT, "package",
                       "%" PRIu32 " inputs and %" PRIu32 " outputs, of a graph with %" PRIu32
                       " and %" PRIu32,
                       n_input, n_output, t->graph->n_input, t->graph->n_output);
    bytes = read_part(r, &n);
    if (!bytes)
        return truncated(r, e);
    su_sha256(bytes, n, t->weights_digest);
    return su_manifest_decode(bytes, n, &t->manifest, e);
}

/* ---- checking ------------------------------------------------------------------------------- */

static const struct su_value *input_of(const struct su_package_task *t, uint32_t i)
{
    return &t->graph->value[t->graph->input[i]];
}

static const struct su_value *output_of(const struct su_package_task *t, uint32_t i)
{
    return &t->graph->value[t->graph->output[i].value];
}

static bool same_type(const struct su_value *a, const struct su_value *b)
{
    return su_dtype_seen(a->dtype) == su_dtype_seen(b->dtype) && a->domain == b->domain &&
           su_shape_equal(&a->shape, &b->shape);
}

/* The value of the whole graph's inputs that came first, by their place. */
struct externals {
    const struct su_value *input[WHOLE_PORTS_MAX];
    bool output[WHOLE_PORTS_MAX];
};

static enum su_code check_input(const struct su_package *p, uint32_t task, uint32_t i,
                                struct externals *x, struct su_err *e)
{
    const struct su_package_task *t = &p->task[task];
    const struct su_value *v = input_of(t, i);
    uint32_t from = t->input[i].from_task, out = t->input[i].from_output;

    if (from == SU_PLAN_EXTERNAL) {
        if (out >= WHOLE_PORTS_MAX)
            return su_fail(e, SU_ELIMIT, v->name,
                           "input %" PRIu32 " of the whole graph; at most %u", out,
                           WHOLE_PORTS_MAX);
        if (x->input[out] && !same_type(x->input[out], v))
            return su_fail(
                e, SU_ETYPE, v->name,
                "another task takes input %" PRIu32 " of the whole graph as another type", out);
        x->input[out] = v;
        return SU_OK;
    }
    if (from >= task)
        return su_fail(e, SU_EFORMAT, v->name,
                       "comes from task %" PRIu32 ", which is not before it", from);
    if (out >= p->task[from].graph->n_output)
        return su_fail(e, SU_EFORMAT, v->name,
                       "is output %" PRIu32 " of task %" PRIu32 ", which has %" PRIu32, out, from,
                       p->task[from].graph->n_output);
    if (!same_type(output_of(&p->task[from], out), v))
        return su_fail(e, SU_ETYPE, v->name,
                       "differs in type from output %" PRIu32 " of task %" PRIu32, out, from);
    return SU_OK;
}

static bool is_read(const struct su_package *p, uint32_t task, uint32_t out)
{
    for (uint32_t k = task + 1; k < p->n_task; k++)
        for (uint32_t i = 0; i < p->task[k].graph->n_input; i++)
            if (p->task[k].input[i].from_task == task && p->task[k].input[i].from_output == out)
                return true;
    return false;
}

static enum su_code check_output(const struct su_package *p, uint32_t task, uint32_t i,
                                 struct externals *x, struct su_err *e)
{
    const struct su_package_task *t = &p->task[task];
    const char *name = t->graph->output[i].name;

    if (t->external_output[i] && x->output[t->graph_output[i]])
        return su_fail(e, SU_EFORMAT, name,
                       "is output %" PRIu32 " of the whole graph a second time",
                       t->graph_output[i]);
    if (t->external_output[i])
        x->output[t->graph_output[i]] = true;
    else if (!is_read(p, task, i))
        return su_fail(e, SU_EFORMAT, name, "is an orphan: no task and no result needs it");
    return SU_OK;
}

static int by_name_and_row(const void *a, const void *b)
{
    const struct su_value *const *x = a, *const *y = b;
    int order = strcmp((*x)->name, (*y)->name);

    if (order != 0 || (*x)->first_row == (*y)->first_row)
        return order;
    return (*x)->first_row < (*y)->first_row ? -1 : 1;
}

static enum su_code check_manifest(const struct su_package_task *t, struct su_err *e)
{
    const struct su_graph *g = t->graph;
    const struct su_value **w = NULL;
    enum su_code rc = SU_OK;

    if (t->manifest.n_entry != g->n_weight)
        return su_fail(e, SU_ETYPE, "manifest",
                       "%" PRIu32 " tensors, of a graph with %" PRIu32 " weights",
                       t->manifest.n_entry, g->n_weight);
    w = su_try_alloc((size_t)g->n_weight + 1, sizeof *w);
    if (!w)
        return su_fail(e, SU_ENOMEM, "manifest", "out of memory");
    for (uint32_t i = 0; i < g->n_weight; i++)
        w[i] = &g->value[g->weight[i]];
    qsort(w, g->n_weight, sizeof *w, by_name_and_row);
    for (uint32_t i = 0; i < g->n_weight && !rc; i++) {
        const struct su_manifest_entry *m = &t->manifest.entry[i];
        if (strcmp(m->name, w[i]->name) != 0 || m->first_row != w[i]->first_row ||
            m->dtype != w[i]->dtype || !su_shape_equal(&m->shape, &w[i]->shape))
            rc = su_fail(e, SU_ETYPE, m->name,
                         "entry %" PRIu32 " of the manifest is not the graph's weight %s from row "
                         "%" PRIu64 " on",
                         i, w[i]->name, w[i]->first_row);
        else if (m->offset > SU_STORE_BLOB_MAX || m->bytes > SU_STORE_BLOB_MAX - m->offset)
            rc = su_fail(e, SU_ELIMIT, m->name, "lies beyond the largest blob, %" PRIu64 " bytes",
                         (uint64_t)SU_STORE_BLOB_MAX);
    }
    free(w);
    return rc;
}

static enum su_code measure(const struct su_package *p, struct su_package_task *t, struct su_err *e)
{
    struct su_layout *l;
    uint64_t all;
    enum su_code rc = su_layout_build(t->graph, p->t_max, p->e_max, p->ctx, &l, e);

    if (rc)
        return rc;
    t->weight_bytes = l->fixed_bytes;
    t->vram_fixed_bytes = l->fixed_bytes + l->arena_bytes;
    t->vram_session_bytes = l->session_bytes;
    t->macs = su_graph_macs(t->graph);
    if (!su_mul_u64(l->session_bytes, p->sessions, &all) ||
        !su_add_u64(t->vram_fixed_bytes, all, &all) || all > INT64_MAX || t->macs == UINT64_MAX)
        rc = su_fail(e, SU_EOVERFLOW, "package", "its memory or work does not fit 63 bits");
    su_layout_free(l);
    return rc;
}

static enum su_code check_inputs(const struct su_package *p, uint32_t task, struct externals *x,
                                 struct su_err *e)
{
    enum su_code rc = SU_OK;

    for (uint32_t i = 0; i < p->task[task].graph->n_input && !rc; i++)
        rc = check_input(p, task, i, x, e);
    return rc;
}

static enum su_code check_rest(const struct su_package *p, uint32_t task, struct externals *x,
                               struct su_err *e)
{
    struct su_package_task *t = &p->task[task];
    enum su_code rc = SU_OK;

    for (uint32_t i = 0; i < t->graph->n_output && !rc; i++)
        rc = check_output(p, task, i, x, e);
    if (!rc)
        rc = check_manifest(t, e);
    return rc ? rc : measure(p, t, e);
}

static enum su_code check_all(const struct su_package *p, struct su_err *e)
{
    struct externals *x = su_alloc(sizeof *x);
    enum su_code rc = SU_OK;

    for (uint32_t i = 0; i < 2 * p->n_task && !rc; i++) {
        rc = i < p->n_task ? check_inputs(p, i, x, e) : check_rest(p, i - p->n_task, x, e);
        if (rc)
            (void)su_wrap(e, "task %" PRIu32, i % p->n_task);
    }
    free(x);
    return rc;
}

static enum su_code read_all(struct su_reader *r, struct su_package *p, struct su_err *e)
{
    uint32_t n_task;
    enum su_code rc = read_head(r, p, e);

    n_task = p->n_task;
    p->n_task = 0;
    if (rc)
        return rc;
    p->task = su_alloc(n_task * sizeof *p->task);
    while (p->n_task < n_task && !rc) {
        rc = read_task(r, &p->task[p->n_task++], e);
        if (rc)
            (void)su_wrap(e, "task %" PRIu32, p->n_task - 1);
    }
    if (!rc && su_read_left(r) > 0)
        rc = su_fail(e, SU_EFORMAT, "package", "%zu bytes at offset %zu, after the last task",
                     su_read_left(r), r->pos);
    return rc ? rc : check_all(p, e);
}

enum su_code su_package_decode(const void *data, size_t n, struct su_package **out,
                               struct su_err *e)
{
    struct su_reader r = su_reader_of(data, n);
    struct su_package *p;
    struct su_sha256 h;
    enum su_code rc;

    *out = NULL;
    if (n > SU_PACKAGE_BYTES_MAX)
        return su_fail(e, SU_ELIMIT, "package", "%zu bytes; at most %u", n, SU_PACKAGE_BYTES_MAX);
    p = su_alloc(sizeof *p);
    rc = read_all(&r, p, e);
    if (rc) {
        su_package_free(p);
        return rc;
    }
    su_sha256_init(&h);
    su_sha256_update(&h, domain, sizeof domain - 1);
    su_sha256_update(&h, data, n);
    su_sha256_final(&h, p->digest);
    *out = p;
    return SU_OK;
}

void su_package_free(struct su_package *p)
{
    if (!p)
        return;
    for (uint32_t i = 0; i < p->n_task; i++) {
        struct su_package_task *t = &p->task[i];
        su_graph_free(t->graph);
        su_manifest_fini(&t->manifest);
        free(t->input);
        free(t->external_output);
        free(t->graph_output);
    }
    free(p->task);
    free(p);
}

enum su_code su_package_check_task(const struct su_package *p, uint32_t task,
                                   const uint8_t graph_digest[32], const uint8_t weights_digest[32],
                                   struct su_err *e)
{
    char at[24];
    const char *what = NULL;

    (void)snprintf(at, sizeof at, "task %" PRIu32, task);
    if (task >= p->n_task)
        return su_fail(e, SU_EINVAL, at, "the package has %" PRIu32 " tasks", p->n_task);
    if (memcmp(p->task[task].graph_digest, graph_digest, 32) != 0)
        what = "graph";
    else if (memcmp(p->task[task].weights_digest, weights_digest, 32) != 0)
        what = "weights";
    if (!what)
        return SU_OK;
    return su_fail(e, SU_EDIGEST, at,
                   "the digest of its %s is not the one on chain: this package is not that model's",
                   what);
}
