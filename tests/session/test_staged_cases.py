"""Staged runs under load: many stages, handles and threads, failures, updates, a growing graph."""

from __future__ import annotations

import gc
import sys
import threading
import weakref
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import penstock as tf
from penstock.session import partial_run


class Chain:
    """A session, and a graph in which each total adds one more feed to the total before it."""

    def __init__(self, length: int) -> None:
        self.feeds = [tf.placeholder(tf.float32, [], name=f"x{n}") for n in range(length)]
        self.totals = []
        total: Any = tf.constant(0.0)
        for feed in self.feeds:
            total = total + feed
            self.totals.append(total)
        self.session = tf.Session()

    def setup(self, **options: Any) -> Any:
        """A handle for all totals and feeds."""
        return self.session.partial_run_setup(self.totals, self.feeds, **options)

    def run(self, handle: Any, number: int, value: float) -> Any:
        """Stage `number`: feeds the value, and fetches the total so far."""
        return self.session.partial_run(handle, self.totals[number], {self.feeds[number]: value})


@pytest.fixture(autouse=True)
def _graph() -> Iterator[None]:
    with tf.Graph().as_default():
        yield


def with_sessions(level: int) -> Any:
    """A config that compiles never (-1), when it pays (0), or at the first run (1)."""
    config = tf.ConfigProto()
    config.graph_options.optimizer_options.global_jit_level = level
    return config


@pytest.mark.parametrize("strict", [False, True])
def test_two_hundred_stages_in_one_handle(strict: bool) -> None:
    chain = Chain(200)
    for _ in range(2):  # the second handle finds every stage planned
        handle = chain.setup(strict=strict)
        totals = [chain.run(handle, number, number) for number in range(200)]
        np.testing.assert_array_equal(totals, np.cumsum(np.arange(200)))


def test_two_hundred_batches_in_one_handle_plan_two_stages() -> None:
    chain = Chain(2)
    handle = chain.setup()
    for batch in range(100):
        assert chain.run(handle, 0, batch) == batch
        assert chain.run(handle, 1, 1.0) == batch + 1
    places = handle._staged._places.values()
    assert sum([len(place.stages) for place in places]) <= 8


def test_two_handles_interleaved_with_overlapping_feeds() -> None:
    chain = Chain(3)
    one = chain.session.partial_run_setup(chain.totals, chain.feeds)
    two = chain.session.partial_run_setup(chain.totals[1:], chain.feeds)
    assert chain.run(one, 0, 1.0) == 1.0
    assert chain.session.partial_run(two, [], {chain.feeds[0]: 10.0}) == []
    assert chain.run(one, 1, 2.0) == 3.0
    assert chain.run(two, 1, 20.0) == 30.0
    assert chain.run(one, 0, 100.0) == 100.0  # its next batch is no concern of the other handle
    assert chain.run(two, 2, 30.0) == 60.0
    assert chain.run(one, 2, 3.0) == 105.0


@pytest.mark.parametrize("level", [-1, 0, 1])
def test_a_random_op_seen_by_two_stages_has_one_value(level: int) -> None:
    a, b = tf.placeholder(tf.float32, []), tf.placeholder(tf.float32, [])
    noise = tf.random_normal([4], seed=3)
    scaled, moved = noise * a, noise + b
    with tf.Session(config=with_sessions(level)) as session:
        seen = []
        for _ in range(3):
            handle = session.partial_run_setup([scaled, moved], [a, b])
            first = session.partial_run(handle, scaled, {a: 2.0})
            second = session.partial_run(handle, moved, {b: 1.0})
            np.testing.assert_allclose(first / 2, second - 1, rtol=1e-5, atol=1e-6)
            assert np.array_equal(session.partial_run(handle, scaled, {a: 2.0}), first)
            seen.append(first)
        assert not np.array_equal(seen[0], seen[1])  # each handle draws anew


@pytest.mark.parametrize("use_resource", [False, True])
@pytest.mark.parametrize(
    "optimizer",
    [
        tf.train.GradientDescentOptimizer(0.1),
        tf.train.MomentumOptimizer(0.1, 0.9),
        tf.train.AdamOptimizer(0.1),
    ],
    ids=lambda optimizer: type(optimizer).__name__,
)
def test_a_train_op_as_the_last_stage(optimizer: Any, use_resource: bool) -> None:
    """It leaves the weights that a run of its own would."""
    x, target = tf.placeholder(tf.float32, [2]), tf.placeholder(tf.float32, [])
    calls: list[None] = []

    def count(value: Any) -> Any:
        calls.append(None)
        return value

    seen = tf.py_func(count, [x], tf.float32)
    seen.set_shape([2])
    weights = tf.Variable(np.float32([1, -1]), use_resource=use_resource)
    step = tf.Variable(0, trainable=False, use_resource=use_resource)
    predicted = tf.reduce_sum(weights * seen)
    train = optimizer.minimize(tf.square(predicted - target), global_step=step)
    batches = [(np.float32([n, 1]), n / 2) for n in range(5)]
    with tf.Session() as staged, tf.Session() as whole:
        for session in (staged, whole):
            session.run(tf.global_variables_initializer())
        calls.clear()
        handle = staged.partial_run_setup([predicted, train], [x, target])
        for inputs, wanted in batches:
            before = staged.run(weights)
            guess = staged.partial_run(handle, predicted, {x: inputs})
            assert guess == pytest.approx(before @ inputs, abs=1e-5)
            assert staged.partial_run(handle, train, {target: wanted}) is None
        assert len(calls) == len(batches)
        for inputs, wanted in batches:
            whole.run(train, {x: inputs, target: wanted})
        np.testing.assert_allclose(staged.run(weights), whole.run(weights), rtol=1e-5)
        assert staged.run(step) == whole.run(step) == len(batches)


@pytest.mark.parametrize("strict", [False, True])
def test_a_stage_that_fails_can_be_repeated(strict: bool) -> None:
    a, b, c = (tf.placeholder(tf.float32, [None]) for _ in range(3))
    noise = tf.random_uniform([2])
    v = tf.Variable(1.0)
    with tf.control_dependencies([tf.assign_add(v, 1.0)]):
        one = noise + a
    checked = tf.check_numerics(b, "bad")
    two = one + checked
    three = two + c
    with tf.Session() as session:
        session.run(v.initializer)
        handle = session.partial_run_setup([one, two, three], [a, b, c], strict=strict)
        first = session.partial_run(handle, one, {a: [0, 0]})
        for _ in range(2):
            with pytest.raises(ValueError, match="Cannot feed value of shape"):
                session.partial_run(handle, two, {b: 1.0})
            with pytest.raises(tf.errors.InvalidArgumentError, match="bad : Tensor had NaN"):
                session.partial_run(handle, two, {b: [np.nan, 0]})
            with pytest.raises(tf.errors.InvalidArgumentError, match="Incompatible shapes"):
                session.partial_run(handle, [two, three], {b: [1, 2], c: [1, 2, 3]})
            with pytest.raises(tf.errors.InvalidArgumentError, match="can't be computed"):
                session.partial_run(handle, three, {b: [1, 2]})
        second = session.partial_run(handle, two, {b: [1, 2]})
        np.testing.assert_allclose(second, first + [1, 2])
        third = session.partial_run(handle, three, {c: [10, 10]})
        np.testing.assert_allclose(third, second + 10)
        assert session.run(v) == 2.0


def test_a_handle_used_from_several_threads() -> None:
    """Each stage is whole: a feed and its fetch are never mixed with another thread's."""
    a, b = tf.placeholder(tf.float32, []), tf.placeholder(tf.float32, [])
    calls: list[float] = []
    wrong: list[Any] = []

    def record(value: Any) -> Any:
        calls.append(float(value))
        return value

    total = a + tf.py_func(record, [b], tf.float32)
    with tf.Session() as session:
        handle = session.partial_run_setup([total], [a, b])
        session.partial_run(handle, [], {b: 0.5})
        start = threading.Barrier(8)

        def work(number: int) -> None:
            start.wait()
            for i in range(100):
                value = 1000.0 * number + i
                if session.partial_run(handle, total, {a: value}) != value + 0.5:
                    wrong.append(value)

        threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert wrong == []
    assert calls == [0.5]


def test_threads_that_feed_a_part_each_meet_in_one_handle() -> None:
    chain = Chain(16)
    handle = chain.setup(strict=True)

    def feed(number: int) -> None:
        chain.session.partial_run(handle, [], {chain.feeds[number]: 2.0**number})

    threads = [threading.Thread(target=feed, args=(n,)) for n in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert chain.session.partial_run(handle, chain.totals[-1]) == 2.0**16 - 1


def test_abandoned_handles_leave_memory_flat() -> None:
    """100,000 of them, each after its first stage, without help from the cycle collector."""
    chain = Chain(3)
    run, setup = chain.session.partial_run, chain.session.partial_run_setup
    total, feed = chain.totals[0], chain.feeds[0]

    def abandon(count: int) -> None:
        for number in range(count):
            run(setup(chain.totals, chain.feeds), total, {feed: float(number)})

    abandon(1_000)
    gc.collect()
    gc.disable()
    try:
        before = sys.getallocatedblocks()
        abandon(100_000)
        grown = sys.getallocatedblocks() - before
    finally:
        gc.enable()
    assert grown < 1_000, f"{grown} objects are left of 100,000 handles"


def test_stages_in_ever_new_orders_do_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """A setup remembers where handles stood, so many places and no more; and all goes on."""
    monkeypatch.setattr(partial_run, "_MOST_PLACES", 32)
    feeds = [tf.placeholder(tf.float32, []) for _ in range(8)]
    doubled = [feed * 2.0 for feed in feeds]
    order = np.random.RandomState(0)
    with tf.Session() as session:
        waiting = session.partial_run_setup(doubled, feeds)
        session.partial_run(waiting, doubled[0], {feeds[0]: 7.0})
        for _ in range(30):
            handle = session.partial_run_setup(doubled, feeds)
            for number in order.permutation(8):
                found = session.partial_run(handle, doubled[number], {feeds[number]: number})
                assert found == 2.0 * number
            assert len(handle._staged._places) <= 33
        assert session.partial_run(waiting, doubled[1], {feeds[1]: 8.0}) == 16.0
        assert session.partial_run(waiting, doubled[0]) == 14.0


@pytest.mark.parametrize("way", ["del", "close", "failed", "strict"])
def test_values_are_freed_with_their_handle(way: str) -> None:
    x, scale = tf.placeholder(tf.float32, [1000]), tf.placeholder(tf.float32, [])
    moved = x + 1.0
    out = moved * scale
    with tf.Session() as session:
        handle = session.partial_run_setup([moved, out], [x, scale], strict=way == "strict")
        session.partial_run(handle, moved, {x: np.zeros(1000)})
        held = [weakref.ref(value) for value in handle._values.values()]
        assert len(held) == 2
        if way == "close":
            session.partial_run_close(handle)
        elif way == "strict":
            session.partial_run(handle, out, {scale: 2.0})
        else:
            if way == "failed":
                with pytest.raises(ValueError, match="Cannot feed"):
                    session.partial_run(handle, out, {scale: [2.0]})
            del handle
        assert [value() for value in held] == [None, None]


def test_a_batch_frees_the_values_of_the_one_before() -> None:
    x, scale = tf.placeholder(tf.float32, [1000]), tf.placeholder(tf.float32, [])
    moved = x + 1.0
    with tf.Session() as session:
        handle = session.partial_run_setup([moved, moved * scale], [x, scale])
        session.partial_run(handle, moved, {x: np.zeros(1000)})
        held = [weakref.ref(value) for value in handle._values.values()]
        session.partial_run(handle, [], {x: np.ones(1000)})
        assert [value() for value in held] == [None, None]


def test_the_graph_may_grow_between_stages() -> None:
    chain = Chain(3)
    handle = chain.setup()
    assert chain.run(handle, 0, 1.0) == 1.0
    more = chain.totals[0] * 100.0
    assert chain.run(handle, 1, 2.0) == 3.0
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"fetch .* was not specified"):
        chain.session.partial_run(handle, more)
    with tf.control_dependencies([chain.totals[1]]):
        later = tf.identity(more)
    wider = chain.session.partial_run_setup([*chain.totals, later], chain.feeds)
    assert chain.run(handle, 2, 3.0) == 6.0
    assert chain.run(wider, 0, 5.0) == 5.0
    assert chain.session.partial_run(wider, later, {chain.feeds[1]: 0.0}) == 500.0


def test_an_interactive_session() -> None:
    """TensorFlow loses the handle there: its issue 3233."""
    chain = Chain(2)
    session = tf.InteractiveSession()
    try:
        handle = session.partial_run_setup(chain.totals, chain.feeds)
        first = session.partial_run(handle, chain.totals[0], {chain.feeds[0]: 3.0})
        assert session.partial_run(handle, chain.totals[1], {chain.feeds[1]: first * 17}) == 54.0
        again = session.partial_run_setup(chain.totals, chain.feeds)
        assert session.partial_run(again, chain.totals[0], {chain.feeds[0]: 4.0}) == 4.0
    finally:
        session.close()
    with pytest.raises(RuntimeError, match="closed Session"):
        session.partial_run(handle, chain.totals[1], {})


def test_two_sessions_of_one_graph_have_handles_of_their_own() -> None:
    chain = Chain(2)
    with tf.Session() as other:
        mine, its = chain.setup(), other.partial_run_setup(chain.totals, chain.feeds)
        for handle in (mine, "x0:0->add:0;0", None):
            with pytest.raises(tf.errors.InvalidArgumentError, match="Must run 'setup'"):
                other.partial_run_close(handle)
        assert chain.run(mine, 0, 1.0) == 1.0
        assert other.partial_run(its, chain.totals[0], {chain.feeds[0]: 2.0}) == 2.0
        assert chain.run(mine, 1, 1.0) == 2.0
        assert other.partial_run(its, chain.totals[1], {chain.feeds[1]: 2.0}) == 4.0


# Strict mode: what TensorFlow 1.15 was seen to do, in the order in which it checks


@pytest.fixture(name="strict")
def fixture_strict() -> Any:
    """A chain of two stages, and a strict handle in which the first has run."""
    chain = Chain(2)
    handle = chain.setup(strict=True)
    chain.run(handle, 0, 1.0)
    return chain, handle


def refusal(chain: Any, handle: Any, fetches: Any, feeds: Any = None) -> str:
    """What the InvalidArgumentError of a stage says."""
    with pytest.raises(tf.errors.InvalidArgumentError) as caught:
        chain.session.partial_run(handle, fetches, feeds)
    return caught.value.message


def test_strict_refuses_a_second_feed(strict: Any) -> None:
    chain, handle = strict
    message = "The feed x0:0 has already been fed."
    x, y = chain.feeds
    for fetches in ([], chain.totals[1], chain.totals[0]):  # it looks at feeds before fetches
        assert refusal(chain, handle, fetches, {x: 1.0}) == message
    assert refusal(chain, handle, chain.totals[1], {x: 1.0, y: 1.0}) == message
    assert chain.run(handle, 1, 2.0) == 3.0


def test_strict_refuses_a_second_fetch(strict: Any) -> None:
    chain, handle = strict
    message = "The fetch add:0 has already been fetched."
    assert refusal(chain, handle, chain.totals[0]) == message
    assert refusal(chain, handle, chain.totals, {chain.feeds[1]: 1.0}) == message
    assert chain.run(handle, 1, 2.0) == 3.0


def test_strict_allows_a_fetch_twice_in_one_stage() -> None:
    chain = Chain(1)
    total = chain.totals[0]
    handle = chain.session.partial_run_setup([total, total], chain.feeds, strict=True)
    assert chain.session.partial_run(handle, [total, total], {chain.feeds[0]: 3.0}) == [3.0, 3.0]


def test_strict_refuses_what_was_not_named(strict: Any) -> None:
    chain, handle = strict
    other = chain.feeds[0] * 2.0
    phrase = "was not specified in partial_run_setup."
    assert refusal(chain, handle, other) == f"The fetch {other.name} {phrase}"
    assert refusal(chain, handle, other, {other: 1.0}) == f"The feed {other.name} {phrase}"
    assert chain.run(handle, 1, 2.0) == 3.0


def test_strict_needs_all_feeds_to_be_done() -> None:
    chain = Chain(2)
    handle = chain.session.partial_run_setup(chain.totals[:1], chain.feeds, strict=True)
    chain.run(handle, 0, 1.0)
    assert "has already been fetched" in refusal(
        chain, handle, chain.totals[0], {chain.feeds[1]: 1.0}
    )
    assert chain.session.partial_run(handle, [], {chain.feeds[1]: 1.0}) == []
    done = "Must run 'setup' before performing partial runs!"
    assert refusal(chain, handle, [], {chain.feeds[1]: 1.0}) == done
    assert refusal(chain, handle, chain.totals[0]) == done


def test_strict_refuses_operations() -> None:
    chain = Chain(1)
    operation = chain.totals[0].op
    handle = chain.session.partial_run_setup([*chain.totals, operation], chain.feeds, strict=True)
    with pytest.raises(RuntimeError, match=r"partial_run\(\) requires empty target_list\."):
        chain.session.partial_run(handle, operation, {chain.feeds[0]: 1.0})
    assert chain.run(handle, 0, 2.0) == 2.0


def test_a_stage_without_fetches_and_feeds_asks_for_nothing(strict: Any) -> None:
    chain, handle = strict
    for one in (handle, "no handle"):
        assert chain.session.partial_run(one, []) == []
        assert chain.session.partial_run(one, {}, {}) == {}


# Where kept values are


def kept_kinds(handle: Any) -> dict[str, bool]:
    """By the name of each kept tensor, whether its value is a NumPy array or scalar."""
    numpy_types = (np.ndarray, np.generic)
    return {t.op.name: isinstance(value, numpy_types) for t, value in handle._values.items()}


@pytest.mark.parametrize("level", [-1, 0, 1])
def test_what_compiled_stages_hand_on_stays_on_the_device(level: int) -> None:
    """Until an op of the host, or the user, wants it."""
    x, scale = tf.placeholder(tf.float32, [3], name="x"), tf.placeholder(tf.float32, [])
    hidden = tf.tanh(x * 2.0, name="hidden")
    both = tf.exp(x, name="both")
    printed = tf.py_func(lambda value: value + 1.0, [both], tf.float32)
    total = tf.reduce_sum(hidden, name="total")
    out, text = hidden * scale + both, printed * scale
    values = np.float32([0.5, 1, 2])
    with tf.Session(config=with_sessions(level)) as session:
        for _ in range(4):
            handle = session.partial_run_setup([total, out, text, hidden], [x, scale])
            found = session.partial_run(handle, total, {x: values})
            np.testing.assert_allclose(found, np.tanh(values * 2).sum(), rtol=1e-5)
            assert kept_kinds(handle) == {"x": True, "hidden": level != 1, "total": True}
            found = session.partial_run(handle, [out, text], {scale: 3.0})
            exp = np.exp(values)
            np.testing.assert_allclose(found[0], np.tanh(values * 2) * 3 + exp, rtol=1e-5)
            np.testing.assert_allclose(found[1], (exp + 1) * 3, rtol=1e-5)
            fetched = session.partial_run(handle, hidden)
            assert (type(fetched), fetched.flags.writeable) == (np.ndarray, True)
            fetched[:] = 0
            np.testing.assert_allclose(
                session.partial_run(handle, hidden), np.tanh(values * 2), rtol=1e-5
            )


@pytest.mark.parametrize("level", [-1, 1])
def test_kept_values_outlive_updates_of_the_variable_that_they_were_read_from(level: int) -> None:
    """Compiled updates take the memory of the variable over; a value that was read stays."""
    for use_resource in (False, True):
        v = tf.Variable(np.float32([1, 2]), use_resource=use_resource)
        x = tf.placeholder(tf.float32, [])
        read = tf.identity(v.read_value())
        first, second = read + x, tf.reshape(read, [2, 1]) * x
        update = v.assign_add([10.0, 10.0])
        with tf.Session(config=with_sessions(level)) as session:
            session.run(v.initializer)
            for _ in range(3):
                session.run(update.op)
            handle = session.partial_run_setup([first, second], [x])
            assert session.partial_run(handle, first, {x: 1.0}).tolist() == [32, 33]
            for _ in range(3):
                session.run(update.op)
            assert session.partial_run(handle, second).tolist() == [[31], [32]]
            assert session.run(v).tolist() == [61, 62]


# Limits and traces of stages


@pytest.mark.parametrize("level", [-1, 1])
def test_a_stage_under_a_trace(level: int) -> None:
    """The debugger of TensorFlow refuses partial runs: its issue 13940."""
    x, scale = tf.placeholder(tf.float32, [], name="x"), tf.placeholder(tf.float32, [], name="s")
    once = tf.exp(x, name="once")
    out = tf.multiply(once, scale, name="out")
    options = tf.RunOptions(trace_level=tf.RunOptions.FULL_TRACE, output_partition_graphs=True)
    metadata = tf.RunMetadata()
    with tf.Session(config=with_sessions(level)) as session:
        handle = session.partial_run_setup([once, out], [x, scale])
        traced = {"options": options, "run_metadata": metadata}
        assert session.partial_run(handle, once, {x: 0.0}, **traced) == 1.0
        first = str(metadata.step_stats)
        assert session.partial_run(handle, out, {scale: 3.0}, **traced) == 3.0
        assert [stats.shapes for stats in session.run_stats()] == [(((),),)] * 2
    second = str(metadata.step_stats)
    assert ("once" in first, "Mul" in first) == (True, False)
    assert ("Exp" in second, "out" in second) == (False, True)  # what ran before is not run again
    (graph,) = metadata.partition_graphs
    assert [node.name for node in graph.node] == [
        "_arg_once_0_0", "_arg_s_0_1", "out", "_retval_out_0_0"
    ]  # fmt: skip


def test_a_stage_that_waits_too_long_can_be_repeated() -> None:
    queue = tf.FIFOQueue(1, tf.float32, [[]])
    x = tf.placeholder(tf.float32, [])
    taken, put = queue.dequeue() + x, queue.enqueue(5.0)
    with tf.Session() as session:
        handle = session.partial_run_setup(taken, x)
        with pytest.raises(tf.errors.DeadlineExceededError, match="Timed out"):
            session.partial_run(handle, taken, {x: 1.0}, options=tf.RunOptions(timeout_in_ms=20))
        session.run(put)
        assert session.partial_run(handle, taken, {x: 1.0}) == 6.0


@pytest.mark.parametrize("level", [-1, 0, 1])
def test_handles_of_one_setup_in_several_threads(level: int) -> None:
    """They share what is planned and compiled, and nothing of their values."""
    a, b, c = (tf.placeholder(tf.float32, [2]) for _ in range(3))
    one = a + b
    two = tf.tanh(one * 0.001) * c
    v = tf.Variable(0.0)
    with tf.control_dependencies([two]):
        update = v.assign_add(1.0)
    wrong: list[Any] = []
    with tf.Session(config=with_sessions(level)) as session:
        session.run(v.initializer)

        def work(number: int) -> None:
            for i in range(50):
                handle = session.partial_run_setup([one, two, update], [a, b, c])
                value = np.float32([number, i])
                first = session.partial_run(handle, one, {a: value, b: value})
                second, _ = session.partial_run(handle, [two, update], {c: [1, 1]})
                if not np.array_equal(first, 2 * value):
                    wrong.append(first)
                if not np.allclose(second, np.tanh(2 * value * 0.001), rtol=1e-4):
                    wrong.append(second)

        threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert wrong == []
        assert session.run(v) == 400.0


def test_a_branch_that_is_not_taken_reads_no_variable() -> None:
    with tf.Graph().as_default(), tf.Session() as session:
        x = tf.placeholder(tf.float32, [None, 2])
        unset, size = tf.Variable(np.ones([1, 2], np.float32), use_resource=False), tf.shape(x)

        def not_taken() -> Any:
            with tf.control_dependencies([size]):
                return unset.value()

        chosen = tf.cond(tf.constant([1])[0] > 0, lambda: tf.zeros(size), not_taken)
        either = tf.cond(tf.shape(x)[0] > 0, lambda: tf.zeros(size), not_taken)
        handle = session.partial_run_setup([chosen, either], [x])
        found = session.partial_run(handle, [chosen, either], {x: [[1, 2]]})
        assert [value.tolist() for value in found] == [[[0, 0]], [[0, 0]]]
