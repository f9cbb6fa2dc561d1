"""An evaluation in shards and by workers: the figures of the whole, to the bit, and what does not belong together."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch

import mirbricks as mb
from mirbricks.cli import main
from mirbricks.data.pyjama.file import Atom, Definition, Entry, Pyjama
from mirbricks.data.shards import Shard
from mirbricks.data.stores.hdf5 import write_audio, write_features
from mirbricks.errors import DataError, MirbricksError
from mirbricks.tasks.base import Task
from mirbricks.tasks.covers import CoverSongs
from mirbricks.tasks.finding import tasks
from mirbricks.tasks.tagging import Tagging
from mirbricks.workflows.shard_file import PartOfRun, ShardFile

SR_HZ = 8000
TAGGING = """\
name: tiny
input: B C=1 F=16 T
layers:
  - Conv2d: {out_channels: 4, kernel_size: 3, padding: same}
  - ReLU
  - Mean: {dim: [2, 3]}
  - Linear: {name: tags, out_features: 2}
feature: {type: logmel, sr_hz: 8000, n_fft: 512, hop_length: 256, n_mels: 16}
dataset: {folds: 3}
task: {type: tagging, annotation: label, labels: one, patch_frames: 8}
train: {steps: 2, batch_size: 4, validate_every: 2}
"""
COVERS = """\
name: tiny
input: B C=12 T
layers:
  - Conv1d: {out_channels: 8, kernel_size: 3, padding: same}
  - Mean: {dim: 2}
  - Linear: {name: embedding, out_features: 6}
feature: {type: given, n_features: 12, step_s: 0.5, even: false}
dataset: {folds: 3}
task: {type: covers, patch_frames: 30, loss: triplet, normalise: references, views: {transpose: chroma}}
train: {steps: 2, batch_size: 4, validate_every: 2}
"""
TOGETHER = {"adversarial_generation", "latent_generation"}


def described(rows: Mapping[str, Mapping[str, str]], file: Path) -> None:
    """Annotations by key and name."""
    text = Definition("global", "text")
    names = {"filepath", *(name for row in rows.values() for name in row)}
    entries = []
    for key, row in rows.items():
        atoms = {name: (Atom(value),) for name, value in row.items()}
        entries.append(Entry({"filepath": (Atom(key),), **atoms}))
    Pyjama(dict.fromkeys(sorted(names), text), entries).save(file)


def trained(folder: Path, graph: str, *more: str) -> None:
    (folder / "g.yaml").write_text(graph)
    words = ["train", folder / "g.yaml", "--data", folder / "corpus", "--jobs", "1"]
    words += ["--out", folder / "run", "--cache", folder / "cache", "-q", *more]
    assert main([str(word) for word in words]) == 0


@pytest.fixture(scope="module")
def tagged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of three folds on seven noises, every second of which is filtered."""
    folder = tmp_path_factory.mktemp("tagged")
    (folder / "corpus").mkdir()
    rng = np.random.default_rng(0)
    rows = {f"{n}.wav": {"label": ("low", "high")[n % 2]} for n in range(7)}
    audio = []
    for number, key in enumerate(rows):
        wave = rng.standard_normal(SR_HZ // 2).astype(np.float32) / 9
        if number % 2:
            wave[1:] -= wave[:-1]
        audio.append((key, wave, SR_HZ))
    write_audio(folder / "corpus" / "noise_audio.hdf5", iter(audio))
    described(rows, folder / "corpus" / "noise.pyjama")
    trained(folder, TAGGING, "--fold", "all")
    return folder


@pytest.fixture(scope="module")
def covers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of one fold on seven works with two versions each."""
    folder = tmp_path_factory.mktemp("covers")
    (folder / "corpus").mkdir()
    rng = np.random.default_rng(0)
    rows = {f"{w}-{v}": {"work-id": str(w)} for w in range(7) for v in range(2)}
    features = []
    for key in rows:
        chroma = rng.random((int(rng.integers(20, 60)), 12), np.float32)
        times = {"time": np.cumsum(rng.uniform(0.3, 0.7, len(chroma)))}
        features.append((key, chroma, times))
    write_features(folder / "corpus" / "songs_feat.hdf5", iter(features))
    described(rows, folder / "corpus" / "songs.pyjama")
    trained(folder, COVERS)
    return folder


Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def call(
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Call:
    """`mirbricks evaluate` on a trained folder, with shards in the current one; notes are left out."""
    monkeypatch.chdir(tmp_path)

    def run(folder: Path, *words: object, jobs: int = 1) -> tuple[int, str, str]:
        capsys.readouterr()
        given = ["evaluate", folder / "run", "--data", folder / "corpus"]
        given += ["--cache", folder / "cache", "--jobs", jobs, *words]
        code = main([str(word) for word in given])
        printed = capsys.readouterr()
        errors = [one for one in printed.err.splitlines(True) if "note: " not in one]
        return code, printed.out, "".join(errors)

    return run


@pytest.mark.parametrize("kind", ["tagged", "covers"])
def test_the_shard_that_ends_last_has_the_figures_of_the_whole(
    kind: str, call: Call, request: pytest.FixtureRequest
) -> None:
    folder = request.getfixturevalue(kind)
    _, whole, _ = call(folder, "--json")
    # In any order, and one of them twice.
    for number, missing in ((2, [1, 3]), (3, [1]), (3, [1])):
        code, out, err = call(folder, "--shard", f"{number}/3", "--json")
        assert err == ""
        found = json.loads(out)
        assert (code, found["shard"], found["missing"]) == (0, [number, 3], missing)
        assert Path(found["file"]).is_file()
    assert call(folder, "--shard", "1/3", "--json") == (0, whole, "")
    assert call(folder, "--join", "--json") == (0, whole, "")
    tables = call(folder, "-q")
    assert call(folder, "--join", "-q") == tables


def test_more_shards_than_tracks_of_a_fold(tagged: Path, call: Call) -> None:
    _, whole, _ = call(tagged, "--json")
    for number in range(1, 5):
        code, out, _ = call(tagged, "--shard", f"{number}/4", "--json")
        assert code == 0
    assert out == whole


def test_a_shard_that_is_there_is_not_judged_again(
    tagged: Path, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = call(tagged, "--shard", "1/2", "-q")
    # Three folds with three, two and two test tracks.
    text = "shard 1 of 2: 4 recordings in evaluation/shard-1-of-2.safetensors\n"
    assert first == (0, text + "still missing: 2\n", "")
    monkeypatch.setattr(Tagging, "judged_tracks", None)
    assert call(tagged, "--shard", "1/2", "-q") == first


def test_a_shard_with_recordings_that_could_not_be_used_is_tried_again(
    tagged: Path, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mirbricks.workflows import run_on_corpus

    def broken(items: Any, *_: Any) -> Any:
        return items[1:], [DataError(f"'{items[0].key}' is gone", code="E401")]

    _, whole, _ = call(tagged, "--json")
    with monkeypatch.context() as patch:
        patch.setattr(run_on_corpus, "compute_features", broken)
        assert call(tagged, "--shard", "1/2", "-q")[0] == 1
        code, out, _ = call(tagged, "--shard", "2/2", "--json")
    # The figures are those of what there is, and the exit code says that it is not all.
    assert (code, len(json.loads(out)["tracks"])) == (1, 1)
    assert call(tagged, "--join", "--json")[0] == 1
    assert call(tagged, "--shard", "1/2", "--json")[0] == 1
    assert call(tagged, "--shard", "2/2", "--json") == (0, whole, "")


@pytest.mark.parametrize("kind", ["tagged", "covers"])
def test_workers_have_the_figures_of_one_process(
    kind: str, call: Call, request: pytest.FixtureRequest
) -> None:
    folder = request.getfixturevalue(kind)
    whole = call(folder, "--json")
    assert call(folder, "--backend", "loky", "--json", jobs=2) == whole
    assert call(folder, "--shard", "1/2", "--backend", "loky", "-q")[0] == 0
    assert call(folder, "--shard", "2/2", "--json") == whole


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["dask", "ray"])
@pytest.mark.parametrize("kind", ["tagged", "covers"])
def test_the_workers_of_a_cluster_have_the_figures_of_one_process(
    kind: str, backend: str, call: Call, request: pytest.FixtureRequest
) -> None:
    pytest.importorskip({"dask": "distributed"}.get(backend, backend))
    folder = request.getfixturevalue(kind)
    whole = call(folder, "--json")
    assert call(folder, "--backend", backend, "--json", jobs=2) == whole


def test_workers_in_python(tagged: Path) -> None:
    given = {"cache": tagged / "cache", "jobs": 1, "progress": False}
    here = mb.evaluate(tagged / "run", tagged / "corpus", **given)
    there = mb.evaluate(tagged / "run", tagged / "corpus", backend="loky", **given)
    assert here == there
    with pytest.raises(MirbricksError, match="loky, dask or ray as 'backend'"):
        mb.evaluate(tagged / "run", tagged / "corpus", backend="daks", **given)
    model = mb.load(tagged / "run" / "fold0")
    with pytest.raises(MirbricksError, match="or zoo:NAME, for a backend as 'run'"):
        mb.evaluate(model, tagged / "corpus", backend="loky", **given)


def test_a_worker_opens_a_run_that_was_trained_again(
    tagged: Path, tmp_path: Path
) -> None:
    """Workers live on: what they have open must be what the files hold."""
    folder = tmp_path / "again"
    shutil.copytree(tagged, folder)
    before = whole_of(folder)
    changed(folder / "run" / "fold0" / "weights.safetensors")
    after = whole_of(folder)
    assert after != before
    assert after == mb.evaluate(
        folder / "run", folder / "corpus", cache=folder / "cache", progress=False
    )


def whole_of(folder: Path) -> mb.tasks.Evaluation:
    return mb.evaluate(
        folder / "run",
        folder / "corpus",
        cache=folder / "cache",
        jobs=1,
        backend="loky",
        progress=False,
    )


def test_which_tasks_are_judged_together() -> None:
    together = set()
    for name, kind in tasks().items():
        if kind is not CoverSongs and kind.evaluate is not Task.evaluate:
            together.add(name)
    assert together == TOGETHER


@pytest.mark.parametrize(
    ("words", "option"),
    [(["--shard", "1/2"], "--shard"), (["--backend", "loky"], "--backend")],
)
def test_a_task_that_judges_all_together_says_so(
    words: list[str],
    option: str,
    tagged: Path,
    call: Call,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Tagging, "divisible", False)
    assert call(tagged, *words, "-q") == (
        1,
        "",
        f"{option} divides the tracks, and the task 'tagging' judges all of them together\n"
        f"  help: leave {option} out; `mirbricks data extract ... --backend` and `--shard` divide the features"
        "     [E638]\n",
    )
    assert not Path("evaluation").exists()


def test_shards_that_are_missing(tagged: Path, call: Call) -> None:
    assert call(tagged, "--join") == (
        1,
        "",
        "'evaluation' holds no shard of an evaluation\n"
        "  help: run them first, with the same --out: --shard 1/16 to --shard 16/16     [E636]\n",
    )
    assert call(tagged, "--shard", "2/4", "-q")[0] == 0
    assert call(tagged, "--join") == (
        1,
        "",
        "3 of 4 shards are not in 'evaluation'\n"
        "  missing  1, 3, 4\n"
        "  help: run them with the same words: --shard 1/4     [E636]\n",
    )
    message = (
        "shards of a division into 3 and into 4 parts do not belong together in 'evaluation'\n"
        "  help: give --out another folder, or remove the files of the other division     [E636]\n"
    )
    assert call(tagged, "--shard", "1/3", "-q") == (1, "", message)
    shutil.copy(
        "evaluation/shard-2-of-4.safetensors", "evaluation/shard-1-of-3.safetensors"
    )
    assert call(tagged, "--join") == (1, "", message)


def test_a_shard_of_another_evaluation(tagged: Path, call: Call) -> None:
    assert call(tagged, "--shard", "1/2", "-q")[0] == 0
    words = ["--split", "valid"]
    split = "  split  the default there, valid here\n"
    message = (
        "'evaluation/shard-1-of-2.safetensors' is a shard of another evaluation\n"
        f"{split}"
        "  help: give --out another folder, or remove the file to evaluate the shard again     [E636]\n"
    )
    code, out, err = call(tagged, "--shard", "1/2", "-q", *words)
    assert (code, out, without_hashes(err)) == (1, "", message)
    # Another corpus of the same recordings: labels that were corrected meanwhile.
    folder = Path("other")
    shutil.copytree(tagged, folder)
    notes = folder / "corpus" / "noise.pyjama"
    notes.write_text(notes.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    code, out, err = call(folder, "--shard", "1/2", "-q")
    fact = "  annotations  HASH there, HASH here\n"
    assert (code, out, without_hashes(err)) == (1, "", message.replace(split, fact))

    # Other weights.
    notes.write_text(notes.read_text(encoding="utf-8")[:-1], encoding="utf-8")
    changed(folder / "run" / "fold1" / "weights.safetensors")
    code, out, err = call(folder, "--shard", "1/2", "-q")
    fact = "  run                 other/run/fold1\n  weights and tracks  HASH there, HASH here\n"
    assert (code, out, without_hashes(err)) == (1, "", message.replace(split, fact))
    # Without a look at its own shard, joining finds it too.
    assert call(folder, "--shard", "2/2", "-q", "--out", "mixed")[0] == 0
    shutil.copy("evaluation/shard-1-of-2.safetensors", "mixed")
    code, out, err = call(folder, "--join", "--out", "mixed")
    mixed = message.replace(split, fact).replace("evaluation/", "mixed/")
    assert (code, out, without_hashes(err)) == (1, "", mixed)


def changed(weights: Path) -> None:
    """The same file with the other sign of every weight."""
    tensors = safetensors.torch.load_file(weights)
    with safetensors.safe_open(weights, framework="pt") as file:
        about = file.metadata()
    tensors = {name: -value for name, value in tensors.items()}
    safetensors.torch.save_file(tensors, weights, about)


def without_hashes(text: str) -> str:
    words = []
    for word in text.split(" "):
        is_hash = len(word) == 16 and set(word) <= set("0123456789abcdef")
        words.append("HASH" if is_hash else word)
    return " ".join(words)


def test_a_damaged_shard(tagged: Path, call: Call) -> None:
    path = Path("evaluation/shard-1-of-2.safetensors")
    path.parent.mkdir()
    safetensors.torch.save_file({"words": torch.zeros(3, dtype=torch.uint8)}, path)
    assert call(tagged, "--shard", "1/2", "-q") == (
        1,
        "",
        "'evaluation/shard-1-of-2.safetensors' is not a shard of an evaluation: it is not one of ours\n"
        "  help: remove the file, and evaluate this shard again     [E637]\n",
    )


@pytest.fixture
def whole_file(tmp_path: Path) -> bytes:
    figures = {
        "a/b.wav": {"f": 0.1, "nan": float("nan"), "list": [1, 2.5]},
        "ü": {"vectors": torch.arange(6.0).reshape(1, 2, 3), "n": 1},
    }
    parts = [
        PartOfRun("d1", figures, []),
        PartOfRun("d2", {}, [("E401", "it is gone")]),
    ]
    path = ShardFile(Shard(2, 5), {"corpus": "noise"}, parts).save(tmp_path)
    return path.read_bytes()


@pytest.mark.usefixtures("whole_file")
def test_a_file_holds_what_was_written(tmp_path: Path) -> None:
    found = ShardFile.load(tmp_path, Shard(2, 5))
    assert (found.shard, found.about, found.failed) == ((2, 5), {"corpus": "noise"}, True)  # fmt: skip
    first, second = found.runs
    assert np.isnan(first.figures["a/b.wav"].pop("nan"))
    assert first.figures["a/b.wav"] == {"f": 0.1, "list": [1, 2.5]}
    vectors = first.figures["ü"].pop("vectors")
    assert torch.equal(vectors, torch.arange(6.0).reshape(1, 2, 3))
    assert (second.figures, [str(one) for one in second.errors()]) == (
        {},
        ["it is gone\n  [E401]"],
    )


def test_every_beginning_of_a_file_is_refused(
    whole_file: bytes, tmp_path: Path
) -> None:
    path = tmp_path / "shard-2-of-5.safetensors"
    for length in range(0, len(whole_file), 7):
        path.write_bytes(whole_file[:length])
        with pytest.raises(MirbricksError) as caught:
            ShardFile.load(tmp_path, Shard(2, 5))
        assert caught.value.code == "E637"
