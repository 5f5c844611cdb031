// SPDX-License-Identifier: MIT
/* Continuous batching: generations come and go between dispatches. */
#include "engine/engine.h"

#include <stdlib.h>
#include <string.h>

#include "engine_priv.h"

struct job {
    struct su_stream stream; /* first, so that a part's stream leads to its job */
    uint64_t id;
    struct slot *slot; /* NULL while it waits and after it has ended */
    uint32_t n_reused;
    bool cancel, ended;
    enum su_code code; /* how it ended */
    struct su_err err;
    struct job *next; /* in order of arrival */
};
struct slot {
    uint32_t session;
    struct job *job; /* NULL: free */
    uint64_t last; /* clock of its last end; 0 = never used */
    uint8_t (*key)[SU_SHA256_BYTES]; /* of a free slot, per whole block that its session holds */
    uint32_t n_key;
};
struct su_scheduler {
    struct su_engine *en;
    uint32_t vocabulary, ctx, chunk, n_slot;
    struct slot slot[SU_SCHEDULER_SESSIONS_MAX];
    struct job *first, **end; /* where the next job's address goes */
    uint64_t next_id, clock;
    struct su_dispatch dispatch;
};

/* ---- blocks of tokens ------------------------------------------------------------------------ */

/* key = sha256(key of the block before ‖ tokens), so equal keys mean equal tokens from the first on.
   `key` holds the one before, and the new one afterwards; zero before the first block. */
static void next_key(uint8_t key[SU_SHA256_BYTES], const uint32_t *token)
{
    uint8_t text[SU_SHA256_BYTES + 4 * SU_SCHEDULER_BLOCK];
    memcpy(text, key, SU_SHA256_BYTES);
    for (uint32_t i = 0; i < SU_SCHEDULER_BLOCK; i++)
        su_put_le32(text + SU_SHA256_BYTES + 4 * (size_t)i, token[i]);
    su_sha256(text, sizeof text, key);
}

/* What the session of an ended job holds. */
static void note_keys(struct slot *sl, const uint32_t *token, uint32_t n)
{
    uint8_t key[SU_SHA256_BYTES] = {0};
    sl->n_key = n / SU_SCHEDULER_BLOCK;
    for (uint32_t k = 0; k < sl->n_key; k++) {
        next_key(key, token + (size_t)k * SU_SCHEDULER_BLOCK);
        memcpy(sl->key[k], key, sizeof key);
    }
}

/* The free slot that holds the most blocks of a prompt, among equals the one that has rested longest;
   NULL when none is free. */
static struct slot *find_slot(struct su_scheduler *s, const uint32_t *token, uint32_t n,
                              uint32_t *n_block)
{
    uint32_t match[SU_SCHEDULER_SESSIONS_MAX] = {0}, blocks = n / SU_SCHEDULER_BLOCK;
    uint8_t key[SU_SHA256_BYTES] = {0};
    struct slot *best = NULL;
    bool more = true;
    for (uint32_t k = 0; k < blocks && more; k++) {
        next_key(key, token + (size_t)k * SU_SCHEDULER_BLOCK);
        more = false;
        for (uint32_t i = 0; i < s->n_slot; i++) {
            const struct slot *sl = &s->slot[i];
            if (sl->job || match[i] < k || k >= sl->n_key ||
                memcmp(sl->key[k], key, sizeof key) != 0)
                continue;
            match[i] = k + 1;
            more = true;
        }
    }
    for (uint32_t i = 0; i < s->n_slot; i++) {
        struct slot *sl = &s->slot[i];
        if (sl->job ||
            (best && (match[i] < *n_block || (match[i] == *n_block && sl->last >= best->last))))
            continue;
        best = sl;
        *n_block = match[i];
    }
    return best;
}

/* ---- opening --------------------------------------------------------------------------------- */

static enum su_code check_room(const struct su_engine *en, const struct su_scheduler_opts *o,
                               struct su_err *e)
{
    const struct su_plan *p = su_engine_plan(en);
    if (o->sessions < 1 || o->sessions > SU_SCHEDULER_SESSIONS_MAX)
        return su_fail(e, SU_EINVAL, "sessions", "%u at once; give 1 to %u", o->sessions,
                       SU_SCHEDULER_SESSIONS_MAX);
    if (o->ctx < 1)
        return su_fail(e, SU_EINVAL, "sessions", "0 positions; give at least 1");
    if (o->sessions > p->sessions || o->ctx > p->ctx)
        return su_fail(e, SU_ELIMIT, "sessions",
                       "%u of %u positions; the plan has room for %u of %u", o->sessions, o->ctx,
                       p->sessions, p->ctx);
    if (o->sessions > p->t_max || o->sessions > p->e_max)
        return su_fail(e, SU_ELIMIT, "sessions",
                       "%u at once; the plan's dispatches carry %u rows, of which %u emit",
                       o->sessions, p->t_max, p->e_max);
    return SU_OK;
}

enum su_code su_scheduler_new(struct su_engine *en, const struct su_scheduler_opts *o,
                              struct su_scheduler **out, struct su_err *e)
{
    uint32_t vocabulary = 0;
    *out = NULL;
    enum su_code rc = su_engine_llm_check(en, NULL, 0, "prompt", &vocabulary, e);
    if (rc == SU_OK)
        rc = check_room(en, o, e);
    if (rc != SU_OK)
        return rc;
    struct su_scheduler *s = su_alloc(sizeof *s);
    uint32_t t_max = su_engine_rows(en), blocks = o->ctx / SU_SCHEDULER_BLOCK + 1;
    s->en = en;
    s->vocabulary = vocabulary;
    s->ctx = o->ctx;
    s->chunk = o->chunk ? SU_MIN(o->chunk, t_max) : t_max;
    s->end = &s->first;
    rc = su_dispatch_init(&s->dispatch, t_max, o->sessions, e);
    for (; rc == SU_OK && s->n_slot < o->sessions; s->n_slot++) {
        struct slot *sl = &s->slot[s->n_slot];
        sl->key = su_try_alloc(blocks, sizeof *sl->key);
        if (!sl->key)
            rc = su_fail(e, SU_ENOMEM, "sessions", "no memory for digests of %u blocks", blocks);
        else
            rc = su_engine_session_new(en, o->ctx, &sl->session, e);
        if (rc != SU_OK) {
            free(sl->key);
            break;
        }
    }
    if (rc != SU_OK) {
        su_scheduler_free(s);
        return rc;
    }
    *out = s;
    return SU_OK;
}

static void job_free(struct job *j)
{
    su_stream_fini(&j->stream);
    free(j);
}

void su_scheduler_free(struct su_scheduler *s)
{
    if (!s)
        return;
    while (s->first) {
        struct job *j = s->first;
        s->first = j->next;
        job_free(j);
    }
    for (uint32_t i = 0; i < s->n_slot; i++) {
        su_engine_session_free(s->en, s->slot[i].session);
        free(s->slot[i].key);
    }
    su_dispatch_fini(&s->dispatch);
    free(s);
}

/* ---- jobs ------------------------------------------------------------------------------------ */

enum su_code su_scheduler_add(struct su_scheduler *s, const struct su_generation *g, uint64_t *id,
                              struct su_err *e)
{
    uint32_t vocabulary;
    struct su_generation whole = *g;
    whole.held = NULL;
    whole.n_held = 0;
    enum su_code rc = su_engine_llm_check(s->en, g->prompt, g->n_prompt, "prompt", &vocabulary, e);
    /* The last chosen token needs no position. */
    if (rc == SU_OK && (g->n_prompt > s->ctx || g->max_tokens > s->ctx - g->n_prompt + 1))
        rc = su_fail(e, SU_ELIMIT, "prompt", "%u tokens and an answer of %u; a session holds %u",
                     g->n_prompt, g->max_tokens, s->ctx);
    if (rc != SU_OK)
        return rc;
    struct job *j = su_alloc(sizeof *j);
    rc = su_stream_init(&j->stream, &whole, e);
    if (rc != SU_OK) {
        free(j);
        return rc;
    }
    *id = j->id = s->next_id++;
    *s->end = j;
    s->end = &j->next;
    return SU_OK;
}

static struct job *job_of(const struct su_scheduler *s, uint64_t id)
{
    struct job *j = s->first;
    while (j && j->id != id)
        j = j->next;
    return j;
}

void su_scheduler_cancel(struct su_scheduler *s, uint64_t id)
{
    struct job *j = job_of(s, id);
    if (j)
        j->cancel = true;
}

static void end_job(struct su_scheduler *s, struct job *j, enum su_code code)
{
    struct slot *sl = j->slot;
    j->ended = true;
    j->code = code;
    if (!sl)
        return;
    note_keys(sl, j->stream.token, j->stream.n_fed);
    sl->last = ++s->clock;
    sl->job = NULL;
    j->slot = NULL;
}

enum su_code su_scheduler_take(struct su_scheduler *s, uint64_t id, struct su_generated *out,
                               struct su_err *e)
{
    struct job *j = job_of(s, id), **at = &s->first;
    memset(out, 0, sizeof *out);
    if (!j)
        return su_fail(e, SU_ENOENT, "generation", "number %llu is unknown",
                       (unsigned long long)id);
    if (!j->ended)
        return su_fail(e, SU_EBUSY, "generation", "number %llu has not ended",
                       (unsigned long long)id);
    enum su_code rc = j->code;
    if (rc == SU_OK) {
        su_stream_result(&j->stream, out);
        out->n_reused = j->n_reused;
    } else if (e) {
        *e = j->err;
    }
    while (*at != j)
        at = &(*at)->next;
    *at = j->next;
    if (!j->next)
        s->end = at;
    job_free(j);
    return rc;
}

/* ---- dispatches ------------------------------------------------------------------------------ */

static void end_cancelled(struct su_scheduler *s)
{
    for (struct job *j = s->first; j; j = j->next) {
        if (j->ended)
            continue;
        if (j->cancel)
            end_job(s, j, su_fail(&j->err, SU_ECANCELLED, NULL, "stopped"));
        else if (su_stream_proceed(&j->stream, &j->err) != SU_OK)
            end_job(s, j, SU_ECANCELLED);
    }
}

/* Gives free sessions to the jobs that wait, cut back to what both hold: at least the prompt's last
   token is run again, as its logits begin the answer. */
static enum su_code admit(struct su_scheduler *s, struct su_err *e)
{
    enum su_code rc = SU_OK;
    for (struct job *j = s->first; j && rc == SU_OK; j = j->next) {
        uint32_t n_block = 0;
        if (j->ended || j->slot)
            continue;
        struct slot *sl = find_slot(s, j->stream.token, j->stream.n_prompt, &n_block);
        if (!sl)
            return SU_OK;
        uint32_t n = SU_MIN(n_block * SU_SCHEDULER_BLOCK, j->stream.n_prompt - 1);
        rc = su_engine_session_truncate(s->en, sl->session, n, e);
        if (rc != SU_OK)
            return rc;
        j->slot = sl;
        j->stream.session = sl->session;
        j->stream.n_fed = j->n_reused = n;
        sl->job = j;
        sl->n_key = 0;
    }
    return rc;
}

static void fill(struct su_scheduler *s)
{
    struct su_dispatch *d = &s->dispatch;
    for (struct job *j = s->first; j; j = j->next)
        if (j->slot && su_stream_decodes(&j->stream))
            su_dispatch_add(d, s->en, &j->stream, 1);
    uint32_t room = SU_MIN(s->chunk, su_engine_rows(s->en) - d->n_row);
    for (struct job *j = s->first; j && room > 0; j = j->next) {
        uint32_t before = d->n_row;
        if (j->slot && !su_stream_decodes(&j->stream))
            su_dispatch_add(d, s->en, &j->stream, room);
        room -= d->n_row - before;
    }
}

enum su_code su_scheduler_step(struct su_scheduler *s, uint32_t *left, struct su_err *e)
{
    struct su_dispatch *d = &s->dispatch;
    end_cancelled(s);
    enum su_code rc = admit(s, e);
    if (rc == SU_OK) {
        fill(s);
        rc = d->n_row > 0 ? su_dispatch_run(d, s->en, s->vocabulary, e) : SU_OK;
    }
    if (rc != SU_OK)
        d->n_part = 0;
    for (uint32_t i = 0; i < d->n_part; i++) {
        struct job *j = (struct job *)(void *)d->part[i].stream;
        j->err = d->part[i].err;
        if (d->part[i].code != SU_OK || j->stream.ended)
            end_job(s, j, d->part[i].code);
    }
    d->n_part = 0;
    *left = 0;
    for (const struct job *j = s->first; j; j = j->next)
        *left += !j->ended;
    return rc;
}
