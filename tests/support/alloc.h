// SPDX-License-Identifier: MIT
/* The C library's allocations of the test program, counted, and made to fail on demand. A program
   that names one of these has its malloc, calloc, realloc and free replaced. Under sanitizers, which
   bring their own, and outside glibc nothing is replaced. */
#ifndef SU_SUPPORT_ALLOC_H
#define SU_SUPPORT_ALLOC_H

#include <stdbool.h>
#include <stddef.h>

/* False when nothing is replaced: the functions below then do nothing. */
bool su_alloc_watched(void);
/* From now on allocations of lo to hi bytes yield NULL. */
void su_alloc_fail(size_t lo, size_t hi);
void su_alloc_fail_none(void);
/* Forgets the peak; from then on the most bytes held at once beyond those held now. */
void su_alloc_peak_start(void);
size_t su_alloc_peak(void);

#endif
