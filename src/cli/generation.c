// SPDX-License-Identifier: MIT
#include "generation.h"

#include <stdlib.h>
#include <string.h>

enum { ANSWER_BYTES_MAX = 64 << 20 };

/* ---- there ----------------------------------------------------------------------------------------- */

uint32_t cli_generation_steps(const struct cli_generation *g)
{
    return (uint32_t)g->prompt.count + g->max_tokens - 1;
}

enum su_code cli_generation_input(const struct cli_generation *g, const struct su_chain_model *m,
                                  struct su_buf *out, struct su_err *e)
{
    uint16_t task = m->model->feedback_task;
    uint8_t params[SU_DRAW_PARAMS_BYTES];
    char text[SU_CHAIN_TEXT];
    struct su_input in = {.n_tensor = 1, .params = params, .params_bytes = SU_DRAW_PARAMS_BYTES};

    if (m->model->sample_task == SU_NO_TASK || !m->model->feedback_set ||
        task >= m->model->task_count || m->model->external_inputs != 1)
        return su_fail(e, SU_ETYPE, su_chain_key_text(m->key, text),
                       "does not go on with a row of tokens");
    const struct su_spec *spec = &m->tasks[task]->inputs[m->model->feedback_input];
    uint64_t elements = 1;
    for (uint8_t i = 0; i < spec->rank; i++)
        elements *= spec->dims[i];
    if (spec->dtype != SU_I32 || elements != 1)
        return su_fail(e, SU_ETYPE, su_chain_key_text(m->key, text), "its input is no token");
    su_draw_encode(&g->sampling, params);
    in.tensor[0] = (struct su_input_tensor){.dtype = spec->dtype,
                                            .rank = spec->rank,
                                            .steps = (uint32_t)g->prompt.count,
                                            .rows = (const uint8_t *)g->prompt.ids};
    memcpy(in.tensor[0].dims, spec->dims, sizeof in.tensor[0].dims);
    return su_input_encode(&in, out, e);
}

/* ---- and back -------------------------------------------------------------------------------------- */

void cli_generation_begin(struct cli_generation *g)
{
    su_buf_init(&g->words, ANSWER_BYTES_MAX);
    su_text_decoder_init(&g->decoder, g->text, false, false);
    g->start_ns = su_clock_mono_ns();
}

static void print_from(const struct cli_generation *g, size_t before)
{
    if (g->silent || g->words.failed || g->words.len <= before)
        return;
    if (g->screen)
        cli_screen_text(g->screen, (const char *)g->words.data + before, g->words.len - before);
    else
        fwrite(g->words.data + before, 1, g->words.len - before, stdout);
}

/* What was shown does not stand from token `at` on. */
static void retell(struct cli_generation *g, uint32_t at)
{
    g->changed++;
    g->n_row = g->n = at;
    g->stopped = false;
    su_buf_clear(&g->words);
    su_text_decoder_init(&g->decoder, g->text, false, false);
    for (uint32_t i = 0; i < at; i++)
        su_text_decode(&g->decoder, g->row[i], &g->words);
    if (g->silent)
        return;
    if (g->screen) {
        cli_screen_text(g->screen, "\n", 1);
        cli_screen_clear(g->screen);
    }
    (void)fflush(stdout);
    fprintf(stderr, "%s(another node says otherwise from token %u on)\n", g->screen ? "" : "\n",
            at);
    print_from(g, 0);
}

static enum su_code add(struct cli_generation *g, uint32_t token, struct su_err *e)
{
    size_t before = g->words.len;

    if (g->n_row == g->cap) {
        uint32_t cap = SU_MAX(2 * g->cap, 256u), *grown = realloc(g->row, cap * sizeof *grown);
        if (!grown)
            return su_fail(e, SU_ENOMEM, "answer", "no memory for %u tokens", cap);
        g->row = grown;
        g->cap = cap;
    }
    g->row[g->n_row++] = token;
    g->end_ns = su_clock_mono_ns();
    if (g->first_ns == 0)
        g->first_ns = g->end_ns;
    if (su_text_is_stop(g->text, token)) {
        g->stopped = true;
        return SU_OK;
    }
    g->n = g->n_row;
    su_text_decode(&g->decoder, token, &g->words);
    print_from(g, before);
    return SU_OK;
}

/* The output that the drawn tokens are. */
static const struct su_ops_output *tokens_of(const struct su_ops_follow_state *s)
{
    for (uint16_t i = 0; i < s->n_output; i++)
        if (s->output[i].task == s->chain.sample_task && s->output[i].dtype == SU_I32 &&
            s->output[i].row_bytes == sizeof(uint32_t))
            return &s->output[i];
    return NULL;
}

enum su_code cli_generation_take(struct cli_generation *g, const struct su_ops_follow_state *s,
                                 struct su_err *e)
{
    const struct su_ops_output *o = s->known ? tokens_of(s) : NULL;
    uint32_t before = g->n_row;
    enum su_code rc = SU_OK;

    if (!o)
        return SU_OK;
    for (uint32_t i = 0; i < o->n_row && !rc; i++) {
        uint32_t token = su_le32(o->rows + (size_t)4 * i);
        if (i < g->n_row && g->row[i] == token)
            continue;
        if (i < g->n_row)
            retell(g, i);
        rc = add(g, token, e);
    }
    if (!rc && o->whole && o->n_row < g->n_row)
        retell(g, o->n_row);
    return rc || g->silent || before == g->n_row ? rc : cli_flush(e);
}

void cli_generation_end(struct cli_generation *g)
{
    size_t before = g->words.len;

    su_text_decode_end(&g->decoder, &g->words);
    print_from(g, before);
    if (g->silent || g->n_row == 0)
        return;
    if (g->screen)
        cli_screen_text(g->screen, "\n", 1);
    else
        putchar('\n');
}

void cli_generation_fini(struct cli_generation *g)
{
    su_text_ids_fini(&g->prompt);
    su_buf_fini(&g->words);
    free(g->row);
    g->row = NULL;
}

double cli_generation_rate(const struct cli_generation *g)
{
    return g->n_row > 0 && g->end_ns > g->start_ns
               ? (double)g->n_row / ((double)(g->end_ns - g->start_ns) * 1e-9)
               : 0.0;
}

double cli_generation_first_ms(const struct cli_generation *g)
{
    return g->first_ns ? (double)(g->first_ns - g->start_ns) * 1e-6 : 0.0;
}

/* ---- telling --------------------------------------------------------------------------------------- */

void cli_put_generation(struct su_json_writer *w, const struct cli_generation *g)
{
    struct su_sha256 h;
    uint8_t digest[32], le[4];

    su_sha256_init(&h);
    su_json_put_strn(w, "text", g->words.data ? (const char *)g->words.data : "", g->words.len);
    su_json_put_array(w, "token_ids");
    for (uint32_t i = 0; i < g->n; i++) {
        su_json_put_u64(w, NULL, g->row[i]);
        su_put_le32(le, g->row[i]);
        su_sha256_update(&h, le, sizeof le);
    }
    su_json_end_array(w);
    su_sha256_final(&h, digest);
    su_json_put_u64(w, "prompt_tokens", g->prompt.count);
    su_json_put_bool(w, "stopped", g->stopped);
    su_json_put_hex(w, "output_sha256", digest, sizeof digest);
    su_json_put_double(w, "tokens_per_second", cli_generation_rate(g));
    su_json_put_double(w, "time_to_first_token_ms", cli_generation_first_ms(g));
    su_json_put_u64(w, "changed", g->changed);
}

static bool add_task(const struct su_params *p, const struct su_exec_task *t, uint64_t fee,
                     uint64_t *sum)
{
    uint64_t surcharge = 0;

    return su_econ_surcharge(p, t->sampling_ppm, fee, &surcharge) && su_add_u64(*sum, fee, sum) &&
           su_add_u64(*sum, surcharge, sum);
}

uint64_t cli_execution_cost(const struct su_params *p, const struct su_ops_follow_state *s)
{
    uint64_t sum = p->oracle_fee;

    for (uint16_t i = 0; i < s->n_part; i++)
        if (!add_task(p, &s->chain.tasks[i], s->chain.tasks[i].fee, &sum))
            return UINT64_MAX;
    return sum;
}

uint64_t cli_execution_cost_so_far(const struct su_params *p, const struct su_chain_model *m,
                                   const struct su_ops_follow_state *s)
{
    uint64_t sum = p->oracle_fee, fee;
    uint32_t here = 1;

    if (s->chain.steps > 0)
        return cli_execution_cost(p, s);
    for (uint16_t i = 0; i < s->n_output; i++)
        here = SU_MAX(here, s->output[i].steps);
    for (uint16_t i = 0; i < s->n_part && i < m->model->task_count; i++)
        if (!su_econ_fee(p, m->tasks[i]->fee_unit, m->tasks[i]->macs_per_step, here, &fee) ||
            !add_task(p, &s->chain.tasks[i], fee, &sum))
            return UINT64_MAX;
    return sum;
}
