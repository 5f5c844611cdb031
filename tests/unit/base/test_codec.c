// SPDX-License-Identifier: MIT
#include "unit.h"

#include <string.h>

static uint64_t rng = 88172645463325252u;

static uint8_t random_byte(void)
{
    rng ^= rng << 13;
    rng ^= rng >> 7;
    rng ^= rng << 17;
    return (uint8_t)(rng >> 32);
}

static void text_helpers(void **state)
{
    char out[4];

    (void)state;
    assert_true(su_str_copy(out, sizeof out, "abc"));
    assert_false(su_str_copy(out, sizeof out, "abcd"));
    assert_string_equal(out, "abc");
    assert_false(su_str_copy(out, 0, ""));
    assert_true(su_str_starts("sha256:ab", "sha256:"));
    assert_true(su_str_starts("x", ""));
    assert_false(su_str_starts("sha", "sha256:"));
    assert_true(su_str_ends("a.png", ".png"));
    assert_false(su_str_ends("png", ".png"));
}

static void utf8_steps(void **state)
{
    static const struct {
        const char *s;
        size_t left, step;
    } rows[] = {
        {"a", 1, 1},
        {"", 0, 0},
        {"\x7f", 1, 1},
        {"\x80", 1, 0},
        {"\xC3\xA9", 2, 2},
        {"\xC3\xA9", 1, 0},
        {"\xC1\xBF", 2, 0}, /* overlong */
        {"\xE0\x9F\xBF", 3, 0}, /* overlong */
        {"\xE0\xA0\x80", 3, 3}, /* U+0800 */
        {"\xED\x9F\xBF", 3, 3}, /* U+D7FF */
        {"\xED\xA0\x80", 3, 0}, /* surrogate */
        {"\xEF\xBF\xBF", 3, 3}, /* U+FFFF */
        {"\xE2\x82", 2, 0}, /* cut */
        {"\xE2\x82\x41", 3, 0}, /* third byte */
        {"\xF0\x8F\xBF\xBF", 4, 0}, /* overlong */
        {"\xF0\x90\x80\x80", 4, 4}, /* U+10000 */
        {"\xF4\x8F\xBF\xBF", 4, 4}, /* U+10FFFF */
        {"\xF4\x90\x80\x80", 4, 0}, /* beyond */
        {"\xF5\x80\x80\x80", 4, 0},
        {"\xFF", 1, 0},
    };

    (void)state;
    for (size_t i = 0; i < SU_ARRAY_LEN(rows); i++)
        assert_int_equal(su_utf8_step(rows[i].s, rows[i].left), rows[i].step);
}

static void sanitize_makes_printable(void **state)
{
    char out[32];

    (void)state;
    su_str_sanitize(out, sizeof out, "a\x1b[0m\n\xC3\xA9\xFF\x7F", 10);
    assert_string_equal(out, "a?[0m?\xC3\xA9??");
    su_str_sanitize(out, sizeof out, "\xC2\x9B.", 3); /* C1: a terminal's other escape */
    assert_string_equal(out, "??.");
    su_str_sanitize(out, sizeof out, "a\0b", 3);
    assert_string_equal(out, "a?b");
    su_str_sanitize(out, 4, "abcdef", 6);
    assert_string_equal(out, "abc");
    su_str_sanitize(out, 3, "a\xC3\xA9", 3); /* no half letters */
    assert_string_equal(out, "a");
    su_str_sanitize(out, 0, "a", 1);
}

static void hex_vectors(void **state)
{
    uint8_t raw[4];
    char out[9];
    size_t len = 99;

    (void)state;
    assert_int_equal(su_hex_encode("\x00\x0f\xf0\xff", 4, out, sizeof out), 8);
    assert_string_equal(out, "000ff0ff");
    assert_int_equal(su_hex_encode("\x00\x0f\xf0\xff", 4, out, 8), 0);
    assert_string_equal(out, "");
    assert_int_equal(su_hex_encode("", 0, out, 1), 0);
    assert_int_equal(su_hex_encode("", 0, out, 0), 0);
    assert_true(su_hex_decode("aBcD", raw, sizeof raw, &len));
    assert_int_equal(len, 2);
    assert_memory_equal(raw, "\xab\xcd", 2);
    assert_true(su_hex_decode("", raw, sizeof raw, &len));
    assert_int_equal(len, 0);
    assert_false(su_hex_decode("abc", raw, sizeof raw, &len));
    assert_false(su_hex_decode("zz", raw, sizeof raw, &len));
    assert_false(su_hex_decode("0g", raw, sizeof raw, &len));
    assert_false(su_hex_decode("0001020304", raw, sizeof raw, &len));
}

static void base58_vectors(void **state)
{
    /* The examples of the IETF draft "The Base58 Encoding Scheme", and a system program's id. */
    static const struct {
        const char *hex, *text;
    } rows[] = {
        {"48656c6c6f20576f726c6421", "2NEpo7TZRRrLZSi2U"},
        {"54686520717569636b2062726f776e20666f78206a756d7073206f76657220746865206c617a7920646f672e",
         "USm3fpXnKG5EUBx2ndxBDMPVciP5hGey2Jh4NDv6gmeo1LkMeiKrLJUUBk6Z"},
        {"0000287fb4cd", "11233QC4"},
        {"0000000000000000000000000000000000000000000000000000000000000000",
         "11111111111111111111111111111111"},
        {"", ""},
    };

    (void)state;
    for (size_t i = 0; i < SU_ARRAY_LEN(rows); i++) {
        uint8_t raw[64], back[64];
        char out[96];
        size_t n, len;
        assert_true(su_hex_decode(rows[i].hex, raw, sizeof raw, &n));
        assert_int_equal(su_base58_encode(raw, n, out, sizeof out), strlen(rows[i].text));
        assert_string_equal(out, rows[i].text);
        assert_true(su_base58_decode(out, back, sizeof back, &len));
        assert_int_equal(len, n);
        assert_memory_equal(back, raw, n);
        if (n > 0)
            assert_false(su_base58_decode(out, back, n - 1, &len));
    }
}

static void base58_limits(void **state)
{
    uint8_t raw[1300], back[1300];
    char out[1800];
    size_t len;

    (void)state;
    memset(raw, 0xFF, sizeof raw);
    assert_int_equal(su_base58_encode(raw, 1233, out, sizeof out), 0);
    size_t n = su_base58_encode(raw, 1232, out, sizeof out);
    assert_true(n > 1680);
    assert_true(su_base58_decode(out, back, sizeof back, &len));
    assert_int_equal(len, 1232);
    assert_memory_equal(back, raw, 256);
    assert_int_equal(su_base58_encode(raw, 1232, out, n), 0); /* no room for the terminator */
    assert_string_equal(out, "");
    assert_false(su_base58_decode("0", back, sizeof back, &len));
    assert_false(su_base58_decode("I", back, sizeof back, &len));
    assert_false(su_base58_decode("2 2", back, sizeof back, &len));
    memset(out, 'z', sizeof out);
    out[1684] = '\0';
    assert_false(su_base58_decode(out, back, sizeof back, &len)); /* 1233 bytes */
    out[1684] = 'z';
    out[sizeof out - 1] = '\0';
    assert_false(su_base58_decode(out, back, sizeof back, &len));
    memset(out, '1', 1233);
    out[1233] = '\0';
    assert_false(su_base58_decode(out, back, sizeof back, &len));
}

static void base64_vectors(void **state)
{
    /* RFC 4648 §10 */
    static const char *const rows[][2] = {
        {"", ""},
        {"f", "Zg=="},
        {"fo", "Zm8="},
        {"foo", "Zm9v"},
        {"foob", "Zm9vYg=="},
        {"fooba", "Zm9vYmE="},
        {"foobar", "Zm9vYmFy"},
    };
    static const char *const wrong[] = {"Zg",   "Zg=",  "Zg===",    "=Zg=",   "Z===",
                                        "Zh==", "Zm9=", "Zg==Zg==", "Zm9v\n", "Zm-_",
                                        "====", "Z g=", "Zg==="};
    uint8_t back[16];
    size_t len;

    (void)state;
    for (size_t i = 0; i < SU_ARRAY_LEN(rows); i++) {
        char out[16];
        size_t n = strlen(rows[i][0]);
        assert_int_equal(su_base64_encode(rows[i][0], n, out, sizeof out), strlen(rows[i][1]));
        assert_string_equal(out, rows[i][1]);
        assert_int_equal(su_base64_encode(rows[i][0], n, out, strlen(rows[i][1])), 0);
        assert_true(su_base64_decode(rows[i][1], back, n, &len));
        assert_int_equal(len, n);
        assert_memory_equal(back, rows[i][0], n);
        if (n > 0)
            assert_false(su_base64_decode(rows[i][1], back, n - 1, &len));
    }
    for (size_t i = 0; i < SU_ARRAY_LEN(wrong); i++)
        assert_false(su_base64_decode(wrong[i], back, sizeof back, &len));
    char both[8];
    assert_int_equal(su_base64_encode("\xfb\xff\xfe", 3, both, sizeof both), 4);
    assert_string_equal(both, "+//+");
}

static void random_bytes_round_trip(void **state)
{
    (void)state;
    for (unsigned turn = 0; turn < 2000; turn++) {
        uint8_t raw[96], back[96];
        char out[256];
        size_t n = random_byte() % (sizeof raw + 1), len;
        for (size_t i = 0; i < n; i++)
            raw[i] = turn % 3 ? random_byte() : (uint8_t)(random_byte() & 1);
        (void)su_hex_encode(raw, n, out, sizeof out);
        assert_true(su_hex_decode(out, back, sizeof back, &len) && len == n);
        assert_memory_equal(back, raw, n);
        (void)su_base58_encode(raw, n, out, sizeof out);
        assert_true(su_base58_decode(out, back, sizeof back, &len) && len == n);
        assert_memory_equal(back, raw, n);
        (void)su_base64_encode(raw, n, out, sizeof out);
        assert_true(su_base64_decode(out, back, sizeof back, &len) && len == n);
        assert_memory_equal(back, raw, n);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_helpers),
        cmocka_unit_test(utf8_steps),
        cmocka_unit_test(sanitize_makes_printable),
        cmocka_unit_test(hex_vectors),
        cmocka_unit_test(base58_vectors),
        cmocka_unit_test(base58_limits),
        cmocka_unit_test(base64_vectors),
        cmocka_unit_test(random_bytes_round_trip),
    };

    return cmocka_run_group_tests_name("base codec", tests, NULL, NULL);
}
