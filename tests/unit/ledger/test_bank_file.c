// SPDX-License-Identifier: MIT
/* The file of a ledger: opened again, refused, full, damaged; and slots by the clock. */
#include "bank_world.h"

#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
    (void)st;
    (void)kind;
    (void)ftw;
    return remove(path);
}

static char dir[256];

static int dir_setup(void **state)
{
    const char *base = getenv("TMPDIR");

    *state = NULL;
    snprintf(dir, sizeof dir, "%s/su-ledger-XXXXXX", base != NULL ? base : "/tmp");
    return mkdtemp(dir) == NULL;
}

static int dir_teardown(void **state)
{
    (void)state;
    nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    return 0;
}

static struct su_ledger *open_dir(bool manual)
{
    const struct su_ledger_options o = {.dir = dir, .manual_slots = manual, .ms_per_slot = 10};
    struct su_ledger *l;
    struct su_err e = {0};

    if (su_ledger_open(&o, &l, &e) != SU_OK) {
        fail_msg("%s", e.msg);
    }
    return l;
}

static void reopened(void **state)
{
    const struct su_ledger_options o = {.dir = dir};
    struct su_actor a = su_actor_of(1);
    struct su_ledger *l = open_dir(true), *second;
    struct su_ledger_now before, after;
    struct su_ledger_status status;
    struct su_ledger_block block;
    const struct su_ledger_account *account;
    uint8_t sig[64], genesis[32], mint[32];
    struct stat st;
    char path[300];

    (void)state;
    assert_int_equal(su_ledger_open(&o, &second, NULL), SU_EBUSY);
    assert_null(second);
    assert_int_equal(su_ledger_airdrop(l, a.key, SOL, sig, NULL), SU_OK);
    assert_int_equal(su_ledger_airdrop_usdc(l, a.key, 7, NULL, NULL), SU_OK);
    memcpy(genesis, su_ledger_genesis_hash(l), 32);
    memcpy(mint, su_ledger_usdc_mint(l), 32);
    su_ledger_advance(l, 20);
    su_ledger_now(l, &before);
    su_ledger_close(l);
    snprintf(path, sizeof path, "%s/ledger.db", dir);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);

    l = open_dir(true);
    su_ledger_now(l, &after);
    assert_true(after.slot > before.slot && after.slot <= before.slot + 2);
    assert_int_equal(after.transactions, 2);
    assert_int_equal(after.capital_lamports, before.capital_lamports);
    assert_memory_equal(su_ledger_genesis_hash(l), genesis, 32);
    assert_memory_equal(su_ledger_usdc_mint(l), mint, 32);
    assert_true(su_ledger_blockhash_valid(l, before.blockhash));
    assert_true(su_ledger_status_get(l, sig, false, &status));
    assert_int_equal(su_ledger_block_get(l, status.slot, &block, NULL), SU_OK);
    account = su_ledger_account_get(l, a.key);
    assert_int_equal(account->lamports, SOL);
    su_ledger_account_release(account);
    su_ledger_close(l);
}

static void slots_by_the_clock(void **state)
{
    struct su_ledger *l = open_dir(false);
    struct su_ledger_now a, b;
    struct stat before, after;
    char path[300];

    (void)state;
    snprintf(path, sizeof path, "%s/ledger.db-wal", dir);
    su_ledger_now(l, &a);
    su_ledger_advance(l, 1000); /* only by hand */
    assert_int_equal(stat(path, &before), 0);
    usleep(300000);
    su_ledger_now(l, &b);
    assert_true(b.slot >= a.slot + 15 && b.slot < a.slot + 500);
    assert_memory_not_equal(a.blockhash, b.blockhash, 32);
    assert_int_equal(stat(path, &after), 0);
    assert_int_equal(after.st_size, before.st_size); /* empty slots cost no byte */
    su_ledger_close(l);
}

static void write_file(const char *name, const char *text)
{
    char path[300];
    FILE *f;

    snprintf(path, sizeof path, "%s/%s", dir, name);
    f = fopen(path, "wb");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    fclose(f);
}

static void refused_files(void **state)
{
    struct su_ledger_options o = {.dir = dir, .ms_per_slot = 4};
    struct su_ledger *l;
    struct su_err e = {0};
    char text[3000];

    (void)state;
    assert_int_equal(su_ledger_open(&o, &l, &e), SU_EINVAL);
    o.ms_per_slot = 0;
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = 0;
    write_file("ledger.db", text);
    assert_int_equal(su_ledger_open(&o, &l, &e), SU_EFORMAT);
    assert_null(l);
    o.dir = "/proc/nowhere";
    assert_int_not_equal(su_ledger_open(&o, &l, &e), SU_OK);
    su_ledger_close(NULL);
}

/* A write that fails costs nobody anything: not confirmed, not visible, and the ledger goes on. */
static void disk_full(void **state)
{
    struct su_ledger *l = open_dir(true);
    struct su_actor a = su_actor_of(1);
    struct su_ledger_now before, after;
    struct rlimit old, small;
    enum su_code c = SU_OK;

    (void)state;
    assert_int_equal(su_ledger_airdrop(l, a.key, SOL, NULL, NULL), SU_OK);
    su_ledger_now(l, &before);
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    small = old;
    small.rlim_cur = 1000;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    c = su_ledger_airdrop(l, a.key, SOL, NULL, NULL);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    assert_true(c == SU_EIO || c == SU_ENOSPC);
    su_ledger_now(l, &after);
    assert_int_equal(after.transactions, before.transactions);
    assert_int_equal(after.burned_lamports, before.burned_lamports);
    assert_int_equal(su_ledger_airdrop(l, a.key, SOL, NULL, NULL), SU_OK);
    su_ledger_close(l);
    l = open_dir(true);
    const struct su_ledger_account *account = su_ledger_account_get(l, a.key);
    assert_int_equal(account->lamports, 2 * SOL);
    su_ledger_account_release(account);
    su_ledger_close(l);
}

static void patch(long at, const void *bytes, size_t n)
{
    char path[300];
    FILE *f;

    snprintf(path, sizeof path, "%s/ledger.db", dir);
    f = fopen(path, "r+b");
    assert_non_null(f);
    assert_int_equal(fseek(f, at, SEEK_SET), 0);
    assert_int_equal(fwrite(bytes, 1, n, f), n);
    fclose(f);
}

/* Where the text stands in the file. */
static long find(const char *text)
{
    char path[300];
    uint8_t *data;
    size_t n;
    FILE *f;
    void *at;

    snprintf(path, sizeof path, "%s/ledger.db", dir);
    f = fopen(path, "rb");
    assert_non_null(f);
    data = malloc(1 << 20);
    assert_non_null(data);
    n = fread(data, 1, 1 << 20, f);
    fclose(f);
    at = memmem(data, n, text, strlen(text));
    assert_non_null(at);
    long found = (long)((uint8_t *)at - data);
    free(data);
    return found;
}

/* Offsets 60 and 68 of an SQLite file: user version, application id. A row of the table of numbers
   is its key, then eight bytes. */
static void damaged_files(void **state)
{
    static const uint8_t version[2][4] = {{0, 0, 0, 99}, {0, 0, 0, 1}}, no_id[4] = {0};
    const struct su_ledger_options o = {.dir = dir, .manual_slots = true};
    struct su_ledger *l = open_dir(true);
    struct su_actor a = su_actor_of(1);
    struct su_err e = {0};

    (void)state;
    assert_int_equal(su_ledger_airdrop(l, a.key, SOL, NULL, NULL), SU_OK);
    su_ledger_close(l);
    patch(60, version[0], 4);
    assert_int_equal(su_ledger_open(&o, &l, &e), SU_EFORMAT);
    assert_non_null(strstr(e.msg, "version 99"));
    patch(60, version[1], 4);
    patch(find("burned") + 6, "\x01\x02", 2);
    assert_int_equal(su_ledger_open(&o, &l, &e), SU_EFORMAT);
    assert_non_null(strstr(e.msg, "do not add up"));
    patch(68, no_id, 4);
    assert_int_equal(su_ledger_open(&o, &l, &e), SU_EFORMAT);
    assert_non_null(strstr(e.msg, "no ledger"));
}

static void natives_come_later(void **state)
{
    static const struct su_ledger_native more[] = {{.id = {77}, .name = "later"}};
    struct su_ledger_options o = {
        .dir = dir, .manual_slots = true, .natives = more, .n_natives = 1};
    struct su_ledger *l = open_dir(true);
    struct su_ledger_now a, b;
    const struct su_ledger_account *p;
    struct su_err e = {0};

    (void)state;
    su_ledger_now(l, &a);
    assert_null(su_ledger_account_get(l, more[0].id));
    su_ledger_close(l);
    assert_int_equal(su_ledger_open(&o, &l, &e), SU_OK);
    p = su_ledger_account_get(l, more[0].id);
    assert_true(p != NULL && p->executable);
    su_ledger_account_release(p);
    su_ledger_now(l, &b);
    assert_int_equal(a.capital_lamports, b.capital_lamports);
    /* Somebody's account where the next program would be. */
    assert_int_equal(su_ledger_airdrop(l, (const uint8_t[32]){78}, SOL, NULL, &e), SU_OK);
    su_ledger_close(l);
    static const struct su_ledger_native taken[] = {{.id = {78}, .name = "taken"}};
    o.natives = taken;
    assert_int_equal(su_ledger_open(&o, &l, &e), SU_EEXIST);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(reopened, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(slots_by_the_clock, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(refused_files, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(disk_full, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(damaged_files, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(natives_come_later, dir_setup, dir_teardown)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
