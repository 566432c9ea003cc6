"""`tf.DType`: names, NumPy twins, limits and kinds."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest

import penstock as tf

NAMES = (
    "float16 float32 float64 bfloat16 complex64 complex128 int8 int16 int32 int64 "
    "uint8 uint16 uint32 uint64 bool string qint8 quint8 qint16 quint16 qint32 resource variant"
).split()
PLAIN = [name for name in NAMES if not name.startswith("q") and name not in ("resource", "variant")]


@pytest.mark.parametrize("name", NAMES)
def test_a_type_by_its_name(name: str) -> None:
    dtype = getattr(tf, name)
    assert dtype.name == name
    assert tf.as_dtype(name) is dtype
    assert tf.as_dtype(dtype) is dtype
    assert repr(dtype) == "tf." + name
    assert str(dtype) == "<dtype: '" + name + "'>"
    assert tf.as_dtype(dtype.as_datatype_enum) is dtype
    assert dtype == name
    assert hash(dtype) == hash(tf.as_dtype(name))


def test_numbers_of_types() -> None:
    in_order = (
        "float32 float64 int32 uint8 int16 int8 string complex64 int64 bool qint8 quint8 qint32 "
        "bfloat16 qint16 quint16 uint16 complex128 float16 resource variant uint32 uint64"
    ).split()
    numbers = {name: number for number, name in enumerate(in_order, 1)}
    assert {name: getattr(tf, name).as_datatype_enum for name in NAMES} == numbers


@pytest.mark.parametrize("name", [n for n in PLAIN if n not in ("bfloat16", "string")])
def test_numpys_types(name: str) -> None:
    dtype = getattr(tf, name)
    assert np.dtype(dtype.as_numpy_dtype).name == name
    assert tf.as_dtype(np.dtype(name)) is dtype
    assert tf.as_dtype(np.dtype(name).type) is dtype
    assert dtype == np.dtype(name).type
    assert dtype == np.dtype(name)
    assert dtype.size == np.dtype(name).itemsize


def test_other_names() -> None:
    assert tf.as_dtype("half") is tf.half is tf.float16
    assert tf.as_dtype("float") is tf.float32
    assert tf.as_dtype("double") is tf.double is tf.float64
    assert tf.as_dtype(float) is tf.float32
    assert tf.as_dtype(bool) is tf.bool
    assert tf.as_dtype(object) is tf.string
    assert tf.as_dtype(np.dtype("S3")) is tf.string
    assert tf.as_dtype("int32_ref").base_dtype is tf.int32


@pytest.mark.parametrize("value", [None, "float31", 4711, np.dtype("M8[s]"), [1], object(), "str8"])
def test_what_is_no_type(value: Any) -> None:
    with pytest.raises(TypeError):
        tf.as_dtype(value)


def kinds(question: str) -> set[str]:
    """The names of the types for which the answer is yes."""
    return {name for name in NAMES if getattr(getattr(tf, name), question)}


def test_kinds() -> None:
    assert kinds("is_floating") == {"float16", "float32", "float64", "bfloat16"}
    assert kinds("is_complex") == {"complex64", "complex128"}
    assert kinds("is_bool") == {"bool"}
    assert kinds("is_quantized") == {"qint8", "quint8", "qint16", "quint16", "qint32"}
    assert kinds("is_integer") == {
        "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64",
    }  # fmt: skip
    assert kinds("is_unsigned") == {"uint8", "uint16", "uint32", "uint64"}


@pytest.mark.parametrize(
    ("name", "least", "greatest"),
    [
        ("int8", -128, 127),
        ("uint8", 0, 255),
        ("int16", -(2**15), 2**15 - 1),
        ("int32", -(2**31), 2**31 - 1),
        ("int64", -(2**63), 2**63 - 1),
        ("uint16", 0, 2**16 - 1),
        ("float16", -65504.0, 65504.0),
        ("float32", np.finfo(np.float32).min, np.finfo(np.float32).max),
        ("float64", np.finfo(np.float64).min, np.finfo(np.float64).max),
    ],
)
def test_limits(name: str, least: Any, greatest: Any) -> None:
    dtype = getattr(tf, name)
    assert dtype.min == least
    assert dtype.max == greatest


@pytest.mark.parametrize("name", ["string", "complex64", "resource"])
def test_types_without_limits(name: str) -> None:
    with pytest.raises(TypeError, match="Cannot find m"):
        getattr(tf, name).min  # noqa: B018
    with pytest.raises(TypeError, match="Cannot find m"):
        getattr(tf, name).max  # noqa: B018


def test_limits_of_images() -> None:
    assert tf.uint8.limits == (0, 255)
    assert tf.float32.limits == (0, 1)
    assert tf.int8.limits == (0, 127)


def test_real_types() -> None:
    assert tf.complex64.real_dtype is tf.float32
    assert tf.complex128.real_dtype is tf.float64
    assert tf.int32.real_dtype is tf.int32


def test_references() -> None:
    with tf.Graph().as_default():
        reference = tf.Variable(1.0, use_resource=False)._ref().dtype
    assert reference.name == "float32_ref"
    assert reference != tf.float32
    assert reference.base_dtype is tf.float32
    assert reference.base_dtype == tf.float32
    assert tf.float32.is_compatible_with(reference)
    assert not reference.is_compatible_with(tf.float32)
    assert repr(reference) == "tf.float32_ref"
    assert reference.is_floating
    assert reference.as_datatype_enum == 101


def test_comparisons() -> None:
    assert tf.float32 == "float32"
    assert tf.float32 != "int32"
    assert tf.float32 != tf.float64
    assert not tf.float32 == None  # noqa: E711
    assert tf.float32 is not None
    assert tf.float32 in (tf.int32, tf.float32)
    assert {tf.float32: 1}[tf.as_dtype("float32")] == 1


@pytest.mark.parametrize("name", PLAIN)
def test_copies_are_the_same(name: str) -> None:
    dtype = getattr(tf, name)
    assert copy.deepcopy(dtype) == dtype
    assert pickle.loads(pickle.dumps(dtype)) == dtype


def test_public_names() -> None:
    assert tf.dtypes.float32 is tf.float32
    assert tf.dtypes.as_dtype is tf.as_dtype
    assert tf.dtypes.DType is tf.DType
    assert isinstance(tf.float32, tf.DType)
