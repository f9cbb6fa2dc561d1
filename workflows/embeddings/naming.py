"""Embeddings by name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ...errors import RunError
from ...runs.folder import RunFolder
from ...spelling import did_you_mean
from ...training.devices import as_device
from ...zoo import names as zoo_names
from ..loading import load_run
from ..parts import move
from .clap import CLAPEmbedding
from .interface import NamedEmbedding
from .layers import layer_of
from .pann import PANNEmbedding
from .statistics import Statistics
from .vggish import VGGishEmbedding

STATISTICS = ("mel", "chroma")
Opened = Callable[[str, str | None], NamedEmbedding]
NETWORKS: dict[str, Opened] = {
    "clap": CLAPEmbedding,
    "vggish": VGGishEmbedding,
    "pann": PANNEmbedding,
}
ZOO = "zoo:"


def embedding_of(name: str, device: str = "cpu") -> NamedEmbedding:
    """An embedding by its name.

    Parameters
    ----------
    name : str
        - mel, chroma: statistics over time, which need no model
        - clap, vggish, pann: published networks, whose weights lie in the folder MIRBRICKS_WEIGHTS; clap:PATH names
          where else
        - zoo:NAME, or the folder of a run or of a packed model: the embedding that it predicts, or else what its last
          layer reads; with @NODE the output of a node of its graph
    device : str
        The torch device of a zoo model or a run; the others run on the CPU.

    Returns
    -------
    NamedEmbedding
        To be called with a waveform (N,) and its sampling rate.

    Raises
    ------
    RunError
        E660 for an unknown name, E661 for an unknown node, E662 for a model that reads no recordings, E600 to E610 for
        the model itself.
    DataError
        E663 to E665 for the weights of a published network.

    Examples
    --------
    >>> import numpy as np
    >>> embedding_of("chroma")(np.zeros(800), 8000).shape
    (24,)
    """
    if name in STATISTICS:
        return Statistics(name)
    word, _, path = name.partition(":")
    if word in NETWORKS:
        return NETWORKS[word](name, path or None)
    source, node = _split(name)
    _refuse_unknown(source)
    experiment, settings = load_run(RunFolder.open(source))
    found = layer_of(name, experiment, settings, node)
    move(experiment, as_device(device))
    return found


def _split(name: str) -> tuple[str, str | None]:
    """The model and the node; a folder may have an @ in its own name."""
    source, at, node = name.rpartition("@")
    if not at or Path(name).is_dir():
        return name, None
    return source, node


def _refuse_unknown(source: str) -> None:
    """Raise RunError E660 for a word that is neither a name nor a folder."""
    if source.startswith(ZOO) or Path(source).exists() or "/" in source:
        return
    known = [*STATISTICS, *NETWORKS]
    models = [f"{ZOO}{one}" for one in zoo_names()]
    if source in zoo_names():
        help = f"did you mean '{ZOO}{source}'?"
    else:
        help = did_you_mean(source, [*known, *models]) or "choose one of these"
    raise RunError(
        f"there is no embedding '{source}'",
        code="E660",
        facts=[("embeddings", f"{', '.join(known)}, zoo:NAME[@NODE], RUN[@NODE]")],
        help=help,
    )
