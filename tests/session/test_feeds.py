"""What may be fed, and what a fed value becomes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import penstock as tf


@pytest.fixture(name="session")
def fixture_session() -> Iterator[Any]:
    with tf.Graph().as_default(), tf.Session() as session:
        yield session


def feeding(session: Any, dtype: Any, shape: Any, value: Any) -> Any:
    """What arrives when the value is fed to a placeholder."""
    x = tf.placeholder(dtype, shape)
    return session.run(tf.identity(x), {x: value})


@pytest.mark.parametrize(
    ("dtype", "value", "expected"),
    [
        ("float32", 3, 3.0),
        ("float32", [1, 2.5], [1.0, 2.5]),
        ("float32", np.float64(1.5), 1.5),
        ("float32", True, 1.0),
        ("float32", np.array([1, 2], np.int64), [1.0, 2.0]),
        ("float32", [], []),
        ("float32", "1.5", 1.5),
        ("float64", 0.1, 0.1),
        ("int32", 1.9, 1),
        ("int32", -1.9, -1),
        ("int32", True, 1),
        ("int32", np.array([1.9, -1.9]), [1, -1]),
        ("int64", 2**40, 2**40),
        ("int64", [2**40], [2**40]),
        ("uint8", 255, 255),
        ("bool", 1, True),
        ("bool", [0, 2], [False, True]),
        ("complex64", 1, 1 + 0j),
        ("string", "é", "é".encode()),
        ("string", [b"a", "b"], [b"a", b"b"]),
        ("string", np.array(["a", "bc"]), [b"a", b"bc"]),
        ("float32", (1, 2), [1.0, 2.0]),
        ("float32", [np.array([1, 2]), np.array([3, 4])], [[1.0, 2.0], [3.0, 4.0]]),
        ("float32", range(3), [0.0, 1.0, 2.0]),
    ],
)
def test_values_take_the_type_of_the_tensor(
    session: Any, dtype: str, value: Any, expected: Any
) -> None:
    found = feeding(session, dtype, None, value)
    if dtype != "string":
        assert found.dtype.name == dtype
    assert np.asarray(found).tolist() == np.asarray(expected, np.asarray(found).dtype).tolist()


def test_none_is_no_number(session: Any) -> None:
    assert np.isnan(feeding(session, tf.float32, [], None))


@pytest.mark.parametrize(
    ("dtype", "value"),
    [
        ("int32", 2**40),
        ("int32", None),
        ("uint8", 256),
        ("uint8", -1),
        ("float32", [1, [2]]),
        ("float32", "a"),
        ("float32", {}),
        ("int32", [None]),
    ],
)
def test_values_that_do_not_fit(session: Any, dtype: str, value: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        feeding(session, dtype, None, value)


def test_a_number_too_large_says_so(session: Any) -> None:
    with pytest.raises(TypeError, match="is not compatible with Tensor type"):
        feeding(session, tf.int32, [], 2**40)


# Shapes


@pytest.mark.parametrize(
    ("shape", "value"),
    [
        ([2], [1, 2]),
        ([None], [1, 2, 3]),
        ([None, 2], np.zeros([0, 2])),
        ([], 1.0),
        (None, np.zeros([1, 2, 3])),
    ],
)
def test_shapes_that_fit(session: Any, shape: Any, value: Any) -> None:
    assert feeding(session, tf.float32, shape, value).shape == np.shape(value)


@pytest.mark.parametrize(
    ("shape", "value", "text"),
    [
        (
            [2],
            [1, 2, 3],
            r"of shape \(3,\) for Tensor 'Placeholder:0', which has shape '\(2,\)'",
        ),
        ([2, None], [1, 2], r"shape \(2,\) .* which has shape '\(2, \?\)'"),
        ([], [1], r"shape \(1,\) .* which has shape '\(\)'"),
        ([1], 1, r"shape \(\) .* which has shape '\(1,\)'"),
        ([None], np.zeros([2, 2]), r"shape \(2, 2\) .* which has shape '\(\?,\)'"),
    ],
)
def test_shapes_that_do_not_fit(session: Any, shape: Any, value: Any, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        feeding(session, tf.float32, shape, value)


# Keys


def test_any_tensor_may_be_fed(session: Any) -> None:
    x = tf.constant(2.0)
    y = tf.multiply(x, 3.0, name="y")
    z = y + 1.0
    assert session.run(z) == 7.0
    assert session.run(z, {x: 5.0}) == 16.0
    assert session.run(z, {y: 5.0}) == 6.0
    assert session.run(z, {"y:0": 5.0}) == 6.0
    assert session.run([y, z], {y: 5.0}) == [5.0, 6.0]
    assert session.run(z) == 7.0


def test_a_fed_tensor_is_not_computed(session: Any) -> None:
    x = tf.placeholder(tf.float32)
    y = x + 1.0
    assert session.run(y * 2.0, {y: 3.0}) == 6.0


def test_a_placeholder_with_a_default(session: Any) -> None:
    x = tf.placeholder_with_default(3.0, [])
    assert session.run(x + 1.0) == 4.0
    assert session.run(x + 1.0, {x: 5.0}) == 6.0


def test_feeding_what_is_not_needed(session: Any) -> None:
    x, y = tf.placeholder(tf.float32), tf.placeholder(tf.float32, [2])
    assert session.run(x * 2.0, {x: 1.0, y: [1, 2]}) == 2.0
    with pytest.raises(ValueError, match="Cannot feed value of shape"):
        session.run(x * 2.0, {x: 1.0, y: [1, 2, 3]})


def test_a_fetched_feed_comes_back_as_an_array_of_its_own(session: Any) -> None:
    x = tf.placeholder(tf.float32, [2])
    fed = np.array([1, 2], np.float32)
    found = session.run(x, {x: fed})
    assert found.tolist() == [1, 2]
    found[0] = 9
    assert fed.tolist() == [1, 2]


def test_a_variable_may_be_fed(session: Any) -> None:
    for use_resource in (False, True):
        v = tf.Variable(1.0, use_resource=use_resource)
        doubled = v * 2.0
        session.run(v.initializer)
        assert session.run(doubled) == 2.0
        assert session.run(v, {v: 5.0}) == 5.0
        assert session.run(v) == 1.0


def test_composite_keys(session: Any) -> None:
    s = tf.SparseTensor(
        tf.placeholder(tf.int64, [None, 2]), tf.placeholder(tf.float32), tf.placeholder(tf.int64)
    )
    total = tf.reduce_sum(s.values)
    value = tf.SparseTensorValue([[0, 0], [1, 2]], [1.5, 2.5], [2, 3])
    assert session.run(total, {s: value}) == 4.0
    assert session.run(total, {s: ([[0, 0]], [1.5], [2, 3])}) == 1.5
    x, y = tf.placeholder(tf.float32), tf.placeholder(tf.float32)
    assert session.run(x - y, {(x, y): (3.0, 1.0)}) == 2.0


@pytest.mark.parametrize("key", ["nothing:0", "x", 3, None, 2.5])
def test_keys_that_are_none(session: Any, key: Any) -> None:
    x = tf.placeholder(tf.float32, name="x")
    with pytest.raises(TypeError, match="Cannot interpret feed_dict key as Tensor"):
        session.run(x + 1.0, {x: 1.0, key: 1.0})


def test_keys_of_another_graph(session: Any) -> None:
    with tf.Graph().as_default():
        other = tf.placeholder(tf.float32)
    with pytest.raises(TypeError, match="is not an element of this graph"):
        session.run(tf.constant(1.0), {other: 1.0})


def test_an_operation_is_no_key(session: Any) -> None:
    x = tf.placeholder(tf.float32, name="x")
    with pytest.raises(TypeError, match="Cannot interpret feed_dict key as Tensor"):
        session.run(x + 1.0, {x.op: 1.0})


@pytest.mark.parametrize("feeds", [[1, 2], 3, "x"])
def test_what_is_no_dictionary(session: Any, feeds: Any) -> None:
    with pytest.raises((TypeError, AttributeError)):
        session.run(tf.constant(1.0), feeds)


def test_no_feeds(session: Any) -> None:
    assert session.run(tf.constant(1.0), {}) == 1.0
    assert session.run(tf.constant(1.0), None) == 1.0


def test_a_tensor_is_no_value(session: Any) -> None:
    x = tf.placeholder(tf.float32)
    with pytest.raises(TypeError, match=r"The value of a feed cannot be a tf.Tensor object"):
        session.run(x + 1.0, {x: tf.constant(1.0)})


def test_feeding_may_be_prevented(session: Any) -> None:
    x = tf.constant(1.0)
    assert session.graph.is_feedable(x)
    session.graph.prevent_feeding(x)
    assert not session.graph.is_feedable(x)
    with pytest.raises(ValueError, match="may not be fed"):
        session.run(x + 1.0, {x: 2.0})


# Memory


def test_a_fed_array_is_not_changed(session: Any) -> None:
    x = tf.placeholder(tf.float32, [3])
    v = tf.Variable(tf.zeros([3]))
    assign, add = tf.assign(v, x), tf.assign_add(v, [1.0, 1.0, 1.0])
    fed = np.array([1, 2, 3], np.float32)
    session.run(assign, {x: fed})
    session.run(add)
    assert fed.tolist() == [1, 2, 3]
    fed[:] = 0
    assert session.run(v).tolist() == [2, 3, 4]


def test_what_is_returned_may_be_changed(session: Any) -> None:
    v = tf.Variable([1.0, 2.0])
    c = tf.constant([1.0, 2.0])
    session.run(v.initializer)
    for tensor in (v, c, tf.identity(c), tf.reshape(c, [2, 1])):
        found = session.run(tensor)
        found += 100
        assert session.run(tensor).max() == 2.0


def test_views_and_strange_orders(session: Any) -> None:
    x = tf.placeholder(tf.float32, [None, None])
    y = x * 1.0
    whole = np.arange(12, dtype=np.float32).reshape(3, 4)
    for array in (whole.T, whole[::2, ::-1], np.asfortranarray(whole), whole[:, 1:2]):
        assert session.run(y, {x: array}).tolist() == array.tolist()
    swapped = whole.astype(whole.dtype.newbyteorder())
    assert session.run(y, {x: swapped}).tolist() == whole.tolist()


# Feeds beside operations that run


@pytest.fixture(name="tier", params=[-1, 1], ids=["interpreted", "compiled"])
def fixture_tier(request: pytest.FixtureRequest) -> Iterator[Any]:
    """A session that never compiles, or always."""
    config = tf.ConfigProto()
    config.graph_options.optimizer_options.global_jit_level = request.param
    with tf.Graph().as_default(), tf.Session(config=config) as session:
        yield session


def test_what_waits_for_a_fed_placeholder_waits_for_the_feed(tier: Any) -> None:
    x = tf.placeholder(tf.float32, [])
    with tf.control_dependencies([x]):
        after = tf.constant([1.0, 2.0]) * 3.0
    for _ in range(4):
        assert tier.run(after, {x: 1.0}).tolist() == [3.0, 6.0]
    with pytest.raises(tf.errors.InvalidArgumentError, match="You must feed a value"):
        tier.run(after)
    with pytest.raises(tf.errors.InvalidArgumentError, match="You must feed a value"):
        tier.run([after, x.op], {x: 1.0})


def test_a_feed_stays_though_its_operation_runs_too(tier: Any) -> None:
    x = tf.placeholder(tf.float32, [])
    fed = tf.square(x)
    equal = tf.square(x)
    with tf.control_dependencies([fed]):
        after = x + 1.0
    taken = fed * 2.0
    for _ in range(4):
        found = tier.run([fed, equal, after, taken], {x: 3.0, fed: 10.0})
        assert found == [10.0, 9.0, 4.0, 20.0]


def test_one_output_may_be_fed_while_another_is_computed(tier: Any) -> None:
    x = tf.placeholder(tf.float32, [4])
    first, second = tf.split(x, 2)
    total = tf.reduce_sum(first) + tf.reduce_sum(second)
    for _ in range(4):
        assert tier.run([total, second], {x: [1, 2, 3, 4], first: [10, 20]})[0] == 37.0
