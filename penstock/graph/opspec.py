"""`OpSpec`: all there is to an op in one record, and the registry of them.

The texts of a spec use TensorFlow's grammar, so that NodeDefs need no table of their own: inputs
and outputs are "x: T", "x: float", "values: N * T", "values: Tlist" or "ref: Ref(T)"; attrs are
"T: {float, int32} = DT_INT32", "N: int >= 1", "padding: {'SAME', 'VALID'}", "shape: shape".

A kernel is `kernel(xp, *inputs, *, attrs…)`. It is pure, and names what it wants in its signature:
`xp` is the array namespace (numpy or jax.numpy), `rng` the random state of this run of the op,
`ctx` the run itself (the op runs on the host then), and the keyword-only parameters are the attrs
that it reads. Shape rules and gradients get attrs the same way.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from penstock.graph import dtypes, errors, shapes, static_value
from penstock.graph.argspec import ArgSpec, AttrSpec, attr_spec, parse_args
from penstock.graph.convert import convert_argument
from penstock.graph.graph import Graph, graph_of
from penstock.graph.operation import Operation, Tensor

Grads = list[Any]  # what a gradient returns: one for each input, None where nothing flows back


class NotDifferentiable:
    """What an op's record says where others have a gradient: nothing flows back through it."""

    def __repr__(self) -> str:
        return "NOT_DIFFERENTIABLE"


NOT_DIFFERENTIABLE = NotDifferentiable()


class NamespaceFunction:
    """A kernel that is one function of the array namespace, so that runners can call that directly.

    Args:
        function: its name in `numpy` and in `jax.numpy`.
    """

    def __init__(self, function: str) -> None:
        self.function = function

    def __call__(self, xp: Any, *arrays: Any) -> Any:
        return getattr(xp, self.function)(*arrays)

    def __repr__(self) -> str:
        return f"NamespaceFunction({self.function!r})"


@dataclass(frozen=True, eq=False)
class OpSpec:
    """The record of an op.

    Attributes:
        name: TensorFlow's name of the op, such as "Cumsum".
        inputs, outputs, attrs: their specs, in TensorFlow's grammar and order.
        shape: shape rule. Gets for each input its `Shape` (for one in `static_inputs` its value as
            a NumPy array, or None where that is not known; for one in `shape_inputs` its value as a
            `Shape`; for a resource the Shape of the variable it refers to); a list input gives a
            list. Returns the output's Shape, or a list with one for
            each where there are several or none. Raises ValueError.
        kernel: computes the outputs: one array, or a sequence where there are several.
        gradient: `gradient(op, *grads, attrs…)` gives a gradient or None for each input, flat;
            or NOT_DIFFERENTIABLE.
        static_inputs: inputs whose value decides a shape, an axis or a loop; kernels get them as
            NumPy arrays always.
        traceable: `traceable(op)` names those of them that the XLA kernel can do without the value
            of, where the attrs allow it.
        shape_inputs: those of them that are shapes, for which partial knowledge is of use.
        writes: inputs that are variables (refs or resources) which the op assigns. The kernel
            returns their new values first, in this order, then the outputs that are no refs.
        unread: inputs that are variables whose value the kernel does not want.
        xla_kernel: the kernel for jax.numpy where the two must differ; with
            `kernel=None` it serves both.
        in_place: for an op that changes small parts of variables: `in_place(*inputs, attrs…)`
            does to the NumPy arrays of the inputs in `writes`, which are its own to change and
            stand first, what `kernel` gives as new ones. It checks its inputs before it writes.
        in_place_from: the least number of elements of the variable for which that is done; where
            it is above zero, an op that changes all of a small variable makes a new array.
        reserve: for random ops, `reserve(*inputs, attrs…)` counts the 128-bit Philox
            steps that one run takes.
        stateful: it has an effect or a result of its own at each run: never folded,
            merged or reordered.
        host: it runs on the host only.
        host_types: the types of its output for which it does so too, such as those of random
            numbers whose last bits XLA's functions would change.
        view: its output may share memory with an input.
        identity: each output is the input of the same place, unchanged: plans leave the op out.
        regions: names of the attrs that hold its branches or bodies, which it runs in the place of
            a kernel (graph/region.py).
        loops: it runs the first of its regions to decide whether to run the second once more.
        variable: its output stands for a variable of the session, which it names.
        partial_value: `partial_value(op)`: what is known of the output's value as a tuple with
            None for unknown items; a list of such where the op has several outputs.
        refine: `refine(op)` adds to the static shapes what only the inputs themselves show, such as
            the shape of a static input whose value is not known.
    """

    name: str
    inputs: Sequence[str]
    outputs: Sequence[str]
    shape: Callable[..., Any]
    kernel: Callable[..., Any] | None
    gradient: Any
    attrs: Sequence[str] = ()
    static_inputs: Sequence[str] = ()
    traceable: Callable[[Operation], Sequence[str]] | None = None
    shape_inputs: Sequence[str] = ()
    writes: Sequence[str] = ()
    unread: Sequence[str] = ()
    xla_kernel: Callable[..., Any] | None = None
    in_place: Callable[..., None] | None = None
    in_place_from: int = 0
    reserve: Callable[..., int] | None = None
    stateful: bool = False
    host: bool = False
    host_types: Sequence[str] = ()
    view: bool = False
    identity: bool = False
    regions: Sequence[str] = ()
    loops: bool = False
    variable: bool = False
    partial_value: Callable[[Operation], Any] | None = None
    refine: Callable[[Operation], None] | None = None

    input_args: list[ArgSpec] = field(init=False, repr=False)
    output_args: list[ArgSpec] = field(init=False, repr=False)
    attr_specs: dict[str, AttrSpec] = field(init=False, repr=False)
    wants_ctx: bool = field(init=False, repr=False)
    wants_rng: bool = field(init=False, repr=False)
    pure: bool = field(init=False, repr=False)
    blocking: bool = field(init=False, repr=False)  # the kernel is a generator: it may wait
    kernel_attrs: tuple[str, ...] = field(init=False, repr=False)
    # The kernel takes the inputs one by one, and all of them.
    plain: bool = field(init=False, repr=False)
    # The op has exactly one output, which is no list.
    single_output: bool = field(init=False, repr=False)
    _arg_names: list[str] = field(init=False, repr=False)
    _explicit_attrs: list[AttrSpec] = field(init=False, repr=False)
    _shape_attrs: tuple[str, ...] = field(init=False, repr=False)
    _simple: bool = field(init=False, repr=False)  # no input is a list
    _takes_shapes: bool = field(init=False, repr=False)  # the shape rule takes nothing but shapes
    _ref_places: list[int] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        put = functools.partial(object.__setattr__, self)
        attr_specs = {spec.name: spec for spec in map(attr_spec, self.attrs)}
        put("attr_specs", attr_specs)
        put("input_args", parse_args(self.inputs, attr_specs))
        put("output_args", parse_args(self.outputs, attr_specs))
        put("_arg_names", [arg.name for arg in self.input_args])
        put("_explicit_attrs", [a for a in attr_specs.values() if not self._inferred(a.name)])
        put("_shape_attrs", attr_parameters(self.shape))
        put("_simple", not any([arg.many for arg in self.input_args]))
        put("_ref_places", [i for i, arg in enumerate(self.input_args) if arg.is_ref])
        static = set(self.static_inputs) | set(self.shape_inputs)
        resources = [arg for arg in self.input_args if arg.dtype is dtypes.resource]
        put("_takes_shapes", self._simple and not static and not resources)
        put("single_output", len(self.output_args) == 1 and not self.output_args[0].many)
        unknown = (static | set(self.writes) | set(self.unread)) - set(self._arg_names)
        if unknown:
            raise ValueError(f"op {self.name} has no inputs {sorted(unknown)}")
        kernel = self.kernel or self.xla_kernel or (_no_kernel if self.regions else None)
        if kernel is None:
            raise ValueError(f"op {self.name} has no kernel")
        parameters = _parameters(kernel)
        put("wants_ctx", "ctx" in parameters)
        put("wants_rng", "rng" in parameters)
        if self.wants_rng != (self.reserve is not None):
            raise ValueError(
                f"op {self.name}: a kernel with `rng` and a `reserve` rule go together"
            )
        if self.in_place is not None and self._arg_names[: len(self.writes)] != list(self.writes):
            raise ValueError(f"op {self.name}: what is written in place must stand first")
        effect = self.stateful or self.wants_ctx or self.wants_rng or self.writes
        put("pure", not effect and not self.variable and not self.regions)
        put("blocking", inspect.isgeneratorfunction(kernel))
        put("kernel_attrs", attr_parameters(kernel))
        put("plain", self._simple and not self.writes and not self.unread)

    def _inferred(self, attr: str) -> bool:
        return any([attr in (arg.type_attr, arg.number_attr) for arg in self.input_args])

    def attr_kind(self, name: str) -> str:
        """The kind of an attr: "int", "type", "list(shape)", …; of one outside the spec, "any"."""
        spec = self.attr_specs.get(name)
        return spec.kind if spec else "any"

    def __call__(self, *values: Any, name: str | None = None, **attrs: Any) -> Any:
        """Adds an op of this kind to the graph that its inputs belong to.

        Args:
            values: its inputs, one for each arg: tensors or what converts to them; a
                list for a list arg.
            name: the wanted name.
            attrs: the attrs that its inputs do not decide.

        Returns:
            The output tensor, a list of them where there are several, or the Operation
            where there is none.

        Raises:
            TypeError: an input or attr has a type that the op does not take.
            ValueError: shapes do not fit.
        """
        if len(values) != len(self.input_args):
            raise TypeError(
                f"op {self.name} takes {len(self.input_args)} inputs "
                f"{self._arg_names}, got {len(values)}"
            )
        graph = _graph_of_fast(values)
        wanted = self.name if name is None else name
        if wanted[-1:] == "/":
            full = wanted[:-1]
        else:
            graph.check_name(wanted, "node")
            full = graph._unused_name(wanted)
        scopes = graph._scopes
        outer = scopes.name
        scopes.name = full  # for the constants that inputs are made
        try:
            inputs, groups, plain = self._convert_inputs(values, graph)
        finally:
            scopes.name = outer
        self._complete_attrs(plain, attrs)
        add = self._add_beside_variables if self._ref_places else self._add
        op = add(graph, inputs, groups, plain, full + "/")
        return op.outputs[0] if self.single_output else self.result_of(op)

    def on_host(self, op: Operation) -> bool:
        """Whether an op of this kind runs on the host only."""
        if self.host or self.wants_ctx:
            return True
        return bool(self.host_types) and op.outputs[0].dtype.name in self.host_types

    def result_of(self, op: Operation) -> Any:
        """What the call that makes `op` returns: a tensor, a list (of lists too), or the op."""
        if self.single_output:
            return op.outputs[0]
        args = self.output_args
        if not op.outputs and (self.stateful or not args):
            return op
        results: list[Any] = []
        position = 0
        for arg in args:
            if arg.many:
                count = arg.count(op._attrs)
                results.append(op.outputs[position : position + count])
                position += count
            else:
                results.append(op.outputs[position])
                position += 1
        return results[0] if len(results) == 1 else results

    def build_flat(
        self, graph: Graph, inputs: list[Tensor], attrs: dict[str, Any], name: str
    ) -> Operation:
        """Adds an op from a flat list of tensors and all of its attrs, as graph files hold them.

        Raises:
            TypeError, ValueError: the inputs do not fit the spec.
        """
        groups: list[Any] = []
        position = 0
        for arg in self.input_args:
            if arg.many:
                count = arg.count_in(attrs, len(inputs) - position)
                minimum = self.attr_specs[arg.number_attr or arg.type_attr].minimum
                if minimum is not None and count < minimum:
                    raise ValueError(
                        f"op {self.name} takes {minimum} or more tensors as {arg.name!r}, got "
                        f"{count}"
                    )
                groups.append(inputs[position : position + count])
                position += count
            else:
                if position >= len(inputs):
                    raise ValueError(
                        f"op {self.name} needs input {arg.name!r}: only {len(inputs)} are given"
                    )
                groups.append(inputs[position])
                position += 1
        if position != len(inputs):
            raise ValueError(f"op {self.name} takes {position} inputs, got {len(inputs)}")
        plain: dict[str, Any] = {}
        for arg, group in zip(self.input_args, groups, strict=True):
            arg.infer(self.name, group, plain)
        self._check_inferred(plain, attrs, inputs, name)
        self._complete_attrs(plain, attrs)
        return self._add(graph, inputs, groups, plain, name)

    def shapes_of(self, op: Operation) -> list[shapes.Shape]:
        """The static shapes of an op's outputs, by what is known of its inputs now.

        Raises:
            ValueError: these do not fit.
        """
        groups: list[Any] = []
        position = 0
        for arg in self.input_args:
            count = arg.count(op._attrs)
            group = op._inputs[position : position + count]
            groups.append(group if arg.many else group[0])
            position += count
        rule_attrs = {key: op._attrs[key] for key in self._shape_attrs}
        found = self.shape(*self._shape_views(groups), **rule_attrs)
        return [found] if self.single_output else list(found)

    def _check_inferred(
        self, inferred: dict[str, Any], given: dict[str, Any], inputs: list[Tensor], name: str
    ) -> None:
        """Raises ValueError where an input has another type than the attrs say."""
        for key, found in inferred.items():
            expected = given.get(key, found)
            if expected != found:
                sources = ", ".join([tensor.name for tensor in inputs])
                raise ValueError(
                    f"Input of node {name} was passed {key} = {found} from {sources} incompatible "
                    f"with expected {expected}."
                )

    def _convert_inputs(
        self, values: Sequence[Any], graph: Graph
    ) -> tuple[list[Tensor], list[Any], dict[str, Any]]:
        attrs: dict[str, Any] = {}
        groups: list[Any] = []
        # Their lengths were compared, and `strict` would take time on this hot path.
        for arg, value in zip(self.input_args, values):  # noqa: B905
            if type(value) is not Tensor or arg.is_ref or arg.many:
                value = convert_argument(self.name, arg, value, attrs, graph)
            arg.infer(self.name, value, attrs)
            groups.append(value)
        if self._simple:
            return groups, groups, attrs
        flat: list[Tensor] = []
        for group in groups:
            if isinstance(group, list):
                flat.extend(group)
            else:
                flat.append(group)
        return flat, groups, attrs

    def _complete_attrs(self, plain: dict[str, Any], given: dict[str, Any]) -> None:
        for spec in self._explicit_attrs:
            value = given.get(spec.name)
            if value is None:
                if spec.name not in given and not spec.has_default:
                    raise TypeError(f"op {self.name} needs the attr {spec.name!r}")
                if spec.has_default:
                    plain[spec.name] = spec.default
                    continue
            plain[spec.name] = spec.coerce(self.name, value)
        for key, value in given.items():
            if key not in self.attr_specs:
                if not key.startswith("_"):
                    raise TypeError(
                        f"op {self.name} has no attr {key!r}; it has {list(self.attr_specs)}"
                    )
                plain[key] = value
            elif key not in plain:
                plain[key] = self.attr_specs[key].coerce(self.name, value)

    def _add(
        self,
        graph: Graph,
        inputs: list[Tensor],
        groups: list[Any],
        attrs: dict[str, Any],
        name: str,
    ) -> Operation:
        rule_attrs = {key: attrs[key] for key in self._shape_attrs}
        try:
            found = self.shape(*self._shape_views(groups), **rule_attrs)
        except ValueError as error:
            graph._skip_ids(1)  # TensorFlow numbers the op before it looks at the shapes
            raise self._shape_error(error, inputs, name) from None
        if self.single_output:
            found_by_type = [(self.output_args[0].dtype_in(attrs), found)]
        else:
            types = [dtype for arg in self.output_args for dtype in arg.dtypes_in(attrs)]
            found_by_type = list(zip(types, found, strict=True))
        op = graph.add_operation(self, name, inputs, attrs, found_by_type)
        if self.refine is not None:
            self.refine(op)
        return op

    def _add_beside_variables(
        self,
        graph: Graph,
        inputs: list[Tensor],
        groups: list[Any],
        attrs: dict[str, Any],
        name: str,
    ) -> Operation:
        """`_add`, on the device of the variables that the op refers to."""
        with contextlib.ExitStack() as colocations:
            for place in self._ref_places:
                colocations.enter_context(graph.colocate_with(groups[place].op))
            return self._add(graph, inputs, groups, attrs, name)

    def _shape_views(self, groups: list[Any]) -> list[Any]:
        """What the shape rule sees of each input."""
        if self._takes_shapes:
            return [tensor._shape for tensor in groups]
        return list(map(self._shape_view, self.input_args, groups))

    def _shape_view(self, arg: ArgSpec, group: Any) -> Any:
        if arg.name in self.static_inputs:
            if isinstance(group, list):
                return [static_value.constant_value(tensor) for tensor in group]
            return static_value.constant_value(group)
        if arg.name in self.shape_inputs:
            shapes.with_rank(group._shape, 1)
            return static_value.constant_value_as_shape(group)
        if isinstance(group, list):
            return [tensor._shape for tensor in group]
        return shape_of_resource(group) if arg.dtype is dtypes.resource else group._shape

    def _shape_error(self, error: ValueError, inputs: list[Tensor], name: str) -> ValueError:
        known = [tensor._shape for tensor in inputs]
        seen = ", ".join(["?" if shape is None else shapes.bracket_text(shape) for shape in known])
        return ValueError(
            f"{error} for '{name.rstrip('/')}' (op: '{self.name}') with input shapes: {seen}."
        )

    # What runners ask

    def attrs_for(self, function: Any, op: Operation) -> dict[str, Any]:
        """The attrs of `op` that a rule of this record names among its keyword-only parameters."""
        attrs = op._attrs
        return {key: attrs[key] for key in attr_parameters(function)}

    def bound_kernel(self, op: Operation, xp: Any) -> Callable[..., Any]:
        """The kernel of `op` with namespace and attrs filled in: it takes (ctx, rng,) inputs."""
        kernel = self._bound_kernel(op, xp)
        if any([output.dtype.base_dtype is dtypes.string for output in op.outputs]):
            return functools.partial(_with_arrays_of_strings, kernel)
        return kernel

    def _bound_kernel(self, op: Operation, xp: Any) -> Callable[..., Any]:
        kernel = self.kernel
        if kernel is None or (self.xla_kernel is not None and xp is not np):
            kernel = self.xla_kernel
        assert kernel is not None
        if isinstance(kernel, NamespaceFunction):
            return getattr(xp, kernel.function)
        names = self.kernel_attrs if kernel is self.kernel else attr_parameters(kernel)
        attrs = {key: op._attrs[key] for key in names}
        if "xp" in _parameters(kernel):
            return functools.partial(kernel, xp, **attrs)
        return functools.partial(kernel, **attrs) if attrs else kernel

    def bound_in_place(self, op: Operation) -> Callable[..., None]:
        """`in_place` of `op` with attrs filled in: it takes the inputs."""
        assert self.in_place is not None
        return functools.partial(self.in_place, **self.attrs_for(self.in_place, op))


def shape_of_resource(handle: Tensor) -> shapes.Shape:
    """The shape of the variable that a handle refers to, as far as its own op says."""
    return shapes.as_tuple(handle.op._attrs["shape"]) if handle.op.spec.variable else None


def _with_arrays_of_strings(kernel: Callable[..., Any], *operands: Any) -> Any:
    """Calls a kernel; a string that it took out of an array is an array without axes again.

    NumPy's numbers have a shape and a type, as its arrays have; the elements of its arrays of
    strings are Python's bytes.
    """
    result = kernel(*operands)
    if isinstance(result, (list, tuple)):
        return [_as_array(item) for item in result]
    return _as_array(result)


def _as_array(value: Any) -> Any:
    """A string as an array without axes; any other value as it is."""
    return np.array(value, object) if type(value) is bytes else value


def _no_kernel() -> None:
    """Stands for the kernel of an op that runs its regions."""


def _parameters(function: Callable[..., Any]) -> tuple[str, ...]:
    """The names of all parameters."""
    code = getattr(function, "__code__", None)  # inspect.signature doubles the time of the import
    if code is None:
        return tuple(inspect.signature(function).parameters)
    return code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]


@functools.cache
def attr_parameters(function: Callable[..., Any]) -> tuple[str, ...]:
    """The names of a rule's keyword-only parameters: the attrs it reads."""
    code = getattr(function, "__code__", None)
    if code is None:
        parameters = inspect.signature(function).parameters.values()
        return tuple([p.name for p in parameters if p.kind is p.KEYWORD_ONLY])
    return code.co_varnames[code.co_argcount : code.co_argcount + code.co_kwonlyargcount]


def _graph_of_fast(values: Sequence[Any]) -> Graph:
    """`graph_of`, with a quick way for the usual case: plain tensors of one graph."""
    graph = None
    for value in values:
        if type(value) is not Tensor or (graph is not None and value.graph is not graph):
            return graph_of(list(values))
        graph = value.graph
    return graph if graph is not None else graph_of([])


# The registry

_registry: dict[str, OpSpec] = {}
_registered_at: dict[str, str] = {}


def register(spec: OpSpec) -> OpSpec:
    """Adds an op to the registry.

    Raises:
        ValueError: there is an op of that name; the message says where it was registered.
    """
    if spec.name in _registry:
        raise ValueError(f"op {spec.name} is registered already, at {_registered_at[spec.name]}")
    frame = sys._getframe(1)
    _registered_at[spec.name] = f"{frame.f_code.co_filename}:{frame.f_lineno}"
    _registry[spec.name] = spec
    return spec


def lookup(name: str) -> OpSpec:
    """The record of the op of that name.

    Raises:
        NotFoundError: there is none.
    """
    spec = _registry.get(name)
    if spec is None:
        raise errors.NotFoundError(None, None, f"Op type not registered '{name}' in penstock")
    return spec


def registered() -> dict[str, OpSpec]:
    """All records by name."""
    return dict(_registry)


class _Raw:
    """`raw.Reshape(tensor, shape)`: ops by TensorFlow's op name, looked up when used."""

    def __getattr__(self, name: str) -> OpSpec:
        spec = lookup(name)
        setattr(self, name, spec)  # ops are never taken away: the next use finds it here
        return spec


raw: Any = _Raw()
