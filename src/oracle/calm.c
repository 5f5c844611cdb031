// SPDX-License-Identifier: MIT
/* While a generation runs nothing of it changes on chain for minutes: when an execution is read, and when
   a glance that found it unchanged will do. */
#include "oracle_priv.h"

enum {
    STALE_TICKS = 3, /* so old a glance says nothing any more */
    READ_ROUNDS = 4, /* it is read all the same after so many rounds, or */
    READ_MS = 10000, /* so long: what hangs on it may have changed by itself */
};

bool ora_is_calm(const struct su_chain_case *c)
{
    const struct su_acc_execution *x = c->execution;

    switch (x->state) {
    case SU_EXEC_RUNNING:
        for (uint16_t i = 0; i < x->task_count; i++)
            if (!ora_agrees(c, i) || x->tasks[i].state == SU_TASK_UNASSIGNED)
                return false; /* another node is being voted: that is read in the assignment */
        return x->committed < x->task_count;
    case SU_EXEC_CHECKING:
        return true;
    case SU_EXEC_REVEALING:
        return x->disputes_open == 0; /* verdicts are voted in the assignments */
    case SU_EXEC_SETTLED:
    case SU_EXEC_VOID:
        return true;
    default:
        return false;
    }
}

bool ora_may_rest(const struct ora_pace *p)
{
    const uint64_t ms = 1000000u;
    const uint64_t stale_ns = STALE_TICKS * p->tick_ms * ms;
    const uint64_t read_ns = SU_MIN(READ_ROUNDS * (uint64_t)p->round_ms, (uint64_t)READ_MS) * ms;
    const uint64_t known_ns = SU_MAX(p->looked_ns, p->glanced_ns);

    return p->calm && !p->news && !p->acted && p->now_ns - known_ns <= stale_ns &&
           p->now_ns - p->looked_ns <= SU_MAX(read_ns, stale_ns);
}
