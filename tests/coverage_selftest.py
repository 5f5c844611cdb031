#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Checks that coverage_of_api.py reads headers right and names what is missing."""
import pathlib
import subprocess
import sys
import tempfile

HEADER = '''// SPDX-License-Identifier: MIT
/* su_comment_only(int a); */
#ifndef SU_M_H
#define SU_M_H
#define SU_MACRO(x) su_in_macro(x)
// su_line_comment(void);
struct su_ops {
    int (*su_member)(int a);
    struct { int (*su_inner)(void); } deep;
};
enum su_kind { SU_A = 1, SU_B };
typedef int (*su_callback)(int su_argument);
extern const char *const su_table[];
SU_CHECK enum su_code su_m_open(const char *path, struct su_m **out,
                                struct su_err *e);
void su_m_each(struct su_m *m, void (*fn)(void *user), void *user) SU_PRINTF(2, 3);
static inline int su_m_small(int a)
{
    if (a > 1) {
        return su_m_helper(a);
    }
    return 0;
}
const char *su_m_name(void); /* "su_text(" */
#endif
'''
DECLARED = ["su_m_open", "su_m_each", "su_m_small", "su_m_name"]


def main():
    script = pathlib.Path(__file__).with_name("coverage_of_api.py")
    sys.path.insert(0, str(script.parent))
    sys.dont_write_bytecode = True
    import coverage_of_api
    found = coverage_of_api.functions_declared(HEADER)
    assert found == DECLARED, found

    with tempfile.TemporaryDirectory() as temp:
        root = pathlib.Path(temp)
        for name, text in {
                "src/m/m.h": HEADER,
                "src/m/m_priv.h": "int su_m_private(void);\n",
                "src/base/err_codes.def": 'X(OK, 0, "fine")\nX(EBAD, 2, "bad")\n',
                "tests/unit/m/test_m.c": "su_m_open(SU_OK); su_m_each(); su_m_small();\n"}.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text)

        def run():
            done = subprocess.run([sys.executable, script, "--root", root], capture_output=True,
                                  text=True)
            return done.returncode, done.stdout

        status, output = run()
        assert status == 1 and "src/m/m.h: no test names su_m_name\n" in output, output
        assert "no test expects SU_EBAD\n" in output and "missing: 2\n" in output, output
        with open(root / "tests/unit/m/test_m.c", "a") as test:
            test.write("su_m_name(); SU_EBAD;\n")
        status, output = run()
        assert status == 0 and "missing: 0\n" in output, output
    print("coverage selftest: ok")


if __name__ == "__main__":
    main()
