// SPDX-License-Identifier: MIT
#include "vk_priv.h"
enum su_code vk_fuse_find(struct vk_stage *s, struct su_err *e)
{
    (void)s;
    (void)e;
    return SU_OK;
}
enum su_code vk_fuse_plan(struct vk_stage *s, uint32_t node, struct su_err *e)
{
    (void)s;
    (void)e;
    (void)node;
    return SU_OK;
}
