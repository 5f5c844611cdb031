#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Lists what the tests do not reach: public functions, error codes, lines.

Usage: coverage_of_api.py [--root DIR] [--build DIR] [--lines MODULE=PERCENT ...]

A public function is one that a header src/<m>/<m>.h (or ui/ui.h) declares. With --build, the
directory of a build configured with SU_COVERAGE=ON whose tests were run, a function is reached if
clang's counters say so; without, if its name occurs under tests/. An error code, a row of
src/base/err_codes.def, is reached if SU_<NAME> occurs under tests/. --lines asks for a share of
executed lines per module. Exit status 1 if anything is missing.
"""
import argparse
import collections
import os
import pathlib
import re
import subprocess
import sys
import tempfile


def code_of(text):
    """C text without comments, strings, character constants and preprocessor lines."""
    text = re.sub(r"\\\n", " ", text)
    text = re.sub(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', " ", text,
                  flags=re.S)
    return re.sub(r"^\s*#.*$", "", text, flags=re.M)


def functions_declared(text):
    text = code_of(text)
    text = re.sub(r'extern\s+"C"\s*\{', " ", text)
    while re.search(r"\{[^{}]*\}", text):
        text = re.sub(r"\{[^{}]*\}", ";", text)
    names = []
    for chunk in text.split(";"):
        found = re.search(r"\b((?:su|ui)_\w+)\s*\(", chunk)
        if found and not re.match(r"\s*typedef\b", chunk) and "=" not in chunk[:found.start()]:
            names.append(found.group(1))
    return names


def public_functions(root):
    """[(header, function)] in the order of the headers."""
    headers = sorted((root / "src").glob("*/*.h")) + sorted((root / "ui").glob("ui.h"))
    return [(str(h.relative_to(root)), name)
            for h in headers if h.stem == h.parent.name or h.name == "free.h"
            for name in dict.fromkeys(functions_declared(h.read_text()))]


def always_inline(root):
    """Functions that vanish into their callers and may be in no object file: a test must name them."""
    headers = (root / "src").glob("*/*.h")
    return {name for h in headers
            for name in re.findall(r"^SU_FREE_(?:FN|INLINE)\s[^;{(]*?(\w+)\(", h.read_text(), re.M)}


def error_codes(root):
    table = root / "src/base/err_codes.def"
    return re.findall(r"^X\((\w+),", table.read_text(), re.M) if table.exists() else []


def words_of_tests(root):
    """Every identifier under tests/. This script is no test and holds no product names."""
    words = set()
    for file in (root / "tests").rglob("*"):
        if file.suffix in (".c", ".h", ".sh", ".py"):
            words.update(re.findall(r"\w+", file.read_text(errors="replace")))
    return words


def lcov_of(build):
    """The lines of llvm-cov's report on all modules, with the counts of all programs that ran."""
    counts = sorted(build.glob("profile/*.profraw"))
    files = sorted(build.glob("CMakeFiles/su_*.dir/**/*.o"))  # llvm-cov 14 cannot read archives
    if not counts or not files:
        return []
    with tempfile.TemporaryDirectory() as temp:
        merged = os.path.join(temp, "all.profdata")
        names = os.path.join(temp, "names")
        pathlib.Path(names).write_text("".join(f"{c}\n" for c in counts))
        subprocess.run(["llvm-profdata", "merge", "-sparse", "-f", names, "-o", merged], check=True)
        objects = [word for file in files for word in ("-object", str(file))]
        done = subprocess.run(["llvm-cov", "export", "-format=lcov", f"-instr-profile={merged}"]
                              + objects[1:], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"llvm-cov: {done.stderr.strip()}")
    return done.stdout.splitlines()


def executed(root, build):
    """({function: calls}, {module: {(file, line): count}}) as clang's counters have it."""
    calls = collections.Counter()
    lines = collections.defaultdict(collections.Counter)
    path, parts = None, ()
    for line in lcov_of(build):
        kind, _, rest = line.partition(":")
        if kind == "SF":
            path = pathlib.Path(rest).resolve()
            inside = path.is_relative_to(root.resolve())
            parts = path.relative_to(root.resolve()).parts if inside else ()
        elif kind == "FNDA":
            count, name = rest.split(",")
            calls[name.rpartition(":")[2]] += int(count)
        elif kind == "DA" and len(parts) > 2 and parts[0] == "src":
            number, count = rest.split(",")[:2]
            lines[parts[1]][path, int(number)] += int(count)
    return calls, lines


def check_lines(lines, wanted):
    missing = 0
    for want in wanted:
        module, percent = want.split("=")
        counts = lines.get(module)
        if not counts:
            print(f"module {module}: no line was measured")
            missing += 1
            continue
        share = 100 * sum(1 for n in counts.values() if n) / len(counts)
        short = share < float(percent)
        missing += short
        print(f"module {module}: {share:.1f} % of {len(counts)} lines executed, wanted {percent} %"
              + ("  TOO FEW" if short else ""))
    return missing


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    here = pathlib.Path(__file__).resolve().parent.parent
    parser.add_argument("--root", type=pathlib.Path, default=here)
    parser.add_argument("--build", type=pathlib.Path)
    parser.add_argument("--lines", nargs="*", default=[], metavar="MODULE=PERCENT")
    options = parser.parse_args()
    if options.lines and not options.build:
        parser.error("--lines needs --build")

    functions = public_functions(options.root)
    codes = error_codes(options.root)
    words = words_of_tests(options.root)
    inline = always_inline(options.root)
    missing = 0
    if options.build:
        calls, lines = executed(options.root, options.build)
        if not calls:
            print(f"{options.build}: no coverage data; run ./dev coverage")
            return 1
        missing += check_lines(lines, options.lines)
    for header, name in functions:
        counted = options.build and not (name in inline and not calls[name])
        if counted and name not in calls:
            print(f"{header}: {name} is declared, and no object file holds it")
        elif counted and not calls[name]:
            print(f"{header}: no test calls {name}")
        elif not counted and name not in words:
            print(f"{header}: no test names {name}")
        else:
            continue
        missing += 1
    for code in codes:
        if f"SU_{code}" not in words:
            print(f"src/base/err_codes.def: no test expects SU_{code}")
            missing += 1
    print(f"public functions: {len(functions)}, error codes: {len(codes)}, missing: {missing}")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
