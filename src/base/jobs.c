// SPDX-License-Identifier: MIT
#include "base/base.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#define JOBS_THREADS_MAX 1024
#define JOBS_SLOTS 8
#define JOBS_SPIN_NS 30000 /* a decode step leaves gaps of this order between its operations */
#define JOBS_LINE 64

/* One su_jobs_run in progress. A worker may touch the plain fields only between raising `users`
   and lowering it, and only if it saw `open` in between; the owner closes the slot before it
   waits for users to reach 0. Either the worker sees the slot closed, or the owner sees the
   worker: both sides write first and read second, sequentially consistent. They write with
   read-modify-write operations, and so does an owner that says it sleeps: emulators of AArch64 on
   x86-64 let a plain store wait behind a later load, which no processor of theirs does, and then
   both sides would miss each other. */
struct slot {
    _Alignas(JOBS_LINE) atomic_bool taken;
    atomic_bool open;
    atomic_bool waiting; /* the owner sleeps on j->done */
    atomic_uint users;
    size_t n;
    void (*fn)(void *ctx, size_t i);
    void *ctx;
    _Alignas(JOBS_LINE) atomic_size_t next;
};

struct call {
    void (*fn)(void *ctx);
    void *ctx;
};

struct su_jobs {
    struct slot slots[JOBS_SLOTS];
    _Alignas(JOBS_LINE) atomic_uint epoch; /* rises whenever there is something new to look for */
    atomic_uint sleepers;
    atomic_bool stop;
    atomic_size_t queued; /* length of the queue, readable without the lock */

    pthread_mutex_t lock;
    pthread_cond_t wake; /* epoch rose */
    pthread_cond_t done; /* a slot ran empty, or the queue did */
    struct call *queue; /* ring of queue_cap calls; this and the next three: under lock */
    size_t queue_cap, queue_head;
    size_t calls_running;

    bool spin;
    unsigned workers;
    pthread_t *threads;
};

static void spin_pause(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("isb");
#endif
}

/* Says whether it is still worth spinning; reads the clock only now and then. */
struct spinner {
    uint64_t until_ns;
    unsigned turns;
};

static bool spin_on(const struct su_jobs *j, struct spinner *s)
{
    if (!j->spin)
        return false;
    if (s->turns++ % 16 == 0) {
        uint64_t now_ns = su_clock_mono_ns();
        if (s->until_ns == 0)
            s->until_ns = now_ns + JOBS_SPIN_NS;
        else if (now_ns >= s->until_ns)
            return false;
    }
    spin_pause();
    return true;
}

static void announce(struct su_jobs *j, size_t wanted)
{
    (void)atomic_fetch_add(&j->epoch, 1);
    unsigned sleepers = atomic_load(&j->sleepers);
    if (sleepers == 0)
        return;
    (void)pthread_mutex_lock(&j->lock);
    if (wanted >= sleepers) {
        (void)pthread_cond_broadcast(&j->wake);
    } else {
        for (size_t i = 0; i < wanted; i++)
            (void)pthread_cond_signal(&j->wake);
    }
    (void)pthread_mutex_unlock(&j->lock);
}

static void await_epoch(struct su_jobs *j, unsigned seen)
{
    struct spinner s = {0};

    while (atomic_load_explicit(&j->epoch, memory_order_acquire) == seen) {
        if (spin_on(j, &s))
            continue;
        (void)pthread_mutex_lock(&j->lock);
        (void)atomic_fetch_add(&j->sleepers, 1);
        while (atomic_load(&j->epoch) == seen)
            (void)pthread_cond_wait(&j->wake, &j->lock);
        (void)atomic_fetch_sub(&j->sleepers, 1);
        (void)pthread_mutex_unlock(&j->lock);
    }
}

/* Runs indices of an open slot until none is left; true when it ran any. */
static bool work_on(struct slot *s)
{
    bool worked = false;

    for (;;) {
        size_t i = atomic_fetch_add_explicit(&s->next, 1, memory_order_relaxed);
        if (i >= s->n)
            return worked;
        s->fn(s->ctx, i);
        worked = true;
    }
}

static void leave(struct su_jobs *j, struct slot *s)
{
    if (atomic_fetch_sub(&s->users, 1) == 1 && atomic_load(&s->waiting)) {
        (void)pthread_mutex_lock(&j->lock);
        (void)pthread_cond_broadcast(&j->done);
        (void)pthread_mutex_unlock(&j->lock);
    }
}

static bool help_runs(struct su_jobs *j)
{
    bool worked = false;

    for (size_t k = 0; k < JOBS_SLOTS; k++) {
        struct slot *s = &j->slots[k];
        if (!atomic_load_explicit(&s->open, memory_order_relaxed))
            continue;
        (void)atomic_fetch_add(&s->users, 1);
        if (atomic_load(&s->open))
            worked |= work_on(s);
        leave(j, s);
    }
    return worked;
}

/* Makes one queued call; false when there is none. */
static bool help_queue(struct su_jobs *j)
{
    if (atomic_load_explicit(&j->queued, memory_order_relaxed) == 0)
        return false;
    (void)pthread_mutex_lock(&j->lock);
    size_t left = atomic_load(&j->queued);
    if (left == 0) {
        (void)pthread_mutex_unlock(&j->lock);
        return false;
    }
    struct call c = j->queue[j->queue_head];
    j->queue_head = (j->queue_head + 1) % j->queue_cap;
    atomic_store(&j->queued, left - 1);
    j->calls_running++;
    (void)pthread_mutex_unlock(&j->lock);

    c.fn(c.ctx);

    (void)pthread_mutex_lock(&j->lock);
    if (--j->calls_running == 0 && atomic_load(&j->queued) == 0)
        (void)pthread_cond_broadcast(&j->done);
    (void)pthread_mutex_unlock(&j->lock);
    return true;
}

static void *worker(void *arg)
{
    struct su_jobs *j = arg;

    for (;;) {
        unsigned seen = atomic_load(&j->epoch);
        if (help_runs(j) || help_queue(j))
            continue;
        if (atomic_load(&j->stop))
            return NULL;
        await_epoch(j, seen);
    }
}

static unsigned online(void)
{
    long n = sysconf(_SC_NPROCESSORS_ONLN);

    return n < 1 ? 1 : (unsigned)SU_MIN(n, JOBS_THREADS_MAX);
}

struct su_jobs *su_jobs_new(unsigned threads)
{
    struct su_jobs *j = su_try_alloc_aligned(1, sizeof *j);
    sigset_t all, old;

    SU_ASSERT(j);
    if (threads == 0)
        threads = online();
    threads = SU_MIN(threads, (unsigned)JOBS_THREADS_MAX);
    j->spin = threads > 1 && threads <= online();
    SU_ASSERT(pthread_mutex_init(&j->lock, NULL) == 0);
    SU_ASSERT(pthread_cond_init(&j->wake, NULL) == 0);
    SU_ASSERT(pthread_cond_init(&j->done, NULL) == 0);
    j->threads = su_alloc(threads * sizeof *j->threads);
    /* Signals are for the threads that know what to do with them. */
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &old);
    while (j->workers + 1 < threads) {
        if (pthread_create(&j->threads[j->workers], NULL, worker, j) != 0)
            break; /* fewer threads are slower, not wrong */
        j->workers++;
    }
    (void)pthread_sigmask(SIG_SETMASK, &old, NULL);
    return j;
}

unsigned su_jobs_threads(const struct su_jobs *j)
{
    return j->workers + 1;
}

static struct slot *take_slot(struct su_jobs *j)
{
    for (size_t k = 0; k < JOBS_SLOTS; k++) {
        struct slot *s = &j->slots[k];
        if (!atomic_load_explicit(&s->taken, memory_order_relaxed) &&
            !atomic_exchange_explicit(&s->taken, true, memory_order_acquire))
            return s;
    }
    return NULL;
}

static void await_users(struct su_jobs *j, struct slot *s)
{
    struct spinner sp = {0};

    while (atomic_load(&s->users) != 0) {
        if (spin_on(j, &sp))
            continue;
        (void)pthread_mutex_lock(&j->lock);
        (void)atomic_exchange(&s->waiting, true);
        while (atomic_load(&s->users) != 0)
            (void)pthread_cond_wait(&j->done, &j->lock);
        atomic_store(&s->waiting, false);
        (void)pthread_mutex_unlock(&j->lock);
    }
}

void su_jobs_run(struct su_jobs *j, size_t n, void (*fn)(void *ctx, size_t i), void *ctx)
{
    struct slot *s = n > 1 && j->workers > 0 ? take_slot(j) : NULL;

    if (!s) {
        for (size_t i = 0; i < n; i++)
            fn(ctx, i);
        return;
    }
    s->n = n;
    s->fn = fn;
    s->ctx = ctx;
    atomic_store_explicit(&s->next, 0, memory_order_relaxed);
    atomic_store(&s->open, true);
    announce(j, n - 1);
    (void)work_on(s);
    (void)atomic_exchange(&s->open, false);
    await_users(j, s);
    atomic_store_explicit(&s->taken, false, memory_order_release);
}

static void queue_grow(struct su_jobs *j, size_t len)
{
    size_t cap = j->queue_cap ? 2 * j->queue_cap : 64;
    struct call *queue = su_alloc(cap * sizeof *queue);

    for (size_t i = 0; i < len; i++)
        queue[i] = j->queue[(j->queue_head + i) % j->queue_cap];
    free(j->queue);
    j->queue = queue;
    j->queue_cap = cap;
    j->queue_head = 0;
}

void su_jobs_push(struct su_jobs *j, void (*fn)(void *ctx), void *ctx)
{
    if (j->workers == 0) {
        fn(ctx);
        return;
    }
    (void)pthread_mutex_lock(&j->lock);
    size_t len = atomic_load(&j->queued);
    if (len == j->queue_cap)
        queue_grow(j, len);
    j->queue[(j->queue_head + len) % j->queue_cap] = (struct call){.fn = fn, .ctx = ctx};
    atomic_store(&j->queued, len + 1);
    (void)pthread_mutex_unlock(&j->lock);
    announce(j, 1);
}

void su_jobs_wait_idle(struct su_jobs *j)
{
    for (;;) {
        while (help_queue(j)) {
        }
        (void)pthread_mutex_lock(&j->lock);
        while (j->calls_running > 0 && atomic_load(&j->queued) == 0)
            (void)pthread_cond_wait(&j->done, &j->lock);
        bool idle = j->calls_running == 0 && atomic_load(&j->queued) == 0;
        (void)pthread_mutex_unlock(&j->lock);
        if (idle)
            return;
    }
}

void su_jobs_free(struct su_jobs *j)
{
    if (!j)
        return;
    su_jobs_wait_idle(j);
    atomic_store(&j->stop, true);
    announce(j, j->workers);
    for (unsigned i = 0; i < j->workers; i++)
        (void)pthread_join(j->threads[i], NULL);
    (void)pthread_cond_destroy(&j->done);
    (void)pthread_cond_destroy(&j->wake);
    (void)pthread_mutex_destroy(&j->lock);
    free(j->threads);
    free(j->queue);
    free(j);
}
