"""The page of a listening test: one HTML file, a script per sound beside it, and nothing from a network."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from functools import cache
from html import escape
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..data.stores.wav import LARGEST
from .style import ROOT

_HERE = Path(__file__).parent


class Heard(Protocol):
    """What a page needs of a sound."""

    @property
    def key(self) -> str: ...
    @property
    def samples(self) -> NDArray[np.float32]: ...  # (C, N)
    @property
    def sr_hz(self) -> int: ...


def listening_page(title: str, content: Mapping[str, Any]) -> str:
    """The page; `content` is what listening.js reads."""
    # No word of a user may end the script: "<" is written as its code.
    data = json.dumps(content, ensure_ascii=True).replace("<", "\\u003c")
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{ROOT}{_part('listening.css')}</style></head>"
        '<body><main id="main"><noscript>This page needs JavaScript.</noscript></main>'
        f'<script type="application/json" id="content">{data}</script>'
        f"<script>{_part('listening.js')}</script></body></html>\n"
    )


def sound_script(sound: Heard) -> str:
    """A sound as a script: a page that was opened from a folder may load scripts, and may not read other files."""
    whole = np.rint(np.clip(sound.samples, -1.0, 1.0) * LARGEST).astype("<i2")
    # Samples of all channels at one time lie together, as in a wav file.
    data = base64.b64encode(whole.T.tobytes()).decode("ascii")
    return (
        f'listening.give("{sound.key}",{sound.sr_hz},{len(sound.samples)},"{data}");\n'
    )


@cache
def _part(name: str) -> str:
    return (_HERE / name).read_text(encoding="utf-8")
