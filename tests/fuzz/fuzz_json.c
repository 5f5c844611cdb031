// SPDX-License-Identifier: MIT
/* Parses any bytes. What parses is written again, and that text must parse and come out the same. */
#include "json/json.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_every_getter(const struct su_json_value *v)
{
    const struct su_json_value *child;
    const char *s;
    uint64_t u;
    int64_t i;
    double d;
    bool b;
    struct su_err e;

    (void)!su_json_as_str(v, NULL, &s, &e);
    (void)!su_json_as_u64(v, NULL, &u, &e);
    (void)!su_json_as_u64_text(v, NULL, &u, &e);
    (void)!su_json_as_i64(v, NULL, &i, &e);
    (void)!su_json_as_double(v, NULL, &d, &e);
    (void)!su_json_as_bool(v, NULL, &b, &e);
    (void)!su_json_get_array(v, "a", &child, &e);
    (void)!su_json_get_object(v, "a", &child, &e);
    SU_ASSERT(su_json_count(v) == 0 || su_json_first(v));
}

static void copy(struct su_json_writer *w, const struct su_json_value *v)
{
    const char *key = su_json_key(v), *s = NULL;
    double d = 0;
    bool b = false;

    try_every_getter(v);
    switch (su_json_kind(v)) {
    case SU_JSON_NULL:
        su_json_put_null(w, key);
        return;
    case SU_JSON_BOOL:
        SU_ASSERT(su_json_as_bool(v, NULL, &b, NULL) == SU_OK);
        su_json_put_bool(w, key, b);
        return;
    case SU_JSON_NUMBER:
        SU_ASSERT(su_json_as_double(v, NULL, &d, NULL) == SU_OK);
        su_json_put_double(w, key, d);
        return;
    case SU_JSON_STRING:
        SU_ASSERT(su_json_as_str(v, NULL, &s, NULL) == SU_OK);
        su_json_put_str(w, key, s);
        return;
    case SU_JSON_ARRAY:
        su_json_put_array(w, key);
        break;
    case SU_JSON_OBJECT:
        su_json_put_object(w, key);
        break;
    }
    for (const struct su_json_value *i = su_json_first(v); i; i = su_json_next(i))
        copy(w, i);
    if (su_json_kind(v) == SU_JSON_ARRAY)
        su_json_end_array(w);
    else
        su_json_end_object(w);
}

static void write_document(const struct su_json *doc, unsigned indent, struct su_buf *b)
{
    struct su_json_writer w;

    su_buf_init(b, 0);
    su_json_writer_init(&w, b, indent);
    copy(&w, su_json_root(doc));
    SU_ASSERT(su_json_writer_done(&w) && !b->failed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct su_json *doc, *again;
    struct su_err e = {0};
    struct su_buf first, second;
    unsigned indent = (unsigned)(size % 3);

    if (su_json_parse(data, size, "input", NULL, &doc, &e) != SU_OK) {
        SU_ASSERT(!doc && e.msg[0] && e.code != SU_OK);
        return 0;
    }
    write_document(doc, indent, &first);
    SU_ASSERT(su_json_parse(first.data, first.len, "copy", NULL, &again, NULL) == SU_OK);
    write_document(again, indent, &second);
    SU_ASSERT(first.len == second.len && memcmp(first.data, second.data, first.len) == 0);
    su_buf_fini(&first);
    su_buf_fini(&second);
    su_json_free(doc);
    su_json_free(again);
    return 0;
}
