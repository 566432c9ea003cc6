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
    with pytest.raises(OverflowError, match="int too large to convert to float"):
        feeding(session, tf.float32, [], 10**400)


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


@pytest.mark.parametrize("level", [-1, 1], ids=["interpreted", "compiled"])
def test_a_fed_array_may_be_changed_after_the_run(level: int) -> None:
    """A run whose results nobody asks for is done, too, when it returns."""
    config = tf.ConfigProto()
    config.graph_options.optimizer_options.global_jit_level = level
    with tf.Graph().as_default(), tf.Session(config=config) as session:
        x = tf.placeholder(tf.float32, [700, 700])
        late = x + tf.matmul(tf.matmul(tf.matmul(x, x), x), x) * 0.0
        v = tf.Variable(tf.zeros([700, 700]))
        update = v.assign(late).op
        session.run(v.initializer)
        fed = np.empty([700, 700], np.float32)
        for number in range(1, 5):
            fed[:] = number
            session.run(update, {x: fed})
            fed[:] = -1
            assert (session.run(v) == number).all()


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


# Composite feeds, wherever feeds are named


def sparse_placeholders() -> Any:
    """A SparseTensor of placeholders."""
    return tf.SparseTensor(
        tf.placeholder(tf.int64, [None, 2]), tf.placeholder(tf.float32), tf.placeholder(tf.int64)
    )


def test_sparse_tensors_are_fed_to_callables_and_stages(session: Any) -> None:
    s = sparse_placeholders()
    total = tf.reduce_sum(s.values)
    value = tf.SparseTensorValue([[0, 0], [1, 2]], [1.5, 2.5], [2, 3])
    call = session.make_callable([total, s], [s])
    assert call(value)[0] == 4.0
    assert call(value)[1].dense_shape.tolist() == [2, 3]
    assert call(([[0, 0]], [1.0], [1, 1]))[0] == 1.0
    for feeds in (s, [s]):
        handle = session.partial_run_setup(total, feeds)
        assert session.partial_run(handle, total, {s: value}) == 4.0


@pytest.mark.parametrize("with_shape", [True, False])
def test_indexed_slices_are_fed(session: Any, with_shape: bool) -> None:
    values, indices = tf.placeholder(tf.float32, [None, 2]), tf.placeholder(tf.int32, [None])
    shape = tf.placeholder(tf.int32, [2]) if with_shape else None
    slices = tf.IndexedSlices(values, indices, shape)
    value = type(session.run(tf.IndexedSlices(tf.constant([0.0]), tf.constant([0]))))(
        np.ones([1, 2]), [3], [5, 2] if with_shape else None
    )
    found = session.run(slices, {slices: value})
    assert (found.values.tolist(), found.indices.tolist()) == ([[1, 1]], [3])
    assert found.dense_shape is None if shape is None else found.dense_shape.tolist() == [5, 2]
    assert session.run(slices, {slices: tuple(value)}).indices.tolist() == [3]
    total = tf.reduce_sum(values)
    assert session.make_callable(total, [slices])(value) == 2.0
    handle = session.partial_run_setup(total, [slices])
    assert session.partial_run(handle, total, {slices: value}) == 2.0


def test_a_gradient_that_is_slices_may_be_fed(session: Any) -> None:
    """What reads the slices sees the fed ones; the update adds them up by row."""
    table = tf.Variable(np.zeros([4, 2], np.float32))
    rows = tf.placeholder(tf.int32, [None])
    optimizer = tf.train.GradientDescentOptimizer(1.0)
    loss = tf.reduce_sum(tf.gather(table, rows))
    ((gradient, _),) = pairs = optimizer.compute_gradients(loss, [table])
    assert isinstance(gradient, tf.IndexedSlices)
    train = optimizer.apply_gradients(pairs)
    session.run(table.initializer)
    fed = (np.ones([2, 2]), [3, 3], [4, 2])
    session.run(train, {gradient: fed})
    assert session.run(table).tolist() == [[0, 0], [0, 0], [0, 0], [-2, -2]]


def test_a_composite_value_with_too_few_parts_lacks_a_feed(session: Any) -> None:
    s = sparse_placeholders()
    with pytest.raises(tf.errors.InvalidArgumentError, match="You must feed a value"):
        session.run(s, {s: ([[0, 1]], [3.5])})
    with pytest.raises(TypeError):
        session.run(s, {s: 3})


def test_a_number_that_is_fed_and_fetched_comes_back_as_an_array(session: Any) -> None:
    """As in TensorFlow, which hands back the array that it made of it."""
    x, name = tf.placeholder(tf.float32), tf.placeholder(tf.string)
    for found in (session.run(x, {x: 2.0}), session.make_callable([x, x + 1.0], [x])(2.0)[0]):
        assert (type(found), found.dtype, found.shape) == (np.ndarray, np.float32, ())
    assert session.run(name, {name: "a"}).tolist() == b"a"
    assert type(session.run(x + 0.0, {x: 2.0})) is np.float32


def test_an_update_that_others_wait_for_happens_though_its_output_is_fed(session: Any) -> None:
    v = tf.Variable(1.0)
    update = tf.assign_add(v, 1.0)
    with tf.control_dependencies([update]):
        after = tf.constant(5.0) + 0.0
    session.run(v.initializer)
    assert session.run([after, update * 1.0], {update: 10.0}) == [5.0, 10.0]
    assert session.run(v) == 2.0


@pytest.mark.parametrize(
    ("shape", "text"), [([], ""), ([2], " and shape [2]"), ([None, 3], " and shape [?,3]")]
)
def test_a_missing_feed_tells_its_shape(session: Any, shape: Any, text: str) -> None:
    x = tf.placeholder(tf.float32, shape, name="x")
    with pytest.raises(tf.errors.InvalidArgumentError) as caught:
        session.run(x + 1.0)
    said = f"You must feed a value for placeholder tensor 'x' with dtype float{text}"
    assert caught.value.message.splitlines()[0] == said


@pytest.mark.parametrize("level", [-1, 0, 1])
def test_one_output_of_an_operation_is_fed_and_the_other_computed(level: int) -> None:
    config = tf.ConfigProto()
    config.graph_options.optimizer_options.global_jit_level = level
    with tf.Graph().as_default(), tf.Session(config=config) as session:
        x = tf.placeholder(tf.float32, [2])
        left, right = tf.split(x, 2)
        for _ in range(5):  # in each of the ways in which runs that come back are done
            found = session.run([left * 1.0, right * 1.0], {x: [1, 2], left: [7]})
            assert [value.tolist() for value in found] == [[7], [2]]
            found = session.run([left, right, right * 2.0], {x: [1, 2], right: [8]})
            assert [value.tolist() for value in found] == [[1], [8], [16]]
        metadata = tf.RunMetadata()
        found = session.run(
            left + right, {x: [1, 2], left: [7]}, tf.RunOptions(trace_level=3), metadata
        )
        assert found.tolist() == [9]
        assert "Split" in str(session.explain(left + right, {x: [1, 2], left: [7]}))
        both, one = left + right, right + 0.0
        handle = session.partial_run_setup([both, one], [x, left])
        assert session.partial_run(handle, one, {x: [1, 2]}).tolist() == [2]
        with pytest.raises(tf.errors.InvalidArgumentError, match="Fetch split:0 can't be computed"):
            session.partial_run(handle, both)
        assert session.partial_run(handle, both, {left: [7]}).tolist() == [9]
        handle = session.partial_run_setup([both, one], [x, left])
        assert session.partial_run(handle, [both, one], {x: [1, 2], left: [7]})[0].tolist() == [9]


def test_what_assigns_a_variable_cannot_be_fed_a_value_in_its_place(session: Any) -> None:
    v, other = tf.Variable(1.0), tf.Variable(5.0)
    session.run([v.initializer, other.initializer])
    update, both = tf.assign_add(v, 1.0), tf.assign_add(tf.assign_add(v, 1.0), 1.0)
    for fetch, feeds in (
        (update, {v: 3.0}),
        (tf.assign(v, other), {v: 3.0}),
        (both, {both.op.inputs[0]: 3.0}),
        ([tf.assign_add(other, 1.0), update], {v: 3.0}),
    ):
        with pytest.raises(tf.errors.InvalidArgumentError, match="incompatible with expected"):
            session.run(fetch, feeds)
    assert session.run([v, other]) == [1.0, 5.0]
    assert session.run(tf.assign(v, other), {other: 7.0}) == 7.0
