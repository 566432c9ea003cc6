"""The example of cases through the suite: what an op's author copies."""

from tests.ops.suite import OpSuite


class TestExample(OpSuite):
    """Cases: tests/ops/cases/example.py; recording: tests/golden/ops/example.json."""

    subject = "example"
