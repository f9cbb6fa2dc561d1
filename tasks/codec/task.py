"""The task codec."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from ...compiler.module import GraphModule
from ...data.corpus import Item
from ...errors import TaskError, Where
from ...features.mel_inversion import wave_of_logmel
from ...features.waveform import WaveformFeatureConfig
from ...metrics.reconstruction import si_sdr_db
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
from ..patches import chain_of
from ..reading import Recorded
from ..recordings import without_stems
from ..requirements import Needs, patch_inputs
from ..sounds import Sound
from .config import CodecConfig
from .graph_codec import GraphCodec, refuse_other_feature
from .halves import Halves, halves_of
from .judging import (
    codebook_figures,
    codebooks_judged,
    means,
    plain,
    rates,
    sound_figures,
    stage_figures,
)
from .learner import CodecLearner
from .objective import Reconstruction, is_score
from .patches import Patches
from .pictures import cases_of, pictures_of

WATCHED = (
    "loss",
    "spectrum_distance",
    "codebook_use",
    "perplexity_share",
    "least_perplexity_share",
)
OF_SAMPLES = ("snr", "si_sdr", "stft", "mel")  # losses that spectra do not have


@register_task("codec")
class CodecTask(Task):
    """Sound through a bottleneck and back: patches (B, ..., T) -> the same, by codes or latents.

    Any graph with one bottleneck will do, on waveforms or log-mel spectra: a residual quantizer, a VQ-VAE, a
    variational or a plain auto-encoder. Sources: Zeghidour et al., "SoundStream", 2021; Défossez et al., "High Fidelity
    Neural Audio Compression", 2022; van den Oord et al., "Neural Discrete Representation Learning", NIPS 2017.
    """

    Config = CodecConfig
    config: CodecConfig
    title = "audio codec"
    layer_kinds = ()
    in_order = True
    headline = (
        "bit_rate_bps",
        "si_sdr_db",
        "log_mel_distance_db",
        "mr_stft_distance",
        "codebook_use",
        "perplexity_share",
        "least_perplexity_share",
        "loss",
    )
    mono = True
    logits = False
    parts: ClassVar = {"adversary": "graph"}

    @property
    def reads_waves(self) -> bool:
        """Whether the graph reads samples, not spectra."""
        return isinstance(self.feature, WaveformFeatureConfig)

    def needs(self) -> Needs:
        frames = {"task.patch_frames": self.config.patch_frames}
        shape = self.feature.shape
        # The axis of one channel is what a graph may have or not; its output has what its input has.
        inputs = patch_inputs(shape) if not self.reads_waves else (("B", 1, "T"),)
        if self.input_rank == len(shape) + 3:
            output: tuple[int | str, ...] = ("B", 1, *shape, "T")
        else:
            output = ("B", *shape, "T")
        return Needs(
            inputs=inputs,
            output=output,
            reads=f"patches of the feature '{self.feature.type}'",
            gives="what it reads",
            help="end in as many channels as `input:` has, and let every stride be undone",
            frames=frames,
        )

    def check_shapes(
        self,
        input_shape: tuple[int | str, ...],
        output_shape: tuple[int | str, ...],
        where: Where | None = None,
    ) -> None:
        """As every task; lengths that depend on the patch are checked with the bottleneck."""
        self.input_shape = input_shape
        same = len(output_shape) == len(input_shape)
        # "T//320*320" and "T" are the same length for whole frames, which `GraphCodec` makes sure of.
        if same and isinstance(output_shape[-1], str):
            output_shape = (*output_shape[:-1], input_shape[-1])
        super().check_shapes(input_shape, output_shape, where)

    def check_feature(self, where: Where | None = None) -> None:
        """Raises TaskError E501 for a feature that does not come back as sound, or a loss that it does not have."""
        refuse_other_feature(self.feature)
        if self.reads_waves:
            return
        unknown = [name for name in OF_SAMPLES if getattr(self.config.losses, name)]
        if self.config.transpose_semitones:
            unknown.append("transpose_semitones")
        if unknown:
            raise TaskError(
                f"task.{unknown[0]} is for waveforms, and the feature is '{self.feature.type}'",
                code="E501",
                where=where,
                help="use the losses l1 and l2, or `feature: {type: waveform}`",
            )

    def check_graph(self, model: GraphModule) -> None:
        """Also whether its bottleneck is a cut, and the adversary's outputs. Raises TaskError E580 to E582, E589."""
        super().check_graph(model)
        codec = self.codec(model)
        self._refuse_part_of_a_frame(model, codec)
        adversary = self.models.get("adversary")
        if adversary is not None and adversary.outputs:
            names = list(adversary.outputs)
            if not any(map(is_score, names)):
                raise TaskError(
                    f"the adversary's outputs {', '.join(names)} hold no scores",
                    code="E589",
                    where=adversary.graph.where_input(),
                    help="let the name of each score begin with 'score'; the others are features to match",
                )

    def halves_of(self, model: Any) -> Halves:
        """The graph on either side of its bottleneck."""
        return halves_of(model, self.config.bottleneck)

    def codec(self, model: Any) -> GraphCodec:
        """The graph behind the interface of all codecs."""
        return GraphCodec(model, self.feature, bottleneck=self.config.bottleneck)

    def tracks(self, items: Sequence[Item]) -> list[Item]:
        """Every recording without stems. Raises TaskError E503 without any."""
        return without_stems(items)

    def learner(
        self,
        train: Sequence[Item],
        valid: Sequence[Item],
        cache: Any,
        *,
        seed: int,
        batch_size: int,
    ) -> CodecLearner:
        """Raises TaskError E503."""
        items = self.tracks(train)
        patches = Patches(
            [item.key for item in items],
            [self.seen(cache.open(item.key)) for item in items],
            self.config,
            chain_of(self.config.augment, self.feature),
            silence=self.feature.silence,
            seed=seed,
            batch_size=batch_size,
            input_rank=self.input_rank,
        )
        patches.deck = self.deck_of(items, seed)
        return CodecLearner(self, patches, self.tracks(valid), cache)

    def judged_tracks(
        self,
        model: nn.Module,
        items: Sequence[Item],
        cache: Any,
        settings: Mapping[str, Any],  # noqa: ARG002  # nothing is tuned
        on_track: OnTrack = unseen,
    ) -> dict[str, Figures]:
        """Figures of every recording, decoded from all of its codes, and from those of `few_codebooks`."""
        codec = self.codec(model)
        tracks: dict[str, Figures] = {}
        for item in self.tracks(items):
            tracks[item.key] = self._judged(codec, self.seen(cache.open(item.key)))
            on_track(item.key)
        return tracks

    def pooled(self, tracks: Mapping[str, Figures]) -> dict[str, float]:
        """Means over the recordings; each codebook is counted over all of them."""
        found = means(tracks)
        if any("codes" in figures for figures in tracks.values()):
            found |= codebook_figures(list(tracks.values()))
        return found

    def _judged(self, codec: GraphCodec, feature: Recorded) -> Figures:
        """The figures of one recording, and its codes."""
        if not self.reads_waves:
            return self._judged_spectrum(codec, feature)
        wave = feature.read().float()
        if not codec.is_discrete:
            decoded = codec.decode_latent(codec.encode_latent(wave[None]))
            return sound_figures(_fitted(decoded, wave), wave, codec.sr_hz, "")
        codes = codec.encode(wave[None])
        found: Figures = {}
        for ending, number in codebooks_judged(codec, self._few(codec)):
            decoded = _fitted(codec.decode(_first(codec, wave, codes, number)), wave)
            found |= sound_figures(decoded, wave, codec.sr_hz, ending)
        if codec.halves.block == "ResidualVectorQuantizer":
            found |= stage_figures(codec, codes, wave)
        return {**found, **rates(codec, self._few(codec)), **plain(codec, codes)}

    def _judged_spectrum(self, codec: GraphCodec, feature: Recorded) -> Figures:
        """In its own domain: the mean absolute difference of the spectra, and the loss."""
        wanted, output, codes = self._spectra(codec, feature)
        found: Figures = {"spectrum_distance": float((output - wanted).abs().mean())}
        parts = Reconstruction(self.config.losses, self.feature).parts(output, wanted)
        found["loss"] = float(torch.stack(list(parts.values())).sum())
        if codes is not None:
            found |= {**rates(codec, None), **plain(codec, codes)}
        return found

    def _spectra(
        self, codec: GraphCodec, feature: Recorded
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        """What a graph of spectra reads and gives of a recording, and its codes, where it has some."""
        logmel = feature.read().float()
        logmel = logmel.reshape(1, -1, logmel.shape[-1])
        missing = -logmel.shape[-1] % codec.feature_frames
        whole = functional.pad(logmel, (0, missing), value=self.feature.silence)
        halves = codec.halves
        with evaluating(codec.model):
            rank = len(self.input_shape) or len(
                next(iter(codec.model.input_shapes.values()))
            )
            given = whole if rank == whole.ndim else whole[:, None]
            reached = halves.reach(given.to(next(codec.model.parameters()).device))
            output = halves.leave(halves.bottleneck(reached)).reshape(whole.shape)
            codes = codec.codes_of(reached) if codec.is_discrete else None
        n_frames = logmel.shape[-1]
        return logmel, output[..., :n_frames].cpu(), codes

    def _few(self, codec: GraphCodec) -> int | None:
        if codec.halves.block == "ResidualVectorQuantizer":
            return self.config.few_codebooks
        return None

    def validated(
        self, model: nn.Module, items: Sequence[Item], cache: Any, on_track: OnTrack
    ) -> dict[str, float]:
        """What a training watches: the cheaper of the figures."""
        codec = self.codec(model)
        tracks: dict[str, Figures] = {}
        for item in items:
            feature = self.seen(cache.open(item.key))
            if self.reads_waves:
                tracks[item.key] = self._ratios(codec, feature)
            else:
                tracks[item.key] = self._judged_spectrum(codec, feature)
            on_track(item.key)
        found = self.pooled(tracks)
        # Each codebook's own figures would make a long line of every validation.
        return {
            name: value
            for name, value in found.items()
            if name in WATCHED or name.startswith("si_sdr_db")
        }

    def _ratios(self, codec: GraphCodec, feature: Recorded) -> Figures:
        """SI-SDR only: spectral distances take longer than the codec."""
        wave = feature.read().float()
        found: Figures = {}
        if not codec.is_discrete:
            decoded = codec.decode_latent(codec.encode_latent(wave[None]))
            return _ratio(_fitted(decoded, wave), wave, "")
        codes = codec.encode(wave[None])
        for ending, number in codebooks_judged(codec, self._few(codec)):
            decoded = _fitted(codec.decode(_first(codec, wave, codes, number)), wave)
            found |= _ratio(decoded, wave, ending)
        return {**found, **plain(codec, codes)}

    def predict(
        self,
        model: nn.Module,
        feature: Any,
        settings: Mapping[str, Any],  # noqa: ARG002  # nothing is tuned
        on_share: OnShare = unseen,
    ) -> Sound:
        """The recording as the codec gives it back."""
        codec = self.codec(model)
        read = self.seen(feature)
        if self.reads_waves:
            wave = read.read().float()
            latents = codec.encode_latent(wave[None])
            sound = _fitted(codec.decode_latent(latents), wave)
        else:
            _, output, _ = self._spectra(codec, read)
            sound = wave_of_logmel(self.feature, output)  # type: ignore[arg-type]  # refused before
        on_share(1.0)
        return Sound.of(sound, codec.sr_hz)

    def pictures(
        self,
        model: nn.Module,
        items: Sequence[Item],
        cache: Any,
        settings: Mapping[str, Any],
        evaluation: Evaluation,
    ) -> list[Picture | Case]:
        """Recordings beside what comes back of them, and how much of each codebook is in use."""
        codec = self.codec(model)
        pairs: list[tuple[str, Any, Any]] = []
        for item in self.tracks(items)[: len(evaluation.tracks)]:
            if len(pairs) == 3 or not self.reads_waves:
                break
            wave = self.seen(cache.open(item.key)).read().float()
            back = self.predict(model, cache.open(item.key), settings)
            pairs.append((item.key, np.asarray(wave), back.samples))
        return [
            *cases_of(pairs, codec.sr_hz, evaluation),
            *pictures_of(codec, evaluation),
        ]

    def truth(self, item: Item) -> None:
        """A codec needs no annotation."""

    def _refuse_part_of_a_frame(self, model: GraphModule, codec: GraphCodec) -> None:
        if self.config.patch_frames % codec.feature_frames:
            per = codec.feature_frames
            whole = max(1, self.config.patch_frames // per) * per
            raise TaskError(
                f"task.patch_frames {self.config.patch_frames} is no whole number of frames of {per}",
                code="E582",
                where=model.graph.where_input(),
                help=f"write `patch_frames: {whole}`",
            )


def _first(codec: GraphCodec, wave: Tensor, codes: Tensor, number: int) -> Tensor:
    """The codes of fewer codebooks; a quantizer with a beam finds better ones for them than the first of many."""
    if number == codes.shape[1]:
        return codes
    return codec.encode(wave[None], number)


def _fitted(decoded: Tensor, wave: Tensor) -> Tensor:
    """(1, 1, N') cut to the recording (1, N), on the CPU."""
    return decoded[0, :, : wave.shape[-1]].float().cpu()


def _ratio(output: Tensor, wave: Tensor, ending: str) -> Figures:
    ratio = si_sdr_db(output, wave)
    return {} if ratio is None else {f"si_sdr_db{ending}": ratio}
