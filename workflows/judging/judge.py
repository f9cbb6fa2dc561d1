"""The figures of a set of sounds against real ones, beside real against real and real against noise."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import DataError
from ...metrics.embedding_sets import Float64, standardised
from ...metrics.generation import generation_figures
from ...metrics.inception import inception_score
from ...metrics.manifolds import copying_figures, nearest_items, realism_scores
from ...metrics.sound_embeddings import SoundEmbedding
from ..progress import Progress, plural
from .embedding import Embedded, embedded, noise
from .sounds import Sounds

NEIGHBOURS = 5  # of the manifolds, as in the paper of density and coverage
FEWEST_SOUNDS = NEIGHBOURS + 1
FEWEST_REAL = 2 * FEWEST_SOUNDS

# The direction in which a figure gets better, for tables.
BETTER = {
    "frechet_distance": "0",
    "frechet_infinity": "0",
    "frechet_infinity_r_squared": "1",
    "kernel_distance": "0",
    "precision": "1",
    "recall": "1",
    "density": "1",
    "coverage": "1",
    "inception_score": "high",
    "nearest_training": "",
    "nearer_than_held_out": ".5",
    "exact_copies": "0",
}


@dataclass(frozen=True, repr=False)
class Judgement:
    """What `mirbricks judge` finds.

    Attributes
    ----------
    figures : dict of str to float
        Of the sounds against one half of the real ones; those of copies against the training sounds.
    real, noise : dict of str to float
        The same figures of the other half of the real sounds, and of noise: the two yardsticks. That of noise is
        empty where the embedding fails on it.
    clips : dict of str to dict
        Of each sound its `realism`, the name of the `nearest` training sound (real one, without a training set) and
        the `distance` to it, in the units of the figures.
    embedding : str
        The name of the embedding.
    n_features : int
        The numbers of an embedding.
    compared : dict of str to int
        How many sounds each of the figures is of: `real` in the reference half, `sounds` in each of the other sets.
    failed : list of DataError
        What could not be read.
    odd : dict of str to dict
        Of the `sounds` and of the `real` ones those that are silent or very short, by name, with what they are. They
        are in the figures like the others: a model that makes silence is not better for it.
    """

    figures: dict[str, float]
    real: dict[str, float]
    noise: dict[str, float]
    clips: dict[str, dict[str, Any]]
    embedding: str
    n_features: int
    compared: dict[str, int]
    failed: list[DataError] = field(default_factory=list)
    odd: dict[str, dict[str, str]] = field(default_factory=dict)

    def __repr__(self) -> str:
        words = []
        for name, figures in (
            ("", self.figures),
            ("real ", self.real),
            ("noise ", self.noise),
        ):
            if figures:
                words.append(f"{name}{figures['frechet_distance']:.4g}")
        return f"<Judgement over {self.embedding}: Fréchet {', '.join(words)}>"


@dataclass(frozen=True)
class Rows:
    """The rows that are compared: a reference, and three sets of one size."""

    reference: NDArray[np.int64]
    real: NDArray[np.int64]
    sounds: NDArray[np.int64]


def judge(
    sounds: Sounds,
    real: Sounds,
    training: Sounds | None,
    embedding: SoundEmbedding,
    *,
    seed: int,
    progress: Progress,
) -> Judgement:
    """Figures of sounds against real ones.

    Raises
    ------
    DataError
        E666 for fewer than 6 sounds or 12 real ones, before anything is computed where that is known before, and
        E668 where the training sounds are the real ones.
    """
    _refuse_few(len(sounds.sources), len(real.sources), sounds, real)
    ours = embedded(sounds, embedding, progress, "sounds")
    theirs = embedded(real, embedding, progress, "real sounds")
    failed = ours.failed + theirs.failed
    _refuse_few(len(ours), len(theirs), sounds, real)
    learned = None
    if training is not None:
        learned = embedded(training, embedding, progress, "training sounds")
        failed += learned.failed
        _refuse_same(learned, theirs, training, progress)

    # All sets are of one size: a Fréchet distance of fewer items is larger for that reason alone.
    rows = _drawn(len(ours), len(theirs), seed)
    if len(rows.sounds) < len(ours):
        progress.note(
            f"{len(rows.sounds)} of {plural(len(ours), 'sound')} are compared, as many as half of the real ones"
        )
    chosen = Sounds("noise", [theirs.sources[row] for row in rows.real])
    noises = embedded(chosen, embedding, progress, "noise", noise(seed))
    parts = (_part(ours, rows.sounds), _part(theirs, rows.real), noises)

    standardise = getattr(embedding, "standardise", True)
    reference = theirs.vectors[rows.reference]
    columns = [_column(part, reference, learned, seed, standardise) for part in parts]
    if not columns[2]:
        progress.note("the embedding fails on noise: there is no yardstick of noise")
    return Judgement(
        figures=columns[0],
        real=columns[1],
        noise=columns[2],
        clips=_clips(ours, theirs, learned, standardise),
        embedding=str(getattr(embedding, "name", type(embedding).__name__)),
        n_features=theirs.vectors.shape[1],
        compared={"real": len(rows.reference), "sounds": len(rows.sounds)},
        failed=failed,
        odd={"sounds": ours.odd, "real": theirs.odd},
    )


def _drawn(n_sounds: int, n_real: int, seed: int) -> Rows:
    half = n_real // 2
    size = min(n_sounds, half)
    order = np.random.default_rng((seed, 0)).permutation(n_real)
    of_sounds = np.random.default_rng((seed, 1)).permutation(n_sounds)
    return Rows(order[:half], order[half : half + size], of_sounds[:size])


def _part(found: Embedded, rows: NDArray[np.int64]) -> Embedded:
    """Some of the embeddings of a set."""
    probabilities = found.probabilities
    if probabilities is not None:
        probabilities = probabilities[rows]
    sources = [found.sources[row] for row in rows]
    return Embedded(sources, found.vectors[rows], probabilities)


def _column(
    part: Embedded,
    reference: Float64,
    learned: Embedded | None,
    seed: int,
    standardise: bool,
) -> dict[str, float]:
    """The figures of one set against the reference; none of too small a set."""
    if len(part) < FEWEST_SOUNDS:
        return {}
    figures = generation_figures(
        reference, part.vectors, seed=seed, k=NEIGHBOURS, standardise=standardise
    )
    if part.probabilities is not None:
        figures["inception_score"], _ = inception_score(part.probabilities)
    if learned is not None:
        figures |= _copying(part, reference, learned, standardise)
    return figures


def _copying(
    part: Embedded, reference: Float64, learned: Embedded, standardise: bool
) -> dict[str, float]:
    """How near a set lies to the training sounds; the reference half is what was held out."""
    training, one, held_out = learned.vectors, part.vectors, reference
    if standardise:
        _, one = standardised(learned.vectors, part.vectors)
        training, held_out = standardised(learned.vectors, reference)
    found = copying_figures(one, training, held_out)
    return {
        "nearest_training": found["nearest_generated"],
        "nearer_than_held_out": found["nearer_than_held_out"],
        "exact_copies": found["exact_copies"],
    }


def _clips(
    ours: Embedded, theirs: Embedded, learned: Embedded | None, standardise: bool
) -> dict[str, dict[str, Any]]:
    """What is known of each sound by itself."""
    real, vectors = theirs.vectors, ours.vectors
    if standardise:
        real, vectors = standardised(real, vectors)
    realism = realism_scores(real, vectors, NEIGHBOURS)

    among = learned if learned is not None else theirs
    others, own = among.vectors, ours.vectors
    if standardise:
        others, own = standardised(others, own)
    nearest = nearest_items(own, others)
    clips = {}
    for row, source in enumerate(ours.sources):
        clips[source.name] = {
            "realism": float(realism[row]),
            "nearest": among.sources[nearest.indices[row]].name,
            "distance": float(nearest.distances[row]),
        }
    return clips


def _refuse_few(n_sounds: int, n_real: int, sounds: Sounds, real: Sounds) -> None:
    """Raise DataError E666 for sets that have no figures."""
    for count, fewest, what, one in (
        (n_sounds, FEWEST_SOUNDS, "sounds to judge", sounds),
        (n_real, FEWEST_REAL, "real sounds", real),
    ):
        if count < fewest:
            raise DataError(
                f"expected at least {fewest} {what}, got {count} from {one.title}",
                code="E666",
                help="a hundred and more of each give figures that can be compared",
            )


def _refuse_same(
    learned: Embedded, theirs: Embedded, training: Sounds, progress: Progress
) -> None:
    """Raise DataError E668 where every real sound is a training sound, E666 without any."""
    if not len(learned):
        raise DataError(
            f"expected training sounds, and none of {training.title} can be read",
            code="E666",
            help="give another folder to --train, or leave it out",
        )
    n_same = int((nearest_items(theirs.vectors, learned.vectors).distances == 0).sum())
    if 0 < n_same < len(theirs):
        progress.note(
            f"{n_same} of {plural(len(theirs), 'real sound')} are among the training sounds, too"
        )
    if n_same == len(theirs):
        raise refused_same()


def refused_same() -> DataError:
    """DataError E668: nothing is held out."""
    return DataError(
        "the real sounds are all among the training sounds",
        code="E668",
        help="give REAL sounds that the model was not trained on, as with --run RUN --split test",
    )
