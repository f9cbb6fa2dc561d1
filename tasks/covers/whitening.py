"""Whitening by the recordings that are searched: their chunks say, without labels, in which directions chunks vary.

What is common in a collection says little of a work, and collections differ in it. The layers `Whitening` of a graph
know the training recordings; here they get mean and covariance of the collection instead, which is there, unlabelled,
when its index is built: Jégou & Chum, "Negative Evidences and Co-occurrences in Image Retrieval: The Benefit of PCA and
Whitening", ECCV 2012.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping

import torch
from torch import Tensor, nn

from ...blocks.pointwise.whitening import Whitening

# By the path of each layer: its mean (D,) and its projection (D, E).
Statistics = Mapping[str, tuple[Tensor, Tensor]]


def layers_of(model: nn.Module) -> dict[str, Whitening]:
    """The layers Whitening of a model by their paths, in the order of the graph."""
    modules = model.named_modules()
    return {name: layer for name, layer in modules if isinstance(layer, Whitening)}


class Moments:
    """Mean and covariance of a collection, drawn towards those of the training the less it has to say.

    The collection's second moments S are means over its recordings, whose Q_k have the weights w_k of their chunks;
    chunks of one recording overlap, and are no samples of their own. The share of the training's covariance T is

        min(1, Σ w_k² |Q_k - S|² / (1 - Σ w_k²) / |S - T|²)

    with Frobenius norms: the estimated variance of S over its squared distance from T, which minimises the expected
    squared error of the mixture. Nothing in it is chosen. One recording leaves everything as it was.

    Source: Ledoit & Wolf, "Improved Estimation of the Covariance Matrix of Stock Returns", Journal of Empirical Finance
    2003; with a given target Schäfer & Strimmer, "A Shrinkage Approach to Large-Scale Covariance Matrix Estimation",
    Statistical Applications in Genetics and Molecular Biology 2005, eq. 8.

    Parameters
    ----------
    mean : Tensor of shape (D,)
        Of the training.
    covariance : Tensor of shape (D, D)
        T.
    """

    def __init__(self, mean: Tensor, covariance: Tensor) -> None:
        self.mean = mean.detach().cpu().double()
        self.covariance = covariance.detach().cpu().double()
        size = len(mean)
        # In double precision: differences of large sums follow.
        self.count = 0
        self.counts_squared = 0
        self.sum = torch.zeros(size, dtype=torch.float64)
        self.squares = torch.zeros(size, size, dtype=torch.float64)
        # Σ n_k² Q_k and Σ n_k² |Q_k|², so that no Q_k is kept.
        self.weighed = torch.zeros(size, size, dtype=torch.float64)
        self.norms = 0.0

    def add(self, vectors: Tensor) -> None:
        """Take in all chunks (N, D) of one recording."""
        # About the training's mean, so that neither a mean far from 0 nor its rounding counts.
        x = vectors.detach().cpu().double() - self.mean
        n = len(x)
        total = x.T @ x
        self.count += n
        self.counts_squared += n * n
        self.sum += x.sum(0)
        self.squares += total
        self.weighed += n * total
        self.norms += float(total.square().sum())

    @property
    def share_of_training(self) -> float:
        """How much of the mixture is the training's, between 0 and 1."""
        squares = self.squares / self.count
        # Σ w_k² |Q_k - S|², multiplied out.
        overlap = float((self.weighed * squares).sum())
        norm = float(squares.square().sum())
        weight = self.counts_squared / self.count**2
        spread = (self.norms - 2 * overlap) / self.count**2 + weight * norm
        distance = float((squares - self.covariance).square().sum())
        # The variance of one recording is not known. Where nothing differs, either will do.
        if weight >= 1 or distance == 0:
            return 1.0
        return min(1.0, max(0.0, spread / (1 - weight) / distance))

    def mixed(self) -> tuple[Tensor, Tensor]:
        """Mean (D,) and covariance (D, D), in double precision."""
        training = self.share_of_training
        own = 1 - training
        squares = training * self.covariance + own * self.squares / self.count
        shift = own * self.sum / self.count
        return self.mean + shift, squares - torch.outer(shift, shift)


def statistics_of(
    model: nn.Module, embeddings: Callable[[], Iterable[object]]
) -> dict[str, tuple[Tensor, Tensor]]:
    """What a collection makes of the layers Whitening; the model is left as it was.

    embeddings  goes through the collection: at each step the model embeds one recording
    """
    found: dict[str, tuple[Tensor, Tensor]] = {}
    # One after another: what a layer sees depends on the layers before it.
    for name, layer in layers_of(model).items():
        moments = Moments(layer.running_mean, layer.covariance)
        seen: list[Tensor] = []
        hook = layer.register_forward_pre_hook(
            lambda _, inputs, seen=seen: seen.append(inputs[0])
        )
        with contextlib.ExitStack() as stack:
            stack.callback(hook.remove)
            stack.enter_context(whitened_by(model, found))
            for _ in embeddings():
                moments.add(torch.cat(seen))
                seen.clear()
        mean, covariance = moments.mixed()
        projection = layer.projection_by(covariance)
        found[name] = (mean.float(), projection.float().contiguous())
    return found


@contextlib.contextmanager
def whitened_by(model: nn.Module, statistics: Statistics) -> Iterator[None]:
    """The layers Whitening with these statistics, and afterwards with their own again. Raises ValueError for others."""
    refuse_other_layers(model, statistics)
    layers = layers_of(model)
    own = {name: _of(layers[name]) for name in statistics}
    try:
        _give(layers, statistics)
        yield
    finally:
        _give(layers, own)


def refuse_other_layers(model: nn.Module, statistics: Statistics) -> None:
    """Raise ValueError where statistics are not of layers of this model, or of other sizes."""
    layers = layers_of(model)
    for name, tensors in statistics.items():
        if name not in layers:
            raise ValueError(f"the model has no layer Whitening '{name}'")
        shapes = [tuple(one.shape) for one in tensors]
        expected = [tuple(one.shape) for one in _of(layers[name])]
        if shapes != expected:
            raise ValueError(f"the layer '{name}' has {expected}, not {shapes}")


def _of(layer: Whitening) -> tuple[Tensor, Tensor]:
    return layer.running_mean.clone(), layer.projection.clone()


def _give(layers: Mapping[str, Whitening], statistics: Statistics) -> None:
    with torch.no_grad():
        for name, (mean, projection) in statistics.items():
            layers[name].running_mean.copy_(mean)
            layers[name].projection.copy_(projection)
