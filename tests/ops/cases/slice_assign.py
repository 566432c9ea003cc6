"""Cases for assignments to parts of variables, batches of rows, and elements of resources."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.ops.case import case, fails, floats
from tests.ops.cases.state import value_after, variable

KINDS = ("ref", "resource")


def sliced(tf: Any, kind: str, key: Any, x: Any) -> Any:
    """A variable of shape [3, 2] after `v[key].assign(x)`."""
    return value_after(tf, variable(tf, kind)[key].assign(x))


def sliced_by_name(tf: Any, kind: str, x: Any) -> Any:
    """The assignment to a slice that `tf.strided_slice` made, by the slice's name."""
    v = variable(tf, kind)
    part = tf.strided_slice(v, [1, 0], [3, 2], [1, 1], end_mask=2, var=v, name="part")
    return value_after(tf, part.assign(x))


def sliced_at(tf: Any, kind: str, place: Any, x: Any) -> Any:
    """The assignment to a row whose number is computed."""
    return value_after(tf, variable(tf, kind)[place].assign(x, name="put"))


def strings(tf: Any, kind: str) -> Any:
    """The assignment to one of several strings."""
    texts = tf.Variable(["a", "b", "c"], name="s", use_resource=kind == "resource")
    return value_after(tf, texts[1].assign("q"))


def not_a_variable(tf: Any, x: Any) -> Any:
    """The assignment to a slice of a tensor."""
    return x[0].assign(1.0)


def batches(tf: Any, kind: str, indices: Any, x: Any) -> Any:
    """A variable after an update of places in each of its rows."""
    return value_after(tf, tf.batch_scatter_update(variable(tf, kind), indices, x))


def batches_by_method(tf: Any, kind: str, x: Any) -> Any:
    """The same by the variable's method."""
    slices = tf.IndexedSlices(x, tf.constant(np.array([[1], [0], [1]], np.int64)))
    return value_after(tf, variable(tf, kind).batch_scatter_update(slices))


def elements(tf: Any, kind: str, indices: Any) -> Any:
    """Elements or slices of a variable, by tf.gather_nd."""
    return tf.gather_nd(variable(tf, kind), indices)


def gradient_of_elements(tf: Any, kind: str, indices: Any) -> Any:
    """What flows back into the variable from such elements."""
    v = variable(tf, kind)
    found = tf.gradients(tf.square(tf.gather_nd(v, indices)), v)[0]
    return tf.convert_to_tensor(found)


CASES = (
    [
        case(sliced, kind, key, x).but(gradient=False)
        for kind in KINDS
        for key, x in (
            (0, floats(2)),
            (-1, floats(2)),
            (slice(None), floats(3, 2)),
            (slice(1, None), floats(2, 2)),
            (slice(None, None, -2), floats(2, 2)),
            (slice(2, 1), floats(0, 2)),
            ((1, 1), floats()),
            ((slice(None), 0), floats(3)),
            ((Ellipsis, 1), floats(3)),
            (Ellipsis, floats(3, 2)),
            ((None, 1), floats(1, 2)),
        )
    ]
    + [
        item
        for kind in KINDS
        for item in (
            case(sliced_by_name, kind, floats(2, 2)).but(gradient=False),
            case(sliced_at, kind, np.array(2, np.int32), floats(2)).but(gradient=False),
            case(sliced_at, kind, np.array(-3, np.int64), floats(2)).but(gradient=False),
            case(strings, kind).but(gradient=False),
            case(batches, kind, np.array([[1], [0], [1]], np.int32), floats(3, 1)).but(
                gradient=False
            ),
            case(batches, kind, np.array([1], np.int64), floats(1, 2)).but(gradient=False),
            case(batches_by_method, kind, floats(3, 1)).but(gradient=False),
            case(elements, kind, np.array([[2, 1], [0, 0]], np.int32)).but(gradient=False),
            case(elements, kind, np.array([[1], [1]], np.int64)).but(gradient=False),
            case(elements, kind, np.array([2], np.int32)).but(gradient=False),
            case(gradient_of_elements, kind, np.array([[2, 1], [2, 1]], np.int32)).but(
                gradient=False
            ),
            case(gradient_of_elements, kind, np.array([[1], [1]], np.int64)).but(gradient=False),
            fails(sliced, kind, 0, floats(3)).but(
                says="sliced l-value shape [2] does not match r-value shape [3]"
            ),
            fails(sliced, kind, slice(None, 2), floats(2)).but(
                says="Automatic broadcasting not yet implemented"
            ),
            fails(sliced_at, kind, np.array(3, np.int32), floats(2)).but(
                says="slice index 3 of dimension 0 out of bounds"
            ),
        )
    ]
    + [
        fails(not_a_variable, floats(3, 2)).but(
            says="Sliced assignment is only supported for variables"
        )
    ]
)
