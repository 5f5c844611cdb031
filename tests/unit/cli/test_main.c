// SPDX-License-Identifier: MIT
/* Whole command lines in this process: what they print, where, and with which exit status. */
#include "unit.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void json_is(const char *text, size_t len)
{
    struct su_json *doc;
    struct su_err e;
    if (su_json_parse(text, len, "stdout", NULL, &doc, &e) != SU_OK)
        fail_msg("%s: %.*s", e.msg, (int)SU_MIN(len, 300u), text);
    su_json_free(doc);
}

/* Every line is a JSON object; returns how many. */
static unsigned json_lines(void)
{
    unsigned n = 0;
    for (const char *at = caught.out, *end; *at; at = end + 1, n++) {
        end = strchr(at, '\n');
        assert_non_null(end);
        json_is(at, (size_t)(end - at));
    }
    assert_string_equal(caught.err, "");
    return n;
}

static bool printed(const char *text)
{
    return strstr(caught.out, text) != NULL;
}

static const char *digits(void)
{
    return source_path("tests/data/digits-images-idx3-ubyte");
}

/* ---- help ------------------------------------------------------------------------------------ */

static unsigned widest(const char *text)
{
    unsigned most = 0, n = 0;
    for (; *text; text++) {
        n = *text == '\n' ? 0 : n + ((*text & 0xc0) != 0x80);
        most = SU_MAX(most, n);
    }
    return most;
}

static void test_help(void **state)
{
    (void)state;
    static struct caught first;
    assert_int_equal(run_cli(NULL, NULL), 2);
    assert_string_equal(caught.out, "");
    first = caught;
    assert_int_equal(run_cli("--help", NULL), 0);
    assert_string_equal(caught.out, first.err);
    assert_true(widest(caught.out) <= 80);
    assert_int_equal(run_cli("-h", NULL), 0);
    assert_string_equal(caught.out, first.err);
    assert_int_equal(run_cli("help", NULL), 0);
    assert_string_equal(caught.out, first.err);
    for (unsigned i = 0; i < cli_n_verbs; i++) {
        const struct cli_verb *v = cli_verbs[i];
        assert_ptr_equal(cli_verb_find(v->name), v);
        assert_non_null(strstr(first.err, v->summary));
        assert_int_equal(run_cli("help", v->name, NULL), 0);
        struct caught help = caught;
        assert_true(widest(caught.out) <= 80);
        for (const struct cli_option *o = v->option; o->name; o++)
            assert_true(printed(o->name));
        assert_int_equal(run_cli(v->name, "--nonsense", "--help", NULL), 0);
        assert_string_equal(caught.out, help.out);
        assert_int_equal(run_cli(v->name, "-h", NULL), 0);
        assert_string_equal(caught.out, help.out);
    }
    assert_null(cli_verb_find("nothing"));
    assert_int_equal(run_cli("help", "nothing", NULL), 2);
    says("nothing|no such command|splitup --help");
    assert_int_equal(run_cli("--version", NULL), 0);
    assert_true(su_str_starts(caught.out, "splitup " SU_VERSION " (" SU_NUMERICS_VERSION ")\n"));
    assert_int_equal(run_cli("-V", NULL), 0);
}

static void test_made_from_the_table(void **state)
{
    (void)state;
    assert_int_equal(run_cli("completion", NULL), 0);
    for (unsigned i = 0; i < cli_n_verbs; i++)
        assert_true(printed(cli_verbs[i]->name));
    assert_true(printed("complete -o filenames -F _splitup splitup\n"));
    assert_int_equal(run_cli("help", "--mdoc", NULL), 0);
    unsigned lists = 0, ends = 0, opening = 0, closing = 0;
    for (const char *at = caught.out; *at; at = strchr(at, '\n') + 1) {
        lists += su_str_starts(at, ".Bl ");
        ends += su_str_starts(at, ".El\n");
        assert_true(*at != '\''); /* the other control character of roff */
        assert_true(*at != '.' || su_str_starts(at, ".Bl ") || su_str_starts(at, ".El\n") ||
                    su_str_starts(at, ".It "));
    }
    for (const char *at = caught.out; *at; at++) {
        opening += su_str_starts(at, "\\(oq");
        closing += su_str_starts(at, "\\(cq");
    }
    assert_int_equal(lists, ends);
    assert_int_equal(opening, closing);
    assert_true(opening > 0);
    assert_false(printed("`"));
}

static void test_unknown_commands(void **state)
{
    (void)state;
    assert_int_equal(run_cli("rum", NULL), 2);
    says("splitup: rum|did you mean run?");
    assert_int_equal(run_cli("docter", NULL), 2);
    says("did you mean doctor?");
    assert_int_equal(run_cli("frobnicate", NULL), 2);
    says("frobnicate|`splitup --help` lists them");
    assert_int_equal(run_cli("", NULL), 2);
    says("no such command; `splitup --help`");
    assert_int_equal(run_cli("a\033[2Jb\n", NULL), 2);
    says("a?[2Jb?");
}

/* ---- run ------------------------------------------------------------------------------------- */

#define RUN(...) run_cli("run", "mnist", "--backend", "cpu", __VA_ARGS__, NULL)

static void test_one_digit(void **state)
{
    (void)state;
    char hash[100], *at;
    assert_int_equal(RUN("--input", digits(), "--json"), 0);
    assert_int_equal(json_lines(), 1);
    at = strstr(caught.out, "\"output_sha256\":\"");
    assert_non_null(at);
    snprintf(hash, sizeof hash, "%.64s", at + 17);
    static const char *const fields[] = {
        "\"predicted\":",      "\"label\":",          "\"probabilities\":[", "\"tasks\":[",
        "\"model\":\"mnist\"", "\"graph_sha256\":\"", "\"backend\":\"cpu\""};
    for (unsigned i = 0; i < SU_ARRAY_LEN(fields); i++)
        assert_true(printed(fields[i]));
    assert_int_equal(RUN("--input", digits()), 0);
    assert_true(printed(hash));
    assert_true(printed("This is a "));
    assert_true(printed("and its label agrees"));
    assert_true(widest(caught.out) <= 80);
    assert_string_equal(caught.err, "");
    /* However it is cut and wherever it runs. */
    assert_int_equal(RUN("--input", digits(), "--target-vram", "300KB"), 0);
    assert_true(printed(hash));
    assert_int_equal(run_cli("run", "mnist", "--input", digits(), "--backend=reference", NULL), 0);
    assert_true(printed(hash));
    assert_int_equal(run_cli("run", "mnist", "--input", digits(), "--threads", "1", NULL), 0);
    assert_true(printed(hash));
    assert_int_equal(RUN("--input", digits(), "--index", "1", "--batch", "7"), 0);
    assert_false(printed(hash));
}

static void test_ranges(void **state)
{
    (void)state;
    static const struct {
        const char *range;
        unsigned lines;
        const char *first;
    } good[] = {
        {"0:5", 6, "{\"index\":0,"},
        {"3:5", 3, "{\"index\":3,"},
        {":4", 5, "{\"index\":0,"},
    };
    for (unsigned i = 0; i < SU_ARRAY_LEN(good); i++) {
        assert_int_equal(RUN("--input", digits(), "--json", "--range", good[i].range), 0);
        assert_int_equal(json_lines(), good[i].lines);
        assert_true(su_str_starts(caught.out, good[i].first));
        assert_true(printed("\n{\"summary\":true,"));
        assert_true(printed("\"accuracy\":"));
        assert_true(printed("\"digits_per_second\":"));
    }
    assert_int_equal(RUN("--input", digits(), "--range", "2:", "--target-vram", "300KB"), 0);
    assert_true(printed(" digits/s, "));
    assert_true(printed("outputs sha256 "));
    static const struct {
        const char *range;
        int status;
        const char *want;
    } bad[] = {
        {"5", 2, "--range|5 is no range|A:B"},
        {"", 2, "--range|A:B"},
        {"5:5", 2, "--range|5:5 is empty|B must be above A"},
        {"5:4", 2, "--range|5:4 is empty"},
        {"a:5", 2, "--range"},
        {"0:b", 2, "--range"},
        {"0:5:6", 2, "--range"},
        {"-1:5", 2, "--range"},
        {"0:99999999", 8, "--range"},
        {"99999999:", 8, "--range"},
        {"00000000000000000000000000000000001:5", 2, "--range"},
    };
    for (unsigned i = 0; i < SU_ARRAY_LEN(bad); i++) {
        char option[80];
        snprintf(option, sizeof option, "--range=%s", bad[i].range);
        assert_int_equal(RUN("--input", digits(), option), bad[i].status);
        says(bad[i].want);
    }
}

static void test_run_refuses(void **state)
{
    (void)state;
    char graph[600];
    snprintf(graph, sizeof graph, "%s", source_path("models/mnist/mnist.graph"));
    assert_int_equal(run_cli("run", NULL), 2);
    says("splitup run: |a word is missing|usage: splitup run MODEL");
    assert_int_equal(run_cli("run", "mnist", NULL), 2);
    says("--input|is missing|PNG");
    assert_int_equal(RUN("--input", "/nowhere/at all"), 3);
    says("/nowhere/at all");
    assert_int_equal(run_cli("run", "no-such-model", "--input", digits(), NULL), 3);
    says("no-such-model");
    assert_int_equal(run_cli("run", graph, "--input", digits(), NULL), 2);
    says("mnist.graph|without weights|give a model");
    assert_int_equal(RUN("--input", digits(), "--index", "1", "--range", "0:2"), 2);
    says("--index|--range|one of them");
    assert_int_equal(RUN("--input", digits(), "--index", "99999999"), 8);
    says("--index");
    assert_int_equal(RUN("--input", digits(), "--batch", "0"), 8);
    says("--batch");
    assert_int_equal(RUN("--input", digits(), "--batch", "4097"), 8);
    says("--batch|4096");
    assert_int_equal(RUN("--input", digits(), "--target-vram", "4KB"), 12);
    says("smallest feasible target");
    assert_int_equal(RUN("--input", digits(), "--target-vram", "1MB,2MB"), 8);
    says("--target-vram|one size");
    assert_int_equal(RUN("--input", digits(), "--device", "0"), 2);
    says("--device|leave --backend cpu out");
    assert_int_equal(RUN("--input", digits(), "--threads", "0"), 8);
    says("--threads");
    assert_int_equal(
        run_cli("run", "mnist", "--input", digits(), "--backend", "vulkan", "--threads", "2", NULL),
        2);
    says("--threads|cpu backend|leave --backend out");
    assert_int_equal(
        run_cli("run", "mnist", "--input", digits(), "--device", "0", "--threads", "2", NULL), 2);
    says("--threads|cpu backend|leave --device out");
    assert_int_equal(run_cli("run", "mnist", "--input", digits(), "--backend", "cuda", NULL), 2);
    says("--backend|cuda|vulkan, cpu or reference");
    static const uint8_t none[] = {0, 0, 8, 3, 0, 0, 0, 0, 0, 0, 0, 28, 0, 0, 0, 28};
    scratch_write("none", none, sizeof none);
    assert_int_equal(RUN("--input", scratch_path("none"), "--range", "0:0"), 2);
    says("none|holds 0 digits");
    assert_int_equal(RUN("--input", scratch_path("none")), 2);
    says("none|holds 0 digits");
}

/* ---- models of other shapes ------------------------------------------------------------------ */

/* A model <name> in the scratch folder: y = x . w with w [classes, 784], w[k][*] = k * scale. */
static void make_model(const char *name, uint32_t classes, float scale)
{
    struct su_graph *g = su_graph_new();
    struct su_shape in = {.rank = 1, .dim = {784}}, ws = {.rank = 2, .dim = {classes, 784}};
    uint32_t x, w, y;
    struct su_err e;
    char dir[600], path[700];
    assert_int_equal(su_graph_add_input(g, "x", SU_ROWS, SU_F32, &in, &x, &e), SU_OK);
    assert_int_equal(su_graph_add_weight(g, "w", SU_F32, &ws, 0, &w, &e), SU_OK);
    assert_int_equal(
        su_graph_add_node(g, SU_OP_MATMUL, (uint32_t[]){x, w}, 2, NULL, 0, NULL, 0, &y, &e), SU_OK);
    assert_int_equal(su_graph_add_output(g, "y", y, &e), SU_OK);
    assert_int_equal(su_graph_check(g, &e), SU_OK);
    snprintf(dir, sizeof dir, "%s", scratch_path(name));
    assert_int_equal(su_dir_make(dir, 0700, &e), SU_OK);
    snprintf(path, sizeof path, "%s/%s.graph", dir, name);
    assert_int_equal(su_graph_save(g, path, &e), SU_OK);
    su_graph_free(g);
    float *data = su_alloc((size_t)classes * 784 * sizeof *data);
    for (uint32_t i = 0; i < classes * 784; i++)
        data[i] = (float)(i / 784) * scale;
    struct su_tensor t = {.name = "w",
                          .dtype = SU_F32,
                          .shape = ws,
                          .data = (const uint8_t *)data,
                          .bytes = (uint64_t)classes * 784 * 4};
    snprintf(path, sizeof path, "%s/%s.safetensors", dir, name);
    assert_int_equal(su_weights_write(path, &t, 1, &e), SU_OK);
    free(data);
}

/* Outputs that are no probabilities must not break the bars. */
static void test_a_model_without_softmax(void **state)
{
    (void)state;
    make_model("linear", 10, 1000.0f);
    assert_int_equal(run_cli("run", scratch_path("linear"), "--input", digits(), NULL), 0);
    assert_true(printed("This is a 9 "));
    make_model("negative", 10, -1000.0f);
    assert_int_equal(run_cli("run", scratch_path("negative"), "--input", digits(), NULL), 0);
    assert_true(printed("This is a 0 "));
    make_model("eleven", 11, 1.0f);
    assert_int_equal(run_cli("run", scratch_path("eleven"), "--input", digits(), NULL), 13);
    says("eleven|10 probabilities");
}

/* ---- the other commands ---------------------------------------------------------------------- */

static void test_plan(void **state)
{
    (void)state;
    assert_int_equal(run_cli("plan", "mnist", "--target-vram", "300KB", NULL), 0);
    assert_true(printed("mnist in "));
    assert_true(printed("each within 300 KB"));
    assert_true(printed("task 0"));
    assert_false(printed("DEVICE"));
    assert_true(widest(caught.out) <= 80);
    assert_int_equal(run_cli("plan", "mnist", "--target-vram", "64MB", NULL), 0);
    assert_true(printed("mnist in 1 task, within 64 MB"));
    assert_int_equal(run_cli("plan", source_path("models/mnist/mnist.graph"), "--target-vram",
                             "200KB,300KB,400KB,400KB", "--batch", "1", NULL),
                     0);
    assert_true(printed("mnist.graph in "));
    assert_true(printed("each within its device"));
    assert_true(printed("DEVICE"));
    assert_int_equal(run_cli("plan", "mnist", "--target-vram", "300KB", "--json", NULL), 0);
    assert_int_equal(json_lines(), 1);
    static const char *const fields[] = {
        "\"tasks\":[",   "\"plan_sha256\":\"", "\"why\":\"",         "\"vram_bytes\":",
        "\"bytes_in\":", "\"bytes_out\":",     "\"compute_units\":", "\"from_task\":"};
    for (unsigned i = 0; i < SU_ARRAY_LEN(fields); i++)
        assert_true(printed(fields[i]));
    assert_int_equal(run_cli("plan", "mnist", NULL), 2);
    says("--target-vram|is missing|300KB");
    assert_int_equal(run_cli("plan", "mnist", "--target-vram", "1KB", NULL), 12);
    says("smallest feasible target");
    assert_int_equal(run_cli("plan", "mnist", "--target-vram", "1MB", "--batch", "65537", NULL), 8);
    says("--batch|65536");
    assert_int_equal(run_cli("plan", "nothing", "--target-vram", "1MB", NULL), 3);
    says("nothing");
    assert_int_equal(run_cli("plan", "/nothing.graph", "--target-vram", "1MB", NULL), 3);
    says("/nothing.graph");
}

static void test_plan_llm(void **state)
{
    (void)state;
    char config[600];
    (void)snprintf(config, sizeof config, "%s", source_path("models/llama-3.3-70b/config.json"));
    assert_int_equal(run_cli("plan", config, "--target-vram", "12GB", "--link", "1Gb,20ms", NULL),
                     0);
    assert_true(printed("llama-3.3-70b (q4_k_m) in 4 tasks, each within 12 GB; 96 KB per row"));
    assert_true(printed("39.6 GB of weights in all; room for 1 session of 8192 positions."));
    /* 39.3 GB at 300 GB/s, three cuts of 20.3 ms, 20 ms back. */
    assert_true(printed("About 4.72 tokens/s: 39.3 GB read per token"));
    assert_true(printed("links of 1000 Mb/s and 20 ms"));
    assert_true(printed("501 KB"));
    assert_int_equal(run_cli("plan", config, "--target-vram", "24GB", "--quant", "q8_0", "--ctx",
                             "2048", "--sessions", "3", "--json", NULL),
                     0);
    assert_int_equal(json_lines(), 1);
    static const char *const fields[] = {"\"quant\":\"q8_0\"",
                                         "\"ctx\":2048",
                                         "\"sessions\":3",
                                         "\"weight_bytes\":74",
                                         "\"estimate\":{\"tokens_per_second\":",
                                         "\"tokens_per_second_all_sessions\":",
                                         "\"memory_bytes_per_second\":3.22122547",
                                         "\"link_seconds\":0.001"};
    for (unsigned i = 0; i < SU_ARRAY_LEN(fields); i++)
        assert_true(printed(fields[i]));
    /* Several sessions fill the pipeline of tasks; one task needs no links. */
    assert_int_equal(run_cli("plan", config, "--target-vram", "16GB", "--sessions", "2", NULL), 0);
    assert_true(printed(" over 2 sessions: "));
    assert_int_equal(run_cli("plan", source_path("models/smollm2-135m"), "--target-vram", "1GB",
                             "--quant", "bf16", "--bandwidth", "100GB", NULL),
                     0);
    assert_true(printed("smollm2-135m (bf16) in 1 task, within 1 GB"));
    assert_true(printed("memory of 100 GB/s."));
    assert_int_equal(
        run_cli("plan", config, "--target-vram", "8GB,12GB,24GB", "--link", "500us,2.5Gb", NULL),
        0);
    assert_true(printed("in 3 tasks, each within its device"));
    assert_true(printed("links of 2500 Mb/s and 0.5 ms"));

    static const char *const wrong[][2] = {
        {"--quant", "q3"},       {"--link", "1GB"},   {"--link", "1Gb,2Gb"}, {"--link", "1Gb,"},
        {"--link", "-1Gb,20ms"}, {"--link", "0Gb"},   {"--link", "1ms,2ms"}, {"--bandwidth", "0"},
        {"--bandwidth", "fast"}, {"--link", "nanms"},
    };
    for (unsigned i = 0; i < SU_ARRAY_LEN(wrong); i++) {
        assert_int_equal(
            run_cli("plan", config, "--target-vram", "12GB", wrong[i][0], wrong[i][1], NULL), 2);
        says(wrong[i][0]);
    }
    assert_int_equal(run_cli("plan", config, "--target-vram", "12GB", "--ctx", "0", NULL), 8);
    assert_int_equal(run_cli("plan", config, "--target-vram", "12GB", "--sessions", "70000", NULL),
                     8);
    assert_int_equal(run_cli("run", config, "--input", digits(), NULL), 2);
    says("without its weights|splitup plan");
}

static void test_doctor(void **state)
{
    (void)state;
    assert_int_equal(run_cli("doctor", "--json", NULL), 0);
    assert_int_equal(json_lines(), 1);
    assert_true(printed("\"conformance_root\":\""));
    assert_int_equal(run_cli("doctor", "--no-conformance", NULL), 0);
    assert_true(printed("usable    yes"));
    assert_false(printed("probes pass"));
    assert_true(widest(caught.out) <= 80);
    setenv("VK_DRIVER_FILES", "/nowhere.json", 1);
    setenv("VK_ICD_FILENAMES", "/nowhere.json", 1);
    assert_int_equal(run_cli("doctor", NULL), 11);
    assert_non_null(strstr(caught.err, "`splitup run` still works on the cpu backend"));
    assert_true(printed("no Vulkan device: "));
    assert_true(printed("equals the known answer"));
    assert_int_equal(run_cli("doctor", "--json", "--no-conformance", NULL), 11);
    assert_true(printed("\"vulkan_error\":\""));
    assert_int_equal(run_cli("run", "mnist", "--input", digits(), NULL), 0);
    assert_true(printed("This is a "));
    assert_int_equal(run_cli("run", "mnist", "--input", digits(), "--device", "0", NULL), 11);
    unsetenv("VK_DRIVER_FILES");
    unsetenv("VK_ICD_FILENAMES");
    assert_int_equal(run_cli("doctor", "more", NULL), 2);
    says("more|one word too many; usage: splitup doctor\n");
}

static void test_models_and_graphs(void **state)
{
    (void)state;
    assert_int_equal(run_cli("models", NULL), 0);
    assert_true(printed("mnist\n"));
    assert_int_equal(run_cli("graph", "dump", source_path("models/mnist/mnist.graph"), NULL), 0);
    assert_true(printed("conv2d"));
    assert_int_equal(run_cli("graph", "dump", "/nowhere.graph", NULL), 3);
    says("/nowhere.graph");
    assert_int_equal(run_cli("graph", "dump", scratch_write("bad.graph", "SUGRAPH1", 8), NULL), 7);
    says("bad.graph");
    assert_int_equal(run_cli("graph", "draw", "x", NULL), 2);
    says("draw|no graph command; give dump");
    assert_int_equal(run_cli("graph", "dump", NULL), 2);
    says("splitup graph dump FILE");
}

static void test_store(void **state)
{
    (void)state;
    char id[65], uri[700];
    const char *file = scratch_write("blob", "some bytes", 10);
    assert_int_equal(run_cli("store", "put", file, NULL), 0);
    assert_int_equal(strlen(caught.out), 65);
    snprintf(id, sizeof id, "%.64s", caught.out);
    snprintf(uri, sizeof uri, "file:%s", scratch_path("blob"));
    assert_int_equal(run_cli("store", "get", uri, NULL), 0);
    assert_true(su_str_starts(caught.out, id));
    assert_int_equal(run_cli("store", "ls", NULL), 0);
    assert_true(printed(id));
    assert_true(printed("1 blob, 10 B\n"));
    assert_int_equal(run_cli("store", "ls", "--json", NULL), 0);
    assert_int_equal(json_lines(), 1);
    assert_int_equal(run_cli("store", "verify", NULL), 0);
    assert_string_equal(caught.out, "1 blob checked, 0 damaged\n");
    assert_int_equal(run_cli("store", "verify", id, "--json", NULL), 0);
    assert_int_equal(json_lines(), 1);
    assert_int_equal(run_cli("store", "gc", "--budget", "0", NULL), 0);
    assert_string_equal(caught.out, "removed 1 blob (10 B), 0 stale downloads, 0 stray files; "
                                    "kept 0 blobs (0 B)\n");
    assert_int_equal(run_cli("store", "gc", "--json", NULL), 0);
    assert_int_equal(json_lines(), 1);
    assert_int_equal(run_cli("store", "ls", NULL), 0);
    assert_true(printed("0 blobs, 0 B\n"));
    assert_int_equal(run_cli("store", "ls", "--dir", scratch_path("other"), NULL), 0);
    static const struct {
        const char *word[5];
        int status;
        const char *want;
    } bad[] = {
        {{"frob"}, 2, "frob|no store command|ls, gc, verify, put, get or serve"},
        {{"ls", "more"}, 2, "more|too many after store ls"},
        {{"put"}, 2, "put|needs a file"},
        {{"get"}, 2, "get|needs a URI"},
        {{"ls", "--budget", "1"}, 2, "--budget|store gc"},
        {{"gc", "--budget", "x"}, 2, "--budget"},
        {{"put", "/nowhere", "--json"}, 2, "--json|store put|leave it out"},
        {{"put", "/nowhere"}, 3, "/nowhere"},
        {{"verify", "xyz"}, 2, "xyz|64 hexadecimal digits"},
        {{"get", "s3://a/b"}, 10, "s3"},
        {{"ls", "--dir", "/dev/null/x"}, 3, "/dev/null"},
    };
    for (unsigned i = 0; i < SU_ARRAY_LEN(bad); i++) {
        const char *const *w = bad[i].word;
        assert_int_equal(run_cli("store", w[0], w[1], w[2], w[3], w[4], NULL), bad[i].status);
        says(bad[i].want);
    }
    unsetenv("SPLITUP_HOME");
    char *home = strdup(getenv("HOME") ? getenv("HOME") : "");
    unsetenv("HOME");
    unsetenv("XDG_DATA_HOME");
    assert_int_equal(run_cli("store", "ls", NULL), 3);
    says("SPLITUP_HOME");
    setenv("HOME", home, 1);
    free(home);
    setenv("SPLITUP_HOME", scratch_path("home"), 1);
}

/* Nobody reads any more: work stops, quietly. A full disk is an error. */
static void test_stdout_that_fails(void **state)
{
    (void)state;
    char line[2000];
    int full = open("/dev/full", O_WRONLY), old = dup(STDOUT_FILENO), ends[2];
    char *argv[] = {(char *)(uintptr_t) "splitup", (char *)(uintptr_t) "--version", NULL};
    assert_true(full >= 0 && old >= 0);
    fflush(stdout);
    catch_begin();
    dup2(full, STDOUT_FILENO);
    int status = su_cli_main(2, argv);
    catch_end();
    close(full);
    assert_int_equal(status, 5);
    assert_non_null(strstr(caught.err, "splitup: standard output: cannot be written"));
    assert_int_equal(pipe(ends), 0);
    close(ends[0]);
    snprintf(line, sizeof line, "%s", digits());
    char *range[] = {(char *)(uintptr_t) "splitup",
                     (char *)(uintptr_t) "run",
                     (char *)(uintptr_t) "mnist",
                     (char *)(uintptr_t) "--input",
                     line,
                     (char *)(uintptr_t) "--range",
                     (char *)(uintptr_t) "0:",
                     (char *)(uintptr_t) "--json",
                     (char *)(uintptr_t) "--backend=cpu",
                     NULL};
    catch_begin();
    dup2(ends[1], STDOUT_FILENO);
    status = su_cli_main(9, range);
    catch_end();
    close(ends[1]);
    dup2(old, STDOUT_FILENO);
    close(old);
    assert_int_equal(status, 0);
    assert_string_equal(caught.err, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_help),
        cmocka_unit_test(test_made_from_the_table),
        cmocka_unit_test(test_unknown_commands),
        cmocka_unit_test(test_one_digit),
        cmocka_unit_test(test_ranges),
        cmocka_unit_test(test_run_refuses),
        cmocka_unit_test(test_a_model_without_softmax),
        cmocka_unit_test(test_plan),
        cmocka_unit_test(test_plan_llm),
        cmocka_unit_test(test_doctor),
        cmocka_unit_test(test_models_and_graphs),
        cmocka_unit_test(test_store),
        cmocka_unit_test(test_stdout_that_fails),
    };
    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
