"""`Operation` and `Tensor`: the nodes and edges of a graph."""

from __future__ import annotations

import linecache
import sys
from collections.abc import Iterator, Sequence
from types import CodeType
from typing import TYPE_CHECKING, Any

from penstock.graph import dtypes, shapes
from penstock.graph.errors import PACKAGE_FOLDER
from penstock.graph.references import Reference

if TYPE_CHECKING:
    from penstock.graph.graph import Graph
    from penstock.graph.opspec import OpSpec
    from penstock.graph.region import Region


class OperatorNotAllowedInGraphError(TypeError):
    """A Python operator that needs a value is used on a symbolic tensor."""


class UserFrame:
    """A place in the user's program: a code object, and an instruction of it.

    The instruction and not its line, which takes longer to find out and is seldom asked for.
    """

    __slots__ = ("code", "instruction")

    def __init__(self, code: CodeType, instruction: int) -> None:
        self.code = code
        self.instruction = instruction

    @property
    def line(self) -> int:
        """The line of the source that the instruction belongs to."""
        for start, end, line in self.code.co_lines():
            if start <= self.instruction < end and line is not None:
                return line
        return self.code.co_firstlineno


# One for each place: a line in a loop makes many ops. By the id of the code, which they keep: to
# hash code, Python goes through all its instructions, and equal code of two files is equal.
_frames: dict[tuple[int, int], UserFrame] = {}


def user_frame() -> UserFrame:
    """The innermost frame outside the package: where the user made an op."""
    frame = sys._getframe(2)
    while frame.f_code.co_filename.startswith(PACKAGE_FOLDER):
        outer = frame.f_back
        if outer is None:
            break
        frame = outer
    code, instruction = frame.f_code, frame.f_lasti
    key = (id(code), instruction)
    return _frames.get(key) or _frames.setdefault(key, UserFrame(code, instruction))


class Tensor:
    """A symbolic value: one output of an `Operation`. It has no value until a session runs it.

    Args:
        op: the operation that makes it.
        value_index: which output of the op it is.
        dtype: the type of its elements.
        shape: its static shape.

    Example:
        >>> tf.constant(1.0)
        <tf.Tensor 'Const:0' shape=() dtype=float32>
    """

    __slots__ = (
        "__weakref__",
        "_consumers",
        "_shape",
        "_static",
        "assign",
        "dtype",
        "graph",
        "op",
        "value_index",
    )

    __array_priority__ = 100

    if TYPE_CHECKING:  # the operators, which penstock/ops installs
        __add__: Any
        __radd__: Any
        __sub__: Any
        __rsub__: Any
        __mul__: Any
        __rmul__: Any
        __truediv__: Any
        __rtruediv__: Any
        __floordiv__: Any
        __rfloordiv__: Any
        __mod__: Any
        __rmod__: Any
        __pow__: Any
        __rpow__: Any
        __matmul__: Any
        __rmatmul__: Any
        __and__: Any
        __rand__: Any
        __or__: Any
        __ror__: Any
        __xor__: Any
        __rxor__: Any
        __neg__: Any
        __abs__: Any
        __invert__: Any
        __lt__: Any
        __le__: Any
        __gt__: Any
        __ge__: Any
        __getitem__: Any
        assign: Any  # of slices, which set it: puts a value into that part of a variable

    def __init__(
        self, op: Operation, value_index: int, dtype: Any, shape: shapes.Shape = None
    ) -> None:
        self.op = op
        self.graph = op.graph
        self.value_index = value_index
        self.dtype = dtype if type(dtype) is dtypes.DType else dtypes.as_dtype(dtype)
        self._shape = shape
        self._consumers: Sequence[Operation] = ()  # a list once there is one: graphs are large
        self._static: Any = None  # the constant value, once graph/static_value.py worked it out

    @property
    def name(self) -> str:
        """The name of the op, a colon and the output's index."""
        return f"{self.op.name}:{self.value_index}"

    @property
    def device(self) -> str:
        """The device that the op is assigned to, or ''."""
        return self.op.device

    @property
    def shape(self) -> shapes.TensorShape:
        """The static shape, as far as it is known, a TensorShape."""
        return shapes.TensorShape(self._shape)

    def get_shape(self) -> shapes.TensorShape:
        """The static shape, as far as it is known, a TensorShape."""
        return shapes.TensorShape(self._shape)

    def set_shape(self, shape: Any) -> None:
        """Adds knowledge to the static shape.

        Raises:
            ValueError: `shape` is not compatible with what is known.
        """
        shape = shapes.as_tuple(shape)
        if self._shape is not None and not shapes.compatible(self._shape, shape):
            raise ValueError(f"{shapes.conflict(self._shape, shape)} They are of {self.name!r}.")
        self._shape = shapes.merge(self._shape, shape)

    def _shape_as_list(self) -> list[int | None] | None:
        return None if self._shape is None else list(self._shape)

    def _rank(self) -> int | None:
        return None if self._shape is None else len(self._shape)

    def consumers(self) -> list[Operation]:
        """The operations that take this tensor as an input, in order of creation."""
        return list(dict.fromkeys(self._consumers))

    def _add_consumer(self, op: Operation) -> None:
        consumers = self._consumers
        if type(consumers) is list:
            consumers.append(op)
        else:
            self._consumers = [op]

    def eval(self, feed_dict: Any = None, session: Any = None) -> Any:
        """Runs this tensor in `session`, or in the default one, and returns its value.

        Where there is no default session, the one open session of the tensor's graph serves.

        Raises:
            ValueError: no session is given, none is the default, and the graph has
                none open or several.

        Example:
            >>> c.eval(session=sess)
        """
        return session_for(self.graph, session, "evaluate", "tensor", "eval").run(self, feed_dict)

    def experimental_ref(self) -> Reference:
        """What stands for this very tensor as a key of a dictionary."""
        return Reference(self)

    def __repr__(self) -> str:
        shape = shapes.shape_text(self._shape)
        return f"<tf.Tensor {self.name!r} shape={shape} dtype={self.dtype.name}>"

    def __str__(self) -> str:
        shape = "" if self._shape is None else f", shape={shapes.shape_text(self._shape)}"
        device = f", device={self.device}" if self.device else ""
        return f'Tensor("{self.name}"{shape}, dtype={self.dtype.name}{device})'

    def __copy__(self) -> Tensor:
        return self

    def __iter__(self) -> Iterator[Tensor]:
        raise OperatorNotAllowedInGraphError(
            "iterating over `tf.Tensor` is not allowed in Graph execution. Use Eager execution or "
            f"decorate this function with @tf.function. The tensor is {self}; loop over what a "
            "session returns for it."
        )

    def __len__(self) -> int:
        raise TypeError(
            f"len is not well defined for symbolic Tensors. ({self.name}) Please call `x.shape` "
            "rather than `len(x)` for shape information."
        )

    def __bool__(self) -> bool:
        raise OperatorNotAllowedInGraphError(
            "using a `tf.Tensor` as a Python `bool` is not allowed in Graph execution. Use Eager "
            f"execution or decorate this function with @tf.function. The tensor is {self}; use "
            "`is not None`, tf.cond, or run it."
        )

    __nonzero__ = __bool__

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        raise NotImplementedError(
            f"Cannot convert a symbolic Tensor ({self.name}) to a numpy array."
        )

    def __float__(self) -> float:
        raise TypeError(
            f"float() argument must be a number, not the symbolic tensor {self}; run it first"
        )

    def __int__(self) -> int:
        raise TypeError(
            f"int() argument must be a number, not the symbolic tensor {self}; run it first"
        )

    def __index__(self) -> int:
        raise TypeError(
            f"the symbolic tensor {self} cannot be interpreted as an integer; run it first"
        )

    def _as_node_def_input(self) -> str:
        return self.op.name if self.value_index == 0 else f"{self.op.name}:{self.value_index}"

    @classmethod
    def _override_operator(cls, operator: str, function: Any) -> None:
        """Sets an overloaded operator, such as `__add__`."""
        setattr(cls, operator, function)


class Operation:
    """A node of a graph. Made by the public functions, never directly.

    Attributes:
        graph: the graph it belongs to.
        name: its unique name.
        type: the name of its op, such as "MatMul".
        inputs, outputs: its tensors.
        control_inputs: the operations that run before it.
        device: where it is to run, or ''.
        region: the branch or loop body that it is part of, or None.
        regions: the branches or loop bodies that it owns and runs.

    Example:
        >>> tf.add(1.0, 2.0, name="sum").op.type
    """

    __slots__ = (
        "__weakref__", "_attrs", "_control_inputs", "_control_outputs", "_id", "_inputs",
        "device", "frame", "graph", "name", "outputs", "region", "regions", "spec",
    )  # fmt: skip

    def __init__(
        self, graph: Graph, spec: OpSpec, name: str, inputs: list[Tensor], attrs: dict[str, Any]
    ) -> None:
        self.graph = graph
        self.spec = spec
        self.name = name
        self._inputs = inputs
        self._attrs = attrs
        self._control_inputs: tuple[Operation, ...] = ()
        self._control_outputs: Sequence[Operation] = ()
        self.device = ""
        self.outputs: list[Tensor] = []
        self.frame: UserFrame | None = None
        self.region: Region | None = None
        self.regions: tuple[Region, ...] = ()
        self._id = -1

    @property
    def type(self) -> str:
        """The name of the op, such as "MatMul"."""
        return self.spec.name

    @property
    def inputs(self) -> list[Tensor]:
        """The tensors that it takes."""
        return list(self._inputs)

    @property
    def control_inputs(self) -> list[Operation]:
        """The operations that must run before it, though it takes no value of theirs."""
        return list(self._control_inputs)

    @property
    def _control_outputs_list(self) -> list[Operation]:
        return list(self._control_outputs)

    @property
    def op_def(self) -> Any:
        """The OpDef protobuf message of its type."""
        from penstock.graph import protos

        return protos.op_def(self.spec)

    @property
    def node_def(self) -> Any:
        """The operation as a NodeDef protobuf message."""
        from penstock.graph import protos

        return protos.node_def(self)

    @property
    def traceback(self) -> list[tuple[str, int, str, str]]:
        """Where the user made it: [(file, line, function, source line)]."""
        if self.frame is None:
            return []
        code, line = self.frame.code, self.frame.line
        source = linecache.getline(code.co_filename, line).strip()
        return [(code.co_filename, line, code.co_name, source)]

    def where(self) -> str:
        """The user's line that made it, as Python prints a frame."""
        return "\n".join(
            [f'  File "{f}", line {n}, in {name}\n    {src}' for f, n, name, src in self.traceback]
        )

    def values(self) -> tuple[Tensor, ...]:
        """Its outputs, as a tuple."""
        return tuple(self.outputs)

    def get_attr(self, name: str) -> Any:
        """The value of an attr: int, float, bool, bytes, DType, protobuf message or list of these.

        Raises:
            ValueError: it has no such attr.
        """
        from penstock.graph import protos

        if name not in self._attrs:
            raise ValueError(f"Operation {self.name!r} has no attr named {name!r}.")
        return protos.public_attr(self._attrs[name], self.spec.attr_kind(name))

    def _set_attr(self, name: str, value: Any) -> None:
        from penstock.graph import protos

        self._attrs[name] = protos.attr_from_proto(value)
        self.graph._mutated()

    def colocation_groups(self) -> list[bytes]:
        """The groups of operations that share its device, as `loc:@name`."""
        own = f"loc:@{self.name}".encode()
        groups = [group for group in self._attrs.get("_class", ()) if group.startswith(b"loc:@")]
        return groups or [own]

    def run(self, feed_dict: Any = None, session: Any = None) -> None:
        """Runs this operation in `session`, or in the default one.

        Raises:
            ValueError: there is no session to run in.
        """
        session_for(self.graph, session, "execute", "operation", "run").run(self, feed_dict)

    def _set_device(self, device: Any) -> None:
        from penstock.graph.devices import canonical_device

        self.device = canonical_device(device)
        self.graph._mutated()

    def _wait_for(self, op: Operation) -> None:
        self._control_inputs = (*self._control_inputs, op)
        waiting = op._control_outputs
        if type(waiting) is list:
            waiting.append(self)
        else:
            op._control_outputs = [self]

    def _add_control_input(self, op: Operation) -> None:
        self._add_control_inputs([op])

    def _add_control_inputs(self, ops: list[Operation]) -> None:
        for op in ops:
            if op.graph is not self.graph:
                raise ValueError(f"{op.name!r} and {self.name!r} are not in the same graph")
            if op not in self._control_inputs:
                self._wait_for(op)
        self.graph._mutated()

    def _update_input(self, index: int, tensor: Tensor) -> None:
        if tensor.graph is not self.graph:
            raise ValueError(f"{tensor.name!r} and {self.name!r} are not in the same graph")
        consumers = list(self._inputs[index]._consumers)
        consumers.remove(self)
        self._inputs[index]._consumers = consumers
        self._inputs[index] = tensor
        tensor._add_consumer(self)
        self.graph._mutated()

    def __repr__(self) -> str:
        return f"<tf.Operation {self.name!r} type={self.type}>"

    def __str__(self) -> str:
        from google.protobuf import text_format

        return text_format.MessageToString(self.node_def)  # with its attrs in order


def session_for(graph: Graph, session: Any, purpose: str, thing: str, method: str) -> Any:
    """The session that `Tensor.eval` and `Operation.run` use.

    The one given, else the default one, else the one open session of the graph.

    Raises:
        ValueError: there is none, or it runs another graph.
    """
    from penstock.graph.stacks import default_session

    if session is not None:
        if session.graph is not graph:
            raise ValueError(
                f"Cannot use the given session to {purpose} {thing}: the {thing}'s graph is "
                "different from the session's graph."
            )
        return session
    session = default_session()
    if session is None:
        open_sessions = graph.open_sessions()
        if len(open_sessions) == 1:
            return open_sessions[0]
        count = "none" if not open_sessions else str(len(open_sessions))
        raise ValueError(
            f"Cannot {purpose} {thing} using `{method}()`: No default session is registered. Use "
            f"`with sess.as_default()` or pass an explicit session to `{method}(session=sess)` "
            f"(sessions open on this graph: {count})"
        )
    if session.graph is not graph:
        raise ValueError(
            f"Cannot use the default session to {purpose} {thing}: the {thing}'s graph is "
            f"different from the session's graph. Pass an explicit session to "
            f"`{method}(session=sess)`."
        )
    return session
