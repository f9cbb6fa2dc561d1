"""The verbs that write, on inputs so small that a trial takes a second, and what must hold of what they write."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import h5py
import numpy as np
import safetensors
import soundfile

from mirbricks.data.corpus import Corpus
from mirbricks.runs.folder import RunFolder

GRAPH = """\
name: tiny
input: B C=1 F=16 T
layers:
  - Conv2d: {out_channels: 4, kernel_size: 3, padding: same}
  - BatchNorm2d
  - ReLU
  - Mean: {dim: [2, 3]}
  - Dropout: {p: 0.2}
  - Linear: {out_features: 2}
feature: {type: logmel, sr_hz: 8000, n_fft: 256, hop_length: 128, n_mels: 16, fmin_hz: 50.0, fmax_hz: 4000.0}
dataset: {folds: 3}
task: {type: tagging, labels: one, annotation: tag, patch_frames: 20}
train: {steps: 6, validate_every: 2, batch_size: 2}
"""
N_CLIPS = 9
# What differs from one undisturbed run to the next: the clock, and the words of the command.
CLOCK = ("training_s", "seconds", "waiting", "command")


@dataclass(frozen=True)
class Verb:
    """A command that writes into one folder.

    words     of the inputs' folder and that of the output; `again` are added when it was disturbed
    same      what of a file's content must be equal, by the name of the file; others by their bytes
    readable  raises where what lies in the folder cannot be read, or is not whole
    """

    name: str
    words: Callable[[Path, Path], list[str]]
    again: tuple[str, ...] = ()
    readable: Callable[[Path], None] = lambda _: None
    same: Mapping[str, Callable[[bytes], object]] = field(default_factory=dict)
    workers: bool = False

    def essence(self, out: Path) -> dict[str, object]:
        """What must be equal after a disturbed run and an undisturbed one: each file, and what it says."""
        found: dict[str, object] = {}
        for path in sorted(out.rglob("*")):
            if path.is_file():
                name = path.relative_to(out).as_posix()
                content = path.read_bytes()
                if path.name in self.same:
                    found[name] = self.same[path.name](content)
                else:
                    found[name] = content
        return found


def make_inputs(folder: Path, run: Callable[[list[str]], object]) -> None:
    """Graph, clips with their table, a corpus, its features, a trained run, a song; `run` runs a command."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    (folder / "tiny.yaml").write_text(GRAPH)
    rows = ["path,tag"]
    (folder / "clips").mkdir()
    for number in range(N_CLIPS):
        samples = rng.uniform(-0.5, 0.5, 4000).astype(np.float32)
        name = f"clip{number}.wav"
        soundfile.write(folder / "clips" / name, samples, 8000, subtype="FLOAT")
        rows.append(f"{name},{'ab'[number // 2 % 2]}")
    (folder / "clips" / "meta.csv").write_text("\n".join([*rows, ""]))
    stereo = rng.uniform(-0.5, 0.5, (4000, 2)).astype(np.float32)
    soundfile.write(folder / "song.wav", stereo, 8000, subtype="FLOAT")
    long = rng.uniform(-0.5, 0.5, (40_000, 2)).astype(np.float32)
    soundfile.write(folder / "long.wav", long, 8000, subtype="FLOAT")
    run(_import(folder, folder / "corpus"))
    run(_train(folder, folder / "run"))


def _import(inputs: Path, out: Path) -> list[str]:
    words = ["data", "import", "csv", str(inputs / "clips" / "meta.csv")]
    words += ["--out", str(out), "--name", "tiny", "--jobs", "1", "-q"]
    return [*words, "--set", "tags=tag"]


def _train(inputs: Path, out: Path) -> list[str]:
    words = ["train", str(inputs / "tiny.yaml"), "--data", str(inputs / "corpus")]
    words += ["--out", str(out), "--cache", str(inputs / "cache"), "--jobs", "1"]
    return [*words, "-q"]


def _extract(inputs: Path, out: Path, jobs: int = 1) -> list[str]:
    words = ["data", "extract", str(inputs / "tiny.yaml")]
    words += ["--data", str(inputs / "corpus"), "--cache", str(out)]
    return [*words, "--jobs", str(jobs), "-q"]


def _corpus_is_whole(out: Path) -> None:
    if not list(out.glob("*.pyjama")):
        return
    corpus = Corpus.open(out)
    assert len(corpus) == N_CLIPS
    for item in corpus:
        samples, sr_hz = item.read()
        assert samples.shape == (4000,)
        assert sr_hz == 8000


def _run_is_whole(out: Path) -> None:
    run = RunFolder(out)
    if not run.is_run():
        return
    run.read_settings()
    run.read_metrics()
    if (out / "state.pt").exists():
        run.load_state()
    if (out / "weights.safetensors").exists():
        run.read_weights()


def _model_is_whole(out: Path) -> None:
    if not list(out.glob("*.safetensors")):
        return
    with safetensors.safe_open(out / "weights.safetensors", "pt") as file:
        for name in file.keys():  # safe_open gives no iterator
            file.get_tensor(name)


def _sounds_are_whole(out: Path) -> None:
    for path in out.rglob("*.wav"):
        samples, _ = soundfile.read(path)
        assert len(samples), path


def _features_are_whole(out: Path) -> None:
    for path in out.rglob("*.safetensors"):
        with safetensors.safe_open(path, "pt") as file:
            for name in file.keys():  # safe_open gives no iterator
                file.get_tensor(name)


def _fetched_is_whole(out: Path) -> None:
    if (out / "bach10_audio.hdf5").exists():
        with h5py.File(out / "bach10_audio.hdf5") as file:
            for key in file:
                assert np.isfinite(file[key][:]).all()


def _without_clock(content: bytes) -> object:
    """JSON, or JSON lines, without what the clock says; what is neither as it is."""
    for texts in ([content], content.splitlines()):
        try:
            return [_timeless(json.loads(text)) for text in texts]
        except ValueError:
            continue
    return content


def _timeless(value: object) -> object:
    if isinstance(value, dict):
        kept = {key: one for key, one in value.items() if key not in CLOCK}
        return {key: _timeless(one) for key, one in kept.items()}
    if isinstance(value, list):
        return [_timeless(one) for one in value]
    return value


def _tensors(content: bytes) -> object:
    """What a file of tensors says: the order of its metadata changes from one process to the next."""
    with tempfile.NamedTemporaryFile(suffix=".safetensors") as file:
        file.write(content)
        file.flush()
        with safetensors.safe_open(file.name, "np") as opened:
            tensors = {
                name: opened.get_tensor(name) for name in opened.keys()
            }  # safe_open gives no iterator
            about = opened.metadata()
    bytes_of = {
        name: (str(value.dtype), value.shape, value.tobytes())
        for name, value in tensors.items()
    }
    return bytes_of, about


def _there(_: bytes) -> object:
    """Of a file that holds times, or tables in an order of its own: only that it is there."""
    return "there"


def verbs(port: int) -> dict[str, Verb]:
    """The verbs by name; `port` is that of the local server of `data fetch`."""
    timed = {
        "weights.safetensors": _tensors,
        "settings.json": _without_clock,
        "metrics.jsonl": _without_clock,
        "report.html": _there,
        "state.pt": _there,
    }
    cached = {"index.sqlite": _there}
    found = [
        Verb("train", _train, ("--resume",), _run_is_whole, timed),
        Verb("extract", _extract, (), _features_are_whole, cached),
        Verb(
            "extract, 2 workers",
            lambda inputs, out: _extract(inputs, out, 2),
            (),
            _features_are_whole,
            cached,
            workers=True,
        ),
        Verb("import", _import, (), _corpus_is_whole),
        Verb(
            "pack",
            lambda inputs, out: ["pack", str(inputs / "run"), "--out", str(out)],
            (),
            _model_is_whole,
        ),
        Verb(
            "generate",
            lambda _, out: [
                *["generate", "zoo:notes_flow", "--n", "3", "--seed", "1"],
                *["--out", str(out), "--replace"],
            ],
            (),
            _sounds_are_whole,
        ),
        Verb(
            "separate",
            lambda inputs, out: [
                *["separate", "zoo:separation_bach10", str(inputs / "song.wav")],
                *["--out", str(out), "--replace"],
            ],
            (),
            _sounds_are_whole,
        ),
        Verb(
            "fetch",
            lambda _, out: [
                *["data", "fetch", "bach10", "--out", str(out), "-q"],
                *["--base-url", f"http://127.0.0.1:{port}/"],
            ],
            (),
            _fetched_is_whole,
            {"bach10.fetch.json": bytes},  # written once per file
        ),
    ]
    return {verb.name: verb for verb in found}


def emptied(folder: Path) -> Path:
    """The folder, without anything in it."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder
