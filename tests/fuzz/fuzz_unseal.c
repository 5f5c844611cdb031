// SPDX-License-Identifier: MIT
/* The input as a sealed text, as found on a disk, and as a text to seal. */
#include "crypto/crypto.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { AT_PASSES = 12, AT_MEMORY = 16, HEADER_BYTES = 64 };

/* A cost within the limits is allowed to take a second; here it becomes the least one. */
static void make_cheap(uint8_t *sealed)
{
    uint32_t passes = su_le32(sealed + AT_PASSES);
    uint64_t memory = su_le64(sealed + AT_MEMORY);

    if (passes > 1 && passes <= SU_SEAL_PASSES_MAX)
        su_put_le32(sealed + AT_PASSES, 1);
    if (memory > SU_SEAL_MEMORY_MIN_BYTES && memory <= SU_SEAL_MEMORY_MAX_BYTES &&
        memory % 1024 == 0)
        su_put_le64(sealed + AT_MEMORY, SU_SEAL_MEMORY_MIN_BYTES);
}

static void open_it(const uint8_t *data, size_t size)
{
    uint8_t *copy = su_alloc(size + 1);
    struct su_secret *s;
    struct su_err e;

    if (size > 0)
        memcpy(copy, data, size);
    if (size >= HEADER_BYTES)
        make_cheap(copy);
    enum su_code c = su_unseal("p", 1, copy, size, &s, &e);
    SU_ASSERT(c == SU_EFORMAT || c == SU_ETRUNC || c == SU_EUNSUPPORTED || c == SU_ELIMIT ||
              c == SU_EACCES || (c == SU_OK && size > SU_SEAL_OVERHEAD_BYTES));
    SU_ASSERT((c == SU_OK) == (s != NULL));
    SU_ASSERT(!s || su_secret_bytes(s) == size - SU_SEAL_OVERHEAD_BYTES);
    su_secret_free(s);
    free(copy);
}

static void there_and_back(const uint8_t *data, size_t size)
{
    const struct su_seal_cost cost = {1, SU_SEAL_MEMORY_MIN_BYTES};
    struct su_buf b;
    struct su_secret *s;
    struct su_err e;

    su_buf_init(&b, 0);
    enum su_code c = su_seal("p", 1, data, size, &cost, &b, &e);
    SU_ASSERT((c == SU_OK) == (size > 0 && size <= SU_SECRET_MAX_BYTES));
    if (!c) {
        SU_ASSERT(su_unseal("p", 1, b.data, b.len, &s, &e) == SU_OK);
        SU_ASSERT(su_secret_bytes(s) == size && memcmp(su_secret_data(s), data, size) == 0);
        su_secret_free(s);
        size_t at = HEADER_BYTES + data[0] % (b.len - HEADER_BYTES);
        b.data[at] ^= 1;
        SU_ASSERT(su_unseal("p", 1, b.data, b.len, &s, &e) == SU_EACCES);
    }
    su_buf_fini(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    open_it(data, size);
    there_and_back(data, size);
    return 0;
}
