// SPDX-License-Identifier: MIT
#include "cache/cache.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static const uint8_t here[32] = {1}, there[32] = {2};
static char dir[64], path[128];

static int set_up(void **state)
{
    (void)state;
    snprintf(dir, sizeof dir, "/tmp/su-cache-XXXXXX");
    if (!mkdtemp(dir))
        return -1;
    snprintf(path, sizeof path, "%s/deep/cache.db", dir);
    return 0;
}

static int tear_down(void **state)
{
    char command[160];
    (void)state;
    snprintf(command, sizeof command, "rm -rf '%s'", dir);
    return system(command);
}

struct seen {
    unsigned n;
    uint8_t key[16], data[16];
    int64_t at[16];
    unsigned stop; /* after so many; 0 = never */
};

static bool see(void *ctx, const struct su_cache_record *r)
{
    struct seen *s = ctx;
    assert_true(s->n < 16);
    s->key[s->n] = r->key[0];
    s->data[s->n] = r->data_bytes ? r->data[0] : 0;
    s->at[s->n++] = r->at_ms;
    return s->n != s->stop;
}

static void put(struct su_cache *c, const uint8_t *cluster, uint8_t key, int64_t at, uint8_t data,
                uint32_t version)
{
    struct su_cache_record r = {.key = &key, .key_bytes = 1, .data = &data, .data_bytes = 1};
    r.at_ms = at;
    r.version = version;
    assert_int_equal(su_cache_put(c, cluster, SU_CACHE_SAMPLE, &r, 1, NULL), SU_OK);
}

static struct seen look(struct su_cache *c, const uint8_t *cluster, uint32_t version, uint64_t most)
{
    struct seen s = {0};
    assert_int_equal(su_cache_each(c, cluster, SU_CACHE_SAMPLE, version, most, see, &s, NULL),
                     SU_OK);
    return s;
}

static void keeps_what_it_is_given(void **state)
{
    struct su_cache *c;
    struct su_err e;
    bool aside = true;
    struct stat st;
    (void)state;

    assert_int_equal(su_cache_open(path, &aside, &c, &e), SU_OK);
    assert_false(aside);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    for (uint8_t i = 1; i <= 5; i++)
        put(c, here, i, 100 + i, (uint8_t)(10 * i), 1);
    put(c, there, 9, 500, 90, 1);
    put(c, here, 8, 600, 80, 2); /* another version: not seen */
    put(c, here, 3, 300, 33, 1); /* replaced, and newest */
    su_cache_close(c);

    assert_int_equal(su_cache_open(path, NULL, &c, &e), SU_OK);
    struct seen s = look(c, here, 1, UINT64_MAX);
    assert_int_equal(s.n, 5);
    assert_int_equal(s.key[0], 3);
    assert_int_equal(s.data[0], 33);
    assert_int_equal(s.at[0], 300);
    assert_int_equal(s.key[1], 5);
    assert_int_equal(s.key[4], 1);
    assert_int_equal(look(c, there, 1, 10).n, 1);
    assert_int_equal(look(c, here, 2, 10).key[0], 8);
    assert_int_equal(look(c, here, 1, 2).n, 2);
    s = (struct seen){.stop = 3};
    assert_int_equal(su_cache_each(c, here, SU_CACHE_SAMPLE, 1, 10, see, &s, NULL), SU_OK);
    assert_int_equal(s.n, 3);
    assert_int_equal(su_cache_prune(c, here, SU_CACHE_SAMPLE, 3, NULL), SU_OK);
    assert_int_equal(look(c, here, 1, 10).n + look(c, here, 2, 10).n, 3);
    assert_int_equal(look(c, there, 1, 10).n, 1);
    su_cache_close(c);
}

static void writes_all_or_none(void **state)
{
    static uint8_t big[SU_CACHE_DATA_MAX + 1];
    uint8_t one = 1, two = 2, key[SU_CACHE_KEY_MAX + 1] = {0};
    struct su_cache_record r[2] = {{.key = &one, .key_bytes = 1, .at_ms = 1},
                                   {.key = &two, .key_bytes = 1, .at_ms = 2}};
    struct su_cache *c;
    struct su_err e;
    (void)state;

    assert_int_equal(su_cache_open(NULL, NULL, &c, &e), SU_OK);
    r[1].data = big;
    r[1].data_bytes = sizeof big;
    assert_int_equal(su_cache_put(c, here, SU_CACHE_SAMPLE, r, 2, &e), SU_ELIMIT);
    r[1].data_bytes = 0;
    r[1].key = key;
    r[1].key_bytes = sizeof key;
    assert_int_equal(su_cache_put(c, here, SU_CACHE_SAMPLE, r, 2, &e), SU_ELIMIT);
    r[1].key_bytes = 0;
    assert_int_equal(su_cache_put(c, here, SU_CACHE_SAMPLE, r, 2, &e), SU_ELIMIT);
    assert_int_equal(look(c, here, 0, 10).n, 0);
    r[1].key_bytes = 1;
    assert_int_equal(su_cache_put(c, here, SU_CACHE_SAMPLE, r, 2, &e), SU_OK);
    assert_int_equal(su_cache_put(c, here, SU_CACHE_SAMPLE, r, 0, &e), SU_OK);
    assert_int_equal(look(c, here, 0, 10).n, 2);
    su_cache_close(c);
    su_cache_close(NULL);
}

static void write_file(const char *text)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

static void sets_damage_aside(void **state)
{
    char bad[160], command[512];
    struct su_cache *c;
    struct su_err e;
    bool aside = false;
    (void)state;

    snprintf(bad, sizeof bad, "%s.bad", path);
    snprintf(command, sizeof command, "%s/deep", dir);
    assert_int_equal(mkdir(command, 0700), 0);
    write_file("this is no database, however long one looks at it, and it goes on for a while");
    assert_int_equal(su_cache_open(path, &aside, &c, &e), SU_OK);
    assert_true(aside);
    assert_int_equal(access(bad, F_OK), 0);
    put(c, here, 1, 1, 7, 1);
    su_cache_close(c);
    snprintf(command, sizeof command,
             "python3 -c 'import sqlite3; d = sqlite3.connect(\"%s\"); d.execute(\"PRAGMA "
             "user_version = 99\")'",
             path);
    assert_int_equal(system(command), 0);
    assert_int_equal(su_cache_open(path, &aside, &c, &e), SU_OK);
    assert_true(aside);
    assert_int_equal(look(c, here, 1, 10).n, 0);
    su_cache_close(c);
    assert_int_equal(unlink(path), 0);
    snprintf(command, sizeof command,
             "python3 -c 'import sqlite3; sqlite3.connect(\"%s\").execute(\"CREATE TABLE a(b)\")'",
             path);
    assert_int_equal(system(command), 0);
    assert_int_equal(su_cache_open(path, &aside, &c, &e), SU_OK);
    assert_true(aside);
    su_cache_close(c);
    snprintf(command, sizeof command, "%s/deep", dir);
    assert_int_not_equal(su_cache_open(command, NULL, &c, &e), SU_OK); /* a folder */
    assert_null(c);
}

static pthread_barrier_t start;

static void *open_at_once(void *ctx)
{
    struct su_cache *c = NULL;
    struct su_err e = {.code = SU_OK};
    bool aside = false;

    (void)ctx;
    pthread_barrier_wait(&start);
    if (su_cache_open(path, &aside, &c, &e))
        fprintf(stderr, "%s: %s\n", e.at, e.msg);
    su_cache_close(c);
    return c && !aside ? &start : NULL;
}

/* Two apps that are opened in the same moment: one makes it, nobody takes the other's for damaged. */
static void is_made_once(void **state)
{
    pthread_t thread[6];

    (void)state;
    for (int round = 0; round < 20; round++) {
        snprintf(path, sizeof path, "%s/cache-%d.db", dir, round);
        assert_int_equal(pthread_barrier_init(&start, NULL, SU_ARRAY_LEN(thread)), 0);
        for (size_t i = 0; i < SU_ARRAY_LEN(thread); i++)
            assert_int_equal(pthread_create(&thread[i], NULL, open_at_once, NULL), 0);
        bool all = true;
        for (size_t i = 0; i < SU_ARRAY_LEN(thread); i++) {
            void *good;
            assert_int_equal(pthread_join(thread[i], &good), 0);
            all = all && good;
        }
        assert_true(all);
        pthread_barrier_destroy(&start);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(keeps_what_it_is_given, set_up, tear_down),
        cmocka_unit_test_setup_teardown(writes_all_or_none, set_up, tear_down),
        cmocka_unit_test_setup_teardown(sets_damage_aside, set_up, tear_down),
        cmocka_unit_test_setup_teardown(is_made_once, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
