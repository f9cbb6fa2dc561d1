"""Older spellings of the .pyjama format, brought to today's while a file is read.

Up to 1.31 the documentation spells the fields of a definition `typeExtent`, `typeContent`, `typeConstraint` and
`columnName`, and their words `breakpointTime`, `filePath` and `valueInDictionary`. A definition with column names
(`columnName`, `column_name`) holds its curves with a row a time, (T, rows); since 1.4 `row_name` names the rows of
(rows, T). What is read in the old form is saved in the new one.
"""

from __future__ import annotations

from typing import Any

from .atoms import Atoms

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


def modernise(raw: Any) -> None:
    """Rename and turn what is of the older form, in place; what has no such form is left as it is."""
    if isinstance(raw, dict):
        collection = raw.get("collection")
    else:
        collection = None
    if isinstance(collection, dict):
        definitions = collection.get("descriptiondefinition")
    else:
        definitions = None
    if not isinstance(collection, dict) or not isinstance(definitions, dict):
        return
    turned = set()
    for name, definition in definitions.items():
        if isinstance(definition, dict) and not definition.keys().isdisjoint(_FIELDS):
            new = {
                _FIELDS.get(key, key): _word(value) for key, value in definition.items()
            }
            definitions[name] = new
            if not definition.keys().isdisjoint(_COLUMNS) and str(
                new.get("type_extent")
            ).startswith("breakpoint"):
                turned.add(name)
    entries = collection.get("entry")
    for entry in entries if turned and isinstance(entries, list) else []:
        for name in turned & entry.keys() if isinstance(entry, dict) else ():
            if isinstance(entry[name], Atoms):
                entry[name] = Atoms(
                    [
                        {**row, "value": _turned(row["value"])}
                        for row in entry[name].rows()
                    ]
                )


def _word(value: Any) -> Any:
    if isinstance(value, str):
        return _WORDS.get(value, value)
    return value


def _turned(value: Any) -> Any:
    """(T, rows) to (rows, T); what is no matrix stays for the check to name."""
    if (
        not isinstance(value, list)
        or not value
        or not all(isinstance(row, list) for row in value)
    ):
        return value
    if len({*map(len, value)}) == 1:
        return [list(row) for row in zip(*value, strict=True)]
    return value
