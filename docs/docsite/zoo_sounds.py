"""What the trained models hear and make, to play on their pages: made in the build by the models themselves."""

from __future__ import annotations

import html
import io
import tempfile
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import soundfile

import mirbricks as mb
from mirbricks.data import synthesise_polyphony
from mirbricks.report.page import image

SECONDS = 6.0
SEED = 3  # a clip that no model has seen; any other does as well
INSTRUMENTS = ("cello", "flute", "guitar")
VOICES = "four synthesised voices"


class Clip(NamedTuple):
    """Samples and their rate."""

    samples: np.ndarray
    sr_hz: int


class Shown(NamedTuple):
    """What a page plays, each sound under its words, and the picture of an answer."""

    sounds: dict[str, Clip]
    picture: str = ""  # an element of the page
    caption: str = ""


def shown(address: str) -> Shown | None:
    """What the model of an address hears or makes; None where there is nothing to play."""
    model = mb.load(address)
    show = SHOW.get(model.task.name)
    return None if show is None else show(model)


def section(name: str, found: Shown) -> Iterator[tuple[str, str | bytes]]:
    """The files of a page's players, below static/zoo/, and last the section itself, under no name."""
    lines = ["", "## Hear it", "", "```{raw} html", '<div class="players">']
    for i, (words, clip) in enumerate(found.sounds.items()):
        yield f"static/zoo/{name}_{i}.mp3", mp3(clip)
        way = f"../_static/zoo/{name}_{i}.mp3"
        audio = f'<audio controls preload="none" src="{way}"></audio>'
        lines.append(f"<div><span>{html.escape(words)}</span>{audio}</div>")
    lines.append("</div>")
    if found.picture:
        caption = html.escape(found.caption)
        lines.append(f'<figure class="drawing">{found.picture}')
        lines.append(f"<figcaption>{caption}</figcaption></figure>")
    yield "", "\n".join([*lines, "```", ""])


def mp3(clip: Clip) -> bytes:
    """The clip as MP3, which every browser plays."""
    samples = np.atleast_2d(clip.samples)[0]
    loudest = max(float(np.abs(samples).max()), 1e-6)
    stream = io.BytesIO()
    soundfile.write(stream, 0.8 * samples / loudest, clip.sr_hz, format="MP3")
    return stream.getvalue()


def voices(key: str = "01.wav") -> Clip:
    """Four voices, or one of them."""
    with tempfile.TemporaryDirectory() as folder:
        corpus = synthesise_polyphony(folder, n_clips=1, seconds=SECONDS, seed=SEED)
        return Clip(*corpus[key].read())


def _pitches(model: Any, key: str = "01.wav", words: str = VOICES) -> Shown:
    """A recording, what is found in it as tones, and its picture."""
    clip = voices(key)
    found = model.predict(clip.samples, sr_hz=clip.sr_hz)
    tones, sr_hz = found.sonify()
    sounds = {words: clip, "what it finds, as tones": Clip(tones, sr_hz)}
    caption = f"What it finds in {words}."
    picture = image(found.titled(words).plot(), caption)
    return Shown(sounds, picture, caption)


def _separated(model: Any) -> Shown:
    clip = voices()
    found = model.separate(clip.samples, sr_hz=clip.sr_hz)
    sounds = {f"{VOICES}, which are no such instruments": clip}
    for name in found.targets:
        sounds[f"taken for {name}"] = Clip(found[name].samples, found[name].sr_hz)
    return Shown(sounds)


def _generated(model: Any) -> Shown:
    sounds = {}
    for name in INSTRUMENTS:
        made = model.generate(1, {"instrument": name, "pitchmidi": 60}, seed=1)[0]
        sounds[f"{name}, middle C, made by the model"] = Clip(made.samples, made.sr_hz)
    return Shown(sounds)


def _coded(model: Any) -> Shown:
    clip = voices("01-soprano.wav")
    codes = model.encode(clip.samples, sr_hz=clip.sr_hz)
    back = model.decode(codes)
    return Shown(
        {"one synthesised voice": clip, "back": Clip(back.samples, back.sr_hz)}
    )


SHOW: dict[str, Callable[[Any], Shown]] = {
    "multi_pitch": _pitches,
    "f0": lambda model: _pitches(model, "01-soprano.wav", "one synthesised voice"),
    "separation": _separated,
    "token_generation": _generated,
    "latent_generation": _generated,
    "codec": _coded,
}
