// SPDX-License-Identifier: MIT
#include "abi.h"

struct row {
    uint64_t number;
    const char *name, *text;
};
static const struct row rows[] = {
#define X(name, number, text) {number, #name, text},
#include "errors.def"
#undef X
};

static const struct row *find(uint64_t number)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (rows[i].number == number)
            return &rows[i];
    return NULL;
}

const char *su_prog_error_name(uint64_t number)
{
    const struct row *r = find(number);
    return r != NULL ? r->name : NULL;
}

const char *su_prog_error_text(uint64_t number)
{
    const struct row *r = find(number);
    return r != NULL ? r->text : NULL;
}
