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
        {"hf://org/re.po/dir/m-1.gguf", SU_STORE_HF, "org/re.po/resolve/main/dir/m-1.gguf"},
        {"HF://o/r/a+%.gguf@refs/pr/1", SU_STORE_HF, "o/r/resolve/refs%2Fpr%2F1/a%2B%25.gguf"},
        {"hf://o/r/a@b@v1.0", SU_STORE_HF, "o/r/resolve/v1.0/a%40b"},
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
        "hf:",
        "hf://",
        "hf://org",
        "hf://org/repo",
        "hf://org/repo@main",
        "hf://org/repo/",
        "hf://org//x",
        "hf:///repo/x",
        "hf://org/repo/../x",
        "hf://org/repo/./x",
        "hf://../repo/x",
        "hf://org/repo/a b",
        "hf://org/repo/x@",
        "hf://org/repo/x@../y",
        "hf://org/repo/x\\y",
        "hf://org/repo/\x7f",
    };
    static const char *const other[] = {"ipfs://cid", "s3://bucket/key", "ftp://h/x",
                                        "averyveryverylongscheme+x.y-z:rest"};
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

static void test_hf(void **state)
{
    struct su_store_hf hf;
    struct su_err e = {0};
    char text[1600];

    (void)state;
    assert_int_equal(su_store_hf_parse("hf://org/repo@v2", &hf, &e), SU_OK);
    assert_string_equal(hf.repo, "org/repo");
    assert_string_equal(hf.file, "");
    assert_string_equal(hf.rev, "v2");
    assert_int_equal(su_store_hf_parse("hf://org/repo/a/b.gguf", &hf, &e), SU_OK);
    assert_string_equal(hf.file, "a/b.gguf");
    assert_string_equal(hf.rev, "main");
    assert_int_equal(su_store_hf_parse("https://org/repo/a", &hf, &e), SU_EINVAL);
    memset(text, 'a', sizeof text);
    memcpy(text, "hf://o/r/", 9);
    text[9 + 1023] = 0;
    assert_int_equal(su_store_hf_parse(text, &hf, &e), SU_OK);
    text[9 + 1023] = 'a';
    text[9 + 1024] = 0;
    assert_int_equal(su_store_hf_parse(text, &hf, &e), SU_ELIMIT);
    text[9 + 1024] = 'a';
    text[sizeof text - 1] = 0;
    assert_int_equal(su_store_hf_parse(text, &hf, &e), SU_ELIMIT);
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
        cmocka_unit_test(test_hf),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
