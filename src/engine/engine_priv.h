// SPDX-License-Identifier: MIT
#ifndef SU_ENGINE_PRIV_H
#define SU_ENGINE_PRIV_H

#include "engine/engine.h"

const struct su_graph *su_engine_graph(const struct su_engine *en);
uint32_t su_engine_rows(const struct su_engine *en); /* t_max of its plan */

#endif
