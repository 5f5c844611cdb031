// SPDX-License-Identifier: MIT
/* A layout with padding the compiler chose would differ between compilers: refused here. */
#pragma GCC diagnostic push
#pragma GCC diagnostic error "-Wpadded"
#include "accounts.h"
#include "instructions.h"
#pragma GCC diagnostic pop

#include "abi.h"

enum { GROWTH_MAX = 10240 }; /* bytes an account may gain in one instruction on Solana */

#define SIZES(X)                                                                                   \
    X(STATE, state)                                                                                \
    X(CONFIG, config)                                                                              \
    X(ORACLE, oracle)                                                                              \
    X(MODEL, model)                                                                                \
    X(TASK, task)                                                                                  \
    X(DECLARATION, declaration)                                                                    \
    X(NODE, node)                                                                                  \
    X(REQUESTOR, requestor)                                                                        \
    X(POOL, pool)                                                                                  \
    X(CLAIM, claim)                                                                                \
    X(EXECUTION, execution)                                                                        \
    X(ASSIGNMENT, assignment)                                                                      \
    X(CHECK, check)                                                                                \
    X(RESERVE, reserve)
#define FITS(TAG, name)                                                                            \
    _Static_assert(sizeof(struct su_acc_##name) <= GROWTH_MAX, #name " is created in one go");     \
    _Static_assert(sizeof(struct su_acc_##name) % 8 == 0, #name " ends on a boundary");
SIZES(FITS)

uint64_t su_acc_bytes(uint8_t tag)
{
    static const uint16_t bytes[SU_TAG_COUNT] = {
#define ROW(TAG, name) [SU_TAG_##TAG] = sizeof(struct su_acc_##name),
        SIZES(ROW)
#undef ROW
    };
    return tag < SU_TAG_COUNT ? bytes[tag] : 0;
}

static bool config_valid(const struct su_acc_config *c)
{
    return c->oracle_count <= SU_ORACLES_MAX && c->quorum <= c->oracle_count &&
           su_params_check(&c->params);
}

static bool model_valid(const struct su_acc_model *m)
{
    return m->task_count >= 1 && m->task_count <= SU_TASKS_MAX && m->tasks_added <= m->task_count &&
           (m->sample_task == SU_NO_TASK || m->sample_task < m->task_count) &&
           m->state >= SU_MODEL_DRAFT && m->state <= SU_MODEL_DISCARDING &&
           m->uri_len <= SU_URI_MAX && m->name_len <= SU_NAME_MAX && m->feedback_set <= 1 &&
           (m->feedback_set == 0 ||
            (m->feedback_task < m->task_count && m->feedback_output < SU_PORTS_MAX &&
             m->feedback_input < SU_PORTS_MAX));
}

static bool specs_valid(const struct su_spec *specs, unsigned count)
{
    if (count < 1 || count > SU_PORTS_MAX)
        return false;
    for (unsigned i = 0; i < count; i++)
        if (specs[i].dtype >= SU_DTYPE_MAX || specs[i].rank > SU_RANK_MAX ||
            specs[i].from_task >= SU_TASKS_MAX || specs[i].from_output >= SU_PORTS_MAX)
            return false;
    return true;
}

static bool task_valid(const struct su_acc_task *t)
{
    return t->index < SU_TASKS_MAX && t->uri_len <= SU_URI_MAX && t->sampling_ppm <= SU_PPM &&
           specs_valid(t->inputs, t->input_count) && specs_valid(t->outputs, t->output_count);
}

static bool execution_valid(const struct su_acc_execution *e)
{
    if (e->task_count < 1 || e->task_count > SU_TASKS_MAX || e->state < SU_EXEC_OPENING ||
        e->state > SU_EXEC_VOID || e->void_cause > SU_VOID_UNDECIDED || e->max_steps == 0 ||
        e->max_steps > SU_STEPS_MAX || e->steps > e->max_steps ||
        e->table_depth > SU_TABLE_DEPTH_MAX || e->final_task >= e->task_count ||
        (e->sample_task != SU_NO_TASK && e->sample_task >= e->task_count))
        return false;
    for (unsigned i = 0; i < e->task_count; i++)
        if (e->tasks[i].state > SU_TASK_FAILED)
            return false;
    return true;
}

static bool assignment_valid(const struct su_acc_assignment *a)
{
    if (a->task >= SU_TASKS_MAX || a->input_count < 1 || a->input_count > SU_PORTS_MAX ||
        a->output_count < 1 || a->output_count > SU_PORTS_MAX || a->dispute > SU_DISPUTE_MISSING ||
        a->verdict > SU_VERDICT_UNDECIDED || a->verdict_task >= SU_TASKS_MAX ||
        a->checks > SU_VALIDATORS_MAX || (a->check_open != 0 && a->checks == 0))
        return false;
    for (unsigned i = 0; i < a->input_count; i++)
        if (a->sources[i].task >= SU_TASKS_MAX || a->sources[i].output >= SU_PORTS_MAX ||
            a->sources[i].external > SU_SOURCE_FED)
            return false;
    return true;
}

static bool check_valid(const struct su_acc_check *c)
{
    return c->task < SU_TASKS_MAX && c->number < SU_VALIDATORS_MAX &&
           c->state >= SU_CHECK_ACCEPTED && c->state <= SU_CHECK_PAID;
}

bool su_acc_valid(uint8_t tag, const void *p, uint64_t n)
{
    const struct su_acc_head *head = (const struct su_acc_head *)p;
    if (tag == 0 || tag >= SU_TAG_COUNT || n != su_acc_bytes(tag) || head->tag != tag ||
        head->version != SU_ABI_VERSION)
        return false;
    switch (tag) {
    case SU_TAG_CONFIG:
        return config_valid((const struct su_acc_config *)p);
    case SU_TAG_ORACLE:
        return ((const struct su_acc_oracle *)p)->endpoint_len <= SU_ENDPOINT_MAX;
    case SU_TAG_MODEL:
        return model_valid((const struct su_acc_model *)p);
    case SU_TAG_TASK:
        return task_valid((const struct su_acc_task *)p);
    case SU_TAG_NODE:
        return ((const struct su_acc_node *)p)->declared_count <= SU_DECLARED_MAX &&
               ((const struct su_acc_node *)p)->endpoint_len <= SU_ENDPOINT_MAX;
    case SU_TAG_POOL:
        return ((const struct su_acc_pool *)p)->claims_head <=
               ((const struct su_acc_pool *)p)->claims_next;
    case SU_TAG_EXECUTION:
        return execution_valid((const struct su_acc_execution *)p);
    case SU_TAG_ASSIGNMENT:
        return assignment_valid((const struct su_acc_assignment *)p);
    case SU_TAG_CHECK:
        return check_valid((const struct su_acc_check *)p);
    default: /* no count, no enumeration */
        return true;
    }
}

/* ---- seeds ----------------------------------------------------------------------------------- */

static void part(struct su_seeds *s, const uint8_t *p, uint64_t n)
{
    s->part[s->count].p = p;
    s->part[s->count].n = n;
    s->count++;
}

void su_seeds_single(struct su_seeds *s, const char *name)
{
    uint64_t n = 0;
    while (name[n] != '\0')
        n++;
    s->count = 0;
    part(s, (const uint8_t *)name, n);
}

static void part_number(struct su_seeds *s, uint64_t number, uint64_t bytes)
{
    su_free_store64(s->number, number);
    part(s, s->number, bytes);
}

void su_seeds_number(struct su_seeds *s, const char *name, uint64_t n)
{
    su_seeds_single(s, name);
    part_number(s, n, 8);
}

void su_seeds_key(struct su_seeds *s, const char *name, const uint8_t key[32])
{
    su_seeds_single(s, name);
    part(s, key, 32);
}

void su_seeds_key_u64(struct su_seeds *s, const char *name, const uint8_t key[32], uint64_t n)
{
    su_seeds_key(s, name, key);
    part_number(s, n, 8);
}

void su_seeds_key_u16(struct su_seeds *s, const char *name, const uint8_t key[32], uint16_t n)
{
    su_seeds_key(s, name, key);
    part_number(s, n, 2);
}

void su_seeds_keys(struct su_seeds *s, const char *name, const uint8_t a[32], const uint8_t b[32])
{
    su_seeds_key(s, name, a);
    part(s, b, 32);
}
