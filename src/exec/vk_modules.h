// SPDX-License-Identifier: MIT
/* What the build embeds: every kernel of shaders/ as checked SPIR-V, and the texts that generated
   kernels include. Both tables end with a row of name NULL. */
#ifndef SU_EXEC_VK_MODULES_H
#define SU_EXEC_VK_MODULES_H

#include <stddef.h>
#include <stdint.h>

struct su_vk_module {
    const char *name; /* file name without .comp */
    const uint32_t *word;
    size_t n_word;
};
struct su_vk_text {
    const char *name; /* file name */
    const char *text;
    size_t len;
};
extern const struct su_vk_module su_vk_modules[];
extern const struct su_vk_text su_vk_texts[];

#endif
