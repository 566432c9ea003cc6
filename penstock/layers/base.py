"""`Layer`: a function of tensors that makes its variables when it is called first.

A layer has one variable scope of its own, which its first call opens: inside the scopes that are
open then, under the layer's name. Later calls, wherever they stand, find the variables there.
"""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from penstock.graph import dtypes, nest, shapes
from penstock.graph.convert import convert_to_tensor
from penstock.graph.graph import Graph
from penstock.graph.operation import Tensor
from penstock.graph.public import name_scope
from penstock.graph.stacks import default_graph
from penstock.layers.input_spec import check_inputs
from penstock.ops.partitioned_variables import PartitionedVariable
from penstock.ops.variable_kinds import VariableAggregation, VariableSynchronization
from penstock.ops.variable_scope import VariableScope, get_variable, variable_scope

_name_counts: WeakKeyDictionary[Graph, dict[str, int]] = WeakKeyDictionary()


class Layer:
    """A function of tensors that owns variables.

    A subclass makes its variables in `build`, with `add_weight`, and computes in `call`. It works
    without calling `Layer.__init__`, too.

    Args:
        trainable: False keeps its variables from optimizers.
        name: a name; the class's name in snake case, with a number, where None.
        dtype: the type of its variables; that of its first input where None.
        _scope: the variable scope to use.
        _reuse: True finds its variables and makes none; tf.AUTO_REUSE does as is needed.

    Attributes:
        trainable: whether variables that it makes from now on are trainable.
        built: whether `build` has run.
        input_spec: what it demands of its inputs: an InputSpec or a structure of them.

    Raises:
        TypeError: an argument has an unknown name.
    """

    trainable = True
    built = False
    input_spec: Any = None
    _name: str | None = None
    _dtype: str | None = None
    _scope: VariableScope | None = None
    _reuse: Any = None

    def __init__(
        self,
        trainable: bool = True,
        name: str | None = None,
        dtype: Any = None,
        *,
        _scope: Any = None,
        _reuse: Any = None,
        **unknown: Any,
    ) -> None:
        for argument in unknown:
            raise TypeError("Keyword argument not understood:", argument)
        self.trainable = trainable
        self._name = name or _unique_name(snake_case(type(self).__name__))
        self._base_name = name or snake_case(type(self).__name__)
        self._dtype = None if dtype is None else dtypes.as_dtype(dtype).name
        self._reuse = _reuse
        if _scope is not None:
            with variable_scope(_scope) as scope:
                self._scope = scope

    # What it is called and where its variables stand

    @property
    def name(self) -> str | None:
        """The name, given or made unique."""
        return self._name

    @property
    def dtype(self) -> str | None:
        """The name of the type of its variables; None until it is known."""
        return self._dtype

    @property
    def scope_name(self) -> str:
        """The name of its variable scope.

        Raises:
            ValueError: it has not been called yet.
        """
        if self._scope is None:
            raise ValueError(
                f'No name available for layer scope because the layer "{self._name}" has not been '
                "used yet. The scope name  is determined the first time the layer instance is "
                "called. You must therefore call the layer before querying `scope_name`."
            )
        return self._scope.name

    def _open_scope(self, scope: Any = None) -> None:
        if self._scope is not None:
            return
        base = self.__dict__.get("_base_name") or snake_case(type(self).__name__)
        if self._reuse:
            opening = variable_scope(base if scope is None else scope)
        else:
            opening = variable_scope(scope, default_name=base)
        with opening as opened:
            self._scope = opened

    # Its variables

    @property
    def _own_trainable(self) -> list[Any]:
        return self.__dict__.setdefault("_trainable_list", [])

    @property
    def _own_non_trainable(self) -> list[Any]:
        return self.__dict__.setdefault("_non_trainable_list", [])

    @property
    def trainable_weights(self) -> list[Any]:
        """Its trainable variables; those of layers inside are theirs alone."""
        return list(self._own_trainable) if self.trainable else []

    @property
    def non_trainable_weights(self) -> list[Any]:
        """Its variables that are not trainable: all of them where the layer is not."""
        if self.trainable:
            return list(self._own_non_trainable)
        return [*self._own_trainable, *self._own_non_trainable]

    @property
    def weights(self) -> list[Any]:
        """All its variables, the trainable ones first."""
        return [*self.trainable_weights, *self.non_trainable_weights]

    @property
    def variables(self) -> list[Any]:
        """All its variables, the trainable ones first."""
        return self.weights

    @property
    def trainable_variables(self) -> list[Any]:
        """Its trainable variables."""
        return self.trainable_weights

    @property
    def non_trainable_variables(self) -> list[Any]:
        """Its variables that are not trainable."""
        return self.non_trainable_weights

    def count_params(self) -> int:
        """The number of elements of all its variables.

        Raises:
            ValueError: it has none yet.
        """
        if not self.built:
            raise ValueError(
                f"You tried to call `count_params` on {self._name}, but the layer isn't built. "
                f"You can build it manually via: `{self._name}.build(batch_input_shape)`."
            )
        return sum([int(np.prod(v.shape.as_list(), dtype=int)) for v in self.weights])

    def add_weight(
        self,
        name: str,
        shape: Any = None,
        dtype: Any = None,
        initializer: Any = None,
        regularizer: Any = None,
        trainable: bool | None = None,
        constraint: Any = None,
        use_resource: bool | None = None,
        synchronization: VariableSynchronization = VariableSynchronization.AUTO,
        aggregation: VariableAggregation = VariableAggregation.NONE,
        partitioner: Any = None,
    ) -> Any:
        """Makes or finds a variable in the layer's scope.

        Args:
            name: its name there.
            shape: its shape.
            dtype: its type; the layer's where None, and float32 where that has none. It becomes
                the layer's where that has none.
            initializer, regularizer, constraint, use_resource, synchronization, aggregation,
                partitioner: as for `tf.get_variable`.
            trainable: whether optimizers change it; it must be the layer's wish as well.

        Returns:
            A `tf.Variable`, or a variable in parts.
        """
        self._open_scope()
        dtype = dtypes.as_dtype(dtype or self._dtype or dtypes.float32)
        self._dtype = self._dtype or dtype.base_dtype.name
        reuse = self.built or self._reuse
        trains = self.trainable if trainable is None else trainable and self.trainable
        with variable_scope(self._scope, reuse=reuse, auxiliary_name_scope=False) as scope:
            with name_scope(scope.original_name_scope):
                variable = get_variable(
                    name, shape=() if shape is None else shape,
                    dtype=dtype, initializer=initializer,
                    regularizer=regularizer, trainable=trains, constraint=constraint,
                    use_resource=use_resource, synchronization=synchronization,
                    aggregation=aggregation, partitioner=partitioner,
                )  # fmt: skip
        for part in variable if isinstance(variable, PartitionedVariable) else [variable]:
            (self._own_trainable if trains else self._own_non_trainable).append(part)
        return variable

    add_variable = add_weight

    # Calls

    def build(self, input_shape: Any) -> None:
        """Makes the variables; subclasses say which.

        Args:
            input_shape: the shape of the input, a TensorShape, or the structure of several.
        """
        self.built = True

    def call(self, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        """Computes the outputs; subclasses say how."""
        return inputs

    def __call__(self, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        """Builds the layer where this is its first call, and applies it.

        Args:
            inputs: a tensor or a structure of tensors.
            *args, **kwargs: for `call`.
            scope: the variable scope to use, at the first call.

        Raises:
            ValueError: the inputs are not what the layer demands, or it gives nothing.
        """
        self._open_scope(kwargs.pop("scope", None))
        reuse = True if self.built else self._reuse
        with variable_scope(self._scope, reuse=reuse, auxiliary_name_scope=False) as scope:
            with name_scope(scope.original_name_scope):
                inputs = nest.map_structure(_as_tensor, inputs)
                check_inputs(self.input_spec, inputs, str(self._name))
                self._build_once(inputs)
                if _takes_scope(type(self).call):
                    kwargs["scope"] = scope
                outputs = self.call(inputs, *args, **kwargs)
        if outputs is None:
            raise ValueError(
                "A layer's `call` method should return a Tensor or a list of Tensors, not None "
                f"(layer: {self._name})."
            )
        return outputs

    def _build_once(self, inputs: Any) -> None:
        if self.built:
            return
        leaves = nest.flatten(inputs)
        if self._dtype is None and leaves and isinstance(leaves[0], Tensor):
            self._dtype = leaves[0].dtype.base_dtype.name
        shape_of = nest.map_structure(lambda leaf: getattr(leaf, "shape", None), inputs)
        self.build(shape_of)
        self.built = True


@functools.cache
def _takes_scope(call: Callable[..., Any]) -> bool:
    return "scope" in inspect.signature(call).parameters


def _as_tensor(value: Any) -> Any:
    return convert_to_tensor(value) if isinstance(value, (np.ndarray, float, int)) else value


def last_size(input_shape: Any) -> int:
    """The size of the last axis of a layer's input.

    Raises:
        ValueError: it is not known.
    """
    shape = shapes.as_tuple(input_shape)
    if shape is None or not shape or shape[-1] is None:
        raise ValueError(f"Expected inputs.shape[-1] to be known, saw shape: {shape}")
    return shape[-1]


def snake_case(name: str) -> str:
    """The name of a class as the name of its objects: BasicLSTMCell gives basic_lstm_cell."""
    apart = re.sub("(.)([A-Z][a-z0-9]+)", r"\1_\2", name)
    lower = re.sub("([a-z])([A-Z])", r"\1_\2", apart).lower()
    return "private" + lower if lower.startswith("_") else lower  # a scope cannot begin with "_"


def _unique_name(base: str) -> str:
    counts = _name_counts.setdefault(default_graph(), {})
    counts[base] = counts.get(base, 0) + 1
    return f"{base}_{counts[base]}"
