// SPDX-License-Identifier: MIT
/* Disputes: found by the workers, judged by threads of their own, since that may take minutes, and
   voted on round after round until the committee agrees. */
#include "judge.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    PEERS_MAX = 16,
    FETCH_MS = 10000, /* deadline of asking a party once */
};

struct ora_job {
    struct ora_job *next;
    uint8_t key[32];
    uint16_t task;
    uint8_t dispute;
    uint64_t deadline_slot; /* tells one dispute of a task from the next */
    /* Of the judge while `taken`, else under the lock. */
    bool taken, done, left; /* left: the execution is gone */
    uint64_t again_ns;
    uint32_t tries;
    enum su_code rc;
    struct dispute_finding finding;
    bool last_call;
    struct su_acc_execution execution;
    struct su_acc_assignment *assignment; /* one per task; those that are not open are zero */
};

void ora_job_free(struct ora_job *j)
{
    free(j->assignment);
    free(j);
}

/* ---- of the workers ---------------------------------------------------------------------------------- */

static struct ora_job *job_of(struct su_oracle *o, const struct ora_exec *x, uint16_t task)
{
    const struct su_acc_assignment *a = x->seen.assignments[task];

    for (struct ora_job *j = o->job; j; j = j->next)
        if (j->task == task && j->dispute == a->dispute && j->deadline_slot == a->deadline_slot &&
            memcmp(j->key, x->key, 32) == 0)
            return j;
    return NULL;
}

/* What the job needs of the chain, as it is now. */
static bool job_fill(struct ora_job *j, const struct su_chain_case *c)
{
    const struct su_acc_assignment *a = c->assignments[j->task];
    const struct su_params *p = &c->config->params;
    uint64_t slots =
        su_econ_dispute_slots(p, a->weight_bytes, a->macs_per_step, c->execution->steps);

    if (!j->assignment)
        j->assignment = su_try_alloc(c->execution->task_count, sizeof *j->assignment);
    if (!j->assignment)
        return false;
    j->execution = *c->execution;
    for (uint16_t i = 0; i < c->execution->task_count; i++)
        if (c->assignments[i])
            j->assignment[i] = *c->assignments[i];
    /* What is not shown in the first half counts against who should have shown it. */
    j->last_call = a->deadline_slot != 0 && c->slot + slots / 2 > a->deadline_slot;
    return true;
}

static void job_add(struct su_oracle *o, const struct ora_exec *x, uint16_t task)
{
    const struct su_acc_assignment *a = x->seen.assignments[task];
    struct ora_job *j = su_try_alloc(1, sizeof *j);

    if (!j)
        return;
    memcpy(j->key, x->key, 32);
    j->task = task;
    j->dispute = a->dispute;
    j->deadline_slot = a->deadline_slot;
    if (!job_fill(j, &x->seen)) {
        ora_job_free(j);
        return;
    }
    (void)pthread_mutex_lock(&o->lock);
    j->next = o->job;
    o->job = j;
    (void)pthread_cond_signal(&o->judging);
    (void)pthread_mutex_unlock(&o->lock);
    su_log(SU_LOG_INFO, "oracle", "%s task %u: in dispute", x->name, task);
}

/* A verdict that fits the dispute and is not the one found. */
static uint8_t other_verdict(const struct dispute_finding *f)
{
    if (f->verdict != SU_VERDICT_ASSERTER)
        return SU_VERDICT_ASSERTER;
    return f->dispute == SU_DISPUTE_ROOTS ? SU_VERDICT_VALIDATOR : SU_VERDICT_RIGHT;
}

static void vote_on(struct su_oracle *o, struct ora_exec *x, uint8_t number,
                    const struct dispute_finding *f)
{
    struct su_ix_vote_task ix = {
        .question = SU_QUESTION_VERDICT, .verdict = f->verdict, .verdict_task = f->verdict_task};

    if (su_oracle_fault("votes-wrongly")) {
        ix.verdict = other_verdict(f);
        ix.verdict_task = 0;
    }
    (void)ora_vote_task(o, x, number, f->task, &ix);
}

void ora_judge(struct su_oracle *o, struct ora_exec *x, uint8_t number)
{
    const struct su_chain_case *c = &x->seen;

    for (uint16_t i = 0; i < c->execution->task_count; i++) {
        uint16_t flags = c->execution->tasks[i].flags;
        struct dispute_finding found = {.verdict = SU_VERDICT_NONE};
        if ((flags & SU_TASKF_DISPUTED) == 0 || (flags & SU_TASKF_REVEALED) == 0 ||
            !c->assignments[i])
            continue;
        (void)pthread_mutex_lock(&o->lock);
        struct ora_job *j = job_of(o, x, i);
        if (j && j->done && j->rc == SU_OK)
            found = j->finding;
        if (j && !j->taken && !j->done && j->again_ns <= su_clock_mono_ns())
            (void)!job_fill(j, c);
        if (j)
            (void)pthread_cond_signal(&o->judging);
        (void)pthread_mutex_unlock(&o->lock);
        if (!j)
            job_add(o, x, i);
        if (found.verdict != SU_VERDICT_NONE)
            vote_on(o, x, number, &found);
    }
}

void ora_judge_forget(struct su_oracle *o, const uint8_t execution[32])
{
    struct ora_job **at = &o->job;

    while (*at) {
        struct ora_job *j = *at;
        if (memcmp(j->key, execution, 32) != 0) {
            at = &j->next;
            continue;
        }
        *at = j->next;
        j->left = true;
        if (!j->taken)
            ora_job_free(j);
    }
}

/* ---- of a judge ---------------------------------------------------------------------------------------- */

struct sitting {
    struct su_oracle *o;
    struct ora_job *j;
    char url[PEERS_MAX][SU_ENDPOINT_MAX + 8];
    const char *peer[PEERS_MAX];
    size_t n_peer;
};

static bool given_up(void *ctx)
{
    struct sitting *s = ctx;

    if (ora_stopping(s->o))
        return true;
    (void)pthread_mutex_lock(&s->o->lock);
    bool left = s->j->left;
    (void)pthread_mutex_unlock(&s->o->lock);
    return left;
}

static enum su_code fetch(void *ctx, const struct dispute_want *w, struct su_buf *frames,
                          struct su_err *e)
{
    struct sitting *s = ctx;
    const struct su_peer_call call = {.deadline_ms = FETCH_MS, .cancelled = given_up, .ctx = s};
    const struct su_peer_want want = {
        .want = w->want, .sender = w->identity, .producer = w->producer};
    char endpoint[SU_ENDPOINT_MAX + 1] = "";

    (void)pthread_mutex_lock(&s->o->lock);
    const struct ora_person *p = ora_person_of(s->o, w->identity);
    if (p)
        memcpy(endpoint, p->node.endpoint, p->node.endpoint_len);
    (void)pthread_mutex_unlock(&s->o->lock);
    if (!endpoint[0])
        return su_fail(e, SU_ENET, "node", "has no endpoint");
    return su_peer_want(s->o->self, endpoint, &want, &call, frames, NULL, e);
}

/* Whoever offers the task has its weights. */
static void find_peers(struct sitting *s)
{
    struct su_oracle *o = s->o;
    const uint8_t *task = s->j->assignment[s->j->task].task_account;

    (void)pthread_mutex_lock(&o->lock);
    for (size_t i = 0; i < o->people.n && s->n_peer < PEERS_MAX; i++) {
        const struct su_acc_node *n = &o->people.person[i].node;
        const struct liveness_node *l = liveness_find(&o->live, n->identity);
        if (!l || !l->online || n->endpoint_len == 0 || !liveness_loaded(l, task))
            continue;
        (void)snprintf(s->url[s->n_peer], sizeof s->url[0], "http://%.*s", (int)n->endpoint_len,
                       (const char *)n->endpoint);
        s->peer[s->n_peer] = s->url[s->n_peer];
        s->n_peer++;
    }
    (void)pthread_mutex_unlock(&o->lock);
}

static enum su_code get_package(struct sitting *s, struct su_store *store,
                                struct su_package **package, struct su_err *e)
{
    const struct su_store_hooks hooks = {.cancelled = given_up, .ctx = s};
    const struct su_chain_model *m;
    char uri[SU_URI_MAX + 1];
    enum su_code rc = ora_model_of(s->o, s->j->execution.model, &m, e);

    if (rc)
        return rc;
    su_str_sanitize(uri, sizeof uri, (const char *)m->model->uri, m->model->uri_len);
    rc = su_package_open(uri, store, s->peer, s->n_peer, &hooks, package, e);
    for (uint16_t i = 0; i < m->model->task_count && !rc; i++)
        rc = su_package_check_task(*package, i, m->tasks[i]->graph_digest,
                                   m->tasks[i]->weights_digest, e);
    return rc;
}

static enum su_code judge(struct sitting *s, struct su_store *store,
                          const struct su_package *package, const struct su_map *input,
                          struct su_err *e)
{
    const struct ora_job *j = s->j;
    const struct su_acc_assignment *assignments[SU_TASKS_MAX] = {NULL};
    const struct dispute_case c = {.key = j->key,
                                   .execution = &j->execution,
                                   .assignments = assignments,
                                   .task = j->task,
                                   .scope = *su_peer_self_scope(s->o->self),
                                   .package = package,
                                   .container = input->data,
                                   .container_bytes = input->len,
                                   .store = store,
                                   .peers = s->peer,
                                   .n_peers = s->n_peer,
                                   .last_call = j->last_call,
                                   .fetch = fetch,
                                   .cancelled = given_up,
                                   .ctx = s};

    for (uint16_t i = 0; i < j->execution.task_count; i++)
        if (j->assignment[i].head.tag == SU_TAG_ASSIGNMENT)
            assignments[i] = &j->assignment[i];
    return dispute_judge(&c, &s->j->finding, e);
}

static enum su_code sit(struct sitting *s, struct su_err *e)
{
    struct su_package *package = NULL;
    struct su_store *store = NULL;
    struct su_map input = {.data = NULL};
    char path[4200];

    find_peers(s);
    enum su_code rc = su_store_open(s->o->home, NULL, &store, e);
    if (!rc)
        rc = ora_exec_path(s->o, s->j->key, "input", path, e);
    if (!rc)
        rc = su_map_open(path, SU_PEER_INPUT_BYTES_MAX, &input, e);
    if (!rc) {
        rc = get_package(s, store, &package, e);
        if (!rc)
            rc = judge(s, store, package, &input, e);
        su_map_close(&input);
    }
    su_package_free(package);
    su_store_close(store);
    return rc;
}

/* The evidence, one line of JSON per finding; it outlives the execution. */
static void keep_evidence(struct su_oracle *o, const struct ora_job *j)
{
    char path[4200], text[SU_CHAIN_TEXT];
    struct su_buf line;

    su_buf_init(&line, 0);
    enum su_code rc = dispute_json(&j->finding, &line, NULL);
    int n = snprintf(path, sizeof path, "%s/findings", o->folder);
    if (!rc && n > 0 && n < 4000)
        rc = su_dir_make(path, 0700, NULL);
    (void)snprintf(path + n, sizeof path - (size_t)n, "/%s", su_chain_key_text(j->key, text));
    FILE *f = rc ? NULL : fopen(path, "a");
    bool kept = f && fprintf(f, "%.*s\n", (int)line.len, (const char *)line.data) > 0;
    if (f && fclose(f) != 0)
        kept = false;
    if (!kept)
        su_log(SU_LOG_WARN, "oracle", "%s cannot be written", path);
    su_buf_fini(&line);
}

/* Rounds before it is tried again, doubling up to eight. */
static uint64_t pause_ns(const struct su_oracle *o, uint32_t tries)
{
    return (uint64_t)o->round_ms * 1000000u << SU_MIN(tries, 3u);
}

static struct ora_job *next_job(struct su_oracle *o)
{
    uint64_t now = su_clock_mono_ns();

    for (struct ora_job *j = o->job; j; j = j->next)
        if (!j->taken && !j->done && j->again_ns <= now)
            return j;
    return NULL;
}

void *ora_judges(void *oracle)
{
    struct su_oracle *o = oracle;

    (void)pthread_mutex_lock(&o->lock);
    while (!ora_stopping(o)) {
        struct sitting s = {.o = o, .j = next_job(o)};
        struct su_err e = {0};
        char text[SU_CHAIN_TEXT];
        if (!s.j) {
            (void)pthread_cond_wait(&o->judging, &o->lock);
            continue;
        }
        s.j->taken = true;
        (void)pthread_mutex_unlock(&o->lock);
        enum su_code rc = sit(&s, &e);
        su_log(s.j->tries == 0 || !rc ? SU_LOG_INFO : SU_LOG_DEBUG, "oracle", "%s task %u: %s",
               su_chain_key_text(s.j->key, text), s.j->task, rc ? e.msg : s.j->finding.why);
        if (!rc)
            keep_evidence(o, s.j);
        (void)pthread_mutex_lock(&o->lock);
        s.j->taken = false;
        s.j->rc = rc;
        s.j->done = rc == SU_OK;
        s.j->again_ns = su_clock_mono_ns() + pause_ns(o, s.j->tries++);
        struct ora_exec *x = ora_exec_find(o, s.j->key);
        if (x && !rc)
            ora_exec_poke(o, x);
        if (s.j->left)
            ora_job_free(s.j);
    }
    (void)pthread_mutex_unlock(&o->lock);
    return NULL;
}
