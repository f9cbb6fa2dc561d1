"""The page of a listening test: sounds as they are, blind, alone in its folder; what does not fit is refused first."""

from __future__ import annotations

import base64
import doctest
import importlib
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

import mirbricks as mb
from mirbricks.cli import main
from mirbricks.data.stores.channels import read_channels
from mirbricks.errors import DataError
from mirbricks.workflows.listening.anchor import anchor_name, low_pass
from mirbricks.workflows.listening.make import Made, Options, make_page
from mirbricks.workflows.progress import Quiet

SR_HZ = 16000
ITEMS = ("note one", "two")


@pytest.fixture(autouse=True)
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three folders of two sounds: the originals, a copy with noise, and a rough one."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    for place, folder in enumerate(("original", "noisy", "rough")):
        Path(folder).mkdir()
        for item in ITEMS:
            tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(4000) / SR_HZ)
            noise = 0.01 * place * rng.standard_normal(4000)
            soundfile.write(f"{folder}/{item}.wav", tone + noise, SR_HZ)


def page(*given: str, out: str = "page", **settings: Any) -> Made:
    return make_page(given, Path(out), Options(**settings), Quiet())


def content(out: str = "page") -> dict[str, Any]:
    html = Path(out, "index.html").read_text()
    found = re.search(
        r'<script type="application/json" id="content">(.*?)</script>', html
    )
    assert found is not None
    read: dict[str, Any] = json.loads(found[1])
    read["names"] = json.loads(base64.b64decode(read["names"]))
    return read


def heard(key: str, out: str = "page") -> tuple[np.ndarray, int]:
    """The samples (C, N) as whole numbers of 16 bits, and their rate."""
    text = Path(out, "sounds", f"{key}.js").read_text()
    found = re.fullmatch(r'listening\.give\("(\w+)",(\d+),(\d+),"(.*)"\);\n', text)
    assert found is not None
    assert found[1] == key
    samples = np.frombuffer(base64.b64decode(found[4]), dtype="<i2")
    return samples.reshape(-1, int(found[3])).T, int(found[2])


def test_mushra_has_a_hidden_reference_and_an_anchor_per_item() -> None:
    made = page("noisy", "rough", reference="original")
    assert made.systems == ["noisy", "rough", "anchor 3.5 kHz", "reference"]
    read = content()
    assert [one["item"] for one in read["items"]] == list(ITEMS)
    for one in read["items"]:
        assert len(one["stimuli"]) == 4
        assert one["reference"] in one["stimuli"]
        assert read["names"][one["reference"]] == [one["item"], "reference"]
    assert len(list(Path("page/sounds").iterdir())) == 8


@pytest.mark.filterwarnings("ignore:the le")
def test_sounds_are_those_of_the_files_to_the_last_bit() -> None:
    soundfile.write("noisy/two.wav", np.full((300, 2), [0.25, -0.75]), 22050)
    page("noisy", "rough", test="mos")
    for key, (item, system) in content()["names"].items():
        samples, rate = heard(key)
        expected, sr_hz = read_channels(f"{system}/{item}.wav")
        assert rate == sr_hz
        np.testing.assert_array_equal(samples, np.rint(expected * 32767))


def test_the_page_is_blind_and_needs_no_network() -> None:
    page("noisy", "rough", reference="original", title="<b>& </script>")
    html = Path("page/index.html").read_text()
    for name in ("noisy", "rough", "reference</", "anchor 3.5"):
        assert name not in html
    assert "https:" not in html
    assert "http:" not in html
    assert "src=" not in html
    assert html.count("</script>") == 2
    assert content()["title"] == "<b>& </script>"


def test_the_same_command_makes_the_same_page_and_another_seed_another_test() -> None:
    for out in ("one", "same"):
        page("noisy", "rough", test="abx", out=out)
    assert Path("one/index.html").read_bytes() == Path("same/index.html").read_bytes()
    page("noisy", "rough", test="abx", seed=1, out="other")
    assert content("other")["page"] != content("one")["page"]
    assert set(content("other")["names"]).isdisjoint(content("one")["names"])


@pytest.mark.parametrize("sr_hz", [9000, 16000, 44100])
def test_the_anchor_keeps_within_the_mask_of_the_recommendation(sr_hz: int) -> None:
    impulse = np.zeros((1, sr_hz), dtype=np.float32)
    impulse[0, sr_hz // 2] = 1.0
    response = np.abs(np.fft.rfft(low_pass(impulse, sr_hz, 3500)[0]))  # 1 Hz a bin
    decibels = 20 * np.log10(np.maximum(response, 1e-9))
    assert np.abs(decibels[:3501]).max() <= 0.1
    assert decibels[4000:].max() <= -25.0
    assert decibels[4500:].max() <= -50.0


def test_the_anchor_is_not_late_and_not_shorter() -> None:
    noise = np.random.default_rng(0).standard_normal((2, 3001)).astype(np.float32)
    filtered = low_pass(noise, 44100, 3500)
    assert filtered.shape == noise.shape
    for before, after in zip(noise, filtered, strict=True):
        overlap = np.correlate(after, before, mode="full")
        assert int(overlap.argmax()) == len(before) - 1


@pytest.mark.filterwarnings("ignore:the levels of the systems differ")
def test_levels_are_changed_only_where_it_was_asked_for() -> None:
    for item in ITEMS:
        samples, _ = soundfile.read(f"noisy/{item}.wav")
        soundfile.write(f"noisy/{item}.wav", 0.1 * samples, SR_HZ)
    page("noisy", "rough", test="mos", out="as_is")
    page("noisy", "rough", test="mos", match_levels=True, out="even")
    for out, ratio in (("as_is", 10.0), ("even", 1.0)):
        levels: dict[str, float] = {}
        for key, (item, system) in content(out)["names"].items():
            if item == "two":
                levels[system] = float(np.std(heard(key, out)[0]))
        assert levels["rough"] / levels["noisy"] == pytest.approx(ratio, rel=0.02)


def test_uneven_levels_and_lengths_are_reported() -> None:
    samples, _ = soundfile.read("noisy/two.wav")
    soundfile.write("noisy/two.wav", 0.2 * samples[:2000], SR_HZ)
    with pytest.warns(UserWarning, match="differ") as caught:
        page("noisy", "rough", reference="original")
    texts = [str(one.message) for one in caught]
    assert any(
        "levels of the systems differ" in one and "'two'" in one for one in texts
    )
    assert "the lengths of the systems differ in 'two'" in texts


@pytest.mark.parametrize(
    ("given", "settings", "message"),
    [
        (
            ["noisy", "short"],
            {"test": "mos"},
            "the folders do not hold the same sounds\n"
            "  'short'  has no 'two'\n"
            "  help: add the missing files, or take them out of the other folders     [E640]",
        ),
        (
            ["noisy"],
            {},
            "a MUSHRA test needs a reference\n"
            "  help: add --reference DIR with the original sounds, or choose --test mos     [E641]",
        ),
        (
            ["noisy", "rough", "original"],
            {"test": "abx"},
            "an ABX test compares two folders, got 3 folders\n"
            "  help: give the reference as one of the two folders; --test mushra compares several     [E641]",
        ),
        (
            ["noisy", "other/noisy"],
            {"test": "abx"},
            "two folders are called 'noisy'\n  help: name the system: other_name=other/noisy     [E641]",
        ),
        (
            ["nowhere", "noisy"],
            {"test": "abx"},
            "there is no folder 'nowhere'\n"
            "  help: give a folder per system with wav, flac, ogg or mp3 files     [E640]",
        ),
        (
            ["empty", "noisy"],
            {"test": "abx"},
            "there is no audio file in 'empty'\n"
            "  help: give a folder per system with wav, flac, ogg or mp3 files     [E640]",
        ),
        (
            ["noisy"],
            {"reference": "original", "anchors_hz": (7500,)},
            "no anchor at 7500 Hz can be made of the reference 'note one', whose sample rate is 16000 Hz\n"
            "  expected  a sample rate of 17143 Hz or more\n"
            "  help: give a lower --anchor, such as a quarter of the sample rate     [E642]",
        ),
    ],
    ids=[
        "missing file",
        "no reference",
        "three",
        "one name",
        "no folder",
        "empty",
        "narrow band",
    ],
)
def test_what_does_not_fit_is_refused(
    given: list[str], settings: dict[str, Any], message: str
) -> None:
    for folder in ("short", "other/noisy", "empty"):
        Path(folder).mkdir(parents=True)
    soundfile.write("short/note one.wav", np.zeros(10), SR_HZ)
    soundfile.write("other/noisy/note one.wav", np.zeros(10), SR_HZ)
    with pytest.raises(DataError) as caught:
        page(*given, **settings)
    assert str(caught.value) == message
    assert not Path("page", "index.html").exists()


def test_a_folder_with_something_in_it_is_left_alone() -> None:
    Path("page").mkdir()
    Path("page/mine.txt").write_text("mine")
    with pytest.raises(DataError, match="'page' already exists") as caught:
        page("noisy", "rough", test="abx")
    assert caught.value.code == "E191"
    assert [one.name for one in Path("page").iterdir()] == ["mine.txt"]


def test_a_system_may_have_a_name_of_its_own() -> None:
    made = page("ours=noisy", "theirs=rough", test="abx")
    assert made.systems == ["ours", "theirs"]


def test_a_folder_may_be_called_reference_where_none_is_hidden() -> None:
    Path("reference").symlink_to("original")
    made = page("reference", "noisy", test="abx")
    assert made.systems == ["reference", "noisy"]
    with pytest.raises(DataError, match="two folders are called 'reference'"):
        page("reference", "noisy", reference="reference", out="other")


def test_the_command_names_the_page(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["listen", "noisy", "rough", "--reference", "original", "--out", "page"]
    assert main([*words, "--anchor", "3500", "--anchor", "6000"]) == 0
    printed = capsys.readouterr().out
    assert "page/index.html: 2 items, noisy, rough, anchor 3.5 kHz" in printed
    assert anchor_name(6000) in printed
    assert main(["listen", "noisy"]) == 1
    assert "a page needs folders of sounds and --out" in capsys.readouterr().err


def test_the_function_writes_the_page_of_the_command() -> None:
    words = ["listen", "noisy", "rough", "--test", "abx", "--trials", "3"]
    assert main([*words, "--seed", "5", "--out", "shell"]) == 0
    index = mb.listening_page(
        ["noisy", Path("rough")], "python", test="abx", trials=3, seed=5
    )
    assert index.read_bytes() == Path("shell/index.html").read_bytes()
    for given in ({"test": "ab"}, {"trials": 0}, {"seed": True}, {"match_levels": 1}):
        with pytest.raises(DataError) as caught:
            mb.listening_page("noisy", "other", **given)  # type: ignore[arg-type]  # wrong on purpose
        assert caught.value.code == "E437"


def test_the_examples_run() -> None:
    for ours, folder in (("clips_a", "noisy"), ("clips_b", "rough")):
        Path(ours).symlink_to(folder)
    rows = ["page,test,listener,trial,item,system,answer,score,seconds"]
    rows += [
        f"p,mos,ann,1,{item},ours,,{score},1" for item, score in (("a", 4), ("b", 3))
    ]
    Path("answers.csv").write_text("\n".join(rows))
    found = doctest.testmod(
        importlib.import_module("mirbricks.workflows.listening.front")
    )
    assert found.attempted
    assert not found.failed
