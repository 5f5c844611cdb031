// SPDX-License-Identifier: MIT
/* Frames against the independent generator's, and everything that is none of them refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "samples.h"
#include "support/alloc.h"

#include <stdlib.h>
#include <string.h>

static struct su_wire_expect expectation(void)
{
    return (struct su_wire_expect){.scope = sample_scope(), .task = -1, .attempt = -1};
}

static void vectors(void **state)
{
    (void)state;
    for (unsigned kind = 1; kind <= SAMPLE_KINDS; kind++) {
        struct su_wire_expect x = expectation();
        struct su_wire_frame f;
        struct su_buf b;
        struct su_err e;
        uint64_t bytes;
        size_t n;
        const uint8_t *want = sample_vector(kind, &n);

        su_buf_init(&b, 0);
        su_buf_str(&b, "before");
        assert_int_equal(sample_frame(sample_message(kind), sample_signer(), &b, &e), SU_OK);
        assert_int_equal(b.len, n + 6);
        assert_memory_equal(b.data + 6, want, n);
        assert_int_equal(su_wire_frame_bytes(want, &bytes, &e), SU_OK);
        assert_int_equal(bytes, n);
        assert_int_equal(su_wire_parse(want, n, &f, &e), SU_OK);
        assert_int_equal(f.m.kind, kind);
        assert_int_equal(f.stamp.sequence, sample_stamp.sequence);
        assert_int_equal(f.stamp.time_ms, sample_stamp.time_ms);
        assert_memory_equal(f.sender, sample_signer()->public_key, 32);
        assert_int_equal(su_wire_verify(&f, &x, &e), SU_OK);
        /* What was read makes the same frame again. */
        su_buf_clear(&b);
        assert_int_equal(sample_frame(&f.m, sample_signer(), &b, &e), SU_OK);
        assert_int_equal(b.len, n);
        assert_memory_equal(b.data, want, n);
        assert_non_null(su_wire_kind_name(kind));
        assert_int_equal(su_wire_kind_path(kind)[0], '/');
        su_buf_fini(&b);
    }
    assert_null(su_wire_kind_name(0));
    assert_null(su_wire_kind_name(SAMPLE_KINDS + 1));
    assert_null(su_wire_kind_path(255));
}

static void fields(void **state)
{
    struct su_wire_frame f;
    size_t n;
    const uint8_t *p = sample_vector(SU_WIRE_ACTIVATION, &n);

    (void)state;
    assert_int_equal(su_wire_parse(p, n, &f, NULL), SU_OK);
    const struct su_wire_activation *a = &f.m.u.activation;
    assert_memory_equal(a->ref.execution, sample_execution, 32);
    assert_int_equal(a->ref.request_slot, SAMPLE_SLOT);
    assert_int_equal(a->ref.task, 5);
    assert_int_equal(a->ref.attempt, 1);
    assert_int_equal(a->ref.port, 2);
    assert_int_equal(a->step_first, 40);
    assert_int_equal(a->step_count, 3);
    assert_int_equal(su_wire_row_bytes(a), 24);
    assert_ptr_equal(f.m.data, p + n - 72); /* not copied */
    p = sample_vector(SU_WIRE_HEARTBEAT, &n);
    assert_int_equal(su_wire_parse(p, n, &f, NULL), SU_OK);
    assert_int_equal(f.m.u.heartbeat.free_vram_bytes, 8ull << 30);
    assert_int_equal(f.m.u.heartbeat.status, SU_WIRE_READY);
    assert_int_equal(f.m.u.heartbeat.tasks[32], 0x99);
    p = sample_vector(SU_WIRE_REFUSAL, &n);
    assert_int_equal(su_wire_parse(p, n, &f, NULL), SU_OK);
    assert_int_equal(f.m.u.refusal.code, SU_WIRE_REFUSED_MISSING);
    assert_memory_equal(f.m.u.refusal.text, "no frames", 9);
}

static void truncations(void **state)
{
    (void)state;
    for (unsigned kind = 1; kind <= SAMPLE_KINDS; kind++) {
        struct su_wire_frame f;
        size_t n;
        const uint8_t *p = sample_vector(kind, &n);
        uint8_t *copy;

        for (size_t cut = 0; cut < n; cut++) {
            copy = malloc(cut + 1); /* so that a sanitizer sees any overrun */
            assert_non_null(copy);
            memcpy(copy, p, cut);
            assert_int_equal(su_wire_parse(copy, cut, &f, NULL), SU_ETRUNC);
            free(copy);
        }
        copy = calloc(1, n + 1);
        assert_non_null(copy);
        memcpy(copy, p, n);
        assert_int_equal(su_wire_parse(copy, n + 1, &f, NULL), SU_EFORMAT);
        free(copy);
    }
}

static void bit_flips(void **state)
{
    (void)state;
    for (unsigned kind = 1; kind <= SAMPLE_KINDS; kind++) {
        struct su_wire_expect x = expectation();
        size_t n;
        const uint8_t *p = sample_vector(kind, &n);
        uint8_t *copy = malloc(n);
        unsigned late = 0;

        assert_non_null(copy);
        for (size_t bit = 0; bit < 8 * n; bit++) {
            struct su_wire_frame f;
            struct su_err e = {0};
            memcpy(copy, p, n);
            copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
            enum su_code c = su_wire_parse(copy, n, &f, &e);
            if (c == SU_OK) {
                late++;
                c = su_wire_verify(&f, &x, &e);
                assert_true(c == SU_EACCES || c == SU_EDIGEST);
            }
            assert_true(c != SU_OK && e.msg[0] != 0);
        }
        assert_true(late > 128 * 8 / 2); /* sender, digests, signature: only verify can tell */
        free(copy);
    }
}

static enum su_code verify(unsigned kind, const struct su_wire_expect *x, const char *field)
{
    struct su_wire_frame f;
    struct su_err e = {0};
    size_t n;
    const uint8_t *p = sample_vector(kind, &n);

    assert_int_equal(su_wire_parse(p, n, &f, NULL), SU_OK);
    enum su_code c = su_wire_verify(&f, x, &e);
    if (field != NULL)
        assert_non_null(strstr(e.msg, field));
    return c;
}

static void scopes(void **state)
{
    uint8_t other[32] = {1};
    struct su_wire_expect x = expectation();

    (void)state;
    x.sender = sample_signer()->public_key;
    x.kind = SU_WIRE_ACTIVATION;
    x.execution = sample_execution;
    x.request_slot = SAMPLE_SLOT;
    x.task = 5;
    x.attempt = 1;
    assert_int_equal(verify(SU_WIRE_ACTIVATION, &x, NULL), SU_OK);
    x.attempt = 0;
    assert_int_equal(verify(SU_WIRE_ACTIVATION, &x, "attempt"), SU_ETYPE);
    x.attempt = -1;
    x.task = 4;
    assert_int_equal(verify(SU_WIRE_ACTIVATION, &x, "task"), SU_ETYPE);
    x.task = -1;
    x.request_slot++;
    assert_int_equal(verify(SU_WIRE_ACTIVATION, &x, "slot"), SU_ETYPE);
    x.request_slot--;
    assert_int_equal(verify(SU_WIRE_TABLE, &x, "kind"), SU_ETYPE);
    x.kind = 0;
    for (unsigned kind = 1; kind <= SAMPLE_KINDS; kind++) {
        bool none = kind == SU_WIRE_HEARTBEAT || kind == SU_WIRE_REFUSAL;
        assert_int_equal(verify(kind, &x, NULL), none ? SU_ETYPE : SU_OK);
    }
    x.execution = other;
    for (unsigned kind = 1; kind <= SAMPLE_KINDS; kind++)
        assert_int_equal(verify(kind, &x, "execution"), SU_ETYPE);
    x.execution = NULL;
    x.sender = sample_stranger()->public_key;
    assert_int_equal(verify(SU_WIRE_VOTE, &x, "sender"), SU_ETYPE);
    x.sender = NULL;
    x.scope.program_id = other;
    assert_int_equal(verify(SU_WIRE_HEARTBEAT, &x, "signature"), SU_EACCES);
    x.scope = (struct su_wire_scope){sample_scope().program_id, other};
    assert_int_equal(verify(SU_WIRE_HEARTBEAT, &x, "signature"), SU_EACCES);
}

/* Head and body prove what was said about data that are not there. */
static void evidence(void **state)
{
    struct su_wire_expect x = expectation();
    const struct su_wire_scope scope = sample_scope();
    struct su_wire_frame whole, part;
    uint8_t a[32], b[32];
    size_t n;

    (void)state;
    for (unsigned kind = SU_WIRE_ACTIVATION; kind <= SU_WIRE_TABLE; kind++) {
        const uint8_t *p = sample_vector(kind, &n);
        assert_int_equal(su_wire_parse(p, n, &whole, NULL), SU_OK);
        size_t shorter = n - (size_t)whole.m.data_bytes;
        assert_int_equal(su_wire_parse_evidence(p, shorter, &part, NULL), SU_OK);
        assert_null(part.m.data);
        assert_int_equal(part.m.data_bytes, whole.m.data_bytes);
        assert_int_equal(su_wire_verify(&part, &x, NULL), SU_OK);
        su_wire_digest(&whole, &scope, a);
        su_wire_digest(&part, &scope, b);
        assert_memory_equal(a, b, 32);
        assert_int_equal(su_wire_parse_evidence(p, shorter - 1, &part, NULL), SU_ETRUNC);
        assert_int_equal(su_wire_parse_evidence(p, n, &part, NULL), SU_EFORMAT);
    }
}

static void heads(void **state)
{
    uint8_t head[SU_WIRE_HEAD_BYTES];
    struct su_wire_frame f;
    uint64_t bytes;
    size_t n;
    const uint8_t *p = sample_vector(SU_WIRE_ACTIVATION, &n);

    (void)state;
    memcpy(head, p, sizeof head);
    head[4] = 2;
    assert_int_equal(su_wire_frame_bytes(head, &bytes, NULL), SU_EUNSUPPORTED);
    memcpy(head, p, sizeof head);
    head[6] = 10;
    assert_int_equal(su_wire_frame_bytes(head, &bytes, NULL), SU_EUNSUPPORTED);
    memcpy(head, p, sizeof head);
    su_put_le32(head + 12, 64u << 20);
    assert_int_equal(su_wire_frame_bytes(head, &bytes, NULL), SU_OK);
    su_put_le32(head + 12, (64u << 20) + 1);
    assert_int_equal(su_wire_frame_bytes(head, &bytes, NULL), SU_ELIMIT);
    assert_int_equal(su_wire_parse(head, sizeof head, &f, NULL), SU_ELIMIT);
    for (unsigned kind = SU_WIRE_ACK; kind <= SU_WIRE_REFUSAL; kind++) { /* no data at all */
        head[6] = (uint8_t)kind;
        su_put_le32(head + 12, 1);
        assert_int_equal(su_wire_frame_bytes(head, &bytes, NULL), SU_ELIMIT);
    }
    su_put_le32(head + 12, 0);
    su_put_le32(head + 8, (64u << 10) + 1);
    assert_int_equal(su_wire_frame_bytes(head, &bytes, NULL), SU_ELIMIT);
    su_put_le32(head + 8, UINT32_MAX);
    assert_int_equal(su_wire_frame_bytes(head, &bytes, NULL), SU_ELIMIT);
}

/* Each breaks one rule of its kind: the encoder refuses to sign it. */
static void refused(const struct su_wire_message *m, const char *why)
{
    struct su_buf b;
    struct su_err e = {0};

    su_buf_init(&b, 0);
    assert_int_equal(sample_frame(m, sample_signer(), &b, &e), SU_EINVAL);
    assert_int_equal(e.code, SU_EINVAL);
    if (strstr(e.msg, why) == NULL)
        fail_msg("%s, expected: %s", e.msg, why);
    assert_int_equal(b.len, 0);
    su_buf_fini(&b);
}

#define REFUSED(KIND, change, why)                                                                 \
    do {                                                                                           \
        struct su_wire_message m = *sample_message(SU_WIRE_##KIND);                                \
        change;                                                                                    \
        refused(&m, why);                                                                          \
    } while (0)

static void rules_of_steps(void **state)
{
    (void)state;
    REFUSED(ACTIVATION, m.u.activation.ref.task = SU_TASKS_MAX, "task");
    REFUSED(ACTIVATION, m.u.activation.ref.port = SU_PORTS_MAX, "port");
    REFUSED(ACTIVATION, m.u.activation.step_count = 0, "steps");
    REFUSED(ACTIVATION, m.u.activation.step_count = SU_WIRE_STEPS_MAX + 1, "steps");
    REFUSED(ACTIVATION, m.u.activation.step_first = SU_STEPS_MAX - 2, "steps");
    REFUSED(ACTIVATION, m.u.activation.dtype = 4, "type");
    REFUSED(ACTIVATION, m.u.activation.rank = 7, "type");
    REFUSED(ACTIVATION, m.u.activation.rank = 1, "shape");
    REFUSED(ACTIVATION, m.u.activation.dims[1] = 0, "shape");
    REFUSED(ACTIVATION, m.u.activation.dims[0] = UINT32_MAX, "rows");
    REFUSED(ACTIVATION, m.data_bytes--, "rows");
    REFUSED(ACTIVATION, m.data = NULL, "data");
    REFUSED(ACTIVATION, m.data_bytes = (64u << 20) + 1, "data");
    REFUSED(INPUT, m.u.input.external = 2, "input");
    REFUSED(INPUT, m.data_bytes = 0, "input");
    REFUSED(WANT, m.u.want.purpose = 0, "purpose");
    REFUSED(WANT, m.u.want.purpose = 3, "purpose");
    REFUSED(WANT, m.u.want.step_count = SU_STEPS_MAX, "steps");
    REFUSED(WANT, m.u.want.ref.task = SU_NO_TASK, "task");
    REFUSED(ACK, m.u.ack.ref.port = 8, "port");
    struct su_wire_activation huge = {.rank = 6, .dims = {1u << 31, 1u << 31, 4, 1, 1, 1}};
    assert_int_equal(su_wire_row_bytes(&huge), 0); /* beyond 64 bits */
    huge = (struct su_wire_activation){.rank = 0};
    assert_int_equal(su_wire_row_bytes(&huge), 4);
}

static void rules_of_oracles(void **state)
{
    uint8_t twice[64], given[12] = {5}, rows[5 * SU_WIRE_ROW_BYTES];

    (void)state;
    memset(twice, 7, sizeof twice);
    REFUSED(HEARTBEAT, m.u.heartbeat.status = 0, "status");
    REFUSED(HEARTBEAT, m.u.heartbeat.status = 5, "status");
    REFUSED(HEARTBEAT, m.u.heartbeat.has_capacity = 2, "capacity");
    REFUSED(HEARTBEAT, m.u.heartbeat.tasks = twice, "ascending");
    REFUSED(TABLE, m.u.table.row_count = 0, "rows");
    REFUSED(TABLE, m.u.table.row_count = 4, "rows");
    REFUSED(TABLE, m.u.table.task_count = 0, "tasks");
    REFUSED(TABLE, m.u.table.total = 0, "total");
    REFUSED(TABLE, m.u.table.total++, "total");
    REFUSED(TABLE, m.u.table.owner_share_ppm = SU_PPM + 1, "share");
    REFUSED(TABLE, m.u.table.rows_of_tasks = given, "row that is not there");
    memcpy(rows, sample_message(SU_WIRE_TABLE)->data, sizeof rows);
    rows[2 * SU_WIRE_ROW_BYTES + 64]++;
    REFUSED(TABLE, m.data = rows, "follow");
    REFUSED(VOTE, m.u.vote.question = 0, "question");
    REFUSED(VOTE, m.u.vote.question = 5, "question");
    REFUSED(VOTE, m.u.vote.task = SU_NO_TASK, "task");
    REFUSED(VOTE, m.u.vote.question = SU_QUESTION_ASSIGN, "task");
    REFUSED(CANCEL, m.u.cancel.reason = 0, "reason");
    REFUSED(CANCEL, m.u.cancel.reason = 3, "reason");
    REFUSED(REFUSAL, m.u.refusal.code = 0, "reason");
    REFUSED(REFUSAL, m.u.refusal.code = 10, "reason");
    REFUSED(REFUSAL, m.u.refusal.text_bytes = 22, "UTF-8"); /* in the middle of a character */
    REFUSED(REFUSAL, m.u.refusal.text = "a line\nand one more line", "control");
    REFUSED(REFUSAL,
            m.u.refusal.text = "\xc2\x9b"
                               "1m; no sequences of C1",
            "control");
    REFUSED(CANCEL, m.kind = 0, "kind");
    REFUSED(CANCEL, m.kind = 10, "kind");
}

/* The edges of what the rules allow are sent and read. */
static void edges(void **state)
{
    struct su_wire_message all[5];
    static uint8_t leaves[SU_WIRE_STEPS_MAX][32], rows[SU_WIRE_STEPS_MAX][4];

    (void)state;
    all[0] = *sample_message(SU_WIRE_VOTE);
    all[0].u.vote.question = SU_QUESTION_ASSIGN;
    all[0].u.vote.task = SU_NO_TASK;
    all[0].u.vote.attempt = 0;
    all[1] = *sample_message(SU_WIRE_ACTIVATION);
    all[1].u.activation =
        (struct su_wire_activation){.ref = all[1].u.activation.ref,
                                    .step_first = SU_STEPS_MAX - SU_WIRE_STEPS_MAX,
                                    .step_count = SU_WIRE_STEPS_MAX,
                                    .dtype = 3,
                                    .leaves = leaves[0]};
    all[1].data = rows[0];
    all[1].data_bytes = sizeof rows;
    all[2] = *sample_message(SU_WIRE_HEARTBEAT);
    all[2].u.heartbeat.task_count = 0;
    all[2].u.heartbeat.tasks = NULL;
    all[3] = *sample_message(SU_WIRE_REFUSAL);
    all[3].u.refusal.text_bytes = 0;
    all[4] = *sample_message(SU_WIRE_WANT);
    all[4].u.want.step_first = 0;
    all[4].u.want.step_count = SU_STEPS_MAX;
    for (unsigned i = 0; i < SU_ARRAY_LEN(all); i++) {
        struct su_wire_expect x = expectation();
        struct su_wire_frame f;
        struct su_buf b;

        su_buf_init(&b, 0);
        assert_int_equal(sample_frame(&all[i], sample_signer(), &b, NULL), SU_OK);
        assert_int_equal(su_wire_parse(b.data, b.len, &f, NULL), SU_OK);
        assert_int_equal(su_wire_verify(&f, &x, NULL), SU_OK);
        su_buf_fini(&b);
    }
}

static enum su_code refuse(void *ctx, const void *message, size_t n,
                           uint8_t sig[SU_ED25519_SIG_BYTES], struct su_err *e)
{
    (void)ctx;
    (void)message;
    (void)n;
    (void)sig;
    return su_fail(e, SU_ECANCELLED, "signer", "no");
}

static void senders(void **state)
{
    const struct su_wire_scope scope = sample_scope();
    const struct su_signer none = {.sign = refuse};
    struct su_wire_stamp late = {1, 1ull << 53};
    struct su_buf b;

    (void)state;
    su_buf_init(&b, 100);
    const struct su_wire_message *m = sample_message(SU_WIRE_CANCEL);
    assert_int_equal(su_wire_encode(&b, sample_signer(), &scope, sample_stamp, m, NULL), SU_ELIMIT);
    su_buf_fini(&b);
    su_buf_init(&b, 0);
    assert_int_equal(su_wire_encode(&b, &none, &scope, sample_stamp, m, NULL), SU_ECANCELLED);
    assert_int_equal(b.len, 0);
    assert_int_equal(su_wire_encode(&b, sample_signer(), &scope, late, m, NULL), SU_EINVAL);
    /* A body signed with one bit in a gap is none of ours, whoever signs. */
    assert_int_equal(sample_frame(m, sample_signer(), &b, NULL), SU_OK);
    b.data[b.len - 1] = 1;
    struct su_wire_frame f;
    assert_int_equal(su_wire_parse(b.data, b.len, &f, NULL), SU_EFORMAT);
    su_buf_fini(&b);
}

static void stamps(void **state)
{
    uint64_t last = 0, again = 0;
    struct su_wire_stamp a = su_wire_stamp_next(&last, 1000), b = su_wire_stamp_next(&last, 900);

    (void)state;
    assert_int_equal(a.sequence, 1000ull << 20);
    assert_int_equal(b.sequence, a.sequence + 1);
    assert_int_equal(b.time_ms, 900);
    assert_true(su_wire_stamp_next(&again, 1001).sequence > b.sequence); /* after a restart */
}

static void tables(void **state)
{
    struct su_wire_message m = *sample_message(SU_WIRE_TABLE);
    struct su_ix_check_row row;
    uint8_t root[32], depth = 0, other[32] = {1}, big_given[2 * SU_TASKS_MAX] = {0};

    (void)state;
    assert_int_equal(su_wire_table_check(&m, NULL), SU_OK);
    su_wire_table_row(&m, 2, &row);
    assert_int_equal(row.row, 2);
    assert_int_equal(row.low, 1000);
    assert_int_equal(row.high, 3000);
    assert_int_equal(row.identity[31], 0x42);
    assert_int_equal(row.owner[0], 0x51);
    assert_int_equal(row.path_len, 0);
    m.u.table.assignment_root = other;
    assert_int_equal(su_wire_table_check(&m, NULL), SU_EDIGEST);
    m.u.table.table_root = other;
    assert_int_equal(su_wire_table_check(&m, NULL), SU_EDIGEST);
    /* The largest that there is fits into a frame. */
    uint8_t *rows = calloc(SU_WIRE_ROWS_MAX, SU_WIRE_ROW_BYTES);
    assert_non_null(rows);
    for (unsigned i = 0; i < SU_WIRE_ROWS_MAX; i++) {
        su_put_le64(rows + (size_t)i * SU_WIRE_ROW_BYTES + 64, i);
        su_put_le64(rows + (size_t)i * SU_WIRE_ROW_BYTES + 72, i + 1);
    }
    m = *sample_message(SU_WIRE_TABLE);
    m.data = rows;
    m.data_bytes = (uint64_t)SU_WIRE_ROWS_MAX * SU_WIRE_ROW_BYTES;
    m.u.table.row_count = SU_WIRE_ROWS_MAX;
    m.u.table.total = SU_WIRE_ROWS_MAX;
    m.u.table.task_count = SU_TASKS_MAX;
    m.u.table.rows_of_tasks = big_given;
    struct su_buf b;
    su_buf_init(&b, 0);
    assert_int_equal(sample_frame(&m, sample_signer(), &b, NULL), SU_OK);
    su_buf_fini(&b);
    assert_int_equal(su_wire_table_root(&m, root, &depth, NULL), SU_OK);
    assert_int_equal(depth, SU_TABLE_DEPTH_MAX);
    if (su_alloc_watched()) {
        su_alloc_fail(32u << SU_TABLE_DEPTH_MAX, SIZE_MAX);
        assert_int_equal(su_wire_table_root(&m, root, &depth, NULL), SU_ENOMEM);
        assert_int_equal(su_wire_table_check(&m, NULL), SU_ENOMEM);
        su_alloc_fail_none();
    }
    free(rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(vectors),
                                       cmocka_unit_test(fields),
                                       cmocka_unit_test(truncations),
                                       cmocka_unit_test(bit_flips),
                                       cmocka_unit_test(scopes),
                                       cmocka_unit_test(evidence),
                                       cmocka_unit_test(heads),
                                       cmocka_unit_test(rules_of_steps),
                                       cmocka_unit_test(rules_of_oracles),
                                       cmocka_unit_test(senders),
                                       cmocka_unit_test(edges),
                                       cmocka_unit_test(stamps),
                                       cmocka_unit_test(tables)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
