// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fixture.h"

#include <dirent.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
    (void)st;
    (void)kind;
    (void)ftw;
    return remove(path);
}

void remove_tree(const char *path)
{
    nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

int fixture_setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    const char *base = getenv("TMPDIR");

    snprintf(f->root, sizeof f->root, "%s/su-store-XXXXXX", base != NULL ? base : "/tmp");
    if (mkdtemp(f->root) == NULL) {
        return 1;
    }
    snprintf(f->dir, sizeof f->dir, "%s/blobs", f->root);
    fixture_reopen(f, NULL);
    *state = f;
    return 0;
}

int fixture_teardown(void **state)
{
    struct fixture *f = *state;

    su_store_close(f->s);
    remove_tree(f->root);
    free(f);
    return 0;
}

void fixture_reopen(struct fixture *f, const struct su_store_opts *o)
{
    struct su_err e = {0};

    su_store_close(f->s);
    if (su_store_open(f->dir, o, &f->s, &e) != SU_OK) {
        fail_msg("%s: %s", e.at, e.msg);
    }
}

uint8_t *make_bytes(size_t n, uint32_t seed)
{
    uint8_t *p = malloc(n != 0 ? n : 1);
    uint32_t x = seed * 2654435761u + 1;

    assert_non_null(p);
    for (size_t i = 0; i < n; i++) {
        x = x * 1664525u + 1013904223u;
        p[i] = (uint8_t)(x >> 24);
    }
    return p;
}

void put_bytes(struct fixture *f, const void *data, size_t n, uint8_t id[32])
{
    struct su_err e = {0};

    if (su_store_put_bytes(f->s, data, n, id, &e) != SU_OK) {
        fail_msg("%s: %s", e.at, e.msg);
    }
}

void put_size(struct fixture *f, size_t n, uint32_t seed, uint8_t id[32])
{
    uint8_t *p = make_bytes(n, seed);

    put_bytes(f, p, n, id);
    free(p);
}

void write_file(const char *path, const void *data, size_t n)
{
    struct su_err e = {0};

    if (su_file_write(path, data, n, 0600, &e) != SU_OK) {
        fail_msg("%s", e.msg);
    }
}

void beside(const struct fixture *f, const char *name, char out[260])
{
    snprintf(out, 260, "%s/%s", f->root, name);
}

void blob_path(const struct fixture *f, const uint8_t id[32], const char *suffix, char out[320])
{
    char hex[65];

    su_hex_encode(id, 32, hex, sizeof hex);
    snprintf(out, 320, "%s/%.2s/%s%s", f->dir, hex, hex, suffix);
}

unsigned count_files(const struct fixture *f, const char *sub)
{
    char path[260];
    unsigned n = 0;

    snprintf(path, sizeof path, "%s/%s", f->dir, sub);
    DIR *d = opendir(path);
    for (struct dirent *e = d != NULL ? readdir(d) : NULL; e != NULL; e = readdir(d)) {
        n += e->d_name[0] != '.';
    }
    if (d != NULL) {
        closedir(d);
    }
    return n;
}

static bool count_one(void *ctx, const struct su_store_entry *b)
{
    (void)b;
    ++*(unsigned *)ctx;
    return true;
}

unsigned count_blobs(struct fixture *f)
{
    unsigned n = 0;
    struct su_err e = {0};

    assert_int_equal(su_store_ls(f->s, count_one, &n, &e), SU_OK);
    return n;
}

void assert_blob(struct fixture *f, const uint8_t id[32], const void *data, size_t n)
{
    struct su_store_blob b;
    struct su_err e = {0};
    uint64_t bytes = 0;

    assert_true(su_store_has(f->s, id, &bytes));
    assert_int_equal(bytes, n);
    if (su_store_blob_open(f->s, id, true, &b, &e) != SU_OK) {
        fail_msg("%s: %s", e.at, e.msg);
    }
    assert_non_null(b.data);
    assert_int_equal(b.bytes, n);
    assert_memory_equal(b.id, id, 32);
    if (n != 0) {
        assert_memory_equal(b.data, data, n);
    }
    su_store_blob_close(&b);
}
