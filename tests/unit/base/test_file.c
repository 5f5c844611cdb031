// SPDX-License-Identifier: MIT
#include "unit.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void write_then_map(void **state)
{
    const char *path = scratch_path("a.bin");
    struct su_map m;
    struct stat st;

    (void)state;
    mode_t before = umask(0077);
    assert_int_equal(su_file_write(path, "first", 5, 0640, NULL), SU_OK);
    (void)umask(before);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0640);
    assert_int_equal(su_map_open(path, 5, &m, NULL), SU_OK);
    assert_true(m.mapped);
    assert_int_equal(m.len, 5);
    assert_memory_equal(m.data, "first", 5);

    /* The mapped file was replaced, not rewritten: the old view stays whole. */
    assert_int_equal(su_file_write(path, "the second", 10, 0600, NULL), SU_OK);
    assert_memory_equal(m.data, "first", 5);
    su_map_close(&m);
    assert_int_equal(m.len, 0);
    su_map_close(&m);
    assert_int_equal(su_map_open(path, 0, &m, NULL), SU_OK);
    assert_int_equal(m.len, 10);
    su_map_close(&m);
}

static void empty_file_maps(void **state)
{
    const char *path = scratch_path("empty");
    struct su_map m;

    (void)state;
    assert_int_equal(su_file_write(path, NULL, 0, 0600, NULL), SU_OK);
    assert_int_equal(su_map_open(path, 10, &m, NULL), SU_OK);
    assert_int_equal(m.len, 0);
    assert_non_null(m.data);
    su_map_close(&m);
}

static void map_names_what_is_wrong(void **state)
{
    struct su_map m;
    struct su_err e;
    const char *path = scratch_path("six");

    (void)state;
    assert_int_equal(su_map_open(scratch_path("absent"), 0, &m, &e), SU_ENOENT);
    assert_true(su_str_ends(e.at, "/absent"));
    assert_non_null(m.data);
    assert_int_equal(m.len, 0);
    assert_int_equal(su_map_open(scratch_path(""), 0, &m, &e), SU_EINVAL);
    assert_int_equal(su_file_write(path, "sixsix", 6, 0600, NULL), SU_OK);
    assert_int_equal(su_map_open(path, 5, &m, &e), SU_ELIMIT);
    assert_non_null(strstr(e.msg, "6 bytes"));
    assert_non_null(strstr(e.msg, "limit of 5"));
    if (geteuid() != 0) {
        assert_int_equal(chmod(path, 0), 0);
        assert_int_equal(su_map_open(path, 0, &m, &e), SU_EACCES);
    }
    su_map_close(&m);
}

static void map_reads_what_has_no_size(void **state)
{
    struct su_map m;
    struct su_err e;

    (void)state;
    assert_int_equal(su_map_open("/proc/self/stat", 1 << 20, &m, NULL), SU_OK);
    assert_false(m.mapped);
    assert_true(m.len > 10);
    su_map_close(&m);
    assert_int_equal(su_map_open("/dev/zero", 100000, &m, &e), SU_ELIMIT);
    assert_non_null(strstr(e.msg, "100000"));
    assert_int_equal(su_map_open("/dev/null", 0, &m, NULL), SU_OK);
    assert_int_equal(m.len, 0);
    su_map_close(&m);
    /* Reading one's own memory at address 0 is an input/output error. */
    assert_int_equal(su_map_open("/proc/self/mem", 0, &m, &e), SU_EIO);
    assert_true(e.sys != 0);
}

static unsigned entries(const char *path)
{
    DIR *d = opendir(path);
    unsigned n = 0;

    assert_non_null(d);
    while (readdir(d))
        n++;
    (void)closedir(d);
    return n - 2;
}

static void failed_write_leaves_nothing(void **state)
{
    struct su_err e;
    char target[512];

    (void)state;
    assert_int_equal(su_dir_make(scratch_path("w/target/full"), 0700, NULL), SU_OK);
    (void)snprintf(target, sizeof target, "%s", scratch_path("w/target"));
    assert_int_not_equal(su_file_write(target, "x", 1, 0600, &e), SU_OK); /* rename onto a folder */
    assert_int_equal(entries(scratch_path("w")), 1);
    assert_int_equal(su_file_write(scratch_path("w/no/file"), "x", 1, 0600, &e), SU_ENOENT);
    assert_true(su_str_ends(e.at, "w/no/file"));
    char *longest = su_alloc(5000);
    memset(longest, 'a', 4999);
    assert_int_equal(su_file_write(longest, "x", 1, 0600, &e), SU_ELIMIT);
    assert_int_equal(su_dir_make(longest, 0700, &e), SU_ELIMIT);
    free(longest);
}

static void full_disk_is_told(void **state)
{
    struct su_err e;
    int fd = open("/dev/full", O_WRONLY);

    (void)state;
    if (fd < 0) {
        print_message("SKIPPED: this system has no /dev/full to be a disk without space\n");
        skip();
    }
    (void)close(fd);
    /* /dev/full cannot be renamed onto, so what is checked is the mapping of its errno. */
    fd = open("/dev/full", O_WRONLY);
    int sys = write(fd, "x", 1) < 0 ? errno : 0;
    (void)close(fd);
    assert_int_equal(su_fail_sys(&e, sys, "f", "cannot write"), SU_ENOSPC);
}

static void write_without_folder_part(void **state)
{
    char here[4096];

    (void)state;
    assert_non_null(getcwd(here, sizeof here));
    assert_int_equal(chdir(scratch_path("")), 0);
    assert_int_equal(su_file_write("bare", "x", 1, 0600, NULL), SU_OK);
    assert_int_equal(access("bare", F_OK), 0);
    assert_int_equal(chdir(here), 0);
}

static const char *race_path;

static void *race_writer(void *arg)
{
    char text[4096];

    memset(text, *(const char *)arg, sizeof text);
    for (int i = 0; i < 50; i++)
        assert_int_equal(su_file_write(race_path, text, sizeof text, 0600, NULL), SU_OK);
    return NULL;
}

static void readers_see_whole_files(void **state)
{
    char path[512];
    pthread_t a, b;

    (void)state;
    (void)snprintf(path, sizeof path, "%s", scratch_path("race"));
    race_path = path;
    assert_int_equal(su_file_write(path, "", 0, 0600, NULL), SU_OK);
    assert_int_equal(pthread_create(&a, NULL, race_writer, "a"), 0);
    assert_int_equal(pthread_create(&b, NULL, race_writer, "b"), 0);
    for (int i = 0; i < 200; i++) {
        struct su_map m;
        assert_int_equal(su_map_open(path, 0, &m, NULL), SU_OK);
        assert_true(m.len == 0 || m.len == 4096);
        for (size_t k = 1; k < m.len; k++)
            assert_int_equal(m.data[k], m.data[0]);
        su_map_close(&m);
    }
    assert_int_equal(pthread_join(a, NULL), 0);
    assert_int_equal(pthread_join(b, NULL), 0);
}

static void folders_are_made_with_parents(void **state)
{
    struct su_err e;
    struct stat st;

    (void)state;
    assert_int_equal(su_dir_make(scratch_path("d/e//f/"), 0700, NULL), SU_OK);
    assert_int_equal(su_dir_make(scratch_path("d/e/f"), 0700, NULL), SU_OK);
    assert_int_equal(stat(scratch_path("d/e/f"), &st), 0);
    assert_true(S_ISDIR(st.st_mode));
    assert_int_equal(su_dir_make("/", 0700, NULL), SU_OK);
    assert_int_equal(su_dir_make("", 0700, &e), SU_EINVAL);
    assert_int_equal(su_file_write(scratch_path("d/file"), "x", 1, 0600, NULL), SU_OK);
    assert_int_equal(su_dir_make(scratch_path("d/file"), 0700, &e), SU_EEXIST);
    assert_int_equal(su_dir_make(scratch_path("d/file/g"), 0700, &e), SU_EEXIST);
    assert_true(su_str_ends(e.at, "d/file"));
    assert_int_not_equal(su_dir_make("/proc/splitup", 0700, &e), SU_OK);
}

static void paths_join(void **state)
{
    struct su_err e;
    char out[8];

    (void)state;
    assert_int_equal(su_path_join(out, sizeof out, "ab", "cd", NULL), SU_OK);
    assert_string_equal(out, "ab/cd");
    assert_int_equal(su_path_join(out, sizeof out, "ab/", "cd", NULL), SU_OK);
    assert_string_equal(out, "ab/cd");
    assert_int_equal(su_path_join(out, sizeof out, "", "cd", NULL), SU_OK);
    assert_string_equal(out, "cd");
    assert_int_equal(su_path_join(out, sizeof out, "abcd", "efg", &e), SU_ELIMIT);
    assert_int_equal(su_path_join(out, sizeof out, "abc", "def", NULL), SU_OK);
}

/* NULL removes the variable. */
static void set(const char *name, const char *value)
{
    assert_int_equal(value ? setenv(name, value, 1) : unsetenv(name), 0);
}

static void home_follows_the_environment(void **state)
{
    static const struct {
        const char *own, *data, *home, *want;
    } rows[] = {
        {"/s", "/d", "/h", "/s"},
        {"", "/d", "/h", "/d/splitup"},
        {NULL, "relative", "/h", "/h/.local/share/splitup"},
        {NULL, "", "/h", "/h/.local/share/splitup"},
        {NULL, NULL, NULL, NULL},
    };
    static const char *const names[] = {"SPLITUP_HOME", "XDG_DATA_HOME", "HOME"};
    char *saved[3], out[64];
    struct su_err e;

    (void)state;
    for (size_t i = 0; i < 3; i++)
        saved[i] = getenv(names[i]) ? su_strdup(getenv(names[i])) : NULL;
    for (size_t i = 0; i < SU_ARRAY_LEN(rows); i++) {
        set(names[0], rows[i].own);
        set(names[1], rows[i].data);
        set(names[2], rows[i].home);
        enum su_code rc = su_home_dir(out, sizeof out, &e);
        assert_int_equal(rc, rows[i].want ? SU_OK : SU_ENOENT);
        if (rows[i].want)
            assert_string_equal(out, rows[i].want);
    }
    set(names[0], "/longer than the room");
    assert_int_equal(su_home_dir(out, 8, &e), SU_ELIMIT);
    for (size_t i = 0; i < 3; i++) {
        set(names[i], saved[i]);
        free(saved[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(write_then_map),
        cmocka_unit_test(empty_file_maps),
        cmocka_unit_test(map_names_what_is_wrong),
        cmocka_unit_test(map_reads_what_has_no_size),
        cmocka_unit_test(failed_write_leaves_nothing),
        cmocka_unit_test(full_disk_is_told),
        cmocka_unit_test(write_without_folder_part),
        cmocka_unit_test(readers_see_whole_files),
        cmocka_unit_test(folders_are_made_with_parents),
        cmocka_unit_test(paths_join),
        cmocka_unit_test(home_follows_the_environment),
    };

    return cmocka_run_group_tests_name("base file", tests, scratch_setup, scratch_teardown);
}
