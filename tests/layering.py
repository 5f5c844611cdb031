#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Holds the sources to the module table in CMakeLists.txt.

Usage: layering.py [ROOT]    prints one line per violation, exit status 1 if there is any.

The table is read from the su_module and su_third_party lines; nothing is listed twice here.
"""
import pathlib
import re
import sys

FILE_LINES_MAX = 1000
HEADER_LINES_MAX = 400
FUNCTION_LINES_MAX = 120
SHARED_HEADERS = {"base/free.h"}  # the only public header besides <m>/<m>.h
# One source for the host and for Solana's VM: no condition may tell them apart, no libc be named.
FREESTANDING = {"abi", "program"}
FREESTANDING_HEADERS = {"stdbool.h", "stddef.h", "stdint.h"}
SYSTEM_FOLDERS = {"sys", "linux", "net", "netinet", "arpa", "asm", "bits"}
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


class Table:
    """What CMakeLists.txt declares."""

    def __init__(self, text):
        self.edges = {}
        self.third_party = []
        for line in text.splitlines():
            row = re.match(r"su_module\(([^)]*)\)", line)
            if row:
                name, *edges = row.group(1).split()
                self.edges[name] = edges
            row = re.match(r'su_third_party\((\S+) "([^"]*)" ([^)]*)\)', line)
            if row:
                pattern = re.compile(row.group(2).replace("\\\\", "\\"))
                self.third_party.append((row.group(1), pattern, row.group(3).split()))


class Checker:
    def __init__(self, root):
        self.root = root
        self.problems = []
        self.table = Table((root / "CMakeLists.txt").read_text())

    def report(self, where, what):
        self.problems.append(f"{where}: {what}")

    def folder(self, module):
        return self.root / "ui" if module == "ui" else self.root / "src" / module

    def present(self):
        """Modules with sources, in the table's order; tool/ folders are build programs."""
        return [m for m in self.table.edges
                if any("tool" not in f.relative_to(self.folder(m)).parts
                       for f in self.folder(m).rglob("*.c"))]

    def check_table(self):
        if not self.table.edges:
            self.report("CMakeLists.txt", "no su_module row found")
        edges = self.table.edges
        for module, targets in edges.items():
            for target in targets:
                if target not in edges and target not in SHARED_HEADERS:
                    self.report("CMakeLists.txt", f"su_module({module}): unknown edge {target}")
        state = {}

        def visit(module, path):
            if state.get(module) == "done" or module not in edges:
                return
            if module in path:
                loop = " -> ".join(path[path.index(module):] + [module])
                self.report("CMakeLists.txt", f"cycle {loop}")
                return
            for target in edges[module]:
                visit(target, path + [module])
            state[module] = "done"

        for module in edges:
            visit(module, [])

    def check_folders(self):
        for folder in sorted((self.root / "src").iterdir()):
            if folder.is_dir() and any(folder.rglob("*.c")) and folder.name not in self.table.edges:
                self.report(f"src/{folder.name}", "folder is not in the module table")
        for module in self.present():
            header = self.folder(module) / f"{module}.h"
            if not header.is_file():
                self.report(header.relative_to(self.root), "public header is missing")
            if not list((self.root / "tests/unit" / module).glob("test_*.c")):
                self.report(f"tests/unit/{module}", f"module {module} has no unit test")

    def sources(self):
        for top in ("src", "ui"):
            for file in sorted((self.root / top).rglob("*.[ch]")):
                yield file, file.relative_to(self.root).parts

    def check_includes(self):
        for file, parts in self.sources():
            module = "ui" if parts[0] == "ui" else parts[1] if len(parts) > 2 else "main"
            for number, line in enumerate(file.read_text().splitlines(), 1):
                found = INCLUDE.match(line)
                if found:
                    where = f"{'/'.join(parts)}:{number}"
                    self.check_include(where, module, "/".join(parts), *found.groups())

    def check_include(self, where, module, path, bracket, name):
        for library, pattern, owners in self.table.third_party:
            if pattern.fullmatch(name):
                if not any(f"/{owner}/" in f"/{path}" for owner in owners):
                    self.report(where, f"{library} header {name} belongs to {' '.join(owners)} only")
                return
        top = name.split("/")[0]
        if ".." in name.split("/"):
            self.report(where, f"include {name} climbs out of its folder")
        elif bracket == "<":
            if top in self.table.edges and "/" in name:
                self.report(where, f"<{name}> is ours, include it with quotes")
            elif "/" in name and top not in SYSTEM_FOLDERS:
                self.report(where, f"third-party header {name} is in no su_third_party row")
        elif "/" in name and top != module:
            self.check_module_include(where, module, top, name)

    def check_module_include(self, where, module, top, name):
        if top not in self.table.edges:
            self.report(where, f"unknown module {top}")
            return
        table = name.endswith(".def") and (self.folder(top).parent / name).exists()
        if name != f"{top}/{top}.h" and name not in SHARED_HEADERS and not table:
            self.report(where, f"private header {name} of another module")
            return
        allowed = self.table.edges.get(module, [])
        if module != "main" and top not in allowed and name not in allowed:
            self.report(where, f"undeclared edge {module} -> {top}")

    def check_sizes(self):
        for top in ("src", "ui", "tests", "shaders"):
            for file in sorted((self.root / top).rglob("*")):
                if file.suffix not in (".c", ".h", ".comp", ".glsl", ".py", ".sh"):
                    continue
                lines = file.read_text().splitlines()
                where = file.relative_to(self.root)
                if len(lines) > FILE_LINES_MAX:
                    self.report(where, f"{len(lines)} lines, limit {FILE_LINES_MAX}: split it")
                if file.suffix in (".c", ".h") and "SPDX-License-Identifier: MIT" not in "".join(
                        lines[:1]):
                    self.report(where, "first line is not the SPDX line")
                if file.suffix == ".c" and top != "tests":
                    self.check_functions(where, lines)
        for module in self.table.edges:
            header = self.folder(module) / f"{module}.h"
            if header.is_file():
                count = len(header.read_text().splitlines())
                if count > HEADER_LINES_MAX:
                    self.report(header.relative_to(self.root),
                                f"{count} lines, limit of a public header {HEADER_LINES_MAX}")

    def check_functions(self, where, lines):
        start = None
        for number, line in enumerate(lines, 1):
            if line == "{":
                start = number
            elif line == "}" and start:
                if number - start > FUNCTION_LINES_MAX:
                    self.report(f"{where}:{start}",
                                f"function of {number - start} lines, limit {FUNCTION_LINES_MAX}")
                start = None

    def check_freestanding(self):
        for module in sorted(FREESTANDING):
            for file in sorted(self.folder(module).glob("*.c")):
                where = file.relative_to(self.root)
                for number, line in enumerate(file.read_text().splitlines(), 1):
                    if re.match(r"\s*#\s*if", line):
                        self.report(f"{where}:{number}", "#if in code that host and VM share")
                    found = INCLUDE.match(line)
                    if found and found[1] == "<" and found[2] not in FREESTANDING_HEADERS:
                        self.report(f"{where}:{number}", f"<{found[2]}> in freestanding code")

    def check_readme(self):
        """README lists the modules that exist, with their edges to modules that exist."""
        present = self.present()
        want = [(m, [e for e in self.table.edges[m] if e in present or e in SHARED_HEADERS])
                for m in present]
        readme = self.root / "README.md"
        section = re.search(r"^## Modules\n(.*?)(?=^## |\Z)",
                            readme.read_text() if readme.is_file() else "", re.S | re.M)
        if not section:
            self.report("README.md", 'no section "## Modules"')
            return
        have = [(m, e.split()) for m, e in
                re.findall(r"^\| `(\S+)` \|([^|]*)\|", section.group(1), re.M)]
        if [m for m, _ in have] != [m for m, _ in want]:
            self.report("README.md", "module rows should be: " + " ".join(m for m, _ in want))
            return
        for (module, edges), (_, listed) in zip(want, have):
            if edges != listed:
                self.report("README.md", f"edges of {module} should be: {' '.join(edges)}")

    def run(self):
        self.check_table()
        self.check_folders()
        self.check_includes()
        self.check_sizes()
        self.check_freestanding()
        self.check_readme()
        for problem in self.problems:
            print(problem)
        if not self.problems:
            print(f"layering: {len(self.present())} modules hold to the table")
        return 1 if self.problems else 0


if __name__ == "__main__":
    here = pathlib.Path(__file__).resolve().parent.parent
    sys.exit(Checker(pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else here).run())
