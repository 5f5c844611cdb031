// SPDX-License-Identifier: MIT
/* shaders/INDEX names every file of the folder and nothing else; every kernel in it was built in
   and is fully decorated. */
#include "base/base.h"
#include "exec/spirv.h"
#include "exec/vk_modules.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

static struct su_map index_map;

/* Whether INDEX has a line for this file, with some text after the name. */
static bool listed(const char *name)
{
    const char *p = (const char *)index_map.data, *end = p + index_map.len;
    size_t n = strlen(name);
    while (p < end) {
        const char *nl = memchr(p, '\n', (size_t)(end - p));
        const char *stop = nl ? nl : end;
        if ((size_t)(stop - p) > n + 4 && memcmp(p, name, n) == 0 && p[n] == ' ')
            return true;
        p = stop + 1;
    }
    return false;
}

static int open_index(void **state)
{
    (void)state;
    return su_map_open(SU_SOURCE_DIR "/shaders/INDEX", 1u << 20, &index_map, NULL) == SU_OK ? 0
                                                                                            : -1;
}

static int close_index(void **state)
{
    (void)state;
    su_map_close(&index_map);
    return 0;
}

static void every_file_is_listed(void **state)
{
    (void)state;
    DIR *d = opendir(SU_SOURCE_DIR "/shaders");
    assert_non_null(d);
    unsigned files = 0;
    for (struct dirent *f = readdir(d); f; f = readdir(d)) {
        if (f->d_name[0] == '.' || strcmp(f->d_name, "INDEX") == 0)
            continue;
        if (!listed(f->d_name))
            fail_msg("shaders/INDEX does not list %s", f->d_name);
        files++;
    }
    closedir(d);
    assert_true(files > 5);
}

static void every_line_has_a_file(void **state)
{
    (void)state;
    const char *p = (const char *)index_map.data, *end = p + index_map.len;
    char before[128] = "";
    while (p < end) {
        char name[128], path[512];
        struct stat st;
        size_t n = strcspn(p, " \n");
        assert_true(n > 0 && n < sizeof name);
        memcpy(name, p, n);
        name[n] = '\0';
        snprintf(path, sizeof path, "%s/shaders/%s", SU_SOURCE_DIR, name);
        if (stat(path, &st) != 0)
            fail_msg("shaders/INDEX lists %s, which is not there", name);
        assert_true(strcmp(before, name) < 0); /* sorted, hence no line twice */
        memcpy(before, name, sizeof name);
        p = memchr(p, '\n', (size_t)(end - p));
        assert_non_null(p);
        p++;
    }
}

static void every_kernel_is_decorated(void **state)
{
    (void)state;
    unsigned n = 0;
    for (const struct su_vk_module *m = su_vk_modules; m->name; m++, n++) {
        struct su_spirv_info info;
        struct su_err e;
        char file[128];
        snprintf(file, sizeof file, "%s.comp", m->name);
        assert_true(listed(file));
        if (su_spirv_inspect(m->name, m->word, m->n_word, &info, &e) != SU_OK)
            fail_msg("%s: %s", m->name, e.msg);
        assert_int_equal(info.undecorated, 0);
        assert_int_equal(info.entry_points, 1);
    }
    assert_true(n >= 10);
    for (const struct su_vk_text *t = su_vk_texts; t->name; t++)
        assert_int_equal(strlen(t->text), t->len);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_file_is_listed),
        cmocka_unit_test(every_line_has_a_file),
        cmocka_unit_test(every_kernel_is_decorated),
    };
    return cmocka_run_group_tests(tests, open_index, close_index);
}
