// SPDX-License-Identifier: MIT
#include "support/alloc.h"
#include "unit.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define ONE "\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}"

static struct su_weights *opened(const uint8_t *bytes, size_t len)
{
    struct su_weights *w = NULL;
    struct su_err e = {0};

    if (su_weights_open_bytes(bytes, len, "mem", &w, &e))
        fail_msg("%s: %s", e.at, e.msg);
    return w;
}

static void test_read(void **state)
{
    (void)state;
    const char *header =
        " {\t\"__metadata__\" : {\"format\":\"pt\", \"k\\u00e9\\ud83d\\ude00\\n\":\"\\u20ac\"},\n"
        "\"z\":{\"shape\":[],\"dtype\":\"F32\",\"data_offsets\":[0,4]},"
        "\"b.\\u0077\":{\"data_offsets\":[4,16],\"dtype\":\"BF16\",\"shape\":[3,2]},"
        "\"e\":{\"dtype\":\"F16\",\"shape\":[0,7],\"data_offsets\":[16,16]},"
        "\"a\":{\"dtype\":\"I32\",\"shape\":[1,1,1,1,1,2],\"data_offsets\":[20,28]},"
        "\"u\":{\"dtype\":\"U32\",\"shape\":[1],\"data_offsets\":[16,20]}}\r\n  ";
    size_t len;
    uint8_t *bytes = st_bytes(header, 28, &len);
    struct su_weights *w = opened(bytes, len);

    assert_string_equal(su_weights_path(w), "mem");
    assert_int_equal(su_weights_count(w), 5);
    static const char *const names[] = {"a", "b.w", "e", "u", "z"};
    for (uint32_t i = 0; i < 5; i++) {
        assert_string_equal(su_weights_at(w, i)->name, names[i]);
        assert_ptr_equal(su_weights_find(w, names[i]), su_weights_at(w, i));
    }
    assert_null(su_weights_find(w, "b"));
    assert_null(su_weights_find(w, "__metadata__"));
    const struct su_tensor *t = su_weights_find(w, "b.w");
    assert_int_equal(t->dtype, SU_BF16);
    assert_true(su_shape_equal(&t->shape, &(struct su_shape){2, {3, 2}}));
    assert_int_equal(t->bytes, 12);
    assert_int_equal(t->offset, 8 + strlen(header) + 4);
    assert_ptr_equal(t->data, bytes + t->offset);
    assert_int_equal(t->data[0], 4);
    assert_int_equal(su_weights_find(w, "a")->dtype, SU_I32);
    assert_int_equal(su_weights_find(w, "a")->shape.rank, 6);
    assert_int_equal(su_weights_find(w, "u")->dtype, SU_U32);
    assert_int_equal(su_weights_find(w, "e")->dtype, SU_F16);
    assert_int_equal(su_weights_find(w, "e")->bytes, 0);
    assert_int_equal(su_weights_find(w, "z")->dtype, SU_F32);
    assert_int_equal(su_weights_find(w, "z")->shape.rank, 0);
    su_weights_close(w);
    free(bytes);
}

static void test_read_nothing(void **state)
{
    (void)state;
    static const char *const headers[] = {"{}", "{\"__metadata__\":{}}", "{ } "};
    for (size_t i = 0; i < SU_ARRAY_LEN(headers); i++) {
        size_t len;
        uint8_t *bytes = st_bytes(headers[i], 0, &len);
        struct su_weights *w = opened(bytes, len);
        assert_int_equal(su_weights_count(w), 0);
        assert_null(su_weights_find(w, "a"));
        su_weights_close(w);
        free(bytes);
    }
    su_weights_close(NULL);
}

static void test_length_refused(void **state)
{
    (void)state;
    uint8_t b[16] = {0};

    bytes_refused(b, 0, SU_ETRUNC, "mem|0 bytes|8 bytes|offset 0");
    bytes_refused(b, 7, SU_ETRUNC, "7 bytes|offset 0");
    su_put_le64(b, 4ull << 30);
    bytes_refused(b, sizeof b, SU_ELIMIT, "mem|4294967296|offset 0|104857600");
    su_put_le64(b, UINT64_MAX);
    bytes_refused(b, sizeof b, SU_ELIMIT, "18446744073709551615|offset 0");
    su_put_le64(b, SU_WEIGHTS_HEADER_BYTES_MAX);
    bytes_refused(b, sizeof b, SU_ETRUNC, "104857600 bytes|offset 8|16 bytes");
    su_put_le64(b, 9);
    bytes_refused(b, sizeof b, SU_ETRUNC, "9 bytes|offset 8");
    memcpy(b, "\x89PNG\r\n\x1a\n", 8);
    bytes_refused(b, sizeof b, SU_ELIMIT, "is this a safetensors or GGUF file?");
}

static void test_grammar_refused(void **state)
{
    (void)state;
    static const struct {
        const char *header, *want;
    } rows[] = {
        {"", "header ends|'{'|offset 8"},
        {"[]", "'['|'{'|offset 8"},
        {"{", "header ends|a string|offset 9"},
        {"{\"a", "the end of a string|offset 11"},
        {"{\"a\"", "':'"},
        {"{\"a\":[[[[[[[[", "'['|'{'|offset 13"},
        {"{\"a\":{", "a string"},
        {"{\"a\":{}}", "'a'|no dtype|offset 15"},
        {"{\"a\":{\"dtype\":\"F32\"}}", "no shape"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[]}}", "no data_offsets"},
        {"{" ONE, "header ends|',' or '}'"},
        {"{" ONE "]", "']' where ',' or '}'"},
        {"{" ONE ",}", "'}' where a string"},
        {"{" ONE "}x", "after the JSON header|offset 62"},
        {"{" ONE "}{}", "after the JSON header"},
        {"{" ONE "}\x01", "after the JSON header"},
        {"{\"a\":{\"dtype\":7}}", "'7' where a string"},
        {"{\"a\":{\"dtype\":\"F32\",\"dtype\":\"F32\"}}", "'a'|'dtype' twice"},
        {"{\"a\":{\"shape\":[],\"shape\":[]}}", "'shape' twice"},
        {"{\"a\":{\"data_offsets\":[0,0],\"data_offsets\":[0,0]}}", "'data_offsets' twice"},
        {"{\"a\":{\"layout\":1}}", "unknown field 'layout'"},
        {"{\"a\":{\"dtype\\u0000\":\"F32\"}}", "unknown field"},
        {"{\"a\":{\"dtype\" \"F32\"}}", "'\"' where ':'"},
        {"{\"a\":{\"shape\":2}}", "'2' where '['"},
        {"{\"a\":{\"shape\":[-1]}}", "'-' where a whole number"},
        {"{\"a\":{\"shape\":[1.5]}}", "'.' where ',' or ']'"},
        {"{\"a\":{\"shape\":[1e3]}}", "'e' where"},
        {"{\"a\":{\"shape\":[01]}}", "leading zero"},
        {"{\"a\":{\"shape\":[1,]}}", "']' where a whole number"},
        {"{\"a\":{\"shape\":[1 2]}}", "'2' where"},
        {"{\"a\":{\"shape\":[\"1\"]}}", "'\"' where"},
        {"{\"a\":{\"data_offsets\":[0]}}", "']' where ','"},
        {"{\"a\":{\"data_offsets\":[0,8,9]}}", "',' where ']'"},
        {"{\"a\":{\"data_offsets\":{}}}", "'{' where '['"},
        {"{\"a\":{\"data_offsets\":[,]}}", "',' where a whole number"},
        {"{\"a\x01\":{}}", "control byte 0x01"},
        {"{\"\xff\":{}}", "invalid UTF-8"},
        {"{\"\xc0\x80\":{}}", "invalid UTF-8"},
        {"{\"\\x\":{}}", "'x' where an escape"},
        {"{\"\\", "header ends where an escape"},
        {"{\"\\u12g4\":{}}", "'g' where a hexadecimal digit"},
        {"{\"\\u12", "header ends where a hexadecimal digit"},
        {"{\"\\ud800\":{}}", "lone surrogate"},
        {"{\"\\ud800\\n\":{}}", "lone surrogate"},
        {"{\"\\ud800\\ud800\":{}}", "lone surrogate"},
        {"{\"\\ud800\\uzzzz\":{}}", "'z' where a hexadecimal digit"},
        {"{\"\\udc00\\udc00\":{}}", "lone surrogate"},
        {"{\x80", "byte 0x80 where a string"},
        {"{\"\":{}}", "the name is empty"},
        {"{\"a b\":{}}", "'a b'|printable ASCII"},
        {"{\"\\u0000\":{}}", "printable ASCII"},
        {"{\"\\u00e9\":{}}", "printable ASCII"},
        {"{\"a\\ud83d\\ude00\":{}}", "printable ASCII"},
        {"{\"__metadata__\":[]}", "'[' where '{'"},
        {"{\"__metadata__\":{\"a\":1}}", "'1' where a string"},
        {"{\"__metadata__\":{\"a\":{}}}", "'{' where a string"},
        {"{\"__metadata__\":{\"a\"}}", "'}' where ':'"},
        {"{\"__metadata__\":{\"a\":\"b\",}}", "'}' where a string"},
        {"{\"__metadata__\":{1:\"b\"}}", "'1' where a string"},
        {"{\"__metadata__\"{}}", "'{' where ':'"},
        {"{\"__metadata__\":{},\"__metadata__\":{}}", "'__metadata__' twice"},
    };
    for (size_t i = 0; i < SU_ARRAY_LEN(rows); i++)
        st_refused(rows[i].header, 8, SU_EFORMAT, rows[i].want);
}

static void test_every_prefix_refused(void **state)
{
    (void)state;
    const char *header = "{\"__metadata__\":{\"k\":\"\\u0041\\ud83d\\ude00\"}," ONE "}";
    size_t len;
    uint8_t *bytes = st_bytes(header, 8, &len);

    for (size_t n = 0; n < len; n++) {
        uint8_t *part = malloc(n ? n : 1);
        struct su_weights *w;
        struct su_err e = {0};
        assert_non_null(part);
        memcpy(part, bytes, n);
        assert_int_equal(su_weights_open_bytes(part, n, "mem", &w, &e), SU_ETRUNC);
        free(part);
    }
    char cut[128];
    for (size_t n = 0; n < strlen(header); n++) {
        (void)snprintf(cut, sizeof cut, "%.*s", (int)n, header);
        st_refused(cut, 8, SU_EFORMAT, "at offset");
    }
    free(bytes);
}

static void test_claims_refused(void **state)
{
    (void)state;
    static const struct {
        const char *header;
        size_t data_bytes;
        enum su_code code;
        const char *want;
    } rows[] = {
        {"{\"a\":{\"dtype\":\"I64\",\"shape\":[1],\"data_offsets\":[0,8]}}", 8, SU_EUNSUPPORTED,
         "'a'|'I64'|convert"},
        {"{\"a\":{\"dtype\":\"BOOL\",\"shape\":[8],\"data_offsets\":[0,8]}}", 8, SU_EUNSUPPORTED,
         "'BOOL'"},
        {"{\"a\":{\"dtype\":\"f32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 8, SU_EUNSUPPORTED,
         "'f32'"},
        {"{\"a\":{\"dtype\":\"F32\\u0000\",\"shape\":[2],\"data_offsets\":[0,8]}}", 8,
         SU_EUNSUPPORTED, "'a'"},
        {"{\"a\":{\"dtype\":\"F32aaaaaaaaaaaaaaaaaaaaaaaaaaaaa\",\"shape\":[2],"
         "\"data_offsets\":[0,8]}}",
         8, SU_EUNSUPPORTED, "'a'"},
        {"{\"a\":{\"shape\":[1,1,1,1,1,1,2]}}", 8, SU_ELIMIT, "'a'|more than 6 axes|offset 36"},
        {"{\"a\":{\"shape\":[2147483648]}}", 8, SU_ELIMIT, "2147483648 exceeds 2147483647"},
        {"{\"a\":{\"shape\":[18446744073709551616]}}", 8, SU_EOVERFLOW, "2^64|offset"},
        {"{\"a\":{\"data_offsets\":[0,99999999999999999999]}}", 8, SU_EOVERFLOW, "2^64|offset"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2147483647,2147483647,2147483647,2147483647,"
         "2147483647,2147483647],\"data_offsets\":[0,8]}}",
         8, SU_ELIMIT, "'a'|more than 1099511627776 elements"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[65536,65536,65536,65536],\"data_offsets\":[0,0]}}",
         0, SU_ELIMIT, "more than 1099511627776 elements"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,4]}}", 4, SU_EFORMAT,
         "'a'|[0,4]|8 bytes of F32 [2]"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8,0]}}", 8, SU_EFORMAT,
         "[8,0]"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8,16]}}", 8, SU_ETRUNC,
         "'a'|8 bytes at offset 71|file of 71 bytes"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],"
         "\"data_offsets\":[18446744073709551607,18446744073709551615]}}",
         8, SU_ETRUNC, "'a'|beyond the file"},
        {"{" ONE "}", 4, SU_ETRUNC, "'a'|offset 62|file of 66 bytes"},
        {"{" ONE "}", 9, SU_EFORMAT, "1 bytes at offset 70|after the last tensor"},
        {"{}", 3, SU_EFORMAT, "3 bytes at offset 10"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}", 8, SU_EFORMAT,
         "4 bytes at offset 62|before tensor 'a'"},
        {"{" ONE ",\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}", 8, SU_EFORMAT,
         "'a' and 'b' overlap at offset"},
        {"{" ONE ",\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[12,16]}}", 16,
         SU_EFORMAT, "4 bytes at offset|before tensor 'b'"},
        {"{" ONE ",\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[8,12]}}", 12,
         SU_EFORMAT, "tensor 'a' twice"},
        {"{" ONE ",\"\\u0061\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[8,12]}}", 12,
         SU_EFORMAT, "tensor 'a' twice"},
    };
    for (size_t i = 0; i < SU_ARRAY_LEN(rows); i++)
        st_refused(rows[i].header, rows[i].data_bytes, rows[i].code, rows[i].want);
}

static void test_name_length(void **state)
{
    (void)state;
    char name[140], header[300];
    size_t len;

    for (size_t n = 126; n <= 129; n++) {
        memset(name, 'n', n);
        name[n] = '\0';
        (void)snprintf(header, sizeof header,
                       "{\"%s\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", name);
        if (n > SU_GRAPH_NAME_MAX) {
            st_refused(header, 8, SU_ELIMIT, "longer than 127 bytes|at offset");
            continue;
        }
        uint8_t *bytes = st_bytes(header, 8, &len);
        struct su_weights *w = opened(bytes, len);
        assert_non_null(su_weights_find(w, name));
        su_weights_close(w);
        free(bytes);
    }
    /* A name that only begins like the metadata's is a tensor's. */
    uint8_t *bytes = st_bytes(
        "{\"__metadata__x\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 8, &len);
    struct su_weights *w = opened(bytes, len);
    assert_non_null(su_weights_find(w, "__metadata__x"));
    su_weights_close(w);
    free(bytes);
}

/* n tensors of one element, named by number, in the order of their data: n - 1 comes first. */
static char *many_header(uint32_t n)
{
    struct su_buf b;

    su_buf_init(&b, 0);
    su_buf_str(&b, "{");
    for (uint32_t i = 0; i < n; i++)
        su_buf_printf(&b, "%s\"%x\":{\"dtype\":\"F16\",\"shape\":[],\"data_offsets\":[%u,%u]}",
                      i ? "," : "", i, 2 * (n - 1 - i), 2 * (n - i));
    su_buf_str(&b, "}");
    assert_false(b.failed);
    return (char *)b.data;
}

static void test_many(void **state)
{
    (void)state;
    char *header = many_header(SU_WEIGHTS_TENSOR_MAX), name[16];
    size_t len;
    uint8_t *bytes = st_bytes(header, 2 * SU_WEIGHTS_TENSOR_MAX, &len);

    su_alloc_peak_start();
    struct su_weights *w = opened(bytes, len);
    if (su_alloc_watched())
        assert_in_range(su_alloc_peak(), 64 * SU_WEIGHTS_TENSOR_MAX, 4 * strlen(header) + 4096);
    assert_int_equal(su_weights_count(w), SU_WEIGHTS_TENSOR_MAX);
    for (uint32_t i = 0; i < SU_WEIGHTS_TENSOR_MAX; i += 997) {
        (void)snprintf(name, sizeof name, "%x", i);
        const struct su_tensor *t = su_weights_find(w, name);
        assert_non_null(t);
        assert_int_equal(t->offset, 8 + strlen(header) + 2 * (SU_WEIGHTS_TENSOR_MAX - 1 - i));
    }
    for (uint32_t i = 1; i < SU_WEIGHTS_TENSOR_MAX; i++)
        assert_true(strcmp(su_weights_at(w, i - 1)->name, su_weights_at(w, i)->name) < 0);
    su_weights_close(w);
    if (su_alloc_watched()) {
        su_alloc_fail(SU_WEIGHTS_TENSOR_MAX, SIZE_MAX);
        bytes_refused(bytes, len, SU_ENOMEM, "mem|65536 tensors");
        su_alloc_fail_none();
    }
    free(bytes);
    free(header);
    header = many_header(SU_WEIGHTS_TENSOR_MAX + 1);
    st_refused(header, 2 * SU_WEIGHTS_TENSOR_MAX + 2, SU_ELIMIT, "more than 65536 tensors|offset");
    free(header);
}

static void put_file(const char *path, const void *bytes, size_t len)
{
    assert_int_equal(su_file_write(path, bytes, len, 0600, NULL), SU_OK);
}

static void test_files(void **state)
{
    (void)state;
    struct su_weights *w;
    struct su_err e = {0};
    size_t len;
    uint8_t *bytes = st_bytes("{" ONE "}", 8, &len);
    const char *path = scratch_path("good.safetensors");

    put_file(path, bytes, len);
    assert_int_equal(su_weights_open(path, &w, &e), SU_OK);
    assert_string_equal(su_weights_path(w), path);
    assert_int_equal(su_weights_find(w, "a")->data[7], 7);
    su_weights_close(w);

    assert_int_equal(su_weights_open(scratch_path("none"), &w, &e), SU_ENOENT);
    assert_null(w);
    err_matches(&e, SU_ENOENT, "none");
    assert_int_equal(su_weights_open(scratch_path(""), &w, &e), SU_EINVAL);
    assert_null(w);

    put_file(scratch_path("empty"), bytes, 0);
    assert_int_equal(su_weights_open(scratch_path("empty"), &w, &e), SU_ETRUNC);
    err_matches(&e, SU_ETRUNC, "empty|0 bytes");
    put_file(scratch_path("cut"), bytes, len - 1);
    assert_int_equal(su_weights_open(scratch_path("cut"), &w, &e), SU_ETRUNC);
    err_matches(&e, SU_ETRUNC, "cut|'a'|offset 62|69 bytes");

    /* Of a long path the end is what tells files apart. */
    char folder[512];
    (void)snprintf(folder, sizeof folder, "%s/%0120d", scratch_path(""), 1);
    assert_int_equal(mkdir(folder, 0700), 0);
    (void)strcat(folder, "/cut.safetensors");
    put_file(folder, bytes, len - 1);
    assert_int_equal(su_weights_open(folder, &w, &e), SU_ETRUNC);
    err_matches(&e, SU_ETRUNC, "01/cut.safetensors");
    assert_int_equal(strlen(e.at), sizeof e.at - 1);
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read),
        cmocka_unit_test(test_read_nothing),
        cmocka_unit_test(test_length_refused),
        cmocka_unit_test(test_grammar_refused),
        cmocka_unit_test(test_every_prefix_refused),
        cmocka_unit_test(test_claims_refused),
        cmocka_unit_test(test_name_length),
        cmocka_unit_test(test_many),
        cmocka_unit_test(test_files),
    };
    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
