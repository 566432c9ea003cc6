"""Checkpoints that TensorFlow wrote: they load, and the same content gives the same bytes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from penstock.formats.checkpoint import BundleReader
from penstock.graph import dtypes
from penstock.train.checkpoint_management import get_checkpoint_state, latest_checkpoint
from tests.formats.saving import GOLDEN, RECORDINGS, write_all
from tests.golden.checkpoints import contents


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("written")
    write_all(folder)
    return folder


@pytest.fixture(params=RECORDINGS, ids=lambda folder: folder.name)
def recording(request: pytest.FixtureRequest) -> Path:
    return request.param


def test_there_are_recordings() -> None:
    assert RECORDINGS, f"no tf-* folder in {GOLDEN}"


@pytest.mark.parametrize(
    ("name", "dtype", "array"), contents.of_every_type(), ids=lambda value: str(value)[:16]
)
def test_every_type_loads(recording: Path, name: str, dtype: str, array: np.ndarray) -> None:
    with BundleReader(recording / "types") as reader:
        value = reader.get(name)
        info = reader.info(name)
    assert info == (dtypes.as_dtype(dtype), array.shape)
    assert value.dtype == info.dtype.np_dtype
    assert value.shape == array.shape
    np.testing.assert_array_equal(value.view(array.dtype), array)


@pytest.mark.parametrize(
    ("checkpoint", "expected"),
    [
        ("strings", contents.strings()),
        ("many", contents.many()),
        ("partitioned-3", {**contents.variables(), "step": np.array(7)}),
        ("sharded", {**contents.variables(), "step": np.array(7)}),
    ],
)
def test_values_load(recording: Path, checkpoint: str, expected: dict[str, np.ndarray]) -> None:
    with BundleReader(recording / checkpoint) as reader:
        assert list(reader.dtypes_and_shapes()) == sorted(expected)
        for name, array in expected.items():
            value = reader.get(name)
            assert (value.dtype, value.shape) == (array.dtype, array.shape)
            np.testing.assert_array_equal(value, array)


def test_the_same_content_gives_the_same_bytes(recording: Path, written: Path) -> None:
    files = sorted(file.name for file in recording.iterdir())
    assert files == sorted(file.name for file in written.iterdir())
    for file in files:
        assert (written / file).read_bytes() == (recording / file).read_bytes(), file


def test_the_newest_checkpoint_is_found(recording: Path) -> None:
    newest = str(recording / "partitioned-3")
    assert latest_checkpoint(str(recording)) == newest
    assert get_checkpoint_state(str(recording)).all_model_checkpoint_paths == [newest]
