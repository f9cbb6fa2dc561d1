"""Codes and latents of a corpus: computed once, in whole files, under the codec's fingerprint."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from mirbricks.errors import TaskError
from mirbricks.features.cache import FeatureCache
from mirbricks.features.logmel import LogMelFeatureConfig
from mirbricks.features.waveform import WaveformFeatureConfig
from mirbricks.tasks.encoded import (
    encoded,
    refuse_other_rate,
    silence_of,
)

SR_HZ = 8000
HOP = 40


@dataclass
class Rounding:
    """A codec that rounds means and peaks of its frames; it counts how often it is asked."""

    sr_hz: int = SR_HZ
    hop_length: int = HOP
    n_codes: int = 16
    fingerprint: str = "0123456789abcdef0123"
    asked: list[int] = field(default_factory=list)

    def encode_latent(self, waves: Tensor) -> Tensor:
        self.asked.append(waves.shape[-1])
        frames = waves.unflatten(-1, (-1, self.hop_length))[:, 0]
        return torch.stack((frames.mean(-1), frames.abs().amax(-1)), dim=1)

    def encode(self, waves: Tensor) -> Tensor:
        levels = self.n_codes - 1
        return (self.encode_latent(waves).clamp(0, 1) * levels).round().long()


class Tone:
    """A recording of a sine."""

    def __init__(self, key: str, seconds: float, hz: float = 440.0) -> None:
        self.key = key
        time_s = np.arange(int(seconds * SR_HZ)) / SR_HZ
        self.wave = (0.5 * np.sin(2 * np.pi * hz * time_s)).astype(np.float32)

    def read(self) -> tuple[Any, int]:
        return self.wave, SR_HZ


TONES = [Tone("a.wav", 0.5), Tone("b.wav", 0.3021, 880.0)]


@pytest.fixture
def cache(tmp_path: Path) -> FeatureCache:
    found = FeatureCache(tmp_path, WaveformFeatureConfig(sr_hz=SR_HZ))
    assert found.build(TONES, n_jobs=1) == []
    return found


@pytest.mark.parametrize("kind", ["codes", "latents"])
def test_what_is_read_is_what_the_codec_gives(cache: FeatureCache, kind: Any) -> None:
    codec = Rounding()
    found = encoded(codec, TONES, cache, kind)
    for tone in TONES:
        n = -(-len(tone.wave) // HOP)
        wave = torch.zeros(1, 1, n * HOP)
        wave[0, 0, : len(tone.wave)] = torch.from_numpy(tone.wave)
        given = codec.encode(wave) if kind == "codes" else codec.encode_latent(wave)
        assert found.n_frames(tone.key) == n
        assert torch.equal(found.read(tone.key), given[0])
        assert torch.equal(found.read(tone.key, 3, 9), given[0][:, 3:9])
        assert found.read(tone.key).dtype == given.dtype


def test_a_second_time_nothing_is_computed(cache: FeatureCache) -> None:
    codec = Rounding()
    seen: list[str] = []
    first = encoded(codec, TONES, cache, "codes", on_done=seen.append)
    assert seen == ["a.wav", "b.wav"]
    assert len(codec.asked) == 3  # both, and silence
    again = Rounding()
    second = encoded(again, TONES, cache, "codes")
    assert len(again.asked) == 1
    assert torch.equal(first.read("a.wav"), second.read("a.wav"))


def test_another_codec_and_another_kind_have_files_of_their_own(
    cache: FeatureCache,
) -> None:
    encoded(Rounding(), TONES, cache, "codes")
    for other, kind in (
        (Rounding(fingerprint="f" * 20, n_codes=4), "codes"),
        (Rounding(), "latents"),
    ):
        encoded(other, TONES, cache, kind)
        assert len(other.asked) == 3


def test_a_damaged_file_is_made_again(
    cache: FeatureCache, caplog: pytest.LogCaptureFixture
) -> None:
    codec = Rounding()
    before = encoded(codec, TONES, cache, "codes").read("a.wav")
    for path in cache.folder.glob("*.codes-*.safetensors"):
        path.write_bytes(path.read_bytes()[:-3])
    found = encoded(codec, TONES, cache, "codes")
    assert "is damaged and is made again" in caplog.text
    assert torch.equal(found.read("a.wav"), before)


def test_a_run_that_was_killed_goes_on(
    cache: FeatureCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    codec = Rounding()

    def dies(waves: Tensor) -> Tensor:
        if codec.asked:
            raise KeyboardInterrupt
        return Rounding.encode(codec, waves)

    monkeypatch.setattr(codec, "encode", dies)
    with pytest.raises(KeyboardInterrupt):
        encoded(codec, TONES, cache, "codes")
    again = Rounding()
    encoded(again, TONES, cache, "codes")
    assert len(again.asked) == 2  # the second, and silence


def test_more_codes_than_16_bits_hold(cache: FeatureCache) -> None:
    codec = Rounding(n_codes=70_000)
    assert int(encoded(codec, TONES, cache, "codes").read("a.wav").max()) > 32_767


def test_semitones_move_the_pitch_and_the_length(cache: FeatureCache) -> None:
    octave = encoded(Rounding(), TONES, cache, "latents", semitones=12)
    plain = encoded(Rounding(), TONES, cache, "latents")
    assert octave.n_frames("a.wav") == plain.n_frames("a.wav") // 2
    # An octave higher, 440 Hz is 880 Hz: as long as it was, the same frames come out.
    tone = encoded(Rounding(), TONES, cache, "latents").read("b.wav", 10, 40)
    moved = octave.read("a.wav", 10, 40)
    # Frames of 5 ms hold whole periods of both: the same peaks, up to the filter's edges.
    torch.testing.assert_close(moved[1], tone[1], atol=0.02, rtol=0)


def test_short_recordings_are_filled_up_with_silence(cache: FeatureCache) -> None:
    codec = Rounding()
    found = encoded(codec, TONES, cache, "codes")
    n = found.n_frames("b.wav")
    values = found.padded("b.wav", n - 2, 5)
    assert torch.equal(values[:, :2], found.read("b.wav", n - 2))
    assert torch.equal(values[:, 2:], silence_of(codec, "codes")[:, None].expand(-1, 3))


def test_a_codec_of_another_rate_is_refused() -> None:
    with pytest.raises(TaskError) as found:
        refuse_other_rate(Rounding(), WaveformFeatureConfig(sr_hz=22050))
    assert str(found.value) == (
        "the codec and the feature have different sample rates\n"
        "  codec    8000 Hz\n"
        "  feature  22050 Hz\n"
        "  help: write `feature: {type: waveform, sr_hz: 8000}`     [E501]"
    )
    with pytest.raises(TaskError, match="a codec reads waveforms, and the feature is"):
        refuse_other_rate(Rounding(), LogMelFeatureConfig(sr_hz=SR_HZ))
    refuse_other_rate(Rounding(), WaveformFeatureConfig(sr_hz=SR_HZ))
