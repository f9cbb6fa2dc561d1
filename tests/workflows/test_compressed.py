"""A compressed index: what FAISS finds in it, what it keeps in its file, and what is refused."""

from __future__ import annotations

import functools
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch

from mirbricks.errors import RunError
from mirbricks.tasks.covers import Library
from mirbricks.workflows.compressed import Compressed, recall, with_probes
from mirbricks.workflows.index_file import COMPRESSED, Index

pytest.importorskip("faiss", reason="faiss-cpu is an extra: mirbricks[retrieval]")
N = 600


@functools.cache
def library(normalise: bool = False, alike_by: str = "cosine", rotations: int = 1):
    """Sixty works in ten versions each, which lie near to one another."""
    rng = np.random.default_rng(3)
    works = rng.standard_normal((60, 1, rotations, 16))
    versions = works + 0.3 * rng.standard_normal((60, N // 60, rotations, 16))
    rows = torch.from_numpy(versions.reshape(N, rotations, 1, 16)).float()
    return Library.of(list(rows), normalise, alike_by)


KINDS = [
    (False, "cosine", 1),
    (True, "cosine", 1),
    (False, "squared_per_dim", 1),
    (True, "squared_per_dim", 2),
]


@pytest.mark.parametrize("kind", KINDS)
def test_it_finds_what_the_exact_search_finds(kind: tuple[Any, ...]) -> None:
    exact = library(*kind)
    # A byte per number, all lists: nothing is lost but the last bits.
    fine = with_probes(Compressed.of(exact, 16), 1000)
    queries = [exact.query(number) for number in (0, 1, 77, N - 1)]
    scores, numbers = fine.nearest(queries, 5)
    all_scores = exact.scores(queries)
    for row, found, own in zip(all_scores, numbers, scores, strict=True):
        torch.testing.assert_close(own, row[found], atol=0.05, rtol=0.05)
    assert recall(fine, exact, 5) > 0.9
    # Fewer bytes, fewer lists: less is found, and never more.
    coarse = with_probes(Compressed.of(exact, 4), 1)
    assert recall(coarse, exact, 5) < recall(fine, exact, 5)


def test_a_recording_is_near_to_what_is_kept_of_it() -> None:
    exact = library()
    kept = Compressed.of(exact, 8)
    for number in (0, 300, N - 1):
        one, other = exact.query(number)[0], kept.query(number)[0]
        assert float((one - other).norm()) < 0.35, "of a vector of length 1"


def index_of(compressed: Compressed) -> Index:
    keys = tuple(f"{number}.wav" for number in range(N))
    return Index(compressed, keys, keys, (None,) * N, "runs/a", "f" * 32, "songs")


def test_the_file_holds_the_same_index(tmp_path: Path) -> None:
    kept = Compressed.of(library(True), 8)
    index_of(kept).save(tmp_path / "songs.index")
    again = Index.load(tmp_path / "songs.index")
    queries = [kept.query(number) for number in range(20)]
    for one, other in zip(
        kept.nearest(queries, 4), again.library.nearest(queries, 4), strict=True
    ):
        assert torch.equal(one, other)
    # A query from elsewhere is whitened as the collection was.
    whitening = {"a.layer": (torch.randn(20), torch.randn(20, 16))}
    exact = replace(library(True), whitening=whitening)
    index_of(Compressed.of(exact, 8)).save(tmp_path / "whitened.index")
    found = Index.load(tmp_path / "whitened.index").library.whitening
    assert list(found) == ["a.layer"]
    for one, other in zip(found["a.layer"], whitening["a.layer"], strict=True):
        assert torch.equal(one, other)
    # Eight bytes and a list per vector, and what is needed to read them.
    assert kept.codes.nbytes == 8 * N
    assert isinstance(again.library, Compressed)


@pytest.mark.parametrize(
    "damage",
    [
        {"lists": torch.full((N,), 10**6)},
        {"lists": torch.zeros(N)},
        {"codes": torch.zeros((N - 1, 8), dtype=torch.uint8)},
        {"codebooks": torch.zeros((8, 255, 2))},
        {"centres": torch.zeros((3, 15))},
        {"counts": torch.full((N,), 2)},
        {"counts": torch.ones(7, dtype=torch.int64)},
    ],
)
def test_a_file_whose_parts_do_not_fit_never_reaches_faiss(
    tmp_path: Path, damage: dict[str, torch.Tensor]
) -> None:
    path = tmp_path / "songs.index"
    index_of(Compressed.of(library(), 8)).save(path)
    with safetensors.safe_open(path, framework="pt") as file:
        about = file.metadata()
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # not a dict
    assert COMPRESSED in about
    path.write_bytes(safetensors.torch.save({**tensors, **damage}, about))
    with pytest.raises(RunError, match="E630"):
        Index.load(path)


def refusal(exact: Library, n_bytes: int) -> str:
    with pytest.raises(RunError) as caught:
        Compressed.of(exact, n_bytes)
    return str(caught.value)


def test_what_cannot_be_compressed_is_refused() -> None:
    rows = list(torch.randn(9, 1, 1, 16))
    assert refusal(Library.of(rows, False), 8) == (
        "an index of 9 vectors cannot be compressed: codes of one byte need 256 at least\n"
        "  help: leave --compress out: so few are searched exactly in no time     [E635]"
    )
    assert refusal(library(), 7) == (
        "a vector of 16 numbers cannot be shared out to 7 bytes evenly\n"
        "  help: --compress 8     [E635]"
    )
    chunks = Library.of(list(torch.randn(300, 1, 2, 16)), False)
    assert refusal(chunks, 8).endswith("[E634]")
