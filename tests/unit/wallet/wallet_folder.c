// SPDX-License-Identifier: MIT
#include "wallet_folder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

const char known_key_file[] =
    "[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31,32,12"
    "1,181,86,46,143,230,84,249,64,120,177,18,232,169,139,167,144,31,133,58,230,149,190,215,224"
    ",227,145,11,173,4,150,100]";
const char known_address[] = "9C6hybhQ6Aycep9jaUnP6uL9ZYvDjUp1aSkFWPUFJtpj";

int folder_setup(void **state)
{
    const char *tmp = getenv("TMPDIR");
    char *folder = malloc(1024);

    (void)snprintf(folder, 1024, "%s/su-wallet-XXXXXX", tmp ? tmp : "/tmp");
    *state = folder;
    return mkdtemp(folder) ? 0 : -1;
}

int folder_teardown(void **state)
{
    char command[1100];

    (void)snprintf(command, sizeof command, "rm -rf '%s'", (const char *)*state);
    int rc = system(command);
    free(*state);
    return rc;
}

const char *folder_path(const char *folder, const char *name)
{
    static char paths[4][1200];
    static unsigned next;
    char *path = paths[next++ % 4];

    (void)snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

void file_put(const char *path, const void *data, size_t n, unsigned mode)
{
    FILE *f = fopen(path, "wb");

    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(chmod(path, mode), 0);
}

size_t file_get(const char *path, char *out, size_t cap)
{
    FILE *f = fopen(path, "rb");

    assert_non_null(f);
    size_t n = fread(out, 1, cap - 1, f);
    out[n] = '\0';
    assert_int_equal(fclose(f), 0);
    return n;
}
