#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Plants every violation that layering.py knows in a small tree and expects it to be named."""
import pathlib
import subprocess
import sys
import tempfile

SPDX = "// SPDX-License-Identifier: MIT\n"
CLEAN = {
    "CMakeLists.txt": "su_module(base)\n"
                      "su_module(graph base)\n"
                      "su_module(abi base/free.h)\n"
                      "su_module(later base)\n"
                      "su_module(ui base later)\n"
                      'su_third_party(libpng "png.*\\\\.h" graph)\n'
                      'su_third_party(ncursesw "curses\\\\.h" ui/term)\n',
    "README.md": "# T\n\n## Modules\n\n| module | may use | what |\n|---|---|---|\n"
                 "| `base` | | x |\n| `graph` | base | x |\n| `abi` | base/free.h | x |\n"
                 "| `ui` | base | x |\n\n## End\n",
    "src/base/base.h": SPDX,
    "src/base/free.h": SPDX,
    "src/base/base_priv.h": SPDX,
    "src/base/base.c": SPDX + '#include "base_priv.h"\n#include <sys/stat.h>\n',
    "src/graph/graph.h": SPDX + '#include "base/base.h"\n',
    "src/graph/graph.c": SPDX + '#include <png.h>\n#include "base/free.h"\n#include "graph/in.h"\n',
    "src/graph/in.h": SPDX,
    "src/abi/abi.h": SPDX,
    "src/abi/abi.c": SPDX + '#include "base/free.h"\n',
    "src/main.c": SPDX + '#include "graph/graph.h"\n#include "base/base.h"\n',
    "ui/ui.h": SPDX,
    "ui/term/term.c": SPDX + '#include <curses.h>\n#include "ui/ui.h"\n',
    "tests/unit/base/test_b.c": SPDX,
    "tests/unit/graph/test_g.c": SPDX,
    "tests/unit/abi/test_a.c": SPDX,
    "tests/unit/ui/test_u.c": SPDX,
}
# (what, file, text appended to it or None to remove it or (old, new), expected message)
PLANTS = [
    ("undeclared edge", "src/base/base.c", '#include "graph/graph.h"\n',
     "src/base/base.c:4: undeclared edge base -> graph"),
    ("edge to the header only", "src/abi/abi.c", '#include "base/base.h"\n',
     "undeclared edge abi -> base"),
    ("undeclared edge in ui", "ui/term/term.c", '#include "graph/graph.h"\n',
     "undeclared edge ui -> graph"),
    ("condition in shared code", "src/abi/abi.c", "# ifdef __bpf__\n#endif\n",
     "src/abi/abi.c:3: #if in code that host and VM share"),
    ("libc in shared code", "src/abi/abi.c", "#include <string.h>\n",
     "src/abi/abi.c:3: <string.h> in freestanding code"),
    ("private include", "src/graph/graph.c", '#include "base/base_priv.h"\n',
     "private header base/base_priv.h"),
    ("private include in main", "src/main.c", '  #  include "graph/in.h"\n',
     "private header graph/in.h"),
    ("climbing include", "src/graph/graph.c", '#include "../base/base_priv.h"\n', "climbs out"),
    ("own header in angles", "src/graph/graph.c", "#include <base/base_priv.h>\n", "with quotes"),
    ("unknown module", "src/graph/graph.c", '#include "plan/plan.h"\n', "unknown module plan"),
    ("cycle", "CMakeLists.txt", ("su_module(base)", "su_module(base graph)"),
     "cycle base -> graph -> base"),
    ("unknown edge", "CMakeLists.txt", ("su_module(base)", "su_module(base wire)"),
     "unknown edge wire"),
    ("empty table", "CMakeLists.txt", ("su_module", "my_module"), "no su_module row"),
    ("third party outside", "src/base/base.c", "#include <png.h>\n", "belongs to graph only"),
    ("third party in the wrong folder", "ui/ui.h", "#include <curses.h>\n",
     "belongs to ui/term only"),
    ("third party in quotes", "src/base/base.c", '#include "png.h"\n', "belongs to graph only"),
    ("third party without a row", "src/base/base.c", "#include <zmq/zmq.h>\n",
     "in no su_third_party row"),
    ("long file", "src/graph/graph.c", "int x;\n" * 1000, "limit 1000"),
    ("long test", "tests/unit/base/test_b.c", "int x;\n" * 1000, "limit 1000"),
    ("long public header", "src/graph/graph.h", "int x;\n" * 400, "limit of a public header 400"),
    ("long function", "src/graph/graph.c", "int f(void)\n{\n" + "    g();\n" * 130 + "}\n",
     "src/graph/graph.c:6: function of 131 lines"),
    ("no SPDX line", "src/graph/in.h", (SPDX, "\n"), "not the SPDX line"),
    ("no unit test", "tests/unit/graph/test_g.c", None, "module graph has no unit test"),
    ("no public header", "src/graph/graph.h", None, "public header is missing"),
    ("folder outside the table", "src/extra/extra.c", SPDX, "not in the module table"),
    ("README row missing", "README.md", ("| `graph` | base | x |\n", ""), "module rows should be"),
    ("README rows swapped", "README.md",
     ("| `graph` | base | x |\n| `abi` | base/free.h | x |\n",
      "| `abi` | base/free.h | x |\n| `graph` | base | x |\n"), "module rows should be"),
    ("README edge missing", "README.md", ("`graph` | base ", "`graph` | "),
     "edges of graph should be: base"),
    ("README names an absent module", "README.md", ("`ui` | base ", "`ui` | base later "),
     "edges of ui should be: base"),
    ("README table missing", "README.md", ("## Modules", "## Parts"), "no section"),
]
CHECKER = pathlib.Path(__file__).with_name("layering.py")


def check(root):
    done = subprocess.run([sys.executable, CHECKER, root], capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def write_tree(root):
    for name, text in CLEAN.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)


def plant(root, name, change):
    file = root / name
    if change is None:
        file.unlink()
    elif isinstance(change, tuple):
        old, new = change
        text = file.read_text()
        assert old in text, (name, old)
        file.write_text(text.replace(old, new))
    else:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text((file.read_text() if file.exists() else "") + change)


def main():
    failures = 0
    with tempfile.TemporaryDirectory() as temp:
        root = pathlib.Path(temp) / "clean"
        write_tree(root)
        status, output = check(root)
        if status != 0:
            print(f"clean tree refused:\n{output}")
            failures += 1
        for number, (what, name, change, expected) in enumerate(PLANTS):
            root = pathlib.Path(temp) / str(number)
            write_tree(root)
            plant(root, name, change)
            status, output = check(root)
            if status != 1 or expected not in output:
                print(f"{what}: expected '{expected}', got status {status}:\n{output}")
                failures += 1
    print(f"layering selftest: {len(PLANTS)} plants, {failures} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
