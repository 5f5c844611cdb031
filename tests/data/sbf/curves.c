// SPDX-License-Identifier: MIT
/* A program for tests in the Solana VM. The first byte of its instruction is the operation, the
   rest its arguments; return data is 1 and the result, or 0. It has no accounts. */
#include "abi/ecvrf.h"

extern uint64_t sol_curve_validate_point(uint64_t curve, const uint8_t *p, uint8_t *result);
extern uint64_t sol_curve_group_op(uint64_t curve, uint64_t op, const uint8_t *a, const uint8_t *b,
                                   uint8_t *out);
extern uint64_t sol_curve_multiscalar_mul(uint64_t curve, const uint8_t *scalars,
                                          const uint8_t *points, uint64_t n, uint8_t *out);
extern uint64_t sol_set_return_data(const uint8_t *p, uint64_t n);

enum { EDWARDS = 0, OP_ADD = 0 };

static bool add(const uint8_t p[32], const uint8_t q[32], uint8_t out[32])
{
    return sol_curve_group_op(EDWARDS, OP_ADD, p, q, out) == 0;
}

static bool mul2(const uint8_t scalars[64], const uint8_t points[64], uint8_t out[32])
{
    return sol_curve_multiscalar_mul(EDWARDS, scalars, points, 2, out) == 0;
}

static const struct su_ecvrf_ops ops = {.add = add, .mul2 = mul2};

static bool verify(const uint8_t *p, uint64_t n, uint8_t beta[SU_ECVRF_BETA_BYTES])
{
    struct su_ecvrf *v = (struct su_ecvrf *)0x300000000; /* the heap */

    v->ops = &ops;
    v->key = p;
    v->proof = p + SU_ECVRF_KEY_BYTES;
    v->alpha = v->proof + SU_ECVRF_PROOF_BYTES;
    v->alpha_bytes = n - SU_ECVRF_KEY_BYTES - SU_ECVRF_PROOF_BYTES;
    if (!su_ecvrf_verify(v))
        return false;
    su_free_copy(beta, v->beta, SU_ECVRF_BETA_BYTES);
    return true;
}

/* input: u64 accounts = 0, u64 bytes, data. */
uint64_t entrypoint(const uint8_t *input)
{
    const uint8_t *data = input + 16, *p = data + 1;
    uint64_t n = su_free_load64(input + 8) - 1, result = 32;
    uint8_t out[1 + SU_ECVRF_BETA_BYTES];
    bool good = false;

    switch (data[0]) {
    case 'v':
        good = verify(p, n, out + 1);
        result = SU_ECVRF_BETA_BYTES;
        break;
    case '?':
        good = sol_curve_validate_point(EDWARDS, p, out + 1) == 0;
        result = 0;
        break;
    case '+':
    case '-':
    case '*':
        good = sol_curve_group_op(EDWARDS,
                                  data[0] == '+'   ? OP_ADD
                                  : data[0] == '-' ? 1
                                                   : 2,
                                  p, p + 32, out + 1) == 0;
        break;
    case '2':
        good = mul2(p, p + 64, out + 1);
        break;
    default:
        return 1;
    }
    out[0] = good;
    sol_set_return_data(out, 1 + (good ? result : 0));
    return 0;
}

#include "abi/ecvrf.c"
