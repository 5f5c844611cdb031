// SPDX-License-Identifier: MIT
#include "store/store.h"

#include "http/http.h"

#include <string.h>
#include <strings.h>

static bool is_scheme_char(char c, bool first)
{
    bool alpha = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');

    return alpha || (!first && ((c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.'));
}

static bool has_control(const char *s)
{
    for (; *s != 0; s++) {
        if ((unsigned char)*s <= ' ' || *s == 0x7f) {
            return true;
        }
    }
    return false;
}

static enum su_code parse_file(const char *rest, const char *text, struct su_store_uri *out,
                               struct su_err *e)
{
    size_t n = 0;

    if (su_str_starts(rest, "//")) {
        const char *path = strchr(rest + 2, '/');
        size_t host = path != NULL ? (size_t)(path - rest - 2) : 0;

        if (path == NULL ||
            (host != 0 && !(host == 9 && strncasecmp(rest + 2, "localhost", 9) == 0))) {
            return su_fail(e, SU_EINVAL, text, "file: URI names another host; write file:///PATH");
        }
        rest = path;
    }
    while (*rest != 0) {
        char c = *rest;

        if (c == '%') {
            char hex[3] = {rest[1], rest[1] != 0 ? rest[2] : (char)0, 0};
            uint8_t byte = 0;
            size_t len = 0;

            if (!su_hex_decode(hex, &byte, 1, &len) || len != 1 || byte == 0) {
                return su_fail(e, SU_EINVAL, text, "bad percent-encoding in a file: URI");
            }
            c = (char)byte;
            rest += 2;
        }
        if (n + 1 >= sizeof out->target) {
            return su_fail(e, SU_ELIMIT, text, "path is longer than %zu bytes",
                           sizeof out->target - 1);
        }
        out->target[n++] = c;
        rest++;
    }
    out->target[n] = 0;
    if (n == 0) {
        return su_fail(e, SU_EINVAL, text, "file: URI has no path");
    }
    out->scheme = SU_STORE_FILE;
    return SU_OK;
}

static enum su_code parse_http(const char *rest, const char *text, struct su_store_uri *out,
                               struct su_err *e)
{
    if (!su_str_starts(rest, "//")) {
        return su_fail(e, SU_EINVAL, text, "malformed URL: write http://HOST/PATH");
    }
    size_t host = strcspn(rest + 2, "/?#");
    if (host == 0 || has_control(rest)) {
        return su_fail(e, SU_EINVAL, text, "malformed URL: no host, or blanks in it");
    }
    if (memchr(rest + 2, '@', host) != NULL) {
        return su_fail(e, SU_EINVAL, "http(s) URL", "user names in URLs are refused");
    }
    if (strlen(text) >= SU_HTTP_URL_MAX || !su_str_copy(out->target, sizeof out->target, text)) {
        return su_fail(e, SU_ELIMIT, text, "URL is longer than %d bytes", SU_HTTP_URL_MAX - 1);
    }
    out->scheme = SU_STORE_HTTP;
    return SU_OK;
}

static enum su_code parse_sha256(const char *rest, const char *text, struct su_store_uri *out,
                                 struct su_err *e)
{
    size_t n = 0;

    if (strlen(rest) != 2 * SU_STORE_ID_BYTES ||
        !su_hex_decode(rest, out->id, sizeof out->id, &n) || n != sizeof out->id) {
        return su_fail(e, SU_EINVAL, text, "sha256: must be followed by exactly %d hex digits",
                       2 * SU_STORE_ID_BYTES);
    }
    su_hex_encode(out->id, sizeof out->id, out->target, sizeof out->target);
    out->scheme = SU_STORE_SHA256;
    return SU_OK;
}

enum su_code su_store_uri_parse(const char *text, struct su_store_uri *out, struct su_err *e)
{
    char scheme[16];
    size_t n = 0;

    memset(out, 0, sizeof *out);
    while (is_scheme_char(text[n], n == 0)) {
        n++;
    }
    if (n == 0 || text[n] != ':') {
        return su_fail(e, SU_EINVAL, text,
                       "is not a URI: it must start with file:, http:, https: or sha256:");
    }
    const char *rest = text + n + 1;
    if (n < sizeof scheme) {
        memcpy(scheme, text, n);
        scheme[n] = 0;
        if (strcasecmp(scheme, "file") == 0) {
            return parse_file(rest, text, out, e);
        }
        if (strcasecmp(scheme, "http") == 0 || strcasecmp(scheme, "https") == 0) {
            return parse_http(rest, text, out, e);
        }
        if (strcasecmp(scheme, "sha256") == 0) {
            return parse_sha256(rest, text, out, e);
        }
    }
    return su_fail(e, SU_EUNSUPPORTED, text,
                   "scheme \"%.*s\" is not supported: use file:, http:, https: or sha256:",
                   (int)SU_MIN(n, (size_t)40), text);
}
