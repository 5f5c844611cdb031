// SPDX-License-Identifier: MIT
/* Promises: what is committed is written down before it is sent, so that it can always be opened and
   is never contradicted. */
#include "node_priv.h"

#include <string.h>

/* A commitment in the journal: "SUCM", le32 steps, commit, salt, witness root, 16 roots. */
enum { NOTE_BYTES = 8 + 32 + 32 + 32 + 2 * SU_PORTS_MAX * 32 };

static void hash(const struct su_part *parts, uint64_t n, uint8_t out[32])
{
    struct su_sha256 h;

    su_sha256_init(&h);
    for (uint64_t i = 0; i < n; i++)
        su_sha256_update(&h, parts[i].p, (size_t)parts[i].n);
    su_sha256_final(&h, out);
}

void node_salt(const struct su_node_agent *n, const uint8_t execution[32], uint16_t task,
               uint8_t attempt, uint8_t salt[32])
{
    static const char domain[] = "splitup/salt";
    uint8_t message[sizeof domain - 1 + 32 + 3];

    memcpy(message, domain, sizeof domain - 1);
    memcpy(message + sizeof domain - 1, execution, 32);
    su_put_le16(message + sizeof domain - 1 + 32, task);
    message[sizeof message - 1] = attempt;
    su_hmac_sha256(su_secret_data(n->secret), SU_ED25519_SEED_BYTES, message, sizeof message, salt);
}

void node_commitment_of(const struct node_duty *d, const struct node_view *v,
                        const struct su_trace_roots *roots, uint32_t steps, uint32_t inputs,
                        uint32_t outputs, struct node_commitment *out)
{
    const struct su_node_agent *n = d->node;
    const struct su_msg_scope scope = {su_chain_program(n->chain), n->env.genesis,
                                       d->execution->key, v->request_slot};

    memset(out, 0, sizeof *out);
    out->steps = steps;
    node_salt(n, d->execution->key, d->index, d->attempt, out->reveal.salt);
    memcpy(out->reveal.witness_root, roots->witness, 32);
    for (uint32_t i = 0; i < inputs; i++)
        memcpy(out->reveal.roots[i], roots->input[i], 32);
    for (uint32_t i = 0; i < outputs; i++)
        memcpy(out->reveal.roots[inputs + i], roots->output[i], 32);
    su_msg_commit(hash, &scope, d->index, d->attempt, n->identity, out->reveal.salt, roots->inputs,
                  roots->outputs, out->commit);
}

/* ---- the journal ----------------------------------------------------------------------------- */

static void note_name(const struct node_duty *d, char out[40])
{
    (void)snprintf(out, 40, "commit-%u-%u", d->index, d->attempt);
}

enum su_code node_commitment_read(const struct node_duty *d, struct node_commitment *out,
                                  struct su_err *e)
{
    struct su_buf b;
    char name[40];

    note_name(d, name);
    su_buf_init(&b, NOTE_BYTES + 1);
    enum su_code rc = su_journal_note_get(d->node->journal, d->execution->key, name, &b, e);
    if (!rc && (b.len != NOTE_BYTES || memcmp(b.data, "SUCM", 4) != 0))
        rc = su_fail(e, SU_EFORMAT, name, "is no commitment");
    if (!rc) {
        memset(out, 0, sizeof *out);
        out->steps = su_le32(b.data + 4);
        memcpy(out->commit, b.data + 8, 32);
        memcpy(out->reveal.salt, b.data + 40, 32);
        memcpy(out->reveal.witness_root, b.data + 72, 32);
        memcpy(out->reveal.roots, b.data + 104, sizeof out->reveal.roots);
    }
    su_buf_fini(&b);
    return rc;
}

enum su_code node_commitment_write(const struct node_duty *d, const struct node_commitment *c,
                                   struct su_err *e)
{
    struct su_buf b;
    char name[40];

    note_name(d, name);
    su_buf_init(&b, NOTE_BYTES);
    su_buf_put(&b, "SUCM", 4);
    su_buf_u32(&b, c->steps);
    su_buf_put(&b, c->commit, 32);
    su_buf_put(&b, c->reveal.salt, 32);
    su_buf_put(&b, c->reveal.witness_root, 32);
    su_buf_put(&b, c->reveal.roots, sizeof c->reveal.roots);
    enum su_code rc = su_buf_check(&b, name, e);
    if (!rc)
        rc = su_journal_sync(d->node->journal, d->execution->key, e);
    if (!rc)
        rc = su_journal_note_put(d->node->journal, d->execution->key, name, b.data, b.len, e);
    su_buf_fini(&b);
    return rc;
}

/* ---- transactions ---------------------------------------------------------------------------- */

static struct su_chain_at at_of(const struct node_duty *d, const struct node_view *v)
{
    struct su_chain_at at = {.epoch = v->epoch, .task = d->index, .check = d->number};

    memcpy(at.execution, d->execution->key, 32);
    return at;
}

/* The node's key signs and pays. */
static enum su_code send(struct su_node_agent *n, struct su_chain_batch *b, struct su_err *e)
{
    const struct su_signer *signers[] = {&n->signer};
    const struct su_chain_send_opts o = {.poll_ms = 100, .no_details = true};
    struct su_chain_result r = {.sent = false};
    enum su_code rc = su_chain_batch_check(b, e);

    if (!rc)
        rc = su_chain_send(n->chain, n->identity, b->instrs, b->n, signers, 1, &o, &r, e);
    su_chain_result_fini(&r);
    su_chain_batch_fini(b);
    return rc;
}

/* The batch keeps env, which outlives it. */
static void begin(struct su_node_agent *n, struct su_chain_env *env, struct su_chain_batch *b)
{
    pthread_mutex_lock(&n->lock);
    *env = n->env;
    pthread_mutex_unlock(&n->lock);
    su_chain_batch_init(b, env, n->identity);
}

enum su_code node_send_commit(const struct node_duty *d, const struct node_view *v,
                              const struct node_commitment *c, struct su_err *e)
{
    const struct su_chain_at at = at_of(d, v);
    struct su_ix_commit ix = {.steps = c->steps, .attempt = d->attempt};
    struct su_chain_env env;
    struct su_chain_batch b;

    begin(d->node, &env, &b);
    memcpy(ix.commit, c->commit, 32);
    su_chain_make_commit(&b, d->node->identity, &at, &ix);
    return send(d->node, &b, e);
}

enum su_code node_send_reveal(const struct node_duty *d, const struct node_view *v,
                              const struct node_commitment *c, struct su_err *e)
{
    const struct su_chain_at at = at_of(d, v);
    struct su_chain_env env;
    struct su_chain_batch b;

    begin(d->node, &env, &b);
    su_chain_make_reveal(&b, d->node->identity, &at, &c->reveal);
    return send(d->node, &b, e);
}

enum su_code node_send_accept(const struct node_duty *d, const struct node_view *v,
                              struct su_err *e)
{
    const struct su_chain_at at = at_of(d, v);
    struct su_chain_env env;
    struct su_chain_batch b;

    begin(d->node, &env, &b);
    su_chain_make_check_accept(&b, &at, &d->row);
    return send(d->node, &b, e);
}

enum su_code node_send_post(const struct node_duty *d, const struct node_view *v,
                            const uint8_t inputs[32], const uint8_t outputs[32], struct su_err *e)
{
    const struct su_chain_at at = at_of(d, v);
    struct su_chain_env env;
    struct su_chain_batch b;

    begin(d->node, &env, &b);
    su_chain_make_check_post(&b, d->node->identity, &at, inputs, outputs);
    return send(d->node, &b, e);
}
