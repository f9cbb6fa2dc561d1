"""The commands on graphs and blocks: what they print, and how they end."""

from __future__ import annotations

import json
import re
import textwrap
from pathlib import Path

import pytest
import torch
from pydantic import BaseModel

import mirbricks as mb
from mirbricks import registry
from mirbricks.cli import main
from mirbricks.commands.graphs.field_lines import field_lines
from mirbricks.commands.table import COMMANDS
from mirbricks.errors import codes
from mirbricks.shapes import meets

GRAPHS = sorted(map(str, (Path(mb.__file__).parent / "graphs").glob("*.yaml")))
SMALL = next(path for path in GRAPHS if path.endswith("mpe_small.yaml"))
Capture = pytest.CaptureFixture[str]
PLUGIN = """
from pydantic import Field
from mirbricks import Block, BlockConfig, register

@register("Half", shape="B ... -> B ...", source="none", examples=[((2, 3, 4), {})])
class Half(Block):
    \"\"\"Half of it.\"\"\"
    class Config(BlockConfig):
        by: tuple[float, ...] = Field(default_factory=lambda: (0.5,), description="factors")
    def forward(self, x):
        return x / 2

@register("Misfit", shape="B C T -> B C T", source="none", examples=[((2, 3), {})])
class Misfit(Half):
    \"\"\"Wrong example.\"\"\"
"""


def test_check_is_content_with_every_shipped_graph(capsys: Capture) -> None:
    assert main(["check", *GRAPHS]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(GRAPHS)
    assert (
        f"{SMALL}: fine: (B, 6, 360, T) -> (B, 1, 360, T), 65,313 parameters; any T"
        in lines
    )


def test_check_tells_the_bad_and_goes_on(tmp_path: Path, capsys: Capture) -> None:
    bad = tmp_path / "bad.yaml"
    bad.write_text("input: B C F T\nlayers: [Relu]\n")
    assert main(["check", str(bad), SMALL]) == 1
    output = capsys.readouterr()
    assert output.err.startswith(f"{bad}:2:10: there is no block 'Relu'")
    assert "mpe_small.yaml: fine" in output.out


def test_check_reads_the_sections_of_an_experiment(capsys: Capture) -> None:
    assert main(["check", SMALL, "--set", "train.lrr=3", "--set", "feature.hop=3"]) == 1
    message = capsys.readouterr().err
    assert "train has no key 'lrr'" in message
    assert "feature has no key 'hop'" in message
    assert main(["check", SMALL, "--set", "feature.harmonics=[1]"]) == 1
    assert "[E501]" in capsys.readouterr().err


def test_overrides_reach_the_graph(capsys: Capture) -> None:
    assert main(["check", SMALL, "--set", "input=B C=6 F=360 T=96"]) == 0
    assert "(B, 6, 360, 96)" in capsys.readouterr().out
    assert main(["check", SMALL, "--set", "nonsense"]) == 1
    assert "[E107]" in capsys.readouterr().err


def test_summary_as_json_has_rows_and_totals(capsys: Capture) -> None:
    assert main(["summary", SMALL, "--input", "1,6,360,64", "--json"]) == 0
    summary = json.loads(capsys.readouterr().out)
    assert (
        summary["parameters"]
        == sum(row["parameters"] for row in summary["rows"])
        == 65_313
    )
    assert summary["macs"] == sum(row["macs"] for row in summary["rows"]) == 298_303_488
    assert summary["output_shapes"] == {"y": [1, 1, 360, 64]}
    last = summary["rows"][-1]
    assert set(last) == {
        "name", "block", "line", "shape_in", "shape_out", "parameters", "macs",
        "receptive_field_frames", "receptive_field_s", "stride_frames", "frame_rate_hz", "reused",
    }  # fmt: skip
    assert (last["name"], last["receptive_field_frames"]) == ("head", 35)
    assert last["receptive_field_s"] == pytest.approx(35 * 512 / 22050)


def test_summary_as_a_table_shows_every_layer(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    assert main(["summary", SMALL]) == 0
    text = capsys.readouterr().out
    for words in (
        "residualblock_4",
        "(B, 32, 72, T)",
        "35 frames, 0.81 s",
        "1, 43.07 Hz",
        "65,313 parameters",
    ):
        assert words in text
    assert "not shown" not in text


def test_summary_at_80_columns(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert main(["summary", SMALL]) == 0
    golden = Path(__file__).parent / "golden" / "summary_80.txt"
    assert capsys.readouterr().out == golden.read_text(encoding="utf-8")


@pytest.mark.parametrize("sizes", ["1,6,360", "1,5,360,64", "1,a,360,64"])
def test_an_input_that_does_not_fit_is_told(sizes: str, capsys: Capture) -> None:
    assert main(["summary", SMALL, "--input", sizes]) == 1
    assert "[E207]" in capsys.readouterr().err


def test_blocks_lists_every_block_under_its_family(capsys: Capture) -> None:
    assert main(["blocks"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert {line.split()[0] for line in lines if line.startswith("  ")} == set(
        registry.blocks()
    )
    assert lines[lines.index("pooling") + 1].startswith("  AttentionPool ")
    assert not any(line.endswith("…") for line in lines)
    assert main(["blocks", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert set(found) == set(registry.blocks())
    assert found["Mean"]["family"] == "pooling"


def test_blocks_fit_a_narrow_terminal(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    assert main(["blocks"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) > len(registry.blocks())
    assert max(map(len, lines)) <= 60
    assert "  Conv1d                           Convolution over time." in lines
    assert "  ReLU                             max(x, 0)." in lines
    # What does not fit goes on below its own beginning.
    (first,) = (i for i, line in enumerate(lines) if line.startswith("  BatchNorm1dT "))
    column = lines[first].index("Batch normalisation")
    assert lines[first + 1].startswith(" " * column)
    assert lines[first + 1][column] != " "


@pytest.mark.parametrize("words", [["zoo"], ["explain", "train"], ["explain", "hcqt"]])
def test_lists_fit_a_terminal_and_stay_whole_in_a_pipe(
    words: list[str], capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert main(words) == 0
    piped = capsys.readouterr().out
    assert max(map(len, piped.splitlines())) > 80
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    assert main(words) == 0
    shown = capsys.readouterr().out
    assert max(map(len, shown.splitlines())) <= 80
    assert shown.split() == piped.split()


def test_the_facts_of_fields_stand_below_one_another() -> None:
    class Config(BaseModel):
        n: int = 1
        a_name_that_is_longer_than_most: int = 2

    _, short, long = field_lines("field", Config)
    assert short.index("an integer") == long.index("an integer")


def test_blocks_takes_a_pattern(capsys: Capture) -> None:
    assert main(["blocks", "*POOL*", "--json"]) == 0
    assert list(json.loads(capsys.readouterr().out)) == mb.list_blocks("*pool*")
    assert main(["blocks", "autopool"]) == 0
    assert capsys.readouterr().out.split()[:2] == ["pooling", "AutoPool"]
    assert main(["blocks", "Cnov2d"]) == 1
    assert "help: did you mean 'Conv2d'" in capsys.readouterr().err


@pytest.mark.parametrize("words", ["attention", "over TIME", "unet", "Conv2"])
def test_blocks_are_searched_by_words(words: str, capsys: Capture) -> None:
    assert main(["blocks", words, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    texts = {
        name: f"{name} {one['family']} {one['summary']}".lower()
        for name, one in found.items()
    }
    assert 0 < len(found) < len(registry.blocks())
    for text in texts.values():
        assert all(word in text for word in words.lower().split())


@pytest.mark.parametrize(
    "name", ["Conv2d", "AutoPoolSplit", "ReLU", *sorted(codes())[:3]]
)
def test_explain_knows_blocks_and_codes(name: str, capsys: Capture) -> None:
    assert main(["explain", name]) == 0
    assert name in capsys.readouterr().out


@pytest.mark.parametrize("name", registry.blocks())
def test_the_example_that_explain_shows_runs(
    name: str, tmp_path: Path, capsys: Capture
) -> None:
    assert main(["explain", name]) == 0
    example = re.search(
        r"^a graph that runs:\n(.*?\n)\n", capsys.readouterr().out, flags=re.M | re.S
    )
    assert example
    path = tmp_path / "graph.yaml"
    path.write_text(textwrap.dedent(example[1]))
    model, spec = mb.compile_graph(path).eval(), registry.blocks()[name]
    shapes = spec.examples[0].shapes
    with torch.no_grad():
        output = model(*map(torch.randn, shapes))
    config = model.nodes[0].config
    (promised,) = spec.contract.predict(spec.contract.bind(shapes, config), config)
    assert meets(tuple(output.shape), promised)


def test_explain_shows_example_contract_source_fields_and_picture(
    capsys: Capture,
) -> None:
    assert main(["explain", "FiLM"]) == 0
    text = capsys.readouterr().out
    assert text.startswith("FiLM (unet)\n\n")
    assert (
        "a graph that runs:\n  input: {x: B C=3 T=5, y: B D=4}\n  layers:\n    - FiLM: {with: [y]}\n\n"
        in text
    )
    assert (
        "contract  B C ..., B D -> B C ...\nsource    arXiv:1709.07871\npicture   "
        in text
    )
    assert "picture   mirbricks explain FiLM --picture FiLM.svg\n" in text
    assert (
        "\nin_channels         an integer; inferred\n                    size of axis C\n"
        in text
    )
    assert (
        "\nhidden_features     an integer from 1 to 65536; default: none\n"
        "                    width of a hidden layer"
    ) in text


def test_explain_draws_what_is_inside_a_block(tmp_path: Path, capsys: Capture) -> None:
    path = tmp_path / "relu.svg"
    assert main(["explain", "ReLU", "--picture", str(path)]) == 0
    assert f"picture   {path}\n" in capsys.readouterr().out
    assert path.read_text(encoding="utf-8").startswith("<svg")
    assert main(["explain", "ReLU", "--picture", str(path)]) == 1
    assert "[E191]" in capsys.readouterr().err
    assert main(["explain", "StoreAs", "--picture", str(tmp_path / "b.svg")]) == 1
    assert capsys.readouterr().err == (
        "there are pictures of blocks only, and 'StoreAs' is not a block\n"
        "  help: `mirbricks blocks` lists the blocks; `mirbricks draw` draws a graph     [E305]\n"
    )


@pytest.mark.parametrize(
    "name", ["tagging", "self_supervised", "logmel", "given", "dataset", "train"]
)
def test_explain_lists_the_settings_of_sections(name: str, capsys: Capture) -> None:
    assert main(["explain", name]) == 0
    text = capsys.readouterr().out
    assert text.startswith(f"{name} (")
    known = {
        "tagging": "mixup_alpha",
        "logmel": "n_mels",
        "dataset": "held_out",
        "train": "warmup_steps",
    }
    assert f"\n{known.get(name, 'type')} " in text


def test_explain_of_a_plugins_block_says_how_to_draw_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.setattr(registry.BLOCKS, "known", registry.blocks())
    (tmp_path / "plugin_of_explain.py").write_text(PLUGIN)
    monkeypatch.syspath_prepend(tmp_path)
    assert main(["explain", "Half", "--plugin", "plugin_of_explain"]) == 0
    text = capsys.readouterr().out
    assert "picture   mirbricks explain Half --picture Half.svg\n" in text
    assert "\nby                  a list of numbers; default: [0.5]\n" in text
    assert main(["explain", "Misfit", "--plugin", "plugin_of_explain"]) == 0
    assert (
        "a graph that runs:\n  none, since the registered example does not fit the contract: "
        "expected 3 axes (B C T), got 2: (2, 3)\n" in capsys.readouterr().out
    )


def test_explain_suggests_near_names(capsys: Capture) -> None:
    assert main(["explain", "SelfAttenton"]) == 1
    assert capsys.readouterr().err == (
        "nothing is known as 'SelfAttenton'\n  help: did you mean 'SelfAttention' or 'CrossAttention'?     [E305]\n"
    )
    assert main(["explain", "conv2"]) == 1
    assert "did you mean 'Conv2d'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("word", "pointer"),
    [
        ("mpe_small", "`mirbricks summary mpe_small`"),
        ("mpe_smal", "did you mean 'mpe_small'"),
        ("zoo:mpe_bach10", "`mirbricks zoo mpe_bach10`"),
        ("mpe_bach10", "`mirbricks zoo mpe_bach10`"),
        ("zoo:mpe_bach", "did you mean 'zoo:mpe_bach10'"),
        ("predict", "`mirbricks predict --help`"),
        ("data fetch", "`mirbricks data fetch --help`"),
        ("pedict", "did you mean 'predict'"),
        ("lr", "`mirbricks explain train`"),
        ("epochs", "did you mean 'steps', which counts batches"),
    ],
)
def test_explain_points_to_what_another_command_knows(
    word: str, pointer: str, capsys: Capture
) -> None:
    assert main(["explain", word]) == 1
    _, help = capsys.readouterr().err.splitlines()
    assert help.startswith("  help: ")
    assert pointer in help


def test_a_plugin_can_be_loaded_and_a_broken_one_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    (tmp_path / "broken_plugin_of_test.py").write_text("1 / 0\n")
    (tmp_path / "empty_plugin_of_test.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    assert main(["check", SMALL, "--plugin", "broken_plugin_of_test"]) == 1
    assert (
        "plugin 'broken_plugin_of_test' cannot be imported: ZeroDivisionError"
        in capsys.readouterr().err
    )
    assert main(["check", SMALL, "--plugin", "empty_plugin_of_test"]) == 0


@pytest.mark.parametrize("command", COMMANDS)
def test_every_help_has_an_example(command: str, capsys: Capture) -> None:
    with pytest.raises(SystemExit) as ended:
        main([*command.split(), "--help"])
    assert ended.value.code == 0
    assert f"example:\n  mirbricks {command}" in capsys.readouterr().out


@pytest.mark.parametrize(
    "words", [["frobnicate"], ["check"], ["summary", SMALL, "--nonsense"]]
)
def test_wrong_usage_ends_with_2(words: list[str], capsys: Capture) -> None:
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    assert "usage: mirbricks" in capsys.readouterr().err
