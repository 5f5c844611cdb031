// SPDX-License-Identifier: MIT
/* splitup-deploy test-execution: what nodes will do, before anybody pays for it, on two backends one
   after the other. */
#include "deploy.h"
#include "rerun.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define STEPS_MAX 4096u
#define STATEFUL_STEPS 8u
#define TOKENS 97u /* made-up integers stay below: tokens of any vocabulary */

struct trial {
    struct cli *c;
    const struct su_package *package;
    struct cli_deployed built;
    struct su_package *fetched; /* of a model on chain */
    struct su_chain_model chain;
    struct su_store *store;
    struct cli_peers peers;
    struct su_exec *exec[2];
    uint32_t steps, prompt; /* prompt: of them given, of a model that generates */
    float *digit; /* NULL: made-up numbers */
    struct su_input input;
    void *rows[SU_INPUT_TENSORS_MAX];
    uint8_t params[SU_DRAW_PARAMS_BYTES];
    struct cli_rerun_task *run[2]; /* per task */
};

/* ---- preparing ------------------------------------------------------------------------------ */

static bool has_gpu(void)
{
    struct su_device *list = NULL;
    size_t n = 0;
    bool found = false;

    if (su_devices_list(&list, &n, NULL) == SU_OK)
        for (size_t i = 0; i < n; i++)
            found = found || (list[i].usable && list[i].kind != SU_DEVICE_CPU &&
                              list[i].kind != SU_DEVICE_OTHER);
    free(list);
    return found;
}

static enum su_code open_backends(struct trial *t, struct su_err *e)
{
    const char *given = cli_get(t->c, "--backends");
    char text[64], home[4000], cache[4096], *comma;
    enum su_code rc = SU_OK;

    given = given ? given : has_gpu() ? "vulkan,cpu" : "cpu,reference";
    if (!su_str_copy(text, sizeof text, given) || !(comma = strchr(text, ',')))
        return su_fail(e, SU_EINVAL, "--backends", "give two, e.g. vulkan,cpu");
    *comma = 0;
    for (unsigned i = 0; i < 2 && !rc; i++) {
        struct su_exec_opts o = {.device = NULL};
        const char *word = i ? comma + 1 : text;
        if (!su_backend_find(word, &o.backend))
            return su_fail(e, SU_EINVAL, "--backends",
                           "%s is unknown; give two of vulkan, cpu and reference", word);
        if (su_home_dir(home, sizeof home, NULL) == SU_OK &&
            su_path_join(cache, sizeof cache, home, "pipelines", NULL) == SU_OK)
            o.cache_dir = cache;
        rc = su_exec_open(&o, &t->exec[i], e);
    }
    return rc;
}

/* A model of the cluster by its address, with all its weights; anything else is on this disk. */
static enum su_code open_package(struct trial *t, struct su_ops *o, struct su_err *e)
{
    const struct su_store_hooks hooks = cli_store_hooks(t->c);
    const struct su_chain_env *env;
    const struct su_params *params;
    uint8_t key[32];
    enum su_code rc;

    if (su_chain_key_parse(t->c->arg[1], "MODEL", key, NULL) != SU_OK) {
        rc = cli_deployed_open(t->c, t->c->arg[1], NULL, t->store, &t->built, e);
        t->package = t->built.package;
        return rc;
    }
    rc = su_ops_env(o, &env, &params, e);
    if (!rc)
        rc = su_chain_model_load(su_ops_chain(o), env, key, &t->chain, e);
    if (!rc)
        rc = cli_package_of(&t->chain, t->store, &t->peers, &hooks, &t->fetched, e);
    if (!rc)
        rc = cli_package_weights(&t->chain, t->fetched, t->store, &t->peers, &hooks, e);
    cli_progress_clear(t->c);
    t->package = t->fetched;
    return rc;
}

static bool has_state(const struct su_package *p)
{
    for (uint32_t i = 0; i < p->n_task; i++)
        if (p->task[i].graph->n_state > 0)
            return true;
    return false;
}

static enum su_code read_options(struct trial *t, struct su_err *e)
{
    const char *input = cli_get(t->c, "--input"), *index = cli_get(t->c, "--index");
    bool state = has_state(t->package);
    struct su_feedback fed;
    struct su_digits *digits = NULL;
    uint64_t steps = state ? SU_MIN(STATEFUL_STEPS, t->package->ctx) : 1, at = 0;
    enum su_code rc = SU_OK;

    if (cli_get(t->c, "--steps"))
        rc = su_parse_u64(cli_get(t->c, "--steps"), "--steps", 1,
                          state ? SU_MIN(t->package->ctx, STEPS_MAX) : STEPS_MAX, &steps, e);
    t->steps = (uint32_t)steps;
    t->prompt = su_package_feedback(t->package, &fed) ? (t->steps + 1) / 2 : t->steps;
    if (rc || !input)
        return rc;
    rc = su_digits_open(input, &digits, e);
    if (!rc && index)
        rc = su_parse_u64(index, "--index", 0, su_digits_count(digits) - 1, &at, e);
    if (!rc) {
        t->digit = su_alloc(784 * sizeof *t->digit);
        rc = su_digits_get(digits, at, t->digit, e);
    }
    su_digits_close(digits);
    return rc;
}

/* ---- inputs --------------------------------------------------------------------------------- */

/* Numbers that look like nothing in particular, the same on every machine. */
static uint32_t made_up(uint64_t i, uint32_t input)
{
    uint64_t x =
        (i + 1) * UINT64_C(0x9e3779b97f4a7c15) + (uint64_t)input * UINT64_C(0xd1b54a32d192ed03);

    x ^= x >> 29;
    x *= UINT64_C(0xbf58476d1ce4e5b9);
    return (uint32_t)(x >> 32);
}

static enum su_code make_rows(const struct trial *t, const struct su_value *v, uint32_t input,
                              uint32_t steps, void **out, struct su_err *e)
{
    uint64_t elements = su_shape_elements(&v->shape), n = elements * steps;
    uint32_t *rows = su_try_alloc(n, 4);

    *out = rows;
    if (!rows)
        return su_fail(e, SU_ENOMEM, v->name, "out of memory for %" PRIu32 " steps", steps);
    if (t->digit && (v->dtype != SU_F32 || elements != 784))
        return su_fail(e, SU_ETYPE, v->name, "is no digit of 28 x 28; leave --input out");
    for (uint64_t i = 0; i < n; i++) {
        uint32_t x = made_up(i, input);
        if (t->digit)
            memcpy(&rows[i], &t->digit[i % 784], 4);
        else if (v->dtype == SU_F32)
            rows[i] = su_f32_bits((float)(x % 1000) / 1000.0f);
        else
            rows[i] = v->dtype == SU_BOOL ? x & 1 : x % TOKENS;
    }
    return SU_OK;
}

/* What a requestor would send. Two tasks that take the same input of the whole graph get the same. */
static enum su_code make_input(struct trial *t, struct su_err *e)
{
    const struct su_package *p = t->package;
    const struct su_sampling greedy = {0};
    struct su_feedback fed;
    enum su_code rc = SU_OK;

    bool generates = su_package_feedback(p, &fed);
    for (uint32_t i = 0; i < p->n_task && !rc; i++)
        for (uint32_t k = 0; k < p->task[i].graph->n_input && !rc; k++) {
            const struct su_value *v = &p->task[i].graph->value[p->task[i].graph->input[k]];
            struct su_input_tensor *to = &t->input.tensor[t->input.n_tensor];
            uint32_t steps =
                generates && fed.to_task == i && fed.to_input == k ? t->prompt : t->steps;
            if (p->task[i].input[k].from_task != SU_PLAN_EXTERNAL)
                continue;
            if (t->input.n_tensor == SU_INPUT_TENSORS_MAX)
                return su_fail(e, SU_ELIMIT, "model", "takes more than %u inputs",
                               SU_INPUT_TENSORS_MAX);
            rc = make_rows(t, v, p->task[i].input[k].from_output, steps,
                           &t->rows[t->input.n_tensor++], e);
            *to = (struct su_input_tensor){.dtype = (uint8_t)v->dtype,
                                           .rank = (uint8_t)v->shape.rank,
                                           .steps = steps,
                                           .rows = t->rows[t->input.n_tensor - 1]};
            memcpy(to->dims, v->shape.dim, v->shape.rank * sizeof to->dims[0]);
        }
    if (generates) {
        su_draw_encode(&greedy, t->params);
        t->input.params = t->params;
        t->input.params_bytes = sizeof t->params;
    }
    return rc;
}

/* ---- running -------------------------------------------------------------------------------- */

static enum su_code run_both(struct trial *t, struct su_err *e)
{
    struct cli_rerun r = {
        .package = t->package, .store = t->store, .input = &t->input, .steps = t->steps};
    enum su_code rc = SU_OK;

    for (unsigned i = 0; i < 2 && !rc; i++) {
        r.exec = t->exec[i];
        t->run[i] = su_alloc(t->package->n_task * sizeof *t->run[i]);
        rc = cli_rerun(&r, t->run[i], e);
    }
    return rc;
}

static bool agrees(const struct trial *t, uint32_t i)
{
    const struct su_trace_roots *a = &t->run[0][i].roots, *b = &t->run[1][i].roots;

    return memcmp(a->inputs, b->inputs, 32) == 0 && memcmp(a->outputs, b->outputs, 32) == 0;
}

static uint64_t planned_bytes(const struct trial *t, uint32_t i)
{
    return t->package->task[i].vram_fixed_bytes +
           t->package->task[i].vram_session_bytes * t->package->sessions;
}

static uint64_t cut_bytes(const struct su_package *p, uint32_t task)
{
    const struct su_package_task *k = &p->task[task];
    uint64_t n = 0;

    for (uint32_t i = 0; i < k->graph->n_input; i++)
        if (k->input[i].from_task != SU_PLAN_EXTERNAL)
            n += su_value_row_bytes(&k->graph->value[k->graph->input[i]]);
    return n;
}

/* ---- results -------------------------------------------------------------------------------- */

static enum su_code print_json(const struct trial *t, bool agree, struct su_err *e)
{
    struct su_json_writer w;
    struct su_buf b;

    su_buf_init(&b, 0);
    su_json_writer_init(&w, &b, 0);
    su_json_put_object(&w, NULL);
    su_json_put_str(&w, "model", t->package->name);
    su_json_put_hex(&w, "digest", t->package->digest, 32);
    su_json_put_array(&w, "backends");
    for (unsigned i = 0; i < 2; i++)
        su_json_put_str(&w, NULL, su_backend_name(su_exec_backend(t->exec[i])));
    su_json_end_array(&w);
    su_json_put_u64(&w, "steps", t->steps);
    su_json_put_bool(&w, "agree", agree);
    su_json_put_array(&w, "tasks");
    for (uint32_t i = 0; i < t->package->n_task; i++) {
        const struct cli_rerun_task *a = &t->run[0][i], *z = &t->run[1][i];
        su_json_put_object(&w, NULL);
        su_json_put_u64(&w, "index", i);
        su_json_put_array(&w, "ms");
        su_json_put_double(&w, NULL, a->ms);
        su_json_put_double(&w, NULL, z->ms);
        su_json_end_array(&w);
        su_json_put_array(&w, "bound_bytes");
        su_json_put_u64(&w, NULL, a->bound_bytes);
        su_json_put_u64(&w, NULL, z->bound_bytes);
        su_json_end_array(&w);
        su_json_put_u64(&w, "planned_bytes", planned_bytes(t, i));
        su_json_put_u64(&w, "cut_bytes_per_step", cut_bytes(t->package, i));
        su_json_put_bool(&w, "agree", agrees(t, i));
        su_json_put_hex(&w, "output_root", a->roots.outputs, 32);
        su_json_end_object(&w);
    }
    su_json_end_array(&w);
    su_json_end_object(&w);
    return cli_print_json(&b, e);
}

static void print_text(const struct trial *t)
{
    const char *a = su_backend_name(su_exec_backend(t->exec[0])),
               *b = su_backend_name(su_exec_backend(t->exec[1]));
    char ms[2][32], text[32];
    const char *const title[] = {">TASK",    ms[0],        ms[1],   ">BOUND",
                                 ">PLANNED", ">CUTS/STEP", "AGREES"};
    struct cli_table table;

    (void)snprintf(ms[0], sizeof ms[0], ">%s MS", a);
    (void)snprintf(ms[1], sizeof ms[1], ">%s MS", b);
    printf("%s, %u task%s, %u step%s, on %s and %s\n\n", t->package->name, t->package->n_task,
           t->package->n_task == 1 ? "" : "s", t->steps, t->steps == 1 ? "" : "s", a, b);
    cli_table_init(&table, title, SU_ARRAY_LEN(title));
    for (uint32_t i = 0; i < t->package->n_task; i++) {
        cli_table_cell(&table, "%u", i);
        cli_table_cell(&table, "%.2f", t->run[0][i].ms);
        cli_table_cell(&table, "%.2f", t->run[1][i].ms);
        cli_table_cell(&table, "%s", su_format_size(t->run[0][i].bound_bytes, text, sizeof text));
        cli_table_cell(&table, "%s", su_format_size(planned_bytes(t, i), text, sizeof text));
        cli_table_cell(&table, "%s", su_format_size(cut_bytes(t->package, i), text, sizeof text));
        cli_table_cell(&table, "%s", agrees(t, i) ? "yes" : "NO");
    }
    cli_table_print(&table);
}

/* The first thing that nodes would quarrel about. */
static enum su_code verdict(const struct trial *t, struct su_err *e)
{
    for (uint32_t i = 0; i < t->package->n_task; i++)
        if (!agrees(t, i))
            return su_fail(e, SU_EDIGEST, "test-execution",
                           "task %" PRIu32 ": the two backends computed different bits", i);
    for (uint32_t i = 0; i < t->package->n_task; i++)
        for (unsigned s = 0; s < 2; s++)
            if (t->run[s][i].bound_bytes > planned_bytes(t, i))
                return su_fail(e, SU_ENOFIT, "test-execution",
                               "task %" PRIu32 " bound %" PRIu64 " bytes, %" PRIu64 " were planned",
                               i, t->run[s][i].bound_bytes, planned_bytes(t, i));
    return SU_OK;
}

static void trial_fini(struct trial *t)
{
    for (unsigned i = 0; i < SU_INPUT_TENSORS_MAX; i++)
        free(t->rows[i]);
    free(t->run[0]);
    free(t->run[1]);
    free(t->digit);
    su_package_free(t->fetched);
    su_chain_model_fini(&t->chain);
    cli_deployed_close(&t->built);
    su_store_close(t->store);
    for (unsigned i = 0; i < 2; i++)
        if (t->exec[i])
            (void)su_exec_close(t->exec[i], NULL);
    free(t);
}

enum su_code cli_deploy_test(struct cli *c, struct su_ops *o, struct su_err *e)
{
    struct trial *t = su_alloc(sizeof *t);
    struct su_err why = {0};
    enum su_code rc = cli_peers_parse(c, &t->peers, e);

    t->c = c;
    if (!rc)
        rc = cli_store_open(NULL, &t->store, e);
    if (!rc)
        rc = open_package(t, o, e);
    if (!rc)
        rc = read_options(t, e);
    if (!rc)
        rc = open_backends(t, e);
    if (!rc)
        rc = make_input(t, e);
    if (!rc)
        rc = run_both(t, e);
    if (!rc) {
        enum su_code found = verdict(t, &why);
        if (cli_has(c, "--json"))
            rc = print_json(t, found == SU_OK, e);
        else
            print_text(t);
        if (!rc && found && e)
            *e = why;
        rc = rc ? rc : found;
    }
    trial_fini(t);
    return rc;
}
