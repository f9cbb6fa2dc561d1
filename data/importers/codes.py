"""The error codes of importers."""

from __future__ import annotations

from ...errors import register_codes

CODES = {
    "E433": "An import leaves a file out that it cannot place: its kind, its folder, or a name that cannot be a key.",
    "E434": "Another process is importing into this folder. Two imports would mix their files.",
    "E461": "Corpora are imported by kind; `mirbricks data kinds` lists them. Not every kind can be exported.",
    "E462": "An import found nothing to import. `mirbricks data kinds` lists what each kind reads.",
    "E463": "An annotation file, or a row of it, cannot be read. Its recording is left out; the others are imported.",
    "E464": "--set KEY=VALUE sets an option of an importer; columns have the names in the first line of the table.",
    "E465": "Audio without an annotation is left out of an import: nothing would be known about it.",
    "E466": "An annotation without its audio is left out of an import, unless --no-audio asks for annotations only.",
    "E467": "An import goes to a folder without a corpus, an export to one that is not there yet or is empty.",
    "E468": "A package that an importer needs is not installed. Optional packages come with an extra.",
    "E469": "The layout of an export has no place for something in the corpus. What it has a place for is written.",
}
register_codes(__name__, CODES)
