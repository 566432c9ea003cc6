"""Reading checkpoints without a graph, as TensorFlow 1.15 does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from penstock.formats.checkpoint import save_tensors
from penstock.graph import dtypes
from penstock.graph.errors import DataLossError, NotFoundError
from penstock.train.checkpoint_management import update_checkpoint_state
from penstock.train.checkpoint_utils import (
    NewCheckpointReader,
    list_variables,
    load_checkpoint,
    load_variable,
)

ROWS = np.arange(6, dtype=np.float32).reshape(3, 2)


@pytest.fixture
def prefix(tmp_path: Path) -> str:
    path = str(tmp_path / "m-1")
    save_tensors(
        path,
        ["w", "w", "half", "a", "s", "t"],
        ["3 2 0,2:-", "3 2 2,1:-", "", "", "", ""],
        [ROWS[:2], ROWS[2:], np.ones((2, 3), np.float16), np.int32(7), [b"x", b""], b"text"],
    )
    return path


def test_what_a_reader_says(prefix: str) -> None:
    reader = NewCheckpointReader(prefix)
    assert reader.get_variable_to_shape_map() == {
        "a": [], "half": [2, 3], "s": [2], "t": [], "w": [3, 2],
    }  # fmt: skip
    types = reader.get_variable_to_dtype_map()
    assert [types[name] for name in ("a", "half", "s", "w")] == [
        dtypes.int32, dtypes.float16, dtypes.string, dtypes.float32,
    ]  # fmt: skip
    assert reader.has_tensor("w")
    assert reader.has_tensor(b"w")
    assert not reader.has_tensor("v")
    assert reader.debug_string() == (
        b"\0w\0\1\1\2\x80\x82\x80\x7f (DT_FLOAT) [2,2]\n"
        b"\0w\0\1\1\2\x82\x81\x80\x7f (DT_FLOAT) [1,2]\n"
        b"a (DT_INT32) []\nhalf (DT_HALF) [2,3]\ns (DT_STRING) [2]\nt (DT_STRING) []\n"
    )


def test_what_a_reader_gives(prefix: str) -> None:
    reader = NewCheckpointReader(prefix.encode())
    np.testing.assert_array_equal(reader.get_tensor("w"), ROWS)
    assert type(reader.get_tensor("a")) is np.int32
    assert reader.get_tensor("t") == b"text"
    assert reader.get_tensor("s").tolist() == [b"x", b""]


def test_what_a_reader_refuses(prefix: str) -> None:
    reader = NewCheckpointReader(prefix)
    with pytest.raises(NotFoundError, match="Key v not found in checkpoint"):
        reader.get_tensor("v")
    with pytest.raises(TypeError, match="Expected binary or unicode string, got 3"):
        reader.get_tensor(3)
    with pytest.raises(TypeError, match="Expected binary or unicode string, got None"):
        NewCheckpointReader(None)
    with pytest.raises(NotFoundError, match="Unsuccessful TensorSliceReader constructor"):
        NewCheckpointReader(prefix + "2")
    with pytest.raises(DataLossError, match="perhaps your file is in a different file format"):
        NewCheckpointReader(prefix + ".index")


def test_a_folder_stands_for_its_newest_checkpoint(prefix: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="Couldn't find 'checkpoint' file or checkpoints in"):
        load_checkpoint(str(tmp_path))
    update_checkpoint_state(str(tmp_path), prefix)
    for place in (prefix, str(tmp_path)):
        assert load_variable(place, "a") == 7
        assert load_variable(place, "a:0") == 7
        assert list_variables(place) == [
            ("a", []), ("half", [2, 3]), ("s", [2]), ("t", []), ("w", [3, 2]),
        ]  # fmt: skip
