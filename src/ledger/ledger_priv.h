// SPDX-License-Identifier: MIT
/* What the files of ledger share. The JSON-RPC half (rpc_*.c) stands on ledger.h alone; the bank's
   insides are in bank.h. */
#ifndef SU_LEDGER_PRIV_H
#define SU_LEDGER_PRIV_H

#include "ledger/ledger.h"

#endif
