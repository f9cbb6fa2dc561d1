"""The command predict with --stream: answers while a recording comes in."""

from __future__ import annotations

import sys
import time
from argparse import Namespace
from collections.abc import Iterable
from typing import Any

from ...errors import DataError
from ...printable import printable, printable_json
from ...runs.folder import RunFolder
from ...tasks.streaming import Plan, Row, Stream
from ...training.devices import as_device
from ...workflows.hosted import here
from ...workflows.incoming import Incoming
from ...workflows.loading import load_run
from ...workflows.parts import move
from ...workflows.predict import files_of, refused
from ...workflows.run_on_corpus import (
    refuse_other_sets,
    refuse_settings_of_training,
)
from ..wrapping import wrapped

STANDARD_INPUT = "-"


def follow(arguments: Namespace) -> int:
    """Print the latency, then pitches and notes as they come, a line each, and at the end how long it took."""
    overrides = tuple(arguments.set)
    refuse_other_sets(overrides)
    experiment, settings = load_run(RunFolder.open(here(arguments.folder)), overrides)
    refuse_settings_of_training(experiment.task, overrides)
    # Whether the model can be streamed at all is known before the first sample is read.
    plan = Plan.of(experiment.task, experiment.model, settings.tuned)
    incoming = _incoming(arguments, experiment.feature.sr_hz)
    move(experiment, as_device(arguments.device))
    stream = Stream(plan, incoming.sr_hz, arguments.peak)

    printed = Printed(arguments.json, arguments.quiet)
    printed.begin(stream)
    started = time.perf_counter()
    n_samples = 0
    for block in incoming.blocks():
        n_samples += len(block)
        printed.rows(stream.push(block).rows())
    printed.rows(stream.flush().rows())
    seconds = time.perf_counter() - started
    printed.end(n_samples / incoming.sr_hz, seconds, stream.peak)
    return 0


def _incoming(arguments: Namespace, sr_hz: int) -> Incoming:
    if arguments.audio == [STANDARD_INPUT]:
        rate_hz = arguments.sr_hz or sr_hz
        return Incoming.of_pipe(sys.stdin.buffer, rate_hz, arguments.samples)
    if arguments.sr_hz is not None or arguments.samples != "float32":
        help = "leave --sr-hz and --samples out: a file knows its own"
        raise refused("a file with another sample rate or form than its own", help)
    paths = files_of(arguments.audio)
    if len(paths) != 1:
        raise DataError(
            f"--stream follows one recording, and there are {len(paths)}",
            code="E436",
            help="name one file, or - for samples from standard input",
        )
    return Incoming.of_file(paths[0])


class Printed:
    """What is printed of a stream: lines for people, or JSON objects, one per line."""

    def __init__(self, as_json: bool, quiet: bool) -> None:
        self._as_json = as_json
        self._quiet = quiet

    def begin(self, stream: Stream) -> None:
        """The latency, and what it consists of."""
        if self._as_json:
            names = ("latency_s", "transform_s", "graph_s", "hop_s")
            _print_json({name: round(getattr(stream, name), 6) for name in names})
        elif not self._quiet:
            parts = (
                f"transform {stream.transform_s:.3f} s, graph {stream.graph_s:.3f} s"
            )
            latency = f"latency {stream.latency_s:.3f} s ({parts})"
            print(wrapped(f"{latency}, a frame every {stream.hop_s:.4f} s", 2))
        sys.stdout.flush()

    def rows(self, rows: Iterable[Row]) -> None:
        """Answers, of which people read those in which something sounds."""
        for row in rows:
            if self._as_json:
                _print_json(row.values)
            elif row.text:
                print(printable(row.text))
        # A reader at the other end of a pipe gets them now.
        sys.stdout.flush()

    def end(self, length_s: float, seconds: float, peak: float) -> None:
        """How long it took, and the peak with which a second pass gives the answers of `predict`."""
        if self._as_json:
            rounded = {"duration_s": round(length_s, 4), "seconds": round(seconds, 3)}
            _print_json(rounded | {"peak": peak})
        elif not self._quiet:
            rate = f"{length_s / seconds:.1f} x real time"
            took = f"{length_s:.1f} s of sound in {seconds:.1f} s, {rate}"
            print(f"{took}; --peak {peak:.6g}", file=sys.stderr)


def _print_json(values: Any) -> None:
    print(printable_json(dict(values)))
