// SPDX-License-Identifier: MIT
/* Executions of a demo, everybody's money, and the draw computed again from its proof. */
#include "demo.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    REPEATS = 2,
    REPORT_MS = 150, /* between two questions what nodes tell of an execution */
    SIGNATURES_MAX = 400,
    CLAIMS_MS = 8000,
    NAP_MS = 50,
};

/* ---- an execution -------------------------------------------------------------------------------- */

static enum su_code ask(struct demo *d, struct demo_run *r, const struct su_buf *input,
                        struct su_err *e)
{
    char model[SU_CHAIN_TEXT];
    const struct su_ops_request q = {.model = su_chain_key_text(d->model, model),
                                     .input = input->data,
                                     .input_bytes = input->len,
                                     .max_steps = d->text ? cli_generation_steps(&r->words) : 1,
                                     .seed = d->text ? r->words.sampling.seed : d->seed + r->number,
                                     .repeats = REPEATS};
    const struct su_ops_follow_options fo = {
        .input = input->data, .input_bytes = input->len, .repeats = REPEATS, .claim = true};
    struct su_ops_proposal p = {.n_tx = 0};
    struct su_ops_receipt receipt;
    enum su_code rc = su_ops_request_prepare(d->ops, &q, &p, &r->terms, e);

    if (!rc)
        rc = su_ops_commit(d->ops, &p, NULL, NULL, &receipt, e);
    su_ops_proposal_fini(&p);
    return rc ? rc : su_ops_follow_open(d->ops, r->terms.execution, &fo, &r->follow, e);
}

enum su_code demo_begin(struct demo *d, struct demo_run *r, unsigned number, struct su_err *e)
{
    float pixel[784];
    struct su_buf input;

    memset(r, 0, sizeof *r);
    r->number = number;
    r->begun_ns = su_clock_mono_ns();
    su_buf_init(&input, 0);
    enum su_code rc;
    if (d->text) {
        rc = demo_words_input(d, r, &input, e);
    } else {
        r->digit = d->digit++ % su_digits_count(d->digits);
        rc = su_digits_get(d->digits, r->digit, pixel, e);
        if (!rc)
            rc = cli_digit_input(&d->chain_model, pixel, &input, e);
    }
    if (!rc)
        rc = ask(d, r, &input, e);
    su_buf_fini(&input);
    if (rc)
        return rc;
    r->state = su_ops_follow_state(r->follow);
    r->report = su_alloc(r->state->n_part * sizeof *r->report + 1);
    r->check = su_alloc(r->state->n_part * sizeof *r->check + 1);
    r->recomputed = su_alloc(r->state->n_part * sizeof *r->recomputed + 1);
    for (uint16_t i = 0; i < r->state->n_part; i++)
        r->report[i] = CLI_TASK_REPORT_NONE;
    return SU_OK;
}

static void count_checks(struct demo_run *r)
{
    r->sampled = r->matched = r->foreign = 0;
    for (uint16_t i = 0; i < r->state->n_part; i++) {
        const struct su_ops_part *p = &r->state->part[i];
        const struct su_ops_part_check *c = p->n_check > 0 ? &p->check[p->n_check - 1] : NULL;
        r->sampled = (uint16_t)(r->sampled + ((p->flags & SU_TASKF_SAMPLED) != 0));
        r->matched = (uint16_t)(r->matched + (c && c->state == SU_OPS_CHECK_MATCH));
        r->foreign = (uint16_t)(r->foreign + (c && memcmp(c->owner, p->owner, 32) != 0));
    }
}

enum su_code demo_turn(struct demo *d, struct demo_run *r, uint32_t wait_ms, struct su_err *e)
{
    enum su_code rc = su_ops_follow_poll(r->follow, wait_ms, e);

    if (!rc && r->state->known && su_clock_mono_ns() >= r->next_report_ns && !r->state->closed) {
        (void)cli_task_reports(r->state, r->report);
        demo_check_reports(d, r);
        r->next_report_ns = su_clock_mono_ns() + REPORT_MS * 1000000ull;
    }
    count_checks(r);
    if (!rc && d->text)
        rc = demo_words_take(d, r, e);
    return rc ? rc : demo_alive(d, e);
}

void demo_run_fini(struct demo_run *r)
{
    su_ops_follow_close(r->follow);
    cli_generation_fini(&r->words);
    free(r->report);
    free(r->check);
    free(r->recomputed);
    memset(r, 0, sizeof *r);
}

/* ---- the draw ------------------------------------------------------------------------------------ */

/* The proof that a transaction posted for this execution, and by whom; false when it is another one. */
static bool proof_in(const struct demo *d, const struct demo_run *r,
                     const struct su_chain_outcome *out, uint8_t proof[80], uint8_t oracle[32])
{
    struct su_tx_parsed *p = su_alloc(sizeof *p);
    struct su_tx *t = su_alloc(sizeof *t);
    bool found = false;

    if (out->failure.kind[0] == 0 && su_tx_parse(out->wire, out->wire_bytes, t, p) == SU_TX_OK)
        for (uint16_t i = 0; i < p->n_instrs && !found; i++) {
            const struct su_instr *x = &p->instrs[i];
            struct su_ix_draw ix;
            if (memcmp(x->program, d->env.program, 32) != 0 || x->data_bytes != sizeof ix ||
                x->data[0] != SU_IX_DRAW || x->n_metas < 3 ||
                memcmp(x->metas[2].key, r->state->execution, 32) != 0)
                continue;
            memcpy(&ix, x->data, sizeof ix);
            memcpy(proof, ix.proof, sizeof ix.proof);
            memcpy(oracle, x->metas[0].key, 32);
            found = true;
        }
    free(p);
    free(t);
    return found;
}

static enum su_code find_proof(struct demo *d, struct demo_run *r, uint8_t proof[80],
                               uint8_t oracle[32], struct su_err *e)
{
    struct su_chain_signature *sig = su_alloc(SIGNATURES_MAX * sizeof *sig);
    size_t n = 0;
    enum su_code rc =
        su_chain_signatures_of(d->chain, r->state->execution, NULL, sig, SIGNATURES_MAX, &n, e);

    for (size_t i = 0; i < SU_MIN(n, (size_t)SIGNATURES_MAX) && !rc && !r->proof_found; i++) {
        struct su_chain_outcome out = {.slot = 0};
        if (sig[i].failed)
            continue;
        rc = su_chain_transaction(d->chain, sig[i].sig, &out, e);
        r->proof_found = !rc && proof_in(d, r, &out, proof, oracle);
        su_chain_outcome_fini(&out);
    }
    free(sig);
    return rc;
}

static void sha256_parts(const struct su_part *part, uint64_t n, uint8_t out[32])
{
    struct su_sha256 h;

    su_sha256_init(&h);
    for (uint64_t i = 0; i < n; i++)
        su_sha256_update(&h, part[i].p, (size_t)part[i].n);
    su_sha256_final(&h, out);
}

static bool add_points(const uint8_t p[32], const uint8_t q[32], uint8_t out[32])
{
    return su_point_add(p, q, out);
}

static bool mul_points(const uint8_t scalars[64], const uint8_t points[64], uint8_t out[32])
{
    return su_point_mul2(scalars, points, out);
}

enum su_code demo_check_draw(struct demo *d, struct demo_run *r, struct su_err *e)
{
    static const struct su_ecvrf_ops ops = {add_points, mul_points};
    const struct su_acc_execution *x = &r->state->chain;
    uint8_t proof[80], oracle[32];
    enum su_code rc = find_proof(d, r, proof, oracle, e);

    r->flags_right = true;
    if (rc || !r->proof_found)
        return rc;
    for (unsigned i = 0; i < d->n_oracle; i++) {
        struct su_ecvrf *v = su_alloc(sizeof *v);
        v->ops = &ops;
        v->key = d->oracle[i].vrf_key;
        v->alpha = x->alpha;
        v->alpha_bytes = sizeof x->alpha;
        v->proof = proof;
        if (memcmp(d->oracle[i].key.key, oracle, 32) == 0 && su_ecvrf_verify(v)) {
            r->proof_right = memcmp(v->beta, x->beta, sizeof x->beta) == 0;
            for (uint16_t t = 0; t < r->state->n_part; t++) {
                const struct su_ops_part *p = &r->state->part[t];
                r->recomputed[t] = su_msg_sampled(sha256_parts, v->beta, t, p->threshold_ppm);
                r->flags_right =
                    r->flags_right && r->recomputed[t] == ((p->flags & SU_TASKF_SAMPLED) != 0);
            }
        }
        free(v);
    }
    return SU_OK;
}

/* ---- money --------------------------------------------------------------------------------------- */

enum { AT_REQUESTOR, AT_WALLET, AT_POOL, AT_VAULT, AT_OWNERS, AT_REST = AT_OWNERS + DEMO_OWNERS };

static uint64_t tokens(const struct su_chain_account *a)
{
    struct su_chain_token t;

    return su_chain_as_token(a, &t, NULL) == SU_OK ? t.amount : 0;
}

static uint64_t of_node(const struct su_chain_account *a, const uint8_t *program)
{
    const struct su_acc_node *n;
    uint64_t sum = 0;

    if (su_chain_as_node(a, program, &n, NULL) != SU_OK)
        return 0;
    for (size_t i = 0; i < SU_TICKETS_MAX; i++)
        sum += n->tickets[i].amount;
    return sum + n->stake_free + n->stake_reserved + n->earned;
}

static void add_up(const struct demo *d, const struct su_chain_accounts *list, struct demo_money *m)
{
    const struct su_acc_requestor *r;
    const struct su_acc_pool *pool;
    const struct su_acc_oracle *o;

    m->requestor = tokens(&list->items[AT_WALLET]);
    if (su_chain_as_requestor(&list->items[AT_REQUESTOR], d->env.program, &r, NULL) == SU_OK)
        m->requestor += r->refund;
    if (su_chain_as_pool(&list->items[AT_POOL], d->env.program, &pool, NULL) == SU_OK) {
        m->pool = pool->balance;
        m->open_claims = pool->claims_next - pool->claims_head;
    }
    m->vault = tokens(&list->items[AT_VAULT]);
    m->total = m->requestor + m->pool;
    for (unsigned i = 0; i < DEMO_OWNERS; i++)
        m->total += tokens(&list->items[AT_OWNERS + i]);
    for (unsigned i = 0; i < d->n_node; i++) {
        m->node[i] = of_node(&list->items[AT_REST + i], d->env.program);
        m->total += m->node[i];
    }
    for (unsigned i = 0; i < d->n_oracle; i++) {
        if (su_chain_as_oracle(&list->items[AT_REST + d->n_node + i], d->env.program, &o, NULL) ==
            SU_OK)
            m->oracle[i] = o->bond + o->earned;
        m->total += m->oracle[i];
    }
}

enum su_code demo_money(struct demo *d, struct demo_money *m, struct su_err *e)
{
    uint8_t key[AT_REST + DEMO_NODES_MAX + SU_ORACLES_MAX][32];
    struct su_chain_accounts list = {0};

    memset(m, 0, sizeof *m);
    su_chain_addr_requestor(&d->env, d->requestor.key, key[AT_REQUESTOR]);
    su_chain_ata(d->requestor.key, d->env.mint, key[AT_WALLET]);
    memcpy(key[AT_POOL], d->env.pool, 32);
    memcpy(key[AT_VAULT], d->env.vault, 32);
    for (unsigned i = 0; i < DEMO_OWNERS; i++)
        su_chain_ata(d->owner[i].key, d->env.mint, key[AT_OWNERS + i]);
    for (unsigned i = 0; i < d->n_node; i++)
        su_chain_addr_node(&d->env, d->node[i].identity.key, key[AT_REST + i]);
    for (unsigned i = 0; i < d->n_oracle; i++)
        su_chain_addr_oracle(&d->env, d->oracle[i].key.key, key[AT_REST + d->n_node + i]);
    enum su_code rc = su_chain_accounts_get(d->chain, (const uint8_t(*)[32])key,
                                            AT_REST + d->n_node + d->n_oracle, &list, e);
    if (!rc)
        add_up(d, &list, m);
    su_chain_accounts_fini(&list);
    return rc;
}

enum su_code demo_settle(struct demo *d, struct demo_money *m, struct su_err *e)
{
    uint64_t until = su_clock_mono_ns() + CLAIMS_MS * 1000000ull;
    enum su_code rc = demo_money(d, m, e);

    while (!rc && m->open_claims > 0 && su_clock_mono_ns() < until) {
        const struct timespec nap = {0, NAP_MS * 1000000};
        (void)nanosleep(&nap, NULL);
        rc = demo_alive(d, e);
        if (!rc)
            rc = demo_money(d, m, e);
    }
    return rc;
}
