"""Checks by TensorFlow 1.15 that checkpoints hold what `contents.py` says.

    ORACLE/bin/python tests/golden/checkpoints/load.py FOLDER

Prints a line for each checkpoint that does; fails at the first that doesn't.
"""

# ruff: noqa: T201  (a command prints)

from __future__ import annotations

import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import contents
import numpy as np
import tensorflow as tf


def check_types(prefix):
    rows = contents.of_every_type()
    restored = tf.raw_ops.RestoreV2(
        prefix=prefix,
        tensor_names=[name for name, _, _ in rows],
        shape_and_slices=[""] * len(rows),
        dtypes=[tf.as_dtype(dtype) for _, dtype, _ in rows],
    )
    plain = [
        tf.bitcast(tensor, contents.BITS[dtype]) if dtype in contents.BITS else tensor
        for tensor, (_, dtype, _) in zip(restored, rows)  # noqa: B905
    ]
    with tf.Session() as session:
        for (name, _, array), value in zip(rows, session.run(plain)):  # noqa: B905
            check(name, value, array)


def check_tensors(prefix, expected):
    reader = tf.train.NewCheckpointReader(prefix)
    shapes = {name: list(array.shape) for name, array in expected.items()}
    if reader.get_variable_to_shape_map() != shapes:
        raise AssertionError(f"{reader.get_variable_to_shape_map()} != {shapes}")
    for name, array in expected.items():
        if name == "words":  # 1.15 writes partitioned strings, and refuses to read them
            continue
        check(name, reader.get_tensor(name), array)


def check(name, value, array):
    value = np.asarray(value, array.dtype if array.dtype == object else None)
    if value.dtype != array.dtype or value.shape != array.shape or not np.all(value == array):
        raise AssertionError(f"{name}: {value!r} != {array!r}")


def main():
    folder = sys.argv[1]
    variables = dict(contents.variables(), step=np.asarray(7))
    check_types(os.path.join(folder, "types"))
    print("types")
    for name, expected in (
        ("strings", contents.strings()),
        ("many", contents.many()),
        ("partitioned-3", variables),
        ("sharded", variables),
    ):
        check_tensors(os.path.join(folder, name), expected)
        print(name)
    print(tf.train.latest_checkpoint(folder))


main()
