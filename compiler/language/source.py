"""YAML text to plain values, with the place of every key and value kept beside them.

`Source.data` is plain Python (dict, list, str, int, float, bool, None). The place of ``data["layers"][2]["Conv2d"]``
is ``source.value(("layers", 2, "Conv2d"))``, that of its key ``source.key(...)``. Nothing in a file is executed:
tags are refused, and size, depth and the number of values (aliases expanded) are bounded.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.reader import ReaderError

from ...errors import GraphError, Where, did_you_mean, raise_all
from ...zoo import graphs, hint_for, names
from .places import MAX_DEPTH, Places
from .places import MAX_VALUES as MAX_VALUES
from .places import Steps as Steps
from .yaml_mistakes import no_character, refuse_deep, syntax_error

MAX_BYTES = 250_000


@dataclass(frozen=True)
class Source:
    """The values of a YAML file and their places; `text` is the file as it was read."""

    file: str
    data: Any
    keys: Mapping[Steps, Where] = field(default_factory=dict, repr=False)
    values: Mapping[Steps, Where] = field(default_factory=dict, repr=False)
    text: str = field(default="", repr=False)

    def key(self, steps: Steps) -> Where:
        """Place of a key; of the value where there is no key (an item of a list)."""
        return self.keys.get(steps) or self.value(steps)

    def value(self, steps: Steps) -> Where:
        """Place of a value; of the nearest thing around it where the value itself is not in the file."""
        while steps and steps not in self.values:
            steps = steps[:-1]
        return self.values.get(steps) or Where(self.file, 1, 1)

    def whole(self) -> Where:
        """The file itself, for what is missing in it."""
        return Where(self.file, 1, 1)

    def part(self, steps: Steps, text: str) -> Where:
        """Place of `text` inside the value at `steps`; of the whole value where it does not stand there as it is."""
        whole = self.value(steps)
        at = whole.text.find(text, whole.column - 1)
        if at >= 0:
            return replace(whole, column=at + 1, length=len(text))
        return whole


def read_file(path: str | Path) -> Source:
    """Read a YAML file; raises `GraphError` where it is missing, too large, no text or no YAML."""
    return read_text(_text_of(Path(path)), str(path))


def read_part(path: Path) -> Source:
    """As `read_file`, for a file that a graph names: an editor reads it at every key, and it stays what it is."""
    return _part(_text_of(path), str(path))


@lru_cache(maxsize=64)
def _part(text: str, file: str) -> Source:
    return read_text(text, file)


def _text_of(path: Path) -> str:
    where = Where(str(path), 1, 1)
    try:
        # One byte more than allowed shows that there are too many, without reading them.
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
        if len(raw) <= MAX_BYTES:
            text = raw.decode("utf-8")
        else:
            text = None
    except OSError as error:
        message = f"'{path}' cannot be read: {error.strerror}"
        help = _next_step(path)
        raise GraphError(message, code="E101", help=help) from None
    except UnicodeDecodeError as error:
        message = f"not UTF-8 text: byte {error.start} cannot be decoded"
        raise GraphError(
            message, code="E101", where=where, help="save the file as UTF-8"
        ) from None
    if text is None:
        message = f"larger than {MAX_BYTES:,} bytes: this is not a graph file"
        raise GraphError(message, code="E103", where=where, help="give a graph file")
    return text


def _next_step(path: Path) -> str:
    """The help for a file that cannot be read: the name that may have been meant, or what the folder holds."""
    if str(path) in names() or path.is_dir():
        near = hint_for(path)
    else:
        near = did_you_mean(str(path), graphs())
    return near or "give the path of a graph file, or the name of a shipped one"


def read_dict(values: Mapping[str, Any], name: str = "<dict>") -> Source:
    """A dict as if it had been written in a file; its places are those in the YAML text it makes."""
    stream = io.StringIO()
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]  # ruamel declares it None
    try:
        yaml.dump(_plain(values), stream)
    except YAMLError as error:
        message = f"the graph holds a value that YAML has no form for: {str(error).splitlines()[0]}"
        raise GraphError(
            message,
            code="E101",
            help="use dicts, lists, strings, numbers, true and false",
        ) from None
    return read_text(stream.getvalue(), name)


def _plain(value: Any) -> Any:
    """Mappings, lists and tuples of any kind as dict and list."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value


def read_text(text: str, file: str) -> Source:
    """Values and places of one YAML document; raises `GraphError`."""
    lines = text.splitlines()
    yaml = YAML(typ="safe", pure=True)
    # YAML lets a later anchor of the same name hold from there on: nothing to warn of.
    yaml.composer.warn_double_anchors = False
    refuse_deep(text, file, lines)
    try:
        root = yaml.compose(io.StringIO(text))
    except MarkedYAMLError as error:
        raise syntax_error(error, file, lines) from None
    except (ReaderError, ValueError, OverflowError) as error:
        raise no_character(error, text, file) from None
    except RecursionError:
        message = f"nested deeper than {MAX_DEPTH}: this is not a graph"
        raise GraphError(
            message,
            code="E103",
            where=Where(file, 1, 1),
            help="remove the aliases or nesting",
        ) from None
    except YAMLError as error:
        message = f"not YAML: {str(error).splitlines()[0]}"
        raise GraphError(
            message,
            code="E102",
            where=Where(file, 1, 1),
            help="save the file as plain YAML",
        ) from None
    reader = Places(file, lines, yaml)
    if root is not None:
        data = reader.read(root, (), 0)
    else:
        data = None
    raise_all(reader.errors)
    return Source(file, data, reader.keys, reader.values, text)
