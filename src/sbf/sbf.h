// SPDX-License-Identifier: MIT
/* sbf: turns one relocatable BPF object of clang into an image that a Solana runtime loads.
   No linker of a distribution can: lld has no BPF target, and Solana's loader wants an ELF file
   laid out in its own way. Two layouts are written:

     v3  two program headers (read-only data at address 0, text at 0x100000000), no section table;
         calls of the runtime carry the murmur3 hash of the call's name. The default.
     v0  sections, a dynamic table, and one dynamic relocation per call of the runtime; for
         runtimes that do not know v3.

   Specifications: ELF-64 Object File Format 1.5 (the layout of the input), the kernel's
   Documentation/bpf/standardization/instruction-set.rst (instructions), LLVM's
   BPFRelocs (relocation numbers), SIMD-0178 and SIMD-0189 (v3). Thread-safe on distinct objects. */
#ifndef SU_SBF_H
#define SU_SBF_H

#include "base/base.h"

#include <stddef.h>
#include <stdint.h>

/* The largest image that fits an account of a program (10 MiB less its header of 45 bytes). */
#define SU_SBF_IMAGE_BYTES_MAX ((10u << 20) - 45)
#define SU_SBF_OBJECT_BYTES_MAX (64u << 20)
#define SU_SBF_ENTRY "entrypoint" /* the global function at which a program starts */

enum su_sbf_version { SU_SBF_V3, SU_SBF_V0 };

struct su_sbf_options {
    enum su_sbf_version version;
    const char *at; /* name of the object for messages; NULL: "object" */
};

/* su_sbf_link replaces the content of *image by the image made of the object. The same bytes give
   the same image. Every byte of the object is taken for hostile; object needs no alignment.

   Kept: allocated sections of a size above 0. Executable ones become the text, others the
   read-only data (.data.rel.ro* too). Left out: everything that is not allocated (debug and type
   information).

   On failure *image is empty, and the message names section and offset, or the symbol:
     SU_EINVAL        options are not valid
     SU_ETRUNC        the object is shorter than its headers say
     SU_EFORMAT       not a little-endian 64-bit relocatable BPF object, or one that contradicts
                      itself (a table, a name, a jump or a relocation outside its section)
     SU_EUNSUPPORTED  what a runtime does not run: writable data, 32-bit arithmetic (its add, sub
                      and mul sign-extend in a Solana VM where LLVM relies on zeros: a silent
                      miscompile, avoided by -mcpu=v2), atomic or newer instructions, kernel
                      helpers, relocations of another kind
     SU_ENOENT        an undefined symbol that is no call of the runtime (src/sbf/syscalls.def),
                      or no entry point
     SU_ELIMIT        object or image is too large
     SU_ENOMEM */
SU_CHECK enum su_code su_sbf_link(const void *object, size_t bytes,
                                  const struct su_sbf_options *options, struct su_buf *image,
                                  struct su_err *e);

/* murmur3 (x86, 32 bits, seed 0) of n bytes: the number by which a v3 image names a call of the
   runtime. */
uint32_t su_sbf_murmur3(const void *data, size_t n);

/* Whether the runtime offers this call on a cluster today. */
SU_CHECK bool su_sbf_syscall_known(const char *name);

#endif
