// SPDX-License-Identifier: MIT
/* When nodes were lost, and when others had their tasks: for people and tests. */
#include "oracle_priv.h"

#include <string.h>

static struct ora_loss *find(struct su_oracle *o, const uint8_t execution[32], uint16_t task,
                             uint8_t attempt)
{
    for (size_t i = 0; i < SU_MIN(o->n_loss, (uint64_t)ORA_LOSSES); i++) {
        struct ora_loss *l = &o->loss[i];
        if (l->task == task && l->attempt == attempt && memcmp(l->execution, execution, 32) == 0)
            return l;
    }
    return NULL;
}

void ora_loss_detected(struct su_oracle *o, const struct ora_exec *x, uint16_t task,
                       const char *why)
{
    const struct su_acc_assignment *a = x->seen.assignments[task];

    (void)pthread_mutex_lock(&o->lock);
    if (!find(o, x->key, task, a->attempt)) {
        const struct liveness_node *n = liveness_find(&o->live, a->node);
        struct ora_loss *l = &o->loss[o->n_loss++ % ORA_LOSSES];
        *l = (struct ora_loss){.task = task,
                               .attempt = a->attempt,
                               .why = why,
                               .heard_ms = n ? n->last_ms : 0,
                               .detected_ms = su_clock_wall_ms()};
        memcpy(l->execution, x->key, 32);
        memcpy(l->node, a->node, 32);
    }
    (void)pthread_mutex_unlock(&o->lock);
}

void ora_losses_follow(struct su_oracle *o, const struct ora_exec *x)
{
    const struct su_acc_execution *exec = x->seen.execution;
    int64_t now = su_clock_wall_ms();

    (void)pthread_mutex_lock(&o->lock);
    for (size_t i = 0; i < SU_MIN(o->n_loss, (uint64_t)ORA_LOSSES); i++) {
        struct ora_loss *l = &o->loss[i];
        if (memcmp(l->execution, x->key, 32) != 0 || l->task >= exec->task_count ||
            exec->tasks[l->task].attempt <= l->attempt)
            continue;
        if (l->failed_ms == 0)
            l->failed_ms = now;
        if (l->assigned_ms == 0 && exec->tasks[l->task].state != SU_TASK_UNASSIGNED)
            l->assigned_ms = now;
    }
    (void)pthread_mutex_unlock(&o->lock);
}
