"""Stacks: what loops save for their gradients, as the interpreter and as XLA hold them.

The ops are _StackTake, _StackTakeOrZeros, _StackUnit, _StackZeros, _StackSum, _StackConcat,
_StackSplit and _StackJoin; each rule is a sentence of penstock/ops/stacks.py.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import penstock as tf
from penstock.graph.opspec import lookup

VALUES = np.arange(12, dtype=np.float32).reshape(3, 2, 2)


def both(op: str, *operands: Any) -> list[np.ndarray]:
    """The result of an op's two kernels: a list of arrays for the one, an array for the other."""
    import jax.numpy as jnp

    spec = lookup(op)
    assert spec.kernel is not None
    assert spec.xla_kernel is not None
    as_lists = [list(o) if o is VALUES else o for o in operands]
    traced = [jnp.asarray(o) if isinstance(o, np.ndarray) else o for o in operands]
    return [spec.kernel(*as_lists), spec.xla_kernel(*traced)]


def dense(stack: Any) -> np.ndarray:
    """A gradient of a stack, with its zeros."""
    if hasattr(stack, "at") and not hasattr(stack, "shape"):
        values = [stack.at(place) for place in range(len(VALUES))]
        return np.stack([np.zeros((2, 2), np.float32) if v is None else v for v in values])
    return np.asarray(stack)


@pytest.mark.parametrize("place", [0, 2])
def test_take(place: int) -> None:
    for value in both("_StackTake", VALUES, np.int32(place)):
        np.testing.assert_array_equal(value, VALUES[place])


def test_unit_and_zeros() -> None:
    """A unit is zero but at its place; a stack of zeros adds nothing."""
    unit = np.ones((2, 2), np.float32)
    expected = np.zeros_like(VALUES)
    expected[1] = 1
    for stack, zeros in zip(
        both("_StackUnit", VALUES, unit, np.int32(1)), both("_StackZeros", VALUES), strict=True
    ):
        np.testing.assert_array_equal(dense(stack), expected)
        np.testing.assert_array_equal(dense(zeros), 0 * VALUES)


def test_sums_of_sums() -> None:
    """Terms add up, at one place and at several, however deep the sums are nested."""
    spec = lookup("_StackUnit")
    add = lookup("_StackSum").kernel
    assert spec.kernel is not None
    assert add is not None
    total = lookup("_StackZeros").kernel(VALUES)  # type: ignore[misc]
    expected = np.zeros_like(VALUES)
    for number in range(5000):  # deeper than Python's stack
        value = np.full((2, 2), number, np.float32)
        total = add([total, spec.kernel(VALUES, value, np.int32(number % 3))])
        expected[number % 3] += number
    np.testing.assert_array_equal(dense(total), expected)
    np.testing.assert_array_equal(dense(add([total, total])), 2 * expected)


def test_take_or_zeros() -> None:
    """Where nothing has flowed back the gradient is zero."""
    like = VALUES[0]
    unit = lookup("_StackUnit").kernel(VALUES, VALUES[1], np.int32(1))  # type: ignore[misc]
    take = lookup("_StackTakeOrZeros").kernel
    assert take is not None
    np.testing.assert_array_equal(take(unit, np.int32(1), like), VALUES[1])
    np.testing.assert_array_equal(take(unit, np.int32(2), like), np.zeros((2, 2)))
    for value in both("_StackTakeOrZeros", VALUES, np.int32(2), like):
        np.testing.assert_array_equal(value, VALUES[2])


def test_concat_and_back() -> None:
    """_StackSplit undoes _StackConcat, and _StackJoin undoes _StackSplit."""
    like = np.zeros((0, 2), np.float32)
    whole = VALUES.reshape(6, 2)
    for joined in both("_StackConcat", VALUES, like):
        np.testing.assert_array_equal(joined, whole)
    parts, traced_parts = both("_StackSplit", VALUES, whole)
    for found in (parts, traced_parts):
        np.testing.assert_array_equal(dense(found), VALUES)
    join = lookup("_StackJoin")
    assert join.kernel is not None
    assert join.xla_kernel is not None
    np.testing.assert_array_equal(join.kernel(list(VALUES), parts, whole), whole)
    np.testing.assert_array_equal(join.xla_kernel(VALUES, traced_parts, whole), whole)


def test_parts_of_different_lengths() -> None:
    """In the interpreter the entries need not be of one length."""
    stack = [np.ones((1, 2), np.float32), np.full((3, 2), 2, np.float32)]
    concat, split, join = [
        lookup(op).kernel for op in ("_StackConcat", "_StackSplit", "_StackJoin")
    ]
    whole = concat(stack, np.zeros((0, 2), np.float32))  # type: ignore[misc]
    assert whole.shape == (4, 2)
    parts = split(stack, whole)  # type: ignore[misc]
    np.testing.assert_array_equal(parts.at(1), stack[1])
    np.testing.assert_array_equal(join(stack, parts, whole), whole)  # type: ignore[misc]


def test_no_entries() -> None:
    """A loop that did not run: there is nothing to concatenate."""
    concat = lookup("_StackConcat").kernel
    assert concat is not None
    assert concat([], np.zeros((0, 2), np.float32)).shape == (0, 2)


def test_slices_with_rows_of_unknown_size() -> None:
    """Rows that a loop or a branch takes, of a table whose row size is fed: no size is claimed."""
    with tf.Graph().as_default(), tf.Session() as sess:
        table = tf.placeholder(tf.float32, [None, None])
        flag, count = tf.placeholder(tf.bool, []), tf.placeholder(tf.int32, [])

        def body(i: Any, total: Any) -> Any:
            return i + 1, total + tf.reduce_sum(tf.square(tf.gather(table, [i, 0])))

        total = tf.while_loop(lambda i, _: i < count, body, [0, 0.0])[1]
        picked = tf.cond(flag, lambda: tf.reduce_sum(tf.gather(table, [1])), lambda: 0.0)
        slopes = tf.gradients(total, table) + tf.gradients(picked, table)
        assert all(isinstance(slope, tf.IndexedSlices) for slope in slopes)
        assert slopes[0].values.shape.as_list()[1:] == [None]
        dense = [tf.convert_to_tensor(slope) for slope in slopes]
        value = np.arange(9, dtype=np.float32).reshape(3, 3)
        for taken, runs in ((True, 2), (False, 0)):
            found = sess.run(dense, {table: value, flag: taken, count: runs})
            expected = np.zeros((3, 3), np.float32)
            for row in range(runs):
                expected[row] += 2 * value[row]
                expected[0] += 2 * value[0]
            np.testing.assert_array_equal(found[0], expected)
            np.testing.assert_array_equal(found[1], [[0] * 3, [int(taken)] * 3, [0] * 3])
