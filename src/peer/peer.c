// SPDX-License-Identifier: MIT
#include "peer_priv.h"

#include <ctype.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { ENDPOINT_MAX = 200 };

static bool host_valid(const char *host, size_t n)
{
    if (n >= 4 && host[0] == '[' && host[n - 1] == ']') {
        for (size_t i = 1; i < n - 1; i++)
            if (!isxdigit((unsigned char)host[i]) && host[i] != ':' && host[i] != '.')
                return false;
        return true;
    }
    for (size_t i = 0; i < n; i++)
        if (!isalnum((unsigned char)host[i]) && host[i] != '.' && host[i] != '-')
            return false;
    return n > 0;
}

enum su_code su_peer_url(const char *endpoint, const char *path, char *out, size_t cap,
                         struct su_err *e)
{
    const char *colon = strrchr(endpoint, ':');
    uint64_t port;

    if (strlen(endpoint) > ENDPOINT_MAX || colon == NULL ||
        !host_valid(endpoint, (size_t)(colon - endpoint)) || !isdigit((unsigned char)colon[1]) ||
        su_parse_u64(colon + 1, "port", 1, UINT16_MAX, &port, NULL) != SU_OK)
        return su_fail(e, SU_EINVAL, endpoint, "is not HOST:PORT");
    int n = snprintf(out, cap, "http://%s%s", endpoint, path);
    return n > 0 && (size_t)n < cap
               ? SU_OK
               : su_fail(e, SU_ELIMIT, endpoint, "its address is longer than %zu bytes", cap - 1);
}

/* ---- speaking -------------------------------------------------------------------------------- */

struct su_peer_self {
    const struct su_signer *signer;
    uint8_t program_id[32], genesis[32];
    struct su_wire_scope scope; /* of the two above */
    pthread_mutex_t lock;
    uint64_t last; /* under lock */
};

enum su_code su_peer_self_new(const struct su_signer *signer, const struct su_wire_scope *scope,
                              uint64_t after, struct su_peer_self **out, struct su_err *e)
{
    struct su_peer_self *self = su_try_alloc(1, sizeof *self);

    *out = self;
    if (self == NULL)
        return su_fail(e, SU_ENOMEM, "peer", "no memory");
    self->signer = signer;
    memcpy(self->program_id, scope->program_id, 32);
    memcpy(self->genesis, scope->genesis, 32);
    self->scope = (struct su_wire_scope){self->program_id, self->genesis};
    self->last = after >= (uint64_t)su_clock_wall_ms() << 20 ? after : 0;
    (void)pthread_mutex_init(&self->lock, NULL);
    return SU_OK;
}

void su_peer_self_free(struct su_peer_self *self)
{
    if (self == NULL)
        return;
    (void)pthread_mutex_destroy(&self->lock);
    free(self);
}

const uint8_t *su_peer_self_key(const struct su_peer_self *self)
{
    return self->signer->public_key;
}

const struct su_wire_scope *su_peer_self_scope(const struct su_peer_self *self)
{
    return &self->scope;
}

uint64_t su_peer_self_sequence(struct su_peer_self *self)
{
    (void)pthread_mutex_lock(&self->lock);
    uint64_t last = self->last;
    (void)pthread_mutex_unlock(&self->lock);
    return last;
}

enum su_code su_peer_frame(struct su_peer_self *self, const struct su_wire_message *m,
                           struct su_buf *out, struct su_err *e)
{
    size_t start = out->len;

    (void)pthread_mutex_lock(&self->lock);
    struct su_wire_stamp stamp = su_wire_stamp_next(&self->last, su_clock_wall_ms());
    (void)pthread_mutex_unlock(&self->lock);
    enum su_code c = su_wire_encode(out, self->signer, &self->scope, stamp, m, e);
    if (c != SU_OK)
        return c;
    su_buf_put(out, m->data, (size_t)m->data_bytes);
    c = su_buf_check(out, su_wire_kind_name(m->kind), e);
    if (c != SU_OK)
        out->len = start;
    return c;
}

enum su_code su_peer_frames(struct su_peer_self *self, const struct su_wire_message *m, uint32_t n,
                            struct su_buf *out, struct su_err *e)
{
    struct su_wire_stamp stamp[SU_WIRE_JOINT_MAX];
    size_t start[SU_WIRE_JOINT_MAX];
    int64_t now = su_clock_wall_ms();

    (void)pthread_mutex_lock(&self->lock);
    for (uint32_t i = 0; i < SU_MIN(n, SU_WIRE_JOINT_MAX); i++) {
        stamp[i] = su_wire_stamp_next(&self->last, now);
        start[i] = out[i].len;
    }
    (void)pthread_mutex_unlock(&self->lock);
    enum su_code c = su_wire_encode_joint(out, self->signer, &self->scope, stamp, m, n, e);
    if (c != SU_OK)
        return c;
    for (uint32_t i = 0; i < n; i++)
        su_buf_put(&out[i], m[i].data, (size_t)m[i].data_bytes);
    for (uint32_t i = 0; i < n && c == SU_OK; i++)
        c = su_buf_check(&out[i], su_wire_kind_name(m[i].kind), e);
    for (uint32_t i = 0; i < n && c != SU_OK; i++)
        if (!out[i].failed)
            out[i].len = start[i];
    return c;
}

/* What a frame is about, for its acknowledgement: all zero for a kind that is about no execution. */
static struct su_wire_ref ref_of(const struct su_wire_message *m)
{
    static const uint8_t none[32];
    struct su_wire_ref r = {.execution = none};

    switch (m->kind) {
    case SU_WIRE_ACTIVATION:
        return m->u.activation.ref;
    case SU_WIRE_INPUT:
        return m->u.input.ref;
    case SU_WIRE_WANT:
        return m->u.want.ref;
    case SU_WIRE_TABLE:
        r.execution = m->u.table.execution;
        r.request_slot = m->u.table.request_slot;
        return r;
    case SU_WIRE_VOTE:
        r.execution = m->u.vote.execution;
        r.request_slot = m->u.vote.request_slot;
        r.task = m->u.vote.task < SU_TASKS_MAX ? m->u.vote.task : 0;
        r.attempt = m->u.vote.attempt;
        return r;
    case SU_WIRE_CANCEL:
        r.execution = m->u.cancel.execution;
        r.request_slot = m->u.cancel.request_slot;
        return r;
    default:
        return r;
    }
}

/* What an acknowledgement of n frames names. */
static void digest_all(const struct su_wire_scope *scope, const struct su_wire_frame *f, uint32_t n,
                       uint8_t out[32])
{
    struct su_sha256 h;

    su_wire_digest(&f[0], scope, out);
    if (n == 1)
        return;
    su_sha256_init(&h);
    for (uint32_t i = 0; i < n; i++) {
        uint8_t one[32];
        su_wire_digest(&f[i], scope, one);
        su_sha256_update(&h, one, sizeof one);
    }
    su_sha256_final(&h, out);
}

enum su_code su_peer_ack_all(struct su_peer_self *self, const struct su_wire_frame *f, uint32_t n,
                             struct su_buf *out, struct su_err *e)
{
    uint8_t digest[32];
    const struct su_wire_message m = {.kind = SU_WIRE_ACK,
                                      .u.ack = {.ref = ref_of(&f[0].m), .frame = digest}};

    digest_all(&self->scope, f, n, digest);
    return su_peer_frame(self, &m, out, e);
}

enum su_code su_peer_ack(struct su_peer_self *self, const struct su_wire_frame *f,
                         struct su_buf *out, struct su_err *e)
{
    return su_peer_ack_all(self, f, 1, out, e);
}

enum su_code su_peer_refuse(struct su_peer_self *self, const struct su_wire_frame *f,
                            enum su_wire_refusal_code code, const char *text, struct su_buf *out,
                            struct su_err *e)
{
    char clean[SU_WIRE_TEXT_MAX + 1];
    uint8_t digest[32] = {0};

    su_str_sanitize(clean, sizeof clean, text, strlen(text));
    if (f != NULL)
        su_wire_digest(f, &self->scope, digest);
    const struct su_wire_message m = {.kind = SU_WIRE_REFUSAL,
                                      .u.refusal = {.frame = digest,
                                                    .code = (uint16_t)code,
                                                    .text_bytes = (uint8_t)strlen(clean),
                                                    .text = clean}};
    return su_peer_frame(self, &m, out, e);
}

/* ---- calls ----------------------------------------------------------------------------------- */

enum su_code su_peer_http(const char *method, const char *endpoint, const char *path,
                          const struct su_http_header *headers, size_t n_headers,
                          const struct su_bytes_of *body, const struct su_peer_call *call,
                          const struct su_peer_limits *limits, struct su_http_reply *reply,
                          struct su_err *e)
{
    static const struct su_peer_call none;
    char url[SU_HTTP_URL_MAX];

    *reply = (struct su_http_reply){0};
    call = call != NULL ? call : &none;
    enum su_code c = su_peer_url(endpoint, path, url, sizeof url, e);
    if (c != SU_OK)
        return c;
    uint32_t deadline = (call->deadline_ms != 0 ? call->deadline_ms : 10000) + limits->extra_ms;
    const struct su_http_opts o = {
        .connect_ms = deadline,
        .stall_ms = deadline,
        .deadline_ms = deadline,
        .max_bytes = call->max_bytes != 0 ? call->max_bytes : limits->max_bytes,
        .keep = call->keep,
        .cancelled = call->cancelled,
        .ctx = call->ctx,
    };
    c = SU_EUNSUPPORTED;
    if (call->line != NULL && strcmp(method, "POST") == 0)
        c = su_http_line_post(call->line, url, headers, n_headers, body->data, body->n, &o, reply,
                              e);
    return c != SU_EUNSUPPORTED ? c
                                : su_http_request(method, url, headers, n_headers, body->data,
                                                  body->n, &o, reply, e);
}

/* What a refusal means to the caller. */
static enum su_code refusal_code(uint16_t code)
{
    switch (code) {
    case SU_WIRE_REFUSED_SIGNATURE:
    case SU_WIRE_REFUSED_SENDER:
        return SU_EACCES;
    case SU_WIRE_REFUSED_SCOPE:
        return SU_ETYPE;
    case SU_WIRE_REFUSED_TIME:
        return SU_ETIMEOUT;
    case SU_WIRE_REFUSED_REPLAY:
        return SU_EEXIST;
    case SU_WIRE_REFUSED_BUSY:
        return SU_EBUSY;
    case SU_WIRE_REFUSED_MISSING:
        return SU_ENOENT;
    case SU_WIRE_REFUSED_FORMAT:
        return SU_EFORMAT;
    default:
        return SU_EINTERNAL;
    }
}

static enum su_code take_refusal(const char *endpoint, const struct su_wire_refusal *r,
                                 struct su_peer_answer *answer, struct su_err *e)
{
    answer->refused = true;
    answer->refusal = r->code;
    su_str_sanitize(answer->text, sizeof answer->text, r->text, r->text_bytes);
    return su_fail(e, refusal_code(r->code), endpoint, "refuses: %s", answer->text);
}

/* The one frame of an answer that is no list: an acknowledgement of `digest`, or its refusal. */
static enum su_code take_answer(const struct su_wire_scope *scope, const char *endpoint,
                                const uint8_t *to, const uint8_t digest[32], const void *body,
                                size_t n, struct su_peer_answer *answer, struct su_err *e)
{
    static const uint8_t none[32];
    const struct su_wire_expect x = {.scope = *scope, .sender = to};
    struct su_wire_frame f;

    enum su_code c = su_wire_parse(body, n, &f, e);
    if (c != SU_OK) {
        (void)su_wrap(e, "%s answers", endpoint);
        return c;
    }
    if (f.m.kind != SU_WIRE_ACK && f.m.kind != SU_WIRE_REFUSAL)
        return su_fail(e, SU_EFORMAT, endpoint, "answers with a %s", su_wire_kind_name(f.m.kind));
    c = su_wire_verify(&f, &x, e);
    if (c != SU_OK) {
        if (e != NULL && c == SU_ETYPE)
            e->code = SU_EACCES; /* somebody else answers */
        (void)su_wrap(e, "%s answers", endpoint);
        return c == SU_ETYPE ? SU_EACCES : c;
    }
    if (f.m.kind == SU_WIRE_ACK)
        return memcmp(f.m.u.ack.frame, digest, 32) == 0
                   ? SU_OK
                   : su_fail(e, SU_EDIGEST, endpoint, "acknowledges another frame");
    if (memcmp(f.m.u.refusal.frame, digest, 32) != 0 && memcmp(f.m.u.refusal.frame, none, 32) != 0)
        return su_fail(e, SU_EDIGEST, endpoint, "refuses another frame");
    return take_refusal(endpoint, &f.m.u.refusal, answer, e);
}

static enum su_code frames_of_reply(const char *endpoint, const struct su_http_reply *reply,
                                    struct su_err *e)
{
    if (strcmp(reply->content_type, SU_WIRE_CONTENT_TYPE) == 0)
        return SU_OK;
    return su_fail(e, SU_ENET, endpoint, "answers with HTTP status %d and no frame", reply->status);
}

/* The parts of a frame among many: how many bytes it has. */
static bool next_bytes(const uint8_t *data, size_t len, size_t at, size_t *n)
{
    uint64_t bytes;

    if (len - at < SU_WIRE_HEAD_BYTES || su_wire_frame_bytes(data + at, &bytes, NULL) != SU_OK ||
        bytes > len - at)
        return false;
    *n = (size_t)bytes;
    return true;
}

/* Takes n_frame frames of one kind apart. */
static enum su_code split(const uint8_t *frames, size_t len, uint32_t n_frame,
                          struct su_wire_frame *f, struct su_err *e)
{
    size_t at = 0, n = 0;

    for (uint32_t i = 0; i < n_frame; i++, at += n) {
        n = len - at;
        if (n_frame > 1 && !next_bytes(frames, len, at, &n))
            return su_fail(e, SU_EINVAL, "frame", "%u of %u begins at byte %zu and is cut short",
                           i + 1, n_frame, at);
        if (su_wire_parse(frames + at, n, &f[i], e) != SU_OK) {
            (void)su_wrap(e, "no frame to be posted");
            if (e != NULL)
                e->code = SU_EINVAL;
            return SU_EINVAL;
        }
        if (f[i].m.kind != f[0].m.kind)
            return su_fail(e, SU_EINVAL, "frame", "of several kinds in one call");
    }
    return at == len ? SU_OK
                     : su_fail(e, SU_EINVAL, "frame", "%zu bytes follow the last", len - at);
}

/* One frame for all that were posted. */
static void take_one_for_all(const struct su_wire_scope *scope, const char *endpoint,
                             const uint8_t *to, const struct su_wire_frame *f, uint32_t n_frame,
                             const struct su_buf *body, enum su_code *each,
                             struct su_peer_answer *answer, struct su_err *e)
{
    uint8_t digest[32];

    digest_all(scope, f, n_frame, digest);
    enum su_code c = take_answer(scope, endpoint, to, digest, body->data, body->len, &answer[0], e);
    for (uint32_t i = 0; i < n_frame; i++) {
        each[i] = c;
        answer[i] = answer[0];
    }
}

static enum su_code take_answers(const struct su_wire_scope *scope, const char *endpoint,
                                 const uint8_t *to, const struct su_wire_frame *f, uint32_t n_frame,
                                 const struct su_buf *body, enum su_code *each,
                                 struct su_peer_answer *answer, struct su_err *e)
{
    size_t at = 0, n = 0;

    if (n_frame == 1 || !next_bytes(body->data, body->len, 0, &n) || n == body->len) {
        take_one_for_all(scope, endpoint, to, f, n_frame, body, each, answer, e);
        return answer[0].refused ? SU_OK : each[0];
    }
    for (uint32_t i = 0; i < n_frame; i++, at += n) {
        uint8_t digest[32];
        if (!next_bytes(body->data, body->len, at, &n))
            return su_fail(e, SU_EFORMAT, endpoint, "answers %u of %u frames", i, n_frame);
        su_wire_digest(&f[i], scope, digest);
        each[i] = take_answer(scope, endpoint, to, digest, body->data + at, n, &answer[i], e);
        if (each[i] != SU_OK && !answer[i].refused)
            return each[i];
    }
    return at == body->len ? SU_OK
                           : su_fail(e, SU_EFORMAT, endpoint, "answers more than was posted");
}

static const struct su_http_header post_headers[] = {{"Content-Type", SU_WIRE_CONTENT_TYPE},
                                                     {SU_PEER_FORWARDED_HEADER, "1"}};

static size_t n_post_headers(const struct su_peer_call *call)
{
    return call != NULL && call->forwarded ? 2 : 1;
}

bool su_peer_post_begin(const char *endpoint, const void *frames, size_t n,
                        const struct su_peer_call *call)
{
    char url[SU_HTTP_URL_MAX];
    const char *path =
        n >= SU_WIRE_HEAD_BYTES ? su_wire_kind_path(((const uint8_t *)frames)[6]) : NULL;

    return path != NULL && su_peer_url(endpoint, path, url, sizeof url, NULL) == SU_OK &&
           su_http_line_begin(call->line, url, post_headers, n_post_headers(call), frames, n);
}

enum su_code su_peer_post_all(const struct su_wire_scope *scope, const char *endpoint,
                              const uint8_t *to, const void *frames, size_t n, uint32_t n_frame,
                              const struct su_peer_call *call, enum su_code *each,
                              struct su_peer_answer *answer, struct su_err *e)
{
    static const struct su_peer_limits limits = {.max_bytes = 128u << 10};
    struct su_peer_answer unused[SU_PEER_TOGETHER_MAX];
    struct su_wire_frame f[SU_PEER_TOGETHER_MAX];
    struct su_http_reply reply;
    uint64_t start = call != NULL && call->since_ns != 0 ? call->since_ns : su_clock_mono_ns();

    if (n_frame < 1 || n_frame > SU_PEER_TOGETHER_MAX)
        return su_fail(e, SU_EINVAL, "frame", "%u in one call; 1 to %u", n_frame,
                       SU_PEER_TOGETHER_MAX);
    answer = answer != NULL ? answer : unused;
    memset(answer, 0, n_frame * sizeof *answer);
    enum su_code c = split(frames, n, n_frame, f, e);
    if (c != SU_OK)
        return c;
    c = su_peer_http("POST", endpoint, su_wire_kind_path(f[0].m.kind), post_headers,
                     n_post_headers(call), &(struct su_bytes_of){frames, n}, call, &limits, &reply,
                     e);
    if (c != SU_OK)
        return c;
    c = frames_of_reply(endpoint, &reply, e);
    if (c == SU_OK)
        c = take_answers(scope, endpoint, to, f, n_frame, &reply.body, each, answer, e);
    for (uint32_t i = 0; i < n_frame; i++)
        answer[i].network_us = (su_clock_mono_ns() - start) / 1000;
    su_http_reply_fini(&reply);
    return c;
}

enum su_code su_peer_post(const struct su_wire_scope *scope, const char *endpoint,
                          const uint8_t *to, const void *frame, size_t n,
                          const struct su_peer_call *call, struct su_peer_answer *answer,
                          struct su_err *e)
{
    struct su_peer_answer one;
    enum su_code each = SU_OK;
    enum su_code c = su_peer_post_all(scope, endpoint, to, frame, n, 1, call, &each, &one, e);

    if (answer != NULL)
        *answer = one;
    return c != SU_OK ? c : each;
}

/* ---- WANT ------------------------------------------------------------------------------------ */

bool su_peer_next(const struct su_buf *frames, size_t *at, struct su_wire_frame *f)
{
    size_t n;

    if (*at >= frames->len || !next_bytes(frames->data, frames->len, *at, &n) ||
        su_wire_parse(frames->data + *at, n, f, NULL) != SU_OK)
        return false;
    *at += n;
    return true;
}

enum su_code su_peer_inner(const struct su_wire_frame *input, struct su_wire_frame *inner,
                           struct su_err *e)
{
    if (input->m.kind != SU_WIRE_INPUT || input->m.u.input.external)
        return su_fail(e, SU_ETYPE, "frame", "holds no frame of a producer");
    return su_wire_parse(input->m.data, (size_t)input->m.data_bytes, inner, e);
}

/* What was heard of an answer so far. */
struct hearing {
    const struct su_peer_want *w;
    const struct su_wire_scope *scope;
    const char *endpoint;
    uint64_t end; /* behind the last step */
    bool any;
    struct su_wire_believed believed;
};

/* The steps of a frame go on where those before left off: so an answer is no longer than asked. */
static enum su_code take_steps(struct hearing *h, const struct su_wire_activation *a,
                               struct su_err *e)
{
    uint64_t end = (uint64_t)a->step_first + a->step_count;
    const struct su_wire_want *w = &h->w->want;

    if (w->purpose == SU_WIRE_RECOVERY &&
        (end <= w->step_first || a->step_first >= (uint64_t)w->step_first + w->step_count))
        return su_fail(e, SU_EFORMAT, h->endpoint, "answers with steps %u to %llu, not asked for",
                       a->step_first, (unsigned long long)end);
    if (end <= h->end)
        return su_fail(e, SU_EFORMAT, h->endpoint, "answers with steps out of order");
    h->end = end;
    return SU_OK;
}

static enum su_code take_inner(struct hearing *h, const struct su_wire_frame *f, struct su_err *e)
{
    const struct su_wire_ref *r = &h->w->want.ref;
    const struct su_wire_expect x = {.scope = *h->scope,
                                     .sender = h->w->producer,
                                     .execution = r->execution,
                                     .request_slot = r->request_slot,
                                     .task = -1,
                                     .attempt = -1,
                                     .kind = SU_WIRE_ACTIVATION};
    struct su_wire_frame inner;

    if (f->m.u.input.external)
        return h->any ? su_fail(e, SU_EFORMAT, h->endpoint, "answers with steps out of order")
                      : SU_OK;
    enum su_code c = su_peer_inner(f, &inner, e);
    if (c == SU_OK)
        c = su_wire_verify_next(&inner, &x, &h->believed, e);
    return c == SU_OK ? take_steps(h, &inner.m.u.activation, e) : c;
}

static enum su_code take_frame(struct hearing *h, const struct su_wire_frame *f, struct su_err *e)
{
    const struct su_wire_want *w = &h->w->want;
    bool check = w->purpose == SU_WIRE_CHECK;
    const struct su_wire_expect x = {.scope = *h->scope,
                                     .sender = h->w->sender,
                                     .execution = w->ref.execution,
                                     .request_slot = w->ref.request_slot,
                                     .task = w->ref.task,
                                     .attempt = w->ref.attempt,
                                     .kind = check ? SU_WIRE_INPUT : SU_WIRE_ACTIVATION};

    enum su_code c = su_wire_verify_next(f, &x, &h->believed, e);
    if (c != SU_OK)
        return c;
    if ((check ? f->m.u.input.ref.port : f->m.u.activation.ref.port) != w->ref.port)
        return su_fail(e, SU_EFORMAT, h->endpoint, "answers with another port");
    c = check ? take_inner(h, f, e) : take_steps(h, &f->m.u.activation, e);
    h->any |= c == SU_OK;
    return c;
}

/* All frames of an answer, or its refusal. */
static enum su_code take_frames(struct hearing *h, const uint8_t digest[32],
                                const struct su_buf *body, struct su_peer_answer *answer,
                                struct su_err *e)
{
    struct su_wire_frame f;
    size_t at = 0, n;

    if (body->len >= SU_WIRE_HEAD_BYTES && body->data[6] == SU_WIRE_REFUSAL)
        return take_answer(h->scope, h->endpoint, h->w->sender, digest, body->data, body->len,
                           answer, e);
    while (at < body->len) {
        if (!next_bytes(body->data, body->len, at, &n))
            return su_fail(e, SU_EFORMAT, h->endpoint, "answers with something else than frames");
        enum su_code c = su_wire_parse(body->data + at, n, &f, e);
        if (c == SU_OK)
            c = take_frame(h, &f, e);
        if (c != SU_OK) {
            (void)su_wrap(e, "%s answers", h->endpoint);
            return c;
        }
        at += n;
    }
    return h->any ? SU_OK : su_fail(e, SU_EFORMAT, h->endpoint, "answers with nothing");
}

enum su_code su_peer_want(struct su_peer_self *self, const char *endpoint,
                          const struct su_peer_want *w, const struct su_peer_call *call,
                          struct su_buf *frames, struct su_peer_answer *answer, struct su_err *e)
{
    const struct su_wire_message m = {.kind = SU_WIRE_WANT, .u.want = w->want};
    uint32_t wait_ms = SU_MIN(w->wait_ms, SU_PEER_WAIT_MS_MAX);
    const struct su_peer_limits limits = {SU_PEER_FRAMES_BYTES_MAX, wait_ms};
    struct hearing h = {.w = w, .scope = &self->scope, .endpoint = endpoint};
    struct su_peer_answer unused;
    struct su_http_reply reply = {0};
    struct su_wire_frame f;
    struct su_buf want;
    uint8_t digest[32];
    char wait[16];
    uint64_t start = su_clock_mono_ns();

    answer = answer != NULL ? answer : &unused;
    *answer = (struct su_peer_answer){0};
    su_buf_init(&want, 0);
    enum su_code c = su_peer_frame(self, &m, &want, e);
    if (c == SU_OK)
        c = su_wire_parse(want.data, want.len, &f, e);
    if (c == SU_OK) {
        su_wire_digest(&f, &self->scope, digest);
        snprintf(wait, sizeof wait, "%u", wait_ms);
        const struct su_http_header headers[] = {{"Content-Type", SU_WIRE_CONTENT_TYPE},
                                                 {SU_PEER_WAIT_HEADER, wait}};
        c = su_peer_http("POST", endpoint, su_wire_kind_path(SU_WIRE_WANT), headers, 2,
                         &(struct su_bytes_of){want.data, want.len}, call, &limits, &reply, e);
    }
    if (c == SU_OK)
        c = frames_of_reply(endpoint, &reply, e);
    if (c == SU_OK)
        c = take_frames(&h, digest, &reply.body, answer, e);
    if (c == SU_OK) {
        size_t before = frames->len;
        su_buf_put(frames, reply.body.data, reply.body.len);
        c = su_buf_check(frames, endpoint, e);
        if (c != SU_OK)
            frames->len = before;
    }
    answer->network_us = (su_clock_mono_ns() - start) / 1000;
    su_http_reply_fini(&reply);
    su_buf_fini(&want);
    return c;
}
