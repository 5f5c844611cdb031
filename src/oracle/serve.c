// SPDX-License-Identifier: MIT
/* What others ask of an oracle over HTTP. */
#include "oracle_priv.h"

#include <string.h>

/* ---- answers ---------------------------------------------------------------------------------------------- */

struct call {
    struct su_oracle *o;
    const struct su_http_call *http;
    struct su_http_answer *answer;
    bool forwarded;
};

static void answer_frame(struct call *c, const struct su_wire_frame *f, unsigned refusal,
                         const char *why)
{
    struct su_err e = {0};
    struct su_buf b;

    su_buf_init(&b, 0);
    enum su_code rc =
        refusal ? su_peer_refuse(c->o->self, f, (enum su_wire_refusal_code)refusal, why, &b, &e)
                : su_peer_ack(c->o->self, f, &b, &e);
    if (rc)
        su_http_answer_text(c->answer, 500, e.msg);
    else
        su_http_answer_bytes(c->answer, 200, SU_WIRE_CONTENT_TYPE, b.data, b.len);
    su_buf_fini(&b);
}

/* A refusal by the code of whoever found the fault. */
static void refuse(struct call *c, const struct su_wire_frame *f, enum su_code rc,
                   const struct su_err *e)
{
    unsigned code = SU_WIRE_REFUSED_FAILED;

    switch (rc) {
    case SU_EFORMAT:
    case SU_ETRUNC:
    case SU_EUNSUPPORTED:
    case SU_ELIMIT:
    case SU_EINVAL:
        code = SU_WIRE_REFUSED_FORMAT;
        break;
    case SU_EACCES:
    case SU_EDIGEST:
        code = SU_WIRE_REFUSED_SIGNATURE;
        break;
    case SU_ETYPE:
        code = SU_WIRE_REFUSED_SCOPE;
        break;
    case SU_ENOENT:
        code = SU_WIRE_REFUSED_SENDER;
        break;
    case SU_ETIMEOUT:
        code = SU_WIRE_REFUSED_TIME;
        break;
    case SU_EEXIST:
        code = SU_WIRE_REFUSED_REPLAY;
        break;
    case SU_EBUSY:
        code = SU_WIRE_REFUSED_BUSY;
        break;
    default:
        break;
    }
    answer_frame(c, f, code, e->msg);
}

static void pass_on(struct call *c)
{
    if (c->forwarded)
        return;
    struct ora_bytes *b = ora_bytes_of(c->http->body, c->http->body_len);
    ora_tell_peers(c->o, b);
    ora_bytes_drop(b);
}

/* A replay that another oracle passed on is what was heard already, and well. */
static void conclude(struct call *c, const struct su_wire_frame *f, enum su_code rc,
                     const struct su_err *e)
{
    if (rc == SU_OK)
        pass_on(c);
    if (rc == SU_OK || (rc == SU_EEXIST && c->forwarded))
        answer_frame(c, f, 0, NULL);
    else
        refuse(c, f, rc, e);
}

/* ---- frames ------------------------------------------------------------------------------------------------- */

static void heartbeat(struct call *c, const struct su_wire_frame *f)
{
    struct su_oracle *o = c->o;
    struct su_err e = {0};

    (void)pthread_mutex_lock(&o->lock);
    enum su_code rc = liveness_hear(&o->live, f, su_clock_wall_ms(), &e);
    if (rc == SU_ENOENT && !ora_people_nobody(o, f->sender))
        rc = su_fail(&e, SU_EBUSY, "sender", "is not known yet and being looked up");
    (void)pthread_mutex_unlock(&o->lock);
    conclude(c, f, rc, &e);
}

/* The sender is another oracle, which says this for the first time. Under the lock. */
static enum su_code admit_oracle(struct su_oracle *o, const struct su_wire_frame *f,
                                 struct su_err *e)
{
    struct ora_peer *p = ora_peer_of(o, f->sender);
    int64_t now = su_clock_wall_ms();

    if (!p)
        return su_fail(e, SU_ENOENT, "sender", "is no oracle of this epoch");
    enum su_code rc = su_wire_guard_admit(o->guard, f->sender, f->stamp, now, e);
    if (rc == SU_OK)
        p->heard_ms = now;
    return rc;
}

static void table(struct call *c, const struct su_wire_frame *f)
{
    const struct su_wire_table *t = &f->m.u.table;
    struct su_oracle *o = c->o;
    struct su_err e = {0};
    enum su_code rc = su_wire_table_check(&f->m, &e);
    struct ora_bytes *b = rc ? NULL : ora_bytes_of(c->http->body, c->http->body_len);

    if (!rc && !b)
        rc = su_fail(&e, SU_ENOMEM, "table", "not enough memory");
    (void)pthread_mutex_lock(&o->lock);
    if (!rc)
        rc = admit_oracle(o, f, &e);
    struct ora_exec *x = rc ? NULL : ora_exec_hear(o, t->execution);
    if (!rc && !x)
        rc = su_fail(&e, SU_EBUSY, "executions", "are too many at once");
    if (!rc) {
        ora_exec_propose(x, f->sender, t->round, b);
        ora_exec_poke(o, x);
    }
    (void)pthread_mutex_unlock(&o->lock);
    ora_bytes_drop(b);
    conclude(c, f, rc, &e);
}

/* Says only that it is worth a look at the chain. */
static void vote(struct call *c, const struct su_wire_frame *f)
{
    struct su_oracle *o = c->o;
    struct su_err e = {0};

    (void)pthread_mutex_lock(&o->lock);
    enum su_code rc = admit_oracle(o, f, &e);
    struct ora_exec *x = rc ? NULL : ora_exec_find(o, f->m.u.vote.execution);
    uint64_t soon = su_clock_mono_ns() + (uint64_t)o->params.ms_per_slot * 1000000u;
    if (x)
        x->news = true;
    if (x && x->next_ns > soon) {
        x->next_ns = soon; /* it will have landed */
        (void)pthread_cond_signal(&o->work);
    }
    (void)pthread_mutex_unlock(&o->lock);
    conclude(c, f, rc, &e);
}

static void frame(struct call *c, unsigned kind,
                  void (*take)(struct call *, const struct su_wire_frame *))
{
    const struct su_wire_expect x = {.scope = *su_peer_self_scope(c->o->self), .kind = kind};
    struct su_err e = {0};
    struct su_wire_frame f;
    enum su_code rc = su_wire_parse(c->http->body, c->http->body_len, &f, &e);

    if (rc) {
        refuse(c, NULL, SU_EFORMAT, &e);
        return;
    }
    rc = su_wire_verify(&f, &x, &e);
    if (rc)
        refuse(c, &f, rc, &e);
    else
        take(c, &f);
}

/* ---- inputs, tables ----------------------------------------------------------------------------------------- */

/* The execution of the path's last part, or of the query. */
static bool execution_of(const char *text, uint8_t key[32])
{
    return text && su_chain_key_parse(text, "execution", key, NULL) == SU_OK;
}

/* What chain and digest say of these bytes. */
static enum su_code check_input(struct su_oracle *o, const uint8_t key[32],
                                const struct su_http_call *http, struct su_err *e)
{
    const struct su_acc_execution *x;
    struct su_chain_accounts list;
    uint8_t digest[32];
    enum su_code rc = su_chain_execution_get(o->chain, key, &list, &x, e);

    if (!rc && x->state >= SU_EXEC_SETTLED)
        rc = su_fail(e, SU_EINVAL, "execution", "has ended");
    if (!rc) {
        su_sha256(http->body, http->body_len, digest);
        if (memcmp(digest, x->input_digest, 32) != 0)
            rc = su_fail(e, SU_EDIGEST, "input", "has another sha256 than the request names");
    }
    su_chain_accounts_fini(&list);
    return rc;
}

static void input_status(struct call *c, enum su_code rc, const struct su_err *e)
{
    char line[600];

    su_err_line(e, line, sizeof line);
    switch (rc) {
    case SU_ENOENT:
    case SU_EACCES:
    case SU_ETYPE:
        su_http_answer_text(c->answer, 409, "there is no such execution");
        break;
    case SU_EINVAL:
    case SU_EDIGEST:
    case SU_ELIMIT:
        su_http_answer_text(c->answer, 422, line);
        break;
    default:
        su_http_answer_text(c->answer, 503, line);
        break;
    }
}

static void input_take(struct call *c)
{
    struct su_oracle *o = c->o;
    struct su_err e = {0};
    uint8_t key[32];

    if (!execution_of(su_http_call_query(c->http, "execution"), key)) {
        su_http_answer_text(c->answer, 400, "say for which execution: ?execution=ADDRESS");
        return;
    }
    (void)pthread_mutex_lock(&o->lock);
    struct ora_exec *x = ora_exec_find(o, key);
    bool have = x && x->has_input;
    (void)pthread_mutex_unlock(&o->lock);
    if (!have) {
        enum su_code rc = check_input(o, key, c->http, &e);
        if (!rc)
            rc = ora_exec_keep(o, key, "input", c->http->body, c->http->body_len, &e);
        if (rc) {
            input_status(c, rc, &e);
            return;
        }
        (void)pthread_mutex_lock(&o->lock);
        x = ora_exec_hear(o, key);
        if (x) {
            x->has_input = true;
            ora_exec_poke(o, x);
        }
        (void)pthread_mutex_unlock(&o->lock);
        struct ora_bytes *b =
            c->forwarded || !x ? NULL : ora_bytes_of(c->http->body, c->http->body_len);
        ora_tell_peers_input(o, key, b);
        ora_bytes_drop(b);
        if (!x) {
            su_http_answer_text(c->answer, 503, "too many executions at once");
            return;
        }
    }
    su_http_answer_text(c->answer, 200, "kept");
}

static void input_give(struct call *c, const char *text)
{
    char path[4200];
    uint8_t key[32];

    if (execution_of(text, key) && ora_exec_path(c->o, key, "input", path, NULL) == SU_OK)
        su_http_answer_file(c->answer, c->http, path, NULL, "application/octet-stream");
}

static void table_give(struct call *c, const char *text)
{
    struct su_oracle *o = c->o;
    uint8_t key[32];

    if (!execution_of(text, key))
        return;
    (void)pthread_mutex_lock(&o->lock);
    const struct ora_exec *x = ora_exec_find(o, key);
    struct ora_bytes *b = x ? ora_bytes_hold(x->table) : NULL;
    (void)pthread_mutex_unlock(&o->lock);
    if (b)
        su_http_answer_bytes(c->answer, 200, SU_WIRE_CONTENT_TYPE, b->data, b->n);
    ora_bytes_drop(b);
}

/* What was found in its disputes: lines of JSON. */
static void findings_give(struct call *c, const char *text)
{
    char path[4300];
    uint8_t key[32];

    if (!execution_of(text, key))
        return;
    (void)snprintf(path, sizeof path, "%s/findings/%s", c->o->folder, text);
    su_http_answer_file(c->answer, c->http, path, NULL, "application/x-ndjson");
}

static void status_give(struct call *c)
{
    struct su_err e = {0};
    struct su_buf b;

    su_buf_init(&b, 0);
    if (su_oracle_status(c->o, &b, &e) == SU_OK)
        su_http_answer_bytes(c->answer, 200, "application/json", b.data, b.len);
    else
        su_http_answer_text(c->answer, 500, e.msg);
    su_buf_fini(&b);
}

/* ---- paths -------------------------------------------------------------------------------------------------- */

static const char *below(const char *path, const char *prefix)
{
    return su_str_starts(path, prefix) ? path + strlen(prefix) : NULL;
}

void ora_handle(void *oracle, const struct su_http_call *http, struct su_http_answer *a)
{
    struct call c = {.o = oracle,
                     .http = http,
                     .answer = a,
                     .forwarded = su_http_call_header(http, SU_PEER_FORWARDED_HEADER) != NULL};
    bool post = strcmp(http->method, "POST") == 0;
    bool get = strcmp(http->method, "GET") == 0 || strcmp(http->method, "HEAD") == 0;
    const char *rest;

    if (post && strcmp(http->path, "/api/heartbeat") == 0)
        frame(&c, SU_WIRE_HEARTBEAT, heartbeat);
    else if (post && strcmp(http->path, "/api/liveness/propose") == 0)
        frame(&c, SU_WIRE_TABLE, table);
    else if (post && strcmp(http->path, "/api/liveness/vote") == 0)
        frame(&c, SU_WIRE_VOTE, vote);
    else if (post && strcmp(http->path, "/api/input") == 0)
        input_take(&c);
    else if (get && (rest = below(http->path, "/api/input/")))
        input_give(&c, rest);
    else if (get && (rest = below(http->path, "/api/table/")))
        table_give(&c, rest);
    else if (get && (rest = below(http->path, "/api/findings/")))
        findings_give(&c, rest);
    else if (get && strcmp(http->path, "/api/status") == 0)
        status_give(&c);
    else if (!post && !get)
        su_http_answer_text(a, 405, "only GET and POST are answered here");
}
