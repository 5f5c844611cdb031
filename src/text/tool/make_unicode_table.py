#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Write unicode_table.c: the character classes that the pre-tokenizers tell apart.

usage: make_unicode_table.py > ../unicode_table.c

The table is of Unicode 15.1, the version that llama.cpp's tokenizers are built on: letters assigned
later would be split off words there. Python's own unicodedata is of whatever version came with it,
so the module unicodedata2 is needed unless they agree: pip install unicodedata2==15.1.0
"""
import sys

try:
    import unicodedata2 as unicodedata
except ImportError:
    import unicodedata

VERSION = "15.1.0"
PER_LINE = 8

# The order is that of enum text_class in text_priv.h.
CLASSES = ("Lu", "Ll", "Lt", "Lm", "Lo", "M", "N", "P", "S")
WHITE_SPACE = {*range(0x09, 0x0E), 0x20, 0x85, 0xA0, 0x1680, *range(0x2000, 0x200B), 0x2028, 0x2029,
               0x202F, 0x205F, 0x3000}  # the property White_Space of PropList.txt


def class_of(point):
    if point in WHITE_SPACE:
        return len(CLASSES) + 1
    category = unicodedata.category(chr(point))
    for number, name in enumerate(CLASSES, 1):
        if category == name or category[0] == name:
            return number
    return 0


def main():
    if unicodedata.unidata_version != VERSION:
        print("make_unicode_table: Unicode %s found, %s wanted: pip install unicodedata2==%s" %
              (unicodedata.unidata_version, VERSION, VERSION), file=sys.stderr)
        return 1
    ranges = []
    last = None
    for point in range(0x110000):
        here = class_of(point)
        if here != last:
            ranges.append("0x%x" % (point << 4 | here))
            last = here
    print("// SPDX-License-Identifier: MIT")
    print("// Written by tool/make_unicode_table.py from Unicode %s; do not edit." % VERSION)
    print('#include "text_priv.h"\n')
    print("/* Each entry: first code point << 4 | class, up to the next entry. */")
    print("// clang-format off")
    print("const uint32_t text_unicode_table[] = {")
    for start in range(0, len(ranges), PER_LINE):
        print("    %s," % ", ".join(ranges[start:start + PER_LINE]))
    print("};")
    print("// clang-format on")
    print("const size_t text_unicode_count = SU_ARRAY_LEN(text_unicode_table);")
    return 0


if __name__ == "__main__":
    sys.exit(main())
