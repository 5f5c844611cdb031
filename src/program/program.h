// SPDX-License-Identifier: MIT
/* program: the rules of the chain. Six registries of the design (models, tasks, nodes, executions,
   verification, stake) as one Solana program. The same sources run natively inside the embedded
   ledger and, compiled to sBPF, in the Solana VM. FREESTANDING: no libc, no heap, stack frames
   under 512 bytes; what it needs of the machine is in sys.h. The accounts and instructions are
   described in abi. */
#ifndef SU_PROGRAM_H
#define SU_PROGRAM_H

#include "sys.h"

/* Runs one instruction. Returns 0, an error number of abi/errors.def (a Custom error on Solana), or
   what the runtime returned from a CPI. On failure the runtime discards every change to accounts.
   Assumes s as sys.h describes it; all account bytes and instruction data are hostile. */
uint64_t su_program_process(struct su_sys *s);

#endif
