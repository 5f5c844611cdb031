// SPDX-License-Identifier: MIT
/* splitup plan: how a model is cut. */
#include "cli_priv.h"

#include <string.h>

#define TARGET_MAX SU_PLAN_TASK_MAX

static void put_ports(struct su_json_writer *w, const struct su_plan_task *t)
{
    su_json_put_array(w, "inputs");
    for (uint32_t i = 0; i < t->graph->n_input; i++) {
        const struct su_value *v = &t->graph->value[t->graph->input[i]];
        char shape[96];
        su_json_put_object(w, NULL);
        su_json_put_str(w, "name", v->name);
        su_json_put_str(w, "dtype", su_dtype_name(v->dtype));
        su_json_put_str(w, "shape", su_shape_format(&v->shape, shape, sizeof shape));
        su_json_put_u64(w, "bytes_per_row", su_value_row_bytes(v));
        if (t->input[i].from_task == SU_PLAN_EXTERNAL)
            su_json_put_null(w, "from_task");
        else
            su_json_put_u64(w, "from_task", t->input[i].from_task);
        su_json_put_u64(w, "from_output", t->input[i].from_output);
        su_json_end_object(w);
    }
    su_json_end_array(w);
    su_json_put_array(w, "outputs");
    for (uint32_t i = 0; i < t->graph->n_output; i++) {
        const struct su_value *v = &t->graph->value[t->graph->output[i].value];
        char shape[96];
        su_json_put_object(w, NULL);
        su_json_put_str(w, "name", t->graph->output[i].name);
        su_json_put_str(w, "dtype", su_dtype_name(v->dtype));
        su_json_put_str(w, "shape", su_shape_format(&v->shape, shape, sizeof shape));
        su_json_put_u64(w, "bytes_per_row", su_value_row_bytes(v));
        su_json_put_bool(w, "result", t->output[i].graph_output != UINT32_MAX);
        su_json_end_object(w);
    }
    su_json_end_array(w);
}

static enum su_code put_task(struct su_json_writer *w, const struct su_plan *p, uint32_t i,
                             struct su_err *e)
{
    const struct su_plan_task *t = &p->task[i];
    uint8_t digest[SU_SHA256_BYTES];
    enum su_code rc = su_graph_digest(t->graph, digest, e);
    if (rc != SU_OK)
        return rc;
    su_json_put_object(w, NULL);
    su_json_put_u64(w, "index", i);
    su_json_put_u64(w, "vram_bytes", t->vram_fixed + p->sessions * t->vram_session);
    su_json_put_u64(w, "weight_bytes", t->weight_bytes);
    su_json_put_u64(w, "arena_bytes", t->arena_bytes);
    su_json_put_double(w, "compute_units", (double)t->macs * 1e-9);
    su_json_put_u64(w, "macs", t->macs);
    su_json_put_u64(w, "bytes_in", t->bytes_in);
    su_json_put_u64(w, "bytes_out", t->bytes_out);
    su_json_put_u64(w, "device", t->device);
    su_json_put_u64(w, "nodes", t->graph->n_node);
    su_json_put_str(w, "why", t->why);
    su_json_put_hex(w, "graph_sha256", digest, sizeof digest);
    put_ports(w, t);
    su_json_end_object(w);
    return SU_OK;
}

static enum su_code print_json(const struct su_plan *p, const char *name, struct su_err *e)
{
    struct su_buf b;
    struct su_json_writer w;
    uint8_t digest[SU_SHA256_BYTES];
    enum su_code rc = su_plan_digest(p, digest, e);
    if (rc != SU_OK)
        return rc;
    su_buf_init(&b, 0);
    su_json_writer_init(&w, &b, 0);
    su_json_put_object(&w, NULL);
    su_json_put_str(&w, "model", name);
    su_json_put_u64(&w, "target_vram_bytes", p->target_bytes);
    su_json_put_u64(&w, "batch", p->t_max);
    su_json_put_u64(&w, "cut_bytes", p->cut_bytes);
    su_json_put_u64(&w, "sharded_nodes", p->n_sharded);
    su_json_put_hex(&w, "plan_sha256", digest, sizeof digest);
    su_json_put_array(&w, "tasks");
    for (uint32_t i = 0; i < p->n_task && rc == SU_OK; i++)
        rc = put_task(&w, p, i, e);
    if (rc != SU_OK) {
        su_buf_fini(&b);
        return rc;
    }
    su_json_end_array(&w);
    su_json_end_object(&w);
    return cli_print_json(&b, e);
}

static enum su_code print_text(const struct cli *c, const struct su_plan *p, const char *name,
                               bool per_device, struct su_err *e)
{
    static const char *const title[] = {">TASK",   ">VRAM",    ">WEIGHTS", ">ARENA", ">MACS/ROW",
                                        ">IN/ROW", ">OUT/ROW", ">NODES",   ">DEVICE"};
    struct cli_table t;
    struct su_buf b;
    char s[5][32];
    su_buf_init(&b, 0);
    enum su_code rc = su_plan_draw(p, c->width, c->utf8, &b, e);
    if (rc != SU_OK) {
        su_buf_fini(&b);
        return rc;
    }
    printf("%s in %u task%s, %swithin %s", name, p->n_task, p->n_task == 1 ? "" : "s",
           p->n_task == 1 ? "" : "each ",
           per_device ? "its device" : su_format_size(p->target_bytes, s[0], sizeof s[0]));
    printf("; %s per row cross cuts.\n\n", su_format_size(p->cut_bytes, s[0], sizeof s[0]));
    cli_table_init(&t, title, SU_ARRAY_LEN(title) - !per_device);
    for (uint32_t i = 0; i < p->n_task; i++) {
        const struct su_plan_task *pt = &p->task[i];
        cli_table_cell(&t, "%u", i);
        cli_table_cell(
            &t, "%s",
            su_format_size(pt->vram_fixed + p->sessions * pt->vram_session, s[0], sizeof s[0]));
        cli_table_cell(&t, "%s", su_format_size(pt->weight_bytes, s[1], sizeof s[1]));
        cli_table_cell(&t, "%s", su_format_size(pt->arena_bytes, s[2], sizeof s[2]));
        cli_table_cell(&t, "%llu", (unsigned long long)pt->macs);
        cli_table_cell(&t, "%s", su_format_size(pt->bytes_in, s[3], sizeof s[3]));
        cli_table_cell(&t, "%s", su_format_size(pt->bytes_out, s[4], sizeof s[4]));
        cli_table_cell(&t, "%u", pt->graph->n_node);
        if (per_device)
            cli_table_cell(&t, "%u", pt->device);
    }
    cli_table_print(&t);
    printf("\n%.*s\n", (int)b.len, b.data ? (const char *)b.data : "");
    su_buf_fini(&b);
    for (uint32_t i = 0; i < p->n_task; i++)
        cli_print_wrapped(stdout, p->task[i].why, c->width - 1, 8, printf("task %-3u", i));
    return SU_OK;
}

static enum su_code run(struct cli *c, struct su_err *e)
{
    uint64_t target[TARGET_MAX], batch = 1;
    struct cli_model m;
    struct su_plan *p = NULL;
    struct su_plan_opts o = {.target = target, .t_max = 1};
    const char *text = cli_get(c, "--target-vram");
    if (!text)
        return su_fail(e, SU_EUSAGE, "--target-vram",
                       "is missing; give the memory of one device, e.g. 300KB or 12GB");
    enum su_code rc = cli_targets(text, target, TARGET_MAX, &o.n_target, e);
    if (rc == SU_OK && cli_get(c, "--batch"))
        rc = su_parse_u64(cli_get(c, "--batch"), "--batch", 1, SU_ROWS_MAX, &batch, e);
    if (rc != SU_OK)
        return rc;
    o.per_device = strchr(text, ',') != NULL;
    o.t_max = (uint32_t)batch;
    rc = cli_model_open(c->arg[0], &m, e);
    if (rc != SU_OK)
        return rc;
    rc = su_plan_build(m.graph, &o, &p, e);
    if (rc == SU_OK)
        rc = cli_has(c, "--json") ? print_json(p, m.name, e)
                                  : print_text(c, p, m.name, o.per_device, e);
    su_plan_free(p);
    cli_model_close(&m);
    return rc;
}

const struct cli_verb cli_verb_plan = {
    .name = "plan",
    .args = "MODEL",
    .summary = "Show how a model is cut into tasks that fit a memory size",
    .detail = "MODEL is a name, a folder, or a .graph file; weights are not needed. Prints each "
              "task's memory, work and traffic, the "
              "drawing of the task graph, and the reason of every cut. One size is the limit of "
              "every task; a list "
              "such as 8GB,12GB,24GB plans for those devices in that order.",
    .min_arg = 1,
    .max_arg = 1,
    .option = {{"--target-vram", "SIZE", "memory of one device, or of each (8GB,12GB); required"},
               {"--batch", "N", "rows of the largest dispatch (default 1)"},
               {"--json", NULL, "print one JSON object"}},
    .run = run,
};
