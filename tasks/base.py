"""What a task is: data and a model come in, figures of the field come out.

A task turns annotations into targets and batches (`Learner`, which the training loop runs), chooses what is chosen
after training (`tune`), and evaluates and predicts on whole recordings. `task: {type: NAME}` of a graph file picks
one: `finding.task_of`.
"""

from __future__ import annotations

import abc
import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, TypeVar

from torch import Tensor, nn

from ..catalogue import Catalogue
from ..compiler.module import GraphModule
from ..data.batching.sampling import PartsDeck
from ..data.corpus import Item
from ..errors import TaskError, Where
from ..features.base import FeatureConfig
from ..features.cache import FeatureCache
from ..features.feature_file import CachedFeature
from ..settings import Settings
from .evaluation import Case as Case
from .evaluation import Evaluation as Evaluation
from .evaluation import Figures as Figures
from .evaluation import Picture as Picture
from .evaluation import Shown as Shown
from .evaluation import Sounding as Sounding
from .following import Follower as Follower
from .learning import Batch as Batch
from .learning import Learner as Learner
from .learning import OnShare as OnShare
from .learning import OnTrack as OnTrack
from .learning import unseen as unseen
from .parts import Kind
from .predictions import Prediction
from .reading import Recorded, as_seen
from .requirements import (
    Needs,
    NeedsByName,
    refuse_bounded,
    refuse_other_types,
    refuse_probabilities,
    refuse_several,
    refuse_sizes,
)
from .sounds import Sound

TaskShape = tuple["int | str", ...]  # a free axis is its name


class TaskConfig(Settings):
    """Base of the section `task:`; a task adds `type: Literal[its name]` and its settings."""


class Task(abc.ABC):
    """Base of every task: settings, and the feature that its models see.

    Items are those of a corpus or a part of it: tracks together with their stems. Models go out of every method in
    the mode, train or eval, in which they came.

    name      as in `task: {type: NAME}`
    title     the task in words, for reports
    headline  the figures that people look at first, in their order
    tuned     what `tune` chooses: names, and their types, which JSON knows
    of_training   settings that act while a model is trained and not afterwards: an evaluation refuses them
    features  the configs of the features that it reads
    mono      whether it reads audio of one channel only: a feature of several is refused
    logits    whether it reads logits, any numbers; False for vectors that are compared
    local     whether targets belong to frames or bins, so that no augmentation may move what sounds
    separates  whether it takes a recording apart, into sounds: `mirbricks separate` and not `predict`
    compares  whether a recording is judged among others: `references`, all of the corpus, are set before an evaluation
    generates whether its models make sounds: `mirbricks generate` and `Model.generate`
    of_sampling   settings that act while sounds are made: `generate` refuses the others; none named: it takes all
    in_order  whether its batches can be drawn part by part (`train.order`); `buffer` is then set before a training, and
              `deck_of` gives the order to its batches
    layer_kinds   kinds of layers that its predictions consist of, see `mirbricks.outputs`; None where it does not say
    parts     settings that name further models: "graph" for a graph file, whose module trains beside the model,
              "trained" for a run, a packed model, `zoo:NAME` or a known model, which stays as it is. `models` has what
              they name: a GraphModule, or a `Part`; null in the settings means there is none
    """

    name: ClassVar[str]
    title: ClassVar[str]
    headline: ClassVar[tuple[str, ...]]
    tuned: ClassVar[Mapping[str, Any]] = {}
    of_training: ClassVar[tuple[str, ...]] = ()
    features: ClassVar[tuple[type[FeatureConfig], ...]] = (FeatureConfig,)
    mono: ClassVar[bool] = False
    logits: ClassVar[bool] = True
    local: ClassVar[bool] = False
    compares: ClassVar[bool] = False
    separates: ClassVar[bool] = False
    generates: ClassVar[bool] = False
    in_order: ClassVar[bool] = False
    of_sampling: ClassVar[tuple[str, ...]] = ()
    parts: ClassVar[Mapping[str, Kind]] = {}
    layer_kinds: ClassVar[tuple[str, ...] | None] = None
    references: Sequence[Any] = ()
    buffer: int | None = None
    Config: ClassVar[type[TaskConfig]]
    config: TaskConfig
    feature: FeatureConfig
    # of the graph, once `check_shapes` has seen it
    input_shape: TaskShape = ()
    output_shape: TaskShape = ()
    where_input: Where | None = None

    def __init__(self, config: Any, feature: Any) -> None:
        """`config` is a `Config` of the class, `feature` one of its `features`."""
        self.config = config
        self.feature = feature
        self.models: dict[str, Any] = {}

    @property
    def compares_directions(self) -> bool:
        """Of a task that compares vectors: whether only their directions count, and not their lengths."""
        return self.compares

    def check_graph(self, model: GraphModule) -> None:
        """Whether a graph fits the task, before any data is read.

        Raises TaskError E501, E502, and the graph's own error where it does not run at the sizes of the task.
        """
        needs = self._needs_by_name()
        if needs is not None:
            self._check_names(model, needs)
            return
        # Each check reads what the one before has vouched
        # for: one tensor, then its axes, then its values.
        refuse_several(model, self.name)
        input_shape = next(iter(model.input_shapes.values()))
        self.check_shapes(input_shape, model.output_shape, model.graph.where_input())
        shapes = self.given_shapes(input_shape)
        if self.logits:
            refuse_probabilities(model, self.name)
            refuse_bounded(model, self.name)
        refuse_sizes(model, shapes)
        refuse_other_types(model, self.name, shapes)

    def prepare(self, model: GraphModule) -> None:  # noqa: B027  # most tasks have nothing to give
        """Give a graph what it begins with of the task's other models; weights are trained or loaded afterwards."""

    def checks_on_meta(self) -> bool:
        """Whether `check_graph` looks at shapes only, so that a graph without weights will do, as editors have it.

        A task that writes `check_graph` itself answers for it.
        """
        return type(self).check_graph is Task.check_graph

    def _needs_by_name(self) -> NeedsByName | None:
        """The needs of a task that reads and gives several tensors; None for one of a single tensor."""
        # A task that writes `check_shapes` itself has no `needs` to ask.
        if type(self).needs is Task.needs:
            return None
        needs = self.needs()
        return needs if isinstance(needs, NeedsByName) else None

    def _check_names(self, model: GraphModule, needs: NeedsByName) -> None:
        """Whether a graph of several tensors fits: their names, their axes, and the sizes that the task gives."""
        where = model.graph.where_input()
        self.check_feature(where)
        needs.refuse_misfit(
            model.input_shapes,
            model.output_shapes,
            where,
            model.graph.source.key(("outputs",)),
        )
        self.input_shape = next(iter(model.input_shapes.values()))
        self.output_shape = model.output_shape
        self.where_input = where
        refuse_sizes(model, needs.given_shapes(model.input_shapes))

    def needs(self) -> Needs | NeedsByName:
        """The axes and sizes that the task asks of a graph; a task without it writes the two methods below itself."""
        raise NotImplementedError(
            f"{type(self).__name__} has neither `needs` nor `check_shapes` and `given_shapes`"
        )

    def given_shapes(self, input_shape: TaskShape) -> dict[str, tuple[int | None, ...]]:
        """The shapes that the task will give to a graph with this input, by the setting they come from."""
        needs = self.needs()
        assert isinstance(needs, Needs)  # those by name are checked by `_check_names`
        return needs.given_shapes(input_shape)

    def check_feature(self, where: Where | None = None) -> None:  # noqa: B027  # most tasks read any
        """Whether the feature goes with the settings: here always. Raises TaskError E501 where it does not."""

    def check_shapes(
        self,
        input_shape: TaskShape,
        output_shape: TaskShape,
        where: Where | None = None,
    ) -> None:
        """Whether a graph's contract fits the task, and keep it. Raises TaskError E501, E502."""
        self.check_feature(where)
        needs = self.needs()
        assert isinstance(needs, Needs)  # those by name are checked by `_check_names`
        needs.refuse_misfit(input_shape, output_shape, where)
        self.input_shape = input_shape
        self.output_shape = output_shape
        self.where_input = where

    def seen(self, feature: Recorded | Tensor) -> Recorded:
        """The feature of a recording as models see it: a constant-Q transform in the scale of its settings."""
        return as_seen(feature, self.feature)

    @property
    def input_rank(self) -> int:
        """Axes of the graph's input, once `check_shapes` has seen it."""
        return len(self.input_shape)

    def check_recordings(self, train: Sequence[Item], others: Sequence[Item]) -> None:  # noqa: ARG002
        """Whether a training with these recordings, judged on `others`, can be: told before features are computed.

        Here there must be something to train on. Raises TaskError E503.
        """
        self.tracks(train)

    def recordings(self, items: Sequence[Item]) -> Sequence[Item]:
        """What the task works on instead of a corpus's items: here these. It may make others of them, such as mixes of
        stems, with keys of their own and each in the group of what it is made of.
        """
        return items

    @abc.abstractmethod
    def tracks(self, items: Sequence[Item]) -> list[Item]:
        """The items to predict and evaluate; the others, such as stems, serve the training only. Raises E503."""

    def read_with(self, tracks: Sequence[Item], items: Sequence[Item]) -> list[Item]:  # noqa: ARG002
        """The recordings that judging these tracks reads, of `items`: here the tracks; stems may be needed too."""
        return list(tracks)

    def deck_of(self, items: Sequence[Any], seed: int) -> PartsDeck | None:
        """The order in which recordings that lie in parts are read; None where batches draw them from anywhere."""
        if self.buffer is None:
            return None
        # What a task makes of several recordings lies in no file, and is a part of its own.
        parts = [str(getattr(item, "source", "")) for item in items]
        return PartsDeck(parts, self.buffer, seed)

    @abc.abstractmethod
    def learner(
        self,
        train: Sequence[Item],
        valid: Sequence[Item],
        cache: FeatureCache,
        *,
        seed: int,
        batch_size: int,
    ) -> Learner:
        """Ready to train on `train` and to validate on the tracks of `valid`."""

    def tune(
        self,
        model: nn.Module,  # noqa: ARG002
        items: Sequence[Item],
        cache: FeatureCache,  # noqa: ARG002
        on_track: OnTrack = unseen,
    ) -> dict[str, Any]:
        """What is chosen after training, on validation items only: a plain value for each of `tuned`; here nothing."""
        for item in self.tracks(items):
            on_track(item.key)
        return {}

    def evaluate(
        self,
        model: nn.Module,
        items: Sequence[Item],
        cache: FeatureCache,
        settings: Mapping[str, Any],
        on_track: OnTrack = unseen,
    ) -> Evaluation:
        """Figures of every track, with the settings that `tune` chose: here `judged_tracks` and what they pool to."""
        tracks = self.judged_tracks(model, items, cache, settings, on_track)
        return Evaluation(self.pooled(tracks), tracks)

    def judged_tracks(
        self,
        model: nn.Module,
        items: Sequence[Item],
        cache: FeatureCache,
        settings: Mapping[str, Any],
        on_track: OnTrack = unseen,
    ) -> dict[str, Figures]:
        """What each track adds to the figures, whatever the others are: here `judged`."""
        tracks: dict[str, Figures] = {}
        for item in self.tracks(items):
            tracks[item.key] = self.judged(
                self.predict(model, cache.open(item.key), settings), self.truth(item)
            )
            on_track(item.key)
        return tracks

    def judged(self, prediction: Any, truth: Any) -> Figures:
        """The figures of one track, for `evaluate`; a task that judges tracks together writes `evaluate` instead."""
        raise NotImplementedError(
            f"{type(self).__name__} has neither `judged` nor `evaluate`"
        )

    @property
    def divisible(self) -> bool:
        """Whether several machines can judge a part of the tracks each, with the figures of all at once.

        A task that writes `evaluate` itself may compare its tracks with one another, and says so where it can.
        """
        return type(self).evaluate is Task.evaluate

    def divided(self, tracks: Sequence[Any], others: Sequence[Any]) -> list[Any]:  # noqa: ARG002
        """The recordings that parts are made of: here the tracks; `others` are all recordings that are not stems."""
        return list(tracks)

    def judged_part(
        self,
        model: nn.Module,
        items: Sequence[Item],
        cache: FeatureCache,
        settings: Mapping[str, Any],
        on_track: OnTrack = unseen,
    ) -> dict[str, Figures]:
        """What a part of `divided`, with what judging it reads, adds to `joined`: by key plain values, and tensors."""
        # Where there are more parts than tracks, some are empty.
        if not items:
            return {}
        return self.judged_tracks(model, items, cache, settings, on_track)

    def joined(
        self,
        parts: Mapping[str, Figures],
        tracks: Sequence[Item],
        settings: Mapping[str, Any],  # noqa: ARG002  # a task that pools with them reads them
    ) -> dict[str, Figures]:
        """The figures of tracks from what all parts have found, as `judged_tracks` gives them."""
        return {item.key: parts[item.key] for item in tracks if item.key in parts}

    def pooled(self, tracks: Mapping[str, Figures]) -> dict[str, float]:
        """The figures of tracks together, such as those of all folds: here the mean of every number over the tracks
        that have it.
        """
        values: dict[str, list[float]] = {}
        for figures in tracks.values():
            for name, value in figures.items():
                # Lists, such as the scores of labels, have
                # no mean; a task pools them itself.
                if isinstance(value, int | float):
                    values.setdefault(name, []).append(value)
        return {name: sum(own) / len(own) for name, own in values.items()}

    @abc.abstractmethod
    def predict(
        self,
        model: nn.Module,
        feature: CachedFeature | Tensor,
        settings: Mapping[str, Any],
        on_share: OnShare = unseen,
    ) -> Any:
        """What the model hears in one recording, a `Prediction`; `feature` is cached or a complex tensor (H, F, T)."""

    def follower(self, settings: Mapping[str, Any]) -> Follower:  # noqa: ARG002  # tasks that stream read them
        """What answers frame by frame while a recording comes in, with the settings that `tune` chose: a `Follower`.

        Here there is none. Raises TaskError E517, as a task does that would have to know the whole recording first.
        """
        raise TaskError(
            f"a model of the task '{self.name}' answers for whole recordings, and not while they come in",
            code="E517",
            help="`predict` reads whole recordings; models of the tasks f0 and multi_pitch can be streamed",
        )

    def validation_learner(
        self,
        valid: Sequence[Item],
        cache: FeatureCache,
        *,
        seed: int,
        batch_size: int,
    ) -> Learner | None:
        """Batches of the validation side, whose loss under the training's own learner is logged; called after
        `learner`. Here a learner of these items; None where their loss would mean nothing.
        """
        # A copy, since a learner may set what belongs to the training side.
        twin = copy.copy(self)
        return twin.learner(valid, valid, cache, seed=seed, batch_size=batch_size)

    def generate(
        self,
        model: nn.Module,  # noqa: ARG002  # a task that generates reads them all
        settings: Mapping[str, Any],  # noqa: ARG002
        *,
        n: int,  # noqa: ARG002
        conditions: Mapping[str, Any],  # noqa: ARG002
        seed: int,  # noqa: ARG002
        on_share: OnShare = unseen,  # noqa: ARG002
    ) -> list[Sound]:
        """Sounds that the model makes, for a task that `generates`.

        Parameters
        ----------
        model : Module
            The trained graph.
        settings : mapping
            What `tune` chose.
        n : int
            How many.
        conditions : mapping
            A value, or a list of n values, by the name of a condition; see `conditions_of`. What is left out is left
            to the model.
        seed : int
            The same seed gives the same sounds.
        on_share : callable, optional
            Is called with the share of the work that is done.

        Returns
        -------
        list of Sound

        Raises
        ------
        TaskError
            E514 for a task that makes no sounds, E560 to E563 for conditions and values that the model has not learned.
        """
        raise TaskError(
            f"{self.name} predicts, and makes no sounds of its own",
            code="E514",
            help="`mirbricks predict` takes a recording",
        )

    def conditions_of(self, settings: Mapping[str, Any]) -> Mapping[str, Sequence[Any]]:  # noqa: ARG002
        """The conditions that `generate` takes, each with the values that the model has learned."""
        return {}

    def picture(self, prediction: Any, title: str) -> Any:
        """A matplotlib figure of a prediction, or None."""
        if isinstance(prediction, Prediction):
            return prediction.titled(title).plot()
        return None

    def pictures(
        self,
        model: nn.Module,  # noqa: ARG002
        items: Sequence[Item],  # noqa: ARG002
        cache: FeatureCache,  # noqa: ARG002
        settings: Mapping[str, Any],  # noqa: ARG002
        evaluation: Evaluation,  # noqa: ARG002
    ) -> Sequence[Shown]:
        """What a report shows of an evaluation."""
        return []

    @abc.abstractmethod
    def truth(self, item: Item) -> Any:
        """The annotation of a track in the form of a prediction."""


TASKS: Catalogue[type[Task]] = Catalogue(
    "task",
    package=__package__ or "",
    group="mirbricks.tasks",
    error=TaskError,
    code="E500",
    base=Task,
)
T = TypeVar("T", bound=type[Task])


def register_task(name: str) -> Callable[[T], T]:
    """Make a task known as `task: {type: NAME}`.

    Parameters
    ----------
    name : str
        What a graph file writes.

    Raises
    ------
    RegistryError
        E301 for a name that another class has, E302 for a class that is not a Task, E313 for a name that is not text.

    Examples
    --------
    >>> from typing import Literal
    >>> from mirbricks.tasks.tagging import Tagging
    >>> @register_task("genres")
    ... class Genres(Tagging):
    ...     "Tagging, in other words."
    ...     title = "genres"
    ...     class Config(Tagging.Config):
    ...         type: Literal["genres"] = "genres"
    >>> Genres.name
    'genres'
    """

    TASKS.refuse_name(name)

    def add(cls: T) -> T:
        TASKS.register(name, cls)
        # Named only once the catalogue has accepted it:
        # a refused class stays as it was.
        cls.name = name
        return cls

    return add
