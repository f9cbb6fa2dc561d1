"""The error codes of the workflows."""

from __future__ import annotations

from ..errors import register_codes

CODES = {
    "E191": "A file of that name already exists, and mirbricks never overwrites one.",
    "E192": "A picture is written as .svg, .png or .pdf; the ending of its name chooses which.",
    "E436": "A recording in memory is floating-point samples, (N,) or (C, N), finite, with its sample rate in Hz.",
    "E437": "A function was given something else than it takes: a path, a mapping of settings, True or False.",
    "E447": "Corpora that train together hold recordings under keys of their own, so that none is on two sides.",
    "E471": "No recording has the annotation that --where asks for: `mirbricks data info DIR` shows what there is.",
    "E611": "A packed model is at most 5 MB of graph, weights and card: it travels with the package.",
    "E612": "A packed model or an ensemble holds what evaluating and predicting need; only a training holds more.",
    "E613": "An evaluation in a card is the object that `mirbricks evaluate ... --json` has printed.",
    "E614": "Runs can become one model where feature, task, outputs, folds and training tracks are the same.",
    "E615": "A model from elsewhere is an archive of `mirbricks pack` at an https:// address, or a folder, and is used "
    "where it is what its SHA-256 checksum says.",
    "E616": "A report needs its corpus, for the pictures; a comparison needs two to eight runs, and no corpus.",
    "E617": "A sweep sets keys of the experiment to several values each, and trains every combination.",
    "E618": "A logger gets what a training records; this one is not known, or raised an error.",
    "E630": "An index is a file that `mirbricks index` wrote; this one is missing, damaged or another kind of file.",
    "E631": "The vectors of an index belong to one run; the vectors of other weights cannot be compared with them.",
    "E632": "An index holds vectors of recordings, made by a run of the task covers; this one has none.",
    "E633": "A query is a key of the index or of the corpus of --data, or an audio file.",
    "E634": "FAISS comes with the package faiss-cpu, and searches one vector per recording.",
    "E635": "A compressed index keeps a vector as M bytes, each for as many of its numbers: 256 vectors or more.",
    "E636": "An evaluation in shards is joined where all its shards are there: of one run, one corpus, one division.",
    "E637": "A shard of an evaluation is a file that `mirbricks evaluate --shard` wrote; this is another, or damaged.",
    "E638": "The figures of some tasks come of all recordings together, such as distances between sets of sounds.",
    "E650": "--set of `mirbricks generate` takes conditions, NAME=VALUE, and settings of the task, task.KEY=VALUE.",
}
register_codes(__name__, CODES)
