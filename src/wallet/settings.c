// SPDX-License-Identifier: MIT
/* The lines of Solana's config.yml that matter here: top-level `key: value`, plain or quoted. */
#include "wallet_priv.h"

#include <stdlib.h>
#include <string.h>

enum { SETTINGS_MAX_BYTES = 65536 };

static enum su_code home_path(const char *rest, char *out, size_t cap, struct su_err *e)
{
    const char *home = getenv("HOME");

    if (!home || *home != '/')
        return su_fail(e, SU_ENOENT, "HOME", "not set: there is no place to look for settings");
    return su_path_join(out, cap, home, rest, e);
}

/* Takes quotes and a comment off value[0..n). False: an unfinished quote or control characters. */
static bool unquote(const char *value, size_t n, char *out, size_t cap)
{
    while (n > 0 && (value[n - 1] == ' ' || value[n - 1] == '\t' || value[n - 1] == '\r'))
        n--;
    if (n > 0 && (value[0] == '"' || value[0] == '\'')) {
        const char *end = memchr(value + 1, value[0], n - 1);
        if (!end)
            return false;
        value++;
        n = (size_t)(end - value);
    }
    if (n >= cap)
        return false;
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)value[i] < 0x20 || value[i] == 0x7f)
            return false;
    memcpy(out, value, n);
    out[n] = '\0';
    return true;
}

static bool key_is(const char *line, size_t n, const char *key, size_t *value_at)
{
    size_t len = strlen(key);

    if (n <= len || memcmp(line, key, len) != 0 || line[len] != ':')
        return false;
    for (*value_at = len + 1; *value_at < n && line[*value_at] == ' ';)
        ++*value_at;
    return true;
}

static enum su_code parse(const char *text, size_t n, const char *path,
                          struct su_wallet_settings *out, struct su_err *e)
{
    unsigned number = 0;

    for (size_t at = 0; at < n;) {
        const char *line = text + at, *end = memchr(line, '\n', n - at);
        size_t len = end ? (size_t)(end - line) : n - at, value;
        bool ok = true;

        number++;
        at += len + 1;
        if (key_is(line, len, "json_rpc_url", &value))
            ok = unquote(line + value, len - value, out->rpc_url, sizeof out->rpc_url);
        else if (key_is(line, len, "keypair_path", &value))
            ok = unquote(line + value, len - value, out->keypair_path, sizeof out->keypair_path);
        if (!ok)
            return su_fail(e, SU_EFORMAT, path,
                           "line %u: quotes without an end, control characters, or over %zu bytes",
                           number, sizeof out->rpc_url - 1);
    }
    return SU_OK;
}

enum su_code su_wallet_settings_read(const char *path, struct su_wallet_settings *out,
                                     struct su_err *e)
{
    char usual[1024];
    struct su_map m;
    struct su_err why;

    memset(out, 0, sizeof *out);
    enum su_code c = SU_OK;
    if (!path) {
        c = home_path(".config/solana/cli/config.yml", usual, sizeof usual, e);
        path = usual;
    }
    if (c)
        return c;
    c = su_map_open(path, SETTINGS_MAX_BYTES, &m, &why);
    if (!c) {
        out->found = true;
        c = parse((const char *)m.data, m.len, path, out, e);
        su_map_close(&m);
    } else if (c == SU_ENOENT) {
        c = SU_OK;
    } else if (e) {
        *e = why;
    }
    if (!c && out->keypair_path[0] == '\0')
        c = home_path(".config/solana/id.json", out->keypair_path, sizeof out->keypair_path, e);
    return c;
}
