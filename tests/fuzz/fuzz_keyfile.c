// SPDX-License-Identifier: MIT
/* The input as a key file and as a settings file found on a disk. */
#include "wallet/wallet.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void key_file(const uint8_t *data, size_t size)
{
    struct su_secret *s;
    struct su_err e = {0};
    enum su_code c = su_wallet_parse(data, size, "input", &s, &e);

    SU_ASSERT(c == SU_OK || c == SU_EFORMAT || c == SU_ELIMIT);
    SU_ASSERT((c == SU_OK) == (s != NULL));
    if (s)
        SU_ASSERT(su_secret_bytes(s) == 64 && su_ed25519_secret_check(su_secret_data(s)));
    SU_ASSERT(c == SU_OK || (e.msg[0] != '\0' && strlen(e.msg) < sizeof e.msg));
    su_secret_free(s);
}

static void settings_file(const uint8_t *data, size_t size)
{
    char path[] = "/tmp/su-fuzz-settings-XXXXXX";
    struct su_wallet_settings s;
    int fd = mkstemp(path);

    SU_ASSERT(fd >= 0 && write(fd, data, size) == (ssize_t)size && close(fd) == 0);
    (void)setenv("HOME", "/nowhere", 1);
    enum su_code c = su_wallet_settings_read(path, &s, NULL);
    SU_ASSERT(c == SU_OK || c == SU_EFORMAT || c == SU_ELIMIT);
    SU_ASSERT(strlen(s.rpc_url) < sizeof s.rpc_url);
    SU_ASSERT(unlink(path) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    key_file(data, size);
    settings_file(data, size);
    return 0;
}
