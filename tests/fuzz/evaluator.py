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
from tests.fuzz.needs import (
    Asked,
    depends,
    in_order,
    inputs,
    is_array,
    kept_variables,
    needs,
    variables_written,
    wanted_results,
)

Fetch = Tensor | Operation | Variable

_WORD = 0xFFFFFFFF
_QUEUE_OPS = ("FIFOQueueV2", "QueueEnqueueV2", "QueueDequeueV2")


class Ref:
    """The value of a tensor that stands for a variable: who takes it reads the variable then."""

    def __init__(self, variable: Operation) -> None:
        self.variable = variable


class Failure(Exception):
    """An op failed.

    Args:
        op: the operation; None where several could be named.
        error: what its kernel raised.
    """

    def __init__(self, op: Operation | None, error: Exception) -> None:
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


def as_array(value: Any) -> Any:
    """A copy; an array of objects where it is a string."""
    return np.array(value, object if isinstance(value, bytes) else None)


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
        self._queues: dict[Operation, list[list[Any]]] = {}
        self._call = call

    def run(self, fetches: Sequence[Fetch], feeds: dict[Tensor, Any]) -> list[Any]:
        """One run: for each fetch its value, or None for an operation.

        Raises:
            Failure: an op failed; what was assigned before it stays assigned.
        """
        return self.stages(fetches).run(fetches, feeds)

    def stages(self, fetches: Sequence[Fetch], feeds: Sequence[Tensor] = ()) -> Stages:
        """The beginning of a run in stages, which fetch and feed these."""
        return Stages(self, fetches, frozenset(feeds))

    def read(self, variable: Operation, error: type[Exception]) -> Any:
        """The value of a variable; `error` where it has none."""
        if variable.name not in self.variables:
            raise error(None, variable, f"{variable.name} has no value")
        return self.variables[variable.name]

    def run_op(self, op: Operation, operands: list[Any]) -> list[Any]:
        """Runs one op on the values of its inputs; gives one for each output."""
        spec = op.spec
        arguments, written = self._arguments(op, operands)
        if op.type in _QUEUE_OPS:
            return self._use_queue(op, arguments)
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
            self.variables[variable.name] = as_array(value)
        refs = iter(written)
        rest = iter(others)
        if not written:
            return others
        return [Ref(next(refs)) if arg.is_ref else next(rest) for arg in spec.output_args]

    def _use_queue(self, op: Operation, arguments: list[Any]) -> list[Any]:
        if op.type == "FIFOQueueV2":
            self._queues.setdefault(op, [])
            return [op]
        waiting = self._queues[arguments[0]]
        if op.type == "QueueDequeueV2":
            return waiting.pop(0)
        waiting.append([as_array(value) for value in arguments[1]])
        return []

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
                taken = [self._value(op, value) for value in values]
                arguments.append(taken if arg.many else taken[0])
        return arguments, written

    def _value(self, op: Operation, operand: Any) -> Any:
        if not isinstance(operand, Ref):
            return operand
        resource = operand.variable.outputs[0].dtype.name == "resource"
        missing = resource and op.type != "ReadVariableOp"  # the handle is taken, and leads nowhere
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
        fetches: what the stages fetch.
        feeds: what they may feed.
    """

    def __init__(
        self, evaluator: Evaluator, fetches: Sequence[Fetch], feeds: frozenset[Tensor]
    ) -> None:
        self._evaluator = evaluator
        self._feeds = feeds
        self._asked = needs([_target(fetch) for fetch in fetches], feeds).asked
        self._values: dict[Tensor, Any] = {}
        self._left: dict[Tensor, Any] = {}  # the values that assignments left
        self._done: set[Operation] = set()

    def run(self, fetches: Sequence[Fetch], feeds: dict[Tensor, Any]) -> list[Any]:
        """Runs what the fetches need and no earlier stage has run; a list of their values.

        Raises:
            Failure: an op failed.
        """
        values, left, done = self._without_old(feeds)
        targets = [_target(fetch) for fetch in fetches]
        found = needs(targets, values, done, asked=self._asked)
        order = in_order(found.ops, values)
        for op in order:  # a stage that needs what is yet to be fed does nothing
            taken = set(op.outputs if op.type == "Placeholder" else inputs(op, found.asked))
            if not (taken & self._feeds) <= values.keys():
                raise Failure(None, errors.InvalidArgumentError(None, op, "it was not fed yet"))
        for op in order:
            self._run_one(op, values, left, found.asked)
        results = [self._result(fetch, values, left) for fetch in fetches]
        used = {t for op in order if not op.regions for t in op.inputs}.union(targets)
        ran = set(order)
        for op in order:  # a read is done once in all stages, but for one that a branch may do
            if _is_read_of_variable(op) and isinstance(values[op.outputs[0]], Ref):
                variable = values.pop(op.outputs[0]).variable
                if op.outputs[0] in used:
                    values[op.outputs[0]] = self._evaluator.variables.get(variable.name)
                else:
                    ran.discard(op)
        self._values, self._left, self._done = values, left, done | ran
        return results

    def _without_old(
        self, feeds: dict[Tensor, Any]
    ) -> tuple[dict[Tensor, Any], dict[Tensor, Any], set[Operation]]:
        """Values, what updates left, and what has run, with these feeds.

        A feed that is fed again drops what depends on it, and what depends on a variable that was
        updated.
        """
        again = self._values.keys() & feeds.keys()
        values = {**self._values, **feeds}
        if not again:
            return values, dict(self._left), set(self._done)
        changed = {v for op in self._done for v in variables_written(op)}
        roots, gone = set(again), set[Operation]()
        while True:  # what goes through an array again begins with a new one
            arrays = {t for op in gone for t in inputs(op, self._asked) if is_array(t)}
            if gone and arrays <= roots:
                break
            roots |= arrays
            gone |= {t.op for t in arrays}
            gone |= {op for op in self._done if self._depends(op, roots, changed)}
            if not gone:
                break
        kept = {t: v for t, v in values.items() if t in self._feeds or t.op not in gone}
        left = {t: v for t, v in self._left.items() if t.op not in gone}
        return kept, left, self._done - gone

    def _depends(self, op: Operation, roots: set[Tensor], variables: set[Operation]) -> bool:
        return depends(op, roots, variables, self._feeds, self._asked)

    def _run_one(
        self, op: Operation, values: dict[Tensor, Any], left: dict[Tensor, Any], asked: Asked
    ) -> None:
        evaluator = self._evaluator
        if op.regions:
            run = self._run_loop if op.spec.loops else self._run_branch
            for tensor, value in run(op, values, left, asked[op]).items():
                values.setdefault(tensor, value)
            return
        if op.type == "_Arg":  # a loop variable, which has its value
            return
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

    def _run_branch(
        self, op: Operation, values: dict[Tensor, Any], left: dict[Tensor, Any], asked: set[int]
    ) -> dict[Tensor, Any]:
        """Runs the branch that is taken; gives the op's outputs that are asked for."""
        place = 0 if self._read(None, values[op.inputs[0]]) else 1
        wanted = wanted_results(op, place, asked)
        found = self._run_region(op, place, wanted, values, left, {})
        region = op.regions[place]
        outputs = {}
        for index, tensor in enumerate(region.results):
            if index in asked:
                outputs[op.outputs[index]] = found[tensor]
        for tensor, output in region.saved.items():
            if output.value_index in asked:
                outputs[output] = found[tensor]
        return outputs

    def _run_loop(
        self, op: Operation, values: dict[Tensor, Any], left: dict[Tensor, Any], asked: set[int]
    ) -> dict[Tensor, Any]:
        """Runs a loop to its end; gives its variables, and what it saves in each iteration."""
        condition, body = op.regions
        kept = kept_variables(op, asked)
        variables = {k: self._read(None, values[op.inputs[k]]) for k in kept}
        saved = [t for t, output in body.saved.items() if output.value_index in asked]
        stacks: dict[Tensor, list[Any]] = {tensor: [] for tensor in saved}
        wanted = [*[body.results[k] for k in kept], *saved]
        test = condition.results[0]
        while True:
            args = {condition.args[k]: value for k, value in variables.items()}
            if not self._run_region(op, 0, [test], values, left, args)[test]:
                break
            args = {body.args[k]: value for k, value in variables.items()}
            found = self._run_region(op, 1, wanted, values, left, args)
            variables = {k: found[body.results[k]] for k in kept}
            for tensor in saved:
                stacks[tensor].append(found[tensor])
        outputs: dict[Tensor, Any] = {op.outputs[k]: value for k, value in variables.items()}
        outputs.update({body.saved[tensor]: stack for tensor, stack in stacks.items()})
        return outputs

    def _run_region(
        self, op: Operation, place: int, wanted: list[Tensor], values: dict[Tensor, Any],
        left: dict[Tensor, Any], args: dict[Tensor, Any],
    ) -> dict[Tensor, Any]:  # fmt: skip
        """Runs what some tensors of a region need; gives their values."""
        inner = {**values, **args}
        found = needs(wanted, inner, region=op.regions[place])
        for other in in_order(found.ops, inner):
            self._run_one(other, inner, left, found.asked)
        return {tensor: self._read(None, inner[tensor]) for tensor in wanted}

    def _read(self, op: Operation | None, value: Any) -> Any:
        """A value, or that of the variable it stands for; `op` is named where that has none."""
        if not isinstance(value, Ref):
            return value
        try:
            return self._evaluator.read(value.variable, errors.FailedPreconditionError)
        except errors.FailedPreconditionError as error:
            raise Failure(op, error) from None

    def _result(self, fetch: Fetch, values: dict[Tensor, Any], left: dict[Tensor, Any]) -> Any:
        if isinstance(fetch, Operation):
            return None
        if isinstance(fetch, Variable):
            return self._read(fetch.op, Ref(fetch.op))
        value = values[fetch]
        if isinstance(value, Ref) and fetch in left and fetch.dtype._is_ref_dtype:
            return left[fetch]
        return self._read(value.variable, value) if isinstance(value, Ref) else value


def _target(fetch: Fetch) -> Tensor | Operation:
    return fetch.op if isinstance(fetch, Variable) else fetch


def _is_read_of_variable(op: Operation) -> bool:
    """True of the identity that a reference variable makes, and that stands for the variable."""
    return op.type == "Identity" and op.name == f"{op.inputs[0].op.name}/read"


def _check_shape(op: Operation, variable: Operation, value: Any) -> None:
    """Raises InvalidArgumentError where a variable cannot have a value of that shape."""
    if op._attrs.get("validate_shape", True) and not shapes.compatible(
        variable._attrs["shape"], value.shape
    ):
        raise errors.InvalidArgumentError(None, op, "the value has another shape than the variable")
