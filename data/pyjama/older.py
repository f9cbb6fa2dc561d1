"""Older spellings of the .pyjama format, brought to today's while a file is read.

Up to 1.31 the documentation spells the fields of a definition `typeExtent`, `typeContent`, `typeConstraint` and
`columnName`, and their words `breakpointTime`, `filePath` and `valueInDictionary`. A definition with column names
(`columnName`, `column_name`) holds its curves with a row for each time, (T, rows), but up to 1.2 with a row for each
name; since 1.4 `row_name` names the rows of (rows, T). What is read in the old form is saved in the new one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .atoms import Atoms
from .definitions_check import version_of

COLUMNS_SINCE = 1.3  # the schema version
_COLUMNS = ("columnName", "column_name")
_FIELDS = {
    "typeExtent": "type_extent",
    "typeContent": "type_content",
    "typeConstraint": "type_constraint",
    **dict.fromkeys(_COLUMNS, "row_name"),
    "isTable": "is_table",
    "isEditable": "is_editable",
    "isFilter": "is_filter",
}
_WORDS = {
    "breakpointTime": "breakpoint_time",
    "breakpointValue": "breakpoint_value",
    "filePath": "filepath",
    "valueInDictionary": "value_in_dictionary",
}


def modernise(raw: Any) -> bool:
    """Rename and turn what is of the older form, in place; return whether there was anything of it."""
    collection = raw.get("collection") if isinstance(raw, dict) else None
    if not isinstance(collection, dict):
        return False
    definitions = collection.get("descriptiondefinition")
    if not isinstance(definitions, dict):
        return False

    # Only definitions that use the older words are touched: today's files pass through as they are.
    older = {
        name: definition
        for name, definition in definitions.items()
        if isinstance(definition, dict) and not definition.keys().isdisjoint(_FIELDS)
    }
    turned = {}
    for name, definition in older.items():
        new = {_FIELDS.get(key, key): _word(value) for key, value in definition.items()}
        definitions[name] = new
        is_curve = str(new.get("type_extent")).startswith("breakpoint")
        if is_curve and not definition.keys().isdisjoint(_COLUMNS):
            turned[name] = new["row_name"]
    entries = collection.get("entry")
    if isinstance(entries, list):
        # The version decides where the sizes leave open which axis is time.
        by_rows = (version_of(raw.get("schemaversion")) or 0.0) < COLUMNS_SINCE
        for entry in entries:
            _turn(entry, turned, by_rows)
    return bool(older)


def _turn(entry: Any, names: Mapping[str, Any], by_rows: bool) -> None:
    """Turn the curves of an entry that have a row for each time."""
    if not isinstance(entry, dict):
        return
    for name in names.keys() & entry.keys():
        atoms = entry[name]
        if isinstance(atoms, Atoms):
            rows = [
                {**row, "value": _turned(row["value"], names[name], by_rows)}
                for row in atoms.rows()
            ]
            entry[name] = Atoms(rows)


def _word(value: Any) -> Any:
    if isinstance(value, str):
        return _WORDS.get(value, value)
    return value


def _turned(value: Any, names: Any, by_rows: bool) -> Any:
    """(T, rows) to (rows, T); what is not a matrix stays for the check to report."""
    is_matrix = isinstance(value, list) and all(isinstance(row, list) for row in value)
    if not value or not is_matrix or len({*map(len, value)}) != 1:
        return value
    # The names say which axis is which, unless both are as long as they are many.
    n_names = len(names) if isinstance(names, list) else 0
    fits_rows = len(value) == n_names
    fits_columns = len(value[0]) == n_names
    is_right = by_rows if fits_rows == fits_columns else fits_rows
    if is_right:
        return value
    return [list(row) for row in zip(*value, strict=True)]
