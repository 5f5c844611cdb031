// SPDX-License-Identifier: MIT
/* llama.cpp timed on servers of its own, for bench_net.py; fetch_llama.py builds it.

   usage: llama_rpc MODEL PROMPT_TOKENS PROMPT TOKENS THREADS SESSIONS HOST:PORT...

   All layers go to the servers, evenly. Runs a round that is not timed and warms everything up,
   writes a line, and then runs a round and writes a line of JSON for each line of standard input,
   so that rounds of others go in between. A round is the prompt, cut or filled up to PROMPT_TOKENS,
   then TOKENS of the likeliest tokens; several sessions share their dispatches, as the slots of
   llama.cpp's own server do. Ends of text are ignored. exit status: 0, or 1 when llama.cpp refuses
   something. */
#include <ggml-backend.h>
#include <ggml-cpu.h>
#include <ggml-rpc.h>
#include <llama.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    SERVERS_MAX = 8,
    SESSIONS_MAX = 64,
    LAYERS_ALL = 999,
    CTX_SLACK = 8,
};

struct job {
    const char *model;
    int n_prompt, n_token, threads, sessions;
    llama_token *prompt;
    struct llama_context *ctx;
    const struct llama_vocab *vocab;
};

static void die(const char *what)
{
    (void)fprintf(stderr, "llama_rpc: %s\n", what);
    exit(1);
}

static double now_s(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void only_errors(enum ggml_log_level level, const char *text, void *ctx)
{
    (void)ctx;
    if (level == GGML_LOG_LEVEL_ERROR)
        (void)fputs(text, stderr);
}

static llama_token likeliest(const struct job *j, int row)
{
    const float *p = llama_get_logits_ith(j->ctx, row);
    llama_token best = 0;

    if (!p)
        die("no logits");
    for (llama_token i = 1; i < llama_vocab_n_tokens(j->vocab); i++)
        if (p[i] > p[best])
            best = i;
    return best;
}

static void put(struct llama_batch *b, llama_token token, int pos, int session, bool logits)
{
    int i = b->n_tokens++;

    b->token[i] = token;
    b->pos[i] = pos;
    b->n_seq_id[i] = 1;
    b->seq_id[i][0] = session;
    b->logits[i] = logits;
}

static void decode(const struct job *j, const struct llama_batch *b)
{
    if (llama_decode(j->ctx, *b) != 0)
        die("a batch was refused");
    llama_synchronize(j->ctx);
}

/* The token behind each session's last one, of the batch's rows that have logits. */
static void choose(const struct job *j, const struct llama_batch *b, llama_token *next)
{
    for (int i = 0; i < b->n_tokens; i++)
        if (b->logits[i])
            next[b->seq_id[i][0]] = likeliest(j, i);
}

static void round_of(const struct job *j, bool told)
{
    struct llama_batch b = llama_batch_init(j->n_prompt * j->sessions, 0, 1);
    llama_token next[SESSIONS_MAX] = {0};

    llama_memory_clear(llama_get_memory(j->ctx), true);
    b.n_tokens = 0;
    for (int s = 0; s < j->sessions; s++)
        for (int i = 0; i < j->n_prompt; i++)
            put(&b, j->prompt[i], i, s, i == j->n_prompt - 1);
    double start = now_s();
    decode(j, &b);
    choose(j, &b, next);
    double first = now_s();
    for (int n = 1; n < j->n_token; n++) {
        b.n_tokens = 0;
        for (int s = 0; s < j->sessions; s++)
            put(&b, next[s], j->n_prompt + n - 1, s, true);
        decode(j, &b);
        choose(j, &b, next);
    }
    double end = now_s();
    llama_batch_free(b);
    if (!told)
        return;
    (void)printf("{\"prompt_tokens\": %d, \"tokens\": %d, \"sessions\": %d, \"first_s\": %.6f, "
                 "\"decode_s\": %.6f}\n",
                 j->n_prompt, j->n_token, j->sessions, first - start, end - first);
    (void)fflush(stdout);
}

/* The servers as devices. */
static void servers(ggml_backend_dev_t *device, char **endpoint, int n)
{
    for (int i = 0; i < n; i++) {
        ggml_backend_reg_t reg = ggml_backend_rpc_add_server(endpoint[i]);
        if (!reg || ggml_backend_reg_dev_count(reg) != 1)
            die("a server does not answer, or has not one device");
        device[i] = ggml_backend_reg_dev_get(reg, 0);
    }
    device[n] = NULL;
}

static void prompt_of(struct job *j, const char *text)
{
    int len = (int)strlen(text), cap = len + 8;
    llama_token *all = malloc((size_t)cap * sizeof *all);

    j->prompt = malloc((size_t)j->n_prompt * sizeof *j->prompt);
    if (!all || !j->prompt)
        die("out of memory");
    int n = llama_tokenize(j->vocab, text, len, all, cap, true, false);
    if (n < 1)
        die("the prompt has no tokens");
    for (int i = 0; i < j->n_prompt; i++)
        j->prompt[i] = all[i % n];
    free(all);
}

static void open_model(struct job *j, char **endpoint, int n)
{
    static ggml_backend_dev_t device[SERVERS_MAX + 1]; /* the model keeps the pointer */
    struct llama_model_params mp = llama_model_default_params();
    struct llama_context_params cp = llama_context_default_params();

    servers(device, endpoint, n);
    mp.devices = device;
    mp.n_gpu_layers = LAYERS_ALL;
    struct llama_model *model = llama_model_load_from_file(j->model, mp);
    if (!model)
        die("the model was refused");
    int ctx = j->n_prompt + j->n_token + CTX_SLACK;
    cp.n_ctx = (uint32_t)(ctx * j->sessions);
    cp.n_batch = (uint32_t)(j->n_prompt * j->sessions);
    cp.n_seq_max = (uint32_t)j->sessions;
    cp.n_threads = cp.n_threads_batch = j->threads;
    j->ctx = llama_init_from_model(model, cp);
    j->vocab = llama_model_get_vocab(model);
    if (!j->ctx)
        die("the context was refused");
}

int main(int argc, char **argv)
{
    struct job j = {0};
    char line[64];

    if (argc < 8 || argc - 7 > SERVERS_MAX)
        die("usage: MODEL PROMPT_TOKENS PROMPT TOKENS THREADS SESSIONS HOST:PORT...");
    j.model = argv[1];
    j.n_prompt = atoi(argv[2]);
    j.n_token = atoi(argv[4]);
    j.threads = atoi(argv[5]);
    j.sessions = atoi(argv[6]);
    if (j.n_prompt < 1 || j.n_token < 2 || j.threads < 1 || j.sessions < 1 ||
        j.sessions > SESSIONS_MAX)
        die("a number is out of range");
    llama_log_set(only_errors, NULL);
    llama_backend_init();
    open_model(&j, argv + 7, argc - 7);
    prompt_of(&j, argv[3]);
    round_of(&j, false);
    (void)printf("{\"ready\": true}\n");
    (void)fflush(stdout);
    while (fgets(line, sizeof line, stdin))
        round_of(&j, true);
    return 0;
}
