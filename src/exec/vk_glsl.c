// SPDX-License-Identifier: MIT
/* Run-time compilation of generated kernels, where shaderc is linked. */
#include "vk_modules.h"
#include "vk_priv.h"

#include <stdlib.h>
#include <string.h>

#ifdef SU_HAVE_SHADERC
#include <shaderc/shaderc.h>

bool vk_glsl_available(void)
{
    return true;
}

static shaderc_include_result *include_resolve(void *user, const char *requested, int type,
                                               const char *from, size_t depth)
{
    (void)user;
    (void)type;
    (void)from;
    (void)depth;
    static const char missing[] = "no such text";
    shaderc_include_result *r = su_alloc(sizeof *r);
    r->content = missing;
    r->content_length = sizeof missing - 1;
    r->source_name = ""; /* an empty name means failure, its content the message */
    for (const struct su_vk_text *t = su_vk_texts; t->name; t++) {
        if (strcmp(t->name, requested) == 0) {
            r->source_name = t->name;
            r->source_name_length = strlen(t->name);
            r->content = t->text;
            r->content_length = t->len;
        }
    }
    return r;
}

static void include_release(void *user, shaderc_include_result *r)
{
    (void)user;
    free(r);
}

static enum su_code take_result(shaderc_compilation_result_t r, uint32_t **word, size_t *n_word,
                                struct su_err *e)
{
    if (!r)
        return su_fail(e, SU_ENOMEM, "fused kernel", "no memory to compile it");
    if (shaderc_result_get_compilation_status(r) != shaderc_compilation_status_success)
        return su_fail(e, SU_EINTERNAL, "fused kernel", "shaderc: %s",
                       shaderc_result_get_error_message(r));
    size_t bytes = shaderc_result_get_length(r);
    *word = su_try_alloc(bytes / 4 + 1, 4);
    if (!*word)
        return su_fail(e, SU_ENOMEM, "fused kernel", "%zu bytes of SPIR-V", bytes);
    memcpy(*word, shaderc_result_get_bytes(r), bytes);
    *n_word = bytes / 4;
    return SU_OK;
}

enum su_code vk_glsl_compile(const char *glsl, size_t len, uint32_t **word, size_t *n_word,
                             struct su_err *e)
{
    *word = NULL;
    *n_word = 0;
    shaderc_compiler_t compiler = shaderc_compiler_initialize();
    shaderc_compile_options_t options = shaderc_compile_options_initialize();
    enum su_code rc;
    if (!compiler || !options) {
        rc = su_fail(e, SU_ENOMEM, "fused kernel", "shaderc does not start");
    } else {
        shaderc_compile_options_set_target_env(options, shaderc_target_env_vulkan,
                                               shaderc_env_version_vulkan_1_1);
        shaderc_compile_options_set_optimization_level(options, shaderc_optimization_level_zero);
        shaderc_compile_options_set_include_callbacks(options, include_resolve, include_release,
                                                      NULL);
        shaderc_compilation_result_t r = shaderc_compile_into_spv(
            compiler, glsl, len, shaderc_glsl_compute_shader, "fused", "main", options);
        rc = take_result(r, word, n_word, e);
        shaderc_result_release(r);
    }
    shaderc_compile_options_release(options);
    shaderc_compiler_release(compiler);
    return rc;
}

#else

bool vk_glsl_available(void)
{
    return false;
}

enum su_code vk_glsl_compile(const char *glsl, size_t len, uint32_t **word, size_t *n_word,
                             struct su_err *e)
{
    (void)glsl;
    (void)len;
    *word = NULL;
    *n_word = 0;
    return su_fail(e, SU_EUNSUPPORTED, "fused kernel",
                   "built without shaderc; install libshaderc-dev and build again");
}

#endif
