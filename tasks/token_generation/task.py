"""The task token_generation."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from ...compiler.module import GraphModule
from ...data.corpus import Item
from ...features.cache import FeatureCache
from ...features.waveform import WaveformFeatureConfig
from ..autoregressive import Autoregressive, AutoregressiveLearner, sounds_of
from ..autoregressive.fitting import (
    moving_input,
    one_of_each,
    refuse_few_rows,
    rows_of,
)
from ..base import (
    Figures,
    OnShare,
    OnTrack,
    register_task,
    unseen,
)
from ..codec.interface import Codec, codec_named, codec_of
from ..conditions import (
    Conditions,
    Value,
    refuse_inputs,
    scaled_inputs,
)
from ..encoded import Encoded, encoded, refuse_other_rate
from ..modes import evaluating
from ..sounds import Sound
from ..takes import takes_of
from .config import TokenGenerationConfig
from .fitting import (
    refuse_few_codebooks,
    refuse_other_numbers,
    refuse_other_shapes,
    refuse_unfit,
)
from .generation import generated
from .lengths import TokenLengths
from .patches import TokenBatches, window_batches, windows_of
from .patterns import Pattern
from .vectors import fill_vectors
from .yardstick import YARDSTICKS, Yardstick

CODES = "codes"  # what the graph's input for codes is best called


@register_task("token_generation")
class TokenGeneration(Autoregressive):
    """An autoregressive model of a codec's codes: each from those before it, and from conditions.

    Sources: Copet et al., "Simple and Controllable Music Generation" (MusicGen), NeurIPS 2023: patterns; Ho & Salimans,
    "Classifier-Free Diffusion Guidance", 2022. Figures: cross-entropy in nats per code and bits per second, accuracy;
    the same of an n-gram model of order 3 over the training codes, in the experiment that trains.
    """

    Config = TokenGenerationConfig
    config: TokenGenerationConfig
    title = "generation of a codec's codes"
    headline = (
        "cross_entropy_nats",
        "ngram_cross_entropy_nats",
        "bits_per_second",
        "accuracy",
    )
    mono = True
    features = (WaveformFeatureConfig,)
    parts: ClassVar = {"codec": "trained", "ear": "trained"}
    of_sampling: ClassVar = (
        "temperature",
        "temperatures",
        "top_k",
        "top_p",
        "guidance",
        "guidances",
        "generate_frames",
        "best_of",
        "ear",
    )

    def __init__(
        self, config: TokenGenerationConfig, feature: WaveformFeatureConfig
    ) -> None:
        super().__init__(config, feature)
        self.input_shapes: Mapping[str, Sequence[int | str]] = {}
        self.rows: dict[str, int | None] = {}
        self.codes = CODES
        self.yardstick: Yardstick | None = None
        self._codec: tuple[Any, Codec] | None = None

    @property
    def codec(self) -> Codec:
        """The codec whose codes are learned."""
        part = self.models["codec"]
        # Made once for each part: its fingerprint is a hash of all weights.
        if self._codec is None or self._codec[0] is not part:
            self._codec = (part, codec_of(part))
        return self._codec[1]

    @property
    def pattern(self) -> Pattern:
        """How codes stand in a sequence."""
        codec = self.codec
        levels = self.config.n_codebooks or codec.n_codebooks
        return Pattern(self.config.pattern, levels, codec.n_codes)

    def check_graph(self, model: GraphModule) -> None:
        """Whether codec, feature and graph go together. Raises TaskError E501, E564, E570 to E574, E576."""
        config = self.config
        where = model.graph.where_input()
        names = config.conditions
        # Opened once, at the place that names it: `codec` gives it from then on.
        part = self.models["codec"]
        of_codec = model.graph.source.value(("task", "codec"))
        self._codec = (part, codec_named(part, of_codec))
        refuse_other_rate(self.codec, self.feature, model.graph.source)
        refuse_few_codebooks(config.n_codebooks, self.codec, model)
        refuse_other_numbers(config, self.pattern, model)
        self.input_shapes = model.input_shapes
        self.codes = moving_input(model.input_shapes, names, CODES)
        refuse_inputs(names, model.input_shapes, [self.codes], where)
        refuse_other_shapes(model, self.codes, self.pattern, where)
        one = one_of_each(names, model.input_shapes)
        refuse_unfit(model, self.codes, one, self.pattern, where)
        self._lengths().refuse_unread(model, one)
        self.rows = {name: rows_of(model, name) for name in names}
        self.input_shape = model.input_shapes[self.codes]
        self.output_shape = model.output_shape
        self.where_input = where
        self.check_ear(model)

    def prepare(self, model: GraphModule) -> None:
        """Layers with `vector_dim` begin with the codec's vectors of its codes. Raises TaskError E575."""
        fill_vectors(model, self.codec, self.pattern.n_codebooks)

    def _lengths(self) -> TokenLengths:
        return TokenLengths(self.codec, self.pattern, self.config, self.codes)

    def check_recordings(self, train: Sequence[Item], others: Sequence[Item]) -> None:
        """The values of the conditions have rows in the graph, and the others have no value that training lacks.

        Raises TaskError E503, E560 to E562, E572.
        """
        conditions = self._fitted(self.tracks(train))
        refuse_few_rows(self.rows, conditions.each, self.where_input)
        self.check_values(conditions)
        if others:
            conditions.of(self.tracks(others))

    def _fitted(self, tracks: Sequence[Item]) -> Conditions:
        names = self.config.conditions
        takes = takes_of(tracks, self.config.transpositions, self.config.pitch)
        return Conditions.fit(takes, names, scaled_inputs(names, self.input_shapes))

    def learner(
        self,
        train: Sequence[Item],
        valid: Sequence[Item],
        cache: FeatureCache,
        *,
        seed: int,
        batch_size: int,
    ) -> TokenLearner:
        """Raises TaskError E503, E560 to E562, E572."""
        tracks = self.tracks(train)
        self.conditions = self._fitted(tracks)
        refuse_few_rows(self.rows, self.conditions.each, self.where_input)
        each: dict[int, Encoded] = {}
        for semitones in self.config.transpositions:
            each[semitones] = encoded(
                self.codec, tracks, cache, "codes", semitones=semitones
            )
        self.yardstick = Yardstick.of(self.pattern, each, [one.key for one in tracks])
        batches = TokenBatches(
            takes_of(tracks, self.config.transpositions, self.config.pitch),
            each,
            self.conditions,
            self.config,
            self.pattern,
            self.codes,
            seed=seed,
            batch_size=batch_size,
        )
        return TokenLearner(self, batches, self.tracks(valid), cache)

    def counted(
        self,
        model: nn.Module,
        items: Sequence[Item],
        cache: FeatureCache,
        on_track: OnTrack = unseen,
    ) -> dict[str, Figures]:
        """Of each recording: nats and right guesses over its codes, how many these are, and how long it is."""
        pattern = self.pattern
        frames = self.config.patch_frames
        codes = encoded(self.codec, items, cache, "codes")
        inputs = self.conditions.encode(self.conditions.of(items))
        device = next(model.parameters()).device
        keys = [item.key for item in items]
        windows = windows_of(keys, codes, frames)
        sums = {key: torch.zeros(2, dtype=torch.float64) for key in keys}
        with evaluating(model):
            for some, targets in window_batches(windows, codes, pattern, frames):
                rows = [one.row for one in some]
                named = {name: values[rows] for name, values in inputs.items()}
                given = {self.codes: pattern.tokens(targets), **named}
                moved = {name: value.to(device) for name, value in given.items()}
                logits = pattern.logits(model(**moved), frames).float().cpu()
                for one, nats_and_hits in zip(
                    some, window_sums(logits, targets, some), strict=True
                ):
                    sums[one.key] += nats_and_hits
        found: dict[str, Figures] = {}
        for item in items:
            found[item.key] = self._figures(item.key, sums[item.key], codes)
            on_track(item.key)
        return found

    def _figures(self, key: str, sums: Tensor, codes: Encoded) -> Figures:
        n_frames = codes.n_frames(key)
        count = n_frames * self.pattern.n_codebooks
        nats, hits = sums.tolist()
        figures: Figures = {
            "nats": nats,
            "hits": hits,
            "codes": count,
            "seconds": n_frames * self.codec.hop_length / self.codec.sr_hz,
        }
        if self.yardstick is not None:
            figures |= self.yardstick.nats_of(codes.read(key))
        return figures

    def pooled(self, tracks: Mapping[str, Figures]) -> dict[str, float]:
        """Over all codes of all tracks: a long recording counts for more than a short one."""
        if not tracks:
            return {}
        total: dict[str, float] = {}
        for name in next(iter(tracks.values())):
            total[name] = math.fsum(track[name] for track in tracks.values())
        figures = {"loss": total["nats"] / total["codes"]}
        costs = {"": total["nats"]}
        # Of the two contexts the better one is the yardstick.
        ngrams = [total[name] for name in YARDSTICKS if name in total]
        if ngrams:
            costs["ngram_"] = min(ngrams)
        for name, nats in costs.items():
            figures[f"{name}cross_entropy_nats"] = nats / total["codes"]
            per_second = nats / math.log(2) / total["seconds"]
            figures[f"{name}bits_per_second"] = per_second
        figures["accuracy"] = total["hits"] / total["codes"]
        return figures

    def sounds(
        self,
        model: nn.Module,
        settings: Mapping[str, Any],
        rows: Sequence[Mapping[str, Value]],
        seed: int,
        on_share: OnShare = unseen,
    ) -> list[Sound]:
        """Codes drawn one after another, decoded. Raises TaskError E565."""
        assert isinstance(model, GraphModule)
        known = Conditions.from_json(settings["conditions"])
        inputs = known.encode(rows)
        count = len(rows)
        self._lengths().refuse_beyond_memory(model, known.dropped(1), count)
        codes = generated(
            model,
            self.codes,
            inputs,
            known.without(inputs, self.config.guided),
            pattern=self.pattern,
            config=self.config,
            count=count,
            n_frames=self.config.frames,
            seed=seed,
            on_share=on_share,
        )
        codec = self.codec.to(codes.device)
        with torch.inference_mode():
            waves = codec.decode(codes)
        return sounds_of(waves, codec.sr_hz, rows)


def window_sums(
    logits: Tensor, targets: Tensor, windows: Sequence[Any]
) -> list[Tensor]:
    """Nats and right guesses over the frames of each window that are judged in it: (2,) float64 each."""
    # (B, Q, T, K) and (B, Q, T): cross-entropy takes the classes as the second axis.
    nats = functional.cross_entropy(logits.movedim(-1, 1), targets, reduction="none")
    hits = logits.argmax(-1) == targets
    found = []
    for row, window in enumerate(windows):
        real = slice(window.known, window.frames)
        sums = [nats[row, :, real].double().sum(), hits[row, :, real].double().sum()]
        found.append(torch.stack(sums))
    return found


class TokenLearner(AutoregressiveLearner):
    """Batches of codes, the cross-entropy of each code, and the validation recordings."""

    batches: TokenBatches

    def loss(self, outputs: Tensor, batch: Any) -> Tensor:
        """The mean cross-entropy over all codes, in nats."""
        logits = self.batches.pattern.logits(outputs, batch.targets.shape[-1])
        return functional.cross_entropy(logits.movedim(-1, 1), batch.targets)
