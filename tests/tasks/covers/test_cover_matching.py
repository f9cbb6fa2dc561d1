"""Scores against loops over chunks and rotations; blocks change nothing."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from mirbricks.tasks.covers import Library, matching


def embeddings(rotations: int, chunks: list[int], dim: int = 5) -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    made = [torch.randn(rotations, count, dim, generator=generator) for count in chunks]
    return [torch.nn.functional.normalize(one, dim=-1) for one in made]


def naive(made: list[Tensor]) -> Tensor:
    """(n, n): of each query chunk the best reference chunk, the mean of these, the best rotation."""
    rows = [
        [
            max(float((query[0] @ one.T).amax(1).mean()) for one in reference)
            for reference in made
        ]
        for query in made
    ]
    return torch.tensor(rows)


@pytest.mark.parametrize(
    ("rotations", "chunks"),
    [(1, [1] * 7), (12, [1] * 5), (1, [2, 1, 4, 3]), (3, [2, 1, 4, 3, 1])],
)
def test_scores_equal_loops(
    rotations: int, chunks: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = embeddings(rotations, chunks)
    library = Library.of(made, normalise=False)
    everything = slice(0, len(made))
    torch.testing.assert_close(library.rows(everything), naive(made))
    monkeypatch.setattr(matching, "BLOCK_VALUES", 20)
    torch.testing.assert_close(library.rows(everything), naive(made))
    torch.testing.assert_close(library.rows(slice(1, 3)), naive(made)[1:3])


def test_normalised_by_what_each_reference_gives_to_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = embeddings(1, [1] * 6)
    plain = naive(made)
    wanted = torch.empty(6, 6)
    for reference in range(6):
        others = torch.tensor(
            [float(plain[query, reference]) for query in range(6) if query != reference]
        )
        wanted[:, reference] = (plain[:, reference] - others.mean()) / others.std(
            correction=0
        )
    torch.testing.assert_close(
        Library.of(made, normalise=True).rows(slice(0, 6)), wanted, atol=1e-4, rtol=1e-4
    )
    monkeypatch.setattr(matching, "BLOCK_VALUES", 12)
    torch.testing.assert_close(
        Library.of(made, normalise=True).rows(slice(0, 6)), wanted, atol=1e-4, rtol=1e-4
    )


def test_more_recordings_than_scores_are_kept_of(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The scores of many are computed again for each block, those of few are kept: the same numbers."""
    made = embeddings(2, [2, 1, 3, 1, 2, 1, 1])
    few = Library.of(made, normalise=True)
    everything = few.rows(slice(0, 7))
    monkeypatch.setattr(matching, "HELD", 3)
    for values in (matching.BLOCK_VALUES, 20):
        monkeypatch.setattr(matching, "BLOCK_VALUES", values)
        many = Library.of(made, normalise=True)
        torch.testing.assert_close(many.mean, few.mean)
        torch.testing.assert_close(many.deviation, few.deviation)
        torch.testing.assert_close(
            many.rows(slice(0, 7)), everything, atol=1e-4, rtol=1e-4
        )
        torch.testing.assert_close(
            many.rows(slice(2, 5)), everything[2:5], atol=1e-4, rtol=1e-4
        )
    # What is kept is what a query of the same vectors gets.
    queries = [few.query(number) for number in range(7)]
    torch.testing.assert_close(few.scores(queries), everything, atol=1e-4, rtol=1e-4)


def test_two_recordings_have_no_deviation() -> None:
    made = embeddings(1, [1, 1])
    torch.testing.assert_close(
        Library.of(made, normalise=True).rows(slice(0, 2)), naive(made)
    )


def test_not_finite() -> None:
    with pytest.raises(ValueError, match="not finite"):
        Library.of([torch.full((1, 1, 3), torch.nan)], normalise=False)
