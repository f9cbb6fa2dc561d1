"""The command judge."""

from __future__ import annotations

import json
import math
import sys
from argparse import Namespace

from rich.table import Table

from ...runs.json_numbers import finite
from ...workflows.embeddings.naming import embedding_of
from ...workflows.judgement import training_of
from ...workflows.judging.heard import (
    ENDING,
    hearing_of,
    refuse_unknown,
    with_heard,
)
from ...workflows.judging.judge import BETTER, Judgement
from ...workflows.judging.judge import judge as judge_sounds
from ...workflows.judging.sounds import side_of_run, sounds_of
from ...workflows.progress import plural
from ..screen import console, progress_for


def judge(arguments: Namespace) -> int:
    """Print the figures of sounds against real ones beside two yardsticks; 1 where a sound was unreadable."""
    progress = progress_for(arguments)
    side = side_of_run(arguments.split, arguments.run_folder)
    sounds = sounds_of(arguments.sounds)
    real = sounds_of(arguments.real, side)
    training = training_of(arguments.train, arguments.real, side)
    embedding = embedding_of(arguments.embedding, arguments.device)
    hearing = None
    if arguments.heard:
        hearing = hearing_of(embedding_of(arguments.heard, arguments.device))
        refuse_unknown(sounds, hearing)
    found = judge_sounds(
        sounds, real, training, embedding, seed=arguments.seed, progress=progress
    )
    if hearing is not None:
        found = with_heard(found, sounds, real, hearing, progress)
    if arguments.json:
        print(json.dumps(finite(_plain(found)), allow_nan=False))
    else:
        screen = console()
        screen.print(_figures(found, f"{sounds.title} against {real.title}"))
        if arguments.clips:
            among = "training sound" if training is not None else "real sound"
            screen.print(_clips(found, arguments.clips, among))
    if found.failed:
        print(
            f"{plural(len(found.failed), 'sound')} could not be read", file=sys.stderr
        )
    return 1 if found.failed else 0


def _plain(found: Judgement) -> dict[str, object]:
    return {
        "embedding": found.embedding,
        "n_features": found.n_features,
        "compared": found.compared,
        "figures": found.figures,
        "real": found.real,
        "noise": found.noise,
        "clips": found.clips,
        "odd": found.odd,
        "failed": [str(error) for error in found.failed],
    }


def _figures(found: Judgement, title: str) -> Table:
    sizes = (
        f"{found.compared['sounds']} of each against {found.compared['real']} real ones"
    )
    table = Table(
        title=f"{title}\n{found.embedding}, {found.n_features} numbers; {sizes}",
        title_justify="left",
    )
    table.add_column("figure", overflow="fold")
    for heading in ("best", "sounds", "real", "noise"):
        table.add_column(heading, justify="right", no_wrap=True)
    heard = {name: "1" for name in found.figures if name.endswith(ENDING)}
    for name, best in {**BETTER, **heard}.items():
        if name in found.figures:
            several = (found.figures, found.real, found.noise)
            table.add_row(name, best, *(_number(one.get(name)) for one in several))
    return table


def _clips(found: Judgement, most: int, among: str) -> Table:
    """The sounds that are least real by themselves."""
    table = Table(title="the least real of the sounds", title_justify="left")
    table.add_column("sound", overflow="fold")
    table.add_column("realism", justify="right", no_wrap=True)
    table.add_column(f"nearest {among}", overflow="fold")
    table.add_column("distance", justify="right", no_wrap=True)
    ranked = sorted(found.clips.items(), key=lambda pair: pair[1]["realism"])
    for name, clip in ranked[:most]:
        numbers = [_number(clip[key]) for key in ("realism", "distance")]
        table.add_row(name, numbers[0], clip["nearest"], numbers[1])
    return table


def _number(value: float | None) -> str:
    """Four digits, and no exponent where the number can be read without."""
    if value is None:
        return "-"
    if not math.isfinite(value):
        return str(value)
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    if 0 < abs(value) < 0.001:
        return f"{value:.1e}"
    return f"{value:.3f}"
