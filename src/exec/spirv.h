// SPDX-License-Identifier: MIT
/* The gate every shader passes, at build and again at load: reads a SPIR-V module (Khronos SPIR-V
   specification 1.6; float controls by SPV_KHR_float_controls) word by word, refuses whatever could
   change a bit, adds what pins the rest down.

   Refused, by an allow list of instructions, capabilities, extended instructions and types, so that
   what this file does not know is refused too: division, remainder, fma and every transcendental or
   half-precision instruction, float comparison, float min/max, float dot and matrix products, float
   to integer conversion, float group operations and atomics, 16- and 64-bit floats. Added:
   NoContraction on each float add, sub and mul; RoundingModeRTE 32 and SignedZeroInfNanPreserve 32
   on each entry point, where the device offers them. */
#ifndef SU_EXEC_SPIRV_H
#define SU_EXEC_SPIRV_H

#include "base/base.h"

#define SU_SPIRV_WORDS_MAX (1u << 22)
#define SU_SPIRV_BOUND_MAX (1u << 20) /* ids of one module */

struct su_spirv_modes {
    bool rte32, preserve32;
};
/* What a module holds, for tests and messages. */
struct su_spirv_info {
    uint32_t float_ops; /* float adds, subs and muls */
    uint32_t undecorated; /* of these, without NoContraction */
    uint32_t entry_points;
    bool rte32, preserve32; /* every entry point has the mode */
};

/* Reads words[0..n) and refuses anything not allowed; fills *info (may be NULL). Missing
   decorations are no failure: look at info. SU_ETRUNC, SU_EFORMAT (not SPIR-V, or its ids, lengths
   or order are wrong), SU_EUNSUPPORTED (a forbidden instruction, named with its word offset),
   SU_ELIMIT (too large), SU_ENOMEM. name is for the message. Thread-safe. */
SU_CHECK enum su_code su_spirv_inspect(const char *name, const uint32_t *words, size_t n,
                                       struct su_spirv_info *info, struct su_err *e);
/* As su_spirv_inspect, then writes the patched module to *out (owned by the caller, free), *n_out
   words: every float op is decorated, and the modes asked for stand on every entry point. Patching
   a patched module changes nothing. On failure *out is NULL. */
SU_CHECK enum su_code su_spirv_patch(const char *name, const uint32_t *words, size_t n,
                                     const struct su_spirv_modes *modes, uint32_t **out,
                                     size_t *n_out, struct su_err *e);

#endif
