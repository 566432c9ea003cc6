"""The examples in docs/seeing-runs.md run, and print what stands below them."""

from __future__ import annotations

import re

import pytest

from scripts import doc_outputs


def comparable(text: str) -> list[str]:
    """The lines without what differs from run to run, or with the cost model: times, ratios, and
    the width of columns.

    The kinds of runs are sorted by how long they took: here they are sorted by name.
    """
    text = re.sub(r"\b\d[\d.,]* (ns|µs|ms|s)\b", "TIME", text)
    text = re.sub(r"about \d+ times", "MANY times", text)
    lines = [" ".join(line.split()) for line in text.strip().splitlines()]
    return sorted(lines) if lines and lines[0].startswith("run calls") else lines


@pytest.fixture(scope="module", name="printed")
def fixture_printed(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """What each part of the page's program prints."""
    return doc_outputs.printed(tmp_path_factory.mktemp("docs").resolve())


@pytest.mark.parametrize("number", range(len(doc_outputs.parts())))
def test_a_part_prints_what_stands_below_it(printed: list[str], number: int) -> None:
    _, said = doc_outputs.parts()[number]
    assert comparable(printed[number]) == comparable(said), "run `make docs`"


def test_what_is_printed_is_put_into_the_page(printed: list[str]) -> None:
    numbered = [f"{number}\n" if text else "" for number, text in enumerate(printed)]
    page = doc_outputs.document(numbered)
    blocks = re.findall(r"```text\n(.*?)```", page, re.DOTALL)
    assert blocks == [text for text in numbered if text]
    assert page.count("```python") == len(printed)
