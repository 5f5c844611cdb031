// SPDX-License-Identifier: MIT
#include "support/ui_fixture.h"

#include "ui/term/grid.h"
#include "ui/ui.h"

#include <stdlib.h>
#include <string.h>

void ui_fixture_key(uint8_t out[32], unsigned seed)
{
    uint64_t x = seed * 0x9e3779b97f4a7c15ull + 12345;

    for (size_t i = 0; i < 32; i++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        out[i] = (uint8_t)(x >> 24);
    }
}

/* Keys whose order is that of n. */
static void ordered_key(uint8_t out[32], unsigned base, unsigned n)
{
    ui_fixture_key(out, base + n);
    out[0] = (uint8_t)(base >> 2);
    out[1] = (uint8_t)(n >> 16);
    out[2] = (uint8_t)(n >> 8);
    out[3] = (uint8_t)n;
}

struct sizes {
    unsigned model, task, node, ticket, oracle, execution, part, sample, log;
};

struct box {
    struct su_feed_snapshot s;
    struct su_feed_model *model;
    struct su_feed_task *task;
    struct su_feed_node *node;
    struct su_feed_ticket *ticket;
    struct su_feed_oracle *oracle;
    struct su_feed_execution *execution;
    struct su_feed_part *part;
    struct su_feed_sample *sample;
    struct su_feed_log *log;
    struct su_feed_point *earned, *rate;
};

static void *zeroed(size_t n, size_t size)
{
    void *p = calloc(n ? n : 1, size);

    if (!p)
        abort();
    return p;
}

static struct box *box_new(const struct sizes *z)
{
    struct box *b = zeroed(1, sizeof *b);

    b->s.model = b->model = zeroed(z->model, sizeof *b->model);
    b->s.task = b->task = zeroed(z->task, sizeof *b->task);
    b->s.node = b->node = zeroed(z->node, sizeof *b->node);
    b->s.ticket = b->ticket = zeroed(z->ticket, sizeof *b->ticket);
    b->s.oracle = b->oracle = zeroed(z->oracle, sizeof *b->oracle);
    b->s.execution = b->execution = zeroed(z->execution, sizeof *b->execution);
    b->s.part = b->part = zeroed(z->part, sizeof *b->part);
    b->s.sample = b->sample = zeroed(z->sample, sizeof *b->sample);
    b->s.log = b->log = zeroed(z->log, sizeof *b->log);
    b->s.earned = b->earned = zeroed(SU_FEED_HISTORY, sizeof *b->earned);
    b->s.rate = b->rate = zeroed(SU_FEED_HISTORY, sizeof *b->rate);
    b->s.n_model = z->model;
    b->s.n_task = z->task;
    b->s.n_node = z->node;
    b->s.n_ticket = z->ticket;
    b->s.n_oracle = z->oracle;
    b->s.n_execution = z->execution;
    b->s.n_part = z->part;
    b->s.n_sample = z->sample;
    b->s.n_log = z->log;
    return b;
}

void ui_fixture_free(struct su_feed_snapshot *s)
{
    struct box *b = (struct box *)s;

    if (!b)
        return;
    free(b->model);
    free(b->task);
    free(b->node);
    free(b->ticket);
    free(b->oracle);
    free(b->execution);
    free(b->part);
    free(b->sample);
    free(b->log);
    free(b->earned);
    free(b->rate);
    free(b);
}

static void chain(struct su_feed_snapshot *s, uint64_t number)
{
    s->number = number;
    s->made_ms = UI_FIXTURE_WALL_MS - 400;
    strcpy(s->cluster, "devnet");
    s->slot = 298114207;
    s->epoch = 610;
    s->ms_per_slot = 400;
    s->set_up = true;
    su_params_default(&s->params);
    s->source[SU_FEED_CHAIN] = (struct su_feed_source){.url = "http://127.0.0.1:8899",
                                                       .ok = true,
                                                       .good_ms = UI_FIXTURE_WALL_MS - 400,
                                                       .retry_ms = INT64_MIN,
                                                       .rtt_ms = 12};
    s->source[SU_FEED_ORACLES] = s->source[SU_FEED_CHAIN];
    strcpy(s->source[SU_FEED_ORACLES].url, "http://127.0.0.1:7900");
    s->source[SU_FEED_ORACLES].good_ms -= 1000;
    s->has_wallet = true;
    ui_fixture_key(s->wallet, 1);
    s->wallet_lamports = 1203880000;
    s->wallet_usdc = 41203880000;
}

static void fill_models(struct box *b)
{
    static const char *const name[] = {"llama-3.1-8b-q4", "llama-3.1-70b-q4", "qwen2.5-14b-q8",
                                       "mnist", "my-finetune-v3"};
    static const enum su_feed_model_state state[] = {SU_FEED_MODEL_LIVE, SU_FEED_MODEL_LIVE,
                                                     SU_FEED_MODEL_THIN, SU_FEED_MODEL_LIVE,
                                                     SU_FEED_MODEL_DRAFT};
    uint32_t per = (uint32_t)(b->s.n_task / (b->s.n_model ? b->s.n_model : 1)), at = 0;

    for (uint32_t i = 0; i < b->s.n_model; i++) {
        struct su_feed_model *m = &b->model[i];
        ordered_key(m->key, 100, i);
        ui_fixture_key(m->creator, 200 + i % 3);
        snprintf(m->name, sizeof m->name, i < 5 ? "%s" : "%s-%u", name[i % 5], i);
        m->state = state[i % 5];
        m->first_task = at;
        m->n_task = per;
        m->nodes = 18 - 3 * (i % 5);
        m->min_owners = 3 - (i % 5 == 4 ? 2 : 0);
        m->generates = i % 5 < 3;
        m->weight_bytes = (uint64_t)(5 - i % 5) << 30;
        m->macs_per_step = 8000000000ull / (i % 5 + 1);
        m->fee_per_step = 5000 + 410 * (i % 7);
        m->settled = 1000 / (i + 1);
        m->p50_ms = i % 5 == 4 ? UINT32_MAX : 38 * (i % 5 + 1);
        m->p95_ms = i % 5 == 4 ? UINT32_MAX : 710 * (i % 5 + 1);
        for (uint32_t k = 0; k < per; k++, at++) {
            struct su_feed_task *t = &b->task[at];
            ordered_key(t->key, 300, at);
            t->index = (uint16_t)k;
            t->owners = 3 + k % 3;
            t->nodes = 2 + k;
            t->weight_bytes = 812u << 20;
            t->vram_fixed_bytes = 64u << 20;
            t->vram_session_bytes = 16u << 20;
            t->macs_per_step = m->macs_per_step / per;
            t->fee = m->fee_per_step / per;
            t->sampling_ppm = 80000;
            t->bytes_out = 16384;
            if (k + 1 < per)
                t->consumers[(k + 1) / 8] = (uint8_t)(1u << ((k + 1) % 8));
        }
    }
}

static void fill_nodes(struct box *b)
{
    static const enum su_feed_node_state state[] = {SU_FEED_NODE_OK,      SU_FEED_NODE_OK,
                                                    SU_FEED_NODE_LATE,    SU_FEED_NODE_DOWN,
                                                    SU_FEED_NODE_LOADING, SU_FEED_NODE_UNKNOWN};

    for (uint32_t i = 0; i < b->s.n_node; i++) {
        struct su_feed_node *n = &b->node[i];
        ordered_key(n->identity, 400, i);
        if (i < 2)
            memcpy(n->owner, b->s.wallet, 32);
        else
            ui_fixture_key(n->owner, 500 + i % 50);
        n->own_owner = i < 2 && b->s.has_wallet;
        n->own_identity = i == 0;
        snprintf(n->endpoint, sizeof n->endpoint, "198.51.100.%u:7700", i % 250);
        n->state = state[i % 6];
        n->stake_free = 8000000000ull - i % 7 * 500000000ull;
        n->stake_reserved = i % 3 * 125000000ull;
        n->stake_unlocking = i == 0 ? 500000000 : 0;
        n->earned = i % 6 * 3067000ull + 411002;
        n->vram_bytes = 24ull << 30;
        n->declared = 2 + i % 5;
        n->completed = 214 + i % 40;
        n->verified = 200;
        n->checks = 17;
        n->last_beat_ms = i % 6 == 5 ? INT64_MIN : UI_FIXTURE_WALL_MS - 2100 - 13000 * (i % 6);
        n->missed = i % 6 == 5 ? UINT32_MAX : i % 6 * 3;
        n->rtt_ms = i % 6 == 5 ? UINT32_MAX : 2 + i % 6 * 9;
        for (uint32_t k = 0; k < SU_FEED_BEATS; k++)
            n->beats[k] = i % 6 == 5 ? 2 : (k * 7 + i) % (13 - i % 6 * 2) != 0;
    }
    for (uint32_t i = 0; i < b->s.n_ticket; i++) {
        memcpy(b->ticket[i].node, b->node[0].identity, 32);
        b->ticket[i].number = (uint8_t)i;
        b->ticket[i].amount = 250000000;
        b->ticket[i].unlock_slot = b->s.slot + 900 * i - 300;
    }
    for (uint32_t i = 0; i < b->s.n_oracle; i++) {
        struct su_feed_oracle *o = &b->oracle[i];
        ordered_key(o->key, 600, i);
        ui_fixture_key(o->owner, 700 + i);
        snprintf(o->endpoint, sizeof o->endpoint, "203.0.113.%u:7900", i);
        o->in_epoch = i < 5;
        o->answers = i != 3;
        o->bond = 1000000000;
        o->earned = 18442109;
        o->votes = 4100 - i;
        o->silent = i == 3 ? 7 : 0;
        o->age_ms = i == 4 ? INT64_MIN : 800 * (int64_t)(i + 1);
        o->round = 88123;
    }
}

static void fill_executions(struct box *b)
{
    static const uint8_t state[] = {SU_EXEC_RUNNING,   SU_EXEC_CHECKING, SU_EXEC_SETTLED,
                                    SU_EXEC_REQUESTED, SU_EXEC_SETTLED,  SU_EXEC_VOID};
    uint16_t per = (uint16_t)(b->s.n_part / (b->s.n_execution ? b->s.n_execution : 1));
    uint32_t at = 0;

    for (uint32_t i = 0; i < b->s.n_execution; i++) {
        struct su_feed_execution *e = &b->execution[i];
        const struct su_feed_model *m = &b->model[i % b->s.n_model];
        ui_fixture_key(e->key, 10000 + i);
        if (i % 4 == 0)
            memcpy(e->requestor, b->s.wallet, 32);
        else
            ui_fixture_key(e->requestor, 800 + i % 9);
        e->own = i % 4 == 0;
        memcpy(e->model, m->key, 32);
        strcpy(e->model_name, m->name);
        e->state = state[i % 6];
        e->void_cause = e->state == SU_EXEC_VOID ? SU_VOID_FAULT : SU_VOID_NONE;
        e->closed = i % 6 == 4;
        e->max_steps = 1 + 63 * (i % 2);
        e->seed = 42 + i;
        e->submit_slot = b->s.slot - 100 * i;
        e->deadline_slot = b->s.slot + 53 + i;
        e->seen_ms = UI_FIXTURE_WALL_MS - 41000 * (int64_t)(i + 1);
        e->final_ms = INT64_MIN;
        e->escrow = e->fees = 41000 + i % 50;
        e->task_count = per;
        e->assigned = e->state > SU_EXEC_REQUESTED ? per : 0;
        e->committed = e->state >= SU_EXEC_CHECKING ? per : per / 2;
        e->sampled = 1;
        e->revealed = e->matched = e->state >= SU_EXEC_SETTLED ? per : 0;
        e->faults = e->state == SU_EXEC_VOID;
        e->first_part = at;
        for (uint16_t k = 0; k < per; k++, at++) {
            struct su_feed_part *p = &b->part[at];
            p->execution = i;
            p->task = k;
            p->state = (uint8_t)(e->state == SU_EXEC_SETTLED ? SU_TASK_VERIFIED
                                 : k == 0                    ? SU_TASK_COMPLETED
                                                             : SU_TASK_ASSIGNED);
            p->flags = (uint16_t)((k == 0 ? SU_TASKF_SAMPLED : 0) |
                                  (e->state == SU_EXEC_RUNNING ? SU_TASKF_OPEN : 0));
            memcpy(p->node, b->node[(i + k) % b->s.n_node].identity, 32);
            memcpy(p->owner, b->node[(i + k) % b->s.n_node].owner, 32);
            p->fee = e->fees / per;
            p->sampling_ppm = 80000;
            p->steps_done = k == 3 ? UINT32_MAX : e->max_steps / (k + 1u);
            p->compute_ms = k == 3 ? UINT32_MAX : 940 + 200u * k;
            p->wait_ms = k == 3 ? UINT32_MAX : 300u * k;
            p->network_ms = k == 3 ? UINT32_MAX : 120;
            strcpy(p->backend, k % 2 ? "cpu" : "vulkan");
        }
    }
}

static void fill_samples(struct box *b)
{
    static const enum su_feed_verdict verdict[] = {
        SU_FEED_MATCH,   SU_FEED_RUNNING, SU_FEED_MATCH,    SU_FEED_MISMATCH,
        SU_FEED_PENDING, SU_FEED_SILENT,  SU_FEED_COMMITTEE};

    for (uint32_t i = 0; i < b->s.n_sample; i++) {
        struct su_feed_sample *d = &b->sample[i];
        const struct su_feed_execution *e = &b->execution[i % b->s.n_execution];
        memcpy(d->execution, e->key, 32);
        d->execution[31] ^= (uint8_t)(i / b->s.n_execution);
        d->task = (uint16_t)(i % 6);
        d->number = i % 7 == 4 ? 255 : 0;
        strcpy(d->model_name, e->model_name);
        d->verdict = verdict[i % 7];
        d->threshold_ppm = 80000;
        d->draw = 3006477u * (i % 100 + 1);
        memcpy(d->asserter, b->node[i % b->s.n_node].identity, 32);
        if (i % 7 != 4)
            memcpy(d->validator, b->node[(i + 5) % b->s.n_node].identity, 32);
        d->own_asserter = i % 5 == 0;
        ui_fixture_key(d->asserter_root, 900 + i % 64);
        if (i % 7 == 0 || i % 7 == 2)
            memcpy(d->validator_root, d->asserter_root, 32);
        if (i % 7 == 3) {
            ui_fixture_key(d->validator_root, 990);
            d->dispute = SU_DISPUTE_ROOTS;
            d->chain_verdict = SU_VERDICT_NONE;
            strcpy(d->dispute_text,
                   "step 3, op 17 (matmul), element 4096: asserter 0.8125, validator 0.7725");
        }
        d->dispute_step = i % 7 == 3 ? 3 : UINT32_MAX;
        d->slot = b->s.slot - 17 * i;
        d->seen_ms = UI_FIXTURE_WALL_MS - 61000 * (int64_t)(i + 1);
        d->done_ms = INT64_MIN;
        d->fee = 4920;
    }
}

static void fill_log(struct box *b)
{
    static const struct {
        enum su_feed_log_level level;
        const char *topic, *text;
    } line[] = {
        {SU_FEED_ERROR, "feed", "rpc timeout url=http://127.0.0.1:8899 ms=5000"},
        {SU_FEED_INFO, "feed", "rpc back after 12s url=http://127.0.0.1:8899"},
        {SU_FEED_INFO, "chain", "confirmed sig=2fQe.. slots=2"},
        {SU_FEED_WARN, "oracle", "roots differ execution=4uR1.. task=3"},
        {SU_FEED_DEBUG, "feed", "snapshot 17 models=5 nodes=6"},
        {SU_FEED_INFO, "node", "beat sent slot=298114205"},
    };

    for (uint32_t i = 0; i < b->s.n_log; i++) {
        struct su_feed_log *l = &b->log[i];
        l->number = i + 1;
        l->at_ms = UI_FIXTURE_WALL_MS - 8000 * (int64_t)(b->s.n_log - i);
        l->level = line[i % 6].level;
        strcpy(l->topic, line[i % 6].topic);
        strcpy(l->text, line[i % 6].text);
    }
}

static void fill_own(struct su_feed_snapshot *s, const struct box *b)
{
    s->has_identity = true;
    memcpy(s->identity, b->node[0].identity, 32);
    s->source[SU_FEED_NODE] = s->source[SU_FEED_CHAIN];
    strcpy(s->source[SU_FEED_NODE].url, "http://127.0.0.1:7700");
    s->own.known = true;
    strcpy(s->own.state, "ready");
    strcpy(s->own.backend, "vulkan");
    strcpy(s->own.device, "RADV NAVI31");
    s->own.uptime_ms = 274260000;
    s->own.vram_bytes = 24ull << 30;
    s->own.vram_used_bytes = 18ull << 30;
    s->own.beats_sent = 1000;
    s->own.beats_acknowledged = 998;
    s->own.n_task = 2;
    for (uint32_t i = 0; i < 2; i++) {
        struct su_feed_own_task *t = &s->own.task[i];
        memcpy(t->task, b->task[i].key, 32);
        memcpy(t->model, b->model[0].key, 32);
        t->index = (uint16_t)i;
        strcpy(t->state, i ? "fetching" : "ready");
        t->total_bytes = 812u << 20;
        t->done_bytes = i ? 500u << 20 : t->total_bytes;
    }
}

static struct box *filled(const struct sizes *z, uint64_t number)
{
    struct box *b = box_new(z);

    chain(&b->s, number);
    fill_models(b);
    fill_nodes(b);
    fill_executions(b);
    fill_samples(b);
    fill_log(b);
    fill_own(&b->s, b);
    b->s.checked_tasks = 12345;
    b->s.sampled_tasks = 1003;
    b->s.compute_macs = 1000000000;
    b->s.check_macs = 92000000;
    b->s.matches = 996;
    b->s.mismatches = 1;
    b->s.n_earned = b->s.n_rate = 40;
    for (unsigned i = 0; i < 40; i++) {
        b->earned[i].at_ms = b->rate[i].at_ms = UI_FIXTURE_WALL_MS - 60000 * (int64_t)(40 - i);
        b->earned[i].value = 411002ull * i;
        b->rate[i].value = 10 + i % 7;
    }
    return b;
}

static void make_hostile(struct box *b)
{
    static const char *const bad[] = {
        "\x1b[31mred\x1b]0;title\x07",
        ("\xe2\x80\xae"
         "evil"
         "\xe2\x80\xac"),
        "\xe4\xb8\xad\xe6\x96\x87",
        "e\xcc\x81\xcc\x81\xcc\x81\xcc\x81",
        "\xff\xfe\xc3(",
        "\xf0\x9f\x98\x80\xf0\x9f\x98\x80",
        "a\tb\nc\rd",
        ("\xc2\x9b"
         "31m"),
        "0123456789012345678901234567890",
        "\u200b\u200d\ufeffm\u00adnist",
        "\u05d0\u05d1\u200f7",
    };
    size_t k = 0;

    for (size_t i = 0; i < b->s.n_model; i++)
        su_str_copy(b->model[i].name, sizeof b->model[i].name, bad[k++ % SU_ARRAY_LEN(bad)]);
    for (size_t i = 0; i < b->s.n_node; i++)
        su_str_copy(b->node[i].endpoint, sizeof b->node[i].endpoint, bad[k++ % SU_ARRAY_LEN(bad)]);
    for (size_t i = 0; i < b->s.n_execution; i++)
        su_str_copy(b->execution[i].model_name, sizeof b->execution[i].model_name,
                    bad[k++ % SU_ARRAY_LEN(bad)]);
    for (size_t i = 0; i < b->s.n_sample; i++)
        su_str_copy(b->sample[i].dispute_text, sizeof b->sample[i].dispute_text,
                    bad[k++ % SU_ARRAY_LEN(bad)]);
    for (size_t i = 0; i < b->s.n_log; i++) {
        su_str_copy(b->log[i].topic, sizeof b->log[i].topic, bad[k++ % SU_ARRAY_LEN(bad)]);
        su_str_copy(b->log[i].text, sizeof b->log[i].text, bad[k++ % SU_ARRAY_LEN(bad)]);
    }
    su_str_copy(b->s.cluster, sizeof b->s.cluster, bad[0]);
}

static void make_partial(struct box *b)
{
    struct su_feed_snapshot *s = &b->s;

    for (size_t i = SU_FEED_ORACLES; i < SU_FEED_ORIGINS; i++) {
        s->source[i].ok = false;
        s->source[i].good_ms = INT64_MIN;
        s->source[i].retry_ms = UI_FIXTURE_WALL_MS + 5000;
        s->source[i].failures = 2;
        strcpy(s->source[i].error, "connection refused");
    }
    s->wallet_lamports = s->wallet_usdc = SU_FEED_UNKNOWN;
    s->own.known = false;
    for (size_t i = 0; i < s->n_model; i++)
        b->model[i].p50_ms = b->model[i].p95_ms = UINT32_MAX;
    for (size_t i = 0; i < s->n_node; i++) {
        b->node[i].state = SU_FEED_NODE_UNKNOWN;
        b->node[i].last_beat_ms = INT64_MIN;
        b->node[i].missed = b->node[i].rtt_ms = UINT32_MAX;
        memset(b->node[i].beats, 2, sizeof b->node[i].beats);
    }
    for (size_t i = 0; i < s->n_oracle; i++) {
        b->oracle[i].answers = false;
        b->oracle[i].age_ms = INT64_MIN;
    }
    for (size_t i = 0; i < s->n_part; i++) {
        b->part[i].steps_done = b->part[i].compute_ms = UINT32_MAX;
        b->part[i].wait_ms = b->part[i].network_ms = UINT32_MAX;
    }
    s->n_earned = s->n_rate = 0;
}

static void make_foreign(struct box *b)
{
    static const char *const name[] = {
        "\u6a21\u578b-\u4e03 (\u4e2d\u6587)",
        "\u041c\u043e\u0434\u0435\u043b\u044c-\u0411",
        "\u039c\u03bf\u03bd\u03c4\u03ad\u03bb\u03bf",
        "\ud55c\uad6d\uc5b4 \ubaa8\ub378\u0301",
        "e\u0301te\u0301 \U0001f469\u200d\U0001f4bb\U0001f1eb\U0001f1f7",
        "\u3072\u3089\u304c\u306a\u30ab\u30bf\u30ab\u30ca",
        "\u0e20\u0e32\u0e29\u0e32\u0e44\u0e17\u0e22"};
    size_t k = 0;

    for (size_t i = 0; i < b->s.n_model; i++)
        su_str_copy(b->model[i].name, sizeof b->model[i].name, name[k++ % SU_ARRAY_LEN(name)]);
    for (size_t i = 0; i < b->s.n_execution; i++)
        su_str_copy(b->execution[i].model_name, sizeof b->execution[i].model_name,
                    name[k++ % SU_ARRAY_LEN(name)]);
    for (size_t i = 0; i < b->s.n_sample; i++)
        su_str_copy(b->sample[i].model_name, sizeof b->sample[i].model_name,
                    name[i % SU_ARRAY_LEN(name)]);
    for (size_t i = 0; i < b->s.n_log; i++)
        su_str_copy(b->log[i].text, sizeof b->log[i].text, name[k++ % SU_ARRAY_LEN(name)]);
}

struct su_feed_snapshot *ui_fixture_make(enum ui_fixture_kind kind, uint64_t number)
{
    static const struct sizes small = {5, 30, 6, 2, 6, 6, 30, 14, 8}, none = {0};
    struct box *b;

    if (kind == UI_FIXTURE_EMPTY || kind == UI_FIXTURE_LOADING) {
        b = box_new(&none);
        chain(&b->s, number);
        b->s.has_wallet = false;
        if (kind == UI_FIXTURE_LOADING)
            for (size_t i = 0; i < 2; i++) {
                b->s.source[i].ok = false;
                b->s.source[i].loading = true;
                b->s.source[i].good_ms = INT64_MIN;
            }
        if (kind == UI_FIXTURE_LOADING) {
            b->s.slot = b->s.epoch = SU_FEED_UNKNOWN;
            b->s.set_up = false;
        }
        return &b->s;
    }
    b = filled(&small, number);
    if (kind == UI_FIXTURE_HOSTILE)
        make_hostile(b);
    if (kind == UI_FIXTURE_PARTIAL)
        make_partial(b);
    if (kind == UI_FIXTURE_FOREIGN)
        make_foreign(b);
    if (kind == UI_FIXTURE_NO_WALLET) {
        b->s.has_wallet = false;
        for (size_t i = 0; i < b->s.n_node; i++)
            b->node[i].own_owner = false;
    }
    if (kind == UI_FIXTURE_STALE) {
        struct su_feed_source *c = &b->s.source[SU_FEED_CHAIN];
        c->ok = false;
        c->good_ms = UI_FIXTURE_WALL_MS - 47000;
        c->retry_ms = UI_FIXTURE_WALL_MS + 12000;
        c->failures = 4;
        strcpy(c->error, "timed out after 5000 ms");
    }
    return &b->s;
}

struct su_feed_snapshot *ui_fixture_large(uint64_t number)
{
    static const struct sizes large = {1000, 8000, 10000, 2, 8, 10000, 80000, 100000, 2000};

    return &filled(&large, number)->s;
}

const char *ui_fixture_grid_fault(const struct ui_grid *g)
{
    for (int y = 0; y < g->h; y++)
        for (int x = 0; x < g->w; x++) {
            const struct ui_cell *c = ui_grid_at(g, x, y), *after = ui_grid_at(g, x + 1, y);
            if (c->role >= UI_ROLES)
                return "no such role";
            if (c->cp == 0 && (x == 0 || ui_glyph_width(ui_grid_at(g, x - 1, y)->cp) != 2))
                return "half a character without the other";
            if (c->cp != 0 && ui_glyph(c->cp) != c->cp)
                return "what is no character";
            if (c->cp != 0 && ui_glyph_width(c->cp) == 2 && (!after || after->cp != 0))
                return "a wide character cut in two";
            for (size_t i = 0; i < UI_MARKS; i++)
                if (c->mark[i] && (c->cp == 0 || ui_glyph_width(c->mark[i]) != 0))
                    return "what is no accent";
        }
    return NULL;
}
