"""The list of covered names."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts import coverage_list


def test_the_document_lists_what_the_package_has() -> None:
    written = coverage_list.DOCUMENT.read_text(encoding="utf-8")
    assert written == coverage_list.document(), "run `make coverage`"


def test_the_report_weighs_names_by_their_use(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = tmp_path / "usage.tsv"
    table.write_text("# how often\nsymbol\trepositories\tuses\nplaceholder\t3\t9\nno_such\t1\t5\n")
    coverage_list.report(table)
    assert capsys.readouterr().out == "1 of 2 symbols; 75.0% of their use\n   1 tf.no_such\n"
