// SPDX-License-Identifier: MIT
/* splitup run: one digit or a range of them through a planned model. */
#include "deploy.h"
#include "network.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PIXELS 784u
#define CLASSES 10u
#define BATCH_DEFAULT 64u
#define BATCH_MAX 4096u

struct job {
    const struct cli *cli;
    struct cli_model model;
    struct su_digits *digits;
    struct su_exec *exec;
    struct su_plan *plan;
    struct su_engine *engine;
    uint64_t first, end; /* digits [first, end) */
    bool range, json;
    uint64_t target;
    /* totals */
    uint64_t done, labelled, right;
    double seconds, *task_ms;
    struct su_sha256 outputs;
};

/* ---- preparing ------------------------------------------------------------------------------- */

static enum su_code check_model(const struct su_graph *g, const char *name, struct su_err *e)
{
    const struct su_value *in = g->n_input == 1 ? &g->value[g->input[0]] : NULL;
    const struct su_value *out = g->n_output == 1 ? &g->value[g->output[0].value] : NULL;
    if (in && out && in->domain == SU_ROWS && in->dtype == SU_F32 &&
        su_shape_elements(&in->shape) == PIXELS && out->domain == SU_ROWS && out->dtype == SU_F32 &&
        su_shape_elements(&out->shape) == CLASSES)
        return SU_OK;
    return su_fail(
        e, SU_ETYPE, name,
        "does not take a 28 x 28 digit to 10 probabilities; `splitup run` runs such models");
}

static enum su_code parse_range(const struct cli *c, struct job *j, struct su_err *e)
{
    uint64_t count = su_digits_count(j->digits);
    const char *index = cli_get(c, "--index"), *range = cli_get(c, "--range");
    char word[32];
    enum su_code rc = SU_OK;
    if (index && range)
        return su_fail(e, SU_EUSAGE, "--index", "cannot go with --range; give one of them");
    if (count == 0)
        return su_fail(e, SU_EINVAL, cli_get(c, "--input"),
                       "holds 0 digits; give a file with at least one");
    if (!range) {
        if (index)
            rc = su_parse_u64(index, "--index", 0, count - 1, &j->first, e);
        j->end = j->first + 1;
        return rc;
    }
    const char *colon = strchr(range, ':');
    if (!colon || (size_t)(colon - range) >= sizeof word)
        return su_fail(e, SU_EINVAL, "--range",
                       "%s is no range; give A:B, A: or :B, counted from 0, B not included", range);
    j->range = true;
    j->end = count;
    memcpy(word, range, (size_t)(colon - range));
    word[colon - range] = 0;
    if (*word)
        rc = su_parse_u64(word, "--range", 0, count, &j->first, e);
    if (rc == SU_OK && colon[1])
        rc = su_parse_u64(colon + 1, "--range", 0, count, &j->end, e);
    if (rc == SU_OK && j->first >= j->end)
        rc = su_fail(
            e, SU_EINVAL, "--range", "%llu:%llu is empty; B must be above A and at most %llu",
            (unsigned long long)j->first, (unsigned long long)j->end, (unsigned long long)count);
    return rc;
}

/* Without --batch, the largest power of two that still fits the target. */
static enum su_code make_plan(const struct cli *c, struct job *j, struct su_err *e)
{
    uint64_t batch = 0;
    uint32_t n = 1;
    enum su_code rc = SU_OK;
    j->target = UINT64_C(1) << 46; /* no limit: one task */
    if (cli_get(c, "--target-vram"))
        rc = cli_targets(cli_get(c, "--target-vram"), &j->target, 1, &n, e);
    if (rc == SU_OK && cli_get(c, "--batch"))
        rc = su_parse_u64(cli_get(c, "--batch"), "--batch", 1, BATCH_MAX, &batch, e);
    if (rc != SU_OK)
        return rc;
    struct su_plan_opts o = {.target = &j->target, .n_target = 1};
    o.t_max = (uint32_t)(batch ? batch : SU_MIN(j->end - j->first, BATCH_DEFAULT));
    if (batch == 0)
        while (o.t_max & (o.t_max - 1))
            o.t_max &= o.t_max - 1;
    for (;; o.t_max /= 2) {
        rc = su_plan_build(j->model.graph, &o, &j->plan, e);
        if (rc != SU_ENOFIT || batch || o.t_max == 1)
            return rc;
    }
}

static enum su_code prepare(struct job *j, struct su_err *e)
{
    const struct cli *c = j->cli;
    const char *input = cli_get(c, "--input");
    if (!input)
        return su_fail(e, SU_EUSAGE, "--input",
                       "is missing; give a PNG, PGM, IDX(.gz) or safetensors file");
    enum su_code rc = check_model(j->model.graph, j->model.name, e);
    if (rc == SU_OK)
        rc = su_digits_open(input, &j->digits, e);
    if (rc == SU_OK)
        rc = parse_range(c, j, e);
    if (rc == SU_OK)
        rc = make_plan(c, j, e);
    if (rc == SU_OK)
        rc = cli_exec_open(c, &j->exec, e);
    if (rc == SU_OK)
        rc = su_engine_open(j->exec, j->model.graph, j->plan, j->model.model->weights, &j->engine,
                            e);
    if (rc == SU_OK)
        j->task_ms = su_alloc(j->plan->n_task * sizeof *j->task_ms);
    return rc;
}

/* ---- printing -------------------------------------------------------------------------------- */

static unsigned best_of(const float *p)
{
    unsigned best = 0;
    for (unsigned i = 1; i < CLASSES; i++)
        if (p[i] > p[best])
            best = i;
    return best;
}

static void put_tasks(struct su_json_writer *w, const struct job *j)
{
    su_json_put_array(w, "tasks");
    for (uint32_t t = 0; t < j->plan->n_task; t++) {
        const struct su_plan_task *pt = &j->plan->task[t];
        su_json_put_object(w, NULL);
        su_json_put_u64(w, "index", t);
        su_json_put_u64(w, "vram_bytes", pt->vram_fixed + j->plan->sessions * pt->vram_session);
        su_json_put_u64(w, "bound_bytes", su_engine_task_bound_bytes(j->engine, t));
        su_json_put_double(w, "compute_units", (double)pt->macs * 1e-9);
        su_json_put_double(w, "ms", j->task_ms[t]);
        su_json_put_str(w, "device", su_exec_device_name(j->exec));
        su_json_end_object(w);
    }
    su_json_end_array(w);
}

static void put_digit(struct su_json_writer *w, const struct job *j, uint64_t i, const float *p,
                      const uint8_t leaf[SU_SHA256_BYTES])
{
    int label = su_digits_label(j->digits, i);
    su_json_put_u64(w, "index", i);
    if (label >= 0)
        su_json_put_i64(w, "label", label);
    else
        su_json_put_null(w, "label");
    su_json_put_u64(w, "predicted", best_of(p));
    su_json_put_array(w, "probabilities");
    for (unsigned k = 0; k < CLASSES; k++)
        su_json_put_float(w, NULL, p[k]);
    su_json_end_array(w);
    su_json_put_hex(w, "output_sha256", leaf, SU_SHA256_BYTES);
}

static void put_setup(struct su_json_writer *w, const struct job *j)
{
    su_json_put_str(w, "model", j->model.name);
    su_json_put_hex(w, "graph_sha256", j->model.model->graph_digest, SU_SHA256_BYTES);
    su_json_put_str(w, "backend", su_backend_name(su_exec_backend(j->exec)));
    su_json_put_str(w, "device", su_exec_device_name(j->exec));
    if (cli_get(j->cli, "--target-vram"))
        su_json_put_u64(w, "target_vram_bytes", j->target);
    su_json_put_u64(w, "batch", j->plan->t_max);
}

static enum su_code print_json_digit(const struct job *j, uint64_t i, const float *p,
                                     const uint8_t *leaf, struct su_err *e)
{
    struct su_buf b;
    struct su_json_writer w;
    su_buf_init(&b, 0);
    su_json_writer_init(&w, &b, 0);
    su_json_put_object(&w, NULL);
    if (!j->range)
        put_setup(&w, j);
    put_digit(&w, j, i, p, leaf);
    if (!j->range)
        put_tasks(&w, j);
    su_json_end_object(&w);
    return cli_print_json(&b, e);
}

static enum su_code print_json_summary(const struct job *j, const uint8_t outputs[SU_SHA256_BYTES],
                                       struct su_err *e)
{
    struct su_buf b;
    struct su_json_writer w;
    su_buf_init(&b, 0);
    su_json_writer_init(&w, &b, 0);
    su_json_put_object(&w, NULL);
    su_json_put_bool(&w, "summary", true);
    put_setup(&w, j);
    su_json_put_u64(&w, "digits", j->done);
    su_json_put_u64(&w, "labelled", j->labelled);
    su_json_put_u64(&w, "correct", j->right);
    if (j->labelled)
        su_json_put_double(&w, "accuracy", (double)j->right / (double)j->labelled);
    else
        su_json_put_null(&w, "accuracy");
    su_json_put_double(&w, "seconds", j->seconds);
    su_json_put_double(&w, "digits_per_second", (double)j->done / SU_MAX(j->seconds, 1e-9));
    put_tasks(&w, j);
    su_json_put_hex(&w, "outputs_sha256", outputs, SU_SHA256_BYTES);
    su_json_end_object(&w);
    return cli_print_json(&b, e);
}

static void print_tasks(const struct job *j)
{
    static const char *const title[] = {">TASK", ">VRAM", ">MACS/ROW", ">MS", "DEVICE"};
    struct cli_table t;
    char size[32];
    cli_table_init(&t, title, SU_ARRAY_LEN(title));
    for (uint32_t i = 0; i < j->plan->n_task; i++) {
        const struct su_plan_task *pt = &j->plan->task[i];
        cli_table_cell(&t, "%u", i);
        cli_table_cell(&t, "%s",
                       su_format_size(pt->vram_fixed + j->plan->sessions * pt->vram_session, size,
                                      sizeof size));
        cli_table_cell(&t, "%llu", (unsigned long long)pt->macs);
        cli_table_cell(&t, "%.3f", j->task_ms[i]);
        cli_table_cell(&t, "%s", su_exec_device_name(j->exec));
    }
    cli_table_print(&t);
}

static void print_digit(const struct job *j, const float *pixel, const float *p,
                        const uint8_t *leaf)
{
    const bool utf8 = j->cli->utf8;
    unsigned best = best_of(p);
    for (unsigned row = 0; row < 14; row++) {
        char line[128], bar[3 * 30 + 1] = "";
        cli_digit_line(pixel, row, utf8, line, sizeof line);
        printf("  %s", line);
        if (row >= 2 && row < 2 + CLASSES) {
            /* A model without a softmax gives any number, not only 0 to 1. */
            unsigned k = row - 2;
            unsigned n = p[k] >= 1.0f ? 24 : p[k] > 0.0f ? (unsigned)(p[k] * 24.0f + 0.5f) : 0;
            for (unsigned i = 0; i < n; i++)
                strcat(bar, utf8 ? "\u2588" : "#");
            printf("   %u %s %8.5f %s", k, k == best ? ">" : " ", (double)p[k], bar);
        }
        putchar('\n');
    }
    int label = su_digits_label(j->digits, j->first);
    printf("\nThis is a %u (probability %.5f%s).\n\n", best, (double)p[best],
           label < 0            ? ""
           : label == (int)best ? ", and its label agrees"
                                : ", but its label says otherwise");
    print_tasks(j);
    char hex[2 * SU_SHA256_BYTES + 1];
    su_hex_encode(leaf, SU_SHA256_BYTES, hex, sizeof hex);
    printf("\noutput sha256 %s\n", hex);
}

static void print_summary(const struct job *j, const uint8_t outputs[SU_SHA256_BYTES])
{
    char hex[2 * SU_SHA256_BYTES + 1];
    su_hex_encode(outputs, SU_SHA256_BYTES, hex, sizeof hex);
    printf("%llu digits in %.2f s, %.0f digits/s", (unsigned long long)j->done, j->seconds,
           (double)j->done / SU_MAX(j->seconds, 1e-9));
    if (j->labelled)
        printf(", %llu of %llu right (%.2f %%)", (unsigned long long)j->right,
               (unsigned long long)j->labelled, 100.0 * (double)j->right / (double)j->labelled);
    printf(".\n\n");
    print_tasks(j);
    printf("\noutputs sha256 %s\n", hex);
}

/* ---- running --------------------------------------------------------------------------------- */

/* Each digit is an execution of its own: step 0, whatever the batch, so its hash never depends
   on its neighbours. */
static enum su_code run_batch(struct job *j, uint64_t at, uint32_t n, float *pixel,
                              struct su_row *row, struct su_err *e)
{
    for (uint32_t i = 0; i < n; i++) {
        enum su_code rc = su_digits_get(j->digits, at + i, pixel + (size_t)i * PIXELS, e);
        if (rc != SU_OK)
            return rc;
        row[i] = (struct su_row){.session = i, .position = 0, .emit = true};
    }
    struct su_engine_result r;
    const void *input = pixel;
    uint64_t t0 = su_clock_mono_ns();
    enum su_code rc = su_engine_run(j->engine, row, n, &input, true, &r, e);
    if (rc != SU_OK)
        return rc;
    j->seconds += (double)(su_clock_mono_ns() - t0) * 1e-9;
    for (uint32_t t = 0; t < r.n_task; t++)
        j->task_ms[t] += r.task_ms[t];
    for (uint32_t i = 0; i < n && rc == SU_OK; i++) {
        const float *p = (const float *)r.output[0] + (size_t)i * CLASSES;
        int label = su_digits_label(j->digits, at + i);
        j->done++;
        j->labelled += label >= 0;
        j->right += label == (int)best_of(p);
        su_sha256_update(&j->outputs, r.leaf[i], SU_SHA256_BYTES);
        if (j->json)
            rc = print_json_digit(j, at + i, p, r.leaf[i], e);
        else if (!j->range)
            print_digit(j, pixel, p, r.leaf[i]);
    }
    su_engine_result_fini(&r);
    return rc;
}

static enum su_code run_all(struct job *j, struct su_err *e)
{
    uint32_t batch = j->plan->t_max;
    float *pixel = su_try_alloc((size_t)batch * PIXELS, sizeof *pixel);
    struct su_row *row = su_try_alloc(batch, sizeof *row);
    struct su_progress p;
    enum su_code rc =
        pixel && row ? SU_OK : su_fail(e, SU_ENOMEM, "--batch", "no memory for %u digits", batch);
    su_progress_init(&p, j->end - j->first, "digits", su_clock_mono_ns());
    su_sha256_init(&j->outputs);
    for (uint64_t at = j->first; at < j->end && rc == SU_OK;) {
        uint32_t n = (uint32_t)SU_MIN(j->end - at, batch);
        rc = run_batch(j, at, n, pixel, row, e);
        at += n;
        su_progress_set(&p, at - j->first, su_clock_mono_ns());
        if (j->range)
            cli_progress(j->cli, "run", &p, false);
        if (rc == SU_OK && cli_interrupted() && at < j->end)
            rc = su_fail(e, SU_ECANCELLED, NULL, "stopped after %llu of %llu digits",
                         (unsigned long long)(at - j->first),
                         (unsigned long long)(j->end - j->first));
    }
    if (j->range)
        cli_progress_clear(j->cli);
    free(pixel);
    free(row);
    return rc;
}

static enum su_code run(struct cli *c, struct su_err *e)
{
    struct job j = {.cli = c, .json = cli_has(c, "--json")};
    c->tty = c->tty && !(j.json && isatty(STDOUT_FILENO)); /* the two would mix */
    if (cli_is_remote(c->arg[0]))
        return cli_network_run(c, e);
    enum su_code rc = cli_model_open(c->arg[0], &j.model, e);
    if (rc != SU_OK)
        return rc;
    if (!j.model.model || !j.model.model->weights)
        rc = su_fail(e, SU_EUSAGE, c->arg[0], "is a graph without weights; give a model");
    if (rc == SU_OK && j.model.model->is_llm) {
        rc = cli_llm_run(c, &j.model, e);
        cli_model_close(&j.model);
        return rc;
    }
    if (rc == SU_OK)
        rc = prepare(&j, e);
    if (rc == SU_OK)
        rc = run_all(&j, e);
    if (rc == SU_OK && j.range) {
        uint8_t outputs[SU_SHA256_BYTES];
        su_sha256_final(&j.outputs, outputs);
        if (j.json)
            rc = print_json_summary(&j, outputs, e);
        else
            print_summary(&j, outputs);
    }
    su_engine_close(j.engine);
    struct su_err close_err = {0};
    if (su_exec_close(j.exec, &close_err) != SU_OK && rc == SU_OK) {
        rc = close_err.code;
        if (e)
            *e = close_err;
    }
    su_plan_free(j.plan);
    su_digits_close(j.digits);
    cli_model_close(&j.model);
    free(j.task_ms);
    return rc;
}

const struct cli_verb cli_verb_run = {
    .name = "run",
    .args = "MODEL",
    .summary = "Run digits or a prompt through a model that is split into tasks",
    .detail =
        "MODEL is a name that `splitup models` lists, a folder, or a .gguf file of a "
        "language model; or a model of a cluster, whose nodes then run it for money: its address "
        "there, or NAME@CLUSTER. The answer of strangers comes twice: provisional, when it is "
        "there, and final, when it was checked. A language model streams it token by token; on a "
        "terminal lines under it tell meanwhile which share of its time each stage computed, "
        "waited and "
        "sent, and what it has cost so far. Ctrl-C "
        "ends it there, and what was not run is not paid. "
        "A model of this machine is cut into "
        "tasks that each fit --target-vram, "
        "and every task runs as a stage of its own. The printed hash depends on the model "
        "and the input alone: any target, "
        "backend, device or batch gives the same one. A language model takes --prompt and "
        "writes on; with --system it "
        "answers as in a conversation. With --prompts many prompts share its dispatches, each "
        "giving what it gives alone; answers are printed in the order of the lines. A line may "
        "be a JSON object with the member prompt and any of max_tokens, temperature, top_k, "
        "top_p, min_p, repeat_penalty and seed.",
    .min_arg = 1,
    .max_arg = 1,
    .option =
        {{"--input", "FILE", "digits: PNG or PGM of any size, IDX (.gz), or safetensors"},
         {"--index", "N", "which digit of the file, counted from 0 (default 0)"},
         {"--range", "A:B",
          "digits A to B-1 in batches, then a summary with accuracy and digits per second"},
         {"--target-vram", "SIZE",
          "memory that each task may use, e.g. 300KB (default: no limit, one task)"},
         {"--backend", "vulkan|cpu|reference", "(default: vulkan on a GPU, else cpu)"},
         {"--device", "WHICH",
          "Vulkan device: its number in `splitup doctor`, or a part of its name"},
         {"--batch", "N",
          "digits or prompt tokens per dispatch (default: up to 64 digits or 512 tokens)"},
         {"--threads", "N", "threads of the cpu backend (default: all processors)"},
         {"--prompt", "TEXT", "language models: the text to go on with"},
         {"--prompts", "FILE",
          "language models: a prompt from each line, or from each JSON object on a line"},
         {"--sessions", "N", "prompts of --prompts that run at once (default: up to 4)"},
         {"--system", "TEXT",
          "answer the prompt as a user's turn after this system turn (may be empty)"},
         {"--max-tokens", "N", "most tokens to write (default 256)"},
         {"--ctx", "N", "positions of the session (default: what the model knows, at most 8192)"},
         {"--temperature", "X", "0 takes the likeliest token (default), 1 draws as the model says"},
         {"--top-k", "N", "draw among the N likeliest only"},
         {"--top-p", "X", "draw among the likeliest that make up this share"},
         {"--min-p", "X", "leave out what is less likely than this share of the likeliest"},
         {"--repeat-penalty", "X", "make tokens of the last 64 less likely by this factor"},
         {"--seed", "N", "of the draws (default 0); the same seed gives the same text"},
         CLI_OPTION_MODEL_FILE,
         CLI_OPTION_PEER,
         CLI_OPTION_URL,
         CLI_OPTION_KEYPAIR,
         CLI_OPTION_PASSPHRASE,
         CLI_OPTION_YES,
         CLI_OPTION_DRY_RUN,
         {"--json", NULL,
          "print JSON: one object per digit or prompt, with --range or --prompts a summary last"}},
    .run = run,
};
