"""What the transformers are made of: their fields, and x-transformers' layers with the positions of `positions`.

The library is imported when the first of them is built: it takes seconds. Its own positions are not used: they keep
tensors of the last call, and do not run on the meta device.
"""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Mapping
from contextlib import nullcontext
from fractions import Fraction
from typing import Any, ClassVar, Literal

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.nn import functional

from ...registry import BlockConfig, from_axis
from ..bounds import Entries, Eps, Layers, Width
from .positions import (
    Alibi,
    LearnedPositions,
    LearnedPositionsConfig,
    SinusoidalPositions,
    SinusoidalPositionsConfig,
    T5Bias,
    rotary_angles,
)

LAYER_NORM_EPS = 1e-5  # torch's, which the library takes
Kind = Literal["none", "sinusoidal", "learned", "rotary", "alibi", "t5"]


class _Config(BlockConfig):
    renamed: ClassVar[Mapping[str, str]] = {"nhead": "num_heads"}
    num_heads: Width = Field(description="heads of attention")
    dim_head: Width | None = Field(
        None, description="features of a head; default: d_model / num_heads"
    )
    dim_feedforward: Width | None = Field(
        None, description="width of the feed-forward layer; default: 4 d_model"
    )
    dropout: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="dropout of attention weights and in the feed-forward layer",
    )
    gated: bool = Field(
        False,
        description="whether the feed-forward layer is gated (GEGLU, arXiv:2002.05202)",
    )
    norm: Literal["layer", "rms"] = Field(
        "layer", description="norm before each branch: LayerNorm or RMSNorm"
    )
    eps: Eps | None = Field(
        None,
        description="added to the variance in the norms, or to the mean square; default: 1e-5, or nothing in RMSNorm",
    )
    bias: bool = Field(
        False,
        description="whether the four matrices of attention and the LayerNorms have biases, as torch's and ViT's do",
    )
    positions: Kind = Field(
        "none",
        description="sinusoidal and learned positions are added to the input, rotary ones turn queries and keys, alibi "
        "and t5 are added to the scores by distance",
    )
    rotary_dim: Width | None = Field(
        None,
        description="rotary positions: features of a head that are turned, an even number; default: all",
    )
    max_frames: Entries | None = Field(
        None, description="learned positions: the longest sequence, in frames"
    )
    num_buckets: int = Field(
        32,
        ge=4,
        le=65_536,
        multiple_of=4,
        description="t5 positions: buckets of distances",
    )
    max_distance: Entries = Field(
        128,
        description="t5 positions: distance in frames that the last bucket begins at",
    )

    @model_validator(mode="after")
    def _whole(self) -> _Config:
        if self.positions == "learned" and self.max_frames is None:
            raise ValueError(
                "learned positions need 'max_frames', the longest sequence in frames"
            )
        if self.positions == "t5" and self.max_distance <= self.num_buckets // 2:
            least = self.num_buckets // 2 + 1
            raise ValueError(
                f"'max_distance' must be at least {least} with {self.num_buckets} buckets, "
                f"got {self.max_distance}"
            )
        if self.positions == "rotary" and (self.dim_head or 2) % 2:
            raise ValueError(
                f"rotary positions turn pairs of features, but 'dim_head' is {self.dim_head}"
            )
        _refuse_rotary_dim(self)
        return self


def _refuse_rotary_dim(config: _Config) -> None:
    """Raises ValueError where the features that are turned are no part of a head."""
    turned = config.rotary_dim
    if turned is None:
        return
    if config.positions != "rotary":
        raise ValueError(
            "'rotary_dim' is for rotary positions: write `positions: rotary`"
        )
    if turned % 2:
        raise ValueError(
            f"rotary positions turn pairs of features, but 'rotary_dim' is {turned}"
        )
    if config.dim_head is not None and turned > config.dim_head:
        raise ValueError(
            f"'rotary_dim' is {turned}, but a head has {config.dim_head} features"
        )


class TransformerConfig(_Config):
    """Fields of an encoder or a decoder; torch's names."""

    d_model: int = from_axis("D")
    num_layers: Layers = Field(description="layers on top of one another")


class CrossTransformerConfig(TransformerConfig):
    """Fields of a decoder that also looks at another sequence."""

    context_dim: int = from_axis("E", "features of the other sequence")


class EncoderDecoderConfig(_Config):
    """Fields of an encoder and the decoder that looks at it."""

    d_model: int = from_axis("D")
    context_dim: int = from_axis(
        "E", "features of the encoder's sequence, and its width"
    )
    num_encoder_layers: Layers = Field(6, description="layers of the encoder")
    num_decoder_layers: Layers = Field(6, description="layers of the decoder")


class Stack(nn.Module):
    """x-transformers' layers with positions; `context_dim`: features of the sequence that is looked at, if any."""

    def __init__(
        self, config: TransformerConfig, *, causal: bool, context_dim: int | None = None
    ) -> None:
        super().__init__()
        c = config
        self.dim = c.d_model
        self.heads = c.num_heads
        self.dim_head = head_width(c)
        self.rotary = c.positions == "rotary"
        self.rotary_dim = c.rotary_dim or self.dim_head
        self.absolute = _absolute(c)
        self.bias = _bias(c, causal)
        self.layers = _layers(c, causal, context_dim)

    @property
    def shards(self) -> list[nn.Module]:
        """The branches, whose weights only they read: what a training in shares gathers one after another."""
        layers: Any = self.layers.layers  # x-transformers': norms, branch, residual
        return [branch for _, branch, _ in layers]

    def forward(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        if context is None:
            given: dict[str, Any] = {}
        else:
            given = {"context": context}
        # Absolute positions are added once, before the layers; relative ones go into every attention.
        if self.absolute is not None:
            x = self.absolute(x)
        if self.bias is not None:
            given["attn_bias"] = self.bias(x.shape[1]).to(x.dtype)
        # The library cannot turn what is on the meta device, and no size depends on it.
        if self.rotary and not x.is_meta:
            angles = rotary_angles(x.shape[1], self.rotary_dim, x)[None]
            given["rotary_pos_emb"] = (angles, 1.0)
        y: Tensor = self.layers(x, **given)
        return y


def head_width(config: TransformerConfig) -> int:
    """Features of a head; raises ValueError where d_model cannot be shared out."""
    if config.dim_head is None and config.d_model % config.num_heads:
        raise ValueError(
            f"d_model {config.d_model} is not a multiple of num_heads {config.num_heads}: give 'dim_head'"
        )
    # With a `dim_head` of its own a head need not be a share of d_model.
    width = config.dim_head or config.d_model // config.num_heads
    if config.positions == "rotary" and width % 2:
        raise ValueError(
            f"rotary positions turn pairs of features, but a head has {width}: give an even 'dim_head'"
        )
    if config.rotary_dim is not None and config.rotary_dim > width:
        raise ValueError(
            f"'rotary_dim' is {config.rotary_dim}, but a head has {width} features"
        )
    return width


def _absolute(config: TransformerConfig) -> nn.Module | None:
    if config.positions == "sinusoidal":
        return SinusoidalPositions(
            SinusoidalPositionsConfig(embedding_dim=config.d_model)
        )
    if config.positions == "learned" and config.max_frames:
        return LearnedPositions(
            LearnedPositionsConfig(
                embedding_dim=config.d_model, max_frames=config.max_frames
            )
        )
    return None


def _bias(config: TransformerConfig, causal: bool) -> nn.Module | None:
    if config.positions == "alibi":
        return Alibi(config.num_heads)
    if config.positions == "t5":
        return T5Bias(config.num_heads, config.num_buckets, config.max_distance, causal)
    return None


def _layers(
    config: TransformerConfig, causal: bool, context_dim: int | None
) -> nn.Module:
    c = config
    library = x_transformers()
    # In the library's words; flash attention is exact, and never holds the T x T scores.
    given: dict[str, Any] = {
        "dim": c.d_model,
        "depth": c.num_layers,
        "heads": c.num_heads,
        "attn_dim_head": head_width(c),
        "attn_dropout": c.dropout,
        "attn_flash": True,
        # A fraction, since the library multiplies: a float might miss the width by one.
        "ff_mult": Fraction(c.dim_feedforward or 4 * c.d_model, c.d_model),
        "ff_dropout": c.dropout,
        "ff_glu": c.gated,
        "use_rmsnorm": c.norm == "rms",
    }
    # The library would leave out the last matrix of a single head.
    if c.num_heads == 1:
        given["attn_project_out"] = True
    if context_dim is not None:
        given.update(cross_attend=True, cross_attn_dim_context=context_dim)
    kind = library.Decoder if causal else library.Encoder
    layers: nn.Module = kind(**given)
    # Theirs allows all kernels, as is the default anyway, and cannot be pickled.
    for module in layers.modules():
        if hasattr(module, "sdp_context_manager"):
            module.sdp_context_manager = nullcontext  # type: ignore[assignment]
    _give_biases(layers, c)
    return layers


def _give_biases(layers: Any, config: TransformerConfig) -> None:
    """Put in what the library cannot be asked for: biases of attention, and norms with a bias or an eps."""
    has_own_norms = config.eps is not None or (config.bias and config.norm == "layer")
    for norms, branch, _ in layers.layers:
        if has_own_norms:
            norms[0] = _Norm(config)
        # The feed-forward layers have biases already.
        for name in ("to_q", "to_k", "to_v", "to_out"):
            plain = getattr(branch, name, None)
            if config.bias and isinstance(plain, nn.Linear):
                biased = nn.Linear(plain.in_features, plain.out_features)
                setattr(branch, name, biased)
    if has_own_norms:
        layers.final_norm = _Norm(config)


class _Norm(nn.Module):
    """LayerNorm or RMSNorm, its gain kept less 1 under the library's name, with a bias if the config has one."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.dim = config.d_model
        self.gain = "gamma" if config.norm == "layer" else "g"
        self.register_parameter(self.gain, nn.Parameter(torch.zeros(self.dim)))
        self.eps = config.eps or LAYER_NORM_EPS
        self.beta: nn.Parameter | None = None
        if config.bias and config.norm == "layer":
            self.beta = nn.Parameter(torch.zeros(self.dim))

    def forward(self, x: Tensor) -> Tensor:
        gain = 1 + getattr(self, self.gain)
        if self.gain == "g":
            return functional.rms_norm(x, (self.dim,), gain, self.eps)
        return functional.layer_norm(x, (self.dim,), gain, self.beta, self.eps)


def x_transformers() -> Any:
    """The library; it warns of its own use of torch.jit, and must not be read in on the meta device."""
    with warnings.catch_warnings(), torch.device("cpu"):
        warnings.simplefilter("ignore")
        return importlib.import_module("x_transformers")
