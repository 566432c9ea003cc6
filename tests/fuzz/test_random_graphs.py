"""Random graphs give the same in each way to run them: values, gradients, effects and errors.

`make fuzz FUZZ=10000` runs more of them.
"""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from tests.fuzz.chunk import difference_of, smaller
from tests.fuzz.program import Program
from tests.fuzz.strategy import programs, shrinkable_programs

_SETTINGS = {
    "derandomize": True, "database": None, "deadline": None, "phases": [Phase.generate],
    "suppress_health_check": list(HealthCheck),
}  # fmt: skip


def check(program: Program) -> None:
    """Fails where the ways to run a program differ; says so of a smaller one."""
    if difference_of(program):
        small = smaller(program)
        pytest.fail(f"{small}\n{difference_of(small)}")


@settings(max_examples=70, **_SETTINGS)
@given(programs())
def test_random_programs(program: Program) -> None:
    check(program)


@settings(max_examples=30, **_SETTINGS)
@given(shrinkable_programs())
def test_small_random_programs(program: Program) -> None:
    check(program)
