"""The part of a report in which one sees and hears what the model does."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from itertools import groupby

from ..tasks.base import Case, Picture, Shown, Sounding
from .page import image
from .players import Room, players


def title_of(several: Sequence[Shown]) -> str:
    """The title of the part with pictures and sounds."""
    if any(isinstance(one, Sounding) for one in several):
        return "What it sounds like"
    return "What it finds"


def shown(several: Sequence[Shown]) -> str:
    """Pictures, sounds with their players, and recordings with truth, estimate and score; cases without a picture of
    their own stand side by side.
    """
    room = Room()
    parts = []
    for small, group in groupby(several, _is_small):
        drawn = "".join(_one(one, room) for one in group)
        parts.append(f'<div class="cases">{drawn}</div>' if small else drawn)
    if room.words():
        parts.append(f'<p class="caption">{room.words()}</p>')
    return "".join(parts)


def _is_small(one: Shown) -> bool:
    """Whether it has one player and nothing that needs the width of the page."""
    return isinstance(one, Case) and one.figure is None and len(one.sounds) < 2


def _one(one: Shown, room: Room) -> str:
    if isinstance(one, Case):
        return _case(one, room)
    caption = f"<b>{escape(one.title)}.</b> {escape(one.caption)}"
    if isinstance(one, Picture):
        drawn = image(one.figure, f"{one.title}: {one.caption}")
        return f"<figure>{drawn}<figcaption>{caption}</figcaption></figure>"
    return f'<p class="caption">{caption}</p>{players(one.sounds, room)}'


def _case(case: Case, room: Room) -> str:
    facts = {"truth": case.truth, "estimate": case.estimate, "score": case.score}
    rows = "".join(
        f"<dt>{name}</dt><dd>{escape(words)}</dd>"
        for name, words in facts.items()
        if words
    )
    parts = [f"<h3>{escape(case.title)}</h3>", f"<dl>{rows}</dl>" if rows else ""]
    if case.figure is not None:
        parts.append(image(case.figure, f"{case.title}: truth and estimate"))
    if case.caption:
        parts.append(f'<p class="caption">{escape(case.caption)}</p>')
    if case.sounds:
        parts.append(players(case.sounds, room))
    return f'<article class="case">{"".join(parts)}</article>'
