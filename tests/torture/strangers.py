"""What a stranger may hand over: for each kind of file, sound ones to damage, and what reads the damaged one."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
import safetensors.torch
import soundfile

import mirbricks as mb
from mirbricks.compiler.compile import compile_graph, load_graph
from mirbricks.data import AudioStore, FeatureStore, Pyjama, write_audio, write_features
from mirbricks.data.importers.contract import importer_of
from mirbricks.data.importing.corpus import How, import_recordings
from mirbricks.data.importing.finding import find_recordings
from mirbricks.data.stores.audio import stream_channels
from mirbricks.runs.folder import RunFolder
from mirbricks.workflows.hosted import archive_of, here
from mirbricks.workflows.loading import load_experiment, load_run

from .mutate import NUMBERS, WORDS, Rng, damaged_bytes, damaged_text, pick
from .verbs import GRAPH, emptied

GRAPHS = Path(mb.__file__).parent / "graphs"
SR_HZ = 8000


@dataclass(frozen=True)
class Kind:
    """A kind of input: `damaged` draws one into a folder, `read` does with it what a user would."""

    name: str
    damaged: Callable[[Rng, Path], None]
    read: Callable[[Path], object]


def kinds(sound: Path) -> list[Kind]:
    """All kinds; sound files are made in the folder `sound`."""
    emptied(sound)
    return [
        Kind("graphs", _damaged_graph, _read_graph),
        Kind("pyjama files", _pyjamas(), lambda at: Pyjama.load(at / "x.pyjama")),
        Kind("HDF5 corpora", _hdf5s(sound), _read_hdf5),
        Kind("audio files", _audios(sound), _read_audio),
        Kind("annotations", _annotations(sound), _read_annotations),
        Kind("settings (--set)", _damaged_setting, _read_setting),
        Kind("packed models", _models(sound), _read_model),
    ]


# --- graphs and settings


def _damaged_graph(rng: Rng, at: Path) -> None:
    text = SOURCES[pick(rng, sorted(SOURCES))]
    # A few are compiled too, which takes longer: of small graphs.
    if rng.random() < 0.1:
        text = GRAPH
        at = at / "small.yaml"
    else:
        at = at / "graph.yaml"
    at.write_bytes(damaged_text(rng, text))


SOURCES = {
    path.stem: path.read_text(encoding="utf-8") for path in GRAPHS.glob("*.yaml")
}


def _read_graph(at: Path) -> None:
    small = at / "small.yaml"
    if small.exists():
        compile_graph(small)
    else:
        load_graph(at / "graph.yaml")


_KEYS = (
    *["train.lr", "train.steps", "train.batch_size", "task.patch_frames", "task.type"],
    *[
        "feature.sr_hz",
        "feature.n_fft",
        "feature.hop_length",
        "feature.type",
        "feature",
    ],
    *["dataset.folds", "layers", "layers.0", "layers.0.Conv2d.out_channels", "input"],
    *["name", "vars", "vars.width", "train", "task", "train.seed", "train.freeze", ""],
)
_VALUES = ("1e-3", "4", "8000", "128", "2", "20", "tagging", "logmel", "tiny", "adamw")


def _damaged_setting(rng: Rng, at: Path) -> None:
    sets = []
    for _ in range(int(rng.integers(1, 4))):
        way = int(rng.integers(3))
        word = pick(rng, (NUMBERS, WORDS, _VALUES)[way])
        key = pick(rng, _KEYS)
        if rng.random() < 0.2:
            key = damaged_bytes(rng, key.encode()).decode("utf-8", "replace")
        sets.append(f"{key}{pick(rng, ['=', '=', '=', '', '==', '.='])}{word}")
    (at / "sets.json").write_text(json.dumps(sets))
    (at / "tiny.yaml").write_text(GRAPH)


def _read_setting(at: Path) -> None:
    load_experiment(at / "tiny.yaml", json.loads((at / "sets.json").read_text()))


# --- corpora


def _pyjamas() -> Callable[[Rng, Path], None]:
    atoms = [
        {"value": "C:maj", "time": 0.0, "duration": 0.5},
        {"value": [60.0, 61.5], "time": [0.0, 0.1]},
        {"value": 440.0, "time": 0.25, "duration": 0.1},
    ]
    extents = (("segment", "text"), ("breakpoint", "numeric"), ("segment", "numeric"))
    definitions = {
        "filepath": {"type_extent": "global", "type_content": "text"},
        **{
            f"a{number}": {"type_extent": extent, "type_content": content}
            for number, (extent, content) in enumerate(extents)
        },
    }
    entries = [
        {
            "filepath": [{"value": f"{number}.wav"}],
            **{f"a{one}": [atoms[one]] for one in range(3)},
        }
        for number in range(2)
    ]
    content = {
        "schemaversion": 1.4,
        "collection": {"descriptiondefinition": definitions, "entry": entries},
    }
    text = json.dumps(content, indent=1)

    def damaged(rng: Rng, at: Path) -> None:
        if rng.random() < 0.5:
            data = damaged_text(rng, text)
        else:
            # Of another form, and still JSON.
            other = json.loads(text)
            _damage_json(rng, other)
            data = json.dumps(other).encode()
        (at / "x.pyjama").write_bytes(data)

    return damaged


_ODD: tuple[object, ...] = (
    *(None, True, -1, 0, 1e308, float("nan"), float("inf"), "", "x", [], {}, [[]]),
    *(10**30, [1, "a"], {"value": {}}, "\u202e", [None], [0.0, float("nan")], "1"),
)


def _damage_json(rng: Rng, value: object) -> None:
    """Replace, remove or add something at a drawn place."""
    inner = [one for one in _containers(value) if one]
    for _ in range(int(rng.integers(1, 4))):
        one = inner[int(rng.integers(len(inner)))]
        odd = _ODD[int(rng.integers(len(_ODD)))]
        if not one:
            continue
        if isinstance(one, dict):
            key = pick(rng, list(one))
            if rng.random() < 0.3:
                one[pick(rng, list(WORDS))] = one.pop(key)
            else:
                one[key] = odd
        elif isinstance(one, list):
            one[int(rng.integers(len(one)))] = odd


def _containers(value: object) -> list[dict[str, object] | list[object]]:
    found: list[dict[str, object] | list[object]] = []
    if isinstance(value, dict):
        found = [
            value,
            *(one for inner in value.values() for one in _containers(inner)),
        ]
    elif isinstance(value, list):
        found = [value, *(one for inner in value for one in _containers(inner))]
    return found


def _hdf5s(sound: Path) -> Callable[[Rng, Path], None]:
    ramp = np.linspace(-0.5, 0.5, 300, dtype=np.float32)
    write_audio(sound / "a.hdf5", ((f"{i}.wav", ramp, SR_HZ) for i in range(3)))
    about = {"sr_hz": SR_HZ, "hop": 128, "time_sec_v": np.arange(10) * 0.1}
    write_features(
        sound / "f.hdf5",
        ((f"{i}.wav", ramp.reshape(30, 10), about) for i in range(3)),
    )
    contents = {name: (sound / f"{name}.hdf5").read_bytes() for name in "af"}
    odd = (
        *(
            "text",
            b"bytes",
            np.nan,
            np.inf,
            -1,
            0,
            2**62,
            np.zeros(3),
            np.zeros((0, 2)),
        ),
        *(["a", "b"], np.array(["x"], dtype=h5py.string_dtype()), True, 1 + 2j, 1e300),
    )

    def damaged(rng: Rng, at: Path) -> None:
        name = pick(rng, ["a", "f"])
        path = at / f"{name}.hdf5"
        if rng.random() < 0.5:
            path.write_bytes(damaged_bytes(rng, contents[name], 2048))
            return
        path.write_bytes(contents[name])
        with h5py.File(path, "r+") as file:
            data = file[pick(rng, list(file))]
            value = odd[int(rng.integers(len(odd)))]
            data.attrs[pick(rng, ["sr_hz", "hop", "time_sec_v", "x"])] = value
            if rng.random() < 0.2:
                file[pick(rng, ["g/h", "ünï", " ", "."]) + "x"] = odd[0]

    return damaged


def _read_hdf5(at: Path) -> None:
    path = next(at.glob("*.hdf5"))
    if path.stem == "a":
        audio = AudioStore(path)
        for key in audio.keys():  # a store is not a mapping
            audio.read(key)
        return
    features = FeatureStore(path)
    for key in features.keys():  # a store is not a mapping
        features.read(key)


def _audios(sound: Path) -> Callable[[Rng, Path], None]:
    samples = np.random.default_rng(0).uniform(-0.5, 0.5, (400, 2)).astype(np.float32)
    contents = {}
    for ending in ("wav", "flac", "ogg", "mp3"):
        path = sound / f"x.{ending}"
        soundfile.write(path, samples, SR_HZ)
        contents[ending] = path.read_bytes()

    def damaged(rng: Rng, at: Path) -> None:
        ending = pick(rng, list(contents))
        data = damaged_bytes(rng, contents[ending], 64)
        (at / f"x.{ending}").write_bytes(data)

    return damaged


def _read_audio(at: Path) -> None:
    for _ in stream_channels(next(at.glob("x.*"))):
        pass


# --- annotations


def _annotations(sound: Path) -> Callable[[Rng, Path], None]:
    ramp = np.zeros(SR_HZ, np.float32)
    soundfile.write(sound / "t.wav", ramp, SR_HZ)
    wave = (sound / "t.wav").read_bytes()
    jams = {
        "file_metadata": {"duration": 1.0, "title": "t", "jams_version": "0.3.4"},
        "annotations": [
            _jams("chord", [(0.0, 0.5, "C:maj"), (0.5, 0.5, "N")]),
            _jams("note_midi", [(0.1, 0.3, 60.0)]),
            _jams("beat", [(0.2, 0.0, 1)]),
            _jams("segment_open", [(0.0, 1.0, "verse")]),
        ],
        "sandbox": {},
    }
    texts = {
        "jams": json.dumps(jams, indent=1),
        "lab": "0.0 0.5 C:maj\n0.5 1.0 N\n",
        "notes": "onset\toffset\tmidi\tvelocity\n0.1\t0.4\t60\t80\n0.5\t0.9\t64\t70\n",
        "csv": "path,tag,fold\nt.wav,rock,1\n",
    }

    def damaged(rng: Rng, at: Path) -> None:
        (at / "t.wav").write_bytes(wave)
        kind = pick(rng, [*texts, "midi"])
        (at / "kind").write_text(kind)
        if kind == "midi":
            (at / "t.mid").write_bytes(damaged_bytes(rng, _MIDI, 30))
            return
        ending = {"notes": "tsv"}.get(kind, kind)
        data = damaged_text(rng, texts[kind])
        if rng.random() < 0.2:
            data = damaged_bytes(rng, data)
        (at / f"t.{ending}").write_bytes(data)

    return damaged


def _jams(namespace: str, rows: list[tuple[float, float, object]]) -> dict[str, object]:
    return {
        "namespace": namespace,
        "annotation_metadata": {"data_source": "x"},
        "time": 0,
        "duration": 1.0,
        "sandbox": {},
        "data": [
            {"time": time, "duration": duration, "value": value, "confidence": None}
            for time, duration, value in rows
        ],
    }


_EVENTS = bytes.fromhex("00 ff5103 07a120 00 90 3c50 8360 80 3c40 00 ff2f00")
_MIDI = (
    b"MThd"
    + struct.pack(">LHHH", 6, 0, 1, 480)
    + b"MTrk"
    + struct.pack(">L", len(_EVENTS))
    + _EVENTS
)


def _read_annotations(at: Path) -> None:
    kind = (at / "kind").read_text()
    (at / "kind").unlink()
    source = at
    settings = ()
    if kind == "csv":
        source = at / "t.csv"
        settings = ("tags=tag",)
    importer = importer_of(kind, settings, True)
    found = find_recordings(importer, source)
    import_recordings(found, at / "out", "x", How(n_jobs=1))


# --- models


def _models(sound: Path) -> Callable[[Rng, Path], None]:
    graph = GRAPH.encode()
    (sound / "tiny.yaml").write_bytes(graph)
    model = compile_graph(sound / "tiny.yaml")
    kept = {
        "corpus": "c",
        "data": "c",
        "fold": 0,
        "command": "mirbricks train",
        "tuned": {"labels": ["a", "b"], "thresholds": []},
        "figures": {"accuracy": 0.5},
        "evaluated_on": "test",
        "tracks": {},
        "split": {"train": ["x"], "valid": [], "test": []},
        "versions": {"mirbricks": "0.2.0"},
        "best_step": 2,
        "training_s": 0.1,
        "stopped": "finished",
        "overrides": [],
        "also": [],
    }

    def damaged(rng: Rng, at: Path) -> None:
        settings = json.dumps(kept)
        text = graph
        way = int(rng.integers(4))
        if way == 0:
            settings = damaged_text(rng, settings).decode("utf-8", "replace")
        if way == 1:
            other = json.loads(settings)
            _damage_json(rng, other)
            settings = json.dumps(other)
        if way == 2:
            text = damaged_text(rng, GRAPH)
        weights = safetensors.torch.save(model.state_dict(), {"settings": settings})
        if way == 3:
            weights = damaged_bytes(rng, weights, 400)
        contents = {"graph.yaml": text, "weights.safetensors": weights, "card.md": b"x"}
        packed = archive_of(contents)
        # Half of the archives are damaged themselves; the others reach what is in them.
        if rng.random() < 0.3:
            packed = damaged_bytes(rng, packed)
        (at / "x.mirb").write_bytes(packed)

    return damaged


def _read_model(at: Path) -> None:
    load_run(RunFolder.open(here(at / "x.mirb")))
