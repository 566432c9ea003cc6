"""Test cases of ops as plain data, read by the oracle's Python 3.7 and by the test suite alike.

`tests/golden/README.md` explains the format. Only NumPy is needed here.
"""

from __future__ import annotations

import dataclasses
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

SHORT_NAMES = {
    "float16": "f16",
    "float32": "f32",
    "float64": "f64",
    "complex64": "c64",
    "complex128": "c128",
    "int8": "i8",
    "int16": "i16",
    "int32": "i32",
    "int64": "i64",
    "uint8": "u8",
    "uint16": "u16",
    "uint32": "u32",
    "uint64": "u64",
    "bool": "bool",
    "object": "str",
}


@dataclasses.dataclass(frozen=True)
class Draw:
    """An array to be drawn at random, seeded by the case's own text and no other's."""

    shape: tuple[int, ...]
    dtype: str
    low: float
    high: float
    kind: str = "uniform"

    def __str__(self) -> str:
        kind = "" if self.kind == "uniform" else self.kind + ":"
        dims = ",".join(str(size) for size in self.shape)
        return f"{kind}{SHORT_NAMES[self.dtype]}[{dims}]@{self.low:g}..{self.high:g}"

    def make(self, key: str) -> np.ndarray:
        random = np.random.RandomState(zlib.crc32(key.encode()))
        count = int(np.prod(self.shape, dtype=int))
        if self.kind == "distinct":
            values = self.low + (self.high - self.low) * random.permutation(count) / max(count, 1)
        elif np.dtype(self.dtype).kind in "iub":
            values = random.randint(int(self.low), int(self.high), count)
        else:
            values = random.uniform(self.low, self.high, count)
        if np.dtype(self.dtype).kind == "c":
            values = values + 1j * random.uniform(self.low, self.high, count)
        return np.asarray(values).astype(self.dtype).reshape(self.shape)


def floats(*shape: int, low: float = -2.0, high: float = 2.0, dtype: str = "float32") -> Draw:
    """Uniform numbers in [low, high); a complex dtype draws both parts."""
    return Draw(shape, dtype, low, high)


def distinct(*shape: int, low: float = -2.0, high: float = 2.0, dtype: str = "float32") -> Draw:
    """Evenly spaced numbers in random order: no ties, for max, sort and the like."""
    return Draw(shape, dtype, low, high, "distinct")


def ints(*shape: int, low: int = -5, high: int = 6, dtype: str = "int32") -> Draw:
    """Uniform integers in [low, high)."""
    return Draw(shape, dtype, low, high)


def bools(*shape: int) -> Draw:
    """Fair coins."""
    return Draw(shape, "bool", 0, 2)


@dataclasses.dataclass(frozen=True)
class Constant:
    """An array that enters the graph as a constant, not as a placeholder."""

    value: Any

    def __str__(self) -> str:
        return "const:" + describe(self.value)


@dataclasses.dataclass(frozen=True)
class Name:
    """A name of the library itself, such as a dtype: Name("int64"), Name("nn.relu")."""

    path: str

    def __str__(self) -> str:
        return "tf." + self.path


def const(value: Any) -> Constant:
    """`value` (a draw or an array) as tf.constant."""
    return Constant(value)


@dataclasses.dataclass(frozen=True)
class Case:
    """One call of one public function, and how closely it must agree; see `but` for the options."""

    op: Any
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    fails: bool = False
    says: str = ""
    rtol: float | None = None
    atol: float | None = None
    gradient: bool = True
    numeric: bool = True
    nodes: bool = True
    masks: bool = True
    graph_seed: int | None = None
    shapes: str = "full"
    tag: str = ""

    def but(self, **options: Any) -> Case:
        """The same case with options set; unknown ones raise TypeError."""
        return dataclasses.replace(self, **options)

    @property
    def key(self) -> str:
        """What the case calls, in one line: its name in the recording and in pytest."""
        op = self.op if isinstance(self.op, str) else self.op.__name__
        parts = [describe(arg) for arg in self.args]
        parts += [name + "=" + describe(value) for name, value in self.kwargs.items()]
        extras = [str(self.graph_seed)] if self.graph_seed is not None else []
        extras += [
            text for text in (self.shapes if self.shapes != "full" else "", self.tag) if text
        ]
        return "{}({}){}".format(op, ", ".join(parts), "".join(" " + text for text in extras))

    def feeds(self) -> list[np.ndarray]:
        """The arrays that are fed, in the order in which their placeholders are made."""
        leaves = [leaf for leaf in walk((self.args, self.kwargs)) if is_fed(leaf)]
        return [realize(leaf, f"{self.key}/{i}") for i, leaf in enumerate(leaves)]


def case(op: str | Callable[..., Any], *args: Any, **kwargs: Any) -> Case:
    """A call that succeeds: `op` is a name under tf, or a function of tf and the arguments."""
    return Case(op, args, kwargs)


def fails(op: str | Callable[..., Any], *args: Any, **kwargs: Any) -> Case:
    """A call that raises, while building or while running: whichever the oracle does."""
    return Case(op, args, kwargs, fails=True)


def is_fed(leaf: Any) -> bool:
    """Whether the leaf becomes a placeholder."""
    return isinstance(leaf, (Draw, np.ndarray))


def realize(leaf: Any, key: str) -> np.ndarray:
    """The array that a fed leaf stands for."""
    return leaf.make(key) if isinstance(leaf, Draw) else leaf


def walk(tree: Any) -> Iterator[Any]:
    """The leaves of nested lists, tuples and dicts, in order."""
    if isinstance(tree, (list, tuple)):
        for item in tree:
            yield from walk(item)
    elif isinstance(tree, dict):
        for item in tree.values():
            yield from walk(item)
    else:
        yield tree


def describe(value: Any) -> str:
    """`value` in a few characters, the same in every Python."""
    if isinstance(value, np.ndarray):
        head = f"{SHORT_NAMES[str(value.dtype)]}{list(value.shape)}"
        head = head.replace(" ", "")
        if value.size <= 8:
            return head + "=" + ",".join(str(item) for item in value.ravel().tolist())
        content = repr(value.ravel().tolist())
        return head + f"#{zlib.crc32(content.encode()):08x}"
    if isinstance(value, (list, tuple)):
        inner = ", ".join(describe(item) for item in value)
        return "[" + inner + "]" if isinstance(value, list) else "(" + inner + ")"
    if isinstance(value, dict):
        return "{" + ", ".join(str(k) + ": " + describe(v) for k, v in value.items()) + "}"
    if isinstance(value, (Draw, Constant, Name)):
        return str(value)
    return repr(value)
