"""Makes a program that shows a difference smaller, as long as it shows one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from tests.fuzz.program import Program, Run, Stage, Statement

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
    for place in range(len(program.runs)):
        yield replace(program, runs=program.runs[:place] + program.runs[place + 1 :])
    for place, run in enumerate(program.runs):
        for other in _smaller_runs(run):
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


def _smaller_runs(run: Run) -> Iterator[Run]:
    if run.times > 1:
        yield replace(run, times=run.times - 1)
    if len(run.stages) > 1:
        for place in range(len(run.stages)):
            yield replace(run, stages=run.stages[:place] + run.stages[place + 1 :])
    if run.staged and len(run.stages) == 1:
        yield replace(run, staged=False)
    for place, stage in enumerate(run.stages):
        for other in _smaller_stages(stage):
            yield replace(run, stages=(*run.stages[:place], other, *run.stages[place + 1 :]))


def _smaller_stages(stage: Stage) -> Iterator[Stage]:
    if len(stage.fetches) > 1:
        for place in range(len(stage.fetches)):
            yield replace(stage, fetches=stage.fetches[:place] + stage.fetches[place + 1 :])
    for place in range(len(stage.feeds)):
        yield replace(stage, feeds=stage.feeds[:place] + stage.feeds[place + 1 :])


def _with_statement(program: Program, number: int, statement: Statement) -> Program:
    statements = program.statements
    return replace(program, statements=(*statements[:number], statement, *statements[number + 1 :]))


def _without(program: Program, number: int) -> Program | None:
    """The program without a statement; None where something takes its values."""
    gone = program.statements[number]
    values = set(range(gone.first, gone.first + len(gone.outputs)))
    for statement in program.statements:
        if values & set(statement.inputs):
            return None
    for run in program.runs:
        for stage in run.stages:
            if values & {n for kind, n in stage.fetches if kind == "value"}:
                return None
            if number in {n for kind, n in stage.fetches if kind != "value"}:
                return None

    def moved(value: int) -> int:
        return value - len(gone.outputs) if value > gone.first else value

    def moved_statement(other: int) -> int:
        return other - 1 if other > number else other

    statements = [
        replace(
            s,
            inputs=tuple([moved(n) for n in s.inputs]),
            control=tuple([moved_statement(c) for c in s.control if c != number]),
            first=s.first - len(gone.outputs) if place > number else s.first,
        )
        for place, s in enumerate(program.statements)
        if place != number
    ]
    late = [(a, b) for a, b in program.late if number not in (a, b)]
    runs = [
        replace(
            run, stages=tuple([_moved_stage(s, values, moved, moved_statement) for s in run.stages])
        )
        for run in program.runs
    ]
    return Program(
        program.seed, tuple(statements),
        tuple([(moved_statement(a), moved_statement(b)) for a, b in late]), tuple(runs),
        tuple([moved_statement(n) for n in program.uninitialized if n != number]),
    )  # fmt: skip


def _moved_stage(
    stage: Stage, gone: set[int], moved: Callable[[int], int], moved_statement: Callable[[int], int]
) -> Stage:
    fetches = [
        (kind, moved(n) if kind == "value" else moved_statement(n)) for kind, n in stage.fetches
    ]
    feeds = [(moved(n), seed) for n, seed in stage.feeds if n not in gone]
    return Stage(tuple(fetches), tuple(feeds))


def _bypassed(program: Program, number: int) -> Iterator[Program]:
    """The program in which others take an input of a statement instead of what it makes of it."""
    facts = program.facts()
    statement = program.statements[number]
    for place, made in enumerate(statement.outputs):
        value = statement.first + place
        for source in statement.inputs:
            if (facts[source].dtype, facts[source].shapes) != (made.dtype, made.shapes):
                continue
            statements = [
                replace(s, inputs=tuple([source if n == value else n for n in s.inputs]))
                for s in program.statements
            ]
            if tuple(statements) != program.statements:
                yield replace(program, statements=tuple(statements))
