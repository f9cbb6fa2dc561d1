"""The feature cache: what it holds, what it does not compute again, and what killed runs, damage and full disks do."""

from __future__ import annotations

import errno
import os
import pickle
import signal
import sqlite3
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors import safe_open

from mirbricks.errors import DataError
from mirbricks.features import cache as cache_module
from mirbricks.features import extract as extract_module
from mirbricks.features import feature_file
from mirbricks.features.cache import FeatureCache
from mirbricks.features.feature_file import CachedFeature, is_whole
from mirbricks.features.hcqt import HCQTFeature, HCQTFeatureConfig
from mirbricks.features.resample import resample

SMALL = HCQTFeatureConfig(
    harmonics=(1, 2), fmin_hz=220, n_octaves=2, bins_per_octave=12, hop_length=256
)


@dataclass(frozen=True)
class Clip:
    """Seeded noise, or `broken` in one of several ways; every read leaves a line in the file `source`.log."""

    key: str
    source: Path | None = None
    sr_hz: int = 22050
    broken: str = ""

    def read(self) -> tuple[NDArray[np.float32], int]:
        if self.source is not None:
            with self.source.with_suffix(".log").open("a") as log:
                log.write(self.key + "\n")
        if self.broken == "unreadable":
            raise RuntimeError("Format\nnot recognised")
        audio = (
            np.random.default_rng(sum(map(ord, self.key)))
            .standard_normal(self.sr_hz)
            .astype(np.float32)
        )
        if self.broken == "nan":
            audio[7] = np.nan
        return {"empty": audio[:0], "stereo": audio.reshape(-1, 2)}.get(
            self.broken, audio
        ), self.sr_hz


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "corpus.hdf5"
    path.write_bytes(b"audio")
    return path


def reads(source: Path) -> list[str]:
    log = source.with_suffix(".log")
    return sorted(log.read_text().split()) if log.exists() else []


def expected(clip: Clip, config: HCQTFeatureConfig = SMALL) -> torch.Tensor:
    audio, sr_hz = clip.read()
    return HCQTFeature(config)(
        resample(torch.from_numpy(audio)[None], sr_hz, config.sr_hz)
    )[0]


def holds(cache: FeatureCache, clip: Clip) -> None:
    whole = expected(clip)
    found = cache.open(clip.key).read()
    assert found.shape == whole.shape
    assert (found - whole).abs().max() <= 1e-3 * whole.abs().max()  # float16


@pytest.mark.parametrize("sr_hz", [22050, 44100])
def test_what_was_built_can_be_read(tmp_path: Path, sr_hz: int) -> None:
    clip, cache = (
        Clip("a", sr_hz=sr_hz),
        FeatureCache(tmp_path / "new" / "cache", SMALL),
    )
    assert cache.build([clip]) == []
    feature, whole = cache.open("a"), expected(clip)
    assert (feature.n_frames, feature.n_harmonics, feature.n_bins, len(feature)) == (
        87,
        2,
        24,
        87,
    )
    torch.testing.assert_close(
        feature.peak, float(whole.abs().max()), rtol=1e-5, atol=0
    )
    frame_peak = whole.abs().amax((0, 1))
    assert ((feature.read() - whole).abs() <= 1e-3 * frame_peak).all()
    assert feature.read().dtype == torch.complex64
    torch.testing.assert_close(feature.read(20, 33), feature.read()[..., 20:33])
    torch.testing.assert_close(feature.magnitude(20, 33), feature.read(20, 33).abs())
    assert feature.read(5, 5).shape == (2, 24, 0)
    with pytest.raises(ValueError, match=r"frames \[0, 87\), asked for \[80, 88\)"):
        feature.read(80, 88)


def test_quiet_frames_keep_their_precision(tmp_path: Path) -> None:
    whole = torch.randn(2, 24, 30, dtype=torch.complex64) * torch.logspace(0, -9, 30)
    feature_file.write_feature(
        tmp_path / "x", [whole[..., :7], whole[..., 7:]], (30, 2, 24), {}
    )
    read = CachedFeature(tmp_path / "x").read()
    assert ((read - whole).abs().amax((0, 1)) <= 1e-3 * whole.abs().amax((0, 1))).all()


def test_silence_is_silence(tmp_path: Path) -> None:
    feature_file.write_feature(
        tmp_path / "x", [torch.zeros(2, 24, 30, dtype=torch.complex64)], (30, 2, 24), {}
    )
    feature = CachedFeature(tmp_path / "x")
    assert feature.peak == 0
    assert (feature.read() == 0).all()


def test_the_safetensors_library_reads_the_files(tmp_path: Path) -> None:
    cache = FeatureCache(tmp_path, SMALL)
    cache.build([Clip("a")])
    feature = cache.open("a")
    with safe_open(feature.path, framework="pt") as file:
        values = (
            torch.view_as_complex(file.get_tensor("hcqt").float())
            * file.get_tensor("frame_peak")[:, None, None]
        )
        assert file.metadata()["audio_and_settings"] == feature.path.stem
    torch.testing.assert_close(values.permute(1, 2, 0), feature.read())


def test_a_feature_pickles_as_its_path(tmp_path: Path) -> None:
    cache = FeatureCache(tmp_path, SMALL)
    cache.build([Clip("a")])
    feature = cache.open("a")
    whole = feature.read()
    packed = pickle.dumps(feature)
    assert len(packed) < 500
    torch.testing.assert_close(pickle.loads(packed).read(), whole)


def test_nothing_is_read_or_computed_twice(tmp_path: Path, source: Path) -> None:
    clips = [Clip(key, source) for key in "abc"]
    seen: list[tuple[str, DataError | None]] = []
    FeatureCache(tmp_path / "cache", SMALL).build(clips[:2])
    before = {
        path: path.stat().st_mtime_ns
        for path in (tmp_path / "cache").glob("*.safetensors")
    }
    cache = FeatureCache(tmp_path / "cache", SMALL)
    assert (
        cache.build(iter(clips), on_done=lambda key, error: seen.append((key, error)))
        == []
    )
    assert seen == [("a", None), ("b", None), ("c", None)]
    assert reads(source) == ["a", "b", "c"]
    assert all(path.stat().st_mtime_ns == then for path, then in before.items())
    assert len(list((tmp_path / "cache").glob("*.safetensors"))) == 3


def test_a_changed_source_is_read_again_and_same_audio_is_not_computed_again(
    tmp_path: Path, source: Path
) -> None:
    cache = FeatureCache(tmp_path / "cache", SMALL)
    cache.build([Clip("a", source)])
    path = cache.open("a").path
    then = path.stat().st_mtime_ns
    source.write_bytes(b"audio, changed")
    cache.build([Clip("a", source)])
    assert reads(source) == ["a", "a"]
    assert path.stat().st_mtime_ns == then


def test_the_scale_shares_files_and_other_settings_do_not(
    tmp_path: Path, source: Path
) -> None:
    FeatureCache(tmp_path / "cache", SMALL).build([Clip("a", source)])
    linear = FeatureCache(
        tmp_path / "cache", SMALL.model_copy(update={"scale": "linear"})
    )
    linear.build([Clip("a", source)])
    assert reads(source) == ["a"]
    FeatureCache(
        tmp_path / "cache", SMALL.model_copy(update={"hop_length": 128})
    ).build([Clip("a", source)])
    assert len(list((tmp_path / "cache").glob("*.safetensors"))) == 2


def test_a_new_process_opens_without_building(tmp_path: Path, source: Path) -> None:
    FeatureCache(tmp_path / "cache", SMALL).build([Clip("a", source)])
    later = FeatureCache(tmp_path / "cache", SMALL)
    holds(later, Clip("a"))
    source.write_bytes(b"audio, changed")
    with pytest.raises(DataError, match="holds no features of 'a'"):
        FeatureCache(tmp_path / "cache", SMALL).open("a")


def test_an_unknown_key_is_refused(tmp_path: Path, source: Path) -> None:
    cache = FeatureCache(tmp_path, SMALL)
    cache.build([Clip("piano.wav", source)])
    with pytest.raises(DataError) as caught:
        cache.open("paino.wav")
    assert str(caught.value) == (
        f"the cache '{tmp_path}' holds no features of 'paino.wav' with these settings\n"
        "  help: did you mean 'piano.wav'?     [E454]"
    )
    with pytest.raises(DataError) as caught:
        FeatureCache(tmp_path / "none", SMALL).open("x")
    assert str(caught.value) == (
        f"the cache '{tmp_path / 'none'}' holds no features of 'x' with these settings\n"
        "  help: build the cache first     [E454]"
    )


def test_bad_items_are_named_and_the_rest_goes_on(tmp_path: Path) -> None:
    broken = ["unreadable", "empty", "nan", "stereo"]
    clips = [Clip(f"{kind}.wav", broken=kind) for kind in broken]
    cache = FeatureCache(tmp_path, SMALL)
    failures = cache.build([*clips[:2], Clip("good"), *clips[2:]])
    form = "is not mono floating-point samples at a positive rate"
    assert [str(error) for error in failures] == [
        "the audio of 'unreadable.wav' cannot be read: Format not recognised\n"
        "  help: replace the recording or leave it out     [E451]",
        f"the audio of 'empty.wav' {form}\n  shape  (0,)\n  type   float32\n  sr_hz  22050\n"
        "  help: replace the recording or leave it out     [E452]",
        "the audio of 'nan.wav' has NaN or infinity, first at sample 7\n"
        "  help: replace the recording or leave it out     [E453]",
        f"the audio of 'stereo.wav' {form}\n  shape  (11025, 2)\n  type   float32\n  sr_hz  22050\n"
        "  help: replace the recording or leave it out     [E452]",
    ]
    holds(cache, Clip("good"))
    assert len(list(tmp_path.glob("*.safetensors"))) == 1


@pytest.mark.parametrize("cut", [-1, 100, 4, 0])
def test_a_cut_file_is_computed_again_with_a_note(
    tmp_path: Path, source: Path, cut: int, caplog: pytest.LogCaptureFixture
) -> None:
    clips = [Clip("a", source), Clip("b", source)]
    cache = FeatureCache(tmp_path / "cache", SMALL)
    cache.build(clips)
    path = cache.open("a").path
    os.truncate(path, cut % path.stat().st_size)
    with pytest.raises(DataError) as caught:
        cache.open("a")
    assert str(caught.value) == (
        f"the cache file '{path}' is missing or damaged\n"
        "  help: build the cache again: only what is missing or damaged is computed     [E455]"
    )
    again = FeatureCache(tmp_path / "cache", SMALL)
    assert again.build(clips) == []
    assert caplog.messages == [
        "the cached features of 'a' were damaged and have been computed again"
    ]
    assert reads(source) == ["a", "a", "b"]
    holds(again, Clip("a"))


@pytest.mark.parametrize("content", [b"{" * 100, b"\x02\0\0\0\0\0\0\0[]", b"\xff" * 40])
def test_a_file_of_something_else_is_not_whole(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x").write_bytes(content)
    assert not is_whole(tmp_path / "x")


def test_a_damaged_index_costs_only_time(tmp_path: Path, source: Path) -> None:
    FeatureCache(tmp_path / "cache", SMALL).build([Clip("a", source)])
    (tmp_path / "cache" / "index.sqlite").write_bytes(b"not a data base" * 100)
    FeatureCache(tmp_path / "cache", SMALL).build([Clip("a", source)])
    FeatureCache(tmp_path / "cache", SMALL).build([Clip("a", source)])
    assert reads(source) == ["a", "a"]


def test_a_locked_index_stops_nothing(
    tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def locked(*_: Any, **__: Any) -> None:
        raise sqlite3.OperationalError("database is locked")

    monkeypatch.setattr(sqlite3, "connect", locked)
    cache = FeatureCache(tmp_path / "cache", SMALL)
    assert cache.build([Clip("a", source)]) == []
    holds(cache, Clip("a"))


def test_short_work_starts_no_workers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache_module, "in_workers", None)
    assert FeatureCache(tmp_path, SMALL).build([Clip("a"), Clip("b")]) == []


def test_a_full_disk_is_one_error_and_leaves_nothing_half_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = FeatureCache(tmp_path, SMALL)
    cache.build([Clip("a")])
    before = sorted(tmp_path.iterdir())

    def full(*_: Any) -> None:
        assert list(tmp_path.glob(".*.part"))
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(feature_file.torch, "view_as_real", full)
    with pytest.raises(DataError) as caught:
        cache.build([Clip("b"), Clip("c")])
    assert caught.value.code == "E408"
    assert "No space left on device" in str(caught.value)
    assert sorted(tmp_path.iterdir()) == before
    holds(cache, Clip("a"))


def test_a_folder_that_cannot_be_made_is_one_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DataError) as caught:
        FeatureCache(tmp_path / "file" / "cache", SMALL).build([])
    assert str(caught.value) == (
        f"cannot make the cache folder '{tmp_path / 'file' / 'cache'}': Not a directory\n"
        "  help: choose a folder that can be written     [E408]"
    )


def test_only_old_leftovers_are_cleared_away(tmp_path: Path) -> None:
    old, new = tmp_path / ".x.safetensors.1.part", tmp_path / ".y.safetensors.2.part"
    old.touch()
    new.touch()
    os.utime(old, (time.time() - 7200,) * 2)
    FeatureCache(tmp_path, SMALL).build([])
    assert not old.exists()
    assert new.exists()


def test_long_audio_is_written_in_pieces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mirbricks.features.hcqt.STREAM_FRAMES", 20)
    monkeypatch.setattr(extract_module, "CHUNK_SAMPLES", 1001)
    cache = FeatureCache(tmp_path, SMALL)
    cache.build([Clip("a")])
    holds(cache, Clip("a"))


# A script of its own: what it defines can be sent to workers, what a test file defines cannot.
SCRIPT = """
import os, resource, signal, sys, time
from dataclasses import dataclass
from pathlib import Path
import numpy as np
from mirbricks.errors import DataError
from mirbricks.features import cache as cache_module
from mirbricks.features.cache import FeatureCache
from mirbricks.features.hcqt import HCQTFeature, HCQTFeatureConfig

@dataclass(frozen=True)
class Clip:
    key: str
    source: Path
    def read(self):
        if self.key == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        if self.key == "bad":
            raise ValueError("no audio")
        return np.random.default_rng(sum(map(ord, self.key))).standard_normal(22050).astype(np.float32), 22050

def main(mode, folder, source, *keys):
    cache_module.PARALLEL_AFTER_S = 0.0
    if mode == "slow":
        stream = HCQTFeature.stream
        def slow(self, chunks):
            yield from stream(self, chunks)
            time.sleep(0.3)
        HCQTFeature.stream = slow
    if mode == "full":
        resource.setrlimit(resource.RLIMIT_FSIZE, (6000, 6000))
    config = HCQTFeatureConfig(harmonics=(1, 2), fmin_hz=220, n_octaves=2, bins_per_octave=12, hop_length=256)
    clips = [Clip(key, Path(source)) for key in keys]
    done = []
    try:
        cache = FeatureCache(Path(folder), config)
        failures = cache.build(clips, n_jobs=1 if mode == "slow" else 2, on_done=lambda key, _: done.append(key))
        print(sorted(done), *failures, sep="\\n")
    except DataError as error:
        print(error)

if __name__ == "__main__":
    main(*sys.argv[1:])
"""


def script(tmp_path: Path, mode: str, source: Path, keys: str) -> list[str]:
    (tmp_path / "script.py").write_text(SCRIPT)
    return [
        sys.executable,
        str(tmp_path / "script.py"),
        mode,
        str(tmp_path / "cache"),
        str(source),
        *keys.split(),
    ]


def run_script(tmp_path: Path, mode: str, source: Path, keys: str) -> str:
    done = subprocess.run(
        script(tmp_path, mode, source, keys),
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout


@pytest.mark.slow
def test_workers_give_what_one_process_gives(tmp_path: Path, source: Path) -> None:
    assert run_script(tmp_path, "workers", source, "a b c bad d e") == (
        "['a', 'b', 'bad', 'c', 'd', 'e']\n"
        "the audio of 'bad' cannot be read: no audio\n  help: replace the recording or leave it out     [E451]\n"
    )
    cache = FeatureCache(tmp_path / "cache", SMALL)
    assert cache.build([Clip(key, source) for key in "abcde"]) == []
    assert reads(source) == []
    for key in "abcde":
        holds(cache, Clip(key))


@pytest.mark.slow
def test_a_killed_worker_is_told(tmp_path: Path, source: Path) -> None:
    assert run_script(tmp_path, "workers", source, "killed") == (
        "a worker process that computes features was killed, probably for want of memory\n"
        "  help: run again, it goes on where it stopped; n_jobs=1 needs the least memory     [E456]\n"
    )


def test_a_killed_run_goes_on_where_it_stopped(tmp_path: Path, source: Path) -> None:
    folder, keys = tmp_path / "cache", "abcdef"
    run = subprocess.Popen(script(tmp_path, "slow", source, " ".join(keys)))
    deadline = time.monotonic() + 60
    while not (
        len(list(folder.glob("*.safetensors"))) >= 2 and list(folder.glob(".*.part"))
    ):
        assert run.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)
    run.send_signal(signal.SIGKILL)
    run.wait()
    done = list(folder.glob("*.safetensors"))
    assert len(done) < 6
    assert all(is_whole(path) for path in done)
    cache = FeatureCache(folder, SMALL)
    assert cache.build([Clip(key, source) for key in keys]) == []
    # The index is written after the file, so one finished recording may have to be read once more.
    assert 6 - len(done) <= len(reads(source)) <= 7 - len(done)
    for key in keys:
        holds(cache, Clip(key))


@pytest.mark.slow
def test_a_real_limit_on_the_size_of_files_with_workers(
    tmp_path: Path, source: Path
) -> None:
    printed = run_script(tmp_path, "full", source, "a b c d e f")
    assert printed.count("cannot write") == 1
    assert "File too large" in printed
    assert "E408" in printed
    assert not [
        path
        for path in (tmp_path / "cache").iterdir()
        if path.suffix in (".safetensors", ".part")
    ]
