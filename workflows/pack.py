"""Packing: of a run, the little that others need to evaluate and predict with it."""

from __future__ import annotations

import json
import math
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor, nn

from .. import __file__ as package
from ..compiler.module import count_parameters
from ..data.stores.together import write_together
from ..errors import RunError, did_you_mean
from ..runs.folder import RESOLVED, RunFolder
from ..runs.settings import RunSettings
from ..zoo import CARD, GRAPH, MOST_BYTES, WEIGHTS
from .card import Measured, card_of
from .experiment import Experiment
from .loading import load_run
from .new_file import refuse_existing

GRAPHS = Path(package).parent / "graphs"
LARGEST_HALF = torch.finfo(torch.float16).max


@dataclass(frozen=True)
class Options:
    """What a packed model is to hold beside graph and weights.

    half         keep the parameters in half precision
    evaluations  files of `mirbricks evaluate --json` for the card, FILE or FILE=TEXT; the first is listed
    figure       the figure that `mirbricks zoo` lists
    corpora      the corpora that it was trained on, for their licences
    notes        limits, for the card
    """

    half: bool = False
    evaluations: tuple[str, ...] = ()
    figure: str | None = None
    corpora: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Packed:
    """A packed model: its folder, its size in bytes, its number of parameters."""

    folder: Path
    size: int
    parameters: int

    @property
    def card(self) -> Path:
        """The file that says what it is."""
        return self.folder / CARD


def pack(folder: str | Path, out: Path, options: Options) -> Packed:
    """Write graph.yaml, weights.safetensors and card.md into a new folder, all or none of them."""
    refuse_existing(out)
    run = RunFolder.open(folder)
    if run.packed:
        raise RunError(
            f"'{run.path}' is packed already: a run with its settings.json is expected",
            code="E612",
            help="give the folder that `mirbricks train ... --out RUN` has written",
        )
    experiment, settings = load_run(run)
    measured = [*map(_measured, options.evaluations), *_own(settings)]
    kept = _kept(experiment, settings, measured, options.figure)
    tensors = tensors_of(experiment.model, options.half)
    card = card_of(
        out.resolve().name,
        experiment,
        settings,
        options.corpora or (settings.corpus,),
        measured,
        kept["command"],
        options.notes,
    )
    contents = {
        out / GRAPH: run.read_text(RESOLVED).encode(),
        out / WEIGHTS: safetensors.torch.save(tensors, {"settings": json.dumps(kept)}),
        out / CARD: card.encode(),
    }
    size = sum(map(len, contents.values()))
    if size > MOST_BYTES:
        raise _too_large(run, size, options.half)
    write_together(contents)
    return Packed(out, size, kept["parameters"])


def tensors_of(model: nn.Module, half: bool) -> dict[str, Tensor]:
    """Every parameter and buffer; with `half` the parameters in half precision, where it can hold them."""
    tensors = {
        name: tensor.detach().to("cpu", copy=True).contiguous()
        for name, tensor in model.state_dict().items()
    }
    if half:
        trained = {name for name, _ in model.named_parameters(remove_duplicate=False)}
    else:
        trained = set()
    return {
        name: tensor.half() if name in trained and _fits_half(tensor) else tensor
        for name, tensor in tensors.items()
    }


def _fits_half(tensor: Tensor) -> bool:
    return tensor.dtype == torch.float32 and bool(tensor.abs().max() < LARGEST_HALF)


def _kept(
    experiment: Experiment,
    settings: RunSettings,
    measured: Sequence[Measured],
    figure: str | None,
) -> dict[str, Any]:
    """The settings that travel with the weights: nothing of single tracks, no path of the machine it was trained on."""
    if measured:
        first = measured[0]
    else:
        first = Measured("nothing", {}, 0)
    if figure and figure not in first.figures:
        near = (
            did_you_mean(figure, first.figures)
            or f"there are: {', '.join(first.figures)}"
        )
        raise RunError(
            f"--figure: '{first.text}' has no figure '{figure}'", code="E613", help=near
        )
    name = figure or next(
        (one for one in experiment.task.headline if one in first.figures), None
    )
    if name:
        shown = {"name": name, "value": first.figures[name], "on": first.text}
    else:
        shown = None
    return {
        **settings.model_dump(mode="json"),
        "data": settings.corpus,
        "command": without_paths(settings.command),
        "figures": {
            name: value
            for name, value in settings.figures.items()
            if math.isfinite(value)
        },
        "tracks": {},
        "task": experiment.task.name,
        "parameters": count_parameters(experiment.model),
        "shown": shown,
    }


def without_paths(command: str) -> str:
    """The commands, one a line, with the last part of each path from the root or from a folder above; graphs of
    mirbricks as such.
    """
    return "\n".join(
        shlex.join(map(_without_path, shlex.split(line)))
        for line in command.splitlines()
    )


def _without_path(word: str) -> str:
    path = Path(word)
    if path.suffix == ".yaml" and (GRAPHS / path.name).is_file():
        return f"{GRAPHS.name}/{path.name}"
    if word.startswith(("/", "..", "~")):
        return path.name
    return word


def _own(settings: RunSettings) -> list[Measured]:
    """The run's own evaluation, at the end of its training; an ensemble has none."""
    if not settings.figures:
        return []
    side = {"train": "the training tracks themselves"}.get(
        settings.evaluated_on, f"the {settings.evaluated_on} tracks"
    )
    return [
        Measured(
            f"{settings.corpus}, {side} of this run",
            settings.figures,
            len(settings.tracks),
        )
    ]


def _measured(words: str) -> Measured:
    """What --evaluation names: FILE or FILE=TEXT. Raises E613 for a file that is not an evaluation."""
    file, _, text = words.partition("=")
    try:
        found = json.loads(Path(file).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise _no_evaluation(
            file, str(getattr(error, "strerror", None) or error)
        ) from error
    if isinstance(found, Mapping):
        figures = found.get("figures")
    else:
        figures = None
    if not isinstance(figures, Mapping) or not {"data", "n_tracks"} <= found.keys():
        raise _no_evaluation(file, "it has no 'figures', 'data' and 'n_tracks'")
    numbers = {
        name: float(value)
        for name, value in figures.items()
        if isinstance(value, int | float)
    }
    return Measured(text or str(found["data"]), numbers, int(found["n_tracks"]))


def _no_evaluation(file: str, why: str) -> RunError:
    return RunError(
        f"'{file}' is not an evaluation",
        code="E613",
        facts=[("reason", why)],
        help="make one with `mirbricks evaluate RUN --data DIR --json > FILE`",
    )


def _too_large(run: RunFolder, size: int, half: bool) -> RunError:
    return RunError(
        f"'{run.path}' packed would be {size / 1e6:.1f} MB; at most {MOST_BYTES / 1e6:g} MB are shipped",
        code="E611",
        help="train a smaller graph"
        if half
        else "add --half, and look whether the figures stay, or train a smaller graph",
    )
