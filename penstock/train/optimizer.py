"""`tf.train.Optimizer`: gradients, slots and the ops that apply one step of training."""

from __future__ import annotations

from typing import Any

from penstock.graph import dtypes
from penstock.graph.collections import GraphKeys
from penstock.graph.convert import convert_to_tensor
from penstock.graph.export import api, export
from penstock.graph.graph import Graph
from penstock.graph.operation import Operation, Tensor
from penstock.graph.opspec import raw
from penstock.graph.public import name_scope
from penstock.graph.stacks import default_graph
from penstock.ops.resource_variables import ResourceVariable
from penstock.ops.variables import Variable
from penstock.train import slot_creator

_VALID_DTYPES = (dtypes.float32, dtypes.float64, dtypes.float16, dtypes.bfloat16)


def deduplicated(values: Tensor, indices: Tensor) -> tuple[Tensor, Tensor]:
    """(values, indices) of a sparse gradient with each index once and its values summed."""
    unique, positions = api.unique(indices)
    summed = api.unsorted_segment_sum(values, positions, api.shape(unique)[0])
    return summed, unique


def as_dtype_of(value: Any, variable: Any) -> Any:
    """A number, itself a tensor or variable, in the type of a variable."""
    return api.cast(value, variable.dtype.base_dtype)


class _RefTarget:
    """How a variable that is a reference is differentiated by, and updated."""

    def __init__(self, variable: Any) -> None:
        self._variable = variable

    def target(self) -> Tensor:
        return self._variable._ref()

    def update(self, optimizer: Optimizer, grad: Any) -> Any:
        variable = self._variable
        if isinstance(grad, Tensor):
            return _constrained(variable, optimizer._apply_dense(grad, variable))
        _check_unconstrained(variable)
        return optimizer._apply_sparse_duplicate_indices(grad, variable)


class _ResourceTarget:
    """The same for a variable that is a resource."""

    def __init__(self, variable: Any) -> None:
        self._variable = variable

    def target(self) -> Tensor:
        return self._variable.handle

    def update(self, optimizer: Optimizer, grad: Any) -> Any:
        variable = self._variable
        if isinstance(grad, Tensor):
            return _constrained(variable, optimizer._resource_apply_dense(grad, variable))
        _check_unconstrained(variable)
        return optimizer._resource_apply_sparse_duplicate_indices(
            grad.values, variable, grad.indices
        )


class _TensorTarget:
    """The same for a tensor, which has a gradient and cannot be updated."""

    def __init__(self, tensor: Tensor) -> None:
        self._tensor = tensor

    def target(self) -> Tensor:
        return self._tensor

    def update(self, optimizer: Optimizer, grad: Any) -> Any:
        raise NotImplementedError(f"Trying to update a Tensor {self._tensor}")


def _constrained(variable: Any, update: Any) -> Any:
    if variable.constraint is None:
        return update
    with default_graph().control_dependencies([update]):
        return variable.assign(variable.constraint(variable))


def _check_unconstrained(variable: Any) -> None:
    if variable.constraint is not None:
        raise RuntimeError("Cannot use a constraint function on a sparse variable.")


def _target(variable: Any) -> Any:
    if isinstance(variable, Tensor):
        return _TensorTarget(variable)
    if variable.op.type == "VarHandleOp":
        return _ResourceTarget(variable)
    if isinstance(variable, Variable):
        return _RefTarget(variable)
    raise NotImplementedError(f"Trying to optimize unsupported type {variable}")


def _key(variable: Any) -> tuple[Graph, str]:
    return variable.op.graph, variable.op.name


def _flat(structure: Any) -> list[Any]:
    if isinstance(structure, dict):
        return [item for key in sorted(structure) for item in _flat(structure[key])]
    if isinstance(structure, (list, tuple)):
        return [item for part in structure for item in _flat(part)]
    return [structure]


@export("train.Optimizer")
class Optimizer:
    """What all optimizers share; those that do something are its subclasses.

    Args:
        use_locking: kept for TensorFlow's signature: an update is always atomic.
        name: the name scope of the ops that apply gradients, and the last part of slots' names.

    Raises:
        ValueError: there is no name.

    Example:
        >>> train = tf.train.GradientDescentOptimizer(0.1).minimize(loss)
    """

    GATE_NONE = 0
    GATE_OP = 1
    GATE_GRAPH = 2

    def __init__(self, use_locking: bool, name: str) -> None:
        if not name:
            raise ValueError("Must specify the optimizer name")
        self._use_locking = use_locking
        self._name = name
        self._slots: dict[str, dict[tuple[Graph, str], Any]] = {}
        self._non_slot_dict: dict[tuple[str, Graph], Any] = {}

    def get_name(self) -> str:
        """The optimizer's name."""
        return self._name

    # One step

    def minimize(
        self,
        loss: Any,
        global_step: Any = None,
        var_list: Any = None,
        gate_gradients: int = GATE_OP,
        aggregation_method: Any = None,
        colocate_gradients_with_ops: bool = False,
        name: str | None = None,
        grad_loss: Any = None,
    ) -> Operation:
        """An operation that takes a step to a smaller loss: `compute_gradients`, `apply_gradients`.

        Args:
            loss: a scalar tensor.
            global_step: a variable that the step adds one to.
            var_list: the variables to change; the trainable ones where None.
            gate_gradients, aggregation_method, colocate_gradients_with_ops: as for
                `compute_gradients`.
            name: a name for the operation; the optimizer's where None.
            grad_loss: the gradient of what is minimized with respect to `loss`.

        Returns:
            An Operation.

        Raises:
            ValueError: the loss depends on none of the variables.
        """
        pairs = self.compute_gradients(
            loss,
            var_list=var_list,
            gate_gradients=gate_gradients,
            aggregation_method=aggregation_method,
            colocate_gradients_with_ops=colocate_gradients_with_ops,
            grad_loss=grad_loss,
        )
        if all(gradient is None for gradient, _ in pairs):
            raise ValueError(
                "No gradients provided for any variable, check your graph for ops that do not "
                "support gradients, between variables "
                f"{[str(variable) for _, variable in pairs]} and loss {loss}."
            )
        return self.apply_gradients(pairs, global_step=global_step, name=name)

    def compute_gradients(
        self,
        loss: Any,
        var_list: Any = None,
        gate_gradients: int = GATE_OP,
        aggregation_method: Any = None,
        colocate_gradients_with_ops: bool = False,
        grad_loss: Any = None,
    ) -> list[tuple[Any, Any]]:
        """The gradients of a loss.

        Args:
            loss: a tensor, or a function that gives one.
            var_list: variables, in any structure; the trainable ones where None.
            gate_gradients: GATE_NONE, GATE_OP, or GATE_GRAPH: use no gradient
                before all are computed.
            aggregation_method: how gradients are summed; see `tf.AggregationMethod`.
            colocate_gradients_with_ops: put gradients on the devices of the ops they belong to.
            grad_loss: the gradient of what is minimized with respect to `loss`.

        Returns:
            A list of (gradient, variable); the gradient is None where the loss does not
            depend on the variable.

        Raises:
            ValueError: there are no variables, or a type has no gradient.
        """
        if gate_gradients not in (Optimizer.GATE_NONE, Optimizer.GATE_OP, Optimizer.GATE_GRAPH):
            raise ValueError(
                "gate_gradients must be one of: Optimizer.GATE_NONE, Optimizer.GATE_OP, "
                f"Optimizer.GATE_GRAPH.  Not {gate_gradients}"
            )
        loss = loss() if callable(loss) else loss
        self._assert_valid_dtypes([loss] if grad_loss is None else [loss, grad_loss])
        graph = default_graph()
        if var_list is None:
            var_list = graph.get_collection(GraphKeys.TRAINABLE_VARIABLES)
            var_list += graph.get_collection(GraphKeys.TRAINABLE_RESOURCE_VARIABLES)
        variables = _flat(var_list) + graph.get_collection(GraphKeys._STREAMING_MODEL_PORTS)
        if not variables:
            raise ValueError("No variables to optimize.")
        gradients = api.gradients(
            loss,
            [_target(variable).target() for variable in variables],
            grad_ys=grad_loss,
            gate_gradients=gate_gradients == Optimizer.GATE_OP,
            aggregation_method=aggregation_method,
            colocate_gradients_with_ops=colocate_gradients_with_ops,
        )
        if gate_gradients == Optimizer.GATE_GRAPH:
            gradients = api.tuple(gradients)
        pairs = list(zip(gradients, variables, strict=True))
        self._assert_valid_dtypes(
            [v for g, v in pairs if g is not None and v.dtype != dtypes.resource]
        )
        return pairs

    def apply_gradients(
        self, grads_and_vars: Any, global_step: Any = None, name: str | None = None
    ) -> Operation:
        """An operation that changes variables by their gradients.

        Args:
            grads_and_vars: pairs as `compute_gradients` gives them.
            global_step: a variable that the operation adds one to.
            name: a name for the operation; the optimizer's where None.

        Returns:
            An Operation.

        Raises:
            TypeError: a gradient is none.
            ValueError: there is no gradient at all.
        """
        pairs = [(_as_gradient(gradient), variable) for gradient, variable in grads_and_vars]
        if not pairs:
            raise ValueError("No variables provided.")
        targets = [_target(variable) for _, variable in pairs]
        changed = [variable for gradient, variable in pairs if gradient is not None]
        if not changed:
            shown = [str(variable) for _, variable in pairs]
            raise ValueError(f"No gradients provided for any variable: {shown}.")
        graph = default_graph()
        with graph.control_dependencies(None):
            self._create_slots(changed)
        with name_scope(name, self._name) as scope:
            self._prepare()
            updates = []
            for (gradient, variable), target in zip(pairs, targets, strict=True):
                if gradient is None:
                    continue
                with graph.name_scope(f"update_{variable.op.name}"), graph.colocate_with(variable):
                    updates.append(target.update(self, gradient))
            if global_step is None:
                applied = self._finish(updates, scope)
            else:
                applied = self._count_step(
                    graph, self._finish(updates, "update"), global_step, scope
                )
        operation = applied if isinstance(applied, Operation) else applied.op
        train_ops = graph.get_collection_ref(GraphKeys.TRAIN_OP)
        if operation not in train_ops:
            train_ops.append(operation)
        return operation

    def _count_step(self, graph: Graph, finished: Any, global_step: Any, scope: str) -> Any:
        with graph.control_dependencies([finished]), graph.colocate_with(global_step):
            if isinstance(global_step, ResourceVariable):
                one = convert_to_tensor(1, dtype=global_step.dtype)
                return raw.AssignAddVariableOp(global_step.handle, one, name=scope)
            return api.assign_add(global_step, 1, name=scope)

    # Slots

    def get_slot(self, var: Any, name: str) -> Any:
        """The slot `name` of a variable; None where there is none.

        Args:
            var: a variable that `apply_gradients` or `minimize` was given.
            name: one of `get_slot_names()`.
        """
        slots = self._slots.get(name)
        return slots.get(_key(var)) if slots else None

    def get_slot_names(self) -> list[str]:
        """The names of the slots."""
        return sorted(self._slots)

    def variables(self) -> list[Any]:
        """The variables that the optimizer made in the default graph."""
        graph = default_graph()
        found = [
            slot for slots in self._slots.values() for slot in slots.values() if slot.graph is graph
        ]
        found += [
            variable for (_, owner), variable in self._non_slot_dict.items() if owner is graph
        ]
        return sorted(found, key=lambda variable: variable.name)

    def _create_non_slot_variable(self, initial_value: Any, name: str, colocate_with: Any) -> Any:
        graph = colocate_with.graph
        variable = self._non_slot_dict.get((name, graph))
        if variable is None:
            with graph.colocate_with(colocate_with):
                use_resource = True if isinstance(colocate_with, ResourceVariable) else None
                variable = Variable(
                    initial_value, name=name, trainable=False, use_resource=use_resource
                )
            self._non_slot_dict[(name, graph)] = variable
        return variable

    def _get_non_slot_variable(self, name: str, graph: Graph | None = None) -> Any:
        return self._non_slot_dict.get((name, graph or default_graph()))

    def _slot_dict(self, slot_name: str) -> dict[tuple[Graph, str], Any]:
        return self._slots.setdefault(slot_name, {})

    def _get_or_make_slot(self, var: Any, val: Any, slot_name: str, op_name: str) -> Any:
        slots = self._slot_dict(slot_name)
        if _key(var) not in slots:
            slots[_key(var)] = slot_creator.create_slot(var, val, op_name)
        return slots[_key(var)]

    def _get_or_make_slot_with_initializer(
        self, var: Any, initializer: Any, shape: Any, dtype: Any, slot_name: str, op_name: str
    ) -> Any:
        slots = self._slot_dict(slot_name)
        if _key(var) not in slots:
            slots[_key(var)] = slot_creator.create_slot_with_initializer(
                var, initializer, shape, dtype, op_name
            )
        return slots[_key(var)]

    def _zeros_slot(self, var: Any, slot_name: str, op_name: str) -> Any:
        slots = self._slot_dict(slot_name)
        if _key(var) not in slots:
            slots[_key(var)] = slot_creator.create_zeros_slot(var, op_name)
        return slots[_key(var)]

    # What subclasses define

    def _valid_dtypes(self) -> tuple[dtypes.DType, ...]:
        return _VALID_DTYPES

    def _assert_valid_dtypes(self, tensors: list[Any]) -> None:
        valid = self._valid_dtypes()
        for tensor in tensors:
            dtype = tensor.dtype.base_dtype
            if dtype not in valid:
                raise ValueError(
                    f"Invalid type {dtype!r} for {tensor.name}, expected: {list(valid)}."
                )

    def _create_slots(self, var_list: list[Any]) -> None:
        """Makes the slots of some variables; none by default."""

    def _prepare(self) -> None:
        """Makes the tensors that all updates share; none by default."""

    def _apply_dense(self, grad: Tensor, var: Any) -> Any:
        raise NotImplementedError

    def _resource_apply_dense(self, grad: Tensor, handle: Any) -> Any:
        raise NotImplementedError

    def _apply_sparse(self, grad: Any, var: Any) -> Any:
        raise NotImplementedError

    def _resource_apply_sparse(self, grad: Tensor, handle: Any, indices: Tensor) -> Any:
        raise NotImplementedError

    def _apply_sparse_duplicate_indices(self, grad: Any, var: Any) -> Any:
        values, indices = deduplicated(grad.values, grad.indices)
        return self._apply_sparse(api.IndexedSlices(values, indices, grad.dense_shape), var)

    def _resource_apply_sparse_duplicate_indices(
        self, grad: Tensor, handle: Any, indices: Tensor
    ) -> Any:
        values, unique = deduplicated(grad, indices)
        return self._resource_apply_sparse(values, handle, unique)

    def _finish(self, update_ops: list[Any], name_scope: str) -> Any:
        return api.group(*update_ops, name=name_scope)

    def _call_if_callable(self, param: Any) -> Any:
        return param() if callable(param) else param


def _as_gradient(gradient: Any) -> Any:
    if gradient is None or isinstance(gradient, api.IndexedSlices):
        return gradient
    try:
        return convert_to_tensor(gradient)
    except TypeError:
        raise TypeError(
            f"Gradient must be convertible to a Tensor or IndexedSlices, or None: {gradient}"
        ) from None
