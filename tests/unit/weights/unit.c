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
    (void)snprintf(folder, sizeof folder, "%s/su-weights-XXXXXX", tmp && tmp[0] ? tmp : "/tmp");
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
    static char paths[4][512];
    static unsigned turn;
    char *path = paths[turn++ % 4];

    (void)snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

uint8_t *st_bytes(const char *header, size_t data_bytes, size_t *len)
{
    size_t n = strlen(header);
    uint8_t *b = malloc(8 + n + data_bytes);

    assert_non_null(b);
    su_put_le64(b, n);
    memcpy(b + 8, header, n);
    for (size_t i = 0; i < data_bytes; i++)
        b[8 + n + i] = (uint8_t)i;
    *len = 8 + n + data_bytes;
    return b;
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

void bytes_refused(const void *bytes, size_t len, enum su_code code, const char *want)
{
    struct su_weights *w = (struct su_weights *)&len;
    struct su_err e = {0};

    assert_int_equal(su_weights_open_bytes(bytes, len, "mem", &w, NULL), code);
    assert_null(w);
    assert_int_equal(su_weights_open_bytes(bytes, len, "mem", &w, &e), code);
    assert_null(w);
    assert_string_equal(e.at, "mem");
    err_matches(&e, code, want);
}

void st_refused(const char *header, size_t data_bytes, enum su_code code, const char *want)
{
    size_t len;
    uint8_t *b = st_bytes(header, data_bytes, &len);

    bytes_refused(b, len, code, want);
    free(b);
}

uint32_t graph_weight(struct su_graph *g, const char *name, enum su_dtype d, struct su_shape shape,
                      uint64_t first_row)
{
    struct su_err e = {0};
    uint32_t id;

    if (su_graph_add_weight(g, name, d, &shape, first_row, &id, &e))
        fail_msg("%s: %s", e.at, e.msg);
    return id;
}
