// SPDX-License-Identifier: MIT
#include "unit.h"

#include <ftw.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[256];

int scratch_setup(void **state)
{
    const char *tmp = getenv("TMPDIR");

    (void)state;
    (void)snprintf(folder, sizeof folder, "%s/su-model-XXXXXX", tmp && tmp[0] ? tmp : "/tmp");
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

int scratch_teardown(void **state)
{
    (void)state;
    return nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

const char *scratch_path(const char *name)
{
    static char paths[8][600];
    static unsigned turn;
    char *path = paths[turn++ % 8];

    (void)snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

const char *source_path(const char *name)
{
    static char paths[4][600];
    static unsigned turn;
    char *path = paths[turn++ % 4];

    (void)snprintf(path, sizeof paths[0], "%s/models/%s", SU_SOURCE_DIR, name);
    return path;
}

void file_put(const char *path, const void *data, size_t len)
{
    struct su_err e = {0};

    if (su_file_write(path, data, len, 0600, &e))
        fail_msg("%s: %s", e.at, e.msg);
}

void file_copy(const char *from, const char *to)
{
    struct su_map m;

    assert_int_equal(su_map_open(from, 0, &m, NULL), SU_OK);
    file_put(to, m.data, m.len);
    su_map_close(&m);
}

void model_make(const char *under, const char *name)
{
    char dir[700], file[900];

    (void)snprintf(dir, sizeof dir, "%s/%s", under, name);
    assert_int_equal(su_dir_make(dir, 0700, NULL), SU_OK);
    (void)snprintf(file, sizeof file, "%s/%s.graph", dir, name);
    file_copy(source_path("mnist/mnist.graph"), file);
    (void)snprintf(file, sizeof file, "%s/%s.safetensors", dir, name);
    file_copy(source_path("mnist/mnist.safetensors"), file);
}

void err_matches(const struct su_err *e, enum su_code code, const char *want)
{
    char line[600], text[400], *rest = text;

    su_err_line(e, line, sizeof line);
    if (e->code != code)
        fail_msg("%s instead of %s: %s", su_code_name(e->code), su_code_name(code), line);
    assert_true(su_str_copy(text, sizeof text, want));
    assert_null(strchr(line, '\n'));
    for (char *one = strtok_r(text, "|", &rest); one; one = strtok_r(NULL, "|", &rest)) {
        if (!strstr(line, one))
            fail_msg("no '%s' in: %s", one, line);
    }
}
