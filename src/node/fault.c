// SPDX-License-Identifier: MIT
#include "fault.h"

#ifdef SU_FAULTS

#include <stdlib.h>
#include <string.h>

bool su_node_fault(const char *name)
{
    const char *list = getenv("SPLITUP_FAULT");
    size_t n = strlen(name);

    for (const char *at = list; at && *at; at = strchr(at, ',')) {
        at += *at == ',';
        if (strncmp(at, name, n) == 0 && (at[n] == 0 || at[n] == ','))
            return true;
    }
    return false;
}

#endif
