// SPDX-License-Identifier: MIT
#include "support/alloc.h"
#include "unit.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static struct su_model *opened(const char *name)
{
    struct su_model *m = NULL;
    struct su_err e = {0};

    if (su_model_open(name, &m, &e))
        fail_msg("%s: %s", e.at, e.msg);
    return m;
}

static void refused(const char *name, enum su_code code, const char *want)
{
    struct su_model *m = (struct su_model *)&code;
    struct su_err e = {0};

    assert_int_equal(su_model_open(name, &m, &e), code);
    assert_null(m);
    err_matches(&e, code, want);
}

/* This test lies in a build tree, so the source tree's models are found. */
static void test_by_name(void **state)
{
    (void)state;
    assert_int_equal(unsetenv("SPLITUP_MODELS"), 0);
    struct su_model *m = opened("mnist");
    uint8_t digest[SU_SHA256_BYTES];

    assert_string_equal(m->name, "mnist");
    assert_string_equal(m->path, source_path("mnist"));
    assert_true(m->graph->checked);
    assert_int_equal(m->graph->n_weight, su_weights_count(m->weights));
    assert_int_equal(su_graph_digest(m->graph, digest, NULL), SU_OK);
    assert_memory_equal(digest, m->graph_digest, sizeof digest);
    su_model_close(m);
    su_model_close(NULL);
}

static void test_by_path(void **state)
{
    (void)state;
    char path[700];

    model_make(scratch_path("by-path"), "other-1.x_Y");
    (void)snprintf(path, sizeof path, "%s///", scratch_path("by-path/other-1.x_Y"));
    struct su_model *m = opened(path);
    assert_string_equal(m->name, "other-1.x_Y");
    su_model_close(m);

    /* A link's model has the name of the folder it leads to. */
    assert_int_equal(symlink(scratch_path("by-path/other-1.x_Y"), scratch_path("latest")), 0);
    m = opened(scratch_path("latest"));
    assert_string_equal(m->name, "other-1.x_Y");
    su_model_close(m);

    char before[4096];
    assert_non_null(getcwd(before, sizeof before));
    assert_int_equal(chdir(scratch_path("by-path/other-1.x_Y")), 0);
    m = opened("./");
    assert_string_equal(m->name, "other-1.x_Y");
    su_model_close(m);
    assert_int_equal(chdir(before), 0);
}

static void test_search_order(void **state)
{
    (void)state;
    char list[6000];

    model_make(scratch_path("second"), "mnist");
    model_make(scratch_path("second"), "own");
    assert_int_equal(su_dir_make(scratch_path("first/mnist"), 0700, NULL), SU_OK);
    (void)snprintf(list, sizeof list, ":%s::%s:%s:", scratch_path("first"), scratch_path("none"),
                   scratch_path("second"));
    assert_int_equal(setenv("SPLITUP_MODELS", list, 1), 0);
    /* first/mnist holds no graph, so it is no model. */
    struct su_model *m = opened("mnist");
    assert_string_equal(m->path, scratch_path("second/mnist"));
    su_model_close(m);
    m = opened("own");
    su_model_close(m);
    model_make(scratch_path("first"), "mnist");
    m = opened("mnist");
    assert_string_equal(m->path, scratch_path("first/mnist"));
    su_model_close(m);

    (void)snprintf(list, sizeof list, "%s:%05000d", scratch_path("first"), 1);
    assert_int_equal(setenv("SPLITUP_MODELS", list, 1), 0);
    refused("own", SU_ENOENT, "own|no model of this name|first, |/models|SPLITUP_MODELS");
    assert_int_equal(unsetenv("SPLITUP_MODELS"), 0);
}

static void test_names_refused(void **state)
{
    (void)state;
    char name[SU_MODEL_NAME_MAX + 2];

    refused("", SU_EINVAL, "empty");
    refused(".", SU_EINVAL, "letters, digits");
    refused("..", SU_EINVAL, "letters, digits");
    refused("a b", SU_EINVAL, "letters, digits");
    refused("mnist\n", SU_EINVAL, "letters, digits");
    memset(name, 'a', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    refused(name, SU_EINVAL, "longer than 63");
    name[SU_MODEL_NAME_MAX] = '\0';
    refused(name, SU_ENOENT, "no model of this name");
    refused("/", SU_EINVAL, "empty");
    refused("./no/such/folder", SU_ENOENT, "./no/such/folder");
    refused(source_path("mnist/mnist.graph"), SU_EINVAL, "a model is a folder");
    assert_int_equal(su_dir_make(scratch_path("a b"), 0700, NULL), SU_OK);
    refused(scratch_path("a b"), SU_EINVAL, "letters, digits");
}

static void test_damaged(void **state)
{
    (void)state;
    const char *graph = "damaged/m/m.graph", *weights = "damaged/m/m.safetensors";

    model_make(scratch_path("damaged"), "m");
    assert_int_equal(unlink(scratch_path(weights)), 0);
    refused(scratch_path("damaged/m"), SU_ENOENT, "model m|m.safetensors");
    file_put(scratch_path(weights), "", 0);
    refused(scratch_path("damaged/m"), SU_ETRUNC, "model m|0 bytes");
    file_put(scratch_path(weights), "\2\0\0\0\0\0\0\0{}", 10);
    refused(scratch_path("damaged/m"), SU_ENOENT, "model m|stem.conv.weight");
    file_put(scratch_path(graph), "SUGRAPH2", 8);
    refused(scratch_path("damaged/m"), SU_EFORMAT, "model m|m.graph");
    assert_int_equal(unlink(scratch_path(graph)), 0);
    refused(scratch_path("damaged/m"), SU_ENOENT, "model m|m.graph");

    /* A tensor of another shape. */
    model_make(scratch_path("damaged"), "m");
    struct su_weights *w;
    assert_int_equal(su_weights_open(source_path("mnist/mnist.safetensors"), &w, NULL), SU_OK);
    struct su_tensor t[32];
    uint32_t n = su_weights_count(w);
    assert_in_range(n, 1, SU_ARRAY_LEN(t));
    for (uint32_t i = 0; i < n; i++) {
        t[i] = *su_weights_at(w, i);
        if (strcmp(t[i].name, "head.weight") == 0)
            t[i].shape = (struct su_shape){2, {128, 10}};
    }
    assert_int_equal(su_weights_write(scratch_path(weights), t, n, NULL), SU_OK);
    su_weights_close(w);
    refused(scratch_path("damaged/m"), SU_ETYPE, "model m|head.weight|[10,128]|[128,10]");
}

static char *listed(void)
{
    struct su_buf b;
    struct su_err e = {0};

    su_buf_init(&b, 0);
    su_buf_str(&b, "");
    if (su_model_list(&b, &e))
        fail_msg("%s: %s", e.at, e.msg);
    assert_true(su_buf_reserve(&b, 1));
    return (char *)b.data;
}

/* Where the line `name` begins; it must be there once. An installation may add lines of its own. */
static const char *line_of(const char *text, const char *name)
{
    const char *found = NULL;

    for (const char *line = text; *line; line += strcspn(line, "\n") + 1) {
        size_t len = strcspn(line, "\n");
        assert_int_equal(line[len], '\n');
        if (len == strlen(name) && memcmp(line, name, len) == 0) {
            assert_null(found);
            found = line;
        }
    }
    assert_non_null(found);
    return found;
}

static void test_list(void **state)
{
    (void)state;
    char list[2000], name[32];

    assert_int_equal(unsetenv("SPLITUP_MODELS"), 0);
    char *text = listed();
    (void)line_of(text, "mnist");
    free(text);

    model_make(scratch_path("list/one"), "zeta");
    model_make(scratch_path("list/one"), "mnist");
    model_make(scratch_path("list/two"), "zeta");
    model_make(scratch_path("list/two"), "Alpha");
    assert_int_equal(su_dir_make(scratch_path("list/two/no-graph"), 0700, NULL), SU_OK);
    file_put(scratch_path("list/two/file"), "", 0);
    (void)snprintf(list, sizeof list, "%s:%s:%s", scratch_path("list/one"),
                   scratch_path("list/two"), scratch_path("list/two/file"));
    assert_int_equal(setenv("SPLITUP_MODELS", list, 1), 0);
    text = listed();
    assert_true(line_of(text, "Alpha") < line_of(text, "mnist"));
    assert_true(line_of(text, "mnist") < line_of(text, "zeta"));
    assert_null(strstr(text, "no-graph"));
    free(text);

    /* More names than the first room. */
    for (int i = 0; i < 20; i++) {
        (void)snprintf(name, sizeof name, "list/many/m%02d", i);
        assert_int_equal(su_dir_make(scratch_path(name), 0700, NULL), SU_OK);
        (void)snprintf(name, sizeof name, "list/many/m%02d/m%02d.graph", i, i);
        file_put(scratch_path(name), "", 0);
    }
    assert_int_equal(setenv("SPLITUP_MODELS", scratch_path("list/many"), 1), 0);
    text = listed();
    const char *before = text;
    for (int i = 0; i < 20; i++) {
        (void)snprintf(name, sizeof name, "m%02d", i);
        assert_true(i == 0 || line_of(text, name) > before);
        before = line_of(text, name);
    }
    free(text);

    struct su_buf small;
    struct su_err e = {0};
    su_buf_init(&small, 10);
    assert_int_equal(su_model_list(&small, &e), SU_ELIMIT);
    su_buf_fini(&small);
}

static void test_out_of_memory(void **state)
{
    (void)state;
    struct su_buf b;
    struct su_model *m;
    struct su_err e = {0};

    if (!su_alloc_watched())
        skip();
    assert_int_equal(setenv("SPLITUP_MODELS", scratch_path("list/many"), 1), 0);
    su_buf_init(&b, 0);
    su_alloc_fail(16 * 1024, SIZE_MAX); /* the places */
    enum su_code list_code = su_model_list(&b, &e);
    su_alloc_fail_none();
    assert_int_equal(list_code, SU_ENOMEM);
    err_matches(&e, SU_ENOMEM, "SPLITUP_MODELS");
    su_alloc_fail(16 * 1024, SIZE_MAX);
    enum su_code open_code = su_model_open("mnist", &m, &e);
    su_alloc_fail_none();
    assert_int_equal(open_code, SU_ENOMEM);
    assert_null(m);
    su_alloc_fail(16 * 64, 16 * 64); /* the first room for names */
    list_code = su_model_list(&b, &e);
    su_alloc_fail_none();
    assert_int_equal(list_code, SU_ENOMEM);
    err_matches(&e, SU_ENOMEM, "list/many|16 names");
    assert_int_equal(b.len, 0);
    su_buf_fini(&b);
    assert_int_equal(unsetenv("SPLITUP_MODELS"), 0);
}

/* What `program`, a copy of this one, prints when its only argument is the name of a model. */
static void output_of(const char *program, const char *name, char *out, size_t cap)
{
    int ends[2], status;
    size_t n = 0;

    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        (void)dup2(ends[1], 1);
        (void)execl(program, program, name, (char *)NULL);
        _exit(127);
    }
    (void)close(ends[1]);
    for (ssize_t got = 1; got > 0; n += (size_t)got) {
        got = read(ends[0], out + n, cap - 1 - n);
        assert_true(got >= 0);
    }
    out[n] = '\0';
    (void)close(ends[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static int print_path(const char *name)
{
    struct su_model *m = NULL;

    (void)printf("%s\n", su_model_open(name, &m, NULL) ? "none" : m->path);
    su_model_close(m);
    return 0;
}

static void test_installed(void **state)
{
    (void)state;
    char out[5000], program[600];

    assert_int_equal(unsetenv("SPLITUP_MODELS"), 0);
    assert_int_equal(su_dir_make(scratch_path("prefix/bin"), 0700, NULL), SU_OK);
    (void)snprintf(program, sizeof program, "%s", scratch_path("prefix/bin/program"));
    file_copy("/proc/self/exe", program);
    assert_int_equal(chmod(program, 0700), 0);
    /* Outside the build tree the source tree is not looked at. */
    output_of(program, "mnist", out, sizeof out);
    assert_false(su_str_starts(out, SU_SOURCE_DIR "/"));
    output_of(program, "moved", out, sizeof out);
    assert_string_equal(out, "none\n");
    model_make(scratch_path("prefix/share/splitup/models"), "moved");
    output_of(program, "moved", out, sizeof out);
    assert_non_null(strstr(out, "/prefix/share/splitup/models/moved\n"));
    /* The root of a build tree is found from a folder below it. */
    file_put(scratch_path("prefix/CMakeCache.txt"), "", 0);
    output_of(program, "mnist", out, sizeof out);
    assert_true(su_str_starts(out, SU_SOURCE_DIR "/"));
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_by_name),       cmocka_unit_test(test_by_path),
        cmocka_unit_test(test_search_order),  cmocka_unit_test(test_names_refused),
        cmocka_unit_test(test_damaged),       cmocka_unit_test(test_list),
        cmocka_unit_test(test_out_of_memory), cmocka_unit_test(test_installed),
    };
    if (argc == 2)
        return print_path(argv[1]);
    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
