"""`tf.py_func`: what a Python function may return, and what its op gives."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import penstock as tf


@pytest.fixture
def session() -> Iterator[tf.Session]:
    with tf.Graph().as_default(), tf.Session() as session:
        yield session


@pytest.mark.parametrize("types", [[], ()])
def test_a_function_without_outputs_is_an_operation(session: tf.Session, types: Any) -> None:
    seen: list[float] = []
    x = tf.constant(3.0)
    log = tf.py_func(lambda value: seen.append(float(value)), [x], types)
    assert isinstance(log, tf.Operation)
    with tf.control_dependencies([log]):
        doubled = x * 2.0
    assert session.run(doubled) == 6.0
    assert seen == [3.0]
    assert session.run(log) is None


def test_a_stateless_function_without_outputs_is_an_empty_list(session: tf.Session) -> None:
    assert tf.py_func(lambda: None, [], [], stateful=False) == []


def test_the_function_gets_scalars_and_arrays_of_its_own(session: tf.Session) -> None:
    seen: list[Any] = []
    values = tf.constant([1.0, 2.0])
    call = tf.py_func(lambda *given: seen.extend(given), [3, 0.5, True, "s", ["t"], values], [])
    session.run(call)
    kinds = [np.int32, np.float32, np.bool_, bytes, np.ndarray, np.ndarray]
    assert [type(value) for value in seen] == kinds
    assert {3: "scalars serve as keys"}[seen[0]]
    seen[5][:] = 0.0
    assert session.run(values).tolist() == [1.0, 2.0]


def test_what_cannot_be_called(session: tf.Session) -> None:
    with pytest.raises(ValueError, match="Expected func to be callable, got func of type"):
        tf.py_func(3, [], tf.float32)


@pytest.mark.parametrize(
    ("returned", "types", "expected"),
    [
        (1, tf.int64, 1),
        (2.0, tf.float64, 2.0),
        (True, tf.bool, True),
        (1j, tf.complex128, 1j),
        ("a", tf.string, b"a"),
        (b"\x00a", tf.string, b"\x00a"),
        ((np.float32(1), np.int64(2)), [tf.float32, tf.int64], [1.0, 2]),
        ([1], [tf.int64], [1]),
        (None, [], None),
    ],
)
def test_values(session: tf.Session, returned: Any, types: Any, expected: Any) -> None:
    assert session.run(tf.py_func(lambda: returned, [], types)) == expected


def test_arrays(session: tf.Session) -> None:
    one = tf.py_func(lambda: [np.ones(2)], [], tf.float64)
    words = tf.py_func(lambda: np.array(["x", "yé"]), [], tf.string)
    np.testing.assert_array_equal(session.run(one), [1.0, 1.0])
    assert session.run(words).tolist() == [b"x", "yé".encode()]


@pytest.mark.parametrize(
    ("returned", "types", "message"),
    [
        (1, tf.float32, "0-th value returned by .* is int64, but expects float"),
        (np.float64(1), tf.float32, "is double, but expects float"),
        (1.5, tf.float32, "is double, but expects float"),
        (1.5, tf.int32, "is double, but expects int32"),
        (5, tf.string, "is int64, but expects string"),
        (np.float32(5), tf.string, "is float, but expects string"),
        ("a", tf.float32, "is string, but expects float"),
        (None, tf.float32, "returns 0 values, but expects to see 1 values."),
        ([], tf.float32, "returns 0 values, but expects to see 1 values."),
        ([1.0, 2.0], tf.float32, "returns 2 values, but expects to see 1 values."),
        ((1.0, 2.0), [tf.float32], "returns 2 values, but expects to see 1 values."),
        (3, [], "returns 1 values, but expects to see 0 values."),
    ],
)
def test_what_does_not_fit(session: tf.Session, returned: Any, types: Any, message: str) -> None:
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        session.run(tf.py_func(lambda: returned, [], types))


@pytest.mark.parametrize("returned", [{}, [None], tf.float32, object()])
def test_what_is_no_value(session: tf.Session, returned: Any) -> None:
    with pytest.raises(tf.errors.InternalError, match="Unsupported object type"):
        session.run(tf.py_func(lambda: returned, [], tf.float32))
