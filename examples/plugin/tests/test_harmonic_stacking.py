"""The block against its contract and its definition."""

from __future__ import annotations

from pathlib import Path

import mirbricks
import torch

from mylab_blocks.harmonic_stacking import HarmonicStacking

GRAPH = Path(__file__).parents[1] / "graphs" / "stacked_pitch.yaml"


def test_meets_its_contract() -> None:
    mirbricks.check_block(HarmonicStacking)


def test_by_its_definition() -> None:
    config = HarmonicStacking.Config(
        in_channels=2, harmonics=[0.5, 1.0, 1.5, 4.0], bins_per_octave=4
    )
    x = torch.randn(3, 2, 7, 5)
    expected = torch.zeros(3, 8, 7, 5)
    for i, shift in enumerate((-4, 0, 2, 8)):  # 4 log2(1.5) = 2.34
        for f in range(7):
            if 0 <= f + shift < 7:
                expected[:, 2 * i : 2 * i + 2, f] = x[:, :, f + shift]
    assert torch.equal(HarmonicStacking(config)(x), expected)


def test_the_graph_compiles_and_runs_on_any_number_of_frames() -> None:
    model = mirbricks.compile_graph(GRAPH).eval()
    assert model(torch.randn(1, 1, 264, 11)).shape == (1, 1, 264, 11)
