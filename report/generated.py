"""The page of generated sounds: players, waveforms with spectrograms, rainbowgrams of notes."""

from __future__ import annotations

from collections.abc import Sequence

from ..plots.rainbow import rainbowgram
from .page import command_block, header, page, section
from .players import STYLE as PLAYERS
from .players import Audible, card, grid, picture, small_figure
from .style import SCRIPT, STYLE

MOST_PICTURED = 32  # sounds: a page of hundreds of pictures is slow to make and to open


def sound_card(sound: Audible, address: str, number: int, *, is_note: bool) -> str:
    """One sound of the page; its audio is the file at `address`, beside the page.

    Sounds after the first 32 have a player and no pictures.
    """
    if number > MOST_PICTURED:
        return card(sound, address, figures=())
    figures = [picture(sound)]
    if is_note:
        figure = small_figure()
        figures.append(rainbowgram(sound.samples, sound.sr_hz, ax=figure.add_subplot()))
    return card(sound, address, figures=figures)


def generated_page(
    title: str, subtitle: str, command: str, cards: Sequence[str]
) -> str:
    """The page of all sounds."""
    repeat = command_block(command)
    body = header(title, subtitle) + section("Sounds", grid(cards))
    body += section("Do it again", repeat)
    return page(title, body, style=STYLE + PLAYERS, script=SCRIPT)
