// SPDX-License-Identifier: MIT
#include "graph_priv.h"

#include <inttypes.h>
#include <string.h>

#define CONST_SHOWN 8

static const char *const domain_names[] = {"fixed", "rows", "emit"};

/* The shortest of 6 to 9 digits that reads back equal; a locale's decimal comma becomes a point. */
static void put_float(struct su_buf *out, float v)
{
    char text[32];

    for (int digits = 6; digits <= 9; digits++) {
        float back;
        snprintf(text, sizeof text, "%.*g", digits, (double)v);
        if (sscanf(text, "%f", &back) == 1 && su_f32_bits(back) == su_f32_bits(v))
            break;
    }
    char *comma = strchr(text, ',');
    if (comma)
        *comma = '.';
    su_buf_str(out, text);
}

static void put_value(struct su_buf *out, const struct su_graph *g, uint32_t id)
{
    char text[80];
    const struct su_value *v = &g->value[id];

    su_buf_printf(out, "%%%" PRIu32 " %s %s %s", id, su_dtype_name(v->dtype),
                  su_shape_format(&v->shape, text, sizeof text), domain_names[v->domain]);
}

static void put_source(struct su_buf *out, const struct su_graph *g, uint32_t id)
{
    static const char *const kinds[] = {"input", "weight", "state"};
    const struct su_value *v = &g->value[id];

    put_value(out, g, id);
    su_buf_printf(out, " = %s \"%s\"", kinds[v->kind], v->name);
    if (v->first_row > 0)
        su_buf_printf(out, " from row %" PRIu64, v->first_row);
    su_buf_u8(out, '\n');
}

static void put_attr(struct su_buf *out, char letter, int32_t v)
{
    if (letter == 'f')
        put_float(out, su_f32_from_bits((uint32_t)v));
    else if (letter == 'd')
        su_buf_str(out, su_dtype_name((enum su_dtype)v));
    else if (letter == 'm')
        su_buf_printf(out, "0x%" PRIx32, (uint32_t)v);
    else
        su_buf_printf(out, "%" PRId32, v);
}

static void put_const(struct su_buf *out, const struct su_node *n)
{
    su_buf_str(out, " =");
    for (uint32_t i = 0; i < n->data_bytes / 4 && i < CONST_SHOWN; i++) {
        uint32_t bits = su_le32(n->data + (size_t)i * 4);
        su_buf_u8(out, ' ');
        if (n->attr[0] == SU_F32)
            put_float(out, su_f32_from_bits(bits));
        else if (n->attr[0] == SU_I32)
            su_buf_printf(out, "%" PRId32, (int32_t)bits);
        else
            su_buf_printf(out, "%" PRIu32, bits);
    }
    if (n->data_bytes / 4 > CONST_SHOWN)
        su_buf_str(out, " ...");
}

static void put_node(struct su_buf *out, const struct su_graph *g, const struct su_node *n)
{
    for (uint32_t i = 0; i < n->n_out; i++) {
        su_buf_str(out, i ? ", " : "");
        put_value(out, g, n->first_out + i);
    }
    su_buf_printf(out, " = %s(", su_op_name(n->op));
    for (uint32_t i = 0; i < n->n_arg; i++)
        su_buf_printf(out, "%s%%%" PRIu32, i ? ", " : "", n->arg[i]);
    su_buf_u8(out, ')');
    for (uint32_t i = 0; i < n->n_attr; i++) {
        su_buf_str(out, i ? ", " : " {");
        put_attr(out, su_op_attr_letter(n->op, i), n->attr[i]);
    }
    if (n->n_attr)
        su_buf_u8(out, '}');
    if (n->op == SU_OP_CONST)
        put_const(out, n);
    su_buf_u8(out, '\n');
}

enum su_code su_graph_dump(const struct su_graph *g, struct su_buf *out, struct su_err *e)
{
    uint8_t digest[SU_SHA256_BYTES];
    char hex[2 * SU_SHA256_BYTES + 1];
    enum su_code c = su_graph_digest(g, digest, e);

    if (c)
        return c;
    su_buf_printf(out,
                  "graph " SU_NUMERICS_VERSION ", %" PRIu32 " nodes, %" PRIu64
                  " multiply-adds per row\n",
                  g->n_node, su_graph_macs(g));
    for (uint32_t i = 0; i < g->n_record; i++) {
        uint32_t r = g->record[i];
        if (r & SU_RECORD_SOURCE)
            put_source(out, g, r & ~SU_RECORD_SOURCE);
        else
            put_node(out, g, &g->node[r]);
    }
    for (uint32_t i = 0; i < g->n_output; i++)
        su_buf_printf(out, "output \"%s\" = %%%" PRIu32 "\n", g->output[i].name,
                      g->output[i].value);
    su_hex_encode(digest, sizeof digest, hex, sizeof hex);
    su_buf_printf(out, "sha256 %s\n", hex);
    return su_buf_check(out, "graph dump", e);
}
