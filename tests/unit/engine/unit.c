// SPDX-License-Identifier: MIT
#include "unit.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- scratch --------------------------------------------------------------------------------- */

static char folder[200];

int scratch_setup(void **state)
{
    const char *base = getenv("TMPDIR");
    (void)state;
    snprintf(folder, sizeof folder, "%s/su-engine-XXXXXX", base && *base ? base : "/tmp");
    return mkdtemp(folder) ? 0 : -1;
}

int scratch_teardown(void **state)
{
    DIR *d = opendir(folder);
    (void)state;
    for (struct dirent *f = d ? readdir(d) : NULL; f; f = readdir(d))
        if (f->d_name[0] != '.')
            unlink(scratch_path(f->d_name));
    if (d)
        closedir(d);
    return rmdir(folder);
}

const char *scratch_path(const char *name)
{
    static char path[4][500];
    static unsigned turn;
    turn = (turn + 1) % 4;
    snprintf(path[turn], sizeof path[turn], "%s/%s", folder, name);
    return path[turn];
}

const char *scratch_write(const char *name, const void *data, size_t n)
{
    const char *path = scratch_path(name);
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
    return path;
}

/* ---- errors ---------------------------------------------------------------------------------- */

void must(enum su_code rc, const struct su_err *e)
{
    char line[640];
    if (rc == SU_OK)
        return;
    su_err_line(e, line, sizeof line);
    fail_msg("%s: %s", su_code_name(rc), line);
}

void err_matches(const struct su_err *e, enum su_code code, const char *want)
{
    char line[640], text[400], *rest = text;
    su_err_line(e, line, sizeof line);
    if (e->code != code)
        fail_msg("%s instead of %s: %s", su_code_name(e->code), su_code_name(code), line);
    assert_true(su_str_copy(text, sizeof text, want));
    assert_null(strchr(line, '\n'));
    for (char *one = strtok_r(text, "|", &rest); one; one = strtok_r(NULL, "|", &rest))
        if (!strstr(line, one))
            fail_msg("no '%s' in: %s", one, line);
}

/* ---- weights --------------------------------------------------------------------------------- */

static const char *dtype_text(enum su_dtype d)
{
    switch (d) {
    case SU_F32:
        return "F32";
    case SU_F16:
        return "F16";
    case SU_BF16:
        return "BF16";
    case SU_I32:
        return "I32";
    case SU_U32:
        return "U32";
    default:
        fail_msg("no safetensors name for %s", su_dtype_name(d));
        return "";
    }
}

/* Rows that stand before and behind a weight in its tensor. */
static uint64_t rows_before(const struct su_value *v)
{
    return v->first_row;
}

static uint64_t rows_behind(const struct su_value *v)
{
    return v->first_row ? 2 : 0;
}

static size_t row_bytes(const struct su_value *v)
{
    struct su_err e;
    uint64_t bytes;
    must(su_tensor_bytes(v->dtype, &v->shape, &bytes, &e), &e);
    return (size_t)bytes / (v->shape.rank ? v->shape.dim[0] : 1);
}

static void put_repeated(struct su_buf *b, uint8_t byte, uint64_t n)
{
    while (n-- > 0)
        su_buf_u8(b, byte);
}

struct weight_file weight_file_new(const struct su_graph *g, const void *const *data)
{
    struct weight_file w = {0};
    struct su_buf head, body;
    struct su_err e;
    su_buf_init(&head, 0);
    su_buf_init(&body, 0);
    su_buf_str(&head, "{");
    for (uint32_t i = 0; i < g->n_weight; i++) {
        const struct su_value *v = &g->value[g->weight[i]];
        uint64_t rows = v->shape.rank ? v->shape.dim[0] : 1;
        size_t begin = body.len;
        put_repeated(&body, 0x55, rows_before(v) * row_bytes(v));
        su_buf_put(&body, data[i], (size_t)rows * row_bytes(v));
        put_repeated(&body, 0xaa, rows_behind(v) * row_bytes(v));
        su_buf_printf(&head, "%s\"%s\":{\"dtype\":\"%s\",\"shape\":[", i ? "," : "", v->name,
                      dtype_text(v->dtype));
        for (uint32_t k = 0; k < v->shape.rank; k++)
            su_buf_printf(
                &head, "%s%llu", k ? "," : "",
                (unsigned long long)(v->shape.dim[k] + (k ? 0 : rows_before(v) + rows_behind(v))));
        su_buf_printf(&head, "],\"data_offsets\":[%zu,%zu]}", begin, body.len);
    }
    su_buf_str(&head, "}");
    su_buf_init(&w.bytes, 0);
    su_buf_u64(&w.bytes, head.len);
    su_buf_put(&w.bytes, head.data, head.len);
    su_buf_put(&w.bytes, body.data, body.len);
    must(su_buf_check(&w.bytes, "weights", &e), &e);
    su_buf_fini(&head);
    su_buf_fini(&body);
    must(su_weights_open_bytes(w.bytes.data, w.bytes.len, "mem", &w.weights, &e), &e);
    return w;
}

void weight_file_fini(struct weight_file *w)
{
    su_weights_close(w->weights);
    su_buf_fini(&w->bytes);
}

/* ---- plans and results ----------------------------------------------------------------------- */

struct su_plan *plan_of(const struct su_graph *g, uint64_t target, uint32_t t_max)
{
    struct su_plan_opts o = {.target = &target, .n_target = 1, .t_max = t_max, .e_max = t_max};
    struct su_plan *p;
    struct su_err e;
    must(su_plan_build(g, &o, &p, &e), &e);
    return p;
}

struct su_eval *eval_of(const struct su_graph *g, const struct su_row *row, uint32_t n_row,
                        const void *const *input, const void *const *weight)
{
    struct su_eval_args a = {.row = row, .n_row = n_row, .input = input, .weight = weight};
    struct su_eval *ev;
    struct su_err e;
    must(su_graph_eval(g, &a, &ev, &e), &e);
    return ev;
}

/* The leaf of one row, from the interpreter's values: row numbers among those that emit are counted
   anew for every row. */
static void leaf_of(const struct su_graph *g, const struct su_row *row, uint32_t at,
                    const struct su_eval *ev, uint8_t out[SU_SHA256_BYTES])
{
    struct su_bytes part[SU_PLAN_PORT_MAX * 2];
    assert_true(g->n_output <= SU_ARRAY_LEN(part));
    for (uint32_t o = 0; o < g->n_output; o++) {
        const struct su_value *v = &g->value[g->output[o].value];
        size_t all, one = (size_t)su_value_row_bytes(v), before = 0;
        const uint8_t *data = su_eval_value(ev, g->output[o].value, &all);
        for (uint32_t i = 0; i < at; i++)
            before += v->domain == SU_ROWS || (v->domain == SU_EMIT && row[i].emit);
        if (v->domain == SU_EMIT && !row[at].emit)
            part[o] = (struct su_bytes){data, 0};
        else
            part[o] = (struct su_bytes){data + before * one, one};
    }
    su_leaf_digest(row[at].position, part, g->n_output, out);
}

void same_result(const struct su_graph *g, const struct su_row *row, uint32_t n_row,
                 const struct su_eval *ev, const struct su_engine_result *r, const char *what)
{
    assert_int_equal(r->n_output, g->n_output);
    for (uint32_t o = 0; o < g->n_output; o++) {
        size_t bytes;
        const void *want = su_eval_value(ev, g->output[o].value, &bytes);
        if (r->output_bytes[o] != bytes)
            fail_msg("%s: output %u has %zu bytes instead of %zu", what, o, r->output_bytes[o],
                     bytes);
        if (memcmp(r->output[o], want, bytes) != 0)
            fail_msg("%s: output %u differs", what, o);
    }
    if (!r->leaf) {
        assert_int_equal(r->n_leaf, 0);
        return;
    }
    assert_int_equal(r->n_leaf, n_row);
    for (uint32_t i = 0; i < n_row; i++) {
        uint8_t leaf[SU_SHA256_BYTES];
        leaf_of(g, row, i, ev, leaf);
        if (memcmp(leaf, r->leaf[i], sizeof leaf) != 0)
            fail_msg("%s: leaf of row %u differs", what, i);
    }
}

/* ---- graphs ---------------------------------------------------------------------------------- */

uint32_t add_input(struct su_graph *g, const char *name, enum su_domain d, struct su_shape s)
{
    struct su_err e;
    uint32_t id;
    must(su_graph_add_input(g, name, d, SU_F32, &s, &id, &e), &e);
    return id;
}

uint32_t add_weight(struct su_graph *g, const char *name, enum su_dtype t, struct su_shape s)
{
    struct su_err e;
    uint32_t id;
    must(su_graph_add_weight(g, name, t, &s, 0, &id, &e), &e);
    return id;
}

uint32_t add_op(struct su_graph *g, enum su_op op, const uint32_t *arg, uint32_t n_arg,
                const int32_t *attr, uint32_t n_attr)
{
    struct su_err e;
    uint32_t id;
    must(su_graph_add_node(g, op, arg, n_arg, attr, n_attr, NULL, 0, &id, &e), &e);
    return id;
}

void add_output(struct su_graph *g, const char *name, uint32_t value)
{
    struct su_err e;
    must(su_graph_add_output(g, name, value, &e), &e);
}

void finish(struct su_graph *g)
{
    struct su_err e;
    must(su_graph_check(g, &e), &e);
}
