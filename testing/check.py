"""`check_block`: a block against its contract, on its examples and at odd sizes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..errors import RegistryError
from ..registry import Block, Example, Spec, get
from .checks import CHECKS, EXPORTS, exports
from .sizes import sizes_to_try
from .trial import BlockCheckError, Trial


def check_block(
    block: str | type[Block],
    *,
    examples: Iterable[tuple[Any, Mapping[str, Any]]] | None = None,
    export: bool = True,
) -> None:
    """Check a registered block against its contract, on its examples and at odd sizes.

    Checked at each example's sizes, with each free axis one larger, and with all of them one larger: forward =
    contract = meta device; finite outputs; finite gradients that reach every parameter; the input is not changed; in
    eval(), the same input gives the same output and items of a batch do not see each other; state_dict and config
    round trips; copy and pickle; float64 and bfloat16; constants are buffers; unknown keys and wrong ranks refused; at
    the example's sizes, torch.export. Axes that the config or a number fixes, or of size 1 under "...", do not grow.

    Parameters
    ----------
    block : str or type of Block
        Its registered name, or its class.
    examples : list of (input shape, config) or (list of input shapes, config), optional
        In place of the registered ones.
    export : bool, default: True
        Whether `torch.export` is tried too, which takes most of the time.

    Raises
    ------
    BlockCheckError
        Where a property does not hold (E310); it is an AssertionError too.
    RegistryError
        For a block that nobody registered (E305).

    Examples
    --------
    >>> check_block("Conv2d", export=False)
    >>> check_block("ReLU", examples=[((2, 7), {})])
    """
    spec = _spec(block)
    chosen = spec.examples
    if examples is not None:
        chosen = tuple(Example.of(shape, config) for shape, config in examples)
    if not chosen:
        raise BlockCheckError(
            f"{spec.name}: there is no example, so nothing would be checked",
            code="E310",
            help="give one: (input shape, config)",
        )
    for example in chosen:
        # An example that does not fit its contract is reported before its sizes are varied.
        Trial(spec, example.shapes, example.config)
        for shapes in sizes_to_try(spec, example):
            trial = Trial(spec, shapes, example.config)
            for check, help in CHECKS.items():
                trial.run(check, help)
            if export and shapes == example.shapes:
                trial.run(exports, EXPORTS)


def _spec(block: str | type[Block]) -> Spec:
    if isinstance(block, str):
        return get(block)
    if not isinstance(block, type):
        raise RegistryError(
            f"a block is given by its name or its class, got {block!r}",
            code="E305",
            help='write check_block("Conv2d"); `mirbricks blocks` lists all names',
        )
    # A subclass does not inherit its parent's registration.
    spec: Spec | None = block.__dict__.get("spec")
    if spec is None:
        raise RegistryError(
            f"'{block.__qualname__}' is not registered",
            code="E305",
            help="decorate it with @register",
        )
    return spec
