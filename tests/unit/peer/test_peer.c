// SPDX-License-Identifier: MIT
#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "peer/peer.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define SLOT 77u

/* A server that answers every request with the same bytes, and remembers the last one. */
struct fixture {
    struct su_http_server *server;
    char endpoint[32];
    struct su_signer me_signer, you_signer;
    struct su_peer_self *me, *you;
    int status;
    const char *type;
    struct su_buf answer, asked;
    char method[8], path[128], query[128], content_type[64], forwarded[8], wait[16];
    atomic_bool acknowledge; /* what was asked, instead of `answer` */
    atomic_bool slow;
    atomic_int hits;
};

static const uint8_t *key(uint8_t b)
{
    static uint8_t keys[256][32];

    memset(keys[b], b, 32);
    return keys[b];
}

static struct su_wire_scope scope(void)
{
    return (struct su_wire_scope){key(1), key(2)};
}

static void copy(char *out, size_t cap, const char *text)
{
    (void)su_str_copy(out, cap, text != NULL ? text : "");
}

static void handle(void *ctx, const struct su_http_call *c, struct su_http_answer *a)
{
    struct fixture *x = ctx;
    struct su_wire_frame f;

    atomic_fetch_add(&x->hits, 1);
    if (atomic_load(&x->slow)) {
        const struct timespec t = {1, 0};
        nanosleep(&t, NULL);
    }
    copy(x->method, sizeof x->method, c->method);
    copy(x->path, sizeof x->path, c->path);
    copy(x->query, sizeof x->query, su_http_call_query(c, "execution"));
    copy(x->content_type, sizeof x->content_type, su_http_call_header(c, "Content-Type"));
    copy(x->forwarded, sizeof x->forwarded, su_http_call_header(c, SU_PEER_FORWARDED_HEADER));
    copy(x->wait, sizeof x->wait, su_http_call_header(c, SU_PEER_WAIT_HEADER));
    su_buf_clear(&x->asked);
    su_buf_put(&x->asked, c->body, c->body_len);
    if (atomic_load(&x->acknowledge) && su_wire_parse(c->body, c->body_len, &f, NULL) == SU_OK) {
        su_buf_clear(&x->answer);
        SU_ASSERT(su_peer_ack(x->you, &f, &x->answer, NULL) == SU_OK);
    }
    su_http_answer_bytes(a, x->status, x->type, x->answer.data, x->answer.len);
}

static struct su_peer_self *voice(struct su_signer *s, uint8_t seed, uint64_t after)
{
    const struct su_wire_scope sc = scope();
    struct su_peer_self *self = NULL;
    uint8_t public_key[32], secret[64];

    if (s->ctx == NULL) {
        su_ed25519_from_seed(key(seed), public_key, secret);
        assert_int_equal(su_signer_init_memory(s, secret, NULL), SU_OK);
    }
    assert_int_equal(su_peer_self_new(s, &sc, after, &self, NULL), SU_OK);
    return self;
}

static int setup(void **state)
{
    struct fixture *x = calloc(1, sizeof *x);
    const struct su_http_server_opts o = {.handler = handle, .ctx = x, .blocking = true};

    x->me = voice(&x->me_signer, 10, 0);
    x->you = voice(&x->you_signer, 20, 0);
    x->status = 200;
    x->type = SU_WIRE_CONTENT_TYPE;
    su_buf_init(&x->answer, 0);
    su_buf_init(&x->asked, 0);
    *state = x;
    if (su_http_server_start(&o, &x->server, NULL) != SU_OK)
        return 1;
    snprintf(x->endpoint, sizeof x->endpoint, "127.0.0.1:%u", su_http_server_port(x->server));
    return 0;
}

static int teardown(void **state)
{
    struct fixture *x = *state;

    su_http_server_stop(x->server);
    su_peer_self_free(x->me);
    su_peer_self_free(x->you);
    su_signer_fini(&x->me_signer);
    su_signer_fini(&x->you_signer);
    su_buf_fini(&x->answer);
    su_buf_fini(&x->asked);
    free(x);
    return 0;
}

static struct su_wire_ref ref_of(uint16_t task, uint8_t port)
{
    return (struct su_wire_ref){key(3), SLOT, task, 0, port};
}

/* Rows of one float each; task 4, output 1. */
static void put_activation(struct su_buf *b, struct su_peer_self *by, uint32_t step, uint32_t count)
{
    static float rows[64];
    static uint8_t leaves[64 * 32];
    const struct su_wire_message m = {
        .kind = SU_WIRE_ACTIVATION,
        .data = (const uint8_t *)rows,
        .data_bytes = (uint64_t)count * 4,
        .u.activation = {
            .ref = ref_of(4, 1), .step_first = step, .step_count = count, .leaves = leaves}};

    assert_int_equal(su_peer_frame(by, &m, b, NULL), SU_OK);
}

/* An INPUT of task 4, input 1, around b's bytes from `from` on, which it replaces. */
static void wrap(struct su_buf *b, size_t from, struct su_peer_self *by, bool external)
{
    struct su_buf inner;

    su_buf_init(&inner, 0);
    su_buf_put(&inner, b->data + from, b->len - from);
    b->len = from;
    const struct su_wire_message m = {.kind = SU_WIRE_INPUT,
                                      .data = inner.data,
                                      .data_bytes = inner.len,
                                      .u.input = {.ref = ref_of(4, 1), .external = external}};
    assert_int_equal(su_peer_frame(by, &m, b, NULL), SU_OK);
    su_buf_fini(&inner);
}

/* ---- endpoints and voices -------------------------------------------------------------------- */

static void endpoints(void **state)
{
    static const char *good[] = {"127.0.0.1:80", "a.b-c.example:65535", "[::1]:9", "[fe80::1.2]:1"};
    static const char *bad[] = {"",           "host",    ":80",     "host:",     "host:0",
                                "host:65536", "host:+1", "host:8x", "ho st:80",  "user@host:80",
                                "host/x:80",  "[::1:80", "[x]:80",  "a\r\nb:80", "http://h:80"};
    char url[300], small[20];

    (void)state;
    for (size_t i = 0; i < SU_ARRAY_LEN(good); i++) {
        assert_int_equal(su_peer_url(good[i], "/p", url, sizeof url, NULL), SU_OK);
        assert_int_equal(strncmp(url, "http://", 7), 0);
        assert_true(su_str_ends(url, "/p"));
    }
    for (size_t i = 0; i < SU_ARRAY_LEN(bad); i++)
        assert_int_equal(su_peer_url(bad[i], "/p", url, sizeof url, NULL), SU_EINVAL);
    assert_int_equal(su_peer_url("127.0.0.1:8000", "/p", small, sizeof small, NULL), SU_ELIMIT);
}

static void who_listens(void **state)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    socklen_t n = sizeof a;
    char endpoint[32];

    (void)state;
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &n), 0);
    (void)snprintf(endpoint, sizeof endpoint, "127.0.0.1:%u", ntohs(a.sin_port));
    assert_int_equal(su_peer_listens(endpoint, 5000), SU_PEER_REFUSES);
    assert_int_equal(listen(fd, 1), 0);
    assert_int_equal(su_peer_listens(endpoint, 5000), SU_PEER_LISTENS);
    (void)close(fd);
    assert_int_equal(su_peer_listens(endpoint, 5000), SU_PEER_REFUSES);
    (void)snprintf(endpoint, sizeof endpoint, "[::1]:%u", ntohs(a.sin_port));
    assert_int_not_equal(su_peer_listens(endpoint, 5000), SU_PEER_LISTENS);
    assert_int_equal(su_peer_listens("nowhere", 10), SU_PEER_SILENT);
    assert_int_equal(su_peer_listens("", 10), SU_PEER_SILENT);
}

static void numbers_grow(void **state)
{
    struct fixture *x = *state;
    struct su_signer s = {0};
    uint64_t now = (uint64_t)su_clock_wall_ms() << 20, far = now + (UINT64_C(1) << 50);
    struct su_wire_frame f;
    struct su_buf b;

    su_buf_init(&b, 0);
    put_activation(&b, x->me, 0, 1);
    uint64_t first = su_peer_self_sequence(x->me);
    put_activation(&b, x->me, 0, 1);
    assert_int_equal(su_peer_self_sequence(x->me), first + 1);
    assert_true(first >= now - (UINT64_C(60000) << 20));
    struct su_peer_self *past = voice(&s, 30, 5), *ahead = voice(&s, 30, far);
    su_buf_clear(&b);
    put_activation(&b, past, 0, 1);
    assert_true(su_peer_self_sequence(past) >= now);
    su_buf_clear(&b);
    put_activation(&b, ahead, 0, 1);
    assert_int_equal(su_peer_self_sequence(ahead), far + 1);
    assert_int_equal(su_wire_parse(b.data, b.len, &f, NULL), SU_OK);
    assert_int_equal(f.stamp.sequence, far + 1);
    assert_memory_equal(su_peer_self_key(ahead), f.sender, 32);
    assert_memory_equal(su_peer_self_scope(ahead)->genesis, key(2), 32);
    const struct su_wire_message bad = {.kind = 99};
    size_t before = b.len;
    assert_int_equal(su_peer_frame(ahead, &bad, &b, NULL), SU_EINVAL);
    assert_int_equal(b.len, before);
    /* Several at once, each whole and with a number of its own; nothing is left of those that fail. */
    struct su_wire_message m[3];
    struct su_buf each[3];
    struct su_wire_expect any = {.scope = *su_peer_self_scope(ahead), .task = -1, .attempt = -1};
    float rows[2] = {1, 2};
    uint8_t leaves[64] = {0};
    for (unsigned i = 0; i < 3; i++) {
        su_buf_init(&each[i], 0);
        m[i] = (struct su_wire_message){
            .kind = SU_WIRE_ACTIVATION,
            .data = (const uint8_t *)rows,
            .data_bytes = 8,
            .u.activation = {
                .ref = ref_of(4, 1), .step_first = i, .step_count = 2, .leaves = leaves}};
    }
    assert_int_equal(su_peer_frames(ahead, m, 3, each, NULL), SU_OK);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(su_wire_parse(each[i].data, each[i].len, &f, NULL), SU_OK);
        assert_int_equal(f.stamp.sequence, far + 3 + i);
        assert_int_equal(su_wire_verify(&f, &any, NULL), SU_OK);
        assert_memory_equal(f.m.data, rows, 8);
        each[i].len = 5;
    }
    m[2].data_bytes = 4;
    assert_int_equal(su_peer_frames(ahead, m, 3, each, NULL), SU_EINVAL);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(each[i].len, 5);
        su_buf_fini(&each[i]);
    }
    su_peer_self_free(past);
    su_peer_self_free(ahead);
    su_peer_self_free(NULL);
    su_signer_fini(&s);
    su_buf_fini(&b);
}

/* ---- posting --------------------------------------------------------------------------------- */

static void every_kind_is_acknowledged(void **state)
{
    struct fixture *x = *state;
    const struct su_wire_scope sc = scope();
    const uint8_t tasks[2] = {0, 0};
    const struct su_wire_message all[] = {
        {.kind = SU_WIRE_HEARTBEAT,
         .u.heartbeat = {.status = SU_WIRE_READY, .conformance_root = key(7)}},
        {.kind = SU_WIRE_CANCEL, .u.cancel = {key(3), SLOT, SU_WIRE_CLIENT_STOP}},
        {.kind = SU_WIRE_VOTE,
         .u.vote = {key(3), SLOT, 1, SU_NO_TASK, SU_QUESTION_ASSIGN, 0, key(9)}},
        {.kind = SU_WIRE_WANT, .u.want = {ref_of(1, 0), 0, 1, SU_WIRE_CHECK}},
        {.kind = SU_WIRE_INPUT, .data = tasks, .data_bytes = 2, .u.input = {ref_of(1, 0), 1}},
    };
    static const char *paths[] = {"/api/heartbeat", "/api/cancel", "/api/liveness/vote",
                                  "/api/frames", "/api/frame"};
    struct su_http_keep *keep;
    struct su_peer_answer answer;
    struct su_buf b;

    assert_int_equal(su_http_keep_new(&keep, NULL), SU_OK);
    const struct su_peer_call call = {.forwarded = true, .keep = keep};
    atomic_store(&x->acknowledge, true);
    su_buf_init(&b, 0);
    for (size_t i = 0; i < SU_ARRAY_LEN(all); i++) {
        su_buf_clear(&b);
        assert_int_equal(su_peer_frame(x->me, &all[i], &b, NULL), SU_OK);
        assert_int_equal(su_peer_post(&sc, x->endpoint, x->you_signer.public_key, b.data, b.len,
                                      &call, &answer, NULL),
                         SU_OK);
        assert_false(answer.refused);
        assert_string_equal(x->path, paths[i]);
        assert_string_equal(x->method, "POST");
        assert_string_equal(x->content_type, SU_WIRE_CONTENT_TYPE);
        assert_string_equal(x->forwarded, "1");
        assert_int_equal(x->asked.len, b.len);
        assert_memory_equal(x->asked.data, b.data, b.len);
    }
    su_buf_fini(&b);
    su_http_keep_free(keep);
    su_http_keep_free(NULL);
}

static enum su_code post(struct fixture *x, struct su_peer_answer *answer)
{
    const struct su_wire_scope sc = scope();
    struct su_buf b;

    su_buf_init(&b, 0);
    put_activation(&b, x->me, 0, 1);
    enum su_code c =
        su_peer_post(&sc, x->endpoint, x->you_signer.public_key, b.data, b.len, NULL, answer, NULL);
    su_buf_fini(&b);
    assert_string_equal(x->forwarded, "");
    return c;
}

static void refusals_have_codes(void **state)
{
    static const enum su_code codes[] = {
        [SU_WIRE_REFUSED_FORMAT] = SU_EFORMAT,  [SU_WIRE_REFUSED_SIGNATURE] = SU_EACCES,
        [SU_WIRE_REFUSED_SENDER] = SU_EACCES,   [SU_WIRE_REFUSED_SCOPE] = SU_ETYPE,
        [SU_WIRE_REFUSED_TIME] = SU_ETIMEOUT,   [SU_WIRE_REFUSED_REPLAY] = SU_EEXIST,
        [SU_WIRE_REFUSED_BUSY] = SU_EBUSY,      [SU_WIRE_REFUSED_MISSING] = SU_ENOENT,
        [SU_WIRE_REFUSED_FAILED] = SU_EINTERNAL};
    struct fixture *x = *state;
    struct su_peer_answer answer;

    for (unsigned i = SU_WIRE_REFUSED_FORMAT; i <= SU_WIRE_REFUSED_FAILED; i++) {
        su_buf_clear(&x->answer);
        assert_int_equal(su_peer_refuse(x->you, NULL, (enum su_wire_refusal_code)i, "bell \a\n",
                                        &x->answer, NULL),
                         SU_OK);
        assert_int_equal(post(x, &answer), codes[i]);
        assert_true(answer.refused);
        assert_int_equal(answer.refusal, i);
        assert_string_equal(answer.text, "bell ??");
    }
}

/* Several frames in one call: one acknowledgement of all, or an answer to each. */
static void several_go_together(void **state)
{
    struct fixture *x = *state;
    const struct su_wire_scope sc = scope();
    const struct su_peer_call call = {.deadline_ms = 60000};
    struct su_peer_answer answer[3];
    struct su_wire_frame f[3];
    enum su_code each[3];
    struct su_buf b;
    size_t at = 0;

    su_buf_init(&b, 0);
    for (uint32_t i = 0; i < 3; i++)
        put_activation(&b, x->me, i, 1);
    for (uint32_t i = 0; i < 3; i++)
        assert_true(su_peer_next(&b, &at, &f[i]));
    assert_int_equal(su_peer_ack_all(x->you, f, 3, &x->answer, NULL), SU_OK);
    assert_int_equal(su_peer_post_all(&sc, x->endpoint, x->you_signer.public_key, b.data, b.len, 3,
                                      &call, each, answer, NULL),
                     SU_OK);
    for (uint32_t i = 0; i < 3; i++)
        assert_true(each[i] == SU_OK && !answer[i].refused && answer[i].network_us > 0);
    assert_int_equal(x->asked.len, b.len);

    /* That of two others, or of these in another order, is none. */
    su_buf_clear(&x->answer);
    assert_int_equal(su_peer_ack_all(x->you, f + 1, 2, &x->answer, NULL), SU_OK);
    assert_int_equal(
        su_peer_post_all(&sc, x->endpoint, NULL, b.data, b.len, 3, &call, each, NULL, NULL),
        SU_EDIGEST);

    su_buf_clear(&x->answer);
    assert_int_equal(su_peer_ack(x->you, &f[0], &x->answer, NULL), SU_OK);
    assert_int_equal(su_peer_refuse(x->you, &f[1], SU_WIRE_REFUSED_BUSY, "later", &x->answer, NULL),
                     SU_OK);
    assert_int_equal(su_peer_ack(x->you, &f[2], &x->answer, NULL), SU_OK);
    assert_int_equal(
        su_peer_post_all(&sc, x->endpoint, NULL, b.data, b.len, 3, &call, each, answer, NULL),
        SU_OK);
    assert_int_equal(each[0], SU_OK);
    assert_int_equal(each[1], SU_EBUSY);
    assert_true(answer[1].refused && strcmp(answer[1].text, "later") == 0);
    assert_int_equal(each[2], SU_OK);

    /* An answer too few, or too many. */
    assert_int_equal(su_peer_post_all(&sc, x->endpoint, NULL, b.data, (size_t)(f[2].head - b.data),
                                      2, &call, each, NULL, NULL),
                     SU_EFORMAT);
    su_buf_clear(&x->answer);
    assert_int_equal(su_peer_ack(x->you, &f[0], &x->answer, NULL), SU_OK);
    assert_int_equal(su_peer_ack(x->you, &f[1], &x->answer, NULL), SU_OK);
    assert_int_equal(
        su_peer_post_all(&sc, x->endpoint, NULL, b.data, b.len, 3, &call, each, NULL, NULL),
        SU_EFORMAT);

    /* One refusal of them all. */
    su_buf_clear(&x->answer);
    assert_int_equal(su_peer_refuse(x->you, NULL, SU_WIRE_REFUSED_FORMAT, "what", &x->answer, NULL),
                     SU_OK);
    assert_int_equal(
        su_peer_post_all(&sc, x->endpoint, NULL, b.data, b.len, 3, &call, each, answer, NULL),
        SU_OK);
    for (uint32_t i = 0; i < 3; i++)
        assert_true(each[i] == SU_EFORMAT && answer[i].refused);

    int hits = atomic_load(&x->hits);
    for (uint32_t n = 0; n < 5; n++) /* none, fewer and more than there are, cut short */
        if (n != 3)
            assert_int_equal(
                su_peer_post_all(&sc, x->endpoint, NULL, b.data, b.len, n, &call, each, NULL, NULL),
                SU_EINVAL);
    assert_int_equal(
        su_peer_post_all(&sc, x->endpoint, NULL, b.data, b.len - 1, 3, &call, each, NULL, NULL),
        SU_EINVAL);
    assert_int_equal(atomic_load(&x->hits), hits);
    su_buf_fini(&b);
}

/* Over a connection of the caller's own: asked twice, or begun without waiting and gone on with. */
static void calls_are_begun(void **state)
{
    struct fixture *x = *state;
    const struct su_wire_scope sc = scope();
    struct su_peer_answer answer;
    struct su_http_line *l;
    struct su_wire_frame f;
    enum su_code each;
    struct su_buf b;

    assert_int_equal(su_http_line_new(&l, NULL), SU_OK);
    su_buf_init(&b, 0);
    put_activation(&b, x->me, 0, 1);
    assert_int_equal(su_wire_parse(b.data, b.len, &f, NULL), SU_OK);
    assert_int_equal(su_peer_ack(x->you, &f, &x->answer, NULL), SU_OK);
    const struct su_peer_call call = {
        .line = l, .since_ns = su_clock_mono_ns() - 3000000000, .deadline_ms = 60000};
    assert_false(
        su_peer_post_begin(x->endpoint, b.data, b.len, &call)); /* there is no connection */
    for (int i = 0; i < 3; i++) {
        assert_int_equal(su_peer_post_all(&sc, x->endpoint, x->you_signer.public_key, b.data, b.len,
                                          1, &call, &each, &answer, NULL),
                         SU_OK);
        assert_int_equal(each, SU_OK);
        assert_true(answer.network_us >= 3000000); /* since it began */
        assert_int_equal(x->asked.len, b.len);
        assert_int_equal(atomic_load(&x->hits), i + 1);
        if (i < 2)
            assert_true(su_peer_post_begin(x->endpoint, b.data, b.len, &call));
    }
    assert_false(su_peer_post_begin("nowhere", b.data, b.len, &call));
    assert_false(su_peer_post_begin(x->endpoint, b.data, 5, &call));
    su_http_line_free(l);
    su_buf_fini(&b);
}

static void other_answers_are_not_believed(void **state)
{
    struct fixture *x = *state;
    struct su_peer_answer answer;
    struct su_wire_frame f;
    struct su_buf b;

    su_buf_put(&x->answer, "hello", 5);
    assert_int_equal(post(x, &answer), SU_ETRUNC);
    assert_false(answer.refused);
    x->type = "text/plain";
    assert_int_equal(post(x, &answer), SU_ENET);
    x->status = 500;
    assert_int_equal(post(x, &answer), SU_ENET);
    x->status = 200;
    x->type = SU_WIRE_CONTENT_TYPE;
    su_buf_clear(&x->answer);
    put_activation(&x->answer, x->you, 0, 1);
    assert_int_equal(post(x, &answer), SU_EFORMAT);
    su_buf_init(&b, 0);
    put_activation(&b, x->me, 5, 1);
    assert_int_equal(su_wire_parse(b.data, b.len, &f, NULL), SU_OK);
    su_buf_clear(&x->answer); /* of another frame */
    assert_int_equal(su_peer_ack(x->you, &f, &x->answer, NULL), SU_OK);
    assert_int_equal(post(x, &answer), SU_EDIGEST);
    su_buf_clear(&x->answer);
    assert_int_equal(su_peer_refuse(x->you, &f, SU_WIRE_REFUSED_BUSY, "", &x->answer, NULL), SU_OK);
    assert_int_equal(post(x, &answer), SU_EDIGEST);
    assert_false(answer.refused);
    su_buf_clear(&x->answer); /* by somebody else */
    assert_int_equal(su_peer_ack(x->me, &f, &x->answer, NULL), SU_OK);
    assert_int_equal(post(x, &answer), SU_EACCES);
    x->answer.data[135] ^= 1;
    assert_int_equal(post(x, &answer), SU_EACCES);
    const struct su_wire_scope sc = scope();
    assert_int_equal(su_peer_post(&sc, x->endpoint, NULL, "SUWR", 4, NULL, NULL, NULL), SU_EINVAL);
    assert_int_equal(su_peer_post(&sc, "nowhere", NULL, b.data, b.len, NULL, NULL, NULL),
                     SU_EINVAL);
    assert_int_equal(su_peer_post(&sc, "127.0.0.1:1", NULL, b.data, b.len, NULL, NULL, NULL),
                     SU_ENET);
    su_buf_fini(&b);
}

static bool always(void *ctx)
{
    (void)ctx;
    return true;
}

static void calls_end(void **state)
{
    struct fixture *x = *state;
    const struct su_peer_call short_call = {.deadline_ms = 100}, cancelled = {.cancelled = always};
    struct su_buf out;

    atomic_store(&x->slow, true);
    su_buf_init(&out, 0);
    assert_int_equal(su_peer_status_get(x->endpoint, &short_call, &out, NULL), SU_ETIMEOUT);
    assert_int_equal(su_peer_status_get(x->endpoint, &cancelled, &out, NULL), SU_ECANCELLED);
    su_buf_fini(&out);
}

/* ---- asking ---------------------------------------------------------------------------------- */

static struct su_peer_want want_of(struct fixture *x, enum su_wire_purpose purpose)
{
    return (struct su_peer_want){.want = {.ref = ref_of(4, 1),
                                          .step_first = 10,
                                          .step_count = 20,
                                          .purpose = (uint8_t)purpose},
                                 .wait_ms = 50,
                                 .sender = x->you_signer.public_key};
}

static enum su_code want(struct fixture *x, const struct su_peer_want *w, struct su_buf *frames)
{
    struct su_peer_answer answer;
    size_t before = frames->len;

    enum su_code c = su_peer_want(x->me, x->endpoint, w, NULL, frames, &answer, NULL);
    if (c != SU_OK)
        assert_int_equal(frames->len, before);
    return c;
}

static void frames_are_asked_for(void **state)
{
    struct fixture *x = *state;
    struct su_peer_want w = want_of(x, SU_WIRE_RECOVERY);
    struct su_wire_frame f;
    struct su_buf frames;
    uint32_t step = 5;
    size_t at = 0;

    su_buf_init(&frames, 0);
    for (uint32_t s = 5; s < 30; s += 10)
        put_activation(&x->answer, x->you, s, 10);
    assert_int_equal(want(x, &w, &frames), SU_OK);
    assert_string_equal(x->path, "/api/frames");
    assert_string_equal(x->wait, "50");
    assert_int_equal(su_wire_parse(x->asked.data, x->asked.len, &f, NULL), SU_OK);
    assert_int_equal(f.m.kind, SU_WIRE_WANT);
    assert_int_equal(f.m.u.want.step_count, 20);
    for (; su_peer_next(&frames, &at, &f); step += 10)
        assert_int_equal(f.m.u.activation.step_first, step);
    assert_int_equal(step, 35);
    assert_int_equal(at, frames.len);
    su_buf_clear(&x->answer);
    assert_int_equal(su_peer_refuse(x->you, NULL, SU_WIRE_REFUSED_MISSING, "", &x->answer, NULL),
                     SU_OK);
    assert_int_equal(want(x, &w, &frames), SU_ENOENT);
    su_buf_fini(&frames);
}

static void wrong_frames_are_not_taken(void **state)
{
    struct fixture *x = *state;
    struct su_peer_want w = want_of(x, SU_WIRE_RECOVERY);
    struct su_buf frames;

    su_buf_init(&frames, 0);
    assert_int_equal(want(x, &w, &frames), SU_EFORMAT); /* nothing at all */
    put_activation(&x->answer, x->you, 10, 10);
    put_activation(&x->answer, x->you, 15, 5);
    assert_int_equal(want(x, &w, &frames), SU_EFORMAT); /* nothing new in the second */
    su_buf_clear(&x->answer);
    put_activation(&x->answer, x->you, 30, 1);
    assert_int_equal(want(x, &w, &frames), SU_EFORMAT); /* not asked for */
    su_buf_clear(&x->answer);
    put_activation(&x->answer, x->me, 10, 1);
    assert_int_equal(want(x, &w, &frames), SU_ETYPE); /* another's */
    su_buf_clear(&x->answer);
    put_activation(&x->answer, x->you, 10, 1);
    x->answer.data[x->answer.len - 1] ^= 1;
    assert_int_equal(want(x, &w, &frames), SU_EDIGEST);
    x->answer.data[x->answer.len - 1] ^= 1;
    w.want.ref.port = 2;
    assert_int_equal(want(x, &w, &frames), SU_EFORMAT);
    w.want.ref.port = 1;
    w.want.ref.task = 5;
    assert_int_equal(want(x, &w, &frames), SU_ETYPE);
    w.want.ref.task = 4;
    x->answer.len--;
    assert_int_equal(want(x, &w, &frames), SU_EFORMAT); /* cut */
    su_buf_clear(&x->answer);
    w.want.purpose = 7;
    assert_int_equal(want(x, &w, &frames), SU_EINVAL);
    frames.limit = 10;
    w.want.purpose = SU_WIRE_RECOVERY;
    put_activation(&x->answer, x->you, 10, 1);
    assert_int_equal(want(x, &w, &frames), SU_ELIMIT);
    su_buf_fini(&frames);
    su_buf_init(&frames, 0);
    const struct su_peer_call tight = {.max_bytes = 100};
    assert_int_equal(su_peer_want(x->me, x->endpoint, &w, &tight, &frames, NULL, NULL), SU_ELIMIT);
    su_buf_fini(&frames);
}

static void inputs_are_asked_for(void **state)
{
    struct fixture *x = *state;
    struct su_peer_want w = want_of(x, SU_WIRE_CHECK);
    struct su_wire_frame f, inner;
    struct su_buf frames;
    size_t at = 0;

    su_buf_init(&frames, 0);
    w.producer = x->me_signer.public_key;
    su_buf_put(&x->answer, "container", 9);
    wrap(&x->answer, 0, x->you, true);
    size_t one = x->answer.len;
    put_activation(&x->answer, x->me, 3, 4);
    wrap(&x->answer, one, x->you, false);
    assert_int_equal(want(x, &w, &frames), SU_OK);
    assert_true(su_peer_next(&frames, &at, &f));
    assert_int_equal(f.m.data_bytes, 9);
    assert_int_equal(su_peer_inner(&f, &inner, NULL), SU_ETYPE);
    assert_true(su_peer_next(&frames, &at, &f));
    assert_int_equal(su_peer_inner(&f, &inner, NULL), SU_OK);
    assert_int_equal(inner.m.u.activation.step_first, 3);
    assert_false(su_peer_next(&frames, &at, &f));
    w.producer = x->you_signer.public_key;
    assert_int_equal(want(x, &w, &frames), SU_ETYPE);
    w.producer = NULL;
    assert_int_equal(want(x, &w, &frames), SU_OK);
    size_t two = x->answer.len; /* the container comes once, and first */
    su_buf_put(&x->answer, "again", 5);
    wrap(&x->answer, two, x->you, true);
    assert_int_equal(want(x, &w, &frames), SU_EFORMAT);
    su_buf_clear(&x->answer);
    su_buf_put(&x->answer, "no frame", 8);
    wrap(&x->answer, 0, x->you, false);
    assert_int_equal(want(x, &w, &frames), SU_ETRUNC);
    su_buf_clear(&x->answer);
    put_activation(&x->answer, x->you, 10, 1); /* an output where an input was asked for */
    assert_int_equal(want(x, &w, &frames), SU_ETYPE);
    su_buf_fini(&frames);
}

/* ---- things of oracles ----------------------------------------------------------------------- */

static void containers(void **state)
{
    struct fixture *x = *state;
    const struct su_peer_call forwarded = {.forwarded = true};
    char address[64], path[128];
    uint8_t digest[32];
    struct su_buf out;

    (void)su_base58_encode(key(3), 32, address, sizeof address);
    snprintf(path, sizeof path, "/api/input/%s", address);
    su_buf_init(&out, 0);
    x->type = "application/octet-stream";
    assert_int_equal(su_peer_input_post(x->endpoint, key(3), "abc", 3, NULL, NULL), SU_OK);
    assert_string_equal(x->path, "/api/input");
    assert_string_equal(x->query, address);
    assert_string_equal(x->forwarded, "");
    assert_int_equal(x->asked.len, 3);
    assert_int_equal(su_peer_input_post(x->endpoint, key(3), "abc", 3, &forwarded, NULL), SU_OK);
    assert_string_equal(x->forwarded, "1");
    x->status = 409;
    su_buf_put(&x->answer, "too late", 8);
    struct su_err e;
    assert_int_equal(su_peer_input_post(x->endpoint, key(3), "abc", 3, NULL, &e), SU_EACCES);
    assert_non_null(strstr(e.msg, "too late"));
    x->status = 503;
    assert_int_equal(su_peer_input_post(x->endpoint, key(3), "abc", 3, NULL, NULL), SU_EBUSY);
    x->status = 500;
    assert_int_equal(su_peer_input_post(x->endpoint, key(3), "abc", 3, NULL, NULL), SU_ENET);
    x->status = 404;
    assert_int_equal(su_peer_input_post(x->endpoint, key(3), "abc", 3, NULL, NULL), SU_ENOENT);
    su_sha256("too late", 8, digest);
    assert_int_equal(su_peer_input_get(x->endpoint, key(3), digest, NULL, &out, NULL), SU_ENOENT);
    x->status = 200;
    assert_int_equal(su_peer_input_get(x->endpoint, key(3), digest, NULL, &out, NULL), SU_OK);
    assert_string_equal(x->path, path);
    assert_int_equal(out.len, 8);
    digest[0] ^= 1;
    assert_int_equal(su_peer_input_get(x->endpoint, key(3), digest, NULL, &out, NULL), SU_EDIGEST);
    assert_int_equal(out.len, 8);
    const struct su_peer_call tight = {.max_bytes = 3};
    assert_int_equal(su_peer_input_get(x->endpoint, key(3), digest, &tight, &out, NULL), SU_ELIMIT);
    su_buf_fini(&out);
}

static void tables(void **state)
{
    struct fixture *x = *state;
    uint8_t row[SU_WIRE_ROW_BYTES] = {1}, task[2] = {0, 0}, depth;
    uint8_t table_root[32], assignment_root[32];
    const struct su_wire_scope sc = scope();
    struct su_buf out;

    su_put_le64(row + 72, 100);
    struct su_wire_message m = {.kind = SU_WIRE_TABLE,
                                .data = row,
                                .data_bytes = sizeof row,
                                .u.table = {.execution = key(3),
                                            .request_slot = SLOT,
                                            .total = 100,
                                            .slot_hash = key(4),
                                            .table_root = table_root,
                                            .assignment_root = assignment_root,
                                            .row_count = 1,
                                            .task_count = 1,
                                            .rows_of_tasks = task}};
    assert_int_equal(su_wire_table_root(&m, table_root, &depth, NULL), SU_OK);
    su_wire_assignment_root(&m, assignment_root);
    su_buf_init(&out, 0);
    assert_int_equal(su_peer_frame(x->you, &m, &x->answer, NULL), SU_OK);
    assert_int_equal(
        su_peer_table_get(&sc, x->endpoint, key(3), table_root, assignment_root, NULL, &out, NULL),
        SU_OK);
    assert_int_equal(out.len, x->answer.len);
    assert_true(su_str_starts(x->path, "/api/table/"));
    assert_int_equal(
        su_peer_table_get(&sc, x->endpoint, key(5), table_root, assignment_root, NULL, &out, NULL),
        SU_EDIGEST);
    assert_int_equal(
        su_peer_table_get(&sc, x->endpoint, key(3), key(5), assignment_root, NULL, &out, NULL),
        SU_EDIGEST);
    m.u.table.table_root = key(6); /* says so, and is not */
    su_buf_clear(&x->answer);
    assert_int_equal(su_peer_frame(x->you, &m, &x->answer, NULL), SU_OK);
    assert_int_equal(
        su_peer_table_get(&sc, x->endpoint, key(3), key(6), assignment_root, NULL, &out, NULL),
        SU_EDIGEST);
    su_buf_clear(&x->answer);
    put_activation(&x->answer, x->you, 0, 1);
    assert_int_equal(
        su_peer_table_get(&sc, x->endpoint, key(3), key(6), assignment_root, NULL, &out, NULL),
        SU_ETYPE);
    x->status = 404;
    assert_int_equal(
        su_peer_table_get(&sc, x->endpoint, key(3), key(6), assignment_root, NULL, &out, NULL),
        SU_ENOENT);
    su_buf_fini(&out);
}

static void states(void **state)
{
    struct fixture *x = *state;
    struct su_buf out;

    su_buf_init(&out, 0);
    su_buf_put(&x->answer, "{}", 2);
    assert_int_equal(su_peer_status_get(x->endpoint, NULL, &out, NULL), SU_OK);
    assert_string_equal(x->path, "/api/status");
    assert_string_equal(x->method, "GET");
    assert_int_equal(out.len, 2);
    x->status = 403;
    assert_int_equal(su_peer_status_get(x->endpoint, NULL, &out, NULL), SU_EACCES);
    su_buf_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(endpoints),
        cmocka_unit_test(who_listens),
        cmocka_unit_test_setup_teardown(numbers_grow, setup, teardown),
        cmocka_unit_test_setup_teardown(every_kind_is_acknowledged, setup, teardown),
        cmocka_unit_test_setup_teardown(refusals_have_codes, setup, teardown),
        cmocka_unit_test_setup_teardown(several_go_together, setup, teardown),
        cmocka_unit_test_setup_teardown(calls_are_begun, setup, teardown),
        cmocka_unit_test_setup_teardown(other_answers_are_not_believed, setup, teardown),
        cmocka_unit_test_setup_teardown(calls_end, setup, teardown),
        cmocka_unit_test_setup_teardown(frames_are_asked_for, setup, teardown),
        cmocka_unit_test_setup_teardown(wrong_frames_are_not_taken, setup, teardown),
        cmocka_unit_test_setup_teardown(inputs_are_asked_for, setup, teardown),
        cmocka_unit_test_setup_teardown(containers, setup, teardown),
        cmocka_unit_test_setup_teardown(tables, setup, teardown),
        cmocka_unit_test_setup_teardown(states, setup, teardown),
    };

    su_log_stderr(-1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
