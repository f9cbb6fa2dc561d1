"""The page of a recording that was taken apart: spectrogram, mask and player of each source."""

from __future__ import annotations

from collections.abc import Mapping

from ..plots.separation import mask
from .page import command_block, header, page, section
from .players import STYLE as PLAYERS
from .players import Audible, card, grid, picture, players, small_figure
from .style import SCRIPT, STYLE

ABOUT = (
    "Waveform and spectrogram of each source, and below them the mask that makes it of the recording: white where all "
    "of the recording is taken."
)


def separated_page(
    title: str,
    subtitle: str,
    command: str,
    *,
    mix: Audible,
    sources: Mapping[str, Audible],
) -> str:
    """The page of a recording and its sources, of which the beginnings are shown.

    Parameters
    ----------
    title, subtitle, command : str
        What stands above, and the command that made the sources.
    mix : Audible
        The beginning of the recording; it is within the page.
    sources : mapping of str to Audible
        The beginning of each source by the name of its file, which lies beside the page.
    """
    cards = []
    for address, source in sources.items():
        figure = small_figure()
        mask(source.samples, mix.samples, source.sr_hz, ax=figure.add_subplot())
        cards.append(
            card(
                source,
                address,
                note="the pictures show the beginning",
                figures=[picture(source), figure],
            )
        )
    repeat = command_block(command)
    body = header(title, subtitle)
    body += section("The recording", players([mix]))
    body += section("Its sources", f'<p class="caption">{ABOUT}</p>{grid(cards)}')
    body += section("Do it again", repeat)
    return page(title, body, style=STYLE + PLAYERS, script=SCRIPT)
