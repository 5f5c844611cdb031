#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes the tables of splitup-graph.5 from src/graph/ops.def and dtypes.def.

Rewrites the page between its marker comments in place; with --check changes nothing and fails when the page is stale.
"""
import re
import sys
import textwrap
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "man" / "splitup-graph.5"
ROW = re.compile(r"^X\((.*?)\)\s*(?://\s*(.*))?$")


def roff(text):
    return text.replace("\\", "\\e").replace("-", "\\-").replace("·", ",")


def rows(name):
    """Yields the fields of each row and what its comments say."""
    own = None
    for line in (ROOT / "src" / "graph" / name).read_text().splitlines():
        match = ROW.match(line)
        start = re.match(r"// (\w+): (.*)", line)
        if match:
            fields = [field.strip().strip('"') for field in match.group(1).split(",")]
            yield fields, own if own is not None else match.group(2) or ""
            own = None
        elif start and start.group(1).islower():
            own = start.group(2)
        elif own is not None:
            own += " " + line[2:].strip()


def ops():
    yield '.Bl -column -offset 2n "no" "select_emitted" "1 to 16" "results"'
    yield ".It Em no Ta Em op Ta Em args Ta Em results"
    for number, (fields, _) in enumerate(rows("ops.def")):
        low, high = fields[2], fields[3]
        args = low if low == high else f"{low} to {high}"
        yield f".It {number} Ta {fields[1]} Ta {args} Ta {fields[4]}"
    yield ".El"


def rules():
    yield ".Bl -tag -width 3n -offset 2n"
    for fields, text in rows("ops.def"):
        yield f".It Ic {fields[1]} Pq Li {roff(fields[5]) or 'none'}"
        yield from textwrap.wrap(roff(text), 78, break_on_hyphens=False)
    yield ".El"


def dtypes():
    yield '.Bl -column -offset 2n "no" "bf16 " "elements" "bytes"'
    yield ".It Em no Ta Em type Ta Em elements Ta Em bytes"
    for number, (fields, _) in enumerate(rows("dtypes.def")):
        yield f".It {number} Ta {fields[1]} Ta {fields[2]} Ta {fields[3]}"
    yield ".El"


def main():
    page = PAGE.read_text()
    for name, make in (("ops", ops), ("rules", rules), ("dtypes", dtypes)):
        begin, end = f'.\\" begin {name}\n', f'.\\" end {name}\n'
        head, rest = page.split(begin)
        tail = rest.split(end)[1]
        page = head + begin + "\n".join(make()) + "\n" + end + tail
    if "--check" in sys.argv[1:]:
        if page != PAGE.read_text():
            sys.exit("man/splitup-graph.5 is stale: run man/graph_tables.py")
        return
    PAGE.write_text(page)


if __name__ == "__main__":
    main()
