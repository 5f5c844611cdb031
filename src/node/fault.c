// SPDX-License-Identifier: MIT
#include "fault.h"

#ifdef SU_FAULTS

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

bool su_node_fault_slow(void)
{
    const char *home = getenv("SPLITUP_HOME");
    char path[4096];
    int n = snprintf(path, sizeof path, "%s/slow", home ? home : ".");

    return su_node_fault("slow-link") && n > 0 && (size_t)n < sizeof path &&
           access(path, F_OK) == 0;
}

#endif
