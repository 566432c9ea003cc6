"""Reports as trees of lines: as plain text, in a terminal's colours, and as HTML."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Branch:
    """A line of a report and what stands below it.

    Attributes:
        text: the line.
        style: of the line in a terminal, as rich names styles.
        branches: what stands below it.
    """

    text: str
    style: str = ""
    branches: list[Branch] = field(default_factory=list)

    def add(self, text: str, style: str = "") -> Branch:
        """Puts a line below this one, and gives it."""
        branch = Branch(text, style)
        self.branches.append(branch)
        return branch

    def __str__(self) -> str:
        return "\n".join([self.text, *_lines(self, "")])

    def __rich__(self) -> Any:
        from rich.text import Text
        from rich.tree import Tree

        tree = Tree(Text(self.text, self.style))
        for branch in self.branches:
            tree.add(branch)
        return tree

    def _repr_html_(self) -> str:
        from html import escape  # slow to import

        text = escape(self.text)
        if not self.branches:  # columns stay columns
            return f'<div style="white-space: pre-wrap; font-family: monospace">{text}</div>'
        inside = "".join([branch._repr_html_() for branch in self.branches])
        return (
            f"<details open><summary>{text}</summary>"
            f'<div style="margin-left: 1.5em">{inside}</div></details>'
        )


def _lines(branch: Branch, prefix: str) -> Iterator[str]:
    for number, inner in enumerate(branch.branches, 1):
        last = number == len(branch.branches)
        yield f"{prefix}{'└── ' if last else '├── '}{inner.text}"
        yield from _lines(inner, prefix + ("    " if last else "│   "))


def print_in_terminal(report: Any) -> None:
    """Prints a report in colour where standard output is a terminal."""
    if sys.stdout.isatty():
        from rich.console import Console

        Console().print(report)


def count_text(count: int, noun: str) -> str:
    """A number and its noun.

    Example:
        >>> count_text(1200, "op")
        '1,200 ops'
    """
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def bytes_text(count: float) -> str:
    """A size in bytes with three digits and its unit.

    Example:
        >>> bytes_text(1_234_567)
        '1.23 MB'
    """
    return amount_text(count, "B")


def amount_text(count: float, unit: str) -> str:
    """An amount with three digits, its power of 1000 and its unit."""
    for power, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if count >= 0.9995 * size:
            amount = count / size
            return (
                f"{amount:.0f} {power}{unit}" if amount >= 99.95 else f"{amount:.3g} {power}{unit}"
            )
    return f"{count:.0f} {unit}"
