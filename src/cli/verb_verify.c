// SPDX-License-Identifier: MIT
/* splitup verify: anybody runs an execution again and compares with what its nodes committed to. */
#include "deploy.h"
#include "network.h"
#include "peer/peer.h"
#include "rerun.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define NAP_MS 20
#define INPUT_MS 20000u /* for an oracle to hand out the input */

/* What the nodes say of one task, as far as it is known. */
struct claim {
    bool known; /* roots are revealed */
    uint8_t inputs[32], outputs[32]; /* inputs: zeroes where only the outputs are told */
    bool has_inputs;
    char node[SU_CHAIN_TEXT];
};
enum agreement { NOT_RUN, NOT_REVEALED, EQUAL, INPUTS_DIFFER, OUTPUTS_DIFFER };
struct audit {
    struct cli *c;
    struct su_ops *o;
    const struct su_chain_env *env;
    struct su_chain_execution x;
    struct su_chain_model m;
    struct su_store *store;
    struct cli_peers peers;
    struct su_package *package;
    struct su_exec *exec;
    struct su_buf container;
    struct su_input input;
    uint64_t seed, until_ns;
    uint32_t steps;
    struct claim *claim; /* per task, like the next three */
    bool *wanted;
    struct cli_rerun_task *run;
    enum agreement *found;
    char execution[SU_CHAIN_TEXT];
};

static const char *agreement_name(enum agreement a)
{
    static const char *const name[] = {"not run", "not revealed", "equal", "inputs differ",
                                       "outputs differ"};

    return name[a];
}

/* ---- from the chain ------------------------------------------------------------------------- */

static bool is_zero(const uint8_t *p, size_t n)
{
    uint8_t any = 0;

    for (size_t i = 0; i < n; i++)
        any |= p[i];
    return any == 0;
}

static void nap(void)
{
    const struct timespec t = {.tv_nsec = NAP_MS * 1000000};

    (void)nanosleep(&t, NULL);
}

static bool may_wait(const struct audit *a)
{
    return su_clock_mono_ns() < a->until_ns && !cli_interrupted();
}

static enum su_code look_again(struct audit *a, const uint8_t key[32], struct su_err *e)
{
    su_chain_execution_fini(&a->x);
    return su_chain_execution_load(su_ops_chain(a->o), a->env, key, &a->x, e);
}

static enum su_code read_execution(struct audit *a, struct su_err *e)
{
    uint8_t key[32];
    enum su_code rc = su_chain_key_parse(a->c->arg[0], "EXECUTION", key, e);

    if (!rc)
        rc = look_again(a, key, e);
    while (!rc && a->x.execution->steps == 0 && may_wait(a)) {
        nap();
        rc = look_again(a, key, e);
    }
    if (rc == SU_ENOENT)
        return su_fail(e, SU_ENOENT, a->c->arg[0],
                       "no such execution, or its accounts are closed; what `splitup run --json` "
                       "printed still says enough: --result FILE");
    if (rc)
        return rc;
    (void)su_chain_key_text(key, a->execution);
    a->steps = a->x.execution->steps;
    a->seed = a->x.execution->seed;
    if (a->steps == 0)
        return su_fail(e, SU_EBUSY, a->execution, "has not been run yet; ask again later");
    return su_chain_model_load(su_ops_chain(a->o), a->env, a->x.execution->model, &a->m, e);
}

/* Notes the roots that are revealed; true when all are. */
static bool read_claims(struct audit *a)
{
    bool all = true;

    for (uint16_t i = 0; i < a->m.model->task_count; i++) {
        const struct su_acc_assignment *s = a->x.assignments[i];
        struct claim *k = &a->claim[i];
        if (k->known)
            continue;
        if (s)
            (void)su_chain_key_text(s->node, k->node);
        if (!s || is_zero(s->output_root, 32)) {
            all = false;
            continue;
        }
        k->known = k->has_inputs = true;
        memcpy(k->inputs, s->input_root, 32);
        memcpy(k->outputs, s->output_root, 32);
    }
    return all;
}

/* Roots stand on chain from the reveal to the closing of the accounts, which may be a moment. */
static enum su_code await_claims(struct audit *a, struct su_err *e)
{
    enum su_code rc = SU_OK;
    uint8_t key[32];

    memcpy(key, a->x.key, 32);
    while (!rc && !read_claims(a) && may_wait(a)) {
        nap();
        rc = look_again(a, key, e);
    }
    return rc == SU_ENOENT ? SU_OK : rc; /* closed: what was seen before counts */
}

/* The input, from the first oracle of the execution's epoch that hands it out. */
static enum su_code fetch_input(struct audit *a, struct su_err *e)
{
    const struct su_acc_execution *x = a->x.execution;
    const struct su_peer_call call = {.deadline_ms = INPUT_MS};
    struct su_chain_accounts configs = {0};
    const struct su_acc_config *config;
    struct su_err why = {0};
    uint8_t key[32];

    su_chain_addr_config(a->env, x->epoch, key);
    enum su_code rc = su_chain_config_get(su_ops_chain(a->o), key, &configs, &config, e);
    bool found = false;
    for (uint8_t i = 0; !rc && !found && i < config->oracle_count; i++) {
        struct su_chain_accounts list = {0};
        const struct su_acc_oracle *oracle;
        char endpoint[SU_ENDPOINT_MAX + 1];
        su_chain_addr_oracle(a->env, config->oracles[i].key, key);
        if (su_chain_oracle_get(su_ops_chain(a->o), key, &list, &oracle, NULL) == SU_OK) {
            su_str_sanitize(endpoint, sizeof endpoint, (const char *)oracle->endpoint,
                            oracle->endpoint_len);
            found = *endpoint && su_peer_input_get(endpoint, a->x.key, x->input_digest, &call,
                                                   &a->container, &why) == SU_OK;
        }
        su_chain_accounts_fini(&list);
    }
    su_chain_accounts_fini(&configs);
    if (!rc && !found) {
        char line[512];
        su_err_line(&why, line, sizeof line);
        rc = su_fail(e, why.code ? why.code : SU_ENOENT, a->execution,
                     "no oracle hands out its input (%s); give it with --input", line);
    }
    return rc;
}

/* ---- from what `splitup run` printed -------------------------------------------------------- */

static enum su_code read_tasks(struct audit *a, const struct su_json_value *root, struct su_err *e)
{
    const struct su_json_value *list = su_json_member(root, "tasks");
    uint32_t i = 0;
    const char *hex, *node;
    size_t n;

    for (const struct su_json_value *t = list ? su_json_first(list) : NULL; t;
         t = su_json_next(t), i++) {
        if (i >= a->m.model->task_count)
            return su_fail(e, SU_EFORMAT, "--result", "has more tasks than the model");
        struct claim *k = &a->claim[i];
        if (su_json_get_str(t, "node", &node, NULL) == SU_OK)
            su_str_sanitize(k->node, sizeof k->node, node, strlen(node));
        k->known = su_json_get_str(t, "output_root", &hex, NULL) == SU_OK &&
                   su_hex_decode(hex, k->outputs, 32, &n) && n == 32;
    }
    return i == a->m.model->task_count
               ? SU_OK
               : su_fail(e, SU_EFORMAT, "--result",
                         "has %" PRIu32 " tasks, the model %u; it should be what `splitup run "
                         "--json` printed of a final execution",
                         i, a->m.model->task_count);
}

/* `splitup run` prints an object per line; the last one is what became of it. */
static struct su_bytes last_line(const struct su_map *file)
{
    size_t end = file->len, begin;

    while (end > 0 && file->data[end - 1] == '\n')
        end--;
    for (begin = end; begin > 0 && file->data[begin - 1] != '\n';)
        begin--;
    return (struct su_bytes){file->data + begin, end - begin};
}

/* "input", "seed" and "steps", as far as they are told. */
static enum su_code read_asked(struct audit *a, const struct su_json_value *root, struct su_err *e)
{
    const char *input, *seed;
    uint64_t steps = 1;
    size_t n = 0;
    enum su_code rc = SU_OK;

    if (su_json_get_u64(root, "steps", &steps, NULL) == SU_OK && (steps == 0 || steps > 1u << 24))
        return su_fail(e, SU_EFORMAT, "--result", "\"steps\" is out of range");
    a->steps = (uint32_t)steps;
    if (su_json_get_str(root, "seed", &seed, NULL) == SU_OK)
        rc = su_parse_u64(seed, "seed", 0, UINT64_MAX, &a->seed, e);
    if (rc || su_json_get_str(root, "input", &input, NULL) != SU_OK)
        return rc;
    if (!su_buf_reserve(&a->container, strlen(input)) ||
        !su_base64_decode(input, a->container.data, a->container.cap, &n))
        return su_fail(e, SU_EFORMAT, "--result", "\"input\" is no base64");
    a->container.len = n;
    return SU_OK;
}

static enum su_code read_result(struct audit *a, const char *path, struct su_err *e)
{
    const struct su_json_value *root;
    struct su_json *doc = NULL;
    const char *model, *execution;
    uint8_t key[32];
    struct su_map file;
    enum su_code rc = su_map_open(path, 16u << 20, &file, e);

    if (rc)
        return rc;
    const struct su_bytes line = last_line(&file);
    rc = su_json_parse(line.data, line.len, path, NULL, &doc, e);
    su_map_close(&file);
    if (rc)
        return rc;
    root = su_json_root(doc);
    rc = su_json_get_str(root, "model", &model, e);
    if (!rc)
        rc = su_json_get_str(root, "execution", &execution, e);
    if (!rc)
        (void)su_str_copy(a->execution, sizeof a->execution, execution);
    if (!rc)
        rc = su_ops_model_find(a->o, model, key, e);
    if (!rc)
        rc = su_chain_model_load(su_ops_chain(a->o), a->env, key, &a->m, e);
    if (!rc) {
        a->claim = su_alloc(a->m.model->task_count * sizeof *a->claim);
        rc = read_tasks(a, root, e);
    }
    if (!rc)
        rc = read_asked(a, root, e);
    su_json_free(doc);
    return rc;
}

static enum su_code make_input(struct audit *a, const char *path, struct su_err *e)
{
    const char *index = cli_get(a->c, "--index");
    struct su_digits *digits = NULL;
    uint64_t at = 0;
    float pixel[784];
    enum su_code rc = su_digits_open(path, &digits, e);

    if (!rc && index)
        rc = su_parse_u64(index, "--index", 0, su_digits_count(digits) - 1, &at, e);
    if (!rc)
        rc = su_digits_get(digits, at, pixel, e);
    if (!rc)
        rc = cli_digit_input(&a->m, pixel, &a->container, e);
    su_digits_close(digits);
    return rc;
}

/* ---- preparing ------------------------------------------------------------------------------ */

static enum su_code find_out(struct audit *a, struct su_err *e)
{
    const char *result = cli_get(a->c, "--result"), *input = cli_get(a->c, "--input");
    const struct su_params *params;
    uint8_t digest[32];
    enum su_code rc = su_ops_env(a->o, &a->env, &params, e);

    if (rc)
        return rc;
    rc = result ? read_result(a, result, e) : read_execution(a, e);
    if (!rc && !a->claim)
        a->claim = su_alloc(a->m.model->task_count * sizeof *a->claim);
    if (!rc && input) {
        su_buf_clear(&a->container);
        rc = make_input(a, input, e);
    } else if (!rc && !result) {
        rc = fetch_input(a, e);
    } else if (!rc && a->container.len == 0) {
        rc = su_fail(e, SU_EUSAGE, "--input", "is missing; this result does not tell what went in");
    }
    if (!rc && !result) {
        su_sha256(a->container.data, a->container.len, digest);
        if (memcmp(digest, a->x.execution->input_digest, 32) != 0)
            rc = su_fail(e, SU_EDIGEST, "--input", "is not what the execution was asked with");
    }
    if (!rc)
        rc = su_input_decode(a->container.data, a->container.len, &a->input, e);
    return rc;
}

static enum su_code choose_tasks(struct audit *a, struct su_err *e)
{
    const char *only = cli_get(a->c, "--task");
    uint32_t n = a->package->n_task;
    uint64_t task = 0;
    enum su_code rc = SU_OK;

    a->wanted = su_alloc(n);
    a->run = su_alloc(n * sizeof *a->run);
    a->found = su_alloc(n * sizeof *a->found);
    if (only)
        rc = su_parse_u64(only, "--task", 0, n - 1, &task, e);
    for (uint32_t i = 0; i < n; i++)
        a->wanted[i] = !only || i == task;
    return rc;
}

/* The cpu unless something else is asked for: nodes check each other on what they have. */
static enum su_code open_backend(struct audit *a, struct su_err *e)
{
    const struct su_exec_opts cpu = {.backend = SU_BACKEND_CPU};

    if (cli_get(a->c, "--backend") || cli_get(a->c, "--device") || cli_get(a->c, "--threads"))
        return cli_exec_open(a->c, &a->exec, e);
    return su_exec_open(&cpu, &a->exec, e);
}

static enum su_code prepare(struct audit *a, struct su_err *e)
{
    const struct su_store_hooks hooks = cli_store_hooks(a->c);
    const char *wait = cli_get(a->c, "--wait");
    uint64_t seconds = 0;
    enum su_code rc = cli_peers_parse(a->c, &a->peers, e);

    if (!rc && wait)
        rc = su_parse_u64(wait, "--wait", 0, 86400, &seconds, e);
    a->until_ns = su_clock_mono_ns() + seconds * UINT64_C(1000000000);
    if (!rc)
        rc = find_out(a, e);
    if (!rc && a->x.execution)
        (void)read_claims(a);
    if (!rc)
        rc = cli_store_open(NULL, &a->store, e);
    if (!rc)
        rc = cli_package_of(&a->m, a->store, &a->peers, &hooks, &a->package, e);
    if (!rc)
        rc = choose_tasks(a, e);
    if (!rc)
        rc = cli_package_weights(&a->m, a->package, a->store, &a->peers, &hooks, e);
    cli_progress_clear(a->c);
    return rc ? rc : open_backend(a, e);
}

/* ---- comparing ------------------------------------------------------------------------------ */

static enum su_code compare(struct audit *a, struct su_err *e)
{
    struct cli_rerun r = {.package = a->package,
                          .store = a->store,
                          .exec = a->exec,
                          .input = &a->input,
                          .seed = a->seed,
                          .steps = a->steps,
                          .wanted = a->wanted};
    enum su_code rc = a->x.execution ? await_claims(a, e) : SU_OK;

    if (!rc)
        rc = cli_rerun(&r, a->run, e);
    for (uint32_t i = 0; i < a->package->n_task && !rc; i++) {
        const struct claim *k = &a->claim[i];
        const struct su_trace_roots *got = &a->run[i].roots;
        a->found[i] = !a->run[i].done || !a->wanted[i]                           ? NOT_RUN
                      : !k->known                                                ? NOT_REVEALED
                      : k->has_inputs && memcmp(k->inputs, got->inputs, 32) != 0 ? INPUTS_DIFFER
                      : memcmp(k->outputs, got->outputs, 32) != 0                ? OUTPUTS_DIFFER
                                                                                 : EQUAL;
    }
    return rc;
}

static enum su_code verdict(const struct audit *a, struct su_err *e)
{
    uint32_t unknown = 0, equal = 0;

    for (uint32_t i = 0; i < a->package->n_task; i++) {
        if (a->found[i] == INPUTS_DIFFER || a->found[i] == OUTPUTS_DIFFER)
            return su_fail(e, SU_EDIGEST, a->execution, "task %" PRIu32 ": %s from this machine's",
                           i, a->found[i] == INPUTS_DIFFER ? "inputs differ" : "outputs differ");
        unknown += a->found[i] == NOT_REVEALED;
        equal += a->found[i] == EQUAL;
    }
    return equal == 0 && unknown > 0
               ? su_fail(e, SU_EBUSY, a->execution,
                         "no node has revealed its roots yet; ask again later")
               : SU_OK;
}

static enum su_code print_json(const struct audit *a, bool agree, struct su_err *e)
{
    struct su_json_writer w;
    struct su_buf b;

    su_buf_init(&b, 0);
    su_json_writer_init(&w, &b, 0);
    su_json_put_object(&w, NULL);
    su_json_put_str(&w, "execution", a->execution);
    su_json_put_str(&w, "model", a->package->name);
    su_json_put_str(&w, "backend", su_backend_name(su_exec_backend(a->exec)));
    su_json_put_u64(&w, "steps", a->steps);
    su_json_put_bool(&w, "agree", agree);
    su_json_put_array(&w, "tasks");
    for (uint32_t i = 0; i < a->package->n_task; i++) {
        if (!a->wanted[i])
            continue;
        su_json_put_object(&w, NULL);
        su_json_put_u64(&w, "index", i);
        su_json_put_str(&w, "node", a->claim[i].node);
        su_json_put_str(&w, "found", agreement_name(a->found[i]));
        su_json_put_double(&w, "ms", a->run[i].ms);
        su_json_put_hex(&w, "output_root", a->run[i].roots.outputs, 32);
        if (a->claim[i].known)
            su_json_put_hex(&w, "claimed_root", a->claim[i].outputs, 32);
        else
            su_json_put_null(&w, "claimed_root");
        su_json_end_object(&w);
    }
    su_json_end_array(&w);
    su_json_end_object(&w);
    return cli_print_json(&b, e);
}

static enum su_code print_text(const struct audit *a, struct su_err *e)
{
    static const char *const title[] = {">TASK", "NODE", ">MS", "ROOTS"};
    struct cli_table t;

    printf("execution  %s\nmodel      %s, %" PRIu32 " step%s, run again on %s\n\n", a->execution,
           a->package->name, a->steps, a->steps == 1 ? "" : "s", su_exec_device_name(a->exec));
    cli_table_init(&t, title, SU_ARRAY_LEN(title));
    for (uint32_t i = 0; i < a->package->n_task; i++) {
        if (!a->wanted[i])
            continue;
        cli_table_cell(&t, "%" PRIu32, i);
        cli_table_cell(&t, "%s", a->claim[i].node);
        cli_table_cell(&t, "%.2f", a->run[i].ms);
        cli_table_cell(&t, "%s", agreement_name(a->found[i]));
    }
    cli_table_print(&t);
    return cli_flush(e);
}

static enum su_code tell(struct audit *a, struct su_err *e)
{
    struct su_err why = {0};
    enum su_code found = verdict(a, &why), rc;

    rc = cli_has(a->c, "--json") ? print_json(a, found == SU_OK, e) : print_text(a, e);
    if (!rc && found && e)
        *e = why;
    return rc ? rc : found;
}

static void audit_fini(struct audit *a)
{
    free(a->claim);
    free(a->wanted);
    free(a->run);
    free(a->found);
    su_buf_fini(&a->container);
    if (a->exec)
        (void)su_exec_close(a->exec, NULL);
    su_package_free(a->package);
    su_store_close(a->store);
    su_chain_model_fini(&a->m);
    su_chain_execution_fini(&a->x);
    su_ops_close(a->o);
    free(a);
}

static enum su_code run(struct cli *c, struct su_err *e)
{
    struct audit *a = su_alloc(sizeof *a);
    enum su_code rc = SU_OK;

    a->c = c;
    su_buf_init(&a->container, SU_INPUT_BYTES_MAX);
    if ((c->n_arg == 1) == (cli_get(c, "--result") != NULL))
        rc = su_fail(e, SU_EUSAGE, "verify", "needs an EXECUTION, or --result FILE in its place");
    if (!rc)
        rc = cli_ops_open(c, &a->o, e);
    if (!rc)
        rc = prepare(a, e);
    if (!rc)
        rc = compare(a, e);
    if (!rc)
        rc = tell(a, e);
    audit_fini(a);
    return rc;
}

const struct cli_verb cli_verb_verify = {
    .name = "verify",
    .args = "[EXECUTION]",
    .summary = "Run an execution again and compare it with what was committed",
    .detail =
        "Needs nobody's leave: the input comes from an oracle, the model's package and weights "
        "from where its URI says or from --peer, and every task is computed again on this "
        "machine, from the start, on the cpu unless --backend says otherwise. The roots are those "
        "that the nodes have revealed on chain; they stand there until the execution's accounts "
        "are closed, soon after it is settled. After that --result takes all this from what "
        "`splitup run --json` printed; --input then says what went in, instead. Status 0: every "
        "revealed root "
        "is the one computed here; 9: one is not; 16: nothing is revealed yet.",
    .max_arg = 1,
    .option = {{"--wait", "SECONDS", "wait so long for roots to be revealed (default 0)"},
               {"--task", "N", "compare this task alone; what feeds it is run too"},
               {"--result", "FILE", "what `splitup run --json` printed, in place of EXECUTION"},
               {"--input", "FILE",
                "the digit that was asked with (default: from an oracle, or FILE)"},
               {"--index", "N", "which digit of the file, counted from 0 (default 0)"},
               {"--backend", "vulkan|cpu|reference", "(default: cpu)"},
               {"--device", "NAME", "Vulkan device: its number or part of its name"},
               {"--threads", "N", "of the cpu backend (default: all processors)"},
               CLI_OPTION_PEER,
               CLI_OPTION_URL,
               CLI_OPTION_KEYPAIR,
               CLI_OPTION_PASSPHRASE,
               CLI_OPTION_JSON},
    .run = run,
};
