"""What an import leaves out, and what it refuses, in words."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mirbricks.data.corpus import Corpus
from mirbricks.data.importers import Recording
from mirbricks.data.importers.contract import importer_of
from mirbricks.data.importing.corpus import How, import_recordings
from mirbricks.data.importing.finding import find_recordings
from mirbricks.data.pyjama.file import Atom
from mirbricks.errors import DataError


def refused(call: Callable[[], object]) -> str:
    with pytest.raises(DataError) as caught:
        call()
    return str(caught.value)


def test_what_cannot_be_used_is_left_out_and_said(sound: Any, given: Any) -> None:
    sound("a.wav"), sound("b.wav", 0.5), sound("m.wav")
    Path("bad.wav").write_text("no audio")
    late = {"chord": [Atom("N", 0.0, 0.75)]}
    report = given(
        Recording("a.wav", (Path("a.wav"),)),
        Recording("bad.wav", (Path("bad.wav"),)),
        Recording("gone.wav", (Path("gone.wav"),)),
        Recording("b.wav", (Path("b.wav"),), late),
        Recording("stem.wav", (Path("m.wav"),), {"stem_of": [Atom("bad.wav")]}),
        Recording("a.wav", (Path("b.wav"),)),
        Recording("../a.wav", (Path("a.wav"),)),
        Recording("a.wav/b.wav", (Path("b.wav"),)),
        DataError("'x.m4a' is audio of a kind that is not read", code="E433"),
        Recording("m.wav", (Path("m.wav"),)),
    )
    assert [item.key for item in Corpus.open("out").items] == ["a.wav/b.wav", "m.wav"]
    assert [(error.code, error.message) for error in report.left_out] == [
        ("E407", "two recordings have the key 'a.wav': 'a.wav', 'b.wav'"),
        ("E433", "'../a.wav' cannot be the key of a recording"),
        ("E433", "'x.m4a' is audio of a kind that is not read"),
        ("E433", "'a.wav' is a recording and, for other recordings, a folder"),
        ("E430", "cannot read the audio file 'bad.wav': Format not recognised"),
        ("E466", "there is no audio file 'gone.wav'"),
        ("E412", "annotation 'chord' of 'b.wav' ends at 0.750 s, its audio at 0.500 s"),
        ("E413", "'stem.wav' is a stem of 'bad.wav', which is left out"),
    ]


def test_nothing_is_overwritten(sound: Any, given: Any) -> None:
    sound("a.wav")
    recording = Recording("a.wav", (Path("a.wav"),))
    given(recording)
    assert refused(lambda: given(recording)) == (
        "'out' holds 'it.pyjama' already\n  help: give another folder: nothing is overwritten     [E467]"
    )
    Path("out/it.pyjama").unlink()
    assert "'out' holds 'it_audio.hdf5' already" in refused(lambda: given(recording))


def test_nothing_to_import(given: Any, found: Any) -> None:
    assert refused(lambda: find_recordings(importer_of("folders"), "nowhere")) == (
        "there is nothing at 'nowhere'\n  help: check the path     [E462]"
    )
    assert refused(lambda: found()) == (
        "nothing in '.' can be imported as 'given'\n  help: 'given' reads what it is given     [E462]"
    )
    Path("bad.wav").write_text("no audio")
    assert refused(lambda: given(Recording("bad.wav", (Path("bad.wav"),)))) == (
        "nothing in '.' can be imported as 'given'\n"
        "  left out  1 × E430: cannot read the audio file 'bad.wav': Format not recognised\n"
        "  help: 'given' reads what it is given     [E462]"
    )
    assert not Path("out/.it.import").exists()


def test_no_permission(sound: Any, unprivileged: Any) -> None:
    sound("src/c/a.wav"), sound("src/d/b.wav"), sound("src/d/c.wav")
    Path("src/c").chmod(0)
    Path("src/d/b.wav").chmod(0)
    Path("free").mkdir(mode=0o777)
    Path("free").chmod(0o777)
    Path("closed").mkdir(mode=0o755)
    Path("shut/src").mkdir(parents=True)
    Path("shut").chmod(0)
    importer = importer_of("folders")  # imports need rights too
    with unprivileged():
        found = find_recordings(importer, "src")
        report = import_recordings(found, "free/out", "it", How(n_jobs=1))
        assert [str(error) for error in report.left_out] == [
            "cannot read 'src/c': Permission denied\n"
            "  help: give yourself the right to read it, and to enter the folders above it     [E409]",
            "cannot read the audio file 'src/d/b.wav': Permission denied\n"
            "  help: give yourself the right to read it, and to enter the folders above it     [E430]",
        ]
        assert refused(lambda: import_recordings(found, "closed/out", "it")) == (
            "cannot write into the folder 'closed/out': Permission denied\n"
            "  help: choose a folder that can be written     [E408]"
        )
        assert refused(lambda: find_recordings(importer, "shut/src")).startswith(
            "cannot read 'shut/src'"
        )
