"""What a row draws its arguments with, and the list of rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tests.fuzz.program import INF, SIZES, Block, Facts, Shape, Statement


@dataclass(frozen=True)
class Drawn:
    """What a row has drawn: the values it takes, its other arguments, and what it makes."""

    inputs: tuple[int, ...]
    args: dict[str, Any]
    outputs: tuple[Facts, ...]


class Draw:
    """Draws from what a program has so far, and adds to it.

    Args:
        integer: gives a number between two others, both included.
        around: what draws the statement that a block of statements is for.

    Attributes:
        values: what is known of each value.
        statements: the statements so far.
        depth: in how many blocks these are.
    """

    def __init__(self, integer: Callable[[int, int], int], around: Draw | None = None) -> None:
        self.integer = integer
        self.values: list[Facts] = list(around.values) if around else []
        self.statements: list[Statement] = list(around.statements) if around else []
        self.depth: int = around.depth + 1 if around else 0
        self._sizes: list[tuple[int, ...]] = around._sizes if around else []

    def choose(self, *options: Any) -> Any:
        """One of the options."""
        return options[self.integer(0, len(options) - 1)]

    def chance(self, percent: int) -> bool:
        """True in so many of a hundred cases; False when shrunk."""
        return self.integer(0, 99) >= 100 - percent

    def seed(self) -> int:
        """A seed."""
        return self.integer(0, 2**16 - 1)

    def pick(self, test: Callable[[Facts], bool]) -> int | None:
        """The number of a value that passes a test; late ones more often."""
        found = [number for number, facts in enumerate(self.values) if test(facts)]
        if not found:
            return None
        return int(self.choose(*found, *found[-4:]))

    def pick_pair(
        self, test: Callable[[Facts], bool], fits: Callable[[Facts, Facts], bool]
    ) -> tuple[int, int] | None:
        """Two values that pass the test, and fit together."""
        left = self.pick(test)
        if left is None:
            return None
        first = self.values[left]
        right = self.pick(lambda facts: test(facts) and fits(first, facts))
        if right is None:
            return None
        return (left, right) if self.chance(50) else (right, left)

    def size(self) -> tuple[int, ...]:
        """A size of an axis: for each choice of sizes a number. A program has few of them."""
        if not self._sizes:
            fixed = self.choose((2, 2), (3, 3), (4, 4), (1, 1))
            second = self.choose((3, 3), (2, 2), (1, 1), (5, 5), (0, 0))
            self._sizes = [fixed, self.choose((2, 3), (3, 1), (4, 2), (1, 4), (2, 0)), second]
        return tuple(self.choose(*self._sizes))

    def shapes(self, most: int = 3) -> tuple[Shape, ...]:
        """A shape, with each choice of sizes."""
        sizes = [self.size() for _ in range(self.choose(1, 2, 0, 2, 3)) if most]
        sizes = sizes[:most]
        return tuple([tuple([size[i] for size in sizes]) for i in range(SIZES)])

    def add(self, row: Row, drawn: Drawn) -> None:
        """Adds a statement, with control inputs or without."""
        control: tuple[int, ...] = ()
        often = 45 if not drawn.outputs or row.of_variables else 6
        if self.statements and row.name != "variable" and self.chance(often):
            last = len(self.statements) - 1
            numbers = {self.integer(0, last) for _ in range(self.choose(1, 1, 2))}
            control = tuple([n for n in sorted(numbers) if self.statements[n].row != "variable"])
        first = len(self.values)
        self.statements.append(
            Statement(row.name, drawn.inputs, drawn.args, control, drawn.outputs, first)
        )
        self.values.extend(drawn.outputs)

    def grow(self, count: int) -> None:
        """Adds some statements."""
        rows = [
            row for row in ROWS.values() if row.in_blocks or not self.depth
            for _ in range(row.weight)
        ]  # fmt: skip
        for _ in range(count):
            if self.chance(6):
                self._repeat()
            for _ in range(8):  # a row has often nothing that it could take
                row = self.choose(*rows)
                drawn = row.draw(self)
                if drawn is not None:
                    self.add(row, drawn)
                    break

    def _repeat(self) -> None:
        """Adds an equal op once more, which a plan may merge."""
        if not self.statements:
            return
        statement = self.statements[-1 - self.integer(0, min(5, len(self.statements) - 1))]
        leaves = ("variable", "placeholder", "constant")
        if statement.row not in leaves and not statement.blocks():
            drawn = Drawn(statement.inputs, statement.args, statement.outputs)
            self.add(ROWS[statement.row], drawn)

    def block(self, arguments: Sequence[Facts], count: int) -> Draw:
        """Draws the statements of a block that has these arguments."""
        inner = Draw(self.integer, self)
        inner.values.extend(arguments)
        inner.grow(count)
        return inner

    def block_of(self, inner: Draw, arguments: int, results: Sequence[int]) -> Block:
        """The block whose statements are drawn, with its results."""
        own = tuple(inner.statements[len(self.statements) :])
        return Block(len(self.values), arguments, own, tuple(results))


@dataclass(frozen=True)
class Row:
    """A kind of statement.

    Attributes:
        name: its name.
        draw: draws one; None where the program has nothing that it could take.
        build: `build(builder, *tensors, **args)`: adds to the graph, and gives a tensor or a list.
        weight: how often it is tried.
        of_variables: it takes variables as they are; others take their values.
        in_blocks: it may stand in a branch or a loop.
    """

    name: str
    draw: Callable[[Draw], Drawn | None]
    build: Callable[..., Any]
    weight: int = 1
    of_variables: bool = False
    in_blocks: bool = True


ROWS: dict[str, Row] = {}


def row(
    name: str,
    draw: Callable[[Draw], Drawn | None],
    build: Callable[..., Any],
    weight: int = 1,
    *,
    of_variables: bool = False,
    in_blocks: bool = True,
) -> None:
    """Adds a kind of statement."""
    assert name not in ROWS, name
    ROWS[name] = Row(name, draw, build, weight, of_variables, in_blocks)


# What is known of results


def ranged(facts: Facts, low: float, high: float, bits: int | None = None) -> Facts:
    """A value like `facts` between other bounds."""
    return result(facts.dtype, facts.shapes, low, high, bits)


LIMITS = {
    "int8": (-128, 127), "uint8": (0, 255), "int16": (-(2**15), 2**15 - 1),
    "int32": (-(2**31), 2**31 - 1), "int64": (-(2**63), 2**63 - 1), "bool": (0, 1),
}  # fmt: skip


def result(
    dtype: str, shapes: Sequence[Shape], low: float, high: float, bits: int | None = None
) -> Facts:
    """A value between bounds; integers that pass the limits of their type may be anything."""
    if low != low or high != high:
        low, high = -INF, INF
    if dtype in LIMITS:
        least, most = LIMITS[dtype]
        if low < least or high > most:
            low, high = least, most
        bits = 0
    facts = Facts(dtype, tuple(shapes), low, high, bits)
    if bits is not None and not facts.exact:
        facts = Facts(dtype, tuple(shapes), low, high, None)
    return facts


def anything(dtype: str, shapes: Sequence[Shape]) -> Facts:
    """A value of which nothing but type and shape is known."""
    return result(dtype, shapes, -INF, INF)


def broadcast(left: Facts, right: Facts) -> tuple[Shape, ...] | None:
    """The shapes that two values broadcast to; None where they don't."""
    try:
        return tuple(
            [np.broadcast_shapes(a, b) for a, b in zip(left.shapes, right.shapes, strict=True)]
        )
    except ValueError:
        return None


def product_range(left: Facts, right: Facts) -> tuple[float, float]:
    """Between what the products of two values lie."""
    ends = [
        a * b if a and b else 0.0 for a in (left.low, left.high) for b in (right.low, right.high)
    ]
    return min(ends), max(ends)


def added_bits(left: Facts, right: Facts) -> int | None:
    """Of what power of two the products are multiples."""
    return None if left.bits is None or right.bits is None else left.bits + right.bits


def most_bits(*facts: Facts) -> int | None:
    """Of what power of two the sums are multiples."""
    bits = [f.bits for f in facts]
    return None if None in bits else max(bits)  # type: ignore[type-var]


def mapped(facts: Facts, change: Callable[[Shape], Shape | None]) -> tuple[Shape, ...] | None:
    """The shapes that a change makes of a value's; None where it makes none of one."""
    shapes = [change(shape) for shape in facts.shapes]
    return None if None in shapes else tuple(shapes)  # type: ignore[arg-type]
