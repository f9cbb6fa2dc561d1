"""A file of codes: what was written comes back to the bit, and a flipped bit is seen."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mirbricks.errors import TaskError
from mirbricks.tasks.codec.stored import Codes


def codes() -> Codes:
    values = torch.arange(24).reshape(2, 12) % 7
    return Codes(values, "toy", "abc", 16000, 256, 3000)


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(place=st.integers(0, 10**6), bit=st.integers(0, 7))
def test_no_flipped_bit_gives_other_codes(tmp_path: Path, place: int, bit: int) -> None:
    content = bytearray(codes().to_bytes())
    content[place % len(content)] ^= 1 << bit
    file = tmp_path / "a.codes"
    file.write_bytes(bytes(content))
    read, message = None, ""
    try:
        read = Codes.read(file)
    except TaskError as error:
        message = str(error)
    # A bit of the header, such as of the codec's name, leaves the codes as they were written.
    if read is not None:
        assert torch.equal(read.values, codes().values)
    else:
        assert "a.codes" in message


def test_what_was_written_comes_back(tmp_path: Path) -> None:
    (tmp_path / "a.codes").write_bytes(codes().to_bytes())
    read = Codes.read(tmp_path / "a.codes")
    assert torch.equal(read.values, codes().values)
    assert read.values.dtype == torch.int64
    (tmp_path / "cut.codes").write_bytes(codes().to_bytes()[:-3])
    with pytest.raises(TaskError, match=r"cut\.codes"):
        Codes.read(tmp_path / "cut.codes")


@pytest.mark.parametrize("n_samples", [-5, 0, 2816, 3073])
def test_a_header_that_does_not_fit_the_codes_is_refused(
    tmp_path: Path, n_samples: int
) -> None:
    other = dataclasses.replace(codes(), n_samples=n_samples)
    (tmp_path / "a.codes").write_bytes(other.to_bytes())
    with pytest.raises(TaskError, match="its header does not fit its codes"):
        Codes.read(tmp_path / "a.codes")
