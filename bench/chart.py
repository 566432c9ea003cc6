"""Draws lines over two logarithmic axes, as an SVG picture that reads in light and dark pages."""

from __future__ import annotations

import math
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 420, 280  # of a panel
LEFT, RIGHT, TOP, BOTTOM = 62, 14, 26, 46  # its margins
_RAISED = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")
_LABEL = 18  # what a line's name takes above its end
COLOURS = ("#1f77b4", "#d95f02", "#1b9e77", "#7570b3")


@dataclass(frozen=True)
class Line:
    """A line: its name, and (x, y) for each point."""

    name: str
    points: list[tuple[float, float]]


@dataclass(frozen=True)
class Panel:
    """One diagram: what its axes say, and its lines."""

    x: str
    y: str
    lines: list[Line]


def draw(panels: list[Panel]) -> str:
    """The picture, two panels in a row."""
    rows = (len(panels) + 1) // 2
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {2 * WIDTH} {rows * HEIGHT}" '
        'font-family="sans-serif" font-size="12">',
        f'<rect width="{2 * WIDTH}" height="{rows * HEIGHT}" fill="#ffffff"/>',
    ]
    for number, panel in enumerate(panels):
        x, y = number % 2 * WIDTH, number // 2 * HEIGHT
        parts += [f'<g transform="translate({x},{y})">', *_panel(panel), "</g>"]
    return "\n".join([*parts, "</svg>", ""])


class Axis:
    """A logarithmic axis over some values.

    Args:
        values: all that it must hold.
        start, end: where it lies in the picture.
    """

    def __init__(self, values: list[float], start: float, end: float) -> None:
        self._low = math.floor(math.log10(min(values)) + 1e-9)
        self._high = max(self._low + 1, math.ceil(math.log10(max(values)) - 1e-9))
        self._start, self._end = start, end

    def place(self, value: float) -> float:
        """Where a value stands."""
        share = (math.log10(value) - self._low) / (self._high - self._low)
        return self._start + share * (self._end - self._start)

    def ticks(self) -> list[float]:
        """The powers of ten."""
        return [10.0**power for power in range(self._low, self._high + 1)]


def _panel(panel: Panel) -> list[str]:
    points = [point for line in panel.lines for point in line.points]
    across = Axis([x for x, _ in points], LEFT, WIDTH - RIGHT)
    up = Axis([y for _, y in points], HEIGHT - BOTTOM, TOP)
    parts = []
    for tick in across.ticks():
        x = across.place(tick)
        parts.append(_stroke(x, TOP, x, HEIGHT - BOTTOM))
        parts.append(_text(x, HEIGHT - BOTTOM + 16, _number(tick), "middle"))
    for tick in up.ticks():
        y = up.place(tick)
        parts.append(_stroke(LEFT, y, WIDTH - RIGHT, y))
        parts.append(_text(LEFT - 6, y + 4, _number(tick), "end"))
    parts.append(_text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 10, panel.x, "middle"))
    parts.append(_text(LEFT, TOP - 10, panel.y, "start"))
    ends = [up.place(line.points[-1][1]) for line in panel.lines]
    for number, line in enumerate(panel.lines):
        colour = COLOURS[number % len(COLOURS)]
        places = [(across.place(x), up.place(y)) for x, y in line.points]
        path = " ".join([f"{x:.1f},{y:.1f}" for x, y in places])
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in places]
        x, y = places[-1]
        crowded = any([0 < y - other < _LABEL for other in ends])  # another's name would be there
        parts.append(_text(x - 6, y + _LABEL if crowded else y - 8, line.name, "end", colour))
    return parts


def _stroke(x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="#dddddd"/>'


def _text(x: float, y: float, text: str, anchor: str, colour: str = "#333333") -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}">'
        f"{escape(text)}</text>"
    )


def _number(value: float) -> str:
    if 0.01 <= value < 10_000:
        return f"{value:g}"
    return f"10{str(round(math.log10(value))).translate(_RAISED)}"
