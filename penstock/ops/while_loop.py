"""`tf.while_loop`: ops that run again and again; the op While, and its gradient."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from penstock.graph import dtypes, nest, shapes
from penstock.graph.convert import convert_to_tensor
from penstock.graph.errors import InvalidArgumentError
from penstock.graph.export import api, export
from penstock.graph.gradient_paths import places, reachable, sources_of
from penstock.graph.graph import Graph, graph_of
from penstock.graph.operation import Operation, Tensor
from penstock.graph.opspec import NOT_DIFFERENTIABLE, Grads, OpSpec, raw, register
from penstock.graph.public import control_dependencies, name_scope
from penstock.graph.region import Region, captures_of
from penstock.ops.cond import dense_shape_of, made_of_regions, scalar_predicate, zeros_for
from penstock.ops.indexed_slices import IndexedSlices
from penstock.ops.stacks import is_stack, mark_stack, take_saved


def arg_kernel() -> Any:
    raise TypeError("a loop variable has its value from the loop")


ARG = register(
    OpSpec(
        name="_Arg", inputs=(), outputs=("output: T",), attrs=("T: type", "index: int >= 0"),
        shape=lambda: None, kernel=arg_kernel, gradient=NOT_DIFFERENTIABLE, stateful=True,
    )
)  # fmt: skip


def add_arg(region: Region, dtype: dtypes.DType, shape: shapes.Shape, name: str) -> Tensor:
    """Adds a loop variable to a region that is open; returns the tensor that stands for it."""
    attrs = {"T": dtype, "index": len(region.args)}
    arg = region.graph.add_operation(ARG, name, [], attrs, [(dtype, shape)]).outputs[0]
    region.args.append(arg)
    return arg


def while_gradient(op: Operation, *grads: Any, backpropagate: Any) -> Grads:
    """A loop's gradient is a loop that goes through the iterations backwards.

    With x[i+1] = f(x[i], c): dx[i] = f_x(x[i], c)' dx[i+1], and dc sums f_c(x[i], c)' dx[i+1]. What
    it takes of the forward iterations, the forward loop saves.
    """
    if not op._attrs["_back_prop"]:
        return [None] * len(op._inputs)
    return _BackwardLoop(op, grads, backpropagate).gradients()


class _BackwardLoop:
    """Makes the gradient of a loop."""

    def __init__(self, op: Operation, grads: Sequence[Any], backpropagate: Any) -> None:
        self._op = op
        self._grads = grads
        self._backpropagate = backpropagate
        forward = op.regions[1]
        self._forward = forward
        self._count = len(forward.args)
        self._differentiable = self._reached()
        self._captures = [
            t
            for t in op._inputs[self._count :]
            if _is_real(t) or t.dtype.base_dtype in (dtypes.resource, dtypes.variant)
        ]

    def _reached(self) -> list[int]:
        """The loop variables that a gradient reaches, in this iteration or in an earlier one."""
        forward = self._forward
        saved = [
            tensor
            for tensor, output in forward.saved.items()
            if output.value_index < len(self._grads) and self._grads[output.value_index] is not None
        ]
        args = forward.args
        found = sources_of(forward, [*forward.results, *saved], args)
        start = sum([1 << k for k in range(self._count) if self._grads[k] is not None])
        for tensor in saved:
            start |= found[tensor]
        reached = start | reachable([found[result] for result in forward.results], start)
        return [
            k
            for k in places(reached)
            if _is_real(args[k]) or args[k].dtype.base_dtype is dtypes.variant
        ]

    def gradients(self) -> Grads:
        """For each input of the loop its gradient, or None."""
        op, graph = self._op, self._op.graph
        steps = op.outputs[self._count - 1]  # the hidden counter is the last loop variable
        inits: list[Tensor] = [steps - 1]
        body = Region(graph, self._forward, self._take_saved)
        with body:
            self._index = add_arg(body, dtypes.int32, (), "index")
            flowing = [self._add_flowing(body, k) for k in self._differentiable]
            found = self._walk(body, flowing)
            body.results = [self._index - 1]
            for k, grad in zip(self._differentiable, found, strict=False):
                body.results.append(self._of_variable(k, grad))
        inits += [self._start(k) for k in self._differentiable]
        of_captures = found[len(self._differentiable) :]
        dense = [k for k, g in enumerate(of_captures) if g is not None and not _sliced(g)]
        for k in dense:
            zeros = zeros_for(self._captures[k])
            inits.append(zeros)
            with body:
                total = add_arg(body, zeros.dtype.base_dtype, zeros._shape, "total")
                if is_stack(zeros):
                    mark_stack(total)
                body.results.append(_sum(total, convert_to_tensor(of_captures[k])))
        outputs = make_loop(graph, _while_not_negative(graph, body), body, inits, True)
        return self._results(body, outputs, of_captures, dense)

    def _add_flowing(self, body: Region, k: int) -> Tensor:
        """Adds the variable that holds what flows back to a forward variable."""
        arg, result = self._forward.args[k], self._forward.results[k]
        shape = shapes.in_common(arg._shape, result._shape)
        flowing = add_arg(body, result.dtype.base_dtype, shape, "grad")
        if is_stack(arg):
            mark_stack(flowing)
        return flowing

    def _take_saved(self, stack: Tensor, like: Tensor) -> Tensor:
        return take_saved(stack, self._index, like)

    def _walk(self, body: Region, flowing: list[Tensor]) -> Grads:
        """The gradients of the differentiable loop variables, then those of the captures."""
        forward = self._forward
        ys = [forward.results[k] for k in self._differentiable]
        starts: list[Any] = list(flowing)
        for tensor, output in list(forward.saved.items()):
            grad = (
                self._grads[output.value_index] if output.value_index < len(self._grads) else None
            )
            if grad is not None:
                ys.append(tensor)
                starts.append(raw._StackTakeOrZeros(grad, self._index, tensor))
        xs = [*[forward.args[k] for k in self._differentiable], *self._captures]
        found = self._backpropagate(forward, ys, xs, starts)
        return [_slices_inside(body, grad) if _sliced(grad) else grad for grad in found]

    def _of_variable(self, k: int, grad: Any) -> Tensor:
        return zeros_for(self._forward.args[k]) if grad is None else convert_to_tensor(grad)

    def _start(self, k: int) -> Tensor:
        grad = self._grads[k]
        return zeros_for(self._op.outputs[k]) if grad is None else convert_to_tensor(grad)

    def _results(
        self, body: Region, outputs: list[Tensor], of_captures: Grads, dense: list[int]
    ) -> Grads:
        of_input: dict[Tensor, Any] = {}
        first = 1 + len(self._differentiable)
        for k, output in zip(dense, outputs[first:], strict=False):
            of_input[self._captures[k]] = output
        for k, grad in enumerate(of_captures):
            if grad is not None and k not in dense:
                of_input[self._captures[k]] = self._gathered_slices(body, grad, self._captures[k])
        of_variables: list[Any] = [None] * self._count
        for place, k in enumerate(self._differentiable):
            of_variables[k] = outputs[1 + place]
        return [*of_variables, *[of_input.get(t) for t in self._op._inputs[self._count :]]]

    def _gathered_slices(self, body: Region, grad: IndexedSlices, capture: Tensor) -> IndexedSlices:
        """The slices of all iterations, one after the other.

        The first is zeros for row 0, with which TensorFlow begins: optimizers see row 0 for it.
        """
        starts = (
            _row_of_zeros(grad.values, capture),
            api.zeros([1], grad.indices.dtype.base_dtype),
        )
        values, indices = [
            api.concat([start, raw._StackConcat(body.save(tensor), start)], 0)
            for start, tensor in zip(starts, (grad.values, grad.indices), strict=True)
        ]
        return IndexedSlices(values, indices, dense_shape_of(capture))


def _row_of_zeros(values: Tensor, whole: Tensor) -> Tensor:
    """A row of `whole` with the type of `values`, which are some rows of it."""
    dtype = values.dtype.base_dtype
    row = None if values._shape is None else values._shape[1:]
    if row is not None and None not in row:
        return api.zeros([1, *row], dtype)
    return api.zeros(api.concat([[1], dense_shape_of(whole)[1:]], 0), dtype)


def _is_real(tensor: Tensor) -> bool:
    return tensor.dtype.base_dtype.is_floating or tensor.dtype.base_dtype.is_complex


def _sliced(grad: Any) -> bool:
    return isinstance(grad, IndexedSlices)


def _slices_inside(body: Region, slices: IndexedSlices) -> IndexedSlices:
    """The slices, made by ops of the body, so that it can save them."""
    values, indices = [
        tensor if tensor.op.region is body else api.identity(tensor)
        for tensor in (slices.values, slices.indices)
    ]
    return IndexedSlices(values, indices)


def _sum(total: Tensor, grad: Tensor) -> Tensor:
    if is_stack(total):
        return raw._StackSum([total, grad])
    if total.dtype.base_dtype is dtypes.variant:
        return raw.AddN([total, grad])
    return total + grad


def _while_not_negative(graph: Graph, body: Region) -> Region:
    condition = Region(graph)
    with condition:
        args = [add_arg(condition, t.dtype, t._shape, "arg") for t in body.args]
        condition.results = [args[0] >= 0]
    return condition


WHILE = register(
    OpSpec(
        name="While", inputs=("input: T",), outputs=("output: T",),
        attrs=(
            "T: list(type) >= 0", "cond: func", "body: func", "output_shapes: list(shape) = []",
            "parallel_iterations: int = 10",
        ),
        shape=made_of_regions, kernel=None, gradient=while_gradient, regions=("cond", "body"),
        loops=True,
    )
)  # fmt: skip


def make_loop(
    graph: Graph,
    condition: Region,
    body: Region,
    inits: list[Tensor],
    back_prop: bool,
    name: str = "While",
) -> list[Tensor]:
    """Adds the op that runs a loop whose regions have their results.

    It gets one more variable, which counts the iterations: the gradient needs their number. A run
    without gradients leaves it out.

    Args:
        graph: the graph.
        condition: its result is a boolean.
        body: its results are the next values of the loop variables.
        inits: their first values.
        back_prop: gradients flow back through it.
        name: of the op.

    Returns:
        The outputs: the last values of the loop variables, and the number of iterations.
    """
    inits = [*inits, api.constant(0, name="iterations")]
    with condition:
        add_arg(condition, dtypes.int32, (), "iteration")
    with body:
        iteration = add_arg(body, dtypes.int32, (), "iteration")
        body.results = [*body.results, iteration + 1]
    captures, controls = captures_of([condition, body])
    attrs = {
        "T": [tensor.dtype.base_dtype for tensor in inits],
        "_back_prop": back_prop,
    }
    outputs = [(arg.dtype.base_dtype, arg._shape) for arg in body.args]
    with control_dependencies(controls):
        op = graph.add_operation(WHILE, name, [*inits, *captures], attrs, outputs)
    op.regions = (condition, body)
    condition.owner = body.owner = op
    return list(op.outputs)


@export("while_loop")
def while_loop(
    cond: Callable[..., Any],
    body: Callable[..., Any],
    loop_vars: Any,
    shape_invariants: Any = None,
    parallel_iterations: int = 10,
    back_prop: bool = True,
    swap_memory: bool = False,
    name: str | None = None,
    maximum_iterations: Any = None,
    return_same_structure: bool = False,
) -> Any:
    """Repeats `body` while `cond` is true.

    Both functions are called once, here, to make their ops.

    Args:
        cond: takes the loop variables; returns a boolean scalar tensor.
        body: takes the loop variables; returns their next values, in the same structure and types.
        loop_vars: their first values: a nested structure of tensors, TensorArrays, SparseTensors.
        shape_invariants: for each loop variable a TensorShape that it has in all iterations; the
            shape of its first value where None.
        parallel_iterations: a positive number; it has no effect.
        back_prop: False where no gradient is to flow back through the loop.
        swap_memory: has no effect.
        name: the name scope of the ops.
        maximum_iterations: an integer scalar: the loop ends after so many iterations.
        return_same_structure: return a list of one where `loop_vars` is one.

    Returns:
        The last values of the loop variables. Of one variable that is one tensor, its value itself.

    Raises:
        TypeError: `cond` or `body` is not callable, `loop_vars` is no structure, or the types of
            sequences differ.
        ValueError: there is no loop variable, `parallel_iterations` is no integer, or the body
            changes the structure, or a shape that is to stay the same.
        InvalidArgumentError: the body changes the type of a variable.

    Example:
        >>> tf.while_loop(lambda i: i < 10, lambda i: i + 1, [tf.constant(0)])
    """
    with name_scope(name, "while", nest.flatten_tensors(loop_vars)):
        _check_arguments(cond, body, loop_vars, parallel_iterations)
        if maximum_iterations is None:
            return _Loop(cond, body, loop_vars, shape_invariants).make(
                back_prop, return_same_structure
            )
        if nest.is_nested(loop_vars) and len(loop_vars) == 1 and not return_same_structure:
            (variables,), test, step = loop_vars, cond, body
        else:
            variables, test, step = loop_vars, _of_structure(cond), _of_structure(body)
        limited = _limited(test, step, variables, shape_invariants, maximum_iterations)
        return limited.make(back_prop, same_structure=True)[1]


def _check_arguments(cond: Any, body: Any, loop_vars: Any, parallel_iterations: Any) -> None:
    if not loop_vars:
        raise ValueError("No loop variables provided")
    if not callable(cond):
        raise TypeError("cond must be callable.")
    if not callable(body):
        raise TypeError("body must be callable.")
    if parallel_iterations < 1:
        raise TypeError("parallel_iterations must be a positive integer.")
    if not isinstance(parallel_iterations, int):
        raise ValueError(f"`parallel_iterations` must be a positive integer: {parallel_iterations}")
    if not nest.is_nested(loop_vars):
        raise TypeError(f"{type(loop_vars).__name__!r} object is not iterable: the loop variables")


def _of_structure(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function of variables as a function of the list of them."""
    return lambda variables: function(*variables)


def _limited(
    cond: Callable[..., Any],
    body: Callable[..., Any],
    loop_vars: Any,
    shape_invariants: Any,
    maximum_iterations: Any,
) -> _Loop:
    """A loop with one more variable, the first, that counts the iterations up to their limit.

    Here `cond` and `body` take the variables as one structure.
    """
    limit = convert_to_tensor(maximum_iterations, name="maximum_iterations")
    if limit._shape != ():
        raise ValueError(
            f"maximum_iterations must be a scalar, saw shape: {shapes.shape_text(limit._shape)}"
        )
    counter = api.constant(0, limit.dtype.base_dtype, name="iteration_counter")
    if shape_invariants is not None:
        shape_invariants = [shapes.TensorShape([]), shape_invariants]
    return _Loop(
        lambda i, variables: api.logical_and(i < limit, cond(variables)),
        lambda i, variables: (i + 1, body(variables)),
        [counter, loop_vars],
        shape_invariants,
    )


class _Loop:
    """A `tf.while_loop` in the making."""

    def __init__(self, cond: Any, body: Any, loop_vars: Any, invariants: Any) -> None:
        self._cond = cond
        self._body = body
        self._structure = nest.map_structure(_as_variable, loop_vars)
        if not nest.is_nested(self._structure):
            self._structure = [self._structure]
        self._first = nest.flatten_tensors(self._structure)
        self._graph = graph_of(self._first)
        self._shapes = _invariant_shapes(self._structure, self._first, invariants)
        outer = self._graph._scopes.region
        if outer is not None:
            self._first = [outer.see(tensor, "a loop variable") for tensor in self._first]

    def make(self, back_prop: bool, same_structure: bool) -> Any:
        """Adds the ops of the loop; returns what the user gets."""
        count = len(self._first)
        condition = Region(self._graph)
        with condition:
            with self._graph._counted_as(2 * count):  # TensorFlow's Enter and Merge
                args = self._add_args(condition, "Merge")
            test = convert_to_tensor(self._cond(*self._as_arguments(args)))
            _check_test(test)
            test = scalar_predicate(test)
            condition.results = [condition.see(test, "LoopCond")]
        body = Region(self._graph, beside=condition)
        with body:
            with self._graph._counted_as(1 + 2 * count):  # LoopCond, Switch and Identity
                args = self._add_args(body, "Identity")
            returned = self._body(*self._as_arguments(args))
            structure = self._checked_structure(returned, args)
            values = [_as_variable(value) for value in nest.flatten_tensors(structure)]
            self._check_values(values, args)
            body.results = [body.see(value, "NextIteration") for value in values]
        with self._graph._counted_as(2 * count):  # NextIteration and Exit
            outputs = make_loop(self._graph, condition, body, self._first, back_prop)
            results = [api.identity(output, name="Exit") for output in outputs[:count]]
        packed = nest.pack_tensors_as(structure, results)
        return packed[0] if count == 1 and not same_structure else packed

    def _add_args(self, region: Region, name: str) -> list[Tensor]:
        pairs = zip(self._first, self._shapes, strict=True)
        return [add_arg(region, t.dtype.base_dtype, shape, name) for t, shape in pairs]

    def _as_arguments(self, args: list[Tensor]) -> list[Any]:
        packed = nest.pack_tensors_as(self._structure, args)
        return list(packed)

    def _checked_structure(self, returned: Any, args: list[Tensor]) -> Any:
        structure = returned if nest.is_nested(returned) else [returned]
        if not isinstance(structure, (list, tuple)):
            structure = [structure]
        mine, theirs = self._as_arguments(args), list(structure)
        nest.assert_same_structure(mine, theirs, expand_composites=True)
        return nest.map_structure(_as_variable, structure)

    def _check_values(self, values: list[Tensor], args: list[Tensor]) -> None:
        for value, arg, first in zip(values, args, self._first, strict=True):
            if value.dtype.base_dtype is not arg.dtype.base_dtype:
                raise InvalidArgumentError(
                    None, arg.op,
                    f"Input 1 of node {arg.op.name} was passed {value.dtype.base_dtype.name} from "
                    f"{value.name} incompatible with expected {arg.dtype.base_dtype.name}: the "
                    "body of a loop must keep the types of the loop variables.",
                )  # fmt: skip
            if not _is_at_least(arg._shape, value._shape):
                raise ValueError(
                    f"Input tensor '{first.name}' enters the loop with shape "
                    f"{shapes.shape_text(first._shape)}, but has shape "
                    f"{shapes.shape_text(value._shape)} after one iteration. To allow the shape to "
                    "vary across iterations, use the `shape_invariants` argument of tf.while_loop "
                    "to specify a less-specific shape."
                )


def _as_variable(value: Any) -> Any:
    if isinstance(value, nest.Composite):
        return value
    tensor = convert_to_tensor(value)
    if not tensor.dtype._is_ref_dtype:
        return tensor
    with tensor.graph._counted_as(0):
        return api.identity(tensor)


def _check_test(test: Tensor) -> None:
    if test.dtype.base_dtype is not dtypes.bool:
        raise TypeError(
            f"Input 'input' of 'LoopCond' Op has type {test.dtype.base_dtype.name} that does not "
            "match expected type of bool."
        )
    if test._shape is not None and len(test._shape) != 0:
        raise ValueError(
            f"The condition of a loop must be a scalar; {test.name!r} has shape "
            f"{shapes.shape_text(test._shape)}"
        )


def _invariant_shapes(structure: Any, first: list[Tensor], invariants: Any) -> list[shapes.Shape]:
    """The shapes that the loop variables have in all iterations."""
    if invariants is None:
        return _shapes_that_stay(structure)
    wanted = _flat_invariants(structure, invariants)
    found = []
    for tensor, invariant in zip(first, wanted, strict=True):
        shape = tensor._shape if invariant is None else shapes.as_tuple(invariant)
        if not _is_at_least(shape, tensor._shape):
            raise ValueError(
                "The shape invariant specified for "
                f"{tensor.name} is not compatible with the initial shape of the loop variable. It "
                f"enters the loop with shape {shapes.shape_text(tensor._shape)}, but the specified "
                f"shape invariant is {shapes.shape_text(shape)}."
            )
        found.append(shape)
    return found


def _shapes_that_stay(structure: Any) -> list[shapes.Shape]:
    """The shapes of the first values; a SparseTensor may get more or fewer elements."""
    found: list[shapes.Shape] = []
    for variable in nest.flatten(structure):
        if isinstance(variable, api.SparseTensor):
            found.extend(variable._component_shapes(variable.dense_shape._shape))
        else:
            found.extend([tensor._shape for tensor in nest.flatten_tensors(variable)])
    return found


def _flat_invariants(structure: Any, invariants: Any) -> list[Any]:
    if not nest.is_nested(invariants) or isinstance(invariants, shapes.TensorShape):
        invariants = [invariants]
    flat = _flatten_like(structure, invariants)
    found: list[Any] = []
    for variable, invariant in zip(nest.flatten(structure), flat, strict=True):
        if isinstance(variable, nest.Composite):
            found.extend(variable._component_shapes(invariant))
        else:
            found.append(invariant)
    return found


def _flatten_like(structure: Any, invariants: Any) -> list[Any]:
    """The invariants at the leaves of `structure`; each of them may be a list itself."""
    if not nest.is_nested(structure):
        return [invariants]
    nested = nest.is_nested(invariants) and not isinstance(invariants, shapes.TensorShape)
    if not nested or len(structure) != len(invariants):
        raise ValueError(
            "The two structures don't have the same nested structure.\n\n"
            f"First structure: {structure}\n\nSecond structure: {invariants}"
        )
    if isinstance(structure, dict):
        pairs = [(structure[key], invariants[key]) for key in sorted(structure)]
    else:
        pairs = list(zip(structure, invariants, strict=True))
    return [leaf for one, other in pairs for leaf in _flatten_like(one, other)]


def _is_at_least(wide: shapes.Shape, narrow: shapes.Shape) -> bool:
    """True where every value of the shape `narrow` has the shape `wide`."""
    if wide is None:
        return True
    if narrow is None or len(wide) != len(narrow):
        return False
    return all([a is None or a == b for a, b in zip(wide, narrow, strict=True)])
