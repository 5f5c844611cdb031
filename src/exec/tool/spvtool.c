// SPDX-License-Identifier: MIT
/* Build step: spvtool OUT.c FILE.spv|FILE.glsl|FILE.h ...: checks and patches each SPIR-V module
   and writes all of them, and the texts that kernels generated at run time include, as C arrays. A
   module that breaks a rule breaks the build. */
#include "spirv.h"

#include <stdlib.h>
#include <string.h>

#define FILE_BYTES_MAX (16u << 20)

static int fail(const struct su_err *e)
{
    char line[512];
    su_err_line(e, line, sizeof line);
    fprintf(stderr, "spvtool: %s\n", line);
    return 1;
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static enum su_code write_module(FILE *f, unsigned index, const char *path, const struct su_map *m,
                                 struct su_err *e)
{
    if (m->len % 4 != 0)
        return su_fail(e, SU_EFORMAT, path, "%zu bytes are not whole words", m->len);
    uint32_t *word = su_try_alloc(m->len / 4 + 1, 4);
    if (!word)
        return su_fail(e, SU_ENOMEM, path, "%zu bytes", m->len);
    memcpy(word, m->data, m->len);
    uint32_t *patched;
    size_t n;
    enum su_code rc = su_spirv_patch(base_name(path), word, m->len / 4, &(struct su_spirv_modes){0},
                                     &patched, &n, e);
    free(word);
    if (rc != SU_OK)
        return rc;
    fprintf(f, "static const uint32_t m%u[%zu] = {", index, n);
    for (size_t i = 0; i < n; i++)
        fprintf(f, "%s0x%xu,", i % 12 ? "" : "\n", patched[i]);
    fprintf(f, "\n};\n");
    free(patched);
    return SU_OK;
}

/* As an array of numbers: a long string literal is beyond what C11 promises. */
static void write_text(FILE *f, unsigned index, const struct su_map *m)
{
    fprintf(f, "static const char t%u[%zu] = {", index, m->len + 1);
    for (size_t i = 0; i < m->len; i++)
        fprintf(f, "%s%d,", i % 24 ? "" : "\n", (char)m->data[i]);
    fprintf(f, "0};\n");
}

static void write_tables(FILE *f, int n, char **path)
{
    fprintf(f, "const struct su_vk_module su_vk_modules[] = {\n");
    for (int i = 0; i < n; i++) {
        const char *name = base_name(path[i]);
        if (su_str_ends(name, ".spv"))
            fprintf(f, "{\"%.*s\", m%d, sizeof m%d / 4},\n", (int)(strlen(name) - 4), name, i, i);
    }
    fprintf(f, "{0}};\nconst struct su_vk_text su_vk_texts[] = {\n");
    for (int i = 0; i < n; i++) {
        const char *name = base_name(path[i]);
        if (!su_str_ends(name, ".spv"))
            fprintf(f, "{\"%s\", t%d, sizeof t%d - 1},\n", name, i, i);
    }
    fprintf(f, "{0}};\n");
}

int main(int argc, char **argv)
{
    struct su_err e = {0};
    if (argc < 3) {
        fprintf(stderr, "usage: spvtool OUT.c FILE.spv|FILE.glsl|FILE.h ...\n");
        return 2;
    }
    FILE *f = fopen(argv[1], "w");
    if (!f) {
        perror(argv[1]);
        return 1;
    }
    fprintf(f, "#include \"vk_modules.h\"\n");
    enum su_code rc = SU_OK;
    for (int i = 2; i < argc && rc == SU_OK; i++) {
        struct su_map m;
        rc = su_map_open(argv[i], FILE_BYTES_MAX, &m, &e);
        if (rc != SU_OK)
            break;
        if (su_str_ends(argv[i], ".spv"))
            rc = write_module(f, (unsigned)i - 2, argv[i], &m, &e);
        else
            write_text(f, (unsigned)i - 2, &m);
        su_map_close(&m);
    }
    write_tables(f, argc - 2, argv + 2);
    bool bad = ferror(f) != 0;
    if (fclose(f) != 0 || bad) {
        perror(argv[1]);
        return 1;
    }
    return rc == SU_OK ? 0 : fail(&e);
}
