// SPDX-License-Identifier: MIT
#include "model_priv.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* How far above the program its build tree's root may be. */
#define BUILD_DEPTH_MAX 4

const char *su_model_name_error(const char *name)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                  "._-";
    if (name[0] == '\0')
        return "the name is empty";
    if (strlen(name) > SU_MODEL_NAME_MAX)
        return "the name is longer than 63 bytes";
    if (name[0] == '.' || name[strspn(name, allowed)] != '\0')
        return "a model's name is of letters, digits, '.', '_' and '-', with no '.' in front";
    return NULL;
}

/* Joins with a '/'; false when it does not fit. */
static bool join(char out[SU_MODEL_PATH_MAX], const char *dir, const char *name)
{
    int n = snprintf(out, SU_MODEL_PATH_MAX, "%s/%s", dir, name);

    return n > 0 && n < SU_MODEL_PATH_MAX;
}

bool su_model_exists(const char *place, const char *name, bool shapes,
                     char folder[SU_MODEL_PATH_MAX])
{
    char file[SU_MODEL_PATH_MAX], leaf[SU_MODEL_NAME_MAX + 16];

    (void)snprintf(leaf, sizeof leaf, "%s.graph", name);
    if (!join(folder, place, name))
        return false;
    if (join(file, folder, leaf) && access(file, F_OK) == 0)
        return true;
    return shapes && join(file, folder, "config.json") && access(file, F_OK) == 0;
}

/* Folder of the running program; false when the system does not say. */
static bool program_folder(char out[SU_MODEL_PATH_MAX])
{
    ssize_t n = readlink("/proc/self/exe", out, SU_MODEL_PATH_MAX - 1);

    if (n <= 0)
        return false;
    out[n] = '\0';
    char *slash = strrchr(out, '/');
    if (!slash)
        return false;
    *slash = '\0';
    return true;
}

/* A program outside every build tree must not reach into someone's sources, and one inside must
   not run an installed copy of what is being worked on. */
static bool in_build_tree(const char *folder)
{
    char at[SU_MODEL_PATH_MAX], file[SU_MODEL_PATH_MAX];

    (void)su_str_copy(at, sizeof at, folder);
    for (int up = 0; up <= BUILD_DEPTH_MAX; up++) {
        if (join(file, at, "CMakeCache.txt") && access(file, F_OK) == 0)
            return true;
        char *slash = strrchr(at, '/');
        if (!slash)
            break;
        *slash = '\0';
    }
    return false;
}

/* Adds dir[0..len) followed by tail, unless it is empty, too long or there already. */
static void add(struct su_model_places *p, const char *dir, size_t len, const char *tail)
{
    char *path = p->path[p->n];
    size_t tail_len = strlen(tail);

    if (len + tail_len == 0 || len + tail_len >= SU_MODEL_PATH_MAX)
        return;
    memcpy(path, dir, len);
    memcpy(path + len, tail, tail_len + 1);
    for (size_t i = 0; i < p->n; i++) {
        if (strcmp(p->path[i], path) == 0)
            return;
    }
    p->n++;
}

enum su_code su_model_places(struct su_model_places *p, struct su_err *e)
{
    const char *list = getenv("SPLITUP_MODELS");
    char program[SU_MODEL_PATH_MAX];
    size_t most = 4;

    *p = (struct su_model_places){0};
    for (const char *c = list; c && *c; c++)
        most += *c == ':';
    p->path = su_try_alloc(most, sizeof *p->path);
    if (!p->path)
        return su_fail(e, SU_ENOMEM, "SPLITUP_MODELS", "out of memory for %zu folders", most);
    while (list && *list) {
        size_t len = strcspn(list, ":");
        add(p, list, len, "");
        list += len + (list[len] == ':');
    }
    bool known = program_folder(program);
    const char *folder = known ? strrchr(program, '/') : NULL; /* the kernel's path has no links */
    if (folder)
        add(p, program, (size_t)(folder - program), "/share/splitup/models");
    if (known && in_build_tree(program))
        add(p, SU_SOURCE_DATA_DIR, strlen(SU_SOURCE_DATA_DIR), "/models");
    add(p, SU_DATA_DIR, strlen(SU_DATA_DIR), "/models");
    return SU_OK;
}

void su_model_places_fini(struct su_model_places *p)
{
    free(p->path);
    *p = (struct su_model_places){0};
}
