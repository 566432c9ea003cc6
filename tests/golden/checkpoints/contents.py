"""What the recorded checkpoints hold. Read by Python 3.7 (`record.py`) and by the tests."""

from __future__ import annotations

import zlib

import numpy as np

# TensorFlow's name of a type -> NumPy's type of the same bits, where NumPy lacks it.
BITS = {
    "bfloat16": "uint16", "qint8": "int8", "quint8": "uint8", "qint16": "int16",
    "quint16": "uint16", "qint32": "int32",
}  # fmt: skip
TYPES = (
    "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float16",
    "float32", "float64", "complex64", "complex128",
    *BITS,
)  # fmt: skip
SHAPES = {"matrix": (2, 3), "scalar": (), "empty": (0, 4), "deep": (1, 2, 1, 3)}


def numbers(dtype: str, shape: tuple[int, ...], seed: int) -> np.ndarray:
    """Deterministic values of a NumPy type; no NaN, so that they compare by value."""
    draw = np.random.RandomState(seed)
    if dtype == "bool":
        return np.asarray(draw.randint(0, 2, shape), bool)
    if dtype.startswith("complex"):
        return np.asarray(draw.uniform(-9, 9, shape) + 1j * draw.uniform(-9, 9, shape), dtype)
    if dtype.startswith("float"):
        return np.asarray(draw.uniform(-9, 9, shape), dtype)
    return np.asarray(draw.randint(-(2**31), 2**31, shape)).astype(dtype)


def of_every_type() -> list[tuple[str, str, np.ndarray]]:
    """(name, TensorFlow's type, array of the same bits) for each type and shape."""
    out = []
    for position, dtype in enumerate(TYPES):
        for offset, (label, shape) in enumerate(SHAPES.items()):
            array = numbers(BITS.get(dtype, dtype), shape, seed=10 * position + offset)
            out.append((f"{dtype}/{label}", dtype, array))
    return out


def strings() -> dict[str, np.ndarray]:
    """String tensors: lengths around those where a varint grows, NULs, no UTF-8."""
    return {
        "scalar": np.array(b"one", object),
        "empty": np.zeros((0, 2), object),
        "none": np.array([b"", b"", b""], object),
        "lengths": np.array([b"x" * n for n in (0, 1, 127, 128, 300, 2)], object),
        "bytes": np.array([[b"nul\0", b"\0"], [b"\xff\xfe", "schön".encode()]], object),
    }


def variables() -> dict[str, np.ndarray]:
    """Variables, saved partitioned: by rows, by columns, and a string one."""
    return {
        "rows": numbers("float32", (5, 3), 1),
        "columns": numbers("int64", (2, 7), 2),
        "words": np.array([b"a", b"bc", b"", b"def"], object),
    }


PARTITIONS = {"rows": (2, 1), "columns": (1, 3), "words": (2,)}


def large() -> dict[str, np.ndarray]:
    """Names that fill several blocks of the index, of lengths and bytes that separators turn on."""
    parts = ["a", "b", "a\x7f", "a\x80", "b/", "zz"]
    names = [f"{part}/{n * n:06d}/{'x' * (n % 97)}" for part in parts for n in range(1500)]
    return {name: np.array([len(name)], np.uint8) for name in names}


def many() -> dict[str, np.ndarray]:
    """Enough names with shared beginnings for several restarts in the index."""
    names = [f"layer_{n}/{part}" for n in range(30) for part in ("kernel", "bias", "bias/Adam")]
    return {name: numbers("float32", (), zlib.crc32(name.encode())) for name in names}
