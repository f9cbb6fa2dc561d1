"""The residual quantizer: stages against a loop, error by stage, dropout, gradients, and what it refuses."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from mirbricks.blocks.generative import codebooks
from mirbricks.blocks.generative.codebooks import lacking_entropy
from mirbricks.blocks.generative.rvq import ResidualVectorQuantizer
from mirbricks.errors import DataError
from mirbricks.registry import Block

Make = Callable[..., Block]
NAME = "ResidualVectorQuantizer"


def noise(*shape: int, **options: bool) -> Tensor:
    return torch.randn(shape, dtype=torch.float64, **options)


def stages(block: Block, x: Tensor) -> tuple[np.ndarray, list[np.ndarray]]:
    """Codes (N, Q) and, by stage, the sum of vectors (N, D), frame by frame."""
    frames = x.detach().movedim(1, -1).reshape(-1, x.shape[1]).numpy()
    books = block.codebooks.numpy()
    codes = np.zeros((len(frames), len(books)), dtype=np.int64)
    sums = [np.zeros_like(frames) for _ in books]
    for n, frame in enumerate(frames):
        total = np.zeros_like(frame)
        for i, book in enumerate(books):
            codes[n, i] = ((frame - total - book) ** 2).sum(1).argmin()
            total = total + book[codes[n, i]]
            sums[i][n] = total
    return codes, sums


@pytest.mark.parametrize("shape", [(2, 3, 7), (2, 3, 4, 5), (5, 3)])
def test_stages_by_a_loop(make: Make, shape: tuple[int, ...]) -> None:
    block, x = make(NAME, shape, n_codebooks=3, n_codes=8).eval(), noise(*shape)
    codes, sums = stages(block, x)
    found = block.encode(x)
    assert found.shape == (shape[0], 3, *shape[2:])
    assert np.array_equal(found.movedim(1, -1).reshape(-1, 3).numpy(), codes)
    for n in (1, 2, 3):
        assert torch.equal(block.encode(x, n_codebooks=n), found[:, :n])
        decoded = block.decode(found[:, :n])
        torch.testing.assert_close(
            decoded.movedim(1, -1).reshape(-1, 3), torch.from_numpy(sums[n - 1])
        )
    assert torch.equal(block(x), decoded)


@pytest.mark.parametrize("training", [True, False])
def test_the_gradient_passes_straight_through(make: Make, training: bool) -> None:
    block = make(
        NAME, (2, 3, 6), n_codebooks=3, n_codes=8, quantizer_dropout=0.5
    ).train(training)
    x, g = noise(2, 3, 6, requires_grad=True), noise(2, 3, 6)
    block(x).backward(g)
    assert torch.equal(x.grad, g)


def errors(block: Block, x: Tensor) -> list[float]:
    codes = block.eval().encode(x)
    return [
        float((block.decode(codes[:, :n]) - x).square().mean())
        for n in range(1, codes.shape[1] + 1)
    ]


@pytest.mark.parametrize("by", ["k-means", "training"])
def test_the_error_falls_with_each_stage_on_what_it_was_fitted_to(
    make: Make, by: str
) -> None:
    x = 7 + 3 * noise(4, 5, 200) * torch.linspace(0.2, 2, 5)[:, None]
    block = make(NAME, x.shape, n_codebooks=5, n_codes=32)
    if by == "k-means":
        block.fit(x)
    else:
        for _ in range(300):
            block(x)
    found = [float(x.square().mean()), *errors(block, x)]
    ratios = [after / before for before, after in pairwise(found)]
    assert max(ratios) < 0.6, ratios
    assert found[-1] < 0.01 * float(x.var())
    assert (block.usage(block.encode(x)) > 0.9).all()


def test_the_commitment_loss_and_its_gradient(make: Make) -> None:
    block = make(NAME, (2, 3, 6), n_codebooks=3, n_codes=8, commitment_weight=0.5)
    x = noise(2, 3, 6, requires_grad=True)
    sums = [torch.from_numpy(total).view(2, 6, 3).mT for total in stages(block, x)[1]]
    block(x)
    torch.testing.assert_close(
        block.losses["commitment"], 0.5 * sum((x - s).square().mean() for s in sums)
    )
    block.losses["commitment"].backward()
    torch.testing.assert_close(
        x.grad, 0.5 * sum(2 * (x - s).detach() / x.numel() for s in sums)
    )


def test_dropout_stops_at_a_random_stage(make: Make) -> None:
    block = make(
        NAME,
        (600, 3, 2),
        n_codebooks=3,
        n_codes=8,
        quantizer_dropout=1.0,
        commitment_weight=1.0,
    )
    x = noise(600, 3, 2)
    sums = torch.stack(
        [torch.from_numpy(total).view(600, 2, 3).mT for total in stages(block, x)[1]]
    )
    y = block(x)
    match = torch.isclose(y, sums).all(dim=(2, 3))  # (stages, items)
    assert (match.sum(0) == 1).all()
    counts = match.sum(1)
    assert (counts > 150).all(), counts  # 200 each, sd 12
    last = match.long().argmax(0)
    terms = [
        ((x - s).square().mean((1, 2)) * (last >= i)).mean() for i, s in enumerate(sums)
    ]
    torch.testing.assert_close(block.losses["commitment"], sum(terms))


def test_dropout_of_a_share_and_only_in_training(make: Make) -> None:
    shape = (600, 3, 2)
    block, x = (
        make(NAME, shape, n_codebooks=3, n_codes=8, quantizer_dropout=0.5),
        noise(*shape),
    )
    whole = block.decode(block.encode(x))
    y = block(x)
    share = torch.isclose(y, whole).all(dim=(1, 2)).double().mean()
    assert abs(share - (0.5 + 0.5 / 3)) < 0.08  # sd .02
    assert torch.equal(block.eval()(x), block.decode(block.encode(x)))


def test_codebooks_learn_alike_with_dropout(make: Make) -> None:
    x, books = noise(4, 3, 50), []
    for dropout in (0.0, 1.0):
        torch.manual_seed(0)
        block = make(
            NAME,
            x.shape,
            n_codebooks=3,
            n_codes=8,
            quantizer_dropout=dropout,
            dead_below=0.0,
        )
        block(x)
        books.append(block.codebooks)
    assert torch.equal(*books)


def test_perplexity_and_usage_of_each_stage(make: Make) -> None:
    block = make(NAME, (1, 3, 8), n_codebooks=2, n_codes=8)
    codes = torch.stack([torch.arange(8), torch.tensor([0, 0, 0, 0, 1, 1, 1, 1])])[None]
    torch.testing.assert_close(block.perplexity(codes), torch.tensor([8.0, 2.0]))
    torch.testing.assert_close(block.usage(codes), torch.tensor([1.0, 0.25]))


@pytest.mark.parametrize("n", [0, 4])
def test_stages_that_are_not_there(make: Make, n: int) -> None:
    block = make(NAME, (1, 3, 8), n_codebooks=3, n_codes=8)
    with pytest.raises(DataError) as encoding:
        block.encode(noise(1, 3, 8), n_codebooks=n)
    has = f"{n} codebooks, and the ResidualVectorQuantizer has 3\n  help: ask for 1 to 3     [E460]"
    assert str(encoding.value) == f"encode asks for {has}"
    with pytest.raises(DataError) as decoding:
        block.decode(torch.zeros(1, n, 8, dtype=torch.long))
    assert str(decoding.value) == f"decode got the codes of {has}"


def test_fit_takes_as_many_steps_as_it_is_told(make: Make) -> None:
    x = noise(1, 4, 300)
    found = []
    for iterations in ({"n_iterations": 1}, {"n_iterations": 10}, {}):
        torch.manual_seed(0)
        block = make(NAME, (1, 4, 9), n_codebooks=2, n_codes=16).eval()
        block.fit(x, **iterations)
        found.append(errors(block, x)[-1])
    assert found[0] > found[1] == found[2]


def test_a_feature_that_counts_more_is_kept_more_exactly(make: Make) -> None:
    """Weighted distances are those of features that are stretched first and shrunk afterwards."""
    sizes = {"n_codebooks": 2, "n_codes": 16}
    x = noise(4, 3, 50)
    weighted = make(NAME, (4, 3, 50), weights=[20.0], **sizes)
    plain = make(NAME, (4, 3, 50), **sizes)
    plain.load_state_dict(weighted.state_dict())
    stretch = torch.tensor([20.0, 1.0, 1.0], dtype=torch.float64)[:, None]
    for block, frames in ((weighted, x), (plain, x * stretch)):
        torch.manual_seed(1)
        block.fit(frames)
    codes = weighted.encode(x)
    assert torch.equal(codes, plain.encode(x * stretch))
    torch.testing.assert_close(weighted.decode(codes), plain.decode(codes) / stretch)
    torch.testing.assert_close(weighted.eval()(x), weighted.decode(codes))
    error = (weighted.decode(codes) - x).square().mean(dim=(0, 2))
    assert float(error[0]) < 0.05 * float(error[1:].min())


def test_more_weights_than_features_are_refused(make: Make) -> None:
    with pytest.raises(ValueError, match="'weights' has 4 values for 3 features"):
        make(NAME, (2, 3, 7), dim=3, weights=[1.0, 1.0, 1.0, 1.0])


def test_lacking_entropy_is_that_of_the_mean_soft_choice() -> None:
    frames = torch.randn(50, 3, dtype=torch.float64)
    codebook = torch.randn(8, 3, dtype=torch.float64)
    scale = 0.1 * frames.square().sum(1).mean()
    choice = torch.softmax(-torch.cdist(frames, codebook).square() / scale, 1).mean(0)
    expected = math.log(8) + (choice * choice.log()).sum()
    torch.testing.assert_close(
        lacking_entropy(frames, codebook), expected, rtol=1e-3, atol=1e-4
    )


def test_the_entropy_weight_spreads_the_frames(make: Make) -> None:
    block = make(
        "ResidualVectorQuantizer",
        (1, 2, 400),
        n_codebooks=2,
        n_codes=8,
        dead_below=0.0,
        commitment_weight=0.0,
        entropy_weight=1.0,
    ).train()
    x = (0.1 * torch.randn(1, 2, 400) + 1).requires_grad_()
    optimizer = torch.optim.Adam([x], 0.05)
    found = []
    for _ in range(60):
        block(x)
        found.append(block.losses["entropy"].item())
        optimizer.zero_grad()
        block.losses["entropy"].backward()
        optimizer.step()
    assert found[-1] < 0.5 * found[0]


def quantizer(**config: int) -> ResidualVectorQuantizer:
    made = ResidualVectorQuantizer(ResidualVectorQuantizer.Config(**config))
    return made.double().eval()


def energies(block: Block, x: Tensor, codes: Tensor) -> Tensor:
    """Squared error of each frame."""
    return (block.decode(codes) - x).square().sum(dim=1)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**31),
    beam=st.integers(2, 9),
    n_codebooks=st.integers(1, 5),
    n_codes=st.sampled_from([2, 3, 8, 64]),
    spread=st.sampled_from([0.1, 1.0, 10.0]),
    alike=st.booleans(),
)
def test_a_beam_is_never_worse_than_the_nearest_codes(
    seed: int, beam: int, n_codebooks: int, n_codes: int, spread: float, alike: bool
) -> None:
    """Whatever the codebooks: too wide, too narrow, or full of codes that are equal."""
    torch.manual_seed(seed)
    x = noise(2, 3, 9)
    sizes = {"dim": 3, "n_codebooks": n_codebooks, "n_codes": n_codes}
    greedy = quantizer(**sizes)
    greedy.codebooks.mul_(spread)
    if alike:
        greedy.codebooks.copy_(greedy.codebooks.round())
    searching = quantizer(beam=beam, **sizes)
    searching.load_state_dict(greedy.state_dict())
    for n in range(1, n_codebooks + 1):
        found = energies(searching, x, searching.encode(x, n_codebooks=n))
        nearest = energies(greedy, x, greedy.encode(x, n_codebooks=n))
        assert (found <= nearest).all()
    assert torch.equal(searching(x), searching.decode(searching.encode(x)))


def test_a_beam_that_keeps_everything_finds_the_best_codes_there_are(
    make: Make,
) -> None:
    x = noise(1, 3, 40)
    block = make(NAME, x.shape, n_codebooks=3, n_codes=4, beam=16).eval()
    every = torch.cartesian_prod(*[torch.arange(4)] * 3)
    sums = block.decode(every.T[None])[0].T
    distances = torch.cdist(x[0].T, sums).square()
    codes = block.encode(x)
    torch.testing.assert_close(energies(block, x, codes)[0], distances.amin(dim=1))
    # A search for the nearest codes alone misses some of them.
    nearest = make(NAME, x.shape, n_codebooks=3, n_codes=4).eval()
    nearest.load_state_dict(block.state_dict())
    missed = energies(nearest, x, nearest.encode(x)) > energies(block, x, codes) + 1e-9
    assert missed.any()


def test_frames_are_searched_alike_in_blocks_and_at_once(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    x = noise(2, 3, 50)
    block = make(NAME, x.shape, n_codebooks=3, n_codes=8, beam=4).eval()
    whole = block.encode(x)
    monkeypatch.setattr(codebooks, "SCORES_CPU", 7 * 8 * 4)
    assert torch.equal(block.encode(x), whole)


def test_learning_does_not_search(make: Make) -> None:
    """The codebooks of a training are the same with a beam and without."""
    x, books = noise(4, 3, 50), []
    for beam in (1, 4):
        torch.manual_seed(0)
        block = make(NAME, x.shape, n_codebooks=3, n_codes=8, beam=beam)
        block(x)
        books.append(block.codebooks)
    assert torch.equal(*books)


def test_balanced_codes_are_near_and_seldom_chosen() -> None:
    """Beside a loop; a code without frames counts as a hundredth of an even share."""
    frames = noise(30, 3)
    codebook = noise(8, 3)
    counts = torch.tensor([9.0, 0, 1, 2, 1, 1, 1, 1])
    found = codebooks.balanced_codes(frames, codebook, counts, 0.7)
    shares = (counts / 2).clamp_min(0.01).double() ** 0.7
    distances = torch.cdist(frames, codebook).square() * shares
    assert torch.equal(found, distances.argmin(dim=1))
    # Counts that are all alike change nothing.
    even = codebooks.balanced_codes(frames, codebook, torch.ones(8), 0.7)
    assert torch.equal(even, codebooks.nearest_codes(frames, codebook[None])[:, 0])


def test_a_balance_lets_codes_occur_more_alike(make: Make) -> None:
    """Of frames most of which are crowded in one place."""
    crowded = 0.3 * noise(1, 3, 900)
    x = torch.cat([crowded, 3 * noise(1, 3, 100)], dim=2)
    found = []
    for balance in (0.0, 1.0):
        torch.manual_seed(0)
        sizes = {"n_codebooks": 1, "n_codes": 16, "decay": 0.9, "dead_below": 0.0}
        block = make(NAME, x.shape, balance=balance, **sizes)
        block.fit(x)
        for _ in range(60):
            block(x)
        found.append(block.perplexity(block.encode(x)).item() / 16)
    assert found[1] > found[0] + 0.1, found
