// SPDX-License-Identifier: MIT
#include "graph_priv.h"

#include <string.h>

struct key {
    enum su_name_kind kind;
    const char *name;
    uint64_t first_row;
};

static struct key key_of(const struct su_graph *g, enum su_name_kind kind, uint32_t index)
{
    if (kind == SU_NAME_OUTPUT)
        return (struct key){kind, g->output[index].name, 0};
    const struct su_value *v = &g->value[index];
    return (struct key){kind, v->name, kind == SU_NAME_WEIGHT ? v->first_row : 0};
}

static int key_order(const struct key *a, const struct key *b)
{
    if (a->kind != b->kind)
        return a->kind < b->kind ? -1 : 1;
    int c = strcmp(a->name, b->name);
    if (c != 0)
        return c;
    return (a->first_row > b->first_row) - (a->first_row < b->first_row);
}

uint32_t su_names_find(const struct su_graph *g, enum su_name_kind kind, const char *name,
                       uint64_t first_row)
{
    const struct su_graph_own *own = g->own;
    struct key want = {kind, name, first_row};

    for (uint32_t t = own->root; t != 0;) {
        const struct su_name *entry = &own->name[t - 1];
        struct key have = key_of(g, entry->kind, entry->index);
        int c = key_order(&want, &have);
        if (c == 0)
            return entry->index;
        t = c < 0 ? entry->left : entry->right;
    }
    return UINT32_MAX;
}

static uint32_t level_of(const struct su_graph_own *own, uint32_t t)
{
    return t ? own->name[t - 1].level : 0;
}

static uint32_t skew(struct su_graph_own *own, uint32_t t)
{
    struct su_name *n = &own->name[t - 1];
    uint32_t left = n->left;

    if (left == 0 || level_of(own, left) != n->level)
        return t;
    n->left = own->name[left - 1].right;
    own->name[left - 1].right = t;
    return left;
}

static uint32_t split(struct su_graph_own *own, uint32_t t)
{
    struct su_name *n = &own->name[t - 1];
    uint32_t right = n->right;

    if (right == 0 || level_of(own, own->name[right - 1].right) != n->level)
        return t;
    n->right = own->name[right - 1].left;
    own->name[right - 1].left = t;
    own->name[right - 1].level++;
    return right;
}

/* Depth is at most twice the binary logarithm of the number of names. */
static uint32_t insert(struct su_graph *g, uint32_t t, uint32_t added, const struct key *key)
{
    struct su_graph_own *own = g->own;

    if (t == 0)
        return added;
    struct su_name *n = &own->name[t - 1];
    struct key have = key_of(g, n->kind, n->index);
    if (key_order(key, &have) < 0)
        n->left = insert(g, n->left, added, key);
    else
        n->right = insert(g, n->right, added, key);
    return split(own, skew(own, t));
}

void su_names_add(struct su_graph *g, enum su_name_kind kind, uint32_t index)
{
    struct su_graph_own *own = g->own;
    struct key key = key_of(g, kind, index);

    own->name[own->n_name++] = (struct su_name){.level = 1, .kind = kind, .index = index};
    own->root = insert(g, own->root, own->n_name, &key);
}
