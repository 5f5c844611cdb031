// SPDX-License-Identifier: MIT
/* What probe.c can be asked: the first byte of its data. */
#ifndef SU_TEST_PROBE_H
#define SU_TEST_PROBE_H

enum probe {
    PROBE_SHA256, /* 1: parts; from 8: the bytes, cut into that many */
    PROBE_SLOT,
    PROBE_SLOT_HASH, /* u32 at 4: index */
    PROBE_RENT, /* u64 at 8: bytes */
    PROBE_ADDRESS, /* from 8: second seed after "probe" */
    PROBE_ADD, /* two points from 8 */
    PROBE_MUL2, /* two scalars, two points from 8 */
    PROBE_VRF, /* from 8: key, proof, alpha */
    PROBE_ACCOUNTS,
    PROBE_CREATE, /* accounts: any, payer, new; 1: bump, u32 at 4: bytes, from 8: seed of 8 */
    PROBE_CLOSE, /* accounts: any, closed, receiver */
    PROBE_TRANSFER, /* accounts: any, from, mint, to, authority; 1: signed by the program, 2: bump,
                       3: decimals, u64 at 8: amount, from 16: seed of 8 */
    PROBE_LOG, /* from 8: text */
    PROBE_RETURN, /* u64 at 8 */
};

#define PROBE_UNKNOWN 900
#define PROBE_WRONG 901

#endif
