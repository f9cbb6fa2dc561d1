"""Every example of the pages about data, in the order of each page: Python runs, commands print what is shown."""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path

import pytest

from mirbricks.augment.base import AUGMENTATIONS
from mirbricks.cli import main
from mirbricks.data.importers import contract
from mirbricks.data.synth.corpora import KINDS
from mirbricks.features.base import FEATURES
from mirbricks.workflows import progress

sys.path.insert(0, str(Path(__file__).parent))
from written import WIDTH, as_shown, commands, fences, page

IMPORTS, LAYOUT = "howto/import_data.md", "howto/own_layout.md"
FILES, FEATURE = "lookup/corpus_files.md", "lookup/features.md"
SYNTH, AUGMENT = "howto/make_data.md", "lookup/augmentations.md"
PAGES = [IMPORTS, LAYOUT, SYNTH, FEATURE, AUGMENT]
PAGES += ["howto/look_and_split.md", "howto/corpora_in_python.md"]


@pytest.mark.parametrize("place", PAGES)
def test_every_example_is_executed(
    place: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    # Tables as a terminal of 80 columns has them, as the pages show them.
    monkeypatch.setattr(progress, "PLAIN_WIDTH", WIDTH)
    monkeypatch.setattr(contract.IMPORTERS, "known", contract.kinds())
    names: dict[str, object] = {}
    for language, text in fences(place):
        # The first line of a file names it.
        file = re.match(r"# (\w+\.(?:py|yaml))\n", text)
        if language == "console":
            for command, shown in commands(text):
                main(shlex.split(command))
                printed = capsys.readouterr()
                assert as_shown(printed.out + printed.err) == shown, command
        elif file:
            Path(file[1]).write_text(text, encoding="utf-8")
        else:
            assert language == "python", language
            exec(text, names)


@pytest.mark.parametrize("place", PAGES)
def test_a_page_has_examples(place: str) -> None:
    assert fences(place)


def test_the_pages_list_every_kind() -> None:
    assert not [kind for kind in contract.kinds() if f"{kind}  " not in page(IMPORTS)]
    rows = page(FILES)
    assert not [kind for kind in contract.kinds() if f"`{kind}`" not in rows]


def test_every_kind_of_music_has_a_row() -> None:
    rows = re.findall(r"^\| (\w+) \|", page(SYNTH), flags=re.M)
    assert set(rows) - {"kind", "polyphony", "sampled"} == set(KINDS)


def test_every_augmentation_and_feature_is_listed() -> None:
    text = page(AUGMENT)
    assert not [name for name in AUGMENTATIONS.all() if f"`{name}`" not in text]
    text = page(FEATURE)
    assert not [name for name in FEATURES.all() if f"| `{name}` |" not in text]
