// SPDX-License-Identifier: MIT
/* splitup-deploy: a model on chain, for anybody's nodes. */
#include "ops_common.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define CTX_MAX (1u << 20)
#define DEFAULT_CTX 8192u
#define SESSIONS_MAX 65536u

/* ---- register ------------------------------------------------------------------------------------ */

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

static enum su_code plan(const struct cli *c, const struct su_model *m, const struct su_graph *g,
                         struct su_plan **out, struct su_err *e)
{
    struct su_plan_opts o = {.t_max = 1, .sessions = 1};
    uint64_t target;
    enum su_code rc = cli_targets(cli_get(c, "--target-vram"), &target, 1, &o.n_target, e);

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
    if (m->is_llm)
        o.e_max = SU_MIN(o.sessions, o.t_max);
    return su_plan_build(g, &o, out, e);
}

/* Ids of the files that the weights lie in. */
static enum su_code hash_files(const struct cli *c, const struct su_weights *w, uint8_t *ids,
                               struct su_err *e)
{
    for (uint32_t i = 0; i < su_weights_files(w); i++) {
        struct su_progress p;
        struct su_merkle tree;
        struct su_map m;
        enum su_code rc = su_map_open(su_weights_file_path(w, i), 0, &m, e);
        if (rc)
            return rc;
        su_progress_init(&p, m.len, "B", su_clock_mono_ns());
        su_merkle_init(&tree, NULL);
        for (size_t at = 0; at < m.len && !cli_interrupted(); at += SU_MERKLE_CHUNK_BYTES) {
            su_merkle_update(&tree, m.data + at, SU_MIN(m.len - at, (size_t)SU_MERKLE_CHUNK_BYTES));
            su_progress_set(&p, at, su_clock_mono_ns());
            cli_progress(c, "hashing", &p, false);
        }
        su_merkle_final(&tree, ids + (size_t)32 * i);
        su_map_close(&m);
    }
    cli_progress_clear(c);
    return cli_interrupted() ? su_fail(e, SU_ECANCELLED, "weights", "not hashed to the end")
                             : SU_OK;
}

static enum su_code package(const struct cli *c, const char *name, const struct su_weights *w,
                            const struct su_plan *split, struct su_package **out, struct su_err *e)
{
    uint8_t *ids = su_alloc((size_t)32 * su_weights_files(w));
    struct su_buf b;
    enum su_code rc = hash_files(c, w, ids, e);

    su_buf_init(&b, SU_PACKAGE_BYTES_MAX);
    if (!rc)
        rc = su_package_encode(&(struct su_package_of){name, split, w, ids, NULL, 0}, &b, e);
    if (!rc)
        rc = su_package_decode(b.data, b.len, out, e);
    su_buf_fini(&b);
    free(ids);
    return rc;
}

static enum su_code deploy_register(const struct cli *c, struct su_ops *o, struct su_err *e)
{
    struct su_ops_proposal p = {.n_tx = 0};
    struct cli_model m = {.model = NULL};
    struct su_package *k = NULL;
    struct su_plan *split = NULL;
    const char *name = cli_get(c, "--name");
    uint8_t key[32];
    enum su_code rc = cli_may_sign(c, e);

    if (!rc && !cli_get(c, "--target-vram"))
        rc = su_fail(e, SU_EUSAGE, "--target-vram",
                     "is missing; give the memory of one device, e.g. 300KB or 12GB");
    if (!rc)
        rc = cli_model_open(c->arg[1], &m, e);
    if (!rc && !m.model)
        rc = su_fail(e, SU_EINVAL, c->arg[1], "has no weights; give a model's name or folder");
    if (!rc)
        rc = plan(c, m.model, m.graph, &split, e);
    if (!rc)
        rc = package(c, name ? name : m.name, m.model->weights, split, &k, e);
    const struct su_ops_model f = {.package = k, .uri = cli_get(c, "--uri")};
    if (!rc)
        rc = su_ops_model_prepare(o, &f, &p, key, e);
    if (!rc)
        rc = cli_propose(c, o, &p, e);
    su_ops_proposal_fini(&p);
    su_package_free(k);
    su_plan_free(split);
    cli_model_close(&m);
    return rc;
}

/* ---- info, list ---------------------------------------------------------------------------------- */

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

static enum su_code info_json(const struct su_chain_model *m, struct su_err *e)
{
    char text[SU_CHAIN_TEXT];
    struct su_json_writer w;
    struct su_buf b;

    su_buf_init(&b, 0);
    su_json_writer_init(&w, &b, 0);
    su_json_put_object(&w, NULL);
    put_model(&w, m->key, m->model);
    su_json_put_array(&w, "tasks");
    for (uint16_t i = 0; i < m->model->tasks_added; i++) {
        const struct su_acc_task *t = m->tasks[i];
        su_json_put_object(&w, NULL);
        su_json_put_u64(&w, "index", i);
        su_json_put_str(&w, "address", su_chain_key_text(m->task_keys[i], text));
        su_json_put_hex(&w, "graph_digest", t->graph_digest, 32);
        su_json_put_hex(&w, "weights_digest", t->weights_digest, 32);
        su_json_put_u64(&w, "vram_fixed_bytes", t->vram_fixed_bytes);
        su_json_put_u64(&w, "vram_session_bytes", t->vram_session_bytes);
        su_json_put_u64(&w, "macs_per_step", t->macs_per_step);
        su_json_put_u64(&w, "sampling_ppm", t->sampling_ppm);
        su_json_put_u64(&w, "inputs", t->input_count);
        su_json_put_u64(&w, "outputs", t->output_count);
        su_json_put_u64(&w, "owners", t->owners);
        su_json_end_object(&w);
    }
    su_json_end_array(&w);
    su_json_end_object(&w);
    return cli_print_json(&b, e);
}

static void info_text(const struct su_chain_model *m)
{
    static const char *const title[] = {">TASK",    ">MEMORY", ">PER SESSION", ">MACS/STEP",
                                        ">CHECKED", ">OWNERS", "GRAPH",        "WEIGHTS"};
    char text[SU_CHAIN_TEXT], name[SU_NAME_MAX + 1];
    struct cli_table t;

    su_str_sanitize(name, sizeof name, (const char *)m->model->name, m->model->name_len);
    printf("model    %s, %s\n", name, state_name(m->model->state));
    printf("address  %s\n", su_chain_key_text(m->key, text));
    printf("creator  %s\n", su_chain_key_text(m->model->creator, text));
    printf("tasks    %u of %u\n\n", m->model->tasks_added, m->model->task_count);
    cli_table_init(&t, title, SU_ARRAY_LEN(title));
    for (uint16_t i = 0; i < m->model->tasks_added; i++) {
        const struct su_acc_task *k = m->tasks[i];
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
    }
    cli_table_print(&t);
}

static enum su_code deploy_info(const struct cli *c, struct su_ops *o, struct su_err *e)
{
    struct su_chain_model m = {.model = NULL};
    const struct su_chain_env *env;
    const struct su_params *params;
    uint8_t key[32];
    enum su_code rc = su_chain_key_parse(c->arg[1], "MODEL", key, e);

    if (!rc)
        rc = su_ops_env(o, &env, &params, e);
    if (!rc)
        rc = su_chain_model_load(su_ops_chain(o), env, key, &m, e);
    if (!rc && cli_has(c, "--json"))
        rc = info_json(&m, e);
    else if (!rc)
        info_text(&m);
    su_chain_model_fini(&m);
    return rc;
}

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

static enum su_code deploy_list(const struct cli *c, struct su_ops *o, struct su_err *e)
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

static enum su_code run(struct cli *c, struct su_err *e)
{
    static const char *const words[] = {"register", "info", "list"};
    static enum su_code (*const act[])(const struct cli *, struct su_ops *, struct su_err *) = {
        deploy_register, deploy_info, deploy_list};
    static const unsigned words_after[] = {1, 1, 0};
    struct su_ops *o = NULL;
    size_t i;
    enum su_code rc = cli_subcommand(c, words, SU_ARRAY_LEN(words), &i, e);

    if (!rc)
        rc = cli_words(c, words_after[i], words_after[i], e);
    if (!rc)
        rc = cli_ops_open(c, &o, e);
    if (!rc)
        rc = act[i](c, o, e);
    su_ops_close(o);
    return rc;
}

const struct cli_verb cli_verb_deploy = {
    .name = "deploy",
    .args = "register MODEL|info ADDRESS|list",
    .summary = "Register a model and its tasks on chain, and look at those there",
    .detail = "Also called as splitup-deploy. register cuts the model as `splitup plan` does, "
              "hashes its weights, and writes the model, its tasks, their connections and the end "
              "of the draft in as many transactions as it takes; after an interruption the same "
              "command goes on where it stopped. info shows a model's tasks with the digests that "
              "nodes check; list shows every model of the cluster.",
    .min_arg = 1,
    .max_arg = 2,
    .option = {{"--target-vram", "SIZE", "register: memory of one device; required"},
               {"--ctx", "N",
                "register: positions of a session (default: the model's, at most 8192)"},
               {"--sessions", "N", "register: sessions whose state each task holds (default 1)"},
               {"--batch", "N", "register: rows of the largest dispatch (default 1)"},
               {"--name", "NAME",
                "register: name on chain, at most 32 bytes (default: the model's)"},
               {"--uri", "URI", "register: where definition and weights can be fetched"},
               CLI_OPTION_URL,
               CLI_OPTION_KEYPAIR,
               CLI_OPTION_PASSPHRASE,
               CLI_OPTION_YES,
               CLI_OPTION_DRY_RUN,
               CLI_OPTION_JSON},
    .run = run,
};
