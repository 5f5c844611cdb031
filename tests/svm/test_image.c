// SPDX-License-Identifier: MIT
/* The program's images, as they would reach a cluster: through the upgradeable loader's own
   instructions, piece by piece. */
#include "abi/abi.h"
#include "base/base.h"
#include "support/svm.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define IMAGE SU_BINARY_DIR "/program/splitup.so"
#define IMAGE_V0 SU_BINARY_DIR "/program/splitup.v0.so"
/* An account of a program may have 10 MiB; each KiB of it costs 0.007 SOL while it lives. */
#define IMAGE_BYTES_MAX (256u << 10)

static struct svm *vm;
static const uint8_t program[32] = "the address of the real program";

static void answers(void)
{
    static const uint8_t unknown[8] = {0xff};
    struct svm_result r;
    svm_ix(vm, program, unknown, sizeof unknown, NULL, 0);
    svm_send(vm, &r);
    assert_int_equal(r.outcome, SVM_CUSTOM);
    assert_non_null(su_prog_error_name(r.custom));
    svm_ix(vm, program, NULL, 0, NULL, 0);
    svm_send(vm, &r);
    assert_int_equal(r.outcome, SVM_CUSTOM);
    assert_non_null(su_prog_error_name(r.custom));
}

static void loads(void **state)
{
    static const char *const image[] = {IMAGE, IMAGE_V0};
    (void)state;
    for (unsigned all_features = 0; all_features < 2; all_features++)
        for (size_t i = 0; i < SU_ARRAY_LEN(image); i++) {
            svm_features(vm, all_features);
            svm_program(vm, program, image[i]);
            answers();
        }
}

static void deploys(void **state)
{
    static const char *const image[] = {IMAGE, IMAGE_V0};
    (void)state;
    svm_features(vm, false);
    for (size_t i = 0; i < SU_ARRAY_LEN(image); i++) {
        const char *why = NULL;
        svm_reset(vm);
        if (svm_deploy(vm, program, image[i], &why) == 0)
            fail_msg("%s: %s", image[i], why);
        answers();
    }
}

/* The loader verifies an image when it is deployed: one wrong byte of an opcode is refused. */
static void damaged_is_refused(void **state)
{
    char path[] = "/tmp/splitup-image-XXXXXX";
    struct su_map m;
    struct su_buf b;
    char file[64];
    (void)state;
    assert_non_null(mkdtemp(path));
    (void)snprintf(file, sizeof file, "%s/bad.so", path);
    assert_int_equal(su_map_open(IMAGE, 0, &m, NULL), SU_OK);
    assert_true(m.len < IMAGE_BYTES_MAX);
    su_buf_init(&b, 0);
    su_buf_put(&b, m.data, m.len);
    /* the first instruction of the text, which the second program header places */
    b.data[su_le64(b.data + 64 + 56 + 8)] = 0xdb;
    assert_int_equal(su_file_write(file, b.data, b.len, 0644, NULL), SU_OK);
    svm_reset(vm);
    assert_int_equal(svm_deploy(vm, program, file, NULL), 0);
    assert_int_equal(remove(file), 0);
    assert_int_equal(remove(path), 0);
    su_buf_fini(&b);
    su_map_close(&m);
}

int main(void)
{
    const char *why;
    vm = svm_open(&why);
    if (!vm) {
        (void)printf("skipped: %s\n", why);
        return 77;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loads),
        cmocka_unit_test(deploys),
        cmocka_unit_test(damaged_is_refused),
    };
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    svm_close(vm);
    return failed;
}
