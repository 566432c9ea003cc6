"""Random graphs give the same in each way to run them: values, gradients, effects and errors.

`make fuzz FUZZ=10000` runs more of them.
"""

from __future__ import annotations

from hypothesis import HealthCheck, given, note, settings

from tests.fuzz.chunk import difference_of
from tests.fuzz.program import Program
from tests.fuzz.strategy import programs, shrinkable_programs

_SETTINGS = {
    "derandomize": True, "database": None, "deadline": None,
    "suppress_health_check": list(HealthCheck),
}  # fmt: skip


@settings(max_examples=70, **_SETTINGS)
@given(programs())
def test_random_programs(program: Program) -> None:
    note(str(program))
    assert not difference_of(program)


@settings(max_examples=30, **_SETTINGS)
@given(shrinkable_programs())
def test_small_random_programs(program: Program) -> None:
    note(str(program))
    assert not difference_of(program)
