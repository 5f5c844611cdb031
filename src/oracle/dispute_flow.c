// SPDX-License-Identifier: MIT
#include "dispute.h"

#include <stdlib.h>
#include <string.h>

enum {
    FRAME_MORE_BYTES = 1024, /* around a row, when every step comes in a frame of its own */
    ANSWER_MORE_BYTES = 256 << 20, /* what a party may send in vain */
};

/* True where the value has no row, by the request. */
static bool is_empty(const struct dispute_source *s, const bool *emits, uint32_t step)
{
    if (s->prompt)
        return step + 1 < s->n_prompt;
    return s->value->domain == SU_EMIT && emits && !emits[step];
}

enum su_code dispute_flow_init(struct dispute_flow *f, const struct dispute_source *s,
                               uint32_t steps, struct su_err *e)
{
    uint64_t limit, row = su_value_row_bytes(s->value) + FRAME_MORE_BYTES;

    memset(f, 0, sizeof *f);
    if (!su_mul_u64(row, steps, &limit) || !su_add_u64(limit, ANSWER_MORE_BYTES, &limit) ||
        limit > SIZE_MAX)
        return su_fail(e, SU_ENOMEM, "dispute", "%u steps of %llu bytes", steps,
                       (unsigned long long)row);
    f->source = *s;
    f->steps = steps;
    su_buf_init(&f->frames, (size_t)limit);
    f->leaf = su_try_alloc(steps, SU_SHA256_BYTES);
    f->row = su_try_alloc(steps, sizeof *f->row);
    f->have = su_try_alloc(steps, sizeof *f->have);
    if (f->leaf && f->row && f->have)
        return SU_OK;
    dispute_flow_fini(f);
    return su_fail(e, SU_ENOMEM, "dispute", "the leaves of %u steps", steps);
}

void dispute_flow_fini(struct dispute_flow *f)
{
    su_buf_fini(&f->frames);
    free(f->leaf);
    free(f->row);
    free(f->have);
    memset(f, 0, sizeof *f);
}

/* ---- what frames say ----------------------------------------------------------------------------- */

/* The frame is the producer's, of this output in this attempt, and of its shape. */
static bool is_his(const struct dispute_flow *f, const struct dispute_case *c,
                   const struct su_wire_frame *frame)
{
    const struct dispute_source *s = &f->source;
    const struct su_wire_expect expect = {.scope = c->scope,
                                          .sender = s->producer,
                                          .execution = c->key,
                                          .request_slot = c->execution->request_slot,
                                          .task = s->task,
                                          .attempt = s->attempt,
                                          .kind = SU_WIRE_ACTIVATION};
    const struct su_wire_activation *a = &frame->m.u.activation;

    if (frame->m.kind != SU_WIRE_ACTIVATION || a->ref.port != s->output ||
        a->dtype != (uint8_t)s->value->dtype || a->rank != s->value->shape.rank)
        return false;
    for (uint32_t i = 0; i < a->rank; i++)
        if (a->dims[i] != s->value->shape.dim[i])
            return false;
    return su_wire_verify(frame, &expect, NULL) == SU_OK;
}

/* Every row of the frame is the one of its leaf. */
static bool is_sound(const struct su_wire_frame *frame, size_t row_bytes)
{
    const struct su_wire_activation *a = &frame->m.u.activation;

    for (uint32_t i = 0; i < a->step_count; i++) {
        const struct su_bytes part = {frame->m.data + i * row_bytes, row_bytes};
        uint8_t leaf[SU_SHA256_BYTES];

        su_leaf_digest((uint64_t)a->step_first + i, &part, 1, leaf);
        if (memcmp(leaf, a->leaves + (size_t)i * SU_SHA256_BYTES, sizeof leaf) != 0)
            return false;
    }
    return true;
}

static void take_step(struct dispute_flow *f, uint32_t step, const uint8_t *leaf, size_t row)
{
    uint8_t *mine = f->leaf + (size_t)step * SU_SHA256_BYTES;

    if (!f->have[step]) {
        memcpy(mine, leaf, SU_SHA256_BYTES);
        f->row[step] = row;
        f->have[step] = true;
        f->n_have++;
    } else if (!f->two_faced && f->row[step] != 0 && memcmp(mine, leaf, SU_SHA256_BYTES) != 0) {
        f->two_faced = true;
        f->two_faced_step = step;
        memcpy(f->two_faced_leaf, leaf, SU_SHA256_BYTES);
    }
}

static void take_frame(struct dispute_flow *f, const struct dispute_case *c,
                       const struct su_wire_frame *frame)
{
    size_t one = (size_t)su_value_row_bytes(f->source.value);
    struct su_wire_frame inner = *frame;

    if (frame->m.kind == SU_WIRE_INPUT && su_peer_inner(frame, &inner, NULL) != SU_OK)
        return;
    if (!is_his(f, c, &inner) || !is_sound(&inner, one))
        return;
    const struct su_wire_activation *a = &inner.m.u.activation;
    for (uint32_t i = 0; i < a->step_count && a->step_first + i < f->steps; i++)
        take_step(f, a->step_first + i, a->leaves + (size_t)i * SU_SHA256_BYTES,
                  (size_t)(inner.m.data + i * one - f->frames.data));
}

/* ---- asking -------------------------------------------------------------------------------------- */

static uint32_t first_missing(const struct dispute_flow *f)
{
    uint32_t s = 0;

    while (s < f->steps && f->have[s])
        s++;
    return s;
}

/* Steps that give nothing need nobody to say so. */
static void fill_empty(struct dispute_flow *f, const bool *emits)
{
    for (uint32_t s = 0; s < f->steps; s++)
        if (is_empty(&f->source, emits, s) && !f->have[s]) {
            su_leaf_digest(s, NULL, 0, f->leaf + (size_t)s * SU_SHA256_BYTES);
            f->have[s] = true;
            f->n_have++;
        }
}

enum su_code dispute_flow_fetch(struct dispute_flow *f, const struct dispute_case *c,
                                enum dispute_party whom, const uint8_t *identity, bool check,
                                uint8_t port, struct su_err *e)
{
    struct dispute_want w = {.whom = whom, .identity = identity, .producer = f->source.producer};
    struct su_wire_ref *ref = &w.want.ref;
    uint32_t before = UINT32_MAX;

    ref->execution = c->key;
    ref->request_slot = c->execution->request_slot;
    ref->task = check ? c->task : f->source.task;
    ref->attempt = check ? c->assignments[c->task]->attempt : f->source.attempt;
    ref->port = check ? port : f->source.output;
    w.want.purpose = check ? SU_WIRE_CHECK : SU_WIRE_RECOVERY;
    fill_empty(f, c->emits);
    while (f->n_have < f->steps && f->n_have != before) {
        struct su_wire_frame frame;
        size_t at = f->frames.len;

        if (c->cancelled && c->cancelled(c->ctx))
            return su_fail(e, SU_ECANCELLED, "dispute", "cancelled");
        before = f->n_have;
        w.want.step_first = first_missing(f);
        w.want.step_count = f->steps - w.want.step_first;
        w.want.step_first += check && f->source.prompt; /* there it is the next step's */
        enum su_code rc = c->fetch(c->ctx, &w, &f->frames, e);
        if (rc == SU_ECANCELLED || rc == SU_ENOMEM)
            return rc;
        f->answered |= rc == SU_OK || rc == SU_ENOENT;
        if (rc || f->frames.failed)
            break;
        while (su_peer_next(&f->frames, &at, &frame))
            take_frame(f, c, &frame);
    }
    return SU_OK;
}

bool dispute_flow_root(const struct dispute_flow *f, uint8_t root[32])
{
    if (f->steps == 0 || f->n_have < f->steps)
        return false;
    su_trace_leaves_root(f->leaf, f->steps, root);
    return true;
}

enum su_code dispute_flow_rows(const struct dispute_flow *f, uint8_t **rows, struct su_err *e)
{
    const size_t one = (size_t)su_value_row_bytes(f->source.value);
    size_t n = f->source.prompt ? f->source.n_prompt : 0, behind = n;

    for (uint32_t s = 0; s < f->steps; s++)
        n += f->row[s] != 0;
    *rows = su_try_alloc(SU_MAX(n, (size_t)1), one);
    if (!*rows)
        return su_fail(e, SU_ENOMEM, "dispute", "%zu rows of %zu bytes", n, one);
    if (behind > 0)
        memcpy(*rows, f->source.prompt, behind * one);
    n = behind;
    for (uint32_t s = 0; s < f->steps; s++)
        if (f->row[s] != 0)
            memcpy(*rows + n++ * one, f->frames.data + f->row[s], one);
    return SU_OK;
}
