"""Vectors that stand for others: the search for the nearest, and how codebooks follow the data.

Shapes: N frames of D features, Q codebooks of K codes: `frames` (N, D), `codebooks` (Q, K, D), `codes` (N, Q).
"""

from __future__ import annotations

import math
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor, distributed
from torch.nn import functional

SCORES_CPU = 2**21  # scores held at a time: 8 MB, which a processor's cache keeps
SCORES_GPU = 2**26
RUN = 64  # codes whose best score is found by one vectorised maximum
SOFTNESS = 0.1  # of the frames' mean energy: distances that count as alike
LEAST = 1e-6  # keeps logarithms and divisions away from 0
LEAST_SHARE = 0.01  # of an even share: how rare a code may count as
UNUSED = 1e-6  # share of the mean count below which no frame has chosen a code


def to_frames(x: Tensor, codebook: Tensor) -> Tensor:
    """(B, D, ...) as (N, D), in the finer precision of input and codebook and at least in float32."""
    dtype = torch.promote_types(
        torch.promote_types(x.dtype, codebook.dtype), torch.float32
    )
    # Channels last: a row is then one vector, as the search for the nearest takes it.
    return x.movedim(1, -1).reshape(-1, x.shape[1]).to(dtype)


def from_frames(frames: Tensor, x: Tensor) -> Tensor:
    """(N, D) in the shape and precision of x, (B, D, ...)."""
    last = frames.view(x.shape[0], *x.shape[2:], frames.shape[1])
    return last.movedim(-1, 1).to(x.dtype)


def straight_through(x: Tensor, quantised: Tensor) -> Tensor:
    """The value of `quantised`, to the bit, with the gradient of x (arXiv:1308.3432)."""
    quantised = quantised.detach()
    if x.requires_grad:
        # x - x.detach() is exactly 0, so the sum is `quantised` to the bit.
        return quantised + (x - x.detach())
    return quantised


def new_codebooks(n_codebooks: int, n_codes: int, dim: int) -> Tensor:
    """Codes drawn for white input of variance 1, (Q, K, D).

    A stage is taken to leave the share r = K^(-1/D) of the variance (trained codes leave at best K^(-2/D), by
    rate-distortion theory), so its codes have the variance 1 - r, and those of each further stage r times as much.
    """
    left = n_codes ** (-1 / dim)
    variance: Tensor = (1 - left) * left ** torch.arange(n_codebooks)[:, None, None]
    return torch.randn(n_codebooks, n_codes, dim) * variance.sqrt()


@torch.no_grad()
def nearest_codes(frames: Tensor, codebooks: Tensor) -> Tensor:
    """The nearest code of each codebook to what the codebooks before it left: (N, Q), int64; the first of equals.

    |x - c|² is least where x·c - |c|²/2 is largest: one matrix product per stage. Frames are taken in blocks whose
    scores stay in the cache, which also bounds the memory.
    """
    codebooks = codebooks.to(frames.dtype)
    half_norms = torch.linalg.vector_norm(codebooks, dim=-1).square() / 2
    with _no_autocast(frames.device):
        # While torch compiles, a loop over blocks would fix the number of frames.
        if torch.compiler.is_compiling():
            return _stages(frames, codebooks, half_norms)
        if frames.device.type == "cpu":
            scores = SCORES_CPU
        else:
            scores = SCORES_GPU
        blocks = torch.split(frames, max(1, scores // codebooks.shape[1]))
        return torch.cat([_stages(block, codebooks, half_norms) for block in blocks])


def _stages(frames: Tensor, codebooks: Tensor, half_norms: Tensor) -> Tensor:
    codes: list[Tensor] = []
    for i in range(len(codebooks)):
        # Each stage codes what the stages before it left over.
        if i:
            frames = frames - functional.embedding(codes[-1], codebooks[i - 1])
        scores = torch.addmm(-half_norms[i], frames, codebooks[i].t())
        codes.append(_first_largest(scores))
    return torch.stack(codes, dim=1)


def best_codes(frames: Tensor, codebooks: Tensor, beam: int) -> Tensor:
    """Codes (N, Q), int64, whose sums are near the frames: a search that keeps the `beam` best sums at each stage.

    It is never farther away than `nearest_codes`, which keeps one: where the search has lost that path, and found no
    better one, its codes stay.
    """
    greedy = nearest_codes(frames, codebooks)
    # Codes have no gradient; one context within another would not be exported.
    frames = frames.detach()
    if beam == 1 or len(codebooks) == 1:
        return greedy
    codebooks = codebooks.to(frames.dtype)
    with _no_autocast(frames.device):
        if torch.compiler.is_compiling():
            return _better(frames, codebooks, greedy, beam)
        if frames.device.type == "cpu":
            scores = SCORES_CPU
        else:
            scores = SCORES_GPU
        rows = max(1, scores // (codebooks.shape[1] * beam))
        blocks = zip(torch.split(frames, rows), torch.split(greedy, rows), strict=True)
        found = [_better(block, codebooks, own, beam) for block, own in blocks]
        return torch.cat(found)


def _better(frames: Tensor, codebooks: Tensor, greedy: Tensor, beam: int) -> Tensor:
    """Of both searches the codes whose sum is nearer, frame by frame; those of `greedy` where both are as near."""
    found = _kept_sums(frames, codebooks, beam)
    gain = _distances(frames, codebooks, greedy) - _distances(frames, codebooks, found)
    return torch.where((gain > 0)[:, None], found, greedy)


def _kept_sums(frames: Tensor, codebooks: Tensor, beam: int) -> Tensor:
    n_codes = codebooks.shape[1]
    # Axes: frames, kept sums, features. At first there is one sum, of nothing.
    left = frames[:, None]
    n_kept = 1
    codes: Tensor | None = None
    for codebook in codebooks:
        # |r - c|² = |r|² - 2 r·c + |c|², for every kept sum and every code.
        energy = left.square().sum(dim=2, keepdim=True)
        products = functional.linear(left, codebook)
        distances = energy - 2 * products + codebook.square().sum(dim=1)
        n_kept = min(beam, n_kept * n_codes)
        places = distances.flatten(1).topk(n_kept, dim=1, largest=False).indices

        # Each place is a sum that was kept before, and the code that goes on top of it.
        parents = places.div(n_codes, rounding_mode="floor")[..., None]
        chosen = places.remainder(n_codes)[..., None]
        if codes is None:
            codes = chosen
        else:
            before = codes.gather(1, parents.expand(-1, -1, codes.shape[2]))
            codes = torch.cat([before, chosen], dim=2)
        left = left.gather(1, parents.expand(-1, -1, left.shape[2]))
        left = left - functional.embedding(chosen[..., 0], codebook)
    assert codes is not None  # there is at least one codebook
    best = left.square().sum(dim=2).argmin(dim=1)
    picked = best[:, None, None].expand(-1, 1, codes.shape[2])
    return codes.gather(1, picked)[:, 0]


def _distances(frames: Tensor, codebooks: Tensor, codes: Tensor) -> Tensor:
    """Squared distances (N,) of frames from the sums of their codes, as `decode` forms them."""
    return (frames - sum_of(codebooks, codes)).square().sum(dim=1)


def sum_of(codebooks: Tensor, codes: Tensor) -> Tensor:
    """The sums of vectors, (N, D), of the codes (N, n) of the first n codebooks."""
    total = functional.embedding(codes[:, 0], codebooks[0])
    for i in range(1, codes.shape[1]):
        total = total + functional.embedding(codes[:, i], codebooks[i])
    return total


def _first_largest(scores: Tensor) -> Tensor:
    """argmax over the last axis; on a CPU the maxima of runs come first, as torch's own argmax is not vectorised."""
    n, k = scores.shape
    is_plain = torch.compiler.is_compiling() or scores.device.type != "cpu"
    is_small = k < 8 * RUN or n < RUN
    if is_plain or is_small or k % RUN:
        return scores.argmax(1)

    # The first run that holds the maximum, then its first place there: the first of equals, as argmax gives it.
    runs = scores.view(n, k // RUN, RUN)
    run = runs.amax(2).argmax(1)
    return runs[torch.arange(n), run].argmax(1) + run * RUN


def _no_autocast(device: torch.device) -> AbstractContextManager[object]:
    """Half precision would choose other codes."""
    known = torch.amp.is_autocast_available(device.type)
    if known:
        return torch.autocast(device.type, enabled=False)
    return nullcontext()


def perplexity_of(codes: Tensor) -> Tensor:
    """exp of the entropy of codes of any shape: a scalar; 1 where one of them is always chosen."""
    # Codes that never occur add 0 · log 0 = 0, so they need not be counted.
    _, counts = torch.unique(codes, return_counts=True)
    entropy: Tensor = torch.special.entr(counts / codes.numel()).sum()
    return entropy.exp()


def lacking_entropy(frames: Tensor, codebook: Tensor) -> Tensor:
    """log K less the entropy of the mean soft choice of K codes by frames (N, D), in nats: 0 where all occur alike.

    A frame's soft choice is the softmax of its negative squared distances, relative to SOFTNESS of the mean energy of
    the frames, so that it does not depend on their scale.
    """
    # A copy, since the codes move in place before the gradient is taken.
    codebook = codebook.detach().to(frames.dtype, copy=True)
    energy = frames.detach().square().sum(dim=1).mean()
    # The frame's own norm is the same for all codes, and falls out of the softmax.
    nearness = 2 * frames @ codebook.t() - codebook.square().sum(dim=1)
    choice = (nearness / (SOFTNESS * energy + LEAST)).softmax(dim=1).mean(dim=0)
    # The logarithm of 0 has no gradient.
    entropy = torch.special.entr(choice + LEAST).sum()
    lacking: Tensor = math.log(len(codebook)) - entropy
    return lacking


@torch.no_grad()
def balanced_codes(
    frames: Tensor, codebook: Tensor, counts: Tensor, balance: float
) -> Tensor:
    """The code (N,) of each frame (N, D) that learns from it: near, and not chosen more often than others.

    Squared distances from the codes (K, D) are multiplied by the codes' shares of the running counts (K,), relative to
    an even share, to the power `balance`. Crowded codes then give frames away, and codes move to where frames are many.
    """
    mean = counts.mean().clamp_min(torch.finfo(counts.dtype).tiny)
    # A code without frames is to win more of them, and not every one there is.
    share = (counts / mean).clamp_min(LEAST_SHARE).to(frames.dtype)
    codebook = codebook.to(frames.dtype)
    with _no_autocast(frames.device):
        energy = frames.square().sum(dim=1, keepdim=True)
        distances = energy - 2 * frames @ codebook.t() + codebook.square().sum(dim=1)
        return (distances.clamp_min(0) * share.pow(balance)).argmin(dim=1)


def usage_of(codes: Tensor, n_codes: int) -> Tensor:
    """Share of the n_codes codes that occur in codes of any shape: a scalar."""
    return torch.tensor(torch.unique(codes).numel() / n_codes, device=codes.device)


def random_frames(n_frames: int, n_codes: int, device: torch.device) -> Tensor:
    """A frame's number for each code, (K,); each frame once where there are enough."""
    shuffled = torch.randperm(n_frames, device=device)
    # The remainder starts again at the first frame where there are more codes than frames.
    return shuffled[torch.arange(n_codes, device=device) % n_frames]


@torch.no_grad()
def statistics_of(frames: Tensor, codes: Tensor, picks: Tensor) -> Tensor:
    """What `follow` needs of a stage, which gave its frames (N, D) the codes (N,): (K, 1 + 2 D).

    In a row, how many frames chose the code, their sum, and the frame that was picked for it.
    """
    # A column of ones beside the frames: one scatter gives counts and sums.
    counted = torch.cat([torch.ones_like(frames[:, :1]), frames], dim=1)
    sums = counted.new_zeros(len(picks), counted.shape[1]).index_add_(0, codes, counted)
    return torch.cat([sums, frames[picks]], dim=1)


@torch.no_grad()
def follow(
    codebooks: Tensor,
    counts: Tensor,
    statistics: Tensor,
    *,
    decay: float,
    dead_below: float,
    to_means: bool = True,
) -> None:
    """Move codebooks (Q, K, D) and running counts (Q, K), in place, alike in all processes of torch.distributed.

    Each code becomes the running mean of the frames that chose it (arXiv:1711.00937, appendix A.1, with counts in
    place of sums: the same numbers, and exact for codes that none chose). A code whose running count is under
    `dead_below` of the mean count starts again, with the mean count, at a random frame of the batch.
    """
    dim = codebooks.shape[-1]
    together = _over_processes(statistics)
    hits, sums, picked = torch.split(together, [1, dim, dim], dim=-1)
    counts.mul_(decay).add_(hits[..., 0], alpha=1 - decay)

    # A running mean of frames: codes that no frame chose have no step, whatever their count.
    if to_means:
        step = (1 - decay) * (sums - hits * codebooks)
        least = torch.finfo(step.dtype).tiny
        codebooks.add_(step / counts.to(step.dtype).clamp_min(least)[..., None])

    # A code that is hardly chosen would never move again, so it starts where frames are.
    if dead_below:
        mean = counts.mean(dim=-1, keepdim=True)
        dead = counts < dead_below * mean
        codebooks.copy_(torch.where(dead[..., None], picked, codebooks))
        counts.copy_(torch.where(dead, mean, counts))


def _over_processes(statistics: Tensor) -> Tensor:
    """Sums over all processes; of the picked frames, each process gives its share."""
    if not (distributed.is_available() and distributed.is_initialized()):
        return statistics
    dim = statistics.shape[-1] // 2
    rows = torch.arange(statistics.shape[1], device=statistics.device)
    # Code k is picked by process k mod n, the others add zeros: a sum then gives all the same frames.
    mine = rows % distributed.get_world_size() == distributed.get_rank()
    sums, picked = torch.split(statistics, [1 + dim, dim], dim=-1)
    together = torch.cat([sums, picked * mine[:, None]], dim=-1)
    distributed.all_reduce(together)
    return together


@torch.no_grad()
def k_means(
    frames: Tensor,
    codebooks: Tensor,
    counts: Tensor,
    n_iterations: int,
    dead_below: float,
) -> None:
    """Lloyd's algorithm, one codebook after the other, on the frames (N, D); in place."""
    for codebook, count in zip(codebooks[:, None], counts[:, None], strict=True):
        for _ in range(n_iterations):
            picks = random_frames(len(frames), codebook.shape[1], frames.device)
            codes = nearest_codes(frames, codebook)[:, 0]
            statistics = statistics_of(frames, codes, picks)
            # Without memory of the steps before, the running means are the means of Lloyd's algorithm.
            follow(
                codebook,
                count,
                statistics[None],
                decay=0.0,
                dead_below=max(dead_below, UNUSED),
            )
        # The next codebook is fitted to what this one leaves over.
        codes = nearest_codes(frames, codebook)[:, 0]
        frames = frames - functional.embedding(codes, codebook[0])
