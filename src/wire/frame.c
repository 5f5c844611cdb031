// SPDX-License-Identifier: MIT
#include "wire_priv.h"

#include <string.h>

enum {
    AT_JOINT = 7,
    AT_BODY_DIGEST = 64,
    AT_DATA_DIGEST = 96,
    AT_SIGNATURE = 128,
    SIGNED_BYTES = 128,
    DEPTH_MAX = 4
};

static const char magic[4] = {'S', 'U', 'W', 'R'};
static const char domain[] = "splitup/wire/1";
#define DOMAIN_BYTES (sizeof domain - 1)
#define MESSAGE_BYTES (DOMAIN_BYTES + 64 + SIGNED_BYTES)
static const char joint_domain[] = "splitup/joint/1";
#define JOINT_DOMAIN_BYTES (sizeof joint_domain - 1)
#define JOINT_MESSAGE_BYTES (JOINT_DOMAIN_BYTES + 32)

const struct wire_kind *wire_kind_of(unsigned kind)
{
    static const struct wire_kind kinds[] = {
#define X(NAME, number, name, body, data, path) [number] = {name, path, body, data},
#include "wire/kinds.def"
#undef X
    };

    return kind < SU_ARRAY_LEN(kinds) && kinds[kind].name != NULL ? &kinds[kind] : NULL;
}

const char *su_wire_kind_name(unsigned kind)
{
    const struct wire_kind *k = wire_kind_of(kind);

    return k != NULL ? k->name : NULL;
}

const char *su_wire_kind_path(unsigned kind)
{
    const struct wire_kind *k = wire_kind_of(kind);

    return k != NULL ? k->path : NULL;
}

struct su_wire_stamp su_wire_stamp_next(uint64_t *last, int64_t now_ms)
{
    uint64_t now = (uint64_t)now_ms << 20;

    *last = *last == 0 ? now : *last + 1;
    return (struct su_wire_stamp){*last, (uint64_t)now_ms};
}

/* The bytes that are signed. */
static void signed_message(const struct su_wire_scope *scope, const uint8_t *head,
                           uint8_t out[MESSAGE_BYTES])
{
    memcpy(out, domain, DOMAIN_BYTES);
    memcpy(out + DOMAIN_BYTES, scope->program_id, 32);
    memcpy(out + DOMAIN_BYTES + 32, scope->genesis, 32);
    memcpy(out + DOMAIN_BYTES + 64, head, SIGNED_BYTES);
}

static bool stamp_valid(struct su_wire_stamp s)
{
    return s.time_ms < 1ull << 53;
}

/* All of a head but the signature; its body lies behind it. */
static void head_fill(uint8_t *head, const struct su_signer *signer, struct su_wire_stamp stamp,
                      const struct su_wire_message *m, uint8_t joint, size_t body_bytes)
{
    memcpy(head, magic, sizeof magic);
    su_put_le16(head + 4, SU_WIRE_VERSION);
    head[6] = (uint8_t)m->kind;
    head[AT_JOINT] = joint;
    su_put_le32(head + 8, (uint32_t)body_bytes);
    su_put_le32(head + 12, (uint32_t)m->data_bytes);
    su_put_le64(head + 16, stamp.sequence);
    su_put_le64(head + 24, stamp.time_ms);
    memcpy(head + 32, signer->public_key, 32);
    su_sha256(head + SU_WIRE_HEAD_BYTES, body_bytes, head + AT_BODY_DIGEST);
    su_sha256(m->data, (size_t)m->data_bytes, head + AT_DATA_DIGEST);
}

/* Appends head and body, unsigned; out is as it was on failure. */
static enum su_code put_unsigned(struct su_buf *out, const struct su_signer *signer,
                                 struct su_wire_stamp stamp, const struct su_wire_message *m,
                                 uint8_t joint, struct su_err *e)
{
    static const uint8_t blank[SU_WIRE_HEAD_BYTES];
    const struct wire_kind *k = wire_kind_of(m->kind);
    struct su_wire_message again = {.kind = m->kind, .data = m->data, .data_bytes = m->data_bytes};
    size_t start = out->len, at = start + SU_WIRE_HEAD_BYTES;

    if (k == NULL)
        return su_fail(e, SU_EINVAL, "frame", "%u is no kind of message", m->kind);
    if (m->data_bytes > k->data_max || (m->data_bytes != 0 && m->data == NULL) ||
        !stamp_valid(stamp))
        return su_fail(e, SU_EINVAL, k->name, "data beyond %u bytes, missing, or a bad time",
                       k->data_max);
    if (m->kind == SU_WIRE_ACTIVATION && m->u.activation.step_count > SU_WIRE_STEPS_MAX)
        return su_fail(e, SU_EINVAL, k->name, "more than %u steps in one frame", SU_WIRE_STEPS_MAX);
    su_buf_put(out, blank, sizeof blank);
    wire_body_write(m, out);
    enum su_code c = su_buf_check(out, k->name, e);
    /* What the other side would refuse is not signed. */
    if (c == SU_OK && wire_body_read(&again, out->data + at, out->len - at, e) != SU_OK) {
        c = su_wrap(e, "cannot be sent");
        if (e != NULL)
            e->code = SU_EINVAL;
        c = SU_EINVAL;
    }
    if (c == SU_OK)
        head_fill(out->data + start, signer, stamp, m, joint, out->len - at);
    else if (!out->failed)
        out->len = start;
    return c;
}

enum su_code su_wire_encode(struct su_buf *out, const struct su_signer *signer,
                            const struct su_wire_scope *scope, struct su_wire_stamp stamp,
                            const struct su_wire_message *m, struct su_err *e)
{
    uint8_t message[MESSAGE_BYTES];
    size_t start = out->len;
    enum su_code c = put_unsigned(out, signer, stamp, m, 0, e);

    if (c != SU_OK)
        return c;
    signed_message(scope, out->data + start, message);
    /* Not verified again here: that takes three times as long, and whoever gets the frame does it. No two
       messages are alike, so that a slip of the machine tells nothing about the key. */
    c = signer->sign(signer->ctx, message, sizeof message, out->data + start + AT_SIGNATURE, e);
    if (c != SU_OK)
        out->len = start;
    return c;
}

/* ---- several under one signature ------------------------------------------------------------- */

static void leaf_of(const struct su_wire_scope *scope, const uint8_t *head, uint8_t out[32])
{
    uint8_t message[MESSAGE_BYTES];

    signed_message(scope, head, message);
    su_sha256(message, sizeof message, out);
}

static void joint_message(const uint8_t root[32], uint8_t out[JOINT_MESSAGE_BYTES])
{
    memcpy(out, joint_domain, JOINT_DOMAIN_BYTES);
    memcpy(out + JOINT_DOMAIN_BYTES, root, 32);
}

/* Appends to each frame its path, and gives the root. */
static void put_paths(struct su_buf *out, uint32_t n, unsigned depth,
                      uint8_t node[SU_WIRE_JOINT_MAX][32], uint8_t root[32])
{
    uint32_t width = 1u << depth;

    for (unsigned level = 0; level < depth; level++, width /= 2) {
        for (uint32_t i = 0; i < n; i++)
            su_buf_put(&out[i], node[(i >> level) ^ 1u], 32);
        for (uint32_t i = 0; i < width / 2; i++)
            su_merkle_node(node[2 * (size_t)i], node[2 * (size_t)i + 1], node[i]);
    }
    memcpy(root, node[0], 32);
}

static enum su_code sign_joint(struct su_buf *out, const size_t *start, uint32_t n, unsigned depth,
                               const struct su_signer *signer, const struct su_wire_scope *scope,
                               struct su_err *e)
{
    uint8_t node[SU_WIRE_JOINT_MAX][32] = {{0}}, root[32], message[JOINT_MESSAGE_BYTES];
    uint8_t signature[64];
    enum su_code c = SU_OK;

    for (uint32_t i = 0; i < n; i++)
        leaf_of(scope, out[i].data + start[i], node[i]);
    put_paths(out, n, depth, node, root);
    for (uint32_t i = 0; i < n && c == SU_OK; i++)
        c = su_buf_check(&out[i], "frame", e);
    joint_message(root, message);
    if (c == SU_OK)
        c = signer->sign(signer->ctx, message, sizeof message, signature, e);
    for (uint32_t i = 0; i < n && c == SU_OK; i++)
        memcpy(out[i].data + start[i] + AT_SIGNATURE, signature, sizeof signature);
    return c;
}

enum su_code su_wire_encode_joint(struct su_buf *out, const struct su_signer *signer,
                                  const struct su_wire_scope *scope,
                                  const struct su_wire_stamp *stamp,
                                  const struct su_wire_message *m, uint32_t n, struct su_err *e)
{
    size_t start[SU_WIRE_JOINT_MAX];
    enum su_code c = SU_OK;
    unsigned depth = 0;

    if (n < 1 || n > SU_WIRE_JOINT_MAX)
        return su_fail(e, SU_EINVAL, "frame", "%u under one signature; 1 to %u", n,
                       SU_WIRE_JOINT_MAX);
    for (uint32_t i = 0; i < n; i++)
        if (m[i].kind != SU_WIRE_ACTIVATION)
            return su_fail(e, SU_EINVAL, "frame", "of a kind that is signed alone");
    if (n == 1)
        return su_wire_encode(out, signer, scope, stamp[0], m, e);
    while (1u << depth < n)
        depth++;
    for (uint32_t i = 0; i < n; i++)
        start[i] = out[i].len;
    for (uint32_t i = 0; i < n && c == SU_OK; i++)
        c = put_unsigned(&out[i], signer, stamp[i], &m[i], (uint8_t)(i << 4 | depth), e);
    if (c == SU_OK)
        c = sign_joint(out, start, n, depth, signer, scope, e);
    for (uint32_t i = 0; i < n && c != SU_OK; i++)
        if (!out[i].failed)
            out[i].len = start[i];
    return c;
}

/* ---- reading --------------------------------------------------------------------------------- */

/* Bytes of the path that byte 7 of a head speaks of; false: none that a frame may have. */
static bool path_bytes(const uint8_t *head, uint32_t *bytes)
{
    unsigned depth = head[AT_JOINT] & 15u, index = head[AT_JOINT] >> 4;

    *bytes = 32 * depth;
    return depth <= DEPTH_MAX && index < 1u << depth &&
           (depth == 0 || head[6] == SU_WIRE_ACTIVATION);
}

enum su_code su_wire_frame_bytes(const uint8_t head[SU_WIRE_HEAD_BYTES], uint64_t *bytes,
                                 struct su_err *e)
{
    const struct wire_kind *k = wire_kind_of(head[6]);
    uint32_t body = su_le32(head + 8), data = su_le32(head + 12), path;

    if (memcmp(head, magic, sizeof magic) != 0)
        return su_fail(e, SU_EFORMAT, "frame", "does not begin with SUWR");
    if (su_le16(head + 4) != SU_WIRE_VERSION)
        return su_fail(e, SU_EUNSUPPORTED, "frame", "version %u; this program speaks %u",
                       su_le16(head + 4), SU_WIRE_VERSION);
    if (k == NULL)
        return su_fail(e, SU_EUNSUPPORTED, "frame", "unknown kind %u", head[6]);
    if (!path_bytes(head, &path))
        return su_fail(e, SU_EFORMAT, k->name, "byte 7 is %u, no place among frames signed at once",
                       head[AT_JOINT]);
    if (body > k->body_max || data > k->data_max)
        return su_fail(e, SU_ELIMIT, k->name, "%u bytes of body and %u of data; at most %u and %u",
                       body, data, k->body_max, k->data_max);
    *bytes = (uint64_t)SU_WIRE_HEAD_BYTES + body + path + data;
    return SU_OK;
}

static enum su_code parse(const uint8_t *p, size_t n, bool whole, struct su_wire_frame *f,
                          struct su_err *e)
{
    uint64_t all;

    memset(f, 0, sizeof *f);
    if (n < SU_WIRE_HEAD_BYTES)
        return su_fail(e, SU_ETRUNC, "frame", "%zu bytes, a head has %u", n, SU_WIRE_HEAD_BYTES);
    enum su_code c = su_wire_frame_bytes(p, &all, e);
    if (c != SU_OK)
        return c;
    uint32_t data_bytes = su_le32(p + 12);
    uint64_t want = whole ? all : all - data_bytes;
    if (n != want)
        return su_fail(e, n < want ? SU_ETRUNC : SU_EFORMAT, wire_kind_of(p[6])->name,
                       "%zu bytes, its head says %llu", n, (unsigned long long)want);
    f->head = p;
    f->sender = p + 32;
    f->stamp = (struct su_wire_stamp){su_le64(p + 16), su_le64(p + 24)};
    f->body_bytes = su_le32(p + 8);
    (void)path_bytes(p, &f->path_bytes); /* su_wire_frame_bytes would have refused it */
    f->whole = whole;
    if (!stamp_valid(f->stamp))
        return su_fail(e, SU_EFORMAT, wire_kind_of(p[6])->name, "time is beyond 2^53 ms");
    f->m.kind = p[6];
    f->m.data = whole ? p + SU_WIRE_HEAD_BYTES + f->body_bytes + f->path_bytes : NULL;
    f->m.data_bytes = data_bytes;
    return wire_body_read(&f->m, p + SU_WIRE_HEAD_BYTES, f->body_bytes, e);
}

enum su_code su_wire_parse(const void *bytes, size_t n, struct su_wire_frame *f, struct su_err *e)
{
    return parse(bytes, n, true, f, e);
}

enum su_code su_wire_parse_evidence(const void *bytes, size_t n, struct su_wire_frame *f,
                                    struct su_err *e)
{
    return parse(bytes, n, false, f, e);
}

/* ---- believing ------------------------------------------------------------------------------- */

/* Which execution, task and attempt a message is about; false when about none. */
static bool about(const struct su_wire_message *m, struct su_wire_ref *r)
{
    switch (m->kind) {
    case SU_WIRE_ACTIVATION:
        *r = m->u.activation.ref;
        return true;
    case SU_WIRE_INPUT:
        *r = m->u.input.ref;
        return true;
    case SU_WIRE_ACK:
        *r = m->u.ack.ref;
        return true;
    case SU_WIRE_WANT:
        *r = m->u.want.ref;
        return true;
    case SU_WIRE_TABLE:
        *r = (struct su_wire_ref){m->u.table.execution, m->u.table.request_slot, SU_NO_TASK, 0, 0};
        return true;
    case SU_WIRE_VOTE:
        *r = (struct su_wire_ref){m->u.vote.execution, m->u.vote.request_slot, m->u.vote.task,
                                  m->u.vote.attempt, 0};
        return true;
    case SU_WIRE_CANCEL:
        *r =
            (struct su_wire_ref){m->u.cancel.execution, m->u.cancel.request_slot, SU_NO_TASK, 0, 0};
        return true;
    default:
        return false;
    }
}

/* The field in which the frame is not what was expected, or NULL. */
static const char *unexpected(const struct su_wire_frame *f, const struct su_wire_expect *x)
{
    struct su_wire_ref r;

    if (x->kind != 0 && x->kind != f->m.kind)
        return "kind";
    if (x->sender != NULL && memcmp(x->sender, f->sender, 32) != 0)
        return "sender";
    if (x->execution == NULL)
        return NULL;
    if (!about(&f->m, &r) || memcmp(x->execution, r.execution, 32) != 0)
        return "execution";
    if (x->request_slot != r.request_slot)
        return "request slot";
    if (x->task >= 0 && x->task != r.task)
        return "task";
    return x->attempt >= 0 && x->attempt != r.attempt ? "attempt" : NULL;
}

static bool signed_alone(const struct su_wire_frame *f, const struct su_wire_scope *scope)
{
    uint8_t message[MESSAGE_BYTES];

    signed_message(scope, f->head, message);
    return su_ed25519_verify(f->sender, message, sizeof message, f->head + AT_SIGNATURE);
}

static bool signed_with_others(const struct su_wire_frame *f, const struct su_wire_scope *scope,
                               struct su_wire_believed *b)
{
    const uint8_t *path = f->head + SU_WIRE_HEAD_BYTES + f->body_bytes;
    const uint8_t *signature = f->head + AT_SIGNATURE;
    unsigned index = f->head[AT_JOINT] >> 4;
    uint8_t node[32], message[JOINT_MESSAGE_BYTES];

    leaf_of(scope, f->head, node);
    for (uint32_t at = 0; at < f->path_bytes; at += 32, index /= 2)
        if (index % 2 == 0)
            su_merkle_node(node, path + at, node);
        else
            su_merkle_node(path + at, node, node);
    if (b->any && memcmp(b->sender, f->sender, 32) == 0 && memcmp(b->root, node, 32) == 0 &&
        memcmp(b->signature, signature, 64) == 0)
        return true;
    joint_message(node, message);
    if (!su_ed25519_verify(f->sender, message, sizeof message, signature))
        return false;
    b->any = true;
    memcpy(b->sender, f->sender, 32);
    memcpy(b->root, node, 32);
    memcpy(b->signature, signature, 64);
    return true;
}

enum su_code su_wire_verify_next(const struct su_wire_frame *f, const struct su_wire_expect *x,
                                 struct su_wire_believed *b, struct su_err *e)
{
    const char *name = wire_kind_of(f->m.kind)->name, *field = unexpected(f, x);
    uint8_t digest[32];

    if (field != NULL)
        return su_fail(e, SU_ETYPE, name, "another %s than expected", field);
    su_sha256(f->head + SU_WIRE_HEAD_BYTES, f->body_bytes, digest);
    if (memcmp(digest, f->head + AT_BODY_DIGEST, 32) != 0)
        return su_fail(e, SU_EDIGEST, name, "body is not the one that was signed");
    if (f->path_bytes == 0 ? !signed_alone(f, &x->scope) : !signed_with_others(f, &x->scope, b))
        return su_fail(e, SU_EACCES, name,
                       "signature is not the sender's for this program and cluster");
    if (f->whole) {
        su_sha256(f->m.data, (size_t)f->m.data_bytes, digest);
        if (memcmp(digest, f->head + AT_DATA_DIGEST, 32) != 0)
            return su_fail(e, SU_EDIGEST, name, "data are not those that were signed");
    }
    return SU_OK;
}

enum su_code su_wire_verify(const struct su_wire_frame *f, const struct su_wire_expect *x,
                            struct su_err *e)
{
    struct su_wire_believed none = {.any = false};

    return su_wire_verify_next(f, x, &none, e);
}

void su_wire_digest(const struct su_wire_frame *f, const struct su_wire_scope *scope,
                    uint8_t out[32])
{
    leaf_of(scope, f->head, out);
}
