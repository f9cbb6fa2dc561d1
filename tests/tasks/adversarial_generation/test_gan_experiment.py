"""A GAN by the commands: trained, resumed, packed and used where nothing else lies."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from small_gan import write_graphs

import mirbricks as mb
from mirbricks.cli import main
from mirbricks.data.corpus import Corpus

ASKED = {"instrument": "reed", "pitchmidi": 61}


def test_a_packed_gan_needs_nothing_but_itself(
    notes: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    monkeypatch.setenv("MIRBRICKS_CACHE", str(tmp_path / "cache"))
    write_graphs(here)
    corpus = str(notes.folder)
    train = ["train", "gan.yaml", "--data", corpus, "--out", "run", "--jobs", "1"]
    assert main(train) == 0
    assert Path("run/models/adversary/weights.safetensors").exists()
    assert main(["evaluate", "run", "--data", corpus, "--jobs", "1"]) == 0
    assert main(["report", "run", "--data", corpus, "--jobs", "1"]) == 0
    page = Path("run/report.html").read_text(encoding="utf-8")
    assert "coverage per instrument" in page

    expected = mb.load("run").generate(2, ASKED, seed=3)
    assert main(["pack", "run", "--out", "packed"]) == 0
    elsewhere = tmp_path / "elsewhere"
    shutil.copytree("packed", elsewhere / "model")
    monkeypatch.chdir(elsewhere)
    shutil.rmtree(here)
    found = mb.load("model").generate(2, ASKED, seed=3)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one.samples, other.samples)
        assert dict(one.details) == ASKED
