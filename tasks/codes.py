"""The error codes of all tasks."""

from __future__ import annotations

from ..errors import register_codes

CODES = {
    "E500": "`task: {type: NAME}` of a graph names one of the tasks that mirbricks knows, such as multi_pitch.",
    "E501": "The graph's input and the features differ in shape, or the task does not read this feature at all.",
    "E502": "The graph's output is not what the task reads. Multi-pitch reads a logit per bin and frame: (B, 1, F, T).",
    "E503": "The task learns from annotated recordings, and is measured on them; stems only serve to make new mixes.",
    "E510": "Scores that are NaN or infinite cannot be evaluated: the features or the weights hold such values.",
    "E512": "`Evaluation.to_frame` gives a pandas DataFrame; pandas is not part of the installation.",
}
register_codes(__name__, CODES)
