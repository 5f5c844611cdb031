// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "frames.h"

#include "graph/graph.h"
#include "support/port.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static uint8_t g_keys[256][32];
static pthread_once_t g_once = PTHREAD_ONCE_INIT;

static void fill_keys(void)
{
    for (unsigned b = 0; b < 256; b++)
        memset(g_keys[b], (int)b, 32);
}

/* 32 times the same byte. */
static const uint8_t *bytes_of(uint8_t b)
{
    (void)pthread_once(&g_once, fill_keys);
    return g_keys[b];
}

struct su_wire_scope frames_scope(void)
{
    return (struct su_wire_scope){bytes_of(0x11), bytes_of(0x22)};
}

const uint8_t *frames_execution(uint8_t n)
{
    return bytes_of((uint8_t)(0x40 + n));
}

void frames_sleep_ms(unsigned ms)
{
    const struct timespec t = {ms / 1000, (long)(ms % 1000) * 1000000};

    nanosleep(&t, NULL);
}

static void handle(void *ctx, const struct su_http_call *c, struct su_http_answer *a)
{
    struct frames_node *n = ctx;
    const char *wait = su_http_call_header(c, SU_PEER_WAIT_HEADER);
    struct su_buf answer;

    su_buf_init(&answer, 0);
    for (int ms = 0; ms < atomic_load(&n->delay_ms); ms += 5)
        frames_sleep_ms(5);
    if (strcmp(c->path, "/api/frame") == 0) {
        atomic_fetch_add(&n->posts, 1);
        su_exchange_take(n->x, c->connection, c->body, c->body_len, &answer);
    } else if (strcmp(c->path, "/api/frames") == 0) {
        su_exchange_serve(n->x, c->body, c->body_len,
                          wait != NULL ? (uint32_t)strtoul(wait, NULL, 10) : 0, &answer);
    }
    if (answer.len != 0)
        su_http_answer_bytes(a, 200, SU_WIRE_CONTENT_TYPE, answer.data, answer.len);
    su_buf_fini(&answer);
}

static bool may(void *ctx, const struct su_wire_want *w, const uint8_t asker[32])
{
    struct frames_node *n = ctx;

    (void)w;
    (void)asker;
    return !atomic_load(&n->deny);
}

static void unknown(void *ctx, const uint8_t execution[32])
{
    struct frames_node *n = ctx;

    (void)execution;
    atomic_fetch_add(&n->unknown, 1);
}

static void evidence(void *ctx, const struct su_exchange_evidence *ev)
{
    struct frames_node *n = ctx;

    n->last = *ev;
    atomic_fetch_add(&n->evidence, 1);
}

void frames_again(struct frames_node *n)
{
    const struct su_wire_scope scope = frames_scope();
    const struct su_journal_opts jo = {.dir = n->home, .keep_free_bytes = 1};
    const struct su_http_server_opts so = {.port = n->port,
                                           .blocking = true,
                                           .handler = handle,
                                           .ctx = n,
                                           .body_max_bytes = 80u << 20};
    struct su_err e = {0};

    assert_int_equal(su_peer_self_new(&n->signer, &scope, 0, &n->self, &e), SU_OK);
    assert_int_equal(su_journal_open(&jo, &n->journal, &e), SU_OK);
    n->opts.self = n->self;
    n->opts.journal = n->journal;
    n->opts.may = may;
    n->opts.unknown = unknown;
    n->opts.evidence = evidence;
    n->opts.ctx = n;
    assert_int_equal(su_exchange_new(&n->opts, &n->x, &e), SU_OK);
    if (su_http_server_start(&so, &n->server, &e) != SU_OK)
        fail_msg("%s: %s", e.at, e.msg);
    snprintf(n->endpoint, sizeof n->endpoint, "127.0.0.1:%u", n->port);
}

void frames_start(struct frames_node *n, uint8_t seed)
{
    const char *base = getenv("TMPDIR");
    uint8_t public_key[32], secret[64];

    snprintf(n->home, sizeof n->home, "%s/su-node-XXXXXX", base != NULL ? base : "/tmp");
    assert_non_null(mkdtemp(n->home));
    n->port = su_test_port();
    su_ed25519_from_seed(bytes_of(seed), public_key, secret);
    assert_int_equal(su_signer_init_memory(&n->signer, secret, NULL), SU_OK);
    frames_again(n);
}

void frames_stop(struct frames_node *n)
{
    if (n->x == NULL)
        return;
    su_exchange_stop(n->x);
    su_http_server_stop(n->server);
    su_exchange_free(n->x);
    su_journal_close(n->journal);
    su_peer_self_free(n->self);
    n->x = NULL;
}

void frames_end(struct frames_node *n)
{
    char command[300];

    frames_stop(n);
    snprintf(command, sizeof command, "rm -rf '%s'", n->home);
    assert_int_equal(system(command), 0);
    su_signer_fini(&n->signer);
}

struct su_flow *frames_flow(struct frames_node *n, uint8_t execution, uint16_t task,
                            const struct frames_node *producer, uint32_t end)
{
    const struct su_flow_opts o = {.execution = frames_execution(execution),
                                   .task = task,
                                   .producer = producer->signer.public_key,
                                   .dtype = 0,
                                   .rank = 1,
                                   .dims = {FRAMES_ROW},
                                   .end = end};
    struct su_flow *f = NULL;
    struct su_err e = {0};

    if (su_exchange_enter(n->x, o.execution, FRAMES_SLOT, 1 << 20, &e) != SU_OK ||
        su_flow_open(n->x, &o, &f, &e) != SU_OK)
        fail_msg("%s: %s", e.at, e.msg);
    return f;
}

void frames_row(uint32_t step, uint32_t salt, float row[FRAMES_ROW], uint8_t leaf[32])
{
    for (uint32_t i = 0; i < FRAMES_ROW; i++)
        row[i] = (float)(step * 16 + i + salt * 100000);
    const struct su_bytes part = {row, FRAMES_ROW * sizeof *row};
    su_leaf_digest(step, &part, 1, leaf);
}

static void rows_of(uint32_t step, uint32_t count, uint32_t salt, float **rows, uint8_t **leaves)
{
    *rows = su_alloc(count * FRAMES_ROW * sizeof **rows);
    *leaves = su_alloc(count * (size_t)32);
    for (uint32_t i = 0; i < count; i++)
        frames_row(step + i, salt, *rows + (size_t)i * FRAMES_ROW, *leaves + (size_t)i * 32);
}

enum su_code frames_emit(struct su_flow *f, uint32_t step, uint32_t count, uint32_t salt)
{
    struct su_err e = {0};
    uint8_t *leaves;
    float *rows;

    rows_of(step, count, salt, &rows, &leaves);
    enum su_code c = su_flow_emit(f, step, count, rows, leaves, &e);
    free(rows);
    free(leaves);
    return c;
}

void frames_activation(struct su_buf *b, const struct frames_node *by, uint8_t execution,
                       uint16_t task, uint32_t step, uint32_t count, uint32_t salt)
{
    uint8_t *leaves;
    float *rows;

    rows_of(step, count, salt, &rows, &leaves);
    const struct su_wire_message m = {
        .kind = SU_WIRE_ACTIVATION,
        .data = (const uint8_t *)rows,
        .data_bytes = (uint64_t)count * FRAMES_ROW * sizeof *rows,
        .u.activation = {.ref = {.execution = frames_execution(execution),
                                 .request_slot = FRAMES_SLOT,
                                 .task = task},
                         .step_first = step,
                         .step_count = count,
                         .rank = 1,
                         .dims = {FRAMES_ROW},
                         .leaves = leaves}};
    su_buf_init(b, 0);
    assert_int_equal(su_peer_frame(by->self, &m, b, NULL), SU_OK);
    free(rows);
    free(leaves);
}

void frames_expect(struct su_flow *f, uint32_t end, uint32_t salt)
{
    float *got = su_alloc(end * FRAMES_ROW * sizeof *got), *want;
    uint8_t *leaves = su_alloc(end * (size_t)32), *want_leaves;

    assert_int_equal(su_flow_have(f), end);
    assert_int_equal(su_flow_rows(f, 0, end, got, leaves, NULL), SU_OK);
    rows_of(0, end, salt, &want, &want_leaves);
    assert_memory_equal(got, want, end * FRAMES_ROW * sizeof *got);
    assert_memory_equal(leaves, want_leaves, end * (size_t)32);
    free(got);
    free(want);
    free(leaves);
    free(want_leaves);
}

unsigned frames_take_over(struct frames_node *n, uint64_t connection, const void *bytes, size_t len)
{
    struct su_wire_frame f;
    struct su_buf answer;

    su_buf_init(&answer, 0);
    su_exchange_take(n->x, connection, bytes, len, &answer);
    assert_int_equal(su_wire_parse(answer.data, answer.len, &f, NULL), SU_OK);
    unsigned refusal = f.m.kind == SU_WIRE_ACK ? 0 : f.m.u.refusal.code;
    su_buf_fini(&answer);
    return refusal;
}

unsigned frames_take(struct frames_node *n, const void *bytes, size_t len)
{
    return frames_take_over(n, 0, bytes, len);
}

int frames_three_setup(void **state)
{
    struct frames_three *x = calloc(1, sizeof *x);

    frames_start(&x->a, 1);
    frames_start(&x->b, 2);
    frames_start(&x->c, 3);
    *state = x;
    return 0;
}

int frames_flow_setup(void **state)
{
    (void)frames_three_setup(state);
    struct frames_three *x = *state;
    x->in = frames_flow(&x->b, 1, 0, &x->a, FRAMES_STEPS);
    return 0;
}

int frames_three_teardown(void **state)
{
    struct frames_three *x = *state;

    su_flow_close(x->in);
    frames_end(&x->a);
    frames_end(&x->b);
    frames_end(&x->c);
    free(x);
    return 0;
}
