"""Sample generation: autoregressive models of the waveform itself, such as WaveNet and SampleRNN."""

from __future__ import annotations

from .config import SampleGenerationConfig
from .task import SampleGeneration

__all__ = ["SampleGeneration", "SampleGenerationConfig"]
