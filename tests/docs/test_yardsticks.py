"""The yardsticks of separation: each piece in the fold that tests it, and figures that are those of the metrics."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import mirbricks as mb
from mirbricks.data import Corpus
from mirbricks.data.synth.polyphony import synthesise_polyphony
from mirbricks.metrics import joint_si_sdr_db, oracle_estimates

ROOT = Path(mb.__file__).parent


def _loaded() -> ModuleType:
    path = ROOT / "docs" / "yardsticks.py"
    spec = importlib.util.spec_from_file_location("docs_yardsticks", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = (
        module  # dataclasses look the names of their fields up there
    )
    spec.loader.exec_module(module)
    return module


yardsticks = _loaded()


@pytest.fixture(scope="module")
def chorales(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data") / "chorales"
    synthesise_polyphony(folder, n_clips=3, seconds=2.0, sr_hz=8000)
    return folder


def rows(text: str) -> dict[str, list[str]]:
    """First cell -> the others."""
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return {first: others for first, *others in cells}


def test_the_table_is_the_mean_of_the_stems_ratios(chorales: Path) -> None:
    found = rows(yardsticks.report(chorales, 3, 1024, 256))
    heads = found["SI-SDR in dB"]
    assert heads == ["stems", *yardsticks.NAMES]

    corpus = Corpus.open(chorales)
    ratios: dict[str, list[float]] = {}
    for mix in (item for item in corpus.items if item.stem_of is None):
        stems = [item for item in corpus.items if item.stem_of == mix.key]
        wave = mix.read()[0]
        references = np.stack([stem.read()[0] for stem in stems])
        masked = oracle_estimates(wave, references, n_fft=1024, hop_length=256)
        own = [joint_si_sdr_db(*pair) for pair in zip(masked, references, strict=True)]
        ratios[mix.group] = own
    place = heads.index("ratio mask")
    every = np.concatenate(list(ratios.values()))
    assert found["**all folds**"][0] == str(len(every))
    assert float(found["**all folds**"][place]) == pytest.approx(every.mean(), abs=0.006)  # fmt: skip

    # Three folds of three pieces: each tests one, with the figures of that one.
    folds = [first for first in found if first.startswith("fold ")]
    tested = [first.partition(": ")[2] for first in folds]
    by_piece = {Path(group).stem: own for group, own in ratios.items()}
    assert sorted(tested) == sorted(by_piece)
    for first, piece in zip(folds, tested, strict=True):
        mean = np.mean(by_piece[piece])
        assert float(found[first][place]) == pytest.approx(mean, abs=0.006)


def test_who_knows_more_comes_out_better(chorales: Path) -> None:
    found = rows(yardsticks.report(chorales, 3, 1024, 256))
    heads = found["SI-SDR in dB"]
    all_folds = dict(zip(heads, map(float, found["**all folds**"]), strict=True))
    assert all_folds["mix"] < all_folds["plain combs"] < all_folds["ratio mask"]
    assert all_folds["ratio mask"] < all_folds["Wiener mask"]


def test_without_pitches_there_are_no_combs(chorales: Path, tmp_path: Path) -> None:
    for path in chorales.iterdir():
        text = path.read_bytes()
        if path.suffix == ".pyjama":
            text = text.replace(b'"f0"', b'"pitch"')
        (tmp_path / path.name).write_bytes(text)
    found = rows(yardsticks.report(tmp_path, 3, 1024, 256))
    assert found["SI-SDR in dB"] == ["stems", "mix", *yardsticks.MASKS]


def test_the_page_is_written_between_its_markers(
    chorales: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n{yardsticks.BEGIN}\nold\n{yardsticks.END}\nafter\n")
    words = [str(chorales), "--folds", "3", "--n-fft", "512", "--hop", "128"]
    monkeypatch.setattr(sys, "argv", ["yardsticks", *words, "--write", str(page)])
    yardsticks.main()
    text = page.read_text()
    assert text.startswith(f"before\n{yardsticks.BEGIN}\n| SI-SDR in dB |")
    assert text.endswith(f"hop 128, at 8000 Hz.\n{yardsticks.END}\nafter\n")
    page.write_text("nothing")
    with pytest.raises(SystemExit, match="has no <!-- yardsticks"):
        yardsticks.main()


def test_a_corpus_without_stems_is_refused_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "alone"
    synthesise_polyphony(folder, n_clips=3, seconds=2.0, sr_hz=8000, stems=False)
    monkeypatch.setattr(sys, "argv", ["yardsticks", str(folder)])
    with pytest.raises(SystemExit, match="is a mix with stems"):
        yardsticks.main()
