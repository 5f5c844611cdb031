// SPDX-License-Identifier: MIT
#include "graph/graph.h"

static void put_u64(struct su_sha256 *s, uint64_t v)
{
    uint8_t raw[8];

    su_put_le64(raw, v);
    su_sha256_update(s, raw, sizeof raw);
}

void su_leaf_digest(uint64_t index, const struct su_bytes *part, size_t n_part,
                    uint8_t out[SU_SHA256_BYTES])
{
    static const char tag[] = "splitup/leaf";
    struct su_sha256 s;

    su_sha256_init(&s);
    su_sha256_update(&s, tag, sizeof tag - 1);
    put_u64(&s, index);
    for (size_t i = 0; i < n_part; i++) {
        put_u64(&s, part[i].len);
        su_sha256_update(&s, part[i].data, part[i].len);
    }
    su_sha256_final(&s, out);
}
