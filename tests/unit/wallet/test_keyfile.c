// SPDX-License-Identifier: MIT
/* Key files: as Solana's tools write them, who may read them, and what is no key file. */
#include "wallet/wallet.h"
#include "wallet_folder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static unsigned mode_of(const char *path)
{
    struct stat st;

    assert_int_equal(stat(path, &st), 0);
    return st.st_mode & 07777;
}

static void parses_what_solana_writes(void **state)
{
    struct su_secret *s;
    struct su_err e = {0};
    char text[64], spaced[1024];
    uint8_t seed[32];

    (void)state;
    assert_int_equal(su_wallet_parse(known_key_file, strlen(known_key_file), "k", &s, &e), SU_OK);
    for (unsigned i = 0; i < 32; i++)
        seed[i] = (uint8_t)(i + 1);
    assert_memory_equal(su_secret_data(s), seed, 32);
    (void)su_base58_encode(su_secret_data(s) + 32, 32, text, sizeof text);
    assert_string_equal(text, known_address);
    su_secret_free(s);
    (void)snprintf(spaced, sizeof spaced, " \r\n\t%s\n ", known_key_file);
    assert_int_equal(su_wallet_parse(spaced, strlen(spaced), "k", &s, &e), SU_OK);
    su_secret_free(s);
}

/* What the error says must not hold the seed: no number of it in a row with its neighbour. */
static void refuse(const char *text, size_t n, enum su_code want, const char *part)
{
    struct su_secret *s;
    struct su_err e = {0};

    assert_int_equal(su_wallet_parse(text, n, "k", &s, &e), want);
    assert_null(s);
    if (!strstr(e.msg, part))
        fail_msg("'%s' lacks '%s'", e.msg, part);
    assert_null(strstr(e.msg, "1,2"));
}

static void refuses_other_texts(void **state)
{
    char text[SU_WALLET_FILE_MAX_BYTES + 2];
    size_t n = strlen(known_key_file);

    (void)state;
    refuse("", 0, SU_EFORMAT, "array");
    refuse("{}", 2, SU_EFORMAT, "array");
    refuse("[", 1, SU_EFORMAT, "element 0");
    refuse("[]", 2, SU_EFORMAT, "element 0");
    refuse("[1,2", 4, SU_EFORMAT, "after element 1");
    refuse("[1,2]", 5, SU_EFORMAT, "after element 1");
    for (size_t cut = 0; cut < n; cut++)
        refuse(known_key_file, cut, SU_EFORMAT, "");
    (void)snprintf(text, sizeof text, "%sx", known_key_file);
    refuse(text, n + 1, SU_EFORMAT, "follows");
    static const char *const numbers[] = {"256", "-1", "1.0", "01", "1e0", "0001", "\"1\"", "null"};
    for (size_t i = 0; i < SU_ARRAY_LEN(numbers); i++) {
        (void)snprintf(text, sizeof text, "[%s%s", numbers[i], known_key_file + 2);
        refuse(text, strlen(text), SU_EFORMAT, "element 0");
    }
    (void)snprintf(text, sizeof text, "[2%s", known_key_file + 2); /* another seed */
    refuse(text, n, SU_EFORMAT, "not the public key");
    memset(text, ' ', sizeof text);
    refuse(text, SU_WALLET_FILE_MAX_BYTES + 1, SU_ELIMIT, "at most");
}

static void creates_once_and_privately(void **state)
{
    const char *path = folder_path(*state, "a/b/key.json");
    uint8_t key[32], other[32];
    struct su_err e = {0};
    struct su_wallet *w;
    enum su_wallet_kind kind = SU_WALLET_SEALED;
    char before[1024], after[1024];

    mode_t mask = umask(0);
    assert_int_equal(su_wallet_create(path, NULL, key, &e), SU_OK);
    (void)umask(mask);
    assert_int_equal(mode_of(path), 0600);
    assert_int_equal(mode_of(folder_path(*state, "a/b")), 0700);
    size_t n = file_get(path, before, sizeof before);
    assert_int_equal(before[0], '[');
    assert_int_equal(before[n - 1], ']');
    assert_int_equal(su_wallet_create(path, NULL, other, &e), SU_EEXIST);
    assert_int_equal(file_get(path, after, sizeof after), n);
    assert_memory_equal(before, after, n);
    assert_int_equal(su_wallet_file_kind(path, &kind, &e), SU_OK);
    assert_int_equal(kind, SU_WALLET_PLAIN);
    assert_int_equal(su_wallet_open(&(struct su_wallet_options){.path = path}, &w, &e), SU_OK);
    assert_memory_equal(su_wallet_public_key(w), key, 32);
    su_wallet_close(w);
    assert_int_equal(su_wallet_create(folder_path(*state, "second"), NULL, other, &e), SU_OK);
    assert_memory_not_equal(key, other, 32);
    /* A link that leads nowhere is a file that is there. */
    const char *link = folder_path(*state, "link");
    assert_int_equal(symlink("nowhere", link), 0);
    assert_int_equal(su_wallet_create(link, NULL, other, &e), SU_EEXIST);
    assert_int_equal(access(folder_path(*state, "nowhere"), F_OK), -1);
    /* A file where a folder should be. */
    assert_int_equal(su_wallet_create(folder_path(*state, "second/key"), NULL, other, &e),
                     SU_EEXIST);
}

static void refuses_files_others_may_read(void **state)
{
    static const unsigned modes[] = {0640, 0604, 0620, 0602, 0610, 0601, 0644, 0666, 0777};
    const char *path = folder_path(*state, "key");
    struct su_wallet *w;
    struct su_err e = {0};
    enum su_wallet_kind kind;

    for (size_t i = 0; i < SU_ARRAY_LEN(modes); i++) {
        file_put(path, known_key_file, strlen(known_key_file), modes[i]);
        const struct su_wallet_options o = {.path = path};
        assert_int_equal(su_wallet_open(&o, &w, &e), SU_EACCES);
        assert_null(w);
        assert_non_null(strstr(e.msg, "chmod 600"));
        assert_int_equal(su_wallet_file_kind(path, &kind, &e), SU_EACCES);
    }
    file_put(path, known_key_file, strlen(known_key_file), 0400);
    assert_int_equal(su_wallet_open(&(struct su_wallet_options){.path = path}, &w, &e), SU_OK);
    assert_string_equal(su_wallet_address(w), known_address);
    assert_string_equal(su_wallet_path(w), path);
    su_wallet_close(w);
}

static void refuses_other_files(void **state)
{
    static char big[SU_WALLET_FILE_MAX_BYTES + 1];
    const char *path = folder_path(*state, "key");
    const struct su_wallet_options o = {.path = path};
    struct su_wallet *w;
    struct su_err e = {0};

    assert_int_equal(su_wallet_open(&o, &w, &e), SU_ENOENT);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(su_wallet_open(&o, &w, &e), SU_EINVAL);
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(mkfifo(path, 0600), 0); /* must not wait for a writer */
    assert_int_equal(su_wallet_open(&o, &w, &e), SU_EINVAL);
    assert_int_equal(unlink(path), 0);
    file_put(path, big, sizeof big, 0600);
    assert_int_equal(su_wallet_open(&o, &w, &e), SU_ELIMIT);
    file_put(path, big, 0, 0600);
    assert_int_equal(su_wallet_open(&o, &w, &e), SU_EFORMAT);
    file_put(path, "SUSEAL1\n", 8, 0600);
    assert_int_equal(su_wallet_open(&o, &w, &e), SU_EACCES); /* nobody to ask */
    assert_null(w);
}

/* Import seals, export opens; nothing is overwritten on the way. */
static void copies_between_kinds(void **state)
{
    const char *plain = folder_path(*state, "plain"), *sealed = folder_path(*state, "sealed");
    const char *back = folder_path(*state, "back");
    uint8_t key[32];
    char text[1024];
    struct su_err e = {0};
    enum su_wallet_kind kind;

    file_put(plain, known_key_file, strlen(known_key_file), 0600);
    assert_int_equal(su_wallet_copy(plain, NULL, sealed, "", key, &e), SU_EINVAL);
    memset(text, 'x', sizeof text);
    char *long_one = calloc(1, SU_WALLET_PASSPHRASE_MAX + 2);
    memset(long_one, 'x', SU_WALLET_PASSPHRASE_MAX + 1);
    assert_int_equal(su_wallet_copy(plain, NULL, sealed, long_one, key, &e), SU_EINVAL);
    free(long_one);
    assert_int_equal(su_wallet_copy(plain, NULL, sealed, "open, please", key, &e), SU_OK);
    assert_int_equal(su_wallet_file_kind(sealed, &kind, &e), SU_OK);
    assert_int_equal(kind, SU_WALLET_SEALED);
    assert_int_equal(mode_of(sealed), 0600);
    assert_int_equal(su_wallet_copy(sealed, NULL, back, NULL, key, &e), SU_EACCES);
    assert_int_equal(su_wallet_copy(sealed, "wrong", back, NULL, key, &e), SU_EACCES);
    assert_int_equal(access(back, F_OK), -1);
    assert_int_equal(su_wallet_copy(sealed, "open, please", plain, NULL, key, &e), SU_EEXIST);
    assert_int_equal(su_wallet_copy(sealed, "open, please", back, NULL, key, &e), SU_OK);
    (void)file_get(back, text, sizeof text);
    assert_string_equal(text, known_key_file);
    (void)su_base58_encode(key, 32, text, sizeof text);
    assert_string_equal(text, known_address);
    chmod(plain, 0644);
    assert_int_equal(su_wallet_copy(plain, NULL, folder_path(*state, "x"), NULL, key, &e),
                     SU_EACCES);
}

/* Sealed, but not a key. */
static void sealed_other_things(void **state)
{
    const char *path = folder_path(*state, "key");
    const struct su_seal_cost cost = {1, SU_SEAL_MEMORY_MIN_BYTES};
    uint8_t data[64] = {1}, key[32];
    struct su_buf b;
    struct su_err e = {0};

    for (size_t n = 63; n <= 64; n++) {
        su_buf_init(&b, 0);
        assert_int_equal(su_seal("p", 1, data, n, &cost, &b, &e), SU_OK);
        file_put(path, b.data, b.len, 0600);
        su_buf_fini(&b);
        assert_int_equal(su_wallet_copy(path, "p", folder_path(*state, "x"), NULL, key, &e),
                         SU_EFORMAT);
    }
}

static void deletes_what_was_looked_at(void **state)
{
    const char *path = folder_path(*state, "a"), *other = folder_path(*state, "b");
    char text[512], before[512];
    uint8_t mark[32], fresh[32];
    struct su_err e = {0};
    size_t n;

    file_put(path, known_key_file, strlen(known_key_file), 0600);
    assert_int_equal(su_wallet_file_mark(path, mark, &e), SU_OK);
    /* Another byte, a link, a second name, a reader too many: it stays as it is. */
    file_put(path, "[1]", 3, 0600);
    assert_int_equal(su_wallet_delete(path, mark, &e), SU_EBUSY);
    assert_int_equal(file_get(path, text, sizeof text), 3);
    file_put(path, known_key_file, strlen(known_key_file), 0600);
    assert_int_equal(symlink(path, other), 0);
    assert_int_equal(su_wallet_delete(other, mark, &e), SU_EINVAL);
    assert_int_equal(unlink(other), 0);
    assert_int_equal(link(path, other), 0);
    assert_int_equal(su_wallet_delete(path, mark, &e), SU_EINVAL);
    assert_non_null(strstr(e.msg, "2 names"));
    n = file_get(path, before, sizeof before);
    assert_int_equal(n, strlen(known_key_file));
    assert_memory_equal(before, known_key_file, n);
    assert_int_equal(unlink(other), 0);
    assert_int_equal(chmod(path, 0644), 0);
    assert_int_equal(su_wallet_delete(path, mark, &e), SU_EACCES);
    assert_int_equal(su_wallet_file_mark(path, fresh, &e), SU_EACCES);
    assert_int_equal(chmod(path, 0600), 0);
    /* Its bytes are gone with its name: whoever still has it open reads noise. */
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    assert_int_equal(su_wallet_delete(path, mark, &e), SU_OK);
    assert_int_not_equal(access(path, F_OK), 0);
    n = fread(text, 1, sizeof text, f);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(n, strlen(known_key_file));
    assert_memory_not_equal(text, known_key_file, n);
    assert_int_equal(su_wallet_delete(path, mark, &e), SU_ENOENT);
    assert_int_equal(su_wallet_file_mark(path, fresh, &e), SU_ENOENT);
}

static void settings(void **state)
{
    const char *path = folder_path(*state, "config.yml");
    struct su_wallet_settings s;
    struct su_err e = {0};
    static const char text[] = "---\n"
                               "json_rpc_url: \"http://127.0.0.1:8899\"\r\n"
                               "websocket_url: ''\n"
                               "keypair_path: /keys/my key.json  \n"
                               "address_labels:\n  keypair_path: no\n"
                               "commitment: confirmed";

    file_put(path, text, sizeof text - 1, 0644);
    assert_int_equal(su_wallet_settings_read(path, &s, &e), SU_OK);
    assert_true(s.found);
    assert_string_equal(s.rpc_url, "http://127.0.0.1:8899");
    assert_string_equal(s.keypair_path, "/keys/my key.json");
    static const char *const bad[] = {"json_rpc_url: \"http", "keypair_path: a\tb\001c",
                                      "commitment: x\nkeypair_path: 'y"};
    for (size_t i = 0; i < SU_ARRAY_LEN(bad); i++) {
        file_put(path, bad[i], strlen(bad[i]), 0644);
        assert_int_equal(su_wallet_settings_read(path, &s, &e), SU_EFORMAT);
        assert_non_null(strstr(e.msg, i == 2 ? "line 2" : "line 1"));
    }
    static char big[65537];
    file_put(path, big, sizeof big, 0644);
    assert_int_equal(su_wallet_settings_read(path, &s, &e), SU_ELIMIT);
}

static void settings_of_this_home(void **state)
{
    const char *home = getenv("HOME");
    char *old = home ? su_strdup(home) : NULL;
    struct su_wallet_settings s;
    struct su_err e = {0};

    (void)setenv("HOME", *state, 1);
    assert_int_equal(su_wallet_settings_read(NULL, &s, &e), SU_OK);
    assert_false(s.found);
    assert_string_equal(s.rpc_url, "");
    assert_string_equal(s.keypair_path, folder_path(*state, ".config/solana/id.json"));
    assert_int_equal(su_dir_make(folder_path(*state, ".config/solana/cli"), 0700, &e), SU_OK);
    file_put(folder_path(*state, ".config/solana/cli/config.yml"), "json_rpc_url: http://x", 22,
             0600);
    assert_int_equal(su_wallet_settings_read(NULL, &s, &e), SU_OK);
    assert_true(s.found);
    assert_string_equal(s.rpc_url, "http://x");
    (void)unsetenv("HOME");
    assert_int_equal(su_wallet_settings_read(NULL, &s, &e), SU_ENOENT);
    if (old)
        (void)setenv("HOME", old, 1);
    free(old);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parses_what_solana_writes),
        cmocka_unit_test(refuses_other_texts),
        cmocka_unit_test_setup_teardown(creates_once_and_privately, folder_setup, folder_teardown),
        cmocka_unit_test_setup_teardown(refuses_files_others_may_read, folder_setup,
                                        folder_teardown),
        cmocka_unit_test_setup_teardown(refuses_other_files, folder_setup, folder_teardown),
        cmocka_unit_test_setup_teardown(copies_between_kinds, folder_setup, folder_teardown),
        cmocka_unit_test_setup_teardown(sealed_other_things, folder_setup, folder_teardown),
        cmocka_unit_test_setup_teardown(deletes_what_was_looked_at, folder_setup, folder_teardown),
        cmocka_unit_test_setup_teardown(settings, folder_setup, folder_teardown),
        cmocka_unit_test_setup_teardown(settings_of_this_home, folder_setup, folder_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
