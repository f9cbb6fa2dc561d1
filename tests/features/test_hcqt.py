"""The HCQT against librosa, one constant-Q transform a harmonic; batches, lengths, streaming, scales."""

from __future__ import annotations

import librosa
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from pydantic import ValidationError

from mirbricks.errors import DataError
from mirbricks.features import hcqt as hcqt_module
from mirbricks.features.hcqt import HCQTFeature, HCQTFeatureConfig, to_scale

SMALL = HCQTFeatureConfig(
    harmonics=(1, 2), fmin_hz=220, n_octaves=2, bins_per_octave=12, hop_length=256
)


def audio(duration_s: float, sr_hz: int, seed: int = 0) -> NDArray[np.float32]:
    """A sweep, noise, and two tones with twenty harmonics."""
    t = np.arange(int(duration_s * sr_hz)) / sr_hz
    sweep = np.sin(2 * np.pi * (40 * t + (0.45 * sr_hz - 40) / (2 * duration_s) * t**2))
    tones = sum(
        np.sin(2 * np.pi * f0 * k * t + k) / k
        for f0 in (97.3, 261.6)
        for k in range(1, 21)
    )
    noise = np.random.default_rng(seed).standard_normal(len(t))
    return (0.2 * sweep + 0.1 * tones + 0.05 * noise).astype(np.float32)


def librosa_hcqt(
    wave: NDArray[np.float32], config: HCQTFeatureConfig
) -> NDArray[np.complex64]:
    return np.stack(
        [
            librosa.vqt(
                wave,
                sr=config.sr_hz,
                hop_length=config.hop_length,
                gamma=config.gamma_hz,
                fmin=h * config.fmin_hz,
                n_bins=config.n_bins,
                bins_per_octave=config.bins_per_octave,
            )
            for h in config.harmonics
        ]
    )


def agrees(ours: torch.Tensor, reference: NDArray[np.complex64]) -> None:
    assert ours.shape == reference.shape
    assert ours.dtype == torch.complex64
    for harmonic, expected in zip(ours.numpy(), reference, strict=True):
        assert (
            np.corrcoef(np.abs(harmonic).ravel(), np.abs(expected).ravel())[0, 1]
            >= 0.9999
        )
        assert np.linalg.norm(harmonic - expected) <= 0.002 * np.linalg.norm(
            expected
        )  # phases too


def test_the_default_equals_librosa_on_every_harmonic() -> None:
    config = HCQTFeatureConfig()
    wave = audio(10, config.sr_hz)
    agrees(
        HCQTFeature(config)(torch.from_numpy(wave)[None])[0], librosa_hcqt(wave, config)
    )


@pytest.mark.parametrize(
    "config",
    [
        SMALL,
        HCQTFeatureConfig(
            harmonics=[1], n_octaves=8, bins_per_octave=36, hop_length=256
        ),
        HCQTFeatureConfig(
            harmonics=(1, 3),
            fmin_hz=110,
            n_octaves=3,
            bins_per_octave=24,
            hop_length=441,
        ),
        HCQTFeatureConfig(
            harmonics=(0.5, 5),
            fmin_hz=65.4,
            n_octaves=5,
            bins_per_octave=12,
            sr_hz=44100,
            hop_length=1024,
        ),
        HCQTFeatureConfig(
            harmonics=(1,),
            fmin_hz=110,
            n_octaves=4,
            bins_per_octave=12,
            hop_length=516,
        ),
        HCQTFeatureConfig(
            harmonics=(1, 2),
            n_octaves=7,
            bins_per_octave=36,
            hop_length=220,
            gamma_hz=10.5,
        ),
    ],
    ids=["small", "8 octaves", "odd hop", "44.1 kHz", "hop of 4 n", "variable Q"],
)
def test_other_settings_equal_librosa(config: HCQTFeatureConfig) -> None:
    wave = audio(4, config.sr_hz)
    agrees(
        HCQTFeature(config)(torch.from_numpy(wave)[None])[0], librosa_hcqt(wave, config)
    )


def test_a_batch_is_its_items() -> None:
    transform = HCQTFeature(SMALL)
    waves = torch.from_numpy(np.stack([audio(1, 22050, seed) for seed in range(3)]))
    together = transform(waves)
    for wave, one in zip(waves, together, strict=True):
        torch.testing.assert_close(transform(wave[None])[0], one, rtol=1e-5, atol=1e-5)


def test_frames_done_in_parts_equal_frames_done_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    transform, wave = HCQTFeature(SMALL), torch.from_numpy(audio(2, 22050))[None]
    whole = transform(wave)
    monkeypatch.setattr(hcqt_module, "FRAME_VALUES", 5000)
    torch.testing.assert_close(transform(wave), whole, rtol=1e-5, atol=1e-5)


@settings(max_examples=25, deadline=None)
@given(n_samples=st.integers(1, 3000))
def test_any_length_has_a_frame_every_hop(n_samples: int) -> None:
    hcqt = HCQTFeature(SMALL)(torch.ones(2, n_samples))
    assert hcqt.shape == (2, 2, 24, 1 + n_samples // 256)
    assert hcqt.isfinite().all()


@pytest.mark.filterwarnings("ignore:n_fft=")
def test_audio_shorter_than_a_filter_equals_librosa() -> None:
    config, wave = HCQTFeatureConfig(), audio(10, 22050)[:700]
    agrees(
        HCQTFeature(config)(torch.from_numpy(wave)[None])[0], librosa_hcqt(wave, config)
    )


def test_a_sine_has_its_peak_at_its_own_bin_and_time() -> None:
    config = HCQTFeatureConfig()
    transform = HCQTFeature(config)
    t = torch.arange(4 * 22050) / 22050
    hz = float(transform.frequencies_hz()[200])
    hcqt = transform(torch.sin(2 * torch.pi * hz * t)[None])[0].abs()
    for h, f in enumerate(
        (260, 200, 140)
    ):  # harmonics .5, 1 and 2 see the tone an octave apart
        assert (hcqt[h, :, 40:-40].argmax(0) == f).all()
    click = torch.zeros(1, 2 * 22050)
    click[0, 40 * 512] = 1
    assert (transform(click)[0, 5].abs()[300:].argmax(-1) == 40).all()
    torch.testing.assert_close(
        transform.frame_times_s(3),
        torch.tensor([0, 512, 1024], dtype=torch.float64) / 22050,
    )


def test_linear_in_the_audio_so_stems_add_up() -> None:
    transform = HCQTFeature(SMALL)
    a, b = (torch.from_numpy(audio(1, 22050, seed))[None] for seed in (1, 2))
    torch.testing.assert_close(
        transform(a + 0.3 * b), transform(a) + 0.3 * transform(b), rtol=1e-4, atol=1e-4
    )


def test_gradients_reach_the_audio() -> None:
    wave = torch.from_numpy(audio(0.2, 22050))[None].requires_grad_()
    HCQTFeature(SMALL)(wave).abs().sum().backward()
    assert wave.grad is not None
    assert (wave.grad != 0).float().mean() > 0.9


def test_buffers_carry_the_device_and_the_state_dict_stays_empty() -> None:
    transform = HCQTFeature(SMALL)
    assert all(
        buffer.device.type == "meta" for buffer in transform.to("meta").buffers()
    )
    assert transform(torch.zeros(1, 1000, device="meta")).device.type == "meta"
    assert not transform.state_dict()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_gpu_equals_cpu() -> None:
    wave = torch.from_numpy(audio(3, 22050))[None]
    transform = HCQTFeature(HCQTFeatureConfig())
    on_cpu = transform(wave)
    torch.testing.assert_close(
        transform.cuda()(wave.cuda()).cpu(), on_cpu, rtol=1e-3, atol=1e-3
    )


@pytest.mark.parametrize("chunk", [1, 333, 4097, 10**6])
def test_a_stream_equals_the_whole(chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hcqt_module, "STREAM_FRAMES", 37)
    transform, wave = (
        HCQTFeature(SMALL),
        torch.from_numpy(audio(2 if chunk > 1 else 0.05, 22050))[None].repeat(2, 1),
    )
    pieces = list(transform.stream(wave.split(chunk, dim=1)))
    whole = transform(wave)
    assert len(pieces) > 2 or chunk == 1
    assert (torch.cat(pieces, -1) - whole).abs().max() <= 1e-4 * whole.abs().max()


def test_a_stream_of_the_default_equals_the_whole(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(hcqt_module, "STREAM_FRAMES", 101)
    transform, wave = (
        HCQTFeature(HCQTFeatureConfig()),
        torch.from_numpy(audio(15, 22050))[None],
    )
    pieces = list(transform.stream(wave.split(54321, dim=1)))
    whole = transform(wave)
    assert len(pieces) > 3
    assert (torch.cat(pieces, -1) - whole).abs().max() <= 1e-4 * whole.abs().max()


def test_a_stream_holds_no_more_than_its_context(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(hcqt_module, "STREAM_FRAMES", 50)
    transform = HCQTFeature(SMALL)
    seen: list[int] = []
    forward = transform.forward
    monkeypatch.setattr(
        transform,
        "forward",
        lambda wave: (seen.append(wave.shape[1]), forward(wave))[1],
    )
    n_frames = sum(
        piece.shape[-1]
        for piece in transform.stream(torch.ones(1, 1000) for _ in range(300))
    )
    assert n_frames == 1 + 300_000 // 256
    assert max(seen) <= 2 * transform.context_samples + 50 * 256


@pytest.mark.parametrize("shape", [(1000,), (1, 1, 1000)])
def test_wrong_shapes_are_refused(shape: tuple[int, ...]) -> None:
    for call in (
        HCQTFeature(SMALL),
        lambda wave: list(HCQTFeature(SMALL).stream([wave])),
    ):
        with pytest.raises(DataError) as caught:
            call(torch.zeros(shape))
        assert str(caught.value) == (
            f"the feature 'hcqt' expects audio of shape (B, N) in floating point, got torch.float32 of shape {shape}\n"
            "  help: mix to mono and add the batch axis: wave[None]     [E450]"
        )


def test_empty_audio_is_refused() -> None:
    for call in (
        lambda: HCQTFeature(SMALL)(torch.zeros(1, 0)),
        lambda: list(HCQTFeature(SMALL).stream([])),
    ):
        with pytest.raises(DataError) as caught:
            call()
        assert str(caught.value) == (
            "the feature 'hcqt' got audio without a single sample\n  help: leave empty recordings out     [E450]"
        )


def test_config_says_what_does_not_fit() -> None:
    with pytest.raises(
        ValidationError,
        match="the highest bin, 20688 Hz for harmonic 10, does not fit below 11025 Hz",
    ):
        HCQTFeatureConfig(harmonics=(1, 10))
    for bad in (
        {"hop_length": 0},
        {"fmin_hz": -1.0},
        {"harmonics": ()},
        {"harmonics": (1, -2)},
        {"hop": 512},
        {"sr_hz": "22050"},
        {"scale": "dB"},
        {"fmin_hz": float("nan")},
        {"fmin_hz": float("inf")},
    ):
        with pytest.raises(ValidationError):
            HCQTFeatureConfig(**bad)


def test_config_takes_lists_and_describes_every_field() -> None:
    config = HCQTFeatureConfig(harmonics=[1, 2.0])
    assert config.harmonics == (1.0, 2.0)
    assert (config.n_bins, config.n_harmonics, config.hop_s) == (360, 2, 512 / 22050)
    assert hash(config) == hash(HCQTFeatureConfig(harmonics=(1, 2)))
    assert HCQTFeatureConfig.model_validate_json(config.model_dump_json()) == config
    assert all(field.description for field in HCQTFeatureConfig.model_fields.values())


def test_scales_follow_their_formulas() -> None:
    magnitude = torch.tensor([0.0, 1e-5, 1e-3, 0.1, 1.0, 2.0])
    before = magnitude.clone()
    decibels = 20 * torch.log10(magnitude.clamp_min(1e-12) / 2.0)
    torch.testing.assert_close(
        to_scale(magnitude, "db", 2.0), decibels.clamp(-80, 0) / 80 + 1
    )
    torch.testing.assert_close(to_scale(magnitude, "linear", 2.0), magnitude / 2)
    log = torch.log(1 + 1e4 * magnitude / 2) / np.log(1 + 1e4)
    torch.testing.assert_close(to_scale(magnitude, "log", 2.0), log)
    torch.testing.assert_close(magnitude, before)


def test_scales_take_a_reference_for_each_item_and_silence_is_zero() -> None:
    patches, peaks = torch.rand(3, 2, 4, 5), torch.tensor([1.0, 0.5, 0.0])
    patches[2] = 0
    for scale in ("db", "log", "linear"):
        scaled = to_scale(patches, scale, peaks[:, None, None, None])
        torch.testing.assert_close(scaled[1], to_scale(patches[1], scale, 0.5))
        assert (scaled[2] == 0).all()


@pytest.mark.parametrize("scale", ["db", "log", "linear"])
def test_scales_have_gradients(scale: hcqt_module.Scale) -> None:
    magnitude = torch.tensor([0.01, 0.1, 0.7], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda m: to_scale(m, scale, 1.0), (magnitude,))


def test_low_notes_are_seen_in_shorter_windows_with_gamma() -> None:
    """The transform of a click, whose length is that of the windows, and what a stream waits for."""
    click = torch.zeros(1, 8192)
    click[0, 4096] = 1.0
    lengths = []
    for gamma_hz in (0.0, 10.0):
        config = SMALL.model_copy(update={"gamma_hz": gamma_hz})
        transform = HCQTFeature(config)
        heard = transform(click)[0, 0, 0].abs()
        lengths.append(int((heard > 0.01 * heard.max()).sum()))
    assert lengths[1] < 0.6 * lengths[0]
    assert "gamma_hz" not in SMALL.settings()
    assert config.settings()["gamma_hz"] == 10.0
