"""Resampling against sines at the new rate, and the import of torchaudio with and without its extension."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Iterator

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from mirbricks.errors import DataError
from mirbricks.features import resample as resample_module
from mirbricks.features.resample import resample, resample_stream
from mirbricks.features.torchaudio_import import import_torchaudio


def sine(hz: float, sr_hz: int, n_samples: int) -> torch.Tensor:
    return torch.sin(
        2 * torch.pi * hz * torch.arange(n_samples, dtype=torch.float64) / sr_hz
    ).float()


@pytest.mark.parametrize(
    "from_hz", [16000, 44100, 48000, 8000, 44099, 11127, 96001, 22049]
)
def test_a_sine_stays_a_sine(from_hz: int) -> None:
    wave = sine(1234.5, from_hz, from_hz)
    out = resample(torch.stack([wave, -wave]), from_hz, 22050)
    assert out.shape[0] == 2
    assert out.shape[1] == 22050
    inner = slice(500, 21500)
    torch.testing.assert_close(
        out[0, inner], sine(1234.5, 22050, 22050)[inner], rtol=0, atol=2e-3
    )
    torch.testing.assert_close(out[1], -out[0])


def test_what_the_new_rate_cannot_hold_is_removed() -> None:
    assert (
        resample(sine(12_000, 44100, 44100)[None], 44100, 22050)[:, 500:-500]
        .abs()
        .max()
        < 1e-3
    )


def test_the_same_rate_changes_nothing() -> None:
    wave = torch.randn(1, 100)
    assert resample(wave, 22050, 22050) is wave


def test_short_audio_keeps_at_least_a_sample() -> None:
    assert resample(torch.ones(1, 1), 44100, 22050).shape == (1, 1)


@pytest.mark.parametrize("from_hz", [44100, 48000, 16000, 8000, 22050, 44099])
@pytest.mark.parametrize("n_samples", [1, 300, 5000, 20001])
@pytest.mark.parametrize("chunk", [97, 4096, 30000])
def test_a_stream_is_the_whole(from_hz: int, n_samples: int, chunk: int) -> None:
    wave = torch.randn(2, n_samples, generator=torch.Generator().manual_seed(n_samples))
    pieces = list(resample_stream(torch.split(wave, chunk, dim=1), from_hz, 22050))
    torch.testing.assert_close(
        torch.cat(pieces, dim=1), resample(wave, from_hz, 22050), rtol=0, atol=2e-6
    )


@pytest.mark.parametrize("from_hz", [44100, 44099])
@pytest.mark.parametrize("channels", [1, 2])
def test_a_stream_holds_little(from_hz: int, channels: int) -> None:
    """What can be given out is given out before more is read."""
    read = given = 0

    def chunks() -> Iterator[torch.Tensor]:
        nonlocal read
        for _ in range(100):
            assert given > 22050 / from_hz * read - 300
            read += 1000
            yield torch.zeros(channels, 1000)

    for piece in resample_stream(chunks(), from_hz, 22050):
        given += piece.shape[1]
    assert given == -(-100_000 * 22050 // from_hz)


@pytest.mark.parametrize("from_hz", [44100, 44099, 999_983, 1009])
@pytest.mark.parametrize("shape", [(3,), (2, 2), ()])
def test_streams_of_several_channels(from_hz: int, shape: tuple[int, ...]) -> None:
    wave = torch.randn(*shape, 9001, generator=torch.Generator().manual_seed(1))
    pieces = list(resample_stream(torch.split(wave, 1000, dim=-1), from_hz, 22050))
    whole = resample(wave, from_hz, 22050)
    assert whole.shape == (*shape, -(-9001 * 22050 // from_hz))
    torch.testing.assert_close(torch.cat(pieces, dim=-1), whole, rtol=0, atol=2e-6)


COMMON_HZ = (8000, 11025, 16000, 22050, 32000, 44100, 48000, 96000, 192000)


@pytest.mark.parametrize("from_hz", COMMON_HZ)
@pytest.mark.parametrize("to_hz", [16000, 22050, 44100])
def test_common_rates_go_by_torchaudios_filters(from_hz: int, to_hz: int) -> None:
    """To the bit, as the features of all trained models were computed."""
    if from_hz == to_hz:
        pytest.skip("nothing to resample")
    wave = torch.randn(2, 3000, generator=torch.Generator().manual_seed(from_hz))
    own = import_torchaudio().transforms.Resample(
        from_hz,
        to_hz,
        resampling_method="sinc_interp_kaiser",
        lowpass_filter_width=64,
        rolloff=0.9475937167399596,
        beta=14.769656459379492,
    )
    assert torch.equal(resample(wave, from_hz, to_hz), own(wave))


@pytest.mark.parametrize(
    ("from_hz", "to_hz"), [(44100, 22050), (16000, 22050), (8000, 44100), (96000, 8000)]
)
def test_interpolation_is_what_the_filters_are(from_hz: int, to_hz: int) -> None:
    wave = torch.randn(2, 5000, generator=torch.Generator().manual_seed(2)).double()
    expected = resample(wave, from_hz, to_hz)
    old, new = resample_module._reduced(from_hz, to_hz)
    outputs = range(expected.shape[-1])
    found = resample_module._interpolated(wave, old, new, outputs, 0)
    torch.testing.assert_close(found, expected, rtol=0, atol=5e-6)


@pytest.mark.parametrize("sr_hz", [44099, 44056, 22255, 11127, 44100])
def test_nothing_comes_round_to_the_beginning(sr_hz: int) -> None:
    """A second of silence, a second of a sine that sounds to the last sample."""
    wave = torch.cat([torch.zeros(sr_hz), sine(440, sr_hz, sr_hz + 7)])[None]
    out = resample(wave, sr_hz, 22050)[0]
    assert out[:20_000].abs().max() == 0
    turned = resample(wave.flip(-1), sr_hz, 22050)[0]
    assert turned[-20_000:].abs().max() == 0


@pytest.mark.parametrize("from_hz", [44100, 44099])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16])
def test_other_precisions(from_hz: int, dtype: torch.dtype) -> None:
    wave = sine(1000, from_hz, 5000).to(dtype)
    out = resample(wave, from_hz, 22050)
    assert out.dtype == dtype
    expected = resample(wave.float(), from_hz, 22050)
    torch.testing.assert_close(out.float(), expected, rtol=1e-2, atol=1e-5)


@pytest.mark.parametrize("from_hz", [44100, 44099])
def test_whole_numbers_are_refused(from_hz: int) -> None:
    with pytest.raises(DataError, match="E450"):
        resample(torch.zeros(1, 100, dtype=torch.int16), from_hz, 22050)


@pytest.mark.parametrize(
    ("from_hz", "to_hz"),
    [(1, 22050), (999, 22050), (1_000_001, 22050), (10**9, 22050), (22050, 1), (0, 0)],
)
def test_rates_of_no_recording_are_refused_before_anything_is_made(
    from_hz: int, to_hz: int
) -> None:
    for call in (
        lambda: resample(torch.zeros(1, 10), from_hz, to_hz),
        lambda: list(resample_stream([torch.zeros(1, 10)], from_hz, to_hz)),
    ):
        with pytest.raises(DataError) as caught:
            call()
        assert str(caught.value) == (
            f"audio cannot be resampled from {from_hz:,} to {to_hz:,} Hz\n"
            "  rates  1,000 to 1,000,000 Hz\n"
            "  help: check the sample rate in the header of the file, or 'sr_hz'     [E439]"
        )


@given(
    from_hz=st.integers(1000, 1_000_000),
    to_hz=st.integers(1000, 1_000_000),
    n_samples=st.integers(1, 3000),
    chunk=st.integers(100, 2000),
)
@settings(max_examples=60, deadline=None)
def test_any_two_rates(from_hz: int, to_hz: int, n_samples: int, chunk: int) -> None:
    """Bounded memory and time, the right length, a stream as the whole, and a constant that stays one inside."""
    assume(n_samples * to_hz / from_hz < 200_000)
    wave = torch.ones(1, n_samples)
    out = resample(wave, from_hz, to_hz)
    assert out.shape == (1, -(-n_samples * to_hz // from_hz))
    pieces = list(resample_stream(torch.split(wave, chunk, dim=1), from_hz, to_hz))
    torch.testing.assert_close(torch.cat(pieces, dim=1), out, rtol=0, atol=5e-6)
    reach = math.ceil(70 * max(1.0, to_hz / from_hz))
    inner = out[:, reach:-reach]
    if inner.numel():
        torch.testing.assert_close(inner, torch.ones_like(inner), rtol=0, atol=2e-3)


def test_import_gives_a_working_module() -> None:
    torchaudio = import_torchaudio()
    assert import_torchaudio() is torchaudio
    assert torchaudio.functional.resample(torch.zeros(1, 100), 2, 1).shape == (1, 50)


BROKEN = """
import importlib.abc, sys

class Broken(importlib.abc.MetaPathFinder):
    # stands for a wheel whose extension does not fit this torch
    def find_spec(self, name, path=None, target=None):
        if name == "torchaudio._extension":
            raise {error}("libcudart.so.13: cannot open shared object file")

sys.meta_path.insert(0, Broken())
from mirbricks.features.torchaudio_import import import_torchaudio
torchaudio = import_torchaudio()
import torch, torchaudio as again
assert again is torchaudio
assert torchaudio.transforms.Resample(2, 1)(torch.zeros(1, 100)).shape == (1, 50)
assert torchaudio.transforms.MelSpectrogram(n_mels=8)(torch.zeros(1, 1000)).shape[1] == 8
print("works")
"""


@pytest.mark.parametrize("error", ["OSError", "RuntimeError"])
def test_import_works_around_an_extension_that_does_not_load(error: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", BROKEN.format(error=error)],
        capture_output=True,
        text=True,
    )
    assert done.stdout == "works\n", done.stderr


def test_a_missing_torchaudio_is_still_an_import_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "torchaudio", None)
    with pytest.raises(ImportError):
        import_torchaudio()
