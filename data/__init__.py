"""Corpora: opening, writing, checking and splitting them, and their annotations on the frames of a feature.

    from mirbricks.data import Corpus

    for item in Corpus.open("corpora/bach10"):
        wave, sr_hz = item.read()

Names are loaded on first use: importing `mirbricks.data` costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..lazy import face

# The errors of this room can be raised once it is imported.
from . import codes as codes

if TYPE_CHECKING:
    from .check import Findings as Findings
    from .check import check_corpus as check_corpus
    from .corpus import Corpus as Corpus
    from .frames import breakpoints_to_frames as breakpoints_to_frames
    from .frames import frame_times as frame_times
    from .frames import markers_to_frames as markers_to_frames
    from .frames import notes_to_roll as notes_to_roll
    from .frames import segments_to_classes as segments_to_classes
    from .importers import Importer as Importer
    from .importers import Recording as Recording
    from .importers import importer as importer
    from .info import describe as describe
    from .items import FeatureItem as FeatureItem
    from .items import Item as Item
    from .mixes import Mix as Mix
    from .mixes import stem_mixes as stem_mixes
    from .pyjama.file import Atom as Atom
    from .pyjama.file import Atoms as Atoms
    from .pyjama.file import Definition as Definition
    from .pyjama.file import Entry as Entry
    from .pyjama.file import Pyjama as Pyjama
    from .splitting.splits import Split as Split
    from .splitting.splits import k_fold as k_fold
    from .splitting.store import make_split as make_split
    from .splitting.store import store_split as store_split
    from .splitting.stored import by_annotation as by_annotation
    from .splitting.stored import by_fold as by_fold
    from .stores.atomic import written_whole as written_whole
    from .stores.hdf5 import AudioStore as AudioStore
    from .stores.hdf5 import FeatureStore as FeatureStore
    from .stores.hdf5 import write_audio as write_audio
    from .stores.hdf5 import write_features as write_features
    from .stores.player import Audio as Audio
    from .synth.example import example as example
    from .synth.polyphony import synthesise_polyphony as synthesise_polyphony
    from .synth.sampled_corpus import synthesise_sampled as synthesise_sampled

_HOMES = {
    "Atom": "pyjama.file",
    "Atoms": "pyjama.file",
    "Audio": "stores.player",
    "AudioStore": "stores.hdf5",
    "Corpus": "corpus",
    "Definition": "pyjama.file",
    "Entry": "pyjama.file",
    "FeatureItem": "items",
    "FeatureStore": "stores.hdf5",
    "Findings": "check",
    "Importer": "importers",
    "Item": "items",
    "Mix": "mixes",
    "Pyjama": "pyjama.file",
    "Recording": "importers",
    "Split": "splitting.splits",
    "breakpoints_to_frames": "frames",
    "by_annotation": "splitting.stored",
    "by_fold": "splitting.stored",
    "check_corpus": "check",
    "describe": "info",
    "example": "synth.example",
    "frame_times": "frames",
    "importer": "importers",
    "k_fold": "splitting.splits",
    "make_split": "splitting.store",
    "markers_to_frames": "frames",
    "notes_to_roll": "frames",
    "segments_to_classes": "frames",
    "stem_mixes": "mixes",
    "store_split": "splitting.store",
    "synthesise_polyphony": "synth.polyphony",
    "synthesise_sampled": "synth.sampled_corpus",
    "write_audio": "stores.hdf5",
    "write_features": "stores.hdf5",
    "written_whole": "stores.atomic",
}

__getattr__, __dir__, __all__ = face(__name__, _HOMES)
