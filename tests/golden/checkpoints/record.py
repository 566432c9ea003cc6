"""Writes checkpoints by TensorFlow 1.15: the frozen files beside this one, and any other copy.

ORACLE/bin/python tests/golden/checkpoints/record.py FOLDER
"""

from __future__ import annotations

import hashlib
import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import contents
import numpy as np
import tensorflow as tf


def save_op(prefix, names, tensors, specs=None):
    """Runs SaveV2."""
    op = tf.raw_ops.SaveV2(
        prefix=prefix,
        tensor_names=names,
        shape_and_slices=specs or [""] * len(names),
        tensors=tensors,
    )
    with tf.Session() as session:
        session.run(op)


def types(folder):
    rows = contents.of_every_type()
    tensors = []
    for _, dtype, array in rows:
        plain = tf.constant(array)
        tensors.append(tf.bitcast(plain, dtype) if dtype in contents.BITS else plain)
    save_op(os.path.join(folder, "types"), [name for name, _, _ in rows], tensors)


def strings(folder):
    rows = contents.strings()
    tensors = [tf.constant(array, tf.string, array.shape) for array in rows.values()]
    save_op(os.path.join(folder, "strings"), list(rows), tensors)


def many(folder):
    rows = contents.many()
    save_op(
        os.path.join(folder, "many"), list(rows), [tf.constant(array) for array in rows.values()]
    )


def large(folder):
    """Keeps the checksums alone: the index has some 800 KB."""
    rows = contents.large()
    prefix = os.path.join(folder, "large")
    save_op(prefix, list(rows), [tf.constant(array) for array in rows.values()])
    with open(prefix + ".sha256", "w") as sums:
        for suffix in ("index", "data-00000-of-00001"):
            path = f"{prefix}.{suffix}"
            with open(path, "rb") as file:
                sums.write(f"{hashlib.sha256(file.read()).hexdigest()}  {path}\n")
            os.remove(path)


def partitioned_variables():
    """Makes them, the first on another device, so that a sharded save spreads the slices."""
    for name, array in contents.variables().items():
        parts = contents.PARTITIONS[name]
        tf.get_variable(
            name,
            array.shape,
            tf.string if array.dtype == object else array.dtype,
            initializer=piece_of(array),
            partitioner=lambda parts=parts, **_: list(parts),
        )
    tf.get_variable("step", initializer=np.int64(7))


def piece_of(array):
    def initializer(shape, dtype, partition_info):
        cut = tuple(
            [slice(at, at + size) for at, size in zip(partition_info.var_offset, shape)]  # noqa: B905
        )
        return tf.constant(array[cut], dtype)

    return initializer


def partitioned(folder):
    partitioned_variables()
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        tf.train.Saver().save(
            session, os.path.join(folder, "partitioned"), 3, write_meta_graph=False
        )


def sharded(folder):
    with tf.device(spread()):
        partitioned_variables()
    with tf.Session(config=tf.ConfigProto(device_count={"CPU": 2})) as session:
        session.run(tf.global_variables_initializer())
        tf.train.Saver(sharded=True).save(
            session, os.path.join(folder, "sharded"), write_meta_graph=False, write_state=False
        )


def spread():
    """A device function: variables go to two devices in turn, every other op to the first."""
    seen = []

    def device(op):
        if op.type != "VariableV2":
            return "/cpu:0"
        seen.append(op)
        return f"/cpu:{len(seen) % 2}"

    return device


def main():
    folder = sys.argv[1]
    os.makedirs(folder, exist_ok=True)
    os.chdir(folder)  # so that the `checkpoint` file names no path of this machine
    for record in (types, strings, many, large, partitioned, sharded):
        with tf.Graph().as_default():
            record("")


main()
