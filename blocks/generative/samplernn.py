"""SampleRNN: recurrent tiers, each slower than the one below it, and the tier that predicts samples."""

from __future__ import annotations

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from ...registry import Block, BlockConfig, from_axis, register
from ..bounds import Layers, Samples, Taps, Width
from ..sequence.recurrent import OneList, one_frame

SAMPLERNN = "arXiv:1612.07837"


class SampleRNNTierConfig(BlockConfig):
    """Fields of a recurrent tier."""

    hidden_size: Width = Field(
        1024, description="size of the state, and channels of the output"
    )
    frame_size: Samples = Field(
        description="samples of a frame, which is one step of the tier"
    )
    ratio: Taps | None = Field(
        None,
        description="steps of the tier below in one of this; default: frame_size, the tier below takes samples",
    )
    num_layers: Layers = Field(1, description="GRU layers on top of one another")


class _Tier(nn.Module):
    """Frames in, the state of a GRU at each, `ratio` vectors out of each by linear maps of their own."""

    def __init__(self, config: SampleRNNTierConfig) -> None:
        super().__init__()
        c = config
        ratio = config.ratio or config.frame_size
        self.frame_size = c.frame_size
        # Frames side by side, each seen once: kernel and stride are alike.
        self.frames = nn.Conv1d(1, c.hidden_size, c.frame_size, stride=c.frame_size)
        self.rnn = _GRU(c.hidden_size, c.hidden_size, c.num_layers, batch_first=True)
        self.start = nn.Parameter(torch.zeros(c.num_layers, 1, c.hidden_size))
        # c_{(t-1) r + j} = W_j h_t: a matrix per position, which is a transposed convolution of stride r.
        self.up = nn.ConvTranspose1d(c.hidden_size, c.hidden_size, ratio, stride=ratio)

    def forward(self, x: Tensor, cond: Tensor | None = None) -> Tensor:
        # A step sees the frame before it, and the condition that the tier above made for it.
        y = self.frames(strictly_before(x, self.frame_size))
        # inp_t = W_x f_t + c_t, with the condition of the slower tier.
        if cond is not None:
            y = y + cond.narrow(2, 0, y.shape[2])

        # Every item begins in the same, learned state.
        start = self.start.expand(-1, x.shape[0], -1).contiguous()
        # (B, C, T) to (B, T, C) and back: recurrent layers take features last.
        y = self.rnn(y.mT, start).mT
        up: Tensor = self.up(y)
        return up

    def new_cache(self, batch_size: int) -> TierCache:
        """What `step` needs, before the first sample."""
        return TierCache(self, batch_size)

    def step(self, x: Tensor, cache: TierCache, cond: Tensor | None = None) -> Tensor:
        """The vectors of the frame that the next sample lies in, (B, 1, n) -> (B, hidden_size, ratio); n is 0 or 1.

        x     the sample before the next one; none, n = 0, before the first of all
        cond  the vectors of the frame of the tier above
        """
        cache.take(x)
        # Once for each frame: what is known of it does not change until it is over.
        if cache.came % self.frame_size:
            return cache.up
        y = self.frames(cache.frame)
        if cond is not None:
            number = cache.came // self.frame_size
            y = y + cond[:, :, number % cond.shape[2], None]
        state: Tensor
        y, state = nn.GRU.forward(self.rnn, y.mT, cache.state)
        cache.state = state
        cache.up = self.up(y.mT)
        return cache.up


class TierCache:
    """The last frame of samples, the state of the GRU, and the vectors that it last gave."""

    def __init__(self, tier: _Tier, batch_size: int) -> None:
        # Silence stands before the first frame.
        self.frame = tier.start.new_zeros(batch_size, 1, tier.frame_size)
        self.state = tier.start.detach().expand(-1, batch_size, -1).contiguous()
        self.up = self.frame
        self.came = 0

    def take(self, x: Tensor) -> None:
        """A sample into the frame; raises ValueError for more than one."""
        refuse_more_samples(x)
        if x.shape[2]:
            self.frame[:, :, self.came % self.frame.shape[2]] = x[:, :, 0]
            self.came += 1


def refuse_more_samples(x: Tensor) -> None:
    """Raises ValueError for more than one sample: what is given out for each hangs on those before."""
    if x.shape[2] > 1:
        raise ValueError(f"SampleRNN steps by one sample, but {x.shape[2]} came")


class _GRU(OneList, nn.GRU):
    """A GRU that gives the state of the last layer at every frame."""

    def forward(self, x: Tensor, start: Tensor) -> Tensor:  # type: ignore[override]
        y: Tensor = super().forward(one_frame(x), start)[0]
        if x.is_meta:
            return y.expand(-1, x.shape[1], -1)
        return y


def strictly_before(x: Tensor, frame_size: int) -> Tensor:
    """x later by a frame, silence first and at the end up to a whole frame: (B, C, N) -> (B, C, ceil(N / f) f)."""
    # -N mod f samples fill the last frame; the frame put in front makes every output depend on the past only.
    missing = -x.shape[2] % frame_size
    return functional.pad(x, (frame_size, missing - frame_size))


@register(
    "SampleRNNTier",
    shape="B 1 T -> B {hidden_size} T'",
    source=SAMPLERNN,
    examples=[
        ((2, 1, 21), {"hidden_size": 3, "frame_size": 4}),
        ((2, 1, 32), {"hidden_size": 3, "frame_size": 8, "ratio": 4, "num_layers": 2}),
    ],
)
class SampleRNNTier(Block):
    """The slowest tier of SampleRNN: a GRU over frames of samples, whose states condition the tier below.

    Shape:   (B, 1, N) -> (B, hidden_size, ceil(N / frame_size) · ratio), one vector for every step of the tier below.
             Strictly causal: what is given out for a frame sees only the frames before it.
    Source:  Mehri et al., "SampleRNN: An Unconditional End-to-End Neural Audio Generation Model", ICLR 2017, eq. 2 to
             6. The first state is learned; the weights are not normalised. Before the first frame stands silence, and
             the first frame is predicted from it; the authors' code predicts from the second frame on.
    """

    Config = SampleRNNTierConfig

    def __init__(self, config: SampleRNNTierConfig) -> None:
        super().__init__()
        self.tier = _Tier(config)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.tier(x)
        return y

    def new_cache(self, max_places: int, batch_size: int) -> TierCache:  # noqa: ARG002  # a frame has one size
        """What `step` needs, before the first sample."""
        return self.tier.new_cache(batch_size)

    def step(self, x: Tensor, cache: TierCache) -> Tensor:
        """The vectors of the frame that the next sample lies in, (B, 1, n) -> (B, hidden_size, ratio); n is 0 or 1."""
        return self.tier.step(x, cache)


@register(
    "ConditionedSampleRNNTier",
    shape="B 1 T, B {hidden_size} S -> B {hidden_size} T'",
    source=SAMPLERNN,
    examples=[([(2, 1, 21), (2, 3, 8)], {"hidden_size": 3, "frame_size": 4})],
)
class ConditionedSampleRNNTier(Block):
    """A tier of SampleRNN below another: to each frame is added what the tier above gives.

    Shape:   (B, 1, N), (B, hidden_size, S) -> (B, hidden_size, ceil(N / frame_size) · ratio); S is at least
             ceil(N / frame_size), what is left over is ignored. Strictly causal in the first.
    Source:  Mehri et al., "SampleRNN", ICLR 2017, eq. 2 to 6
    """

    Config = SampleRNNTierConfig

    def __init__(self, config: SampleRNNTierConfig) -> None:
        super().__init__()
        self.tier = _Tier(config)

    def forward(self, x: Tensor, cond: Tensor) -> Tensor:
        y: Tensor = self.tier(x, cond)
        return y

    def new_cache(self, max_places: int, batch_size: int) -> TierCache:  # noqa: ARG002  # a frame has one size
        """What `step` needs, before the first sample."""
        return self.tier.new_cache(batch_size)

    def step(self, x: Tensor, cache: TierCache, cond: Tensor) -> Tensor:
        """As SampleRNNTier's; cond is what the tier above gave in its own step."""
        return self.tier.step(x, cache, cond)


@register(
    "SampleRNNSampleTier",
    shape="B C T, B D S -> B {out_channels} T",
    source=SAMPLERNN,
    examples=[([(2, 2, 9), (2, 3, 12)], {"out_channels": 4, "frame_size": 4})],
)
class SampleRNNSampleTier(Block):
    """The fastest tier of SampleRNN: an MLP over the last few samples and the condition gives each sample's logits.

    Shape:   (B, C, N), (B, D, S) -> (B, out_channels, N); S ≥ N, what is left over is ignored. Output n sees the
             samples n - frame_size … n - 1 only: it predicts sample n itself, unlike WaveNet's, which predicts the
             next.
    Source:  Mehri et al., "SampleRNN", ICLR 2017, eq. 7 to 9. The input is the waveform as classes, which makes the
             first convolution the paper's embedding: LinearOneHot as there, or MuLawOneHot. Before the first sample
             stands no class at all; the authors' code begins with a frame of the class of silence, which it does not
             predict. For its numbers, put that frame before the waveform and leave out the first outputs.
    """

    class Config(BlockConfig):
        in_channels: int = from_axis("C")
        hidden_size: int = from_axis(
            "D", "channels of the condition, and width of the MLP"
        )
        embedding_dim: Width = Field(256, description="size of a sample's embedding")
        frame_size: Samples = Field(description="samples that an output sees")
        out_channels: Width = Field(256, description="classes of a sample")

    def __init__(self, config: Config) -> None:
        super().__init__()
        c = config
        self.reach = c.frame_size
        self.embed = nn.Conv1d(c.in_channels, c.embedding_dim, 1, bias=False)
        self.conv = nn.Conv1d(c.embedding_dim, c.hidden_size, c.frame_size, bias=False)
        self.hidden = nn.Conv1d(c.hidden_size, c.hidden_size, 1)
        self.out = nn.Conv1d(c.hidden_size, c.out_channels, 1)

    def forward(self, x: Tensor, cond: Tensor) -> Tensor:
        # Without the last sample and with no class before the first, output n sees only what comes before sample n.
        before = functional.pad(x, (self.reach, -1))
        y = self.conv(self.embed(before))
        y = functional.relu(y + cond.narrow(2, 0, x.shape[2]))
        logits: Tensor = self.out(functional.relu(self.hidden(y)))
        return logits

    def new_cache(self, max_places: int, batch_size: int) -> SampleCache:  # noqa: ARG002  # a ring has one size
        """What `step` needs, before the first sample; the weights must not change after."""
        return SampleCache(self, batch_size)

    def step(self, x: Tensor, cache: SampleCache, cond: Tensor) -> Tensor:
        """The logits of the next sample, (B, C, n) -> (B, out_channels, 1); n is 0 or 1.

        x     the class of the sample before it; none, n = 0, before the first of all
        cond  what the tier above gave in its own step: a vector for each sample of its frame
        """
        refuse_more_samples(x)
        if x.shape[2]:
            cache.before = torch.cat((cache.before[..., 1:], self.embed(x)), dim=2)
            cache.came += 1
        place = cache.came % cond.shape[2]
        y = self.conv(cache.before) + cond[:, :, place, None]
        logits: Tensor = self.out(functional.relu(self.hidden(functional.relu(y))))
        return logits


class SampleCache:
    """The embeddings of the last samples, zeros before the first."""

    def __init__(self, tier: SampleRNNSampleTier, batch_size: int) -> None:
        weight = tier.embed.weight
        self.before = weight.new_zeros(batch_size, len(weight), tier.reach)
        self.came = 0
