"""A sound that is too long for memory or for a table of positions is refused before anything of it is made."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from mirbricks.compiler.compile import compile_graph
from mirbricks.errors import TaskError
from mirbricks.tasks import lengths
from mirbricks.tasks.lengths import (
    SHORT,
    Length,
    cache_bytes_per_place,
    free_bytes,
    layer_bytes_per_frame,
    refuse_beyond_memory,
    refuse_too_long,
)

CPU = torch.device("cpu")
DECODER = {"TransformerDecoder": {"num_heads": 2, "num_layers": 3}}
LEARNED = {"LearnedPositions": {"max_frames": 50}}


def compiled(*layers: Any) -> Any:
    return compile_graph({"input": {"x": "B T D=8"}, "layers": list(layers)}).eval()


def frames_of(count: int) -> dict[str, Tensor]:
    return {"x": torch.zeros(1, count, 8, device="meta")}


def asked(frames: int) -> Length:
    return Length("task.generate_frames", frames, frames, frames / 100)


def test_the_memory_of_this_machine_is_known() -> None:
    free = free_bytes(CPU)
    assert free is not None
    assert 1e8 < free < 1e14


def test_other_systems_say_how_much_there_is_in_all(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    monkeypatch.setattr(lengths, "MEMINFO", tmp_path / "missing")
    found = free_bytes(CPU)
    assert found is not None
    assert found > 1e8


@pytest.mark.parametrize("frames", [51, 1000, 10**7, 10**18])
def test_a_table_of_positions_ends(frames: int) -> None:
    model = compiled(LEARNED, DECODER)
    refuse_too_long(model, frames_of, asked(50))
    with pytest.raises(TaskError, match=f"cannot read {frames} frames") as found:
        refuse_too_long(model, frames_of, asked(frames))
    assert found.value.code == "E573"
    assert ("asked by", "task.generate_frames") in found.value.facts


@pytest.mark.parametrize("frames", [51, 10**7, 10**18])
def test_other_positions_do_not(frames: int) -> None:
    refuse_too_long(compiled("SinusoidalPositions", DECODER), frames_of, asked(frames))


@pytest.mark.parametrize(
    ("per_frame", "frames", "count", "is_refused"),
    [
        (10.0, 10_000, 1, False),
        (10.1, 10_000, 1, True),
        (1.0, 10_000, 10, False),
        (1.0, 10_001, 10, True),
        # Short sounds are not measured at all.
        (1e9, SHORT, 1, False),
        (1e9, SHORT + 1, 1, True),
    ],
)
def test_what_does_not_fit_is_refused(
    monkeypatch: pytest.MonkeyPatch,
    per_frame: float,
    frames: int,
    count: int,
    is_refused: bool,
) -> None:
    monkeypatch.setattr(lengths, "free_bytes", lambda _: 100_000)

    def refuse() -> None:
        refuse_beyond_memory(asked(frames), lambda: per_frame, count, CPU)

    if not is_refused:
        refuse()
        return
    with pytest.raises(TaskError) as found:
        refuse()
    assert found.value.code == "E565"


def test_the_message_names_a_length_that_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lengths, "free_bytes", lambda _: 5_000_000_000)
    with pytest.raises(TaskError) as found:
        refuse_beyond_memory(asked(2_000_000), lambda: 1000.0, 8, CPU)
    assert str(found.value) == (
        "sounds of 20,000 s do not fit into memory\n"
        "  asked by  task.generate_frames: 2,000,000\n"
        "  needed    about 16 GB for 8 at once\n"
        "  free      5.0 GB\n"
        "  help: choose a task.generate_frames of 620,000 or less     [E565]"
    )
    refuse_beyond_memory(asked(620_000), lambda: 1000.0, 8, CPU)


def test_nothing_is_refused_where_memory_is_not_known(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lengths, "free_bytes", lambda _: None)
    refuse_beyond_memory(asked(10**18), lambda: 1e9, 8, CPU)


@pytest.mark.parametrize(
    ("layers", "floats"),
    [
        # Keys and values of 8 features in each of three layers.
        ([DECODER], 3 * 2 * 8),
        ([{"GRU": {"hidden_size": 8}}], 0),
        ([{"Linear": {"out_features": 8}}], 0),
    ],
)
def test_caches_grow_by_what_attention_keeps(layers: list[Any], floats: int) -> None:
    assert cache_bytes_per_place(compiled(*layers), "x", {}) == 4 * floats


@pytest.mark.parametrize("wide", [16, 64])
def test_layers_grow_by_the_largest(wide: int) -> None:
    layer = nn.Sequential(nn.Linear(8, wide), nn.Linear(wide, 4))

    def run(frames: int) -> Tensor:
        y: Tensor = layer(torch.zeros(1, frames, 8))
        return y

    # What goes in and what comes out of the first layer is the most, in float32.
    expected = lengths.HELD * 4 * (8 + wide)
    assert layer_bytes_per_frame(run) == expected


def test_no_hook_stays_behind() -> None:
    def broken(frames: int) -> Callable[[], None]:
        raise RuntimeError(str(frames))

    hooks = torch.nn.modules.module._global_forward_hooks
    before = len(hooks)
    with pytest.raises(RuntimeError):
        layer_bytes_per_frame(broken)
    assert len(hooks) == before
