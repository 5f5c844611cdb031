// SPDX-License-Identifier: MIT
/* Layouts, names, validity, addresses' seeds. The numbers come from make_abi_vectors.py. */
#include "abi/abi.h"
#include "abi_vectors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void layouts(void **unused)
{
    (void)unused;
#define S(type, bytes) assert_int_equal(sizeof(struct type), bytes);
#define F(type, field, at, bytes)                                                                  \
    assert_int_equal(offsetof(struct type, field), at);                                            \
    assert_int_equal(sizeof(((struct type *)0)->field), bytes);
    LAYOUTS(S, F)
#undef S
#undef F
}

static void instructions(void **unused)
{
    (void)unused;
    size_t n = 0;
    uint64_t last = 0;
    for (const struct su_ix_info *i; (i = su_ix_info_at(n)) != NULL; n++) {
        assert_true(n == 0 || i->number > last);
        last = i->number;
        assert_ptr_equal(su_ix_info(i->number), i);
        assert_true(i->data_bytes >= sizeof(struct su_ix) && i->data_bytes % 8 == 0);
        /* All of it fits a transaction beside one signature and the accounts of the row. */
        assert_true(i->data_bytes <= 800);
        assert_true(strlen(i->name) > 0 && strlen(i->accounts) > 0);
    }
    assert_int_equal(last, SU_IX_NUMBER_MAX);
    assert_true(n > 55);
    assert_null(su_ix_info_at(n));
    assert_null(su_ix_info(8));
    assert_null(su_ix_info(255));
    assert_null(su_ix_info(1ull << 32));
    assert_string_equal(su_ix_info(SU_IX_TASK_ADD)->name, "task_add");
    assert_int_equal(su_ix_info(SU_IX_TASK_ADD)->data_bytes, sizeof(struct su_ix_task_add));
    assert_int_equal(su_ix_info(SU_IX_CHECK_SKIP)->data_bytes, sizeof(struct su_ix_check_row));
    assert_int_equal(su_ix_info(SU_IX_STAKE_UNLOCK)->data_bytes, sizeof(struct su_ix_amount));
    assert_int_equal(su_ix_info(SU_IX_NODE_UPDATE)->data_bytes, sizeof(struct su_ix_node_register));
    assert_int_equal(su_ix_info(SU_IX_NODE_CLOSE)->data_bytes, sizeof(struct su_ix));
}

static void errors(void **unused)
{
    (void)unused;
#define X(name, number, text)                                                                      \
    assert_string_equal(su_prog_error_name(number), #name);                                        \
    assert_string_equal(su_prog_error_text(number), text);                                         \
    assert_int_equal(SU_PROG_##name, number);
#include "abi/errors.def"
#undef X
    assert_null(su_prog_error_name(0));
    assert_null(su_prog_error_name(5999));
    assert_null(su_prog_error_text(6017));
    assert_null(su_prog_error_text(UINT64_MAX));
}

/* A valid account of each tag, zero but for what must not be zero. */
static void *account_of(uint8_t tag)
{
    void *p = calloc(1, (size_t)su_acc_bytes(tag));
    assert_non_null(p);
    struct su_acc_head *head = p;
    head->tag = tag;
    head->version = SU_ABI_VERSION;
    if (tag == SU_TAG_CONFIG)
        su_params_default(&((struct su_acc_config *)p)->params);
    if (tag == SU_TAG_MODEL) {
        struct su_acc_model *m = p;
        m->task_count = 1;
        m->state = SU_MODEL_DRAFT;
    }
    if (tag == SU_TAG_TASK) {
        struct su_acc_task *t = p;
        t->input_count = t->output_count = 1;
    }
    if (tag == SU_TAG_EXECUTION) {
        struct su_acc_execution *e = p;
        e->task_count = 1;
        e->state = SU_EXEC_OPENING;
        e->max_steps = 1;
    }
    if (tag == SU_TAG_ASSIGNMENT) {
        struct su_acc_assignment *a = p;
        a->input_count = a->output_count = 1;
    }
    if (tag == SU_TAG_CHECK)
        ((struct su_acc_check *)p)->state = SU_CHECK_ACCEPTED;
    return p;
}

static void validity(void **unused)
{
    (void)unused;
    assert_int_equal(su_acc_bytes(0), 0);
    assert_int_equal(su_acc_bytes(SU_TAG_COUNT), 0);
    assert_int_equal(su_acc_bytes(255), 0);
    for (uint8_t tag = 1; tag < SU_TAG_COUNT; tag++) {
        struct su_acc_head *head = account_of(tag);
        uint64_t n = su_acc_bytes(tag);
        assert_true(su_acc_valid(tag, head, n));
        for (uint8_t other = 0; other <= SU_TAG_COUNT; other++)
            assert_int_equal(su_acc_valid(other, head, n), other == tag);
        assert_false(su_acc_valid(tag, head, n - 1));
        assert_false(su_acc_valid(tag, head, n + 1));
        assert_false(su_acc_valid(tag, head, 0));
        head->version++;
        assert_false(su_acc_valid(tag, head, n));
        head->version--;
        head->tag = 0;
        assert_false(su_acc_valid(tag, head, n));
        free(head);
    }
}

/* The account of that tag is no longer valid when the field has the value. */
#define INVALID(TAG, type, field, value)                                                           \
    do {                                                                                           \
        struct type *p = account_of(SU_TAG_##TAG);                                                 \
        p->field = (value);                                                                        \
        assert_false(su_acc_valid(SU_TAG_##TAG, p, sizeof *p));                                    \
        free(p);                                                                                   \
    } while (0)

static void ranges(void **unused)
{
    (void)unused;
    INVALID(CONFIG, su_acc_config, oracle_count, SU_ORACLES_MAX + 1);
    INVALID(CONFIG, su_acc_config, quorum, 1);
    INVALID(CONFIG, su_acc_config, params.ms_per_slot, 0);
    INVALID(ORACLE, su_acc_oracle, endpoint_len, SU_ENDPOINT_MAX + 1);
    INVALID(MODEL, su_acc_model, task_count, 0);
    INVALID(MODEL, su_acc_model, task_count, SU_TASKS_MAX + 1);
    INVALID(MODEL, su_acc_model, tasks_added, 2);
    INVALID(MODEL, su_acc_model, sample_task, 1);
    INVALID(MODEL, su_acc_model, state, 0);
    INVALID(MODEL, su_acc_model, state, SU_MODEL_DISCARDING + 1);
    INVALID(MODEL, su_acc_model, uri_len, SU_URI_MAX + 1);
    INVALID(MODEL, su_acc_model, name_len, SU_NAME_MAX + 1);
    INVALID(MODEL, su_acc_model, feedback_set, 2);
    INVALID(TASK, su_acc_task, index, SU_TASKS_MAX);
    INVALID(TASK, su_acc_task, uri_len, SU_URI_MAX + 1);
    INVALID(TASK, su_acc_task, input_count, 0);
    INVALID(TASK, su_acc_task, output_count, SU_PORTS_MAX + 1);
    INVALID(TASK, su_acc_task, sampling_ppm, SU_PPM + 1);
    INVALID(TASK, su_acc_task, inputs[0].rank, SU_RANK_MAX + 1);
    INVALID(TASK, su_acc_task, inputs[0].dtype, SU_DTYPE_MAX);
    INVALID(TASK, su_acc_task, inputs[0].from_task, SU_TASKS_MAX);
    INVALID(TASK, su_acc_task, outputs[0].from_output, SU_PORTS_MAX);
    INVALID(NODE, su_acc_node, declared_count, SU_DECLARED_MAX + 1);
    INVALID(NODE, su_acc_node, endpoint_len, SU_ENDPOINT_MAX + 1);
    INVALID(POOL, su_acc_pool, claims_head, 1);
    INVALID(EXECUTION, su_acc_execution, task_count, 0);
    INVALID(EXECUTION, su_acc_execution, task_count, SU_TASKS_MAX + 1);
    INVALID(EXECUTION, su_acc_execution, state, 0);
    INVALID(EXECUTION, su_acc_execution, state, SU_EXEC_VOID + 1);
    INVALID(EXECUTION, su_acc_execution, void_cause, SU_VOID_UNDECIDED + 1);
    INVALID(EXECUTION, su_acc_execution, max_steps, 0);
    INVALID(EXECUTION, su_acc_execution, max_steps, SU_STEPS_MAX + 1);
    INVALID(EXECUTION, su_acc_execution, steps, 2);
    INVALID(EXECUTION, su_acc_execution, sample_task, 1);
    INVALID(EXECUTION, su_acc_execution, final_task, 1);
    INVALID(EXECUTION, su_acc_execution, table_depth, SU_TABLE_DEPTH_MAX + 1);
    INVALID(EXECUTION, su_acc_execution, tasks[0].state, SU_TASK_FAILED + 1);
    INVALID(ASSIGNMENT, su_acc_assignment, task, SU_TASKS_MAX);
    INVALID(ASSIGNMENT, su_acc_assignment, input_count, 0);
    INVALID(ASSIGNMENT, su_acc_assignment, output_count, SU_PORTS_MAX + 1);
    INVALID(ASSIGNMENT, su_acc_assignment, dispute, SU_DISPUTE_MISSING + 1);
    INVALID(ASSIGNMENT, su_acc_assignment, verdict, SU_VERDICT_UNDECIDED + 1);
    INVALID(ASSIGNMENT, su_acc_assignment, verdict_task, SU_TASKS_MAX);
    INVALID(ASSIGNMENT, su_acc_assignment, checks, SU_VALIDATORS_MAX + 1);
    INVALID(ASSIGNMENT, su_acc_assignment, check_open, 1);
    INVALID(ASSIGNMENT, su_acc_assignment, sources[0].task, SU_TASKS_MAX);
    INVALID(ASSIGNMENT, su_acc_assignment, sources[0].output, SU_PORTS_MAX);
    INVALID(CHECK, su_acc_check, task, SU_TASKS_MAX);
    INVALID(CHECK, su_acc_check, state, 0);
    INVALID(CHECK, su_acc_check, state, SU_CHECK_PAID + 1);
    INVALID(CHECK, su_acc_check, number, SU_VALIDATORS_MAX);
}

static void part_is(const struct su_seeds *s, unsigned i, const void *p, size_t n)
{
    assert_true(i < s->count);
    assert_int_equal(s->part[i].n, n);
    assert_memory_equal(s->part[i].p, p, n);
}

static void seeds(void **unused)
{
    (void)unused;
    uint8_t a[32], b[32];
    struct su_seeds s;
    memset(a, 0xa1, 32);
    memset(b, 0xb2, 32);
    su_seeds_single(&s, "vault");
    assert_int_equal(s.count, 1);
    part_is(&s, 0, "vault", 5);
    su_seeds_number(&s, "claim", 0x0102030405060708);
    assert_int_equal(s.count, 2);
    part_is(&s, 0, "claim", 5);
    part_is(&s, 1, "\x08\x07\x06\x05\x04\x03\x02\x01", 8);
    su_seeds_key(&s, "node", a);
    assert_int_equal(s.count, 2);
    part_is(&s, 1, a, 32);
    su_seeds_key_u64(&s, "exec", a, 3);
    assert_int_equal(s.count, 3);
    part_is(&s, 2, "\x03\0\0\0\0\0\0\0", 8);
    su_seeds_key_u16(&s, "task", a, 0x0102);
    assert_int_equal(s.count, 3);
    part_is(&s, 2, "\x02\x01", 2);
    su_seeds_keys(&s, "declared", a, b);
    assert_int_equal(s.count, 3);
    part_is(&s, 0, "declared", 8);
    part_is(&s, 1, a, 32);
    part_is(&s, 2, b, 32);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(layouts),  cmocka_unit_test(instructions), cmocka_unit_test(errors),
        cmocka_unit_test(validity), cmocka_unit_test(ranges),       cmocka_unit_test(seeds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
