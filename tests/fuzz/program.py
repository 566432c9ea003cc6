"""A random program as plain data: what is built, what is fed and fetched. It prints as it reads."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

Shape = tuple[int, ...]

SIZES = 2  # each open size is one of two: a run chooses between the first ones and the second ones

MANTISSA = {"float16": 11, "float32": 24, "float64": 53, "bfloat16": 8}
INTEGERS = ("int8", "uint8", "int16", "int32", "int64")
FLOATS = ("float16", "float32", "float64")
INF = float("inf")


@dataclass(frozen=True)
class Facts:
    """What the generator knows of a value.

    Attributes:
        dtype: the name of its type.
        shapes: its shape with the first sizes, and with the second.
        low, high: between which its items are; of floats also NaN where one of these is infinite.
        bits: all items are multiples of 2**-bits, none was rounded; None where that is not known.
        known: the value with the first and the second sizes, where that does not depend on feeds.
    """

    dtype: str
    shapes: tuple[Shape, ...]
    low: float = -INF
    high: float = INF
    bits: int | None = None
    known: tuple[Any, ...] | None = None

    @property
    def is_float(self) -> bool:
        """True of float types."""
        return self.dtype in MANTISSA

    @property
    def is_integer(self) -> bool:
        """True of integer types."""
        return self.dtype in INTEGERS

    @property
    def bound(self) -> float:
        """The largest size of an item."""
        return max(abs(self.low), abs(self.high))

    @property
    def exact(self) -> bool:
        """True where no item was rounded, so that it may be compared, floored or made an index."""
        if not self.is_float:
            return True
        return self.bits is not None and self.bound * 2.0**self.bits <= 2.0 ** MANTISSA[self.dtype]

    @property
    def ranks(self) -> set[int]:
        """Its rank; a set of one, but where sizes decide about it."""
        return {len(shape) for shape in self.shapes}

    @property
    def rank(self) -> int:
        """Its number of axes."""
        return len(self.shapes[0])

    @property
    def least_size(self) -> int:
        """The number of items, with the sizes that give fewer."""
        return min(int(np.prod(shape)) for shape in self.shapes)

    @property
    def most_size(self) -> int:
        """The number of items, with the sizes that give more."""
        return max(int(np.prod(shape)) for shape in self.shapes)


@dataclass(frozen=True)
class Statement:
    """One call that adds to the graph.

    Attributes:
        row: the name of what is called: see draw.py.
        inputs: the values that it takes, by number.
        args: its other arguments.
        control: statements that it waits for, by number.
        outputs: what is known of the values that it makes.
        first: the number of the first of these.
    """

    row: str
    inputs: tuple[int, ...]
    args: dict[str, Any]
    control: tuple[int, ...]
    outputs: tuple[Facts, ...]
    first: int

    def blocks(self) -> list[Block]:
        """The blocks among its arguments."""
        found = []
        for value in self.args.values():
            found += value if isinstance(value, tuple) else [value]
        return [value for value in found if isinstance(value, Block)]

    def __str__(self) -> str:
        values = ", ".join([f"v{self.first + i}" for i in range(len(self.outputs))]) or "-"
        texts = [f"v{number}" for number in self.inputs]
        texts += [f"{key}={value!r}" for key, value in self.args.items()]
        after = f"  after s{self.control}" if self.control else ""
        facts = "; ".join([f"{f.dtype}{list(f.shapes)}" for f in self.outputs])
        return f"{values} = {self.row}({', '.join(texts)}){after}  # {facts}"


@dataclass(frozen=True)
class Block:
    """What a branch or a loop's body does; an argument of a statement.

    Attributes:
        first: the number of its first argument: it sees the values before that, and its own.
        arguments: how many arguments it has.
        statements: what it does.
        results: the values that it gives, by number.
    """

    first: int
    arguments: int
    statements: tuple[Statement, ...]
    results: tuple[int, ...]

    def captured(self) -> set[int]:
        """The values from outside that it takes."""
        taken = {n for statement in self.statements for n in statement.inputs}
        return {n for n in taken | set(self.results) if n < self.first}

    def __repr__(self) -> str:
        lines = [f"    {line}" for s in self.statements for line in str(s).split("\n")]
        args = ", ".join([f"v{self.first + k}" for k in range(self.arguments)])
        results = ", ".join([f"v{n}" for n in self.results])
        return "\n".join([f"({args}) ->", *lines, f"    {results}"])


@dataclass(frozen=True)
class Stage:
    """What one call fetches and feeds.

    Attributes:
        fetches: ("value", number), ("op", number of a statement) or ("variable", number of one).
        feeds: pairs of a value's number and the seed of what is fed for it.
    """

    fetches: tuple[tuple[str, int], ...]
    feeds: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Run:
    """A run, or a run in stages.

    Attributes:
        sizes: which sizes the feeds have.
        stages: one, or several that `partial_run` runs.
        times: how often it is done.
        staged: by `partial_run`.
    """

    sizes: int
    stages: tuple[Stage, ...]
    times: int
    staged: bool = False


@dataclass(frozen=True)
class Program:
    """A program.

    Attributes:
        seed: the graph's random seed.
        statements: what is built, in order.
        late: pairs (a, b) of statements: the op of the earlier a is made to wait for that of b.
        uninitialized: statements that make variables which are not initialized before the runs.
        runs: what is run, in order.
    """

    seed: int
    statements: tuple[Statement, ...]
    late: tuple[tuple[int, int], ...] = ()
    runs: tuple[Run, ...] = field(default=())
    uninitialized: tuple[int, ...] = ()

    def facts(self) -> list[Facts]:
        """What is known of each value."""
        return [facts for statement in self.statements for facts in statement.outputs]

    def __str__(self) -> str:
        lines = [f"seed {self.seed}"]
        lines += [f"s{number}: {statement}" for number, statement in enumerate(self.statements)]
        if self.late:
            lines.append(f"late control inputs: {self.late}")
        if self.uninitialized:
            lines.append(f"not initialized: {self.uninitialized}")
        for run in self.runs:
            kind = "stages" if run.staged else "run"
            lines.append(f"{run.times} x {kind}, sizes {run.sizes}")
            lines += [f"    fetch {stage.fetches}, feed {stage.feeds}" for stage in run.stages]
        return "\n".join(lines)

    __repr__ = __str__
