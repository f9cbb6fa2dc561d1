"""The contract test of a block, for the library's own and for yours: `check_block`."""

from __future__ import annotations

import copy
import io
import json
import pickle
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from pydantic import ValidationError
from torch import Tensor
from torch.nn.utils.parametrize import is_parametrized

from .registry import Block, BlockConfig, Example, Spec, build, get
from .shapes import REST, ContractError, Shape, meets, show

SEED = 20240815
DRAWS = 8


class BlockCheckError(AssertionError):
    """A block broke a property that every block has; the message names block, example and property."""


def check_block(block: str | type[Block], *, export: bool = True) -> None:
    """Hold a registered block against its contract, on its examples and at odd sizes; returns nothing if all is well.

    block   its registered name or its class
    export  whether `torch.export` is tried too, which takes most of the time

    Checked: forward = contract = meta device; finite gradients that reach every parameter; the input is not changed;
    items of a batch do not see each other in eval(); state_dict and config round trips; copy and pickle; float64 and
    bfloat16; unknown keys and wrong ranks refused; torch.export. Raises `BlockCheckError`, or `RegistryError` for a
    name nobody registered.
    """
    spec = get(block) if isinstance(block, str) else block.spec
    for example in spec.examples:
        for shapes in _sizes(spec, example):
            trial = _Trial(spec, shapes, example.config)
            for check in (*_CHECKS, *([_exports] if export and shapes == example.shapes else [])):
                trial.run(check)


class _Trial:
    """One block at one set of input shapes."""

    def __init__(self, spec: Spec, shapes: tuple[Shape, ...], given: Mapping[str, Any]) -> None:
        self.spec, self.shapes, self.given = spec, shapes, dict(given)
        self.config: BlockConfig = spec.cls.Config(**self.given)
        axes = spec.contract.bind(shapes, self.config.resolve(_bound(spec, shapes)))
        self.config = self.config.resolve(axes)
        self.promised = spec.contract.predict(axes, self.config)

    def run(self, check: Callable[[_Trial], str | None]) -> None:
        """Run one check; it returns what went wrong, or raises."""
        name = check.__name__.strip("_").replace("_", " ")
        try:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(SEED)
                problem = check(self)
        except BlockCheckError:
            raise
        except Exception as error:
            problem = f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error).strip() else error!r}"
        if problem:
            where = f"{', '.join(map(show, self.shapes))} with {json.dumps(self.given)}"
            raise BlockCheckError(f"{self.spec.name} on {where}: {name}: {problem}")

    def block(self) -> Block:
        return build(self.spec, self.config)

    def inputs(self, dtype: torch.dtype = torch.float32) -> list[Tensor]:
        return [torch.randn(shape).to(dtype) for shape in self.shapes]

    def batched(self) -> bool:
        return all(tokens[0].axis == "B" for tokens in (*self.spec.contract.inputs, *self.spec.contract.outputs))


def _bound(spec: Spec, shapes: Sequence[Shape]) -> dict[str, Any]:
    try:
        return dict(spec.contract.bind(shapes))
    except ContractError:
        return {}


def _sizes(spec: Spec, example: Example) -> list[tuple[Shape, ...]]:
    """The example's shapes, and for each named axis those with one more of it, if the config allows that."""
    variants = [example.shapes]
    for name in spec.contract.axis_names():
        if name == REST:
            continue
        grown = tuple(_grow(spec, i, shape, name) for i, shape in enumerate(example.shapes))
        if grown not in variants and _allowed(spec, grown, example.config):
            variants.append(grown)
    return variants


def _grow(spec: Spec, index: int, shape: Shape, name: str) -> Shape:
    tokens = spec.contract.inputs[index]
    rest = next((i for i, token in enumerate(tokens) if token.axis == REST), len(tokens))
    sizes = list(shape)
    for i, token in enumerate(tokens):
        if token.axis == name:
            sizes[i if i < rest else i - len(tokens)] += token.times
    return tuple(sizes)


def _allowed(spec: Spec, shapes: tuple[Shape, ...], given: Mapping[str, Any]) -> bool:
    """Whether a block can be built and run for these shapes; torch says no where a size is fixed by the config."""
    try:
        trial = _Trial(spec, shapes, given)
        with torch.device("meta"), torch.no_grad():
            trial.block().eval()(*(torch.empty(shape) for shape in shapes))
    except (ContractError, RuntimeError, ValueError, IndexError, AssertionError):
        return False
    return True


def _as_tuple(outputs: Any) -> tuple[Tensor, ...]:
    return outputs if isinstance(outputs, tuple) else (outputs,)


def _shape_is_the_contract(trial: _Trial) -> str | None:
    with torch.device("meta"), torch.no_grad():
        meta = _as_tuple(trial.block().eval()(*(torch.empty(shape) for shape in trial.shapes)))
    real = _as_tuple(trial.block()(*trial.inputs()))
    for promise, one, two in zip(trial.promised, real, meta, strict=True):
        if not meets(tuple(one.shape), promise):
            return f"the contract promises {show(promise or ())}, forward made {show(tuple(one.shape))}"
        if one.shape != two.shape:
            return f"forward made {show(tuple(one.shape))}, the meta device {show(tuple(two.shape))}"
    return None


def _gradients_reach_every_parameter(trial: _Trial) -> str | None:
    unreached: set[str] = {name for name, _ in trial.block().named_parameters()} - set(trial.spec.unreached)
    for _ in range(DRAWS):  # a unit may be dead, or dropped, in one draw of weights
        block, inputs = trial.block(), [x.requires_grad_() for x in trial.inputs()]
        outputs = _as_tuple(block(*inputs))
        torch.autograd.backward(outputs, [torch.randn_like(y) for y in outputs])
        for name, tensor in (*block.named_parameters(), *((f"input {i}", x) for i, x in enumerate(inputs))):
            if tensor.grad is not None and not tensor.grad.isfinite().all():
                return f"the gradient of '{name}' is not finite"
            if tensor.grad is not None and tensor.grad.abs().sum() > 0:
                unreached.discard(name)
        if not unreached:
            return None
    return f"no gradient reaches {', '.join(map(repr, sorted(unreached)))}"


def _input_is_not_changed(trial: _Trial) -> str | None:
    inputs = trial.inputs()
    kept = [x.clone() for x in inputs]
    trial.block()(*inputs)
    return None if all(map(torch.equal, inputs, kept)) else "forward wrote into its input"


def _items_of_a_batch_are_independent(trial: _Trial) -> str | None:
    if not trial.batched():
        return None
    block, inputs = trial.block().eval(), trial.inputs()
    together = _as_tuple(block(*inputs))
    for i in range(len(inputs[0])):
        alone = _as_tuple(block(*(x[i : i + 1] for x in inputs)))
        if not all(torch.allclose(y[i : i + 1], z, atol=1e-5) for y, z in zip(together, alone, strict=True)):
            return f"item {i} alone gives another output than in its batch"
    return None


def _state_dict_round_trip(trial: _Trial) -> str | None:
    block, inputs = trial.block().eval(), trial.inputs()
    torch.manual_seed(SEED + 1)
    other = trial.block().eval()
    buffer = io.BytesIO()
    torch.save(block.state_dict(), buffer)
    buffer.seek(0)
    other.load_state_dict(torch.load(buffer, weights_only=True))
    return None if _same(block, other, inputs) else "a block that loads the weights of another gives another output"


def _copies_are_equal(trial: _Trial) -> str | None:
    block, inputs = trial.block().eval(), trial.inputs()
    block(*inputs)
    if not _same(block, copy.deepcopy(block), inputs):
        return "a deep copy gives another output"
    if any(map(is_parametrized, block.modules())):
        return None  # torch pickles no parametrized module: their state_dict is what is saved
    return None if _same(block, pickle.loads(pickle.dumps(block)), inputs) else "an unpickled copy gives another output"


def _same(one: Block, other: Block, inputs: Sequence[Tensor]) -> bool:
    return all(torch.equal(y, z) for y, z in zip(_as_tuple(one(*inputs)), _as_tuple(other(*inputs)), strict=True))


def _config_round_trip(trial: _Trial) -> str | None:
    cls = trial.spec.cls.Config
    again = cls(**json.loads(json.dumps(trial.config.model_dump())))
    return None if again == trial.config else f"config {trial.config} comes back from JSON as {again}"


def _runs_in_float64_and_bfloat16(trial: _Trial) -> str | None:
    for dtype in (torch.float64, torch.bfloat16):
        outputs = _as_tuple(trial.block().to(dtype)(*trial.inputs(dtype)))
        if any(y.is_floating_point() and y.dtype != dtype for y in outputs):
            return f"{dtype} in, {outputs[0].dtype} out"
    return None


def _unknown_key_is_refused(trial: _Trial) -> str | None:
    try:
        trial.spec.cls.Config(**trial.given, no_such_key=1)
    except ValidationError:
        return None
    return "the config took an unknown key"


def _wrong_rank_is_refused(trial: _Trial) -> str | None:
    if any(token.axis == REST for tokens in trial.spec.contract.inputs for token in tokens):
        return None  # the contract takes several ranks
    for wrong in ((*trial.shapes[0], 1), trial.shapes[0][:-1]):
        try:
            trial.spec.contract.bind([wrong, *trial.shapes[1:]], trial.config)
        except ContractError:
            continue
        return f"the contract took {show(wrong)}"
    return None


def _exports(trial: _Trial) -> str | None:
    block, inputs = trial.block().eval(), tuple(trial.inputs())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's own, about how recurrent layers keep their weights
        exported = torch.export.export(block, inputs).module()
    pairs = zip(_as_tuple(block(*inputs)), _as_tuple(exported(*inputs)), strict=True)
    return (
        None if all(torch.allclose(y, z, atol=1e-6) for y, z in pairs) else "the exported program gives another output"
    )


_CHECKS: tuple[Callable[[_Trial], str | None], ...] = (
    _shape_is_the_contract,
    _gradients_reach_every_parameter,
    _input_is_not_changed,
    _items_of_a_batch_are_independent,
    _state_dict_round_trip,
    _copies_are_equal,
    _config_round_trip,
    _runs_in_float64_and_bfloat16,
    _unknown_key_is_refused,
    _wrong_rank_is_refused,
)
