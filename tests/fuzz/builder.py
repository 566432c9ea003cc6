"""Builds a program's graph."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import penstock as tf
from penstock.graph.operation import Operation, Tensor
from tests.fuzz.draw import ROWS
from tests.fuzz.program import Block, Program, Statement


class CannotBuild(Exception):
    """A call of the program is refused when the graph is built: it says nothing about runs."""


class Builder:
    """A program's graph.

    Args:
        program: the program.

    Attributes:
        graph: the graph.
        values: for each value the tensor, or the variable.
        variables: all variables, the optimizers' too.
        initialized: those that are initialized before the runs.
        fetched: for each value the tensor to fetch and to feed.
        ops: for each statement the operation that is done when it is.
        log: what `py_func` noted.

    Raises:
        CannotBuild: a statement is refused.
    """

    tf = tf

    def __init__(self, program: Program) -> None:
        self.graph = tf.Graph()
        self.values: list[Any] = []
        self.ops: list[Operation] = []
        self.log: list[Any] = []
        with self.graph.as_default():
            tf.set_random_seed(program.seed + 1)
            for number, statement in enumerate(program.statements):
                try:
                    self._add(statement)
                except (ValueError, TypeError, LookupError, RuntimeError) as error:
                    raise CannotBuild(
                        f"s{number} {statement.row}: {type(error).__name__}: {error}"
                    ) from error
            self.variables = list(tf.global_variables())
            skipped = [self.values[program.statements[n].first] for n in program.uninitialized]
            self.initialized = [v for v in self.variables if v not in skipped]
            self.fetched = [self.tensor_of(value) for value in self.values]
        for earlier, later in program.late:
            self._add_late_control_input(self.ops[earlier], self.ops[later])

    def _add(self, statement: Statement) -> None:
        row = ROWS[statement.row]
        inputs = [self.values[number] for number in statement.inputs]
        if not row.of_variables:
            with tf.control_dependencies([self.ops[c] for c in statement.control]):
                inputs = [self.tensor_of(value) for value in inputs]
        with tf.control_dependencies([self.ops[c] for c in statement.control]):
            made = row.build(self, *inputs, **statement.args)
        if isinstance(made, Operation):
            self.ops.append(made)
            return
        results = list(made) if isinstance(made, (list, tuple)) else [made]
        assert len(results) == len(statement.outputs), statement.row
        self.values.extend(results)
        self.ops.append(results[0].op)

    def _add_late_control_input(self, op: Operation, later: Operation) -> None:
        """Lets `op` wait for one that was made later, unless that one waits for `op`."""
        pending, seen = [later], set()
        while pending:
            current = pending.pop()
            if current in seen:
                continue
            seen.add(current)
            pending += [t.op for t in current.inputs] + list(current.control_inputs)
        if op not in seen:
            op._add_control_input(later)

    # What rows use

    def run_block(self, block: Block, arguments: Sequence[Any] = ()) -> list[Any]:
        """Adds the statements of a block; gives its results."""
        values, ops = len(self.values), len(self.ops)
        assert values == block.first
        self.values.extend(arguments)
        for statement in block.statements:
            self._add(statement)
        results = [self.tensor_of(self.values[number]) for number in block.results]
        del self.values[values:], self.ops[ops:]
        return results

    def tensor_of(self, value: Any) -> Tensor:
        """A tensor of a variable's value; any other as it is."""
        return value.value() if isinstance(value, tf.Variable) else value

    def function(self, name: str) -> Callable[..., Any]:
        """A public function by its name under `tf`."""
        return functools.reduce(getattr, name.split("."), tf)  # type: ignore[no-any-return]

    def dtype(self, name: str) -> Any:
        """A type by its name."""
        return tf.as_dtype(name)

    def noter(self) -> Callable[[Any], Any]:
        """A function for `py_func` that gives what it gets, and notes that it was called."""
        number = len(self.ops)

        def note(value: Any) -> Any:
            self.log.append((number, np.asarray(value).dtype.name, np.shape(value)))
            return value

        return note
