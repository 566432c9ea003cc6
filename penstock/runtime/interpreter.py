"""The interpreter: a plan as straight-line Python over NumPy kernels, an op no more than its call.

The text that is generated for `c = a + b`:

    def run(v0, v1):
        v0 = f0(v0)
        v1 = f1(v1)
        v0 = v0 + v1
        return (own(v0),)

Registers (v0, …) are used again as soon as their value is not needed any more, which frees it; one
that may be large is freed at once.

The branches and bodies of ops with regions are functions of their own, and a loop is a loop:

        while b0(v1, v2):
            v1, v2 = b1(v1, v2)
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
import re
from collections.abc import Callable, Sequence
from types import CodeType, FunctionType
from typing import Any

import numpy as np

from penstock.graph import dtypes, shapes
from penstock.graph.operation import Operation, Tensor
from penstock.graph.opspec import NamespaceFunction
from penstock.plan.plan import Constant, Operand, Plan, Read, RegionStep, Step, shape_of
from penstock.runtime.context import OpContext
from penstock.runtime.reference import flatten_outputs, has_plain_outputs
from penstock.runtime.results import own
from penstock.runtime.state import InPlaceUpdate, SessionState, write_all
from penstock.runtime.step_errors import at_op

_LONGEST_FUNCTION = 5000  # lines; longer ones are cut: Python takes 3 KB a line to compile them
# Beside functions of NumPy's: kernels whose result is never an array that they were given.
_NEW_MEMORY = frozenset(("MatMul", "BatchMatMul", "BatchMatMulV2", "Conv2D"))
_FLOATS = (dtypes.float32, dtypes.float64)
_SMALL = 4096  # elements: to keep that many until the register is used again costs nothing
_file_numbers = itertools.count()

# NumPy's functions that Python has operators for: the same on arrays, and ten times faster
# on NumPy's scalars. Equality is not among them: `==` has rules of its own for shapes that differ.
_OPERATORS = {
    "add": "+", "subtract": "-", "multiply": "*",
    "less": "<", "less_equal": "<=", "greater": ">", "greater_equal": ">=",
    "logical_and": "&", "logical_or": "|",
}  # fmt: skip


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
        converters: for each feed, what turns a fed value into an array; None where it is one.
        items_of: gives the items of a region's plan.
    """

    def __init__(
        self,
        plan: Plan,
        state: SessionState,
        items: Sequence[Item],
        converters: Sequence[Callable[[Any], Any] | None],
        items_of: Callable[[Plan], Sequence[Item]] = lambda body: body.steps,
    ) -> None:
        module = _Module(state, items_of)
        module.add_run(plan, items, converters)
        self.source = "\n".join([text for _, text in module.functions])
        self._filename = f"<plan {next(_file_numbers)}>"
        self._op_of_line = module.op_of_line
        for start, text in module.functions:  # one by one: compiling takes much memory
            code = compile("\n" * start + text, self._filename, "exec")
            _define(code, module.namespace)
        self.run: Callable[..., tuple[Any, ...]] = module.namespace["run"]

    def explain_error(self, error: BaseException) -> BaseException:
        """The error to raise in the place of one that `run` raised."""
        trace, found = error.__traceback__, None
        while trace is not None:  # the last one: it may have happened in a region
            if trace.tb_frame.f_code.co_filename == self._filename:
                found = trace
            trace = trace.tb_next
        if found is None or (op := self._op_of_line.get(found.tb_lineno)) is None:
            return error
        trace = found
        registers = trace.tb_frame.f_locals
        line = self.source.split("\n")[trace.tb_lineno - 1]
        operands = [registers[name] for name in _registers_in(line) if name in registers]
        return at_op(error, op, operands)


def code_of_body(body: Plan, state: SessionState) -> Callable[..., Sequence[Any]]:
    """A region's plan as code of its own: takes a value for each of its feeds, gives its results.

    Its errors name the op.
    """
    inside = dataclasses.replace(body, inside=len(body.results))
    program = Interpreter(inside, state, body.steps, [None] * len(body.feeds))

    def run(*values: Any) -> Sequence[Any]:
        try:
            return program.run(*values)
        except BaseException as error:
            raise program.explain_error(error) from error.__cause__

    return run


def _define(module: CodeType, namespace: dict[str, Any]) -> None:
    """Adds the one function of a module's code to the namespace, of which it gets what it names.

    So no function has itself among its globals, nor one that calls it: with the last of them go
    the variables' values that they name, without waiting for Python to look for cycles.
    """
    (code,) = [constant for constant in module.co_consts if isinstance(constant, CodeType)]
    named = {name: namespace[name] for name in code.co_names if name in namespace}
    namespace[code.co_name] = FunctionType(code, named)


def _registers_in(line: str) -> list[str]:
    return re.findall(r"(?<!out=)\bv\d+\b", line.partition("=")[2] or line)


class _Module:
    """The text of a program, and the objects that it names.

    Attributes:
        functions: the text of each, and the number of lines before it.
        op_of_line: the op that runs in a line, by its number.
        namespace: the objects.
    """

    def __init__(self, state: SessionState, items_of: Callable[[Plan], Sequence[Item]]) -> None:
        self.state = state
        self.functions: list[tuple[int, str]] = []
        self._length = 0
        self.op_of_line: dict[int, Operation] = {}
        self.namespace: dict[str, Any] = {
            "own": own,
            "lock": state.lock,
            "flat": flatten_outputs,
            "np": np,
            "write_all": write_all,
            "check": state.check,
        }
        self._items_of = items_of
        self._names: dict[int, str] = {}
        self._kept: list[Any] = []  # ids stay theirs as long as the things live
        self._numbers = itertools.count()

    def name(self, letter: str, thing: Any) -> str:
        """The name of an object: the same for the same one."""
        name = self._names.get(id(thing))
        if name is None:
            name = self._names[id(thing)] = self.new_name(letter, thing)
        return name

    def new_name(self, letter: str, thing: Any) -> str:
        """A name that nothing has yet."""
        name = f"{letter}{next(self._numbers)}"
        self.namespace[name] = thing
        self._kept.append(thing)
        return name

    def add_run(
        self, plan: Plan, items: Sequence[Item], converters: Sequence[Callable[[Any], Any] | None]
    ) -> None:
        """Adds `run`, which gives the results away."""
        writer = _Writer(self, plan, items, "run")
        writer.write_conversions(converters)
        writer.write_items()
        writer.write_results(len(plan.leaving))
        self._add(writer)

    def add_body(self, plan: Plan) -> str:
        """Adds the function of a region; returns its name."""
        name = f"b{next(self._numbers)}"
        writer = _Writer(self, plan, self._items_of(plan), name)
        writer.write_items()
        writer.write_results(0)
        self._add(writer)
        return name

    def _add(self, writer: _Writer) -> None:
        if not writer.cuts:
            self._add_function(writer.lines)
            return
        (parameters, _), *lines = writer.lines
        name = writer.function
        calls = []
        start, taken = 0, parameters.partition("(")[2][:-2]
        for number, (end, live) in enumerate([*writer.cuts, (len(writer.lines) - 1, [])]):
            part = f"{name}_{number}"
            passed = (f"    return ({''.join([f'{register}, ' for register in live])})", None)
            own = [*lines[start:end], passed] if number < len(writer.cuts) else lines[start:end]
            self._add_function([(f"def {part}({taken}):", None), *own])
            calls.append((f"    live = {part}({'*live' if number else taken})", None))
            start, taken = end, ", ".join(live)
        self._add_function([(parameters, None), *calls, ("    return live", None)])

    def _add_function(self, lines: Sequence[tuple[str, Operation | None]]) -> None:
        self.functions.append((self._length, "\n".join([text for text, _ in lines])))
        for number, (_, op) in enumerate(lines, self._length + 1):
            if op is not None:
                self.op_of_line[number] = op
        self._length += len(lines)


def _may_be_large(tensor: Tensor) -> bool:
    count = shapes.element_count(tensor._shape)
    return count is None or count > _SMALL


def _stays_within(operand: Operand, whole: Tensor) -> bool:
    """True where broadcasting one with the other gives the shape of the whole."""
    if operand is whole:
        return True
    small, large = shape_of(operand), whole._shape
    if small is None or large is None or len(small) > len(large):
        return False
    sizes = zip(reversed(small), reversed(large), strict=False)
    return all([size == 1 or (size is not None and size == other) for size, other in sizes])


class _Writer:
    """Writes the text of one function: of a plan, or of a region's plan.

    Attributes:
        lines: the text, with the op that runs in a line.
        function: its name.
        cuts: where a long one is cut in parts: the line, and the registers that hold a value there.
    """

    def __init__(self, module: _Module, plan: Plan, items: Sequence[Item], name: str) -> None:
        self.lines: list[tuple[str, Operation | None]] = []
        self.function = name
        self.cuts: list[tuple[int, list[str]]] = []
        self._module = module
        self._plan = plan
        self._state = module.state
        self._items = items
        self._name = module.name
        self._register: dict[Tensor, int] = {}
        self._free: list[int] = []
        self._count = 0
        self._borrowed = set(plan.feeds)  # values that may share memory with what was fed
        self._last_use = self._last_uses()
        self._own: set[Tensor] = set()  # arrays that nothing but their register has
        parameters = ", ".join([self._new_register(tensor) for tensor in plan.feeds])
        self._line(f"def {name}({parameters}):", None)

    def write_conversions(self, converters: Sequence[Callable[[Any], Any] | None]) -> None:
        """The fed values become arrays."""
        for tensor, convert in zip(self._plan.feeds, converters, strict=True):
            register = f"v{self._register[tensor]}"
            if convert is not None:
                self._line(f"    {register} = {self._name('f', convert)}({register})", None)

    def write_items(self) -> None:
        """All steps and clusters."""
        for tensor in self._plan.feeds:
            if tensor not in self._last_use:
                self._release(tensor)
        for index, item in enumerate(self._items):
            if isinstance(item, Cluster):
                self._write_cluster(item)
            elif isinstance(item, RegionStep):
                self._write_regions(item)
            elif (overwritten := self._overwritten(item, index)) is not None:
                self._write_over(item, overwritten)
            else:
                self._write_step(item)
            self._note_owners(item)
            used = item.inputs if isinstance(item, Cluster) else item.flat_operands()
            done = [
                operand
                for operand in dict.fromkeys([o for o in used if isinstance(o, Tensor)])
                if self._last_use[operand] == index
            ]
            self._let_go([operand for operand in done if _may_be_large(operand)])
            for operand in done:
                self._release(operand)
            self._cut_if_long()

    def _let_go(self, values: list[Tensor]) -> None:
        """Frees values now: the next op's result finds their memory while the cache holds it."""
        if values:
            names = ", ".join([f"v{self._register[value]}" for value in values])
            self._line(f"    del {names}", None)

    def _cut_if_long(self) -> None:
        last = self.cuts[-1][0] if self.cuts else 0
        if len(self.lines) - last > _LONGEST_FUNCTION:
            live = [f"v{number}" for number in sorted(self._register.values())]
            self.cuts.append((len(self.lines) - 1, live))

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

    def _text_beside_operator(self, operand: Operand) -> str:
        """The text of an operand; an array without axes becomes one of NumPy's scalars."""
        value = operand.value if type(operand) is Constant else None
        if type(value) is np.ndarray and value.ndim == 0 and value.dtype.kind != "O":
            return self._name("c", value[()])
        return self._text(operand)

    # Lines

    def _line(self, text: str, op: Operation | None) -> None:
        self.lines.append((text, op))

    def _write_step(self, step: Step) -> None:
        if step.writes_in_place():
            self._write_update_in_place(step)
            return
        op = step.op
        spec = op.spec
        arguments = ", ".join([self._text(operand) for operand in step.operands])
        if isinstance(spec.kernel, NamespaceFunction) and spec.kernel.function in _OPERATORS:
            left, right = [self._text_beside_operator(operand) for operand in step.operands]
            self._line(
                f"    {self._targets(step)}{left} {_OPERATORS[spec.kernel.function]} {right}", op
            )
            return
        kernel = spec.bound_kernel(op, np)
        name = self._module.new_name("k", kernel)
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
            self._borrowed.update(step.outputs)
        targets = self._targets(step)
        if any([arg.many for arg in spec.output_args]):
            call = f"flat({call})"
        self._line(f"    {targets}{call}", op)

    def _overwritten(self, step: Step, index: int) -> Tensor | None:
        """The operand whose array may hold the result: it has its shape, and is not needed again.

        That saves half of the memory that a large op goes through, and so much of its time.
        """
        if not isinstance(step.op.spec.kernel, NamespaceFunction):
            return None
        (output,) = step.outputs
        ufunc = getattr(np, step.op.spec.kernel.function)
        if (
            not isinstance(ufunc, np.ufunc)
            or output.dtype not in _FLOATS
            or not output._shape  # a result without axes is a number, which has no memory to reuse
            or not _may_be_large(output)
        ):
            return None
        for operand in step.operands:
            if (
                operand in self._own
                and self._last_use[operand] == index
                and operand.dtype is output.dtype
                and all([_stays_within(other, operand) for other in step.operands])
            ):
                return operand
        return None

    def _write_over(self, step: Step, operand: Tensor) -> None:
        texts = [self._text_beside_operator(each) for each in step.operands]
        kernel = step.op.spec.kernel
        assert isinstance(kernel, NamespaceFunction)
        call = f"np.{kernel.function}({', '.join(texts)}, out={self._text(operand)})"
        self._line(f"    {self._targets(step)}{call}", step.op)

    def _note_owners(self, item: Item) -> None:
        """Keeps `_own` true: ops other than plain arithmetic may hand arrays on, or keep them."""
        if isinstance(item, Cluster):
            self._own.difference_update(item.inputs)
            return
        spec = item.op.spec
        is_ufunc = isinstance(spec.kernel, NamespaceFunction) and not spec.view
        if is_ufunc or spec.name in _NEW_MEMORY:
            self._own.update(item.outputs)
        elif not spec.pure or spec.view or spec.identity:
            self._own.difference_update([o for o in item.flat_operands() if isinstance(o, Tensor)])

    def _targets(self, step: Step) -> str:
        """The assignment of a step's outputs to registers; unused ones are let go at once."""
        if not step.outputs:
            return ""
        texts = [self._new_register(output) for output in step.outputs]
        self._release_unused(step.outputs)
        return f"{', '.join(texts)}{'' if step.op.spec.single_output else ','} = "

    def _release_unused(self, outputs: Sequence[Tensor]) -> None:
        for output in outputs:
            if output not in self._last_use:
                self._release(output)

    def _write_regions(self, step: RegionStep) -> None:
        if not self._borrowed.isdisjoint([o for o in step.operands if isinstance(o, Tensor)]):
            self._borrowed.update(step.outputs)
        text = dict(
            zip(step.outer, [self._text(o) for o in step.operands[-len(step.outer) :]], strict=True)
        ) if step.outer else {}  # fmt: skip
        bodies = [self._module.add_body(plan) for plan in step.plans]
        if step.op.spec.loops:
            self._write_loop(step, bodies, text)
            return
        targets = [self._new_register(output) for output in step.outputs]
        left = f"{', '.join(targets)}, = " if targets else ""
        self._line(f"    if {self._text(step.operands[0])}:", step.op)
        for plan, body in zip(step.plans, bodies, strict=True):
            arguments = ", ".join([text[tensor] for tensor in plan.feeds])
            self._line(f"        {left}{body}({arguments})", step.op)
            if body is not bodies[-1]:
                self._line("    else:", None)
        self._release_unused(step.outputs)

    def _write_loop(self, step: RegionStep, bodies: list[str], text: dict[Tensor, str]) -> None:
        count = len(step.args[0])
        inits = [self._text(operand) for operand in step.operands[:count]]
        registers = [self._new_register(output) for output in step.outputs]
        variables, stacks = registers[:count], registers[count:]
        calls = []
        for plan, body, args in zip(step.plans, bodies, step.args, strict=True):
            own = {**text, **dict(zip(args, variables, strict=True))}
            calls.append(f"{body}({', '.join([own[tensor] for tensor in plan.feeds])})")
        for stack in stacks:
            self._line(f"    {stack} = []", None)
        for variable, init in zip(variables, inits, strict=True):
            self._line(f"    {variable} = {init}", step.op)
        saved = [f"{stack}_" for stack in stacks]
        self._line(f"    while {calls[0]}[0]:", step.op)
        self._line("        check()", step.op)
        targets = ", ".join([*variables, *saved])
        self._line(f"        {targets}{', = ' if targets else ''}{calls[1]}", step.op)
        for stack, value in zip(stacks, saved, strict=True):
            self._line(f"        {stack}.append({value})", step.op)
        self._release_unused(step.outputs)

    def _random_text(self, op: Operation, arguments: str) -> str:
        spec = op.spec
        assert spec.reserve is not None
        attrs = spec.attrs_for(spec.reserve, op)
        reserve = functools.partial(spec.reserve, **attrs) if attrs else spec.reserve
        name = self._module.new_name("n", reserve)
        return f"{self._name('r', self._state.random(op))}.take({name}({arguments}))"

    def _write_update(self, step: Step, call: str) -> None:
        """An op that assigns; it reads and writes in one `with lock` block: atomically."""
        op = step.op
        slots = [self._name("s", self._state.variable(variable)) for variable in step.writes]
        validate = op._attrs.get("validate_shape", True)
        if op.spec.unread and not self._borrowed.isdisjoint(step.flat_operands()):
            call = f"np.array({call})"  # the caller may go on writing into what was fed
        wanted = [output for output in step.outputs if output in self._last_use]
        self._line("    with lock:", op)
        if len(slots) == 1 and not has_plain_outputs(step):
            target = f"{self._new_register(step.outputs[0])} = " if wanted else ""
            store = f"{slots[0]}.write({call})" if validate else f"{slots[0]}.replace({call})"
            self._line(f"        {target}{store}", op)
            return
        self._line(f"        w = {call}", op)
        self._line(f"        write_all([{', '.join(slots)}], w[:{len(slots)}], {validate})", op)
        plain, written = itertools.count(len(slots)), itertools.count()
        for arg, output in zip(op.spec.output_args, step.outputs, strict=True):
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
        if any([output in self._last_use for output in step.outputs]):
            call = f"{self._targets(step)}{call}[0]"
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

    def write_results(self, leaving: int) -> None:
        """The end: all results, the first `leaving` of them as the caller's own."""
        texts = []
        for number, result in enumerate(self._plan.results):
            if result is None:
                texts.append("None")
                continue
            text = f"t{number}" if isinstance(result, Read) else self._text(result)
            if isinstance(result, Read):
                self._line(f"    {text} = {self._text(result)}", result.variable)
            texts.append(f"own({text})" if number < leaving else text)
        self._line(f"    return ({', '.join(texts)}{',' if texts else ''})", None)
