// SPDX-License-Identifier: MIT
/* The SPIR-V gate on modules written by hand: what it refuses, what it adds. */
#include "base/base.h"

#include "exec/spirv.h"

#include <setjmp.h>
#include <spirv/unified1/GLSL.std.450.h>
#include <spirv/unified1/spirv.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum id {
    VOID = 1,
    FN,
    MAIN,
    FLOAT,
    VEC2,
    ONE,
    GLSL,
    LABEL,
    INT,
    INT_ONE,
    TWO,
    FLOAT_WIDE,
    BOOL,
    POINTER,
    VAR,
    RESULT = 30,
    BOUND = 64
};

struct module {
    uint32_t word[512];
    size_t n;
};

static void put(struct module *m, uint32_t op, const uint32_t *operand, uint32_t n)
{
    m->word[m->n++] = (n + 1) << 16 | op;
    for (uint32_t i = 0; i < n; i++)
        m->word[m->n++] = operand[i];
}
#define PUT(m, op, ...)                                                                            \
    put(m, op, (const uint32_t[]){__VA_ARGS__}, sizeof((uint32_t[]){__VA_ARGS__}) / 4)

/* Everything before the annotations. */
static void head(struct module *m)
{
    uint32_t glsl[5] = {GLSL};
    memcpy(glsl + 1, "GLSL.std.450", 13);
    m->n = 0;
    const uint32_t header[5] = {SpvMagicNumber, 0x00010300, 0, BOUND, 0};
    memcpy(m->word, header, sizeof header);
    m->n = 5;
    PUT(m, SpvOpCapability, SpvCapabilityShader);
    put(m, SpvOpExtInstImport, glsl, 5);
    PUT(m, SpvOpMemoryModel, SpvAddressingModelLogical, SpvMemoryModelGLSL450);
    PUT(m, SpvOpEntryPoint, SpvExecutionModelGLCompute, MAIN, 0x6e69616d, 0); /* "main" */
    PUT(m, SpvOpExecutionMode, MAIN, SpvExecutionModeLocalSize, 1, 1, 1);
}

static void types(struct module *m)
{
    PUT(m, SpvOpTypeVoid, VOID);
    PUT(m, SpvOpTypeFunction, FN, VOID);
    PUT(m, SpvOpTypeFloat, FLOAT, 32);
    PUT(m, SpvOpTypeVector, VEC2, FLOAT, 2);
    PUT(m, SpvOpTypeInt, INT, 32, 0);
    PUT(m, SpvOpTypeBool, BOOL);
    PUT(m, SpvOpConstant, FLOAT, ONE, 0x3f800000);
    PUT(m, SpvOpConstant, INT, INT_ONE, 1);
    PUT(m, SpvOpConstantComposite, VEC2, TWO, ONE, ONE);
}

/* A module whose main holds the one instruction given (n operands), and nothing when op is 0. */
static void body(struct module *m, uint32_t op, const uint32_t *operand, uint32_t n)
{
    PUT(m, SpvOpFunction, VOID, MAIN, 0, FN);
    PUT(m, SpvOpLabel, LABEL);
    if (op)
        put(m, op, operand, n);
    put(m, SpvOpReturn, NULL, 0);
    put(m, SpvOpFunctionEnd, NULL, 0);
}

static struct module module_with(uint32_t op, const uint32_t *operand, uint32_t n)
{
    struct module m;
    head(&m);
    types(&m);
    body(&m, op, operand, n);
    return m;
}
#define MODULE(op, ...)                                                                            \
    module_with(op, (const uint32_t[]){__VA_ARGS__}, sizeof((uint32_t[]){__VA_ARGS__}) / 4)

static enum su_code patch(const struct module *m, struct su_spirv_modes modes, uint32_t **out,
                          size_t *n, struct su_err *e)
{
    return su_spirv_patch("test", m->word, m->n, &modes, out, n, e);
}

static void expect_refused(const struct module *m, enum su_code want, const char *text)
{
    struct su_err e = {0};
    uint32_t *out = (uint32_t *)1;
    size_t n = 1;
    assert_int_equal(su_spirv_inspect("test", m->word, m->n, NULL, &e), want);
    if (!strstr(e.msg, text))
        fail_msg("\"%s\" does not say \"%s\"", e.msg, text);
    assert_int_equal(patch(m, (struct su_spirv_modes){true, true}, &out, &n, NULL), want);
    assert_null(out);
}

/* ---- what is refused
   --------------------------------------------------------------------------------------------- */

static void refuses_instructions(void **state)
{
    (void)state;
    static const struct {
        uint32_t op;
        const char *name;
        uint32_t result, a, b;
    } bad[] = {
        {SpvOpFDiv, "OpFDiv", FLOAT, ONE, ONE},
        {SpvOpFRem, "OpFRem", FLOAT, ONE, ONE},
        {SpvOpFMod, "OpFMod", FLOAT, ONE, ONE},
        {SpvOpDot, "OpDot", FLOAT, TWO, TWO},
        {SpvOpVectorTimesScalar, "OpVectorTimesScalar", VEC2, TWO, ONE},
        {SpvOpMatrixTimesVector, "OpMatrixTimesVector", VEC2, TWO, TWO},
        {SpvOpFOrdLessThan, "OpFOrdLessThan", BOOL, ONE, ONE},
        {SpvOpFOrdEqual, "OpFOrdEqual", BOOL, ONE, ONE},
        {SpvOpFUnordNotEqual, "OpFUnordNotEqual", BOOL, ONE, ONE},
        {SpvOpFUnordLessThan, "which no rule allows", BOOL, ONE, ONE},
        {SpvOpOuterProduct, "OpOuterProduct", VEC2, TWO, TWO},
    };
    for (size_t i = 0; i < SU_ARRAY_LEN(bad); i++) {
        struct module m = MODULE(bad[i].op, bad[i].result, RESULT, bad[i].a, bad[i].b);
        expect_refused(&m, SU_EUNSUPPORTED, bad[i].name);
    }
    static const struct {
        uint32_t op;
        const char *name;
        uint32_t result;
    } unary[] = {
        {SpvOpConvertFToS, "OpConvertFToS", INT},
        {SpvOpConvertFToU, "OpConvertFToU", INT},
        {SpvOpFConvert, "OpFConvert", FLOAT},
        {SpvOpQuantizeToF16, "OpQuantizeToF16", FLOAT},
        {SpvOpFNegate, "OpFNegate", FLOAT},
        {SpvOpIsNan, "OpIsNan", BOOL},
        {SpvOpIsInf, "OpIsInf", BOOL},
        {SpvOpDPdx, "which no rule allows", FLOAT},
    };
    for (size_t i = 0; i < SU_ARRAY_LEN(unary); i++) {
        struct module m = MODULE(unary[i].op, unary[i].result, RESULT, ONE);
        expect_refused(&m, SU_EUNSUPPORTED, unary[i].name);
    }
    static const struct {
        uint32_t op;
        const char *name;
    } group[] = {
        {SpvOpGroupFAdd, "OpGroupFAdd"},
        {SpvOpGroupNonUniformFAdd, "OpGroupNonUniformFAdd"},
        {SpvOpGroupNonUniformFMul, "OpGroupNonUniformFMul"},
        {SpvOpGroupNonUniformFMin, "OpGroupNonUniformFMin"},
        {SpvOpGroupNonUniformFMax, "OpGroupNonUniformFMax"},
        {SpvOpAtomicFAddEXT, "OpAtomicFAddEXT"},
        {SpvOpAtomicFMinEXT, "OpAtomicFMinEXT"},
        {SpvOpAtomicFMaxEXT, "OpAtomicFMaxEXT"},
        {SpvOpCooperativeMatrixMulAddNV, "OpCooperativeMatrixMulAddNV"},
    };
    for (size_t i = 0; i < SU_ARRAY_LEN(group); i++) {
        struct module m = MODULE(group[i].op, FLOAT, RESULT, INT_ONE, INT_ONE, INT_ONE);
        expect_refused(&m, SU_EUNSUPPORTED, group[i].name);
    }
}

static void refuses_extended_instructions(void **state)
{
    (void)state;
    static const struct {
        uint32_t inst;
        const char *name;
    } bad[] = {
        {GLSLstd450Fma, "Fma"},
        {GLSLstd450Exp, "Exp"},
        {GLSLstd450Exp2, "Exp2"},
        {GLSLstd450Log, "Log"},
        {GLSLstd450Log2, "Log2"},
        {GLSLstd450Pow, "Pow"},
        {GLSLstd450Sqrt, "Sqrt"},
        {GLSLstd450InverseSqrt, "InverseSqrt"},
        {GLSLstd450Sin, "Sin"},
        {GLSLstd450Cos, "Cos"},
        {GLSLstd450FMin, "FMin"},
        {GLSLstd450FMax, "FMax"},
        {GLSLstd450FAbs, "FAbs"},
        {GLSLstd450Floor, "Floor"},
        {GLSLstd450Trunc, "Trunc"},
        {GLSLstd450UnpackHalf2x16, "UnpackHalf2x16"},
        {GLSLstd450NMin, "which no rule allows"},
        {4000, "OpExtInst 4000"},
    };
    for (size_t i = 0; i < SU_ARRAY_LEN(bad); i++) {
        struct module m = MODULE(SpvOpExtInst, FLOAT, RESULT, GLSL, bad[i].inst, ONE, ONE, ONE);
        expect_refused(&m, SU_EUNSUPPORTED, bad[i].name);
    }
    struct module unknown = MODULE(SpvOpExtInst, FLOAT, RESULT, ONE, 1, ONE);
    expect_refused(&unknown, SU_EFORMAT, "not imported");
    struct module fine = MODULE(SpvOpExtInst, INT, RESULT, GLSL, GLSLstd450UMin, INT_ONE, INT_ONE);
    assert_int_equal(su_spirv_inspect("test", fine.word, fine.n, NULL, NULL), SU_OK);
}

static void refuses_declarations(void **state)
{
    (void)state;
    struct module m;
    head(&m);
    types(&m);
    PUT(&m, SpvOpTypeFloat, FLOAT_WIDE, 64);
    body(&m, 0, NULL, 0);
    expect_refused(&m, SU_EUNSUPPORTED, "not 32 bits");
    head(&m);
    types(&m);
    PUT(&m, SpvOpSpecConstantOp, FLOAT, RESULT, SpvOpFAdd, ONE, ONE);
    body(&m, 0, NULL, 0);
    expect_refused(&m, SU_EUNSUPPORTED, "forbidden");
    head(&m);
    PUT(&m, SpvOpDecorate, RESULT, SpvDecorationRelaxedPrecision);
    types(&m);
    body(&m, 0, NULL, 0);
    expect_refused(&m, SU_EUNSUPPORTED, "RelaxedPrecision");
    head(&m);
    PUT(&m, SpvOpDecorate, RESULT, SpvDecorationFPFastMathMode, 16);
    types(&m);
    body(&m, 0, NULL, 0);
    expect_refused(&m, SU_EUNSUPPORTED, "FPFastMathMode");
    head(&m);
    PUT(&m, SpvOpDecorationGroup, RESULT);
    types(&m);
    body(&m, 0, NULL, 0);
    expect_refused(&m, SU_EUNSUPPORTED, "group");
    head(&m);
    PUT(&m, SpvOpExecutionMode, MAIN, SpvExecutionModeRoundingModeRTZ, 32);
    types(&m);
    body(&m, 0, NULL, 0);
    expect_refused(&m, SU_EUNSUPPORTED, "float mode");
    m = MODULE(0, 0);
    m.word[6] = SpvCapabilityFloat16;
    expect_refused(&m, SU_EUNSUPPORTED, "capability 9");
}

static void refuses_malformed(void **state)
{
    (void)state;
    struct module good = module_with(0, NULL, 0), m = good;
    m.n = 4;
    expect_refused(&m, SU_ETRUNC, "5");
    m = good;
    m.word[0] = 0x03022307;
    expect_refused(&m, SU_EFORMAT, "magic");
    m = good;
    m.word[1] = 0x00020000;
    expect_refused(&m, SU_EUNSUPPORTED, "version");
    m = good;
    m.word[3] = SU_SPIRV_BOUND_MAX + 1;
    expect_refused(&m, SU_ELIMIT, "ids");
    m = good;
    m.n--;
    m.word[m.n - 1] = 3u << 16 | SpvOpReturn;
    expect_refused(&m, SU_ETRUNC, "ends inside");
    m = good;
    m.word[5] &= 0xffff;
    expect_refused(&m, SU_EFORMAT, "no words");
    m = good;
    PUT(&m, SpvOpCapability, SpvCapabilityShader);
    expect_refused(&m, SU_EFORMAT, "order");
    m = (struct module){.n = 5};
    memcpy(m.word, good.word, 20);
    expect_refused(&m, SU_EFORMAT, "no memory model");
    m = MODULE(SpvOpFAdd, FLOAT, BOUND, ONE, ONE);
    expect_refused(&m, SU_EFORMAT, "out of bounds");
    m = MODULE(SpvOpFAdd, INT, RESULT, ONE, ONE);
    expect_refused(&m, SU_EFORMAT, "another type");
    m = MODULE(SpvOpFAdd, FLOAT, RESULT, ONE);
    expect_refused(&m, SU_EFORMAT, "length");
}

/* ---- what is added
   ------------------------------------------------------------------------------------------------
   */

static void decorates(void **state)
{
    (void)state;
    static const uint32_t ops[] = {SpvOpFAdd, SpvOpFSub, SpvOpFMul};
    for (size_t i = 0; i < SU_ARRAY_LEN(ops); i++) {
        for (unsigned vec = 0; vec < 2; vec++) {
            struct module m =
                MODULE(ops[i], vec ? VEC2 : FLOAT, RESULT, vec ? TWO : ONE, vec ? TWO : ONE);
            struct su_spirv_info info;
            assert_int_equal(su_spirv_inspect("test", m.word, m.n, &info, NULL), SU_OK);
            assert_int_equal(info.float_ops, 1);
            assert_int_equal(info.undecorated, 1);
            assert_false(info.rte32 || info.preserve32);
            uint32_t *out, *again;
            size_t n, n_again;
            assert_int_equal(patch(&m, (struct su_spirv_modes){0}, &out, &n, NULL), SU_OK);
            assert_int_equal(n, m.n + 3);
            assert_int_equal(su_spirv_inspect("test", out, n, &info, NULL), SU_OK);
            assert_int_equal(info.undecorated, 0);
            assert_int_equal(
                su_spirv_patch("test", out, n, &(struct su_spirv_modes){0}, &again, &n_again, NULL),
                SU_OK);
            assert_int_equal(n_again, n);
            assert_memory_equal(again, out, n * 4);
            free(out);
            free(again);
        }
    }
}

static bool has_words(const uint32_t *word, size_t n, const uint32_t *want, size_t n_want)
{
    for (size_t i = 0; i + n_want <= n; i++) {
        if (memcmp(word + i, want, n_want * 4) == 0)
            return true;
    }
    return false;
}

static void adds_modes(void **state)
{
    (void)state;
    struct module m = MODULE(SpvOpFMul, FLOAT, RESULT, ONE, ONE);
    for (unsigned k = 0; k < 4; k++) {
        struct su_spirv_modes modes = {k & 1, k & 2};
        struct su_spirv_info info;
        uint32_t *out, *again;
        size_t n, n_again;
        assert_int_equal(patch(&m, modes, &out, &n, NULL), SU_OK);
        assert_int_equal(su_spirv_inspect("test", out, n, &info, NULL), SU_OK);
        assert_int_equal(info.rte32, modes.rte32);
        assert_int_equal(info.preserve32, modes.preserve32);
        const uint32_t rte[] = {4u << 16 | SpvOpExecutionMode, MAIN,
                                SpvExecutionModeRoundingModeRTE, 32};
        const uint32_t cap[] = {2u << 16 | SpvOpCapability, SpvCapabilitySignedZeroInfNanPreserve};
        assert_int_equal(has_words(out, n, rte, 4), modes.rte32);
        assert_int_equal(has_words(out, n, cap, 2), modes.preserve32);
        uint32_t ext[6] = {0};
        memcpy(ext, "SPV_KHR_float_controls", 23);
        assert_int_equal(has_words(out, n, ext, 6), k != 0);
        assert_int_equal(su_spirv_patch("test", out, n, &modes, &again, &n_again, NULL), SU_OK);
        assert_int_equal(n_again, n);
        free(out);
        free(again);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_instructions),
        cmocka_unit_test(refuses_extended_instructions),
        cmocka_unit_test(refuses_declarations),
        cmocka_unit_test(refuses_malformed),
        cmocka_unit_test(decorates),
        cmocka_unit_test(adds_modes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
