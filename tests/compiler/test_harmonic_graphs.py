"""The mpe_harmonic graphs: their sizes, and that a transposed input gives a transposed output."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import mirbricks as mb
from mirbricks.compiler.module import count_parameters

GRAPHS = Path(mb.__file__).parent / "graphs"


@pytest.mark.parametrize(
    ("size", "most"), [("n", 30_000), ("s", 150_000), ("m", 700_000)]
)
def test_each_size_keeps_to_its_parameters(size: str, most: int) -> None:
    model = mb.compile_graph(GRAPHS / f"mpe_harmonic_{size}.yaml")
    assert most / 2 < count_parameters(model) <= most


@pytest.mark.parametrize(("base", "steps"), [("n", 3), ("bach10", 5)])
def test_a_semitone_up_is_a_semitone_up_in_the_output(
    tmp_path: Path, base: str, steps: int
) -> None:
    # The zeros that shifted copies bring in from the ends of a map come five blocks far, 155 rows. Of a map of thirty
    # octaves the middle one is beyond their reach, and there all layers must treat all pitches alike.
    graph = tmp_path / "tall.yaml"
    graph.write_text(f"extends: mpe_harmonic_{base}\nvars: {{octaves: 30, width: 4}}\n")
    torch.manual_seed(0)
    model = mb.compile_graph(graph).eval()
    tone = torch.zeros(1, 1, 360 * steps, 5)
    middle = slice(174 * steps, 186 * steps)
    tone[:, :, middle] = torch.rand(1, 1, 12 * steps, 5)
    with torch.inference_mode():
        found = model(tone)
        moved = model(torch.roll(tone, steps, dims=2))
    expected = torch.roll(found, steps, dims=2)[:, :, middle]
    assert expected.std() > 1e-3
    torch.testing.assert_close(moved[:, :, middle], expected)
