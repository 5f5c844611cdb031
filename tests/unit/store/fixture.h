// SPDX-License-Identifier: MIT
/* A fresh folder with a store in it, and the few questions that every store test asks. */
#ifndef TEST_STORE_FIXTURE_H
#define TEST_STORE_FIXTURE_H

#include "store/store.h"

#define MIB (1024u * 1024u)

struct fixture {
    char root[200]; /* holds the store and whatever a test puts beside it */
    char dir[220];
    struct su_store *s;
};
int fixture_setup(void **state);
int fixture_teardown(void **state);
/* Closes and opens the store again, with options. */
void fixture_reopen(struct fixture *f, const struct su_store_opts *o);

/* Pseudo-random bytes; the caller frees. */
uint8_t *make_bytes(size_t n, uint32_t seed);
void put_bytes(struct fixture *f, const void *data, size_t n, uint8_t id[32]);
void put_size(struct fixture *f, size_t n, uint32_t seed, uint8_t id[32]);
void write_file(const char *path, const void *data, size_t n);
/* root/name, in a static buffer of the fixture's size. */
void beside(const struct fixture *f, const char *name, char out[260]);
void blob_path(const struct fixture *f, const uint8_t id[32], const char *suffix, char out[320]);
/* Files in dir/sub. */
unsigned count_files(const struct fixture *f, const char *sub);
unsigned count_blobs(struct fixture *f);
/* Asserts that the blob is visible and holds exactly these bytes. */
void assert_blob(struct fixture *f, const uint8_t id[32], const void *data, size_t n);
void remove_tree(const char *path);

#endif
