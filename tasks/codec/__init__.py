"""The task codec: sound to codes or latents and back, and the one interface of every codec."""

# The errors of this room can be raised once it is imported.
from . import codes as codes
from .config import CodecConfig
from .interface import Codec, codec_of
from .task import CodecTask

__all__ = ["Codec", "CodecConfig", "CodecTask", "codec_of"]
