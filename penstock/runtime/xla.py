"""Compiles clusters of ops with XLA, through JAX, and runs them.

Variables are arguments; those that a cluster assigns are donated, so that a training step keeps one
copy of its weights.
"""

from __future__ import annotations

import contextlib
import functools
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence, Set
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock.graph.errors import OpError
from penstock.graph.operation import Operation, Tensor
from penstock.plan.clusters import ClusterPlan
from penstock.plan.compilable import static_operands
from penstock.plan.plan import Constant, Plan, Step, all_steps
from penstock.runtime.allocator import give_back_freed_memory
from penstock.runtime.interpreter import Cluster, Interpreter
from penstock.runtime.state import SessionState, VariableSlot
from penstock.runtime.tracer import Tracer

if TYPE_CHECKING:
    from pathlib import Path

# Past that, an op whose shape follows from a fed value is interpreted.
_MOST_PROGRAMS_OF_KNOWN_VALUES = 8
# Larger constants are arguments: a program that holds them compiles slowly.
_LARGEST_EMBEDDED_BYTES = 4096
# What drivers of NVIDIA's and AMD's GPUs and of TPUs make.
_ACCELERATOR_FILES = ("/dev/nvidiactl", "/dev/kfd", "/dev/accel0", "/dev/vfio/0")
_COMPILER_OPTIONS = {"xla_cpu_experimental_ynn_fusion_type": "LIBRARY_FUSION_TYPE_INDIVIDUAL_DOT"}


def cache_folder() -> Path:
    """Where compiled programs are kept between processes: in the user's cache folder."""
    from pathlib import Path  # slow to import

    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return Path(base) / "penstock" / "xla"


@contextlib.contextmanager
def _numpys_random_numbers_kept() -> Iterator[None]:
    """Leaves a program that seeded `numpy.random` its numbers: JAX draws some when imported."""
    before = np.random.get_state()
    try:
        yield
    finally:
        np.random.set_state(before)


@functools.cache
def load_jax() -> Any:
    """JAX, imported at the first need.

    It keeps compiled programs on disk; where the user has not said where, the folder is the user's
    own (mode 0700): what lies there is run.
    """
    with _numpys_random_numbers_kept():
        import jax

    if jax.config.jax_compilation_cache_dir is None:
        folder = cache_folder()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = folder.stat()
        if status.st_uid == os.getuid() and not status.st_mode & 0o022:
            jax.config.update("jax_compilation_cache_dir", str(folder))
            jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.3)
    return jax


@functools.cache
def _largest(dtype: Any) -> int:
    return int(np.iinfo(dtype).max)


@functools.cache
def _array_type() -> type:
    """The type of JAX's arrays: to compare types is faster than `isinstance(value, jax.Array)`."""
    return type(load_jax().device_put(np.zeros(())))


@functools.cache
def has_accelerator() -> bool:
    """True where JAX computes on a GPU or TPU. It is imported only where there seems to be one."""
    if not any(map(os.path.exists, _ACCELERATOR_FILES)):
        return False
    return load_jax().default_backend() != "cpu"


class CompiledCluster(Cluster):
    """A cluster in one session.

    Args:
        plan: the cluster.
        state: the session's state.
        staying: outputs that are given as they are, on the device: NumPy has no use for them.

    Attributes:
        compile_seconds: what each compilation took.
    """

    def __init__(
        self, plan: ClusterPlan, state: SessionState, staying: Set[Tensor] = frozenset()
    ) -> None:
        self.plan = plan
        self._stays = [tensor in staying for tensor in plan.outputs]
        self.steps = plan.steps
        self.inputs = plan.inputs
        self.outputs = plan.outputs
        self._state = state
        self._written = [state.variable(op) for op in plan.writes]
        only_read = [state.variable(op) for op in plan.reads if op not in set(plan.writes)]
        self._variables = [*self._written, *only_read]
        self._held_last: tuple[list[Any], tuple[Any, ...]] = ([], ())
        self._random = [state.random(op) for op in plan.random]
        self._is_known = [tensor in plan.known_inputs for tensor in plan.inputs]
        self._any_known = any(self._is_known)
        place = {tensor: number for number, tensor in enumerate(plan.inputs)}
        self._padded = [(place[each], place[as_long]) for each, as_long in plan.padded.items()]
        random_inside = len(plan.random) > sum([step.op.spec.wants_rng for step in plan.steps])
        self._is_locked = bool(plan.writes or plan.reads) or random_inside
        self._large = _large_constants(plan.steps)
        self._programs: dict[Any, _Program] = {}
        self._only_interpreted: set[Any] = set()  # keys for which tracing fails
        self.compile_seconds: list[float] = []
        self._interpreter: Interpreter | None = None
        self._compiling = threading.Lock()
        self._jax = load_jax()
        self._array = _array_type()

    def __call__(self, *given: Any) -> Sequence[Any]:
        """Runs the cluster on the values of `inputs`; gives those of `outputs`.

        They are NumPy arrays, but for those that stay on the device.

        Raises:
            OpError: a kernel found bad input; what the ops before it assigned stays assigned.
        """
        values: Sequence[Any] = self._pad(given) if self._padded else given
        run = self._run_locked if self._is_locked else self._run_program
        with self._jax.enable_x64(True):
            while (outputs := run(values)) is None:
                held = [self._shaped(value) for value in self._held()]
                key = self._key(values, held)
                if self._is_interpreted(key):
                    return self._interpret(given)
                try:
                    self._make_program(key, values, held)
                except OpError:  # an op fails, or cannot be traced
                    return self._interpret_instead(key, given)
        if all(self._stays):  # nothing else waits until it has all been computed
            self._jax.block_until_ready(outputs[0])
        return [
            output if stays else np.asarray(output)
            for output, stays in zip(outputs, self._stays, strict=False)
        ]

    def _pad(self, given: Sequence[Any]) -> Sequence[Any]:
        """The inputs, some vectors of them filled up with an index beyond all rows."""
        values = list(given)
        for number, as_long in self._padded:
            value = values[number]
            filled = np.empty(values[as_long].shape, value.dtype)
            filled[: value.size] = value
            filled[value.size :] = _largest(value.dtype)
            values[number] = filled
        return values

    def _make_program(self, key: Any, values: Sequence[Any], held: list[Any]) -> None:
        """Compiles the program of a key. Threads that want the same one wait for the first."""
        with self._compiling:
            if key not in self._programs:
                self._programs[key] = self._compile(values, held)

    def _run_program(self, values: Sequence[Any]) -> Sequence[Any] | None:
        """Runs the program for these values; None where there is none yet."""
        held = self._held()
        program = self._programs.get(self._key(values, held))
        if program is None:
            return None
        if self._any_known:
            values = [v for v, known in zip(values, self._is_known, strict=True) if not known]
        reserved = list(zip(self._random, program.reserved, strict=True))
        counters = [slot.take(blocks or 0) for slot, blocks in reserved]
        for number, slot in enumerate(self._variables):
            if type(held[number]) is not self._array and held[number] is not None:
                held[number] = None  # let go of the old array: each moves before the next is copied
                held[number] = self._move(slot)
        count = len(self._written)
        outputs, new, counted = program.run(
            list(values), held[:count], held[count:], counters, self._large
        )
        if counted:
            uncounted = [slot for slot, blocks in reserved if blocks is None]
            for random, used in zip(uncounted, counted, strict=True):
                random.take(int(used))
        for slot, value in zip(self._written, new, strict=True):
            slot.value = value
        return outputs

    def _run_locked(self, values: Sequence[Any]) -> Sequence[Any] | None:
        """`_run_program` under the lock: no other run assigns the variables meanwhile, nor takes
        random numbers of the same ops.

        From looking at their shapes, by which the program is chosen, to assigning them: so the
        update is atomic. Nothing is compiled here, for that would keep all readers waiting.
        """
        if not self._random:
            with self._state.lock:
                return self._run_program(values)
        with self._state.lock, contextlib.ExitStack() as taken:
            for slot in self._random:
                taken.enter_context(slot.taking())
            return self._run_program(values)

    def _move(self, slot: VariableSlot) -> Any:
        """The value as an array that may be donated: one that shares no memory with NumPy's.

        It stays the slot's value, so that there is one copy of it, and it is made once.
        """
        copy = self._jax.numpy.array(slot.value, copy=True)
        slot.value = copy.block_until_ready()  # JAX keeps what it copies from until then
        return slot.value

    def _held(self) -> list[Any]:
        """What the variables hold, the assigned ones first; None without a value."""
        return [slot.value for slot in self._variables]

    def _key(self, values: Sequence[Any], held: list[Any]) -> Any:
        shapes = (self._held_shapes(held), *[v.shape for v in values])
        if not self._any_known:
            return shapes
        known = [
            np.asarray(v).tobytes()
            for v, is_known in zip(values, self._is_known, strict=True)
            if is_known
        ]
        return (*shapes, *known)

    def _held_shapes(self, held: list[Any]) -> tuple[Any, ...]:
        """The shapes of what variables hold: those of the last run, where JAX says it is alike."""
        try:
            avals = [value.aval for value in held]  # one object for all results of a program
        except AttributeError:  # not on the device yet
            return tuple([None if value is None else value.shape for value in held])
        if avals != self._held_last[0]:
            self._held_last = (avals, tuple([aval.shape for aval in avals]))
        return self._held_last[1]

    def _is_interpreted(self, key: Any) -> bool:
        """True where known inputs keep changing, so that compiling would not pay, or cannot be."""
        if key in self._only_interpreted:
            return True
        seen = len(self._programs) + len(self._only_interpreted)
        return self._any_known and seen >= _MOST_PROGRAMS_OF_KNOWN_VALUES

    def _interpret_instead(self, key: Any, values: Sequence[Any]) -> Sequence[Any]:
        """Runs what could not be traced: it fails at the same op, after the ops before it ran."""
        outputs = self._interpret(values)
        self._only_interpreted.add(key)
        return outputs

    def _interpret(self, values: Sequence[Any]) -> Sequence[Any]:
        if self._interpreter is None:
            outputs = tuple(self.outputs)
            plan = Plan(
                self.steps[0].op.graph,
                outputs,
                tuple(self.inputs),
                self.steps,
                list(outputs),
                [step.op for step in self.steps],
                {},
            )
            self._interpreter = Interpreter(
                plan, self._state, self.steps, [np.asarray] * len(self.inputs)
            )
        try:
            return self._interpreter.run(*values)
        except BaseException as error:
            raise self._interpreter.explain_error(error) from error.__cause__

    def _compile(self, values: Sequence[Any], held: list[Any]) -> _Program:
        start = time.perf_counter()
        jax = self._jax
        known_values = {
            t: np.asarray(v)
            for t, v, is_known in zip(self.inputs, values, self._is_known, strict=True)
            if is_known
        }
        traced = [
            t for t, is_known in zip(self.inputs, self._is_known, strict=True) if not is_known
        ]
        tracer = Tracer(
            self.plan, self._state, traced, known_values, self._only_read_ops(), self._large_ids()
        )

        arguments = (
            [self._shaped(v) for v, known in zip(values, self._is_known, strict=True) if not known],
            held[: len(self._written)],
            held[len(self._written) :],
            # The keys are arguments too: one drawn by chance would make a program of its own.
            [tuple([jax.ShapeDtypeStruct((n,), np.uint32) for n in (2, 4)]) for _ in self._random],
            [self._shaped(array) for array in self._large],
        )
        options = _COMPILER_OPTIONS if jax.default_backend() == "cpu" else {}
        traced_program = jax.jit(tracer.trace, donate_argnums=(1,))
        compiled = traced_program.lower(*arguments).compile(compiler_options=options)
        give_back_freed_memory()  # what the compiler took, and what interpreted runs left
        self.compile_seconds.append(time.perf_counter() - start)
        used = [tracer.used[op] for op in self.plan.random]
        return _Program(compiled, [n if type(n) is int else None for n in used])

    def _shaped(self, array: Any) -> Any:
        """The shape and type of an array; it is not kept alive.

        None where a variable has no value: reading it while tracing is the error that a run gives.
        """
        return None if array is None else self._jax.ShapeDtypeStruct(array.shape, array.dtype)

    def _only_read_ops(self) -> list[Operation]:
        writes = set(self.plan.writes)
        return [op for op in self.plan.reads if op not in writes]

    def _large_ids(self) -> dict[int, int]:
        return {id(array): index for index, array in enumerate(self._large)}


class _Program:
    """An executable, and how many random blocks each of its random ops takes; None: it says."""

    __slots__ = ("reserved", "run")

    def __init__(self, run: Callable[..., Any], reserved: list[int | None]) -> None:
        self.run = run
        self.reserved = reserved


def _large_constants(steps: list[Step]) -> list[Any]:
    """The large constants of some steps, but for those that decide a shape."""
    found: dict[int, Any] = {}
    static: set[int] = set()
    for outer in steps:
        for step in (outer, *[inner for body in outer.bodies for inner in all_steps(body)]):
            for operand in step.flat_operands():
                if type(operand) is Constant and operand.value.nbytes > _LARGEST_EMBEDDED_BYTES:
                    found[id(operand.value)] = operand.value
            static.update([id(o.value) for o in static_operands(step, {}) if type(o) is Constant])
    return [value for key, value in found.items() if key not in static]
