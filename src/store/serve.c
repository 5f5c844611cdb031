// SPDX-License-Identifier: MIT
#include "store_priv.h"

#include "http/http.h"

#include <string.h>

bool su_store_serve(struct su_store *s, const struct su_http_call *c, struct su_http_answer *a)
{
    char hex[SU_STORE_HEX], path[SU_STORE_PATH_MAX];
    uint8_t id[SU_STORE_ID_BYTES];
    size_t n = 0;

    if (!su_str_starts(c->path, "/blob/") || strlen(c->path + 6) < SU_STORE_HEX - 1) {
        return false;
    }
    memcpy(hex, c->path + 6, SU_STORE_HEX - 1);
    hex[SU_STORE_HEX - 1] = 0;
    const char *suffix = c->path + 6 + SU_STORE_HEX - 1;
    if (!su_hex_decode(hex, id, sizeof id, &n) || n != sizeof id ||
        (suffix[0] != 0 && strcmp(suffix, ".leaves") != 0)) {
        return false;
    }
    if (!su_store_has(s, id, NULL)) {
        su_http_answer_text(a, 404, "no such blob\n");
        return true;
    }
    (void)su_store_row_touch(s, id, NULL);
    su_store_blob_path(s, id, suffix, path);
    su_http_answer_file(a, c, path, su_store_hex(id, hex), "application/octet-stream");
    return true;
}
