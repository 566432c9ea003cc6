"""How a variable is kept in step across replicas: the values of the arguments `synchronization` and
`aggregation`.
"""

from __future__ import annotations

import enum
from typing import Any

from penstock.graph.export import export


@export("VariableSynchronization")
class VariableSynchronization(enum.Enum):
    """When the copies of a variable are brought together; with one, whether it is trainable.

    Example:
        >>> tf.get_variable("metric", [], synchronization=tf.VariableSynchronization.ON_READ)
    """

    AUTO = 0
    NONE = 1
    ON_WRITE = 2
    ON_READ = 3


@export("VariableAggregation")
class VariableAggregation(enum.Enum):
    """How the copies of a variable become one.

    Example:
        >>> tf.get_variable("loss", [], aggregation=tf.VariableAggregation.MEAN)
    """

    NONE = 0
    SUM = 1
    MEAN = 2
    ONLY_FIRST_REPLICA = 3


def checked_kinds(
    synchronization: Any, aggregation: Any, name: str | None
) -> tuple[VariableSynchronization, VariableAggregation]:
    """Both arguments as members of their enumerations; None stands for the first member.

    Args:
        synchronization, aggregation: members, their numbers, or None.
        name: the variable's name, for the errors.

    Raises:
        ValueError: one of them is neither.
    """
    return (
        _member(VariableSynchronization, synchronization, "synchronization", name),
        _member(VariableAggregation, aggregation, "aggregation", name),
    )


def _member(kind: type[enum.Enum], given: Any, what: str, name: str | None) -> Any:
    if given is None:
        return next(iter(kind))
    try:
        return kind(given)
    except ValueError:
        raise ValueError(f"Invalid variable {what} mode: {given} for variable: {name}") from None


def is_trainable(trainable: bool | None, synchronization: VariableSynchronization) -> bool:
    """What `trainable=None` means: yes, but for a variable that is only put together when it is
    read.
    """
    on_read = synchronization == VariableSynchronization.ON_READ
    return not on_read if trainable is None else trainable
