// SPDX-License-Identifier: MIT
/* Looking at nodes that are in doubt: one whose beat is late is tried at its endpoint, and of the tasks
   of a running generation the frames are asked for now and then, so that one is found that has its
   inputs and gives nothing. What a node says is not believed: frames are signed, and refusals too. */
#include "oracle_priv.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    NAP_MS = 50,
    TRY_LEAST_MS = 500, /* deadline of a try: a third of the grace, within these */
    TRY_MOST_MS = 5000,
    ASK_MS = 1500, /* deadline of asking for a frame */
    STALL_LEAST_MS = 10000, /* without anything new, beside what the work may take */
    LOOKS = 4, /* looks in that time */
    LEAPS = 12, /* frames asked for at one look */
    WANTED_MS = 5000, /* nobody has asked for so long: it is not looked at */
    FORGET_MS = 60000, /* nor kept */
};

/* ---- endpoints ------------------------------------------------------------------------------------------ */

static bool cancelled(void *oracle)
{
    return ora_stopping(oracle);
}

/* The kernel of a paused process still accepts: it must also say something. */
static enum liveness_try try_endpoint(struct su_oracle *o, const char *endpoint, uint32_t ms)
{
    const struct su_peer_call call = {.deadline_ms = ms, .cancelled = cancelled, .ctx = o};
    enum su_peer_listens listens = su_peer_listens(endpoint, ms);
    struct su_buf said;

    if (listens != SU_PEER_LISTENS)
        return listens == SU_PEER_REFUSES ? LIVENESS_REFUSES : LIVENESS_SAYS_NOTHING;
    su_buf_init(&said, SU_PEER_STATUS_BYTES_MAX);
    enum su_code rc = su_peer_status_get(endpoint, &call, &said, NULL);
    su_buf_fini(&said);
    return rc == SU_OK ? LIVENESS_ANSWERS : LIVENESS_SAYS_NOTHING;
}

/* Tries one node. False: nobody is in doubt. */
static bool try_one(struct su_oracle *o)
{
    char endpoint[SU_ENDPOINT_MAX + 1] = "";
    uint8_t identity[32];
    uint32_t ms = TRY_MOST_MS;

    (void)pthread_mutex_lock(&o->lock);
    const struct liveness_node *n = liveness_suspect(&o->live, su_clock_wall_ms());
    if (n) {
        const struct ora_person *p = ora_person_of(o, n->identity);
        memcpy(identity, n->identity, 32);
        if (p)
            memcpy(endpoint, p->node.endpoint, p->node.endpoint_len);
        int64_t third = o->live.interval_ms * (int64_t)LIVENESS_GRACE / LIVENESS_SILENT;
        if (third < TRY_MOST_MS)
            ms = (uint32_t)SU_MAX(third, (int64_t)TRY_LEAST_MS);
    }
    (void)pthread_mutex_unlock(&o->lock);
    if (!n)
        return false;
    enum liveness_try what = try_endpoint(o, endpoint, ms);
    (void)pthread_mutex_lock(&o->lock);
    liveness_tried(&o->live, identity, what, su_clock_wall_ms());
    n = liveness_find(&o->live, identity);
    if (n && n->refused == LIVENESS_REFUSED)
        for (size_t i = 0; i < o->n_exec; i++)
            ora_exec_poke(o, o->exec[i]); /* one that it has a task of votes at once */
    (void)pthread_mutex_unlock(&o->lock);
    return true;
}

/* ---- tasks that give nothing ------------------------------------------------------------------------------ */

struct source {
    uint16_t task;
    uint8_t attempt, output, others; /* or any of so many outputs behind it */
    uint32_t shift; /* its step s is step s + shift here */
    uint8_t identity[32];
    char endpoint[SU_ENDPOINT_MAX + 1];
};
struct ora_progress {
    uint8_t execution[32];
    uint64_t request_slot;
    struct source self, from[SU_PORTS_MAX];
    uint8_t n_from;
    uint32_t prompt, most; /* steps of the prompt; of all */
    uint64_t wait_ms; /* that the next step may take */
    uint64_t step_ms; /* of the protocol's own speed */
    uint32_t step; /* the first of which no frame was seen */
    uint32_t stride; /* so far it had come between the last two looks */
    bool before; /* the task that draws tokens gets nowhere without it */
    uint16_t draws; /* which that is; SU_NO_TASK */
    uint64_t since_ns; /* its inputs were there, and it was not; 0: never, or no more */
    uint64_t looked_ns, wanted_ns;
    bool busy, hung, gone;
    struct su_http_keep *keep; /* of the looker's copy: its connections */
    struct ora_progress *next;
};

/* What became of asking for one frame. */
enum asked { THERE, MISSING, NOBODY };

/* Asks for the frame that holds step s of an output; *end: the first step behind it. */
static enum asked ask(struct su_oracle *o, const struct ora_progress *p, const struct source *at,
                      uint8_t output, uint32_t s, uint32_t *end)
{
    const struct su_peer_call call = {
        .deadline_ms = ASK_MS, .keep = p->keep, .cancelled = cancelled, .ctx = o};
    struct su_peer_want w = {.sender = at->identity,
                             .want = {.ref = {.execution = p->execution,
                                              .request_slot = p->request_slot,
                                              .task = at->task,
                                              .attempt = at->attempt,
                                              .port = output},
                                      .step_first = s,
                                      .step_count = 1,
                                      .purpose = SU_WIRE_RECOVERY}};
    struct su_peer_answer answer = {.refused = false};
    struct su_wire_frame f;
    struct su_buf frames;
    size_t next = 0;

    su_buf_init(&frames, 0);
    enum su_code rc = su_peer_want(o->self, at->endpoint, &w, &call, &frames, &answer, NULL);
    if (rc == SU_OK)
        while (su_peer_next(&frames, &next, &f))
            *end = f.m.u.activation.step_first + f.m.u.activation.step_count;
    su_buf_fini(&frames);
    if (rc == SU_OK)
        return THERE;
    return answer.refused && (rc == SU_ENOENT || rc == SU_ETYPE) ? MISSING : NOBODY;
}

static bool input_there(struct su_oracle *o, const struct ora_progress *p,
                        const struct source *from, uint32_t s)
{
    uint32_t end;

    if (s < from->shift)
        return true;
    for (uint8_t k = 0; k <= from->others; k++)
        if (ask(o, p, from, (uint8_t)(from->output + k), s - from->shift, &end) == THERE)
            return true;
    return false;
}

/* Has everything for its next step. Whoever emits nothing before the end of the prompt needs all of
   it. */
static bool fed(struct su_oracle *o, const struct ora_progress *p, uint32_t step)
{
    uint32_t s = SU_MAX(step, p->prompt - 1);
    bool all = s < p->most;

    for (uint8_t i = 0; i < p->n_from && all; i++)
        if (p->from[i].shift == 0 || s >= p->prompt) /* before that the prompt is its input */
            all = input_there(o, p, &p->from[i], s);
    return all;
}

/* Moves *step behind what is there, in longer and longer leaps, the first half as far as it came last
   time. MISSING: nothing more is. */
static enum asked advance(struct su_oracle *o, const struct ora_progress *p, uint32_t *step)
{
    uint32_t leap = 0, end = 0;
    bool less = false; /* than last time */
    enum asked a = ask(o, p, &p->self, p->self.output, *step, &end);

    if (a == MISSING && *step + 1 < p->prompt) {
        a = ask(o, p, &p->self, p->self.output, p->prompt - 1, &end);
        if (a == THERE)
            *step = SU_MAX(*step, end);
        return a;
    }
    enum asked first = a;
    for (unsigned i = 0; i < LEAPS && (a == THERE || (a == MISSING && leap > 1 && !less)); i++) {
        if (a == THERE) {
            *step = SU_MAX(*step + 1, end);
            leap = leap ? 2 * leap : SU_MAX(p->stride / 2, 1u);
        } else {
            less = true;
            leap = 1;
        }
        if (*step + leap >= p->most)
            leap = 1;
        if (*step + leap >= p->most)
            break;
        a = ask(o, p, &p->self, p->self.output, *step + leap - 1, &end);
    }
    return first;
}

static bool on_time(struct su_oracle *o, const uint8_t identity[32])
{
    (void)pthread_mutex_lock(&o->lock);
    const struct liveness_node *n = liveness_find(&o->live, identity);
    bool yes = n && su_clock_wall_ms() - n->last_ms <= 2 * o->live.interval_ms;
    (void)pthread_mutex_unlock(&o->lock);
    return yes;
}

/* Under the lock. */
static void conclude(struct su_oracle *o, struct ora_progress *p, uint32_t step, bool stands)
{
    uint64_t now = su_clock_mono_ns();

    if (step != p->step || !stands)
        p->since_ns = 0;
    p->stride = step - SU_MIN(p->step, step);
    p->step = step;
    if (!stands)
        return;
    if (p->since_ns == 0)
        p->since_ns = now;
    uint64_t steps = step < p->prompt ? p->prompt - step : 1;
    if (now - p->since_ns > (p->wait_ms + steps * p->step_ms) * 1000000u) {
        p->hung = true;
        struct ora_exec *x = ora_exec_find(o, p->execution);
        if (x)
            ora_exec_poke(o, x);
    }
}

/* Tokens are drawn, as was seen at one of the last two looks: whatever the task that draws them waits
   for works too, and need not be looked at. */
static bool goes_on(const struct su_oracle *o, struct ora_progress *p, uint64_t now)
{
    if (!p->before || p->since_ns != 0)
        return false;
    for (const struct ora_progress *q = o->progress; q; q = q->next)
        if (!q->gone && q->self.task == p->draws && q->stride > 0 &&
            memcmp(q->execution, p->execution, 32) == 0) {
            p->step = SU_MAX(p->step, q->step);
            return now - q->looked_ns < 2 * p->wait_ms * 1000000u / LOOKS;
        }
    return false;
}

static struct ora_progress *due(struct su_oracle *o, uint64_t now)
{
    for (struct ora_progress *p = o->progress; p; p = p->next)
        if (!p->busy && !p->gone && !p->hung && p->self.endpoint[0] &&
            now - p->wanted_ns < WANTED_MS * 1000000ull &&
            now - p->looked_ns > p->wait_ms * 1000000u / LOOKS && !goes_on(o, p, now))
            return p;
    return NULL;
}

static void sweep(struct su_oracle *o, uint64_t now)
{
    for (struct ora_progress **at = &o->progress; *at;) {
        struct ora_progress *p = *at;
        bool old = p->gone || now - p->wanted_ns > FORGET_MS * 1000000ull;
        if (p->busy || !old) {
            at = &p->next;
            continue;
        }
        *at = p->next;
        free(p);
    }
}

/* One look at one task. False: none is due. */
static bool look_one(struct su_oracle *o, struct su_http_keep *keep)
{
    uint64_t now = su_clock_mono_ns();
    struct ora_progress copy;

    (void)pthread_mutex_lock(&o->lock);
    sweep(o, now);
    struct ora_progress *p = due(o, now);
    if (p) {
        p->busy = true;
        copy = *p;
        copy.keep = keep;
    }
    (void)pthread_mutex_unlock(&o->lock);
    if (!p)
        return false;
    enum asked a = advance(o, &copy, &copy.step);
    /* One that says nothing may be paused: that is for its heartbeats to tell. */
    bool stands = (a == MISSING || (a == NOBODY && on_time(o, copy.self.identity))) &&
                  copy.step < copy.most && fed(o, &copy, copy.step);
    (void)pthread_mutex_lock(&o->lock);
    conclude(o, p, copy.step, stands);
    p->looked_ns = su_clock_mono_ns();
    p->busy = false;
    (void)pthread_mutex_unlock(&o->lock);
    return true;
}

/* ---- what is looked at ------------------------------------------------------------------------------------ */

/* Under the lock. */
static void endpoint_of(struct su_oracle *o, const uint8_t identity[32], struct source *s)
{
    const struct ora_person *p = ora_person_of(o, identity);

    memcpy(s->identity, identity, 32);
    s->endpoint[0] = 0;
    if (!p)
        return;
    memcpy(s->endpoint, p->node.endpoint, p->node.endpoint_len);
    s->endpoint[p->node.endpoint_len] = 0;
}

/* Whose output an input is; false: nobody's. Under the lock. */
static bool source_of(struct su_oracle *o, const struct su_chain_case *c,
                      const struct su_source *from, struct source *s)
{
    uint16_t task = from->external ? c->execution->sample_task : from->task;
    const struct su_acc_assignment *a = task < SU_TASKS_MAX ? c->assignments[task] : NULL;

    if (!a)
        return false;
    *s = (struct source){
        .task = task,
        .attempt = a->attempt,
        .output = from->external ? 0 : from->output,
        .others = from->external && a->output_count > 0 ? (uint8_t)(a->output_count - 1) : 0,
        .shift = from->external ? 1 : 0};
    endpoint_of(o, a->node, s);
    return true;
}

/* Brings it up to what the chain says. Under the lock. */
static void refresh(struct su_oracle *o, const struct su_chain_case *c, uint16_t task,
                    struct ora_progress *p)
{
    const struct su_acc_assignment *a = c->assignments[task];
    const struct su_params *params = &c->config->params;
    uint64_t units = 0;

    p->n_from = 0;
    for (uint8_t i = 0; i < a->input_count && i < SU_PORTS_MAX; i++)
        p->n_from += source_of(o, c, &a->sources[i], &p->from[p->n_from]);
    endpoint_of(o, a->node, &p->self);
    (void)su_econ_units(a->macs_per_step, 1, &units);
    p->step_ms = params->commit_step_ms + units * params->commit_unit_ms;
    p->wait_ms = SU_MAX((uint64_t)STALL_LEAST_MS,
                        (uint64_t)ORA_STALL_ROUNDS * params->round_slots * params->ms_per_slot);
    p->wanted_ns = su_clock_mono_ns();
}

/* Whether the task that draws tokens needs this one's output, by way of others or not. */
static bool is_before(const struct su_chain_case *c, uint16_t task)
{
    const uint16_t n = SU_MIN(c->execution->task_count, (uint16_t)SU_TASKS_MAX);
    bool needed[SU_TASKS_MAX] = {false}, more = c->execution->sample_task < n;

    if (more)
        needed[c->execution->sample_task] = true;
    while (more) {
        more = false;
        for (uint16_t t = 0; t < n; t++)
            for (uint8_t i = 0;
                 needed[t] && c->assignments[t] && i < c->assignments[t]->input_count; i++) {
                const struct su_source *s = &c->assignments[t]->sources[i];
                if (s->external || s->task >= n || needed[s->task])
                    continue;
                needed[s->task] = more = true;
            }
    }
    return task != c->execution->sample_task && needed[task];
}

static struct ora_progress *find(struct su_oracle *o, const struct ora_exec *x, uint16_t task,
                                 uint8_t attempt)
{
    struct ora_progress *p = o->progress;

    while (p && (p->gone || p->self.task != task || p->self.attempt != attempt ||
                 memcmp(p->execution, x->key, 32) != 0))
        p = p->next;
    return p;
}

bool ora_hung(struct su_oracle *o, struct ora_exec *x, uint16_t task, uint32_t prompt)
{
    const struct su_acc_execution *exec = x->seen.execution;
    const struct su_acc_assignment *a = x->seen.assignments[task];
    bool hung = false;

    (void)pthread_mutex_lock(&o->lock);
    struct ora_progress *p = find(o, x, task, a->attempt);
    if (!p && (p = su_try_alloc(1, sizeof *p))) {
        memcpy(p->execution, x->key, 32);
        p->request_slot = exec->request_slot;
        p->self.task = task;
        p->self.attempt = a->attempt;
        p->prompt = SU_MAX(prompt, 1u);
        p->most = exec->max_steps;
        p->draws = exec->sample_task;
        p->before = a->attempt == 0 && is_before(&x->seen, task); /* others rebuild first */
        p->looked_ns = su_clock_mono_ns();
        p->next = o->progress;
        o->progress = p;
    }
    if (p && !p->busy)
        refresh(o, &x->seen, task, p);
    if (p)
        hung = p->hung;
    (void)pthread_mutex_unlock(&o->lock);
    return hung;
}

void ora_progress_forget(struct su_oracle *o, const uint8_t execution[32])
{
    for (struct ora_progress *p = o->progress; p; p = p->next)
        p->gone = p->gone || memcmp(p->execution, execution, 32) == 0;
}

void ora_progress_free(struct su_oracle *o)
{
    while (o->progress) {
        struct ora_progress *p = o->progress;
        o->progress = p->next;
        free(p);
    }
}

/* ---- the threads ------------------------------------------------------------------------------------------ */

void *ora_prober(void *oracle)
{
    const struct timespec nap = {.tv_nsec = NAP_MS * 1000000};
    struct su_oracle *o = oracle;

    while (!ora_stopping(o))
        if (!try_one(o))
            (void)nanosleep(&nap, NULL);
    return NULL;
}

void *ora_looker(void *oracle)
{
    const struct timespec nap = {.tv_nsec = 5 * NAP_MS * 1000000};
    struct su_oracle *o = oracle;
    struct su_http_keep *keep = NULL;

    if (su_http_keep_new(&keep, NULL) != SU_OK)
        keep = NULL; /* a connection for each question, then */
    while (!ora_stopping(o))
        if (!look_one(o, keep))
            (void)nanosleep(&nap, NULL);
    su_http_keep_free(keep);
    return NULL;
}
