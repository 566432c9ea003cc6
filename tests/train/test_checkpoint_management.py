"""The `checkpoint` file and the files around it. Expected values are what TensorFlow 1.15 gave."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import numpy as np
import pytest

from penstock.formats.checkpoint import save_tensors
from penstock.graph.errors import NotFoundError, OpError
from penstock.train import checkpoint_management as management

ABSOLUTE = "/logs"


def save(prefix: str) -> None:
    save_tensors(prefix, ["v"], [""], [np.float32(1)])


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with a folder `d`."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "d").mkdir()
    return tmp_path / "d"


@pytest.mark.parametrize(
    ("save_dir", "newest", "kept", "stored"),
    [
        ("d", "d/m-1", None, ["m-1"]),
        ("d", "d/m-2", ["d/m-1"], ["m-1", "m-2"]),
        ("d", "d/m-1", ["d/m-1", "d/m-2"], ["m-1", "m-2"]),
        ("d", "e/m-2", ["m-1"], ["../m-1", "../e/m-2"]),
        ("d", f"{ABSOLUTE}/m-2", ["/x/m-1"], ["/x/m-1", f"{ABSOLUTE}/m-2"]),
        (ABSOLUTE, f"{ABSOLUTE}/m-2", [f"{ABSOLUTE}/m-1"], [f"{ABSOLUTE}/m-{n}" for n in (1, 2)]),
        (ABSOLUTE, "m-2", ["m-1"], ["m-1", "m-2"]),
    ],
)
def test_paths_count_from_a_relative_folder(
    save_dir: str, newest: str, kept: list[str] | None, stored: list[str]
) -> None:
    state = management.generate_checkpoint_state_proto(save_dir, newest, kept)
    assert list(state.all_model_checkpoint_paths) == stored
    assert state.model_checkpoint_path in stored


def test_timestamps_are_as_many_as_paths() -> None:
    state = management.generate_checkpoint_state_proto("d", "d/b", ["d/a"], [1.5, 2.5], 3.0)
    assert list(state.all_model_checkpoint_timestamps) == [1.5, 2.5]
    assert state.last_preserved_timestamp == 3.0
    with pytest.raises(ValueError, match="Checkpoint timestamps, if provided, must match"):
        management.generate_checkpoint_state_proto("d", "d/b", ["d/a"], [1.5])


def test_the_file_is_tensorflows(folder: Path) -> None:
    management.update_checkpoint_state("d", 'd/mé"x')
    assert (folder / "checkpoint").read_text() == (
        'model_checkpoint_path: "m\\303\\251\\"x"\nall_model_checkpoint_paths: "m\\303\\251\\"x"\n'
    )
    assert management.get_checkpoint_state("d").model_checkpoint_path == 'd/mé"x'


@pytest.mark.parametrize("save_dir", ["d", "ABSOLUTE"])
@pytest.mark.parametrize("prefix", ["d/m-1", "ABSOLUTE/m-1"])
def test_relative_paths_on_request(folder: Path, save_dir: str, prefix: str) -> None:
    save_dir, prefix = [text.replace("ABSOLUTE", str(folder)) for text in (save_dir, prefix)]
    management.update_relative_checkpoint_state(save_dir, prefix)
    if prefix != "d/m-1" or save_dir == "d":
        save("d/m-1")
        assert management.latest_checkpoint("d") == "d/m-1"
        assert management.latest_checkpoint(str(folder)) == f"{folder}/m-1"
    else:  # a relative path stays as it is beside an absolute folder
        assert management.get_checkpoint_state("d").model_checkpoint_path == "d/d/m-1"


def test_another_file_name(folder: Path) -> None:
    save("d/m-1")
    management.update_checkpoint_state("d", "d/m-1", latest_filename="newest")
    assert management.latest_checkpoint("d") is None
    assert management.latest_checkpoint("d", "newest") == "d/m-1"


def test_a_checkpoint_named_as_the_file_is_refused(folder: Path) -> None:
    with pytest.raises(RuntimeError, match="conflicts with path used for checkpoint state"):
        management.update_checkpoint_state(str(folder), f"{folder}/checkpoint")


def test_a_failed_update_leaves_nothing(folder: Path) -> None:
    (folder / "checkpoint").mkdir()
    with pytest.raises(OpError):
        management.update_checkpoint_state("d", "d/m")
    assert os.listdir("d") == ["checkpoint"]
    with pytest.raises(NotFoundError, match="No such file or directory"):
        management.update_checkpoint_state("missing", "missing/m")


def test_no_file_is_no_state(folder: Path) -> None:
    assert management.get_checkpoint_state("d") is None
    assert management.get_checkpoint_state("missing") is None
    assert management.latest_checkpoint("d") is None


@pytest.mark.parametrize("text", [b"garbage", b"\xff\xfe", b'model_checkpoint_path: "m"\nx: 3'])
def test_what_is_no_state_is_ignored_aloud(
    folder: Path, text: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    (folder / "checkpoint").write_bytes(text)
    with caplog.at_level(logging.WARNING, "tensorflow"):
        assert management.get_checkpoint_state("d") is None
    assert "d/checkpoint" in caplog.text
    assert "Checkpoint ignored" in caplog.text


def test_a_state_without_newest_is_an_error(folder: Path) -> None:
    (folder / "checkpoint").write_text('all_model_checkpoint_paths: "m-1"')
    with pytest.raises(ValueError, match="Invalid checkpoint state loaded from d"):
        management.get_checkpoint_state("d")


def test_a_newest_checkpoint_without_files_is_none(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    management.update_checkpoint_state("d", "d/m-1")
    with caplog.at_level(logging.ERROR, "tensorflow"):
        assert management.latest_checkpoint("d") is None
    assert "Couldn't match files for checkpoint d/m-1" in caplog.text
    (folder / "checkpoint").write_text('model_checkpoint_path: "/missing/m-1"')
    with pytest.raises(NotFoundError, match="/missing; No such file or directory"):
        management.latest_checkpoint("d")


def test_which_checkpoints_exist(folder: Path) -> None:
    save("d/m-1")
    (folder / "old").touch()
    exists = management.checkpoint_exists
    assert [name for name in ("d/m-1", "d/m-?", "d/m-1.*", "d/old", "d") if exists(name)] == [
        "d/m-1", "d/m-?", "d/m-1.*", "d/old", "d",
    ]  # fmt: skip
    assert not [name for name in ("d/m", "d/", ".", "..", "", "d/x*") if exists(name)]
    with pytest.raises(NotFoundError):
        exists("missing/m-1")


def test_a_name_that_looks_like_a_pattern(folder: Path) -> None:
    save("d/run[1]")
    assert management.checkpoint_exists("d/run[1]")
    management.remove_checkpoint("d/run[1]")
    assert os.listdir("d") == []


def test_times_of_writing(folder: Path) -> None:
    save("d/m-1")
    os.utime("d/m-1.index", (5, 7.25))
    assert management.get_checkpoint_mtimes(["d/m-1", "d/none"]) == [7.0]


def test_removing(folder: Path) -> None:
    save("d/m-1")
    save("d/m-10")
    for name in ("m-1.meta", "m-1.other", "m-1"):
        (folder / name).touch()
    management.remove_checkpoint("d/m-1")
    rest = ["m-1", "m-1.other", "m-10.data-00000-of-00001", "m-10.index"]
    assert sorted(os.listdir("d")) == rest
    management.remove_checkpoint("d/m-1", checkpoint_format_version=1)
    assert sorted(os.listdir("d")) == rest[1:]
    management.remove_checkpoint("d/none")


def test_the_metagraphs_name() -> None:
    assert management.meta_graph_filename("d/m-1") == "d/m-1.meta"
    assert management.meta_graph_filename("d/m-00001-of-00002", "x") == "d/m.x"
    assert management.meta_graph_filename("d/m-?????-of-00002") == "d/m.meta"


def test_new_checkpoints_are_iterated(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(management, "_POLL_SECONDS", 0.001)
    save("d/m-1")
    save("d/m-2")
    management.update_checkpoint_state("d", "d/m-1")
    calls: list[str] = []

    def timed_out() -> bool:
        calls.append("timed out")
        if len(calls) == 2:
            management.update_checkpoint_state("d", "d/m-2")
        return len(calls) == 3

    found = management.checkpoints_iterator("d", timeout=0.01, timeout_fn=timed_out)
    assert list(found) == ["d/m-1", "d/m-2"]
    assert len(calls) == 3
    assert list(management.checkpoints_iterator("missing", timeout=0.01)) == []
