"""The task separation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from torch import Tensor, nn

from ...compiler.module import GraphModule
from ...data.corpus import Item
from ...features.waveform import WaveformFeatureConfig
from ..base import (
    Case,
    Evaluation,
    Figures,
    OnShare,
    OnTrack,
    Task,
    register_task,
    unseen,
)
from ..reading import InMemory, Recorded
from ..requirements import NeedsByName
from ..sounds import Sound
from .config import SeparationConfig
from .estimating import estimated
from .judging import RATIO, SILENT, pooled_figures, ratios, references_of, track_figures
from .kinds import MIX, TARGET, Kind, Separator, kind_of, needs_of
from .learner import SeparationLearner
from .misfits import refuse_misfit
from .mixing import StemMixes
from .pictures import LONGEST_S, MOST_TRACKS, Heard, busiest, shown
from .prediction import Separated
from .stems import Track, refuse_no_target, refuse_unknown_targets, tracks_of


@register_task("separation")
class Separation(Task):
    """Sources of a mix: waveforms (B, C, T) -> the same of each target.

    A graph with an input `target` separates whichever of the targets is asked for; one without is for one target, or
    has an output by the name of each. Sources: Jansson et al., "Singing Voice Separation with Deep U-Net Convolutional
    Networks", ISMIR 2017; Meseguer-Brocal & Peeters, "Conditioned-U-Net", ISMIR 2019; Le Roux et al., "SDR -
    half-baked or well done?", ICASSP 2019.
    """

    Config = SeparationConfig
    config: SeparationConfig
    title = "source separation"
    separates = True
    headline = (
        RATIO,
        "si_sdr_mix_db",
        "si_sdr_irm_db",
        "si_sdr_improvement_db",
        "sdr_db",
        SILENT,
    )
    logits = False
    features: ClassVar = (WaveformFeatureConfig,)
    of_training: ClassVar = ("losses", "remix")
    # of the graph, once `check_graph` has seen it
    kind: Kind = "conditioned"
    input_names: tuple[str, ...] = (MIX, TARGET)

    def needs(self) -> NeedsByName:
        return needs_of(
            self.kind,
            self.config.targets,
            self.n_channels,
            self.config.patch_frames,
        )

    @property
    def n_channels(self) -> int:
        """Channels of the waveforms that the graph reads."""
        return int(self.feature.shape[0])

    def check_graph(self, model: GraphModule) -> None:
        """Also which kind of graph it is. Raises TaskError E802 to E805."""
        self.kind = kind_of(model, self.config.targets)
        self.input_names = tuple(model.input_shapes)
        refuse_misfit(model, self.feature, self.config.patch_frames)
        super().check_graph(model)

    def checks_on_meta(self) -> bool:
        return True

    def separator(self, model: Any) -> Separator:
        """The graph behind one call."""
        names = self.needs().names_of(model.input_shapes)
        length = model.input_shapes[names[MIX]][-1]
        return Separator(
            model,
            self.kind,
            self.config.targets,
            names,
            only_samples=length if isinstance(length, int) else None,
        )

    def check_recordings(self, train: Sequence[Item], others: Sequence[Item]) -> None:
        """Whether there are stems of every target. Raises TaskError E800, E801."""
        annotation = self.config.annotation
        tracks = tracks_of(train, annotation)
        refuse_unknown_targets(tracks, self.config.targets, annotation)
        if others:
            tracks_of(others, annotation)

    def tracks(self, items: Sequence[Item]) -> list[Item]:
        """The mixes that have stems. Raises TaskError E800, and E801 where no stem of any is a target."""
        tracks = tracks_of(items, self.config.annotation)
        refuse_no_target(tracks, self.config.targets, self.config.annotation)
        return [track.mix for track in tracks]

    def read_with(self, tracks: Sequence[Item], items: Sequence[Item]) -> list[Item]:
        """The mixes and their stems."""
        keys = {track.key for track in tracks}
        return [item for item in items if item.key in keys or item.stem_of in keys]

    def learner(
        self,
        train: Sequence[Item],
        valid: Sequence[Item],
        cache: Any,
        *,
        seed: int,
        batch_size: int,
    ) -> SeparationLearner:
        """Raises TaskError E800."""
        tracks = tracks_of(train, self.config.annotation)
        mixes = StemMixes(
            tracks,
            self._features(tracks, cache),
            self.config,
            self.kind,
            self.needs().names_of(self.input_names),
            seed=seed,
            batch_size=batch_size,
        )
        return SeparationLearner(self, mixes, valid, cache)

    def _features(self, tracks: Sequence[Track], cache: Any) -> dict[str, Recorded]:
        """The waveforms of mixes and stems, by key."""
        found = {}
        for track in tracks:
            for item in (track.mix, *track.stems):
                found[item.key] = self.seen(cache.open(item.key))
        return found

    def validated(
        self, model: nn.Module, items: Sequence[Item], cache: Any, on_track: OnTrack
    ) -> dict[str, float]:
        """SI-SDR of the estimates alone: what a training watches."""
        found = []
        for track in tracks_of(items, self.config.annotation):
            features = self._features([track], cache)
            estimates, references = self._pair(model, track, features)
            found.append(ratios(estimates, references, self.config.targets))
            on_track(track.mix.key)
        return pooled_figures(found)

    def judged_tracks(
        self,
        model: nn.Module,
        items: Sequence[Item],
        cache: Any,
        settings: Mapping[str, Any],  # noqa: ARG002  # nothing is tuned
        on_track: OnTrack = unseen,
    ) -> dict[str, Figures]:
        """Figures of every mix, each target against its own reference, beside those of the mix and of ideal masks."""
        tracks: dict[str, Figures] = {}
        for track in tracks_of(items, self.config.annotation):
            tracks[track.mix.key] = self._judged(model, track, cache)
            on_track(track.mix.key)
        return tracks

    def _pair(
        self, model: nn.Module, track: Track, features: Mapping[str, Recorded]
    ) -> tuple[Tensor, Tensor]:
        """Estimates and references (K, C, N) of a track."""
        targets = self.config.targets
        mix = features[track.mix.key]
        estimates = estimated(
            self.separator(model), mix, self.config, self.feature.sr_hz
        )
        return estimates, references_of(track, features, targets)

    def _judged(self, model: nn.Module, track: Track, cache: Any) -> Figures:
        features = self._features([track], cache)
        estimates, references = self._pair(model, track, features)
        return track_figures(
            features[track.mix.key].read().float(),
            estimates,
            references,
            targets=self.config.targets,
            sr_hz=self.feature.sr_hz,
            bss_eval=self.config.bss_eval,
        )

    def pooled(self, tracks: Mapping[str, Figures]) -> dict[str, float]:
        """Of each target the mean over the mixes in which it plays, then the mean over the targets."""
        return pooled_figures(list(tracks.values()))

    def predict(
        self,
        model: nn.Module,
        feature: Any,
        settings: Mapping[str, Any],  # noqa: ARG002  # nothing is tuned
        on_share: OnShare = unseen,
    ) -> Separated:
        """The targets of a recording, at the feature's rate."""
        targets = self.config.targets
        read = self.seen(feature)
        estimates = estimated(
            self.separator(model), read, self.config, self.feature.sr_hz, on_share
        )
        sounds = {}
        for target, estimate in zip(targets, estimates, strict=True):
            sounds[target] = Sound.of(estimate, self.feature.sr_hz, title=target)
        return Separated(sounds)

    def pictures(
        self,
        model: nn.Module,
        items: Sequence[Item],
        cache: Any,
        settings: Mapping[str, Any],  # noqa: ARG002  # nothing is tuned
        evaluation: Evaluation,
    ) -> list[Case]:
        """The first mixes: their targets as they were recorded and as they were separated, to look at and to listen."""
        n_samples = round(LONGEST_S * self.feature.sr_hz)
        heard: list[Heard] = []
        for track in tracks_of(items, self.config.annotation):
            if track.mix.key not in evaluation.tracks or len(heard) == MOST_TRACKS:
                continue
            features = self._features([track], cache)
            references = references_of(track, features, self.config.targets)
            start = busiest(references, n_samples)
            # Only what is shown is separated: of long songs anything else would take as long as judging them.
            references = references[..., start : start + n_samples]
            stop = start + references.shape[-1]
            mix = features[track.mix.key].read(start, stop).float()
            estimates = estimated(
                self.separator(model), InMemory(mix), self.config, self.feature.sr_hz
            )
            waves = (mix.numpy(), references.numpy(), estimates.numpy())
            heard.append(Heard(track.mix.key, *waves))
        return shown(heard, self.config.targets, self.feature.sr_hz, evaluation)

    def truth(self, item: Item) -> None:
        """A mix is judged against its stems, which are recordings of their own."""
