// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store/store.h"

#include <stdlib.h>
#include <string.h>

#define HEX64 "00112233445566778899aabbccddeeff00112233445566778899AABBCCDDEEFF"

static void test_good(void **state)
{
    static const struct {
        const char *text;
        enum su_store_scheme scheme;
        const char *target;
    } good[] = {
        {"file:///tmp/a%20b%2Fc", SU_STORE_FILE, "/tmp/a b/c"},
        {"FILE:/tmp/x", SU_STORE_FILE, "/tmp/x"},
        {"file:relative/x", SU_STORE_FILE, "relative/x"},
        {"file://LocalHost/x", SU_STORE_FILE, "/x"},
        {"file:a?b#c", SU_STORE_FILE, "a?b#c"},
        {"http://h", SU_STORE_HTTP, "http://h"},
        {"HTTPS://h:8443/p?q=1#f", SU_STORE_HTTP, "HTTPS://h:8443/p?q=1#f"},
        {"http://[::1]:80/@", SU_STORE_HTTP, "http://[::1]:80/@"},
        {"sha256:" HEX64, SU_STORE_SHA256,
         "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"},
    };
    struct su_store_uri u;
    struct su_err e = {0};

    (void)state;
    for (size_t i = 0; i < SU_ARRAY_LEN(good); i++) {
        if (su_store_uri_parse(good[i].text, &u, &e) != SU_OK) {
            fail_msg("%s: %s", good[i].text, e.msg);
        }
        assert_int_equal(u.scheme, good[i].scheme);
        assert_string_equal(u.target, good[i].target);
    }
    assert_int_equal(u.id[0], 0);
    assert_int_equal(u.id[1], 0x11);
    assert_int_equal(u.id[31], 0xff);
}

static void test_bad(void **state)
{
    static const char *const bad[] = {
        "",
        "x",
        "/tmp/x",
        ":x",
        "1file:x",
        "file",
        "file:",
        "file://",
        "file://h",
        "file://other/x",
        "file:%",
        "file:%4",
        "file:%zz",
        "file:a%00b",
        "http:",
        "http:/h",
        "http://",
        "http:///x",
        "http://?q",
        "http://h/a b",
        "http://h/\n",
        "http://u@h/",
        "https://u:p@h/",
        "sha256:",
        "sha256:12",
        "sha256:" HEX64 "0",
        "sha256:zz112233445566778899aabbccddeeff00112233445566778899aabbccddeeff",
        "sha 256:x",
    };
    static const char *const other[] = {"hf://org/repo/file@main", "ipfs://cid", "s3://bucket/key",
                                        "ftp://h/x", "averyveryverylongscheme+x.y-z:rest"};
    struct su_store_uri u;
    struct su_err e = {0};

    (void)state;
    for (size_t i = 0; i < SU_ARRAY_LEN(bad); i++) {
        if (su_store_uri_parse(bad[i], &u, &e) != SU_EINVAL) {
            fail_msg("\"%s\" gives %s", bad[i], su_code_name(e.code));
        }
    }
    for (size_t i = 0; i < SU_ARRAY_LEN(other); i++) {
        char scheme[40];

        assert_int_equal(su_store_uri_parse(other[i], &u, &e), SU_EUNSUPPORTED);
        su_str_copy(scheme, sizeof scheme, other[i]);
        *strchr(scheme, ':') = 0;
        assert_non_null(strstr(e.msg, scheme)); /* the message names it */
    }
}

static void test_long(void **state)
{
    struct su_store_uri u;
    struct su_err e = {0};
    char *text = malloc(6000);

    (void)state;
    memset(text, 'a', 6000);
    memcpy(text, "file:/", 6);
    text[5 + 4095] = 0;
    assert_int_equal(su_store_uri_parse(text, &u, &e), SU_OK);
    assert_int_equal(strlen(u.target), 4095);
    text[5 + 4095] = 'a';
    text[5 + 4096] = 0;
    assert_int_equal(su_store_uri_parse(text, &u, &e), SU_ELIMIT);
    text[5 + 4096] = 'a';
    memcpy(text, "http://", 7);
    text[4095] = 0;
    assert_int_equal(su_store_uri_parse(text, &u, &e), SU_OK);
    text[4095] = 'a';
    text[4096] = 0;
    assert_int_equal(su_store_uri_parse(text, &u, &e), SU_ELIMIT);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_bad),
        cmocka_unit_test(test_long),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
