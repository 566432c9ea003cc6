"""Ops that pass values on, check them or call Python, and ops that only graph files name."""

import numpy as np

from tests.ops.case import case, const, fails, floats, ints


def passed_on(tf, x, y):
    """Several tensors through one identity_n."""
    return tf.identity_n([x, y])


def checked(tf, x):
    """A finite tensor through check_numerics."""
    return tf.check_numerics(x, "the input")


def raw_gather(tf, params, indices):
    """The first version of gather, which no public function makes."""
    return tf.raw_ops.Gather(params=params, indices=indices)


def raw_ones_like(tf, x):
    """The op that tf.ones_like makes of other ops."""
    return tf.raw_ops.OnesLike(x=x)


def stateless_python(tf, x):
    """A Python function whose equal calls may be made once."""
    return tf.py_func(lambda value: value * np.float32(2), [x], tf.float32, stateful=False)


def ordered(tf, x, y):
    """Two tensors that are given out together."""
    return tf.tuple([x + 1.0, y * 2.0])


def numbers_in_order(tf, x):
    """A tensor, no tensor, and a number, which becomes one."""
    return [tensor for tensor in tf.tuple([x, None, 2.5]) if tensor is not None]


def operation_in_order(tf, x):
    """An operation of a tuple is done when all of the tuple is."""
    first, done = tf.tuple([x, tf.no_op()])
    with tf.control_dependencies([done]):
        return tf.identity(first)


def after_sparse(tf, x):
    """A group waits for each part of a sparse tensor."""
    sparse = tf.SparseTensor([[0]], x, [2])
    with tf.control_dependencies([tf.group(sparse, name="parts")]):
        return tf.identity(x)


def straight_through(op, own, other):
    """A function that calls `op`; its ops named `own` have the gradient of ops named `other`."""

    def call(tf, x):
        with tf.get_default_graph().gradient_override_map({own: other}):
            return getattr(tf, op)(x)

    call.__name__ = f"{op}_with_gradient_of_{other}"
    return call


def ordered_after_number(tf, x):
    """What a tuple waits for is checked."""
    return tf.tuple([x], control_inputs=[3])


CASES = [
    case("identity", floats(2, 3)),
    case("identity", ints(4), name="named"),
    case("stop_gradient", floats(3)),
    case(passed_on, floats(2), floats(3)),
    case(ordered, floats(2), floats(3)),
    case(numbers_in_order, floats(2)).but(numeric=False),  # 2.5 has no float64 form
    case(operation_in_order, floats(2)),
    case(after_sparse, floats(1)),
    # The gradient is not the derivative: that is what overriding is for.
    case(straight_through("sign", "Sign", "Identity"), floats(3)).but(numeric=False),
    case(straight_through("round", "Round", "Identity"), floats(3)).but(numeric=False),
    case(straight_through("floor", "Floor", "Tanh"), floats(3)).but(numeric=False),
    case(straight_through("square", "Square", "Ceil"), floats(3)).but(numeric=False),
    fails("identity_n", []).but(says="passed list of length 0 less than minimum 1"),
    fails("concat", [], 0).but(says="with length 0 shorter than minimum length 2"),
    fails("Assert", True, []).but(says="passed list of length 0 less than minimum 1"),
    fails("group", 1).but(says="Expected tf.group() expected Tensor arguments not '1' with type"),
    fails(ordered_after_number, floats(1)).but(says="Control input must be Operation or Tensor: 3"),
    case(checked, floats(2, 2)),
    fails(checked, np.array([1.0, np.inf], np.float32)).but(says="the input : Tensor had Inf"),
    fails(checked, np.array([np.nan], np.float32)).but(says="the input : Tensor had NaN"),
    case(raw_gather, floats(4, 2), np.array([0, 3], np.int32)),
    case(raw_ones_like, floats(2, 2)),
    case(raw_ones_like, const(ints(3))),
    case(stateless_python, floats(3)),
]
