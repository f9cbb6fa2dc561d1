"""The contract test of a block, for the library's own and for yours: `check_block`."""

from __future__ import annotations

import copy
import io
import json
import pickle
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import torch
from pydantic import ValidationError
from torch import Tensor

from .errors import RegistryError
from .registry import INFER, Block, BlockConfig, Example, Spec, build, get
from .shapes import REST, ContractError, Shape, Token, meets, show

SEED = 20240815
DRAWS = 8


class BlockCheckError(AssertionError):
    """A block broke a property that every block has; the message names block, example and property."""


def check_block(
    block: str | type[Block],
    *,
    examples: Iterable[tuple[Any, Mapping[str, Any]]] | None = None,
    export: bool = True,
) -> None:
    """Hold a registered block against its contract, on its examples and at odd sizes; returns nothing if all is well.

    block     its registered name or its class
    examples  (input shape or list of input shapes, config) pairs, in place of the registered ones
    export    whether `torch.export` is tried too, which takes most of the time

    Checked, at each example's sizes, with each free axis one larger, and with all of them one larger: forward =
    contract = meta device; finite gradients that reach every parameter; the input is not changed; in eval(), the same
    input gives the same output and items of a batch do not see each other; state_dict and config round trips; copy and
    pickle; float64 and bfloat16; constants are buffers; unknown keys and wrong ranks refused; at the example's sizes,
    torch.export. Axes that the config or a number fixes, or of size 1 under "...", do not grow.
    Raises `BlockCheckError`, or `RegistryError` for a block nobody registered.
    """
    spec = _spec(block)
    if examples is None:
        chosen = spec.examples
    else:
        chosen = tuple(Example.of(shape, config) for shape, config in examples)
    if not chosen:
        raise BlockCheckError(
            f"{spec.name}: there is no example, so nothing would be checked"
        )
    for example in chosen:
        for shapes in _sizes(spec, example):
            trial = _Trial(spec, shapes, example.config)
            for check in (
                *_CHECKS,
                *([_exports] if export and shapes == example.shapes else []),
            ):
                trial.run(check)


def _spec(block: str | type[Block]) -> Spec:
    if isinstance(block, str):
        return get(block)
    spec: Spec | None = block.__dict__.get(
        "spec"
    )  # a subclass does not inherit its parent's registration
    if spec is None:
        raise RegistryError(
            f"'{block.__qualname__}' is not registered",
            code="E305",
            help="decorate it with @register",
        )
    return spec


class _Trial:
    """One block at one set of input shapes."""

    def __init__(
        self, spec: Spec, shapes: tuple[Shape, ...], given: Mapping[str, Any]
    ) -> None:
        self.spec = spec
        self.shapes = shapes
        self.given = dict(given)
        try:
            config = spec.cls.Config(**self.given)
            axes = spec.contract.bind(shapes)
            self.config: BlockConfig = config.resolve(axes)
            spec.contract.bind(shapes, self.config)
        except (ContractError, ValidationError) as error:
            raise self.failure(
                "the example fits the contract", _first_line(error)
            ) from error
        for name, mark in config.inferred().items():
            value = getattr(config, name)
            size = axes.get(mark.axis)
            if (
                isinstance(value, int)
                and isinstance(size, int)
                and value not in (INFER, size)
            ):
                raise self.failure(
                    "the example fits the contract",
                    f"'{name}' is {value}, but {mark.axis} is {size}",
                )
        self.promised = spec.contract.predict(axes, self.config)

    def failure(self, rule: str, problem: str) -> BlockCheckError:
        where = f"{', '.join(map(show, self.shapes))} with {json.dumps(self.given, default=str)}"
        return BlockCheckError(f"{self.spec.name} on {where}: {rule}: {problem}")

    def run(self, check: Callable[[_Trial], str | None]) -> None:
        """Run one check; it returns what went wrong, or raises."""
        rule = check.__name__.strip("_").replace("_", " ")
        try:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(SEED)
                problem = check(self)
        except Exception as error:
            raise self.failure(
                rule, f"{type(error).__name__}: {_first_line(error)}"
            ) from error
        if problem:
            raise self.failure(rule, problem)

    def block(self) -> Block:
        return build(self.spec, self.config)

    def trained(self) -> Block:
        """A block in eval() whose running statistics are no longer those of a new one."""
        block = self.block()
        with torch.no_grad():
            block(*self.inputs())
        return block.eval()

    def inputs(self, dtype: torch.dtype = torch.float32) -> list[Tensor]:
        return [torch.randn(shape).to(dtype) for shape in self.shapes]


def _first_line(error: Exception) -> str:
    """What an exception says, in one line; of pydantic's several, the first two, which name the field."""
    lines = str(error).strip().splitlines() or [repr(error)]
    if isinstance(error, ValidationError):
        return " ".join(line.strip() for line in lines[1:3])
    return lines[0]


def _sizes(spec: Spec, example: Example) -> list[tuple[Shape, ...]]:
    """The example's shapes, those with one more of each free axis, and those with one more of all."""
    given = spec.cls.Config(**_Trial(spec, example.shapes, example.config).given)
    fixed = {
        mark.axis
        for name, mark in given.inferred().items()
        if getattr(given, name) != INFER
    }
    labels = [
        _labels(tokens, shape)
        for tokens, shape in zip(spec.contract.inputs, example.shapes, strict=True)
    ]
    free = {
        label
        for row in labels
        for label, _ in row
        if label and label.partition("[")[0] not in fixed
    }
    variants = [example.shapes]
    for grown in (*({label} for label in sorted(free)), free):
        shapes = tuple(
            tuple(
                size + step * (label in grown)
                for size, (label, step) in zip(shape, row, strict=True)
            )
            for shape, row in zip(example.shapes, labels, strict=True)
        )
        if shapes not in variants:
            variants.append(shapes)
    return variants


def _labels(tokens: Sequence[Token], shape: Shape) -> list[tuple[str | None, int]]:
    """For each axis of a shape its name in the contract, None where the size is fixed, and the step it grows by."""
    labels: list[tuple[str | None, int]] = []
    for token in tokens:
        if token.axis == REST:
            inside = shape[len(labels) : len(labels) + len(shape) - len(tokens) + 1]
            labels += [
                (None if size == 1 else f"{REST}[{i}]", 1)
                for i, size in enumerate(inside)
            ]
        else:
            labels.append((token.axis, token.times))
    return labels


def _as_tuple(outputs: Any) -> tuple[Tensor, ...]:
    if isinstance(outputs, tuple):
        return outputs
    return (outputs,)


def _shape_is_the_contract(trial: _Trial) -> str | None:
    real = _as_tuple(trial.block()(*trial.inputs()))
    with torch.device("meta"), torch.no_grad():
        meta = _as_tuple(
            trial.block().eval()(*(torch.empty(shape) for shape in trial.shapes))
        )
    if len(real) != len(trial.promised):
        return f"the contract promises {len(trial.promised)} outputs, forward made {len(real)}"
    for promise, one, two in zip(trial.promised, real, meta, strict=True):
        if not meets(tuple(one.shape), promise):
            return f"the contract promises {show(promise or ())}, forward made {show(tuple(one.shape))}"
        if one.shape != two.shape:
            return f"forward made {show(tuple(one.shape))}, the meta device {show(tuple(two.shape))}"
    return None


def _input_is_not_changed(trial: _Trial) -> str | None:
    inputs = trial.inputs()
    kept = [x.clone() for x in inputs]
    for block in (trial.block(), trial.block().eval()):
        block(*inputs)
    if all(map(torch.equal, inputs, kept)):
        return None
    return "forward wrote into its input"


def _same_input_gives_the_same_output(trial: _Trial) -> str | None:
    block = trial.trained()
    inputs = trial.inputs()
    if _same(block, block, inputs):
        return None
    return "two calls in eval() differ"


def _gradients_reach_every_parameter(trial: _Trial) -> str | None:
    unreached: set[str] = {name for name, _ in trial.block().named_parameters()} - set(
        trial.spec.unreached
    )
    for _ in range(DRAWS):  # a unit may be dead, or dropped, in one draw of weights
        block = trial.block()
        inputs = [x.requires_grad_() for x in trial.inputs()]
        outputs = [y for y in _as_tuple(block(*inputs)) if y.requires_grad]
        if outputs:
            torch.autograd.backward(outputs, [torch.randn_like(y) for y in outputs])
        for name, tensor in (
            *block.named_parameters(),
            *((f"input {i}", x) for i, x in enumerate(inputs)),
        ):
            if tensor.grad is not None and not tensor.grad.isfinite().all():
                return f"the gradient of '{name}' is not finite"
            if tensor.grad is not None and tensor.grad.abs().sum() > 0:
                unreached.discard(name)
        if not unreached:
            return None
    return f"no gradient reaches {', '.join(map(repr, sorted(unreached)))}"


def _runs_in_float64_and_bfloat16(trial: _Trial) -> str | None:
    for dtype in (torch.float64, torch.bfloat16):
        outputs = _as_tuple(trial.block().to(dtype)(*trial.inputs(dtype)))
        if any(y.is_floating_point() and y.dtype != dtype for y in outputs):
            return f"{dtype} in, {outputs[0].dtype} out"
    return None


def _constants_are_buffers(trial: _Trial) -> str | None:
    block = trial.trained()
    plain = [
        name
        for module in block.modules()
        for name, value in vars(module).items()
        if isinstance(value, Tensor)
    ]
    if plain:
        return f"{', '.join(map(repr, plain))} would not follow .to(device); use register_buffer"
    return None


def _items_of_a_batch_are_independent(trial: _Trial) -> str | None:
    sides = (trial.spec.contract.inputs, trial.spec.contract.outputs)
    came, went = (
        [any(token.axis == "B" for token in tokens[:1]) for tokens in side]
        for side in sides
    )
    if not (any(came) and any(went)):
        return None
    block = trial.trained().double()
    inputs = trial.inputs(torch.float64)
    together = _as_tuple(block(*inputs))
    for i in range(len(inputs[came.index(True)])):
        alone = _as_tuple(
            block(
                *(
                    x[i : i + 1] if has else x
                    for x, has in zip(inputs, came, strict=True)
                )
            )
        )
        for y, z, has in zip(together, alone, went, strict=True):
            if has and not torch.allclose(y[i : i + 1], z, rtol=1e-9, atol=1e-9):
                return f"item {i} alone gives another output than in its batch"
    return None


def _state_dict_round_trip(trial: _Trial) -> str | None:
    block = trial.trained()
    inputs = trial.inputs()
    torch.manual_seed(SEED + 1)
    other = trial.block().eval()
    buffer = io.BytesIO()
    torch.save(block.state_dict(), buffer)
    buffer.seek(0)
    other.load_state_dict(torch.load(buffer, weights_only=True))
    if _same(block, other, inputs):
        return None
    return "a block that loads the weights of another gives another output"


def _copies_are_equal(trial: _Trial) -> str | None:
    block = trial.trained()
    inputs = trial.inputs()
    copies = {
        "a deep copy": copy.deepcopy(block),
        "an unpickled copy": pickle.loads(pickle.dumps(block)),
    }
    return next(
        (
            f"{name} gives another output"
            for name, c in copies.items()
            if not _same(block, c, inputs)
        ),
        None,
    )


def _same(one: Block, other: Block, inputs: Sequence[Tensor]) -> bool:
    return all(
        torch.equal(y, z)
        for y, z in zip(_as_tuple(one(*inputs)), _as_tuple(other(*inputs)), strict=True)
    )


def _config_round_trip(trial: _Trial) -> str | None:
    cls = trial.spec.cls.Config
    values = trial.config.model_dump()
    again = cls(**values)
    from_json = cls(**json.loads(trial.config.model_dump_json()))
    if again != trial.config:
        return f"config {trial.config} comes back as {again}"
    if from_json == trial.config:
        return None
    return f"config {trial.config} comes back from JSON as {from_json}"


def _unknown_key_is_refused(trial: _Trial) -> str | None:
    try:
        trial.spec.cls.Config(**{**trial.given, "no_such_key": 1})
    except ValidationError:
        return None
    return "the config took an unknown key"


def _wrong_rank_is_refused(trial: _Trial) -> str | None:
    tokens = trial.spec.contract.inputs[0]
    first = trial.shapes[0]
    if len(tokens) == 1 and tokens[0].axis == REST:
        return "the contract takes any rank, even none: name the batch, 'B ...'"
    several = any(token.axis == REST for token in tokens)
    for wrong in (first[: len(tokens) - 2],) if several else ((*first, 1), first[:-1]):
        try:
            trial.spec.contract.bind([wrong, *trial.shapes[1:]], trial.config)
        except ContractError:
            continue
        return f"the contract took {show(wrong)}"
    return None


def _exports(trial: _Trial) -> str | None:
    block = trial.trained()
    inputs = tuple(trial.inputs())
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore"
        )  # torch's own, about how recurrent layers keep their weights
        exported = torch.export.export(block, inputs).module()
    pairs = zip(_as_tuple(block(*inputs)), _as_tuple(exported(*inputs)), strict=True)
    same = all(torch.allclose(y, z, atol=1e-6) for y, z in pairs)
    if same:
        return None
    return "the exported program gives another output"


_CHECKS: tuple[Callable[[_Trial], str | None], ...] = (
    _shape_is_the_contract,
    _input_is_not_changed,
    _same_input_gives_the_same_output,
    _gradients_reach_every_parameter,
    _runs_in_float64_and_bfloat16,
    _constants_are_buffers,
    _items_of_a_batch_are_independent,
    _state_dict_round_trip,
    _copies_are_equal,
    _config_round_trip,
    _unknown_key_is_refused,
    _wrong_rank_is_refused,
)
