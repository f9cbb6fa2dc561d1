"""How a codec learns: its own turn, and that of an adversary."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ...losses.adversarial import (
    feature_matching,
    hinge_discriminator,
    hinge_generator,
)
from ..base import Batch, OnTrack, unseen
from ..patches import PatchBatches
from ..processes import batch_number
from ..turns import Turn
from .halves import QUANTIZERS, Halves
from .objective import Reconstruction, scores_and_features

FITTING_BATCHES = 16  # whose frames k-means places the codes on


class CodecLearner:
    """A codec and its examples, for the training loop.

    Parameters
    ----------
    task : CodecTask
        The task, with its adversary in `models`.
    patches : PatchBatches
        Where its batches come from.
    valid : sequence of Item
        The recordings to validate on.
    cache : FeatureCache
        Where their features are.
    """

    def __init__(
        self, task: Any, patches: PatchBatches, valid: Sequence[Any], cache: Any
    ) -> None:
        self.task = task
        self.config = task.config
        self.patches = patches
        self.valid = valid
        self.cache = cache
        self.reconstruction = Reconstruction(self.config.losses, task.feature)
        self.adversary: nn.Module | None = task.models.get("adversary")
        self.figure = "loss"
        # Only of waveforms there is an SI-SDR, and not every codec keeps phases.
        if task.reads_waves and self.config.watch != "loss":
            self.figure = "si_sdr_db"
        self.smaller_is_better = self.figure == "loss"
        self.decoded: Tensor | None = None

    def batch(self, step: int) -> Batch:
        """The batch of a step."""
        return self.patches.batch(step)

    def loss(self, outputs: Tensor, batch: Batch) -> dict[str, Tensor]:
        """The parts of the loss that need no adversary: what the validation loss is made of."""
        return self.reconstruction.parts(outputs, batch.inputs[0])

    def turns(self, model: nn.Module) -> list[Turn]:
        """The codec's turn, and the adversary's after it."""
        halves = self.task.halves_of(model)

        def codec_loss(batch: Batch) -> Mapping[str, Tensor]:
            return self._codec_loss(halves, batch)

        turns = [Turn("model", (model,), codec_loss)]
        if self.adversary is not None:
            turns.append(
                Turn(
                    "adversary",
                    (self.adversary,),
                    self._adversary_loss,
                    self.config.adversary_optimizer,
                    start=self.config.adversary_from,
                )
            )
        return turns

    def validate(
        self, model: nn.Module, on_track: OnTrack = unseen
    ) -> dict[str, float]:
        """Figures on the validation recordings; without a waveform the loss is the only one."""
        figures: dict[str, float] = self.task.validated(
            model, self.valid, self.cache, on_track
        )
        return figures

    def _codec_loss(self, halves: Halves, batch: Batch) -> dict[str, Tensor]:
        step = int(batch.targets)
        x = batch.inputs[0]
        output = self._through(halves, x, step).float()
        parts = self.reconstruction.parts(output, x)
        # The adversary's turn judges the same sound, without running the codec again.
        self.decoded = output.detach()
        if self.adversary is not None and step >= self.config.adversary_from:
            parts |= self._adversarial_parts(output, x)
        return parts

    def _through(self, halves: Halves, x: Tensor, step: int) -> Tensor:
        """The codec's output; before the quantizer is in use, that of an auto-encoder without it."""
        if halves.block not in QUANTIZERS:
            return halves.leave(halves.bottleneck(halves.reach(x)))
        rests = self.config.encoder_rests and step >= self.config.quantize_from
        # Codes settle where frames stay, so the encoder may rest once they are placed.
        with torch.set_grad_enabled(torch.is_grad_enabled() and not rests):
            reached = halves.reach(x)
        if step < self.config.quantize_from:
            return halves.leave(reached)
        if step == self.config.quantize_from and step:
            self._place_codes(halves, step, x.device)
        self._rest(halves, step)
        return halves.leave(halves.bottleneck(reached))

    def _place_codes(self, halves: Halves, step: int, device: torch.device) -> None:
        """Put the codes where frames are, by k-means."""
        fit = getattr(halves.bottleneck, "fit", None)
        # A grid has no codes to place.
        if fit is None:
            return
        with torch.no_grad():
            # The batches of steps to come: a pure function of the step, as a resumed training needs it.
            steps = range(step, step + FITTING_BATCHES)
            batches = [self.batch(batch_number(one)) for one in steps]
            reached = [halves.reach(one.inputs[0].to(device)) for one in batches]
            fit(torch.cat(reached))

    def _rest(self, halves: Halves, step: int) -> None:
        """Let the codes rest once they are not to start again elsewhere."""
        until = self.config.restart_until
        if until is not None and step >= until:
            # A grid has no such field, and does not miss it; groups have it each.
            for module in halves.bottleneck.modules():
                vars(module)["dead_below"] = 0.0

    def _adversarial_parts(self, output: Tensor, x: Tensor) -> dict[str, Tensor]:
        assert self.adversary is not None  # asked for only where there is one
        weights = self.config.losses
        scores, features = scores_and_features(self.adversary(output))
        parts = {"adversary": weights.adversary * hinge_generator(scores)}
        if features and weights.feature_matching:
            with torch.no_grad():
                _, wanted = scores_and_features(self.adversary(x))
            distance = feature_matching(wanted, features, relative=True)
            parts["feature_matching"] = weights.feature_matching * distance
        return parts

    def _adversary_loss(self, batch: Batch) -> Tensor:
        assert self.adversary is not None  # it has a turn only where there is one
        assert self.decoded is not None  # the codec's turn comes first
        real, _ = scores_and_features(self.adversary(batch.inputs[0]))
        fake, _ = scores_and_features(self.adversary(self.decoded))
        return hinge_discriminator(real, fake)
