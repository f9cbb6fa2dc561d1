"""The properties that every block has, a function each: it returns what is wrong, or None.

A function's name is the property as the message says it.
"""

from __future__ import annotations

import copy
import io
import json
import pickle
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from pydantic import ValidationError
from torch import Tensor

from ..registry import Block
from ..shapes import REST, ContractError, Shape, Token, meets, show
from .trial import SEED, Check, Trial

DRAWS = 8  # of weights and inputs: a unit may be dead, or dropped, in one of them


def shape_is_the_contract(trial: Trial) -> str | None:
    real = as_tuple(trial.block()(*trial.inputs()))
    with torch.device("meta"), torch.no_grad():
        empty = [torch.empty(shape) for shape in trial.shapes]
        meta = as_tuple(trial.block().eval()(*empty))
    n_promised = len(trial.promised)
    if len(real) != n_promised:
        return f"the contract promises {n_promised} outputs, forward made {len(real)}"
    for promise, one, two in zip(trial.promised, real, meta, strict=True):
        made = show(tuple(one.shape))
        if not meets(tuple(one.shape), promise):
            return f"the contract promises {show(promise or ())}, forward made {made}"
        if one.shape != two.shape:
            return f"forward made {made}, the meta device {show(tuple(two.shape))}"
    return None


def output_is_finite(trial: Trial) -> str | None:
    for name, block in (("training", trial.block()), ("eval()", trial.trained())):
        for y in as_tuple(block(*trial.inputs())):
            n_bad = int((~y.isfinite()).sum())
            if n_bad:
                return f"output is not finite: {n_bad} of {y.numel()} values in {name} are NaN or infinite"
    return None


def input_is_not_changed(trial: Trial) -> str | None:
    inputs = trial.inputs()
    kept = [x.clone() for x in inputs]
    for block in (trial.block(), trial.block().eval()):
        block(*inputs)
    if all(map(torch.equal, inputs, kept)):
        return None
    return "forward wrote into its input"


def same_input_gives_the_same_output(trial: Trial) -> str | None:
    block = trial.trained()
    if _same(block, block, trial.inputs()):
        return None
    return "two calls in eval() differ"


def gradients_reach_every_parameter(trial: Trial) -> str | None:
    names = {name for name, _ in trial.block().named_parameters()}
    unreached = names - set(trial.spec.unreached)
    for _ in range(DRAWS):
        for name, gradient in _gradients(trial):
            if not gradient.isfinite().all():
                return f"the gradient of '{name}' is not finite"
            if gradient.abs().sum() > 0:
                unreached.discard(name)
        if not unreached:
            return None
    return f"no gradient reaches {', '.join(map(repr, sorted(unreached)))}"


def _gradients(trial: Trial) -> Iterator[tuple[str, Tensor]]:
    """The gradients of a new block's parameters, then of its inputs, from noise at its outputs."""
    block = trial.block()
    inputs = [x.requires_grad_() for x in trial.inputs()]
    outputs = [y for y in as_tuple(block(*inputs)) if y.requires_grad]
    if outputs:
        torch.autograd.backward(outputs, [torch.randn_like(y) for y in outputs])
    named = [(f"input {i}", x) for i, x in enumerate(inputs)]
    for name, tensor in (*block.named_parameters(), *named):
        if tensor.grad is not None:
            yield name, tensor.grad


def runs_in_float64_and_bfloat16(trial: Trial) -> str | None:
    for dtype in (torch.float64, torch.bfloat16):
        outputs = as_tuple(trial.block().to(dtype)(*trial.inputs(dtype)))
        if any(y.is_floating_point() and y.dtype != dtype for y in outputs):
            return f"{dtype} in, {outputs[0].dtype} out"
    return None


def constants_are_buffers(trial: Trial) -> str | None:
    plain = []
    for module in trial.trained().modules():
        for name, value in vars(module).items():
            if isinstance(value, Tensor):
                plain.append(repr(name))
    if not plain:
        return None
    return f"{', '.join(plain)} would not follow .to(device); use register_buffer"


def items_of_a_batch_are_independent(trial: Trial) -> str | None:
    sides = trial.spec.contract.inputs[: len(trial.shapes)]
    came = [_begins_with_the_batch(side) for side in sides]
    went = [_begins_with_the_batch(side) for side in trial.spec.contract.outputs]
    if not (any(came) and any(went)):
        return None
    block = trial.trained().double()
    inputs = trial.inputs(torch.float64)
    together = as_tuple(block(*inputs))
    for i in range(len(inputs[came.index(True)])):
        pairs = zip(inputs, came, strict=True)
        alone = [x[i : i + 1] if has_batch else x for x, has_batch in pairs]
        for y, z, has in zip(together, as_tuple(block(*alone)), went, strict=True):
            if has and not torch.allclose(y[i : i + 1], z, rtol=1e-9, atol=1e-9):
                return f"item {i} alone gives another output than in its batch"
    return None


def _begins_with_the_batch(tokens: Sequence[Token]) -> bool:
    return bool(tokens) and tokens[0].axis == "B"


def state_dict_round_trip(trial: Trial) -> str | None:
    block = trial.trained()
    inputs = trial.inputs()

    # Another draw of weights: what loading does not replace shows.
    torch.manual_seed(SEED + 1)
    other = trial.block().eval()
    buffer = io.BytesIO()
    torch.save(block.state_dict(), buffer)
    buffer.seek(0)
    other.load_state_dict(torch.load(buffer, weights_only=True))
    if _same(block, other, inputs):
        return None
    return "a block that loads the weights of another gives another output"


def copies_are_equal(trial: Trial) -> str | None:
    block = trial.trained()
    inputs = trial.inputs()
    copies = {
        "a deep copy": copy.deepcopy(block),
        "an unpickled copy": pickle.loads(pickle.dumps(block)),
    }
    for name, one in copies.items():
        if not _same(block, one, inputs):
            return f"{name} gives another output"
    return None


def config_round_trip(trial: Trial) -> str | None:
    cls = trial.spec.cls.Config
    values = trial.config.model_dump()
    again = cls(**values)
    from_json = cls(**json.loads(trial.config.model_dump_json()))
    if again != trial.config:
        return f"config {trial.config} comes back as {again}"
    if from_json != trial.config:
        return f"config {trial.config} comes back from JSON as {from_json}"
    return None


def unknown_key_is_refused(trial: Trial) -> str | None:
    try:
        trial.spec.cls.Config(**{**trial.given, "no_such_key": 1})
    except ValidationError:
        return None
    return "the config took an unknown key"


def wrong_rank_is_refused(trial: Trial) -> str | None:
    tokens = trial.spec.contract.inputs[0]
    if len(tokens) == 1 and tokens[0].axis == REST:
        return "the contract takes any rank, even none: name the batch, 'B ...'"
    for wrong in _wrong_shapes(tokens, trial.shapes[0]):
        try:
            trial.spec.contract.bind([wrong, *trial.shapes[1:]], trial.config)
        except ContractError:
            continue
        return f"the contract took {show(wrong)}"
    return None


def _wrong_shapes(tokens: Sequence[Token], shape: Shape) -> list[Shape]:
    """Shapes with an axis too many and one too few; "..." takes any more, but no fewer than the other axes."""
    if any(token.axis == REST for token in tokens):
        return [shape[: len(tokens) - 2]]
    return [(*shape, 1), shape[:-1]]


def exports(trial: Trial) -> str | None:
    block = trial.trained()
    inputs = tuple(trial.inputs())
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore"
        )  # torch's own, about weights of recurrent layers
        exported = torch.export.export(block, inputs).module()
    pairs = zip(as_tuple(block(*inputs)), as_tuple(exported(*inputs)), strict=True)
    if all(torch.allclose(y, z, atol=1e-6) for y, z in pairs):
        return None
    return "the exported program gives another output"


def as_tuple(outputs: Any) -> tuple[Tensor, ...]:
    if isinstance(outputs, tuple):
        return outputs
    return (outputs,)


def _same(one: Block, other: Block, inputs: Sequence[Tensor]) -> bool:
    pairs = zip(as_tuple(one(*inputs)), as_tuple(other(*inputs)), strict=True)
    return all(torch.equal(y, z) for y, z in pairs)


# The properties in the order in which they are tried, each with what to do where it does not hold.
CHECKS: dict[Check, str] = {
    shape_is_the_contract: "correct forward, or the contract in @register",
    output_is_finite: "look for the logarithm or root of a negative number, and for a division by 0",
    input_is_not_changed: "leave out operations in place on the input, or clone it first",
    same_input_gives_the_same_output: "draw random numbers only where `self.training` is true",
    gradients_reach_every_parameter: "use the parameter in forward, or name it in `unreached` of @register",
    runs_in_float64_and_bfloat16: "make constants in the dtype of the input",
    constants_are_buffers: "register_buffer(name, tensor, persistent=False) in __init__",
    items_of_a_batch_are_independent: "use no statistics of the batch in eval()",
    state_dict_round_trip: "make all that forward depends on parameters or buffers, or fields of the Config",
    copies_are_equal: "keep no lambdas, generators or open files in the block",
    config_round_trip: "let validators return the values as they came, in types that JSON has",
    unknown_key_is_refused: "leave `extra` of BlockConfig as it is",
    wrong_rank_is_refused: "name the axes in the contract",
}
EXPORTS = "leave out .item(), .numpy() and branches on values of tensors"
