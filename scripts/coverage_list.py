#!/usr/bin/env python
"""Writes docs/coverage.md, the list of TensorFlow 1.15's names that penstock has.

With --usage TABLE, a file of tab-separated lines "symbol, repositories that use it, ...", it prints
how much of that use is covered, and the most used names that are not, and writes nothing.
"""

from __future__ import annotations

import argparse
import csv
from collections import defaultdict
from pathlib import Path
from typing import Any

import penstock
from penstock.graph.export import lazy_names, public_names

DOCUMENT = Path(__file__).parents[1] / "docs" / "coverage.md"
HEAD = """\
# Names of TensorFlow 1.15 that penstock has

`import penstock as tf` has these names. `penstock run` gives a program the same under `tensorflow`,
`tensorflow.compat.v1` and the internal modules that programs import from. What they do differently
from 1.15 on purpose is told in [differences.md](differences.md). Any other name of TensorFlow's
raises an AttributeError that points here.

Written by `make coverage`; a test compares it with the package.
"""


def document() -> str:
    """Returns the text of docs/coverage.md: each name on its own line, so that changes merge."""
    spaces: dict[str, list[str]] = defaultdict(list)
    for path in (*public_names, *lazy_names):
        space, _, name = f"tf.{path}".rpartition(".")
        if not space.startswith("tf.compat.v1"):  # the same names again
            spaces[space].append(f"`{name}`")
    sections = ["\n".join((f"\n## {space}\n", *sorted(spaces[space]))) for space in sorted(spaces)]
    return HEAD + "\n".join(sections) + "\n"


def is_covered(symbol: str) -> bool:
    """Tells whether `tf.SYMBOL` is there: a name, a namespace with names, a class's attribute."""
    found: Any = penstock
    for part in symbol.split("."):
        found = getattr(found, part, None)
        if found is None:
            return False
    return True


def report(table: Path) -> None:
    """Prints how much of the use that a table counts is covered."""
    with table.open(newline="") as file:
        lines = (line for line in file if not line.startswith("#"))
        rows = [(row[0], int(row[1])) for row in list(csv.reader(lines, delimiter="\t"))[1:]]
    absent = [(symbol, count) for symbol, count in rows if not is_covered(symbol)]
    total = sum(count for _, count in rows)
    covered = total - sum(count for _, count in absent)
    print(f"{len(rows) - len(absent)} of {len(rows)} symbols; {covered / total:.1%} of their use")
    for symbol, count in sorted(absent, key=lambda row: -row[1])[:40]:
        print(f"{count:4} tf.{symbol}")


def main() -> None:
    """Runs the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--usage", type=Path, metavar="TABLE", help="report on a table of use")
    options = parser.parse_args()
    if options.usage:
        report(options.usage)
    else:
        DOCUMENT.write_text(document(), encoding="utf-8")
        print(f"{DOCUMENT.name}: {len(public_names) + len(lazy_names)} names")


if __name__ == "__main__":
    main()
