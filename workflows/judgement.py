"""Generated sounds against real ones in Python: `mirbricks.judge`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..data.corpus import Corpus
from ..metrics.sound_embeddings import SoundEmbedding
from .arguments import flag_of, optional_path_of, wrong
from .embeddings.layers import layer_of
from .embeddings.naming import embedding_of
from .judging.heard import hearing_of, refuse_unknown, with_heard
from .judging.judge import Judgement, refused_same
from .judging.judge import judge as judge_sounds
from .judging.sounds import Side, Sounds, side_of_run, sounds_of
from .model import Model
from .progress import progress_of


def judge(
    sounds: Any,
    real: str | Path | Corpus | Any,
    *,
    embedding: str | Model | SoundEmbedding = "mel",
    split: str | None = None,
    run: str | Path | None = None,
    train: str | Path | Corpus | Any = None,
    heard: str | Model | None = None,
    seed: int = 0,
    device: str = "cpu",
    progress: bool = True,
) -> Judgement:
    """Judge generated sounds against real ones, over any embedding: what `mirbricks judge` does.

    Parameters
    ----------
    sounds : str, Path, Corpus or sequence
        A folder of audio files of any sampling rate, a corpus, or what `Model.generate` gives; pairs (samples, sr_hz)
        will do.
    real : str, Path, Corpus or sequence
        Real sounds, in the same form; 12 at least. They are halved: one half is what all else is compared with.
    embedding : str, Model or callable
        What sounds are compared by: mel, chroma, clap, vggish, pann, zoo:NAME or a run, each model with @NODE for
        the output of a node of its graph; a loaded model; or a function of (samples (N,), sr_hz) that gives (D,).
    split : str, optional
        The side of a corpus that `real` names: train, valid, test, or a fold as it is stored. With `run` the test side
        by default, else all recordings.
    run : str or Path, optional
        The run whose split it is, such as that of the model that made the sounds.
    train : str, Path, Corpus or sequence, optional
        What the model was trained on, for figures of copies. Of the corpus that `real` names too it is the train side.
    heard : str or Model, optional
        A classifier of one label: figures of how often it hears what was asked for, and how often the pitch is within
        a quarter tone of the `pitchmidi` that was.
    seed : int
        Of the halves, of the noise and of subsets.
    device : str
        The torch device of a model.
    progress : bool
        Whether bars are shown.

    Returns
    -------
    Judgement
        With `figures`, the yardsticks `real` and `noise`, and `clips`.

    Raises
    ------
    RunError
        E660 to E662 for the embedding, E600 to E610 for its model, E669 for a model that does not choose one label.
    DataError
        E663 to E665 for the weights of a published network, E666 for too few sounds, E667 and E443 for a side, E668 for
        real sounds that all trained, E669 for sounds of which nothing is known, E430 for a folder without audio files,
        E410 to E415 for a corpus.

    Examples
    --------
    >>> import mirbricks as mb
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> def tones(n):
    ...     return [(np.sin(2 * np.pi * hz * np.arange(4000) / 8000), 8000) for hz in rng.uniform(200, 400, n)]
    >>> found = mb.judge(tones(10), tones(20), embedding="chroma", progress=False)
    >>> found.figures["frechet_distance"] < found.noise["frechet_distance"]
    True
    """
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        raise wrong("seed", "a whole number from 0 on", seed)
    shown = progress_of(flag_of(progress, "progress"))
    side = side_of_run(split, optional_path_of(run, "run"))
    # The folders first: they are looked at in no time, and a model takes seconds to open.
    ours = sounds_of(sounds)
    theirs = sounds_of(real, side)
    training = training_of(train, real, side)
    chosen = _chosen(embedding, device)
    hearing = None
    if heard is not None:
        hearing = hearing_of(_chosen(heard, device))
        refuse_unknown(ours, hearing)
    found = judge_sounds(ours, theirs, training, chosen, seed=seed, progress=shown)
    if hearing is None:
        return found
    return with_heard(found, ours, theirs, hearing, shown)


def training_of(train: Any, real: Any, side: Side) -> Sounds | None:
    """The training sounds; of the corpus whose side is judged against, its train side.

    Raises DataError E668 where the real sounds are the same ones, and as `sounds_of`.
    """
    if train is None:
        return None
    if not _is_same(train, real):
        return sounds_of(train)
    if side.name in (None, "all", "train"):
        raise refused_same()
    return sounds_of(train, Side("train", side.settings))


def _is_same(one: Any, other: Any) -> bool:
    """Whether two words mean one folder."""
    folders = []
    for given in (one, other):
        folder = given.folder if isinstance(given, Corpus) else given
        if not isinstance(folder, str | Path):
            return False
        folders.append(Path(folder).resolve())
    return folders[0] == folders[1]


def _chosen(embedding: Any, device: str) -> SoundEmbedding:
    if isinstance(embedding, str | Path):
        return embedding_of(str(embedding), device)
    if isinstance(embedding, Model):
        return layer_of(embedding.name, embedding._experiment, embedding.settings, None)
    if callable(embedding):
        chosen: SoundEmbedding = embedding
        return chosen
    raise wrong("embedding", "a name, a model or a function", embedding)
