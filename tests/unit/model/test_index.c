// SPDX-License-Identifier: MIT
/* models/INDEX and the folders beside it are the same list, and each folder is a model. */
#include "unit.h"

#include <dirent.h>
#include <string.h>
#include <sys/stat.h>

enum { NAMES_MAX = 64 };

struct list {
    char name[NAMES_MAX][SU_MODEL_NAME_MAX + 1];
    size_t n;
};

static bool has(const struct list *l, const char *name)
{
    for (size_t i = 0; i < l->n; i++) {
        if (strcmp(l->name[i], name) == 0)
            return true;
    }
    return false;
}

static void add(struct list *l, const char *name)
{
    assert_true(l->n < NAMES_MAX);
    assert_false(has(l, name));
    assert_true(su_str_copy(l->name[l->n++], sizeof l->name[0], name));
}

static void read_index(struct list *l)
{
    FILE *f = fopen(source_path("INDEX"), "r");
    char line[256];

    assert_non_null(f);
    while (fgets(line, sizeof line, f)) {
        if (line[0] == '#')
            continue;
        size_t len = strcspn(line, " \n");
        assert_true(strncmp(line + len, "  ", 2) == 0 && strlen(line + len) > 4);
        line[len] = '\0';
        add(l, line);
    }
    assert_int_equal(fclose(f), 0);
}

static void read_folders(struct list *l)
{
    DIR *dir = opendir(source_path(""));
    struct dirent *d;
    struct stat st;

    assert_non_null(dir);
    while ((d = readdir(dir))) {
        if (d->d_name[0] == '.')
            continue;
        assert_int_equal(stat(source_path(d->d_name), &st), 0);
        if (S_ISDIR(st.st_mode))
            add(l, d->d_name);
        else
            assert_string_equal(d->d_name, "INDEX");
    }
    assert_int_equal(closedir(dir), 0);
}

static void test_index(void **state)
{
    (void)state;
    static struct list index, folders;
    struct su_err e = {0};
    struct su_model *m;
    char file[200];
    struct stat st;

    read_index(&index);
    read_folders(&folders);
    assert_true(index.n > 0);
    for (size_t i = 0; i < folders.n; i++) {
        if (!has(&index, folders.name[i]))
            fail_msg("models/%s is not in models/INDEX", folders.name[i]);
    }
    for (size_t i = 0; i < index.n; i++) {
        if (!has(&folders, index.name[i]))
            fail_msg("models/INDEX names %s, which is no folder", index.name[i]);
        if (su_model_open_shapes(source_path(index.name[i]), SU_LLM_Q4_K_M, &m, &e))
            fail_msg("%s: %s", e.at, e.msg);
        assert_string_equal(m->name, index.name[i]);
        assert_int_equal(m->weights == NULL, m->is_llm);
        su_model_close(m);
        (void)snprintf(file, sizeof file, "%s/README.md", index.name[i]);
        assert_int_equal(stat(source_path(file), &st), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_index)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
