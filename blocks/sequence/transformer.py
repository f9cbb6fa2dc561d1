"""Transformers over (B, T, D), through x-transformers; causal ones can decode frame by frame with a static cache."""

from __future__ import annotations

from torch import Tensor

from ...registry import Block, register
from .kv_cache import KVCache, decode, empty_cache
from .positions import TRANSFORMER
from .transformer_parts import (
    CrossTransformerConfig,
    EncoderDecoderConfig,
    Stack,
    TransformerConfig,
)


@register(
    "TransformerEncoder",
    shape="B T D -> B T D",
    source=TRANSFORMER,
    examples=[
        ((2, 5, 8), {"num_heads": 2, "dim_head": 4, "num_layers": 2}),
        (
            (2, 5, 6),
            {
                "num_heads": 3,
                "dim_head": 4,
                "num_layers": 1,
                "positions": "rotary",
                "gated": True,
                "norm": "rms",
            },
        ),
        (
            (2, 5, 7),
            {
                "num_heads": 1,
                "dim_head": 4,
                "num_layers": 1,
                "positions": "t5",
                "dim_feedforward": 5,
            },
        ),
        (
            (2, 5, 6),
            {
                "num_heads": 2,
                "dim_head": 6,
                "num_layers": 1,
                "positions": "rotary",
                "rotary_dim": 4,
                "bias": True,
                "eps": 1e-6,
            },
        ),
        (
            (2, 5, 6),
            {
                "num_heads": 3,
                "dim_head": 2,
                "num_layers": 1,
                "positions": "learned",
                "max_frames": 9,
            },
        ),
    ],
)
class TransformerEncoder(Block):
    """Transformer whose every frame attends to all frames.

    Shape:   (B, T, D) -> (B, T, D)
    Source:  Vaswani et al., "Attention Is All You Need", NeurIPS 2017, section 3.1, by x-transformers: the norm comes
             before each branch and once at the end (arXiv:2002.04745), GELU, no biases in attention and norms unless
             `bias` is true. Positions: see SinusoidalPositions, LearnedPositions; rotary: Su et al., "RoFormer", 2021,
             of all features of a head, or of the first `rotary_dim` (x-transformers itself turns half of them, 32 at
             the least); alibi: Press et al., ICLR 2022; t5: Raffel et al., JMLR 2020, section 2.1.
    """

    Config = TransformerConfig
    sees_all_frames = True

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.stack = Stack(config, causal=False)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.stack(x)
        return y


@register(
    "TransformerDecoder",
    shape="B T D -> B T D",
    source=TRANSFORMER,
    examples=[
        (
            (2, 5, 8),
            {"num_heads": 2, "dim_head": 4, "num_layers": 2, "positions": "alibi"},
        ),
        (
            (2, 5, 8),
            {
                "num_heads": 2,
                "dim_head": 4,
                "num_layers": 1,
                "positions": "sinusoidal",
                "dropout": 0.1,
            },
        ),
    ],
)
class TransformerDecoder(Block):
    """Causal transformer: every frame attends to itself and to those before it (GPT's "decoder only").

    Shape:   (B, T, D) -> (B, T, D)
    Source:  as TransformerEncoder; the mask is section 3.2.3 there. To decode frame by frame: `new_cache`, then `step`.
    """

    Config = TransformerConfig
    sees_all_frames = True

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.stack = Stack(config, causal=True)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.stack(x)
        return y

    def new_cache(self, max_frames: int, batch_size: int = 1) -> KVCache:
        """Room for the keys and values of `max_frames` frames, in the type and on the device of the weights."""
        return empty_cache(self.stack, max_frames, batch_size)

    def step(self, x: Tensor, cache: KVCache) -> Tensor:
        """The next frames, (B, n, D) -> (B, n, D), as forward would give them after those in `cache`; no gradient.

        The cache takes the frames in; one that is full raises ValueError.
        """
        return decode(self.stack, x, cache)


@register(
    "TransformerCrossDecoder",
    shape="B T D, B S E -> B T D",
    source=TRANSFORMER,
    examples=[
        (
            [(2, 5, 8), (2, 4, 6)],
            {"num_heads": 2, "dim_head": 4, "num_layers": 2, "positions": "rotary"},
        )
    ],
)
class TransformerCrossDecoder(Block):
    """Causal transformer whose frames also attend to all frames of another sequence, such as an encoder's.

    Shape:   (B, T, D), (B, S, E) -> (B, T, D); in a graph the other sequence comes by `with: [name]`
    Source:  as TransformerEncoder; cross-attention is section 3.2.3 there, without positions. To decode frame by frame:
             `new_cache`, then `step`.
    """

    Config = CrossTransformerConfig
    sees_all_frames = True

    def __init__(self, config: CrossTransformerConfig) -> None:
        super().__init__()
        self.stack = Stack(config, causal=True, context_dim=config.context_dim)

    def forward(self, x: Tensor, context: Tensor) -> Tensor:
        y: Tensor = self.stack(x, context)
        return y

    def new_cache(self, max_frames: int, context: Tensor) -> KVCache:
        """Room for the keys and values of `max_frames` frames, and those of the context (B, S, E)."""
        return empty_cache(self.stack, max_frames, context.shape[0], context)

    def step(self, x: Tensor, cache: KVCache) -> Tensor:
        """The next frames, (B, n, D) -> (B, n, D), as forward would give them after those in `cache`; no gradient."""
        return decode(self.stack, x, cache)


@register(
    "TransformerEncoderDecoder",
    shape="B T D, B S E -> B T D",
    source=TRANSFORMER,
    examples=[
        (
            [(2, 5, 8), (2, 4, 6)],
            {
                "num_heads": 2,
                "dim_head": 4,
                "num_encoder_layers": 1,
                "num_decoder_layers": 1,
                "positions": "t5",
            },
        )
    ],
)
class TransformerEncoderDecoder(Block):
    """A TransformerEncoder over one sequence, and a TransformerCrossDecoder over another that looks at it.

    Shape:   (B, T, D), (B, S, E) -> (B, T, D); the second goes through the encoder, in a graph by `with: [name]`
    Source:  Vaswani et al., "Attention Is All You Need", NeurIPS 2017, figure 1; see TransformerEncoder. Both have the
             same heads and positions. To decode: `encoder` once, then the `decoder`'s `new_cache` and `step`.
    """

    Config = EncoderDecoderConfig
    sees_all_frames = True

    def __init__(self, config: EncoderDecoderConfig) -> None:
        super().__init__()
        c = config
        # All but the sizes: encoder and decoder have the same heads, positions and norms.
        same = c.model_dump(
            exclude={
                "d_model",
                "context_dim",
                "num_encoder_layers",
                "num_decoder_layers",
            }
        )
        encoder = TransformerConfig(
            d_model=c.context_dim, num_layers=c.num_encoder_layers, **same
        )
        decoder = CrossTransformerConfig(
            d_model=c.d_model,
            context_dim=c.context_dim,
            num_layers=c.num_decoder_layers,
            **same,
        )
        self.encoder = TransformerEncoder(encoder)
        self.decoder = TransformerCrossDecoder(decoder)

    def forward(self, x: Tensor, source: Tensor) -> Tensor:
        y: Tensor = self.decoder(x, self.encoder(source))
        return y
