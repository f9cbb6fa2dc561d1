"""The commands data import, data export and data kinds."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
import soundfile

from mirbricks.cli import main
from mirbricks.data.corpus import Corpus
from mirbricks.data.importers import contract

SR_HZ = 8000
MINE = '''
from mirbricks.data.importers import ImportOptions, Importer, Recording, importer
from mirbricks.data.pyjama.file import Atom, Definition

class NamedOptions(ImportOptions):
    mark: str = " - "

@importer("named", "wav files called ARTIST - TITLE.wav")
class Named(Importer):
    """My own."""
    Options = NamedOptions
    definitions = {"artist": Definition("global", "text")}

    def recordings(self, source):
        for path in sorted(source.glob("*.wav")):
            yield Recording(path.name, (path,), {"artist": [Atom(path.stem.partition(self.options.mark)[0])]})
'''


@pytest.fixture(autouse=True)
def _corpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("dog/a 1.wav", "rain/b.wav"):
        Path("src", name).parent.mkdir(parents=True)
        soundfile.write(Path("src", name), np.linspace(-0.5, 0.5, SR_HZ), SR_HZ)


def test_in_and_out(capsys: pytest.CaptureFixture[str]) -> None:
    Path("src/rain/x.wav").write_text("no audio")
    Path("src/rain/y.wav").write_text("no audio")
    Path("src/z.wma").touch()
    assert (
        main(["data", "import", "folders", "src", "--out", "one", "--jobs", "1"]) == 0
    )
    assert capsys.readouterr().out == (
        "src: 2 recordings, 0.0 min, in one\n"
        f"left out: 3, all listed in {Path('one/import_report.json')}\n"
        "  2 × E430, the first: cannot read the audio file 'src/rain/x.wav': Format not recognised\n"
        "  1 × E433: 'src/z.wma' is audio of a kind that is not read\n"
    )
    assert len(json.loads(Path("one/import_report.json").read_text())["left_out"]) == 3
    assert main(["data", "export", "folders", "one", "--out", "back"]) == 0
    assert capsys.readouterr().out == "2 recordings, 2 audio files in back\n"
    assert main(["data", "export", "lab", "one", "--out", "labs"]) == 0
    assert capsys.readouterr().out == (
        "2 recordings, 2 audio files in labs\n"
        "  1 × E469: 'lab' has no place for the annotation 'class' of 2 recordings\n"
    )


def test_strict(capsys: pytest.CaptureFixture[str]) -> None:
    command = ["data", "import", "folders", "src", "--jobs", "1", "--strict", "--out"]
    assert main([*command, "one"]) == 0
    Path("src/z.wma").touch()
    assert main([*command, "two"]) == 1
    assert len(Corpus.open("two")) == 2
    capsys.readouterr()


def test_another_rate(capsys: pytest.CaptureFixture[str]) -> None:
    command = [
        "data",
        "import",
        "folders",
        "src",
        "--out",
        "one",
        "--name",
        "mine",
        "--jobs",
        "1",
    ]
    assert main([*command, "--sr", "4000"]) == 0
    corpus = Corpus.open("one")
    assert corpus.name == "mine"
    samples, sr_hz = corpus["rain/b.wav"].read()
    assert (len(samples), sr_hz) == (SR_HZ // 2, 4000)
    np.testing.assert_allclose(
        samples[500:-500], np.linspace(-0.5, 0.5, SR_HZ)[::2][500:-500], atol=1e-3
    )
    capsys.readouterr()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ["folders", "nowhere", "--out", "o"],
            "there is nothing at 'nowhere'\n  help: check the path     [E462]\n",
        ),
        (
            ["foldres", "src", "--out", "o"],
            "there is no importer 'foldres'\n  help: did you mean 'folders'?     [E461]\n",
        ),
        (
            ["lab", "src", "--out", "o"],
            "nothing in 'src' can be imported as 'lab'\n"
            "  left out  2 × E465, the first: 'src/dog/a 1.wav' has no annotation: no .lab file of its name\n"
            "  help: 'lab' reads audio, and .lab files of `onset offset label`: chords, the parts of a song"
            "     [E462]\n",
        ),
    ],
)
def test_what_cannot_be(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["data", "import", *words]) == 1
    assert capsys.readouterr().err == said
    assert not Path("o").exists()


@pytest.mark.parametrize(
    "words", ["--name a/b", "--name .a", "--sr 10", "--sr x", "--jobs 0"]
)
def test_wrong_usage(words: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["data", "import", "folders", "src", "--out", "o", *words.split()])
    assert stopped.value.code == 2
    assert words.split()[0] in capsys.readouterr().err


def test_an_importer_of_ones_own(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contract.IMPORTERS, "known", contract.kinds())
    monkeypatch.syspath_prepend(os.curdir)
    Path("my_importer.py").write_text(MINE)
    Path("src/Ann_Song.wav").write_bytes(Path("src/rain/b.wav").read_bytes())
    words = [
        "data",
        "import",
        "named",
        "src",
        "--out",
        "one",
        "--plugin",
        "my_importer",
        "--set",
        "mark=_",
    ]
    assert main(words) == 0
    assert Corpus.open("one")["Ann_Song.wav"].entry.first("artist") == "Ann"
    assert main(["data", "kinds", "named", "--plugin", "my_importer"]) == 0
    assert (
        "named: wav files called ARTIST - TITLE.wav\n  --set mark=...  default:  - \n"
        in capsys.readouterr().out
    )


def test_kinds(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "kinds"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 10
    names = [line.split()[0] for line in lines]
    assert names == sorted(names)
    assert (
        lines[names.index("folders")]
        == "folders  audio in a folder for each class, or in folders of several levels"
    )
    assert lines[names.index("mirdata")].endswith("(import only)")
    assert main(["data", "kinds", "stems"]) == 0
    assert capsys.readouterr().out == (
        "stems: a folder for each track, with mixture.wav and its stems, or TRACK.stem.mp4\n"
        "  --set mixture=...  the name of the mix in each folder, without ending\n"
        "  --set streams=...  what the streams of a .stem.mp4 are, in their order; default: those of MUSDB18\n"
    )
    assert main(["data", "kinds", "stem"]) == 1
    assert (
        capsys.readouterr().err
        == "there is no importer 'stem'\n  help: did you mean 'stems'?     [E461]\n"
    )
