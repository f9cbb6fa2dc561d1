"""The error codes of cover songs."""

from __future__ import annotations

from ...errors import register_codes

CODES = {
    "E520": "A cover is found among other recordings of its work: a work needs two recordings to be a query.",
    "E521": "A batch of covers is P works with K versions each: train.batch_size is P · K, task.versions_per_work K.",
}
register_codes(__name__, CODES)
