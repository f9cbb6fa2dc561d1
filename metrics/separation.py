"""Figures of separated sources: each against its own reference, beside the mix itself and the ideal ratio mask."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from .bss_ratios import BssFrames, bss_eval
from .oracle_masks import oracle_estimates
from .reconstruction import LIMIT_DB, ROUNDING

BLOCK_SAMPLES = 1 << 20  # whose energies are summed at once
OWN = ("si_sdr_db", "si_sdr_mix_db", "si_sdr_irm_db", "si_sdr_improvement_db")
BSS = ("sdr_db", "isr_db", "sir_db", "sar_db")

Wave = ArrayLike | Tensor
Array = NDArray[np.floating]


def joint_si_sdr_db(estimate: Wave, reference: Wave) -> float | None:
    """SI-SDR of a sound of several channels, with one gain for all of them; None for a silent reference.

    A gain per channel would forgive an estimate that is too far left. With one gain channels count by their energy.
    Of one channel it is `si_sdr_db`.

    Parameters
    ----------
    estimate, reference : array_like or Tensor
        Waveforms (N,) or (C, N).

    Returns
    -------
    float or None
        Decibels, held within ±120.

    Raises
    ------
    ValueError
        For two shapes, other shapes, no sample, or a sample that is not finite.

    References
    ----------
    Le Roux et al., "SDR - half-baked or well done?", ICASSP 2019.

    Examples
    --------
    >>> reference = [[1.0, -1.0, 1.0, -1.0], [0.1, -0.1, 0.1, -0.1]]
    >>> joint_si_sdr_db([[2.0, -2.0, 2.0, -2.0], [0.2, -0.2, 0.2, -0.2]], reference)
    120.0
    >>> round(joint_si_sdr_db([[1.0, -1.0, 1.0, -1.0], [0.0, 0.0, 0.0, 0.0]], reference), 2)
    20.0
    """
    ours, wanted = _pair(estimate, reference)
    our_means = _means(ours)
    wanted_means = _means(wanted)

    # What rounding leaves of a constant is silence too.
    energy = _inner(wanted, wanted, wanted_means, wanted_means)
    rounding = ROUNDING * np.abs(wanted).max(axis=1)
    if energy <= np.square(rounding).sum() * wanted.shape[1]:
        return None
    gain = _inner(ours, wanted, our_means, wanted_means) / energy
    target = gain**2 * energy
    rest = _rest(ours, wanted, our_means, wanted_means, gain)
    if target == 0:
        return -LIMIT_DB
    if rest == 0:
        return LIMIT_DB
    ratio_db = 10 * np.log10(target / rest)
    return float(np.clip(ratio_db, -LIMIT_DB, LIMIT_DB))


def _pair(estimate: Wave, reference: Wave) -> tuple[Array, Array]:
    ours = _channels(estimate)
    wanted = _channels(reference)
    if ours.shape != wanted.shape:
        raise ValueError(
            f"estimate {ours.shape} and reference {wanted.shape} differ in shape"
        )
    if not (np.isfinite(ours).all() and np.isfinite(wanted).all()):
        raise ValueError("a sample is not finite")
    return ours, wanted


def _channels(wave: Wave) -> Array:
    """A waveform (N,) or (C, N) as an array (C, N), in its own precision."""
    if isinstance(wave, Tensor):
        wave = wave.detach().cpu().numpy()
    found = np.asarray(wave)
    if found.dtype.kind != "f":
        found = found.astype(np.float64)
    if found.ndim not in (1, 2) or not found.size:
        raise ValueError(
            f"expected waveforms (N,) or (C, N) of at least one sample, got {found.shape}"
        )
    return np.atleast_2d(found)


def _blocks(wave: Array) -> Iterable[slice]:
    for start in range(0, wave.shape[1], BLOCK_SAMPLES):
        yield slice(start, start + BLOCK_SAMPLES)


def _means(wave: Array) -> NDArray[np.float64]:
    """(C, 1), in float64."""
    means: NDArray[np.float64] = wave.mean(axis=1, keepdims=True, dtype=np.float64)
    return means


def _inner(one: Array, other: Array, one_mean: Array, other_mean: Array) -> float:
    """The inner product of two signals less their means."""
    return sum(
        float(np.vdot(one[:, part] - one_mean, other[:, part] - other_mean))
        for part in _blocks(one)
    )


def _rest(
    ours: Array, wanted: Array, our_mean: Array, wanted_mean: Array, gain: float
) -> float:
    """The energy of what the reference at this gain leaves of the estimate."""
    total = 0.0
    for part in _blocks(ours):
        left = (ours[:, part] - our_mean) - gain * (wanted[:, part] - wanted_mean)
        total += float(np.vdot(left, left))
    return total


class SeparationFigures:
    """Figures of the targets of many tracks, one track after another.

    Every target is scored against its own reference. One that is silent in a track has no ratio there: it is counted,
    and averaged into nothing.

    Parameters
    ----------
    targets : sequence of str
        Names of the sources, in the order of the figures.
    sr_hz : int
        Sampling rate of all tracks.
    bss : bool
        Whether to compute BSSEval's SDR, ISR, SIR and SAR too, which takes some seconds per minute of audio.

    Examples
    --------
    >>> random = np.random.default_rng(0)
    >>> stems = {"flute": random.normal(size=9000), "horn": random.normal(size=9000)}
    >>> figures = SeparationFigures(["flute", "horn"], sr_hz=3000)
    >>> track = figures.add(sum(stems.values()), stems, {name: wave * 0.5 for name, wave in stems.items()})
    >>> track["flute"]["si_sdr_db"], round(track["flute"]["si_sdr_mix_db"])
    (120.0, 0)
    >>> figures.figures()["silent_references"]
    0.0
    """

    def __init__(
        self, targets: Sequence[str], sr_hz: int, *, bss: bool = False
    ) -> None:
        self.targets = tuple(targets)
        self.sr_hz = sr_hz
        self.bss = bss
        self.n_tracks = 0
        self.silent_references = dict.fromkeys(self.targets, 0)
        self._tracks: dict[str, list[dict[str, float]]]
        self._tracks = {target: [] for target in self.targets}

    def add(
        self,
        mix: Wave,
        references: Mapping[str, Wave],
        estimates: Mapping[str, Wave],
    ) -> dict[str, dict[str, float]]:
        """Add a track.

        Parameters
        ----------
        mix : array_like or Tensor, (N,) or (C, N)
            What was separated.
        references : mapping
            Target -> its true waveform, of the mix's shape. What the mix has beyond them takes part in the ratio mask
            as one more source.
        estimates : mapping
            Target -> its estimate, of the mix's shape.

        Returns
        -------
        dict
            Target -> its figures in this track, in dB: `si_sdr_db`, that of the mix (`si_sdr_mix_db`), that of the
            ideal ratio mask (`si_sdr_irm_db`), how far the estimate is above the mix (`si_sdr_improvement_db`); with
            `bss` the medians over its frames (`sdr_db`, `isr_db`, `sir_db`, `sar_db`; without those that no frame
            has). A target whose reference is silent is left out.

        Raises
        ------
        ValueError
            For a target without reference or estimate, two shapes, or a sample that is not finite.
        """
        self._refuse_missing(references, estimates)
        whole = _channels(mix)
        wanted = {name: _channels(references[name]) for name in self.targets}
        ours = {name: _channels(estimates[name]) for name in self.targets}
        found = self._si_sdr(whole, wanted, ours)
        if self.bss:
            for name, ratios in self._bss(wanted, ours).items():
                if name in found:
                    found[name] |= ratios
        self.n_tracks += 1
        for name in self.targets:
            if name in found:
                self._tracks[name].append(found[name])
            else:
                self.silent_references[name] += 1
        return found

    def _refuse_missing(
        self, references: Mapping[str, Wave], estimates: Mapping[str, Wave]
    ) -> None:
        for kind, given in (("reference", references), ("estimate", estimates)):
            missing = [name for name in self.targets if name not in given]
            if missing:
                raise ValueError(f"no {kind} for the target '{missing[0]}'")

    def _si_sdr(
        self, mix: Array, wanted: Mapping[str, Array], ours: Mapping[str, Array]
    ) -> dict[str, dict[str, float]]:
        """The figures of the targets that sound."""
        own = {name: joint_si_sdr_db(ours[name], wanted[name]) for name in self.targets}
        if all(ratio is None for ratio in own.values()):
            return {}
        masked = self._masked(mix, wanted)
        found = {}
        for place, name in enumerate(self.targets):
            ratio_db = own[name]
            mix_db = joint_si_sdr_db(mix, wanted[name])
            irm_db = joint_si_sdr_db(masked[place], wanted[name])
            if ratio_db is None or mix_db is None or irm_db is None:
                continue
            values = (ratio_db, mix_db, irm_db, ratio_db - mix_db)
            found[name] = dict(zip(OWN, values, strict=True))
        return found

    def _masked(self, mix: Array, wanted: Mapping[str, Array]) -> Tensor:
        """(S, C, N): the mix under the ratio masks of the targets, with all else in it as one more source."""
        stems = np.stack([wanted[name] for name in self.targets])
        rest = mix - stems.sum(axis=0)
        return oracle_estimates(mix, np.concatenate([stems, rest[None]]))

    def _bss(
        self, wanted: Mapping[str, Array], ours: Mapping[str, Array]
    ) -> dict[str, dict[str, float]]:
        """Medians over the frames of this track."""
        frames: BssFrames = bss_eval(
            np.stack([wanted[name] for name in self.targets]),
            np.stack([ours[name] for name in self.targets]),
            window=self.sr_hz,
        )
        medians = frames.medians()
        found: dict[str, dict[str, float]] = {}
        for place, name in enumerate(self.targets):
            values = {key: float(medians[key][place]) for key in BSS}
            found[name] = {key: one for key, one in values.items() if one == one}
        return found

    def figures(self) -> dict[str, float]:
        """The figures of all tracks so far.

        Returns
        -------
        dict
            `si_sdr_db` and its like per target (`si_sdr_db/violin`: the mean over the tracks where it sounds) and the
            mean of these over the targets (`si_sdr_db`); with `bss` medians over the tracks in place of means, as
            museval reports them, and their mean over the targets. `silent_references` counts the targets that were
            silent in a track. NaN where no track has a figure.
        """
        found: dict[str, float] = {}
        for key in OWN:
            found |= self._of_targets(key, np.mean)
        if self.bss:
            for key in BSS:
                found |= self._of_targets(key, np.median)
        found["silent_references"] = float(sum(self.silent_references.values()))
        return found

    def _of_targets(
        self, key: str, middle: Callable[[list[float]], Any]
    ) -> dict[str, float]:
        """A figure of each target, over the tracks that have it, and its mean over the targets."""
        own = {}
        for name in self.targets:
            values = [track[key] for track in self._tracks[name] if key in track]
            own[f"{key}/{name}"] = float(middle(values)) if values else float("nan")
        known = [value for value in own.values() if value == value]
        mean = float(np.mean(known)) if known else float("nan")
        return {key: mean, **own}
