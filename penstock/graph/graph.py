"""`tf.Graph`: what a program is. Operations are added to it and never taken away."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any

from penstock.graph import shapes
from penstock.graph.devices import canonical_device, merge_device
from penstock.graph.elements import graph_element
from penstock.graph.open_sessions import OpenSessions
from penstock.graph.operation import Operation, Tensor, user_frame
from penstock.graph.region import hidden_input, is_visible
from penstock.graph.scopes import (
    ControlDependencies,
    NameScope,
    ScopeStacks,
    StackSetting,
    ThreadScopes,
    control_inputs_for,
)
from penstock.graph.stacks import GraphAsDefault, default_graph

if TYPE_CHECKING:
    from penstock.graph.opspec import OpSpec

_VALID_OP_NAME = re.compile(r"[A-Za-z0-9.][A-Za-z0-9_./-]*")
_VALID_SCOPE_NAME = re.compile(r"[A-Za-z0-9_./-]*")

PRODUCER_VERSION = 134  # of the GraphDefs that TensorFlow 1.15 writes


class Graph:
    """A dataflow graph: operations, the tensors between them, and named collections.

    Example:
        >>> with tf.Graph().as_default() as graph:
        ...     c = tf.constant(30.0)
        >>> c.graph is graph
        True
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._ops: list[Operation] = []
        self._by_name: dict[str, Operation] = {}
        self._names_in_use: dict[str, int] = {}
        self._threads = ThreadScopes()
        self._collections: dict[Any, list[Any]] = {}
        self._finalized = False
        self._skipped_ids = 0  # of operations that TensorFlow makes and penstock does not
        self._unfeedable: set[Operation] = set()
        self._py_funcs: list[Any] = []  # the functions of its ops live as long as it does
        self._unfetchable: set[Operation] = set()
        self._sessions = OpenSessions()
        self.mutation_count = 0  # changes to operations that were there already: plans look at it
        self.plans: dict[Any, Any] = {}  # made by penstock.plan, shared by all sessions
        self.seed: int | None = None

    @property
    def _scopes(self) -> ScopeStacks:
        """The scopes that this thread has open."""
        return self._threads.scopes

    # Adding operations

    def add_operation(
        self,
        spec: OpSpec,
        name: str,
        inputs: list[Tensor],
        attrs: dict[str, Any],
        outputs: list[tuple[Any, shapes.Shape]],
    ) -> Operation:
        """Adds an operation, under the scopes that are open in this thread.

        Args:
            spec: the record of its op.
            name: the wanted name; a slash at its end means exactly this name.
            inputs: its tensors, flat.
            attrs: its attrs.
            outputs: (dtype, shape) of each output.

        Raises:
            RuntimeError: the graph is finalized.
            ValueError: the name is not valid, or it is taken and was to be used exactly.
        """
        self._check_not_finalized()
        scopes = self._scopes
        region = scopes.region
        if region is not None:
            inputs = [region.see(tensor, name) for tensor in inputs]
        else:
            for tensor in inputs:
                if tensor.op.region is not None:
                    raise hidden_input(tensor, name, None)
        with self._lock:
            if name[-1] == "/":
                name = name[:-1]
                if name in self._by_name:
                    raise ValueError(f"Duplicate node name in graph: '{name}'")
            else:
                name = self.unique_name(name)
            op = Operation(self, spec, name, inputs, attrs)
            op.frame = user_frame()
            op.region = region
            op._id = len(self._ops) + 1
            op.outputs = [Tensor(op, n, dtype, shape) for n, (dtype, shape) in enumerate(outputs)]
            for tensor in inputs:
                tensor._add_consumer(op)
            self._ops.append(op)
            self._by_name[name] = op
        if scopes.controls:
            self._apply_control_dependencies(op, scopes.controls)
        if scopes.attrs:
            for key, value in scopes.attrs.items():
                attrs.setdefault(key, value)
        if scopes.gradient_overrides and spec.name in scopes.gradient_overrides:
            attrs["_gradient_op_type"] = scopes.gradient_overrides[spec.name].encode()
        if scopes.devices:
            for device_function in reversed(scopes.devices):
                device = device_function(op)
                op.device = device if isinstance(device, str) else canonical_device(device)
        if scopes.colocations:
            self._apply_colocations(op, scopes.colocations)
        return op

    def _apply_control_dependencies(self, op: Operation, blocks: list[ControlDependencies]) -> None:
        for control_input in control_inputs_for(blocks, {tensor.op for tensor in op._inputs}):
            if control_input.region is not None and not is_visible(control_input, op.region):
                continue  # a gradient's op need not wait for what its forward pass has done
            op._wait_for(control_input)
        for block in blocks:
            block.seen.add(op)

    def _apply_colocations(self, op: Operation, colocations: list[Operation]) -> None:
        groups: set[bytes] = set()
        for other in colocations:
            groups.update(other.colocation_groups())
            if other.device:
                op.device = other.device
        op._attrs["_class"] = sorted(groups)

    def create_op(
        self,
        op_type: str,
        inputs: list[Tensor],
        dtypes: Any = None,
        input_types: Any = None,
        name: str | None = None,
        attrs: dict[str, Any] | None = None,
        op_def: Any = None,
        compute_shapes: bool = True,
        compute_device: bool = True,
    ) -> Operation:
        """Adds an operation by the name of its op.

        Args:
            op_type: such as "MatMul".
            inputs: its tensors, flat.
            dtypes, input_types, op_def, compute_shapes, compute_device: worked out by themselves.
            name: the wanted name.
            attrs: AttrValue protobuf messages by name.

        Returns:
            The `Operation`.
        """
        from penstock.graph import protos
        from penstock.graph.opspec import lookup

        spec = lookup(op_type)
        plain = {key: protos.attr_from_proto(value) for key, value in (attrs or {}).items()}
        with self.as_default():
            return spec.build_flat(self, list(inputs), plain, name or op_type)

    # Names and scopes

    def unique_name(self, name: str, mark_as_used: bool = True) -> str:
        """A name not yet used in this graph, inside the current name scope.

        Names are compared without regard to case, and kept as they are given.

        Example:
            >>> graph.unique_name("a"), graph.unique_name("A")
            ('a', 'A_1')
        """
        if not self._scopes.name:
            self.check_name(name, "node")
        return self._unused_name(name, mark_as_used)

    def _unused_name(self, name: str, mark_as_used: bool = True) -> str:
        """`unique_name`, of a name that `check_name` has let pass."""
        prefix = self._scopes.name
        if prefix:
            name = f"{prefix}/{name}"
        used = self._names_in_use
        key = name.lower()
        if key == name:
            key = name  # one string serves both, here and as the op's name
        with self._lock:
            count = used.get(key, 0)
            if mark_as_used:
                used[key] = count + 1
            if count == 0:
                return name
            candidate = f"{key}_{count}"
            while candidate in used:
                count += 1
                candidate = f"{key}_{count}"
            if mark_as_used:
                used[candidate] = 1
        return candidate if key is name else f"{name}_{count}"

    def check_name(self, name: str, kind: str) -> None:
        """Raises ValueError, which tells the `kind`, unless `name` can be given to one here."""
        valid = _VALID_SCOPE_NAME if self._scopes.name else _VALID_OP_NAME
        if not valid.fullmatch(name):
            raise ValueError(f"'{name}' is not a valid {kind} name")

    def name_scope(self, name: str | None) -> AbstractContextManager[str]:
        """Puts the names of new operations under `name`.

        Args:
            name: a name, made unique; with a slash at its end, exactly that scope;
                None leaves all scopes.

        Example:
            >>> with graph.name_scope("layer") as scope: ...
        """
        return NameScope(self, name)

    def get_name_scope(self) -> str:
        """The current name scope, without a slash at its end."""
        return self._scopes.name

    def control_dependencies(self, control_inputs: Any) -> ControlDependencies:
        """Makes new operations wait for `control_inputs`.

        Args:
            control_inputs: a list of operations, tensors or variables; None drops all open ones.

        Raises:
            TypeError: one of them is no operation or tensor.

        Example:
            >>> with graph.control_dependencies([update]): ...
        """
        if control_inputs is None:
            return ControlDependencies(self, None)
        ops = dict.fromkeys([self._as_control_operation(item) for item in control_inputs])
        if any([op.region is not None for op in ops]):
            from penstock.graph.stand_ins import as_seen

            ops = dict.fromkeys([as_seen(op, self._scopes.region) for op in ops])
        return ControlDependencies(self, list(ops))

    def _as_control_operation(self, item: Any) -> Operation:
        if hasattr(item, "handle") and hasattr(item, "op"):
            item = item.op  # a resource variable, or what its assignment gave: no value is read
        elif hasattr(item, "_as_graph_element"):
            item = item._as_graph_element()
        elif hasattr(item, "values") and hasattr(item, "indices"):  # IndexedSlices, SparseTensor
            item = item.op
        element = self.as_graph_element(item)
        return element.op if isinstance(element, Tensor) else element

    def device(self, device_name_or_function: Any) -> StackSetting:
        """Assigns new operations to a device.

        Args:
            device_name_or_function: a device name, a function from Operation to one,
                or None for no device.

        Example:
            >>> with graph.device("/cpu:0"): ...
        """
        devices = self._scopes.devices
        if device_name_or_function is None:
            return StackSetting(self, "devices", [])
        if not callable(device_name_or_function):
            device_name_or_function = merge_device(device_name_or_function)
        return StackSetting(self, "devices", [*devices, device_name_or_function])

    @contextmanager
    def colocate_with(self, op: Any, ignore_existing: bool = False) -> Iterator[None]:
        """Puts new operations on the device of `op`.

        Args:
            op: an operation, tensor or variable; None drops all open ones
                (needs `ignore_existing`). Open devices do not count inside.
            ignore_existing: drop the colocations that are open.
        """
        if op is None and not ignore_existing:
            raise ValueError(
                "Trying to reset colocation (op is None) but ignore_existing is not True"
            )
        own = [] if op is None else [self._as_control_operation(op)]
        stacks = self._scopes
        outer = (stacks.colocations, stacks.devices)
        stacks.colocations = own if ignore_existing else [*stacks.colocations, *own]
        stacks.devices = []
        try:
            yield
        finally:
            stacks.colocations, stacks.devices = outer

    def container(self, container_name: str) -> StackSetting:
        """Puts the state of new stateful operations in a named container."""
        return StackSetting(self, "container", container_name)

    def gradient_override_map(self, op_type_map: dict[str, str]) -> StackSetting:
        """Gives new operations of some types another gradient, registered by `tf.RegisterGradient`.

        Args:
            op_type_map: from op type to the registered gradient's name.

        Raises:
            TypeError: the map holds something other than strings.
        """
        if not isinstance(op_type_map, dict):
            raise TypeError("`op_type_map` must be a dictionary mapping strings to strings")
        for key, value in op_type_map.items():
            if not isinstance(key, str) or not isinstance(value, str):
                raise TypeError("op_type_map must be a dictionary mapping strings to strings")
        merged = {**self._scopes.gradient_overrides, **op_type_map}
        return StackSetting(self, "gradient_overrides", merged)

    def _attr_scope(self, attr_map: dict[str, Any]) -> StackSetting:
        from penstock.graph import protos

        plain = {k: protos.attr_from_proto(v) for k, v in attr_map.items() if v is not None}
        return StackSetting(self, "attrs", {**self._scopes.attrs, **plain})

    def as_default(self) -> AbstractContextManager[Graph]:
        """Makes this the default graph of the thread, inside a `with` block.

        Example:
            >>> with graph.as_default(): ...
        """
        return GraphAsDefault(self)

    # Looking up

    def get_operations(self) -> list[Operation]:
        """All operations, in order of creation."""
        return list(self._ops)

    def get_operation_by_name(self, name: str) -> Operation:
        """The operation of that name.

        Raises:
            TypeError: `name` is no string.
            KeyError: there is none of that name.
        """
        if not isinstance(name, str):
            raise TypeError(f"Operation names are strings (or similar), not {type(name).__name__}.")
        element = self.as_graph_element(name, allow_tensor=False, allow_operation=True)
        return element

    def get_tensor_by_name(self, name: str) -> Tensor:
        """The tensor of that name, such as "dense/BiasAdd:0".

        Raises:
            TypeError: `name` is no string.
            KeyError, ValueError: there is none of that name, or the name is no tensor's.
        """
        if not isinstance(name, str):
            raise TypeError(f"Tensor names are strings (or similar), not {type(name).__name__}.")
        element = self.as_graph_element(name, allow_tensor=True, allow_operation=False)
        return element

    def as_graph_element(
        self, obj: Any, allow_tensor: bool = True, allow_operation: bool = True
    ) -> Any:
        """The Tensor or Operation of this graph that `obj` is, stands for or names.

        Raises:
            TypeError: `obj` cannot stand for such a thing.
            ValueError: the name is malformed, or `obj` belongs to another graph.
            KeyError: this graph has nothing of that name.
        """
        return graph_element(self, obj, allow_tensor, allow_operation)

    # Collections

    def add_to_collection(self, name: Any, value: Any) -> None:
        """Adds `value` to the collection `name`, even where it is in it already."""
        self._check_not_finalized()
        with self._lock:
            self._collections.setdefault(name, []).append(value)

    def add_to_collections(self, names: Any, value: Any) -> None:
        """Adds `value` to each of the collections `names`, a string or an iterable of them."""
        names = (names,) if isinstance(names, str) else set(names)
        for name in names:
            self.add_to_collection(name, value)

    def get_collection_ref(self, name: Any) -> list[Any]:
        """The collection itself: changing the list changes it."""
        with self._lock:
            return self._collections.setdefault(name, [])

    def get_collection(self, name: Any, scope: str | None = None) -> list[Any]:
        """The values in a collection.

        Args:
            name: the collection's name.
            scope: a regular expression; only items whose name it matches at the start.

        Returns:
            A new list.
        """
        with self._lock:
            items = list(self._collections.get(name, ()))
        if scope is None:
            return items
        pattern = re.compile(scope)
        return [item for item in items if hasattr(item, "name") and pattern.match(item.name)]

    def get_all_collection_keys(self) -> list[Any]:
        """The names of all collections."""
        with self._lock:
            return [key for key in self._collections if isinstance(key, str)]

    @property
    def collections(self) -> list[Any]:
        """The names of all collections."""
        return list(self._collections)

    def clear_collection(self, name: Any) -> None:
        """Empties a collection."""
        self._check_not_finalized()
        with self._lock:
            self._collections.pop(name, None)

    # State of the graph itself

    @property
    def version(self) -> int:
        """Grows with each operation added."""
        return len(self._ops)

    @property
    def _last_id(self) -> int:
        return len(self._ops) + self._skipped_ids

    def _skip_ids(self, count: int) -> None:
        """Counts operations that TensorFlow would have made: seeds of random ops depend on it."""
        self._skipped_ids += count

    @contextmanager
    def _counted_as(self, count: int) -> Iterator[None]:
        """Lets the operations made inside a `with` block count as so many as TensorFlow makes."""
        wanted = self._last_id + count
        yield
        self._skipped_ids += wanted - self._last_id

    @property
    def _version(self) -> int:
        return len(self._ops)

    @property
    def graph_def_versions(self) -> Any:
        """The VersionDef protobuf message of this graph's GraphDef."""
        from tensorboard.compat.proto import versions_pb2

        return versions_pb2.VersionDef(producer=PRODUCER_VERSION)

    @property
    def finalized(self) -> bool:
        """True where nothing can be added any more."""
        return self._finalized

    def finalize(self) -> None:
        """Makes the graph read-only."""
        self._finalized = True

    def _unsafe_unfinalize(self) -> None:
        self._finalized = False

    def _check_not_finalized(self) -> None:
        if self._finalized:
            raise RuntimeError("Graph is finalized and cannot be modified.")

    def _mutated(self) -> None:
        self.mutation_count += 1

    def as_graph_def(self, from_version: int | None = None, add_shapes: bool = False) -> Any:
        """The graph as a GraphDef protobuf message.

        Args:
            from_version: leave out the operations that were there at that version.
            add_shapes: write each op's static shapes in its attr `_output_shapes`.
        """
        from penstock.graph import protos

        return protos.graph_def(self, from_version, add_shapes)

    def prevent_feeding(self, tensor: Tensor) -> None:
        """Makes feeding `tensor` an error."""
        self._unfeedable.add(tensor.op)

    def is_feedable(self, tensor: Any) -> bool:
        """True where the graph does not forbid to feed it."""
        if not isinstance(tensor, Tensor):
            return True
        return tensor.op.region is None and tensor.op not in self._unfeedable

    def prevent_fetching(self, op: Operation) -> None:
        """Makes fetching `op` an error."""
        self._unfetchable.add(op)

    def is_fetchable(self, tensor_or_op: Any) -> bool:
        """True where the graph does not forbid to fetch it."""
        op = tensor_or_op.op if isinstance(tensor_or_op, Tensor) else tensor_or_op
        if not isinstance(op, Operation):
            return True
        return op.region is None and op not in self._unfetchable

    def open_sessions(self) -> list[Any]:
        """The sessions on this graph that are not closed."""
        return self._sessions.found()

    def __enter__(self) -> Graph:
        raise TypeError("a Graph is no context manager: use `with graph.as_default():`")

    def __exit__(self, *unused: object) -> None:
        raise TypeError("a Graph is no context manager: use `with graph.as_default():`")


def graph_of(values: Iterable[Any], given: Graph | None = None) -> Graph:
    """The one graph that the tensors among `values` belong to, else the default one.

    Raises:
        ValueError: they belong to different graphs.
    """
    graph, first = given, None
    for value in values:
        if isinstance(value, (list, tuple)):
            for item in value:
                if isinstance(item, Tensor):
                    graph, first = _same_graph(item, graph, first)
        elif isinstance(getattr(value, "graph", None), Graph):
            graph, first = _same_graph(value, graph, first)
    return graph if graph is not None else default_graph()


def _same_graph(value: Any, graph: Graph | None, first: Any) -> tuple[Graph, Any]:
    if graph is None:
        return value.graph, value
    if value.graph is not graph:
        if first is None:
            raise ValueError(f"{value} is not from the passed-in graph.")
        raise ValueError(f"{value} must be from the same graph as {first}.")
    return graph, first if first is not None else value
