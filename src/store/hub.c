// SPDX-License-Identifier: MIT
/* huggingface.co: where its files are, who may have them, and what it says of them. A large file is
   a redirect to another host; the redirect bears X-Linked-Etag, the sha256 of the content. */
#include "store_priv.h"

#include "http/http.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define DEFAULT_ENDPOINT "https://huggingface.co"
#define COMMIT_DIGITS 40

static const char *env(const char *name)
{
    const char *v = getenv(name);

    return v != NULL && v[0] != 0 ? v : NULL;
}

/* Nobody on the way can read what is sent. */
static bool is_private(const char *url)
{
    static const char *const local[] = {"http://127.0.0.1", "http://localhost", "http://[::1]"};

    if (strncasecmp(url, "https://", 8) == 0) {
        return true;
    }
    for (size_t i = 0; i < SU_ARRAY_LEN(local); i++) {
        size_t n = strlen(local[i]);

        if (strncasecmp(url, local[i], n) == 0 && strchr(":/", url[n]) != NULL) {
            return true; /* strchr finds the end of a text too */
        }
    }
    return false;
}

static bool names_commit(const char *target)
{
    static const char mark[] = "/resolve/";
    const char *rev = strstr(target, mark);

    rev = rev != NULL ? rev + sizeof mark - 1 : "";
    return strspn(rev, "0123456789abcdef") == COMMIT_DIGITS && rev[COMMIT_DIGITS] == '/';
}

static enum su_code take_token(struct su_store_hub *h, const char *endpoint, struct su_err *e)
{
    const char *token = env("HF_TOKEN");

    if (token == NULL || !is_private(endpoint)) {
        return SU_OK;
    }
    for (const char *c = token; *c != 0; c++) {
        if (*c <= ' ' || *c > '~') {
            return su_fail(e, SU_EINVAL, "HF_TOKEN", "holds a character that no token has");
        }
    }
    if (strlen(token) > SU_HTTP_BEARER_MAX) {
        return su_fail(e, SU_EINVAL, "HF_TOKEN", "is longer than %d bytes", SU_HTTP_BEARER_MAX);
    }
    h->bearer = token;
    return SU_OK;
}

enum su_code su_store_hub_open(struct su_store_uri *uri, struct su_store_hub *h, struct su_err *e)
{
    const char *name = env("SPLITUP_HF_ENDPOINT") != NULL ? "SPLITUP_HF_ENDPOINT" : "HF_ENDPOINT";
    const char *endpoint = env(name), *offline = env("HF_HUB_OFFLINE");
    size_t len;

    *h = (struct su_store_hub){.used = true, .commit = names_commit(uri->target)};
    h->offline = offline != NULL && strcmp(offline, "0") != 0;
    endpoint = endpoint != NULL ? endpoint : DEFAULT_ENDPOINT;
    if (strncasecmp(endpoint, "https://", 8) != 0 && strncasecmp(endpoint, "http://", 7) != 0) {
        return su_fail(e, SU_EINVAL, name, "%s is no URL; write https://HOST", endpoint);
    }
    for (len = strlen(endpoint); len > 0 && endpoint[len - 1] == '/';) {
        len--;
    }
    size_t rest = strlen(uri->target);
    if (len + 1 + rest >= SU_MIN(sizeof uri->target, (size_t)SU_HTTP_URL_MAX)) {
        return su_fail(e, SU_ELIMIT, name, "the URL is longer than %d bytes", SU_HTTP_URL_MAX - 1);
    }
    memmove(uri->target + len + 1, uri->target, rest + 1);
    memcpy(uri->target, endpoint, len);
    uri->target[len] = '/';
    return take_token(h, endpoint, e);
}

enum su_code su_store_hub_before(struct su_store_hub *h, const char *url,
                                 const struct su_store_source *src, struct su_err *e)
{
    if (src != NULL) {
        h->had = true;
        memcpy(h->had_id, src->id, SU_STORE_ID_BYTES);
    }
    if (h->offline) {
        return su_fail(e, SU_ENET, url, "is not here, and HF_HUB_OFFLINE forbids to fetch it");
    }
    return SU_OK;
}

/* The sha256 that an ETag is, if it is one. */
static bool sha256_of_etag(const char *etag, uint8_t out[SU_SHA256_BYTES])
{
    char hex[2 * SU_SHA256_BYTES + 1];
    size_t n = strlen(etag), quotes = n >= 2 && etag[0] == '"' && etag[n - 1] == '"';

    if (n - 2 * quotes != 2 * SU_SHA256_BYTES) {
        return false;
    }
    memcpy(hex, etag + quotes, sizeof hex - 1);
    hex[sizeof hex - 1] = 0;
    return su_hex_decode(hex, out, SU_SHA256_BYTES, &n) && n == SU_SHA256_BYTES;
}

enum su_code su_store_hub_check(const struct su_store_hub *h, const struct su_sha256 *sha,
                                const uint8_t id[SU_STORE_ID_BYTES],
                                const struct su_http_file_result *r, struct su_err *e)
{
    uint8_t want[SU_SHA256_BYTES], got[SU_SHA256_BYTES];
    char a[SU_STORE_HEX], b[SU_STORE_HEX];
    struct su_sha256 end = *sha;

    if (r->bytes == 0) {
        su_sha256_init(&end); /* nothing went by */
    }
    su_sha256_final(&end, got);
    if (sha256_of_etag(r->linked_etag, want) && memcmp(want, got, sizeof got) != 0) {
        return su_fail(e, SU_EDIGEST, "hf:",
                       "the content has the sha256 %s, the server told of %s; fetch it again",
                       su_store_hex(got, a), su_store_hex(want, b));
    }
    if (h->commit && h->had && memcmp(h->had_id, id, SU_STORE_ID_BYTES) != 0) {
        return su_fail(e, SU_EDIGEST,
                       "hf:", "the content is sha256:%s, but this commit had sha256:%s earlier",
                       su_store_hex(id, a), su_store_hex(h->had_id, b));
    }
    return SU_OK;
}

enum su_code su_store_hub_failed(const char *url, bool have_copy, enum su_code c,
                                 struct su_err *why)
{
    char line[400];

    if (have_copy && (c == SU_ENET || c == SU_ETIMEOUT)) {
        su_err_line(why, line, sizeof line);
        su_log(SU_LOG_WARN, "store", "taking the copy that is here: %s", line);
        return SU_OK;
    }
    if (c == SU_EACCES) {
        return su_fail(
            why, c, url,
            "may not be read: set HF_TOKEN to a token of an account that has access, and "
            "check the name");
    }
    if (c == SU_ENOENT) {
        return su_fail(why, c, url, "the server has no such repository, revision or file");
    }
    return c;
}
