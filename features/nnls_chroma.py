"""Chroma of bass and treble from notes that explain the spectrum: NNLS chroma, that of the McGill Billboard corpus."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import ClassVar, Literal

import torch
from pydantic import Field, NonNegativeInt, PositiveInt, model_validator
from torch import Tensor
from torch.nn import functional

from .base import ArrayConfig, Feature, check_wave, refuse_empty, register_feature
from .folding import tuning_of, tuning_sum
from .nonnegative import nonnegative_least_squares
from .old_names import old_names

# MIDI number of A0, and notes from there on
LOWEST = 21
N_NOTES = 84
PER_SEMITONE = 3  # bins; a few more stand below and above the notes
MARGIN = 2
N_BINS = (N_NOTES - 1) * PER_SEMITONE + 2 * MARGIN + 1
N_PARTIALS = 20
DECAY = 0.7
BACKGROUND_BINS = 19  # about half an octave
BASS_SEMITONES = 37.35  # width of the bass profile, from A0 on; treble is all notes
FINE = 81  # points at which a bin's pulse is taken
STREAM_FRAMES = 256  # frames a step of a stream computes


class NNLSChromaFeatureConfig(ArrayConfig):
    """Settings of the feature `nnls_chroma`; the defaults are those of the Billboard corpus."""

    renamed: ClassVar[Mapping[str, str]] = {"hop_samples": "hop_length"}

    type: Literal["nnls_chroma"] = Field(
        "nnls_chroma", description="name of this feature"
    )
    sr_hz: PositiveInt = Field(
        44100, description="sample rate of the audio; other audio is resampled to it"
    )
    n_fft: PositiveInt = Field(
        16384, ge=16, description="samples of a frame's Fourier transform, Hann window"
    )
    hop_length: PositiveInt = Field(
        4096, description="samples from one frame to the next, a mean of two spectra"
    )
    first_samples: NonNegativeInt = Field(
        6144, description="sample that the first frame is centred on"
    )
    tuning_semitones: float | None = Field(
        None,
        ge=-0.5,
        le=0.5,
        description="how far A4 lies above 440 Hz; default: estimated from the whole recording",
    )

    @model_validator(mode="after")
    def _frames_fit(self) -> NNLSChromaFeatureConfig:
        if self.hop_length % 4 or self.n_fft % 2:
            raise ValueError(
                f"hop_length {self.hop_length} must be a multiple of 4, and n_fft {self.n_fft} of 2"
            )
        if (
            not self.hop_length // 4
            <= self.first_samples
            <= self.n_fft // 2 + self.hop_length // 4
        ):
            most = self.n_fft // 2 + self.hop_length // 4
            raise ValueError(
                f"first_samples {self.first_samples} is not in {self.hop_length // 4} ... {most}"
            )
        return self

    @property
    def hop_s(self) -> float:
        return self.hop_length / self.sr_hz

    @property
    def t0_s(self) -> float:
        return self.first_samples / self.sr_hz

    @property
    def shape(self) -> tuple[int, ...]:
        return (24,)


@register_feature("nnls_chroma")
class NNLSChromaFeature(Feature):
    """(B, N) -> (B, 24, T): bass 0-11, treble 12-23, both from C.

    A spectrum of 3 bins a semitone, brought into tune; each bin less the mean of its surroundings and over their
    standard deviation; the notes A0 to G#7, each with 20 partials that fall by .7, that explain it best without
    negative ones; those notes by pitch class, weighted by height. The recording has T = 1 + (N - 1 - first_samples) //
    hop_length frames, one at least, which are means of two. Source: Mauch & Dixon, "Approximate Note Transcription for
    the Improved Identification of Difficult Chords", ISMIR 2010.
    """

    Config = NNLSChromaFeatureConfig
    config: NNLSChromaFeatureConfig
    spectrum: Tensor
    window: Tensor
    near: Tensor
    notes: Tensor
    profiles: Tensor

    def __init__(self, config: NNLSChromaFeatureConfig) -> None:
        super().__init__(config)
        # A frame is the mean of two transforms a quarter of a hop to either side of its
        # time: the first of them begins so many samples before the audio.
        self.left = config.n_fft // 2 - config.first_samples + config.hop_length // 4
        window = torch.hann_window(config.n_fft, dtype=torch.float64)
        for name, value in {
            "window": window / window.sum(),
            "spectrum": log_spectrum(config.sr_hz, config.n_fft),
            "near": functional.normalize(
                torch.hamming_window(BACKGROUND_BINS, False, dtype=torch.float64),
                1,
                dim=0,
            ),
            "notes": note_spectra(),
            "profiles": note_profiles(),
        }.items():
            self.register_buffer(name, value.float(), persistent=False)

    def n_frames(self, n_samples: int) -> int:
        return (
            1
            + max(0, n_samples - 1 - self.config.first_samples)
            // self.config.hop_length
        )

    def forward(self, wave: Tensor) -> Tensor:
        check_wave(wave, self.config.type)
        refuse_empty(wave, self.config.type)
        spectrum = self._log_spectrum(
            functional.pad(wave, (self.left, 0)), self.n_frames(wave.shape[1])
        )
        return self._chroma(spectrum, self._tuning(self._tuning_sum(spectrum)))

    def stream(self, chunks: Iterable[Tensor]) -> Iterator[Tensor]:
        """An estimated tuning is known at the end only: until then 256 values per frame are held, 80 MB per hour."""
        held: list[Tensor] = []
        total: Tensor | None = None
        for piece in self._spectra(chunks):
            summed = self._tuning_sum(piece)
            if self.config.tuning_semitones is not None:
                yield self._chroma(piece, self._tuning(summed))
                continue
            held.append(piece)
            if total is None:
                total = summed
            else:
                total = total + summed
        if total is not None:
            tuning = self._tuning(total)
            for piece in held:
                yield self._chroma(piece, tuning)

    def _spectra(self, chunks: Iterable[Tensor]) -> Iterator[Tensor]:
        """(B, bins, 2 t) log-frequency spectra of t frames at a time."""
        c = self.config
        wave = None
        n_samples = 0
        done = 0
        for chunk in chunks:
            check_wave(chunk, self.config.type)
            if wave is None:
                wave = functional.pad(chunk, (self.left, 0))
            else:
                wave = torch.cat([wave, chunk], dim=1)
            n_samples += chunk.shape[1]
            needed = STREAM_FRAMES * c.hop_length
            # The end of the audio decides how many frames
            # there are, so the last ones wait for it.
            while (
                wave.shape[1] >= needed + c.n_fft
                and self.n_frames(n_samples) - done > STREAM_FRAMES
            ):
                yield self._log_spectrum(wave, STREAM_FRAMES)
                wave = wave[:, needed:]
                done = done + STREAM_FRAMES
        refuse_empty(torch.zeros(1, n_samples), self.config.type)
        assert wave is not None  # else it was refused
        yield self._log_spectrum(wave, self.n_frames(n_samples) - done)

    def _log_spectrum(self, wave: Tensor, n_frames: int) -> Tensor:
        """(B, bins, 2 n_frames) of a waveform that begins where the first transform does."""
        c = self.config
        hop = c.hop_length // 2
        n = 2 * n_frames
        # Silence behind the end, as long as the last frame needs.
        missing = c.n_fft + (n - 1) * hop - wave.shape[1]
        frames = functional.pad(wave.to(self.window.dtype), (0, missing)).unfold(
            1, c.n_fft, hop
        )
        magnitude: Tensor = torch.fft.rfft(frames * self.window).abs()
        return (magnitude @ self.spectrum).transpose(1, 2)

    def _tuning_sum(self, spectrum: Tensor) -> Tensor:
        lowest_hz = 440 * 2 ** ((LOWEST - MARGIN / PER_SEMITONE - 69) / 12)
        return tuning_sum(spectrum, lowest_hz, 12 * PER_SEMITONE)

    def _tuning(self, total: Tensor) -> Tensor:
        fixed = self.config.tuning_semitones
        if fixed is None:
            return tuning_of(total)
        return torch.full_like(total.real, fixed)

    def _chroma(self, spectrum: Tensor, tuning: Tensor) -> Tensor:
        """(B, bins, 2 T) -> (B, 24, T)."""
        bins = torch.arange(N_BINS, dtype=torch.float64, device=spectrum.device)
        # The bins are moved by the tuning: each is shared out between the two nearest in-tune ones.
        apart = bins - bins[:, None] - PER_SEMITONE * tuning[:, None, None]
        in_tune = (1 - apart.abs()).clamp_min(0).to(spectrum.dtype) @ spectrum
        activations = nonnegative_least_squares(self.notes, self._whitened(in_tune))
        # Notes of one pitch class are added up, by height for bass and treble.
        chroma = self.profiles @ activations
        # A frame is the mean of two spectra, half a hop before and after its time.
        return (chroma[..., 0::2] + chroma[..., 1::2]) / 2

    def _whitened(self, spectrum: Tensor) -> Tensor:
        """Each bin less the weighted mean of those around it, over their standard deviation; what is below is 0."""
        # What stands out of its surroundings, in units of how much they vary.
        above = spectrum - self._around(spectrum)
        spread = (
            self._around(above.square()).clamp_min(1e-14).sqrt()
        )  # silence stays silence
        return above.clamp_min(0) / spread

    def _around(self, x: Tensor) -> Tensor:
        flat = x.transpose(1, 2).reshape(-1, 1, x.shape[1])
        mean = functional.conv1d(
            functional.pad(flat, [BACKGROUND_BINS // 2] * 2, "replicate"),
            self.near[None, None],
        )
        return mean.reshape(x.shape[0], x.shape[2], x.shape[1]).transpose(1, 2)


def log_spectrum(sr_hz: int, n_fft: int) -> Tensor:
    """(n_fft // 2 + 1, bins) float64: bin j is the mean of the magnitudes around its pitch, by a raised cosine that
    reaches the next bin on either side; between two lines of the Fourier transform the magnitude is linear. 0 above
    half of sr_hz."""
    offsets = torch.linspace(-1, 1, FINE, dtype=torch.float64)
    pulse = functional.normalize(0.5 + 0.5 * torch.cos(math.pi * offsets), 1, dim=0)
    bins = torch.arange(N_BINS, dtype=torch.float64)[:, None] - MARGIN + offsets
    lines = 440 * 2 ** ((LOWEST - 69 + bins / PER_SEMITONE) / 12) * n_fft / sr_hz

    # A point between two Fourier lines shares its weight
    # between them: the magnitude is taken as linear there.
    low = lines.floor().clamp_max(n_fft // 2 - 1)
    share = lines - low
    inside = lines <= n_fft / 2
    matrix = torch.zeros(N_BINS, n_fft // 2 + 1, dtype=torch.float64)
    matrix.scatter_add_(1, low.long(), inside * pulse * (1 - share))
    matrix.scatter_add_(1, low.long() + 1, inside * pulse * share)
    return matrix.T


def note_spectra() -> Tensor:
    """(bins, N_NOTES) float64: the partials of each note, .7 ** k high, each a raised cosine over its neighbours."""
    partials = torch.arange(1, N_PARTIALS + 1, dtype=torch.float64)
    # Partial k lies 12 log2 k semitones above its note.
    at = MARGIN + PER_SEMITONE * (torch.arange(N_NOTES)[:, None] + 12 * partials.log2())
    apart = (torch.arange(N_BINS)[:, None, None] - at).clamp(-1, 1)
    return ((0.5 + 0.5 * torch.cos(math.pi * apart)) * DECAY ** (partials - 1)).sum(
        dim=-1
    )


def note_profiles() -> Tensor:
    """(24, N_NOTES) float64: how much a note counts for each pitch class of the bass, and of the treble."""
    notes = torch.arange(N_NOTES, dtype=torch.float64)
    classes = torch.arange(12)[:, None] == (LOWEST + torch.arange(N_NOTES)) % 12
    # sin² over each range: notes near its ends count little, and
    # the bass fades out instead of ending at one key.
    heights = [
        (torch.sin(math.pi * (notes + 0.5) / wide) ** 2) * (notes < wide - 0.5)
        for wide in (BASS_SEMITONES, 84)
    ]
    return torch.cat([classes * height for height in heights])


__getattr__ = old_names(__name__, "NNLSChroma")
