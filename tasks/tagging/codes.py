"""The error codes of tagging."""

from __future__ import annotations

from ...errors import register_codes

CODES = {
    "E506": "A recording has one label for `task: {type: tagging, labels: one}`, and any number for several.",
    "E507": "A tagging model knows the labels of its training recordings; no other label can be predicted or judged.",
    "E508": "The last layer of a tagging graph gives a score for each label that the training recordings have.",
}
register_codes(__name__, CODES)
