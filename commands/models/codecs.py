"""The commands encode and decode."""

from __future__ import annotations

from argparse import Namespace

from ...runs.folder import RunFolder
from ...tasks.codec.interface import Codec, codec_of
from ...tasks.codec.stored import Codes
from ...training.devices import as_device
from ...workflows.encoding import decode as decode_codes
from ...workflows.encoding import encode as encode_recording
from ...workflows.encoding import refuse_taken_or_unwritable, write
from ...workflows.loading import load_run
from ...workflows.parts import trained
from ...workflows.predict import blocks_of_file


def encode(arguments: Namespace) -> int:
    """Write the codes of a recording to a file."""
    refuse_taken_or_unwritable(arguments.out, replace=arguments.replace)
    codec = _codec(arguments)
    read = blocks_of_file(arguments.audio)
    codes = encode_recording(codec, read, arguments.codebooks)
    print(write(arguments.out, codes.to_bytes(), replace=arguments.replace))
    return 0


def decode(arguments: Namespace) -> int:
    """Write the sound of a file of codes."""
    refuse_taken_or_unwritable(arguments.out, replace=arguments.replace)
    codec = _codec(arguments)
    codes = Codes.read(arguments.codes)
    sound = decode_codes(codec, codes)
    content = sound.files()[".wav"]
    print(write(arguments.out, content, replace=arguments.replace))
    return 0


def _codec(arguments: Namespace) -> Codec:
    part = trained(RunFolder.open(arguments.folder), load_run)
    return codec_of(part).to(as_device(arguments.device))
