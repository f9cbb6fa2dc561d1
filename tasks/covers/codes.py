"""The error codes of cover songs."""

from __future__ import annotations

from ...errors import register_codes

CODES = {
    "E520": "A cover is looked for among other recordings of its work, so a work needs two recordings or more.",
    "E521": "A batch of covers is P works with K versions each: train.batch_size is P · K, task.versions_per_work K.",
    "E522": "`task.whitening: collection` gives the layers Whitening of a graph other statistics, so it has one.",
}
register_codes(__name__, CODES)
