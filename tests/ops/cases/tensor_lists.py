"""Cases of TensorFlow's lists of tensors, and of the stacks and optional values in its graphs."""

import numpy as np

from tests.ops.case import case, fails, floats, ints


def _empty(tf, shape=-1, dtype="float32", most=-1):
    return tf.raw_ops.EmptyTensorList(
        element_shape=tf.constant(shape, tf.int32),
        max_num_elements=most,
        element_dtype=getattr(tf, dtype),
    )


def _reserved(tf, count, shape):
    return tf.raw_ops.TensorListReserve(
        element_shape=tf.constant(shape, tf.int32), num_elements=count, element_dtype=tf.float32
    )


def _push(tf, handle, *values):
    for value in values:
        handle = tf.raw_ops.TensorListPushBack(input_handle=handle, tensor=value)
    return handle


def _set(tf, handle, index, value):
    return tf.raw_ops.TensorListSetItem(input_handle=handle, index=index, item=value)


def _get(tf, handle, index, shape=-1, dtype="float32"):
    return tf.raw_ops.TensorListGetItem(
        input_handle=handle,
        index=index,
        element_shape=tf.constant(shape, tf.int32),
        element_dtype=getattr(tf, dtype),
    )


def _pop(tf, handle, shape=-1):
    return tf.raw_ops.TensorListPopBack(
        input_handle=handle,
        element_shape=tf.constant(shape, tf.int32),
        element_dtype=tf.float32,
    )


def _stack(tf, handle, shape=-1, count=-1):
    return tf.raw_ops.TensorListStack(
        input_handle=handle,
        element_shape=tf.constant(shape, tf.int32),
        element_dtype=tf.float32,
        num_elements=count,
    )


def _from(tf, x, shape=-1):
    return tf.raw_ops.TensorListFromTensor(tensor=x, element_shape=tf.constant(shape, tf.int32))


def _gathered(tf, handle, indices, shape=-1):
    return tf.raw_ops.TensorListGather(
        input_handle=handle,
        indices=indices,
        element_shape=tf.constant(shape, tf.int32),
        element_dtype=tf.float32,
    )


def _concat(tf, handle, shape, lengths=()):
    return tf.raw_ops.TensorListConcatV2(
        input_handle=handle,
        element_shape=tf.constant(shape, tf.int32),
        leading_dims=tf.constant(lengths, tf.int64),
        element_dtype=tf.float32,
    )


def push_and_get(tf, x, y):
    """The second of two elements, and the first."""
    handle = _push(tf, _empty(tf), x, y)
    return _get(tf, handle, 1), _get(tf, handle, 0)


def push_in_two_ways(tf, x, y):
    """A list that two others go on from."""
    first = _push(tf, _empty(tf), x)
    one, other = _push(tf, first, y), _push(tf, first, x + 1)
    return _stack(tf, one), _stack(tf, other), _stack(tf, first)


def pop_and_stack(tf, x, y):
    """What is left when the last element is taken, and that element."""
    rest, last = _pop(tf, _push(tf, _empty(tf), x, y, x * 2))
    return _stack(tf, rest), last


def set_some(tf, x, y):
    """A list with one element that is never set."""
    handle = _set(tf, _set(tf, _reserved(tf, 3, [2, 3]), 2, x), 0, y)
    return _stack(tf, handle, [2, 3], 3), _get(tf, handle, 1, [2, 3])


def rows(tf, x):
    """The rows of a matrix as a list, and as a matrix again."""
    handle = _from(tf, x)
    length = tf.raw_ops.TensorListLength(input_handle=handle)
    return _stack(tf, handle, [3]), length


def resized(tf, x):
    """A list cut, and one grown."""
    handle = _from(tf, x)
    short = tf.raw_ops.TensorListResize(input_handle=handle, size=1)
    grown = tf.raw_ops.TensorListResize(input_handle=handle, size=4)
    return _stack(tf, short, [3]), _stack(tf, grown, [3])


def gathered(tf, x, indices):
    """Several elements."""
    return _gathered(tf, _from(tf, x), indices, [3])


def scattered(tf, x, indices):
    """Rows put at places, by the three ops that do so."""
    shape = tf.constant([3], tf.int32)
    new = tf.raw_ops.TensorListScatterV2(
        tensor=x, indices=indices, element_shape=shape, num_elements=4
    )
    old = tf.raw_ops.TensorListScatter(tensor=x, indices=indices, element_shape=shape)
    into = tf.raw_ops.TensorListScatterIntoExistingList(
        input_handle=new, tensor=x * 2, indices=[3, 0]
    )
    return _stack(tf, new, [3]), _stack(tf, old, [3]), _stack(tf, into, [3])


def concatenated(tf, x, y):
    """Elements of different lengths, one after the other."""
    handle = _push(tf, _empty(tf), x, y)
    old = tf.raw_ops.TensorListConcat(
        input_handle=handle, element_dtype=tf.float32, element_shape=tf.TensorShape([None, 3])
    )
    new = _concat(tf, handle, [-1, 3])
    return new[0], new[1], old[0], old[1]


def concatenated_nothing(tf):
    """No elements."""
    return list(_concat(tf, _empty(tf), [-1, 3]))


def split_up(tf, x):
    """A matrix in parts."""
    handle = tf.raw_ops.TensorListSplit(
        tensor=x,
        element_shape=tf.constant([-1, 3], tf.int32),
        lengths=tf.constant([1, 2], tf.int64),
    )
    return _get(tf, handle, 0, [-1, 3]), _get(tf, handle, 1, [-1, 3])


def joined(tf, x, y):
    """Two lists as one."""
    both = tf.raw_ops.TensorListConcatLists(
        input_a=_push(tf, _empty(tf), x), input_b=_push(tf, _empty(tf), y), element_dtype=tf.float32
    )
    return _stack(tf, both)


def summed(tf, x, y):
    """The sum of lists, and zeros like one."""
    one, other = _push(tf, _empty(tf), x), _push(tf, _empty(tf), y)
    total = tf.raw_ops.AddN(inputs=[one, other, one])
    return _stack(tf, total), _stack(tf, tf.raw_ops.ZerosLike(x=one))


def shapes_of_elements(tf, x):
    """What lists know of their elements' shape."""
    ask = tf.raw_ops.TensorListElementShape
    known = ask(input_handle=_from(tf, x, [3]), shape_type=tf.int32)
    partly = ask(input_handle=_push(tf, _empty(tf, [2, -1]), x), shape_type=tf.int64)
    return [tf.reduce_sum(tf.reshape(shape, [-1])) for shape in (known, partly)]


def stack_of_a_run(tf, x):
    """A stack: pushed twice, popped twice, closed."""
    handle = tf.raw_ops.StackV2(max_size=2, elem_type=tf.float32, stack_name="s")
    push, pop = tf.raw_ops.StackPushV2, tf.raw_ops.StackPopV2
    pushed = push(handle=handle, elem=x)
    with tf.control_dependencies([pushed]):
        again = push(handle=handle, elem=x + 1)
    with tf.control_dependencies([again]):
        one = pop(handle=handle, elem_type=tf.float32)
    with tf.control_dependencies([one]):
        other = pop(handle=handle, elem_type=tf.float32)
    with tf.control_dependencies([other]):
        close = tf.raw_ops.StackCloseV2(handle=handle)
    with tf.control_dependencies([close]):
        return tf.identity(one), tf.identity(other)


def popped_from_nothing(tf):
    """No element to pop."""
    handle = tf.raw_ops.StackV2(max_size=1, elem_type=tf.float32, stack_name="s")
    return tf.raw_ops.StackPopV2(handle=handle, elem_type=tf.float32)


def optional_value(tf, x, y):
    """A value that is there."""
    made = tf.raw_ops.OptionalFromValue(components=[x, y])
    got = tf.raw_ops.OptionalGetValue(
        optional=made, output_types=[tf.float32, tf.int32], output_shapes=[x.shape, y.shape]
    )
    none = tf.raw_ops.OptionalNone()
    has = tf.raw_ops.OptionalHasValue
    return got[0], got[1], has(optional=made), has(optional=none)


def missing_value(tf):
    """A value that is not there."""
    return tf.raw_ops.OptionalGetValue(
        optional=tf.raw_ops.OptionalNone(), output_types=[tf.float32], output_shapes=[[]]
    )


def full_list(tf, x):
    """More than a list may hold."""
    return _stack(tf, _push(tf, _empty(tf, -1, "float32", 1), x, x))


def wrong_element(tf, x):
    """An element of another shape."""
    return _stack(tf, _push(tf, _empty(tf, [7]), x))


def popped_from_empty(tf):
    """No element to pop."""
    return _pop(tf, _empty(tf))[1]


def got_unset(tf):
    """An element that was never set, of unknown shape."""
    return _get(tf, _reserved(tf, 2, -1), 0)


def stacked_nothing(tf):
    """No elements, of unknown shape."""
    return _stack(tf, _empty(tf))


def stacked_wrong_count(tf, x):
    """Fewer elements than are asked for."""
    return _stack(tf, _push(tf, _empty(tf), x), [2, 3], 3)


def stacked_different(tf, x, y):
    """Elements of different shapes."""
    return _stack(tf, _push(tf, _empty(tf), x, y))


def split_wrong(tf, x):
    """Parts that are longer than the whole."""
    handle = tf.raw_ops.TensorListSplit(
        tensor=x,
        element_shape=tf.constant([-1, 3], tf.int32),
        lengths=tf.constant([1, 9], tf.int64),
    )
    return tf.raw_ops.TensorListLength(input_handle=handle)


def summed_different(tf, x):
    """Lists of different lengths."""
    one = _push(tf, _empty(tf), x)
    return _stack(tf, tf.raw_ops.AddN(inputs=[one, _push(tf, one, x)]))


MATRIX = floats(2, 3)


def of_lists(*arguments):
    """A case on lists of float32, so that there is no float64 form to differentiate."""
    return case(*arguments).but(numeric=False)


CASES = [
    of_lists(push_and_get, MATRIX, floats(2, 3)),
    of_lists(push_in_two_ways, MATRIX, floats(2, 3)),
    of_lists(pop_and_stack, MATRIX, floats(2, 3)),
    of_lists(set_some, MATRIX, floats(2, 3)),
    of_lists(rows, MATRIX),
    of_lists(rows, floats(0, 3)),
    of_lists(resized, MATRIX),
    of_lists(gathered, MATRIX, np.array([1, 0, 1], np.int32)),
    of_lists(gathered, MATRIX, np.array([], np.int32)),
    of_lists(scattered, MATRIX, np.array([2, 0], np.int32)),
    of_lists(concatenated, MATRIX, floats(1, 3)),
    of_lists(concatenated_nothing),
    of_lists(split_up, floats(3, 3)),
    of_lists(joined, MATRIX, floats(2, 3)),
    of_lists(summed, MATRIX, floats(2, 3)),
    of_lists(shapes_of_elements, MATRIX),
    of_lists(stack_of_a_run, MATRIX),
    of_lists(optional_value, MATRIX, ints(2)).but(gradient=False),
    fails(popped_from_nothing).but(says="is empty when calling Pop()"),
    fails(missing_value).but(says="does not have a value"),
    fails(full_list, MATRIX).but(says="Tried to push item into a full list"),
    fails(wrong_element, MATRIX).but(says="shape", shapes="unknown"),
    fails(popped_from_empty).but(says="Trying to pop from an empty list"),
    fails(got_unset).but(says="Trying to read an uninitialized tensor"),
    fails(stacked_nothing).but(says="Tried to stack elements of an empty list"),
    fails(stacked_wrong_count, MATRIX).but(says="expected a list with 3 elements"),
    fails(stacked_different, MATRIX, floats(3, 3)).but(says="Incompatible shapes"),
    fails(split_wrong, floats(3, 3)).but(says="Attempting to slice"),
    fails(summed_different, MATRIX).but(says="different lengths"),
]
