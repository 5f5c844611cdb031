#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Lists what the tests do not reach: public functions, error codes, lines.

Usage: coverage_of_api.py [--root DIR] [--build DIR] [--lines MODULE=PERCENT ...]

A public function is one that a header src/<m>/<m>.h (or ui/ui.h) declares. With --build, the
directory of a build configured with SU_COVERAGE=ON whose tests were run, a function is reached if
gcov counted a call; without, if its name occurs under tests/. An error code, a row of
src/base/err_codes.def, is reached if SU_<NAME> occurs under tests/. --lines asks for a share of
executed lines per module. Exit status 1 if anything is missing.
"""
import argparse
import collections
import json
import os
import pathlib
import re
import subprocess
import sys


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
    """Functions that vanish into their callers before gcc counts calls: a test must name them."""
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


def gcov_reports(build):
    """One parsed gcov report per object file; a test may hold an inline function of a header."""
    build = build.resolve()
    notes = sorted(build.glob("CMakeFiles/*/**/*.gcno"))
    for note in notes:
        done = subprocess.run(["gcov", "--json-format", "--stdout", str(note)], cwd=build,
                              capture_output=True, text=True, env={**os.environ, "LC_ALL": "C"})
        for line in done.stdout.splitlines():
            if line.startswith("{"):
                yield json.loads(line)


def executed(root, build):
    """({function: calls}, {module: {(file, line): count}}) as gcov counted them."""
    calls = collections.Counter()
    lines = collections.defaultdict(collections.Counter)
    for report in gcov_reports(build):
        for file in report["files"]:
            path = pathlib.Path(report["current_working_directory"], file["file"]).resolve()
            for function in file["functions"]:
                calls[function["name"]] += function["execution_count"]
            try:
                parts = path.relative_to(root.resolve()).parts
            except ValueError:
                continue
            if len(parts) > 2 and parts[0] == "src":
                for line in file["lines"]:
                    lines[parts[1]][path, line["line_number"]] += line["count"]
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
        counted = options.build and not (name in inline and name not in calls)
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
