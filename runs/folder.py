"""The run folder: what a training writes, and all that evaluating or resuming it needs.

graph.yaml            the graph as given           resolved.yaml   the graph with every default and override
weights.safetensors   the best weights             state.pt        the last weights, optimizer, counters: for resume
metrics.jsonl         losses and validations       settings.json   fold, threshold, versions, command, ...

Every file appears whole or not at all; only metrics.jsonl grows line by line. Nothing is unpickled but tensors and
plain values (`torch.load(weights_only=True)`), so a run from a stranger can be opened safely.
"""

from __future__ import annotations

import contextlib
import io
import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from ..data.stores.atomic import written_whole
from ..data.stores.reading import unreadable
from ..errors import RunError
from ..zoo import CARD, located
from .lock import hold, unwritable

GRAPH = "graph.yaml"
RESOLVED = "resolved.yaml"
WEIGHTS = "weights.safetensors"
STATE = "state.pt"
METRICS = "metrics.jsonl"
SETTINGS = "settings.json"
LOCK = ".lock"
STATE_KEYS = {"step", "stopped", "config", "model", "optimizer", "average", "counters"}
FILES = (GRAPH, RESOLVED, WEIGHTS, STATE, METRICS, SETTINGS)


class RunFolder:
    """A folder with the files named above. `RunFolder.create` makes one, `RunFolder.open` takes one that exists."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._held = False

    @classmethod
    def create(cls, path: str | Path) -> RunFolder:
        """The folder `path`, made if missing. Raises E601 where another thing is in the way; deletes nothing."""
        run = cls(path)
        problem = None
        try:
            run.path.mkdir(parents=True, exist_ok=True)
            written = any(
                (run.path / name).exists() for name in (SETTINGS, STATE, LOCK)
            )
            if (
                any(run.path.iterdir()) and not written
            ):  # a graph.yaml alone may be the user's own
                problem = "the folder has other things in it"
        except OSError as error:
            problem = error.strerror or str(error)
        if problem:
            raise RunError(
                f"cannot make a run folder at '{path}': {problem}",
                code="E601",
                help="choose a new or an empty folder",
            )
        return run

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
            else:
                if run.path.exists():
                    what = "is not a folder"
                else:
                    what = "is missing"
        except OSError as error:
            raise unreadable(path, error) from error
        if not there:
            raise RunError(
                f"expected a run folder: '{path}' {what}",
                code="E600",
                help="give the folder that `mirbricks train ... --out RUN` has written",
            )
        return run

    @property
    def packed(self) -> bool:
        """Whether this is a folder of `mirbricks pack`: graph, weights with the settings in them, card."""
        return self._has(CARD) and not self._has(SETTINGS)

    def is_run(self) -> bool:
        """Whether any file of a run is there."""
        return any((self.path / name).is_file() for name in (*FILES, LOCK))

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
        if self.packed:
            name = WEIGHTS
        else:
            name = SETTINGS
        if not self._has(name):
            return {}
        try:
            settings = json.loads(
                self._metadata()["settings"]
                if self.packed
                else self.read_text(SETTINGS)
            )
        except (KeyError, json.JSONDecodeError) as error:
            raise self.damaged(name, error) from error
        if not isinstance(settings, dict):
            raise self.damaged(name, "its settings are not a JSON object")
        return settings

    def _metadata(self) -> dict[str, str]:
        """What is written beside the weights. Raises E605, E606."""
        try:
            with safetensors.safe_open(self.file(WEIGHTS), framework="pt") as file:
                return dict(file.metadata() or {})
        except (OSError, safetensors.SafetensorError) as error:
            raise self.damaged(WEIGHTS, error) from error

    def save_weights(self, model: nn.Module, metadata: Mapping[str, str]) -> None:
        """Write every parameter and buffer of `model`; a tied weight is written under each of its names."""
        tensors = {
            k: v.detach().to("cpu", copy=True).contiguous()
            for k, v in model.state_dict().items()
        }
        self._write(WEIGHTS, safetensors.torch.save(tensors, dict(metadata)))

    def load_weights(self, model: nn.Module) -> dict[str, str]:
        """Load the best weights into `model`, on its device; returns their metadata. Raises E605, E606, E607."""
        path = self.file(WEIGHTS)
        try:
            with safetensors.safe_open(path, framework="pt") as file:
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # not a dict
                metadata = dict(file.metadata() or {})
        except (OSError, safetensors.SafetensorError) as error:
            raise self.damaged(WEIGHTS, error) from error
        self.check_weights(tensors, model.state_dict())
        model.load_state_dict(tensors)
        return metadata

    def check_weights(
        self, saved: Mapping[str, Tensor], wanted: Mapping[str, Tensor]
    ) -> None:
        """Raise E607 where names or shapes of the tensors differ."""
        facts = [
            ("missing", f"'{name}' {tuple(wanted[name].shape)}")
            for name in wanted
            if name not in saved
        ]
        facts += [
            ("unknown", f"'{name}' {tuple(saved[name].shape)}")
            for name in saved
            if name not in wanted
        ]
        for name in wanted.keys() & saved.keys():
            if wanted[name].shape != saved[name].shape:
                sizes = f"{tuple(saved[name].shape)} in the run, {tuple(wanted[name].shape)} in the graph"
                facts.append(("size", f"'{name}' {sizes}"))
        if facts:
            if len(facts) > 6:
                more = [("...", f"and {len(facts) - 6} more")]
            else:
                more = []
            raise RunError(
                f"the weights of '{self.path}' do not fit the graph",
                code="E607",
                facts=[*sorted(facts)[:6], *more],
                help=f"use the run's own graph, '{self.path / RESOLVED}'",
            )

    def save_state(self, state: Mapping[str, Any]) -> None:
        """Write state.pt: tensors and plain values under STATE_KEYS. Raises E408."""
        buffer = io.BytesIO()  # torch reports a full disk as RuntimeError, so it does not write the file itself
        torch.save(dict(state), buffer)
        self._write(STATE, buffer.getvalue())

    def load_state(self) -> dict[str, Any]:
        """The saved state, its tensors on the CPU. Raises E605, E606."""
        path = self.file(STATE)
        try:
            state = torch.load(path, map_location="cpu", weights_only=True)
        except Exception as error:  # damaged bytes raise half a dozen types
            raise self.damaged(STATE, error) from error
        if not isinstance(state, dict) or not state.keys() >= STATE_KEYS:
            raise self.damaged(STATE, "it is not the state of a training")
        return state

    def state_to_resume(self, resume: bool) -> dict[str, Any] | None:
        """The state to go on from; None for a new training.

        A model without a state, such as an ensemble, is refused (E602). Without `resume` so is a training: E602 if it
        is finished, E603 if not, or if the evaluation after it is missing. With it, a folder in which nothing was
        saved yet starts at the first step.
        """
        if not self._has(STATE):
            if "tuned" in self.read_settings():
                message = f"'{self.path}' already holds a model, and no state of a training to go on from"
                raise RunError(
                    message,
                    code="E602",
                    help="choose another folder, or delete this one first",
                )
            return None
        state = self.load_state()
        if resume:
            return state
        settings = self.read_settings()
        if (
            state["stopped"] in ("finished", "patience")
            and settings
            and "tuned" not in settings
        ):
            message = (
                f"'{self.path}' holds a finished training that was never evaluated"
            )
            code = "E603"
            help = "evaluate it with --resume, or choose another folder"
        elif state["stopped"] in ("finished", "patience"):
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

    def append_metrics(self, record: Mapping[str, Any]) -> None:
        """Add one line to metrics.jsonl; NaN and infinity become null. Raises E408."""
        path = self.path / METRICS
        try:
            with path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(finite(record)) + "\n")
        except OSError as error:
            raise unwritable(path, error) from error

    def read_metrics(self) -> list[dict[str, Any]]:
        """Every record of metrics.jsonl, in order; a last line that a killed process left half is skipped."""
        if not self._has(METRICS):
            return []
        lines = self.read_text(METRICS).splitlines(keepends=True)
        records = []
        for number, line in enumerate(lines, 1):
            try:
                record = json.loads(line)
                record["step"]
            except (ValueError, TypeError, KeyError) as error:
                if number == len(lines) and not line.endswith("\n"):
                    break
                raise self.damaged(
                    METRICS, f"line {number} is not a record with a step"
                ) from error
            records.append(record)
        return records

    def cut_metrics(self, step: int) -> None:
        """Drop the records after `step`: a resumed training writes them again."""
        if self._has(METRICS):
            kept = [record for record in self.read_metrics() if record["step"] <= step]
            self.write_text(
                METRICS, "".join(json.dumps(record) + "\n" for record in kept)
            )

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
        path = self.path / (GRAPH if name == RESOLVED and self.packed else name)
        try:
            path.open("rb").close()
        except (FileNotFoundError, IsADirectoryError) as error:
            if name == WEIGHTS:
                hint = "the training has not validated yet; go on with --resume"
            else:
                hint = None
            message = f"the run '{self.path}' has no file '{name}'"
            raise RunError(
                message, code="E605", help=hint or "give another run, or train again"
            ) from error
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
        reason = (str(why).strip() or type(why).__name__).splitlines()[0]
        return RunError(
            f"'{self.path / name}' cannot be read: it is damaged or no file of a run",
            code="E606",
            facts=[("reason", reason)],
            help="take the file from a copy of the run, or train again in a new folder",
        )


def finite(value: Any) -> Any:
    """The same with None for every number that JSON does not know: NaN and infinity."""
    if isinstance(value, Mapping):
        return {key: finite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [finite(inner) for inner in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
