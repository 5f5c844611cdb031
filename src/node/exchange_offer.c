// SPDX-License-Identifier: MIT
/* Rows of frames that are being verified. The thread that verifies keeps the bytes, and takes them back
   under the flow's lock before it lets go of them. */
#include "exchange_priv.h"

#include <string.h>

#define NS_PER_MS UINT64_C(1000000)
enum { LOOK_MS = 50 };

uint64_t su_flow_offer(struct su_flow *f, const struct su_wire_frame *frame)
{
    const struct su_wire_activation *a = &frame->m.u.activation;
    uint64_t offer = 0;

    (void)pthread_mutex_lock(&f->lock);
    if (f->offered_rows == NULL && f->refused_offer == 0 && a->step_first == f->have &&
        frame->m.data_bytes == a->step_count * f->row_bytes) {
        f->offered_rows = frame->m.data;
        f->offered_first = a->step_first;
        f->offered_count = a->step_count;
        offer = ++f->offers;
    }
    (void)pthread_mutex_unlock(&f->lock);
    return offer;
}

void su_flow_settle(struct su_flow *f, uint64_t offer, bool kept)
{
    (void)pthread_mutex_lock(&f->lock);
    f->offered_rows = NULL;
    if (!kept)
        f->refused_offer = offer;
    (void)pthread_mutex_unlock(&f->lock);
    if (!kept)
        su_log(SU_LOG_WARN, "exchange",
               "%s: a frame was not its producer's; none is used any more "
               "before it is verified",
               f->name);
}

/* Under the lock: the step behind those that are here or offered. */
static uint32_t offered_end(const struct su_flow *f)
{
    if (f->offered_rows == NULL || f->offered_first > f->have)
        return f->have;
    return SU_MAX(f->have, f->offered_first + f->offered_count);
}

uint32_t su_flow_offered(struct su_flow *f)
{
    (void)pthread_mutex_lock(&f->lock);
    uint32_t end = offered_end(f);
    (void)pthread_mutex_unlock(&f->lock);
    return end;
}

enum su_code su_flow_rows_offered(struct su_flow *f, uint32_t step, uint32_t n, void *rows,
                                  uint64_t *offer, struct su_err *e)
{
    uint32_t kept = n;

    *offer = 0;
    (void)pthread_mutex_lock(&f->lock);
    if (step + n > f->have && step + n <= offered_end(f)) {
        uint32_t from = SU_MAX(step, f->have);
        kept = from - step;
        *offer = f->offers;
        memcpy((uint8_t *)rows + kept * f->row_bytes,
               f->offered_rows + (from - f->offered_first) * f->row_bytes,
               (size_t)((n - kept) * f->row_bytes));
    }
    (void)pthread_mutex_unlock(&f->lock);
    return su_flow_rows(f, step, kept, rows, NULL, e);
}

enum su_code su_flow_confirm(struct su_flow *f, uint64_t offer, struct su_err *e)
{
    struct su_exchange *x = f->x;
    bool pending = offer != 0, refused = false;

    if (!pending)
        return SU_OK;
    (void)pthread_mutex_lock(&x->lock);
    while (pending) {
        uint64_t seen = f->run->changes;
        (void)pthread_mutex_lock(&f->lock);
        pending = f->offered_rows != NULL && f->offers == offer;
        refused = f->refused_offer == offer;
        (void)pthread_mutex_unlock(&f->lock);
        if (pending)
            su_exchange_wait_change(x, f->run, seen, su_clock_mono_ns() + LOOK_MS * NS_PER_MS);
    }
    (void)pthread_mutex_unlock(&x->lock);
    return refused ? su_fail(e, SU_EDIGEST, f->name,
                             "a frame that was used while it was verified is not its producer's")
                   : SU_OK;
}
