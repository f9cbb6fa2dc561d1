"""The weights of published networks, from files that the user has: nothing is ever fetched."""

from __future__ import annotations

import os
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import torch
from torch import Tensor, nn

from ...errors import DataError
from ...printable import listed

LISTED = 3  # missing weights that a message names
VARIABLE = "MIRBRICKS_WEIGHTS"


def weights_folder() -> Path:
    """MIRBRICKS_WEIGHTS, else a folder among the user's data."""
    given = os.environ.get(VARIABLE)
    if given:
        return Path(given)
    base = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    return base / "mirbricks" / "weights"


def located_weights(name: str, given: str | None, usual: str, source: str) -> Path:
    """Where the weights of a network lie: where the user says, else under their usual name in the folder of weights.

    Raises DataError E663 where nothing is there, with what to fetch and where to put it.
    """
    path = Path(given) if given else weights_folder() / usual
    if path.exists():
        return path
    raise DataError(
        f"there are no weights of '{name}' at '{path}'",
        code="E663",
        facts=[("fetch", source)],
        help=f"put it there, or name where it lies: --embedding {name}:PATH",
    )


def read_weights(name: str, path: Path) -> dict[str, Tensor]:
    """The tensors of a .safetensors file, or of a checkpoint of torch of which only tensors and numbers are read.

    Raises DataError E664 for anything else.
    """
    try:
        if path.suffix == ".safetensors":
            return safetensors.torch.load_file(path)
        # A checkpoint of PANN keeps the state of its sampler, which is an array of NumPy.
        with torch.serialization.safe_globals(_of_numpy()):
            content = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, ValueError, EOFError) as error:
        raise _other(name, path, _first_line(error)) from error
    except (pickle.UnpicklingError, safetensors.SafetensorError) as error:
        raise _other(name, path, _first_line(error)) from error
    if isinstance(content, Mapping) and isinstance(content.get("model"), Mapping):
        content = content["model"]
    if not isinstance(content, Mapping):
        raise _other(name, path, f"it holds a {type(content).__name__}")
    return {key: value for key, value in content.items() if isinstance(value, Tensor)}


def fill(
    name: str, path: Path, module: nn.Module, weights: Mapping[str, Tensor]
) -> None:
    """Put the weights into a network, in eval() mode; what it does not have is left out. Raises DataError E664."""
    wanted = module.state_dict()
    # Batches that a normalisation has seen are counted only in newer checkpoints, and change nothing.
    counted = "num_batches_tracked"
    missing = [key for key in wanted if key not in weights and counted not in key]
    if missing:
        raise _other(name, path, f"without {listed(missing, LISTED)}")
    for key, tensor in wanted.items():
        if key in weights and weights[key].shape != tensor.shape:
            came = tuple(weights[key].shape)
            raise _other(
                name, path, f"'{key}' is {came}, and must be {tuple(tensor.shape)}"
            )
    kept = {key: weights[key].float() for key in wanted if key in weights}
    module.load_state_dict(kept, strict=False)
    module.eval()
    module.requires_grad_(False)


def _other(name: str, path: Path, why: str) -> DataError:
    return DataError(
        f"'{path}' does not hold the weights of '{name}'",
        code="E664",
        facts=[("found", why)],
        help=f"`mirbricks judge --embedding {name}` without a file says which one to fetch",
    )


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0]


def _of_numpy() -> list[Any]:
    """What arrays of plain numbers in a checkpoint are made by; it runs nothing of the file's own."""
    reconstruct = np.zeros(1).__reduce__()[0]
    dtypes = [type(np.dtype(kind)) for kind in ("i4", "i8", "f4", "f8")]
    # Files of NumPy 1 call the same function by the name that it had then.
    older = (reconstruct, "numpy.core.multiarray._reconstruct")
    return [reconstruct, older, np.ndarray, np.dtype, *dtypes]
