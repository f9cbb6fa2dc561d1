"""The task covers."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from torch import Tensor, nn

from ...compiler.module import GraphModule
from ...errors import TaskError, Where
from ...features.base import ArrayConfig, FeatureConfig
from ...features.chroma import PitchClassConfig
from ...metrics.retrieval import ranks_in_blocks, retrieval_figures
from ..base import (
    Case,
    Evaluation,
    Figures,
    OnShare,
    OnTrack,
    Picture,
    Task,
    register_task,
    unseen,
)
from ..modes import evaluating
from ..patches import PITCH_CLASSES, input_shape_of, level_of
from ..reading import Recorded, as_recorded
from ..requirements import Needs, patch_inputs
from .config import CoversConfig
from .embedding import embed
from .learner import CoversLearner
from .matching import Library
from .objective import Objective
from .patches import Patches, Track
from .prediction import Embedding
from .threshold import best_threshold, pair_counts, pair_figures
from .views import held, prepared
from .whitening import Statistics, layers_of, statistics_of, whitened_by
from .works import (
    annotated,
    has_covers,
    numbered,
    refuse_no_cover,
    refuse_no_work,
    refuse_several_groups,
    work_of,
    work_or_key,
)

MOST_SEEN = 4000  # frames of a picture
HELD_VALUES = 1 << 26  # of the training features that stay in memory


@register_task("covers")
class CoverSongs(Task):
    """Versions of one work: features (B, D, T), or with one channel before, -> embeddings (B, E), compared by
    cosine, or by the distance that their triplets learned by (`distance`).

    Each recording is a query among all others; those without a cover are left out and counted. Sources: Yesiler et
    al., "Accurate and Scalable Version Identification Using Musically-Motivated Embeddings", ICASSP 2020; figures as
    in MIREX, metrics/retrieval.py.
    """

    Config = CoversConfig
    config: CoversConfig
    title = "cover song identification"
    layer_kinds = ()
    headline = ("mAP", "MRR", "MR1", "P@1", "P@5", "P@10")
    tuned: ClassVar = {"threshold": float | None}
    of_training: ClassVar = (
        "learn_from",
        "loss",
        "margin",
        "mining",
        "proxy_lr",
        "singles",
        "temperature",
        "versions_per_work",
        "views",
    )
    features: ClassVar = (ArrayConfig,)
    logits = False
    compares = True

    def __init__(self, config: CoversConfig, feature: FeatureConfig) -> None:
        super().__init__(config, feature)
        self.learned: frozenset[str] = frozenset()

    def needs(self) -> Needs:
        config = self.config
        frames = {"task.patch_frames": config.patch_frames}
        if config.chunk_frames:
            frames["task.chunk_frames"] = config.chunk_frames
        return Needs(
            inputs=patch_inputs(self._seen_shape()),
            output=("B", "E"),
            reads=f"patches of the feature '{self.feature.type}'",
            gives="one vector for each patch",
            help="pool over time and frequency, then `- Flatten` and `- Linear: {out_features: ...}`",
            frames=frames,
            settings=("task.repeat_octave",),
        )

    def check_graph(self, model: GraphModule) -> None:
        """Also whether there is a layer to whiten by the collection. Raises TaskError E522."""
        super().check_graph(model)
        if self.config.whitening == "collection" and not layers_of(model):
            raise TaskError(
                "'task.whitening' is collection, and the graph has no layer Whitening to be given its statistics",
                code="E522",
                where=model.graph.source.key(("task", "whitening")),
                help="let the layers end with `- Whitening: {out_features: 64}`, or leave task.whitening out",
            )

    def checks_on_meta(self) -> bool:
        return True

    @property
    def compares_directions(self) -> bool:
        """Cosines do; distances between vectors as they are do not."""
        return self.config.alike_by == "cosine"

    @property
    def embed_dim(self) -> int:
        """How many numbers an embedding has."""
        return int(self.output_shape[1])

    def _seen_shape(self) -> tuple[int, ...]:
        *before, last = self.feature.shape
        if self.config.repeat_octave:
            return (*before, 2 * last - 1)
        return (*before, last)

    @property
    def _reads_pitch_classes(self) -> bool:
        """Whether a frame is chroma, ours or one that a setting takes for chroma."""
        config = self.config
        turned = config.rotations or config.views.transpose == "chroma"
        is_chroma = isinstance(self.feature, PitchClassConfig)
        return bool(is_chroma or turned or config.repeat_octave)

    def check_feature(self, where: Where | None = None) -> None:
        """Rotation is transposition for chroma only."""
        named = {
            "task.rotations": self.config.rotations,
            "task.repeat_octave": self.config.repeat_octave,
        }
        named["task.views.transpose"] = self.config.views.transpose == "chroma"
        named["task.views.leak"] = bool(self.config.views.leak)
        setting = next((name for name, on in named.items() if on), None)
        bins = self.feature.shape[-1]
        if setting is not None and bins % PITCH_CLASSES:
            message = f"'{setting}' rotates chroma, and the feature '{self.feature.type}' has {bins} numbers in a frame"
            help = "take chroma, of 12 numbers or a multiple, or leave the setting out"
            raise TaskError(message, code="E501", where=where, help=help)

    def tracks(self, items: Sequence[Any]) -> list[Any]:
        """All recordings but stems. Raises TaskError E503 where a work is missing, E520 where no work has a cover."""
        found = annotated(items, self.config)
        if not self.config.unlabelled:
            refuse_no_cover([self.truth(item) for item in found])
        return found

    def learner(
        self,
        train: Sequence[Any],
        valid: Sequence[Any],
        cache: Any,
        *,
        seed: int,
        batch_size: int,
    ) -> CoversLearner:
        """Raises TaskError E503, E520, E521, DataError E442."""
        tracks = self.tracks(train)
        judged = self.tracks(valid)
        # Splits go by groups: a work in two of them could be trained on and judged.
        refuse_several_groups([*tracks, *judged], self.config)
        works = [self.truth(item) for item in tracks]
        self.learned = frozenset(item.key for item in tracks)
        if {item.key for item in judged} != self.learned:
            refuse_no_cover([self.truth(item) for item in judged], "validation ")
        numbers = numbered(works).tolist()

        # Each recording may take the same share of the memory; a longer one is read
        # from the disk whenever it is drawn.
        most = HELD_VALUES // len(tracks)
        features = [held(cache.open(item.key), most) for item in tracks]
        # A level costs one reading of the whole recording:
        # only where something is relative to it.
        relative = self.config.compression is not None or self.config.views.noise > 0
        levels = [level_of(feature.read) if relative else 1.0 for feature in features]
        known = [
            Track(item.key, *of)
            for item, *of in zip(tracks, features, levels, numbers, strict=True)
        ]
        patches = Patches(
            known,
            self.config,
            seed=seed,
            batch_size=batch_size,
            input_rank=self.input_rank,
        )
        objective = Objective(self.config, len(set(works)), self.embed_dim, seed)
        return CoversLearner(self, patches, objective, judged, cache)

    def validation_learner(
        self, valid: Sequence[Any], cache: Any, *, seed: int, batch_size: int
    ) -> CoversLearner | None:
        """None for proxies, which are of the works that train, and where too few works are left for a batch."""
        if self.config.loss == "proxy_anchor":
            return None
        k = self.config.versions_per_work
        works = [self.truth(item) for item in self.tracks(valid)]
        counts = Counter(works)
        known = len(counts)
        # Works with a single recording take part only where the settings say so.
        if self.config.learn_from != "moments" and not self.config.singles:
            known = sum(count > 1 for count in counts.values())
        rows = min(batch_size, known * k)
        if rows < 2 * k:
            return None
        twin = copy.copy(self)
        return twin.learner(valid, valid, cache, seed=seed, batch_size=rows)

    def tune(
        self,
        model: nn.Module,
        items: Sequence[Any],
        cache: Any,
        on_track: OnTrack = unseen,
    ) -> dict[str, Any]:
        """{"threshold": the score from which on two recordings count as versions}, that of the best F1 on `items`.

        None where no two of them are of one work.
        """
        tracks = self.tracks(items)
        names = [work_or_key(item, self.config) for item in tracks]
        if not has_covers(names):
            for item in tracks:
                on_track(item.key)
            return {"threshold": None}
        library = self.library(model, tracks, cache, on_track)
        return {"threshold": best_threshold(library, numbered(names))}

    def library(
        self,
        model: nn.Module,
        items: Sequence[Any],
        cache: Any,
        on_track: OnTrack = unseen,
    ) -> Library:
        """Every recording as vectors, ready to be searched."""

        def embeddings() -> Iterator[Tensor]:
            for item in items:
                feature = cache.open(item.key)
                yield self.embedded(model, feature, self.config.rotations)

        whitening: Statistics = {}
        found = []
        with evaluating(model):
            # The statistics of the whole collection are needed before its first vector:
            # with them each recording is embedded a second time.
            if self.config.whitening == "collection":
                whitening = statistics_of(model, embeddings)
            with whitened_by(model, whitening):
                for item, vectors in zip(items, embeddings(), strict=True):
                    found.append(vectors)
                    on_track(item.key)
        return self.library_of(found, whitening)

    def library_of(
        self, embeddings: Sequence[Tensor], whitening: Statistics | None = None
    ) -> Library:
        """Recordings as vectors (R, M, E) each, ready to be searched."""
        return Library.of(
            embeddings,
            self.config.normalise == "references",
            self.config.alike_by,
            self.config.both_ways,
            whitening,
        )

    def embedded(
        self, model: nn.Module, feature: Recorded | Tensor, rotations: bool = False
    ) -> Tensor:
        """The vectors (R, M, E) of one recording; the model is in eval() mode."""
        shape = input_shape_of(model) or self.input_shape
        return embed(model, as_recorded(feature), self.config, shape, rotations)

    def evaluate(
        self,
        model: nn.Module,
        items: Sequence[Any],
        cache: Any,
        settings: Mapping[str, Any],
        on_track: OnTrack = unseen,
    ) -> Evaluation:
        """Each recording as a query among all of the corpus; those without a cover say so.

        Raises TaskError E503, E520.
        """
        tracks = self.tracks(items)
        self._refuse_unjudgeable(tracks)
        gallery = self.gallery(tracks)
        threshold = settings.get("threshold")
        figures = self.ranked(model, tracks, gallery, cache, on_track, threshold)
        return Evaluation(self.pooled(figures), figures)

    def _refuse_unjudgeable(self, tracks: Sequence[Any]) -> None:
        """Raise TaskError E503 without a work, E520 without a cover; what only trained is judged view by view."""
        works = [self.truth(item) for item in tracks]
        if not {item.key for item in tracks} <= self.learned:
            refuse_no_work(tracks, self.config)
            refuse_no_cover(works)

    @property
    def divisible(self) -> bool:
        """Parts embed, and what joins them ranks; what the whole collection whitens cannot be embedded in parts."""
        return self.config.whitening != "collection"

    def divided(self, tracks: Sequence[Any], others: Sequence[Any]) -> list[Any]:
        """All that is compared; it is kept as `references`. Raises TaskError E503, E520."""
        self._refuse_unjudgeable(tracks)
        self.references = others
        return self.gallery(tracks)

    def judged_part(
        self,
        model: nn.Module,
        items: Sequence[Any],
        cache: Any,
        settings: Mapping[str, Any],  # noqa: ARG002  # the threshold acts where recordings are compared
        on_track: OnTrack = unseen,
    ) -> dict[str, Figures]:
        """The vectors (R, M, E) of every recording of the part."""
        found: dict[str, Figures] = {}
        with evaluating(model):
            for item in items:
                feature = cache.open(item.key)
                vectors = self.embedded(model, feature, self.config.rotations)
                found[item.key] = {"vectors": vectors}
                on_track(item.key)
        return found

    def joined(
        self,
        parts: Mapping[str, Figures],
        tracks: Sequence[Any],
        settings: Mapping[str, Any],
    ) -> dict[str, Figures]:
        """Each recording as a query among all whose vectors the parts have found. Raises TaskError E503, E520."""
        self.references = [item for item in self.references if item.key in parts]
        queries = [item for item in tracks if item.key in parts]
        self._refuse_unjudgeable(queries)
        gallery = self.gallery(queries)
        library = self.library_of([parts[item.key]["vectors"] for item in gallery])
        return self.ranked_in(library, queries, gallery, settings.get("threshold"))

    def gallery(self, tracks: Sequence[Any]) -> list[Any]:
        """All that these recordings are compared with, themselves among them."""
        keys = {item.key for item in self.references}
        if all(item.key in keys for item in tracks):
            return list(self.references)
        return list(tracks)

    def ranked(
        self,
        model: nn.Module,
        tracks: Sequence[Any],
        gallery: Sequence[Any],
        cache: Any,
        on_track: OnTrack,
        threshold: float | None = None,
    ) -> dict[str, Figures]:
        """The figures of each of these tracks as a query among the gallery, and its pairs at the threshold, if any."""
        queries = {item.key for item in tracks}
        library = self.library(
            model, gallery, cache, lambda key: on_track(key) if key in queries else None
        )
        return self.ranked_in(library, tracks, gallery, threshold)

    def ranked_in(
        self,
        library: Library,
        tracks: Sequence[Any],
        gallery: Sequence[Any],
        threshold: float | None = None,
    ) -> dict[str, Figures]:
        """As `ranked`, in the library of the gallery's recordings."""
        queries = {item.key for item in tracks}
        works = numbered([work_or_key(item, self.config) for item in gallery])
        # A query without a cover gets no ranks below, and keeps this mark.
        figures: dict[str, Figures] = {
            item.key: {"without_cover": 1.0} for item in tracks
        }
        # Ranks go by distance: minus the score.
        for ranks in ranks_in_blocks(lambda rows: -library.rows(rows), works):
            if gallery[ranks.query].key in queries:
                figures[gallery[ranks.query].key] = dict(
                    retrieval_figures([ranks.figures()])
                )
        if threshold is not None:
            for number, item in enumerate(gallery):
                if item.key in queries:
                    scores = library.rows(slice(number, number + 1))[0]
                    figures[item.key] |= pair_counts(scores, works, number, threshold)
        return figures

    def pooled(self, tracks: Mapping[str, Figures]) -> dict[str, float]:
        """Means over the queries, figures of pairs at the threshold, and how many recordings had no cover."""
        queries = [figures for figures in tracks.values() if "mAP" in figures]
        means = {
            name: sum(one[name] for one in queries) / len(queries)
            for name in self.headline
            if queries
        }
        alone = len(tracks) - len(queries)
        counts = {"queries": float(len(queries)), "without_cover": float(alone)}
        return {**means, **pair_figures(tracks), **counts}

    def predict(
        self,
        model: nn.Module,
        feature: Recorded | Tensor,
        settings: Mapping[str, Any],  # noqa: ARG002
        on_share: OnShare = unseen,
    ) -> Embedding:
        """The vectors of one recording, and what the model saw of it."""
        recorded = as_recorded(feature)
        with evaluating(model):
            vectors = self.embedded(model, recorded)[0]
        on_share(1.0)
        level = 1.0
        if self.config.compression is not None:
            level = level_of(recorded.read)
        first = recorded.read(0, min(recorded.n_frames, MOST_SEEN))
        shown = prepared(first, level, self.config).flatten(0, -2)
        # Beats are not evenly spaced: their number is all that a picture can say of the time.
        hop_s = None
        if self.feature.evenly_spaced:
            hop_s = self.feature.hop_s
        return Embedding(
            vectors.numpy(),
            shown.numpy().astype(np.float32),
            hop_s,
            pitch_classes=self._reads_pitch_classes,
            unit=self.config.alike_by == "cosine",
        )

    def truth(self, item: Any) -> str:
        """The work. Raises TaskError E503."""
        return work_of(item, self.config)

    def pictures(
        self,
        model: nn.Module,
        items: Sequence[Any],
        cache: Any,
        settings: Mapping[str, Any],  # noqa: ARG002
        evaluation: Evaluation,
    ) -> list[Picture | Case]:
        """The similarity matrix, and the ranked lists of the best and the worst queries."""
        from .pictures import pictures_of

        return pictures_of(self, model, items, cache, evaluation)
