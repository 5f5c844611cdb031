// SPDX-License-Identifier: MIT
/* Transfers per second through the embedded ledger, signatures verified, every batch on disk.

   Usage: bench_ledger [TRANSFERS [THREADS]]

   Signs TRANSFERS (20 000) System transfers among 1 000 accounts beforehand, which is the clients'
   work, then submits them from THREADS (2) threads without preflight, as a validator would get
   them, and waits until the last is on disk. */
#include "ledger/ledger.h"

#include "crypto/crypto.h"
#include "support/ledger_draft.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { ACTORS = 1000 };

struct bench {
    struct su_ledger *l;
    struct su_ledger_tx *txs;
    size_t n;
    atomic_size_t next, refused;
};

static void *submit(void *arg)
{
    struct bench *b = arg;
    size_t i;

    while ((i = atomic_fetch_add(&b->next, 1)) < b->n) {
        /* The last of all waits, so that the clock stops when everything is on disk. */
        unsigned flags = SU_LEDGER_SKIP_PREFLIGHT | (i + 2 >= b->n ? SU_LEDGER_WAIT : 0);
        enum su_code c;

        while ((c = su_ledger_submit(b->l, &b->txs[i], flags, NULL, NULL)) == SU_EBUSY) {
            const struct timespec moment = {.tv_nsec = 1000000};

            nanosleep(&moment, NULL);
        }
        if (c != SU_OK) {
            atomic_fetch_add(&b->refused, 1);
        }
    }
    return NULL;
}

static void prepare(struct bench *b, struct su_actor *actors)
{
    struct su_draft *d = su_alloc(sizeof *d);
    struct su_ledger_now now;

    for (size_t i = 0; i < ACTORS; i++) {
        actors[i] = su_actor_of(i);
        SU_ASSERT(su_ledger_airdrop(b->l, actors[i].key, 1000000000, NULL, NULL) == SU_OK);
    }
    su_ledger_now(b->l, &now);
    for (size_t i = 0; i < b->n; i++) {
        su_draft_init(d, actors[i % ACTORS].key, now.blockhash);
        su_draft_transfer(d, actors[i % ACTORS].key, actors[(i * 7 + 1) % ACTORS].key, 1 + i);
        su_draft_tx(d, &actors[i % ACTORS], 1, &b->txs[i]);
    }
    free(d);
}

int main(int argc, char **argv)
{
    struct bench b = {.n = argc > 1 ? strtoul(argv[1], NULL, 10) : 20000};
    size_t threads = argc > 2 ? strtoul(argv[2], NULL, 10) : 2;
    char dir[] = "/tmp/su-bench-ledger-XXXXXX", command[64];
    struct su_err e = {0};
    struct su_actor *actors = su_alloc(ACTORS * sizeof *actors);
    pthread_t pool[64];

    b.txs = su_try_alloc(b.n, sizeof *b.txs);
    if (b.txs == NULL || threads == 0 || threads > 64 || mkdtemp(dir) == NULL) {
        return 2;
    }
    struct su_ledger_options o = {.dir = dir, .manual_slots = true};
    struct su_ledger_now before, after;

    if (su_ledger_open(&o, &b.l, &e) != SU_OK) {
        fprintf(stderr, "%s\n", e.msg);
        return 1;
    }
    prepare(&b, actors);
    su_ledger_now(b.l, &before);
    uint64_t start = su_clock_mono_ns();
    for (size_t i = 0; i < threads; i++) {
        pthread_create(&pool[i], NULL, submit, &b);
    }
    for (size_t i = 0; i < threads; i++) {
        pthread_join(pool[i], NULL);
    }
    double seconds = (double)(su_clock_mono_ns() - start) / 1e9;
    su_ledger_now(b.l, &after);
    printf(
        "%llu transfers in %.2f s: %.0f per second (%zu submitting threads, signatures verified, "
        "on disk; %zu refused)\n",
        (unsigned long long)(after.transactions - before.transactions), seconds,
        (double)(after.transactions - before.transactions) / seconds, threads,
        atomic_load(&b.refused));
    su_ledger_close(b.l);
    snprintf(command, sizeof command, "rm -r %s", dir);
    free(actors);
    free(b.txs);
    return system(command);
}
