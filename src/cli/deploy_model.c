// SPDX-License-Identifier: MIT
/* Models on their way to a network: cut, packed, found again. */
#include "deploy.h"

#include <stdlib.h>
#include <string.h>

#define CTX_MAX (1u << 20)
#define DEFAULT_CTX 8192u
#define DEFAULT_BATCH 64u /* of language models: prompts, and checks, which run like prompts */
#define SESSIONS_MAX 65536u

enum su_code cli_store_open(const char *given, struct su_store **out, struct su_err *e)
{
    char home[3900], dir[4096];

    *out = NULL;
    if (!given) {
        enum su_code rc = su_home_dir(home, sizeof home, e);
        if (rc == SU_OK)
            rc = su_path_join(dir, sizeof dir, home, "blobs", e);
        if (rc != SU_OK)
            return rc;
    }
    return su_store_open(given ? given : dir, NULL, out, e);
}

static bool hook_cancelled(void *ctx)
{
    return cli_stopped(ctx);
}

static void hook_progress(void *ctx, const struct su_progress *p)
{
    cli_progress(ctx, "store", p, false);
}

struct su_store_hooks cli_store_hooks(struct cli *c)
{
    return (struct su_store_hooks){
        .cancelled = hook_cancelled, .progress = hook_progress, .ctx = c};
}

enum su_code cli_peers_parse(const struct cli *c, struct cli_peers *out, struct su_err *e)
{
    const char *given = cli_get(c, "--peer");
    char *rest = NULL;

    memset(out, 0, sizeof *out);
    if (!given)
        return SU_OK;
    if (!su_str_copy(out->text, sizeof out->text, given))
        return su_fail(e, SU_ELIMIT, "--peer", "is longer than %zu bytes", sizeof out->text - 1);
    for (char *p = strtok_r(out->text, ",", &rest); p; p = strtok_r(NULL, ",", &rest)) {
        if (out->n == SU_STORE_PEERS_MAX)
            return su_fail(e, SU_ELIMIT, "--peer", "more than %d peers", SU_STORE_PEERS_MAX);
        if (!su_str_starts(p, "http://") && !su_str_starts(p, "https://"))
            return su_fail(e, SU_EINVAL, p, "is no peer address: write http://HOST:PORT");
        out->url[out->n++] = p;
    }
    return SU_OK;
}

/* ---- from this disk ------------------------------------------------------------------------- */

static enum su_code number(const struct cli *c, const char *option, uint64_t most, uint32_t *out,
                           struct su_err *e)
{
    uint64_t v = *out;
    enum su_code rc = SU_OK;

    if (cli_get(c, option))
        rc = su_parse_u64(cli_get(c, option), option, 1, most, &v, e);
    *out = (uint32_t)v;
    return rc;
}

static enum su_code build_plan(const struct cli *c, const struct su_model *m,
                               const struct su_graph *g, struct su_plan **out, struct su_err *e)
{
    struct su_plan_opts o = {.t_max = m->is_llm ? DEFAULT_BATCH : 1, .sessions = 1};
    uint64_t target;
    enum su_code rc;

    if (!cli_get(c, "--target-vram"))
        return su_fail(e, SU_EUSAGE, "--target-vram",
                       "is missing; give the memory of one device, e.g. 300KB or 12GB");
    rc = cli_targets(cli_get(c, "--target-vram"), &target, 1, &o.n_target, e);
    o.target = &target;
    if (!rc)
        rc = number(c, "--batch", SU_ROWS_MAX, &o.t_max, e);
    if (!rc)
        rc = number(c, "--ctx", CTX_MAX, &o.ctx, e);
    if (!rc)
        rc = number(c, "--sessions", SESSIONS_MAX, &o.sessions, e);
    if (rc)
        return rc;
    if (o.ctx == 0 && m->is_llm)
        o.ctx = SU_MIN(m->llm.ctx, DEFAULT_CTX);
    return su_plan_build(g, &o, out, e);
}

/* The tokens that end a generation, as the model's tokenizer says; none without one. */
static enum su_code find_stops(const struct su_model *m, uint32_t stop[SU_PACKAGE_STOPS_MAX],
                               uint32_t *n, struct su_err *e)
{
    struct su_text *text = NULL;
    const uint32_t *id = NULL;
    enum su_code rc = su_model_text(m, &text, e);
    size_t all = rc ? 0 : su_text_stops(text, &id);

    if (rc == SU_ENOENT)
        rc = SU_OK;
    if (all > SU_PACKAGE_STOPS_MAX)
        rc = su_fail(e, SU_ELIMIT, m->name, "%zu tokens end a generation; at most %u", all,
                     SU_PACKAGE_STOPS_MAX);
    for (size_t i = 0; i < all && !rc; i++)
        stop[(*n)++] = id[i];
    su_text_free(text);
    return rc;
}

enum su_code cli_deployed_open(struct cli *c, const char *word, const char *name,
                               struct su_store *store, struct cli_deployed *d, struct su_err *e)
{
    const struct su_store_hooks hooks = cli_store_hooks(c);
    uint32_t stop[SU_PACKAGE_STOPS_MAX];
    struct su_package_of of = {.stop = stop};
    enum su_code rc;

    memset(d, 0, sizeof *d);
    rc = cli_model_open(word, &d->m, e);
    if (!rc && !d->m.model)
        rc = su_fail(e, SU_EINVAL, word, "has no weights; give a model's name or folder");
    d->graph = d->m.graph;
    if (!rc && d->m.model->is_llm) {
        rc = su_model_generator(d->m.graph, &d->generator, e);
        d->graph = d->generator;
        if (!rc)
            rc = find_stops(d->m.model, stop, &of.n_stop, e);
    }
    if (!rc)
        rc = build_plan(c, d->m.model, d->graph, &d->plan, e);
    of.name = name ? name : d->m.name;
    of.plan = d->plan;
    of.weights = d->m.model ? d->m.model->weights : NULL;
    if (!rc)
        rc = su_package_publish(&of, store, &hooks, &d->package, d->id, e);
    cli_progress_clear(c);
    return rc;
}

void cli_deployed_close(struct cli_deployed *d)
{
    su_package_free(d->package);
    su_plan_free(d->plan);
    su_graph_free(d->generator);
    cli_model_close(&d->m);
}

/* ---- from the chain ------------------------------------------------------------------------- */

enum su_code cli_package_check(const struct su_chain_model *m, const struct su_package *p,
                               struct su_err *e)
{
    enum su_code rc = SU_OK;

    if (memcmp(p->digest, m->model->digest, 32) != 0)
        return su_fail(e, SU_EDIGEST, "package", "is not the one that the model registers");
    if (p->n_task != m->model->task_count)
        return su_fail(e, SU_EDIGEST, "package", "has %u tasks, the model registers %u", p->n_task,
                       m->model->task_count);
    for (uint32_t i = 0; i < m->model->tasks_added && !rc; i++)
        rc = su_package_check_task(p, i, m->tasks[i]->graph_digest, m->tasks[i]->weights_digest, e);
    return rc;
}

enum su_code cli_package_of(const struct su_chain_model *m, struct su_store *store,
                            const struct cli_peers *peers, const struct su_store_hooks *hooks,
                            struct su_package **out, struct su_err *e)
{
    char uri[SU_URI_MAX + 1];
    enum su_code rc;

    *out = NULL;
    su_str_sanitize(uri, sizeof uri, (const char *)m->model->uri, m->model->uri_len);
    if (!*uri)
        return su_fail(e, SU_ENOENT, "package", "the model names no URI");
    rc = su_package_open(uri, store, peers->url, peers->n, hooks, out, e);
    if (!rc)
        rc = cli_package_check(m, *out, e);
    if (rc) {
        su_package_free(*out);
        *out = NULL;
    }
    return rc;
}

enum su_code cli_package_weights(const struct su_chain_model *m, const struct su_package *p,
                                 struct su_store *store, const struct cli_peers *peers,
                                 const struct su_store_hooks *hooks, struct su_err *e)
{
    const char *list[SU_STORE_PEERS_MAX + 1];
    char uri[SU_URI_MAX + 1], first[SU_PACKAGE_PEER_MAX] = "";
    uint8_t id[32];
    size_t n = 0;
    enum su_code rc = SU_OK;

    su_str_sanitize(uri, sizeof uri, (const char *)m->model->uri, m->model->uri_len);
    if (su_package_uri_parse(uri, id, first, NULL) == SU_OK && *first)
        list[n++] = first;
    for (size_t i = 0; i < peers->n; i++)
        list[n++] = peers->url[i];
    for (uint32_t i = 0; i < p->n_task && !rc; i++)
        rc = su_package_fetch(p, i, store, list, n, hooks, e);
    return rc;
}
