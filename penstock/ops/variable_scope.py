"""`tf.variable_scope` and `tf.get_variable`: names, sharing and defaults of variables."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

from penstock.graph import dtypes
from penstock.graph.collections import GraphKeys
from penstock.graph.convert import convert_to_tensor
from penstock.graph.export import export
from penstock.graph.graph import Graph, graph_of
from penstock.graph.public import name_scope
from penstock.graph.stacks import default_graph
from penstock.ops.variable_kinds import VariableAggregation, VariableSynchronization
from penstock.ops.variable_store import AUTO_REUSE, VariableStore, variable_store


@export("VariableScope")
class VariableScope:
    """The names and defaults that hold for `tf.get_variable` inside a `tf.variable_scope`.

    Args:
        reuse: True, False (or None), or tf.AUTO_REUSE.
        name: the prefix of variable names, without a slash at its end.
        initializer, regularizer, caching_device, partitioner, custom_getter, dtype, use_resource,
            constraint: defaults for `get_variable`.
        name_scope: the name scope that was entered with it.

    Example:
        >>> tf.get_variable_scope().name
    """

    def __init__(
        self,
        reuse: Any,
        name: str = "",
        initializer: Any = None,
        regularizer: Any = None,
        caching_device: Any = None,
        partitioner: Any = None,
        custom_getter: Any = None,
        name_scope: str = "",
        dtype: Any = dtypes.float32,
        use_resource: bool | None = None,
        constraint: Any = None,
    ) -> None:
        self._name = name
        self._reuse = reuse
        self._name_scope = name_scope
        self.initializer = initializer
        self.regularizer = regularizer
        self.caching_device = caching_device
        self.partitioner = partitioner
        self.custom_getter = custom_getter
        self.dtype = dtype
        self.use_resource = use_resource
        self.constraint = constraint

    @property
    def name(self) -> str:
        """The prefix of variable names, without a slash at its end."""
        return self._name

    @property
    def original_name_scope(self) -> str:
        """The name scope that was entered when the scope was made, with a slash at its end."""
        return self._name_scope

    @property
    def reuse(self) -> Any:
        """True, False, or tf.AUTO_REUSE."""
        return self._reuse

    def reuse_variables(self) -> None:
        """Lets `get_variable` in this scope only find variables, from now on."""
        self._reuse = True

    def set_initializer(self, initializer: Any) -> None:
        """Sets the default initializer."""
        self.initializer = initializer

    def set_dtype(self, dtype: Any) -> None:
        """Sets the default type."""
        self.dtype = dtype

    def set_use_resource(self, use_resource: bool) -> None:
        """Sets which kind of variable is made by default."""
        self.use_resource = use_resource

    def set_regularizer(self, regularizer: Any) -> None:
        """Sets the default regularizer."""
        self.regularizer = regularizer

    def set_caching_device(self, caching_device: Any) -> None:
        """Sets the default caching device."""
        self.caching_device = caching_device

    def set_partitioner(self, partitioner: Any) -> None:
        """Sets the default partitioner."""
        self.partitioner = partitioner

    def set_custom_getter(self, custom_getter: Any) -> None:
        """Sets the default custom getter."""
        self.custom_getter = custom_getter

    def get_collection(self, name: Any) -> list[Any]:
        """What a collection holds of this scope."""
        scope = self._name + "/" if self._name else ""
        return default_graph().get_collection(name, scope)

    def trainable_variables(self) -> list[Any]:
        """The trainable variables of this scope."""
        return self.get_collection(GraphKeys.TRAINABLE_VARIABLES)

    def global_variables(self) -> list[Any]:
        """The global variables of this scope."""
        return self.get_collection(GraphKeys.GLOBAL_VARIABLES)

    def local_variables(self) -> list[Any]:
        """The local variables of this scope."""
        return self.get_collection(GraphKeys.LOCAL_VARIABLES)

    def get_variable(
        self,
        var_store: VariableStore,
        name: str,
        shape: Any = None,
        dtype: Any = None,
        initializer: Any = None,
        regularizer: Any = None,
        reuse: Any = None,
        trainable: bool | None = None,
        collections: Any = None,
        caching_device: Any = None,
        partitioner: Any = None,
        validate_shape: bool = True,
        use_resource: bool | None = None,
        custom_getter: Any = None,
        constraint: Any = None,
        synchronization: VariableSynchronization = VariableSynchronization.AUTO,
        aggregation: VariableAggregation = VariableAggregation.NONE,
    ) -> Any:
        """Finds or makes the variable `name` of this scope; see `tf.get_variable`."""

        def first(*choices: Any) -> Any:
            return next((choice for choice in choices if choice is not None), None)

        with name_scope(None):
            if dtype is not None and initializer is not None and not callable(initializer):
                found = convert_to_tensor(initializer).dtype.base_dtype
                if found != dtype:
                    raise ValueError(
                        f"Initializer type '{found}' and explicit dtype '{dtype}' don't match."
                    )
            return var_store.get_variable(
                f"{self.name}/{name}" if self.name else name,
                shape=shape, dtype=first(dtype, self.dtype),
                initializer=first(initializer, self.initializer),
                regularizer=first(regularizer, self.regularizer),
                reuse=first(reuse, self.reuse, False), trainable=trainable, collections=collections,
                caching_device=first(caching_device, self.caching_device),
                partitioner=first(partitioner, self.partitioner), validate_shape=validate_shape,
                use_resource=first(use_resource, self.use_resource),
                custom_getter=first(custom_getter, self.custom_getter),
                constraint=first(constraint, self.constraint), synchronization=synchronization,
                aggregation=aggregation,
            )  # fmt: skip


class _Scopes:
    """The variable scopes of one thread on one graph."""

    def __init__(self) -> None:
        self.current = VariableScope(False)
        self.counts: dict[
            str, int
        ] = {}  # how often each was opened: default names are made unique by it

    def open(self, name: str) -> None:
        self.counts[name] = self.counts.get(name, 0) + 1

    def close_inner(self, name: str) -> None:
        for key in self.counts:
            if not name or key.startswith(name + "/"):
                self.counts[key] = 0

    def unique(self, prefix: str) -> str:
        name = f"{self.current.name}/{prefix}" if self.current.name else prefix
        if not self.counts.get(name):
            return prefix
        index = 1
        while self.counts.get(f"{name}_{index}"):
            index += 1
        return f"{prefix}_{index}"


def _scopes(graph: Graph) -> _Scopes:
    stacks = graph._scopes
    if stacks.variable_store is None:
        stacks.variable_store = _Scopes()
    return stacks.variable_store


@export("get_variable_scope")
def get_variable_scope() -> VariableScope:
    """The current variable scope.

    Returns:
        A `tf.VariableScope`.

    Example:
        >>> tf.get_variable_scope().reuse_variables()
    """
    return _scopes(default_graph()).current


def _wrapped_getter(custom_getter: Any, outer: Any) -> Any:
    """A custom getter whose own getter is the outer scope's."""
    if outer is None:
        return custom_getter

    def nested(getter: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        return custom_getter(functools.partial(outer, getter), *args, **kwargs)

    return nested


@export("variable_scope")
class variable_scope:
    """Puts `tf.get_variable` under a scope, and opens a name scope of the same name.

    Args:
        name_or_scope: a name, made part of the variables' names as it is; a VariableScope to
            enter again; or None.
        default_name: a name, made unique, where `name_or_scope` is None.
        values: tensors whose graph is used.
        initializer, regularizer, caching_device, partitioner, dtype, use_resource, constraint:
            defaults for `get_variable`.
        custom_getter: `f(getter, name, **kwargs)` that is called in place of
            `get_variable`'s own work.
        reuse: True to find variables only, tf.AUTO_REUSE to make those that are missing,
            None to do as outside.
        auxiliary_name_scope: False opens no name scope.

    Raises:
        ValueError, TypeError: the arguments are of the wrong kind, or there is no name.

    Example:
        >>> with tf.variable_scope("layer"):
        ...     w = tf.get_variable("w", [2, 3])  # layer/w
    """

    def __init__(
        self,
        name_or_scope: Any,
        default_name: str | None = None,
        values: Any = None,
        initializer: Any = None,
        regularizer: Any = None,
        caching_device: Any = None,
        partitioner: Any = None,
        custom_getter: Any = None,
        reuse: Any = None,
        dtype: Any = None,
        use_resource: bool | None = None,
        constraint: Any = None,
        auxiliary_name_scope: bool = True,
    ) -> None:
        if default_name is None and name_or_scope is None:
            raise TypeError("If default_name is None then name_or_scope is required")
        if reuse not in (None, True, False) and reuse is not AUTO_REUSE:
            raise ValueError("The reuse parameter must be True or False or None.")
        if not isinstance(auxiliary_name_scope, bool):
            raise TypeError(
                "The auxiliary_name_scope must be `True` or `False`, while get "
                f"{auxiliary_name_scope}"
            )
        self._name_or_scope = name_or_scope
        self._default_name = default_name
        self._reuse = reuse or None  # False is as good as nothing: a scope inherits reuse
        self._auxiliary_name_scope = auxiliary_name_scope
        self._custom_getter = custom_getter
        self._defaults = {
            "initializer": initializer, "regularizer": regularizer, "partitioner": partitioner,
            "caching_device": caching_device, "dtype": dtype, "use_resource": use_resource,
            "constraint": constraint,
        }  # fmt: skip
        self._graph = graph_of(list(values or ()))

    def __enter__(self) -> VariableScope:
        given = self._name_or_scope
        if given is not None and not isinstance(given, (str, VariableScope)):
            raise TypeError("VariableScope: name_or_scope must be a string or VariableScope.")
        if given is None and self._reuse:
            raise ValueError("reuse=True cannot be used without a name_or_scope")
        self._default_graph = self._graph.as_default()
        self._default_graph.__enter__()
        try:
            return self._enter_scopes()
        except BaseException:
            self._default_graph.__exit__(None, None, None)
            raise

    def _enter_scopes(self) -> VariableScope:
        given = self._name_or_scope
        if given is None:
            wanted = str(self._default_name)
        else:
            wanted = given if isinstance(given, str) else given.name.split("/")[-1]
        self._names: Any = None
        opened = self._graph.get_name_scope()
        opened = opened + "/" if opened else ""
        if wanted and self._auxiliary_name_scope:
            self._names = name_scope(wanted)
            opened = self._names.__enter__()
        scopes = self._scopes = _scopes(self._graph)
        self._outer = scopes.current
        self._outer_counts: dict[str, int] | None = None
        if isinstance(given, VariableScope):
            self._outer_counts = dict(scopes.counts)
            scopes.open(given.name)
            scope = self._inside(given, given.name, given.original_name_scope)
            scope._reuse = given.reuse if self._reuse is None else self._reuse
        else:
            part = scopes.unique(wanted) if given is None else given
            name = f"{self._outer.name}/{part}" if self._outer.name else part
            scopes.open(name)
            scope = self._inside(self._outer, name, opened)
            scope._reuse = self._reuse or self._outer.reuse
        scopes.current = scope
        return scope

    def _inside(self, base: VariableScope, name: str, opened: str) -> VariableScope:
        """A scope with the defaults of `base`, and those that are given here in their place."""
        scope = VariableScope(
            base.reuse, name, base.initializer, base.regularizer, base.caching_device,
            base.partitioner, base.custom_getter, opened, base.dtype, base.use_resource,
            base.constraint,
        )  # fmt: skip
        for key, value in self._defaults.items():
            if value is not None:
                setattr(scope, key, value)
        if self._custom_getter is not None:
            scope.custom_getter = _wrapped_getter(self._custom_getter, base.custom_getter)
        return scope

    def __exit__(self, *details: Any) -> None:
        scopes = self._scopes
        if self._outer_counts is None:
            scopes.close_inner(scopes.current.name)
        else:
            scopes.counts = self._outer_counts
        scopes.current = self._outer
        if self._names is not None:
            self._names.__exit__(*details)
        self._default_graph.__exit__(*details)

    def __call__(self, function: Any) -> Any:
        """Makes the scope a decorator, which enters it at each call."""

        @functools.wraps(function)
        def inside(*args: Any, **kwargs: Any) -> Any:
            with variable_scope(
                self._name_or_scope, self._default_name,
                custom_getter=self._custom_getter, reuse=self._reuse,
                auxiliary_name_scope=self._auxiliary_name_scope, **self._defaults,
            ):  # fmt: skip
                return function(*args, **kwargs)

        return inside


@export("variable_op_scope")
def variable_op_scope(
    values: Any,
    name_or_scope: Any,
    default_name: str | None = None,
    initializer: Any = None,
    regularizer: Any = None,
    caching_device: Any = None,
    partitioner: Any = None,
    custom_getter: Any = None,
    reuse: Any = None,
    dtype: Any = None,
    use_resource: bool | None = None,
    constraint: Any = None,
) -> variable_scope:
    """The older form of `tf.variable_scope`, with `values` first.

    Args:
        values: tensors that must belong to the default graph.
        name_or_scope, default_name, …: as for `tf.variable_scope`.

    Example:
        >>> with tf.variable_op_scope([x], "layer"): ...
    """
    return variable_scope(
        name_or_scope, default_name, values, initializer, regularizer, caching_device, partitioner,
        custom_getter, reuse, dtype, use_resource, constraint,
    )  # fmt: skip


@export("no_regularizer")
def no_regularizer(_: Any) -> None:
    """A regularizer that adds nothing: it keeps a scope's regularizer away from a variable.

    Args:
        _: a variable.

    Example:
        >>> tf.get_variable("bias", [3], regularizer=tf.no_regularizer)
    """
    return None


@export("get_variable")
def get_variable(
    name: str,
    shape: Any = None,
    dtype: Any = None,
    initializer: Any = None,
    regularizer: Any = None,
    trainable: bool | None = None,
    collections: Any = None,
    caching_device: Any = None,
    partitioner: Any = None,
    validate_shape: bool = True,
    use_resource: bool | None = None,
    custom_getter: Any = None,
    constraint: Any = None,
    synchronization: VariableSynchronization = VariableSynchronization.AUTO,
    aggregation: VariableAggregation = VariableAggregation.NONE,
) -> Any:
    """The variable of that name in the current variable scope: found or made, as `reuse` says.

    Args:
        name: its name in the scope.
        shape: its shape.
        dtype: its type; the scope's where None, float32 at the outermost.
        initializer: an initializer, or a value (then without `shape`); the scope's where None, else
            Glorot's uniform for floating types and zeros for others.
        regularizer: a function from the variable to a loss, put in the collection of
            regularization losses.
        trainable, collections, caching_device, validate_shape, use_resource, constraint,
            synchronization, aggregation: as for `tf.Variable`.
        partitioner: a function that says how to cut it into parts.
        custom_getter: a function that is called in place of the getter.

    Returns:
        A `tf.Variable`.

    Raises:
        ValueError: it exists and may not be shared, does not exist and may not be made, or has
            another shape or type.

    Example:
        >>> w = tf.get_variable("w", [784, 10])
    """
    return get_variable_scope().get_variable(
        variable_store(), name, shape=shape, dtype=dtype,
        initializer=initializer, regularizer=regularizer, trainable=trainable,
        collections=collections, caching_device=caching_device, partitioner=partitioner,
        validate_shape=validate_shape, use_resource=use_resource, custom_getter=custom_getter,
        constraint=constraint, synchronization=synchronization, aggregation=aggregation,
    )  # fmt: skip


@export("get_local_variable")
def get_local_variable(*args: Any, **kwargs: Any) -> Any:
    """`tf.get_variable` for a variable that is local, so not saved, and not trainable.

    Args:
        args, kwargs: as for `tf.get_variable`.

    Returns:
        A `tf.Variable`.

    Example:
        >>> count = tf.get_local_variable("count", [], initializer=tf.zeros_initializer())
    """
    given = inspect.signature(get_variable).bind(*args, **kwargs).arguments
    given["trainable"] = False
    given["collections"] = [*(given.get("collections") or ()), GraphKeys.LOCAL_VARIABLES]
    return get_variable(**given)
