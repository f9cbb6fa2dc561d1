"""The first message is about the mistake, and not about what follows from it."""

from __future__ import annotations

from pathlib import Path

import pytest

from mirbricks.compiler.compile import load_graph
from mirbricks.errors import ErrorList, MirbricksError
from mirbricks.workflows.loading import load_experiment


@pytest.fixture
def graph(tmp_path: Path) -> Path:
    return tmp_path / "graph.yaml"


def first(error: MirbricksError) -> MirbricksError:
    return error.errors[0] if isinstance(error, ErrorList) else error


def test_an_output_that_an_unknown_block_would_have_stored(graph: Path) -> None:
    graph.write_text(
        "input: B C=2 T\noutputs: [E1]\nlayers:\n  - ReLU\n  - StoreAss: E1\n"
    )
    with pytest.raises(MirbricksError) as caught:
        load_graph(graph)
    assert not isinstance(caught.value, ErrorList)
    assert (caught.value.code, caught.value.where.line) == ("E110", 5)


def test_an_output_whose_name_was_to_come_from_a_var(graph: Path) -> None:
    graph.write_text(
        'vars: {n: [E1]}\ninput: B C=2 T\noutputs: [E1]\nlayers:\n  - ReLU\n  - StoreAs: "${m[0]}"\n'
    )
    with pytest.raises(MirbricksError) as caught:
        load_graph(graph)
    named = first(caught.value)
    assert (named.code, named.where.line) == ("E117", 6)


def test_an_output_that_nobody_stores_is_still_reported(graph: Path) -> None:
    graph.write_text("input: B C=2 T\noutputs: [E1]\nlayers:\n  - ReLU\n")
    with pytest.raises(MirbricksError) as caught:
        load_graph(graph)
    assert (caught.value.code, caught.value.where.line) == ("E112", 2)


@pytest.mark.parametrize("slot", ["${12 * steps}", "${steps}", "${ 1 / 0 }"])
def test_an_input_whose_var_is_missing(slot: str, graph: Path) -> None:
    graph.write_text(f'input: "B C=2 F={slot} T"\nlayers:\n  - ReLU\n')
    with pytest.raises(MirbricksError) as caught:
        load_graph(graph)
    assert first(caught.value).code == "E117"


@pytest.mark.parametrize(
    "item", ["Rolll", "Tilt: {levl: 1.0}", "Tilt: 3", "Tilt: {level: many}"]
)
@pytest.mark.parametrize("before", [0, 2])
def test_an_augmentation_is_shown_itself(item: str, before: int, graph: Path) -> None:
    fine = "    - Roll\n" * before
    graph.write_text(
        "input: B C=1 F=64 T\nlayers:\n  - Mean: {dim: [2, 3]}\n"
        "  - Linear: {out_features: 2}\nfeature: {type: logmel, n_mels: 64}\n"
        "task:\n  type: tagging\n  annotation: tag\n  patch_frames: 9\n  augment:\n"
        f"{fine}    - {item}\n    - Roll\n"
    )
    with pytest.raises(MirbricksError) as caught:
        load_experiment(graph)
    assert first(caught.value).where.line == 11 + before
