// SPDX-License-Identifier: MIT
/* splitup plan: how a model is cut. */
#include "cli_priv.h"

#include <string.h>

#define TARGET_MAX SU_PLAN_TASK_MAX
#define CTX_MAX (1u << 20)
#define DEFAULT_CTX 8192u
#define SESSIONS_MAX 65536u
#define DEFAULT_BANDWIDTH (300ull << 30) /* of a graphics card of some 12 GB */

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

/* What is printed. */
struct report {
    const struct su_plan *plan;
    const struct cli_model *model;
    const char *quant; /* of a model without weights, else NULL */
    struct cli_link link;
    bool per_device;
};

static const struct su_llm_config *llm_of(const struct report *r)
{
    const struct su_model *m = r->model->model;
    return m && m->is_llm ? &m->llm : NULL;
}

static uint64_t weights_of(const struct su_plan *p)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < p->n_task; i++)
        sum += p->task[i].weight_bytes;
    return sum;
}

static void put_estimate(struct su_json_writer *w, const struct report *r)
{
    const struct su_plan *p = r->plan;
    struct cli_estimate t = cli_estimate_token(p, &r->link);
    su_json_put_object(w, "estimate");
    su_json_put_double(w, "tokens_per_second", 1.0 / t.token_seconds);
    su_json_put_double(w, "tokens_per_second_all_sessions",
                       SU_MIN(p->sessions / t.token_seconds, 1.0 / t.slowest_seconds));
    su_json_put_u64(w, "bytes_read_per_token", t.bytes_read);
    su_json_put_double(w, "memory_bytes_per_second", r->link.bytes_per_second);
    su_json_put_double(w, "link_bits_per_second", r->link.bits_per_second);
    su_json_put_double(w, "link_seconds", r->link.seconds);
    su_json_end_object(w);
}

static enum su_code print_json(const struct report *r, struct su_err *e)
{
    const struct su_plan *p = r->plan;
    struct su_buf b;
    struct su_json_writer w;
    uint8_t digest[SU_SHA256_BYTES];
    enum su_code rc = su_plan_digest(p, digest, e);
    if (rc != SU_OK)
        return rc;
    su_buf_init(&b, 0);
    su_json_writer_init(&w, &b, 0);
    su_json_put_object(&w, NULL);
    su_json_put_str(&w, "model", r->model->name);
    su_json_put_u64(&w, "target_vram_bytes", p->target_bytes);
    su_json_put_u64(&w, "batch", p->t_max);
    su_json_put_u64(&w, "cut_bytes", p->cut_bytes);
    su_json_put_u64(&w, "sharded_nodes", p->n_sharded);
    su_json_put_u64(&w, "weight_bytes", weights_of(p));
    if (llm_of(r)) {
        su_json_put_str(&w, "quant", r->quant);
        su_json_put_u64(&w, "ctx", p->ctx);
        su_json_put_u64(&w, "sessions", p->sessions);
        put_estimate(&w, r);
    }
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

static void print_estimate(const struct report *r)
{
    const struct su_plan *p = r->plan;
    struct cli_estimate t = cli_estimate_token(p, &r->link);
    double one = 1.0 / t.token_seconds, all = SU_MIN(p->sessions * one, 1.0 / t.slowest_seconds);
    char s[2][32];
    printf("About %.3g tokens/s", one);
    if (p->sessions > 1)
        printf(", %.3g over %u sessions", all, p->sessions);
    printf(": %s read per token from memory of %s/s",
           su_format_size(t.bytes_read, s[0], sizeof s[0]),
           su_format_size((uint64_t)r->link.bytes_per_second, s[1], sizeof s[1]));
    if (p->n_task > 1)
        printf(", links of %g Mb/s and %g ms", r->link.bits_per_second * 1e-6,
               r->link.seconds * 1e3);
    printf(".\n");
}

static void print_summary(const struct report *r)
{
    const struct su_plan *p = r->plan;
    char s[32];
    printf("%s%s%s%s in %u task%s, %swithin %s", r->model->name, r->quant ? " (" : "",
           r->quant ? r->quant : "", r->quant ? ")" : "", p->n_task, p->n_task == 1 ? "" : "s",
           p->n_task == 1 ? "" : "each ",
           r->per_device ? "its device" : su_format_size(p->target_bytes, s, sizeof s));
    printf("; %s per row cross cuts.\n", su_format_size(p->cut_bytes, s, sizeof s));
    if (llm_of(r)) {
        printf("%s of weights in all; ", su_format_size(weights_of(p), s, sizeof s));
        printf("room for %u session%s of %u positions.\n", p->sessions, p->sessions == 1 ? "" : "s",
               p->ctx);
        print_estimate(r);
    }
    printf("\n");
}

static enum su_code print_text(const struct cli *c, const struct report *r, struct su_err *e)
{
    const struct su_plan *p = r->plan;
    bool per_device = r->per_device;
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
    print_summary(r);
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

/* A number option in [1, most]; *out is left alone when it is not given. */
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

static enum su_code parse(const struct cli *c, struct su_plan_opts *o, uint64_t *target,
                          enum su_llm_quant *quant, struct cli_link *l, struct su_err *e)
{
    const char *text = cli_get(c, "--target-vram"), *name = cli_get(c, "--quant");
    const char *rate = cli_get(c, "--bandwidth");
    uint64_t bytes = DEFAULT_BANDWIDTH;
    enum su_code rc;
    if (!text)
        return su_fail(e, SU_EUSAGE, "--target-vram",
                       "is missing; give the memory of one device, e.g. 300KB or 12GB");
    o->target = target;
    o->per_device = strchr(text, ',') != NULL;
    if ((rc = cli_targets(text, target, TARGET_MAX, &o->n_target, e)) ||
        (rc = number(c, "--batch", SU_ROWS_MAX, &o->t_max, e)) ||
        (rc = number(c, "--ctx", CTX_MAX, &o->ctx, e)) ||
        (rc = number(c, "--sessions", SESSIONS_MAX, &o->sessions, e)))
        return rc;
    if (name && !su_llm_quant_find(name, quant))
        return su_fail(e, SU_EINVAL, "--quant",
                       "%s is unknown; give q4_k_m, q8_0, q4_1, q4_0, bf16 or f32", name);
    if (rate && (rc = su_parse_size(rate, "--bandwidth", &bytes, e)))
        return rc;
    if (bytes == 0)
        return su_fail(e, SU_EINVAL, "--bandwidth", "is 0; give bytes per second, e.g. 300GB");
    l->bytes_per_second = (double)bytes;
    return cli_get(c, "--link") ? cli_link_parse(cli_get(c, "--link"), l, e) : SU_OK;
}

static enum su_code run(struct cli *c, struct su_err *e)
{
    uint64_t target[TARGET_MAX];
    struct cli_model m;
    struct su_plan *p = NULL;
    struct su_plan_opts o = {.t_max = 1, .sessions = 1};
    enum su_llm_quant quant = SU_LLM_Q4_K_M;
    struct report r = {.model = &m, .link = {.bits_per_second = 1e9, .seconds = 1e-3}};
    enum su_code rc = parse(c, &o, target, &quant, &r.link, e);
    if (rc != SU_OK)
        return rc;
    rc = cli_model_open_shapes(c->arg[0], quant, &m, e);
    if (rc != SU_OK)
        return rc;
    if (o.ctx == 0 && llm_of(&r))
        o.ctx = SU_MIN(m.model->llm.ctx, DEFAULT_CTX);
    if (llm_of(&r)) /* the last row of each session */
        o.e_max = SU_MIN(o.sessions, o.t_max);
    if (llm_of(&r) && !m.model->weights)
        r.quant = cli_get(c, "--quant") ? cli_get(c, "--quant") : "q4_k_m";
    r.per_device = o.per_device;
    rc = su_plan_build(m.graph, &o, &p, e);
    r.plan = p;
    if (rc == SU_OK)
        rc = cli_has(c, "--json") ? print_json(&r, e) : print_text(c, &r, e);
    su_plan_free(p);
    cli_model_close(&m);
    return rc;
}

const struct cli_verb cli_verb_plan = {
    .name = "plan",
    .args = "MODEL",
    .summary = "Show how a model is cut into tasks that fit a memory size",
    .detail =
        "MODEL is a name, a folder, a .graph or .gguf file, or a language model's config.json; "
        "weights are not needed. Prints each task's memory, work and traffic, the drawing of "
        "the task graph, and the reason of every cut. One size is the limit of every task; a "
        "list such as 8GB,12GB,24GB plans for those devices in that order. Of a language "
        "model the tokens per second are estimated too: each device reads its weights once "
        "per token, and what crosses a cut crosses a link.",
    .min_arg = 1,
    .max_arg = 1,
    .option = {{"--target-vram", "SIZE", "memory of one device, or of each (8GB,12GB); required"},
               {"--quant", "q4_k_m|q8_0|q4_1|q4_0|bf16|f32",
                "types for a config.json without weights (default: q4_k_m)"},
               {"--ctx", "N", "positions of a session (default: the model's, at most 8192)"},
               {"--sessions", "N", "sessions whose state each task holds (default 1)"},
               {"--link", "RATE,DELAY", "links between devices (default 1Gb,1ms)"},
               {"--bandwidth", "SIZE", "bytes a device's memory reads a second (default 300GB)"},
               {"--batch", "N", "rows of the largest dispatch (default 1)"},
               {"--json", NULL, "print one JSON object"}},
    .run = run,
};
