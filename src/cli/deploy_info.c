// SPDX-License-Identifier: MIT
/* splitup-deploy info and list. */
#include "deploy.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define PACKAGE_MS 10000u /* to fetch the package in */

/* What is looked at: the model on chain, and the package when somebody has it. */
struct looking {
    struct su_chain_model m;
    struct su_package *package; /* NULL: not to be had */
    enum su_code fetched, agrees;
    struct su_err why;
    char uri[SU_URI_MAX + 1];
};

static const char *state_name(uint8_t state)
{
    return state == SU_MODEL_FINAL ? "final" : state == SU_MODEL_DRAFT ? "draft" : "discarding";
}

static void put_model(struct su_json_writer *w, const uint8_t address[32],
                      const struct su_acc_model *m)
{
    char text[SU_CHAIN_TEXT];

    su_json_put_str(w, "address", su_chain_key_text(address, text));
    su_json_put_strn(w, "name", m->name, m->name_len);
    su_json_put_str(w, "state", state_name(m->state));
    su_json_put_str(w, "creator", su_chain_key_text(m->creator, text));
    su_json_put_hex(w, "digest", m->digest, 32);
    su_json_put_strn(w, "uri", m->uri, m->uri_len);
    su_json_put_u64(w, "task_count", m->task_count);
    su_json_put_u64(w, "tasks_added", m->tasks_added);
    su_json_put_u64(w, "weight_bytes", m->weight_bytes);
    su_json_put_u64(w, "macs_per_step", m->macs_per_step);
}

/* ---- info: the package ---------------------------------------------------------------------- */

static enum su_code look_at_package(struct cli *c, struct looking *l, struct su_err *e)
{
    struct su_store_hooks hooks = cli_store_hooks(c);
    struct cli_peers peers;
    struct su_store *store = NULL;
    enum su_code rc = cli_peers_parse(c, &peers, e);

    su_str_sanitize(l->uri, sizeof l->uri, (const char *)l->m.model->uri, l->m.model->uri_len);
    if (!rc)
        rc = cli_store_open(NULL, &store, e);
    if (rc)
        return rc;
    hooks.deadline_ms = PACKAGE_MS;
    l->fetched =
        *l->uri ? su_package_open(l->uri, store, peers.url, peers.n, &hooks, &l->package, &l->why)
                : su_fail(&l->why, SU_ENOENT, NULL, "the model names no URI");
    cli_progress_clear(c);
    if (l->package)
        l->agrees = cli_package_check(&l->m, l->package, &l->why);
    su_store_close(store);
    return l->fetched == SU_ECANCELLED ? su_fail(e, SU_ECANCELLED, "package", "interrupted")
                                       : SU_OK;
}

static const struct su_package_task *task_of(const struct looking *l, uint16_t i)
{
    return l->package && i < l->package->n_task ? &l->package->task[i] : NULL;
}

static bool same_graph(const struct looking *l, uint16_t i)
{
    return task_of(l, i) &&
           memcmp(task_of(l, i)->graph_digest, l->m.tasks[i]->graph_digest, 32) == 0;
}

static bool same_weights(const struct looking *l, uint16_t i)
{
    return task_of(l, i) &&
           memcmp(task_of(l, i)->weights_digest, l->m.tasks[i]->weights_digest, 32) == 0;
}

static uint64_t stored_bytes(const struct su_package_task *t)
{
    uint64_t n = 0;

    for (uint32_t i = 0; i < t->manifest.n_entry; i++)
        n += t->manifest.entry[i].bytes;
    return n;
}

/* ---- info as JSON --------------------------------------------------------------------------- */

static void put_spec(struct su_json_writer *w, const struct su_spec *s)
{
    su_json_put_object(w, NULL);
    su_json_put_str(w, "dtype", su_dtype_name((enum su_dtype)s->dtype));
    su_json_put_array(w, "shape");
    for (uint32_t i = 0; i < s->rank && i < SU_RANK_MAX; i++)
        su_json_put_u64(w, NULL, s->dims[i]);
    su_json_end_array(w);
    su_json_put_bool(w, "external", (s->flags & SU_SPEC_EXTERNAL) != 0);
    su_json_put_bool(w, "connected", (s->flags & SU_SPEC_CONNECTED) != 0);
    su_json_end_object(w);
}

static void put_task(struct su_json_writer *w, const struct looking *l, uint16_t i)
{
    const struct su_acc_task *t = l->m.tasks[i];
    char text[SU_CHAIN_TEXT];

    su_json_put_object(w, NULL);
    su_json_put_u64(w, "index", i);
    su_json_put_str(w, "address", su_chain_key_text(l->m.task_keys[i], text));
    su_json_put_hex(w, "graph_digest", t->graph_digest, 32);
    su_json_put_hex(w, "weights_digest", t->weights_digest, 32);
    su_json_put_u64(w, "vram_fixed_bytes", t->vram_fixed_bytes);
    su_json_put_u64(w, "vram_session_bytes", t->vram_session_bytes);
    su_json_put_u64(w, "weight_bytes", t->weight_bytes);
    su_json_put_u64(w, "macs_per_step", t->macs_per_step);
    su_json_put_u64(w, "sampling_ppm", t->sampling_ppm);
    su_json_put_u64(w, "inputs", t->input_count);
    su_json_put_u64(w, "outputs", t->output_count);
    su_json_put_u64(w, "owners", t->owners);
    su_json_put_array(w, "input_ports");
    for (uint8_t k = 0; k < t->input_count && k < SU_PORTS_MAX; k++)
        put_spec(w, &t->inputs[k]);
    su_json_end_array(w);
    su_json_put_array(w, "output_ports");
    for (uint8_t k = 0; k < t->output_count && k < SU_PORTS_MAX; k++)
        put_spec(w, &t->outputs[k]);
    su_json_end_array(w);
    if (task_of(l, i)) {
        su_json_put_bool(w, "graph_agrees", same_graph(l, i));
        su_json_put_bool(w, "weights_agree", same_weights(l, i));
        su_json_put_u64(w, "tensors", task_of(l, i)->manifest.n_entry);
        su_json_put_u64(w, "stored_bytes", stored_bytes(task_of(l, i)));
    }
    su_json_end_object(w);
}

static enum su_code info_json(const struct looking *l, struct su_err *e)
{
    struct su_json_writer w;
    struct su_buf b;
    char line[640];

    su_buf_init(&b, 0);
    su_json_writer_init(&w, &b, 0);
    su_json_put_object(&w, NULL);
    put_model(&w, l->m.key, l->m.model);
    su_json_put_object(&w, "package");
    su_json_put_bool(&w, "fetched", l->package != NULL);
    su_json_put_bool(&w, "agrees", l->package && l->agrees == SU_OK);
    if (l->why.code) {
        su_err_line(&l->why, line, sizeof line);
        su_json_put_str(&w, "error", line);
    }
    if (l->package) {
        su_json_put_u64(&w, "batch", l->package->t_max);
        su_json_put_u64(&w, "ctx", l->package->ctx);
        su_json_put_u64(&w, "sessions", l->package->sessions);
    }
    su_json_end_object(&w);
    su_json_put_array(&w, "tasks");
    for (uint16_t i = 0; i < l->m.model->tasks_added; i++)
        put_task(&w, l, i);
    su_json_end_array(&w);
    su_json_end_object(&w);
    return cli_print_json(&b, e);
}

/* ---- info as text --------------------------------------------------------------------------- */

static void info_head(const struct looking *l)
{
    const struct su_acc_model *m = l->m.model;
    char text[SU_CHAIN_TEXT], name[SU_NAME_MAX + 1], line[640];

    su_str_sanitize(name, sizeof name, (const char *)m->name, m->name_len);
    printf("model    %s, %s\n", name, state_name(m->state));
    printf("address  %s\n", su_chain_key_text(l->m.key, text));
    printf("creator  %s\n", su_chain_key_text(m->creator, text));
    printf("tasks    %u of %u\n", m->tasks_added, m->task_count);
    printf("URI      %s\n", *l->uri ? l->uri : "none");
    su_err_line(&l->why, line, sizeof line);
    if (!l->package)
        printf("package  cannot be looked at: %s\n\n", line);
    else if (l->agrees)
        printf("package  CONTRADICTS THE CHAIN: %s\n\n", line);
    else
        printf("package  agrees with the chain; dispatches of %u, %u session%s of %u\n\n",
               l->package->t_max, l->package->sessions, l->package->sessions == 1 ? "" : "s",
               l->package->ctx);
}

static void info_tasks(const struct looking *l)
{
    static const char *const title[] = {">TASK",    ">MEMORY", ">PER SESSION", ">MACS/STEP",
                                        ">CHECKED", ">OWNERS", "GRAPH",        "WEIGHTS",
                                        ">TENSORS", "AGREES"};
    char text[SU_CHAIN_TEXT];
    struct cli_table t;

    cli_table_init(&t, title, SU_ARRAY_LEN(title) - (l->package ? 0 : 2));
    for (uint16_t i = 0; i < l->m.model->tasks_added; i++) {
        const struct su_acc_task *k = l->m.tasks[i];
        char hex[17];
        cli_table_cell(&t, "%u", i);
        cli_table_cell(&t, "%s", su_format_size(k->vram_fixed_bytes, text, sizeof text));
        cli_table_cell(&t, "%s", su_format_size(k->vram_session_bytes, text, sizeof text));
        cli_table_cell(&t, "%" PRIu64, k->macs_per_step);
        cli_table_cell(&t, "%u.%02u %%", k->sampling_ppm / 10000, k->sampling_ppm % 10000 / 100);
        cli_table_cell(&t, "%u", k->owners);
        (void)su_hex_encode(k->graph_digest, 8, hex, sizeof hex);
        cli_table_cell(&t, "%s", hex);
        (void)su_hex_encode(k->weights_digest, 8, hex, sizeof hex);
        cli_table_cell(&t, "%s", hex);
        if (!l->package)
            continue;
        cli_table_cell(&t, "%u", task_of(l, i) ? task_of(l, i)->manifest.n_entry : 0);
        cli_table_cell(&t, "%s", same_graph(l, i) && same_weights(l, i) ? "yes" : "NO");
    }
    cli_table_print(&t);
}

/* A line per port: "  1  in   x f32[16,14,14] from task 0". */
static void info_ports(const struct looking *l)
{
    static const char *const title[] = {">TASK", "PORT", "NAME", "TYPE", "", ">BYTES/STEP"};
    const struct su_package *p = l->package;
    char shape[80];
    struct cli_table t;

    cli_table_init(&t, title, SU_ARRAY_LEN(title));
    for (uint32_t i = 0; i < p->n_task; i++) {
        const struct su_package_task *k = &p->task[i];
        for (uint32_t n = 0; n < k->graph->n_input + k->graph->n_output; n++) {
            bool in = n < k->graph->n_input;
            uint32_t at = in ? n : n - k->graph->n_input;
            const struct su_graph_output *out = in ? NULL : &k->graph->output[at];
            const struct su_value *v = &k->graph->value[in ? k->graph->input[at] : out->value];
            cli_table_cell(&t, "%u", i);
            cli_table_cell(&t, "%s %u", in ? "in" : "out", at);
            cli_table_cell(&t, "%s", in ? v->name : out->name);
            cli_table_cell(&t, "%s%s", su_dtype_name(v->dtype),
                           su_shape_format(&v->shape, shape, sizeof shape));
            if (in && k->input[at].from_task != SU_PLAN_EXTERNAL)
                cli_table_cell(&t, "from task %u out %u", k->input[at].from_task,
                               k->input[at].from_output);
            else
                cli_table_cell(&t, "%s",
                               in                       ? "from the user"
                               : k->external_output[at] ? "to the user"
                                                        : "");
            cli_table_cell(&t, "%" PRIu64, su_value_row_bytes(v));
        }
    }
    printf("\n");
    cli_table_print(&t);
}

enum su_code cli_deploy_info(struct cli *c, struct su_ops *o, struct su_err *e)
{
    struct looking *l = su_alloc(sizeof *l);
    const struct su_chain_env *env;
    const struct su_params *params;
    uint8_t key[32];
    enum su_code rc = su_chain_key_parse(c->arg[1], "MODEL", key, e);

    if (!rc)
        rc = su_ops_env(o, &env, &params, e);
    if (!rc)
        rc = su_chain_model_load(su_ops_chain(o), env, key, &l->m, e);
    if (!rc)
        rc = look_at_package(c, l, e);
    if (!rc && cli_has(c, "--json")) {
        rc = info_json(l, e);
    } else if (!rc) {
        info_head(l);
        info_tasks(l);
        if (l->package)
            info_ports(l);
    }
    if (!rc && l->agrees) {
        if (e)
            *e = l->why;
        rc = l->agrees;
    }
    su_package_free(l->package);
    su_chain_model_fini(&l->m);
    free(l);
    return rc;
}

/* ---- list ----------------------------------------------------------------------------------- */

static enum su_code list_json(const struct su_chain_accounts *list, const uint8_t *program,
                              struct su_err *e)
{
    struct su_json_writer w;
    struct su_buf b;

    su_buf_init(&b, 0);
    su_json_writer_init(&w, &b, 0);
    su_json_put_object(&w, NULL);
    su_json_put_array(&w, "models");
    for (size_t i = 0; i < list->n; i++) {
        const struct su_acc_model *m;
        if (su_chain_as_model(&list->items[i], program, &m, NULL) != SU_OK)
            continue;
        su_json_put_object(&w, NULL);
        put_model(&w, list->items[i].key, m);
        su_json_end_object(&w);
    }
    su_json_end_array(&w);
    su_json_end_object(&w);
    return cli_print_json(&b, e);
}

enum su_code cli_deploy_list(struct cli *c, struct su_ops *o, struct su_err *e)
{
    static const char *const title[] = {"ADDRESS", "NAME", "STATE", ">TASKS", ">WEIGHTS"};
    struct su_chain *chain = su_ops_chain(o);
    struct su_chain_accounts list = {0};
    struct cli_table t;
    char text[SU_CHAIN_TEXT], name[SU_NAME_MAX + 1];
    enum su_code rc = su_chain_list(chain, SU_TAG_MODEL, NULL, &list, e);

    if (!rc && cli_has(c, "--json")) {
        rc = list_json(&list, su_chain_program(chain), e);
    } else if (!rc) {
        cli_table_init(&t, title, SU_ARRAY_LEN(title));
        for (size_t i = 0; i < list.n; i++) {
            const struct su_acc_model *m;
            if (su_chain_as_model(&list.items[i], su_chain_program(chain), &m, NULL) != SU_OK)
                continue;
            su_str_sanitize(name, sizeof name, (const char *)m->name, m->name_len);
            cli_table_cell(&t, "%s", su_chain_key_text(list.items[i].key, text));
            cli_table_cell(&t, "%s", name);
            cli_table_cell(&t, "%s", state_name(m->state));
            cli_table_cell(&t, "%u", m->task_count);
            cli_table_cell(&t, "%s", su_format_size(m->weight_bytes, text, sizeof text));
        }
        cli_table_print(&t);
    }
    su_chain_accounts_fini(&list);
    return rc;
}
