// SPDX-License-Identifier: MIT
/* What checks cost beside what they check, as the nodes of a demo tell it. */
#include "demo.h"

#include "peer/peer.h"

#include <stdlib.h>
#include <string.h>

#define ASK_MS 1000u

/* ---- what nodes tell ----------------------------------------------------------------------------- */

static const struct demo_node *node_of(const struct demo *d, const uint8_t key[32])
{
    for (unsigned i = 0; i < d->n_node; i++)
        if (memcmp(d->node[i].identity.key, key, 32) == 0)
            return &d->node[i];
    return NULL;
}

/* The entry about that task of that execution; NULL: there is none. */
static const struct su_json_value *entry_of(const struct su_json_value *root, const char *list,
                                            const char *execution, uint16_t task)
{
    const char *text;
    uint64_t number;

    for (const struct su_json_value *i = su_json_first(su_json_member(root, list)); i;
         i = su_json_next(i))
        if (su_json_get_str(i, "execution", &text, NULL) == SU_OK && strcmp(text, execution) == 0 &&
            su_json_get_u64(i, "task", &number, NULL) == SU_OK && number == task)
            return i;
    return NULL;
}

static bool take_backend(const struct su_json_value *root, char out[16])
{
    const char *text;

    return su_json_get_str(root, "backend", &text, NULL) == SU_OK && su_str_copy(out, 16, text);
}

static bool ask_validator(const struct demo_node *n, const char *execution, uint16_t task,
                          struct demo_check *k)
{
    const struct su_peer_call call = {.deadline_ms = ASK_MS};
    struct su_json *doc = cli_peer_status(n->endpoint, &call);
    const struct su_json_value *root = doc ? su_json_root(doc) : NULL;
    const struct su_json_value *e = doc ? entry_of(root, "checked", execution, task) : NULL;
    bool ok = e && take_backend(root, k->backend) &&
              su_json_get_double(e, "compute_ms", &k->ms, NULL) == SU_OK;

    su_json_free(doc);
    return ok;
}

static bool ask_asserter(const struct demo_node *n, const char *execution, uint16_t task,
                         struct demo_check *k)
{
    const struct su_peer_call call = {.deadline_ms = ASK_MS};
    struct su_json *doc = cli_peer_status(n->endpoint, &call);
    const struct su_json_value *root = doc ? su_json_root(doc) : NULL;
    const struct su_json_value *e = doc ? entry_of(root, "executions", execution, task) : NULL;
    bool ok = e && take_backend(root, k->asserter_backend) &&
              su_json_get_double(e, "compute_ms", &k->generation_ms, NULL) == SU_OK &&
              su_json_get_double(e, "compare_ms", &k->compare_ms, NULL) == SU_OK;

    su_json_free(doc);
    return ok;
}

void demo_check_reports(const struct demo *d, struct demo_run *r)
{
    const struct su_ops_follow_state *s = r->state;
    char execution[SU_CHAIN_TEXT];

    (void)su_chain_key_text(s->execution, execution);
    for (uint16_t i = 0; i < s->n_part; i++) {
        const struct su_ops_part *p = &s->part[i];
        const struct su_ops_part_check *c = p->n_check > 0 ? &p->check[p->n_check - 1] : NULL;
        if (r->check[i].known || !c || c->state == SU_OPS_CHECK_RUNNING ||
            c->state == SU_OPS_CHECK_SILENT)
            continue;
        const struct demo_node *asserter = node_of(d, p->node), *by = node_of(d, c->validator);
        r->check[i].known = asserter && by && ask_validator(by, execution, i, &r->check[i]) &&
                            ask_asserter(asserter, execution, i, &r->check[i]);
    }
}

/* ---- adding up ----------------------------------------------------------------------------------- */

void demo_costs_add(struct demo_cost cost[DEMO_COSTS_MAX], const struct demo_run *r)
{
    for (uint16_t i = 0; i < r->state->n_part; i++) {
        const struct demo_check *k = &r->check[i];
        unsigned at = 0;
        /* Two backends say nothing of what a check is to what it checks. */
        if (!k->known || strcmp(k->backend, k->asserter_backend) != 0)
            continue;
        while (at < DEMO_COSTS_MAX && cost[at].checks > 0 && strcmp(cost[at].backend, k->backend))
            at++;
        if (at == DEMO_COSTS_MAX)
            continue;
        memcpy(cost[at].backend, k->backend, sizeof cost[at].backend);
        cost[at].checks++;
        cost[at].check_ms += k->ms;
        cost[at].generation_ms += k->generation_ms;
        cost[at].compare_ms += k->compare_ms;
    }
}

/* ---- JSON ---------------------------------------------------------------------------------------- */

void demo_put_checks(struct su_json_writer *w, const struct demo_run *r)
{
    su_json_put_array(w, "checks");
    for (uint16_t i = 0; i < r->state->n_part; i++) {
        const struct demo_check *k = &r->check[i];
        if (!k->known)
            continue;
        su_json_put_object(w, NULL);
        su_json_put_u64(w, "task", i);
        su_json_put_str(w, "backend", k->backend);
        su_json_put_double(w, "check_ms", k->ms);
        su_json_put_str(w, "asserter_backend", k->asserter_backend);
        su_json_put_double(w, "generation_ms", k->generation_ms);
        su_json_put_double(w, "compare_ms", k->compare_ms);
        su_json_end_object(w);
    }
    su_json_end_array(w);
}

void demo_put_costs(struct su_json_writer *w, const struct demo *d,
                    const struct demo_cost cost[DEMO_COSTS_MAX])
{
    const double rate = (double)d->params.sampling_min_ppm / SU_PPM;

    su_json_put_object(w, "check_cost");
    for (unsigned i = 0; i < DEMO_COSTS_MAX && cost[i].checks > 0; i++) {
        double ratio = cost[i].generation_ms > 0 ? cost[i].check_ms / cost[i].generation_ms : 0;
        su_json_put_object(w, cost[i].backend);
        su_json_put_u64(w, "checks", cost[i].checks);
        su_json_put_double(w, "check_ms", cost[i].check_ms);
        su_json_put_double(w, "generation_ms", cost[i].generation_ms);
        su_json_put_double(w, "compare_ms", cost[i].compare_ms);
        su_json_put_double(w, "ratio", ratio);
        su_json_put_double(w, "extra_share", ratio * rate);
        su_json_end_object(w);
    }
    su_json_end_object(w);
}
