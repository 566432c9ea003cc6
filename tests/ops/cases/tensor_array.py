"""Cases for tf.TensorArray: each method, in loops and outside, with its wrong uses."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.ops.case import Case, bools, case, const, fails, floats, ints

WORDS = np.array([b"a", b"bc", b""], object)


def array(tf: Any, x: Any, size: Any = 3, **kwargs: Any) -> Any:
    """An empty array of the type of `x`."""
    return tf.TensorArray(tf.as_dtype(x.dtype), size, **kwargs)


def written(tf: Any, x: Any, places: Any = (0, 1, 2), size: Any = 3, **kwargs: Any) -> Any:
    """An array with the slices of `x` written one by one."""
    ta = array(tf, x, size, **kwargs)
    for k, place in enumerate(places):
        ta = ta.write(place, x[k])
    return ta


def write_read(tf: Any, x: Any, places: Any = (0, 1, 2), read: Any = 1, **kwargs: Any) -> Any:
    return written(tf, x, places, **kwargs).read(read)


def write_stack(tf: Any, x: Any, places: Any = (0, 1, 2), **kwargs: Any) -> Any:
    return written(tf, x, places, **kwargs).stack()


def read_twice(tf: Any, x: Any, clear: Any) -> Any:
    ta = written(tf, x, clear_after_read=clear)
    first = ta.read(1)
    with tf.control_dependencies([first]):
        return [first, ta.read(1)]


def write_gather(tf: Any, x: Any, indices: Any, **kwargs: Any) -> Any:
    return written(tf, x, **kwargs).gather(indices)


def write_concat(tf: Any, x: Any, **kwargs: Any) -> Any:
    return written(tf, x, **kwargs).concat()


def concat_parts(tf: Any, parts: Any, **kwargs: Any) -> Any:
    """Elements of different lengths."""
    ta = tf.TensorArray(parts[0].dtype, len(parts), infer_shape=False, **kwargs)
    for k, part in enumerate(parts):
        ta = ta.write(k, part)
    return ta.concat()


def unstack_stack(tf: Any, x: Any, size: Any = 3, **kwargs: Any) -> Any:
    return array(tf, x, size, **kwargs).unstack(x * x if x.dtype.is_floating else x).stack()


def unstack_gather(tf: Any, x: Any, indices: Any, **kwargs: Any) -> Any:
    return array(tf, x, **kwargs).unstack(x).gather(indices, name="taken")


def scatter_gather(tf: Any, x: Any, places: Any, indices: Any, size: Any = 4, **kwargs: Any) -> Any:
    return array(tf, x, size, **kwargs).scatter(places, x).gather(indices)


def scatter_again(tf: Any, x: Any) -> Any:
    ta = array(tf, x, 6).scatter([0, 2, 4], x)
    return ta.scatter([5, 3, 1], x * 3.0).stack()


def split_stack(tf: Any, x: Any, lengths: Any, size: Any = 3, **kwargs: Any) -> Any:
    return array(tf, x, size, **kwargs).split(x, lengths).stack()


def split_concat(tf: Any, x: Any, lengths: Any, size: Any = 3, **kwargs: Any) -> Any:
    return array(tf, x, size, **kwargs).split(x, lengths).concat(name="joined")


def split_read(tf: Any, x: Any, lengths: Any, size: Any = 3, **kwargs: Any) -> Any:
    return array(tf, x, size, infer_shape=False, **kwargs).split(x, lengths).read(1)


def size_of(tf: Any, x: Any, size: Any = 3, **kwargs: Any) -> Any:
    return written(tf, x, size=size, **kwargs).size()


def empty_size(tf: Any, size: Any) -> Any:
    return tf.TensorArray(tf.float32, size).size(name="count")


def closed(tf: Any, x: Any) -> Any:
    ta = written(tf, x)
    value = ta.stack()
    with tf.control_dependencies([value]):
        close = ta.close()
    with tf.control_dependencies([close]):
        return tf.identity(value)


def read_closed(tf: Any, x: Any) -> Any:
    ta = written(tf, x)
    with tf.control_dependencies([ta.close()]):
        return ta.read(0)


def unwritten(tf: Any, x: Any, **kwargs: Any) -> Any:
    """An element that nobody has written."""
    return written(tf, x, (0, 2), 4, **kwargs).read(1)


def never_written(tf: Any, how: str, **kwargs: Any) -> Any:
    ta = tf.TensorArray(tf.float32, 2, **kwargs)
    return getattr(ta, how)(*([0] if how == "read" else []))


def identity_of(tf: Any, x: Any) -> Any:
    ta = written(tf, x).identity()
    return [ta.stack(), ta.flow]


def from_handle(tf: Any, x: Any, **kwargs: Any) -> Any:
    ta = written(tf, x)
    other = tf.TensorArray(x.dtype, handle=ta.handle, flow=ta.flow, name="other", **kwargs)
    return other.read(2)


def gradient_array(tf: Any, x: Any) -> Any:
    """The array of gradients itself, written and read."""
    ta = array(tf, x).unstack(x)
    grad = ta.grad("walk").unstack(x * 2.0)
    grad = grad.write(0, x[1])  # adds
    return grad.stack()


def attributes(tf: Any, x: Any, **kwargs: Any) -> Any:
    ta = written(tf, x, **kwargs)
    return tf.constant(
        str([ta.dtype, ta.element_shape, ta.dynamic_size, ta.flow.name, ta.handle.name])
    )


def in_loop(tf: Any, x: Any, how: str, **kwargs: Any) -> Any:
    """What a loop writes element by element, and reads."""
    ta = array(tf, x, 0 if kwargs.get("dynamic_size") else 4, **kwargs)
    source = tf.TensorArray(x.dtype, 4, clear_after_read=how != "two_reads").unstack(x)

    def body(i: Any, total: Any, ta: Any) -> Any:
        value = source.read(i)
        if how == "two_reads":
            value = value * source.read(3 - i)
        elif how == "square":
            value = value * value
        if how == "running":
            value = value + tf.tanh(total)
        ta = ta.write(3 - i if how == "backwards" else i, value)
        return i + 1, total + tf.reduce_sum(value), ta

    _, total, ta = tf.while_loop(lambda i, *_: i < 4, body, (0, tf.zeros([], x.dtype), ta))
    return [ta.concat() if how == "concat" else ta.stack(), total]


def read_outside(tf: Any, x: Any) -> Any:
    """Elements written in one loop and read in another."""
    ta = array(tf, x, 4)
    _, ta = tf.while_loop(
        lambda i, _: i < 4, lambda i, ta: (i + 1, ta.write(i, tf.sin(x[i]))), (0, ta)
    )
    return tf.while_loop(
        lambda i, _: i < 4, lambda i, s: (i + 1, s * 0.5 + ta.read(i)), (0, tf.zeros_like(x[0]))
    )[1]


def in_branch(tf: Any, x: Any, p: Any) -> Any:
    ta = array(tf, x, 3)
    ta = tf.cond(p, lambda: ta.unstack(x), lambda: ta.unstack(tf.sin(x)))
    return ta.stack()


def grows(tf: Any, x: Any, n: Any) -> Any:
    ta = array(tf, x, 0, dynamic_size=True, element_shape=[2])
    _, ta = tf.while_loop(lambda i, _: i < n, lambda i, ta: (i + 1, ta.write(i, x * 2.0)), (0, ta))
    return [ta.stack(), ta.size()]


CASES: list[Case] = [
    case(write_read, floats(3, 2)),
    case(write_read, floats(3, 2), (2, 1, 0), 0),
    case(write_read, floats(3)),
    case(write_read, floats(3, 2), read=np.array(1, np.int32)),
    case(write_read, floats(3, 2), infer_shape=False),
    case(write_read, floats(3, 2), element_shape=[2]),
    case(write_read, floats(3, 2), element_shape=[None]),
    case(write_read, floats(3, 2), colocate_with_first_write_call=False),
    case(write_read, floats(3, 2), tensor_array_name="mine", name="named"),
    case(write_read, floats(3, 2), (0, 1), size=2),
    case(write_read, floats(3, 2), size=const(np.array(3, np.int32))),
    case(write_read, floats(3, 2), size=np.array(3, np.int32)),
    *[
        case(write_stack, floats(3, 2, dtype=dtype))
        for dtype in ("float16", "float32", "float64", "complex64", "complex128")
    ],
    *[
        case(write_stack, ints(3, 2, low=0, dtype=dtype))
        for dtype in ("int8", "int16", "int32", "int64", "uint8", "uint16")
    ],
    case(write_stack, bools(3, 2)),
    case(write_stack, WORDS),
    case(write_stack, floats(3, 2, 2), (2, 0, 1)),
    case(write_stack, floats(3, 0)),
    case(write_stack, floats(2, 2), (0, 3), dynamic_size=True, size=1, element_shape=[2]),
    case(write_stack, floats(3, 2), dynamic_size=True, size=0),
    case(write_stack, floats(2, 2), (0, 2)),  # zeros where nothing was written
    case(read_twice, floats(3, 2), False),
    fails(read_twice, floats(3, 2), True).but(says="it was cleared after a previous read"),
    fails(read_twice, floats(3, 2), None).but(says="Could not read index 1 twice"),
    case(write_gather, floats(3, 2), [2, 0]),
    case(write_gather, floats(3, 2), np.array([0, 2, 1], np.int32)),
    case(write_gather, floats(3, 2), [1, 1], clear_after_read=False),
    case(write_gather, floats(3, 2), np.array([], np.int32), element_shape=[2]).but(gradient=False),
    fails(write_gather, floats(3, 2), [1, 1]).but(says="Could not read index 1 twice"),
    fails(write_gather, floats(3, 2), [0, 3]).but(says="Tried to read from index 3 but array size"),
    case(write_concat, floats(3, 2)),
    case(write_concat, floats(3, 2, 2)),
    case(write_concat, WORDS.reshape(3, 1)),
    case(write_concat, floats(3, 2), infer_shape=False),
    fails(write_concat, floats(3)).but(says="Concat saw a scalar shape"),
    case(concat_parts, [floats(2, 2), floats(1, 2), floats(0, 2)]),
    fails(concat_parts, [floats(2, 2), floats(1, 3)]).but(
        says="Index 0 has (excepting dimension 0) shape: [2] but index 1 has"
    ),
    case(unstack_stack, floats(3, 2)),
    case(unstack_stack, floats(3)),
    case(unstack_stack, ints(3, 2)),
    case(unstack_stack, WORDS),
    case(unstack_stack, floats(4, 2), size=0, dynamic_size=True),
    case(unstack_stack, floats(2, 2), element_shape=[2]),
    fails(unstack_stack, floats(4, 2)).but(says="Max scatter index must be < array size (3 vs. 3)"),
    case(unstack_gather, floats(3, 2), [2]),
    case(unstack_gather, floats(3, 2), [0, 1, 0], clear_after_read=False),
    case(scatter_gather, floats(3, 2), [3, 0, 1], [1, 3]),
    case(scatter_gather, floats(3, 2), np.array([3, 0, 1], np.int32), [0, 2]),
    case(scatter_gather, floats(3, 2), [3, 0, 1], [1, 3], size=0, dynamic_size=True),
    case(scatter_again, floats(3, 2)),
    fails(scatter_gather, floats(3, 2), [3, 0], [1]).but(says="Dimensions must be equal, but are"),
    fails(scatter_gather, floats(3, 2), [3, 0], [1]).but(
        shapes="dims", says="Expected len(indices) == values.shape[0], but saw: 2 vs. 3"
    ),
    fails(scatter_gather, floats(3, 2), [0, 0, 1], [1]).but(says="has already been written to"),
    fails(scatter_gather, floats(3, 2), [-1, 0, 1], [1]).but(says="Tried to write to index -1"),
    fails(scatter_gather, floats(), [0], [1]).but(says="Shape must be at least rank 1"),
    case(split_stack, floats(6, 2), [2, 2, 2]),
    case(split_stack, floats(3), [1, 1, 1]),
    case(split_stack, floats(6, 2), np.array([2, 2, 2], np.int64)),
    case(split_stack, floats(6, 2), np.array([2, 2, 2], np.int32)),
    case(split_stack, floats(4, 2), [2, 2], size=0, dynamic_size=True),
    case(split_concat, floats(6, 2), [3, 1, 2], infer_shape=False),
    case(split_concat, floats(6, 2), [6, 0, 0], infer_shape=False),
    case(split_concat, ints(4), [1, 1, 2], infer_shape=False),
    case(split_concat, np.array([b"x", b"yz", b""], object), [2, 1], size=2, infer_shape=False),
    case(split_read, floats(6, 2), [3, 1, 2]),
    fails(split_stack, floats(6, 2), [1, 1, 1]).but(says="Expected sum of lengths to be equal to"),
    fails(split_stack, floats(4, 2), [2, 2]).but(says="is not equal to the size of lengths"),
    fails(split_stack, floats(6, 2), [3, 1, 2], infer_shape=False).but(
        says="inconsistent shapes.  Index 0 has shape: [3,2] but index 1 has shape: [1,2]"
    ),
    fails(split_stack, floats(6, 2), 3).but(says="Shape must be rank 1 but is rank 0"),
    fails(split_stack, floats(), [1]).but(says="Expected value to be at least a vector"),
    case(size_of, floats(3, 2)),
    case(size_of, floats(3, 2), size=1, dynamic_size=True),
    case(empty_size, 5),
    case(empty_size, np.array(2, np.int32)),
    fails(empty_size, np.array([2], np.int32)).but(says="Shape must be rank 0 but is rank 1"),
    fails(empty_size, np.array(-1, np.int32)).but(says="Size should be >= 0"),
    fails(empty_size, None).but(says="Size must be provided if handle is not provided"),
    case(closed, floats(3, 2)),
    fails(read_closed, floats(3, 2)).but(says="has already been closed"),
    case(unwritten, floats(2, 2)),
    case(unwritten, floats(2, 2), element_shape=[2]),
    fails(unwritten, floats(2, 2), infer_shape=False).but(says="is not fully defined: <unknown>"),
    *[
        fails(never_written, how).but(says="Could not read from TensorArray index 0.  Furthermore")
        for how in ("read", "stack", "concat")
    ],
    case(never_written, "read", element_shape=[3]),
    case(never_written, "stack", element_shape=[3]),
    case(never_written, "concat", element_shape=[3, 1]),
    case(identity_of, floats(3, 2)).but(numeric=False),
    case(from_handle, floats(3, 2)),
    fails(from_handle, floats(3, 2), size=3).but(says="Cannot provide both a handle and size"),
    fails(from_handle, floats(3, 2), dynamic_size=False).but(
        says="Cannot provide both a handle and dynamic_size"
    ),
    fails(from_handle, floats(3, 2), clear_after_read=True).but(
        says="Cannot provide both a handle and clear_after_read"
    ),
    fails(from_handle, floats(3, 2), tensor_array_name="x").but(
        says="Cannot construct with both handle and tensor_array_name"
    ),
    case(gradient_array, floats(3, 2)).but(gradient=False),
    *[
        case(attributes, const(floats(3, 2)), **kwargs)
        for kwargs in (
            {},
            {"infer_shape": False},
            {"dynamic_size": True},
            {"element_shape": [None]},
        )
    ],
    fails(write_read, floats(3, 2), (0, 1, 3)).but(says="Tried to write to index 3"),
    fails(write_read, floats(3, 2), (0, 1, -1)).but(says="Tried to write to index -1"),
    fails(write_read, floats(3, 2), (0, 1, 1)).but(
        says="Could not write to TensorArray index 1 because it has already been written to"
    ),
    fails(write_read, floats(3, 2), read=3).but(says="Tried to read from index 3 but array size"),
    fails(write_read, floats(3, 2), read=-1).but(says="Tried to read from index -1 but array size"),
    fails(write_read, floats(3, 2), read=np.array([1], np.int32)).but(
        says="Shape must be rank 0 but is rank 1"
    ),
    fails(write_read, floats(3, 2), element_shape=[3]).but(says="Inconsistent shapes"),
    fails(write_read, floats(3, 2), infer_shape=False, element_shape=[3]).but(
        says="Inconsistent shapes: saw (2,) but expected (3,)"
    ),
    fails(write_read, floats(3, 2), element_shape=[3]).but(
        shapes="dims", says="because the value shape is [2] which is incompatible with the"
    ),
    *[
        case(in_loop, floats(4, 2), how)
        for how in ("square", "backwards", "two_reads", "running", "concat")
    ],
    case(in_loop, floats(4, 2, dtype="float64"), "running"),
    case(in_loop, floats(4, 2), "running", dynamic_size=True),
    case(in_loop, floats(4, 2), "running", element_shape=[2]),
    case(read_outside, floats(4, 2)),
    case(in_branch, floats(3, 2), np.array(True)),
    case(in_branch, floats(3, 2), np.array(False)),
    case(grows, floats(2), np.array(5, np.int32)),
    case(grows, floats(2), np.array(0, np.int32)),
]
# A size that is hidden from one write and not from the others is an error more often than not.
CASES = [one.but(masks=False) for one in CASES]
