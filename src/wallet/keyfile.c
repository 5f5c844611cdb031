// SPDX-License-Identifier: MIT
#include "wallet_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SEAL_MAGIC "SUSEAL1\n"

enum { NUMBERS = SU_ED25519_SECRET_BYTES, TEXT_MAX_BYTES = 4 * NUMBERS + 2, OTHERS = 0077 };

/* ---- the text of a plain file ---------------------------------------------------------------- */

static size_t skip_blanks(const uint8_t *p, size_t n, size_t at)
{
    while (at < n && (p[at] == ' ' || p[at] == '\t' || p[at] == '\n' || p[at] == '\r'))
        at++;
    return at;
}

/* A JSON integer of 0 to 255 at p[*at]; false leaves *at. */
static bool read_byte(const uint8_t *p, size_t n, size_t *at, uint8_t *out)
{
    unsigned v = 0, digits = 0;

    while (*at + digits < n && p[*at + digits] >= '0' && p[*at + digits] <= '9' && digits < 4) {
        v = 10 * v + (unsigned)(p[*at + digits] - '0');
        digits++;
    }
    if (digits == 0 || digits > 3 || v > 255 || (digits > 1 && p[*at] == '0'))
        return false;
    *at += digits;
    *out = (uint8_t)v;
    return true;
}

/* The array's 64 numbers into out. The messages name places, never values. */
static enum su_code read_array(const uint8_t *p, size_t n, const char *at, uint8_t *out,
                               struct su_err *e)
{
    size_t pos = skip_blanks(p, n, 0);

    if (pos == n || p[pos] != '[')
        return su_fail(e, SU_EFORMAT, at, "no key file: a JSON array of 64 numbers is expected");
    pos++;
    for (unsigned i = 0; i < NUMBERS; i++) {
        pos = skip_blanks(p, n, pos);
        if (!read_byte(p, n, &pos, out + i))
            return su_fail(e, SU_EFORMAT, at, "element %u of 64 is no number from 0 to 255", i);
        pos = skip_blanks(p, n, pos);
        if (pos == n || p[pos] != (i + 1 < NUMBERS ? ',' : ']'))
            return su_fail(e, SU_EFORMAT, at, "after element %u: not an array of 64 numbers", i);
        pos++;
    }
    if (skip_blanks(p, n, pos) != n)
        return su_fail(e, SU_EFORMAT, at, "something follows the array of 64 numbers");
    return SU_OK;
}

enum su_code su_wallet_parse(const void *text, size_t n, const char *at, struct su_secret **out,
                             struct su_err *e)
{
    *out = NULL;
    if (n > SU_WALLET_FILE_MAX_BYTES)
        return su_fail(e, SU_ELIMIT, at, "%zu bytes are no key file: at most %u", n,
                       SU_WALLET_FILE_MAX_BYTES);
    struct su_secret *s;
    enum su_code c = su_secret_new(NUMBERS, &s, e);
    if (c)
        return c;
    c = read_array(text, n, at, su_secret_data(s), e);
    if (!c && !su_ed25519_secret_check(su_secret_data(s)))
        c = su_fail(e, SU_EFORMAT, at,
                    "the last 32 numbers are not the public key of the first 32: damaged");
    if (c) {
        su_secret_free(s);
        return c;
    }
    *out = s;
    return SU_OK;
}

/* ---- reading --------------------------------------------------------------------------------- */

static enum su_code check_file(int fd, const char *path, size_t *bytes, struct su_err *e)
{
    struct stat st;

    if (fstat(fd, &st) != 0)
        return su_fail_sys(e, errno, path, "cannot look at it");
    if (!S_ISREG(st.st_mode))
        return su_fail(e, SU_EINVAL, path, "not a regular file");
    if (st.st_mode & OTHERS)
        return su_fail(e, SU_EACCES, path,
                       "a key that others may read (mode %04o) is not used: chmod 600 '%s'",
                       (unsigned)(st.st_mode & 07777), path);
    if (st.st_size > (off_t)SU_WALLET_FILE_MAX_BYTES)
        return su_fail(e, SU_ELIMIT, path, "%lld bytes are no key file: at most %u",
                       (long long)st.st_size, SU_WALLET_FILE_MAX_BYTES);
    if (st.st_size == 0)
        return su_fail(e, SU_EFORMAT, path, "the file is empty");
    *bytes = (size_t)st.st_size;
    return SU_OK;
}

static enum su_code read_whole(int fd, const char *path, struct su_secret *s, struct su_err *e)
{
    size_t have = 0, want = su_secret_bytes(s);

    while (have < want) {
        ssize_t n = read(fd, su_secret_data(s) + have, want - have);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return su_fail_sys(e, errno, path, "cannot read");
        if (n == 0)
            return su_fail(e, SU_EFORMAT, path, "became shorter while it was read");
        have += (size_t)n;
    }
    return SU_OK;
}

enum su_code wallet_file_read(const char *path, struct su_secret **text, struct su_err *e)
{
    size_t bytes = 0;

    *text = NULL;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return su_fail_sys(e, errno, path, "cannot open the key file");
    enum su_code c = check_file(fd, path, &bytes, e);
    if (!c)
        c = su_secret_new(bytes, text, e);
    if (!c)
        c = read_whole(fd, path, *text, e);
    (void)close(fd);
    if (c) {
        su_secret_free(*text);
        *text = NULL;
    }
    return c;
}

bool wallet_is_sealed(struct su_secret *text)
{
    size_t n = sizeof SEAL_MAGIC - 1;

    return su_secret_bytes(text) >= n && memcmp(su_secret_data(text), SEAL_MAGIC, n) == 0;
}

static enum su_code unseal(struct su_secret *text, const char *path, const char *passphrase,
                           size_t passphrase_n, struct su_secret **out, struct su_err *e)
{
    enum su_code c =
        su_unseal(passphrase, passphrase_n, su_secret_data(text), su_secret_bytes(text), out, e);
    if (c)
        return c;
    if (su_secret_bytes(*out) == NUMBERS && su_ed25519_secret_check(su_secret_data(*out)))
        return SU_OK;
    su_secret_free(*out);
    *out = NULL;
    return su_fail(e, SU_EFORMAT, path, "what is sealed in it is no key");
}

enum su_code wallet_text_open(struct su_secret *text, const char *path, const char *passphrase,
                              size_t passphrase_n, struct su_secret **out, struct su_err *e)
{
    *out = NULL;
    if (!wallet_is_sealed(text))
        return su_wallet_parse(su_secret_data(text), su_secret_bytes(text), path, out, e);
    if (!passphrase)
        return su_fail(e, SU_EACCES, path, "the key is sealed: its passphrase is needed");
    return unseal(text, path, passphrase, passphrase_n, out, e);
}

enum su_code su_wallet_file_kind(const char *path, enum su_wallet_kind *kind, struct su_err *e)
{
    struct su_secret *text;
    enum su_code c = wallet_file_read(path, &text, e);

    if (!c)
        *kind = wallet_is_sealed(text) ? SU_WALLET_SEALED : SU_WALLET_PLAIN;
    su_secret_free(text);
    return c;
}

static enum su_code mark_of(int fd, const char *path, uint8_t mark[32], size_t *bytes,
                            struct su_err *e)
{
    struct su_secret *text = NULL;
    enum su_code c = check_file(fd, path, bytes, e);

    if (!c)
        c = su_secret_new(*bytes, &text, e);
    if (!c)
        c = read_whole(fd, path, text, e);
    if (!c)
        su_sha256(su_secret_data(text), *bytes, mark);
    su_secret_free(text);
    return c;
}

enum su_code su_wallet_file_mark(const char *path, uint8_t mark[32], struct su_err *e)
{
    size_t bytes = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    if (fd < 0)
        return su_fail_sys(e, errno, path, "cannot open the key file");
    enum su_code c = mark_of(fd, path, mark, &bytes, e);
    (void)close(fd);
    return c;
}

/* ---- removing -------------------------------------------------------------------------------- */

/* That fd is what path names, and nothing else does. */
static enum su_code check_name(int fd, const char *path, struct su_err *e)
{
    struct stat st, named;

    if (fstat(fd, &st) != 0 || lstat(path, &named) != 0)
        return su_fail_sys(e, errno, path, "cannot look at it");
    if (st.st_dev != named.st_dev || st.st_ino != named.st_ino)
        return su_fail(e, SU_EBUSY, path, "another file took its place just now");
    if (st.st_nlink > 1)
        return su_fail(e, SU_EINVAL, path,
                       "is a file of %lu names (hard links): remove the others first",
                       (unsigned long)st.st_nlink);
    return SU_OK;
}

/* The name is gone by now: what is left is nobody's but this descriptor's. */
static void write_over(int fd, size_t bytes)
{
    uint8_t noise[256];

    for (size_t at = 0; at < bytes; at += sizeof noise) {
        su_random(noise, sizeof noise);
        if (pwrite(fd, noise, SU_MIN(sizeof noise, bytes - at), (off_t)at) <= 0)
            break;
    }
    (void)fsync(fd);
}

static void sync_folder(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *folder = su_strdup(slash ? path : ".");
    int fd;

    if (slash)
        folder[slash == path ? 1 : slash - path] = '\0';
    fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    free(folder);
    if (fd < 0)
        return;
    (void)fsync(fd);
    (void)close(fd);
}

enum su_code su_wallet_delete(const char *path, const uint8_t mark[32], struct su_err *e)
{
    uint8_t now[32];
    size_t bytes = 0;
    int fd = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);

    if (fd < 0 && errno == ELOOP)
        return su_fail(e, SU_EINVAL, path, "is a symbolic link: name the file itself");
    if (fd < 0)
        return su_fail_sys(e, errno, path, "cannot open the key file");
    enum su_code c = mark_of(fd, path, now, &bytes, e);
    if (!c && memcmp(now, mark, sizeof now) != 0)
        c = su_fail(e, SU_EBUSY, path, "has changed since it was looked at; look again");
    if (!c)
        c = check_name(fd, path, e);
    if (!c && unlink(path) != 0)
        c = su_fail_sys(e, errno, path, "cannot be removed");
    if (!c) {
        sync_folder(path);
        write_over(fd, bytes);
    }
    (void)close(fd);
    return c;
}

/* ---- writing --------------------------------------------------------------------------------- */

static enum su_code write_all(int fd, const char *path, const uint8_t *data, size_t n,
                              struct su_err *e)
{
    while (n > 0) {
        ssize_t done = write(fd, data, n);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return su_fail_sys(e, errno, path, "cannot write");
        data += done;
        n -= (size_t)done;
    }
    if (fsync(fd) != 0)
        return su_fail_sys(e, errno, path, "cannot bring it to the disk");
    return SU_OK;
}

static enum su_code make_folder(const char *path, struct su_err *e)
{
    const char *slash = strrchr(path, '/');

    if (!slash || slash == path)
        return SU_OK;
    char *folder = su_strdup(path);
    folder[slash - path] = '\0';
    enum su_code c = su_dir_make(folder, 0700, e);
    free(folder);
    return c;
}

static enum su_code write_new(const char *path, const uint8_t *data, size_t n, struct su_err *e)
{
    enum su_code c = make_folder(path, e);

    if (c)
        return c;
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0 && errno == EEXIST)
        return su_fail(e, SU_EEXIST, path,
                       "a file is there already, and keys are never overwritten");
    if (fd < 0)
        return su_fail_sys(e, errno, path, "cannot create the key file");
    if (fchmod(fd, 0600) != 0)
        c = su_fail_sys(e, errno, path, "cannot set mode 0600");
    if (!c)
        c = write_all(fd, path, data, n, e);
    if (close(fd) != 0 && !c)
        c = su_fail_sys(e, errno, path, "cannot close");
    if (c)
        (void)unlink(path);
    return c;
}

/* Digits and commas by hand: no formatted output ever sees the numbers. */
static size_t put_array(const uint8_t *key, uint8_t *out)
{
    size_t n = 0;

    out[n++] = '[';
    for (unsigned i = 0; i < NUMBERS; i++) {
        if (i > 0)
            out[n++] = ',';
        if (key[i] >= 100)
            out[n++] = (uint8_t)('0' + key[i] / 100);
        if (key[i] >= 10)
            out[n++] = (uint8_t)('0' + key[i] / 10 % 10);
        out[n++] = (uint8_t)('0' + key[i] % 10);
    }
    out[n++] = ']';
    return n;
}

static enum su_code write_plain(const char *path, struct su_secret *key, struct su_err *e)
{
    struct su_secret *text;
    enum su_code c = su_secret_new(TEXT_MAX_BYTES, &text, e);

    if (c)
        return c;
    size_t n = put_array(su_secret_data(key), su_secret_data(text));
    c = write_new(path, su_secret_data(text), n, e);
    su_secret_free(text);
    return c;
}

static enum su_code write_sealed(const char *path, const char *passphrase, struct su_secret *key,
                                 struct su_err *e)
{
    struct su_buf b;

    su_buf_init(&b, SU_WALLET_FILE_MAX_BYTES);
    enum su_code c = su_seal(passphrase, strlen(passphrase), su_secret_data(key), NUMBERS,
                             &su_seal_cost_default, &b, e);
    if (!c)
        c = write_new(path, b.data, b.len, e);
    su_buf_fini(&b);
    return c;
}

static enum su_code passphrase_check(const char *passphrase, struct su_err *e)
{
    if (passphrase && *passphrase == '\0')
        return su_fail(e, SU_EINVAL, "passphrase", "it is empty");
    if (passphrase && strlen(passphrase) > SU_WALLET_PASSPHRASE_MAX)
        return su_fail(e, SU_EINVAL, "passphrase", "it has more than %u bytes",
                       SU_WALLET_PASSPHRASE_MAX);
    return SU_OK;
}

static enum su_code write_key(const char *path, const char *passphrase, struct su_secret *key,
                              uint8_t public_key[32], struct su_err *e)
{
    enum su_code c =
        passphrase ? write_sealed(path, passphrase, key, e) : write_plain(path, key, e);

    if (!c)
        memcpy(public_key, su_secret_data(key) + SU_ED25519_SEED_BYTES, 32);
    return c;
}

enum su_code su_wallet_create(const char *path, const char *passphrase, uint8_t public_key[32],
                              struct su_err *e)
{
    struct su_secret *seed = NULL, *key = NULL;
    uint8_t unused[32];
    enum su_code c = passphrase_check(passphrase, e);

    if (c)
        return c;
    /* Before the seconds that sealing takes; write_new asks again. */
    if (access(path, F_OK) == 0)
        return su_fail(e, SU_EEXIST, path,
                       "a file is there already, and keys are never overwritten");
    c = su_secret_new(SU_ED25519_SEED_BYTES, &seed, e);
    if (!c)
        c = su_secret_new(NUMBERS, &key, e);
    if (!c) {
        su_random(su_secret_data(seed), SU_ED25519_SEED_BYTES);
        su_ed25519_from_seed(su_secret_data(seed), unused, su_secret_data(key));
        c = write_key(path, passphrase, key, public_key, e);
    }
    su_secret_free(seed);
    su_secret_free(key);
    return c;
}

enum su_code su_wallet_copy(const char *from, const char *from_passphrase, const char *to,
                            const char *to_passphrase, uint8_t public_key[32], struct su_err *e)
{
    struct su_secret *text = NULL, *key = NULL;
    enum su_code c = passphrase_check(to_passphrase, e);

    if (!c)
        c = wallet_file_read(from, &text, e);
    if (!c)
        c = wallet_text_open(text, from, from_passphrase,
                             from_passphrase ? strlen(from_passphrase) : 0, &key, e);
    if (!c)
        c = write_key(to, to_passphrase, key, public_key, e);
    su_secret_free(text);
    su_secret_free(key);
    return c;
}
