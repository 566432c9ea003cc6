"""`Session.explain`: what a run will do, in words."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from penstock.graph import shapes
from penstock.graph.operation import Operation, Tensor
from penstock.plan.changes import Change, Fate, changes
from penstock.plan.clusters import ClusterPlan, host_reasons, split
from penstock.plan.plan import Constant, Plan, Read, Step, variables_read, variables_written
from penstock.runtime.cost import PlanCost
from penstock.runtime.estimate import Estimate, estimate
from penstock.runtime.executor import Executor, Tier
from penstock.runtime.stats import run_name, seconds_text
from penstock.session.report import Branch, amount_text, bytes_text, count_text

_MOST_LINES = 60  # of ops that are printed; all are in the Explanation
_LARGEST_SHOWN = 6  # elements of a folded value that is printed


@dataclass(frozen=True)
class ExplainedOp:
    """One op of a run.

    Attributes:
        op: the operation.
        cluster: the number, from 1, of the cluster that it is compiled in; None on the host.
        reason: why it cannot be compiled; "" in a cluster.
        shapes: of its outputs.
        nbytes: bytes that it reads and writes.
        flops: multiplications and additions in matrix products and convolutions.
        bodies: of an op with branches or a loop's body, for each of these the ops that run in it,
            which do their work there: `nbytes` and `flops` are of one time.
    """

    op: Operation
    cluster: int | None
    reason: str
    shapes: tuple[shapes.Shape, ...]
    nbytes: int
    flops: float
    bodies: tuple[tuple[ExplainedOp, ...], ...] = ()


@dataclass(frozen=True, repr=False)
class Explanation:
    """What a run will do. `print` it to read it.

    Attributes:
        fetches, feeds: names of what the run gives and takes.
        ops: what runs, in order.
        changes: what the fetches need and that does not run.
        clusters: for each cluster its ops.
        tier: how the next run is done.
        calls: runs so far.
        cost: of one run, by the model.
        exact: `cost` is of known shapes; else unknown sizes count as 1.
        fed_shapes: the shapes of the feeds that the estimates are for.
        reads, writes: names of variables.
    """

    fetches: tuple[str, ...]
    feeds: tuple[str, ...]
    ops: tuple[ExplainedOp, ...]
    changes: tuple[Change, ...]
    clusters: tuple[tuple[Operation, ...], ...]
    tier: Tier
    calls: int
    cost: PlanCost
    exact: bool
    fed_shapes: tuple[shapes.Shape, ...]
    reads: tuple[str, ...]
    writes: tuple[str, ...]

    def __repr__(self) -> str:
        clusters = count_text(len(self.clusters), "cluster")
        name = run_name(self.fetches, self.feeds)
        return f"<Explanation of {name}: {count_text(len(self.ops), 'op')}, {clusters}>"

    def __str__(self) -> str:
        return str(self.tree())

    def __rich__(self) -> Any:
        return self.tree()

    def _repr_html_(self) -> str:
        return self.tree()._repr_html_()

    def tree(self) -> Branch:
        """The explanation as lines."""
        root = Branch(run_name(self.fetches, self.feeds), "bold")
        self._add_ops(root)
        self._add_changes(root)
        self._add_clusters(root)
        root.add(self._tier_text(), "green" if self.tier.compiled else "")
        root.add(self._cost_text())
        root.add(f"reads {', '.join(self.reads) or 'no variable'}")
        root.add(f"writes {', '.join(self.writes) or 'no variable'}")
        return root

    def _add_ops(self, root: Branch) -> None:
        of = len(self.ops) + len(self.changes)
        branch = root.add(f"runs {count_text(len(self.ops), 'op')} of the {of:,} that it needs")
        _add_rows(branch, self.ops)

    def _add_changes(self, root: Branch) -> None:
        for fate, heading in _HEADINGS.items():
            found = [change for change in self.changes if change.fate is fate]
            if not found:
                continue
            branch = root.add(heading.format(count_text(len(found), "op")), "dim")
            if fate in (Fate.CONSTANT, Fate.VARIABLE):
                names = [change.op.name for change in found[:_MOST_LINES]]
                branch.text += f": {', '.join(names)}{', …' if len(names) < len(found) else ''}"
                continue
            for change in found[:_MOST_LINES]:
                branch.add(_change_text(change), "dim")
            if len(found) > _MOST_LINES:
                branch.add(f"… and {len(found) - _MOST_LINES:,} more", "dim")

    def _add_clusters(self, root: Branch) -> None:
        branch = root.add(
            f"{count_text(len(self.clusters), 'cluster')} that XLA can compile"
            if self.clusters
            else "nothing of it can be compiled"
        )
        for number, ops in enumerate(self.clusters, 1):
            branch.add(f"cluster {number}: {count_text(len(ops), 'op')}", "cyan")
        for explained in self.ops:
            if explained.reason:
                text = f"{explained.op.name} ({explained.op.type}) stays on the host"
                branch.add(f"{text}: {explained.reason}", "yellow")

    def _tier_text(self) -> str:
        so_far = f" ({count_text(self.calls, 'run')} so far)" if self.calls else ""
        if not self.clusters:
            return f"interpreted always{so_far}"
        if self.tier.compiled:
            return f"compiled{so_far}"
        if self.tier.runs_left is None:
            costs = (
                f"by the model a run takes {seconds_text(self.cost.interpreted)}, "
                f"compiled {seconds_text(self.cost.compiled)}"
            )
            why = f"compiling would not pay: {costs}" if self.cost.saving <= 0 else "as configured"
            return f"interpreted always, {why}{so_far}"
        left = count_text(self.tier.runs_left, "more run")
        at = f" at {self._shapes_text()}" if self.feeds else ""
        return f"interpreted; compiled after {left}{at}{so_far}"

    def _shapes_text(self) -> str:
        pairs = zip(self.feeds, self.fed_shapes, strict=True)
        return ", ".join([f"{name} {shapes.shape_text(shape)}" for name, shape in pairs])

    def _cost_text(self) -> str:
        flops = amount_text(self.cost.flops, "FLOP")
        least = "" if self.exact else "at least "
        text = f"one run reads and writes {least}{bytes_text(self.cost.nbytes)}"
        if self.cost.flops:
            text += f", and takes {least}{flops} of matrix products and convolutions"
        return text + ("" if self.exact else " (unknown sizes count as 1)")


_LABELS_OF_BRANCHES = ("if true", "if false")
_LABELS_OF_LOOPS = ("before each iteration", "in each iteration")

_HEADINGS = {
    Fate.FOLDED: "{} folded into constants",
    Fate.MERGED: "{} merged with equal ones",
    Fate.IDENTITY: "{} left out that only pass a value on",
    Fate.INLINED: "{} of which the branch that is taken is known",
    Fate.CONSTANT: "{} in the graph as a constant",
    Fate.VARIABLE: "{} in the place of a variable",
}


def explain_run(executor: Executor, values: dict[Tensor, Any]) -> Explanation:
    """Explains a plan, at the shapes of the given values, else at those that were fed last.

    Args:
        executor: what runs it.
        values: for each feed a value, or None.
    """
    plan = executor.plan
    fed = (
        dict(zip(plan.feeds, executor.record.shapes[-1], strict=True))
        if executor.record.shapes
        else {}
    )
    fed.update([(feed, np.shape(value)) for feed, value in values.items() if value is not None])
    found = estimate(plan, fed)
    fed_shapes = [found.shapes[feed] for feed in plan.feeds]
    known = tuple([tuple([1 if n is None else n for n in shape or ()]) for shape in fed_shapes])
    clusters = [item for item in split(plan) if isinstance(item, ClusterPlan)]
    return Explanation(
        tuple([fetch.name for fetch in plan.fetches]),
        tuple([feed.name for feed in plan.feeds]),
        tuple(_explained_ops(plan, clusters, found)),
        tuple(changes(plan)),
        tuple([tuple([step.op for step in cluster.steps]) for cluster in clusters]),
        executor.tier(known, found.cost),
        executor.record.calls,
        found.cost,
        found.exact,
        tuple(fed_shapes),
        tuple([op.name for op in _variables_read(plan)]),
        tuple(dict.fromkeys([op.name for step in plan.steps for op in variables_written(step)])),
    )


def _explained_ops(
    plan: Plan, clusters: list[ClusterPlan], found: Estimate
) -> Iterable[ExplainedOp]:
    number_of = {
        step.op: number for number, cluster in enumerate(clusters, 1) for step in cluster.steps
    }
    reasons = host_reasons(plan)
    for step, cost in zip(plan.steps, found.steps, strict=True):
        yield _explained(step, cost, found, number_of.get(step.op), reasons.get(step.op, ""))


def _explained(
    step: Step, cost: PlanCost, found: Estimate, cluster: int | None, reason: str
) -> ExplainedOp:
    op = step.op
    output_shapes = tuple([found.shapes.get(output, output._shape) for output in op.outputs])
    bodies = []
    for body in step.bodies:
        own = estimate(body, {t: found.shapes[t] for t in body.feeds if t in found.shapes})
        pairs = zip(body.steps, own.steps, strict=True)
        bodies.append(tuple([_explained(each, part, own, cluster, "") for each, part in pairs]))
    return ExplainedOp(op, cluster, reason, output_shapes, cost.nbytes, cost.flops, tuple(bodies))


def _add_rows(branch: Branch, ops: Sequence[ExplainedOp]) -> None:
    """Adds a line for each op, in columns, and below it what runs in its branches or body."""
    rows = [_op_row(explained) for explained in ops[:_MOST_LINES]]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row, explained in zip(rows, ops, strict=False):
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        line = branch.add("  ".join(cells).rstrip())
        labels = _LABELS_OF_LOOPS if explained.op.spec.loops else _LABELS_OF_BRANCHES
        for label, body in zip(labels, explained.bodies, strict=False):
            _add_rows(line.add(f"{label}: {count_text(len(body), 'op')}", "dim"), body)
    if len(ops) > _MOST_LINES:
        branch.add(f"… and {len(ops) - _MOST_LINES:,} more")


def _variables_read(plan: Plan) -> list[Operation]:
    read = [variable for step in plan.steps for variable in variables_read(step)]
    read += [result.variable for result in plan.results if type(result) is Read]
    return list(dict.fromkeys(read))


def _op_row(explained: ExplainedOp) -> tuple[str, ...]:
    op = explained.op
    outputs = [
        f"{output.dtype.base_dtype.name} {shapes.shape_text(shape)}"
        for output, shape in zip(op.outputs, explained.shapes, strict=True)
    ]
    place = "host" if explained.cluster is None else f"cluster {explained.cluster}"
    return op.name, op.type, ", ".join(outputs[:3]), place, line_text(op)


def line_text(op: Operation) -> str:
    """The user's line that made an op, as file:line."""
    return "".join([f"{os.path.basename(file)}:{line}" for file, line, _, _ in op.traceback])


def _change_text(change: Change) -> str:
    op, operand = change.op, change.operand
    text = f"{op.name} ({op.type})"
    if change.fate is Fate.FOLDED:
        return f"{text} = {_value_text(operand.value)}"
    if change.fate is Fate.MERGED:
        return f"{text} is {operand.op.name}"
    if change.fate is Fate.IDENTITY and type(operand) is not list:
        return f"{text} passes on {_operand_text(operand)}"
    return text


def _operand_text(operand: Any) -> str:
    if type(operand) is Read:
        return operand.variable.name
    return _value_text(operand.value) if type(operand) is Constant else operand.name


def _value_text(value: Any) -> str:
    if value.size > _LARGEST_SHOWN:
        return f"an array of {value.dtype} {shapes.shape_text(value.shape)}"
    return str(value.tolist())
