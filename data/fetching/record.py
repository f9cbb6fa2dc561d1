"""NAME.fetch.json: from where a corpus was fetched, when, and the checksum of each file."""

from __future__ import annotations

import datetime
import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from ...errors import DataError
from ..stores.reading import unreadable


@dataclass(frozen=True)
class Stamp:
    """SHA-256, in hexadecimal digits, and size of a file."""

    sha256: str
    n_bytes: int


@dataclass(frozen=True)
class Record:
    """What is known of a corpus's files; `when` is the date of the first, as YYYY-MM-DD."""

    name: str
    base_url: str = ""
    when: str = ""
    files: dict[str, Stamp] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path, name: str) -> Record:
        """The record at `path`, an empty one where there is none. Raises DataError E409, E485."""
        try:
            said = json.loads(path.read_text(encoding="utf-8"))
            files = {
                str(file): Stamp(str(one["sha256"]), int(one["n_bytes"]))
                for file, one in said["files"].items()
            }
            return cls(name, str(said["base_url"]), str(said["when"]), files)
        except FileNotFoundError:
            return cls(name)
        except OSError as error:
            raise unreadable(path, error) from error
        # A damaged record is not taken for none: then files would count as fetched that nobody can vouch for.
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise DataError(
                f"'{path}' is damaged: it should record what was fetched",
                code="E485",
                help="move it and the files of the corpus away, and fetch again",
            ) from error

    def plus(self, file: str, stamp: Stamp, base_url: str) -> Record:
        """With one file more, that came today from `base_url`."""
        # Date and address are those of the first file: the record tells where the corpus as a whole is from.
        when = (
            self.when or datetime.datetime.now(datetime.timezone.utc).date().isoformat()
        )
        return replace(
            self,
            base_url=self.base_url or base_url,
            when=when,
            files=self.files | {file: stamp},
        )

    def text(self) -> str:
        return json.dumps(asdict(self), indent=1, ensure_ascii=False) + "\n"
