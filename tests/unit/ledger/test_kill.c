// SPDX-License-Identifier: MIT
/* kill -9 at any moment loses no transaction that somebody was told of. A child runs a ledger under
   load and reports each confirmed signature through a pipe; it is killed at a random moment, and
   the ledger that is left must hold every one of them, add up, and go on. SU_TEST_FULL=1: 60 kills
   instead of 5. */
#include "bank_world.h"

#include "support/random.h"

#include <errno.h>
#include <ftw.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { KILLS = 5, KILLS_FULL = 60, THREADS = 2, CONFIRMED_MAX = 200000, PAGE = 1000 };

struct report {
    uint8_t sig[64];
    uint64_t lamports;
};
static char dir[256];
static struct su_actor senders[THREADS];
static uint8_t sink[32];
static struct report *confirmed;
static size_t n_confirmed;

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
    (void)st;
    (void)kind;
    (void)ftw;
    return remove(path);
}

static struct su_ledger *open_ledger(void)
{
    const struct su_ledger_options o = {.dir = dir, .ms_per_slot = 10};
    struct su_ledger *l;
    struct su_err e = {0};

    if (su_ledger_open(&o, &l, &e) != SU_OK) {
        fail_msg("%s", e.msg);
    }
    return l;
}

/* ---- the child ------------------------------------------------------------------------------- */

struct load {
    struct su_ledger *l;
    const struct su_actor *from;
    int fd;
};

static void *send(void *arg)
{
    const struct load *load = arg;
    struct su_draft *d = su_alloc(sizeof *d);
    struct su_ledger_now now;
    struct su_ledger_tx tx;

    for (uint64_t i = 0;; i++) {
        struct report r = {.lamports = 1 + i % 7};

        su_ledger_now(load->l, &now);
        su_draft_init(d, load->from->key, now.blockhash);
        su_draft_transfer(d, load->from->key, sink, r.lamports);
        su_draft_instr(d, su_ledger_memo_id, NULL, 0, &(uint64_t){0x3030303030303030 + i % 10}, 8);
        su_draft_tx(d, load->from, 1, &tx);
        memcpy(r.sig, su_ledger_tx_sig(&tx, 0), 64);
        if (su_ledger_submit(load->l, &tx, SU_LEDGER_WAIT | SU_LEDGER_SKIP_PREFLIGHT, NULL, NULL) ==
            SU_OK) {
            if (write(load->fd, &r, sizeof r) != (ssize_t)sizeof r) {
                _exit(3);
            }
        }
    }
    return NULL;
}

__attribute__((noreturn)) static void child(int fd)
{
    struct load loads[THREADS];
    pthread_t t[THREADS];
    const struct su_ledger_options o = {.dir = dir, .ms_per_slot = 10};
    struct su_ledger *l;

    if (su_ledger_open(&o, &l, NULL) != SU_OK) {
        _exit(2);
    }
    for (size_t i = 0; i < THREADS; i++) {
        loads[i] = (struct load){l, &senders[i], fd};
        if (pthread_create(&t[i], NULL, send, &loads[i]) != 0) {
            _exit(4);
        }
    }
    for (;;) {
        pause();
    }
}

/* ---- the parent ------------------------------------------------------------------------------ */

static bool take_reports(int fd, int timeout_ms)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};

    if (poll(&p, 1, timeout_ms) <= 0) {
        return true;
    }
    ssize_t n = read(fd, &confirmed[n_confirmed], sizeof *confirmed); /* written whole */

    if (n == 0) {
        return false;
    }
    assert_int_equal(n, sizeof *confirmed);
    assert_true(++n_confirmed < CONFIRMED_MAX);
    return true;
}

static void run_and_kill(uint32_t ms)
{
    int fds[2], status;
    pid_t pid;
    uint64_t end;

    assert_int_equal(pipe(fds), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        close(fds[0]);
        child(fds[1]);
    }
    close(fds[1]);
    end = su_clock_mono_ns() + ms * UINT64_C(1000000);
    while (su_clock_mono_ns() < end) {
        assert_true(take_reports(fds[0], 1));
    }
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    while (take_reports(fds[0], -1)) {
    }
    close(fds[0]);
}

/* Every transaction that names the sink moved something into it, told of or not. */
static uint64_t sum_of_history(struct su_ledger *l)
{
    static struct su_ledger_signature page[PAGE];
    uint8_t before[64];
    uint64_t sum = 0;
    size_t n = PAGE;

    for (bool first = true; n == PAGE; first = false) {
        assert_int_equal(
            su_ledger_signatures_of(l, sink, first ? NULL : before, NULL, page, PAGE, &n, NULL),
            SU_OK);
        for (size_t i = 0; i < n; i++) {
            struct su_ledger_tx tx;
            struct su_ledger_result r;

            assert_int_equal(su_ledger_transaction_get(l, page[i].sig, &tx, &r, NULL), SU_OK);
            sum += r.post_lamports[1] - r.pre_lamports[1];
            su_ledger_result_fini(&r);
        }
        if (n != 0) {
            memcpy(before, page[n - 1].sig, 64);
        }
    }
    return sum;
}

static uint64_t check(uint64_t last_slot)
{
    struct su_ledger *l = open_ledger(); /* opening checks that all lamports are there */
    struct su_ledger_now now;
    struct su_ledger_status s;
    const struct su_ledger_account *a = su_ledger_account_get(l, sink);
    uint64_t told = 0;

    for (size_t i = 0; i < n_confirmed; i++) {
        assert_true(su_ledger_status_get(l, confirmed[i].sig, true, &s));
        assert_int_equal(s.failure.tx, SU_LEDGER_TX_OK);
        told += confirmed[i].lamports;
    }
    assert_true(a->lamports >= SOL + told);
    assert_int_equal(a->lamports, sum_of_history(l));
    su_ledger_account_release(a);
    su_ledger_now(l, &now);
    assert_true(now.slot > last_slot); /* no slot twice */
    assert_int_equal(su_ledger_airdrop(l, senders[0].key, SOL, NULL, NULL), SU_OK);
    su_ledger_now(l, &now);
    su_ledger_close(l);
    return now.slot;
}

static void kills(void **state)
{
    uint32_t n = getenv("SU_TEST_FULL") != NULL ? KILLS_FULL : KILLS;
    struct su_random r = su_random_of((uint64_t)su_clock_wall_ms(), 1);
    struct su_ledger *l = open_ledger();
    uint64_t slot = 0;

    (void)state;
    print_message("seed %llu\n", (unsigned long long)r.state);
    for (size_t i = 0; i < THREADS; i++) {
        senders[i] = su_actor_of(i);
        assert_int_equal(su_ledger_airdrop(l, senders[i].key, 50000 * SOL, NULL, NULL), SU_OK);
    }
    fresh_key(sink, 1);
    assert_int_equal(su_ledger_airdrop(l, sink, SOL, NULL, NULL), SU_OK);
    su_ledger_close(l);
    for (uint32_t i = 0; i < n; i++) {
        run_and_kill(su_random_range(&r, 20, 400));
        slot = check(slot);
    }
    print_message("%u kills, %zu confirmed transactions, none lost\n", n, n_confirmed);
    assert_true(n_confirmed > n);
}

static int setup(void **state)
{
    const char *base = getenv("TMPDIR");

    confirmed = calloc(CONFIRMED_MAX, sizeof *confirmed);
    *state = confirmed;
    snprintf(dir, sizeof dir, "%s/su-ledger-XXXXXX", base != NULL ? base : "/tmp");
    return confirmed == NULL || mkdtemp(dir) == NULL;
}

static int teardown(void **state)
{
    free(*state);
    nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(kills, setup, teardown)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
