// SPDX-License-Identifier: MIT
/* splitup store, models, graph: looking at what lies on this disk. */
#include "deploy.h"
#include "http/http.h"

#include <poll.h>
#include <signal.h>
#include <string.h>

static const char *plural(uint64_t n)
{
    return n == 1 ? "" : "s";
}

struct listing {
    struct cli_table table;
    struct su_json_writer *json;
    uint64_t blobs, bytes;
};

static bool list_one(void *ctx, const struct su_store_entry *b)
{
    struct listing *l = ctx;
    char hex[2 * SU_STORE_ID_BYTES + 1], size[32];
    su_hex_encode(b->id, SU_STORE_ID_BYTES, hex, sizeof hex);
    l->blobs++;
    l->bytes += b->bytes;
    if (l->json) {
        su_json_put_object(l->json, NULL);
        su_json_put_str(l->json, "id", hex);
        su_json_put_u64(l->json, "bytes", b->bytes);
        su_json_put_u64(l->json, "pins", b->pins);
        su_json_put_bool(l->json, "partial", b->partial);
        su_json_put_i64(l->json, "used_ms", b->used_ms);
        su_json_put_i64(l->json, "expire_ms", b->expire_ms);
        su_json_end_object(l->json);
    } else {
        cli_table_cell(&l->table, "%s", hex);
        cli_table_cell(&l->table, "%s", su_format_size(b->bytes, size, sizeof size));
        cli_table_cell(&l->table, "%u", b->pins);
        cli_table_cell(&l->table, "%s", b->partial ? "in part" : "whole");
    }
    return !cli_interrupted();
}

static enum su_code store_ls(const struct cli *c, struct su_store *s, struct su_err *e)
{
    static const char *const title[] = {"ID", ">SIZE", ">PINS", "HERE"};
    struct listing l = {0};
    struct su_json_writer w;
    struct su_buf b;
    su_buf_init(&b, 0);
    cli_table_init(&l.table, title, SU_ARRAY_LEN(title));
    if (cli_has(c, "--json")) {
        su_json_writer_init(&w, &b, 0);
        su_json_put_object(&w, NULL);
        su_json_put_array(&w, "blobs");
        l.json = &w;
    }
    enum su_code rc = su_store_ls(s, list_one, &l, e);
    if (rc == SU_OK && l.json) {
        su_json_end_array(&w);
        su_json_put_u64(&w, "bytes", l.bytes);
        su_json_end_object(&w);
        su_buf_fini(&l.table.cells);
        return cli_print_json(&b, e);
    }
    su_buf_fini(&b);
    if (rc != SU_OK) {
        su_buf_fini(&l.table.cells);
        return rc;
    }
    char size[32];
    cli_table_print(&l.table);
    printf("%llu blob%s, %s\n", (unsigned long long)l.blobs, plural(l.blobs),
           su_format_size(l.bytes, size, sizeof size));
    return SU_OK;
}

static enum su_code store_gc(const struct cli *c, struct su_store *s, struct su_err *e)
{
    uint64_t budget = UINT64_MAX;
    struct su_store_gc_report r;
    char a[32], b[32];
    enum su_code rc = SU_OK;
    if (cli_get(c, "--budget"))
        rc = su_parse_size(cli_get(c, "--budget"), "--budget", &budget, e);
    if (rc == SU_OK)
        rc = su_store_gc(s, budget, &r, e);
    if (rc != SU_OK)
        return rc;
    if (cli_has(c, "--json")) {
        struct su_json_writer w;
        struct su_buf out;
        su_buf_init(&out, 0);
        su_json_writer_init(&w, &out, 0);
        su_json_put_object(&w, NULL);
        su_json_put_u64(&w, "removed_blobs", r.removed_blobs);
        su_json_put_u64(&w, "removed_bytes", r.removed_bytes);
        su_json_put_u64(&w, "removed_parts", r.removed_parts);
        su_json_put_u64(&w, "removed_orphans", r.removed_orphans);
        su_json_put_u64(&w, "kept_blobs", r.kept_blobs);
        su_json_put_u64(&w, "kept_bytes", r.kept_bytes);
        su_json_put_u64(&w, "pinned_bytes", r.pinned_bytes);
        su_json_end_object(&w);
        return cli_print_json(&out, e);
    }
    printf("removed %llu blob%s (%s), %llu stale download%s, %llu stray file%s; kept %llu blob%s "
           "(%s)\n",
           (unsigned long long)r.removed_blobs, plural(r.removed_blobs),
           su_format_size(r.removed_bytes, a, sizeof a), (unsigned long long)r.removed_parts,
           plural(r.removed_parts), (unsigned long long)r.removed_orphans,
           plural(r.removed_orphans), (unsigned long long)r.kept_blobs, plural(r.kept_blobs),
           su_format_size(r.kept_bytes, b, sizeof b));
    return SU_OK;
}

static void print_bad(void *ctx, const struct su_store_bad *bad)
{
    char hex[2 * SU_STORE_ID_BYTES + 1];
    cli_progress_clear(ctx);
    su_hex_encode(bad->id, SU_STORE_ID_BYTES, hex, sizeof hex);
    fprintf(stderr, "bad %s: %s\n", hex, bad->err.msg);
}

static enum su_code store_verify(struct cli *c, struct su_store *s, struct su_err *e)
{
    uint8_t id[SU_STORE_ID_BYTES];
    uint64_t checked = 0, damaged = 0;
    size_t len = 0;
    struct su_store_hooks hooks = cli_store_hooks(c);
    if (c->n_arg > 1 && (!su_hex_decode(c->arg[1], id, sizeof id, &len) || len != sizeof id))
        return su_fail(e, SU_EINVAL, c->arg[1],
                       "is no blob id; give 64 hexadecimal digits as `splitup store ls` shows");
    enum su_code rc =
        su_store_verify(s, c->n_arg > 1 ? id : NULL, &hooks, print_bad, c, &checked, &damaged, e);
    cli_progress_clear(c);
    if (rc != SU_OK && rc != SU_EDIGEST)
        return rc;
    if (cli_has(c, "--json")) {
        struct su_json_writer w;
        struct su_buf out;
        su_buf_init(&out, 0);
        su_json_writer_init(&w, &out, 0);
        su_json_put_object(&w, NULL);
        su_json_put_u64(&w, "checked", checked);
        su_json_put_u64(&w, "damaged", damaged);
        su_json_end_object(&w);
        enum su_code printed = cli_print_json(&out, e);
        return rc == SU_OK ? printed : rc;
    }
    printf("%llu blob%s checked, %llu damaged\n", (unsigned long long)checked, plural(checked),
           (unsigned long long)damaged);
    return rc;
}

/* put FILE and get URI end with the blob's id on stdout. */
static enum su_code store_add(struct cli *c, struct su_store *s, bool fetch, struct su_err *e)
{
    uint8_t id[SU_STORE_ID_BYTES];
    char hex[2 * SU_STORE_ID_BYTES + 1];
    struct su_store_fetch f = {.hooks = cli_store_hooks(c)};
    if (c->n_arg < 2)
        return su_fail(e, SU_EUSAGE, c->arg[0], "needs a %s",
                       fetch ? "URI: file:, http:, https: or sha256:" : "file");
    enum su_code rc = fetch ? su_store_fetch(s, c->arg[1], &f, id, e)
                            : su_store_put_file(s, c->arg[1], &f.hooks, id, e);
    cli_progress_clear(c);
    if (rc != SU_OK)
        return rc;
    su_hex_encode(id, sizeof id, hex, sizeof hex);
    printf("%s\n", hex);
    return SU_OK;
}

/* ---- serving --------------------------------------------------------------------------------- */

static void handle(void *ctx, const struct su_http_call *call, struct su_http_answer *a)
{
    (void)su_store_serve(ctx, call, a);
}

static enum su_code print_serving(const struct cli *c, const char *bind, uint16_t port,
                                  struct su_err *e)
{
    char url[128];
    struct su_json_writer w;
    struct su_buf b;

    (void)snprintf(url, sizeof url, strchr(bind, ':') ? "http://[%s]:%u" : "http://%s:%u", bind,
                   port);
    if (!cli_has(c, "--json")) {
        printf("serving this store at %s; SIGINT or SIGTERM ends it\n", url);
        return cli_flush(e);
    }
    su_buf_init(&b, 0);
    su_json_writer_init(&w, &b, 0);
    su_json_put_object(&w, NULL);
    su_json_put_str(&w, "url", url);
    su_json_end_object(&w);
    return cli_print_json(&b, e);
}

static void on_terminate(int signal_number)
{
    (void)signal_number;
    (void)raise(SIGINT);
}

static enum su_code store_serve(const struct cli *c, struct su_store *s, struct su_err *e)
{
    const char *bind = cli_get(c, "--bind") ? cli_get(c, "--bind") : "127.0.0.1";
    struct su_http_server_opts o = {
        .bind = bind, .port = CLI_STORE_PORT, .idle_ms = 60000, .handler = handle, .ctx = s};
    struct sigaction act = {.sa_handler = on_terminate}, old;
    struct pollfd wake = {.fd = cli_interrupt_fd(), .events = POLLIN};
    struct su_http_server *server = NULL;
    uint64_t port = o.port;
    enum su_code rc = SU_OK;

    if (wake.fd < 0)
        return su_fail(e, SU_EIO, "store", "no file descriptors left to wait with");
    if (cli_get(c, "--port"))
        rc = su_parse_u64(cli_get(c, "--port"), "--port", 0, 65535, &port, e);
    o.port = (uint16_t)port;
    sigemptyset(&act.sa_mask);
    sigaction(SIGTERM, &act, &old);
    if (!rc)
        rc = su_http_server_start(&o, &server, e);
    if (!rc)
        rc = print_serving(c, bind, su_http_server_port(server), e);
    while (!rc && !cli_interrupted())
        (void)poll(&wake, 1, -1);
    su_http_server_stop(server);
    sigaction(SIGTERM, &old, NULL);
    return rc;
}

static enum su_code check_words(const struct cli *c, const char *verb, struct su_err *e)
{
    static const struct {
        const char *option, *verbs, *say;
    } only[] = {{"--budget", " gc ", "is for store gc"},
                {"--bind", " serve ", "is for store serve"},
                {"--port", " serve ", "is for store serve"},
                {"--json", " ls gc verify serve ", "store put and get print the id alone"}};
    char padded[32];

    (void)snprintf(padded, sizeof padded, " %s ", verb);
    if (c->n_arg > 1 && strstr(" ls gc serve ", padded))
        return su_fail(e, SU_EUSAGE, c->arg[1], "one word too many after store %s", verb);
    for (size_t i = 0; i < SU_ARRAY_LEN(only); i++)
        if (cli_has(c, only[i].option) && !strstr(only[i].verbs, padded))
            return su_fail(e, SU_EUSAGE, only[i].option, "%s; leave it out of store %s",
                           only[i].say, verb);
    return SU_OK;
}

static enum su_code run_store(struct cli *c, struct su_err *e)
{
    static const char *const word[] = {"ls", "gc", "verify", "put", "get", "serve"};
    unsigned which = 0;
    while (which < SU_ARRAY_LEN(word) && strcmp(c->arg[0], word[which]) != 0)
        which++;
    if (which == SU_ARRAY_LEN(word))
        return su_fail(e, SU_EUSAGE, c->arg[0],
                       "is no store command; give ls, gc, verify, put, get or serve");
    struct su_store *s = NULL;
    enum su_code rc = check_words(c, word[which], e);
    if (rc == SU_OK)
        rc = cli_store_open(cli_get(c, "--dir"), &s, e);
    if (rc != SU_OK)
        return rc;
    switch (which) {
    case 0:
        rc = store_ls(c, s, e);
        break;
    case 1:
        rc = store_gc(c, s, e);
        break;
    case 2:
        rc = store_verify(c, s, e);
        break;
    case 5:
        rc = store_serve(c, s, e);
        break;
    default:
        rc = store_add(c, s, which == 4, e);
    }
    su_store_close(s);
    return rc;
}

const struct cli_verb cli_verb_store = {
    .name = "store",
    .args = "ls|gc|verify [ID]|put FILE|get URI|serve",
    .summary = "List, clean, check, fill or serve the store of weights and tensors",
    .detail = "Blobs are named by the root of a Merkle tree over their bytes. ls lists them; gc "
              "removes expired ones, then the least "
              "recently used beyond --budget, never a pinned one; verify reads every byte again "
              "and sets damaged ones aside; put "
              "stores a file; get fetches file:, http:, https: or sha256: URIs, resuming broken "
              "downloads; serve gives blobs to others over HTTP, whole or in ranges, until SIGINT "
              "or SIGTERM: with --json the first line is an object with its url.",
    .min_arg = 1,
    .max_arg = 2,
    .option = {{"--dir", "FOLDER", "the store (default: blobs/ in $SPLITUP_HOME)"},
               {"--budget", "SIZE", "gc: bytes to keep at most"},
               {"--bind", "IP", "serve: numeric address (default: 127.0.0.1)"},
               {"--port", "N", "serve: TCP port, 0 for any free one (default: 8898)"},
               {"--json", NULL, "print one JSON object (ls, gc, verify, serve)"}},
    .run = run_store,
};

/* ---- models ---------------------------------------------------------------------------------- */

static enum su_code run_models(struct cli *c, struct su_err *e)
{
    struct su_buf b;
    (void)c;
    su_buf_init(&b, 0);
    enum su_code rc = su_model_list(&b, e);
    if (rc == SU_OK)
        rc = su_buf_check(&b, "models", e);
    if (rc == SU_OK && b.len)
        fwrite(b.data, 1, b.len, stdout);
    su_buf_fini(&b);
    return rc;
}

const struct cli_verb cli_verb_models = {
    .name = "models",
    .args = "",
    .summary = "List the models found on this machine",
    .detail = "Looks in the folders of $SPLITUP_MODELS, beside the program's installation, and in "
              "its source tree.",
    .run = run_models,
};

/* ---- graph ----------------------------------------------------------------------------------- */

static enum su_code run_graph(struct cli *c, struct su_err *e)
{
    struct su_graph *g = NULL;
    struct su_buf b;
    if (strcmp(c->arg[0], "dump") != 0)
        return su_fail(e, SU_EUSAGE, c->arg[0], "is no graph command; give dump");
    enum su_code rc = su_graph_load(c->arg[1], &g, e);
    if (rc != SU_OK)
        return rc;
    su_buf_init(&b, 0);
    rc = su_graph_dump(g, &b, e);
    if (rc == SU_OK)
        rc = su_buf_check(&b, "dump", e);
    if (rc == SU_OK && b.len)
        fwrite(b.data, 1, b.len, stdout);
    su_buf_fini(&b);
    su_graph_free(g);
    return rc;
}

const struct cli_verb cli_verb_graph = {
    .name = "graph",
    .args = "dump FILE",
    .summary = "Print the tensor program in a .graph file and its digest",
    .detail = "FILE holds the canonical bytes of a graph; anything else is refused with the offset "
              "of the first fault.",
    .min_arg = 2,
    .max_arg = 2,
    .run = run_graph,
};
