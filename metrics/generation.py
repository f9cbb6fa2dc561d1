"""All figures of a generated set at once, and the yardstick that belongs beside them."""

from __future__ import annotations

from .embedding_sets import Embeddings, halves, standardised, two_sets
from .frechet import frechet_distance, frechet_infinity
from .kernels import kernel_distance
from .manifolds import manifold_figures

FEWEST_FOR_INFINITY = 10


def generation_figures(
    real: Embeddings,
    generated: Embeddings,
    *,
    seed: int,
    k: int = 5,
    standardise: bool = True,
) -> dict[str, float]:
    """Fréchet distance, its extrapolation, KID, precision, recall, density and coverage of a generated set.

    Parameters
    ----------
    real, generated : array_like or Tensor
        Embeddings (N, D) and (M, D) of sounds, more than k each. The figures of different N, M or embeddings do not
        compare.
    seed : int
        Of the subsets that `frechet_infinity` draws.
    k : int
        Of the nearest neighbours of `manifold_figures`.
    standardise : bool
        Measure each feature in deviations of the real set, see `standardised`. False for embeddings whose published
        figures are of the raw values, such as VGGish.

    Returns
    -------
    dict
        frechet_distance, frechet_infinity and its frechet_infinity_r_squared (only of 10 generated items and more),
        kernel_distance, precision, recall, density, coverage.

    Raises
    ------
    ValueError
        For k or fewer embeddings, another number of axes or features, or a value that is not finite.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> figures = generation_figures(rng.normal(size=(40, 3)), rng.normal(size=(40, 3)), seed=0)
    >>> figures["frechet_distance"] < 1 < figures["density"] + 0.5
    True
    """
    one, other = two_sets(real, generated, at_least=max(2, k + 1))
    if standardise:
        one, other = standardised(one, other)
    figures = {"frechet_distance": frechet_distance(one, other)}
    if len(other) >= FEWEST_FOR_INFINITY:
        line = frechet_infinity(one, other, seed=seed)
        figures["frechet_infinity"] = line.value
        figures["frechet_infinity_r_squared"] = line.r_squared
    figures["kernel_distance"] = kernel_distance(one, other)
    return figures | manifold_figures(one, other, k)


def real_against_real(
    real: Embeddings, *, seed: int, k: int = 5, standardise: bool = True
) -> dict[str, float]:
    """`generation_figures` of two random halves of a real set: what a perfect model of that size would get.

    Parameters
    ----------
    real : array_like or Tensor
        Embeddings (N, D), at least 2 (k + 1).
    seed : int
        Of the halves.
    k, standardise : int, bool
        As in `generation_figures`.

    Returns
    -------
    dict
        As `generation_figures`; compare with those of a half of the real set and as many generated items.

    Raises
    ------
    ValueError
        As `generation_figures`.

    Examples
    --------
    >>> import numpy as np
    >>> sorted(real_against_real(np.random.default_rng(0).normal(size=(40, 3)), seed=0))[:2]
    ['coverage', 'density']
    """
    one, other = halves(real, seed)
    return generation_figures(one, other, seed=seed, k=k, standardise=standardise)
