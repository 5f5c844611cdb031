// SPDX-License-Identifier: MIT
#include "store_priv.h"

#include "http/http.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* "/blob/<64 hex><suffix>" */
static bool parse_path(const char *path, uint8_t id[SU_STORE_ID_BYTES], const char **suffix)
{
    static const char *const known[] = {"", ".leaves", ".have"};
    char hex[SU_STORE_HEX];
    size_t n = 0;

    if (!su_str_starts(path, "/blob/") || strlen(path + 6) < SU_STORE_HEX - 1) {
        return false;
    }
    memcpy(hex, path + 6, SU_STORE_HEX - 1);
    hex[SU_STORE_HEX - 1] = 0;
    if (!su_hex_decode(hex, id, SU_STORE_ID_BYTES, &n) || n != SU_STORE_ID_BYTES) {
        return false;
    }
    *suffix = path + 6 + SU_STORE_HEX - 1;
    for (size_t i = 0; i < SU_ARRAY_LEN(known); i++) {
        if (strcmp(*suffix, known[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* "bytes=A-B", the only form that a part answers. */
static bool parse_range(const char *text, uint64_t *first, uint64_t *last)
{
    char a[24], *dash;

    if (text == NULL || !su_str_starts(text, "bytes=") || !su_str_copy(a, sizeof a, text + 6)) {
        return false;
    }
    dash = strchr(a, '-');
    if (dash == NULL) {
        return false;
    }
    *dash = 0;
    return su_parse_u64(a, "Range", 0, INT64_MAX, first, NULL) == SU_OK &&
           su_parse_u64(dash + 1, "Range", *first, INT64_MAX, last, NULL) == SU_OK;
}

static bool range_is_here(const struct su_store_part *p, const struct su_http_call *c)
{
    uint64_t first, last;

    if (!parse_range(su_http_call_header(c, "Range"), &first, &last) ||
        first / SU_STORE_CHUNK_BYTES >= p->chunks) {
        return false;
    }
    last = SU_MIN(last / SU_STORE_CHUNK_BYTES, p->chunks - 1);
    for (uint64_t i = first / SU_STORE_CHUNK_BYTES; i <= last; i++) {
        if (!su_store_part_has(p, i)) {
            return false;
        }
    }
    return true;
}

static void answer_have(struct su_http_answer *a, const struct su_store_part *p)
{
    su_http_answer_bytes(a, 200, "application/octet-stream", p->have,
                         su_store_part_bytes(p->chunks));
}

/* As if every chunk of a whole blob had its bit. */
static void answer_have_all(struct su_http_answer *a, uint64_t bytes)
{
    struct su_store_part p = {.chunks = su_merkle_leaf_count(bytes)};
    size_t n = su_store_part_bytes(p.chunks);

    p.have = su_alloc(n + 1);
    memset(p.have, 0xff, n);
    if (p.chunks % 8 != 0) {
        p.have[n - 1] = (uint8_t)((1u << p.chunks % 8) - 1);
    }
    answer_have(a, &p);
    free(p.have);
}

bool su_store_serve(struct su_store *s, const struct su_http_call *c, struct su_http_answer *a)
{
    char hex[SU_STORE_HEX], path[SU_STORE_PATH_MAX];
    uint8_t id[SU_STORE_ID_BYTES];
    const char *suffix;
    struct su_store_part part = {0};
    uint64_t bytes;

    if (!parse_path(c->path, id, &suffix)) {
        return false;
    }
    bool whole = su_store_has(s, id, &bytes), have = strcmp(suffix, ".have") == 0;
    if (!whole && (su_store_part_get(s, id, &part, NULL) != SU_OK ||
                   (suffix[0] == 0 && !range_is_here(&part, c)))) {
        su_store_part_fini(&part);
        su_http_answer_text(a, 404, "no such blob\n");
        return true;
    }
    (void)su_store_row_touch(s, id, NULL);
    if (have && whole) {
        answer_have_all(a, bytes);
    } else if (have) {
        answer_have(a, &part);
    } else {
        su_store_blob_path(s, id, whole || suffix[0] != 0 ? suffix : SU_STORE_CHUNKS, path);
        su_http_answer_file(a, c, path, whole ? su_store_hex(id, hex) : NULL,
                            "application/octet-stream");
    }
    su_store_part_fini(&part);
    return true;
}
