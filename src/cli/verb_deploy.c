// SPDX-License-Identifier: MIT
/* splitup-deploy: a model on chain, for anybody's nodes. */
#include "deploy.h"

#include <string.h>

/* ---- register ------------------------------------------------------------------------------- */

enum su_code cli_package_uri(const struct cli *c, const uint8_t id[32], char out[SU_URI_MAX + 1],
                             struct su_err *e)
{
    const char *serve = cli_get(c, "--serve-url");
    char hex[65], own[64];
    size_t len;

    (void)snprintf(own, sizeof own, "http://127.0.0.1:%u", CLI_STORE_PORT);
    serve = serve ? serve : own;
    (void)su_hex_encode(id, 32, hex, sizeof hex);
    if (strcmp(serve, "sha256") == 0) {
        (void)snprintf(out, SU_URI_MAX + 1, "sha256:%s", hex);
        return SU_OK;
    }
    if (!su_str_starts(serve, "http://") && !su_str_starts(serve, "https://"))
        return su_fail(e, SU_EINVAL, "--serve-url",
                       "give http://HOST:PORT of a store, or sha256 for \"whoever has it\"");
    for (len = strlen(serve); len > 0 && serve[len - 1] == '/';)
        len--;
    int n =
        snprintf(out, SU_URI_MAX + 1, "%.*s/blob/%s", (int)SU_MIN(len, (size_t)200), serve, hex);
    return n >= 0 && (unsigned)n <= SU_URI_MAX
               ? SU_OK
               : su_fail(e, SU_ELIMIT, "--serve-url", "leaves the URI longer than %u bytes",
                         SU_URI_MAX);
}

static enum su_code deploy_register(struct cli *c, struct su_ops *o, struct su_err *e)
{
    const char *word = cli_get(c, "--model") ? cli_get(c, "--model") : c->arg[1];
    struct su_ops_proposal p = {.n_tx = 0};
    struct cli_deployed d = {.plan = NULL};
    struct su_store *store = NULL;
    char uri[SU_URI_MAX + 1];
    uint8_t key[32];
    uint64_t percent = 0;
    enum su_code rc = cli_may_sign(c, e);

    if (!rc && c->n_arg > 1 && cli_get(c, "--model"))
        rc = su_fail(e, SU_EUSAGE, c->arg[1], "is a second model beside --model; give one");
    if (!rc && !word)
        rc = su_fail(e, SU_EUSAGE, "register", "needs a model: --model NAME, PATH or hf://...");
    if (!rc && !cli_has(c, "--dry-run"))
        rc = cli_store_open(NULL, &store, e);
    if (!rc)
        rc = cli_deployed_open(c, word, cli_get(c, "--name"), store, &d, e);
    if (!rc)
        rc = cli_package_uri(c, d.id, uri, e);
    if (!rc && cli_get(c, "--sampling"))
        rc = su_parse_u64(cli_get(c, "--sampling"), "--sampling", 1, 100, &percent, e);
    const struct su_ops_model f = {
        .package = d.package, .uri = uri, .sampling_ppm = (uint32_t)percent * (SU_PPM / 100)};
    if (!rc)
        rc = su_ops_model_prepare(o, &f, &p, key, e);
    if (!rc)
        rc = cli_propose(c, o, &p, e);
    su_ops_proposal_fini(&p);
    cli_deployed_close(&d);
    su_store_close(store);
    return rc;
}

static enum su_code run(struct cli *c, struct su_err *e)
{
    static const char *const words[] = {"register", "info", "list", "test-execution"};
    static enum su_code (*const act[])(struct cli *, struct su_ops *, struct su_err *) = {
        deploy_register, cli_deploy_info, cli_deploy_list, cli_deploy_test};
    static const unsigned least[] = {0, 1, 0, 1}, most[] = {1, 1, 0, 1};
    struct su_ops *o = NULL;
    size_t i;
    enum su_code rc = cli_subcommand(c, words, SU_ARRAY_LEN(words), &i, e);

    if (!rc)
        rc = cli_words(c, least[i], most[i], e);
    if (!rc)
        rc = cli_ops_open(c, &o, e);
    if (!rc)
        rc = act[i](c, o, e);
    su_ops_close(o);
    return rc;
}

const struct cli_verb cli_verb_deploy = {
    .name = "deploy",
    .args = "register [MODEL]|info ADDRESS|list|test-execution MODEL",
    .summary = "Register a model and its tasks on chain, try it out, look at it",
    .detail =
        "Also called as splitup-deploy. register cuts the model as `splitup plan` does, puts its "
        "weights and its definition, the package, into this machine's store, and writes the "
        "model, its tasks, their connections and the end of the draft in as many transactions as "
        "it takes; after an interruption the same command goes on where it stopped. A weight file "
        "is cloned where the file system can, linked when nobody may write to it, and else "
        "copied. Nodes fetch package and weights from where --serve-url says: run `splitup store "
        "serve` there. test-execution runs the model task by task on two backends before anybody "
        "pays for that, and fails when they differ by a bit. info shows a model's tasks with the "
        "digests that nodes check, and whether its package keeps to them; list shows every model "
        "of the cluster. The chain keeps a name of a model, but no description.",
    .min_arg = 1,
    .max_arg = 2,
    .option = {{"--model", "MODEL",
                "register: a model's name, a path, or hf://ORG/REPO[/FILE][@REV]; also as a word"},
               {"--target-vram", "SIZE",
                "register, test-execution: memory of one device; required"},
               {"--ctx", "N", "positions of a session (default: the model's, at most 8192)"},
               {"--sessions", "N", "sessions whose state each task holds (default 1)"},
               {"--batch", "N", "rows of the largest dispatch (default: 1; of language models 64)"},
               {"--name", "NAME",
                "register: name on chain, at most 32 bytes (default: the model's)"},
               {"--serve-url", "URL",
                "register: where this machine's store is served (default: "
                "http://127.0.0.1:8898), or sha256: with whoever has it"},
               {"--sampling", "PERCENT",
                "register: of how many executions each task is checked (default: the network's "
                "least)"},
               {"--input", "FILE", "test-execution: a file of digits (default: made-up numbers)"},
               {"--index", "N", "test-execution: which digit, counted from 0"},
               {"--steps", "N", "test-execution: how many steps (default 1; with states 8)"},
               {"--backends", "A,B",
                "test-execution: which two (default: vulkan,cpu with a GPU, else cpu,reference)"},
               CLI_OPTION_PEER,
               CLI_OPTION_URL,
               CLI_OPTION_KEYPAIR,
               CLI_OPTION_PASSPHRASE,
               CLI_OPTION_YES,
               CLI_OPTION_DRY_RUN,
               CLI_OPTION_JSON},
    .run = run,
};
