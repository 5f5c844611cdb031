#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes glyphs.def, how characters are drawn, from the Unicode data that Python has.

Runs of codepoints of one class: N one cell, W two cells, M on the character before, X not drawn. Not
drawn are controls, formats and fillers (they hide), what is written from right to left (terminals
that turn it round would shuffle whole rows), Hangul in parts, old scripts, and what C libraries count
differently. Codepoints that mean nothing yet are taken to be like their neighbours.
"""
import sys
import unicodedata

HIDDEN = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
FILLERS = {0x034F, 0x115F, 0x17B4, 0x17B5, 0x3164, 0xFFA0}
APART = ((0x0590, 0x08FF), (0x1160, 0x11FF), (0x180B, 0x180F), (0x3248, 0x324F), (0x4DC0, 0x4DFF),
         (0xD7B0, 0xD7FF), (0xFE00, 0xFE0F), (0x10000, 0x1D3FF), (0x1D800, 0x1EFFF),
         (0x3FFFE, 0x10FFFF))


def class_of(cp):
    c = chr(cp)
    category = unicodedata.category(c)
    if category in HIDDEN or cp in FILLERS or any(low <= cp <= high for low, high in APART):
        return "X"
    if category == "Cn":
        return "W" if cp >= 0x20000 else None
    if unicodedata.bidirectional(c) in ("R", "AL", "AN"):
        return "X"
    if category in ("Mn", "Me"):
        return "M"
    return "W" if unicodedata.east_asian_width(c) in "WF" else "N"


def main():
    runs = []
    for cp in range(0x110000):
        kind = class_of(cp)
        if kind and (not runs or runs[-1][1] != kind):
            runs.append((cp, kind))
    words = [f"X({cp:#x}, {kind})" for cp, kind in runs]
    out = ["// SPDX-License-Identifier: MIT",
           f"// Made by glyphs.py of Unicode {unicodedata.unidata_version}: X(first codepoint, class)"]
    line = ""
    for word in words:
        if len(line) + len(word) > 99:
            out.append(line.rstrip())
            line = ""
        line += word + " "
    out.append(line.rstrip())
    sys.stdout.write("\n".join(out) + "\n")


if __name__ == "__main__":
    main()
