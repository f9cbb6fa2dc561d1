"""Two imports into one folder, and imports that were killed: nothing is mixed, nothing stays behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mirbricks.data.corpus import Corpus
from mirbricks.data.importers import Recording
from mirbricks.data.importing import corpus as import_corpus
from mirbricks.data.importing.corpus import LOCK
from mirbricks.data.stores.locks import lock
from mirbricks.errors import DataError

Call = Callable[..., Any]
WRITTEN = ["import_report.json", "it.pyjama", "it_audio.hdf5"]


def listed(folder: str) -> list[str]:
    return sorted(path.name for path in Path(folder).iterdir())


def test_a_second_import_waits(sound: Call, given: Call) -> None:
    sound("a.wav")
    recording = Recording("a.wav", (Path("a.wav"),))
    with lock(Path("out") / LOCK), pytest.raises(DataError) as caught:
        given(recording)
    owner = f"process {os.getpid()} on "
    assert str(caught.value).startswith(f"another import writes into 'out' ({owner}")
    assert caught.value.code == "E434"
    given(recording)
    assert listed("out") == WRITTEN


def test_killed_when_all_was_written(
    sound: Call, given: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    """NAME.pyjama is there, and so is the folder of the import: the same command ends what is left to do."""
    sound("a.wav")
    recording = Recording("a.wav", (Path("a.wav"),), {"chord": []})

    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(import_corpus.shutil, "rmtree", interrupt)
        with pytest.raises(KeyboardInterrupt):
            given(recording)
    assert listed("out") == [".it.import", *WRITTEN]
    before = Path("out/it_audio.hdf5").stat().st_mtime_ns
    report = given(recording)
    assert (report.n_recordings, listed("out")) == (1, WRITTEN)
    assert Path("out/it_audio.hdf5").stat().st_mtime_ns == before
    with pytest.raises(DataError) as caught:
        given(recording)
    assert caught.value.code == "E467"


@pytest.mark.parametrize("left", [[], ["written"]])
def test_killed_while_the_staging_folder_was_removed(
    left: list[str], sound: Call, given: Call
) -> None:
    sound("a.wav")
    recording = Recording("a.wav", (Path("a.wav"),), {"chord": []})
    given(recording)
    Path("out/.it.import").mkdir()
    for name in left:
        Path("out/.it.import", name).touch()
    assert given(recording).n_recordings == 1
    assert listed("out") == WRITTEN


@pytest.mark.parametrize("change", ["the .pyjama", "the rate", "the recordings"])
def test_but_it_takes_nothing_for_its_own_that_has_changed(
    change: str, sound: Call, given: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    sound("a.wav"), sound("b.wav")
    first = Recording("a.wav", (Path("a.wav"),))
    with monkeypatch.context() as patch:
        patch.setattr(import_corpus.shutil, "rmtree", lambda *_, **__: None)
        given(first)
    recordings = [first]
    if change == "the .pyjama":
        text = Path("out/it.pyjama").read_text()
        Path("out/it.pyjama").write_text(text.replace("1.", "1.0", 1) + "\n")
    elif change == "the rate":
        sound("a.wav", sr_hz=11025)
    else:
        recordings.append(Recording("b.wav", (Path("b.wav"),)))
    before = Path("out/it.pyjama").read_bytes()
    with pytest.raises(DataError) as caught:
        given(*recordings)
    assert caught.value.code == "E467"
    assert Path("out/it.pyjama").read_bytes() == before


KILLED = """
import os, signal
from pathlib import Path
from mirbricks.data.importers.contract import importer_of
from mirbricks.data.importing.corpus import How, import_recordings
from mirbricks.data.importing.finding import find_recordings
from mirbricks.data.stores import hdf5

refuse = hdf5.refuse_nan
def die(values, what, *more):
    if "it_audio" in what:
        os.kill(os.getpid(), signal.SIGKILL)
    return refuse(values, what, *more)
hdf5.refuse_nan = die
import_recordings(find_recordings(importer_of("folders"), "src"), "out", "it", How(n_jobs=1))
"""


def test_killed_while_the_audio_is_written(sound: Call, bring_in: Call) -> None:
    """The part that a killed process has left, as large as the corpus, is gone after the next import."""
    sound("src/c/a.wav")
    run = subprocess.run([sys.executable, "-c", KILLED], check=False)
    assert run.returncode == -signal.SIGKILL
    left = listed("out")
    assert [name for name in left if name.endswith(".part")]
    assert LOCK in left
    bring_in("folders", "src", "out")
    assert listed("out") == WRITTEN
    assert len(Corpus.open("out")) == 1


def test_a_killed_export_leaves_nothing_for_ever(
    sound: Call, bring_in: Call, take_out: Call
) -> None:
    sound("src/c/a.wav")
    bring_in("folders", "src", "one")
    script = "import os; print(os.getpid())"
    command = [sys.executable, "-c", script]
    dead = subprocess.run(command, capture_output=True, text=True, check=True)
    parts = [
        Path(f".back.{dead.stdout.strip()}.part"),
        Path(f".back.{os.getppid()}.part"),
    ]
    for part in parts:
        part.mkdir()
        (part / "half.wav").touch()
    take_out("folders", "one", "back")
    assert [part.exists() for part in parts] == [False, True]
