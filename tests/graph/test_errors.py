"""`tf.errors`: classes, codes, and what an error says of the operation that failed."""

from __future__ import annotations

import copy
import pickle
import traceback
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import penstock as tf

CODES = {
    "CancelledError": 1,
    "UnknownError": 2,
    "InvalidArgumentError": 3,
    "DeadlineExceededError": 4,
    "NotFoundError": 5,
    "AlreadyExistsError": 6,
    "PermissionDeniedError": 7,
    "ResourceExhaustedError": 8,
    "FailedPreconditionError": 9,
    "AbortedError": 10,
    "OutOfRangeError": 11,
    "UnimplementedError": 12,
    "InternalError": 13,
    "UnavailableError": 14,
    "DataLossError": 15,
    "UnauthenticatedError": 16,
}


@pytest.fixture(name="graph")
def fixture_graph() -> Iterator[Any]:
    with tf.Graph().as_default() as graph:
        yield graph


# Classes


@pytest.mark.parametrize("name", sorted(CODES))
def test_classes_and_codes(name: str) -> None:
    kind = getattr(tf.errors, name)
    error = kind(None, None, "what went wrong")
    assert isinstance(error, tf.errors.OpError)
    assert isinstance(error, Exception)
    assert error.error_code == CODES[name]
    assert error.message == "what went wrong"
    assert str(error) == "what went wrong"
    assert error.op is None
    assert error.node_def is None
    assert tf.errors.exception_type_from_error_code(CODES[name]) is kind
    assert tf.errors.error_code_from_exception_type(kind) == CODES[name]


def test_numbers_have_names() -> None:
    assert tf.errors.OK == 0
    assert tf.errors.CANCELLED == 1
    assert tf.errors.INVALID_ARGUMENT == 3
    assert tf.errors.UNAUTHENTICATED == 16
    assert tf.OpError is tf.errors.OpError


def test_an_unknown_code() -> None:
    with pytest.raises(KeyError):
        tf.errors.exception_type_from_error_code(4711)


def test_the_code_of_other_classes() -> None:
    """TensorFlow warns, too; what it returns is no code but an error."""
    assert tf.errors.error_code_from_exception_type(OwnError) == tf.errors.ABORTED
    for other in (ValueError, 5):
        with pytest.warns(UserWarning, match="Unknown class exception"):
            code = tf.errors.error_code_from_exception_type(other)
        assert code == tf.errors.UNKNOWN


def test_errors_may_be_pickled() -> None:
    error = pickle.loads(pickle.dumps(tf.errors.NotFoundError(None, None, "no such file")))
    assert type(error) is tf.errors.NotFoundError
    assert (error.message, str(error), error.op) == ("no such file", "no such file", None)
    error = pickle.loads(pickle.dumps(tf.errors.OpError(None, None, "lost", 15)))
    assert (error.message, error.error_code) == ("lost", 15)


class OwnError(tf.errors.AbortedError):
    """With a constructor of its own, as programs derive them."""

    def __init__(self, what: str) -> None:
        super().__init__(None, None, f"aborted by {what}")


@pytest.mark.parametrize(
    "again", [copy.copy, copy.deepcopy, lambda e: pickle.loads(pickle.dumps(e))]
)
def test_errors_of_a_class_derived_may_be_copied(again: Callable[[Any], Any]) -> None:
    error = again(OwnError("me"))
    assert type(error) is OwnError
    assert (error.message, error.error_code, error.args) == (
        "aborted by me",
        10,
        ("aborted by me",),
    )


# Errors of a run


def failing(tensor: Any, feed_dict: Any = None) -> Any:
    """The error that running the tensor raises."""
    with tf.Session(graph=tensor.graph) as session, pytest.raises(tf.errors.OpError) as caught:
        session.run(tensor, feed_dict)
    return caught.value


def test_a_pickled_error_tells_of_the_operation(graph: Any) -> None:
    x = tf.placeholder(tf.float32)
    error = failing(tf.check_numerics(x, "bad", name="checked"), {x: np.nan})
    again = pickle.loads(pickle.dumps(pickle.loads(pickle.dumps(error))))
    assert type(again) is tf.errors.InvalidArgumentError
    assert str(again) == str(error)
    assert __file__ in str(again)
    assert (again.node_def, again.op) == (error.node_def, None)
    for copied in (copy.copy(error), copy.deepcopy(error), copy.copy(again)):
        assert str(copied) == str(error)
    assert copy.deepcopy(error).op is error.op


@pytest.mark.parametrize("level", [-1, 0, 1])
@pytest.mark.parametrize(
    ("raised", "kind"),
    [
        (ValueError, tf.errors.InvalidArgumentError),
        (TypeError, tf.errors.InvalidArgumentError),
        (StopIteration, tf.errors.OutOfRangeError),
        (MemoryError, tf.errors.ResourceExhaustedError),
        (NotImplementedError, tf.errors.UnimplementedError),
        (KeyError, tf.errors.UnknownError),
        (lambda text: tf.errors.NotFoundError(None, None, text), tf.errors.UnknownError),
    ],
)
def test_an_error_of_a_python_function_is_the_cause(
    graph: Any, level: int, raised: Callable[[str], Exception], kind: type[Exception]
) -> None:
    error = raised("from Python")

    def fail(value: Any) -> Any:
        raise error

    x = tf.placeholder(tf.float32)
    called = tf.py_func(fail, [x * 2.0], tf.float32, name="called")
    config = tf.ConfigProto()
    config.graph_options.optimizer_options.global_jit_level = level
    with tf.Session(config=config) as session:
        for _ in range(4):
            with pytest.raises(kind, match="from Python") as caught:
                session.run(called + 1.0, {x: 1.0})
            assert str(caught.value).startswith(f"{type(error).__name__}: ")
            cause = caught.value.__cause__
            assert cause is error
            assert cause.__traceback__ is not None
            assert traceback.extract_tb(cause.__traceback__)[-1].name == "fail"
            assert caught.value.op is called.op


def test_an_error_names_the_operation(graph: Any) -> None:
    x, y = [tf.placeholder(tf.float32, [None, None]) for _ in range(2)]
    product = tf.matmul(x, y, name="product")
    error = failing(product, {x: np.ones([2, 3]), y: np.ones([4, 5])})
    assert type(error) is tf.errors.InvalidArgumentError
    assert error.op is product.op
    assert error.node_def.name == "product"
    assert error.node_def.op == "MatMul"
    assert "product" in str(error)
    assert "Matrix size-incompatible: In[0]: [2,3], In[1]: [4,5]" in error.message
    assert error.error_code == tf.errors.INVALID_ARGUMENT


def test_an_error_shows_where_the_operation_was_made(graph: Any) -> None:
    x = tf.placeholder(tf.float32, name="x")
    wrong = tf.matmul(x, x, name="wrong")  # this line
    error = failing(wrong, {x: np.ones([2, 3])})
    assert "test_errors.py" in str(error)
    assert 'wrong = tf.matmul(x, x, name="wrong")  # this line' in str(error)


def test_a_placeholder_that_is_not_fed(graph: Any) -> None:
    x = tf.placeholder(tf.float32, [2, 3], name="x")
    y = tf.placeholder(tf.int32, name="y")
    error = failing(x + 1)
    assert type(error) is tf.errors.InvalidArgumentError
    assert error.op is x.op
    assert (
        "You must feed a value for placeholder tensor 'x' with dtype float and shape [2,3]"
        in error.message
    )
    error = failing(y + 1)
    assert "You must feed a value for placeholder tensor 'y' with dtype int32" in error.message


def test_a_variable_without_a_value(graph: Any) -> None:
    v = tf.Variable(1.0, name="v", use_resource=False)
    error = failing(v + 1.0)
    assert type(error) is tf.errors.FailedPreconditionError
    assert "Attempting to use uninitialized value v" in error.message


def test_a_resource_variable_without_a_value(graph: Any) -> None:
    v = tf.Variable(1.0, name="v", use_resource=True)
    error = failing(v + 1.0)
    assert type(error) is tf.errors.FailedPreconditionError
    assert "v" in error.message


def test_operations_of_other_kinds(graph: Any) -> None:
    x = tf.placeholder(tf.float32)
    i = tf.placeholder(tf.int32)
    cases = [
        (tf.reshape(x, [2, 2]), {x: [1, 2, 3]}, "Input to reshape is a tensor with 3 values, but"),
        (tf.gather(x, i), {x: [1, 2], i: [2]}, "indices[0] = 2 is not in [0, 2)"),
        (tf.check_numerics(x, "bad"), {x: np.nan}, "bad : Tensor had NaN values"),
        (tf.floordiv(i, 0), {i: 1}, "Integer division by zero"),
        (x + tf.zeros([3]), {x: [1, 2]}, "Incompatible shapes: [2] vs. [3]"),
    ]
    for tensor, feeds, phrase in cases:
        error = failing(tensor, feeds)
        assert type(error) is tf.errors.InvalidArgumentError
        assert phrase in error.message


def test_an_assertion_of_the_program(graph: Any) -> None:
    x = tf.placeholder(tf.int32)
    with tf.control_dependencies([tf.Assert(x > 0, ["x is", x])]):
        y = tf.identity(x)
    error = failing(y, {x: -3})
    assert type(error) is tf.errors.InvalidArgumentError
    assert "assertion failed: [x is] [-3]" in error.message


def test_the_session_goes_on_after_an_error(graph: Any) -> None:
    x = tf.placeholder(tf.float32)
    y = tf.reshape(x, [2])
    with tf.Session() as session:
        for _ in range(3):
            with pytest.raises(tf.errors.InvalidArgumentError):
                session.run(y, {x: [1, 2, 3]})
            assert session.run(y, {x: [1, 2]}).tolist() == [1, 2]


def test_a_run_that_fails_changes_no_variable(graph: Any) -> None:
    v = tf.Variable(1.0)
    x = tf.placeholder(tf.float32)
    with tf.control_dependencies([tf.Assert(x > 0, ["no"])]):
        update = tf.assign_add(v, 1.0)
    with tf.Session() as session:
        session.run(v.initializer)
        with pytest.raises(tf.errors.InvalidArgumentError):
            session.run(update, {x: -1.0})
        assert session.run(v) == 1.0


# Errors of building


@pytest.mark.parametrize(
    ("make", "kind", "phrase"),
    [
        (lambda x: tf.matmul(x, x), ValueError, "Dimensions must be equal, but are 3 and 2"),
        (lambda x: x + tf.zeros([4]), ValueError, "Dimensions must be equal, but are 3 and 4"),
        (lambda x: tf.reshape(x, [4, 2]), ValueError, "Cannot reshape a tensor with 6 elements"),
        (lambda x: tf.concat([x, tf.zeros([2])], 0), ValueError, "ank"),
        (lambda x: tf.transpose(x, [0, 1, 2]), ValueError, "Dimension must be 2 but is 3"),
        (lambda x: tf.reduce_sum(x, 2), ValueError, "Invalid reduction dimension 2"),
        (lambda x: tf.squeeze(x, [0]), ValueError, "Can not squeeze dim[0], expected a dimension"),
        (lambda x: tf.expand_dims(x, 5), ValueError, "not in the interval [-3, 2]"),
        (lambda x: tf.cast(x, "float31"), TypeError, "float31"),
        (lambda x: tf.add(x, None), ValueError, "None values not supported"),
        (lambda x: tf.add_n([]), ValueError, "inputs"),
    ],
)
def test_bad_input_is_found_while_building(graph: Any, make: Any, kind: Any, phrase: str) -> None:
    x = tf.placeholder(tf.float32, [2, 3])
    with pytest.raises(kind) as caught:
        make(x)
    assert phrase in str(caught.value)


def test_an_error_of_shapes_names_the_operation(graph: Any) -> None:
    x = tf.placeholder(tf.float32, [2, 3])
    with pytest.raises(ValueError, match="for 'layer/product'") as caught, tf.name_scope("layer"):
        tf.matmul(x, x, name="product")
    assert "(op: 'MatMul') with input shapes: [2,3], [2,3]" in str(caught.value)


def test_a_type_that_a_stored_graph_does_not_expect(graph: Any) -> None:
    tf.negative(tf.constant(1.0, name="c"), name="n")
    stored = graph.as_graph_def()
    with tf.Graph().as_default():
        whole = tf.constant(1)
        with pytest.raises(ValueError, match="incompatible with expected"):
            tf.import_graph_def(stored, input_map={"c:0": whole})


def test_equal_code_in_two_files_is_told_apart(graph: Any) -> None:
    made = []
    for file in ("first.py", "second.py"):
        namespace: dict[str, Any] = {"tf": tf}
        exec(compile("def make():\n    return tf.constant(1.0)\n", file, "exec"), namespace)
        made.append(namespace["make"]())
    assert [c.op.traceback[0][:3] for c in made] == [
        ("first.py", 2, "make"),
        ("second.py", 2, "make"),
    ]
