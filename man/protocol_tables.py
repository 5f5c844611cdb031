#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes the tables of splitup-protocol.7 from src/abi/instructions.def and errors.def.

Rewrites the page between its marker comments in place; with --check changes nothing and fails when
the page is stale.
"""
import re
import sys
import textwrap
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "man" / "splitup-protocol.7"
INSTRUCTION = re.compile(r'^X\(\w+, (\d+), (\w+),\s*"([^"]*)"\)', re.M)
ERROR = re.compile(r'^X\((\w+), (\d+), "([^"]*)"\)', re.M)


def source(name):
    text = (ROOT / "src" / "abi" / name).read_text()
    return re.sub(r",\n\s+", ", ", text)


def roff(text):
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return "\n".join(textwrap.wrap(text, 78, break_on_hyphens=False))


def instructions():
    yield "Roles in their order: s signs, w is written, t is a token account, x may not exist yet,"
    yield "a role with a star repeats."
    yield ".Bl -tag -width 3n"
    for number, name, accounts in INSTRUCTION.findall(source("instructions.def")):
        yield f".It {number} Ic {name}"
        yield roff(accounts)
    yield ".El"


def errors():
    yield ".Bl -tag -width 3n"
    for name, number, text in ERROR.findall(source("errors.def")):
        yield f".It {number} Er {name}"
        yield roff(text[0].upper() + text[1:] + ".")
    yield ".El"


def main():
    page = PAGE.read_text()
    for name, make in (("instructions", instructions), ("errors", errors)):
        begin, end = f'.\\" BEGIN {name}\n', f'.\\" END {name}\n'
        head, rest = page.split(begin)
        tail = rest.split(end)[1]
        page = head + begin + "\n".join(make()) + "\n" + end + tail
    if "--check" in sys.argv[1:]:
        if page != PAGE.read_text():
            sys.exit("man/splitup-protocol.7 is stale: run man/protocol_tables.py")
        return
    PAGE.write_text(page)


if __name__ == "__main__":
    main()
