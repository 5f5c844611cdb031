// SPDX-License-Identifier: MIT
/* The option parser, the guesses at what was meant, and sizes. */
#include "unit.h"

#include <string.h>

static const struct cli_verb verb = {
    .name = "sing",
    .args = "SONG [KEY]",
    .min_arg = 1,
    .max_arg = 2,
    .option = {{"--loud", NULL, ""}, {"--speed", "N", ""}, {"--voice", "NAME", ""}},
};

static struct cli c;

#define PARSE(...)                                                                                 \
    parse((const char *const[]){__VA_ARGS__},                                                      \
          (int)(sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *)))

static struct su_err parse(const char *const *word, int n)
{
    char *argv[16];
    struct su_err e = {0};
    for (int i = 0; i < n; i++)
        argv[i] = (char *)(uintptr_t)word[i];
    argv[n] = NULL;
    memset(&c, 0, sizeof c);
    e.code = cli_parse(&c, &verb, n, argv, &e);
    return e;
}

static void refused(struct su_err e, const char *want)
{
    err_matches(&e, SU_EUSAGE, want);
}

static void test_words_and_options(void **state)
{
    (void)state;
    assert_int_equal(PARSE("air").code, SU_OK);
    assert_ptr_equal(c.verb, &verb);
    assert_int_equal(c.n_arg, 1);
    assert_string_equal(c.arg[0], "air");
    assert_false(cli_has(&c, "--loud"));
    assert_null(cli_get(&c, "--speed"));

    assert_int_equal(PARSE("--speed", "3", "air", "--loud", "G", "--voice=alto").code, SU_OK);
    assert_int_equal(c.n_arg, 2);
    assert_string_equal(c.arg[1], "G");
    assert_true(cli_has(&c, "--loud"));
    assert_string_equal(cli_get(&c, "--speed"), "3");
    assert_string_equal(cli_get(&c, "--voice"), "alto");

    /* A value may be empty, hold an equals sign, or look like an option. */
    assert_int_equal(PARSE("air", "--voice=").code, SU_OK);
    assert_string_equal(cli_get(&c, "--voice"), "");
    assert_int_equal(PARSE("air", "--voice=a=b").code, SU_OK);
    assert_string_equal(cli_get(&c, "--voice"), "a=b");
    assert_int_equal(PARSE("air", "--speed", "-5").code, SU_OK);
    assert_string_equal(cli_get(&c, "--speed"), "-5");

    /* "--" ends the options, "-" is a word. */
    assert_int_equal(PARSE("--", "--loud", "--").code, SU_OK);
    assert_int_equal(c.n_arg, 2);
    assert_string_equal(c.arg[0], "--loud");
    assert_string_equal(c.arg[1], "--");
    assert_false(cli_has(&c, "--loud"));
    assert_int_equal(PARSE("-").code, SU_OK);
    assert_string_equal(c.arg[0], "-");
}

static void test_refusals(void **state)
{
    (void)state;
    refused(PARSE("air", "--laud"), "--laud|did you mean --loud?");
    refused(PARSE("air", "-loud"), "-loud|did you mean --loud?");
    refused(PARSE("air", "--sped=3"), "--sped|did you mean --speed?");
    refused(PARSE("air", "--elephant"), "--elephant|`splitup sing --help` lists them");
    refused(PARSE("air", "-x"), "-x|`splitup sing --help`");
    refused(
        PARSE("air", "--a-name-that-is-far-longer-than-any-option-of-any-command-will-ever-be=1"),
        "no such option");
    refused(PARSE("air", "--speed"), "--speed|needs a value: --speed N");
    refused(PARSE("air", "--loud=yes"), "--loud|takes no value");
    refused(PARSE("air", "--loud", "--loud"), "--loud|twice");
    refused(PARSE("air", "--speed", "1", "--speed=2"), "--speed|twice");
    refused(PARSE("a", "b", "c"), "c|too many|splitup sing SONG [KEY]");
    refused(PARSE("--loud"), "missing|splitup sing SONG [KEY]");
    refused(PARSE("air", "--\033[31m"), "--?[31m");
}

static void test_distance(void **state)
{
    (void)state;
    static const struct {
        const char *a, *b;
        unsigned edits;
    } pair[] = {
        {"", "", 0},
        {"a", "", 1},
        {"", "abc", 3},
        {"same", "same", 0},
        {"kitten", "sitting", 3},
        {"flaw", "lawn", 2},
        {"abc", "cab", 2},
    };
    for (unsigned i = 0; i < SU_ARRAY_LEN(pair); i++) {
        assert_int_equal(cli_distance(pair[i].a, pair[i].b), pair[i].edits);
        assert_int_equal(cli_distance(pair[i].b, pair[i].a), pair[i].edits);
    }
    char word[70];
    memset(word, 'x', sizeof word - 1);
    word[62] = 0;
    assert_int_equal(cli_distance("x", word), 61);
    word[62] = 'x';
    word[63] = 0;
    assert_int_equal(cli_distance("x", word), 99);
    assert_int_equal(cli_distance(word, "x"), 62);
}

static void test_targets(void **state)
{
    (void)state;
    uint64_t t[3];
    uint32_t n;
    struct su_err e;
    assert_int_equal(cli_targets("300KB", t, 3, &n, &e), SU_OK);
    assert_int_equal(n, 1);
    assert_int_equal(t[0], 300 * 1024);
    assert_int_equal(cli_targets("8GB,1.5MB,4096", t, 3, &n, &e), SU_OK);
    assert_int_equal(n, 3);
    assert_int_equal(t[0], UINT64_C(8) << 30);
    assert_int_equal(t[1], 1536 * 1024);
    assert_int_equal(t[2], 4096);
    static const struct {
        const char *text;
        uint32_t cap;
        enum su_code code;
        const char *want;
    } bad[] = {
        {"", 3, SU_EINVAL, "--target-vram"},
        {"0", 3, SU_EINVAL, "--target-vram|0 bytes|300KB"},
        {"1MB,", 3, SU_EINVAL, "--target-vram"},
        {"1MB,,2MB", 3, SU_EINVAL, "--target-vram"},
        {"-5", 3, SU_EINVAL, "--target-vram"},
        {"12XB", 3, SU_EINVAL, "--target-vram"},
        {"99999999999999999999", 3, SU_EOVERFLOW, "--target-vram"},
        {"1,2,3,4", 3, SU_ELIMIT, "--target-vram|more than 3 devices"},
        {"1,2", 1, SU_ELIMIT, "--target-vram|one size"},
        {"1                                                                       KB", 3, SU_EINVAL,
         "--target-vram|74 characters|300KB"},
    };
    for (unsigned i = 0; i < SU_ARRAY_LEN(bad); i++) {
        e = (struct su_err){0};
        assert_int_equal(cli_targets(bad[i].text, t, bad[i].cap, &n, &e), bad[i].code);
        err_matches(&e, bad[i].code, bad[i].want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words_and_options),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_distance),
        cmocka_unit_test(test_targets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
