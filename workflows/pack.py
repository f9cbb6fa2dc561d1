"""Packing: of a run, the little that others need to evaluate and predict with it."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor, nn

from ..compiler.module import count_parameters
from ..data.stores.together import write_folder, write_together
from ..errors import RunError, did_you_mean
from ..runs.folder import RunFolder
from ..runs.settings import RunSettings
from ..zoo import CARD, GRAPH, MOST_BYTES, WEIGHTS
from .card import Measured, card_of
from .experiment import Experiment
from .hosted import ENDING, archive_of, checksum_of
from .hub import header_of
from .loading import load_run
from .new_file import refuse_existing
from .parts import graph_text, inner_files
from .without_paths import without_paths

LARGEST_HALF = torch.finfo(torch.float16).max


@dataclass(frozen=True)
class Options:
    """The contents of a packed model, beside graph and weights.

    half         keep the parameters in half precision
    evaluations  files of `mirbricks evaluate --json` for the card, FILE or FILE=TEXT; the first is listed
    figure       the figure that `mirbricks zoo` lists
    corpora      the corpora that it was trained on, for their licences
    notes        limits, for the card
    hub          the licence in the header that model hubs read; None for a card without one
    """

    half: bool = False
    evaluations: tuple[str, ...] = ()
    figure: str | None = None
    corpora: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    hub: str | None = None


@dataclass(frozen=True)
class Packed:
    """A packed model: its folder or archive, its size in bytes, its number of parameters, its SHA-256."""

    folder: Path
    size: int
    parameters: int
    sha256: str

    @property
    def card(self) -> Path:
        """The file that says what it is."""
        return self.folder / CARD


def pack(folder: str | Path, out: Path, options: Options) -> Packed:
    """Write graph.yaml, weights.safetensors and card.md into a new folder, all or none of them.

    A name that ends in .mirb is that of an archive of these files, which `mirbricks.load` takes from an address.
    """
    refuse_existing(out)
    run = RunFolder.open(folder)
    if run.packed:
        raise RunError(
            f"'{run.path}' is packed already: a run with its settings.json is expected",
            code="E612",
            help="give the folder that `mirbricks train ... --out RUN` has written",
        )
    experiment, settings = load_run(run)
    # The evaluations that the user names come first: they are what a reader of the card looks for.
    measured = [*map(_measured, options.evaluations), *_own(settings)]
    kept = _kept(experiment, settings, measured, options.figure)
    tensors = tensors_of(experiment.model, options.half)
    name = out.resolve().name.removesuffix(ENDING)
    card = card_of(
        name,
        experiment,
        settings,
        options.corpora or (settings.corpus,),
        measured,
        kept["command"],
        options.notes,
    )
    if options.hub is not None:
        header = header_of(
            name,
            experiment,
            options.corpora or (settings.corpus,),
            measured,
            options.hub,
        )
        card = f"{header}\n{card}"
    inner = inner_files(experiment.task)
    contents = {
        **{str(path): content for path, content in inner.items()},
        GRAPH: graph_text(run, experiment).encode(),
        WEIGHTS: safetensors.torch.save(tensors, {"settings": json.dumps(kept)}),
        CARD: card.encode(),
    }
    # The whole is weighed before any of it is written: a wheel carries every model.
    size = sum(map(len, contents.values()))
    if size > MOST_BYTES:
        raise _too_large(run, size, options.half)
    if out.suffix == ENDING:
        archive = archive_of(contents)
        write_together({out: archive})
        checksum = hashlib.sha256(archive).hexdigest()
        return Packed(out, len(archive), kept["parameters"], checksum)
    write_folder(out, contents)
    return Packed(out, size, kept["parameters"], checksum_of(out))


def tensors_of(model: nn.Module, half: bool) -> dict[str, Tensor]:
    """Every parameter and buffer; with `half` the parameters in half precision, where it can hold them."""
    # Buffers stay as they are: half precision is for what was learned, not for statistics and masks.
    trained: set[str] = set()
    if half:
        trained = {name for name, _ in model.named_parameters(remove_duplicate=False)}
    tensors = {}
    for name, tensor in model.state_dict().items():
        own = tensor.detach().to("cpu", copy=True).contiguous()
        if name in trained and _fits_half(own):
            own = own.half()
        tensors[name] = own
    return tensors


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
        listing = f"there are: {', '.join(first.figures)}"
        near = did_you_mean(figure, first.figures) or listing
        raise RunError(
            f"--figure: '{first.text}' has no figure '{figure}'", code="E613", help=near
        )
    headline = [one for one in experiment.task.headline if one in first.figures]
    name = figure or next(iter(headline), None)
    shown = None
    if name:
        shown = {"name": name, "value": first.figures[name], "on": first.text}

    # Others get the recipe and the figures, and nothing about the machine or about single tracks.
    finite = {
        one: value for one, value in settings.figures.items() if math.isfinite(value)
    }
    return {
        **settings.model_dump(mode="json"),
        "data": settings.corpus,
        "command": without_paths(settings.command),
        "figures": finite,
        "tracks": {},
        "task": experiment.task.name,
        "parameters": count_parameters(experiment.model),
        "shown": shown,
    }


def _own(settings: RunSettings) -> list[Measured]:
    """The run's own evaluation, at the end of its training; an ensemble has none."""
    if not settings.figures:
        return []
    side = f"the {settings.evaluated_on} tracks"
    if settings.evaluated_on == "train":
        side = "the training tracks themselves"
    text = f"{settings.corpus}, {side} of this run"
    return [Measured(text, settings.figures, len(settings.tracks))]


def _measured(words: str) -> Measured:
    """What --evaluation names: FILE or FILE=TEXT. Raises E613 for a file that is not an evaluation."""
    file, _, text = words.partition("=")
    try:
        found = json.loads(Path(file).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        reason = str(getattr(error, "strerror", None) or error)
        raise _not_an_evaluation(file, reason) from error

    # Any JSON file may come here: it is an evaluation if it has the parts of one.
    figures = None
    if isinstance(found, Mapping):
        figures = found.get("figures")
    if not isinstance(figures, Mapping) or not {"data", "n_tracks"} <= found.keys():
        raise _not_an_evaluation(file, "it has no 'figures', 'data' and 'n_tracks'")
    numbers = {
        name: float(value)
        for name, value in figures.items()
        if isinstance(value, int | float)
    }
    return Measured(text or str(found["data"]), numbers, int(found["n_tracks"]))


def _not_an_evaluation(file: str, why: str) -> RunError:
    return RunError(
        f"'{file}' is not an evaluation",
        code="E613",
        facts=[("reason", why)],
        help="make one with `mirbricks evaluate RUN --data DIR --json > FILE`",
    )


def _too_large(run: RunFolder, size: int, half: bool) -> RunError:
    help = "train a smaller graph"
    if not half:
        help = f"add --half and evaluate again, or {help}"
    return RunError(
        f"'{run.path}' packed would be {size / 1e6:.1f} MB; the limit is {MOST_BYTES / 1e6:g} MB",
        code="E611",
        help=help,
    )
