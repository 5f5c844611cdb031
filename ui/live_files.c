// SPDX-License-Identifier: MIT
/* Paths as people type them. On the worker thread: a folder may lie on a slow disk. */
#include "ui/live_priv.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define ENTRIES_MAX 20000u /* of a folder that are looked at */

void ui_live_expand(char path[SU_UI_TEXT])
{
    const char *home = getenv("HOME");
    size_t n = home ? strlen(home) : 0, rest = strlen(path);

    if (strncmp(path, "~/", 2) != 0 || n == 0 || n + rest > SU_UI_TEXT)
        return;
    memmove(path + n, path + 1, rest);
    memcpy(path, home, n);
}

struct found {
    char common[256]; /* that all names begin with */
    char names[64]; /* the first of them */
    size_t n;
};

static void consider(struct found *f, const char *name)
{
    size_t at = strlen(f->names), k = 0;

    if (f->n++ == 0)
        su_str_copy(f->common, sizeof f->common, name);
    while (f->common[k] && f->common[k] == name[k])
        k++;
    f->common[k] = 0;
    if (at + strlen(name) + 2 < sizeof f->names) {
        if (at)
            f->names[at++] = ' ';
        strcpy(f->names + at, name);
    }
}

/* Names with control characters are nobody's to type. */
static bool is_clean(const char *name)
{
    for (; *name; name++)
        if ((unsigned char)*name < ' ' || *name == 0x7f)
            return false;
    return true;
}

void ui_live_complete(struct su_ui_live *l, struct su_ui_result *r)
{
    char typed[SU_UI_TEXT], folder[SU_UI_TEXT] = ".";
    struct found f = {.n = 0};
    const char *slash, *begin;
    struct dirent *d;
    struct stat st;
    DIR *dir;

    su_str_copy(typed, sizeof typed, r->text);
    ui_live_expand(typed);
    slash = strrchr(typed, '/');
    begin = slash ? slash + 1 : typed;
    if (slash)
        snprintf(folder, sizeof folder, "%.*s", (int)(slash - typed + 1), typed);
    dir = opendir(folder);
    if (!dir)
        return;
    for (unsigned i = 0; i < ENTRIES_MAX && !ui_live_cancelled(l) && (d = readdir(dir)); i++)
        if (strncmp(d->d_name, begin, strlen(begin)) == 0 && is_clean(d->d_name) &&
            strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0 &&
            (d->d_name[0] != '.' || *begin == '.'))
            consider(&f, d->d_name);
    (void)closedir(dir);
    if (f.n == 0 || strlen(typed) + strlen(f.common) + 2 > sizeof r->text)
        return;
    snprintf(r->text, sizeof r->text, "%.*s%s", (int)(begin - typed), typed, f.common);
    if (f.n == 1 && stat(r->text, &st) == 0 && S_ISDIR(st.st_mode))
        strcat(r->text, "/");
    if (f.n > 1)
        snprintf(r->title, sizeof r->title, "%.62s", f.names);
}
