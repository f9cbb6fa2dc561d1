"""The published codecs that settings may name: `codec: {type: NAME, ...}`."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from .music2latent import Music2LatentConfig
from .published import EncodecConfig

# With the name of the type, mistakes are those of the codec that was meant.
KnownCodec = Annotated[EncodecConfig | Music2LatentConfig, Field(discriminator="type")]
