"""Codebooks: the search against distances written out, how they follow the data, in one process and in two."""

from __future__ import annotations

import contextlib
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, distributed, multiprocessing

from mirbricks.blocks.generative import codebooks as cb


def naive(frames: Tensor, books: Tensor) -> Tensor:
    residual, codes = frames.numpy().copy(), []
    for book in books.numpy():
        distances = ((residual[:, None] - book[None]) ** 2).sum(-1)
        codes.append(distances.argmin(1))
        residual = residual - book[codes[-1]]
    return torch.from_numpy(np.stack(codes, axis=1))


@pytest.mark.parametrize(
    ("n", "k"), [(1, 3), (50, 7), (70, 512), (300, 576)]
)  # from 512 codes on by runs
def test_the_nearest_codes_by_all_distances(n: int, k: int) -> None:
    frames, books = (
        torch.randn(n, 5, dtype=torch.float64),
        torch.randn(3, k, 5, dtype=torch.float64),
    )
    assert torch.equal(cb.nearest_codes(frames, books), naive(frames, books))


def test_blocks_of_frames_do_not_change_the_codes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    frames, books = (
        torch.randn(97, 5, dtype=torch.float64),
        torch.randn(3, 8, 5, dtype=torch.float64),
    )
    whole = cb.nearest_codes(frames, books)
    monkeypatch.setattr(cb, "SCORES_CPU", 8 * 10)  # ten frames at a time
    assert torch.equal(cb.nearest_codes(frames, books), whole)


@pytest.mark.parametrize("n", [1, 200])
@pytest.mark.parametrize("k", [8, 1024])
def test_of_equal_codes_the_first(n: int, k: int) -> None:
    books = torch.zeros(1, k, 2)
    books[:, k // 2 :] = 1
    assert (cb.nearest_codes(torch.ones(n, 2), books) == k // 2).all()


@pytest.mark.parametrize("autocast", [False, True])
def test_half_precision_is_searched_in_single(autocast: bool) -> None:
    x, books = torch.randn(2, 8, 500).bfloat16(), cb.new_codebooks(2, 64, 8)
    with (
        torch.autocast("cpu", dtype=torch.bfloat16)
        if autocast
        else contextlib.nullcontext()
    ):
        codes = cb.nearest_codes(cb.to_frames(x, books), books)
    assert torch.equal(codes, naive(x.float().mT.reshape(-1, 8), books))


def test_frames_and_back() -> None:
    x = torch.randn(2, 3, 4, 5, dtype=torch.bfloat16)
    frames = cb.to_frames(x, torch.zeros(1, 3))
    assert frames.dtype == torch.float32
    assert torch.equal(frames[1 * 20 + 2 * 5 + 3], x[1, :, 2, 3].float())
    assert torch.equal(cb.from_frames(frames, x), x)


def test_new_codebooks_take_white_noise_apart() -> None:
    """Each stage takes its part; none can leave less than K^(-2/D)."""
    dim, k = 4, 256
    frames, books = torch.randn(2000, dim), cb.new_codebooks(4, k, dim)
    variance = [1.0]
    for i in range(4):
        codes = cb.nearest_codes(frames, books[: i + 1])
        variance.append(
            float((frames - sum(books[j][codes[:, j]] for j in range(i + 1))).var())
        )
    ratios = [after / before for before, after in pairwise(variance)]
    assert all(k ** (-2 / dim) < ratio < 0.3 for ratio in ratios), ratios


def test_running_means_are_those_of_the_paper() -> None:
    """N = γN + (1-γ)n, m = γm + (1-γ)Σx, e = m/N (VQ-VAE, appendix A.1), over some batches."""
    torch.manual_seed(1)
    books, counts = (
        torch.randn(1, 4, 3, dtype=torch.float64),
        torch.zeros(1, 4, dtype=torch.float64),
    )
    totals, sums, vectors = np.zeros(4), np.zeros((4, 3)), books[0].numpy().copy()
    for _ in range(5):
        frames = torch.randn(20, 3, dtype=torch.float64)
        codes = torch.randint(3, (20,))  # none chooses the last code
        statistics = cb.statistics_of(
            frames, codes, cb.random_frames(len(frames), 4, frames.device)
        )
        cb.follow(books, counts, statistics[None], decay=0.9, dead_below=0)
        for k in range(3):
            mine = frames.numpy()[codes.numpy() == k]
            totals[k] = 0.9 * totals[k] + 0.1 * len(mine)
            sums[k] = 0.9 * sums[k] + 0.1 * mine.sum(0)
            vectors[k] = sums[k] / totals[k]
        torch.testing.assert_close(counts[0], torch.from_numpy(totals))
        torch.testing.assert_close(books[0], torch.from_numpy(vectors))


def test_a_dead_code_starts_again_at_a_frame() -> None:
    frames = torch.randn(30, 3)
    books, counts = torch.randn(1, 5, 3), torch.tensor([[5.0, 5.0, 5.0, 5.0, 0.01]])
    before = books.clone()
    statistics = cb.statistics_of(
        frames, torch.arange(30) % 4, cb.random_frames(len(frames), 5, frames.device)
    )
    cb.follow(
        books, counts, statistics[None], decay=0.99, dead_below=0.1, to_means=False
    )
    assert torch.equal(books[0, :4], before[0, :4])
    assert (frames == books[0, 4]).all(1).any()
    expected = torch.tensor(
        [[5.03, 5.03, 5.02, 5.02, 0.0099]]
    )  # .99 · 5 + .01 · 7 or 8
    expected[0, 4] = expected.mean()
    torch.testing.assert_close(counts, expected)


def test_many_dead_codes_start_at_different_frames() -> None:
    frames, books, counts = (
        torch.randn(30, 3),
        torch.zeros(1, 20, 3),
        torch.zeros(1, 20),
    )
    statistics = cb.statistics_of(
        frames,
        torch.zeros(30, dtype=torch.long),
        cb.random_frames(len(frames), 20, frames.device),
    )
    cb.follow(books, counts, statistics[None], decay=0.99, dead_below=0.1)
    torch.testing.assert_close(
        books[0, 0], frames.mean(0)
    )  # the one that all chose is their mean
    assert len(books[0].unique(dim=0)) == 20


def test_k_means_finds_separate_clusters() -> None:
    centres = 100 * torch.randn(8, 3)
    frames = (centres[:, None] + torch.randn(8, 50, 3)).view(-1, 3)
    books, counts = torch.randn(1, 64, 3), torch.zeros(1, 64)
    cb.k_means(frames, books, counts, 20, 0.0)
    assert counts.sum() == 400
    error = (frames - books[0][cb.nearest_codes(frames, books)[:, 0]]).square().mean()
    assert error < 1  # a centre that no code found would cost thousands


def test_perplexity_and_usage() -> None:
    even, one = torch.arange(64).view(4, 16) % 8, torch.full((10,), 3)
    torch.testing.assert_close(cb.perplexity_of(even), torch.tensor(8.0))
    torch.testing.assert_close(cb.perplexity_of(one), torch.tensor(1.0))
    assert (cb.usage_of(even, 16), cb.usage_of(one, 16)) == (0.5, 1 / 16)
    skewed = torch.tensor([0, 0, 0, 1])
    share = np.array([0.75, 0.25])
    torch.testing.assert_close(
        cb.perplexity_of(skewed).item(), float(np.exp(-(share * np.log(share)).sum()))
    )


def batches(rank: int) -> tuple[Tensor, Tensor]:
    random = torch.Generator().manual_seed(rank)
    return torch.randn(40, 3, generator=random) + rank, torch.randint(
        6, (40,), generator=random
    )


def one_process(rank: int, folder: str, dead_below: float) -> None:
    """A step of one of two processes, each with its own frames; writes the codebook that it then has."""
    torch.manual_seed(rank)
    distributed.init_process_group(
        "gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=2
    )
    frames, codes = batches(rank)
    books, counts = torch.zeros(1, 8, 3), torch.zeros(1, 8)
    statistics = cb.statistics_of(
        frames, codes, cb.random_frames(len(frames), 8, frames.device)
    )
    cb.follow(books, counts, statistics[None], decay=0.9, dead_below=dead_below)
    torch.save({"books": books, "counts": counts}, Path(folder) / f"{rank}.pt")
    distributed.destroy_process_group()


@pytest.mark.slow
@pytest.mark.parametrize("dead_below", [0.0, 0.1])
def test_two_processes_learn_as_one(tmp_path: Path, dead_below: float) -> None:
    multiprocessing.spawn(
        one_process, (str(tmp_path), dead_below), nprocs=2, daemon=True
    )
    first, second = (torch.load(tmp_path / f"{rank}.pt") for rank in (0, 1))
    assert torch.equal(first["books"], second["books"])
    assert torch.equal(first["counts"], second["counts"])
    frames, codes = (
        torch.cat(parts) for parts in zip(batches(0), batches(1), strict=True)
    )
    books, counts = torch.zeros(1, 8, 3), torch.zeros(1, 8)
    statistics = cb.statistics_of(
        frames, codes, cb.random_frames(len(frames), 8, frames.device)
    )
    cb.follow(books, counts, statistics[None], decay=0.9, dead_below=0)
    torch.testing.assert_close(first["books"][0, :6], books[0, :6])
    torch.testing.assert_close(first["counts"][0, :6], counts[0, :6])
    if dead_below:  # codes 6 and 7 are dead: one starts in each process' frames
        for code, rank in ((6, 0), (7, 1)):
            assert (batches(rank)[0] == first["books"][0, code]).all(1).any()
    else:
        assert not first["books"][0, 6:].any()
