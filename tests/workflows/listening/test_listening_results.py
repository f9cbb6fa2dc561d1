"""The results of listening tests: from the page's csv files to means, intervals and paired tests."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from mirbricks.cli import main
from mirbricks.errors import DataError
from mirbricks.workflows.listening.results import results_of

HEAD = "page,test,listener,trial,item,system,answer,score,seconds"
N_ITEMS = 5
TRUE = {"reference": 97.0, "good": 80.0, "poor": 40.0, "anchor 3.5 kHz": 20.0}


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def mushra(listener: str, seed: int, reference: float = 97.0, page: str = "m-1") -> str:
    """The file of a listener who hears what is true, with some spread."""
    rng = np.random.default_rng(seed)
    lines = [HEAD]
    for item in range(N_ITEMS):
        for system, mean in {**TRUE, "reference": reference}.items():
            score = float(np.clip(round(mean + rng.normal(0, 2)), 0, 100))
            row = [page, "mushra", listener, str(item + 1), f"note {item}", system]
            lines.append(",".join([*row, "", f"{score:g}", "9.5"]))
    path = f"{listener}.csv"
    Path(path).write_text("\r\n".join(lines) + "\r\n")
    return path


def test_means_of_listeners_and_their_pairs() -> None:
    files = [mushra(f"listener{i}", i) for i in range(8)]
    found = results_of(files)
    assert list(found.systems) == ["reference", "good", "poor", "anchor 3.5 kHz"]
    for name, mean in found.systems.items():
        assert mean.value == pytest.approx(TRUE[name], abs=1.5)
        assert mean.low < mean.value < mean.high
        assert mean.n == 8
    assert len(found.pairs) == 6
    for pair in found.pairs:
        expected = TRUE[pair.first] - TRUE[pair.second]
        assert pair.test.difference.value == pytest.approx(expected, abs=2.5)
        assert pair.test.p_wilcoxon == pytest.approx(2 / 2**8)
        assert pair.p_holm == pytest.approx(6 * 2 / 2**8)
    assert found.left_out == {}


@pytest.mark.parametrize(
    ("unit", "n"), [("listeners", 3), ("items", 5), ("ratings", 15)]
)
def test_units_of_statistics(unit: str, n: int) -> None:
    files = [mushra(f"l{i}", i) for i in range(3)]
    found = results_of(files, unit=unit)  # type: ignore[arg-type]  # a word of the parameters
    assert {mean.n for mean in found.systems.values()} == {n}
    # Of equally many ratings each, all units have the same mean.
    whole = results_of(files, unit="ratings").systems
    for name, mean in found.systems.items():
        assert mean.value == pytest.approx(whole[name].value)
    few = n < 6
    assert any("signed-rank" in note for note in found.notes) == few


def test_who_does_not_find_the_reference_is_left_out_by_the_rule() -> None:
    files = [mushra("careful", 0), mushra("also", 1), mushra("deaf", 2, reference=60.0)]
    found = results_of(files)
    assert found.left_out == {
        "deaf": "rated the hidden reference below 90 in 100% of the items"
    }
    assert found.listeners == ["also", "careful"]
    kept = results_of(files, screen=False)
    assert len(kept.listeners) == 3
    assert kept.systems["reference"].value < found.systems["reference"].value


def test_who_rates_the_mid_anchor_as_excellent_is_left_out() -> None:
    path = Path(mushra("one", 0))
    other = Path(mushra("two", 1))
    for file, score in ((path, "95"), (other, "50")):
        rows = [
            f"m-1,mushra,{file.stem},{i},note {i},anchor 7 kHz,,{score},1"
            for i in range(N_ITEMS)
        ]
        file.write_text(file.read_text() + "\n".join(rows) + "\n")
    found = results_of([str(path), str(other)])
    assert found.left_out == {
        "one": "rated the mid-range anchor above 90 in 100% of the items"
    }


def abx(listener: str, answers: str) -> str:
    lines = [HEAD]
    for i, right in enumerate(answers):
        lines.append(f"a-1,abx,{listener},{i},x{i % 2},ours,ours,{right},3.0")
    Path(f"{listener}.csv").write_text("\n".join(lines))
    return f"{listener}.csv"


def test_abx_counts_right_answers() -> None:
    found = results_of([abx("ann", "11111111"), abx("bob", "10101010")])
    counts = {name: (one.correct, one.share.n) for name, one in found.answers.items()}
    assert counts == {
        "all": (12, 16),
        "listener ann": (8, 8),
        "listener bob": (4, 8),
        "item x0": (8, 8),
        "item x1": (4, 8),
    }
    assert found.answers["listener ann"].p == pytest.approx(1 / 256)


RATED = f"{HEAD}\nm-1,mos,ann,1,x,A,,4,1\n"
BAD = {
    "nothing.csv": None,
    "other.csv": "name,score\na,1\n",
    "empty.csv": f"{HEAD}\n",
    "score.csv": f"{HEAD}\nm-1,mushra,ann,1,x,good,,101,1\n",
    "word.csv": f"{HEAD}\nm-1,mushra,ann,1,x,good,,loud,1\n",
    "test.csv": f"{HEAD}\nm-1,triangle,ann,1,x,good,,1,1\n",
    "short.csv": f"{HEAD}\nm-1,mos,ann\n",
    "page.csv": f"{RATED}m-2,mos,bob,1,x,A,,3,1\n",
    "kind.csv": f"{RATED}m-1,abx,bob,1,x,A,1,1,1\n",
    "nobody.csv": f"{RATED}m-1,mos, ,1,x,A,,3,1\n",
    "twice.csv": f"{RATED}m-1,mos,ann,1,x,A,,3,1\n",
}
MESSAGES = {
    "nothing.csv": "there is no file 'nothing.csv'",
    "other.csv": "'other.csv' has no column 'page'",
    "empty.csv": "'empty.csv' has no ratings",
    "score.csv": "score.csv:2:1: expected a score from 0 to 100, got '101'",
    "word.csv": "word.csv:2:1: expected a score from 0 to 100, got 'loud'",
    "test.csv": "test.csv:2:1: there is no test 'triangle'",
    "short.csv": "short.csv:2:1: the column 'trial' is empty",
    "page.csv": "page.csv:3:1: expected a rating of 'm-1', a test mos, got one of 'm-2', mos",
    "kind.csv": "kind.csv:3:1: expected a rating of 'm-1', a test mos, got one of 'm-1', abx",
    "nobody.csv": "nobody.csv:3:1: the column 'listener' is empty",
    "twice.csv": "twice.csv:3:1: 'ann' rated 'x' twice in one trial (first on line 2)",
}


@pytest.mark.parametrize("name", list(BAD))
def test_files_that_are_not_results(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    text = BAD[name]
    if text is not None:
        Path(name).write_text(text)
    assert main(["listen", "--results", name]) == 1
    printed = capsys.readouterr().err.splitlines()
    assert printed[0] == MESSAGES[name]
    assert printed[-1].endswith("[E643]")


def test_bytes_that_are_no_text() -> None:
    Path("x.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match="not a text file in UTF-8"):
        results_of(["x.csv"])


def test_files_of_two_tests_and_of_one_listener_twice() -> None:
    with pytest.raises(DataError, match="belongs to the test 'm-2'"):
        results_of([mushra("ann", 0), mushra("bob", 1, page="m-2")])
    Path("copy.csv").write_text(Path(mushra("ann", 0)).read_text())
    with pytest.raises(DataError, match=r"'ann' is in 'ann\.csv' and in 'copy"):
        results_of(["ann.csv", "copy.csv"])


def test_everybody_left_out_is_said() -> None:
    with pytest.raises(DataError, match="leaves no listener") as caught:
        results_of([mushra("deaf", 2, reference=60.0)])
    assert caught.value.code == "E644"


def test_a_spreadsheets_byte_order_mark_is_no_letter() -> None:
    path = Path(mushra("ann", 0))
    path.write_text("\ufeff" + path.read_text())
    assert results_of([str(path)], unit="items").listeners == ["ann"]


def test_the_command_prints_tables_or_json(capsys: pytest.CaptureFixture[str]) -> None:
    files = [mushra(f"l{i}", i) for i in range(6)] + [mushra("deaf", 9, reference=50)]
    assert main(["listen", "--results", *files]) == 0
    printed = capsys.readouterr()
    assert "left out by ITU-R BS.1534-3, 4.1.2: 'deaf'" in printed.err
    assert "mushra: 6 listeners, 5 items" in printed.out
    assert "good - poor" in printed.out
    assert main(["listen", "--json", "--results", *files]) == 0
    read = json.loads(capsys.readouterr().out)
    assert read["systems"]["good"]["n"] == 6
    assert len(read["pairs"]) == 6
    assert main(["listen", "--results", abx("ann", "1110")]) == 0
    assert "listener ann" in capsys.readouterr().out


def test_one_listener_has_no_interval(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["listen", "--results", mushra("ann", 0)]) == 0
    printed = capsys.readouterr()
    assert "one of the listeners alone gives no interval" in printed.err
    assert "nan" not in printed.out


def test_who_lacks_a_system_is_counted_in_words() -> None:
    files = [mushra("ann", 0), mushra("bob", 1)]
    kept = [
        one for one in Path("bob.csv").read_text().splitlines() if "good" not in one
    ]
    Path("bob.csv").write_text("\n".join(kept))
    notes = results_of(files).notes
    assert notes[0] == "1 listener without a rating of every system is left out"
