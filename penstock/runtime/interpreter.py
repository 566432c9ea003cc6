"""The interpreter: a plan as straight-line Python over NumPy kernels, an op no more than its call.

The text that is generated for `c = a + b`:

    def run(v0, v1):
        v0 = f0(v0)
        v1 = f1(v1)
        v0 = v0 + v1
        return (own(v0),)

Registers (v0, …) are used again as soon as their value is not needed any more, which frees it.
"""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from penstock.graph.operation import Operation, Tensor
from penstock.graph.opspec import NamespaceFunction
from penstock.plan.plan import Constant, Operand, Plan, Read, Step
from penstock.runtime.context import OpContext
from penstock.runtime.reference import flatten_outputs, has_plain_outputs
from penstock.runtime.results import own
from penstock.runtime.state import InPlaceUpdate, SessionState, write_all
from penstock.runtime.step_errors import at_op

_file_numbers = itertools.count()

# NumPy's functions that Python has operators for: the same on arrays, and ten times faster
# on NumPy's scalars.
_OPERATORS = {"add": "+", "subtract": "-", "multiply": "*"}


class Cluster:
    """What runs several steps of a plan in one call; runtime/xla.py makes them.

    Attributes:
        steps: the steps.
        inputs: the tensors that it takes.
        outputs: the tensors that it gives.
    """

    steps: list[Step]
    inputs: list[Tensor]
    outputs: list[Tensor]

    def __call__(self, *values: Any) -> Sequence[Any]:
        raise NotImplementedError


Item = Step | Cluster


class Interpreter:
    """A plan made ready to run in one session.

    Args:
        plan: the plan.
        state: the session's state.
        items: the plan's steps, some of them as clusters.
        converters: for each feed, what turns a fed value into an array.
    """

    def __init__(
        self,
        plan: Plan,
        state: SessionState,
        items: Sequence[Item],
        converters: Sequence[Callable[[Any], Any]],
    ) -> None:
        writer = _Writer(plan, state, items, converters)
        source = writer.source()
        self.source = source
        self._filename = f"<plan {next(_file_numbers)}>"
        self._op_of_line = writer.op_of_line
        exec(compile(source, self._filename, "exec"), writer.namespace)
        self.run: Callable[..., tuple[Any, ...]] = writer.namespace["run"]

    def explain_error(self, error: BaseException) -> BaseException:
        """The error to raise in the place of one that `run` raised."""
        trace = error.__traceback__
        while trace is not None and trace.tb_frame.f_code.co_filename != self._filename:
            trace = trace.tb_next
        if trace is None or (op := self._op_of_line.get(trace.tb_lineno)) is None:
            return error
        registers = trace.tb_frame.f_locals
        line = self.source.split("\n")[trace.tb_lineno - 1]
        operands = [registers[name] for name in _registers_in(line) if name in registers]
        return at_op(error, op, operands)


def _registers_in(line: str) -> list[str]:
    return re.findall(r"\bv\d+\b", line.partition("=")[2] or line)


class _Writer:
    """Writes the text of `run`, and gathers the objects that it names."""

    def __init__(
        self,
        plan: Plan,
        state: SessionState,
        items: Sequence[Item],
        converters: Sequence[Callable[[Any], Any]],
    ) -> None:
        self._converters = converters
        self.namespace: dict[str, Any] = {
            "own": own,
            "lock": state.lock,
            "flat": flatten_outputs,
            "np": np,
            "write_all": write_all,
        }
        self.op_of_line: dict[int, Operation] = {}
        self._plan = plan
        self._state = state
        self._items = items
        self._lines: list[str] = []
        self._register: dict[Tensor, int] = {}
        self._free: list[int] = []
        self._count = 0
        self._names: dict[int, str] = {}
        self._borrowed: set[Tensor] = set(
            plan.feeds
        )  # values that may share memory with what was fed
        self._last_use = self._last_uses()

    def source(self) -> str:
        parameters = ", ".join([self._new_register(tensor) for tensor in self._plan.feeds])
        self._lines.append(f"def run({parameters}):")
        for tensor, convert in zip(self._plan.feeds, self._converters, strict=True):
            register = f"v{self._register[tensor]}"
            self._line(f"    {register} = {self._name('f', convert)}({register})", None)
        for tensor in self._plan.feeds:
            if tensor not in self._last_use:
                self._release(tensor)
        for index, item in enumerate(self._items):
            if isinstance(item, Cluster):
                self._write_cluster(item)
            else:
                self._write_step(item)
            used = item.inputs if isinstance(item, Cluster) else item.flat_operands()
            for operand in dict.fromkeys([o for o in used if isinstance(o, Tensor)]):
                if self._last_use[operand] == index:
                    self._release(operand)
        self._write_results()
        return "\n".join(self._lines)

    def _last_uses(self) -> dict[Tensor, int]:
        last: dict[Tensor, int] = {}
        for index, item in enumerate(self._items):
            for operand in item.inputs if isinstance(item, Cluster) else item.flat_operands():
                if isinstance(operand, Tensor):
                    last[operand] = index
        for result in self._plan.results:
            if isinstance(result, Tensor):
                last[result] = len(self._items)
        return last

    # Names

    def _new_register(self, tensor: Tensor) -> str:
        if self._free:
            number = self._free.pop()
        else:
            number = self._count
            self._count += 1
        self._register[tensor] = number
        return f"v{number}"

    def _release(self, tensor: Tensor) -> None:
        self._free.append(self._register.pop(tensor))

    def _name(self, letter: str, thing: Any) -> str:
        name = self._names.get(id(thing))
        if name is None:
            name = f"{letter}{len(self._names)}"
            self._names[id(thing)] = name
            self.namespace[name] = thing
        return name

    def _text(self, operand: Operand) -> str:
        kind = type(operand)
        if kind is Tensor:
            return f"v{self._register[operand]}"
        if kind is Constant:
            return self._name("c", operand.value)
        if kind is Read:
            method = "read_for_update" if operand.by_update else "read"
            return f"{self._name('s', self._state.variable(operand.variable))}.{method}()"
        return f"[{', '.join([self._text(item) for item in operand])}]"

    # Lines

    def _line(self, text: str, op: Operation | None) -> None:
        self._lines.append(text)
        if op is not None:
            self.op_of_line[len(self._lines)] = op

    def _write_step(self, step: Step) -> None:
        if step.writes_in_place():
            self._write_update_in_place(step)
            return
        op = step.op
        spec = op.spec
        arguments = ", ".join([self._text(operand) for operand in step.operands])
        if isinstance(spec.kernel, NamespaceFunction) and spec.kernel.function in _OPERATORS:
            left, right = [self._text(operand) for operand in step.operands]
            self._line(
                f"    {self._targets(op)}{left} {_OPERATORS[spec.kernel.function]} {right}", op
            )
            return
        kernel = spec.bound_kernel(op, np)
        self.namespace[name := f"k{len(self._lines)}"] = kernel
        before = []
        if spec.wants_ctx:
            before.append(self._name("x", OpContext(op, self._state)))
        if spec.reserve is not None:
            before.append(self._random_text(op, arguments))
        call = f"{name}({', '.join([*before, arguments] if arguments else before)})"
        if step.writes:
            self._write_update(step, call)
            return
        if spec.view and not self._borrowed.isdisjoint(
            [o for o in step.flat_operands() if isinstance(o, Tensor)]
        ):
            self._borrowed.update(op.outputs)
        targets = self._targets(op)
        if any([arg.many for arg in spec.output_args]):
            call = f"flat({call})"
        self._line(f"    {targets}{call}", op)

    def _targets(self, op: Operation) -> str:
        """The assignment of an op's outputs to registers; unused ones are let go at once."""
        if not op.outputs:
            return ""
        texts = [self._new_register(output) for output in op.outputs]
        for output in op.outputs:
            if output not in self._last_use:
                self._release(output)
        return (
            f"{', '.join(texts)}{',' if not op.spec.single_output and len(texts) == 1 else ''} = "
        )

    def _random_text(self, op: Operation, arguments: str) -> str:
        spec = op.spec
        assert spec.reserve is not None
        attrs = spec.attrs_for(spec.reserve, op)
        reserve = functools.partial(spec.reserve, **attrs) if attrs else spec.reserve
        self.namespace[name := f"n{len(self._lines)}"] = reserve
        return f"{self._name('r', self._state.random(op))}.take({name}({arguments}))"

    def _write_update(self, step: Step, call: str) -> None:
        """An op that assigns; it reads and writes in one `with lock` block: atomically."""
        op = step.op
        slots = [self._name("s", self._state.variable(variable)) for variable in step.writes]
        validate = op._attrs.get("validate_shape", True)
        if op.spec.unread and not self._borrowed.isdisjoint(step.flat_operands()):
            call = f"np.array({call})"  # the caller may go on writing into what was fed
        wanted = [output for output in op.outputs if output in self._last_use]
        self._line("    with lock:", op)
        if len(slots) == 1 and not has_plain_outputs(step):
            target = f"{self._new_register(op.outputs[0])} = " if wanted else ""
            store = f"{slots[0]}.write({call})" if validate else f"{slots[0]}.replace({call})"
            self._line(f"        {target}{store}", op)
            return
        self._line(f"        w = {call}", op)
        self._line(f"        write_all([{', '.join(slots)}], w[:{len(slots)}], {validate})", op)
        plain, written = itertools.count(len(slots)), itertools.count()
        for arg, output in zip(op.spec.output_args, op.outputs, strict=True):
            index = next(written) if arg.is_ref else next(plain)
            if output in self._last_use:
                self._line(f"        {self._new_register(output)} = w[{index}]", op)

    def _write_update_in_place(self, step: Step) -> None:
        """An op that changes its variables where they are, unless somebody else sees the arrays.

        So registers that are not needed any more let go of theirs.
        """
        op = step.op
        if self._free:
            self._line(f"    {' = '.join([f'v{number}' for number in self._free])} = None", None)
        slots = [self._state.variable(variable) for variable in step.writes]
        update = InPlaceUpdate(slots, op.spec.bound_in_place(op))
        others = ", ".join([self._text(operand) for operand in step.operands[len(slots) :]])
        self._line("    with lock:", op)
        call = f"{self._name('u', update)}({others})"
        if any([output in self._last_use for output in op.outputs]):
            call = f"{self._targets(op)}{call}[0]"
        self._line(f"        {call}", op)

    def _write_cluster(self, cluster: Cluster) -> None:
        arguments = ", ".join([self._text(tensor) for tensor in cluster.inputs])
        call = f"{self._name('x', cluster)}({arguments})"
        if not cluster.outputs:
            self._line(f"    {call}", None)
            return
        targets = ", ".join([self._new_register(output) for output in cluster.outputs])
        self._line(f"    {targets}{',' if len(cluster.outputs) == 1 else ''} = {call}", None)
        for output in cluster.outputs:
            if output not in self._last_use:
                self._release(output)

    def _write_results(self) -> None:
        texts = []
        for number, result in enumerate(self._plan.results):
            if result is None:
                texts.append("None")
            elif isinstance(result, Read):
                self._line(f"    t{number} = {self._text(result)}", result.variable)
                texts.append(f"own(t{number})")
            else:
                texts.append(f"own({self._text(result)})")
        self._lines.append(f"    return ({', '.join(texts)}{',' if texts else ''})")
