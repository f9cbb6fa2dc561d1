"""The error codes of all tasks."""

from __future__ import annotations

from ..errors import register_codes

CODES = {
    "E500": "`task: {type: NAME}` of a graph names one of the tasks that mirbricks knows, such as multi_pitch.",
    "E501": "The graph's input and the features differ in shape, or the task does not read this feature at all.",
    "E502": "The graph's output is not what the task reads. Multi-pitch reads a logit per bin and frame: (B, 1, F, T).",
    "E503": "The task learns from annotated recordings, and is measured on them; stems only serve to make new mixes.",
    "E506": "A recording has one label for `labels: one` in its task section, and any number for `labels: several`.",
    "E507": "A model knows the labels of its training recordings; no other label can be predicted or judged.",
    "E508": "The last layer of a graph gives a score for each label that the training recordings have.",
    "E510": "Scores that are NaN or infinite cannot be evaluated: the features or the weights hold such values.",
    "E511": "A prediction consists of layers, such as notes and f0; those that it has are named in the message.",
    "E512": "`to_frame` gives a pandas DataFrame; pandas is not part of the installation.",
    "E513": "Notes, chords and curves of pitch can be played; tags and embeddings have no sound.",
    "E514": "Some models make sounds, others find something in recordings: `mirbricks generate` is for the first, "
    "`mirbricks predict` for the others.",
    "E516": "A setting of the task that names another model is the file of a graph, or a trained model: a run, a "
    "packed model, `zoo:NAME`.",
    "E517": "A model is streamed whose answers depend on a limited number of frames around their own: not on the whole "
    "recording, as those of recurrence, attention and smoothing do.",
    "E518": "Streamed samples are one channel of finite floating-point numbers; a peak is a number above 0.",
    "E560": "Conditions are annotations with one value per recording; a model knows those that it was trained with.",
    "E561": "A model knows the values of its conditions that occurred in training; a number that it reads as a scaled "
    "value may be any.",
    "E562": "A graph reads a condition as `NAME: B D=2` where it is a number; words are class numbers, `NAME: B`.",
    "E563": "A condition of several sounds is one value for all, or a list with a value for each.",
    "E564": "A generating graph has an input by the name of each condition, `NAME: B` or `NAME: B D=2`, and no others.",
    "E565": "A sound fits into memory, with all that is computed on the way; how long it may be is up to the machine.",
    "E573": "A model with a limited number of positions cannot read, or generate, a longer sequence.",
}
register_codes(__name__, CODES)
