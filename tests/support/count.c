// SPDX-License-Identifier: MIT
#include "support/count.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static bool is_set(const char *name)
{
    const char *text = getenv(name);

    return text && strcmp(text, "1") == 0;
}

uint32_t su_test_count(uint32_t few, uint32_t full)
{
    if (is_set("SU_TEST_FULL"))
        return full;
    return is_set("SU_TEST_BRIEF") && few >= 3 ? few / 3 : few;
}
