"""What README and CONTRIBUTING show is true: the graph compiles, the message comes, the block meets its contract."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch

import mirbricks as mb
from mirbricks import registry
from mirbricks.commands.command_line import command_parser

ROOT = Path(mb.__file__).parent


def blocks_of(name: str, language: str) -> list[str]:
    fenced = (ROOT / name).read_text().split("```")[1::2]
    return [
        text.removeprefix(f"{language}\n")
        for text in fenced
        if text.startswith(f"{language}\n")
    ]


def test_the_graph_compiles_at_the_sizes_shown(tmp_path: Path) -> None:
    path = tmp_path / "unet_small.yaml"
    path.write_text(blocks_of("README.md", "yaml")[0])
    assert mb.compile_graph(path)(torch.randn(2, 6, 360, 100)).shape == (2, 1, 360, 100)


def test_the_message_is_the_one_that_comes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = blocks_of("README.md", "yaml")[0]
    broken = re.sub(r"  - ConvTranspose2d.*\n", "", text)
    broken = re.sub(r"CatWith: \{.*", "CatWith: E1", broken)
    (tmp_path / "unet_small.yaml").write_text(broken)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(mb.MirbricksError) as caught:
        mb.compile_graph("unet_small.yaml")
    lines = str(caught.value).splitlines()
    shown = next(
        text for text in blocks_of("README.md", "") if "E203" in text
    ).splitlines()
    assert [
        line
        for line in lines
        if not line.startswith(("  line 4", "  line 5", "  line 6"))
    ] == shown


def test_the_contributing_block_meets_its_contract(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = next(
        text
        for text in blocks_of("CONTRIBUTING.md", "python")
        if "GLUConv1d(Block)" in text
    )
    (tmp_path / "glu_of_contributing.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(registry.BLOCKS, "known", registry.blocks())
    mb.load_plugin("glu_of_contributing")
    mb.check_block("GLUConv1d")


def test_every_command_shown_is_one() -> None:
    # A command may go on on the next line.
    text = (ROOT / "README.md").read_text().replace("\\\n", " ")
    shown = re.findall(r"^\$ mirbricks (.*?)(?:  +#.*)?$", text, flags=re.M)
    assert len(shown) >= 7
    for command in shown:
        if command != "--help":  # which ends the process
            command_parser().parse_args(command.split())
