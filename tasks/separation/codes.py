"""The error codes of source separation."""

from __future__ import annotations

from ...errors import register_codes

CODES = {
    "E800": "Separation learns from stems, and is judged against them: recordings with the annotation `stem_of`, which "
    "names their mix.",
    "E801": "Each of task.targets is a value of the stems' annotation (task.annotation), such as an instrument.",
    "E802": "A separation graph has an input `target`, or one output for one target, or an output by the name of each.",
    "E803": "A separation graph has the channels and the rate of the feature: `mix: B C=2 T` for `channels: 2`, and as "
    "many in what it gives; layers that reckon in Hz have its sr_hz.",
    "E804": "What a separation graph gives is exactly as long as what it reads, for any length.",
    "E805": "A training example holds at least one window of the graph's Fourier transform.",
    "E806": "`mirbricks separate` takes recordings apart, with a model of the task separation; `mirbricks predict` is "
    "for all other models.",
    "E807": "A model separates the targets that it was trained for: task.targets of its graph file.",
    "E808": "Estimates can be made to sum to the mix where all of them together are meant to be the mix.",
}
register_codes(__name__, CODES)
