// SPDX-License-Identifier: MIT
#include "dispute_priv.h"

#include <stdlib.h>
#include <string.h>

#include "json/json.h"

void dispute_hash(const struct su_part *parts, uint64_t n, uint8_t out[32])
{
    struct su_sha256 s;

    su_sha256_init(&s);
    for (uint64_t i = 0; i < n; i++)
        su_sha256_update(&s, parts[i].p, (size_t)parts[i].n);
    su_sha256_final(&s, out);
}

/* ---- external inputs ----------------------------------------------------------------------------- */

/* The root of rows that are all there, of steps that emit nothing without one. */
static enum su_code root_of(const struct judge *j, const struct su_value *v, const uint8_t *rows,
                            uint8_t root[32], struct su_err *e)
{
    struct su_bytes part = {rows, (size_t)su_value_row_bytes(v)};
    uint8_t *leaf = su_try_alloc(j->steps, SU_SHA256_BYTES);

    if (!leaf)
        return su_fail(e, SU_ENOMEM, j->at, "the leaves of %u steps", j->steps);
    for (uint32_t s = 0; s < j->steps; s++) {
        bool has = v->domain != SU_EMIT || !j->c->emits || j->c->emits[s];
        su_leaf_digest(s, has ? &part : NULL, has, leaf + (size_t)s * SU_SHA256_BYTES);
        if (has)
            part.data = (const uint8_t *)part.data + part.len;
    }
    su_trace_leaves_root(leaf, j->steps, root);
    free(leaf);
    return SU_OK;
}

static uint32_t rows_wanted(const struct judge *j, const struct su_value *v)
{
    uint32_t n = 0;

    for (uint32_t s = 0; s < j->steps; s++)
        n += v->domain != SU_EMIT || !j->c->emits || j->c->emits[s];
    return n;
}

static enum su_code open_container(struct judge *j, struct su_err *e)
{
    uint8_t digest[32];

    if (j->input.n_tensor > 0)
        return SU_OK;
    su_sha256(j->c->container, j->c->container_bytes, digest);
    if (memcmp(digest, j->x->input_digest, 32) != 0)
        return su_fail(e, SU_EDIGEST, j->at, "the container is not the execution's input");
    return su_input_decode(j->c->container, j->c->container_bytes, &j->input, e);
}

enum su_code dispute_prompt(struct judge *j, struct su_err *e)
{
    struct su_feedback f;

    if (!su_package_feedback(j->c->package, &f))
        return SU_OK;
    if (f.from_task != j->x->sample_task || !j->c->assignments[f.from_task])
        return su_fail(e, SU_EINVAL, j->at, "the package draws tokens in another task");
    enum su_code rc = open_container(j, e);
    if (rc == SU_OK)
        rc = su_prompt_of(j->c->package, &j->input, j->x->seed, &j->prompt, e);
    if (rc != SU_OK)
        return rc;
    if (j->prompt.feedback.from_task != j->x->sample_task || !j->c->assignments[j->x->sample_task])
        return su_fail(e, SU_EINVAL, j->at, "the package draws tokens in another task");
    j->generates = true;
    j->emits = su_try_alloc(j->steps, sizeof *j->emits);
    if (!j->emits)
        return su_fail(e, SU_ENOMEM, j->at, "%u steps", j->steps);
    for (uint32_t s = 0; s < j->steps; s++)
        j->emits[s] = su_prompt_emits(&j->prompt, s);
    return SU_OK;
}

enum su_code dispute_truth(struct judge *j, struct su_err *e)
{
    bool any = false;

    for (uint32_t i = 0; i < j->a->input_count; i++)
        any |= dispute_is_external(j, i);
    if (!any)
        return SU_OK;
    enum su_code rc = open_container(j, e);
    for (uint32_t i = 0; i < j->a->input_count && rc == SU_OK; i++) {
        const struct su_value *v = &j->g->value[j->g->input[i]];
        const struct su_input_tensor *t;
        if (!dispute_is_external(j, i))
            continue;
        rc = su_input_find(&j->input, j->c->package, j->c->task, i, &t, e);
        if (rc == SU_OK && t->steps < rows_wanted(j, v))
            rc = su_fail(e, SU_EFORMAT, j->at, "input %u has %u steps of %u", i, t->steps,
                         rows_wanted(j, v));
        if (rc == SU_OK) {
            j->external[i] = t->rows;
            rc = root_of(j, v, t->rows, j->truth[i], e);
        }
    }
    return rc;
}

/* ---- outputs of the asserter --------------------------------------------------------------------- */

enum su_code dispute_output(struct judge *j, uint32_t output, struct dispute_flow *f,
                            struct su_err *e)
{
    const struct dispute_source s = {.producer = j->a->node,
                                     .task = j->a->task,
                                     .attempt = j->a->attempt,
                                     .output = (uint8_t)output,
                                     .value = &j->g->value[j->g->output[output].value]};
    enum su_code rc = dispute_flow_init(f, &s, j->steps, e);

    if (rc == SU_OK)
        rc = dispute_flow_fetch(f, j->c, DISPUTE_ASSERTER, j->a->node, false, 0, e);
    if (rc != SU_OK)
        dispute_flow_fini(f);
    return rc;
}

/* ---- computing ----------------------------------------------------------------------------------- */

static struct su_replay replay_of(const struct judge *j)
{
    struct su_replay r = {
        .steps = j->steps, .emits = j->c->emits, .cancelled = j->c->cancelled, .ctx = j->c->ctx};

    if (j->generates)
        r.draw = &j->prompt.draw;

    for (uint32_t i = 0; i < j->a->input_count; i++)
        r.input[i] = j->rows[i] ? j->rows[i] : j->external[i];
    return r;
}

static const uint32_t *fed_tokens(const struct judge *j)
{
    for (uint32_t i = 0; i < j->a->input_count; i++)
        if (dispute_is_fed(j, i))
            return (const uint32_t *)(const void *)j->rows[i];
    return NULL;
}

enum su_code dispute_execute(struct judge *j, struct su_err *e)
{
    const struct su_store_hooks hooks = {.cancelled = j->c->cancelled, .ctx = j->c->ctx};
    const struct su_exec_opts opts = {.backend = SU_BACKEND_CPU, .threads = j->c->threads};
    const struct su_replay r = replay_of(j);
    struct su_trace_roots roots;
    enum su_code rc = su_package_fetch(j->c->package, j->c->task, j->c->store, j->c->peers,
                                       j->c->n_peers, &hooks, e);

    if (rc == SU_OK)
        rc = su_exec_open(&opts, &j->exec, e);
    if (rc == SU_OK)
        rc = su_task_open(j->exec, j->c->package, j->c->task, j->c->store, &j->run, e);
    if (rc == SU_OK)
        rc = su_task_replay(j->run, &r, &j->trace, j->output, e);
    if (rc == SU_OK)
        rc = su_prompt_roots(j->generates ? &j->prompt : NULL, j->c->task, j->trace, fed_tokens(j),
                             j->steps, &roots, e);
    if (rc != SU_OK)
        return rc;
    if (memcmp(roots.inputs, j->a->input_root, 32) != 0)
        return su_fail(e, SU_ECONFORM, j->at, "this machine computes other roots of equal inputs");
    j->out->executed = true;
    memcpy(j->out->input_root, roots.inputs, 32);
    memcpy(j->out->output_root, roots.outputs, 32);
    return SU_OK;
}

/* ---- evidence ------------------------------------------------------------------------------------ */

static void name_op(struct judge *j, const struct su_value *v, const char *name)
{
    struct dispute_finding *o = j->out;

    o->node = v->kind == SU_VALUE_NODE ? v->node : UINT32_MAX;
    (void)su_str_copy(o->op, sizeof o->op,
                      v->kind == SU_VALUE_NODE ? su_op_name(j->g->node[v->node].op) : "input");
    (void)su_str_copy(o->value, sizeof o->value, name);
}

/* The first element of our row of an output at a step that is not the asserter's. */
static void compare_rows(struct judge *j, uint32_t output, const struct dispute_flow *f)
{
    struct dispute_finding *o = j->out;
    const struct su_value *v = f->source.value;
    size_t one = (size_t)su_value_row_bytes(v), before = 0;

    for (uint32_t s = 0; s < o->step; s++)
        before += v->domain != SU_EMIT || !j->c->emits || j->c->emits[s];
    const uint8_t *ours = (const uint8_t *)j->output[output] + before * one;
    const uint8_t *theirs = f->frames.data + f->row[o->step];
    for (size_t i = 0; i < one / 4 && !o->has_op; i++)
        if (su_le32(ours + 4 * i) != su_le32(theirs + 4 * i)) {
            o->has_op = true;
            o->element = i;
            o->got_bits = su_le32(theirs + 4 * i);
            o->want_bits = su_le32(ours + 4 * i);
            name_op(j, v, j->g->output[output].name);
        }
}

/* The first step of an output where the asserter's leaf, as it sent and committed to it, is not
   ours. */
static enum su_code find_step(struct judge *j, uint32_t output, struct su_err *e)
{
    struct dispute_finding *o = j->out;
    struct dispute_flow f;
    uint8_t root[32];
    enum su_code rc = dispute_output(j, output, &f, e);

    if (rc != SU_OK)
        return rc;
    o->has_port = true;
    o->port = SU_PORT_OUTPUT;
    o->number = (uint8_t)output;
    bool whole = dispute_flow_root(&f, root) && memcmp(root, j->a->output_roots[output], 32) == 0;
    for (uint32_t s = 0; s < j->steps && whole && !o->has_step; s++) {
        const uint8_t *ours = su_trace_leaf(j->trace, SU_PORT_OUTPUT, output, s);
        const uint8_t *theirs = f.leaf + (size_t)s * SU_SHA256_BYTES;
        if (memcmp(ours, theirs, SU_SHA256_BYTES) == 0)
            continue;
        o->has_step = true;
        o->step = s;
        memcpy(o->leaf, theirs, 32);
        memcpy(o->other_leaf, ours, 32);
        if (f.row[s] != 0)
            compare_rows(j, output, &f);
    }
    dispute_flow_fini(&f);
    return SU_OK;
}

enum su_code dispute_evidence(struct judge *j, struct su_err *e)
{
    const struct su_replay r = replay_of(j);
    struct su_trace_roots ours;
    struct su_task_difference d;
    enum su_code rc = SU_OK;
    bool output = false;

    su_trace_roots(j->trace, j->steps, &ours);
    for (uint32_t o = 0; o < j->a->output_count && rc == SU_OK && !output; o++) {
        output = memcmp(ours.output[o], j->a->output_roots[o], 32) != 0;
        if (output)
            rc = find_step(j, o, e);
    }
    if (rc != SU_OK)
        return rc;
    if (!output && memcmp(ours.witness, j->a->witness_root, 32) != 0) {
        j->out->has_port = true;
        j->out->port = SU_PORT_WITNESS;
    }
    rc = su_task_locate(j->run, &r, j->out->has_step ? j->out->step : j->steps - 1, j->c->store, &d,
                        e);
    if (rc == SU_OK && d.found)
        rc = su_fail(e, SU_ECONFORM, j->at,
                     "this machine computes %s (%s) otherwise than the rules", d.value, d.op);
    return rc;
}

/* ---- JSON ---------------------------------------------------------------------------------------- */

static const char *verdict_name(uint8_t verdict)
{
    static const char *const name[] = {"none",     "asserter", "validator", "both",
                                       "producer", "right",    "undecided"};

    return verdict < SU_ARRAY_LEN(name) ? name[verdict] : "?";
}

static const char *dispute_name(uint8_t dispute)
{
    static const char *const name[] = {"none", "roots", "inputs", "committee", "missing"};

    return dispute < SU_ARRAY_LEN(name) ? name[dispute] : "?";
}

static void put_port(struct su_json_writer *w, const struct dispute_finding *f)
{
    static const char *const port[] = {"input", "output", "witness"};

    su_json_put_str(w, "port", port[f->port]);
    su_json_put_u64(w, "number", f->number);
    if (!f->has_step)
        return;
    su_json_put_u64(w, "step", f->step);
    su_json_put_hex(w, "leaf", f->leaf, sizeof f->leaf);
    su_json_put_hex(w, "other_leaf", f->other_leaf, sizeof f->other_leaf);
}

static void put_op(struct su_json_writer *w, const struct dispute_finding *f)
{
    uint8_t got[4], want[4];

    for (unsigned i = 0; i < 4; i++) { /* as a number is read, most significant first */
        got[i] = (uint8_t)(f->got_bits >> (24 - 8 * i));
        want[i] = (uint8_t)(f->want_bits >> (24 - 8 * i));
    }
    su_json_put_str(w, "op", f->op);
    su_json_put_str(w, "value", f->value);
    if (f->node != UINT32_MAX)
        su_json_put_u64(w, "node", f->node);
    su_json_put_u64(w, "element", f->element);
    su_json_put_hex(w, "got_bits", got, sizeof got);
    su_json_put_hex(w, "want_bits", want, sizeof want);
}

enum su_code dispute_json(const struct dispute_finding *f, struct su_buf *out, struct su_err *e)
{
    struct su_json_writer w;

    su_json_writer_init(&w, out, 0);
    su_json_put_object(&w, NULL);
    su_json_put_str(&w, "dispute", dispute_name(f->dispute));
    su_json_put_str(&w, "verdict", verdict_name(f->verdict));
    su_json_put_u64(&w, "task", f->task);
    if (f->verdict == SU_VERDICT_PRODUCER)
        su_json_put_u64(&w, "producer", f->verdict_task);
    su_json_put_str(&w, "why", f->why);
    if (f->executed) {
        su_json_put_hex(&w, "input_root", f->input_root, sizeof f->input_root);
        su_json_put_hex(&w, "output_root", f->output_root, sizeof f->output_root);
    }
    if (f->has_port)
        put_port(&w, f);
    if (f->has_op)
        put_op(&w, f);
    su_json_end_object(&w);
    return su_buf_check(out, "dispute", e);
}
