// SPDX-License-Identifier: MIT
#include "network.h"

#include "peer/peer.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define PIXELS 784u

bool cli_is_remote(const char *word)
{
    uint8_t key[32];
    size_t n = 0;
    const char *at = strchr(word, '@'), *slash = strchr(word, '/');
    bool url = at && (su_str_starts(at + 1, "http://") || su_str_starts(at + 1, "https://"));

    return (su_base58_decode(word, key, sizeof key, &n) && n == sizeof key) ||
           (at && at > word && at[1] && (url ? slash > at : !slash));
}

enum su_code cli_ops_open_for(const struct cli *c, char *word, size_t cap, struct su_ops **out,
                              struct su_err *e)
{
    const char *at = strchr(c->arg[0], '@');
    size_t n = at ? (size_t)(at - c->arg[0]) : strlen(c->arg[0]);

    *out = NULL;
    if (n == 0 || n >= cap)
        return su_fail(e, SU_EINVAL, c->arg[0], "is no name of a model");
    memcpy(word, c->arg[0], n);
    word[n] = 0;
    return at ? cli_ops_open_at(c, at + 1, out, e) : cli_ops_open(c, out, e);
}

/* ---- digits -------------------------------------------------------------------------------------- */

static uint64_t elements(const struct su_spec *s)
{
    uint64_t n = 1;

    for (uint8_t i = 0; i < s->rank; i++)
        n *= s->dims[i];
    return n;
}

/* The one external input or output of the model; NULL when there is another number of them. */
static const struct su_spec *only_port(const struct su_chain_model *m, bool output)
{
    const struct su_spec *found = NULL;
    unsigned n = 0;

    for (uint16_t t = 0; t < m->model->task_count; t++) {
        const struct su_acc_task *k = m->tasks[t];
        for (uint8_t i = 0; i < (output ? k->output_count : k->input_count); i++) {
            const struct su_spec *s = output ? &k->outputs[i] : &k->inputs[i];
            if ((s->flags & SU_SPEC_EXTERNAL) == 0)
                continue;
            found = s;
            n++;
        }
    }
    return n == 1 ? found : NULL;
}

enum su_code cli_digit_input(const struct su_chain_model *m, const float pixel[PIXELS],
                             struct su_buf *out, struct su_err *e)
{
    const struct su_spec *in = only_port(m, false), *to = only_port(m, true);
    char text[SU_CHAIN_TEXT];
    struct su_input input = {.n_tensor = 1};

    if (!in || !to || in->dtype != SU_F32 || elements(in) != PIXELS || to->dtype != SU_F32 ||
        elements(to) != CLI_DIGIT_CLASSES)
        return su_fail(e, SU_ETYPE, su_chain_key_text(m->key, text),
                       "does not take a 28 x 28 digit to 10 probabilities");
    input.tensor[0] = (struct su_input_tensor){
        .dtype = in->dtype, .rank = in->rank, .steps = 1, .rows = (const uint8_t *)pixel};
    memcpy(input.tensor[0].dims, in->dims, sizeof in->dims);
    return su_input_encode(&input, out, e);
}

const float *cli_digit_output(const struct su_ops_follow_state *s, unsigned *best,
                              const uint8_t **leaf)
{
    static float p[CLI_DIGIT_CLASSES];

    if (s->n_output != 1 || s->output[0].n_row == 0 || s->output[0].row_bytes != sizeof p)
        return NULL;
    memcpy(p, s->output[0].rows, sizeof p);
    *best = 0;
    for (unsigned i = 1; i < CLI_DIGIT_CLASSES; i++)
        if (p[i] > p[*best])
            *best = i;
    if (leaf)
        *leaf = s->output[0].leaves;
    return p;
}

/* ---- what nodes tell ----------------------------------------------------------------------------- */

/* A node may say anything. */
static double ms_of(const struct su_json_value *v, const char *name)
{
    double ms = 0;

    return su_json_get_double(v, name, &ms, NULL) == SU_OK && ms >= 0 && ms <= 1e12 ? ms : 0;
}

bool cli_task_report_read(const struct su_json_value *root, const char *execution, uint16_t task,
                          struct cli_task_report *r)
{
    const struct su_json_value *list = su_json_member(root, "executions");
    const char *text;
    uint64_t number;

    if (su_json_get_str(root, "backend", &text, NULL) == SU_OK)
        su_str_sanitize(r->backend, sizeof r->backend, text, strlen(text));
    for (const struct su_json_value *i = su_json_first(list); i; i = su_json_next(i))
        if (su_json_get_str(i, "execution", &text, NULL) == SU_OK && strcmp(text, execution) == 0 &&
            su_json_get_u64(i, "task", &number, NULL) == SU_OK && number == task) {
            r->ms = ms_of(i, "compute_ms");
            r->wait_ms = ms_of(i, "wait_ms");
            r->network_ms = ms_of(i, "network_ms");
            r->queue_ms = ms_of(i, "queue_ms");
            r->other_ms = ms_of(i, "other_ms");
            r->decode_ms = ms_of(i, "decode_compute_ms");
            r->first_token_ms = ms_of(i, "first_token_ms");
            r->last_token_ms = ms_of(i, "last_token_ms");
            r->steps = su_json_get_u64(i, "steps", &number, NULL) == SU_OK
                           ? (uint32_t)SU_MIN(number, (uint64_t)UINT32_MAX)
                           : 0;
            return true;
        }
    return false;
}

struct su_json *cli_peer_status(const char *endpoint, const struct su_peer_call *call)
{
    struct su_json *doc = NULL;
    struct su_buf b;

    su_buf_init(&b, SU_PEER_STATUS_BYTES_MAX);
    if (su_peer_status_get(endpoint, call, &b, NULL) == SU_OK &&
        su_json_parse(b.data, b.len, endpoint, NULL, &doc, NULL) != SU_OK)
        doc = NULL;
    su_buf_fini(&b);
    return doc;
}

bool cli_task_reports(const struct su_ops_follow_state *s, struct cli_task_report *report)
{
    const struct su_peer_call call = {.deadline_ms = 1000};
    char execution[SU_CHAIN_TEXT];
    bool all = true;

    (void)su_chain_key_text(s->execution, execution);
    for (uint16_t i = 0; i < s->n_part; i++) {
        const struct su_ops_part *p = &s->part[i];
        if (report[i].ms >= 0)
            continue;
        if (!p->endpoint[0] || (p->flags & SU_TASKF_COMMITTED) == 0) {
            all = false;
            continue;
        }
        struct su_json *doc = cli_peer_status(p->endpoint, &call);
        if (!doc || !cli_task_report_read(su_json_root(doc), execution, i, &report[i]))
            all = false;
        su_json_free(doc);
    }
    return all;
}

/* ---- JSON ---------------------------------------------------------------------------------------- */

const char *cli_sample_verdict(const struct su_ops_part *p)
{
    switch (p->verdict) {
    case SU_VERDICT_ASSERTER:
        return "the asserter was wrong";
    case SU_VERDICT_VALIDATOR:
        return "the validator was wrong";
    case SU_VERDICT_BOTH:
        return "both were wrong";
    case SU_VERDICT_PRODUCER:
        return "a producer was wrong";
    case SU_VERDICT_RIGHT:
        return "match by the committee";
    case SU_VERDICT_UNDECIDED:
        return "undecided";
    default:
        break;
    }
    for (uint8_t i = p->n_check; i-- > 0;)
        if (p->check[i].state != SU_OPS_CHECK_SILENT)
            return su_ops_check_state_name(p->check[i].state);
    return p->flags & SU_TASKF_CHECKED ? "committee" : "pending";
}

void cli_put_tasks(struct su_json_writer *w, const struct su_ops_follow_state *s,
                   const struct cli_task_report *report)
{
    static const uint8_t none[32];
    char key[SU_CHAIN_TEXT];

    su_json_put_array(w, "tasks");
    for (uint16_t i = 0; i < s->n_part; i++) {
        const struct su_ops_part *p = &s->part[i];
        su_json_put_object(w, NULL);
        su_json_put_u64(w, "index", i);
        su_json_put_str(w, "node", su_chain_key_text(p->node, key));
        su_json_put_str(w, "owner", su_chain_key_text(p->owner, key));
        if (report) {
            su_json_put_str(w, "backend", report[i].backend);
            if (report[i].ms >= 0) {
                su_json_put_double(w, "ms", report[i].ms);
                su_json_put_double(w, "wait_ms", report[i].wait_ms);
                su_json_put_double(w, "network_ms", report[i].network_ms);
                su_json_put_double(w, "queue_ms", report[i].queue_ms);
                su_json_put_double(w, "other_ms", report[i].other_ms);
                su_json_put_double(w, "decode_ms", report[i].decode_ms);
                if (report[i].last_token_ms > 0) {
                    su_json_put_double(w, "first_token_ms", report[i].first_token_ms);
                    su_json_put_double(w, "last_token_ms", report[i].last_token_ms);
                }
            } else {
                su_json_put_null(w, "ms");
            }
        }
        su_json_put_u64(w, "attempt", p->attempt);
        su_json_put_str(w, "state", su_ops_task_word(p->state));
        su_json_put_hex(w, "commit", p->commit, 32);
        if (memcmp(p->output_root, none, 32) != 0)
            su_json_put_hex(w, "output_root", p->output_root, 32);
        else
            su_json_put_null(w, "output_root");
        su_json_put_u64(w, "fee", p->fee);
        su_json_put_bool(w, "sampled", (p->flags & SU_TASKF_SAMPLED) != 0);
        su_json_end_object(w);
    }
    su_json_end_array(w);
}

void cli_put_input(struct su_json_writer *w, const struct su_ops_follow_state *s, const void *input,
                   size_t n)
{
    size_t cap = n / 3 * 4 + 8;
    char seed[24], *text = su_try_alloc(cap, 1);

    (void)snprintf(seed, sizeof seed, "%" PRIu64, s->chain.seed);
    su_json_put_u64(w, "steps", s->chain.steps);
    su_json_put_str(w, "seed", seed);
    if (text && su_base64_encode(input, n, text, cap) > 0)
        su_json_put_str(w, "input", text);
    free(text);
}

void cli_put_samples(struct su_json_writer *w, const struct su_ops_follow_state *s)
{
    char key[SU_CHAIN_TEXT];

    su_json_put_array(w, "samples");
    for (uint16_t i = 0; i < s->n_part; i++) {
        const struct su_ops_part *p = &s->part[i];
        const struct su_ops_part_check *c = p->n_check > 0 ? &p->check[p->n_check - 1] : NULL;
        if ((p->flags & SU_TASKF_SAMPLED) == 0)
            continue;
        su_json_put_object(w, NULL);
        su_json_put_u64(w, "task", i);
        su_json_put_u64(w, "threshold_ppm", p->threshold_ppm);
        su_json_put_double(w, "threshold", (double)p->threshold_ppm / SU_PPM);
        su_json_put_double(w, "draw", (double)p->draw / 4294967296.0);
        if (c) {
            su_json_put_str(w, "validator", su_chain_key_text(c->validator, key));
            su_json_put_str(w, "validator_owner", su_chain_key_text(c->owner, key));
        } else {
            su_json_put_null(w, "validator");
            su_json_put_null(w, "validator_owner");
        }
        su_json_put_str(w, "asserter_owner", su_chain_key_text(p->owner, key));
        su_json_put_str(w, "verdict", cli_sample_verdict(p));
        su_json_end_object(w);
    }
    su_json_end_array(w);
}
