"""`tf.cond`: two branches, of which a run does the ops of one; the op If, and its gradient."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from penstock.graph import dtypes, nest, shapes
from penstock.graph.convert import convert_to_tensor
from penstock.graph.export import api, export
from penstock.graph.gradient_paths import carries_gradient
from penstock.graph.graph import Graph
from penstock.graph.operation import Operation, Tensor
from penstock.graph.opspec import Grads, OpSpec, raw, register
from penstock.graph.public import control_dependencies, name_scope
from penstock.graph.region import Region, captures_of
from penstock.ops.indexed_slices import IndexedSlices, sum_of_slices
from penstock.ops.stacks import is_stack

# What TensorFlow makes and penstock does not: Switch, two pivots and pred_id.
_OPS_OF_A_COND = 4


def made_of_regions(*shapes_of_inputs: Any) -> Any:
    raise TypeError("this op is made of its branches: call tf.cond or tf.while_loop")


def cond_gradient(op: Operation, *grads: Any, backpropagate: Any) -> Grads:
    """A branch's gradient is a branch: what flows back through the one that was taken."""
    captures = [t for t in op._inputs[1:] if carries_gradient(t)]
    regions, found = [], []
    for place, forward in enumerate(op.regions):
        outputs = [*forward.results, *_all_saved(op)[: len(op.outputs) - len(forward.results)]]
        pairs = [
            (y, grad)
            for y, grad in zip(outputs, grads, strict=False)
            if grad is not None and (y in forward.results or y in forward.saved)
        ]
        region = Region(op.graph, backward_of=forward)
        with region:
            starts = [_of_shape(grad, y) for y, grad in pairs]
            found.append(backpropagate(forward, [y for y, _ in pairs], captures, starts))
        regions.append(region)
        assert op.regions[place] is forward
    flows = [_Flow(capture, part) for capture, *part in zip(captures, *found, strict=True)]
    flows = [flow for flow in flows if flow.is_there]
    for place, region in enumerate(regions):
        with region:
            for flow in flows:
                region.results += flow.results(place)
    outputs = list(make_cond(op._inputs[0], regions, "If")) if flows else []
    of_capture = {flow.capture: flow.take(outputs) for flow in flows}
    return [None, *[of_capture.get(tensor) for tensor in op._inputs[1:]]]


class _Flow:
    """What flows back to a tensor that branches take, from each of them.

    Slices of each branch are given on by themselves, as TensorFlow does; where the branch is not
    taken they are zeros for all rows. Where one branch has a gradient for the whole, so has the op.

    Args:
        capture: the tensor.
        grads: for each branch a Tensor, IndexedSlices or None.
    """

    def __init__(self, capture: Tensor, grads: Sequence[Any]) -> None:
        self.capture = capture
        self._grads = grads
        found = [grad for grad in grads if grad is not None]
        self.is_there = bool(found)
        sliced = all([isinstance(grad, IndexedSlices) for grad in found])
        self._slices: list[IndexedSlices] = found if sliced else []

    def results(self, place: int) -> list[Tensor]:
        """The results of a branch."""
        grad = self._grads[place]
        if not self._slices:
            return [zeros_for(self.capture) if grad is None else convert_to_tensor(grad)]
        results: list[Tensor] = []
        for slices in self._slices:
            own = slices if slices is grad else self._zeros(slices.indices.dtype.base_dtype)
            results += [own.values, own.indices]
        return results

    def _zeros(self, index_type: dtypes.DType) -> IndexedSlices:
        rows = api.range(dense_shape_of(self.capture)[0])
        return IndexedSlices(zeros_for(self.capture), api.cast(rows, index_type))

    def take(self, outputs: list[Tensor]) -> Any:
        """The gradient, from the op's outputs, the first of which are this one's."""
        if not self._slices:
            return outputs.pop(0)
        shape = dense_shape_of(self.capture)
        parts = [IndexedSlices(outputs.pop(0), outputs.pop(0), shape) for _ in self._slices]
        return parts[0] if len(parts) == 1 else sum_of_slices(parts)


def _of_shape(grad: Any, y: Tensor) -> Any:
    """The gradient, as a tensor that may be known to have the shape of `y` in this branch only."""
    if isinstance(grad, IndexedSlices) or grad._shape == y._shape:
        return grad
    return api.identity(grad)


def _all_saved(op: Operation) -> list[Tensor]:
    """The tensors that the branches save, in the order of the op's outputs."""
    pairs = [(out.value_index, t) for region in op.regions for t, out in region.saved.items()]
    return [tensor for _, tensor in sorted(pairs, key=lambda pair: pair[0])]


def zeros_for(tensor: Tensor) -> Tensor:
    """The gradient of a tensor where nothing flows back to it."""
    dtype = tensor.dtype.base_dtype
    if dtype is dtypes.variant:
        return raw._StackZeros(tensor) if is_stack(tensor) else raw.ZerosLike(tensor)
    if dtype is not dtypes.resource:
        return api.zeros_like(tensor)
    attrs = tensor.op._attrs
    if shapes.is_known(attrs.get("shape")):
        return api.zeros(attrs["shape"], attrs["dtype"])
    return api.zeros(raw.VariableShape(tensor), attrs["dtype"])


def dense_shape_of(tensor: Tensor) -> Tensor:
    """The shape of a tensor, or of the variable that a resource stands for."""
    if tensor.dtype.base_dtype is dtypes.resource:
        return raw.VariableShape(tensor)
    return api.shape(tensor)


IF = register(
    OpSpec(
        name="If", inputs=("cond: Tcond", "input: Tin"), outputs=("output: Tout",),
        attrs=(
            "Tcond: type", "Tin: list(type) >= 0", "Tout: list(type) >= 0", "then_branch: func",
            "else_branch: func", "output_shapes: list(shape) = []",
        ),
        shape=made_of_regions, kernel=None, gradient=cond_gradient,
        regions=("then_branch", "else_branch"),
    )
)  # fmt: skip


def make_cond(pred: Tensor, regions: Sequence[Region], name: str) -> list[Tensor]:
    """Adds the op that runs one of two regions, which have their results; returns its outputs."""
    graph = pred.graph
    captures, controls = captures_of(regions)
    outputs = [
        (one.dtype.base_dtype, shapes.in_common(one._shape, other._shape))
        for one, other in zip(regions[0].results, regions[1].results, strict=True)
    ]
    attrs = {
        "Tcond": pred.dtype.base_dtype,
        "Tin": [tensor.dtype.base_dtype for tensor in captures],
        "Tout": [dtype for dtype, _ in outputs],
    }
    with control_dependencies(controls):
        op = graph.add_operation(IF, name, [pred, *captures], attrs, outputs)
    op.regions = tuple(regions)
    for region in regions:
        region.owner = op
    return list(op.outputs)


@export("cond")
def cond(
    pred: Any,
    true_fn: Callable[[], Any] | None = None,
    false_fn: Callable[[], Any] | None = None,
    strict: bool = False,
    name: str | None = None,
    fn1: Callable[[], Any] | None = None,
    fn2: Callable[[], Any] | None = None,
) -> Any:
    """What `true_fn()` gives where `pred` is true, else what `false_fn()` gives.

    Both functions are called once, here, to make their ops. Of these a run does only those of the
    branch that is taken; ops that were made outside run in any case where a branch takes them.

    Args:
        pred: a boolean scalar tensor.
        true_fn, false_fn: functions without arguments that return a tensor or a nested structure
            of tensors, both of the same structure and types.
        strict: keep a list or tuple of one item as it is; otherwise the item is returned.
        name: the name scope of the ops.
        fn1, fn2: old names of `true_fn` and `false_fn`.

    Returns:
        A structure like that of the functions.

    Raises:
        TypeError: an argument has the wrong type, or the results have different structures.
        ValueError: the results have different numbers or types.

    Example:
        >>> tf.cond(x < y, lambda: x + z, lambda: tf.square(y))
    """
    true_fn = _function(true_fn, fn1, "true_fn", "fn1")
    false_fn = _function(false_fn, fn2, "false_fn", "fn2")
    with name_scope(name, "cond", [pred]):
        if isinstance(pred, bool):
            raise TypeError("pred must not be a Python bool")
        test = _predicate(pred)
        graph = test.graph
        graph._skip_ids(_OPS_OF_A_COND)
        if graph._scopes.region is not None:
            graph._scopes.region.see(test, "pred")
        then, true_results = _branch(graph, true_fn, True, strict)
        otherwise, false_results = _branch(graph, false_fn, False, strict)
        _check_structures(true_results, false_results)
        _check_types(then.results, otherwise.results)
        with graph._counted_as(len(then.results)):
            merged = make_cond(test, [then, otherwise], "If")
            results = [api.identity(output, name="Merge") for output in merged]
    packed = nest.pack_tensors_as(true_results, results)
    return packed if strict else _unpacked(packed)


def _unpacked(results: Any) -> Any:
    """The item of a list or tuple of one."""
    return results[0] if isinstance(results, (list, tuple)) and len(results) == 1 else results


def _function(given: Any, old: Any, name: str, old_name: str) -> Callable[[], Any]:
    if old is not None:
        if given is not None:
            raise TypeError(f"cond(): {name} and {old_name} may not be set simultaneously.")
        given = old
    if given is None:
        raise TypeError(f"cond(): {name} argument required")
    if not callable(given):
        raise TypeError(f"{name} must be callable.")
    return given


def _predicate(pred: Any) -> Tensor:
    test = convert_to_tensor(pred, name="pred")
    if test.dtype.base_dtype is not dtypes.bool:
        raise TypeError(
            f"Input 'pred' of 'Switch' Op has type {test.dtype.base_dtype.name} that does not "
            "match expected type of bool."
        )
    if test._shape is not None and len(test._shape) != 0:
        seen = shapes.bracket_text(test._shape)
        raise ValueError(
            f"Shape must be rank 0 but is rank {len(test._shape)} for the predicate {test.name!r} "
            f"(op: 'Switch') with input shapes: {seen}, {seen}."
        )
    return scalar_predicate(test)


def scalar_predicate(test: Tensor) -> Tensor:
    """A predicate; a run checks that it is a scalar where it is not known by now."""
    if test._shape is not None:
        return test
    with test.graph._counted_as(0):
        return raw.EnsureShape(test, shape=shapes.TensorShape([]))


def _branch(
    graph: Graph, function: Callable[[], Any], taken_where: bool, strict: bool
) -> tuple[Region, Any]:
    """The region of a branch, and what its function returned."""
    name = "true_fn" if taken_where else "false_fn"
    region = Region(graph)
    with region:
        returned = function()
        if returned is None:
            raise ValueError(f"{name} must have a return value.")
        if not strict:
            returned = _unpacked(returned)
        structure = nest.map_structure(lambda item: _as_value(item, taken_where), returned)
        tensors = [_as_result_tensor(t) for t in nest.flatten_tensors(structure)]
        region.results = [region.see(tensor, "a result") for tensor in tensors]
    return region, structure


def _as_value(item: Any, pred: bool) -> Any:
    """A result as a tensor; of an operation `pred`, which is there when it has run."""
    if isinstance(item, Operation):
        with control_dependencies([item]):
            return api.constant(pred, name="control_dependency")
    if isinstance(item, nest.Composite):
        return item
    return convert_to_tensor(item)


def _as_result_tensor(tensor: Any) -> Tensor:
    tensor = convert_to_tensor(tensor)
    if not tensor.dtype._is_ref_dtype:
        return tensor
    with tensor.graph._counted_as(0):
        return api.identity(tensor)


def _check_structures(one: Any, other: Any) -> None:
    nest.assert_same_structure(one, other)
    for mine, theirs in zip(nest.flatten(one), nest.flatten(other), strict=True):
        composite = isinstance(mine, nest.Composite) or isinstance(theirs, nest.Composite)
        if composite and type(mine) is not type(theirs):
            raise ValueError(
                "Incompatible return values of true_fn and false_fn: The two structures don't "
                f"have the same nested structure. One has {mine}, the other {theirs}."
            )
    if not nest.flatten(one):
        raise ValueError("true_fn and false_fn must return at least one result.")


def _check_types(one: list[Tensor], other: list[Tensor]) -> None:
    for left, right in zip(one, other, strict=True):
        if left.dtype.base_dtype is not right.dtype.base_dtype:
            raise ValueError(
                "Outputs of true_fn and false_fn must have the same type: "
                f"{left.dtype.base_dtype.name}, {right.dtype.base_dtype.name}"
            )
