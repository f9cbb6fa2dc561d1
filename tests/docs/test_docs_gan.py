"""docs/tasks/generation.md, the section on adversarial generation: its commands run, its names exist."""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path

import pytest

from mirbricks.cli import main
from mirbricks.tasks.adversarial_generation import (
    AdversarialGeneration,
    AdversarialGenerationConfig,
)

sys.path.insert(0, str(Path(__file__).parents[1] / "tasks/adversarial_generation"))
from small_gan import write_notes  # the corpus of the task's own tests

sys.path.insert(0, str(Path(__file__).parent))
from written import DOCS, page

ROOT = DOCS.parent
SECTION = (
    page("tasks/generation.md")
    .split("## Adversarial: noise to sound\n")[1]
    .split("\n## ")[0]
)
FENCES = re.findall(r"^```(\w+)\n(.*?)^```$", SECTION, flags=re.M | re.S)
COMMANDS = re.findall(r"^\$ mirbricks (.*)$", SECTION, flags=re.M)


def test_the_commands_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MIRBRICKS_CACHE", str(tmp_path / "cache"))
    for kind, text in FENCES:
        if kind == "yaml":
            name = text.splitlines()[0].removeprefix("# ")
            Path(name).write_text(text, encoding="utf-8")
    write_notes(tmp_path / "notes")
    train, generate = COMMANDS
    assert main([*shlex.split(train), "--jobs", "1", "--set", "train.steps=4"]) == 0
    assert Path("gan/models/adversary/graph.yaml").exists()
    assert main(shlex.split(generate)) == 0
    assert len(list(Path("flutes").glob("*instrument-flute_pitchmidi-62*.wav"))) == 4


def test_what_the_section_names_exists() -> None:
    for name in (*AdversarialGeneration.headline, "adversary_loss"):
        assert f"`{name}`" in SECTION
    fields = set(AdversarialGenerationConfig.model_fields)
    assert {"adversary", "crop", "generator_every", "penalty"} <= fields
    assert (ROOT / "graphs" / "notes_gan.yaml").exists()
