"""The cache with every feature: what it keeps, how exactly, in which form, and what a killed run leaves."""

from __future__ import annotations

import json
import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors import safe_open

from mirbricks.errors import DataError
from mirbricks.features.base import FeatureConfig, features
from mirbricks.features.beat_chroma import BeatChromaFeatureConfig
from mirbricks.features.cache import FeatureCache
from mirbricks.features.chroma import ChromaFeatureConfig
from mirbricks.features.cqt import CQTFeatureConfig
from mirbricks.features.extract import settings_of
from mirbricks.features.feature_file import CachedFeature, is_whole, write_array
from mirbricks.features.fourier_2d import Fourier2DFeatureConfig
from mirbricks.features.hcqt import HCQTFeatureConfig
from mirbricks.features.kinds import feature_of
from mirbricks.features.logmel import LogMelFeatureConfig
from mirbricks.features.nnls_chroma import NNLSChromaFeatureConfig
from mirbricks.features.pcen import PCENFeatureConfig
from mirbricks.features.resample import resample
from mirbricks.features.streaming import stream_feature
from mirbricks.features.waveform import WaveformFeatureConfig

SR_HZ = 8000
CQT: dict[str, Any] = {"sr_hz": SR_HZ, "fmin_hz": 220, "hop_length": 160}
CONFIGS: dict[str, FeatureConfig] = {
    "hcqt": HCQTFeatureConfig(harmonics=(1, 2), n_octaves=2, bins_per_octave=12, **CQT),
    "cqt": CQTFeatureConfig(n_octaves=3, bins_per_octave=12, **CQT),
    "chroma": ChromaFeatureConfig(n_octaves=3, **CQT),
    "beat_chroma": BeatChromaFeatureConfig(n_octaves=3, **CQT),
    "nnls_chroma": NNLSChromaFeatureConfig(
        sr_hz=SR_HZ, n_fft=1024, hop_length=160, first_samples=80
    ),
    "fourier_2d": Fourier2DFeatureConfig(
        n_octaves=3, column_frames=3, patch_columns=5, **CQT
    ),
    "logmel": LogMelFeatureConfig(
        sr_hz=SR_HZ, n_fft=256, hop_length=80, n_mels=20, scale="db"
    ),
    "pcen": PCENFeatureConfig(
        sr_hz=SR_HZ, n_fft=256, hop_length=100, n_mels=20, dtype="float32"
    ),
    "waveform": WaveformFeatureConfig(sr_hz=SR_HZ),
}
every = pytest.mark.parametrize("config", list(CONFIGS.values()), ids=list(CONFIGS))


@dataclass(frozen=True)
class Clip:
    """Seeded noise; every read leaves a line in the file `source`.log."""

    key: str
    source: Path
    sr_hz: int = SR_HZ

    def read(self) -> tuple[NDArray[np.float32], int]:
        with self.source.with_suffix(".log").open("a") as log:
            log.write(self.key + "\n")
        audio = 0.1 * np.random.default_rng(sum(map(ord, self.key))).standard_normal(
            2 * self.sr_hz
        )
        return audio.astype(np.float32), self.sr_hz


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "corpus.hdf5"
    path.write_bytes(b"audio")
    return path


def reads(source: Path) -> list[str]:
    log = source.with_suffix(".log")
    return sorted(log.read_text().split()) if log.exists() else []


def expected(clip: Clip, config: FeatureConfig) -> torch.Tensor:
    audio, sr_hz = clip.read()
    return feature_of(config)(
        resample(torch.from_numpy(audio)[None], sr_hz, config.sr_hz)
    )[0]


def test_every_feature_is_here() -> None:
    assert CONFIGS.keys() == features().keys() - {"given"}  # which is not computed


@every
@pytest.mark.parametrize("sr_hz", [8000, 44100, 11025])
def test_what_was_built_can_be_read(
    config: FeatureConfig, sr_hz: int, tmp_path: Path, source: Path
) -> None:
    clip, cache = Clip("a", source, sr_hz), FeatureCache(tmp_path / "cache", config)
    assert cache.build([clip], n_jobs=1) == []
    feature, whole = cache.open("a"), expected(clip, config)
    assert (
        (len(feature), *feature.shape)
        == (feature.n_frames, *config.shape)
        == (whole.shape[-1], *whole.shape[:-1])
    )
    assert feature.is_complex == whole.is_complex()
    close = {
        "rtol": 0,
        "atol": (1e-6 if config.storage == "float32" else 1e-3)
        * float(whole.abs().max()),
    }
    torch.testing.assert_close(feature.read(), whole, **close)
    torch.testing.assert_close(feature.magnitude(), whole.abs(), **close)
    assert feature.peak == pytest.approx(float(whole.abs().max()), rel=1e-3)
    half = feature.n_frames // 2
    assert torch.equal(feature.read(1, half), feature.read()[..., 1:half])
    assert feature.read(2, 2).shape == (*config.shape, 0)
    assert pickle.loads(pickle.dumps(feature)).read().equal(feature.read())
    with pytest.raises(
        ValueError, match=r"the feature has frames \[0, \d+\), asked for \[0, \d+\)"
    ):
        feature.read(0, feature.n_frames + 1)


@every
def test_frames_lie_outermost_and_the_safetensors_library_reads_them(
    config: FeatureConfig, tmp_path: Path, source: Path
) -> None:
    cache = FeatureCache(tmp_path / "cache", config)
    cache.build([Clip("a", source)], n_jobs=1)
    feature = cache.open("a")
    name = "hcqt" if feature.is_complex else "values"
    with safe_open(feature.path, framework="pt") as file:
        values = file.get_tensor(name)
        assert file.metadata()["audio_and_settings"] == feature.path.stem
        assert json.loads(file.metadata()["settings"]) == json.loads(
            settings_of(config)
        )
    assert values.shape[: 1 + len(config.shape)] == (feature.n_frames, *config.shape)
    if not feature.is_complex:
        assert str(values.dtype) == f"torch.{config.storage}"
        torch.testing.assert_close(
            values.float().movedim(0, -1), feature.read(), rtol=0, atol=0
        )
    assert feature.read().stride()[-1] == np.prod(config.shape)


def test_the_settings_of_an_hcqt_never_change() -> None:
    """They name the files of the caches that are there."""
    assert settings_of(HCQTFeatureConfig()) == (
        '{"bins_per_octave": 60, "fmin_hz": 32.7, "format": "mirbricks hcqt 1", '
        '"harmonics": [0.5, 1.0, 2.0, 3.0, 4.0, 5.0], "hop_samples": 512, "n_octaves": 6, "sr_hz": 22050, '
        '"type": "hcqt"}'
    )
    assert settings_of(HCQTFeatureConfig(scale="log")) == settings_of(
        HCQTFeatureConfig()
    )
    assert settings_of(CQTFeatureConfig()) == settings_of(
        HCQTFeatureConfig(harmonics=(1,))
    )
    texts = [settings_of(config) for config in CONFIGS.values()]
    assert len(set(texts)) == len(texts)


def test_a_cqt_and_an_hcqt_of_harmonic_1_share_files(
    tmp_path: Path, source: Path
) -> None:
    FeatureCache(
        tmp_path,
        HCQTFeatureConfig(harmonics=(1,), n_octaves=3, bins_per_octave=12, **CQT),
    ).build([Clip("a", source)])
    cache = FeatureCache(tmp_path, CONFIGS["cqt"])
    cache.build([Clip("a", source)])
    assert reads(source) == ["a"]
    assert cache.open("a").shape == (1, 36)


def test_several_features_of_a_corpus_share_a_folder(
    tmp_path: Path, source: Path
) -> None:
    for _ in range(2):
        for config in CONFIGS.values():
            cache = FeatureCache(tmp_path / "cache", config)
            assert cache.build([Clip("a", source), Clip("b", source)], n_jobs=1) == []
            assert cache.open("b").shape == config.shape
    assert reads(source) == sorted(len(CONFIGS) * ["a", "b"])


@every
def test_a_recording_read_in_blocks_is_that_of_the_cache(
    config: FeatureConfig, tmp_path: Path, source: Path
) -> None:
    clip = Clip("a", source, 11025)
    audio, sr_hz = clip.read()

    def blocks() -> Iterator[tuple[NDArray[np.float32], int]]:
        return ((audio[i : i + 1777], sr_hz) for i in range(0, len(audio), 1777))

    found = stream_feature(blocks, tmp_path / "x.safetensors", config, lambda _: None)
    cache = FeatureCache(tmp_path / "cache", config)
    cache.build([clip], n_jobs=1)
    whole = cache.open("a")
    assert found.n_frames == whole.n_frames
    torch.testing.assert_close(
        found.magnitude(), whole.magnitude(), rtol=2e-3, atol=1e-3 * whole.peak
    )


def test_what_float16_cannot_hold_is_its_largest_value(tmp_path: Path) -> None:
    values = torch.tensor([[1e6, -1e6, 3.0, 0.0]])
    write_array(tmp_path / "x", [values[:, :3], values[:, 3:]], (4, 1), "float16", {})
    feature = CachedFeature(tmp_path / "x")
    assert feature.read().tolist() == [[65504.0, -65504.0, 3.0, 0.0]]
    assert feature.peak == 65504


@every
@pytest.mark.parametrize("cut", [-1, 100, 4])
def test_a_cut_file_is_computed_again(
    config: FeatureConfig,
    cut: int,
    tmp_path: Path,
    source: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    cache = FeatureCache(tmp_path / "cache", config)
    cache.build([Clip("a", source)], n_jobs=1)
    path = cache.open("a").path
    content = path.read_bytes()
    path.write_bytes(content[:cut])
    assert not is_whole(path)
    assert (
        FeatureCache(tmp_path / "cache", config).build([Clip("a", source)], n_jobs=1)
        == []
    )
    assert caplog.messages == [
        "the cached features of 'a' were damaged and have been computed again"
    ]
    assert path.read_bytes() == content


def test_a_full_disk_leaves_nothing_half_written(tmp_path: Path) -> None:
    def pieces() -> Iterator[torch.Tensor]:
        yield torch.zeros(3, 5)
        assert list(tmp_path.glob(".*.part"))
        raise OSError(28, "No space left on device")

    with pytest.raises(DataError) as caught:
        write_array(tmp_path / "x", pieces(), (10, 3), "float16", {})
    assert caught.value.code == "E408"
    assert not list(tmp_path.iterdir())


# A script of its own: what it defines can be sent to workers, what a test file defines cannot.
SCRIPT = """
import sys, time
from dataclasses import dataclass
from pathlib import Path
import numpy as np
from mirbricks.features import cache as cache_module
from mirbricks.features.cache import FeatureCache
from mirbricks.features.kinds import config_of

@dataclass(frozen=True)
class Clip:
    key: str
    source: Path
    def read(self):
        time.sleep(0.15)
        with self.source.with_suffix(".log").open("a") as log:
            log.write(self.key + "\\n")
        audio = 0.1 * np.random.default_rng(sum(map(ord, self.key))).standard_normal(16000)
        return audio.astype(np.float32), 8000

if __name__ == "__main__":
    settings, folder, source, n_jobs, keys = sys.argv[1:]
    cache_module.PARALLEL_AFTER_S = 0.0
    import json
    values = json.loads(settings)
    cache = FeatureCache(Path(folder), config_of(values).model_validate_json(settings))
    print(len(cache.build([Clip(key, Path(source)) for key in keys], n_jobs=int(n_jobs))))
"""


@pytest.mark.slow
@pytest.mark.parametrize("name", ["logmel", "fourier_2d"])
def test_a_killed_run_with_workers_goes_on_without_loss_or_repeat(
    name: str, tmp_path: Path, source: Path
) -> None:
    config = CONFIGS[name]
    folder, keys = tmp_path / "cache", "abcdefgh"
    (tmp_path / "script.py").write_text(SCRIPT)
    call = [
        sys.executable,
        str(tmp_path / "script.py"),
        config.model_dump_json(),
        str(folder),
        str(source),
    ]
    run = subprocess.Popen([*call, "2", keys], start_new_session=True)
    deadline = time.monotonic() + 100
    while len(list(folder.glob("*.safetensors"))) < 3:
        assert run.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)
    os.killpg(run.pid, signal.SIGKILL)  # the workers too
    run.wait()
    time.sleep(0.3)
    done = list(folder.glob("*.safetensors"))
    assert len(done) < len(keys)
    assert all(is_whole(path) for path in done)
    before = {path: path.stat().st_mtime_ns for path in done}
    again = subprocess.run(
        [*call, "2", keys], capture_output=True, text=True, timeout=100, check=True
    )
    assert again.stdout == "0\n"
    assert all(
        path.stat().st_mtime_ns == then for path, then in before.items()
    )  # nothing was computed twice
    assert len(list(folder.glob("*.safetensors"))) == len(keys)
    cache = FeatureCache(folder, config)
    for key in keys:
        whole = expected(Clip(key, source), config)
        found = cache.open(key).read()
        assert (found - whole).abs().max() <= 1e-3 * whole.abs().max()
