"""The front page's sound, its picture and the outputs beside it, made in the build by the package itself."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import soundfile
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

import mirbricks as mb
from mirbricks.compiler.drawing.diagram import draw
from mirbricks.data import synthesise_polyphony

from .markdown import fence
from .staging import ROOT
from .task_pictures import pictures

ALSO = ("docsite/task_pictures.py", "index.md")
SEED = 3  # a clip that the model has not seen; any other does as well
SECONDS = 8.0
LOWEST_MIDI = 36.0  # C2
HIGHEST_MIDI = 96.0  # C7
FLOOR_DB = 60.0  # below the loudest: what is quieter is black
# Edges of the picture's axes as parts of its width, which the cursor of the page needs.
LEFT, RIGHT = 0.055, 0.995
GREY = "#7d8790"  # of words that stand on a light page and on a dark one
FOUND = "#7fe3a1"


class Heard(NamedTuple):
    """A clip, and what a model of the zoo finds in it."""

    samples: np.ndarray
    sr_hz: int
    answer: Any


def pages() -> Iterator[tuple[str, str | bytes]]:
    """The files that docs/index.md shows or includes."""
    heard = listen()
    yield "static/front/voices.mp3", sound(heard)
    yield "static/front/voices.png", picture(heard)
    yield "front/hear.md", fence("text", answer(heard))
    yield from built()
    yield "front/mistake.md", fence("text", mistake())
    for name, content in pictures(heard.samples, heard.sr_hz):
        yield f"static/tasks/{name}.png", content


def listen() -> Heard:
    """Synthesise four voices and let the model find their notes."""
    with tempfile.TemporaryDirectory() as folder:
        corpus = synthesise_polyphony(folder, n_clips=1, seconds=SECONDS, seed=SEED)
        samples, sr_hz = corpus["01.wav"].read()
    model = mb.load("zoo:mpe_bach10")
    return Heard(samples, sr_hz, model.predict(samples, sr_hz=sr_hz))


def sound(heard: Heard) -> bytes:
    """The clip as MP3, which every browser plays."""
    stream = io.BytesIO()
    loudest = float(np.abs(heard.samples).max())
    soundfile.write(stream, 0.8 * heard.samples / loudest, heard.sr_hz, format="MP3")
    return stream.getvalue()


def picture(heard: Heard) -> bytes:
    """Waveform, the HCQT at its first harmonic, and the notes found, over one time axis."""
    figure = Figure(figsize=(10.0, 4.4))
    wave = figure.add_axes((LEFT, 0.84, RIGHT - LEFT, 0.15))
    time_s = np.arange(len(heard.samples)) / heard.sr_hz
    # The lowest and the highest sample of each of 1000 columns.
    columns = np.array_split(heard.samples, 1000)
    at_s = np.linspace(0.0, time_s[-1], len(columns))
    low = [column.min() for column in columns]
    high = [column.max() for column in columns]
    wave.fill_between(at_s, low, high, color="#3d9a57", linewidth=0)
    wave.set_xlim(0.0, SECONDS)
    wave.axis("off")

    axes = figure.add_axes((LEFT, 0.11, RIGHT - LEFT, 0.71))
    levels, midi = spectrum(heard)
    extent = (0.0, SECONDS, float(midi[0]), float(midi[-1]))
    axes.imshow(levels, origin="lower", aspect="auto", extent=extent, cmap="magma")
    for note in heard.answer.notes:
        place = (note.start_s, note.midi - 0.45)
        width = note.end_s - note.start_s
        axes.add_patch(Rectangle(place, width, 0.9, fill=False, ec=FOUND, lw=1.6))
    axes.set_ylim(LOWEST_MIDI, HIGHEST_MIDI)
    axes.set_xlim(0.0, SECONDS)
    octaves = range(int(LOWEST_MIDI), int(HIGHEST_MIDI) + 1, 12)
    axes.set_yticks(list(octaves), [f"C{one // 12 - 1}" for one in octaves])
    axes.set_xlabel("time (s)", color=GREY)
    axes.tick_params(colors=GREY, length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)
    stream = io.BytesIO()
    figure.savefig(stream, dpi=150, transparent=True, metadata={"Software": None})
    return stream.getvalue()


def spectrum(heard: Heard) -> tuple[np.ndarray, np.ndarray]:
    """Decibels above a floor, (bins, frames), and the MIDI pitch of each bin."""
    import torch

    hcqt = mb.feature("hcqt", sr_hz=heard.sr_hz, harmonics=(1.0,), scale="db")
    with torch.no_grad():
        found = hcqt(torch.from_numpy(heard.samples))[0].numpy()
    midi = 24.0 + np.arange(found.shape[0]) / 5.0  # 60 bins an octave from C1
    return np.maximum(found, found.max() - FLOOR_DB), midi


def answer(heard: Heard) -> str:
    """What the model prints as its answer, and its first notes."""
    lines = [f"{len(heard.answer.notes)} notes"]
    for note in heard.answer.notes[:4]:
        lines.append(f"{note.name:<4} {note.start_s:5.2f} to {note.end_s:5.2f} s")
    return "\n".join([*lines, "..."])


def readme_graph() -> str:
    """The graph of the README, whose tests compile it."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    return text.split("```yaml\n")[1].split("```")[0]


def built() -> Iterator[tuple[str, str | bytes]]:
    """The graph of the Build tab, and its drawing."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "unet_small.yaml"
        path.write_text(readme_graph(), encoding="utf-8")
        yield "static/front/unet_small.svg", draw(mb.compile_graph(path)) + "\n"
    yield "front/build.md", fence("yaml", f"# unet_small.yaml\n{readme_graph()}")


def mistake() -> str:
    """The message where a size does not fit: the graph above without its way up."""
    lines = [
        line for line in readme_graph().splitlines() if "ConvTranspose2d" not in line
    ]
    text = "\n".join(lines).replace(", fit: crop", "")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "unet_small.yaml"
        path.write_text(text, encoding="utf-8")
        try:
            mb.compile_graph(path)
        except mb.MirbricksError as error:
            return str(error).replace(f"{folder}/", "")
    raise SystemExit("the graph of the front page's mistake compiles")
