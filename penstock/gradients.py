"""`tf.gradients`: the one backward walk, which adds to a graph the ops that compute derivatives."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager, nullcontext
from enum import Enum
from typing import Any

from penstock.graph import dtypes
from penstock.graph.convert import internal_convert
from penstock.graph.export import api, export
from penstock.graph.graph import Graph, graph_of
from penstock.graph.operation import Operation, Tensor
from penstock.graph.opspec import NotDifferentiable, attr_parameters, raw, registered
from penstock.graph.protos import as_bytes
from penstock.graph.public import name_scope
from penstock.graph.region import Region
from penstock.graph.scopes import StackSetting
from penstock.ops.cond import zeros_for
from penstock.ops.indexed_slices import IndexedSlices, sum_of_slices
from penstock.ops.stacks import is_stack

Grad = Any  # Tensor | IndexedSlices | None
GradientFunction = Callable[..., Any]

_TRAINABLE = (
    dtypes.float16, dtypes.float32, dtypes.float64, dtypes.bfloat16,
    dtypes.complex64, dtypes.complex128, dtypes.resource, dtypes.variant,
)  # fmt: skip

_registered_gradients: dict[str, GradientFunction] = {}


@export("AggregationMethod")
class AggregationMethod:
    """How the gradients that reach one tensor on several ways are summed.

    ADD_N, the default, sums them in one op; the experimental ones sum pair by
    pair, or as they come.

    Example:
        >>> method = tf.AggregationMethod.EXPERIMENTAL_TREE
        >>> tf.gradients(loss, x, aggregation_method=method)
    """

    ADD_N = 0
    DEFAULT = ADD_N
    EXPERIMENTAL_TREE = 1
    EXPERIMENTAL_ACCUMULATE_N = 2


@export("UnconnectedGradients")
class UnconnectedGradients(Enum):
    """What `tf.gradients` gives for a tensor that the result does not depend on: None, or zeros.

    Example:
        >>> tf.gradients(y, x, unconnected_gradients=tf.UnconnectedGradients.ZERO)
    """

    NONE = "none"
    ZERO = "zero"


@export("RegisterGradient")
class RegisterGradient:
    """A decorator that registers a gradient under a name, for `Graph.gradient_override_map`.

    Args:
        op_type: the name.

    Raises:
        KeyError: the name is taken.

    Example:
        >>> @tf.RegisterGradient("Clipped")
        ... def clipped(op, grad):
        ...     return tf.clip_by_value(grad, -1, 1)
    """

    def __init__(self, op_type: str) -> None:
        if not isinstance(op_type, str):
            raise TypeError("op_type must be a string")
        self._op_type = op_type

    def __call__(self, function: GradientFunction) -> GradientFunction:
        if self._op_type in _registered_gradients or _own_gradient(self._op_type) is not None:
            raise KeyError(f"Registering two gradient with name '{self._op_type}'!")
        _registered_gradients[self._op_type] = function
        return function


@export("NoGradient", "NotDifferentiable", "no_gradient")
def no_gradient(op_type: str) -> None:
    """Says that ops registered under a name pass no gradient on.

    Args:
        op_type: the name.

    Example:
        >>> tf.no_gradient("Quantize")
    """
    RegisterGradient(op_type)(lambda op, *grads: [None] * len(op.inputs))


def gradient_function(op: Operation) -> GradientFunction | None:
    """The function `f(op, *grads)` that differentiates an op; None where nothing flows back.

    Raises:
        LookupError: the op has none.
        ValueError: it has that of another op, which reads an attr that it has not.
    """
    override = op._attrs.get("_gradient_op_type")
    name = op.type if override is None else as_bytes(override).decode()
    if name in _registered_gradients:
        return _registered_gradients[name]
    gradient = op.spec.gradient if override is None else _own_gradient(name)
    if isinstance(gradient, NotDifferentiable):
        return None
    if gradient is None:
        reason = "" if override is None else f": it asks for {name!r}, which is not registered"
        raise LookupError(
            f"No gradient defined for operation {op.name!r} (op type: {op.type}){reason}"
        )
    named: dict[str, Any] = {}
    for attr in attr_parameters(gradient):
        if attr == "backpropagate":
            named[attr] = backpropagate
        elif attr in op._attrs:
            named[attr] = op._attrs[attr]
        else:  # the gradient is that of another op
            raise ValueError(f"Operation {op.name!r} has no attr named {attr!r}.")
    return lambda op, *grads: gradient(op, *grads, **named)


def _own_gradient(op_type: str) -> Any:
    """What the record of an op says of its gradient; None where there is no such op or gradient."""
    spec = registered().get(op_type)
    return None if spec is None else spec.gradient


def backpropagate(
    region: Region, ys: list[Tensor], xs: list[Tensor], grads: list[Grad]
) -> list[Grad]:
    """What flows back through the ops of a region; the gradients of ops with regions ask for it.

    Args:
        region: the region.
        ys: tensors of the region, or such as it takes.
        xs: tensors of the region, or such as it takes: the walk ends there.
        grads: a gradient for each of `ys`.

    Returns:
        For each of `xs` a Tensor, IndexedSlices or None. They belong to the region that is open.
    """
    walk = _BackwardWalk(
        region.graph, ys, xs, xs, False, False, AggregationMethod.DEFAULT, (region,)
    )
    walk.start(grads)
    walk.run()
    return [walk.result(x, UnconnectedGradients.NONE) for x in xs]


@export("gradients", "compat.v1.gradients")
def gradients(
    ys: Any,
    xs: Any,
    grad_ys: Any = None,
    name: str = "gradients",
    colocate_gradients_with_ops: bool = False,
    gate_gradients: bool = False,
    aggregation_method: int | None = None,
    stop_gradients: Any = None,
    unconnected_gradients: UnconnectedGradients = UnconnectedGradients.NONE,
) -> list[Any]:
    """Symbolic derivatives of the sum of `ys` with respect to each of `xs`.

    Args:
        ys: a tensor or a list of them.
        xs: a tensor or variable, or a list of them.
        grad_ys: the gradients to start from, one for each of `ys`; ones where None.
        name: the name scope of the ops that are made.
        colocate_gradients_with_ops: put each gradient op on the device of the op it belongs to.
        gate_gradients: give out the gradients of an op's inputs only when all of them are computed.
        aggregation_method: one of `tf.AggregationMethod`.
        stop_gradients: tensors that count as constants.
        unconnected_gradients: None or zeros where `ys` do not depend on an x.

    Returns:
        A list with, for each of `xs`, a Tensor, IndexedSlices or None.

    Raises:
        LookupError: an op on the way has no gradient.
        ValueError: an argument, or a gradient that a function gave, does not fit.

    Example:
        >>> dw, db = tf.gradients(loss, [w, b])
    """
    unconnected = _unconnected(unconnected_gradients)
    ys, xs = _as_list(ys), _as_list(xs)
    stops = _as_list(stop_gradients) if stop_gradients is not None else []
    starts = [None] * len(ys) if grad_ys is None else _as_list(grad_ys)
    graph = graph_of([*ys, *xs, *stops, *starts])
    named = [*ys, *xs, *stops, *[start for start in starts if start is not None]]
    with (
        graph.as_default(),
        name_scope(name, "gradients", named) as scope,
        StackSetting(graph, "gradient_walk", scope[:-1]),
    ):
        if len(starts) != len(ys):
            raise ValueError(f"Passed {len(starts)} grad_ys for {len(ys)} ys")
        y_tensors = [_tensor(y, "y") for y in ys]
        x_tensors = [_tensor(getattr(x, "handle", x), "x", as_ref=True) for x in xs]
        stop_tensors = [_tensor(s, "stop", as_ref=True) for s in stops]
        walk = _BackwardWalk(
            graph, y_tensors, x_tensors, stop_tensors, colocate_gradients_with_ops, gate_gradients,
            _aggregation(aggregation_method), _regions_around(graph._scopes.region),
        )  # fmt: skip
        walk.start(_starting_gradients(starts, y_tensors, walk.colocation))
        walk.run()
    with graph.as_default():
        return [walk.result(x, unconnected) for x in x_tensors]


def _unconnected(value: Any) -> UnconnectedGradients:
    try:
        return UnconnectedGradients(value)
    except ValueError:
        raise ValueError(f"Unknown value for unconnected_gradients: {value!r}") from None


def _aggregation(method: int | None) -> int:
    if method is None:
        return AggregationMethod.DEFAULT
    if method not in (
        AggregationMethod.ADD_N,
        AggregationMethod.EXPERIMENTAL_TREE,
        AggregationMethod.EXPERIMENTAL_ACCUMULATE_N,
    ):
        raise ValueError(f"Invalid aggregation_method specified {method}.")
    return method


def _as_list(values: Any) -> list[Any]:
    return list(values) if isinstance(values, (list, tuple)) else [values]


def _tensor(value: Any, name: str, as_ref: bool = False) -> Tensor:
    """The tensor that stands for `value` in the walk; of IndexedSlices, its values."""
    if isinstance(value, IndexedSlices):
        return value.values
    return internal_convert(value, name=name, as_ref=as_ref)


def _starting_gradients(starts: Sequence[Any], ys: list[Tensor], colocation: Any) -> list[Grad]:
    """What flows back from each y: ones where the caller gives nothing.

    Raises:
        TypeError: a y is of a type that has no derivatives, or a given gradient of
            another type than its y.
    """
    found = []
    for index, (start, y) in enumerate(zip(starts, ys, strict=True)):
        if start is None:
            if not (y.dtype.is_floating or y.dtype.is_integer):
                dtype = y.dtype.base_dtype.name
                raise TypeError(
                    f"Gradients of complex tensors must set grad_ys (y.dtype = {dtype})"
                    if y.dtype.is_complex
                    else f"Tensor {y.name} with type {dtype} must be numeric to obtain a "
                    "default gradient"
                )
            with colocation(y.op):
                found.append(
                    api.fill(
                        api.shape(y), api.constant(1, y.dtype.base_dtype, name=f"grad_ys_{index}")
                    )
                )
            continue
        if isinstance(start, IndexedSlices):
            found.append(start)
            continue
        tensor = internal_convert(start, name=f"grad_ys_{index}")
        if tensor.dtype.base_dtype != y.dtype.base_dtype and (
            y.dtype.is_floating or y.dtype.is_complex
        ):
            raise TypeError(
                f"Gradient type {tensor.dtype.base_dtype.name} generated for real or "
                f"complex-valued tensor {y.name} with type {y.dtype.base_dtype.name} must be "
                f"{y.dtype.base_dtype.name}"
            )
        with colocation(y.op):
            found.append(api.identity(tensor, name=f"grad_ys_{index}"))
    return found


def _is_trainable(tensor: Tensor) -> bool:
    return tensor.dtype.base_dtype in _TRAINABLE


class _BackwardWalk:
    """Goes from `ys` to `xs`: an op's turn comes when its outputs have all their gradients."""

    def __init__(
        self,
        graph: Graph,
        ys: list[Tensor],
        xs: list[Tensor],
        stops: list[Tensor],
        colocate: bool,
        gate: bool,
        aggregation: int,
        regions: Collection[Region | None],
    ) -> None:
        self._graph = graph
        self._ys = ys
        self._xs = xs
        self._colocate = colocate
        self._gate = gate
        self._aggregation = aggregation
        self._grads: dict[Tensor, list[Any]] = {}  # what has reached a tensor so far
        self._summed: dict[Tensor, Grad] = {}
        self._pending, self._reached = _pending_counts(
            [y.op for y in ys], [x.op for x in xs], regions
        )
        self._stop_ops = {s.op for s in stops} | {
            x.op for x in xs if not any([self._pending.get(t.op, 0) > 0 for t in x.op._inputs])
        }

    def colocation(self, op: Operation) -> AbstractContextManager[Any]:
        """The scope that puts gradient ops with the op they belong to, where that is asked for."""
        return self._graph.colocate_with(op) if self._colocate else nullcontext()

    def start(self, grads: list[Grad]) -> None:
        """Gives each y its gradient."""
        for y, grad in zip(self._ys, grads, strict=True):
            self._grads.setdefault(y, []).append(grad)

    def run(self) -> None:
        """Differentiates all ops between `ys` and `xs`."""
        queue: deque[Operation] = deque()
        for op in dict.fromkeys([y.op for y in self._ys]):
            if self._pending.get(op, 0) == 0 and op in self._reached:
                queue.append(op)
        while queue:
            op = queue.popleft()
            with self.colocation(op):
                self._differentiate(op)
            for tensor in op._inputs:
                before = tensor.op
                if before not in self._pending:
                    continue
                self._pending[before] -= 1
                if self._pending[before] == 0:
                    queue.append(before)

    def result(self, x: Tensor, unconnected: UnconnectedGradients) -> Grad:
        """What reached `x`."""
        found = self._summed.get(x)
        if found is None and unconnected is UnconnectedGradients.ZERO:
            return zeros_for(x)
        return found

    def _differentiate(self, op: Operation) -> None:
        out_grads = [self._sum(output) for output in op.outputs]
        if op in self._stop_ops or all([grad is None for grad in out_grads]):
            return
        function = gradient_function(op)
        if function is None:
            return
        for index, output in enumerate(op.outputs):
            if (
                out_grads[index] is None
                and _is_trainable(output)
                and output.dtype.base_dtype not in (dtypes.resource, dtypes.variant)
                and not op.regions  # which look at what reaches their own results
            ):
                out_grads[index] = api.zeros_like(output, optimize=False)
        with name_scope(op.name + "_grad"):
            found = function(op, *out_grads)
            in_grads = list(found) if isinstance(found, (list, tuple)) else [found]
            _check_gradients(op, in_grads)
            if self._gate and sum([grad is not None for grad in in_grads]) > 1:
                with (
                    self._graph.device(None),
                    self._graph.colocate_with(None, ignore_existing=True),
                ):
                    in_grads = api.tuple(in_grads)
        for tensor, grad in zip(op._inputs, in_grads, strict=True):
            if grad is None:
                continue
            if isinstance(grad, Tensor) and tensor.dtype.base_dtype not in (
                dtypes.resource,
                dtypes.variant,
            ):
                _set_gradient_shape(op, tensor, grad)
            self._grads.setdefault(tensor, []).append(grad)

    def _sum(self, tensor: Tensor) -> Grad:
        """The sum of the gradients that reached a tensor."""
        terms = self._grads.get(tensor)
        if not terms:
            return None
        if len(terms) == 1:
            total = terms[0]
        elif is_stack(tensor):
            total = raw._StackSum(terms)
        elif all([isinstance(term, Tensor) for term in terms]):
            total = self._sum_tensors(tensor, terms)
        elif any([isinstance(term, Tensor) for term in terms]):
            total = api.add_n(terms)
        else:
            total = sum_of_slices(terms)
        self._summed[tensor] = total
        return total

    def _sum_tensors(self, tensor: Tensor, terms: list[Tensor]) -> Tensor:
        if self._aggregation == AggregationMethod.EXPERIMENTAL_ACCUMULATE_N and len(terms) > 2:
            return api.accumulate_n(terms)
        if self._aggregation in (
            AggregationMethod.EXPERIMENTAL_TREE,
            AggregationMethod.EXPERIMENTAL_ACCUMULATE_N,
        ):
            with name_scope(tensor.op.name + "_gradient_sum"):
                total = terms[0]
                for term in terms[1:]:
                    total = api.add_n([total, term])
            return total
        by_device: dict[str, list[Tensor]] = {}
        for term in terms:
            by_device.setdefault(term.device, []).append(term)
        sums = []
        for _, members in sorted(by_device.items()):
            with self._graph.colocate_with(members[0].op, ignore_existing=True):
                sums.append(api.add_n(members))
        return api.add_n(sums)


def _regions_around(region: Region | None) -> list[Region | None]:
    return [None] if region is None else [*region.around(), None]


def _pending_counts(
    to_ops: list[Operation], from_ops: list[Operation], regions: Collection[Region | None]
) -> tuple[dict[Operation, int], set[Operation]]:
    """For each op between the two sets, how many of its consumers there are not differentiated.

    The way leads through ops of `regions` only.

    Returns:
        The counts, and the ops that are between them or in `to_ops` and depend on `from_ops`.
    """
    reached: set[Operation] = set()
    queue = deque(from_ops)
    while queue:
        op = queue.popleft()
        if op in reached:
            continue
        reached.add(op)
        for output in op.outputs:
            if _is_trainable(output):
                queue.extend([c for c in output._consumers if c.region in regions])
    between: dict[Operation, None] = {}
    queue = deque(to_ops)
    while queue:
        op = queue.popleft()
        if op in between or op not in reached:
            continue
        between[op] = None
        if op.region in regions:
            queue.extend([tensor.op for tensor in op._inputs])
    counts = dict.fromkeys(between, 0)
    for op in between:
        for tensor in op._inputs:
            if tensor.op in counts:
                counts[tensor.op] += 1
    return counts, set(between)


def _check_gradients(op: Operation, in_grads: list[Any]) -> None:
    if len(in_grads) != len(op._inputs):
        raise ValueError(
            f"Num gradients {len(in_grads)} generated for op {op.name!r} ({op.type}) do not match "
            f"num inputs {len(op._inputs)}"
        )
    for grad in in_grads:
        if not (grad is None or isinstance(grad, (Tensor, IndexedSlices))):
            raise TypeError(
                f"The gradient function of {op.name!r} ({op.type}) must return tensors, "
                f"IndexedSlices or None, got {grad!r} of type {type(grad).__name__}"
            )


def _set_gradient_shape(op: Operation, tensor: Tensor, grad: Tensor) -> None:
    try:
        grad.set_shape(tensor._shape)
    except ValueError:
        raise ValueError(
            "Incompatible shapes between op input and calculated input gradient. Forward "
            f"operation: {op.name}. Input shape: {tensor.shape}. Calculated input "
            f"gradient shape: {grad.shape}"
        ) from None


@export("hessians")
def hessians(
    ys: Any,
    xs: Any,
    name: str = "hessians",
    colocate_gradients_with_ops: bool = False,
    gate_gradients: bool = False,
    aggregation_method: int | None = None,
) -> list[Any]:
    """The matrix of second derivatives of the sum of `ys` with respect to each of `xs`.

    Args:
        ys: a tensor or a list of them.
        xs: a tensor or a variable, or a list of them.
        name: not used, as in TensorFlow.
        colocate_gradients_with_ops, gate_gradients, aggregation_method: as for `tf.gradients`.

    Returns:
        A list with, for each x, a tensor whose shape is that of x twice over.

    Raises:
        ValueError: `ys` do not depend on an x.

    Example:
        >>> x = tf.constant([1.0, 2.0])
        >>> (h,) = tf.hessians(tf.reduce_sum(x * x * x), x)
        >>> tf.Session().run(h)
        array([[ 6.,  0.],
               [ 0., 12.]], dtype=float32)
    """
    options: dict[str, Any] = {
        "colocate_gradients_with_ops": colocate_gradients_with_ops,
        "gate_gradients": gate_gradients,
        "aggregation_method": aggregation_method,
    }
    xs = _as_list(xs)
    grads = gradients(ys, xs, **options)
    return [_hessian(grad, x, options) for grad, x in zip(grads, xs, strict=True)]


def _hessian(grad: Any, x: Any, options: dict[str, Any]) -> Tensor:
    """The derivatives of each element of a gradient, found one after the other in a loop."""
    flat = api.reshape(grad, [-1])
    size = api.size(x)

    def step(place: Tensor, rows: Any) -> Any:
        return place + 1, rows.write(place, gradients(flat[place], x, **options)[0])

    start = [api.constant(0), api.TensorArray(x.dtype.base_dtype, size)]
    _, rows = api.while_loop(lambda place, rows: place < size, step, start)
    shape = api.shape(x)
    return api.reshape(rows.stack(), api.concat((shape, shape), 0))
