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


CASES = [
    case("identity", floats(2, 3)),
    case("identity", ints(4), name="named"),
    case("stop_gradient", floats(3)),
    case(passed_on, floats(2), floats(3)),
    case(ordered, floats(2), floats(3)),
    case(checked, floats(2, 2)),
    fails(checked, np.array([1.0, np.inf], np.float32)).but(says="the input : Tensor had Inf"),
    fails(checked, np.array([np.nan], np.float32)).but(says="the input : Tensor had NaN"),
    case(raw_gather, floats(4, 2), np.array([0, 3], np.int32)),
    case(raw_ones_like, floats(2, 2)),
    case(raw_ones_like, const(ints(3))),
    case(stateless_python, floats(3)),
]
