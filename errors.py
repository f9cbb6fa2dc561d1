"""Every exception of mirbricks, and the codes that name them.

MirbricksError            the user's input cannot be used; carries a code, a place and a next step
├── GraphError            E1xx the form of a graph file, E2xx its sizes and skips
├── RegistryError         E3xx a block that breaks the rules of registration, a name nobody registered
├── DataError             E4xx audio, annotations, features, cache
├── TaskError             E5xx a graph or a corpus that does not fit the task
├── RunError              E6xx run folders, training, checkpoints
├── GraphWarning          W1xx a graph that runs, and probably does not say what was meant; given by `warnings.warn`
└── ErrorList             several of the above, found in one pass

``str(error)`` is the whole message as a user reads it: the place, the line of source with the column marked, the
facts that disagree, the next step and the code. ``mirbricks explain CODE`` prints the entry of `CODES`.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar

CODES: dict[str, str] = {}
_DIRECTIONS = [
    0x61C,
    0x200E,
    0x200F,
    *range(0x2028, 0x202F),
    *range(0x2066, 0x206A),
]  # they turn or hide text
VISIBLE = dict.fromkeys(
    [*range(9), *range(11, 32), *range(127, 160), *_DIRECTIONS], "·"
)  # escape codes stay text
LONGEST_MESSAGE = 1_000  # characters of one line of a message
MOST_SHOWN = 50  # errors of one pass
LONGEST_LINE = 160  # characters of a line of source that a message repeats


@dataclass(frozen=True)
class Where:
    """A place in a text file: `line` and `column` count from 1, `length` characters are marked."""

    file: str
    line: int
    column: int
    length: int = 1
    text: str = ""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"

    def excerpt(self) -> list[str]:
        """The line of source, and below it a row of carets under the marked characters."""
        if not self.text:
            return []
        number = f"{self.line:>5}"
        begin = self.column - 1
        text = self.text
        if len(text) > LONGEST_LINE:  # a long line: the part around the column
            cut = max(0, min(begin - LONGEST_LINE // 3, len(text) - LONGEST_LINE))
            if cut + LONGEST_LINE < len(text):
                end = "…"
            else:
                end = ""
            text = f"{'…' if cut else ''}{text[cut : cut + LONGEST_LINE]}{end}"
            begin = begin - cut + bool(cut)
        marks = max(1, min(self.length, len(text) - begin))
        return [
            f"{number} | {text}",
            f"{' ' * len(number)} | {' ' * begin}{'^' * marks}",
        ]


class MirbricksError(Exception):
    """The user's input cannot be used.

    message  one sentence: what was expected, what came, the user's own words in quotes
    code     a key of `CODES`
    where    the place in the user's file, or None
    facts    (label, text) rows, such as ("here", "(B, 256, 90, 16)")
    help     the next step
    """

    kind: ClassVar[str] = ""  # stands before the message

    def __init__(
        self,
        message: str,
        *,
        code: str,
        where: Where | None = None,
        facts: Iterable[tuple[str, str]] = (),
        help: str | None = None,
    ) -> None:
        if code not in CODES:
            raise KeyError(f"{code} is not in mirbricks.errors.CODES")
        super().__init__(message)
        self.message = message
        self.code = code
        self.where = where
        self.facts = tuple(facts)
        self.help = help

    def __str__(self) -> str:
        said = f"{self.kind}{_cut(self.message)}"
        lines = [f"{self.where}: {said}" if self.where else said]
        if self.where:
            lines += self.where.excerpt()
        width = max((len(label) for label, _ in self.facts), default=0)
        lines += [f"  {label:<{width}}  {_cut(text)}" for label, text in self.facts]
        lines.append(
            f"  help: {_cut(self.help)}     [{self.code}]"
            if self.help
            else f"  [{self.code}]"
        )
        return "\n".join(lines).translate(VISIBLE)

    def __reduce__(self) -> tuple[object, ...]:
        """Exceptions cross process borders (joblib): rebuild from the keywords too."""
        return _rebuild, (
            type(self),
            self.message,
            self.code,
            self.where,
            self.facts,
            self.help,
        )


def _cut(text: str) -> str:
    if len(text) <= LONGEST_MESSAGE:
        return text
    return f"{text[:LONGEST_MESSAGE]}…"


def _rebuild(
    cls: type[MirbricksError],
    message: str,
    code: str,
    where: Where | None,
    facts: tuple[tuple[str, str], ...],
    help: str | None,
) -> MirbricksError:
    return cls(message, code=code, where=where, facts=facts, help=help)


class GraphError(MirbricksError):
    """A graph that cannot be compiled."""


class GraphWarning(MirbricksError, UserWarning):
    """A graph that can be compiled, and probably does not say what its author means."""

    kind = "warning: "


class RegistryError(MirbricksError):
    """A block that cannot be registered, or a name that nobody registered."""


class DataError(MirbricksError):
    """Audio, annotations or features that cannot be used."""


class TaskError(MirbricksError):
    """A graph or a corpus that does not fit the task."""


class RunError(MirbricksError):
    """A run folder that cannot be read or written, a training that cannot go on."""


class ErrorList(MirbricksError):
    """Several errors of one pass; `errors` holds them in the order of their places."""

    def __init__(self, errors: Sequence[MirbricksError]) -> None:
        first = errors[0]
        super().__init__(
            first.message,
            code=first.code,
            where=first.where,
            facts=first.facts,
            help=first.help,
        )
        self.errors = tuple(errors)

    def __str__(self) -> str:
        if len(self.errors) > 1:
            count = f"{len(self.errors)} errors"
        else:
            count = "1 error"
        count += (
            f", of which these are the first {MOST_SHOWN}"
            if len(self.errors) > MOST_SHOWN
            else ""
        )
        return "\n\n".join([*map(str, self.errors[:MOST_SHOWN]), count])

    def __reduce__(self) -> tuple[object, ...]:
        return ErrorList, (self.errors,)


def raise_all(errors: Sequence[MirbricksError]) -> None:
    """Raise nothing, the one error, or an `ErrorList` of all."""
    if len(errors) == 1:
        raise errors[0]
    if errors:
        raise ErrorList(errors)


def did_you_mean(word: str, known: Iterable[str]) -> str | None:
    """'did you mean 'Conv2d'?' for a near miss among `known`, else None."""
    by_lower = {name.lower(): name for name in known}
    close = difflib.get_close_matches(
        word[:LONGEST_LINE].lower(), by_lower, n=2, cutoff=0.6
    )
    if not close:
        return None
    return "did you mean " + " or ".join(f"'{by_lower[name]}'" for name in close) + "?"


CODES |= {
    # E1xx: the form of a graph file
    "E101": "The graph file cannot be read: it is missing, not readable, or not text.",
    "E102": "The file is not YAML. The column marks where the reader gave up; the mistake is there or just before.",
    "E103": "The file is larger or nested deeper than any graph, or its aliases multiply without end.",
    "E104": "A key stands twice in one mapping, or is not a word. YAML itself would silently keep the last one.",
    "E105": "A key that the graph language or the block does not know.",
    "E106": "A value of the wrong type or outside its range.",
    "E107": "A --set override that does not have the form KEY.KEY=VALUE or leads nowhere.",
    "E108": "Something the graph needs is missing: `layers`, a field of a block, the shape of the input.",
    "E109": "A layer that has neither the form `- Block`, nor `- Block: {...}`.",
    "E110": "A block name that nobody registered. Plugins must be installed or given by --plugin.",
    "E111": "Two nodes carry one name; a node's name is the key of its weights in the checkpoint.",
    "E112": "A skip, `with`, Reuse or an output names a tensor or a node that no line before it stored or named.",
    "E113": "`input:` is a list of named axes, B first: `input: B C=6 F=360 T`.",
    "E114": "`graph:` and `extends:` take paths relative to their file that stay inside the folder of the graph.",
    "E115": "A file that uses itself, through `graph:` or `extends:` of other files, would never end.",
    "E116": "`share: true` means one set of weights, so the repeated layers cannot depend on the index.",
    "E117": "`${...}` holds numbers, vars and + - * / // % **, min(), max(), list[index]; here it has no value.",
    "E190": "`migrate` rewrites a graph file in the tutorial's dialect, `model:` with `block_l:`, in the native form.",
    "E191": "A file of that name is there already, and mirbricks never overwrites one.",
    # W1xx: warnings
    "W101": "A StoreAs that no CatWith, AddWith, MulWith, StartFrom, `with` or output asks for does nothing.",
    "W102": "One name hides another: what was stored, or counted, under it before can no longer be reached.",
    "W103": "A var that no ${...} uses changes nothing; often its name is mistyped where it should be used.",
    # E2xx: sizes and skips
    "E201": "The tensor that arrives does not have the axes that the block's contract asks for.",
    "E202": "A field that names a size of the input (such as in_channels) contradicts the tensor that arrives.",
    "E203": "A skip joins two tensors whose sizes differ. `fit: crop` cuts the larger, `fit: pad` fills the smaller.",
    "E204": "Torch refused to run the block on these sizes; its own words stand beside 'torch'.",
    "E205": "The block made another shape than its contract promises. This is a bug of the block.",
    "E206": "Weights would depend on an axis that is free, so the model could run at one size only.",
    "E207": "The shape given for the input does not fit the axes that the graph names.",
    "E208": "A node that runs again has the weights of its first run, so the tensor must have the same sizes for them.",
    "E209": "The tensor that reaches a sub-graph does not have the axes that its `input:` asks for.",
    "E210": "A U-Net reduces its sizes at each level: the tensor is too small for its depth, or a stage changed sizes.",
    # E3xx: registry
    "E301": "Two blocks or tasks ask for one name. A registered name is also that in YAML, so it means one class only.",
    "E302": "Only subclasses of mirbricks.Block can be registered: the compiler builds a block from its Config.",
    "E303": "A block needs a docstring, a source and at least one example: they are its documentation and its test.",
    "E304": "The shape contract cannot be read. It has the form 'B C T -> B {out_channels} T'.",
    "E305": "A graph or a call names a block that nobody registered. Plugins must be installed or given by --plugin.",
    "E306": "A plugin module raised an error while it was imported, so its blocks are not available.",
    "E307": "A block has the name of its class, in CapWords, its file the same in snake_case; neither hides another.",
    "E308": "The picture of a block is drawn from what torch.export sees of it, and torch cannot export this block.",
    # E4xx: data and features
    "E400": "The file with the audio or the features is not there. A corpus is NAME_audio.hdf5 beside NAME.pyjama.",
    "E401": "The file is not HDF5, or it is damaged: often a download or a copy that was cut short.",
    "E402": "A key was asked for that the HDF5 file does not hold. `filepath[0].value` of an entry is its HDF5 key.",
    "E403": "A key of audio is a 1-D float array (mono); a key of features a 2-D array of numbers, (frames, features).",
    "E404": "Every audio key carries the attribute 'sr_hz', its sampling rate in Hz as a positive whole number.",
    "E405": "An array without a single sample or frame cannot be used; it usually stands for a failed conversion.",
    "E406": "NaN and infinity spread through every weight of a model within one step, so such data are refused.",
    "E407": "A key names one recording. Two recordings of one name would silently replace one another.",
    "E408": "The file cannot be written: the disk is full, or the folder is read-only. Nothing was changed.",
    "E409": "The file or folder is there, but cannot be read: its permissions do not allow it, or the disk fails.",
    "E410": "A corpus is a folder with one NAME.pyjama and beside it NAME_audio.hdf5, NAME_feat.hdf5 or both.",
    "E411": "Every HDF5 key needs an entry in the .pyjama, and every entry a key: else data would be lost unnoticed.",
    "E412": "An annotation ends more than 0.1 s after its audio: wrong audio, wrong annotation, or a wrong 'sr_hz'.",
    "E413": "The annotation 'stem_of' of a stem holds the key of its mix, which must be another item of the corpus.",
    "E414": "The audio of a recording is silent throughout, or clipped: cut flat at its peak for more than 1 in 1000.",
    "E415": "A corpus holds audio (NAME_audio.hdf5), features (NAME_feat.hdf5) or both; here the other kind is needed.",
    "E416": "When the frames of features are is said by 'hop_s' and 't0_s', or by 'time', a number for each frame.",
    "E417": "The same audio stands on two sides of a split, or is in the corpus twice: it would be learned and tested.",
    "E418": "Stems are mixed in every combination: at most six of a mix, and all at one sampling rate.",
    "E420": "A .pyjama file is JSON, in UTF-8. It cannot be parsed from the marked place on.",
    "E421": "A .pyjama has 'schemaversion' and 'collection'; the collection has 'descriptiondefinition' and 'entry'.",
    "E422": "An entry uses an annotation that 'descriptiondefinition' does not define, so its meaning is unknown.",
    "E423": "An atom has a 'value' and, by the extent of its annotation, a 'time' and a 'duration' in seconds.",
    "E424": "The values and the times of a breakpoint annotation belong together one to one, and the times increase.",
    "E425": "A duration is in seconds and never negative.",
    "E426": "NaN and infinity are not JSON numbers and mean nothing in an annotation. Leave the atom out instead.",
    "E427": "Every entry has a 'filepath' whose first value is its HDF5 key; no two entries share one.",
    "E428": "The annotation's definition says 'value_in_dictionary', and the value is not in the dictionary.",
    "E430": "The audio file cannot be decoded. wav, flac, ogg and mp3 are read.",
    "E431": "The audio file holds not a single sample.",
    "E432": "The audio file holds NaN or infinity (only float formats can).",
    "E433": "An import leaves a file out that it cannot place: its kind, its folder, or a name that cannot be a key.",
    "E440": "A fold needs at least one group for the test, one for the validation and one for the training.",
    "E441": "Folds are numbered from 0 to dataset.folds - 1; with dataset.split: annotation there are none.",
    "E442": "A group (a piece with its stems and versions) is on one side of a split only, else the test is no test.",
    "E443": "The annotation 'split' of every item is 'train', 'valid' or 'test', and at least train and valid occur.",
    "E444": "A split is grouped by, and balanced over, annotations that the recordings of the corpus have.",
    "E445": "A stored split is replaced with --replace only: figures measured on it lose their meaning.",
    "E446": "A stored fold is a whole number or a text, one for each recording, and at least 3 folds occur.",
    "E447": "Corpora that train together hold recordings under keys of their own, so that none is on two sides.",
    "E450": "Features read floating-point audio of shape (B, N): a batch of mono recordings with at least one sample.",
    "E451": "The audio of one recording could not be read. The other recordings are cached.",
    "E452": "Features are computed from mono audio: a 1-D floating-point array, not empty, and its rate in Hz.",
    "E453": "NaN or infinity in the audio would spread over every frame whose filters reach it.",
    "E454": "The cache has no features of this recording with these settings. Building it computes what is missing.",
    "E455": "A file of the feature cache was removed or damaged. Building the cache again computes that file only.",
    "E456": "A worker process was ended from outside, mostly by the system for want of memory. What is cached stays.",
    "E457": "`feature: {type: NAME}` of a graph names one of the features that mirbricks computes; without it, hcqt.",
    "E458": "Beats are times in seconds, two or more, each later than the one before; NaN is none.",
    "E459": "`feature: {type: given}` reads NAME_feat.hdf5: its frames must have the size and the times that are said.",
    "E460": "A residual quantizer encodes with some of its first codebooks, decodes the codes of as many: 1 to all.",
    "E461": "Corpora are imported by kind; `mirbricks data kinds` lists them. Not every kind can be exported.",
    "E462": "An import found nothing that it could bring in. `mirbricks data kinds` says what each kind reads.",
    "E463": "An annotation file, or a row of it, cannot be read; the recording is left out, the others come in.",
    "E464": "--set KEY=VALUE sets an option of an importer; columns are named as the first line of the table does.",
    "E465": "Audio without an annotation is left out of an import: nothing would be known about it.",
    "E466": "An annotation without its audio is left out of an import, unless annotations alone are asked for.",
    "E467": "An import goes to a folder without a corpus, an export to one that is not there yet or is empty.",
    "E468": "A package that an importer needs is not installed. Optional packages come with an extra.",
    "E469": "The layout of an export has no place for something in the corpus. What it has a place for is written.",
    "E470": "A synthetic corpus goes to a folder without a corpus; --seconds is the length of clips, 1 to 3600 s.",
    "E471": "No recording has the annotation that --where asks for: `mirbricks data info DIR` shows what there is.",
    "E480": "Hosted corpora are fetched by name, from an address that begins with https://, one at a time a folder.",
    "E481": "The server cannot be reached, or the line to it stays broken. What has come is kept; run it again.",
    "E482": "The server answered, but not with the file: it is not there, not for everyone, or the server fails.",
    "E483": "What came is not the corpus: the archive or the file in it is cut short, damaged, or something else.",
    "E484": "A hostile archive: names that lead out of the folder, links, or a member that unpacks to fill the disk.",
    "E485": "A file is there already that was not fetched, or was changed since. Nothing is ever written over.",
    "E486": "The host now has another file than the one fetched before: changed by its owner, or by somebody else.",
    "E490": "Batches are drawn from files with frames in them; a work needs two versions, a label at least one file.",
    "E491": "The files that one loader reads have frames of one shape, or they could not stand in one batch.",
    "E492": "Batches are a function of (seed, step), so a training goes on with the seed it was begun with.",
    # E5xx: tasks
    "E500": "`task: {type: NAME}` of a graph names one of the tasks that mirbricks knows, such as multi_pitch.",
    "E501": "The graph's input and the features differ in shape, or the task does not read this feature at all.",
    "E502": "The graph's output is not what the task reads. Multi-pitch reads a logit a bin and frame: (B, 1, F, T).",
    "E503": "The task learns from and is measured on annotated recordings; stems only serve to mix them anew.",
    "E504": "Pitches are MIDI numbers, 69 for 440 Hz; 0 is silence. Numbers above 127 mostly are Hz.",
    "E505": "Multi-pitch reads numbers: 'f0multi' and 'f0' as curves (breakpoint), 'pitchmidi' as notes (segment).",
    "E506": "A recording has one label for `task: {type: tagging, labels: one}`, and any number for several.",
    "E507": "A tagging model knows the labels of its training recordings; another one cannot be found or judged.",
    "E508": "The last layer of a tagging graph gives a score for each label that the training recordings have.",
    "E509": "Chords are labels as mir_eval.chord reads them, one after another: C:maj, A:min7/b3, N, or X for others.",
    "E510": "Scores that are NaN or infinite cannot be judged: they come from the features, or from spoilt weights.",
    "E520": "A cover is found among other recordings of its work: a work needs two recordings to be a query.",
    "E521": "A batch of covers is P works with K versions each: train.batch_size is P · K, task.versions_per_work K.",
    "E530": "A batch of pairs has each recording once: two views of it meet, and those of all others are apart.",
    "E531": "A probe learns on the labelled training recordings; a label that none of them has cannot be found.",
    # E6xx: runs
    "E600": "There is no run at this path. A run is a folder that `mirbricks train` has written.",
    "E601": "The run folder cannot be made here: the path is a file, a folder with other things in it, or read-only.",
    "E602": "The folder holds a finished training or an ensemble. It is not overwritten: choose another, or delete it.",
    "E603": "The folder holds a training that stopped half-way. It goes on with --resume and is never overwritten.",
    "E604": "Another process is training into this folder. Two would mix their weights and metrics.",
    "E605": "The run has no such file (yet): its training did not get as far as writing it, or the file was removed.",
    "E606": "A file of the run is damaged, or was written by something else than mirbricks.",
    "E607": "The weights of the run belong to another graph: names or sizes differ.",
    "E608": "Resuming continues exactly what was interrupted, so the settings of the training must be the same.",
    "E609": "A run can predict and be evaluated once its training has ended: the threshold is chosen then.",
    "E610": "The zoo holds the models that come with mirbricks; `mirbricks zoo` lists them, `zoo:NAME` stands for one.",
    "E611": "A packed model is at most 5 MB of graph, weights and card: it travels with the package.",
    "E612": "A packed model or an ensemble holds what evaluating and predicting need; a training leaves more.",
    "E613": "An evaluation in a card is the object that `mirbricks evaluate ... --json` has printed.",
    "E614": "The logits of runs can be averaged where feature, task, outputs and training tracks are the same.",
    "E620": "The loss or its gradient became NaN or infinite. One more step would spread it over all the weights.",
    "E621": "The graph has no weights that could be trained.",
    "E622": "The device has too little memory for a training step of this graph and batch size.",
    "E623": "`torch.compile` could not compile the model on this machine. It is optional: train.compile: false.",
    "E624": "The device is not one that torch knows on this machine.",
    "E630": "An index is a file that `mirbricks index` has written; this one is missing, damaged or something else.",
    "E631": "The vectors of an index are those of one run; other weights give vectors that mean other things.",
    "E632": "An index holds the vectors of recordings, made by a run of the task covers; here is none to hold or find.",
    "E633": "A query is a key of the index or of the corpus of --data, or an audio file.",
    "E634": "FAISS comes with mirbricks[retrieval], and searches one vector a recording.",
    # E7xx: conversion
    "E701": "`eject` carries a block's source and all it uses into one file; this one uses what cannot be carried.",
    "E702": "What was written does not compute what the graph computes. This is a bug, of mirbricks or of the block.",
    "E710": "Torch traces a graph with symbols for its free axes; a layer whose steps depend on a size resists that.",
    "E711": "A package that this conversion needs is not installed. Optional packages come with an extra.",
    "E712": "The exported file was loaded again and gives other outputs than the graph. This is a bug.",
}
