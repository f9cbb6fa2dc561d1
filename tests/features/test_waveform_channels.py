"""The feature `waveform` with `channels`: the mean of a recording's channels, or each of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from mirbricks.data.items import Item
from mirbricks.data.pyjama.file import Entry
from mirbricks.data.stores.downmix import mixed_down
from mirbricks.data.stores.hdf5 import AudioStore, write_audio
from mirbricks.errors import DataError
from mirbricks.features import FeatureCache, feature
from mirbricks.features.extract import settings_of
from mirbricks.features.logmel import LogMelFeatureConfig
from mirbricks.features.resample import resample
from mirbricks.features.streaming import stream_feature
from mirbricks.features.waveform import WaveformFeatureConfig

SR_HZ = 8000
RNG = np.random.default_rng(0)
STEREO = RNG.uniform(-1, 1, (2, 3000)).astype(np.float32)
Items = Callable[..., list[Item]]


@pytest.fixture
def items(tmp_path: Path) -> Items:
    """Items of a store that holds these recordings, by number."""

    def made(*audio: NDArray[np.float32], sr_hz: int = SR_HZ) -> list[Item]:
        path = tmp_path / "x_audio.hdf5"
        keys = [str(number) for number in range(len(audio))]
        pairs = zip(keys, audio, strict=True)
        write_audio(path, [(key, x, sr_hz) for key, x in pairs])
        store = AudioStore(path)
        return [
            Item(key, store.n_samples(key), sr_hz, key, None, Entry({}), store)
            for key in keys
        ]

    return made


def config(channels: int) -> WaveformFeatureConfig:
    return WaveformFeatureConfig(sr_hz=SR_HZ, channels=channels)


def test_settings_of_mono_waveforms_name_the_files_that_they_always_named() -> None:
    assert settings_of(WaveformFeatureConfig()) == (
        '{"dtype": "float32", "format": "mirbricks feature 1", "sr_hz": 22050, "type": "waveform"}'
    )
    assert '"channels": 2' in settings_of(config(2))


@pytest.mark.parametrize("sr_hz", [SR_HZ, 11025, 44100])
def test_each_channel_is_kept_in_the_cache(
    tmp_path: Path, items: Items, sr_hz: int
) -> None:
    stereo, mono = items(STEREO, STEREO[0], sr_hz=sr_hz)
    cache = FeatureCache(tmp_path / "cache", config(2))
    assert not cache.build([stereo, mono], n_jobs=1)
    expected = resample(torch.from_numpy(STEREO), sr_hz, SR_HZ)
    torch.testing.assert_close(cache.open("0").read(), expected)
    torch.testing.assert_close(cache.open("1").read(), expected[:1].repeat(2, 1))
    part = cache.open("0").read(100, 200)
    torch.testing.assert_close(part, expected[:, 100:200])


@pytest.mark.parametrize("kind", [WaveformFeatureConfig, LogMelFeatureConfig])
def test_a_mono_feature_is_that_of_the_mean_and_shares_its_file(
    tmp_path: Path, items: Items, kind: type
) -> None:
    cache = FeatureCache(tmp_path / "cache", kind(sr_hz=SR_HZ))
    cache.build(items(STEREO, mixed_down(STEREO)), n_jobs=1)
    torch.testing.assert_close(cache.open("0").read(), cache.open("1").read())
    assert len(list((tmp_path / "cache").glob("*.safetensors"))) == 1


def test_another_number_of_channels_is_refused_by_name(
    tmp_path: Path, items: Items
) -> None:
    wide = np.repeat(STEREO, 2, axis=0)
    cache = FeatureCache(tmp_path / "cache", config(2))
    (error,) = cache.build(items(STEREO, wide), n_jobs=1)
    assert str(error) == (
        "'1' has 4 channels, and 2 are read\n"
        "  help: recordings have 2 channels here, or one, which is repeated; "
        "a model with feature.channels=1 reads the mean of any number     [E435]"
    )


@settings(max_examples=40)
@given(cuts=st.lists(st.integers(0, 3000), max_size=4), from_hz=st.sampled_from([8000, 11025]))  # fmt: skip
def test_a_recording_read_in_blocks_is_the_whole(
    tmp_path_factory: pytest.TempPathFactory, cuts: list[int], from_hz: int
) -> None:
    def blocks() -> Iterator[tuple[NDArray[np.float32], int]]:
        for block in np.split(STEREO, sorted(cuts), axis=1):
            if block.size:
                yield block, from_hz

    path = tmp_path_factory.mktemp("stream") / "x.safetensors"
    found = stream_feature(blocks, path, config(2), lambda _: None)
    expected = resample(torch.from_numpy(STEREO), from_hz, SR_HZ)
    torch.testing.assert_close(found.read(), expected, atol=1e-5, rtol=1e-5)


def test_in_python() -> None:
    stereo = feature("waveform", sr_hz=SR_HZ, channels=2)
    wave = torch.from_numpy(STEREO)
    torch.testing.assert_close(stereo(wave), wave)
    assert stereo(wave[None].repeat(3, 1, 1)).shape == (3, 2, 3000)
    assert feature("waveform")(wave).shape == (2, 1, 3000)  # a batch of mono recordings
    with pytest.raises(DataError) as caught:
        stereo(wave[0])
    assert str(caught.value) == (
        "the feature 'waveform' expects audio of shape (2, N) or (B, 2, N) in floating point, "
        "got float32 of shape (3000,)\n"
        "  help: pass one recording with a row per channel, or a batch of them     [E450]"
    )
    with pytest.raises(DataError, match=r"\(B, 2, N\)"):
        stereo(wave[:1].repeat(3, 1))
    with pytest.raises(DataError, match="without a single sample"):
        stereo(wave[:, :0])


def test_channels_that_cancel_each_other_are_reported_where_they_are_mixed_down(
    tmp_path: Path, items: Items, caplog: pytest.LogCaptureFixture
) -> None:
    turned = np.stack([STEREO[0], -STEREO[0]])
    both = items(turned, STEREO)
    FeatureCache(tmp_path / "stereo", config(2)).build(both, n_jobs=1)
    assert not caplog.messages
    FeatureCache(tmp_path / "mono", config(1)).build(both, n_jobs=1)
    assert caplog.messages == [
        "the channels of '0' cancel each other: their mean, which is read, is nearly silent; "
        "turn the polarity of one of them, or write one channel only"
    ]
