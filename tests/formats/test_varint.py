"""Varints, one at a time and in arrays."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.formats import varint
from penstock.graph.errors import DataLossError

NUMBERS = st.integers(0, 2**63 - 1) | st.integers(0, 300)


@given(NUMBERS)
def test_a_number_comes_back(value: int) -> None:
    coded = varint.encode(value)
    assert varint.decode(b"x" + coded + b"y", 1, 1 + len(coded)) == (value, 1 + len(coded))


@given(st.lists(NUMBERS))
def test_many_are_as_one_after_the_other(values: list[int]) -> None:
    coded = varint.encode_many(np.array(values, np.int64))
    assert coded == b"".join([varint.encode(value) for value in values])
    buffer = np.frombuffer(coded + b"\x01\x80", np.uint8)
    decoded, used = varint.decode_many(buffer, len(values))
    assert decoded.tolist() == values
    assert used == len(coded)


@pytest.mark.parametrize("coded", [b"", b"\x80", b"\x80" * 12, b"\x80" * 9 + b"\x01"])
def test_what_does_not_end_is_data_loss(coded: bytes) -> None:
    with pytest.raises(DataLossError, match="varint"):
        varint.decode(coded, 0, len(coded))
    with pytest.raises(DataLossError, match="varint"):
        varint.decode_many(np.frombuffer(coded, np.uint8), 1)
