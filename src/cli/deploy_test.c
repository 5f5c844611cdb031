// SPDX-License-Identifier: MIT
/* splitup-deploy test-execution: what nodes will do, before anybody pays for it. Every task is loaded
   alone, as a node loads it, on two backends one after the other. */
#include "deploy.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define STEPS_MAX 4096u
#define STATEFUL_STEPS 8u
#define TOKENS 97u /* made-up integers stay below: tokens of any vocabulary */

struct side {
    struct su_exec *exec;
    double ms;
    uint64_t bound_bytes;
    struct su_trace_roots roots;
    void *output[SU_TASK_PORTS_MAX];
};
struct report {
    double ms[2];
    uint64_t bound_bytes[2], planned_bytes, cut_bytes;
    bool agree;
    uint8_t root[32];
};
struct trial {
    struct cli *c;
    const struct su_package *package;
    struct cli_deployed built;
    struct su_package *fetched; /* of a model on chain */
    struct su_chain_model chain;
    struct su_store *store;
    struct cli_peers peers;
    struct su_exec *exec[2];
    uint32_t steps;
    float *digit; /* NULL: made-up numbers */
    void *(*output)[SU_TASK_PORTS_MAX]; /* per task: the first backend's */
    struct report *report;
};

/* ---- preparing --------------------------------------------------------------------------------- */

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
    struct su_digits *digits = NULL;
    uint64_t steps = state ? SU_MIN(STATEFUL_STEPS, t->package->ctx) : 1, at = 0;
    enum su_code rc = SU_OK;

    if (cli_get(t->c, "--steps"))
        rc = su_parse_u64(cli_get(t->c, "--steps"), "--steps", 1,
                          state ? SU_MIN(t->package->ctx, STEPS_MAX) : STEPS_MAX, &steps, e);
    t->steps = (uint32_t)steps;
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

/* ---- inputs ------------------------------------------------------------------------------------ */

/* Numbers that look like nothing in particular, the same on every machine. */
static uint32_t made_up(uint64_t i, uint32_t input)
{
    uint64_t x =
        (i + 1) * UINT64_C(0x9e3779b97f4a7c15) + (uint64_t)input * UINT64_C(0xd1b54a32d192ed03);

    x ^= x >> 29;
    x *= UINT64_C(0xbf58476d1ce4e5b9);
    return (uint32_t)(x >> 32);
}

static enum su_code external_rows(const struct trial *t, const struct su_value *v, uint32_t input,
                                  void **out, struct su_err *e)
{
    uint64_t elements = su_shape_elements(&v->shape), n = elements * t->steps;
    uint32_t *rows = su_try_alloc(n, 4);

    *out = rows;
    if (!rows)
        return su_fail(e, SU_ENOMEM, v->name, "out of memory for %u steps", t->steps);
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

/* ---- one task ---------------------------------------------------------------------------------- */

static void outputs_free(void *output[SU_TASK_PORTS_MAX])
{
    for (uint32_t i = 0; i < SU_TASK_PORTS_MAX; i++) {
        free(output[i]);
        output[i] = NULL;
    }
}

static bool is_cancelled(void *ctx)
{
    (void)ctx;
    return cli_interrupted();
}

static enum su_code run_side(const struct trial *t, uint32_t task, const void *const *input,
                             struct side *s, struct su_err *e)
{
    struct su_replay r = {.steps = t->steps, .cancelled = is_cancelled};
    struct su_trace *trace = NULL;
    struct su_task *loaded;
    enum su_code rc = su_task_open(s->exec, t->package, task, t->store, &loaded, e);

    if (rc)
        return rc;
    s->bound_bytes = su_task_bound_bytes(loaded);
    for (uint32_t i = 0; i < t->package->task[task].graph->n_input; i++)
        r.input[i] = input[i];
    uint64_t start = su_clock_mono_ns();
    rc = su_task_replay(loaded, &r, &trace, s->output, e);
    s->ms = (double)(su_clock_mono_ns() - start) / 1e6;
    if (!rc)
        su_trace_roots(trace, t->steps, &s->roots);
    su_trace_free(trace);
    su_task_close(loaded);
    return rc;
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

static enum su_code run_task(struct trial *t, uint32_t task, struct su_err *e)
{
    const struct su_package_task *k = &t->package->task[task];
    struct report *r = &t->report[task];
    void *made[SU_TASK_PORTS_MAX] = {NULL};
    const void *input[SU_TASK_PORTS_MAX] = {NULL};
    struct side s[2] = {{.exec = t->exec[0]}, {.exec = t->exec[1]}};
    enum su_code rc = SU_OK;

    for (uint32_t i = 0; i < k->graph->n_input && !rc; i++) {
        const struct su_plan_input *from = &k->input[i];
        if (from->from_task == SU_PLAN_EXTERNAL)
            rc = external_rows(t, &k->graph->value[k->graph->input[i]], from->from_output, &made[i],
                               e);
        input[i] = from->from_task == SU_PLAN_EXTERNAL
                       ? made[i]
                       : t->output[from->from_task][from->from_output];
    }
    for (unsigned i = 0; i < 2 && !rc; i++)
        rc = run_side(t, task, input, &s[i], e);
    if (rc)
        (void)su_wrap(e, "task %" PRIu32, task);
    r->planned_bytes = k->vram_fixed_bytes + k->vram_session_bytes * t->package->sessions;
    r->cut_bytes = cut_bytes(t->package, task);
    r->agree = !rc && memcmp(s[0].roots.inputs, s[1].roots.inputs, 32) == 0 &&
               memcmp(s[0].roots.outputs, s[1].roots.outputs, 32) == 0;
    memcpy(r->root, s[0].roots.outputs, 32);
    for (unsigned i = 0; i < 2; i++) {
        r->ms[i] = s[i].ms;
        r->bound_bytes[i] = s[i].bound_bytes;
    }
    memcpy(t->output[task], s[0].output, sizeof s[0].output);
    outputs_free(s[1].output);
    outputs_free(made);
    return rc;
}

/* ---- results ----------------------------------------------------------------------------------- */

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
        const struct report *r = &t->report[i];
        su_json_put_object(&w, NULL);
        su_json_put_u64(&w, "index", i);
        su_json_put_array(&w, "ms");
        su_json_put_double(&w, NULL, r->ms[0]);
        su_json_put_double(&w, NULL, r->ms[1]);
        su_json_end_array(&w);
        su_json_put_array(&w, "bound_bytes");
        su_json_put_u64(&w, NULL, r->bound_bytes[0]);
        su_json_put_u64(&w, NULL, r->bound_bytes[1]);
        su_json_end_array(&w);
        su_json_put_u64(&w, "planned_bytes", r->planned_bytes);
        su_json_put_u64(&w, "cut_bytes_per_step", r->cut_bytes);
        su_json_put_bool(&w, "agree", r->agree);
        su_json_put_hex(&w, "output_root", r->root, 32);
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
        const struct report *r = &t->report[i];
        cli_table_cell(&table, "%u", i);
        cli_table_cell(&table, "%.2f", r->ms[0]);
        cli_table_cell(&table, "%.2f", r->ms[1]);
        cli_table_cell(&table, "%s", su_format_size(r->bound_bytes[0], text, sizeof text));
        cli_table_cell(&table, "%s", su_format_size(r->planned_bytes, text, sizeof text));
        cli_table_cell(&table, "%s", su_format_size(r->cut_bytes, text, sizeof text));
        cli_table_cell(&table, "%s", r->agree ? "yes" : "NO");
    }
    cli_table_print(&table);
}

/* The first thing that nodes would quarrel about. */
static enum su_code verdict(const struct trial *t, struct su_err *e)
{
    for (uint32_t i = 0; i < t->package->n_task; i++)
        if (!t->report[i].agree)
            return su_fail(e, SU_EDIGEST, "test-execution",
                           "task %" PRIu32 ": the two backends computed different bits", i);
    for (uint32_t i = 0; i < t->package->n_task; i++)
        for (unsigned s = 0; s < 2; s++)
            if (t->report[i].bound_bytes[s] > t->report[i].planned_bytes)
                return su_fail(e, SU_ENOFIT, "test-execution",
                               "task %" PRIu32 " bound %" PRIu64 " bytes, %" PRIu64 " were planned",
                               i, t->report[i].bound_bytes[s], t->report[i].planned_bytes);
    return SU_OK;
}

static void trial_fini(struct trial *t)
{
    for (uint32_t i = 0; t->output && i < t->package->n_task; i++)
        outputs_free(t->output[i]);
    free(t->output);
    free(t->report);
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
    if (!rc) {
        t->output = su_alloc(t->package->n_task * sizeof *t->output);
        t->report = su_alloc(t->package->n_task * sizeof *t->report);
    }
    for (uint32_t i = 0; !rc && i < t->package->n_task; i++)
        rc = run_task(t, i, e);
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
