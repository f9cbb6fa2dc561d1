"""Codes of the studio's errors."""

from __future__ import annotations

from ..errors import register_codes

register_codes(
    __name__,
    {
        "E901": "The studio shows files below the folders that were named when it was started, and no others.",
        "E902": "A file has changed on disk since the studio read it: saving would take the other change away.",
        "E903": "A check, or a prediction, took longer than the studio waits, and was ended.",
        "E904": "What the page asked for is not a request that the studio knows.",
    },
)
