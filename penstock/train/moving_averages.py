"""Moving averages of variables and tensors: `tf.train.ExponentialMovingAverage` and its steps."""

from __future__ import annotations

from typing import Any

from penstock.graph import dtypes
from penstock.graph.collections import GraphKeys
from penstock.graph.convert import convert_to_tensor
from penstock.graph.export import api, export
from penstock.graph.operation import Operation, Tensor
from penstock.graph.public import name_scope
from penstock.graph.stacks import default_graph
from penstock.ops.variable_scope import get_variable_scope, variable_scope
from penstock.ops.variables import Variable
from penstock.train import slot_creator

_AVERAGED = (dtypes.bfloat16, dtypes.float16, dtypes.float32, dtypes.float64)


def assign_moving_average(
    variable: Any, value: Any, decay: Any, zero_debias: bool = True, name: str | None = None
) -> Any:
    """Moves a variable a step towards a value: variable -= (1 - decay) * (variable - value).

    Args:
        variable: a variable of a float type.
        value: a tensor of its shape.
        decay: a number or scalar tensor, near 1 for a slow average.
        zero_debias: count the steps, and divide by what an average that starts at 0 has seen of
            the values by then (Kingma and Ba, 2014). What the variable starts with is dropped.
        name: a name for the operations.

    Returns:
        The variable's new value.

    Example:
        >>> update = assign_moving_average(moving_mean, mean, 0.99, zero_debias=False)
    """
    with name_scope(name, "AssignMovingAvg", [variable, value, decay]) as scope:
        rate = convert_to_tensor(1.0 - decay, name="decay")
        if rate.dtype != variable.dtype.base_dtype:
            rate = api.cast(rate, variable.dtype.base_dtype)
        if zero_debias:
            return api.assign(variable, _debiased(variable, value, rate), name=scope)
        return api.assign_sub(variable, (variable - value) * rate, name=scope)


def _debiased(variable: Any, value: Any, rate: Any) -> Any:
    """The average of the values alone, from a biased one and a count that are kept beside it."""
    graph = default_graph()
    with variable_scope(variable.op.name), graph.colocate_with(variable):
        with graph.control_dependencies(None):
            zeros = api.zeros_initializer()
            shape, dtype = variable.get_shape(), variable.dtype.base_dtype
            biased = api.get_variable(
                _unused_name("biased"), shape, dtype, initializer=zeros, trainable=False
            )
            steps = api.get_variable(
                _unused_name("local_step"), [], dtype, initializer=zeros, trainable=False
            )
    moved = api.assign_sub(biased, (biased - value) * rate)
    count = api.assign_add(steps, 1)
    return moved / (1 - api.pow(1.0 - rate, count, name="Pow"))


def _unused_name(name: str) -> str:
    """A name, with a number where the scope has a variable of that name already."""
    scope = get_variable_scope()
    if scope.reuse:
        return name
    taken = {variable.op.name for variable in api.global_variables()}
    found, number = name, 0
    while f"{scope.name}/{found}" in taken:
        number += 1
        found = f"{name}_{number}"
    return found


def weighted_moving_average(
    value: Any,
    decay: Any,
    weight: Any,
    truediv: bool = True,
    collections: Any = None,
    name: str | None = None,
) -> Tensor:
    """Moves an average in which later values, and those of a larger weight, count for more.

    Args:
        value: a tensor of float32.
        decay: a number or scalar tensor, near 1 for a slow average.
        weight: the value's weight, a tensor that broadcasts to its shape.
        truediv: divide as `tf.truediv` does, else as `tf.div`.
        collections: collections for the variables that are made.
        name: a name for the operations and variables.

    Returns:
        The new average.

    Example:
        >>> mean = weighted_moving_average(loss, 0.99, tf.cast(batch_size, tf.float32))
    """
    with variable_scope(name, "WeightedMovingAvg", [value, weight, decay]) as scope:
        sums = [
            api.get_variable(
                part,
                of.get_shape(),
                initializer=api.zeros_initializer(),
                trainable=False,
                collections=collections,
            )
            for part, of in (("value_x_weight", value), ("weight", weight))
        ]
        moved = assign_moving_average(sums[0], value * weight, decay, zero_debias=False)
        weights = assign_moving_average(sums[1], weight, decay, zero_debias=False)
        quotient: Tensor = (api.truediv if truediv else api.div)(moved, weights, name=scope.name)
        return quotient


@export("train.ExponentialMovingAverage")
class ExponentialMovingAverage:
    """Averages of variables and tensors that forget: average = decay * average + (1 - decay) * v.

    Args:
        decay: a number or scalar tensor, near 1 for a slow average.
        num_updates: the number of updates so far: while it is small, the decay is
            min(decay, (1 + num_updates) / (10 + num_updates)).
        zero_debias: correct averages of tensors, which start at 0, for that.
        name: the last part of the names of the averages.

    Example:
        >>> ema = tf.train.ExponentialMovingAverage(0.999)
        >>> with tf.control_dependencies([train]):
        ...     train = ema.apply()
        >>> saver = tf.train.Saver(ema.variables_to_restore())
    """

    def __init__(
        self,
        decay: Any,
        num_updates: Any = None,
        zero_debias: bool = False,
        name: str = "ExponentialMovingAverage",
    ) -> None:
        self._decay = decay
        self._num_updates = num_updates
        self._zero_debias = zero_debias
        self._name = name
        self._averages: dict[Any, Any] = {}

    @property
    def name(self) -> str:
        """The name, of which names of averages end."""
        return self._name

    def apply(self, var_list: Any = None) -> Operation:
        """An operation that updates averages; makes those that are missing.

        An average of a variable starts with the variable's initial value, that of a tensor with 0.

        Args:
            var_list: variables and tensors of a float type; all trainable variables where None.

        Returns:
            An Operation.

        Raises:
            TypeError: a variable is of another type.

        Example:
            >>> update = ema.apply([weights, bias])
        """
        items = api.trainable_variables() if var_list is None else list(var_list)
        for item in items:
            if item.dtype.base_dtype not in _AVERAGED:
                raise TypeError(f"The variables must be half, float, or double: {item.name}")
            if item not in self._averages:
                self._averages[item] = self._average_of(item)
        with name_scope(self._name) as scope:
            decay = self._present_decay()
            updates = [
                assign_moving_average(
                    self._averages[item],
                    item,
                    decay,
                    self._zero_debias and not isinstance(item, Variable),
                )
                for item in items
            ]
            updated: Operation = api.group(*updates, name=scope)
            return updated

    def _average_of(self, item: Any) -> Any:
        graph = default_graph()
        with graph.control_dependencies(None):
            if isinstance(item, Variable):
                average = slot_creator.create_slot(item, item.initialized_value(), self._name)
                graph.add_to_collection(GraphKeys.MOVING_AVERAGE_VARIABLES, item)
                return average
            beside = item.op.type in ("Variable", "VariableV2", "VarHandleOp")
            return slot_creator.create_zeros_slot(item, self._name, colocate_with_primary=beside)

    def _present_decay(self) -> Any:
        decay = convert_to_tensor(self._decay, name="decay")
        if self._num_updates is None:
            return decay
        count: Any = api.cast(self._num_updates, dtypes.float32, name="num_updates")
        return api.minimum(decay, (1.0 + count) / (10.0 + count))

    def average(self, var: Any) -> Any:
        """The variable that holds an average; None where `apply` was not given `var`.

        Args:
            var: a variable or tensor.
        """
        return self._averages.get(var)

    def average_name(self, var: Any) -> str:
        """The name of the variable that holds the average of `var`, or would hold it.

        Args:
            var: a variable or tensor.

        Returns:
            A name, of use for restoring averages from a checkpoint.
        """
        if var in self._averages:
            name: str = self._averages[var].op.name
            return name
        return var.op.graph.unique_name(f"{var.op.name}/{self._name}", mark_as_used=False)

    def variables_to_restore(self, moving_avg_variables: Any = None) -> dict[str, Any]:
        """A map for `tf.train.Saver` that restores averages into the variables themselves.

        Args:
            moving_avg_variables: variables to be restored from their averages; where None, all that
                are trainable or averaged.

        Returns:
            A dict from names in the checkpoint to variables; it has all global variables.

        Example:
            >>> saver = tf.train.Saver(ema.variables_to_restore())
        """
        if moving_avg_variables is None:
            moving_avg_variables = [*api.trainable_variables(), *api.moving_average_variables()]
        averaged = list(dict.fromkeys(moving_avg_variables))
        found = {self.average_name(variable): variable for variable in averaged}
        names = {variable.name for variable in averaged}
        for variable in api.global_variables():
            if variable.name not in names:
                found.setdefault(variable.op.name, variable)
        return found
