// SPDX-License-Identifier: MIT
/* Fusion of elementwise nodes. A chain is a last node with the producers of its arguments, theirs,
   and so on, as long as each has no other reader, the same rows and the same number of elements;
   its kernel is generated, every op keeping its own rounding, fz and sat. The values in between are
   never written.

   The chain runs where its last node stood, so it reads its arguments later than the layout
   expects: a chain is made only when nothing has been put over them by then, or when the result
   itself takes the place of an argument, element by element. */
#include "vk_priv.h"

#include <stdlib.h>
#include <string.h>

#define NEVER UINT32_MAX
#define WAIT_MAX 4096u /* nodes between an argument's last reader and the chain's end */

struct finder {
    struct vk_stage *s;
    const struct su_graph *g;
    uint32_t *alias; /* per value: the value whose bytes it shares */
    uint32_t *last_use; /* per value that owns bytes: last reader, NEVER for a graph output */
};

static void find_uses(struct finder *f)
{
    const struct su_graph *g = f->g;
    for (uint32_t i = 0; i < g->n_value; i++)
        f->alias[i] = i;
    for (uint32_t i = 0; i < g->n_node; i++) {
        const struct su_node *n = &g->node[i];
        for (uint32_t k = 0; k < n->n_arg; k++)
            f->last_use[f->alias[n->arg[k]]] = i;
        if (n->op == SU_OP_RESHAPE && !f->s->layout->fixed[n->arg[0]])
            f->alias[n->first_out] = f->alias[n->arg[0]];
    }
    for (uint32_t i = 0; i < g->n_output; i++)
        f->last_use[f->alias[g->output[i].value]] = NEVER;
}

static bool in_chain(const struct vk_chain *c, uint32_t node)
{
    for (uint32_t i = 0; i < c->n_node; i++) {
        if (c->node[i] == node)
            return true;
    }
    return false;
}

/* Whether the value can be computed inside the chain instead of being read. */
static bool absorbable(const struct finder *f, const struct vk_chain *c, uint32_t value)
{
    const struct su_value *v = &f->g->value[value];
    const struct su_value *out = &f->g->value[f->g->node[c->last].first_out];
    return v->kind == SU_VALUE_NODE && v->uses == 1 && vk_is_elementwise(f->g->node[v->node].op) &&
           v->domain == out->domain &&
           su_shape_elements(&v->shape) == su_shape_elements(&out->shape) &&
           f->s->fused_into[v->node] == UINT32_MAX;
}

static bool add_external(struct vk_chain *c, uint32_t value)
{
    for (uint32_t i = 0; i < c->n_external; i++) {
        if (c->external[i] == value)
            return true;
    }
    if (c->n_external == VK_CHAIN_EXTERNALS)
        return false;
    c->external[c->n_external++] = value;
    return true;
}

/* The values that the nodes of the chain read from outside; false when there are too many. */
static bool collect_externals(const struct finder *f, struct vk_chain *c)
{
    c->n_external = 0;
    for (uint32_t i = 0; i < c->n_node; i++) {
        const struct su_node *n = &f->g->node[c->node[i]];
        for (uint32_t k = 0; k < n->n_arg; k++) {
            const struct su_value *v = &f->g->value[n->arg[k]];
            bool inside = v->kind == SU_VALUE_NODE && in_chain(c, v->node);
            if (!inside && !add_external(c, n->arg[k]))
                return false;
        }
    }
    return true;
}

static void insert_node(struct vk_chain *c, uint32_t node)
{
    uint32_t at = c->n_node++;
    for (; at > 0 && c->node[at - 1] > node; at--)
        c->node[at] = c->node[at - 1];
    c->node[at] = node;
}

/* Grows from the last node by one producer at a time, as long as the arguments stay few. */
static void grow(const struct finder *f, struct vk_chain *c)
{
    bool more = true;
    while (more && c->n_node < VK_CHAIN_NODES) {
        more = false;
        for (uint32_t i = 0; i < c->n_external && !more; i++) {
            if (!absorbable(f, c, c->external[i]))
                continue;
            struct vk_chain wider = *c;
            insert_node(&wider, f->g->value[c->external[i]].node);
            if (collect_externals(f, &wider)) {
                *c = wider;
                more = true;
            }
        }
    }
}

static bool overlap(const struct su_layout *l, uint32_t a, uint32_t b)
{
    return !l->fixed[a] && !l->fixed[b] && l->offset[a] < l->offset[b] + l->bytes[b] &&
           l->offset[b] < l->offset[a] + l->bytes[a];
}

/* Whether `value` still lies where it lay when the chain's last node runs. */
static bool survives(const struct finder *f, const struct vk_chain *c, uint32_t value)
{
    const struct su_layout *l = f->s->layout;
    uint32_t end = f->last_use[f->alias[value]];
    if (l->fixed[value] || end == NEVER || end >= c->last)
        return true;
    if (c->last - end > WAIT_MAX)
        return false;
    for (uint32_t k = end + 1; k <= c->last; k++) {
        const struct su_node *n = &f->g->node[k];
        if ((k != c->last && in_chain(c, k)) || f->alias[n->first_out] != n->first_out)
            continue;
        for (uint32_t o = 0; o < n->n_out; o++) {
            uint32_t out = n->first_out + o;
            const struct su_value *v = &f->g->value[value], *w = &f->g->value[out];
            bool in_place = k == c->last && l->offset[out] == l->offset[value] &&
                            v->domain == w->domain &&
                            su_shape_elements(&v->shape) == su_shape_elements(&w->shape);
            if (overlap(l, value, out) && !in_place)
                return false;
        }
    }
    return true;
}

static struct vk_space chain_space(const struct vk_stage *s, const struct vk_chain *c)
{
    uint32_t out = s->graph->node[c->last].first_out;
    const struct su_value *v = &s->graph->value[out];
    struct vk_space sp = {.node = c->last,
                          .n_operand = c->n_external + 1,
                          .shape = v->shape,
                          .domain = v->domain,
                          .key = {c->kernel, 0, 0, s->vx->workgroup_wide},
                          .compact = true,
                          .iota_axis = -1};
    vk_plan_operand(s, out, &v->shape, &sp.operand[0]);
    for (uint32_t i = 0; i < c->n_external; i++)
        vk_plan_operand(s, c->external[i], &v->shape, &sp.operand[i + 1]);
    return sp;
}

/* ---- the kernel's text
   ------------------------------------------------------------------------------------------ */

static void write_argument(const struct finder *f, const struct vk_chain *c, uint32_t value,
                           struct su_buf *b)
{
    for (uint32_t i = 0; i < c->n_external; i++) {
        if (c->external[i] == value) {
            su_buf_printf(b, "x%u", i);
            return;
        }
    }
    for (uint32_t i = 0; i < c->n_node; i++) {
        if (f->g->value[value].node == c->node[i])
            su_buf_printf(b, "v%u", i);
    }
}

/* Names stand for places in the chain, so equal chains anywhere have equal texts. */
static void write_kernel(const struct finder *f, const struct vk_chain *c, struct su_buf *b)
{
    su_buf_str(b, "#version 450\n#extension GL_GOOGLE_include_directive : require\n"
                  "#include \"num.glsl\"\n#include \"common.glsl\"\n#include "
                  "\"ops.glsl\"\n#include \"space.glsl\"\n"
                  "layout(push_constant) uniform Push {\n    Space s;\n    uint to;\n");
    for (uint32_t i = 0; i < c->n_external; i++)
        su_buf_printf(b, "    Operand a%u;\n", i);
    su_buf_str(
        b,
        "} p;\nvoid main()\n{\n    Point at;\n    if (!space_point(p.s, at))\n        return;\n");
    for (uint32_t i = 0; i < c->n_external; i++)
        su_buf_printf(b, "    uint x%u = get%u(operand_at(p.a%u, at));\n", i, i, i);
    for (uint32_t i = 0; i < c->n_node; i++) {
        const struct su_node *n = &f->g->node[c->node[i]];
        su_buf_printf(b, "    uint v%u = %s(", i, vk_ew_function(vk_ew_op(f->g, n)));
        if (n->op == SU_OP_CMP)
            su_buf_printf(b, "%uu, ", (unsigned)n->attr[0]);
        for (uint32_t k = 0; k < n->n_arg; k++) {
            su_buf_str(b, k ? ", " : "");
            write_argument(f, c, n->arg[k], b);
        }
        su_buf_str(b, ");\n");
    }
    su_buf_printf(b, "    out0[p.to + lane_index()] = v%u;\n    count_saturations();\n}\n",
                  c->n_node - 1);
}

/* ---- finding ------------------------------------------------------------------------------------
   ------------------- */

static enum su_code make_chain(struct finder *f, uint32_t last, struct su_err *e)
{
    struct vk_stage *s = f->s;
    struct vk_chain c = {.last = last, .node = {last}, .n_node = 1};
    if (!collect_externals(f, &c))
        return SU_OK;
    grow(f, &c);
    if (c.n_node < 2)
        return SU_OK;
    for (uint32_t i = 0; i < c.n_external; i++) {
        if (!survives(f, &c, c.external[i]))
            return SU_OK;
    }
    struct vk_space sp = chain_space(s, &c);
    if (!vk_plan_space_single(&sp))
        return SU_OK;
    struct su_buf b;
    uint32_t index;
    su_buf_init(&b, 0);
    write_kernel(f, &c, &b);
    enum su_code rc = su_buf_check(&b, "fused kernel", e);
    if (rc == SU_OK)
        rc = vk_fused_get(s->vx, (const char *)b.data, b.len, &index, e);
    su_buf_fini(&b);
    if (rc == SU_ELIMIT) /* enough kernels: these ops run one by one */
        return SU_OK;
    if (rc != SU_OK)
        return rc;
    c.kernel = VK_KERNELS + index;
    for (uint32_t i = 0; i < c.n_node; i++)
        s->fused_into[c.node[i]] = last;
    s->chain[s->n_chain++] = c;
    return SU_OK;
}

enum su_code vk_fuse_find(struct vk_stage *s, struct su_err *e)
{
    const struct su_graph *g = s->graph;
    if (s->vx->no_fusion || !vk_glsl_available())
        return SU_OK;
    struct finder f = {.s = s, .g = g};
    enum su_code rc = SU_OK;
    f.alias = su_try_alloc(g->n_value, sizeof *f.alias);
    f.last_use = su_try_alloc(g->n_value, sizeof *f.last_use);
    s->chain = su_try_alloc((size_t)g->n_node / 2 + 1, sizeof *s->chain);
    if (!f.alias || !f.last_use || !s->chain) {
        rc = su_fail(e, SU_ENOMEM, "stage", "looking for chains in %u nodes", g->n_node);
    } else {
        find_uses(&f);
        for (uint32_t i = g->n_node; i-- > 0 && rc == SU_OK;) {
            if (vk_is_elementwise(g->node[i].op) && s->fused_into[i] == UINT32_MAX)
                rc = make_chain(&f, i, e);
        }
    }
    free(f.alias);
    free(f.last_use);
    return rc;
}

enum su_code vk_fuse_plan(struct vk_stage *s, uint32_t node, struct su_err *e)
{
    uint32_t i = 0;
    while (s->chain[i].last != node)
        i++;
    if (vk_quants_of_gate(s, &s->chain[i]))
        return vk_plan_quants_of_gate(s, &s->chain[i], e);
    struct vk_space sp = chain_space(s, &s->chain[i]);
    return vk_plan_space(s, &sp, e);
}
