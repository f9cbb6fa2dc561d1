"""The written file beside the graph: it is run once, and must give the same outputs to the bit."""

from __future__ import annotations

import copy
import sys
import types

from torch import nn

from ...errors import GraphError
from ..inference.trial import run, same, trial_inputs
from ..module import GraphModule

NAME = "ejected_model"


def check_ejected(text: str, model: GraphModule) -> None:
    """Run the `Model` of a written file with the weights of `model`, in eval mode, at a size that fits.

    Raises `GraphError` E702 where it cannot be run, or where one bit of its outputs differs.
    """
    original = copy.deepcopy(model).cpu().eval()
    inputs = trial_inputs(original, original.free_sizes)
    problem = None
    try:
        written = model_of(text)
        written.load_state_dict(original.state_dict())
        if not same(run(original, inputs), run(written.eval(), inputs)):
            problem = "the outputs differ"
    except Exception as error:
        problem = f"{type(error).__name__}: {' '.join(str(error).split())}"
    if problem:
        message = "the file does not do what the graph does, so it is not written"
        raise GraphError(
            message,
            code="E702",
            facts=[("problem", problem)],
            help="please report it with the graph",
        )


def model_of(text: str) -> nn.Module:
    """The model of a written file, with fresh weights."""
    module = types.ModuleType(NAME)
    sys.modules[NAME] = module  # dataclasses look there for what their annotations mean
    try:
        exec(compile(text, f"<{NAME}>", "exec"), vars(module))
        model: nn.Module = module.Model()
        return model
    finally:
        del sys.modules[NAME]
