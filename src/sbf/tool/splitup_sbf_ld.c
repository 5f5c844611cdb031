// SPDX-License-Identifier: MIT
/* Build step: splitup-sbf-ld [-v0] IN.o -o OUT.so: makes a Solana image of a BPF object. */
#include "sbf/sbf.h"

#include <stdio.h>
#include <string.h>

static int usage(void)
{
    (void)fprintf(stderr, "usage: splitup-sbf-ld [-v0] IN.o -o OUT.so\n");
    return su_code_exit(SU_EUSAGE);
}

static enum su_code convert(const struct su_sbf_options *options, const char *in, const char *out,
                            struct su_err *e)
{
    struct su_map m;
    struct su_buf image;
    enum su_code c = su_map_open(in, SU_SBF_OBJECT_BYTES_MAX, &m, e);
    if (c)
        return c;
    su_buf_init(&image, 0);
    c = su_sbf_link(m.data, m.len, options, &image, e);
    if (!c)
        c = su_file_write(out, image.data, image.len, 0644, e);
    su_buf_fini(&image);
    su_map_close(&m);
    return c;
}

int main(int argc, char **argv)
{
    struct su_sbf_options options = {.version = SU_SBF_V3};
    const char *out = NULL;
    struct su_err e = {0};
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "-v0") == 0)
            options.version = SU_SBF_V0;
        else if (strcmp(argv[i], "-o") == 0 && !out && i + 1 < argc)
            out = argv[++i];
        else if (argv[i][0] != '-' && !options.at)
            options.at = argv[i];
        else
            return usage();
    }
    if (!options.at || !out)
        return usage();
    enum su_code c = convert(&options, options.at, out, &e);
    if (c) {
        char line[512];
        su_err_line(&e, line, sizeof line);
        (void)fprintf(stderr, "splitup-sbf-ld: %s\n", line);
    }
    return su_code_exit(c);
}
