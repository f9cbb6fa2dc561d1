"""A layer of a trained model as an embedding: what it gives while the model predicts, as a vector."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from torch import Tensor

from ... import registry
from ...compiler.module import GraphModule
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
        place, of_input = self._place(model)
        layout = layout_of(model, place, of_input=of_input)
        n_runs = 0

        def look(tensor: Tensor) -> None:
            nonlocal n_runs
            # A task may try its graph out on tensors without values first.
            if not tensor.is_meta:
                n_runs += 1
                statistics.add(_rows(tensor, layout))

        with _watched(model, model.nodes[place].name, look, of_input=of_input):
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
        if not n_runs:
            raise RunError(
                f"'{self.name}' was not run on a recording",
                code="E662",
                help="name another node: RUN@NODE",
            )
        both = statistics.mean_and_std()
        # Without time or frequency there is nothing but the mean over the patches.
        if not layout.pooled:
            both = both[: len(both) // 2]
        return both, found

    def _place(self, model: GraphModule) -> tuple[int, bool]:
        """Where the watched node stands in the graph, and whether what it reads is meant."""
        if self._node is None:
            return _head(model), True
        places = [k for k, info in enumerate(model.nodes) if info.name == self._node]
        return places[-1], False


class ClassifierEmbedding(LayerEmbedding):
    """A layer of a model that chooses one of several labels; its probabilities give the inception score.

    Attributes
    ----------
    labels : tuple of str
        The classes.
    annotation : str
        The annotation whose values they are.
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
        config: Any = experiment.task.config
        self.annotation = str(config.annotation)

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
    model: GraphModule, node: str, look: Callable[[Tensor], None], *, of_input: bool
) -> Iterator[None]:
    """Show `look` what a node gives, or what it reads, each time the model runs it."""

    def before(_: Any, inputs: Any) -> None:
        look(inputs[0])

    def after(_: Any, __: Any, given: Any) -> None:
        look(given)

    module = model.get_submodule(node)
    if of_input:
        handle = module.register_forward_pre_hook(before)
    else:
        handle = module.register_forward_hook(after)
    try:
        yield
    finally:
        handle.remove()


def _head(model: GraphModule) -> int:
    """The place of the last layer with weights."""
    for place in reversed(range(len(model.nodes))):
        module = model.get_submodule(model.nodes[place].name)
        if any(True for _ in module.parameters()):
            return place
    return len(model.nodes) - 1


def _rows(tensor: Tensor, layout: Layout) -> Float64:
    """The features of each place of a tensor, (places, D)."""
    values = tensor.detach().float()
    # A number per item, or per frame of an item, is one feature.
    if layout.n_axes < 2 or (layout.n_axes == 2 and layout.pooled):
        values = values.reshape(len(values), 1, -1)
    rows = values.movedim(layout.features, -1).flatten(0, -2)
    return rows.cpu().double().numpy()


@dataclass(frozen=True)
class Layout:
    """Which axis of a tensor holds the features, and whether others are time or frequency."""

    n_axes: int
    features: int
    pooled: bool


def layout_of(model: GraphModule, place: int, *, of_input: bool) -> Layout:
    """The layout of what a node gives, or reads: features first after the batch, or last in a sequence (B, T, D).

    Parameters
    ----------
    model : GraphModule
    place : int
        Of the node among `model.nodes`.
    of_input : bool
        Whether what the node reads is meant.
    """
    info = model.nodes[place]
    shape = info.came if of_input else info.went
    if len(shape) < 3:
        # Of two axes the second is time where its size is free, and features where it is known.
        pooled = len(shape) == 2 and isinstance(shape[1], str)
        return Layout(len(shape), 1, pooled)
    features = 1
    if len(shape) == 3 and _is_sequence(model, place, shape, of_input=of_input):
        features = 2
    return Layout(len(shape), features, True)


def _is_sequence(
    model: GraphModule, place: int, shape: tuple[int | str, ...], *, of_input: bool
) -> bool:
    """Whether a tensor of three axes is (B, T, D), not (B, C, T)."""
    # Only time is free: where one of the two axes is, the other holds the features.
    if isinstance(shape[1], str) != isinstance(shape[2], str):
        return isinstance(shape[1], str)
    # The block's contract names the axes; one that takes any shape leaves them as the block before has them.
    for info in reversed(model.nodes[: place + 1]):
        contract = registry.get(info.block).contract
        side = contract.inputs[0] if of_input else contract.outputs[0]
        axes = [token.axis or token.text for token in side]
        if "T" in axes:
            return axes[-1] != "T"
        if axes[-1] not in ("...", "...'"):
            return axes[:2] == ["B", "..."]
        if axes[1] not in ("...", "...'"):
            return False
        of_input = False
    return False
