// SPDX-License-Identifier: MIT
/* Shared by the tests of the Vulkan backend: runs a case on a device and compares every output with
   the interpreter, bit for bit. */
#ifndef SU_TEST_VK_CASE_H
#define SU_TEST_VK_CASE_H

#include "exec/exec.h"
#include "support/random_graph.h"

/* The Vulkan device, or NULL after a message when this machine has no driver. Options may be NULL.
   */
struct su_exec *vk_case_open(const struct su_exec_opts *opts);
/* Loads, runs all rows in dispatches of `batch` rows (two in flight), compares. Returns NULL when
   equal, else what differs (valid until the next call). */
const char *vk_case_check(struct su_exec *x, const struct su_random_case *c, uint32_t batch);
/* Takes ownership of a checked graph: fills inputs and weights from the seed. Every third row does
   not emit. */
struct su_random_case *vk_case_of(struct su_graph *g, uint32_t n_row, uint64_t seed, bool mild);

#endif
