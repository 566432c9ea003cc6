"""`tf.train.Saver`: errors and files. What it restores is held by tests/programs/saving.py and the
formats' tests.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import penstock as tf


@pytest.fixture(autouse=True)
def graph() -> Iterator[Any]:
    """A graph of its own for each test."""
    with tf.Graph().as_default() as graph:
        yield graph


@pytest.fixture
def saved(tmp_path: Path) -> str:
    """A checkpoint that holds v = [1, 2]."""
    with tf.Graph().as_default(), tf.Session() as sess:
        v = tf.Variable([1.0, 2.0], name="v")
        sess.run(v.initializer)
        return str(tf.train.Saver().save(sess, str(tmp_path / "model")))


def test_bad_lists() -> None:
    """What cannot be saved is refused when the saver is made."""
    with pytest.raises(ValueError, match="No variables to save"):
        tf.train.Saver()
    v, c = tf.Variable(1.0, name="v"), tf.constant(1.0)
    for var_list, error, words in [
        ([c], TypeError, "Variable to save is not a Variable"),
        ([v, v], ValueError, "At least two variables have the same name: v"),
        ({"a": c}, TypeError, "must be a dict mapping string names"),
        ({"a": v, "b": v}, ValueError, "will be restored with two names"),
    ]:
        with pytest.raises(error, match=words):
            tf.train.Saver(var_list)


def test_bad_calls(tmp_path: Path) -> None:
    """Bad arguments of save raise TensorFlow's errors, and write nothing."""
    v = tf.Variable(1.0)
    saver = tf.train.Saver()
    with tf.Session() as sess:
        path = str(tmp_path / "model")
        with pytest.raises(tf.errors.FailedPreconditionError, match="uninitialized"):
            saver.save(sess, path)
        sess.run(v.initializer)
        with pytest.raises(ValueError, match="must not contain path components"):
            saver.save(sess, path, latest_filename="a/b")
        with pytest.raises(ValueError, match="collides with 'save_path'"):
            saver.save(sess, str(tmp_path / "checkpoint"))
        with pytest.raises(ValueError, match=r"Parent directory of .* doesn't exist, can't save"):
            saver.save(sess, str(tmp_path / "no" / "such" / "model"))
        with pytest.raises(TypeError, match="'sess' must be a Session"):
            saver.save(None, path)
        assert os.listdir(tmp_path) == []


def test_missing_checkpoints(saved: str) -> None:
    """Restoring says which checkpoint or which entry is missing, and changes nothing."""
    v, q = tf.Variable([0.0, 0.0], name="v"), tf.Variable(7.0, name="q")
    saver = tf.train.Saver()
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        with pytest.raises(ValueError, match="Can't load save_path when it is None"):
            saver.restore(sess, None)
        with pytest.raises(
            ValueError, match=r"The passed save_path is not a valid checkpoint: .*other"
        ):
            saver.restore(sess, saved + "-other")
        with pytest.raises(
            tf.errors.NotFoundError, match="Key q not found in checkpoint"
        ) as caught:
            saver.restore(sess, saved)
        assert "Restoring from checkpoint failed" in str(caught.value)
        assert sess.run(v).tolist() == [0.0, 0.0]
        assert sess.run(q) == 7.0


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ([0.0, 0.0, 0.0], r"lhs shape= \[3\] rhs shape= \[2\]"),
        ([0, 0], "expected dtype int32 does not equal original dtype float"),
    ],
)
def test_another_variable(saved: str, value: Any, words: str) -> None:
    """A variable of another shape or type than was saved is an error that says both."""
    tf.Variable(value, name="v")
    with tf.Session() as sess, pytest.raises(tf.errors.InvalidArgumentError, match=words) as caught:
        tf.train.Saver().restore(sess, saved)
    assert "a mismatch between the current graph" in str(caught.value)


@pytest.mark.parametrize(("suffix", "size"), [(".index", 20), (".data-00000-of-00001", 4)])
def test_torn_checkpoints(saved: str, suffix: str, size: int) -> None:
    """A checkpoint that was cut off is a DataLossError, and the variable keeps its value."""
    v = tf.Variable([5.0, 5.0], name="v")
    saver = tf.train.Saver()
    os.truncate(saved + suffix, size)
    with tf.Session() as sess:
        sess.run(v.initializer)
        with pytest.raises(tf.errors.DataLossError):
            saver.restore(sess, saved)
        assert sess.run(v).tolist() == [5.0, 5.0]


def test_kept_checkpoints(tmp_path: Path) -> None:
    """Old checkpoints go, those that were restored from are taken up, and one an hour stays."""
    v = tf.Variable(1.0)
    saver = tf.train.Saver(max_to_keep=1, keep_checkpoint_every_n_hours=0)
    other = tf.train.Saver(max_to_keep=1)
    with tf.Session() as sess:
        sess.run(v.initializer)
        paths = [
            saver.save(sess, str(tmp_path / "a"), step, write_meta_graph=False) for step in (1, 2)
        ]
        assert all(tf.train.checkpoint_exists(path) for path in paths)
        other.recover_last_checkpoints([*paths[1:], str(tmp_path / "gone")])
        assert other.last_checkpoints == paths[1:]
        other.save(sess, str(tmp_path / "b"), write_meta_graph=False)
    assert not tf.train.checkpoint_exists(paths[1])
    assert sorted(os.listdir(tmp_path)) == [
        "a-1.data-00000-of-00001", "a-1.index", "b.data-00000-of-00001", "b.index", "checkpoint",
    ]  # fmt: skip


def test_names_and_states(tmp_path: Path) -> None:
    """Padded step numbers, relative paths, a name of one's own for the state file."""
    v = tf.Variable(1.0)
    saver = tf.train.Saver(pad_step_number=True, save_relative_paths=True)
    with tf.Session() as sess:
        sess.run(v.initializer)
        step = tf.Variable(3)
        sess.run(step.initializer)
        path = saver.save(sess, str(tmp_path / "m"), step, "state", write_meta_graph=False)
        assert path == str(tmp_path / "m-00000003")
    assert 'model_checkpoint_path: "m-00000003"' in (tmp_path / "state").read_text()


def test_deferred_and_empty(tmp_path: Path) -> None:
    """A saver may be built later, or have nothing to save."""
    nothing = tf.train.Saver(allow_empty=True)
    v = tf.Variable(1.0)
    saver = tf.train.Saver(defer_build=True)
    with tf.Session() as sess:
        sess.run(v.initializer)
        assert nothing.save(sess, str(tmp_path / "n"), write_meta_graph=False) is None
        nothing.restore(sess, str(tmp_path / "n"))
        with pytest.raises(RuntimeError, match="should be called before save if defer_build==True"):
            saver.save(sess, str(tmp_path / "m"))
        saver.build()
        assert saver.save(sess, str(tmp_path / "m"))
    with pytest.raises(ValueError, match="build cannot be deferred"):
        tf.train.Saver([v], defer_build=True)


def test_shards(tmp_path: Path) -> None:
    """One file for each device, which MergeV2Checkpoints puts under one name."""
    with tf.device("/cpu:0"):
        a = tf.Variable([1.0, 2.0], name="a")
    with tf.device("/cpu:1"):
        b = tf.Variable(3, name="b", use_resource=True)
    saver = tf.train.Saver(sharded=True)
    with tf.Session(config=tf.ConfigProto(device_count={"CPU": 2})) as sess:
        sess.run(tf.global_variables_initializer())
        path = saver.save(sess, str(tmp_path / "m"), write_meta_graph=False)
        sess.run([a.assign([0.0, 0.0]), b.assign(0)])
        saver.restore(sess, path)
        assert [value.tolist() for value in sess.run([a, b])] == [[1.0, 2.0], 3]
    names = sorted(os.listdir(tmp_path))
    assert names == ["checkpoint", "m.data-00000-of-00002", "m.data-00001-of-00002", "m.index"]


def test_meta_graph(tmp_path: Path) -> None:
    """The graph file has graph, saver and collections; a scope can be put around them."""
    v = tf.Variable([1.0, 2.0], name="v")
    tf.add_to_collection("output", v * 2.0)
    tf.add_to_collection("words", "hello")
    tf.add_to_collection("numbers", 3)
    tf.add_to_collection("odd", object())
    saver = tf.train.Saver()
    message = saver.export_meta_graph(str(tmp_path / "g.meta"))
    assert message.saver_def.restore_op_name == "save/restore_all"
    assert message.meta_info_def.tensorflow_version.startswith("1.15")
    assert sorted(message.collection_def) == [
        "numbers", "output", "trainable_variables", "variables", "words",
    ]  # fmt: skip
    with tf.Session() as sess:
        sess.run(v.initializer)
        path = saver.save(sess, str(tmp_path / "m"))
    with tf.Graph().as_default(), tf.Session() as sess:
        imported = tf.train.import_meta_graph(path + ".meta", import_scope="inner")
        imported.restore(sess, path)
        (output,) = tf.get_collection("output")
        assert output.name == "inner/mul:0"
        assert sess.run(output).tolist() == [2.0, 4.0]
        assert tf.get_collection("words") == [b"hello"]
        assert tf.get_collection("numbers") == [3]
        assert [v.name for v in tf.trainable_variables()] == ["inner/v:0"]
    with pytest.raises(OSError, match="does not exist"):
        tf.train.import_meta_graph(str(tmp_path / "no.meta"))
    (tmp_path / "bad.meta").write_bytes(b"\xff\xfe nonsense")
    with pytest.raises(OSError, match="Cannot parse"):
        tf.train.import_meta_graph(str(tmp_path / "bad.meta"))


def test_a_saver_is_told_which_checkpoints_there_are() -> None:
    saver = tf.train.Saver([tf.get_variable("v", [1])])
    saver.set_last_checkpoints(["a", "b"])
    assert saver.last_checkpoints == ["a", "b"]
    saver.set_last_checkpoints_with_time([("c", 1.0), ("d", 2.0)])
    assert saver.last_checkpoints == ["c", "d"]


def test_a_saver_describes_itself() -> None:
    told = tf.train.Saver([tf.get_variable("v", [1])]).as_saver_def()
    assert told.filename_tensor_name == "save/Const:0"
    assert told.save_tensor_name == "save/control_dependency:0"
    assert told.restore_op_name == "save/restore_all"
    assert (told.max_to_keep, told.version) == (5, tf.train.SaverDef.V2)
