"""Runs many random programs in three ways, and compares: python -m tests.fuzz COUNT [--seed N].

It runs chunks, each in a new process, so that what XLA compiled does not fill the memory.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

from tests.fuzz.chunk import Tally, run_chunk

_CHUNK = 100


def main() -> int:
    """Runs them; 1 where a difference was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("count", type=int, help="how many programs")
    parser.add_argument("--seed", type=int, default=0, help="another one gives other programs")
    parser.add_argument("--jobs", type=int, default=1, help="processes at a time")
    parser.add_argument("--nice", type=int, default=0, help="how far to stand back for others")
    options = parser.parse_args()
    os.nice(options.nice)
    console = Console()
    total = Tally()
    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as progress:
        bar = progress.add_task("programs", total=options.count)
        for size, tally in _chunks(options.count, options.seed, options.jobs):
            total.add(tally)
            progress.advance(bar, size)
            for text in tally.found:
                console.print(text, markup=False, highlight=False)
    for name, count in sorted(total.counts.items()):
        console.print(f"{count:8} {name}")
    console.print(f"{len(total.found):8} differences")
    return 1 if total.found else 0


def _chunks(count: int, seed: int, jobs: int) -> Iterator[tuple[int, Tally]]:
    """The size and the tally of each chunk, as they end."""
    sizes = [min(_CHUNK, count - done) for done in range(0, count, _CHUNK)]
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, mp_context=spawn, max_tasks_per_child=1) as pool:
        waiting = {
            pool.submit(run_chunk, seed * 1_000_000 + number, size): size
            for number, size in enumerate(sizes)
        }
        for done in as_completed(waiting):
            yield waiting[done], done.result()


if __name__ == "__main__":
    sys.exit(main())
