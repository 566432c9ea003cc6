"""Cases for ops on variables: assignments, scatters, and one step of each rule of training."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.ops.case import case, fails, floats

ROWS = np.array([[1.0, -2.0], [0.5, 3.0], [4.0, 0.25]], np.float32)
ONCE = np.array([2, 0], np.int32)
TWICE = np.array([1, 1], np.int64)


def variable(tf: Any, kind: str, name: str = "v") -> Any:
    """A variable of the kind "ref" or "resource"."""
    return tf.Variable(ROWS, name=name, use_resource=kind == "resource")


def value_after(tf: Any, changed: Any) -> Any:
    """What an update gives, as a tensor."""
    return tf.identity(changed, name="after")


def assigned(tf: Any, kind: str, how: str, x: Any) -> Any:
    """A variable's value after assign, assign_add or assign_sub."""
    return value_after(tf, getattr(tf, how)(variable(tf, kind), x))


def scattered(tf: Any, kind: str, how: str, indices: Any, x: Any) -> Any:
    """A variable's value after an update of some rows."""
    return value_after(tf, getattr(tf, "scatter_" + how)(variable(tf, kind), indices, x))


def scattered_places(tf: Any, how: str, indices: Any, x: Any) -> Any:
    """A variable's value after an update of some elements."""
    return value_after(tf, getattr(tf, "scatter_nd_" + how)(variable(tf, "ref"), indices, x))


def gathered(tf: Any, indices: Any) -> Any:
    """Rows of a resource variable."""
    return tf.gather(variable(tf, "resource"), indices)


def method(tf: Any, kind: str, how: str, x: Any) -> Any:
    """A variable's value after one of its methods that take IndexedSlices."""
    slices = tf.IndexedSlices(x, tf.constant(ONCE))
    return value_after(tf, getattr(variable(tf, kind), how)(slices))


def assigned_integers(tf: Any, how: str, x: Any) -> Any:
    """An update of an integer variable."""
    numbers = tf.Variable(np.array([7, -7, 5], np.int32), name="n")
    return value_after(tf, getattr(tf, how)(numbers, [0, 1, 2], x))


def unshaped(tf: Any, x: Any) -> Any:
    """An assignment that changes the variable's shape."""
    return value_after(tf, tf.assign(variable(tf, "ref"), x, validate_shape=False))


def counted(tf: Any, kind: str) -> Any:
    """A counter before it counts up."""
    return tf.count_up_to(tf.Variable(4, name="n", use_resource=kind == "resource"), 7)


def counted_by_name(tf: Any, kind: str) -> Any:
    """The same, with a name."""
    return tf.count_up_to(tf.Variable(4, name="n", use_resource=kind == "resource"), 7, "count")


def resource_places(tf: Any, how: str, indices: Any, x: Any) -> Any:
    """A resource variable's value after an update of some elements."""
    return value_after(tf, getattr(variable(tf, "resource"), "scatter_nd_" + how)(indices, x))


def shape_of(tf: Any) -> Any:
    """The shape of a resource variable, asked of its handle."""
    return tf.raw_ops.VariableShape(input=variable(tf, "resource").handle)


def destroyed(tf: Any) -> Any:
    """Whether a resource has a value once it was destroyed."""
    v = variable(tf, "resource")
    with tf.control_dependencies([tf.raw_ops.DestroyResourceOp(resource=v.handle)]):
        return tf.is_variable_initialized(v)


def old_variable(tf: Any, x: Any) -> Any:
    """The op that variables were before VariableV2."""
    ref = tf.raw_ops.Variable(shape=[3], dtype=tf.float32, name="old")
    return value_after(tf, tf.assign(ref, x))


def sharded_filename(tf: Any) -> Any:
    """The name of a part of a checkpoint."""
    return tf.raw_ops.ShardedFilename(basename="/tmp/model", shard=3, num_shards=12)


CASES = (
    [
        case(assigned, kind, how, floats(3, 2)).but(gradient=False)
        for kind in ("ref", "resource")
        for how in ("assign", "assign_add", "assign_sub")
    ]
    + [
        case(scattered, kind, how, indices, floats(2, 2)).but(gradient=False)
        for kind in ("ref", "resource")
        for how in ("update", "add", "sub", "mul", "div", "min", "max")
        for indices in (ONCE, TWICE)
    ]
    + [
        case(scattered_places, how, np.array([[2, 1], [0, 0]], np.int32), floats(2)).but(
            gradient=False
        )
        for how in ("update", "add", "sub")
    ]
    + [
        case(resource_places, how, np.array([[2, 1], [0, 0]], np.int32), floats(2)).but(
            gradient=False
        )
        for how in ("update", "add", "sub")
    ]
    + [
        case(scattered_places, "add", np.array([[1], [1]], np.int64), floats(2, 2)).but(
            gradient=False
        ),
        case(scattered, "ref", "add", np.array(1, np.int32), floats(2)).but(gradient=False),
        case(scattered, "ref", "update", ONCE, np.array(7.0, np.float32)).but(gradient=False),
        case(assigned_integers, "scatter_div", np.array([2, 2, -3], np.int32)).but(gradient=False),
        case(unshaped, floats(5)).but(gradient=False),
        case(counted, "ref").but(gradient=False),
        case(counted, "resource").but(gradient=False),
        case(counted_by_name, "ref").but(gradient=False),
        case(counted_by_name, "resource").but(gradient=False),
        case(shape_of).but(gradient=False),
        case(destroyed).but(gradient=False),
        case(old_variable, floats(3)).but(gradient=False),
        case(sharded_filename).but(gradient=False),
        case("string_join", ["a", np.array([b"b", b"c"], object)], separator="-").but(
            gradient=False
        ),
        case(gathered, TWICE).but(gradient=False),
        case(gathered, np.array([[0, 2], [1, 1]], np.int32)).but(gradient=False),
    ]
    + [
        case(method, kind, how, floats(2, 2)).but(gradient=False)
        for kind in ("ref", "resource")
        for how in ("scatter_add", "scatter_sub", "scatter_update")
    ]
    + [
        fails(assigned, "ref", "assign", floats(2, 2)).but(
            says="Dimension 0 in both shapes must be equal"
        ),
        fails(assigned, "ref", "assign_add", floats(2)).but(
            says="Shapes must be equal rank, but are 2 and 1"
        ),
        fails(assigned, "resource", "assign", floats(2, 2)).but(says="are incompatible"),
        fails(assigned, "ref", "assign", floats(2, 2)).but(
            shapes="unknown",
            says="Assign requires shapes of both tensors to match. "
            "lhs shape= [3,2] rhs shape= [2,2]",
        ),
        fails(assigned, "ref", "assign_add", floats(2, 2)).but(
            shapes="unknown", says="arameters and update must be the same size"
        ),
        fails(scattered, "ref", "update", ONCE, floats(3, 2)).but(
            shapes="unknown", says="Must have updates.shape = indices.shape + params.shape[1:]"
        ),
    ]
)
