"""The file of a shard of an evaluation: what its tracks add, and of which evaluation it is a part."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import safetensors
import safetensors.torch
import torch
from torch import Tensor

from ..data.shards import Shard
from ..data.stores.atomic import written_whole
from ..data.stores.reading import unreadable
from ..errors import DataError, RunError
from ..printable import listed
from ..tasks.base import Figures

KIND = "mirbricks shard of an evaluation 1"
WORDS = "words"  # the tensor that holds the plain values, as JSON
MOST_LISTED = 8
_NAME = re.compile(r"shard-([1-9]\d{0,8})-of-([1-9]\d{0,8})\.safetensors")


@dataclass(frozen=True)
class PartOfRun:
    """What a shard has found of one run, or of one fold.

    digest   a hash of the weights and of the keys of all tracks
    figures  by track plain values, and tensors where recordings are compared with one another
    failed   code and message of every recording that could not be used
    """

    digest: str
    figures: Mapping[str, Figures]
    failed: list[tuple[str, str]]

    def errors(self) -> list[DataError]:
        return [DataError(message, code=code) for code, message in self.failed]


@dataclass(frozen=True)
class ShardFile:
    """A part of an evaluation, in its file.

    about  what the evaluation is of, in words: shards of other words do not belong together
    runs   of every fold what was found, in their order
    """

    shard: Shard
    about: dict[str, str]
    runs: list[PartOfRun]

    @property
    def failed(self) -> bool:
        """Whether a recording could not be used."""
        return any(part.failed for part in self.runs)

    def save(self, folder: Path) -> Path:
        """Write the file, whole. Raises DataError E408."""
        tensors: dict[str, Tensor] = {}
        runs = []
        for number, part in enumerate(self.runs):
            plain: dict[str, Figures] = {}
            for key, figures in part.figures.items():
                plain[key] = {}
                for name, value in figures.items():
                    if isinstance(value, Tensor):
                        tensors[f"{number}/{name}/{key}"] = value.contiguous()
                    else:
                        plain[key][name] = value
            one = {"digest": part.digest, "figures": plain, "failed": part.failed}
            runs.append(one)
        # NaN is written as NaN: what is joined must be what an evaluation in one piece has.
        words = json.dumps({"about": self.about, "runs": runs}).encode()
        # A tensor, since the head of the file has room for 100 MB only.
        tensors[WORDS] = torch.from_numpy(np.frombuffer(words, np.uint8).copy())
        path = path_of(folder, self.shard)
        with written_whole(path) as temporary:
            temporary.write_bytes(safetensors.torch.save(tensors, {"kind": KIND}))
        return path

    @classmethod
    def load(cls, folder: Path, shard: Shard) -> ShardFile:
        """Raises RunError E637 for a file that `save` has not written, or that is damaged."""
        path = path_of(folder, shard)
        try:
            with safetensors.safe_open(path, framework="pt") as file:
                if dict(file.metadata() or {}).get("kind") != KIND:
                    raise ValueError("it is not one of ours")
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # not a dict
            words = json.loads(tensors.pop(WORDS).numpy().tobytes())
            runs = []
            for part in words["runs"]:
                failed = [(str(code), str(text)) for code, text in part["failed"]]
                digest = str(part["digest"])
                runs.append(PartOfRun(digest, dict(part["figures"]), failed))
            for place, value in tensors.items():
                number, name, key = place.split("/", 2)
                runs[int(number)].figures[key][name] = value
            about = {str(name): str(value) for name, value in words["about"].items()}
        except (
            OSError,
            ValueError,
            TypeError,
            AttributeError,
            LookupError,
            RecursionError,
            safetensors.SafetensorError,
        ) as error:
            raise RunError(
                f"'{path}' is not a shard of an evaluation: {' '.join(str(error).split())}",
                code="E637",
                help="remove the file, and evaluate this shard again",
            ) from error
        return cls(shard, about, runs)


def path_of(folder: Path, shard: Shard) -> Path:
    """Where a shard is written."""
    return folder / f"shard-{shard.number}-of-{shard.of}.safetensors"


def shards_in(folder: Path) -> list[Shard]:
    """The shards that are there, by number. Raises DataError E409, RunError E636 for shards of several divisions."""
    try:
        names = [path.name for path in folder.iterdir()]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise unreadable(folder, error) from error
    matches = [match for name in names if (match := _NAME.fullmatch(name))]
    found = sorted(Shard(int(one[1]), int(one[2])) for one in matches)
    refuse_several(folder, {one.of for one in found})
    return found


def refuse_several(folder: Path, counts: set[int]) -> None:
    """Raise RunError E636 for shards of divisions into several numbers of parts."""
    if len(counts) < 2:
        return
    parts = " and into ".join(str(count) for count in sorted(counts))
    raise RunError(
        f"shards of a division into {parts} parts do not belong together in '{folder}'",
        code="E636",
        help="give --out another folder, or remove the files of the other division",
    )


def refuse_other(file: ShardFile, about: Mapping[str, str], folder: Path) -> None:
    """Raise RunError E636 for a shard that is about something else."""
    facts = []
    for name, here in about.items():
        there = file.about.get(name, "none")
        if there != here:
            facts.append((name, f"{there} there, {here} here"))
    if facts:
        raise other_evaluation(file, folder, facts)


def other_evaluation(
    file: ShardFile, folder: Path, facts: list[tuple[str, str]]
) -> RunError:
    """RunError E636 for a shard of another evaluation."""
    return RunError(
        f"'{path_of(folder, file.shard)}' is a shard of another evaluation",
        code="E636",
        facts=facts,
        help="give --out another folder, or remove the file to evaluate the shard again",
    )


def refuse_missing(folder: Path, there: list[Shard]) -> None:
    """Raise RunError E636 where shards are missing."""
    missing = missing_of(there)
    if there and not missing:
        return
    if not there:
        raise RunError(
            f"'{folder}' holds no shard of an evaluation",
            code="E636",
            help="run them first, with the same --out: --shard 1/16 to --shard 16/16",
        )
    of = there[0].of
    numbers = listed([str(number) for number in missing], MOST_LISTED, quote="")
    raise RunError(
        f"{len(missing)} of {of} shards are not in '{folder}'",
        code="E636",
        facts=[("missing", numbers)],
        help=f"run them with the same words: --shard {missing[0]}/{of}",
    )


def missing_of(there: list[Shard]) -> list[int]:
    """The numbers of the shards that are not there; without any all would be missing, and how many is not known."""
    if not there:
        return []
    numbers = {one.number for one in there}
    return [number for number in range(1, there[0].of + 1) if number not in numbers]
