"""What a corpus consists of: the .pyjama file, HDF5 files, audio."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import soundfile

from mirbricks.data import AudioStore, FeatureStore, write_audio, write_features
from mirbricks.data.stores.audio import stream_channels

from ..mutate import WORDS, Rng, damaged_bytes, damaged_text, pick

SR_HZ = 8000
Damage = Callable[[Rng, Path], None]


def pyjamas() -> Damage:
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
            damage_json(rng, other)
            data = json.dumps(other).encode()
        (at / "x.pyjama").write_bytes(data)

    return damaged


_ODD: tuple[object, ...] = (
    *(None, True, -1, 0, 1e308, float("nan"), float("inf"), "", "x", [], {}, [[]]),
    *(10**30, [1, "a"], {"value": {}}, "\u202e", [None], [0.0, float("nan")], "1"),
)


def damage_json(rng: Rng, value: object) -> None:
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


_VALUES = (
    *("text", b"bytes", np.nan, np.inf, -1, 0, 2**62, np.zeros(3), np.zeros((0, 2))),
    *(["a", "b"], np.array(["x"], dtype=h5py.string_dtype()), True, 1 + 2j, 1e300),
)
ATTRIBUTES = ("sr_hz", "hop", "time_sec_v", "x")
KEYS = ("g/hx", "ünïx", " x", ".x")


def hdf5s(sound: Path) -> Damage:
    """Bytes of sound files, and of files with an odd attribute or key, are damaged.

    The odd files are written once: the library needs longer for it than for all the rest.
    """
    contents = {name: [path.read_bytes()] for name, path in _sound_hdf5(sound).items()}
    odd = sound / "odd.hdf5"
    for name, texts in contents.items():
        whole = texts[0]
        for attribute in ATTRIBUTES:
            for value in _VALUES:
                odd.write_bytes(whole)
                with h5py.File(odd, "r+") as file:
                    file["1.wav"].attrs[attribute] = value
                contents[name].append(odd.read_bytes())
        for key in KEYS:
            odd.write_bytes(whole)
            with h5py.File(odd, "r+") as file:
                file[key] = _VALUES[0]
            contents[name].append(odd.read_bytes())

    def damaged(rng: Rng, at: Path) -> None:
        name = pick(rng, ["a", "f"])
        whole, *others = contents[name]
        if rng.random() < 0.5:
            data = damaged_bytes(rng, whole, 2048)
        else:
            data = others[int(rng.integers(len(others)))]
            # An odd attribute alone is seen as it is; most are damaged besides.
            if rng.random() < 0.8:
                data = damaged_bytes(rng, data)
        (at / f"{name}.hdf5").write_bytes(data)

    return damaged


def _sound_hdf5(sound: Path) -> dict[str, Path]:
    ramp = np.linspace(-0.5, 0.5, 300, dtype=np.float32)
    paths = {name: sound / f"{name}.hdf5" for name in "af"}
    write_audio(paths["a"], ((f"{i}.wav", ramp, SR_HZ) for i in range(3)))
    about = {"sr_hz": SR_HZ, "hop": 128, "time_sec_v": np.arange(10) * 0.1}
    features = ((f"{i}.wav", ramp.reshape(30, 10), about) for i in range(3))
    write_features(paths["f"], features)
    return paths


def read_hdf5(at: Path) -> None:
    path = next(at.glob("*.hdf5"))
    if path.stem == "a":
        audio = AudioStore(path)
        try:
            for key in audio.keys():  # a store is not a mapping
                audio.read(key)
        finally:
            audio.close()
        return
    features = FeatureStore(path)
    try:
        for key in features.keys():  # a store is not a mapping
            features.read(key)
    finally:
        features.close()


def audios(sound: Path) -> Damage:
    samples = np.random.default_rng(0).uniform(-0.5, 0.5, (400, 2)).astype(np.float32)
    contents = []
    for ending, subtypes in _FORMATS.items():
        for subtype in subtypes:
            path = sound / f"x.{ending}"
            soundfile.write(path, samples, SR_HZ, subtype=subtype)
            contents.append((ending, path.read_bytes()))

    def damaged(rng: Rng, at: Path) -> None:
        ending, content = contents[int(rng.integers(len(contents)))]
        (at / f"x.{ending}").write_bytes(damaged_bytes(rng, content, 64))

    return damaged


_FORMATS: dict[str, tuple[str | None, ...]] = {
    "wav": ("PCM_16", "PCM_24", "FLOAT", "IMA_ADPCM", "ULAW"),
    "flac": ("PCM_16", "PCM_24"),
    "ogg": ("VORBIS", "OPUS"),
    "mp3": (None,),
}


def read_audio(at: Path) -> None:
    for _ in stream_channels(next(at.glob("x.*"))):
        pass
