"""Side by side: each figure in penstock and in its peers, in turn, in processes of their own.

    python bench/run.py --peer tf1=ORACLE/tf1/bin/python --peer tf2=ORACLE/tf2/bin/python

Each peer is a Python that has `tensorflow`; without peers penstock is measured alone. The rounds
alternate, so that a machine that slows down slows all. The table gives each side's median and how
many times faster penstock is than the fastest peer. Its last line is the most memory that the
processes had in which the figures ran, but for those that have a process of their own.
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys
from typing import Any

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import graphs  # noqa: E402, F401  (these four register the figures)
import small  # noqa: E402, F401
import staged  # noqa: E402, F401
import training  # noqa: E402, F401
from timing import FIGURES  # noqa: E402

IMPORT = "import"
MEMORY = "peak memory of all that"
UNITS = {"s": 1.0, "ms": 1e3, "µs": 1e6, "MB": 1e-6}
SELF = "penstock"

Rounds = dict[str, dict[str, list[float]]]  # figure -> peer -> what each round gave


class Peer:
    """A library in a Python of its own; `ask` measures one figure there."""

    def __init__(self, name: str, python: str) -> None:
        self.name = name
        self.library = "penstock" if name == SELF else "tensorflow"
        self.python = python
        self.about: dict[str, Any] = {}
        self.peak_bytes = 0  # of the lasting process
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> subprocess.Popen[str]:
        """A new process that has imported the library; its import time is in `about`."""
        process = subprocess.Popen(
            [self.python, str(HERE / "peer.py"), self.library],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.about = answer_of(self, process)
        return process

    def ask(self, figure: str) -> dict[str, Any]:
        """The answer of the lasting process, or of a new one for figures that need that."""
        if figure == IMPORT:
            stop(self.start())
            return {"seconds": self.about["import"]}
        fresh = FIGURES[figure].fresh
        if not fresh and self._process is None:
            self._process = self.start()
        process = self.start() if fresh or self._process is None else self._process
        answer = answer_of(self, process, figure)
        if fresh:
            stop(process)
        else:
            self.peak_bytes = max(self.peak_bytes, answer["peak_bytes"])
        return answer

    def close(self) -> None:
        """Ends the lasting process."""
        if self._process is not None:
            stop(self._process)


def answer_of(peer: Peer, process: subprocess.Popen[str], question: str | None = None) -> Any:
    """One line of JSON from a peer's process, after a question if there is one."""
    assert process.stdin is not None
    assert process.stdout is not None
    if question is not None:
        process.stdin.write(question + "\n")
        process.stdin.flush()
    line = process.stdout.readline()
    if not line:
        raise SystemExit(f"{peer.name} ({peer.python}) ended: can it import {peer.library}?")
    return json.loads(line)


def stop(process: subprocess.Popen[str]) -> None:
    """Lets a peer's process end by itself."""
    process.communicate()


def measure(
    peers: list[Peer], figures: list[str], rounds: int
) -> tuple[Rounds, list[tuple[str, str, str]]]:
    """All figures, round after round, the peers in turn; and what went wrong."""
    seconds: Rounds = {name: {peer.name: [] for peer in peers} for name in figures}
    problems: list[tuple[str, str, str]] = []
    for name in figures:
        for _ in range(rounds):
            for peer in peers:
                answer = peer.ask(name)
                if "error" in answer:
                    problems.append((name, peer.name, answer["error"]))
                else:
                    seconds[name][peer.name].append(answer["seconds"])
        print(f"{name}: {row(name, seconds[name], peers)[1:]}", file=sys.stderr)
    return seconds, list(dict.fromkeys(problems))


def peak_memory(peers: list[Peer]) -> Rounds:
    """The most bytes of each peer's lasting process, as a figure; none where there was none."""
    return {MEMORY: {p.name: [p.peak_bytes] for p in peers}} if peers[0].peak_bytes else {}


def row(name: str, rounds: dict[str, list[float]], peers: list[Peer]) -> list[str]:
    """A line of the table: the figure, each side's median, the ratio to the best peer."""
    unit = unit_of(name)
    medians = {
        peer.name: statistics.median(rounds[peer.name]) for peer in peers if rounds[peer.name]
    }
    cells = [shown(medians.get(peer.name), unit) for peer in peers]
    others = [value for peer, value in medians.items() if peer != SELF]
    ratio = f"{min(others) / medians[SELF]:.1f}×" if others and SELF in medians else "–"
    return [name, *cells, ratio]


def unit_of(name: str) -> str:
    """The unit a figure is shown in."""
    return {IMPORT: "s", MEMORY: "MB"}.get(name) or FIGURES[name].unit


def shown(amount: float | None, unit: str) -> str:
    """Seconds or bytes with three digits that count."""
    if amount is None:
        return "–"
    value = amount * UNITS[unit]
    return f"{value:.0f} {unit}" if value >= 100 else f"{value:.3g} {unit}"


def machine() -> dict[str, Any]:
    """The machine the figures come from."""
    names = []
    if os.path.exists("/proc/cpuinfo"):
        with open("/proc/cpuinfo") as file:
            names = [line.split(":")[1].strip() for line in file if line.startswith("model name")]
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "cpu": names[0] if names else platform.processor() or platform.machine(),
        "cores": cores,
        "system": platform.platform(terse=True),
    }


def print_table(rows: list[list[str]], peers: list[Peer]) -> None:
    """The table, by rich where it is installed."""
    head = ["figure", *(f"{peer.name} {peer.about['version']}" for peer in peers), "ratio"]
    try:
        from rich.console import Console
        from rich.table import Table
    except ImportError:
        for cells in [head, *rows]:
            print(
                "  ".join(cell.rjust(14) if i else cell.ljust(48) for i, cell in enumerate(cells))
            )
        return
    table = Table(*head)
    for column in table.columns[1:]:
        column.justify = "right"
    for cells in rows:
        table.add_row(*cells)
    Console(width=max(100, 50 + 20 * len(peers))).print(table)


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="bench", description="penstock beside its peers")
    parser.add_argument(
        "--peer",
        action="append",
        default=[],
        metavar="NAME=PYTHON",
        help="a Python that has tensorflow; may be given several times",
    )
    parser.add_argument(
        "--only",
        action="append",
        default=[],
        metavar="TEXT",
        help="only figures whose name contains TEXT",
    )
    parser.add_argument("--rounds", type=int, default=3, help="measurements of each figure (3)")
    parser.add_argument("--json", metavar="FILE", help="write all rounds and the machine to FILE")
    return parser.parse_args()  # fmt: skip


def main() -> int:
    """Measures, prints the table, and says what failed."""
    options = arguments()
    peers = [Peer(SELF, sys.executable)]
    peers += [Peer(*text.split("=", 1)) for text in options.peer]
    figures = [
        n for n in [IMPORT, *FIGURES] if not options.only or any(t in n for t in options.only)
    ]
    try:
        seconds, problems = measure(peers, figures, options.rounds)
    finally:
        for peer in peers:
            peer.close()
    here = machine()
    memory = peak_memory(peers)
    print_table([row(name, found, peers) for name, found in {**seconds, **memory}.items()], peers)
    print(f"{here['cpu']}, {here['cores']} cores; medians of {options.rounds} rounds")
    for peer in peers:
        print(f"{peer.name}: Python {peer.about['python']}")
    for problem in problems:
        print("failed:", *problem, sep="  ")
    if options.json:
        about = {peer.name: peer.about for peer in peers}
        record = {
            "machine": here, "peers": about,
            "seconds": seconds, "bytes": memory, "failed": problems,
        }  # fmt: skip
        pathlib.Path(options.json).write_text(
            json.dumps(record, indent=1, ensure_ascii=False) + "\n"
        )
    return 1 if any(peer == SELF for _, peer, _ in problems) else 0


if __name__ == "__main__":
    sys.exit(main())
