#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""No fused multiply-add may appear in the product's code, whatever a compiler makes of it.

Usage: fused.py BUILD_FOLDER    prints one line per function that holds one, exit status 1 if any.

-ffp-contract=off forbids fusing a * b + c, but GCC 12 still forms fmaddsub where a vectorised loop
alternates sums and differences. Results would then differ between processors, so the machine code
itself is read. Functions that may fuse, because their products are exact (rule N8), are listed.
"""
import pathlib
import re
import subprocess
import sys

MODULES = ("graph", "exec", "engine", "media", "plan")
EXACT_PRODUCTS = re.compile(r"^(scores|values)(_(plain|avx2|avx512))?(\.\w+)*$")
FUSED = re.compile(r"\b(vfn?m(add|sub)\w*|fn?m(add|sub)|fml[as]|fml[as]l\w*)\b")
FUNCTION = re.compile(r"^[0-9a-f]+ <([^>]+)>:$")


def main():
    build = pathlib.Path(sys.argv[1])
    found, functions = [], 0
    for module in MODULES:
        archive = build / f"libsu_{module}.a"
        if not archive.exists():
            continue
        text = subprocess.run(["objdump", "-d", "--no-show-raw-insn", str(archive)],
                              capture_output=True, text=True, check=True).stdout
        name, seen = "?", set()
        for line in text.splitlines():
            head = FUNCTION.match(line)
            if head:
                name = head.group(1)
                functions += 1
            elif FUSED.search(line) and name not in seen and not EXACT_PRODUCTS.match(name):
                seen.add(name)
                found.append(f"{archive.name}: {name}: {line.split(None, 1)[1].strip()}")
    if functions == 0:
        print(f"fused: no code found under {build}")
        return 1
    for line in found:
        print(line)
    print(f"fused: {functions} functions read, {len(found)} with fused multiply-adds")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
