"""What the training loop runs of a GAN: the turn of the discriminator, and that of the generator."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from ...losses.adversarial import (
    gradient_penalty,
    hinge_discriminator,
    hinge_generator,
    wasserstein_critic,
)
from ..base import Batch, OnTrack, unseen
from ..modes import evaluating
from ..turns import Turn
from .batches import ADVERSARY, GENERATOR, PENALTY, GanBatches
from .config import AdversarialGenerationConfig
from .figures import figures_of
from .judging import Judge
from .sounds import AT_ONCE


class Gan(Protocol):
    """What the learner asks of its task: settings, the discriminator, and the names of the inputs of both graphs."""

    config: AdversarialGenerationConfig
    models: dict[str, Any]
    noise_name: str
    judged_name: str

    def shown(self, examples: Tensor) -> Tensor:
        """Examples of the feature as the discriminator sees them."""


class AdversarialLearner:
    """Turns of both graphs; it watches the Fréchet distance of the validation recordings, the smaller the better."""

    figure = "frechet"
    smaller_is_better = True

    def __init__(
        self,
        task: Gan,
        batches: GanBatches,
        judge: Judge,
    ) -> None:
        self.task = task
        self.batches = batches
        self.judge = judge

    def batch(self, step: int) -> Batch:
        """The batch of a step."""
        return self.batches.batch(step)

    def turns(self, model: nn.Module) -> list[Turn]:
        """First the discriminator learns to tell the two apart, then the generator to be taken for real."""
        config = self.task.config
        critic: nn.Module = self.task.models[ADVERSARY]

        def judging(batch: Batch) -> Mapping[str, Tensor]:
            # What is made here is judged only: no gradient goes to the generator.
            with torch.no_grad():
                fake = self._made(model, batch, ADVERSARY)
            return self._judging(critic, batch, fake)

        def making(batch: Batch) -> Tensor:
            fake = self._made(model, batch, GENERATOR)
            return hinge_generator(self._scores(critic, fake, batch.named))

        return [
            Turn(ADVERSARY, (critic,), judging, config.adversary_optimizer),
            Turn(GENERATOR, (model,), making, every=config.generator_every),
        ]

    def loss(self, outputs: Any, batch: Batch) -> Tensor:
        """The generator's loss on sounds that are made already."""
        return hinge_generator(
            self._scores(self.task.models[ADVERSARY], outputs, batch.named)
        )

    def _made(self, model: nn.Module, batch: Batch, turn: str) -> Tensor:
        noise = {self.task.noise_name: batch.targets[turn]}
        made: Tensor = model(**noise, **batch.named)
        return made

    def _scores(
        self, critic: nn.Module, sounds: Tensor, conditions: Mapping[str, Tensor]
    ) -> Tensor:
        scores: Tensor = critic(**{self.task.judged_name: sounds}, **conditions)
        return scores.float()

    def _judging(
        self, critic: nn.Module, batch: Batch, fake: Tensor
    ) -> Mapping[str, Tensor]:
        """The discriminator's loss, by its parts."""
        real = batch.inputs[0]
        # Each by itself: batch norm would otherwise see what is real beside what is not.
        of_real = self._scores(critic, real, batch.named)
        of_fake = self._scores(critic, fake, batch.named)
        if self.task.config.loss == "hinge":
            return {"hinge": hinge_discriminator(of_real, of_fake)}

        generator = torch.Generator().manual_seed(int(batch.targets[PENALTY][0]))
        steepness = gradient_penalty(
            lambda x: self._scores(critic, x, batch.named), real, fake, generator
        )
        return {
            "distance": wasserstein_critic(of_real, of_fake),
            "penalty": self.task.config.penalty * steepness,
        }

    def validate(
        self, model: nn.Module, on_track: OnTrack = unseen
    ) -> dict[str, float]:
        """Figures of sounds with the validation recordings' conditions, and the losses of both graphs for them."""
        made = self.judge.made(model, on_track, as_sound=False)
        figures = figures_of(list(self.judge.tracks(made).values()))
        return {**figures, **self._losses(made)}

    def _losses(self, made: Tensor) -> dict[str, float]:
        """ "loss" of the generator, and what the discriminator loses on recordings that it does not know."""
        critic: nn.Module = self.task.models[ADVERSARY]
        device = next(critic.parameters()).device
        conditions = self.judge.making.conditions.encode(self.judge.rows)
        scores: dict[str, list[Tensor]] = {"real": [], "made": []}
        with evaluating(critic):
            for first in range(0, len(made), AT_ONCE):
                some = slice(first, first + AT_ONCE)
                named = {name: x[some].to(device) for name, x in conditions.items()}
                for name, examples in (("real", self.judge.real), ("made", made)):
                    shown = self.task.shown(examples[some]).to(device)
                    scores[name].append(self._scores(critic, shown, named).float())
        of_real = torch.cat(scores["real"])
        of_made = torch.cat(scores["made"])
        judging = wasserstein_critic(of_real, of_made)
        if self.task.config.loss == "hinge":
            judging = hinge_discriminator(of_real, of_made)
        return {
            "loss": float(hinge_generator(of_made)),
            "adversary_loss": float(judging),
        }
