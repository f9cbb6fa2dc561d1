"""The sections of the tutorial's own files, `dataset:` and `feature:`, as mirbricks' sections.

    dataset: {'base': bach10, 'do_f0_annot': frame}
    feature: {'type': hcqt, 'h_l': [0.5, 1, 2], 'bins_per_semitone': 5, 'n_octaves': 6, 'fmin': 32.7,
              'hop_length': 512, 'patch_L_frame': 64, 'patch_STEP_frame': 32}

become

    feature: {type: hcqt, harmonics: [0.5, 1, 2], bins_per_octave: 60, n_octaves: 6, fmin_hz: 32.7, hop_length: 512,
              scale: linear}
    task: {type: multi_pitch, patch_frames: 64}

and the patches say the shape of the input. What has no meaning here is named once: the corpus (`--data` names it), the
step of the patches (they are drawn anywhere in training), where the notebook is written.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from ...errors import GraphWarning
from .axes import Axis, read_inputs
from .source import Source, Steps

SEMITONES = 12
SR_HZ = 22050  # of the tutorial's notebooks
FEATURE_WORDS = {
    "h_l": "harmonics",
    "fmin": "fmin_hz",
    "nb_band": "n_mels",
    "L_n": "n_fft",
    "STEP_n": "hop_length",
}
KINDS = {"hcqt": "hcqt", "lms": "logmel", "waveform": "waveform"}
PROBLEMS: Mapping[str, Mapping[str, Any]] = {
    "multiclass": {"type": "tagging", "labels": "one"},
    "multilabel": {"type": "tagging", "labels": "several"},
    "segment": {"type": "chords"},
}
PATCH = "patch_L_frame"
TASK_WORDS = ("do_f0_annot", "problem", "annot_key")  # of `dataset:`


@dataclass(frozen=True)
class Sections:
    """What the tutorial's sections mean: native sections, the input's axes, and a warning of what was passed over."""

    source: Source
    inputs: Mapping[str, tuple[Axis, ...]]
    warnings: tuple[GraphWarning, ...] = ()


def read_sections(source: Source) -> Sections:
    """The sections of a file in the dialect; as they are where they are not the tutorial's."""
    feature = source.data.get("feature")
    dataset = source.data.get("dataset")
    if not _is_tutorials(feature, dataset):
        return Sections(source, {})
    assert isinstance(feature, Mapping)
    assert isinstance(dataset, Mapping)
    task = _task(dataset, feature, source.data.get("task"))
    native = _feature(feature, task)
    # Messages about native keys must lead to words that the user can find in the file.
    places = _places(source)
    source = replace(
        source,
        data={**source.data, "feature": native, "task": task, "dataset": {}},
        keys={**source.keys, **places},
        values={**source.values, **places},
    )
    text = _input(native, task)
    source.data["input"] = text
    return Sections(
        source, read_inputs(text, source, []), _passed_over(source, feature, dataset)
    )


def _is_tutorials(feature: Any, dataset: Any) -> bool:
    """Whether both sections are there with what a training needs."""
    return (
        isinstance(feature, Mapping)
        and isinstance(dataset, Mapping)
        and feature.get("type") in KINDS
        and isinstance(feature.get(PATCH), int)
        and ("do_f0_annot" in dataset or dataset.get("problem") in PROBLEMS)
    )


def _task(
    dataset: Mapping[str, Any], feature: Mapping[str, Any], given: Any
) -> dict[str, Any]:
    """`task:`; what the file says itself in mirbricks' own words holds."""
    if "do_f0_annot" in dataset:
        task: dict[str, Any] = {"type": "multi_pitch"}
    else:
        task = dict(PROBLEMS[dataset["problem"]])
        if "annot_key" in dataset:
            task["annotation"] = dataset["annot_key"]
    task["patch_frames"] = feature[PATCH]
    if isinstance(given, Mapping):
        task.update(given)
    return task


def _feature(feature: Mapping[str, Any], task: Mapping[str, Any]) -> dict[str, Any]:
    """`feature:` in mirbricks' words."""
    kind = KINDS[feature["type"]]
    native: dict[str, Any] = {"type": kind, "sr_hz": SR_HZ}
    for word, value in feature.items():
        if word == "bins_per_semitone" and isinstance(value, int):
            native["bins_per_octave"] = SEMITONES * value
        elif word not in ("type", *_unread(feature)):
            native[FEATURE_WORDS.get(word, word)] = value
    # The notebooks feed magnitudes as they are; chords compress theirs in the task.
    if kind == "hcqt" and task["type"] != "chords":
        native.setdefault("scale", "linear")
    return native


def _unread(feature: Mapping[str, Any]) -> list[str]:
    """Keys of `feature:` that say nothing here, or that the task says."""
    words = [PATCH, "patch_STEP_frame"]
    # Of an HCQT the number of bands follows from its octaves.
    if feature.get("type") == "hcqt":
        words.append("nb_band")
    return words


def _input(feature: Mapping[str, Any], task: Mapping[str, Any]) -> str:
    """`input:` with the sizes of a patch, at which the notebooks run their models."""
    frames = task["patch_frames"]
    if feature["type"] == "waveform":
        return f"B C=1 T={frames}"
    if feature["type"] == "logmel":
        return f"B C=1 F={feature.get('n_mels', 128)} T={frames}"
    # The defaults are those of the feature itself, which a file may leave out.
    bins = feature.get("n_octaves", 6) * feature.get("bins_per_octave", 60)
    return f"B C={len(feature.get('harmonics', [1] * 6))} F={bins} T={frames}"


def _places(source: Source) -> dict[Steps, Any]:
    """Where the native keys stand in the user's file: at the words they come from."""
    at = source.value(("feature",))
    places: dict[Steps, Any] = {("input",): at, ("task",): source.value(("dataset",))}
    for word, native in {
        **FEATURE_WORDS,
        "bins_per_semitone": "bins_per_octave",
    }.items():
        if word in source.data["feature"]:
            places["feature", native] = source.value(("feature", word))
    places["task", "patch_frames"] = source.value(("feature", PATCH))
    places["task", "type"] = source.value(("dataset",))
    places["feature", "sr_hz"] = at
    places["feature", "scale"] = at
    if "annot_key" in source.data["dataset"]:
        places["task", "annotation"] = source.value(("dataset", "annot_key"))
    return places


def _passed_over(
    source: Source, feature: Mapping[str, Any], dataset: Mapping[str, Any]
) -> tuple[GraphWarning, ...]:
    """One warning that names all keys without a meaning here."""
    words = [f"dataset.{word}" for word in dataset if word not in TASK_WORDS]
    words += [
        f"feature.{word}"
        for word in _unread(feature)
        if word in feature and word != PATCH
    ]
    if "output_file" in source.data:
        words.append("output_file")
    if not words:
        return ()
    message = (
        f"the tutorial's {', '.join(words)} mean nothing here and were passed over"
    )
    hint = "--data names the corpus; `mirbricks migrate` writes the sections as they are read"
    where = source.key(("dataset",))
    return (GraphWarning(message, code="W105", where=where, help=hint),)
