"""`diagnose`: the same mistakes as compiling, at their places, with changes that mend them."""

from __future__ import annotations

from pathlib import Path

import pytest

import mirbricks as mb
from mirbricks.compiler.compile import compile_graph
from mirbricks.compiler.inference import probe
from mirbricks.errors import Edit, GraphError, Where
from mirbricks.where import edit_at

GRAPHS = Path(mb.__file__).parent / "graphs"
UNET = (GRAPHS / "mpe_doras_unet.yaml").read_text(encoding="utf-8")
SHORT = """\
vars: {width: 8}
input: B C=1 F=16 T
layers:
  - StoreAs: whole
  - Conv2d: {out_channels: "${width}", kernel_size: 3, padding: same}
  - StoreAs: wide
  - MaxPool2d: {kernel_size: 2}
"""


def test_a_sound_graph_has_a_model_without_values() -> None:
    found = mb.diagnose(SHORT)
    assert found.errors == ()
    assert found.model is not None
    assert found.model.output_shape == ("B", 8, 8, "T//2")
    assert {one.device.type for one in found.model.parameters()} == {"meta"}


def test_a_graph_of_many_weights_costs_no_memory() -> None:
    text = "input: B C=30000 T\nlayers:\n  - Conv1d: {out_channels: 30000, kernel_size: 1}\n"
    found = mb.diagnose(text)
    assert found.model is not None
    assert mb.diagnose(text.replace("size: 1", "size: 9")).errors[0].code == "E204"


def test_values_may_be_changed_without_the_text() -> None:
    model = mb.diagnose(SHORT, overrides=["vars.width=3"]).model
    assert model is not None
    assert model.output_shape == ("B", 3, 8, "T//2")


@pytest.mark.parametrize(
    ("wrong", "line", "column", "text"),
    [
        ("  - Conv2D: {out_channels: 4, kernel_size: 3}", 8, 5, "Conv2d"),
        ("  - Conv2d: {filters: 4, kernel_size: 3}", 8, 14, "out_channels"),
        ("  - Linear: {in_features: 7, out_features: 3}", 8, 27, "-1"),
        ("  - CatWith: whale", 8, 14, "whole"),
        (
            "  - Conv2d: {out_channels: 4, kernel_size: 3, padding_mode: reflct}",
            8,
            61,
            "reflect",
        ),
    ],
)
def test_a_mistake_comes_with_the_change_that_mends_it(
    wrong: str, line: int, column: int, text: str
) -> None:
    found = mb.diagnose(f"{SHORT}{wrong}\n")
    edit = found.errors[0].edits[0]
    assert (edit.where.line, edit.where.column, edit.text) == (line, column, text)
    mended = mb.diagnose(edit.apply(f"{SHORT}{wrong}\n"))
    assert not mended.errors or mended.errors[0].code != found.errors[0].code


def test_a_skip_that_cannot_fit_is_changed_to_the_one_that_does() -> None:
    wrong = UNET.replace("- CatWith: {key: E128", "- CatWith: {key: E64").replace(
        "- CatWith: E128", "- CatWith: E64"
    )
    assert wrong != UNET
    found = mb.diagnose(wrong)
    assert [one.code for one in found.errors] == ["E203"]
    assert mb.diagnose(found.errors[0].edits[0].apply(wrong)).errors == ()


def test_fit_is_written_into_a_skip_that_stands_alone() -> None:
    text = "input: B C=1 T\nlayers:\n  - StoreAs: a\n  - Conv1d: {out_channels: 1, kernel_size: 3}\n  - AddWith: a\n"
    edit = mb.diagnose(text).errors[0].edits[0]
    assert edit.text == "{key: a, fit: crop}"
    assert mb.diagnose(edit.apply(text)).errors == ()


def test_an_old_word_is_a_warning_with_its_new_one() -> None:
    text = "input: B C=1 N\nlayers:\n  - CQT: {sr_hz: 22050, hop_samples: 512}\n"
    warning = mb.diagnose(text).warnings[0]
    assert warning.edits[0].text == "hop_length"
    assert mb.diagnose(warning.edits[0].apply(text)).warnings == ()


def test_errors_are_those_of_compiling() -> None:
    wrong = UNET.replace("BatchNorm2d", "BatchNrm2d", 2)
    with pytest.raises(mb.MirbricksError) as raised:
        compile_graph(mb.compiler.language.source.read_text(wrong, "a.yaml").data)
    found = mb.diagnose(wrong, "a.yaml")
    assert len(found.errors) == len(raised.value.errors) == 2  # type: ignore[attr-defined]
    assert found.as_dict()["errors"][0]["code"] == "E110"


@pytest.mark.parametrize("text", ["", "- a\n", "a: [", "\x00", "x: !!python/name:os"])
def test_any_text_has_an_answer(text: str) -> None:
    found = mb.diagnose(text)
    assert found.errors
    assert found.model is None


def test_a_text_that_is_too_large_is_refused() -> None:
    assert mb.diagnose("#" * 300_000).errors[0].code == "E103"


def runs_of(text: str, monkeypatch: pytest.MonkeyPatch) -> tuple[str, int]:
    """The code of the error, and at how many sizes the graph was tried."""
    tried = []
    run = probe.run
    monkeypatch.setattr(probe, "run", lambda *a: tried.append(1) or run(*a))
    return mb.diagnose(text).errors[0].code, len(tried)


def test_a_skip_that_fits_at_no_size_is_tried_at_three(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    text = f"{SHORT}  - CatWith: whole\n"
    assert runs_of(text, monkeypatch) == ("E203", 3)


def test_a_skip_that_is_rounded_is_tried_at_every_remainder(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    text = "input: B C=1 T\nlayers:\n  - StoreAs: a\n  - MaxPool1d: {kernel_size: 2}\n"
    text += "  - Upsample: {scale_factor: 2}\n  - Conv1d: {out_channels: 1, kernel_size: 2}\n  - AddWith: a\n"
    # Two rounded sizes: an odd T loses one frame, and then the convolution one more.
    code, count = runs_of(text, monkeypatch)
    assert code == "E203"
    assert count > len(probe.REMAINDERS)


def test_the_first_of_two_answers_says_that_it_is_provisional() -> None:
    text = "input: B C=1 T\nlayers:\n  - StoreAs: a\n  - Conv1d: {out_channels: 1, kernel_size: 2}\n  - AddWith: a\n"
    quick = mb.diagnose(text, thorough=False)
    assert quick.provisional
    assert not mb.diagnose(text).provisional
    needs_odd = (
        "input: B C=1 T\nlayers:\n  - StoreAs: a\n  - Conv1d: {out_channels: 1, kernel_size: 3, stride: 2}\n"
        "  - ConvTranspose1d: {out_channels: 1, kernel_size: 3, stride: 2}\n  - AddWith: a\n"
    )
    assert mb.diagnose(needs_odd, thorough=False).provisional
    assert mb.diagnose(needs_odd).errors == ()


@pytest.mark.parametrize("name", ["mpe_doras_unet", "separation_unet", "codec_rvq"])
def test_a_warm_answer_is_that_of_a_fresh_process(name: str) -> None:
    """What blocks made before is remembered between two texts, and must not change what is found."""
    text = (GRAPHS / f"{name}.yaml").read_text(encoding="utf-8")
    file = str(GRAPHS / f"{name}.yaml")
    for _ in range(2):
        model = mb.diagnose(text, file).model
        assert model is not None
        compiled = mb.compile_graph(file)
        assert model.nodes == compiled.nodes
        assert model.output_shapes == compiled.output_shapes


def test_a_word_is_changed_only_where_it_stands() -> None:
    where = Where("a.yaml", 1, 5, 6, "  - Conv2d: {Conv2d: 1}")
    assert edit_at(where, "Conv2", "Conv1d", "") is None
    assert edit_at(where, "kernel", "Conv1d", "") is None
    edit = edit_at(where, "Conv2d", "Conv1d", "")
    assert edit is not None
    assert edit.apply("  - Conv2d: {Conv2d: 1}\n") == "  - Conv1d: {Conv2d: 1}\n"


def test_a_name_that_needs_quotes_is_no_change() -> None:
    from mirbricks.errors import did_you_mean

    where = Where("a.yaml", 1, 1, 5, "my ke: 1")
    error = GraphError(
        "m", code="E105", where=where, help=did_you_mean("my ke", ["my key"])
    )
    assert error.edits == ()
    assert isinstance(Edit(where, "x", "y").apply("my ke: 1"), str)
