// SPDX-License-Identifier: MIT
#include "spirv.h"

#include <spirv/unified1/GLSL.std.450.h>
#include <spirv/unified1/spirv.h>
#include <stdlib.h>
#include <string.h>

#define HEADER_WORDS 5u
#define VERSION_MIN 0x00010000u
#define VERSION_MAX 0x00010600u
#define FLOAT_CONTROLS "SPV_KHR_float_controls"

enum id_kind { ID_NONE, ID_FLOAT, ID_GLSL, ID_NONSEMANTIC };

struct spirv_reader {
    const char *name;
    const uint32_t *word;
    size_t n, at; /* at: current instruction */
    uint32_t bound;
    uint8_t *kind; /* per id: enum id_kind */
    uint8_t *decorated; /* per id: has NoContraction */
    uint8_t *mode; /* per id: bit 0 RTE 32, bit 1 preserve 32 */
    uint32_t *entry; /* ids of the entry points */
    uint32_t *op_id; /* ids of the float ops */
    size_t n_entry, n_op;
    size_t modes_at, decorations_at, extensions_at, capabilities_at; /* where the patch inserts */
    bool cap_rte, cap_preserve, ext_float_controls;
    struct su_err *e;
};

/* ---- what is allowed
   ---------------------------------------------------------------------------------------- */

/* Instructions whose meaning fixes every bit, or that only describe. One range or number per row,
   ascending. */
static const uint16_t allowed_ops[][2] = {
    {SpvOpNop, SpvOpNop},
    {SpvOpUndef, SpvOpMemberName},
    {SpvOpString, SpvOpLine},
    {SpvOpExtension, SpvOpExtInst},
    {SpvOpMemoryModel, SpvOpCapability},
    {SpvOpTypeVoid, SpvOpTypeVector},
    {SpvOpTypeImage, SpvOpTypeImage},
    {SpvOpTypeArray, SpvOpTypeStruct},
    {SpvOpTypePointer, SpvOpTypeFunction},
    {SpvOpConstantTrue, SpvOpConstantComposite},
    {SpvOpConstantNull, SpvOpConstantNull},
    {SpvOpSpecConstantTrue, SpvOpSpecConstantOp},
    {SpvOpFunction, SpvOpFunctionCall},
    {SpvOpVariable, SpvOpVariable},
    {SpvOpLoad, SpvOpStore},
    {SpvOpAccessChain, SpvOpInBoundsAccessChain},
    {SpvOpArrayLength, SpvOpArrayLength},
    {SpvOpDecorate, SpvOpGroupMemberDecorate},
    {SpvOpVectorExtractDynamic, SpvOpCompositeInsert},
    {SpvOpCopyObject, SpvOpCopyObject},
    {SpvOpImageFetch, SpvOpImageFetch},
    {SpvOpConvertSToF, SpvOpUConvert},
    {SpvOpSConvert, SpvOpSConvert},
    {SpvOpBitcast, SpvOpBitcast},
    {SpvOpSNegate, SpvOpSNegate},
    {SpvOpIAdd, SpvOpFMul},
    {SpvOpUDiv, SpvOpSDiv},
    {SpvOpUMod, SpvOpSMod},
    {SpvOpIAddCarry, SpvOpSMulExtended},
    {SpvOpAny, SpvOpAll},
    {SpvOpLogicalEqual, SpvOpSLessThanEqual},
    {SpvOpShiftRightLogical, SpvOpBitCount},
    {SpvOpControlBarrier, SpvOpMemoryBarrier},
    {SpvOpAtomicLoad, SpvOpAtomicStore},
    {SpvOpAtomicIAdd, SpvOpAtomicXor},
    {SpvOpPhi, SpvOpReturnValue},
    {SpvOpUnreachable, SpvOpUnreachable},
    {SpvOpNoLine, SpvOpNoLine},
    {SpvOpModuleProcessed, SpvOpModuleProcessed},
    {SpvOpExecutionModeId, SpvOpDecorateId},
    {SpvOpGroupNonUniformElect, SpvOpGroupNonUniformShuffleDown},
    {SpvOpCopyLogical, SpvOpCopyLogical},
};

/* Better words than "instruction N" for what people are likely to write. */
static const struct {
    uint16_t op;
    const char *text;
} forbidden_ops[] = {
    {SpvOpFDiv, "OpFDiv (multiply by num_recip)"},
    {SpvOpFRem, "OpFRem"},
    {SpvOpFMod, "OpFMod"},
    {SpvOpFNegate, "OpFNegate (flip the sign bit)"},
    {SpvOpDot, "OpDot (write the sum in order)"},
    {SpvOpVectorTimesScalar, "OpVectorTimesScalar (multiply the components)"},
    {SpvOpMatrixTimesScalar, "OpMatrixTimesScalar"},
    {SpvOpVectorTimesMatrix, "OpVectorTimesMatrix"},
    {SpvOpMatrixTimesVector, "OpMatrixTimesVector"},
    {SpvOpMatrixTimesMatrix, "OpMatrixTimesMatrix"},
    {SpvOpOuterProduct, "OpOuterProduct"},
    {SpvOpConvertFToS, "OpConvertFToS (use num_to_i32)"},
    {SpvOpConvertFToU, "OpConvertFToU (use num_to_i32)"},
    {SpvOpFConvert, "OpFConvert"},
    {SpvOpQuantizeToF16, "OpQuantizeToF16"},
    {SpvOpIsNan, "OpIsNan"},
    {SpvOpIsInf, "OpIsInf"},
    {SpvOpFOrdEqual, "OpFOrdEqual (compare num_key)"},
    {SpvOpFOrdNotEqual, "OpFOrdNotEqual (compare num_key)"},
    {SpvOpFUnordNotEqual, "OpFUnordNotEqual (compare num_key)"},
    {SpvOpFOrdLessThan, "OpFOrdLessThan (compare num_key)"},
    {SpvOpFOrdGreaterThan, "OpFOrdGreaterThan (compare num_key)"},
    {SpvOpFOrdLessThanEqual, "OpFOrdLessThanEqual (compare num_key)"},
    {SpvOpFOrdGreaterThanEqual, "OpFOrdGreaterThanEqual (compare num_key)"},
    {SpvOpGroupFAdd, "OpGroupFAdd (order undefined)"},
    {SpvOpGroupFMin, "OpGroupFMin"},
    {SpvOpGroupFMax, "OpGroupFMax"},
    {SpvOpGroupNonUniformFAdd, "OpGroupNonUniformFAdd (order undefined)"},
    {SpvOpGroupNonUniformFMul, "OpGroupNonUniformFMul (order undefined)"},
    {SpvOpGroupNonUniformFMin, "OpGroupNonUniformFMin"},
    {SpvOpGroupNonUniformFMax, "OpGroupNonUniformFMax"},
    {SpvOpAtomicFAddEXT, "OpAtomicFAddEXT (order undefined)"},
    {SpvOpAtomicFMinEXT, "OpAtomicFMinEXT"},
    {SpvOpAtomicFMaxEXT, "OpAtomicFMaxEXT"},
    {SpvOpCooperativeMatrixMulAddNV, "OpCooperativeMatrixMulAddNV (order undefined)"},
};

static const struct {
    uint16_t inst;
    const char *text;
} forbidden_ext[] = {
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
    {GLSLstd450Tan, "Tan"},
    {GLSLstd450Tanh, "Tanh"},
    {GLSLstd450FMin, "FMin"},
    {GLSLstd450FMax, "FMax"},
    {GLSLstd450FClamp, "FClamp"},
    {GLSLstd450FAbs, "FAbs"},
    {GLSLstd450FSign, "FSign"},
    {GLSLstd450FMix, "FMix"},
    {GLSLstd450Floor, "Floor"},
    {GLSLstd450Round, "Round"},
    {GLSLstd450Trunc, "Trunc"},
    {GLSLstd450Fract, "Fract"},
    {GLSLstd450Ldexp, "Ldexp"},
    {GLSLstd450PackHalf2x16, "PackHalf2x16"},
    {GLSLstd450UnpackHalf2x16, "UnpackHalf2x16"},
};
static const uint16_t allowed_ext[] = {
    GLSLstd450SAbs,     GLSLstd450SSign,    GLSLstd450UMin,     GLSLstd450SMin,
    GLSLstd450UMax,     GLSLstd450SMax,     GLSLstd450UClamp,   GLSLstd450SClamp,
    GLSLstd450FindILsb, GLSLstd450FindSMsb, GLSLstd450FindUMsb,
};
static const uint16_t allowed_caps[] = {
    SpvCapabilityMatrix,
    SpvCapabilityShader,
    SpvCapabilitySampledBuffer,
    SpvCapabilityImageBuffer,
    SpvCapabilityGroupNonUniform,
    SpvCapabilityGroupNonUniformVote,
    SpvCapabilityGroupNonUniformBallot,
    SpvCapabilityGroupNonUniformShuffle,
    SpvCapabilityGroupNonUniformShuffleRelative,
    SpvCapabilitySignedZeroInfNanPreserve,
    SpvCapabilityRoundingModeRTE,
};

static bool op_allowed(uint32_t op)
{
    for (size_t i = 0; i < SU_ARRAY_LEN(allowed_ops); i++) {
        if (op >= allowed_ops[i][0] && op <= allowed_ops[i][1])
            return true;
    }
    return false;
}

static bool in_list(const uint16_t *list, size_t n, uint32_t v)
{
    for (size_t i = 0; i < n; i++) {
        if (list[i] == v)
            return true;
    }
    return false;
}

/* ---- reading
   ------------------------------------------------------------------------------------------------
   */

static enum su_code refuse(struct spirv_reader *r, const char *what)
{
    return su_fail(r->e, SU_EUNSUPPORTED, r->name, "forbidden in a shader: %s, at word %zu", what,
                   r->at);
}

static enum su_code malformed(struct spirv_reader *r, const char *what)
{
    return su_fail(r->e, SU_EFORMAT, r->name, "not valid SPIR-V: %s, at word %zu", what, r->at);
}

static enum su_code forbidden_op(struct spirv_reader *r, uint32_t op)
{
    for (size_t i = 0; i < SU_ARRAY_LEN(forbidden_ops); i++) {
        if (forbidden_ops[i].op == op)
            return refuse(r, forbidden_ops[i].text);
    }
    char text[48];
    snprintf(text, sizeof text, "instruction %u, which no rule allows", op);
    return refuse(r, text);
}

static enum su_code id_check(struct spirv_reader *r, uint32_t id)
{
    return id > 0 && id < r->bound ? SU_OK : malformed(r, "id out of bounds");
}

/* A literal string in words[0..n): its bytes when terminated, else NULL. */
static const char *literal(const uint32_t *words, size_t n)
{
    return n && memchr(words, 0, n * 4) ? (const char *)words : NULL;
}

static enum su_code read_import(struct spirv_reader *r, const uint32_t *w, uint32_t len)
{
    const char *set = len > 2 ? literal(w + 2, len - 2) : NULL;
    if (!set)
        return malformed(r, "import without a name");
    enum su_code rc = id_check(r, w[1]);
    if (rc != SU_OK)
        return rc;
    if (strcmp(set, "GLSL.std.450") == 0)
        r->kind[w[1]] = ID_GLSL;
    else if (strncmp(set, "NonSemantic.", 12) == 0)
        r->kind[w[1]] = ID_NONSEMANTIC;
    else
        return refuse(r, "an unknown set of extended instructions");
    return SU_OK;
}

static enum su_code read_ext_inst(struct spirv_reader *r, const uint32_t *w, uint32_t len)
{
    if (len < 5)
        return malformed(r, "short OpExtInst");
    enum su_code rc = id_check(r, w[3]);
    if (rc != SU_OK)
        return rc;
    if (r->kind[w[3]] == ID_NONSEMANTIC)
        return SU_OK;
    if (r->kind[w[3]] != ID_GLSL)
        return malformed(r, "OpExtInst of something not imported");
    if (in_list(allowed_ext, SU_ARRAY_LEN(allowed_ext), w[4]))
        return SU_OK;
    char text[64];
    for (size_t i = 0; i < SU_ARRAY_LEN(forbidden_ext); i++) {
        if (forbidden_ext[i].inst == w[4]) {
            snprintf(text, sizeof text, "OpExtInst %s", forbidden_ext[i].text);
            return refuse(r, text);
        }
    }
    snprintf(text, sizeof text, "OpExtInst %u, which no rule allows", w[4]);
    return refuse(r, text);
}

static enum su_code read_capability(struct spirv_reader *r, const uint32_t *w, uint32_t len)
{
    if (len != 2)
        return malformed(r, "OpCapability of a wrong length");
    if (!in_list(allowed_caps, SU_ARRAY_LEN(allowed_caps), w[1])) {
        char text[48];
        snprintf(text, sizeof text, "capability %u", w[1]);
        return refuse(r, text);
    }
    r->cap_rte |= w[1] == SpvCapabilityRoundingModeRTE;
    r->cap_preserve |= w[1] == SpvCapabilitySignedZeroInfNanPreserve;
    return SU_OK;
}

static enum su_code read_mode(struct spirv_reader *r, const uint32_t *w, uint32_t len)
{
    if (len < 3)
        return malformed(r, "short OpExecutionMode");
    enum su_code rc = id_check(r, w[1]);
    if (rc != SU_OK)
        return rc;
    bool rte = w[2] == SpvExecutionModeRoundingModeRTE,
         keep = w[2] == SpvExecutionModeSignedZeroInfNanPreserve;
    if (rte || keep) {
        if (len != 4)
            return malformed(r, "float mode of a wrong length");
        if (w[3] == 32)
            r->mode[w[1]] |= rte ? 1 : 2;
        return SU_OK;
    }
    if (w[2] == SpvExecutionModeRoundingModeRTZ || w[2] == SpvExecutionModeDenormPreserve ||
        w[2] == SpvExecutionModeDenormFlushToZero || w[2] == SpvExecutionModeContractionOff)
        return refuse(r, "a float mode set by the shader itself");
    return SU_OK;
}

static enum su_code read_type(struct spirv_reader *r, uint32_t op, const uint32_t *w, uint32_t len)
{
    if (len < (op == SpvOpTypeVector ? 4u : op == SpvOpTypeFloat ? 3u : 2u))
        return malformed(r, "short type");
    enum su_code rc = id_check(r, w[1]);
    if (rc != SU_OK)
        return rc;
    if (op == SpvOpTypeFloat) {
        if (w[2] != 32)
            return refuse(r, "a float type that is not 32 bits wide");
        r->kind[w[1]] = ID_FLOAT;
    } else if (op == SpvOpTypeVector) {
        rc = id_check(r, w[2]);
        if (rc == SU_OK)
            r->kind[w[1]] = r->kind[w[2]];
    }
    return rc;
}

/* In a specialisation constant op the opcode is an operand; only integer arithmetic may stand
   there. */
static enum su_code read_spec_op(struct spirv_reader *r, const uint32_t *w, uint32_t len)
{
    if (len < 4)
        return malformed(r, "short OpSpecConstantOp");
    uint32_t op = w[3];
    bool arithmetic = op == SpvOpFAdd || op == SpvOpFSub || op == SpvOpFMul ||
                      op == SpvOpConvertSToF || op == SpvOpConvertUToF;
    return arithmetic || !op_allowed(op) ? forbidden_op(r, op) : SU_OK;
}

static enum su_code read_arithmetic(struct spirv_reader *r, const uint32_t *w, uint32_t len)
{
    if (len != 5)
        return malformed(r, "float operation of a wrong length");
    for (uint32_t i = 1; i < 5; i++) {
        enum su_code rc = id_check(r, w[i]);
        if (rc != SU_OK)
            return rc;
    }
    if (r->kind[w[1]] != ID_FLOAT)
        return malformed(r, "float operation on another type");
    r->op_id[r->n_op++] = w[2];
    return SU_OK;
}

static enum su_code read_decorate(struct spirv_reader *r, const uint32_t *w, uint32_t len)
{
    if (len < 3)
        return malformed(r, "short OpDecorate");
    enum su_code rc = id_check(r, w[1]);
    if (rc == SU_OK && w[2] == SpvDecorationNoContraction)
        r->decorated[w[1]] = 1;
    if (rc == SU_OK && w[2] == SpvDecorationFPFastMathMode)
        return refuse(r, "FPFastMathMode");
    if (rc == SU_OK && w[2] == SpvDecorationFPRoundingMode)
        return refuse(r, "FPRoundingMode");
    if (rc == SU_OK && w[2] == SpvDecorationRelaxedPrecision)
        return refuse(r, "RelaxedPrecision");
    return rc;
}

static enum su_code read_entry(struct spirv_reader *r, const uint32_t *w, uint32_t len)
{
    if (len < 4 || !literal(w + 3, len - 3))
        return malformed(r, "short OpEntryPoint");
    enum su_code rc = id_check(r, w[2]);
    if (rc != SU_OK)
        return rc;
    if (w[1] != SpvExecutionModelGLCompute)
        return refuse(r, "an entry point that is not a compute shader");
    r->entry[r->n_entry++] = w[2];
    return SU_OK;
}

static enum su_code read_instruction(struct spirv_reader *r, uint32_t op, const uint32_t *w,
                                     uint32_t len)
{
    if (!op_allowed(op))
        return forbidden_op(r, op);
    switch (op) {
    case SpvOpCapability:
        return read_capability(r, w, len);
    case SpvOpExtension:
        if (len < 2 || !literal(w + 1, len - 1))
            return malformed(r, "extension without a name");
        r->ext_float_controls |= strcmp((const char *)(w + 1), FLOAT_CONTROLS) == 0;
        return SU_OK;
    case SpvOpExtInstImport:
        return read_import(r, w, len);
    case SpvOpExtInst:
        return read_ext_inst(r, w, len);
    case SpvOpEntryPoint:
        return read_entry(r, w, len);
    case SpvOpExecutionMode:
        return read_mode(r, w, len);
    case SpvOpDecorate:
        return read_decorate(r, w, len);
    case SpvOpDecorationGroup: /* could hide a decoration from the look-ups here */
    case SpvOpGroupDecorate:
    case SpvOpGroupMemberDecorate:
        return refuse(r, "a decoration group");
    case SpvOpSpecConstantOp:
        return read_spec_op(r, w, len);
    case SpvOpFAdd:
    case SpvOpFSub:
    case SpvOpFMul:
        return read_arithmetic(r, w, len);
    default:
        return op >= SpvOpTypeVoid && op <= SpvOpTypeFunction ? read_type(r, op, w, len) : SU_OK;
    }
}

/* Section of the module an instruction belongs to (SPIR-V §2.4): 1 capabilities, 2 extensions and
   imports, 3 memory model and entry points, 4 modes, 5 debug, 6 annotations, 7 everything after. 0:
   stands anywhere. */
static unsigned section(uint32_t op)
{
    switch (op) {
    case SpvOpNop:
    case SpvOpLine:
    case SpvOpNoLine:
        return 0;
    case SpvOpCapability:
        return 1;
    case SpvOpExtension:
    case SpvOpExtInstImport:
        return 2;
    case SpvOpMemoryModel:
    case SpvOpEntryPoint:
        return 3;
    case SpvOpExecutionMode:
    case SpvOpExecutionModeId:
        return 4;
    case SpvOpString:
    case SpvOpSourceExtension:
    case SpvOpSource:
    case SpvOpSourceContinued:
    case SpvOpName:
    case SpvOpMemberName:
    case SpvOpModuleProcessed:
        return 5;
    case SpvOpDecorate:
    case SpvOpMemberDecorate:
    case SpvOpDecorateId:
        return 6;
    default:
        return 7;
    }
}

static enum su_code read_body(struct spirv_reader *r)
{
    unsigned now = 1;
    bool model = false;
    r->capabilities_at = r->extensions_at = r->modes_at = r->decorations_at = HEADER_WORDS;
    for (r->at = HEADER_WORDS; r->at < r->n;) {
        const uint32_t *w = r->word + r->at;
        uint32_t len = w[0] >> 16, op = w[0] & 0xffffu;
        if (len == 0)
            return malformed(r, "instruction of no words");
        if (len > r->n - r->at)
            return su_fail(r->e, SU_ETRUNC, r->name,
                           "SPIR-V ends inside the instruction at word %zu of %zu", r->at, r->n);
        enum su_code rc = read_instruction(r, op, w, len);
        if (rc != SU_OK)
            return rc;
        unsigned s = section(op);
        if (s) {
            if (s < now)
                return malformed(r, "instructions out of order");
            now = s;
        }
        model |= op == SpvOpMemoryModel;
        r->at += len;
        if (s == 1)
            r->capabilities_at = r->at;
        if (s && s <= 2)
            r->extensions_at = r->at;
        if (s && s <= 4)
            r->modes_at = r->at;
        if (s && s <= 6)
            r->decorations_at = r->at;
    }
    if (!model || r->n_entry == 0)
        return malformed(r, "no memory model or no entry point");
    r->extensions_at = SU_MAX(r->extensions_at, r->capabilities_at);
    return SU_OK;
}

static void reader_fini(struct spirv_reader *r)
{
    free(r->kind);
    free(r->decorated);
    free(r->mode);
    free(r->entry);
    free(r->op_id);
}

static enum su_code reader_run(struct spirv_reader *r)
{
    if (r->n < HEADER_WORDS)
        return su_fail(r->e, SU_ETRUNC, r->name, "%zu words; a SPIR-V module has at least %u", r->n,
                       HEADER_WORDS);
    if (r->word[0] != SpvMagicNumber)
        return su_fail(r->e, SU_EFORMAT, r->name, "magic number %08x is not SPIR-V", r->word[0]);
    if (r->word[1] < VERSION_MIN || r->word[1] > VERSION_MAX || r->word[4] != 0)
        return su_fail(r->e, SU_EUNSUPPORTED, r->name, "SPIR-V version %08x, schema %u", r->word[1],
                       r->word[4]);
    r->bound = r->word[3];
    if (r->n > SU_SPIRV_WORDS_MAX || r->bound > SU_SPIRV_BOUND_MAX || r->bound == 0)
        return su_fail(r->e, SU_ELIMIT, r->name, "%zu words and %u ids; at most %u and %u", r->n,
                       r->bound, SU_SPIRV_WORDS_MAX, SU_SPIRV_BOUND_MAX);
    r->kind = su_try_alloc(r->bound, 1);
    r->decorated = su_try_alloc(r->bound, 1);
    r->mode = su_try_alloc(r->bound, 1);
    r->entry = su_try_alloc(r->n / 4 + 1, sizeof *r->entry);
    r->op_id = su_try_alloc(r->n / 5 + 1, sizeof *r->op_id);
    if (!r->kind || !r->decorated || !r->mode || !r->entry || !r->op_id)
        return su_fail(r->e, SU_ENOMEM, r->name, "reading %zu words of SPIR-V", r->n);
    return read_body(r);
}

enum su_code su_spirv_inspect(const char *name, const uint32_t *words, size_t n,
                              struct su_spirv_info *info, struct su_err *e)
{
    struct spirv_reader r = {.name = name, .word = words, .n = n, .e = e};
    enum su_code rc = reader_run(&r);
    if (rc == SU_OK && info) {
        *info = (struct su_spirv_info){.float_ops = (uint32_t)r.n_op,
                                       .entry_points = (uint32_t)r.n_entry};
        for (size_t i = 0; i < r.n_op; i++)
            info->undecorated += !r.decorated[r.op_id[i]];
        info->rte32 = info->preserve32 = true;
        for (size_t i = 0; i < r.n_entry; i++) {
            info->rte32 &= (r.mode[r.entry[i]] & 1) != 0;
            info->preserve32 &= (r.mode[r.entry[i]] & 2) != 0;
        }
    }
    reader_fini(&r);
    return rc;
}

/* ---- patching
   -----------------------------------------------------------------------------------------------
   */

static void put(struct su_buf *b, const uint32_t *w, size_t n)
{
    su_buf_put(b, w, n * 4);
}

static void put_capability(struct su_buf *b, uint32_t cap)
{
    const uint32_t w[2] = {(2u << 16) | SpvOpCapability, cap};
    put(b, w, 2);
}

static void put_extension(struct su_buf *b)
{
    uint32_t w[1 + (sizeof FLOAT_CONTROLS + 3) / 4] = {0};
    w[0] = ((uint32_t)SU_ARRAY_LEN(w) << 16) | SpvOpExtension;
    memcpy(w + 1, FLOAT_CONTROLS, sizeof FLOAT_CONTROLS);
    put(b, w, SU_ARRAY_LEN(w));
}

static void put_modes(struct su_buf *b, const struct spirv_reader *r,
                      const struct su_spirv_modes *m)
{
    for (size_t i = 0; i < r->n_entry; i++) {
        uint32_t id = r->entry[i];
        bool seen = false;
        for (size_t k = 0; k < i; k++)
            seen |= r->entry[k] == id;
        if (m->rte32 && !(r->mode[id] & 1) && !seen)
            put(b,
                (const uint32_t[]){(4u << 16) | SpvOpExecutionMode, id,
                                   SpvExecutionModeRoundingModeRTE, 32},
                4);
        if (m->preserve32 && !(r->mode[id] & 2) && !seen)
            put(b,
                (const uint32_t[]){(4u << 16) | SpvOpExecutionMode, id,
                                   SpvExecutionModeSignedZeroInfNanPreserve, 32},
                4);
    }
}

static void put_decorations(struct su_buf *b, struct spirv_reader *r)
{
    for (size_t i = 0; i < r->n_op; i++) {
        uint32_t id = r->op_id[i];
        if (!r->decorated[id])
            put(b, (const uint32_t[]){(3u << 16) | SpvOpDecorate, id, SpvDecorationNoContraction},
                3);
        r->decorated[id] = 1;
    }
}

static void write_patched(struct su_buf *b, struct spirv_reader *r, const struct su_spirv_modes *m)
{
    put(b, r->word, r->capabilities_at);
    if (m->rte32 && !r->cap_rte)
        put_capability(b, SpvCapabilityRoundingModeRTE);
    if (m->preserve32 && !r->cap_preserve)
        put_capability(b, SpvCapabilitySignedZeroInfNanPreserve);
    if ((m->rte32 || m->preserve32) && !r->ext_float_controls)
        put_extension(b);
    put(b, r->word + r->capabilities_at, r->modes_at - r->capabilities_at);
    put_modes(b, r, m);
    put(b, r->word + r->modes_at, r->decorations_at - r->modes_at);
    put_decorations(b, r);
    put(b, r->word + r->decorations_at, r->n - r->decorations_at);
}

enum su_code su_spirv_patch(const char *name, const uint32_t *words, size_t n,
                            const struct su_spirv_modes *modes, uint32_t **out, size_t *n_out,
                            struct su_err *e)
{
    *out = NULL;
    *n_out = 0;
    struct spirv_reader r = {.name = name, .word = words, .n = n, .e = e};
    struct su_buf b;
    su_buf_init(&b, 0);
    enum su_code rc = reader_run(&r);
    if (rc == SU_OK) {
        write_patched(&b, &r, modes);
        rc = su_buf_check(&b, name, e);
    }
    reader_fini(&r);
    if (rc == SU_OK) {
        *n_out = b.len / 4;
        *out = (uint32_t *)(void *)b.data;
        b.data = NULL;
        b.len = b.cap = 0;
    }
    su_buf_fini(&b);
    return rc;
}
