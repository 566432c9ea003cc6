"""`partial_run`: one run in stages, each of which computes only what is new."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import penstock as tf

# TensorFlow allows each feed and each fetch once; so does penstock where it is asked to.
STRICT = {"strict": True} if "penstock" in tf.__name__ else {}


class Stages:
    """A session, and a graph of two stages: r1 = a + b, r2 = r1 * c."""

    def __init__(self) -> None:
        self.a, self.b, self.c = (tf.placeholder(tf.float32, [], name=name) for name in "abc")
        self.r1 = tf.add(self.a, self.b, name="r1")
        self.r2 = tf.multiply(self.r1, self.c, name="r2")
        self.session = tf.Session()

    def setup(self, **options: Any) -> Any:
        """A handle for all fetches and feeds."""
        return self.session.partial_run_setup(
            [self.r1, self.r2], [self.a, self.b, self.c], **options
        )


@pytest.fixture(name="stages")
def fixture_stages() -> Iterator[Any]:
    with tf.Graph().as_default():
        stages = Stages()
        yield stages
        stages.session.close()


# As TensorFlow


def test_two_stages(stages: Any) -> None:
    run, handle = stages.session.partial_run, stages.setup(**STRICT)
    first = run(handle, stages.r1, {stages.a: 1, stages.b: 2})
    assert first == 3.0
    assert run(handle, stages.r2, {stages.c: first * 17}) == 153.0


def test_all_in_one_stage(stages: Any) -> None:
    feeds = {stages.a: 1, stages.b: 2, stages.c: 3}
    found = stages.session.partial_run(stages.setup(**STRICT), [stages.r2, stages.r1], feeds)
    assert found == [9.0, 3.0]


def test_feeds_may_come_before_fetches(stages: Any) -> None:
    run, handle = stages.session.partial_run, stages.setup(**STRICT)
    assert run(handle, [], {stages.a: 1}) == []
    assert run(handle, stages.r1, {stages.b: 2}) == 3.0
    assert run(handle, [], {stages.c: 2}) == []
    assert run(handle, stages.r2) == 6.0


def test_structures_and_names(stages: Any) -> None:
    handle = stages.session.partial_run_setup(
        ["r1:0", [stages.r2]], ["a:0", "b:0", stages.c], **STRICT
    )
    run = stages.session.partial_run
    assert run(handle, {"x": stages.r1}, {"a:0": 1, "b:0": 2}) == {"x": 3.0}
    assert run(handle, ("r2:0",), {"c:0": 3}) == (9.0,)


def test_handles_do_not_disturb_each_other(stages: Any) -> None:
    run = stages.session.partial_run
    one, other = stages.setup(**STRICT), stages.setup(**STRICT)
    assert isinstance(one, str)
    assert one != other
    assert run(one, stages.r1, {stages.a: 1, stages.b: 2}) == 3.0
    assert run(other, stages.r1, {stages.a: 10, stages.b: 20}) == 30.0
    assert run(one, stages.r2, {stages.c: 3}) == 9.0
    assert run(other, stages.r2, {stages.c: 3}) == 90.0


def test_what_ran_does_not_run_again(stages: Any) -> None:
    x = tf.random_uniform([3])
    y = x * stages.c
    handle = stages.session.partial_run_setup([x, y], [stages.c], **STRICT)
    drawn = stages.session.partial_run(handle, x)
    np.testing.assert_array_equal(stages.session.partial_run(handle, y, {stages.c: 2.0}), drawn * 2)


def test_an_update_is_made_once(stages: Any) -> None:
    v = tf.Variable(1.0, use_resource=False)
    update = tf.assign_add(v, stages.a)
    later = update * stages.b
    stages.session.run(v.initializer)
    handle = stages.session.partial_run_setup([update, later], [stages.a, stages.b], **STRICT)
    stages.session.partial_run(handle, update, {stages.a: 5.0})
    stages.session.partial_run(handle, later, {stages.b: 2.0})
    assert stages.session.run(v) == 6.0


def refused(stages: Any, handle: Any, fetches: Any, feeds: Any, phrase: str) -> None:
    """The stage is an InvalidArgumentError that says so."""
    with pytest.raises(tf.errors.InvalidArgumentError) as caught:
        stages.session.partial_run(handle, fetches, feeds)
    assert phrase in caught.value.message


@pytest.mark.parametrize("resource", [False, True])
def test_what_an_update_gave_can_be_fetched_in_a_later_stage(resource: bool) -> None:
    with tf.Graph().as_default(), tf.Session() as session:
        v = tf.Variable(1.0, use_resource=resource)
        x = tf.placeholder(tf.float32, [])
        update = tf.convert_to_tensor(v.assign_add(10.0))
        other = tf.placeholder(tf.float32, [])
        with tf.control_dependencies([update]):
            later = v.assign(other)
        product = update * x
        session.run(v.initializer)
        for number in range(4):
            handle = session.partial_run_setup([update, product, later], [x, other])
            assert session.partial_run(handle, product, {x: 2.0}) == 22.0
            session.partial_run(handle, later, {other: 1.0})
            assert session.partial_run(handle, update) == 11.0, number
            assert session.partial_run(handle, [product, update, update]) == [22.0, 11.0, 11.0]


@pytest.mark.parametrize("resource", [False, True])
def test_a_fetched_variable_is_read_last_in_each_stage(resource: bool) -> None:
    with tf.Graph().as_default(), tf.Session() as session:
        v = tf.Variable(1.0, use_resource=resource)
        first = v.assign_add(1.0).op
        second = v.assign_add(10.0).op
        session.run(v.initializer)
        for number in range(4):
            start = 1.0 + 11.0 * number
            handle = session.partial_run_setup([v, first, second])
            assert session.partial_run(handle, v) == start
            assert session.partial_run(handle, [v, first]) == [start + 1, None]
            assert session.partial_run(handle, [second, v]) == [None, start + 11]
            assert session.partial_run(handle, v) == start + 11


def test_what_waits_for_a_placeholder_waits_for_its_feed() -> None:
    with tf.Graph().as_default(), tf.Session() as session:
        x, y = tf.placeholder(tf.float32, []), tf.placeholder(tf.float32, [])
        with tf.control_dependencies([x]):
            after = y + 1.0
        handle = session.partial_run_setup([after], [x, y])
        with pytest.raises(
            tf.errors.InvalidArgumentError, match="Fetch Placeholder:0 can't be computed"
        ):
            session.partial_run(handle, after, {y: 1.0})
        assert session.partial_run(handle, after, {x: 0.0, y: 1.0}) == 2.0
        assert session.partial_run(handle, after, {y: 2.0}) == 3.0
        assert session.partial_run(handle, after, {x: 1.0}) == 3.0


def test_stages_of_branches_and_loops() -> None:
    with tf.Graph().as_default(), tf.Session() as session:
        x, unused = tf.placeholder(tf.float32, []), tf.placeholder(tf.float32, [])
        doubled = x * 2.0
        v = tf.Variable(1.0, use_resource=True)

        def body(i: Any, total: Any, other: Any) -> Any:
            return i + 1, total + doubled, other + v.assign_add(unused)

        _, total, other = tf.while_loop(lambda i, *rest: i < 3, body, (0, x, x))
        branch, _ = tf.cond(x > 0.0, lambda: (total + 1.0, other), lambda: (x, other))
        session.run(v.initializer)
        for _ in range(4):
            handle = session.partial_run_setup([doubled, total, branch], [x, unused])
            assert session.partial_run(handle, doubled, {x: 2.0}) == 4.0
            assert session.partial_run(handle, branch) == 15.0
            assert session.partial_run(handle, total) == 14.0
            assert session.partial_run(handle, [branch, total], {x: -1.0}) == [-1.0, -7.0]
        assert session.run(v) == 1.0  # nothing that was fetched needs the other loop variable


def test_a_feed_that_is_missing(stages: Any) -> None:
    feeds = {stages.a: 1, stages.b: 2}
    phrase = "can't be computed from the feeds that have been fed so far"
    refused(stages, stages.setup(**STRICT), stages.r2, feeds, phrase)


def test_what_setup_did_not_name(stages: Any) -> None:
    other = stages.r1 + 1.0
    phrase = "was not specified in partial_run_setup"
    feeds = {stages.a: 1, stages.b: 2}
    refused(stages, stages.setup(**STRICT), other, feeds, "The fetch " + other.name + " " + phrase)
    feeds[stages.r2] = 3
    refused(stages, stages.setup(**STRICT), stages.r1, feeds, "The feed r2:0 " + phrase)


def test_once_only_where_strict(stages: Any) -> None:
    feeds = {stages.a: 1, stages.b: 2}
    handle = stages.setup(**STRICT)
    stages.session.partial_run(handle, stages.r1, feeds)
    refused(stages, handle, stages.r1, {}, "The fetch r1:0 has already been fetched")
    handle = stages.setup(**STRICT)
    stages.session.partial_run(handle, stages.r1, feeds)
    refused(
        stages, handle, stages.r2, {stages.a: 1, stages.c: 1}, "The feed a:0 has already been fed"
    )


def test_a_handle_that_is_done(stages: Any) -> None:
    handle = stages.setup(**STRICT)
    feeds = {stages.a: 1, stages.b: 2, stages.c: 3}
    stages.session.partial_run(handle, [stages.r1, stages.r2], feeds)
    refused(stages, handle, stages.r1, {}, "Must run 'setup' before performing partial runs!")


def test_what_is_no_handle(stages: Any) -> None:
    phrase = "Must run 'setup' before performing partial runs!"
    refused(stages, "nothing", stages.r1, {stages.a: 1}, phrase)
    handle = stages.setup(**STRICT)
    with tf.Session() as other, pytest.raises(tf.errors.InvalidArgumentError, match="Must run"):
        other.partial_run(handle, stages.r1, {stages.a: 1, stages.b: 2})


def test_setups_that_are_none(stages: Any) -> None:
    setup = stages.session.partial_run_setup
    with pytest.raises(tf.errors.InvalidArgumentError, match="Must specify at least one target"):
        setup([], [stages.a], **STRICT)
    with pytest.raises(tf.errors.InvalidArgumentError, match="a:0 is both fed and fetched"):
        setup([stages.a], [stages.a], **STRICT)
    with pytest.raises(tf.errors.InvalidArgumentError, match='"a:0" fed more than once'):
        setup([stages.r1], [stages.a, stages.a, stages.b], **STRICT)
    with pytest.raises(TypeError, match="has invalid type"):
        setup([3], [stages.a], **STRICT)


def test_values_must_fit(stages: Any) -> None:
    with pytest.raises(ValueError, match=r"Cannot feed value of shape \(2,\) for Tensor 'a:0'"):
        stages.session.partial_run(
            stages.setup(**STRICT), stages.r1, {stages.a: [1, 2], stages.b: 2}
        )


def test_a_closed_session(stages: Any) -> None:
    handle = stages.setup(**STRICT)
    stages.session.close()
    with pytest.raises(RuntimeError, match="closed Session"):
        stages.session.partial_run(handle, stages.r1, {stages.a: 1, stages.b: 2})


# Beyond TensorFlow: a feed may be fed again


def test_a_feed_that_is_fed_again_starts_a_batch(stages: Any) -> None:
    run, handle = stages.session.partial_run, stages.setup()
    assert run(handle, stages.r1, {stages.a: 1, stages.b: 2}) == 3.0
    assert run(handle, stages.r2, {stages.c: 3}) == 9.0
    assert run(handle, stages.r2, {stages.c: 4}) == 12.0
    assert run(handle, stages.r2, {stages.a: 10}) == 48.0
    assert run(handle, [stages.r1, stages.r2]) == [12.0, 48.0]
    assert run(handle, stages.r1) == 12.0


def test_only_what_depends_on_it_is_computed_anew(stages: Any) -> None:
    x = tf.random_uniform([3])
    y = x * stages.c
    handle = stages.session.partial_run_setup([x, y], [stages.c])
    one = stages.session.partial_run(handle, y, {stages.c: 1.0})
    two = stages.session.partial_run(handle, y, {stages.c: 2.0})
    np.testing.assert_array_equal(one * 2, two)
    np.testing.assert_array_equal(stages.session.partial_run(handle, x), one)


def test_a_new_handle_starts_as_another_went_on(stages: Any) -> None:
    doubled, squared = stages.a * 2.0, stages.a**2.0
    for value in (3.0, 4.0):
        handle = stages.session.partial_run_setup([doubled, squared], [stages.a])
        if value == 3.0:
            assert stages.session.partial_run(handle, doubled, {stages.a: value}) == 6.0
        found = stages.session.partial_run(handle, squared, {stages.a: value})
        assert found == value * value


def test_operations_may_be_fetched(stages: Any) -> None:
    v = tf.Variable(0.0, use_resource=False)
    update = tf.assign_add(v, stages.a).op
    stages.session.run(v.initializer)
    handle = stages.session.partial_run_setup([update], [stages.a])
    for _ in range(2):
        assert stages.session.partial_run(handle, update, {stages.a: 5.0}) is None
    assert stages.session.run(v) == 10.0


def test_a_stage_that_fails_leaves_the_handle_as_it_was(stages: Any) -> None:
    run, handle = stages.session.partial_run, stages.setup()
    assert run(handle, stages.r1, {stages.a: 1, stages.b: 2}) == 3.0
    with pytest.raises(ValueError, match="Cannot feed value of shape"):
        run(handle, stages.r2, {stages.a: 5, stages.c: [1, 2]})
    with pytest.raises(tf.errors.InvalidArgumentError):
        run(handle, stages.r2, {stages.a: 5})
    assert run(handle, stages.r2, {stages.c: 2}) == 6.0


def test_what_was_fed_may_be_changed_between_stages() -> None:
    with tf.Graph().as_default(), tf.Session() as session:
        x, c = tf.placeholder(tf.float32, [2]), tf.placeholder(tf.float32, [])
        doubled, scaled = x * 2.0, x * c
        handle = session.partial_run_setup([doubled, scaled], [x, c])
        fed = np.array([1, 2], np.float32)
        found = session.partial_run(handle, doubled, {x: fed})
        fed[:] = 100
        found[:] = 100
        assert session.partial_run(handle, scaled, {c: 3.0}).tolist() == [3, 6]
        assert session.partial_run(handle, doubled).tolist() == [2, 4]


def test_closing_a_handle(stages: Any) -> None:
    handle = stages.setup()
    stages.session.partial_run(handle, stages.r1, {stages.a: 1, stages.b: 2})
    stages.session.partial_run_close(handle)
    refused(stages, handle, stages.r2, {stages.c: 3}, "Must run 'setup'")


def test_a_handle_frees_what_it_holds() -> None:
    with tf.Graph().as_default(), tf.Session() as session:
        x, c = tf.placeholder(tf.float32, [1000]), tf.placeholder(tf.float32, [])
        y = (x + 1.0) * c
        handle = session.partial_run_setup([x + 2.0, y], [x, c])
        session.partial_run(handle, [], {x: np.zeros(1000)})
        held = weakref.ref(next(iter(handle._values.values())))
        assert held() is not None
        del handle
        gc.collect()
        assert held() is None


def test_threads_with_a_handle_each(stages: Any) -> None:
    wrong: list[Any] = []

    def work(number: int) -> None:
        for i in range(20):
            handle = stages.setup()
            run = stages.session.partial_run
            first = run(handle, stages.r1, {stages.a: number, stages.b: i})
            if run(handle, stages.r2, {stages.c: 2}) != 2 * first or first != number + i:
                wrong.append((number, i))

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_the_next_batch_goes_through_a_new_array() -> None:
    with tf.Graph().as_default(), tf.Session() as session:
        x, scale = tf.placeholder(tf.float32, [3]), tf.placeholder(tf.float32, [])
        tripled = tf.map_fn(lambda row: row * 3.0, x)
        scaled = tripled * scale
        handle = session.partial_run_setup([tripled, scaled], [x, scale])
        for number in range(4):
            found = session.partial_run(handle, tripled, {x: [number, 1.0, 2.0]})
            assert found.tolist() == [3.0 * number, 3.0, 6.0]
            found = session.partial_run(handle, scaled, {scale: number})
            assert found.tolist() == [3.0 * number**2, 3.0 * number, 6.0 * number]
