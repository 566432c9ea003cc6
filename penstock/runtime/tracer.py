"""Traces a cluster: runs its kernels on what JAX passes for arrays, and so writes the program.

A value that is known is a NumPy array, and its ops run in NumPy while tracing: shape arithmetic
becomes constant by itself.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from penstock.graph.operation import Operation, Tensor
from penstock.ops.philox import advance
from penstock.plan.clusters import ClusterPlan
from penstock.plan.plan import Constant, Operand, Read, RegionStep, Step
from penstock.runtime.reference import flatten_outputs, has_plain_outputs, outputs_of_update
from penstock.runtime.state import SessionState
from penstock.runtime.step_errors import at_op
from penstock.runtime.traced_regions import trace_regions


class Tracer:
    """Runs a cluster's kernels on JAX's tracers.

    Args:
        plan: the cluster.
        state: the session's state.
        traced: its inputs whose values are arguments of the program.
        known: the values of the others.
        only_read: the variables that it does not assign.
        large: places of large constants among the arguments, by their id.

    Attributes:
        used: how many random blocks each of its random ops has taken; a number, or traced where it
            depends on values.
        trips: what is known of how often loops run.
        variables: the value that each variable has at this point of the trace.
    """

    def __init__(
        self,
        plan: ClusterPlan,
        state: SessionState,
        traced: list[Tensor],
        known: dict[Tensor, Any],
        only_read: list[Operation],
        large: dict[int, int],
    ) -> None:
        self._plan = plan
        self._state = state
        self._traced = traced
        self._known = known
        self._only_read = only_read
        self._large = large
        self.used: dict[Operation, Any] = {}
        self.variables: dict[Operation, Any] = {}
        self._counter_of: dict[Operation, Any] = {}
        self._constants: list[Any] = []
        self._scope: dict[Tensor, Any] = {}  # the values of the steps that are traced now
        self.trips = plan.trips

    def trace(
        self,
        inputs: list[Any],
        written: list[Any],
        read: list[Any],
        counters: list[Any],
        large: list[Any],
    ) -> tuple[list[Any], list[Any], list[Any]]:
        """The function that is compiled.

        Returns:
            The outputs, the new values of the assigned variables, and how many blocks those random
            ops have taken for which that depends on values.
        """
        import jax

        self.used = dict.fromkeys(self._plan.random, 0)
        values: dict[Tensor, Any] = dict(self._known)
        values.update(zip(self._traced, inputs, strict=True))
        self.variables = dict(zip(self._plan.writes, written, strict=True))
        self.variables.update(zip(self._only_read, read, strict=True))
        self._counter_of = dict(zip(self._plan.random, counters, strict=True))
        self._constants = large
        self.run_steps(self._plan.steps, values)
        outputs = [values[output] for output in self._plan.outputs]
        if not outputs:  # something to wait for: what was fed may be changed when a run returns
            outputs = [jax.numpy.zeros(())]
        counted = [used for used in self.used.values() if type(used) is not int]
        return outputs, [self.variables[op] for op in self._plan.writes], counted

    def run_steps(self, steps: list[Step], values: dict[Tensor, Any]) -> None:
        """Runs steps on `values`, and adds their outputs to these.

        Raises:
            OpError: a step fails, or cannot be traced.
        """
        outer, self._scope = self._scope, values
        for step in steps:
            operands: list[Any] = []
            try:
                for operand in step.operands:
                    if type(operand) is list:
                        operands.append([self.value(item, values) for item in operand])
                    else:
                        operands.append(self.value(operand, values))
                if isinstance(step, RegionStep):
                    outputs = trace_regions(self, step, operands)
                else:
                    outputs = self._run(step, operands)
            except Exception as error:
                raise at_op(error, step.op, operands) from error
            values.update(zip(step.outputs, outputs, strict=False))
        self._scope = outer

    def known_value(self, operand: Operand) -> Any:
        """The value of an operand of the steps that are traced now, where it is known; or None."""
        if isinstance(operand, Constant):
            return operand.value
        value = self._scope.get(operand)
        return value if isinstance(value, (np.ndarray, np.generic)) else None

    def value(self, operand: Operand, values: dict[Tensor, Any]) -> Any:
        """The value that an operand has now."""
        if isinstance(operand, Constant):
            index = self._large.get(id(operand.value))
            return operand.value if index is None else self._constants[index]
        if isinstance(operand, Read):
            value = self.variables[operand.variable]
            if value is not None:
                return value
            slot = self._state.variable(operand.variable)  # raises: it has no value
            return slot.read_for_update() if operand.by_update else slot.read()
        return values[operand]

    def _random_state(self, op: Operation, operands: list[Any]) -> tuple[Any, Any]:
        """The key and the counter of this run of a random op; counts on."""
        import jax.numpy as jnp  # imported where it is used first

        spec = op.spec
        assert spec.reserve is not None
        key, counter = self._counter_of[op]
        used = self.used[op]
        if not (type(used) is int and used == 0):
            counter = advance(jnp, counter, used)
        self.used[op] = used + spec.reserve(*operands, **spec.attrs_for(spec.reserve, op))
        return key, counter

    def _run(self, step: Step, operands: list[Any]) -> list[Any]:
        import jax  # imported where it is used first

        op = step.op
        spec = op.spec
        flat = [
            item
            for operand in operands
            for item in (operand if type(operand) is list else [operand])
        ]
        on_host = spec.kernel is not None and (spec.pure or bool(step.writes)) and all(
            [isinstance(value, (np.ndarray, np.generic)) for value in flat]
        )  # fmt: skip
        kernel = spec.bound_kernel(op, np if on_host else jax.numpy)
        if spec.reserve is not None:
            operands = [self._random_state(op, operands), *operands]
        result = kernel(*operands)
        if not step.writes:
            return [result] if spec.single_output else flatten_outputs(result)
        count = len(step.writes)
        new_values = [result] if count == 1 and not has_plain_outputs(step) else list(result)
        for variable, value in zip(step.writes, new_values, strict=False):
            if op._attrs.get("validate_shape", True):
                held = self.variables[variable]
                self._state.variable(variable).check(
                    tuple(value.shape), None if held is None else tuple(held.shape)
                )
            self.variables[variable] = value
        return outputs_of_update(step, new_values)
