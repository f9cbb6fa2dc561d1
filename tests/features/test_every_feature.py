"""What holds for every feature: streams equal the whole, times are exact, and degenerate audio does no harm."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Iterator

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from mirbricks.errors import DataError
from mirbricks.features import hcqt, logmel, nnls_chroma
from mirbricks.features.base import FeatureConfig, features
from mirbricks.features.chroma import ChromaFeatureConfig
from mirbricks.features.cqt import CQTFeatureConfig
from mirbricks.features.fourier_2d import Fourier2DFeatureConfig
from mirbricks.features.hcqt import HCQTFeatureConfig
from mirbricks.features.kinds import feature_of
from mirbricks.features.logmel import LogMelFeatureConfig
from mirbricks.features.nnls_chroma import NNLSChromaFeatureConfig
from mirbricks.features.pcen import PCENFeatureConfig
from mirbricks.features.waveform import WaveformFeatureConfig

SR_HZ = 8000
CQT = {"sr_hz": SR_HZ, "fmin_hz": 220, "hop_length": 160}
NNLS = {"sr_hz": SR_HZ, "n_fft": 1024, "hop_length": 160, "first_samples": 80}
CONFIGS: dict[str, FeatureConfig] = {
    "hcqt": HCQTFeatureConfig(harmonics=(1, 2), n_octaves=2, bins_per_octave=12, **CQT),
    "cqt": CQTFeatureConfig(n_octaves=3, bins_per_octave=12, **CQT),
    "chroma": ChromaFeatureConfig(n_octaves=3, **CQT),
    "nnls_chroma": NNLSChromaFeatureConfig(**NNLS),
    "fourier_2d": Fourier2DFeatureConfig(
        n_octaves=3, column_frames=3, patch_columns=5, hop_columns=2, **CQT
    ),
    "logmel": LogMelFeatureConfig(
        sr_hz=SR_HZ, n_fft=256, win_length=200, hop_length=80, n_mels=20
    ),
    "pcen": PCENFeatureConfig(sr_hz=SR_HZ, n_fft=256, hop_length=100, n_mels=20),
    "waveform": WaveformFeatureConfig(sr_hz=SR_HZ),
}
TUNED = ChromaFeatureConfig(n_octaves=3, tuning_semitones=0.1, norm="l2", **CQT)
TUNED_NNLS = NNLSChromaFeatureConfig(tuning_semitones=-0.2, **NNLS)
ALL = [*CONFIGS.values(), TUNED, TUNED_NNLS]
every = pytest.mark.parametrize(
    "config", ALL, ids=[*CONFIGS, "chroma of a given tuning", "notes of a given tuning"]
)


def noise(n_samples: int, batch: int = 1) -> Tensor:
    return 0.1 * torch.randn(
        batch, n_samples, generator=torch.Generator().manual_seed(n_samples)
    )


def test_every_feature_is_here() -> None:
    assert CONFIGS.keys() == features().keys() - {
        "given",
        "beat_chroma",
    }  # which computes nothing; whose frames are not even
    assert all(
        type(config) is features()[name].Config and config.type == name
        for name, config in CONFIGS.items()
    )


@pytest.fixture
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (hcqt, logmel, nnls_chroma):
        monkeypatch.setattr(module, "STREAM_FRAMES", 7)


@every
@pytest.mark.usefixtures("small_steps")
def test_any_chunks_give_the_whole(config: FeatureConfig) -> None:
    transform = feature_of(config)

    @settings(max_examples=12, deadline=None)
    @given(st.integers(1, 9000), st.lists(st.integers(0, 3000), max_size=8))
    def check(n_samples: int, sizes: list[int]) -> None:
        wave, chunks, start = noise(n_samples, 2), [], 0
        for size in sizes:
            chunks.append(wave[:, start : start + size])
            start += size
        pieces = list(transform.stream([*chunks, wave[:, start:]]))
        whole = transform(wave)
        assert whole.shape == (2, *config.shape, transform.n_frames(n_samples))
        together = torch.cat(pieces, dim=-1)
        assert together.shape == whole.shape
        assert (together - whole).abs().max() <= 1e-4 * whole.abs().max()

    check()


@every
@pytest.mark.usefixtures("small_steps")
def test_a_stream_gives_as_it_takes(config: FeatureConfig) -> None:
    """All but an estimated tuning, which is known at the end."""
    taken = 0

    def chunks() -> Iterator[Tensor]:
        nonlocal taken
        for _ in range(60):
            taken += 1
            yield noise(1000)

    for _ in feature_of(config).stream(chunks()):
        break
    assert (taken == 60) == (getattr(config, "tuning_semitones", 0) is None)
    assert taken in (60, *range(1, 25))


@every
@pytest.mark.parametrize("n_samples", [1, 2, 50, 159, 160, 161])
def test_audio_shorter_than_a_window(config: FeatureConfig, n_samples: int) -> None:
    transform = feature_of(config)
    found = transform(torch.ones(1, n_samples))
    assert found.shape == (1, *config.shape, transform.n_frames(n_samples))
    assert found.isfinite().all()
    assert (
        torch.cat(list(transform.stream([torch.ones(1, n_samples)])), -1).shape
        == found.shape
    )


@every
def test_silence_is_finite_and_even(config: FeatureConfig) -> None:
    found = feature_of(config)(torch.zeros(2, 5000))
    assert found.isfinite().all()
    assert (found == found[..., :1]).all()
    assert (found.abs() < 1e-6).all()


@every
def test_audio_without_a_sample_is_refused(config: FeatureConfig) -> None:
    transform = feature_of(config)
    # Chroma is folded from a constant-Q transform, which reads the audio.
    name = {"fourier_2d": "cqt", "chroma": "cqt"}.get(config.type, config.type)
    for call in (
        lambda: transform(torch.zeros(1, 0)),
        lambda: list(transform.stream([])),
        lambda: list(transform.stream([torch.zeros(1, 0)] * 2)),
    ):
        with pytest.raises(DataError) as caught:
            call()
        assert str(caught.value) == (
            f"the feature '{name}' got audio without a single sample\n  help: leave empty recordings out     [E450]"
        )


@every
@pytest.mark.parametrize(
    "wave", [torch.zeros(9), torch.zeros(1, 1, 9), torch.zeros(1, 9, dtype=torch.int16)]
)
def test_other_shapes_are_refused(config: FeatureConfig, wave: Tensor) -> None:
    transform = feature_of(config)
    for call in (transform, lambda wave: list(transform.stream([wave]))):
        with pytest.raises(
            DataError,
            match=r"expects audio of shape \(B, N\) in floating point, got torch\.",
        ) as caught:
            call(wave)
        assert caught.value.code == "E450"


@every
def test_nan_stays_where_it_is(config: FeatureConfig) -> None:
    transform, wave = feature_of(config), noise(40_000)
    clean = transform(wave).clone()
    wave[0, 39_000] = torch.nan
    found = transform(wave)
    before = found.shape[-1] // 3
    assert found[..., :before].isfinite().all()
    close = (
        getattr(config, "tuning_semitones", 0) is not None
    )  # else the tuning moves a little
    tolerance = 1e-6 if close else 0.05
    assert (found - clean)[..., :before].abs().max() <= tolerance * clean.abs().max()
    assert not found.isfinite().all()


@pytest.mark.parametrize("name", sorted(CONFIGS.keys() - {"fourier_2d", "nnls_chroma"}))
def test_a_click_is_at_its_time(name: str) -> None:
    plain = {"chroma": {"norm": None, "tuning_semitones": 0.0}, "pcen": {"alpha": 0.0}}
    config = CONFIGS[name].model_copy(update=plain.get(name, {}))
    transform = feature_of(config)
    n_samples, at = 16_000, 7_200
    click = 1e-6 * torch.ones(1, n_samples)
    click[0, at] = 1
    found = transform(click).abs()[0].flatten(0, -2).sum(0)
    times_s = transform.frame_times_s(len(found))
    assert times_s.dtype == torch.float64
    assert float(times_s[found.argmax()]) == pytest.approx(
        at / SR_HZ, abs=config.hop_s / 2 + 1e-9
    )
    torch.testing.assert_close(
        times_s.diff(), torch.full((len(found) - 1,), config.hop_s, dtype=torch.float64)
    )


@every
def test_a_batch_is_its_items_in_any_precision(config: FeatureConfig) -> None:
    transform, waves = feature_of(config), noise(6000, 3)
    together = transform(waves)
    for wave, one in zip(waves, together, strict=True):
        assert (transform(wave[None])[0] - one).abs().max() <= 1e-4 * one.abs().max()
    for kind in (torch.float64, torch.bfloat16):
        found = transform(waves.to(kind))
        assert found.dtype == together.dtype or (
            config.type == "waveform" and kind == torch.float64
        )
        assert (found - together).abs().max() <= 0.1 * together.abs().max()


@every
def test_buffers_carry_the_device_and_copies_are_equal(config: FeatureConfig) -> None:
    transform, wave = feature_of(config), noise(3000)
    assert not transform.state_dict()
    for same in (copy.deepcopy(transform), pickle.loads(pickle.dumps(transform))):
        torch.testing.assert_close(same(wave), transform(wave))
    on_meta = transform.to("meta")(torch.zeros(2, 3000, device="meta"))
    assert on_meta.shape == (2, *config.shape, transform.n_frames(3000))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@every
def test_gpu_equals_cpu(config: FeatureConfig) -> None:
    transform, wave = feature_of(config), noise(20_000, 2)
    on_cpu = transform(wave)
    transform = transform.cuda()
    torch.testing.assert_close(
        transform(wave.cuda()).cpu(), on_cpu, rtol=1e-3, atol=1e-3
    )
    pieces = list(transform.stream(wave.cuda().split(3333, dim=1)))
    torch.testing.assert_close(
        torch.cat(pieces, -1).cpu(), on_cpu, rtol=1e-3, atol=1e-3
    )


@every
def test_gradients_reach_the_audio(config: FeatureConfig) -> None:
    wave = noise(2000).requires_grad_()
    feature_of(config)(wave).abs().sum().backward()
    assert wave.grad is not None
    assert wave.grad.isfinite().all()
    assert (wave.grad != 0).any()


@pytest.mark.parametrize("name", list(CONFIGS))
def test_settings_are_described_and_survive_the_way_to_json(name: str) -> None:
    kind = features()[name].Config
    assert all(field.description for field in kind.model_fields.values())
    config = CONFIGS[name]
    assert kind.model_validate_json(config.model_dump_json()) == config
    assert kind.model_validate(config.model_dump()) == config
    assert hash(kind.model_validate(config.model_dump())) == hash(config)
    assert kind().type == name


@pytest.mark.parametrize("name", ["hcqt", "cqt", "logmel", "pcen"])
def test_frequencies_rise_one_a_bin(name: str) -> None:
    hz = feature_of(CONFIGS[name]).frequencies_hz()
    assert hz.shape == CONFIGS[name].shape[-1:]
    assert hz.dtype == torch.float64
    assert (hz.diff() > 0).all()
    assert feature_of(CONFIGS["chroma"]).frequencies_hz().shape == (0,)
