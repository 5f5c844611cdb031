// SPDX-License-Identifier: MIT
#include "oracle_priv.h"

#include "vrf/vrf.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TEXT_BYTES = 2 * SU_VRF_SEED_BYTES };

static enum su_code seed_path(const char *home, char out[4096], struct su_err *e)
{
    return su_path_join(out, 4096, home, "oracle.vrf", e);
}

static enum su_code read_text(int fd, const char *path, char text[TEXT_BYTES + 2], struct su_err *e)
{
    struct stat st;

    if (fstat(fd, &st) != 0)
        return su_fail_sys(e, errno, path, "cannot be read");
    if (!S_ISREG(st.st_mode) || (st.st_mode & 077) != 0)
        return su_fail(e, SU_EACCES, path,
                       "must be a file that only its owner may read: chmod 600");
    ssize_t got = read(fd, text, TEXT_BYTES + 2);
    if (got < 0)
        return su_fail_sys(e, errno, path, "cannot be read");
    if (got == TEXT_BYTES + 1 && text[TEXT_BYTES] == '\n')
        got--;
    text[got <= TEXT_BYTES ? got : 0] = 0;
    return SU_OK;
}

enum su_code ora_vrf_seed(const char *home, struct su_secret **seed, struct su_err *e)
{
    char path[4096], text[TEXT_BYTES + 2];
    size_t n = 0;

    *seed = NULL;
    enum su_code rc = seed_path(home, path, e);
    if (rc)
        return rc;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 && errno == ENOENT)
        return su_fail(e, SU_ENOENT, path, "there is none; `splitup oracle init` makes it");
    if (fd < 0)
        return su_fail_sys(e, errno, path, "cannot be opened");
    rc = read_text(fd, path, text, e);
    (void)close(fd);
    if (!rc)
        rc = su_secret_new(SU_VRF_SEED_BYTES, seed, e);
    if (!rc && (!su_hex_decode(text, su_secret_data(*seed), SU_VRF_SEED_BYTES, &n) ||
                n != SU_VRF_SEED_BYTES))
        rc = su_fail(e, SU_EFORMAT, path, "must hold %d hexadecimal digits", TEXT_BYTES);
    su_wipe(text, sizeof text);
    if (rc) {
        su_secret_free(*seed);
        *seed = NULL;
    }
    return rc;
}

static enum su_code make_seed(const char *home, const char *path, struct su_err *e)
{
    uint8_t seed[SU_VRF_SEED_BYTES];
    char text[TEXT_BYTES + 2];
    enum su_code rc = su_dir_make(home, 0700, e);

    if (rc)
        return rc;
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return errno == EEXIST ? SU_OK : su_fail_sys(e, errno, path, "cannot be made");
    su_random(seed, sizeof seed);
    (void)su_hex_encode(seed, sizeof seed, text, sizeof text);
    text[TEXT_BYTES] = '\n';
    ssize_t put = write(fd, text, TEXT_BYTES + 1);
    bool synced = fsync(fd) == 0;
    su_wipe(seed, sizeof seed);
    su_wipe(text, sizeof text);
    if (put != TEXT_BYTES + 1 || !synced)
        rc = su_fail_sys(e, put < 0 || !synced ? errno : ENOSPC, path, "cannot be written");
    if (close(fd) != 0 && !rc)
        rc = su_fail_sys(e, errno, path, "cannot be written");
    if (rc)
        (void)unlink(path);
    return rc;
}

enum su_code su_oracle_vrf_key(const char *home, bool make, uint8_t key[32], struct su_err *e)
{
    char path[4096];
    struct su_secret *seed;
    enum su_code rc = seed_path(home, path, e);

    if (!rc && make && access(path, F_OK) != 0)
        rc = make_seed(home, path, e);
    if (!rc)
        rc = ora_vrf_seed(home, &seed, e);
    if (rc)
        return rc;
    su_vrf_public(su_secret_data(seed), key);
    su_secret_free(seed);
    return SU_OK;
}
