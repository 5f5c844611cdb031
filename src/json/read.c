// SPDX-License-Identifier: MIT
#include "json_priv.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define BYTES_DEFAULT ((size_t)16 << 20)
#define VALUES_DEFAULT ((size_t)1 << 20)

struct su_json {
    cJSON *root;
};

static pthread_mutex_t parse_lock = PTHREAD_MUTEX_INITIALIZER;

/* A value of the interface is a node of cJSON under another name. */
static const cJSON *node_of(const struct su_json_value *v)
{
    return (const cJSON *)(const void *)v;
}

static const struct su_json_value *value_of(const cJSON *n)
{
    return (const struct su_json_value *)(const void *)n;
}

/* ---- documents ------------------------------------------------------------------------------- */

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* keys has room for all members of the document. */
static enum su_code check_object(const cJSON *object, const char **keys, const char *at,
                                 struct su_err *e)
{
    size_t n = 0;

    for (const cJSON *i = object->child; i; i = i->next)
        keys[n++] = i->string;
    if (n < 2)
        return SU_OK;
    qsort(keys, n, sizeof *keys, by_text);
    for (size_t i = 1; i < n; i++) {
        if (strcmp(keys[i - 1], keys[i]) == 0)
            return su_fail(e, SU_EFORMAT, at, "the key \"%s\" stands twice in one object", keys[i]);
    }
    return SU_OK;
}

/* Recursion is bounded by SU_JSON_DEPTH_MAX. */
static enum su_code check_tree(const cJSON *n, const char **keys, const char *at, struct su_err *e)
{
    enum su_code rc = SU_OK;

    if (cJSON_IsNumber(n) && !isfinite(n->valuedouble))
        return su_fail(e, SU_EFORMAT, at, "the number of \"%s\" is beyond the range of double",
                       n->string ? n->string : "an array");
    if (cJSON_IsObject(n))
        rc = check_object(n, keys, at, e);
    for (const cJSON *i = n->child; i && !rc; i = i->next)
        rc = check_tree(i, keys, at, e);
    return rc;
}

static size_t members_max(const cJSON *n)
{
    size_t most = 0, here = 0;

    for (const cJSON *i = n->child; i; i = i->next) {
        size_t inside = members_max(i);
        most = SU_MAX(most, inside);
        here++;
    }
    return SU_MAX(most, here);
}

static enum su_code check_document(const cJSON *root, const char *at, struct su_err *e)
{
    const char **keys = su_try_alloc(members_max(root), sizeof *keys);

    if (!keys)
        return su_fail(e, SU_ENOMEM, at, "out of memory for the check of the keys");
    enum su_code rc = check_tree(root, keys, at, e);
    free(keys);
    return rc;
}

enum su_code su_json_parse(const void *text, size_t len, const char *at,
                           const struct su_json_limits *limits, struct su_json **out,
                           struct su_err *e)
{
    struct su_json_limits l = limits ? *limits : (struct su_json_limits){0};

    *out = NULL;
    if (l.bytes_max == 0)
        l.bytes_max = BYTES_DEFAULT;
    if (l.values_max == 0)
        l.values_max = VALUES_DEFAULT;
    if (l.depth_max == 0 || l.depth_max > SU_JSON_DEPTH_MAX)
        l.depth_max = SU_JSON_DEPTH_MAX;
    enum su_code rc = json_scan(text, len, at, &l, e);
    if (rc)
        return rc;
    /* cJSON keeps the position of its last error in a global, which each parse resets. */
    (void)pthread_mutex_lock(&parse_lock);
    cJSON *root = cJSON_ParseWithLengthOpts(text, len, NULL, 0);
    (void)pthread_mutex_unlock(&parse_lock);
    if (!root)
        return su_fail(e, SU_ENOMEM, at, "out of memory for a JSON document of %zu bytes", len);
    rc = check_document(root, at, e);
    if (rc) {
        cJSON_Delete(root);
        return rc;
    }
    *out = su_alloc(sizeof **out);
    (*out)->root = root;
    return SU_OK;
}

void su_json_free(struct su_json *doc)
{
    if (!doc)
        return;
    cJSON_Delete(doc->root);
    free(doc);
}

const struct su_json_value *su_json_root(const struct su_json *doc)
{
    return value_of(doc->root);
}

/* ---- walking --------------------------------------------------------------------------------- */

enum su_json_kind su_json_kind(const struct su_json_value *v)
{
    const cJSON *n = node_of(v);

    if (cJSON_IsObject(n))
        return SU_JSON_OBJECT;
    if (cJSON_IsArray(n))
        return SU_JSON_ARRAY;
    if (cJSON_IsString(n))
        return SU_JSON_STRING;
    if (cJSON_IsNumber(n))
        return SU_JSON_NUMBER;
    return cJSON_IsBool(n) ? SU_JSON_BOOL : SU_JSON_NULL;
}

const char *su_json_kind_name(enum su_json_kind k)
{
    static const char *const names[] = {"null", "boolean", "number", "string", "array", "object"};

    return (size_t)k < SU_ARRAY_LEN(names) ? names[k] : "?";
}

const struct su_json_value *su_json_first(const struct su_json_value *v)
{
    return value_of(node_of(v)->child);
}

const struct su_json_value *su_json_next(const struct su_json_value *v)
{
    return value_of(node_of(v)->next);
}

const char *su_json_key(const struct su_json_value *v)
{
    return v ? node_of(v)->string : NULL;
}

size_t su_json_count(const struct su_json_value *v)
{
    size_t n = 0;

    for (const cJSON *i = node_of(v)->child; i; i = i->next)
        n++;
    return n;
}

const struct su_json_value *su_json_member(const struct su_json_value *v, const char *key)
{
    if (!v || !cJSON_IsObject(node_of(v)))
        return NULL;
    for (const cJSON *i = node_of(v)->child; i; i = i->next) {
        if (strcmp(i->string, key) == 0)
            return value_of(i);
    }
    return NULL;
}

/* ---- typed values ---------------------------------------------------------------------------- */

static const char *name_of(const struct su_json_value *v, const char *at)
{
    return at ? at : su_json_key(v);
}

static enum su_code want(const struct su_json_value *v, enum su_json_kind kind, const char *at,
                         struct su_err *e)
{
    enum su_json_kind is = su_json_kind(v);

    if (is == kind)
        return SU_OK;
    return su_fail(e, SU_ETYPE, name_of(v, at), "is of type %s, must be %s", su_json_kind_name(is),
                   su_json_kind_name(kind));
}

enum su_code su_json_as_str(const struct su_json_value *v, const char *at, const char **out,
                            struct su_err *e)
{
    enum su_code rc = want(v, SU_JSON_STRING, at, e);

    if (!rc)
        *out = node_of(v)->valuestring;
    return rc;
}

/* A whole number in [lo, hi], bounds that double represents exactly. */
static enum su_code whole(const struct su_json_value *v, const char *at, double lo, double hi,
                          double *out, struct su_err *e)
{
    enum su_code rc = want(v, SU_JSON_NUMBER, at, e);

    if (rc)
        return rc;
    double d = node_of(v)->valuedouble;
    if (!(d >= lo && d <= hi) || d != trunc(d))
        return su_fail(e, SU_EOVERFLOW, name_of(v, at),
                       "is %.17g, must be a whole number from %.17g to %.17g", d, lo, hi);
    *out = d;
    return SU_OK;
}

enum su_code su_json_as_u64(const struct su_json_value *v, const char *at, uint64_t *out,
                            struct su_err *e)
{
    double d = 0;
    enum su_code rc = whole(v, at, 0, (double)SU_JSON_U64_MAX, &d, e);

    if (!rc)
        *out = (uint64_t)d;
    return rc;
}

enum su_code su_json_as_u64_text(const struct su_json_value *v, const char *at, uint64_t *out,
                                 struct su_err *e)
{
    if (su_json_kind(v) != SU_JSON_STRING)
        return su_json_as_u64(v, at, out, e);
    const char *s = node_of(v)->valuestring;
    size_t n = strlen(s);
    if (n == 0 || n > 20 || strspn(s, "0123456789") != n)
        return su_fail(e, SU_EFORMAT, name_of(v, at),
                       "is \"%.40s\", must be 1 to 20 decimal digits", s);
    return su_parse_u64(s, name_of(v, at), 0, UINT64_MAX, out, e);
}

enum su_code su_json_as_i64(const struct su_json_value *v, const char *at, int64_t *out,
                            struct su_err *e)
{
    double d = 0;
    enum su_code rc = whole(v, at, -(double)SU_JSON_U64_MAX, (double)SU_JSON_U64_MAX, &d, e);

    if (!rc)
        *out = (int64_t)d;
    return rc;
}

enum su_code su_json_as_double(const struct su_json_value *v, const char *at, double *out,
                               struct su_err *e)
{
    enum su_code rc = want(v, SU_JSON_NUMBER, at, e);

    if (!rc)
        *out = node_of(v)->valuedouble;
    return rc;
}

enum su_code su_json_as_bool(const struct su_json_value *v, const char *at, bool *out,
                             struct su_err *e)
{
    enum su_code rc = want(v, SU_JSON_BOOL, at, e);

    if (!rc)
        *out = cJSON_IsTrue(node_of(v));
    return rc;
}

/* ---- members --------------------------------------------------------------------------------- */

static enum su_code find(const struct su_json_value *object, const char *key,
                         const struct su_json_value **out, struct su_err *e)
{
    enum su_code rc = want(object, SU_JSON_OBJECT, NULL, e);

    if (rc)
        return rc;
    *out = su_json_member(object, key);
    return *out ? SU_OK : su_fail(e, SU_ENOENT, key, "is missing");
}

#define GETTER(suffix, type)                                                                       \
    enum su_code su_json_get_##suffix(const struct su_json_value *object, const char *key,         \
                                      type *out, struct su_err *e)                                 \
    {                                                                                              \
        const struct su_json_value *v = NULL;                                                      \
        enum su_code rc = find(object, key, &v, e);                                                \
                                                                                                   \
        return rc ? rc : su_json_as_##suffix(v, key, out, e);                                      \
    }

GETTER(str, const char *)
GETTER(u64, uint64_t)
GETTER(u64_text, uint64_t)
GETTER(i64, int64_t)
GETTER(double, double)
GETTER(bool, bool)

static enum su_code get_kind(const struct su_json_value *object, const char *key,
                             enum su_json_kind kind, const struct su_json_value **out,
                             struct su_err *e)
{
    const struct su_json_value *v = NULL;
    enum su_code rc = find(object, key, &v, e);

    if (!rc)
        rc = want(v, kind, key, e);
    if (!rc)
        *out = v;
    return rc;
}

enum su_code su_json_get_array(const struct su_json_value *object, const char *key,
                               const struct su_json_value **out, struct su_err *e)
{
    return get_kind(object, key, SU_JSON_ARRAY, out, e);
}

enum su_code su_json_get_object(const struct su_json_value *object, const char *key,
                                const struct su_json_value **out, struct su_err *e)
{
    return get_kind(object, key, SU_JSON_OBJECT, out, e);
}
