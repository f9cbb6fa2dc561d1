"""How processes hold the model that they train: each the whole, or each a share of it."""

from __future__ import annotations

import copy
from typing import Any

from torch import nn

from .devices import World
from .optimization import TrainConfig
from .sharding import gather, in_shares, refuse_single_numbers, same_buffers, whole


class Whole:
    """The model itself, in every process.

    Attributes
    ----------
    model : Module
        What is trained.
    shared : bool
        Whether the weights lie in shares.
    """

    shared = False

    def __init__(self, model: nn.Module, world: World) -> None:
        self.world = world
        self.model = model.to(world.device)

    def twin(self) -> nn.Module:
        """Another such model with the same weights, for their moving average."""
        return copy.deepcopy(self.model)

    def wrapped(self) -> nn.Module:
        """What runs in a training step."""
        return self.world.wrap(self.model)

    def before_step(self) -> None:
        """What must be the same in all processes is made so; torch's wrapper does it itself."""

    def judged(self, model: nn.Module) -> nn.Module:
        """The model, or its twin, as a validation runs it. Every process must ask for it."""
        return model

    def after_validation(self) -> None:
        """Give back what the validation took."""

    def state(self, state: dict[str, Any]) -> dict[str, Any]:
        """A state as it is written. Every process must ask for it."""
        return state

    def all_agree(self, due: bool) -> bool:
        """Whether something is due that every process takes part in; here the one that writes decides for itself."""
        return due

    def hand_back(self) -> None:
        """Put the last weights into the model that the training was given."""


class Shares(Whole):
    """Shares of a copy (FSDP). The model that was given stays in the memory of the host, to be judged and handed back.

    Raises RunError E627 for a model that cannot be cut.
    """

    shared = True

    def __init__(self, model: nn.Module, world: World) -> None:
        refuse_single_numbers(model)
        self.world = world
        self.given = model
        self.model = in_shares(model, world)

    def twin(self) -> nn.Module:
        return in_shares(self.given, self.world)

    def wrapped(self) -> nn.Module:
        return self.model

    def before_step(self) -> None:
        same_buffers(self.model)

    def judged(self, model: nn.Module) -> nn.Module:
        gather(model, self.given)
        if self.world.leader:
            self.given.to(self.world.device)
        return self.given

    def after_validation(self) -> None:
        # The device is for the shares again.
        self.given.to("cpu")

    def state(self, state: dict[str, Any]) -> dict[str, Any]:
        gathered: dict[str, Any] = whole(state)
        return gathered

    def all_agree(self, due: bool) -> bool:
        # Clocks differ, and a process that waits for the others' shares alone waits for ever.
        return bool(self.world.share(int(due)))

    def hand_back(self) -> None:
        gather(self.model, self.given)
        self.given.to(self.world.device)


def holding_of(model: nn.Module, config: TrainConfig, world: World) -> Whole:
    """As `train.sharding` says; a single process holds the whole."""
    if config.sharding == "full" and world.size > 1:
        return Shares(model, world)
    return Whole(model, world)
