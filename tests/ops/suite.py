"""The checks that every op's cases go through; a test file names its subject and inherits them.

    class TestMath(OpSuite):
        subject = "math"

Each case of tests/ops/cases/<subject>.py is compared with the oracle's recording in
tests/golden/ops/<subject>.json, in both tiers; its gradient also with numeric differentiation;
its static shape under partly unknown inputs; its nodes, and the same nodes through GraphDef.
"""

from __future__ import annotations

import functools
import importlib
import json
import pathlib
from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import penstock as tf
from tests.golden.arrays import as_array, from_plain
from tests.graph_diff import difference, gradient_nodes, outside_regions, plain_graph
from tests.ops import building
from tests.ops.case import Case

GOLDEN = pathlib.Path(__file__).parents[1] / "golden" / "ops"
TIERS = ("interpreted", "compiled")

# Room for another order of additions and another library's sines and logarithms: (rtol, atol).
TOLERANCES = {
    "f2": (2e-3, 2e-3),
    "f4": (1e-5, 1e-6),
    "f8": (1e-11, 1e-12),
    "c8": (1e-5, 1e-6),
    "c16": (1e-11, 1e-12),
}
STEP = 1e-6  # of the numeric differentiation in float64
NUMERIC_RTOL, NUMERIC_ATOL = 1e-5, 1e-7


def tier_config(tier: str) -> Any:
    """A session configuration that runs every plan in one tier from its first run."""
    level = tf.OptimizerOptions.ON_1 if tier == "compiled" else tf.OptimizerOptions.OFF
    return tf.ConfigProto(
        graph_options=tf.GraphOptions(optimizer_options=tf.OptimizerOptions(global_jit_level=level))
    )


@functools.cache
def golden(subject: str) -> dict[str, Any]:
    """The oracle's recording of a subject."""
    recording: dict[str, Any] = json.loads((GOLDEN / f"{subject}.json").read_text())
    return recording


@functools.cache
def cases(subject: str) -> list[Case]:
    """The cases of a subject."""
    return list(importlib.import_module(f"tests.ops.cases.{subject}").CASES)


def recording_of(subject: str, case: Case) -> dict[str, Any]:
    """What the oracle did with a case."""
    if case.key not in golden(subject):
        pytest.fail(
            f"no recording of {case.key!r}: "
            f"run ORACLE/bin/python tests/golden/record_ops.py {subject}"
        )
    entry: dict[str, Any] = golden(subject)[case.key]
    return entry


def assert_agrees(case: Case, actual: Any, expected: np.ndarray, what: str) -> None:
    """Same dtype, same shape, values within the tolerance of the dtype (or the case's own)."""
    got = as_array(actual)
    assert got.shape == expected.shape, f"{what}: expected shape {expected.shape}, got {got.shape}"
    if expected.dtype == object:
        assert [bytes(item) for item in got.ravel()] == list(expected.ravel()), what
        return
    assert got.dtype == expected.dtype, f"{what}: expected {expected.dtype}, got {got.dtype}"
    rtol, atol = TOLERANCES.get(expected.dtype.str[1:], (0.0, 0.0))
    rtol = rtol if case.rtol is None else case.rtol
    atol = atol if case.atol is None else case.atol
    np.testing.assert_allclose(got, expected, rtol=rtol, atol=atol, err_msg=what)


def compatible(static: list[int | None] | None, shape: tuple[int, ...]) -> bool:
    """Whether a computed shape is one that the static shape allows."""
    if static is None:
        return True
    return len(static) == len(shape) and all(
        s in (None, n) for s, n in zip(static, shape, strict=True)
    )


def as_precise(static: list[int | None] | None, oracle: list[int | None] | None) -> bool:
    """Whether every size that the oracle knows is known here too."""
    if static is None or oracle is None:
        return oracle is None
    return len(static) == len(oracle) and all(
        o in (None, s) for s, o in zip(static, oracle, strict=True)
    )


def masked(shape: tuple[int, ...]) -> st.SearchStrategy[list[int | None] | None]:
    """Static shapes that allow this one: any sizes hidden, or all with the rank."""
    sizes = st.tuples(*(st.sampled_from([size, None]) for size in shape)).map(list)
    return st.none() | sizes


def weights_for(case: Case, entry: dict[str, Any], built: building.Built) -> list[np.ndarray]:
    """The weights of the outputs, in the dtypes that the graph has."""
    pairs = zip(built.outputs, entry["values"], strict=True)
    values = [
        from_plain(value) for tensor, value in pairs if building.is_differentiable(tensor.dtype)
    ]
    return building.cotangents(case, values)


@pytest.mark.filterwarnings("ignore:Converting sparse IndexedSlices to a dense Tensor")
class OpSuite:
    """All checks of one subject's cases; subclasses set `subject`."""

    subject: ClassVar[str]

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Gives each test its cases: good or failing ones, those with gradients, all variants."""
        names = [name for name in ("case", "tier", "variant") if name in metafunc.fixturenames]
        rows = list(self.rows(metafunc.function.__name__, "tier" in names))
        ids = ["-".join([str(part) for part in row[1:]] + [row[0].key]) for row in rows]
        metafunc.parametrize(names, rows, ids=ids)

    def rows(self, test: str, tiered: bool) -> Iterator[tuple[Any, ...]]:
        """The arguments of one test: a case, and its tier or its variant where the test has one."""
        for case in cases(self.subject):
            entry = (
                golden(self.subject).get(case.key, {})
                if (GOLDEN / f"{self.subject}.json").exists()
                else {}
            )
            if case.fails != (test == "test_failure"):
                continue
            if "gradient" in test and "gradient_kinds" not in entry:
                continue
            if "numeric" in test and not (case.numeric and entry["gradients"] and is_real(case)):
                continue
            if test.endswith("nodes") and not case.nodes:
                continue
            if test == "test_gradient_nodes" and "gradient_nodes" not in entry:
                continue  # TensorFlow makes other ops of branches and loops
            if test.endswith("mask") and not case.masks:
                continue
            if test == "test_static_shape":
                yield from ((case, variant) for variant in building.variants_of(case))
            elif tiered:
                yield from ((case, tier) for tier in TIERS)
            else:
                yield (case,)

    def test_values(self, case: Case, tier: str) -> None:
        """Outputs equal the oracle's, in number, kind, dtype, shape and value."""
        entry = recording_of(self.subject, case)
        built = building.build(tf, case)
        assert [tensor.dtype.base_dtype.name for tensor in built.outputs] == [
            "string" if value["dtype"] == "object" else value["dtype"] for value in entry["values"]
        ]
        values = building.run(tf, built, built.outputs, tier_config(tier))
        for i, (value, plain) in enumerate(zip(values, entry["values"], strict=True)):
            assert_agrees(case, value, from_plain(plain), f"output {i}")

    def test_gradient(self, case: Case, tier: str) -> None:
        """Gradients equal the oracle's, and are slices or None where its are."""
        self.check_gradient(case, building.build(tf, case), tier)

    def test_gradient_of_unknown_sizes(self, case: Case) -> None:
        """The gradient is the same when no input's size is known while building."""
        entry = recording_of(self.subject, case)
        if "dims" not in entry["static"] or isinstance(entry["static"]["dims"], str):
            pytest.skip("needs known sizes, in the oracle too")
        self.check_gradient(case, building.build(tf, case, "dims"), "interpreted")

    def check_gradient(self, case: Case, built: building.Built, tier: str) -> None:
        """Runs the gradients of a built case and compares them."""
        entry = recording_of(self.subject, case)
        gradients = building.build_gradient(tf, built, weights_for(case, entry, built))
        assert [type(gradient).__name__ for gradient in gradients] == entry["gradient_kinds"]
        with built.graph.as_default():
            dense = [
                tf.convert_to_tensor(gradient) for gradient in gradients if gradient is not None
            ]
        values = building.run(tf, built, dense, tier_config(tier))
        for i, (value, plain) in enumerate(zip(values, entry["gradients"], strict=True)):
            assert_agrees(case, value, from_plain(plain), f"gradient {i}")

    def test_numeric_gradient(self, case: Case) -> None:
        """Along a random direction, the gradient in float64 is the difference quotient."""
        entry = recording_of(self.subject, case)
        built = building.build(tf, case, precision=building.widen)
        weights = [w.astype(np.float64) for w in weights_for(case, entry, built)]
        gradients = building.build_gradient(tf, built, weights)
        with built.graph.as_default():
            outputs = [out for out in built.outputs if building.is_differentiable(out.dtype)]
            total = tf.add_n(
                [tf.reduce_sum(w * out) for w, out in zip(weights, outputs, strict=True)]
            )
            xs = [x for x in built.placeholders if building.is_differentiable(x.dtype)]
            pairs = [
                (x, tf.convert_to_tensor(g))
                for x, g in zip(xs, gradients, strict=True)
                if g is not None
            ]
        slopes = building.run(
            tf, built, [gradient for _, gradient in pairs], tier_config("interpreted")
        )
        feeds = built.feed_dict()
        random = np.random.RandomState(7)
        directions = {x: random.uniform(-1, 1, feeds[x].shape) for x, _ in pairs}
        expected = (
            self.at(built, total, directions, STEP) - self.at(built, total, directions, -STEP)
        ) / (2 * STEP)
        along = sum(
            np.sum(slope * directions[x]) for (x, _), slope in zip(pairs, slopes, strict=True)
        )
        np.testing.assert_allclose(along, expected, rtol=NUMERIC_RTOL, atol=NUMERIC_ATOL)

    @staticmethod
    def at(
        built: building.Built, total: Any, directions: dict[Any, np.ndarray], step: float
    ) -> Any:
        """The weighted sum of the outputs, a step away from the case's inputs."""
        feeds = [
            feed + step * directions[x] if x in directions else feed
            for x, feed in built.feed_dict().items()
        ]
        moved = building.Built(built.graph, built.placeholders, feeds, None, [])
        return building.run(tf, moved, total, tier_config("interpreted"))

    def test_static_shape(self, case: Case, variant: str) -> None:
        """The static shape allows the computed one, and knows at least what the oracle's knows."""
        entry = recording_of(self.subject, case)
        expected = entry["static"][variant]
        if isinstance(expected, str):
            with pytest.raises(Exception) as caught:
                building.build(tf, case, variant)
            assert is_error(caught.value, expected)
            return
        built = building.build(tf, case, variant)
        static = [building.static_shape(tensor) for tensor in built.outputs]
        for i, value in enumerate(
            building.run(tf, built, built.outputs, tier_config("interpreted"))
        ):
            assert compatible(static[i], np.shape(value)), (
                f"static {static[i]}, computed {np.shape(value)}"
            )
            assert_agrees(case, value, from_plain(entry["values"][i]), f"output {i}")
        for ours, oracle in zip(static, expected, strict=True):
            assert as_precise(ours, oracle), f"static shape {ours}, the oracle's {oracle}"

    def test_static_shape_of_any_mask(self, case: Case) -> None:
        """Whichever sizes are hidden from it, the static shape allows the computed one."""
        entry = recording_of(self.subject, case)
        errors = tuple({error for error in entry["static"].values() if isinstance(error, str)})

        @given(hidden=st.tuples(*(masked(feed.shape) for feed in case.feeds())))
        @settings(max_examples=10, deadline=None, database=None)
        def allows(hidden: tuple[list[int | None] | None, ...]) -> None:
            try:
                built = building.build(tf, case, hidden)
            except Exception as error:
                if is_error(error, *errors):
                    return  # the oracle, too, needs more than it was told
                raise
            for tensor, plain in zip(built.outputs, entry["values"], strict=True):
                static = building.static_shape(tensor)
                assert compatible(static, tuple(plain["shape"])), f"{hidden} gives {static}"

        allows()

    def test_nodes(self, case: Case) -> None:
        """The public function adds the oracle's nodes: names, types, inputs, attributes, order."""
        entry = recording_of(self.subject, case)
        built = building.build(tf, case)
        assert type(built.result).__name__ == entry["result"]
        assert [tensor.name for tensor in built.outputs] == entry["outputs"]
        nodes = outside_regions(plain_graph(built.graph.as_graph_def()))
        problem = difference(entry["nodes"], nodes)
        assert problem is None, problem

    def test_gradient_nodes(self, case: Case) -> None:
        """tf.gradients adds the oracle's nodes."""
        entry = recording_of(self.subject, case)
        built = building.build(tf, case)
        before = len(built.graph.get_operations())
        building.build_gradient(tf, built, weights_for(case, entry, built))
        added = gradient_nodes(plain_graph(built.graph.as_graph_def()), before)
        problem = difference(entry["gradient_nodes"], added)
        assert problem is None, problem

    def test_round_trip(self, case: Case) -> None:
        """A graph read back from its GraphDef has the same nodes, dtypes and static shapes."""
        built = building.build(tf, case)
        if any(op.regions for op in built.graph.get_operations()):
            self.check_exported_regions(case, built)
            return
        written = built.graph.as_graph_def()
        graph = tf.Graph()
        with graph.as_default():
            tf.import_graph_def(written, name="")
        problem = difference(plain_graph(written), plain_graph(graph.as_graph_def()))
        assert problem is None, problem
        for tensor in built.outputs:
            again = graph.get_tensor_by_name(tensor.name)
            assert again.dtype == tensor.dtype
            if tensor.op.type == "TensorArrayReadV3":
                continue  # the shape of what is read follows from what was written
            assert as_precise(building.static_shape(again), building.static_shape(tensor))

    def check_exported_regions(self, case: Case, built: building.Built) -> None:
        """A graph with branches and loops, read back, gives the same values and gradients.

        Its nodes differ: what is inside the branches and loops becomes functions.
        """
        entry = recording_of(self.subject, case)
        gradients: list[Any] = []
        if "gradients" in entry:
            gradients = building.build_gradient(tf, built, weights_for(case, entry, built))
        with built.graph.as_default():
            initializer = tf.global_variables_initializer().name
            dense = [tf.convert_to_tensor(g).name for g in gradients if g is not None]
        feeds = {tensor.name: value for tensor, value in built.feed_dict().items()}
        expected = [*entry["values"], *(entry["gradients"] if dense else [])]
        with tf.Graph().as_default() as graph, tf.Session(graph=graph) as sess:
            tf.import_graph_def(built.graph.as_graph_def(), name="")
            sess.run(initializer)
            values = sess.run([*[tensor.name for tensor in built.outputs], *dense], feeds)
        for i, (value, plain) in enumerate(zip(values, expected, strict=True)):
            assert_agrees(case, value, from_plain(plain), f"value {i} after the import")

    def test_failure(self, case: Case, tier: str) -> None:
        """A bad call raises the oracle's error class at the same moment, with the case's phrase."""
        entry = recording_of(self.subject, case)
        built = None
        with pytest.raises(Exception) as caught:  # noqa: PT012  (which of the two is checked below)
            built = building.build(tf, case, case.shapes)
            building.run(tf, built, built.outputs, tier_config(tier))
        assert is_error(caught.value, entry["error"]), (
            f"expected {entry['error']}, got {caught.value!r}"
        )
        assert ("build" if built is None else "run") == entry["fails"], str(caught.value)
        assert case.says in str(caught.value)


def is_real(case: Case) -> bool:
    """Whether no input is complex: a real direction says nothing of TF's complex gradients."""
    return all(feed.dtype.kind != "c" for feed in case.feeds())


def is_error(error: BaseException, *names: str) -> bool:
    """Whether the error's class, or a class that it derives from, has one of these names."""
    return any(cls.__name__ in names for cls in type(error).__mro__)
