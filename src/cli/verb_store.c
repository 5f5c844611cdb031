// SPDX-License-Identifier: MIT
/* splitup store, models, graph: looking at what lies on this disk. */
#include "cli_priv.h"

#include <string.h>

static enum su_code open_store(const struct cli *c, struct su_store **out, struct su_err *e)
{
    char home[3900], dir[4096];
    const char *given = cli_get(c, "--dir");
    *out = NULL;
    if (!given) {
        enum su_code rc = su_home_dir(home, sizeof home, e);
        if (rc == SU_OK)
            rc = su_path_join(dir, sizeof dir, home, "blobs", e);
        if (rc != SU_OK)
            return rc;
    }
    return su_store_open(given ? given : dir, NULL, out, e);
}

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
        su_json_put_i64(l->json, "used_ms", b->used_ms);
        su_json_put_i64(l->json, "expire_ms", b->expire_ms);
        su_json_end_object(l->json);
    } else {
        cli_table_cell(&l->table, "%s", hex);
        cli_table_cell(&l->table, "%s", su_format_size(b->bytes, size, sizeof size));
        cli_table_cell(&l->table, "%u", b->pins);
    }
    return !cli_interrupted();
}

static enum su_code store_ls(const struct cli *c, struct su_store *s, struct su_err *e)
{
    static const char *const title[] = {"ID", ">SIZE", ">PINS"};
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

static bool hook_cancelled(void *ctx)
{
    (void)ctx;
    return cli_interrupted();
}

static void hook_progress(void *ctx, const struct su_progress *p)
{
    cli_progress(ctx, "store", p, false);
}

static struct su_store_hooks hooks_of(struct cli *c)
{
    return (struct su_store_hooks){
        .cancelled = hook_cancelled, .progress = hook_progress, .ctx = c};
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
    struct su_store_hooks hooks = hooks_of(c);
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
    struct su_store_fetch f = {.hooks = hooks_of(c)};
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

static enum su_code run_store(struct cli *c, struct su_err *e)
{
    static const char *const word[] = {"ls", "gc", "verify", "put", "get"};
    unsigned which = 0;
    while (which < SU_ARRAY_LEN(word) && strcmp(c->arg[0], word[which]) != 0)
        which++;
    if (which == SU_ARRAY_LEN(word))
        return su_fail(e, SU_EUSAGE, c->arg[0],
                       "is no store command; give ls, gc, verify, put or get");
    if (c->n_arg > 1 && which < 2)
        return su_fail(e, SU_EUSAGE, c->arg[1], "one word too many after store %s", c->arg[0]);
    if (cli_has(c, "--budget") && which != 1)
        return su_fail(e, SU_EUSAGE, "--budget", "is for store gc, not for store %s", c->arg[0]);
    if (cli_has(c, "--json") && which > 2)
        return su_fail(e, SU_EUSAGE, "--json", "store %s prints the id alone; leave it out",
                       c->arg[0]);
    struct su_store *s = NULL;
    enum su_code rc = open_store(c, &s, e);
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
    default:
        rc = store_add(c, s, which == 4, e);
    }
    su_store_close(s);
    return rc;
}

const struct cli_verb cli_verb_store = {
    .name = "store",
    .args = "ls|gc|verify [ID]|put FILE|get URI",
    .summary = "List, clean, check or fill the store of weights and tensors",
    .detail = "Blobs are named by the root of a Merkle tree over their bytes. ls lists them; gc "
              "removes expired ones, then the least "
              "recently used beyond --budget, never a pinned one; verify reads every byte again "
              "and sets damaged ones aside; put "
              "stores a file; get fetches file:, http:, https: or sha256: URIs, resuming broken "
              "downloads.",
    .min_arg = 1,
    .max_arg = 2,
    .option = {{"--dir", "FOLDER", "the store (default: blobs/ in $SPLITUP_HOME)"},
               {"--budget", "SIZE", "gc: bytes to keep at most"},
               {"--json", NULL, "print one JSON object (ls, gc, verify)"}},
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
