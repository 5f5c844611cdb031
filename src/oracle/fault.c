// SPDX-License-Identifier: MIT
#include "fault.h"

#ifdef SU_FAULTS
#include <stdlib.h>
#include <string.h>

bool su_oracle_fault(const char *name)
{
    const char *at = getenv("SPLITUP_FAULT");
    size_t n = strlen(name);

    while (at && *at) {
        size_t len = strcspn(at, ",");
        if (len == n && memcmp(at, name, n) == 0)
            return true;
        at += at[len] ? len + 1 : len;
    }
    return false;
}
#endif
