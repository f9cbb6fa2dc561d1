"""The run folder: what a training writes, and all that evaluating or resuming it needs.

graph.yaml            the graph as given           resolved.yaml   the graph with every default and override
weights.safetensors   the best weights             state.pt        the last weights, optimizer, counters: for resume
metrics.jsonl         losses and validations       settings.json   fold, threshold, versions, command, ...
models/NAME/          of an experiment of several models the others, so that a run needs nothing but itself

Every file appears whole or not at all; only metrics.jsonl grows line by line. Nothing is unpickled but tensors and
plain values (`torch.load(weights_only=True)`), so a run from a stranger can be opened safely.
"""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import safetensors
import torch
from torch import Tensor, nn

from ..data.stores.atomic import (
    is_part_of,
    make_folder,
    written_whole,
)
from ..data.stores.reading import unreadable
from ..errors import RunError
from ..version import __version__
from ..zoo import CARD, hint_for, located
from ..zoo import MODELS as MODELS
from . import metrics, weights
from .json_numbers import finite
from .lock import hold
from .state import STATE_KEYS as STATE_KEYS
from .state import fault_of

GRAPH = "graph.yaml"
RESOLVED = "resolved.yaml"
WEIGHTS = "weights.safetensors"
STATE = "state.pt"
METRICS = "metrics.jsonl"
SETTINGS = "settings.json"
LOCK = ".lock"
MARK = ".mirbricks-run"
STEP = "step"  # in settings.json of an interrupted training: how far it came
FORM = 1  # of settings.json and of what stands beside it; runs of version 0.1 do not name it
LONGEST_VERSION = 40
FILES = (GRAPH, RESOLVED, WEIGHTS, STATE, METRICS, SETTINGS)


class RunFolder:
    """A folder with the files named above. `RunFolder.create` makes one, `RunFolder.open` takes one that exists."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._held = False

    @classmethod
    def create(cls, path: str | Path) -> RunFolder:
        """The folder `path`, made if it is missing, with the mark that only a run has.

        A folder with other things in it is refused, whatever their names: settings.json and report.html may be the
        user's own. Raises E601; deletes nothing, replaces nothing.
        """
        run = cls(path)
        # Whatever names the files have, they may be the user's own: only the mark proves a run.
        problem = None
        try:
            make_folder(run.path)
            others = {one.name for one in run.path.iterdir()} - {LOCK}
            # Of several processes that train together, another may just be writing the mark.
            others = {name for name in others if not is_part_of(name, MARK)}
            if MARK not in others and others and not run._is_of_older_version():
                problem = "the folder has other things in it"
        except OSError as error:
            problem = error.strerror or str(error)
        if problem:
            raise RunError(
                f"cannot make a run folder at '{path}': {problem}",
                code="E601",
                help="choose a new or an empty folder",
            )
        if MARK not in others:
            run.write_text(
                MARK, f"a run of mirbricks, first of version {__version__}\n"
            )
        return run

    def _is_of_older_version(self) -> bool:
        """Whether a training before version 0.2 wrote here: it left its versions in settings.json, but no mark."""
        try:
            versions = self.read_settings().get("versions")
        except RunError:
            return False
        return isinstance(versions, dict) and "mirbricks" in versions

    @classmethod
    def open(cls, path: str | Path) -> RunFolder:
        """The run at `path`, or the model of the zoo.

        Raises E600 if there is none, E409 if the folder may not be read, E610 for an unknown `zoo:NAME`.
        """
        run = cls(located(path))
        try:
            there = run.is_run()
            if run.path.is_dir():
                what = "has no run in it"
            elif run.path.exists():
                what = "is not a folder"
            else:
                what = "is missing"
        except OSError as error:
            raise unreadable(path, error) from error
        if not there:
            written = "give the folder that `mirbricks train ... --out RUN` has written"
            raise RunError(
                f"expected a run folder: '{path}' {what}",
                code="E600",
                help=hint_for(path) or written,
            )
        return run

    @property
    def packed(self) -> bool:
        """Whether this is a folder of `mirbricks pack`: graph, weights with the settings in them, card."""
        return self._has(CARD) and not self._has(SETTINGS)

    def is_run(self) -> bool:
        """Whether any file of a run is there."""
        return any((self.path / name).is_file() for name in (*FILES, LOCK, MARK))

    def write_text(self, name: str, text: str) -> None:
        """Write the file `name` of the folder as UTF-8, whole. Raises E408."""
        self._write(name, text.encode())

    def read_text(self, name: str) -> str:
        """Raises as `file`, and E606 if it is not UTF-8."""
        try:
            return self.file(name).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise self.damaged(name, error) from error

    def write_settings(self, settings: Mapping[str, Any]) -> None:
        """Write settings.json, replacing what it held. Raises E408."""
        self.write_text(
            SETTINGS, json.dumps(finite(settings), indent=2, allow_nan=False) + "\n"
        )

    def read_settings(self) -> dict[str, Any]:
        """The content of settings.json, or what a packed model has of it; {} before it is written. Raises E606."""
        # A packed model is three files: its settings travel inside the file of the weights.
        packed = self.packed
        name = WEIGHTS if packed else SETTINGS
        if not self._has(name):
            return {}
        try:
            if packed:
                text = self._metadata()["settings"]
            else:
                text = self.read_text(SETTINGS)
            settings = json.loads(text)
        except (KeyError, ValueError, RecursionError) as error:
            raise self.damaged(name, error) from error
        if not isinstance(settings, dict):
            raise self.damaged(name, "its settings are not a JSON object")
        self._refuse_newer(settings)
        return settings

    def _refuse_newer(self, settings: Mapping[str, Any]) -> None:
        """Raise E619 for a form that only a later version knows: what it means differently cannot be guessed."""
        form = settings.get("format", FORM)
        if not isinstance(form, int) or form > FORM:
            versions = settings.get("versions")
            writer = "a newer mirbricks"
            if isinstance(versions, dict) and "mirbricks" in versions:
                writer = f"mirbricks {str(versions['mirbricks'])[:LONGEST_VERSION]}"
            raise RunError(
                f"'{self.path}' was written by {writer} in form {str(form)[:LONGEST_VERSION]}",
                code="E619",
                facts=[("here", f"mirbricks {__version__}, which reads form {FORM}")],
                help="install a newer mirbricks: python -m pip install --upgrade mirbricks",
            )

    def _metadata(self) -> dict[str, str]:
        """What is written beside the weights. Raises E605, E606."""
        try:
            with safetensors.safe_open(self.file(WEIGHTS), framework="pt") as file:
                return dict(file.metadata() or {})
        except (OSError, safetensors.SafetensorError) as error:
            raise self.damaged(WEIGHTS, error) from error

    def save_weights(self, model: nn.Module, metadata: Mapping[str, str]) -> None:
        """Write every parameter and buffer of `model`; a tied weight is written under each of its names."""
        self._write(WEIGHTS, weights.packed(model.state_dict(), metadata))

    def part(self, name: str) -> RunFolder:
        """The folder of another model of the experiment, such as models/codec; it may be missing."""
        return RunFolder(self.path / MODELS / name)

    def load_weights(self, model: nn.Module) -> dict[str, str]:
        """Load the best weights into `model`, on its device; returns their metadata. Raises E605, E606, E607."""
        # Checked before they are loaded: torch would load a part of them and then raise.
        tensors, metadata = self.read_weights()
        self.check_weights(tensors, model.state_dict())
        model.load_state_dict(tensors)
        return metadata

    def read_weights(self) -> tuple[dict[str, Tensor], dict[str, str]]:
        """The best weights by name, on the CPU, and their metadata. Raises E605, E606."""
        path = self.file(WEIGHTS)
        try:
            return weights.unpacked(path)
        except (OSError, safetensors.SafetensorError) as error:
            raise self.damaged(WEIGHTS, error) from error

    def check_weights(
        self, saved: Mapping[str, Tensor], wanted: Mapping[str, Tensor]
    ) -> None:
        """Raise E607 where names, shapes or kinds of the tensors differ, E606 where a weight is not finite."""
        weights.refuse_misfit(saved, wanted, self.path, self.path / RESOLVED)

    def save_state(self, state: Mapping[str, Any]) -> None:
        """Write state.pt: tensors and plain values under STATE_KEYS. Raises E408."""
        buffer = io.BytesIO()  # torch reports a full disk as RuntimeError, so it does not write the file itself
        torch.save(dict(state), buffer)
        # Who goes on from the state needs the lines before it: they must not be lost alone in a power cut.
        if self._has(METRICS):
            metrics.sync(self.path / METRICS)
        self._write(STATE, buffer.getvalue())

    def load_state(self) -> dict[str, Any]:
        """The saved state, its tensors on the CPU. Raises E605, E606."""
        path = self.file(STATE)
        try:
            state: dict[str, Any] = torch.load(
                path, map_location="cpu", weights_only=True
            )
        except Exception as error:  # damaged bytes raise half a dozen types
            raise self.damaged(STATE, error) from error
        reason = fault_of(state)
        if reason:
            raise self.damaged(STATE, reason)
        return state

    def state_to_resume(self, resume: bool) -> dict[str, Any] | None:
        """The state to go on from; None for a new training.

        A model without a state, such as an ensemble, is refused (E602). So is a training whose state was lost before
        it ended (E603). Without `resume` so is every other: E602 if it is finished, E603 if not, or if the
        evaluation after it is missing.
        """
        if not self._has(STATE):
            self._refuse_lost_state(resume)
            return None
        # A finished training is refused too without --resume: its weights would be trained over.
        state = self.load_state()
        if resume:
            return state
        settings = self.read_settings()
        ended = state["stopped"] in ("finished", "patience")
        if ended and settings and "tuned" not in settings:
            message = (
                f"'{self.path}' holds a finished training that was never evaluated"
            )
            code = "E603"
            help = "evaluate it with --resume, or choose another folder"
        elif ended:
            message = f"'{self.path}' already holds a finished training of {state['step']} steps"
            code = "E602"
            help = "choose another folder, or delete this one first"
        else:
            message = (
                f"'{self.path}' holds a training that stopped at step {state['step']}"
            )
            code = "E603"
            help = "go on with --resume, or choose another folder"
        raise RunError(message, code=code, help=help)

    def _refuse_lost_state(self, resume: bool) -> None:
        """Raise where the folder holds a model, or what was trained, but no state to go on from."""
        help = "choose another folder, or delete this one first"
        if "tuned" in self.read_settings():
            message = f"'{self.path}' already holds a model, and no state of a training to go on from"
            raise RunError(message, code="E602", help=help)
        # Metrics alone come from a training that was killed before its first save; --resume starts it from step 0.
        trained = self._has(METRICS) and not resume
        if self._has(WEIGHTS) or trained:
            message = f"'{self.path}' holds a training that never ended, and its '{STATE}' is missing"
            raise RunError(
                message, code="E603", help=f"put '{STATE}' back from a copy, or {help}"
            )

    def append_metrics(self, record: Mapping[str, Any]) -> None:
        """Add one line to metrics.jsonl; NaN and infinity become null. Raises E408."""
        metrics.append(self.path / METRICS, record)

    def read_metrics(self) -> list[dict[str, Any]]:
        """Every record of metrics.jsonl, in order; a last line that a killed process left unfinished is skipped."""
        if not self._has(METRICS):
            return []
        try:
            return metrics.records(self.read_text(METRICS))
        except ValueError as error:
            raise self.damaged(METRICS, error) from error

    def cut_metrics(self, step: int) -> None:
        """Drop the records after `step`: a resumed training writes them again."""
        if self._has(METRICS):
            kept = [one for one in self.read_metrics() if one["step"] <= step]
            self.write_text(METRICS, metrics.lines(kept))

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder, until the outermost `with` on this object ends.

        Raises E604 if another process or object holds it; the lock of a process that died is taken over.
        """
        if self._held:
            yield
            return
        with hold(self.path / LOCK):
            self._held = True
            try:
                yield
            finally:
                self._held = False

    def _write(self, name: str, content: bytes) -> None:
        with written_whole(self.path / name) as temporary:
            temporary.write_bytes(content)

    def file(self, name: str) -> Path:
        """The path of a file of the run. Raises E605 if it is missing, E409 if it may not be read."""
        path = self.path / name
        # The graph of a packed model has every default written out: it is both files in one.
        if name == RESOLVED and self.packed:
            path = self.path / GRAPH
        try:
            # Opening a pipe or a device would wait for ever.
            if path.exists() and not (path.is_file() or path.is_dir()):
                raise self.damaged(name, "it is not a regular file")
            path.open("rb").close()
        except (FileNotFoundError, IsADirectoryError) as error:
            kind = "run"
            hint = "give another run, or train again"
            if self.packed:
                kind = "packed model"
                hint = "take the whole folder from where it came from again"
            elif name == WEIGHTS:
                hint = "the training has not validated yet; go on with --resume"
            message = f"the {kind} '{self.path}' has no file '{name}'"
            raise RunError(message, code="E605", help=hint) from error
        except OSError as error:
            raise unreadable(path, error) from error
        return path

    def _has(self, name: str) -> bool:
        try:
            return (self.path / name).exists()
        except OSError as error:
            raise unreadable(self.path, error) from error

    def damaged(self, name: str, why: object) -> RunError:
        """RunError E606: a file that does not hold what it should, and why."""
        # The settings of a packed model travel in the file of its weights.
        if name == SETTINGS and self.packed:
            name = WEIGHTS
        reason = (str(why).strip() or type(why).__name__).splitlines()[0]
        return RunError(
            f"'{self.path / name}' cannot be read: it is damaged, or not a file of a run",
            code="E606",
            facts=[("reason", reason)],
            help="take the file from a copy of the run, or train again in a new folder",
        )
