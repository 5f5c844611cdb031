// SPDX-License-Identifier: MIT
/* cache: what was seen of a cluster, kept across restarts: executions that are closed by now, checks,
   earnings over time, what a user prefers. A SQLite file in WAL mode; records are bytes whose meaning
   is the caller's, under (cluster, kind, key). Losing it loses history and nothing else. One process
   writes (feed); others may read. One struct su_cache is used by one thread at a time. */
#ifndef SU_CACHE_H
#define SU_CACHE_H

#include "base/base.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SU_CACHE_DATA_MAX (1u << 20) /* bytes of a record */
#define SU_CACHE_KEY_MAX 64u

enum su_cache_kind { /* numbers are never reused */
                     SU_CACHE_EXECUTION = 1,
                     SU_CACHE_SAMPLE = 2,
                     SU_CACHE_EARNED = 3,
                     SU_CACHE_PREFERENCE = 4,
};

struct su_cache;
/* Opens or creates the file (0600), its folder too; path NULL: in memory. A file that is damaged or
   of a newer version is renamed to PATH.bad, *set_aside is true (NULL allowed), and a new one made.
   SU_EACCES, SU_ENOSPC, SU_EIO, SU_EBUSY (locked for 5 s), SU_ENOMEM; *out is then NULL. */
SU_CHECK enum su_code su_cache_open(const char *path, bool *set_aside, struct su_cache **out,
                                    struct su_err *e);
void su_cache_close(struct su_cache *c); /* NULL allowed */

struct su_cache_record {
    const uint8_t *key, *data;
    size_t key_bytes, data_bytes;
    int64_t at_ms; /* orders the records of a kind */
    uint32_t version; /* the caller's, of the data */
};
/* Writes n records of one kind, all or none, replacing those with equal keys. SU_ELIMIT: key or data
   too long; SU_ENOSPC, SU_EIO, SU_EBUSY. */
SU_CHECK enum su_code su_cache_put(struct su_cache *c, const uint8_t cluster[32],
                                   enum su_cache_kind kind, const struct su_cache_record *r,
                                   size_t n, struct su_err *e);
/* Calls fn for at most `most` records of a kind and version, newest first, until it returns false; fn
   must not use c. Pointers are valid in the call. SU_EIO, SU_EBUSY. */
SU_CHECK enum su_code su_cache_each(struct su_cache *c, const uint8_t cluster[32],
                                    enum su_cache_kind kind, uint32_t version, uint64_t most,
                                    bool (*fn)(void *ctx, const struct su_cache_record *r),
                                    void *ctx, struct su_err *e);
/* Removes all but the newest `keep` records of a kind. SU_ENOSPC, SU_EIO, SU_EBUSY. */
SU_CHECK enum su_code su_cache_prune(struct su_cache *c, const uint8_t cluster[32],
                                     enum su_cache_kind kind, uint64_t keep, struct su_err *e);

#endif
