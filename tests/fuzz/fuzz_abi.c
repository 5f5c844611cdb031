// SPDX-License-Identifier: MIT
/* Hostile accounts and hostile instructions. First byte even: the rest is an account's data, its tag
   in the second byte; what is valid must be readable by its counts. Odd: instruction number in the
   second byte, then flags and choices of accounts, then data, run against a bank; money must be
   conserved whatever comes. */
#include "abi/abi.h"
#include "crypto/crypto.h"
#include "support/bank.h"
#include "support/scenario.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static volatile uint64_t sink;

static void touch(const void *p, uint64_t n)
{
    for (uint64_t i = 0; i < n; i++)
        sink += ((const uint8_t *)p)[i];
}

/* Reads everything that a count, length or index of the account leads to. */
static void follow(uint8_t tag, const void *p)
{
    if (tag == SU_TAG_CONFIG) {
        const struct su_acc_config *c = p;
        touch(c->oracles, c->oracle_count * sizeof *c->oracles);
        sink += su_econ_slots(&c->params, UINT64_MAX);
        sink += su_econ_dispute_slots(&c->params, UINT64_MAX, UINT64_MAX, 1);
    }
    if (tag == SU_TAG_ORACLE)
        touch(((const struct su_acc_oracle *)p)->endpoint,
              ((const struct su_acc_oracle *)p)->endpoint_len);
    if (tag == SU_TAG_MODEL) {
        const struct su_acc_model *m = p;
        touch(m->uri, m->uri_len);
        touch(m->name, m->name_len);
    }
    if (tag == SU_TAG_TASK) {
        const struct su_acc_task *t = p;
        touch(t->uri, t->uri_len);
        for (unsigned i = 0; i < t->input_count; i++)
            touch(t->inputs[i].dims, t->inputs[i].rank * sizeof(uint32_t));
        for (unsigned i = 0; i < t->output_count; i++)
            touch(t->outputs[i].dims, t->outputs[i].rank * sizeof(uint32_t));
    }
    if (tag == SU_TAG_NODE) {
        const struct su_acc_node *node = p;
        touch(node->endpoint, node->endpoint_len);
        for (unsigned i = 0; i < node->declared_count; i++)
            touch(node->declared[i], 32);
    }
    if (tag == SU_TAG_EXECUTION) {
        const struct su_acc_execution *e = p;
        touch(e->tasks, e->task_count * sizeof *e->tasks);
        touch(&e->tasks[e->final_task], sizeof *e->tasks);
        if (e->sample_task != SU_NO_TASK)
            touch(&e->tasks[e->sample_task], sizeof *e->tasks);
    }
    if (tag == SU_TAG_ASSIGNMENT) {
        const struct su_acc_assignment *a = p;
        touch(a->sources, a->input_count * sizeof *a->sources);
        touch(a->output_roots, a->output_count * 32u);
        touch(a->validators, a->checks * 32u);
        if (a->check_open)
            touch(a->validators[a->checks - 1], 32);
    }
}

static void account(const uint8_t *data, size_t n)
{
    uint8_t tag = data[0];
    void *exact = malloc(n != 0 ? n : 1);
    if (exact == NULL)
        abort();
    memcpy(exact, data, n);
    if (su_acc_valid(tag, exact, n))
        follow(tag, exact);
    /* The same bytes, given the length and head they need to be taken seriously. */
    uint64_t bytes = su_acc_bytes((uint8_t)(tag % SU_TAG_COUNT));
    if (bytes != 0) {
        struct su_acc_head *head = calloc(1, (size_t)bytes);
        if (head == NULL)
            abort();
        memcpy(head, data, n < bytes ? n : (size_t)bytes);
        head->tag = (uint8_t)(tag % SU_TAG_COUNT);
        head->version = SU_ABI_VERSION;
        if (su_acc_valid(head->tag, head, bytes))
            follow(head->tag, head);
        free(head);
    }
    free(exact);
}

static struct world *world;

/* USDC in all token accounts. */
static uint64_t money(const struct bank *b)
{
    uint64_t sum = 0;
    struct svm_account a;
    for (size_t i = 0; bank_account_at(b, i, &a); i++)
        sum += bank_token_amount(b, a.key);
    return sum;
}

static void instruction(const uint8_t *data, size_t n)
{
    if (world == NULL)
        world = world_full(3, 2);
    const struct su_ix_info *info = su_ix_info_at(data[0] % 64);
    if (info == NULL)
        return;
    struct call c;
    call_begin(world, &c, info->number);
    size_t at = 1;
    for (size_t i = 0; i < c.count && at + 1 < n; i++, at += 2) {
        struct svm_account other;
        if (data[at] % 4 != 0 && bank_account_at(world->bank, data[at + 1], &other))
            memcpy(c.metas[i].key, other.key, 32);
        if (data[at] >= 0xf0)
            c.metas[i].signer = !c.metas[i].signer;
        if (data[at] == 0xe8)
            c.metas[i].writable = !c.metas[i].writable;
    }
    for (size_t i = 8; i < c.bytes && at < n; i++, at++)
        c.data.raw[i] = data[at];
    struct bank *kept = world->bank;
    struct bank *trial = bank_copy(kept);
    uint64_t before = money(trial), lamports = bank_lamports(trial);
    world->bank = trial;
    (void)call_run(world, &c);
    if (money(trial) != before || bank_lamports(trial) != lamports)
        abort();
    world->bank = kept;
    bank_free(trial);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (n < 2)
        return 0;
    if (data[0] % 2 == 0)
        account(data + 1, n - 1);
    else
        instruction(data + 1, n - 1);
    return 0;
}
