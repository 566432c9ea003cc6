"""Runs a graph op by op without any rewrite: what docs/how-a-run-happens.md says, and no more.

Nothing is folded, merged, left out or compiled. It shares the kernels with the package, and
nothing of penstock/plan and penstock/runtime: it is what these two are compared with.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from penstock.graph import errors, shapes
from penstock.graph.operation import Operation, Tensor
from penstock.ops.variables import Variable

Fetch = Tensor | Operation | Variable

_WORD = 0xFFFFFFFF


class Ref:
    """The value of a tensor that stands for a variable: who takes it reads the variable then."""

    def __init__(self, variable: Operation) -> None:
        self.variable = variable


class Failure(Exception):
    """An op failed.

    Args:
        op: the operation.
        error: what its kernel raised.
    """

    def __init__(self, op: Operation, error: Exception) -> None:
        super().__init__(op, error)
        self.op = op
        self.error = error


Kernel = Callable[..., Any]


def call_kernel(op: Operation, kernel: Kernel, arguments: list[Any]) -> list[Any]:
    """Calls a kernel: a flat list of its results."""
    results = kernel(*arguments)
    if not isinstance(results, (list, tuple)) or (op.spec.single_output and not op.spec.writes):
        return [results]
    flat: list[Any] = []
    for result in results:
        flat.extend(result if isinstance(result, (list, tuple)) else [result])
    return flat


class Evaluator:
    """The state of a session, and the runs in it.

    Args:
        call: calls the kernel of an op, and gives a flat list of its results.
    """

    def __init__(
        self, call: Callable[[Operation, Kernel, list[Any]], list[Any]] = call_kernel
    ) -> None:
        self.variables: dict[str, Any] = {}
        self._counters: dict[Operation, int] = {}
        self._call = call

    def run(self, fetches: Sequence[Fetch], feeds: dict[Tensor, Any]) -> list[Any]:
        """One run: for each fetch its value, or None for an operation.

        Raises:
            Failure: an op failed; what was assigned before it stays assigned.
        """
        return self.stages().run(fetches, feeds)

    def stages(self, feeds: Sequence[Tensor] = ()) -> Stages:
        """The beginning of a run in stages, which may feed these tensors."""
        return Stages(self, frozenset(feeds))

    def read(self, variable: Operation, error: type[Exception]) -> Any:
        """The value of a variable; `error` where it has none."""
        if variable.name not in self.variables:
            raise error(None, variable, f"{variable.name} has no value")
        return self.variables[variable.name]

    def run_op(self, op: Operation, operands: list[Any]) -> list[Any]:
        """Runs one op on the values of its inputs; gives one for each output."""
        spec = op.spec
        arguments, written = self._arguments(op, operands)
        if spec.reserve is not None:
            attrs = spec.attrs_for(spec.reserve, op)
            arguments.insert(0, self._count_on(op, spec.reserve(*arguments, **attrs)))
        if spec.wants_ctx:
            arguments.insert(0, Context(op, self))
        with np.errstate(all="ignore"):
            results = self._call(op, spec.bound_kernel(op, np), arguments)
        new, others = results[: len(written)], results[len(written) :]
        for variable, value in zip(written, new, strict=True):
            _check_shape(op, variable, value)
        for variable, value in zip(written, new, strict=True):
            self.variables[variable.name] = np.array(value)
        refs = iter(written)
        rest = iter(others)
        if not written:
            return others
        return [Ref(next(refs)) if arg.is_ref else next(rest) for arg in spec.output_args]

    def _arguments(self, op: Operation, operands: list[Any]) -> tuple[list[Any], list[Operation]]:
        """What the kernel takes, and the variables that it assigns."""
        spec = op.spec
        arguments: list[Any] = []
        written: list[Operation] = []
        position = 0
        for arg in spec.input_args:
            count = arg.count(op._attrs) if arg.many else 1
            values = operands[position : position + count]
            position += count
            if arg.name in spec.writes:
                written.append(values[0].variable)
            if arg.name not in spec.unread:
                taken = [self._value(value, arg.name in spec.writes) for value in values]
                arguments.append(taken if arg.many else taken[0])
        return arguments, written

    def _value(self, operand: Any, for_update: bool) -> Any:
        if not isinstance(operand, Ref):
            return operand
        resource = operand.variable.outputs[0].dtype.name == "resource"
        missing = resource and for_update
        return self.read(
            operand.variable,
            errors.NotFoundError if missing else errors.FailedPreconditionError,
        )

    def _count_on(self, op: Operation, blocks: int) -> tuple[Any, Any]:
        """The key and the counter of a random op, which then counts on by `blocks`."""
        seed, seed2 = op._attrs["seed"], op._attrs["seed2"]
        assert seed or seed2, f"{op.name} has no seed"
        first = (seed2 % 2**64) << 64
        counter = self._counters.get(op, first)
        self._counters[op] = (counter + blocks) % 2**128
        key = [seed & _WORD, seed >> 32 & _WORD]
        words = [counter >> shift & _WORD for shift in (0, 32, 64, 96)]
        return np.array(key, np.uint32), np.array(words, np.uint32)


class Context:
    """What a kernel sees of the session that asks for it."""

    def __init__(self, op: Operation, evaluator: Evaluator) -> None:
        self.op = op
        self._evaluator = evaluator

    def is_initialized(self, index: int) -> bool:
        """Whether the variable that an input stands for has a value."""
        tensor = self.op.inputs[index]
        while not tensor.op.spec.variable:
            tensor = tensor.op.inputs[0]
        return tensor.op.name in self._evaluator.variables

    @property
    def state(self) -> Context:
        """Where `variable` is found."""
        return self

    def variable(self, op: Operation) -> Value:
        """The value that a variable has."""
        return Value(self._evaluator.variables[op.name])


class Value:
    """A variable's value, as a kernel asks for it."""

    def __init__(self, value: Any) -> None:
        self._value = value

    def read(self) -> Any:
        """The value."""
        return self._value


class Stages:
    """A run, in one stage or several: an op runs once in all of them.

    Args:
        evaluator: the session.
        feeds: what stages may feed.
    """

    def __init__(self, evaluator: Evaluator, feeds: frozenset[Tensor] = frozenset()) -> None:
        self._evaluator = evaluator
        self._feeds = feeds
        self._values: dict[Tensor, Any] = {}
        self._left: dict[Tensor, Any] = {}  # the values that assignments left
        self._done: set[Operation] = set()

    def run(self, fetches: Sequence[Fetch], feeds: dict[Tensor, Any]) -> list[Any]:
        """Runs what the fetches need and no earlier stage has run; a list of their values.

        Raises:
            Failure: an op failed.
        """
        values = {**self._values, **feeds}
        left = dict(self._left)
        targets = [_op(f) for f in fetches if not isinstance(f, Tensor) or f not in values]
        order = in_order(needed(targets, values, self._done), values)
        for op in order:  # a stage that needs what is yet to be fed does nothing
            if any([tensor in self._feeds and tensor not in values for tensor in op.outputs]):
                raise Failure(op, errors.InvalidArgumentError(None, op, "it was not fed yet"))
        for op in order:
            self._run_one(op, values, left)
        results = [self._result(fetch, values, left) for fetch in fetches]
        for op in order:  # a read is done once in all stages
            if _is_read_of_variable(op) and isinstance(values[op.outputs[0]], Ref):
                variable = values[op.outputs[0]].variable
                values[op.outputs[0]] = self._evaluator.variables.get(variable.name)
        self._values, self._left = values, left
        self._done |= set(order)
        return results

    def _run_one(self, op: Operation, values: dict[Tensor, Any], left: dict[Tensor, Any]) -> None:
        evaluator = self._evaluator
        try:
            operands = [values[tensor] for tensor in op.inputs]
            if op.spec.variable:
                outputs: list[Any] = [Ref(op)]
            elif _is_read_of_variable(op) and isinstance(operands[0], Ref):
                outputs = operands
            else:
                outputs = evaluator.run_op(op, operands)
        except Exception as error:
            raise Failure(op, error) from error
        for tensor, value in zip(op.outputs, outputs, strict=True):
            values.setdefault(tensor, value)
            if isinstance(value, Ref) and not op.spec.variable:
                left[tensor] = evaluator.variables.get(value.variable.name)

    def _result(self, fetch: Fetch, values: dict[Tensor, Any], left: dict[Tensor, Any]) -> Any:
        if isinstance(fetch, Operation):
            return None
        if isinstance(fetch, Variable):
            value: Any = Ref(fetch.op)
        else:
            value = values[fetch]
            if isinstance(value, Ref) and fetch in left and fetch.dtype._is_ref_dtype:
                return left[fetch]
        if isinstance(value, Ref):
            try:
                return self._evaluator.read(value.variable, errors.FailedPreconditionError)
            except errors.FailedPreconditionError as error:
                raise Failure(value.variable, error) from None
        return value


def needed(
    targets: Sequence[Operation], values: dict[Tensor, Any], done: set[Operation]
) -> set[Operation]:
    """The operations that must run so that all targets have run."""
    found: set[Operation] = set()

    def need(op: Operation) -> None:
        if op in found or op in done:
            return
        found.add(op)
        for other in _before(op, values):
            need(other)

    for op in targets:
        need(op)
    return found


def in_order(ops: set[Operation], values: dict[Tensor, Any]) -> list[Operation]:
    """Dependencies first; of all that could run next, the operation made first."""
    waiting = sorted(ops, key=lambda op: op._id)
    left = set(ops)
    order: list[Operation] = []
    while waiting:
        op = next(op for op in waiting if left.isdisjoint(_before(op, values)))
        waiting.remove(op)
        left.remove(op)
        order.append(op)
    return order


def _before(op: Operation, values: dict[Tensor, Any]) -> list[Operation]:
    """The operations that an operation waits for; a feed stands in the place of a placeholder."""
    waits = [t.op for t in op.inputs if t not in values]
    waits += [c for c in op.control_inputs if c.type != "Placeholder" or c.outputs[0] not in values]
    return waits


def _op(fetch: Fetch) -> Operation:
    return fetch if isinstance(fetch, Operation) else fetch.op


def _is_read_of_variable(op: Operation) -> bool:
    """True of the identity that a reference variable makes, and that stands for the variable."""
    return op.type == "Identity" and op.name == f"{op.inputs[0].op.name}/read"


def _check_shape(op: Operation, variable: Operation, value: Any) -> None:
    """Raises InvalidArgumentError where a variable cannot have a value of that shape."""
    if op._attrs.get("validate_shape", True) and not shapes.compatible(
        variable._attrs["shape"], value.shape
    ):
        raise errors.InvalidArgumentError(None, op, "the value has another shape than the variable")
