"""The command data augment: copies that keep their annotations, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mirbricks.cli import main
from mirbricks.data.corpus import Corpus
from mirbricks.data.pyjama.file import Atom, Definition, Entry, Pyjama
from mirbricks.data.stores.hdf5 import write_audio

Capture = pytest.CaptureFixture[str]
LOUDER = "augment:\n  - Gain: {min_db: 6, max_db: 6}\n"


@pytest.fixture
def notes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Corpus:
    monkeypatch.chdir(tmp_path)
    assert (
        main(
            [
                "data",
                "synth",
                "notes",
                "--out",
                "notes",
                "--n",
                "3",
                "--seconds",
                "1",
                "--jobs",
                "1",
            ]
        )
        == 0
    )
    Path("by.yaml").write_text(LOUDER, encoding="utf-8")
    return Corpus.open("notes")


def run(*words: str) -> int:
    return main(["data", "augment", "notes", "--out", "out", "--jobs", "1", *words])


def test_copies_sound_as_drawn_and_keep_their_annotations(
    notes: Corpus, capsys: Capture
) -> None:
    capsys.readouterr()
    assert run("--by", "by.yaml", "--copies", "2") == 0
    assert (
        capsys.readouterr().out == "augmenting: 6 done\n6 recordings, 0.1 min in out\n"
    )
    made = Corpus.open("out")
    assert made.name == "notes_augmented"
    assert [item.key for item in made.items[:3]] == [
        "note00000~0.wav",
        "note00000~1.wav",
        "note00001~0.wav",
    ]
    for number, item in enumerate(made.items):
        source = notes.items[number // 2]
        np.testing.assert_allclose(
            item.read()[0], source.read()[0] * 10 ** (6 / 20), rtol=1e-5
        )
        assert item.sr_hz == source.sr_hz
        assert (
            item.group == source.group
        )  # no copy is on another side of a split than its like
        assert item.entry.first("midi") == source.entry.first("midi")


def test_a_seed_and_the_number_of_processes(notes: Corpus) -> None:
    Path("noise.yaml").write_text("augment:\n  - Noise\n", encoding="utf-8")
    for out, words in (
        ("a", ["--jobs", "1"]),
        ("b", ["--jobs", "2"]),
        ("c", ["--jobs", "1", "--seed", "1"]),
    ):
        assert (
            main(
                [
                    "data",
                    "augment",
                    str(notes.folder),
                    "--by",
                    "noise.yaml",
                    "--out",
                    out,
                    *words,
                ]
            )
            == 0
        )
    a, b, c = (Corpus.open(out).items[1].read()[0] for out in "abc")
    assert np.array_equal(a, b)
    assert not np.array_equal(a, c)


def test_where(notes: Corpus, capsys: Capture) -> None:
    family = notes.items[1].entry.first("instrument")
    capsys.readouterr()
    assert (
        run("--by", "by.yaml", "--where", f"instrument={family}", "--name", "some") == 0
    )
    assert [item.entry.first("instrument") for item in Corpus.open("out").items] == [
        family
    ]
    found = ", ".join(sorted({item.entry.first("instrument") for item in notes.items}))
    capsys.readouterr()
    assert (
        main(
            [
                "data",
                "augment",
                "notes",
                "--by",
                "by.yaml",
                "--out",
                "no",
                "--where",
                "instrument=ukulele",
            ]
        )
        == 1
    )
    assert capsys.readouterr().err == (
        f"--where: no recording of 'notes' has the instrument 'ukulele'\n  help: there: {found}     [E471]\n"
    )
    assert (
        main(
            [
                "data",
                "augment",
                "notes",
                "--by",
                "by.yaml",
                "--out",
                "no",
                "--where",
                "side=train",
            ]
        )
        == 1
    )
    assert capsys.readouterr().err == (
        "--where: no recording of 'notes' has the side 'train'\n  help: there: nothing of that name     [E471]\n"
    )
    assert not Path("no").exists()


@pytest.mark.usefixtures("notes")
@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "augment:\n  - Smear\n",
            "by.yaml:1:1: Smear changes a spectrum, but here a waveform comes\n"
            "    1 | augment:\n"
            "      | ^^^^^^^\n"
            "  help: leave it out: here waveforms are changed whose annotations stay     [E106]\n",
        ),
        (
            "augment:\n  - TimeStretch\n",
            "by.yaml:1:1: TimeStretch moves notes and beats away from their annotations\n"
            "    1 | augment:\n"
            "      | ^^^^^^^\n"
            "  help: leave it out: here waveforms are changed whose annotations stay     [E106]\n",
        ),
        (
            "augmnt:\n  - Gain\n",
            "by.yaml:1:1: the file has no key 'augmnt'\n"
            "    1 | augmnt:\n"
            "      | ^^^^^^\n"
            "  help: did you mean 'augment'?     [E105]\n",
        ),
        (
            "augment: []\n",
            "by.yaml:1:10: the file: 'augment' must be a list of values, at least 1, got []\n"
            "    1 | augment: []\n"
            "      |          ^^\n"
            "  help: augment: augmentations of waveforms, in this order     [E106]\n",
        ),
    ],
    ids=["spectrum", "moves", "word", "empty"],
)
def test_a_file_that_does_not_fit(text: str, said: str, capsys: Capture) -> None:
    capsys.readouterr()
    Path("by.yaml").write_text(text, encoding="utf-8")
    assert run("--by", "by.yaml") == 1
    assert capsys.readouterr().err == said
    assert not Path("out").exists()


@pytest.mark.usefixtures("notes")
def test_no_corpus_is_overwritten(capsys: Capture) -> None:
    assert run("--by", "by.yaml") == 0
    capsys.readouterr()
    assert run("--by", "by.yaml") == 1
    assert capsys.readouterr().err == (
        "there is a corpus in 'out' already: notes_augmented.pyjama\n  help: choose another folder     [E470]\n"
    )
    assert run("--by", "none.yaml") == 1
    assert capsys.readouterr().err == (
        "there is no file 'none.yaml'\n  help: --by takes a YAML file with the list `augment:`     [E101]\n"
    )


@pytest.mark.parametrize("words", [["--where", "split"], ["--copies", "0"]])
def test_wrong_usage(words: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        run("--by", "by.yaml", *words)
    assert ended.value.code == 2


def test_copies_keep_their_channels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    stereo = np.random.default_rng(0).uniform(-0.1, 0.1, (2, 4000)).astype(np.float32)
    write_audio(
        "notes/n_audio.hdf5", [("a.wav", stereo, 8000), ("b.wav", stereo[0], 8000)]
    )
    entries = [Entry({"filepath": (Atom(key),)}) for key in ("a.wav", "b.wav")]
    Pyjama({"filepath": Definition("global", "text")}, entries).save("notes/n.pyjama")
    Path("by.yaml").write_text(
        LOUDER + "  - SwapChannels: {probability: 1}\n", encoding="utf-8"
    )
    assert run("--by", "by.yaml") == 0
    wide, mono = Corpus.open("out").items
    louder = np.float32(10 ** (6 / 20)) * stereo
    np.testing.assert_allclose(wide.read_channels()[0], louder[::-1], rtol=1e-6)
    np.testing.assert_allclose(mono.read_channels()[0], louder[:1], rtol=1e-6)
