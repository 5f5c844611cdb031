// SPDX-License-Identifier: MIT
/* Linked with a unit test of the program, turns it into one of the program's image: whatever the
   test runs natively is run in Solana's VM too, and must come out the same to the byte. What was
   reached is left in the build folder, svm-reached/<name of the program>, for reached.py. */
#include "abi/abi.h"
#include "support/parity.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#define DRAW_UNITS 400000u /* a draw verifies a proof, and asks for these */

static const char *name_of(const void *data, size_t n, uint32_t *limit)
{
    const struct su_ix_info *info = n ? su_ix_info(*(const uint8_t *)data) : NULL;
    if (info && info->number == SU_IX_DRAW)
        *limit = DRAW_UNITS;
    return info ? info->name : "(none)";
}

static void end(void)
{
    char path[512];
    (void)mkdir(SU_BINARY_DIR "/svm-reached", 0777);
    (void)snprintf(path, sizeof path, SU_BINARY_DIR "/svm-reached/%s",
                   program_invocation_short_name);
    FILE *f = fopen(path, "w");
    parity_watch_end(f ? f : stdout);
    if (f)
        (void)fclose(f);
}

__attribute__((constructor)) static void begin(void)
{
    const char *why;
    if (!parity_watch(SU_BINARY_DIR "/program/splitup.so", name_of, &why)) {
        (void)printf("skipped: %s\n", why);
        exit(77);
    }
    (void)atexit(end);
}
