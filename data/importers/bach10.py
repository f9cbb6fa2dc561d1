"""Bach10's own layout (Duan, Pardo & Zhang, 2010): a folder a piece, the parts beside the ensemble, pitches in .mat."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import scipy.io
from numpy.typing import NDArray

from ...errors import DataError
from ..pyjama.file import Atom, Definition
from ..stores.audio import AUDIO_ENDINGS
from ..stores.reading import unreadable
from .beside import without_place
from .contract import Importer, Recording, importer
from .destination import Destination, Stored, without_ending
from .guarded import guarded
from .walk import files_below

# frame n, from 0, is at FIRST_S + n * HOP_S
FIRST_S = 0.023
HOP_S = 0.01
PARTS = ("violin", "clarinet", "saxophone", "bassoon")  # the rows of GTF0s
SPELT = {"saxphone": "saxophone"}  # as the data set spells it
DEFINITIONS = {
    "piece": Definition("global", "text"),
    "instrument": Definition("global", "text"),
    "f0": Definition("breakpoint", "numeric", row_name=["f0_midi"]),
    "f0multi": Definition(
        "breakpoint", "numeric", row_name=[f"f0_midi_{part}" for part in PARTS]
    ),
    "pitchmidi": Definition("segment", "numeric"),
}
Float64 = NDArray[np.float64]


@importer(
    "bach10",
    "Bach10: a folder for each piece, with PIECE.wav, PIECE-violin.wav ... and PIECE-GTF0s.mat",
)
class Bach10(Importer):
    """PIECE.wav gets `f0multi` (MIDI numbers, 0 where a part is silent) and each part `f0`; keys are file names.

    PIECE-GTNotes.mat, where there is one, gives the parts `pitchmidi`: a cell for each part, in it a cell for each
    note, 2 rows: the numbers of its frames, from 1, and the pitch in each; its median is the value.
    """

    definitions = DEFINITIONS

    def recordings(self, source: Path) -> Iterator[Recording | DataError]:
        errors: list[DataError] = []
        files = set(files_below(source, errors))
        yield from errors
        sounds = sorted(path for path in files if path.suffix.lower() in AUDIO_ENDINGS)
        claimed: set[Path] = set()
        for mat in sorted(path for path in files if path.name.endswith("-GTF0s.mat")):
            # The mix is called as the piece, and each part as the piece with its instrument.
            piece = mat.name.removesuffix("-GTF0s.mat")
            of_piece = [
                p
                for p in sounds
                if p.parent == mat.parent and f"{p.stem}-".startswith(f"{piece}-")
            ]
            claimed.update(of_piece)
            yield from guarded(mat, functools.partial(_piece, piece, of_piece, mat))
        # What no piece has claimed would otherwise be missing without a word.
        for path in sounds:
            if path not in claimed:
                yield DataError(
                    f"'{path}' has no annotation: no -GTF0s.mat file of its piece",
                    code="E465",
                )

    def export(self, corpus: Sequence[Stored], to: Destination) -> Iterator[DataError]:
        yield from without_place(
            corpus, "bach10", lambda _: (*self.definitions, "stem_of")
        )

        # The ensemble's curves make a piece; stems are found through it, and what belongs to none is reported.
        mixes = [
            stored
            for stored in corpus
            if len(stored.entry.annotations.get("f0multi", ()))
        ]
        placed = {stored.key for stored in mixes}
        for mix in mixes:
            stems = [stored for stored in corpus if stored.stem_of == mix.key]
            placed.update(stored.key for stored in stems)
            try:
                _write_piece(mix, stems, to)
            except DataError as error:
                yield error
        for stored in corpus:
            if stored.key not in placed:
                yield DataError(
                    f"'{stored.key}' has no 'f0multi' and is not part of a recording that has it",
                    code="E469",
                )


def _piece(
    piece: str, sounds: Sequence[Path], mat: Path
) -> Iterator[Recording | DataError]:
    rows = np.atleast_2d(np.asarray(_matrix(mat, "GTF0s"), np.float64))
    mix = next((path for path in sounds if path.stem == piece), None)
    if mix is None:
        raise DataError(
            f"'{mat}' has no audio: no '{piece}.wav' beside it", code="E466"
        )
    if len(rows) != len(PARTS) or not np.isfinite(rows).all():
        facts = [("shape", str(rows.shape))]
        raise DataError(
            f"'{mat}': expected a matrix of {len(PARTS)} rows of MIDI numbers",
            code="E463",
            facts=facts,
        )

    # The pitches are a matrix without times: frame n is centred on FIRST_S + n HOP_S, to the millisecond.
    times = [round(FIRST_S + HOP_S * frame, 3) for frame in range(rows.shape[1])]
    # The mix has the curves of all parts; each part has its own row, and its notes where there are some.
    notes = _notes(mat.with_name(f"{piece}-GTNotes.mat"))
    about = {"piece": [Atom(piece)]}
    names = [Atom(part) for part in PARTS]
    yield Recording(
        mix.name,
        (mix,),
        {**about, "instrument": names, "f0multi": [Atom(rows.tolist(), times)]},
        read_from=(mat,),
    )
    for path in sounds:
        if path == mix:
            continue
        # Some files spell the instrument otherwise than the paper.
        word = path.stem[len(piece) + 1 :]
        part = SPELT.get(word, word)
        if part not in PARTS:
            yield DataError(
                f"'{path}' is not part of Bach10: {', '.join(PARTS)}", code="E433"
            )
            continue
        index = PARTS.index(part)
        own = {**about, "instrument": [Atom(part)], "stem_of": [Atom(mix.name)]}
        own["f0"] = [Atom([rows[index].tolist()], times)]
        if index < len(notes):
            own["pitchmidi"] = notes[index]
        yield Recording(path.name, (path,), own, read_from=(mat,))


def _matrix(path: Path, name: str) -> Any:
    """A variable of a MATLAB file. Raises DataError E463, E409."""
    try:
        return scipy.io.loadmat(path)[name]
    except KeyError as error:
        raise DataError(f"'{path}' has no variable '{name}'", code="E463") from error
    except OSError as error:
        raise unreadable(path, error) from error
    except Exception as error:  # whatever scipy meets in a damaged file
        reason = " ".join(str(error).split())
        raise DataError(
            f"'{path}' is not a MATLAB file, or is damaged: {reason}", code="E463"
        ) from error


def _notes(path: Path) -> list[list[Atom]]:
    """The notes of each part; none where there is no file."""
    if not path.exists():
        return []
    parts = []
    for cell in np.ravel(_matrix(path, "GTNotes")):
        atoms = []
        for note in np.ravel(cell):
            matrix = np.asarray(note, np.float64)
            if matrix.ndim != 2 or 2 not in matrix.shape or not matrix.size:
                raise DataError(
                    f"'{path}': a note is 2 rows, frames and pitches, not {matrix.shape}",
                    code="E463",
                )
            # MATLAB users turn matrices as they like: the side of two is that of frames and pitches.
            if matrix.shape[0] == 2:
                frames, pitches = matrix
            else:
                frames, pitches = matrix.T
            # Frames are numbered from 1.
            time = round(FIRST_S + HOP_S * (float(frames.min()) - 1), 3)
            atoms.append(
                Atom(
                    float(np.median(pitches)),
                    time,
                    round(HOP_S * (float(np.ptp(frames)) + 1), 3),
                )
            )
        parts.append(atoms)
    return parts


def _write_piece(mix: Stored, stems: Sequence[Stored], to: Destination) -> None:
    rows, times = mix.entry.breakpoints("f0multi")
    # The layout has no place for times, so only Bach10's own frames can be written.
    expected = FIRST_S + HOP_S * np.arange(len(times))
    if len(rows) != len(PARTS) or np.abs(times - expected).max() > 1e-6:
        raise DataError(
            f"'{mix.key}': expected {len(PARTS)} voices at {FIRST_S} + {HOP_S} n seconds, as Bach10 has them",
            code="E469",
            facts=[
                ("voices", str(len(rows))),
                ("times", f"{times[0]} to {times[-1]} s, {len(times)} of them"),
            ],
        )
    piece = mix.stem.rpartition("/")[2]
    to.audio(mix, f"{piece}/{piece}")
    cells = np.empty((len(PARTS), 1), object)
    for stem in stems:
        to.audio(stem, f"{piece}/{without_ending(stem.key).rpartition('/')[2]}")
        part = stem.entry.first("instrument")
        notes = stem.entry.annotations.get("pitchmidi", ())
        if part in PARTS and len(notes):
            cells[PARTS.index(part), 0] = _cell(notes, rows[PARTS.index(part)])
    scipy.io.savemat(to.path(f"{piece}/{piece}-GTF0s.mat"), {"GTF0s": rows})

    # Notes of some parts only would be read as those of the first ones.
    if all(cell is not None for cell in cells[:, 0]):
        scipy.io.savemat(to.path(f"{piece}/{piece}-GTNotes.mat"), {"GTNotes": cells})


def _cell(notes: Sequence[Atom], pitches: Float64) -> NDArray[Any]:
    """Notes as cells of frames and pitches, those of the part's own curve where it has them."""
    cell = np.empty((1, len(notes)), object)
    for index, note in enumerate(notes):
        first = round((float(note.time) - FIRST_S) / HOP_S)
        frames = np.arange(first, first + max(1, round(float(note.duration) / HOP_S)))
        inside = frames[(frames >= 0) & (frames < len(pitches))]
        # The median of a part's own curve is how the note was read; anything else was corrected since.
        exact = len(inside) == len(frames) and np.median(pitches[inside]) == note.value
        if exact:
            own = pitches[inside]
        else:
            own = np.full(len(frames), float(note.value))
        cell[0, index] = np.stack([frames + 1.0, own])
    return cell
