"""Tensors that a session keeps between runs, and their handles."""

from __future__ import annotations

import gc
import threading

import numpy as np
import pytest

import penstock as tf
from penstock.ops.session_ops import tensors_of

DEVICE = "/job:localhost/replica:0/task:0/device:CPU:0"


@pytest.fixture(autouse=True)
def _graph():
    with tf.Graph().as_default():
        yield


@pytest.fixture
def session():
    with tf.Session() as session:
        yield session


def stored(session):
    return len(tensors_of(session._state)._values)


def test_a_handle_has_the_name_of_its_op_a_number_and_a_device(session):
    keep = tf.get_session_handle(tf.constant(2.0), name="keep")
    assert (keep.dtype, keep.shape.as_list(), keep.op.type) == (tf.string, [], "GetSessionHandle")
    first, second = session.run(keep), session.run(keep)
    assert [str(first), second.handle] == [f"keep;{number};{DEVICE}" for number in (0, 1)]


@pytest.mark.parametrize(
    "value", [2.5, [1, 2, 3], [[True], [False]], ["a", "bc"], "text", np.float64(1), 1j]
)
def test_eval_gives_the_value(session, value):
    tensor = tf.constant(value)
    handle = session.run(tf.get_session_handle(tensor))
    expected = session.run(tensor)
    assert type(handle.eval()) is type(expected)
    np.testing.assert_array_equal(handle.eval(), expected)


def test_what_is_stored_shares_no_memory(session):
    x = tf.placeholder(tf.float32, [2])
    fed = np.zeros(2, np.float32)
    handle = session.run(tf.get_session_handle(tf.reshape(x, [2])), {x: fed})
    fed[:] = 1
    for got in (handle.eval(), session.run(x, {x: handle}), session.run(x + 0.0, {x: handle})):
        assert got.tolist() == [0, 0]
        got[:] = 2
    assert handle.eval().tolist() == [0, 0]


def test_a_stored_variable_stays_as_it_was(session):
    v = tf.Variable([1.0])
    session.run(v.initializer)
    handle = session.run(tf.get_session_handle(v.read_value()))
    session.run(v.assign([5.0]))
    assert handle.eval() == [1.0]
    with pytest.raises(TypeError, match="`data` must be of type Tensor"):
        tf.get_session_handle(v)


@pytest.mark.parametrize("level", [-1, 0, 1])
def test_a_handle_is_fed_for_a_tensor(level):
    config = tf.ConfigProto()
    config.graph_options.optimizer_options.global_jit_level = level
    x = tf.placeholder(tf.float32, [None], name="x")
    keep = tf.get_session_handle(x * 2.0)
    double = tf.reduce_sum(x * 2.0)
    with tf.Session(config=config) as session:
        handle = session.run(keep, {x: [1, 2]})
        for _ in range(5):
            assert session.run(double, {x: handle}) == 12
            assert session.run([double], {"x:0": handle}) == [12]
        handle, value = session.run([keep, double], {x: handle})
        assert (value, handle.eval().tolist()) == (12, [4, 8])
        call = session.make_callable([keep, double], [x])
        handle, value = call(handle)
        assert (value, handle.eval().tolist()) == (24, [8, 16])


def test_a_string_is_fed_by_its_handle(session):
    x = tf.placeholder(tf.string)
    handle = session.run(tf.get_session_handle(tf.constant(["a", "b"])))
    assert session.run(x, {x: handle}).tolist() == [b"a", b"b"]


def test_a_fed_handle_must_fit(session):
    number = tf.placeholder(tf.int32)
    vector = tf.placeholder(tf.float32, [2])
    handle = session.run(tf.get_session_handle(tf.constant(1.0)))
    with pytest.raises(tf.errors.InvalidArgumentError, match="to be int32 but float is provided"):
        session.run(number, {number: handle})
    with pytest.raises(ValueError, match="Cannot feed value of shape"):
        session.run(vector, {vector: handle})
    holder, tensor = tf.get_session_tensor(handle.handle, tf.float32)
    # The placeholder takes the handle's text; TensorFlow refuses the object too.
    with pytest.raises(tf.errors.InvalidArgumentError, match="to be string but float is provided"):
        session.run(tensor, {holder: handle})


def test_get_session_tensor(session):
    handle = session.run(tf.get_session_handle(tf.constant([1.0, 2.0])))
    holder, tensor = tf.get_session_tensor(handle.handle, tf.float32, name="got")
    assert (tensor.name, tensor.dtype, tensor.shape.ndims) == ("got:0", tf.float32, None)
    assert (holder.op.type, holder.dtype, holder.device) == ("Placeholder", tf.string, DEVICE)
    for _ in range(4):
        assert session.run(tensor * 10.0, {holder: handle.handle}).tolist() == [10, 20]
    holder, wrong = tf.get_session_tensor(handle.handle, tf.int32)
    with pytest.raises(tf.errors.InternalError, match=r"type float does not match .* type int32"):
        session.run(wrong, {holder: handle.handle})
    with pytest.raises(tf.errors.InvalidArgumentError, match="'foo' is not in the session store"):
        session.run(tensor, {tensor.op.inputs[0]: "foo"})
    with pytest.raises(ValueError, match="Unknown attribute: 'foo'"):
        tf.get_session_tensor("foo", tf.float32)


def test_delete_session_tensor(session):
    keep = tf.get_session_handle(tf.constant(1.0))
    handle = session.run(keep)
    text = handle.handle
    holder, delete = tf.delete_session_tensor(text)
    assert delete.type == "DeleteSessionTensor"
    session.run(delete, {holder: text})
    assert stored(session) == 0
    with pytest.raises(tf.errors.InvalidArgumentError, match="Failed to delete a tensor with han"):
        session.run(delete, {holder: text})
    with pytest.raises(tf.errors.InvalidArgumentError, match="Failed to delete a tensor with han"):
        handle.delete()


def test_delete(session):
    x = tf.placeholder(tf.float32)
    handle = session.run(tf.get_session_handle(tf.constant(1.0)))
    handle.delete()
    assert stored(session) == 0
    for use in (handle.eval, handle.delete):
        with pytest.raises(TypeError, match=f"Persistent tensor {handle} may have already been"):
            use()
    with pytest.raises(tf.errors.InvalidArgumentError, match="is not in the session store"):
        session.run(x, {x: handle})
    assert handle.get_raw_handle() == handle.handle


def test_a_handle_that_nobody_has_is_deleted_later(session):
    """Its text can be used for nine more such handles, as TensorFlow allows."""
    keep = tf.get_session_handle(tf.constant(1.0))
    holder, tensor = tf.get_session_tensor(f"a;0;{DEVICE}", tf.float32)
    first = session.run(keep).handle
    for _ in range(9):
        assert session.run(tensor, {holder: first}) == 1
        session.run(keep)
    with pytest.raises(tf.errors.InvalidArgumentError, match="is not in the session store"):
        session.run(tensor, {holder: first})


def test_abandoned_handles_leave_memory_flat(session):
    x = tf.placeholder(tf.float32)
    keep = tf.get_session_handle(x + 1.0)
    handle = session.run(keep, {x: 0.0})
    for _ in range(2000):
        handle = session.run(keep, {x: handle})
    assert handle.eval() == 2001
    store = tensors_of(session._state)
    assert stored(session) == 10
    assert (len(store._dead), len(store.handles)) == (9, 1)


def test_a_raw_handle_outlives_its_object(session):
    keep = tf.get_session_handle(tf.constant(1.0))
    holder, tensor = tf.get_session_tensor(f"a;0;{DEVICE}", tf.float32)
    handle = session.run(keep)
    raw = handle.get_raw_handle()
    for use in (handle.eval, handle.delete):
        with pytest.raises(TypeError, match="may have already been deleted"):
            use()
    del handle
    for _ in range(20):
        session.run(keep)
    assert session.run(tensor, {holder: raw}) == 1


def test_threads_abandon_handles(session):
    keep = tf.get_session_handle(tf.constant(1.0))

    def work():
        for _ in range(200):
            session.run(keep)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert stored(session) == len(tensors_of(session._state)._dead) == 9


def test_one_handle_fetched_twice_is_one_object(session):
    keep = tf.get_session_handle(tf.constant(1.0))
    first, nested = session.run([keep, {"again": (keep,)}])
    assert nested["again"][0] is first
    assert stored(session) == 1
    assert session.run(keep.op) is None
    assert session.run(tf.identity(keep)).startswith(b"GetSessionHandle;")


def test_handles_in_stages(session):
    x = tf.placeholder(tf.float32)
    keep = tf.get_session_handle(tf.constant(3.0))
    total = x + 1.0
    run = session.partial_run_setup([keep, total], [x])
    handle = session.partial_run(run, keep)
    again, value = session.partial_run(run, [keep, total], {x: handle})
    assert (again is handle, value) == (True, 4.0)


def test_handles_after_the_session():
    keep = tf.get_session_handle(tf.constant(3.0))
    with tf.Session() as session:
        handle = session.run(keep)
        state = session._state
    for use in (handle.eval, handle.delete):
        with pytest.raises(RuntimeError, match="closed Session"):
            use()
    assert str(handle).startswith("GetSessionHandle;0;")
    del handle
    gc.collect()
    assert not state.resources


def test_a_finalized_graph_takes_handles(session):
    keep = tf.get_session_handle(tf.constant(3.0))
    tf.get_default_graph().finalize()
    handle = session.run(keep)
    assert handle.eval() == 3
    handle.delete()


def test_a_handle_adds_no_operations(session):
    keep = tf.get_session_handle(tf.constant(3.0))
    count = len(tf.get_default_graph().get_operations())
    handle = session.run(keep)
    assert handle.eval() == 3
    handle.delete()
    del handle
    assert len(tf.get_default_graph().get_operations()) == count


def test_another_session_takes_a_handle(session):
    x = tf.placeholder(tf.float32)
    handle = session.run(tf.get_session_handle(tf.constant(3.0)))
    with tf.Session() as other:
        assert other.run(x + 1.0, {x: handle}) == 4
    session.close()
    with tf.Session() as other, pytest.raises(RuntimeError, match="closed Session"):
        other.run(x, {x: handle})
