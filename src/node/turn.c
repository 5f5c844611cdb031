// SPDX-License-Identifier: MIT
#include "node_priv.h"

#include <time.h>

void node_cond_init(pthread_cond_t *c)
{
    pthread_condattr_t monotonic;

    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(c, &monotonic);
    pthread_condattr_destroy(&monotonic);
}

void node_cond_wait_ms(pthread_cond_t *c, pthread_mutex_t *lock, uint32_t ms)
{
    struct timespec until;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += ms / 1000;
    until.tv_nsec += (long)(ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    (void)pthread_cond_timedwait(c, lock, &until);
}

void node_turn_init(struct node_turn *t)
{
    pthread_mutex_init(&t->lock, NULL);
    pthread_cond_init(&t->moved, NULL);
    t->next = t->serving = 0;
}

void node_turn_fini(struct node_turn *t)
{
    pthread_cond_destroy(&t->moved);
    pthread_mutex_destroy(&t->lock);
}

void node_turn_take(struct node_turn *t)
{
    pthread_mutex_lock(&t->lock);
    for (uint64_t mine = t->next++; t->serving != mine;)
        pthread_cond_wait(&t->moved, &t->lock);
    pthread_mutex_unlock(&t->lock);
}

void node_turn_give(struct node_turn *t)
{
    pthread_mutex_lock(&t->lock);
    t->serving++;
    pthread_cond_broadcast(&t->moved);
    pthread_mutex_unlock(&t->lock);
}

void node_turn_yield(struct node_turn *t)
{
    node_turn_give(t);
    node_turn_take(t);
}
