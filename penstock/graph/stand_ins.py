"""Control dependencies on operations of branches, for operations that stand outside of these.

Programs gather updates that layers make inside a `tf.cond`, and let the training step wait for them
all. What waits for such an update makes the branch do it, in the runs in which it is taken.
"""

from __future__ import annotations

import numpy as np

from penstock.graph import dtypes
from penstock.graph.operation import Operation, Tensor
from penstock.graph.opspec import lookup
from penstock.graph.region import Region, hidden_input, is_visible, is_visible_from
from penstock.graph.scopes import StackSetting


def as_seen(op: Operation, region: Region | None) -> Operation:
    """The operation that those of `region` wait for where they are to wait for `op`.

    Raises:
        ValueError: `op` is inside a loop that `region` is no part of.
    """
    if is_visible(op, region) or _is_forward_pass(op, region):
        return op
    seen = op
    with op.graph._counted_as(0):
        while not is_visible(seen, region):
            seen = _outside(seen, op, region)
    return seen


def _is_forward_pass(op: Operation, region: Region | None) -> bool:
    """True where `region` differentiates the one of `op`: it runs when that is done."""
    around = () if region is None else region.around()
    forward = [each.backward_of for each in around if each.backward_of is not None]
    return any([is_visible_from(each, op.region) for each in forward])


def _outside(op: Operation, wanted: Operation, region: Region | None) -> Operation:
    """An operation of the region around that of `op`, which is done when `op` is done or left out.

    It takes what the branch saves of a constant that waits for `op`.
    """
    home = op.region
    assert home is not None
    if home.args or home.owner is None:
        raise hidden_input(_output(wanted), "a control dependency", region)
    with home, op.graph.control_dependencies([op]):
        done = _constant(op)
    saved = home.save(done)
    with StackSetting(op.graph, "region", home.parent), StackSetting(op.graph, "controls", []):
        return lookup("Identity").build_flat(op.graph, [saved], {}, "branch_done")


def _constant(op: Operation) -> Tensor:
    attrs = {"value": np.array(True), "dtype": dtypes.bool}
    return lookup("Const").build_flat(op.graph, [], attrs, "done").outputs[0]


def _output(op: Operation) -> Tensor:
    """A tensor that stands for an operation in an error."""
    return op.outputs[0] if op.outputs else Tensor(op, 0, "bool")
