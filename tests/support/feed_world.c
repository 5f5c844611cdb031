// SPDX-License-Identifier: MIT
#include "support/feed_world.h"

#include "feed/feed_priv.h"

#include <stdlib.h>
#include <string.h>

static void must(bool ok)
{
    if (!ok)
        abort();
}

/* Keys whose order is that of their numbers: tables of accounts are kept sorted. */
static void key_of(uint8_t key[32], uint8_t kind, uint32_t number)
{
    memset(key, 0, 32);
    key[0] = kind;
    for (int i = 0; i < 4; i++)
        key[1 + i] = (uint8_t)(number >> (24 - 8 * i));
    key[31] = (uint8_t)(number * 37 + 1);
}

static void put(struct feed_accounts *a, uint8_t tag, const uint8_t key[32], void *account)
{
    ((struct su_acc_head *)account)->tag = tag;
    must(feed_accounts_put(a, tag, key, account));
}

static void add_model(struct su_feed *f, uint32_t number, uint16_t tasks)
{
    struct su_acc_model m = {.task_count = tasks,
                             .tasks_added = tasks,
                             .state = SU_MODEL_FINAL,
                             .sample_task = SU_NO_TASK};
    uint8_t key[32];
    char name[SU_NAME_MAX];

    m.name_len = (uint8_t)snprintf(name, sizeof name, "model-%u", number);
    memcpy(m.name, name, m.name_len);
    key_of(key, 'm', number);
    put(&f->w.model, SU_TAG_MODEL, key, &m);
    for (uint16_t t = 0; t < tasks; t++) {
        struct su_acc_task a = {.index = t,
                                .owners = 3,
                                .macs_per_step = 1000,
                                .sampling_ppm = 80000,
                                .output_count = 1};
        uint8_t task[32];
        memcpy(a.model, key, 32);
        a.outputs[0] = (struct su_spec){.rank = 2, .dims = {3, 5}};
        key_of(task, 't', number * tasks + t);
        put(&f->w.task, SU_TAG_TASK, task, &a);
    }
}

static void add_node(struct su_feed *f, uint32_t number, const struct feed_world_sizes *z)
{
    struct su_acc_node n = {
        .stake_free = number * 1000u, .earned = number, .declared_count = (uint8_t)z->tasks};
    struct feed_beat *b = &f->w.beat[number];
    uint8_t key[32];

    key_of(n.identity, 'i', number);
    key_of(n.owner, 'o', number / 3);
    for (uint16_t t = 0; t < z->tasks; t++)
        key_of(n.declared[t], 't', number % z->models * z->tasks + t);
    key_of(key, 'n', number);
    put(&f->w.node, SU_TAG_NODE, key, &n);
    *b = (struct feed_beat){.online = number % 7 != 0, .heard_ms = 1000};
    memcpy(b->identity, n.identity, 32);
    memset(b->beats, 1, sizeof b->beats);
}

static void add_execution(struct su_feed *f, uint32_t number, const struct feed_world_sizes *z)
{
    struct feed_rows *r = &f->w.closed[number];

    r->part = su_try_alloc(z->tasks, sizeof *r->part);
    r->sample = su_try_alloc(z->samples, sizeof *r->sample);
    must(r->part && r->sample);
    r->n_part = z->tasks;
    r->n_sample = z->samples;
    r->execution = (struct su_feed_execution){.closed = true,
                                              .state = SU_EXEC_SETTLED,
                                              .task_count = z->tasks,
                                              .submit_slot = 1000u + number,
                                              .seen_ms = number,
                                              .final_ms = 500 + number};
    key_of(r->execution.key, 'e', number);
    key_of(r->execution.model, 'm', number % z->models);
    for (uint32_t i = 0; i < z->samples; i++) {
        memcpy(r->sample[i].execution, r->execution.key, 32);
        r->sample[i].task = (uint16_t)(i % z->tasks);
        r->sample[i].verdict = SU_FEED_MATCH;
        r->sample[i].slot = r->execution.submit_slot;
    }
}

struct su_feed *feed_world_open(const struct feed_world_sizes *z)
{
    struct su_feed *f = su_alloc(sizeof *f);

    f->o.log_max = 4;
    f->log = su_try_alloc(4, sizeof *f->log);
    f->w.beat = su_try_alloc(z->nodes, sizeof *f->w.beat);
    f->w.closed = su_try_alloc(z->executions, sizeof *f->w.closed);
    must(f->log && f->w.beat && f->w.closed);
    f->log_next = 1;
    f->fd = -1;
    f->w.slot = 100000;
    f->w.wallet_lamports = f->w.wallet_usdc = f->w.refund = SU_FEED_UNKNOWN;
    f->w.n_beat = z->nodes;
    f->w.n_closed = f->w.cap_closed = z->executions;
    pthread_mutex_init(&f->lock, NULL);
    pthread_cond_init(&f->wake, NULL);
    for (uint32_t i = 0; i < z->models; i++)
        add_model(f, i, z->tasks);
    for (uint32_t i = 0; i < z->nodes; i++)
        add_node(f, i, z);
    for (uint32_t i = 0; i < z->executions; i++)
        add_execution(f, i, z);
    return f;
}

const struct su_feed_snapshot *feed_world_look(struct su_feed *f)
{
    const struct su_feed_snapshot *s;

    pthread_mutex_lock(&f->lock);
    s = feed_snapshot_make(f);
    pthread_mutex_unlock(&f->lock);
    must(s != NULL);
    return s;
}

void feed_world_close(struct su_feed *f)
{
    su_feed_close(f);
}
