#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Says what the tests of the program have reached in Solana's VM, after they have run.

usage: reached.py [--errors] SOURCE BUILD NAME...     NAME: files of BUILD/svm-reached

Prints a table of all instructions: successful runs, the most compute units one took, the largest
transaction. Every instruction of instructions.def must have succeeded, within the units it may ask
for; with --errors, every error of errors.def must have been returned, else those that were not are
listed. Exit status: 1 if one is missing, 77 if no test has run here.
"""
import pathlib
import re
import sys

UNITS_MAX = 200_000  # what an instruction gets unasked
UNITS_ASKED = {"draw": 400_000}


def rows_of(path, columns):
    text = re.sub(r"//[^\n]*", "", path.read_text())
    found = re.findall(r"^X\(\s*(\w+),\s*(\d+)(?:,\s*(\w+))?", text, re.M)
    return {int(number): (last if columns == 3 else name) for name, number, last in found}


def main(argv):
    errors_needed = argv[1:2] == ["--errors"]
    if errors_needed:
        argv = argv[1:]
    source, build, names = pathlib.Path(argv[1]), pathlib.Path(argv[2]), argv[3:]
    instructions = rows_of(source / "src/abi/instructions.def", 3)
    errors = rows_of(source / "src/abi/errors.def", 2)
    files = [f for f in (build / "svm-reached" / n for n in names) if f.is_file()]
    if not files:
        print("no test of the program has run in the VM")
        return 77
    good, units, size, returned = {}, {}, {}, set()
    for file in files:
        for line in file.read_text().splitlines():
            words = line.split()
            if words[0] == "errors:":
                returned.update(map(int, words[1:]))
            elif words[0] != "instruction":
                name = words[0]
                good[name] = good.get(name, 0) + int(words[2])
                units[name] = max(units.get(name, 0), int(words[3]))
                size[name] = max(size.get(name, 0), int(words[6]))
    print(f"{'instruction':28} {'ok':>8} {'units':>8} {'bytes':>6}")
    problems = []
    for _, name in sorted(instructions.items()):
        print(f"{name:28} {good.get(name, 0):8} {units.get(name, 0):8} {size.get(name, 0):6}")
        if not good.get(name):
            problems.append(f"instruction {name} has never succeeded")
        if units.get(name, 0) > UNITS_ASKED.get(name, UNITS_MAX):
            problems.append(f"instruction {name} took {units[name]} units")
    unseen = [f"error {name} ({number}) was never returned"
              for number, name in sorted(errors.items()) if number not in returned]
    print(f"{sum(good.values())} successful runs; "
          f"{len(returned & set(errors))} of {len(errors)} errors returned")
    print("\n".join(problems + unseen))
    return 1 if problems or (errors_needed and unseen) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
