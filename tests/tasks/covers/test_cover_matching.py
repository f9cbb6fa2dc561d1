"""Scores against loops over chunks and rotations; blocks change nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from mirbricks.errors import RunError
from mirbricks.tasks.covers import Library, matching
from mirbricks.tasks.covers.matching import Alike
from mirbricks.workflows.faiss_search import nearest_by_faiss
from mirbricks.workflows.index_file import Index
from mirbricks.workflows.search import nearest


def embeddings(rotations: int, chunks: list[int], dim: int = 5) -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    made = [torch.randn(rotations, count, dim, generator=generator) for count in chunks]
    return [torch.nn.functional.normalize(one, dim=-1) for one in made]


def cosine(query: Tensor, reference: Tensor) -> Tensor:
    """(M, S) of (M, D) and (S, D)."""
    return torch.nn.functional.cosine_similarity(query[:, None], reference, dim=-1)


def squared_per_dim(query: Tensor, reference: Tensor) -> Tensor:
    """(M, S) of (M, D) and (S, D): the difference itself, squared."""
    return -(query[:, None] - reference).square().mean(dim=-1)


ALIKE: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "cosine": cosine,
    "squared_per_dim": squared_per_dim,
}


def naive(made: list[Tensor], alike_by: str = "cosine") -> Tensor:
    """(n, n): of each query chunk the best reference chunk, the mean of these, the best rotation."""
    alike = ALIKE[alike_by]
    rows = [
        [
            max(float(alike(query[0], one).amax(1).mean()) for one in reference)
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


@pytest.mark.parametrize(
    ("rotations", "chunks"), [(12, [1] * 5), (1, [2, 1, 4, 3]), (3, [2, 1, 4, 3, 1])]
)
def test_scores_of_both_ways(
    rotations: int, chunks: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The mean over the query's chunks, and over the reference's, of one rotation; then the best of these."""
    made = embeddings(rotations, chunks)
    wanted = torch.empty(len(made), len(made))
    for row, query in enumerate(made):
        for column, reference in enumerate(made):
            own = []
            for rotation in reference:
                alike = cosine(query[0], rotation)
                own.append((alike.amax(1).mean() + alike.amax(0).mean()) / 2)
            wanted[row, column] = torch.stack(own).max()
    everything = slice(0, len(made))
    library = Library.of(made, normalise=False, both_ways=True)
    torch.testing.assert_close(library.rows(everything), wanted)
    monkeypatch.setattr(matching, "BLOCK_VALUES", 20)
    torch.testing.assert_close(library.rows(everything), wanted)
    one_way = naive(made)
    assert torch.allclose(wanted, one_way) == (max(chunks) == 1)


@pytest.mark.parametrize("normalise", [False, True])
@pytest.mark.parametrize(
    ("rotations", "chunks"),
    [(1, [1] * 7), (12, [1] * 5), (1, [2, 1, 4, 3]), (3, [2, 1, 4, 3, 1])],
)
def test_distances_of_vectors_as_they_are(
    rotations: int,
    chunks: list[int],
    normalise: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Vectors of different lengths, far from 0 too: where a direction would rank otherwise."""
    generator = torch.Generator().manual_seed(1)
    made = [
        torch.randn(rotations, count, 5, generator=generator) * (1 + 3 * number) + 2
        for number, count in enumerate(chunks)
    ]
    n = len(made)
    plain = naive(made, "squared_per_dim")
    assert not torch.equal(plain.argsort(1), naive(made).argsort(1))
    wanted = plain
    if normalise:
        others = plain.T[~torch.eye(n, dtype=torch.bool)].reshape(n, n - 1)
        wanted = (plain - others.mean(1)) / others.std(1, correction=0)
    monkeypatch.setattr(matching, "BLOCK_VALUES", 20)
    library = Library.of(made, normalise, "squared_per_dim")
    torch.testing.assert_close(library.rows(slice(0, n)), wanted, atol=2e-4, rtol=2e-4)
    torch.testing.assert_close(library.query(1), made[1][0])


@pytest.mark.parametrize("normalise", [False, True])
@pytest.mark.parametrize("rotations", [1, 3])
@pytest.mark.parametrize("alike_by", ["cosine", "squared_per_dim"])
def test_faiss_gives_the_scores_of_the_exact_search(
    alike_by: Alike, rotations: int, normalise: bool
) -> None:
    pytest.importorskip("faiss")
    generator = torch.Generator().manual_seed(2)
    made = [
        torch.randn(rotations, 1, 6, generator=generator) * (1 + number % 4)
        for number in range(40)
    ]
    library = Library.of(made, normalise, alike_by)
    queries = [library.query(number) for number in (0, 7, 39)]
    scores, numbers = nearest(library, queries, 11)
    found_scores, found = nearest_by_faiss(library, queries, 11)
    torch.testing.assert_close(found, numbers)
    torch.testing.assert_close(found_scores, scores, atol=1e-4, rtol=1e-4)


def test_an_index_says_what_it_compares_by(tmp_path: Path) -> None:
    library = Library.of(embeddings(1, [1] * 3), False, "squared_per_dim", True)
    names = ("a", "b", "c")
    index = Index(library, names, names, names, "run", "0" * 32, "corpus")
    index.save(tmp_path / "x.index")
    loaded = Index.load(tmp_path / "x.index").library
    assert loaded.alike_by == "squared_per_dim"
    assert loaded.both_ways

    # One from before there was a choice is of cosines; one of later versions is refused.
    content = (tmp_path / "x.index").read_bytes()
    size = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + size])
    about = json.loads(header["__metadata__"]["mirbricks index 1"])
    for word, wanted in ((None, "cosine"), ("manhattan", None)):
        new = ("alike_by", "both_ways")
        changed = {key: value for key, value in about.items() if key not in new}
        if word:
            changed["alike_by"] = word
        header["__metadata__"]["mirbricks index 1"] = json.dumps(changed)
        text = json.dumps(header).encode()
        (tmp_path / "y.index").write_bytes(
            len(text).to_bytes(8, "little") + text + content[8 + size :]
        )
        if wanted:
            assert Index.load(tmp_path / "y.index").library.alike_by == wanted
        else:
            with pytest.raises(RunError, match="compares by 'manhattan'") as caught:
                Index.load(tmp_path / "y.index")
            assert caught.value.code == "E630"


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
