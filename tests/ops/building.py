"""Builds the graph of a case with a library `tf`: the oracle and penstock do the same calls."""

from __future__ import annotations

import dataclasses
import zlib
from typing import Any

import numpy as np

from tests.ops.case import Case, Constant, Name, describe, is_fed, realize

# How much of the placeholders' shapes the graph is told.
VARIANTS = ("full", "first", "last", "dims", "unknown")


@dataclasses.dataclass
class Built:
    """The graph of one case: its inputs, what the function returned, and the tensors in that."""

    graph: Any
    placeholders: list[Any]
    feeds: list[np.ndarray]
    result: Any
    outputs: list[Any]

    def feed_dict(self) -> dict[Any, np.ndarray]:
        """Placeholders to arrays, for Session.run."""
        return {key: self.feeds[i] for i, key in enumerate(self.placeholders)}


def variant_shape(shape: tuple[int, ...], variant: str) -> list[int | None] | None:
    """The static shape that a placeholder of this shape gets under a variant."""
    static: list[int | None] = list(shape)
    if variant == "unknown":
        return None
    if variant == "dims":
        return [None] * len(shape)
    if variant == "first":
        return static if not shape else [None] + static[1:]
    if variant == "last":
        return static if not shape else static[:-1] + [None]
    return static


def variants_of(case: Case) -> list[str]:
    """The variants that give this case different graphs, "full" first."""
    seen: list[Any] = []
    kept = []
    for variant in VARIANTS:
        shapes = [variant_shape(feed.shape, variant) for feed in case.feeds()]
        if shapes not in seen:
            seen.append(shapes)
            kept.append(variant)
    return kept


def widen(array: np.ndarray) -> np.ndarray:
    """float32 as float64, complex64 as complex128, others unchanged."""
    wide = {"float16": "float64", "float32": "float64", "complex64": "complex128"}.get(
        str(array.dtype)
    )
    return array.astype(wide) if wide else array


def keep(array: np.ndarray) -> np.ndarray:
    """The array itself: what `widen` is not."""
    return array


def build(tf: Any, case: Case, variant: Any = "full", precision: Any = keep) -> Built:
    """Builds the case into a new graph; placeholders are x0, x1, … in the order of `Case.feeds`.

    Their static shapes are those of the variant, or given as a list.
    """
    graph = tf.Graph()
    feeds = [precision(feed) for feed in case.feeds()]
    if isinstance(variant, str):
        shapes = [variant_shape(feed.shape, variant) for feed in feeds]
    else:
        shapes = variant
    with graph.as_default():
        if case.graph_seed is not None:
            tf.set_random_seed(case.graph_seed)
        placeholders = [
            tf.placeholder(dtype_of(tf, feed), shapes[i], name="x" + str(i))
            for i, feed in enumerate(feeds)
        ]
        pending = iter(placeholders)
        args = [substitute(tf, arg, pending, precision, case.key) for arg in case.args]
        kwargs = {
            k: substitute(tf, v, pending, precision, case.key) for k, v in case.kwargs.items()
        }
        if isinstance(case.op, str):
            result = resolve(tf, case.op)(*args, **kwargs)
        else:
            result = case.op(tf, *args, **kwargs)
        return Built(graph, placeholders, feeds, result, flatten(tf, result))


def dtype_of(tf: Any, array: np.ndarray) -> Any:
    """The library's dtype for an array; object arrays are strings."""
    return tf.string if array.dtype == object else tf.as_dtype(array.dtype)


def substitute(tf: Any, tree: Any, pending: Any, precision: Any, key: str) -> Any:
    """The argument as the library gets it: placeholders, constants and names put in."""
    if isinstance(tree, (list, tuple)):
        items = [substitute(tf, item, pending, precision, key) for item in tree]
        return items if isinstance(tree, list) else tuple(items)
    if isinstance(tree, dict):
        return {k: substitute(tf, v, pending, precision, key) for k, v in tree.items()}
    if is_fed(tree):
        return next(pending)
    if isinstance(tree, Constant):
        return tf.constant(precision(realize(tree.value, key + describe(tree.value))))
    if isinstance(tree, Name):
        return resolve(tf, tree.path)
    return tree


def resolve(tf: Any, path: str) -> Any:
    """`tf.<path>`, dots and all."""
    for part in path.split("."):
        tf = getattr(tf, part)
    return tf


def flatten(tf: Any, result: Any) -> list[Any]:
    """The tensors in a result: values and indices of slices, none of None and operations."""
    if isinstance(result, tf.IndexedSlices):
        return [result.values, result.indices]
    if isinstance(result, dict):
        return [tensor for key in sorted(result) for tensor in flatten(tf, result[key])]
    if isinstance(result, (list, tuple)):
        return [tensor for item in result for tensor in flatten(tf, item)]
    if result is None or isinstance(result, tf.Operation):
        return []
    return [result]


def cotangents(case: Case, values: list[np.ndarray]) -> list[np.ndarray]:
    """One array a differentiable output: weights of the sum whose gradient is taken."""
    random = np.random.RandomState(zlib.crc32((case.key + "/cotangent").encode()))
    weights = []
    for value in values:
        weight = random.uniform(-1, 1, value.shape)
        if value.dtype.kind == "c":
            weight = weight + 1j * random.uniform(-1, 1, value.shape)
        weights.append(weight.astype(value.dtype))
    return weights


def is_differentiable(dtype: Any) -> bool:
    """Whether gradients flow through values of this dtype of the library or of NumPy."""
    return np.dtype(getattr(dtype, "as_numpy_dtype", dtype)).kind in "fc"


def build_gradient(tf: Any, built: Built, weights: list[np.ndarray]) -> list[Any]:
    """tf.gradients of the weighted sum of the differentiable outputs, by all such placeholders."""
    ys = [out for out in built.outputs if is_differentiable(out.dtype)]
    xs = [x for x in built.placeholders if is_differentiable(x.dtype)]
    if not ys or not xs:
        return []
    with built.graph.as_default():
        seeds = [tf.constant(weight, name="cotangent") for weight in weights]
        return list(tf.gradients(ys, xs, grad_ys=seeds))


def static_shape(tensor: Any) -> list[int | None] | None:
    """A tensor's static shape as a list, None for an unknown rank."""
    shape = tensor.get_shape()
    return None if shape.ndims is None else [None if d is None else int(d) for d in shape.as_list()]


def run(tf: Any, built: Built, fetches: Any, config: Any = None) -> Any:
    """Runs fetches in a new session, after the initializers of the graph's variables."""
    with built.graph.as_default():
        initializer = tf.global_variables_initializer() if tf.global_variables() else None
    with tf.Session(graph=built.graph, config=config) as sess:
        if initializer is not None:
            sess.run(initializer)
        return sess.run(fetches, built.feed_dict())
