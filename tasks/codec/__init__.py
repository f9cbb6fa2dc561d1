"""The task codec: sound to codes or latents and back, and the one interface of every codec."""

# The errors of this room can be raised once it is imported.
from . import codes as codes
from .interface import Codec, codec_of

__all__ = ["Codec", "codec_of"]
