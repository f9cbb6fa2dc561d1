"""A layer of a trained model as an embedding: what it gives while the model predicts, as a vector."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from torch import Tensor

from ...compiler.module import GraphModule
from ...compiler.operations import NodeInfo
from ...errors import RunError
from ...metrics.sound_embeddings import TimeStatistics
from ...printable import listed
from ...runs.settings import RunSettings
from ...spelling import did_you_mean
from ...tasks.labels import Tags
from ..experiment import Experiment
from ..predict import blocks_of_array, predict
from ..progress import Quiet
from .interface import Float64

LISTED = 40  # nodes that a message names
SUM_TOLERANCE = 1e-3  # of probabilities in single precision


class LayerEmbedding:
    """What a node of a model gives for a recording, averaged over time and frequency.

    The model predicts as `Model.predict` does, its feature and its patches included, and the node is watched meanwhile.
    A tensor (B, C, F, T) or (B, C, T), or (B, T, D) of a sequence, gives mean and standard deviation over frames and
    bins, (2 · C,); one that has no such axes, (B, D), gives the mean over the patches, (D,). A node that runs several
    times counts each time.

    Parameters
    ----------
    name : str
        As the user wrote it.
    experiment, settings
        Of a run, as `load_run` gives them.
    node : str, optional
        A node of the graph. By default the embedding that the task itself predicts; where it predicts none, what the
        last layer with weights, the head, reads.

    Raises
    ------
    RunError
        E661 for a node that the graph does not have, E662 for a model that reads no recordings.
    """

    standardise = True

    def __init__(
        self,
        name: str,
        experiment: Experiment,
        settings: RunSettings,
        node: str | None = None,
    ) -> None:
        self.name = name
        self._experiment = experiment
        self._settings = settings
        if experiment.task.generates:
            raise RunError(
                f"'{name}' makes sounds, and reads no recording that it could embed",
                code="E662",
                help="take a model that predicts something of recordings, such as zoo:tagging_esc10, or mel",
            )
        if node is not None:
            _refuse_unknown(experiment.model, node, name)
        self._node = node

    def __call__(self, wave: ArrayLike | Tensor, sr_hz: int) -> Float64:
        """Embedding (D,) of a waveform (N,)."""
        vector, _ = self.predicted(wave, sr_hz)
        return vector

    def predicted(self, wave: ArrayLike | Tensor, sr_hz: int) -> tuple[Float64, Any]:
        """The vector of a sound, and what the task predicts for it."""
        model = self._experiment.model
        statistics = TimeStatistics()
        axes: list[int] = []

        def look(tensor: Tensor, info: NodeInfo, *, of_input: bool) -> None:
            rows, pooled = _rows(tensor, info, of_input=of_input)
            axes.append(pooled)
            statistics.add(rows)

        with _watched(model, self._node, look):
            found = predict(
                self._experiment,
                self._settings,
                blocks_of_array(_as_samples(wave), sr_hz),
                "",
                Quiet(),
            )
        own = getattr(found, "embedding", None)
        if self._node is None and own is not None:
            return np.asarray(own, np.float64), found
        if not axes:
            raise RunError(
                f"'{self.name}' was not run on a recording",
                code="E662",
                help="name another node: RUN@NODE",
            )
        both = statistics.mean_and_std()
        # Without time or frequency there is nothing but the mean over the patches.
        if not any(axes):
            both = both[: len(both) // 2]
        return both, found


class ClassifierEmbedding(LayerEmbedding):
    """A layer of a model that chooses one of several labels; its probabilities give the inception score.

    Attributes
    ----------
    labels : tuple of str
        The classes.
    """

    def __init__(
        self,
        name: str,
        experiment: Experiment,
        settings: RunSettings,
        node: str | None = None,
    ) -> None:
        super().__init__(name, experiment, settings, node)
        self.labels = tuple(settings.tuned["labels"])

    def classified(
        self, wave: ArrayLike | Tensor, sr_hz: int
    ) -> tuple[Float64, Float64]:
        """The vector (D,) of a sound and its class probabilities (K,)."""
        vector, found = self.predicted(wave, sr_hz)
        assert isinstance(found, Tags)
        return vector, np.asarray(found.probabilities, np.float64)


def layer_of(
    name: str, experiment: Experiment, settings: RunSettings, node: str | None
) -> LayerEmbedding:
    """The embedding of a model; that of a classifier gives probabilities too. Raises RunError E661, E662."""
    labelling = getattr(experiment.task, "labelling", None)
    one_label = labelling is not None and not labelling.several
    if one_label and experiment.task.name == "tagging":
        return ClassifierEmbedding(name, experiment, settings, node)
    return LayerEmbedding(name, experiment, settings, node)


def node_names(model: GraphModule) -> list[str]:
    """The nodes of a graph in their order, each once."""
    return list(dict.fromkeys(node.name for node in model.nodes))


def _refuse_unknown(model: GraphModule, node: str, name: str) -> None:
    known = node_names(model)
    if node in known:
        return
    asked = f"has no node '{node}'" if node else "needs the name of a node after '@'"
    raise RunError(
        f"'{name}' {asked}",
        code="E661",
        facts=[("nodes", listed(known, LISTED, quote=""))],
        help=did_you_mean(node, known) or "choose one of these nodes",
    )


def _as_samples(wave: ArrayLike | Tensor) -> Any:
    if isinstance(wave, Tensor):
        return wave
    return np.asarray(wave)


@contextmanager
def _watched(
    model: GraphModule, node: str | None, look: Callable[..., None]
) -> Iterator[None]:
    """Show `look` what a node gives, or what the head reads, each time the model runs it."""
    infos = {info.name: info for info in reversed(model.nodes)}
    if node is not None:
        info = infos[node]

        def after(_: Any, __: Any, given: Any) -> None:
            look(given, info, of_input=False)

        handle = model.get_submodule(node).register_forward_hook(after)
    else:
        head = infos[_head(model)]

        def before(_: Any, inputs: Any) -> None:
            look(inputs[0], head, of_input=True)

        handle = model.get_submodule(head.name).register_forward_pre_hook(before)
    try:
        yield
    finally:
        handle.remove()


def _head(model: GraphModule) -> str:
    """The last layer with weights."""
    for info in reversed(model.nodes):
        if any(True for _ in model.get_submodule(info.name).parameters()):
            return info.name
    return model.nodes[-1].name


def _rows(tensor: Tensor, info: NodeInfo, *, of_input: bool) -> tuple[Float64, int]:
    """The features of each place of a tensor, (places, D), and how many axes of time and frequency it has."""
    shape = info.came if of_input else info.went
    values = tensor.detach().float()
    if values.ndim == 1:
        values = values[:, None]
    features = _feature_axis(shape, values.ndim)
    rows = values.movedim(features, -1).reshape(-1, values.shape[features])
    return rows.cpu().double().numpy(), values.ndim - 2


def _feature_axis(shape: tuple[int | str, ...], n_axes: int) -> int:
    """The axis of the features: the first after the batch, or the last of a sequence (B, T, D)."""
    # Only the time of a sequence is free, while the number of its features is known.
    is_sequence = (
        n_axes == 3 and isinstance(shape[1], str) and isinstance(shape[2], int)
    )
    return 2 if is_sequence else 1
