// SPDX-License-Identifier: MIT
/* A folder of its own for each test, and files in it. */
#ifndef SU_TEST_WALLET_FOLDER_H
#define SU_TEST_WALLET_FOLDER_H

#include <stddef.h>

/* cmocka's setup and teardown: *state is the folder's path. */
int folder_setup(void **state);
int folder_teardown(void **state);
/* Path of a name in the folder; the last 4 results stay valid. */
const char *folder_path(const char *folder, const char *name);
/* Writes a file anew with that mode. */
void file_put(const char *path, const void *data, size_t n, unsigned mode);
/* Reads at most cap - 1 bytes, terminated; returns the length. */
size_t file_get(const char *path, char *out, size_t cap);
/* The key file of the seed 1, 2, ..., 32, as Solana's tools write it. */
extern const char known_key_file[];
extern const char known_address[];

#endif
