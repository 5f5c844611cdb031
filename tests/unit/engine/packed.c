// SPDX-License-Identifier: MIT
#include "packed.h"

#include <ftw.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct packed packed_new(const struct su_plan *plan, const struct su_weights *weights,
                         const void *data, size_t n)
{
    struct packed p = {0};
    struct su_buf b;
    struct su_err e;
    const char *base = getenv("TMPDIR");
    snprintf(p.dir, sizeof p.dir, "%s/su-packed-XXXXXX", base && *base ? base : "/tmp");
    assert_non_null(mkdtemp(p.dir));
    must(su_store_open(p.dir, NULL, &p.store, &e), &e);
    must(su_store_put_bytes(p.store, data, n, p.blob, &e), &e);
    su_buf_init(&b, 0);
    must(su_package_encode(&(struct su_package_of){"packed", plan, weights, p.blob, NULL, 0}, &b,
                           &e),
         &e);
    must(su_package_decode(b.data, b.len, &p.package, &e), &e);
    su_buf_fini(&b);
    return p;
}

struct packed packed_file(const struct su_plan *plan, const struct su_weights *weights,
                          const char *path)
{
    struct su_map m;
    struct su_err e;
    must(su_map_open(path, 0, &m, &e), &e);
    struct packed p = packed_new(plan, weights, m.data, m.len);
    su_map_close(&m);
    return p;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st;
    (void)type;
    (void)at;
    return remove(path);
}

void packed_fini(struct packed *p)
{
    su_package_free(p->package);
    su_store_close(p->store);
    assert_int_equal(nftw(p->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}
