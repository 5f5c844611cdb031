// SPDX-License-Identifier: MIT
#include "samples.h"

#include "wire_vectors.h"

#include <string.h>

const struct su_wire_stamp sample_stamp = {1ull << 60, 1795000000123};
const uint8_t sample_execution[32] = {
    0x33, 0x33, 0x33, 0x33, 0x33, 0x33, 0x33, 0x33, 0x33, 0x33, 0x33, 0x33, 0x33, 0x33, 0x33, 0x33,
    0x33, 0x33, 0x33, 0x33, 0x33, 0x33, 0x33, 0x33, 0x33, 0x33, 0x33, 0x33, 0x33, 0x33, 0x33, 0x33};

/* 32 times the same byte. */
static const uint8_t *key(uint8_t b)
{
    static uint8_t keys[256][32];

    memset(keys[b], b, 32);
    return keys[b];
}

struct su_wire_scope sample_scope(void)
{
    return (struct su_wire_scope){key(0x11), key(0x22)};
}

static const struct su_signer *signer_of(struct su_signer *s, uint8_t first)
{
    uint8_t seed[32], public_key[32], secret[64];

    if (s->ctx == NULL) {
        for (unsigned i = 0; i < 32; i++)
            seed[i] = (uint8_t)(first + i);
        su_ed25519_from_seed(seed, public_key, secret);
        SU_ASSERT(su_signer_init_memory(s, secret, NULL) == SU_OK);
    }
    return s;
}

const struct su_signer *sample_signer(void)
{
    static struct su_signer s;

    return signer_of(&s, 1);
}

const struct su_signer *sample_stranger(void)
{
    static struct su_signer s;

    return signer_of(&s, 2);
}

static struct su_wire_ref ref(uint16_t task, uint8_t attempt, uint8_t port)
{
    return (struct su_wire_ref){sample_execution, SAMPLE_SLOT, task, attempt, port};
}

static void activation(struct su_wire_message *m)
{
    static uint8_t rows[3][24], leaves[3][32];
    struct su_wire_activation *a = &m->u.activation;

    *a = (struct su_wire_activation){.ref = ref(5, 1, 2),
                                     .step_first = 40,
                                     .step_count = 3,
                                     .rank = 2,
                                     .dims = {2, 3},
                                     .leaves = leaves[0]};
    for (unsigned i = 0; i < 3; i++) {
        uint8_t text[12 + 16 + 24] = "splitup/leaf";
        for (unsigned j = 0; j < 24; j++)
            rows[i][j] = (uint8_t)(7 * i + j);
        su_put_le64(text + 12, 40 + i);
        su_put_le64(text + 20, 24);
        memcpy(text + 28, rows[i], 24);
        su_sha256(text, sizeof text, leaves[i]);
    }
    m->data = rows[0];
    m->data_bytes = sizeof rows;
}

static void table(struct su_wire_message *m)
{
    static uint8_t rows[5][SU_WIRE_ROW_BYTES], roots[2][32];
    static const uint8_t given[] = {1, 0, 1, 0, 2, 0, 2, 0, 3, 0, 4, 0};
    uint64_t at = 0;
    uint8_t depth;

    for (unsigned i = 0; i < 5; i++) {
        memset(rows[i], (int)(0x40 + i), 32);
        memset(rows[i] + 32, (int)(0x50 + i / 2), 32);
        su_put_le64(rows[i] + 64, at);
        at += 1000u * i;
        su_put_le64(rows[i] + 72, at);
        memset(rows[i] + 80, 0xff, 16);
    }
    m->data = rows[0];
    m->data_bytes = sizeof rows;
    m->u.table = (struct su_wire_table){.execution = sample_execution,
                                        .request_slot = SAMPLE_SLOT,
                                        .total = at,
                                        .round = 9,
                                        .owner_share_ppm = 250000,
                                        .slot_hash = key(0x66),
                                        .table_root = roots[0],
                                        .assignment_root = roots[1],
                                        .row_count = 5,
                                        .task_count = 6,
                                        .rows_of_tasks = given};
    SU_ASSERT(su_wire_table_root(m, roots[0], &depth, NULL) == SU_OK && depth == 3);
    su_wire_assignment_root(m, roots[1]);
}

const struct su_wire_message *sample_message(unsigned kind)
{
    static struct su_wire_message all[SAMPLE_KINDS + 1];
    static uint8_t tasks[64], frame[32];
    struct su_wire_message *m = &all[kind];
    struct su_wire_frame f;
    const struct su_wire_scope scope = sample_scope();
    size_t n;

    memset(m, 0, sizeof *m);
    m->kind = kind;
    switch (kind) {
    case SU_WIRE_ACTIVATION:
        activation(m);
        break;
    case SU_WIRE_INPUT:
        m->u.input.ref = ref(6, 0, 1);
        m->data = sample_vector(SU_WIRE_ACTIVATION, &n);
        m->data_bytes = n;
        break;
    case SU_WIRE_TABLE:
        table(m);
        break;
    case SU_WIRE_ACK:
        m->u.ack = (struct su_wire_ack){ref(5, 1, 2), frame};
        SU_ASSERT(su_wire_parse(vector_activation, sizeof vector_activation, &f, NULL) == SU_OK);
        su_wire_digest(&f, &scope, frame);
        break;
    case SU_WIRE_WANT:
        m->u.want = (struct su_wire_want){ref(5, 1, 2), 3, 100000, SU_WIRE_CHECK};
        break;
    case SU_WIRE_HEARTBEAT:
        memset(tasks, 0x88, 32);
        memset(tasks + 32, 0x99, 32);
        m->u.heartbeat =
            (struct su_wire_heartbeat){8ull << 30, 1, SU_WIRE_READY, 1, 2, key(0x77), tasks};
        break;
    case SU_WIRE_VOTE:
        m->u.vote = (struct su_wire_vote){sample_execution,   SAMPLE_SLOT, 9,        5,
                                          SU_QUESTION_FAILED, 1,           key(0xaa)};
        break;
    case SU_WIRE_CANCEL:
        m->u.cancel = (struct su_wire_cancel){sample_execution, SAMPLE_SLOT, SU_WIRE_CLIENT_STOP};
        break;
    default:
        m->u.refusal = (struct su_wire_refusal){key(0xbb), SU_WIRE_REFUSED_MISSING, 24,
                                                "no frames of steps 3\xe2\x80\x93"
                                                "9"};
        break;
    }
    return m;
}

const uint8_t *sample_vector(unsigned kind, size_t *bytes)
{
#define ROW(kind, name) [kind] = { vector_##name, sizeof vector_##name }
    static const struct {
        const uint8_t *p;
        size_t n;
    } all[SAMPLE_KINDS + 1] = {ROW(SU_WIRE_ACTIVATION, activation),
                               ROW(SU_WIRE_INPUT, input),
                               ROW(SU_WIRE_TABLE, table),
                               ROW(SU_WIRE_ACK, ack),
                               ROW(SU_WIRE_WANT, want),
                               ROW(SU_WIRE_HEARTBEAT, heartbeat),
                               ROW(SU_WIRE_VOTE, vote),
                               ROW(SU_WIRE_CANCEL, cancel),
                               ROW(SU_WIRE_REFUSAL, refusal)};

    *bytes = all[kind].n;
    return all[kind].p;
}

const uint8_t *sample_joint(unsigned i, size_t *bytes)
{
    static const uint8_t *const all[SAMPLE_JOINT] = {vector_joint_0, vector_joint_1,
                                                     vector_joint_2};

    *bytes = sizeof vector_joint_0;
    return all[i];
}

enum su_code sample_frame(const struct su_wire_message *m, const struct su_signer *s,
                          struct su_buf *out, struct su_err *e)
{
    const struct su_wire_scope scope = sample_scope();
    enum su_code c = su_wire_encode(out, s, &scope, sample_stamp, m, e);

    if (c == SU_OK)
        su_buf_put(out, m->data, (size_t)m->data_bytes);
    return c;
}
