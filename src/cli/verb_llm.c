// SPDX-License-Identifier: MIT
/* splitup run of a language model: a prompt in, tokens out as they come. */
#include "llm_common.h"

#include <stdlib.h>
#include <string.h>

#define TOKENS_DEFAULT 256u

struct job {
    struct cli_llm llm;
    struct su_text_ids prompt;
    struct su_sampling sampling;
    uint32_t max_tokens;
    bool json;
};

/* With --system the prompt is a turn of a conversation in the model's own form, else plain text to
   go on with. */
static enum su_code encode(struct job *j, struct su_err *e)
{
    const struct su_text *text = j->llm.text;
    const char *prompt = cli_get(j->llm.cli, "--prompt"), *system = cli_get(j->llm.cli, "--system");
    if (!system)
        return su_text_encode(text, prompt, strlen(prompt), SU_TEXT_ADD_SPECIAL, &j->prompt, e);
    const struct su_text_turn turn[2] = {{SU_TEXT_SYSTEM, system}, {SU_TEXT_USER_TURN, prompt}};
    struct su_text_chat chat;
    struct su_text_prompt p;
    enum su_code rc = su_text_chat_detect(su_text_template(text), &chat, e);
    if (rc != SU_OK)
        return su_wrap(e, "--system");
    su_text_prompt_init(&p);
    rc = su_text_chat_render(&chat, turn + (*system ? 0 : 1), *system ? 2 : 1, true, &p, e);
    if (rc == SU_OK)
        rc = su_text_encode_prompt(text, &p, &j->prompt, e);
    su_text_prompt_fini(&p);
    return rc;
}

static enum su_code prepare(struct job *j, struct su_err *e)
{
    const struct cli *c = j->llm.cli;
    j->max_tokens = TOKENS_DEFAULT;
    enum su_code rc = cli_llm_u32(c, "--max-tokens", 1, 1u << 20, &j->max_tokens, e);
    if (rc == SU_OK)
        rc = cli_llm_sampling(c, &j->sampling, e);
    if (rc == SU_OK)
        rc = cli_llm_prepare(&j->llm, e);
    if (rc == SU_OK)
        rc = encode(j, e);
    if (rc == SU_OK && j->prompt.count == 0)
        rc = su_fail(e, SU_EINVAL, "--prompt", "is empty; give some text");
    if (rc == SU_OK && j->prompt.count >= j->llm.ctx)
        rc = su_fail(e, SU_ELIMIT, "--prompt", "%zu tokens; the context holds %u (--ctx)",
                     j->prompt.count, j->llm.ctx);
    if (rc != SU_OK)
        return rc;
    j->max_tokens = SU_MIN(j->max_tokens, j->llm.ctx - (uint32_t)j->prompt.count + 1);
    return cli_llm_open(&j->llm, e);
}

static enum su_code print_json(const struct job *j, const struct cli_answer *a, struct su_err *e)
{
    const struct cli_llm *l = &j->llm;
    struct su_buf b;
    struct su_json_writer w;
    su_buf_init(&b, 0);
    su_json_writer_init(&w, &b, 0);
    su_json_put_object(&w, NULL);
    su_json_put_str(&w, "model", l->model->name);
    su_json_put_hex(&w, "graph_sha256", l->model->model->graph_digest, SU_SHA256_BYTES);
    su_json_put_str(&w, "backend", su_backend_name(su_exec_backend(l->exec)));
    su_json_put_str(&w, "device", su_exec_device_name(l->exec));
    su_json_put_strn(&w, "text", a->text.data ? (const char *)a->text.data : "", a->text.len);
    su_json_put_array(&w, "token_ids");
    for (uint32_t i = 0; i < a->n; i++)
        su_json_put_u64(&w, NULL, a->token[i]);
    su_json_end_array(&w);
    su_json_put_u64(&w, "prompt_tokens", j->prompt.count);
    su_json_put_bool(&w, "stopped", a->stopped);
    su_json_put_hex(&w, "output_sha256", a->output_sha256, SU_SHA256_BYTES);
    su_json_put_double(&w, "tokens_per_second", cli_answer_rate(a));
    su_json_put_double(&w, "prompt_tokens_per_second",
                       (double)j->prompt.count / SU_MAX(cli_answer_first_ms(a) * 1e-3, 1e-9));
    su_json_put_double(&w, "time_to_first_token_ms", cli_answer_first_ms(a));
    su_json_put_array(&w, "tasks");
    for (uint32_t t = 0; t < l->plan->n_task; t++) {
        const struct su_plan_task *pt = &l->plan->task[t];
        su_json_put_object(&w, NULL);
        su_json_put_u64(&w, "index", t);
        su_json_put_u64(&w, "vram_bytes", pt->vram_fixed + l->plan->sessions * pt->vram_session);
        su_json_put_u64(&w, "bound_bytes", su_engine_task_bound_bytes(l->engine, t));
        su_json_put_double(&w, "compute_units", (double)pt->macs * 1e-9);
        su_json_put_str(&w, "device", su_exec_device_name(l->exec));
        su_json_end_object(&w);
    }
    su_json_end_array(&w);
    su_json_end_object(&w);
    return cli_print_json(&b, e);
}

static enum su_code generate(const struct job *j, struct su_err *e)
{
    const struct cli_llm *l = &j->llm;
    struct cli_answer a = {.silent = j->json};
    uint32_t session = 0;
    enum su_code rc = su_engine_session_new(l->engine, l->ctx, &session, e);
    if (rc != SU_OK)
        return rc;
    rc = cli_answer_get(&a, l, session, &j->sampling, NULL, 0, j->prompt.ids,
                        (uint32_t)j->prompt.count, j->max_tokens, e);
    if (rc == SU_OK && a.cancelled)
        rc = su_fail(e, SU_ECANCELLED, NULL, "stopped after %u tokens", a.n);
    if (rc == SU_OK && j->json)
        rc = print_json(j, &a, e);
    else if (rc == SU_OK)
        fprintf(stderr, "%zu + %u tokens, %.2f tokens/s, first after %.0f ms, %u task%s, %s\n",
                j->prompt.count, a.n, cli_answer_rate(&a), cli_answer_first_ms(&a), l->plan->n_task,
                l->plan->n_task == 1 ? "" : "s", su_exec_device_name(l->exec));
    cli_answer_fini(&a);
    return rc;
}

enum su_code cli_llm_run(const struct cli *c, struct cli_model *m, struct su_err *e)
{
    struct job j = {.llm = {.cli = c, .model = m, .emit = 1}, .json = cli_has(c, "--json")};
    if (!cli_get(c, "--prompt"))
        return su_fail(e, SU_EUSAGE, "--prompt", "is missing; %s is a language model", m->name);
    enum su_code rc = prepare(&j, e);
    if (rc == SU_OK)
        rc = generate(&j, e);
    su_text_ids_fini(&j.prompt);
    return cli_llm_close(&j.llm, rc, e);
}
