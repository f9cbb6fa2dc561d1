"""No command replaces a file that it did not write itself: every one of them in a folder full of the user's own."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

import mirbricks as mb
from mirbricks.cli import main
from mirbricks.data.synth.polyphony import synthesise_polyphony

QUICK = ["train.steps=2", "train.validate_every=2", "train.batch_size=2"]
QUICK += ["dataset.folds=3", "task.patch_frames=48"]
SETS = [word for one in QUICK for word in ("--set", one)]
BITTNER = Path(mb.__file__).parent / "tests" / "compiler" / "dialect" / "bittner.yaml"

# every name that a command writes, or might
RUN_FILES = ["graph.yaml", "resolved.yaml", "settings.json", "state.pt", "report.html"]
RUN_FILES += ["metrics.jsonl", "weights.safetensors", "card.md", ".lock"]
PREDICTED = ["song.png", "song.f0.txt", "song.notes.csv"]
CORPUS_FILES = ["clips.pyjama", "clips_audio.hdf5", "polyphony.pyjama"]
CORPUS_FILES += ["polyphony_audio.hdf5", "info.png", "about.png"]
BLOCK_FILES = ["gated_conv.py", "test_gated_conv.py", "gated_conv.yaml"]
DECOYS = [*RUN_FILES, *PREDICTED, *CORPUS_FILES, *BLOCK_FILES]


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A corpus, two runs, a song: what the commands take."""
    folder = tmp_path_factory.mktemp("shared")
    synthesise_polyphony(folder / "clips", n_clips=3, seconds=3.0)
    rng = np.random.default_rng(0)
    wave = 0.1 * rng.standard_normal(22050).astype(np.float32)
    soundfile.write(folder / "song.wav", wave, 22050)
    for seed in (0, 1):
        words = ["train", "mpe_small", "--data", str(folder / "clips")]
        words += ["--out", str(folder / f"run{seed}"), "--jobs", "1", *SETS]
        words += ["--cache", str(folder / "cache"), "--set", f"train.seed={seed}"]
        assert main(words) == 0
    return folder


def digests(folder: Path) -> dict[str, str]:
    """What each file below a folder holds."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            name = str(path.relative_to(folder))
            found[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def commands(shared: Path) -> Iterator[tuple[str, list[str]]]:
    """Each command that writes, its output in the folder `mine` or at a file in it."""
    clips = str(shared / "clips")
    run = str(shared / "run0")
    data = ["--data", clips, "--cache", str(shared / "cache"), "--jobs", "1"]
    yield "train", ["train", "mpe_small", *data, "--out", "mine", *SETS]
    yield "resume", ["train", "mpe_small", *data, "--out", "mine", "--resume", *SETS]
    yield "demo", ["demo", *data, "--out", "mine", *SETS]
    yield "predict", ["predict", run, str(shared / "song.wav"), "--out", "mine"]
    yield "pack", ["pack", run, "--out", "mine"]
    yield "ensemble", ["ensemble", run, str(shared / "run1"), "--out", "mine"]
    yield "index", ["index", "zoo:covers_move", *data, "--out", "mine/song.png"]
    yield "draw", ["draw", "mpe_small", "--out", "mine/song.svg"]
    yield "explain", ["explain", "Conv2d", "--picture", "mine/song.svg"]
    yield "eject", ["eject", "mpe_small", "--out", "mine/gated_conv.py"]
    to_torch = ["--to", "torch-export", "--out", "mine/state.pt"]
    yield "export", ["export", "mpe_small", "--run", run, *to_torch]
    migrated = ["--input", "1,6,360,64", "--out", "mine/graph.yaml"]
    yield "migrate", ["migrate", str(BITTNER), *migrated]
    yield "new-block", ["new-block", "GatedConv", "--dir", "mine"]
    yield "data synth", ["data", "synth", "polyphony", "--out", "mine", "--n", "1"]
    yield "data import", ["data", "import", "folders", str(shared), "--out", "mine"]
    to_room = ["--by", "chain.yaml", "--out", "mine"]
    yield "data augment", ["data", "augment", clips, *to_room]
    yield "data export", ["data", "export", "lab", clips, "--out", "mine"]
    yield "data info", ["data", "info", clips, "--out", "mine"]


NAMES = [name for name, _ in commands(Path("shared"))]


def exit_code(words: list[str]) -> object:
    try:
        return main(words)
    except SystemExit as error:
        return error.code


@pytest.mark.parametrize("name", NAMES)
def test_the_users_files_are_as_they_were(
    name: str, shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("chain.yaml").write_text("augment: [{Gain: {min_db: -6.0, max_db: 6.0}}]")
    Path("mine").mkdir()
    for decoy in [*DECOYS, "song.svg"]:
        Path("mine", decoy).write_text(f"the user's own {decoy}")
    before = digests(tmp_path)
    of_shared = digests(shared)
    words = dict(commands(shared))[name]
    for _ in range(2):  # and a second time, when the first may have left something
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            code = exit_code(words)
        assert code in (0, 1), f"wrong usage: {words}"
        after = digests(tmp_path)
        assert {path: after.get(path) for path in before} == before
    kept = {
        path: value for path, value in digests(shared).items() if "cache" not in path
    }
    assert {path: of_shared[path] for path in kept} == kept


@pytest.mark.parametrize("name", ["draw", "predict", "pack"])
def test_the_same_commands_write_where_nothing_is(
    name: str, shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the test above would hold for commands that never write."""
    monkeypatch.chdir(tmp_path)
    assert main(dict(commands(shared))[name]) == 0
    assert digests(tmp_path)


def test_predicting_twice_is_not_refused_and_another_model_replaces_nothing(
    shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    song = str(shared / "song.wav")
    assert main(["predict", str(shared / "run0"), song, "--out", "found"]) == 0
    first = digests(tmp_path)
    assert main(["predict", str(shared / "run0"), song, "--out", "found"]) == 0
    assert main(["predict", "zoo:mpe_maps", song, "--out", "found"]) == 1
    assert digests(tmp_path) == first
    words = ["predict", "zoo:mpe_maps", song, "--out", "found", "--replace"]
    assert main(words) == 0
    assert digests(tmp_path).keys() == first.keys()
    assert digests(tmp_path) != first
