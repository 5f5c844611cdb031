// SPDX-License-Identifier: MIT
/* json: bounded reading and streaming writing of JSON (RFC 8259). Third party: cJSON, included
   nowhere outside this folder. Reading is stricter than cJSON: before it builds a tree, the
   text is checked for grammar, depth, UTF-8 and size, so that hostile input costs one linear
   pass. Thread-safe on distinct objects; a parsed document may be read by many. */
#ifndef SU_JSON_H
#define SU_JSON_H

#include "base/base.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- reading --------------------------------------------------------------------------------- */

#define SU_JSON_DEPTH_MAX 64 /* nesting of objects and arrays, reading and writing */
#define SU_JSON_NUMBER_MAX 63 /* characters of one number */
/* 2^53 - 1: above it a double names no single integer. */
#define SU_JSON_U64_MAX ((uint64_t)9007199254740991)

struct su_json; /* one parsed document, owns its values */
struct su_json_value; /* borrowed from its document */

enum su_json_kind {
    SU_JSON_NULL,
    SU_JSON_BOOL,
    SU_JSON_NUMBER,
    SU_JSON_STRING,
    SU_JSON_ARRAY,
    SU_JSON_OBJECT,
};

/* Zero in a field means the default. Memory is about 80 bytes per value plus the text. */
struct su_json_limits {
    size_t bytes_max; /* default 16 MiB */
    size_t values_max; /* default 1 048 576 */
    unsigned depth_max; /* default and most: SU_JSON_DEPTH_MAX */
};

/* Parses the whole of text[0..len), which need not be terminated; `at` names the document in
   errors; limits may be NULL. On success *out is owned by the caller (su_json_free). On failure
   *out is NULL; the message gives the byte offset, or for the last two of SU_EFORMAT the key:
     SU_ELIMIT   more bytes, values or depth than the limits, or a number of more than
                 SU_JSON_NUMBER_MAX characters
     SU_ETRUNC   the text ends inside a value (an empty text too)
     SU_EFORMAT  anything RFC 8259 does not allow, invalid UTF-8, bytes after the document, lone
                 surrogates, \u0000, a key twice in one object, a number beyond the range of
                 double
     SU_ENOMEM   out of memory */
SU_CHECK enum su_code su_json_parse(const void *text, size_t len, const char *at,
                                    const struct su_json_limits *limits, struct su_json **out,
                                    struct su_err *e);
void su_json_free(struct su_json *doc); /* NULL allowed */
const struct su_json_value *su_json_root(const struct su_json *doc);

enum su_json_kind su_json_kind(const struct su_json_value *v);
const char *su_json_kind_name(enum su_json_kind k); /* "object" */

/* Members of an object or items of an array, in document order:
     for (const struct su_json_value *i = su_json_first(v); i; i = su_json_next(i)) ...
   su_json_first gives NULL for an empty or scalar v. su_json_key is NULL for what is not a
   member. */
const struct su_json_value *su_json_first(const struct su_json_value *v);
const struct su_json_value *su_json_next(const struct su_json_value *v);
const char *su_json_key(const struct su_json_value *v);
size_t su_json_count(const struct su_json_value *v); /* walks the list */
/* Member by exact name (walks the list); NULL when absent or when v is NULL or no object. */
const struct su_json_value *su_json_member(const struct su_json_value *v, const char *key);

/* Typed values. On failure *out is unchanged and e->at is `at` (may be NULL: then the value's
   own key names it):
     SU_ETYPE      another kind; the message names both
     SU_EOVERFLOW  (u64, i64) not a whole number, out of range, or a number beyond
                 SU_JSON_U64_MAX in size
   Strings are terminated, valid UTF-8, without NUL, and borrowed from the document. */
SU_CHECK enum su_code su_json_as_str(const struct su_json_value *v, const char *at,
                                     const char **out, struct su_err *e);
SU_CHECK enum su_code su_json_as_u64(const struct su_json_value *v, const char *at, uint64_t *out,
                                     struct su_err *e);
/* As su_json_as_u64, and a string of 1 to 20 decimal digits is taken too, up to 2^64 - 1
   (SU_EFORMAT: other strings). */
SU_CHECK enum su_code su_json_as_u64_text(const struct su_json_value *v, const char *at,
                                          uint64_t *out, struct su_err *e);
SU_CHECK enum su_code su_json_as_i64(const struct su_json_value *v, const char *at, int64_t *out,
                                     struct su_err *e);
SU_CHECK enum su_code su_json_as_double(const struct su_json_value *v, const char *at, double *out,
                                        struct su_err *e);
SU_CHECK enum su_code su_json_as_bool(const struct su_json_value *v, const char *at, bool *out,
                                      struct su_err *e);

/* The same for member `key` of `object`, which names it in errors; SU_ENOENT when there is
   none. SU_ETYPE too when `object` is NULL or no object. _array and _object give the member for
   su_json_first. */
SU_CHECK enum su_code su_json_get_str(const struct su_json_value *object, const char *key,
                                      const char **out, struct su_err *e);
SU_CHECK enum su_code su_json_get_u64(const struct su_json_value *object, const char *key,
                                      uint64_t *out, struct su_err *e);
SU_CHECK enum su_code su_json_get_u64_text(const struct su_json_value *object, const char *key,
                                           uint64_t *out, struct su_err *e);
SU_CHECK enum su_code su_json_get_i64(const struct su_json_value *object, const char *key,
                                      int64_t *out, struct su_err *e);
SU_CHECK enum su_code su_json_get_double(const struct su_json_value *object, const char *key,
                                         double *out, struct su_err *e);
SU_CHECK enum su_code su_json_get_bool(const struct su_json_value *object, const char *key,
                                       bool *out, struct su_err *e);
SU_CHECK enum su_code su_json_get_array(const struct su_json_value *object, const char *key,
                                        const struct su_json_value **out, struct su_err *e);
SU_CHECK enum su_code su_json_get_object(const struct su_json_value *object, const char *key,
                                         const struct su_json_value **out, struct su_err *e);

/* ---- writing --------------------------------------------------------------------------------- */

/* Appends one document to a buffer, which carries any failure (check it with su_buf_check at
   the end). Each call takes the key of the value: a string inside an object, NULL inside an
   array and at the top. Misuse (a missing or needless key, a wrong end, a second document,
   depth beyond SU_JSON_DEPTH_MAX) is a programmer's error and fails SU_ASSERT. */
struct su_json_writer {
    struct su_buf *buf; /* borrowed */
    unsigned indent; /* spaces per level, 0 = everything on one line */
    unsigned depth;
    bool done;
    struct {
        bool object, filled;
    } level[SU_JSON_DEPTH_MAX];
};

void su_json_writer_init(struct su_json_writer *w, struct su_buf *buf, unsigned indent);
/* True when one whole document has been written. */
bool su_json_writer_done(const struct su_json_writer *w);

void su_json_put_object(struct su_json_writer *w, const char *key);
void su_json_end_object(struct su_json_writer *w);
void su_json_put_array(struct su_json_writer *w, const char *key);
void su_json_end_array(struct su_json_writer *w);

/* Escapes what must be escaped; invalid UTF-8 becomes U+FFFD. NULL writes null. Keys are
   treated alike. */
void su_json_put_str(struct su_json_writer *w, const char *key, const char *s);
/* s may hold NULs. */
void su_json_put_strn(struct su_json_writer *w, const char *key, const void *s, size_t n);
/* A JSON number with all its digits, also beyond SU_JSON_U64_MAX, where readers that use
   doubles round: write amounts that large as strings instead. */
void su_json_put_u64(struct su_json_writer *w, const char *key, uint64_t v);
void su_json_put_i64(struct su_json_writer *w, const char *key, int64_t v);
/* Fewest digits that read back to the same value, whatever the locale; NaN and infinities
   become null. */
void su_json_put_double(struct su_json_writer *w, const char *key, double v);
void su_json_put_float(struct su_json_writer *w, const char *key, float v);
void su_json_put_bool(struct su_json_writer *w, const char *key, bool v);
void su_json_put_null(struct su_json_writer *w, const char *key);
/* A string like "00ff", lower case. */
void su_json_put_hex(struct su_json_writer *w, const char *key, const void *data, size_t n);

#endif
