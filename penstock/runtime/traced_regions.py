"""Traces branches and loops: a branch becomes XLA's conditional, a loop its loop.

What happens in a region beside its results must be among the results for XLA: the variables that it
assigns, and the TensorArrays that it writes. A first trace, of shapes only, finds out which arrays
there are and what shape their elements have.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock.graph.errors import UnimplementedError
from penstock.graph.operation import Operation, Tensor
from penstock.ops.array_values import TracedArray
from penstock.plan.compilable import must_be_counted
from penstock.plan.plan import RegionStep, steps_inside, variables_written
from penstock.plan.trips import Bounded, Counted
from penstock.runtime.reference import values_for_body

if TYPE_CHECKING:
    from penstock.runtime.tracer import Tracer

_MOST_TRIPS_COUNTED = 100_000  # while tracing: a loop of more is one whose trips are not known

Carried = tuple[list[Any], list[Any], list[Any]]


def trace_regions(tracer: Tracer, step: RegionStep, operands: list[Any]) -> list[Any]:
    """Traces a step with regions; returns its outputs.

    Raises:
        UnimplementedError: XLA cannot do it.
    """
    if step.op.spec.loops:
        return _Loop(tracer, step, operands).trace()
    return _trace_branches(tracer, step, operands)


def is_known(value: Any) -> bool:
    """True of a value that is known while tracing."""
    return isinstance(value, (np.ndarray, np.generic, int, bool))


class _Effects:
    """What a step's regions change: variables, arrays, and how many random blocks are taken."""

    def __init__(self, tracer: Tracer, step: RegionStep, taken: Iterable[Any]) -> None:
        self._tracer = tracer
        self._variables: list[Operation] = variables_written(step)
        self._random = [s.op for s in steps_inside(step) if s.op.spec.wants_rng]
        self._taken = list(taken)
        self._arrays = _arrays_of(self._taken)
        for array in self._arrays:
            array.forget()

    def take(self) -> Carried:
        """Their values at this point of the trace."""
        return (
            [self._tracer.variables[variable] for variable in self._variables],
            [array.data for array in self._arrays],
            [as_array(self._tracer.used[op], np.int64) for op in self._random],
        )

    def put(self, carried: Carried) -> None:
        """Gives them other values."""
        variables, arrays, used = carried
        self._tracer.used.update(zip(self._random, used, strict=True))
        self._tracer.variables.update(zip(self._variables, variables, strict=True))
        for array, data in zip(self._arrays, arrays, strict=True):
            array.data = data

    def find(self, run: Callable[[], Any]) -> Any:
        """Traces shapes only: makes room in the arrays that `run` writes; returns its shapes."""
        import jax  # imported where it is used first

        before = self.take()
        had_room = {array for array in self._arrays if array.data is not None}
        shapes = jax.eval_shape(run)
        everything = _arrays_of(self._taken)
        room = [None if array.data is None else array.data.shape[1:] for array in everything]
        self.put(before)
        for array, element_shape in zip(everything, room, strict=True):
            if array not in had_room:
                array.data = None
                if element_shape is not None:
                    array.allocate(element_shape)
            array.forget()
        self._arrays = everything
        return shapes


def _arrays_of(values: Iterable[Any]) -> list[TracedArray]:
    """The arrays among some values, and the arrays of their gradients."""
    found: dict[TracedArray, None] = {}
    pending = [value for value in values if isinstance(value, TracedArray)]
    while pending:
        array = pending.pop()
        if array not in found:
            found[array] = None
            pending.extend(array.gradients.values())
    return list(found)


def _trace_branches(tracer: Tracer, step: RegionStep, operands: list[Any]) -> list[Any]:
    import jax  # imported where it is used first

    taken = values_for_body(step, 0, operands, ())

    def run(place: int) -> list[Any]:
        plan = step.plans[place]
        values = dict(taken)
        tracer.run_steps(plan.steps, values)
        return [None if r is None else tracer.value(r, values) for r in plan.results]

    pred = operands[0]
    if is_known(pred):
        return run(0 if pred else 1)
    effects = _Effects(tracer, step, taken.values())
    dtypes = [output.dtype.base_dtype for output in step.outputs]

    def results_of(place: int) -> list[Any]:
        return [
            result if result is None or dtype.np_dtype.names else as_array(result, dtype.np_dtype)
            for result, dtype in zip(run(place), dtypes, strict=True)
        ]

    shapes = [effects.find(functools.partial(results_of, place)) for place in (0, 1)]
    before = effects.take()

    def branch(place: int) -> Callable[[], Any]:
        def traced() -> Any:
            effects.put(before)
            results = [
                _zeros(other) if result is None else result
                for result, other in zip(results_of(place), shapes[1 - place], strict=True)
            ]
            return results, effects.take()

        return traced

    results, after = jax.lax.cond(pred, branch(0), branch(1))
    effects.put(after)
    return results


def as_array(value: Any, dtype: Any) -> Any:
    """A value as an array of JAX's that has exactly this type."""
    import jax.numpy as jnp  # imported where it is used first

    return jnp.asarray(value, dtype)


def _zeros(shape: Any) -> Any:
    """What stands for a value that another branch saves."""
    import jax.numpy as jnp  # imported where it is used first

    return None if shape is None else jnp.zeros(shape.shape, shape.dtype)


class _Loop:
    """A loop that is traced."""

    def __init__(self, tracer: Tracer, step: RegionStep, operands: list[Any]) -> None:
        self._tracer = tracer
        self._step = step
        self._operands = operands
        self._count = len(step.args[0])
        self._effects = _Effects(tracer, step, operands)
        self._inits = [
            as_array(init, arg.dtype.base_dtype.np_dtype) if _is_plain(arg) else init
            for init, arg in zip(operands[: self._count], step.args[0], strict=True)
        ]

    def trace(self) -> list[Any]:
        """Traces the loop; returns the outputs of its step."""
        trips = self._tracer.trips.get(self._step)
        (last, _), saved = self._effects.find(lambda: self._iterate((self._inits, self._before())))
        self._check_shapes(last)
        start = (self._inits, self._effects.take())
        count = self._count_trips(trips) if isinstance(trips, Counted) else None
        if count is not None:
            return self._scan(lambda carry: self._iterate(carry), start, count)
        if not must_be_counted(self._step):
            return self._while(start)
        bound = self._bound(trips) if isinstance(trips, Bounded) else None
        if bound is None or self._needs_all_saved():
            raise UnimplementedError(
                None, None, "a gradient needs its iterations, and their number is not known"
            )
        return self._scan(lambda carry: self._iterate_if_it_goes_on(carry, saved), start, bound)

    def _while(self, start: Any) -> list[Any]:
        import jax  # imported where it is used first

        end = jax.lax.while_loop(self._goes_on, lambda carry: self._iterate(carry)[0], start)
        self._effects.put(end[1])
        return list(end[0])

    def _scan(self, iterate: Callable[[Any], Any], start: Any, count: int) -> list[Any]:
        import jax  # imported where it is used first

        end, stacks = jax.lax.scan(lambda carry, _: iterate(carry), start, None, length=count)
        self._effects.put(end[1])
        return [*end[0], *stacks]

    def _iterate_if_it_goes_on(self, carry: Any, saved: Any) -> Any:
        """The body, or nothing where the loop has ended: what is saved then is never taken."""
        import jax  # imported where it is used first

        return jax.lax.cond(
            self._goes_on(carry),
            self._iterate,
            lambda carry: (carry, [_zeros(shape) for shape in saved]),
            carry,
        )

    def _needs_all_saved(self) -> bool:
        """True where the saved values of all iterations are put together: no more, no fewer."""
        stacks = self._step.outputs[self._count :]
        return any([c.spec.name == "_StackConcat" for stack in stacks for c in stack._consumers])

    def _bound(self, trips: Bounded) -> int | None:
        """So many iterations at most."""
        first, limit = [self._tracer.known_value(operand) for operand in trips.operands]
        if first is None or limit is None:
            return None
        return max(0, -((int(first) - int(limit)) // trips.increment))

    def _before(self) -> Carried:
        return self._effects.take()

    def _values(self, place: int, variables: list[Any]) -> dict[Tensor, Any]:
        return values_for_body(self._step, place, self._operands, variables)

    def _iterate(self, carry: Any) -> tuple[Any, list[Any]]:
        """The body: what it carries to the next iteration, and what is saved."""
        variables, effects = carry
        self._effects.put(effects)
        body = self._step.plans[1]
        values = self._values(1, variables)
        self._tracer.run_steps(body.steps, values)
        results = [self._tracer.value(result, values) for result in body.results]
        following = [
            as_array(result, arg.dtype.base_dtype.np_dtype) if _is_plain(arg) else result
            for result, arg in zip(results[: self._count], self._step.args[1], strict=True)
        ]
        saved = [_as_saved(value) for value in results[self._count :]]
        return (following, self._effects.take()), saved

    def _goes_on(self, carry: Any) -> Any:
        variables, effects = carry
        self._effects.put(effects)
        condition = self._step.plans[0]
        values = self._values(0, variables)
        self._tracer.run_steps(condition.steps, values)
        return as_array(self._tracer.value(condition.results[0], values), bool).reshape(())

    def _check_shapes(self, last: list[Any]) -> None:
        for arg, init, following in zip(self._step.args[1], self._inits, last, strict=True):
            if init.shape != following.shape:
                raise UnimplementedError(
                    None, None,
                    f"XLA needs loop variables of one shape; that of {arg.name} changes from "
                    f"{init.shape} to {following.shape}",
                )  # fmt: skip

    def _count_trips(self, count: Counted) -> int | None:
        """How often the loop runs, where that follows from what is known."""
        known = [self._operands[place] for place in count.places]
        outer = self._values(0, self._operands[: self._count])
        taken = {o: outer[o] for o in count.operands if isinstance(o, Tensor) and o in outer}
        if not all([is_known(value) for value in (*known, *taken.values())]):
            return None
        taken.update({tensor: outer[tensor] for tensor in count.shaped})
        condition, body = self._step.plans
        for trips in range(_MOST_TRIPS_COUNTED):
            values = dict(taken)
            args = [self._step.args[0][place] for place in count.places]
            values.update(zip(args, known, strict=True))
            self._tracer.run_steps(count.condition, values)
            if not self._tracer.value(condition.results[0], values):
                return trips
            args = [self._step.args[1][place] for place in count.places]
            values.update(zip(args, known, strict=True))
            self._tracer.run_steps(count.body, values)
            results = [body.results[place] for place in count.places]
            known = [self._tracer.value(result, values) for result in results]
        return None


def _is_plain(tensor: Tensor) -> bool:
    """True of what is a number or an array of numbers, and no stack."""
    return tensor.dtype.base_dtype.np_dtype.names is None


def _as_saved(value: Any) -> Any:
    if isinstance(value, TracedArray):
        raise UnimplementedError(None, None, "XLA cannot save a TensorArray for each iteration")
    return value
