"""A graph file with its sections, ready to train: every mistake in it is reported before data is read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from pydantic import Field, model_validator

from ..compiler.language.graph import SECTIONS, Graph
from ..compiler.module import GraphModule
from ..compiler.saved import resolved_yaml
from ..data.corpus import Corpus, Item
from ..data.splitting.choice import Choice, choose_split
from ..data.splitting.splits import Split, all_train, held_out, held_out_where, k_fold
from ..data.splitting.stored import by_annotation, by_fold, stored_folds
from ..data.user_cache import cache_folder
from ..data.workers import Backend
from ..errors import DataError
from ..features.base import FeatureConfig
from ..features.cache import FeatureCache
from ..features.given import CorpusFeatures, GivenFeatureConfig
from ..settings import Settings
from ..tasks.base import Task
from ..training.loop import TrainConfig

Progress = Callable[[str, "DataError | None"], None]


class DatasetConfig(Settings):
    """The section `dataset:`: how a corpus is split. A group (piece, with its stems) is never on two sides."""

    split: Literal["auto", "folds", "annotation", "stored_folds"] = Field(
        "auto",
        description="folds: k-fold by group; annotation: the sides that the corpus stores as `split`; stored_folds: "
        "the folds that it stores as `fold`; auto: stored_folds where the corpus has folds, else folds",
    )
    folds: int = Field(
        5, ge=3, description="number of folds; fold k tests, fold k + 1 validates"
    )
    held_out: float = Field(
        0.0,
        ge=0,
        lt=0.5,
        description="of split annotation without a test side: the share of the training groups that validates; the "
        "corpus's own valid side is the test then",
    )
    validate_where: dict[str, tuple[str, ...]] = Field(
        {},
        description="like held_out, but the recordings with these values validate, as in "
        "{instrument: [AkPnStgb]}",
    )
    validate_on: Literal["valid", "none"] = Field(
        "valid",
        description="with 'none' the validation side trains too, the last weights are kept, and thresholds come from "
        "the training tracks; for a recipe that is settled",
    )

    @model_validator(mode="after")
    def _held_out_to_validate(self) -> DatasetConfig:
        if self.held_out and self.validate_on == "none":
            raise ValueError(
                f"'held_out' {self.held_out:g} is a share to validate on, but 'validate_on' is none"
            )
        if not self.validate_where:
            return self
        # Each of these decides by itself which recordings validate.
        others = self.held_out or self.validate_on == "none"
        if others or self.split != "annotation":
            raise ValueError(
                "'validate_where' needs split: annotation, and excludes 'held_out' and validate_on: none"
            )
        return self


@dataclass(frozen=True)
class Experiment:
    """A compiled graph with its validated sections and its task."""

    graph: Graph
    model: GraphModule
    feature: FeatureConfig
    dataset: DatasetConfig
    task: Task
    train: TrainConfig

    def sections(self) -> dict[str, Any]:
        """The sections of the graph file as plain values, with every default."""
        configs = {
            "feature": self.feature,
            "dataset": self.dataset,
            "task": self.task.config,
            "train": self.train,
        }
        return {name: configs[name].model_dump() for name in SECTIONS}

    def resolved(self) -> str:
        """The whole experiment as a graph file with every default and override written out."""
        return resolved_yaml(self.model, self.sections())


def split_corpus(corpus: Corpus, config: DatasetConfig, fold: int | None) -> Split:
    """Groups for training, validation and test; everything trains for fold None.

    Raises DataError where the corpus has too few groups.
    """
    if fold is None:
        return Split(tuple(sorted({item.group for item in corpus.recordings})), ())
    split = _split(corpus, config, fold)
    if config.validate_on == "none":
        return all_train(split)
    return split


def choice_of(corpus: Corpus, config: DatasetConfig) -> Choice:
    """The kind of split that a corpus gets, which is never auto, and a note on it for the user."""
    # A number of folds that the user wrote is a wish; the default is none.
    asked = config.folds if "folds" in config.model_fields_set else None
    return choose_split(corpus, config.split, asked)


def settled(experiment: Experiment, corpus: Corpus) -> Experiment:
    """The experiment with the kind of split that this corpus gets, so that the run's settings name it."""
    choice = choice_of(corpus, experiment.dataset)
    dataset = experiment.dataset.model_copy(update={"split": choice.split})
    return replace(experiment, dataset=dataset)


def _split(corpus: Corpus, config: DatasetConfig, fold: int) -> Split:
    kind = choice_of(corpus, config).split
    if kind == "annotation":
        split = by_annotation(corpus)
        if config.validate_where:
            return held_out_where(split, corpus, config.validate_where)
        if config.held_out:
            return held_out(split, config.held_out)
        return split
    if kind == "stored_folds":
        return by_fold(corpus, fold)
    return k_fold((item.group for item in corpus.recordings), config.folds, fold)


def count_folds(corpus: Corpus, config: DatasetConfig) -> int:
    """How many folds there are; 0 where the corpus itself stores what is train, valid and test."""
    kind = choice_of(corpus, config).split
    if kind == "annotation":
        return 0
    if kind == "stored_folds":
        return len(stored_folds(corpus))
    return config.folds


def items_of(items: Sequence[Item], groups: Sequence[str]) -> list[Item]:
    """The items of these groups, stems included, in the corpus's order."""
    # Stems come with the mix they belong to, for both are in its group.
    wanted = set(groups)
    return [item for item in items if item.group in wanted]


def recordings_of(
    corpus: Corpus, feature: FeatureConfig, task: Task | None = None
) -> tuple[Any, ...]:
    """The recordings as a feature needs them: their audio, or the features they come with; of a task those it works on.

    Raises DataError E415, and what `Task.recordings` raises.
    """
    if isinstance(feature, GivenFeatureConfig) and (
        corpus.given_features or feature.from_audio is None
    ):
        return corpus.features
    if task is None:
        return corpus.items
    return tuple(task.recordings(corpus.items))


def features_of(feature: FeatureConfig, folder: str | None) -> Any:
    """Where features are read from: a cache in the folder of --cache, or the corpus's own file."""
    if isinstance(feature, GivenFeatureConfig):
        if feature.from_audio:
            computed = FeatureCache(cache_folder(folder), feature.from_audio)
        else:
            computed = None
        return CorpusFeatures(feature, computed)
    return FeatureCache(cache_folder(folder), feature)


def compute_features(
    items: Sequence[Item],
    cache: FeatureCache,
    jobs: int,
    on_done: Progress,
    backend: Backend = "loky",
) -> tuple[list[Item], list[DataError]]:
    """Fill the cache; returns the items that can be used and the errors of those that cannot."""
    # `on_done` reports by key; the items themselves come back in the corpus's order.
    failed: set[str] = set()

    def note(key: str, error: DataError | None) -> None:
        if error:
            failed.add(key)
        on_done(key, error)

    errors = cache.build(items, n_jobs=jobs, backend=backend, on_done=note)
    return [item for item in items if item.key not in failed], errors
