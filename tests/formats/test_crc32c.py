"""CRC32C against published values, and the mask."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from penstock.formats.crc32c import crc32c, mask


def test_the_vectors_of_rfc_3720() -> None:
    assert crc32c(bytes(32)) == 0x8A9136AA
    assert crc32c(b"\xff" * 32) == 0x62A8AB43
    assert crc32c(bytes(range(32))) == 0x46DD794E


def test_an_array_gives_what_its_bytes_give() -> None:
    array = np.arange(100, dtype=np.float64).view(np.uint8)
    assert crc32c(array) == crc32c(array.tobytes())
    assert crc32c(array[:0]) == 0


@given(st.binary(), st.binary())
def test_it_goes_on_from_what_came_before(first: bytes, second: bytes) -> None:
    assert crc32c(second, crc32c(first)) == crc32c(first + second)


@given(st.integers(0, 2**32 - 1))
def test_a_mask_is_a_rotation_and_a_constant(crc: int) -> None:
    rotated = (mask(crc) - 0xA282EAD8) % 2**32
    assert (rotated << 15 | rotated >> 17) % 2**32 == crc
