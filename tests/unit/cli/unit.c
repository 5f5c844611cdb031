// SPDX-License-Identifier: MIT
#include "unit.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- scratch --------------------------------------------------------------------------------- */

static char folder[200];

int scratch_setup(void **state)
{
    const char *base = getenv("TMPDIR");
    (void)state;
    snprintf(folder, sizeof folder, "%s/su-cli-XXXXXX", base && *base ? base : "/tmp");
    if (!mkdtemp(folder))
        return -1;
    setenv("SPLITUP_HOME", scratch_path("home"), 1);
    setenv("SPLITUP_MODELS", source_path("models"), 1);
    return 0;
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    (void)st;
    (void)kind;
    (void)at;
    return remove(path);
}

int scratch_teardown(void **state)
{
    (void)state;
    return nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static const char *path_in(const char *dir, const char *name)
{
    static char path[16][600];
    static unsigned turn;
    turn = (turn + 1) % 16;
    snprintf(path[turn], sizeof path[turn], "%s/%s", dir, name);
    return path[turn];
}

const char *scratch_path(const char *name)
{
    return path_in(folder, name);
}

const char *source_path(const char *name)
{
    const char *dir = getenv("SU_SOURCE_DIR");
    return path_in(dir ? dir : SU_SOURCE_DIR, name);
}

const char *scratch_write(const char *name, const void *data, size_t n)
{
    const char *path = scratch_path(name);
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
    return path;
}

/* ---- catching -------------------------------------------------------------------------------- */

struct caught caught;
static int saved[2];

static void redirect(int fd, const char *path, int *old)
{
    int to = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    *old = dup(fd);
    assert_true(to >= 0 && *old >= 0);
    assert_int_equal(dup2(to, fd), fd);
    close(to);
}

void catch_begin(void)
{
    fflush(stdout);
    fflush(stderr);
    redirect(STDOUT_FILENO, scratch_path("stdout"), &saved[0]);
    redirect(STDERR_FILENO, scratch_path("stderr"), &saved[1]);
}

static void read_all(const char *path, char *out, size_t cap)
{
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    out[fread(out, 1, cap - 1, f)] = 0;
    fclose(f);
}

void catch_end(void)
{
    fflush(stdout);
    fflush(stderr);
    clearerr(stdout);
    dup2(saved[0], STDOUT_FILENO);
    dup2(saved[1], STDERR_FILENO);
    close(saved[0]);
    close(saved[1]);
    read_all(scratch_path("stdout"), caught.out, sizeof caught.out);
    read_all(scratch_path("stderr"), caught.err, sizeof caught.err);
}

int run_cli(const char *word, ...)
{
    static char name[] = "splitup";
    char *argv[24] = {name};
    int argc = 1;
    va_list ap;
    va_start(ap, word);
    for (const char *w = word; w; w = va_arg(ap, const char *)) {
        assert_true(argc + 1 < (int)SU_ARRAY_LEN(argv));
        argv[argc++] = (char *)(uintptr_t)w;
    }
    va_end(ap);
    catch_begin();
    int status = su_cli_main(argc, argv);
    catch_end();
    return status;
}

static void holds(const char *text, const char *want)
{
    char words[400], *rest = words;
    assert_true(su_str_copy(words, sizeof words, want));
    for (char *one = strtok_r(words, "|", &rest); one; one = strtok_r(NULL, "|", &rest))
        if (!strstr(text, one))
            fail_msg("no '%s' in: %s", one, text);
}

void says(const char *want)
{
    const char *end = strchr(caught.err, '\n');
    if (caught.out[0])
        fail_msg("on stdout: %.200s", caught.out);
    if (!end || end[1])
        fail_msg("not one line: %s", caught.err);
    if (strncmp(caught.err, "splitup", 7) != 0)
        fail_msg("nobody says: %s", caught.err);
    holds(caught.err, want);
}

void err_matches(const struct su_err *e, enum su_code code, const char *want)
{
    char line[640];
    su_err_line(e, line, sizeof line);
    if (e->code != code)
        fail_msg("%s instead of %s: %s", su_code_name(e->code), su_code_name(code), line);
    assert_null(strchr(line, '\n'));
    holds(line, want);
}
