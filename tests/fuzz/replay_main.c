// SPDX-License-Identifier: MIT
/* Stands in for libFuzzer where there is none: runs a fuzz target over every file named, or found
   in a directory named, then over a few mutations of each that are the same on every run. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv) __attribute__((weak));

enum { INPUT_MAX_BYTES = 16 << 20 };

static unsigned mutations_per_input = 64;
static size_t inputs_run;

static uint64_t rng_next(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/* The target gets an allocation of exactly the input's size, so a sanitizer sees any overrun. */
static void input_run(const uint8_t *data, size_t size)
{
    uint8_t *exact = malloc(size ? size : 1);
    if (!exact) {
        fprintf(stderr, "replay: no memory for %zu bytes\n", size);
        exit(1);
    }
    memcpy(exact, data, size);
    (void)LLVMFuzzerTestOneInput(exact, size);
    free(exact);
    inputs_run++;
}

static void input_mutate(const uint8_t *data, size_t size, uint64_t *rng)
{
    static const uint8_t edges[] = {0x00, 0x01, 0x7f, 0x80, 0xff, ' ', '"', '0', '9', '{'};
    uint8_t *copy = malloc(size + 8);
    if (!copy) {
        fprintf(stderr, "replay: no memory for %zu bytes\n", size);
        exit(1);
    }
    memcpy(copy, data, size);
    size_t len = size;
    unsigned edits = 1 + (unsigned)(rng_next(rng) % 4);
    for (unsigned i = 0; i < edits && len > 0; i++) {
        size_t at = (size_t)(rng_next(rng) % len);
        size_t run = len - at < 8 ? len - at : 8;
        switch (rng_next(rng) % 5) {
        case 0:
            copy[at] = (uint8_t)(copy[at] ^ (1u << (rng_next(rng) % 8)));
            break;
        case 1:
            copy[at] = edges[rng_next(rng) % sizeof edges];
            break;
        case 2: /* an extreme count, size or offset */
            memset(copy + at, (rng_next(rng) & 1) ? 0xff : 0x00, run);
            break;
        case 3:
            len = at;
            break;
        default:
            memmove(copy + at, copy + at + 1, len - at - 1);
            len--;
            break;
        }
    }
    input_run(copy, len);
    free(copy);
}

static int file_replay(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (!file) {
        perror(path);
        return -1;
    }
    uint8_t *data = malloc(INPUT_MAX_BYTES);
    size_t size = data ? fread(data, 1, INPUT_MAX_BYTES, file) : 0;
    int bad = !data || ferror(file) || !feof(file);
    fclose(file);
    if (bad) {
        fprintf(stderr, "%s: cannot be read, or is larger than %d bytes\n", path, INPUT_MAX_BYTES);
        free(data);
        return -1;
    }
    uint64_t rng = 0x9e3779b97f4a7c15u + size;
    input_run(data, size);
    for (unsigned i = 0; i < mutations_per_input; i++)
        input_mutate(data, size, &rng);
    free(data);
    return 0;
}

static int path_replay(const char *path)
{
    struct stat st;
    if (stat(path, &st) != 0) {
        perror(path);
        return -1;
    }
    if (!S_ISDIR(st.st_mode))
        return file_replay(path);
    struct dirent **names;
    int count = scandir(path, &names, NULL, alphasort);
    if (count < 0) {
        perror(path);
        return -1;
    }
    int rc = 0;
    for (int i = 0; i < count; i++) {
        char child[4096];
        if (names[i]->d_name[0] != '.' && rc == 0) {
            snprintf(child, sizeof child, "%s/%s", path, names[i]->d_name);
            rc = path_replay(child);
        }
        free(names[i]);
    }
    free(names);
    return rc;
}

int main(int argc, char **argv)
{
    if (LLVMFuzzerInitialize)
        LLVMFuzzerInitialize(&argc, &argv);
    const char *full = getenv("SU_TEST_FULL");
    if (full && strcmp(full, "1") == 0)
        mutations_per_input = 4096;
    for (int i = 1; i < argc; i++) {
        if (path_replay(argv[i]) != 0)
            return 1;
    }
    if (inputs_run == 0) {
        fprintf(stderr, "replay: no input; name files or directories that hold some\n");
        return 1;
    }
    printf("replay: %zu inputs\n", inputs_run);
    return 0;
}
