// SPDX-License-Identifier: MIT
/* Seconds to plan large language models from their shapes, opening included: the median of several
   runs of each. Exit status 1 when one takes 2 seconds or more, or exceeds its target. */
#include "model/model.h"
#include "plan/plan.h"

#include <stdlib.h>

enum { RUNS = 5, DEVICES = 3 };

static const struct {
    const char *model, *label;
    enum su_llm_quant quant;
    uint64_t target[DEVICES];
    uint32_t n_target, sessions;
} cases[] = {
    {"llama-3.3-70b", "12GB", SU_LLM_Q4_K_M, {12ull << 30}, 1, 1},
    {"llama-3.3-70b", "8GB,12GB,24GB", SU_LLM_Q4_K_M, {8ull << 30, 12ull << 30, 24ull << 30}, 3, 1},
    {"llama-3.3-70b", "2GB", SU_LLM_Q4_K_M, {2ull << 30}, 1, 1},
    {"llama-3.3-70b", "24GB, bf16", SU_LLM_BF16, {24ull << 30}, 1, 4},
    {"llama-3.1-405b", "12GB", SU_LLM_Q4_K_M, {12ull << 30}, 1, 1},
    {"llama-3.1-405b", "24GB, q8_0", SU_LLM_Q8_0, {24ull << 30}, 1, 4},
    {"qwen3-30b-a3b", "2GB", SU_LLM_Q4_K_M, {2ull << 30}, 1, 1},
    {"gemma-3-27b", "1GB", SU_LLM_Q4_K_M, {1ull << 30}, 1, 1},
};

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

/* Seconds of one run; below 0 on failure, which is printed. */
static double run(size_t i, uint32_t *n_task, bool *within)
{
    char path[512];
    struct su_model *m = NULL;
    struct su_plan *p = NULL;
    struct su_err e = {0};
    const struct su_plan_opts o = {.target = cases[i].target,
                                   .n_target = cases[i].n_target,
                                   .per_device = cases[i].n_target > 1,
                                   .sessions = cases[i].sessions};
    (void)snprintf(path, sizeof path, SU_SOURCE_DIR "/models/%s/config.json", cases[i].model);
    uint64_t start = su_clock_mono_ns();
    enum su_code c = su_model_open_shapes(path, cases[i].quant, &m, &e);
    if (!c)
        c = su_plan_build(m->graph, &o, &p, &e);
    double seconds = (double)(su_clock_mono_ns() - start) * 1e-9;
    if (c)
        printf("%s: %s: %s\n", cases[i].model, e.at, e.msg);
    *n_task = p ? p->n_task : 0;
    for (uint32_t t = 0; t < *n_task; t++) {
        const struct su_plan_task *task = &p->task[t];
        *within &=
            task->vram_fixed + p->sessions * task->vram_session <= cases[i].target[task->device];
    }
    su_plan_free(p);
    su_model_close(m);
    return c ? -1.0 : seconds;
}

int main(void)
{
    bool good = true;

    printf("%-16s %-14s %9s %6s\n", "MODEL", "TARGET", "SECONDS", "TASKS");
    for (size_t i = 0; i < SU_ARRAY_LEN(cases); i++) {
        double seconds[RUNS];
        uint32_t n_task = 0;
        bool within = true;
        for (unsigned k = 0; k < RUNS; k++)
            seconds[k] = run(i, &n_task, &within);
        qsort(seconds, RUNS, sizeof *seconds, by_size);
        good = good && within && seconds[0] >= 0.0 && seconds[RUNS / 2] < 2.0;
        printf("%-16s %-14s %9.3f %6u%s\n", cases[i].model, cases[i].label, seconds[RUNS / 2],
               n_task, within ? "" : "  EXCEEDS ITS TARGET");
    }
    return !good;
}
