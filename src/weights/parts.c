// SPDX-License-Identifier: MIT
/* One model in several files: an index of safetensors files, and GGUF files that were split. */
#include "weights_priv.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define INDEX_DEPTH_MAX 16 /* of what stands under other keys than weight_map */
#define SPLIT_TAIL "-00001-of-00001.gguf"

/* ---- the index ------------------------------------------------------------------------------- */

/* Takes one value of any kind. */
static enum su_code skip_value(struct su_scan *s, int depth)
{
    int open = su_scan_peek(s);
    bool more = true;
    size_t len;
    enum su_code c;

    if (open == '"')
        return su_scan_string(s, NULL, 0, &len);
    if (open != '{' && open != '[') {
        size_t start = s->pos;
        while (s->pos < s->len && memchr("+-.0123456789Eaeflnrstu", s->text[s->pos], 23))
            s->pos++;
        return s->pos > start ? SU_OK : su_scan_fail(s, SU_EFORMAT, "no JSON value");
    }
    char close = open == '{' ? '}' : ']';
    if (depth == INDEX_DEPTH_MAX)
        return su_scan_fail(s, SU_ELIMIT, "JSON deeper than %d", INDEX_DEPTH_MAX);
    if ((c = su_scan_take(s, (char)open)))
        return c;
    if (su_scan_peek(s) == close)
        return su_scan_take(s, close);
    while (more) {
        if (open == '{' && ((c = su_scan_string(s, NULL, 0, &len)) || (c = su_scan_take(s, ':'))))
            return c;
        if ((c = skip_value(s, depth + 1)) || (c = su_scan_more(s, close, &more)))
            return c;
    }
    return SU_OK;
}

/* Steps to the first entry of weight_map and back to it for another walk. */
static enum su_code find_map(struct su_scan *s, size_t *map, bool *empty)
{
    char key[16];
    size_t len;
    bool more = true;
    enum su_code c = su_scan_take(s, '{');

    *map = 0;
    if (!c && su_scan_peek(s) == '}') {
        more = false;
        c = su_scan_take(s, '}');
    }
    while (!c && more) {
        if ((c = su_scan_string(s, key, sizeof key, &len)) || (c = su_scan_take(s, ':')))
            return c;
        if (len == 10 && strcmp(key, "weight_map") == 0) {
            if (*map)
                return su_scan_fail(s, SU_EFORMAT, "'weight_map' twice");
            if (su_scan_peek(s) != '{')
                return su_scan_fail(s, SU_EFORMAT, "'weight_map' is no object");
            *map = s->pos;
        }
        if ((c = skip_value(s, 0)) || (c = su_scan_more(s, '}', &more)))
            return c;
    }
    if (!c && su_scan_peek(s) >= 0)
        return su_scan_fail(s, SU_EFORMAT, "bytes after the closing '}'");
    if (!c && !*map)
        return su_fail(s->e, SU_EFORMAT, s->at, "has no 'weight_map', so it is no index");
    if (c)
        return c;
    s->pos = *map;
    c = su_scan_take(s, '{');
    *empty = !c && su_scan_peek(s) == '}';
    return c;
}

struct map_entry {
    char tensor[SU_GRAPH_NAME_MAX + 1], file[SU_WEIGHTS_LEAF_MAX + 1];
};

/* What is wrong with a file's name, or NULL. */
static const char *leaf_error(const char *name, size_t len)
{
    if (len > SU_WEIGHTS_LEAF_MAX)
        return "it is longer than 200 bytes";
    if (strlen(name) != len || len == 0 || name[0] == '.' || strchr(name, '/'))
        return "it must lie in the index's own folder";
    for (size_t i = 0; i < len; i++) {
        if (name[i] <= ' ' || name[i] > '~')
            return "it has a byte other than printable ASCII without spaces";
    }
    return su_str_ends(name, ".safetensors") ? NULL : "it does not end in .safetensors";
}

static enum su_code read_entry(struct su_scan *s, struct map_entry *out, bool *more)
{
    size_t len;
    enum su_code c = su_scan_string(s, out->tensor, sizeof out->tensor, &len);

    if (c)
        return c;
    const char *wrong = su_weights_name_error(out->tensor, len);
    if (wrong)
        return su_scan_fail(s, len > SU_GRAPH_NAME_MAX ? SU_ELIMIT : SU_EFORMAT,
                            "tensor '%s': %s: it ends", out->tensor, wrong);
    if ((c = su_scan_take(s, ':')) || (c = su_scan_string(s, out->file, sizeof out->file, &len)))
        return c;
    if ((wrong = leaf_error(out->file, len)))
        return su_scan_fail(s, len > SU_WEIGHTS_LEAF_MAX ? SU_ELIMIT : SU_EFORMAT,
                            "tensor '%s' is said to be in '%s': %s: the name ends", out->tensor,
                            out->file, wrong);
    return su_scan_more(s, '}', more);
}

struct names {
    char (*name)[SU_WEIGHTS_LEAF_MAX + 1]; /* owned; ascending */
    uint32_t n, cap;
};

/* Where name is, or would be. */
static uint32_t place_of(const struct names *l, const char *name, bool *found)
{
    uint32_t lo = 0, hi = l->n;

    *found = false;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        int order = strcmp(name, l->name[mid]);
        if (order == 0) {
            *found = true;
            return mid;
        }
        if (order < 0)
            hi = mid;
        else
            lo = mid + 1;
    }
    return lo;
}

static enum su_code add_name(struct names *l, const struct su_scan *s, const char *name)
{
    bool found;
    uint32_t at = place_of(l, name, &found);

    if (found)
        return SU_OK;
    if (l->n == SU_WEIGHTS_FILES_MAX)
        return su_scan_fail(s, SU_ELIMIT, "more than %u files", SU_WEIGHTS_FILES_MAX);
    if (l->n == l->cap) {
        uint32_t cap = SU_MAX(2 * l->cap, 2u);
        void *p = realloc(l->name, cap * sizeof *l->name);
        if (!p)
            return su_fail(s->e, SU_ENOMEM, s->at, "out of memory for %" PRIu32 " names", cap);
        l->name = p;
        l->cap = cap;
    }
    memmove(l->name + at + 1, l->name + at, (l->n - at) * sizeof *l->name);
    (void)su_str_copy(l->name[at], sizeof *l->name, name);
    l->n++;
    return SU_OK;
}

/* Collects the files that an index names; *map is where its entries begin. */
static enum su_code read_names(struct su_scan *s, struct names *l, size_t *map)
{
    struct map_entry entry;
    uint32_t n = 0;
    bool empty = true, more;
    enum su_code c = find_map(s, map, &empty);

    for (more = !empty; !c && more; n++) {
        if (n == SU_WEIGHTS_TENSOR_MAX)
            return su_scan_fail(s, SU_ELIMIT, "more than %u tensors", SU_WEIGHTS_TENSOR_MAX);
        c = read_entry(s, &entry, &more);
        c = c ? c : add_name(l, s, entry.file);
    }
    if (!c && empty)
        c = su_fail(s->e, SU_EFORMAT, s->at, "names no tensor");
    return c;
}

static struct su_scan scan_of(const void *text, size_t len, const char *at, struct su_err *e)
{
    return (struct su_scan){.text = text, .len = len, .at = at, .e = e};
}

enum su_code su_weights_index_names(const void *text, size_t len, const char *at,
                                    struct su_buf *names, struct su_err *e)
{
    struct su_scan s = scan_of(text, len, at, e);
    struct names l = {0};
    size_t map;
    enum su_code c = read_names(&s, &l, &map);

    for (uint32_t i = 0; !c && i < l.n; i++)
        su_buf_put(names, l.name[i], strlen(l.name[i]) + 1);
    free(l.name);
    return c ? c : su_buf_check(names, at, e);
}

/* ---- parts into one -------------------------------------------------------------------------- */

static int by_name(const void *a, const void *b)
{
    const struct su_tensor *x = a, *y = b;

    return strcmp(x->name, y->name);
}

/* The tensors of all parts, ascending by name. */
static enum su_code merge(struct su_weights *w, struct su_err *e)
{
    uint64_t n = 0;

    for (uint32_t i = 0; i < w->n_part; i++)
        n += w->part[i]->n_tensor;
    if (n > SU_WEIGHTS_TENSOR_MAX)
        return su_fail(e, SU_ELIMIT, w->at, "%" PRIu64 " tensors exceed the limit of %u", n,
                       SU_WEIGHTS_TENSOR_MAX);
    w->tensor = su_try_alloc(SU_MAX(n, 1u), sizeof *w->tensor);
    if (!w->tensor)
        return su_fail(e, SU_ENOMEM, w->at, "out of memory for %" PRIu64 " tensors", n);
    for (uint32_t i = 0; i < w->n_part; i++) {
        for (uint32_t k = 0; k < w->part[i]->n_tensor; k++) {
            w->tensor[w->n_tensor] = w->part[i]->tensor[k];
            w->tensor[w->n_tensor++].file = i;
        }
    }
    qsort(w->tensor, w->n_tensor, sizeof *w->tensor, by_name);
    for (uint32_t i = 1; i < w->n_tensor; i++) {
        const struct su_tensor *a = &w->tensor[i - 1], *b = &w->tensor[i];
        if (strcmp(a->name, b->name) == 0)
            return su_fail(e, SU_EFORMAT, w->at, "tensor '%s' twice, in '%s' and in '%s'", b->name,
                           su_weights_leaf(w->part[SU_MIN(a->file, b->file)]->path),
                           su_weights_leaf(w->part[SU_MAX(a->file, b->file)]->path));
    }
    return SU_OK;
}

static enum su_code reserve_parts(struct su_weights *w, uint32_t n, struct su_err *e)
{
    w->part = su_try_alloc(n, sizeof(struct su_weights *));
    return w->part ? SU_OK : su_fail(e, SU_ENOMEM, w->at, "out of memory for %" PRIu32 " files", n);
}

/* Opens the file called leaf in w's folder as the next part. */
static enum su_code open_part(struct su_weights *w, const char *leaf, struct su_err *e)
{
    struct su_buf path;
    size_t dir = (size_t)(su_weights_leaf(w->path) - w->path);

    su_buf_init(&path, 0);
    su_buf_put(&path, w->path, dir);
    su_buf_str(&path, leaf);
    enum su_code c = su_buf_check(&path, w->at, e);
    c = c ? c : su_weights_open_one((const char *)path.data, &w->part[w->n_part], e);
    if (c == SU_ENOENT)
        c = su_fail(e, SU_ENOENT, w->at, "the file '%s' that belongs to it is missing; fetch it",
                    leaf);
    w->n_part += c == SU_OK;
    su_buf_fini(&path);
    return c;
}

/* Every entry of the index must be true of the files. */
static enum su_code check_entries(const struct su_weights *w, struct su_scan *s, size_t map)
{
    struct map_entry entry;
    bool more = true;
    enum su_code c;

    s->pos = map;
    c = su_scan_take(s, '{');
    while (!c && more) {
        if ((c = read_entry(s, &entry, &more)))
            return c;
        const struct su_tensor *t = su_weights_find(w, entry.tensor);
        if (!t || strcmp(su_weights_leaf(w->part[t->file]->path), entry.file) != 0)
            c = su_fail(s->e, SU_EFORMAT, s->at, "tensor '%s' is said to be in '%s', but is %s%s",
                        entry.tensor, entry.file, t ? "in " : "in none of the files",
                        t ? su_weights_leaf(w->part[t->file]->path) : "");
    }
    return c;
}

enum su_code su_weights_open_index(struct su_weights *w, struct su_err *e)
{
    struct su_map text;
    struct names l = {0};
    size_t map = 0;
    enum su_code c = su_map_open(w->path, SU_WEIGHTS_HEADER_BYTES_MAX, &text, e);

    if (c)
        return c;
    struct su_scan s = scan_of(text.data, text.len, w->at, e);
    c = read_names(&s, &l, &map);
    c = c ? c : reserve_parts(w, l.n, e);
    for (uint32_t i = 0; !c && i < l.n; i++) {
        c = open_part(w, l.name[i], e);
        if (!c && su_gguf_sniff(w->part[i]))
            c = su_fail(e, SU_EFORMAT, w->part[i]->at, "is a GGUF file in an index of safetensors");
    }
    c = c ? c : merge(w, e);
    c = c ? c : check_entries(w, &s, map);
    free(l.name);
    su_map_close(&text);
    return c;
}

/* ---- split GGUF ------------------------------------------------------------------------------ */

/* Number and count in a name like NAME-00001-of-00003.gguf; the stem's length is *stem. */
static bool split_name(const char *leaf, uint32_t *no, uint32_t *count, int *stem)
{
    size_t len = strlen(leaf), tail = strlen(SPLIT_TAIL);
    uint32_t v[2] = {0};

    if (len <= tail || len > SU_WEIGHTS_LEAF_MAX)
        return false;
    const char *at = leaf + len - tail;
    for (size_t i = 0; i < tail; i++) {
        bool first = i >= 1 && i < 6, second = i >= 10 && i < 15;
        if (!first && !second && at[i] != SPLIT_TAIL[i])
            return false;
        if ((first || second) && (at[i] < '0' || at[i] > '9'))
            return false;
        if (first || second)
            v[second] = 10 * v[second] + (uint32_t)(at[i] - '0');
    }
    *no = v[0];
    *count = v[1];
    *stem = (int)(len - tail);
    return *no >= 1 && *no <= *count && *count <= SU_WEIGHTS_FILES_MAX;
}

static void split_leaf(char out[SU_WEIGHTS_LEAF_MAX + 1], const char *leaf, int stem, uint32_t no,
                       uint32_t count)
{
    (void)snprintf(out, SU_WEIGHTS_LEAF_MAX + 1, "%.*s-%05u-of-%05u.gguf", stem, leaf, no, count);
}

uint32_t su_weights_split_count(const struct su_weights *w)
{
    uint32_t n = 1;

    return su_meta_u32(w, "split.count", &n, NULL) == SU_OK ? n : 1;
}

static enum su_code check_split(const struct su_weights *w, uint32_t i, uint32_t count,
                                struct su_err *e)
{
    const struct su_weights *p = w->part[i];
    uint32_t no = 0;
    enum su_code c = su_meta_u32(p, "split.no", &no, e);

    if (!c && (no != i || su_weights_split_count(p) != count))
        c = su_fail(e, SU_EFORMAT, p->at,
                    "calls itself part %" PRIu32 " of %" PRIu32 ", its name part %" PRIu32
                    " of %" PRIu32 "; are these files of one model?",
                    no + 1, su_weights_split_count(p), i + 1, count);
    return c;
}

enum su_code su_weights_open_split(struct su_weights *first, struct su_weights *w, struct su_err *e)
{
    const char *leaf = su_weights_leaf(first->path);
    char name[SU_WEIGHTS_LEAF_MAX + 1];
    uint32_t no = 0, count = 0, tensors = 0;
    int stem = 0;
    enum su_code c =
        reserve_parts(w, SU_MIN(su_weights_split_count(first), SU_WEIGHTS_FILES_MAX), e);

    if (c) {
        su_weights_close(first);
        return c;
    }
    w->part[w->n_part++] = first;
    if (!split_name(leaf, &no, &count, &stem) || count != su_weights_split_count(first))
        return su_fail(e, SU_EFORMAT, w->at,
                       "is one of %" PRIu32 " parts, so its name must end like -%05u-of-%05u.gguf "
                       "(and there are at most %u)",
                       su_weights_split_count(first), 1u, su_weights_split_count(first),
                       SU_WEIGHTS_FILES_MAX);
    if (no != 1)
        return su_fail(e, SU_EUNSUPPORTED, w->at,
                       "is part %" PRIu32 " of %" PRIu32 "; open the first, which leads to all", no,
                       count);
    for (uint32_t i = 0; !c && i < count; i++) {
        split_leaf(name, leaf, stem, i + 1, count);
        if (i > 0)
            c = open_part(w, name, e);
        if (!c && !su_gguf_sniff(w->part[i]))
            c = su_fail(e, SU_EFORMAT, w->part[i]->at, "is no GGUF file");
        c = c ? c : check_split(w, i, count, e);
    }
    c = c ? c : merge(w, e);
    if (!c && su_meta_u32(first, "split.tensors.count", &tensors, NULL) == SU_OK &&
        tensors != w->n_tensor)
        c = su_fail(e, SU_EFORMAT, w->at, "%" PRIu32 " tensors in %" PRIu32 " parts, not %" PRIu32,
                    w->n_tensor, count, tensors);
    w->meta = first->meta;
    w->n_meta = first->n_meta;
    first->meta = NULL;
    first->n_meta = 0;
    return c;
}

enum su_code su_weights_siblings(const char *path, struct su_buf *names, struct su_err *e)
{
    const char *leaf = su_weights_leaf(path);
    char name[SU_WEIGHTS_LEAF_MAX + 1];
    uint32_t no, count;
    struct su_map text;
    int stem;

    if (su_str_ends(path, SU_WEIGHTS_INDEX_END)) {
        enum su_code c = su_map_open(path, SU_WEIGHTS_HEADER_BYTES_MAX, &text, e);
        if (c)
            return c;
        c = su_weights_index_names(text.data, text.len, path, names, e);
        su_map_close(&text);
        return c;
    }
    if (split_name(leaf, &no, &count, &stem)) {
        for (uint32_t i = 1; i <= count; i++) {
            split_leaf(name, leaf, stem, i, count);
            if (i != no)
                su_buf_put(names, name, strlen(name) + 1);
        }
    }
    return su_buf_check(names, path, e);
}
