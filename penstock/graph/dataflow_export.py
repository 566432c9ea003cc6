"""Writes branches and loops as nodes of Switch and Merge, Enter, NextIteration and Exit.

So TensorFlow 1 writes all of them. Here it is done where a region takes a reference to a variable.

    branch:  value → Switch(pred) → … → Merge
    loop:    init → Enter → Merge → Switch(LoopCond) → Exit
                             ↑         └ true → … → NextIteration ┐
                             └────────────────────────────────────┘
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from penstock.graph import dtypes
from penstock.graph.branch_values import branch_values, missing_value, saved_in_order
from penstock.graph.list_export import empty_list, push
from penstock.graph.node_places import GraphPlace
from penstock.graph.operation import Operation, Tensor
from penstock.graph.region import Region

if TYPE_CHECKING:
    from penstock.graph.region_export import RegionWriter


class _InnerPlace(GraphPlace):
    """A branch or loop, among the nodes of what is around it.

    Args:
        around: what is around it.
        region: the region whose operations are written here.

    Attributes:
        pivot: the node that those without inputs wait for, to be in the branch or loop.
    """

    def __init__(self, around: GraphPlace, region: Region) -> None:
        super().__init__(around.nodes, around._names, region, around.outside)
        self.around = around
        self.pivot = ""

    def new_node(
        self, name: str, op_name: str, inputs: Sequence[str], controls: Sequence[str] = ()
    ) -> Any:
        if all([self.is_invariant(text) for text in inputs]):
            controls = [*controls, f"^{self.pivot}"]
        return super().new_node(name, op_name, inputs, controls)

    def is_invariant(self, text: str) -> bool:
        """True of a value that is there whether or not the branch or loop goes on."""
        return False


def _typed_node(
    place: GraphPlace, hint: str, op_name: str, inputs: Sequence[str], dtype: dtypes.DType,
    controls: Sequence[str] = (),
) -> Any:  # fmt: skip
    node = place.new_node(place.helper_name(hint), op_name, inputs, controls)
    node.attr["T"].type = dtype.base_dtype.as_datatype_enum
    return node


def _kind(op_name: str, tensor: Tensor) -> str:
    """The op that passes a tensor on, or a reference."""
    return f"Ref{op_name}" if tensor.dtype._is_ref_dtype else op_name


class _BranchPlace(_InnerPlace):
    """A branch: a Switch lets values in."""

    def __init__(
        self, around: GraphPlace, region: Region, scope: str, pred: str, taken: bool
    ) -> None:
        super().__init__(around, region)
        self._scope = scope
        self._pred = pred
        self._suffix = ":1" if taken else ""
        switch = _typed_node(around, f"{scope}/Switch", "Switch", [pred, pred], dtypes.bool)
        pivot = f"{scope}/switch_{'t' if taken else 'f'}"
        outputs = [switch.name + self._suffix]
        self.pivot = _typed_node(around, pivot, "Identity", outputs, dtypes.bool).name

    def _let_in(self, tensor: Tensor) -> str:
        inputs = [self.around.text(tensor), self._pred]
        hint = f"{self._scope}/Switch"
        switch = _typed_node(self.around, hint, _kind("Switch", tensor), inputs, tensor.dtype)
        return str(switch.name) + self._suffix


def write_branches(writer: RegionWriter, place: GraphPlace, op: Operation) -> None:
    """Adds the nodes of an op with branches."""
    name = place.release_name(op)
    scope = _scope_of(name)
    controls = writer.owner_controls(place, op)
    asked = [place.text(op._inputs[0])]
    pred = _typed_node(place, f"{scope}/pred_id", "Identity", asked, dtypes.bool, controls)
    texts = []
    for region, taken in zip(op.regions, (True, False), strict=True):
        branch = _BranchPlace(place, region, scope, pred.name, taken)
        writer.write_members(branch, region)
        pairs = zip(branch_values(op, region, op.outputs), op.outputs, strict=True)
        texts.append(
            [
                missing_value(branch, op, output) if value is None else branch.text(value)
                for value, output in pairs
            ]
        )
    merges = []
    for output, on, off in zip(op.outputs, *texts, strict=True):
        merge = _typed_node(place, f"{name}/Merge", "Merge", [off, on], output.dtype)
        merge.attr["N"].i = 2
        place.known[output] = merge.name
        merges.append(merge.name)
    _add_end(place, name, merges or [pred.name])


def _scope_of(name: str) -> str:
    """The name scope of the nodes that an operation is written as."""
    return name.rpartition("/")[0] or name


def _add_end(place: GraphPlace, name: str, nodes: Sequence[str]) -> None:
    """Adds a node with the name of the operation, for those that wait for it."""
    place.new_node(place.helper_name(name), "NoOp", (), [f"^{node}" for node in nodes])


class _Entered:
    """The values that stay the same in a loop.

    Attributes:
        text_of: the Enter nodes that let them in.
        texts: these nodes.
    """

    def __init__(self) -> None:
        self.text_of: dict[Tensor, str] = {}
        self.texts: set[str] = set()


class _LoopPlace(_InnerPlace):
    """The condition or body of a loop: an Enter lets values in.

    Args:
        around: what is around the loop.
        region: the region whose operations are written here.
        frame: the name of the loop.
        entered: the values that stay the same, shared by both regions.
    """

    def __init__(self, around: GraphPlace, region: Region, frame: str, entered: _Entered) -> None:
        super().__init__(around, region)
        self._frame = frame
        self._entered = entered

    def _let_in(self, tensor: Tensor) -> str:
        found = self._entered.text_of.get(tensor)
        if found is None:
            found = _enter(self.around, self._frame, self.around.text(tensor), tensor, True, ())
            self._entered.text_of[tensor] = found
            self._entered.texts.add(found)
        return found

    def is_invariant(self, text: str) -> bool:
        return text in self._entered.texts


def _enter(
    place: GraphPlace, frame: str, text: str, like: Tensor, constant: bool, controls: Sequence[str]
) -> str:
    kind = _kind("Enter", like) if constant else "Enter"
    hint = f"{_scope_of(frame)}/Enter"
    node = _typed_node(place, hint, kind, [text], like.dtype, controls)
    node.attr["frame_name"].s = frame.encode()
    node.attr["is_constant"].b = constant
    node.attr["parallel_iterations"].i = 10
    return str(node.name)


def write_loop(writer: RegionWriter, place: GraphPlace, op: Operation) -> None:
    """Adds the nodes of a loop."""
    condition, body = op.regions
    count = len(body.args)
    name = place.release_name(op)
    scope = _scope_of(name)
    saved = saved_in_order(body)
    variables = op.outputs[: count + len(saved)]
    first = [place.text(tensor) for tensor in op._inputs[:count]]
    first += [empty_list(place, f"{scope}/stack", inner) for inner in saved]
    controls = writer.owner_controls(place, op)
    back = [place.helper_name(f"{scope}/NextIteration") for _ in variables]
    merges = []
    for text, following, like in zip(first, back, variables, strict=True):
        enter = _enter(place, name, text, like, False, controls)
        merge = _typed_node(place, f"{scope}/Merge", "Merge", [enter, following], like.dtype)
        merge.attr["N"].i = 2
        merges.append(merge.name)
    entered = _Entered()
    test = _LoopPlace(place, condition, name, entered)
    test.pivot = merges[0]
    test.known.update(zip(condition.args, merges, strict=False))
    writer.write_members(test, condition)
    asked = test.text(condition.results[0])
    going_on = test.new_node(test.helper_name(f"{scope}/LoopCond"), "LoopCond", [asked]).name
    exits, inside = _switches(place, name, merges, going_on, variables)
    place.known.update(zip(variables, exits, strict=True))
    step = _LoopPlace(place, body, name, entered)
    step.pivot = _typed_node(
        place, f"{scope}/Identity", "Identity", [inside[0]], variables[0].dtype
    ).name
    step.known.update(zip(body.args, inside, strict=False))
    writer.write_members(step, body)
    texts = [step.text(result) for result in body.results]
    pairs = zip(saved, inside[count:], strict=True)
    texts += [push(step, f"{scope}/push", handle, inner) for inner, handle in pairs]
    for following, text, like in zip(back, texts, variables, strict=True):
        node = step.new_node(following, "NextIteration", [text])
        node.attr["T"].type = like.dtype.base_dtype.as_datatype_enum
    _add_end(place, name, exits)


def _switches(
    place: GraphPlace, name: str, merges: Sequence[str], going_on: str,
    variables: Sequence[Tensor],
) -> tuple[list[str], list[str]]:  # fmt: skip
    """Adds what ends a loop; gives the texts of the last values, and of those in the body."""
    exits, inside = [], []
    for merge, like in zip(merges, variables, strict=True):
        hint = f"{_scope_of(name)}/Switch"
        switch = _typed_node(place, hint, "Switch", [merge, going_on], like.dtype).name
        exits.append(_typed_node(place, f"{name}/Exit", "Exit", [switch], like.dtype).name)
        inside.append(f"{switch}:1")
    return exits, inside
