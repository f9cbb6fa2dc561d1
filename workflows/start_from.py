"""A training that begins with the weights of another one."""

from __future__ import annotations

from torch import nn

from ..errors import RunError, did_you_mean
from ..printable import listed
from ..runs.folder import RunFolder

MOST_LISTED = 4  # of the tensors that are new


def start_from(model: nn.Module, source: str) -> str:
    """Take from a run, a packed model or `zoo:NAME` every weight whose name and shape the model has.

    Returns what was taken, in words. Raises RunError E607 where nothing fits, and what opening the run raises.
    """
    run = RunFolder.open(source)
    given, _ = run.read_weights()
    wanted = model.state_dict()
    taken = {}
    # Name and shape decide, so that a head with other labels is left as it was drawn.
    for name, tensor in given.items():
        if name in wanted and tensor.shape == wanted[name].shape:
            taken[name] = tensor
    # a model of other layers shares a name or two by chance
    if len(taken) < len(wanted) / 2:
        near = did_you_mean(next(iter(wanted)), given)
        raise RunError(
            f"{len(taken)} of {len(wanted)} tensors of the graph are in '{source}': they are other models",
            code="E607",
            facts=[
                ("graph", f"'{next(iter(wanted))}', ..."),
                ("given", f"'{next(iter(given))}', ..."),
            ],
            help=near or "start from a model of the same layers, with the same names",
        )
    model.load_state_dict(taken, strict=False)
    new = [name for name in wanted if name not in taken]
    text = f"{len(taken)} of {len(wanted)} tensors are those of '{source}'"
    if new:
        text += f"; drawn at random: {listed(new, MOST_LISTED, quote='')}"
    return text
