// SPDX-License-Identifier: MIT
/* splitup run of a language model: a prompt in, tokens out as they come. */
#include "llm_common.h"

#include <stdlib.h>
#include <string.h>

struct job {
    struct cli_llm llm;
    struct cli_request request;
    bool json;
};

/* ---- a prompt and its answer ------------------------------------------------------------------ */

enum su_code cli_request_encode(struct cli_request *r, const struct cli_llm *l, const char *at,
                                const char *prompt, struct su_err *e)
{
    enum su_code rc = cli_prompt_encode(l->text, prompt, cli_get(l->cli, "--system"), &r->ids, e);
    if (rc == SU_OK && r->ids.count == 0)
        rc = su_fail(e, SU_EINVAL, at, "is empty; give some text");
    if (rc == SU_OK && r->ids.count >= l->ctx)
        rc = su_fail(e, SU_ELIMIT, at, "%zu tokens; the context holds %u (--ctx)", r->ids.count,
                     l->ctx);
    if (rc == SU_OK)
        r->max_tokens = SU_MIN(r->max_tokens, l->ctx - (uint32_t)r->ids.count + 1);
    return rc;
}

void cli_request_fini(struct cli_request *r)
{
    su_text_ids_fini(&r->ids);
    cli_answer_fini(&r->answer);
}

void cli_llm_put_setup(struct su_json_writer *w, const struct cli_llm *l)
{
    su_json_put_str(w, "model", l->model->name);
    su_json_put_hex(w, "graph_sha256", l->model->model->graph_digest, SU_SHA256_BYTES);
    su_json_put_str(w, "backend", su_backend_name(su_exec_backend(l->exec)));
    su_json_put_str(w, "device", su_exec_device_name(l->exec));
}

void cli_llm_put_tasks(struct su_json_writer *w, const struct cli_llm *l)
{
    su_json_put_array(w, "tasks");
    for (uint32_t t = 0; t < l->plan->n_task; t++) {
        const struct su_plan_task *pt = &l->plan->task[t];
        su_json_put_object(w, NULL);
        su_json_put_u64(w, "index", t);
        su_json_put_u64(w, "vram_bytes", pt->vram_fixed + l->plan->sessions * pt->vram_session);
        su_json_put_u64(w, "bound_bytes", su_engine_task_bound_bytes(l->engine, t));
        su_json_put_double(w, "compute_units", (double)pt->macs * 1e-9);
        su_json_put_str(w, "device", su_exec_device_name(l->exec));
        su_json_end_object(w);
    }
    su_json_end_array(w);
}

enum su_code cli_request_print_json(const struct cli_request *r, const struct cli_llm *l,
                                    struct su_err *e)
{
    const struct cli_answer *a = &r->answer;
    double first_ms = cli_answer_first_ms(a);
    struct su_buf b;
    struct su_json_writer w;
    su_buf_init(&b, 0);
    su_json_writer_init(&w, &b, 0);
    su_json_put_object(&w, NULL);
    cli_llm_put_setup(&w, l);
    su_json_put_strn(&w, "text", a->text.data ? (const char *)a->text.data : "", a->text.len);
    su_json_put_array(&w, "token_ids");
    for (uint32_t i = 0; i < a->n; i++)
        su_json_put_u64(&w, NULL, a->token[i]);
    su_json_end_array(&w);
    su_json_put_u64(&w, "prompt_tokens", r->ids.count);
    su_json_put_bool(&w, "stopped", a->stopped);
    su_json_put_hex(&w, "output_sha256", a->output_sha256, SU_SHA256_BYTES);
    su_json_put_double(&w, "tokens_per_second", cli_answer_rate(a));
    su_json_put_double(&w, "prompt_tokens_per_second",
                       (double)r->ids.count / SU_MAX(first_ms * 1e-3, 1e-9));
    su_json_put_double(&w, "time_to_first_token_ms", first_ms);
    cli_llm_put_tasks(&w, l);
    su_json_end_object(&w);
    return cli_print_json(&b, e);
}

/* ---- running ----------------------------------------------------------------------------------- */

static enum su_code generate(struct job *j, struct su_err *e)
{
    const struct cli_llm *l = &j->llm;
    struct cli_request *r = &j->request;
    struct cli_answer *a = &r->answer;
    uint32_t session = 0;
    a->silent = j->json;
    enum su_code rc = su_engine_session_new(l->engine, l->ctx, &session, e);
    if (rc != SU_OK)
        return rc;
    rc = cli_answer_get(a, l, session, &r->sampling, NULL, 0, r->ids.ids, (uint32_t)r->ids.count,
                        r->max_tokens, e);
    if (rc == SU_OK && a->cancelled)
        rc = su_fail(e, SU_ECANCELLED, NULL, "stopped after %u tokens", a->n);
    if (rc == SU_OK && j->json)
        rc = cli_request_print_json(r, l, e);
    else if (rc == SU_OK)
        fprintf(stderr, "%zu + %u tokens, %.2f tokens/s, first after %.0f ms, %u task%s, %s\n",
                r->ids.count, a->n, cli_answer_rate(a), cli_answer_first_ms(a), l->plan->n_task,
                l->plan->n_task == 1 ? "" : "s", su_exec_device_name(l->exec));
    return rc;
}

static enum su_code run_one(struct job *j, struct su_err *e)
{
    enum su_code rc =
        cli_request_encode(&j->request, &j->llm, "--prompt", cli_get(j->llm.cli, "--prompt"), e);
    if (rc == SU_OK)
        rc = cli_llm_open(&j->llm, e);
    return rc == SU_OK ? generate(j, e) : rc;
}

enum su_code cli_llm_run(const struct cli *c, struct cli_model *m, struct su_err *e)
{
    struct job j = {.llm = {.cli = c, .model = m, .emit = 1},
                    .request = {.max_tokens = CLI_TOKENS_DEFAULT},
                    .json = cli_has(c, "--json")};
    bool many = cli_has(c, "--prompts");
    if (many == cli_has(c, "--prompt"))
        return su_fail(e, SU_EUSAGE, "--prompt",
                       many ? "excludes --prompts" : "is missing; %s is a language model", m->name);
    if (cli_has(c, "--sessions") && !many)
        return su_fail(e, SU_EUSAGE, "--sessions", "goes with --prompts");
    enum su_code rc = cli_llm_u32(c, "--max-tokens", 1, 1u << 20, &j.request.max_tokens, e);
    if (rc == SU_OK)
        rc = cli_llm_sampling(c, &j.request.sampling, e);
    if (rc == SU_OK)
        rc = cli_llm_prepare(&j.llm, e);
    if (rc == SU_OK)
        rc = many ? cli_llm_prompts(&j.llm, &j.request, e) : run_one(&j, e);
    cli_request_fini(&j.request);
    return cli_llm_close(&j.llm, rc, e);
}
