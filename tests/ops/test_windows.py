"""Sliding windows: NumPy's kernels, XLA's kernels and plain loops agree on any geometry."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.graph.opspec import OpSpec, lookup
from penstock.ops import windows

geometries = st.fixed_dictionaries(
    {
        "height": st.integers(1, 7),
        "width": st.integers(1, 6),
        "window": st.tuples(st.integers(1, 4), st.integers(1, 3)),
        "strides": st.tuples(st.integers(1, 3), st.integers(1, 3)),
        "padding": st.sampled_from(["SAME", "VALID"]),
    }
)


def compiled(spec: OpSpec, arrays: list[Any], fixed: int | None, **attrs: Any) -> Any:
    """The XLA kernel's result; the input at place `fixed` is known while compiling."""
    import jax

    places = [place for place in range(len(arrays)) if place != fixed]

    def kernel(*values: Any) -> Any:
        full = list(arrays)
        for place, value in zip(places, values, strict=True):
            full[place] = value
        return spec.xla_kernel(*full, **attrs)  # type: ignore[misc]

    with jax.enable_x64(True):
        return np.asarray(jax.jit(kernel)(*[arrays[place] for place in places]))


def agree(name: str, arrays: list[Any], fixed: int | None = None, **attrs: Any) -> Any:
    """The result of both kernels of an op, which must be equal."""
    spec = lookup(name)
    result = spec.kernel(*arrays, **attrs)  # type: ignore[misc]
    np.testing.assert_allclose(
        compiled(spec, arrays, fixed, **attrs), result, rtol=1e-10, atol=1e-10
    )
    return result


def fits(geometry: dict[str, Any], dilations: tuple[int, int] = (1, 1)) -> bool:
    """Whether a window without padding lies inside the image."""
    spans = [windows.extent(w, d) for w, d in zip(geometry["window"], dilations, strict=True)]
    return geometry["padding"] == "SAME" or (
        spans[0] <= geometry["height"] and spans[1] <= geometry["width"]
    )


@settings(max_examples=15, deadline=None)
@given(geometry=geometries, dilations=st.tuples(st.integers(1, 2), st.integers(1, 2)))
@pytest.mark.parametrize("depthwise", [False, True])
def test_convolutions(
    depthwise: bool, geometry: dict[str, Any], dilations: tuple[int, int]
) -> None:
    """Both kernels agree, and the gradients are transposes: <conv(x), g> = <x, conv*(g)>."""
    if not fits(geometry, dilations):
        return
    random = np.random.RandomState(0)
    x = random.randn(2, geometry["height"], geometry["width"], 2)
    w = random.randn(*geometry["window"], 2, 3)
    attrs: dict[str, Any] = {
        "strides": [1, *geometry["strides"], 1],
        "padding": geometry["padding"],
        "dilations": [1, *dilations, 1],
        "data_format": "NHWC",
    }
    if not depthwise:
        attrs["explicit_paddings"] = []
    name = "DepthwiseConv2dNative" if depthwise else "Conv2D"
    y = agree(name, [x, w], **attrs)
    g = random.randn(*y.shape)
    by_x = agree(f"{name}BackpropInput", [np.array(x.shape), w, g], 0, **attrs)
    by_w = agree(f"{name}BackpropFilter", [x, np.array(w.shape), g], 1, **attrs)
    np.testing.assert_allclose(np.vdot(by_x, x), np.vdot(g, y), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(np.vdot(by_w, w), np.vdot(g, y), rtol=1e-9, atol=1e-9)


@settings(max_examples=25, deadline=None)
@given(geometry=geometries, seed=st.integers(0, 99))
def test_pooling(geometry: dict[str, Any], seed: int) -> None:
    """Both kernels agree with loops over windows, ties and padding included."""
    if not fits(geometry):
        return
    random = np.random.RandomState(seed)
    x = random.randint(0, 4, (1, geometry["height"], geometry["width"], 2)).astype(np.float64)
    attrs: dict[str, Any] = {
        "ksize": [1, *geometry["window"], 1],
        "strides": [1, *geometry["strides"], 1],
        "padding": geometry["padding"],
    }
    largest = agree("MaxPool", [x], **attrs)
    mean = agree("AvgPool", [x], **attrs)
    g = random.randn(*largest.shape)
    routed = agree("MaxPoolGrad", [x, largest, g], **attrs)
    shared = agree("AvgPoolGrad", [np.array(x.shape), g], 0, **attrs)
    expected = by_loops(x, g, geometry)
    for result, wanted in zip((largest, mean, routed, shared), expected, strict=True):
        np.testing.assert_allclose(result, wanted, rtol=1e-9, atol=1e-9)


def by_loops(x: Any, g: Any, geometry: dict[str, Any]) -> tuple[Any, Any, Any, Any]:
    """Maxima, means, the gradient of the first maxima and that of the means, window by window."""
    largest, mean, routed, shared = (np.zeros(a.shape) for a in (g, g, x, x))
    rows, columns = (
        windows.axis_windows(size, geometry["window"][axis], stride, geometry["padding"])
        for axis, (size, stride) in enumerate(zip(x.shape[1:3], geometry["strides"], strict=True))
    )
    for i, j, c in np.ndindex(*g.shape[1:]):
        top = i * geometry["strides"][0] - rows.before
        left = j * geometry["strides"][1] - columns.before
        places = [
            (0, r, s, c)
            for r in range(max(top, 0), min(top + geometry["window"][0], x.shape[1]))
            for s in range(max(left, 0), min(left + geometry["window"][1], x.shape[2]))
        ]
        if not places:  # a stride longer than the window steps over all of the rest
            continue
        values = [x[place] for place in places]
        largest[0, i, j, c], mean[0, i, j, c] = max(values), np.mean(values)
        routed[places[values.index(max(values))]] += g[0, i, j, c]
        for place in places:
            shared[place] += g[0, i, j, c] / len(places)
    return largest, mean, routed, shared


def test_channels_second() -> None:
    """TensorFlow's CPU kernels take channels last alone; these take both orders."""
    random = np.random.RandomState(0)
    x, w = random.randn(2, 5, 6, 3), random.randn(3, 2, 3, 4)
    attrs: dict[str, Any] = {"padding": "SAME", "explicit_paddings": []}
    last = agree(
        "Conv2D", [x, w], strides=[1, 2, 1, 1], dilations=[1, 1, 1, 1], data_format="NHWC", **attrs
    )
    second = agree(
        "Conv2D",
        [np.ascontiguousarray(x.transpose(0, 3, 1, 2)), w],
        strides=[1, 1, 2, 1],
        dilations=[1, 1, 1, 1],
        data_format="NCHW",
        **attrs,
    )
    np.testing.assert_allclose(second.transpose(0, 2, 3, 1), last)


def test_groups_of_channels() -> None:
    """A filter of fewer channels than the images filters groups of these."""
    random = np.random.RandomState(0)
    x, w = random.randn(1, 4, 4, 6), random.randn(3, 3, 2, 3)
    attrs: dict[str, Any] = {
        "strides": [1, 1, 1, 1],
        "dilations": [1, 1, 1, 1],
        "padding": "SAME",
        "data_format": "NHWC",
        "explicit_paddings": [],
    }
    whole = agree("Conv2D", [x, w], **attrs)
    parts = [
        lookup("Conv2D").kernel(x[..., 2 * i : 2 * i + 2], w[..., i : i + 1], **attrs)  # type: ignore[misc]
        for i in range(3)
    ]
    np.testing.assert_allclose(whole, np.concatenate(parts, -1))


def test_large_windows_of_pooling() -> None:
    """Past the size up to which compiled code compares places one by one, it is XLA's gradient."""
    random = np.random.RandomState(0)
    x = random.permutation(9 * 9).reshape(1, 9, 9, 1).astype(np.float64)
    attrs: dict[str, Any] = {
        "ksize": [1, 6, 6, 1],
        "strides": [1, 2, 2, 1],
        "padding": "SAME",
    }
    largest = agree("MaxPool", [x], **attrs)
    agree("MaxPoolGrad", [x, largest, random.randn(*largest.shape)], **attrs)


def test_half_precision_is_summed_in_single() -> None:
    """A sum of many ones in float16 would stop at 2048."""
    x, w = np.ones((1, 1, 4096, 1), np.float16), np.ones((1, 4096, 1, 1), np.float16)
    y = lookup("Conv2D").kernel(  # type: ignore[misc]
        x, w, strides=[1, 1, 1, 1], padding="VALID", explicit_paddings=[], data_format="NHWC",
        dilations=[1, 1, 1, 1],
    )  # fmt: skip
    assert y.dtype == np.float16
    assert y.item() == 4096
