// SPDX-License-Identifier: MIT
#ifndef SU_ORACLE_JUDGE_H
#define SU_ORACLE_JUDGE_H

#include "dispute.h"
#include "oracle_priv.h"

struct ora_job;
/* Has this execution's disputes judged, and votes on what was found. The worker has x. */
void ora_judge(struct su_oracle *o, struct ora_exec *x, uint8_t number);
/* The execution is gone. Under the lock. */
void ora_judge_forget(struct su_oracle *o, const uint8_t execution[32]);
void ora_job_free(struct ora_job *j);
/* A judge: judges until the end. */
void *ora_judges(void *oracle);

#endif
