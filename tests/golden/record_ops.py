"""Records in tests/golden/ops what TensorFlow 1.15 does with the cases of tests/ops/cases.

    ORACLE/bin/python tests/golden/record_ops.py [SUBJECT ...]      (none: all)

README.md beside this file explains the format of cases and of the recording.
"""

# ruff: noqa: T201  (a command prints)

from __future__ import annotations

import importlib
import json
import os
import sys
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, ROOT)

import numpy as np  # noqa: E402

from tests.golden.arrays import as_array, to_plain  # noqa: E402
from tests.graph_diff import gradient_nodes, outside_regions, plain_graph, region_scopes  # noqa: E402
from tests.ops import building  # noqa: E402
from tests.ops.case import Case  # noqa: E402


def record(tf: Any, case: Case) -> dict[str, Any]:
    """All that is compared of one case."""
    if case.fails:
        return record_failure(tf, case)
    built = building.build(tf, case)
    entry: dict[str, Any] = {
        "result": type(built.result).__name__,
        "outputs": [t.name for t in built.outputs],
    }
    if case.nodes:
        entry["nodes"] = outside_regions(plain_graph(built.graph.as_graph_def()))
    values = [as_array(value) for value in building.run(tf, built, built.outputs)]
    entry["values"] = [to_plain(value) for value in values]
    entry["static"] = {v: record_static(tf, case, v, values) for v in building.variants_of(case)}
    if case.gradient:
        entry.update(record_gradient(tf, case, values))
    return entry


def record_static(tf: Any, case: Case, variant: str, values: list[np.ndarray]) -> Any:
    """Static shapes under partly unknown inputs, or the class of the error that building raises."""
    try:
        built = building.build(tf, case, variant)
    except (ValueError, TypeError, tf.errors.OpError) as error:
        return type(error).__name__
    again = building.run(tf, built, built.outputs)
    for before, after in zip(values, again):  # noqa: B905  (Python 3.7)
        np.testing.assert_array_equal(np.shape(before), np.shape(after))
    return [building.static_shape(tensor) for tensor in built.outputs]


def record_gradient(tf: Any, case: Case, values: list[np.ndarray]) -> dict[str, Any]:
    """The gradient of a weighted sum of the outputs: kinds, nodes and values."""
    built = building.build(tf, case)
    pairs = [v for t, v in zip(built.outputs, values) if building.is_differentiable(t.dtype)]  # noqa: B905
    weights = building.cotangents(case, pairs)
    before = len(built.graph.get_operations())
    gradients = building.build_gradient(tf, built, weights)
    if not gradients:
        return {}
    graph = plain_graph(built.graph.as_graph_def())
    kinds = [type(gradient).__name__ for gradient in gradients]
    with built.graph.as_default():
        dense = [tf.convert_to_tensor(gradient) for gradient in gradients if gradient is not None]
    arrays = building.run(tf, built, dense) if dense else []
    entry: dict[str, Any] = {
        "gradient_kinds": kinds,
        "gradients": [to_plain(as_array(array)) for array in arrays],
    }
    if case.nodes and not region_scopes(graph):
        entry["gradient_nodes"] = gradient_nodes(graph, before)
    return entry


def record_failure(tf: Any, case: Case) -> dict[str, Any]:
    """When and how the call fails."""
    moment = "build"
    try:
        built = building.build(tf, case, case.shapes)
        moment = "run"
        building.run(tf, built, built.outputs)
    except (ValueError, TypeError, tf.errors.OpError, RuntimeError, IndexError) as error:
        if case.says not in str(error):
            raise AssertionError("does not say %r but: %s" % (case.says, error))  # noqa: B904, UP031
        return {
            "fails": moment,
            "error": type(error).__name__,
            "message": str(error).splitlines()[0][:200],
        }
    raise AssertionError("was expected to fail, but succeeds")


def record_subject(tf: Any, subject: str) -> list[str]:
    """Writes the recording of one subject; returns what went wrong, a line a case."""
    module = importlib.import_module("tests.ops.cases." + subject)
    entries: list[str] = []
    problems = []
    keys = set()
    for case in module.CASES:
        if case.key in keys:
            problems.append(f"{case.key}: twice; give one of them .but(tag=...)")
            continue
        keys.add(case.key)
        try:
            entry = record(tf, case)
        except Exception as error:
            problems.append(f"{case.key}: {type(error).__name__}: {str(error)[:400]}")
            continue
        text = json.dumps(entry, sort_keys=True, separators=(",", ":"))
        entries.append(json.dumps(case.key) + ": " + text)
    with open(os.path.join(ROOT, "tests", "golden", "ops", subject + ".json"), "w") as file:
        file.write("{\n" + ",\n".join(entries) + "\n}\n")
    return problems


def subjects() -> list[str]:
    """Every file of cases."""
    folder = os.path.join(ROOT, "tests", "ops", "cases")
    return sorted(f[:-3] for f in os.listdir(folder) if f.endswith(".py") and f != "__init__.py")


def main() -> int:
    """Records the subjects named on the command line."""
    import tensorflow as tf

    tf.compat.v1.logging.set_verbosity(tf.compat.v1.logging.ERROR)
    if not tf.__version__.startswith("1.15"):
        raise SystemExit("the oracle is TensorFlow 1.15, this is " + tf.__version__)
    status = 0
    for subject in sys.argv[1:] or subjects():
        problems = record_subject(tf, subject)
        for problem in problems:
            print(f"{subject}: {problem}")
        print(f"{subject}: {len(problems)} problems" if problems else f"{subject}: recorded")
        status = status or bool(problems)
    return int(status)


if __name__ == "__main__":
    sys.exit(main())
