// SPDX-License-Identifier: MIT
/* What a demo says, in words and in JSON. */
#include "demo.h"

#include <math.h>
#include <string.h>

/* ---- in words ------------------------------------------------------------------------------------ */

static double share(uint32_t draw)
{
    return (double)draw / 4294967296.0;
}

static void tell_assigned(const struct demo *d, struct demo_run *r)
{
    char line[400] = "";
    size_t len = 0;

    for (uint16_t i = 0; i < r->state->n_part && len < sizeof line; i++) {
        const struct su_ops_part *p = &r->state->part[i];
        len += (size_t)snprintf(line + len, sizeof line - len, "%stask %u -> %s (%s)",
                                i == 0 ? "" : ", ", i, demo_who(d, p->node), demo_who(d, p->owner));
    }
    demo_say(d, "assigned %s", line);
    r->told_assigned = true;
}

static void tell_commits(const struct demo *d, struct demo_run *r)
{
    char hex[17];

    for (uint16_t i = 0; i < r->state->n_part && i < 32; i++) {
        const struct su_ops_part *p = &r->state->part[i];
        if ((p->flags & SU_TASKF_COMMITTED) == 0 || (r->told_commits & 1u << i) != 0)
            continue;
        (void)su_hex_encode(p->commit, 8, hex, sizeof hex);
        demo_say(d, "commit   task %u by %s: %s...", i, demo_who(d, p->node), hex);
        r->told_commits |= 1u << i;
    }
}

static void tell_result(const struct demo *d, struct demo_run *r, const char *word)
{
    const struct cli_generation *g = &r->words;
    unsigned best = 0;
    const float *p = cli_digit_output(r->state, &best, NULL);

    if (d->text)
        demo_say(d, "%-8s %zu + %u tokens, %.2f tokens/s, first after %.0f ms",
                 r->told_provisional ? word : "drawn", g->prompt.count, g->n,
                 cli_generation_rate(g), cli_generation_first_ms(g));
    if (!p || d->text)
        return;
    int label = su_digits_label(d->digits, r->digit);
    if (label >= 0)
        demo_say(d, "%-8s a %u (%.2f %%); the label says %d", word, best, (double)p[best] * 100,
                 label);
    else
        demo_say(d, "%-8s a %u (%.2f %%)", word, best, (double)p[best] * 100);
}

static void tell_draw(const struct demo *d, struct demo_run *r)
{
    for (uint16_t i = 0; i < r->state->n_part; i++) {
        const struct su_ops_part *p = &r->state->part[i];
        demo_say(d, "draw     task %u: %.4f against %.4f%s", i, share(p->draw),
                 (double)p->threshold_ppm / SU_PPM,
                 p->flags & SU_TASKF_SAMPLED ? ", to be checked" : "");
    }
    r->told_draw = true;
}

static void tell_checks(const struct demo *d, struct demo_run *r)
{
    for (uint16_t i = 0; i < r->state->n_part && i < 32; i++) {
        const struct su_ops_part *p = &r->state->part[i];
        const struct su_ops_part_check *c = p->n_check > 0 ? &p->check[p->n_check - 1] : NULL;
        if (!c || (r->told_checks & 1u << i) != 0 || c->state < SU_OPS_CHECK_MATCH)
            continue;
        demo_say(d, "check    task %u by %s (%s): %s", i, demo_who(d, c->validator),
                 demo_who(d, c->owner), cli_sample_verdict(p));
        r->told_checks |= 1u << i;
    }
}

void demo_tell(const struct demo *d, struct demo_run *r)
{
    const struct su_ops_follow_state *s = r->state;
    bool alive = s->known && s->chain.state != SU_EXEC_VOID;

    if (d->json || s->changes == r->told)
        return;
    r->told = s->changes;
    if (alive && s->chain.state >= SU_EXEC_RUNNING && !r->told_assigned)
        tell_assigned(d, r);
    if (alive && (!d->text || s->provisional))
        tell_commits(d, r);
    if (s->provisional && !r->told_provisional) {
        tell_result(d, r, "answer");
        r->told_provisional = true;
    }
    if (alive && s->chain.state >= SU_EXEC_CHECKING && !r->told_draw)
        tell_draw(d, r);
    if (alive)
        tell_checks(d, r);
    if (s->known && s->chain.state >= SU_EXEC_SETTLED && !r->told_end) {
        if (s->chain.state == SU_EXEC_VOID)
            demo_say(d, "void     %s", su_ops_void_word(s->chain.void_cause));
        else
            tell_result(d, r, "final");
        r->told_end = true;
    }
}

static void tell_change(const char *who, uint64_t before, uint64_t after)
{
    char text[SU_OPS_AMOUNT_TEXT];
    bool less = after < before;

    if (before != after)
        printf("            %-10s %s%s\n", who, less ? "-" : "+",
               su_ops_amount_text(less ? before - after : after - before, SU_OPS_USDC, text));
}

void demo_tell_money(const struct demo *d, const struct demo_money *before,
                     const struct demo_money *after)
{
    if (d->json)
        return;
    demo_say(d, "paid");
    tell_change("requestor", before->requestor, after->requestor);
    for (unsigned i = 0; i < d->n_node; i++)
        tell_change(d->node[i].name, before->node[i], after->node[i]);
    for (unsigned i = 0; i < d->n_oracle; i++)
        tell_change(d->oracle[i].name, before->oracle[i], after->oracle[i]);
    tell_change("pool", before->pool, after->pool);
    (void)fflush(stdout);
}

/* ---- JSON ---------------------------------------------------------------------------------------- */

static void put_change(struct su_json_writer *w, const char *key, uint64_t before, uint64_t after)
{
    su_json_put_object(w, key);
    su_json_put_u64(w, "before", before);
    su_json_put_u64(w, "after", after);
    su_json_end_object(w);
}

static void put_member(struct su_json_writer *w, const uint8_t key[32], uint64_t before,
                       uint64_t after)
{
    char text[SU_CHAIN_TEXT];

    su_json_put_object(w, NULL);
    su_json_put_str(w, "key", su_chain_key_text(key, text));
    su_json_put_u64(w, "before", before);
    su_json_put_u64(w, "after", after);
    su_json_end_object(w);
}

static void put_money(struct su_json_writer *w, const struct demo *d,
                      const struct demo_money *before, const struct demo_money *after)
{
    su_json_put_object(w, "balances");
    su_json_put_str(w, "unit", "micro-USDC");
    put_change(w, "requestor", before->requestor, after->requestor);
    su_json_put_array(w, "nodes");
    for (unsigned i = 0; i < d->n_node; i++)
        put_member(w, d->node[i].identity.key, before->node[i], after->node[i]);
    su_json_end_array(w);
    su_json_put_array(w, "oracles");
    for (unsigned i = 0; i < d->n_oracle; i++)
        put_member(w, d->oracle[i].key.key, before->oracle[i], after->oracle[i]);
    su_json_end_array(w);
    put_change(w, "pool", before->pool, after->pool);
    put_change(w, "total", before->total, after->total);
    put_change(w, "vault", before->vault, after->vault);
    su_json_put_u64(w, "open_claims", after->open_claims);
    su_json_end_object(w);
}

static double seconds_at(const struct demo_run *r, enum su_ops_event what)
{
    int64_t at = r->state->at_ms[what], first = r->state->at_ms[SU_OPS_REQUESTED];

    return at > 0 && first > 0 ? (double)(at - first) * 1e-3 : -1;
}

static void put_times(struct su_json_writer *w, const struct demo *d, const struct demo_run *r)
{
    static const struct {
        const char *name;
        enum su_ops_event what;
    } times[] = {{"assigned", SU_OPS_ASSIGNED},       {"committed", SU_OPS_COMMITTED},
                 {"provisional", SU_OPS_PROVISIONAL}, {"drawn", SU_OPS_DRAWN},
                 {"checked", SU_OPS_CHECKED},         {"final", SU_OPS_ENDED}};

    su_json_put_object(w, "seconds");
    su_json_put_double(w, "setup", d->setup_s);
    for (size_t i = 0; i < SU_ARRAY_LEN(times); i++)
        if (seconds_at(r, times[i].what) >= 0)
            su_json_put_double(w, times[i].name, seconds_at(r, times[i].what));
        else
            su_json_put_null(w, times[i].name);
    su_json_put_double(w, "all", (double)(su_clock_mono_ns() - d->started_ns) * 1e-9);
    su_json_end_object(w);
}

/* Every task's flag as it stands on chain, and as it follows from the proof. */
static void put_flags(struct su_json_writer *w, const struct demo_run *r)
{
    su_json_put_array(w, "flags");
    for (uint16_t i = 0; i < r->state->n_part; i++) {
        su_json_put_object(w, NULL);
        su_json_put_u64(w, "task", i);
        su_json_put_bool(w, "sampled", (r->state->part[i].flags & SU_TASKF_SAMPLED) != 0);
        if (r->proof_right)
            su_json_put_bool(w, "recomputed", r->recomputed[i]);
        else
            su_json_put_null(w, "recomputed");
        su_json_end_object(w);
    }
    su_json_end_array(w);
}

static void put_result(struct su_json_writer *w, const struct demo *d, const struct demo_run *r)
{
    const struct su_ops_follow_state *s = r->state;
    const uint8_t *leaf = NULL;
    char text[SU_CHAIN_TEXT];
    unsigned best = 0;

    su_json_put_str(w, "execution", su_chain_key_text(s->execution, text));
    su_json_put_str(w, "model", su_chain_key_text(d->model, text));
    if (d->text) {
        su_json_put_str(w, "prompt", demo_prompt_of(d, r->number)->text);
        cli_put_generation(w, &r->words);
        su_json_put_u64(w, "seed", r->words.sampling.seed);
        cli_put_amount(w, "cost", cli_execution_cost(&d->params, s), SU_OPS_USDC);
    } else {
        su_json_put_u64(w, "digit", r->digit);
        if (su_digits_label(d->digits, r->digit) >= 0)
            su_json_put_i64(w, "label", su_digits_label(d->digits, r->digit));
    }
    if (!d->text && cli_digit_output(s, &best, &leaf)) {
        su_json_put_u64(w, "predicted", best);
        su_json_put_hex(w, "output_sha256", leaf, SU_SHA256_BYTES);
    }
    su_json_put_bool(w, "final", s->final);
    su_json_put_u64(w, "repeated", s->repeated);
    if (!s->final)
        su_json_put_str(w, "cause", su_ops_void_word(s->void_cause));
    cli_put_tasks(w, s, r->report);
    cli_put_samples(w, s);
    put_flags(w, r);
    demo_put_checks(w, r);
    su_json_put_object(w, "draw");
    su_json_put_bool(w, "proof_posted", r->proof_found);
    su_json_put_bool(w, "proof_verified", r->proof_right);
    su_json_put_bool(w, "flags_recomputed", r->flags_right);
    su_json_end_object(w);
}

enum su_code demo_print_run(const struct demo *d, const struct demo_run *r,
                            const struct demo_money *before, const struct demo_money *after,
                            struct su_err *e)
{
    struct su_json_writer w;
    struct su_buf b;

    su_buf_init(&b, 0);
    su_json_writer_init(&w, &b, 0);
    su_json_put_object(&w, NULL);
    put_result(&w, d, r);
    if (after) {
        struct demo_cost cost[DEMO_COSTS_MAX] = {{.checks = 0}};
        demo_costs_add(cost, r);
        demo_put_costs(&w, d, cost);
        put_money(&w, d, before, after);
    }
    put_times(&w, d, r);
    su_json_end_object(&w);
    return cli_print_json(&b, e);
}

enum su_code demo_print_totals(const struct demo *d, const struct demo_totals *t,
                               const struct demo_money *before, const struct demo_money *after,
                               struct su_err *e)
{
    struct su_json_writer w;
    struct su_buf b;

    su_buf_init(&b, 0);
    su_json_writer_init(&w, &b, 0);
    su_json_put_object(&w, NULL);
    su_json_put_bool(&w, "summary", true);
    su_json_put_u64(&w, "executions", t->executions);
    su_json_put_u64(&w, "final", t->final);
    su_json_put_u64(&w, "proofs_verified", t->proofs);
    su_json_put_u64(&w, "flags_recomputed", t->flags_right);
    su_json_put_u64(&w, "tasks", t->tasks);
    su_json_put_u64(&w, "sampled", t->sampled);
    su_json_put_double(&w, "expected", t->expected);
    su_json_put_double(&w, "sigmas",
                       t->variance > 0 ? fabs((double)t->sampled - t->expected) / sqrt(t->variance)
                                       : 0);
    su_json_put_double(&w, "rate", t->tasks > 0 ? (double)t->sampled / (double)t->tasks : 0);
    su_json_put_u64(&w, "matched", t->matched);
    su_json_put_u64(&w, "by_another_owner", t->foreign);
    su_json_put_double(&w, "extra_compute",
                       t->macs > 0 ? (double)t->check_macs / (double)t->macs : 0);
    demo_put_costs(&w, d, t->cost);
    su_json_put_double(&w, "seconds", t->seconds);
    put_money(&w, d, before, after);
    su_json_end_object(&w);
    return cli_print_json(&b, e);
}
