"""Makes a program that shows a difference smaller, as long as it shows one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from tests.fuzz.program import Block, Program, Run, Stage, Statement

Shows = Callable[[Program], bool]


def reduced(program: Program, shows: Shows) -> Program:
    """The program without what it can do without.

    Args:
        program: a program of which `shows` is true.
        shows: tells whether a program still shows the difference.
    """
    smaller = True
    while smaller:
        smaller = False
        for candidate in _candidates(program):
            if shows(candidate):
                program, smaller = candidate, True
                break
    return program


def _candidates(program: Program) -> Iterator[Program]:
    """Programs that are a little smaller; those that leave out most come first."""
    placeholders = {s.first for s in program.statements if s.row == "placeholder"}
    for place in range(len(program.runs)):
        yield replace(program, runs=program.runs[:place] + program.runs[place + 1 :])
    for place, run in enumerate(program.runs):
        for other in _smaller_runs(run, placeholders):
            yield replace(program, runs=(*program.runs[:place], other, *program.runs[place + 1 :]))
    if program.uninitialized:
        yield replace(program, uninitialized=())
    if program.late:
        yield replace(program, late=())
    for number in reversed(range(len(program.statements))):
        without = _without(program, number)
        if without is not None:
            yield without
    for number, statement in enumerate(program.statements):
        if statement.control:
            yield _with_statement(program, number, replace(statement, control=()))
        yield from _bypassed(program, number)
        for smaller_statement in _with_smaller_blocks(statement, number):
            yield _with_statement(program, number, smaller_statement)


def _smaller_runs(run: Run, placeholders: set[int]) -> Iterator[Run]:
    if run.times > 1:
        yield replace(run, times=run.times - 1)
    if len(run.stages) > 1:
        for place in range(len(run.stages)):
            yield replace(run, stages=run.stages[:place] + run.stages[place + 1 :])
    if run.staged and len(run.stages) == 1:
        yield replace(run, staged=False)
    for place, stage in enumerate(run.stages):
        for other in _smaller_stages(stage, placeholders):
            yield replace(run, stages=(*run.stages[:place], other, *run.stages[place + 1 :]))


def _smaller_stages(stage: Stage, placeholders: set[int]) -> Iterator[Stage]:
    if len(stage.fetches) > 1:
        for place in range(len(stage.fetches)):
            yield replace(stage, fetches=stage.fetches[:place] + stage.fetches[place + 1 :])
    for place, (number, _) in enumerate(stage.feeds):
        if number in placeholders:  # without its feed another error would be found
            continue
        yield replace(stage, feeds=stage.feeds[:place] + stage.feeds[place + 1 :])


def _with_statement(program: Program, number: int, statement: Statement) -> Program:
    statements = program.statements
    return replace(program, statements=(*statements[:number], statement, *statements[number + 1 :]))


Number = Callable[[int], int]


def _renumbered(statement: Statement, value: Number, place: Number) -> Statement:
    """A statement with other numbers for values and for statements, in its blocks too."""
    args = {key: _renumbered_argument(arg, value, place) for key, arg in statement.args.items()}
    return replace(
        statement, args=args, first=value(statement.first),
        inputs=tuple([value(n) for n in statement.inputs]),
        control=tuple([place(n) for n in statement.control if place(n) >= 0]),
    )  # fmt: skip


def _renumbered_argument(arg: Any, value: Number, place: Number) -> Any:
    if isinstance(arg, tuple):
        return tuple([_renumbered_argument(item, value, place) for item in arg])
    if not isinstance(arg, Block):
        return arg
    return Block(
        value(arg.first), arg.arguments,
        tuple([_renumbered(s, value, place) for s in arg.statements]),
        tuple([value(n) for n in arg.results]),
    )  # fmt: skip


def _removal(gone: Statement, number: int) -> tuple[Number, Number]:
    """The new numbers of values and of statements after one that is left out."""
    count = len(gone.outputs)

    def value(n: int) -> int:
        return n - count if n >= gone.first + count else n

    def place(n: int) -> int:
        return -1 if n == number else n - 1 if n > number else n

    return value, place


def _made_by(statement: Statement) -> set[int]:
    return set(range(statement.first, statement.first + len(statement.outputs)))


def _without(program: Program, number: int) -> Program | None:
    """The program without a statement; None where something takes its values."""
    gone = program.statements[number]
    made = _made_by(gone)
    if any([made & set(later.inputs) for later in program.statements[number + 1 :]]):
        return None
    fetches = [f for run in program.runs for stage in run.stages for f in stage.fetches]
    if any([n in made if kind == "value" else n == number for kind, n in fetches]):
        return None
    value, place = _removal(gone, number)
    statements = [
        *program.statements[:number],
        *[_renumbered(s, value, place) for s in program.statements[number + 1 :]],
    ]
    runs = [
        replace(run, stages=tuple([_moved_stage(s, made, value, place) for s in run.stages]))
        for run in program.runs
    ]
    return Program(
        program.seed, tuple(statements),
        tuple([(place(a), place(b)) for a, b in program.late if number not in (a, b)]), tuple(runs),
        tuple([place(n) for n in program.uninitialized if n != number]),
    )  # fmt: skip


def _moved_stage(stage: Stage, gone: set[int], value: Number, place: Number) -> Stage:
    fetches = [(kind, value(n) if kind == "value" else place(n)) for kind, n in stage.fetches]
    feeds = [(value(n), seed) for n, seed in stage.feeds if n not in gone]
    return Stage(tuple(fetches), tuple(feeds))


def _bypassed(program: Program, number: int) -> Iterator[Program]:
    """The program in which others take an input of a statement instead of what it makes of it."""
    facts = program.facts()
    statement = program.statements[number]
    for place, made in enumerate(statement.outputs):
        value = statement.first + place
        for source in dict.fromkeys(statement.inputs):
            if (facts[source].dtype, facts[source].shapes) != (made.dtype, made.shapes):
                continue

            def instead(n: int, value: int = value, source: int = source) -> int:
                return source if n == value else n

            later = [
                replace(_renumbered(s, instead, lambda n: n), first=s.first)
                for s in program.statements[number + 1 :]
            ]
            statements = (*program.statements[: number + 1], *later)
            if statements != program.statements:
                yield replace(program, statements=statements)


def _with_smaller_blocks(statement: Statement, number: int) -> Iterator[Statement]:
    """The statement with one statement less in one of its blocks."""
    for key, arg in statement.args.items():
        if isinstance(arg, Block):
            for block in _smaller_blocks(arg, number):
                yield replace(statement, args={**statement.args, key: block})
        elif isinstance(arg, tuple):
            for place, item in enumerate(arg):
                for block in _smaller_blocks(item, number) if isinstance(item, Block) else ():
                    items = (*arg[:place], block, *arg[place + 1 :])
                    yield replace(statement, args={**statement.args, key: items})


def _smaller_blocks(block: Block, number: int) -> Iterator[Block]:
    """The block without one of its statements, the first of which has this number."""
    for place in reversed(range(len(block.statements))):
        gone, later = block.statements[place], block.statements[place + 1 :]
        taken = {n for statement in later for n in statement.inputs} | set(block.results)
        if not _made_by(gone) & taken:
            value, move = _removal(gone, number + place)
            moved = [_renumbered(statement, value, move) for statement in later]
            results = tuple([value(n) for n in block.results])
            yield replace(block, statements=(*block.statements[:place], *moved), results=results)
        for smaller in _with_smaller_blocks(gone, number + place):
            statements = (*block.statements[:place], smaller, *later)
            yield replace(block, statements=statements)
