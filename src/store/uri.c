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

/* ---- hf: ------------------------------------------------------------------------------------- */

/* Printable ASCII, in parts that are neither empty nor "." nor "..". */
static bool path_is_plain(const char *s)
{
    for (;;) {
        size_t n = strcspn(s, "/");

        if (n == 0 || (n == 1 && s[0] == '.') || (n == 2 && s[0] == '.' && s[1] == '.')) {
            return false;
        }
        for (size_t i = 0; i < n; i++) {
            if (s[i] <= ' ' || s[i] > '~' || s[i] == '\\') {
                return false;
            }
        }
        if (s[n] == 0) {
            return true;
        }
        s += n + 1;
    }
}

enum su_code su_store_hf_parse(const char *text, struct su_store_hf *out, struct su_err *e)
{
    char rest[sizeof out->repo + sizeof out->file + sizeof out->rev];

    memset(out, 0, sizeof *out);
    if (strncasecmp(text, "hf://", 5) != 0) {
        return su_fail(e, SU_EINVAL, text, "is no hf: URI; write hf://ORG/REPO/FILE[@REV]");
    }
    if (!su_str_copy(rest, sizeof rest, text + 5)) {
        return su_fail(e, SU_ELIMIT, text, "is longer than %zu bytes", sizeof rest + 4);
    }
    char *at = strrchr(rest, '@');
    if (at != NULL) {
        *at = 0;
    }
    char *slash = strchr(rest, '/'), *file = slash != NULL ? strchr(slash + 1, '/') : NULL;
    if (file != NULL) {
        *file++ = 0;
    }
    if (slash == NULL || !path_is_plain(rest) || (file != NULL && !path_is_plain(file)) ||
        (at != NULL && !path_is_plain(at + 1))) {
        return su_fail(e, SU_EINVAL, text, "write hf://ORG/REPO[@REV] or hf://ORG/REPO/FILE[@REV]");
    }
    if (!su_str_copy(out->repo, sizeof out->repo, rest) ||
        !su_str_copy(out->file, sizeof out->file, file != NULL ? file : "") ||
        !su_str_copy(out->rev, sizeof out->rev, at != NULL ? at + 1 : "main")) {
        return su_fail(e, SU_ELIMIT, text,
                       "a part is too long: ORG/REPO, FILE and REV may have "
                       "%zu, %zu and %zu bytes",
                       sizeof out->repo - 1, sizeof out->file - 1, sizeof out->rev - 1);
    }
    return SU_OK;
}

/* Percent-encodes all but RFC 3986's unreserved characters and, with slashes, '/'. */
static void put_encoded(struct su_buf *b, const char *s, bool slashes)
{
    for (; *s != 0; s++) {
        bool plain = is_scheme_char(*s, false) || *s == '_' || *s == '~' || (slashes && *s == '/');

        if (plain && *s != '+') {
            su_buf_u8(b, (uint8_t)*s);
        } else {
            su_buf_printf(b, "%%%02X", (unsigned char)*s);
        }
    }
}

static enum su_code parse_hf(const char *text, struct su_store_uri *out, struct su_err *e)
{
    struct su_store_hf hf;
    struct su_buf b;
    enum su_code c = su_store_hf_parse(text, &hf, e);

    if (c != SU_OK) {
        return c;
    }
    if (hf.file[0] == 0) {
        return su_fail(e, SU_EINVAL, text, "names no file; write hf://ORG/REPO/FILE[@REV]");
    }
    su_buf_init(&b, sizeof out->target - 1);
    put_encoded(&b, hf.repo, true);
    su_buf_str(&b, "/resolve/");
    put_encoded(&b, hf.rev, false);
    su_buf_u8(&b, '/');
    put_encoded(&b, hf.file, true);
    c = su_buf_check(&b, text, e);
    if (c == SU_OK) {
        memcpy(out->target, b.data, b.len + 1);
        out->scheme = SU_STORE_HF;
    }
    su_buf_fini(&b);
    return c;
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
                       "is not a URI: it must start with file:, http:, https:, sha256: or hf:");
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
        if (strcasecmp(scheme, "hf") == 0) {
            return parse_hf(text, out, e);
        }
    }
    return su_fail(e, SU_EUNSUPPORTED, text,
                   "scheme \"%.*s\" is not supported: use file:, http:, https:, sha256: or hf:",
                   (int)SU_MIN(n, (size_t)40), text);
}
