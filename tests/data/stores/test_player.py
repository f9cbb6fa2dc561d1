"""Players within HTML: the sound is whole, or the label says where it was cut."""

from __future__ import annotations

import base64
import io
import re

import numpy as np
import soundfile

from mirbricks.data.stores.player import LONGEST_S, Audio, player


def test_a_long_sound_is_cut_and_the_label_says_so() -> None:
    html = player(np.zeros(100 * 40), 100, 'x"y')
    audio = re.search(r'base64,([^"]+)"', html)
    assert audio
    samples, sr_hz = soundfile.read(io.BytesIO(base64.b64decode(audio[1])))
    assert len(samples) == LONGEST_S * sr_hz
    assert "x&quot;y (the first 30 s)</figcaption>" in html


def test_audio_is_samples_and_a_rate() -> None:
    samples, sr_hz = Audio(np.ones(10), 100, "ten")
    assert (len(samples), sr_hz) == (10, 100)
    assert repr(Audio(samples, sr_hz)) == "<Audio 'sound': 0.10 s at 100 Hz>"
